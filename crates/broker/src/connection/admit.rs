use std::sync::Arc;
use std::time::Duration;

use landfall_model::ClientId;
use landfall_mqtt::{ConnectRefusal, ConnectRequest, ProtocolVersion, ServerDisconnect};
use landfall_policy::{Decision, PolicyAction, Resource};
use landfall_registration::{Applicant, Refusal};
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

use super::rights::{Caller, Rights};
use super::{Connection, after, sleep_until};
use crate::admission::{AdmissionError, Cause, Next, PinnedStanding, Standing};
use crate::connections::EndReason;
use crate::principals::Admitted;
use crate::registration_attempt::Ending;
use crate::registration_queue::{Progress, Registration};
use crate::rejections::HandshakeRejection;
use crate::routing::Delivery;

/// The code under which a denied CONNECT is remembered.
const CONNECT_DENIED: &str = "connect_denied";

/// What becomes of a CONNECT.
pub(super) enum Verdict {
    Accept(Accepted),
    /// With what an MQTT 5 client is told beside the reason code.
    Refuse(ConnectRefusal, Option<String>),
    HoldExpired,
    /// Without a CONNACK.
    Close,
    End(ServerDisconnect),
}

/// A client that is let in.
pub(super) struct Accepted {
    pub(super) client_id: ClientId,
    pub(super) version: ProtocolVersion,
    /// Whether the client has to be told its id.
    pub(super) assigned: bool,
    /// Whether the client asked for a session that is kept.
    pub(super) is_persistent: bool,
    pub(super) rights: Rights,
    pub(super) deliveries: mpsc::Receiver<Delivery>,
}

/// How waiting for a registration ended.
enum Held {
    Admitted(Admitted),
    Refused(Refusal),
    Expired,
    /// Too many others are held.
    Busy,
    /// The client hung up, or the registration's task failed.
    Gone,
    Ended(EndReason),
    Failed(AdmissionError),
}

/// What a held connection waits for.
enum Awaited {
    /// The registration, which is being stored.
    Registration,
    /// Whoever activates the certificate.
    Activation,
    /// The interceptors of the registration, or whoever activates the certificate before.
    Interceptors(watch::Receiver<Progress>),
}

impl Connection {
    /// Decides about a CONNECT; if the device is seen for the first time, the connection is held meanwhile.
    pub(super) async fn admit(&mut self, request: ConnectRequest) -> Verdict {
        let began = Instant::now();
        let version = request.version;
        self.entry.connect();
        let Some(applicant) = Applicant::from_chain(&self.chain).map(Arc::new) else {
            return self.admit_pinned(request).await;
        };
        let client_id = request.client_id.clone();
        let admitted = match self.standing(&applicant, began).await {
            Ok(Standing::Registered(admitted)) => admitted,
            Ok(Standing::Unregistered(next)) => {
                match self.hold(&applicant, client_id.as_ref(), next, began).await {
                    Held::Admitted(admitted) => admitted,
                    Held::Refused(refusal) => return self.refuse_registration(version, &refusal),
                    Held::Expired if self.tells(version) => return Verdict::HoldExpired,
                    Held::Expired => return Verdict::Close,
                    Held::Busy => return self.refusal(version, ConnectRefusal::ServerBusy),
                    Held::Gone => return Verdict::Close,
                    // Told by its own name, as one that is deactivated already when it connects.
                    Held::Ended(EndReason::CertificateDeactivated) => {
                        return self.refuse_registration(version, &Refusal::Deactivated);
                    }
                    Held::Ended(EndReason::CaDeactivated) => {
                        return self.refuse_registration(version, &Refusal::CaInactive { ca: applicant.ca });
                    }
                    Held::Ended(_) if self.hold_time().is_zero() => return Verdict::Close,
                    Held::Ended(reason) => return Verdict::End(reason.into()),
                    Held::Failed(problem) => return self.fail(version, &problem),
                }
            }
            Ok(Standing::Refused(refusal)) => return self.refuse_registration(version, &refusal),
            Err(problem) => return self.fail(version, &problem),
        };
        self.authorize(request, admitted).await
    }

