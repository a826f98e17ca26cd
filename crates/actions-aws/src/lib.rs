//! Queues, tables and metrics at AWS, or at any endpoint that speaks as SQS, DynamoDB and CloudWatch do, by the AWS SDK.
//!
//! The SDK tries nothing again here: whoever calls keeps count of its attempts. It reads neither files nor the environment
//! nor the machine's metadata service: what it needs stands in [`Config`].
//!
//! Invariant: only this crate knows the SDK, which is large; others know the ports of `landfall-services`.

mod config;
mod endpoint;
mod failure;
mod metric;
mod queue;
mod table;

use std::fmt;
use std::sync::OnceLock;

use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::config::{Region, SharedHttpClient};
use aws_smithy_http_client::tls::{self, rustls_provider::CryptoMode};
use landfall_services::ServiceFailure;

pub use config::{Config, Credentials, Endpoints, InvalidConfig, Timeouts};
pub use metric::DATA_MAX;

/// The services. Connections are kept and shared by all calls.
pub struct AwsServices {
    config: Config,
    /// Made at the first call: a server without such actions reads no root certificates and resolves no endpoints.
    clients: OnceLock<Clients>,
}

/// A client of each service.
struct Clients {
    sqs: aws_sdk_sqs::Client,
    dynamodb: aws_sdk_dynamodb::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
}

impl AwsServices {
    /// Checks the configuration. Nothing is connected to yet.
    ///
    /// # Errors
    /// An endpoint is not an `http` or `https` URL.
    pub fn build(config: Config) -> Result<Self, InvalidConfig> {
        config.check()?;
        Ok(Self { config, clients: OnceLock::new() })
    }

    /// The clients, for an operation.
    ///
    /// # Errors
    /// There are no credentials: without them nothing can be asked for, and nobody but the operator can change that.
    fn clients(&self, operation: &str) -> Result<&Clients, ServiceFailure> {
        let Some(credentials) = &self.config.credentials else {
            return Err(ServiceFailure::lasting(format!(
                "{operation}: no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN \
                 with keys that expire) for the server; an endpoint that checks none takes any"
            )));
        };
        Ok(self.clients.get_or_init(|| Clients::new(&self.config, credentials)))
    }

    /// How long a call can take that itself waits at most this long for something to answer.
    fn timeouts(&self, wait: std::time::Duration) -> TimeoutConfig {
        let Timeouts { connect, answer } = self.config.timeouts;
        TimeoutConfig::builder().connect_timeout(connect).operation_timeout(answer + wait).build()
    }
}

impl Clients {
    fn new(config: &Config, credentials: &Credentials) -> Self {
        let http = http_client();
        let keys = credentials.to_sdk();
        let region = Region::new(config.region.as_str().to_owned());
        let Timeouts { connect, answer } = config.timeouts;
        let timeouts = TimeoutConfig::builder().connect_timeout(connect).operation_timeout(answer).build();
        let Endpoints { sqs, dynamodb, cloudwatch, .. } = &config.endpoints;
        // The configurations are of three types, which have their methods in common but no trait.
        macro_rules! client {
            ($sdk:ident, $endpoint:expr) => {{
                let mut builder = $sdk::Config::builder()
                    .http_client(http.clone())
                    .region(region.clone())
                    .credentials_provider(keys.clone())
                    .retry_config(RetryConfig::disabled())
                    .timeout_config(timeouts.clone());
                builder.set_endpoint_url($endpoint.clone().or_else(|| config.endpoints.all.clone()));
                $sdk::Client::from_conf(builder.build())
            }};
        }
        Self {
            sqs: client!(aws_sdk_sqs, sqs),
            dynamodb: client!(aws_sdk_dynamodb, dynamodb),
            cloudwatch: client!(aws_sdk_cloudwatch, cloudwatch),
        }
    }
}

fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(CryptoMode::AwsLc))
        .build_https()
}

impl fmt::Debug for AwsServices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsServices").field("config", &self.config).finish_non_exhaustive()
    }
}
