use async_trait::async_trait;
use landfall_model::{Tag, TagKey, TaggedResource};

use crate::{Change, StorageError, Transaction};

/// Reads of tags.
#[async_trait]
pub trait Tags {
    /// The tags of a resource, by key; none when the resource does not exist.
    ///
    /// # Errors
    /// The storage failed.
    async fn tags(&self, resource: &TaggedResource) -> Result<Option<Vec<Tag>>, StorageError>;
}

/// A change of the tags of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagChange {
    /// Sets tags; one of the same key gets the new value. Conflict: the resource does not exist, or would have more tags
    /// than it may have.
    Set {
        /// What has them.
        resource: TaggedResource,
        /// The tags. Of several with one key the last counts.
        tags: Vec<Tag>,
    },
    /// Removes tags, those that there are. Conflict: the resource does not exist.
    Remove {
        /// What has them.
        resource: TaggedResource,
        /// Their keys.
        keys: Vec<TagKey>,
    },
}

impl Transaction {
    /// Sets tags of a resource.
    pub fn set_tags(&mut self, resource: TaggedResource, tags: Vec<Tag>) {
        self.push(Change::Tag(TagChange::Set { resource, tags }));
    }

    /// Removes tags of a resource.
    pub fn remove_tags(&mut self, resource: TaggedResource, keys: Vec<TagKey>) {
        self.push(Change::Tag(TagChange::Remove { resource, keys }));
    }
}
