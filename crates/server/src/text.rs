//! Text of others, and moments, as they are shown to people.

use landfall_model::UnixTime;

/// The text on one line, without anything that could move a terminal's cursor or begin another line.
pub(crate) fn printable(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

/// The text with its lines and tabs, without anything else that could move a terminal's cursor or change the terminal.
pub(crate) fn printable_lines(text: &str) -> String {
    let mut lines = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() && !matches!(character, '\n' | '\t') {
            lines.extend(character.escape_default());
        } else {
            lines.push(character);
        }
    }
    lines
}

/// A moment as people and programs read it, as `2027-01-31T12:00:00Z`.
pub(crate) fn date(moment: UnixTime) -> String {
    // A moment that no calendar has is shown as the number that it is.
    jiff::Timestamp::from_second(moment.as_secs())
        .map_or_else(|_| moment.to_string(), |date| date.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        for (text, expected) in [("a é", "a é"), ("a\nb\u{1b}[2J\u{85}", "a\\nb\\u{1b}[2J\\u{85}")] {
            assert_eq!(printable(text), expected);
        }
    }

    #[test]
    fn lines_and_tabs_stay() {
        let escaped = "a\\r\n\\u{1b}]0;x\\u{7}\\u{9b}";
        for (text, expected) in [("a\té\n", "a\té\n"), ("a\r\n\u{1b}]0;x\u{7}\u{9b}", escaped)] {
            assert_eq!(printable_lines(text), expected);
        }
    }
}
