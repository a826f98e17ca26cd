//! HTTP becomes plain data, and plain data becomes HTTP.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand;
use axum::body::{Body, HttpBody as _};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use landfall_api::{ApiError, ErrorCode, HttpRequest, HttpResponse, RequestId};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, SemaphorePermit};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};
use tracing::{debug, info};

use crate::config::Limits;
use crate::connection::ConnectionInfo;
use crate::dispatch::{App, Trace};
use crate::failure::{Failure, invalid};
use crate::request_class::RequestClass;
use crate::topic_rule_destination::without_token;

/// How many bytes of a body that is too large are read and thrown away, as a multiple of the limit: a client that is
/// still sending does not see an answer.
const DISCARDED_PER_LIMIT: usize = 8;

/// How many bytes of a body that is too large are read and thrown away at most.
const DISCARDED_BYTES_MAX: usize = 64 * 1_024 * 1_024;

/// How many characters of a path the log repeats.
const LOGGED_PATH_CHARS_MAX: usize = 256;

/// Takes every request.
pub(crate) async fn serve(
    State(app): State<Arc<App>>,
    ConnectInfo(connection): ConnectInfo<ConnectionInfo>,
    request: Request,
) -> Response {
    let serving = connection.activity.begin();
    let started = Instant::now();
    let id = request_id();
    let (parts, body) = request.into_parts();
    let mut request = HttpRequest {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        ..HttpRequest::default()
    };
    let mut trace = Trace::default();
    let answer = match read_headers(&parts, &app.limits, &mut request) {
        Ok(()) => carry_out(&app, body, &mut request, &id, &mut trace).await,
        Err(refusal) => Err(refusal.into()),
    };
    let response = answer.unwrap_or_else(|failure| app.refuse(&request, &failure, &id, &mut trace));
    info!(
        request.id = %id,
        peer = %connection.peer,
        method = request.method,
        path = %logged_path(&request.path),
        operation = trace.operation,
        access_key.id = trace.access_key_id.as_ref().map(|id| id.as_str()),
        status = response.status,
        error = trace.error.map(ErrorCode::name),
        duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        "request answered"
    );
    drop(serving);
    to_http(response)
}

/// Reads the body of the request within the limits of its class, and answers it.
async fn carry_out(
    app: &Arc<App>,
    body: Body,
    request: &mut HttpRequest,
    id: &RequestId,
    trace: &mut Trace,
) -> Result<HttpResponse, Failure> {
    let class = RequestClass::of(&app.router, request);
    let started = Instant::now();
    let (body_timeout, body_limit) = class.body_timeout(&app.limits);
    let (whole_timeout, whole_limit) = class.timeout(&app.limits);
    let taking = async {
        let turn = match Turn::take(app, class, request).await {
            Ok(turn) => turn,
            Err(refusal) => {
                discard(body, request, class.body_bytes_max(&app.limits)).await;
                return Err(refusal);
            }
        };
        request.body = read_body(body, class.body_bytes_max(&app.limits)).await?;
        Ok::<Turn<'_>, Failure>(turn)
    };
    let turn = timeout_at(started + body_timeout, taking).await;
    let turn = turn.map_err(|_elapsed| took_too_long(body_timeout, body_limit))??;
    let answering = async {
        match turn {
            Turn::OfRequests(_permit) => app.answer(request, id, trace).await,
            Turn::OfUploads(_permit, upload) => answer_upload(app, upload, request, id, trace).await,
        }
    };
    let answer = timeout_at(started + whole_timeout, answering).await;
    answer.map_err(|_elapsed| took_too_long(whole_timeout, whole_limit))?
}

