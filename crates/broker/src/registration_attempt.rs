//! One attempt of a registration whose interceptors have to be asked.

use std::sync::Arc;
use std::time::Duration;

use landfall_model::{
    BillingGroupName, CertificateId, CreationId, GreengrassName, Outcome, PolicyName, RegistrationJob,
    RegistrationPlan, ThingGroupName, ThingName, ThingTypeName,
};
use landfall_registration::{
    Admission, Applicant, AttributeChange, CaSettings, Interception, InterceptorRequest, Interceptors,
    Refusal, Registrar, apply_changes, decide, plan, thing_name,
};
use landfall_registry::{CommitError, Committed, Conflict, Expectation, StorageError, Transaction};
use tokio::time::Instant;
use tracing::{debug, info};

use crate::admission::{AdmissionError, Admissions, record, refusal_by, success};
use crate::principals::Admitted;

/// How a registration ended that had to wait for its interceptors.
#[derive(Clone, Debug)]
pub(crate) enum Ending {
    /// Its certificate is ACTIVE.
    Active(Admitted),
    /// Its device is kept out.
    Refused(Refusal),
    /// There is nothing to register any more: the certificate is gone, or topic rules register its devices now.
    Gone,
}

/// What one attempt came to.
#[derive(Debug)]
pub(crate) enum Attempted {
    /// The registration has ended, and its job with it.
    Ended(Ending),
    /// An interceptor could not say whether the device may be registered.
    Unanswered { interceptor: Box<str>, problem: String, after: Option<Duration> },
}

/// What an attempt is made with.
pub(crate) struct Attempt<'a> {
    pub(crate) job: &'a RegistrationJob,
    /// The applicant, if it is at hand.
    pub(crate) applicant: Option<Arc<Applicant>>,
    pub(crate) settings: Arc<CaSettings>,
    pub(crate) interceptors: &'a dyn Interceptors,
    /// From when its duration counts.
    pub(crate) began: Instant,
}

/// What the interceptors allowed.
struct Allowed {
    names: PlannedNames,
    changes: Vec<AttributeChange>,
}

/// All that a plan names. Interceptors that allowed one plan are not asked again about another one of the same names.
#[derive(PartialEq, Eq)]
struct PlannedNames {
    thing: ThingName,
    thing_type: ThingTypeName,
    policy: PolicyName,
    thing_groups: Vec<ThingGroupName>,
    billing_group: Option<BillingGroupName>,
    greengrass: Option<GreengrassName>,
}

/// What a plan is made on.
enum Ground {
    /// The registration goes on.
    Pending { applicant: Arc<Applicant>, creation_id: CreationId },
    /// It has ended already.
    Ended(Ending),
}

impl Admissions {
    /// Tries once to carry out a registration. Nothing is held open while interceptors are asked.
    ///
    /// Cancel safety: interceptors may have been asked, and the registration may be carried out.
    pub(crate) async fn attempt(&self, attempt: Attempt<'_>) -> Result<Attempted, AdmissionError> {
        let Attempt { job, mut applicant, settings, interceptors, began } = attempt;
        let mut allowed: Option<Allowed> = None;
        for _ in 0..self.attempts_max {
            let as_of = self.principals.now();
            let ground = self.ground(job, applicant.take(), &settings, began).await?;
            let (known, creation_id) = match ground {
                Ground::Pending { applicant, creation_id } => (applicant, creation_id),
                Ground::Ended(ending) => return Ok(Attempted::Ended(ending)),
            };
            let thing = match thing_name(&known, &settings.settings) {
                Ok(name) => self.registry.thing_view(&name).await?,
                Err(_) => None,
            };
            let mut planned = match plan(&known, &settings.settings, thing.as_ref(), creation_id) {
                Ok(planned) => planned,
                Err(refusal) => return self.refuse(&known, refusal, began).await,
            };
            let names = PlannedNames::of(&planned);
            let interception = match allowed.take().filter(|allowed| allowed.names == names) {
                Some(Allowed { changes, .. }) => Interception::Allow { changes },
                None if settings.interceptors.is_empty() => Interception::Allow { changes: Vec::new() },
                None => {
                    let request = InterceptorRequest {
                        creation_id,
                        applicant: Arc::clone(&known),
                        settings: Arc::clone(&settings),
                        plan: planned.clone(),
                        attempt: job.attempts_failed.saturating_add(1),
                    };
                    interceptors.intercept(request).await
                }
            };
            let changes = match interception {
                Interception::Allow { changes } => changes,
                Interception::Deny { interceptor, message } => {
                    let refusal = Refusal::InterceptorDenied { interceptor, message };
                    return self.refuse(&known, refusal, began).await;
                }
                Interception::Retry { interceptor, problem, after } => {
                    return Ok(Attempted::Unanswered { interceptor, problem, after });
                }
            };
            if let Err(refusal) = apply_changes(&mut planned, &changes) {
                return self.refuse(&known, refusal, began).await;
            }
            match self.provision(job, &planned, began).await? {
                Ok(principal) => {
                    return Ok(Attempted::Ended(Ending::Active(Admitted { principal, as_of })));
                }
                Err(conflict) => {
                    // Somebody was faster, or a thing is there already: decide again on what is there now.
                    debug!(certificate.id = %job.certificate, %conflict, "registration is planned anew");
                    if let Some(refusal) = refusal_by(conflict) {
                        return self.refuse(&known, refusal, began).await;
                    }
                }
            }
            (applicant, allowed) = (Some(known), Some(Allowed { names, changes }));
        }
        Err(AdmissionError::Contended { attempts: self.attempts_max })
    }

