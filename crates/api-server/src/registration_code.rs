use aws_lc_rs::rand;
use landfall_api::registration_code::{
    DeleteRegistrationCodeRequest, DeleteRegistrationCodeResponse, GetRegistrationCodeRequest,
    GetRegistrationCodeResponse,
};
use landfall_api::{ApiError, ErrorCode, OperationKey};
use landfall_model::RegistrationCode;
use landfall_registry::{Registry, Transaction};

use crate::failure::Failure;
use crate::handler::{Context, Handle, Handler, handler};

/// The operations of the registration code.
pub(crate) fn handlers() -> Vec<(OperationKey, Handler)> {
    vec![handler::<GetRegistrationCodeRequest>(), handler::<DeleteRegistrationCodeRequest>()]
}

impl Handle for GetRegistrationCodeRequest {
    async fn handle(self, context: &Context<'_>) -> Result<GetRegistrationCodeResponse, Failure> {
        let Self {} = self;
        let code = registration_code(context.registry()).await?;
        Ok(GetRegistrationCodeResponse { registration_code: Some(code.to_string()) })
    }
}

impl Handle for DeleteRegistrationCodeRequest {
    async fn handle(self, context: &Context<'_>) -> Result<DeleteRegistrationCodeResponse, Failure> {
        let Self {} = self;
        if context.registry().registration_code().await?.is_none() {
            let message = "there is no registration code; GetRegistrationCode makes one";
            return Err(ApiError::new(ErrorCode::ResourceNotFound, message).into());
        }
        let mut transaction = Transaction::new();
        transaction.delete_registration_code();
        context.registry().commit(transaction).await?;
        Ok(DeleteRegistrationCodeResponse {})
    }
}

/// The server's registration code, made now if there is none.
pub(crate) async fn registration_code(registry: &dyn Registry) -> Result<RegistrationCode, Failure> {
    if let Some(code) = registry.registration_code().await? {
        return Ok(code);
    }
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).map_err(|error| Failure::internal("making a registration code", error))?;
    let code = RegistrationCode::from_bytes(bytes);
    let mut transaction = Transaction::new();
    transaction.ensure_registration_code(code.clone());
    registry.commit(transaction).await?;
    // Another request may have been first; what is stored is what counts.
    Ok(registry.registration_code().await?.unwrap_or(code))
}
