//! Why a text is no SQL of a rule, and where it stops being one.

use std::fmt;

use landfall_model::InvalidTopicFilter;
use thiserror::Error;

use crate::limits::{SQL_BYTES_MAX, SQL_NESTING_MAX, VARIABLE_NAME_CHARACTERS_MAX, VARIABLES_MAX};

/// A place in the text of a statement or of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The character in that line, from 1.
    pub column: usize,
    /// The byte in the text, from 0.
    pub byte: usize,
}

impl Position {
    pub(crate) fn of(text: &str, byte: usize) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let column = before.get(line_start..).map_or(0, |start| start.chars().count()) + 1;
        Self { line, column, byte }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a rule or a template cannot be made: what AWS IoT answers with a `SqlParseException`.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{position}: {problem}")]
pub struct SqlParseError {
    /// Where.
    pub position: Position,
    /// What is wrong, and what would be right.
    pub problem: SqlProblem,
}

impl SqlParseError {
    /// The line at fault with a caret below it, given the text that was parsed. Of a long line the part around the fault.
    pub fn caret(&self, text: &str) -> String {
        let line = text.lines().nth(self.position.line - 1).unwrap_or_default();
        let first = self.position.column.saturating_sub(CARET_CHARACTERS_BEFORE + 1);
        let shown: String = line
            .chars()
            .skip(first)
            .take(CARET_CHARACTERS_BEFORE + CARET_CHARACTERS_AFTER)
            .map(|character| if character.is_control() { ' ' } else { character })
            .collect();
        let caret = " ".repeat(self.position.column - 1 - first);
        format!("{shown}\n{caret}^")
    }
}

/// How much of a line is shown around a fault, in characters.
const CARET_CHARACTERS_BEFORE: usize = 60;
const CARET_CHARACTERS_AFTER: usize = 40;

/// What is wrong with a statement.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SqlProblem {
    /// More text than is allowed.
    #[error("the SQL has {bytes} bytes; at most {SQL_BYTES_MAX} are allowed")]
    TooLong {
        /// How many bytes it has.
        bytes: usize,
    },
    /// Expressions inside each other, deeper than allowed.
    #[error("expressions are nested more than {SQL_NESTING_MAX} deep; this is the first one beyond")]
    TooDeep,
    /// Something else than what the grammar has here.
    #[error("found {found}, expected {expected}")]
    Unexpected {
        /// What was found.
        found: String,
        /// What would be right.
        expected: &'static str,
    },
    /// Something that other SQL has and this one writes otherwise.
    #[error("found {found}, which AWS IoT SQL does not have; {instead}")]
    Foreign {
        /// What was found.
        found: &'static str,
        /// What would be right.
        instead: &'static str,
    },
    /// A string that does not end.
    #[error("the string that begins here has no closing {quote}")]
    UnclosedString {
        /// The quote that is missing.
        quote: char,
    },
    /// A number that is none.
    #[error("{found} is not a number; it must be written as 15, 1.5 or 2e10")]
    Number {
        /// What was found.
        found: String,
    },
    /// A topic filter that is none.
    #[error("the topic filter of FROM is not valid: {0}")]
    Filter(InvalidTopicFilter),
    /// A topic filter on which no rule is ever told of a message.
    #[error("FROM {found:?} never matches: {reason}")]
    UselessFilter {
        /// The filter.
        found: String,
        /// Why it matches nothing.
        reason: &'static str,
    },
    /// A function that there is not.
    #[error("there is no function {name}; {hint}")]
    UnknownFunction {
        /// Its name, as it was written.
        name: String,
        /// The one that was probably meant, or where they are listed.
        hint: String,
    },
    /// A function of AWS IoT that is not built here.
    #[error("the function {name} is not built: {reason}")]
    FunctionNotBuilt {
        /// Its name.
        name: &'static str,
        /// What it would need.
        reason: &'static str,
    },
    /// An argument that has to be a literal, and one of those that are known.
    #[error("{function} takes {expected} here, written out as a string")]
    Argument {
        /// The function.
        function: &'static str,
        /// What it takes.
        expected: &'static str,
    },
    /// A regular expression that is none, or that cannot be run in linear time.
    #[error("the regular expression cannot be used: {reason}")]
    Regex {
        /// What is wrong with it.
        reason: String,
    },
    /// A pattern of dates and times that is none.
    #[error("the time pattern cannot be used: {reason}")]
    TimePattern {
        /// What is wrong with it.
        reason: String,
    },
    /// A variable that SET did not make before.
    #[error("there is no variable @{name} here; SET @{name} = … makes one, and it must stand before")]
    UnknownVariable {
        /// Its name, without the `@`.
        name: String,
    },
    /// A variable that is there already.
    #[error("@{name} is set a second time; a variable is set once")]
    VariableTwice {
        /// Its name, without the `@`.
        name: String,
    },
    /// A name of a variable that is too long.
    #[error(
        "the name of the variable has {characters} characters; at most {VARIABLE_NAME_CHARACTERS_MAX} are allowed"
    )]
    VariableName {
        /// How many characters it has.
        characters: usize,
    },
    /// More variables than are allowed.
    #[error("this is one variable too many; SET takes at most {VARIABLES_MAX}")]
    TooManyVariables,
    /// An item of SELECT that has no name of its own.
    #[error("this item of SELECT has no name of its own; give it one with AS, as in {example}")]
    Unnamed {
        /// How it would be written.
        example: &'static str,
    },
    /// SELECT VALUE with more than one item.
    #[error("SELECT VALUE takes one item; several make an object, which SELECT without VALUE gives")]
    SeveralValues,
    /// An unclosed `${` of a template.
    #[error("the ${{ of the template is not closed; it must end in }}")]
    UnclosedTemplate,
}

impl SqlProblem {
    pub(crate) fn at(self, text: &str, byte: usize) -> SqlParseError {
        SqlParseError { position: Position::of(text, byte), problem: self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_characters_and_bytes() {
        let text = "SELECT ä\nFROM x";
        for (byte, line, column) in [(0, 1, 1), (7, 1, 8), (9, 1, 9), (10, 2, 1), (15, 2, 6), (16, 2, 7)] {
            assert_eq!(Position::of(text, byte), Position { line, column, byte }, "{byte}");
        }
    }

    #[test]
    fn the_caret_stands_below_the_fault() {
        let long = format!("SELECT {}?", "a + ".repeat(100));
        let far = SqlProblem::TooDeep.at(&long, 407).caret(&long);
        let (line, caret) = far.split_once('\n').unwrap();
        assert_eq!(line.chars().nth(caret.len() - 1), Some('?'), "{far}");
        for (text, byte, expected) in [
            ("SELECT ?", 7, "SELECT ?\n       ^"),
            ("a\n\tä ?\nb", 6, " ä ?\n   ^"),
            ("", 0, "\n^"),
            ("a\n", 2, "\n^"),
        ] {
            assert_eq!(SqlProblem::TooDeep.at(text, byte).caret(text), expected, "{text:?}");
        }
    }
}
