//! The reason codes of MQTT 5, of which the return codes of MQTT 3.1.1 are a part.

use std::fmt;

use crate::packet::{PacketType, Sender};

/// A reason code of MQTT 5 (section 2.4). Values from 0x80 on tell a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ReasonCode {
    /// Success; in SUBACK: granted quality of service 0; in DISCONNECT: normal disconnection.
    Success = 0x00,
    /// Granted quality of service 1.
    GrantedQoS1 = 0x01,
    /// Granted quality of service 2.
    GrantedQoS2 = 0x02,
    /// The client disconnects and wants its will to be published.
    DisconnectWithWill = 0x04,
    /// Nobody subscribes to the topic.
    NoMatchingSubscribers = 0x10,
    /// There was no such subscription.
    NoSubscriptionExisted = 0x11,
    /// Authentication goes on.
    ContinueAuthentication = 0x18,
    /// Authentication starts again.
    ReAuthenticate = 0x19,
    /// No reason is given.
    UnspecifiedError = 0x80,
    /// The packet could not be parsed.
    MalformedPacket = 0x81,
    /// The packet was not expected, or a value in it is not allowed.
    ProtocolError = 0x82,
    /// The packet is valid, and this server does not take it.
    ImplementationSpecificError = 0x83,
    /// The server does not speak that version.
    UnsupportedProtocolVersion = 0x84,
    /// The client identifier is not allowed.
    ClientIdentifierNotValid = 0x85,
    /// The server does not accept the user name or password.
    BadUserNameOrPassword = 0x86,
    /// The client may not do that.
    NotAuthorized = 0x87,
    /// The server is not available.
    ServerUnavailable = 0x88,
    /// The server is busy.
    ServerBusy = 0x89,
    /// The client was banned by an operator.
    Banned = 0x8A,
    /// The server shuts down.
    ServerShuttingDown = 0x8B,
    /// The authentication method is not supported.
    BadAuthenticationMethod = 0x8C,
    /// Nothing was received for one and a half times the keep-alive.
    KeepAliveTimeout = 0x8D,
    /// Another connection uses the same client identifier.
    SessionTakenOver = 0x8E,
    /// The topic filter is not accepted.
    TopicFilterInvalid = 0x8F,
    /// The topic name is not accepted.
    TopicNameInvalid = 0x90,
    /// The packet identifier is in use.
    PacketIdentifierInUse = 0x91,
    /// The packet identifier is not known.
    PacketIdentifierNotFound = 0x92,
    /// More messages than the receive maximum wait for their acknowledgement.
    ReceiveMaximumExceeded = 0x93,
    /// The topic alias is zero or above the maximum.
    TopicAliasInvalid = 0x94,
    /// The packet is larger than the maximum packet size.
    PacketTooLarge = 0x95,
    /// Messages come too fast.
    MessageRateTooHigh = 0x96,
    /// A limit was reached.
    QuotaExceeded = 0x97,
    /// An operator ended the connection.
    AdministrativeAction = 0x98,
    /// The payload does not have the format it declares.
    PayloadFormatInvalid = 0x99,
    /// The server keeps no retained messages.
    RetainNotSupported = 0x9A,
    /// The server does not support that quality of service.
    QoSNotSupported = 0x9B,
    /// Another server should be used, for now.
    UseAnotherServer = 0x9C,
    /// Another server should be used from now on.
    ServerMoved = 0x9D,
    /// The server has no shared subscriptions.
    SharedSubscriptionsNotSupported = 0x9E,
    /// Connections come too fast.
    ConnectionRateExceeded = 0x9F,
    /// The connection has lasted as long as it may.
    MaximumConnectTime = 0xA0,
    /// The server has no subscription identifiers.
    SubscriptionIdentifiersNotSupported = 0xA1,
    /// The server has no wildcard subscriptions.
    WildcardSubscriptionsNotSupported = 0xA2,
}

impl ReasonCode {
    /// The value that travels.
    pub fn value(self) -> u8 {
        self as u8
    }

    /// The reason code of that value, if the specification has one.
    pub fn from_value(value: u8) -> Option<Self> {
        ALL.into_iter().find(|code| code.value() == value)
    }

    /// Whether it tells a failure.
    pub fn is_failure(self) -> bool {
        self.value() >= 0x80
    }

