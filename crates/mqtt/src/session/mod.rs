//! The server's side of one connection, from its first byte to its last.

mod command;
mod connect;
mod connected;
mod event;
mod limits;
mod outbound;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use landfall_model::ClientId;

pub use self::command::{
    ConnectRefusal, Delivery, DropReason, PubAckReason, ServerDisconnect, SessionCounters, SubAckCode,
    UnsubAckReason,
};
pub use self::event::{ConnectRequest, DisconnectCause, NotSupported, SessionEvent};
pub use self::limits::{
    CONNECT_TIMEOUT_DEFAULT, IN_FLIGHT_MESSAGES_MAX_DEFAULT, KEEP_ALIVE_SECONDS_MAX_DEFAULT,
    KEEP_ALIVE_SECONDS_MIN_DEFAULT, PACKET_BYTES_MAX_DEFAULT, RECEIVE_MAXIMUM_DEFAULT,
    SESSION_QUEUE_BYTES_MAX_DEFAULT, SESSION_QUEUE_MESSAGES_MAX_DEFAULT, SUBSCRIBE_FILTERS_MAX_DEFAULT,
    SessionLimits, TRANSMIT_BUFFER_BYTES_MAX_DEFAULT,
};

use self::connect::{ConnectFailure, Connecting};
use self::connected::{Connected, Shared, Step};
use crate::packet::{ConnAck, Disconnect, Message, Packet, PacketId, ProtocolVersion, QoS, UnsubAck};
use crate::reason::ReasonCode;
use crate::transmit::Transmit;

/// Most events that wait for the shell; more bytes are taken once it has polled them.
const SESSION_EVENTS_MAX: usize = 32;

/// The server's side of one MQTT connection, without its IO.
///
/// The shell drives it: received bytes go in by [`handle_bytes`](Self::handle_bytes), the passing of time by
/// [`handle_timeout`](Self::handle_timeout) when [`poll_timeout`](Self::poll_timeout) is due; events come out of
/// [`poll_event`](Self::poll_event) and bytes to send out of [`poll_transmit`](Self::poll_transmit). Whether a client
/// may connect, publish or subscribe is decided outside and told by commands. A command that does not fit the state
/// does nothing: the connection may have ended while the shell made up its mind.
///
/// After each `handle_*` and each command, the shell polls events and bytes until there are none. When
/// [`is_closed`](Self::is_closed), it sends what is left and closes the socket.
#[derive(Debug)]
pub struct Session {
    state: State,
    shared: Shared,
}

/// What became of received bytes: what the shell has to do before it calls [`Session::handle_bytes`] again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intake {
    /// Every complete packet was taken. Read from the socket.
    NeedsBytes,
    /// Events wait, and packets may be left. Poll the events, then call again with the same buffer.
    NeedsPolling,
    /// Nothing is taken until the shell answers a CONNECT, acknowledges a message, or sends bytes that wait. Then call
    /// again with the same buffer. Reading from the socket until then lets the buffer grow without a limit.
    Blocked,
    /// The connection has ended; the buffer was emptied.
    Closed,
}

/// Where a session stands.
#[derive(Debug)]
enum State {
    /// Nothing has been taken yet.
    AwaitingConnect {
        /// When the client has taken too long; `None` is never.
        deadline: Option<Instant>,
    },
    /// The shell decides about a CONNECT.
    Connecting(Connecting),
    /// The client was let in.
    Connected(Box<Connected>),
    /// Nothing more is taken; what waits may still be sent.
    Closing(DisconnectCause),
}

impl Session {
    /// The session of a connection that was just made.
    pub fn new(limits: SessionLimits, now: Instant) -> Self {
        Self {
            state: State::AwaitingConnect { deadline: now.checked_add(limits.connect_timeout) },
            shared: Shared {
                limits,
                events: VecDeque::new(),
                transmit: Transmit::default(),
                counters: SessionCounters::default(),
            },
        }
    }

    // Getters.

