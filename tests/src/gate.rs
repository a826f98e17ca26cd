//! A door in front of another server, so that it is down for as long as the test wants and comes back with all that it knew.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use crate::process::{DEADLINE, now};

/// A port of this machine whose connections are led to another one while it is open, and closed while it is shut.
pub struct Gate {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Default)]
struct Inner {
    is_open: bool,
    /// How many connections were turned away since it was shut.
    refused: usize,
    /// Both sides of those that were let through.
    streams: Vec<TcpStream>,
}

impl Gate {
    /// A gate to this port, which is open.
    #[track_caller]
    pub fn before(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State::default());
        state.inner.lock().unwrap().is_open = true;
        let of_thread = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // That the target is gone is found by the client.
                let _ = of_thread.pass(stream, target);
            }
        });
        Self { address, state }
    }

    /// Where it is, as `http://127.0.0.1:5000`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets everybody through.
    pub fn open(&self) {
        self.state.inner.lock().unwrap().is_open = true;
    }

    /// Ends all connections, and lets nobody through any more.
    pub fn shut(&self) {
        let mut inner = self.state.inner.lock().unwrap();
        (inner.is_open, inner.refused) = (false, 0);
        for stream in inner.streams.drain(..) {
            // It may have ended already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Waits until so many connections were turned away since it was shut.
    #[track_caller]
    pub fn wait_until_refused(&self, wanted: usize) {
        let until = now() + DEADLINE;
        let mut inner = self.state.inner.lock().unwrap();
        while inner.refused < wanted {
            let left = until.saturating_duration_since(now());
            if left.is_zero() {
                let refused = inner.refused;
                drop(inner);
                panic!("{refused} connections came to the gate, not {wanted}");
            }
            inner = self.state.changed.wait_timeout(inner, left).unwrap().0;
        }
    }
}

impl State {
    fn pass(&self, client: TcpStream, target: SocketAddr) -> io::Result<()> {
        let mut inner = self.inner.lock().unwrap();
        if !inner.is_open {
            inner.refused += 1;
            self.changed.notify_all();
            return Ok(());
        }
        let server = TcpStream::connect(target)?;
        for (from, to) in [(&client, &server), (&server, &client)] {
            let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
            thread::spawn(move || {
                let copied = io::copy(&mut from, &mut to);
                // The end of one side is told to the other.
                let _ = to.shutdown(Shutdown::Write);
                copied.ok()
            });
        }
        inner.streams.extend([client, server]);
        Ok(())
    }
}
