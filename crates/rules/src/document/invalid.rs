use std::borrow::Cow;

use thiserror::Error;

use crate::json::NotJson;
use crate::limits::DOCUMENT_BYTES_MAX;
use crate::problem::SqlParseError;
use crate::rule::UnknownSqlVersion;

/// What a member should have been.
pub(crate) type Right = Cow<'static, str>;

/// Why a text is no topic rule. Nothing that the engine does not understand in full becomes one.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidTopicRule {
    /// More text than is allowed.
    #[error("the rule has {bytes} bytes; at most {DOCUMENT_BYTES_MAX} are allowed")]
    TooLong {
        /// How many bytes it has.
        bytes: usize,
    },
    /// Not JSON.
    #[error("the rule is not JSON: {0}")]
    NotJson(NotJson),
    /// The statement is at fault: what AWS IoT answers with a `SqlParseException`.
    #[error("sql: {0}")]
    Sql(SqlParseError),
    /// A template of an action is at fault.
    #[error("{path}: {error}")]
    Template {
        /// Where the template stands, as `actions[0].republish.topic`.
        path: String,
        /// What is wrong with it, and where in it.
        error: SqlParseError,
    },
    /// A version of the SQL that there is not.
    #[error("awsIotSqlVersion: {0}")]
    SqlVersion(UnknownSqlVersion),
    /// A member that must be there.
    #[error("{path} is missing")]
    Missing {
        /// Where it would stand.
        path: String,
    },
    /// A member that is not known. It could be a known one with a typing mistake in it.
    #[error("{} has no member {name}; it can have {known}", of_rule(path))]
    UnknownMember {
        /// Where the object stands; empty for the rule itself.
        path: String,
        /// The name that was found.
        name: String,
        /// The names that are known.
        known: String,
    },
    /// Two members of one name.
    #[error("{} has the member {name} twice", of_rule(path))]
    Twice {
        /// Where the object stands; empty for the rule itself.
        path: String,
        /// The name.
        name: String,
    },
    /// A value of another type than the member takes.
    #[error("{} is {found}; it must be {right}", of_rule(path))]
    Type {
        /// Where it stands; empty for the rule itself.
        path: String,
        /// What was found.
        found: &'static str,
        /// What would be right.
        right: &'static str,
    },
    /// A value that the member does not take.
    #[error("{path} is {found}; it must be {right}")]
    Value {
        /// Where it stands.
        path: String,
        /// The start of what was found.
        found: String,
        /// What would be right.
        right: Cow<'static, str>,
    },
    /// A template where none may stand.
    #[error("{path} has a template in it; it takes none, and is the same for every message")]
    NoTemplate {
        /// Where it stands.
        path: String,
    },
    /// More of something than is allowed.
    #[error("{path} has {found} items; at most {max} are allowed")]
    TooMany {
        /// Where the array stands.
        path: String,
        /// How many there are.
        found: usize,
        /// How many are allowed.
        max: usize,
    },
    /// An action object without an action, or with several.
    #[error("{path} {found}; it must have one action, of {built}")]
    ActionCount {
        /// Where the object stands.
        path: String,
        /// What was found.
        found: String,
        /// The actions that there are.
        built: &'static str,
    },
    /// An action that neither AWS IoT nor Landfall has.
    #[error("{path}: there is no action {name}; there are {built}")]
    UnknownAction {
        /// Where the object stands.
        path: String,
        /// The name that was found.
        name: String,
        /// The actions that there are.
        built: &'static str,
    },
    /// An action that AWS IoT has, and Landfall has not.
    #[error("{path}: the action {name} is not built; there are {built}")]
    ActionNotBuilt {
        /// Where the object stands.
        path: String,
        /// The action.
        name: String,
        /// The actions that there are.
        built: &'static str,
    },
    /// A member that AWS IoT has, and Landfall has not.
    #[error("{path} is not built: {instead}")]
    MemberNotBuilt {
        /// Where it stands.
        path: String,
        /// What to do without it.
        instead: &'static str,
    },
}

impl InvalidTopicRule {
    /// The fault of a statement or a template, if it is one: AWS IoT answers it with a `SqlParseException`, and all others
    /// with an `InvalidRequestException`.
    pub fn sql_parse_error(&self) -> Option<&SqlParseError> {
        match self {
            Self::Sql(error) | Self::Template { error, .. } => Some(error),
            Self::TooLong { .. }
            | Self::NotJson(_)
            | Self::SqlVersion(_)
            | Self::Missing { .. }
            | Self::UnknownMember { .. }
            | Self::Twice { .. }
            | Self::Type { .. }
            | Self::Value { .. }
            | Self::NoTemplate { .. }
            | Self::TooMany { .. }
            | Self::ActionCount { .. }
            | Self::UnknownAction { .. }
            | Self::ActionNotBuilt { .. }
            | Self::MemberNotBuilt { .. } => None,
        }
    }
}

/// How a place is called: the root has no path.
fn of_rule(path: &str) -> &str {
    if path.is_empty() { "the rule" } else { path }
}
