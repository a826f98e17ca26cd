//! Patterns with `*` (any characters, none and slashes included), `?` (one character) and `${variables}`.
//!
//! A pattern is shared by all connections: what its variables stand for is passed in when it is matched, and is compared as
//! it is, so that no value is ever a pattern.
//!
//! Matching never goes back behind a `*` that is done with. What stands between two of them is looked for by its first text,
//! and after [`TRIES_MAX`] places where only the beginning of it stands, at all places at once, 64 in one operation: see
//! [`Places`]. So for a pattern of `p` bytes, values included, and a text of `t` bytes the work is `O(p + t + m · t / 64)`,
//! where `m` is the bytes of the parts so looked for, and no more than about `2 · t`. For the ARNs that a connection asks
//! about, of which none is longer than [`ARN_BYTES`](crate::resource::ARN_BYTES), `t / 64` is at most 7.

use crate::malformed::{PolicyProblem, Position};
use crate::places::Places;
use crate::variable::{Slots, Variable};

/// At how many places a part between two `*` is looked at one by one. As many as an MQTT topic in AWS IoT has levels, so
/// that parts which begin with a slash hardly ever need more.
const TRIES_MAX: usize = 8;

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
    let Some(text) = strip_prefix(first, text, value) else { return false };
    parts_match(middle, last, text, value)
}

/// Whether the parts between `*` stand in the text one behind the other, and the last at its end.
///
/// Not inlined, because most patterns do not come so far, and should not pay for the room on the stack.
#[inline(never)]
fn parts_match<'v>(
    middle: &[Piece],
    last: &[Piece],
    text: &str,
    value: &impl Fn(u16) -> Option<&'v str>,
) -> bool {
    let mut search = Search { whole: text, rest: text, places: None };
    // The pieces between two `*` stand for a fixed number of characters, so that the leftmost place is as good as any.
    let is_any_text = |piece: &Piece| *piece == Piece::AnyText;
    let is_found = middle.split(is_any_text).all(|part| search.skip_behind(part, value).is_some());
    is_found && strip_suffix(last.get(1..).unwrap_or_default(), search.rest, value).is_some()
}

/// Looks for one part of a pattern behind the other.
struct Search<'t> {
    whole: &'t str,
    /// What is behind the parts found.
    rest: &'t str,
    /// Those of the bytes of `whole`, made when they are needed first.
    places: Option<Places>,
}

impl<'t> Search<'t> {
    /// Goes behind the first place that has the pieces, which are between two `*`.
    fn skip_behind<'v>(&mut self, pieces: &[Piece], value: &impl Fn(u16) -> Option<&'v str>) -> Option<()> {
        // `?` beside a `*` only says how many characters that is at least: `*?a?*` is `?*a*?`.
        let is_fixed = |piece: &Piece| *piece != Piece::AnyCharacter;
        let start = pieces.iter().position(is_fixed).unwrap_or(pieces.len());
        let end = pieces.iter().rposition(is_fixed).map_or(start, |place| place + 1);
        let (before, behind) = (pieces.get(..start)?, pieces.get(end..)?);
        self.rest = strip_prefix(before, self.rest, value)?;
        self.rest = self.find_behind(pieces.get(start..end)?, value)?;
        self.rest = strip_prefix(behind, self.rest, value)?;
        Some(())
    }

    /// What is behind the first place that has the pieces, of which the first is no `?`.
    fn find_behind<'v>(
        &mut self,
        pieces: &[Piece],
        value: &impl Fn(u16) -> Option<&'v str>,
    ) -> Option<&'t str> {
        let Some((first, others)) = pieces.split_first() else { return Some(self.rest) };
        let first = match first {
            Piece::Text(text) => text,
            Piece::Variable(slot) => value(*slot)?,
            Piece::AnyText | Piece::AnyCharacter => "",
        };
        let mut rest = self.rest;
        for _ in 0..TRIES_MAX {
            let place = rest.find(first)?;
            count_steps(place + first.len());
            let found = rest.get(place..)?;
            if let Some(behind) = strip_prefix(others, found.get(first.len()..)?, value) {
                return Some(behind);
            }
            let mut characters = found.chars();
            characters.next()?;
            rest = characters.as_str();
        }
        let places = self.places.get_or_insert_with(|| Places::new(self.whole));
        places.begin_at(self.whole.len() - rest.len());
        for piece in pieces {
            let is_left = match piece {
                Piece::Text(text) => places.skip_text(text),
                Piece::Variable(slot) => places.skip_text(value(*slot)?),
                Piece::AnyCharacter => places.skip_character(),
                Piece::AnyText => true,
            };
            if !is_left {
                return None;
            }
        }
        // Of two places, that which begins first ends first, because both have as many characters.
        self.whole.get(places.first()?..)
    }
}

