//! The Runtime API, version 2018-06-01: how a runtime gets its work and gives its answers
//! (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).

use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::{get, post};
use axum::serve::Listener;
use bytes::{Bytes, BytesMut};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::exchange::{Answer, Event, Exchange, Refused};
use crate::invocation::FunctionFailure;

/// The Runtime API of one process, on a port of its own.
pub(crate) struct RuntimeApi {
    listener: RuntimeListener,
    address: SocketAddr,
    router: Router,
}

impl RuntimeApi {
    /// Listens on a free port of the loopback interface.
    ///
    /// # Errors
    /// There is none.
    pub(crate) async fn bind(
        exchange: Arc<Exchange>,
        answer_bytes_max: usize,
        connections_max: usize,
    ) -> io::Result<Self> {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = tcp.local_addr()?;
        let connections = Arc::new(Semaphore::new(connections_max.clamp(1, Semaphore::MAX_PERMITS)));
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .fallback(not_there)
            .layer(from_fn(no_browser))
            .with_state(Shared { exchange, answer_bytes_max });
        Ok(Self { listener: RuntimeListener { tcp, connections }, address, router })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `ended`: then the connections are closed.
    pub(crate) async fn serve(self, ended: CancellationToken) {
        let Self { listener, address, router } = self;
        let serving = axum::serve(listener, router).with_graceful_shutdown(ended.clone().cancelled_owned());
        tokio::select! {
            served = serving => if let Err(error) = served {
                debug!(%address, %error, "a Runtime API is no longer served");
            },
            // Requests that still wait are those of a process that is gone.
            () = ended.cancelled() => {}
        }
    }
}

#[derive(Clone)]
struct Shared {
    exchange: Arc<Exchange>,
    answer_bytes_max: usize,
}

async fn next(State(shared): State<Shared>) -> Response {
    let request = match shared.exchange.next() {
        Ok(request) => request,
        Err(refused) => return refusal(refused),
    };
    match request.event().await {
        Some(event) => give(event),
        None => refusal(Refused::State),
    }
}

async fn response(State(shared): State<Shared>, Path(id): Path<String>, request: Request) -> Response {
    let max = shared.answer_bytes_max;
    let (answer, status) = match read_body(request.into_body(), max).await {
        Ok(Read { body, error_type: None }) => (Answer::Returned(body), StatusCode::ACCEPTED),
        // A streamed answer that broke off says so in a trailer.
        Ok(Read { body, error_type: Some(error_type) }) => {
            (Answer::Failed(FunctionFailure::told(body, Some(&error_type))), StatusCode::ACCEPTED)
        }
        Err(Unread::TooLarge) => {
            let message =
                format!("Response payload size exceeded maximum allowed payload size ({max} bytes).");
            let failure = FunctionFailure::new(ANSWER_TOO_LARGE, message);
            (Answer::Failed(failure), StatusCode::PAYLOAD_TOO_LARGE)
        }
        Err(Unread::Broken) => return told(StatusCode::BAD_REQUEST, "InvalidRequest", "the body broke off"),
    };
    match shared.exchange.answer(&id, answer) {
        Ok(()) if status == StatusCode::PAYLOAD_TOO_LARGE => told(
            status,
            "RequestEntityTooLarge",
            &format!("Exceeded maximum allowed payload size ({max} bytes)."),
        ),
        Ok(()) => accepted(),
        Err(refused) => refusal(refused),
    }
}

async fn error(State(shared): State<Shared>, Path(id): Path<String>, request: Request) -> Response {
    let Ok(failure) = read_failure(request, shared.answer_bytes_max).await else {
        return told(StatusCode::BAD_REQUEST, "InvalidRequest", "the body broke off, or is too large");
    };
    shared.exchange.answer(&id, Answer::Failed(failure)).map_or_else(refusal, |()| accepted())
}

async fn init_error(State(shared): State<Shared>, request: Request) -> Response {
    let Ok(failure) = read_failure(request, shared.answer_bytes_max).await else {
        return told(StatusCode::BAD_REQUEST, "InvalidRequest", "the body broke off, or is too large");
    };
    shared.exchange.init_failed(failure).map_or_else(refusal, |()| accepted())
}

async fn not_there() -> Response {
    told(StatusCode::NOT_FOUND, "NotFound", "the Runtime API has no such resource")
}

/// Keeps pages out that somebody's browser shows on this machine: their requests would take events from functions.
async fn no_browser(request: Request, next: Next) -> Response {
    let of_browser = ["origin", "sec-fetch-site", "sec-fetch-mode"];
    if of_browser.iter().any(|name| request.headers().contains_key(*name)) {
        return told(StatusCode::FORBIDDEN, "Forbidden", "the Runtime API is not for browsers");
    }
    next.run(request).await
}

/// The event as the runtime gets it.
fn give(event: Event) -> Response {
    let Event { request_id, deadline_ms, function_arn, trace_id, body } = event;
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    for (name, value) in [
        (REQUEST_ID, request_id.to_string()),
        (DEADLINE, deadline_ms.to_string()),
        (FUNCTION_ARN, function_arn.as_ref().to_owned()),
        (TRACE_ID, trace_id),
    ] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
    response
}

/// What was read of an answer.
struct Read {
    body: Bytes,
    /// The type of the error that a trailer tells of.
    error_type: Option<String>,
}

enum Unread {
    TooLarge,
    Broken,
}

async fn read_failure(request: Request, bytes_max: usize) -> Result<FunctionFailure, Unread> {
    let error_type = text_of(request.headers(), &ERROR_TYPE);
    let Read { body, .. } = read_body(request.into_body(), bytes_max).await?;
    Ok(FunctionFailure::told(body, error_type.as_deref()))
}

/// Reads a body. Of one that is too large the rest is read too, within bounds: who is still sending sees no answer.
async fn read_body(mut body: Body, bytes_max: usize) -> Result<Read, Unread> {
    let mut bytes = BytesMut::new();
    let mut count = 0_usize;
    let mut error_type = None;
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        match frame.map_err(|_| Unread::Broken)?.into_data() {
            Ok(data) => {
                count = count.saturating_add(data.len());
                if count <= bytes_max {
                    bytes.extend_from_slice(&data);
                } else if count > bytes_max.saturating_mul(DISCARDED_PER_LIMIT) {
                    break;
                }
            }
            Err(frame) => error_type = frame.trailers_ref().and_then(|fields| text_of(fields, &ERROR_TYPE)),
        }
    }
    if count > bytes_max {
        return Err(Unread::TooLarge);
    }
    Ok(Read { body: bytes.freeze(), error_type })
}

