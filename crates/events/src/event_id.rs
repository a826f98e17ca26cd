use std::fmt;

/// The place of an event in the order of all events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(i64);

impl EventId {
    /// The id of this number, which an adapter of the registry made.
    pub const fn new(number: i64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for EventId {
    /// Writes the `eventId` of a payload: a UUID of version 8 (RFC 9562, section 5.8) whose first and last bits are the number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g, h, i] = self.0.to_be_bytes();
        write!(f, "{}-{}-8000-8000-00000000{}", hex(&[a, b, c, d]), hex(&[e, g]), hex(&[h, i]))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_id_is_written_as_a_uuid_of_version_8() {
        assert_eq!(EventId::new(0x0123_4567_89ab_cdef).to_string(), "01234567-89ab-8000-8000-00000000cdef");
        assert_eq!(EventId::new(1).to_string(), "00000000-0000-8000-8000-000000000001");
    }
}
