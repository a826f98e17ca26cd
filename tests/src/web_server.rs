//! A web server in the process of the test: what webhooks ask, and what it answers.

use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use serde_json::Value;

use crate::process::{DEADLINE, now};

/// A web server on a free port of this machine. It serves until the test ends, each connection in a thread.
pub struct WebServer {
    address: SocketAddr,
    requests: Arc<Requests>,
}

/// A request with a body.
#[derive(Clone, Debug)]
pub struct WebRequest {
    /// Names in small letters, and values.
    headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// What is answered.
#[derive(Clone, Debug)]
pub enum WebAnswer {
    /// Status 200 and this JSON.
    Json(Value),
    /// This status, content type and body.
    Text {
        /// The status.
        status: u16,
        /// The content type.
        content_type: &'static str,
        /// The body.
        body: String,
    },
    /// Nothing, until the client gives up.
    Never,
    /// The head of an answer and the start of its body, and nothing more until the client gives up.
    Unfinished,
}

#[derive(Default)]
struct Requests {
    all: Mutex<Vec<WebRequest>>,
    changed: Condvar,
}

type Answerer = dyn Fn(&WebRequest) -> WebAnswer + Send + Sync;

impl WebServer {
    /// Serves, and answers each request so.
    #[track_caller]
    pub fn start(answer: impl Fn(&WebRequest) -> WebAnswer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (requests, answer) = (Arc::new(Requests::default()), Arc::new(answer) as Arc<Answerer>);
        let recorded = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (recorded, answer) = (Arc::clone(&recorded), Arc::clone(&answer));
                // A connection that ends in the middle is the client's affair.
                thread::spawn(move || serve(stream, &recorded, &*answer).ok());
            }
        });
        Self { address, requests }
    }

    /// Where it serves, as `http://127.0.0.1:5000/`.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// All requests until now, in the order in which they came.
    pub fn requests(&self) -> Vec<WebRequest> {
        self.requests.all.lock().unwrap().clone()
    }

    /// Waits until `wanted` takes the requests that came, and gives what it made of them.
    #[track_caller]
    pub fn wait_for<T>(&self, what: &str, wanted: impl Fn(&[WebRequest]) -> Option<T>) -> T {
        let until = now() + DEADLINE;
        let mut all = self.requests.all.lock().unwrap();
        loop {
            if let Some(found) = wanted(&all) {
                return found;
            }
            let left = until.saturating_duration_since(now());
            if left.is_zero() {
                let count = all.len();
                drop(all);
                panic!("the web server is not asked {what}; {count} requests came");
            }
            all = self.requests.changed.wait_timeout(all, left).unwrap().0;
        }
    }
}

impl WebRequest {
    /// The value of a header; the name is in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body, which is JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The next request of a connection; none at its end.
    fn read(stream: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let mut headers = Vec::new();
        loop {
            line.clear();
            stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut request = Self { headers, body: String::new() };
        let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        stream.take(length).read_to_string(&mut request.body)?;
        Ok(Some(request))
    }
}

fn serve(stream: TcpStream, requests: &Requests, answer: &Answerer) -> io::Result<()> {
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = WebRequest::read(&mut reader)? {
        // Whoever sees a request sees what its answer changed, too.
        let answer = answer(&request);
        requests.all.lock().unwrap().push(request);
        requests.changed.notify_all();
        let (status, content_type, body) = match answer {
            WebAnswer::Json(value) => (200, "application/json", value.to_string()),
            WebAnswer::Text { status, content_type, body } => (status, content_type, body),
            WebAnswer::Never => break,
            WebAnswer::Unfinished => {
                let head =
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"";
                writer.write_all(head.as_bytes())?;
                break;
            }
        };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} -\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n"
        );
        writer.write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
    }
    // Open until the client has had enough.
    io::copy(&mut reader, &mut io::sink()).map(drop)
}
