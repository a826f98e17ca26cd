use std::error::Error;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use landfall_model::{Clock, UnixTime};
use landfall_services::{ServiceFailure, ServiceFailureKind, WebhookSecret};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use serde_json::Value;

use crate::config::Webhook;
use crate::entry::Entry;
use crate::sink::Sink;

/// Posts entries to a web server, as a JSON array.
///
/// The certificate of an `https` server must be one that the machine trusts. Redirects are not followed, and no proxy is used.
pub(crate) struct WebhookSink {
    url: Url,
    secret: WebhookSecret,
    clock: Arc<dyn Clock>,
    /// Made at the first request: a machine without root certificates can do without webhooks.
    client: OnceLock<Result<Client, ServiceFailure>>,
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// How many bytes of an answer are read: what an error says.
const ANSWER_BYTES_MAX: usize = 4_096;

impl WebhookSink {
    /// A sink that has connected to nobody yet.
    pub(crate) fn new(webhook: Webhook, clock: Arc<dyn Clock>) -> Self {
        let Webhook { url, secret } = webhook;
        Self { url, secret, clock, client: OnceLock::new() }
    }

    fn client(&self) -> Result<&Client, ServiceFailure> {
        let client = self.client.get_or_init(|| {
            let built = Client::builder()
                .user_agent(concat!("landfall/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(ANSWER_TIMEOUT)
                .redirect(Policy::none())
                .no_proxy()
                .build();
            built.map_err(|error| {
                let message = format!("requests cannot be sent to web servers: {}", sources(&error));
                ServiceFailure::lasting(message)
            })
        });
        client.as_ref().map_err(Clone::clone)
    }

    /// The server: path and query of the URL can have secrets, which do not belong into messages.
    fn place(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    async fn refused(&self, answer: Response) -> ServiceFailure {
        let status = answer.status();
        let kind = match status.as_u16() {
            408 | 425 | 429 | 500.. => ServiceFailureKind::Passing,
            _ => ServiceFailureKind::Lasting,
        };
        let mut message = format!("{} answered {status}", self.place());
        if status.is_redirection() {
            message.push_str(", and redirects are not followed");
        }
        let said = read(answer).await;
        if !said.is_empty() {
            message.push_str(": ");
            message.push_str(&String::from_utf8_lossy(&said));
        }
        ServiceFailure::new(kind, message)
    }
}

#[async_trait]
impl Sink for WebhookSink {
    async fn deliver(&self, entries: &[Arc<Entry>]) -> Result<(), ServiceFailure> {
        let body = Value::Array(entries.iter().map(|entry| entry.to_json()).collect()).to_string();
        let timestamp = timestamp(self.clock.now());
        let request = self
            .client()?
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header(WebhookSecret::SIGNATURE, self.secret.sign(&timestamp, body.as_bytes()))
            .header(WebhookSecret::TIMESTAMP, timestamp)
            .body(body);
        let answer = request.send().await.map_err(|error| {
            ServiceFailure::passing(format!(
                "{} did not answer: {}",
                self.place(),
                sources(&error.without_url())
            ))
        })?;
        if answer.status().is_success() {
            // An answer that was read to its end leaves the connection free for the next request.
            read(answer).await;
            return Ok(());
        }
        Err(self.refused(answer).await)
    }
}

/// Seconds since 1970.
fn timestamp(now: UnixTime) -> String {
    now.as_secs().to_string()
}

/// The beginning of an answer's body. One that breaks off is as long as it came: the status has decided.
async fn read(mut answer: Response) -> Vec<u8> {
    let mut read = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        let room = ANSWER_BYTES_MAX.saturating_sub(read.len());
        read.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if read.len() >= ANSWER_BYTES_MAX {
            break;
        }
    }
    read
}

/// What an error says, and what each of its sources adds.
fn sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let added = source.to_string();
        if !text.contains(&added) {
            text.push_str(": ");
            text.push_str(&added);
        }
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::sync::mpsc::{Receiver, sync_channel};
    use std::thread;

    use landfall_registry::conformance::samples::{failure, success};

    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef";

    /// A web server that gives each request the same answer and closes the connection.
    struct WebServer {
        url: String,
        /// The requests: heads and bodies.
        requests: Receiver<(String, String)>,
    }

    impl WebServer {
        fn start(status: &str, body: &str) -> Self {
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\nConnection: close\r\nLocation: /\r\nContent-Length: {length}\r\n\r\n{body}"
            );
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("http://{}/in?token=secret", listener.local_addr().unwrap());
            let (sender, requests) = sync_channel(16);
            thread::spawn(move || {
                for stream in listener.incoming() {
                    let mut stream = stream.unwrap();
                    sender.try_send(read_request(&stream)).unwrap();
                    // Who has read enough of the answer hangs up.
                    let _ = stream.write_all(answer.as_bytes());
                }
            });
            Self { url, requests }
        }
    }

