use async_trait::async_trait;
use landfall_model::RegistrationCode;

use crate::{Change, StorageError, Transaction};

/// Reads of the registration code.
#[async_trait]
pub trait RegistrationCodes {
    /// The server's registration code, if one was made.
    ///
    /// # Errors
    /// The storage failed.
    async fn registration_code(&self) -> Result<Option<RegistrationCode>, StorageError>;
}

impl Transaction {
    /// Sets the registration code unless there is one.
    pub fn ensure_registration_code(&mut self, code: RegistrationCode) {
        self.push(Change::EnsureRegistrationCode(code));
    }

    /// Removes the registration code, if there is one.
    pub fn delete_registration_code(&mut self) {
        self.push(Change::DeleteRegistrationCode);
    }
}
