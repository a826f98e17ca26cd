//! The client's side of one connection: what the fleet simulator and the tests speak with.

use std::collections::{HashSet, VecDeque};
use std::num::{NonZeroU16, NonZeroU32};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use landfall_model::{ClientId, TopicFilter, TopicName};

use crate::framing::PacketDecoder;
use crate::packet::{
    Ack, ConnAck, Connect, Disconnect, Message, Packet, PacketId, ProtocolVersion, Publish, PublishQoS, QoS,
    Sender, SubAck, Subscribe, SubscriptionOptions, Unsubscribe,
};
use crate::publish::{EncodeError, PACKET_BYTES_LARGEST, PublishHead};
use crate::reason::ReasonCode;
use crate::transmit::{Transmit, Unsendable};
use crate::violation::Violation;

/// Most events that wait for the shell; more bytes are taken once it has polled them.
const CLIENT_EVENTS_MAX: usize = 32;

/// What a client connects with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientOptions {
    /// The version to speak.
    pub version: ProtocolVersion,
    /// The client identifier; `None` lets the server assign one.
    pub client_id: Option<ClientId>,
    /// Whether to ask for a new session.
    pub clean_start: bool,
    /// The keep-alive to ask for, in seconds; 0 is none.
    pub keep_alive_seconds: u16,
    /// Largest packet that is taken, in bytes. MQTT 5 servers are told.
    pub packet_bytes_max: NonZeroU32,
    /// Most messages of quality of service 1 that the server may send ahead. MQTT 5 servers are told.
    pub receive_maximum: NonZeroU16,
    /// Whether MQTT 5 servers may say to people, in their acknowledgements, why they refuse something.
    pub problem_information: bool,
}

impl ClientOptions {
    /// The usual options: a new session, a keep-alive of a minute, packets of any size.
    pub fn new(version: ProtocolVersion, client_id: Option<ClientId>) -> Self {
        Self {
            version,
            client_id,
            clean_start: true,
            keep_alive_seconds: 60,
            packet_bytes_max: NonZeroU32::MAX,
            receive_maximum: NonZeroU16::MAX,
            problem_information: true,
        }
    }
}

/// What happened on a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// The server let the client in.
    Connected {
        /// The identifier that an MQTT 5 server assigned.
        assigned_client_id: Option<Box<str>>,
        /// The keep-alive that holds; zero is none.
        keep_alive: Duration,
    },
    /// The server refused the client. The return codes of MQTT 3.1.1 come as the reason codes that say the same.
    Refused {
        /// Why.
        reason: ReasonCode,
        /// What the server says to people.
        reason_string: Option<Box<str>>,
    },
    /// A message arrived. One of quality of service 1 was acknowledged.
    Message(Message),
    /// The server acknowledged a message. MQTT 3.1.1 knows success only.
    PubAck {
        /// What `publish` returned.
        packet_id: PacketId,
        /// What became of the message.
        reason: ReasonCode,
        /// What the server says to people.
        reason_string: Option<Box<str>>,
    },
    /// The server answered a subscription, one code for each filter. The failure of MQTT 3.1.1 comes as
    /// [`ReasonCode::UnspecifiedError`].
    SubAck {
        /// What `subscribe` returned.
        packet_id: PacketId,
        /// The answers, in the order of the filters.
        codes: Vec<ReasonCode>,
        /// What the server says to people, for all filters together.
        reason_string: Option<Box<str>>,
    },
    /// The server answered the end of a subscription; MQTT 3.1.1 has no codes.
    UnsubAck {
        /// What `unsubscribe` returned.
        packet_id: PacketId,
        /// The answers, in the order of the filters.
        codes: Vec<ReasonCode>,
    },
    /// The server ended the connection, as MQTT 5 can.
    Disconnected {
        /// Why.
        reason: ReasonCode,
        /// What the server says to people.
        reason_string: Option<Box<str>>,
    },
    /// The server did not answer a PINGREQ in time.
    PingTimeout,
    /// The server broke the protocol.
    Violation(Violation),
}

/// Why a client cannot do what it was told.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The client was not let in, or its connection has ended.
    #[error("the client is not connected")]
    NotConnected,
    /// The core publishes with quality of service 0 and 1 only.
    #[error("quality of service 2 is not supported, at most 1 is")]
    QoS2,
    /// As many messages wait for the server as it allows.
    #[error("{in_flight} messages wait for their acknowledgement, the server allows no more")]
    WindowFull {
        /// How many wait.
        in_flight: usize,
    },
    /// The packet is larger than the server takes.
    #[error("the packet is larger than {bytes_max} bytes, the server's maximum")]
    TooLarge {
        /// The server's maximum packet size, in bytes.
        bytes_max: u32,
    },
    /// The packet has no bytes.
    #[error("the packet cannot be encoded")]
    Encode(#[source] EncodeError),
}

