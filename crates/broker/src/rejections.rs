use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use landfall_model::UnixTime;

/// A connection that ended before its chain was verified.
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

/// The last connections that ended before their chains were verified. In memory only and bounded, so that nobody
/// without a certificate of ours can fill the disk.
pub struct HandshakeRejections {
    last: Mutex<VecDeque<HandshakeRejection>>,
    capacity: usize,
}

impl HandshakeRejections {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { last: Mutex::default(), capacity }
    }

    /// The rejections that are remembered, the oldest first.
    pub fn list(&self) -> Vec<HandshakeRejection> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub(crate) fn push(&self, rejection: HandshakeRejection) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        while last.len() >= self.capacity.max(1) {
            last.pop_front();
        }
        last.push_back(rejection);
    }
}
