//! Registrations that wait for their interceptors: each has a durable job, and a task that has its attempts made.
//!
//! A job is stored before its task begins, and only its task changes it. What is in memory may be lost: it is begun again by
//! [`RegistrationQueue::run`], or when the device comes back.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use landfall_model::{
    CaCertificateId, CertificateId, RegistrationAttempt, RegistrationJob, RegistrationJobState,
    RegistrationJobStatus, UnixTime,
};
use landfall_registration::{Applicant, CaSettings, Interceptors, Refusal, Retries, SettingsSet};
use landfall_registry::{Cursor, Order, PageRequest, RegistrationJobFilter, StorageError, Transaction};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error, info, warn};

use crate::admission::{AdmissionError, Admissions, Cause, Next, Registered, asks, given_up};
use crate::connection::with_causes;
use crate::limits::Limits;
use crate::principals::Admitted;
use crate::registration_attempt::{Attempt, Attempted, Ending};

/// Has registrations carried out, at once or through their interceptors.
pub(crate) struct RegistrationQueue {
    pub(crate) admissions: Arc<Admissions>,
    settings: watch::Receiver<Arc<SettingsSet>>,
    interceptors: Arc<dyn Interceptors>,
    limits: QueueLimits,
    tasks: Mutex<HashMap<CertificateId, Task>>,
    /// One permit for each task.
    places: Arc<Semaphore>,
    /// One permit for each attempt.
    turns: Semaphore,
    tracker: TaskTracker,
    stopping: CancellationToken,
}

/// Where a registration stands that was begun or went on.
#[derive(Debug)]
pub(crate) enum Registration {
    /// Its certificate is ACTIVE.
    Active(Admitted),
    /// Its certificate waits for somebody else to activate it.
    Pending,
    /// It waits for its interceptors.
    Queued(watch::Receiver<Progress>),
    /// It is kept out.
    Refused(Refusal),
}

/// How far a registration has come that waits for its interceptors.
#[derive(Clone, Debug)]
pub(crate) enum Progress {
    /// It is under way.
    Begun,
    /// An attempt has failed, and is made again.
    Failed(Arc<RegistrationJob>),
    /// It has ended.
    Ended(Ending),
}

/// The limits of the queue: see [`Limits`].
struct QueueLimits {
    jobs_max: usize,
    done_kept_max: u32,
    first_pause: Duration,
    return_pause: Duration,
}

/// The task of a job.
struct Task {
    /// Why it has to make an attempt before its time.
    woken: Option<Wake>,
    wakes: Arc<Notify>,
    progress: watch::Sender<Progress>,
}

/// Why an attempt is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wake {
    /// It is time.
    Due,
    /// The device has come back.
    Returned,
    /// An operator wants it.
    Retried,
}

/// What a task begins with.
struct Start {
    certificate: CertificateId,
    ca: CaCertificateId,
    wake: Wake,
    /// When the first attempt is made.
    due: Instant,
    /// The applicant and since when it waits, for the first attempt.
    applicant: Option<(Arc<Applicant>, Instant)>,
    place: OwnedSemaphorePermit,
}

/// One attempt to be made.
#[derive(Clone, Copy)]
struct Turn {
    certificate: CertificateId,
    ca: CaCertificateId,
    wake: Wake,
    /// Whether it counts towards giving up.
    is_due: bool,
}

/// What became of an attempt, which is stored.
enum Made {
    /// It failed. When the next one is made by itself; none if that stays as it was.
    Failed {
        job: Arc<RegistrationJob>,
        next: Option<Instant>,
    },
    Ended(Ending),
}

/// Removes a task that ends unawares.
struct Entered<'a> {
    queue: &'a RegistrationQueue,
    certificate: CertificateId,
    is_left: bool,
}

/// How often what need not be kept any more is removed.
const SWEEP_PAUSE: Duration = Duration::from_secs(60);

/// How many jobs are read at once when the server starts.
const JOBS_PER_PAGE: u32 = 1_000;