/// The client's side of one MQTT connection, without its IO: it is driven like [`Session`](crate::Session).
///
/// CONNECT waits to be sent from the start. PINGREQ and the acknowledgements of messages are sent by themselves.
#[derive(Debug)]
pub struct Client {
    state: ClientState,
    decoder: PacketDecoder,
    /// The server's maximum packet size, in bytes.
    packet_bytes_max: u32,
    transmit: Transmit,
    events: VecDeque<ClientEvent>,
    next_packet_id: PacketId,
    /// The packets that wait for their acknowledgement.
    in_flight: HashSet<PacketId>,
}

#[derive(Debug)]
enum ClientState {
    /// CONNACK has not come yet.
    Connecting {
        keep_alive: Duration,
    },
    Connected {
        /// Zero is none.
        keep_alive: Duration,
        /// Most messages of quality of service 1 on their way.
        window: usize,
        timer: PingTimer,
    },
    Closed,
}

/// When to ask the server for a sign of life, and when to give up.
#[derive(Clone, Copy, Debug)]
enum PingTimer {
    /// A PINGREQ is due, unless something else is sent before.
    Idle { ping_at: Option<Instant> },
    /// A PINGREQ was sent.
    Pinged { give_up_at: Option<Instant> },
}

impl Client {
    /// A client whose CONNECT waits to be sent.
    ///
    /// # Errors
    /// The CONNECT cannot be encoded, which no `ClientOptions` is known to cause.
    pub fn new(options: &ClientOptions) -> Result<Self, ClientError> {
        let ClientOptions {
            version,
            client_id,
            clean_start,
            keep_alive_seconds,
            packet_bytes_max,
            receive_maximum,
            problem_information,
        } = options;
        let connect = Connect {
            version: *version,
            clean_start: *clean_start,
            keep_alive: *keep_alive_seconds,
            client_id: client_id.as_ref().map_or("", ClientId::as_str).into(),
            will: None,
            user_name: None,
            session_expiry_interval: 0,
            receive_maximum: Some(*receive_maximum).filter(|maximum| *maximum < NonZeroU16::MAX),
            maximum_packet_size: Some(*packet_bytes_max).filter(|maximum| *maximum < NonZeroU32::MAX),
            topic_alias_maximum: 0,
            request_problem_information: *problem_information,
            authentication_method: None,
        };
        let mut client = Self {
            state: ClientState::Connecting { keep_alive: Duration::from_secs((*keep_alive_seconds).into()) },
            decoder: PacketDecoder {
                version: *version,
                sender: Sender::Server,
                packet_bytes_max: packet_bytes_max.get(),
            },
            packet_bytes_max: PACKET_BYTES_LARGEST,
            transmit: Transmit::default(),
            events: VecDeque::new(),
            next_packet_id: PacketId::FIRST,
            in_flight: HashSet::new(),
        };
        client.push(Packet::Connect(Box::new(connect)))?;
        Ok(client)
    }

