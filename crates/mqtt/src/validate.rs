//! Strict validation of whole packets, before the codec sees them.
//!
//! The codec's decoder is lenient: it overlooks reserved bits, bytes after the last field, U+0000, flags that
//! contradict each other and more. Everything that the specification forbids inside one packet is found here, on the
//! bytes themselves, so that nothing is lost before it is checked. Whether topics are within the limits of
//! Landfall is left to their own parsers, and what depends on earlier packets to the session.

use crate::packet::{PacketType, ProtocolVersion, Sender};
use crate::reader::Reader;
use crate::reason::ReasonCode;
use crate::violation::Violation;

/// What the codec must not see, since it refuses it although the specification allows it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Checked {
    /// Where a message expiry interval of zero stands, counted from the end of the fixed header.
    pub(crate) zero_expiry_at: Option<usize>,
}

/// Checks the flags that stand beside the packet type in the fixed header.
pub(crate) fn check_flags(packet: PacketType, flags: u8) -> Result<(), Violation> {
    let expected = match packet {
        PacketType::Publish if flags & 0b0110 == 0b0110 => return Err(Violation::PublishQoS),
        PacketType::Publish if flags & 0b1110 == 0b1000 => return Err(Violation::DuplicateQoS0),
        PacketType::Publish => flags,
        PacketType::PubRel | PacketType::Subscribe | PacketType::Unsubscribe => 0b0010,
        PacketType::Connect
        | PacketType::ConnAck
        | PacketType::PubAck
        | PacketType::PubRec
        | PacketType::PubComp
        | PacketType::SubAck
        | PacketType::UnsubAck
        | PacketType::PingReq
        | PacketType::PingResp
        | PacketType::Disconnect
        | PacketType::Auth => 0b0000,
    };
    if flags != expected {
        return Err(Violation::HeaderFlags { packet, found: flags, expected });
    }
    Ok(())
}

/// Checks a packet of which `body` follows the fixed header.
pub(crate) fn check_body(
    packet: PacketType,
    flags: u8,
    body: &[u8],
    version: ProtocolVersion,
    sender: Sender,
) -> Result<Checked, Violation> {
    let mut reader = Reader::new(packet, body);
    let is_v5 = version == ProtocolVersion::V5;
    match packet {
        PacketType::Connect => return check_connect(&mut reader, version),
        PacketType::Publish => return check_publish(&mut reader, flags, is_v5, sender),
        PacketType::ConnAck => check_connack(&mut reader, is_v5)?,
        PacketType::PubAck | PacketType::PubRec | PacketType::PubRel | PacketType::PubComp => {
            reader.packet_id()?;
            if is_v5 {
                check_optional_reason(&mut reader, Place::Ack, sender)?;
            }
        }
        PacketType::Subscribe => check_subscribe(&mut reader, is_v5)?,
        PacketType::Unsubscribe => check_unsubscribe(&mut reader, is_v5)?,
        PacketType::SubAck | PacketType::UnsubAck => check_suback(&mut reader, is_v5)?,
        PacketType::PingReq | PacketType::PingResp => {}
        PacketType::Disconnect if is_v5 => check_optional_reason(&mut reader, Place::Disconnect, sender)?,
        PacketType::Disconnect => {}
        PacketType::Auth => check_optional_reason(&mut reader, Place::Auth, sender)?,
    }
    reader.end()?;
    Ok(Checked::default())
}

