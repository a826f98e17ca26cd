//! A client of the API that signs, and is quick enough to be no part of what is measured.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, ensure};
use bytes::{Buf as _, Bytes, BytesMut};
use jiff::Timestamp;
use landfall_api::HttpRequest;
use landfall_api::signature::{Credentials, sign};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How long one call may take before the run is given up.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The most bytes of an answer's head.
const HEAD_BYTES_MAX: usize = 64 * 1_024;

/// Who calls which server.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) address: SocketAddr,
    host: String,
    credentials: Credentials,
    region: String,
    service: &'static str,
}

/// A connection, opened when it is needed and kept as long as the server keeps it.
pub(crate) struct Connection<'c> {
    caller: &'c Caller,
    stream: Option<TcpStream>,
    inbox: BytesMut,
}

/// What of an answer's head matters here.
struct Head {
    status: u16,
    length: usize,
    is_last: bool,
}

impl Caller {
    /// A caller of the server at `http://ADDR:PORT`, for the service `iot`.
    pub(crate) fn new(endpoint: &str, credentials: Credentials, region: String) -> Result<Self> {
        let host = endpoint.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let address = host.parse().with_context(|| format!("{endpoint:?} is not http:// and an address"))?;
        Ok(Self { address, host, credentials, region, service: "iot" })
    }

    /// The same for another service.
    pub(crate) fn of_service(&self, service: &'static str) -> Self {
        Self { service, ..self.clone() }
    }

    /// A signed request as it goes over the wire.
    fn encode(&self, request: HttpRequest) -> Result<Vec<u8>> {
        #[expect(clippy::disallowed_methods, reason = "a signature tells the real time")]
        let now = Timestamp::try_from(SystemTime::now())?;
        let request = request.with_header("host", &self.host);
        let request = sign(request, &self.credentials, &self.region, self.service, now)?;
        let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
        let mut text = format!("{} {}{query} HTTP/1.1\r\n", request.method, request.path);
        for (name, value) in request.headers.iter() {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("content-length: {}\r\n\r\n", request.body.len()));
        let mut bytes = text.into_bytes();
        bytes.extend(request.body);
        Ok(bytes)
    }
}

impl<'c> Connection<'c> {
    pub(crate) fn new(caller: &'c Caller) -> Self {
        Self { caller, stream: None, inbox: BytesMut::with_capacity(HEAD_BYTES_MAX) }
    }

    /// Sends a request, which must be answered with a status of success. The body of the answer.
    pub(crate) async fn call(&mut self, request: HttpRequest) -> Result<Bytes> {
        tokio::time::timeout(TIMEOUT, self.exchange(request)).await.context("a call took too long")?
    }

    async fn exchange(&mut self, request: HttpRequest) -> Result<Bytes> {
        let line = format!("{} {}", request.method, request.path);
        let bytes = self.caller.encode(request)?;
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(self.caller.address).await?;
                stream.set_nodelay(true)?;
                stream
            }
        };
        stream.write_all(&bytes).await?;
        let head = loop {
            if let Some(head) = Head::take(&mut self.inbox)? {
                break head;
            }
            ensure!(self.inbox.len() <= HEAD_BYTES_MAX, "{line}: the head of the answer is too long");
            ensure!(stream.read_buf(&mut self.inbox).await? > 0, "{line}: closed without an answer");
        };
        while self.inbox.len() < head.length {
            ensure!(stream.read_buf(&mut self.inbox).await? > 0, "{line}: closed within the answer");
        }
        let body = self.inbox.split_to(head.length).freeze();
        ensure!(
            (200..300).contains(&head.status),
            "{line}: {} {}",
            head.status,
            String::from_utf8_lossy(&body)
        );
        if !head.is_last {
            self.stream = Some(stream);
        }
        Ok(body)
    }
}

impl Head {
    /// Takes the head off the front of what came, once it is complete.
    fn take(inbox: &mut BytesMut) -> Result<Option<Self>> {
        let Some(end) = inbox.windows(4).position(|window| window == b"\r\n\r\n") else {
            return Ok(None);
        };
        let text = String::from_utf8(inbox.split_to(end).to_vec())?;
        inbox.advance(4);
        let mut lines = text.split("\r\n");
        let status =
            lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|status| status.parse().ok());
        let mut head =
            Self { status: status.context("an answer without a status")?, length: 0, is_last: false };
        for line in lines {
            let (name, value) = line.split_once(':').context("a header without a colon")?;
            match name.to_ascii_lowercase().as_str() {
                "content-length" => head.length = value.trim().parse()?,
                "connection" => head.is_last = value.trim().eq_ignore_ascii_case("close"),
                "transfer-encoding" => anyhow::bail!("an answer in chunks, which this client does not read"),
                _ => {}
            }
        }
        Ok(Some(head))
    }
}

/// Calls for so long over so many connections, each request made from its number. How many calls, and how long they took.
pub(crate) async fn call_for(
    caller: &Arc<Caller>,
    connections: usize,
    duration: Duration,
    request: impl Fn(usize) -> HttpRequest + Send + Sync + 'static,
) -> Result<(usize, Duration)> {
    let began = Instant::now();
    let calls = call(caller, connections, request, usize::MAX, move || began.elapsed() >= duration).await?;
    Ok((calls, began.elapsed()))
}

/// Calls once for each number, over so many connections.
pub(crate) async fn call_all(
    caller: &Arc<Caller>,
    connections: usize,
    numbers: Range<usize>,
    request: impl Fn(usize) -> HttpRequest + Send + Sync + 'static,
) -> Result<()> {
    let count = numbers.len();
    let request = move |number| request(numbers.start + number);
    call(caller, connections, request, count, || false).await?;
    Ok(())
}

/// Calls over so many connections, `calls_max` times at most, until it is over. How many calls: those with the numbers
/// below that.
async fn call(
    caller: &Arc<Caller>,
    connections: usize,
    request: impl Fn(usize) -> HttpRequest + Send + Sync + 'static,
    calls_max: usize,
    is_over: impl Fn() -> bool + Send + Sync + 'static,
) -> Result<usize> {
    let (next, work) = (Arc::new(AtomicUsize::new(0)), Arc::new((request, is_over)));
    let mut workers = JoinSet::new();
    for _ in 0..connections {
        let (caller, next, work) = (Arc::clone(caller), Arc::clone(&next), Arc::clone(&work));
        workers.spawn(async move {
            let (request, is_over) = &*work;
            let mut connection = Connection::new(&caller);
            let mut calls = 0_usize;
            while !is_over() {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= calls_max {
                    break;
                }
                connection.call(request(number)).await?;
                calls += 1;
            }
            anyhow::Ok(calls)
        });
    }
    let mut calls = 0;
    while let Some(worker) = workers.join_next().await {
        calls += worker.context("a worker panicked")??;
    }
    Ok(calls)
}
