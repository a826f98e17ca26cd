//! The words, numbers, strings and signs of a statement.

use std::borrow::Cow;

use crate::problem::{SqlParseError, SqlProblem};

/// A piece of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// A name or a keyword, as it was written.
    Word(&'a str),
    /// `@name`, without the `@`.
    Variable(&'a str),
    /// A string, without its quotes and escapes.
    Text(Cow<'a, str>),
    /// A number, as it was written.
    Number(&'a str),
    /// A sign.
    Sign(Sign),
    /// The end of the text.
    End,
}

/// A sign of the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    Star,
    Slash,
    Percent,
    Plus,
    Minus,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Dot,
    Comma,
    Colon,
    OpenParenthesis,
    CloseParenthesis,
    OpenBracket,
    CloseBracket,
    OpenBrace,
    CloseBrace,
}

impl Sign {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Star => "*",
            Self::Slash => "/",
            Self::Percent => "%",
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Dot => ".",
            Self::Comma => ",",
            Self::Colon => ":",
            Self::OpenParenthesis => "(",
            Self::CloseParenthesis => ")",
            Self::OpenBracket => "[",
            Self::CloseBracket => "]",
            Self::OpenBrace => "{",
            Self::CloseBrace => "}",
        }
    }
}

impl Token<'_> {
    /// Whether this is the keyword, which is given in capitals. Case does not count.
    pub(crate) fn is_word(&self, keyword: &str) -> bool {
        matches!(self, Self::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// What it is, for people.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Word(word) => format!("`{}`", shortened(word)),
            Self::Variable(name) => format!("`@{}`", shortened(name)),
            Self::Text(text) => format!("the string {:?}", shortened(text)),
            Self::Number(number) => format!("the number {}", shortened(number)),
            Self::Sign(sign) => format!("`{}`", sign.text()),
            Self::End => "the end".to_owned(),
        }
    }
}

/// At most this many characters of what was found are repeated.
const SHOWN_CHARACTERS_MAX: usize = 40;

pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A token and where it stands, in bytes.
#[derive(Clone, Debug)]
pub(crate) struct Located<'a> {
    pub(crate) token: Token<'a>,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Reads tokens out of a text, one at a time, so that a template's expression ends where its brace does.
