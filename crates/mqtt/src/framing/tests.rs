use std::num::NonZeroU16;

use bytes::BufMut;
use landfall_model::{InvalidTopicFilter, InvalidTopicName};
use proptest::prelude::*;

use super::*;
use PacketType as T;
use ProtocolVersion::{V5, V311};
use Sender::{Client, Server};
use Violation as X;

/// A packet of the given first byte and body.
fn packet(first_byte: u8, body: &[u8]) -> BytesMut {
    let mut bytes = BytesMut::new();
    bytes.put_u8(first_byte);
    let mut length = body.len();
    while length > 0x7F {
        bytes.put_u8(u8::try_from(length & 0x7F).unwrap() | 0x80);
        length >>= 7;
    }
    bytes.put_u8(u8::try_from(length).unwrap());
    bytes.put_slice(body);
    bytes
}

fn decode(version: ProtocolVersion, sender: Sender, bytes: &[u8]) -> Result<Option<Packet>, Violation> {
    PacketDecoder { version, sender, packet_bytes_max: 131_072 }.decode(&mut BytesMut::from(bytes))
}

type InvalidPacket = (ProtocolVersion, u8, &'static [u8], Violation, u8);

/// Checks that each packet of a sender is refused, for the expected reason and with the expected code.
fn check_invalid(sender: Sender, packets: &[InvalidPacket]) {
    for (version, first_byte, body, violation, code) in packets {
        let bytes = packet(*first_byte, body);
        let result = decode(*version, sender, &bytes);
        assert_eq!(result, Err(violation.clone()), "MQTT {version}: {}", bytes.escape_ascii());
        assert_eq!(violation.reason_code().value(), *code, "{violation:?}");
    }
}

#[test]
fn invalid_fixed_headers_are_refused() {
    let flags = |packet, found, expected| X::HeaderFlags { packet, found, expected };
    check_invalid(
        Client,
        &[
            (V311, 0x00, b"", X::PacketType { first_byte: 0 }, 0x81),
            (V311, 0xF0, b"", X::UnexpectedPacket { packet: T::Auth }, 0x82),
            (V311, 0x11, b"\0\x04MQTT\x04\x02\0\0\0\x01a", flags(T::Connect, 1, 0), 0x81),
            (V311, 0x36, b"\0\x01a\0\x01", X::PublishQoS, 0x81),
            (V311, 0x38, b"\0\x01a", X::DuplicateQoS0, 0x81),
            (V311, 0x41, b"\0\x01", flags(T::PubAck, 1, 0), 0x81),
            (V311, 0x52, b"\0\x01", flags(T::PubRec, 2, 0), 0x81),
            (V311, 0x60, b"\0\x01", flags(T::PubRel, 0, 2), 0x81),
            (V311, 0x78, b"\0\x01", flags(T::PubComp, 8, 0), 0x81),
            (V311, 0x80, b"\0\x01\0\x01a\0", flags(T::Subscribe, 0, 2), 0x81),
            (V311, 0xA3, b"\0\x01\0\x01a", flags(T::Unsubscribe, 3, 2), 0x81),
            (V311, 0xC1, b"", flags(T::PingReq, 1, 0), 0x81),
            (V311, 0xE8, b"", flags(T::Disconnect, 8, 0), 0x81),
            (V5, 0xF1, b"", flags(T::Auth, 1, 0), 0x81),
            (V311, 0x20, b"\0\0", X::UnexpectedPacket { packet: T::ConnAck }, 0x82),
            (V311, 0x90, b"\0\x01\0", X::UnexpectedPacket { packet: T::SubAck }, 0x82),
            (V311, 0xB0, b"\0\x01", X::UnexpectedPacket { packet: T::UnsubAck }, 0x82),
            (V5, 0xD0, b"", X::UnexpectedPacket { packet: T::PingResp }, 0x82),
            (V311, 0xC0, b"x", X::TrailingBytes { packet: T::PingReq, bytes: 1 }, 0x81),
            (V311, 0xE0, b"\0", X::TrailingBytes { packet: T::Disconnect, bytes: 1 }, 0x81),
        ],
    );
}

#[test]
fn invalid_connects_are_refused() {
    let truncated = X::Truncated { packet: T::Connect };
    let wildcard = X::WillTopic(InvalidTopicName::Wildcard { wildcard: '#', position: 0 });
    check_invalid(
        Client,
        &[
            (V311, 0x10, b"\0\x04MQTX\x04\x02\0\0\0\x01a", X::ProtocolName, 0x84),
            (V311, 0x10, b"\0\x04MQTT\x05\x02\0\0\0\x01a", X::ProtocolLevel { level: 5 }, 0x84),
            (V311, 0x10, b"\0\x04MQTT\x04\x03\0\0\0\x01a", X::ReservedFlag { packet: T::Connect }, 0x81),
            (V311, 0x10, b"\0\x04MQTT\x04\x0a\0\0\0\x01a", X::WillFlags, 0x81),
            (V5, 0x10, b"\0\x04MQTT\x05\x22\0\0\0\0\x01a", X::WillFlags, 0x81),
            (V311, 0x10, b"\0\x04MQTT\x04\x1e\0\0\0\x01a\0\x01t\0\0", X::WillQoS, 0x81),
            (V311, 0x10, b"\0\x04MQTT\x04\x42\0\0\0\x01a\0\x01p", X::PasswordWithoutUserName, 0x82),
            (V311, 0x10, b"\0\x04MQTT\x04\x82\0\0\0\x01a", truncated.clone(), 0x81),
            (V311, 0x10, b"\0\x04MQTT\x04\xc2\0\0\0\x01a\0\x01u", truncated.clone(), 0x81),
            (V311, 0x10, b"\0\x04MQTT\x04\x06\0\0\0\x01a\0\x01t", truncated.clone(), 0x81),
            (V311, 0x10, b"\0\x04MQTT\x04\x06\0\0\0\x01a\0\x01#\0\0", wildcard, 0x90),
            (V311, 0x10, b"\0\x04MQTT\x04\x02\0\0\0\x05a", truncated.clone(), 0x81),
            (V311, 0x10, b"\0\x04MQTT\x04\x02\0", truncated.clone(), 0x81),
            (
                V311,
                0x10,
                b"\0\x04MQTT\x04\x02\0\0\0\x01axy",
                X::TrailingBytes { packet: T::Connect, bytes: 2 },
                0x81,
            ),
            (V311, 0x10, b"\0\x04MQTT\x04\x02\0\0\0\x02a\0", X::NullCharacter { packet: T::Connect }, 0x81),
            (V311, 0x10, b"\0\x04MQTT\x04\x02\0\0\0\x01\xff", X::Text { packet: T::Connect }, 0x81),
            // U+D800, a surrogate.
            (V311, 0x10, b"\0\x04MQTT\x04\x02\0\0\0\x03\xed\xa0\x80", X::Text { packet: T::Connect }, 0x81),
        ],
    );
}

#[test]
fn connects_with_invalid_properties_are_refused() {
    let truncated = X::Truncated { packet: T::Connect };
    let value = |property, value| X::PropertyValue { property, value };
    check_invalid(
        Client,
        &[
            (V5, 0x10, b"\0\x04MQTT\x05\x02\0\0\x03\x21\0\0\0\x01a", value(0x21, 0), 0x82),
            (V5, 0x10, b"\0\x04MQTT\x05\x02\0\0\x05\x27\0\0\0\0\0\x01a", value(0x27, 0), 0x82),
            (V5, 0x10, b"\0\x04MQTT\x05\x02\0\0\x02\x17\x02\0\x01a", value(0x17, 2), 0x82),
            (
                V5,
                0x10,
                b"\0\x04MQTT\x05\x02\0\0\x04\x17\x01\x17\x01\0\x01a",
                X::PropertyDuplicate { packet: T::Connect, property: 0x17 },
                0x82,
            ),
            (
                V5,
                0x10,
                b"\0\x04MQTT\x05\x02\0\0\x03\x13\0\x01\0\x01a",
                X::PropertyNotAllowed { packet: T::Connect, property: 0x13 },
                0x81,
            ),
            (
                V5,
                0x10,
                b"\0\x04MQTT\x05\x02\0\0\x02\xff\x01\0\x01a",
                X::PropertyNotAllowed { packet: T::Connect, property: 255 },
                0x81,
            ),
            (
                V5,
                0x10,
                b"\0\x04MQTT\x05\x02\0\0\x04\x16\0\x01x\0\x01a",
                X::AuthenticationDataWithoutMethod { packet: T::Connect },
                0x82,
            ),
            (V5, 0x10, b"\0\x04MQTT\x05\x02\0\0\x80\0\0\x01a", X::VariableByteInteger, 0x81),
            (V5, 0x10, b"\0\x04MQTT\x05\x02\0\0\x7f\0\x01a", truncated.clone(), 0x81),
            // A property that goes beyond the list.
            (V5, 0x10, b"\0\x04MQTT\x05\x02\0\0\x02\x21\x01\0\x01a", truncated, 0x81),
            (
                V5,
                0x10,
                b"\0\x04MQTT\x05\x06\0\0\0\0\x01a\x02\x01\x01\0\x01t\0\x01\xff",
                X::PayloadFormat,
                0x99,
            ),
        ],
    );
}

#[test]
fn invalid_publishes_are_refused() {
    let wildcard = |wildcard, position| X::TopicName(InvalidTopicName::Wildcard { wildcard, position });
    let response = X::ResponseTopic(InvalidTopicName::Wildcard { wildcard: '+', position: 0 });
    check_invalid(
        Client,
        &[
            (V311, 0x30, b"", X::Truncated { packet: T::Publish }, 0x81),
            (V311, 0x30, b"\0\0", X::TopicEmpty, 0x82),
            (V5, 0x30, b"\0\0\0", X::TopicEmpty, 0x82),
            (V311, 0x30, b"\0\x01#", wildcard('#', 0), 0x90),
            (V311, 0x30, b"\0\x03a/+", wildcard('+', 2), 0x90),
            (V311, 0x30, b"\0\x02a\0", X::NullCharacter { packet: T::Publish }, 0x81),
            (V311, 0x30, b"\0\x02\xc3\x28", X::Text { packet: T::Publish }, 0x81),
            (V311, 0x32, b"\0\x01a\0\0", X::PacketIdZero { packet: T::Publish }, 0x82),
            (V311, 0x32, b"\0\x01a\0", X::Truncated { packet: T::Publish }, 0x81),
            (V5, 0x30, b"\0\x01a", X::Truncated { packet: T::Publish }, 0x81),
            (V5, 0x30, b"\0\x01a\x03\x23\0\x01", X::TopicAlias { alias: 1 }, 0x94),
            (V5, 0x30, b"\0\0\x03\x23\0\x00", X::TopicAlias { alias: 0 }, 0x94),
            (
                V5,
                0x30,
                b"\0\x01a\x02\x0b\x01",
                X::PropertyNotAllowed { packet: T::Publish, property: 0x0B },
                0x81,
            ),
            (V5, 0x30, b"\0\x01a\x02\x01\x02", X::PropertyValue { property: 1, value: 2 }, 0x82),
            (
                V5,
                0x30,
                b"\0\x01a\x04\x01\0\x01\0",
                X::PropertyDuplicate { packet: T::Publish, property: 1 },
                0x82,
            ),
            (V5, 0x30, b"\0\x01a\x04\x08\0\x01+", response, 0x90),
            (V5, 0x30, b"\0\x01a\x02\x01\x01\xff\xfe", X::PayloadFormat, 0x99),
            (V5, 0x30, b"\0\x01a\x06\x26\0\0\0\x01\0", X::NullCharacter { packet: T::Publish }, 0x81),
        ],
    );
}

#[test]
fn invalid_subscriptions_and_acknowledgements_are_refused() {
    let not_last = X::TopicFilter(InvalidTopicFilter::RestNotLast);
    let reserved = |options| X::SubscriptionOptionsReserved { options };
    check_invalid(
        Client,
        &[
            (V311, 0x82, b"\0\x01", X::NoFilter { packet: T::Subscribe }, 0x82),
            (V5, 0x82, b"\0\x01\0", X::NoFilter { packet: T::Subscribe }, 0x82),
            (V311, 0x82, b"\0\0\0\x01a\0", X::PacketIdZero { packet: T::Subscribe }, 0x82),
            (V311, 0x82, b"\0\x01\0\x01a", X::Truncated { packet: T::Subscribe }, 0x81),
            (V311, 0x82, b"\0\x01\0\x01a\x03", X::SubscriptionQoS, 0x82),
            (V311, 0x82, b"\0\x01\0\x01a\x04", reserved(4), 0x81),
            (V311, 0x82, b"\0\x01\0\x03#/a\0", not_last.clone(), 0x8F),
            (V5, 0x82, b"\0\x01\0\0\x01a\x80", reserved(0x80), 0x81),
            (V5, 0x82, b"\0\x01\0\0\x01a\x30", X::RetainHandling, 0x82),
            (V5, 0x82, b"\0\x01\0\0\x0a$share/g/a\x04", X::SharedNoLocal, 0x82),
            (V5, 0x82, b"\0\x01\x02\x0b\0\0\x01a\0", X::PropertyValue { property: 0x0B, value: 0 }, 0x82),
            (
                V5,
                0x82,
                b"\0\x01\x04\x0b\x01\x0b\x01\0\x01a\0",
                X::PropertyDuplicate { packet: T::Subscribe, property: 0x0B },
                0x82,
            ),
            (V311, 0xA2, b"\0\x01", X::NoFilter { packet: T::Unsubscribe }, 0x82),
            (V311, 0xA2, b"\0\x01\0\x03#/a", not_last, 0x8F),
            (
                V5,
                0xA2,
                b"\0\x01\x02\x0b\x01\0\x01a",
                X::PropertyNotAllowed { packet: T::Unsubscribe, property: 11 },
                0x81,
            ),
            (V311, 0x40, b"\0\0", X::PacketIdZero { packet: T::PubAck }, 0x82),
            (V311, 0x40, b"\0", X::Truncated { packet: T::PubAck }, 0x81),
            (V311, 0x40, b"\0\x01\0", X::TrailingBytes { packet: T::PubAck, bytes: 1 }, 0x81),
            (V5, 0x40, b"\0\x01\x01", X::ReasonCode { packet: T::PubAck, code: 1 }, 0x82),
            (V5, 0x62, b"\0\x01\x10", X::ReasonCode { packet: T::PubRel, code: 0x10 }, 0x82),
            (V5, 0x40, b"\0\x01\0\0x", X::TrailingBytes { packet: T::PubAck, bytes: 1 }, 0x81),
            (
                V5,
                0x40,
                b"\0\x01\0\x05\x11\0\0\0\0",
                X::PropertyNotAllowed { packet: T::PubAck, property: 0x11 },
                0x81,
            ),
            (V5, 0xE0, b"\x8e", X::ReasonCode { packet: T::Disconnect, code: 0x8E }, 0x82),
            (V5, 0xE0, b"\x7f", X::ReasonCode { packet: T::Disconnect, code: 0x7F }, 0x82),
            (V5, 0xF0, b"\x01", X::ReasonCode { packet: T::Auth, code: 1 }, 0x82),
        ],
    );
}

#[test]
fn invalid_packets_of_servers_are_refused() {
    check_invalid(
        Server,
        &[
            (V311, 0x10, b"\0\x04MQTT\x04\x02\0\0\0\x01a", X::UnexpectedPacket { packet: T::Connect }, 0x82),
            (V311, 0x20, b"\x02\0", X::ReservedFlag { packet: T::ConnAck }, 0x81),
            (V311, 0x20, b"\0\x06", X::ReasonCode { packet: T::ConnAck, code: 6 }, 0x82),
            (V5, 0x20, b"\0\x01\0", X::ReasonCode { packet: T::ConnAck, code: 1 }, 0x82),
            (V5, 0x20, b"\0\0\x02\x24\x02", X::PropertyValue { property: 0x24, value: 2 }, 0x82),
            (V311, 0x90, b"\0\x01\x03", X::ReasonCode { packet: T::SubAck, code: 3 }, 0x82),
            (V5, 0x90, b"\0\x01\0\x11", X::ReasonCode { packet: T::SubAck, code: 0x11 }, 0x82),
            (V5, 0xB0, b"\0\x01\0\x9e", X::ReasonCode { packet: T::UnsubAck, code: 0x9E }, 0x82),
            (V311, 0xE0, b"", X::UnexpectedPacket { packet: T::Disconnect }, 0x82),
        ],
    );
}

#[test]
fn a_remaining_length_with_needless_bytes_is_refused_in_mqtt_5_only() {
    let ping = b"\xc0\x80\x00";
    assert_eq!(decode(V311, Client, ping), Ok(Some(Packet::PingReq)));
    assert_eq!(decode(V5, Client, ping), Err(X::VariableByteInteger));
}

#[test]
fn a_packet_above_the_limit_is_refused_before_its_body_has_come() {
    let decoder = PacketDecoder { version: V311, sender: Client, packet_bytes_max: 100 };
    let too_large = |bytes| Err(X::PacketTooLarge { bytes, bytes_max: 100 });
    for (header, expected) in [
        (&b"\x30\x62"[..], Ok(None)),
        (b"\x30\x63", too_large(101)),
        (b"\x30\xff\xff\xff\x7f", too_large(268_435_460)),
    ] {
        assert_eq!(decoder.decode(&mut BytesMut::from(header)), expected, "{header:02x?}");
    }
}

fn connect_of(bytes: &[u8]) -> Connect {
    let version = crate::header::detect_version(bytes, 131_072).unwrap().unwrap();
    let Ok(Some(Packet::Connect(connect))) = decode(version, Client, bytes) else { panic!() };
    *connect
}

#[test]
fn what_the_codec_refuses_and_the_specification_allows_is_understood() {
    // An empty client identifier without Clean Start.
    for (body, clean_start) in [
        (&b"\0\x04MQTT\x05\x00\0\0\0\0\0"[..], false),
        (b"\0\x04MQTT\x05\x02\0\0\0\0\0", true),
        (b"\0\x04MQTT\x04\x00\0\0\0\0", false),
    ] {
        let connect = connect_of(&packet(0x10, body));
        assert_eq!((&*connect.client_id, connect.clean_start), ("", clean_start));
    }
    // A message expiry interval of zero, in PUBLISH and in a will.
    for (seconds, expected) in [([0, 0, 0, 0], 0), ([0, 0, 0, 1], 1), ([0, 1, 0, 0], 65_536)] {
        let body = [&b"\0\x01a\x05\x02"[..], &seconds, b"payload"].concat();
        let Ok(Some(Packet::Publish(publish))) = decode(V5, Client, &packet(0x30, &body)) else { panic!() };
        assert_eq!((publish.message_expiry, &*publish.payload), (Some(expected), &b"payload"[..]));
    }
    let will =
        connect_of(&packet(0x10, b"\0\x04MQTT\x05\x06\0\0\0\0\x01a\x05\x02\0\0\0\0\0\x01t\0\x01m")).will;
    assert_eq!(will.map(|will| will.payload), Some(Bytes::from_static(b"m")));
}

#[test]
fn a_connect_with_a_topic_alias_maximum_of_zero_is_understood() {
    // mqtt-protocol-core 0.7.9 panics on it.
    let connect = connect_of(&packet(0x10, b"\0\x04MQTT\x05\x02\0\x3c\x03\x22\0\0\0\x01a"));
    assert_eq!((&*connect.client_id, connect.topic_alias_maximum, connect.keep_alive), ("a", 0, 60));
}

#[test]
fn the_payload_shares_the_buffer_it_came_in() {
    for version in [V311, V5] {
        let properties: &[u8] = if version == V5 { b"\0" } else { b"" };
        let mut buf = packet(0x30, &[b"\0\x01a", properties, &[7; 5000]].concat());
        let range = buf.as_ptr_range();
        let decoder = PacketDecoder { version, sender: Client, packet_bytes_max: 131_072 };
        let Ok(Some(Packet::Publish(publish))) = decoder.decode(&mut buf) else { panic!() };
        assert_eq!(publish.payload.len(), 5000);
        assert!(range.contains(&publish.payload.as_ptr()));
    }
}

fn topic_name() -> impl Strategy<Value = TopicName> {
    "[a-zä$ /]{1,12}".prop_filter_map("a topic", |text| TopicName::parse(&text).ok())
}

fn topic_filter() -> impl Strategy<Value = TopicFilter> {
    prop::collection::vec("[a-zä]{0,3}|\\+", 1..6)
        .prop_filter_map("a filter", |levels| TopicFilter::parse(&levels.join("/")).ok())
}

fn text_of() -> impl Strategy<Value = Box<str>> {
    "[^\0]{0,20}".prop_map(Into::into)
}

fn packet_id() -> impl Strategy<Value = PacketId> {
    (1..=u16::MAX).prop_map(|number| PacketId::new(number).unwrap())
}

fn qos() -> impl Strategy<Value = QoS> {
    prop::sample::select(vec![QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce])
}

fn payload() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..300).prop_map(Into::into)
}

