use std::time::Duration;

/// Every limit of the broker. What happens at each is said beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a TLS handshake may take, from the accepted socket on. Then the socket is closed.
    pub handshake_timeout: Duration,
    /// How many handshakes may be under way at once. More wait, within `handshake_timeout`; a client that has sent
    /// nothing yet does not count.
    pub handshakes_max: usize,
    /// How long the registry may take to say where a device stands, and with a hold of zero to register it. Then the
    /// socket is closed.
    pub registration_timeout: Duration,
    /// How many connections may be open at once. More are closed before their handshake.
    pub connections_max: usize,
    /// How many connections may be held while their certificates are registered. More are closed without a CONNACK.
    pub held_connections_max: usize,
    /// How many connections of one certificate may be held at once. A further one is closed without a CONNACK.
    pub held_connections_per_certificate_max: usize,
    /// How many bytes a held client may send ahead. Then no more is read until the hold ends.
    pub held_bytes_max: usize,
    /// How many topic filters one connection may be subscribed with. A further one is refused in the SUBACK.
    pub subscriptions_max: usize,
    /// How many messages may wait for one connection's task. QoS 0 beyond is dropped and counted; QoS 1 makes its
    /// publisher wait.
    pub outbound_messages_max: usize,
    /// How long a publisher of QoS 1 waits for room at a subscriber. Then the subscriber's connection is ended.
    pub delivery_timeout: Duration,
    /// How long a client may refuse to take a byte that waits for it. Then the connection is closed.
    pub write_timeout: Duration,
    /// How long a connection that ends may take for its last bytes.
    pub closing_timeout: Duration,
    /// How many principals are remembered, so that their devices need no read of the registry. Some make room for more.
    pub recent_principals_max: usize,
    /// How many registered certificates are known by a part of their ids, 16 bytes each. With more, a device that is seen for
    /// the first time costs a read.
    pub known_certificates_max: usize,
    /// How many rejected chains are remembered. The oldest makes room.
    pub rejections_max: usize,
    /// How many rejected chains a second are remembered and logged. More are only counted.
    pub rejections_per_second_max: u32,
    /// How many denials a second of one client are explained and logged, counted from the first: those of its messages and its
    /// subscriptions. More are only counted, and their number is logged once.
    pub denials_logged_per_second: u32,
    /// How often a registration is planned anew when others change what it was planned on. Then the connection is
    /// closed and the device comes back.
    pub admission_attempts_max: u32,
    /// How many registrations may wait for their interceptors. The connection of a further device is closed without a CONNACK,
    /// and nothing is stored of it.
    pub registration_jobs_max: usize,
    /// How many of them may have their interceptors asked at once. More wait for their turn.
    pub registration_jobs_running_max: usize,
    /// How many registrations that succeeded after failed attempts are kept with their history. The oldest make room.
    pub registration_jobs_kept_max: u32,
    /// How long a registration waits at most after its first failed attempt, and twice as long after each further one, up to
    /// `CertificateEventQueueVisibilityTimeout`.
    pub registration_first_pause: Duration,
    /// How long after the begin of its last attempt a registration is tried again because its device came back.
    pub registration_return_pause: Duration,
    /// How long an operator who has a registration tried again waits for its interceptors. Then it is told to be waiting.
    pub registration_retry_wait: Duration,
    /// How many events the dispatcher takes from the outbox at once.
    pub events_per_batch: u32,
    /// How many committed events wait in memory for the dispatcher. It reads more from the outbox.
    pub events_waiting_max: usize,
    /// The limits of one MQTT session.
    pub session: landfall_mqtt::SessionLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(10),
            handshakes_max: 4_096,
            registration_timeout: Duration::from_secs(10),
            connections_max: 100_000,
            held_connections_max: 10_000,
            held_connections_per_certificate_max: 8,
            held_bytes_max: 4_096,
            subscriptions_max: 50,
            outbound_messages_max: 64,
            delivery_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            closing_timeout: Duration::from_secs(1),
            recent_principals_max: 100_000,
            known_certificates_max: 10_000_000,
            rejections_max: 1_000,
            rejections_per_second_max: 100,
            denials_logged_per_second: 5,
            admission_attempts_max: 8,
            registration_jobs_max: 100_000,
            registration_jobs_running_max: 256,
            registration_jobs_kept_max: 10_000,
            registration_first_pause: Duration::from_millis(500),
            registration_return_pause: Duration::from_secs(1),
            registration_retry_wait: Duration::from_secs(20),
            events_per_batch: 256,
            events_waiting_max: 4_096,
            session: landfall_mqtt::SessionLimits::default(),
        }
    }
}
