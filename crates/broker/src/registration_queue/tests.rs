//! The queue with interceptors that answer by a script, over a registry in memory and a clock that goes on as time does.

use std::collections::VecDeque;
use std::num::NonZeroU32;

use async_trait::async_trait;
use landfall_model::{
    AccountId, AttributeName, AttributeValue, Attributes, AutoRegistration, CaCertificate, CaStatus,
    CertificateDer, CertificateMode, CertificateStatus, Clock, Outcome, Region, RegistrationRecord, Scope,
    SignedPart, Thing, ThingId, ThingName, Validity,
};
use landfall_pki::{CertificateVersion, DeviceRequest, Issuer, KeyKind, KeyPair, Subject, validity_of_aws};
use landfall_registration::{
    AttributeChange, InactiveCaDevices, Interception, InterceptorKind, InterceptorRequest,
    InterceptorSettings, OnFailure, Registrar, Retries, Settings, SettingsSource,
};
use landfall_registry::{
    Certificates as _, CommitObserver, MemoryRegistry, Outbox as _, RegistrationJobs as _,
    Registrations as _, Registry, Things as _,
};

use super::*;
use crate::RegistrationRetrier;
use crate::admission::Standing;
use crate::known_certificates::KnownCertificates;
use crate::principals::RecentPrincipals;
use crate::registration_retrier::{Retried, RetryError};
use crate::touched::Touches;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

const SECOND: Duration = Duration::from_secs(1);

/// Goes on as time does.
struct TestClock(Instant);

impl Clock for TestClock {
    fn now(&self) -> UnixTime {
        later(NOW, self.0.elapsed())
    }
}

/// What interceptors do beside answering.
type Meanwhile = Box<dyn Fn(&InterceptorRequest) + Send + Sync>;

/// Interceptors that answer by a script, and then always the same. They remember what they were asked.
struct Script {
    answers: Mutex<VecDeque<Interception>>,
    then: Mutex<Interception>,
    asked: Mutex<Vec<(Instant, InterceptorRequest)>>,
    /// How long they think.
    takes: Duration,
    meanwhile: Mutex<Option<Meanwhile>>,
}

#[async_trait]
impl Interceptors for Script {
    async fn intercept(&self, request: InterceptorRequest) -> Interception {
        self.asked.lock().unwrap().push((Instant::now(), request.clone()));
        if !self.takes.is_zero() {
            tokio::time::sleep(self.takes).await;
        }
        if let Some(meanwhile) = &*self.meanwhile.lock().unwrap() {
            meanwhile(&request);
        }
        let answer = self.answers.lock().unwrap().pop_front();
        answer.unwrap_or_else(|| self.then.lock().unwrap().clone())
    }
}

impl Script {
    fn new(answers: impl IntoIterator<Item = Interception>, then: Interception) -> Arc<Self> {
        Self::thinking(Duration::ZERO, answers, then)
    }

    fn thinking(
        takes: Duration,
        answers: impl IntoIterator<Item = Interception>,
        then: Interception,
    ) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(answers.into_iter().collect()),
            then: Mutex::new(then),
            asked: Mutex::default(),
            takes,
            meanwhile: Mutex::default(),
        })
    }

    fn now_answers(&self, then: Interception) {
        *self.then.lock().unwrap() = then;
    }

    /// The numbers of the attempts that were made.
    fn attempts(&self) -> Vec<u32> {
        self.asked.lock().unwrap().iter().map(|(_, request)| request.attempt).collect()
    }

    /// The pauses between the attempts.
    fn pauses(&self) -> Vec<Duration> {
        let asked = self.asked.lock().unwrap();
        asked.windows(2).map(|pair| pair[1].0 - pair[0].0).collect()
    }
}

fn allow() -> Interception {
    Interception::Allow { changes: Vec::new() }
}

fn change(name: &str, value: Option<&str>) -> AttributeChange {
    let value = value.map(|value| AttributeValue::parse(value).unwrap());
    AttributeChange { name: AttributeName::parse(name).unwrap(), value }
}

fn deny() -> Interception {
    Interception::Deny { interceptor: "list".into(), message: "it is stolen".to_owned() }
}

fn retry() -> Interception {
    Interception::Retry { interceptor: "hook".into(), problem: "connection refused".to_owned(), after: None }
}

/// A registry with a CA certificate, and the queue over it.
struct World {
    registry: Arc<MemoryRegistry>,
    clock: Arc<TestClock>,
    ca: Issuer,
    queue: Arc<RegistrationQueue>,
    script: Arc<Script>,
    settings: watch::Sender<Arc<SettingsSet>>,
    retries: Retries,
    tracker: TaskTracker,
    stopping: CancellationToken,
}

fn scope() -> Scope {
    let account = AccountId::parse("000000000000").unwrap();
    Scope { account, region: Region::parse("us-east-1").unwrap() }
}

fn key() -> KeyPair {
    KeyPair::generate(KeyKind::P256).unwrap()
}

