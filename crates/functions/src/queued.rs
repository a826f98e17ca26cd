//! Invocations that nobody waits for: tried again when they fail, as Lambda does
//! (<https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use landfall_model::{Function, FunctionName};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use crate::config::Limits;
use crate::invocation::{FunctionFailure, InvocationOutcome, InvokeError, InvokeOptions, RequestId};
use crate::runner::FunctionRunner;

/// Room for events that nobody waits for.
pub(crate) struct EventRoom {
    count: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
}

/// The room that one event takes.
struct Taken {
    _count: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
}

/// What an attempt came to.
enum Attempt {
    /// The function returned.
    Done,
    /// The function failed.
    Failed(FunctionFailure),
    /// It could not be invoked now.
    Postponed(InvokeError),
    /// It cannot be invoked.
    Hopeless(String),
}

impl EventRoom {
    pub(crate) fn new(limits: &Limits) -> Self {
        let semaphore = |permits: usize| Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)));
        Self { count: semaphore(limits.queued_events_max), bytes: semaphore(limits.queued_events_bytes_max) }
    }

    fn take(&self, bytes: usize) -> Result<Taken, InvokeError> {
        let full = |limit| move |_| InvokeError::QueueFull { limit };
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let count = Arc::clone(&self.count).try_acquire_owned().map_err(full("queued_events_max"))?;
        let bytes =
            Arc::clone(&self.bytes).try_acquire_many_owned(bytes).map_err(full("queued_events_bytes_max"))?;
        Ok(Taken { _count: count, _bytes: bytes })
    }
}

impl FunctionRunner {
    /// Invokes a function and does not wait for it. When it fails it is tried again twice, and then the event goes to the
    /// function's dead letter target, if it has one. Events are kept in memory: those of a server that ends are lost.
    ///
    /// # Errors
    /// The event is too large, or too many wait.
    pub fn invoke_later(
        self: &Arc<Self>,
        function: &Arc<Function>,
        event: Bytes,
    ) -> Result<RequestId, InvokeError> {
        let max = self.limits().queued_event_bytes_max;
        if event.len() > max {
            return Err(InvokeError::EventTooLarge { found: event.len(), max });
        }
        if self.is_stopping() {
            return Err(InvokeError::NotServing);
        }
        let taken = self.event_room.take(event.len())?;
        let request_id = RequestId::random();
        let queued = Queued { runner: Arc::clone(self), name: function.name.clone(), request_id, event };
        self.host.tracker.spawn(async move {
            let stopping = queued.runner.stopping();
            tokio::select! {
                () = queued.run() => {}
                () = stopping.cancelled() => warn!(
                    function.name = %queued.name,
                    request.id = %request_id,
                    "the event of an invocation that nobody waits for is lost, as the server stops"
                ),
            }
            drop(taken);
        });
        Ok(request_id)
    }
}

struct Queued {
    runner: Arc<FunctionRunner>,
    name: FunctionName,
    request_id: RequestId,
    event: Bytes,
}

impl Queued {
    async fn run(&self) {
        let Limits { retry_delays, queued_event_age_max, .. } = self.runner.limits();
        let begun = Instant::now();
        let mut retries = retry_delays.iter();
        let mut pause = PAUSE_MIN;
        loop {
            let problem = match self.attempt().await {
                Attempt::Done => return,
                Attempt::Failed(failure) => match retries.next() {
                    Some(delay) => {
                        sleep(*delay).await;
                        continue;
                    }
                    None => failure.message,
                },
                Attempt::Postponed(error) if begun.elapsed() < *queued_event_age_max => {
                    info!(function.name = %self.name, request.id = %self.request_id, %error, "invocation put off");
                    sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                    continue;
                }
                Attempt::Postponed(error) => error.to_string(),
                Attempt::Hopeless(problem) => problem,
            };
            self.give_up(&problem).await;
            return;
        }
    }

    async fn attempt(&self) -> Attempt {
        // Each attempt is one at the function as it is by then.
        let function = match self.runner.function(&self.name).await {
            Ok(Some(function)) => function,
            Ok(None) => return Attempt::Hopeless("the function was deleted".to_owned()),
            Err(source) => {
                return Attempt::Postponed(InvokeError::Storage { function: self.name.clone(), source });
            }
        };
        let options = InvokeOptions::default();
        match self.runner.invoke_as(self.request_id, &function, self.event.clone(), options).await {
            Ok(invocation) => match invocation.outcome {
                InvocationOutcome::Returned(_) => Attempt::Done,
                InvocationOutcome::Failed(failure) => Attempt::Failed(failure),
            },
            Err(
                error @ (InvokeError::Throttled { .. }
                | InvokeError::Process { .. }
                | InvokeError::Storage { .. }
                | InvokeError::QueueFull { .. }
                | InvokeError::NotServing),
            ) => Attempt::Postponed(error),
            Err(
                error @ (InvokeError::EventTooLarge { .. }
                | InvokeError::Runtime(_)
                | InvokeError::Code { .. }),
            ) => Attempt::Hopeless(error.to_string()),
        }
    }

    /// Sends the event where the function has its dead letters go.
    async fn give_up(&self, problem: &str) {
        let function = self.runner.function(&self.name).await.ok().flatten();
        let target = function.and_then(|function| function.dead_letter_target.clone());
        let (name, id) = (&self.name, self.request_id);
        let Some((target, queues)) = target.zip(self.runner.queues()) else {
            warn!(function.name = %name, request.id = %id, problem, "event dropped, as its function failed");
            return;
        };
        let body = String::from_utf8_lossy(&self.event).into_owned();
        let sent = match queues.queue_url(&target).await {
            Ok(url) => queues.send(&url, body).await,
            Err(error) => Err(error),
        };
        match sent {
            Ok(()) => {
                info!(function.name = %name, request.id = %id, problem, queue.arn = %target, "event sent to the dead letter target");
            }
            Err(error) => {
                warn!(function.name = %name, request.id = %id, problem, queue.arn = %target, %error, "event dropped, as its dead letter target does not take it");
            }
        }
    }
}

/// How long an invocation is put off first when its function is throttled.
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// The longest that it is put off then.
const PAUSE_MAX: Duration = Duration::from_secs(5 * 60);
