//! Places in files that people write, and what is wrong there.

use std::fmt;

use anyhow::Error;

/// A place in a file: line and column, counted in characters; both from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// Something wrong in a file.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) place: Place,
    pub(crate) reason: Error,
}

impl Place {
    /// The beginning of a line.
    pub(crate) fn start_of(line: usize) -> Self {
        Self { line, column: 1 }
    }

    /// Something wrong here.
    pub(crate) fn fault(self, reason: impl Into<Error>) -> Fault {
        Fault { place: self, reason: reason.into() }
    }

    /// The place behind a character that stands here.
    pub(crate) fn after(self, character: char) -> Self {
        if character == '\n' {
            Self { line: self.line + 1, column: 1 }
        } else {
            Self { column: self.column + 1, ..self }
        }
    }

    /// The place of the byte at `offset` of a text.
    pub(crate) fn in_text(text: &str, offset: usize) -> Self {
        let before = text.char_indices().take_while(|(at, _)| *at < offset);
        before.fold(Self { line: 1, column: 1 }, |place, (_, character)| place.after(character))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, reason } = self;
        write!(f, "{place}: {reason:#}")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_found_in_its_line() {
        for (offset, expected) in [(0, "1:1"), (2, "1:2"), (3, "2:1"), (4, "2:2"), (9, "2:2")] {
            assert_eq!(Place::in_text("é\nx", offset).to_string(), expected, "{offset}");
        }
    }
}
