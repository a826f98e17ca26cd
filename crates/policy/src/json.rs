//! A reader of JSON that remembers where each value stands and refuses an object that has a member twice: what a policy
//! document needs, and what a JSON library that keeps the last of two members does not give.

use std::collections::HashSet;
use std::str::Chars;

use crate::malformed::{MalformedPolicy, PolicyProblem, Position};

/// How deep lists and objects may be inside each other. A condition's values are six deep.
pub(crate) const NESTING_MAX: usize = 16;

/// A value and where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) at: Position,
    pub(crate) value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// The number as it was written.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Object(Vec<Member>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) at: Position,
    pub(crate) node: Node,
}

/// Reads one JSON value that is all of the text (RFC 8259), in time linear in its length.
pub(crate) fn read(text: &str) -> Result<Node, MalformedPolicy> {
    let mut reader = Reader { rest: text.chars(), position: Position { line: 1, column: 1 } };
    reader.skip_space();
    let node = reader.value(0)?;
    reader.skip_space();
    match reader.peek() {
        None => Ok(node),
        Some(_) => Err(reader.unexpected("the end of the text")),
    }
}

impl Value {
    /// What it is, for people.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

struct Reader<'a> {
    rest: Chars<'a>,
    position: Position,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    fn next(&mut self) -> Option<char> {
        let character = self.rest.next()?;
        if character == '\n' {
            self.position = Position { line: self.position.line.saturating_add(1), column: 1 };
        } else {
            self.position.column = self.position.column.saturating_add(1);
        }
        Some(character)
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|c| matches!(c, ' ' | '\t' | '\r' | '\n')) {
            self.next();
        }
    }

    /// Takes this character if it comes next.
    fn takes(&mut self, expected: char) -> bool {
        let is_next = self.peek() == Some(expected);
        if is_next {
            self.next();
        }
        is_next
    }

    fn unexpected(&self, expected: &'static str) -> MalformedPolicy {
        let found = self.peek().map_or_else(|| "the end of the text".to_owned(), |c| format!("{c:?}"));
        PolicyProblem::Syntax { found, expected }.at(self.position)
    }

    fn value(&mut self, depth: usize) -> Result<Node, MalformedPolicy> {
        let at = self.position;
        if depth >= NESTING_MAX && matches!(self.peek(), Some('{' | '[')) {
            return Err(PolicyProblem::TooDeep { max: NESTING_MAX }.at(at));
        }
        let value = match self.peek() {
            Some('{') => self.object(depth)?,
            Some('[') => self.list(depth)?,
            Some('"') => Value::Text(self.string()?),
            Some('-' | '0'..='9') => self.number()?,
            Some('t') => self.word("true", Value::Bool(true))?,
            Some('f') => self.word("false", Value::Bool(false))?,
            Some('n') => self.word("null", Value::Null)?,
            Some(_) | None => return Err(self.unexpected("a value")),
        };
        Ok(Node { at, value })
    }

    fn word(&mut self, word: &'static str, value: Value) -> Result<Value, MalformedPolicy> {
        for expected in word.chars() {
            if !self.takes(expected) {
                return Err(self.unexpected("true, false or null"));
            }
        }
        Ok(value)
    }

    fn list(&mut self, depth: usize) -> Result<Value, MalformedPolicy> {
        self.next();
        let mut nodes = Vec::new();
        self.skip_space();
        if self.takes(']') {
            return Ok(Value::List(nodes));
        }
        loop {
            self.skip_space();
            nodes.push(self.value(depth + 1)?);
            self.skip_space();
            if self.takes(']') {
                return Ok(Value::List(nodes));
            }
            if !self.takes(',') {
                return Err(self.unexpected("a comma or ] in a list"));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, MalformedPolicy> {
        self.next();
        let mut members = Vec::new();
        let mut names = HashSet::new();
        self.skip_space();
        if self.takes('}') {
            return Ok(Value::Object(members));
        }
        loop {
            self.skip_space();
            let at = self.position;
            if self.peek() != Some('"') {
                return Err(self.unexpected("the name of a member in double quotes"));
            }
            let name = self.string()?;
            if !names.insert(name.clone()) {
                return Err(PolicyProblem::Duplicate { name }.at(at));
            }
            self.skip_space();
            if !self.takes(':') {
                return Err(self.unexpected("a colon behind the name of a member"));
            }
            self.skip_space();
            members.push(Member { name, at, node: self.value(depth + 1)? });
            self.skip_space();
            if self.takes('}') {
                return Ok(Value::Object(members));
            }
            if !self.takes(',') {
                return Err(self.unexpected("a comma or } in an object"));
            }
        }
    }

    fn string(&mut self) -> Result<String, MalformedPolicy> {
        self.next();
        let mut text = String::new();
        loop {
            match self.peek() {
                Some('"') => {
                    self.next();
                    return Ok(text);
                }
                Some('\\') => text.push(self.escape()?),
                Some('\0'..='\u{1f}') => {
                    return Err(self.unexpected("an escape, as \\n, for a control character in a string"));
                }
                Some(plain) => {
                    self.next();
                    text.push(plain);
                }
                None => return Err(self.unexpected("the closing quote of a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, MalformedPolicy> {
        let at = self.position;
        self.next();
        let character = match self.peek() {
            Some(same @ ('"' | '\\' | '/')) => same,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                self.next();
                return self.unicode(at);
            }
            Some(_) | None => return Err(self.unexpected("one of \" \\ / b f n r t u behind a backslash")),
        };
        self.next();
        Ok(character)
    }

    /// A `\u` escape, or two that are a surrogate pair. A surrogate alone is no character.
    fn unicode(&mut self, at: Position) -> Result<char, MalformedPolicy> {
        let lone = |unit: u32| {
            let found = format!("the lone surrogate \\u{unit:04x}");
            PolicyProblem::Syntax { found, expected: "a character, or both surrogates of one" }.at(at)
        };
        let unit = self.four_digits()?;
        if let Some(character) = char::from_u32(unit) {
            return Ok(character);
        }
        if unit >= 0xdc00 || !(self.takes('\\') && self.takes('u')) {
            return Err(lone(unit));
        }
        let low = self.four_digits()?;
        if !(0xdc00..0xe000).contains(&low) {
            return Err(lone(unit));
        }
        char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00)).ok_or_else(|| lone(unit))
    }

    fn four_digits(&mut self) -> Result<u32, MalformedPolicy> {
        let mut unit = 0;
        for _ in 0..4 {
            let Some(digit) = self.peek().and_then(|c| c.to_digit(16)) else {
                return Err(self.unexpected("four hexadecimal digits behind \\u"));
            };
            self.next();
            unit = unit * 16 + digit;
        }
        Ok(unit)
    }

    fn number(&mut self) -> Result<Value, MalformedPolicy> {
        let mut text = String::new();
        if self.takes('-') {
            text.push('-');
        }
        if self.takes('0') {
            text.push('0');
        } else {
            self.digits(&mut text)?;
        }
        if self.takes('.') {
            text.push('.');
            self.digits(&mut text)?;
        }
        if self.takes('e') || self.takes('E') {
            text.push('e');
            if self.takes('-') {
                text.push('-');
            } else {
                self.takes('+');
            }
            self.digits(&mut text)?;
        }
        Ok(Value::Number(text))
    }

    fn digits(&mut self, text: &mut String) -> Result<(), MalformedPolicy> {
        if !self.peek().is_some_and(|c| c.is_ascii_digit()) {
            return Err(self.unexpected("a digit"));
        }
        while let Some(digit) = self.peek().filter(char::is_ascii_digit) {
            self.next();
            text.push(digit);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same value as another JSON reader sees it.
    fn as_serde(node: &Node) -> serde_json::Value {
        match &node.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(text) => serde_json::from_str(text).unwrap(),
            Value::Text(text) => text.as_str().into(),
            Value::List(nodes) => nodes.iter().map(as_serde).collect(),
            Value::Object(members) => {
                members.iter().map(|member| (member.name.clone(), as_serde(&member.node))).collect()
            }
        }
    }

    #[test]
    fn what_is_json_is_read_as_it_is() {
        for text in [
            r#"{"a":[1,-2.5e+3,true,false,null,"\"\\\/\b\f\n\r\t\u00e4\ud83d\ude00é😀"],"b":{}}"#,
            " [ ] ",
            "0",
            "-0.0",
            "\t\r\n\"x\"\n",
        ] {
            let expected: serde_json::Value = serde_json::from_str(text).unwrap();
            assert_eq!(as_serde(&read(text).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn values_know_where_they_stand() {
        let root = read("{\n  \"ä\": [1,\n 22]}").unwrap();
        let Value::Object(members) = root.value else { panic!("an object") };
        assert_eq!(members[0].at, Position { line: 2, column: 3 });
        let Value::List(nodes) = &members[0].node.value else { panic!("a list") };
        assert_eq!(members[0].node.at, Position { line: 2, column: 8 });
        assert_eq!(nodes[1].at, Position { line: 3, column: 2 });
    }

    #[test]
    fn what_is_not_json_is_refused_and_said() {
        for (text, expected) in [
            ("", "line 1 column 1: the end of the text where JSON needs a value"),
            (
                "{",
                "line 1 column 2: the end of the text where JSON needs the name of a member in double quotes",
            ),
            (r#"{"a" 1}"#, "line 1 column 6: '1' where JSON needs a colon behind the name of a member"),
            (r#"{"a":1,}"#, "line 1 column 8: '}' where JSON needs the name of a member in double quotes"),
            ("[1 2]", "line 1 column 4: '2' where JSON needs a comma or ] in a list"),
            ("01", "line 1 column 2: '1' where JSON needs the end of the text"),
            ("1.", "line 1 column 3: the end of the text where JSON needs a digit"),
            ("treu", "line 1 column 3: 'e' where JSON needs true, false or null"),
            ("\"a", "line 1 column 3: the end of the text where JSON needs the closing quote of a string"),
            (
                "\"a\nb\"",
                "line 1 column 3: '\\n' where JSON needs an escape, as \\n, for a control character in a string",
            ),
            (
                r#""\x""#,
                "line 1 column 3: 'x' where JSON needs one of \" \\ / b f n r t u behind a backslash",
            ),
            (r#""\u12g4""#, "line 1 column 6: 'g' where JSON needs four hexadecimal digits behind \\u"),
            (
                r#""\ud800""#,
                "line 1 column 2: the lone surrogate \\ud800 where JSON needs a character, or both surrogates of one",
            ),
            (
                r#""\ud800\u0041""#,
                "line 1 column 2: the lone surrogate \\ud800 where JSON needs a character, or both surrogates of one",
            ),
            (
                r#""\udc00\ud800""#,
                "line 1 column 2: the lone surrogate \\udc00 where JSON needs a character, or both surrogates of one",
            ),
            ("\u{feff}{}", "line 1 column 1: '\\u{feff}' where JSON needs a value"),
            (
                r#"{"a":{"b":1,"\u0062":2}}"#,
                "line 1 column 13: \"b\" is here a second time; an object has each member once",
            ),
        ] {
            assert_eq!(read(text).unwrap_err().to_string(), expected, "{text}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(read(&deep).unwrap_err().problem, PolicyProblem::TooDeep { max: NESTING_MAX });
    }

    proptest! {
        #[test]
        fn reading_agrees_with_another_reader(text in r#"[\[\]{}:,"\\a10.eE+ \-tfn]{0,24}"#) {
            let other = serde_json::from_str::<serde_json::Value>(&text);
            match (read(&text), other) {
                (Ok(node), Ok(value)) => prop_assert_eq!(as_serde(&node), value),
                // The other reader takes the last of two members, and refuses a number that no float can hold.
                (Err(error), Ok(_)) => {
                    let is_duplicate = matches!(error.problem, PolicyProblem::Duplicate { .. });
                    prop_assert!(is_duplicate, "{}", error);
                }
                (Ok(_), Err(error)) => prop_assert!(error.to_string().contains("number out of range"), "{}", error),
                (Err(_), Err(_)) => {}
            }
        }
    }
}
