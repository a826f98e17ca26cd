//! What a client cannot do, and how the server stops.

use std::time::Duration;

use landfall_api::HttpRequest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::client::{Answer, credentials, head, read_answer, send, signed};
use super::world::World;

/// Sends a head that promises a body, and waits until the server wants it: then the request is under way.
async fn begin(world: &World, request: &HttpRequest) -> TcpStream {
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let more = format!("content-length: {}\r\nexpect: 100-continue\r\n", request.body.len());
    stream.write_all(&head(request, &more)).await.unwrap();
    assert_eq!(read_answer(&mut stream).await.status, 100);
    stream
}

async fn finish(stream: &mut TcpStream, request: &HttpRequest) -> Answer {
    stream.write_all(&request.body).await.unwrap();
    read_answer(stream).await
}

async fn assert_closed(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty(), "{:?}", String::from_utf8_lossy(&rest));
}

fn list_things(world: &World) -> HttpRequest {
    signed(world.request("GET", "/things", "{}"), "iot", &credentials())
}

#[tokio::test]
async fn a_body_is_read_up_to_its_limit() {
    let world = World::start_with(|config| config.limits.body_bytes_max = 1_000).await;
    let body = |bytes| format!("{:bytes$}", "{}");
    assert_eq!(world.iot("GET", "/things", &body(1_000)).await.status, 200);
    for bytes in [1_001, 7_000] {
        assert_eq!(
            world.iot("GET", "/things", &body(bytes)).await.error(),
            "413 RequestEntityTooLargeException: the body is too large: at most 1000 bytes are read"
        );
    }
    let answer = world.signed("sts", "POST", "/", &body(1_001)).await;
    assert_eq!((answer.status, answer.header("content-type")), (413, "text/xml"));
}

#[tokio::test]
async fn a_head_is_read_up_to_its_limits() {
    let world = World::start_with(|config| {
        config.limits.head_bytes_max = 2_000;
        config.limits.header_fields_max = 20;
    })
    .await;
    let long = world.request("GET", &format!("/things?thingTypeName={}", "x".repeat(2_000)), "");
    let answer = send(world.address, &long).await.error();
    assert!(
        answer.starts_with("413 RequestEntityTooLargeException: the path, query and header fields have 2")
    );
    let mut many = world.request("GET", "/things", "");
    (0..20).for_each(|number| many.headers.append(&format!("x-{number}"), "1"));
    assert_eq!(
        send(world.address, &many).await.error(),
        "413 RequestEntityTooLargeException: the request has 23 header fields, and at most 20 are read"
    );
}

#[tokio::test]
async fn a_header_that_is_not_text_is_refused() {
    let world = World::start().await;
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(b"GET /things HTTP/1.1\r\nhost: x\r\nx-odd: \xff\r\n\r\n").await.unwrap();
    assert_eq!(
        read_answer(&mut stream).await.error(),
        "400 InvalidRequestException: the header \"x-odd\" is not UTF-8"
    );
}

#[tokio::test]
async fn garbage_is_no_http() {
    let world = World::start().await;
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n").await.unwrap();
    assert_eq!(read_answer(&mut stream).await.status, 400);
    assert_closed(&mut stream).await;
    assert_eq!(world.iot("GET", "/things", "").await.status, 200);
}

#[tokio::test]
async fn requests_beyond_the_limit_are_told_to_come_back() {
    let world = World::start_with(|config| config.limits.requests_max = 1).await;
    let request = list_things(&world);
    let mut first = begin(&world, &request).await;
    assert_eq!(
        world.iot("GET", "/things", "").await.error(),
        "503 ServiceUnavailableException: 1 requests are under way, which is the limit requests_max; try again"
    );
    assert_eq!(finish(&mut first, &request).await.status, 200);
    assert_eq!(world.iot("GET", "/things", "").await.status, 200);
}

#[tokio::test]
async fn a_slow_request_is_answered_and_ends() {
    let world = World::start_with(|config| config.limits.request_timeout = Duration::from_millis(20)).await;
    let mut stream = begin(&world, &list_things(&world)).await;
    assert_eq!(
        read_answer(&mut stream).await.error(),
        "503 ServiceUnavailableException: the request took longer than 0.02 s, which is the limit request_timeout; \
         try again"
    );
    assert_closed(&mut stream).await;
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let world = World::start_with(|config| config.limits.idle_timeout = Duration::from_millis(200)).await;
    let mut silent = TcpStream::connect(world.address).await.unwrap();
    assert_closed(&mut silent).await;
    let mut slow = TcpStream::connect(world.address).await.unwrap();
    slow.write_all(b"GET /things HTTP/1.1\r\nhost: ").await.unwrap();
    assert_closed(&mut slow).await;
    let mut kept = TcpStream::connect(world.address).await.unwrap();
    kept.write_all(&head(&world.request("GET", "/landfall/v1/health", ""), "")).await.unwrap();
    assert_eq!(read_answer(&mut kept).await.status, 200);
    assert_closed(&mut kept).await;
}

#[tokio::test]
async fn a_connection_beyond_the_limit_waits_for_another_to_close() {
    let world = World::start_with(|config| config.limits.connections_max = 1).await;
    let request = list_things(&world);
    let first = begin(&world, &request).await;
    let mut second = TcpStream::connect(world.address).await.unwrap();
    let more = format!("content-length: {}\r\n", request.body.len());
    let mut bytes = head(&request, &more);
    bytes.extend(&request.body);
    second.write_all(&bytes).await.unwrap();
    let mut byte = [0];
    let early = tokio::time::timeout(Duration::from_millis(20), second.peek(&mut byte)).await;
    assert!(early.is_err(), "{early:?}");
    drop(first);
    assert_eq!(read_answer(&mut second).await.status, 200);
}

#[tokio::test]
async fn stopping_finishes_what_is_under_way() {
    let world = World::start().await;
    let mut idle = TcpStream::connect(world.address).await.unwrap();
    idle.write_all(&head(&world.request("GET", "/landfall/v1/health", ""), "")).await.unwrap();
    assert_eq!(read_answer(&mut idle).await.status, 200);
    let request = list_things(&world);
    let mut busy = begin(&world, &request).await;
    world.stopping.cancel();
    assert_closed(&mut idle).await;
    assert_eq!(finish(&mut busy, &request).await.status, 200);
    assert_closed(&mut busy).await;
    world.tracker.close();
    world.tracker.wait().await;
    assert!(TcpStream::connect(world.address).await.is_err());
}
