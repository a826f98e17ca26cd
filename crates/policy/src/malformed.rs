use std::fmt;

use serde::Serialize;
use thiserror::Error;

/// A place in the text of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The character in that line, from 1.
    pub column: u32,
}

/// Why a text is not a policy document, and where it stops being one.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{position}: {problem}")]
pub struct MalformedPolicy {
    /// Where.
    pub position: Position,
    /// What is wrong, and what would be right.
    pub problem: PolicyProblem,
}

/// What is wrong with a document.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyProblem {
    /// More of something than is allowed.
    #[error("the document has {found} {unit}; at most {max} are allowed")]
    TooLong {
        /// How much there was.
        found: usize,
        /// The most that is allowed.
        max: usize,
        /// Of what.
        unit: &'static str,
    },
    /// Not JSON.
    #[error("{found} where JSON needs {expected}")]
    Syntax {
        /// What was found.
        found: String,
        /// What would be right.
        expected: &'static str,
    },
    /// Lists and objects inside each other, deeper than any policy needs.
    #[error("lists and objects are nested more than {max} deep; a policy needs no more than 6")]
    TooDeep {
        /// How deep they may be.
        max: usize,
    },
    /// A member of an object that is there already.
    #[error("{name:?} is here a second time; an object has each member once")]
    Duplicate {
        /// The name of the member.
        name: String,
    },
    /// An element that the language does not have.
    #[error("{name:?} is not an element of a {of}; it has {known}")]
    UnknownElement {
        /// The name of the element.
        name: String,
        /// What it was found in.
        of: &'static str,
        /// The elements that there are.
        known: &'static str,
    },
    /// An element of the wrong JSON type.
    #[error("{element} is {found}; it must be {expected}")]
    WrongType {
        /// The element.
        element: String,
        /// What was found.
        found: &'static str,
        /// What would be right.
        expected: &'static str,
    },
    /// An element that has to be there is not.
    #[error("a {of} needs {element}")]
    Missing {
        /// What it misses.
        element: &'static str,
        /// What misses it.
        of: &'static str,
    },
    /// Two elements that exclude each other.
    #[error("{element} and Not{element} are both here; a statement has one of them")]
    Both {
        /// The element.
        element: &'static str,
    },
    /// An element that needs at least one value has none.
    #[error("{element} is empty; it needs at least one value")]
    Empty {
        /// The element.
        element: &'static str,
    },
    /// A version that is not known.
    #[error("version {found:?} is not known; it must be 2012-10-17 (or the older 2008-10-17)")]
    Version {
        /// What was found.
        found: String,
    },
    /// Neither of the two effects.
    #[error("effect {found:?} is not known; it must be Allow or Deny")]
    Effect {
        /// What was found.
        found: String,
    },
    /// An action that is not of the form of one.
    #[error(
        "{found:?} is not an action; it must be * or have the form iot:Publish, where * and ? may stand behind the colon"
    )]
    Action {
        /// What was found.
        found: String,
    },
    /// A resource that is not of the form of one.
    #[error(
        "{found:?} is not a resource; it must be * or an ARN, as arn:aws:iot:us-east-1:000000000000:topic/a"
    )]
    Resource {
        /// What was found.
        found: String,
    },
    /// A variable that is not written as one.
    #[error(
        "{found:?} has a ${{ that is not a variable; it must be closed by }}, with a name between (a plain dollar sign is ${{$}})"
    )]
    Variable {
        /// What was found.
        found: String,
    },
    /// A condition operator that there is not.
    #[error("{found:?} is not a condition operator; {hint}")]
    Operator {
        /// What was found.
        found: String,
        /// What would be right.
        hint: String,
    },
    /// A condition key that is not of the form of one.
    #[error("{found:?} is not a condition key; it must have the form iot:ClientId")]
    Key {
        /// What was found.
        found: String,
    },
    /// A value that the operator cannot compare with.
    #[error("{operator} cannot compare with {found:?}; it takes {expected}")]
    Operand {
        /// The operator.
        operator: String,
        /// What was found.
        found: String,
        /// What would be right.
        expected: &'static str,
    },
}

impl PolicyProblem {
    pub(crate) const fn at(self, position: Position) -> MalformedPolicy {
        MalformedPolicy { position, problem: self }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} column {}", self.line, self.column)
    }
}
