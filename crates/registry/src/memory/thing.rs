use async_trait::async_trait;
use landfall_model::{
    CertificateId, PrincipalThing, Thing, ThingId, ThingName, ThingPrincipal, ThingPrincipalType,
    ThingTypeName, ThingView,
};

use super::MemoryRegistry;
use super::state::State;
use super::table;
use crate::{AttributeFilter, Conflict, Page, PageRequest, StorageError, ThingChange, ThingFilter, Things};

#[async_trait]
impl Things for MemoryRegistry {
    async fn thing(&self, name: &ThingName) -> Result<Option<Thing>, StorageError> {
        Ok(self.state().things.get(name).cloned())
    }

    async fn thing_view(&self, name: &ThingName) -> Result<Option<ThingView>, StorageError> {
        let state = self.state();
        let Some(thing) = state.things.get(name).cloned() else {
            return Ok(None);
        };
        let ca_of = |id: CertificateId| state.certificates.get(&id).and_then(|certificate| certificate.ca);
        let principals = state.principals_of(name).into_iter().map(|id| (id, ca_of(id))).collect();
        Ok(Some(ThingView { thing, principals }))
    }

    async fn things(&self, filter: &ThingFilter, page: PageRequest) -> Result<Page<Thing>, StorageError> {
        let state = self.state();
        Ok(state.things.page(page, |thing| state.matches(filter, thing)))
    }

    async fn thing_principals(
        &self,
        name: &ThingName,
        principal_type: Option<ThingPrincipalType>,
        page: PageRequest,
    ) -> Result<Page<ThingPrincipal>, StorageError> {
        let state = self.state();
        let attached = state.certificates.entries().filter_map(|(rid, row)| {
            let found = state.attachment(row.id, name, principal_type)?;
            Some((rid, ThingPrincipal { certificate: row.id, principal_type: found }))
        });
        Ok(table::page(attached, page))
    }

    async fn principal_things(
        &self,
        certificate: CertificateId,
        principal_type: Option<ThingPrincipalType>,
        page: PageRequest,
    ) -> Result<Page<PrincipalThing>, StorageError> {
        let state = self.state();
        let attached = state.things.entries().filter_map(|(rid, row)| {
            let found = state.attachment(certificate, &row.name, principal_type)?;
            Some((rid, PrincipalThing { thing: row.name.clone(), principal_type: found }))
        });
        Ok(table::page(attached, page))
    }
}

impl State {
    pub(super) fn find_thing(&self, name: &ThingName) -> Result<&Thing, Conflict> {
        self.things.get(name).ok_or_else(|| Conflict::ThingNotFound(name.clone()))
    }

    pub(super) fn find_thing_mut(&mut self, name: &ThingName) -> Result<&mut Thing, Conflict> {
        self.things.get_mut(name).ok_or_else(|| Conflict::ThingNotFound(name.clone()))
    }

    /// The certificates attached to a thing, by id.
    pub(super) fn principals_of(&self, thing: &ThingName) -> Vec<CertificateId> {
        self.things_of.keys().filter(|(_, name)| name == thing).map(|(id, _)| *id).collect()
    }

    pub(super) fn apply_thing(&mut self, change: &ThingChange) -> Result<(), Conflict> {
        match change {
            ThingChange::Insert(thing) => self.insert_thing(thing),
            ThingChange::Update(update) => {
                let before = &self.thing_in_version(&update.name, update.id, update.version)?.thing_type;
                if let Some(kind) = update.thing_type.as_ref().filter(|kind| before.as_ref() != Some(kind)) {
                    self.check_assignable(kind)?;
                }
                let thing = self.find_thing_mut(&update.name)?;
                thing.thing_type.clone_from(&update.thing_type);
                thing.attributes.clone_from(&update.attributes);
                thing.version += 1;
                Ok(())
            }
            ThingChange::Delete { name, id, version } => {
                self.thing_in_version(name, *id, *version)?;
                if !self.principals_of(name).is_empty() {
                    return Err(Conflict::ThingHasPrincipals(name.clone()));
                }
                self.things.remove(name);
                self.groups_of.retain(|(thing, _)| thing != name);
                Ok(())
            }
        }
    }

    /// How a certificate is attached to a thing, if it is, and in the way that is asked for.
    fn attachment(
        &self,
        certificate: CertificateId,
        thing: &ThingName,
        wanted: Option<ThingPrincipalType>,
    ) -> Option<ThingPrincipalType> {
        let found = self.things_of.get(&(certificate, thing.clone())).copied();
        found.filter(|found| wanted.is_none_or(|wanted| *found == wanted))
    }

    /// Whether a listing with this filter has the thing. Only searchable attributes of its type count.
    fn matches(&self, filter: &ThingFilter, thing: &Thing) -> bool {
        let of_type = filter.thing_type.is_none() || filter.thing_type == thing.thing_type;
        let thing_type = thing.thing_type.as_ref().and_then(|name| self.thing_types.get(name));
        let is_searchable =
            |name| thing_type.is_none_or(|thing_type| thing_type.searchable_attributes.contains(name));
        of_type
            && match &filter.attribute {
                None => true,
                Some(AttributeFilter::Is(name, value)) => {
                    is_searchable(name) && thing.attributes.get(name) == Some(value)
                }
                Some(AttributeFilter::BeginsWith(name, start)) => {
                    let found = thing.attributes.get(name).filter(|_| is_searchable(name));
                    found.is_some_and(|value| value.as_str().starts_with(start.as_str()))
                }
            }
    }

    fn insert_thing(&mut self, thing: &Thing) -> Result<(), Conflict> {
        if let Some(kind) = &thing.thing_type {
            self.check_assignable(kind)?;
        }
        if let Some(group) = &thing.billing_group {
            self.find_billing_group(group)?;
        }
        let inserted = self.things.insert_unless_there(&mut self.row_ids, thing.name.clone(), thing.clone());
        inserted.then_some(()).ok_or_else(|| Conflict::ThingExists(thing.name.clone()))
    }

    /// Checks that a thing can get this type.
    fn check_assignable(&self, kind: &ThingTypeName) -> Result<(), Conflict> {
        if self.find_thing_type(kind)?.deprecated_at.is_some() {
            return Err(Conflict::ThingTypeDeprecated(kind.clone()));
        }
        Ok(())
    }

    fn thing_in_version(&self, name: &ThingName, id: ThingId, version: u64) -> Result<&Thing, Conflict> {
        let thing = self.find_thing(name)?;
        let is_expected = thing.id == id && thing.version == version;
        if is_expected { Ok(thing) } else { Err(Conflict::ThingVersion(name.clone())) }
    }
}
