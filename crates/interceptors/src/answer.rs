use landfall_model::{AttributeName, AttributeValue, Attributes, InvalidName};
use landfall_registration::{AttributeChange, CREATION_ID_ATTRIBUTE};
use serde_json::{Map, Value};
use thiserror::Error;

/// What one interceptor says of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It may be provisioned, with these changes.
    Allow(Vec<AttributeChange>),
    /// It may not.
    Deny(String),
}

/// Why a text is no answer.
#[derive(Debug, Error)]
pub(crate) enum AnswerError {
    #[error("the answer is no JSON: {problem}; it begins with {start:?}")]
    Json { problem: serde_json::Error, start: String },
    #[error("the answer is {found}; it must be an object, as {EXAMPLE}")]
    NotAnObject { found: &'static str },
    #[error("the answer has no decision; it must be as {EXAMPLE}")]
    NoDecision,
    #[error("the answer's decision is {found}; it must be \"allow\" or \"deny\"")]
    Decision { found: String },
    #[error("the answer has {member:?}, which is not known; it can have decision, message and attributes")]
    UnknownMember { member: String },
    #[error("the answer's message is no text")]
    Message,
    #[error(
        "the answer's attributes are {found}; they must be an object of texts, or null for those to be removed"
    )]
    Attributes { found: &'static str },
    #[error("the answer changes {found} attributes; {max} are the most", max = Attributes::TYPED_MAX)]
    TooManyAttributes { found: usize },
    #[error("the answer changes the attribute {name:?}")]
    Attribute { name: String, source: InvalidName },
    #[error("the answer gives the attribute {name:?} {found}; it must be a text, or null to remove it")]
    AttributeValue { name: String, found: &'static str },
    #[error("the answer changes {CREATION_ID_ATTRIBUTE}, which belongs to the registration")]
    CreationId,
}

/// The most characters of a message; more are cut off.
pub(crate) const MESSAGE_CHARACTERS_MAX: usize = 500;

const EXAMPLE: &str = r#"{"decision": "allow"}"#;

/// How many characters of a wrong answer an error repeats.
const SHOWN_MAX: usize = 80;

impl Answer {
    /// Reads the answer of an interceptor that is outside of this program.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, AnswerError> {
        let answer = serde_json::from_slice(bytes).map_err(|problem| AnswerError::Json {
            problem,
            start: shown(&String::from_utf8_lossy(bytes)),
        })?;
        Self::of(&answer)
    }

    /// Reads the answer of an interceptor.
    pub(crate) fn of(answer: &Value) -> Result<Self, AnswerError> {
        let Value::Object(members) = answer else {
            return Err(AnswerError::NotAnObject { found: kind(answer) });
        };
        if let Some(member) = members.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
            return Err(AnswerError::UnknownMember { member: shown(member) });
        }
        let message = match members.get("message") {
            None | Some(Value::Null) => None,
            Some(message) => Some(message.as_str().ok_or(AnswerError::Message)?),
        };
        let changes = match members.get("attributes") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Object(attributes)) => changes(attributes)?,
            Some(other) => return Err(AnswerError::Attributes { found: kind(other) }),
        };
        match members.get("decision") {
            Some(Value::String(decision)) if decision == "allow" => Ok(Self::Allow(changes)),
            Some(Value::String(decision)) if decision == "deny" => {
                Ok(Self::Deny(one_line(message.unwrap_or("it gave no reason"))))
            }
            Some(other) => Err(AnswerError::Decision { found: shown(&other.to_string()) }),
            None => Err(AnswerError::NoDecision),
        }
    }
}

const MEMBERS: [&str; 3] = ["decision", "message", "attributes"];

fn changes(attributes: &Map<String, Value>) -> Result<Vec<AttributeChange>, AnswerError> {
    let found = attributes.len();
    if found > Attributes::TYPED_MAX {
        return Err(AnswerError::TooManyAttributes { found });
    }
    attributes.iter().map(|(name, value)| change(name, value)).collect()
}

fn change(name: &str, value: &Value) -> Result<AttributeChange, AnswerError> {
    let invalid = |source| AnswerError::Attribute { name: shown(name), source };
    let parsed = AttributeName::parse(name).map_err(invalid)?;
    if parsed.as_str() == CREATION_ID_ATTRIBUTE {
        return Err(AnswerError::CreationId);
    }
    let value = match value.as_str() {
        Some(text) => Some(AttributeValue::parse(text).map_err(invalid)?),
        None if value.is_null() => None,
        None => return Err(AnswerError::AttributeValue { name: shown(name), found: kind(value) }),
    };
    Ok(AttributeChange { name: parsed, value })
}

