//! Registrations that wait for their interceptors or were given up, and what tries them again: JSON under
//! `/landfall/v1/registration-jobs`, and `POST /landfall/v1/certificates/{id}/registration/retry`.

use std::error::Error as StdError;

use async_trait::async_trait;
use landfall_api::{ApiError, ErrorCode};
use landfall_model::{
    CertificateId, RegistrationAttempt, RegistrationJob as StoredJob, RegistrationJobState,
    RegistrationJobStatus, Rejection, ThingName,
};
use landfall_registry::{Conflict, RegistrationJobFilter};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::dispatch::App;
use crate::failure::{Failure, invalid};
use crate::landfall::{LIMIT_MAX, page_request, parameters};

/// Has registrations tried again: the broker, through whoever wires the two.
#[async_trait]
pub trait RegistrationRetrier: Send + Sync + 'static {
    /// Tries the registration of a certificate again, now, as if its device came back; one that was given up, too. What was
    /// begun is carried out even if the future is dropped.
    ///
    /// # Errors
    /// See [`NotRetried`].
    async fn retry(&self, certificate: CertificateId) -> Result<Retried, NotRetried>;
}

/// What became of a registration that was tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retried {
    /// The certificate is ACTIVE.
    Active {
        /// The first of its things, if it has one.
        thing: Option<ThingName>,
    },
    /// It is refused.
    Refused(Rejection),
    /// Topic rules register the devices of its CA certificate: the registration event is published again.
    Told,
    /// It waits for its interceptors, and is tried again by itself.
    Waiting(Box<StoredJob>),
}

/// Why a registration is not tried again.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NotRetried {
    /// There is no such certificate.
    #[error("the certificate is not registered")]
    NotRegistered,
    /// There is nothing to be tried; says why.
    #[error("{0}")]
    Nothing(String),
    /// The server has too much to do, or stops; says which.
    #[error("{0}")]
    Busy(String),
    /// The server failed.
    #[error("the registration cannot be tried again")]
    Failed(#[source] Box<dyn StdError + Send + Sync>),
}

/// Registrations that wait for their interceptors, were given up, or succeeded after attempts that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationJobs {
    /// The jobs, in the order in which they began.
    pub registration_jobs: Vec<RegistrationJob>,
    /// Sent as `after`, it leads to the next page; none when this was the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A registration that waits for its interceptors, or had to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationJob {
    /// The certificate.
    pub certificate_id: String,
    /// The CA certificate that issued it.
    pub ca_certificate_id: String,
    /// The id of the registration, a UUID.
    pub creation_id: String,
    /// When it began, in milliseconds since 1970.
    pub created_at_ms: i64,
    /// `WAITING`, `DONE` (the device was registered), or `DEAD` (it was given up).
    pub status: String,
    /// When it is tried again, if it waits, else when it ended, in milliseconds since 1970.
    pub status_at_ms: i64,
    /// Until when it is kept if it is `DEAD`, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_until_ms: Option<i64>,
    /// How many attempts have failed.
    pub attempts_failed: u32,
    /// How many of them count towards `MaxReceiveCount`.
    pub receive_count: u32,
    /// The failed attempts, the oldest first; of many, the first and the last.
    pub attempts: Vec<Attempt>,
}

/// An attempt that failed for a passing reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// When it began, in milliseconds since 1970.
    pub at_ms: i64,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// The interceptor that could not say; none when the server itself failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interceptor: Option<String>,
    /// What went wrong, in words.
    pub problem: String,
}

/// What became of a registration that was tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum RetryOutcome {
    /// The certificate is ACTIVE.
    Active {
        /// The first of its things, if it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        thing_name: Option<String>,
    },
    /// It is refused.
    Refused {
        /// A stable name of the reason, for programs.
        code: String,
        /// The reason in words.
        message: String,
    },
    /// Topic rules register the devices of its CA certificate: the registration event is published again.
    Told,
    /// It waits for its interceptors, and is tried again by itself.
    Waiting {
        /// How far it has come.
        job: RegistrationJob,
    },
}

