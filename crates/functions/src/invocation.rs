use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use landfall_model::FunctionName;
use landfall_registry::StorageError;
use serde_json::{Value, json};
use thiserror::Error;
use uuid::Uuid;

use crate::code::CodeError;
use crate::runtimes::MissingRuntime;

/// The id of an invocation: a UUID. Each attempt at an event that is tried again has the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(Uuid);

/// What an invocation came to.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Its id.
    pub request_id: RequestId,
    /// What the function answered.
    pub outcome: InvocationOutcome,
    /// How long it took, without what the process took to start.
    pub duration: Duration,
    /// The last 4 KiB of its log, if they were asked for.
    pub log_tail: Option<Vec<u8>>,
}

/// What a function answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvocationOutcome {
    /// What it returned.
    Returned(Bytes),
    /// It failed.
    Failed(FunctionFailure),
}

/// How a function failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionFailure {
    /// The type of the error, as `Runtime.ExitError`, or of the exception.
    pub error_type: String,
    /// What went wrong.
    pub message: String,
    /// The JSON object that a caller gets.
    pub payload: Bytes,
}

/// What a caller wants to know of an invocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InvokeOptions {
    /// The end of its log too.
    pub tail: bool,
}

/// Why a function was not invoked.
#[derive(Debug, Error)]
pub enum InvokeError {
    /// Too many invocations of it run or wait.
    #[error("function {function} is throttled: {reason}")]
    Throttled {
        /// The function.
        function: FunctionName,
        /// Which limit was met.
        reason: String,
    },
    /// The event is too large.
    #[error("the event has {found} bytes; at most {max} are allowed")]
    EventTooLarge {
        /// How many bytes it has.
        found: usize,
        /// How many are allowed.
        max: usize,
    },
    /// The machine does not have what runs it.
    #[error(transparent)]
    Runtime(#[from] MissingRuntime),
    /// Its code cannot be had.
    #[error("the code of function {function} cannot be had")]
    Code {
        /// The function.
        function: FunctionName,
        /// Why.
        source: CodeError,
    },
    /// Its layers cannot be read.
    #[error("the layers of function {function} cannot be read")]
    Storage {
        /// The function.
        function: FunctionName,
        /// Why.
        source: StorageError,
    },
    /// No process can be started for it.
    #[error("no process can be started for function {function}")]
    Process {
        /// The function.
        function: FunctionName,
        /// Why.
        source: std::io::Error,
    },
    /// The server does not serve yet, or no longer.
    #[error("functions are not run while the server starts or stops; try again")]
    NotServing,
    /// Too many events wait.
    #[error("events that nobody waits for are as many as fit, {limit}; try again")]
    QueueFull {
        /// Which limit was met.
        limit: &'static str,
    },
}

impl RequestId {
    /// An id that no other invocation has.
    pub(crate) fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl FunctionFailure {
    /// A failure that is not of the function's own telling.
    pub(crate) fn new(error_type: &str, message: String) -> Self {
        let payload = json!({ "errorType": error_type, "errorMessage": message });
        Self { error_type: error_type.to_owned(), message, payload: payload.to_string().into() }
    }

    /// What a runtime told of a failure: a JSON object, if it keeps to the Runtime API, and the type of the error as its
    /// header has it.
    pub(crate) fn told(body: Bytes, header: Option<&str>) -> Self {
        let told: Option<Value> = serde_json::from_slice(&body).ok();
        let member = |name: &str| Some(told.as_ref()?.get(name)?.as_str()?.to_owned());
        let header = header.filter(|text| !text.is_empty());
        let error_type = member("errorType").or_else(|| header.map(str::to_owned));
        let error_type = error_type.unwrap_or_else(|| UNKNOWN.to_owned());
        match member("errorMessage") {
            Some(message) => Self { error_type, message, payload: body },
            None => {
                let message = String::from_utf8_lossy(&body).chars().take(TOLD_CHARS_MAX).collect();
                Self::new(&error_type, message)
            }
        }
    }

    /// The failure of an invocation, with its id in front as Lambda has it.
    pub(crate) fn of(request_id: RequestId, error_type: &str, message: &str) -> Self {
        Self::new(error_type, format!("RequestId: {request_id} Error: {message}"))
    }
}

/// The type of an error that a runtime does not name.
const UNKNOWN: &str = "Runtime.Unknown";

/// How many characters are kept of what a runtime tells that is no JSON.
const TOLD_CHARS_MAX: usize = 1_024;

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_runtime_tells_is_kept_as_far_as_it_is_an_error() {
        for (body, header, error_type, message, is_kept) in [
            (r#"{"errorType":"E","errorMessage":"m","stackTrace":[]}"#, Some("H"), "E", "m", true),
            (r#"{"errorMessage":"m"}"#, Some("H"), "H", "m", true),
            (r#"{"errorMessage":"m"}"#, Some(""), "Runtime.Unknown", "m", true),
            (r#"{"errorType":"E"}"#, None, "E", r#"{"errorType":"E"}"#, false),
            ("no JSON", None, "Runtime.Unknown", "no JSON", false),
            ("", Some("H"), "H", "", false),
        ] {
            let failure = FunctionFailure::told(Bytes::from_static(body.as_bytes()), header);
            assert_eq!((failure.error_type.as_str(), failure.message.as_str()), (error_type, message));
            assert_eq!(failure.payload == body.as_bytes(), is_kept, "{body}");
            let payload: Value = serde_json::from_slice(&failure.payload).unwrap();
            assert_eq!(payload["errorMessage"], message);
        }
    }
}
