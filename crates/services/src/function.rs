use async_trait::async_trait;
use bytes::Bytes;
use landfall_model::FunctionName;

use crate::ServiceFailure;

/// Invokes functions.
#[async_trait]
pub trait FunctionInvoker: Send + Sync {
    /// Invokes a function with an event, and waits for its answer. Tried once: whoever invokes tries again.
    ///
    /// Cancel safety: a function that was started goes on until it answers or its time is up.
    ///
    /// # Errors
    /// The function could not be invoked: it is not there, or too many run.
    async fn invoke(&self, function: &FunctionName, event: Bytes) -> Result<FunctionAnswer, ServiceFailure>;
}

/// What a function answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FunctionAnswer {
    /// What it returned.
    Returned(Bytes),
    /// It failed: it raised, exited, or took too long.
    Failed {
        /// The type of the error, as `Runtime.ExitError`.
        error_type: String,
        /// What went wrong.
        message: String,
    },
}
