use async_trait::async_trait;
use landfall_model::{
    GreengrassId, GreengrassKind, GreengrassNewest, GreengrassResource, GreengrassServiceRole,
    GreengrassVersion, GreengrassVersionId,
};

use super::MemoryRegistry;
use super::state::State;
use super::table;
use crate::{Conflict, Greengrass, GreengrassChange, Page, PageRequest, StorageError};

/// A group or definition with the versions before its newest, in the order of their creation.
#[derive(Clone)]
pub(super) struct GreengrassRow {
    resource: GreengrassResource,
    older: Vec<GreengrassVersion>,
}

#[async_trait]
impl Greengrass for MemoryRegistry {
    async fn greengrass_resource(
        &self,
        kind: GreengrassKind,
        id: GreengrassId,
    ) -> Result<Option<GreengrassResource>, StorageError> {
        Ok(self.state().greengrass_row(kind, id).map(|row| row.resource.clone()))
    }

    async fn greengrass_resources(
        &self,
        kind: GreengrassKind,
        page: PageRequest,
    ) -> Result<Page<GreengrassResource>, StorageError> {
        let state = self.state();
        let rows = state.greengrass.entries().filter(|(_, row)| row.resource.kind() == kind);
        Ok(table::page(rows.map(|(rid, row)| (rid, row.resource.clone())), page))
    }

    async fn greengrass_version(
        &self,
        kind: GreengrassKind,
        id: GreengrassId,
        version: GreengrassVersionId,
    ) -> Result<Option<GreengrassVersion>, StorageError> {
        let state = self.state();
        let mut versions = state.greengrass_row(kind, id).into_iter().flat_map(GreengrassRow::versions);
        Ok(versions.find(|known| known.id == version).cloned())
    }

    async fn greengrass_versions(
        &self,
        kind: GreengrassKind,
        id: GreengrassId,
        page: PageRequest,
    ) -> Result<Page<GreengrassVersion>, StorageError> {
        let state = self.state();
        let versions: Vec<_> =
            state.greengrass_row(kind, id).into_iter().flat_map(GreengrassRow::versions).cloned().collect();
        let rows: Vec<_> = (1..).zip(versions).collect();
        Ok(table::page(rows.into_iter(), page))
    }

    async fn greengrass_service_role(&self) -> Result<Option<GreengrassServiceRole>, StorageError> {
        Ok(self.state().greengrass_service_role.clone())
    }
}

impl GreengrassRow {
    /// All versions, the newest last.
    fn versions(&self) -> impl Iterator<Item = &GreengrassVersion> {
        self.older.iter().chain(self.resource.version())
    }
}

impl State {
    pub(super) fn apply_greengrass(&mut self, change: &GreengrassChange) -> Result<(), Conflict> {
        match change {
            GreengrassChange::Ensure(resource) => {
                let row = GreengrassRow { resource: (**resource).clone(), older: Vec::new() };
                self.greengrass.insert_unless_there(&mut self.row_ids, resource.id, row);
            }
            GreengrassChange::AddVersion { id, version } => {
                let row = self.find_greengrass_row(version.content.kind(), *id)?;
                let newest = GreengrassNewest::Version((**version).clone());
                match std::mem::replace(&mut row.resource.newest, newest) {
                    GreengrassNewest::Version(older) => row.older.push(older),
                    GreengrassNewest::None(_) => (),
                }
            }
            GreengrassChange::Rename { kind, id, name, at } => {
                let row = self.find_greengrass_row(*kind, *id)?;
                row.resource.name = Some(name.clone());
                row.resource.modified_at = *at;
            }
            GreengrassChange::Delete { kind, id } => {
                self.find_greengrass_row(*kind, *id)?;
                self.greengrass.remove(id);
            }
            GreengrassChange::SetServiceRole(role) => self.greengrass_service_role = Some(role.clone()),
            GreengrassChange::EnsureServiceRole(role) => {
                if self.greengrass_service_role.as_ref().is_none_or(|known| known.role != role.role) {
                    self.greengrass_service_role = Some(role.clone());
                }
            }
            GreengrassChange::RemoveServiceRole => self.greengrass_service_role = None,
        }
        Ok(())
    }

    fn greengrass_row(&self, kind: GreengrassKind, id: GreengrassId) -> Option<&GreengrassRow> {
        self.greengrass.get(&id).filter(|row| row.resource.kind() == kind)
    }

    fn find_greengrass_row(
        &mut self,
        kind: GreengrassKind,
        id: GreengrassId,
    ) -> Result<&mut GreengrassRow, Conflict> {
        let row = self.greengrass.get_mut(&id).filter(|row| row.resource.kind() == kind);
        row.ok_or(Conflict::GreengrassNotFound { kind, id })
    }
}
