//! What the patterns of Joda-Time and of Java have in common: letters that stand for fields, and text.

use crate::limits::TIME_PATTERN_BYTES_MAX;

/// A part of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A letter and how many times it stands there.
    Field { letter: char, count: usize },
    /// Text that stands for itself.
    Text(String),
    /// A bracket: what is between two may be missing.
    Open,
    /// The other bracket.
    Close,
}

/// Takes a pattern apart. With `has_optional_parts`, brackets are no text.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parts(pattern: &str, letters: &str, has_optional_parts: bool) -> Result<Vec<Part>, String> {
    if pattern.len() > TIME_PATTERN_BYTES_MAX {
        return Err(format!("it has {} bytes; at most {TIME_PATTERN_BYTES_MAX} are allowed", pattern.len()));
    }
    let mut parts = Vec::new();
    let mut characters = pattern.chars().peekable();
    while let Some(first) = characters.next() {
        match first {
            '\'' => push_text(&mut parts, &quoted(&mut characters)?),
            '[' if has_optional_parts => parts.push(Part::Open),
            ']' if has_optional_parts => parts.push(Part::Close),
            letter if letter.is_ascii_alphabetic() => {
                if !letters.contains(letter) {
                    return Err(format!("{letter:?} stands for nothing; text goes in '…'"));
                }
                let mut count = 1;
                while characters.next_if_eq(&letter).is_some() {
                    count += 1;
                }
                parts.push(Part::Field { letter, count });
            }
            other => push_text(&mut parts, other.encode_utf8(&mut [0; 4])),
        }
    }
    Ok(parts)
}

/// Reads text up to the quote that closes it. Two quotes are one, inside and outside.
fn quoted(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<String, String> {
    if characters.next_if_eq(&'\'').is_some() {
        return Ok("'".to_owned());
    }
    let mut text = String::new();
    while let Some(next) = characters.next() {
        if next != '\'' || characters.next_if_eq(&'\'').is_some() {
            text.push(next);
        } else {
            return Ok(text);
        }
    }
    Err("a ' is not closed".to_owned())
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    if let Some(Part::Text(before)) = parts.last_mut() {
        before.push_str(text);
    } else {
        parts.push(Part::Text(text.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_fields_and_quotes_are_text() {
        let field = |letter, count| Part::Field { letter, count };
        let text = |text: &str| Part::Text(text.to_owned());
        for (pattern, expected) in [
            ("", vec![]),
            ("yyyy-MM", vec![field('y', 4), text("-"), field('M', 2)]),
            ("G 'at' 'o''clock'''", vec![field('G', 1), text(" at o'clock'")]),
            ("''", vec![text("'")]),
            ("[d]ü", vec![Part::Open, field('d', 1), Part::Close, text("ü")]),
        ] {
            assert_eq!(parts(pattern, "GyMd", true).unwrap(), expected, "{pattern}");
        }
        assert_eq!(parts("[d]", "d", false).unwrap(), [text("["), field('d', 1), text("]")]);
        for (pattern, expected) in [
            ("q", "'q' stands for nothing; text goes in '…'"),
            ("'a", "a ' is not closed"),
            (&"y".repeat(257), "it has 257 bytes; at most 256 are allowed"),
        ] {
            assert_eq!(parts(pattern, "y", true).unwrap_err(), expected, "{pattern}");
        }
    }
}
