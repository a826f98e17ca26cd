//! AWS Signature Version 4, in both directions.
//!
//! A client signs a request with [`sign`], a server checks it with [`verify`]; both make the same canonical request
//! ("Create a signed AWS API request", in AWS's reference on Signature Version 4). Only signatures in the
//! `Authorization` header are accepted: a signed URL, a body in aws-chunked encoding and Signature Version 4A are
//! refused by name.

mod canonical;
mod sign;
mod verify;

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use crate::error::{ApiError, ErrorCode};
use crate::http::HttpRequest;

pub use self::sign::{SignError, sign};
pub use self::verify::{VerifiedRequest, verify};

/// How far the clock of a client may be from ours, in both directions, as at AWS.
pub const CLOCK_SKEW_MAX: SignedDuration = SignedDuration::from_mins(15);

/// The public half of a key pair.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccessKeyId(String);

/// The secret half of a key pair. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretAccessKey(String);

/// What a client signs with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The public half.
    pub access_key_id: AccessKeyId,
    /// The secret half.
    pub secret_access_key: SecretAccessKey,
    /// The token of temporary credentials.
    pub session_token: Option<String>,
}

/// A text that is no access key id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("an access key id has 1 to 128 letters, digits or underscores, found {found:?}")]
pub struct AccessKeyIdError {
    found: String,
}

/// Why a request is not accepted as signed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// There is no signature.
    #[error("Missing Authentication Token: the request has no Authorization header")]
    Missing,
    /// The signature is in the URL.
    #[error("signed URLs are not accepted here: send the signature in the Authorization header")]
    InUrl,
    /// The algorithm is another one.
    #[error("the signature algorithm {found:?} is not accepted here, expected AWS4-HMAC-SHA256")]
    Algorithm {
        /// The name that was sent.
        found: String,
    },
    /// The `Authorization` header lacks a part, or a part has not its form.
    #[error("the Authorization header has no valid {part}, expected {expected}")]
    Malformed {
        /// The part.
        part: &'static str,
        /// Its form.
        expected: &'static str,
    },
    /// A header that may come once came more often.
    #[error("the header {name:?} came more than once")]
    Repeated {
        /// The header.
        name: &'static str,
    },
    /// The time of signing is not there.
    #[error("the request has neither a header X-Amz-Date nor Date")]
    NoDate,
    /// The time of signing cannot be read.
    #[error("the date {found:?} cannot be read, expected a form such as 20260102T030405Z")]
    BadDate {
        /// What was sent.
        found: String,
    },
    /// The time of signing and the scope are of different days.
    #[error(
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: {scope} and {date}"
    )]
    ScopeDate {
        /// The day in the scope.
        scope: String,
        /// The time of signing.
        date: String,
    },
    /// A header that has to be signed is not.
    #[error("the header {name:?} has to be among the SignedHeaders")]
    Unsigned {
        /// The header.
        name: String,
    },
    /// A signed header did not arrive.
    #[error("the signed header {name:?} is not in the request; a proxy may have removed it")]
    Absent {
        /// The header.
        name: String,
    },
    /// The body is sent in chunks that AWS's own encoding makes of it.
    #[error(
        "X-Amz-Content-Sha256 is {found:?}: bodies in aws-chunked encoding are not accepted here, send them whole"
    )]
    Chunked {
        /// The value that was sent.
        found: String,
    },
    /// The body is not the one whose hash was signed.
    #[error(
        "The provided 'x-amz-content-sha256' header does not match what was computed: {signed} and {computed}"
    )]
    Body {
        /// The hash in the header.
        signed: String,
        /// The hash of the body that arrived.
        computed: String,
    },
    /// The access key is not known.
    #[error(
        "The security token included in the request is invalid: the access key {} is not known here; \
         `landfall env` prints the keys of a server", .access_key_id.as_str()
    )]
    UnknownKey {
        /// The access key.
        access_key_id: AccessKeyId,
    },
    /// The request was signed too long ago.
    #[error("Signature expired: {} is now earlier than {} ({} - {} min.)", iso(.signed_at), iso_minus(.now, .skew), iso(.now), .skew.as_mins())]
    Expired {
        /// When it was signed, by the client's clock.
        signed_at: Timestamp,
        /// When it arrived, by ours.
        now: Timestamp,
        /// How far the clocks may be apart.
        skew: SignedDuration,
    },
    /// The request was signed in the future.
    #[error("Signature not yet current: {} is still later than {} ({} + {} min.)", iso(.signed_at), iso_plus(.now, .skew), iso(.now), .skew.as_mins())]
    NotYetCurrent {
        /// When it was signed, by the client's clock.
        signed_at: Timestamp,
        /// When it arrived, by ours.
        now: Timestamp,
        /// How far the clocks may be apart.
        skew: SignedDuration,
    },
    /// The signature is not that of this request with this key.
    #[error(
        "The request signature we calculated does not match the signature you provided for the access key {}. \
         Check your AWS Secret Access Key and signing method: the secret may be that of another server, or something \
         between client and server may have changed the request", .access_key_id.as_str()
    )]
    Mismatch {
        /// The access key.
        access_key_id: AccessKeyId,
    },
}

