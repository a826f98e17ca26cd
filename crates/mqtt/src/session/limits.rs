//! The limits of one session.

use std::time::Duration;

/// How long a connection may take until its CONNECT is complete.
pub const CONNECT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// Largest packet, in bytes: the limit of AWS IoT.
pub const PACKET_BYTES_MAX_DEFAULT: u32 = 131_072;

/// Most topic filters of one SUBSCRIBE: the limit of AWS IoT.
pub const SUBSCRIBE_FILTERS_MAX_DEFAULT: usize = 8;

/// Most messages of quality of service 1 that wait for the client's acknowledgement: the limit of AWS IoT.
pub const IN_FLIGHT_MESSAGES_MAX_DEFAULT: u16 = 100;

/// Most messages of quality of service 1 that wait for the server's acknowledgement: the limit of AWS IoT.
pub const RECEIVE_MAXIMUM_DEFAULT: u16 = 100;

/// Most messages of quality of service 1 that wait for the in-flight window.
pub const SESSION_QUEUE_MESSAGES_MAX_DEFAULT: usize = 1_000;

/// Most bytes of payloads that wait for the in-flight window; a last message may go beyond.
pub const SESSION_QUEUE_BYTES_MAX_DEFAULT: usize = 1_048_576;

/// Most bytes of deliveries that wait to be sent.
pub const TRANSMIT_BUFFER_BYTES_MAX_DEFAULT: usize = 262_144;

/// Shortest keep-alive, in seconds: that of AWS IoT.
pub const KEEP_ALIVE_SECONDS_MIN_DEFAULT: u16 = 30;

/// Longest keep-alive, in seconds: that of AWS IoT.
pub const KEEP_ALIVE_SECONDS_MAX_DEFAULT: u16 = 1_200;

/// The limits of one session, and what happens at each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// How long a connection may take until its CONNECT is complete; then it is closed.
    pub connect_timeout: Duration,
    /// Largest packet that is taken, with its fixed header, in bytes; a larger one ends the connection before its
    /// body has arrived. MQTT 5 clients are told.
    pub packet_bytes_max: u32,
    /// Most topic filters of one SUBSCRIBE; all filters of a longer one are refused, and the connection goes on.
    pub subscribe_filters_max: usize,
    /// Most messages of quality of service 1 that wait for the client's acknowledgement, unless its receive maximum
    /// is lower; more wait in the session's queue. Zero is taken as one.
    pub in_flight_messages_max: u16,
    /// Most messages of quality of service 1 that wait for the server's acknowledgement. An MQTT 5 client is told,
    /// and disconnected when it sends more; of an MQTT 3.1.1 client nothing more is taken until one is acknowledged.
    /// Zero is taken as one.
    pub receive_maximum: u16,
    /// Most messages of quality of service 1 that wait for the in-flight window. When so many wait,
    /// [`Session::can_take_delivery`](crate::Session::can_take_delivery) is false, and one that is delivered all the
    /// same is dropped and counted.
    pub session_queue_messages_max: usize,
    /// Most bytes of payloads that wait so; the same happens as at `session_queue_messages_max`.
    pub session_queue_bytes_max: usize,
    /// From so many bytes waiting to be sent on, messages of quality of service 0 are dropped and counted, and those
    /// of quality of service 1 are queued. At twice as many, nothing more is taken from the client.
    pub transmit_buffer_bytes_max: usize,
    /// Shortest keep-alive, in seconds; a client that asks for a shorter one gets this one.
    pub keep_alive_seconds_min: u16,
    /// Longest keep-alive, in seconds; a client that asks for none or for a longer one gets this one.
    pub keep_alive_seconds_max: u16,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self {
            connect_timeout: CONNECT_TIMEOUT_DEFAULT,
            packet_bytes_max: PACKET_BYTES_MAX_DEFAULT,
            subscribe_filters_max: SUBSCRIBE_FILTERS_MAX_DEFAULT,
            in_flight_messages_max: IN_FLIGHT_MESSAGES_MAX_DEFAULT,
            receive_maximum: RECEIVE_MAXIMUM_DEFAULT,
            session_queue_messages_max: SESSION_QUEUE_MESSAGES_MAX_DEFAULT,
            session_queue_bytes_max: SESSION_QUEUE_BYTES_MAX_DEFAULT,
            transmit_buffer_bytes_max: TRANSMIT_BUFFER_BYTES_MAX_DEFAULT,
            keep_alive_seconds_min: KEEP_ALIVE_SECONDS_MIN_DEFAULT,
            keep_alive_seconds_max: KEEP_ALIVE_SECONDS_MAX_DEFAULT,
        }
    }
}

impl SessionLimits {
    /// The keep-alive that holds for a client that asks for `requested`, both in seconds.
    pub(crate) fn keep_alive_seconds(&self, requested: u16) -> u16 {
        match requested {
            0 => self.keep_alive_seconds_max,
            _ => requested.max(self.keep_alive_seconds_min).min(self.keep_alive_seconds_max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keep_alive_stays_within_its_bounds() {
        let limits = SessionLimits::default();
        for (requested, expected) in
            [(0, 1200), (1, 30), (30, 30), (31, 31), (1200, 1200), (1201, 1200), (u16::MAX, 1200)]
        {
            assert_eq!(limits.keep_alive_seconds(requested), expected, "{requested} s");
        }
    }
}
