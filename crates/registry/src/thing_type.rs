use async_trait::async_trait;
use landfall_events::Event;
use landfall_model::{PropagatingAttribute, Tag, ThingType, ThingTypeName, UnixTime};

use crate::{Change, Page, PageRequest, StorageError, Transaction};

/// Reads of thing types.
#[async_trait]
pub trait ThingTypes {
    /// The thing type with this name.
    ///
    /// # Errors
    /// The storage failed.
    async fn thing_type(&self, name: &ThingTypeName) -> Result<Option<ThingType>, StorageError>;

    /// Thing types by time of creation.
    ///
    /// # Errors
    /// The storage failed.
    async fn thing_types(&self, page: PageRequest) -> Result<Page<ThingType>, StorageError>;
}

/// A change of a thing type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ThingTypeChange {
    /// Creates it unless one of its name exists, which then stays as it is. Conflict: it would have more tags than it may
    /// have.
    Ensure {
        /// The type.
        thing_type: ThingType,
        /// The tags that it gets if it is created.
        tags: Vec<Tag>,
        /// What is appended if it is created.
        event: Option<Event>,
    },
    /// Creates it. Conflict: it exists.
    Insert(ThingType),
    /// Sets what can be changed of a type. Conflict: it does not exist, or is not as expected any more.
    Update {
        /// What it must be.
        expected: ThingType,
        /// The propagating attributes that it gets.
        propagating_attributes: Vec<PropagatingAttribute>,
        /// When it was deprecated, if it is from now on.
        deprecated_at: Option<UnixTime>,
    },
    /// Deletes it. Conflict: it does not exist, or is not as expected any more; or it is not deprecated, or has things.
    Delete {
        /// What it must be.
        expected: ThingType,
    },
}

impl Transaction {
    /// Creates a thing type unless one of its name exists.
    pub fn ensure_thing_type(&mut self, thing_type: ThingType) {
        let change = ThingTypeChange::Ensure { thing_type, tags: Vec::new(), event: None };
        self.push(Change::ThingType(change));
    }

    /// Creates a thing type with these tags unless one of its name exists, and appends the event if it did not.
    pub fn ensure_thing_type_and_tell(&mut self, thing_type: ThingType, tags: Vec<Tag>, event: Event) {
        let change = ThingTypeChange::Ensure { thing_type, tags, event: Some(event) };
        self.push(Change::ThingType(change));
    }

    /// Creates a thing type.
    pub fn insert_thing_type(&mut self, thing_type: ThingType) {
        self.push(Change::ThingType(ThingTypeChange::Insert(thing_type)));
    }

    /// Sets the propagating attributes of a thing type that is as expected.
    pub fn set_propagating_attributes(
        &mut self,
        expected: ThingType,
        propagating_attributes: Vec<PropagatingAttribute>,
    ) {
        let deprecated_at = expected.deprecated_at;
        let change = ThingTypeChange::Update { expected, propagating_attributes, deprecated_at };
        self.push(Change::ThingType(change));
    }

    /// Deprecates a thing type that is as expected, or undoes that.
    pub fn set_deprecated(&mut self, expected: ThingType, deprecated_at: Option<UnixTime>) {
        let propagating_attributes = expected.propagating_attributes.clone();
        let change = ThingTypeChange::Update { expected, propagating_attributes, deprecated_at };
        self.push(Change::ThingType(change));
    }

    /// Deletes a thing type that is as expected: deprecated, and without things.
    pub fn delete_thing_type(&mut self, expected: ThingType) {
        self.push(Change::ThingType(ThingTypeChange::Delete { expected }));
    }
}
