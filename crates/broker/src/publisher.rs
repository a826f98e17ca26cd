use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use landfall_mqtt::Message;
use landfall_rules::BasicIngest;
use landfall_services::{MessagePublisher, PublishObserver, PublishedMessage};
use tokio::time::Instant;

use crate::connections::{ConnectionId, Connections};
use crate::routing::{Router, Waiting, deliver_waiting};

/// Publishes messages: to topic rules, and to whoever is subscribed.
#[derive(Clone)]
pub struct Publisher {
    pub(crate) router: Arc<Router>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) observer: Arc<dyn PublishObserver>,
    pub(crate) delivery_timeout: Duration,
}

impl Publisher {
    /// Hands a message to topic rules and to every subscriber that has room. The deliveries that have to wait are given
    /// back, for [`Self::deliver`].
    ///
    /// A message of Basic Ingest is for its rule alone
    /// (<https://docs.aws.amazon.com/iot/latest/developerguide/iot-basic-ingest.html>).
    pub(crate) fn hand_out(
        &self,
        from: Option<ConnectionId>,
        message: &Arc<Message>,
        publisher: landfall_services::Publisher<'_>,
    ) -> Vec<Waiting> {
        self.observer.published(PublishedMessage { message, publisher });
        if BasicIngest::parse(&message.topic).is_some() {
            return Vec::new();
        }
        self.router.publish(from, message)
    }

    /// Waits until deliveries have found room. A subscriber that makes none for one of QoS 1 is ended.
    pub(crate) async fn deliver(&self, waiting: Vec<Waiting>) {
        deliver_waiting(waiting, &self.connections, self.delivery_timeout).await;
    }
}

#[async_trait]
impl MessagePublisher for Publisher {
    /// Returns when all subscribers have the message: one that makes no room for a message of QoS 1 is waited for and then
    /// ended, as for any publisher.
    async fn publish(&self, mut message: Message, expires_after: Option<Duration>, republish_depth: u8) {
        // A moment that no clock can say is never.
        let expires_at = expires_after.and_then(|after| Instant::now().checked_add(after));
        message.expires_at = expires_at.map(Instant::into_std);
        let publisher = match republish_depth {
            0 => landfall_services::Publisher::Api,
            depth => landfall_services::Publisher::Rule { depth },
        };
        let waiting = self.hand_out(None, &Arc::new(message), publisher);
        self.deliver(waiting).await;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use landfall_model::{CertificateId, TopicFilter, TopicName};
    use landfall_mqtt::{QoS, SubscriptionOptions};
    use tokio::sync::mpsc;

    use super::*;
    use crate::tests::Heard;

    #[tokio::test(start_paused = true)]
    async fn subscribers_get_what_is_published_with_its_moment_of_expiry() {
        let connections = Arc::new(Connections::default());
        let router = Arc::new(Router::new());
        let entry = connections.enter(CertificateId::from_sha256([1; 32]), None);
        let (sender, mut deliveries) = mpsc::channel(2);
        router.enter(entry.id(), sender);
        let options = SubscriptionOptions::with_qos(QoS::AtLeastOnce);
        router.subscribe(entry.id(), &TopicFilter::parse("a/#").unwrap(), options);
        let observer = Arc::new(Heard::default());
        let as_observer = Arc::clone(&observer) as Arc<dyn PublishObserver>;
        let publisher = Publisher {
            router,
            connections,
            observer: as_observer,
            delivery_timeout: Duration::from_secs(1),
        };
        let message = |topic: &str| {
            Message::new(TopicName::parse(topic).unwrap(), Bytes::from_static(b"x"), QoS::AtMostOnce)
        };

        publisher.publish(message("b"), None, 0).await;
        publisher.publish(message("a/1"), None, 0).await;
        publisher.publish(message("a/2"), Some(Duration::from_secs(5)), 2).await;
        let (first, second) = (deliveries.recv().await.unwrap(), deliveries.recv().await.unwrap());
        assert_eq!((first.message.topic.as_str(), first.message.expires_at), ("a/1", None));
        let expires_at = Instant::now().checked_add(Duration::from_secs(5)).unwrap().into_std();
        assert_eq!((second.message.topic.as_str(), second.message.expires_at), ("a/2", Some(expires_at)));
        assert_eq!(first.qos, QoS::AtMostOnce);
        assert_eq!(observer.list(), ["b Api", "a/1 Api", "a/2 Rule { depth: 2 }"]);
    }

    #[tokio::test]
    async fn a_message_of_basic_ingest_has_no_subscribers() {
        let connections = Arc::new(Connections::default());
        let router = Arc::new(Router::new());
        let entry = connections.enter(CertificateId::from_sha256([1; 32]), None);
        let (sender, mut deliveries) = mpsc::channel(2);
        router.enter(entry.id(), sender);
        let options = SubscriptionOptions::with_qos(QoS::AtLeastOnce);
        router.subscribe(entry.id(), &TopicFilter::parse("$aws/rules/#").unwrap(), options);
        let observer = Arc::new(Heard::default());
        let as_observer = Arc::clone(&observer) as Arc<dyn PublishObserver>;
        let publisher = Publisher {
            router,
            connections,
            observer: as_observer,
            delivery_timeout: Duration::from_secs(1),
        };
        let topic = TopicName::parse("$aws/rules/r/a").unwrap();
        publisher.publish(Message::new(topic, Bytes::new(), QoS::AtLeastOnce), None, 0).await;
        assert_eq!(observer.list(), ["$aws/rules/r/a Api"]);
        assert!(deliveries.try_recv().is_err());
    }
}