#[derive(Clone, Debug)]
pub(crate) struct Lexer<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str, position: usize) -> Self {
        Self { text, position }
    }

    /// The next token. At the end it is [`Token::End`], again and again.
    pub(crate) fn next(&mut self) -> Result<Located<'a>, SqlParseError> {
        let rest = self.rest();
        self.position += rest.len() - rest.trim_start().len();
        let start = self.position;
        let Some(first) = self.rest().chars().next() else {
            return Ok(Located { token: Token::End, start, end: start });
        };
        let token = match first {
            '\'' | '"' => self.string(first)?,
            '0'..='9' => self.number()?,
            '@' => self.variable()?,
            _ if is_word_start(first) => self.word(),
            _ => self.sign(first)?,
        };
        Ok(Located { token, start, end: self.position })
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }

    fn problem(&self, problem: SqlProblem) -> SqlParseError {
        problem.at(self.text, self.position)
    }

    /// Takes characters while they belong.
    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|character| !belongs(character)).unwrap_or(rest.len());
        self.position += end;
        rest.get(..end).unwrap_or_default()
    }

    /// A string ends at its quote. A quote inside is doubled or follows a backslash; a backslash stands for itself unless
    /// another or a quote follows, so that regular expressions need no second one.
    fn string(&mut self, quote: char) -> Result<Token<'a>, SqlParseError> {
        let rest = self.rest();
        let inside = rest.get(1..).unwrap_or_default();
        let mut text = Cow::Borrowed("");
        let mut characters = inside.char_indices().peekable();
        let mut plain_start = 0;
        while let Some((at, character)) = characters.next() {
            let next = characters.peek().map(|(_, next)| *next);
            let is_escape = character == '\\' && matches!(next, Some('\\' | '\'' | '"'));
            let is_doubled = character == quote && next == Some(quote);
            if is_escape || is_doubled {
                text.to_mut().push_str(inside.get(plain_start..at).unwrap_or_default());
                text.to_mut().extend(next);
                characters.next();
                plain_start = at + 2;
            } else if character == quote {
                let last = inside.get(plain_start..at).unwrap_or_default();
                self.position += at + 2;
                return Ok(Token::Text(if text.is_empty() { Cow::Borrowed(last) } else { text + last }));
            }
        }
        Err(self.problem(SqlProblem::UnclosedString { quote }))
    }

    fn number(&mut self) -> Result<Token<'a>, SqlParseError> {
        let start = self.position;
        self.take_while(|character| character.is_ascii_digit());
        let mut is_whole = true;
        // A dot without digits behind it is a step to a member, and none of a number.
        if self.rest().starts_with('.') && self.rest().as_bytes().get(1).is_some_and(u8::is_ascii_digit) {
            self.position += 1;
            self.take_while(|character| character.is_ascii_digit());
        }
        if self.rest().starts_with(['e', 'E']) {
            self.position += 1;
            if self.rest().starts_with(['+', '-']) {
                self.position += 1;
            }
            is_whole = !self.take_while(|character| character.is_ascii_digit()).is_empty();
        }
        let tail = self.take_while(|character| is_word_part(character) && character != '$');
        let text = self.text.get(start..self.position).unwrap_or_default();
        if is_whole && tail.is_empty() {
            return Ok(Token::Number(text));
        }
        Err(SqlProblem::Number { found: shortened(text) }.at(self.text, start))
    }

    fn variable(&mut self) -> Result<Token<'a>, SqlParseError> {
        self.position += 1;
        let name = self.take_while(|character| character.is_ascii_alphanumeric() || character == '_');
        if name.is_empty() {
            let found = self.rest().chars().next().map_or("the end".to_owned(), |next| format!("{next:?}"));
            return Err(
                self.problem(SqlProblem::Unexpected { found, expected: "the name of a variable after `@`" })
            );
        }
        Ok(Token::Variable(name))
    }

    fn word(&mut self) -> Token<'a> {
        Token::Word(self.take_while(is_word_part))
    }

    fn sign(&mut self, first: char) -> Result<Token<'a>, SqlParseError> {
        let second = self.rest().chars().nth(1);
        let foreign = |found, instead| SqlProblem::Foreign { found, instead };
        let sign = match (first, second) {
            ('<', Some('>')) => Sign::NotEqual,
            ('<', Some('=')) => Sign::LessOrEqual,
            ('>', Some('=')) => Sign::GreaterOrEqual,
            ('!', Some('=')) => return Err(self.problem(foreign("`!=`", "write <>"))),
            ('=', Some('=')) => return Err(self.problem(foreign("`==`", "write ="))),
            ('|', Some('|')) => return Err(self.problem(foreign("`||`", "join strings with + or concat()"))),
            ('&', Some('&')) => return Err(self.problem(foreign("`&&`", "write AND"))),
            ('-', Some('-')) if self.rest().chars().nth(2).is_none_or(|third| !third.is_ascii_digit()) => {
                return Err(self.problem(foreign("a comment", "leave comments out")));
            }
            ('/', Some('*')) => return Err(self.problem(foreign("a comment", "leave comments out"))),
            ('`', _) => return Err(self.problem(foreign("a backtick", "quote with ' or \""))),
            ('*', _) => Sign::Star,
            ('/', _) => Sign::Slash,
            ('%', _) => Sign::Percent,
            ('+', _) => Sign::Plus,
            ('-', _) => Sign::Minus,
            ('=', _) => Sign::Equal,
            ('<', _) => Sign::Less,
            ('>', _) => Sign::Greater,
            ('.', _) => Sign::Dot,
            (',', _) => Sign::Comma,
            (':', _) => Sign::Colon,
            ('(', _) => Sign::OpenParenthesis,
            (')', _) => Sign::CloseParenthesis,
            ('[', _) => Sign::OpenBracket,
            (']', _) => Sign::CloseBracket,
            ('{', _) => Sign::OpenBrace,
            ('}', _) => Sign::CloseBrace,
            (other, _) => {
                return Err(self.problem(SqlProblem::Unexpected {
                    found: format!("the character {other:?}"),
                    expected: "a name, a string, a number or a sign of the SQL",
                }));
            }
        };
        self.position += sign.text().len();
        Ok(Token::Sign(sign))
    }
}

