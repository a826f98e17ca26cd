//! The values of AWS IoT SQL, and how one type becomes another (iot-sql-data-types).

use std::borrow::Cow;
use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::json;
use crate::number::Number;

/// A value. Text and bytes of the payload are borrowed.
#[derive(Clone, Debug)]
pub(crate) enum Value<'a> {
    /// Not a value: what is not there, and what a function makes of arguments it cannot use.
    Undefined,
    /// The null of JSON.
    Null,
    /// True or false.
    Boolean(bool),
    /// A number as the payload wrote it. It is Int or Decimal once it is calculated with, and goes out as it came in.
    Numeral(Cow<'a, str>),
    /// A number that was calculated.
    Number(Number),
    /// A string.
    Text(Cow<'a, str>),
    /// A payload that is no JSON object or array.
    Bytes(Cow<'a, [u8]>),
    /// A list of values.
    Array(Array<'a>),
    /// Values by name.
    Object(Object<'a>),
}

/// A list of values, none of which is Undefined.
#[derive(Clone, Debug, Default)]
pub(crate) struct Array<'a> {
    items: Vec<Value<'a>>,
    nesting: u16,
}

/// Values by name, in the order in which they came, none of which is Undefined.
#[derive(Clone, Debug, Default)]
pub(crate) struct Object<'a> {
    members: Vec<(Cow<'a, str>, Value<'a>)>,
    nesting: u16,
}

impl<'a> Array<'a> {
    pub(crate) fn items(&self) -> &[Value<'a>] {
        &self.items
    }

    pub(crate) fn into_items(self) -> Vec<Value<'a>> {
        self.items
    }

    /// Adds an item; Undefined is left out.
    pub(crate) fn push(&mut self, item: Value<'a>) {
        if !item.is_undefined() {
            self.nesting = self.nesting.max(item.nesting());
            self.items.push(item);
        }
    }
}

impl<'a> Object<'a> {
    pub(crate) fn members(&self) -> &[(Cow<'a, str>, Value<'a>)] {
        &self.members
    }

    pub(crate) fn into_members(self) -> Vec<(Cow<'a, str>, Value<'a>)> {
        self.members
    }

    /// The member of this name; of several in a JSON text, the last one.
    pub(crate) fn get(&self, name: &str) -> Option<&Value<'a>> {
        self.members.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Adds a member without looking whether there is one of this name.
    pub(crate) fn push(&mut self, name: Cow<'a, str>, value: Value<'a>) {
        self.nesting = self.nesting.max(value.nesting());
        self.members.push((name, value));
    }

    /// Adds a member, in the place of the one that has its name. Undefined is left out.
    pub(crate) fn set(&mut self, name: Cow<'a, str>, value: Value<'a>) {
        if value.is_undefined() {
            return;
        }
        self.nesting = self.nesting.max(value.nesting());
        match self.members.iter_mut().rev().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.members.push((name, value)),
        }
    }

    fn equals(&self, other: &Object<'_>) -> bool {
        if self.members.len() != other.members.len() {
            return false;
        }
        if self.members.len() <= LINEAR_MEMBERS_MAX {
            let is_there = |(name, value): &(Cow<'a, str>, Value<'a>)| {
                other.get(name).is_some_and(|other| value.equals(other))
            };
            return self.members.iter().all(is_there);
        }
        let others: HashMap<&str, &Value<'_>> =
            other.members.iter().map(|(name, value)| (name.as_ref(), value)).collect();
        self.members
            .iter()
            .all(|(name, value)| others.get(name.as_ref()).is_some_and(|other| value.equals(other)))
    }

    /// Sets a member at the end of a path, and makes the objects on the way.
    pub(crate) fn set_path(&mut self, path: &[Box<str>], value: Value<'a>) {
        let Some((name, deeper)) = path.split_first() else {
            return;
        };
        if deeper.is_empty() {
            return self.set(Cow::Owned(name.to_string()), value);
        }
        let there = self.members.iter_mut().rev().find(|(known, _)| **known == **name);
        let mut inner = match there.map(|(_, value)| std::mem::replace(value, Value::Null)) {
            Some(Value::Object(object)) => object,
            Some(_) | None => Object::default(),
        };
        inner.set_path(deeper, value);
        self.set(Cow::Owned(name.to_string()), Value::Object(inner));
    }
}

/// Up to so many members are compared one with each other; with more, an index is worth its making.
const LINEAR_MEMBERS_MAX: usize = 16;

