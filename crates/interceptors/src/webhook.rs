use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use landfall_model::UnixTime;
use landfall_services::{WebhookSecret, is_this_machine};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Response, StatusCode, Url};
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::answer::{Answer, shown};
use crate::failure::{Failure, Unreadable, with_sources};
use crate::watched::{ReadError, Watched};
use crate::{Limits, PrepareError};

/// A web server that is asked.
///
/// The certificate of an `https` server must be one that the machine trusts, or by a CA of the webhook's own. Redirects are not
/// followed: who is asked is the server that the settings name. No proxy is used, whatever the environment says.
pub(crate) struct Webhook {
    url: Url,
    kit: Watched<Kit>,
    answer_bytes_max: usize,
    places: Semaphore,
}

/// What requests are made with, from files that may change.
struct Kit {
    secret: WebhookSecret,
    client: Client,
}

/// Why a web server gave no answer.
#[derive(Debug, Error)]
pub(crate) enum WebhookError {
    #[error("{place} did not answer: {problem}")]
    NoAnswer { place: String, problem: String },
    #[error("{place} answered {status}{}: {said:?}", redirected(*status))]
    Status { place: String, status: StatusCode, said: String },
    #[error("{place} answered with the content type {found:?}, which is not JSON: {said:?}")]
    ContentType { place: String, found: String, said: String },
    #[error("{place} answered more than {max} bytes")]
    TooLong { place: String, max: usize },
}

/// Why a URL cannot be that of a webhook.
#[derive(Debug, Error)]
enum UrlError {
    #[error("the URL cannot be read: {0}")]
    Malformed(String),
    #[error("the URL's scheme is {0}; it must be https, or http to this machine itself")]
    Scheme(String),
    #[error("http is for this machine itself, as http://127.0.0.1:8000/; {0} needs https")]
    Plain(String),
    #[error(
        "the URL has a user name or a password, which do not belong into settings; the signature tells who asks"
    )]
    Credentials,
}

/// Why the files of a webhook cannot be used.
#[derive(Debug, Error)]
enum KitError {
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error(
        "the secret has {found} bytes; {} to {} are needed, as `openssl rand -hex 32` makes",
        WebhookSecret::BYTES_MIN,
        WebhookSecret::BYTES_MAX
    )]
    Secret { found: usize },
    #[error("{} has no CA certificates in PEM: {problem}", path.display())]
    Ca { path: PathBuf, problem: String },
    #[error("requests cannot be sent to web servers: {0}")]
    Client(String),
}

/// How many characters of the content type an error repeats are enough; so many bytes of a wrong answer are read for it.
const SAID_BYTES_MAX: usize = 1_024;

impl Webhook {
    /// Reads the files of a webhook. This blocks.
    ///
    /// # Errors
    /// The URL or a file cannot be used.
    pub(crate) fn open(
        url: &str,
        secret_file: &Path,
        ca_file: Option<&Path>,
        limits: &Limits,
        now: Instant,
    ) -> Result<Self, PrepareError> {
        let url = parse_url(url).map_err(|problem| PrepareError::new("Url", problem))?;
        // Read here too, so that it is known which of the two is wrong.
        read_secret(secret_file).map_err(|problem| PrepareError::new("SecretFile", problem))?;
        let files = [Some(secret_file), ca_file].into_iter().flatten().map(Path::to_owned).collect();
        let read = Box::new(move |files: &[PathBuf]| -> Result<Kit, ReadError> {
            let [secret, ca @ ..] = files else {
                return Err(KitError::Secret { found: 0 }.into());
            };
            Ok(Kit { secret: read_secret(secret)?, client: client(ca.first().map(PathBuf::as_path))? })
        });
        let kit = Watched::open(files, read, None, limits, now)
            .map_err(|problem| PrepareError::of("CaFile", problem))?;
        let places = Semaphore::new(limits.webhook_requests_running_max);
        Ok(Self { url, kit, answer_bytes_max: limits.answer_bytes_max, places })
    }

