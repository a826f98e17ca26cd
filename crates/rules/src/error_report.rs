//! The message to an error action (rule-error-handling).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use landfall_model::RuleName;
use serde::{Deserialize, Serialize};

use crate::action::{
    ActionKind, ActionProblem, ActionRequest, InvalidActionRequest, RulePayload, set_payload,
};
use crate::context::Context;
use crate::message::Message;
use crate::rule::PayloadKind;

/// What an error action asks for, as long as nothing failed. Its stored form is JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorRequest {
    request: ActionRequest,
    report: ErrorReport,
}

/// A failure of an action, or of the whole rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionFailure {
    /// The action, as `LambdaAction`.
    failed_action: &'static str,
    /// What was acted on.
    failed_resource: String,
    /// What went wrong.
    error_message: String,
}

/// What an error action is told, besides what failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ErrorReport {
    rule_name: String,
    topic: String,
    cloudwatch_trace_id: Option<String>,
    client_id: String,
    base64_original_payload: String,
}

/// The message to an error action.
#[derive(Serialize)]
struct ErrorMessage<'r> {
    #[serde(flatten)]
    report: &'r ErrorReport,
    failures: &'r [ActionFailure],
}

/// The client of a message that was not sent by MQTT, as `clientid()` says it.
const NO_CLIENT: &str = "n/a";

impl ErrorRequest {
    pub(crate) fn new(request: ActionRequest, report: ErrorReport) -> Self {
        Self { request, report }
    }

    /// The error action.
    pub fn action(&self) -> ActionKind {
        self.request.action()
    }

    /// What the error action asks for, now that this failed.
    ///
    /// # Errors
    /// The action does not take the message: a name or a topic in it has a character that is refused.
    pub fn with_failures(&self, failures: &[ActionFailure]) -> Result<ActionRequest, ActionProblem> {
        let message = ErrorMessage { report: &self.report, failures };
        // It has text for keys, which is all that JSON asks for.
        let text = serde_json::to_string(&message).unwrap_or_default();
        let payload = RulePayload { bytes: text.into(), kind: PayloadKind::Json };
        let mut request = self.request.clone();
        set_payload(&mut request, &payload, "errorAction")?;
        Ok(request)
    }

    /// The stored form.
    pub fn to_json(&self) -> String {
        // It has text for keys and finite numbers, which is all that JSON asks for.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The request of a stored form.
    ///
    /// # Errors
    /// The text is no stored form of a request of an error action.
    pub fn from_json(text: &str) -> Result<Self, InvalidActionRequest> {
        serde_json::from_str(text).map_err(|error| InvalidActionRequest::new(&error))
    }
}

impl ActionFailure {
    /// A request that failed.
    pub fn of_request(request: &ActionRequest, message: impl Into<String>) -> Self {
        Self {
            failed_action: request.action().failed_action(),
            failed_resource: request.target(),
            error_message: message.into(),
        }
    }

    /// A rule whose statement gave no result.
    pub fn of_rule(name: &RuleName, message: impl Into<String>) -> Self {
        Self { failed_action: "Rule", failed_resource: name.to_string(), error_message: message.into() }
    }
}

impl From<&ActionProblem> for ActionFailure {
    fn from(problem: &ActionProblem) -> Self {
        Self {
            failed_action: problem.action().failed_action(),
            failed_resource: problem.member().to_owned(),
            error_message: problem.to_string(),
        }
    }
}

impl ErrorReport {
    pub(crate) fn of(name: &RuleName, message: &Message<'_>, context: &dyn Context) -> Self {
        Self {
            rule_name: name.to_string(),
            topic: message.topic().to_owned(),
            cloudwatch_trace_id: context.trace_id(),
            client_id: context.client_id().map_or(NO_CLIENT, |client| client.as_str()).to_owned(),
            base64_original_payload: STANDARD.encode(message.payload()),
        }
    }
}
