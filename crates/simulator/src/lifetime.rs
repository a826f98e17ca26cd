use std::num::NonZeroU32;
use std::sync::Arc;

use bytes::Bytes;
use landfall_model::{ClientId, TopicName};
use landfall_mqtt::{ClientError, ClientEvent, ClientOptions, PACKET_BYTES_MAX_DEFAULT, ProtocolVersion};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::conversation::{Conversation, StreamEnd};
use crate::device::{Acceptance, ConnectionEnd, Device, DeviceOutcome, DeviceReport, GaveUp, MessageOutcome};
use crate::dial::Dial;
use crate::failure::{AttemptFailure, Stage};
use crate::fleet::{Afterwards, Epoch, FleetLimits, instant_after};

/// How many failures of one device are kept for its report; all of them are counted.
pub const FAILURES_KEPT_MAX: usize = 32;

/// How often an accepted device sends a message that is not acknowledged, before it gives it up.
pub const PUBLISH_ATTEMPTS_MAX: u32 = 3;

/// The largest packet that a device takes, in bytes. Nothing that it asks for is larger.
const PACKET_BYTES_MAX: NonZeroU32 = NonZeroU32::new(PACKET_BYTES_MAX_DEFAULT).unwrap();

/// What all devices of a running fleet share.
pub(crate) struct Surroundings<D> {
    pub(crate) dial: D,
    pub(crate) limits: FleetLimits,
    pub(crate) mqtt_version: ProtocolVersion,
    pub(crate) afterwards: Afterwards,
    /// One permit for each device that may connect at once.
    pub(crate) slots: Arc<Semaphore>,
    /// When the fleet began.
    pub(crate) began: Instant,
    pub(crate) shutdown: CancellationToken,
    pub(crate) epoch: Epoch,
    pub(crate) events: mpsc::Sender<DeviceEvent>,
}

/// What happens to the device with that place in the fleet.
pub(crate) struct DeviceEvent {
    pub(crate) index: usize,
    pub(crate) happening: Happening,
}

pub(crate) enum Happening {
    /// An attempt begins, counted from 1.
    Attempt { number: u32 },
    /// An attempt failed.
    Failed(AttemptFailure),
    /// It was accepted. This comes once.
    Accepted(Acceptance),
    /// It is done. This comes last.
    Done(Box<DeviceReport>),
}

/// One device, from its first attempt to its end.
pub(crate) struct Lifetime<D> {
    index: usize,
    device: Arc<Device>,
    surroundings: Arc<Surroundings<D>>,
    random: StdRng,
    began: Instant,
    attempts: u32,
    failures: Vec<AttemptFailure>,
    /// Since the device was accepted, or from the beginning.
    failures_in_a_row: u32,
    acceptance: Option<Acceptance>,
    message_failures: u32,
}

/// A device that is in, and whose message is acknowledged.
struct Arrival<S> {
    conversation: Conversation<S>,
    slot: OwnedSemaphorePermit,
}

impl<D: Dial> Lifetime<D> {
    pub(crate) fn new(index: usize, device: Arc<Device>, surroundings: Arc<Surroundings<D>>) -> Self {
        Self {
            index,
            random: StdRng::seed_from_u64(device.jitter_seed()),
            device,
            surroundings,
            began: Instant::now(),
            attempts: 0,
            failures: Vec::new(),
            failures_in_a_row: 0,
            acceptance: None,
            message_failures: 0,
        }
    }

    /// Lives. The first attempt has its slot already.
    pub(crate) async fn live(mut self, slot: OwnedSemaphorePermit) {
        let surroundings = Arc::clone(&self.surroundings);
        let deadline = instant_after(surroundings.began, surroundings.limits.give_up_after);
        let arrival = tokio::select! {
            // A device whose turn comes too late begins no attempt.
            biased;
            () = surroundings.shutdown.cancelled() => Err(GaveUp::Stopped),
            () = sleep_until(deadline) => Err(GaveUp::Deadline),
            arrival = self.strive(slot) => arrival,
        };
        let message = match (self.device.topic(), &arrival) {
            (None, _) => MessageOutcome::Nothing,
            (Some(_), Ok(_)) => MessageOutcome::Acknowledged,
            (Some(_), Err(_)) => MessageOutcome::Failed,
        };
        let (end, gave_up) = match arrival {
            Ok(Arrival { conversation, slot }) => (self.end(conversation, slot).await, GaveUp::Stopped),
            // With the attempt, its connection was dropped.
            Err(gave_up) => (ConnectionEnd::Left, gave_up),
        };
        let outcome = match self.acceptance {
            Some(acceptance) => {
                let ended_at = surroundings.epoch.time_at(Instant::now());
                DeviceOutcome::Accepted { acceptance, message, end, ended_at }
            }
            None => DeviceOutcome::NotAccepted(gave_up),
        };
        let report = self.device.report(self.attempts, std::mem::take(&mut self.failures), outcome);
        self.tell(Happening::Done(Box::new(report))).await;
    }

