use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use landfall_model::{Delivery, DeliveryId};
use landfall_mqtt::{Message, QoS};
use landfall_registry::{
    Change, CommitError, CommitObserver, EventId, PendingEvent, Registry, StorageError, Transaction,
};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::Limits;
use crate::connection::sleep_until;
use crate::publisher::Publisher;

/// Publishes the events of the outbox, each at least once and in the order of the commits.
///
/// What topic rules have not finished when an event is marked as delivered is stored by the same commit, so that the end of
/// the process loses neither.
pub(crate) struct Dispatcher {
    registry: Arc<dyn Registry>,
    publisher: Publisher,
    tail: Arc<Tail>,
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

/// How long the dispatcher waits after the registry has failed.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// The end of the outbox, kept in memory as it is committed, so that it need not be read back: a read after each commit
/// would cost as much as the commit.
struct Tail {
    waiting: Mutex<Waiting>,
    came: Notify,
    events_max: usize,
}

/// What waits in the outbox.
struct Waiting {
    events: VecDeque<PendingEvent>,
    /// There is more behind `events`, which only the outbox itself has.
    has_more: bool,
}

/// What is to be published next.
enum Next {
    Events(VecDeque<PendingEvent>),
    /// What the outbox has behind the last event that was published.
    Outbox,
    Nothing,
}

impl Dispatcher {
    pub(crate) fn new(registry: Arc<dyn Registry>, publisher: Publisher, limits: &Limits) -> Self {
        let Limits { events_per_batch, events_waiting_max, .. } = *limits;
        let tail = Arc::new(Tail::new(events_waiting_max));
        registry.observe(Arc::clone(&tail) as Arc<dyn CommitObserver>);
        Self { registry, publisher, tail, events_per_batch }
    }

