//! Regular expressions, by an engine whose time is linear in the text.

use std::borrow::Cow;
use std::fmt::Write as _;

use regex::{Captures, Regex, RegexBuilder};

use super::{Invocation, Prepared};
use crate::evaluation::{Answer, Evaluated, EvaluationError};
use crate::limits::{REGEX_BYTES_MAX, REGEX_PROGRAM_BYTES_MAX};
use crate::value::Value;

/// What it costs to compile an expression that is no literal.
const COMPILE_WORK: usize = 200_000;

/// What it costs to look at a byte of text with a small expression, and with a large one, which can be in many more states
/// at once. Measured: up to 2 microseconds a byte for one that just fits.
const BYTE_WORK: usize = 32;
const LARGE_BYTE_WORK: usize = 96;

/// An expression whose program takes no more memory than this is a small one.
const SMALL_PROGRAM_BYTES_MAX: usize = 8 * 1024;

/// A compiled expression.
#[derive(Debug)]
pub(crate) struct Expression {
    regex: Regex,
    /// What it costs to look at a byte.
    byte_work: usize,
}

/// Compiles an expression.
///
/// # Errors
/// What is wrong with it.
pub(super) fn compile(pattern: &str) -> Result<Expression, String> {
    if let Ok(regex) = compile_within(pattern, SMALL_PROGRAM_BYTES_MAX) {
        return Ok(Expression { regex, byte_work: BYTE_WORK });
    }
    let regex = compile_within(pattern, REGEX_PROGRAM_BYTES_MAX)?;
    Ok(Expression { regex, byte_work: LARGE_BYTE_WORK })
}

fn compile_within(pattern: &str, program_bytes_max: usize) -> Result<Regex, String> {
    if pattern.len() > REGEX_BYTES_MAX {
        return Err(format!("it has {} bytes; at most {REGEX_BYTES_MAX} are allowed", pattern.len()));
    }
    let regex =
        RegexBuilder::new(&with_ascii_classes(pattern)).size_limit(program_bytes_max).nest_limit(32).build();
    regex.map_err(|error| match error {
        regex::Error::Syntax(text) => {
            // The last line says what is wrong; those before draw the expression.
            text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
        }
        regex::Error::CompiledTooBig(_) => "it repeats too much".to_owned(),
        other => other.to_string(),
    })
}

