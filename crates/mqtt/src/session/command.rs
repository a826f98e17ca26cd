//! What a shell tells its session, and what it hears back at once.

use crate::packet::QoS;
use crate::reason::ReasonCode;

/// Why a CONNECT is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectRefusal {
    /// The client may not connect. 3.1.1: return code 5.
    NotAuthorized,
    /// The client identifier is not allowed. 3.1.1: return code 2.
    ClientIdentifierNotValid,
    /// The server cannot let the client in now; it may come back. 3.1.1: return code 3.
    ServerUnavailable,
    /// The server has too much to do; the client may come back. 3.1.1: return code 3.
    ServerBusy,
    /// A limit was reached. 3.1.1: return code 3.
    QuotaExceeded,
    /// Connections come too fast. 3.1.1: return code 3.
    ConnectionRateExceeded,
}

impl ConnectRefusal {
    /// The reason code of CONNACK.
    pub fn reason_code(self) -> ReasonCode {
        match self {
            Self::NotAuthorized => ReasonCode::NotAuthorized,
            Self::ClientIdentifierNotValid => ReasonCode::ClientIdentifierNotValid,
            Self::ServerUnavailable => ReasonCode::ServerUnavailable,
            Self::ServerBusy => ReasonCode::ServerBusy,
            Self::QuotaExceeded => ReasonCode::QuotaExceeded,
            Self::ConnectionRateExceeded => ReasonCode::ConnectionRateExceeded,
        }
    }
}

/// Why the server ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerDisconnect {
    /// Another connection came with the same client identifier [MQTT-3.1.4-3].
    SessionTakenOver,
    /// The certificate was revoked or deactivated, or an operator ended the connection.
    AdministrativeAction,
    /// The client did what it may not do.
    NotAuthorized,
    /// The server shuts down.
    ServerShuttingDown,
    /// The server has too much to do.
    ServerBusy,
    /// A limit was reached.
    QuotaExceeded,
    /// The server failed.
    UnspecifiedError,
}

impl ServerDisconnect {
    /// The reason code of DISCONNECT.
    pub fn reason_code(self) -> ReasonCode {
        match self {
            Self::SessionTakenOver => ReasonCode::SessionTakenOver,
            Self::AdministrativeAction => ReasonCode::AdministrativeAction,
            Self::NotAuthorized => ReasonCode::NotAuthorized,
            Self::ServerShuttingDown => ReasonCode::ServerShuttingDown,
            Self::ServerBusy => ReasonCode::ServerBusy,
            Self::QuotaExceeded => ReasonCode::QuotaExceeded,
            Self::UnspecifiedError => ReasonCode::UnspecifiedError,
        }
    }

    /// The reason code of CONNACK when the connection ends before it was accepted: CONNACK has fewer of them.
    pub(crate) fn connack_reason(self) -> ReasonCode {
        match self {
            Self::NotAuthorized => ReasonCode::NotAuthorized,
            Self::ServerBusy => ReasonCode::ServerBusy,
            Self::QuotaExceeded => ReasonCode::QuotaExceeded,
            Self::UnspecifiedError => ReasonCode::UnspecifiedError,
            Self::SessionTakenOver | Self::AdministrativeAction | Self::ServerShuttingDown => {
                ReasonCode::ServerUnavailable
            }
        }
    }
}

/// What becomes of a message of quality of service 1 that a client published.
///
/// MQTT 3.1.1 has no negative acknowledgement: the shell acknowledges, or closes the connection (its [MQTT-3.3.5-2]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PubAckReason {
    /// The message was taken.
    Success,
    /// The message was taken, and nobody subscribes to it.
    NoMatchingSubscribers,
    /// The client may not publish there.
    NotAuthorized,
    /// The topic is not accepted.
    TopicNameInvalid,
    /// A limit was reached.
    QuotaExceeded,
    /// The server failed.
    UnspecifiedError,
}

