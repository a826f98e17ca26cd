//! Ports of the registry: what every adapter can read, and the one transaction by which anything changes.
//!
//! Reading is a trait for each noun. Writing is a value: a [`Transaction`] collects changes with their preconditions,
//! and [`Registry::commit`] applies all of them or none. So nothing is held open across an await, many transactions can
//! share one fsync, and every adapter, in memory or on disk, means the same by a change. The suite in `conformance`, behind
//! the feature of that name, says what that is.

mod billing_group;
mod ca_certificate;
mod certificate;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod delivery;
mod destination;
mod error;
mod event;
mod event_configuration;
mod event_source_mapping;
mod function;
mod greengrass;
mod layer;
mod log_sink;
mod logging;
mod memory;
mod page;
mod policy;
mod registration;
mod registration_code;
mod registration_job;
mod tag;
mod thing;
mod thing_group;
mod thing_type;
mod topic_rule;
mod transaction;

use std::sync::Arc;

use async_trait::async_trait;
use landfall_model::Principal;

pub use billing_group::{BillingGroupChange, BillingGroupUpdate, BillingGroups};
pub use ca_certificate::{CaCertificateChange, CaCertificates};
pub use certificate::{CertificateChange, Certificates};
pub use delivery::{Deliveries, DeliveryChange, DeliveryFilter};
pub use destination::{DestinationChange, Destinations};
pub use error::{CommitError, Conflict, StorageError};
pub use event::{Outbox, PendingEvent};
pub use event_configuration::ReadEventConfigurations;
pub use event_source_mapping::{EventSourceMappings, MappingChange, MappingFilter, MappingUpdate};
pub use function::{FunctionChange, Functions};
pub use greengrass::{Greengrass, GreengrassChange};
pub use landfall_events::EventId;
pub use layer::{LayerChange, Layers};
pub use log_sink::LogSinks;
pub use logging::{Logging, LoggingChange};
pub use memory::MemoryRegistry;
pub use page::{Cursor, Order, Page, PageRequest};
pub use policy::{Policies, PolicyChange};
pub use registration::{RecordFilter, Registrations};
pub use registration_code::RegistrationCodes;
pub use registration_job::{RegistrationJobChange, RegistrationJobFilter, RegistrationJobs};
pub use tag::{TagChange, Tags};
pub use thing::{AttributeFilter, ThingChange, ThingFilter, ThingUpdate, Things};
pub use thing_group::{
    RootThingGroup, ThingGroupChange, ThingGroupFilter, ThingGroupPlace, ThingGroupUpdate, ThingGroups,
};
pub use thing_type::{ThingTypeChange, ThingTypes};
pub use topic_rule::{TopicRuleChange, TopicRuleFilter, TopicRules};
pub use transaction::{Change, Expectation, Transaction};

/// The registry: every noun's reads, and the commit.
#[async_trait]
pub trait Registry:
    BillingGroups
    + CaCertificates
    + Certificates
    + Deliveries
    + Destinations
    + EventSourceMappings
    + Functions
    + Greengrass
    + Layers
    + LogSinks
    + Logging
    + Outbox
    + Policies
    + ReadEventConfigurations
    + RegistrationCodes
    + RegistrationJobs
    + Registrations
    + Tags
    + ThingGroups
    + ThingTypes
    + Things
    + TopicRules
    + Send
    + Sync
    + 'static
{
    /// Applies a transaction: all of its changes, or none. When this returns, they are durable, and every read that
    /// begins later sees them.
    ///
    /// Cancel safety: a transaction that was handed over is carried out even if the future is dropped.
    ///
    /// # Errors
    /// A precondition does not hold ([`CommitError::Conflict`]), or the storage failed.
    async fn commit(&self, transaction: Transaction) -> Result<Committed, CommitError>;

    /// Registers an observer, which from then on hears of each change after it is durable and before the committer does,
    /// in the order of the commits. Of each commit, observers hear in the order in which they were registered.
    fn observe(&self, observer: Arc<dyn CommitObserver>);
}

/// What a transaction came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The certificate that it activated ([`CertificateChange::Activate`]), with what is attached to it as of the commit;
    /// the last one if there were several.
    pub activated: Option<Principal>,
    /// The events that it stored, in order.
    pub events: Vec<PendingEvent>,
}

/// Hears of what was committed. Called in the writer's turn: it must be quick and must not wait.
pub trait CommitObserver: Send + Sync {
    /// These changes are durable.
    fn committed(&self, changes: &[Change]);

    /// The transaction of which [`Self::committed`] just told stored this event. Called for each, in order, before
    /// [`Self::activated`]: who delivers events need not read them back.
    fn appended(&self, event: &PendingEvent) {
        let _ = event;
    }

    /// The transaction of which [`Self::committed`] just told activated this certificate.
    fn activated(&self, principal: &Principal) {
        let _ = principal;
    }
}
