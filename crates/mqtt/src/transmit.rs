//! What waits to be sent on one connection.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::framing;
use crate::packet::{Packet, ProtocolVersion};
use crate::publish::{EncodeError, PublishHead};

/// From this size on, in bytes, a payload is shared; below, copying it into the buffer is cheaper than a write of its
/// own.
const SHARED_PAYLOAD_BYTES_MIN: usize = 4096;

/// The packets that wait to be sent, encoded, in their order.
#[derive(Debug, Default)]
pub(crate) struct Transmit {
    segments: VecDeque<Bytes>,
    tail: BytesMut,
    bytes: usize,
}

impl Transmit {
    /// How many bytes wait.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends a packet, unless the receiver takes no packet of that size.
    ///
    /// A reason string is left out when the packet is too large with it [MQTT-3.2.2-19] [MQTT-3.4.2-2] [MQTT-3.9.2-1]
    /// [MQTT-3.14.2-3], or cannot be said with it.
    pub(crate) fn push(
        &mut self,
        version: ProtocolVersion,
        mut packet: Packet,
        packet_bytes_max: u32,
    ) -> Result<(), Unsendable> {
        let before = self.tail.len();
        let shorter = packet.without_reason_string();
        let encoded = framing::encode(version, packet, &mut self.tail);
        let added = self.tail.len() - before;
        if encoded.is_ok() && added as u64 <= u64::from(packet_bytes_max) {
            self.bytes += added;
            return Ok(());
        }
        self.tail.truncate(before);
        match shorter {
            Some(shorter) => self.push(version, shorter, packet_bytes_max),
            None => Err(encoded.map_or_else(Unsendable::Encode, |()| Unsendable::TooLarge)),
        }
    }

    /// Appends a PUBLISH, unless the receiver takes no packet of that size.
    pub(crate) fn push_publish(
        &mut self,
        version: ProtocolVersion,
        head: &PublishHead<'_>,
        payload: &Bytes,
        packet_bytes_max: u32,
    ) -> Result<(), Unsendable> {
        let lengths = head.lengths(version)?;
        if lengths.packet() as u64 > u64::from(packet_bytes_max) {
            return Err(Unsendable::TooLarge);
        }
        head.write(version, lengths, &mut self.tail);
        if payload.len() < SHARED_PAYLOAD_BYTES_MIN {
            self.tail.extend_from_slice(payload);
        } else {
            self.segments.push_back(std::mem::take(&mut self.tail).freeze());
            self.segments.push_back(payload.clone());
        }
        self.bytes += lengths.packet();
        Ok(())
    }

    /// Takes the next bytes to send.
    pub(crate) fn pop(&mut self) -> Option<Bytes> {
        let next = match self.segments.pop_front() {
            Some(segment) => segment,
            // The buffer goes with its bytes, so that an idle connection keeps none.
            None if !self.tail.is_empty() => std::mem::take(&mut self.tail).freeze(),
            None => return None,
        };
        self.bytes -= next.len();
        Some(next)
    }
}

/// Why a packet is not sent.
#[derive(Debug)]
pub(crate) enum Unsendable {
    /// The receiver takes no packet of that size, so that it must not be sent [MQTT-3.1.2-24].
    TooLarge,
    /// The packet cannot be said in the version of the connection.
    Encode(EncodeError),
}

impl From<EncodeError> for Unsendable {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}
