use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer};
use thiserror::Error;

use crate::action::ActionSet;
use crate::pattern::{PatternError, ResourcePattern};

/// The most bytes that a policy document may have: the limit of AWS IoT counts 2,048 characters without white space;
/// white space is counted apart so that nobody can send a megabyte of it.
pub const POLICY_BYTES_MAX: usize = 16_384;

/// The most characters besides white space: the limit of AWS IoT.
const POLICY_CHARACTERS_MAX: usize = 2_048;

/// The one condition that is understood so far.
const IS_ATTACHED: &str = "iot:Connection.Thing.IsAttached";

/// A policy document that was understood in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyDocument {
    pub(crate) statements: Vec<Statement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) effect: Effect,
    pub(crate) actions: ActionSet,
    pub(crate) resources: Vec<ResourcePattern>,
    /// What `iot:Connection.Thing.IsAttached` must be, when the statement says so.
    pub(crate) is_attached: Option<bool>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum Effect {
    Allow,
    Deny,
}

/// Why a text is not a policy document.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MalformedPolicy {
    /// More than is allowed.
    #[error("the document has {found} {unit}; at most {max} are allowed")]
    TooLong {
        /// How much there was.
        found: usize,
        /// The most that is allowed.
        max: usize,
        /// Of what.
        unit: &'static str,
    },
    /// Not JSON, or not the form of a policy document.
    #[error("the document is not a policy")]
    Form(#[source] serde_json::Error),
    /// A version that is not known.
    #[error("version {found:?} is not known; it must be 2012-10-17 (or the older 2008-10-17)")]
    Version {
        /// What was found.
        found: String,
    },
    /// No statement at all.
    #[error("the document has no statement")]
    NoStatement,
    /// An action that names nothing known.
    #[error("statement {statement}: {found:?} names no policy action")]
    Action {
        /// Which statement, from 1.
        statement: usize,
        /// What was found.
        found: String,
    },
    /// A resource that cannot be understood.
    #[error("statement {statement}: {problem}")]
    Resource {
        /// Which statement, from 1.
        statement: usize,
        /// What is wrong.
        problem: String,
    },
    /// An element that needs at least one value has none.
    #[error("statement {statement}: {element} is empty")]
    Empty {
        /// Which statement, from 1.
        statement: usize,
        /// Which element.
        element: &'static str,
    },
    /// A condition that is not understood yet.
    #[error(
        "statement {statement}: the condition {operator} on {key} is not supported; so far only Bool on {IS_ATTACHED} is"
    )]
    Condition {
        /// Which statement, from 1.
        statement: usize,
        /// The operator.
        operator: String,
        /// The key.
        key: String,
    },
}

impl PolicyDocument {
    /// Parses a document. Whatever it says is understood, or the document is refused.
    ///
    /// # Errors
    /// The text is too long, not JSON, not of the form of a policy document, or has an element that is not known.
    pub fn parse(text: &str) -> Result<Self, MalformedPolicy> {
        check_length(text)?;
        let Object(document): Object<RawDocument> =
            serde_json::from_str(text).map_err(MalformedPolicy::Form)?;
        if let Some(found) =
            document.version.filter(|version| !["2012-10-17", "2008-10-17"].contains(&&**version))
        {
            return Err(MalformedPolicy::Version { found });
        }
        let statements = document.statement.0;
        if statements.is_empty() {
            return Err(MalformedPolicy::NoStatement);
        }
        let numbered = statements.into_iter().zip(1..);
        let statements = numbered
            .map(|(Object(statement), number)| compile(statement, number))
            .collect::<Result<_, _>>()?;
        Ok(Self { statements })
    }
}

