//! From bytes to packets and back: the only file that names the codec.
//!
//! The codec frames, and nothing more is expected of it: a packet reaches its decoder only after `validate.rs` found
//! nothing wrong, and before that the size in the fixed header was compared with the limit, so that no more than a
//! packet is ever buffered. Payloads are shared with the buffer that they arrived in.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use landfall_model::{TopicFilter, TopicName};
use rmqtt_codec::types::{Publish as CodecPublish, QoS as CodecQoS};
use rmqtt_codec::{v3, v5};
use tokio_util::codec::{Decoder, Encoder};

use crate::header::Header;
use crate::packet::{
    Ack, ConnAck, Connect, Disconnect, Packet, PacketId, PacketType, ProtocolVersion, Publish,
    PublishProperties, PublishQoS, QoS, RetainHandling, Sender, SubAck, Subscribe, SubscriptionOptions,
    UnsubAck, Unsubscribe, Will,
};
use crate::publish::{EncodeError, PublishHead};
use crate::reason::ReasonCode;
use crate::validate;
use crate::violation::Violation;

/// Turns the bytes of one sender into packets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PacketDecoder {
    pub(crate) version: ProtocolVersion,
    pub(crate) sender: Sender,
    /// Largest packet that is taken, with its fixed header, in bytes.
    pub(crate) packet_bytes_max: u32,
}

impl PacketDecoder {
    /// Takes the first packet out of `buf`; `None` when it is not complete yet.
    pub(crate) fn decode(&self, buf: &mut BytesMut) -> Result<Option<Packet>, Violation> {
        let Some(header) = Header::peek(buf, self.packet_bytes_max)? else { return Ok(None) };
        let packet = header.packet;
        if !packet.may_come_from(self.sender, self.version) {
            return Err(Violation::UnexpectedPacket { packet });
        }
        if self.version == ProtocolVersion::V5 && header.is_padded {
            return Err(Violation::VariableByteInteger);
        }
        let Some(body) = buf.get(header.bytes..header.packet_bytes) else { return Ok(None) };
        let checked = validate::check_body(packet, header.flags, body, self.version, self.sender)?;
        let original = Original::mask(packet, &checked, header.bytes, buf);
        let decoded = match self.version {
            ProtocolVersion::V311 => {
                v3::Codec::new(0).decode(buf).map(|item| item.map(|item| Item::V3(item.0)))
            }
            ProtocolVersion::V5 => {
                v5::Codec::new(0, 0).decode(buf).map(|item| item.map(|item| Item::V5(item.0)))
            }
        };
        let item = match decoded {
            Ok(Some(item)) => item,
            Ok(None) => return Err(self.not_understood(packet, "the packet is incomplete")),
            Err(error) => return Err(self.not_understood(packet, &error.to_string())),
        };
        let packet = match item {
            Item::V3(packet) => from_v3(packet, &original)?,
            Item::V5(packet) => from_v5(packet, &original)?,
        };
        Ok(Some(packet))
    }

    fn not_understood(&self, packet: PacketType, detail: &str) -> Violation {
        Violation::Codec { packet, version: self.version, detail: detail.into() }
    }
}

/// Appends a packet to `dst`, which is left as it was on failure.
pub(crate) fn encode(
    version: ProtocolVersion,
    packet: Packet,
    dst: &mut BytesMut,
) -> Result<(), EncodeError> {
    if let Packet::Publish(publish) = &packet {
        let head = PublishHead::of(publish);
        let lengths = head.lengths(version)?;
        head.write(version, lengths, dst);
        dst.extend_from_slice(&publish.payload);
        return Ok(());
    }
    let before = dst.len();
    let packet_type = packet.packet_type();
    let encoded = match version {
        ProtocolVersion::V311 => v3::Codec::new(0).encode(to_v3(packet)?, dst),
        ProtocolVersion::V5 => v5::Codec::new(0, 0).encode(to_v5(packet)?, dst),
    };
    encoded.map_err(|source| {
        dst.truncate(before);
        EncodeError::Codec { packet: packet_type, source: Box::new(source) }
    })
}

/// What a packet said before it was changed for the codec.
///
/// The codec refuses two things that the specification allows: an empty client identifier without Clean Start (MQTT
/// 5, section 3.1.3.1; in MQTT 3.1.1 the session answers it), and a message expiry interval of zero.
#[derive(Debug, Default)]
struct Original {
    clean_start: bool,
    expires_at_once: bool,
}

