//! Text of others, as it is shown to people.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        for (text, expected) in [("a é", "a é"), ("a\nb\u{1b}[2J\u{85}", "a\\nb\\u{1b}[2J\\u{85}")] {
            assert_eq!(printable(text), expected);
        }
    }
}
