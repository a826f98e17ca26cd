//! Rule SQL: parse, match, evaluate.
//!
//! A [`Rule`] is parsed once and shared; a [`RuleSet`] says which rules a [`Message`] is for; a rule that matches gives a
//! [`RuleMatch`], whose payload goes to the rule's actions; and a [`Template`] fills in the parameters of those. Clock, random
//! numbers and everything about who sent the message come through a [`Context`].
//!
//! [`TopicRuleDocument::parse`] reads a whole rule with its actions: a [`CompiledRule`] gives an [`ActionRequest`] for each, in
//! which nothing is left to be filled in and which can be stored; whoever carries it out needs neither the rule nor the message.
//!
//! The language is AWS IoT SQL 2016-03-23. No text is ever spliced into SQL: a statement and a template are parsed before
//! there is a message, and values of messages are only ever values. Everything that a message or a statement could make
//! large has a limit.

mod action;
mod basic_ingest;
mod context;
mod document;
mod error_report;
mod evaluation;
mod functions;
mod json;
mod limits;
mod message;
mod number;
mod parser;
mod problem;
mod rule;
mod rule_set;
mod syntax;
mod template;
mod token;
mod value;

pub use action::{
    ActionKind, ActionProblem, ActionRequest, AttributeValue, DynamoDbKey, DynamoDbOperation,
    InvalidActionRequest, InvalidRepublishQos, Payload, RepublishProperties, RepublishQos, RuleAction,
};
pub use basic_ingest::BasicIngest;
pub use context::{Context, MqttProperties, PayloadFormat};
pub use document::{CompiledRule, InvalidTopicRule, TopicRuleDocument};
pub use error_report::{ActionFailure, ErrorRequest};
pub use evaluation::EvaluationError;
pub use functions::{Function, FunctionGroup, function_table, functions};
pub use json::NotJson;
pub use limits::{
    ACTIONS_MAX, DOCUMENT_BYTES_MAX, EVALUATION_WORK_MAX, EXEC_ARGUMENT_BYTES_MAX, EXEC_ARGUMENTS_MAX,
    HTTP_HEADER_NAME_BYTES_MAX, HTTP_HEADER_VALUE_BYTES_MAX, HTTP_HEADERS_MAX, ITEM_ATTRIBUTE_NAME_BYTES_MAX,
    ITEM_NESTING_MAX, ITEM_NUMBER_DIGITS_MAX, JSON_NESTING_MAX, METRIC_NAME_CHARACTERS_MAX,
    NUMBER_DIGITS_MAX, NUMBER_EXPONENT_MAX, NUMERAL_BYTES_MAX, OUTPUT_BYTES_MAX, PADDING_MAX,
    PAYLOAD_BYTES_MAX, REGEX_BYTES_MAX, REGEX_PROGRAM_BYTES_MAX, REPUBLISH_PROPERTY_BYTES_MAX, SQL_BYTES_MAX,
    SQL_NESTING_MAX, TIME_PATTERN_BYTES_MAX, TRANSFORM_BYTES_MAX, URL_BYTES_MAX, USER_PROPERTIES_MAX,
    VALUE_NESTING_MAX, VARIABLE_NAME_CHARACTERS_MAX, VARIABLES_MAX,
};
pub use message::{Message, OpaquePayload, PayloadTooLong};
pub use problem::{Position, SqlParseError, SqlProblem};
pub use rule::{PayloadKind, Rule, RuleMatch, SqlVersion, SqlWarning, UnknownSqlVersion, Variables};
pub use rule_set::RuleSet;
pub use template::Template;
