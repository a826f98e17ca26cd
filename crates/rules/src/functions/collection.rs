//! Functions of arrays and objects, of what is missing, and conversions.

use std::borrow::Cow;

use super::Invocation;
use crate::evaluation::{Answer, Evaluated, EvaluationError, Evaluator};
use crate::json;
use crate::limits::TRANSFORM_BYTES_MAX;
use crate::number::Number;
use crate::syntax::CastType;
use crate::value::{Array, Object, Value};

/// The item of an array, the character of a string, or the member of an object.
pub(crate) fn index<'v>(evaluator: Evaluator<'v>, value: Evaluated<'v>, key: &Value<'_>) -> Answer<'v> {
    if let (Value::Object(_), Value::Text(name)) = (&*value, key) {
        return evaluator.member(value, name);
    }
    let Some(at) = key.to_number().and_then(|number| usize::try_from(number.floor()?).ok()) else {
        return Ok(Evaluated::UNDEFINED);
    };
    if let Value::Text(text) = &*value {
        evaluator.work.charge(text.len())?;
        let character = text.chars().nth(at).map(|character| Value::Text(character.to_string().into()));
        return Ok(character.unwrap_or(Value::Undefined).into());
    }
    Ok(match value {
        Evaluated::Borrowed(Value::Array(array)) => {
            array.items().get(at).map_or(Evaluated::UNDEFINED, Evaluated::Borrowed)
        }
        Evaluated::Owned(Value::Array(array)) => {
            array.into_items().into_iter().nth(at).unwrap_or(Value::Undefined).into()
        }
        Evaluated::Borrowed(_) | Evaluated::Owned(_) => Evaluated::UNDEFINED,
    })
}

/// Converts a value as `cast` does: as the standard conversions, and numbers to and from booleans.
pub(crate) fn cast<'v>(value: Evaluated<'v>, cast_type: CastType) -> Value<'v> {
    let number = || {
        if let Value::Boolean(boolean) = &*value {
            return Some(Number::from_i64(i64::from(*boolean)));
        }
        Some(value.to_number()?.into_owned())
    };
    match cast_type {
        CastType::Text => {
            value.to_text().map_or(Value::Undefined, |text| Value::Text(Cow::Owned(text.into_owned())))
        }
        CastType::Int => Value::number(number().and_then(|number| number.floor().map(Number::Int))),
        // A whole Decimal is an Int (cast, SQL version 2016-03-23).
        CastType::Decimal => Value::number(number().map(Number::into_whole)),
        CastType::Double => Value::number(
            number().and_then(|number| Number::from_double(number.to_double())).map(Number::into_whole),
        ),
        CastType::Boolean => match value.as_number() {
            Some(number) => Value::Boolean(number.signum() != 0),
            None => Value::boolean(value.to_boolean()),
        },
    }
}

/// Arrays are put together with everything else as their items; without an array, strings are.
pub(super) fn concat(mut call: Invocation<'_>) -> Answer<'_> {
    if call.arguments.len() == 1 {
        return Ok(call.take(0));
    }
    let evaluator = call.evaluator;
    if call.arguments.iter().any(|argument| matches!(**argument, Value::Array(_))) {
        let mut all = Array::default();
        for argument in call.arguments {
            let argument = evaluator.own(argument)?;
            if let Value::Array(array) = argument {
                array.into_items().into_iter().for_each(|item| all.push(item));
            } else {
                all.push(argument);
            }
        }
        return evaluator.checked(Value::Array(all));
    }
    if !call.arguments.iter().any(|argument| matches!(**argument, Value::Text(_))) {
        return Ok(Evaluated::UNDEFINED);
    }
    let mut text = String::new();
    for place in 0..call.arguments.len() {
        match call.text(place)? {
            Some(part) => text.push_str(&part),
            None => return Ok(Evaluated::UNDEFINED),
        }
    }
    Ok(Value::Text(text.into()).into())
}

pub(super) fn get(mut call: Invocation<'_>) -> Answer<'_> {
    let value = call.take(0);
    index(call.evaluator, value, call.argument(1))
}

pub(super) fn get_or_default(mut call: Invocation<'_>) -> Answer<'_> {
    let place = usize::from(call.argument(0).is_missing());
    Ok(call.take(place))
}

pub(super) fn is_null(call: Invocation<'_>) -> Answer<'_> {
    Ok(Value::Boolean(matches!(call.argument(0), Value::Null)).into())
}

pub(super) fn is_undefined(call: Invocation<'_>) -> Answer<'_> {
    Ok(Value::Boolean(call.argument(0).is_undefined()).into())
}

/// There is no number that is not one here: what would be, is Undefined.
pub(super) fn nanvl(call: Invocation<'_>) -> Answer<'_> {
    get_or_default(call)
}

/// Adds the members of an object to each object of an array.
pub(super) fn transform(mut call: Invocation<'_>) -> Answer<'_> {
    let evaluator = call.evaluator;
    if !matches!(call.argument(0), Value::Text(mode) if mode == "enrichArray") {
        return Ok(Evaluated::UNDEFINED);
    }
    let (added, array) = (call.take(1), call.take(2));
    let (Value::Object(added), Value::Array(_)) = (&*added, &*array) else {
        return Ok(Evaluated::UNDEFINED);
    };
    let Value::Array(array) = evaluator.own(array)? else {
        return Ok(Evaluated::UNDEFINED);
    };
    let mut enriched = Array::default();
    for item in array.into_items() {
        let Value::Object(mut object) = item else {
            return Ok(Evaluated::UNDEFINED);
        };
        add_members(evaluator, &mut object, added)?;
        enriched.push(Value::Object(object));
    }
    let enriched = Value::Array(enriched);
    evaluator.work.charge_value(&enriched)?;
    let mut json = String::new();
    json::write(&enriched, &mut json, TRANSFORM_BYTES_MAX);
    if json.len() > TRANSFORM_BYTES_MAX {
        return Ok(Evaluated::UNDEFINED);
    }
    evaluator.checked(enriched.into_owned())
}

fn add_members(
    evaluator: Evaluator<'_>,
    object: &mut Object<'_>,
    added: &Object<'_>,
) -> Result<(), EvaluationError> {
    for (name, value) in added.members() {
        evaluator.work.charge_value(value)?;
        evaluator.work.charge(name.len() + object.members().len())?;
        object.set(Cow::Owned(name.to_string()), value.clone().into_owned());
    }
    Ok(())
}