    /// Decides about a CONNECT of a device whose certificate is registered without a CA certificate.
    async fn admit_pinned(&mut self, request: ConnectRequest) -> Verdict {
        let standing = self.shared.admissions.standing_of_pinned(self.chain.certificate_id());
        match self.in_time(standing).await {
            Ok(PinnedStanding::Registered(admitted)) => self.authorize(request, admitted).await,
            Ok(PinnedStanding::Refused(refusal)) => {
                let certificate = self.chain.certificate_id();
                self.note_rejection(refusal.code(), format!("certificate {certificate}: {refusal}"));
                self.refusal(request.version, ConnectRefusal::NotAuthorized)
            }
            Err(problem) => self.fail(request.version, &problem),
        }
    }

    /// Asks the policies of the device whether it may connect as this client.
    async fn authorize(&mut self, request: ConnectRequest, admitted: Admitted) -> Verdict {
        let version = request.version;
        let (assigned, is_persistent) = (request.client_id.is_none(), !request.clean_start);
        let Ok(client_id) = request.client_id.map_or_else(assigned_client_id, Ok) else {
            return Verdict::Refuse(ConnectRefusal::ClientIdentifierNotValid, None);
        };
        let caller = Caller { client_id: &client_id, is_persistent, principal: &admitted.principal };
        let rights = match self.rights(caller).await {
            Ok(rights) => rights,
            Err(problem) => return self.fail(version, &AdmissionError::Read(problem)),
        };
        if let Some(reason) = self.denial_of_connect(&rights, caller) {
            return self.deny(version, caller, reason);
        }
        let (sender, deliveries) = mpsc::channel(self.shared.config.limits.outbound_messages_max);
        // After the policies were asked, and only then: who may connect as this client takes over from whoever does,
        // another certificate's device too, as at AWS; who may not, ends nobody.
        self.entry.claim(&client_id, is_persistent);
        self.entry.admit(admitted);
        self.shared.router.enter(self.entry.id(), sender);
        debug!(certificate.id = %self.chain.certificate_id(), client.id = %client_id, "client connected");
        Verdict::Accept(Accepted { client_id, version, assigned, is_persistent, rights, deliveries })
    }

    /// Why a caller may not connect; none if it may.
    pub(super) fn denial_of_connect(&self, rights: &Rights, caller: Caller<'_>) -> Option<String> {
        let (action, resource) = (PolicyAction::Connect, Resource::Client(caller.client_id));
        match rights.decide(action, resource) {
            Decision::Allow => None,
            // Always explained: it is remembered too.
            Decision::Deny(_) => Some(self.explain(rights, caller, action, resource)),
        }
    }

    /// Turns away a device whose policies do not let it connect.
    fn deny(&self, version: ProtocolVersion, caller: Caller<'_>, reason: String) -> Verdict {
        let (certificate, client_id) = (self.chain.certificate_id(), caller.client_id);
        let message = format!("certificate {certificate} as client {client_id}: {reason}");
        let (at, peer, code) = (self.shared.clock.now(), self.peer, CONNECT_DENIED.to_owned());
        self.shared.rejections.add(HandshakeRejection { at, peer, code, message }, |_| {
            info!(certificate.id = %certificate, client.id = %client_id, reason, "connect denied");
        });
        if !self.tells(version) {
            return Verdict::Close;
        }
        Verdict::Refuse(ConnectRefusal::NotAuthorized, self.shared.config.policy_reasons.then_some(reason))
    }

    /// Has the device registered, and waits for its certificate to become ACTIVE, whoever activates it.
    async fn hold(
        &mut self,
        applicant: &Arc<Applicant>,
        client_id: Option<&ClientId>,
        next: Next,
        began: Instant,
    ) -> Held {
        let held_max = self.shared.config.limits.held_connections_per_certificate_max;
        let permit = match Arc::clone(&self.shared.holds).try_acquire_owned() {
            Ok(permit) if self.entry.hold(client_id, held_max) => Arc::new(permit),
            Ok(_) | Err(_) => {
                warn!(certificate.id = %applicant.certificate, "too many connections are held already");
                return Held::Busy;
            }
        };
        let held = self.wait(applicant, next, began, &permit).await;
        self.entry.release();
        held
    }

