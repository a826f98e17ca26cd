//! The canonical request, the string to sign, and the key to sign it with: what signing and verifying share.

use aws_lc_rs::{digest, hmac};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::SecretAccessKey;
use crate::http::HttpRequest;
use crate::percent;

/// The one algorithm.
pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// What a client writes for the hash of a body that it does not sign.
pub(super) const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

const TERMINATOR: &str = "aws4_request";
const DATE_FORMAT: &str = "%Y%m%dT%H%M%SZ";

/// What a signature is good for: a day, a region and a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    /// The day, as in 20260102.
    pub(super) day: String,
    pub(super) region: String,
    pub(super) service: String,
}

impl Scope {
    /// Reads `day/region/service/aws4_request`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/').map(str::to_owned);
        let scope = Self { day: parts.next()?, region: parts.next()?, service: parts.next()? };
        let complete = parts.next()? == TERMINATOR && parts.next().is_none();
        (complete && !scope.region.is_empty() && !scope.service.is_empty()).then_some(scope)
    }

    pub(super) fn text(&self) -> String {
        format!("{}/{}/{}/{TERMINATOR}", self.day, self.region, self.service)
    }

    /// The key that signs requests of this scope.
    pub(super) fn signing_key(&self, secret: &SecretAccessKey) -> hmac::Key {
        let mut key = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4{}", secret.expose()).as_bytes());
        for part in [self.day.as_str(), &self.region, &self.service, TERMINATOR] {
            key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref());
        }
        key
    }
}

/// Task 1 and 2 of signing: the canonical request, hashed into the string to sign.
pub(super) fn string_to_sign(
    request: &HttpRequest,
    signed_headers: &[&str],
    payload_hash: &str,
    date: &str,
    scope: &Scope,
) -> String {
    let canonical = canonical_request(request, signed_headers, payload_hash);
    format!("{ALGORITHM}\n{date}\n{}\n{}", scope.text(), sha256_hex(canonical.as_bytes()))
}

pub(super) fn canonical_request(
    request: &HttpRequest,
    signed_headers: &[&str],
    payload_hash: &str,
) -> String {
    let mut headers = String::new();
    for name in signed_headers {
        let values: Vec<String> = request.headers.get_all(name).map(fold_spaces).collect();
        headers.push_str(&format!("{name}:{}\n", values.join(",")));
    }
    format!(
        "{}\n{}\n{}\n{headers}\n{}\n{payload_hash}",
        request.method,
        canonical_path(&request.path),
        canonical_query(&request.query),
        signed_headers.join(";")
    )
}

/// The path without empty and dot segments, encoded once more than on the wire, as every service but S3 has it.
fn canonical_path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    let end = if path.ends_with('/') && !segments.is_empty() { "/" } else { "" };
    percent::encode(format!("/{}{end}", segments.join("/")).as_bytes(), b"/")
}

/// The parameters, each decoded and encoded in the one right way, sorted by name and then by value.
fn canonical_query(query: &str) -> String {
    // A malformed escape stands for itself: signing it is possible, and binding refuses it later.
    let recode = |part: &str| {
        let decoded = percent::decode_form(part).unwrap_or_else(|| part.as_bytes().to_vec());
        percent::encode(&decoded, b"")
    };
    let mut pairs: Vec<_> =
        percent::raw_pairs(query).map(|(name, value)| (recode(name), recode(value))).collect();
    pairs.sort();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

fn fold_spaces(value: &str) -> String {
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// The hash of a body, in lower-case hex.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

/// A time as it is signed, such as 20260102T030405Z.
pub(super) fn format_date(moment: Timestamp) -> String {
    moment.strftime(DATE_FORMAT).to_string()
}

/// Reads a time as it is signed, in this very form.
pub(super) fn parse_date(text: &str) -> Option<Timestamp> {
    let moment = DateTime::strptime(DATE_FORMAT, text).ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
    (format_date(moment) == text).then_some(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let check = |path: &str, expected: &str| assert_eq!(canonical_path(path), expected, "{path}");
        check("/", "/");
        check("", "/");
        check("/things", "/things");
        check("/authorizers/", "/authorizers/");
        check("/a%2Fb/c%20d", "/a%252Fb/c%2520d");
        check("/a//b/./c/../d", "/a/b/d");
        check("/../..", "/");
        check("/a:b+c=@~", "/a%3Ab%2Bc%3D%40~");
    }

    #[test]
    fn queries() {
        let check = |query: &str, expected: &str| assert_eq!(canonical_query(query), expected, "{query}");
        check("", "");
        check("b=2&a=1&a=0&A=3", "A=3&a=0&a=1&b=2");
        check("flag&empty=", "empty=&flag=");
        check("a=x+y&b=x%20y&c=%2b&d=%7E", "a=x%20y&b=x%20y&c=%2B&d=~");
        check("a=b=c&d=%zz", "a=b%3Dc&d=%25zz");
        check("a-=1&a=2", "a=2&a-=1");
    }

    #[test]
    fn headers() {
        let request = HttpRequest::new("GET", "/")
            .with_header("Host", "h")
            .with_header("X-Multi", "  a   b ")
            .with_header("x-multi", "c");
        let canonical = canonical_request(&request, &["host", "x-multi"], "hash");
        assert_eq!(canonical, "GET\n/\n\nhost:h\nx-multi:a b,c\n\nhost;x-multi\nhash");
    }

    #[test]
    fn dates() {
        assert_eq!(parse_date("20260102T030405Z").unwrap().as_second(), 1_767_323_045);
        for wrong in [
            "",
            "20260102T030405",
            "2026-01-02T03:04:05Z",
            "20261302T030405Z",
            " 20260102T030405Z",
            "20260102T0304 5Z",
        ] {
            assert_eq!(parse_date(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_signing_key_of_the_documentation() {
        let scope = Scope::parse("20150830/us-east-1/iam/aws4_request").unwrap();
        let secret = SecretAccessKey::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        let string = "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/iam/aws4_request\n\
                      f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59";
        let signature = hmac::sign(&scope.signing_key(&secret), string.as_bytes());
        assert_eq!(
            hex::encode(signature),
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        );
    }

    #[test]
    fn scopes() {
        for wrong in [
            "",
            "20150830/us-east-1/iam",
            "20150830/us-east-1/iam/aws4",
            "20150830//iam/aws4_request",
            "a/b/c/aws4_request/d",
        ] {
            assert_eq!(Scope::parse(wrong), None, "{wrong}");
        }
    }
}
