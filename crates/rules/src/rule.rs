//! A rule's statement, compiled: it matches a message and gives a payload, or not.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use landfall_model::TopicFilter;
use thiserror::Error;

use crate::context::Context;
use crate::evaluation::{Evaluated, EvaluationError, Evaluator, Scope, Work};
use crate::json;
use crate::limits::OUTPUT_BYTES_MAX;
use crate::message::Message;
use crate::parser::{self, Warning};
use crate::problem::{Position, SqlParseError};
use crate::syntax::{Selection, Statement};
use crate::value::Value;

/// A version of AWS IoT SQL.
///
/// There is one engine, that of 2016-03-23: the others are names that rules can have, and `sql_version()` tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SqlVersion {
    /// 2015-10-08, which AWS takes where a rule names none.
    V20151008,
    /// 2016-03-23.
    #[default]
    V20160323,
    /// The newest one.
    Beta,
}

/// A text that is no version of the SQL.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{found:?} is no version of AWS IoT SQL; it must be 2016-03-23, 2015-10-08 or beta")]
pub struct UnknownSqlVersion {
    /// What was found.
    pub found: String,
}

impl SqlVersion {
    /// The version as rules name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V20151008 => "2015-10-08",
            Self::V20160323 => "2016-03-23",
            Self::Beta => "beta",
        }
    }
}

impl fmt::Display for SqlVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SqlVersion {
    type Err = UnknownSqlVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = [Self::V20151008, Self::V20160323, Self::Beta];
        let found = known.into_iter().find(|version| version.as_str() == text);
        found.ok_or_else(|| UnknownSqlVersion { found: text.chars().take(SHOWN_CHARACTERS_MAX).collect() })
    }
}

/// How much of a wrong version is repeated.
const SHOWN_CHARACTERS_MAX: usize = 40;

/// A rule's statement, parsed once and shared.
#[derive(Debug)]
pub struct Rule {
    version: SqlVersion,
    statement: Statement,
    warnings: Vec<SqlWarning>,
}

/// Something in a statement that is legal and probably wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlWarning {
    /// Where.
    pub position: Position,
    /// What is probably wrong.
    pub text: String,
}

impl fmt::Display for SqlWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.position, self.text)
    }
}

/// What a rule gives for a message that it matches.
#[derive(Clone, Debug)]
pub struct RuleMatch<'m> {
    /// The payload for the rule's actions.
    pub payload: Cow<'m, [u8]>,
    /// What the payload is.
    pub kind: PayloadKind,
    /// What templates of the rule's actions need.
    pub variables: Variables,
}

/// What a payload for actions is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadKind {
    /// JSON.
    Json,
    /// Bytes that are no JSON object or array, as they came; or nothing at all.
    Bytes,
}

