//! One request for each operation that is built, and that no operation is built without one.

use std::collections::BTreeSet;

use landfall_api::Service;

use super::world::{ARN, World, new_ca, registration_body};
use crate::handler::handlers;

/// A request that succeeds in a new [`World`].
pub(super) struct Sample {
    pub(super) service: Service,
    pub(super) operation: &'static str,
    pub(super) method: &'static str,
    pub(super) target: String,
    pub(super) body: String,
}

pub(super) fn samples(world: &World) -> Vec<Sample> {
    let iot = |operation, method, target: &str, body: &str| Sample {
        service: Service::Iot,
        operation,
        method,
        target: target.to_owned(),
        body: body.to_owned(),
    };
    let (ca, device) = (world.ca_id(), world.device.id());
    // Escaped as the CLI does it.
    let target = format!("{ARN}cert/{device}").replace(':', "%3A").replace('/', "%2F");
    vec![
        iot("GetRegistrationCode", "GET", "/registrationcode", ""),
        iot(
            "RegisterCACertificate",
            "POST",
            "/cacertificate",
            &registration_body(&new_ca("CN=New")).to_string(),
        ),
        iot("DescribeCACertificate", "GET", &format!("/cacertificate/{ca}"), ""),
        iot("UpdateCACertificate", "PUT", &format!("/cacertificate/{ca}?newStatus=INACTIVE"), ""),
        iot("ListCACertificates", "GET", "/cacertificates", ""),
        // What comes before has made it INACTIVE.
        iot("DeleteCACertificate", "DELETE", &format!("/cacertificate/{ca}"), ""),
        iot("DescribeEndpoint", "GET", "/endpoint?endpointType=iot%3AData-ATS", ""),
        iot("DescribeCertificate", "GET", &format!("/certificates/{device}"), ""),
        iot("UpdateCertificate", "PUT", &format!("/certificates/{device}?newStatus=INACTIVE"), ""),
        iot("ListCertificates", "GET", "/certificates", ""),
        iot("ListThings", "GET", "/things", ""),
        iot("DescribeThing", "GET", "/things/thing-1", ""),
        iot("ListThingPrincipals", "GET", "/things/thing-1/principals", ""),
        iot("ListAttachedPolicies", "POST", &format!("/attached-policies/{target}"), "{}"),
        iot("GetPolicy", "GET", "/policies/policy-1", ""),
        Sample {
            service: Service::Sts,
            operation: "GetCallerIdentity",
            method: "POST",
            target: "/".to_owned(),
            body: "Action=GetCallerIdentity&Version=2011-06-15".to_owned(),
        },
    ]
}

#[tokio::test]
async fn every_handler_has_a_sample_and_every_sample_a_handler() {
    let world = World::start().await;
    let built: BTreeSet<_> = handlers().into_iter().map(|(key, _)| (key.service, key.name)).collect();
    let sampled: BTreeSet<_> =
        samples(&world).iter().map(|sample| (sample.service, sample.operation)).collect();
    assert_eq!(built, sampled);
}

#[tokio::test]
async fn a_sample_calls_its_operation_and_succeeds() {
    let world = World::start().await;
    for sample in samples(&world) {
        let service = super::client::signing_name(sample.service);
        let answer = world.signed(service, sample.method, &sample.target, &sample.body).await;
        assert_eq!(answer.status, 200, "{}: {answer:?}", sample.operation);
        assert_eq!(answer.header("x-amzn-requestid").len(), 36, "{}", sample.operation);
    }
}
