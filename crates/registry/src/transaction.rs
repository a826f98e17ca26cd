use landfall_events::Event;
use landfall_model::{
    CaCertificateId, CertificateId, RegistrationCode, RegistrationRecord, ThingName, ThingType,
};

use crate::{CaCertificateChange, CertificateChange, EventId, PolicyChange, ThingChange};

/// Changes that are made together or not at all, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    changes: Vec<Change>,
}

/// One change, with the precondition that it has by nature, or a precondition alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Of a CA certificate.
    CaCertificate(CaCertificateChange),
    /// Of a certificate.
    Certificate(CertificateChange),
    /// The registration code is set unless there is one.
    EnsureRegistrationCode(RegistrationCode),
    /// A thing type is created unless it exists.
    EnsureThingType(ThingType),
    /// An event is appended.
    Event(Event),
    /// Every event up to and with this one was delivered.
    EventsDelivered(EventId),
    /// A precondition.
    Expect(Expectation),
    /// Of a policy.
    Policy(PolicyChange),
    /// An entry of the registration log.
    Record(RegistrationRecord),
    /// Of a thing.
    Thing(ThingChange),
}

/// What must be so when the transaction is applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// The CA certificate is registered, ACTIVE, and its auto-registration is on.
    CaRegisters(CaCertificateId),
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
