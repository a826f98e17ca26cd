//! Why a device may or may not do something: asked of the broker, whose engine decides.

use std::error::Error as StdError;

use async_trait::async_trait;
use landfall_model::{CertificateId, ClientId, TopicFilter, TopicName};
use landfall_policy::{
    Decision, Denial, Explanation, Miss, NearMiss, PolicyAction, Resource, StatementName, VariableValues,
};
use landfall_registry::Conflict;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::dispatch::App;
use crate::failure::{Failure, invalid};

/// Explains what devices may do: the broker, through whoever wires the two.
#[async_trait]
pub trait DecisionExplainer: Send + Sync + 'static {
    /// Explains whether the device of a certificate may do something, as this client or, without one, as the client that it
    /// probably is. `resource` is the last part of the resource's ARN, as `topic/a`.
    ///
    /// # Errors
    /// See [`NotExplained`].
    async fn explain(
        &self,
        certificate: CertificateId,
        client_id: Option<ClientId>,
        action: PolicyAction,
        resource: &str,
    ) -> Result<ExplainedDecision, NotExplained>;
}

/// A decision with its reasons.
#[derive(Clone, Debug)]
pub struct ExplainedDecision {
    /// The client that was asked about.
    pub client_id: ClientId,
    /// How it was found.
    pub client_id_source: ClientIdSource,
    /// Whether the device is connected as that client now: then the values are those of that connection.
    pub is_connected: bool,
    /// Why the device may not do it whatever its policies say.
    pub refusal: Option<String>,
    /// The variables that have a value in a connection only, and there is none.
    pub unknown: Vec<String>,
    /// What the policies say.
    pub explanation: Explanation,
}

/// How a client id was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ClientIdSource {
    /// It was asked about.
    Given,
    /// The certificate is connected as this client, and as no other.
    Connection,
    /// The certificate is not connected; it is attached to one thing, whose name it is.
    Thing,
}

/// Why nothing is explained.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NotExplained {
    /// There is no such certificate.
    #[error("the certificate is not registered")]
    NotRegistered,
    /// What client the device would be is not known, and has to be said.
    #[error("{0}")]
    NoClientId(String),
    /// The server failed.
    #[error("the decision cannot be explained")]
    Failed(#[source] Box<dyn StdError + Send + Sync>),
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExplainRequest {
    /// What the device would do.
    pub action: ExplainedAction,
    /// To what: a client id, a topic or a topic filter.
    pub resource: String,
    /// As which client. Without it: as `resource` to connect, else as the client that it is connected as, or as the name of
    /// its thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
}

/// What a device can be asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ExplainedAction {
    /// Connect as a client.
    Connect,
    /// Publish on a topic.
    Publish,
    /// Have messages of a topic delivered.
    Receive,
    /// Subscribe with a topic filter.
    Subscribe,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainResponse {
    /// What is decided.
    pub decision: ExplainedAnswer,
    /// Why the device may not do it whatever its policies say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// What was asked for, as `iot:Publish`.
    pub action: String,
    /// The ARN of what it would be done to.
    pub resource: String,
    /// The certificate.
    pub certificate_id: String,
    /// The client.
    pub client_id: String,
    /// How the client id was found.
    pub client_id_source: ClientIdSource,
    /// Whether the device is connected as that client now: then the values are those of that connection.
    pub connected: bool,
    /// Every policy that was asked.
    pub policies: Vec<String>,
    /// The statements that allow it.
    pub allowed_by: Vec<Statement>,
    /// The statements that deny it.
    pub denied_by: Vec<Statement>,
    /// The statement that comes closest to allowing it, when none does and none denies it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<Nearest>,
    /// Every variable and condition key of the policies, by name.
    pub variables: Vec<VariableValue>,
}

/// What is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ExplainedAnswer {
    /// A statement allows it and none denies it.
    Allowed,
    /// A statement denies it.
    ExplicitDeny,
    /// No statement allows it.
    ImplicitDeny,
    /// The device may not do it whatever its policies say.
    Refused,
}

/// A statement of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    /// The policy.
    pub policy: String,
    /// The number of the statement in the document, from 1.
    pub statement: usize,
    /// Its `Sid`, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The line of the document on which it begins, from 1.
    pub line: u32,
}

/// A statement that allows something like what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Nearest {
    /// The statement.
    #[serde(flatten)]
    pub statement: Statement,
    /// Every reason for which it does not allow what was asked for.
    pub misses: Vec<MissedBy>,
}

/// Why a statement does not apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MissedBy {
    /// The reason in words.
    pub reason: String,
    /// The element of the statement, and what was found there.
    #[serde(flatten)]
    pub detail: Map<String, Value>,
}

