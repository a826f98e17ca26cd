use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, debug, info, info_span, warn};

use crate::Shared;
use crate::connection;
use crate::connections::EndReason;

/// How long accepting rests when the system has no socket to give, as with too few file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections until it is told to stop; then every connection is ended.
pub(crate) async fn accept(shared: Arc<Shared>, listener: TcpListener, stopping: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopping.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                if let Err(error) = prepare(&stream) {
                    debug!(client.addr = %peer, %error, "socket cannot be used");
                } else if let Ok(permit) = Arc::clone(&shared.open).try_acquire_owned() {
                    let (for_task, stopping) = (Arc::clone(&shared), stopping.clone());
                    let serve = async move {
                        connection::serve(for_task, stream, peer, stopping).await;
                        drop(permit);
                    };
                    shared.tracker.spawn(serve.instrument(info_span!("connection", client.addr = %peer)));
                } else {
                    warn!(client.addr = %peer, limit = "connections_max", "connection refused: too many are open");
                }
            }
            Err(error) => {
                warn!(%error, "no connection can be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    shared.connections.end_all(EndReason::ShuttingDown);
    info!(messages.dropped = shared.router.dropped(), "broker accepts no more connections");
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)
}