    /// Waits for a registration within the hold.
    async fn wait(
        &mut self,
        applicant: &Arc<Applicant>,
        next: Next,
        began: Instant,
        permit: &Arc<OwnedSemaphorePermit>,
    ) -> Held {
        let (registrations, for_task) = (Arc::clone(&self.shared.registrations), Arc::clone(applicant));
        // In a task of its own: a registration that was begun is finished even if the client hangs up.
        // It keeps its permit meanwhile, so that a stalled disk does not gather them without a limit.
        let (permit, settings) = (Arc::clone(permit), Arc::clone(&self.settings));
        let mut registration = self.shared.tracker.spawn(async move {
            let registration =
                registrations.register(&for_task, &settings, next, Cause::Connected, began).await;
            drop(permit);
            registration
        });
        // With a hold of zero the client is closed as AWS does, but only once its registration is stored, so that it
        // finds itself registered when it comes back.
        let hold = self.hold_time();
        let wait = if hold.is_zero() { self.shared.config.limits.registration_timeout } else { hold };
        let deadline = after(wait);
        let mut awaited = Awaited::Registration;
        let held = loop {
            let room = self.wire.inbox().len() < self.shared.config.limits.held_bytes_max;
            tokio::select! {
                registered = &mut registration, if matches!(awaited, Awaited::Registration) => {
                    awaited = match registered {
                        Ok(Ok(Registration::Refused(refusal))) => break Held::Refused(refusal),
                        Ok(Ok(Registration::Active(_))) if hold.is_zero() => break Held::Expired,
                        Ok(Ok(Registration::Active(admitted))) => break Held::Admitted(admitted),
                        Ok(Ok(Registration::Pending)) => Awaited::Activation,
                        Ok(Ok(Registration::Queued(progress))) => Awaited::Interceptors(progress),
                        Ok(Err(AdmissionError::TooManyJobs { .. })) => break Held::Busy,
                        Ok(Err(problem)) => break Held::Failed(problem),
                        // The task panicked, which is logged where it happened.
                        Err(_) => break Held::Gone,
                    };
                    if hold.is_zero() {
                        break Held::Expired;
                    }
                }
                ending = awaited.ended() => match ending {
                    Some(Ending::Active(admitted)) => break Held::Admitted(admitted),
                    Some(Ending::Refused(refusal)) => break Held::Refused(refusal),
                    // Topic rules register it now, or nobody does before it comes back.
                    Some(Ending::Gone) | None => awaited = Awaited::Activation,
                },
                () = self.entry.activated(), if !matches!(awaited, Awaited::Registration) => {
                    match self.standing(applicant, began).await {
                        Ok(Standing::Registered(admitted)) => break Held::Admitted(admitted),
                        Ok(Standing::Refused(refusal)) => break Held::Refused(refusal),
                        Ok(Standing::Unregistered(_)) => {}
                        Err(problem) => break Held::Failed(problem),
                    }
                }
                // Read on only to notice that the client hangs up; what it sends ahead waits for its CONNACK.
                read = self.wire.read(), if room => if !matches!(read, Ok(1..)) { break Held::Gone },
                reason = self.entry.ended() => break Held::Ended(reason),
                () = sleep_until(deadline) => break Held::Expired,
            }
        };
        // What waits for interceptors has a record of its own.
        if matches!(awaited, Awaited::Activation) {
            self.record_hold(applicant, &held, began);
        }
        held
    }

