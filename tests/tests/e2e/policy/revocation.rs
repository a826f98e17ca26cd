//! A thousand live connections of a thousand certificates, which all end within a second of what ends them.

use std::thread;
use std::time::{Duration, Instant};

use landfall_mqtt::{ClientEvent, ProtocolVersion, ReasonCode};
use landfall_tests::{Ca, Came, Device, DeviceCertificate, KeyKind, QuickCa, Refused, now, open_files};
use serde_json::{Value, json};

use super::world::{World, allow, both_versions, policy, publish};

/// How many devices are connected.
const DEVICES: usize = 1_000;

/// How many threads connect devices, call the API and watch connections. The devices are shared out among them.
const THREADS: usize = 16;

/// How soon the last connection has to end.
const SOON: Duration = Duration::from_secs(1);

/// The CA certificate's devices go when it is deactivated.
const DEVICES_GO: [&str; 2] = ["--inactive-ca-devices", "go"];

/// A device of the fleet: its certificate, and its connection.
struct Member<'f> {
    name: String,
    certificate: &'f DeviceCertificate,
    version: ProtocolVersion,
    device: Device,
}

/// The certificates of devices that the built-in registrar makes the things `thing-0`, `thing-1` and so on of.
fn certificates(world: &World) -> Vec<DeviceCertificate> {
    // The connections, the calls of the API, and the files of the test.
    open_files(2 * u64::try_from(DEVICES).expect("a small number"));
    (0..DEVICES).map(|number| world.ca.issue_device(&number.to_string())).collect()
}

/// Connects them all, one half with each version of MQTT.
fn connect<'f>(world: &World, certificates: &'f [DeviceCertificate]) -> Vec<Member<'f>> {
    let versions = both_versions();
    let numbered: Vec<_> = certificates.iter().enumerate().collect();
    let connect_one = |&(number, certificate): &(usize, &'f DeviceCertificate)| {
        let connect = &versions[number % versions.len()];
        let name = format!("thing-{number}");
        let device = Device::connect_with(&world.server, certificate, &name, connect);
        let device = device.unwrap_or_else(|refused| panic!("{name}: {refused:?}"));
        Member { name, certificate, version: connect.version, device }
    };
    let connect_share = |share: &[(usize, &'f DeviceCertificate)]| share.iter().map(connect_one).collect();
    thread::scope(|scope| {
        let shares = numbered.chunks(DEVICES.div_ceil(THREADS));
        let threads: Vec<thread::ScopedJoinHandle<'_, Vec<_>>> =
            shares.map(|share| scope.spawn(move || connect_share(share))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("devices that are let in")).collect()
    })
}

/// Does something with each member, as many at once as there are threads.
fn for_each(members: &mut [Member<'_>], action: impl Fn(&mut Member<'_>) + Sync) {
    let action = &action;
    thread::scope(|scope| {
        for share in members.chunks_mut(DEVICES.div_ceil(THREADS)) {
            scope.spawn(move || share.iter_mut().for_each(action));
        }
    });
}

impl Member<'_> {
    /// Checks that the connection ends within [`SOON`] of this moment, as its version of MQTT is told of this reason.
    #[track_caller]
    fn ends_soon(&mut self, since: Instant, expected: ReasonCode) {
        match self.version {
            ProtocolVersion::V311 => assert_eq!(self.next_by(since + SOON), Came::Closed),
            ProtocolVersion::V5 => {
                let came = self.next_by(since + SOON);
                let told = Came::Event(ClientEvent::Disconnected { reason: expected, reason_string: None });
                assert_eq!(came, told);
                assert_eq!(self.next_by(since + SOON), Came::Closed);
            }
        }
    }

    /// Publishes on the device's own topic.
    #[track_caller]
    fn may_publish(&mut self) -> bool {
        let sent = self.device.publish_qos1(&format!("device/{}", self.name), "x");
        self.device.puback(sent) != ReasonCode::NotAuthorized
    }

    #[track_caller]
    fn next_by(&mut self, deadline: Instant) -> Came {
        let left = deadline.saturating_duration_since(now());
        // What has come is taken even when the thread had no time to look before.
        self.device.patience(left.max(Duration::from_millis(1)));
        self.device.next()
    }
}

