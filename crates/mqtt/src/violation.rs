//! How a peer can break the protocol, and which reason code answers that.

use landfall_model::{InvalidClientId, InvalidTopicFilter, InvalidTopicName};

use crate::packet::{PacketType, ProtocolVersion};
use crate::reason::ReasonCode;

/// What was wrong with what a peer sent. [`Violation::reason_code`] is the one place that turns it into an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    // Of the fixed header.
    /// The first packet of a connection was not CONNECT [MQTT-3.1.0-1].
    #[error("the first byte is 0x{first_byte:02X}, the first packet must be CONNECT (0x10)")]
    FirstPacket {
        /// The byte that a packet type should stand in.
        first_byte: u8,
    },
    /// The packet type is reserved.
    #[error("the first byte 0x{first_byte:02X} names no packet type of MQTT")]
    PacketType {
        /// The byte that the packet type stands in.
        first_byte: u8,
    },
    /// The flags beside the packet type are not the ones that it must have [MQTT-2.1.3-1].
    #[error("the fixed header of {packet} has the flags {found:#06b}, it must have {expected:#06b}")]
    HeaderFlags {
        /// The packet's type.
        packet: PacketType,
        /// The lower half of the first byte.
        found: u8,
        /// What it has to be.
        expected: u8,
    },
    /// A variable byte integer has more than four bytes, or more than it needs [MQTT-1.5.5-1].
    #[error("a variable byte integer is not encoded in the least number of bytes, at most four")]
    VariableByteInteger,
    /// The packet is larger than the receiver takes.
    #[error("the packet has {bytes} bytes, at most {bytes_max} are allowed")]
    PacketTooLarge {
        /// Size of the packet with its fixed header, in bytes.
        bytes: u64,
        /// The limit, in bytes.
        bytes_max: u32,
    },
    /// The packet is not one that its sender may send now.
    #[error("{packet} is not expected from this peer now")]
    UnexpectedPacket {
        /// The packet's type.
        packet: PacketType,
    },

    // Of fields that several packets have.
    /// A field goes beyond the end of the packet.
    #[error("{packet} ends in the middle of a field")]
    Truncated {
        /// The packet's type.
        packet: PacketType,
    },
    /// Bytes are left after the last field.
    #[error("{packet} has {bytes} bytes after its last field, it must have none")]
    TrailingBytes {
        /// The packet's type.
        packet: PacketType,
        /// How many.
        bytes: usize,
    },
    /// A string is not UTF-8, surrogates included [MQTT-1.5.4-1].
    #[error("a string of {packet} is not UTF-8")]
    Text {
        /// The packet's type.
        packet: PacketType,
    },
    /// A string holds U+0000 [MQTT-1.5.4-2].
    #[error("a string of {packet} holds the null character")]
    NullCharacter {
        /// The packet's type.
        packet: PacketType,
    },
    /// The packet identifier is zero [MQTT-2.2.1-3].
    #[error("{packet} has the packet identifier 0, it takes 1 to 65535")]
    PacketIdZero {
        /// The packet's type.
        packet: PacketType,
    },
    /// The reason code is not one of that packet.
    #[error("{packet} has the reason code 0x{code:02X}, which is none of its own")]
    ReasonCode {
        /// The packet's type.
        packet: PacketType,
        /// What was found.
        code: u8,
    },
    /// The property is unknown, or not one of that packet.
    #[error("{packet} has the property 0x{property:02X}, which is none of its own")]
    PropertyNotAllowed {
        /// The packet's type.
        packet: PacketType,
        /// The property's identifier.
        property: u32,
    },
    /// A property stands twice where it may stand once.
    #[error("{packet} has the property 0x{property:02X} twice, it may stand once")]
    PropertyDuplicate {
        /// The packet's type.
        packet: PacketType,
        /// The property's identifier.
        property: u8,
    },
    /// A property has a value that it must not have.
    #[error("the property 0x{property:02X} has the value {value}, which it must not have")]
    PropertyValue {
        /// The property's identifier.
        property: u8,
        /// What was found.
        value: u32,
    },

    // Of CONNECT and CONNACK.
    /// The protocol has another name, such as that of MQTT 3.1 [MQTT-3.1.2-1].
    #[error("the protocol is not named `MQTT`, as it is in MQTT 3.1.1 and 5")]
    ProtocolName,
    /// The protocol level is none of a version that is spoken here [MQTT-3.1.2-2].
    #[error("the protocol level is {level}, 4 (MQTT 3.1.1) and 5 (MQTT 5) are spoken here")]
    ProtocolLevel {
        /// What was found.
        level: u8,
    },
    /// The reserved flag of CONNECT or CONNACK is set [MQTT-3.1.2-3] [MQTT-3.2.2-1].
    #[error("a reserved flag of {packet} is set, it must be 0")]
    ReservedFlag {
        /// The packet's type.
        packet: PacketType,
    },
    /// There is a quality of service or a retain flag of the will, and no will [MQTT-3.1.2-11] [MQTT-3.1.2-13].
    #[error("CONNECT has flags of a will and no will")]
    WillFlags,
    /// The quality of service of the will is 3 [MQTT-3.1.2-12].
    #[error("the will has quality of service 3, it takes 0 to 2")]
    WillQoS,
    /// There is a password and no user name, which MQTT 3.1.1 forbids [MQTT-3.1.2-22].
    #[error("CONNECT has a password without a user name, which MQTT 3.1.1 does not allow")]
    PasswordWithoutUserName,
    /// There is authentication data and no authentication method (section 3.1.2.11.10).
    #[error("{packet} has authentication data without an authentication method")]
    AuthenticationDataWithoutMethod {
        /// The packet's type.
        packet: PacketType,
    },
    /// The client identifier is empty where MQTT 3.1.1 asks for one [MQTT-3.1.3-8].
    #[error("the client identifier is empty, which takes a clean session in MQTT 3.1.1")]
    ClientIdMissing,
    /// The client identifier is not allowed here.
    #[error(transparent)]
    ClientId(InvalidClientId),

    // Of PUBLISH.
    /// The quality of service is 3 [MQTT-3.3.1-4].
    #[error("PUBLISH has quality of service 3, it takes 0 to 2")]
    PublishQoS,
    /// The duplicate flag is set on quality of service 0 [MQTT-3.3.1-2].
    #[error("PUBLISH of quality of service 0 has the duplicate flag, it must be 0")]
    DuplicateQoS0,
    /// There is no topic name [MQTT-4.7.3-1].
    #[error("PUBLISH has no topic name, it takes at least one character")]
    TopicEmpty,
    /// The topic name is not allowed [MQTT-3.3.2-2].
    #[error(transparent)]
    TopicName(InvalidTopicName),
    /// The topic of the will is not allowed.
    #[error("the will has an invalid topic")]
    WillTopic(#[source] InvalidTopicName),
    /// The response topic is not allowed [MQTT-3.3.2-14].
    #[error("the response topic is invalid")]
    ResponseTopic(#[source] InvalidTopicName),
    /// A topic alias is used, and this end allows none [MQTT-3.3.2-9].
    #[error("PUBLISH has the topic alias {alias}, the topic alias maximum is 0")]
    TopicAlias {
        /// What was found.
        alias: u16,
    },
    /// The payload is declared to be UTF-8 and is not [MQTT-3.3.2-4].
    #[error("the payload is declared to be UTF-8 and is not")]
    PayloadFormat,
    /// More messages than the receive maximum wait for their acknowledgement [MQTT-3.3.4-7].
    #[error("more than {receive_maximum} messages wait for their acknowledgement")]
    ReceiveMaximum {
        /// The limit that was announced, in messages.
        receive_maximum: u16,
    },

    // Of SUBSCRIBE and UNSUBSCRIBE.
    /// There is no topic filter [MQTT-3.8.3-2] [MQTT-3.10.3-2].
    #[error("{packet} has no topic filter, it takes at least one")]
    NoFilter {
        /// The packet's type.
        packet: PacketType,
    },
    /// A topic filter is not allowed.
    #[error(transparent)]
    TopicFilter(InvalidTopicFilter),
    /// Reserved bits of the subscription options are set [MQTT-3.8.3-5].
    #[error("the subscription options {options:#010b} have reserved bits, which must be 0")]
    SubscriptionOptionsReserved {
        /// What was found.
        options: u8,
    },
    /// The quality of service of a subscription is 3 (section 3.8.3.1).
    #[error("a subscription has quality of service 3, it takes 0 to 2")]
    SubscriptionQoS,
    /// The retain handling of a subscription is 3 (section 3.8.3.1).
    #[error("a subscription has retain handling 3, it takes 0 to 2")]
    RetainHandling,
    /// A shared subscription asks for no local [MQTT-3.8.3-4].
    #[error("a shared subscription has the option no local, which it must not have")]
    SharedNoLocal,

    /// The packet passed our checks, and the codec refused it all the same.
    #[error("{packet} of MQTT {version} is not understood: {detail}")]
    Codec {
        /// The packet's type.
        packet: PacketType,
        /// The version that the connection speaks.
        version: ProtocolVersion,
        /// What the codec said.
        detail: Box<str>,
    },
}

impl Violation {
    /// The reason code that answers the violation in MQTT 5.
    ///
    /// What cannot be parsed, or has reserved bits, is malformed; what can be parsed and is not allowed is a
    /// protocol error, unless the specification has a code of its own (section 4.13).
    pub fn reason_code(&self) -> ReasonCode {
        match self {
            Self::PacketType { .. }
            | Self::HeaderFlags { .. }
            | Self::VariableByteInteger
            | Self::Truncated { .. }
            | Self::TrailingBytes { .. }
            | Self::Text { .. }
            | Self::NullCharacter { .. }
            | Self::PropertyNotAllowed { .. }
            | Self::ReservedFlag { .. }
            | Self::WillFlags
            | Self::WillQoS
            | Self::PublishQoS
            | Self::DuplicateQoS0
            | Self::SubscriptionOptionsReserved { .. }
            | Self::Codec { .. } => ReasonCode::MalformedPacket,
            Self::FirstPacket { .. }
            | Self::UnexpectedPacket { .. }
            | Self::PacketIdZero { .. }
            | Self::ReasonCode { .. }
            | Self::PropertyDuplicate { .. }
            | Self::PropertyValue { .. }
            | Self::PasswordWithoutUserName
            | Self::AuthenticationDataWithoutMethod { .. }
            | Self::TopicEmpty
            | Self::NoFilter { .. }
            | Self::SubscriptionQoS
            | Self::RetainHandling
            | Self::SharedNoLocal => ReasonCode::ProtocolError,
            Self::ProtocolName | Self::ProtocolLevel { .. } => ReasonCode::UnsupportedProtocolVersion,
            Self::ClientIdMissing | Self::ClientId(_) => ReasonCode::ClientIdentifierNotValid,
            Self::TopicName(_) | Self::WillTopic(_) | Self::ResponseTopic(_) => ReasonCode::TopicNameInvalid,
            Self::TopicFilter(_) => ReasonCode::TopicFilterInvalid,
            Self::TopicAlias { .. } => ReasonCode::TopicAliasInvalid,
            Self::PayloadFormat => ReasonCode::PayloadFormatInvalid,
            Self::ReceiveMaximum { .. } => ReasonCode::ReceiveMaximumExceeded,
            Self::PacketTooLarge { .. } => ReasonCode::PacketTooLarge,
        }
    }
}
