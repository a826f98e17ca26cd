use std::sync::Arc;
use std::time::Duration;

use landfall_model::{CertificateId, RegistrationJob, ThingName};
use landfall_registration::{Applicant, Refusal};
use landfall_registry::StorageError;
use thiserror::Error;
use tokio::time::Instant;

use crate::admission::{AdmissionError, Cause, Next, Standing};
use crate::principals::Admitted;
use crate::registration_attempt::Ending;
use crate::registration_queue::{Progress, Registration, RegistrationQueue};

/// Has registrations tried again that were refused or given up, without their devices.
pub struct RegistrationRetrier {
    pub(crate) queue: Arc<RegistrationQueue>,
    pub(crate) wait: Duration,
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
    Refused(Refusal),
    /// Topic rules register the devices of its CA certificate: the registration event is published again.
    Told,
    /// It waits for its interceptors, and is tried again by itself.
    Waiting(Box<RegistrationJob>),
}

/// Why a registration cannot be tried again.
#[derive(Debug, Error)]
pub enum RetryError {
    /// The certificate is not registered.
    #[error("certificate {id} is not registered")]
    NotRegistered {
        /// The certificate.
        id: CertificateId,
    },
    /// An operator registered it.
    #[error(
        "certificate {id} is registered without a CA certificate, so that there is nothing to provision; set its status"
    )]
    WithoutCa {
        /// The certificate.
        id: CertificateId,
    },
    /// Too many others wait.
    #[error("{max} registrations wait for their interceptors, which is the most; try again later")]
    Busy {
        /// How many.
        max: usize,
    },
    /// The server stops.
    #[error("the server stops; the registration goes on when it starts again")]
    Stopping,
    /// The registry failed.
    #[error("the registration could not be carried out")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl RegistrationRetrier {
    /// Tries the registration of a certificate again, now, as if its device came back; a dead letter, too.
    ///
    /// Cancel safety: what was begun is carried out.
    ///
    /// # Errors
    /// There is nothing to be tried, or the registry failed.
    pub async fn retry(&self, id: CertificateId) -> Result<Retried, RetryError> {
        let admissions = &self.queue.admissions;
        let began = Instant::now();
        let certificate =
            admissions.registry.certificate(id).await?.ok_or(RetryError::NotRegistered { id })?;
        let ca = certificate.ca.ok_or(RetryError::WithoutCa { id })?;
        let applicant = Applicant::from_certificate(&certificate, ca);
        let applicant = Arc::new(applicant.map_err(|problem| RetryError::Failed(Box::new(problem)))?);
        let next = match admissions.standing(&applicant, began).await? {
            Standing::Registered(admitted) => return Ok(Retried::active(&admitted)),
            Standing::Refused(refusal) => return Ok(Retried::Refused(refusal)),
            Standing::Unregistered(Next::Register) => return Err(RetryError::NotRegistered { id }),
            Standing::Unregistered(next @ Next::Resume(_)) => next,
        };
        let settings = self.queue.settings_of(ca);
        match self.queue.register(&applicant, &settings, next, Cause::Retried, began).await? {
            Registration::Active(admitted) => Ok(Retried::active(&admitted)),
            Registration::Refused(refusal) => Ok(Retried::Refused(refusal)),
            Registration::Pending => Ok(Retried::Told),
            Registration::Queued(mut progress) => {
                match tokio::time::timeout(self.wait, progress.changed()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return Err(RetryError::Stopping),
                    Err(_) => return self.still_waiting(id).await,
                }
                let progress = progress.borrow_and_update().clone();
                match progress {
                    Progress::Ended(Ending::Active(admitted)) => Ok(Retried::active(&admitted)),
                    Progress::Ended(Ending::Refused(refusal)) => Ok(Retried::Refused(refusal)),
                    Progress::Failed(job) => Ok(Retried::Waiting(Box::new(RegistrationJob::clone(&job)))),
                    Progress::Begun | Progress::Ended(Ending::Gone) => self.still_waiting(id).await,
                }
            }
        }
    }

    /// The registration as it is stored.
    async fn still_waiting(&self, id: CertificateId) -> Result<Retried, RetryError> {
        match self.queue.admissions.registry.registration_job(id).await? {
            Some(job) => Ok(Retried::Waiting(Box::new(job))),
            None => Ok(Retried::Told),
        }
    }
}

impl Retried {
    fn active(admitted: &Admitted) -> Self {
        Self::Active { thing: admitted.principal.things.first().map(|thing| thing.name.clone()) }
    }
}

impl From<StorageError> for RetryError {
    fn from(problem: StorageError) -> Self {
        Self::Failed(Box::new(problem))
    }
}

impl From<AdmissionError> for RetryError {
    fn from(problem: AdmissionError) -> Self {
        match problem {
            AdmissionError::TooManyJobs { max } => Self::Busy { max },
            problem @ (AdmissionError::Read(_)
            | AdmissionError::Store(_)
            | AdmissionError::Certificate(_)
            | AdmissionError::Timeout(_)
            | AdmissionError::Contended { .. }) => Self::Failed(Box::new(problem)),
        }
    }
}