fn settings(registrar: Registrar, retries: Retries, asks: bool) -> Arc<SettingsSet> {
    let interceptor = InterceptorSettings {
        name: "hook".into(),
        kind: InterceptorKind::Quota { devices_per_hour: NonZeroU32::MIN },
        deadline: SECOND,
        on_failure: OnFailure::Retry,
    };
    let settings = CaSettings {
        registrar,
        first_connect_hold: registrar.usual_hold(),
        settings: Settings::compile(&SettingsSource::default(), &scope()).unwrap(),
        retries,
        interceptors: asks.then_some(interceptor).into_iter().collect(),
    };
    Arc::new(SettingsSet::new(settings, []))
}

async fn queue_over(
    registry: &Arc<MemoryRegistry>,
    clock: &Arc<TestClock>,
    settings: watch::Receiver<Arc<SettingsSet>>,
    script: &Arc<Script>,
    limits: &Limits,
    tracker: &TaskTracker,
) -> Arc<RegistrationQueue> {
    let touches = Arc::new(Touches::new());
    registry.observe(Arc::clone(&touches) as Arc<dyn CommitObserver>);
    let principals = Arc::new(RecentPrincipals::new(touches, 100));
    registry.observe(Arc::clone(&principals) as Arc<dyn CommitObserver>);
    let known = Arc::new(KnownCertificates::new(1_000));
    registry.observe(Arc::clone(&known) as Arc<dyn CommitObserver>);
    known.read(&**registry).await.unwrap();
    let admissions = Admissions {
        registry: Arc::clone(registry) as Arc<dyn Registry>,
        principals,
        known,
        clock: Arc::clone(clock) as Arc<dyn Clock>,
        inactive_ca_devices: InactiveCaDevices::Stay,
        scope: scope(),
        attempts_max: 3,
    };
    let interceptors = Arc::clone(script) as Arc<dyn Interceptors>;
    RegistrationQueue::new(Arc::new(admissions), settings, interceptors, limits, tracker.clone())
}

impl World {
    async fn start(script: Arc<Script>) -> Self {
        Self::start_with(script, Retries::default(), &Limits::default()).await
    }

    async fn start_with(script: Arc<Script>, retries: Retries, limits: &Limits) -> Self {
        let registry = Arc::new(MemoryRegistry::new());
        let subject = Subject::common_name("root").unwrap();
        let ca = Issuer::self_signed(&subject, key(), validity_of_aws(UnixTime::from_secs(0))).unwrap();
        let mut transaction = Transaction::new();
        transaction.insert_ca_certificate(CaCertificate {
            id: ca.certificate().ca_id(),
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
        let settings = watch::Sender::new(settings(Registrar::Builtin, retries, true));
        let (clock, tracker) = (Arc::new(TestClock(Instant::now())), TaskTracker::new());
        let queue = queue_over(&registry, &clock, settings.subscribe(), &script, limits, &tracker).await;
        let stopping = CancellationToken::new();
        tracker.spawn(Arc::clone(&queue).run(stopping.clone()));
        Self { registry, clock, ca, queue, script, settings, retries, tracker, stopping }
    }

    /// Ends all that is in memory, and starts over the same registry.
    async fn restart(&mut self) {
        self.stopping.cancel();
        self.tracker.close();
        self.tracker.wait().await;
        self.tracker.reopen();
        let (limits, receiver) = (Limits::default(), self.settings.subscribe());
        self.queue =
            queue_over(&self.registry, &self.clock, receiver, &self.script, &limits, &self.tracker).await;
        self.stopping = CancellationToken::new();
        self.tracker.spawn(Arc::clone(&self.queue).run(self.stopping.clone()));
    }

    fn use_settings(&self, registrar: Registrar, asks: bool) {
        self.settings.send_replace(settings(registrar, self.retries, asks));
    }

    fn ca_id(&self) -> CaCertificateId {
        self.ca.certificate().ca_id()
    }

    /// A device's certificate, which is not registered yet.
    fn applicant(&self, serial_number: &str) -> Arc<Applicant> {
        let (key, text) =
            (key(), format!("/CN=device/serialNumber={serial_number}/title=iot/2.5.4.44=sensor"));
        let request = DeviceRequest {
            subject: &Subject::parse(&text).unwrap(),
            public_key: key.public_key(),
            validity: validity_of_aws(UnixTime::from_secs(0)),
            version: CertificateVersion::V3,
        };
        let certificate = self.ca.sign_device(&request).unwrap();
        Arc::new(Applicant {
            certificate: certificate.id(),
            ca: self.ca_id(),
            mode: CertificateMode::Default,
            subject: certificate.subject().clone(),
            issuer: certificate.issuer().clone(),
            validity: certificate.validity(),
            signed_part: SignedPart::from_sha256(certificate.signed_part_sha256()),
            der: certificate.der().clone(),
        })
    }

    /// What a connection of the device does.
    async fn come(&self, applicant: &Arc<Applicant>) -> Result<Registration, AdmissionError> {
        let began = Instant::now();
        let next = match self.queue.admissions.standing(applicant, began).await.unwrap() {
            Standing::Registered(admitted) => return Ok(Registration::Active(admitted)),
            Standing::Refused(refusal) => return Ok(Registration::Refused(refusal)),
            Standing::Unregistered(next) => next,
        };
        let settings = self.queue.settings_of(applicant.ca);
        self.queue.register(applicant, &settings, next, Cause::Connected, began).await
    }

    /// What a connection does that is held until its registration has ended.
    async fn stay(&self, applicant: &Arc<Applicant>) -> Result<ThingName, &'static str> {
        let mut progress = match self.come(applicant).await.unwrap() {
            Registration::Active(admitted) => return Ok(admitted.principal.things[0].name.clone()),
            Registration::Refused(refusal) => return Err(refusal.code()),
            Registration::Pending => return Err("pending"),
            Registration::Queued(progress) => progress,
        };
        let ended = progress.wait_for(|progress| matches!(progress, Progress::Ended(_))).await;
        match &*ended.map_err(|_| "left")? {
            Progress::Ended(Ending::Active(admitted)) => Ok(admitted.principal.things[0].name.clone()),
            Progress::Ended(Ending::Refused(refusal)) => Err(refusal.code()),
            Progress::Ended(Ending::Gone) => Err("gone"),
            Progress::Begun | Progress::Failed(_) => unreachable!("it was waited for"),
        }
    }

    async fn retry(&self, id: CertificateId) -> Result<Retried, RetryError> {
        let retrier = RegistrationRetrier { queue: Arc::clone(&self.queue), wait: Duration::from_secs(20) };
        retrier.retry(id).await
    }

    async fn commit(&self, build: impl FnOnce(&mut Transaction)) {
        let mut transaction = Transaction::new();
        build(&mut transaction);
        self.registry.commit(transaction).await.unwrap();
    }

    async fn job(&self, applicant: &Applicant) -> Option<RegistrationJob> {
        self.registry.registration_job(applicant.certificate).await.unwrap()
    }

    async fn records(&self, applicant: &Applicant) -> Vec<RegistrationRecord> {
        self.registry.certificate_records(applicant.certificate).await.unwrap()
    }

    /// How each record ended, and how often.
    async fn outcomes(&self, applicant: &Applicant) -> Vec<(String, u64)> {
        let outcome = |record: RegistrationRecord| {
            let what = match record.outcome {
                Outcome::Success { thing, .. } => format!("success {thing}"),
                Outcome::Activated { thing } => format!("activated {thing:?}"),
                Outcome::Failure(rejection) => rejection.code,
            };
            (what, record.attempts)
        };
        self.records(applicant).await.into_iter().map(outcome).collect()
    }

    async fn status(&self, applicant: &Applicant) -> Option<&'static str> {
        let found = self.registry.certificate(applicant.certificate).await.unwrap();
        found.map(|certificate| certificate.status.as_str())
    }

