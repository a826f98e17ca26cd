use std::io;
use std::process::Command;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use tokio::process::Child;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// Starts processes on a thread of its own, which lives as long as this.
///
/// A process that is told to end with its parent ends with the *thread* that started it (prctl(2),
/// `PR_SET_PDEATHSIG`), and threads of the runtime come and go.
pub(crate) struct Spawner {
    requests: SyncSender<Request>,
}

struct Request {
    command: Command,
    runtime: Handle,
    started: oneshot::Sender<io::Result<Child>>,
}

/// How many processes can wait to be started. Each takes about a millisecond.
const WAITING_MAX: usize = 1_024;

impl Spawner {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(crate) fn start() -> io::Result<Self> {
        let (requests, waiting) = sync_channel(WAITING_MAX);
        thread::Builder::new().name("function-spawner".to_owned()).spawn(move || serve(&waiting))?;
        Ok(Self { requests })
    }

    /// Starts a process. It is killed when what this gives is dropped.
    ///
    /// # Errors
    /// It cannot be started.
    pub(crate) async fn spawn(&self, command: Command) -> io::Result<Child> {
        let (started, child) = oneshot::channel();
        let request = Request { command, runtime: Handle::current(), started };
        let sent = self.requests.try_send(request);
        sent.map_err(|_| io::Error::other("too many processes wait to be started"))?;
        child.await.map_err(|_| io::Error::other("the thread that starts processes is gone"))?
    }
}

fn serve(waiting: &Receiver<Request>) {
    while let Ok(Request { command, runtime, started }) = waiting.recv() {
        let _inside = runtime.enter();
        let child = tokio::process::Command::from(command).kill_on_drop(true).spawn();
        // A process that nobody wants any more is killed here, as it is dropped.
        let _ = started.send(child);
    }
}
