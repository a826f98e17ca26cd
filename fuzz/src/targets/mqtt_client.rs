use std::num::{NonZeroU16, NonZeroU32};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use landfall_model::{ClientId, TopicFilter, TopicName};
use landfall_mqtt::{
    Client, ClientError, ClientEvent, ClientOptions, DisconnectCause, Intake, ProtocolVersion, PubAckReason,
    QoS, Session, SessionEvent, SessionLimits, SubAckCode, UnsubAckReason,
};

use super::mqtt_session::{origin, piece_bytes};
use crate::input::Input;

/// The most operations of one input.
const OPERATIONS_MAX: usize = 512;

/// The client's side of a connection, under any bytes of a server and any user.
///
/// The input is a byte of settings, a byte that says how bytes are split, and operations: `p` publishes, `s`
/// subscribes, `u` unsubscribes, `t` lets time pass, `x` disconnects; every other byte begins a chunk of bytes from the
/// server.
///
/// However the server's bytes are split, the client tells and sends the same; what it sends is valid for a server; its
/// last event is its last.
pub fn mqtt_client(data: &[u8]) {
    let start = origin();
    let whole = play(data, start, false);
    let split = play(data, start, true);
    assert_eq!(whole.events, split.events, "the events depend on how the bytes are split");
    assert!(whole.sent == split.sent, "what is sent depends on how the bytes are split");
}

fn play(data: &[u8], now: Instant, is_split: bool) -> Device {
    let mut input = Input::new(data);
    let mut device = Device::new(input.byte(), now);
    let split = input.byte();
    device.split = is_split.then_some(split);
    for _ in 0..OPERATIONS_MAX {
        if input.is_empty() {
            break;
        }
        device.step(&mut input);
        device.send();
    }
    device
}

/// A client with its user, and what came out of them.
struct Device {
    client: Client,
    packet_bytes_max: usize,
    now: Instant,
    /// How bytes are split; `None` gives them to the client as they come.
    split: Option<u8>,
    pieces: usize,
    buffer: BytesMut,
    witness: Witness,
    events: Vec<ClientEvent>,
    sent: Vec<u8>,
}

impl Device {
    fn new(settings: u8, now: Instant) -> Self {
        let version = if settings & 1 == 0 { ProtocolVersion::V5 } else { ProtocolVersion::V311 };
        let client_id = ClientId::parse("device").ok().filter(|_| settings & 2 == 0);
        let packet_bytes_max =
            if settings & 4 == 0 { NonZeroU32::MAX } else { NonZeroU32::MIN.saturating_add(255) };
        let options = ClientOptions {
            packet_bytes_max,
            receive_maximum: if settings & 8 == 0 { NonZeroU16::MAX } else { NonZeroU16::MIN },
            keep_alive_seconds: if settings & 16 == 0 { 60 } else { 0 },
            ..ClientOptions::new(version, client_id)
        };
        Self {
            client: Client::new(&options).expect("a client of usual options"),
            packet_bytes_max: packet_bytes_max.get() as usize,
            now,
            split: None,
            pieces: 0,
            buffer: BytesMut::new(),
            witness: Witness::new(now),
            events: Vec::new(),
            sent: Vec::new(),
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.byte() {
            b'p' => {
                let qos = input.choice(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]);
                let payload = Bytes::from(vec![b'.'; usize::from(input.number())]);
                let topic = TopicName::parse("t").expect("a topic name of one letter");
                let result = self.client.publish(&topic, payload, qos, self.now).map(drop);
                self.check_command(result);
            }
            b's' => {
                let filters: Vec<_> =
                    filters(input).into_iter().map(|filter| (filter, QoS::AtLeastOnce)).collect();
                let result = self.client.subscribe(&filters, self.now).map(drop);
                self.check_command(result);
            }
            b'u' => {
                let result = self.client.unsubscribe(&filters(input), self.now).map(drop);
                self.check_command(result);
            }
            b't' => self.advance(Duration::from_millis(u64::from(input.number()) * 10)),
            b'x' => self.client.disconnect(),
            _ => self.receive(input.chunk()),
        }
    }

    fn check_command(&self, result: Result<(), ClientError>) {
        let is_connected = self.client.is_connected();
        match result {
            Ok(())
            | Err(ClientError::QoS2 | ClientError::WindowFull { .. } | ClientError::TooLarge { .. }) => {
                assert!(is_connected, "a client that is not connected takes commands");
            }
            Err(ClientError::NotConnected) => assert!(!is_connected),
            Err(error @ ClientError::Encode(_)) => panic!("{error}"),
        }
    }

