//! One invocation that has its turn: its process, its answer, its lines in the log.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use landfall_model::Function;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;
use tracing::info;
use uuid::Uuid;

use crate::config::ApiAccess;
use crate::exchange::{Answer, Event};
use crate::invocation::{FunctionFailure, Invocation, InvocationOutcome, InvokeError, RequestId};
use crate::pool::{Place, Pool, Settling};
use crate::report::{Report, failure_of, init_report_line, start_line};
use crate::runner::FunctionRunner;
use crate::runtimes::{Places, Unready};
use crate::watcher::Watching;
use crate::worker::{Ending, Readiness, Start, Worker};

/// One invocation that has its turn.
pub(crate) struct Turn {
    pub(crate) runner: Arc<FunctionRunner>,
    pub(crate) function: Arc<Function>,
    pub(crate) request_id: RequestId,
    pub(crate) api: ApiAccess,
    pub(crate) pool: Arc<Pool>,
    /// Its place among the invocations of its function.
    pub(crate) permit: OwnedSemaphorePermit,
    /// Whether its caller wants the end of the log.
    pub(crate) tail: bool,
    /// What keeps processes watched until it is over.
    pub(crate) _watching: Watching,
}

/// A process with what came of its start.
struct Started {
    worker: Worker,
    /// How long it took, if it was started for this invocation.
    init: Option<Duration>,
    readiness: Readiness,
}

/// What came of giving work to a process.
enum Given {
    /// The invocation is over, and the process can be given more.
    Answered(Invocation, Worker, Settling, Instant),
    /// The invocation is over, and so is the process.
    Ended(Invocation),
    /// The process did not take the work.
    Refused,
}

/// What a caller is told of an invocation.
type Told = Result<Invocation, InvokeError>;

impl Turn {
    /// Carries it out, and tells its caller as soon as there is an answer.
    pub(crate) async fn run(self, event: Bytes, done: oneshot::Sender<Told>) {
        // A caller that does not wait any more needs not be told.
        for _ in 0..ATTEMPTS_MAX {
            let started = match self.worker().await {
                Ok(Ok(started)) => started,
                Ok(Err(failure)) => {
                    let _ = done.send(Ok(self.not_started(failure)));
                    return;
                }
                Err(error) => {
                    let _ = done.send(Err(error));
                    return;
                }
            };
            match self.give(started, &event).await {
                Given::Answered(invocation, worker, settling, deadline) => {
                    let _ = done.send(Ok(invocation));
                    self.settle(worker, deadline).await;
                    drop(settling);
                    drop(self.permit);
                    return;
                }
                Given::Ended(invocation) => {
                    let _ = done.send(Ok(invocation));
                    return;
                }
                Given::Refused => {}
            }
        }
        let _ = done.send(Ok(self.not_started(self.failure_of(&Ending::Lost))));
    }

    /// Gives the event to a process, and waits for what becomes of it.
    async fn give(&self, started: Started, event: &Bytes) -> Given {
        let Started { mut worker, init, readiness } = started;
        let begun = Instant::now();
        let deadline = begun + Duration::from_secs(self.function.timeout_s.into());
        let readiness = match readiness {
            // What it takes longer to start is time of the invocation.
            Readiness::NotYet => worker.ready(deadline).await,
            other @ (Readiness::Ready | Readiness::Failed(_) | Readiness::Ended(_)) => other,
        };
        let failure = match readiness {
            Readiness::Ready => None,
            Readiness::NotYet => Some(self.failure_of(&Ending::TimedOut)),
            Readiness::Failed(failure) => Some(failure),
            Readiness::Ended(ending) => Some(self.failure_of(&ending)),
        };
        if let Some(failure) = failure {
            worker.output().note(init_report_line(init.unwrap_or_default(), &failure)).await;
            worker.output().note(start_line(self.request_id)).await;
            return Given::Ended(self.finish(&worker, begun, init, Err(failure)).await);
        }
        match init {
            Some(_) => worker.output().note(start_line(self.request_id)).await,
            None => worker.output().begin(start_line(self.request_id), self.tail).await,
        }
        let Some(ending) = worker.invoke(self.event(event.clone(), deadline), deadline).await else {
            return Given::Refused;
        };
        let outcome = match ending {
            Ending::Answered(Answer::Returned(body)) => Ok(body),
            Ending::Answered(Answer::Failed(failure)) => Err(failure),
            Ending::Exited(_) | Ending::Exceeded(_) | Ending::Lost | Ending::TimedOut => {
                let failure = self.failure_of(&ending);
                return Given::Ended(self.finish(&worker, begun, init, Err(failure)).await);
            }
        };
        let settling = self.pool.settling();
        let invocation = self.finish(&worker, begun, init, outcome).await;
        Given::Answered(invocation, worker, settling, deadline)
    }