fn check_length(text: &str) -> Result<(), MalformedPolicy> {
    if text.len() > POLICY_BYTES_MAX {
        return Err(MalformedPolicy::TooLong { found: text.len(), max: POLICY_BYTES_MAX, unit: "bytes" });
    }
    let found = text.chars().filter(|c| !c.is_whitespace()).count();
    if found > POLICY_CHARACTERS_MAX {
        let unit = "characters besides white space";
        return Err(MalformedPolicy::TooLong { found, max: POLICY_CHARACTERS_MAX, unit });
    }
    Ok(())
}

fn compile(raw: RawStatement, statement: usize) -> Result<Statement, MalformedPolicy> {
    let RawStatement { _sid: _, effect, action, resource, condition } = raw;
    if action.0.is_empty() {
        return Err(MalformedPolicy::Empty { statement, element: "Action" });
    }
    if resource.0.is_empty() {
        return Err(MalformedPolicy::Empty { statement, element: "Resource" });
    }
    let mut actions = ActionSet::default();
    for found in action.0 {
        let named = ActionSet::parse(&found).ok_or(MalformedPolicy::Action { statement, found })?;
        actions = actions.union(named);
    }
    let resource_error =
        |error: PatternError| MalformedPolicy::Resource { statement, problem: error.to_string() };
    let resources = resource.0.iter().map(|text| ResourcePattern::parse(text)).collect::<Result<_, _>>();
    Ok(Statement {
        effect,
        actions,
        resources: resources.map_err(resource_error)?,
        is_attached: compile_condition(condition.unwrap_or(Members(Vec::new())), statement)?,
    })
}