    fn receive(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let piece =
                self.split.map_or(rest.len(), |split| piece_bytes(split, self.pieces).min(rest.len()));
            self.pieces += 1;
            let (piece, others) = rest.split_at(piece);
            rest = others;
            self.buffer.extend_from_slice(piece);
            while self.client.handle_bytes(&mut self.buffer, self.now) {
                assert!(self.poll_events() > 0, "the client asks to be polled and has no event");
            }
            self.poll_events();
            assert!(self.buffer.len() < self.packet_bytes_max, "a packet beyond the limit waits");
            assert!(!self.client.is_closed() || self.buffer.is_empty());
        }
    }

    fn poll_events(&mut self) -> usize {
        let before = self.events.len();
        while let Some(event) = self.client.poll_event() {
            assert!(!self.events.last().is_some_and(is_last), "{event:?} comes after the last event");
            let is_first = matches!(event, ClientEvent::Connected { .. });
            assert!(is_first == self.events.is_empty() || is_last(&event), "{event:?} comes out of turn");
            assert!(!is_last(&event) || self.client.is_closed());
            self.events.push(event);
        }
        self.events.len() - before
    }

    fn advance(&mut self, time: Duration) {
        self.now += time;
        self.client.handle_timeout(self.now);
        // A PINGREQ gives the server time, and a client that gave up waits for nothing.
        assert!(self.client.poll_timeout().is_none_or(|deadline| deadline > self.now));
        self.poll_events();
    }

    fn send(&mut self) {
        while let Some(bytes) = self.client.poll_transmit() {
            self.sent.extend_from_slice(&bytes);
            self.witness.receive(&bytes);
        }
    }
}

fn is_last(event: &ClientEvent) -> bool {
    match event {
        ClientEvent::Refused { .. }
        | ClientEvent::Disconnected { .. }
        | ClientEvent::PingTimeout
        | ClientEvent::Violation(_) => true,
        ClientEvent::Connected { .. }
        | ClientEvent::Message(_)
        | ClientEvent::PubAck { .. }
        | ClientEvent::SubAck { .. }
        | ClientEvent::UnsubAck { .. } => false,
    }
}

fn filters(input: &mut Input<'_>) -> Vec<TopicFilter> {
    let count = 1 + usize::from(input.byte() % 8);
    ["a/b", "#", "+/c", "a", "$aws/x", "b/#", "c", "d"]
        .into_iter()
        .take(count)
        .filter_map(|text| TopicFilter::parse(text).ok())
        .collect()
}

/// A server that takes all that the client sends, and answers everything at once.
struct Witness {
    session: Session,
    buffer: BytesMut,
    now: Instant,
}

impl Witness {
    fn new(now: Instant) -> Self {
        // The server at the other end may allow as much as it likes; this one has to.
        let limits = SessionLimits {
            packet_bytes_max: 1 << 24,
            receive_maximum: u16::MAX,
            transmit_buffer_bytes_max: 1 << 24,
            ..SessionLimits::default()
        };
        Self { session: Session::new(limits, now), buffer: BytesMut::new(), now }
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        loop {
            let intake = self.session.handle_bytes(&mut self.buffer, self.now);
            let events: Vec<_> = std::iter::from_fn(|| self.session.poll_event()).collect();
            let is_polled = !events.is_empty();
            events.into_iter().for_each(|event| self.answer(event));
            match intake {
                Intake::NeedsPolling => {}
                Intake::Blocked if is_polled => {}
                Intake::Blocked | Intake::NeedsBytes | Intake::Closed => return,
            }
        }
    }

    fn answer(&mut self, event: SessionEvent) {
        match event {
            SessionEvent::Connect(_) => self.session.accept(None, self.now),
            SessionEvent::Publish { packet_id, .. } => {
                if let Some(packet_id) = packet_id {
                    self.session.publish_ack(packet_id, PubAckReason::Success, None);
                }
            }
            SessionEvent::Subscribe { packet_id, filters } => {
                let codes = vec![SubAckCode::Granted(QoS::AtLeastOnce); filters.len()];
                self.session.sub_ack(packet_id, &codes, None);
            }
            SessionEvent::Unsubscribe { packet_id, filters } => {
                self.session.unsub_ack(packet_id, &vec![UnsubAckReason::Success; filters.len()]);
            }
            SessionEvent::Disconnected(cause) => {
                let is_leaving = matches!(cause, DisconnectCause::Client { .. });
                assert!(is_leaving, "the client broke the protocol: {cause:?}");
            }
        }
        // Nobody reads what the witness would send.
        while self.session.poll_transmit(self.now).is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_gets_to_every_event() {
        let mut kinds = std::collections::BTreeSet::new();
        for data in crate::targets::corpus("mqtt_client") {
            for event in play(&data, origin(), false).events {
                let text = format!("{event:?}");
                kinds.insert(text.split([' ', '{', '(']).next().unwrap().to_owned());
            }
        }
        let expected = [
            "Connected",
            "Disconnected",
            "Message",
            "PingTimeout",
            "PubAck",
            "Refused",
            "SubAck",
            "UnsubAck",
            "Violation",
        ];
        assert_eq!(kinds.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    }
}