    /// Asks once, with a body of JSON. How long that may take is the caller's, who drops this.
    pub(crate) async fn ask(&self, body: Bytes, now: Instant, time: UnixTime) -> Result<Answer, Failure> {
        let _place = self.places.acquire().await.map_err(|_| Failure::Ending)?;
        let kit = self.kit.current(now).await?;
        let timestamp = time.as_secs().to_string();
        let signature = kit.secret.sign(&timestamp, &body);
        let request = kit.client.post(self.url.clone()).header(CONTENT_TYPE, "application/json");
        let request = request
            .header(WebhookSecret::TIMESTAMP, timestamp)
            .header(WebhookSecret::SIGNATURE, signature)
            .body(body);
        let answer = request.send().await.map_err(|error| self.no_answer(error))?;
        let status = answer.status();
        if !status.is_success() {
            let said = self.said(answer).await;
            return Err(WebhookError::Status { place: self.place(), status, said }.into());
        }
        let content_type = content_type(answer.headers());
        if !is_json(&content_type) {
            let said = self.said(answer).await;
            let found = shown(&content_type);
            return Err(WebhookError::ContentType { place: self.place(), found, said }.into());
        }
        Ok(Answer::parse(&self.read(answer).await?)?)
    }

    /// An answer's body, which must not be longer than the limit.
    async fn read(&self, mut answer: Response) -> Result<Vec<u8>, WebhookError> {
        let max = self.answer_bytes_max;
        let mut read = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.no_answer(error))? {
            if chunk.len() > max.saturating_sub(read.len()) {
                return Err(WebhookError::TooLong { place: self.place(), max });
            }
            read.extend_from_slice(&chunk);
        }
        Ok(read)
    }

    /// The beginning of what a server said that gave no answer.
    async fn said(&self, mut answer: Response) -> String {
        let mut read = Vec::new();
        while read.len() < SAID_BYTES_MAX
            && let Ok(Some(chunk)) = answer.chunk().await
        {
            read.extend_from_slice(&chunk);
        }
        shown(&String::from_utf8_lossy(&read))
    }

    fn no_answer(&self, error: reqwest::Error) -> WebhookError {
        WebhookError::NoAnswer { place: self.place(), problem: with_sources(&error.without_url()) }
    }

    /// The server: the rest of a URL can have secrets, which do not belong into messages.
    fn place(&self) -> String {
        self.url.origin().ascii_serialization()
    }
}

fn parse_url(text: &str) -> Result<Url, UrlError> {
    let url = Url::parse(text).map_err(|problem| UrlError::Malformed(problem.to_string()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::Credentials);
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if url.host_str().is_some_and(is_this_machine) => Ok(url),
        "http" => Err(UrlError::Plain(url.host_str().unwrap_or_default().to_owned())),
        other => Err(UrlError::Scheme(other.to_owned())),
    }
}

fn read_secret(path: &Path) -> Result<WebhookSecret, KitError> {
    let content = fs::read(path).map_err(Unreadable::of(path))?;
    WebhookSecret::of_file(&content).map_err(|found| KitError::Secret { found })
}

