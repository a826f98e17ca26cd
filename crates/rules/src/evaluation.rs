//! Values of expressions.

mod calculation;
mod query;

use std::cell::Cell;
use std::ops::Deref;

use thiserror::Error;

use crate::context::Context;
use crate::functions::{self, Invocation};
use crate::limits::{EVALUATION_WORK_MAX, OUTPUT_BYTES_MAX, VALUE_NESTING_MAX};
use crate::rule::SqlVersion;
use crate::syntax::{Call, Case, CastType, Expression, Step};
use crate::value::{Array, Object, Value};

/// Why a statement gives no result for a message. The rule's error action is told.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum EvaluationError {
    /// More work than one evaluation may do.
    #[error(
        "the evaluation takes too much work: more than {EVALUATION_WORK_MAX} bytes would be looked at or made"
    )]
    TooMuchWork,
    /// Arrays and objects inside each other, deeper than allowed.
    #[error("the result is nested more than {VALUE_NESTING_MAX} deep")]
    TooDeep,
    /// A result that is too long.
    #[error("the result has more than {OUTPUT_BYTES_MAX} bytes")]
    OutputTooLong,
    /// `*` beside other items of SELECT, for a payload that has no members.
    #[error("the payload is {found}; only to the members of a JSON object can SELECT *, … add others")]
    NothingToAddTo {
        /// What the payload is.
        found: &'static str,
    },
}

/// A value that was found or made.
#[derive(Debug)]
pub(crate) enum Evaluated<'v> {
    Borrowed(&'v Value<'v>),
    Owned(Value<'v>),
}

impl<'v> Deref for Evaluated<'v> {
    type Target = Value<'v>;

    fn deref(&self) -> &Value<'v> {
        match self {
            Self::Borrowed(value) => value,
            Self::Owned(value) => value,
        }
    }
}

impl<'v> From<Value<'v>> for Evaluated<'v> {
    fn from(value: Value<'v>) -> Self {
        Self::Owned(value)
    }
}

impl Evaluated<'_> {
    pub(crate) const UNDEFINED: Self = Self::Owned(Value::Undefined);
}

pub(crate) type Answer<'v> = Result<Evaluated<'v>, EvaluationError>;

/// The work that an evaluation may still do.
#[derive(Debug)]
pub(crate) struct Work {
    left: Cell<u64>,
}

impl Default for Work {
    fn default() -> Self {
        Self { left: Cell::new(EVALUATION_WORK_MAX) }
    }
}

impl Work {
    /// Accounts for work before it is done.
    pub(crate) fn charge(&self, work: usize) -> Result<(), EvaluationError> {
        let work = u64::try_from(work).unwrap_or(u64::MAX);
        match self.left.get().checked_sub(work) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => {
                self.left.set(0);
                Err(EvaluationError::TooMuchWork)
            }
        }
    }

    /// Accounts for a look at a whole value, or for a copy of it.
    pub(crate) fn charge_value(&self, value: &Value<'_>) -> Result<(), EvaluationError> {
        self.charge(VALUE_WORK)?;
        match value {
            Value::Undefined | Value::Null | Value::Boolean(_) | Value::Number(_) => Ok(()),
            Value::Numeral(text) | Value::Text(text) => self.charge(text.len()),
            Value::Bytes(bytes) => self.charge(bytes.len()),
            Value::Array(array) => array.items().iter().try_for_each(|item| self.charge_value(item)),
            Value::Object(object) => object.members().iter().try_for_each(|(name, member)| {
                self.charge(name.len())?;
                self.charge_value(member)
            }),
        }
    }
}

/// What a value costs besides its text: about the memory that it takes.
const VALUE_WORK: usize = 64;

/// What an attribute is looked for in: the payload, or the item of a nested query.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'s, 'v> {
    pub(crate) item: &'v Value<'v>,
    /// The name of the item.
    pub(crate) alias: Option<&'v str>,
    /// What is around a nested query.
    pub(crate) outer: Option<&'s Scope<'s, 'v>>,
}

