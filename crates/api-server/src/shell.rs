//! HTTP becomes plain data, and plain data becomes HTTP.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use aws_lc_rs::rand;
use axum::body::{Body, HttpBody as _};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use landfall_api::{ApiError, ErrorCode, HttpRequest, HttpResponse, RequestId};
use tokio::time::{Instant, timeout};
use tracing::{debug, info};

use crate::config::Limits;
use crate::connection::ConnectionInfo;
use crate::dispatch::{App, Trace};
use crate::failure::{Failure, invalid};

/// How many bytes of a body that is too large are read and thrown away, as a multiple of the limit: a client that is
/// still sending does not see an answer.
const DISCARDED_PER_LIMIT: usize = 8;

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
    let answer = carry_out(&app, &parts, body, &mut request, &id, &mut trace);
    let answer = match timeout(app.limits.request_timeout, answer).await {
        Ok(answer) => answer,
        Err(_elapsed) => Err(took_too_long(&app.limits)),
    };
    let response = answer.unwrap_or_else(|failure| app.refuse(&request, &failure, &id, &mut trace));
    info!(
        request.id = %id,
        peer = %connection.peer,
        method = request.method,
        path = %request.path.chars().take(LOGGED_PATH_CHARS_MAX).collect::<String>(),
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

/// Reads the rest of the request within the limits and answers it.
async fn carry_out(
    app: &App,
    parts: &Parts,
    body: Body,
    request: &mut HttpRequest,
    id: &RequestId,
    trace: &mut Trace,
) -> Result<HttpResponse, Failure> {
    let Ok(permit) = app.requests.try_acquire() else {
        let message = format!(
            "{} requests are under way, which is the limit requests_max; try again",
            app.limits.requests_max
        );
        return Err(ApiError::new(ErrorCode::ServiceUnavailable, message).into());
    };
    read_headers(parts, &app.limits, request)?;
    request.body = read_body(body, app.limits.body_bytes_max).await?;
    let answer = app.answer(request, id, trace).await;
    drop(permit);
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
    let mut bytes = Vec::new();
    let mut count = 0_usize;
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|error| invalid(format!("the body cannot be read: {error}")))?;
        // Trailers say nothing that is read here.
        let Ok(data) = frame.into_data() else { continue };
        count = count.saturating_add(data.len());
        if count <= bytes_max {
            bytes.extend_from_slice(&data);
        } else if count > bytes_max.saturating_mul(DISCARDED_PER_LIMIT) {
            break;
        }
    }
    if count <= bytes_max {
        return Ok(bytes);
    }
    Err(too_large(format!("the body is too large: at most {bytes_max} bytes are read")))
}

fn too_large(message: String) -> ApiError {
    ApiError::new(ErrorCode::RequestEntityTooLarge, message)
}

fn took_too_long(limits: &Limits) -> Failure {
    let seconds = limits.request_timeout.as_secs_f32();
    let message =
        format!("the request took longer than {seconds} s, which is the limit request_timeout; try again");
    ApiError::new(ErrorCode::ServiceUnavailable, message).into()
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
