//! Speaks to a running server: the AWS API, signed as the AWS CLI signs.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use landfall_api::HttpRequest;
use landfall_api::signature::{AccessKeyId, Credentials, SecretAccessKey, sign};
use landfall_model::Clock as _;
use serde_json::Value;

use crate::clock::SystemClock;
use crate::data_dir::{ServerInfo, server_info};

/// A server and the keys to its API.
pub(crate) struct Client {
    endpoint: String,
    host: String,
    region: String,
    credentials: Credentials,
    agent: ureq::Agent,
}

/// An answer of the server that is an error.
#[derive(Debug)]
pub(crate) struct ApiError {
    /// AWS's name of the error.
    pub(crate) code: String,
    message: String,
}

const TIMEOUT: Duration = Duration::from_secs(30);

impl Client {
    /// Finds the server: by the AWS environment variables, else by the data directory that it uses.
    ///
    /// # Errors
    /// Neither leads to a server.
    pub(crate) fn find(data: &Path) -> Result<Self> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let Some(endpoint) = variable("AWS_ENDPOINT_URL") else {
            let info = server_info(data).with_context(|| {
                let data = data.display();
                format!("no server uses the data directory {data}; start one with `landfall serve`, or name its directory with --data")
            })?;
            return Self::of(&info);
        };
        let needed =
            |name| variable(name).with_context(|| format!("AWS_ENDPOINT_URL is set, but {name} is not"));
        let region = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"));
        let credentials = Credentials {
            access_key_id: AccessKeyId::parse(&needed("AWS_ACCESS_KEY_ID")?)?,
            secret_access_key: SecretAccessKey::new(needed("AWS_SECRET_ACCESS_KEY")?),
            session_token: variable("AWS_SESSION_TOKEN"),
        };
        Self::new(&endpoint, region.unwrap_or_else(|| "us-east-1".to_owned()), credentials)
    }

    /// The client of a server on this machine.
    ///
    /// # Errors
    /// What the server tells about itself cannot be used.
    pub(crate) fn of(info: &ServerInfo) -> Result<Self> {
        let credentials = Credentials {
            access_key_id: AccessKeyId::parse(&info.credentials.access_key_id)?,
            secret_access_key: SecretAccessKey::new(info.credentials.secret_access_key.clone()),
            session_token: None,
        };
        Self::new(&info.endpoint(), info.region.clone(), credentials)
    }

    fn new(endpoint: &str, region: String, credentials: Credentials) -> Result<Self> {
        let endpoint = endpoint.trim_end_matches('/');
        let Some(host) = endpoint.strip_prefix("http://") else {
            bail!(
                "the endpoint {endpoint} does not begin with http://, which is all that this client speaks"
            );
        };
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .http_status_as_error(false)
            .proxy(None)
            .build();
        Ok(Self {
            endpoint: endpoint.to_owned(),
            host: host.to_owned(),
            region,
            credentials,
            agent: agent.into(),
        })
    }

    /// Calls an operation of the AWS API; `target` is its path and query.
    ///
    /// # Errors
    /// The server cannot be reached, or answers with an error.
    pub(crate) fn call(
        &self,
        service: &str,
        method: &str,
        target: &str,
        body: Option<&Value>,
    ) -> Result<Value> {
        let mut request = HttpRequest::new(method, target).with_header("host", &self.host);
        if let Some(body) = body {
            request = request.with_header("content-type", "application/json").with_body(body.to_string());
        }
        let now = jiff::Timestamp::from_millisecond(SystemClock.now().as_millis())?;
        let request = sign(request, &self.credentials, &self.region, service, now)?;
        let mut builder =
            ureq::http::Request::builder().method(method).uri(format!("{}{target}", self.endpoint));
        for (name, value) in request.headers.iter() {
            builder = builder.header(name, value);
        }
        let response = self.agent.run(builder.body(request.body)?);
        let mut response =
            response.with_context(|| format!("cannot reach the server at {}", self.endpoint))?;
        let text = response.body_mut().read_to_string().context("cannot read the server's answer")?;
        if response.status().is_success() {
            return match text.is_empty() {
                true => Ok(Value::Null),
                false => serde_json::from_str(&text).context("the server's answer is not JSON"),
            };
        }
        let code = response.headers().get("x-amzn-errortype").and_then(|value| value.to_str().ok());
        let parsed: Option<Value> = serde_json::from_str(&text).ok();
        let message = parsed.as_ref().and_then(|body| body.get("message")?.as_str()).unwrap_or(&text);
        let code = code.unwrap_or(response.status().as_str()).to_owned();
        Err(ApiError { code, message: message.to_owned() }.into())
    }

    /// The URL of the server.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The region that requests are signed for.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }
}

/// A part of a path or of a query, in which only unreserved characters stand as they are (RFC 3986, section 2.3).
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, message } = self;
        write!(f, "{code}: {message}")
    }
}

impl std::error::Error for ApiError {}
