use landfall_api::endpoint::{DescribeEndpointRequest, DescribeEndpointResponse};

use crate::failure::{Failure, invalid, not_built};
use crate::handler::{Context, Handle};

/// The endpoint that devices connect to.
const DATA_ATS: &str = "iot:Data-ATS";

impl Handle for DescribeEndpointRequest {
    /// Without a type, callers mean the endpoint that devices connect to, and there is but one.
    async fn handle(self, context: &Context<'_>) -> Result<DescribeEndpointResponse, Failure> {
        let Self { endpoint_type } = self;
        match endpoint_type.as_deref().unwrap_or(DATA_ATS) {
            DATA_ATS => Ok(DescribeEndpointResponse { endpoint_address: Some(context.app.hostname.clone()) }),
            "iot:CredentialProvider" => {
                Err(not_built("the credential provider, endpointType iot:CredentialProvider,").into())
            }
            // AWS refuses these too: the first was signed by a root CA that is no longer trusted.
            retired @ ("iot:Data" | "iot:Jobs") => {
                Err(invalid(format!("endpointType {retired} is no longer given out; ask for {DATA_ATS}"))
                    .into())
            }
            other => {
                let shown: String = other.chars().take(64).collect();
                Err(invalid(format!("endpointType {shown:?} is not known; ask for {DATA_ATS}")).into())
            }
        }
    }
}
