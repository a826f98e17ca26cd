use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use landfall_model::{ClientId, TopicFilter, TopicName};
use landfall_mqtt::{
    Intake, Message, PacketId, ProtocolVersion, PubAckReason, ServerDisconnect, Session, SessionEvent,
    SubAckCode, SubscriptionOptions, UnsubAckReason,
};
use landfall_policy::{Decision, PolicyAction, Resource};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{Level, debug, error, info};

use super::admit::Accepted;
use super::denials::DenialQuota;
use super::rights::{Caller, Rights, one_line};
use super::wire::Exchange;
use super::{Connection, deadline, now, sleep_until};
use crate::Publisher;
use crate::admission::AdmissionError;
use crate::routing::{Delivery, Waiting};

/// A published message that waits for room in its subscribers' queues; then it is acknowledged.
type Backlog = Pin<Box<dyn Future<Output = Option<PacketId>> + Send>>;

/// Where the server alone publishes.
pub(crate) const EVENTS_PREFIX: &str = "$aws/events/";

/// Why nobody else does, whatever a policy says: an event that a device could publish would prove nothing.
pub(crate) const EVENTS_DENIAL: &str = "topics that begin with $aws/events/ are the server's own";

/// Payloads up to this many bytes are copied out of the buffer that they were read into.
const SLICE_BYTES_MIN: usize = 4_096;

/// What a connection needs once its client is let in.
struct Conversation<'c> {
    connection: &'c mut Connection,
    client_id: &'c ClientId,
    version: ProtocolVersion,
    is_persistent: bool,
    rights: Rights,
    filters: HashSet<TopicFilter>,
    denials: DenialQuota,
    backlog: Option<Backlog>,
}

/// The client may not do something.
struct Denied {
    /// Why, where that is still said: see [`DenialQuota`].
    reason: Option<String>,
}

/// What a conversation came to in one step.
enum Step {
    Done,
    /// A message came for the client.
    Delivery(Delivery),
    /// The rights of its principal may have changed.
    Touched,
}

impl Connection {
    /// Lets the client in and serves it until the connection ends.
    pub(super) async fn converse(&mut self, accepted: Accepted) {
        let Accepted { client_id, version, assigned, is_persistent, rights, mut deliveries } = accepted;
        self.session.accept(assigned.then_some(&client_id), now());
        let id = self.entry.id();
        let shared = Arc::clone(&self.shared);
        let denials = DenialQuota::new(shared.config.limits.denials_logged_per_second);
        let mut conversation = Conversation {
            connection: self,
            client_id: &client_id,
            version,
            is_persistent,
            rights,
            filters: HashSet::new(),
            denials,
            backlog: None,
        };
        loop {
            let want_read = conversation.take_events() == Intake::NeedsBytes;
            if conversation.session().is_closed() {
                break;
            }
            match conversation.step(&mut deliveries, want_read).await {
                Step::Done => {}
                Step::Delivery(delivery) => conversation.deliver(&delivery),
                Step::Touched => conversation.reauthorize().await,
            }
        }
        shared.router.leave(id);
        conversation.log_left_out();
        let cause = conversation.session().disconnect_cause().cloned();
        let dropped = conversation.session().counters();
        debug!(client.id = %client_id, ?cause, ?dropped, "client disconnected");
    }
}