fn reason_of(packet: PacketType, sender: Sender) -> impl Strategy<Value = ReasonCode> {
    let codes: Vec<_> = (0..=u8::MAX)
        .filter_map(ReasonCode::from_value)
        .filter(|code| code.may_stand_in(packet, sender))
        .collect();
    prop::sample::select(codes)
}

fn publish_properties() -> impl Strategy<Value = Option<Arc<PublishProperties>>> {
    let strategy = (
        prop::option::of(text_of()),
        prop::option::of(topic_name()),
        prop::option::of(payload()),
        prop::collection::vec((text_of(), text_of()), 0..4),
    );
    strategy.prop_map(|(content_type, response_topic, correlation_data, user_properties)| {
        let properties = PublishProperties {
            payload_is_text: false,
            content_type,
            response_topic,
            correlation_data,
            user_properties,
        };
        (properties != PublishProperties::default()).then(|| Arc::new(properties))
    })
}

fn publish() -> impl Strategy<Value = Packet> {
    let strategy = (
        any::<bool>(),
        any::<bool>(),
        (qos(), packet_id()),
        topic_name(),
        payload(),
        prop::option::of(any::<u32>()),
        publish_properties(),
    );
    strategy.prop_map(|(duplicate, retain, (qos, packet_id), topic, payload, message_expiry, properties)| {
        let qos = match qos {
            QoS::AtMostOnce => PublishQoS::AtMostOnce,
            QoS::AtLeastOnce => PublishQoS::AtLeastOnce(packet_id),
            QoS::ExactlyOnce => PublishQoS::ExactlyOnce(packet_id),
        };
        let duplicate = duplicate && qos != PublishQoS::AtMostOnce;
        Packet::Publish(Publish { duplicate, retain, qos, topic, payload, message_expiry, properties })
    })
}