    /// Whether the connection has ended: after what is left was sent, the socket is to be closed.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closing(_))
    }

    /// Whether the client was let in.
    pub fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected(_))
    }

    /// Why the connection has ended.
    pub fn disconnect_cause(&self) -> Option<&DisconnectCause> {
        match &self.state {
            State::Closing(cause) => Some(cause),
            State::AwaitingConnect { .. } | State::Connecting(_) | State::Connected(_) => None,
        }
    }

    /// Whether a message of quality of service 1 would find room. While not, the shell leaves messages in its own
    /// channel.
    pub fn can_take_delivery(&self) -> bool {
        match &self.state {
            State::Connected(connected) => connected.outbound.has_queue_room(&self.shared.limits),
            State::AwaitingConnect { .. } | State::Connecting(_) | State::Closing(_) => false,
        }
    }

    /// How many messages wait for the client's acknowledgement.
    pub fn in_flight_messages(&self) -> usize {
        self.connected().map_or(0, |connected| connected.outbound.in_flight())
    }

    /// How many messages wait for the in-flight window.
    pub fn queued_messages(&self) -> usize {
        self.connected().map_or(0, |connected| connected.outbound.queued())
    }

    /// How many bytes wait to be sent.
    pub fn transmit_bytes(&self) -> usize {
        self.shared.transmit.bytes()
    }

    /// What was not delivered or sent.
    pub fn counters(&self) -> SessionCounters {
        self.shared.counters
    }

    // Commands.

    /// Lets the client in: CONNACK with reason code 0.
    ///
    /// `assigned` is the identifier of a client that gave none; MQTT 5 clients are told.
    pub fn accept(&mut self, assigned: Option<&ClientId>, now: Instant) {
        let State::Connecting(connecting) = &self.state else { return };
        let connack = connecting.connack(assigned, &self.shared.limits);
        let connected = Connected::new(connecting, &self.shared.limits, now);
        connected.send(Packet::ConnAck(Box::new(connack)), &mut self.shared);
        self.state = State::Connected(Box::new(connected));
    }

    /// Refuses a CONNECT. The reason string is for people, and only MQTT 5 clients get it.
    pub fn refuse(&mut self, refusal: ConnectRefusal, reason_string: Option<&str>) {
        if let State::Connecting(connecting) = &self.state {
            let (version, bytes_max) = (connecting.version, connecting.packet_bytes_max);
            self.send_connack(version, refusal.reason_code(), reason_string, bytes_max);
            self.state = State::Closing(DisconnectCause::Refused(refusal));
        }
    }

    /// Ends the connection without a word, as AWS does with a device that is not registered yet.
    pub fn close_silently(&mut self) {
        if !self.is_closed() {
            self.state = State::Closing(DisconnectCause::ClosedSilently);
        }
    }

    /// Ends the connection: an MQTT 5 client is told why, by DISCONNECT or, before it was accepted, by CONNACK.
    ///
    /// The reason string is for people. A client that asked for none of them may get it nevertheless in these two
    /// packets (section 3.1.2.11.7).
    pub fn disconnect(&mut self, reason: ServerDisconnect, reason_string: Option<&str>) {
        match &self.state {
            State::Closing(_) => return,
            State::AwaitingConnect { .. } => {}
            State::Connecting(connecting) => {
                if connecting.version == ProtocolVersion::V5 {
                    let bytes_max = connecting.packet_bytes_max;
                    self.send_connack(ProtocolVersion::V5, reason.connack_reason(), reason_string, bytes_max);
                }
            }
            State::Connected(_) => self.send_disconnect(reason.reason_code(), reason_string),
        }
        self.state = State::Closing(DisconnectCause::Server(reason));
    }

    /// Answers [`SessionEvent::Publish`] with its packet identifier: PUBACK. The reason string is for people, and only
    /// MQTT 5 clients get it, unless they asked for none.
    pub fn publish_ack(&mut self, packet_id: PacketId, reason: PubAckReason, reason_string: Option<&str>) {
        if let State::Connected(connected) = &mut self.state {
            connected.publish_ack(packet_id, reason.reason_code(), reason_string, &mut self.shared);
        }
    }

    /// Answers [`SessionEvent::Subscribe`]: SUBACK, with one code for each filter of the event in its order. The reason
    /// string, one for all of them, is for people, and only MQTT 5 clients get it, unless they asked for none.
    pub fn sub_ack(&mut self, packet_id: PacketId, codes: &[SubAckCode], reason_string: Option<&str>) {
        if let State::Connected(connected) = &mut self.state {
            connected.sub_ack(packet_id, codes, reason_string, &mut self.shared);
        }
    }

    /// Answers [`SessionEvent::Unsubscribe`]: UNSUBACK, with one code for each filter of the event in its order.
    pub fn unsub_ack(&mut self, packet_id: PacketId, reasons: &[UnsubAckReason]) {
        if let State::Connected(connected) = &mut self.state {
            let codes = reasons.iter().map(|reason| reason.reason_code()).collect();
            connected.send(Packet::UnsubAck(UnsubAck { packet_id, codes }), &mut self.shared);
        }
    }

    /// Takes a message for a subscription that was granted `granted`.
    ///
    /// It travels with the lower of `granted` and its own quality of service. What was dropped is counted.
    pub fn deliver(&mut self, message: &Arc<Message>, granted: QoS, now: Instant) -> Delivery {
        let State::Connected(connected) = &mut self.state else {
            return Delivery::Dropped(DropReason::NotConnected);
        };
        let Shared { limits, transmit, counters, .. } = &mut self.shared;
        let delivery = connected.outbound.deliver(message, granted, now, limits, transmit);
        if let Delivery::Dropped(reason) = delivery {
            counters.count(reason);
        }
        delivery
    }

    // Input.

    /// Takes the complete packets out of `buf`, and leaves the rest for the next call.
    ///
    /// No call needs more in `buf` than one packet of [`SessionLimits::packet_bytes_max`].
    pub fn handle_bytes(&mut self, buf: &mut BytesMut, now: Instant) -> Intake {
        loop {
            if self.shared.events.len() >= SESSION_EVENTS_MAX {
                return Intake::NeedsPolling;
            }
            match &mut self.state {
                State::AwaitingConnect { .. } => match connect::take_connect(buf, &self.shared.limits) {
                    Ok(None) => return Intake::NeedsBytes,
                    Ok(Some((connecting, request))) => {
                        self.shared.events.push_back(SessionEvent::Connect(request));
                        self.state = State::Connecting(connecting);
                    }
                    Err(failure) => self.fail_connect(failure),
                },
                State::Connecting(_) => return Intake::Blocked,
                State::Connected(connected) => {
                    // A client that sends and does not read shall not fill the memory with answers.
                    if self.shared.transmit.bytes() / 2 >= self.shared.limits.transmit_buffer_bytes_max {
                        return Intake::Blocked;
                    }
                    match connected.take_packet(buf, now, &mut self.shared) {
                        Ok(Step::Progress) => {}
                        Ok(Step::NeedsBytes) => return Intake::NeedsBytes,
                        Ok(Step::NeedsAcknowledgement) => return Intake::Blocked,
                        Err(cause) => self.end(cause),
                    }
                }
                State::Closing(_) => {
                    buf.clear();
                    return Intake::Closed;
                }
            }
        }
    }

    /// Does what is due at `now`. To be called when the time of [`poll_timeout`](Self::poll_timeout) has come; earlier
    /// calls do nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_none_or(|deadline| now < deadline) {
            return;
        }
        match &self.state {
            State::AwaitingConnect { .. } => self.end(DisconnectCause::ConnectTimeout),
            State::Connected(connected) => {
                let keep_alive = connected.keep_alive;
                self.end(DisconnectCause::KeepAlive { keep_alive });
            }
            State::Connecting(_) | State::Closing(_) => {}
        }
    }

    // Output.

    /// When [`handle_timeout`](Self::handle_timeout) is to be called. Every other method may change it.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::AwaitingConnect { deadline } => *deadline,
            State::Connected(connected) => connected.deadline(),
            // While a CONNECT is held, time does not count against the client: keep-alive starts at CONNACK.
            State::Connecting(_) | State::Closing(_) => None,
        }
    }

    /// Takes the oldest event.
    pub fn poll_event(&mut self) -> Option<SessionEvent> {
        self.shared.events.pop_front()
    }

    /// Takes the next bytes to send, after it has moved messages from the queue into the room that sending has made.
    pub fn poll_transmit(&mut self, now: Instant) -> Option<Bytes> {
        if let State::Connected(connected) = &mut self.state {
            let Shared { limits, transmit, counters, .. } = &mut self.shared;
            connected.outbound.send_queued(now, limits, transmit, counters);
        }
        self.shared.transmit.pop()
    }

    fn connected(&self) -> Option<&Connected> {
        match &self.state {
            State::Connected(connected) => Some(connected),
            State::AwaitingConnect { .. } | State::Connecting(_) | State::Closing(_) => None,
        }
    }

    /// Ends the connection for a reason that the shell did not give.
    fn end(&mut self, cause: DisconnectCause) {
        match &cause {
            DisconnectCause::Violation(violation) => {
                self.send_disconnect(violation.reason_code(), Some(&violation.to_string()));
            }
            DisconnectCause::NotSupported(what) => {
                self.send_disconnect(what.reason_code(), Some(&what.to_string()));
            }
            DisconnectCause::KeepAlive { .. } => self.send_disconnect(ReasonCode::KeepAliveTimeout, None),
            DisconnectCause::Client { .. }
            | DisconnectCause::ConnectTimeout
            | DisconnectCause::Refused(_)
            | DisconnectCause::ClosedSilently
            | DisconnectCause::Server(_) => {}
        }
        self.shared.events.push_back(SessionEvent::Disconnected(cause.clone()));
        self.state = State::Closing(cause);
    }

    /// Ends the connection at its CONNECT.
    fn fail_connect(&mut self, failure: ConnectFailure) {
        let ConnectFailure { cause, answer, answer_bytes_max } = failure;
        if let Some((version, connack)) = answer {
            self.shared.send(version, Packet::ConnAck(Box::new(connack)), answer_bytes_max);
        }
        self.end(cause);
    }

    fn send_connack(
        &mut self,
        version: ProtocolVersion,
        reason: ReasonCode,
        reason_string: Option<&str>,
        packet_bytes_max: u32,
    ) {
        let connack = ConnAck { reason_string: reason_string.map(Into::into), ..ConnAck::new(reason) };
        self.shared.send(version, Packet::ConnAck(Box::new(connack)), packet_bytes_max);
    }

    /// Sends DISCONNECT to a client that was let in, which only MQTT 5 has.
    fn send_disconnect(&mut self, reason: ReasonCode, reason_string: Option<&str>) {
        if let State::Connected(connected) = &self.state
            && connected.version() == ProtocolVersion::V5
        {
            let disconnect = Disconnect { reason, reason_string: reason_string.map(Into::into) };
            connected.send(Packet::Disconnect(disconnect), &mut self.shared);
        }
    }
}

#[cfg(test)]
mod tests;