impl Conversation<'_> {
    /// Waits for one thing to happen, and does what it asks for.
    async fn step(&mut self, deliveries: &mut mpsc::Receiver<Delivery>, want_read: bool) -> Step {
        let Connection { wire, session, entry, .. } = &mut *self.connection;
        wire.gather(session);
        let (deadline, can_take) = (deadline(session), session.can_take_delivery());
        let (backlog, rights_expire_at) = (&mut self.backlog, self.rights.expire_at);
        let denials_due = self.denials.due();
        tokio::select! {
            reason = entry.ended() => session.disconnect(reason.into(), None),
            () = entry.touched() => return Step::Touched,
            () = sleep_until(rights_expire_at), if rights_expire_at.is_some() => return Step::Touched,
            exchanged = wire.exchange(want_read) => match exchanged {
                // The client is gone, or does not take what waits for it.
                Ok(Exchange::Read(0)) | Err(_) => session.close_silently(),
                Ok(Exchange::Read(_) | Exchange::Written) => {}
            },
            Some(delivery) = deliveries.recv(), if can_take => return Step::Delivery(delivery),
            acknowledged = finished(backlog), if backlog.is_some() => {
                *backlog = None;
                if let Some(packet_id) = acknowledged {
                    session.publish_ack(packet_id, PubAckReason::Success, None);
                }
            }
            () = sleep_until(denials_due), if denials_due.is_some() => self.log_left_out(),
            () = sleep_until(deadline) => session.handle_timeout(now()),
        }
        Step::Done
    }

    /// Asks the registry anew what the client may do. One that may not connect any more is disconnected, and subscriptions
    /// that it may not have any more are ended.
    async fn reauthorize(&mut self) {
        let Self { connection, client_id, is_persistent, .. } = &mut *self;
        let certificate = connection.chain.certificate_id();
        let refreshed = connection.shared.admissions.refreshed(certificate);
        let admitted = match connection.in_time(refreshed).await {
            Ok(Some(admitted)) => admitted,
            // Its certificate was deleted, which ends the connection by itself.
            Ok(None) => return connection.session.disconnect(ServerDisconnect::AdministrativeAction, None),
            Err(problem) => return self.give_up(&problem),
        };
        let is_persistent = *is_persistent;
        let caller = Caller { client_id, is_persistent, principal: &admitted.principal };
        let rights = match connection.rights(caller).await {
            Ok(rights) => rights,
            Err(problem) => return self.give_up(&AdmissionError::Read(problem)),
        };
        let denial = connection.denial_of_connect(&rights, caller);
        self.rights = rights;
        self.connection.entry.admit(admitted);
        if let Some(reason) = denial {
            // It ends the connection, so that it is logged whatever was denied before.
            self.log_denial("connection denied by a change", self.client_id.as_str(), &reason);
            return self.end_unauthorized(&Denied { reason: Some(reason) });
        }
        for filter in self.filters.clone() {
            if self.denial_of_subscribe("subscription ended by a change", &filter).is_some() {
                self.unsubscribe(&filter);
            }
        }
    }

    /// Ends a connection of which nobody can say what it may do.
    fn give_up(&mut self, problem: &AdmissionError) {
        let error: &dyn std::error::Error = problem;
        error!(certificate.id = %self.connection.chain.certificate_id(), error, "rights cannot be read anew");
        self.session().disconnect(ServerDisconnect::UnspecifiedError, None);
    }

    /// Acts on all that the client has sent, until more is needed or something has to wait.
    ///
    /// While a message waits for its subscribers, reading goes on until the session's events are full: an
    /// acknowledgement that comes now may be what makes room, and a ping keeps the connection alive.
    fn take_events(&mut self) -> Intake {
        loop {
            let Connection { wire, session, .. } = &mut *self.connection;
            let intake = session.handle_bytes(wire.inbox(), now());
            if self.backlog.is_some() {
                return intake;
            }
            match session.poll_event() {
                Some(event) => self.handle(event),
                None => return intake,
            }
        }
    }

    fn handle(&mut self, event: SessionEvent) {
        match event {
            SessionEvent::Publish { message, packet_id, retain: _ } => self.publish(message, packet_id),
            SessionEvent::Subscribe { packet_id, filters } => self.subscribe_all(packet_id, filters),
            SessionEvent::Unsubscribe { packet_id, filters } => {
                let reasons: Vec<_> = filters.iter().map(|filter| self.unsubscribe(filter)).collect();
                self.session().unsub_ack(packet_id, &reasons);
            }
            // A second CONNECT is a violation that the session answers [MQTT-3.1.0-2].
            SessionEvent::Connect(_) | SessionEvent::Disconnected(_) => {}
        }
    }

    fn publish(&mut self, message: Message, packet_id: Option<PacketId>) {
        let topic = &message.topic;
        if let Some(denied) = self.denial_of_publish(topic) {
            return self.refuse_publish(packet_id, &denied);
        }
        let Connection { shared, entry, chain, peer, .. } = &*self.connection;
        let message = Arc::new(detached(message));
        let publisher = landfall_services::Publisher::Client {
            client_id: self.client_id,
            certificate: chain.certificate_id(),
            address: peer.ip(),
        };
        let waiting = shared.publisher.hand_out(Some(entry.id()), &message, publisher);
        if waiting.is_empty() {
            if let Some(packet_id) = packet_id {
                self.session().publish_ack(packet_id, PubAckReason::Success, None);
            }
        } else {
            self.backlog = Some(Box::pin(deliver_all(shared.publisher.clone(), waiting, packet_id)));
        }
    }

    /// MQTT 5 clients are told in the PUBACK; QoS 0 has none, and 3.1.1 has no negative one: these are disconnected.
    fn refuse_publish(&mut self, packet_id: Option<PacketId>, denied: &Denied) {
        let Some(packet_id) = packet_id.filter(|_| self.version == ProtocolVersion::V5) else {
            return self.end_unauthorized(denied);
        };
        let told = self.told(denied.reason.as_deref());
        self.session().publish_ack(packet_id, PubAckReason::NotAuthorized, told);
    }

    /// Ends the connection of a client that did what it may not do, or may not be here any more.
    fn end_unauthorized(&mut self, denied: &Denied) {
        let told = self.told(denied.reason.as_deref());
        self.session().disconnect(ServerDisconnect::NotAuthorized, told);
    }

    /// Answers each filter by itself. SUBACK has one reason string for all of them: it names the filters, those for which a
    /// reason is still said.
    fn subscribe_all(&mut self, packet_id: PacketId, filters: Vec<(TopicFilter, SubscriptionOptions)>) {
        let mut denials: Vec<String> = Vec::new();
        let mut answer = |(filter, options): (TopicFilter, SubscriptionOptions)| {
            let denial = self.denial_of_subscribe("subscribe denied", &filter);
            let Some(Denied { reason }) = denial else { return self.subscribe(filter, options) };
            denials.extend(reason.map(|reason| format!("{filter}: {reason}")));
            SubAckCode::NotAuthorized
        };
        let codes: Vec<_> = filters.into_iter().map(&mut answer).collect();
        let reason = Some(one_line(&denials.join("; "))).filter(|reason| !reason.is_empty());
        let told = self.told(reason.as_deref());
        self.session().sub_ack(packet_id, &codes, told);
    }

    fn subscribe(&mut self, filter: TopicFilter, options: SubscriptionOptions) -> SubAckCode {
        let shared = &self.connection.shared;
        if !self.filters.contains(&filter) && self.filters.len() >= shared.config.limits.subscriptions_max {
            return SubAckCode::QuotaExceeded;
        }
        shared.router.subscribe(self.connection.entry.id(), &filter, options);
        self.filters.insert(filter);
        SubAckCode::Granted(options.qos)
    }

    fn unsubscribe(&mut self, filter: &TopicFilter) -> UnsubAckReason {
        self.filters.remove(filter);
        match self.connection.shared.router.unsubscribe(self.connection.entry.id(), filter) {
            true => UnsubAckReason::Success,
            false => UnsubAckReason::NoSubscriptionExisted,
        }
    }

    /// Hands a message to the client, if its policies let it receive that.
    fn deliver(&mut self, delivery: &Delivery) {
        let (action, resource) = (PolicyAction::Receive, Resource::Topic(&delivery.message.topic));
        match self.rights.decide(action, resource) {
            Decision::Allow => {
                // What is dropped at a limit is counted by the session.
                let _ = self.session().deliver(&delivery.message, delivery.qos, now());
            }
            // Once for each message, so that it is for those who look for it.
            Decision::Deny(_) if tracing::enabled!(Level::DEBUG) => {
                let (topic, reason) = (&delivery.message.topic, self.explain(action, resource));
                debug!(client.id = %self.client_id, %topic, reason, "delivery denied");
            }
            Decision::Deny(_) => {}
        }
    }

    /// Whether the client may not publish here; none if it may.
    fn denial_of_publish(&mut self, topic: &TopicName) -> Option<Denied> {
        let (action, resource) = (PolicyAction::Publish, Resource::Topic(topic));
        let is_event = topic.as_str().starts_with(EVENTS_PREFIX);
        if !is_event && self.rights.decide(action, resource) == Decision::Allow {
            return None;
        }
        let reason = |this: &Self| match is_event {
            true => EVENTS_DENIAL.to_owned(),
            false => this.explain(action, resource),
        };
        Some(self.denied("publish denied", topic.as_str(), reason))
    }

    /// Whether the client may not subscribe with a filter; none if it may. `message` is what the log says then.
    fn denial_of_subscribe(&mut self, message: &'static str, filter: &TopicFilter) -> Option<Denied> {
        let (action, resource) = (PolicyAction::Subscribe, Resource::TopicFilter(filter));
        match self.rights.decide(action, resource) {
            Decision::Allow => None,
            Decision::Deny(_) => {
                Some(self.denied(message, filter.as_str(), |this| this.explain(action, resource)))
            }
        }
    }

    /// Finds and logs the reason for a denial, as long as there are few of them in a second; counts it otherwise.
    fn denied(
        &mut self,
        message: &'static str,
        resource: &str,
        reason: impl FnOnce(&Self) -> String,
    ) -> Denied {
        if !self.connection.is_explained() {
            return Denied { reason: None };
        }
        // Those of the second before come first.
        if self.denials.due().is_some_and(|due| due <= Instant::now()) {
            self.log_left_out();
        }
        if !self.denials.take() {
            return Denied { reason: None };
        }
        let reason = reason(self);
        self.log_denial(message, resource, &reason);
        Denied { reason: Some(reason) }
    }

    fn explain(&self, action: PolicyAction, resource: Resource<'_>) -> String {
        // Since the client was let in there is one.
        let Some(admitted) = self.connection.entry.admitted() else { return String::new() };
        let (client_id, is_persistent) = (self.client_id, self.is_persistent);
        let caller = Caller { client_id, is_persistent, principal: &admitted.principal };
        self.connection.explain(&self.rights, caller, action, resource)
    }

    /// What an MQTT 5 client is told of the reason for a denial: it shows parts of policies.
    fn told<'r>(&self, reason: Option<&'r str>) -> Option<&'r str> {
        reason.filter(|_| self.connection.shared.config.policy_reasons)
    }

    fn log_denial(&self, message: &'static str, resource: &str, reason: &str) {
        let certificate = self.connection.chain.certificate_id();
        info!(certificate.id = %certificate, client.id = %self.client_id, resource, reason, "{message}");
    }

    /// Says how many denials were only counted.
    fn log_left_out(&mut self) {
        let left_out = self.denials.take_left_out();
        if left_out > 0 {
            let certificate = self.connection.chain.certificate_id();
            info!(certificate.id = %certificate, client.id = %self.client_id, left_out, "more was denied");
        }
    }

    fn session(&mut self) -> &mut Session {
        &mut self.connection.session
    }
}

async fn deliver_all(
    publisher: Publisher,
    waiting: Vec<Waiting>,
    packet_id: Option<PacketId>,
) -> Option<PacketId> {
    publisher.deliver(waiting).await;
    packet_id
}

/// The message with a payload of its own where that is small: a slice would keep the whole buffer that it was read into.
fn detached(mut message: Message) -> Message {
    if message.payload.len() <= SLICE_BYTES_MIN {
        message.payload = Bytes::copy_from_slice(&message.payload);
    }
    message
}

async fn finished(backlog: &mut Option<Backlog>) -> Option<PacketId> {
    match backlog {
        Some(backlog) => backlog.await,
        None => std::future::pending().await,
    }
}