fn connect() -> impl Strategy<Value = Packet> {
    let will = (topic_name(), payload(), qos(), any::<bool>())
        .prop_map(|(topic, payload, qos, retain)| Will { topic, payload, qos, retain });
    let first = (any::<bool>(), any::<u16>(), text_of(), prop::option::of(will), prop::option::of(text_of()));
    let second = (
        any::<u32>(),
        prop::option::of(any::<u16>()),
        prop::option::of(any::<u32>()),
        any::<u16>(),
        any::<bool>(),
        prop::option::of(text_of()),
    );
    (first, second).prop_map(|((clean_start, keep_alive, client_id, will, user_name), second)| {
        let (
            session_expiry_interval,
            receive,
            size,
            topic_alias_maximum,
            request_problem_information,
            method,
        ) = second;
        Packet::Connect(Box::new(Connect {
            version: V5,
            clean_start,
            keep_alive,
            client_id,
            will,
            user_name,
            session_expiry_interval,
            receive_maximum: receive.and_then(NonZeroU16::new),
            maximum_packet_size: size.and_then(std::num::NonZeroU32::new),
            topic_alias_maximum,
            request_problem_information,
            authentication_method: method,
        }))
    })
}

fn connack() -> impl Strategy<Value = Packet> {
    let first = (any::<bool>(), reason_of(T::ConnAck, Server), prop::option::of(any::<u32>()), 1..=u16::MAX);
    let second = (qos(), prop::option::of(1..=u32::MAX), prop::option::of(text_of()), any::<u16>());
    let third = (prop::option::of(text_of()), any::<[bool; 4]>(), prop::option::of(any::<u16>()));
    (first, second, third).prop_map(|(first, second, third)| {
        Packet::ConnAck(Box::new(ConnAck {
            session_present: first.0,
            reason: first.1,
            session_expiry_interval: first.2,
            receive_maximum: NonZeroU16::new(first.3).unwrap(),
            maximum_qos: second.0,
            maximum_packet_size: second.1,
            assigned_client_id: second.2,
            topic_alias_maximum: second.3,
            reason_string: third.0,
            retain_available: third.1[0],
            wildcard_subscription_available: third.1[1],
            subscription_identifiers_available: third.1[2],
            shared_subscription_available: third.1[3],
            server_keep_alive: third.2,
        }))
    })
}

