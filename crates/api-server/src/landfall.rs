//! What AWS has no operation for: JSON under `/landfall/v1`, signed for the service `landfall`.
//!
//! | request | answer |
//! | --- | --- |
//! | `GET /landfall/v1/health` | status 200 when the server answers; needs no signature |
//! | `GET /landfall/v1/registrations?status=&ca=&code=&since=&until=&limit=&after=&order=` | [`Registrations`]; `since` and `until` in milliseconds since 1970 |
//! | `GET /landfall/v1/certificates/{id}/registrations` | [`Registrations`], all on one page |
//! | `POST /landfall/v1/certificates/{id}/explain` with an [`ExplainRequest`](crate::explanation::ExplainRequest) | [`ExplainResponse`](crate::explanation::ExplainResponse) |
//! | `POST /landfall/v1/certificates/{id}/registration/retry` | [`RetryOutcome`](crate::registration_job::RetryOutcome) |
//! | `GET /landfall/v1/registration-jobs?status=&ca=&limit=&after=&order=` | [`RegistrationJobs`](crate::registration_job::RegistrationJobs) |
//! | `GET /landfall/v1/registration-jobs/{certificate}` | [`RegistrationJob`](crate::registration_job::RegistrationJob) |
//! | `GET /landfall/v1/handshake-rejections` | [`Rejections`] |
//! | `POST /landfall/v1/settings/reload` | `{}`: the registrar uses its settings as they are now |
//! | `GET /landfall/v1/deliveries?status=&rule=&certificate=&limit=&after=&order=` | [`Deliveries`](crate::delivery::Deliveries) |
//! | `GET /landfall/v1/deliveries/{id}` | [`Delivery`](crate::delivery::Delivery) |
//! | `POST /landfall/v1/deliveries/{id}/replay` | [`Delivery`](crate::delivery::Delivery), which waits again |
//! | `GET /landfall/v1/functions/{name}/logs?after=&wait=` | [`FunctionLog`](crate::function_log::FunctionLog) from the byte `after` on; waits up to `wait` seconds for one |

use std::net::SocketAddr;

use landfall_api::{ApiError, ErrorCode, Headers, HttpRequest, HttpResponse, RequestId};
use landfall_model::{CertificateId, Outcome, OutcomeKind, RegistrationRecord, UnixTime};
use landfall_registry::{Cursor, Order, PageRequest, RecordFilter};
use serde::{Deserialize, Serialize};

use crate::dispatch::{App, Trace};
use crate::failure::{Failure, invalid};
use crate::{delivery, explanation, function_log, registration_job, settings};

/// The service that these requests are signed for.
pub const SERVICE: &str = "landfall";

/// How many records a page has when the caller does not say.
pub const LIMIT_DEFAULT: u32 = 100;

/// How many records a page has at most; a larger limit is refused.
pub const LIMIT_MAX: u32 = 1_000;

/// How many deliveries a page has at most: each can have hundreds of KB. A larger limit is refused.
pub const DELIVERIES_MAX: u32 = 100;

const ROOT: &str = "/landfall/v1/";
const HEALTH: &str = "/landfall/v1/health";

/// A connection that was turned away and has no place in the registration log: its chain was not verified, or it is that of a
/// certificate whose policies, or whose status, do not let it connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandshakeRejection {
    /// When.
    pub at: UnixTime,
    /// Who.
    pub peer: SocketAddr,
    /// A stable name of the reason, for programs.
    pub code: String,
    /// The reason in words.
    pub message: String,
}

/// Remembers the last rejected handshakes: the broker, through whoever wires the two.
pub trait RejectionSource: Send + Sync + 'static {
    /// Those that are remembered, the oldest first.
    fn handshake_rejections(&self) -> Vec<HandshakeRejection>;
}

/// Entries of the registration log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Registrations {
    /// The entries, by the time of their first attempt.
    pub registrations: Vec<Registration>,
    /// Sent as `after`, it leads to the next page; none when this was the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// What became of the attempts of one certificate to be registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Registration {
    /// The certificate.
    pub certificate_id: String,
    /// The CA certificate that issued it.
    pub ca_certificate_id: String,
    /// When the first of these attempts began, in milliseconds since 1970.
    pub first_at_ms: i64,
    /// When the last of these attempts ended, in milliseconds since 1970.
    pub last_at_ms: i64,
    /// How many attempts ended so, one after the other.
    pub attempts: u64,
    /// From CONNECT to the decision, in microseconds, for the last attempt.
    pub duration_us: u64,
    /// The subject's serial number, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial_number: Option<String>,
    /// The subject's product, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_id: Option<String>,
    /// How they ended.
    pub outcome: RegistrationOutcome,
}