    /// The return code of a CONNACK of MQTT 3.1.1 that says the same, or what comes nearest (section 3.2.2.3).
    pub(crate) fn return_code(self) -> u8 {
        use ReasonCode as R;
        let same = [
            (R::Success, 0),
            (R::UnsupportedProtocolVersion, 1),
            (R::ClientIdentifierNotValid, 2),
            (R::BadUserNameOrPassword, 4),
            (R::BadAuthenticationMethod, 4),
            (R::NotAuthorized, 5),
            (R::Banned, 5),
        ];
        // Whatever else stops a connection, the server is unavailable to it.
        same.into_iter().find(|(reason, _)| *reason == self).map_or(3, |(_, code)| code)
    }

    /// The reason code that says the same as a return code of MQTT 3.1.1.
    pub(crate) fn from_return_code(code: u8) -> Self {
        match code {
            0 => Self::Success,
            1 => Self::UnsupportedProtocolVersion,
            2 => Self::ClientIdentifierNotValid,
            3 => Self::ServerUnavailable,
            4 => Self::BadUserNameOrPassword,
            5 => Self::NotAuthorized,
            _ => Self::UnspecifiedError,
        }
    }

    /// Whether a packet of that type may carry this code when it comes from that side.
    pub(crate) fn may_stand_in(self, packet: PacketType, sender: Sender) -> bool {
        use ReasonCode as R;
        match packet {
            PacketType::ConnAck => {
                self == R::Success
                    || (R::UnspecifiedError.value()..=R::Banned.value()).contains(&self.value())
                    || matches!(
                        self,
                        R::BadAuthenticationMethod
                            | R::TopicNameInvalid
                            | R::PacketTooLarge
                            | R::QuotaExceeded
                            | R::PayloadFormatInvalid
                            | R::RetainNotSupported
                            | R::QoSNotSupported
                            | R::UseAnotherServer
                            | R::ServerMoved
                            | R::ConnectionRateExceeded
                    )
            }
            PacketType::PubAck | PacketType::PubRec => matches!(
                self,
                R::Success
                    | R::NoMatchingSubscribers
                    | R::UnspecifiedError
                    | R::ImplementationSpecificError
                    | R::NotAuthorized
                    | R::TopicNameInvalid
                    | R::PacketIdentifierInUse
                    | R::QuotaExceeded
                    | R::PayloadFormatInvalid
            ),
            PacketType::PubRel | PacketType::PubComp => {
                matches!(self, R::Success | R::PacketIdentifierNotFound)
            }
            PacketType::SubAck => matches!(
                self,
                R::Success
                    | R::GrantedQoS1
                    | R::GrantedQoS2
                    | R::UnspecifiedError
                    | R::ImplementationSpecificError
                    | R::NotAuthorized
                    | R::TopicFilterInvalid
                    | R::PacketIdentifierInUse
                    | R::QuotaExceeded
                    | R::SharedSubscriptionsNotSupported
                    | R::SubscriptionIdentifiersNotSupported
                    | R::WildcardSubscriptionsNotSupported
            ),
            PacketType::UnsubAck => matches!(
                self,
                R::Success
                    | R::NoSubscriptionExisted
                    | R::UnspecifiedError
                    | R::ImplementationSpecificError
                    | R::NotAuthorized
                    | R::TopicFilterInvalid
                    | R::PacketIdentifierInUse
            ),
            PacketType::Disconnect => self.may_stand_in_disconnect(sender),
            PacketType::Auth => matches!(self, R::Success | R::ContinueAuthentication | R::ReAuthenticate),
            PacketType::Connect
            | PacketType::Publish
            | PacketType::Subscribe
            | PacketType::Unsubscribe
            | PacketType::PingReq
            | PacketType::PingResp => false,
        }
    }

