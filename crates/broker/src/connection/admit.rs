use std::sync::Arc;
use std::time::Duration;

use landfall_model::{ClientId, Principal, SubjectField};
use landfall_mqtt::{ConnectRefusal, ConnectRequest, ProtocolVersion, ServerDisconnect};
use landfall_policy::{Authorizer, ConnectionContext, Decision, PolicyAction, Resource};
use landfall_registration::{Applicant, Refusal};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;
use tracing::{debug, error, info, warn};

use super::{Connection, after, sleep_until};
use crate::admission::{AdmissionError, Next, Registered, Standing};
use crate::connections::EndReason;
use crate::routing::Delivery;

/// What becomes of a CONNECT.
pub(super) enum Verdict {
    Accept(Accepted),
    Refuse(ConnectRefusal),
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
    pub(super) authorizer: Authorizer,
    pub(super) deliveries: mpsc::Receiver<Delivery>,
}

/// How waiting for a registration ended.
enum Held {
    Admitted(Principal),
    Refused(Refusal),
    Expired,
    /// Too many others are held.
    Busy,
    /// The client hung up, or the registration's task failed.
    Gone,
    Ended(EndReason),
    Failed(AdmissionError),
}

impl Connection {
    /// Decides about a CONNECT; if the device is seen for the first time, the connection is held meanwhile.
    pub(super) async fn admit(&mut self, request: ConnectRequest) -> Verdict {
        let began = Instant::now();
        let version = request.version;
        let applicant = Arc::new(Applicant::new(&self.chain));
        let client_id = request.client_id.clone();
        let principal = match self.standing(&applicant, began).await {
            Ok(Standing::Registered(principal)) => principal,
            Ok(Standing::Unregistered(next)) => {
                match self.hold(&applicant, client_id.as_ref(), next, began).await {
                    Held::Admitted(principal) => principal,
                    Held::Refused(refusal) => return self.refuse_registration(version, &refusal),
                    Held::Expired if self.tells(version) => return Verdict::HoldExpired,
                    Held::Expired => return Verdict::Close,
                    Held::Busy => return self.refusal(version, ConnectRefusal::ServerBusy),
                    Held::Gone => return Verdict::Close,
                    // Told by its own name, as one that is deactivated already when it connects.
                    Held::Ended(EndReason::CertificateDeactivated) => {
                        return self.refuse_registration(version, &Refusal::Deactivated);
                    }
                    Held::Ended(_) if self.hold_time().is_zero() => return Verdict::Close,
                    Held::Ended(reason) => return Verdict::End(reason.into()),
                    Held::Failed(problem) => return self.fail(version, &problem),
                }
            }
            Ok(Standing::Refused(refusal)) => return self.refuse_registration(version, &refusal),
            Err(problem) => return self.fail(version, &problem),
        };
        self.authorize(request, &principal).await
    }

