use async_trait::async_trait;
use landfall_model::{LayerName, LayerVersion, LayerVersionId};

use crate::{Change, Page, PageRequest, StorageError, Transaction};

/// Reads of layers.
#[async_trait]
pub trait Layers {
    /// This version of a layer.
    ///
    /// # Errors
    /// The storage failed.
    async fn layer_version(&self, id: &LayerVersionId) -> Result<Option<LayerVersion>, StorageError>;

    /// The versions of a layer by their numbers.
    ///
    /// # Errors
    /// The storage failed.
    async fn layer_versions(
        &self,
        layer: &LayerName,
        page: PageRequest,
    ) -> Result<Page<LayerVersion>, StorageError>;

    /// The number that the next version of a layer gets: one more than the last ever given.
    ///
    /// # Errors
    /// The storage failed.
    async fn next_layer_version(&self, layer: &LayerName) -> Result<u64, StorageError>;

    /// The last version of each layer that has one, by the time when a layer was first published.
    ///
    /// # Errors
    /// The storage failed.
    async fn layers(&self, page: PageRequest) -> Result<Page<LayerVersion>, StorageError>;
}

/// A change of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayerChange {
    /// Adds a version. Conflict: the next version has another number by now.
    Publish(Box<LayerVersion>),
    /// Deletes a version, whose number is never given again; functions that have it keep it. Conflict: it does not exist.
    DeleteVersion {
        /// Which.
        id: LayerVersionId,
    },
}

impl Transaction {
    /// Adds the next version of a layer.
    pub fn publish_layer_version(&mut self, version: LayerVersion) {
        self.push(Change::Layer(LayerChange::Publish(Box::new(version))));
    }

    /// Deletes a version of a layer.
    pub fn delete_layer_version(&mut self, id: LayerVersionId) {
        self.push(Change::Layer(LayerChange::DeleteVersion { id }));
    }
}
