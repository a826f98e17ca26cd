//! From the text of a rule, or of a template's expression, to what it says.
//!
//! Written by hand, one function for each rule of the grammar: keywords depend on where they stand (`value`, `end` and `set`
//! are also names of attributes), an error names what would be right, the depth is counted in one place, and a template's
//! expression ends where its brace closes. A parser library would hide each of these behind combinators.

mod expression;
mod query;

use crate::functions::Function;
use crate::limits::{SQL_BYTES_MAX, SQL_NESTING_MAX};
use crate::problem::{SqlParseError, SqlProblem};
use crate::syntax::{Expression, Statement};
use crate::token::{Lexer, Located, Sign, Token};

/// Words that are never the name of an attribute, unless they follow a dot.
const RESERVED: &[&str] = &[
    "SELECT", "FROM", "WHERE", "AS", "AND", "OR", "NOT", "IN", "CASE", "WHEN", "THEN", "ELSE", "END", "NULL",
    "TRUE", "FALSE",
];

/// Reads a text as far as the grammar goes.
pub(crate) struct Parser<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
    /// The token that comes next.
    current: Located<'a>,
    nesting: usize,
    /// The variables that can be used here.
    variables: Vec<Box<str>>,
    /// How many queries are around.
    queries: usize,
    warnings: Vec<Warning>,
}

/// Something in a statement that is legal and probably wrong.
#[derive(Clone, Debug)]
pub(crate) struct Warning {
    pub(crate) byte: usize,
    pub(crate) function: &'static Function,
    pub(crate) arguments: usize,
}

/// Parses a whole statement.
pub(crate) fn parse_statement(text: &str) -> Result<(Statement, Vec<Warning>), SqlParseError> {
    let mut parser = Parser::new(text, 0, Vec::new())?;
    let statement = parser.statement()?;
    Ok((statement, parser.warnings))
}

/// Parses the expression of a template that begins at `start`, and returns it with the byte behind the brace that closes it.
pub(crate) fn parse_template_expression(
    text: &str,
    start: usize,
    variables: &[Box<str>],
) -> Result<(Expression, usize), SqlParseError> {
    let mut parser = Parser::new(text, start, variables.to_vec())?;
    let expression = parser.expression()?;
    if parser.is_sign(Sign::CloseBrace) {
        return Ok((expression, parser.current.end));
    }
    if parser.current.token == Token::End {
        return Err(SqlProblem::UnclosedTemplate.at(text, start.saturating_sub(2)));
    }
    Err(parser.unexpected("an operator, or the } that closes the template's expression"))
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, start: usize, variables: Vec<Box<str>>) -> Result<Self, SqlParseError> {
        if text.len() > SQL_BYTES_MAX {
            return Err(SqlProblem::TooLong { bytes: text.len() }.at(text, 0));
        }
        let mut lexer = Lexer::new(text, start);
        let current = lexer.next()?;
        Ok(Self { text, lexer, current, nesting: 0, variables, queries: 0, warnings: Vec::new() })
    }

    /// Steps over the token that comes next, and returns it.
    fn advance(&mut self) -> Result<Located<'a>, SqlParseError> {
        // Nothing behind the token that comes next was looked at: a template's text may follow its brace.
        let next = self.lexer.next()?;
        Ok(std::mem::replace(&mut self.current, next))
    }

    /// The token after the one that comes next. Nothing when it is no token.
    fn peek_second(&self) -> Option<Token<'a>> {
        self.lexer.clone().next().ok().map(|located| located.token)
    }

    fn is_word(&self, keyword: &str) -> bool {
        self.current.token.is_word(keyword)
    }

    fn is_sign(&self, sign: Sign) -> bool {
        self.current.token == Token::Sign(sign)
    }

    fn take_word(&mut self, keyword: &str) -> Result<bool, SqlParseError> {
        let is_next = self.is_word(keyword);
        if is_next {
            self.advance()?;
        }
        Ok(is_next)
    }

    fn take_sign(&mut self, sign: Sign) -> Result<bool, SqlParseError> {
        let is_next = self.is_sign(sign);
        if is_next {
            self.advance()?;
        }
        Ok(is_next)
    }

    fn expect_sign(&mut self, sign: Sign, expected: &'static str) -> Result<(), SqlParseError> {
        if self.take_sign(sign)? { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    fn expect_word(&mut self, keyword: &str, expected: &'static str) -> Result<(), SqlParseError> {
        if self.take_word(keyword)? { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    fn unexpected(&self, expected: &'static str) -> SqlParseError {
        self.here(SqlProblem::Unexpected { found: self.current.token.describe(), expected })
    }

    /// A problem with the token that comes next.
    fn here(&self, problem: SqlProblem) -> SqlParseError {
        problem.at(self.text, self.current.start)
    }

    /// Parses what stands inside something else.
    fn nested<T>(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<T, SqlParseError>,
    ) -> Result<T, SqlParseError> {
        if self.nesting >= SQL_NESTING_MAX {
            return Err(self.here(SqlProblem::TooDeep));
        }
        self.nesting += 1;
        let parsed = parse(self);
        self.nesting -= 1;
        parsed
    }
}

fn is_reserved(word: &str) -> bool {
    RESERVED.iter().any(|keyword| keyword.eq_ignore_ascii_case(word))
}
