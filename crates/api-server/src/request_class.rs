//! What a request may cost, which its method and path tell before its body is read.

use std::time::Duration;

use landfall_api::signature::claimed_service;
use landfall_api::{HttpRequest, Router, Service};
use landfall_model::Function;

use crate::config::Limits;

/// The requests that have limits in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestClass {
    /// Any that is not of another class.
    Plain,
    /// It carries code: large, and much work to read.
    CodeUpload,
    /// It waits for a function.
    Invocation,
}

impl RequestClass {
    /// The class of a request, by its head. Nothing that it says has to be true: a class lets it cost more, not do more.
    pub(crate) fn of<H>(router: &Router<H>, request: &HttpRequest) -> Self {
        let claimed = claimed_service(request);
        let Ok(Service::Lambda) = router.service(request, claimed.as_deref()) else {
            return Self::Plain;
        };
        match router.operation(request, Service::Lambda).map(|operation| operation.name()) {
            Some("CreateFunction" | "UpdateFunctionCode" | "PublishLayerVersion") => Self::CodeUpload,
            Some("Invoke") => Self::Invocation,
            Some(_) | None => Self::Plain,
        }
    }

    /// How many bytes the body may have.
    pub(crate) fn body_bytes_max(self, limits: &Limits) -> usize {
        match self {
            Self::Plain => limits.body_bytes_max,
            Self::CodeUpload => limits.code_bytes_max,
            Self::Invocation => limits.invocation_bytes_max,
        }
    }

    /// How long the request may take until its body is there, with the name of that limit.
    pub(crate) fn body_timeout(self, limits: &Limits) -> (Duration, &'static str) {
        match self {
            Self::Plain | Self::Invocation => (limits.request_timeout, "request_timeout"),
            Self::CodeUpload => (limits.code_upload_timeout, "code_upload_timeout"),
        }
    }

    /// How long the request may take until its answer, with the name of that limit.
    pub(crate) fn timeout(self, limits: &Limits) -> (Duration, &'static str) {
        match self {
            Self::Plain | Self::CodeUpload => self.body_timeout(limits),
            // The handler knows the function's own timeout; this is what no function can have.
            Self::Invocation => {
                let longest = Duration::from_secs(Function::TIMEOUT_S_MAX.into()) + limits.invocation_slack;
                (limits.request_timeout + longest, "invocation_slack")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::handlers;

    #[test]
    fn a_class_is_known_by_method_and_path() {
        let router = Router::new(handlers()).unwrap();
        let check = |method: &str, target: &str, expected: RequestClass| {
            let found = RequestClass::of(&router, &HttpRequest::new(method, target));
            assert_eq!(found, expected, "{method} {target}");
        };
        check("POST", "/2015-03-31/functions", RequestClass::CodeUpload);
        check("POST", "/2015-03-31/functions/", RequestClass::CodeUpload);
        check("PUT", "/2015-03-31/functions/f/code", RequestClass::CodeUpload);
        check("PUT", "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1/code", RequestClass::CodeUpload);
        check("POST", "/2018-10-31/layers/l/versions", RequestClass::CodeUpload);
        check("POST", "/2015-03-31/functions/f/invocations?Qualifier=%24LATEST", RequestClass::Invocation);
        check("GET", "/2015-03-31/functions", RequestClass::Plain);
        check("PUT", "/2015-03-31/functions/f/configuration", RequestClass::Plain);
        check("POST", "/things/a", RequestClass::Plain);
        check("POST", "/", RequestClass::Plain);
        check("POST", "/nothing", RequestClass::Plain);
    }

    #[test]
    fn the_scope_of_the_signature_counts() {
        let router = Router::new(handlers()).unwrap();
        let signed = |service: &str| {
            let authorization = format!(
                "AWS4-HMAC-SHA256 Credential=AKIA/20260102/us-east-1/{service}/aws4_request, \
                 SignedHeaders=host, Signature={}",
                "a".repeat(64)
            );
            let request = HttpRequest::new("POST", "/2015-03-31/functions");
            RequestClass::of(&router, &request.with_header("authorization", &authorization))
        };
        assert_eq!(signed("lambda"), RequestClass::CodeUpload);
        assert_eq!(signed("iot"), RequestClass::Plain);
        assert_eq!(signed("s3"), RequestClass::Plain);
    }

    #[test]
    fn limits_differ_by_class() {
        let limits = Limits::default();
        let check = |class: RequestClass, bytes, body_s, whole_s| {
            let seconds =
                [class.body_timeout(&limits).0, class.timeout(&limits).0].map(|time| time.as_secs());
            assert_eq!((class.body_bytes_max(&limits), seconds), (bytes, [body_s, whole_s]), "{class:?}");
        };
        check(RequestClass::Plain, 1 << 20, 30, 30);
        check(RequestClass::CodeUpload, 70 << 20, 300, 300);
        check(RequestClass::Invocation, 6 << 20, 30, 990);
    }
}
