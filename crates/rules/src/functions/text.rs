//! Functions of strings. Their arguments are converted to strings; what cannot be is Undefined.

use std::borrow::Cow;

use super::Invocation;
use crate::evaluation::{Answer, Evaluated, EvaluationError};
use crate::limits::PADDING_MAX;
use crate::number::Number;
use crate::value::Value;

/// What the trim functions remove: the white space of ASCII.
const WHITE_SPACE: [char; 6] = [' ', '\t', '\n', '\r', '\x0b', '\x0c'];

/// A function of one string.
fn unary<'v>(call: Invocation<'v>, function: impl FnOnce(&str) -> Value<'static>) -> Answer<'v> {
    let text = call.text(0)?;
    Ok(text.map_or(Value::Undefined, |text| function(&text)).into())
}

/// A function of two strings.
fn binary<'v>(call: Invocation<'v>, function: impl FnOnce(&str, &str) -> Value<'static>) -> Answer<'v> {
    let arguments = call.text(0)?.zip(call.text(1)?);
    Ok(arguments.map_or(Value::Undefined, |(left, right)| function(&left, &right)).into())
}

fn owned(text: &str) -> Value<'static> {
    Value::Text(Cow::Owned(text.to_owned()))
}

fn count(count: usize) -> Value<'static> {
    Value::number(i64::try_from(count).ok().map(Number::from_i64))
}

pub(super) fn chr(call: Invocation<'_>) -> Answer<'_> {
    let code = call.number(0).and_then(|number| u8::try_from(number.floor()?).ok());
    let character = code.filter(u8::is_ascii).map(char::from);
    Ok(character.map_or(Value::Undefined, |character| Value::Text(character.to_string().into())).into())
}

pub(super) fn endswith(call: Invocation<'_>) -> Answer<'_> {
    binary(call, |text, end| Value::Boolean(text.ends_with(end)))
}

/// The reference does not say what the index of a part is that is not there: -1, as in the language that AWS's engine is
/// written in.
pub(super) fn indexof(call: Invocation<'_>) -> Answer<'_> {
    binary(call, |text, part| match text.find(part) {
        Some(at) => count(text.get(..at).unwrap_or_default().chars().count()),
        None => Value::Number(Number::from_i64(-1)),
    })
}

pub(super) fn length(call: Invocation<'_>) -> Answer<'_> {
    unary(call, |text| count(text.chars().count()))
}

pub(super) fn lower(call: Invocation<'_>) -> Answer<'_> {
    unary(call, |text| Value::Text(text.to_lowercase().into()))
}

pub(super) fn upper(call: Invocation<'_>) -> Answer<'_> {
    unary(call, |text| Value::Text(text.to_uppercase().into()))
}

pub(super) fn lpad(call: Invocation<'_>) -> Answer<'_> {
    pad(call, |text, spaces| format!("{spaces}{text}"))
}

pub(super) fn rpad(call: Invocation<'_>) -> Answer<'_> {
    pad(call, |text, spaces| format!("{text}{spaces}"))
}

fn pad<'v>(call: Invocation<'v>, join: fn(&str, &str) -> String) -> Answer<'v> {
    let Some(count) = call.number(1) else {
        return Ok(Evaluated::UNDEFINED);
    };
    let count = usize::try_from(count.floor_saturating().clamp(0, PADDING_MAX)).unwrap_or_default();
    call.evaluator.work.charge(count)?;
    unary(call, |text| Value::Text(join(text, &" ".repeat(count)).into()))
}

pub(super) fn ltrim(call: Invocation<'_>) -> Answer<'_> {
    unary(call, |text| owned(text.trim_start_matches(WHITE_SPACE)))
}

pub(super) fn rtrim(call: Invocation<'_>) -> Answer<'_> {
    unary(call, |text| owned(text.trim_end_matches(WHITE_SPACE)))
}

pub(super) fn trim(call: Invocation<'_>) -> Answer<'_> {
    unary(call, |text| owned(text.trim_matches(WHITE_SPACE)))
}

pub(super) fn numbytes(call: Invocation<'_>) -> Answer<'_> {
    unary(call, |text| count(text.len()))
}

pub(super) fn replace(call: Invocation<'_>) -> Answer<'_> {
    let (Some(text), Some(part), Some(replacement)) = (call.text(0)?, call.text(1)?, call.text(2)?) else {
        return Ok(Evaluated::UNDEFINED);
    };
    let found = text.matches(part.as_ref()).count();
    call.evaluator.work.charge(text.len().saturating_add(found.saturating_mul(replacement.len())))?;
    Ok(Value::Text(text.replace(part.as_ref(), &replacement).into()).into())
}

pub(super) fn startswith(call: Invocation<'_>) -> Answer<'_> {
    binary(call, |text, start| Value::Boolean(text.starts_with(start)))
}

/// Indices that are no Ints are rounded down, as in the reference's examples; those beyond the string are at its ends.
pub(super) fn substring(call: Invocation<'_>) -> Answer<'_> {
    let Some(from) = index(&call, 1)? else {
        return Ok(Evaluated::UNDEFINED);
    };
    let to = if call.arguments.len() > 2 { index(&call, 2)? } else { Some(usize::MAX) };
    let Some(to) = to else {
        return Ok(Evaluated::UNDEFINED);
    };
    unary(call, |text| {
        let part: String = text.chars().skip(from).take(to.saturating_sub(from)).collect();
        Value::Text(part.into())
    })
}

/// An argument as an index of a character.
fn index(call: &Invocation<'_>, place: usize) -> Result<Option<usize>, EvaluationError> {
    let index = call.number(place).map(|number| number.floor_saturating().max(0));
    Ok(index.map(|index| usize::try_from(index).unwrap_or(usize::MAX)))
}