/// CONNECT (section 3.1).
fn check_connect(reader: &mut Reader<'_>, version: ProtocolVersion) -> Result<Checked, Violation> {
    let packet = reader.packet();
    if reader.binary()? != b"MQTT" {
        return Err(Violation::ProtocolName);
    }
    let level = reader.byte()?;
    if level != version.level() {
        return Err(Violation::ProtocolLevel { level });
    }
    let flags = ConnectFlags(reader.byte()?);
    flags.check(version)?;
    reader.two_byte_integer()?; // keep-alive, in seconds
    let is_v5 = version == ProtocolVersion::V5;
    if is_v5 {
        let seen = check_properties(reader, Place::Connect)?;
        // Section 3.1.2.11.10.
        if seen.has(property::AUTHENTICATION_DATA) && !seen.has(property::AUTHENTICATION_METHOD) {
            return Err(Violation::AuthenticationDataWithoutMethod { packet });
        }
    }
    reader.text()?; // client identifier
    let mut checked = Checked::default();
    if flags.will() {
        let seen = if is_v5 { check_properties(reader, Place::Will)? } else { Seen::default() };
        reader.text()?; // topic
        check_payload(&seen, reader.binary()?)?;
        checked.zero_expiry_at = seen.zero_expiry_at;
    }
    if flags.user_name() {
        reader.text()?;
    }
    if flags.password() {
        reader.binary()?;
    }
    reader.end()?;
    Ok(checked)
}

/// The flags of CONNECT (section 3.1.2.3).
struct ConnectFlags(u8);

impl ConnectFlags {
    fn will(&self) -> bool {
        self.0 & 0x04 != 0
    }

    fn password(&self) -> bool {
        self.0 & 0x40 != 0
    }

    fn user_name(&self) -> bool {
        self.0 & 0x80 != 0
    }

    fn check(&self, version: ProtocolVersion) -> Result<(), Violation> {
        // The server validates that the reserved flag is 0 [MQTT-3.1.2-3].
        if self.0 & 0x01 != 0 {
            return Err(Violation::ReservedFlag { packet: PacketType::Connect });
        }
        // Without a will, its quality of service and its retain flag are 0 [MQTT-3.1.2-11] [MQTT-3.1.2-13].
        if !self.will() && self.0 & 0x38 != 0 {
            return Err(Violation::WillFlags);
        }
        if self.0 & 0x18 == 0x18 {
            return Err(Violation::WillQoS);
        }
        // MQTT 3.1.1 [MQTT-3.1.2-22]; MQTT 5 allows it (section 3.1.2.9).
        if version == ProtocolVersion::V311 && self.password() && !self.user_name() {
            return Err(Violation::PasswordWithoutUserName);
        }
        Ok(())
    }
}

/// PUBLISH (section 3.3).
fn check_publish(
    reader: &mut Reader<'_>,
    flags: u8,
    is_v5: bool,
    sender: Sender,
) -> Result<Checked, Violation> {
    let topic = reader.text()?;
    if flags & 0b0110 != 0 {
        reader.packet_id()?;
    }
    let seen = if is_v5 { check_properties(reader, Place::Publish(sender))? } else { Seen::default() };
    // After the properties: a topic alias explains why the topic name is empty, and is refused by its own code.
    if topic.is_empty() {
        return Err(Violation::TopicEmpty);
    }
    check_payload(&seen, reader.rest())?;
    Ok(Checked { zero_expiry_at: seen.zero_expiry_at })
}

/// The receiver may check what the payload is declared to be (section 3.3.2.3.2).
fn check_payload(seen: &Seen, payload: &[u8]) -> Result<(), Violation> {
    if seen.payload_is_text && str::from_utf8(payload).is_err() {
        return Err(Violation::PayloadFormat);
    }
    Ok(())
}

/// CONNACK (section 3.2).
fn check_connack(reader: &mut Reader<'_>, is_v5: bool) -> Result<(), Violation> {
    let packet = reader.packet();
    // Bits 7 to 1 are reserved [MQTT-3.2.2-1].
    if reader.byte()? > 1 {
        return Err(Violation::ReservedFlag { packet });
    }
    let code = reader.byte()?;
    if is_v5 {
        check_reason(packet, code, Sender::Server)?;
        check_properties(reader, Place::ConnAck)?;
    } else if code > 5 {
        return Err(Violation::ReasonCode { packet, code });
    }
    Ok(())
}