impl RegistrationQueue {
    pub(crate) fn new(
        admissions: Arc<Admissions>,
        settings: watch::Receiver<Arc<SettingsSet>>,
        interceptors: Arc<dyn Interceptors>,
        limits: &Limits,
        tracker: TaskTracker,
    ) -> Arc<Self> {
        let permits = |number: usize| number.clamp(1, Semaphore::MAX_PERMITS);
        Arc::new(Self {
            admissions,
            settings,
            interceptors,
            limits: QueueLimits {
                jobs_max: limits.registration_jobs_max,
                done_kept_max: limits.registration_jobs_kept_max,
                first_pause: limits.registration_first_pause,
                return_pause: limits.registration_return_pause,
            },
            tasks: Mutex::default(),
            places: Arc::new(Semaphore::new(permits(limits.registration_jobs_max))),
            turns: Semaphore::new(permits(limits.registration_jobs_running_max)),
            tracker,
            stopping: CancellationToken::new(),
        })
    }

    /// Begins a registration, or has it go on: at once where no interceptor is asked.
    pub(crate) async fn register(
        self: &Arc<Self>,
        applicant: &Arc<Applicant>,
        settings: &CaSettings,
        next: Next,
        cause: Cause,
        began: Instant,
    ) -> Result<Registration, AdmissionError> {
        // Before anything is stored: what is begun must have its task.
        let place = asks(settings).then(|| self.place(applicant.certificate)).transpose()?.flatten();
        match self.admissions.register(applicant, settings, next, cause, began).await? {
            Registered::Active(admitted) => Ok(Registration::Active(admitted)),
            Registered::Pending => Ok(Registration::Pending),
            Registered::Refused(refusal) => Ok(Registration::Refused(refusal)),
            Registered::Begun => {
                let wake = match (cause, next) {
                    (Cause::Retried, _) => Wake::Retried,
                    (Cause::Connected, Next::Register) => Wake::Due,
                    (Cause::Connected, Next::Resume(_)) => Wake::Returned,
                };
                self.wake(applicant, wake, place, began).map(Registration::Queued)
            }
        }
    }

    /// Goes on with what was begun before the server started, and removes what need not be kept, until `stopping`. Then no
    /// attempt begins any more.
    pub(crate) async fn run(self: Arc<Self>, stopping: CancellationToken) {
        let run = async {
            if let Err(problem) = self.resume().await {
                let error: &dyn std::error::Error = &problem;
                error!(
                    error,
                    "registrations that wait cannot be read; each goes on when its device comes back"
                );
            }
            loop {
                self.sweep().await;
                tokio::time::sleep(SWEEP_PAUSE).await;
            }
        };
        stopping.run_until_cancelled(run).await;
        self.stopping.cancel();
    }

