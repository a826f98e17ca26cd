//! One connection, from the accepted socket to its end.

mod admit;
mod converse;
mod denials;
mod rights;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use landfall_mqtt::{ConnectRequest, Intake, Session, SessionEvent};
use landfall_pki::VerifiedChain;
use landfall_registration::CaSettings;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use self::admit::Verdict;
pub(crate) use self::converse::{EVENTS_DENIAL, EVENTS_PREFIX};
use self::wire::Wire;
use crate::Shared;
use crate::connections::{Entry, Origin};
use crate::handshake::{Authenticated, HandshakeError, handshake};
use crate::rejections::HandshakeRejection;

/// A connection whose peer is authenticated.
pub(crate) struct Connection {
    shared: Arc<Shared>,
    wire: Wire,
    session: Session,
    chain: VerifiedChain,
    entry: Entry,
    peer: SocketAddr,
    origin: Arc<Origin>,
    /// What held for the devices of its CA certificate when it came.
    settings: Arc<CaSettings>,
}

/// Serves one accepted socket until it is closed.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    stream: TcpStream,
    peer: SocketAddr,
    stopping: CancellationToken,
) {
    let authenticated = tokio::select! {
        authenticated = authenticate(&shared, stream, peer) => authenticated,
        () = stopping.cancelled() => return,
    };
    let Some(Authenticated { stream, chain, server_name }) = authenticated else {
        return;
    };
    let origin = Arc::new(Origin { ca: chain.trust().ca(), source: peer.ip(), server_name });
    // Entered before anything is read about the certificate: a change from now on finds this connection.
    let entry = shared.connections.enter(chain.certificate_id(), Some(Arc::clone(&origin)));
    let limits = shared.config.limits.session.clone();
    let settings = settings_of(&shared, &chain);
    let connection = Connection {
        wire: Wire::new(stream, &shared.config.limits),
        session: Session::new(limits, Instant::now().into_std()),
        chain,
        entry,
        peer,
        origin,
        settings,
        shared,
    };
    connection.run().await;
}

/// What holds for the device of a chain.
fn settings_of(shared: &Shared, chain: &VerifiedChain) -> Arc<CaSettings> {
    let settings = shared.settings.borrow();
    Arc::clone(chain.trust().ca().map_or(settings.default_settings(), |ca| settings.of(ca)))
}

/// Shakes hands, and remembers the rejection if that fails.
async fn authenticate(shared: &Shared, stream: TcpStream, peer: SocketAddr) -> Option<Authenticated> {
    let timeout = shared.config.limits.handshake_timeout;
    let shake = async {
        // A client that sends nothing takes no place from those that do.
        stream.readable().await.map_err(HandshakeError::Tls)?;
        let _permit = shared.handshakes.acquire().await;
        handshake(stream, &shared.tls, shared.anchors.current(), &*shared.clock).await
    };
    let authenticated = tokio::time::timeout(timeout, shake).await;
    match authenticated.unwrap_or(Err(HandshakeError::Timeout(timeout))) {
        Ok(authenticated) => Some(authenticated),
        Err(error) => {
            reject(shared, peer, &error);
            None
        }
    }
}

fn reject(shared: &Shared, peer: SocketAddr, error: &HandshakeError) {
    note_rejection(shared, peer, error.code(), with_causes(error));
}

/// An error with what caused it, in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes: Vec<_> =
        std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect();
    causes.join(": ")
}

fn note_rejection(shared: &Shared, peer: SocketAddr, code: &str, message: String) {
    let at = shared.clock.now();
    shared.rejections.push(HandshakeRejection { at, peer, code: code.to_owned(), message });
}

impl Connection {
    async fn run(mut self) {
        if let Some(request) = self.await_connect().await {
            match self.admit(request).await {
                Verdict::Accept(accepted) => self.converse(accepted).await,
                Verdict::Refuse(refusal, reason) => self.session.refuse(refusal, reason.as_deref()),
                Verdict::HoldExpired => {
                    info!(certificate.id = %self.chain.certificate_id(), "the hold ran out");
                    let reason = "the certificate is not active yet; connect again";
                    self.session.refuse(landfall_mqtt::ConnectRefusal::ServerUnavailable, Some(reason));
                }
                Verdict::Close => self.session.close_silently(),
                Verdict::End(reason) => self.session.disconnect(reason, None),
            }
        }
        let Self { mut wire, mut session, .. } = self;
        wire.finish(&mut session).await;
    }

    /// Remembers that this connection is turned away, where the registration log has no place for that.
    fn note_rejection(&self, code: &str, message: String) {
        note_rejection(&self.shared, self.peer, code, message);
    }

    /// Reads until the client's CONNECT is complete; none if it never is.
    async fn await_connect(&mut self) -> Option<ConnectRequest> {
        loop {
            let intake = self.session.handle_bytes(self.wire.inbox(), now());
            match self.session.poll_event() {
                Some(SessionEvent::Connect(request)) => return Some(request),
                Some(SessionEvent::Disconnected(cause)) => {
                    debug!(certificate.id = %self.chain.certificate_id(), ?cause, "no CONNECT came");
                    return None;
                }
                Some(
                    SessionEvent::Publish { .. }
                    | SessionEvent::Subscribe { .. }
                    | SessionEvent::Unsubscribe { .. },
                ) => {}
                None => match intake {
                    Intake::NeedsBytes => {
                        let deadline = deadline(&self.session);
                        tokio::select! {
                            read = self.wire.read() => if !matches!(read, Ok(1..)) { return None },
                            () = sleep_until(deadline) => self.session.handle_timeout(now()),
                            _ = self.entry.ended() => return None,
                        }
                    }
                    Intake::NeedsPolling => {}
                    Intake::Blocked | Intake::Closed => return None,
                },
            }
        }
    }
}

/// The time as sessions count it.
fn now() -> std::time::Instant {
    Instant::now().into_std()
}

fn deadline(session: &Session) -> Option<Instant> {
    session.poll_timeout().map(Instant::from_std)
}

/// Sleeps until a moment; for ever if there is none.
pub(crate) async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// The moment `duration` from now; none when that is out of reach.
fn after(duration: Duration) -> Option<Instant> {
    Instant::now().checked_add(duration)
}
