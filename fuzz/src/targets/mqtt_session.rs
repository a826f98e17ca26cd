use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use landfall_model::{ClientId, TopicName};
use landfall_mqtt::{
    Client, ClientEvent, ClientOptions, ConnectRefusal, ConnectRequest, Delivery, DropReason, Intake,
    Message, PacketId, ProtocolVersion, PubAckReason, QoS, ServerDisconnect, Session, SessionEvent,
    SessionLimits, SubAckCode, UnsubAckReason,
};

use crate::input::Input;

/// The most operations of one input.
const OPERATIONS_MAX: usize = 512;

/// The most bytes of an answer that is no delivery: a DISCONNECT or CONNACK with its reason in words.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// What a client is told that may not do something.
const DENIAL: &str = "no statement allows it";

/// The server's session of one connection, under any bytes of a client and any shell.
///
/// The input is a byte of settings, a byte that says how bytes are split, and operations: `d` delivers a message, `a`
/// answers what the session asked, `t` lets time pass, `s` sends what waits, `x` and `c` end the connection; every
/// other byte begins a chunk of bytes from the client.
///
/// However the client's bytes are split, the session tells and sends the same; it keeps its limits; what it sends is
/// valid for a client; every delivery is sent in order, waits, or was counted as dropped.
pub fn mqtt_session(data: &[u8]) {
    let script = Script::read(data);
    let start = origin();
    let whole = Server::new(&script, start, None).play(&script);
    let split = Server::new(&script, start, Some(script.split)).play(&script);
    assert_eq!(whole.events, split.events, "the events depend on how the bytes are split");
    assert!(whole.sent == split.sent, "what is sent depends on how the bytes are split");
}

/// The origin of virtual time: only differences from it count.
#[expect(clippy::disallowed_methods, reason = "an Instant has no other origin")]
pub(super) fn origin() -> Instant {
    Instant::now()
}

/// How long the next piece of split bytes is, in bytes.
pub(super) fn piece_bytes(split: u8, pieces: usize) -> usize {
    1 + (usize::from(split) + pieces * 3) % 7
}

struct Script<'a> {
    limits: SessionLimits,
    answer: ConnectAnswer,
    split: u8,
    operations: Vec<Operation<'a>>,
}

/// What the shell does about a CONNECT.
#[derive(Clone, Copy)]
enum ConnectAnswer {
    AcceptAtOnce,
    Hold,
    Refuse,
}

enum Operation<'a> {
    Receive(&'a [u8]),
    Deliver { qos: QoS, granted: QoS, padding: usize, expires_after: Option<Duration> },
    Answer { count: u8 },
    Advance(Duration),
    Send,
    Disconnect,
    CloseSilently,
}

impl<'a> Script<'a> {
    fn read(data: &'a [u8]) -> Self {
        let mut input = Input::new(data);
        let settings = input.byte();
        let limits = if settings & 1 == 0 { SessionLimits::default() } else { narrow_limits() };
        let answer = match settings >> 1 & 3 {
            0 | 1 => ConnectAnswer::AcceptAtOnce,
            2 => ConnectAnswer::Hold,
            _ => ConnectAnswer::Refuse,
        };
        let split = input.byte();
        let mut operations = Vec::new();
        while !input.is_empty() && operations.len() < OPERATIONS_MAX {
            operations.push(Operation::read(&mut input));
        }
        Self { limits, answer, split, operations }
    }
}

/// Limits that a short input reaches.
fn narrow_limits() -> SessionLimits {
    SessionLimits {
        packet_bytes_max: 256,
        subscribe_filters_max: 2,
        in_flight_messages_max: 2,
        receive_maximum: 2,
        session_queue_messages_max: 3,
        transmit_buffer_bytes_max: 512,
        ..SessionLimits::default()
    }
}

impl<'a> Operation<'a> {
    fn read(input: &mut Input<'a>) -> Self {
        const QUALITIES: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
        match input.byte() {
            b'd' => Self::Deliver {
                qos: input.choice(&QUALITIES),
                granted: input.choice(&QUALITIES),
                padding: usize::from(input.number()) % 8_192,
                expires_after: Some(input.byte()).filter(|s| *s > 0).map(|s| Duration::from_secs(s.into())),
            },
            b'a' => Self::Answer { count: input.byte() },
            b't' => Self::Advance(Duration::from_millis(u64::from(input.number()) * 10)),
            b's' => Self::Send,
            b'x' => Self::Disconnect,
            b'c' => Self::CloseSilently,
            _ => Self::Receive(input.chunk()),
        }
    }
}

