//! Patterns with `*` (any characters, none and slashes included), `?` (one character) and `${variables}`.
//!
//! A pattern is shared by all connections: what its variables stand for is passed in when it is matched, and is compared as
//! it is, so that no value is ever a pattern. Matching never goes back behind a `*` that is done with: the work is at most
//! the length of the pattern times that of the text, and for one without `?` in the middle about the length of the text.

use crate::malformed::{PolicyProblem, Position};
use crate::variable::{Slots, Variable};

/// A resource pattern of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResourcePattern {
    pub(crate) at: Position,
    pub(crate) written: Box<str>,
    pub(crate) pieces: Box<[Piece]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    AnyText,
    AnyCharacter,
    Text(Box<str>),
    /// The variable in this slot of the document.
    Variable(u16),
}

/// What is special in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Syntax {
    /// Whether `${…}` stands for a value: only in documents of version 2012-10-17.
    pub(crate) variables: bool,
    /// Whether `*` and `?` are wildcards.
    pub(crate) wildcards: bool,
}

impl ResourcePattern {
    pub(crate) fn parse(
        written: &str,
        at: Position,
        variables: bool,
        slots: &mut Slots,
    ) -> Result<Self, PolicyProblem> {
        if !is_arn_pattern(written) {
            return Err(PolicyProblem::Resource { found: written.to_owned() });
        }
        let pieces = parse_pieces(written, Syntax { variables, wildcards: true }, slots)?;
        Ok(Self { at, written: written.into(), pieces })
    }

    /// Whether the pattern matches all of `text`. A variable without a value matches nothing.
    pub(crate) fn matches<'v>(&self, text: &str, value: impl Fn(u16) -> Option<&'v str>) -> bool {
        matches(&self.pieces, text, &value)
    }

    /// The slots of its variables.
    pub(crate) fn slots(&self) -> impl Iterator<Item = u16> {
        slots_of(&self.pieces)
    }
}

/// The slots of the variables among pieces.
pub(crate) fn slots_of(pieces: &[Piece]) -> impl Iterator<Item = u16> {
    pieces.iter().filter_map(|piece| match piece {
        Piece::Variable(slot) => Some(*slot),
        Piece::AnyText | Piece::AnyCharacter | Piece::Text(_) => None,
    })
}

/// Whether a text can be the pattern of an ARN: six parts between colons, fewer only where a `*` can stand for the others.
fn is_arn_pattern(written: &str) -> bool {
    let parts = written.split(':').count();
    written.starts_with('*') || (written.starts_with("arn:") && (parts >= 6 || written.contains('*')))
}

/// Takes a text apart.
pub(crate) fn parse_pieces(
    written: &str,
    syntax: Syntax,
    slots: &mut Slots,
) -> Result<Box<[Piece]>, PolicyProblem> {
    let mut pieces = Vec::new();
    let mut rest = written;
    while let Some(at) = rest.find(['*', '?', '$']) {
        let (before, special) = rest.split_at(at);
        push_text(&mut pieces, before);
        rest = match special.strip_prefix("${").filter(|_| syntax.variables) {
            Some(inside) => {
                let malformed = || PolicyProblem::Variable { found: written.to_owned() };
                let (name, behind) = inside.split_once('}').ok_or_else(malformed)?;
                match name {
                    // The three characters that would be special otherwise.
                    "*" | "?" | "$" => push_text(&mut pieces, name),
                    "" => return Err(malformed()),
                    _ if name.contains(['$', '{']) => return Err(malformed()),
                    _ => pieces.push(Piece::Variable(slots.slot(Variable::parse(name)))),
                }
                behind
            }
            None => {
                let (character, behind) = special.split_at(1);
                match character {
                    // Two `*` in a row are one.
                    "*" if syntax.wildcards => {
                        if pieces.last() != Some(&Piece::AnyText) {
                            pieces.push(Piece::AnyText);
                        }
                    }
                    "?" if syntax.wildcards => pieces.push(Piece::AnyCharacter),
                    // A dollar sign alone is one, as in `topic/$aws/things/…`.
                    plain => push_text(&mut pieces, plain),
                }
                behind
            }
        };
    }
    push_text(&mut pieces, rest);
    Ok(pieces.into())
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    if text.is_empty() {
        return;
    }
    if let Some(Piece::Text(before)) = pieces.last_mut() {
        *before = format!("{before}{text}").into();
    } else {
        pieces.push(Piece::Text(text.into()));
    }
}