    /// A place for a task, unless it has one.
    fn place(&self, certificate: CertificateId) -> Result<Option<OwnedSemaphorePermit>, AdmissionError> {
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => Ok(Some(place)),
            Err(_) if self.tasks().contains_key(&certificate) => Ok(None),
            Err(_) => Err(AdmissionError::TooManyJobs { max: self.limits.jobs_max }),
        }
    }

    /// Has an attempt made soon.
    fn wake(
        self: &Arc<Self>,
        applicant: &Arc<Applicant>,
        wake: Wake,
        place: Option<OwnedSemaphorePermit>,
        began: Instant,
    ) -> Result<watch::Receiver<Progress>, AdmissionError> {
        let mut tasks = self.tasks();
        if let Some(task) = tasks.get_mut(&applicant.certificate) {
            task.woken = task.woken.max(Some(wake));
            task.wakes.notify_one();
            return Ok(task.progress.subscribe());
        }
        let place = match place {
            Some(place) => place,
            // It had a task a moment ago.
            None => Arc::clone(&self.places)
                .try_acquire_owned()
                .map_err(|_| AdmissionError::TooManyJobs { max: self.limits.jobs_max })?,
        };
        let (certificate, ca, due) = (applicant.certificate, applicant.ca, Instant::now());
        let applicant = Some((Arc::clone(applicant), began));
        Ok(self.spawn(&mut tasks, Start { certificate, ca, wake, due, applicant, place }))
    }

    fn spawn(
        self: &Arc<Self>,
        tasks: &mut HashMap<CertificateId, Task>,
        start: Start,
    ) -> watch::Receiver<Progress> {
        let (progress, receiver) = watch::channel(Progress::Begun);
        let wakes = Arc::new(Notify::new());
        tasks.insert(start.certificate, Task { woken: None, wakes: Arc::clone(&wakes), progress });
        let queue = Arc::clone(self);
        self.tracker.spawn(async move { queue.carry_out(start, &wakes).await });
        receiver
    }

    /// Reads the jobs that wait.
    async fn resume(self: &Arc<Self>) -> Result<(), StorageError> {
        let filter = RegistrationJobFilter { status: Some(RegistrationJobStatus::Waiting), ca: None };
        let mut after: Option<Cursor> = None;
        let mut resumed = 0_usize;
        loop {
            let request = PageRequest { after, limit: JOBS_PER_PAGE, order: Order::Ascending };
            let page = self.admissions.registry.registration_jobs(filter, request).await?;
            for job in page.items {
                // More than there are places wait for one.
                let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return Ok(()) };
                let mut tasks = self.tasks();
                if !tasks.contains_key(&job.certificate) {
                    let (certificate, ca) = (job.certificate, job.ca);
                    let due = self.moment(job.state.at());
                    self.spawn(
                        &mut tasks,
                        Start { certificate, ca, wake: Wake::Due, due, applicant: None, place },
                    );
                    resumed += 1;
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        if resumed > 0 {
            info!(registrations = resumed, "registrations go on that waited");
        }
        Ok(())
    }

    async fn sweep(&self) {
        let mut transaction = Transaction::new();
        transaction.sweep_registration_jobs(self.admissions.clock.now(), self.limits.done_kept_max);
        if let Err(problem) = self.admissions.commit(transaction).await {
            let error: &dyn std::error::Error = &problem;
            warn!(error, "registration jobs that are over cannot be removed");
        }
    }

    /// Makes the attempts of a job until it has ended.
    async fn carry_out(&self, start: Start, wakes: &Notify) {
        let Start { certificate, ca, mut wake, mut due, mut applicant, place: _place } = start;
        let mut entered = Entered { queue: self, certificate, is_left: false };
        let mut last_began = None;
        let mut failures = 0;
        loop {
            let turn = async {
                let woken = self.turn(certificate, wakes, due, last_began).await;
                // It is never closed.
                (woken, self.turns.acquire().await.ok())
            };
            let Some((woken, permit)) = self.stopping.run_until_cancelled(turn).await else { return };
            let began = Instant::now();
            let wake_now = std::mem::replace(&mut wake, Wake::Due).max(woken);
            let turn =
                Turn { certificate, ca, wake: wake_now, is_due: wake_now != Wake::Returned || began >= due };
            last_began = Some(began);
            let made = self.make_attempt(turn, applicant.take(), began).await;
            drop(permit);
            match made {
                Ok(Made::Failed { job, next }) => {
                    failures = 0;
                    due = next.unwrap_or(due);
                    self.tell(certificate, Progress::Failed(job));
                }
                Ok(Made::Ended(ending)) => match self.leave(certificate, ending) {
                    Some(woken) => (wake, due) = (woken, began),
                    None => {
                        entered.is_left = true;
                        return;
                    }
                },
                Err(problem) => {
                    let error: &dyn std::error::Error = &problem;
                    warn!(certificate.id = %certificate, error, "what became of a registration cannot be stored");
                    failures += 1;
                    due = Instant::now() + self.pause(failures, ca);
                }
            }
        }
    }

    /// Waits until an attempt has to be made.
    async fn turn(
        &self,
        certificate: CertificateId,
        wakes: &Notify,
        due: Instant,
        last_began: Option<Instant>,
    ) -> Wake {
        let mut woken = Wake::Due;
        loop {
            let by_others = self.tasks().get_mut(&certificate).and_then(|task| task.woken.take());
            woken = woken.max(by_others.unwrap_or(Wake::Due));
            let until = match woken {
                Wake::Due => due,
                Wake::Returned => {
                    let pause = self.limits.return_pause;
                    due.min(last_began.map_or_else(Instant::now, |began| began + pause))
                }
                Wake::Retried => return woken,
            };
            tokio::select! {
                () = tokio::time::sleep_until(until) => return woken,
                () = wakes.notified() => {}
            }
        }
    }

    /// Makes an attempt, and stores what comes of it.
    async fn make_attempt(
        &self,
        turn: Turn,
        applicant: Option<(Arc<Applicant>, Instant)>,
        began: Instant,
    ) -> Result<Made, AdmissionError> {
        let Turn { certificate, ca, wake, is_due } = turn;
        let Some(mut job) = self.admissions.registry.registration_job(certificate).await? else {
            return Ok(Made::Ended(Ending::Gone));
        };
        match (job.state, given_up(&job)) {
            (RegistrationJobState::Done { .. }, _) => return Ok(Made::Ended(Ending::Gone)),
            (_, Some(refusal)) if wake != Wake::Retried => return Ok(Made::Ended(Ending::Refused(refusal))),
            (RegistrationJobState::Waiting { .. } | RegistrationJobState::Dead { .. }, _) => {}
        }
        let settings = self.settings_of(ca);
        let at = self.admissions.clock.now();
        let (applicant, waits_since) =
            applicant.map_or((None, began), |(applicant, since)| (Some(applicant), since));
        let interceptors = &*self.interceptors;
        let attempt = Attempt {
            job: &job,
            applicant,
            settings: Arc::clone(&settings),
            interceptors,
            began: waits_since,
        };
        let (interceptor, problem, after) = match self.admissions.attempt(attempt).await {
            Ok(Attempted::Ended(ending)) => return Ok(Made::Ended(ending)),
            Ok(Attempted::Unanswered { interceptor, problem, after }) => (Some(interceptor), problem, after),
            Err(problem) => (None, with_causes(&problem), None),
        };
        if is_due {
            info!(certificate.id = %certificate, ca.id = %ca, interceptor.name = interceptor.as_deref(), problem, "registration is tried again");
        } else {
            // As often as the device comes back: once a second.
            debug!(certificate.id = %certificate, interceptor.name = interceptor.as_deref(), problem, "registration is tried again");
        }
        job.record_failure(RegistrationAttempt::new(at, began.elapsed(), interceptor.as_deref(), &problem));
        if wake == Wake::Retried {
            job.receive_count = 0;
        }
        match after.filter(|_| is_due) {
            Some(after) => self.store_wait(job, after, waits_since).await,
            None => self.store_failure(job, is_due, &settings, waits_since).await,
        }
    }

    /// Stores a job for which there is room later: nothing has failed, so that it is not given up for it.
    async fn store_wait(
        &self,
        mut job: RegistrationJob,
        after: Duration,
        began: Instant,
    ) -> Result<Made, AdmissionError> {
        // Many may wait for the same room: they do not all come at once.
        let pause = after + self.limits.first_pause.mul_f64(1.0 + f64::from(jitter()) / 256.0);
        job.state = RegistrationJobState::Waiting { next_at: later(self.admissions.clock.now(), pause) };
        self.admissions.store_job(&job, None, began).await?;
        Ok(Made::Failed { job: Arc::new(job), next: Some(Instant::now() + pause) })
    }

    /// Stores a job of which an attempt has failed: it waits for the next one, or is given up.
    async fn store_failure(
        &self,
        mut job: RegistrationJob,
        is_due: bool,
        settings: &CaSettings,
        began: Instant,
    ) -> Result<Made, AdmissionError> {
        let Retries { visibility_timeout, max_receive_count, dlq_retention_period } = settings.retries;
        if !is_due {
            // The device made itself heard: that brings no attempt of the queue's own forward, and costs none.
            self.admissions.store_job(&job, None, began).await?;
            return Ok(Made::Failed { job: Arc::new(job), next: None });
        }
        job.receive_count = job.receive_count.saturating_add(1);
        let now = self.admissions.clock.now();
        if job.receive_count < max_receive_count.get() {
            let pause = backoff(self.limits.first_pause, visibility_timeout, job.receive_count, jitter());
            job.state = RegistrationJobState::Waiting { next_at: later(now, pause) };
            self.admissions.store_job(&job, None, began).await?;
            return Ok(Made::Failed { job: Arc::new(job), next: Some(Instant::now() + pause) });
        }
        job.state = RegistrationJobState::Dead { at: now, until: later(now, dlq_retention_period) };
        let refusal = given_up(&job);
        self.admissions.store_job(&job, refusal.as_ref(), began).await?;
        warn!(certificate.id = %job.certificate, ca.id = %job.ca, attempts.failed = job.attempts_failed, "registration given up");
        Ok(Made::Ended(refusal.map_or(Ending::Gone, Ending::Refused)))
    }

    /// Tells who waits for a job how far it has come.
    fn tell(&self, certificate: CertificateId, progress: Progress) {
        if let Some(task) = self.tasks().get(&certificate) {
            task.progress.send_replace(progress);
        }
    }

    /// Ends a task, unless it was woken again since its last attempt began.
    fn leave(&self, certificate: CertificateId, ending: Ending) -> Option<Wake> {
        let mut tasks = self.tasks();
        let task = tasks.get_mut(&certificate)?;
        task.progress.send_if_modified(|progress| {
            // A task that was woken after the end finds nothing more, which must not hide the end from who waits for it.
            let is_told = matches!((&*progress, &ending), (Progress::Ended(_), Ending::Gone));
            if !is_told {
                *progress = Progress::Ended(ending);
            }
            !is_told
        });
        let woken = task.woken.take();
        if woken.is_none() {
            tasks.remove(&certificate);
        }
        woken
    }

    pub(crate) fn settings_of(&self, ca: CaCertificateId) -> Arc<CaSettings> {
        Arc::clone(self.settings.borrow().of(ca))
    }

    /// How long to wait after so many failures in a row of which nothing could be stored.
    fn pause(&self, failures: u32, ca: CaCertificateId) -> Duration {
        let longest = self.settings_of(ca).retries.visibility_timeout;
        backoff(self.limits.first_pause, longest, failures, jitter())
    }

    /// The moment of a time on the clock; now if it has passed.
    fn moment(&self, at: UnixTime) -> Instant {
        let now = Instant::now();
        now.checked_add(at.since(self.admissions.clock.now())).unwrap_or(now)
    }

    fn tasks(&self) -> MutexGuard<'_, HashMap<CertificateId, Task>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long to wait after so many failures in a row: between half of `first · 2^(failures - 1)`, at most `longest`, and all of it.
/// `jitter` is random, so that what failed together is not tried again together.
fn backoff(first: Duration, longest: Duration, failures: u32, jitter: u8) -> Duration {
    let factor = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    let half = first.saturating_mul(factor).min(longest) / 2;
    let random = half.checked_mul(jitter.into()).map_or(half, |product| product / u32::from(u8::MAX));
    half.saturating_add(random)
}

fn jitter() -> u8 {
    let [random, ..] = uuid::Uuid::new_v4().into_bytes();
    random
}

/// The time so much later.
fn later(at: UnixTime, by: Duration) -> UnixTime {
    let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
    UnixTime::from_millis(at.as_millis().saturating_add(by))
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if !self.is_left {
            self.queue.tasks().remove(&self.certificate);
        }
    }
}
