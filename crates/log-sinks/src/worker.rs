use std::sync::Arc;
use std::time::Duration;

use landfall_model::{Clock, DeviceType, LogSinkName, Outcome, RegistrationRecord, SubjectField};
use landfall_pki::ParsedCertificate;
use landfall_registry::{Cursor, Registry, StorageError, Transaction};
use landfall_services::{ServiceFailure, ServiceFailureKind};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::Limits;
use crate::backoff::Backoff;
use crate::entry::Entry;
use crate::metrics::Metrics;
use crate::sink::Target;
use crate::waiting::{Batch, LeftOut, Waiting};

/// Delivers entries of the registration log to one sink.
pub(crate) struct Worker {
    target: Target,
    shared: Shared,
    from_start: bool,
    limits: Limits,
    waiting: Waiting,
    /// The position that the registry has.
    stored: Cursor,
    stored_at: Instant,
    /// Whether the log may have entries that were not read.
    is_behind: bool,
    /// How many times in a row something went wrong.
    failures: u32,
    /// How many times in a row entries were refused by a sink that is in order.
    refusals: u32,
    /// When these entries are tried again.
    retry_refused_at: Instant,
    warned_at: Option<Instant>,
}

/// What all sinks have in common.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Metrics,
    /// Changes when the log gets an entry.
    pub(crate) recorded: watch::Receiver<()>,
}

/// Something that went wrong, and is tried again after a while.
struct Trouble {
    problem: String,
    /// Whether something was delivered all the same.
    has_progress: bool,
}

/// What came of trying to deliver what waits.
#[derive(Default)]
struct Round {
    has_progress: bool,
    passing: Option<String>,
    lasting: Option<String>,
    /// How many entries were refused since one was taken.
    refused_in_row: usize,
}

impl Worker {
    pub(crate) fn new(target: Target, shared: Shared, from_start: bool, limits: Limits) -> Self {
        Self {
            target,
            shared,
            from_start,
            limits,
            waiting: Waiting::behind(Cursor::START),
            stored: Cursor::START,
            stored_at: Instant::now(),
            is_behind: true,
            failures: 0,
            refusals: 0,
            retry_refused_at: Instant::now(),
            warned_at: None,
        }
    }

