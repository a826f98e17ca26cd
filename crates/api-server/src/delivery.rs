//! What became of the actions of topic rules, as JSON under `/landfall/v1/deliveries`.

use landfall_api::{ApiError, ErrorCode};
use landfall_model::{
    CertificateId, Delivery as StoredDelivery, DeliveryAttempt, DeliveryId, DeliveryState, DeliveryStatus,
    RuleName,
};
use landfall_registry::{DeliveryFilter, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::dispatch::App;
use crate::failure::{Failure, invalid};
use crate::landfall::{DELIVERIES_MAX, page_request, parameters};

/// Deliveries that are stored: those that failed at least once, and those that were under way when the events before them were
/// marked as delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deliveries {
    /// The deliveries, in the order in which they were first stored.
    pub deliveries: Vec<Delivery>,
    /// Sent as `after`, it leads to the next page; none when this was the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// What one action of a topic rule has to do for one message, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Its id, a UUID.
    pub id: String,
    /// The rule, which may be deleted by now.
    pub rule_name: String,
    /// Which of the rule's actions it is: `actions[0]` and so on, or `errorAction`.
    pub action: String,
    /// The topic of the message.
    pub topic: String,
    /// The certificate that the message is about, if it is a registration event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_id: Option<String>,
    /// When the message was published, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// `WAITING`, `DELIVERED`, `ERROR_ACTION` (it failed for good, and the rule's error action was told), or `DEAD` (it failed for
    /// good, and nobody was told: the rule has no error action, or this is that).
    pub status: String,
    /// When it is tried again, if it waits, else when it ended, in milliseconds since 1970.
    pub status_at_ms: i64,
    /// How many attempts have failed.
    pub attempts_failed: u32,
    /// The failed attempts, the oldest first; of many, the first and the last.
    pub attempts: Vec<Attempt>,
    /// What is to be done, with everything from the message filled in.
    pub request: Value,
    /// What is to be done when that fails for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_request: Option<Value>,
}

/// An attempt that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// When it began, in milliseconds since 1970.
    pub at_ms: i64,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// What went wrong, in words.
    pub problem: String,
}

/// The deliveries that a query asks for.
///
/// # Errors
/// A parameter has no value that it takes, or the registry failed.
pub(crate) async fn list(app: &App, query: &str) -> Result<Deliveries, Failure> {
    let filter = filter(query)?;
    let page = app.registry.deliveries(&filter, page_request(query, DELIVERIES_MAX)?).await?;
    Ok(Deliveries {
        next: page.next.map(|cursor| cursor.get().to_string()),
        deliveries: page.items.into_iter().map(wire).collect(),
    })
}

/// The delivery of this id.
///
/// # Errors
/// There is none, or the registry failed.
pub(crate) async fn get(app: &App, id: &str) -> Result<Delivery, Failure> {
    existing(app, id).await.map(wire)
}

/// Has a dead letter delivered again, with as many attempts as a new one; those of before stay in its history. The engine hears
/// of it from the registry.
///
/// # Errors
/// There is no such delivery, it is no dead letter, or the registry failed.
pub(crate) async fn replay(app: &App, id: &str) -> Result<Delivery, Failure> {
    let stored = existing(app, id).await?;
    match stored.state.status() {
        DeliveryStatus::Dead => {}
        status @ (DeliveryStatus::Waiting
        | DeliveryStatus::Delivered
        | DeliveryStatus::HandledByErrorAction) => {
            let (id, status) = (stored.id, status.as_str());
            let message = format!("delivery {id} is {status}; only one that is DEAD can be replayed");
            return Err(ApiError::new(ErrorCode::InvalidStateTransition, message).into());
        }
    }
    let waiting = StoredDelivery { state: DeliveryState::Waiting { next_at: app.clock.now() }, ..stored };
    let mut transaction = Transaction::new();
    transaction.store_delivery(waiting.clone());
    app.registry.commit(transaction).await?;
    Ok(wire(waiting))
}

async fn existing(app: &App, id: &str) -> Result<StoredDelivery, Failure> {
    let id: DeliveryId = id.parse().map_err(invalid)?;
    let found = app.registry.delivery(&id).await?;
    Ok(found.ok_or_else(|| {
        let message = format!("delivery {id} is not stored");
        ApiError::new(ErrorCode::ResourceNotFound, message)
    })?)
}

/// The filter of a query. The values need no escapes.
fn filter(query: &str) -> Result<DeliveryFilter, ApiError> {
    let mut filter = DeliveryFilter::default();
    for (name, value) in parameters(query) {
        let wrong = |problem: &dyn std::fmt::Display| invalid(format!("{name}: {problem}"));
        match name {
            "status" => {
                let status = DeliveryStatus::parse(value).map_err(|error| wrong(&error))?;
                filter.status = Some(status);
            }
            "rule" => {
                filter.rule = Some(RuleName::parse(value).map_err(|error| wrong(&error))?);
            }
            "certificate" => {
                let id: CertificateId = value.parse().map_err(|error| wrong(&error))?;
                filter.certificate = Some(id);
            }
            _ => {}
        }
    }
    Ok(filter)
}

fn wire(delivery: StoredDelivery) -> Delivery {
    let StoredDelivery {
        id,
        rule,
        action,
        topic,
        request,
        error_request,
        certificate,
        created_at,
        attempts_failed,
        attempts,
        state,
    } = delivery;
    Delivery {
        id: id.to_string(),
        rule_name: rule.to_string(),
        action: action.to_string(),
        topic: topic.to_string(),
        certificate_id: certificate.map(|id| id.to_string()),
        created_at_ms: created_at.as_millis(),
        status: state.status().as_str().to_owned(),
        status_at_ms: state.at().as_millis(),
        attempts_failed,
        attempts: attempts.into_iter().map(wire_attempt).collect(),
        request: read_request(&request),
        error_request: error_request.as_deref().map(read_request),
    }
}

fn wire_attempt(attempt: DeliveryAttempt) -> Attempt {
    let DeliveryAttempt { at, duration_us, problem } = attempt;
    Attempt { at_ms: at.as_millis(), duration_us, problem: problem.to_string() }
}

/// One that is no JSON is shown as the text that it is, so that it does not hide the others.
fn read_request(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}
