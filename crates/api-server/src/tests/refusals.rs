//! Who is not let in, for every operation.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use landfall_api::signature::sign;
use landfall_api::{HttpRequest, OperationKey, Service};
use landfall_model::GreengrassKind;
use landfall_registry::{
    BillingGroups as _, CaCertificates as _, Certificates as _, Destinations as _, EventSourceMappings as _,
    Functions as _, Greengrass as _, Layers as _, Logging as _, MemoryRegistry, PageRequest, Policies as _,
    ReadEventConfigurations as _, RegistrationCodes as _, ThingFilter, ThingGroupFilter, ThingGroups as _,
    ThingTypes as _, Things as _, TopicRules as _,
};

use super::client::{Answer, credentials, key, send, signed, signing_name};
use super::samples::{Sample, built, samples};
use super::world::{ACCESS_KEY_ID, NOW, SECRET, World, build, config};
use crate::handler::UNSIGNED;
use crate::{Authentication, BuildError};

/// Checks the form that a refusal has in the service.
fn assert_refused(service: Service, answer: &Answer, code: &str, query_code: &str) {
    assert_eq!(answer.status, 403, "{answer:?}");
    assert_eq!(answer.header("x-amzn-requestid").len(), 36);
    match service {
        Service::Sts => {
            assert_eq!(answer.header("content-type"), "text/xml");
            assert!(answer.body.contains(&format!("<Code>{query_code}</Code>")), "{answer:?}");
        }
        Service::Iot | Service::IotData | Service::Lambda | Service::Greengrass => {
            assert_eq!(answer.header("content-type"), "application/json");
            assert_eq!(answer.header("x-amzn-errortype"), code);
            assert!(!answer.json()["message"].as_str().unwrap().is_empty());
        }
    }
}

/// Asks every operation that is built but for these, with a changed sample, and expects a refusal that leaves no trace.
async fn assert_all_refused_but(
    exceptions: &[OperationKey],
    change: impl Fn(HttpRequest, &str) -> HttpRequest,
    code: &str,
    query_code: &str,
) {
    let world = World::start().await;
    let before = everything(&world).await;
    let mut asked = BTreeSet::new();
    for sample in samples(&world).into_iter().filter(|sample| !is_one_of(sample, exceptions)) {
        let request = change(sample.request(&world), signing_name(sample.service));
        assert_refused(sample.service, &send(world.address, &request).await, code, query_code);
        asked.insert((sample.service, sample.operation));
    }
    asked.extend(exceptions.iter().map(|key| (key.service, key.name)));
    assert_eq!(asked, built());
    assert_eq!(everything(&world).await, before);
    assert_eq!((world.host.take_stored().len(), world.host.take_invoked().len()), (0, 0));
}

async fn assert_all_refused(change: impl Fn(HttpRequest, &str) -> HttpRequest, code: &str, query_code: &str) {
    assert_all_refused_but(&[], change, code, query_code).await;
}

fn is_one_of(sample: &Sample, operations: &[OperationKey]) -> bool {
    operations.iter().any(|key| (key.service, key.name) == (sample.service, sample.operation))
}

/// All that the samples might change.
async fn everything(world: &World) -> String {
    let (registry, page) = (world.registry.as_ref(), PageRequest::first(99));
    let device = world.device.id();
    format!(
        "{:#?}",
        (
            registry.ca_certificates(page).await.unwrap(),
            registry.certificates(None, page).await.unwrap(),
            registry.policies(page).await.unwrap(),
            registry.principal(device).await.unwrap(),
            registry.things(&ThingFilter::default(), page).await.unwrap(),
            registry.thing_types(page).await.unwrap(),
            (
                registry.thing_groups(&ThingGroupFilter::default(), page).await.unwrap(),
                registry.billing_groups(None, page).await.unwrap(),
            ),
            (registry.every_topic_rule().await.unwrap(), registry.destinations(page).await.unwrap()),
            (
                registry.functions(page).await.unwrap(),
                registry.layers(page).await.unwrap(),
                registry.every_event_source_mapping().await.unwrap(),
                (greengrass(registry).await, registry.greengrass_service_role().await.unwrap()),
            ),
            registry.event_configurations().await.unwrap(),
            (registry.logging_options().await.unwrap(), registry.v2_logging_options().await.unwrap()),
            registry.registration_code().await.unwrap(),
        )
    )
}