/// A session with its shell, and what came out of them.
struct Server {
    session: Session,
    limits: SessionLimits,
    answer: ConnectAnswer,
    now: Instant,
    /// How bytes are split; `None` gives them to the session as they come.
    split: Option<u8>,
    pieces: usize,
    /// What has not been read from the socket.
    wire: BytesMut,
    buffer: BytesMut,
    questions: VecDeque<Question>,
    answers: usize,
    /// Messages that the connected session was given.
    deliveries: u64,
    witness: Option<Witness>,
    events: Vec<SessionEvent>,
    sent: Vec<u8>,
}

/// What the session waits to be answered.
enum Question {
    Connect(ConnectRequest),
    Publish(PacketId),
    Subscribe(PacketId, usize),
    Unsubscribe(PacketId, usize),
}

impl Server {
    fn new(script: &Script<'_>, now: Instant, split: Option<u8>) -> Self {
        Self {
            session: Session::new(script.limits.clone(), now),
            limits: script.limits.clone(),
            answer: script.answer,
            now,
            split,
            pieces: 0,
            wire: BytesMut::new(),
            buffer: BytesMut::new(),
            questions: VecDeque::new(),
            answers: 0,
            deliveries: 0,
            witness: None,
            events: Vec::new(),
            sent: Vec::new(),
        }
    }

    fn play(mut self, script: &Script<'_>) -> Self {
        for operation in &script.operations {
            match operation {
                Operation::Receive(bytes) => self.receive(bytes),
                Operation::Deliver { qos, granted, padding, expires_after } => {
                    self.deliver(*qos, *granted, *padding, *expires_after);
                }
                Operation::Answer { count } => self.answer_questions(usize::from(*count)),
                Operation::Advance(time) => self.advance(*time),
                Operation::Send => self.send(),
                Operation::Disconnect => {
                    self.session.disconnect(ServerDisconnect::AdministrativeAction, Some(DENIAL))
                }
                Operation::CloseSilently => self.session.close_silently(),
            }
            self.check_limits();
        }
        self.send();
        self.answer_questions(usize::MAX);
        self.send();
        self
    }

    fn receive(&mut self, bytes: &[u8]) {
        let waiting = self.session.transmit_bytes();
        self.wire.extend_from_slice(bytes);
        self.pump();
        // From this mark on nothing is taken, so that only the answer to one packet can go beyond it.
        let mark = waiting.max(2 * self.limits.transmit_buffer_bytes_max);
        let most = mark + self.limits.packet_bytes_max as usize + ANSWER_BYTES_MAX;
        assert!(self.session.transmit_bytes() <= most, "the answers that wait to be sent have no bound");
    }

    /// Reads from the socket as long as the session lets it.
    fn pump(&mut self) {
        loop {
            let intake = self.session.handle_bytes(&mut self.buffer, self.now);
            let events = self.poll_events();
            match intake {
                Intake::NeedsPolling => assert!(events > 0, "the session asks to be polled and has no event"),
                // The shell may have answered a CONNECT.
                Intake::Blocked if events > 0 => {}
                Intake::Blocked => return,
                Intake::NeedsBytes if self.wire.is_empty() => return,
                Intake::NeedsBytes => {
                    let waiting = self.buffer.len();
                    assert!(
                        waiting < self.limits.packet_bytes_max as usize,
                        "a packet beyond the limit waits"
                    );
                    let all = self.wire.len();
                    let piece = self.split.map_or(all, |split| piece_bytes(split, self.pieces).min(all));
                    self.pieces += 1;
                    self.buffer.extend_from_slice(&self.wire.split_to(piece));
                }
                Intake::Closed => {
                    assert!(self.session.is_closed() && self.buffer.is_empty());
                    self.wire.clear();
                    return;
                }
            }
        }
    }

    fn poll_events(&mut self) -> usize {
        let before = self.events.len();
        while let Some(event) = self.session.poll_event() {
            let ended = matches!(self.events.last(), Some(SessionEvent::Disconnected(_)));
            assert!(!ended, "{event:?} comes after the last event");
            assert_eq!(
                matches!(event, SessionEvent::Connect(_)),
                self.events.is_empty() && !self.failed(&event)
            );
            self.note(&event);
            self.events.push(event);
        }
        self.events.len() - before
    }

    /// Whether the connection ended before its CONNECT was understood.
    fn failed(&self, event: &SessionEvent) -> bool {
        self.events.is_empty() && matches!(event, SessionEvent::Disconnected(_))
    }

