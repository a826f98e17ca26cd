//! The packets of MQTT 3.1.1 and MQTT 5: one set of types for both versions, with the fields that Landfall uses.

use std::fmt;
use std::num::{NonZeroU16, NonZeroU32};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use landfall_model::{TopicFilter, TopicName};

use crate::reason::ReasonCode;

/// A version of MQTT that Landfall speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProtocolVersion {
    /// MQTT 3.1.1, protocol level 4.
    V311,
    /// MQTT 5, protocol level 5.
    V5,
}

impl ProtocolVersion {
    /// The protocol level that CONNECT names.
    pub fn level(self) -> u8 {
        match self {
            Self::V311 => 4,
            Self::V5 => 5,
        }
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V311 => "3.1.1",
            Self::V5 => "5",
        })
    }
}

/// Quality of service of a message or a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum QoS {
    /// Sent once, not acknowledged.
    AtMostOnce,
    /// Acknowledged; may arrive twice.
    AtLeastOnce,
    /// Acknowledged twice; arrives once.
    ExactlyOnce,
}

impl QoS {
    /// The level, 0 to 2, as it stands in packets.
    pub fn level(self) -> u8 {
        match self {
            Self::AtMostOnce => 0,
            Self::AtLeastOnce => 1,
            Self::ExactlyOnce => 2,
        }
    }
}

/// The identifier of a packet that is acknowledged: 1 to 65535 [MQTT-2.2.1-3].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PacketId(NonZeroU16);

impl PacketId {
    /// The first identifier that a sender uses.
    pub const FIRST: Self = Self(NonZeroU16::MIN);

    /// The packet identifier of that number, which zero is not.
    pub fn new(number: u16) -> Option<Self> {
        NonZeroU16::new(number).map(Self)
    }

    /// The number, never zero.
    pub fn get(self) -> u16 {
        self.0.get()
    }

    /// The number, as the type that cannot be zero.
    pub(crate) fn non_zero(self) -> NonZeroU16 {
        self.0
    }

    /// The identifier after this one; 1 follows 65535.
    pub(crate) fn next(self) -> Self {
        Self(self.0.checked_add(1).unwrap_or(NonZeroU16::MIN))
    }
}

impl From<NonZeroU16> for PacketId {
    fn from(number: NonZeroU16) -> Self {
        Self(number)
    }
}

impl fmt::Display for PacketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An application message on its way from a publisher to subscribers.
///
/// A clone shares topic, payload and properties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where it was published.
    pub topic: TopicName,
    /// What was published. It shares the buffer that the packet arrived in.
    pub payload: Bytes,
    /// The quality of service it was published with.
    pub qos: QoS,
    /// The properties of MQTT 5 that are forwarded unaltered; `None` when there are none.
    pub properties: Option<Arc<PublishProperties>>,
    /// From when on it must not be delivered any more [MQTT-3.3.2-5].
    pub expires_at: Option<Instant>,
}

impl Message {
    /// A message without properties that does not expire.
    pub fn new(topic: TopicName, payload: Bytes, qos: QoS) -> Self {
        Self { topic, payload, qos, properties: None, expires_at: None }
    }
}

/// The properties of a PUBLISH that a server forwards unaltered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishProperties {
    /// Whether the payload is declared to be UTF-8 [MQTT-3.3.2-4].
    pub payload_is_text: bool,
    /// The content type, described by the publisher [MQTT-3.3.2-20].
    pub content_type: Option<Box<str>>,
    /// Where an answer is expected [MQTT-3.3.2-15].
    pub response_topic: Option<TopicName>,
    /// What identifies the request to who asked [MQTT-3.3.2-16].
    pub correlation_data: Option<Bytes>,
    /// Names and values of the publisher's own, in their order [MQTT-3.3.2-17] [MQTT-3.3.2-18].
    pub user_properties: Vec<(Box<str>, Box<str>)>,
}

/// What a subscription asks for, beside its filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscriptionOptions {
    /// The highest quality of service of deliveries.
    pub qos: QoS,
    /// Whether messages that the subscriber published itself are left out; false in MQTT 3.1.1.
    pub no_local: bool,
    /// Whether deliveries keep the retain flag of the publication; false in MQTT 3.1.1.
    pub retain_as_published: bool,
    /// When retained messages are sent; [`RetainHandling::AtSubscribe`] in MQTT 3.1.1.
    pub retain_handling: RetainHandling,
}

