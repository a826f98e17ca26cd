use std::slice;

use landfall_registry::{Change, Committed, Conflict, Expectation, PendingEvent, Transaction};
use rusqlite::Connection;

use crate::error::ApplyError;
use crate::event::Draft;
use crate::row_id::RowIds;
use crate::rows::Rows;
use crate::sql::execute;
use crate::{
    billing_group, ca_certificate, certificate, delivery, destination, event, event_configuration,
    event_source_mapping, function, greengrass, layer, log_sink, logging, policy, registration,
    registration_code, registration_job, tag, thing, thing_group, thing_type, topic_rule,
};

/// One transaction on its way into the database.
pub(crate) struct Apply<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) row_ids: &'a mut RowIds,
    pub(crate) rows: &'a mut Rows,
    /// The certificate that this transaction inserted last, with what it has attached to it.
    pub(crate) fresh: Option<Fresh>,
    /// What this transaction has appended.
    pub(crate) events: Vec<PendingEvent>,
    /// Of the events that are still to be appended, one each.
    drafts: slice::Iter<'a, Option<Draft>>,
}

/// A certificate that was inserted a moment ago: what it has come to since then need not be read.
pub(crate) struct Fresh {
    row: i64,
    /// How many things were attached to it, at most.
    pub(crate) things: usize,
    /// How many policies were attached to it, at most.
    pub(crate) policies: usize,
}

impl<'a> Apply<'a> {
    /// `drafts` are those of the transaction.
    pub(crate) fn new(
        connection: &'a Connection,
        row_ids: &'a mut RowIds,
        rows: &'a mut Rows,
        drafts: &'a [Option<Draft>],
    ) -> Self {
        Self { connection, row_ids, rows, fresh: None, events: Vec::new(), drafts: drafts.iter() }
    }

    /// Makes all changes of a transaction, or says why they cannot be made.
    pub(crate) fn all(mut self, transaction: &Transaction) -> Result<Committed, ApplyError> {
        transaction.changes().iter().try_for_each(|change| self.change(change))?;
        let activated = match transaction.activates() {
            Some(id) => registration::principal(&mut self, id)?,
            None => None,
        };
        Ok(Committed { activated, events: self.events })
    }

    /// The certificate of this row, if this transaction has inserted it.
    pub(crate) fn fresh(&mut self, certificate: i64) -> Option<&mut Fresh> {
        self.fresh.as_mut().filter(|fresh| fresh.row == certificate)
    }

    /// Deletes the row of a noun by a statement that takes its row id. It must not be met again, nor its row id given.
    pub(crate) fn delete(&mut self, sql: &str, rid: i64) -> Result<(), ApplyError> {
        self.rows.forget();
        self.row_ids.keep(self.connection)?;
        execute(self.connection, sql, [rid])?;
        Ok(())
    }

    /// Makes one change, or says why it cannot be made; then what was made before it must be rolled back.
    fn change(&mut self, change: &Change) -> Result<(), ApplyError> {
        match change {
            Change::BillingGroup(change) => billing_group::apply(self, change),
            Change::CaCertificate(change) => ca_certificate::apply(self, change),
            Change::Certificate(change) => certificate::apply(self, change),
            Change::ConfigureEvents { changes, at } => event_configuration::update(self, changes, *at),
            Change::Delivery(change) => delivery::apply(self, change),
            Change::Destination(change) => destination::apply(self, change),
            Change::DeleteRegistrationCode => registration_code::delete(self.connection),
            Change::EnsureRegistrationCode(code) => registration_code::ensure(self.connection, code),
            Change::Event(event) => {
                let draft = self.drafts.next().and_then(Option::as_ref);
                event::append(self, event, draft)
            }
            Change::EventSourceMapping(change) => event_source_mapping::apply(self, change),
            Change::EventsDelivered(last) => event::delivered(self, *last),
            Change::Expect(expectation) => self.expect(expectation),
            Change::Function(change) => function::apply(self, change),
            Change::Greengrass(change) => greengrass::apply(self, change),
            Change::Layer(change) => layer::apply(self, change),
            Change::LogSinkPosition { sink, position } => log_sink::set_position(self, *sink, *position),
            Change::Logging(change) => logging::apply(self, change),
            Change::Policy(change) => policy::apply(self, change),
            Change::Record(record) => registration::record(self, record),
            Change::RegistrationJob(change) => registration_job::apply(self, change),
            Change::Tag(change) => tag::apply(self, change),
            Change::Thing(change) => thing::apply(self, change),
            Change::ThingGroup(change) => thing_group::apply(self, change),
            Change::ThingType(change) => thing_type::apply(self, change),
            Change::TopicRule(change) => topic_rule::apply(self, change),
        }
    }

    fn expect(&mut self, expectation: &Expectation) -> Result<(), ApplyError> {
        match expectation {
            Expectation::CaActive(id) => ca_certificate::expect_active(self, *id),
            Expectation::CaRegisters(id) => ca_certificate::expect_registering(self, *id),
            Expectation::Thing { name, id } => match thing::read(self.connection, name)? {
                Some((_, thing)) if thing.id == *id => Ok(()),
                Some(_) | None => Err(Conflict::ThingNotFound(name.clone()).into()),
            },
            Expectation::ThingGroup { name, id } => match thing_group::read(self.connection, name)? {
                Some((_, group)) if group.id == *id => Ok(()),
                Some(_) | None => Err(Conflict::ThingGroupNotFound(name.clone()).into()),
            },
            Expectation::ThingPrincipals { thing, principals } => {
                thing::expect_principals(self.connection, thing, principals)
            }
        }
    }
}

impl Fresh {
    /// The certificate of this row, without anything attached.
    pub(crate) const fn new(row: i64) -> Self {
        Self { row, things: 0, policies: 0 }
    }
}