/// The jobs that a query asks for.
///
/// # Errors
/// A parameter has no value that it takes, or the registry failed.
pub(crate) async fn list(app: &App, query: &str) -> Result<RegistrationJobs, Failure> {
    let page = app.registry.registration_jobs(filter(query)?, page_request(query, LIMIT_MAX)?).await?;
    Ok(RegistrationJobs {
        next: page.next.map(|cursor| cursor.get().to_string()),
        registration_jobs: page.items.into_iter().map(wire).collect(),
    })
}

/// The job of a certificate.
///
/// # Errors
/// It has none, or the registry failed.
pub(crate) async fn get(app: &App, certificate: &str) -> Result<RegistrationJob, Failure> {
    let id: CertificateId = certificate.parse().map_err(invalid)?;
    let found = app.registry.registration_job(id).await?;
    let job = found.ok_or_else(|| {
        let message = format!("certificate {id} has no registration job");
        ApiError::new(ErrorCode::ResourceNotFound, message)
    })?;
    Ok(wire(job))
}

/// Has a registration tried again.
///
/// # Errors
/// There is nothing to be tried, or the server cannot try it.
pub(crate) async fn retry(app: &App, certificate: &str) -> Result<RetryOutcome, Failure> {
    let id: CertificateId = certificate.parse().map_err(invalid)?;
    match app.registrations.retry(id).await {
        Ok(Retried::Active { thing }) => {
            Ok(RetryOutcome::Active { thing_name: thing.map(|thing| thing.to_string()) })
        }
        Ok(Retried::Refused(Rejection { code, message })) => Ok(RetryOutcome::Refused { code, message }),
        Ok(Retried::Told) => Ok(RetryOutcome::Told),
        Ok(Retried::Waiting(job)) => Ok(RetryOutcome::Waiting { job: wire(*job) }),
        Err(NotRetried::NotRegistered) => Err(Conflict::CertificateNotFound(id).into()),
        Err(NotRetried::Nothing(problem)) => {
            Err(ApiError::new(ErrorCode::InvalidStateTransition, problem).into())
        }
        Err(NotRetried::Busy(problem)) => Err(ApiError::new(ErrorCode::ServiceUnavailable, problem).into()),
        Err(problem @ NotRetried::Failed(_)) => {
            Err(Failure::internal("trying a registration again", problem))
        }
    }
}

/// The filter of a query. The values need no escapes.
fn filter(query: &str) -> Result<RegistrationJobFilter, ApiError> {
    let mut filter = RegistrationJobFilter::default();
    for (name, value) in parameters(query) {
        let wrong = |problem: &dyn std::fmt::Display| invalid(format!("{name}: {problem}"));
        match name {
            "status" => {
                let status = RegistrationJobStatus::parse(value).map_err(|error| wrong(&error))?;
                filter.status = Some(status);
            }
            "ca" => filter.ca = Some(value.parse().map_err(|error| wrong(&error))?),
            _ => {}
        }
    }
    Ok(filter)
}

fn wire(job: StoredJob) -> RegistrationJob {
    let StoredJob {
        certificate,
        ca,
        creation_id,
        created_at,
        attempts_failed,
        receive_count,
        attempts,
        state,
    } = job;
    let kept_until_ms = match state {
        RegistrationJobState::Waiting { .. } | RegistrationJobState::Done { .. } => None,
        RegistrationJobState::Dead { until, .. } => Some(until.as_millis()),
    };
    RegistrationJob {
        certificate_id: certificate.to_string(),
        ca_certificate_id: ca.to_string(),
        creation_id: creation_id.to_string(),
        created_at_ms: created_at.as_millis(),
        status: state.status().as_str().to_owned(),
        status_at_ms: state.at().as_millis(),
        kept_until_ms,
        attempts_failed,
        receive_count,
        attempts: attempts.into_iter().map(wire_attempt).collect(),
    }
}

fn wire_attempt(attempt: RegistrationAttempt) -> Attempt {
    let RegistrationAttempt { at, duration_us, interceptor, problem } = attempt;
    Attempt {
        at_ms: at.as_millis(),
        duration_us,
        interceptor: interceptor.map(|interceptor| interceptor.to_string()),
        problem: problem.to_string(),
    }
}
