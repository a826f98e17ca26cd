//! JSON in and out. Numbers keep the form in which they were written, and strings without escapes are borrowed.
//!
//! A reader of our own: `serde_json` makes doubles of numbers, and its option that keeps them would change the numbers of
//! every crate in the program.

use std::borrow::Cow;

use thiserror::Error;

use crate::limits::JSON_NESTING_MAX;
use crate::value::{Array, Object, Value, bytes_as_text};

/// Why bytes are not JSON.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NotJson {
    /// The bytes are not text.
    #[error("byte {byte} is not UTF-8")]
    NotUtf8 {
        /// The first byte at fault.
        byte: usize,
    },
    /// The text is not JSON.
    #[error("byte {byte} is not JSON: it must be {expected}")]
    Syntax {
        /// Where.
        byte: usize,
        /// What would be right.
        expected: &'static str,
    },
    /// Arrays and objects inside each other, deeper than allowed.
    #[error("arrays and objects are nested more than {JSON_NESTING_MAX} deep at byte {byte}")]
    TooDeep {
        /// Where the first one beyond begins.
        byte: usize,
    },
}

/// Reads a JSON text.
pub(crate) fn parse(text: &str) -> Result<Value<'_>, NotJson> {
    let mut reader = Reader { text, position: 0 };
    let value = reader.value(0)?;
    reader.skip_space();
    if reader.position < text.len() {
        return Err(reader.syntax("the end"));
    }
    Ok(value)
}

/// Writes a value as JSON, without spaces. Undefined is nothing.
pub(crate) fn to_text(value: &Value<'_>) -> String {
    let mut out = String::new();
    write(value, &mut out, usize::MAX);
    out
}

/// Writes a value as JSON, and stops soon after `bytes_max`.
pub(crate) fn write(value: &Value<'_>, out: &mut String, bytes_max: usize) {
    if out.len() > bytes_max {
        return;
    }
    match value {
        Value::Undefined => {}
        Value::Null => out.push_str("null"),
        Value::Boolean(true) => out.push_str("true"),
        Value::Boolean(false) => out.push_str("false"),
        Value::Numeral(text) => out.push_str(text),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::Text(text) => write_string(text, out),
        Value::Bytes(bytes) => write_string(&bytes_as_text(bytes), out),
        Value::Array(array) => {
            out.push('[');
            for (at, item) in array.items().iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(item, out, bytes_max);
            }
            out.push(']');
        }
        Value::Object(object) => {
            out.push('{');
            for (at, (name, member)) in object.members().iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_string(name, out);
                out.push(':');
                write(member, out, bytes_max);
            }
            out.push('}');
        }
    }
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(|character| matches!(character, '"' | '\\' | '\0'..='\x1f')) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        let mut characters = special.chars();
        match characters.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some(control) => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            None => {}
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