impl<'a> Value<'a> {
    pub(crate) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn number(number: Option<Number>) -> Self {
        number.map_or(Self::Undefined, Self::Number)
    }

    pub(crate) fn boolean(boolean: Option<bool>) -> Self {
        boolean.map_or(Self::Undefined, Self::Boolean)
    }

    pub(crate) fn is_undefined(&self) -> bool {
        matches!(self, Self::Undefined)
    }

    /// Whether this is Null or Undefined.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Undefined | Self::Null)
    }

    /// How deep arrays and objects are nested: 0 for what is neither.
    pub(crate) fn nesting(&self) -> u16 {
        match self {
            Self::Array(array) => array.nesting.saturating_add(1),
            Self::Object(object) => object.nesting.saturating_add(1),
            Self::Undefined
            | Self::Null
            | Self::Boolean(_)
            | Self::Numeral(_)
            | Self::Number(_)
            | Self::Text(_)
            | Self::Bytes(_) => 0,
        }
    }

    /// What it is, for people.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Undefined => "undefined",
            Self::Null => "null",
            Self::Boolean(_) => "a boolean",
            Self::Numeral(_) | Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::Bytes(_) => "bytes",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }

    /// The number that this is, without any conversion.
    pub(crate) fn as_number(&self) -> Option<Cow<'_, Number>> {
        match self {
            Self::Number(number) => Some(Cow::Borrowed(number)),
            Self::Numeral(text) => Number::parse(text).map(Cow::Owned),
            Self::Undefined
            | Self::Null
            | Self::Boolean(_)
            | Self::Text(_)
            | Self::Bytes(_)
            | Self::Array(_)
            | Self::Object(_) => None,
        }
    }

    /// Converts to a number: numbers, and strings that are written as one.
    pub(crate) fn to_number(&self) -> Option<Cow<'_, Number>> {
        match self {
            Self::Text(text) => Number::from_text(text).map(Cow::Owned),
            Self::Number(_)
            | Self::Numeral(_)
            | Self::Undefined
            | Self::Null
            | Self::Boolean(_)
            | Self::Bytes(_)
            | Self::Array(_)
            | Self::Object(_) => self.as_number(),
        }
    }

    /// Converts to a boolean: booleans, and the strings `true` and `false` in any case.
    pub(crate) fn to_boolean(&self) -> Option<bool> {
        match self {
            Self::Boolean(boolean) => Some(*boolean),
            Self::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Self::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
            Self::Text(_)
            | Self::Undefined
            | Self::Null
            | Self::Numeral(_)
            | Self::Number(_)
            | Self::Bytes(_)
            | Self::Array(_)
            | Self::Object(_) => None,
        }
    }

    /// Converts to a string: everything but Null, Undefined and bytes. Arrays and objects become JSON.
    pub(crate) fn to_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Undefined | Self::Null | Self::Bytes(_) => None,
            Self::Boolean(true) => Some(Cow::Borrowed("true")),
            Self::Boolean(false) => Some(Cow::Borrowed("false")),
            // A number beyond the range cannot be calculated with, but it can be written as it came.
            Self::Numeral(text) => Some(match Number::parse(text) {
                Some(number) => Cow::Owned(number.to_string()),
                None => Cow::Borrowed(text),
            }),
            Self::Number(number) => Some(Cow::Owned(number.to_string())),
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Array(_) | Self::Object(_) => Some(Cow::Owned(json::to_text(self))),
        }
    }

    /// Whether two values are equal: numbers by what they mean, objects in any order of their members. Values of
    /// different types are not.
    pub(crate) fn equals(&self, other: &Value<'_>) -> bool {
        match (self, other) {
            (Self::Undefined, Value::Undefined) | (Self::Null, Value::Null) => true,
            (Self::Boolean(left), Value::Boolean(right)) => left == right,
            (Self::Text(left), Value::Text(right)) => left == right,
            (Self::Bytes(left), Value::Bytes(right)) => left == right,
            (Self::Numeral(left), Value::Numeral(right)) if left == right => true,
            (Self::Numeral(_) | Self::Number(_), Value::Numeral(_) | Value::Number(_)) => {
                matches!((self.as_number(), other.as_number()), (Some(left), Some(right)) if left == right)
            }
            (Self::Array(left), Value::Array(right)) => {
                left.items.len() == right.items.len()
                    && left.items.iter().zip(&right.items).all(|(left, right)| left.equals(right))
            }
            (Self::Object(left), Value::Object(right)) => left.equals(right),
            (
                Self::Undefined
                | Self::Null
                | Self::Boolean(_)
                | Self::Text(_)
                | Self::Bytes(_)
                | Self::Numeral(_)
                | Self::Number(_)
                | Self::Array(_)
                | Self::Object(_),
                _,
            ) => false,
        }
    }

    /// A copy that borrows nothing.
    pub(crate) fn into_owned(self) -> Value<'static> {
        match self {
            Self::Undefined => Value::Undefined,
            Self::Null => Value::Null,
            Self::Boolean(boolean) => Value::Boolean(boolean),
            Self::Numeral(text) => Value::Numeral(Cow::Owned(text.into_owned())),
            Self::Number(number) => Value::Number(number),
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.into_owned())),
            Self::Array(Array { items, nesting }) => {
                let items = items.into_iter().map(Value::into_owned).collect();
                Value::Array(Array { items, nesting })
            }
            Self::Object(Object { members, nesting }) => {
                let owned = |(name, value): (Cow<'_, str>, Value<'_>)| {
                    (Cow::Owned(name.into_owned()), value.into_owned())
                };
                Value::Object(Object { members: members.into_iter().map(owned).collect(), nesting })
            }
        }
    }
}

