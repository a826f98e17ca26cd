use async_trait::async_trait;
use landfall_model::{
    AttributeName, AttributeValue, CertificateId, Thing, ThingName, ThingTypeName, ThingView,
};

use crate::{Change, Page, PageRequest, StorageError, Transaction};

/// Reads of things.
#[async_trait]
pub trait Things {
    /// The thing with this name.
    ///
    /// # Errors
    /// The storage failed.
    async fn thing(&self, name: &ThingName) -> Result<Option<Thing>, StorageError>;

    /// The thing with this name and its principals.
    ///
    /// # Errors
    /// The storage failed.
    async fn thing_view(&self, name: &ThingName) -> Result<Option<ThingView>, StorageError>;

    /// Things by time of creation, those that the filter lets through.
    ///
    /// # Errors
    /// The storage failed.
    async fn things(&self, filter: &ThingFilter, page: PageRequest) -> Result<Page<Thing>, StorageError>;

    /// The certificates attached to a thing, by time of registration.
    ///
    /// # Errors
    /// The storage failed.
    async fn thing_principals(
        &self,
        name: &ThingName,
        page: PageRequest,
    ) -> Result<Page<CertificateId>, StorageError>;
}

/// Which things a listing has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThingFilter {
    /// Only those of this type.
    pub thing_type: Option<ThingTypeName>,
    /// Only those whose searchable attribute has this value.
    pub attribute: Option<(AttributeName, AttributeValue)>,
}

/// A change of a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ThingChange {
    /// Creates it. Conflict: it exists, or its type does not.
    Insert(Thing),
}

impl Transaction {
    /// Creates a thing.
    pub fn insert_thing(&mut self, thing: Thing) {
        self.push(Change::Thing(ThingChange::Insert(thing)));
    }
}