struct Reader<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Reader<'a> {
    /// Reads a value that stands inside `nesting` arrays and objects.
    fn value(&mut self, nesting: u16) -> Result<Value<'a>, NotJson> {
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.object(nesting),
            Some(b'[') => self.array(nesting),
            Some(b'"') => Ok(Value::Text(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.numeral(),
            Some(b't') => self.word("true", Value::Boolean(true)),
            Some(b'f') => self.word("false", Value::Boolean(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(_) | None => Err(self.syntax("a value")),
        }
    }

    fn object(&mut self, nesting: u16) -> Result<Value<'a>, NotJson> {
        self.open(nesting)?;
        let mut object = Object::default();
        self.skip_space();
        if self.take(b'}') {
            return Ok(Value::Object(object));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(self.syntax("the name of a member, in double quotes"));
            }
            let name = self.string()?;
            self.skip_space();
            if !self.take(b':') {
                return Err(self.syntax("`:`"));
            }
            object.push(name, self.value(nesting + 1)?);
            self.skip_space();
            if self.take(b'}') {
                return Ok(Value::Object(object));
            }
            if !self.take(b',') {
                return Err(self.syntax("`,` or `}`"));
            }
        }
    }

    fn array(&mut self, nesting: u16) -> Result<Value<'a>, NotJson> {
        self.open(nesting)?;
        let mut array = Array::default();
        self.skip_space();
        if self.take(b']') {
            return Ok(Value::Array(array));
        }
        loop {
            array.push(self.value(nesting + 1)?);
            self.skip_space();
            if self.take(b']') {
                return Ok(Value::Array(array));
            }
            if !self.take(b',') {
                return Err(self.syntax("`,` or `]`"));
            }
        }
    }

    /// Steps over the bracket that opens an array or an object.
    fn open(&mut self, nesting: u16) -> Result<(), NotJson> {
        if nesting >= JSON_NESTING_MAX {
            return Err(NotJson::TooDeep { byte: self.position });
        }
        self.position += 1;
        Ok(())
    }

    fn string(&mut self) -> Result<Cow<'a, str>, NotJson> {
        self.position += 1;
        let mut text = Cow::Borrowed("");
        loop {
            let start = self.position;
            let rest = self.text.as_bytes().get(start..).unwrap_or_default();
            let length = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
            let Some(length) = length else {
                self.position = self.text.len();
                return Err(self.syntax("a `\"` that closes the string"));
            };
            let plain = self.text.get(start..start + length).unwrap_or_default();
            self.position += length;
            text += plain;
            if self.take(b'"') {
                return Ok(text);
            }
            if !self.take(b'\\') {
                return Err(self.syntax("an escape, as control characters in strings are"));
            }
            text.to_mut().push(self.escape()?);
        }
    }

    /// Reads what follows a backslash.
    fn escape(&mut self) -> Result<char, NotJson> {
        let expected = "an escape: one of \" \\ / b f n r t or u and four hex digits";
        let character = match self.peek() {
            Some(plain @ (b'"' | b'\\' | b'/')) => char::from(plain),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            Some(_) | None => return Err(self.syntax(expected)),
        };
        self.position += 1;
        Ok(character)
    }

    /// Reads `uXXXX`, twice for a character beyond U+FFFF.
    fn unicode_escape(&mut self) -> Result<char, NotJson> {
        let start = self.position;
        let expected = "an escaped character of Unicode, as \\u00e9";
        let first = self.hex_unit()?;
        let code = match first {
            0xd800..=0xdbff => {
                if !(self.take(b'\\') && self.peek() == Some(b'u')) {
                    return Err(NotJson::Syntax { byte: start, expected });
                }
                let second = self.hex_unit()?;
                if !(0xdc00..=0xdfff).contains(&second) {
                    return Err(NotJson::Syntax { byte: start, expected });
                }
                0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            }
            other => other,
        };
        char::from_u32(code).ok_or(NotJson::Syntax { byte: start, expected })
    }

    fn hex_unit(&mut self) -> Result<u32, NotJson> {
        let digits = self.text.get(self.position + 1..self.position + 5);
        let is_hex = |digits: &&str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        match digits.filter(is_hex).and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
            Some(unit) => {
                self.position += 5;
                Ok(unit)
            }
            None => Err(self.syntax("u and four hex digits")),
        }
    }

    fn numeral(&mut self) -> Result<Value<'a>, NotJson> {
        let start = self.position;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.position += 1;
            if !self.take(b'+') {
                self.take(b'-');
            }
            self.digits()?;
        }
        Ok(Value::Numeral(Cow::Borrowed(self.text.get(start..self.position).unwrap_or_default())))
    }

    fn digits(&mut self) -> Result<(), NotJson> {
        let rest = self.text.as_bytes().get(self.position..).unwrap_or_default();
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.position += count;
        if count == 0 { Err(self.syntax("a digit")) } else { Ok(()) }
    }

    fn word(&mut self, word: &'static str, value: Value<'a>) -> Result<Value<'a>, NotJson> {
        let rest = self.text.get(self.position..).unwrap_or_default();
        if !rest.starts_with(word) {
            return Err(self.syntax("a value"));
        }
        self.position += word.len();
        Ok(value)
    }

    fn skip_space(&mut self) {
        let rest = self.text.as_bytes().get(self.position..).unwrap_or_default();
        self.position += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.position += usize::from(is_next);
        is_next
    }

    fn syntax(&self, expected: &'static str) -> NotJson {
        NotJson::Syntax { byte: self.position, expected }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_read_is_written_again() {
        for text in [
            r#"{"a":1,"b":[true,false,null,"x"],"":{}}"#,
            "[]",
            "10.0",
            "-0.50e+10",
            "12345678901234567890123456789012345678901234567890",
            r#""\"\\\n\r\t\u0001ü😀""#,
            r#"{"a":1,"a":2}"#,
        ] {
            assert_eq!(to_text(&parse(text).unwrap()), text);
        }
        let spaced = " { \"a\" : [ 1 , 2 ] ,\n\t\"b\":\"\\/\\b\\f\\u00e9\\ud83d\\ude00\" }\r\n";
        assert_eq!(to_text(&parse(spaced).unwrap()), "{\"a\":[1,2],\"b\":\"/\\u0008\\u000cé😀\"}");
    }

    #[test]
    fn plain_strings_are_borrowed() {
        for (text, expected) in [(r#""plain ü""#, true), (r#""a\nb""#, false)] {
            let value = parse(text).unwrap();
            assert_eq!(matches!(value, Value::Text(Cow::Borrowed(_))), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_told_with_its_place() {
        for (text, byte, expected) in [
            ("", 0, "a value"),
            ("nul", 0, "a value"),
            ("{a:1}", 1, "the name of a member, in double quotes"),
            ("{\"a\" 1}", 5, "`:`"),
            ("{\"a\":1,}", 7, "the name of a member, in double quotes"),
            ("{\"a\":1 \"b\"", 7, "`,` or `}`"),
            ("[1,]", 3, "a value"),
            ("[1 2]", 3, "`,` or `]`"),
            ("01", 1, "the end"),
            ("1.", 2, "a digit"),
            ("-", 1, "a digit"),
            ("1e+", 3, "a digit"),
            ("\"a", 2, "a `\"` that closes the string"),
            ("\"a\nb\"", 2, "an escape, as control characters in strings are"),
            ("\"\\x\"", 2, "an escape: one of \" \\ / b f n r t or u and four hex digits"),
            ("\"\\u12g4\"", 2, "u and four hex digits"),
            ("\"\\u+123\"", 2, "u and four hex digits"),
            ("\"\\ud800\"", 2, "an escaped character of Unicode, as \\u00e9"),
            ("\"\\ud800\\u0041\"", 2, "an escaped character of Unicode, as \\u00e9"),
            ("\"\\udc00\"", 2, "an escaped character of Unicode, as \\u00e9"),
        ] {
            assert_eq!(parse(text).unwrap_err(), NotJson::Syntax { byte, expected }, "{text}");
        }
    }

    #[test]
    fn nesting_has_a_limit_and_costs_no_stack() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let deepest = usize::from(JSON_NESTING_MAX);
        assert_eq!(parse(&nested(deepest)).unwrap().nesting(), JSON_NESTING_MAX);
        assert_eq!(parse(&nested(deepest + 1)).unwrap_err(), NotJson::TooDeep { byte: deepest });
        assert!(parse(&"{\"a\":".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn the_reader_agrees_with_serde_json(text in r#"[\[\]{}",:truefalsn0-9.eE+\\u dDbB8cC-]{0,24}"#) {
            let ours = parse(&text);
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            // A number that no double can hold is an error there, and kept here.
            let is_huge = theirs.as_ref().is_err_and(|error| error.to_string().starts_with("number out of range"));
            prop_assert_eq!(ours.is_ok(), theirs.is_ok() || is_huge, "{:?} {:?}", ours, theirs);
        }

        #[test]
        fn any_string_survives(text in any::<String>()) {
            let json = to_text(&Value::text(text.as_str()));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text.clone());
            let value = parse(&json).unwrap();
            prop_assert_eq!(value.to_text().unwrap(), text);
        }
    }
}
