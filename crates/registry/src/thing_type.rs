use async_trait::async_trait;
use landfall_model::{ThingType, ThingTypeName};

use crate::{Change, StorageError, Transaction};

/// Reads of thing types.
#[async_trait]
pub trait ThingTypes {
    /// The thing type with this name.
    ///
    /// # Errors
    /// The storage failed.
    async fn thing_type(&self, name: &ThingTypeName) -> Result<Option<ThingType>, StorageError>;
}

impl Transaction {
    /// Creates a thing type unless one of its name exists.
    pub fn ensure_thing_type(&mut self, thing_type: ThingType) {
        self.push(Change::EnsureThingType(thing_type));
    }
}
