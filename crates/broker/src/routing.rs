//! From a published message to the connections that are subscribed to its topic.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use landfall_model::{TopicFilter, TopicName};
use landfall_mqtt::{Message, QoS, SubscriptionOptions, TopicTree};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::connection::sleep_until;
use crate::connections::{ConnectionId, Connections, EndReason};

/// The subscriptions of all connections.
pub(crate) struct Router {
    inner: Mutex<Inner>,
    dropped: AtomicU64,
}

struct Inner {
    tree: TopicTree<ConnectionId>,
    subscribers: HashMap<ConnectionId, mpsc::Sender<Delivery>>,
}

/// A message on its way to one subscriber.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    /// The message.
    pub(crate) message: Arc<Message>,
    /// The quality of service that both the publisher and the subscription allow.
    pub(crate) qos: QoS,
}

/// A delivery that found its subscriber's queue full.
pub(crate) struct Waiting {
    id: ConnectionId,
    subscriber: mpsc::Sender<Delivery>,
    delivery: Delivery,
}

impl Router {
    /// A router without subscriptions.
    pub(crate) fn new() -> Self {
        let inner = Inner { tree: TopicTree::new(), subscribers: HashMap::new() };
        Self { inner: Mutex::new(inner), dropped: AtomicU64::new(0) }
    }

    /// How many QoS 0 messages were dropped because their subscriber's queue was full.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Enters a connection, whose messages come through `subscriber` from then on.
    pub(crate) fn enter(&self, id: ConnectionId, subscriber: mpsc::Sender<Delivery>) {
        self.lock().subscribers.insert(id, subscriber);
    }

    /// Forgets a connection and all its subscriptions.
    pub(crate) fn leave(&self, id: ConnectionId) {
        let mut inner = self.lock();
        inner.subscribers.remove(&id);
        inner.tree.remove_all(&id);
    }

    pub(crate) fn subscribe(&self, id: ConnectionId, filter: &TopicFilter, options: SubscriptionOptions) {
        self.lock().tree.insert(id, filter, options);
    }

    /// Whether there was such a subscription.
    pub(crate) fn unsubscribe(&self, id: ConnectionId, filter: &TopicFilter) -> bool {
        self.lock().tree.remove(&id, filter).is_some()
    }

    /// Hands a message to every subscriber that has room. QoS 0 for the others is dropped and counted; the QoS 1
    /// deliveries that have to wait are given back.
    pub(crate) fn publish(&self, from: Option<ConnectionId>, message: &Arc<Message>) -> Vec<Waiting> {
        let mut waiting = Vec::new();
        for (id, subscriber, qos) in self.subscribers(from, &message.topic) {
            let delivery = Delivery { message: Arc::clone(message), qos: qos.min(message.qos) };
            match subscriber.try_send(delivery) {
                // Gone since: its subscriptions are about to be removed.
                Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
                Err(mpsc::error::TrySendError::Full(delivery)) => match delivery.qos {
                    QoS::AtMostOnce => {
                        self.dropped.fetch_add(1, Ordering::Relaxed);
                    }
                    QoS::AtLeastOnce | QoS::ExactlyOnce => waiting.push(Waiting { id, subscriber, delivery }),
                },
            }
        }
        waiting
    }