fn ack(packet: PacketType) -> impl Strategy<Value = Ack> {
    (packet_id(), reason_of(packet, Client), prop::option::of(text_of()))
        .prop_map(|(packet_id, reason, reason_string)| Ack { packet_id, reason, reason_string })
}

fn subscription_options() -> impl Strategy<Value = SubscriptionOptions> {
    let handling = [RetainHandling::AtSubscribe, RetainHandling::AtNewSubscribe, RetainHandling::Never];
    (qos(), any::<[bool; 2]>(), prop::sample::select(handling.to_vec())).prop_map(
        |(qos, flags, retain_handling)| SubscriptionOptions {
            qos,
            no_local: flags[0],
            retain_as_published: flags[1],
            retain_handling,
        },
    )
}

fn from_client() -> impl Strategy<Value = Packet> {
    let filters = prop::collection::vec((topic_filter(), subscription_options()), 1..4);
    let disconnect = (reason_of(T::Disconnect, Client), prop::option::of(text_of()));
    prop_oneof![
        connect(),
        publish(),
        ack(T::PubAck).prop_map(Packet::PubAck),
        ack(T::PubRec).prop_map(Packet::PubRec),
        ack(T::PubRel).prop_map(Packet::PubRel),
        ack(T::PubComp).prop_map(Packet::PubComp),
        (packet_id(), prop::option::of(1_u32..0x0FFF_FFFF), filters).prop_map(|(packet_id, id, filters)| {
            let subscription_id = id.and_then(std::num::NonZeroU32::new);
            Packet::Subscribe(Subscribe { packet_id, subscription_id, filters })
        }),
        (packet_id(), prop::collection::vec(topic_filter(), 1..4))
            .prop_map(|(packet_id, filters)| Packet::Unsubscribe(Unsubscribe { packet_id, filters })),
        Just(Packet::PingReq),
        disconnect
            .prop_map(|(reason, reason_string)| Packet::Disconnect(Disconnect { reason, reason_string })),
    ]
}