    /// Whether the connection has ended: after what is left was sent, the socket is to be closed.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, ClientState::Closed)
    }

    /// Whether the server has let the client in.
    pub fn is_connected(&self) -> bool {
        matches!(self.state, ClientState::Connected { .. })
    }

    /// Publishes a message. With quality of service 1, the identifier comes back in [`ClientEvent::PubAck`].
    ///
    /// # Errors
    /// The client is not connected, too many messages wait for the server, or the message is too large.
    pub fn publish(
        &mut self,
        topic: &TopicName,
        payload: Bytes,
        qos: QoS,
        now: Instant,
    ) -> Result<Option<PacketId>, ClientError> {
        let ClientState::Connected { window, .. } = self.state else { return Err(ClientError::NotConnected) };
        let qos = match qos {
            QoS::AtMostOnce => PublishQoS::AtMostOnce,
            QoS::AtLeastOnce if self.in_flight.len() >= window => {
                return Err(ClientError::WindowFull { in_flight: self.in_flight.len() });
            }
            QoS::AtLeastOnce => PublishQoS::AtLeastOnce(self.free_packet_id()),
            QoS::ExactlyOnce => return Err(ClientError::QoS2),
        };
        let head = PublishHead {
            duplicate: false,
            retain: false,
            qos,
            topic,
            message_expiry: None,
            properties: None,
            payload_bytes: payload.len(),
        };
        let pushed = self.transmit.push_publish(self.decoder.version, &head, &payload, self.packet_bytes_max);
        self.pushed(pushed)?;
        self.in_flight.extend(qos.packet_id());
        self.sent(now);
        Ok(qos.packet_id())
    }

    /// Subscribes. The identifier comes back in [`ClientEvent::SubAck`].
    ///
    /// # Errors
    /// The client is not connected, too many packets wait for the server, or the packet is too large.
    pub fn subscribe(
        &mut self,
        filters: &[(TopicFilter, QoS)],
        now: Instant,
    ) -> Result<PacketId, ClientError> {
        let packet_id = self.request_packet_id()?;
        let filters = filters
            .iter()
            .map(|(filter, qos)| (filter.clone(), SubscriptionOptions::with_qos(*qos)))
            .collect();
        self.push(Packet::Subscribe(Subscribe { packet_id, subscription_id: None, filters }))?;
        self.in_flight.insert(packet_id);
        self.sent(now);
        Ok(packet_id)
    }

    /// Unsubscribes. The identifier comes back in [`ClientEvent::UnsubAck`].
    ///
    /// # Errors
    /// The client is not connected, too many packets wait for the server, or the packet is too large.
    pub fn unsubscribe(&mut self, filters: &[TopicFilter], now: Instant) -> Result<PacketId, ClientError> {
        let packet_id = self.request_packet_id()?;
        self.push(Packet::Unsubscribe(Unsubscribe { packet_id, filters: filters.to_vec() }))?;
        self.in_flight.insert(packet_id);
        self.sent(now);
        Ok(packet_id)
    }

    /// Leaves: DISCONNECT waits to be sent, and the connection has ended.
    pub fn disconnect(&mut self) {
        if self.is_connected() {
            let disconnect = Disconnect { reason: ReasonCode::Success, reason_string: None };
            // A DISCONNECT that the server would not take is not worth an error: the socket is closed anyway.
            self.push(Packet::Disconnect(disconnect)).ok();
        }
        self.state = ClientState::Closed;
    }

    /// Takes complete packets out of `buf`, and leaves the rest for the next call.
    ///
    /// Returns whether packets may be left: events wait to be polled, and it is to be called again with the same
    /// buffer.
    pub fn handle_bytes(&mut self, buf: &mut BytesMut, now: Instant) -> bool {
        while !self.is_closed() {
            if self.events.len() >= CLIENT_EVENTS_MAX {
                return true;
            }
            match self.decoder.decode(buf) {
                Ok(Some(packet)) => self.handle_packet(packet, now),
                Ok(None) => return false,
                Err(violation) => self.end(ClientEvent::Violation(violation)),
            }
        }
        buf.clear();
        false
    }

    /// Does what is due at `now`: sends PINGREQ, or gives up on a server that does not answer one.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_none_or(|deadline| now < deadline) {
            return;
        }
        let ClientState::Connected { keep_alive, timer, .. } = &mut self.state else { return };
        match timer {
            PingTimer::Idle { .. } => {
                *timer = PingTimer::Pinged { give_up_at: now.checked_add(*keep_alive) };
                // PINGREQ has two bytes; a server that does not take it is found dead by the timer.
                self.push(Packet::PingReq).ok();
            }
            PingTimer::Pinged { .. } => self.end(ClientEvent::PingTimeout),
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called. Every other method may change it.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            ClientState::Connected { timer: PingTimer::Idle { ping_at: due }, .. }
            | ClientState::Connected { timer: PingTimer::Pinged { give_up_at: due }, .. } => *due,
            ClientState::Connecting { .. } | ClientState::Closed => None,
        }
    }

    /// Takes the oldest event.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        self.events.pop_front()
    }

    /// Takes the next bytes to send.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        self.transmit.pop()
    }

    fn handle_packet(&mut self, packet: Packet, now: Instant) {
        let unexpected = Violation::UnexpectedPacket { packet: packet.packet_type() };
        if let Packet::ConnAck(connack) = packet {
            match self.state {
                ClientState::Connecting { keep_alive } => self.handle_connack(*connack, keep_alive, now),
                ClientState::Connected { .. } | ClientState::Closed => {
                    self.end(ClientEvent::Violation(unexpected))
                }
            }
            return;
        }
        if !self.is_connected() {
            // The first packet of a server is CONNACK [MQTT-3.2.0-1].
            self.end(ClientEvent::Violation(unexpected));
            return;
        }
        match packet {
            Packet::Publish(publish) => self.handle_publish(publish, now),
            Packet::PubAck(Ack { packet_id, reason, reason_string }) => {
                self.in_flight.remove(&packet_id);
                self.events.push_back(ClientEvent::PubAck { packet_id, reason, reason_string });
            }
            Packet::SubAck(SubAck { packet_id, codes, reason_string }) => {
                self.in_flight.remove(&packet_id);
                self.events.push_back(ClientEvent::SubAck { packet_id, codes, reason_string });
            }
            Packet::UnsubAck(ack) => {
                self.in_flight.remove(&ack.packet_id);
                self.events.push_back(ClientEvent::UnsubAck { packet_id: ack.packet_id, codes: ack.codes });
            }
            Packet::PingResp => {
                if let ClientState::Connected { keep_alive, timer, .. } = &mut self.state {
                    *timer = idle(*keep_alive, now);
                }
            }
            Packet::Disconnect(Disconnect { reason, reason_string }) => {
                self.end(ClientEvent::Disconnected { reason, reason_string });
            }
            Packet::Connect(_)
            | Packet::ConnAck(_)
            | Packet::PubRec(_)
            | Packet::PubRel(_)
            | Packet::PubComp(_)
            | Packet::Subscribe(_)
            | Packet::Unsubscribe(_)
            | Packet::PingReq
            | Packet::Auth => self.end(ClientEvent::Violation(unexpected)),
        }
    }

    fn handle_connack(&mut self, connack: ConnAck, keep_alive: Duration, now: Instant) {
        if connack.reason != ReasonCode::Success {
            let (reason, reason_string) = (connack.reason, connack.reason_string);
            self.end(ClientEvent::Refused { reason, reason_string });
            return;
        }
        // The server's keep-alive holds [MQTT-3.1.2-21].
        let keep_alive =
            connack.server_keep_alive.map_or(keep_alive, |seconds| Duration::from_secs(seconds.into()));
        self.packet_bytes_max = connack.maximum_packet_size.unwrap_or(PACKET_BYTES_LARGEST);
        self.state = ClientState::Connected {
            keep_alive,
            window: usize::from(connack.receive_maximum.get()),
            timer: idle(keep_alive, now),
        };
        let assigned_client_id = connack.assigned_client_id;
        self.events.push_back(ClientEvent::Connected { assigned_client_id, keep_alive });
    }

    fn handle_publish(&mut self, publish: Publish, now: Instant) {
        match publish.qos {
            PublishQoS::AtMostOnce => {}
            PublishQoS::AtLeastOnce(packet_id) => {
                // The acknowledgement has four bytes, or six; a server that takes less waits in vain.
                self.push(Packet::PubAck(Ack::success(packet_id))).ok();
                self.sent(now);
            }
            // Nothing is subscribed to with quality of service 2 here.
            PublishQoS::ExactlyOnce(_) => {
                let packet = crate::packet::PacketType::Publish;
                self.end(ClientEvent::Violation(Violation::UnexpectedPacket { packet }));
                return;
            }
        }
        self.events.push_back(ClientEvent::Message(Message {
            topic: publish.topic,
            payload: publish.payload,
            qos: publish.qos.qos(),
            properties: publish.properties,
            expires_at: publish
                .message_expiry
                .and_then(|seconds| now.checked_add(Duration::from_secs(seconds.into()))),
        }));
    }

    fn end(&mut self, event: ClientEvent) {
        self.events.push_back(event);
        self.state = ClientState::Closed;
    }

    /// Notes that a packet was sent, so that a PINGREQ is due later.
    fn sent(&mut self, now: Instant) {
        if let ClientState::Connected { keep_alive, timer, .. } = &mut self.state
            && let PingTimer::Idle { .. } = timer
        {
            *timer = idle(*keep_alive, now);
        }
    }

    fn push(&mut self, packet: Packet) -> Result<(), ClientError> {
        let pushed = self.transmit.push(self.decoder.version, packet, self.packet_bytes_max);
        self.pushed(pushed)
    }

    fn pushed(&self, pushed: Result<(), Unsendable>) -> Result<(), ClientError> {
        pushed.map_err(|error| match error {
            Unsendable::TooLarge => ClientError::TooLarge { bytes_max: self.packet_bytes_max },
            Unsendable::Encode(error) => ClientError::Encode(error),
        })
    }

    /// The identifier for a packet that the receive maximum does not count.
    fn request_packet_id(&mut self) -> Result<PacketId, ClientError> {
        if !self.is_connected() {
            return Err(ClientError::NotConnected);
        }
        if self.in_flight.len() >= usize::from(u16::MAX) {
            return Err(ClientError::WindowFull { in_flight: self.in_flight.len() });
        }
        Ok(self.free_packet_id())
    }

    /// An identifier that nothing in flight has; fewer than there are identifiers are in flight.
    fn free_packet_id(&mut self) -> PacketId {
        let mut packet_id = self.next_packet_id;
        while self.in_flight.contains(&packet_id) {
            packet_id = packet_id.next();
        }
        self.next_packet_id = packet_id.next();
        packet_id
    }
}

/// The timer of a connection on which something was just sent.
fn idle(keep_alive: Duration, now: Instant) -> PingTimer {
    PingTimer::Idle { ping_at: now.checked_add(keep_alive).filter(|_| !keep_alive.is_zero()) }
}