    /// Each subscriber once, with the highest quality of service of its matching subscriptions.
    fn subscribers(
        &self,
        from: Option<ConnectionId>,
        topic: &TopicName,
    ) -> Vec<(ConnectionId, mpsc::Sender<Delivery>, QoS)> {
        let inner = self.lock();
        let mut found = Vec::new();
        inner.tree.matches(topic, |id, options| {
            // No Local: not to the connection that published [MQTT-3.8.3-3].
            let wanted = !(options.no_local && from == Some(*id));
            if let Some(sender) = inner.subscribers.get(id).filter(|_| wanted) {
                found.push((*id, sender.clone(), options.qos));
            }
        });
        found
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until every delivery has found room. A subscriber that makes none within `timeout` is ended: a publisher must not
/// wait for ever on somebody who does not take what it asked for.
pub(crate) async fn deliver_waiting(waiting: Vec<Waiting>, connections: &Connections, timeout: Duration) {
    let deadline = Instant::now().checked_add(timeout);
    for delivery in waiting {
        let subscriber = delivery.subscriber();
        if !delivery.deliver(deadline).await {
            connections.end(subscriber, EndReason::NotTaking);
        }
    }
}

impl Waiting {
    /// Whose queue is full.
    fn subscriber(&self) -> ConnectionId {
        self.id
    }

    /// Waits for room. Whether there was some before the deadline; without one, the subscriber has to be ended. Cancel
    /// safety: a delivery whose future is dropped is lost, so keep it until it is done.
    async fn deliver(self, deadline: Option<Instant>) -> bool {
        tokio::select! {
            // An error says that the subscriber is gone, and needs no room.
            _ = self.subscriber.send(self.delivery) => true,
            () = sleep_until(deadline) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use landfall_model::CertificateId;

    use super::*;

    fn message(topic: &str) -> Arc<Message> {
        Arc::new(Message::new(TopicName::parse(topic).unwrap(), Bytes::from_static(b"x"), QoS::AtLeastOnce))
    }

    #[tokio::test(start_paused = true)]
    async fn a_subscriber_that_makes_no_room_is_ended_and_the_publisher_goes_on() {
        let connections = Arc::new(Connections::default());
        let router = Router::new();
        let entry = connections.enter(CertificateId::from_sha256([1; 32]), None);
        let (sender, _deliveries) = mpsc::channel(1);
        router.enter(entry.id(), sender);
        let options = SubscriptionOptions::with_qos(QoS::AtLeastOnce);
        router.subscribe(entry.id(), &TopicFilter::parse("a/#").unwrap(), options);
        assert!(router.publish(None, &message("a/b")).is_empty());
        let waiting = router.publish(None, &message("a/b"));
        assert_eq!(waiting.len(), 1);
        deliver_waiting(waiting, &connections, Duration::from_secs(10)).await;
        assert_eq!(entry.ended().await, EndReason::NotTaking);
    }

    #[tokio::test(start_paused = true)]
    async fn a_publisher_waits_until_there_is_room() {
        let connections = Arc::new(Connections::default());
        let router = Router::new();
        let entry = connections.enter(CertificateId::from_sha256([1; 32]), None);
        let (sender, mut deliveries) = mpsc::channel(1);
        router.enter(entry.id(), sender);
        let options = SubscriptionOptions::with_qos(QoS::AtLeastOnce);
        router.subscribe(entry.id(), &TopicFilter::parse("a/#").unwrap(), options);
        assert!(router.publish(None, &message("a/1")).is_empty());
        let waiting = router.publish(None, &message("a/2"));
        let publisher = deliver_waiting(waiting, &connections, Duration::from_secs(10));
        let subscriber = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            [deliveries.recv().await.unwrap(), deliveries.recv().await.unwrap()]
                .map(|delivery| delivery.message.topic.to_string())
        };
        let ((), topics) = tokio::join!(publisher, subscriber);
        assert_eq!(topics, ["a/1", "a/2"]);
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_counted_with_quality_of_service_0() {
        let connections = Arc::new(Connections::default());
        let router = Router::new();
        let entry = connections.enter(CertificateId::from_sha256([1; 32]), None);
        let (sender, _deliveries) = mpsc::channel(1);
        router.enter(entry.id(), sender);
        let options = SubscriptionOptions::with_qos(QoS::AtMostOnce);
        router.subscribe(entry.id(), &TopicFilter::parse("#").unwrap(), options);
        for _ in 0..3 {
            assert!(router.publish(None, &message("a/b")).is_empty());
        }
        assert_eq!(router.dropped(), 2);
    }
}
