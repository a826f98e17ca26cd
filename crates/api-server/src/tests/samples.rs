//! One request for each operation that is built, and that no operation is built without one.

use std::collections::BTreeSet;

use landfall_api::{HttpRequest, Service};

use super::client::{credentials, send, signed, signing_name};
use super::world::World;
use super::{
    authorization, billing_groups, ca_certificates, certificates, event_configurations,
    event_source_mappings, function_policies, functions, greengrass, greengrass_definitions, invocations,
    layers, logging, messages, policies, tags, thing_groups, thing_types, things, topic_rule_destinations,
    topic_rules,
};
use crate::handler::handlers;

/// A request that succeeds in a new [`World`] in which the samples before it were sent.
pub(super) struct Sample {
    pub(super) service: Service,
    pub(super) operation: &'static str,
    method: &'static str,
    target: String,
    header: Option<(&'static str, String)>,
    body: String,
}

impl Sample {
    /// A request of the service iot.
    pub(super) fn iot(operation: &'static str, method: &'static str, target: &str, body: &str) -> Self {
        Self {
            service: Service::Iot,
            operation,
            method,
            target: target.to_owned(),
            header: None,
            body: body.to_owned(),
        }
    }

    /// The same request for another service.
    pub(super) fn for_service(self, service: Service) -> Self {
        Self { service, ..self }
    }

    /// The same request with a header field.
    pub(super) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.header = Some((name, value.to_owned()));
        self
    }

    /// The request, not yet signed.
    pub(super) fn request(&self, world: &World) -> HttpRequest {
        let request = world.request(self.method, &self.target, &self.body);
        match &self.header {
            Some((name, value)) => request.with_header(name, value),
            None => request,
        }
    }
}

/// The service and the name of every operation that is built.
pub(super) fn built() -> BTreeSet<(Service, &'static str)> {
    handlers().into_iter().map(|(key, _)| (key.service, key.name)).collect()
}

/// A sample of every operation.
pub(super) fn samples(world: &World) -> Vec<Sample> {
    let of_settings = [tags::samples(), event_configurations::samples(), logging::samples()];
    let mut samples = things::samples(world);
    samples.extend(thing_types::samples());
    samples.extend(thing_groups::samples());
    samples.extend(billing_groups::samples());
    samples.extend(of_settings.into_iter().flatten());
    samples.extend(policies::samples(world));
    samples.extend(authorization::samples(world));
    samples.extend(certificates::samples(world));
    samples.extend(ca_certificates::samples(world));
    samples.extend(messages::samples());
    samples.extend(topic_rules::samples());
    samples.extend(topic_rule_destinations::samples());
    samples.extend(functions::samples());
    samples.extend(function_policies::samples());
    samples.extend(invocations::samples());
    samples.extend(layers::samples());
    samples.extend(greengrass::samples());
    samples.extend(greengrass_definitions::samples());
    samples.extend(event_source_mappings::samples());
    samples.extend(others());
    samples
}

fn others() -> Vec<Sample> {
    let identity =
        Sample::iot("GetCallerIdentity", "POST", "/", "Action=GetCallerIdentity&Version=2011-06-15");
    vec![
        Sample::iot("DescribeEndpoint", "GET", "/endpoint?endpointType=iot%3AData-ATS", ""),
        identity.for_service(Service::Sts),
    ]
}

#[tokio::test]
async fn every_handler_has_a_sample_and_every_sample_a_handler() {
    let world = World::start().await;
    let sampled: BTreeSet<_> =
        samples(&world).iter().map(|sample| (sample.service, sample.operation)).collect();
    assert_eq!(built(), sampled);
}

#[tokio::test]
async fn a_sample_calls_its_operation_and_succeeds() {
    let world = World::start().await;
    for sample in samples(&world) {
        let request = signed(sample.request(&world), signing_name(sample.service), &credentials());
        let answer = send(world.address, &request).await;
        assert!(answer.is_success(), "{}: {answer:?}", sample.operation);
        assert_eq!(answer.header("x-amzn-requestid").len(), 36, "{}", sample.operation);
    }
}
