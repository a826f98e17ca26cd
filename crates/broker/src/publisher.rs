use std::sync::Arc;
use std::time::Duration;

use landfall_mqtt::Message;
use tokio::time::Instant;

use crate::connections::Connections;
use crate::routing::{Router, deliver_waiting};

/// Publishes from within this process. No policy is asked.
#[derive(Clone)]
pub struct Publisher {
    pub(crate) router: Arc<Router>,
    pub(crate) connections: Arc<Connections>,
    pub(crate) delivery_timeout: Duration,
}

impl Publisher {
    /// Hands a message to its subscribers, none of which gets it once `expires_after` has passed.
    ///
    /// Returns when all have it: one that makes no room for a message of QoS 1 is waited for and then ended, as for any
    /// publisher. Cancel safety: if the future is dropped, some subscribers have the message and others not.
    pub async fn publish(&self, mut message: Message, expires_after: Option<Duration>) {
        // A moment that no clock can say is never.
        let expires_at = expires_after.and_then(|after| Instant::now().checked_add(after));
        message.expires_at = expires_at.map(Instant::into_std);
        let waiting = self.router.publish(None, &Arc::new(message));
        deliver_waiting(waiting, &self.connections, self.delivery_timeout).await;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use landfall_model::{CertificateId, TopicFilter, TopicName};
    use landfall_mqtt::{QoS, SubscriptionOptions};
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn subscribers_get_what_is_published_with_its_moment_of_expiry() {
        let connections = Arc::new(Connections::default());
        let router = Arc::new(Router::new());
        let entry = connections.enter(CertificateId::from_sha256([1; 32]), None);
        let (sender, mut deliveries) = mpsc::channel(2);
        router.enter(entry.id(), sender);
        let options = SubscriptionOptions::with_qos(QoS::AtLeastOnce);
        router.subscribe(entry.id(), &TopicFilter::parse("a/#").unwrap(), options);
        let publisher = Publisher { router, connections, delivery_timeout: Duration::from_secs(1) };
        let message = |topic: &str| {
            Message::new(TopicName::parse(topic).unwrap(), Bytes::from_static(b"x"), QoS::AtMostOnce)
        };

        publisher.publish(message("b"), None).await;
        publisher.publish(message("a/1"), None).await;
        publisher.publish(message("a/2"), Some(Duration::from_secs(5))).await;
        let (first, second) = (deliveries.recv().await.unwrap(), deliveries.recv().await.unwrap());
        assert_eq!((first.message.topic.as_str(), first.message.expires_at), ("a/1", None));
        let expires_at = Instant::now().checked_add(Duration::from_secs(5)).unwrap().into_std();
        assert_eq!((second.message.topic.as_str(), second.message.expires_at), ("a/2", Some(expires_at)));
        assert_eq!(first.qos, QoS::AtMostOnce);
    }
}
