//! CA certificates and the registration code: what `operations.rs` and `errors.rs` leave out.

use landfall_model::GenerationId;
use landfall_pki::{Issuer, KeyKind, KeyPair, Subject, validity_of_days};
use landfall_registry::{CaCertificates as _, PageRequest};
use serde_json::{Value, json};

use super::samples::Sample;
use super::world::{ARN, CODE, World, new_ca, registration_body, verification};

const NOW_SECONDS: f64 = 1_767_323_045.0;

pub(super) fn samples(world: &World) -> Vec<Sample> {
    let iot = Sample::iot;
    let ca = world.ca_id();
    let registration = registration_body(&new_ca("CN=New")).to_string();
    vec![
        iot("GetRegistrationCode", "GET", "/registrationcode", ""),
        iot("RegisterCACertificate", "POST", "/cacertificate", &registration),
        iot("DeleteRegistrationCode", "DELETE", "/registrationcode", ""),
        iot("DescribeCACertificate", "GET", &format!("/cacertificate/{ca}"), ""),
        iot("UpdateCACertificate", "PUT", &format!("/cacertificate/{ca}?newStatus=INACTIVE"), ""),
        iot("ListCACertificates", "GET", "/cacertificates", ""),
        // What comes before has made it INACTIVE.
        iot("DeleteCACertificate", "DELETE", &format!("/cacertificate/{ca}"), ""),
    ]
}

async fn refused(world: &World, method: &str, target: &str, body: &Value, expected: &str) {
    assert_eq!(
        world.iot(method, target, &body.to_string()).await.error(),
        expected,
        "{method} {target} {body}"
    );
}

#[tokio::test]
async fn a_ca_certificate_is_registered_without_proof() {
    let world = World::start().await;
    let ca = new_ca("CN=Unproven");
    let (id, validity) = (ca.certificate().ca_id(), ca.certificate().validity());
    let body = json!({
        "caCertificate": ca.certificate().to_pem(), "certificateMode": "SNI_ONLY", "registrationConfig": {},
    });
    let answer = world.iot("POST", "/cacertificate", &body.to_string()).await.ok();
    assert_eq!(
        answer,
        json!({"certificateArn": format!("{ARN}cacert/{id}"), "certificateId": id.to_string()})
    );
    let answer = world.iot("GET", &format!("/cacertificate/{id}"), "").await.ok();
    let expected = json!({
        "certificateArn": format!("{ARN}cacert/{id}"),
        "certificateId": id.to_string(),
        "status": "INACTIVE",
        "certificatePem": ca.certificate().to_pem(),
        "ownedBy": "123456789012",
        "creationDate": NOW_SECONDS,
        "autoRegistrationStatus": "DISABLE",
        "lastModifiedDate": NOW_SECONDS,
        "customerVersion": 1,
        "generationId": GenerationId::of_ca_certificate(&id, 1).to_string(),
        "validity": {"notBefore": NOW_SECONDS, "notAfter": validity.not_after.as_secs() as f64},
        "certificateMode": "SNI_ONLY",
    });
    assert_eq!(answer, json!({"certificateDescription": expected}));
}

