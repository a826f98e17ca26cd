//! What a session tells its shell.

use std::time::Duration;

use landfall_model::{ClientId, TopicFilter};

use crate::packet::{Message, PacketId, ProtocolVersion, QoS, SubscriptionOptions};
use crate::reason::ReasonCode;
use crate::session::command::{ConnectRefusal, ServerDisconnect};
use crate::violation::Violation;

/// What happened on a connection that its shell has to act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// A client asks to be let in. The shell answers with `accept`, `refuse` or `close_silently`; nothing more is
    /// taken from the client before.
    Connect(ConnectRequest),
    /// A message was published. With a packet identifier it waits for `publish_ack`.
    Publish {
        /// The message, with the quality of service it was published with: 0 or 1.
        message: Message,
        /// What `publish_ack` names; `Some` for quality of service 1.
        packet_id: Option<PacketId>,
        /// Whether the client asked to keep the message. Only MQTT 3.1.1 clients get so far with it; nothing is
        /// kept, the message is routed like any other.
        retain: bool,
    },
    /// A client subscribes. The shell answers with `sub_ack`, one code for each filter in this order.
    ///
    /// Filters that the session refuses itself, shared ones, are left out here and added to the answer. The quality
    /// of service is the one that can be granted: at most 1.
    Subscribe {
        /// What `sub_ack` names.
        packet_id: PacketId,
        /// At least one filter, with what is asked of it.
        filters: Vec<(TopicFilter, SubscriptionOptions)>,
    },
    /// A client unsubscribes. The shell answers with `unsub_ack`, one code for each filter in this order.
    Unsubscribe {
        /// What `unsub_ack` names.
        packet_id: PacketId,
        /// At least one filter.
        filters: Vec<TopicFilter>,
    },
    /// The connection ends for a reason that the shell did not give: it sends what is left, and closes the socket.
    /// This is the last event.
    Disconnected(DisconnectCause),
}

/// What a CONNECT asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectRequest {
    /// The version that the client speaks.
    pub version: ProtocolVersion,
    /// The identifier that the client gives itself; `None` when the server shall assign one, which the shell then
    /// names in `accept`.
    pub client_id: Option<ClientId>,
    /// Whether the client asks for a new session. It gets one in any case, since none is kept.
    pub clean_start: bool,
    /// The keep-alive that will hold, after the limits.
    pub keep_alive: Duration,
    /// The user name, which proves nothing here: AWS's device SDKs send metrics in it.
    pub user_name: Option<Box<str>>,
}

/// Why a connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DisconnectCause {
    /// The client said so: [`ReasonCode::Success`] when it just leaves, and always in MQTT 3.1.1.
    Client {
        /// The reason that the client gave.
        reason: ReasonCode,
    },
    /// No packet came for one and a half times the keep-alive [MQTT-3.1.2-22].
    KeepAlive {
        /// The keep-alive that held.
        keep_alive: Duration,
    },
    /// CONNECT was not complete in time.
    ConnectTimeout,
    /// The client broke the protocol.
    Violation(Violation),
    /// The client asked for what this server does not have.
    NotSupported(NotSupported),
    /// The shell refused the CONNECT.
    Refused(ConnectRefusal),
    /// The shell closed the connection without a word.
    ClosedSilently,
    /// The shell ended the connection.
    Server(ServerDisconnect),
}

/// What is valid MQTT, and not built here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSupported {
    /// CONNECT has a will. MQTT 5 has no way to announce that there are none, so that the codes for its quality of
    /// service and its retain flag are used where they fit [MQTT-3.2.2-12] [MQTT-3.2.2-13].
    #[error("wills are not supported")]
    Will {
        /// The quality of service of the will.
        qos: QoS,
        /// Whether the will should be retained.
        retain: bool,
    },
    /// CONNECT names an authentication method [MQTT-4.12.0-1].
    #[error("enhanced authentication is not supported, a client certificate is what counts")]
    EnhancedAuthentication,
    /// PUBLISH should be retained, although that was announced not to be available [MQTT-3.2.2-14].
    #[error("retained messages are not supported")]
    RetainedMessage,
    /// PUBLISH has quality of service 2, although 1 was announced as the maximum [MQTT-3.2.2-11].
    #[error("quality of service 2 is not supported, the maximum is 1")]
    QoS2,
    /// SUBSCRIBE has a subscription identifier, although that was announced not to be available (section
    /// 3.2.2.3.12).
    #[error("subscription identifiers are not supported")]
    SubscriptionIdentifier,
}

impl NotSupported {
    /// The reason code that answers it in MQTT 5.
    pub fn reason_code(self) -> ReasonCode {
        match self {
            Self::Will { qos: QoS::ExactlyOnce, .. } | Self::QoS2 => ReasonCode::QoSNotSupported,
            Self::Will { retain: true, .. } | Self::RetainedMessage => ReasonCode::RetainNotSupported,
            Self::Will { .. } => ReasonCode::ImplementationSpecificError,
            Self::EnhancedAuthentication => ReasonCode::BadAuthenticationMethod,
            Self::SubscriptionIdentifier => ReasonCode::SubscriptionIdentifiersNotSupported,
        }
    }
}
