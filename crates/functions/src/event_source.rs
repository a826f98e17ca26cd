//! Event sources: queues whose messages functions are invoked with
//! (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html>).

mod batch;
mod records;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use landfall_model::{EventSourceMapping, MappingId};
use landfall_registry::{CommitError, Transaction};
use landfall_services::{MessageQueues, QueueMessage, QueueUrl, ReceiveOptions, ServiceFailure};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{info, warn};

use crate::runner::FunctionRunner;

use batch::Batch;

/// Polls the queues of all mappings that are enabled, as they are now, until `stopping`.
pub(crate) async fn run(
    runner: Arc<FunctionRunner>,
    queues: Arc<dyn MessageQueues>,
    stopping: CancellationToken,
) {
    let mut pollers: HashMap<MappingId, Poller> = HashMap::new();
    loop {
        let pause = match runner.registry.every_event_source_mapping().await {
            Ok(mappings) => {
                reconcile(&mut pollers, mappings, &runner, &queues);
                None
            }
            Err(error) => {
                warn!(%error, "event-source mappings cannot be read");
                Some(PROBLEM_PAUSE)
            }
        };
        tokio::select! {
            () = runner.known.mappings_changed() => {}
            () = async { sleep(pause.unwrap_or_default()).await }, if pause.is_some() => {}
            () = stopping.cancelled() => return,
        }
    }
}

/// A mapping that is polled, until this is dropped.
struct Poller {
    mapping: EventSourceMapping,
    _stop: DropGuard,
}

/// Ends the polling of what is gone, disabled or changed, and begins that of what is new.
fn reconcile(
    pollers: &mut HashMap<MappingId, Poller>,
    mappings: Vec<EventSourceMapping>,
    runner: &Arc<FunctionRunner>,
    queues: &Arc<dyn MessageQueues>,
) {
    let enabled = mappings.into_iter().filter(|mapping| mapping.is_enabled);
    let enabled: HashMap<_, _> = enabled.map(|mapping| (mapping.id, mapping)).collect();
    // What became of a batch is told by the polling itself.
    let is_same = |poller: &Poller, mapping: &EventSourceMapping| {
        let last_result = poller.mapping.last_result.clone();
        EventSourceMapping { last_result, ..mapping.clone() } == poller.mapping
    };
    pollers.retain(|id, poller| enabled.get(id).is_some_and(|mapping| is_same(poller, mapping)));
    for (id, mapping) in enabled {
        pollers.entry(id).or_insert_with(|| {
            let stop = CancellationToken::new();
            let source = Source {
                runner: Arc::clone(runner),
                queues: Arc::clone(queues),
                told: Arc::new(Told::of(&mapping)),
                mapping: Arc::new(mapping.clone()),
            };
            runner.host.tracker.spawn(source.poll(stop.clone()));
            Poller { mapping, _stop: stop.drop_guard() }
        });
    }
}

/// A queue whose messages go to a function.
#[derive(Clone)]
struct Source {
    runner: Arc<FunctionRunner>,
    queues: Arc<dyn MessageQueues>,
    mapping: Arc<EventSourceMapping>,
    told: Arc<Told>,
}

impl Source {
    /// Takes messages until `stop`, and gives them to the function. Batches that are under way then come to their end.
    async fn poll(self, stop: CancellationToken) {
        info!(mapping.id = %self.mapping.id, queue.arn = %self.mapping.queue, "queue is polled");
        let under_way = Arc::new(Semaphore::new(self.batches_max()));
        let stopping = self.runner.stopping();
        let polling = async {
            let url = self.url().await;
            loop {
                // The semaphore is never closed.
                let Ok(place) = Arc::clone(&under_way).acquire_owned().await else { return };
                match self.receive(&url).await {
                    Ok(messages) if messages.is_empty() => {
                        self.told.nothing(&self.runner, &self.mapping).await
                    }
                    Ok(messages) => {
                        let source = self.clone();
                        let batch = Batch { source: self.clone(), url: url.clone(), messages };
                        self.runner.host.tracker.spawn(async move {
                            let result = batch.process().await;
                            drop(place);
                            source.told.result(&source.runner, &source.mapping, result).await;
                        });
                    }
                    Err(problem) => self.pause_for(&problem).await,
                }
            }
        };
        // What was received and not yet handed on comes back when its time out of sight ends.
        tokio::select! {
            () = polling => {}
            () = stop.cancelled() => {}
            () = stopping.cancelled() => {}
        }
    }

    /// How many batches are given to the function at once. Those of a FIFO queue follow each other.
    fn batches_max(&self) -> usize {
        if self.mapping.queue.is_fifo() { 1 } else { self.runner.limits().batches_max.max(1) }
    }

    /// The URL of the queue, once it can be had.
    async fn url(&self) -> QueueUrl {
        loop {
            match self.queues.queue_url(&self.mapping.queue).await {
                Ok(url) => return url,
                Err(problem) => self.pause_for(&problem).await,
            }
        }
    }

