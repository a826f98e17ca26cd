use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use landfall_model::{
    AttachedThing, AutoRegistration, CaCertificate, CaCertificateId, CaStatus, Certificate, CertificateId,
    CertificateStatus, Outcome, Policy, PolicyName, Principal, RegistrationCode, RegistrationRecord, Thing,
    ThingName, ThingType, ThingTypeName,
};

use crate::{
    CaCertificateChange, CertificateChange, Change, Conflict, Cursor, EventId, Expectation, Order, Page,
    PageRequest, PendingEvent, PolicyChange, ThingChange, ThingFilter,
};

/// All that is registered.
#[derive(Clone, Default)]
pub(super) struct State {
    pub(super) ca_certificates: Table<CaCertificateId, CaCertificate>,
    pub(super) certificates: Table<CertificateId, Certificate>,
    pub(super) things: Table<ThingName, Thing>,
    pub(super) thing_types: Table<ThingTypeName, ThingType>,
    pub(super) policies: Table<PolicyName, Policy>,
    /// Keyed by the record's own row: records have no name.
    pub(super) records: Table<i64, RegistrationRecord>,
    pub(super) things_of: BTreeSet<(CertificateId, ThingName)>,
    pub(super) policies_of: BTreeSet<(CertificateId, PolicyName)>,
    pub(super) registration_code: Option<RegistrationCode>,
    pub(super) events: Vec<PendingEvent>,
    events_appended: i64,
}

/// Rows in the order of their insertion, with one unique key.
#[derive(Clone)]
pub(super) struct Table<K, V> {
    rows: BTreeMap<i64, V>,
    row_ids: HashMap<K, i64>,
    last_row_id: i64,
}

impl State {
    /// Makes one change, or says why it cannot be made; then the state must be thrown away.
    pub(super) fn apply(&mut self, change: &Change) -> Result<(), Conflict> {
        match change {
            Change::CaCertificate(change) => self.apply_ca_certificate(change),
            Change::Certificate(change) => self.apply_certificate(change),
            Change::EnsureRegistrationCode(code) => {
                self.registration_code.get_or_insert_with(|| code.clone());
                Ok(())
            }
            Change::EnsureThingType(thing_type) => {
                self.thing_types.insert_unless_there(thing_type.name.clone(), thing_type.clone());
                Ok(())
            }
            Change::Event(event) => {
                self.events_appended += 1;
                let id = EventId::new(self.events_appended);
                self.events.push(PendingEvent { id, topic: event.topic(), payload: event.payload() });
                Ok(())
            }
            Change::EventsDelivered(last) => {
                self.events.retain(|event| event.id > *last);
                Ok(())
            }
            Change::Expect(expectation) => self.check(expectation),
            Change::Policy(PolicyChange::Ensure(policy)) => {
                self.policies.insert_unless_there(policy.name.clone(), policy.clone());
                Ok(())
            }
            Change::Record(record) => {
                self.record(record);
                Ok(())
            }
            Change::Thing(ThingChange::Insert(thing)) => self.insert_thing(thing),
        }
    }

    /// The certificates attached to a thing, by id.
    pub(super) fn principals_of(&self, thing: &ThingName) -> Vec<CertificateId> {
        self.things_of.iter().filter(|(_, name)| name == thing).map(|(id, _)| *id).collect()
    }

    /// A certificate with what is attached to it.
    pub(super) fn principal(&self, id: CertificateId) -> Option<Principal> {
        self.certificates.get(&id)?;
        let attached = self.things_of.iter().filter(|(certificate, _)| *certificate == id);
        let things = attached
            .filter_map(|(_, name)| self.things.get(name))
            .map(|thing| AttachedThing { name: thing.name.clone(), thing_type: thing.thing_type.clone() });
        let attached = self.policies_of.iter().filter(|(certificate, _)| *certificate == id);
        let policies = attached.filter_map(|(_, name)| self.policies.get(name));
        Some(Principal {
            certificate: id,
            things: things.collect(),
            policies: policies.map(|policy| (policy.name.clone(), policy.default_version)).collect(),
        })
    }

    /// Whether a listing with this filter has the thing. Only searchable attributes of its type count.
    pub(super) fn matches(&self, filter: &ThingFilter, thing: &Thing) -> bool {
        let of_type = filter.thing_type.is_none() || filter.thing_type == thing.thing_type;
        let thing_type = thing.thing_type.as_ref().and_then(|name| self.thing_types.get(name));
        of_type
            && filter.attribute.as_ref().is_none_or(|(name, value)| {
                thing_type.is_none_or(|thing_type| thing_type.searchable_attributes.contains(name))
                    && thing.attributes.get(name) == Some(value)
            })
    }

    fn apply_ca_certificate(&mut self, change: &CaCertificateChange) -> Result<(), Conflict> {
        match change {
            CaCertificateChange::Insert(ca) => {
                let inserted = self.ca_certificates.insert_unless_there(ca.id, ca.clone());
                inserted.then_some(()).ok_or(Conflict::CaCertificateExists(ca.id))
            }
            CaCertificateChange::Update { id, status, auto_registration, at } => {
                let ca = self.ca_certificates.get_mut(id).ok_or(Conflict::CaCertificateNotFound(*id))?;
                ca.status = status.unwrap_or(ca.status);
                ca.auto_registration = auto_registration.unwrap_or(ca.auto_registration);
                ca.modified_at = *at;
                Ok(())
            }
            CaCertificateChange::Delete { id } => {
                let ca = self.ca_certificates.get(id).ok_or(Conflict::CaCertificateNotFound(*id))?;
                match ca.status {
                    CaStatus::Active => Err(Conflict::CaCertificateActive(*id)),
                    CaStatus::Inactive => {
                        self.ca_certificates.remove(id);
                        Ok(())
                    }
                }
            }
        }
    }