/// SUBSCRIBE (section 3.8).
fn check_subscribe(reader: &mut Reader<'_>, is_v5: bool) -> Result<(), Violation> {
    reader.packet_id()?;
    if is_v5 {
        check_properties(reader, Place::Subscribe)?;
    }
    // At least one topic filter [MQTT-3.8.3-2].
    if reader.is_at_end() {
        return Err(Violation::NoFilter { packet: reader.packet() });
    }
    while !reader.is_at_end() {
        let filter = reader.text()?;
        check_subscription_options(filter, reader.byte()?, is_v5)?;
    }
    Ok(())
}

/// The subscription options of MQTT 5 (section 3.8.3.1), or the quality of service of MQTT 3.1.1.
fn check_subscription_options(filter: &str, options: u8, is_v5: bool) -> Result<(), Violation> {
    let reserved = if is_v5 { 0b1100_0000 } else { 0b1111_1100 };
    if options & reserved != 0 {
        return Err(Violation::SubscriptionOptionsReserved { options });
    }
    if options & 0b0011 == 0b0011 {
        return Err(Violation::SubscriptionQoS);
    }
    if options & 0b0011_0000 == 0b0011_0000 {
        return Err(Violation::RetainHandling);
    }
    if options & 0b0100 != 0 && filter.starts_with("$share/") {
        return Err(Violation::SharedNoLocal);
    }
    Ok(())
}

/// UNSUBSCRIBE (section 3.10).
fn check_unsubscribe(reader: &mut Reader<'_>, is_v5: bool) -> Result<(), Violation> {
    reader.packet_id()?;
    if is_v5 {
        check_properties(reader, Place::Unsubscribe)?;
    }
    // At least one topic filter [MQTT-3.10.3-2].
    if reader.is_at_end() {
        return Err(Violation::NoFilter { packet: reader.packet() });
    }
    while !reader.is_at_end() {
        reader.text()?;
    }
    Ok(())
}

/// SUBACK and UNSUBACK (sections 3.9 and 3.11).
fn check_suback(reader: &mut Reader<'_>, is_v5: bool) -> Result<(), Violation> {
    let packet = reader.packet();
    reader.packet_id()?;
    if is_v5 {
        check_properties(reader, Place::Ack)?;
    } else if packet == PacketType::UnsubAck {
        return Ok(()); // UNSUBACK of MQTT 3.1.1 has no codes.
    }
    for &code in reader.rest() {
        if is_v5 {
            check_reason(packet, code, Sender::Server)?;
        } else if !matches!(code, 0..=2 | 0x80) {
            return Err(Violation::ReasonCode { packet, code });
        }
    }
    Ok(())
}

/// A reason code and properties that may be left out from the end, as in acknowledgements, DISCONNECT and AUTH.
fn check_optional_reason(reader: &mut Reader<'_>, place: Place, sender: Sender) -> Result<(), Violation> {
    if reader.is_at_end() {
        return Ok(());
    }
    check_reason(reader.packet(), reader.byte()?, sender)?;
    if reader.is_at_end() {
        return Ok(());
    }
    check_properties(reader, place).map(drop)
}

fn check_reason(packet: PacketType, code: u8, sender: Sender) -> Result<(), Violation> {
    match ReasonCode::from_value(code) {
        Some(reason) if reason.may_stand_in(packet, sender) => Ok(()),
        Some(_) | None => Err(Violation::ReasonCode { packet, code }),
    }
}

/// What a list of properties belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Connect,
    Will,
    ConnAck,
    Publish(Sender),
    /// PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK allow the same ones.
    Ack,
    Subscribe,
    Unsubscribe,
    Disconnect,
    Auth,
}

/// What was found in a list of properties.
#[derive(Debug, Default)]
struct Seen {
    /// One bit for each identifier.
    identifiers: u64,
    payload_is_text: bool,
    zero_expiry_at: Option<usize>,
}

impl Seen {
    fn has(&self, identifier: u8) -> bool {
        self.identifiers & (1 << identifier) != 0
    }
}

