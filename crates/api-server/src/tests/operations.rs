//! What each operation answers, field by field.

use landfall_model::{CaStatus, CertificateDer, GenerationId};
use landfall_registry::{MemoryRegistry, RegistrationCodes as _, Registry as _, Transaction};
use serde_json::{Value, json};

use super::listing::{Listing, assert_pages};
use super::world::{ARN, CODE, World, ca_entry, id, new_ca, registration_body};
use crate::registration_code::registration_code;

const EARLIER: f64 = 1_767_000_000.25;
const NOW: f64 = 1_767_323_045.0;

#[tokio::test]
async fn the_registration_code_is_that_of_the_registry() {
    let world = World::start().await;
    let answer = world.iot("GET", "/registrationcode", "").await.ok();
    assert_eq!(answer, json!({"registrationCode": CODE.to_string()}));
}

#[tokio::test]
async fn a_registration_code_is_made_once() {
    let registry = MemoryRegistry::new();
    let first = registration_code(&registry).await.unwrap();
    assert_eq!(first.to_string().len(), 64);
    assert_eq!(registration_code(&registry).await.unwrap(), first);
    assert_eq!(registry.registration_code().await.unwrap(), Some(first.clone()));
    assert_ne!(registration_code(&MemoryRegistry::new()).await.unwrap(), first);
}

#[tokio::test]
async fn a_ca_certificate_is_registered_as_asked() {
    let world = World::start().await;
    for (query, status, auto_registration) in [
        ("", "INACTIVE", "DISABLE"),
        ("?setAsActive=true", "ACTIVE", "DISABLE"),
        ("?setAsActive=false&allowAutoRegistration=true", "INACTIVE", "ENABLE"),
        ("?setAsActive=true&allowAutoRegistration=true", "ACTIVE", "ENABLE"),
    ] {
        let ca = new_ca("CN=Same subject");
        let id = ca.certificate().ca_id();
        let mut body = registration_body(&ca);
        body["certificateMode"] = json!("DEFAULT");
        body["tags"] = json!([]);
        let answer = world.iot("POST", &format!("/cacertificate{query}"), &body.to_string()).await.ok();
        assert_eq!(
            answer,
            json!({"certificateArn": format!("{ARN}cacert/{id}"), "certificateId": id.to_string()})
        );
        let answer = world.iot("GET", &format!("/cacertificate/{id}"), "").await.ok();
        let validity = ca.certificate().validity();
        let expected = json!({
            "certificateArn": format!("{ARN}cacert/{id}"),
            "certificateId": id.to_string(),
            "status": status,
            "certificatePem": ca.certificate().to_pem(),
            "ownedBy": "123456789012",
            "creationDate": NOW,
            "autoRegistrationStatus": auto_registration,
            "lastModifiedDate": NOW,
            "customerVersion": 1,
            "generationId": GenerationId::of_ca_certificate(&id, 1).to_string(),
            "validity": {"notBefore": NOW, "notAfter": validity.not_after.as_secs() as f64},
            "certificateMode": "DEFAULT",
        });
        assert_eq!(answer, json!({"certificateDescription": expected}), "{query}");
    }
}

#[tokio::test]
async fn a_ca_certificate_changes_and_goes() {
    let world = World::start().await;
    let path = format!("/cacertificate/{}", world.ca_id());
    let describe = async || {
        let answer = world.iot("GET", &path, "").await.ok();
        let description = &answer["certificateDescription"];
        ["status", "autoRegistrationStatus", "creationDate", "lastModifiedDate"]
            .map(|name| description[name].clone())
    };
    assert_eq!(describe().await, [json!("ACTIVE"), json!("ENABLE"), json!(EARLIER), json!(EARLIER)]);
    let answer = world.iot("PUT", &format!("{path}?newAutoRegistrationStatus=DISABLE"), "{}").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!(describe().await, [json!("ACTIVE"), json!("DISABLE"), json!(EARLIER), json!(NOW)]);
    assert_eq!(
        world.iot("DELETE", &path, "").await.error(),
        format!("406 CertificateStateException: CA certificate {} is ACTIVE", world.ca_id())
    );
    let target =
        format!("{path}?newStatus=INACTIVE&newAutoRegistrationStatus=ENABLE&removeAutoRegistration=false");
    assert_eq!(world.iot("PUT", &target, "").await.status, 200);
    assert_eq!(describe().await, [json!("INACTIVE"), json!("ENABLE"), json!(EARLIER), json!(NOW)]);
    assert_eq!(world.iot("DELETE", &path, "").await.ok(), json!({}));
    assert_eq!(world.iot("GET", &path, "").await.status, 404);
}