    /// A process for the invocation: one that waits, or a new one. A function that nothing can be started for fails.
    async fn worker(&self) -> Result<Result<Started, FunctionFailure>, InvokeError> {
        let Self { runner, function, pool, .. } = self;
        let place = runner.pools.place(pool, function.revision).await;
        let place = match place.map_err(|reason| runner.throttled(function, reason))? {
            Place::Warm(worker) => {
                return Ok(Ok(Started { worker, init: None, readiness: Readiness::Ready }));
            }
            Place::Cold(place) => place,
        };
        let begun = Instant::now();
        let (task, layers) = runner.folders(function).await?;
        let places = Places { task: &task, layers: &layers };
        let program =
            runner.runtimes.program(function.runtime, &function.handler, function.memory_mib, places).await;
        let program = match program {
            Ok(program) => program,
            Err(Unready::Missing(missing)) => return Err(missing.into()),
            Err(Unready::Failed(failure)) => return Ok(Err(failure)),
        };
        let start = Start {
            function: Arc::clone(function),
            program,
            task,
            api: self.api.clone(),
            log_stream: self.log_stream(),
            tail: self.tail,
        };
        let started = Worker::start(&runner.host, start, place).await;
        let mut worker =
            started.map_err(|source| InvokeError::Process { function: function.name.clone(), source })?;
        runner.metrics.started(&function.name);
        let readiness = worker.ready(begun + runner.limits().init_timeout).await;
        let init = begun.elapsed();
        info!(
            function.name = %function.name,
            duration_us = u64::try_from(init.as_micros()).unwrap_or(u64::MAX),
            "process of a function started"
        );
        Ok(Ok(Started { worker, init: Some(init), readiness }))
    }

    /// Ends an invocation in the log, the metrics and for its caller.
    async fn finish(
        &self,
        worker: &Worker,
        begun: Instant,
        init: Option<Duration>,
        outcome: Result<Bytes, FunctionFailure>,
    ) -> Invocation {
        let duration = begun.elapsed();
        let failure = outcome.as_ref().err();
        let report = Report {
            request_id: self.request_id,
            duration,
            init,
            memory_mib: self.function.memory_mib,
            peak_memory: worker.peak_memory(),
            failure,
        };
        let mut lines = report.lines();
        // What the runtime has printed itself is not said again.
        if let Some(failure) = failure.filter(|failure| failure.message.starts_with("RequestId: ")) {
            lines = format!("{} {}\n{lines}", self.timestamp(), failure.message);
        }
        let log_tail = worker.output().end(lines).await;
        self.runner.metrics.invoked(&self.function.name, duration, failure.is_some());
        let outcome = match outcome {
            Ok(body) => InvocationOutcome::Returned(body),
            Err(failure) => InvocationOutcome::Failed(failure),
        };
        Invocation { request_id: self.request_id, outcome, duration, log_tail }
    }

    /// An invocation for which there is nothing to start.
    fn not_started(&self, failure: FunctionFailure) -> Invocation {
        let report = Report {
            request_id: self.request_id,
            duration: Duration::ZERO,
            init: None,
            memory_mib: self.function.memory_mib,
            peak_memory: 0,
            failure: Some(&failure),
        };
        let start = start_line(self.request_id);
        let lines = format!("{start}{} {}\n{}", self.timestamp(), failure.message, report.lines());
        let log_tail = self.tail.then(|| lines.clone().into_bytes());
        self.runner.host.logs.write(&self.function.name, lines.into_bytes());
        self.runner.metrics.invoked(&self.function.name, Duration::ZERO, true);
        let outcome = InvocationOutcome::Failed(failure);
        Invocation { request_id: self.request_id, outcome, duration: Duration::ZERO, log_tail }
    }

    /// Waits until the process asks for more work, and keeps it; or ends it when it does not in the time of its
    /// invocation.
    async fn settle(&self, mut worker: Worker, deadline: Instant) {
        let limits = self.runner.limits();
        let is_used_up = worker.invocations() >= limits.invocations_per_process_max;
        if is_used_up || self.runner.is_stopping() {
            return;
        }
        if let Readiness::Ready = worker.ready(deadline).await
            && worker.is_ready()
        {
            self.runner.pools.put_back(&self.pool, worker);
        }
    }

    fn event(&self, body: Bytes, deadline: Instant) -> Event {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = i64::try_from(left.as_millis()).unwrap_or(i64::MAX);
        let arn = self.runner.host.config.scope.function_arn(&self.function.name);
        let now = self.runner.clock.now();
        Event {
            request_id: self.request_id,
            deadline_ms: now.as_millis().saturating_add(left),
            function_arn: arn.into(),
            trace_id: trace_id(now.as_secs()),
            body,
        }
    }

    /// The failure of an invocation that was not answered.
    fn failure_of(&self, ending: &Ending) -> FunctionFailure {
        let unknown = || FunctionFailure::of(self.request_id, "Runtime.Unknown", "Unknown");
        failure_of(ending, self.request_id, &self.function).unwrap_or_else(unknown)
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.runner.clock.now().as_millis()).unwrap_or_default()
    }

    fn timestamp(&self) -> String {
        format!("{:.3}", self.now())
    }

    /// The name of the log of one process, as Lambda makes them.
    fn log_stream(&self) -> String {
        let today = self.now().to_zoned(TimeZone::UTC).strftime("%Y/%m/%d").to_string();
        format!("{today}/[{}]{}", Function::VERSION, Uuid::new_v4().simple())
    }
}

/// A trace that is not sampled
/// (<https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-traceids>).
fn trace_id(now_s: i64) -> String {
    let random = Uuid::new_v4().simple().to_string();
    let parent = Uuid::new_v4().simple().to_string();
    let (random, parent) = (random.get(..24).unwrap_or_default(), parent.get(..16).unwrap_or_default());
    format!("Root=1-{now_s:08x}-{random};Parent={parent};Sampled=0")
}

/// How many processes are tried that wait for work and then do not take it: they ended that very moment.
const ATTEMPTS_MAX: usize = 3;