    /// Tries until the device is in and its message is acknowledged.
    async fn strive(&mut self, first_slot: OwnedSemaphorePermit) -> Result<Arrival<D::Stream>, GaveUp> {
        let mut slot = first_slot;
        loop {
            match self.attempt().await {
                Ok(conversation) => return Ok(Arrival { conversation, slot }),
                Err(failure) => {
                    drop(slot);
                    if let Some(gave_up) = self.note(failure).await {
                        return Err(gave_up);
                    }
                }
            }
            sleep(self.surroundings.limits.backoff.delay(self.failures_in_a_row, &mut self.random)).await;
            let Ok(next_slot) = Arc::clone(&self.surroundings.slots).acquire_owned().await else {
                return Err(GaveUp::Stopped);
            };
            slot = next_slot;
        }
    }

    async fn attempt(&mut self) -> Result<Conversation<D::Stream>, AttemptFailure> {
        self.attempts = self.attempts.saturating_add(1);
        self.tell(Happening::Attempt { number: self.attempts }).await;
        let surroundings = Arc::clone(&self.surroundings);
        let stream = surroundings.dial.dial(&self.device).await?;
        let mut options =
            ClientOptions::new(surroundings.mqtt_version, Some(self.device.client_id().clone()));
        options.packet_bytes_max = PACKET_BYTES_MAX;
        let mut conversation = Conversation::new(stream, &options).map_err(client_failure)?;
        let after = surroundings.limits.connack_timeout;
        timeout(after, be_accepted(&mut conversation))
            .await
            .map_err(|_| AttemptFailure::Timeout { stage: Stage::Connack, after })??;
        self.accepted().await;
        if let Some(topic) = self.device.topic() {
            let after = surroundings.limits.puback_timeout;
            timeout(after, send_message(&mut conversation, topic, self.device.client_id()))
                .await
                .unwrap_or(Err(AttemptFailure::Timeout { stage: Stage::PubAck, after }))
                .inspect_err(|_| self.message_failures += 1)?;
        }
        Ok(conversation)
    }

    async fn accepted(&mut self) {
        self.failures_in_a_row = 0;
        if self.acceptance.is_none() {
            let now = Instant::now();
            let acceptance = Acceptance {
                attempt: self.attempts,
                after: now - self.began,
                accepted_at: self.surroundings.epoch.time_at(now),
            };
            self.acceptance = Some(acceptance);
            self.tell(Happening::Accepted(acceptance)).await;
        }
    }

    /// Notes a failure, and says whether it was the last one.
    async fn note(&mut self, failure: AttemptFailure) -> Option<GaveUp> {
        self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
        if self.failures.len() < FAILURES_KEPT_MAX {
            self.failures.push(failure.clone());
        }
        let is_permanent = failure.is_permanent();
        self.tell(Happening::Failed(failure)).await;
        let attempts_max = self.surroundings.limits.attempts_max;
        if is_permanent {
            Some(GaveUp::Permanent)
        } else if self.message_failures >= PUBLISH_ATTEMPTS_MAX
            || attempts_max.is_some_and(|max| self.attempts >= max.get())
        {
            Some(GaveUp::AttemptsMax)
        } else {
            None
        }
    }

    /// Leaves, or stays for as long as it may.
    async fn end(
        &self,
        mut conversation: Conversation<D::Stream>,
        slot: OwnedSemaphorePermit,
    ) -> ConnectionEnd {
        if self.surroundings.afterwards == Afterwards::Stay {
            drop(slot);
            tokio::select! {
                end = be_ended(&mut conversation) => return end,
                () = self.surroundings.shutdown.cancelled() => {}
            }
        }
        conversation.leave().await;
        ConnectionEnd::Left
    }