impl Original {
    /// Changes what the codec would refuse, and keeps what it was.
    fn mask(packet: PacketType, checked: &validate::Checked, body_at: usize, buf: &mut BytesMut) -> Self {
        let mut original = Self::default();
        if packet == PacketType::Connect {
            // The flags follow the protocol name (six bytes) and the level.
            if let Some(flags) = buf.get_mut(body_at + 7) {
                original.clean_start = *flags & 0x02 != 0;
                *flags |= 0x02;
            }
        }
        if let Some(last) = checked.zero_expiry_at.and_then(|at| buf.get_mut(body_at + at + 3)) {
            original.expires_at_once = true;
            *last = 1;
        }
        original
    }
}

/// What the codec decoded.
enum Item {
    V3(v3::Packet),
    V5(v5::Packet),
}

fn from_v3(packet: v3::Packet, original: &Original) -> Result<Packet, Violation> {
    let ack = |packet_id| Ack::success(PacketId::from(packet_id));
    Ok(match packet {
        v3::Packet::Connect(connect) => Packet::Connect(Box::new(Connect {
            version: ProtocolVersion::V311,
            clean_start: original.clean_start,
            keep_alive: connect.keep_alive,
            client_id: text(&connect.client_id),
            will: connect
                .last_will
                .map(|will| will_of(&will.topic, will.message, will.qos, will.retain))
                .transpose()?,
            user_name: connect.username.map(|name| text(&name)),
            session_expiry_interval: 0,
            receive_maximum: None,
            maximum_packet_size: None,
            topic_alias_maximum: 0,
            request_problem_information: true,
            authentication_method: None,
        })),
        v3::Packet::ConnectAck(ack) => {
            let mut connack = ConnAck::new(ReasonCode::from_return_code(ack.return_code.into()));
            connack.session_present = ack.session_present;
            Packet::ConnAck(Box::new(connack))
        }
        v3::Packet::Publish(publish) => Packet::Publish(from_publish(*publish, original)?),
        v3::Packet::PublishAck { packet_id } => Packet::PubAck(ack(packet_id)),
        v3::Packet::PublishReceived { packet_id } => Packet::PubRec(ack(packet_id)),
        v3::Packet::PublishRelease { packet_id } => Packet::PubRel(ack(packet_id)),
        v3::Packet::PublishComplete { packet_id } => Packet::PubComp(ack(packet_id)),
        v3::Packet::Subscribe { packet_id, topic_filters } => Packet::Subscribe(Subscribe {
            packet_id: packet_id.into(),
            subscription_id: None,
            filters: topic_filters
                .into_iter()
                .map(|(filter, qos)| {
                    Ok((parse_filter(&filter)?, SubscriptionOptions::with_qos(from_qos(qos))))
                })
                .collect::<Result<_, Violation>>()?,
        }),
        v3::Packet::SubscribeAck { packet_id, status } => {
            let code = |status| match status {
                v3::SubscribeReturnCode::Success(qos) => granted(from_qos(qos)),
                v3::SubscribeReturnCode::Failure => ReasonCode::UnspecifiedError,
            };
            Packet::SubAck(SubAck {
                packet_id: packet_id.into(),
                codes: status.into_iter().map(code).collect(),
                reason_string: None,
            })
        }
        v3::Packet::Unsubscribe { packet_id, topic_filters } => Packet::Unsubscribe(Unsubscribe {
            packet_id: packet_id.into(),
            filters: topic_filters.iter().map(|filter| parse_filter(filter)).collect::<Result<_, _>>()?,
        }),
        v3::Packet::UnsubscribeAck { packet_id } => {
            Packet::UnsubAck(UnsubAck { packet_id: packet_id.into(), codes: Vec::new() })
        }
        v3::Packet::PingRequest => Packet::PingReq,
        v3::Packet::PingResponse => Packet::PingResp,
        v3::Packet::Disconnect => {
            Packet::Disconnect(Disconnect { reason: ReasonCode::Success, reason_string: None })
        }
    })
}

