//! From a published message to the connections that are subscribed to its topic.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use landfall_model::{TopicFilter, TopicName};
use landfall_mqtt::{Message, QoS, SubscriptionOptions, TopicTree};
use tokio::sync::mpsc;

use crate::connections::ConnectionId;

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
        for (subscriber, qos) in self.subscribers(from, &message.topic) {
            let delivery = Delivery { message: Arc::clone(message), qos: qos.min(message.qos) };
            match subscriber.try_send(delivery) {
                // Gone since: its subscriptions are about to be removed.
                Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
                Err(mpsc::error::TrySendError::Full(delivery)) => match delivery.qos {
                    QoS::AtMostOnce => {
                        self.dropped.fetch_add(1, Ordering::Relaxed);
                    }
                    QoS::AtLeastOnce | QoS::ExactlyOnce => waiting.push(Waiting { subscriber, delivery }),
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
    ) -> Vec<(mpsc::Sender<Delivery>, QoS)> {
        let inner = self.lock();
        let mut found: HashMap<ConnectionId, QoS> = HashMap::new();
        inner.tree.matches(topic, |id, options| {
            // No Local: not to the connection that published [MQTT-3.8.3-3].
            if !(options.no_local && from == Some(*id)) {
                let qos = found.entry(*id).or_insert(options.qos);
                *qos = options.qos.max(*qos);
            }
        });
        let sender = |(id, qos)| Some((inner.subscribers.get(&id)?.clone(), qos));
        found.into_iter().filter_map(sender).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Waits for room. The subscriber makes some, or is cut off for not reading. Cancel safety: a delivery whose future
    /// is dropped is lost, so keep it until it is done.
    pub(crate) async fn deliver(self) {
        // An error says that the subscriber is gone.
        let _ = self.subscriber.send(self.delivery).await;
    }
}