    /// The messages of one batch: waits for the first, and then as long as the mapping says for it to fill.
    async fn receive(&self, url: &QueueUrl) -> Result<Vec<QueueMessage>, ServiceFailure> {
        let batch_size = usize::from(self.mapping.batch_size);
        let mut messages = self.queues.receive(url, options(batch_size, POLL)).await?;
        let window = Duration::from_secs(self.mapping.batching_window_s.into());
        if messages.is_empty() || window.is_zero() {
            return Ok(messages);
        }
        let until = Instant::now() + window;
        let bytes_max = self.runner.limits().event_bytes_max;
        while messages.len() < batch_size && bytes(&messages) < bytes_max {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            // A service that answers too late would keep the messages beyond their time out of sight.
            let wait = Duration::from_secs(left.as_secs().min(POLL.as_secs()));
            let more = self.queues.receive(url, options(batch_size - messages.len(), wait));
            match timeout(left, more).await {
                Ok(Ok(more)) if more.is_empty() && wait.is_zero() => sleep(left).await,
                Ok(Ok(more)) => messages.extend(more),
                // What is there is given to the function; the next poll tells of the problem, if it stays.
                Ok(Err(_)) | Err(_) => break,
            }
        }
        Ok(messages)
    }

    async fn pause_for(&self, problem: &ServiceFailure) {
        self.told.queue_problem(&self.runner, &self.mapping, format!("PROBLEM: {problem}")).await;
        sleep(PROBLEM_PAUSE).await;
    }
}

fn options(messages_max: usize, wait: Duration) -> ReceiveOptions {
    let messages_max = u8::try_from(messages_max).unwrap_or(RECEIVE_MAX).clamp(1, RECEIVE_MAX);
    ReceiveOptions { messages_max, wait, visibility: None }
}

fn bytes(messages: &[QueueMessage]) -> usize {
    messages.iter().map(|message| message.body.len()).sum()
}

/// What the registry is told of the last batch.
struct Told(tokio::sync::Mutex<Results>);

struct Results {
    /// What is stored.
    stored: Option<Arc<str>>,
    /// When it was.
    stored_at: Option<Instant>,
    /// What is to be stored.
    last: Option<Arc<str>>,
    /// Whether the last one is of the queue, and not of a batch.
    is_of_queue: bool,
    /// Whether somebody waits to store it.
    is_awaited: bool,
}

impl Told {
    fn of(mapping: &EventSourceMapping) -> Self {
        let stored = mapping.last_result.clone();
        Self(tokio::sync::Mutex::new(Results {
            last: stored.clone(),
            stored,
            stored_at: None,
            is_of_queue: false,
            is_awaited: false,
        }))
    }

    /// No message has come. What became of the last batch stays, if there was one.
    async fn nothing(&self, runner: &FunctionRunner, mapping: &EventSourceMapping) {
        let mut results = self.0.lock().await;
        if results.last.is_none() || results.is_of_queue {
            results.last = Some(NOTHING.into());
        }
        results.store(runner, mapping).await;
    }

    /// The queue does not answer.
    async fn queue_problem(&self, runner: &FunctionRunner, mapping: &EventSourceMapping, problem: String) {
        self.tell(runner, mapping, problem, true).await;
    }

    /// What became of a batch.
    async fn result(&self, runner: &FunctionRunner, mapping: &EventSourceMapping, result: String) {
        self.tell(runner, mapping, result, false).await;
    }

    async fn tell(
        &self,
        runner: &FunctionRunner,
        mapping: &EventSourceMapping,
        text: String,
        is_of_queue: bool,
    ) {
        let mut results = self.0.lock().await;
        results.last = Some(text.chars().take(RESULT_CHARS_MAX).collect::<String>().into());
        results.is_of_queue = is_of_queue;
        let soon = results.stored_at.map(|at| at + STORE_PERIOD).filter(|soon| *soon > Instant::now());
        if let Some(soon) = soon {
            // One waits, and stores what is the last by then.
            if std::mem::replace(&mut results.is_awaited, true) {
                return;
            }
            drop(results);
            sleep_until(soon).await;
            results = self.0.lock().await;
            results.is_awaited = false;
        }
        results.store(runner, mapping).await;
    }
}

impl Results {
    /// Stores the last result, unless it is stored.
    async fn store(&mut self, runner: &FunctionRunner, mapping: &EventSourceMapping) {
        let Some(last) = self.last.clone().filter(|last| self.stored.as_ref() != Some(last)) else { return };
        let mut transaction = Transaction::new();
        transaction.set_event_source_mapping_result(mapping.id, Arc::clone(&last));
        match runner.registry.commit(transaction).await {
            // A mapping that was deleted needs to be told nothing.
            Ok(_) | Err(CommitError::Conflict(_)) => {
                (self.stored, self.stored_at) = (Some(last), Some(Instant::now()));
            }
            Err(error) => {
                warn!(mapping.id = %mapping.id, %error, "the result of a batch cannot be stored");
            }
        }
    }
}

/// How long a poll waits for messages: the longest that SQS has.
const POLL: Duration = Duration::from_secs(20);

/// The most messages of one request, as SQS has it.
const RECEIVE_MAX: u8 = 10;

/// How long after a problem the queue is asked again.
const PROBLEM_PAUSE: Duration = Duration::from_secs(5);

/// The least time from one result to the next that is stored.
const STORE_PERIOD: Duration = Duration::from_secs(1);

/// How many characters of a result are kept.
const RESULT_CHARS_MAX: usize = 256;

// Lambda's own words.
const NOTHING: &str = "No records processed";
const PROCESSED: &str = "OK";
