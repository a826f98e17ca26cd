//! Carries out what `registration` decides: reads the view, decides, plans, commits, and looks again.

use std::sync::Arc;
use std::time::Duration;

use landfall_events::{CertificateRegistered, Event};
use landfall_model::{
    CaCertificateId, CertificateId, Clock, CreationId, DistinguishedName, Outcome, Principal,
    RegistrationJob, RegistrationJobState, RegistrationPlan, RegistrationRecord, Rejection, Scope,
    SubjectField, ThingName, ThingView, UnixTime,
};
use landfall_pki::CertificateError;
use landfall_registration::{
    Admission, Applicant, CaSettings, InactiveCaDevices, PinnedAdmission, Refusal, Registrar, decide,
    decide_pinned, plan, thing_name,
};
use landfall_registry::{CommitError, Committed, Conflict, Expectation, Registry, StorageError, Transaction};
use thiserror::Error;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::known_certificates::KnownCertificates;
use crate::principals::{Admitted, Recent, RecentPrincipals};
use crate::touched::AsOf;

/// Admits devices by what the registry holds.
pub(crate) struct Admissions {
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) principals: Arc<RecentPrincipals>,
    pub(crate) known: Arc<KnownCertificates>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) inactive_ca_devices: InactiveCaDevices,
    pub(crate) scope: Scope,
    pub(crate) attempts_max: u32,
}

/// Where a device stands before anything is done for it.
pub(crate) enum Standing {
    /// It is registered and ACTIVE.
    Registered(Admitted),
    /// Its registration has to begin or to go on.
    Unregistered(Next),
    /// It is kept out.
    Refused(Refusal),
}

/// Where a device stands whose certificate is registered without a CA certificate.
pub(crate) enum PinnedStanding {
    /// It is registered and ACTIVE.
    Registered(Admitted),
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
    Active(Admitted),
    /// Its certificate waits for somebody else to activate it.
    Pending,
    /// Its interceptors have to be asked: its job is stored.
    Begun,
    /// It is kept out.
    Refused(Refusal),
}

/// Why a registration begins, or goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The device is there.
    Connected,
    /// An operator wants it to be tried again.
    Retried,
}