    /// Records what waiting for somebody else to activate the certificate came to. The client does not wait for that, and the
    /// next attempt counts an equal record up.
    fn record_hold(&self, applicant: &Arc<Applicant>, held: &Held, began: Instant) {
        let principal = match held {
            Held::Admitted(Admitted { principal, .. }) => Some(principal.clone()),
            // It is refused by its own name from now on.
            Held::Ended(EndReason::CertificateDeactivated | EndReason::CaDeactivated) => return,
            Held::Expired | Held::Gone | Held::Ended(_) => None,
            // Told by its own record, or not at all.
            Held::Refused(_) | Held::Busy | Held::Failed(_) => return,
        };
        let waited = match (held, self.hold_time()) {
            (Held::Expired, hold) if hold.is_zero() => {
                "the connection was closed at once, as AWS does".to_owned()
            }
            (Held::Expired, hold) => format!("within the hold of {hold:?}"),
            (_, _) => "before the connection ended".to_owned(),
        };
        let message = format!("nobody activated the certificate: {waited}");
        let (admissions, applicant) = (Arc::clone(&self.shared.admissions), Arc::clone(applicant));
        self.shared.tracker.spawn(async move {
            let recorded = match principal {
                Some(principal) => admissions.record_activation(&applicant, &principal, began).await,
                None => admissions.record_waiting(&applicant, message, began).await,
            };
            if let Err(problem) = recorded {
                let error: &dyn std::error::Error = &problem;
                warn!(certificate.id = %applicant.certificate, error, "the end of a hold cannot be recorded");
            }
        });
    }

    async fn standing(&self, applicant: &Applicant, began: Instant) -> Result<Standing, AdmissionError> {
        self.in_time(self.shared.admissions.standing(applicant, began)).await
    }

    /// Gives the registry its time for an answer, and no more.
    pub(super) async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, AdmissionError>>,
    ) -> Result<T, AdmissionError> {
        let timeout = self.shared.config.limits.registration_timeout;
        let answer = tokio::time::timeout(timeout, answer).await;
        answer.unwrap_or(Err(AdmissionError::Timeout(timeout)))
    }

    fn hold_time(&self) -> Duration {
        self.settings.first_connect_hold
    }

    fn refuse_registration(&self, version: ProtocolVersion, refusal: &Refusal) -> Verdict {
        info!(certificate.id = %self.chain.certificate_id(), ca.id = self.chain.trust().ca().map(tracing::field::display), code = refusal.code(), %refusal, "device refused");
        self.refusal(version, ConnectRefusal::NotAuthorized)
    }

    fn fail(&self, version: ProtocolVersion, problem: &AdmissionError) -> Verdict {
        let error: &dyn std::error::Error = problem;
        error!(certificate.id = %self.chain.certificate_id(), error, "device could not be admitted");
        self.refusal(version, ConnectRefusal::ServerUnavailable)
    }

    /// How a CONNECT is refused.
    fn refusal(&self, version: ProtocolVersion, refusal: ConnectRefusal) -> Verdict {
        if self.tells(version) { Verdict::Refuse(refusal, None) } else { Verdict::Close }
    }

    /// Whether a client that is not let in is told so. The session tells MQTT 5 clients; those of 3.1.1 are closed
    /// without a CONNACK, which is what AWS does and what they are written for. With a hold of zero everyone is closed.
    fn tells(&self, version: ProtocolVersion) -> bool {
        version == ProtocolVersion::V5 && !self.hold_time().is_zero()
    }
}

impl Awaited {
    /// The end of a registration that waits for its interceptors, as soon as that has come; none if nobody has it any more.
    /// Cancel safe.
    async fn ended(&mut self) -> Option<Ending> {
        match self {
            Self::Registration | Self::Activation => std::future::pending().await,
            Self::Interceptors(progress) => loop {
                progress.changed().await.ok()?;
                match &*progress.borrow_and_update() {
                    Progress::Ended(ending) => return Some(ending.clone()),
                    Progress::Begun | Progress::Failed(_) => {}
                }
            },
        }
    }
}

fn assigned_client_id() -> Result<ClientId, landfall_model::InvalidClientId> {
    ClientId::parse(&uuid::Uuid::new_v4().to_string())
}

impl From<EndReason> for ServerDisconnect {
    fn from(reason: EndReason) -> Self {
        match reason {
            EndReason::TakenOver => Self::SessionTakenOver,
            EndReason::CaDeactivated | EndReason::CertificateDeactivated => Self::AdministrativeAction,
            EndReason::NotTaking => Self::QuotaExceeded,
            EndReason::ShuttingDown => Self::ServerShuttingDown,
        }
    }
}
