//! MQTT 3.1.1 and 5 without IO: bytes become packets, packets become the events of a session.
//!
//! [`Session`] is the server's side of one connection, [`Client`] the other one, [`TopicTree`] finds who subscribes to
//! a topic. Bytes and time are arguments, events and bytes are results: nothing here reads a socket or a clock.
//!
//! A packet passes `header.rs` (its size, before its body has arrived), `validate.rs` (everything that the
//! specification forbids) and `framing.rs` (the codec, which is used nowhere else).
//!
//! Clauses such as [MQTT-3.1.0-1] are those of MQTT 5, unless MQTT 3.1.1 is named.

mod client;
mod framing;
mod header;
mod packet;
mod publish;
mod reader;
mod reason;
mod session;
mod topic_tree;
mod transmit;
mod validate;
mod violation;

pub use client::{Client, ClientError, ClientEvent, ClientOptions};
pub use packet::{
    Message, PacketId, PacketType, ProtocolVersion, PublishProperties, QoS, RetainHandling,
    SubscriptionOptions,
};
pub use publish::EncodeError;
pub use reason::ReasonCode;
pub use session::{
    CONNECT_TIMEOUT_DEFAULT, ConnectRefusal, ConnectRequest, Delivery, DisconnectCause, DropReason,
    IN_FLIGHT_MESSAGES_MAX_DEFAULT, Intake, KEEP_ALIVE_SECONDS_MAX_DEFAULT, KEEP_ALIVE_SECONDS_MIN_DEFAULT,
    NotSupported, PACKET_BYTES_MAX_DEFAULT, PubAckReason, RECEIVE_MAXIMUM_DEFAULT,
    SESSION_QUEUE_BYTES_MAX_DEFAULT, SESSION_QUEUE_MESSAGES_MAX_DEFAULT, SUBSCRIBE_FILTERS_MAX_DEFAULT,
    ServerDisconnect, Session, SessionCounters, SessionEvent, SessionLimits, SubAckCode,
    TRANSMIT_BUFFER_BYTES_MAX_DEFAULT, UnsubAckReason,
};
pub use topic_tree::TopicTree;
pub use violation::Violation;