#[tokio::test]
async fn the_mode_says_whether_there_is_a_proof() {
    let world = World::start().await;
    let ca = new_ca("CN=New");
    let (pem, proof) = (ca.certificate().to_pem(), verification(&ca, &CODE).to_pem());
    let expired = Issuer::self_signed(
        &Subject::parse("CN=Old").unwrap(),
        KeyPair::generate(KeyKind::P256).unwrap(),
        validity_of_days(landfall_model::UnixTime::from_secs(1_000_000_000), 1),
    );
    let unused = "400 InvalidRequestException: certificateMode SNI_ONLY is for CA certificates whose key is not proven: \
                  leave verificationCertificate out, or register with certificateMode DEFAULT";
    for (body, expected) in [
        (
            json!({"caCertificate": pem, "verificationCertificate": proof, "certificateMode": "SNI_ONLY"}),
            unused,
        ),
        (
            json!({"caCertificate": pem, "certificateMode": "DEFAULT"}),
            "400 InvalidRequestException: verificationCertificate is missing: send a certificate whose common name is \
             the code of GetRegistrationCode, signed by the CA's key; or register with certificateMode SNI_ONLY, which \
             needs none",
        ),
        (
            json!({"caCertificate": world.device.to_pem(), "certificateMode": "SNI_ONLY"}),
            "400 CertificateValidationException: the certificate of CN=device-1 is of X.509 version 1",
        ),
        (
            json!({"caCertificate": "x", "certificateMode": "SNI_ONLY"}),
            "400 CertificateValidationException: the CA certificate cannot be read: no `-----BEGIN CERTIFICATE-----` found",
        ),
        (
            json!({"caCertificate": expired.unwrap().certificate().to_pem(), "certificateMode": "SNI_ONLY"}),
            "400 CertificateValidationException: the CA certificate is valid from 2001-09-09T01:46:40Z to",
        ),
    ] {
        let answer = world.iot("POST", "/cacertificate", &body.to_string()).await.error();
        assert!(answer.starts_with(expected), "{answer}\n{expected}");
    }
    assert_eq!(world.registry.ca_certificates(PageRequest::first(9)).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn a_ca_certificate_is_registered_with_its_tags() {
    let world = World::start().await;
    let ca = new_ca("CN=New");
    let mut body = registration_body(&ca);
    body["tags"] = json!([{"Key": "b", "Value": "2"}, {"Key": "a", "Value": "1"}]);
    world.iot("POST", "/cacertificate", &body.to_string()).await.ok();
    let arn = format!("{ARN}cacert/{}", ca.certificate().ca_id()).replace('/', "%2F");
    let tags = world.iot("GET", &format!("/tags?resourceArn={arn}"), "").await.ok();
    assert_eq!(tags, json!({"tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]}));

    let mut body = registration_body(&new_ca("CN=Other"));
    let many: Vec<Value> = (0..51).map(|number| json!({"Key": format!("k{number}"), "Value": ""})).collect();
    body["tags"] = json!(many);
    let answer = world.iot("POST", "/cacertificate", &body.to_string()).await.error();
    assert!(answer.starts_with("410 LimitExceededException: "), "{answer}");
    assert!(answer.ends_with("would have more than 50 tags"), "{answer}");
    let registered = world.registry.ca_certificates(PageRequest::first(9)).await.unwrap().items;
    assert_eq!(registered.len(), 2, "a registration that fails leaves nothing");
}

#[tokio::test]
async fn auto_registration_is_removed() {
    let world = World::start().await;
    let target = format!("/cacertificate/{}", world.ca_id());
    let removes = json!({"removeAutoRegistration": true});
    let answer = world.iot("PUT", &target, &removes.to_string()).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    let ca = world.iot("GET", &target, "").await.ok();
    assert_eq!(ca["certificateDescription"]["autoRegistrationStatus"], "DISABLE");
    assert_eq!(ca["certificateDescription"]["customerVersion"], 3);
    let both = format!("{target}?newAutoRegistrationStatus=ENABLE");
    refused(
        &world,
        "PUT",
        &both,
        &removes,
        "400 InvalidRequestException: newAutoRegistrationStatus ENABLE and removeAutoRegistration contradict each other; \
         give one of them",
    )
    .await;
    let both = format!("{target}?newAutoRegistrationStatus=DISABLE&newStatus=INACTIVE");
    assert_eq!(world.iot("PUT", &both, &removes.to_string()).await.status, 200);
}

#[tokio::test]
async fn the_registration_code_that_was_deleted_proves_nothing() {
    let world = World::start().await;
    let (ca, old) = (new_ca("CN=New"), CODE.to_string());
    let answer = world.iot("DELETE", "/registrationcode", "").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "{}"));
    refused(
        &world,
        "DELETE",
        "/registrationcode",
        &json!({}),
        "404 ResourceNotFoundException: there is no registration code; GetRegistrationCode makes one",
    )
    .await;
    let new = world.iot("GET", "/registrationcode", "").await.ok()["registrationCode"].clone();
    assert_ne!(new, json!(old));
    let body = registration_body(&ca);
    let answer = world.iot("POST", "/cacertificate", &body.to_string()).await.error();
    assert!(answer.starts_with("400 RegistrationCodeValidationException: "), "{answer}");
    let code = landfall_model::RegistrationCode::parse(new.as_str().unwrap()).unwrap();
    let body = json!({
        "caCertificate": ca.certificate().to_pem(), "verificationCertificate": verification(&ca, &code).to_pem(),
    });
    world.iot("POST", "/cacertificate", &body.to_string()).await.ok();
}
