//! Verifying.

use aws_lc_rs::hmac;
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};

use super::canonical::{
    ALGORITHM, Scope, UNSIGNED_PAYLOAD, format_date, parse_date, sha256_hex, string_to_sign,
};
use super::{AccessKeyId, SecretAccessKey, SignatureError};
use crate::http::HttpRequest;
use crate::percent;

/// A request whose signature has been found right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedRequest {
    access_key_id: AccessKeyId,
    scope: Scope,
    signed_at: Timestamp,
}

impl VerifiedRequest {
    /// The key that signed it.
    pub fn access_key_id(&self) -> &AccessKeyId {
        &self.access_key_id
    }

    /// The service that it was signed for.
    pub fn service(&self) -> &str {
        &self.scope.service
    }

    /// The region that it was signed for.
    pub fn region(&self) -> &str {
        &self.scope.region
    }

    /// When it was signed, by the client's clock.
    pub fn signed_at(&self) -> Timestamp {
        self.signed_at
    }
}

/// Verifies the signature of a request.
///
/// `secret_of` looks up the secret of an access key; `skew` is how far the client's clock may be from `now`, usually
/// [`super::CLOCK_SKEW_MAX`]. A request can be sent again by whoever saw it until that time is over.
///
/// # Errors
///
/// Says what is wrong with the signature; every variant is a refusal.
pub fn verify(
    request: &HttpRequest,
    secret_of: impl FnOnce(&AccessKeyId) -> Option<SecretAccessKey>,
    now: Timestamp,
    skew: SignedDuration,
) -> Result<VerifiedRequest, SignatureError> {
    let authorization = Authorization::of(request)?;
    let (date, signed_at) = date_of(request)?;
    let Authorization { access_key_id, scope, signed_headers, signature } = authorization;
    if !date.starts_with(&scope.day) || scope.day.len() != 8 {
        return Err(SignatureError::ScopeDate { scope: scope.day, date });
    }
    check_signed_headers(request, &signed_headers)?;
    let payload_hash = payload_hash(request)?;
    let Some(secret) = secret_of(&access_key_id) else {
        return Err(SignatureError::UnknownKey { access_key_id });
    };
    check_age(signed_at, now, skew)?;

    let names: Vec<&str> = signed_headers.iter().map(String::as_str).collect();
    let string = string_to_sign(request, &names, &payload_hash, &date, &scope);
    // The comparison takes the same time wherever the signatures differ.
    match hmac::verify(&scope.signing_key(&secret), string.as_bytes(), &signature) {
        Ok(()) => Ok(VerifiedRequest { access_key_id, scope, signed_at }),
        Err(_) => Err(SignatureError::Mismatch { access_key_id }),
    }
}

/// The parts of the `Authorization` header.
#[derive(Debug)]
pub(super) struct Authorization {
    pub(super) access_key_id: AccessKeyId,
    pub(super) scope: Scope,
    signed_headers: Vec<String>,
    signature: Vec<u8>,
}

impl Authorization {
    /// Reads the header of a request.
    pub(super) fn of(request: &HttpRequest) -> Result<Self, SignatureError> {
        let Some(header) = single(request, "authorization")? else {
            let in_url = percent::raw_pairs(&request.query).any(|(name, _)| {
                name.eq_ignore_ascii_case("X-Amz-Algorithm") || name.eq_ignore_ascii_case("X-Amz-Signature")
            });
            return Err(if in_url { SignatureError::InUrl } else { SignatureError::Missing });
        };
        let (algorithm, parts) = header.trim().split_once(' ').unwrap_or((header, ""));
        if algorithm != ALGORITHM {
            return Err(SignatureError::Algorithm { found: algorithm.chars().take(64).collect() });
        }
        // Three parts and nothing else: what is in this header cannot be covered by the signature in it.
        let parts: Vec<_> = parts.split(',').filter_map(|part| part.trim().split_once('=')).collect();
        let complete = parts.len() == 3 && header.matches(',').count() == 2;
        let part = |wanted: &str| {
            let found = parts.iter().find(|(name, _)| *name == wanted && complete);
            found.map(|(_, value)| *value)
        };
        let (access_key_id, scope) =
            part("Credential").and_then(parse_credential).ok_or(SignatureError::Malformed {
                part: "Credential",
                expected: "ACCESSKEY/YYYYMMDD/REGION/SERVICE/aws4_request",
            })?;
        let signed_headers = part("SignedHeaders").and_then(parse_signed_headers).ok_or({
            SignatureError::Malformed {
                part: "SignedHeaders",
                expected: "names in lower case, sorted, with semicolons between them",
            }
        })?;
        let signature = part("Signature").and_then(parse_signature).ok_or(SignatureError::Malformed {
            part: "Signature",
            expected: "64 lower-case hexadecimal digits",
        })?;
        Ok(Self { access_key_id, scope, signed_headers, signature })
    }
}