/// What kind of JSON a value is.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The start of a text, in one line.
pub(crate) fn shown(text: &str) -> String {
    cut(text, SHOWN_MAX)
}

/// A message without line breaks and other control characters, and of a bounded length, whoever said it.
pub(crate) fn one_line(message: &str) -> String {
    cut(message, MESSAGE_CHARACTERS_MAX)
}

fn cut(text: &str, characters_max: usize) -> String {
    let words = text.split(|character: char| character.is_control() || character == ' ');
    let line = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(characters_max) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::with_sources;

    #[test]
    fn answers_are_allow_or_deny() {
        let change = |name: &str, value: Option<&str>| AttributeChange {
            name: AttributeName::parse(name).unwrap(),
            value: value.map(|value| AttributeValue::parse(value).unwrap()),
        };
        for (text, expected) in [
            (r#"{"decision":"allow"}"#, Answer::Allow(vec![])),
            (r#" {"decision":"allow","message":"fine","attributes":{}} "#, Answer::Allow(vec![])),
            (
                r#"{"attributes":{"site":"berlin","batch":null},"decision":"allow"}"#,
                Answer::Allow(vec![change("site", Some("berlin")), change("batch", None)]),
            ),
            (r#"{"decision":"deny","message":"not\nours"}"#, Answer::Deny("not ours".to_owned())),
            (r#"{"decision":"deny","message":null}"#, Answer::Deny("it gave no reason".to_owned())),
        ] {
            assert_eq!(Answer::parse(text.as_bytes()).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_answer_is_refused_with_its_cause() {
        let many: Map<String, Value> = (0..51).map(|number| (format!("a{number}"), Value::Null)).collect();
        let many = serde_json::json!({ "decision": "allow", "attributes": many }).to_string();
        for (text, expected) in [
            ("", "the answer is no JSON: EOF while parsing a value at line 1 column 0; it begins with \"\""),
            (
                "<html>\n<body>Error",
                "the answer is no JSON: expected value at line 1 column 1; it begins with \"<html> <body>Error\"",
            ),
            ("[]", "the answer is a list; it must be an object, as {\"decision\": \"allow\"}"),
            ("null", "the answer is null; it must be an object, as {\"decision\": \"allow\"}"),
            ("{}", "the answer has no decision; it must be as {\"decision\": \"allow\"}"),
            (
                r#"{"decision":"ALLOW"}"#,
                "the answer's decision is \"ALLOW\"; it must be \"allow\" or \"deny\"",
            ),
            (r#"{"decision":true}"#, "the answer's decision is true; it must be \"allow\" or \"deny\""),
            (
                r#"{"decision":"allow","atributes":{}}"#,
                "the answer has \"atributes\", which is not known; it can have decision, message and attributes",
            ),
            (r#"{"decision":"deny","message":7}"#, "the answer's message is no text"),
            (
                r#"{"decision":"allow","attributes":["a"]}"#,
                "the answer's attributes are a list; they must be an object of texts, or null for those to be removed",
            ),
            (
                r#"{"decision":"allow","attributes":{"a b":"c"}}"#,
                "the answer changes the attribute \"a b\": ",
            ),
            (r#"{"decision":"allow","attributes":{"a":"b c"}}"#, "the answer changes the attribute \"a\": "),
            (
                r#"{"decision":"allow","attributes":{"a":1}}"#,
                "the answer gives the attribute \"a\" a number; it must be a text, or null to remove it",
            ),
            (
                r#"{"decision":"allow","attributes":{"creation_id":null}}"#,
                "the answer changes creation_id, which belongs to the registration",
            ),
            (&many, "the answer changes 51 attributes; 50 are the most"),
        ] {
            let problem = with_sources(&Answer::parse(text.as_bytes()).unwrap_err());
            assert!(problem.starts_with(expected), "{text}: {problem}");
        }
    }

    #[test]
    fn a_message_is_one_line_of_a_bounded_length() {
        assert_eq!(one_line("  two\r\nlines\tand a tab\0"), "two lines and a tab");
        assert_eq!(one_line(&"é".repeat(600)).chars().count(), MESSAGE_CHARACTERS_MAX + 1);
    }
}