/// Checks a list of properties with its length before it (section 2.2.2).
fn check_properties(reader: &mut Reader<'_>, place: Place) -> Result<Seen, Violation> {
    let packet = reader.packet();
    let length = reader.variable_byte_integer()? as usize;
    let mut list = reader.part(length)?;
    let mut seen = Seen::default();
    while !list.is_at_end() {
        let identifier = list.variable_byte_integer()?;
        let not_allowed = Violation::PropertyNotAllowed { packet, property: identifier };
        let Some(property) = u8::try_from(identifier).ok().filter(|id| property::may_stand_in(*id, place))
        else {
            return Err(not_allowed);
        };
        let may_repeat = property == property::USER
            || (property == property::SUBSCRIPTION_IDENTIFIER && place == Place::Publish(Sender::Server));
        if seen.has(property) && !may_repeat {
            return Err(Violation::PropertyDuplicate { packet, property });
        }
        seen.identifiers |= 1 << property;
        check_property_value(&mut list, property, &mut seen)?;
    }
    Ok(seen)
}

/// Checks the value of one property, by the type that its identifier has (section 2.2.2.2).
fn check_property_value(list: &mut Reader<'_>, property: u8, seen: &mut Seen) -> Result<(), Violation> {
    let refused = |value: u32| Err(Violation::PropertyValue { property, value });
    match property {
        property::USER => {
            list.text()?;
            list.text()?;
        }
        property::CONTENT_TYPE
        | property::RESPONSE_TOPIC
        | property::ASSIGNED_CLIENT_IDENTIFIER
        | property::AUTHENTICATION_METHOD
        | property::RESPONSE_INFORMATION
        | property::SERVER_REFERENCE
        | property::REASON_STRING => {
            list.text()?;
        }
        property::CORRELATION_DATA | property::AUTHENTICATION_DATA => {
            list.binary()?;
        }
        property::MESSAGE_EXPIRY_INTERVAL => {
            let position = list.position();
            if list.four_byte_integer()? == 0 {
                seen.zero_expiry_at = Some(position);
            }
        }
        property::SESSION_EXPIRY_INTERVAL | property::WILL_DELAY_INTERVAL => {
            list.four_byte_integer()?;
        }
        // Zero is a protocol error (section 3.1.2.11.4).
        property::MAXIMUM_PACKET_SIZE => {
            if list.four_byte_integer()? == 0 {
                return refused(0);
            }
        }
        property::SERVER_KEEP_ALIVE | property::TOPIC_ALIAS_MAXIMUM => {
            list.two_byte_integer()?;
        }
        // Zero is a protocol error (section 3.1.2.11.3).
        property::RECEIVE_MAXIMUM => {
            if list.two_byte_integer()? == 0 {
                return refused(0);
            }
        }
        // Both ends of ours have a topic alias maximum of 0, so that every alias is above it [MQTT-3.3.2-9].
        property::TOPIC_ALIAS => return Err(Violation::TopicAlias { alias: list.two_byte_integer()? }),
        // Zero is a protocol error (section 3.8.2.1.2).
        property::SUBSCRIPTION_IDENTIFIER => {
            if list.variable_byte_integer()? == 0 {
                return refused(0);
            }
        }
        // All others are a byte of 0 or 1.
        _ => {
            let value = list.byte()?;
            if value > 1 {
                return refused(value.into());
            }
            seen.payload_is_text |= property == property::PAYLOAD_FORMAT_INDICATOR && value == 1;
        }
    }
    Ok(())
}

/// Identifiers of properties, and where they may stand (section 2.2.2.2).
mod property {
    use super::Place;
    use crate::packet::Sender;

