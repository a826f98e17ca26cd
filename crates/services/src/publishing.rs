use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use landfall_events::EventId;
use landfall_model::{CertificateId, ClientId, Delivery, DeliveryId};
use landfall_mqtt::Message;

/// How often a message can come out of a rule that another message of a rule invoked. One more is not published: a loop of
/// rules would never end.
pub const REPUBLISH_DEPTH_MAX: u8 = 8;

/// Publishes messages to the subscribers of this server.
#[async_trait]
pub trait MessagePublisher: Send + Sync {
    /// Hands a message to its subscribers and to topic rules. No policy is asked.
    ///
    /// `republish_depth`: how many rules the message has come through; 0 for one that no rule made. None of the subscribers
    /// gets it once `expires_after` has passed.
    ///
    /// Cancel safety: some subscribers may have the message and others not.
    async fn publish(&self, message: Message, expires_after: Option<Duration>, republish_depth: u8);
}

/// A message that was published, with what topic rules can ask about it.
#[derive(Clone, Copy, Debug)]
pub struct PublishedMessage<'a> {
    /// The message. Its topic can be one of Basic Ingest, which has no subscribers.
    pub message: &'a Message,
    /// Who published it.
    pub publisher: Publisher<'a>,
}

/// Who published a message.
#[derive(Clone, Copy, Debug)]
pub enum Publisher<'a> {
    /// A client.
    Client {
        /// Its id.
        client_id: &'a ClientId,
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
        /// How many rules the message has come through, 1 or more.
        depth: u8,
    },
}

/// Hears of each message that is published: topic rules.
///
/// Events of the outbox are kept until they are marked as delivered. Before somebody marks them, it asks [`Self::unfinished`]
/// and stores what that gives in the same transaction, so that nothing is lost whenever the process ends.
#[async_trait]
pub trait PublishObserver: Send + Sync {
    /// A message was published. Called in the publisher's turn: it must be quick and must not wait.
    fn published(&self, message: PublishedMessage<'_>);

    /// Waits until there is room for what the next event may set going. Cancel safe.
    async fn room(&self);

    /// The deliveries of events up to and with this one that are still under way and not yet stored.
    fn unfinished(&self, last: EventId) -> Vec<Delivery>;

    /// These deliveries, which [`Self::unfinished`] gave, are stored; or, when `stored` is false, could not be.
    fn settled(&self, deliveries: &[DeliveryId], stored: bool);
}
