use std::error::Error;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use landfall_services::{ServiceFailure, ServiceFailureKind};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};

/// How requests are sent to web servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// How long it may take to connect (3 s).
    pub connect_timeout: Duration,
    /// How long a request may take altogether, with its answer (10 s).
    pub answer_timeout: Duration,
    /// How many bytes of an answer are read (16 KiB). More are not: the connection is closed.
    pub answer_bytes_max: usize,
    /// How many idle connections to a server are kept (64). More are closed.
    pub idle_connections_per_server_max: usize,
}

/// Posts to web servers.
///
/// The certificate of an `https` server must be one that the machine trusts. Redirects are not followed: who confirmed that it
/// wants messages is the server that was asked. No proxy is used, whatever the environment says.
#[derive(Debug)]
pub struct HttpSender {
    config: HttpConfig,
    /// Made at the first request: a machine without root certificates can do without `http` actions.
    client: OnceLock<Result<Client, ServiceFailure>>,
}

impl HttpSender {
    /// A sender that has connected to nobody yet.
    pub fn new(config: HttpConfig) -> Self {
        Self { config, client: OnceLock::new() }
    }

    /// Posts a body, once. A server that takes it answers with a status from 200 to 299.
    ///
    /// Cancel safety: the server may have taken it.
    ///
    /// # Errors
    /// Passing: the server was not reached or did not answer in time, or answered 408, 429 or a status from 500 on. Lasting: any other
    /// status, redirects among them; a URL that is not of `http` or `https`; a header that cannot be.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(String, String)],
        body: Bytes,
    ) -> Result<(), ServiceFailure> {
        let url = parse_url(url)?;
        let headers = parse_headers(headers)?;
        let place = place(&url);
        let request = self.client()?.post(url).headers(headers).body(body);
        let answer = request.send().await.map_err(|error| not_answered(&place, error))?;
        if answer.status().is_success() {
            // An answer that was read to its end leaves the connection free for the next request.
            self.read(answer).await;
            return Ok(());
        }
        Err(self.refused(&place, answer).await)
    }

    fn client(&self) -> Result<&Client, ServiceFailure> {
        let client = self.client.get_or_init(|| {
            let HttpConfig { connect_timeout, answer_timeout, idle_connections_per_server_max, .. } =
                self.config;
            let built = Client::builder()
                .user_agent(concat!("landfall/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(connect_timeout)
                .timeout(answer_timeout)
                .redirect(Policy::none())
                .no_proxy()
                .pool_max_idle_per_host(idle_connections_per_server_max)
                .build();
            built.map_err(|error| {
                ServiceFailure::lasting(format!(
                    "requests cannot be sent to web servers: {}",
                    sources(&error)
                ))
            })
        });
        client.as_ref().map_err(Clone::clone)
    }

    /// What a server says that did not take a request.
    async fn refused(&self, place: &str, answer: Response) -> ServiceFailure {
        let status = answer.status();
        let kind = match status.as_u16() {
            408 | 429 | 500.. => ServiceFailureKind::Passing,
            _ => ServiceFailureKind::Lasting,
        };
        let mut message = format!("{place} answered {}", with_words(status));
        if status.is_redirection() {
            message.push_str(", and redirects are not followed");
        }
        let said = self.read(answer).await;
        if !said.is_empty() {
            message.push_str(": ");
            message.push_str(&String::from_utf8_lossy(&said));
        }
        ServiceFailure::new(kind, message)
    }

    /// The answer's body, or as much of it as is read. One that breaks off is as long as it came: the status has decided.
    async fn read(&self, mut answer: Response) -> Vec<u8> {
        let mut read = Vec::new();
        while let Ok(Some(chunk)) = answer.chunk().await {
            let room = self.config.answer_bytes_max.saturating_sub(read.len());
            read.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
            if read.len() >= self.config.answer_bytes_max {
                break;
            }
        }
        read
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(3),
            answer_timeout: Duration::from_secs(10),
            answer_bytes_max: 16 * 1_024,
            idle_connections_per_server_max: 64,
        }
    }
}

fn parse_url(text: &str) -> Result<Url, ServiceFailure> {
    let url = Url::parse(text)
        .map_err(|error| ServiceFailure::lasting(format!("the URL cannot be read: {error}")))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => {
            Err(ServiceFailure::lasting(format!("the URL's scheme is {other}; it must be http or https")))
        }
    }
}

fn parse_headers(headers: &[(String, String)]) -> Result<HeaderMap, ServiceFailure> {
    let mut parsed = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) else {
            // Values of headers can be secrets.
            return Err(ServiceFailure::lasting(format!(
                "the header {name:?} cannot be sent: its name or its value has a character that headers have not"
            )));
        };
        parsed.append(name, value);
    }
    Ok(parsed)
}

