use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The tasks of the server, and how they are told to end.
#[derive(Clone, Default)]
pub(crate) struct Lifecycle {
    /// Every task starts through this.
    pub(crate) tracker: TaskTracker,
    /// Cancelled when the server drains: nothing new is accepted, and what runs comes to its end.
    pub(crate) stopping: CancellationToken,
}

impl Lifecycle {
    /// Stops accepting, and waits until every task has ended or `grace` has passed. Whether all of them ended.
    pub(crate) async fn drain(&self, grace: Duration) -> bool {
        self.stopping.cancel();
        self.tracker.close();
        tokio::time::timeout(grace, self.tracker.wait()).await.is_ok()
    }
}

/// Listens for SIGTERM and SIGINT (Ctrl-C) from now on; the future waits for the first of them.
///
/// # Errors
/// The signals cannot be listened for.
pub(crate) fn shutdown_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