fn from_v5(packet: v5::Packet, original: &Original) -> Result<Packet, Violation> {
    Ok(match packet {
        v5::Packet::Connect(connect) => Packet::Connect(Box::new(connect_from_v5(*connect, original)?)),
        v5::Packet::ConnectAck(ack) => Packet::ConnAck(Box::new(connack_from_v5(*ack))),
        v5::Packet::Publish(publish) => Packet::Publish(from_publish(*publish, original)?),
        v5::Packet::PublishAck(ack) => Packet::PubAck(from_ack(ack)),
        v5::Packet::PublishReceived(ack) => Packet::PubRec(from_ack(ack)),
        v5::Packet::PublishRelease(ack) => Packet::PubRel(from_ack2(ack)),
        v5::Packet::PublishComplete(ack) => Packet::PubComp(from_ack2(ack)),
        v5::Packet::Subscribe(subscribe) => Packet::Subscribe(Subscribe {
            packet_id: subscribe.packet_id.into(),
            subscription_id: subscribe.id,
            filters: subscribe
                .topic_filters
                .into_iter()
                .map(|(filter, options)| Ok((parse_filter(&filter)?, from_options(options))))
                .collect::<Result<_, Violation>>()?,
        }),
        v5::Packet::SubscribeAck(ack) => Packet::SubAck(SubAck {
            packet_id: ack.packet_id.into(),
            codes: ack.status.into_iter().map(|code| reason(code.into())).collect(),
            reason_string: ack.reason_string.map(|string| text(&string)),
        }),
        v5::Packet::Unsubscribe(unsubscribe) => Packet::Unsubscribe(Unsubscribe {
            packet_id: unsubscribe.packet_id.into(),
            filters: unsubscribe
                .topic_filters
                .iter()
                .map(|filter| parse_filter(filter))
                .collect::<Result<_, _>>()?,
        }),
        v5::Packet::UnsubscribeAck(ack) => Packet::UnsubAck(UnsubAck {
            packet_id: ack.packet_id.into(),
            codes: ack.status.into_iter().map(|code| reason(code.into())).collect(),
        }),
        v5::Packet::PingRequest => Packet::PingReq,
        v5::Packet::PingResponse => Packet::PingResp,
        v5::Packet::Disconnect(disconnect) => Packet::Disconnect(Disconnect {
            reason: reason(disconnect.reason_code.into()),
            reason_string: disconnect.reason_string.map(|string| text(&string)),
        }),
        v5::Packet::Auth(_) => Packet::Auth,
    })
}

fn connect_from_v5(connect: v5::Connect, original: &Original) -> Result<Connect, Violation> {
    Ok(Connect {
        version: ProtocolVersion::V5,
        clean_start: original.clean_start,
        keep_alive: connect.keep_alive,
        client_id: text(&connect.client_id),
        will: connect
            .last_will
            .map(|will| will_of(&will.topic, will.message, will.qos, will.retain))
            .transpose()?,
        user_name: connect.username.map(|name| text(&name)),
        session_expiry_interval: connect.session_expiry_interval_secs,
        receive_maximum: connect.receive_max,
        maximum_packet_size: connect.max_packet_size,
        topic_alias_maximum: connect.topic_alias_max,
        request_problem_information: connect.request_problem_info,
        authentication_method: connect.auth_method.map(|method| text(&method)),
    })
}

fn connack_from_v5(ack: v5::ConnectAck) -> ConnAck {
    ConnAck {
        session_present: ack.session_present,
        reason: reason(ack.reason_code.into()),
        session_expiry_interval: ack.session_expiry_interval_secs,
        receive_maximum: ack.receive_max,
        maximum_qos: from_qos(ack.max_qos),
        retain_available: ack.retain_available,
        maximum_packet_size: ack.max_packet_size,
        assigned_client_id: ack.assigned_client_id.map(|id| text(&id)),
        topic_alias_maximum: ack.topic_alias_max,
        reason_string: ack.reason_string.map(|string| text(&string)),
        wildcard_subscription_available: ack.wildcard_subscription_available,
        subscription_identifiers_available: ack.subscription_identifiers_available,
        shared_subscription_available: ack.shared_subscription_available,
        server_keep_alive: ack.server_keepalive_sec,
    }
}

