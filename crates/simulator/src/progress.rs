use crate::{Acceptance, AttemptFailure, ConnectionEnd, Device, GaveUp};

/// Is told what a fleet does, while it does it. Every method is called from one task, and must not block.
pub trait Progress: Send + Sync {
    /// So many of the fleet's certificates are made.
    fn certificate_made(&self, made: usize) {
        let _ = made;
    }

    /// A device begins an attempt, counted from 1.
    fn attempt(&self, device: &Device, number: u32) {
        let _ = (device, number);
    }

    /// An attempt failed. Whether the device tries again is not known yet.
    fn attempt_failed(&self, device: &Device, failure: &AttemptFailure) {
        let _ = (device, failure);
    }

    /// The endpoint accepted a device. It comes once for each.
    fn accepted(&self, device: &Device, acceptance: &Acceptance) {
        let _ = (device, acceptance);
    }

    /// A device ends without having been accepted.
    fn failed(&self, device: &Device, gave_up: GaveUp) {
        let _ = (device, gave_up);
    }

    /// The connection of an accepted device has ended.
    fn connection_ended(&self, device: &Device, end: &ConnectionEnd) {
        let _ = (device, end);
    }
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {}