fn text_of(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

fn accepted() -> Response {
    json_response(StatusCode::ACCEPTED, &json!({ "status": "OK" }))
}

fn refusal(refused: Refused) -> Response {
    match refused {
        Refused::RequestId => {
            told(StatusCode::BAD_REQUEST, "InvalidRequestID", "no invocation of this id is under way")
        }
        Refused::State => told(StatusCode::FORBIDDEN, "InvalidStateTransition", "the request is out of turn"),
    }
}

fn told(status: StatusCode, error_type: &str, message: &str) -> Response {
    json_response(status, &json!({ "errorMessage": message, "errorType": error_type }))
}

fn json_response(status: StatusCode, body: &serde_json::Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    response
}

const JSON: &str = "application/json";
const REQUEST_ID: HeaderName = HeaderName::from_static("lambda-runtime-aws-request-id");
const DEADLINE: HeaderName = HeaderName::from_static("lambda-runtime-deadline-ms");
const FUNCTION_ARN: HeaderName = HeaderName::from_static("lambda-runtime-invoked-function-arn");
const TRACE_ID: HeaderName = HeaderName::from_static("lambda-runtime-trace-id");
const ERROR_TYPE: HeaderName = HeaderName::from_static("lambda-runtime-function-error-type");

/// The type of the error when an answer is too large.
const ANSWER_TOO_LARGE: &str = "Function.ResponseSizeTooLarge";

/// How many bytes of a body that is too large are read and thrown away, as a multiple of the limit.
const DISCARDED_PER_LIMIT: usize = 8;

/// Takes so many connections at once, and lets more wait.
struct RuntimeListener {
    tcp: TcpListener,
    connections: Arc<Semaphore>,
}

/// A connection, and its place among those that there may be.
struct RuntimeStream {
    tcp: TcpStream,
    _place: Option<OwnedSemaphorePermit>,
}

impl Listener for RuntimeListener {
    type Io = RuntimeStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        // Nobody closes the semaphore.
        let place = Arc::clone(&self.connections).acquire_owned().await.ok();
        let (tcp, peer) = Listener::accept(&mut self.tcp).await;
        // Small packets go both ways: none may wait for another.
        if let Err(error) = tcp.set_nodelay(true) {
            debug!(%error, "TCP_NODELAY cannot be set");
        }
        (RuntimeStream { tcp, _place: place }, peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

impl AsyncRead for RuntimeStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(context, buffer)
    }
}

impl AsyncWrite for RuntimeStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}
