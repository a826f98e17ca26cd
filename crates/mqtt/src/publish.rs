//! Writes PUBLISH without its payload.
//!
//! The codec copies the payload of what it encodes, and needs a packet of its own for each receiver. A message goes to
//! many receivers, so that its head is written here, and a large payload is shared.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use landfall_model::TopicName;

use crate::packet::{PacketType, ProtocolVersion, Publish, PublishProperties, PublishQoS};

/// Largest value of a variable byte integer (section 1.5.5), and so most bytes after a fixed header.
pub(crate) const REMAINING_LENGTH_MAX: usize = 268_435_455;

/// Largest packet that the protocol can say, in bytes.
pub(crate) const PACKET_BYTES_LARGEST: u32 = 268_435_460;

/// Everything of a PUBLISH but its payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PublishHead<'a> {
    pub(crate) duplicate: bool,
    pub(crate) retain: bool,
    pub(crate) qos: PublishQoS,
    pub(crate) topic: &'a TopicName,
    /// In seconds.
    pub(crate) message_expiry: Option<u32>,
    pub(crate) properties: Option<&'a PublishProperties>,
    pub(crate) payload_bytes: usize,
}

/// The lengths that a PUBLISH is written with, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PublishLengths {
    properties: usize,
    remaining: usize,
}

impl PublishLengths {
    /// Length of the whole packet.
    pub(crate) fn packet(self) -> usize {
        1 + variable_byte_integer_bytes(self.remaining) + self.remaining
    }
}

impl<'a> PublishHead<'a> {
    pub(crate) fn of(publish: &'a Publish) -> Self {
        Self {
            duplicate: publish.duplicate,
            retain: publish.retain,
            qos: publish.qos,
            topic: &publish.topic,
            message_expiry: publish.message_expiry,
            properties: publish.properties.as_deref(),
            payload_bytes: publish.payload.len(),
        }
    }

    /// The lengths of this packet in that version.
    pub(crate) fn lengths(&self, version: ProtocolVersion) -> Result<PublishLengths, EncodeError> {
        let properties = match version {
            ProtocolVersion::V311 => 0,
            ProtocolVersion::V5 => self.properties_bytes()?,
        };
        let properties_prefix = match version {
            ProtocolVersion::V311 => 0,
            ProtocolVersion::V5 => variable_byte_integer_bytes(properties),
        };
        let packet_id = if self.qos.packet_id().is_some() { 2 } else { 0 };
        let topic = 2 + self.topic.as_str().len();
        let remaining = topic + packet_id + properties_prefix + properties + self.payload_bytes;
        if remaining > REMAINING_LENGTH_MAX {
            return Err(EncodeError::TooLong { bytes: remaining });
        }
        Ok(PublishLengths { properties, remaining })
    }

    /// Writes the packet up to its payload.
    pub(crate) fn write(&self, version: ProtocolVersion, lengths: PublishLengths, dst: &mut BytesMut) {
        dst.reserve(lengths.packet() - self.payload_bytes);
        let flags = u8::from(self.duplicate) << 3 | self.qos.qos().level() << 1 | u8::from(self.retain);
        dst.put_u8(0x30 | flags);
        put_variable_byte_integer(dst, lengths.remaining);
        put_field(dst, self.topic.as_str().as_bytes());
        if let Some(packet_id) = self.qos.packet_id() {
            dst.put_u16(packet_id.get());
        }
        if version == ProtocolVersion::V5 {
            put_variable_byte_integer(dst, lengths.properties);
            self.put_properties(dst);
        }
    }

    fn properties_bytes(&self) -> Result<usize, EncodeError> {
        let mut bytes = if self.message_expiry.is_some() { 5 } else { 0 };
        let Some(properties) = self.properties else { return Ok(bytes) };
        let PublishProperties {
            payload_is_text,
            content_type,
            response_topic,
            correlation_data,
            user_properties,
        } = properties;
        bytes += if *payload_is_text { 2 } else { 0 };
        let fields = [
            content_type.as_ref().map(|text| text.len()),
            response_topic.as_ref().map(|topic| topic.as_str().len()),
            correlation_data.as_ref().map(|data| data.len()),
        ];
        for field in fields.into_iter().flatten() {
            bytes += 1 + field_bytes(field)?;
        }
        for (name, value) in user_properties {
            bytes += 1 + field_bytes(name.len())? + field_bytes(value.len())?;
        }
        Ok(bytes)
    }

    fn put_properties(&self, dst: &mut BytesMut) {
        if let Some(seconds) = self.message_expiry {
            dst.put_u8(0x02);
            dst.put_u32(seconds);
        }
        let Some(properties) = self.properties else { return };
        if properties.payload_is_text {
            dst.put_slice(&[0x01, 1]);
        }
        if let Some(content_type) = &properties.content_type {
            dst.put_u8(0x03);
            put_field(dst, content_type.as_bytes());
        }
        if let Some(topic) = &properties.response_topic {
            dst.put_u8(0x08);
            put_field(dst, topic.as_str().as_bytes());
        }
        if let Some(data) = &properties.correlation_data {
            dst.put_u8(0x09);
            put_field(dst, data);
        }
        for (name, value) in &properties.user_properties {
            dst.put_u8(0x26);
            put_field(dst, name.as_bytes());
            put_field(dst, value.as_bytes());
        }
    }
}

/// Why a packet has no bytes.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The packet, or a field of it, is longer than the protocol can say.
    #[error("the packet has {bytes} bytes in a part that takes less, at most {REMAINING_LENGTH_MAX} in all")]
    TooLong {
        /// Length of the part, in bytes.
        bytes: usize,
    },
    /// The packet is none of that version, or has a code that it cannot have.
    #[error("{packet} cannot be said in MQTT {version}")]
    NotInVersion {
        /// The packet's type.
        packet: PacketType,
        /// The version of the connection.
        version: ProtocolVersion,
    },
    /// The codec refused the packet.
    #[error("{packet} cannot be encoded")]
    Codec {
        /// The packet's type.
        packet: PacketType,
        /// What the codec said.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// Bytes of a string or of binary data with its length before it.
fn field_bytes(bytes: usize) -> Result<usize, EncodeError> {
    if bytes > usize::from(u16::MAX) { Err(EncodeError::TooLong { bytes }) } else { Ok(2 + bytes) }
}

/// Writes a string or binary data, of which the length was checked before.
fn put_field(dst: &mut BytesMut, field: &[u8]) {
    dst.put_u16(u16::try_from(field.len()).unwrap_or(u16::MAX));
    dst.put_slice(field);
}

/// Bytes of a variable byte integer.
fn variable_byte_integer_bytes(value: usize) -> usize {
    match value {
        0..=0x7F => 1,
        0x80..=0x3FFF => 2,
        0x4000..=0x1F_FFFF => 3,
        _ => 4,
    }
}

fn put_variable_byte_integer(dst: &mut BytesMut, mut value: usize) {
    loop {
        let low = value.to_le_bytes()[0] & 0x7F;
        value >>= 7;
        if value == 0 {
            dst.put_u8(low);
            return;
        }
        dst.put_u8(low | 0x80);
    }
}
