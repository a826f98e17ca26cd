use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use landfall_mqtt::{Message, QoS};
use landfall_registry::{Change, CommitObserver, EventId, PendingEvent, Registry, StorageError, Transaction};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::connection::sleep_until;
use crate::routing::Router;

/// Publishes the events of the outbox, each at least once and in the order of the commits.
pub(crate) struct Dispatcher {
    registry: Arc<dyn Registry>,
    router: Arc<Router>,
    appended: Arc<Appended>,
    events_per_batch: u32,
}

/// What was published since the start.
#[derive(Default)]
struct Published {
    last: Option<EventId>,
    /// When that is marked as delivered; none when it is.
    mark_at: Option<Instant>,
}

/// How long published events may stay unmarked: a mark is a write, and one serves for all events before it.
const MARK_PAUSE: Duration = Duration::from_millis(100);

/// Says that there is something in the outbox.
#[derive(Default)]
struct Appended(Notify);

impl Dispatcher {
    pub(crate) fn new(registry: Arc<dyn Registry>, router: Arc<Router>, events_per_batch: u32) -> Self {
        let appended = Arc::new(Appended::default());
        registry.observe(Arc::clone(&appended) as Arc<dyn CommitObserver>);
        Self { registry, router, appended, events_per_batch }
    }

    /// Runs until it is cancelled. What a crash keeps from being marked as delivered is published again.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut published = Published::default();
        loop {
            let more = self.dispatch(&mut published).await.unwrap_or_else(|problem| {
                let error: &dyn std::error::Error = &problem;
                error!(error, "events cannot be read");
                false
            });
            if !more || stop.is_cancelled() {
                let mark_at = published.mark_at;
                tokio::select! {
                    () = self.appended.0.notified() => {}
                    () = sleep_until(mark_at) => self.mark(&mut published).await,
                    () = stop.cancelled() => return self.mark(&mut published).await,
                }
            }
        }
    }

    /// Publishes one batch. Whether there may be more.
    async fn dispatch(&self, published: &mut Published) -> Result<bool, StorageError> {
        let events = self.registry.pending_events(published.last, self.events_per_batch).await?;
        let Some(last) = events.last().map(|event| event.id) else {
            return Ok(false);
        };
        for event in events {
            self.publish(event).await;
        }
        published.last = Some(last);
        published.mark_at.get_or_insert_with(|| Instant::now() + MARK_PAUSE);
        Ok(true)
    }

    /// Marks what was published as delivered. If that fails it is published again after the next start.
    async fn mark(&self, published: &mut Published) {
        published.mark_at = None;
        let Some(last) = published.last else { return };
        let mut transaction = Transaction::new();
        transaction.delivered(last);
        if let Err(problem) = self.registry.commit(transaction).await {
            let error: &dyn std::error::Error = &problem;
            error!(error, "events cannot be marked as delivered");
        }
    }

    async fn publish(&self, event: PendingEvent) {
        let PendingEvent { id: _, topic, payload } = event;
        let message = Arc::new(Message::new(topic, Bytes::from(payload), QoS::AtLeastOnce));
        for waiting in self.router.publish(None, &message) {
            waiting.deliver().await;
        }
    }
}

impl CommitObserver for Appended {
    fn committed(&self, changes: &[Change]) {
        if changes.iter().any(|change| matches!(change, Change::Event(_))) {
            self.0.notify_one();
        }
    }
}
