use std::sync::Arc;

use bytes::Bytes;
use landfall_mqtt::{Message, QoS};
use landfall_registry::{Change, CommitError, CommitObserver, EventId, PendingEvent, Registry, Transaction};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::routing::Router;

/// Publishes the events of the outbox, each at least once and in the order of the commits.
pub(crate) struct Dispatcher {
    registry: Arc<dyn Registry>,
    router: Arc<Router>,
    appended: Arc<Appended>,
    events_per_batch: u32,
}

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
        let mut published = None;
        loop {
            let more = match self.dispatch(&mut published).await {
                Ok(more) => more,
                Err(problem) => {
                    let error: &dyn std::error::Error = &problem;
                    error!(error, "events cannot be dispatched");
                    false
                }
            };
            if stop.is_cancelled() {
                return;
            }
            if !more {
                tokio::select! {
                    () = self.appended.0.notified() => {}
                    () = stop.cancelled() => return,
                }
            }
        }
    }

    /// Publishes one batch and marks it as delivered. Whether there may be more.
    async fn dispatch(&self, published: &mut Option<EventId>) -> Result<bool, CommitError> {
        let events = self.registry.pending_events(*published, self.events_per_batch).await?;
        let Some(last) = events.last().map(|event| event.id) else {
            return Ok(false);
        };
        for event in events {
            self.publish(event).await;
        }
        // If the mark cannot be stored, these events are not published again before the next start.
        *published = Some(last);
        let mut transaction = Transaction::new();
        transaction.delivered(last);
        self.registry.commit(transaction).await?;
        Ok(true)
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
