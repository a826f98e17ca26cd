//! A session whose client was let in.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::BytesMut;

use crate::framing::PacketDecoder;
use crate::packet::{
    Ack, Message, Packet, PacketId, ProtocolVersion, Publish, PublishQoS, QoS, Sender, SubAck, Subscribe,
};
use crate::reason::ReasonCode;
use crate::session::command::{SessionCounters, SubAckCode};
use crate::session::connect::Connecting;
use crate::session::event::{DisconnectCause, NotSupported, SessionEvent};
use crate::session::limits::SessionLimits;
use crate::session::outbound::Outbound;
use crate::transmit::{Transmit, Unsendable};
use crate::violation::Violation;

/// What a session shares with its states.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) limits: SessionLimits,
    pub(crate) events: VecDeque<SessionEvent>,
    pub(crate) transmit: Transmit,
    pub(crate) counters: SessionCounters,
}

impl Shared {
    /// Sends a packet; one that the client's maximum packet size does not let through is counted instead.
    pub(crate) fn send(&mut self, version: ProtocolVersion, packet: Packet, packet_bytes_max: u32) {
        match self.transmit.push(version, packet, packet_bytes_max) {
            Ok(()) => {}
            Err(Unsendable::TooLarge | Unsendable::Encode(_)) => self.counters.unsendable_packets += 1,
        }
    }
}

/// What became of the bytes in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A packet was taken.
    Progress,
    /// There is no complete packet.
    NeedsBytes,
    /// Nothing is taken until the shell acknowledges a message.
    NeedsAcknowledgement,
}

/// The state of a session whose client was let in.
#[derive(Debug)]
pub(crate) struct Connected {
    decoder: PacketDecoder,
    pub(crate) keep_alive: Duration,
    /// When the last packet was taken.
    heard_at: Instant,
    /// Whether the client is not listened to, so that its silence says nothing.
    is_deaf: bool,
    /// Messages of quality of service 1 that wait for the shell's acknowledgement.
    unacknowledged: u16,
    /// Whether acknowledgements may carry a reason string.
    problem_information: bool,
    /// Of the SUBSCRIBEs that wait for the shell's answer: the places of the filters that the session refuses itself.
    refused_filters: HashMap<PacketId, Vec<usize>>,
    pub(crate) outbound: Outbound,
}

impl Connected {
    pub(crate) fn new(connecting: &Connecting, limits: &SessionLimits, now: Instant) -> Self {
        let Connecting { version, packet_bytes_max, window, keep_alive, problem_information, .. } =
            *connecting;
        Self {
            decoder: PacketDecoder {
                version,
                sender: Sender::Client,
                packet_bytes_max: limits.packet_bytes_max,
            },
            keep_alive: Duration::from_secs(keep_alive.into()),
            heard_at: now,
            is_deaf: false,
            unacknowledged: 0,
            problem_information,
            refused_filters: HashMap::new(),
            outbound: Outbound::new(version, packet_bytes_max, window),
        }
    }

    pub(crate) fn version(&self) -> ProtocolVersion {
        self.decoder.version
    }