    /// Delivers until it is stopped. What is under way then has a while to end.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match self.begin().await {
                Ok(()) => break,
                Err(trouble) => self.back_off(&trouble, &stop).await,
            }
        }
        while !stop.is_cancelled() {
            let result = match self.read().await {
                Err(trouble) => Err(trouble),
                Ok(()) if self.waiting.is_empty() => self.idle(&stop).await,
                Ok(()) => self.round(&stop).await,
            };
            match result {
                Ok(()) => {}
                // What was given up goes on after the next start.
                Err(_) if stop.is_cancelled() => {}
                Err(trouble) => self.back_off(&trouble, &stop).await,
            }
        }
        if let Err(trouble) = self.store().await {
            self.warn(&trouble);
        }
        self.shared.metrics.ended(self.target.name);
    }

    /// Finds where to begin. A sink that never ran gets its position at once: what it cannot deliver by now, it will.
    async fn begin(&mut self) -> Result<(), Trouble> {
        let registry = &self.shared.registry;
        let position = match registry.log_sink_position(self.target.name).await? {
            Some(position) => position,
            None if self.from_start => Cursor::START,
            None => {
                let position = registry.last_record_position().await?.unwrap_or(Cursor::START);
                commit_position(&**registry, self.target.name, position).await?;
                position
            }
        };
        self.stored = position;
        self.waiting = Waiting::behind(position);
        self.shared.metrics.waits_since(self.target.name, None);
        Ok(())
    }

    /// Reads on in the log, as far as there is room.
    async fn read(&mut self) -> Result<(), Trouble> {
        if self.shared.recorded.has_changed().unwrap_or(false) {
            self.shared.recorded.mark_unchanged();
            self.is_behind = true;
        }
        let max = self.limits.entries_waiting_max.max(1);
        let room = max.saturating_sub(u32::try_from(self.waiting.len()).unwrap_or(u32::MAX));
        // Not for a few, as reading costs most for its first; unless it takes others to tell what is at fault.
        let is_worth_it = room > max / 2 || self.waiting.is_empty() || self.waiting.is_sink_in_doubt();
        if !self.is_behind || room == 0 || !is_worth_it {
            return Ok(());
        }
        let records = self.shared.registry.records_behind(Some(self.waiting.read_to()), room).await?;
        let is_behind = u32::try_from(records.len()).is_ok_and(|read| read >= room);
        for (position, record) in records {
            let entry = self.entry(record).await?;
            match self.target.sink.objection(&entry, self.shared.clock.now()) {
                None => self.waiting.add(position, entry),
                Some(problem) => {
                    self.tell_left_out(&LeftOut { entry: Arc::new(entry), problem: problem.into() });
                    self.waiting.pass(position);
                }
            }
        }
        self.is_behind = is_behind;
        self.tell_oldest();
        Ok(())
    }

    /// The entry of a record, with the kind of device that only the certificate tells where nothing was provisioned.
    async fn entry(&self, record: RegistrationRecord) -> Result<Entry, StorageError> {
        let is_known = matches!(record.outcome, Outcome::Success { .. });
        let certificate = record.certificate;
        let mut entry = Entry::new(record);
        if !is_known && let Some(certificate) = self.shared.registry.certificate(certificate).await? {
            let parsed = ParsedCertificate::from_der(certificate.der.as_bytes()).ok();
            let title = parsed.as_ref().and_then(|parsed| parsed.subject().field(SubjectField::Title));
            entry.category = title.and_then(DeviceType::from_title);
        }
        Ok(entry)
    }

    /// Waits for entries, and stores the position when it is time.
    async fn idle(&mut self, stop: &CancellationToken) -> Result<(), Trouble> {
        self.failures = 0;
        let due =
            (self.waiting.done_to() != self.stored).then(|| self.stored_at + self.limits.position_pause);
        let is_due = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = self.shared.recorded.changed() => {
                if changed.is_err() {
                    // Nobody records any more.
                    self.store().await?;
                    stop.cancelled().await;
                }
                self.is_behind = true;
                gather(self.limits.gather, stop).await;
            }
            () = is_due => self.store().await?,
            () = stop.cancelled() => {}
        }
        Ok(())
    }

    /// Tries to deliver what waits, once, and leaves out what a sink in order has refused too often.
    async fn round(&mut self, stop: &CancellationToken) -> Result<(), Trouble> {
        let in_doubt = self.waiting.is_sink_in_doubt();
        let with_refused = in_doubt || Instant::now() >= self.retry_refused_at;
        // When the sink refuses what came first, what came last may tell whether it takes anything at all.
        let newest_first = in_doubt && self.failures > 0 && self.failures.is_multiple_of(2);
        let batch_max = self.target.entries_per_request_max.max(1);
        let batches = self.waiting.batches(batch_max, with_refused, newest_first);
        let mut round = Round::default();
        for wave in batches.chunks(self.target.requests_running_max.max(1)) {
            for (batch, result) in wave.iter().zip(self.deliver(wave, stop).await) {
                self.account(batch, result, &mut round);
            }
            self.tell_oldest();
            let is_refusing = round.refused_in_row >= self.limits.refusals_in_row_max;
            if round.passing.is_some() || is_refusing || stop.is_cancelled() {
                break;
            }
            self.store_if_due().await?;
        }
        for left_out in self.waiting.leave_out(self.limits.refusals_max) {
            self.tell_left_out(&left_out);
        }
        self.tell_oldest();
        self.store_if_due().await?;
        self.ended(round, stop).await
    }

    /// Notes what became of a batch.
    fn account(&mut self, batch: &Batch, result: Result<(), ServiceFailure>, round: &mut Round) {
        let Err(ServiceFailure { kind, message }) = result else {
            self.shared.metrics.delivered(self.target.name, batch.positions.len());
            self.waiting.taken(&batch.positions);
            (round.has_progress, round.refused_in_row) = (true, 0);
            return;
        };
        self.shared.metrics.failed(self.target.name);
        match kind {
            ServiceFailureKind::Passing => round.passing = Some(message),
            ServiceFailureKind::Lasting => {
                self.waiting.refused(&batch.positions, &message);
                round.refused_in_row += batch.positions.len();
                round.lasting = Some(message);
            }
        }
    }

    /// Decides what comes after a round.
    async fn ended(&mut self, round: Round, stop: &CancellationToken) -> Result<(), Trouble> {
        let Round { has_progress, passing, lasting, refused_in_row: _ } = round;
        if let Some(problem) = passing {
            return Err(Trouble { problem, has_progress });
        }
        match lasting {
            Some(problem) if self.waiting.is_sink_in_doubt() => {
                return Err(Trouble { problem, has_progress });
            }
            Some(_) => {
                self.refusals = self.refusals.saturating_add(1);
                self.retry_refused_at = Instant::now() + self.backoff().delay(self.refusals, rand::random());
            }
            None => {}
        }
        self.tell_recovery();
        if self.waiting.is_empty() {
            self.refusals = 0;
            return Ok(());
        }
        // All that is left was refused. Whatever comes meanwhile is delivered.
        tokio::select! {
            () = sleep_until(self.retry_refused_at) => {}
            Ok(()) = self.shared.recorded.changed() => {
                self.is_behind = true;
                gather(self.limits.gather, stop).await;
            }
            () = stop.cancelled() => {}
        }
        Ok(())
    }

    /// Delivers some batches at once, and gives the result of each.
    async fn deliver(&self, wave: &[Batch], stop: &CancellationToken) -> Vec<Result<(), ServiceFailure>> {
        let given_up = || Err(ServiceFailure::passing("the delivery was given up"));
        let mut results: Vec<_> = wave.iter().map(|_| given_up()).collect();
        let mut running = JoinSet::new();
        for (batch, index) in wave.iter().zip(0_usize..) {
            let (sink, entries) = (Arc::clone(&self.target.sink), batch.entries.clone());
            let limit = self.limits.attempt_timeout;
            running.spawn(async move { (index, within(limit, sink.deliver(&entries)).await) });
        }
        let grace = async {
            stop.cancelled().await;
            sleep(self.limits.stop_grace).await;
        };
        tokio::pin!(grace);
        loop {
            let ended = tokio::select! {
                ended = running.join_next() => ended,
                () = &mut grace => None,
            };
            match ended {
                Some(Ok((index, result))) => {
                    if let Some(slot) = results.get_mut(index) {
                        *slot = result;
                    }
                }
                // A delivery that panicked is told by the panic; its entries come again.
                Some(Err(_)) => {}
                None => return results,
            }
        }
    }

    async fn store_if_due(&mut self) -> Result<(), Trouble> {
        if self.stored_at.elapsed() < self.limits.position_pause {
            return Ok(());
        }
        self.store().await
    }

    /// Stores how far the sink has come, once that is durable there.
    async fn store(&mut self) -> Result<(), Trouble> {
        let position = self.waiting.done_to();
        if position == self.stored {
            return Ok(());
        }
        self.stored_at = Instant::now();
        if let Err(failure) = within(self.limits.attempt_timeout, self.target.sink.settle()).await {
            // What was delivered since the last time may be lost.
            self.waiting.rewind(self.stored);
            self.is_behind = true;
            self.shared.metrics.failed(self.target.name);
            return Err(Trouble { problem: failure.message, has_progress: false });
        }
        commit_position(&*self.shared.registry, self.target.name, position).await?;
        self.stored = position;
        Ok(())
    }

    /// Waits after something went wrong: longer each time.
    async fn back_off(&mut self, trouble: &Trouble, stop: &CancellationToken) {
        self.failures = if trouble.has_progress { 1 } else { self.failures.saturating_add(1) };
        self.warn(trouble);
        tokio::select! {
            () = sleep(self.backoff().delay(self.failures, rand::random())) => {}
            () = stop.cancelled() => {}
        }
    }

    fn backoff(&self) -> Backoff {
        Backoff { first: self.limits.retry_first, longest: self.limits.retry_longest }
    }

    fn tell_oldest(&self) {
        self.shared.metrics.waits_since(self.target.name, self.waiting.oldest());
    }

    fn tell_left_out(&self, left_out: &LeftOut) {
        let LeftOut { entry, problem } = left_out;
        self.shared.metrics.left_out(self.target.name);
        warn!(
            sink = %self.target.name,
            certificate.id = %entry.certificate,
            timestamp = entry.at.as_millis(),
            problem = &**problem,
            "log sink leaves out an entry that it would never take"
        );
    }

    fn tell_recovery(&mut self) {
        self.failures = 0;
        if self.warned_at.take().is_some() {
            info!(sink = %self.target.name, "log sink delivers again");
        }
    }

    /// Tells that something is wrong, but not each time.
    fn warn(&mut self, trouble: &Trouble) {
        let now = Instant::now();
        let is_due = |at: Instant| now.duration_since(at) >= self.limits.warning_pause;
        if !self.warned_at.is_none_or(is_due) {
            return;
        }
        self.warned_at = Some(now);
        warn!(
            sink = %self.target.name,
            problem = trouble.problem,
            failures = self.failures,
            entries.waiting = self.waiting.len(),
            "log sink cannot deliver and tries again; its entries wait in the registration log"
        );
    }
}

