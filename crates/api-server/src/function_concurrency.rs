use landfall_api::OperationKey;
use landfall_api::function_concurrency::{
    Concurrency, DeleteFunctionConcurrencyRequest, DeleteFunctionConcurrencyResponse,
    GetFunctionConcurrencyRequest, GetFunctionConcurrencyResponse, PutFunctionConcurrencyRequest,
};
use landfall_model::Function;

use crate::failure::{Failure, invalid};
use crate::function::{change, existing};
use crate::handler::{Context, Handle, Handler, handler};

/// The operations of how often a function may run at once.
pub(crate) fn handlers() -> Vec<(OperationKey, Handler)> {
    vec![
        handler::<PutFunctionConcurrencyRequest>(),
        handler::<GetFunctionConcurrencyRequest>(),
        handler::<DeleteFunctionConcurrencyRequest>(),
    ]
}

impl Handle for PutFunctionConcurrencyRequest {
    /// Nothing is taken from what other functions may use: the number is a limit of this function's own.
    async fn handle(self, context: &Context<'_>) -> Result<Concurrency, Failure> {
        let Self { function_name, reserved_concurrent_executions } = self;
        context.app.functions.check_on()?;
        let concurrency = u32::try_from(reserved_concurrent_executions).map_err(invalid)?;
        set(context, &function_name, Some(concurrency)).await?;
        Ok(wire(Some(concurrency)))
    }
}

impl Handle for GetFunctionConcurrencyRequest {
    async fn handle(self, context: &Context<'_>) -> Result<GetFunctionConcurrencyResponse, Failure> {
        let Self { function_name } = self;
        let function = existing(context, &function_name, None).await?;
        let Concurrency { reserved_concurrent_executions } = wire(function.reserved_concurrency);
        Ok(GetFunctionConcurrencyResponse { reserved_concurrent_executions })
    }
}

impl Handle for DeleteFunctionConcurrencyRequest {
    async fn handle(self, context: &Context<'_>) -> Result<DeleteFunctionConcurrencyResponse, Failure> {
        let Self { function_name } = self;
        context.app.functions.check_on()?;
        set(context, &function_name, None).await?;
        Ok(DeleteFunctionConcurrencyResponse {})
    }
}

/// How often a function may run at once, on the wire.
pub(crate) fn wire(concurrency: Option<u32>) -> Concurrency {
    let wire = |concurrency| i32::try_from(concurrency).unwrap_or(i32::MAX);
    Concurrency { reserved_concurrent_executions: concurrency.map(wire) }
}

async fn set(context: &Context<'_>, function: &str, concurrency: Option<u32>) -> Result<(), Failure> {
    let function = existing(context, function, None).await?;
    let set = |function: &mut Function| {
        function.reserved_concurrency = concurrency;
        Ok(())
    };
    change(context, &function.name, None, set).await?;
    Ok(())
}