    fn note(&mut self, event: &SessionEvent) {
        match event {
            SessionEvent::Connect(request) => {
                self.witness = Some(Witness::new(request.version));
                self.questions.push_back(Question::Connect(request.clone()));
                match self.answer {
                    ConnectAnswer::AcceptAtOnce | ConnectAnswer::Refuse => self.answer_oldest(),
                    ConnectAnswer::Hold => {}
                }
            }
            SessionEvent::Publish { message, packet_id, .. } => {
                assert_eq!(message.qos == QoS::AtLeastOnce, packet_id.is_some());
                assert_ne!(message.qos, QoS::ExactlyOnce);
                self.questions.extend(packet_id.map(Question::Publish));
                let is_publish = |question: &&Question| matches!(question, Question::Publish(_));
                let unanswered = self.questions.iter().filter(is_publish).count();
                assert!(
                    unanswered <= usize::from(self.limits.receive_maximum),
                    "more than the receive maximum"
                );
            }
            SessionEvent::Subscribe { packet_id, filters } => {
                assert!((1..=self.limits.subscribe_filters_max).contains(&filters.len()));
                for (filter, options) in filters {
                    assert!(!filter.is_shared() && options.qos <= QoS::AtLeastOnce);
                }
                self.questions.push_back(Question::Subscribe(*packet_id, filters.len()));
            }
            SessionEvent::Unsubscribe { packet_id, filters } => {
                assert!(!filters.is_empty());
                self.questions.push_back(Question::Unsubscribe(*packet_id, filters.len()));
            }
            SessionEvent::Disconnected(cause) => {
                assert_eq!(self.session.disconnect_cause(), Some(cause));
            }
        }
    }

    fn answer_questions(&mut self, count: usize) {
        for _ in 0..count {
            if self.questions.is_empty() {
                return;
            }
            self.answer_oldest();
            self.pump();
        }
    }

    fn answer_oldest(&mut self) {
        self.answers += 1;
        let is_yes = !self.answers.is_multiple_of(3);
        match self.questions.pop_front() {
            None => {}
            Some(Question::Connect(request)) => match self.answer {
                ConnectAnswer::AcceptAtOnce | ConnectAnswer::Hold => {
                    let assigned = ClientId::parse("assigned").ok().filter(|_| request.client_id.is_none());
                    self.session.accept(assigned.as_ref(), self.now);
                }
                ConnectAnswer::Refuse => {
                    self.session.refuse(ConnectRefusal::NotAuthorized, Some(DENIAL));
                }
            },
            Some(Question::Publish(packet_id)) => {
                let reason = if is_yes { PubAckReason::Success } else { PubAckReason::NotAuthorized };
                self.session.publish_ack(packet_id, reason, Some(DENIAL).filter(|_| !is_yes));
            }
            Some(Question::Subscribe(packet_id, filters)) => {
                let granted = SubAckCode::Granted(QoS::AtLeastOnce);
                let code = if is_yes { granted } else { SubAckCode::NotAuthorized };
                self.session.sub_ack(packet_id, &vec![code; filters], Some(DENIAL).filter(|_| !is_yes));
            }
            Some(Question::Unsubscribe(packet_id, filters)) => {
                self.session.unsub_ack(packet_id, &vec![UnsubAckReason::Success; filters]);
            }
        }
    }

    fn deliver(&mut self, qos: QoS, granted: QoS, padding: usize, expires_after: Option<Duration>) {
        let number = u32::try_from(self.deliveries).unwrap_or(u32::MAX);
        let payload = [&number.to_be_bytes()[..], &vec![b'.'; padding]].concat();
        let topic = TopicName::parse("d").expect("a topic name of one letter");
        let mut message = Message::new(topic, Bytes::from(payload), qos);
        message.expires_at = expires_after.map(|time| self.now + time);

        let (is_connected, has_room) = (self.session.is_connected(), self.session.can_take_delivery());
        let waiting = self.session.transmit_bytes();
        let delivery = self.session.deliver(&Arc::new(message), granted, self.now);
        if !is_connected {
            assert_eq!(delivery, Delivery::Dropped(DropReason::NotConnected));
            return;
        }
        self.deliveries += 1;
        if qos.min(granted) > QoS::AtMostOnce && !has_room {
            assert_eq!(delivery, Delivery::Dropped(DropReason::QueueFull));
        }
        if waiting >= self.limits.transmit_buffer_bytes_max {
            assert_eq!(self.session.transmit_bytes(), waiting, "a delivery went into a full buffer");
        }
    }

