use std::borrow::Cow;

use thiserror::Error;

use super::kind::ActionKind;
use crate::evaluation::EvaluationError;

/// Why an action of a rule cannot be done for a message: nothing was asked of anybody. To try again does not help.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ActionProblem {
    /// A template gives nothing.
    #[error("{member}: {error}")]
    Template {
        /// The action.
        action: ActionKind,
        /// The path of the member in the rule, as `actions[0].republish.topic`.
        member: Box<str>,
        /// Why.
        error: EvaluationError,
    },
    /// What a template gives is not what the member takes.
    #[error("{member} became {found}, and must be {right}")]
    Value {
        /// The action.
        action: ActionKind,
        /// The path of the member in the rule, as `actions[0].republish.topic`.
        member: Box<str>,
        /// The start of what the template gave.
        found: String,
        /// What would be right.
        right: Cow<'static, str>,
    },
    /// The payload is not what the action takes.
    #[error("the payload for {member} {found}, and must be {right}")]
    Payload {
        /// The action.
        action: ActionKind,
        /// The path of the action in the rule, as `actions[0].lambda`.
        member: Box<str>,
        /// What the payload is.
        found: String,
        /// What would be right.
        right: Cow<'static, str>,
    },
}

impl ActionProblem {
    /// The action that cannot be done.
    pub fn action(&self) -> ActionKind {
        match self {
            Self::Template { action, .. } | Self::Value { action, .. } | Self::Payload { action, .. } => {
                *action
            }
        }
    }

    /// The path of the member at fault in the rule, or of the action when the payload is.
    pub fn member(&self) -> &str {
        match self {
            Self::Template { member, .. } | Self::Value { member, .. } | Self::Payload { member, .. } => {
                member
            }
        }
    }
}

/// What a text should have been.
pub(crate) type Wrong = Cow<'static, str>;

/// Why a payload cannot be given to an action.
#[derive(Debug)]
pub(crate) struct PayloadProblem {
    pub(crate) found: String,
    pub(crate) right: Cow<'static, str>,
}

impl PayloadProblem {
    pub(crate) fn new(found: impl Into<String>, right: impl Into<Cow<'static, str>>) -> Self {
        Self { found: found.into(), right: right.into() }
    }
}

/// How much of a wrong text is repeated.
const SHOWN_CHARACTERS_MAX: usize = 40;

/// The start of a text, in quotes and with its control characters escaped.
pub(crate) fn start_of(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS_MAX) {
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}