impl SubscriptionOptions {
    /// The options of MQTT 3.1.1, which has the quality of service alone.
    pub fn with_qos(qos: QoS) -> Self {
        Self {
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::AtSubscribe,
        }
    }

    /// What two overlapping subscriptions of one subscriber ask for together.
    ///
    /// The message is delivered once, with the higher quality of service [MQTT-3.3.4-2]; it is left out only if
    /// both subscriptions leave it out.
    pub(crate) fn merged_with(self, other: Self) -> Self {
        Self {
            qos: self.qos.max(other.qos),
            no_local: self.no_local && other.no_local,
            retain_as_published: self.retain_as_published || other.retain_as_published,
            retain_handling: self.retain_handling,
        }
    }
}

/// When retained messages are sent to a new subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetainHandling {
    /// With every SUBSCRIBE.
    AtSubscribe,
    /// Only if the subscription did not exist.
    AtNewSubscribe,
    /// Never.
    Never,
}

/// Who sent a packet: some packets and properties belong to one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sender {
    Client,
    Server,
}

/// The type of a control packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PacketType {
    /// CONNECT
    Connect,
    /// CONNACK
    ConnAck,
    /// PUBLISH
    Publish,
    /// PUBACK
    PubAck,
    /// PUBREC
    PubRec,
    /// PUBREL
    PubRel,
    /// PUBCOMP
    PubComp,
    /// SUBSCRIBE
    Subscribe,
    /// SUBACK
    SubAck,
    /// UNSUBSCRIBE
    Unsubscribe,
    /// UNSUBACK
    UnsubAck,
    /// PINGREQ
    PingReq,
    /// PINGRESP
    PingResp,
    /// DISCONNECT
    Disconnect,
    /// AUTH, of MQTT 5
    Auth,
}

impl PacketType {
    /// The type that the upper half of a packet's first byte names; 0 is reserved.
    pub(crate) fn from_first_byte(first_byte: u8) -> Option<Self> {
        Some(match first_byte >> 4 {
            1 => Self::Connect,
            2 => Self::ConnAck,
            3 => Self::Publish,
            4 => Self::PubAck,
            5 => Self::PubRec,
            6 => Self::PubRel,
            7 => Self::PubComp,
            8 => Self::Subscribe,
            9 => Self::SubAck,
            10 => Self::Unsubscribe,
            11 => Self::UnsubAck,
            12 => Self::PingReq,
            13 => Self::PingResp,
            14 => Self::Disconnect,
            15 => Self::Auth,
            _ => return None,
        })
    }

    /// Whether a sender of that side may send packets of this type in that version.
    pub(crate) fn may_come_from(self, sender: Sender, version: ProtocolVersion) -> bool {
        match self {
            Self::Connect | Self::Subscribe | Self::Unsubscribe | Self::PingReq => sender == Sender::Client,
            Self::ConnAck | Self::SubAck | Self::UnsubAck | Self::PingResp => sender == Sender::Server,
            // A server of MQTT 3.1.1 has no DISCONNECT, and AUTH is new in MQTT 5.
            Self::Disconnect => sender == Sender::Client || version == ProtocolVersion::V5,
            Self::Auth => version == ProtocolVersion::V5,
            Self::Publish | Self::PubAck | Self::PubRec | Self::PubRel | Self::PubComp => true,
        }
    }
}

impl fmt::Display for PacketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "CONNECT",
            Self::ConnAck => "CONNACK",
            Self::Publish => "PUBLISH",
            Self::PubAck => "PUBACK",
            Self::PubRec => "PUBREC",
            Self::PubRel => "PUBREL",
            Self::PubComp => "PUBCOMP",
            Self::Subscribe => "SUBSCRIBE",
            Self::SubAck => "SUBACK",
            Self::Unsubscribe => "UNSUBSCRIBE",
            Self::UnsubAck => "UNSUBACK",
            Self::PingReq => "PINGREQ",
            Self::PingResp => "PINGRESP",
            Self::Disconnect => "DISCONNECT",
            Self::Auth => "AUTH",
        })
    }
}