fn from_server() -> impl Strategy<Value = Packet> {
    let disconnect = (reason_of(T::Disconnect, Server), prop::option::of(text_of()));
    prop_oneof![
        connack(),
        publish(),
        (packet_id(), prop::collection::vec(reason_of(T::SubAck, Server), 1..5), prop::option::of(text_of()))
            .prop_map(|(packet_id, codes, reason_string)| {
                Packet::SubAck(SubAck { packet_id, codes, reason_string })
            }),
        (packet_id(), prop::collection::vec(reason_of(T::UnsubAck, Server), 1..5))
            .prop_map(|(packet_id, codes)| Packet::UnsubAck(UnsubAck { packet_id, codes })),
        Just(Packet::PingResp),
        disconnect
            .prop_map(|(reason, reason_string)| Packet::Disconnect(Disconnect { reason, reason_string })),
    ]
}

/// What is left of a packet when it travels in MQTT 3.1.1.
fn in_v311(packet: Packet) -> Packet {
    let success = |ack: Ack| Ack::success(ack.packet_id);
    match packet {
        Packet::Connect(connect) => Packet::Connect(Box::new(Connect {
            version: V311,
            session_expiry_interval: 0,
            receive_maximum: None,
            maximum_packet_size: None,
            topic_alias_maximum: 0,
            request_problem_information: true,
            authentication_method: None,
            ..*connect
        })),
        Packet::ConnAck(connack) => {
            let reason = ReasonCode::from_return_code(connack.reason.return_code());
            Packet::ConnAck(Box::new(ConnAck {
                session_present: connack.session_present,
                ..ConnAck::new(reason)
            }))
        }
        Packet::Publish(publish) => {
            Packet::Publish(Publish { message_expiry: None, properties: None, ..publish })
        }
        Packet::PubAck(ack) => Packet::PubAck(success(ack)),
        Packet::PubRec(ack) => Packet::PubRec(success(ack)),
        Packet::PubRel(ack) => Packet::PubRel(success(ack)),
        Packet::PubComp(ack) => Packet::PubComp(success(ack)),
        Packet::Subscribe(subscribe) => Packet::Subscribe(Subscribe {
            subscription_id: None,
            filters: subscribe
                .filters
                .into_iter()
                .map(|(filter, options)| (filter, SubscriptionOptions::with_qos(options.qos)))
                .collect(),
            ..subscribe
        }),
        Packet::SubAck(SubAck { packet_id, codes, .. }) => {
            let failure =
                |code: ReasonCode| if code.is_failure() { ReasonCode::UnspecifiedError } else { code };
            let codes = codes.into_iter().map(failure).collect();
            Packet::SubAck(SubAck { packet_id, codes, reason_string: None })
        }
        Packet::UnsubAck(UnsubAck { packet_id, .. }) => {
            Packet::UnsubAck(UnsubAck { packet_id, codes: Vec::new() })
        }
        Packet::Disconnect(_) => {
            Packet::Disconnect(Disconnect { reason: ReasonCode::Success, reason_string: None })
        }
        Packet::Unsubscribe(_) | Packet::PingReq | Packet::PingResp | Packet::Auth => packet,
    }
}