pub(super) fn matches(call: Invocation<'_>) -> Answer<'_> {
    let found = with_regex(&call, |regex, text| Ok(regex.is_match(text)))?;
    Ok(Value::boolean(found).into())
}

/// What the expression finds first; Undefined if that is nothing.
pub(super) fn substr(call: Invocation<'_>) -> Answer<'_> {
    let found = with_regex(&call, |regex, text| Ok(regex.find(text).map(|found| found.as_str().to_owned())))?;
    Ok(found.flatten().map_or(Value::Undefined, |found| Value::Text(found.into())).into())
}

pub(super) fn replace(call: Invocation<'_>) -> Answer<'_> {
    let Some(replacement) = call.text(2)? else {
        return Ok(Evaluated::UNDEFINED);
    };
    let work = call.evaluator.work;
    let replaced = with_regex(&call, |regex, text| {
        let Some(parts) = replacement_parts(&replacement, regex) else {
            return Ok(None);
        };
        let mut result = String::new();
        let mut end = 0;
        for captures in regex.captures_iter(text) {
            let Some(whole) = captures.get(0) else {
                continue;
            };
            let before = result.len();
            result.push_str(text.get(end..whole.start()).unwrap_or_default());
            parts.iter().for_each(|part| part.write(&captures, &mut result));
            end = whole.end();
            work.charge(BYTE_WORK + result.len() - before)?;
        }
        result.push_str(text.get(end..).unwrap_or_default());
        Ok(Some(result))
    })?;
    Ok(replaced.flatten().map_or(Value::Undefined, |text| Value::Text(text.into())).into())
}

/// Applies the expression, which is the second argument, to the first. Nothing if either cannot be used.
fn with_regex<T>(
    call: &Invocation<'_>,
    apply: impl FnOnce(&Regex, &str) -> Result<T, EvaluationError>,
) -> Result<Option<T>, EvaluationError> {
    let Some(text) = call.text(0)? else {
        return Ok(None);
    };
    let charged = |expression: &Expression| {
        call.evaluator.work.charge(text.len().saturating_mul(expression.byte_work))?;
        apply(&expression.regex, &text).map(Some)
    };
    if let Prepared::Regex(expression) = call.prepared {
        return charged(expression);
    }
    let Some(pattern) = call.text(1)? else {
        return Ok(None);
    };
    call.evaluator.work.charge(COMPILE_WORK)?;
    match compile(&pattern) {
        Ok(expression) => charged(&expression),
        Err(_) => Ok(None),
    }
}

/// A part of a replacement.
enum ReplacementPart<'r> {
    Text(Cow<'r, str>),
    Group(usize),
    NamedGroup(&'r str),
}

impl ReplacementPart<'_> {
    fn write(&self, captures: &Captures<'_>, out: &mut String) {
        match self {
            Self::Text(text) => out.push_str(text),
            Self::Group(group) => out.push_str(captures.get(*group).map_or("", |found| found.as_str())),
            Self::NamedGroup(name) => out.push_str(captures.name(name).map_or("", |found| found.as_str())),
        }
    }
}

/// Takes a replacement apart: `$1` and `${name}` are groups, a backslash takes its meaning from the character behind it.
/// Nothing if a group is not there: then it is no valid replacement.
fn replacement_parts<'r>(replacement: &'r str, regex: &Regex) -> Option<Vec<ReplacementPart<'r>>> {
    let mut parts = Vec::new();
    let mut rest = replacement;
    while let Some(at) = rest.find(['$', '\\']) {
        let (plain, special) = rest.split_at(at);
        parts.push(ReplacementPart::Text(Cow::Borrowed(plain)));
        let behind = special.get(1..).unwrap_or_default();
        if special.starts_with('\\') {
            let next = behind.chars().next()?;
            parts.push(ReplacementPart::Text(Cow::Owned(next.to_string())));
            rest = behind.get(next.len_utf8()..).unwrap_or_default();
        } else if let Some(named) = behind.strip_prefix('{') {
            let (name, after) = named.split_once('}')?;
            regex.capture_names().flatten().find(|known| *known == name)?;
            parts.push(ReplacementPart::NamedGroup(name));
            rest = after;
        } else {
            let (group, length) = group_number(behind, regex.captures_len())?;
            parts.push(ReplacementPart::Group(group));
            rest = behind.get(length..).unwrap_or_default();
        }
    }
    parts.push(ReplacementPart::Text(Cow::Borrowed(rest)));
    Some(parts)
}

/// Reads the number of a group: as many digits as make the number of one that is there, at least one.
fn group_number(text: &str, groups: usize) -> Option<(usize, usize)> {
    let mut found = None;
    for length in 1..=text.len().min(4) {
        match text.get(..length).map(str::parse::<usize>) {
            Some(Ok(group)) if group < groups && text.as_bytes().first()?.is_ascii_digit() => {
                found = Some((group, length));
            }
            Some(_) | None => break,
        }
    }
    found
}

/// Gives `\d`, `\w`, `\s` and `\b` the meaning that they have in AWS's engine, where they know ASCII only, and `\Q…\E` its own.
fn with_ascii_classes(pattern: &str) -> String {
    let mut translated = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(at) = rest.find('\\') {
        let (plain, escape) = rest.split_at(at);
        translated.push_str(plain);
        let mut characters = escape.chars();
        characters.next();
        match characters.next() {
            Some('d') => translated.push_str("[0-9]"),
            Some('D') => translated.push_str("[^0-9]"),
            Some('w') => translated.push_str("[0-9A-Za-z_]"),
            Some('W') => translated.push_str("[^0-9A-Za-z_]"),
            Some('s') => translated.push_str(r"[ \t\n\x0B\f\r]"),
            Some('S') => translated.push_str(r"[^ \t\n\x0B\f\r]"),
            Some('b') => translated.push_str(r"(?-u:\b)"),
            Some('Q') => {
                let (quoted, after) =
                    characters.as_str().split_once("\\E").unwrap_or((characters.as_str(), ""));
                translated.push_str(&regex::escape(quoted));
                rest = after;
                continue;
            }
            // Writing to a string does not fail.
            Some(other) => {
                let _ = write!(translated, "\\{other}");
            }
            None => translated.push('\\'),
        }
        rest = characters.as_str();
    }
    translated.push_str(rest);
    translated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_know_ascii_as_in_the_engine_of_aws() {
        for (pattern, text, expected) in [
            (r"^\d+$", "123", true),
            (r"^\d+$", "١٢٣", false),
            (r"^[\w-]+$", "a-1_", true),
            (r"^\w$", "ä", false),
            (r"^[^\s]$", "ä", true),
            (r"\bfoo\b", "a foo b", true),
            (r"^\Qa.b\E+$", "a.bbb", true),
            (r"^\Qa.b\E$", "axb", false),
            (r"^\\d$", r"\d", true),
            (r"^\.$", ".", true),
            ("(?i)^ABC$", "abc", true),
        ] {
            assert_eq!(compile(pattern).unwrap().regex.is_match(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn what_is_not_linear_or_too_large_is_refused() {
        for (pattern, reason) in [
            ("(?=a)", "look-around, including look-ahead and look-behind, is not supported"),
            (r"(a)\1", "backreferences are not supported"),
            ("a{1,1000}{1,1000}", "it repeats too much"),
            ("[a", "unclosed character class"),
            ("(", "unclosed group"),
        ] {
            assert_eq!(compile(pattern).unwrap_err(), reason, "{pattern}");
        }
        assert_eq!(compile(&"a".repeat(1025)).unwrap_err(), "it has 1025 bytes; at most 1024 are allowed");
        assert!(compile(&"(".repeat(500)).is_err());
    }

    #[test]
    fn replacements_name_groups_as_the_engine_of_aws_does() {
        let regex = compile("(a)(?<word>b)").unwrap().regex;
        let replace = |replacement| {
            let parts = replacement_parts(replacement, &regex)?;
            let mut out = String::new();
            let captures = regex.captures("ab").unwrap();
            parts.iter().for_each(|part| part.write(&captures, &mut out));
            Some(out)
        };
        for (replacement, expected) in [
            ("$2$1", Some("ba")),
            ("$1x", Some("ax")),
            ("$10", Some("a0")),
            ("$0", Some("ab")),
            ("${word}!", Some("b!")),
            (r"\$1\\", Some(r"$1\")),
            ("ü", Some("ü")),
            ("", Some("")),
            ("$3", None),
            ("$", None),
            ("$x", None),
            ("${no}", None),
            ("${word", None),
            ("\\", None),
        ] {
            assert_eq!(replace(replacement).as_deref(), expected, "{replacement}");
        }
    }
}
