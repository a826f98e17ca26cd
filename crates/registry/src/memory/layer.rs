use std::collections::BTreeMap;

use async_trait::async_trait;
use landfall_model::{LayerName, LayerVersion, LayerVersionId};

use super::MemoryRegistry;
use super::state::State;
use super::table;
use crate::{Conflict, LayerChange, Layers, Page, PageRequest, StorageError};

/// A layer with all versions that it ever had. It stays when the last of them is deleted.
#[derive(Clone, Default)]
pub(super) struct LayerRow {
    versions: BTreeMap<u64, VersionRow>,
}

#[derive(Clone)]
struct VersionRow {
    version: LayerVersion,
    is_deleted: bool,
}

#[async_trait]
impl Layers for MemoryRegistry {
    async fn layer_version(&self, id: &LayerVersionId) -> Result<Option<LayerVersion>, StorageError> {
        Ok(self.state().find_layer_version(id).cloned())
    }

    async fn layer_versions(
        &self,
        layer: &LayerName,
        page: PageRequest,
    ) -> Result<Page<LayerVersion>, StorageError> {
        let state = self.state();
        let versions: Vec<_> = state.layers.get(layer).into_iter().flat_map(LayerRow::versions).collect();
        let rows = versions.into_iter().map(|version| (version.id.version.cast_signed(), version.clone()));
        Ok(table::page(rows, page))
    }

    async fn next_layer_version(&self, layer: &LayerName) -> Result<u64, StorageError> {
        Ok(self.state().next_layer_version(layer))
    }

    async fn layers(&self, page: PageRequest) -> Result<Page<LayerVersion>, StorageError> {
        let state = self.state();
        let last = |(rid, row): (i64, &LayerRow)| row.versions().next_back().map(|last| (rid, last.clone()));
        Ok(table::page(state.layers.entries().filter_map(last), page))
    }
}

impl LayerRow {
    /// Those that were not deleted.
    fn versions(&self) -> impl DoubleEndedIterator<Item = &LayerVersion> {
        self.versions.values().filter(|row| !row.is_deleted).map(|row| &row.version)
    }
}

impl State {
    pub(super) fn find_layer_version(&self, id: &LayerVersionId) -> Option<&LayerVersion> {
        let row = self.layers.get(&id.layer)?.versions.get(&id.version)?;
        (!row.is_deleted).then_some(&row.version)
    }

    /// A version, even one that was deleted.
    pub(super) fn find_layer_version_ever(&self, id: &LayerVersionId) -> Option<&LayerVersion> {
        Some(&self.layers.get(&id.layer)?.versions.get(&id.version)?.version)
    }

    pub(super) fn apply_layer(&mut self, change: &LayerChange) -> Result<(), Conflict> {
        match change {
            LayerChange::Publish(version) => self.publish_layer_version(version),
            LayerChange::DeleteVersion { id } => {
                let versions = self.layers.get_mut(&id.layer).map(|layer| &mut layer.versions);
                let row = versions.and_then(|versions| versions.get_mut(&id.version));
                let row = row.filter(|row| !row.is_deleted);
                row.ok_or_else(|| Conflict::LayerVersionNotFound(id.clone()))?.is_deleted = true;
                Ok(())
            }
        }
    }

    fn publish_layer_version(&mut self, version: &LayerVersion) -> Result<(), Conflict> {
        let LayerVersionId { layer, version: number } = &version.id;
        if *number != self.next_layer_version(layer) {
            return Err(Conflict::LayerVersionNumber(layer.clone()));
        }
        self.layers.insert_unless_there(&mut self.row_ids, layer.clone(), LayerRow::default());
        if let Some(row) = self.layers.get_mut(layer) {
            row.versions.insert(*number, VersionRow { version: version.clone(), is_deleted: false });
        }
        Ok(())
    }

    fn next_layer_version(&self, layer: &LayerName) -> u64 {
        let last = self.layers.get(layer).and_then(|row| row.versions.keys().next_back());
        last.map_or(LayerVersion::NUMBER_FIRST, |last| last + 1)
    }
}
