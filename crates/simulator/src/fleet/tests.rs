use std::sync::Mutex;

use landfall_model::SubjectField;

use super::*;
use crate::NoProgress;
use crate::toy_server::{issuer, today};

fn config(devices: usize) -> FleetConfig {
    let issuer = issuer("devices");
    let trust = issuer.certificate().to_pem().into_bytes();
    FleetConfig::new("localhost".parse().unwrap(), trust, issuer, devices)
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_made() {
    let mixed = |devices, greengrass| FleetConfig {
        profile: Profile::Universal {
            device_types: DeviceTypes::Mixed { greengrass },
            publish: Publish::Nothing,
        },
        ..config(devices)
    };
    let untrusting = FleetConfig { server_trust_pem: Vec::new(), ..config(1) };
    let now = today();
    let long_ago = UnixTime::from_secs(1);
    let cases = [
        (config(0), now, "a fleet of 0 devices is not possible; it must have 1 to 100000"),
        (config(100_001), now, "a fleet of 100001 devices is not possible; it must have 1 to 100000"),
        (mixed(5, 6), now, "6 Greengrass cores were asked for in a fleet of 5 devices"),
        (untrusting, now, "the CA certificates of the endpoint cannot be used"),
        (config(1), long_ago, "the CA certificate of the devices is valid from "),
    ];
    for (config, now, expected) in cases {
        let error = Fleet::build(config, now).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    assert!(Fleet::build(mixed(6, 6), now).is_ok());
}

#[test]
fn greengrass_cores_are_spread_evenly() {
    for (greengrass, devices) in [(0, 7), (1, 7), (3, 7), (7, 7), (10, 50), (1, 1), (333, 1_000)] {
        let mut found = 0;
        for index in 0..devices {
            let device_type = DeviceTypes::Mixed { greengrass }.of(index, devices);
            found += usize::from(device_type == DeviceType::Greengrass);
            // Of the devices so far as many are cores as of all, rounded down.
            assert_eq!(found, (index + 1) * greengrass / devices, "{greengrass} of {devices} at {index}");
        }
        assert_eq!(found, greengrass);
    }
}

#[tokio::test]
async fn sockets_are_bounded_by_what_connects_at_once_unless_devices_stay() {
    let staying = FleetConfig { afterwards: Afterwards::Stay, ..config(2_000) };
    for (config, expected) in [(config(2_000), 64), (config(3), 3), (staying, 2_000)] {
        assert_eq!(Fleet::build(config, today()).unwrap().sockets_max(), expected);
    }
}

struct Made(Mutex<Vec<usize>>);

impl Progress for Made {
    fn certificate_made(&self, made: usize) {
        self.0.lock().unwrap().push(made);
    }
}

#[tokio::test]
async fn every_device_gets_a_certificate_of_its_own() {
    let mut made_in_order: Vec<Vec<_>> = Vec::new();
    for version in [CertificateVersion::V1, CertificateVersion::V3] {
        let progress = Made(Mutex::default());
        let config = FleetConfig { certificate_version: version, seed: Some(11), ..config(30) };
        let issuer = Arc::clone(&config.issuer);
        let fleet = Fleet::build(config, today()).unwrap();
        let fleet = fleet.issue(&progress, &CancellationToken::new()).await.unwrap();
        assert_eq!(progress.0.into_inner().unwrap(), (1..=30).collect::<Vec<_>>());
        for device in fleet.devices() {
            let certificate = device.certificate();
            assert_eq!(certificate.version(), version);
            assert!(certificate.names_as_issuer(issuer.certificate()));
            assert!(certificate.validity().contains(today()));
            let thing_name = device.thing_name().unwrap().as_str();
            assert_eq!(certificate.subject().field(SubjectField::CommonName), Some(thing_name));
            assert_eq!(device.topic().unwrap().as_str(), format!("device/{thing_name}"));
        }
        let mut keys: Vec<_> =
            fleet.devices().iter().map(|device| device.certificate().public_key_der().to_vec()).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 30);
        made_in_order.push(fleet.devices().iter().map(|device| device.client_id().clone()).collect());
    }
    // A fleet with a seed is always the same, in the same order.
    assert_eq!(made_in_order[0], made_in_order[1]);
}

#[tokio::test(start_paused = true)]
async fn an_epoch_tells_the_time_of_day() {
    let epoch = Epoch { time: UnixTime::from_millis(5_000), instant: Instant::now() };
    tokio::time::advance(Duration::from_millis(1_234)).await;
    assert_eq!(epoch.time_at(Instant::now()), UnixTime::from_millis(6_234));
}

#[tokio::test]
async fn a_fleet_that_is_told_to_stop_makes_no_certificates() {
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    let fleet = Fleet::build(config(1_000), today()).unwrap();
    assert!(matches!(fleet.issue(&NoProgress, &shutdown).await, Err(IssuanceError::Stopped)));
}