fn check_round_trip(version: ProtocolVersion, sender: Sender, sent: Packet, expected: Packet) {
    let mut bytes = BytesMut::from(&b"before"[..]);
    encode(version, sent, &mut bytes).unwrap();
    let packet = bytes.split_off(6);
    assert_eq!(&bytes[..], b"before");
    for end in 0..packet.len() {
        assert_eq!(decode(version, sender, &packet[..end]), Ok(None), "{end} of {} bytes", packet.len());
    }
    assert_eq!(decode(version, sender, &packet), Ok(Some(expected)), "{}", packet.escape_ascii());
}

proptest! {
    #[test]
    fn packets_of_clients_come_back_as_they_were(sent in from_client()) {
        check_round_trip(V5, Client, sent.clone(), sent.clone());
        check_round_trip(V311, Client, sent.clone(), in_v311(sent));
    }

    #[test]
    fn packets_of_servers_come_back_as_they_were(sent in from_server()) {
        let in_v5 = sent.clone();
        // A server never announces quality of service 2: it is what holds when nothing is announced.
        check_round_trip(V5, Server, sent.clone(), in_v5);
        if sent.packet_type() != T::Disconnect {
            check_round_trip(V311, Server, sent.clone(), in_v311(sent));
        }
    }

    /// Packets that pass our own checks are understood by the codec, which is a second opinion about them.
    #[test]
    fn the_codec_understands_what_passes_the_validation(
        sent in from_client(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        is_v5 in any::<bool>(),
    ) {
        let version = if is_v5 { V5 } else { V311 };
        let mut bytes = BytesMut::new();
        encode(version, sent, &mut bytes).unwrap();
        for (index, value) in changes {
            let index = index.index(bytes.len());
            bytes[index] = value;
        }
        let result = decode(version, Client, &bytes);
        let refused = matches!(result, Err(X::Codec { .. }));
        prop_assert!(!refused, "{:?}: {}", result, bytes.escape_ascii());
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), flags in any::<[bool; 2]>()) {
        let version = if flags[0] { V5 } else { V311 };
        let sender = if flags[1] { Client } else { Server };
        let result = decode(version, sender, &bytes);
        let refused = matches!(result, Err(X::Codec { .. }));
        prop_assert!(!refused, "{:?}: {}", result, bytes.escape_ascii());
    }
}
