use std::error::Error;
use std::sync::Arc;

use landfall_model::{Delivery, DeliveryId, DeliveryStatus, UnixTime};
use landfall_registry::{Cursor, DeliveryFilter, Order, Page, PageRequest, StorageError};
use landfall_rules::{ActionFailure, ActionKind, ActionRequest, ErrorRequest};
use landfall_services::ServiceFailure;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, error, warn};

use crate::Limits;
use crate::context::uuid_bytes;
use crate::deliveries::{Attempt, Outcome, Resources, Start};
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::perform::{Performed, Performer};
use crate::store::RETRY_PAUSE;
use crate::warnings::Warnings;

/// Begins deliveries as they are due, and reads those that wait in the registry as there is room.
pub(crate) struct Worker {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) performer: Performer,
    pub(crate) limits: Limits,
    pub(crate) metrics: Metrics,
    pub(crate) warnings: Warnings,
    pub(crate) loop_warnings: Warnings,
    pub(crate) tracker: TaskTracker,
}

/// An attempt that is under way. If it is dropped before it has ended, that is its end: nothing stays under way for ever.
struct Running {
    worker: Arc<Worker>,
    start: Option<Start>,
    request: Result<ActionRequest, ServiceFailure>,
    began: Instant,
    began_at: UnixTime,
}

impl Worker {
    /// Runs until it is stopped. Attempts that are under way by then come to their end by themselves.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let now = Instant::now();
            while let Some(start) = self.ledger.poll(|deliveries| deliveries.poll_start(now)) {
                self.tracker.spawn(Arc::clone(&self).attempt(start));
            }
            if let Some(after) = self.ledger.poll(|deliveries| deliveries.poll_read(now)) {
                self.tracker.spawn(Arc::clone(&self).read(after));
            }
            let due = self.ledger.poll(|deliveries| deliveries.next_due());
            let is_due = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.ledger.begins.notified() => {}
                () = is_due => {}
                () = stop.cancelled() => {}
            }
        }
        self.ledger.change(|deliveries| deliveries.stop());
    }

    /// Tries a delivery once.
    async fn attempt(self: Arc<Self>, start: Start) {
        let depth = start.depth;
        let running = Running::new(self, start);
        let result = match &running.request {
            Ok(request) => running.worker.perform(request.clone(), depth).await,
            Err(failure) => Err(failure.clone()),
        };
        running.ended(result);
    }

    async fn perform(&self, request: ActionRequest, depth: u8) -> Result<Performed, ServiceFailure> {
        let limit = match request.action() {
            ActionKind::Lambda => self.limits.function_timeout,
            ActionKind::Http
            | ActionKind::Republish
            | ActionKind::Sqs
            | ActionKind::DynamoDb
            | ActionKind::DynamoDbV2
            | ActionKind::CloudwatchMetric
            | ActionKind::Exec => self.limits.attempt_timeout,
        };
        match timeout(limit, self.performer.perform(request, depth)).await {
            Ok(result) => result,
            Err(_) => {
                let seconds = limit.as_secs_f64();
                Err(ServiceFailure::passing(format!("there was no answer within {seconds} s")))
            }
        }
    }

    /// Reads a page of the deliveries that wait in the registry.
    async fn read(self: Arc<Self>, after: Option<Cursor>) {
        let page = match self.page(after).await {
            Ok(page) => Some(page),
            Err(problem) => {
                tell_unread(&problem);
                sleep(RETRY_PAUSE).await;
                None
            }
        };
        let now = self.ledger.now();
        self.ledger.change(|deliveries| deliveries.handle_read(page, now));
    }

    async fn page(&self, after: Option<Cursor>) -> Result<Page<Delivery>, StorageError> {
        let filter = DeliveryFilter { status: Some(DeliveryStatus::Waiting), ..DeliveryFilter::default() };
        let page =
            PageRequest { after, limit: self.limits.read_per_page_max.max(1), order: Order::Ascending };
        self.performer.registry.deliveries(&filter, page).await
    }

    /// The error action's request, now that an attempt of this delivery has failed; none if there is no error action.
    fn error_request(&self, start: &Start, failure: ActionFailure) -> Option<Arc<str>> {
        let stored = start.error_request.as_ref()?;
        let request = ErrorRequest::from_json(stored).map_err(|error| error.to_string());
        let request = request
            .and_then(|request| request.with_failures(&[failure]).map_err(|problem| problem.to_string()));
        match request {
            Ok(request) => Some(request.to_json().into()),
            Err(reason) => {
                if let Some(left_out) = self.warnings.admit(self.ledger.now().wall) {
                    warn!(rule.name = %start.rule, reason, left_out, "error action cannot be carried out");
                }
                None
            }
        }
    }

    /// Counts and logs that a loop of rules ends here.
    fn tell_cut(&self, start: &Start) {
        let Start { rule, action, topic, depth, .. } = start;
        self.metrics.loops_cut.inc();
        if let Some(left_out) = self.loop_warnings.admit(self.ledger.now().wall) {
            warn!(
                rule.name = %rule, rule.action = %action, topic = topic.as_str(), rules_passed = depth, left_out,
                "message is not republished: it came out of too many rules one after the other, which is a loop of rules"
            );
        }
    }

    /// Logs how a delivery goes on that failed.
    fn tell_failure(&self, start: &Start, outcome: Outcome, problem: &str) {
        let Start { id, rule, action, topic, attempts_failed, .. } = start;
        let attempts = attempts_failed + 1;
        if outcome == Outcome::Waits {
            debug!(
                rule.name = %rule, rule.action = %action, delivery.id = %id, topic = topic.as_str(),
                attempts, problem, "rule action failed and is tried again"
            );
            return;
        }
        let Some(left_out) = self.warnings.admit(self.ledger.now().wall) else { return };
        let is_dead = outcome == Outcome::Dead;
        warn!(
            rule.name = %rule, rule.action = %action, delivery.id = %id, topic = topic.as_str(),
            attempts, problem, is_dead, left_out, "rule action failed for good"
        );
    }
}