    /// Runs until it is cancelled. What a crash keeps from being marked as delivered is published again.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut published = Published::default();
        while !stop.is_cancelled() {
            let mut retry_at = None;
            match self.tail.next() {
                Next::Events(events) => self.publish_each(events, &mut published, &stop).await,
                Next::Outbox => {
                    if let Err(problem) = self.publish_outbox(&mut published, &stop).await {
                        let error: &dyn std::error::Error = &problem;
                        error!(error, "events cannot be read; this is tried again");
                        self.tail.waiting().has_more = true;
                        retry_at = Some(Instant::now() + RETRY_PAUSE);
                    }
                }
                Next::Nothing => {
                    tokio::select! {
                        () = self.tail.came.notified() => {}
                        () = sleep_until(published.mark_at) => {}
                        () = stop.cancelled() => {}
                    }
                }
            }
            if published.mark_at.is_some_and(|mark_at| mark_at <= Instant::now()) {
                self.mark(&mut published).await;
            }
            if retry_at.is_some() {
                tokio::select! {
                    () = sleep_until(retry_at) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
        self.mark(&mut published).await;
    }

    /// Publishes what the outbox has behind the last event that was published, batch by batch.
    async fn publish_outbox(
        &self,
        published: &mut Published,
        stop: &CancellationToken,
    ) -> Result<(), StorageError> {
        while !stop.is_cancelled() {
            let events = self.registry.pending_events(published.last, self.events_per_batch).await?;
            if events.is_empty() {
                break;
            }
            self.publish_each(events, published, stop).await;
        }
        Ok(())
    }

    /// Publishes events, except those that were read from the outbox before they were heard of. Those that are left when it
    /// is stopped are still in the outbox.
    async fn publish_each(
        &self,
        events: impl IntoIterator<Item = PendingEvent>,
        published: &mut Published,
        stop: &CancellationToken,
    ) {
        for event in events {
            let id = event.id;
            if published.last.is_none_or(|last| last < id) {
                if stop.run_until_cancelled(self.publisher.observer.room()).await.is_none() {
                    return;
                }
                self.publish(event).await;
                published.last = Some(id);
                published.mark_at.get_or_insert_with(|| Instant::now() + MARK_PAUSE);
            }
        }
    }

    /// Marks what was published as delivered. If that fails it is tried again, and what a crash leaves unmarked is
    /// published again after the next start.
    async fn mark(&self, published: &mut Published) {
        published.mark_at = None;
        let Some(last) = published.last else { return };
        let observer = &self.publisher.observer;
        let unfinished = observer.unfinished(last);
        let ids: Vec<DeliveryId> = unfinished.iter().map(|delivery| delivery.id).collect();
        let marked = self.store_mark(last, unfinished).await;
        observer.settled(&ids, marked.is_ok());
        if let Err(problem) = marked {
            let error: &dyn std::error::Error = &problem;
            error!(error, "events cannot be marked as delivered; this is tried again");
            published.mark_at = Some(Instant::now() + RETRY_PAUSE);
        }
    }

    /// Stores in one transaction that the events up to `last` were published, and what topic rules have yet to do for them.
    async fn store_mark(&self, last: EventId, unfinished: Vec<Delivery>) -> Result<(), CommitError> {
        let mut transaction = Transaction::new();
        transaction.delivered(last);
        for delivery in unfinished {
            transaction.store_delivery(delivery);
        }
        self.registry.commit(transaction).await.map(drop)
    }

    async fn publish(&self, event: PendingEvent) {
        let PendingEvent { id, topic, payload } = event;
        let message = Arc::new(Message::new(topic, Bytes::from(payload), QoS::AtLeastOnce));
        let waiting = self.publisher.hand_out(None, &message, landfall_services::Publisher::Event(id));
        self.publisher.deliver(waiting).await;
    }
}

impl Tail {
    /// Nothing is known of what earlier runs have left in the outbox.
    fn new(events_max: usize) -> Self {
        let waiting = Mutex::new(Waiting { events: VecDeque::new(), has_more: true });
        Self { waiting, came: Notify::new(), events_max }
    }

    /// Takes what is next. An event that comes from now on is heard of, so that none is between what the outbox has and what
    /// is heard.
    fn next(&self) -> Next {
        let mut waiting = self.waiting();
        if !waiting.events.is_empty() {
            Next::Events(mem::take(&mut waiting.events))
        } else if mem::take(&mut waiting.has_more) {
            Next::Outbox
        } else {
            Next::Nothing
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CommitObserver for Tail {
    fn committed(&self, _changes: &[Change]) {}

    fn appended(&self, event: &PendingEvent) {
        let mut waiting = self.waiting();
        if waiting.events.len() >= self.events_max {
            waiting.has_more = true;
        }
        if !waiting.has_more {
            waiting.events.push_back(event.clone());
        }
        drop(waiting);
        self.came.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use landfall_events::{CertificateRegistered, Event};
    use landfall_model::{
        AccountId, CaCertificateId, CertificateId, DeliveryAction, DeliveryState, RuleName, TopicFilter,
        TopicName, UnixTime,
    };
    use landfall_mqtt::SubscriptionOptions;
    use landfall_registry::MemoryRegistry;
    use landfall_services::PublishObserver;
    use tokio::sync::mpsc;

    use super::*;
    use crate::connections::{Connections, Entry};
    use crate::routing::{self, Router};
    use crate::tests::Heard;

    async fn append(registry: &dyn Registry, number: u8) {
        let mut transaction = Transaction::new();
        transaction.append(Event::CertificateRegistered(CertificateRegistered {
            certificate: CertificateId::from_sha256([number; 32]),
            ca: CaCertificateId::from_sha256([9; 32]),
            account: AccountId::parse("000000000000").unwrap(),
            at: UnixTime::from_secs(1),
        }));
        registry.commit(transaction).await.unwrap();
    }

    struct Subscriber {
        deliveries: mpsc::Receiver<routing::Delivery>,
        _entry: Entry,
    }

    impl Subscriber {
        fn of(router: &Router) -> Self {
            let entry = Arc::new(Connections::default()).enter(CertificateId::from_sha256([0; 32]), None);
            let (sender, deliveries) = mpsc::channel(8);
            router.enter(entry.id(), sender);
            let filter = TopicFilter::parse("$aws/events/certificates/registered/#").unwrap();
            router.subscribe(entry.id(), &filter, SubscriptionOptions::with_qos(QoS::AtLeastOnce));
            Self { deliveries, _entry: entry }
        }

        /// The first digit of the certificate's id in the next event.
        async fn next(&mut self) -> u8 {
            let payload = self.deliveries.recv().await.unwrap().message.payload.clone();
            let text = String::from_utf8(payload.to_vec()).unwrap();
            assert!(text.contains("PENDING_ACTIVATION"), "{text}");
            text.split('"').nth(3).unwrap().as_bytes()[1] - b'0'
        }
    }

    fn dispatcher(registry: &Arc<dyn Registry>, router: &Arc<Router>) -> Dispatcher {
        observed(registry, router, Arc::new(Heard::default()))
    }

    fn observed(
        registry: &Arc<dyn Registry>,
        router: &Arc<Router>,
        observer: Arc<dyn PublishObserver>,
    ) -> Dispatcher {
        let limits = Limits { events_per_batch: 2, events_waiting_max: 3, ..Limits::default() };
        let publisher = Publisher {
            router: Arc::clone(router),
            connections: Arc::default(),
            observer,
            delivery_timeout: limits.delivery_timeout,
        };
        Dispatcher::new(Arc::clone(registry), publisher, &limits)
    }

    #[tokio::test(start_paused = true)]
    async fn events_are_published_in_their_order_and_marked_as_delivered() {
        let registry: Arc<dyn Registry> = Arc::new(MemoryRegistry::new());
        let router = Arc::new(Router::new());
        let mut subscriber = Subscriber::of(&router);
        append(&*registry, 1).await;
        append(&*registry, 2).await;
        append(&*registry, 3).await;
        let stop = CancellationToken::new();
        let run = dispatcher(&registry, &router).run(stop.clone());
        let events = async {
            assert_eq!(
                [subscriber.next().await, subscriber.next().await, subscriber.next().await],
                [1, 2, 3]
            );
            append(&*registry, 4).await;
            assert_eq!(subscriber.next().await, 4);
            stop.cancel();
        };
        tokio::join!(run, events);
        assert_eq!(registry.pending_events(None, 10).await.unwrap(), []);
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_that_was_not_marked_is_published_again_after_a_crash() {
        let registry: Arc<dyn Registry> = Arc::new(MemoryRegistry::new());
        let router = Arc::new(Router::new());
        let mut subscriber = Subscriber::of(&router);
        append(&*registry, 1).await;
        // Dropped as soon as the event was published, and so before it is marked.
        tokio::select! {
            () = dispatcher(&registry, &router).run(CancellationToken::new()) => panic!("the dispatcher ended"),
            number = subscriber.next() => assert_eq!(number, 1),
        }
        tokio::select! {
            () = dispatcher(&registry, &router).run(CancellationToken::new()) => panic!("the dispatcher ended"),
            number = subscriber.next() => assert_eq!(number, 1),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn events_beyond_the_limit_are_read_from_the_outbox_in_their_order() {
        let registry: Arc<dyn Registry> = Arc::new(MemoryRegistry::new());
        let router = Arc::new(Router::new());
        let mut subscriber = Subscriber::of(&router);
        let dispatcher = dispatcher(&registry, &router);
        assert!(matches!(dispatcher.tail.next(), Next::Outbox));
        for number in 1..=7 {
            append(&*registry, number).await;
        }
        let stop = CancellationToken::new();
        let events = async {
            for number in 1..=7 {
                assert_eq!(subscriber.next().await, number);
            }
            append(&*registry, 8).await;
            assert_eq!(subscriber.next().await, 8);
            stop.cancel();
        };
        tokio::join!(dispatcher.run(stop.clone()), events);
        assert_eq!(registry.pending_events(None, 10).await.unwrap(), []);
    }

    /// A delivery that waits.
    fn delivery() -> Delivery {
        Delivery {
            id: DeliveryId::from_bytes([7; 16]),
            rule: RuleName::parse("r").unwrap(),
            action: DeliveryAction::Action(0),
            topic: TopicName::parse("a").unwrap(),
            request: "{}".into(),
            error_request: None,
            certificate: None,
            created_at: UnixTime::from_secs(1),
            attempts_failed: 0,
            attempts: Vec::new(),
            state: DeliveryState::Waiting { next_at: UnixTime::from_secs(1) },
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_rules_have_not_finished_is_stored_when_its_event_is_marked() {
        let registry: Arc<dyn Registry> = Arc::new(MemoryRegistry::new());
        let observer = Arc::new(Heard::default());
        observer.leave_unfinished(delivery());
        append(&*registry, 1).await;
        let stop = CancellationToken::new();
        let as_observer = Arc::clone(&observer) as Arc<dyn PublishObserver>;
        let run = observed(&registry, &Arc::new(Router::new()), as_observer).run(stop.clone());
        let marked = async {
            tokio::time::sleep(MARK_PAUSE * 2).await;
            assert_eq!(observer.settled(), [(vec![delivery().id], true)]);
            assert_eq!(registry.waiting_deliveries(9).await.unwrap(), [delivery()]);
            assert_eq!(registry.pending_events(None, 9).await.unwrap(), []);
            stop.cancel();
        };
        tokio::join!(run, marked);
    }

    #[tokio::test(start_paused = true)]
    async fn events_for_which_rules_have_no_room_stay_in_the_outbox() {
        let registry: Arc<dyn Registry> = Arc::new(MemoryRegistry::new());
        let observer = Arc::new(Heard::with_room(1));
        append(&*registry, 1).await;
        append(&*registry, 2).await;
        let stop = CancellationToken::new();
        let as_observer = Arc::clone(&observer) as Arc<dyn PublishObserver>;
        let run = observed(&registry, &Arc::new(Router::new()), as_observer).run(stop.clone());
        let stopped = async {
            tokio::time::sleep(MARK_PAUSE).await;
            stop.cancel();
        };
        tokio::join!(run, stopped);
        assert_eq!(observer.list().len(), 1);
        assert_eq!(registry.pending_events(None, 9).await.unwrap().len(), 1);
    }
}