/// Bytes inside JSON are written in base64, as JSON has none.
pub(crate) fn bytes_as_text(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(json: &str) -> Value<'_> {
        json::parse(json).unwrap_or_else(|error| panic!("{json}: {error}"))
    }

    #[test]
    fn types_convert_as_the_tables_say() {
        for (json, number, boolean, text) in [
            ("5", Some("5"), None, Some("5")),
            ("5.50", Some("5.50"), None, Some("5.50")),
            ("10.0", Some("10"), None, Some("10")),
            ("1e1000", None, None, Some("1e1000")),
            ("true", None, Some(true), Some("true")),
            ("\"TRUE\"", None, Some(true), Some("TRUE")),
            ("\"False\"", None, Some(false), Some("False")),
            ("\"5E-12\"", Some("5E-12"), None, Some("5E-12")),
            ("\"yes\"", None, None, Some("yes")),
            ("[1, \"a\", 2.50, null]", None, None, Some("[1,\"a\",2.50,null]")),
            ("{\"a\": [true]}", None, None, Some("{\"a\":[true]}")),
            ("null", None, None, None),
        ] {
            let value = value(json);
            assert_eq!(value.to_number().map(|number| number.to_string()).as_deref(), number, "{json}");
            assert_eq!(value.to_boolean(), boolean, "{json}");
            assert_eq!(value.to_text().as_deref(), text, "{json}");
        }
        for value in [Value::Undefined, Value::Bytes(b"a"[..].into())] {
            assert!(value.to_number().is_none() && value.to_boolean().is_none() && value.to_text().is_none());
        }
    }

    #[test]
    fn equality_knows_numbers_orders_and_types() {
        for (left, right, expected) in [
            ("1", "1.0", true),
            ("1", "\"1\"", false),
            ("1e1000", "1e1000", true),
            ("1e1000", "1e1001", false),
            ("null", "null", true),
            ("null", "false", false),
            ("[1,2]", "[1,2.0]", true),
            ("[1,2]", "[2,1]", false),
            ("[1]", "[1,2]", false),
            ("{\"a\":1,\"b\":[2]}", "{\"b\":[2],\"a\":1}", true),
            ("{\"a\":1}", "{\"a\":1,\"b\":2}", false),
            ("{\"a\":1}", "{\"b\":1}", false),
        ] {
            assert_eq!(value(left).equals(&value(right)), expected, "{left} {right}");
            assert_eq!(value(right).equals(&value(left)), expected, "{right} {left}");
        }
    }

    #[test]
    fn members_are_set_in_place_and_along_paths() {
        let mut object = Object::default();
        let path = |text: &str| text.split('.').map(Box::from).collect::<Vec<Box<str>>>();
        for (at, set) in [("a", "1"), ("b.c", "2"), ("b.d.e", "[3]"), ("a", "4"), ("f", "5"), ("f.g", "6")] {
            object.set_path(&path(at), value(set));
        }
        object.set("a".into(), Value::Undefined);
        object.set_path(&[], Value::Null);
        let object = Value::Object(object);
        assert_eq!(object.to_text().unwrap(), r#"{"a":4,"b":{"c":2,"d":{"e":[3]}},"f":{"g":6}}"#);
        assert_eq!(object.nesting(), 4);
        assert_eq!(object.into_owned().nesting(), 4);
    }
}
