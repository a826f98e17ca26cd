use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use landfall_api::signature::{
    AccessKeyId, CLOCK_SKEW_MAX, SecretAccessKey, SignatureError, VerifiedRequest, verify,
};
use landfall_api::{HttpRequest, Service};
use serde_json::Value;

use super::api_request::ROUTER;
use super::http_text::read_request;

/// The key pair of AWS's published examples, with which the requests were signed.
const KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// When the requests were signed: 2026-01-02T03:04:05Z.
const SIGNED_AT: i64 = 1_767_323_045;

/// The signatures of requests, against requests that botocore signed.
///
/// The input is the text of a request. Its signature is right only if it is one of those requests, but for what a
/// signature does not cover, and then it calls the same operation with the same input, or none.
pub fn api_signature(data: &[u8]) {
    let request = read_request(data);
    let verified = match verify_now(&request) {
        Ok(verified) => verified,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let content = SignedContent::of(&request, &verified);
    for (name, _) in request.headers.iter() {
        // Such a header says what the request does; proxies add the id of a trace.
        let of_aws = ["x-amz-", "x-amzn-"].iter().any(|prefix| name.starts_with(prefix));
        let is_free = !of_aws || name == "x-amzn-trace-id";
        assert!(is_free || content.headers.contains_key(name), "{name} is not signed");
    }
    let original = ORIGINALS.iter().find(|original| original.content == content);
    let Some(original) = original else { panic!("nobody signed this: {content:#?}") };
    for service in Service::ALL {
        if let Ok(call) = ROUTER.resolve(&request, service) {
            let expected = ROUTER.resolve(&original.request, service);
            let expected = expected.map(|call| (call.operation().name(), unsigned_left_out(call.value())));
            assert_eq!(Ok((call.operation().name(), unsigned_left_out(call.value()))), expected);
        }
    }
}

fn verify_now(request: &HttpRequest) -> Result<VerifiedRequest, SignatureError> {
    let secret_of = |id: &AccessKeyId| (id.as_str() == KEY).then(|| SecretAccessKey::new(SECRET));
    let now = Timestamp::from_second(SIGNED_AT).expect("a moment of this century");
    verify(request, secret_of, now, CLOCK_SKEW_MAX)
}

/// A request that botocore signed.
struct Original {
    request: HttpRequest,
    content: SignedContent,
}

macro_rules! originals {
    ($($name:literal),* $(,)?) => {
        [$(include_bytes!(concat!("../../corpus/api_signature/", $name, ".http")).as_slice()),*]
    };
}

static ORIGINALS: LazyLock<Vec<Original>> = LazyLock::new(|| {
    let texts = originals![
        "binary-payload",
        "body-and-query",
        "date-header",
        "default-port",
        "delete",
        "describe-endpoint",
        "greengrass",
        "hard-query",
        "header-member",
        "header-with-comma",
        "label-with-percent",
        "label-with-slashes",
        "no-parameters",
        "put-without-body",
        "query-protocol",
        "repeated-query",
        "session-token",
    ];
    let read = |text: &[u8]| {
        let request = read_request(text);
        let verified = verify_now(&request).expect("what botocore signed");
        Original { content: SignedContent::of(&request, &verified), request }
    };
    texts.into_iter().map(read).collect()
});

/// All that a signature covers ("Create a signed AWS API request"), in a form of our own.
#[derive(Debug, PartialEq, Eq)]
struct SignedContent {
    method: String,
    /// The segments that are no dots, and whether a slash follows.
    path: (Vec<String>, bool),
    /// The parameters in order.
    query: Vec<(Vec<u8>, Vec<u8>)>,
    /// The values of the signed headers, each with single blanks.
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
    scope: (String, String),
    signed_at: Timestamp,
}

impl SignedContent {
    fn of(request: &HttpRequest, verified: &VerifiedRequest) -> Self {
        let authorization = request.headers.get("authorization").unwrap_or_default();
        let signed = authorization.split("SignedHeaders=").nth(1).and_then(|rest| rest.split(',').next());
        let headers = signed.unwrap_or_default().trim().split(';').map(|name| {
            let values: Vec<&str> = request.headers.get_all(name).collect();
            // Several fields of one name are one with commas in it (RFC 9110, section 5.3).
            let values: Vec<String> = values
                .iter()
                .map(|value| value.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
                .collect();
            (name.to_owned(), values.join(","))
        });
        let mut query: Vec<_> = request
            .query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (decode(name), decode(value)))
            .collect();
        query.sort();
        Self {
            method: request.method.clone(),
            path: path(&request.path),
            query,
            headers: headers.collect(),
            body: request.body.clone(),
            scope: (verified.region().to_owned(), verified.service().to_owned()),
            signed_at: verified.signed_at(),
        }
    }
}

/// The path as it is signed: dots go, and so do the segments before two of them.
fn path(text: &str) -> (Vec<String>, bool) {
    let mut segments: Vec<String> = Vec::new();
    for segment in text.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            other => segments.push(other.to_owned()),
        }
    }
    let slash = text.ends_with('/') && !segments.is_empty();
    (segments, slash)
}

/// Decodes a part of a query; one with a malformed escape stands for itself.
fn decode(part: &str) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = part.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits =
                    behind.first_chunk::<2>().filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
                let text = digits.and_then(|digits| std::str::from_utf8(digits).ok());
                let Some(byte) = text.and_then(|text| u8::from_str_radix(text, 16).ok()) else {
                    return part.as_bytes().to_vec();
                };
                rest = &behind[2..];
                byte
            }
            other => *other,
        });
    }
    decoded
}

/// An input without what no signature covers: the order of parameters, and with it that of a list that is made of them,
/// and how many blanks a header has in one place.
fn unsigned_left_out(input: &Value) -> Value {
    let mut input = input.clone();
    for member in input.as_object_mut().into_iter().flat_map(serde_json::Map::values_mut) {
        if let Some(list) = member.as_array_mut() {
            list.sort_by_key(Value::to_string);
        }
        if let Some(text) = member.as_str() {
            *member = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ").into();
        }
    }
    input
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_botocore_signed_is_verified_and_calls_an_operation() {
        assert_eq!(ORIGINALS.len(), 17);
        let mut called = 0;
        for original in ORIGINALS.iter() {
            let verified = verify_now(&original.request).unwrap();
            let service = ROUTER.service(&original.request, Some(verified.service())).unwrap();
            called += usize::from(ROUTER.resolve(&original.request, service).is_ok());
        }
        // Two have values that the models do not allow.
        assert_eq!(called, 15);
    }
}