fn compile_condition(condition: RawCondition, statement: usize) -> Result<Option<bool>, MalformedPolicy> {
    let mut is_attached = None;
    for (operator, keys) in condition.0 {
        for (key, values) in keys.0 {
            let value = match values.0.as_slice() {
                [RawBool(value)] if operator == "Bool" && key.eq_ignore_ascii_case(IS_ATTACHED) => *value,
                _ => return Err(MalformedPolicy::Condition { statement, operator, key }),
            };
            // The same key in another case would be a second demand.
            if is_attached.replace(value).is_some_and(|before| before != value) {
                return Err(MalformedPolicy::Condition { statement, operator, key });
            }
        }
    }
    Ok(is_attached)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct RawDocument {
    version: Option<String>,
    #[serde(rename = "Id")]
    _id: Option<String>,
    statement: OneOrMany<Object<RawStatement>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct RawStatement {
    #[serde(rename = "Sid")]
    _sid: Option<String>,
    effect: Effect,
    action: OneOrMany<String>,
    resource: OneOrMany<String>,
    condition: Option<RawCondition>,
}

type RawCondition = Members<Members<OneOrMany<RawBool>>>;

/// `true`, `false`, or either as a string.
struct RawBool(bool);

/// A JSON object. A derived struct alone would also take its fields as an array.
struct Object<T>(T);

/// The members of a JSON object by name, each name once. Of a map, serde would keep the last of two.
struct Members<T>(Vec<(String, T)>);

/// A value, or a list of values. Not `untagged`, which would lose line and column of an error inside.
struct OneOrMany<T>(Vec<T>);

impl<'de> Deserialize<'de> for RawBool {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BoolVisitor;

        impl Visitor<'_> for BoolVisitor {
            type Value = RawBool;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(r#""true" or "false""#)
            }

            fn visit_bool<E>(self, value: bool) -> Result<RawBool, E> {
                Ok(RawBool(value))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<RawBool, E> {
                let parsed = text.to_ascii_lowercase().parse();
                parsed.map(RawBool).map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(BoolVisitor)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Members<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for MembersVisitor<T> {
            type Value = Members<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members: Vec<(String, T)> = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if members.iter().any(|(known, _)| *known == name) {
                        return Err(serde::de::Error::custom(format_args!("duplicate field `{name}`")));
                    }
                    members.push((name, map.next_value()?));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrManyVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrManyVisitor<T> {
            type Value = OneOrMany<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value or a list of values")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                let value = T::deserialize(serde::de::value::StrDeserializer::new(text))?;
                Ok(OneOrMany(vec![value]))
            }

            fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Self::Value, E> {
                let value = T::deserialize(serde::de::value::BoolDeserializer::new(value))?;
                Ok(OneOrMany(vec![value]))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                Ok(OneOrMany(vec![T::deserialize(MapAccessDeserializer::new(map))?]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = seq.next_element()? {
                    values.push(value);
                }
                Ok(OneOrMany(values))
            }
        }

        deserializer.deserialize_any(OneOrManyVisitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        let error = PolicyDocument::parse(text).unwrap_err();
        std::error::Error::source(&error).map_or(error.to_string(), |source| format!("{error}: {source}"))
    }

    #[test]
    fn the_forms_of_a_document_are_read() {
        for text in [
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iot:*","Resource":"*"}}"#,
            r#"{"Id":"x","Statement":[{"Sid":"a","Effect":"Deny","Action":["iot:Connect"],"Resource":["*"]}]}"#,
            r#"{"Statement":[{"Effect":"Allow","Action":"iot:Connect","Resource":"*","Condition":{"Bool":{"iot:Connection.Thing.IsAttached":["true"]}}}]}"#,
            r#"{"Statement":[{"Effect":"Allow","Action":"iot:Connect","Resource":"*","Condition":{"Bool":{"iot:Connection.Thing.IsAttached":true}}}]}"#,
        ] {
            assert!(PolicyDocument::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_and_said() {
        let statement = |inner: &str| {
            format!(
                r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"iot:Connect","Resource":"*"{inner}}}]}}"#
            )
        };
        for (text, expected) in [
            ("", "the document is not a policy: EOF while parsing a value at line 1 column 0"),
            (
                "[]",
                "the document is not a policy: invalid type: sequence, expected an object at line 1 column 0",
            ),
            (
                r#"{"Statement":[["a","Allow","iot:*","*",null]]}"#,
                "the document is not a policy: invalid type: sequence, expected an object at line 1 column 14",
            ),
            (
                r#"{"Version":"2020-01-01","Statement":[]}"#,
                r#"version "2020-01-01" is not known; it must be 2012-10-17 (or the older 2008-10-17)"#,
            ),
            (r#"{"Version":"2012-10-17","Statement":[]}"#, "the document has no statement"),
            (
                &statement(r#","NotAction":"x""#),
                "the document is not a policy: unknown field `NotAction`, expected one of `Sid`, `Effect`, `Action`, `Resource`, `Condition` at line 1 column 104",
            ),
            (
                &statement(r#","Effect":"Deny""#),
                "the document is not a policy: duplicate field `Effect` at line 1 column 101",
            ),
            (
                &statement(r#","Condition":{"Bool":{},"Bool":{}}"#),
                "the document is not a policy: duplicate field `Bool` at line 1 column 122",
            ),
            (
                &statement(r#","Condition":{"StringLike":{"iot:ClientId":"true"}}"#),
                "statement 1: the condition StringLike on iot:ClientId is not supported; so far only Bool on iot:Connection.Thing.IsAttached is",
            ),
            (
                r#"{"Statement":{"Effect":"Allow","Action":"iot:Fly","Resource":"*"}}"#,
                r#"statement 1: "iot:Fly" names no policy action"#,
            ),
            (
                r#"{"Statement":{"Effect":"Allow","Action":[],"Resource":"*"}}"#,
                "statement 1: Action is empty",
            ),
            (
                r#"{"Statement":{"Effect":"Allow","Action":"iot:Connect","Resource":"x"}}"#,
                r#"statement 1: the resource "x" is not an ARN: it begins with neither arn: nor *"#,
            ),
            (&" ".repeat(POLICY_BYTES_MAX + 1), "the document has 16385 bytes; at most 16384 are allowed"),
            (
                &"x".repeat(2_049),
                "the document has 2049 characters besides white space; at most 2048 are allowed",
            ),
        ] {
            assert_eq!(error(text), expected, "{text}");
        }
    }
}
