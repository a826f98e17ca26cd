//! The services against `moto_server`, which stands in for AWS, and against servers that fail.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test panics to tell of a fault"
)]

mod canned;
mod failures;
mod metrics;
mod moto;
mod queues;
mod tables;

use std::time::Duration;

use landfall_actions_aws::{AwsServices, Config, Credentials, Endpoints, Timeouts};
use landfall_model::Region;

/// Keys that every stand-in takes.
fn credentials() -> Credentials {
    Credentials {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: "any".to_owned(),
        session_token: None,
    }
}

/// The services at one endpoint.
fn services_at(endpoint: &str) -> AwsServices {
    let endpoints = Endpoints { all: Some(endpoint.to_owned()), ..Endpoints::default() };
    services(endpoints, Duration::from_secs(60))
}

fn services(endpoints: Endpoints, answer: Duration) -> AwsServices {
    AwsServices::build(Config {
        region: Region::parse("us-east-1").unwrap(),
        endpoints,
        credentials: Some(credentials()),
        timeouts: Timeouts { connect: Duration::from_secs(30), answer },
    })
    .unwrap()
}
