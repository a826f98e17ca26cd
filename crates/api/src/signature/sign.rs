//! Signing, for our command line and for tests.

use aws_lc_rs::hmac;
use jiff::Timestamp;
use thiserror::Error;

use super::Credentials;
use super::canonical::{ALGORITHM, Scope, format_date, sha256_hex, string_to_sign};
use crate::http::HttpRequest;

/// Headers that the way to the server may change or add, and that are therefore not signed.
const NEVER_SIGNED: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "expect",
    "transfer-encoding",
    "user-agent",
    "x-amzn-trace-id",
];

/// Why a request cannot be signed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignError {
    /// The header `Host` has to be signed and is not there.
    #[error("the request has no Host header, which has to be signed")]
    NoHost,
}

/// Signs a request: sets `X-Amz-Date`, `X-Amz-Security-Token` if there is a token, and `Authorization`.
///
/// The header `Host` has to be there, as it will be sent.
///
/// # Errors
///
/// Fails when the request has no `Host` header.
pub fn sign(
    mut request: HttpRequest,
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: Timestamp,
) -> Result<HttpRequest, SignError> {
    if request.headers.get("host").is_none() {
        return Err(SignError::NoHost);
    }
    let date = format_date(now);
    let day = date.chars().take(8).collect();
    let scope = Scope { day, region: region.to_owned(), service: service.to_owned() };
    request.headers.remove("authorization");
    request.headers.set("x-amz-date", &date);
    if let Some(token) = &credentials.session_token {
        request.headers.set("x-amz-security-token", token);
    }

    let mut names: Vec<&str> =
        request.headers.iter().map(|(name, _)| name).filter(|name| !NEVER_SIGNED.contains(name)).collect();
    names.sort_unstable();
    names.dedup();
    let payload_hash =
        request.headers.get("x-amz-content-sha256").map_or_else(|| sha256_hex(&request.body), str::to_owned);
    let string = string_to_sign(&request, &names, &payload_hash, &date, &scope);
    let signature = hmac::sign(&scope.signing_key(&credentials.secret_access_key), string.as_bytes());
    let authorization = format!(
        "{ALGORITHM} Credential={}/{}, SignedHeaders={}, Signature={}",
        credentials.access_key_id,
        scope.text(),
        names.join(";"),
        hex::encode(signature)
    );
    request.headers.set("authorization", &authorization);
    Ok(request)
}
