use landfall_registry::{Change, Committed, Expectation, Transaction};
use rusqlite::Connection;

use crate::error::ApplyError;
use crate::row_id::RowIds;
use crate::rows::Rows;
use crate::{ca_certificate, certificate, event, policy, registration, registration_code, thing, thing_type};

/// One transaction on its way into the database.
pub(crate) struct Apply<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) row_ids: &'a mut RowIds,
    pub(crate) rows: &'a mut Rows,
}

impl Apply<'_> {
    /// Makes all changes of a transaction, or says why they cannot be made.
    pub(crate) fn all(&mut self, transaction: &Transaction) -> Result<Committed, ApplyError> {
        transaction.changes().iter().try_for_each(|change| self.change(change))?;
        let activated = match transaction.activates() {
            Some(id) => registration::principal(self, id)?,
            None => None,
        };
        Ok(Committed { activated })
    }

    /// Makes one change, or says why it cannot be made; then what was made before it must be rolled back.
    fn change(&mut self, change: &Change) -> Result<(), ApplyError> {
        match change {
            Change::CaCertificate(change) => ca_certificate::apply(self, change),
            Change::Certificate(change) => certificate::apply(self, change),
            Change::EnsureRegistrationCode(code) => registration_code::ensure(self.connection, code),
            Change::EnsureThingType(thing_type) => thing_type::ensure(self, thing_type),
            Change::Event(event) => event::append(self, event),
            Change::EventsDelivered(last) => event::delivered(self, *last),
            Change::Expect(Expectation::CaRegisters(id)) => {
                ca_certificate::expect_registering(self.connection, *id)
            }
            Change::Expect(Expectation::ThingPrincipals { thing, principals }) => {
                thing::expect_principals(self.connection, thing, principals)
            }
            Change::Policy(change) => policy::apply(self, change),
            Change::Record(record) => registration::record(self, record),
            Change::Thing(change) => thing::apply(self, change),
        }
    }
}
