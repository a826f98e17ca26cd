//! The registry in memory: the plainest reading of what each change means, for tests and for comparison.

mod billing_group;
mod ca_certificate;
mod certificate;
mod delivery;
mod destination;
mod event;
mod event_source_mapping;
mod function;
mod greengrass;
mod layer;
mod log_sink;
mod logging;
mod policy;
mod registration;
mod registration_code;
mod registration_job;
mod state;
mod table;
mod tag;
mod thing;
mod thing_group;
mod thing_type;
mod topic_rule;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use self::state::State;
use crate::{CommitError, CommitObserver, Committed, Registry, Transaction};

/// A registry that forgets everything when it is dropped.
#[derive(Default)]
pub struct MemoryRegistry {
    state: Mutex<State>,
    observers: Mutex<Vec<Arc<dyn CommitObserver>>>,
}

impl MemoryRegistry {
    /// An empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic in another thread cannot leave a half-made state: commits replace it whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Registry for MemoryRegistry {
    async fn commit(&self, transaction: Transaction) -> Result<Committed, CommitError> {
        let mut state = self.state();
        let mut next = state.clone();
        for change in transaction.changes() {
            next.apply(change)?;
        }
        let events = std::mem::take(&mut next.appended);
        *state = next;
        let activated = transaction.activates().and_then(|id| state.principal(id));
        // Still under the lock, so that observers hear in the order of the commits.
        let observers = self.observers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for observer in observers {
            observer.committed(transaction.changes());
            events.iter().for_each(|event| observer.appended(event));
            activated.iter().for_each(|principal| observer.activated(principal));
        }
        Ok(Committed { activated, events })
    }

    fn observe(&self, observer: Arc<dyn CommitObserver>) {
        self.observers.lock().unwrap_or_else(PoisonError::into_inner).push(observer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::conformance_suite!(|| async { (Arc::new(MemoryRegistry::new()) as Arc<dyn Registry>, ()) });
}