    /// Whether DISCONNECT may carry this code when it comes from that side (section 3.14.2.1).
    fn may_stand_in_disconnect(self, sender: Sender) -> bool {
        use ReasonCode as R;
        let from_both = matches!(
            self,
            R::Success
                | R::UnspecifiedError
                | R::MalformedPacket
                | R::ProtocolError
                | R::ImplementationSpecificError
                | R::TopicNameInvalid
                | R::ReceiveMaximumExceeded
                | R::TopicAliasInvalid
                | R::PacketTooLarge
                | R::MessageRateTooHigh
                | R::QuotaExceeded
                | R::AdministrativeAction
                | R::PayloadFormatInvalid
        );
        from_both
            || match sender {
                Sender::Client => self == R::DisconnectWithWill,
                Sender::Server => {
                    matches!(
                        self,
                        R::NotAuthorized
                            | R::ServerBusy
                            | R::ServerShuttingDown
                            | R::KeepAliveTimeout
                            | R::SessionTakenOver
                            | R::TopicFilterInvalid
                    ) || (R::RetainNotSupported.value()..=R::WildcardSubscriptionsNotSupported.value())
                        .contains(&self.value())
                }
            }
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:02X} ({self:?})", self.value())
    }
}

/// Every reason code, in the order of the values.
const ALL: [ReasonCode; 43] = [
    ReasonCode::Success,
    ReasonCode::GrantedQoS1,
    ReasonCode::GrantedQoS2,
    ReasonCode::DisconnectWithWill,
    ReasonCode::NoMatchingSubscribers,
    ReasonCode::NoSubscriptionExisted,
    ReasonCode::ContinueAuthentication,
    ReasonCode::ReAuthenticate,
    ReasonCode::UnspecifiedError,
    ReasonCode::MalformedPacket,
    ReasonCode::ProtocolError,
    ReasonCode::ImplementationSpecificError,
    ReasonCode::UnsupportedProtocolVersion,
    ReasonCode::ClientIdentifierNotValid,
    ReasonCode::BadUserNameOrPassword,
    ReasonCode::NotAuthorized,
    ReasonCode::ServerUnavailable,
    ReasonCode::ServerBusy,
    ReasonCode::Banned,
    ReasonCode::ServerShuttingDown,
    ReasonCode::BadAuthenticationMethod,
    ReasonCode::KeepAliveTimeout,
    ReasonCode::SessionTakenOver,
    ReasonCode::TopicFilterInvalid,
    ReasonCode::TopicNameInvalid,
    ReasonCode::PacketIdentifierInUse,
    ReasonCode::PacketIdentifierNotFound,
    ReasonCode::ReceiveMaximumExceeded,
    ReasonCode::TopicAliasInvalid,
    ReasonCode::PacketTooLarge,
    ReasonCode::MessageRateTooHigh,
    ReasonCode::QuotaExceeded,
    ReasonCode::AdministrativeAction,
    ReasonCode::PayloadFormatInvalid,
    ReasonCode::RetainNotSupported,
    ReasonCode::QoSNotSupported,
    ReasonCode::UseAnotherServer,
    ReasonCode::ServerMoved,
    ReasonCode::SharedSubscriptionsNotSupported,
    ReasonCode::ConnectionRateExceeded,
    ReasonCode::MaximumConnectTime,
    ReasonCode::SubscriptionIdentifiersNotSupported,
    ReasonCode::WildcardSubscriptionsNotSupported,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_leads_back_to_its_code_and_no_other_value_to_one() {
        let values: Vec<u8> = ALL.iter().map(|code| code.value()).collect();
        assert!(values.is_sorted_by(|a, b| a < b));
        for value in 0..=u8::MAX {
            assert_eq!(
                ReasonCode::from_value(value).map(ReasonCode::value),
                values.contains(&value).then_some(value)
            );
        }
    }

    #[test]
    fn each_packet_carries_as_many_codes_as_the_specification_lists() {
        for (packet, sender, expected) in [
            (PacketType::ConnAck, Sender::Server, 22),
            (PacketType::PubAck, Sender::Client, 9),
            (PacketType::PubRec, Sender::Client, 9),
            (PacketType::PubRel, Sender::Client, 2),
            (PacketType::PubComp, Sender::Client, 2),
            (PacketType::SubAck, Sender::Server, 12),
            (PacketType::UnsubAck, Sender::Server, 7),
            (PacketType::Disconnect, Sender::Client, 14),
            (PacketType::Disconnect, Sender::Server, 28),
            (PacketType::Auth, Sender::Client, 3),
            (PacketType::PingReq, Sender::Client, 0),
        ] {
            let count = ALL.iter().filter(|code| code.may_stand_in(packet, sender)).count();
            assert_eq!(count, expected, "{packet} from {sender:?}");
        }
    }
}