/// The values of a statement's SET, for one message.
#[derive(Clone, Debug, Default)]
pub struct Variables(pub(crate) Vec<Value<'static>>);

impl Rule {
    /// Parses a statement.
    ///
    /// # Errors
    /// The statement is not AWS IoT SQL, or uses what is not built: with the position of the fault.
    pub fn parse(sql: &str, version: SqlVersion) -> Result<Self, SqlParseError> {
        let (statement, warnings) = parser::parse_statement(sql)?;
        let warnings = warnings.iter().map(|warning| SqlWarning::of(warning, sql)).collect();
        Ok(Self { version, statement, warnings })
    }

    /// What is legal in the statement and probably wrong.
    pub fn warnings(&self) -> &[SqlWarning] {
        &self.warnings
    }

    /// The version of the SQL.
    pub fn version(&self) -> SqlVersion {
        self.version
    }

    /// The topics that the rule is for. A rule without is only invoked by Basic Ingest.
    pub fn filter(&self) -> Option<&TopicFilter> {
        self.statement.filter.as_ref()
    }

    /// The names of the variables of SET, in their order, without `@`.
    pub(crate) fn variable_names(&self) -> Vec<Box<str>> {
        self.statement.variables.iter().map(|variable| variable.name.clone()).collect()
    }

    /// Evaluates the statement for a message whose topic matched, or that named the rule. Nothing unless WHERE is true.
    ///
    /// # Errors
    /// The evaluation takes more than it may, or there is nothing that `*` could add to.
    pub fn evaluate<'m>(
        &self,
        message: &'m Message<'_>,
        context: &dyn Context,
    ) -> Result<Option<RuleMatch<'m>>, EvaluationError> {
        let Statement { variables: _, selection, filter: _, condition } = &self.statement;
        if let (Selection::Everything, None, true) =
            (selection, condition, self.statement.variables.is_empty())
        {
            return Ok(Some(RuleMatch::unchanged(message, Variables::default())));
        }
        let work = Work::default();
        let variables = self.variables(message, context, &work)?;
        let evaluator = evaluator(message, context, &work, &variables, self.version);
        let scope = Scope::of_payload(message.value());
        if let Some(condition) = condition
            && !evaluator.holds(condition, &scope)?
        {
            return Ok(None);
        }
        if matches!(selection, Selection::Everything) {
            return Ok(Some(RuleMatch::unchanged(message, variables)));
        }
        let (payload, kind) = output(&evaluator.select(selection, &scope)?)?;
        Ok(Some(RuleMatch { payload: Cow::Owned(payload), kind, variables }))
    }

    /// The values of SET for a message.
    pub(crate) fn variables_of(
        &self,
        message: &Message<'_>,
        context: &dyn Context,
    ) -> Result<Variables, EvaluationError> {
        self.variables(message, context, &Work::default())
    }

    fn variables(
        &self,
        message: &Message<'_>,
        context: &dyn Context,
        work: &Work,
    ) -> Result<Variables, EvaluationError> {
        let mut variables = Variables::default();
        for variable in &self.statement.variables {
            let evaluator = evaluator(message, context, work, &variables, self.version);
            let value = evaluator.evaluate(&variable.value, &Scope::of_payload(message.value()))?;
            work.charge_value(&value)?;
            let value = evaluator.own(value)?.into_owned();
            variables.0.push(value);
        }
        Ok(variables)
    }
}

impl SqlWarning {
    fn of(warning: &Warning, sql: &str) -> Self {
        let Warning { byte, function, arguments } = warning;
        let (name, parameters) = (function.name(), function.parameters());
        let text = format!(
            "{name}({parameters}) is called with {arguments} arguments; with a wrong number it is always Undefined"
        );
        Self { position: Position::of(sql, *byte), text }
    }
}

impl<'m> RuleMatch<'m> {
    /// The payload as it came, number for number and space for space.
    fn unchanged(message: &'m Message<'_>, variables: Variables) -> Self {
        let payload = Cow::Borrowed(message.payload());
        let kind = if message.opaque_payload().is_none() { PayloadKind::Json } else { PayloadKind::Bytes };
        Self { payload, kind, variables }
    }
}

pub(crate) fn evaluator<'v>(
    message: &'v Message<'_>,
    context: &'v dyn Context,
    work: &'v Work,
    variables: &'v Variables,
    version: SqlVersion,
) -> Evaluator<'v> {
    let (topic, payload) = (message.topic(), message.payload());
    Evaluator { topic, payload, variables: &variables.0, context, work, version }
}

/// Writes a result. Undefined is nothing at all.
fn output(value: &Evaluated<'_>) -> Result<(Vec<u8>, PayloadKind), EvaluationError> {
    if let Value::Bytes(bytes) = &**value {
        return Ok((bytes.to_vec(), PayloadKind::Bytes));
    }
    let kind = if value.is_undefined() { PayloadKind::Bytes } else { PayloadKind::Json };
    let mut text = String::new();
    json::write(value, &mut text, OUTPUT_BYTES_MAX);
    if text.len() > OUTPUT_BYTES_MAX {
        return Err(EvaluationError::OutputTooLong);
    }
    Ok((text.into_bytes(), kind))
}