/// The server that a URL is of: its path and query can have secrets, which do not belong into messages.
fn place(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn with_words(status: StatusCode) -> String {
    match status.canonical_reason() {
        Some(words) => format!("{} {words}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

fn not_answered(place: &str, error: reqwest::Error) -> ServiceFailure {
    let is_lasting = error.is_builder();
    let error = error.without_url();
    let message = format!("{place} did not answer: {}", sources(&error));
    if is_lasting { ServiceFailure::lasting(message) } else { ServiceFailure::passing(message) }
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
pub(crate) mod tests {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, sync_channel};
    use std::thread;

    use landfall_model::UnixTime;
    use landfall_pki::{Issuer, KeyKind, KeyPair, ServerRequest, Subject, validity_of_days};
    use rustls::pki_types::ServerName;
    use rustls::{ServerConfig, ServerConnection, Stream};

    use super::*;

    /// A web server that gives each request the same answer, byte for byte, and closes the connection.
    pub(crate) struct WebServer {
        pub(crate) url: String,
        /// The requests: head and body.
        pub(crate) requests: Receiver<String>,
    }

    impl WebServer {
        pub(crate) fn start(answer: impl Into<Vec<u8>>) -> Self {
            let answer = answer.into();
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let (sender, requests) = sync_channel(16);
            thread::spawn(move || {
                for stream in listener.incoming() {
                    let mut stream = stream.unwrap();
                    sender.try_send(read_request(&stream)).unwrap();
                    // Who has read enough of the answer hangs up.
                    let _ = stream.write_all(&answer);
                }
            });
            Self { url, requests }
        }
    }

    fn read_request(stream: &TcpStream) -> String {
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).unwrap() > 0 {}
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        stream.read_exact(&mut body).unwrap();
        head + &String::from_utf8(body).unwrap()
    }

    fn answer(status: &str, body: &str) -> String {
        format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }

    fn sender() -> HttpSender {
        // Long, as the machine may be busy: no test waits for them.
        let minute = Duration::from_secs(60);
        HttpSender::new(HttpConfig {
            connect_timeout: minute,
            answer_timeout: minute,
            ..HttpConfig::default()
        })
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[tokio::test]
    async fn a_body_is_posted_with_its_headers() {
        let server = WebServer::start(answer("204 No Content", ""));
        let headers = [pair("content-type", "application/json"), pair("X-Key", "a"), pair("x-key", "b")];
        let url = format!("{}/in/tray?a=b%20c", server.url);
        sender().post(&url, &headers, Bytes::from_static(b"{\"a\":1}")).await.unwrap();
        let request = server.requests.try_recv().unwrap();
        assert!(request.starts_with("POST /in/tray?a=b%20c HTTP/1.1\r\n"), "{request}");
        for expected in [
            "\r\ncontent-type: application/json\r\n",
            "\r\nx-key: a\r\n",
            "\r\nx-key: b\r\n",
            "\r\nuser-agent: landfall/",
            "\r\n\r\n{\"a\":1}",
        ] {
            assert!(request.contains(expected), "{expected} in {request}");
        }
    }

    #[tokio::test]
    async fn the_status_tells_whether_a_failure_passes() {
        use ServiceFailureKind::{Lasting, Passing};
        for (status, expected) in [
            ("200 OK", None),
            ("299 Whatever", None),
            ("302 Found", Some((Lasting, "302 Found, and redirects are not followed: why\u{fffd}"))),
            ("400 Bad Request", Some((Lasting, "400 Bad Request: why\u{fffd}"))),
            ("404 Not Found", Some((Lasting, "404 Not Found: why\u{fffd}"))),
            ("408 Request Timeout", Some((Passing, "408 Request Timeout: why\u{fffd}"))),
            ("429 Too Many Requests", Some((Passing, "429 Too Many Requests: why\u{fffd}"))),
            ("500 Internal Server Error", Some((Passing, "500 Internal Server Error: why\u{fffd}"))),
            ("599 Whatever", Some((Passing, "599: why\u{fffd}"))),
        ] {
            let head =
                format!("HTTP/1.1 {status}\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 4\r\n\r\n");
            let server = WebServer::start([head.as_bytes(), b"why\xff"].concat());
            let url = format!("{}/secret?token=secret", server.url);
            let failure = sender().post(&url, &[], Bytes::new()).await.err();
            let expected = expected
                .map(|(kind, said)| ServiceFailure::new(kind, format!("{} answered {said}", server.url)));
            assert_eq!(failure, expected);
        }
    }

    #[tokio::test]
    async fn of_an_answer_no_more_is_read_than_the_limit() {
        // It goes on for ever: a sender that reads all of it does not come back.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let mut written = 0_usize;
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().unwrap();
                read_request(&stream);
                stream.write_all(b"HTTP/1.1 500 Oh\r\nConnection: close\r\n\r\n").unwrap();
                while stream.write_all(&[b'x'; 1_024]).is_ok() {
                    written += 1_024;
                }
            }
            written
        });
        for limit in [10, 16 * 1_024] {
            let sender = HttpSender::new(HttpConfig { answer_bytes_max: limit, ..sender().config });
            let failure = sender.post(&url, &[], Bytes::new()).await.unwrap_err();
            assert_eq!(failure.kind, ServiceFailureKind::Passing);
            let xs = failure.message.matches('x').count();
            let shown = ServiceFailure::MESSAGE_CHARACTERS_MAX;
            assert!(xs == limit || (limit > shown && xs < shown), "{xs}");
        }
        // The connection is closed by a task of this runtime, which must not be kept from it.
        let written = tokio::task::spawn_blocking(|| server.join().unwrap()).await.unwrap();
        assert!(written > 0);
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_hangs_up_or_is_silent_may_answer_later() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let silent = format!("http://{}/secret", listener.local_addr().unwrap());
        let impatient = HttpConfig { answer_timeout: Duration::from_millis(50), ..HttpConfig::default() };
        let failure = HttpSender::new(impatient).post(&silent, &[], Bytes::new()).await.unwrap_err();
        assert_eq!(failure.kind, ServiceFailureKind::Passing, "{failure}");
        assert!(failure.message.contains("timed out"), "{failure}");

        drop(listener);
        let refused = sender().post(&silent, &[], Bytes::new()).await.unwrap_err();
        assert!(refused.message.contains("Connection refused"), "{refused}");
        let server = WebServer::start("");
        let hung_up = sender().post(&format!("{}/secret", server.url), &[], Bytes::new()).await.unwrap_err();
        for failure in [failure, refused, hung_up] {
            assert_eq!(failure.kind, ServiceFailureKind::Passing, "{failure}");
            assert!(failure.message.starts_with("http://127.0.0.1:"), "{failure}");
            assert!(!failure.message.contains("secret"), "{failure}");
        }
    }

    /// The TLS of a server whose certificate a CA signed that nobody trusts.
    fn untrusted_tls() -> ServerConfig {
        let key = || KeyPair::generate(KeyKind::P256).unwrap();
        let validity = validity_of_days(UnixTime::from_secs(1_700_000_000), 36_500);
        let issuer = Issuer::self_signed(&Subject::common_name("nobody").unwrap(), key(), validity).unwrap();
        let (subject, own) = (Subject::common_name("localhost").unwrap(), key());
        let names = ["localhost", "127.0.0.1"].map(|name| ServerName::try_from(name).unwrap());
        let request =
            ServerRequest { subject: &subject, public_key: own.public_key(), validity, names: &names };
        let certificate = issuer.sign_server(&request).unwrap();
        let chain = vec![certificate.der().as_bytes().to_vec().into()];
        ServerConfig::builder_with_provider(Arc::new(landfall_pki::server_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, own.to_private_key_der().unwrap())
            .unwrap()
    }

    #[tokio::test]
    async fn a_server_that_nobody_vouches_for_gets_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut tls = ServerConnection::new(Arc::new(untrusted_tls())).unwrap();
            let mut read = Vec::new();
            (Stream::new(&mut tls, &mut stream).read_to_end(&mut read), read)
        });
        let failure = sender().post(&url, &[], Bytes::from_static(b"secret body")).await.unwrap_err();
        assert_eq!(failure.kind, ServiceFailureKind::Passing, "{failure}");
        assert!(failure.message.contains("invalid peer certificate"), "{failure}");
        let (result, read) = tokio::task::spawn_blocking(|| server.join().unwrap()).await.unwrap();
        assert!(result.is_err(), "the client ends the handshake with an alert");
        assert_eq!(read, b"");
    }

    #[tokio::test]
    async fn what_cannot_be_sent_fails_for_good() {
        let url = "http://127.0.0.1:1/";
        for (url, headers, message) in [
            ("ftp://host/", vec![], "the URL's scheme is ftp; it must be http or https"),
            ("file:///etc/passwd", vec![], "the URL's scheme is file; it must be http or https"),
            ("/path", vec![], "the URL cannot be read: relative URL without a base"),
            (url, vec![pair("a b", "c")], "the header \"a b\" cannot be sent"),
            (url, vec![pair("a", "secret\r\nb: c")], "the header \"a\" cannot be sent"),
        ] {
            let failure = sender().post(url, &headers, Bytes::new()).await.unwrap_err();
            assert_eq!(failure.kind, ServiceFailureKind::Lasting, "{failure}");
            assert!(failure.message.starts_with(message), "{failure}");
            assert!(!failure.message.contains("secret"), "{failure}");
        }
    }
}
