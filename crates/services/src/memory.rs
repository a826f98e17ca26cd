//! Services in memory, for tests: an implementation of each port that needs no runtime, no network and no clock.
//!
//! Time stands still until a test moves it ([`MemoryQueues::advance`]), and a test waits for what it expects
//! ([`Record::reached`]) instead of sleeping. `fail_next` makes a service fail for the next calls, before it does anything.

mod changing;
mod faults;
mod functions;
mod metrics;
mod publishing;
mod queues;
mod record;
mod tables;

pub use functions::{Invocation, MemoryFunctions};
pub use metrics::MemoryMetrics;
pub use publishing::{
    MemoryObserver, MemoryPublisher, ObservedMessage, ObservedPublisher, Publication, Settlement,
};
pub use queues::MemoryQueues;
pub use record::Record;
pub use tables::MemoryTables;