impl From<StorageError> for Trouble {
    fn from(problem: StorageError) -> Self {
        let sources = std::iter::successors(Some(&problem as &dyn std::error::Error), |error| error.source());
        let texts: Vec<_> = sources.map(ToString::to_string).collect();
        Self { problem: texts.join(": "), has_progress: false }
    }
}

/// Waits for what comes together with what has come, unless it is to stop.
async fn gather(time: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = sleep(time) => {}
        () = stop.cancelled() => {}
    }
}

async fn within(
    limit: Duration,
    delivery: impl Future<Output = Result<(), ServiceFailure>>,
) -> Result<(), ServiceFailure> {
    match timeout(limit, delivery).await {
        Ok(result) => result,
        Err(_) => {
            let seconds = limit.as_secs_f64();
            Err(ServiceFailure::passing(format!("there was no answer within {seconds} s")))
        }
    }
}

async fn commit_position(
    registry: &dyn Registry,
    name: LogSinkName,
    position: Cursor,
) -> Result<(), Trouble> {
    let mut transaction = Transaction::new();
    transaction.set_log_sink_position(name, position);
    match registry.commit(transaction).await {
        Ok(_) => Ok(()),
        Err(problem) => Err(Trouble { problem: problem.to_string(), has_progress: false }),
    }
}