/// How an attempt to register ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum RegistrationOutcome {
    /// The device was provisioned and its certificate is ACTIVE.
    Success {
        /// Its thing.
        thing_name: String,
        /// Its kind: `iot` or `greengrass`.
        device_type: String,
    },
    /// Its certificate became ACTIVE while it waited: a function behind a topic rule did that, or an operator.
    Activated {
        /// The first of its things, if it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        thing_name: Option<String>,
    },
    /// Its certificate stays as it was.
    Failure {
        /// A stable name of the reason, for programs.
        code: String,
        /// The reason in words.
        message: String,
    },
}

/// The last connections that were turned away and have no place in the registration log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rejections {
    /// The oldest first.
    pub handshake_rejections: Vec<Rejection>,
}

/// A connection that was turned away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rejection {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// Who, `ADDR:PORT`.
    pub peer: String,
    /// A stable name of the reason, for programs.
    pub code: String,
    /// The reason in words.
    pub message: String,
}

/// What can be asked for here.
enum Operation<'r> {
    Registrations,
    CertificateRegistrations { certificate: &'r str },
    RetryRegistration { certificate: &'r str },
    RegistrationJobs,
    RegistrationJob { certificate: &'r str },
    Explain { certificate: &'r str },
    HandshakeRejections,
    Deliveries,
    Delivery { id: &'r str },
    ReplayDelivery { id: &'r str },
    ReloadSettings,
    FunctionLog { name: &'r str },
}

impl<F> RejectionSource for F
where
    F: Fn() -> Vec<HandshakeRejection> + Send + Sync + 'static,
{
    fn handshake_rejections(&self) -> Vec<HandshakeRejection> {
        self()
    }
}

/// Whether the request asks for nothing but a sign of life.
pub(crate) fn is_health(request: &HttpRequest) -> bool {
    request.path == HEALTH && request.method == "GET"
}

/// The sign of life.
pub(crate) fn health(id: &RequestId) -> HttpResponse {
    json_response(br#"{"status":"ok"}"#.to_vec(), id)
}

/// Whether the request is for this part of the API.
pub(crate) fn is_here(request: &HttpRequest) -> bool {
    request.path.starts_with(ROOT)
}

/// Answers a request for this part of the API.
///
/// # Errors
/// It is signed for another service, asks for nothing that is here, or the registry failed.
pub(crate) async fn answer(
    app: &App,
    request: &HttpRequest,
    signed_for: Option<&str>,
    id: &RequestId,
    trace: &mut Trace,
) -> Result<HttpResponse, Failure> {
    if let Some(other) = signed_for.filter(|service| *service != SERVICE) {
        let message = format!("the request is signed for the service {other:?}; sign it for {SERVICE:?}");
        return Err(ApiError::new(ErrorCode::InvalidSignature, message).into());
    }
    let operation = Operation::of(request)?;
    trace.operation = Some(operation.name().to_owned());
    if request.method != operation.method() {
        let (name, method) = (operation.name(), operation.method());
        let message = format!("{name} is asked for with {method}, not with {}", request.method);
        return Err(ApiError::new(ErrorCode::MethodNotAllowed, message).into());
    }
    check_parameters(&request.query, operation.parameters())?;
    let body = match operation {
        Operation::Registrations => serde_json::to_vec(&registrations(app, &request.query).await?),
        Operation::CertificateRegistrations { certificate } => {
            serde_json::to_vec(&certificate_registrations(app, certificate).await?)
        }
        Operation::RetryRegistration { certificate } => {
            serde_json::to_vec(&registration_job::retry(app, certificate).await?)
        }
        Operation::RegistrationJobs => {
            serde_json::to_vec(&registration_job::list(app, &request.query).await?)
        }
        Operation::RegistrationJob { certificate } => {
            serde_json::to_vec(&registration_job::get(app, certificate).await?)
        }
        Operation::Explain { certificate } => {
            serde_json::to_vec(&explanation::explain(app, certificate, &request.body).await?)
        }
        Operation::HandshakeRejections => serde_json::to_vec(&rejections(app)),
        Operation::Deliveries => serde_json::to_vec(&delivery::list(app, &request.query).await?),
        Operation::Delivery { id } => serde_json::to_vec(&delivery::get(app, id).await?),
        Operation::ReloadSettings => serde_json::to_vec(&settings::reload(app).await?),
        Operation::ReplayDelivery { id } => serde_json::to_vec(&delivery::replay(app, id).await?),
        Operation::FunctionLog { name } => {
            serde_json::to_vec(&function_log::get(app, name, &request.query).await?)
        }
    };
    let body = body.map_err(|error| Failure::internal("writing the answer", error))?;
    Ok(json_response(body, id))
}

impl<'r> Operation<'r> {
    fn of(request: &'r HttpRequest) -> Result<Self, ApiError> {
        let path = request.path.strip_prefix(ROOT).unwrap_or_default();
        let segments: Vec<&str> = path.split('/').collect();
        match segments.as_slice() {
            ["registrations"] => Ok(Self::Registrations),
            ["certificates", certificate, "registrations"] => {
                Ok(Self::CertificateRegistrations { certificate })
            }
            ["certificates", certificate, "registration", "retry"] => {
                Ok(Self::RetryRegistration { certificate })
            }
            ["registration-jobs"] => Ok(Self::RegistrationJobs),
            ["registration-jobs", certificate] => Ok(Self::RegistrationJob { certificate }),
            ["certificates", certificate, "explain"] => Ok(Self::Explain { certificate }),
            ["handshake-rejections"] => Ok(Self::HandshakeRejections),
            ["deliveries"] => Ok(Self::Deliveries),
            ["deliveries", id] => Ok(Self::Delivery { id }),
            ["settings", "reload"] => Ok(Self::ReloadSettings),
            ["deliveries", id, "replay"] => Ok(Self::ReplayDelivery { id }),
            ["functions", name, "logs"] => Ok(Self::FunctionLog { name }),
            _ => {
                let message = format!("no operation answers {} {}", request.method, cut(&request.path));
                Err(ApiError::new(ErrorCode::UnknownOperation, message))
            }
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Registrations => "ListRegistrations",
            Self::CertificateRegistrations { .. } => "ListCertificateRegistrations",
            Self::RetryRegistration { .. } => "RetryRegistration",
            Self::RegistrationJobs => "ListRegistrationJobs",
            Self::RegistrationJob { .. } => "GetRegistrationJob",
            Self::Explain { .. } => "ExplainDecision",
            Self::HandshakeRejections => "ListHandshakeRejections",
            Self::Deliveries => "ListDeliveries",
            Self::Delivery { .. } => "GetDelivery",
            Self::ReplayDelivery { .. } => "ReplayDelivery",
            Self::ReloadSettings => "ReloadSettings",
            Self::FunctionLog { .. } => "GetFunctionLog",
        }
    }

    fn method(&self) -> &'static str {
        match self {
            Self::Registrations
            | Self::CertificateRegistrations { .. }
            | Self::RegistrationJobs
            | Self::RegistrationJob { .. }
            | Self::HandshakeRejections
            | Self::Deliveries
            | Self::Delivery { .. }
            | Self::FunctionLog { .. } => "GET",
            // A question in a body, since topics would have to be escaped in a query.
            Self::Explain { .. }
            | Self::ReplayDelivery { .. }
            | Self::ReloadSettings
            | Self::RetryRegistration { .. } => "POST",
        }
    }

    fn parameters(&self) -> &'static [&'static str] {
        match self {
            Self::Registrations => &["status", "ca", "code", "since", "until", "limit", "after", "order"],
            Self::RegistrationJobs => &["status", "ca", "limit", "after", "order"],
            Self::Deliveries => &["status", "rule", "certificate", "limit", "after", "order"],
            Self::FunctionLog { .. } => &["after", "wait"],
            Self::CertificateRegistrations { .. }
            | Self::RetryRegistration { .. }
            | Self::RegistrationJob { .. }
            | Self::Explain { .. }
            | Self::HandshakeRejections
            | Self::Delivery { .. }
            | Self::ReplayDelivery { .. }
            | Self::ReloadSettings => &[],
        }
    }
}

async fn registrations(app: &App, query: &str) -> Result<Registrations, Failure> {
    let page = app.registry.records(&record_filter(query)?, page_request(query, LIMIT_MAX)?).await?;
    Ok(Registrations {
        next: page.next.map(|cursor| cursor.get().to_string()),
        registrations: page.items.into_iter().map(registration).collect(),
    })
}

/// The filter of a query. The values need no escapes.
fn record_filter(query: &str) -> Result<RecordFilter, ApiError> {
    let mut filter = RecordFilter::default();
    for (name, value) in parameters(query) {
        let wrong = |problem: &dyn std::fmt::Display| invalid(format!("{name}: {problem}"));
        let moment = || {
            let milliseconds = value.parse().map(UnixTime::from_millis);
            milliseconds
                .map_err(|_| invalid(format!("{name} is {:?}; it takes milliseconds since 1970", cut(value))))
        };
        match name {
            "status" => {
                filter.outcome = Some(OutcomeKind::parse(value).map_err(|error| wrong(&error))?);
            }
            "ca" => filter.ca = Some(value.parse().map_err(|error| wrong(&error))?),
            "code" => filter.code = Some(value.to_owned()),
            "since" => filter.since = Some(moment()?),
            "until" => filter.until = Some(moment()?),
            _ => {}
        }
    }
    Ok(filter)
}

async fn certificate_registrations(app: &App, certificate: &str) -> Result<Registrations, Failure> {
    let id: CertificateId = certificate.parse().map_err(invalid)?;
    let records = app.registry.certificate_records(id).await?;
    Ok(Registrations { registrations: records.into_iter().map(registration).collect(), next: None })
}

fn rejections(app: &App) -> Rejections {
    let wire = |rejection: HandshakeRejection| {
        let HandshakeRejection { at, peer, code, message } = rejection;
        Rejection { at_ms: at.as_millis(), peer: peer.to_string(), code, message }
    };
    Rejections { handshake_rejections: app.rejections.handshake_rejections().into_iter().map(wire).collect() }
}

fn registration(record: RegistrationRecord) -> Registration {
    let RegistrationRecord {
        certificate,
        ca,
        first_at,
        last_at,
        attempts,
        duration_us,
        serial_number,
        product_id,
        outcome,
    } = record;
    Registration {
        certificate_id: certificate.to_string(),
        ca_certificate_id: ca.to_string(),
        first_at_ms: first_at.as_millis(),
        last_at_ms: last_at.as_millis(),
        attempts,
        duration_us,
        serial_number,
        product_id,
        outcome: match outcome {
            Outcome::Success { thing, device_type } => RegistrationOutcome::Success {
                thing_name: thing.to_string(),
                device_type: device_type.as_str().to_owned(),
            },
            Outcome::Activated { thing } => {
                RegistrationOutcome::Activated { thing_name: thing.map(|thing| thing.to_string()) }
            }
            Outcome::Failure(rejection) => {
                RegistrationOutcome::Failure { code: rejection.code, message: rejection.message }
            }
        },
    }
}

/// The page that a query asks for, of at most `limit_max`; its other parameters are left to whoever knows them.
pub(crate) fn page_request(query: &str, limit_max: u32) -> Result<PageRequest, ApiError> {
    let mut page = PageRequest::first(LIMIT_DEFAULT.min(limit_max));
    for (name, value) in parameters(query) {
        match name {
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=limit_max).contains(limit));
                page.limit = limit.ok_or_else(|| {
                    invalid(format!("limit is {:?}; it takes a number from 1 to {limit_max}", cut(value)))
                })?;
            }
            "after" => {
                let position = value.parse().map_err(|_| {
                    invalid(format!("after is {:?}; it takes the `next` of the page before", cut(value)))
                })?;
                page.after = Some(Cursor::new(position));
            }
            "order" => {
                page.order = match value {
                    "ascending" => Order::Ascending,
                    "descending" => Order::Descending,
                    other => {
                        return Err(invalid(format!(
                            "order is {:?}; it takes ascending or descending",
                            cut(other)
                        )));
                    }
                };
            }
            _ => {}
        }
    }
    Ok(page)
}

/// Whether the query has no other parameters than these.
fn check_parameters(query: &str, known: &[&str]) -> Result<(), ApiError> {
    match parameters(query).find(|(name, _)| !known.contains(name)) {
        Some((name, _)) => Err(invalid(format!("the parameter {:?} is not known here", cut(name)))),
        None => Ok(()),
    }
}

/// The parameters of a query as sent. Those that are known here need no escapes.
pub(crate) fn parameters(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts.map(|part| part.split_once('=').unwrap_or((part, "")))
}

pub(crate) fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}

fn json_response(body: Vec<u8>, id: &RequestId) -> HttpResponse {
    let mut headers = Headers::new();
    headers.append("content-type", "application/json");
    headers.append("x-amzn-requestid", id.as_str());
    HttpResponse { status: 200, headers, body }
}