impl Running {
    fn new(worker: Arc<Worker>, start: Start) -> Self {
        let began_at = worker.ledger.now().wall;
        let request = ActionRequest::from_json(&start.request);
        let request = request.map_err(|error| ServiceFailure::lasting(error.to_string()));
        Self { worker, start: Some(start), request, began: Instant::now(), began_at }
    }

    fn ended(mut self, result: Result<Performed, ServiceFailure>) {
        self.end(result);
    }

    fn end(&mut self, result: Result<Performed, ServiceFailure>) {
        let Some(start) = self.start.take() else { return };
        let Self { worker, request, began, began_at, .. } = &*self;
        let duration = began.elapsed();
        let problem = result.as_ref().err().map(|failure| failure.message.clone());
        let error_action = problem.as_ref().zip(request.as_ref().ok()).and_then(|(problem, request)| {
            let failure = ActionFailure::of_request(request, problem.as_str());
            worker.error_request(&start, failure)
        });
        let error_action = error_action.map(|request| (new_id(), request));
        let resources = Resources { jitter: rand::random(), error_action };
        let attempt = Attempt { began_at: *began_at, duration, result };
        let now = worker.ledger.now();
        let outcome =
            worker.ledger.change(|deliveries| deliveries.handle_finished(start.id, attempt, resources, now));
        let Some(outcome) = outcome else { return };
        let action = request.as_ref().map_or(UNKNOWN_ACTION, ActionRequest::kind);
        worker.metrics.attempted(action, outcome.as_str(), duration);
        if outcome == Outcome::Cut {
            worker.tell_cut(&start);
        }
        if let Some(problem) = problem {
            worker.tell_failure(&start, outcome, &problem);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end(Err(ServiceFailure::passing("the attempt was given up")));
    }
}

fn tell_unread(error: &StorageError) {
    let error: &dyn Error = error;
    error!(error, "deliveries of topic rules cannot be read; this is tried again");
}

/// What metrics call the action of a request that cannot be read.
const UNKNOWN_ACTION: &str = "unknown";

/// The id of a new delivery.
pub(crate) fn new_id() -> DeliveryId {
    DeliveryId::from_bytes(uuid_bytes(rand::random()))
}