    /// Reads where the certificate stands. A job that has ended otherwise is ended.
    async fn ground(
        &self,
        job: &RegistrationJob,
        applicant: Option<Arc<Applicant>>,
        settings: &CaSettings,
        began: Instant,
    ) -> Result<Ground, AdmissionError> {
        let as_of = self.principals.now();
        let view = self.registry.view(job.certificate, job.ca).await?;
        let Some(certificate) = &view.certificate else {
            // Its job went with it.
            return Ok(Ground::Ended(Ending::Gone));
        };
        let applicant = match applicant {
            Some(applicant) => applicant,
            None => Arc::new(Applicant::from_certificate(certificate, job.ca)?),
        };
        match decide(&view, self.inactive_ca_devices) {
            Admission::Resume(creation_id) => match settings.registrar {
                Registrar::Builtin => Ok(Ground::Pending { applicant, creation_id }),
                Registrar::Rules => {
                    let mut transaction = Transaction::new();
                    transaction.remove_registration_job(job.certificate);
                    self.commit(transaction).await?;
                    Ok(Ground::Ended(Ending::Gone))
                }
            },
            Admission::Admit(principal) => {
                let now = self.clock.now();
                let thing = principal.things.first().map(|thing| thing.name.clone());
                let mut transaction = Transaction::new();
                let activated = Outcome::Activated { thing };
                transaction.record(record(&applicant, activated, now, began.elapsed()));
                transaction.end_registration_job(job, now);
                self.commit(transaction).await?;
                Ok(Ground::Ended(Ending::Active(Admitted { principal, as_of })))
            }
            Admission::Register => Ok(Ground::Ended(Ending::Gone)),
            Admission::Refuse(refusal) => {
                self.end_refused(&applicant, &refusal, began).await?;
                Ok(Ground::Ended(Ending::Refused(refusal)))
            }
        }
    }

    /// Carries out a plan, and ends its job; or says what is in its way.
    async fn provision(
        &self,
        job: &RegistrationJob,
        plan: &RegistrationPlan,
        began: Instant,
    ) -> Result<Result<landfall_model::Principal, Conflict>, AdmissionError> {
        let now = self.clock.now();
        let mut transaction = Transaction::new();
        transaction.expect(Expectation::CaActive(job.ca));
        transaction.provision(plan, &self.scope, now);
        transaction.record(success(plan, now, began.elapsed()));
        transaction.end_registration_job(job, now);
        match self.registry.commit(transaction).await {
            Ok(Committed { activated: Some(principal), .. }) => {
                let (certificate, ca, thing) = (job.certificate, job.ca, plan.thing_name());
                info!(certificate.id = %certificate, ca.id = %ca, thing.name = %thing, attempts.failed = job.attempts_failed, "device registered");
                Ok(Ok(principal))
            }
            // It activates, so that there is one.
            Ok(Committed { activated: None, .. }) => {
                Ok(Err(Conflict::CertificateNotPending(job.certificate)))
            }
            Err(CommitError::Conflict(conflict)) => Ok(Err(conflict)),
            Err(CommitError::Storage(problem)) => Err(AdmissionError::Store(problem)),
            Err(problem) => Err(AdmissionError::Store(StorageError::Failed(Box::new(problem)))),
        }
    }

    async fn refuse(
        &self,
        applicant: &Applicant,
        refusal: Refusal,
        began: Instant,
    ) -> Result<Attempted, AdmissionError> {
        self.end_refused(applicant, &refusal, began).await?;
        info!(certificate.id = %applicant.certificate, ca.id = %applicant.ca, code = refusal.code(), %refusal, "registration refused");
        Ok(Attempted::Ended(Ending::Refused(refusal)))
    }

    /// Records a refusal, and removes the job.
    async fn end_refused(
        &self,
        applicant: &Applicant,
        refusal: &Refusal,
        began: Instant,
    ) -> Result<(), AdmissionError> {
        let mut transaction = Transaction::new();
        let outcome = Outcome::Failure(refusal.rejection());
        transaction.record(record(applicant, outcome, self.clock.now(), began.elapsed()));
        transaction.remove_registration_job(applicant.certificate);
        self.commit(transaction).await
    }

    /// Stores a job; with the refusal that it ends in, if it was given up.
    pub(crate) async fn store_job(
        &self,
        job: &RegistrationJob,
        refusal: Option<&Refusal>,
        began: Instant,
    ) -> Result<(), AdmissionError> {
        let mut transaction = Transaction::new();
        if let Some(refusal) = refusal {
            let applicant = self.stored_applicant(job.certificate).await?;
            let outcome = Outcome::Failure(refusal.rejection());
            let of =
                applicant.map(|applicant| record(&applicant, outcome, self.clock.now(), began.elapsed()));
            of.into_iter().for_each(|record| transaction.record(record));
        }
        transaction.store_registration_job(job.clone());
        self.commit(transaction).await
    }

    /// The applicant of a certificate that is registered and that a CA certificate issued.
    pub(crate) async fn stored_applicant(
        &self,
        id: CertificateId,
    ) -> Result<Option<Applicant>, AdmissionError> {
        let Some(certificate) = self.registry.certificate(id).await? else {
            return Ok(None);
        };
        let Some(ca) = certificate.ca else {
            return Ok(None);
        };
        Ok(Some(Applicant::from_certificate(&certificate, ca)?))
    }
}

impl PlannedNames {
    fn of(plan: &RegistrationPlan) -> Self {
        Self {
            thing: plan.thing_name().clone(),
            thing_type: plan.thing_type.name.clone(),
            policy: plan.policy.name.clone(),
            thing_groups: plan.thing_groups.clone(),
            billing_group: plan.billing_group.clone(),
            greengrass: plan.greengrass.as_ref().map(|group| group.name.clone()),
        }
    }
}