/// A variable and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VariableValue {
    /// The variable.
    pub name: String,
    /// Its values; none when it has none.
    pub values: Vec<String>,
    /// Where they come from.
    pub origin: String,
    /// Whether only a connection has it, and there is none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unknown: bool,
    /// Whether the value does not replace the variable where that would give a right.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept_out: bool,
}

/// Answers a question about the device of a certificate.
///
/// # Errors
/// It makes no sense, the certificate is not registered, or the server failed.
pub(crate) async fn explain(app: &App, certificate: &str, body: &[u8]) -> Result<ExplainResponse, Failure> {
    let id: CertificateId = certificate.parse().map_err(invalid)?;
    let request: ExplainRequest = serde_json::from_slice(body).map_err(|problem| {
        invalid(format!(
            "the body is not a question as {{\"action\": \"publish\", \"resource\": \"a/b\"}}: {problem}"
        ))
    })?;
    let ExplainRequest { action, resource, client_id } = request;
    let mut client_id = client_id.as_deref().map(ClientId::parse).transpose().map_err(invalid)?;
    let (action, resource) = match action {
        ExplainedAction::Connect => {
            let client = ClientId::parse(&resource).map_err(invalid)?;
            if client_id.as_ref().is_some_and(|other| *other != client) {
                return Err(
                    invalid("clientId is another than the client that would connect; leave it out").into()
                );
            }
            let text = Resource::Client(&client).to_string();
            client_id = Some(client);
            (PolicyAction::Connect, text)
        }
        ExplainedAction::Publish | ExplainedAction::Receive => {
            let topic = TopicName::parse(&resource).map_err(invalid)?;
            let is_publish = action == ExplainedAction::Publish;
            let action = if is_publish { PolicyAction::Publish } else { PolicyAction::Receive };
            (action, Resource::Topic(&topic).to_string())
        }
        ExplainedAction::Subscribe => {
            let filter = TopicFilter::parse(&resource).map_err(invalid)?;
            (PolicyAction::Subscribe, Resource::TopicFilter(&filter).to_string())
        }
    };
    match app.explainer.explain(id, client_id, action, &resource).await {
        Ok(decision) => response(id, decision),
        Err(NotExplained::NotRegistered) => Err(Conflict::CertificateNotFound(id).into()),
        Err(problem @ NotExplained::NoClientId(_)) => Err(invalid(format!("{problem}: clientId")).into()),
        Err(problem @ NotExplained::Failed(_)) => Err(Failure::internal("explaining a decision", problem)),
    }
}

fn response(id: CertificateId, decision: ExplainedDecision) -> Result<ExplainResponse, Failure> {
    let ExplainedDecision { client_id, client_id_source, is_connected, refusal, unknown, explanation } =
        decision;
    let Explanation { decision, action, resource, policies, allowed_by, denied_by, nearest, variables } =
        explanation;
    let decision = match (&refusal, decision) {
        (Some(_), _) => ExplainedAnswer::Refused,
        (None, Decision::Allow) => ExplainedAnswer::Allowed,
        (None, Decision::Deny(Denial::Explicit)) => ExplainedAnswer::ExplicitDeny,
        (None, Decision::Deny(Denial::NoStatement)) => ExplainedAnswer::ImplicitDeny,
    };
    let variable = |variable: VariableValues| {
        let VariableValues { name, values, origin, is_kept_out } = variable;
        let unknown = unknown.contains(&name);
        VariableValue { name, values, origin: origin.to_owned(), unknown, kept_out: is_kept_out }
    };
    Ok(ExplainResponse {
        decision,
        refusal,
        action: action.to_string(),
        resource,
        certificate_id: id.to_string(),
        client_id: client_id.to_string(),
        client_id_source,
        connected: is_connected,
        policies: policies.iter().map(ToString::to_string).collect(),
        allowed_by: allowed_by.into_iter().map(statement).collect(),
        denied_by: denied_by.into_iter().map(statement).collect(),
        nearest: nearest.map(nearest_statement).transpose()?,
        variables: variables.into_iter().map(variable).collect(),
    })
}

fn statement(name: StatementName) -> Statement {
    let StatementName { policy, statement, sid, line } = name;
    Statement { policy: policy.to_string(), statement, sid, line }
}

fn nearest_statement(miss: NearMiss) -> Result<Nearest, Failure> {
    let NearMiss { statement: name, misses } = miss;
    let missed = |miss: &Miss| {
        let detail = serde_json::to_value(miss).and_then(serde_json::from_value);
        detail.map(|detail| MissedBy { reason: miss.to_string(), detail })
    };
    let misses = misses.iter().map(missed).collect::<Result<_, _>>();
    let misses = misses.map_err(|error| Failure::internal("writing an explanation", error))?;
    Ok(Nearest { statement: statement(name), misses })
}
