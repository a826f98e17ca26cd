//! A server whose devices have just what a test gives them, and a device that finds out what it may do.

use landfall_mqtt::{ClientEvent, ProtocolVersion, QoS, ReasonCode};
use landfall_tests::{Api, Came, Connect, Device, DeviceCertificate, Landfall, QuickCa, Refused};
use serde_json::{Value, json};

/// What every ARN of a server with the usual account and region begins with.
pub(super) const PREFIX: &str = "arn:aws:iot:us-east-1:000000000000:";

/// A policy of these statements.
pub(super) fn policy(statements: &[Value]) -> Value {
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// A statement that allows an action, as `Publish`, on resources without the beginning of their ARNs.
pub(super) fn allow(action: &str, resources: &[&str]) -> Value {
    statement("Allow", action, resources)
}

/// A statement that denies an action, as `Publish`, on resources without the beginning of their ARNs.
pub(super) fn deny(action: &str, resources: &[&str]) -> Value {
    statement("Deny", action, resources)
}

fn statement(effect: &str, action: &str, resources: &[&str]) -> Value {
    let resources: Vec<_> = resources.iter().map(|resource| format!("{PREFIX}{resource}")).collect();
    json!({"Effect": effect, "Action": format!("iot:{action}"), "Resource": resources})
}

/// Both versions of MQTT.
pub(super) fn both_versions() -> [Connect; 2] {
    [Connect::default(), Connect::v5()]
}

/// A server with a registered CA, whose devices are registered by the API with nothing attached.
pub(super) struct World {
    pub(super) server: Landfall,
    pub(super) api: Api,
    pub(super) ca: QuickCa,
}

impl World {
    #[track_caller]
    pub(super) fn start() -> Self {
        Self::start_with(&[])
    }

    #[track_caller]
    pub(super) fn start_with(arguments: &[&str]) -> Self {
        let server = Landfall::start_with(arguments);
        let (api, ca) = (server.api(), QuickCa::registered(&server));
        Self { server, api, ca }
    }

    /// A device with this subject, registered and ACTIVE, with its ARN. Nothing is attached to it.
    #[track_caller]
    pub(super) fn registered(&self, subject: &[(&str, &str)]) -> (DeviceCertificate, String) {
        let certificate = self.ca.issue(subject);
        let arn = self.api.register_certificate(&certificate);
        (certificate, arn)
    }

    /// A device of this common name with a policy of its own, which has the same name.
    #[track_caller]
    pub(super) fn with_policy(&self, name: &str, document: &Value) -> (DeviceCertificate, String) {
        let (certificate, arn) = self.registered(&[("CN", name)]);
        self.api.create_policy(name, document);
        self.api.attach_policy(name, &arn);
        (certificate, arn)
    }

    /// A device that is connected and may do everything.
    #[track_caller]
    pub(super) fn operator(&self) -> Device {
        let everything = json!({"Effect": "Allow", "Action": "iot:*", "Resource": "*"});
        let (certificate, _) = self.with_policy("operator", &policy(&[everything]));
        Device::connect(&self.server, &certificate, "operator").expect("an operator may do everything")
    }

    #[track_caller]
    pub(super) fn probe<'w>(
        &'w self,
        certificate: &'w DeviceCertificate,
        client_id: &str,
        connect: &Connect,
    ) -> Probe<'w> {
        let (client_id, connect) = (client_id.to_owned(), connect.clone());
        Probe { server: &self.server, certificate, client_id, connect, device: None }
    }
}

/// Publishes with quality of service 1, and waits for the PUBACK: every subscriber then has the message in its queue.
#[track_caller]
pub(super) fn publish(device: &mut Device, topic: &str, payload: &str) {
    let sent = device.publish_qos1(topic, payload);
    assert!(!device.puback(sent).is_failure(), "{topic}");
}

/// A device that finds out what it may do. It connects as it is needed, and again where a refusal ended its connection;
/// that each refusal has the form that its version of MQTT gives it is checked on the way.
pub(super) struct Probe<'w> {
    server: &'w Landfall,
    certificate: &'w DeviceCertificate,
    client_id: String,
    connect: Connect,
    device: Option<Device>,
}

impl Probe<'_> {
    /// Connects anew.
    #[track_caller]
    pub(super) fn may_connect(&mut self) -> bool {
        let refusal = match self.connect.version {
            ProtocolVersion::V311 => Refused::Closed,
            ProtocolVersion::V5 => Refused::Connack(ReasonCode::NotAuthorized),
        };
        match Device::connect_with(self.server, self.certificate, &self.client_id, &self.connect) {
            Ok(device) => self.device = Some(device),
            Err(refused) => {
                assert_eq!(refused, refusal, "{} is refused in another way", self.client_id);
                self.device = None;
            }
        }
        self.device.is_some()
    }

    /// The connection.
    #[track_caller]
    pub(super) fn device(&mut self) -> &mut Device {
        assert!(self.device.is_some() || self.may_connect(), "{} may not connect", self.client_id);
        self.device.as_mut().expect("it is connected")
    }

    /// Publishes with quality of service 1. Messages that come meanwhile are passed over.
    #[track_caller]
    pub(super) fn may_publish(&mut self, topic: &str) -> bool {
        let is_v5 = self.connect.version == ProtocolVersion::V5;
        let device = self.device();
        let sent = device.publish_qos1(topic, "x");
        loop {
            match device.next() {
                Came::Event(ClientEvent::Message(_)) => {}
                Came::Event(ClientEvent::PubAck { packet_id, reason, .. }) => {
                    assert_eq!(packet_id, sent);
                    let is_denial = is_v5 && reason == ReasonCode::NotAuthorized;
                    assert!(!reason.is_failure() || is_denial, "{topic}: {reason:?}");
                    return !is_denial;
                }
                Came::Closed if !is_v5 => {
                    self.device = None;
                    return false;
                }
                came @ (Came::Event(_) | Came::Closed | Came::Reset | Came::Alert(_) | Came::Nothing) => {
                    panic!("{topic}: no PUBACK but {came:?}")
                }
            }
        }
    }

    /// Subscribes with quality of service 1.
    #[track_caller]
    pub(super) fn may_subscribe(&mut self, filter: &str) -> bool {
        let denial = match self.connect.version {
            ProtocolVersion::V311 => ReasonCode::UnspecifiedError,
            ProtocolVersion::V5 => ReasonCode::NotAuthorized,
        };
        let granted = self.device().subscribe(filter, QoS::AtLeastOnce);
        assert!(granted == ReasonCode::GrantedQoS1 || granted == denial, "{filter}: {granted:?}");
        granted == ReasonCode::GrantedQoS1
    }
}
