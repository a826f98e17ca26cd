//! What functions log, under `/landfall/v1`.

use std::time::Duration;

use landfall_api::ApiError;
use landfall_model::FunctionName;
use landfall_registry::Conflict;
use serde::{Deserialize, Serialize};

use crate::dispatch::App;
use crate::failure::{Failure, invalid};
use crate::function_host::LogPage;
use crate::landfall::{cut, parameters};

/// The longest that a request waits until a function logs something. It is below the server's `request_timeout`.
pub const WAIT_MAX: Duration = Duration::from_secs(20);

/// A part of the log of a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FunctionLog {
    /// What it logged; empty when it logged nothing (more) as long as the request waited.
    pub text: String,
    /// Sent as `after`, it leads to the next part, which may be still to come.
    pub next: u64,
}

/// The log of a function from a byte on, or from the first that is kept.
///
/// # Errors
/// The function does not exist, a parameter cannot be read, or the log cannot.
pub(crate) async fn get(app: &App, name: &str, query: &str) -> Result<FunctionLog, Failure> {
    let (after, wait) = position(query)?;
    let name = FunctionName::parse(name).map_err(invalid)?;
    if app.registry.function(&name).await?.is_none() {
        return Err(Conflict::FunctionNotFound(name).into());
    }
    let LogPage { text, next } = app.functions.log(&name, after, wait).await?;
    Ok(FunctionLog { text, next })
}

fn position(query: &str) -> Result<(u64, Duration), ApiError> {
    let (mut after, mut wait) = (0, Duration::ZERO);
    for (name, value) in parameters(query) {
        if name == "after" {
            after = value.parse().map_err(|_| {
                invalid(format!("after is {:?}; it takes the `next` of the part before", cut(value)))
            })?;
        } else {
            let seconds: Option<u64> = value.parse().ok();
            let allowed = seconds.map(Duration::from_secs).filter(|wait| *wait <= WAIT_MAX);
            wait = allowed.ok_or_else(|| {
                let max = WAIT_MAX.as_secs();
                invalid(format!("wait is {:?}; it takes a number of seconds from 0 to {max}", cut(value)))
            })?;
        }
    }
    Ok((after, wait))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    #[test]
    fn a_request_that_waits_is_answered_in_time() {
        assert!(WAIT_MAX < Limits::default().request_timeout);
    }

    #[test]
    fn a_position_is_read() {
        let check = |query: &str, expected: Result<(u64, u64), &str>| {
            let found = position(query).map(|(after, wait)| (after, wait.as_secs()));
            let expected = expected.map_err(|error| format!("InvalidRequestException: {error}"));
            assert_eq!(found.map_err(|error| error.to_string()), expected, "{query}");
        };
        check("", Ok((0, 0)));
        check("after=12&wait=20", Ok((12, 20)));
        check("after=-1", Err("after is \"-1\"; it takes the `next` of the part before"));
        check("wait=21", Err("wait is \"21\"; it takes a number of seconds from 0 to 20"));
        check("wait=x", Err("wait is \"x\"; it takes a number of seconds from 0 to 20"));
    }
}
