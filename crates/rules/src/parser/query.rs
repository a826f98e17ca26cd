//! Statements and nested queries: SET, SELECT, FROM and WHERE.

use landfall_model::TopicFilter;

use super::{Parser, is_reserved};
use crate::basic_ingest::BASIC_INGEST_PREFIX;
use crate::limits::{SQL_NESTING_MAX, VARIABLE_NAME_CHARACTERS_MAX, VARIABLES_MAX};
use crate::problem::{SqlParseError, SqlProblem};
use crate::syntax::{Call, Expression, Item, Query, Selection, Statement, Step, Variable};
use crate::token::{Sign, Token, shortened};

/// An item of SELECT as it is written.
struct Written {
    /// Where it begins, in bytes.
    start: usize,
    value: Expression,
    /// The path after AS.
    alias: Option<Box<[Box<str>]>>,
}

impl Parser<'_> {
    pub(super) fn statement(&mut self) -> Result<Statement, SqlParseError> {
        let mut variables = Vec::new();
        let mut expected = "SELECT, or SET and variables before it";
        if self.take_word("SET")? {
            variables = self.variables()?;
            expected = "an operator, `,` and another variable, or SELECT";
        }
        self.expect_word("SELECT", expected)?;
        let selection = self.selection()?;
        // Rules that are only invoked by Basic Ingest need no FROM.
        let filter = if self.take_word("FROM")? { Some(self.filter()?) } else { None };
        let condition = if self.take_word("WHERE")? { Some(self.expression()?) } else { None };
        if self.current.token != Token::End {
            return Err(self.unexpected(match (&condition, &filter) {
                (Some(_), _) => "an operator, or the end of the SQL",
                (None, Some(_)) => "WHERE, or the end of the SQL",
                (None, None) => "an operator, `,` and another item, AS, FROM, WHERE, or the end of the SQL",
            }));
        }
        Ok(Statement { variables, selection, filter, condition })
    }

    /// Parses a nested query, whose SELECT comes next, up to the parenthesis that closes it.
    pub(super) fn query(&mut self) -> Result<Query, SqlParseError> {
        self.expect_word("SELECT", "SELECT")?;
        self.queries += 1;
        let selection = self.selection()?;
        self.expect_word("FROM", "an operator, `,` and another item, AS, or FROM")?;
        let source = self.postfix()?;
        let alias = if self.take_word("AS")? { Some(self.name()?) } else { None };
        let condition = if self.take_word("WHERE")? { Some(self.expression()?) } else { None };
        self.queries -= 1;
        Ok(Query { selection, source, alias, condition })
    }

    /// Parses what follows SET.
    fn variables(&mut self) -> Result<Vec<Variable>, SqlParseError> {
        let mut variables = Vec::new();
        loop {
            let Token::Variable(name) = self.current.token else {
                return Err(self.unexpected("a variable, as @name"));
            };
            if name.len() > VARIABLE_NAME_CHARACTERS_MAX {
                return Err(self.here(SqlProblem::VariableName { characters: name.len() }));
            }
            if self.variables.iter().any(|known| **known == *name) {
                return Err(self.here(SqlProblem::VariableTwice { name: name.to_owned() }));
            }
            if variables.len() >= VARIABLES_MAX {
                return Err(self.here(SqlProblem::TooManyVariables));
            }
            self.advance()?;
            self.expect_sign(Sign::Equal, "`=` and the value of the variable")?;
            let value = self.expression()?;
            // A variable can be used from here on, and not in its own value.
            self.variables.push(name.into());
            variables.push(Variable { name: name.into(), value });
            if !self.take_sign(Sign::Comma)? {
                return Ok(variables);
            }
        }
    }

    /// Parses what follows SELECT, up to FROM or the end.
    fn selection(&mut self) -> Result<Selection, SqlParseError> {
        if self.is_word("VALUE") && self.value_is_keyword() {
            self.advance()?;
            let value = self.expression()?;
            if self.is_sign(Sign::Comma) {
                return Err(self.here(SqlProblem::SeveralValues));
            }
            if self.is_word("AS") {
                return Err(self.unexpected("an operator or FROM, as SELECT VALUE gives no names"));
            }
            return Ok(Selection::Value(value));
        }
        let mut items = vec![self.item()?];
        while self.take_sign(Sign::Comma)? {
            items.push(self.item()?);
        }
        if let [Written { value: Expression::Everything, alias: None, .. }] = items.as_slice() {
            return Ok(Selection::Everything);
        }
        let items = items.into_iter().map(|written| self.named(written));
        items.collect::<Result<_, _>>().map(Selection::Items)
    }

    /// Whether VALUE is the keyword, and not an attribute of that name: an expression has to follow.
    fn value_is_keyword(&self) -> bool {
        match self.peek_second() {
            Some(Token::Word(word)) => {
                !is_reserved(word)
                    || ["NOT", "CASE", "NULL", "TRUE", "FALSE"].iter().any(|k| word.eq_ignore_ascii_case(k))
            }
            Some(Token::Variable(_) | Token::Text(_) | Token::Number(_)) => true,
            Some(Token::Sign(sign)) => match sign {
                Sign::OpenParenthesis | Sign::OpenBracket | Sign::OpenBrace => true,
                // `VALUE *` unless the star multiplies.
                Sign::Star => self.star_ends_selection(),
                Sign::Slash
                | Sign::Percent
                | Sign::Plus
                | Sign::Minus
                | Sign::Equal
                | Sign::NotEqual
                | Sign::Less
                | Sign::LessOrEqual
                | Sign::Greater
                | Sign::GreaterOrEqual
                | Sign::Dot
                | Sign::Comma
                | Sign::Colon
                | Sign::CloseParenthesis
                | Sign::CloseBracket
                | Sign::CloseBrace => false,
            },
            Some(Token::End) | None => false,
        }
    }

    /// Whether FROM, WHERE or the end stands behind the star that is the second token from here.
    fn star_ends_selection(&self) -> bool {
        let mut ahead = self.lexer.clone();
        let third = ahead.next().and_then(|_| ahead.next()).map(|located| located.token);
        third.is_ok_and(|token| token.is_word("FROM") || token.is_word("WHERE") || token == Token::End)
    }

    fn item(&mut self) -> Result<Written, SqlParseError> {
        let start = self.current.start;
        let value = self.expression()?;
        let alias = if self.take_word("AS")? { Some(self.alias()?) } else { None };
        Ok(Written { start, value, alias })
    }

    /// Parses the path after AS: any word, and members of it.
    fn alias(&mut self) -> Result<Box<[Box<str>]>, SqlParseError> {
        // `AS from` is a name, but not where the topic filter follows.
        if self.is_word("FROM") && matches!(self.peek_second(), Some(Token::Text(_))) {
            return Err(self.unexpected("a name"));
        }
        let mut path = vec![self.name()?];
        while self.take_sign(Sign::Dot)? {
            if path.len() >= SQL_NESTING_MAX {
                return Err(self.here(SqlProblem::TooDeep));
            }
            path.push(self.name()?);
        }
        Ok(path.into())
    }

    /// Parses a word that cannot be a keyword where it stands, or a name in quotes.
    pub(super) fn name(&mut self) -> Result<Box<str>, SqlParseError> {
        match &self.current.token {
            Token::Word(_) | Token::Text(_) => match self.advance()?.token {
                Token::Word(word) => Ok(word.into()),
                Token::Text(text) => Ok(text.into()),
                Token::Variable(_) | Token::Number(_) | Token::Sign(_) | Token::End => Ok(Box::default()),
            },
            Token::Number(_) => Err(self.unexpected(
                "a name; what is no name is reached with an index, as in a[0], or with get(a, 'my-key')",
            )),
            Token::Variable(_) | Token::Sign(_) | Token::End => Err(self.unexpected("a name")),
        }
    }

    /// Gives an item the name that it goes by: that of AS, or its own.
    fn named(&self, item: Written) -> Result<Item, SqlParseError> {
        let Written { start, value, alias } = item;
        if let Some(path) = alias {
            return Ok(Item::Named { path, value });
        }
        if matches!(value, Expression::Everything) {
            return Ok(Item::Everything);
        }
        match self.own_name(&value) {
            Some(name) => Ok(Item::Named { path: [name].into(), value }),
            None => {
                Err(SqlProblem::Unnamed { example: "SELECT temperature * 2 AS doubled" }.at(self.text, start))
            }
        }
    }

    /// The name that an expression has without AS: the last one of a path, or that of a variable or a function.
    fn own_name(&self, value: &Expression) -> Option<Box<str>> {
        match value {
            Expression::Attribute(name) => Some(name.clone()),
            Expression::Variable(place) => self.variables.get(*place).cloned(),
            Expression::Call(Call { function, .. }) => Some(function.name.into()),
            Expression::Cast(..) => Some("cast".into()),
            Expression::Path(start, steps) => {
                let member = steps.iter().rev().find_map(|step| match step {
                    Step::Member(name) => Some(name.clone()),
                    Step::Index(_) => None,
                });
                member.or_else(|| self.own_name(start))
            }
            Expression::Literal(_)
            | Expression::Everything
            | Expression::Array(_)
            | Expression::Object(_)
            | Expression::And(_)
            | Expression::Or(_)
            | Expression::Not(_)
            | Expression::Negative(_)
            | Expression::Comparisons(..)
            | Expression::Calculations(..)
            | Expression::Exists(_)
            | Expression::Query(_)
            | Expression::Case(_) => None,
        }
    }

    /// Parses the topic filter of FROM.
    fn filter(&mut self) -> Result<TopicFilter, SqlParseError> {
        let Token::Text(text) = &self.current.token else {
            return Err(self.unexpected("a topic filter in quotes, as 'sensors/+/data'"));
        };
        let filter = TopicFilter::parse(text).map_err(|error| self.here(SqlProblem::Filter(error)))?;
        let useless = |reason| SqlProblem::UselessFilter { found: shortened(text), reason };
        if filter.is_shared() {
            return Err(self.here(useless("a rule takes no shared subscription")));
        }
        if text.starts_with(BASIC_INGEST_PREFIX) {
            return Err(self.here(useless("what is published to $aws/rules/ invokes the rule that it names")));
        }
        self.advance()?;
        Ok(filter)
    }
}