fn from_publish(publish: CodecPublish, original: &Original) -> Result<Publish, Violation> {
    let topic = TopicName::parse(&publish.topic).map_err(Violation::TopicName)?;
    let packet_id = publish.packet_id.map(PacketId::from);
    let qos = match (publish.qos, packet_id) {
        (CodecQoS::AtLeastOnce, Some(packet_id)) => PublishQoS::AtLeastOnce(packet_id),
        (CodecQoS::ExactlyOnce, Some(packet_id)) => PublishQoS::ExactlyOnce(packet_id),
        (CodecQoS::AtMostOnce, _) => PublishQoS::AtMostOnce,
        (CodecQoS::AtLeastOnce | CodecQoS::ExactlyOnce, None) => {
            return Err(Violation::PacketIdZero { packet: PacketType::Publish });
        }
    };
    let mut message_expiry = None;
    let mut properties = None;
    if let Some(given) = publish.properties {
        message_expiry = given
            .message_expiry_interval
            .map(|seconds| if original.expires_at_once { 0 } else { seconds.get() });
        let forwarded = PublishProperties {
            payload_is_text: given.is_utf8_payload,
            content_type: given.content_type.map(|content_type| text(&content_type)),
            response_topic: given
                .response_topic
                .map(|topic| TopicName::parse(&topic))
                .transpose()
                .map_err(Violation::ResponseTopic)?,
            correlation_data: given.correlation_data,
            user_properties: given
                .user_properties
                .iter()
                .map(|(name, value)| (text(name), text(value)))
                .collect(),
        };
        properties = (forwarded != PublishProperties::default()).then(|| Arc::new(forwarded));
    }
    Ok(Publish {
        duplicate: publish.dup,
        retain: publish.retain,
        qos,
        topic,
        payload: publish.payload,
        message_expiry,
        properties,
    })
}

fn to_v3(packet: Packet) -> Result<v3::Packet, EncodeError> {
    Ok(match packet {
        Packet::Connect(connect) => v3::Packet::Connect(Box::new(v3::Connect {
            clean_session: connect.clean_start,
            keep_alive: connect.keep_alive,
            last_will: connect.will.map(|will| v3::LastWill {
                qos: to_qos(will.qos),
                retain: will.retain,
                topic: will.topic.as_str().into(),
                message: will.payload,
            }),
            client_id: connect.client_id.into(),
            username: connect.user_name.map(Into::into),
            ..v3::Connect::default()
        })),
        Packet::ConnAck(connack) => v3::Packet::ConnectAck(v3::ConnectAck {
            return_code: v3::ConnectAckReason::try_from(connack.reason.return_code())
                .map_err(|_| not_in_version(PacketType::ConnAck, ProtocolVersion::V311))?,
            session_present: connack.session_present,
        }),
        Packet::PubAck(ack) => v3::Packet::PublishAck { packet_id: ack.packet_id.non_zero() },
        Packet::PubRec(ack) => v3::Packet::PublishReceived { packet_id: ack.packet_id.non_zero() },
        Packet::PubRel(ack) => v3::Packet::PublishRelease { packet_id: ack.packet_id.non_zero() },
        Packet::PubComp(ack) => v3::Packet::PublishComplete { packet_id: ack.packet_id.non_zero() },
        Packet::Subscribe(subscribe) => v3::Packet::Subscribe {
            packet_id: subscribe.packet_id.non_zero(),
            topic_filters: subscribe
                .filters
                .iter()
                .map(|(filter, options)| (filter.as_str().into(), to_qos(options.qos)))
                .collect(),
        },
        Packet::SubAck(ack) => v3::Packet::SubscribeAck {
            packet_id: ack.packet_id.non_zero(),
            status: ack.codes.into_iter().map(to_return_code).collect(),
        },
        Packet::Unsubscribe(unsubscribe) => v3::Packet::Unsubscribe {
            packet_id: unsubscribe.packet_id.non_zero(),
            topic_filters: unsubscribe.filters.iter().map(|filter| filter.as_str().into()).collect(),
        },
        Packet::UnsubAck(ack) => v3::Packet::UnsubscribeAck { packet_id: ack.packet_id.non_zero() },
        Packet::PingReq => v3::Packet::PingRequest,
        Packet::PingResp => v3::Packet::PingResponse,
        Packet::Disconnect(_) => v3::Packet::Disconnect,
        Packet::Publish(_) | Packet::Auth => {
            return Err(not_in_version(packet.packet_type(), ProtocolVersion::V311));
        }
    })
}

