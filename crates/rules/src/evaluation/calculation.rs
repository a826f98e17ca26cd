//! Operators (iot-sql-operators).

use std::borrow::Cow;
use std::cmp::Ordering;

use super::{Answer, Evaluated, EvaluationError, Evaluator, Scope};
use crate::number::Number;
use crate::syntax::{Calculation, Comparison, Expression};
use crate::value::Value;

impl<'v> Evaluator<'v> {
    /// AND or OR of several operands. If one is neither a boolean nor written as one, the result is Undefined, whatever
    /// the others are: that is how the tables of both read.
    pub(super) fn logic(
        self,
        operands: &'v [Expression],
        scope: &Scope<'_, 'v>,
        join: fn(bool, bool) -> bool,
    ) -> Answer<'v> {
        let mut result = None;
        for operand in operands {
            let Some(next) = self.evaluate(operand, scope)?.to_boolean() else {
                return Ok(Evaluated::UNDEFINED);
            };
            result = Some(result.map_or(next, |before| join(before, next)));
        }
        Ok(Value::boolean(result).into())
    }

    pub(super) fn comparisons(
        self,
        first: &'v Expression,
        rest: &'v [(Comparison, Expression)],
        scope: &Scope<'_, 'v>,
    ) -> Answer<'v> {
        let mut left = self.evaluate(first, scope)?;
        for (comparison, right) in rest {
            let right = self.evaluate(right, scope)?;
            left = Value::boolean(self.compare(*comparison, &left, &right)?).into();
        }
        Ok(left)
    }

    /// Whether a comparison holds. Nothing is Undefined.
    fn compare(
        self,
        comparison: Comparison,
        left: &Value<'_>,
        right: &Value<'_>,
    ) -> Result<Option<bool>, EvaluationError> {
        if left.is_undefined() || right.is_undefined() {
            return Ok(None);
        }
        let order = || Some(left.to_number()?.cmp(&right.to_number()?));
        Ok(match comparison {
            Comparison::Equal => Some(self.equal(left, right)?),
            Comparison::NotEqual => Some(!self.equal(left, right)?),
            Comparison::Less => order().map(Ordering::is_lt),
            Comparison::LessOrEqual => order().map(Ordering::is_le),
            Comparison::Greater => order().map(Ordering::is_gt),
            Comparison::GreaterOrEqual => order().map(Ordering::is_ge),
            Comparison::In => {
                let Value::Array(array) = right else {
                    return Ok(None);
                };
                for item in array.items() {
                    if self.equal(left, item)? {
                        return Ok(Some(true));
                    }
                }
                Some(false)
            }
        })
    }

    pub(super) fn equal(self, left: &Value<'_>, right: &Value<'_>) -> Result<bool, EvaluationError> {
        self.work.charge_value(left)?;
        Ok(left.equals(right))
    }

    pub(super) fn calculations(
        self,
        first: &'v Expression,
        rest: &'v [(Calculation, Expression)],
        scope: &Scope<'_, 'v>,
    ) -> Answer<'v> {
        let mut left = self.evaluate(first, scope)?;
        for (calculation, right) in rest {
            let right = self.evaluate(right, scope)?;
            left = self.calculate(*calculation, &left, &right)?.into();
        }
        Ok(left)
    }

    fn calculate(
        self,
        calculation: Calculation,
        left: &Value<'_>,
        right: &Value<'_>,
    ) -> Result<Value<'v>, EvaluationError> {
        let is_text = matches!(left, Value::Text(_)) || matches!(right, Value::Text(_));
        if calculation == Calculation::Add && is_text {
            self.work.charge_value(left)?;
            self.work.charge_value(right)?;
            let joined = left.to_text().zip(right.to_text()).map(|(left, right)| format!("{left}{right}"));
            return Ok(joined.map_or(Value::Undefined, |text| Value::Text(Cow::Owned(text))));
        }
        let (Some(left), Some(right)) = (left.to_number(), right.to_number()) else {
            return Ok(Value::Undefined);
        };
        let operation = match calculation {
            Calculation::Add => Number::add,
            Calculation::Subtract => Number::subtract,
            Calculation::Multiply => Number::multiply,
            Calculation::Divide => Number::divide,
            Calculation::Remainder => Number::remainder,
        };
        Ok(Value::number(operation(&left, &right)))
    }
}
