//! Expressions, from the operator that binds least to the one that binds most.

use std::borrow::Cow;

use super::{Parser, Warning, is_reserved};
use crate::functions::{self, Availability, Prepared};
use crate::number::Number;
use crate::problem::{SqlParseError, SqlProblem};
use crate::syntax::{Calculation, Call, Case, CastType, Comparison, Expression, Step};
use crate::token::{Sign, Token};
use crate::value::Value;

impl Parser<'_> {
    /// Parses an expression. OR binds less than AND, that less than NOT, comparisons, `+ -` and `* / %`.
    pub(super) fn expression(&mut self) -> Result<Expression, SqlParseError> {
        self.nested(|parser| {
            let mut operands = vec![parser.conjunction()?];
            while parser.take_word("OR")? {
                operands.push(parser.conjunction()?);
            }
            Ok(only(operands).unwrap_or_else(Expression::Or))
        })
    }

    fn conjunction(&mut self) -> Result<Expression, SqlParseError> {
        let mut operands = vec![self.negation()?];
        while self.take_word("AND")? {
            operands.push(self.negation()?);
        }
        Ok(only(operands).unwrap_or_else(Expression::And))
    }

    fn negation(&mut self) -> Result<Expression, SqlParseError> {
        if self.take_word("NOT")? {
            return Ok(Expression::Not(Box::new(self.nested(Self::negation)?)));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Expression, SqlParseError> {
        let first = self.sum()?;
        let mut rest = Vec::new();
        while let Some(comparison) = self.comparison_sign()? {
            self.advance()?;
            rest.push((comparison, self.sum()?));
        }
        if rest.is_empty() {
            return Ok(first);
        }
        Ok(Expression::Comparisons(Box::new(first), rest))
    }

    fn comparison_sign(&self) -> Result<Option<Comparison>, SqlParseError> {
        let Token::Sign(sign) = self.current.token else {
            let foreign = |found, instead| Err(self.here(SqlProblem::Foreign { found, instead }));
            return match &self.current.token {
                token if token.is_word("IN") => Ok(Some(Comparison::In)),
                token if token.is_word("LIKE") => {
                    foreign("LIKE", "use startswith, endswith or regexp_matches")
                }
                token if token.is_word("BETWEEN") => foreign("BETWEEN", "write a >= 1 AND a <= 2"),
                token if token.is_word("IS") => foreign("IS", "use isNull() or isUndefined()"),
                token if token.is_word("NOT") => foreign("NOT behind a value", "write NOT (a IN b)"),
                _ => Ok(None),
            };
        };
        Ok(match sign {
            Sign::Equal => Some(Comparison::Equal),
            Sign::NotEqual => Some(Comparison::NotEqual),
            Sign::Less => Some(Comparison::Less),
            Sign::LessOrEqual => Some(Comparison::LessOrEqual),
            Sign::Greater => Some(Comparison::Greater),
            Sign::GreaterOrEqual => Some(Comparison::GreaterOrEqual),
            Sign::Star
            | Sign::Slash
            | Sign::Percent
            | Sign::Plus
            | Sign::Minus
            | Sign::Dot
            | Sign::Comma
            | Sign::Colon
            | Sign::OpenParenthesis
            | Sign::CloseParenthesis
            | Sign::OpenBracket
            | Sign::CloseBracket
            | Sign::OpenBrace
            | Sign::CloseBrace => None,
        })
    }

    fn sum(&mut self) -> Result<Expression, SqlParseError> {
        let signs = [(Sign::Plus, Calculation::Add), (Sign::Minus, Calculation::Subtract)];
        self.calculations(&signs, Self::product)
    }

    fn product(&mut self) -> Result<Expression, SqlParseError> {
        let signs = [
            (Sign::Star, Calculation::Multiply),
            (Sign::Slash, Calculation::Divide),
            (Sign::Percent, Calculation::Remainder),
        ];
        self.calculations(&signs, Self::signed)
    }

    fn calculations(
        &mut self,
        signs: &[(Sign, Calculation)],
        operand: fn(&mut Self) -> Result<Expression, SqlParseError>,
    ) -> Result<Expression, SqlParseError> {
        let first = operand(self)?;
        let mut rest = Vec::new();
        while let Some((_, calculation)) = signs.iter().find(|(sign, _)| self.is_sign(*sign)) {
            self.advance()?;
            rest.push((*calculation, operand(self)?));
        }
        if rest.is_empty() {
            return Ok(first);
        }
        Ok(Expression::Calculations(Box::new(first), rest))
    }

    fn signed(&mut self) -> Result<Expression, SqlParseError> {
        if !self.take_sign(Sign::Minus)? {
            return self.postfix();
        }
        let operand = self.nested(Self::signed)?;
        if let Expression::Literal(Value::Number(number)) = &operand {
            return Ok(Expression::Literal(Value::Number(number.negated())));
        }
        Ok(Expression::Negative(Box::new(operand)))
    }

    /// Parses an operand and the steps behind it: `.name` and `[index]`.
    pub(super) fn postfix(&mut self) -> Result<Expression, SqlParseError> {
        let start = self.primary()?;
        let mut steps = Vec::new();
        loop {
            if self.take_sign(Sign::Dot)? {
                steps.push(Step::Member(self.name()?));
            } else if self.is_sign(Sign::OpenBracket) {
                self.advance()?;
                steps.push(Step::Index(self.expression()?));
                self.expect_sign(Sign::CloseBracket, "an operator, or the `]` that closes the index")?;
            } else if steps.is_empty() {
                return Ok(start);
            } else {
                return Ok(Expression::Path(Box::new(start), steps));
            }
        }
    }

    fn primary(&mut self) -> Result<Expression, SqlParseError> {
        const EXPECTED: &str =
            "a value: a name, a string, a number, a function, `(`, `[`, `{`, CASE or EXISTS";
        match self.current.token.clone() {
            Token::Word(word) => self.word(word, EXPECTED),
            Token::Variable(name) => match self.variables.iter().position(|known| **known == *name) {
                Some(place) => {
                    self.advance()?;
                    Ok(Expression::Variable(place))
                }
                None => Err(self.here(SqlProblem::UnknownVariable { name: name.to_owned() })),
            },
            Token::Text(text) => {
                self.advance()?;
                Ok(Expression::Literal(Value::Text(Cow::Owned(text.into_owned()))))
            }
            Token::Number(text) => match Number::parse(text) {
                Some(number) => {
                    self.advance()?;
                    Ok(Expression::Literal(Value::Number(number)))
                }
                None => Err(self.unexpected("a number between 1E-999 and 9.99E999")),
            },
            Token::Sign(Sign::Star) => {
                self.advance()?;
                Ok(Expression::Everything)
            }
            Token::Sign(Sign::OpenParenthesis) => {
                self.advance()?;
                self.parenthesised()
            }
            Token::Sign(Sign::OpenBracket) => {
                self.advance()?;
                let items = self.list(Sign::CloseBracket, "an operator, `,`, or the `]` of the array")?;
                Ok(Expression::Array(items))
            }
            Token::Sign(Sign::OpenBrace) => {
                self.advance()?;
                self.object()
            }
            Token::Sign(_) | Token::End => Err(self.unexpected(EXPECTED)),
        }
    }

    /// Parses what begins with a word: a literal, CASE, EXISTS, a function or an attribute.
    fn word(&mut self, word: &str, expected: &'static str) -> Result<Expression, SqlParseError> {
        let literal = |value| Ok(Expression::Literal(value));
        if word.eq_ignore_ascii_case("NULL") {
            self.advance()?;
            return literal(Value::Null);
        }
        if let Some(boolean) = Value::text(word).to_boolean() {
            self.advance()?;
            return literal(Value::Boolean(boolean));
        }
        if word.eq_ignore_ascii_case("CASE") {
            self.advance()?;
            return self.case();
        }
        if is_reserved(word) {
            return Err(self.unexpected(expected));
        }
        if self.peek_second() != Some(Token::Sign(Sign::OpenParenthesis)) {
            self.advance()?;
            return Ok(Expression::Attribute(word.into()));
        }
        if word.eq_ignore_ascii_case("EXISTS") {
            self.advance()?;
            self.advance()?;
            let query = self.nested(Self::query)?;
            self.expect_sign(Sign::CloseParenthesis, "an operator, or the `)` that closes the query")?;
            return Ok(Expression::Exists(Box::new(query)));
        }
        if word.eq_ignore_ascii_case("CAST") {
            self.advance()?;
            self.advance()?;
            return self.cast();
        }
        self.call(word)
    }

    /// Parses what stands behind an opening parenthesis: a nested query, or an expression.
    fn parenthesised(&mut self) -> Result<Expression, SqlParseError> {
        let inside = if self.is_word("SELECT") {
            Expression::Query(Box::new(self.nested(Self::query)?))
        } else {
            self.expression()?
        };
        if self.is_sign(Sign::Comma) {
            return Err(self.here(SqlProblem::Foreign {
                found: "a list in parentheses",
                instead: "write an array, as ['a', 'b']",
            }));
        }
        self.expect_sign(Sign::CloseParenthesis, "an operator, or the `)` that closes the parenthesis")?;
        Ok(inside)
    }

    /// Parses expressions up to the sign that closes them.
    fn list(&mut self, close: Sign, expected: &'static str) -> Result<Vec<Expression>, SqlParseError> {
        let mut items = Vec::new();
        if self.take_sign(close)? {
            return Ok(items);
        }
        loop {
            items.push(self.expression()?);
            if self.take_sign(Sign::Comma)? {
                continue;
            }
            self.expect_sign(close, expected)?;
            return Ok(items);
        }
    }

    fn object(&mut self) -> Result<Expression, SqlParseError> {
        let mut members = Vec::new();
        // The last member may be followed by a comma, as rules in the field have it.
        while !self.is_sign(Sign::CloseBrace) {
            if !matches!(self.current.token, Token::Text(_)) {
                return Err(self.unexpected("the name of a member in quotes, or `}`"));
            }
            let name = self.name()?;
            self.expect_sign(Sign::Colon, "`:` and the value of the member")?;
            members.push((name, self.expression()?));
            if !self.take_sign(Sign::Comma)? {
                break;
            }
        }
        self.expect_sign(Sign::CloseBrace, "an operator, `,` and another member, or the `}` of the object")?;
        Ok(Expression::Object(members))
    }

    fn case(&mut self) -> Result<Expression, SqlParseError> {
        if self.is_word("WHEN") {
            return Err(self.unexpected(
                "the value that WHEN compares with: CASE temperature > 50 WHEN true THEN … END",
            ));
        }
        let subject = self.expression()?;
        let mut branches = Vec::new();
        self.expect_word("WHEN", "an operator or WHEN")?;
        loop {
            let value = self.expression()?;
            self.expect_word("THEN", "an operator or THEN")?;
            branches.push((value, self.expression()?));
            if !self.take_word("WHEN")? {
                break;
            }
        }
        let otherwise = if self.take_word("ELSE")? { Some(self.expression()?) } else { None };
        let expected =
            if otherwise.is_some() { "an operator or END" } else { "an operator, WHEN, ELSE or END" };
        self.expect_word("END", expected)?;
        Ok(Expression::Case(Box::new(Case { subject, branches, otherwise })))
    }

    /// Parses `value AS type)`.
    fn cast(&mut self) -> Result<Expression, SqlParseError> {
        let value = self.expression()?;
        self.expect_word("AS", "an operator, or AS and a type")?;
        let cast_type = match &self.current.token {
            Token::Word(word) => cast_type(word),
            Token::Variable(_) | Token::Text(_) | Token::Number(_) | Token::Sign(_) | Token::End => None,
        };
        let Some(cast_type) = cast_type else {
            return Err(self.unexpected("a type: String, Int, Decimal, Double or Boolean"));
        };
        self.advance()?;
        self.expect_sign(Sign::CloseParenthesis, "the `)` that closes the cast")?;
        Ok(Expression::Cast(Box::new(value), cast_type))
    }

    /// Parses the call of a function by this name.
    fn call(&mut self, name: &str) -> Result<Expression, SqlParseError> {
        let start = self.current.start;
        let Some(function) = functions::find(name) else {
            let hint = functions::hint(name);
            return Err(self.here(SqlProblem::UnknownFunction { name: name.to_owned(), hint }));
        };
        if let Availability::NotBuilt { reason } = function.availability {
            return Err(self.here(SqlProblem::FunctionNotBuilt { name: function.name, reason }));
        }
        self.advance()?;
        self.advance()?;
        let (arguments, starts) = self.arguments()?;
        if !function.arity.contains(&arguments.len()) {
            // The reference has calls with a wrong number of arguments be Undefined, not refused.
            self.warnings.push(Warning { byte: start, function, arguments: arguments.len() });
        }
        let is_payload = self.queries == 0 && matches!(arguments.first(), Some(Expression::Everything));
        let prepared = Prepared::of(function, &arguments, is_payload).map_err(|(argument, problem)| {
            problem.at(self.text, starts.get(argument).copied().unwrap_or(start))
        })?;
        Ok(Expression::Call(Call { function, arguments, prepared }))
    }

    /// Parses arguments up to the parenthesis that closes them, and where each begins.
    fn arguments(&mut self) -> Result<(Vec<Expression>, Vec<usize>), SqlParseError> {
        let (mut arguments, mut starts) = (Vec::new(), Vec::new());
        if self.take_sign(Sign::CloseParenthesis)? {
            return Ok((arguments, starts));
        }
        loop {
            starts.push(self.current.start);
            arguments.push(self.expression()?);
            if self.take_sign(Sign::Comma)? {
                continue;
            }
            self.expect_sign(Sign::CloseParenthesis, "an operator, `,`, or the `)` that closes the call")?;
            return Ok((arguments, starts));
        }
    }
}

/// The only one of some operands; else all of them.
fn only(mut operands: Vec<Expression>) -> Result<Expression, Vec<Expression>> {
    match (operands.pop(), operands.is_empty()) {
        (Some(operand), true) => Ok(operand),
        (last, _) => {
            operands.extend(last);
            Err(operands)
        }
    }
}

/// The keywords of `cast` (iot-sql-functions, cast). Case does not count.
fn cast_type(word: &str) -> Option<CastType> {
    match word.to_ascii_lowercase().as_str() {
        "string" | "nvarchar" | "text" | "ntext" | "varchar" => Some(CastType::Text),
        "int" | "integer" => Some(CastType::Int),
        "decimal" => Some(CastType::Decimal),
        "double" => Some(CastType::Double),
        "bool" | "boolean" => Some(CastType::Boolean),
        _ => None,
    }
}
