use async_trait::async_trait;
use landfall_model::{Function, FunctionName, LayerVersion, LayerVersionId, RevisionId};

use super::MemoryRegistry;
use super::state::State;
use crate::{Conflict, FunctionChange, Functions, Page, PageRequest, StorageError};

#[async_trait]
impl Functions for MemoryRegistry {
    async fn function(&self, name: &FunctionName) -> Result<Option<Function>, StorageError> {
        Ok(self.state().functions.get(name).cloned())
    }

    async fn functions(&self, page: PageRequest) -> Result<Page<Function>, StorageError> {
        Ok(self.state().functions.page(page, |_| true))
    }

    async fn function_layers(&self, name: &FunctionName) -> Result<Option<Vec<LayerVersion>>, StorageError> {
        let state = self.state();
        let layers = |function: &Function| {
            function.layers.iter().filter_map(|id| state.find_layer_version_ever(id)).cloned().collect()
        };
        Ok(state.functions.get(name).map(layers))
    }
}

impl State {
    pub(super) fn apply_function(&mut self, change: &FunctionChange) -> Result<(), Conflict> {
        match change {
            FunctionChange::Create(function) => self.create_function(function),
            FunctionChange::Update { function, expected } => self.update_function(function, *expected),
            FunctionChange::Delete { name } => {
                self.find_function(name)?;
                self.functions.remove(name);
                Ok(())
            }
        }
    }

    fn create_function(&mut self, function: &Function) -> Result<(), Conflict> {
        if self.functions.contains(&function.name) {
            return Err(Conflict::FunctionExists(function.name.clone()));
        }
        self.expect_layers(&function.layers, &[])?;
        self.functions.insert_unless_there(&mut self.row_ids, function.name.clone(), function.clone());
        Ok(())
    }

    fn update_function(&mut self, function: &Function, expected: RevisionId) -> Result<(), Conflict> {
        let found = self.find_function(&function.name)?;
        if found.revision != expected {
            return Err(Conflict::FunctionRevision(function.name.clone()));
        }
        let updated = Function { created_at: found.created_at, ..function.clone() };
        let known = std::mem::take(&mut found.layers);
        *found = updated;
        self.expect_layers(&function.layers, &known)
    }

    fn find_function(&mut self, name: &FunctionName) -> Result<&mut Function, Conflict> {
        self.functions.get_mut(name).ok_or_else(|| Conflict::FunctionNotFound(name.clone()))
    }

    /// Checks that the layers exist, but for those that are known.
    fn expect_layers(&self, layers: &[LayerVersionId], known: &[LayerVersionId]) -> Result<(), Conflict> {
        let is_missing = |id: &&LayerVersionId| !known.contains(id) && self.find_layer_version(id).is_none();
        match layers.iter().find(is_missing) {
            None => Ok(()),
            Some(id) => Err(Conflict::LayerVersionNotFound(id.clone())),
        }
    }
}
