use std::collections::BTreeSet;

use landfall_model::{
    BillingGroupName, CaCertificateId, CertificateId, EventType, PolicyName, ThingGroupId, ThingGroupName,
    ThingName, ThingType, ThingTypeName,
};
use landfall_registry::Conflict;

use crate::apply::Apply;
use crate::error::{ApplyError, ReadError};
use crate::{billing_group, certificate, event_configuration, policy, thing, thing_group, thing_type};

/// What the writer has met last, one row of each noun: a transaction names the same certificate and thing several times,
/// and one transaction after the other the same CA certificate, policy and thing type.
///
/// A row id stands for one row for ever, so that an entry is right until its row is deleted, changed or rolled back; who
/// does that forgets all.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) issuer: Option<(CaCertificateId, i64)>,
    /// A CA certificate that is ACTIVE.
    pub(crate) active_ca: Option<CaCertificateId>,
    /// A CA certificate that registers devices.
    pub(crate) registering_ca: Option<CaCertificateId>,
    pub(crate) certificate: Option<(CertificateId, i64)>,
    pub(crate) thing: Option<(ThingName, i64)>,
    pub(crate) policy: Option<(PolicyName, i64)>,
    pub(crate) thing_type: Option<(i64, ThingType)>,
    pub(crate) billing_group: Option<(BillingGroupName, i64)>,
    /// What of a thing group never changes.
    pub(crate) thing_group: Option<(ThingGroupName, ThingGroupId, i64)>,
    /// The types of events that are switched on.
    event_types: Option<BTreeSet<EventType>>,
}

impl Rows {
    /// To be called when rows are deleted or rolled back, or something changes that is kept here.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}

impl Apply<'_> {
    /// The row of a certificate. Conflict: it is not registered.
    pub(crate) fn certificate_row(&mut self, id: CertificateId) -> Result<i64, ApplyError> {
        Ok(self.find_certificate_row(id)?.ok_or(Conflict::CertificateNotFound(id))?)
    }

    /// The row of a certificate, if it is registered.
    pub(crate) fn find_certificate_row(&mut self, id: CertificateId) -> Result<Option<i64>, ReadError> {
        if let Some((_, rid)) = self.rows.certificate.filter(|(known, _)| *known == id) {
            return Ok(Some(rid));
        }
        let found = certificate::rid(self.connection, id)?;
        self.rows.certificate = found.map(|rid| (id, rid));
        Ok(found)
    }

    /// The row of a thing. Conflict: it does not exist.
    pub(crate) fn thing_row(&mut self, name: &ThingName) -> Result<i64, ApplyError> {
        if let Some((_, rid)) = self.rows.thing.as_ref().filter(|(known, _)| known == name) {
            return Ok(*rid);
        }
        let rid = thing::rid(self.connection, name)?.ok_or_else(|| Conflict::ThingNotFound(name.clone()))?;
        self.rows.thing = Some((name.clone(), rid));
        Ok(rid)
    }

    /// The row of a policy. Conflict: it does not exist.
    pub(crate) fn policy_row(&mut self, name: &PolicyName) -> Result<i64, ApplyError> {
        Ok(self.find_policy_row(name)?.ok_or_else(|| Conflict::PolicyNotFound(name.clone()))?)
    }

    /// The row of a policy, if it exists.
    pub(crate) fn find_policy_row(&mut self, name: &PolicyName) -> Result<Option<i64>, ReadError> {
        if let Some((_, rid)) = self.rows.policy.as_ref().filter(|(known, _)| known == name) {
            return Ok(Some(*rid));
        }
        let found = policy::rid(self.connection, name)?;
        self.rows.policy = found.map(|rid| (name.clone(), rid));
        Ok(found)
    }

    /// A thing type with its row, if it exists.
    pub(crate) fn find_thing_type(
        &mut self,
        name: &ThingTypeName,
    ) -> Result<Option<&(i64, ThingType)>, ReadError> {
        if self.rows.thing_type.as_ref().is_none_or(|(_, known)| known.name != *name) {
            self.rows.thing_type = thing_type::read(self.connection, name)?;
        }
        Ok(self.rows.thing_type.as_ref())
    }

    /// The row of a billing group. Conflict: it does not exist.
    pub(crate) fn billing_group_row(&mut self, name: &BillingGroupName) -> Result<i64, ApplyError> {
        let found = self.find_billing_group_row(name)?;
        Ok(found.ok_or_else(|| Conflict::BillingGroupNotFound(name.clone()))?)
    }

    /// The row of a billing group, if it exists.
    pub(crate) fn find_billing_group_row(
        &mut self,
        name: &BillingGroupName,
    ) -> Result<Option<i64>, ReadError> {
        if let Some((_, rid)) = self.rows.billing_group.as_ref().filter(|(known, _)| known == name) {
            return Ok(Some(*rid));
        }
        let found = billing_group::rid(self.connection, name)?;
        self.rows.billing_group = found.map(|rid| (name.clone(), rid));
        Ok(found)
    }

    /// The id and the row of a thing group. Conflict: it does not exist.
    pub(crate) fn thing_group_row(
        &mut self,
        name: &ThingGroupName,
    ) -> Result<(ThingGroupId, i64), ApplyError> {
        let found = self.find_thing_group_row(name)?;
        Ok(found.ok_or_else(|| Conflict::ThingGroupNotFound(name.clone()))?)
    }

    /// The id and the row of a thing group, if it exists.
    pub(crate) fn find_thing_group_row(
        &mut self,
        name: &ThingGroupName,
    ) -> Result<Option<(ThingGroupId, i64)>, ReadError> {
        if let Some((_, id, rid)) = self.rows.thing_group.as_ref().filter(|(known, ..)| known == name) {
            return Ok(Some((*id, *rid)));
        }
        let found = thing_group::read(self.connection, name)?.map(|(rid, group)| (group.id, rid));
        self.rows.thing_group = found.map(|(id, rid)| (name.clone(), id, rid));
        Ok(found)
    }

    /// Whether events of this type are switched on.
    pub(crate) fn is_told(&mut self, event_type: EventType) -> Result<bool, ReadError> {
        if self.rows.event_types.is_none() {
            self.rows.event_types = Some(event_configuration::read(self.connection)?.enabled);
        }
        Ok(self.rows.event_types.as_ref().is_some_and(|told| told.contains(&event_type)))
    }
}