/// Why nothing could be decided. The device comes back.
#[derive(Debug, Error)]
pub(crate) enum AdmissionError {
    #[error("the registry could not be read")]
    Read(#[from] StorageError),
    #[error("the registration could not be stored")]
    Store(#[source] StorageError),
    #[error("the registry did not answer within {0:?}, the limit registration_timeout")]
    Timeout(Duration),
    #[error("the stored certificate cannot be read")]
    Certificate(#[from] CertificateError),
    #[error("{max} registrations wait for their interceptors, which is the limit registration_jobs_max")]
    TooManyJobs { max: usize },
    #[error("the registry changed {attempts} times while the registration was planned")]
    Contended { attempts: u32 },
}

impl Admissions {
    /// Reads which certificates are registered. Until that is done, and if it fails, each first connection costs a read.
    pub(crate) async fn get_to_know(&self) {
        if let Err(problem) = self.known.read(&*self.registry).await {
            let error: &dyn std::error::Error = &problem;
            warn!(error, "registered certificates cannot be read beforehand");
        }
    }

    /// Where a device stands. A refusal is recorded.
    pub(crate) async fn standing(
        &self,
        applicant: &Applicant,
        began: Instant,
    ) -> Result<Standing, AdmissionError> {
        let ca = match self.inactive_ca_devices {
            InactiveCaDevices::Stay => None,
            InactiveCaDevices::Go => Some(applicant.ca),
        };
        let as_of = match self.principals.look_up(applicant.certificate, ca) {
            Recent::Known(admitted) => return Ok(Standing::Registered(admitted)),
            Recent::Unknown(as_of) => as_of,
        };
        if self.known.is_stranger(applicant.certificate) {
            return Ok(Standing::Unregistered(Next::Register));
        }
        self.read_standing(applicant, as_of, began).await
    }

    /// Where a device stands, by the registry itself.
    async fn read_standing(
        &self,
        applicant: &Applicant,
        as_of: AsOf,
        began: Instant,
    ) -> Result<Standing, AdmissionError> {
        let view = self.registry.view(applicant.certificate, applicant.ca).await?;
        match decide(&view, self.inactive_ca_devices) {
            Admission::Admit(principal) => {
                Ok(Standing::Registered(self.remember(principal, Some(applicant.ca), as_of)))
            }
            Admission::Register => Ok(Standing::Unregistered(Next::Register)),
            Admission::Resume(creation_id) => Ok(Standing::Unregistered(Next::Resume(creation_id))),
            Admission::Refuse(refusal) => {
                self.record_refusal(applicant, &refusal, began).await?;
                Ok(Standing::Refused(refusal))
            }
        }
    }

    /// Where a device stands whose certificate is registered without a CA certificate. It is never registered by connecting,
    /// so that a refusal has no place in the registration log: it is the caller's to tell.
    pub(crate) async fn standing_of_pinned(
        &self,
        id: CertificateId,
    ) -> Result<PinnedStanding, AdmissionError> {
        let as_of = match self.principals.look_up(id, None) {
            Recent::Known(admitted) => return Ok(PinnedStanding::Registered(admitted)),
            Recent::Unknown(as_of) => as_of,
        };
        // A change of the status after it was read ends the connection, which is in the table of connections already.
        let certificate = self.registry.certificate(id).await?;
        let principal = self.registry.principal(id).await?;
        Ok(match decide_pinned(certificate.map(|certificate| certificate.status), principal) {
            PinnedAdmission::Admit(principal) => {
                PinnedStanding::Registered(self.remember(principal, None, as_of))
            }
            PinnedAdmission::Refuse(refusal) => PinnedStanding::Refused(refusal),
        })
    }

    /// The principal of a connection that is let in already, as it is now; none if its certificate is gone. A change of the
    /// status ends the connection otherwise.
    pub(crate) async fn refreshed(&self, id: CertificateId) -> Result<Option<Admitted>, AdmissionError> {
        let as_of = match self.principals.look_up(id, None) {
            Recent::Known(admitted) => return Ok(Some(admitted)),
            Recent::Unknown(as_of) => as_of,
        };
        Ok(self.registry.principal(id).await?.map(|principal| Admitted { principal, as_of }))
    }

    fn remember(&self, principal: Principal, ca: Option<CaCertificateId>, as_of: AsOf) -> Admitted {
        let admitted = Admitted { principal, as_of };
        self.principals.remember(admitted.clone(), ca);
        admitted
    }

    /// Registers a device, or goes on with its registration. What is begun may be dropped: it is found as it is when
    /// the device comes back.
    pub(crate) async fn register(
        &self,
        applicant: &Arc<Applicant>,
        settings: &CaSettings,
        mut next: Next,
        cause: Cause,
        began: Instant,
    ) -> Result<Registered, AdmissionError> {
        // Most devices' things do not exist yet. When one does, the commit says so, and only then it is looked up.
        let mut thing = None;
        for _ in 0..self.attempts_max {
            let given_up = self.given_up(applicant, settings, next, cause).await?;
            let ground = Ground { next, thing: thing.as_ref(), given_up };
            let (transaction, planned) = self.transaction(applicant, settings, ground, began);
            let as_of = self.principals.now();
            let conflict = match (self.registry.commit(transaction).await, planned) {
                (Ok(Committed { activated: Some(principal), .. }), Planned::Provisioned(thing)) => {
                    info!(certificate.id = %applicant.certificate, ca.id = %applicant.ca, thing.name = %thing, "device registered");
                    return Ok(Registered::Active(Admitted { principal, as_of }));
                }
                (Ok(_), Planned::Refused(refusal)) => return Ok(Registered::Refused(refusal)),
                (Ok(_), Planned::Begun) => return Ok(Registered::Begun),
                (Ok(_), Planned::Pending | Planned::Provisioned(_)) => return Ok(Registered::Pending),
                (Err(CommitError::Conflict(conflict)), _) => conflict,
                (Err(CommitError::Storage(problem)), _) => return Err(AdmissionError::Store(problem)),
                (Err(problem), _) => {
                    return Err(AdmissionError::Store(StorageError::Failed(Box::new(problem))));
                }
            };
            // Somebody was faster, or a thing is there already: decide again on what is there now.
            debug!(certificate.id = %applicant.certificate, %conflict, "registration is planned anew");
            if let Some(refusal) = refusal_by(conflict) {
                self.record_refusal(applicant, &refusal, began).await?;
                return Ok(Registered::Refused(refusal));
            }
            next = match self.read_standing(applicant, self.principals.now(), began).await? {
                Standing::Registered(admitted) => return Ok(Registered::Active(admitted)),
                Standing::Unregistered(next) => next,
                Standing::Refused(refusal) => return Ok(Registered::Refused(refusal)),
            };
            thing = match thing_name(applicant, &settings.settings) {
                Ok(name) => self.registry.thing_view(&name).await?,
                Err(_) => None,
            };
        }
        Err(AdmissionError::Contended { attempts: self.attempts_max })
    }

    /// Why the registration was given up, if it is a dead letter and nobody wants it to be tried again.
    async fn given_up(
        &self,
        applicant: &Applicant,
        settings: &CaSettings,
        next: Next,
        cause: Cause,
    ) -> Result<Option<Refusal>, AdmissionError> {
        match (next, cause) {
            (Next::Resume(_), Cause::Connected) if asks(settings) => {}
            (Next::Register | Next::Resume(_), Cause::Connected | Cause::Retried) => return Ok(None),
        }
        let job = self.registry.registration_job(applicant.certificate).await?;
        Ok(job.as_ref().and_then(given_up))
    }

    /// All that one attempt changes, in one transaction.
    fn transaction(
        &self,
        applicant: &Arc<Applicant>,
        settings: &CaSettings,
        ground: Ground<'_>,
        began: Instant,
    ) -> (Transaction, Planned) {
        let now = self.clock.now();
        let Ground { next, thing, given_up } = ground;
        let mut transaction = Transaction::new();
        let creation_id = match next {
            Next::Resume(creation_id) => {
                transaction.expect(Expectation::CaActive(applicant.ca));
                creation_id
            }
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
            account: self.scope.account.clone(),
            at: now,
        }));
        let planned = match settings.registrar {
            Registrar::Rules => Planned::Pending,
            Registrar::Builtin => match (plan(applicant, &settings.settings, thing, creation_id), given_up) {
                (Ok(_), None) if asks(settings) => {
                    let (certificate, ca) = (applicant.certificate, applicant.ca);
                    transaction.begin_registration_job(RegistrationJob::new(
                        certificate,
                        ca,
                        creation_id,
                        now,
                    ));
                    return (transaction, Planned::Begun);
                }
                (Ok(plan), None) => {
                    transaction.provision(&plan, &self.scope, now);
                    transaction.record(success(&plan, now, began.elapsed()));
                    Planned::Provisioned(plan.thing_name().clone())
                }
                (Ok(_), Some(refusal)) => {
                    let outcome = Outcome::Failure(refusal.rejection());
                    transaction.record(record(applicant, outcome, now, began.elapsed()));
                    return (transaction, Planned::Refused(refusal));
                }
                (Err(refusal), _) => {
                    let outcome = Outcome::Failure(refusal.rejection());
                    transaction.record(record(applicant, outcome, now, began.elapsed()));
                    Planned::Refused(refusal)
                }
            },
        };
        if matches!(next, Next::Resume(_)) {
            // There may be one that began when other settings held.
            transaction.remove_registration_job(applicant.certificate);
        }
        (transaction, planned)
    }

    /// Records that somebody activated the certificate of a device that waited for it.
    pub(crate) async fn record_activation(
        &self,
        applicant: &Applicant,
        principal: &Principal,
        began: Instant,
    ) -> Result<(), AdmissionError> {
        let thing = principal.things.first().map(|thing| thing.name.clone());
        self.record(applicant, Outcome::Activated { thing }, began).await
    }

    /// Records that nobody activated the certificate of a device while it waited.
    pub(crate) async fn record_waiting(
        &self,
        applicant: &Applicant,
        message: String,
        began: Instant,
    ) -> Result<(), AdmissionError> {
        let rejection = Rejection { code: NOT_ACTIVATED.to_owned(), message };
        self.record(applicant, Outcome::Failure(rejection), began).await
    }

    async fn record_refusal(
        &self,
        applicant: &Applicant,
        refusal: &Refusal,
        began: Instant,
    ) -> Result<(), AdmissionError> {
        self.record(applicant, Outcome::Failure(refusal.rejection()), began).await
    }

    async fn record(
        &self,
        applicant: &Applicant,
        outcome: Outcome,
        began: Instant,
    ) -> Result<(), AdmissionError> {
        let mut transaction = Transaction::new();
        transaction.record(record(applicant, outcome, self.clock.now(), began.elapsed()));
        self.commit(transaction).await
    }

    /// Commits what has no conflict that anything could be done about.
    pub(crate) async fn commit(&self, transaction: Transaction) -> Result<(), AdmissionError> {
        match self.registry.commit(transaction).await {
            Ok(_) => Ok(()),
            Err(CommitError::Storage(problem)) => Err(AdmissionError::Store(problem)),
            Err(problem) => Err(AdmissionError::Store(StorageError::Failed(Box::new(problem)))),
        }
    }
}

/// Whether interceptors are asked before a device is provisioned.
pub(crate) fn asks(settings: &CaSettings) -> bool {
    settings.registrar == Registrar::Builtin && !settings.interceptors.is_empty()
}

/// Why a registration was given up, if it is a dead letter.
pub(crate) fn given_up(job: &RegistrationJob) -> Option<Refusal> {
    match job.state {
        RegistrationJobState::Dead { .. } => {
            let attempt = job.attempts.last()?;
            let problem = match &attempt.interceptor {
                Some(interceptor) => format!("interceptor {interceptor}: {}", attempt.problem).into(),
                None => Arc::clone(&attempt.problem),
            };
            Some(Refusal::GaveUp { attempts: job.attempts_failed, problem })
        }
        RegistrationJobState::Waiting { .. } | RegistrationJobState::Done { .. } => None,
    }
}

/// The refusal that a conflict means, if planning anew would only end in it again.
pub(crate) fn refusal_by(conflict: Conflict) -> Option<Refusal> {
    if let Conflict::CertificateTwin(_) = conflict {
        Some(Refusal::Twin)
    } else if let Conflict::CertificateExclusive { certificate: _, thing } = conflict {
        Some(Refusal::CertificateExclusive { thing })
    } else if let Conflict::PoliciesOfTarget(target) = conflict {
        Some(Refusal::TooManyPolicies { target })
    } else if let Conflict::ThingTypeDeprecated(thing_type) = conflict {
        Some(Refusal::ThingTypeDeprecated { thing_type })
    } else if let Conflict::ThingInBillingGroup { thing, group } = conflict {
        Some(Refusal::ThingInBillingGroup { thing, group })
    } else if let Conflict::ThingInHierarchy { thing, group } = conflict {
        Some(Refusal::ThingInHierarchy { thing, group })
    } else if let Conflict::GroupsOfThing(thing) = conflict {
        Some(Refusal::TooManyThingGroups { thing })
    } else {
        None
    }
}

/// The code under which it is recorded that a certificate was not activated while its device waited.
const NOT_ACTIVATED: &str = "not_activated";

/// What a registration is planned on.
struct Ground<'a> {
    next: Next,
    /// The thing that has the name already.
    thing: Option<&'a ThingView>,
    /// Why it is not begun again.
    given_up: Option<Refusal>,
}

