//! Rule SQL: parse, match, evaluate.
//!
//! A [`Rule`] is parsed once and shared; a [`RuleSet`] says which rules a [`Message`] is for; a rule that matches gives a
//! [`RuleMatch`], whose payload goes to the rule's actions; and a [`Template`] fills in the parameters of those. Clock, random
//! numbers and everything about who sent the message come through a [`Context`].
//!
//! The language is AWS IoT SQL 2016-03-23. No text is ever spliced into SQL: a statement and a template are parsed before
//! there is a message, and values of messages are only ever values. Everything that a message or a statement could make
//! large has a limit.

mod basic_ingest;
mod context;
mod evaluation;
mod functions;
mod json;
mod limits;
mod message;
mod number;
mod parser;
mod problem;
mod rule;
mod rule_name;
mod rule_set;
mod syntax;
mod template;
mod token;
mod value;

pub use basic_ingest::BasicIngest;
pub use context::{Context, MqttProperties, PayloadFormat};
pub use evaluation::EvaluationError;
pub use functions::{Function, FunctionGroup, function_table, functions};
pub use json::NotJson;
pub use limits::{
    EVALUATION_WORK_MAX, JSON_NESTING_MAX, NUMBER_DIGITS_MAX, NUMBER_EXPONENT_MAX, NUMERAL_BYTES_MAX,
    OUTPUT_BYTES_MAX, PADDING_MAX, PAYLOAD_BYTES_MAX, REGEX_BYTES_MAX, REGEX_PROGRAM_BYTES_MAX,
    SQL_BYTES_MAX, SQL_NESTING_MAX, TIME_PATTERN_BYTES_MAX, TRANSFORM_BYTES_MAX, VALUE_NESTING_MAX,
    VARIABLE_NAME_CHARACTERS_MAX, VARIABLES_MAX,
};
pub use message::{Message, OpaquePayload, PayloadTooLong};
pub use problem::{Position, SqlParseError, SqlProblem};
pub use rule::{PayloadKind, Rule, RuleMatch, SqlVersion, SqlWarning, UnknownSqlVersion, Variables};
pub use rule_name::{RULE_NAME_CHARACTERS_MAX, RuleName};
pub use rule_set::RuleSet;
pub use template::Template;
