use landfall_events::Event;
use landfall_model::{
    CaCertificateId, CertificateId, EventType, LogSinkName, RegistrationCode, RegistrationRecord,
    ThingGroupId, ThingGroupName, ThingId, ThingName, UnixTime,
};

use crate::{
    BillingGroupChange, CaCertificateChange, CertificateChange, Cursor, DeliveryChange, DestinationChange,
    EventId, FunctionChange, GreengrassChange, LayerChange, LoggingChange, MappingChange, PolicyChange,
    RegistrationJobChange, TagChange, ThingChange, ThingGroupChange, ThingTypeChange, TopicRuleChange,
};

/// Changes that are made together or not at all, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    changes: Vec<Change>,
}

/// One change, with the precondition that it has by nature, or a precondition alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Of a billing group.
    BillingGroup(BillingGroupChange),
    /// Of a CA certificate.
    CaCertificate(CaCertificateChange),
    /// Of a certificate.
    Certificate(CertificateChange),
    /// Event types are switched on or off; the others stay as they are.
    ConfigureEvents {
        /// Whether each type is on from now on.
        changes: Vec<(EventType, bool)>,
        /// When.
        at: UnixTime,
    },
    /// Of a delivery.
    Delivery(DeliveryChange),
    /// Of a topic rule destination.
    Destination(DestinationChange),
    /// The registration code is removed, if there is one.
    DeleteRegistrationCode,
    /// The registration code is set unless there is one.
    EnsureRegistrationCode(RegistrationCode),
    /// An event is appended, if its type is switched on by then or cannot be switched off.
    Event(Event),
    /// Of an event-source mapping.
    EventSourceMapping(MappingChange),
    /// Every event up to and with this one was delivered.
    EventsDelivered(EventId),
    /// A precondition.
    Expect(Expectation),
    /// Of a function.
    Function(FunctionChange),
    /// Of a Greengrass group or definition.
    Greengrass(GreengrassChange),
    /// Of a layer.
    Layer(LayerChange),
    /// A log sink has come to this position of the registration log.
    LogSinkPosition {
        /// The sink.
        sink: LogSinkName,
        /// That of the last entry that it is done with.
        position: Cursor,
    },
    /// Of the logging options.
    Logging(LoggingChange),
    /// Of a policy.
    Policy(PolicyChange),
    /// An entry of the registration log.
    Record(RegistrationRecord),
    /// Of a registration job.
    RegistrationJob(RegistrationJobChange),
    /// Of the tags of a resource.
    Tag(TagChange),
    /// Of a thing.
    Thing(ThingChange),
    /// Of a thing group.
    ThingGroup(ThingGroupChange),
    /// Of a thing type.
    ThingType(ThingTypeChange),
    /// Of a topic rule.
    TopicRule(TopicRuleChange),
}

/// What must be so when the transaction is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// The CA certificate is registered and ACTIVE.
    CaActive(CaCertificateId),
    /// The CA certificate is registered, ACTIVE, and its auto-registration is on.
    CaRegisters(CaCertificateId),
    /// There is a thing of this name, and it is this one.
    Thing {
        /// Its name.
        name: ThingName,
        /// Its id.
        id: ThingId,
    },
    /// There is a thing group of this name, and it is this one.
    ThingGroup {
        /// Its name.
        name: ThingGroupName,
        /// Its id.
        id: ThingGroupId,
    },
    /// Just these certificates are attached to the thing, which exists.
    ThingPrincipals {
        /// The thing.
        thing: ThingName,
        /// Its principals, in any order.
        principals: Vec<CertificateId>,
    },
}

impl Transaction {
    /// A transaction without changes.
    pub fn new() -> Self {
        Self::default()
    }

    /// The changes, in order.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The certificate that it activates; the last one if there are several.
    pub fn activates(&self) -> Option<CertificateId> {
        let activated = |change: &Change| {
            if let Change::Certificate(CertificateChange::Activate { id, .. }) = change {
                Some(*id)
            } else {
                None
            }
        };
        self.changes.iter().rev().find_map(activated)
    }

    /// Adds a precondition.
    pub fn expect(&mut self, expectation: Expectation) {
        self.push(Change::Expect(expectation));
    }

    pub(crate) fn push(&mut self, change: Change) {
        self.changes.push(change);
    }
}