/// A control packet of either version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Packet {
    Connect(Box<Connect>),
    ConnAck(Box<ConnAck>),
    Publish(Publish),
    PubAck(Ack),
    PubRec(Ack),
    PubRel(Ack),
    PubComp(Ack),
    Subscribe(Subscribe),
    SubAck(SubAck),
    Unsubscribe(Unsubscribe),
    UnsubAck(UnsubAck),
    PingReq,
    PingResp,
    Disconnect(Disconnect),
    /// Enhanced authentication is refused at CONNECT, so that nothing of AUTH is of use.
    Auth,
}

impl Packet {
    pub(crate) fn packet_type(&self) -> PacketType {
        match self {
            Self::Connect(_) => PacketType::Connect,
            Self::ConnAck(_) => PacketType::ConnAck,
            Self::Publish(_) => PacketType::Publish,
            Self::PubAck(_) => PacketType::PubAck,
            Self::PubRec(_) => PacketType::PubRec,
            Self::PubRel(_) => PacketType::PubRel,
            Self::PubComp(_) => PacketType::PubComp,
            Self::Subscribe(_) => PacketType::Subscribe,
            Self::SubAck(_) => PacketType::SubAck,
            Self::Unsubscribe(_) => PacketType::Unsubscribe,
            Self::UnsubAck(_) => PacketType::UnsubAck,
            Self::PingReq => PacketType::PingReq,
            Self::PingResp => PacketType::PingResp,
            Self::Disconnect(_) => PacketType::Disconnect,
            Self::Auth => PacketType::Auth,
        }
    }
}

impl Packet {
    /// A copy of the packet without its reason string, if it has one.
    pub(crate) fn without_reason_string(&mut self) -> Option<Self> {
        // Taken out before the copy is made, so that packets without one are not copied.
        let reason_string = self.reason_string_mut()?.take()?;
        let shorter = self.clone();
        if let Some(place) = self.reason_string_mut() {
            *place = Some(reason_string);
        }
        Some(shorter)
    }

    /// Where the reason string stands; none in packets that have none here.
    fn reason_string_mut(&mut self) -> Option<&mut Option<Box<str>>> {
        Some(match self {
            Self::ConnAck(connack) => &mut connack.reason_string,
            Self::PubAck(ack) | Self::PubRec(ack) | Self::PubRel(ack) | Self::PubComp(ack) => {
                &mut ack.reason_string
            }
            Self::SubAck(ack) => &mut ack.reason_string,
            Self::Disconnect(disconnect) => &mut disconnect.reason_string,
            Self::Connect(_)
            | Self::Publish(_)
            | Self::Subscribe(_)
            | Self::Unsubscribe(_)
            | Self::UnsubAck(_)
            | Self::PingReq
            | Self::PingResp
            | Self::Auth => return None,
        })
    }
}

/// CONNECT. The password is not kept: devices prove themselves by their certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Connect {
    pub(crate) version: ProtocolVersion,
    /// Clean Session in MQTT 3.1.1, Clean Start in MQTT 5.
    pub(crate) clean_start: bool,
    /// In seconds; 0 turns keep-alive off.
    pub(crate) keep_alive: u16,
    /// Empty when the server shall assign one.
    pub(crate) client_id: Box<str>,
    pub(crate) will: Option<Will>,
    pub(crate) user_name: Option<Box<str>>,
    /// In seconds.
    pub(crate) session_expiry_interval: u32,
    pub(crate) receive_maximum: Option<NonZeroU16>,
    /// In bytes.
    pub(crate) maximum_packet_size: Option<NonZeroU32>,
    pub(crate) topic_alias_maximum: u16,
    /// Whether acknowledgements may carry a reason string; true when MQTT 5 clients say nothing of it.
    pub(crate) request_problem_information: bool,
    pub(crate) authentication_method: Option<Box<str>>,
}

/// The will of a CONNECT, without its properties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Will {
    pub(crate) topic: TopicName,
    pub(crate) payload: Bytes,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
}