    fn read_request(stream: &TcpStream) -> (String, String) {
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).unwrap() > 0 {}
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        stream.read_exact(&mut body).unwrap();
        (head, String::from_utf8(body).unwrap())
    }

    struct FixedClock;

    impl Clock for FixedClock {
        fn now(&self) -> UnixTime {
            UnixTime::from_millis(1_700_000_000_999)
        }
    }

    fn sink(url: &str) -> WebhookSink {
        let webhook =
            Webhook { url: Url::parse(url).unwrap(), secret: WebhookSecret::of_file(SECRET).unwrap() };
        WebhookSink::new(webhook, Arc::new(FixedClock))
    }

    #[tokio::test]
    async fn entries_are_posted_and_signed() {
        let server = WebServer::start("204 No Content", "");
        let entries = [success(1), failure(2, "a")].map(|record| Arc::new(Entry::new(record)));
        sink(&server.url).deliver(&entries).await.unwrap();
        let (head, body) = server.requests.try_recv().unwrap();
        assert_eq!(body, format!("[{},{}]", entries[0].to_json(), entries[1].to_json()));
        let signature = WebhookSecret::of_file(SECRET).unwrap().sign("1700000000", body.as_bytes());
        for expected in [
            "POST /in?token=secret HTTP/1.1",
            "content-type: application/json",
            "x-landfall-timestamp: 1700000000",
            &format!("x-landfall-signature: {signature}"),
        ] {
            assert!(head.lines().any(|line| line == expected), "{expected} in {head}");
        }
    }

    #[tokio::test]
    async fn what_is_not_taken_may_be_taken_later_or_never() {
        use ServiceFailureKind::{Lasting, Passing};
        let long = "x".repeat(100_000);
        for (status, body, expected) in [
            ("200 OK", "thanks", None),
            ("200 OK", &long, None),
            ("302 Found", "", Some((Lasting, "302 Found, and redirects are not followed"))),
            ("400 Bad Request", "no\nsuch", Some((Lasting, "400 Bad Request: no such"))),
            ("401 Unauthorized", "<html>", Some((Lasting, "401 Unauthorized: <html>"))),
            ("408 Request Timeout", "", Some((Passing, "408 Request Timeout"))),
            ("425 Too Early", "", Some((Passing, "425 Too Early"))),
            ("429 Too Many Requests", "", Some((Passing, "429 Too Many Requests"))),
            ("503 Service Unavailable", "", Some((Passing, "503 Service Unavailable"))),
        ] {
            let server = WebServer::start(status, body);
            let result = sink(&server.url).deliver(&[]).await;
            let origin = server.url.strip_suffix("/in?token=secret").unwrap();
            let expected =
                expected.map(|(kind, said)| ServiceFailure::new(kind, format!("{origin} answered {said}")));
            assert_eq!(result.err(), expected);
        }
    }

    #[tokio::test]
    async fn who_does_not_answer_is_asked_again_and_no_secret_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/in?token=secret", listener.local_addr().unwrap());
        drop(listener);
        let failure = sink(&url).deliver(&[]).await.unwrap_err();
        assert_eq!(failure.kind, ServiceFailureKind::Passing);
        assert!(failure.message.contains("Connection refused"), "{failure}");
        assert!(!failure.message.contains("secret"), "{failure}");
    }
}
