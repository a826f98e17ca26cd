//! Signatures against published examples, against requests that the AWS SDKs signed, and against ourselves.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use jiff::{SignedDuration, Timestamp};
use landfall_api::signature::{
    AccessKeyId, CLOCK_SKEW_MAX, Credentials, SecretAccessKey, SignatureError, VerifiedRequest,
    claimed_access_key, claimed_service, sign, verify,
};
use landfall_api::{ApiError, HttpRequest};
use proptest::prelude::*;
use serde_json::Value;

const KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn credentials(session_token: Option<&str>) -> Credentials {
    Credentials {
        access_key_id: AccessKeyId::parse(KEY).unwrap(),
        secret_access_key: SecretAccessKey::new(SECRET),
        session_token: session_token.map(str::to_owned),
    }
}

fn verify_at(request: &HttpRequest, now: Timestamp) -> Result<VerifiedRequest, SignatureError> {
    let secret_of = |id: &AccessKeyId| (id.as_str() == KEY).then(|| SecretAccessKey::new(SECRET));
    verify(request, secret_of, now, CLOCK_SKEW_MAX)
}

fn signature_of(request: &HttpRequest) -> &str {
    request.headers.get("authorization").unwrap().rsplit_once("Signature=").unwrap().1
}

// The published examples: the first is that of AWS's reference on Signature Version 4, the others are of its suite
// of test requests.
#[test]
fn published_examples() {
    let now: Timestamp = "2015-08-30T12:36:00Z".parse().unwrap();
    let check = |service: &str, request: HttpRequest, expected: &str| {
        let signed = sign(request, &credentials(None), "us-east-1", service, now).unwrap();
        assert_eq!(signature_of(&signed), expected, "{} {}?{}", signed.method, signed.path, signed.query);
        let verified = verify_at(&signed, now).unwrap();
        assert_eq!(
            (verified.service(), verified.region(), verified.signed_at()),
            (service, "us-east-1", now)
        );
    };
    let example = |method: &str, target: &str| {
        HttpRequest::new(method, target).with_header("Host", "example.amazonaws.com")
    };
    check(
        "iam",
        HttpRequest::new("GET", "/?Action=ListUsers&Version=2010-05-08")
            .with_header("Host", "iam.amazonaws.com")
            .with_header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
        "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
    );
    let vanilla = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
    check("service", example("GET", "/"), vanilla);
    check("service", example("GET", "/example/.."), vanilla);
    check("service", example("GET", "//"), vanilla);
    check(
        "service",
        example("POST", "/"),
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    );
    check(
        "service",
        example("GET", "/?Param2=value2&Param1=value1"),
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    );
    check(
        "service",
        example("GET", "/").with_header("My-Header1", " value1").with_header("My-Header2", " \"a   b   c\""),
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    );
    check(
        "service",
        example("GET", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"),
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    );
}

fn captured() -> (Value, Timestamp) {
    read_capture(include_str!("data/signatures.json"))
}

/// What botocore and the SDKs for JavaScript signed.
fn captured_everywhere() -> (Vec<Value>, Timestamp) {
    let (botocore, now) = captured();
    let (javascript, javascript_now) = read_capture(include_str!("data/signatures-js.json"));
    assert_eq!(now, javascript_now);
    let files = [botocore, javascript];
    (files.iter().flat_map(|file| file["requests"].as_array().unwrap().clone()).collect(), now)
}

fn read_capture(text: &str) -> (Value, Timestamp) {
    let file: Value = serde_json::from_str(text).unwrap();
    let now = file["now"].as_str().unwrap().parse().unwrap();
    (file, now)
}

fn captured_request(entry: &Value) -> HttpRequest {
    let text = |key: &str| entry[key].as_str().unwrap();
    let mut request =
        HttpRequest::new(text("method"), text("path")).with_body(hex::decode(text("bodyHex")).unwrap());
    request.query = text("query").to_owned();
    for header in entry["headers"].as_array().unwrap() {
        request.headers.append(header[0].as_str().unwrap(), header[1].as_str().unwrap());
    }
    request
}

#[test]
fn what_sdks_signed_is_verified() {
    let (requests, now) = captured_everywhere();
    assert!(requests.len() >= 35);
    for entry in requests {
        let name = entry["name"].as_str().unwrap();
        let request = captured_request(&entry);
        let verified = verify_at(&request, now).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(verified.access_key_id().as_str(), KEY);
        assert_eq!(verified.region(), "eu-central-1");
        assert_eq!(claimed_service(&request).as_deref(), Some(verified.service()));
        assert_eq!(claimed_access_key(&request).as_ref(), Ok(verified.access_key_id()));
        let signed_as = match entry["service"].as_str().unwrap() {
            "iot-data" => "iotdata",
            // The old SDK for JavaScript has this name for it.
            "iot" if name.starts_with("v2-") => "execute-api",
            other => other,
        };
        assert_eq!(verified.service(), signed_as, "{name}");
    }
}

#[test]
fn what_sdks_signed_is_good_for_nothing_else() {
    let (requests, now) = captured_everywhere();
    for entry in requests {
        let name = &entry["name"];
        let good = captured_request(&entry);
        let refused = |request: &HttpRequest, now: Timestamp, expected: fn(&SignatureError) -> bool| {
            let error = verify_at(request, now).unwrap_err();
            assert!(expected(&error), "{name}: {error}");
        };
        // Sent again with another body, unless the client chose to leave the body out.
        let mut replayed = good.clone();
        replayed.body.extend(b" ");
        match good.headers.get("x-amz-content-sha256") {
            Some("UNSIGNED-PAYLOAD") => assert!(verify_at(&replayed, now).is_ok(), "{name}"),
            Some(_) => refused(&replayed, now, |error| matches!(error, SignatureError::Body { .. })),
            None => refused(&replayed, now, |error| matches!(error, SignatureError::Mismatch { .. })),
        }
        // Sent again later.
        let late = now + CLOCK_SKEW_MAX + SignedDuration::from_secs(1);
        refused(&good, late, |error| matches!(error, SignatureError::Expired { .. }));
        // Sent to another path, or by another method.
        let mut moved = good.clone();
        moved.path.push('x');
        refused(&moved, now, |error| matches!(error, SignatureError::Mismatch { .. }));
        let mut deleting = good.clone();
        deleting.method = "PATCH".to_owned();
        refused(&deleting, now, |error| matches!(error, SignatureError::Mismatch { .. }));
        // Without its signature.
        let unsigned = without_header(&good, "authorization");
        refused(&unsigned, now, |error| *error == SignatureError::Missing);
        // Signed with the secret of somebody else.
        let other = verify(&good, |_| Some(SecretAccessKey::new("other")), now, CLOCK_SKEW_MAX).unwrap_err();
        assert!(matches!(other, SignatureError::Mismatch { .. }), "{name}: {other}");
    }
}

#[test]
fn signed_urls_and_chunks_of_botocore_are_refused() {
    let (file, now) = captured();
    let entries = file["refused"].as_array().unwrap();
    let texts: Vec<String> = entries
        .iter()
        .map(|entry| refusal(entry["name"].as_str().unwrap(), &captured_request(entry), now))
        .collect();
    insta::assert_snapshot!(texts.join("\n"), @r#"
    presigned: 400 IncompleteSignatureException: signed URLs are not accepted here: send the signature in the Authorization header
    chunked: 400 IncompleteSignatureException: X-Amz-Content-Sha256 is "STREAMING-UNSIGNED-PAYLOAD-TRAILER": bodies in aws-chunked encoding are not accepted here, send them whole
    "#);
}

#[test]
fn we_sign_as_botocore_does() {
    // botocore adds headers that say which attempt this is, and signs none of them; all that it signs, we sign.
    let (file, now) = captured();
    // We always send X-Amz-Date.
    let entries = file["requests"].as_array().unwrap().iter().filter(|entry| entry["name"] != "date-header");
    for entry in entries {
        let original = captured_request(entry);
        let authorization = original.headers.get("authorization").unwrap();
        let signed_headers = authorization.split_once("SignedHeaders=").unwrap().1.split_once(',').unwrap().0;
        let mut request = original.clone();
        let names: Vec<String> = original.headers.iter().map(|(name, _)| name.to_owned()).collect();
        for name in names.iter().filter(|name| !signed_headers.split(';').any(|signed| signed == *name)) {
            request.headers.remove(name);
        }
        let credentials = credentials(entry["sessionToken"].as_str());
        let service = claimed_service(&original).unwrap();
        let signed = sign(request, &credentials, "eu-central-1", &service, now).unwrap();
        assert_eq!(signed.headers.get("authorization").unwrap(), authorization, "{}", entry["name"]);
    }
}

fn signed_request() -> (HttpRequest, Timestamp) {
    let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    let request = HttpRequest::new("PUT", "/things/t/principals?a=1&b=2")
        .with_header("Host", "localhost:4080")
        .with_header("X-Amzn-Principal", "arn:p")
        .with_body(r#"{"a":1}"#);
    (sign(request, &credentials(Some("token")), "us-east-1", "iot", now).unwrap(), now)
}

/// What a refused request is answered with.
fn refusal(name: &str, request: &HttpRequest, now: Timestamp) -> String {
    let error = verify_at(request, now).unwrap_err();
    let api = ApiError::from(&error);
    format!("{name}: {} {api}", api.status(None))
}

fn with_header(request: &HttpRequest, name: &str, value: &str) -> HttpRequest {
    let mut changed = request.clone();
    changed.headers.set(name, value);
    changed
}

fn without_header(request: &HttpRequest, name: &str) -> HttpRequest {
    let mut changed = request.clone();
    changed.headers.remove(name);
    changed
}

/// The request with another text in its `Authorization` header.
fn with_authorization(request: &HttpRequest, from: &str, to: &str) -> HttpRequest {
    let authorization = request.headers.get("authorization").unwrap();
    assert!(authorization.contains(from));
    with_header(request, "authorization", &authorization.replace(from, to))
}

#[test]
fn refusals_of_a_header_that_has_not_its_form() {
    let (good, now) = signed_request();
    verify_at(&good, now).unwrap();
    let replaced = |from, to| with_authorization(&good, from, to);
    let mut in_url = without_header(&good, "authorization");
    in_url.query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=ab".to_owned();
    let mut twice = good.clone();
    twice.headers.append("x-amz-date", "20260102T030405Z");
    let texts = [
        ("none", without_header(&good, "authorization")),
        ("in url", in_url),
        ("sigv4a", replaced("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256")),
        ("basic", with_header(&good, "authorization", "Basic dXNlcjpwYXNz")),
        ("credential", replaced("aws4_request", "aws5_request")),
        ("signed headers", replaced("host;", "HOST;")),
        ("unsorted headers", replaced("host;x-amz-date", "x-amz-date;host")),
        ("signature", replaced("Signature=", "Signature=0")),
        ("two dates", twice),
        ("no date", without_header(&good, "x-amz-date")),
        ("bad date", with_header(&good, "x-amz-date", "yesterday")),
    ]
    .map(|(name, request)| refusal(name, &request, now));
    insta::assert_snapshot!(texts.join("\n"), @r#"
    none: 403 MissingAuthenticationTokenException: Missing Authentication Token: the request has no Authorization header
    in url: 400 IncompleteSignatureException: signed URLs are not accepted here: send the signature in the Authorization header
    sigv4a: 400 IncompleteSignatureException: the signature algorithm "AWS4-ECDSA-P256-SHA256" is not accepted here, expected AWS4-HMAC-SHA256
    basic: 400 IncompleteSignatureException: the signature algorithm "Basic" is not accepted here, expected AWS4-HMAC-SHA256
    credential: 400 IncompleteSignatureException: the Authorization header has no valid Credential, expected ACCESSKEY/YYYYMMDD/REGION/SERVICE/aws4_request
    signed headers: 400 IncompleteSignatureException: the Authorization header has no valid SignedHeaders, expected names in lower case, sorted, with semicolons between them
    unsorted headers: 400 IncompleteSignatureException: the Authorization header has no valid SignedHeaders, expected names in lower case, sorted, with semicolons between them
    signature: 400 IncompleteSignatureException: the Authorization header has no valid Signature, expected 64 lower-case hexadecimal digits
    two dates: 400 IncompleteSignatureException: the header "x-amz-date" came more than once
    no date: 400 IncompleteSignatureException: the request has neither a header X-Amz-Date nor Date
    bad date: 400 IncompleteSignatureException: the date "yesterday" cannot be read, expected a form such as 20260102T030405Z
    "#);
}

#[test]
fn refusals_of_a_signature_that_is_not_right() {
    let (good, now) = signed_request();
    let mut body = good.clone();
    body.body.push(b' ');
    let hashed = |hash: &str| {
        let request = with_header(&good, "x-amz-content-sha256", hash);
        sign(request, &credentials(None), "us-east-1", "iot", now).unwrap()
    };
    let texts = [
        ("other day", with_header(&good, "x-amz-date", "20260103T030405Z")),
        ("host unsigned", with_authorization(&good, "host;", "")),
        ("header added", with_header(&good, "x-amz-new", "1")),
        ("header lost", without_header(&good, "x-amzn-principal")),
        ("unknown key", with_authorization(&good, KEY, "AKIDOTHER")),
        ("body", body),
        ("body hash", hashed(&"0".repeat(64))),
        ("chunked", hashed("STREAMING-AWS4-HMAC-SHA256-PAYLOAD")),
        ("chunked with a trailer", hashed("STREAMING-UNSIGNED-PAYLOAD-TRAILER")),
        ("empty hash", hashed("")),
        ("unsigned hash", with_header(&good, "x-amz-content-sha256", "UNSIGNED-PAYLOAD")),
    ]
    .map(|(name, request)| refusal(name, &request, now));
    insta::assert_snapshot!(texts.join("\n"), @r#"
    other day: 403 InvalidSignatureException: Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: 20260102 and 20260103T030405Z
    host unsigned: 403 InvalidSignatureException: the header "host" has to be among the SignedHeaders
    header added: 403 InvalidSignatureException: the header "x-amz-new" has to be among the SignedHeaders
    header lost: 403 InvalidSignatureException: the signed header "x-amzn-principal" is not in the request; a proxy may have removed it
    unknown key: 403 UnrecognizedClientException: The security token included in the request is invalid: the access key AKIDOTHER is not known here; `landfall env` prints the keys of a server
    body: 403 InvalidSignatureException: The request signature we calculated does not match the signature you provided for the access key AKIDEXAMPLE. Check your AWS Secret Access Key and signing method: the secret may be that of another server, or something between client and server may have changed the request
    body hash: 403 InvalidSignatureException: The provided 'x-amz-content-sha256' header does not match what was computed: 0000000000000000000000000000000000000000000000000000000000000000 and 015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862
    chunked: 400 IncompleteSignatureException: X-Amz-Content-Sha256 is "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": bodies in aws-chunked encoding are not accepted here, send them whole
    chunked with a trailer: 400 IncompleteSignatureException: X-Amz-Content-Sha256 is "STREAMING-UNSIGNED-PAYLOAD-TRAILER": bodies in aws-chunked encoding are not accepted here, send them whole
    empty hash: 403 InvalidSignatureException: The provided 'x-amz-content-sha256' header does not match what was computed:  and 015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862
    unsigned hash: 403 InvalidSignatureException: the header "x-amz-content-sha256" has to be among the SignedHeaders
    "#);
}

#[test]
fn clocks_may_be_a_quarter_of_an_hour_apart() {
    let (good, now) = signed_request();
    let quarter = SignedDuration::from_mins(15);
    let second = SignedDuration::from_secs(1);
    verify_at(&good, now + quarter).unwrap();
    verify_at(&good, now - quarter).unwrap();
    let late = refusal("late", &good, now + quarter + second);
    insta::assert_snapshot!(late, @"late: 403 InvalidSignatureException: Signature expired: 20260102T030405Z is now earlier than 20260102T030406Z (20260102T031906Z - 15 min.)");
    let early = refusal("early", &good, now - quarter - second);
    insta::assert_snapshot!(early, @"early: 403 InvalidSignatureException: Signature not yet current: 20260102T030405Z is still later than 20260102T030404Z (20260102T024904Z + 15 min.)");
}

#[test]
fn a_body_may_be_left_out_if_the_signature_says_so() {
    let (mut request, now) = signed_request();
    request.headers.set("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    let mut signed = sign(request, &credentials(None), "us-east-1", "iot", now).unwrap();
    signed.body = b"another".to_vec();
    verify_at(&signed, now).unwrap();
}

#[test]
fn signing_needs_a_host() {
    let error =
        sign(HttpRequest::new("GET", "/"), &credentials(None), "r", "s", Timestamp::UNIX_EPOCH).unwrap_err();
    assert_eq!(error.to_string(), "the request has no Host header, which has to be signed");
}

#[test]
fn secrets_are_not_shown() {
    assert!(!format!("{:?}", credentials(None)).contains(SECRET));
}

/// Parts of a request that a signature covers.
#[derive(Debug, Clone, Copy)]
enum Part {
    Method,
    Path,
    Query,
    Header(&'static str),
    Body,
}

/// Changes one byte of a part, at a place that `index` chooses; `None` where nothing can be changed.
fn change(request: &HttpRequest, part: Part, index: prop::sample::Index, byte: u8) -> Option<HttpRequest> {
    let mut changed = request.clone();
    let edit = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        if bytes.is_empty() {
            return None;
        }
        let at = index.index(bytes.len());
        bytes[at] = byte;
        String::from_utf8(bytes).ok().filter(|edited| edited != text)
    };
    match part {
        Part::Method => changed.method = edit(&request.method)?,
        Part::Path => changed.path = edit(&request.path)?,
        Part::Query => changed.query = edit(&request.query)?,
        Part::Header(name) => changed.headers.set(name, &edit(request.headers.get(name)?)?),
        Part::Body => {
            let at = index.index(request.body.len().max(1));
            let place = changed.body.get_mut(at)?;
            if *place == byte {
                return None;
            }
            *place = byte;
        }
    }
    Some(changed)
}

/// What the query says, whatever its spelling: `%2b` and `%2B` are the same, and so are `a` and `a=`.
fn meaning(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<(String, String)> = pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (spelled(name), spelled(value)))
        .collect();
    pairs.sort();
    pairs
}

/// The text with its escapes in upper case.
fn spelled(text: &str) -> String {
    let mut parts = text.split('%');
    let mut spelled = parts.next().unwrap().to_owned();
    for part in parts {
        let escape: String = part.chars().take(2).collect();
        spelled.push_str(&format!("%{}{}", escape.to_ascii_uppercase(), &part[escape.len()..]));
    }
    spelled.replace('+', "%20")
}

fn request_strategy() -> impl Strategy<Value = HttpRequest> {
    let method = prop::sample::select(vec!["GET", "PUT", "POST", "DELETE"]);
    let path = prop::collection::vec("[a-z0-9:~-]{1,8}(%2F|%C3%BC|%20)?", 1..4);
    let query = prop::collection::vec("[a-z]{1,4}=[A-Z0-9._~-]{0,6}(%20|%2B)?", 0..4);
    let header = "[!-~]{1,20}( [!-~]{1,10})?";
    (method, path, query, header, prop::collection::vec(any::<u8>(), 0..40)).prop_map(
        |(method, path, query, header, body)| {
            HttpRequest::new(method, &format!("/{}?{}", path.join("/"), query.join("&")))
                .with_header("Host", "localhost:4080")
                .with_header("X-Amzn-Principal", &header)
                .with_header("User-Agent", "test")
                .with_body(body)
        },
    )
}

proptest! {
    #[test]
    fn what_we_sign_we_verify(request in request_strategy(), seconds in 0_i64..4_000_000_000, apart in -900_i64..=900) {
        let signed_at = Timestamp::from_second(seconds).unwrap();
        let signed = sign(request, &credentials(None), "eu-west-1", "iot", signed_at).unwrap();
        let verified = verify_at(&signed, signed_at + SignedDuration::from_secs(apart)).unwrap();
        prop_assert_eq!((verified.service(), verified.region(), verified.signed_at()), ("iot", "eu-west-1", signed_at));
        // What is not signed may change on the way.
        let mut proxied = signed.clone();
        proxied.headers.set("user-agent", "other");
        proxied.headers.append("x-forwarded-for", "192.0.2.1");
        proxied.headers.append("x-amzn-trace-id", "1");
        prop_assert!(verify_at(&proxied, signed_at).is_ok());
    }

    #[test]
    fn any_changed_byte_is_refused(
        request in request_strategy(),
        part in prop::sample::select(vec![
            Part::Method, Part::Path, Part::Query, Part::Header("host"), Part::Header("x-amzn-principal"),
            Part::Header("x-amz-date"), Part::Header("authorization"), Part::Body,
        ]),
        index: prop::sample::Index,
        byte in 0x21_u8..0x7f,
    ) {
        let now = Timestamp::from_second(1_767_323_045).unwrap();
        let signed = sign(request, &credentials(None), "eu-west-1", "iot", now).unwrap();
        let Some(changed) = change(&signed, part, index, byte) else { return Ok(()) };
        // Another spelling of the same query is the same request.
        prop_assume!(changed.query == signed.query || meaning(&changed.query) != meaning(&signed.query));
        prop_assert!(verify_at(&changed, now).is_err(), "{:?}", changed);
    }

    #[test]
    fn no_header_makes_it_panic(authorization in ".{0,200}", date in ".{0,30}") {
        let mut request = HttpRequest::new("GET", "/").with_header("host", "h");
        request.headers.append("authorization", &authorization);
        request.headers.append("x-amz-date", &date);
        prop_assert!(verify_at(&request, Timestamp::UNIX_EPOCH).is_err());
        request.headers.set("authorization", &format!("AWS4-HMAC-SHA256 {authorization}"));
        prop_assert!(verify_at(&request, Timestamp::UNIX_EPOCH).is_err());
    }
}