fn client(ca_file: Option<&Path>) -> Result<Client, KitError> {
    let mut builder = Client::builder()
        .user_agent(concat!("landfall/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .no_proxy();
    if let Some(path) = ca_file {
        let pem = fs::read(path).map_err(Unreadable::of(path))?;
        let invalid = |problem: String| KitError::Ca { path: path.to_owned(), problem };
        let certificates =
            Certificate::from_pem_bundle(&pem).map_err(|problem| invalid(with_sources(&problem)))?;
        if certificates.is_empty() {
            return Err(invalid("there is no `-----BEGIN CERTIFICATE-----`".to_owned()));
        }
        builder = builder.tls_certs_only(certificates);
    }
    builder.build().map_err(|problem| KitError::Client(with_sources(&problem)))
}

fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    value.unwrap_or_default().into_owned()
}

/// Whether a content type is that of JSON (RFC 8259, section 11; RFC 6839, section 3.1).
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn redirected(status: StatusCode) -> &'static str {
    if status.is_redirection() { ", and redirects are not followed" } else { "" }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, sync_channel};
    use std::thread;
    use std::time::Duration;

    use landfall_pki::{Issuer, KeyKind, KeyPair, ServerRequest, Subject, validity_of_days};
    use rustls::pki_types::ServerName;
    use rustls::{ServerConfig, ServerConnection, Stream};

    use super::*;
    use crate::testing::{NOW, replace};

    const SECRET: &str = "0123456789abcdef";
    const ALLOW: &str = r#"{"decision":"allow"}"#;

    /// Long, as the machine may be busy: no test waits for it.
    const MINUTE: Duration = Duration::from_secs(60);

    /// A web server that gives each request the same answer, byte for byte, and closes the connection.
    struct WebServer {
        url: String,
        /// The requests: head and body.
        requests: Receiver<String>,
    }

    impl WebServer {
        fn start(answer: impl Into<Vec<u8>>) -> Self {
            let answer = answer.into();
            Self::with(move |stream| {
                // Who has read enough of the answer hangs up.
                let _ = stream.write_all(&answer);
            })
        }

        fn with(answer: impl Fn(&mut TcpStream) + Send + 'static) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let (sender, requests) = sync_channel(16);
            thread::spawn(move || {
                for stream in listener.incoming() {
                    let mut stream = stream.unwrap();
                    sender.try_send(read_request(&stream)).unwrap();
                    answer(&mut stream);
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

    fn answer(status: &str, content_type: &str, body: &str) -> String {
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    }

    struct Case {
        folder: tempfile::TempDir,
        webhook: Webhook,
    }

    impl Case {
        fn open(url: &str, ca: Option<&str>) -> Result<Self, String> {
            let folder = tempfile::tempdir().unwrap();
            let secret = folder.path().join("secret");
            fs::write(&secret, format!("{SECRET}\n")).unwrap();
            let ca_file = ca.map(|pem| {
                let path = folder.path().join("ca.pem");
                fs::write(&path, pem).unwrap();
                path
            });
            let (limits, now) = (Limits::default(), Instant::now());
            let opened = Webhook::open(url, &secret, ca_file.as_deref(), &limits, now);
            let webhook =
                opened.map_err(|problem| format!("{}: {}", problem.parameter(), with_sources(&problem)))?;
            Ok(Self { folder, webhook })
        }

        async fn ask(&self) -> Result<Answer, String> {
            let body = Bytes::from_static(b"{\"a\":1}");
            let answer = self.webhook.ask(body, Instant::now(), NOW).await;
            answer.map_err(|failure| with_sources(&failure))
        }
    }

    #[tokio::test]
    async fn a_webhook_gets_a_signed_body_and_answers() {
        let body = r#"{"decision":"deny","message":"not ours"}"#;
        let server = WebServer::start(answer("200 OK", "application/json; charset=utf-8", body));
        let case = Case::open(&format!("{}/ask?a=b%20c", server.url), None).unwrap();
        assert_eq!(case.ask().await, Ok(Answer::Deny("not ours".to_owned())));
        let request = server.requests.try_recv().unwrap();
        assert!(request.starts_with("POST /ask?a=b%20c HTTP/1.1\r\n"), "{request}");
        for expected in [
            "\r\ncontent-type: application/json\r\n",
            "\r\nx-landfall-timestamp: 1800000000\r\n",
            // printf '1800000000.{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef
            "\r\nx-landfall-signature: v1=d3e17924cac4a72ca2ee9e5700df170fdb5733eaf69ecd909fb0c18a962b03a5\r\n",
            "\r\nuser-agent: landfall/",
            "\r\n\r\n{\"a\":1}",
        ] {
            assert!(request.contains(expected), "{expected} in {request}");
        }
    }

    #[tokio::test]
    async fn a_secret_that_changes_signs_what_comes_later() {
        let server = WebServer::start(answer("200 OK", "application/json", ALLOW));
        let case = Case::open(&server.url, None).unwrap();
        replace(&case.folder.path().join("secret"), "fedcba9876543210");
        let later = Instant::now() + MINUTE;
        let body = Bytes::from_static(b"{}");
        assert_eq!(case.webhook.ask(body.clone(), later, NOW).await.unwrap(), Answer::Allow(vec![]));
        let secret = WebhookSecret::of_file(b"fedcba9876543210").unwrap();
        let request = server.requests.try_recv().unwrap();
        assert!(request.contains(&secret.sign("1800000000", &body)), "{request}");
    }

    #[tokio::test]
    async fn every_other_answer_is_a_failure_that_names_its_cause() {
        let html = "<html><body>Sign in</body></html>";
        let redirect = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
        let endless = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n";
        let long = format!("{{\"decision\":\"allow\",\"message\":\"{}\"}}", "x".repeat(10_000_000));
        for (sent, expected) in [
            (
                answer("200 OK", "text/html", html),
                "URL answered with the content type \"text/html\", which is not JSON: \"<html><body>Sign in</body></html>\"",
            ),
            (
                answer("200 OK", "application/json", html),
                "the answer is no JSON: expected value at line 1 column 1; it begins with \"<html><body>Sign in</body></html>\"",
            ),
            (
                answer("404 Not Found", "text/html", html),
                "URL answered 404 Not Found: \"<html><body>Sign in</body></html>\"",
            ),
            (
                answer("500 Internal Server Error", "application/json", ALLOW),
                "URL answered 500 Internal Server Error: \"{\\\"decision\\\":\\\"allow\\\"}\"",
            ),
            (redirect.to_owned(), "URL answered 302 Found, and redirects are not followed: \"\""),
            (answer("200 OK", "application/json", &long), "URL answered more than 65536 bytes"),
            (format!("{endless}{long}"), "URL answered more than 65536 bytes"),
            (answer("200 OK", "application/json", ""), "the answer is no JSON: EOF while parsing"),
            (answer("204 No Content", "application/json", ""), "the answer is no JSON: EOF while parsing"),
            (
                answer("200 OK", "application/json", r#"{"decision":"maybe"}"#),
                "the answer's decision is \"maybe\"; it must be \"allow\" or \"deny\"",
            ),
            ("SSH-2.0-OpenSSH_9.9\r\n".to_owned(), "URL did not answer: "),
            (String::new(), "URL did not answer: "),
            (
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{}"
                    .to_owned(),
                "URL did not answer: ",
            ),
        ] {
            let server = WebServer::start(sent);
            let case = Case::open(&format!("{}/secret?token=secret", server.url), None).unwrap();
            let problem = case.ask().await.unwrap_err().replace(&server.url, "URL");
            assert!(problem.starts_with(expected), "{problem}\n{expected}");
            assert!(!problem.contains("secret"), "{problem}");
        }
    }

    #[tokio::test]
    async fn of_a_long_answer_the_rest_is_not_read() {
        let (sender, written) = sync_channel(1);
        let server = WebServer::with(move |stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n").unwrap();
            // It goes on for ever: who reads all of it does not come back.
            while stream.write_all(&[b' '; 1_024]).is_ok() {}
            sender.send(()).unwrap();
        });
        let case = Case::open(&server.url, None).unwrap();
        let problem = case.ask().await.unwrap_err();
        assert!(problem.ends_with("answered more than 65536 bytes"), "{problem}");
        // The connection is closed by a task of this runtime, which must not be kept from it.
        tokio::task::spawn_blocking(move || written.recv().unwrap()).await.unwrap();
    }

    #[tokio::test]
    async fn a_server_that_nobody_listens_for_has_no_answer() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let problem = Case::open(&format!("http://{free}/"), None).unwrap().ask().await.unwrap_err();
        assert!(problem.starts_with(&format!("http://{free} did not answer: ")), "{problem}");
        assert!(problem.contains("refused"), "{problem}");
    }

    /// The TLS of a server whose certificate a CA signed, and the CA's certificate.
    fn tls() -> (ServerConfig, String) {
        let key = || KeyPair::generate(KeyKind::P256).unwrap();
        let validity = validity_of_days(UnixTime::from_secs(1_700_000_000), 36_500);
        let issuer = Issuer::self_signed(&Subject::common_name("nobody").unwrap(), key(), validity).unwrap();
        let (subject, own) = (Subject::common_name("localhost").unwrap(), key());
        let names = ["localhost", "127.0.0.1"].map(|name| ServerName::try_from(name).unwrap());
        let request =
            ServerRequest { subject: &subject, public_key: own.public_key(), validity, names: &names };
        let certificate = issuer.sign_server(&request).unwrap();
        let chain = vec![certificate.der().as_bytes().to_vec().into()];
        let config = ServerConfig::builder_with_provider(Arc::new(landfall_pki::server_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, own.to_private_key_der().unwrap())
            .unwrap();
        (config, issuer.certificate().to_pem())
    }

    #[tokio::test]
    async fn only_a_server_that_somebody_vouches_for_is_asked() {
        let (config, ca) = tls();
        let config = Arc::new(config);
        for ca in [None, Some(ca)] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("https://{}/", listener.local_addr().unwrap());
            let config = Arc::clone(&config);
            let server = thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut tls = ServerConnection::new(config).unwrap();
                let mut tls = Stream::new(&mut tls, &mut stream);
                let mut read = [0; 16];
                let count = tls.read(&mut read).unwrap_or_default();
                // Who has not begun to ask gets no answer.
                let _ = tls.write_all(answer("200 OK", "application/json", ALLOW).as_bytes());
                read[..count].to_vec()
            });
            let case = Case::open(&url, ca.as_deref()).unwrap();
            let answer = case.ask().await;
            let read = tokio::task::spawn_blocking(|| server.join().unwrap()).await.unwrap();
            if ca.is_some() {
                assert_eq!(answer, Ok(Answer::Allow(vec![])));
                assert!(read.starts_with(b"POST "), "{read:?}");
            } else {
                let problem = answer.unwrap_err();
                assert!(problem.contains("invalid peer certificate"), "{problem}");
                assert_eq!(read, b"");
            }
        }
    }

    #[test]
    fn what_cannot_be_a_webhook_is_refused_at_once() {
        for (url, expected) in [
            ("https://example.com/ask", None),
            ("http://127.0.0.1:8000/", None),
            ("http://127.9.9.9/", None),
            ("http://[::1]:8000/", None),
            ("http://localhost/", None),
            ("example.com", Some("the URL cannot be read: relative URL without a base")),
            ("", Some("the URL cannot be read: relative URL without a base")),
            (
                "ftp://example.com/",
                Some("the URL's scheme is ftp; it must be https, or http to this machine itself"),
            ),
            (
                "http://example.com/",
                Some("http is for this machine itself, as http://127.0.0.1:8000/; example.com needs https"),
            ),
            (
                "http://localhost.example.com/",
                Some(
                    "http is for this machine itself, as http://127.0.0.1:8000/; localhost.example.com needs https",
                ),
            ),
            (
                "https://a:b@example.com/",
                Some(
                    "the URL has a user name or a password, which do not belong into settings; the signature tells who asks",
                ),
            ),
        ] {
            let found = Case::open(url, None).err();
            assert_eq!(found, expected.map(|text| format!("Url: Url cannot be used: {text}")), "{url}");
        }
        let problem = Case::open("https://example.com/", Some("no certificate")).err().unwrap();
        assert!(problem.starts_with("CaFile: CaFile cannot be used: "), "{problem}");
        assert!(problem.contains("has no CA certificates in PEM"), "{problem}");
    }

    #[test]
    fn a_secret_has_a_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let secret = |content: &str| {
            fs::write(&path, content).unwrap();
            read_secret(&path).map(drop).map_err(|problem| problem.to_string())
        };
        assert_eq!(secret(SECRET), Ok(()));
        assert_eq!(secret(&"x".repeat(WebhookSecret::BYTES_MAX)), Ok(()));
        for content in ["", "too short\n\n\n\n\n\n\n\n", &"x".repeat(WebhookSecret::BYTES_MAX + 1)] {
            let problem = secret(content).unwrap_err();
            assert!(problem.contains("16 to 4096 are needed"), "{problem}");
        }
        assert!(read_secret(&folder.path().join("absent")).is_err());
    }
}
