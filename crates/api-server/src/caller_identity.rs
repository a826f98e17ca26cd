use landfall_api::caller_identity::{GetCallerIdentityRequest, GetCallerIdentityResponse};

use crate::failure::Failure;
use crate::handler::{Context, Handle};

impl Handle for GetCallerIdentityRequest {
    /// There is one key and no user: the caller is the account itself, as AWS describes its root user.
    async fn handle(self, context: &Context<'_>) -> Result<GetCallerIdentityResponse, Failure> {
        let Self {} = self;
        let account = &context.scope().account;
        Ok(GetCallerIdentityResponse {
            user_id: Some(account.to_string()),
            account: Some(account.to_string()),
            arn: Some(format!("arn:aws:iam::{account}:root")),
        })
    }
}
