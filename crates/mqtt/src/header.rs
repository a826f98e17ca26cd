//! The fixed header, and what can be told from the start of a packet.

use crate::packet::{PacketType, ProtocolVersion};
use crate::reader::variable_byte_integer;
use crate::validate;
use crate::violation::Violation;

/// The version that the CONNECT at the start of `buf` asks for; `None` when that cannot be told yet.
///
/// MQTT 3.1 is refused like any other version that is not spoken here.
pub(crate) fn detect_version(
    buf: &[u8],
    packet_bytes_max: u32,
) -> Result<Option<ProtocolVersion>, Violation> {
    match buf.first() {
        None => return Ok(None),
        // The first packet must be CONNECT [MQTT-3.1.0-1].
        Some(&first_byte) if first_byte >> 4 != 1 => return Err(Violation::FirstPacket { first_byte }),
        Some(_) => {}
    }
    let Some(header) = Header::peek(buf, packet_bytes_max)? else { return Ok(None) };
    let truncated = Violation::Truncated { packet: PacketType::Connect };
    // What follows the packet is not looked at: whether it is here yet must not matter.
    let body = buf.get(header.bytes..buf.len().min(header.packet_bytes)).unwrap_or_default();
    // MQTT 3.1 has another name; its level tells what it is, and its CONNACK is that of MQTT 3.1.1.
    let starts_like = |name: &[u8]| body.iter().zip(name).all(|(found, expected)| found == expected);
    let names: [&[u8]; 2] = [b"\x00\x04MQTT", b"\x00\x06MQIsdp"];
    let Some(name) = names.into_iter().find(|name| starts_like(name)) else {
        return Err(Violation::ProtocolName);
    };
    match body.get(name.len()) {
        Some(&level) if name == names[1] => Err(Violation::ProtocolLevel { level: level.min(3) }),
        Some(4) => Ok(Some(ProtocolVersion::V311)),
        Some(5) => Ok(Some(ProtocolVersion::V5)),
        Some(&level) => Err(Violation::ProtocolLevel { level }),
        None if body.len() == header.packet_bytes - header.bytes => Err(truncated),
        None => Ok(None),
    }
}

/// The fixed header of a packet (section 2.1).
pub(crate) struct Header {
    pub(crate) packet: PacketType,
    pub(crate) flags: u8,
    /// Whether the remaining length has more bytes than it needs, which only MQTT 3.1.1 lets pass.
    pub(crate) is_padded: bool,
    /// Length of the header.
    pub(crate) bytes: usize,
    /// Length of the whole packet.
    pub(crate) packet_bytes: usize,
}

impl Header {
    /// Reads the header that `buf` begins with; `None` when it is not complete yet.
    pub(crate) fn peek(buf: &[u8], packet_bytes_max: u32) -> Result<Option<Self>, Violation> {
        let Some((&first_byte, rest)) = buf.split_first() else { return Ok(None) };
        let packet = PacketType::from_first_byte(first_byte).ok_or(Violation::PacketType { first_byte })?;
        let flags = first_byte & 0x0F;
        validate::check_flags(packet, flags)?;
        let Some((remaining, length)) = variable_byte_integer(rest)? else { return Ok(None) };
        let bytes = 1 + length;
        let packet_bytes = bytes + remaining as usize;
        if packet_bytes as u64 > u64::from(packet_bytes_max) {
            return Err(Violation::PacketTooLarge {
                bytes: packet_bytes as u64,
                bytes_max: packet_bytes_max,
            });
        }
        let is_padded = length > 1 && rest.get(length - 1) == Some(&0);
        Ok(Some(Self { packet, flags, is_padded, bytes, packet_bytes }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_told_as_soon_as_it_can_be() {
        const TRUNCATED: Violation = Violation::Truncated { packet: PacketType::Connect };
        for (bytes, expected) in [
            (&b""[..], Ok(None)),
            (b"\x10", Ok(None)),
            (b"\x10\x0c\0\x04MQT", Ok(None)),
            (b"\x10\x0c\0\x04MQTT", Ok(None)),
            (b"\x10\x0c\0\x04MQTT\x04", Ok(Some(ProtocolVersion::V311))),
            (b"\x10\x0c\0\x04MQTT\x05", Ok(Some(ProtocolVersion::V5))),
            // The remaining length may have more bytes than it needs in MQTT 3.1.1.
            (b"\x10\x8c\x00\0\x04MQTT\x04", Ok(Some(ProtocolVersion::V311))),
            (b"\x10\x0c\0\x04MQTT\x03", Err(Violation::ProtocolLevel { level: 3 })),
            (b"\x10\x0c\0\x04MQTT\x06", Err(Violation::ProtocolLevel { level: 6 })),
            (b"\x10\x0c\0\x04MQTT\x84", Err(Violation::ProtocolLevel { level: 0x84 })),
            (b"\x10\x0e\0\x06MQIsd", Ok(None)),
            (b"\x10\x0e\0\x06MQIsdp\x03", Err(Violation::ProtocolLevel { level: 3 })),
            (b"\x10\x0e\0\x06MQIsdp\x05", Err(Violation::ProtocolLevel { level: 3 })),
            (b"\x10\x0c\0\x04MQTt", Err(Violation::ProtocolName)),
            (b"\x10\x0c\0\x05", Err(Violation::ProtocolName)),
            (b"\x10\x00", Err(TRUNCATED)),
            (b"\x10\x06\0\x04MQTT", Err(TRUNCATED)),
            (b"\x10\x06\0\x04MQTT\xe0\x00", Err(TRUNCATED)),
            (b"\x10\x02\0\x04\xe0\x00", Err(TRUNCATED)),
            (b"\xe0", Err(Violation::FirstPacket { first_byte: 0xE0 })),
            (
                b"\x16\x03\x01",
                Err(Violation::HeaderFlags { packet: PacketType::Connect, found: 6, expected: 0 }),
            ),
            (b"GET / HTTP/1.1", Err(Violation::FirstPacket { first_byte: b'G' })),
            (b"\x10\x81\x80\x08", Err(Violation::PacketTooLarge { bytes: 131_077, bytes_max: 131_072 })),
            (b"\x10\xff\xff\xff\xff", Err(Violation::VariableByteInteger)),
        ] {
            assert_eq!(detect_version(bytes, 131_072), expected, "{}", bytes.escape_ascii());
        }
    }
}
