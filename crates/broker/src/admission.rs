//! Carries out what `registration` decides: reads the view, decides, plans, commits, and looks again.

use std::sync::Arc;
use std::time::Duration;

use landfall_events::{CertificateRegistered, Event};
use landfall_model::{
    AccountId, Clock, CreationId, DistinguishedName, Outcome, Principal, RegistrationPlan,
    RegistrationRecord, SubjectField, ThingName, ThingView, UnixTime,
};
use landfall_registration::{Admission, Applicant, Refusal, Settings, decide, plan, thing_name};
use landfall_registry::{CommitError, Committed, Conflict, Registry, StorageError, Transaction};
use thiserror::Error;
use tokio::time::Instant;
use tracing::{debug, info};

/// Who provisions a device whose certificate is seen for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registrar {
    /// The built-in one, in the transaction that registers the certificate.
    Builtin,
    /// Topic rules, which hear of the registration event.
    Rules,
}

/// Admits devices by what the registry holds.
pub(crate) struct Admissions {
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) registrar: Registrar,
    pub(crate) settings: Arc<Settings>,
    pub(crate) account: AccountId,
    pub(crate) attempts_max: u32,
}

/// Where a device stands before anything is done for it.
pub(crate) enum Standing {
    /// It is registered and ACTIVE.
    Registered(Principal),
    /// Its registration has to begin or to go on.
    Unregistered(Next),
    /// It is kept out.
    Refused(Refusal),
}

/// What a registration has to do next.
#[derive(Clone, Copy)]
pub(crate) enum Next {
    /// Register the certificate, which is seen for the first time.
    Register,
    /// Go on with the registration of a pending certificate.
    Resume(CreationId),
}

/// Where a device stands after its registration.
#[derive(Debug)]
pub(crate) enum Registered {
    /// Its certificate is ACTIVE.
    Active(Principal),
    /// Its certificate waits for somebody else to activate it.
    Pending,
    /// It is kept out.
    Refused(Refusal),
}