    /// When the client has been silent for too long: one and a half times the keep-alive [MQTT-3.1.2-22].
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.is_deaf { None } else { self.heard_at.checked_add(self.keep_alive * 3 / 2) }
    }

    /// Takes one packet out of `buf`.
    pub(crate) fn take_packet(
        &mut self,
        buf: &mut BytesMut,
        now: Instant,
        shared: &mut Shared,
    ) -> Result<Step, DisconnectCause> {
        // MQTT 3.1.1 has no receive maximum: the client is not read until the shell has caught up.
        let is_full = self.unacknowledged >= shared.limits.receive_maximum.max(1);
        if is_full && self.version() == ProtocolVersion::V311 {
            self.is_deaf = true;
            return Ok(Step::NeedsAcknowledgement);
        }
        if self.is_deaf {
            self.is_deaf = false;
            self.heard_at = now;
        }
        let Some(packet) = self.decoder.decode(buf).map_err(DisconnectCause::Violation)? else {
            return Ok(Step::NeedsBytes);
        };
        self.heard_at = now;
        self.handle_packet(packet, now, shared).map(|()| Step::Progress)
    }

    fn handle_packet(
        &mut self,
        packet: Packet,
        now: Instant,
        shared: &mut Shared,
    ) -> Result<(), DisconnectCause> {
        let packet_type = packet.packet_type();
        match packet {
            Packet::Publish(publish) => self.handle_publish(publish, now, shared)?,
            Packet::PubAck(Ack { packet_id, .. }) => {
                self.outbound.acknowledge(packet_id);
                let Shared { limits, transmit, counters, .. } = shared;
                self.outbound.send_queued(now, limits, transmit, counters);
            }
            Packet::Subscribe(subscribe) => self.handle_subscribe(subscribe, shared)?,
            Packet::Unsubscribe(unsubscribe) => {
                let (packet_id, filters) = (unsubscribe.packet_id, unsubscribe.filters);
                shared.events.push_back(SessionEvent::Unsubscribe { packet_id, filters });
            }
            Packet::PingReq => self.send(Packet::PingResp, shared),
            Packet::Disconnect(disconnect) => {
                return Err(DisconnectCause::Client { reason: disconnect.reason });
            }
            // A second CONNECT [MQTT-3.1.0-2], AUTH without an authentication method [MQTT-4.12.0-7], packets of
            // servers, and those of quality of service 2, which nothing was sent with.
            Packet::Connect(_)
            | Packet::ConnAck(_)
            | Packet::PubRec(_)
            | Packet::PubRel(_)
            | Packet::PubComp(_)
            | Packet::SubAck(_)
            | Packet::UnsubAck(_)
            | Packet::PingResp
            | Packet::Auth => {
                return Err(DisconnectCause::Violation(Violation::UnexpectedPacket { packet: packet_type }));
            }
        }
        Ok(())
    }

    fn handle_publish(
        &mut self,
        publish: Publish,
        now: Instant,
        shared: &mut Shared,
    ) -> Result<(), DisconnectCause> {
        let packet_id = match publish.qos {
            PublishQoS::AtMostOnce => None,
            PublishQoS::AtLeastOnce(packet_id) => Some(packet_id),
            // MQTT 3.1.1 has no way to say so: its connection is closed.
            PublishQoS::ExactlyOnce(_) => return Err(DisconnectCause::NotSupported(NotSupported::QoS2)),
        };
        // MQTT 3.1.1 has no way to say so either, and there the message is worth more than the flag.
        if publish.retain && self.version() == ProtocolVersion::V5 {
            return Err(DisconnectCause::NotSupported(NotSupported::RetainedMessage));
        }
        if packet_id.is_some() {
            let receive_maximum = shared.limits.receive_maximum.max(1);
            if self.unacknowledged >= receive_maximum {
                return Err(DisconnectCause::Violation(Violation::ReceiveMaximum { receive_maximum }));
            }
            self.unacknowledged += 1;
        }
        let message = Message {
            topic: publish.topic,
            payload: publish.payload,
            qos: publish.qos.qos(),
            properties: publish.properties,
            expires_at: publish
                .message_expiry
                .and_then(|seconds| now.checked_add(Duration::from_secs(seconds.into()))),
        };
        shared.events.push_back(SessionEvent::Publish { message, packet_id, retain: publish.retain });
        Ok(())
    }

    fn handle_subscribe(&mut self, subscribe: Subscribe, shared: &mut Shared) -> Result<(), DisconnectCause> {
        let Subscribe { packet_id, subscription_id, mut filters } = subscribe;
        if subscription_id.is_some() {
            return Err(DisconnectCause::NotSupported(NotSupported::SubscriptionIdentifier));
        }
        if filters.len() > shared.limits.subscribe_filters_max {
            let codes = vec![ReasonCode::QuotaExceeded; filters.len()];
            self.send(Packet::SubAck(SubAck { packet_id, codes, reason_string: None }), shared);
            return Ok(());
        }
        let refused: Vec<usize> =
            (0..).zip(&filters).filter(|(_, (f, _))| f.is_shared()).map(|(i, _)| i).collect();
        filters.retain(|(filter, _)| !filter.is_shared());
        for (_, options) in &mut filters {
            options.qos = options.qos.min(QoS::AtLeastOnce);
        }
        if filters.is_empty() {
            let codes = vec![ReasonCode::SharedSubscriptionsNotSupported; refused.len()];
            self.send(Packet::SubAck(SubAck { packet_id, codes, reason_string: None }), shared);
            return Ok(());
        }
        if !refused.is_empty() {
            self.refused_filters.insert(packet_id, refused);
        }
        shared.events.push_back(SessionEvent::Subscribe { packet_id, filters });
        Ok(())
    }

    /// Sends PUBACK.
    pub(crate) fn publish_ack(
        &mut self,
        packet_id: PacketId,
        reason: ReasonCode,
        reason_string: Option<&str>,
        shared: &mut Shared,
    ) {
        self.unacknowledged = self.unacknowledged.saturating_sub(1);
        let reason_string = self.wanted(reason_string);
        self.send(Packet::PubAck(Ack { packet_id, reason, reason_string }), shared);
    }

    /// Sends SUBACK, with the refusals of the session at their places.
    pub(crate) fn sub_ack(
        &mut self,
        packet_id: PacketId,
        codes: &[SubAckCode],
        reason_string: Option<&str>,
        shared: &mut Shared,
    ) {
        let mut codes: Vec<ReasonCode> = codes.iter().map(|code| code.reason_code()).collect();
        for index in self.refused_filters.remove(&packet_id).unwrap_or_default() {
            codes.insert(index.min(codes.len()), ReasonCode::SharedSubscriptionsNotSupported);
        }
        let reason_string = self.wanted(reason_string);
        self.send(Packet::SubAck(SubAck { packet_id, codes, reason_string }), shared);
    }

    /// The reason string of an acknowledgement, unless the client asked for none [MQTT-3.1.2-29].
    fn wanted(&self, reason_string: Option<&str>) -> Option<Box<str>> {
        reason_string.filter(|_| self.problem_information).map(Into::into)
    }

    /// Sends a packet, as far as the client's maximum packet size lets it through.
    pub(crate) fn send(&self, packet: Packet, shared: &mut Shared) {
        shared.send(self.version(), packet, self.outbound.packet_bytes_max());
    }
}
