use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use landfall_api::signature::{AccessKeyId, SecretAccessKey};
use landfall_model::Scope;
use landfall_pki::Issuer;

/// What a server of the API is made of.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The limits.
    pub limits: Limits,
    /// The one account and region that this server is.
    pub scope: Scope,
    /// The host under which devices reach the broker, without a port: the answer of `DescribeEndpoint`.
    pub hostname: String,
    /// The key that signs requests.
    pub credentials: AccessKey,
    /// Whether requests have to be signed.
    pub authentication: Authentication,
    /// What the tokens of pages are signed with. Tokens stay good as long as it stays the same.
    pub page_token_key: PageTokenKey,
    /// Signs the certificates that `CreateKeysAndCertificate` and `CreateCertificateFromCsr` make.
    pub device_ca: Arc<Issuer>,
    /// How long a thing type has to be deprecated before it can be deleted: 5 minutes at AWS
    /// ([`THING_TYPE_DELETION_DELAY_DEFAULT`]).
    pub thing_type_deletion_delay: Duration,
}

/// How long a thing type has to be deprecated before it can be deleted, as AWS documents it for `DeleteThingType`.
pub const THING_TYPE_DELETION_DELAY_DEFAULT: Duration = Duration::from_secs(5 * 60);

/// Every limit of the API's server. What happens at each is said beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many connections may be open at once (1,024). More wait in the listen queue until one closes.
    pub connections_max: usize,
    /// How long a connection may take to send the complete head of its next request, and a client to take an answer
    /// (60 s). Then the connection is closed.
    pub idle_timeout: Duration,
    /// How many bytes the target and the header fields of a request may have (16 KiB). A larger head is refused with
    /// status 413; one beyond 400 KiB or 100 fields is refused with a bare status 431 before it is complete.
    pub head_bytes_max: usize,
    /// How many header fields a request may have (64). One with more is refused with status 413.
    pub header_fields_max: usize,
    /// How many bytes the body of a request may have (1 MiB). A larger one is refused with status 413.
    pub body_bytes_max: usize,
    /// How many requests may be under way at once (128). A further one is refused with status 503.
    pub requests_max: usize,
    /// How many RSA keys may be made at once (1). More wait for their turn, within `request_timeout`.
    pub key_generations_max: usize,
    /// How long a request may take from its complete head to its answer (30 s). Then it is answered with status 503;
    /// a change that was handed to the registry by then is made all the same.
    pub request_timeout: Duration,
    /// How many bytes the body of a request with code may have (70 MiB): of `CreateFunction`, `UpdateFunctionCode` and
    /// `PublishLayerVersion`, whose JSON carries a zip file of up to 50 MiB in base64. A larger one is refused with status
    /// 413. Such a request takes up to three times its size in memory.
    pub code_bytes_max: usize,
    /// How many requests with code may be under way at once (2). More wait for their turn, within `code_upload_timeout`.
    pub code_uploads_max: usize,
    /// How long a request with code may take from its complete head to its answer (300 s), instead of `request_timeout`.
    pub code_upload_timeout: Duration,
    /// How many bytes the event of a synchronous `Invoke` may have (6 MiB), as at AWS. A larger one is refused with status
    /// 413.
    pub invocation_bytes_max: usize,
    /// How many bytes the event of an `Invoke` of the type `Event` may have (1 MiB), as at AWS. A larger one is refused with
    /// status 413.
    pub event_bytes_max: usize,
    /// How many `Invoke` may be under way at once (32). They do not count as `requests_max`: a function that is waited for
    /// may call the API. A further one is refused with status 429.
    pub invocations_max: usize,
    /// How much longer than the timeout of its function a synchronous `Invoke` may take (60 s), for its turn and for the
    /// start of the function. Then it is answered with status 503. `request_timeout` bounds only how long its body takes.
    pub invocation_slack: Duration,
}

/// The one key pair that signs requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKey {
    /// The public half.
    pub id: AccessKeyId,
    /// The secret half, which `Debug` does not show.
    pub secret: SecretAccessKey,
}

/// Whether requests have to be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// They have to be.
    Required,
    /// Unsigned requests are taken too, on a loopback address only, and not from web pages. A signature that is there
    /// has to be right.
    Insecure,
}

/// 32 random bytes that sign the tokens of pages.
#[derive(Clone, PartialEq, Eq)]
pub struct PageTokenKey([u8; 32]);

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 1_024,
            idle_timeout: Duration::from_secs(60),
            head_bytes_max: 16 * 1_024,
            header_fields_max: 64,
            body_bytes_max: 1_024 * 1_024,
            requests_max: 128,
            key_generations_max: 1,
            request_timeout: Duration::from_secs(30),
            code_bytes_max: 70 * 1_024 * 1_024,
            code_uploads_max: 2,
            code_upload_timeout: Duration::from_secs(300),
            invocation_bytes_max: 6 * 1_024 * 1_024,
            event_bytes_max: 1_024 * 1_024,
            invocations_max: 32,
            invocation_slack: Duration::from_secs(60),
        }
    }
}

impl PageTokenKey {
    /// The key of these random bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for PageTokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PageTokenKey(..)")
    }
}
