use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use landfall_api::invocation::{InvokeRequest, InvokeResponse};
use landfall_api::{ApiError, ErrorCode, OperationKey, WireBlob};
use landfall_model::Function;
use serde::de::IgnoredAny;
use tokio::time::timeout;

use crate::failure::Failure;
use crate::function::existing;
use crate::function_host::{InvocationAnswer, LogWanted};
use crate::given::refuse_given;
use crate::handler::{Context, Handle, Handler, handler};

/// What a function gets that is invoked without an event, as at AWS.
const NO_EVENT: &[u8] = b"{}";

/// The operation of invocations.
pub(crate) fn handlers() -> Vec<(OperationKey, Handler)> {
    vec![handler::<InvokeRequest>()]
}

impl Handle for InvokeRequest {
    /// A client that hangs up does not end the function.
    async fn handle(self, context: &Context<'_>) -> Result<InvokeResponse, Failure> {
        let Self {
            function_name,
            invocation_type,
            log_type,
            client_context,
            durable_execution_name,
            payload,
            qualifier,
            tenant_id,
        } = self;
        context.app.functions.check_on()?;
        refuse_given(&[
            ("ClientContext", &client_context, "functions are told nothing of the client; leave it out"),
            ("DurableExecutionName", &durable_execution_name, "executions are not durable; leave it out"),
            ("TenantId", &tenant_id, "functions have no tenants; leave it out"),
        ])?;
        let function = existing(context, &function_name, qualifier.as_deref()).await?;
        let event = payload.map_or_else(|| Bytes::from_static(NO_EVENT), |blob| blob.into_bytes().into());
        check_event(&event)?;
        match invocation_type.as_deref() {
            Some("DryRun") => Ok(InvokeResponse { status_code: Some(204), ..executed() }),
            Some("Event") => {
                check_size(&event, context.app.limits.event_bytes_max, "Event")?;
                context.app.functions.invoke_later(&function, event).await?;
                Ok(InvokeResponse { status_code: Some(202), ..InvokeResponse::default() })
            }
            // The model allows one other: RequestResponse.
            Some(_) | None => {
                let log = if log_type.as_deref() == Some("Tail") { LogWanted::Tail } else { LogWanted::None };
                Ok(wire_answer(answer(context, &function, event, log).await?))
            }
        }
    }
}

/// Waits for a function, as long as it may take and its start besides.
async fn answer(
    context: &Context<'_>,
    function: &Function,
    event: Bytes,
    log: LogWanted,
) -> Result<InvocationAnswer, Failure> {
    let (slack, timeout_s) = (context.app.limits.invocation_slack, function.timeout_s);
    let deadline = Duration::from_secs(timeout_s.into()) + slack;
    match timeout(deadline, context.app.functions.invoke(function, event, log)).await {
        Ok(answer) => Ok(answer?),
        Err(_elapsed) => {
            let message = format!(
                "the function has a timeout of {timeout_s} s, and there is no answer {} s later, which is the limit \
                 invocation_slack; it may still run",
                slack.as_secs_f32()
            );
            Err(ApiError::new(ErrorCode::ServiceUnavailable, message).into())
        }
    }
}

fn wire_answer(answer: InvocationAnswer) -> InvokeResponse {
    let InvocationAnswer { failed, payload, log_tail } = answer;
    InvokeResponse {
        status_code: Some(200),
        function_error: failed.then(|| "Unhandled".to_owned()),
        log_result: log_tail.map(|tail| BASE64.encode(tail)),
        payload: Some(WireBlob::new(payload)),
        ..executed()
    }
}

fn executed() -> InvokeResponse {
    InvokeResponse { executed_version: Some(Function::VERSION.to_owned()), ..InvokeResponse::default() }
}

fn check_event(event: &Bytes) -> Result<(), ApiError> {
    serde_json::from_slice::<IgnoredAny>(event).map(|_| ()).map_err(|error| {
        let message = format!("Could not parse request body into json: {error}");
        ApiError::new(ErrorCode::InvalidRequestContent, message)
    })
}

fn check_size(event: &Bytes, bytes_max: usize, kind: &str) -> Result<(), ApiError> {
    let bytes = event.len();
    if bytes <= bytes_max {
        return Ok(());
    }
    let message =
        format!("{bytes} byte payload is too large for the {kind} invocation type (limit {bytes_max} bytes)");
    Err(ApiError::new(ErrorCode::RequestTooLarge, message))
}
