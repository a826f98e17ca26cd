use async_trait::async_trait;
use landfall_model::{Function, FunctionName, LayerVersion, RevisionId};

use crate::{Change, Page, PageRequest, StorageError, Transaction};

/// Reads of functions.
#[async_trait]
pub trait Functions {
    /// The function with this name.
    ///
    /// # Errors
    /// The storage failed.
    async fn function(&self, name: &FunctionName) -> Result<Option<Function>, StorageError>;

    /// Functions by time of creation.
    ///
    /// # Errors
    /// The storage failed.
    async fn functions(&self, page: PageRequest) -> Result<Page<Function>, StorageError>;

    /// The layers of a function in their order, those that were deleted since they were given to it included; none when the
    /// function does not exist.
    ///
    /// # Errors
    /// The storage failed.
    async fn function_layers(&self, name: &FunctionName) -> Result<Option<Vec<LayerVersion>>, StorageError>;
}

/// A change of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FunctionChange {
    /// Creates it. Conflict: it exists, or one of its layers does not.
    Create(Box<Function>),
    /// Replaces it; its time of creation stays. Conflict: it does not exist, is not as expected any more, or a layer that it
    /// did not have before does not exist.
    Update {
        /// What it becomes.
        function: Box<Function>,
        /// The revision that it must have.
        expected: RevisionId,
    },
    /// Deletes it. What refers to it stays, and fails. Conflict: it does not exist.
    Delete {
        /// Its name.
        name: FunctionName,
    },
}

impl Transaction {
    /// Creates a function.
    pub fn create_function(&mut self, function: Function) {
        self.push(Change::Function(FunctionChange::Create(Box::new(function))));
    }

    /// Replaces a function that has this revision.
    pub fn update_function(&mut self, function: Function, expected: RevisionId) {
        let function = Box::new(function);
        self.push(Change::Function(FunctionChange::Update { function, expected }));
    }

    /// Deletes a function.
    pub fn delete_function(&mut self, name: FunctionName) {
        self.push(Change::Function(FunctionChange::Delete { name }));
    }
}