    async fn tell(&self, happening: Happening) {
        // Nobody listens any more when the fleet was dropped, and with it goes this task.
        self.surroundings.events.send(DeviceEvent { index: self.index, happening }).await.ok();
    }
}

/// Sends CONNECT and waits for the answer.
async fn be_accepted<S>(conversation: &mut Conversation<S>) -> Result<(), AttemptFailure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let event = conversation
            .next_event()
            .await
            .map_err(|end| stream_failure(end, AttemptFailure::ClosedWithoutConnack))?;
        match event {
            ClientEvent::Connected { .. } => return Ok(()),
            ClientEvent::Refused { reason, reason_string } => {
                return Err(AttemptFailure::Refused { reason, reason_string });
            }
            ClientEvent::Violation(violation) => return Err(AttemptFailure::Violation(violation)),
            // The client takes none of these for valid before CONNACK.
            ClientEvent::Disconnected { .. }
            | ClientEvent::PingTimeout
            | ClientEvent::Message(_)
            | ClientEvent::PubAck { .. }
            | ClientEvent::SubAck { .. }
            | ClientEvent::UnsubAck { .. } => {}
        }
    }
}

/// Publishes the message of a device and waits for the acknowledgement.
async fn send_message<S>(
    conversation: &mut Conversation<S>,
    topic: &TopicName,
    client_id: &ClientId,
) -> Result<(), AttemptFailure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // The client ids of devices are made of letters, digits and hyphens, which JSON takes as they are.
    let payload = Bytes::from(format!("{{\"clientId\":\"{client_id}\"}}"));
    let sent = conversation.publish(topic, payload).map_err(client_failure)?;
    loop {
        let event = conversation
            .next_event()
            .await
            .map_err(|end| stream_failure(end, AttemptFailure::ClosedWithoutPubAck { reason: None }))?;
        match event {
            ClientEvent::PubAck { packet_id, reason, .. } if Some(packet_id) == sent => {
                return if reason.is_failure() {
                    Err(AttemptFailure::MessageRefused { reason })
                } else {
                    Ok(())
                };
            }
            ClientEvent::Disconnected { reason, .. } => {
                return Err(AttemptFailure::ClosedWithoutPubAck { reason: Some(reason) });
            }
            ClientEvent::PingTimeout => return Err(AttemptFailure::ClosedWithoutPubAck { reason: None }),
            ClientEvent::Violation(violation) => return Err(AttemptFailure::Violation(violation)),
            ClientEvent::Connected { .. }
            | ClientEvent::Refused { .. }
            | ClientEvent::Message(_)
            | ClientEvent::PubAck { .. }
            | ClientEvent::SubAck { .. }
            | ClientEvent::UnsubAck { .. } => {}
        }
    }
}

/// Stays connected until the server or the network ends it. Cancel safe.
async fn be_ended<S>(conversation: &mut Conversation<S>) -> ConnectionEnd
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match conversation.next_event().await {
            Ok(ClientEvent::Disconnected { reason, .. }) => {
                return ConnectionEnd::ByServer { reason: Some(reason) };
            }
            Ok(ClientEvent::Violation(violation)) => {
                return ConnectionEnd::Failed { reason: violation.to_string().into() };
            }
            Ok(ClientEvent::PingTimeout) => {
                return ConnectionEnd::Failed { reason: "the server did not answer a PINGREQ".into() };
            }
            Ok(
                ClientEvent::Connected { .. }
                | ClientEvent::Refused { .. }
                | ClientEvent::Message(_)
                | ClientEvent::PubAck { .. }
                | ClientEvent::SubAck { .. }
                | ClientEvent::UnsubAck { .. },
            ) => {}
            Err(StreamEnd::Closed | StreamEnd::Alert(_)) => {
                return ConnectionEnd::ByServer { reason: None };
            }
            Err(StreamEnd::Tls(reason) | StreamEnd::Tcp(reason)) => return ConnectionEnd::Failed { reason },
        }
    }
}

fn stream_failure(end: StreamEnd, closed: AttemptFailure) -> AttemptFailure {
    match end {
        StreamEnd::Closed => closed,
        StreamEnd::Alert(alert) => AttemptFailure::TlsAlert { alert },
        StreamEnd::Tls(reason) => AttemptFailure::Tls { reason },
        StreamEnd::Tcp(reason) => AttemptFailure::Tcp { reason },
    }
}

fn client_failure(error: ClientError) -> AttemptFailure {
    AttemptFailure::Client { reason: error.to_string().into() }
}
