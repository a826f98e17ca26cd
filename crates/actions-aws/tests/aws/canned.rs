use std::io::{BufRead, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

/// A server that gives each request the same answer.
pub(crate) struct Canned {
    pub(crate) endpoint: String,
    /// The requests: head and body.
    pub(crate) requests: Receiver<String>,
}

impl Canned {
    /// Answers with this status and body, and says which code of an error that is.
    pub(crate) fn start(status: u16, error_code: &str, body: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let (sender, requests) = sync_channel(16);
        let error_type =
            if error_code.is_empty() { String::new() } else { format!("x-amzn-ErrorType: {error_code}\r\n") };
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let request = read_request(&mut BufReader::new(&stream));
                // Before the answer, so that a test that has the answer finds the request.
                sender.try_send(request).expect("a test makes less requests than there is room for");
                let length = body.len();
                write!(
                    stream,
                    "HTTP/1.1 {status} Canned\r\n{error_type}Content-Type: application/x-amz-json-1.0\r\n\
                     Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                )
                .expect("the client reads");
            }
        });
        Self { endpoint, requests }
    }
}

fn read_request(stream: &mut impl BufRead) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).expect("the client writes") > 0 {}
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().expect("a length"))
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).expect("the whole body");
    format!("{head}{}", String::from_utf8_lossy(&body))
}
