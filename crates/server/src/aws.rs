//! The services of AWS that rule actions and event sources reach: where they are, and with which keys.

use anyhow::{Context as _, Result};
use landfall_actions_aws::{AwsServices, Config, Credentials, Endpoints, Timeouts};
use landfall_model::Region;

/// Builds the clients, by the option of the command line and by the environment variables that the SDKs of AWS know. The
/// variable `AWS_ENDPOINT_URL` is not asked: it leads to this server itself.
///
/// # Errors
/// An endpoint is no URL.
pub(crate) fn services(region: Region, endpoint_url: Option<String>) -> Result<AwsServices> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let keys = variable("AWS_ACCESS_KEY_ID").zip(variable("AWS_SECRET_ACCESS_KEY"));
    let credentials = keys.map(|(access_key_id, secret_access_key)| Credentials {
        access_key_id,
        secret_access_key,
        session_token: variable("AWS_SESSION_TOKEN"),
    });
    let endpoints = Endpoints {
        all: endpoint_url,
        sqs: variable("AWS_ENDPOINT_URL_SQS"),
        dynamodb: variable("AWS_ENDPOINT_URL_DYNAMODB"),
        cloudwatch: variable("AWS_ENDPOINT_URL_CLOUDWATCH"),
    };
    let config = Config { region, endpoints, credentials, timeouts: Timeouts::default() };
    AwsServices::build(config).context("the services of AWS cannot be reached")
}
