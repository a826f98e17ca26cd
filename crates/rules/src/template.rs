//! Substitution templates: text with `${expression}` in it, for the parameters of actions (iot-substitution-templates).

use crate::context::Context;
use crate::evaluation::{EvaluationError, Scope, Work};
use crate::limits::OUTPUT_BYTES_MAX;
use crate::message::Message;
use crate::parser::parse_template_expression;
use crate::problem::SqlParseError;
use crate::rule::{Rule, SqlVersion, Variables, evaluator};
use crate::syntax::Expression;

/// A text with expressions in it, parsed once.
///
/// What an expression gives is put into the text and never looked at again: it can be no part of an expression.
#[derive(Debug)]
pub struct Template {
    parts: Vec<Part>,
    version: SqlVersion,
}

#[derive(Debug)]
enum Part {
    Text(Box<str>),
    Expression(Expression),
}

impl Template {
    /// Parses a template without variables.
    ///
    /// # Errors
    /// An expression is not AWS IoT SQL, or is not closed: with the position of the fault.
    pub fn parse(text: &str) -> Result<Self, SqlParseError> {
        Self::parse_with(text, SqlVersion::default(), &[])
    }

    /// Parses a template of an action of a rule. It can use the variables of the rule's SET.
    ///
    /// # Errors
    /// As those of [`Template::parse`].
    pub fn parse_for(text: &str, rule: &Rule) -> Result<Self, SqlParseError> {
        Self::parse_with(text, rule.version(), &rule.variable_names())
    }

    /// The text, if there is no expression in it.
    pub fn as_plain_text(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            [_, ..] => None,
        }
    }

    /// Evaluates the template for a message, with the variables that the rule gave for the same message.
    ///
    /// An expression that is Undefined, Null or bytes is replaced by nothing. What comes out is any text: whoever uses it as
    /// a topic or a name has to parse it as one.
    ///
    /// # Errors
    /// The evaluation takes more than it may.
    pub fn evaluate(
        &self,
        message: &Message<'_>,
        context: &dyn Context,
        variables: &Variables,
    ) -> Result<String, EvaluationError> {
        self.evaluate_within(message, context, variables, &Work::default())
    }

    /// Evaluates the template with the work that is left for all templates of a rule.
    pub(crate) fn evaluate_within(
        &self,
        message: &Message<'_>,
        context: &dyn Context,
        variables: &Variables,
        work: &Work,
    ) -> Result<String, EvaluationError> {
        let evaluator = evaluator(message, context, work, variables, self.version);
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Expression(expression) => {
                    let value = evaluator.evaluate(expression, &Scope::of_payload(message.value()))?;
                    work.charge_value(&value)?;
                    out.push_str(&value.to_text().unwrap_or_default());
                }
            }
            if out.len() > OUTPUT_BYTES_MAX {
                return Err(EvaluationError::OutputTooLong);
            }
        }
        Ok(out)
    }

    fn parse_with(text: &str, version: SqlVersion, variables: &[Box<str>]) -> Result<Self, SqlParseError> {
        let mut parts = Vec::new();
        let mut position = 0;
        loop {
            let rest = text.get(position..).unwrap_or_default();
            let plain = rest.find("${").unwrap_or(rest.len());
            if plain > 0 {
                parts.push(Part::Text(rest.get(..plain).unwrap_or_default().into()));
            }
            if plain == rest.len() {
                return Ok(Self { parts, version });
            }
            let start = position + plain + 2;
            let (expression, end) = parse_template_expression(text, start, variables)?;
            parts.push(Part::Expression(expression));
            position = end;
        }
    }
}
