//! What operations refuse, and in which words.

use landfall_model::{CaStatus, CertificateDer, RegistrationCode};
use landfall_pki::{
    CA_CERTIFICATES_PER_SUBJECT_MAX, CertificateVersion, DeviceRequest, Issuer, KeyKind, KeyPair, Subject,
    validity_of_days,
};
use landfall_registry::{CaCertificates as _, PageRequest, Registry as _, Transaction};
use serde_json::{Value, json};

use super::world::{ARN, CODE, NOW, World, ca_entry, id, new_ca, registration_body, verification};

async fn check(world: &World, method: &str, target: &str, body: &str, expected: &str) {
    assert_eq!(world.iot(method, target, body).await.error(), expected, "{method} {target} {body}");
}

async fn check_registration(world: &World, body: &Value, expected: &str) {
    check(world, "POST", "/cacertificate", &body.to_string(), expected).await;
    let registered = world.registry.ca_certificates(PageRequest::first(9)).await.unwrap().items;
    assert_eq!(registered.len(), 1, "{expected}");
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let world = World::start().await;
    let id = id(9);
    for (method, target, expected) in [
        ("GET", format!("/cacertificate/{id}"), format!("CA certificate {id} is not registered")),
        (
            "PUT",
            format!("/cacertificate/{id}?newStatus=ACTIVE"),
            format!("CA certificate {id} is not registered"),
        ),
        ("DELETE", format!("/cacertificate/{id}"), format!("CA certificate {id} is not registered")),
        ("GET", format!("/certificates/{id}"), format!("certificate {id} is not registered")),
        (
            "PUT",
            format!("/certificates/{id}?newStatus=ACTIVE"),
            format!("certificate {id} is not registered"),
        ),
    ] {
        check(&world, method, &target, "", &format!("404 ResourceNotFoundException: {expected}")).await;
    }
}

#[tokio::test]
async fn a_ca_certificate_is_registered_once() {
    let world = World::start().await;
    let body = registration_body(&world.ca).to_string();
    let answer = world.iot("POST", "/cacertificate", &body).await;
    let id = world.ca_id();
    let message = format!("CA certificate {id} is registered already");
    assert_eq!(answer.error(), format!("409 ResourceAlreadyExistsException: {message}"));
    assert_eq!(
        answer.json(),
        json!({
            "message": message, "resourceId": id.to_string(),
            "resourceArn": format!("{ARN}cacert/{id}"),
        })
    );
}

#[tokio::test]
async fn ten_ca_certificates_may_have_one_subject() {
    let world = World::start().await;
    let register = async |ca: &Issuer| {
        let body = registration_body(ca).to_string();
        world.iot("POST", "/cacertificate", &body).await
    };
    let cas: Vec<Issuer> = (0..CA_CERTIFICATES_PER_SUBJECT_MAX).map(|_| new_ca("CN=Same, O=Acme")).collect();
    for ca in &cas {
        assert_eq!(register(ca).await.status, 200);
    }
    assert_eq!(
        register(&new_ca("CN=Same, O=Acme")).await.error(),
        "410 LimitExceededException: 10 CA certificates with the subject CN=Same, O=Acme are registered, and no more \
         may be"
    );
    assert_eq!(register(cas.last().unwrap()).await.status, 409);
    assert_eq!(register(&new_ca("CN=Another, O=Acme")).await.status, 200);
    let id = cas.last().unwrap().certificate().ca_id();
    assert_eq!(world.iot("DELETE", &format!("/cacertificate/{id}"), "").await.status, 200);
    assert_eq!(register(&new_ca("CN=Same, O=Acme")).await.status, 200);
}

#[tokio::test]
async fn possession_has_to_be_proven() {
    let world = World::start().await;
    let (ca, other) = (new_ca("CN=New"), new_ca("CN=Other"));
    let same_name = new_ca("CN=New");
    let wrong_code = RegistrationCode::from_bytes([1; 32]);
    let body =
        |ca: &str, verification: &str| json!({"caCertificate": ca, "verificationCertificate": verification});
    let pem = ca.certificate().to_pem();
    check_registration(
        &world,
        &body(&pem, &verification(&ca, &wrong_code).to_pem()),
        &format!(
            "400 RegistrationCodeValidationException: the common name (CN) of the verification certificate is \
             \"{wrong_code}\", and must be the registration code {CODE}"
        ),
    )
    .await;
    check_registration(
        &world,
        &body(&pem, &verification(&other, &CODE).to_pem()),
        "400 CertificateValidationException: the verification certificate was issued by CN=Other, and the CA \
         certificate is that of CN=New",
    )
    .await;
    check_registration(
        &world,
        &body(&pem, &verification(&same_name, &CODE).to_pem()),
        "400 CertificateValidationException: the verification certificate was signed by another key than that of \
         the CA certificate of CN=New",
    )
    .await;
    check_registration(
        &world,
        &body("not a certificate", &verification(&ca, &CODE).to_pem()),
        "400 CertificateValidationException: the CA certificate cannot be read: no `-----BEGIN CERTIFICATE-----` found",
    )
    .await;
    check_registration(
        &world,
        &json!({"caCertificate": pem}),
        "400 InvalidRequestException: verificationCertificate is missing: send a certificate whose common name is \
         the code of GetRegistrationCode, signed by the CA's key; or register with certificateMode SNI_ONLY, which needs \
         none",
    )
    .await;
}