fn parse_credential(text: &str) -> Option<(AccessKeyId, Scope)> {
    let (access_key_id, scope) = text.split_once('/')?;
    Some((AccessKeyId::parse(access_key_id).ok()?, Scope::parse(scope)?))
}

fn parse_signed_headers(text: &str) -> Option<Vec<String>> {
    let names: Vec<String> = text.split(';').map(str::to_owned).collect();
    let lower =
        names.iter().all(|name| !name.is_empty() && !name.bytes().any(|byte| byte.is_ascii_uppercase()));
    let sorted = names.is_sorted_by(|a, b| a < b);
    (lower && sorted).then_some(names)
}

fn parse_signature(text: &str) -> Option<Vec<u8>> {
    let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    hex::decode(text).ok().filter(|bytes| lower && bytes.len() == 32)
}

/// The value of a header that may come once.
fn single<'r>(request: &'r HttpRequest, name: &'static str) -> Result<Option<&'r str>, SignatureError> {
    let mut values = request.headers.get_all(name);
    match (values.next(), values.next()) {
        (first, None) => Ok(first),
        (_, Some(_)) => Err(SignatureError::Repeated { name }),
    }
}

/// The time of signing, in the form in which it is signed.
fn date_of(request: &HttpRequest) -> Result<(String, Timestamp), SignatureError> {
    let bad = |found: &str| SignatureError::BadDate { found: found.chars().take(64).collect() };
    if let Some(text) = single(request, "x-amz-date")? {
        let text = text.trim();
        return parse_date(text).map(|moment| (text.to_owned(), moment)).ok_or_else(|| bad(text));
    }
    let text = single(request, "date")?.ok_or(SignatureError::NoDate)?;
    let moment = rfc2822::parse(text).map_err(|_| bad(text))?.timestamp();
    Ok((format_date(moment), moment))
}

/// The host, the time and every header of AWS that came has to be signed: these say what the request does.
fn check_signed_headers(request: &HttpRequest, signed: &[String]) -> Result<(), SignatureError> {
    let is_signed = |name: &str| signed.iter().any(|known| known == name);
    if !is_signed("host") {
        return Err(SignatureError::Unsigned { name: "host".to_owned() });
    }
    for (name, _) in request.headers.iter() {
        // Proxies add the trace id on the way.
        let of_aws = (name.starts_with("x-amz-") || name.starts_with("x-amzn-")) && name != "x-amzn-trace-id";
        if of_aws && !is_signed(name) {
            return Err(SignatureError::Unsigned { name: name.to_owned() });
        }
    }
    match signed.iter().find(|name| request.headers.get(name).is_none()) {
        Some(name) => Err(SignatureError::Absent { name: name.chars().take(64).collect() }),
        None => Ok(()),
    }
}

/// The hash of the body as it was signed.
fn payload_hash(request: &HttpRequest) -> Result<String, SignatureError> {
    let computed = || sha256_hex(&request.body);
    match single(request, "x-amz-content-sha256")?.map(str::trim) {
        None => Ok(computed()),
        // The header is signed, which has been checked: the client itself left the body out.
        Some(UNSIGNED_PAYLOAD) => Ok(UNSIGNED_PAYLOAD.to_owned()),
        Some(chunked) if chunked.starts_with("STREAMING-") => {
            Err(SignatureError::Chunked { found: chunked.chars().take(64).collect() })
        }
        Some(signed) => {
            let computed = computed();
            if signed == computed {
                Ok(computed)
            } else {
                Err(SignatureError::Body { signed: signed.chars().take(64).collect(), computed })
            }
        }
    }
}

fn check_age(signed_at: Timestamp, now: Timestamp, skew: SignedDuration) -> Result<(), SignatureError> {
    let age = now.duration_since(signed_at);
    if age > skew {
        Err(SignatureError::Expired { signed_at, now, skew })
    } else if age < -skew {
        Err(SignatureError::NotYetCurrent { signed_at, now, skew })
    } else {
        Ok(())
    }
}
