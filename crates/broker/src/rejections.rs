use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use landfall_model::UnixTime;
use tracing::info;

use crate::Limits;

/// A connection that ended before its chain was verified, whose policies do not let it connect, or whose certificate,
/// registered without a CA certificate, may not connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandshakeRejection {
    /// When.
    pub at: UnixTime,
    /// Who.
    pub peer: SocketAddr,
    /// A stable name of the reason, for programs.
    pub code: String,
    /// The reason in words.
    pub message: String,
}

/// The last connections that were turned away and have no place in the registration log, which is about devices of registered
/// CA certificates. In memory only, bounded and rate-limited, so that nobody without a certificate of ours can fill the
/// disk or the log.
pub struct HandshakeRejections {
    inner: Mutex<Inner>,
    capacity: usize,
    per_second: u32,
}

#[derive(Default)]
struct Inner {
    last: VecDeque<HandshakeRejection>,
    second: i64,
    in_second: u32,
    left_out: u64,
}

impl HandshakeRejections {
    pub(crate) fn new(limits: &Limits) -> Self {
        let capacity = limits.rejections_max.max(1);
        Self { inner: Mutex::default(), capacity, per_second: limits.rejections_per_second_max }
    }

    /// The rejections that are remembered, the oldest first.
    pub fn list(&self) -> Vec<HandshakeRejection> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).last.iter().cloned().collect()
    }

    /// Remembers a rejection and logs it, unless there were too many in its second.
    pub(crate) fn push(&self, rejection: HandshakeRejection) {
        self.add(rejection, |HandshakeRejection { at: _, peer, code, message }| {
            info!(client.addr = %peer, code, reason = message, "connection rejected");
        });
    }

    /// Remembers a rejection and has it logged with what its place knows of it, unless there were too many in its second.
    pub(crate) fn add(&self, rejection: HandshakeRejection, log: impl FnOnce(&HandshakeRejection)) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let second = rejection.at.as_secs();
        if second != inner.second {
            let left_out = std::mem::take(&mut inner.left_out);
            if left_out > 0 {
                info!(left_out, "more handshakes were rejected");
            }
            (inner.second, inner.in_second) = (second, 0);
        }
        if inner.in_second >= self.per_second {
            inner.left_out += 1;
            return;
        }
        inner.in_second += 1;
        log(&rejection);
        if inner.last.len() >= self.capacity {
            inner.last.pop_front();
        }
        inner.last.push_back(rejection);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejection(second: i64, code: usize) -> HandshakeRejection {
        let peer = SocketAddr::from(([127, 0, 0, 1], 1));
        HandshakeRejection {
            at: UnixTime::from_secs(second),
            peer,
            code: code.to_string(),
            message: String::new(),
        }
    }

    #[test]
    fn the_ring_is_bounded_and_a_flood_does_not_wipe_it() {
        let limits = Limits { rejections_max: 3, rejections_per_second_max: 2, ..Limits::default() };
        let rejections = HandshakeRejections::new(&limits);
        let codes = || rejections.list().into_iter().map(|entry| entry.code).collect::<Vec<_>>();
        (0..100).for_each(|code| rejections.push(rejection(1, code)));
        assert_eq!(codes(), ["0", "1"]);
        (200..300).for_each(|code| rejections.push(rejection(2, code)));
        assert_eq!(codes(), ["1", "200", "201"]);
    }
}
