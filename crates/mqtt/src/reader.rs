//! Reads the fields of one packet.

use crate::packet::PacketType;
use crate::violation::Violation;

/// Most bytes of a variable byte integer (section 1.5.5).
pub(crate) const VARIABLE_BYTE_INTEGER_BYTES_MAX: usize = 4;

/// A cursor over the bytes of a packet after its fixed header.
pub(crate) struct Reader<'a> {
    packet: PacketType,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(packet: PacketType, bytes: &'a [u8]) -> Self {
        Self { packet, bytes, at: 0 }
    }

    pub(crate) fn packet(&self) -> PacketType {
        self.packet
    }

    /// How many bytes were read, those of the fixed header left out.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// Fails unless every byte was read.
    pub(crate) fn end(&self) -> Result<(), Violation> {
        match self.bytes.len() - self.at {
            0 => Ok(()),
            bytes => Err(Violation::TrailingBytes { packet: self.packet, bytes }),
        }
    }

    /// All bytes that are left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at = self.bytes.len();
        rest
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Violation> {
        self.take().map(|[byte]: [u8; 1]| byte)
    }

    pub(crate) fn two_byte_integer(&mut self) -> Result<u16, Violation> {
        self.take().map(u16::from_be_bytes)
    }

    pub(crate) fn four_byte_integer(&mut self) -> Result<u32, Violation> {
        self.take().map(u32::from_be_bytes)
    }

    pub(crate) fn variable_byte_integer(&mut self) -> Result<u32, Violation> {
        let (value, length) = variable_byte_integer(self.bytes.get(self.at..).unwrap_or_default())?
            .ok_or(Violation::Truncated { packet: self.packet })?;
        self.at += length;
        // The least number of bytes is used [MQTT-1.5.5-1].
        if length > 1 && self.bytes.get(self.at - 1) == Some(&0) {
            return Err(Violation::VariableByteInteger);
        }
        Ok(value)
    }

    pub(crate) fn packet_id(&mut self) -> Result<(), Violation> {
        match self.two_byte_integer()? {
            0 => Err(Violation::PacketIdZero { packet: self.packet }),
            _ => Ok(()),
        }
    }

    pub(crate) fn binary(&mut self) -> Result<&'a [u8], Violation> {
        let length = usize::from(self.two_byte_integer()?);
        let field =
            self.bytes.get(self.at..self.at + length).ok_or(Violation::Truncated { packet: self.packet })?;
        self.at += length;
        Ok(field)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Violation> {
        // Rust's UTF-8 has no surrogates either.
        let text = str::from_utf8(self.binary()?).map_err(|_| Violation::Text { packet: self.packet })?;
        if text.as_bytes().contains(&0) {
            return Err(Violation::NullCharacter { packet: self.packet });
        }
        Ok(text)
    }

    /// A reader of a part of this packet with a length of its own.
    pub(crate) fn part(&mut self, length: usize) -> Result<Self, Violation> {
        let end = self.at + length;
        let bytes = self.bytes.get(..end).ok_or(Violation::Truncated { packet: self.packet })?;
        let part = Self { packet: self.packet, bytes, at: self.at };
        self.at = end;
        Ok(part)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Violation> {
        let field = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<N>());
        let field = *field.ok_or(Violation::Truncated { packet: self.packet })?;
        self.at += N;
        Ok(field)
    }
}

/// The variable byte integer that `bytes` begin with, and its length; `None` when more bytes are needed.
pub(crate) fn variable_byte_integer(bytes: &[u8]) -> Result<Option<(u32, usize)>, Violation> {
    let mut value = 0;
    for (index, byte) in bytes.iter().take(VARIABLE_BYTE_INTEGER_BYTES_MAX).enumerate() {
        value |= u32::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((value, index + 1)));
        }
    }
    if bytes.len() < VARIABLE_BYTE_INTEGER_BYTES_MAX { Ok(None) } else { Err(Violation::VariableByteInteger) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_byte_integers_have_one_to_four_bytes() {
        for (bytes, expected) in [
            (&[][..], Ok(None)),
            (&[0x80], Ok(None)),
            (&[0xFF, 0xFF, 0xFF], Ok(None)),
            (&[0x00, 0xAA], Ok(Some((0, 1)))),
            (&[0x7F], Ok(Some((127, 1)))),
            (&[0x80, 0x01], Ok(Some((128, 2)))),
            (&[0xFF, 0xFF, 0xFF, 0x7F], Ok(Some((268_435_455, 4)))),
            (&[0xFF, 0xFF, 0xFF, 0xFF], Err(Violation::VariableByteInteger)),
            (&[0x80, 0x80, 0x80, 0x80, 0x01], Err(Violation::VariableByteInteger)),
        ] {
            assert_eq!(variable_byte_integer(bytes), expected, "{bytes:02X?}");
        }
    }

    #[test]
    fn variable_byte_integers_inside_a_packet_use_no_byte_too_many() {
        let read = |bytes| Reader::new(PacketType::Publish, bytes).variable_byte_integer();
        assert_eq!(read(&[0x80, 0x01]), Ok(128));
        assert_eq!(read(&[0x80, 0x00]), Err(Violation::VariableByteInteger));
        assert_eq!(read(&[0x80]), Err(Violation::Truncated { packet: PacketType::Publish }));
    }
}