/// CONNACK. In MQTT 3.1.1 only the first two fields travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConnAck {
    pub(crate) session_present: bool,
    pub(crate) reason: ReasonCode,
    /// In seconds.
    pub(crate) session_expiry_interval: Option<u32>,
    pub(crate) receive_maximum: NonZeroU16,
    pub(crate) maximum_qos: QoS,
    pub(crate) retain_available: bool,
    /// In bytes.
    pub(crate) maximum_packet_size: Option<u32>,
    pub(crate) assigned_client_id: Option<Box<str>>,
    pub(crate) topic_alias_maximum: u16,
    pub(crate) reason_string: Option<Box<str>>,
    pub(crate) wildcard_subscription_available: bool,
    pub(crate) subscription_identifiers_available: bool,
    pub(crate) shared_subscription_available: bool,
    /// In seconds.
    pub(crate) server_keep_alive: Option<u16>,
}

impl ConnAck {
    /// An answer that announces nothing: what is left out has the default of the specification.
    pub(crate) fn new(reason: ReasonCode) -> Self {
        Self {
            session_present: false,
            reason,
            session_expiry_interval: None,
            receive_maximum: NonZeroU16::MAX,
            maximum_qos: QoS::ExactlyOnce,
            retain_available: true,
            maximum_packet_size: None,
            assigned_client_id: None,
            topic_alias_maximum: 0,
            reason_string: None,
            wildcard_subscription_available: true,
            subscription_identifiers_available: true,
            shared_subscription_available: true,
            server_keep_alive: None,
        }
    }
}

/// The quality of service of a PUBLISH, with the packet identifier that belongs to it.
#[expect(clippy::enum_variant_names, reason = "the names are those of the specification")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PublishQoS {
    AtMostOnce,
    AtLeastOnce(PacketId),
    ExactlyOnce(PacketId),
}

impl PublishQoS {
    pub(crate) fn qos(self) -> QoS {
        match self {
            Self::AtMostOnce => QoS::AtMostOnce,
            Self::AtLeastOnce(_) => QoS::AtLeastOnce,
            Self::ExactlyOnce(_) => QoS::ExactlyOnce,
        }
    }

    pub(crate) fn packet_id(self) -> Option<PacketId> {
        match self {
            Self::AtMostOnce => None,
            Self::AtLeastOnce(packet_id) | Self::ExactlyOnce(packet_id) => Some(packet_id),
        }
    }
}

/// PUBLISH.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publish {
    pub(crate) duplicate: bool,
    pub(crate) retain: bool,
    pub(crate) qos: PublishQoS,
    pub(crate) topic: TopicName,
    pub(crate) payload: Bytes,
    /// In seconds.
    pub(crate) message_expiry: Option<u32>,
    pub(crate) properties: Option<Arc<PublishProperties>>,
}

/// PUBACK, PUBREC, PUBREL and PUBCOMP. In MQTT 3.1.1 the packet identifier alone travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ack {
    pub(crate) packet_id: PacketId,
    pub(crate) reason: ReasonCode,
    pub(crate) reason_string: Option<Box<str>>,
}

impl Ack {
    /// An acknowledgement of a message that was taken.
    pub(crate) fn success(packet_id: PacketId) -> Self {
        Self { packet_id, reason: ReasonCode::Success, reason_string: None }
    }
}

/// SUBSCRIBE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subscribe {
    pub(crate) packet_id: PacketId,
    pub(crate) subscription_id: Option<NonZeroU32>,
    pub(crate) filters: Vec<(TopicFilter, SubscriptionOptions)>,
}

/// SUBACK. The failure of MQTT 3.1.1, which has no reason string, is [`ReasonCode::UnspecifiedError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SubAck {
    pub(crate) packet_id: PacketId,
    pub(crate) codes: Vec<ReasonCode>,
    /// One for the whole packet, however many codes it has.
    pub(crate) reason_string: Option<Box<str>>,
}

/// UNSUBSCRIBE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unsubscribe {
    pub(crate) packet_id: PacketId,
    pub(crate) filters: Vec<TopicFilter>,
}

/// UNSUBACK. In MQTT 3.1.1 the codes do not travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UnsubAck {
    pub(crate) packet_id: PacketId,
    pub(crate) codes: Vec<ReasonCode>,
}

/// DISCONNECT. In MQTT 3.1.1 nothing of it travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Disconnect {
    pub(crate) reason: ReasonCode,
    pub(crate) reason_string: Option<Box<str>>,
}
