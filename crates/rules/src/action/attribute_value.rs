//! Values of DynamoDB, and how JSON becomes one.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::payload::base64_text;
use super::problem::{PayloadProblem, Wrong, start_of};
use crate::limits::{ITEM_NESTING_MAX, ITEM_NUMBER_DIGITS_MAX};
use crate::value::Value;

/// A value of an item of DynamoDB. Its stored form is that of DynamoDB's own JSON, as `{"S": "text"}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttributeValue {
    /// Text.
    #[serde(rename = "S")]
    Text(String),
    /// A number, in decimal, as it was written.
    #[serde(rename = "N")]
    Number(String),
    /// Bytes.
    #[serde(rename = "B", with = "base64_text")]
    Binary(Bytes),
    /// True or false.
    #[serde(rename = "BOOL")]
    Boolean(bool),
    /// Nothing.
    #[serde(rename = "NULL", with = "null_form")]
    Null,
    /// Values in their order.
    #[serde(rename = "L")]
    List(Vec<Self>),
    /// Values by their names.
    #[serde(rename = "M")]
    Map(BTreeMap<String, Self>),
}

/// The null of DynamoDB's JSON: `{"NULL": true}`.
mod null_form {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(true)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
        if bool::deserialize(deserializer)? { Ok(()) } else { Err(D::Error::custom("NULL is true")) }
    }
}

impl AttributeValue {
    /// The value of JSON that was checked to be no deeper than allowed.
    fn of(value: &Value<'_>) -> Result<Self, PayloadProblem> {
        Ok(match value {
            Value::Undefined | Value::Null => Self::Null,
            Value::Boolean(boolean) => Self::Boolean(*boolean),
            Value::Numeral(text) => Self::number(text)?,
            Value::Number(number) => Self::number(&number.to_string())?,
            Value::Text(text) => Self::Text(text.clone().into_owned()),
            Value::Bytes(bytes) => Self::Binary(Bytes::copy_from_slice(bytes)),
            Value::Array(array) => Self::List(array.items().iter().map(Self::of).collect::<Result<_, _>>()?),
            Value::Object(object) => Self::Map(map(object.members())?),
        })
    }

    fn number(text: &str) -> Result<Self, PayloadProblem> {
        match check_number(text) {
            Ok(()) => Ok(Self::Number(text.to_owned())),
            Err(right) => Err(PayloadProblem::new(format!("has the number {}", start_of(text)), right)),
        }
    }
}

/// The value of a whole payload.
pub(crate) fn attribute_of(value: &Value<'_>) -> Result<AttributeValue, PayloadProblem> {
    check_nesting(value)?;
    AttributeValue::of(value)
}

/// The item of a whole payload: each member is an attribute of its own.
pub(crate) fn item_of(value: &Value<'_>) -> Result<BTreeMap<String, AttributeValue>, PayloadProblem> {
    let Value::Object(object) = value else {
        return Err(PayloadProblem::new(
            format!("is {}", value.kind()),
            "a JSON object, whose members become columns",
        ));
    };
    check_nesting(value)?;
    map(object.members())
}

fn map(members: &[(Cow<'_, str>, Value<'_>)]) -> Result<BTreeMap<String, AttributeValue>, PayloadProblem> {
    // Of two members of one name the last one counts, as everywhere in rules.
    members.iter().map(|(name, value)| Ok((name.clone().into_owned(), AttributeValue::of(value)?))).collect()
}

fn check_nesting(value: &Value<'_>) -> Result<(), PayloadProblem> {
    let nesting = value.nesting();
    if nesting <= ITEM_NESTING_MAX {
        return Ok(());
    }
    Err(PayloadProblem::new(
        format!("is nested {nesting} deep"),
        "at most 32 deep, which is as deep as DynamoDB goes",
    ))
}

