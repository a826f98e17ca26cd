use std::sync::{Arc, Mutex, PoisonError};

use landfall_model::Clock;
use landfall_registry::{Change, CommitObserver};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::Limits;
use crate::deliveries::{Deliveries, Now};
use crate::metrics::Metrics;

/// The deliveries, shared by whoever publishes, performs and stores, each of whom is woken when there is something to do.
pub(crate) struct Ledger {
    deliveries: Mutex<Deliveries>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    /// Wakes who begins deliveries.
    pub(crate) begins: Notify,
    /// Wakes who stores them.
    pub(crate) stores: Notify,
    room: Notify,
}

impl Ledger {
    pub(crate) fn new(limits: &Limits, clock: Arc<dyn Clock>, metrics: Metrics) -> Self {
        let deliveries = Mutex::new(Deliveries::new(limits));
        let (begins, stores, room) = Default::default();
        Self { deliveries, clock, metrics, begins, stores, room }
    }

    pub(crate) fn now(&self) -> Now {
        Now { instant: Instant::now(), wall: self.clock.now() }
    }

    /// Changes the deliveries, and wakes whoever may have something to do by that.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Deliveries) -> T) -> T {
        let (changed, is_to_be_stored) = self.poll(|deliveries| {
            let changed = change(deliveries);
            // When everything is done, who stores ends.
            (changed, deliveries.has_writes() || deliveries.is_done())
        });
        self.begins.notify_one();
        if is_to_be_stored {
            self.stores.notify_one();
        }
        changed
    }

    /// Takes what is to be done next.
    pub(crate) fn poll<T>(&self, poll: impl FnOnce(&mut Deliveries) -> T) -> T {
        let mut deliveries = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        let polled = poll(&mut deliveries);
        let (waiting, running, has_room) =
            (deliveries.waiting(), deliveries.running(), deliveries.has_room());
        drop(deliveries);
        self.metrics.waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        self.metrics.running.set(i64::try_from(running).unwrap_or(i64::MAX));
        if has_room {
            self.room.notify_waiters();
        }
        polled
    }

    /// Waits until there is room for the deliveries of one more event. Cancel safe.
    pub(crate) async fn room(&self) {
        loop {
            let notified = self.room.notified();
            // Asked after the wait has begun, so that nothing is missed in between.
            if self.poll(|deliveries| deliveries.has_room()) {
                return;
            }
            notified.await;
        }
    }
}

impl CommitObserver for Ledger {
    fn committed(&self, changes: &[Change]) {
        let of_deliveries = changes
            .iter()
            .filter_map(|change| if let Change::Delivery(change) = change { Some(change) } else { None });
        let mut changes = of_deliveries.peekable();
        if changes.peek().is_none() {
            return;
        }
        let now = self.now();
        self.change(|deliveries| changes.for_each(|change| deliveries.handle_heard(change, now)));
    }
}
