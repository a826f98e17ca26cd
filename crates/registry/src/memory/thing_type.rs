use async_trait::async_trait;
use landfall_model::{TaggedResource, ThingType, ThingTypeName};

use super::MemoryRegistry;
use super::state::State;
use crate::{Conflict, Page, PageRequest, StorageError, ThingTypeChange, ThingTypes};

#[async_trait]
impl ThingTypes for MemoryRegistry {
    async fn thing_type(&self, name: &ThingTypeName) -> Result<Option<ThingType>, StorageError> {
        Ok(self.state().thing_types.get(name).cloned())
    }

    async fn thing_types(&self, page: PageRequest) -> Result<Page<ThingType>, StorageError> {
        Ok(self.state().thing_types.page(page, |_| true))
    }
}

impl State {
    pub(super) fn find_thing_type(&self, name: &ThingTypeName) -> Result<&ThingType, Conflict> {
        self.thing_types.get(name).ok_or_else(|| Conflict::ThingTypeNotFound(name.clone()))
    }

    pub(super) fn apply_thing_type(&mut self, change: &ThingTypeChange) -> Result<(), Conflict> {
        match change {
            ThingTypeChange::Ensure { thing_type, tags, event } => {
                if !self.insert_thing_type(thing_type) {
                    return Ok(());
                }
                event.iter().for_each(|event| self.append(event));
                self.set_tags(&TaggedResource::ThingType(thing_type.name.clone()), tags)
            }
            ThingTypeChange::Insert(thing_type) => {
                let inserted = self.insert_thing_type(thing_type);
                inserted.then_some(()).ok_or_else(|| Conflict::ThingTypeExists(thing_type.name.clone()))
            }
            ThingTypeChange::Update { expected, propagating_attributes, deprecated_at } => {
                let thing_type = self.thing_type_as(expected)?;
                thing_type.propagating_attributes.clone_from(propagating_attributes);
                thing_type.deprecated_at = *deprecated_at;
                Ok(())
            }
            ThingTypeChange::Delete { expected } => self.delete_thing_type(expected),
        }
    }

    /// Whether it was inserted.
    fn insert_thing_type(&mut self, thing_type: &ThingType) -> bool {
        let key = thing_type.name.clone();
        self.thing_types.insert_unless_there(&mut self.row_ids, key, thing_type.clone())
    }

    fn thing_type_as(&mut self, expected: &ThingType) -> Result<&mut ThingType, Conflict> {
        let found = self.thing_types.get_mut(&expected.name);
        let found = found.ok_or_else(|| Conflict::ThingTypeNotFound(expected.name.clone()))?;
        if found == expected { Ok(found) } else { Err(Conflict::ThingTypeChanged(expected.name.clone())) }
    }

    fn delete_thing_type(&mut self, expected: &ThingType) -> Result<(), Conflict> {
        let name = self.thing_type_as(expected)?.name.clone();
        if expected.deprecated_at.is_none() {
            return Err(Conflict::ThingTypeNotDeprecated(name));
        }
        if self.things.rows().any(|thing| thing.thing_type.as_ref() == Some(&name)) {
            return Err(Conflict::ThingTypeInUse(name));
        }
        self.tags.remove(&TaggedResource::ThingType(name.clone()));
        self.thing_types.remove(&name);
        Ok(())
    }
}
