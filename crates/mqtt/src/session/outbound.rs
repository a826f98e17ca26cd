//! Messages on their way to the client: the in-flight window, and the queue before it.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use crate::packet::{Message, PacketId, ProtocolVersion, PublishQoS, QoS};
use crate::publish::PublishHead;
use crate::session::command::{Delivery, DropReason, SessionCounters};
use crate::session::limits::SessionLimits;
use crate::transmit::Transmit;

/// What a session sends to its client, and what it waits for.
#[derive(Debug)]
pub(crate) struct Outbound {
    version: ProtocolVersion,
    /// The client's maximum packet size, in bytes.
    packet_bytes_max: u32,
    /// Most messages in flight.
    window: usize,
    next_packet_id: PacketId,
    in_flight: HashSet<PacketId>,
    /// Messages of quality of service 1 that wait for the window, the oldest first.
    queue: VecDeque<Arc<Message>>,
    /// The payloads in the queue, in bytes.
    queue_bytes: usize,
}

impl Outbound {
    pub(crate) fn new(version: ProtocolVersion, packet_bytes_max: u32, window: u16) -> Self {
        Self {
            version,
            packet_bytes_max,
            window: usize::from(window.max(1)),
            next_packet_id: PacketId::FIRST,
            in_flight: HashSet::new(),
            queue: VecDeque::new(),
            queue_bytes: 0,
        }
    }

    pub(crate) fn packet_bytes_max(&self) -> u32 {
        self.packet_bytes_max
    }

    /// How many messages wait for their acknowledgement.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// How many messages wait for the window.
    pub(crate) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Whether one more message of quality of service 1 would be queued.
    pub(crate) fn has_queue_room(&self, limits: &SessionLimits) -> bool {
        self.queue.len() < limits.session_queue_messages_max
            && self.queue_bytes < limits.session_queue_bytes_max
    }

    /// Sends, queues or drops a message to a subscription that was granted `granted`.
    pub(crate) fn deliver(
        &mut self,
        message: &Arc<Message>,
        granted: QoS,
        now: Instant,
        limits: &SessionLimits,
        transmit: &mut Transmit,
    ) -> Delivery {
        let has_room = transmit.bytes() < limits.transmit_buffer_bytes_max;
        // The quality of service is the lower of both [MQTT-3.8.4-8]; 2 is not granted.
        if message.qos.min(granted) == QoS::AtMostOnce {
            if !has_room {
                return Delivery::Dropped(DropReason::TransmitBufferFull);
            }
            return self.send(message, PublishQoS::AtMostOnce, now, transmit);
        }
        if has_room && self.queue.is_empty() && self.in_flight.len() < self.window {
            return self.send_at_least_once(message, now, transmit);
        }
        if !self.has_queue_room(limits) {
            return Delivery::Dropped(DropReason::QueueFull);
        }
        // A message that could never leave the queue is told at once.
        if let Err(reason) = self.check(message, now) {
            return Delivery::Dropped(reason);
        }
        self.queue_bytes += message.payload.len();
        self.queue.push_back(Arc::clone(message));
        Delivery::Queued
    }

    /// Takes the client's acknowledgement. One that nothing waits for is ignored: it does no harm.
    pub(crate) fn acknowledge(&mut self, packet_id: PacketId) {
        self.in_flight.remove(&packet_id);
    }

    /// Sends from the queue what window and buffer let through.
    pub(crate) fn send_queued(
        &mut self,
        now: Instant,
        limits: &SessionLimits,
        transmit: &mut Transmit,
        counters: &mut SessionCounters,
    ) {
        while self.in_flight.len() < self.window && transmit.bytes() < limits.transmit_buffer_bytes_max {
            let Some(message) = self.queue.pop_front() else { return };
            self.queue_bytes -= message.payload.len();
            match self.send_at_least_once(&message, now, transmit) {
                Delivery::Dropped(reason) => counters.count(reason),
                Delivery::Sent | Delivery::Queued => {}
            }
        }
    }

    fn send_at_least_once(&mut self, message: &Message, now: Instant, transmit: &mut Transmit) -> Delivery {
        // An identifier is free again once it was acknowledged [MQTT-2.2.1-4]. The window is narrower than the
        // number of identifiers, so that one is always free.
        while self.in_flight.contains(&self.next_packet_id) {
            self.next_packet_id = self.next_packet_id.next();
        }
        let packet_id = self.next_packet_id;
        let delivery = self.send(message, PublishQoS::AtLeastOnce(packet_id), now, transmit);
        if delivery == Delivery::Sent {
            self.in_flight.insert(packet_id);
            self.next_packet_id = packet_id.next();
        }
        delivery
    }

    fn send(&self, message: &Message, qos: PublishQoS, now: Instant, transmit: &mut Transmit) -> Delivery {
        let Some(head) = head_of(message, qos, now) else { return Delivery::Dropped(DropReason::Expired) };
        match transmit.push_publish(self.version, &head, &message.payload, self.packet_bytes_max) {
            Ok(()) => Delivery::Sent,
            Err(_) => Delivery::Dropped(DropReason::TooLarge),
        }
    }

    /// Whether a message of quality of service 1 could be sent now.
    fn check(&self, message: &Message, now: Instant) -> Result<(), DropReason> {
        let qos = PublishQoS::AtLeastOnce(PacketId::FIRST);
        let head = head_of(message, qos, now).ok_or(DropReason::Expired)?;
        match head.lengths(self.version) {
            Ok(lengths) if lengths.packet() as u64 <= u64::from(self.packet_bytes_max) => Ok(()),
            Ok(_) | Err(_) => Err(DropReason::TooLarge),
        }
    }
}

/// The head of a delivery; `None` when the message has expired.
fn head_of(message: &Message, qos: PublishQoS, now: Instant) -> Option<PublishHead<'_>> {
    let message_expiry = match message.expires_at {
        // It must not be delivered any more [MQTT-3.3.2-5].
        Some(expires_at) if expires_at <= now => return None,
        // The time that the message waited here is taken off [MQTT-3.3.2-6]; what is left of a second counts.
        Some(expires_at) => {
            let left = expires_at - now;
            let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
            Some(u32::try_from(seconds).unwrap_or(u32::MAX))
        }
        None => None,
    };
    Some(PublishHead {
        duplicate: false,
        // Nothing is retained, so that every delivery is a new message [MQTT-3.3.1-12].
        retain: false,
        qos,
        topic: &message.topic,
        message_expiry,
        properties: message.properties.as_deref(),
        payload_bytes: message.payload.len(),
    })
}