/// A device of another CA, which stays.
fn bystander(world: &World) -> Device {
    let own = policy(&[allow("Connect", &["client/bystander"]), allow("Publish", &["topic/bystander"])]);
    let (certificate, _) = world.with_policy("bystander", &own);
    Device::connect(&world.server, &certificate, "bystander").expect("its policy allows it")
}

#[test]
fn a_thousand_certificates_that_are_revoked_one_by_one() {
    let world = World::start();
    let certificates = certificates(&world);
    let mut members = connect(&world, &certificates);
    let mut bystander = bystander(&world);
    for_each(&mut members, |member| {
        world.api.set_status(&member.certificate.id, "REVOKED");
        member.ends_soon(now(), ReasonCode::AdministrativeAction);
    });
    publish(&mut bystander, "bystander", "others are not touched");
}

#[test]
fn a_thousand_devices_of_a_ca_that_is_deactivated() {
    let world = World::start_with(&DEVICES_GO);
    let certificates = certificates(&world);
    let mut members = connect(&world, &certificates);
    let ca = world.api.iot("GET", "/cacertificates")["certificates"][0]["certificateId"].clone();
    let ca = ca.as_str().expect("the CA certificate's id").to_owned();
    let other = Ca::root(world.server.directory(), "other", KeyKind::P256);
    other.register(&world.api);
    let stays = QuickCa::of(&other).issue_device("other");
    let mut stays = Device::connect(&world.server, &stays, "thing-other").expect("a device of another CA");

    world.api.iot("PUT", &format!("/cacertificate/{ca}?newStatus=INACTIVE"));
    let answered = now();
    for_each(&mut members, |member| member.ends_soon(answered, ReasonCode::AdministrativeAction));
    publish(&mut stays, "device/thing-other", "those of others are not touched");
    let refused = Device::connect(&world.server, &certificates[0], "thing-0").err();
    assert_eq!(refused, Some(Refused::Closed), "they stay out");
    world.api.iot("PUT", &format!("/cacertificate/{ca}?newStatus=ACTIVE"));
    Device::connect(&world.server, &certificates[0], "thing-0").expect("the CA is ACTIVE again").leave();
}

#[test]
fn a_thousand_devices_of_one_policy_that_is_changed() {
    let world = World::start();
    let certificates = certificates(&world);
    let mut members = connect(&world, &certificates);
    let mut bystander = bystander(&world);
    let name = "iot-access-policy";
    let document: Value = world.api.iot("GET", &format!("/policies/{name}"))["policyDocument"]
        .as_str()
        .map(|text| serde_json::from_str(text).expect("JSON"))
        .expect("the default policy");

    // First a right that each of them uses: to publish on its own topic. Those with MQTT 3.1.1 are asked for nothing, as
    // their only answer is the end.
    let mut silent = document.clone();
    let statements = silent["Statement"].as_array_mut().expect("statements");
    statements.retain(|statement| statement["Action"] != json!(["iot:Publish"]));
    world.api.create_policy_version(name, &silent, true);
    let answered = now();
    for_each(&mut members, |member| {
        while member.version == ProtocolVersion::V5 && member.may_publish() {
            assert!(now() < answered + SOON, "{}: not felt within {SOON:?}", member.name);
        }
    });

    // Then the right to connect, without which they have to go.
    let mut nobody = document;
    let statements = nobody["Statement"].as_array_mut().expect("statements");
    statements.retain(|statement| statement["Action"] != json!(["iot:Connect"]));
    world.api.create_policy_version(name, &nobody, true);
    let answered = now();
    for_each(&mut members, |member| member.ends_soon(answered, ReasonCode::NotAuthorized));
    publish(&mut bystander, "bystander", "others are not touched");
}