/// Checks a number of DynamoDB: up to 38 digits, from 1E-130 to 9.99…E125 (HowItWorks.NamingRulesDataTypes).
pub(crate) fn check_number(text: &str) -> Result<(), Wrong> {
    const RIGHT: Wrong =
        Cow::Borrowed("a number of at most 38 digits from 1E-130 to 9.9E125, as 15, -1.5 or 2e10");
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], &unsigned[at + 1..]),
        None => (unsigned, "0"),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return Err(RIGHT),
        None => (mantissa, ""),
    };
    let is_digits = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let exponent_digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if whole.is_empty() || exponent_digits.is_empty() {
        return Err(RIGHT);
    }
    if ![whole, fraction, exponent_digits].into_iter().all(is_digits) {
        return Err(RIGHT);
    }
    let mut nonzero = whole.bytes().chain(fraction.bytes()).enumerate().filter(|(_, digit)| *digit != b'0');
    let Some((first, _)) = nonzero.next() else {
        return Ok(());
    };
    let last = nonzero.last().map_or(first, |(last, _)| last);
    if last - first >= ITEM_NUMBER_DIGITS_MAX {
        return Err(RIGHT);
    }
    // The exponent that the number has when it is written with one digit before the point.
    let shift = i64::try_from(whole.len()).unwrap_or(i64::MAX) - 1 - i64::try_from(first).unwrap_or(i64::MAX);
    let magnitude = exponent.parse::<i64>().ok().and_then(|exponent| exponent.checked_add(shift));
    if magnitude.is_some_and(|magnitude| (-130..=125).contains(&magnitude)) { Ok(()) } else { Err(RIGHT) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn numbers_are_those_of_dynamo_db() {
        let digits = "9".repeat(ITEM_NUMBER_DIGITS_MAX);
        for text in [
            "0",
            "-0.00",
            "0e999999999999999999999",
            "15",
            "-1.50",
            "2e10",
            "2E+10",
            "0.0001e-126",
            "1e-130",
            "9.9e125",
            "00012",
            &digits,
            &format!("0.{digits}000"),
            &format!("{digits}000e-3"),
        ] {
            assert_eq!(check_number(text), Ok(()), "{text}");
        }
        for text in [
            "",
            "-",
            "+1",
            ".5",
            "1.",
            "1e",
            "1e+",
            "e1",
            "1,5",
            " 1",
            "1 ",
            "0x10",
            "NaN",
            "inf",
            "1e126",
            "0.1e-130",
            "1e-131",
            "1e99999999999999999999",
            &format!("{digits}1"),
            &format!("1{digits}.5"),
            "١",
        ] {
            assert!(check_number(text).is_err(), "{text}");
        }
    }

    #[test]
    fn json_becomes_values_of_the_same_kind() {
        let value = json::parse(r#"{"a":[1.50,"x",true,null,{}],"b":2,"b":3}"#).unwrap();
        let expected = r#"{"M":{"a":{"L":[{"N":"1.50"},{"S":"x"},{"BOOL":true},{"NULL":true},{"M":{}}]},"b":{"N":"3"}}}"#;
        let found = attribute_of(&value).unwrap();
        assert_eq!(serde_json::to_string(&found).unwrap(), expected);
        assert_eq!(serde_json::from_str::<AttributeValue>(expected).unwrap(), found);
        assert_eq!(AttributeValue::Map(item_of(&value).unwrap()), found);
        let bytes = AttributeValue::Binary(Bytes::from_static(b"\xff"));
        assert_eq!(serde_json::to_string(&bytes).unwrap(), r#"{"B":"/w=="}"#);
    }

    #[test]
    fn the_deepest_item_can_be_stored_and_loaded() {
        let nested = |open: &str, close: &str, depth: u16| {
            let depth = usize::from(depth);
            format!("{}1{}", open.repeat(depth), close.repeat(depth))
        };
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let text = nested(open, close, ITEM_NESTING_MAX);
            let found = attribute_of(&json::parse(&text).unwrap()).unwrap();
            let stored = serde_json::to_string(&found).unwrap();
            assert_eq!(serde_json::from_str::<AttributeValue>(&stored).unwrap(), found);
            let deeper = nested(open, close, ITEM_NESTING_MAX + 1);
            assert!(attribute_of(&json::parse(&deeper).unwrap()).is_err(), "{deeper}");
        }
    }
}
