//! Whole fleets over TLS, against a toy server on a socket.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};

use landfall_model::DeviceType;
use landfall_mqtt::ProtocolVersion;
use landfall_pki::{CertificateVersion, Issuer, KeyKind, TrustAnchors};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::toy_server::{Answer, TlsToy, Toy, issuer, today};
use crate::{
    Acceptance, DeviceOutcome, DeviceTypes, Fleet, FleetConfig, FleetReport, GaveUp, NoProgress, Profile,
    Progress, Publish, TlsVersions, run,
};

async fn play(config: FleetConfig) -> FleetReport {
    let fleet = Fleet::build(config, today()).unwrap();
    run(fleet, &NoProgress, &CancellationToken::new()).await.unwrap()
}

fn trusting(issuer: &Issuer) -> TrustAnchors {
    TrustAnchors::of([issuer.anchor().clone()]).unwrap()
}

async fn server_that_drops_first(issuer: &Issuer) -> TlsToy {
    let toy = Toy::new(|_, number| if number == 1 { Answer::Drop } else { Answer::Accept });
    TlsToy::start(toy, trusting(issuer)).await
}

#[tokio::test]
async fn both_versions_of_certificates_get_in_by_both_versions_of_tls() {
    let issuer = issuer("devices");
    let server = server_that_drops_first(&issuer).await;
    for certificate_version in [CertificateVersion::V1, CertificateVersion::V3] {
        for tls_versions in [TlsVersions::Tls12, TlsVersions::Tls13, TlsVersions::Both] {
            for key_kind in [KeyKind::P256, KeyKind::Rsa2048] {
                let case = format!("{certificate_version:?} {tls_versions:?} {key_kind:?}");
                let mut config =
                    FleetConfig::new(server.endpoint(), server.trust_pem.clone(), Arc::clone(&issuer), 2);
                config.certificate_version = certificate_version;
                config.tls_versions = tls_versions;
                config.key_kind = key_kind;
                let report = play(config).await;
                assert!(report.is_complete(), "{case}: {:?}", report.failures);
                assert_eq!((report.attempts, report.messages_acknowledged), (4, 2), "{case}");
                assert_eq!(report.failures.len(), 1, "{case}: {:?}", report.failures);
                assert_eq!(report.failures[0].code, "closed_without_connack", "{case}");
                assert_eq!(report.time_to_accept.map(|times| times.max <= report.wall_time), Some(true));
            }
        }
    }
}

#[tokio::test]
async fn a_mixed_fleet_publishes_where_each_device_may() {
    let issuer = issuer("devices");
    let server = server_that_drops_first(&issuer).await;
    let mut config = FleetConfig::new(server.endpoint(), server.trust_pem.clone(), Arc::clone(&issuer), 50);
    config.profile = Profile::Universal {
        device_types: DeviceTypes::Mixed { greengrass: 10 },
        publish: Publish::OneMessage,
    };
    config.limits.concurrency_max = 8.try_into().unwrap();
    let report = play(config).await;
    assert_eq!((report.registered, report.attempts, report.messages_acknowledged), (50, 100, 50));
    let seen = server.toy.seen_after_farewells(50).await;
    let mut greengrass = 0;
    for device in &report.device_reports {
        let first_level = match device.device_type.unwrap() {
            DeviceType::Iot => "device",
            DeviceType::Greengrass => "greengrass",
        };
        greengrass += usize::from(first_level == "greengrass");
        let seen = &seen[&device.client_id];
        let topics: Vec<_> = seen.topics.iter().map(ToString::to_string).collect();
        assert_eq!(topics, [format!("{first_level}/{}", device.client_id)]);
        assert_eq!((seen.connections.len(), seen.farewells), (2, 1));
    }
    assert_eq!((greengrass, seen.len()), (10, 50));
}

#[tokio::test]
async fn a_plain_fleet_connects_with_a_uuid_and_publishes_nothing() {
    let issuer = issuer("devices");
    let server = server_that_drops_first(&issuer).await;
    let mut config = FleetConfig::new(server.endpoint(), server.trust_pem.clone(), Arc::clone(&issuer), 3);
    config.profile = Profile::Plain;
    config.mqtt_version = ProtocolVersion::V5;
    let report = play(config).await;
    assert_eq!((report.registered, report.messages_acknowledged, report.messages_failed), (3, 0, 0));
    for device in &report.device_reports {
        assert!(device.client_id.as_str().parse::<uuid::Uuid>().is_ok());
        assert_eq!((&device.thing_name, device.device_type), (&None, None));
    }
    for seen in server.toy.seen().into_values() {
        assert_eq!(seen.versions, [ProtocolVersion::V5; 2]);
        assert!(seen.topics.is_empty());
    }
}