/// What the transaction of one attempt comes to.
enum Planned {
    Provisioned(ThingName),
    Pending,
    Begun,
    Refused(Refusal),
}

pub(crate) fn success(plan: &RegistrationPlan, now: UnixTime, duration: Duration) -> RegistrationRecord {
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

pub(crate) fn record(
    applicant: &Applicant,
    outcome: Outcome,
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
        outcome,
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

#[cfg(test)]
mod tests {
    use landfall_model::{
        AccountId, Attributes, AutoRegistration, CaCertificate, CaStatus, Certificate, CertificateDer,
        CertificateMode, CertificateStatus, NameAttribute, Region, SignedPart, Thing, ThingGroup,
        ThingGroupId, ThingId, Validity,
    };
    use landfall_registration::{Retries, Settings, SettingsSource};
    use landfall_registry::{CommitObserver, MemoryRegistry, RootThingGroup};

    use super::*;
    use crate::touched::Touches;

    const CA: CaCertificateId = CaCertificateId::from_sha256([1; 32]);
    const NOW: UnixTime = UnixTime::from_secs(1_000);

    struct FixedClock;

    impl Clock for FixedClock {
        fn now(&self) -> UnixTime {
            NOW
        }
    }

    /// What holds for the devices of every CA certificate.
    fn settings(registrar: Registrar) -> CaSettings {
        settings_by(registrar, SettingsSource::default())
    }

    fn settings_by(registrar: Registrar, source: SettingsSource) -> CaSettings {
        let settings = Settings::compile(&source, &scope()).unwrap();
        CaSettings {
            registrar,
            first_connect_hold: registrar.usual_hold(),
            settings,
            retries: Retries::default(),
            interceptors: Arc::default(),
        }
    }

    fn scope() -> Scope {
        let account = AccountId::parse("000000000000").unwrap();
        Scope { account, region: Region::parse("us-east-1").unwrap() }
    }

    async fn admissions() -> Admissions {
        let registry: Arc<dyn Registry> = Arc::new(MemoryRegistry::new());
        let mut transaction = Transaction::new();
        transaction.insert_ca_certificate(CaCertificate {
            id: CA,
            status: CaStatus::Active,
            auto_registration: AutoRegistration::Enable,
            mode: CertificateMode::Default,
            der: CertificateDer::new(&[]),
            validity: Validity { not_before: NOW, not_after: NOW },
            version: 1,
            registered_at: NOW,
            modified_at: NOW,
        });
        registry.commit(transaction).await.unwrap();
        let touches = Arc::new(Touches::new());
        registry.observe(Arc::clone(&touches) as Arc<dyn CommitObserver>);
        let principals = Arc::new(RecentPrincipals::new(touches, 100));
        registry.observe(Arc::clone(&principals) as Arc<dyn CommitObserver>);
        let known = Arc::new(KnownCertificates::new(1_000));
        registry.observe(Arc::clone(&known) as Arc<dyn CommitObserver>);
        known.read(&*registry).await.unwrap();
        let clock = Arc::new(FixedClock);
        Admissions {
            registry,
            principals,
            known,
            clock,
            inactive_ca_devices: InactiveCaDevices::Stay,
            scope: scope(),
            attempts_max: 3,
        }
    }

    /// A device with its own certificate; devices of one serial number claim the same thing.
    fn applicant(certificate: u8, serial_number: &str) -> Arc<Applicant> {
        let fields =
            [("2.5.4.5", serial_number), ("2.5.4.12", "iot"), ("2.5.4.44", "sensor"), ("2.5.4.3", "device")];
        let attribute = |(oid, value): (&str, &str)| NameAttribute { oid: oid.into(), value: value.into() };
        Arc::new(Applicant {
            certificate: CertificateId::from_sha256([certificate; 32]),
            ca: CA,
            mode: CertificateMode::Default,
            subject: DistinguishedName::new(fields.map(attribute).to_vec()),
            issuer: DistinguishedName::default(),
            validity: Validity { not_before: NOW, not_after: NOW },
            signed_part: SignedPart::from_sha256([certificate; 32]),
            der: CertificateDer::new(&[]),
        })
    }

    async fn register(admissions: &Admissions, applicant: &Arc<Applicant>) -> Registered {
        register_under(&settings(Registrar::Builtin), admissions, applicant).await
    }

    async fn register_under(
        settings: &CaSettings,
        admissions: &Admissions,
        applicant: &Arc<Applicant>,
    ) -> Registered {
        let next = match admissions.standing(applicant, Instant::now()).await.unwrap() {
            Standing::Registered(admitted) => return Registered::Active(admitted),
            Standing::Refused(refusal) => return Registered::Refused(refusal),
            Standing::Unregistered(next) => next,
        };
        admissions.register(applicant, settings, next, Cause::Connected, Instant::now()).await.unwrap()
    }

    fn refusal_code(registered: &Registered) -> Option<&'static str> {
        match registered {
            Registered::Refused(refusal) => Some(refusal.code()),
            Registered::Active(_) | Registered::Begun | Registered::Pending => None,
        }
    }

    #[tokio::test]
    async fn a_first_connection_makes_everything_and_tells_it() {
        let admissions = admissions().await;
        let Registered::Active(Admitted { principal, .. }) = register(&admissions, &applicant(2, "1")).await
        else {
            panic!("not active");
        };
        assert_eq!(principal.things[0].name.as_str(), "thing-1");
        assert_eq!(principal.policies[0].0.as_str(), "iot-access-policy");
        let records = admissions.registry.certificate_records(principal.certificate).await.unwrap();
        assert!(
            matches!(&records[..], [RegistrationRecord { outcome: Outcome::Success { .. }, .. }]),
            "{records:?}"
        );
        assert_eq!(admissions.registry.pending_events(None, 9).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn registering_twice_at_once_registers_once() {
        let admissions = admissions().await;
        let device = applicant(2, "1");
        let began = Instant::now();
        // Both have seen that the certificate is unknown.
        let settings = settings(Registrar::Builtin);
        let first =
            admissions.register(&device, &settings, Next::Register, Cause::Connected, began).await.unwrap();
        let second =
            admissions.register(&device, &settings, Next::Register, Cause::Connected, began).await.unwrap();
        assert!(
            matches!((&first, &second), (Registered::Active(a), Registered::Active(b)) if a.principal == b.principal),
            "{second:?}"
        );
        assert_eq!(admissions.registry.pending_events(None, 9).await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_thing_that_is_taken_refuses_and_equal_refusals_count_up() {
        let admissions = admissions().await;
        register(&admissions, &applicant(2, "1")).await;
        let second = applicant(3, "1");
        for attempts in 1..=2 {
            assert_eq!(refusal_code(&register(&admissions, &second).await), Some("thing_taken"));
            let records = admissions.registry.certificate_records(second.certificate).await.unwrap();
            assert_eq!(records.iter().map(|record| record.attempts).collect::<Vec<_>>(), [attempts]);
        }
        let stored = admissions.registry.certificate(second.certificate).await.unwrap().unwrap();
        assert_eq!(stored.status.as_str(), "PENDING_ACTIVATION");
    }

    /// Nothing that is planned anew would change that.
    #[tokio::test]
    async fn a_thing_that_cannot_come_into_its_groups_is_refused_by_name() {
        let thing = ThingName::parse("thing-1").unwrap();
        let root = |name: &str| RootThingGroup {
            name: name.parse().unwrap(),
            id: ThingGroupId::from_bytes([1; 16]),
            tags: Vec::new(),
            scope: scope(),
            created_at: NOW,
        };
        let source = || SettingsSource { thing_groups: vec!["g".to_owned()], ..SettingsSource::default() };
        type Make = fn(&mut Transaction);
        let made_beforehand: [(Make, Option<&str>); 4] = [
            (|_| (), None),
            (|tx| tx.add_thing_to_group("g".parse().unwrap(), "thing-1".parse().unwrap()), None),
            (
                |tx| tx.add_thing_to_group("child".parse().unwrap(), "thing-1".parse().unwrap()),
                Some("thing_in_hierarchy"),
            ),
            (
                |tx| {
                    for number in 0..10 {
                        let group = format!("g{number}").parse().unwrap();
                        tx.add_thing_to_group(group, "thing-1".parse().unwrap());
                    }
                },
                Some("too_many_thing_groups"),
            ),
        ];
        for (make, expected) in made_beforehand {
            let admissions = Admissions { attempts_max: 2, ..admissions().await };
            let mut transaction = Transaction::new();
            transaction.insert_thing(Thing {
                name: thing.clone(),
                id: ThingId::from_bytes([1; 16]),
                thing_type: None,
                billing_group: None,
                attributes: Attributes::default(),
                version: 1,
                made_by: None,
                created_at: NOW,
            });
            ["top", "g0", "g1", "g2", "g3", "g4", "g5", "g6", "g7", "g8", "g9"]
                .iter()
                .for_each(|name| transaction.ensure_thing_group(root(name)));
            for name in ["g", "child"] {
                let parent = Some("top".parse().unwrap());
                transaction.insert_thing_group(ThingGroup { parent, ..root(name).group() });
            }
            make(&mut transaction);
            admissions.registry.commit(transaction).await.unwrap();
            let settings = settings_by(Registrar::Builtin, source());
            let found = register_under(&settings, &admissions, &applicant(2, "1")).await;
            assert_eq!(refusal_code(&found), expected, "{found:?}");
            assert_eq!(matches!(found, Registered::Active(_)), expected.is_none(), "{found:?}");
        }
    }

    #[tokio::test]
    async fn a_second_signature_of_a_revoked_certificate_does_not_get_in() {
        let admissions = admissions().await;
        let device = applicant(2, "1");
        register(&admissions, &device).await;
        let mut revoke = Transaction::new();
        revoke.set_certificate_status(device.certificate, CertificateStatus::Revoked, NOW);
        admissions.registry.commit(revoke).await.unwrap();
        assert_eq!(refusal_code(&register(&admissions, &device).await), Some("certificate_revoked"));
        let twin = Applicant { certificate: CertificateId::from_sha256([7; 32]), ..(*device).clone() };
        assert_eq!(refusal_code(&register(&admissions, &Arc::new(twin)).await), Some("certificate_twin"));
    }

    #[tokio::test]
    async fn devices_of_an_inactive_ca_certificate_stay_or_go_as_the_setting_says() {
        for inactive_ca_devices in [InactiveCaDevices::Stay, InactiveCaDevices::Go] {
            let admissions = Admissions { inactive_ca_devices, ..admissions().await };
            let device = applicant(2, "1");
            assert!(matches!(register(&admissions, &device).await, Registered::Active(_)));
            let refused = match inactive_ca_devices {
                InactiveCaDevices::Stay => None,
                InactiveCaDevices::Go => Some("ca_inactive"),
            };
            // What is remembered of the device does not outlive a change.
            for (status, expected) in
                [(CaStatus::Inactive, refused), (CaStatus::Active, None), (CaStatus::Inactive, refused)]
            {
                let mut transaction = Transaction::new();
                transaction.update_ca_certificate(CA, Some(status), None, NOW);
                admissions.registry.commit(transaction).await.unwrap();
                for _ in 0..2 {
                    let found = register(&admissions, &device).await;
                    assert_eq!(refusal_code(&found), expected, "{inactive_ca_devices:?} {status:?}");
                }
            }
        }
    }

    /// What was decided on the CA certificate must still hold when the certificate is made ACTIVE.
    #[tokio::test]
    async fn a_pending_device_is_not_activated_by_a_ca_certificate_that_is_no_more_active() {
        let (active, inactive) = (CaStatus::Active, CaStatus::Inactive);
        for (registrar, status, auto_registration, expected) in [
            (Registrar::Builtin, inactive, AutoRegistration::Enable, Some("ca_inactive")),
            (Registrar::Rules, inactive, AutoRegistration::Enable, Some("ca_inactive")),
            (Registrar::Builtin, active, AutoRegistration::Disable, None),
        ] {
            let admissions = admissions().await;
            let device = applicant(2, "1");
            let creation_id = CreationId::from_bytes([1; 16]);
            let mut transaction = Transaction::new();
            transaction.register(device.pending_certificate(creation_id, NOW), CA);
            transaction.update_ca_certificate(CA, Some(status), Some(auto_registration), NOW);
            admissions.registry.commit(transaction).await.unwrap();
            // It was ACTIVE when this was decided.
            let next = Next::Resume(creation_id);
            let settings = settings(registrar);
            let found = admissions
                .register(&device, &settings, next, Cause::Connected, Instant::now())
                .await
                .unwrap();
            assert_eq!(refusal_code(&found), expected, "{found:?}");
            let stored = admissions.registry.certificate(device.certificate).await.unwrap().unwrap();
            let is_pending = matches!(stored.status, CertificateStatus::PendingActivation { .. });
            assert_eq!(is_pending, expected.is_some());
            assert_eq!(admissions.registry.pending_events(None, 9).await.unwrap().is_empty(), is_pending);
        }
    }

    #[tokio::test]
    async fn under_rules_a_certificate_stays_pending_and_is_told_each_time() {
        let admissions = admissions().await;
        let (device, settings) = (applicant(2, "1"), settings(Registrar::Rules));
        for events in 1..=2 {
            assert!(matches!(register_under(&settings, &admissions, &device).await, Registered::Pending));
            assert_eq!(admissions.registry.pending_events(None, 9).await.unwrap().len(), events);
        }
        let mut activate = Transaction::new();
        activate.set_certificate_status(device.certificate, CertificateStatus::Active, NOW);
        admissions.registry.commit(activate).await.unwrap();
        assert!(matches!(register_under(&settings, &admissions, &device).await, Registered::Active(_)));
    }

    #[tokio::test]
    async fn a_pinned_certificate_is_admitted_while_it_is_active_and_never_registered() {
        let admissions = admissions().await;
        let id = CertificateId::from_sha256([9; 32]);
        let standing = async || match admissions.standing_of_pinned(id).await.unwrap() {
            PinnedStanding::Registered(admitted) => Ok(admitted.principal.certificate),
            PinnedStanding::Refused(refusal) => Err(refusal.code()),
        };
        assert_eq!(standing().await, Err("certificate_unregistered"));
        let mut transaction = Transaction::new();
        let device = applicant(9, "1");
        transaction.insert_certificate(Certificate {
            ca: None,
            status: CertificateStatus::Active,
            ..device.pending_certificate(CreationId::from_bytes([1; 16]), NOW)
        });
        admissions.registry.commit(transaction).await.unwrap();
        // The second time it is remembered.
        for _ in 0..2 {
            assert_eq!(standing().await, Ok(id));
        }
        for (status, expected) in [
            (CertificateStatus::Inactive, Err("certificate_inactive")),
            (CertificateStatus::Active, Ok(id)),
            (CertificateStatus::Revoked, Err("certificate_revoked")),
        ] {
            let mut transaction = Transaction::new();
            transaction.set_certificate_status(id, status, NOW);
            admissions.registry.commit(transaction).await.unwrap();
            assert_eq!(standing().await, expected);
        }
        let mut transaction = Transaction::new();
        transaction.delete_certificate(id, false);
        admissions.registry.commit(transaction).await.unwrap();
        assert_eq!(standing().await, Err("certificate_unregistered"));
        assert_eq!(admissions.registry.pending_events(None, 9).await.unwrap().len(), 0);
        assert_eq!(admissions.registry.certificate_records(id).await.unwrap(), []);
    }
}
