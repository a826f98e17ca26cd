//! One connection, from the accepted socket to its end.

mod admit;
mod converse;
mod wire;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use landfall_mqtt::{ConnectRequest, Intake, Session, SessionEvent};
use landfall_pki::VerifiedChain;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tracing::debug;

use self::admit::Verdict;
use self::wire::Wire;
use crate::Shared;
use crate::connections::Entry;
use crate::handshake::{Authenticated, HandshakeError, handshake};
use crate::rejections::HandshakeRejection;

/// A connection whose peer is authenticated.
pub(crate) struct Connection {
    shared: Arc<Shared>,
    wire: Wire,
    session: Session,
    chain: VerifiedChain,
    entry: Entry,
}

/// Serves one accepted socket until it is closed.
pub(crate) async fn serve(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    let Some(Authenticated { stream, chain }) = authenticate(&shared, stream, peer).await else {
        return;
    };
    // Entered before anything is read about the certificate: a change from now on finds this connection.
    let entry = shared.connections.enter(chain.certificate_id());
    let limits = shared.config.limits.session.clone();
    let connection = Connection {
        wire: Wire::new(stream, &shared.config.limits),
        session: Session::new(limits, Instant::now().into_std()),
        chain,
        entry,
        shared,
    };
    connection.run().await;
}

/// Shakes hands, and remembers the rejection if that fails.
async fn authenticate(shared: &Shared, stream: TcpStream, peer: SocketAddr) -> Option<Authenticated> {
    // Closed when the server stops: there would always be one more being admitted.
    let _permit = shared.handshakes.acquire().await.ok()?;
    let (anchors, timeout) = (shared.anchors.current(), shared.config.limits.handshake_timeout);
    match handshake(stream, &shared.tls, anchors, &*shared.clock, timeout).await {
        Ok(authenticated) => Some(authenticated),
        Err(error) => {
            reject(shared, peer, &error);
            None
        }
    }
}

fn reject(shared: &Shared, peer: SocketAddr, error: &HandshakeError) {
    let source = std::error::Error::source(error).map(|source| format!(": {source}"));
    let message = format!("{error}{}", source.unwrap_or_default());
    // Anybody can cause these, so they are not worth a line of the log each at the usual level.
    debug!(client.addr = %peer, code = error.code(), message, "handshake rejected");
    let at = shared.clock.now();
    shared.rejections.push(HandshakeRejection { at, peer, code: error.code().to_owned(), message });
}

impl Connection {
    async fn run(mut self) {
        if let Some(request) = self.await_connect().await {
            match self.admit(request).await {
                Verdict::Accept(accepted) => self.converse(accepted).await,
                Verdict::Refuse(refusal) => self.session.refuse(refusal, None),
                Verdict::HoldExpired => {
                    let reason = "the certificate is not active yet; connect again";
                    self.session.refuse(landfall_mqtt::ConnectRefusal::ServerUnavailable, Some(reason));
                }
                Verdict::Close => self.session.close_silently(),
                Verdict::End(reason) => self.session.disconnect(reason),
            }
        }
        let Self { mut wire, mut session, .. } = self;
        wire.finish(&mut session).await;
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
