use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use landfall_registry::{CommitError, Registry, StorageError, Transaction};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::Limits;
use crate::deliveries::{RowWrite, Writes};
use crate::ledger::Ledger;

/// How long to wait after the registry has failed.
pub(crate) const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Stores what became of deliveries, many by one commit.
pub(crate) struct Storer {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) registry: Arc<dyn Registry>,
    pub(crate) limits: Limits,
}

impl Storer {
    /// Runs until it is stopped, nothing runs any more, and everything is stored. What the registry does not take is kept
    /// and tried again.
    pub(crate) async fn run(self, stop: CancellationToken) {
        loop {
            match self.ledger.poll(|deliveries| deliveries.poll_writes()) {
                Some(writes) => match self.commit(writes).await {
                    Ok(()) => self.ledger.change(|deliveries| deliveries.handle_written(true)),
                    Err(problem) => {
                        self.ledger.change(|deliveries| deliveries.handle_written(false));
                        tell_unstored(&problem);
                        if let CommitError::Storage(StorageError::Closed) = problem {
                            return;
                        }
                        sleep(RETRY_PAUSE).await;
                    }
                },
                None if self.ledger.poll(|deliveries| deliveries.is_done()) => return,
                None => {
                    self.ledger.stores.notified().await;
                    // More may come: one commit serves them all.
                    if !stop.is_cancelled() && self.ledger.poll(|deliveries| deliveries.has_writes()) {
                        sleep(self.limits.store_pause).await;
                    }
                }
            }
        }
    }

    async fn commit(&self, writes: Writes) -> Result<(), CommitError> {
        let Writes { rows, prunes } = writes;
        let mut transaction = Transaction::new();
        for row in rows {
            match row {
                RowWrite::Store(delivery) => transaction.store_delivery(*delivery),
                RowWrite::Remove(id) => transaction.remove_delivery(id),
            }
        }
        if prunes {
            let Limits {
                delivered_kept_max,
                delivered_bytes_max,
                dead_letters_kept_max,
                dead_letters_bytes_max,
                ..
            } = self.limits;
            transaction.prune_deliveries(delivered_kept_max, delivered_bytes_max);
            transaction.prune_dead_letters(dead_letters_kept_max, dead_letters_bytes_max);
        }
        self.registry.commit(transaction).await.map(drop)
    }
}

fn tell_unstored(error: &CommitError) {
    let error: &dyn Error = error;
    error!(error, "deliveries of topic rules cannot be stored; this is tried again");
}
