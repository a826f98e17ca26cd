use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use landfall_events::EventId;
use landfall_model::{CertificateId, ClientId, Delivery, DeliveryId};
use landfall_mqtt::Message;

use super::Record;
use super::changing::Changing;
use crate::{MessagePublisher, PublishObserver, PublishedMessage, Publisher};

/// A publisher that publishes to nobody and keeps what it was given.
#[derive(Debug, Default)]
pub struct MemoryPublisher {
    publications: Record<Publication>,
}

/// What a publisher was given.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The message.
    pub message: Message,
    /// How long subscribers can get it.
    pub expires_after: Option<Duration>,
    /// How many rules it has come through.
    pub republish_depth: u8,
}

impl MemoryPublisher {
    /// What was published.
    pub fn publications(&self) -> &Record<Publication> {
        &self.publications
    }
}

#[async_trait]
impl MessagePublisher for MemoryPublisher {
    async fn publish(&self, message: Message, expires_after: Option<Duration>, republish_depth: u8) {
        self.publications.push(Publication { message, expires_after, republish_depth });
    }
}

/// An observer that keeps what it heard, and has the deliveries under way that a test gives it.
#[derive(Debug, Default)]
pub struct MemoryObserver {
    published: Record<ObservedMessage>,
    settled: Record<Settlement>,
    deliveries: Changing<Vec<(EventId, Delivery)>>,
    is_full: Changing<bool>,
}

/// A message that an observer heard of.
#[derive(Clone, Debug)]
pub struct ObservedMessage {
    /// The message.
    pub message: Message,
    /// Who published it.
    pub publisher: ObservedPublisher,
}

/// Who published a message that an observer heard of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObservedPublisher {
    /// A client.
    Client {
        /// Its id.
        client_id: ClientId,
        /// The certificate that it was admitted with.
        certificate: CertificateId,
        /// Where it connects from.
        address: IpAddr,
    },
    /// A caller of the API.
    Api,
    /// The server: an event of the outbox.
    Event(EventId),
    /// A rule.
    Rule {
        /// How many rules the message has come through.
        depth: u8,
    },
}

/// What an observer was told of deliveries that it gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The deliveries.
    pub deliveries: Vec<DeliveryId>,
    /// Whether they were stored.
    pub stored: bool,
}

impl MemoryObserver {
    /// What was published.
    pub fn published_messages(&self) -> &Record<ObservedMessage> {
        &self.published
    }

    /// What was settled.
    pub fn settlements(&self) -> &Record<Settlement> {
        &self.settled
    }

    /// Puts a delivery of an event under way; it is unfinished until it is settled as stored.
    pub fn start(&self, event: EventId, delivery: Delivery) {
        self.deliveries.with(|deliveries| deliveries.push((event, delivery)));
    }

    /// Says whether there is no room for more events.
    pub fn set_full(&self, is_full: bool) {
        self.is_full.with(|now| *now = is_full);
    }
}

#[async_trait]
impl PublishObserver for MemoryObserver {
    fn published(&self, message: PublishedMessage<'_>) {
        let PublishedMessage { message, publisher } = message;
        let publisher = match publisher {
            Publisher::Client { client_id, certificate, address } => {
                ObservedPublisher::Client { client_id: client_id.clone(), certificate, address }
            }
            Publisher::Api => ObservedPublisher::Api,
            Publisher::Event(event) => ObservedPublisher::Event(event),
            Publisher::Rule { depth } => ObservedPublisher::Rule { depth },
        };
        self.published.push(ObservedMessage { message: message.clone(), publisher });
    }

    async fn room(&self) {
        self.is_full.until(|is_full| (!*is_full).then_some(())).await;
    }

    fn unfinished(&self, last: EventId) -> Vec<Delivery> {
        self.deliveries.with(|deliveries| {
            let until_last = deliveries.iter().filter(|(event, _)| *event <= last);
            until_last.map(|(_, delivery)| delivery.clone()).collect()
        })
    }

    fn settled(&self, deliveries: &[DeliveryId], stored: bool) {
        if stored {
            self.deliveries.with(|all| all.retain(|(_, delivery)| !deliveries.contains(&delivery.id)));
        }
        self.settled.push(Settlement { deliveries: deliveries.to_vec(), stored });
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Waker};

    use bytes::Bytes;
    use landfall_model::TopicName;
    use landfall_mqtt::QoS;

    use super::*;
    use crate::memory::queues::tests::ready;

    fn message(topic: &str) -> Message {
        Message::new(TopicName::parse(topic).unwrap(), Bytes::from_static(b"{}"), QoS::AtLeastOnce)
    }

    #[test]
    fn publications_are_kept_in_their_order() {
        let publisher = MemoryPublisher::default();
        ready(publisher.publish(message("a"), None, 1));
        ready(publisher.publish(message("b"), Some(Duration::from_secs(5)), 2));
        let kept = publisher.publications().all();
        let seen: Vec<_> =
            kept.iter().map(|p| (p.message.topic.as_str(), p.expires_after, p.republish_depth)).collect();
        assert_eq!(seen, [("a", None, 1), ("b", Some(Duration::from_secs(5)), 2)]);
    }

    #[test]
    fn a_record_is_waited_for_until_it_has_enough_entries() {
        let publisher = MemoryPublisher::default();
        let mut waiting = pin!(publisher.publications().reached(2));
        let mut context = Context::from_waker(Waker::noop());
        for is_enough in [false, true] {
            ready(publisher.publish(message("a"), None, 0));
            assert_eq!(waiting.as_mut().poll(&mut context).is_ready(), is_enough);
        }
    }

    #[test]
    fn an_observer_has_room_until_it_is_full() {
        let observer = MemoryObserver::default();
        let mut context = Context::from_waker(Waker::noop());
        for is_full in [false, true, false] {
            observer.set_full(is_full);
            assert_eq!(pin!(observer.room()).poll(&mut context).is_pending(), is_full);
        }
    }

    #[test]
    fn an_observer_keeps_who_published() {
        let observer = MemoryObserver::default();
        let sent = message("a");
        observer.published(PublishedMessage { message: &sent, publisher: Publisher::Event(EventId::new(7)) });
        observer.published(PublishedMessage { message: &sent, publisher: Publisher::Rule { depth: 3 } });
        let publishers: Vec<_> =
            observer.published_messages().all().into_iter().map(|observed| observed.publisher).collect();
        assert_eq!(
            publishers,
            [ObservedPublisher::Event(EventId::new(7)), ObservedPublisher::Rule { depth: 3 }]
        );
    }
}