impl PubAckReason {
    /// The reason code of PUBACK.
    pub fn reason_code(self) -> ReasonCode {
        match self {
            Self::Success => ReasonCode::Success,
            Self::NoMatchingSubscribers => ReasonCode::NoMatchingSubscribers,
            Self::NotAuthorized => ReasonCode::NotAuthorized,
            Self::TopicNameInvalid => ReasonCode::TopicNameInvalid,
            Self::QuotaExceeded => ReasonCode::QuotaExceeded,
            Self::UnspecifiedError => ReasonCode::UnspecifiedError,
        }
    }
}

/// The answer to one filter of a SUBSCRIBE. MQTT 3.1.1 has one failure, 0x80, for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubAckCode {
    /// Subscribed; messages come with at most that quality of service.
    Granted(QoS),
    /// The client may not subscribe to that.
    NotAuthorized,
    /// The filter is not accepted.
    TopicFilterInvalid,
    /// A limit was reached.
    QuotaExceeded,
    /// There are no shared subscriptions.
    SharedSubscriptionsNotSupported,
    /// The server failed.
    UnspecifiedError,
}

impl SubAckCode {
    /// The reason code of SUBACK.
    pub fn reason_code(self) -> ReasonCode {
        match self {
            Self::Granted(QoS::AtMostOnce) => ReasonCode::Success,
            Self::Granted(QoS::AtLeastOnce) => ReasonCode::GrantedQoS1,
            Self::Granted(QoS::ExactlyOnce) => ReasonCode::GrantedQoS2,
            Self::NotAuthorized => ReasonCode::NotAuthorized,
            Self::TopicFilterInvalid => ReasonCode::TopicFilterInvalid,
            Self::QuotaExceeded => ReasonCode::QuotaExceeded,
            Self::SharedSubscriptionsNotSupported => ReasonCode::SharedSubscriptionsNotSupported,
            Self::UnspecifiedError => ReasonCode::UnspecifiedError,
        }
    }
}

/// The answer to one filter of an UNSUBSCRIBE. MQTT 3.1.1 has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnsubAckReason {
    /// The subscription was removed.
    Success,
    /// There was no such subscription.
    NoSubscriptionExisted,
    /// The client may not do that.
    NotAuthorized,
    /// The server failed.
    UnspecifiedError,
}

impl UnsubAckReason {
    /// The reason code of UNSUBACK.
    pub fn reason_code(self) -> ReasonCode {
        match self {
            Self::Success => ReasonCode::Success,
            Self::NoSubscriptionExisted => ReasonCode::NoSubscriptionExisted,
            Self::NotAuthorized => ReasonCode::NotAuthorized,
            Self::UnspecifiedError => ReasonCode::UnspecifiedError,
        }
    }
}

/// What became of a message that was given to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It is in the buffer to be sent.
    Sent,
    /// It waits in the session's queue.
    Queued,
    /// It is not delivered.
    Dropped(DropReason),
}

/// Why a message is not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// Quality of service 0, and the buffer is above its limit.
    TransmitBufferFull,
    /// Quality of service 1, and the session's queue is full.
    QueueFull,
    /// It is larger than the client takes, or than the protocol can say [MQTT-3.1.2-24] [MQTT-3.1.2-25].
    TooLarge,
    /// It has expired [MQTT-3.3.2-5].
    Expired,
    /// The session is not connected.
    NotConnected,
}

/// What a session did not deliver or send, in messages or packets since it began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionCounters {
    /// Messages dropped with [`DropReason::TransmitBufferFull`].
    pub transmit_buffer_full: u64,
    /// Messages dropped with [`DropReason::QueueFull`].
    pub queue_full: u64,
    /// Messages dropped with [`DropReason::TooLarge`].
    pub too_large: u64,
    /// Messages dropped with [`DropReason::Expired`], on arrival or out of the queue.
    pub expired: u64,
    /// Packets other than PUBLISH that the client's maximum packet size did not let through.
    pub unsendable_packets: u64,
}

impl SessionCounters {
    /// Counts a message that was dropped.
    pub(crate) fn count(&mut self, reason: DropReason) {
        match reason {
            DropReason::TransmitBufferFull => self.transmit_buffer_full += 1,
            DropReason::QueueFull => self.queue_full += 1,
            DropReason::TooLarge => self.too_large += 1,
            DropReason::Expired => self.expired += 1,
            DropReason::NotConnected => {}
        }
    }
}
