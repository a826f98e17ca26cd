//! Dates and times as text: `parse_time` writes them by patterns of Joda-Time, `time_to_epoch` reads them by those of Java.

mod format;
mod parse;
mod pattern;
mod zone;

pub(super) use format::FormatPattern;
pub(super) use parse::ParsePattern;

use super::{Invocation, Prepared};
use crate::evaluation::{Answer, Evaluated};
use crate::number::Number;
use crate::value::Value;

/// What it costs to read a pattern that is no literal.
const PATTERN_WORK: usize = 1_000;

/// What it costs to look up a zone.
const ZONE_WORK: usize = 1_000;

/// The names of the months, of which short ones are the first three letters.
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The names of the days of a week, from Monday, of which short ones are the first three letters.
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// How many letters a short name of a month or a day has.
const SHORT_NAME_LETTERS: usize = 3;

/// Writes a moment, in milliseconds of Unix time, by a pattern, in a zone or in UTC.
pub(super) fn parse_time(call: Invocation<'_>) -> Answer<'_> {
    let Some(milliseconds) = call.number(1).and_then(|number| i64::try_from(number.floor()?).ok()) else {
        return Ok(Evaluated::UNDEFINED);
    };
    let name = if call.arguments.len() > 2 { call.text(2)? } else { Some("UTC".into()) };
    call.evaluator.work.charge(ZONE_WORK)?;
    let Some(zone) = name.and_then(|name| zone::find(&name)) else {
        return Ok(Evaluated::UNDEFINED);
    };
    let written = match (call.prepared, call.text(0)?) {
        (Prepared::FormatPattern(pattern), _) => pattern.write(milliseconds, &zone),
        (_, Some(pattern)) => {
            call.evaluator.work.charge(PATTERN_WORK)?;
            FormatPattern::parse(&pattern).ok().and_then(|pattern| pattern.write(milliseconds, &zone))
        }
        (_, None) => None,
    };
    Ok(written.map_or(Value::Undefined, |text| Value::Text(text.into())).into())
}

/// Reads a moment, and returns it in milliseconds of Unix time.
pub(super) fn time_to_epoch(call: Invocation<'_>) -> Answer<'_> {
    let Some(text) = call.text(0)? else {
        return Ok(Evaluated::UNDEFINED);
    };
    call.evaluator.work.charge(ZONE_WORK)?;
    let milliseconds = match (call.prepared, call.text(1)?) {
        (Prepared::ParsePattern(pattern), _) => pattern.read(&text),
        (_, Some(pattern)) => {
            call.evaluator.work.charge(PATTERN_WORK)?;
            ParsePattern::parse(&pattern).ok().and_then(|pattern| pattern.read(&text))
        }
        (_, None) => None,
    };
    Ok(Value::number(milliseconds.map(Number::from_i64)).into())
}
