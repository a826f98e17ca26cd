use std::collections::VecDeque;

use super::changing::Changing;
use crate::ServiceFailure;

/// The failures that a service answers its next calls with.
#[derive(Debug, Default)]
pub(super) struct Faults(Changing<VecDeque<ServiceFailure>>);

impl Faults {
    /// The next `count` calls fail so, after those that are to fail already.
    pub(super) fn fail_next(&self, count: usize, failure: &ServiceFailure) {
        self.0.with(|failures| failures.extend(std::iter::repeat_n(failure.clone(), count)));
    }

    /// Whether this call fails.
    pub(super) fn check(&self) -> Result<(), ServiceFailure> {
        match self.0.with(VecDeque::pop_front) {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }
}