    pub(super) const PAYLOAD_FORMAT_INDICATOR: u8 = 0x01;
    pub(super) const MESSAGE_EXPIRY_INTERVAL: u8 = 0x02;
    pub(super) const CONTENT_TYPE: u8 = 0x03;
    pub(super) const RESPONSE_TOPIC: u8 = 0x08;
    pub(super) const CORRELATION_DATA: u8 = 0x09;
    pub(super) const SUBSCRIPTION_IDENTIFIER: u8 = 0x0B;
    pub(super) const SESSION_EXPIRY_INTERVAL: u8 = 0x11;
    pub(super) const ASSIGNED_CLIENT_IDENTIFIER: u8 = 0x12;
    pub(super) const SERVER_KEEP_ALIVE: u8 = 0x13;
    pub(super) const AUTHENTICATION_METHOD: u8 = 0x15;
    pub(super) const AUTHENTICATION_DATA: u8 = 0x16;
    pub(super) const REQUEST_PROBLEM_INFORMATION: u8 = 0x17;
    pub(super) const WILL_DELAY_INTERVAL: u8 = 0x18;
    pub(super) const REQUEST_RESPONSE_INFORMATION: u8 = 0x19;
    pub(super) const RESPONSE_INFORMATION: u8 = 0x1A;
    pub(super) const SERVER_REFERENCE: u8 = 0x1C;
    pub(super) const REASON_STRING: u8 = 0x1F;
    pub(super) const RECEIVE_MAXIMUM: u8 = 0x21;
    pub(super) const TOPIC_ALIAS_MAXIMUM: u8 = 0x22;
    pub(super) const TOPIC_ALIAS: u8 = 0x23;
    pub(super) const MAXIMUM_QOS: u8 = 0x24;
    pub(super) const RETAIN_AVAILABLE: u8 = 0x25;
    pub(super) const USER: u8 = 0x26;
    pub(super) const MAXIMUM_PACKET_SIZE: u8 = 0x27;
    pub(super) const WILDCARD_SUBSCRIPTION_AVAILABLE: u8 = 0x28;
    pub(super) const SUBSCRIPTION_IDENTIFIER_AVAILABLE: u8 = 0x29;
    pub(super) const SHARED_SUBSCRIPTION_AVAILABLE: u8 = 0x2A;

    pub(super) fn may_stand_in(property: u8, place: Place) -> bool {
        match property {
            PAYLOAD_FORMAT_INDICATOR
            | MESSAGE_EXPIRY_INTERVAL
            | CONTENT_TYPE
            | RESPONSE_TOPIC
            | CORRELATION_DATA => matches!(place, Place::Publish(_) | Place::Will),
            // A client sends it with SUBSCRIBE, a server with PUBLISH [MQTT-3.3.4-6].
            SUBSCRIPTION_IDENTIFIER => matches!(place, Place::Subscribe | Place::Publish(Sender::Server)),
            SESSION_EXPIRY_INTERVAL => matches!(place, Place::Connect | Place::ConnAck | Place::Disconnect),
            AUTHENTICATION_METHOD | AUTHENTICATION_DATA => {
                matches!(place, Place::Connect | Place::ConnAck | Place::Auth)
            }
            REQUEST_PROBLEM_INFORMATION | REQUEST_RESPONSE_INFORMATION => place == Place::Connect,
            WILL_DELAY_INTERVAL => place == Place::Will,
            SERVER_REFERENCE => matches!(place, Place::ConnAck | Place::Disconnect),
            REASON_STRING => {
                matches!(place, Place::ConnAck | Place::Ack | Place::Disconnect | Place::Auth)
            }
            RECEIVE_MAXIMUM | TOPIC_ALIAS_MAXIMUM | MAXIMUM_PACKET_SIZE => {
                matches!(place, Place::Connect | Place::ConnAck)
            }
            TOPIC_ALIAS => matches!(place, Place::Publish(_)),
            ASSIGNED_CLIENT_IDENTIFIER
            | SERVER_KEEP_ALIVE
            | RESPONSE_INFORMATION
            | MAXIMUM_QOS
            | RETAIN_AVAILABLE
            | WILDCARD_SUBSCRIPTION_AVAILABLE
            | SUBSCRIPTION_IDENTIFIER_AVAILABLE
            | SHARED_SUBSCRIPTION_AVAILABLE => place == Place::ConnAck,
            USER => true,
            _ => false,
        }
    }
}
