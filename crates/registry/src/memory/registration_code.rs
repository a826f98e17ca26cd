use async_trait::async_trait;
use landfall_model::RegistrationCode;

use super::MemoryRegistry;
use crate::{RegistrationCodes, StorageError};

#[async_trait]
impl RegistrationCodes for MemoryRegistry {
    async fn registration_code(&self) -> Result<Option<RegistrationCode>, StorageError> {
        Ok(self.state().registration_code.clone())
    }
}