/// Whether pieces match all of `text`.
pub(crate) fn matches<'v>(pieces: &[Piece], text: &str, value: &impl Fn(u16) -> Option<&'v str>) -> bool {
    let is_any_text = |piece: &Piece| *piece == Piece::AnyText;
    let Some(first_star) = pieces.iter().position(is_any_text) else {
        return strip_prefix(pieces, text, value) == Some("");
    };
    let last_star = pieces.iter().rposition(is_any_text).unwrap_or(first_star);
    let (first, rest) = pieces.split_at(first_star);
    let (middle, last) = rest.split_at(last_star - first_star);
    let Some(mut text) = strip_prefix(first, text, value) else { return false };
    // The pieces between two `*` stand for a fixed number of characters, so that the leftmost place is as good as any.
    for segment in middle.split(is_any_text) {
        match skip_behind(segment, text, value) {
            Some(behind) => text = behind,
            None => return false,
        }
    }
    strip_suffix(last.get(1..).unwrap_or_default(), text, value).is_some()
}

/// What is behind the pieces, if the text begins with them.
fn strip_prefix<'t, 'v>(
    pieces: &[Piece],
    mut text: &'t str,
    value: &impl Fn(u16) -> Option<&'v str>,
) -> Option<&'t str> {
    for piece in pieces {
        text = match piece {
            Piece::Text(expected) => text.strip_prefix(&**expected)?,
            Piece::Variable(slot) => text.strip_prefix(value(*slot)?)?,
            Piece::AnyCharacter => {
                let mut characters = text.chars();
                characters.next()?;
                characters.as_str()
            }
            Piece::AnyText => text,
        };
    }
    Some(text)
}

/// What is before the pieces, if the text ends with them.
fn strip_suffix<'t, 'v>(
    pieces: &[Piece],
    mut text: &'t str,
    value: &impl Fn(u16) -> Option<&'v str>,
) -> Option<&'t str> {
    for piece in pieces.iter().rev() {
        text = match piece {
            Piece::Text(expected) => text.strip_suffix(&**expected)?,
            Piece::Variable(slot) => text.strip_suffix(value(*slot)?)?,
            Piece::AnyCharacter => {
                let mut characters = text.chars();
                characters.next_back()?;
                characters.as_str()
            }
            Piece::AnyText => text,
        };
    }
    Some(text)
}

/// What is behind the first place where the text has the pieces.
fn skip_behind<'t, 'v>(
    pieces: &[Piece],
    text: &'t str,
    value: &impl Fn(u16) -> Option<&'v str>,
) -> Option<&'t str> {
    let only = match pieces {
        [Piece::Text(expected)] => Some(&**expected),
        [Piece::Variable(slot)] => Some(value(*slot)?),
        _ => None,
    };
    if let Some(expected) = only {
        return text.get(text.find(expected)? + expected.len()..);
    }
    let mut start = text.chars();
    loop {
        if let Some(behind) = strip_prefix(pieces, start.as_str(), value) {
            return Some(behind);
        }
        start.next()?;
    }
}