    /// Asks the policies of the device whether it may connect as this client.
    async fn authorize(&mut self, request: ConnectRequest, principal: &Principal) -> Verdict {
        let version = request.version;
        let documents = match self.shared.policies.of(principal).await {
            Ok(documents) => documents,
            Err(problem) => return self.fail(version, &AdmissionError::Read(problem)),
        };
        let assigned = request.client_id.is_none();
        let Ok(client_id) = request.client_id.map_or_else(assigned_client_id, Ok) else {
            return Verdict::Refuse(ConnectRefusal::ClientIdentifierNotValid);
        };
        let context = ConnectionContext {
            arn_prefix: Arc::clone(&self.shared.arn_prefix),
            client_id: client_id.clone(),
            things: principal.things.clone(),
            common_name: self.chain.subject().field(SubjectField::CommonName).map(Into::into),
        };
        let authorizer = Authorizer::new(context, documents);
        if let Decision::Deny(denial) = authorizer.decide(PolicyAction::Connect, Resource::Client(&client_id))
        {
            info!(certificate.id = %principal.certificate, client.id = %client_id, %denial, "connect denied");
            return self.refusal(version, ConnectRefusal::NotAuthorized);
        }
        let (sender, deliveries) = mpsc::channel(self.shared.config.limits.outbound_messages_max);
        self.entry.claim(&client_id);
        self.shared.router.enter(self.entry.id(), sender);
        debug!(certificate.id = %principal.certificate, client.id = %client_id, "client connected");
        Verdict::Accept(Accepted { client_id, version, assigned, authorizer, deliveries })
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
        let (admissions, for_task) = (Arc::clone(&self.shared.admissions), Arc::clone(applicant));
        // In a task of its own: a registration that was begun is finished even if the client hangs up.
        // It keeps its permit meanwhile, so that a stalled disk does not gather them without a limit.
        let permit = Arc::clone(permit);
        let mut registration = self.shared.tracker.spawn(async move {
            let registered = admissions.register(&for_task, next, began).await;
            drop(permit);
            registered
        });
        // With a hold of zero the client is closed as AWS does, but only once its registration is stored, so that it
        // finds itself registered when it comes back.
        let hold = self.hold_time();
        let wait = if hold.is_zero() { self.shared.config.limits.registration_timeout } else { hold };
        let deadline = after(wait);
        let mut pending = false;
        loop {
            let room = self.wire.inbox().len() < self.shared.config.limits.held_bytes_max;
            tokio::select! {
                registered = &mut registration, if !pending => match registered {
                    Ok(Ok(Registered::Refused(refusal))) => return Held::Refused(refusal),
                    Ok(Ok(_)) if hold.is_zero() => return Held::Expired,
                    Ok(Ok(Registered::Active(principal))) => return Held::Admitted(principal),
                    Ok(Ok(Registered::Pending)) => pending = true,
                    Ok(Err(problem)) => return Held::Failed(problem),
                    // The task panicked, which is logged where it happened.
                    Err(_) => return Held::Gone,
                },
                () = self.entry.activated(), if pending => {
                    match self.standing(applicant, began).await {
                        Ok(Standing::Registered(principal)) => return Held::Admitted(principal),
                        Ok(Standing::Refused(refusal)) => return Held::Refused(refusal),
                        Ok(Standing::Unregistered(_)) => {}
                        Err(problem) => return Held::Failed(problem),
                    }
                }
                // Read on only to notice that the client hangs up; what it sends ahead waits for its CONNACK.
                read = self.wire.read(), if room => if !matches!(read, Ok(1..)) { return Held::Gone },
                reason = self.entry.ended() => return Held::Ended(reason),
                () = sleep_until(deadline) => return Held::Expired,
            }
        }
    }

    async fn standing(&self, applicant: &Applicant, began: Instant) -> Result<Standing, AdmissionError> {
        let timeout = self.shared.config.limits.registration_timeout;
        let standing = tokio::time::timeout(timeout, self.shared.admissions.standing(applicant, began)).await;
        standing.unwrap_or(Err(AdmissionError::Timeout(timeout)))
    }

    fn hold_time(&self) -> Duration {
        self.shared.config.first_connect_hold
    }

    fn refuse_registration(&self, version: ProtocolVersion, refusal: &Refusal) -> Verdict {
        info!(certificate.id = %self.chain.certificate_id(), ca.id = %self.chain.ca(), code = refusal.code(), %refusal, "device refused");
        self.refusal(version, ConnectRefusal::NotAuthorized)
    }

    fn fail(&self, version: ProtocolVersion, problem: &AdmissionError) -> Verdict {
        let error: &dyn std::error::Error = problem;
        error!(certificate.id = %self.chain.certificate_id(), error, "device could not be admitted");
        self.refusal(version, ConnectRefusal::ServerUnavailable)
    }

    /// How a CONNECT is refused.
    fn refusal(&self, version: ProtocolVersion, refusal: ConnectRefusal) -> Verdict {
        if self.tells(version) { Verdict::Refuse(refusal) } else { Verdict::Close }
    }

    /// Whether a client that is not let in is told so. The session tells MQTT 5 clients; those of 3.1.1 are closed
    /// without a CONNACK, which is what AWS does and what they are written for. With a hold of zero everyone is closed.
    fn tells(&self, version: ProtocolVersion) -> bool {
        version == ProtocolVersion::V5 && !self.hold_time().is_zero()
    }
}

fn assigned_client_id() -> Result<ClientId, landfall_model::InvalidClientId> {
    ClientId::parse(&uuid::Uuid::new_v4().to_string())
}

impl From<EndReason> for ServerDisconnect {
    fn from(reason: EndReason) -> Self {
        match reason {
            EndReason::TakenOver => Self::SessionTakenOver,
            EndReason::CertificateDeactivated => Self::AdministrativeAction,
            EndReason::NotTaking => Self::QuotaExceeded,
            EndReason::ShuttingDown => Self::ServerShuttingDown,
        }
    }
}