impl<'v> Scope<'_, 'v> {
    /// What `SELECT … FROM 'topic'` looks in.
    pub(crate) fn of_payload(payload: &'v Value<'v>) -> Self {
        Self { item: payload, alias: None, outer: None }
    }

    /// The item that goes by this name, from the inside to the outside.
    fn named(&self, name: &str) -> Option<&'v Value<'v>> {
        if self.alias == Some(name) {
            return Some(self.item);
        }
        self.outer?.named(name)
    }
}

/// Evaluates the expressions of one statement for one message.
#[derive(Clone, Copy)]
pub(crate) struct Evaluator<'v> {
    pub(crate) topic: &'v str,
    /// The payload as it came.
    pub(crate) payload: &'v [u8],
    pub(crate) variables: &'v [Value<'static>],
    pub(crate) context: &'v dyn Context,
    pub(crate) work: &'v Work,
    pub(crate) version: SqlVersion,
}

impl<'v> Evaluator<'v> {
    pub(crate) fn evaluate(self, expression: &'v Expression, scope: &Scope<'_, 'v>) -> Answer<'v> {
        self.work.charge(1)?;
        match expression {
            Expression::Literal(value) => Ok(Evaluated::Borrowed(value)),
            Expression::Everything => Ok(Evaluated::Borrowed(scope.item)),
            Expression::Attribute(name) => match scope.named(name) {
                Some(item) => Ok(Evaluated::Borrowed(item)),
                None => self.member(Evaluated::Borrowed(scope.item), name),
            },
            Expression::Variable(place) => {
                Ok(self.variables.get(*place).map_or(Evaluated::UNDEFINED, Evaluated::Borrowed))
            }
            Expression::Path(start, steps) => self.path(start, steps, scope),
            Expression::Array(items) => self.array(items, scope),
            Expression::Object(members) => self.object(members, scope),
            Expression::And(operands) => self.logic(operands, scope, |all, next| all && next),
            Expression::Or(operands) => self.logic(operands, scope, |any, next| any || next),
            Expression::Not(operand) => {
                let operand = self.evaluate(operand, scope)?.to_boolean();
                Ok(Value::boolean(operand.map(|boolean| !boolean)).into())
            }
            Expression::Negative(operand) => {
                let operand = self.evaluate(operand, scope)?;
                Ok(Value::number(operand.to_number().map(|number| number.negated())).into())
            }
            Expression::Comparisons(first, rest) => self.comparisons(first, rest, scope),
            Expression::Calculations(first, rest) => self.calculations(first, rest, scope),
            Expression::Exists(query) => Ok(Value::Boolean(self.exists(query, scope)?).into()),
            Expression::Query(query) => self.query(query, scope),
            Expression::Case(case) => self.case(case, scope),
            Expression::Cast(value, cast_type) => self.cast(value, *cast_type, scope),
            Expression::Call(call) => self.call(call, scope),
        }
    }

    /// Whether a condition holds: only true does, and nothing that could be converted to it.
    pub(crate) fn holds(
        self,
        condition: &'v Expression,
        scope: &Scope<'_, 'v>,
    ) -> Result<bool, EvaluationError> {
        if let Expression::And(operands) = condition {
            // AND is true if each operand converts to true; what the others are need not be asked then.
            for operand in operands {
                if self.evaluate(operand, scope)?.to_boolean() != Some(true) {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        Ok(matches!(*self.evaluate(condition, scope)?, Value::Boolean(true)))
    }

    /// A value of one's own; what is copied for that is accounted for.
    pub(crate) fn own(self, value: Evaluated<'v>) -> Result<Value<'v>, EvaluationError> {
        match value {
            Evaluated::Owned(value) => Ok(value),
            Evaluated::Borrowed(value) => {
                self.work.charge_value(value)?;
                Ok(value.clone())
            }
        }
    }

    /// An array or object that was put together. It must not be too deep for what recurses over it.
    pub(crate) fn checked(self, value: Value<'v>) -> Answer<'v> {
        if value.nesting() > VALUE_NESTING_MAX {
            return Err(EvaluationError::TooDeep);
        }
        Ok(Evaluated::Owned(value))
    }

    /// The member of an object; of anything else Undefined.
    pub(crate) fn member(self, value: Evaluated<'v>, name: &str) -> Answer<'v> {
        let Value::Object(object) = &*value else {
            return Ok(Evaluated::UNDEFINED);
        };
        self.work.charge(object.members().len() / MEMBERS_PER_WORK)?;
        Ok(match value {
            Evaluated::Borrowed(Value::Object(object)) => {
                object.get(name).map_or(Evaluated::UNDEFINED, Evaluated::Borrowed)
            }
            Evaluated::Owned(Value::Object(object)) => {
                let mut members = object.into_members().into_iter().rev();
                members
                    .find(|(known, _)| known == name)
                    .map_or(Evaluated::UNDEFINED, |(_, value)| value.into())
            }
            Evaluated::Borrowed(_) | Evaluated::Owned(_) => Evaluated::UNDEFINED,
        })
    }

    fn path(self, start: &'v Expression, steps: &'v [Step], scope: &Scope<'_, 'v>) -> Answer<'v> {
        let mut value = self.evaluate(start, scope)?;
        for step in steps {
            self.work.charge(1)?;
            value = match step {
                Step::Member(name) => self.member(value, name)?,
                Step::Index(index) => {
                    let index = self.evaluate(index, scope)?;
                    functions::index(self, value, &index)?
                }
            };
        }
        Ok(value)
    }

    fn array(self, items: &'v [Expression], scope: &Scope<'_, 'v>) -> Answer<'v> {
        let mut array = Array::default();
        for item in items {
            array.push(self.own(self.evaluate(item, scope)?)?);
        }
        self.work.charge(items.len() * VALUE_WORK)?;
        self.checked(Value::Array(array))
    }

    fn object(self, members: &'v [(Box<str>, Expression)], scope: &Scope<'_, 'v>) -> Answer<'v> {
        let mut object = Object::default();
        for (name, member) in members {
            self.work.charge(VALUE_WORK + object.members().len() / MEMBERS_PER_WORK)?;
            object.set(name.as_ref().into(), self.own(self.evaluate(member, scope)?)?);
        }
        self.checked(Value::Object(object))
    }

    fn case(self, case: &'v Case, scope: &Scope<'_, 'v>) -> Answer<'v> {
        let subject = self.evaluate(&case.subject, scope)?;
        if subject.is_undefined() {
            return Ok(Evaluated::UNDEFINED);
        }
        for (value, result) in &case.branches {
            let value = self.evaluate(value, scope)?;
            self.work.charge_value(&value)?;
            if subject.equals(&value) {
                return self.evaluate(result, scope);
            }
        }
        case.otherwise.as_ref().map_or(Ok(Evaluated::UNDEFINED), |otherwise| self.evaluate(otherwise, scope))
    }

    fn cast(self, value: &'v Expression, cast_type: CastType, scope: &Scope<'_, 'v>) -> Answer<'v> {
        let value = self.evaluate(value, scope)?;
        self.work.charge_value(&value)?;
        Ok(functions::cast(value, cast_type).into())
    }

    fn call(self, call: &'v Call, scope: &Scope<'_, 'v>) -> Answer<'v> {
        let mut arguments = Vec::with_capacity(call.arguments.len());
        for argument in &call.arguments {
            arguments.push(self.evaluate(argument, scope)?);
        }
        call.function.invoke(Invocation { evaluator: self, arguments, prepared: &call.prepared })
    }
}

/// How many members of an object are looked through for one unit of work.
pub(crate) const MEMBERS_PER_WORK: usize = 4;
