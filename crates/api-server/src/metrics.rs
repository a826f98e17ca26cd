//! `GET /metrics`: what the server counts and measures, for Prometheus. It needs no signature, since Prometheus makes none, and
//! tells no more than names of functions and rules.

use landfall_api::{Headers, HttpRequest, HttpResponse, RequestId};

/// Counts and measures: the server, through whoever wires the two.
pub trait MetricsSource: Send + Sync + 'static {
    /// All that was counted and measured, in the text form of OpenMetrics 1.0.
    fn text(&self) -> String;
}

const PATH: &str = "/metrics";
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Whether the request asks for the metrics.
pub(crate) fn is_here(request: &HttpRequest) -> bool {
    request.path == PATH && request.method == "GET"
}

/// The metrics.
pub(crate) fn answer(source: &dyn MetricsSource, id: &RequestId) -> HttpResponse {
    let mut headers = Headers::new();
    headers.append("content-type", CONTENT_TYPE);
    headers.append("x-amzn-requestid", id.as_str());
    HttpResponse { status: 200, headers, body: source.text().into_bytes() }
}
