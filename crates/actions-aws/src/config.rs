use std::fmt;
use std::time::Duration;

use landfall_model::Region;
use thiserror::Error;

use crate::endpoint::origin_of;

/// Where the services are, and who asks.
#[derive(Clone, Debug)]
pub struct Config {
    /// The region, where a queue's URL or ARN does not name another.
    pub region: Region,
    /// Where the services are, if not at AWS.
    pub endpoints: Endpoints,
    /// Who asks. Without them each call fails and says which variables to set.
    pub credentials: Option<Credentials>,
    /// How long calls can take.
    pub timeouts: Timeouts,
}

/// URLs of services, as `http://127.0.0.1:5000`; that of a service itself goes before that of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// Of all services: `AWS_ENDPOINT_URL`.
    pub all: Option<String>,
    /// Of SQS: `AWS_ENDPOINT_URL_SQS`.
    pub sqs: Option<String>,
    /// Of DynamoDB: `AWS_ENDPOINT_URL_DYNAMODB`.
    pub dynamodb: Option<String>,
    /// Of CloudWatch: `AWS_ENDPOINT_URL_CLOUDWATCH`.
    pub cloudwatch: Option<String>,
}

/// Keys of a caller.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: String,
    /// `AWS_SESSION_TOKEN`, with keys that expire.
    pub session_token: Option<String>,
}

/// How long calls can take; one that takes longer has failed and may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection is made.
    pub connect: Duration,
    /// Until the answer is complete, the connection included. A call that waits for messages has its wait on top.
    pub answer: Duration,
}

/// A configuration that cannot be.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the endpoint {found:?} is not a URL that begins with http:// or https:// and names a host")]
pub struct InvalidConfig {
    /// What is no endpoint.
    pub found: String,
}

impl Config {
    pub(crate) fn check(&self) -> Result<(), InvalidConfig> {
        let Endpoints { all, sqs, dynamodb, cloudwatch } = &self.endpoints;
        let mut given = [all, sqs, dynamodb, cloudwatch].into_iter().flatten();
        given
            .find(|url| origin_of(url).is_none())
            .map_or(Ok(()), |url| Err(InvalidConfig { found: url.clone() }))
    }
}

impl Credentials {
    pub(crate) fn to_sdk(&self) -> aws_sdk_sqs::config::Credentials {
        let Self { access_key_id, secret_access_key, session_token } = self;
        aws_sdk_sqs::config::Credentials::new(
            access_key_id,
            secret_access_key,
            session_token.clone(),
            None,
            "landfall",
        )
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(3), answer: Duration::from_secs(10) }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(endpoints: Endpoints) -> Config {
        let credentials = Credentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "a secret".to_owned(),
            session_token: Some("a token".to_owned()),
        };
        let region = Region::parse("us-east-1").unwrap();
        Config { region, endpoints, credentials: Some(credentials), timeouts: Timeouts::default() }
    }

    #[test]
    fn each_endpoint_must_be_a_url() {
        let wrong = || Some("127.0.0.1:5000".to_owned());
        let right = || Some("http://127.0.0.1:5000".to_owned());
        for endpoints in [
            Endpoints { all: wrong(), ..Endpoints::default() },
            Endpoints { all: right(), sqs: wrong(), ..Endpoints::default() },
            Endpoints { dynamodb: wrong(), ..Endpoints::default() },
            Endpoints { cloudwatch: wrong(), ..Endpoints::default() },
        ] {
            let problem = config(endpoints).check().unwrap_err();
            assert_eq!(
                problem.to_string(),
                "the endpoint \"127.0.0.1:5000\" is not a URL that begins with http:// or https:// and names a host"
            );
        }
        let all = Endpoints { all: right(), sqs: right(), dynamodb: right(), cloudwatch: right() };
        assert_eq!(config(all).check(), Ok(()));
        assert_eq!(config(Endpoints::default()).check(), Ok(()));
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?}", config(Endpoints::default()));
        assert!(shown.contains("AKIDEXAMPLE"), "{shown}");
        assert!(!shown.contains("a secret") && !shown.contains("a token"), "{shown}");
    }
}