fn to_v5(packet: Packet) -> Result<v5::Packet, EncodeError> {
    let packet_type = packet.packet_type();
    Ok(match packet {
        Packet::Connect(connect) => v5::Packet::Connect(Box::new(connect_to_v5(*connect))),
        Packet::ConnAck(connack) => v5::Packet::ConnectAck(Box::new(connack_to_v5(*connack)?)),
        Packet::PubAck(ack) => v5::Packet::PublishAck(to_ack(ack, packet_type)?),
        Packet::PubRec(ack) => v5::Packet::PublishReceived(to_ack(ack, packet_type)?),
        Packet::PubRel(ack) => v5::Packet::PublishRelease(to_ack2(ack, packet_type)?),
        Packet::PubComp(ack) => v5::Packet::PublishComplete(to_ack2(ack, packet_type)?),
        Packet::Subscribe(subscribe) => v5::Packet::Subscribe(v5::Subscribe {
            packet_id: subscribe.packet_id.non_zero(),
            id: subscribe.subscription_id,
            user_properties: Vec::new(),
            topic_filters: subscribe
                .filters
                .iter()
                .map(|(filter, options)| (filter.as_str().into(), to_options(*options)))
                .collect(),
        }),
        Packet::SubAck(ack) => v5::Packet::SubscribeAck(v5::SubscribeAck {
            packet_id: ack.packet_id.non_zero(),
            properties: Vec::new(),
            reason_string: ack.reason_string.map(Into::into),
            status: ack.codes.iter().map(|code| to_code(*code, packet_type)).collect::<Result<_, _>>()?,
        }),
        Packet::Unsubscribe(unsubscribe) => v5::Packet::Unsubscribe(v5::Unsubscribe {
            packet_id: unsubscribe.packet_id.non_zero(),
            user_properties: Vec::new(),
            topic_filters: unsubscribe.filters.iter().map(|filter| filter.as_str().into()).collect(),
        }),
        Packet::UnsubAck(ack) => v5::Packet::UnsubscribeAck(v5::UnsubscribeAck {
            packet_id: ack.packet_id.non_zero(),
            properties: Vec::new(),
            reason_string: None,
            status: ack.codes.iter().map(|code| to_code(*code, packet_type)).collect::<Result<_, _>>()?,
        }),
        Packet::PingReq => v5::Packet::PingRequest,
        Packet::PingResp => v5::Packet::PingResponse,
        Packet::Disconnect(disconnect) => v5::Packet::Disconnect(v5::Disconnect {
            reason_string: disconnect.reason_string.map(Into::into),
            ..v5::Disconnect::new(to_code(disconnect.reason, packet_type)?)
        }),
        Packet::Publish(_) | Packet::Auth => return Err(not_in_version(packet_type, ProtocolVersion::V5)),
    })
}

fn connect_to_v5(connect: Connect) -> v5::Connect {
    v5::Connect {
        clean_start: connect.clean_start,
        keep_alive: connect.keep_alive,
        session_expiry_interval_secs: connect.session_expiry_interval,
        auth_method: connect.authentication_method.map(Into::into),
        receive_max: connect.receive_maximum,
        topic_alias_max: connect.topic_alias_maximum,
        request_problem_info: connect.request_problem_information,
        max_packet_size: connect.maximum_packet_size,
        last_will: connect.will.map(|will| v5::LastWill {
            qos: to_qos(will.qos),
            retain: will.retain,
            topic: will.topic.as_str().into(),
            message: will.payload,
            will_delay_interval_sec: None,
            correlation_data: None,
            message_expiry_interval: None,
            content_type: None,
            user_properties: Vec::new(),
            is_utf8_payload: None,
            response_topic: None,
        }),
        client_id: connect.client_id.into(),
        username: connect.user_name.map(Into::into),
        ..v5::Connect::default()
    }
}

fn connack_to_v5(connack: ConnAck) -> Result<v5::ConnectAck, EncodeError> {
    Ok(v5::ConnectAck {
        session_present: connack.session_present,
        reason_code: to_code(connack.reason, PacketType::ConnAck)?,
        session_expiry_interval_secs: connack.session_expiry_interval,
        receive_max: connack.receive_maximum,
        max_qos: to_qos(connack.maximum_qos),
        max_packet_size: connack.maximum_packet_size,
        assigned_client_id: connack.assigned_client_id.map(Into::into),
        topic_alias_max: connack.topic_alias_maximum,
        retain_available: connack.retain_available,
        wildcard_subscription_available: connack.wildcard_subscription_available,
        subscription_identifiers_available: connack.subscription_identifiers_available,
        shared_subscription_available: connack.shared_subscription_available,
        server_keepalive_sec: connack.server_keep_alive,
        reason_string: connack.reason_string.map(Into::into),
        ..v5::ConnectAck::default()
    })
}

fn to_ack(ack: Ack, packet: PacketType) -> Result<v5::PublishAck, EncodeError> {
    Ok(v5::PublishAck {
        packet_id: ack.packet_id.non_zero(),
        reason_code: to_code(ack.reason, packet)?,
        properties: Vec::new(),
        reason_string: ack.reason_string.map(Into::into),
    })
}