/// What is behind the pieces, if the text begins with them.
fn strip_prefix<'t, 'v>(
    pieces: &[Piece],
    mut text: &'t str,
    value: &impl Fn(u16) -> Option<&'v str>,
) -> Option<&'t str> {
    for piece in pieces {
        count_steps(1);
        text = match piece {
            Piece::Text(expected) => text.strip_prefix(counted(expected))?,
            Piece::Variable(slot) => text.strip_prefix(counted(value(*slot)?))?,
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
        count_steps(1);
        text = match piece {
            Piece::Text(expected) => text.strip_suffix(counted(expected))?,
            Piece::Variable(slot) => text.strip_suffix(counted(value(*slot)?))?,
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

/// Whether a pattern of `*`, `?` and plain characters matches all of `text`.
pub(crate) fn wildcards_match(pattern: &str, text: &str) -> bool {
    let syntax = Syntax { variables: false, wildcards: true };
    parse_pieces(pattern, syntax, &mut Slots::default()).is_ok_and(|pieces| matches(&pieces, text, &|_| None))
}

/// Counts, in tests only, the bytes looked at and the operations on 64 places.
#[cfg(test)]
pub(crate) fn count_steps(steps: usize) {
    tests::STEPS.set(tests::STEPS.get() + steps);
}

#[cfg(not(test))]
#[inline(always)]
pub(crate) fn count_steps(_: usize) {}

/// A text of which all bytes may be looked at.
fn counted(text: &str) -> &str {
    count_steps(text.len());
    text
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;

    use super::*;

    const START: Position = Position { line: 1, column: 1 };

    thread_local! {
        pub(super) static STEPS: Cell<usize> = const { Cell::new(0) };
    }

    /// What matching a pattern costs at most, see the head of the file.
    ///
    /// A part is compared at each of its tries, and its first text is prepared for the search and compared there as often;
    /// every `*` makes a part. A step over all blocks moves every place by a byte, in up to four operations, so that of `t`
    /// bytes `t + 1` steps at most are in parts found and as many in the one that is not.
    fn steps_max(pattern: usize, text: usize) -> usize {
        let blocks = text / 64 + 1;
        (3 * TRIES_MAX + 2) * (pattern + 1) + 2 * text + 4 * 2 * (text + 1) * blocks
    }

    /// Whether the pattern matches, by no more than those steps.
    fn matches_in_time<'v>(
        pieces: &[Piece],
        pattern: usize,
        text: &str,
        value: &impl Fn(u16) -> Option<&'v str>,
    ) -> bool {
        STEPS.set(0);
        let found = matches(pieces, text, value);
        let (steps, max) = (STEPS.get(), steps_max(pattern, text.len()));
        assert!(steps <= max, "{steps} steps of at most {max}: {pieces:?} {text}");
        found
    }

    fn parsed(pattern: &str) -> Box<[Piece]> {
        let syntax = Syntax { variables: true, wildcards: true };
        parse_pieces(pattern, syntax, &mut Slots::default()).unwrap()
    }

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

    /// The same without recursion: for each beginning of the pattern, the beginnings of the text that it matches.
    fn by_table(pattern: &[char], text: &[char]) -> bool {
        let mut ends = vec![false; text.len() + 1];
        ends[0] = true;
        for wanted in pattern {
            if *wanted == '*' {
                let first = ends.iter().position(|end| *end).unwrap_or(ends.len());
                ends[first..].fill(true);
            } else {
                for end in (0..text.len()).rev() {
                    ends[end + 1] = ends[end] && (*wanted == '?' || *wanted == text[end]);
                }
                ends[0] = false;
            }
        }
        ends[text.len()]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_096))]

        #[test]
        fn matching_agrees_with_the_naive_matcher(pattern in "[ab*?é]{0,8}", text in "[abé]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(wildcards_match(&pattern, &text), naive(&chars(&pattern), &chars(&text)));
        }

        /// Long enough that parts are looked for at all places at once, across blocks of them.
        #[test]
        fn parts_that_nearly_match_are_found(
            pattern in "(a|é|[?]|[*]|[?]{60,70}){0,3}[*]((a|é|[?]|[*]){1,6}[ab]){1,3}[*]?",
            text in "(a{0,70}|(aé){0,30}|[abé]{0,9}){0,5}",
        ) {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            let found = matches_in_time(&parsed(&pattern), pattern.len(), &text, &|_| None);
            prop_assert_eq!(found, by_table(&chars(&pattern), &chars(&text)));
        }

        /// The same with a value inside of a part, which the document does not know.
        #[test]
        fn parts_with_values_that_nearly_match_are_found(
            before in "[a?é]{0,3}",
            inside in "[aé]{0,70}",
            behind in "[ab?]{0,3}",
            text in "(a{0,90}|(aé){0,30}|[abé]{0,9}){0,6}",
        ) {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            let pattern = parsed(&format!("*{before}${{iot:ClientId}}{behind}*b"));
            let plain = format!("*{before}{inside}{behind}*b");
            let found = matches_in_time(&pattern, plain.len(), &text, &|_| Some(&*inside));
            prop_assert_eq!(found, by_table(&chars(&plain), &chars(&text)));
        }

        /// Whatever stands in pattern and text, the work has that bound; periods of one or two characters are the worst.
        #[test]
        fn the_steps_are_bounded(
            part in "[ab?é]{1,4}[*]?",
            times in 1_usize..400,
            end in "[b*?]{0,3}",
            unit in "[abé]{1,3}",
            length in 1_usize..400,
        ) {
            let pattern = format!("*{}{end}*", part.repeat(times));
            matches_in_time(&parsed(&pattern), pattern.len(), &unit.repeat(length), &|_| None);
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

    /// Patterns of a document's 2,048 characters, on texts of the length of an ARN and much longer ones.
    #[test]
    fn patterns_made_to_be_slow_are_not() {
        for length in [256, 4_096] {
            let text = "a".repeat(length);
            for pattern in [
                "*a".repeat(1_000) + "b",
                "*?a".repeat(600) + "b",
                "*".repeat(2_000) + "b",
                "a*".repeat(1_000) + "b*",
                format!("*{}b*", "?".repeat(128)),
                format!("*a{}b*", "?".repeat(128)),
                format!("*{}b*", "a?".repeat(64)),
                format!("*{}b*", "a?".repeat(1_000)),
                format!("*{}b*", "a?a*".repeat(500)),
                format!("*{}b?a*", "a?a?b*".repeat(300)),
                format!("*{}b*", "a".repeat(2_000)),
            ] {
                let found = matches_in_time(&parsed(&pattern), pattern.len(), &text, &|_| None);
                assert!(!found, "{pattern}");
            }
        }
    }

    /// A part that is looked for at all places at once costs a step for each byte and block, and no more.
    #[test]
    fn the_steps_of_one_part_do_not_depend_on_how_often_it_nearly_matches() {
        let pattern = parsed(&format!("*{}b*", "a?".repeat(64)));
        let steps = |text: &str| {
            STEPS.set(0);
            assert!(!matches(&pattern, text, &|_| None));
            STEPS.get()
        };
        // 256 bytes are put into 5 blocks; 129 steps over them, and 8 tries before.
        assert!(steps(&"a".repeat(256)) < 4_000, "{}", steps(&"a".repeat(256)));
        assert!(steps(&"a".repeat(128)) <= steps(&"a".repeat(256)));
    }
}