/// Why nothing could be decided. The device comes back.
#[derive(Debug, Error)]
pub(crate) enum AdmissionError {
    #[error("the registry could not be read")]
    Read(#[from] StorageError),
    #[error("the registration could not be stored")]
    Store(#[source] StorageError),
    #[error("the registry changed {attempts} times while the registration was planned")]
    Contended { attempts: u32 },
}

impl Admissions {
    /// Where a device stands. A refusal is recorded.
    pub(crate) async fn standing(
        &self,
        applicant: &Applicant,
        began: Instant,
    ) -> Result<Standing, AdmissionError> {
        let view = self.registry.view(applicant.certificate, applicant.ca).await?;
        match decide(&view) {
            Admission::Admit(principal) => Ok(Standing::Registered(principal)),
            Admission::Register => Ok(Standing::Unregistered(Next::Register)),
            Admission::Resume(creation_id) => Ok(Standing::Unregistered(Next::Resume(creation_id))),
            Admission::Refuse(refusal) => {
                self.record_refusal(applicant, &refusal, began).await?;
                Ok(Standing::Refused(refusal))
            }
        }
    }

    /// Registers a device, or goes on with its registration. What is begun may be dropped: it is found as it is when
    /// the device comes back.
    pub(crate) async fn register(
        &self,
        applicant: &Arc<Applicant>,
        mut next: Next,
        began: Instant,
    ) -> Result<Registered, AdmissionError> {
        // Most devices' things do not exist yet. When one does, the commit says so, and only then it is looked up.
        let mut thing = None;
        for _ in 0..self.attempts_max {
            let (transaction, planned) = self.transaction(applicant, next, thing.as_ref(), began);
            let conflict = match (self.registry.commit(transaction).await, planned) {
                (Ok(Committed { activated: Some(principal) }), Planned::Provisioned(thing)) => {
                    info!(certificate.id = %applicant.certificate, ca.id = %applicant.ca, thing.name = %thing, "device registered");
                    return Ok(Registered::Active(principal));
                }
                (Ok(_), Planned::Refused(refusal)) => return Ok(Registered::Refused(refusal)),
                (Ok(_), Planned::Pending | Planned::Provisioned(_)) => return Ok(Registered::Pending),
                (Err(CommitError::Conflict(conflict)), _) => conflict,
                (Err(CommitError::Storage(problem)), _) => return Err(AdmissionError::Store(problem)),
                (Err(problem), _) => {
                    return Err(AdmissionError::Store(StorageError::Failed(Box::new(problem))));
                }
            };
            // Somebody was faster, or a thing is there already: decide again on what is there now.
            debug!(certificate.id = %applicant.certificate, %conflict, "registration is planned anew");
            if let Conflict::CertificateTwin(_) = conflict {
                self.record_refusal(applicant, &Refusal::Twin, began).await?;
                return Ok(Registered::Refused(Refusal::Twin));
            }
            next = match self.standing(applicant, began).await? {
                Standing::Registered(principal) => return Ok(Registered::Active(principal)),
                Standing::Unregistered(next) => next,
                Standing::Refused(refusal) => return Ok(Registered::Refused(refusal)),
            };
            thing = match thing_name(applicant, &self.settings) {
                Ok(name) => self.registry.thing_view(&name).await?,
                Err(_) => None,
            };
        }
        Err(AdmissionError::Contended { attempts: self.attempts_max })
    }

    /// All that one attempt changes, in one transaction.
    fn transaction(
        &self,
        applicant: &Arc<Applicant>,
        next: Next,
        thing: Option<&ThingView>,
        began: Instant,
    ) -> (Transaction, Planned) {
        let now = self.clock.now();
        let mut transaction = Transaction::new();
        let creation_id = match next {
            Next::Resume(creation_id) => creation_id,
            Next::Register => {
                let creation_id = CreationId::from_bytes(uuid::Uuid::new_v4().into_bytes());
                transaction.register(applicant.pending_certificate(creation_id, now), applicant.ca);
                creation_id
            }
        };
        // Told at each connection of a pending certificate, as AWS does.
        transaction.append(Event::CertificateRegistered(CertificateRegistered {
            certificate: applicant.certificate,
            ca: applicant.ca,
            account: self.account.clone(),
            at: now,
        }));
        let planned = match self.registrar {
            Registrar::Rules => Planned::Pending,
            Registrar::Builtin => match plan(applicant, &self.settings, thing, creation_id) {
                Ok(plan) => {
                    transaction.provision(&plan, now);
                    transaction.record(success(&plan, now, began.elapsed()));
                    Planned::Provisioned(plan.thing_name().clone())
                }
                Err(refusal) => {
                    transaction.record(failure(applicant, &refusal, now, began.elapsed()));
                    Planned::Refused(refusal)
                }
            },
        };
        (transaction, planned)
    }

    async fn record_refusal(
        &self,
        applicant: &Applicant,
        refusal: &Refusal,
        began: Instant,
    ) -> Result<(), AdmissionError> {
        let mut transaction = Transaction::new();
        transaction.record(failure(applicant, refusal, self.clock.now(), began.elapsed()));
        match self.registry.commit(transaction).await {
            Ok(_) => Ok(()),
            Err(CommitError::Storage(problem)) => Err(AdmissionError::Store(problem)),
            Err(problem) => Err(AdmissionError::Store(StorageError::Failed(Box::new(problem)))),
        }
    }
}

/// What the transaction of one attempt comes to.
enum Planned {
    Provisioned(ThingName),
    Pending,
    Refused(Refusal),
}

fn success(plan: &RegistrationPlan, now: UnixTime, duration: Duration) -> RegistrationRecord {
    RegistrationRecord {
        certificate: plan.certificate,
        ca: plan.ca,
        first_at: now,
        last_at: now,
        attempts: 1,
        duration_us: microseconds(duration),
        serial_number: Some(plan.serial_number.clone()),
        product_id: Some(plan.product_id.clone()),
        outcome: Outcome::Success { thing: plan.thing_name().clone(), device_type: plan.device_type },
    }
}

fn failure(
    applicant: &Applicant,
    refusal: &Refusal,
    now: UnixTime,
    duration: Duration,
) -> RegistrationRecord {
    let Applicant { certificate, ca, subject, .. } = applicant;
    RegistrationRecord {
        certificate: *certificate,
        ca: *ca,
        first_at: now,
        last_at: now,
        attempts: 1,
        duration_us: microseconds(duration),
        serial_number: recorded(subject, SubjectField::SerialNumber),
        product_id: recorded(subject, SubjectField::GenerationQualifier),
        outcome: Outcome::Failure(refusal.rejection()),
    }
}

/// A field of the subject as it is recorded: cut where it is too long to be a name anyway.
fn recorded(subject: &DistinguishedName, field: SubjectField) -> Option<String> {
    const CHARACTERS_MAX: usize = 128;
    subject.field(field).map(|value| value.chars().take(CHARACTERS_MAX).collect())
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