fn to_ack2(ack: Ack, packet: PacketType) -> Result<v5::PublishAck2, EncodeError> {
    Ok(v5::PublishAck2 {
        packet_id: ack.packet_id.non_zero(),
        reason_code: to_code(ack.reason, packet)?,
        properties: Vec::new(),
        reason_string: ack.reason_string.map(Into::into),
    })
}

/// The codec's name for a reason code, each packet having an enum of its own.
fn to_code<C: TryFrom<u8>>(reason: ReasonCode, packet: PacketType) -> Result<C, EncodeError> {
    C::try_from(reason.value()).map_err(|_| not_in_version(packet, ProtocolVersion::V5))
}

fn not_in_version(packet: PacketType, version: ProtocolVersion) -> EncodeError {
    EncodeError::NotInVersion { packet, version }
}

fn from_ack(ack: v5::PublishAck) -> Ack {
    Ack {
        packet_id: ack.packet_id.into(),
        reason: reason(ack.reason_code.into()),
        reason_string: ack.reason_string.map(|string| text(&string)),
    }
}

fn from_ack2(ack: v5::PublishAck2) -> Ack {
    Ack {
        packet_id: ack.packet_id.into(),
        reason: reason(ack.reason_code.into()),
        reason_string: ack.reason_string.map(|string| text(&string)),
    }
}

/// A reason code that the validation has already found to be one.
fn reason(code: u8) -> ReasonCode {
    ReasonCode::from_value(code).unwrap_or(ReasonCode::UnspecifiedError)
}

fn text(string: &str) -> Box<str> {
    string.into()
}

fn parse_filter(filter: &str) -> Result<TopicFilter, Violation> {
    TopicFilter::parse(filter).map_err(Violation::TopicFilter)
}

fn will_of(topic: &str, payload: Bytes, qos: CodecQoS, retain: bool) -> Result<Will, Violation> {
    let topic = TopicName::parse(topic).map_err(Violation::WillTopic)?;
    Ok(Will { topic, payload, qos: from_qos(qos), retain })
}

fn from_qos(qos: CodecQoS) -> QoS {
    match qos {
        CodecQoS::AtMostOnce => QoS::AtMostOnce,
        CodecQoS::AtLeastOnce => QoS::AtLeastOnce,
        CodecQoS::ExactlyOnce => QoS::ExactlyOnce,
    }
}

fn to_qos(qos: QoS) -> CodecQoS {
    match qos {
        QoS::AtMostOnce => CodecQoS::AtMostOnce,
        QoS::AtLeastOnce => CodecQoS::AtLeastOnce,
        QoS::ExactlyOnce => CodecQoS::ExactlyOnce,
    }
}

fn from_options(options: v5::SubscriptionOptions) -> SubscriptionOptions {
    SubscriptionOptions {
        qos: from_qos(options.qos),
        no_local: options.no_local,
        retain_as_published: options.retain_as_published,
        retain_handling: match options.retain_handling {
            v5::RetainHandling::AtSubscribe => RetainHandling::AtSubscribe,
            v5::RetainHandling::AtSubscribeNew => RetainHandling::AtNewSubscribe,
            v5::RetainHandling::NoAtSubscribe => RetainHandling::Never,
        },
    }
}

fn to_options(options: SubscriptionOptions) -> v5::SubscriptionOptions {
    v5::SubscriptionOptions {
        qos: to_qos(options.qos),
        no_local: options.no_local,
        retain_as_published: options.retain_as_published,
        retain_handling: match options.retain_handling {
            RetainHandling::AtSubscribe => v5::RetainHandling::AtSubscribe,
            RetainHandling::AtNewSubscribe => v5::RetainHandling::AtSubscribeNew,
            RetainHandling::Never => v5::RetainHandling::NoAtSubscribe,
        },
    }
}

/// The SUBACK code that grants a quality of service.
fn granted(qos: QoS) -> ReasonCode {
    match qos {
        QoS::AtMostOnce => ReasonCode::Success,
        QoS::AtLeastOnce => ReasonCode::GrantedQoS1,
        QoS::ExactlyOnce => ReasonCode::GrantedQoS2,
    }
}

/// The SUBACK code of MQTT 3.1.1, which has one failure.
fn to_return_code(code: ReasonCode) -> v3::SubscribeReturnCode {
    let qos =
        [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce].into_iter().find(|qos| granted(*qos) == code);
    qos.map_or(v3::SubscribeReturnCode::Failure, |qos| v3::SubscribeReturnCode::Success(to_qos(qos)))
}

#[cfg(test)]
mod tests;