#[tokio::test]
async fn a_leaf_is_no_ca_certificate() {
    let world = World::start().await;
    let key = KeyPair::generate(KeyKind::P256).unwrap();
    let request = DeviceRequest {
        subject: &Subject::parse("CN=leaf").unwrap(),
        public_key: key.public_key(),
        validity: validity_of_days(NOW, 10),
        version: CertificateVersion::V3,
    };
    let leaf = world.ca.sign_device(&request).unwrap();
    let body = json!({
        "caCertificate": leaf.to_pem(),
        "verificationCertificate": verification(&world.ca, &CODE).to_pem(),
    });
    let answer = world.iot("POST", "/cacertificate", &body.to_string()).await.error();
    let expected = "400 CertificateValidationException: the certificate of CN=leaf is not a CA certificate: \
                    basicConstraints CA:TRUE is missing";
    assert!(answer.starts_with(expected), "{answer}");
}

async fn check_not_built(world: &World, method: &str, target: &str, body: &str, what: &str) {
    let expected = format!("501 NotImplementedException: {what} is not implemented here yet");
    check(world, method, target, body, &expected).await;
}

#[tokio::test]
async fn what_a_ca_certificate_cannot_have_yet_is_refused() {
    let world = World::start().await;
    let config = json!({"templateBody": "{}"});
    let what = "registrationConfig, provisioning by a template,";
    let mut body = registration_body(&new_ca("CN=New"));
    body["registrationConfig"] = config.clone();
    check_not_built(&world, "POST", "/cacertificate", &body.to_string(), what).await;
    let target = format!("/cacertificate/{}?newStatus=INACTIVE", world.ca_id());
    let body = json!({"registrationConfig": config}).to_string();
    check_not_built(&world, "PUT", &target, &body, what).await;
    let registered = world.registry.ca_certificates(PageRequest::first(9)).await.unwrap().items;
    let statuses: Vec<CaStatus> = registered.iter().map(|ca| ca.status).collect();
    assert_eq!(statuses, [CaStatus::Active]);
}

#[tokio::test]
async fn what_is_not_built_says_so() {
    let world = World::start().await;
    for (method, target, what) in [
        ("GET", "/cacertificates?templateName=t", "templateName, the filter by provisioning template,"),
        (
            "GET",
            "/endpoint?endpointType=iot:CredentialProvider",
            "the credential provider, endpointType iot:CredentialProvider,",
        ),
    ] {
        check_not_built(&world, method, target, "", what).await;
    }
    let expected =
        "501 NotImplementedException: the operation ListRoleAliases of iot is not implemented here";
    check(&world, "GET", "/role-aliases", "", expected).await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let world = World::start().await;
    let short = format!("0x{}", "a".repeat(62));
    let endpoint = |kind: &str| format!("/endpoint?endpointType={kind}");
    let retired = |kind| format!("endpointType {kind} is no longer given out; ask for iot:Data-ATS");
    for (method, target, expected) in [
        ("GET", format!("/certificates/{short}"), format!("{short:?} is not an id of 64 hex digits")),
        (
            "PUT",
            format!("/cacertificate/{}", world.ca_id()),
            "nothing to update: give newStatus, newAutoRegistrationStatus or removeAutoRegistration".to_owned(),
        ),
        ("GET", endpoint("iot:Data"), retired("iot:Data")),
        ("GET", endpoint("iot:Jobs"), retired("iot:Jobs")),
        (
            "GET",
            endpoint("coffee"),
            "endpointType \"coffee\" is not known; ask for iot:Data-ATS".to_owned(),
        ),
        (
            "GET",
            "/certificates?marker=AAAA".to_owned(),
            "the marker is not one that ListCertificates gave out for this list: send it back unchanged, with the same \
             parameters as before, or leave it out to start again"
                .to_owned(),
        ),
    ] {
        check(&world, method, &target, "", &format!("400 InvalidRequestException: {expected}")).await;
    }
}

#[tokio::test]
async fn bad_bodies_are_refused() {
    let world = World::start().await;
    for body in ["{", "[]", "\"text\"", "{\"caCertificate\": 1}", "{\"tags\": {}}"] {
        let answer = world.iot("POST", "/cacertificate", body).await.error();
        assert!(answer.starts_with("400 SerializationException: "), "{body}: {answer}");
    }
    let answer = world.iot("POST", "/cacertificate", "{}").await.error();
    assert!(
        answer.starts_with(
            "400 InvalidRequestException: 1 validation error detected: Value null at 'caCertificate'"
        ),
        "{answer}"
    );
    let large = json!({"caCertificate": "x".repeat(65_537)}).to_string();
    let answer = world.iot("POST", "/cacertificate", &large).await.error();
    assert!(answer.contains("Member must have length less than or equal to 65536"), "{answer}");
}

#[tokio::test]
async fn unknown_paths_are_refused() {
    let world = World::start().await;
    let expected = "404 UnknownOperationException: no operation answers GET /nothing";
    check(&world, "GET", "/nothing", "", expected).await;
    let answer = world.signed("s3", "GET", "/things", "").await.error();
    assert!(answer.starts_with("404 UnknownOperationException: no service \"s3\" here"), "{answer}");
}

#[tokio::test]
async fn a_damaged_entry_is_a_failure_of_the_server() {
    let world = World::start().await;
    let mut transaction = Transaction::new();
    let id = id(5).to_string().parse().unwrap();
    transaction.insert_ca_certificate(ca_entry(id, CertificateDer::new(b"damaged"), CaStatus::Active));
    world.registry.commit(transaction).await.unwrap();
    check(
        &world,
        "GET",
        &format!("/cacertificate/{id}"),
        "",
        "500 InternalFailureException: the server failed; its log has the reason under this request id",
    )
    .await;
}
