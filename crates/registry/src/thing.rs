use async_trait::async_trait;
use landfall_model::{
    AttributeName, AttributeValue, Attributes, CertificateId, PrincipalThing, Thing, ThingId, ThingName,
    ThingPrincipal, ThingPrincipalType, ThingTypeName, ThingView,
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

    /// The certificates attached to a thing, by time of registration: all, or those attached in one way.
    ///
    /// # Errors
    /// The storage failed.
    async fn thing_principals(
        &self,
        name: &ThingName,
        principal_type: Option<ThingPrincipalType>,
        page: PageRequest,
    ) -> Result<Page<ThingPrincipal>, StorageError>;

    /// The things that a certificate is attached to, by time of creation: all, or those it is attached to in one way.
    ///
    /// # Errors
    /// The storage failed.
    async fn principal_things(
        &self,
        certificate: CertificateId,
        principal_type: Option<ThingPrincipalType>,
        page: PageRequest,
    ) -> Result<Page<PrincipalThing>, StorageError>;
}

/// Which things a listing has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThingFilter {
    /// Only those of this type.
    pub thing_type: Option<ThingTypeName>,
    /// Only those with such an attribute. Of a thing with a type only the searchable ones of that type count.
    pub attribute: Option<AttributeFilter>,
}

/// Which value an attribute must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeFilter {
    /// The attribute of this name has this value.
    Is(AttributeName, AttributeValue),
    /// The attribute of this name has a value that begins so.
    BeginsWith(AttributeName, AttributeValue),
}

/// A change of a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ThingChange {
    /// Creates it. Conflict: it exists, or its type or its billing group does not, or its type is deprecated.
    Insert(Thing),
    /// Sets its type and its attributes, whole. Conflict: it does not exist, or not in this version any more; or the type
    /// is another than before, and does not exist or is deprecated.
    Update(ThingUpdate),
    /// Deletes it: it leaves its groups. Conflict: it does not exist, or not in this version any more, or has principals.
    Delete {
        /// Its name.
        name: ThingName,
        /// Its id.
        id: ThingId,
        /// The version that it must have.
        version: u64,
    },
}

/// What a thing becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThingUpdate {
    /// Its name.
    pub name: ThingName,
    /// Its id.
    pub id: ThingId,
    /// The version that it must have. It gets the next.
    pub version: u64,
    /// The type that it gets, if any.
    pub thing_type: Option<ThingTypeName>,
    /// The attributes that it gets.
    pub attributes: Attributes,
}

impl Transaction {
    /// Creates a thing.
    pub fn insert_thing(&mut self, thing: Thing) {
        self.push(Change::Thing(ThingChange::Insert(thing)));
    }

    /// Sets the type and the attributes of a thing.
    pub fn update_thing(&mut self, update: ThingUpdate) {
        self.push(Change::Thing(ThingChange::Update(update)));
    }

    /// Deletes a thing that has no principals, in this version.
    pub fn delete_thing(&mut self, name: ThingName, id: ThingId, version: u64) {
        self.push(Change::Thing(ThingChange::Delete { name, id, version }));
    }
}