fn is_word_start(character: char) -> bool {
    character.is_alphabetic() || matches!(character, '_' | '$')
}

fn is_word_part(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Result<Vec<Token<'_>>, SqlParseError> {
        let mut lexer = Lexer::new(text, 0);
        let mut found = Vec::new();
        loop {
            let token = lexer.next()?.token;
            if token == Token::End {
                return Ok(found);
            }
            found.push(token);
        }
    }

    fn text(text: &str) -> Token<'_> {
        Token::Text(text.into())
    }

    #[test]
    fn every_kind_of_token_is_read() {
        let expected = vec![
            Token::Word("SELECT"),
            Token::Word("a_1"),
            Token::Sign(Sign::Dot),
            Token::Word("$b"),
            Token::Sign(Sign::LessOrEqual),
            Token::Number("1.5e-3"),
            Token::Variable("v2"),
            Token::Sign(Sign::NotEqual),
            text("x"),
            Token::Word("größe"),
        ];
        assert_eq!(tokens("SELECT a_1.$b<=1.5e-3 @v2\t<>\n'x'größe").unwrap(), expected);
        assert_eq!(tokens("1--2").unwrap().len(), 4);
        for sign in ["*", "/", "%", "+", "-", "=", "<", ">", ">=", ",", ":", "(", ")", "[", "]", "{", "}"] {
            assert!(
                matches!(tokens(sign).unwrap()[..], [Token::Sign(found)] if found.text() == sign),
                "{sign}"
            );
        }
    }

    #[test]
    fn strings_take_both_quotes_and_few_escapes() {
        for (sql, expected) in [
            ("''", ""),
            ("'a\"b'", "a\"b"),
            ("\"a'b\"", "a'b"),
            ("'it''s'", "it's"),
            ("\"a\"\"b\"", "a\"b"),
            (r"'\d+\.\\w'", r"\d+\.\w"),
            (r"'\''", "'"),
            (r#""\"""#, "\""),
            ("'ü'''", "ü'"),
            ("''''", "'"),
            ("'a\nb'", "a\nb"),
        ] {
            assert_eq!(tokens(sql).unwrap(), [text(expected)], "{sql}");
        }
    }

    #[test]
    fn what_is_no_token_is_told_with_its_place() {
        for (sql, byte, message) in [
            ("a 'b", 2, "the string that begins here has no closing '"),
            ("\"b'", 0, "the string that begins here has no closing \""),
            ("a 1.5x", 2, "1.5x is not a number; it must be written as 15, 1.5 or 2e10"),
            ("1e+", 0, "1e+ is not a number; it must be written as 15, 1.5 or 2e10"),
            ("12ab", 0, "12ab is not a number; it must be written as 15, 1.5 or 2e10"),
            ("a != b", 2, "found `!=`, which AWS IoT SQL does not have; write <>"),
            ("a == b", 2, "found `==`, which AWS IoT SQL does not have; write ="),
            ("a || b", 2, "found `||`, which AWS IoT SQL does not have; join strings with + or concat()"),
            ("a -- b", 2, "found a comment, which AWS IoT SQL does not have; leave comments out"),
            ("/* a */", 0, "found a comment, which AWS IoT SQL does not have; leave comments out"),
            ("`a`", 0, "found a backtick, which AWS IoT SQL does not have; quote with ' or \""),
            ("@-", 1, "found '-', expected the name of a variable after `@`"),
            ("a;", 1, "found the character ';', expected a name, a string, a number or a sign of the SQL"),
        ] {
            let error = tokens(sql).unwrap_err();
            assert_eq!((error.position.byte, error.problem.to_string().as_str()), (byte, message), "{sql}");
        }
    }
}