#[tokio::test]
async fn what_the_server_says_against_a_chain_is_reported() {
    let server = server_that_drops_first(&issuer("registered")).await;
    for tls_versions in [TlsVersions::Tls12, TlsVersions::Tls13] {
        let mut config =
            FleetConfig::new(server.endpoint(), server.trust_pem.clone(), issuer("not registered"), 2);
        config.tls_versions = tls_versions;
        config.limits.attempts_max = NonZeroU32::new(2);
        let report = play(config).await;
        assert_eq!((report.registered, report.attempts), (0, 4), "{tls_versions:?}");
        let codes: BTreeSet<_> = report.failures.iter().map(|failure| &*failure.code).collect();
        // With TLS 1.3 the client is done before the server has looked at its chain: a reset can overtake the alert.
        let alert = "tls_alert_48";
        if tls_versions == TlsVersions::Tls12 {
            assert_eq!(codes, BTreeSet::from([alert]));
        }
        assert!(codes.contains(alert), "{tls_versions:?}: {codes:?}");
    }
    assert!(server.toy.seen().is_empty());
}

#[tokio::test]
async fn a_server_that_is_not_trusted_is_not_tried_again() {
    let issuer = issuer("devices");
    let server = server_that_drops_first(&issuer).await;
    let stranger = crate::toy_server::issuer("stranger").certificate().to_pem().into_bytes();
    let by_address = format!("127.0.0.1:{}", server.address.port()).parse().unwrap();
    let cases = [(server.endpoint(), stranger), (by_address, server.trust_pem.clone())];
    for (endpoint, trust_pem) in cases {
        let report = play(FleetConfig::new(endpoint, trust_pem, Arc::clone(&issuer), 2)).await;
        assert_eq!((report.registered, report.attempts), (0, 2));
        assert_eq!(report.failures[0].code, "server_not_trusted");
        for device in report.device_reports {
            assert_eq!(device.outcome, DeviceOutcome::NotAccepted(GaveUp::Permanent));
        }
    }
}

/// Listens on a free port, and closes or keeps what comes.
async fn listen(keep: bool) -> (Endpoint, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("localhost:{}", listener.local_addr().unwrap().port()).parse().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut kept = Vec::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            if keep {
                kept.push(stream);
            }
        }
    });
    (endpoint, tasks)
}

#[tokio::test]
async fn an_endpoint_that_is_no_tls_server_is_reported() {
    let issuer = issuer("devices");
    let trust_pem = issuer.certificate().to_pem().into_bytes();
    let (closing, _closing) = listen(false).await;
    let (silent, _silent) = listen(true).await;
    let (gone, tasks) = listen(false).await;
    drop(tasks);
    let cases = [
        (closing, "closed_in_handshake"),
        (silent, "timeout_tls"),
        (gone, "tcp_refused"),
        ("nowhere.invalid".parse().unwrap(), "unresolved"),
    ];
    for (endpoint, code) in cases {
        let mut config = FleetConfig::new(endpoint, trust_pem.clone(), Arc::clone(&issuer), 1);
        config.limits.attempts_max = NonZeroU32::new(2);
        config.limits.handshake_timeout = Duration::from_millis(300);
        let report = play(config).await;
        let codes: Vec<_> = report.failures.iter().map(|failure| &*failure.code).collect();
        assert_eq!(codes, [code]);
        assert_eq!((report.registered, report.attempts), (0, 2));
    }
}

/// Tells when so many devices are in.
struct Half {
    accepted: AtomicUsize,
    of: usize,
    reached: Notify,
}

impl Progress for Half {
    fn accepted(&self, _: &Device, _: &Acceptance) {
        if self.accepted.fetch_add(1, Ordering::Relaxed) + 1 == self.of / 2 {
            self.reached.notify_one();
        }
    }
}

#[tokio::test]
async fn a_fleet_gets_over_a_server_that_dies_and_comes_back() {
    let issuer = issuer("devices");
    let mut server = server_that_drops_first(&issuer).await;
    let devices = 60;
    let mut config =
        FleetConfig::new(server.endpoint(), server.trust_pem.clone(), Arc::clone(&issuer), devices);
    config.limits.concurrency_max = 8.try_into().unwrap();
    let fleet = Fleet::build(config, today()).unwrap();
    let progress = Half { accepted: AtomicUsize::new(0), of: devices, reached: Notify::new() };
    let shutdown = CancellationToken::new();
    let (report, ()) = tokio::join!(run(fleet, &progress, &shutdown), async {
        progress.reached.notified().await;
        server.restart().await;
    });
    let report = report.unwrap();
    assert_eq!((report.registered, report.messages_acknowledged), (devices, devices));
    // Every device was dropped once, and some were on the way when the server died.
    assert!(report.attempts > 120, "{}", report.attempts);
    let seen = server.toy.seen();
    for device in &report.device_reports {
        assert!(seen[&device.client_id].connections.len() >= 2);
    }
    assert_eq!(seen.len(), devices);
}