/// The groups and definitions of Greengrass, each with its versions.
async fn greengrass(registry: &MemoryRegistry) -> String {
    let mut found = Vec::new();
    for kind in GreengrassKind::ALL {
        for resource in registry.greengrass_resources(kind, PageRequest::first(99)).await.unwrap().items {
            let versions = registry.greengrass_versions(kind, resource.id, PageRequest::first(99)).await;
            found.push((resource, versions.unwrap()));
        }
    }
    format!("{found:#?}")
}

#[tokio::test]
async fn no_operation_takes_an_unsigned_request() {
    let code = "MissingAuthenticationTokenException";
    assert_all_refused_but(&UNSIGNED, |request, _| request, code, "MissingAuthenticationToken").await;
}

/// Each exception has its own tests, which say what takes the place of the signature.
#[test]
fn the_exceptions_are_few() {
    assert_eq!(UNSIGNED.map(|key| (key.service, key.name)), [(Service::Iot, "ConfirmTopicRuleDestination")]);
}

#[tokio::test]
async fn no_operation_takes_another_secret() {
    let wrong = key(ACCESS_KEY_ID, "another-secret");
    let change = |request, service: &str| signed(request, service, &wrong);
    assert_all_refused(change, "InvalidSignatureException", "SignatureDoesNotMatch").await;
}

#[tokio::test]
async fn no_operation_takes_another_key() {
    let wrong = key("AKIASOMEBODYELSE", SECRET);
    let change = |request, service: &str| signed(request, service, &wrong);
    assert_all_refused(change, "UnrecognizedClientException", "InvalidClientTokenId").await;
}

#[tokio::test]
async fn no_operation_takes_a_request_that_was_changed_or_is_old() {
    let change = |request, service: &str| {
        let mut request = signed(request, service, &credentials());
        request.body.push(b' ');
        request
    };
    assert_all_refused(change, "InvalidSignatureException", "SignatureDoesNotMatch").await;
    let old = Timestamp::from_second(NOW.as_secs() - 16 * 60).unwrap();
    let change = |request, service: &str| sign(request, &credentials(), "us-east-1", service, old).unwrap();
    assert_all_refused(change, "InvalidSignatureException", "SignatureDoesNotMatch").await;
}

#[tokio::test]
async fn an_insecure_server_takes_unsigned_requests_but_no_wrong_signature() {
    let world = World::start_with(|config| config.authentication = Authentication::Insecure).await;
    for sample in samples(&world) {
        let request = sample.request(&world);
        if !is_one_of(&sample, &UNSIGNED) {
            let page = request.clone().with_header("origin", "https://evil.example");
            let answer = send(world.address, &page).await;
            let code = "MissingAuthenticationTokenException";
            assert_refused(sample.service, &answer, code, "MissingAuthenticationToken");
        }
        let wrong = key(ACCESS_KEY_ID, "another-secret");
        let answer =
            send(world.address, &signed(request.clone(), signing_name(sample.service), &wrong)).await;
        assert_refused(sample.service, &answer, "InvalidSignatureException", "SignatureDoesNotMatch");
        let answer = send(world.address, &request).await;
        assert!(answer.is_success(), "{}: {answer:?}", sample.operation);
    }
}

#[tokio::test]
async fn an_insecure_server_stays_on_loopback() {
    let mut config = config();
    config.authentication = Authentication::Insecure;
    config.listen = ([0, 0, 0, 0], 0).into();
    let result = build(config, Arc::new(MemoryRegistry::new())).await;
    assert!(matches!(result, Err(BuildError::InsecureOffLoopback { .. })));
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let world = World::start().await;
    let mut config = config();
    config.listen = world.address;
    let Err(error) = build(config, Arc::new(MemoryRegistry::new())).await else {
        panic!("the port is in use");
    };
    assert_eq!(
        error.to_string(),
        format!(
            "the address {} is in use; stop the program that listens there, or choose another port",
            world.address
        )
    );
}

#[tokio::test]
async fn older_sdks_sign_for_execute_api() {
    let world = World::start().await;
    let answer = world.signed("execute-api", "GET", "/things/thing-1", "").await;
    assert_eq!(answer.ok()["thingName"], "thing-1");
}