/// Whether a pattern of `*`, `?` and plain characters matches all of `text`.
pub(crate) fn wildcards_match(pattern: &str, text: &str) -> bool {
    let syntax = Syntax { variables: false, wildcards: true };
    parse_pieces(pattern, syntax, &mut Slots::default()).is_ok_and(|pieces| matches(&pieces, text, &|_| None))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Position = Position { line: 1, column: 1 };

    fn value(slots: &Slots, slot: u16) -> Option<&'static str> {
        match slots.variable(slot).unwrap().to_string().as_str() {
            "iot:Connection.Thing.ThingName" => Some("thing-1"),
            "iot:Certificate.Subject.CommonName" => Some("a*"),
            _ => None,
        }
    }

    #[test]
    fn patterns_match_as_in_aws() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "anything", true),
            ("arn:a*", "arn:a", true),
            ("arn:*c", "arn:a/b/c", true),
            ("arn:*b*", "arn:a/b/c", true),
            ("arn:*d*", "arn:a/b/c", false),
            ("arn:**b**", "arn:a/b/c", true),
            ("arn:*a*a", "arn:a", false),
            ("arn:*a*a", "arn:aa", true),
            ("arn:*?b?*", "arn:ab", false),
            ("arn:*?b?*", "arn:abc", true),
            ("arn:*?b?*", "arn:bbb", true),
            ("arn:a:b:c:d:e", "arn:a:b:c:d:e", true),
            ("arn:a:b:c:d:e", "arn:a:b:c:d:ef", false),
            ("arn:a:b:c:d:?", "arn:a:b:c:d:x", true),
            ("arn:a:b:c:d:?", "arn:a:b:c:d:é", true),
            ("arn:a:b:c:d:?", "arn:a:b:c:d:", false),
            ("arn:*?", "arn:é", true),
            ("arn:*$aws/x", "arn:$aws/x", true),
            ("arn:*topicfilter/a/+/#", "arn:topicfilter/a/+/#", true),
            ("arn:*topicfilter/a/+", "arn:topicfilter/a/b", false),
            ("arn:*client/${iot:Connection.Thing.ThingName}", "arn:client/thing-1", true),
            ("arn:*client/${iot:connection.thing.thingname}", "arn:client/thing-1", true),
            ("arn:*client/${iot:Connection.Thing.ThingName}", "arn:client/thing-12", false),
            ("arn:*t/${iot:Connection.Thing.ThingName}/*", "arn:t/thing-1/a/b", true),
            ("arn:*t/*${iot:Connection.Thing.ThingName}*", "arn:t/a/thing-1/b", true),
            ("arn:*t/*/${iot:Connection.Thing.ThingName}?*", "arn:t/a/thing-1/b", true),
            ("arn:*c/${iot:ClientId}", "arn:c/", false),
            ("*${iot:ClientId}", "arn:c/", false),
            ("*${iot:ClientId}*", "arn:c/", false),
            ("*${iot:Moon}", "${iot:Moon}", false),
            ("*c/${iot:Certificate.Subject.CommonName}", "arn:c/abc", false),
            ("*c/${iot:Certificate.Subject.CommonName}", "arn:c/a*", true),
            ("*${*}", "arn:c", false),
            ("*${*}", "arn:c*", true),
            ("*${?}x", "arn:c?x", true),
            ("*${$}{*}", "arn:${*}", true),
            ("*${$}{*}", "arn:${abc}", true),
        ] {
            let mut slots = Slots::default();
            let compiled = ResourcePattern::parse(pattern, START, true, &mut slots).unwrap();
            assert_eq!(compiled.matches(text, |slot| value(&slots, slot)), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn without_variables_they_are_plain_text() {
        let mut slots = Slots::default();
        let pattern = ResourcePattern::parse("*${iot:ClientId}/${*}", START, false, &mut slots).unwrap();
        assert_eq!(slots.len(), 0);
        assert!(pattern.matches("arn:${iot:ClientId}/${a}", |_| None));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        let resource = |found: &str| PolicyProblem::Resource { found: found.to_owned() };
        let variable = |found: &str| PolicyProblem::Variable { found: found.to_owned() };
        for (pattern, expected) in [
            ("", resource("")),
            ("topic/a", resource("topic/a")),
            ("\\*", resource("\\*")),
            ("arn:aws:iot:us-east-1:1", resource("arn:aws:iot:us-east-1:1")),
            ("ARN:aws:iot:us-east-1:1:topic/a", resource("ARN:aws:iot:us-east-1:1:topic/a")),
            ("*${iot:ClientId", variable("*${iot:ClientId")),
            ("*${}", variable("*${}")),
            ("*${a${b}", variable("*${a${b}")),
        ] {
            let found = ResourcePattern::parse(pattern, START, true, &mut Slots::default());
            assert_eq!(found.unwrap_err(), expected, "{pattern}");
        }
    }

    /// The plainest matcher, by recursion.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            (['*', rest @ ..], _) => naive(rest, text) || (!text.is_empty() && naive(pattern, &text[1..])),
            (['?', rest @ ..], [_, behind @ ..]) => naive(rest, behind),
            ([c, rest @ ..], [d, behind @ ..]) if c == d => naive(rest, behind),
            _ => false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_096))]

        #[test]
        fn matching_agrees_with_the_naive_matcher(pattern in "[ab*?é]{0,8}", text in "[abé]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(wildcards_match(&pattern, &text), naive(&chars(&pattern), &chars(&text)));
        }

        /// A value in a pattern means the same as its characters written as escapes.
        #[test]
        fn a_value_is_compared_as_it_is(
            before in "[a*?/]{0,4}",
            hostile in r"[a*?+#/${}]{1,6}",
            behind in "[a*?/]{0,4}",
            text in r"[a*?+#/${}]{0,10}",
        ) {
            let escaped: String = hostile.chars().map(|c| match c {
                '*' | '?' | '$' => format!("${{{c}}}"),
                plain => plain.to_string(),
            }).collect();
            let with = |middle: &str| {
                let mut slots = Slots::default();
                let syntax = Syntax { variables: true, wildcards: true };
                parse_pieces(&format!("{before}{middle}{behind}"), syntax, &mut slots).unwrap()
            };
            let found = matches(&with("${iot:ClientId}"), &text, &|_| Some(&*hostile));
            prop_assert_eq!(found, matches(&with(&escaped), &text, &|_| None));
        }
    }

    /// The work is counted by the clock of the machine only in so far as an exponential matcher would never end.
    #[test]
    fn patterns_made_to_be_slow_are_not() {
        let text = "a".repeat(4_096);
        for pattern in [
            "*a".repeat(1_000) + "b",
            "*?a".repeat(600) + "b",
            "*".repeat(2_000) + "b",
            "a*".repeat(1_000) + "b*",
        ] {
            assert!(!wildcards_match(&pattern, &text), "{pattern}");
        }
    }
}
