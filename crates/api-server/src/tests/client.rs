//! A small HTTP client that signs, and that can also do what no client should.

use std::net::SocketAddr;

use jiff::Timestamp;
use landfall_api::signature::{AccessKeyId, Credentials, SecretAccessKey, sign};
use landfall_api::{HttpRequest, Service};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::world::{ACCESS_KEY_ID, NOW, SECRET};

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or_else(|| panic!("no {name} in {self:?}"), |(_, value)| value)
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Whether the operation was carried out; those of iot answer with 200, those of lambda with others too.
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The JSON of a success.
    pub(super) fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.json()
    }

    /// Status, code and message of a JSON error, whose form is checked.
    pub(super) fn error(&self) -> String {
        assert_eq!(self.header("content-type"), "application/json");
        assert_eq!(self.header("x-amzn-requestid").len(), 36);
        let json = self.json();
        // Some errors of lambda spell it so.
        let message = json.get("message").or_else(|| json.get("Message")).and_then(Value::as_str);
        let message = message.unwrap_or_else(|| panic!("{self:?}"));
        format!("{} {}: {message}", self.status, self.header("x-amzn-errortype"))
    }
}

/// The keys that the server knows.
pub(super) fn credentials() -> Credentials {
    key(ACCESS_KEY_ID, SECRET)
}

pub(super) fn key(id: &str, secret: &str) -> Credentials {
    Credentials {
        access_key_id: AccessKeyId::parse(id).unwrap(),
        secret_access_key: SecretAccessKey::new(secret),
        session_token: None,
    }
}

/// The name that clients sign requests for a service with.
pub(super) fn signing_name(service: Service) -> &'static str {
    match service {
        Service::Iot => "iot",
        Service::IotData => "iotdata",
        Service::Lambda => "lambda",
        Service::Greengrass => "greengrass",
        Service::Sts => "sts",
    }
}

/// A request with the headers that every client sends.
pub(super) fn request(address: SocketAddr, method: &str, target: &str, body: &str) -> HttpRequest {
    HttpRequest::new(method, target).with_header("host", &address.to_string()).with_body(body)
}

pub(super) fn signed(request: HttpRequest, service: &str, credentials: &Credentials) -> HttpRequest {
    sign(request, credentials, "us-east-1", service, Timestamp::from_second(NOW.as_secs()).unwrap()).unwrap()
}

/// Sends a request on a connection of its own.
pub(super) async fn send(address: SocketAddr, request: &HttpRequest) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut bytes =
        head(request, &format!("connection: close\r\ncontent-length: {}\r\n", request.body.len()));
    bytes.extend(&request.body);
    stream.write_all(&bytes).await.unwrap();
    read_answer(&mut stream).await
}

/// The head of a request, up to and with the empty line.
pub(super) fn head(request: &HttpRequest, more: &str) -> Vec<u8> {
    let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
    let mut head = format!("{} {}{query} HTTP/1.1\r\n", request.method, request.path);
    for (name, value) in request.headers.iter() {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    format!("{head}{more}\r\n").into_bytes()
}

/// Reads one answer and no byte more, so that the next one can be read after it.
pub(super) async fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = stream.read_u8().await;
        head.push(byte.unwrap_or_else(|error| panic!("{error} after {:?}", String::from_utf8_lossy(&head))));
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<(String, String)> = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length").map_or("0", |(_, value)| value);
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).await.unwrap();
    Answer { status, headers, body: String::from_utf8(body).unwrap() }
}
