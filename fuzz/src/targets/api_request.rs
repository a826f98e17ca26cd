use std::fmt;
use std::sync::LazyLock;

use landfall_api::ca_certificate::{
    DeleteCaCertificateRequest, DescribeCaCertificateRequest, ListCaCertificatesRequest,
    RegisterCaCertificateRequest, UpdateCaCertificateRequest,
};
use landfall_api::caller_identity::GetCallerIdentityRequest;
use landfall_api::certificate::{
    DescribeCertificateRequest, ListCertificatesRequest, UpdateCertificateRequest,
};
use landfall_api::endpoint::DescribeEndpointRequest;
use landfall_api::policy::{GetPolicyRequest, ListAttachedPoliciesRequest};
use landfall_api::registration_code::GetRegistrationCodeRequest;
use landfall_api::signature::claimed_service;
use landfall_api::thing::{DescribeThingRequest, ListThingPrincipalsRequest, ListThingsRequest};
use landfall_api::{
    ApiError, ApiOperation, Call, HttpRequest, OperationKey, PageTokens, Protocol, RequestId, Router,
    Service, ServiceModels,
};

use super::http_text::read_request;

/// The routing, binding and validation of requests to every service.
///
/// The input is the text of a request. What is resolved fits the struct of its operation and has a path that means
/// one thing only; what is refused is answered with an error that cannot break out of its header or body.
pub fn api_request(data: &[u8]) {
    let request = read_request(data);
    let claimed = claimed_service(&request);
    for scope in [claimed.as_deref(), None] {
        match ROUTER.service(&request, scope) {
            Ok(service) => assert!(ROUTER.model(service).is_some()),
            Err(error) => check_refusal(None, &error),
        }
    }
    for service in Service::ALL {
        match ROUTER.resolve(&request, service) {
            Ok(call) => {
                check_call(&request, &call);
                let again = ROUTER.resolve(&request, service).map(|again| again.value().clone());
                assert_eq!(again.as_ref(), Ok(call.value()), "the same request has another input");
            }
            Err(error) => check_refusal(Some(service), &error),
        }
    }
}

/// What is done with a call of one operation.
#[derive(Clone, Copy)]
pub(super) struct Handler(fn(&Call<'_, Handler>) -> Result<(), ApiError>);

/// A router with a handler for every operation there is, so that binding and validation see all shapes.
pub(super) static ROUTER: LazyLock<Router<Handler>> = LazyLock::new(|| {
    let models = ServiceModels::embedded().expect("the models in the crate");
    let operations = models.iter().flat_map(|model| {
        let service = model.service();
        model.operations().iter().map(move |operation| (service, operation.name().to_owned()))
    });
    let handlers = operations.map(|(service, name)| {
        // The router wants names that live as long as the process, and there is one router.
        let key = OperationKey { service, name: String::leak(name) };
        (
            key,
            TYPED
                .iter()
                .find(|(typed, _)| *typed == key)
                .map_or(Handler(|_| Ok(())), |(_, handler)| *handler),
        )
    });
    Router::new(handlers.collect::<Vec<_>>()).expect("each operation once")
});

/// The operations whose input has a struct.
const TYPED: [(OperationKey, Handler); 16] = [
    typed::<DeleteCaCertificateRequest>(),
    typed::<DescribeCaCertificateRequest>(),
    typed::<DescribeCertificateRequest>(),
    typed::<DescribeEndpointRequest>(),
    typed::<DescribeThingRequest>(),
    typed::<GetCallerIdentityRequest>(),
    typed::<GetPolicyRequest>(),
    typed::<GetRegistrationCodeRequest>(),
    typed::<ListAttachedPoliciesRequest>(),
    typed::<ListCaCertificatesRequest>(),
    typed::<ListCertificatesRequest>(),
    typed::<ListThingPrincipalsRequest>(),
    typed::<ListThingsRequest>(),
    typed::<RegisterCaCertificateRequest>(),
    typed::<UpdateCaCertificateRequest>(),
    typed::<UpdateCertificateRequest>(),
];

const fn typed<T: ApiOperation>() -> (OperationKey, Handler) {
    (T::KEY, Handler(|call| call.input::<T>().map(drop)))
}

fn check_call(request: &HttpRequest, call: &Call<'_, Handler>) {
    let operation = call.operation();
    assert!(call.value().is_object());
    if let Err(error) = (call.handler().0)(call) {
        panic!("a valid input of {} does not fit its struct: {error}", operation.name());
    }
    // A token is never one of ours here, so that a page is refused or the first one.
    if let Ok(page) = call.page(&PageTokens::new(&[0xC3; 32])) {
        assert!(page.after.is_none() && page.size > 0);
    }
    let model = ROUTER.model(operation.service()).expect("the model of an operation");
    if model.protocol() == Protocol::RestJson {
        assert_eq!(operation.method(), request.method);
        let inner = request.path.strip_prefix('/').expect("a path begins with a slash");
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        let is_plain = |segment: &str| !matches!(segment, "" | "." | "..");
        assert!(inner.is_empty() || inner.split('/').all(is_plain), "{:?} is resolved", request.path);
    }
}

fn check_refusal(service: Option<Service>, error: &ApiError) {
    let response = ROUTER.respond_error(service, error, &RequestId::from_random([0; 16]));
    assert!((400..600).contains(&response.status), "{error} has the status {}", response.status);
    assert_eq!(response.status, ROUTER.error_status(service, error));
    for (name, value) in response.headers.iter() {
        assert!(!format!("{name}{value}").contains(char::is_control), "{name}: {value:?}");
    }
    if service != Some(Service::Sts) {
        let body: Result<serde_json::Value, _> = serde_json::from_slice(&response.body);
        assert!(body.is_ok_and(|body| body.is_object()), "{error} has a body that is no JSON object");
    }
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handler")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_corpus_calls_every_operation_that_has_a_struct() {
        let mut called = BTreeSet::new();
        for data in crate::targets::corpus("api_request") {
            let request = read_request(&data);
            for service in Service::ALL {
                if let Ok(call) = ROUTER.resolve(&request, service) {
                    called.insert((service, call.operation().name()));
                }
            }
        }
        for (key, _) in TYPED {
            assert!(called.contains(&(key.service, key.name)), "{} is not called", key.name);
        }
    }
}