    async fn attributes(&self, name: &str) -> Attributes {
        let found = self.registry.thing(&ThingName::parse(name).unwrap()).await.unwrap();
        found.unwrap().attributes
    }
}

fn once(outcome: &str) -> Vec<(String, u64)> {
    vec![(outcome.to_owned(), 1)]
}

/// Lets time pass, and whatever is due with it.
async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

#[tokio::test(start_paused = true)]
async fn an_allowed_device_is_registered_and_leaves_no_job() {
    let world = World::start(Script::new([], allow())).await;
    let device = world.applicant("1");
    let Ok(Registration::Queued(mut progress)) = world.come(&device).await else { panic!("not queued") };
    assert_eq!((world.status(&device).await, world.script.attempts()), (Some("PENDING_ACTIVATION"), vec![]));
    let waiting = world.job(&device).await.unwrap();
    assert_eq!(waiting.state, RegistrationJobState::Waiting { next_at: NOW });
    let ended = progress.wait_for(|progress| matches!(progress, Progress::Ended(_))).await.unwrap().clone();
    let Progress::Ended(Ending::Active(admitted)) = ended else { panic!("{ended:?}") };
    assert_eq!(admitted.principal.things[0].name.as_str(), "thing-1");
    assert_eq!((world.status(&device).await, world.job(&device).await), (Some("ACTIVE"), None));
    assert_eq!(world.outcomes(&device).await, once("success thing-1"));
    let asked = world.script.asked.lock().unwrap().clone();
    let [(_, request)] = &asked[..] else { panic!("asked {} times", asked.len()) };
    assert_eq!((request.attempt, request.plan.thing_name().as_str()), (1, "thing-1"));
    assert_eq!((request.creation_id, &*request.applicant), (waiting.creation_id, &*device));
    assert_eq!(world.registry.pending_events(None, 9).await.unwrap().len(), 1);
    assert!(world.queue.tasks().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_denied_device_stays_pending_and_is_asked_about_anew_each_time() {
    let world = World::start(Script::new([], deny())).await;
    let device = world.applicant("1");
    for times in 1..=2 {
        assert_eq!(world.stay(&device).await, Err("interceptor_denied"));
        assert_eq!(
            (world.status(&device).await, world.job(&device).await),
            (Some("PENDING_ACTIVATION"), None)
        );
        assert_eq!(world.outcomes(&device).await, [("interceptor_denied".to_owned(), times)]);
    }
    let records = world.records(&device).await;
    let Outcome::Failure(rejection) = &records[0].outcome else { panic!("{records:?}") };
    assert_eq!(rejection.message, "interceptor list denied the device: it is stolen");
    world.script.now_answers(allow());
    assert_eq!(world.stay(&device).await.unwrap().as_str(), "thing-1");
    assert_eq!(world.script.attempts(), [1, 1, 1], "each time, a registration of its own");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_planned_is_refused_before_anybody_is_asked() {
    let world = World::start(Script::new([], allow())).await;
    let device = world.applicant("a b");
    assert!(matches!(world.come(&device).await, Ok(Registration::Refused(_))));
    assert_eq!((world.outcomes(&device).await, world.job(&device).await), (once("invalid_name"), None));
    assert!(world.script.attempts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_registration_is_tried_again_after_pauses_that_double() {
    let world = World::start(Script::new([retry(), retry(), retry(), retry()], allow())).await;
    let device = world.applicant("1");
    assert_eq!(world.stay(&device).await.unwrap().as_str(), "thing-1");
    assert_eq!(world.script.attempts(), [1, 2, 3, 4, 5]);
    for (pause, longest) in world.script.pauses().into_iter().zip([500, 1_000, 2_000, 4_000]) {
        let (shortest, longest) = (Duration::from_millis(longest / 2), Duration::from_millis(longest + 2));
        assert!((shortest..=longest).contains(&pause), "{pause:?} of {longest:?}");
    }
    assert_eq!(world.outcomes(&device).await, once("success thing-1"));
    let job = world.job(&device).await.unwrap();
    assert!(matches!(job.state, RegistrationJobState::Done { .. }), "{job:?}");
    assert_eq!((job.attempts_failed, job.receive_count, job.attempts.len()), (4, 4, 4));
    let first = &job.attempts[0];
    assert_eq!(
        (first.at, first.interceptor.as_deref(), &*first.problem),
        (NOW, Some("hook"), "connection refused")
    );
    assert_eq!(world.registry.pending_events(None, 9).await.unwrap().len(), 1, "told once, as it came once");
}

#[tokio::test(start_paused = true)]
async fn no_pause_is_longer_than_the_setting() {
    let retries = Retries { visibility_timeout: 3 * SECOND, ..Retries::default() };
    let failing = std::iter::repeat_with(retry).take(9);
    let world = World::start_with(Script::new(failing, allow()), retries, &Limits::default()).await;
    assert_eq!(world.stay(&world.applicant("1")).await.unwrap().as_str(), "thing-1");
    let pauses = world.script.pauses();
    assert_eq!(pauses.len(), 9);
    let late = pauses.get(4..).unwrap();
    assert!(
        late.iter().all(|pause| (SECOND..=3 * SECOND + Duration::from_millis(2)).contains(pause)),
        "{late:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn waiting_for_room_costs_no_attempt() {
    let minute = Duration::from_secs(60);
    let full = || Interception::Retry {
        interceptor: "quota".into(),
        problem: "it is used up".to_owned(),
        after: Some(minute),
    };
    let retries = Retries { max_receive_count: NonZeroU32::new(2).unwrap(), ..Retries::default() };
    let world =
        World::start_with(Script::new([full(), full(), full()], allow()), retries, &Limits::default()).await;
    let device = world.applicant("1");
    assert_eq!(world.stay(&device).await, Ok(ThingName::parse("thing-1").unwrap()));
    assert_eq!(world.script.attempts(), [1, 2, 3, 4]);
    for pause in world.script.pauses() {
        assert!((minute..minute + 2 * SECOND).contains(&pause), "{pause:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_the_last_attempt_it_is_a_dead_letter_until_somebody_retries_it() {
    let retries = Retries { max_receive_count: NonZeroU32::new(3).unwrap(), ..Retries::default() };
    let world = World::start_with(Script::new([], retry()), retries, &Limits::default()).await;
    let device = world.applicant("1");
    for times in 1..=3 {
        assert_eq!(world.stay(&device).await, Err("registration_gave_up"));
        assert_eq!(world.outcomes(&device).await, [("registration_gave_up".to_owned(), times)]);
    }
    assert_eq!(world.script.attempts(), [1, 2, 3], "coming back is no attempt");
    let job = world.job(&device).await.unwrap();
    let RegistrationJobState::Dead { at, until } = job.state else { panic!("{job:?}") };
    assert_eq!(until.since(at), Duration::from_secs(14 * 24 * 60 * 60));
    let records = world.records(&device).await;
    let Outcome::Failure(rejection) = &records[0].outcome else { panic!("{records:?}") };
    let message = "the registration was given up; failed attempts: 3; the last problem: interceptor hook: connection refused; \
                   try it again with `landfall registrations retry`";
    assert_eq!(rejection.message, message);

    // One that fails again has as many attempts as a new one.
    let waiting = world.retry(device.certificate).await.unwrap();
    let Retried::Waiting(job) = waiting else { panic!("{waiting:?}") };
    assert_eq!((job.attempts_failed, job.receive_count), (4, 1));
    pass(10 * SECOND).await;
    assert_eq!(world.script.attempts(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(world.stay(&device).await, Err("registration_gave_up"));

    world.script.now_answers(allow());
    let thing = Some(ThingName::parse("thing-1").unwrap());
    for _ in 0..2 {
        assert_eq!(world.retry(device.certificate).await.unwrap(), Retried::Active { thing: thing.clone() });
    }
    let job = world.job(&device).await.unwrap();
    assert!(matches!(job.state, RegistrationJobState::Done { .. }), "{job:?}");
    assert_eq!((job.attempts_failed, world.script.attempts().len()), (6, 7));
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_is_kept_as_long_as_the_setting_says() {
    let retries = Retries {
        max_receive_count: NonZeroU32::MIN,
        dlq_retention_period: Duration::from_secs(600),
        ..Retries::default()
    };
    let world = World::start_with(Script::new([], retry()), retries, &Limits::default()).await;
    let device = world.applicant("1");
    assert_eq!(world.stay(&device).await, Err("registration_gave_up"));
    pass(Duration::from_secs(590)).await;
    assert!(world.job(&device).await.is_some());
    pass(Duration::from_secs(80)).await;
    assert_eq!(world.job(&device).await, None);
    world.script.now_answers(allow());
    assert_eq!(world.stay(&device).await.unwrap().as_str(), "thing-1");
}

#[tokio::test(start_paused = true)]
async fn a_device_that_comes_back_has_its_registration_tried_at_most_once_a_second() {
    let world = World::start(Script::new([], retry())).await;
    let device = world.applicant("1");
    let first = world.come(&device).await;
    assert!(matches!(first, Ok(Registration::Queued(_))));
    // 40 s: 0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5 at the latest by itself, and each second as the device comes.
    for _ in 0..200 {
        assert!(matches!(world.come(&device).await, Ok(Registration::Queued(_))));
        pass(Duration::from_millis(200)).await;
    }
    let job = world.job(&device).await.unwrap();
    let made = world.script.attempts();
    assert!((36..=52).contains(&made.len()), "{} attempts", made.len());
    assert_eq!(made, (1..).take(made.len()).collect::<Vec<u32>>());
    assert!(
        (6..=9).contains(&job.receive_count),
        "{}: coming back must not use up the attempts",
        job.receive_count
    );
    assert_eq!(job.attempts.len(), RegistrationAttempt::KEPT_MAX);
    assert_eq!(world.registry.pending_events(None, 999).await.unwrap().len(), 201, "told each time");
    world.script.now_answers(allow());
    let before = Instant::now();
    assert_eq!(world.stay(&device).await.unwrap().as_str(), "thing-1");
    assert!(before.elapsed() <= SECOND, "it does not wait for its turn");
}

#[tokio::test(start_paused = true)]
async fn many_connections_of_a_device_are_one_job() {
    let world = World::start(Script::thinking(SECOND, [], allow())).await;
    let device = world.applicant("1");
    let mut watched = Vec::new();
    for _ in 0..5 {
        let Ok(Registration::Queued(progress)) = world.come(&device).await else { panic!("not queued") };
        watched.push(progress);
        pass(Duration::from_millis(100)).await;
    }
    for progress in &mut watched {
        let ended = progress.wait_for(|progress| matches!(progress, Progress::Ended(_))).await.unwrap();
        assert!(matches!(&*ended, Progress::Ended(Ending::Active(_))), "{ended:?}");
    }
    assert_eq!((world.script.attempts(), world.outcomes(&device).await), (vec![1], once("success thing-1")));
    pass(SECOND).await;
    assert!(world.queue.tasks().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_waited_goes_on_after_a_restart() {
    let mut world = World::start(Script::new([], retry())).await;
    let (first, second, dead) = (world.applicant("1"), world.applicant("2"), world.applicant("3"));
    for device in [&first, &second, &dead] {
        assert!(matches!(world.come(device).await, Ok(Registration::Queued(_))));
    }
    pass(Duration::from_millis(10)).await;
    let job = world.job(&dead).await.unwrap();
    let state = RegistrationJobState::Dead { at: NOW, until: later(NOW, 999 * SECOND) };
    world.commit(|tx| tx.store_registration_job(RegistrationJob { state, ..job })).await;
    let before = world.job(&first).await.unwrap();
    assert_eq!(before.attempts_failed, 1);
    world.restart().await;
    world.script.now_answers(allow());
    assert_eq!(world.job(&first).await, Some(before), "stopping is no attempt");
    pass(2 * SECOND).await;
    for (device, thing) in [(&first, "success thing-1"), (&second, "success thing-2")] {
        assert_eq!(world.outcomes(device).await, once(thing));
        assert_eq!(world.job(device).await.unwrap().attempts_failed, 1);
    }
    assert_eq!((world.outcomes(&dead).await, world.script.attempts().len()), (vec![], 5));
    assert_eq!(world.stay(&dead).await, Err("registration_gave_up"));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_under_way_ends_before_the_server_does() {
    let mut world = World::start(Script::thinking(SECOND, [], allow())).await;
    let device = world.applicant("1");
    assert!(matches!(world.come(&device).await, Ok(Registration::Queued(_))));
    pass(Duration::from_millis(10)).await;
    world.restart().await;
    assert_eq!(world.outcomes(&device).await, once("success thing-1"));
    assert_eq!(world.script.attempts(), [1]);
}

#[tokio::test(start_paused = true)]
async fn interceptors_change_attributes() {
    let changes = vec![
        change("site", Some("north")),
        change("title", None),
        change("creation_id", Some("mine")),
        change("serial_number", Some("9")),
    ];
    let world = World::start(Script::new([Interception::Allow { changes }], allow())).await;
    assert_eq!(world.stay(&world.applicant("1")).await.unwrap().as_str(), "thing-1");
    assert_eq!(world.stay(&world.applicant("2")).await.unwrap().as_str(), "thing-2");
    let (changed, plain) = (world.attributes("thing-1").await, world.attributes("thing-2").await);
    let of = |attributes: &Attributes, name: &str| {
        let found = attributes.iter().find(|(known, _)| known.as_str() == name);
        found.map(|(_, value)| value.as_str().to_owned())
    };
    assert_eq!((of(&changed, "site"), of(&plain, "site")), (Some("north".to_owned()), None));
    assert_eq!(of(&changed, "serial_number").as_deref(), Some("9"));
    assert_eq!(of(&changed, "title"), None);
    let creation_id = of(&changed, "creation_id").unwrap();
    assert!(creation_id != "mine" && creation_id.len() == of(&plain, "creation_id").unwrap().len());
}

#[tokio::test(start_paused = true)]
async fn more_attributes_than_a_thing_may_have_are_a_refusal() {
    let changes = (0..50).map(|number| change(&format!("a{number}"), Some("x"))).collect();
    let world = World::start(Script::new([], Interception::Allow { changes })).await;
    let device = world.applicant("1");
    assert_eq!(world.stay(&device).await, Err("too_many_attributes"));
    assert_eq!(
        (world.job(&device).await, world.outcomes(&device).await),
        (None, once("too_many_attributes"))
    );
}

/// What happens to a certificate while its registration waits, or while its interceptors think.
#[tokio::test(start_paused = true)]
async fn what_changes_while_it_waits_is_seen() {
    type Change = fn(&mut Transaction, &Applicant);
    let revoke: Change =
        |tx, device| tx.set_certificate_status(device.certificate, CertificateStatus::Revoked, NOW);
    let deactivate: Change =
        |tx, device| tx.update_ca_certificate(device.ca, Some(CaStatus::Inactive), None, NOW);
    let delete_certificate: Change = |tx, device| tx.delete_certificate(device.certificate, true);
    let activate: Change =
        |tx, device| tx.set_certificate_status(device.certificate, CertificateStatus::Active, NOW);
    let take_thing: Change = |tx, device| {
        tx.insert_thing(thing("thing-1"));
        let other = Applicant { certificate: CertificateId::from_sha256([5; 32]), ..device.clone() };
        let other = Applicant { signed_part: SignedPart::from_sha256([5; 32]), ..other };
        let creation_id = landfall_model::CreationId::from_bytes([5; 16]);
        tx.insert_certificate(other.pending_certificate(creation_id, NOW));
        tx.attach_thing(other.certificate, ThingName::parse("thing-1").unwrap());
    };
    for (name, change, expected, outcome) in [
        ("revoked", revoke, "certificate_revoked", Some("certificate_revoked")),
        ("ca inactive", deactivate, "ca_inactive", Some("ca_inactive")),
        ("deleted", delete_certificate, "gone", None),
        ("activated", activate, "active", Some("activated None")),
        ("thing taken", take_thing, "thing_taken", Some("thing_taken")),
    ] {
        for is_asked in [true, false] {
            let takes = if is_asked { SECOND } else { Duration::ZERO };
            let answers = (!is_asked).then(retry);
            let world = World::start(Script::thinking(takes, answers, allow())).await;
            let device = world.applicant("1");
            let Ok(Registration::Queued(mut progress)) = world.come(&device).await else { panic!("{name}") };
            pass(Duration::from_millis(10)).await;
            world.commit(|tx| change(tx, &device)).await;
            let ended = progress.wait_for(|progress| matches!(progress, Progress::Ended(_))).await.unwrap();
            let found = match &*ended {
                Progress::Ended(Ending::Active(_)) => "active",
                Progress::Ended(Ending::Refused(refusal)) => refusal.code(),
                Progress::Ended(Ending::Gone) => "gone",
                Progress::Begun | Progress::Failed(_) => "waiting",
            };
            assert_eq!(found, expected, "{name}, {is_asked}");
            assert_eq!(
                world.outcomes(&device).await,
                outcome.map_or_else(Vec::new, once),
                "{name}, {is_asked}"
            );
            let job = world.job(&device).await.map(|job| job.state.status());
            let is_kept = name == "activated" && !is_asked;
            assert_eq!(job, is_kept.then_some(RegistrationJobStatus::Done), "{name}, {is_asked}");
        }
    }
}

fn thing(name: &str) -> Thing {
    Thing {
        name: ThingName::parse(name).unwrap(),
        id: ThingId::from_bytes([1; 16]),
        thing_type: None,
        billing_group: None,
        attributes: Attributes::default(),
        version: 1,
        made_by: None,
        created_at: NOW,
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_the_same_names_is_made_anew_without_asking_again() {
    let world = World::start(Script::thinking(SECOND, [], allow())).await;
    let device = world.applicant("1");
    assert!(matches!(world.come(&device).await, Ok(Registration::Queued(_))));
    pass(Duration::from_millis(500)).await;
    world.commit(|tx| tx.insert_thing(thing("thing-1"))).await;
    assert_eq!(world.stay(&device).await.unwrap().as_str(), "thing-1");
    assert_eq!((world.script.attempts(), world.job(&device).await), (vec![1], None));
    assert_eq!(world.attributes("thing-1").await, Attributes::default(), "it keeps its own");
}

#[tokio::test(start_paused = true)]
async fn settings_that_change_hold_from_the_next_attempt_on() {
    for (registrar, expected) in [(Registrar::Builtin, Ok("thing-1")), (Registrar::Rules, Err("gone"))] {
        let world = World::start(Script::new([], retry())).await;
        let device = world.applicant("1");
        let Ok(Registration::Queued(mut progress)) = world.come(&device).await else { panic!("not queued") };
        pass(Duration::from_millis(10)).await;
        world.use_settings(registrar, false);
        let ended = progress.wait_for(|progress| matches!(progress, Progress::Ended(_))).await.unwrap();
        let found = match &*ended {
            Progress::Ended(Ending::Active(admitted)) => Ok(admitted.principal.things[0].name.as_str()),
            Progress::Ended(Ending::Gone) => Err("gone"),
            other @ (Progress::Begun | Progress::Failed(_) | Progress::Ended(Ending::Refused(_))) => {
                panic!("{other:?}")
            }
        };
        assert_eq!((found, world.script.attempts()), (expected, vec![1]));
        let job = world.job(&device).await.map(|job| job.state.status());
        assert_eq!(job, expected.is_ok().then_some(RegistrationJobStatus::Done));
    }
}

#[tokio::test(start_paused = true)]
async fn without_interceptors_a_returning_device_ends_a_job_of_before() {
    for (registrar, expected) in [(Registrar::Builtin, "ACTIVE"), (Registrar::Rules, "PENDING_ACTIVATION")] {
        let retries = Retries { max_receive_count: NonZeroU32::MIN, ..Retries::default() };
        let world = World::start_with(Script::new([], retry()), retries, &Limits::default()).await;
        let device = world.applicant("1");
        assert_eq!(world.stay(&device).await, Err("registration_gave_up"));
        world.use_settings(registrar, false);
        let came = world.come(&device).await.unwrap();
        assert!(matches!(came, Registration::Active(_) | Registration::Pending), "{came:?}");
        assert_eq!((world.status(&device).await, world.job(&device).await), (Some(expected), None));
    }
}

#[tokio::test(start_paused = true)]
async fn so_many_run_at_once_and_no_more() {
    let limits = Limits { registration_jobs_running_max: 3, ..Limits::default() };
    let script = Script::thinking(SECOND, [], allow());
    let world = World::start_with(script, Retries::default(), &limits).await;
    let began = Instant::now();
    let devices: Vec<_> = (0..9).map(|number| world.applicant(&number.to_string())).collect();
    for device in &devices {
        assert!(matches!(world.come(device).await, Ok(Registration::Queued(_))));
    }
    pass(Duration::from_millis(2_900)).await;
    assert_eq!(world.script.attempts().len(), 9);
    let at = |position: usize| world.script.asked.lock().unwrap()[position].0 - began;
    assert!(at(2) < SECOND / 2 && at(3) >= SECOND && at(6) >= 2 * SECOND, "{:?} {:?}", at(2), at(3));
}

#[tokio::test(start_paused = true)]
async fn so_many_wait_and_nothing_is_stored_of_a_further_one() {
    let limits = Limits { registration_jobs_max: 2, ..Limits::default() };
    let world = World::start_with(Script::new([], retry()), Retries::default(), &limits).await;
    let devices = ["1", "2", "3"].map(|number| world.applicant(number));
    for device in &devices[..2] {
        assert!(matches!(world.come(device).await, Ok(Registration::Queued(_))));
    }
    let further = world.come(&devices[2]).await;
    assert!(matches!(further, Err(AdmissionError::TooManyJobs { max: 2 })), "{further:?}");
    assert_eq!(world.status(&devices[2]).await, None);
    assert!(matches!(world.come(&devices[0]).await, Ok(Registration::Queued(_))), "it has its place");
    world.script.now_answers(allow());
    pass(5 * SECOND).await;
    assert_eq!(world.stay(&devices[2]).await.unwrap().as_str(), "thing-3");
}

#[tokio::test(start_paused = true)]
async fn interceptors_that_panic_leave_a_job_that_goes_on_when_the_device_comes() {
    let world = World::start(Script::new([], allow())).await;
    let panics: Meanwhile = Box::new(|_| panic!("this is the test's"));
    *world.script.meanwhile.lock().unwrap() = Some(panics);
    let device = world.applicant("1");
    assert_eq!(world.stay(&device).await, Err("left"));
    assert_eq!(world.job(&device).await.unwrap().state.status(), RegistrationJobStatus::Waiting);
    world.script.meanwhile.clear_poison();
    *world.script.meanwhile.lock().unwrap() = None;
    assert_eq!(world.stay(&device).await.unwrap().as_str(), "thing-1");
}

#[tokio::test(start_paused = true)]
async fn what_fails_in_the_server_itself_is_tried_again() {
    let mut world = World::start(Script::new([], retry())).await;
    let device = world.applicant("1");
    // After a restart the certificate is read from the registry, where this one is damaged.
    let broken = Arc::new(Applicant { der: CertificateDer::new(&[7]), ..(*device).clone() });
    assert!(matches!(world.come(&broken).await, Ok(Registration::Queued(_))));
    pass(Duration::from_millis(10)).await;
    world.restart().await;
    pass(2 * SECOND).await;
    let job = world.job(&device).await.unwrap();
    let last = job.attempts.last().unwrap();
    assert_eq!((last.interceptor.as_deref(), job.state.status()), (None, RegistrationJobStatus::Waiting));
    assert!(last.problem.starts_with("the stored certificate cannot be read: "), "{}", last.problem);
    let problem = world.retry(device.certificate).await.unwrap_err();
    assert!(matches!(problem, RetryError::Failed(_)), "{problem:?}");
}

#[tokio::test(start_paused = true)]
async fn a_retry_does_what_the_device_would() {
    let world = World::start(Script::new([], deny())).await;
    let device = world.applicant("1");
    let unknown = world.retry(device.certificate).await.unwrap_err();
    assert!(matches!(unknown, RetryError::NotRegistered { .. }), "{unknown:?}");
    assert_eq!(world.stay(&device).await, Err("interceptor_denied"));
    let refused = world.retry(device.certificate).await.unwrap();
    assert!(
        matches!(&refused, Retried::Refused(refusal) if refusal.code() == "interceptor_denied"),
        "{refused:?}"
    );
    assert_eq!(world.outcomes(&device).await, [("interceptor_denied".to_owned(), 2)]);

    world.use_settings(Registrar::Rules, false);
    assert_eq!(world.retry(device.certificate).await.unwrap(), Retried::Told);
    world.use_settings(Registrar::Builtin, false);
    let thing = Some(ThingName::parse("thing-1").unwrap());
    assert_eq!(world.retry(device.certificate).await.unwrap(), Retried::Active { thing });
    world.commit(|tx| tx.set_certificate_status(device.certificate, CertificateStatus::Revoked, NOW)).await;
    let refused = world.retry(device.certificate).await.unwrap();
    assert!(
        matches!(&refused, Retried::Refused(refusal) if refusal.code() == "certificate_revoked"),
        "{refused:?}"
    );

    let pinned = world.applicant("2");
    let creation_id = landfall_model::CreationId::from_bytes([5; 16]);
    let certificate = pinned.pending_certificate(creation_id, NOW);
    world.commit(|tx| tx.insert_certificate(landfall_model::Certificate { ca: None, ..certificate })).await;
    let problem = world.retry(pinned.certificate).await.unwrap_err();
    assert!(matches!(problem, RetryError::WithoutCa { .. }), "{problem:?}");
}

#[tokio::test(start_paused = true)]
async fn a_retry_does_not_wait_for_ever() {
    let world = World::start(Script::thinking(60 * SECOND, [], allow())).await;
    let device = world.applicant("1");
    assert!(matches!(world.come(&device).await, Ok(Registration::Queued(_))));
    let began = Instant::now();
    let waiting = world.retry(device.certificate).await.unwrap();
    assert!(matches!(&waiting, Retried::Waiting(job) if job.attempts_failed == 0), "{waiting:?}");
    assert!((20 * SECOND..21 * SECOND).contains(&began.elapsed()));
    assert_eq!(world.stay(&device).await.unwrap().as_str(), "thing-1");
}

#[test]
fn a_pause_doubles_up_to_its_maximum_and_is_at_least_half_of_it() {
    let (first, longest) = (Duration::from_millis(200), Duration::from_secs(60));
    for (failures, jitter, expected) in [
        (0, 255, 200),
        (1, 255, 200),
        (1, 0, 100),
        (1, 51, 120),
        (2, 255, 400),
        (9, 255, 51_200),
        (10, 255, 60_000),
        (10, 0, 30_000),
        (33, 255, 60_000),
        (u32::MAX, 255, 60_000),
    ] {
        let pause = backoff(first, longest, failures, jitter);
        assert_eq!(pause, Duration::from_millis(expected), "{failures} failures, jitter {jitter}");
    }
    assert!(backoff(Duration::MAX, Duration::MAX, u32::MAX, u8::MAX) >= Duration::from_secs(u64::MAX / 4));
}