impl AccessKeyId {
    /// Reads an access key id.
    ///
    /// # Errors
    ///
    /// Fails when the text has no character, more than 128, or one that is no ASCII letter, digit or underscore.
    pub fn parse(text: &str) -> Result<Self, AccessKeyIdError> {
        let valid =
            (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(AccessKeyIdError { found: text.chars().take(130).collect() })
        }
    }

    /// The text of the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccessKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl SecretAccessKey {
    /// The secret of this text.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    /// The text of the secret, for the one place that hands it to its owner.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretAccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretAccessKey(..)")
    }
}

impl From<&SignatureError> for ApiError {
    fn from(error: &SignatureError) -> Self {
        let code = match error {
            SignatureError::Missing => ErrorCode::MissingAuthenticationToken,
            SignatureError::InUrl
            | SignatureError::Algorithm { .. }
            | SignatureError::Malformed { .. }
            | SignatureError::Repeated { .. }
            | SignatureError::NoDate
            | SignatureError::BadDate { .. }
            | SignatureError::Chunked { .. } => ErrorCode::IncompleteSignature,
            SignatureError::ScopeDate { .. }
            | SignatureError::Unsigned { .. }
            | SignatureError::Absent { .. }
            | SignatureError::Body { .. }
            | SignatureError::Expired { .. }
            | SignatureError::NotYetCurrent { .. }
            | SignatureError::Mismatch { .. } => ErrorCode::InvalidSignature,
            SignatureError::UnknownKey { .. } => ErrorCode::UnrecognizedClient,
        };
        Self::new(code, error.to_string())
    }
}

/// The service name in the scope of a request's signature, before anything of it is verified.
///
/// It is good for choosing the form of an error message; what a request may do is decided on [`VerifiedRequest`].
pub fn claimed_service(request: &HttpRequest) -> Option<String> {
    verify::Authorization::of(request).ok().map(|authorization| authorization.scope.service)
}

/// The access key that a request says it is signed with, before anything of it is verified.
///
/// It is good for turning away who cannot have signed the request before its body is read; what a request may do is decided
/// on [`VerifiedRequest`].
///
/// # Errors
///
/// Says why there is none.
pub fn claimed_access_key(request: &HttpRequest) -> Result<AccessKeyId, SignatureError> {
    verify::Authorization::of(request).map(|authorization| authorization.access_key_id)
}

fn iso(moment: &Timestamp) -> String {
    canonical::format_date(*moment)
}

fn iso_minus(moment: &Timestamp, skew: &SignedDuration) -> String {
    moment.checked_sub(*skew).as_ref().map_or_else(|_| "the beginning of time".to_owned(), iso)
}

fn iso_plus(moment: &Timestamp, skew: &SignedDuration) -> String {
    moment.checked_add(*skew).as_ref().map_or_else(|_| "the end of time".to_owned(), iso)
}