    fn advance(&mut self, time: Duration) {
        self.now += time;
        let was_closed = self.session.is_closed();
        let is_due = self.session.poll_timeout().is_some_and(|deadline| deadline <= self.now);
        self.session.handle_timeout(self.now);
        assert_eq!(self.session.is_closed(), was_closed || is_due);
        self.poll_events();
    }

    fn send(&mut self) {
        while let Some(bytes) = self.session.poll_transmit(self.now) {
            assert!(!bytes.is_empty());
            self.sent.extend_from_slice(&bytes);
            // A client whose maximum packet size keeps answers from it can tell nothing about the rest.
            if self.session.counters().unsendable_packets > 0 {
                self.witness = None;
            }
            if let Some(witness) = &mut self.witness {
                witness.receive(&bytes, self.now);
            }
        }
        assert_eq!(self.session.transmit_bytes(), 0);
        // Sending makes room, and what the session could not take before it may take now.
        self.pump();
        self.check_deliveries();
    }

    /// Every delivery was received, waits, or was counted as dropped. What waits ends with the connection.
    fn check_deliveries(&self) {
        let Some(witness) = self.witness.as_ref().filter(|_| self.session.is_connected()) else { return };
        if self.session.transmit_bytes() > 0 {
            return;
        }
        let counters = self.session.counters();
        let dropped =
            counters.transmit_buffer_full + counters.queue_full + counters.too_large + counters.expired;
        let accounted = witness.messages + dropped + self.session.queued_messages() as u64;
        assert_eq!(accounted, self.deliveries, "deliveries were lost, or came twice");
    }

    fn check_limits(&self) {
        assert!(self.session.in_flight_messages() <= usize::from(self.limits.in_flight_messages_max));
        assert!(self.session.queued_messages() <= self.limits.session_queue_messages_max);
    }
}

/// A client that takes all that the session sends.
struct Witness {
    client: Client,
    buffer: BytesMut,
    /// How many messages came.
    messages: u64,
    /// The number of the last message of each quality of service.
    last: [Option<u32>; 2],
}

impl Witness {
    fn new(version: ProtocolVersion) -> Self {
        let options =
            ClientOptions { packet_bytes_max: NonZeroU32::MAX, ..ClientOptions::new(version, None) };
        let client = Client::new(&options).expect("a client of the usual options");
        Self { client, buffer: BytesMut::new(), messages: 0, last: [None; 2] }
    }

    fn receive(&mut self, bytes: &[u8], now: Instant) {
        self.buffer.extend_from_slice(bytes);
        loop {
            let is_more = self.client.handle_bytes(&mut self.buffer, now);
            while let Some(event) = self.client.poll_event() {
                match event {
                    ClientEvent::Message(message) => self.take(&message),
                    ClientEvent::Violation(violation) => {
                        panic!("the session broke the protocol: {violation}")
                    }
                    ClientEvent::Connected { .. }
                    | ClientEvent::Refused { .. }
                    | ClientEvent::PubAck { .. }
                    | ClientEvent::SubAck { .. }
                    | ClientEvent::UnsubAck { .. }
                    | ClientEvent::Disconnected { .. }
                    | ClientEvent::PingTimeout => {}
                }
            }
            // Nobody reads what the witness would send.
            while self.client.poll_transmit().is_some() {}
            if !is_more {
                return;
            }
        }
    }

    fn take(&mut self, message: &Message) {
        self.messages += 1;
        let number = message.payload.first_chunk().copied().map(u32::from_be_bytes);
        let last = &mut self.last[usize::from(message.qos == QoS::AtLeastOnce)];
        assert!(number > *last, "message {number:?} came after {last:?}");
        *last = number;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_gets_to_publish_subscribe_and_every_kind_of_end() {
        let mut kinds = std::collections::BTreeSet::new();
        for data in crate::targets::corpus("mqtt_session") {
            let script = Script::read(&data);
            for event in Server::new(&script, origin(), None).play(&script).events {
                let text = format!("{event:?}");
                kinds.insert(text.split([' ', '{']).next().unwrap().to_owned());
            }
        }
        for expected in [
            "Connect(ConnectRequest",
            "Publish",
            "Subscribe",
            "Unsubscribe",
            "Disconnected(Client",
            "Disconnected(KeepAlive",
            "Disconnected(NotSupported(Will",
            "Disconnected(Violation(ReceiveMaximum",
        ] {
            assert!(kinds.contains(expected), "{expected} is not in {kinds:?}");
        }
    }
}
