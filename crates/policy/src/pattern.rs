//! Patterns with `*` (any characters, none included), `?` (one character) and `${variables}`.

use thiserror::Error;

use crate::variable::Variable;

/// A resource pattern of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResourcePattern {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    AnyText,
    AnyCharacter,
    Text(Box<str>),
    Variable(Variable),
}

/// A resource pattern that cannot be understood.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum PatternError {
    #[error("the resource {0:?} is not an ARN: it begins with neither arn: nor *")]
    NotAnArn(String),
    #[error("the resource {0:?} has a ${{ without its }}")]
    Unclosed(String),
    #[error("the variable ${{{0}}} is not known")]
    UnknownVariable(String),
}

impl ResourcePattern {
    pub(crate) fn parse(text: &str) -> Result<Self, PatternError> {
        if !text.starts_with("arn:") && !text.starts_with('*') {
            return Err(PatternError::NotAnArn(text.to_owned()));
        }
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['*', '?', '$']) {
            let (before, special) = rest.split_at(at);
            push_text(&mut pieces, before);
            rest = match special.strip_prefix("${") {
                Some(inside) => {
                    let (name, behind) =
                        inside.split_once('}').ok_or_else(|| PatternError::Unclosed(text.to_owned()))?;
                    let variable = Variable::by_name(name)
                        .ok_or_else(|| PatternError::UnknownVariable(name.to_owned()))?;
                    pieces.push(Piece::Variable(variable));
                    behind
                }
                None => {
                    let (character, behind) = special.split_at(1);
                    match character {
                        "*" => pieces.push(Piece::AnyText),
                        "?" => pieces.push(Piece::AnyCharacter),
                        // A dollar sign alone is one, as in `topic/$aws/things/…`.
                        dollar => push_text(&mut pieces, dollar),
                    }
                    behind
                }
            };
        }
        push_text(&mut pieces, rest);
        Ok(Self { pieces })
    }

    /// Whether the pattern matches all of `text`. A variable without a value matches nothing; the value of one is
    /// compared as it is, so that a `*` in it is just that character.
    pub(crate) fn matches<'v>(&self, text: &str, value: impl Fn(Variable) -> Option<&'v str>) -> bool {
        // After a mismatch only the last `*` can take one more character: the work is at most pieces × characters.
        let mut retry: Option<(usize, usize)> = None;
        let (mut piece, mut at) = (0, 0);
        loop {
            let rest = text.get(at..).unwrap_or_default();
            let step = match self.pieces.get(piece) {
                None => rest.is_empty().then_some(0),
                Some(Piece::AnyText) => {
                    retry = Some((piece + 1, at));
                    Some(0)
                }
                Some(Piece::AnyCharacter) => rest.chars().next().map(char::len_utf8),
                Some(Piece::Text(expected)) => rest.starts_with(&**expected).then_some(expected.len()),
                Some(Piece::Variable(variable)) => match value(*variable) {
                    Some(expected) => rest.starts_with(expected).then_some(expected.len()),
                    None => return false,
                },
            };
            match (step, &mut retry) {
                (Some(_), _) if piece == self.pieces.len() => return true,
                (Some(length), _) => {
                    piece += 1;
                    at += length;
                }
                (None, Some((behind, start))) => {
                    let Some(skipped) = text.get(*start..).and_then(|rest| rest.chars().next()) else {
                        return false;
                    };
                    *start += skipped.len_utf8();
                    (piece, at) = (*behind, *start);
                }
                (None, None) => return false,
            }
        }
    }
}

/// Whether a pattern of `*`, `?` and plain characters matches all of `text`.
pub(crate) fn matches_wildcards(pattern: &str, text: &str) -> bool {
    let mut pieces = Vec::new();
    let mut rest = pattern;
    while let Some(at) = rest.find(['*', '?']) {
        let (before, special) = rest.split_at(at);
        push_text(&mut pieces, before);
        pieces.push(if special.starts_with('*') { Piece::AnyText } else { Piece::AnyCharacter });
        rest = special.get(1..).unwrap_or_default();
    }
    push_text(&mut pieces, rest);
    ResourcePattern { pieces }.matches(text, |_| None)
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    if !text.is_empty() {
        pieces.push(Piece::Text(text.into()));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_match_as_in_aws() {
        let value = |variable| match variable {
            Variable::ThingName => Some("thing-1"),
            Variable::SubjectCommonName => Some("a*"),
            Variable::ClientId | Variable::ThingTypeName => None,
        };
        for (pattern, text, expected) in [
            ("*", "", true),
            ("*", "anything", true),
            ("arn:a", "arn:a", true),
            ("arn:a", "arn:ab", false),
            ("arn:a*", "arn:a/b/c", true),
            ("arn:*c", "arn:a/b/c", true),
            ("arn:*b*", "arn:a/b/c", true),
            ("arn:*d*", "arn:a/b/c", false),
            ("arn:?", "arn:x", true),
            ("arn:?", "arn:é", true),
            ("arn:?", "arn:", false),
            ("arn:$aws/x", "arn:$aws/x", true),
            ("arn:topicfilter/a/+/#", "arn:topicfilter/a/+/#", true),
            ("arn:topicfilter/a/+", "arn:topicfilter/a/b", false),
            ("arn:client/${iot:Connection.Thing.ThingName}", "arn:client/thing-1", true),
            ("arn:client/${iot:connection.thing.thingname}", "arn:client/thing-1", true),
            ("arn:client/${iot:Connection.Thing.ThingName}", "arn:client/thing-12", false),
            ("arn:t/${iot:Connection.Thing.ThingName}/*", "arn:t/thing-1/a/b", true),
            ("arn:c/${iot:ClientId}", "arn:c/", false),
            ("*${iot:ClientId}", "arn:c/", false),
            ("arn:c/${iot:Certificate.Subject.CommonName}", "arn:c/abc", false),
            ("arn:c/${iot:Certificate.Subject.CommonName}", "arn:c/a*", true),
        ] {
            let compiled = ResourcePattern::parse(pattern).unwrap();
            assert_eq!(compiled.matches(text, value), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        for (pattern, expected) in [
            ("topic/a", r#"the resource "topic/a" is not an ARN: it begins with neither arn: nor *"#),
            ("arn:${iot:ClientId", r#"the resource "arn:${iot:ClientId" has a ${ without its }"#),
            ("arn:${iot:Moon}", "the variable ${iot:Moon} is not known"),
        ] {
            assert_eq!(ResourcePattern::parse(pattern).unwrap_err().to_string(), expected, "{pattern}");
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
        #[test]
        fn matching_agrees_with_the_naive_matcher(pattern in "[ab*?é]{0,8}", text in "[abé]{0,10}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(matches_wildcards(&pattern, &text), naive(&chars(&pattern), &chars(&text)));
        }
    }
}