/// What lets a request go on, for as long as it is kept.
enum Turn<'a> {
    /// One of the requests, or of the invocations, that may be under way.
    OfRequests(SemaphorePermit<'a>),
    /// One of the requests, and one of the uploads of code.
    OfUploads(SemaphorePermit<'a>, OwnedSemaphorePermit),
}

impl<'a> Turn<'a> {
    /// Waits for the turn of a request, or tells it to come back.
    ///
    /// # Errors
    /// Too many requests are under way, or nobody who may upload code has signed it.
    async fn take(app: &'a App, class: RequestClass, request: &HttpRequest) -> Result<Self, Failure> {
        let Limits { requests_max, invocations_max, .. } = app.limits;
        match class {
            RequestClass::Plain => match app.requests.try_acquire() {
                Ok(permit) => Ok(Self::OfRequests(permit)),
                Err(_) => Err(busy(ErrorCode::ServiceUnavailable, "requests", requests_max)),
            },
            RequestClass::Invocation => {
                app.check_claim(request)?;
                match app.invocations.try_acquire() {
                    Ok(permit) => Ok(Self::OfRequests(permit)),
                    Err(_) => Err(busy(ErrorCode::TooManyRequests, "invocations", invocations_max)),
                }
            }
            RequestClass::CodeUpload => {
                app.check_claim(request)?;
                // Those that wait for their turn take no place from other requests.
                let upload = Arc::clone(&app.code_uploads).acquire_owned().await;
                let upload = upload.map_err(|error| Failure::internal("waiting for other uploads", error))?;
                match app.requests.try_acquire() {
                    Ok(permit) => Ok(Self::OfUploads(permit, upload)),
                    Err(_) => Err(busy(ErrorCode::ServiceUnavailable, "requests", requests_max)),
                }
            }
        }
    }
}

/// Answers a request with code where its hashing and reading, which can take most of a second, hold up nobody else.
async fn answer_upload(
    app: &Arc<App>,
    upload: OwnedSemaphorePermit,
    request: &mut HttpRequest,
    id: &RequestId,
    trace: &mut Trace,
) -> Result<HttpResponse, Failure> {
    // The head stays here, for the answer to a request that takes too long.
    let body = std::mem::take(&mut request.body);
    let mut whole = HttpRequest { body, ..request.clone() };
    let (app, id, runtime) = (Arc::clone(app), id.clone(), Handle::current());
    let answering = spawn_blocking(move || {
        let mut trace = Trace::default();
        let answer = runtime.block_on(app.answer(&mut whole, &id, &mut trace));
        // Not before: an upload that has run out of time still takes its memory.
        drop(upload);
        (answer, trace)
    });
    let joined =
        answering.await.map_err(|error| Failure::internal("answering a request with code", error))?;
    let (answer, found) = joined;
    *trace = found;
    answer
}

/// Copies the header fields, unless the head is larger than it may be.
fn read_headers(parts: &Parts, limits: &Limits, request: &mut HttpRequest) -> Result<(), ApiError> {
    let fields = parts.headers.len();
    if fields > limits.header_fields_max {
        let max = limits.header_fields_max;
        return Err(too_large(format!("the request has {fields} header fields, and at most {max} are read")));
    }
    let target_bytes = request.path.len() + request.query.len();
    let field_bytes = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len());
    let bytes = target_bytes + field_bytes.sum::<usize>();
    if bytes > limits.head_bytes_max {
        let max = limits.head_bytes_max;
        return Err(too_large(format!(
            "the path, query and header fields have {bytes} bytes, and at most {max} are read"
        )));
    }
    for (name, value) in &parts.headers {
        let Ok(value) = std::str::from_utf8(value.as_bytes()) else {
            return Err(invalid(format!("the header {:?} is not UTF-8", name.as_str())));
        };
        request.headers.append(name.as_str(), value);
    }
    Ok(())
}

/// Reads a body, unless it is larger than `bytes_max`.
async fn read_body(mut body: Body, bytes_max: usize) -> Result<Vec<u8>, ApiError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    // What is not written to takes no memory, so nothing is gained by announcing much.
    let mut bytes = Vec::with_capacity(announced.min(bytes_max));
    let read_max =
        bytes_max.saturating_mul(DISCARDED_PER_LIMIT).min(bytes_max.saturating_add(DISCARDED_BYTES_MAX));
    let mut count = 0_usize;
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|error| invalid(format!("the body cannot be read: {error}")))?;
        // Trailers say nothing that is read here.
        let Ok(data) = frame.into_data() else { continue };
        count = count.saturating_add(data.len());
        if count <= bytes_max {
            bytes.extend_from_slice(&data);
        } else if count > read_max {
            break;
        }
    }
    if count <= bytes_max {
        return Ok(bytes);
    }
    Err(too_large(format!("the body is too large: at most {bytes_max} bytes are read")))
}

/// Reads a body that nobody wants, unless the client waits until it is told to send it.
async fn discard(mut body: Body, request: &HttpRequest, bytes_max: usize) {
    let mut count = 0_usize;
    while count <= bytes_max && request.headers.get("expect").is_none() {
        let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await else {
            return;
        };
        count = count.saturating_add(frame.data_ref().map_or(0, |data| data.len()));
    }
}

fn too_large(message: String) -> ApiError {
    ApiError::new(ErrorCode::RequestEntityTooLarge, message)
}

fn busy(code: ErrorCode, what: &str, max: usize) -> Failure {
    let message = format!("{max} {what} are under way, which is the limit {what}_max; try again");
    ApiError::new(code, message).into()
}

fn took_too_long(limit: Duration, name: &str) -> Failure {
    let seconds = limit.as_secs_f32();
    let message = format!("the request took longer than {seconds} s, which is the limit {name}; try again");
    ApiError::new(ErrorCode::ServiceUnavailable, message).into()
}

/// The path as the log has it: not too long, and without the token that would confirm a destination.
fn logged_path(path: &str) -> String {
    without_token(path).chars().take(LOGGED_PATH_CHARS_MAX).collect()
}

/// A random id. It only tells requests apart, so one of zeros does no harm.
fn request_id() -> RequestId {
    let mut bytes = [0; 16];
    if rand::fill(&mut bytes).is_err() {
        debug!("the system gave no random bytes for a request id");
    }
    RequestId::from_random(bytes)
}

fn to_http(response: HttpResponse) -> Response {
    let HttpResponse { status, headers, body } = response;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers.iter() {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => {
                response.headers_mut().append(name, value);
            }
            (Err(_), _) | (_, Err(_)) => debug!(header = name, "a header of the answer cannot be sent"),
        }
    }
    response
}
