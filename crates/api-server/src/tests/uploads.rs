//! What requests with code and invocations may cost.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use landfall_api::HttpRequest;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::client::{Answer, credentials, head, key, read_answer, send, signed};
use super::world::{ACCESS_KEY_ID, World};

const CODE: &str = "/2015-03-31/functions/function-1/code";
const INVOKE: &str = "/2015-03-31/functions/function-1/invocations";

/// An upload whose body has about so many bytes.
fn upload(world: &World, bytes: usize) -> HttpRequest {
    let mut archive = b"PK".to_vec();
    archive.resize(bytes * 3 / 4, b'x');
    let body = json!({"ZipFile": BASE64.encode(archive)}).to_string();
    signed(world.request("PUT", CODE, &body), "lambda", &credentials())
}

/// Sends a head that promises a body, and tells whether the server wants it.
async fn announce(world: &World, request: &HttpRequest) -> (TcpStream, Answer) {
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let more = format!("content-length: {}\r\nexpect: 100-continue\r\n", request.body.len());
    stream.write_all(&head(request, &more)).await.unwrap();
    let answer = read_answer(&mut stream).await;
    (stream, answer)
}

async fn send_whole(stream: &mut TcpStream, request: &HttpRequest) {
    let mut bytes = head(request, &format!("content-length: {}\r\n", request.body.len()));
    bytes.extend(&request.body);
    stream.write_all(&bytes).await.unwrap();
}

#[tokio::test]
async fn code_may_be_larger_than_other_bodies() {
    let world = World::start_with(|config| {
        config.limits.body_bytes_max = 1_000;
        config.limits.code_bytes_max = 3 * 1_024 * 1_024;
    })
    .await;
    let answer = send(world.address, &upload(&world, 2 * 1_024 * 1_024)).await;
    assert_eq!(answer.ok()["CodeSize"], 2 * 1_024 * 1_024 * 3 / 4);
    let answer = send(world.address, &upload(&world, 4 * 1_024 * 1_024)).await;
    assert_eq!(
        answer.error(),
        "413 RequestTooLargeException: the body is too large: at most 3145728 bytes are read"
    );
    assert_eq!(world.host.take_stored().len(), 1);
    let configuration = json!({"Description": "x".repeat(1_000)}).to_string();
    let answer =
        world.signed("lambda", "PUT", "/2015-03-31/functions/function-1/configuration", &configuration).await;
    assert_eq!(
        answer.error(),
        "413 RequestTooLargeException: the body is too large: at most 1000 bytes are read"
    );
}

#[tokio::test]
async fn who_cannot_have_signed_it_sends_no_code() {
    let world = World::start().await;
    let unsigned = world.request("PUT", CODE, "{}");
    let stranger = signed(unsigned.clone(), "lambda", &key("AKIASOMEBODYELSE", "x"));
    let invocation = world.request("POST", INVOKE, "{}");
    for (request, expected) in [
        (&unsigned, "403 MissingAuthenticationTokenException: "),
        (&invocation, "403 MissingAuthenticationTokenException: "),
        (&stranger, "403 UnrecognizedClientException: "),
    ] {
        let (_stream, answer) = announce(&world, request).await;
        assert!(answer.error().starts_with(expected), "{answer:?}");
        // One that does not wait to be asked sees the answer too, after its body.
        let large = HttpRequest { body: vec![b'x'; 4 * 1_024 * 1_024], ..request.clone() };
        let answer = send(world.address, &large).await;
        assert!(answer.error().starts_with(expected), "{answer:?}");
    }
    // The key alone is not enough.
    let forged = signed(unsigned, "lambda", &key(ACCESS_KEY_ID, "another-secret"));
    let (mut stream, answer) = announce(&world, &forged).await;
    assert_eq!(answer.status, 100);
    stream.write_all(&forged.body).await.unwrap();
    let answer = read_answer(&mut stream).await;
    assert!(answer.error().starts_with("403 InvalidSignatureException: "), "{answer:?}");
    assert_eq!(world.host.take_stored().len(), 0);
}

#[tokio::test]
async fn uploads_wait_for_their_turn() {
    let world = World::start_with(|config| {
        config.limits.code_uploads_max = 1;
        config.limits.requests_max = 2;
    })
    .await;
    let request = upload(&world, 100);
    let (mut first, answer) = announce(&world, &request).await;
    assert_eq!(answer.status, 100);
    let mut second = TcpStream::connect(world.address).await.unwrap();
    send_whole(&mut second, &request).await;
    // Others do not wait, and have their place however many uploads do.
    assert_eq!(world.iot("GET", "/things", "").await.status, 200);
    let early = tokio::time::timeout(Duration::from_millis(20), second.peek(&mut [0])).await;
    assert!(early.is_err(), "{early:?}");
    first.write_all(&request.body).await.unwrap();
    assert_eq!(read_answer(&mut first).await.status, 200);
    assert_eq!(read_answer(&mut second).await.status, 200);
}

#[tokio::test]
async fn an_upload_has_a_deadline_of_its_own() {
    let world = World::start_with(|config| {
        config.limits.request_timeout = Duration::ZERO;
        config.limits.code_upload_timeout = Duration::from_secs(60);
    })
    .await;
    assert_eq!(send(world.address, &upload(&world, 100)).await.status, 200);
    let world =
        World::start_with(|config| config.limits.code_upload_timeout = Duration::from_millis(20)).await;
    let (mut stream, answer) = announce(&world, &upload(&world, 100)).await;
    assert_eq!(answer.status, 100);
    assert_eq!(
        read_answer(&mut stream).await.error(),
        "503 ServiceUnavailableException: the request took longer than 0.02 s, which is the limit code_upload_timeout; try \
         again"
    );
}

#[tokio::test]
async fn a_client_that_hangs_up_makes_room_for_others() {
    let world = World::start_with(|config| config.limits.invocations_max = 1).await;
    let invoke = |event: &str| signed(world.request("POST", INVOKE, event), "lambda", &credentials());
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    send_whole(&mut stream, &invoke("\"never\"")).await;
    while world.host.take_invoked().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(send(world.address, &invoke("{}")).await.status, 429);
    drop(stream);
    let mut tries = 0;
    while send(world.address, &invoke("{}")).await.status != 200 {
        tries += 1;
        assert!(tries < 10_000, "the place is not free");
    }
}
