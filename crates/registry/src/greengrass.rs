use async_trait::async_trait;
use landfall_model::{
    GreengrassId, GreengrassKind, GreengrassName, GreengrassResource, GreengrassServiceRole,
    GreengrassVersion, GreengrassVersionId, UnixTime,
};

use crate::{Change, Page, PageRequest, StorageError, Transaction};

/// Reads of Greengrass groups and definitions.
#[async_trait]
pub trait Greengrass {
    /// The group or definition with this id.
    ///
    /// # Errors
    /// The storage failed.
    async fn greengrass_resource(
        &self,
        kind: GreengrassKind,
        id: GreengrassId,
    ) -> Result<Option<GreengrassResource>, StorageError>;

    /// The groups or definitions by time of creation.
    ///
    /// # Errors
    /// The storage failed.
    async fn greengrass_resources(
        &self,
        kind: GreengrassKind,
        page: PageRequest,
    ) -> Result<Page<GreengrassResource>, StorageError>;

    /// This version of a group or definition.
    ///
    /// # Errors
    /// The storage failed.
    async fn greengrass_version(
        &self,
        kind: GreengrassKind,
        id: GreengrassId,
        version: GreengrassVersionId,
    ) -> Result<Option<GreengrassVersion>, StorageError>;

    /// The versions of a group or definition in the order of their creation; none if it does not exist.
    ///
    /// # Errors
    /// The storage failed.
    async fn greengrass_versions(
        &self,
        kind: GreengrassKind,
        id: GreengrassId,
        page: PageRequest,
    ) -> Result<Page<GreengrassVersion>, StorageError>;

    /// The service role of the account, if it has one.
    ///
    /// # Errors
    /// The storage failed.
    async fn greengrass_service_role(&self) -> Result<Option<GreengrassServiceRole>, StorageError>;
}

/// A change of a Greengrass group or definition, or of the service role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GreengrassChange {
    /// Creates it with its first version, if it has one, unless there is one of its id: then nothing changes.
    Ensure(Box<GreengrassResource>),
    /// Adds a version, which becomes the newest. Conflict: no resource of this id is of the content's kind.
    AddVersion {
        /// The id of the resource.
        id: GreengrassId,
        /// The version.
        version: Box<GreengrassVersion>,
    },
    /// Sets the name. Conflict: it does not exist.
    Rename {
        /// Its kind.
        kind: GreengrassKind,
        /// Its id.
        id: GreengrassId,
        /// The name that it gets.
        name: GreengrassName,
        /// When.
        at: UnixTime,
    },
    /// Deletes it with all of its versions. Conflict: it does not exist.
    Delete {
        /// Its kind.
        kind: GreengrassKind,
        /// Its id.
        id: GreengrassId,
    },
    /// Associates the service role with the account, in the place of another one.
    SetServiceRole(GreengrassServiceRole),
    /// Associates the service role with the account, unless it is already: then nothing changes.
    EnsureServiceRole(GreengrassServiceRole),
    /// Takes the service role from the account, if it has one.
    RemoveServiceRole,
}

impl Transaction {
    /// Creates a Greengrass group or definition, unless there is one of its id.
    pub fn ensure_greengrass(&mut self, resource: GreengrassResource) {
        self.push(Change::Greengrass(GreengrassChange::Ensure(Box::new(resource))));
    }

    /// Adds a version to the Greengrass group or definition of this id that is of the content's kind.
    pub fn add_greengrass_version(&mut self, id: GreengrassId, version: GreengrassVersion) {
        self.push(Change::Greengrass(GreengrassChange::AddVersion { id, version: Box::new(version) }));
    }

    /// Sets the name of a Greengrass group or definition.
    pub fn rename_greengrass(
        &mut self,
        kind: GreengrassKind,
        id: GreengrassId,
        name: GreengrassName,
        at: UnixTime,
    ) {
        self.push(Change::Greengrass(GreengrassChange::Rename { kind, id, name, at }));
    }

    /// Deletes a Greengrass group or definition with all of its versions.
    pub fn delete_greengrass(&mut self, kind: GreengrassKind, id: GreengrassId) {
        self.push(Change::Greengrass(GreengrassChange::Delete { kind, id }));
    }

    /// Associates a Greengrass service role with the account.
    pub fn set_greengrass_service_role(&mut self, role: GreengrassServiceRole) {
        self.push(Change::Greengrass(GreengrassChange::SetServiceRole(role)));
    }

    /// Associates a Greengrass service role with the account, unless it is already.
    pub fn ensure_greengrass_service_role(&mut self, role: GreengrassServiceRole) {
        self.push(Change::Greengrass(GreengrassChange::EnsureServiceRole(role)));
    }

    /// Takes the Greengrass service role from the account, if it has one.
    pub fn remove_greengrass_service_role(&mut self) {
        self.push(Change::Greengrass(GreengrassChange::RemoveServiceRole));
    }
}
