use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use landfall_model::FunctionName;
use landfall_services::{FunctionAnswer, FunctionInvoker, ServiceFailure};

use crate::code::CodeError;
use crate::invocation::{InvocationOutcome, InvokeError, InvokeOptions};
use crate::runner::FunctionRunner;

/// The functions of the registry, as rule actions invoke them.
pub struct Invoker(Arc<FunctionRunner>);

impl Invoker {
    /// Invokes what this runs.
    pub fn new(runner: Arc<FunctionRunner>) -> Self {
        Self(runner)
    }
}

#[async_trait]
impl FunctionInvoker for Invoker {
    async fn invoke(&self, function: &FunctionName, event: Bytes) -> Result<FunctionAnswer, ServiceFailure> {
        let found = self.0.function(function).await;
        let found = found.map_err(|error| {
            ServiceFailure::passing(format!("function {function} cannot be read: {error}"))
        })?;
        let found =
            found.ok_or_else(|| ServiceFailure::lasting(format!("function {function} does not exist")))?;
        let invocation = self.0.invoke(&found, event, InvokeOptions::default()).await.map_err(failure)?;
        Ok(match invocation.outcome {
            InvocationOutcome::Returned(body) => FunctionAnswer::Returned(body),
            InvocationOutcome::Failed(failure) => {
                FunctionAnswer::Failed { error_type: failure.error_type, message: failure.message }
            }
        })
    }
}

/// Whether a later try can go better.
fn failure(error: InvokeError) -> ServiceFailure {
    let sources = std::iter::successors(std::error::Error::source(&error), |error| error.source());
    let message = sources.fold(error.to_string(), |text, source| format!("{text}: {source}"));
    match error {
        InvokeError::Throttled { .. }
        | InvokeError::Storage { .. }
        | InvokeError::Process { .. }
        | InvokeError::NotServing
        | InvokeError::QueueFull { .. }
        | InvokeError::Code { source: CodeError::Storage { .. }, .. } => ServiceFailure::passing(message),
        InvokeError::EventTooLarge { .. }
        | InvokeError::Runtime(_)
        | InvokeError::Code { source: CodeError::Archive(_) | CodeError::Missing(_), .. } => {
            ServiceFailure::lasting(message)
        }
    }
}