#[tokio::test]
async fn ca_certificates_are_listed_by_page() {
    let world = World::start().await;
    let mut transaction = Transaction::new();
    for number in [11, 12] {
        let id = id(number).to_string().parse().unwrap();
        transaction.insert_ca_certificate(ca_entry(id, CertificateDer::new(b"x"), CaStatus::Inactive));
    }
    world.registry.commit(transaction).await.unwrap();
    let entry = |id: &str, status: &str| {
        json!({
            "certificateArn": format!("{ARN}cacert/{id}"), "certificateId": id, "status": status,
            "creationDate": EARLIER,
        })
    };
    let oldest_first = [
        entry(&world.ca_id().to_string(), "ACTIVE"),
        entry(&id(11).to_string(), "INACTIVE"),
        entry(&id(12).to_string(), "INACTIVE"),
    ];
    assert_pages(
        &world,
        Listing::Marker("GET", "/cacertificates?isAscendingOrder=true", "certificates"),
        &oldest_first,
    )
    .await;
    let newest_first: Vec<Value> = oldest_first.into_iter().rev().collect();
    assert_pages(&world, Listing::Marker("GET", "/cacertificates?", "certificates"), &newest_first).await;
}

#[tokio::test]
async fn the_endpoint_is_the_host_alone() {
    let world = World::start().await;
    for target in ["/endpoint", "/endpoint?endpointType=iot:Data-ATS"] {
        let answer = world.iot("GET", target, "").await.ok();
        assert_eq!(answer, json!({"endpointAddress": "iot.example.com"}));
    }
}

#[tokio::test]
async fn a_certificate_is_described() {
    let world = World::start().await;
    let device = &world.device;
    let answer = world.iot("GET", &format!("/certificates/{}", device.id()), "").await.ok();
    let expected = json!({
        "certificateArn": format!("{ARN}cert/{}", device.id()),
        "certificateId": device.id().to_string(),
        "caCertificateId": world.ca_id().to_string(),
        "status": "ACTIVE",
        "certificatePem": device.to_pem(),
        "ownedBy": "123456789012",
        "creationDate": EARLIER,
        "lastModifiedDate": EARLIER,
        "customerVersion": 3,
        "generationId": GenerationId::of_certificate(&device.id(), 3).to_string(),
        "validity": {"notBefore": NOW, "notAfter": device.validity().not_after.as_secs() as f64},
        "certificateMode": "DEFAULT",
    });
    assert_eq!(answer, json!({"certificateDescription": expected}));
    // The CLI also takes ids in upper case.
    let upper = format!("/certificates/{}", device.id().to_string().to_uppercase());
    assert_eq!(world.iot("GET", &upper, "").await.status, 200);
}

#[tokio::test]
async fn certificates_are_listed_by_page() {
    let world = World::start().await;
    let entry = |id: String, status: &str, mode: &str| {
        json!({
            "certificateArn": format!("{ARN}cert/{id}"), "certificateId": id, "status": status,
            "certificateMode": mode, "creationDate": EARLIER,
        })
    };
    let newest_first = [
        entry(id(3).to_string(), "INACTIVE", "SNI_ONLY"),
        entry(id(2).to_string(), "PENDING_ACTIVATION", "DEFAULT"),
        entry(world.device.id().to_string(), "ACTIVE", "DEFAULT"),
    ];
    assert_pages(&world, Listing::Marker("GET", "/certificates?", "certificates"), &newest_first).await;
    let oldest_first: Vec<Value> = newest_first.into_iter().rev().collect();
    let listing = Listing::Marker("GET", "/certificates?isAscendingOrder=true", "certificates");
    assert_pages(&world, listing, &oldest_first).await;
}

#[tokio::test]
async fn the_caller_is_the_account() {
    let world = World::start().await;
    let answer = world.signed("sts", "POST", "/", "Action=GetCallerIdentity&Version=2011-06-15").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "text/xml"));
    for element in [
        "<Arn>arn:aws:iam::123456789012:root</Arn>",
        "<UserId>123456789012</UserId>",
        "<Account>123456789012</Account>",
    ] {
        assert!(answer.body.contains(element), "{answer:?}");
    }
}