    fn apply_certificate(&mut self, change: &CertificateChange) -> Result<(), Conflict> {
        match change {
            CertificateChange::Insert(certificate) => {
                let same_part = |other: &&Certificate| other.signed_part == certificate.signed_part;
                if self.certificates.rows().find(same_part).is_some_and(|other| other.id != certificate.id) {
                    return Err(Conflict::CertificateTwin(certificate.id));
                }
                let inserted = self.certificates.insert_unless_there(certificate.id, certificate.clone());
                inserted.then_some(()).ok_or(Conflict::CertificateExists(certificate.id))
            }
            CertificateChange::Activate { id, at } => {
                let certificate = self.certificates.get_mut(id).ok_or(Conflict::CertificateNotFound(*id))?;
                match certificate.status {
                    CertificateStatus::PendingActivation { .. } => {
                        certificate.status = CertificateStatus::Active;
                        certificate.modified_at = *at;
                        Ok(())
                    }
                    CertificateStatus::Active | CertificateStatus::Inactive | CertificateStatus::Revoked => {
                        Err(Conflict::CertificateNotPending(*id))
                    }
                }
            }
            CertificateChange::SetStatus { id, status, at } => {
                let certificate = self.certificates.get_mut(id).ok_or(Conflict::CertificateNotFound(*id))?;
                certificate.status = *status;
                certificate.modified_at = *at;
                Ok(())
            }
            CertificateChange::AttachThing { id, thing } => {
                self.certificates.get(id).ok_or(Conflict::CertificateNotFound(*id))?;
                self.things.get(thing).ok_or_else(|| Conflict::ThingNotFound(thing.clone()))?;
                self.things_of.insert((*id, thing.clone()));
                Ok(())
            }
            CertificateChange::AttachPolicy { id, policy } => {
                self.certificates.get(id).ok_or(Conflict::CertificateNotFound(*id))?;
                self.policies.get(policy).ok_or_else(|| Conflict::PolicyNotFound(policy.clone()))?;
                self.policies_of.insert((*id, policy.clone()));
                Ok(())
            }
        }
    }

    fn insert_thing(&mut self, thing: &Thing) -> Result<(), Conflict> {
        if let Some(name) = &thing.thing_type {
            self.thing_types.get(name).ok_or_else(|| Conflict::ThingTypeNotFound(name.clone()))?;
        }
        let inserted = self.things.insert_unless_there(thing.name.clone(), thing.clone());
        inserted.then_some(()).ok_or_else(|| Conflict::ThingExists(thing.name.clone()))
    }

    fn check(&self, expectation: &Expectation) -> Result<(), Conflict> {
        match expectation {
            Expectation::CaRegisters(id) => {
                let registers = self.ca_certificates.get(id).is_some_and(|ca| {
                    ca.status == CaStatus::Active && ca.auto_registration == AutoRegistration::Enable
                });
                registers.then_some(()).ok_or(Conflict::CaNotRegistering(*id))
            }
            Expectation::ThingPrincipals { thing, principals } => {
                self.things.get(thing).ok_or_else(|| Conflict::ThingNotFound(thing.clone()))?;
                let found: BTreeSet<_> = self.principals_of(thing).into_iter().collect();
                let expected: BTreeSet<_> = principals.iter().copied().collect();
                (found == expected)
                    .then_some(())
                    .ok_or_else(|| Conflict::ThingPrincipalsChanged(thing.clone()))
            }
        }
    }

    fn record(&mut self, record: &RegistrationRecord) {
        let last = self.records.rows_mut().rfind(|entry| entry.certificate == record.certificate);
        match (last, &record.outcome) {
            (Some(last), Outcome::Failure(_)) if last.outcome == record.outcome => {
                last.attempts += record.attempts;
                last.last_at = record.last_at;
                last.duration_us = record.duration_us;
            }
            (_, Outcome::Success { .. } | Outcome::Failure(_)) => {
                self.records.insert_unless_there(self.records.last_row_id + 1, record.clone());
            }
        }
    }
}

impl<K: Hash + Eq, V: Clone> Table<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(self.row_ids.get(key)?)
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &V> {
        self.rows.values()
    }

    /// One page of the rows that `wanted` lets through.
    pub(super) fn page(&self, request: PageRequest, wanted: impl Fn(&V) -> bool) -> Page<V> {
        let after = request.after.map(Cursor::get);
        let row = |(id, row): (&i64, &V)| (Cursor::new(*id), row.clone());
        let limit = usize::try_from(request.limit).unwrap_or(usize::MAX).saturating_add(1);
        let wanted = self.rows.iter().filter(|(_, row)| wanted(row));
        let rows = match request.order {
            Order::Ascending => {
                wanted.filter(|(id, _)| after.is_none_or(|after| **id > after)).take(limit).map(row).collect()
            }
            Order::Descending => wanted
                .rev()
                .filter(|(id, _)| after.is_none_or(|after| **id < after))
                .take(limit)
                .map(row)
                .collect(),
        };
        Page::from_rows(rows, request.limit)
    }

    fn rows_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut V> {
        self.rows.values_mut()
    }

    fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.rows.get_mut(self.row_ids.get(key)?)
    }

    /// Whether the row was inserted.
    fn insert_unless_there(&mut self, key: K, row: V) -> bool {
        if self.row_ids.contains_key(&key) {
            return false;
        }
        self.last_row_id += 1;
        self.row_ids.insert(key, self.last_row_id);
        self.rows.insert(self.last_row_id, row);
        true
    }

    fn remove(&mut self, key: &K) {
        if let Some(row_id) = self.row_ids.remove(key) {
            self.rows.remove(&row_id);
        }
    }
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), row_ids: HashMap::new(), last_row_id: 0 }
    }
}
