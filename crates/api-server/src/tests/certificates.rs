//! Certificates: registered, made, changed, deleted.

use landfall_model::{
    CaCertificate, CaStatus, CertificateDer, CertificateId, CertificateMode, GenerationId, Validity,
};
use landfall_pki::{
    CertificateRequest, CertificateVersion, DeviceRequest, Issuer, KeyKind, KeyPair, ParsedCertificate,
    Subject, check_issued_by, validity_of_days,
};
use landfall_registry::{Certificates as _, Registry as _, Transaction};
use serde_json::{Value, json};

use super::listing::{Listing, assert_pages};
use super::samples::Sample;
use super::world::{ARN, NOW, World, ca_entry, device_named, id, new_ca, thing_name};

const NOW_SECONDS: f64 = 1_767_323_045.0;
const EARLIER_SECONDS: f64 = 1_767_000_000.25;

/// A certificate request of OpenSSL: `openssl req -new -subj "/CN=csr-device/O=Acme Inc"` with a key on P-256.
const REQUEST: &str = "-----BEGIN CERTIFICATE REQUEST-----
MIHjMIGKAgEAMCgxEzARBgNVBAMMCmNzci1kZXZpY2UxETAPBgNVBAoMCEFjbWUg
SW5jMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEFUmDdxm7XAz1+B1fQfeEN999
biw+c1JDrg+sF/bafhg9NF06c3CE4NDFuq5ivu9a+HoDwBqYG7HYwXlzXyrT7qAA
MAoGCCqGSM49BAMCA0gAMEUCIQCHC7zCiBdt+2wS7gZnTKxQQsc/QY5LZH4Ed5bT
M+ROYgIgOfZ8yDP4n1vwsxJAk53Dbh2BeDJuRyL5DSW6D1LMixs=
-----END CERTIFICATE REQUEST-----
";

pub(super) fn samples(world: &World) -> Vec<Sample> {
    let iot = Sample::iot;
    let registered = device_named(&world.ca, "CN=sample-1");
    let without_ca = device_named(&new_ca("CN=Nobody"), "CN=sample-2");
    let body = |certificate: &ParsedCertificate| json!({"certificatePem": certificate.to_pem()}).to_string();
    let request = json!({"certificateSigningRequest": REQUEST}).to_string();
    let (device, ca) = (world.device.id(), world.ca_id());
    vec![
        iot("RegisterCertificate", "POST", "/certificate/register", &body(&registered)),
        iot("RegisterCertificateWithoutCA", "POST", "/certificate/register-no-ca", &body(&without_ca)),
        iot("CreateCertificateFromCsr", "POST", "/certificates?setAsActive=true", &request),
        iot("CreateKeysAndCertificate", "POST", "/keys-and-certificate", ""),
        iot("DescribeCertificate", "GET", &format!("/certificates/{device}"), ""),
        iot("UpdateCertificate", "PUT", &format!("/certificates/{device}?newStatus=INACTIVE"), ""),
        iot("ListCertificates", "GET", "/certificates", ""),
        iot("ListCertificatesByCA", "GET", &format!("/certificates-by-ca/{ca}"), ""),
        iot("DeleteCertificate", "DELETE", &format!("/certificates/{}", without_ca.id()), ""),
    ]
}

async fn refused(world: &World, method: &str, target: &str, body: &str, expected: &str) {
    assert_eq!(world.iot(method, target, body).await.error(), expected, "{method} {target}");
}

async fn register(world: &World, query: &str, body: &Value) -> Value {
    world.iot("POST", &format!("/certificate/register{query}"), &body.to_string()).await.ok()
}

async fn described(world: &World, id: &CertificateId) -> Value {
    world.iot("GET", &format!("/certificates/{id}"), "").await.ok()["certificateDescription"].clone()
}

fn named(id: &CertificateId) -> Value {
    json!({"certificateArn": format!("{ARN}cert/{id}"), "certificateId": id.to_string()})
}

/// What a certificate that was registered a moment ago is described by.
fn expected(certificate: &ParsedCertificate, ca: Option<String>, status: &str, mode: &str) -> Value {
    let (id, Validity { not_before, not_after }) = (certificate.id(), certificate.validity());
    let mut description = json!({
        "certificateArn": format!("{ARN}cert/{id}"),
        "certificateId": id.to_string(),
        "status": status,
        "certificatePem": certificate.to_pem(),
        "ownedBy": "123456789012",
        "creationDate": NOW_SECONDS,
        "lastModifiedDate": NOW_SECONDS,
        "customerVersion": 1,
        "generationId": GenerationId::of_certificate(&id, 1).to_string(),
        "validity": {"notBefore": not_before.as_secs() as f64, "notAfter": not_after.as_secs() as f64},
        "certificateMode": mode,
    });
    if let Some(ca) = ca {
        description["caCertificateId"] = json!(ca);
    }
    description
}

#[tokio::test]
async fn a_certificate_is_registered_with_the_ca_that_issued_it() {
    let world = World::start().await;
    for (query, status, expected_status) in [
        ("", None, "INACTIVE"),
        ("?setAsActive=false", None, "INACTIVE"),
        ("?setAsActive=true", None, "ACTIVE"),
        ("?setAsActive=true", Some("ACTIVE"), "ACTIVE"),
        ("?setAsActive=false", Some("ACTIVE"), "ACTIVE"),
        ("", Some("INACTIVE"), "INACTIVE"),
        ("", Some("REVOKED"), "REVOKED"),
    ] {
        for names_ca in [false, true] {
            let device = device_named(&world.ca, "CN=device-2");
            let mut body = json!({"certificatePem": device.to_pem()});
            if let Some(status) = status {
                body["status"] = json!(status);
            }
            if names_ca {
                body["caCertificatePem"] = json!(world.ca.certificate().to_pem());
            }
            assert_eq!(register(&world, query, &body).await, named(&device.id()));
            let ca = Some(world.ca_id().to_string());
            let expected = expected(&device, ca, expected_status, "DEFAULT");
            assert_eq!(described(&world, &device.id()).await, expected, "{query} {status:?}");
        }
    }
}

#[tokio::test]
async fn a_certificate_is_in_the_mode_of_its_ca() {
    let world = World::start().await;
    let ca = new_ca("CN=Unproven");
    let body = json!({"caCertificate": ca.certificate().to_pem(), "certificateMode": "SNI_ONLY"});
    world.iot("POST", "/cacertificate?setAsActive=true", &body.to_string()).await.ok();
    for names_ca in [false, true] {
        let device = device_named(&ca, "CN=device-2");
        let mut body = json!({"certificatePem": device.to_pem()});
        if names_ca {
            body["caCertificatePem"] = json!(ca.certificate().to_pem());
        }
        register(&world, "", &body).await;
        assert_eq!(described(&world, &device.id()).await["certificateMode"], "SNI_ONLY");
    }
}

#[tokio::test]
async fn a_certificate_is_registered_without_a_ca() {
    let world = World::start().await;
    for (status, expected_status) in [
        (None, "INACTIVE"),
        (Some("ACTIVE"), "ACTIVE"),
        (Some("INACTIVE"), "INACTIVE"),
        (Some("REVOKED"), "REVOKED"),
    ] {
        let device = device_named(&new_ca("CN=Nobody"), "CN=device-2");
        let mut body = json!({"certificatePem": device.to_pem()});
        if let Some(status) = status {
            body["status"] = json!(status);
        }
        let answer = world.iot("POST", "/certificate/register-no-ca", &body.to_string()).await.ok();
        assert_eq!(answer, named(&device.id()));
        let expected = expected(&device, None, expected_status, "SNI_ONLY");
        assert_eq!(described(&world, &device.id()).await, expected);
    }
}

#[tokio::test]
async fn a_certificate_is_registered_once() {
    let world = World::start().await;
    let (device, pem) = (world.device.id(), world.device.to_pem());
    let message = format!("certificate {device} is registered already");
    for path in ["/certificate/register", "/certificate/register-no-ca"] {
        let answer = world.iot("POST", path, &json!({"certificatePem": pem}).to_string()).await;
        assert_eq!(answer.error(), format!("409 ResourceAlreadyExistsException: {message}"));
        assert_eq!(
            answer.json(),
            json!({
                "message": message, "resourceId": device.to_string(),
                "resourceArn": format!("{ARN}cert/{device}"),
            })
        );
    }
}

#[tokio::test]
async fn a_certificate_begins_with_no_status_that_the_server_gives() {
    let world = World::start().await;
    let pem = device_named(&world.ca, "CN=device-2").to_pem();
    for path in ["/certificate/register", "/certificate/register-no-ca"] {
        for (status, expected) in [
            (
                "PENDING_ACTIVATION",
                "406 CertificateStateException: Not allowed to register certificate with PENDING_ACTIVATION status",
            ),
            (
                "PENDING_TRANSFER",
                "406 CertificateStateException: Not allowed to register certificate with PENDING_TRANSFER status",
            ),
            (
                "REGISTER_INACTIVE",
                "400 InvalidRequestException: status cannot be set: \"REGISTER_INACTIVE\" is none of ACTIVE, INACTIVE, \
                 REVOKED",
            ),
        ] {
            let body = json!({"certificatePem": pem, "status": status}).to_string();
            refused(&world, "POST", path, &body, expected).await;
        }
    }
    let body = json!({"certificatePem": pem, "status": "INACTIVE"}).to_string();
    let expected =
        "400 InvalidRequestException: setAsActive and status INACTIVE contradict each other; give one";
    refused(&world, "POST", "/certificate/register?setAsActive=true", &body, expected).await;
}

#[tokio::test]
async fn a_certificate_that_its_ca_did_not_issue_is_refused() {
    let world = World::start().await;
    let (other, lost) = (new_ca("CN=Other"), new_ca("CN=Lost"));
    let entry = ca_entry(other.certificate().ca_id(), other.certificate().der().clone(), CaStatus::Active);
    commit(&world, |transaction| transaction.insert_ca_certificate(entry)).await;
    let of = |ca: &Issuer| device_named(ca, "CN=device-2").to_pem();
    let ca_pem = |ca: &Issuer| Some(ca.certificate().to_pem());
    let pem_error = "no `-----BEGIN CERTIFICATE-----` found";
    for (certificate, ca, expected) in [
        (
            of(&lost),
            None,
            "certificatePem is not valid: no registered CA certificate is named CN=Lost, which is the issuer of \
             CN=device-2"
                .to_owned(),
        ),
        (
            of(&world.ca),
            ca_pem(&other),
            "certificatePem is not valid: the certificate of CN=device-2 was issued by".to_owned(),
        ),
        (
            of(&lost),
            ca_pem(&lost),
            format!(
                "caCertificatePem is the CA certificate {}, which is not registered: register it, or the certificate \
                 without it by RegisterCertificateWithoutCA",
                lost.certificate().ca_id()
            ),
        ),
        ("nothing".to_owned(), None, format!("certificatePem is not valid: {pem_error}")),
        (of(&world.ca), Some("nothing".to_owned()), format!("caCertificatePem is not valid: {pem_error}")),
        (
            REQUEST.to_owned(),
            None,
            format!("certificatePem is not valid: {pem_error}; the file holds a certificate request"),
        ),
    ] {
        let mut body = json!({"certificatePem": certificate});
        if let Some(ca) = ca {
            body["caCertificatePem"] = json!(ca);
        }
        let answer = world.iot("POST", "/certificate/register", &body.to_string()).await.error();
        let expected = format!("400 CertificateValidationException: {expected}");
        assert!(answer.starts_with(&expected), "{answer}\n{expected}");
    }
}

#[tokio::test]
async fn an_inactive_ca_registers_nobody() {
    let world = World::start().await;
    let ca = world.ca_id();
    let target = format!("/cacertificate/{ca}?newStatus=INACTIVE");
    assert_eq!(world.iot("PUT", &target, "").await.status, 200);
    let pem = device_named(&world.ca, "CN=device-2").to_pem();
    for body in [
        json!({"certificatePem": pem}),
        json!({"certificatePem": pem, "caCertificatePem": world.ca.certificate().to_pem()}),
    ] {
        let expected = format!(
            "406 CertificateStateException: CA certificate {ca} is INACTIVE, and registers no new certificates"
        );
        refused(&world, "POST", "/certificate/register", &body.to_string(), &expected).await;
    }
}

#[tokio::test]
async fn a_ca_that_was_renewed_with_its_key_has_to_be_named() {
    let world = World::start().await;
    let key = KeyPair::generate(KeyKind::P256).unwrap().to_pem().unwrap();
    let subject = Subject::parse("CN=Renewed").unwrap();
    let [first, second] = [30, 60].map(|days| {
        let key = KeyPair::from_pem(key.as_bytes()).unwrap();
        Issuer::self_signed(&subject, key, validity_of_days(NOW, days)).unwrap()
    });
    let entry = |ca: &Issuer, status| CaCertificate {
        validity: ca.certificate().validity(),
        ..ca_entry(ca.certificate().ca_id(), ca.certificate().der().clone(), status)
    };
    let entries = [&first, &second].map(|ca| entry(ca, CaStatus::Active));
    commit(&world, |transaction| entries.into_iter().for_each(|ca| transaction.insert_ca_certificate(ca)))
        .await;

    let device = device_named(&first, "CN=device-2");
    let body = json!({"certificatePem": device.to_pem()});
    refused(
        &world,
        "POST",
        "/certificate/register",
        &body.to_string(),
        "409 CertificateConflictException: 2 registered CA certificates have the subject and the key that signed the \
         certificate; say which one is meant by sending that CA certificate too, as caCertificatePem",
    )
    .await;
    let body = json!({"certificatePem": device.to_pem(), "caCertificatePem": second.certificate().to_pem()});
    register(&world, "", &body).await;
    let found = described(&world, &device.id()).await;
    assert_eq!(found["caCertificateId"], second.certificate().ca_id().to_string());

    // The only one that is ACTIVE is meant.
    let target = format!("/cacertificate/{}?newStatus=INACTIVE", second.certificate().ca_id());
    assert_eq!(world.iot("PUT", &target, "").await.status, 200);
    let device = device_named(&second, "CN=device-3");
    register(&world, "", &json!({"certificatePem": device.to_pem()})).await;
    let found = described(&world, &device.id()).await;
    assert_eq!(found["caCertificateId"], first.certificate().ca_id().to_string());
}

#[tokio::test]
async fn a_ca_that_comes_or_goes_counts_at_once() {
    let world = World::start().await;
    let ca = new_ca("CN=New");
    let device = device_named(&ca, "CN=device-2");
    let body = json!({"certificatePem": device.to_pem()}).to_string();
    let status = async || world.iot("POST", "/certificate/register", &body).await.status;
    assert_eq!(status().await, 400);
    let id = ca.certificate().ca_id();
    let entry = ca_entry(id, ca.certificate().der().clone(), CaStatus::Active);
    commit(&world, |transaction| transaction.insert_ca_certificate(entry)).await;
    assert_eq!(status().await, 200);
    assert_eq!(status().await, 409);
    commit(&world, |transaction| {
        transaction.update_ca_certificate(id, Some(CaStatus::Inactive), None, NOW);
        transaction.delete_ca_certificate(id);
    })
    .await;
    assert_eq!(status().await, 400);
}

#[tokio::test]
async fn a_certificate_is_made_for_a_request() {
    let world = World::start().await;
    let request = CertificateRequest::from_pem(REQUEST.as_bytes()).unwrap();
    let body = json!({"certificateSigningRequest": REQUEST}).to_string();
    let mut ids = Vec::new();
    for (query, status) in
        [("", "INACTIVE"), ("?setAsActive=false", "INACTIVE"), ("?setAsActive=true", "ACTIVE")]
    {
        let answer = world.iot("POST", &format!("/certificates{query}"), &body).await.ok();
        let pem = answer["certificatePem"].as_str().unwrap();
        let certificate = ParsedCertificate::from_pem(pem.as_bytes()).unwrap();
        let mut named = named(&certificate.id());
        named["certificatePem"] = json!(pem);
        assert_eq!(answer, named);
        assert_eq!(certificate.subject_der(), request.subject_der());
        assert_eq!(certificate.public_key_der(), request.public_key().as_der());
        check_issued_by(&certificate, world.device_ca.anchor(), NOW).unwrap();
        let expected = expected(&certificate, None, status, "DEFAULT");
        assert_eq!(described(&world, &certificate.id()).await, expected);
        ids.push(certificate.id());
    }
    ids.dedup();
    assert_eq!(ids.len(), 3, "each has a serial number of its own");
}

#[tokio::test]
async fn a_request_that_is_none_is_refused() {
    let world = World::start().await;
    let changed = REQUEST.replace("Y3NyLWRldmljZ", "Y3NyLWRldmljQ").replace("Nzci1kZXZpY2", "Nzci1kZXZpY3");
    for (request, expected) in [
        ("x".to_owned(), "no `-----BEGIN CERTIFICATE REQUEST-----` found"),
        (
            world.device.to_pem(),
            "no `-----BEGIN CERTIFICATE REQUEST-----` found; the file holds a certificate",
        ),
        (changed, "the certificate request was changed after it was signed"),
    ] {
        let body = json!({"certificateSigningRequest": request}).to_string();
        let answer = world.iot("POST", "/certificates", &body).await.error();
        let expected =
            format!("400 InvalidRequestException: certificateSigningRequest is not valid: {expected}");
        assert!(answer.starts_with(&expected), "{answer}\n{expected}");
    }
}

#[tokio::test]
async fn a_certificate_is_made_with_its_key() {
    let world = World::start().await;
    let mut ids = Vec::new();
    for (query, status) in [("", "INACTIVE"), ("?setAsActive=true", "ACTIVE")] {
        let answer = world.iot("POST", &format!("/keys-and-certificate{query}"), "").await.ok();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let pem = text(&answer["certificatePem"]);
        let [public, private] = ["PublicKey", "PrivateKey"].map(|name| text(&answer["keyPair"][name]));
        let certificate = ParsedCertificate::from_pem(pem.as_bytes()).unwrap();
        let mut named = named(&certificate.id());
        named["certificatePem"] = json!(pem);
        named["keyPair"] = json!({"PublicKey": public, "PrivateKey": private});
        assert_eq!(answer, named);
        assert!(private.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"), "as AWS writes it");
        let key = KeyPair::from_pem(private.as_bytes()).unwrap();
        assert_eq!(key.public_key().to_pem(), public);
        assert_eq!(certificate.public_key_der(), key.public_key().as_der());
        assert_eq!(certificate.subject().to_string(), "CN=AWS IoT Certificate");
        check_issued_by(&certificate, world.device_ca.anchor(), NOW).unwrap();
        let expected = expected(&certificate, None, status, "DEFAULT");
        assert_eq!(described(&world, &certificate.id()).await, expected);
        ids.push(certificate.id());
    }
    assert_ne!(ids[0], ids[1]);
}

#[tokio::test]
async fn keys_are_made_one_after_the_other() {
    let world = World::start_with(|config| config.limits.key_generations_max = 0).await;
    let call = async || world.iot("POST", "/keys-and-certificate", "").await.status;
    assert_eq!(tokio::join!(call(), call(), call()), (200, 200, 200), "there is a turn for one at least");
}

#[tokio::test]
async fn a_certificate_takes_each_status_until_it_is_revoked() {
    let world = World::start().await;
    let target = |word: &str| format!("/certificates/{}?newStatus={word}", id(2));
    let mut version = 3;
    for word in ["ACTIVE", "INACTIVE", "ACTIVE", "ACTIVE", "REVOKED"] {
        let answer = world.iot("PUT", &target(word), "").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{word}");
        version += 1;
        let certificate = world.registry.certificate(id(2)).await.unwrap().unwrap();
        let found = (certificate.status.as_str(), certificate.version, certificate.modified_at);
        assert_eq!(found, (word, version, NOW));
    }
    assert_eq!(world.iot("PUT", &target("REVOKED"), "").await.status, 200, "it is so already");
    for word in ["ACTIVE", "INACTIVE"] {
        let expected = format!(
            "406 CertificateStateException: certificate {} is REVOKED, which is for good: no status can follow",
            id(2)
        );
        refused(&world, "PUT", &target(word), "", &expected).await;
    }
    let certificate = world.registry.certificate(id(2)).await.unwrap().unwrap();
    assert_eq!((certificate.status.as_str(), certificate.version), ("REVOKED", version));
}

#[tokio::test]
async fn a_pending_certificate_takes_each_status() {
    for word in ["ACTIVE", "INACTIVE", "REVOKED"] {
        let world = World::start().await;
        let answer = world.iot("PUT", &format!("/certificates/{}?newStatus={word}", id(2)), "").await;
        assert_eq!(answer.status, 200);
        let certificate = world.registry.certificate(id(2)).await.unwrap().unwrap();
        assert_eq!(certificate.status.as_str(), word);
    }
}

#[tokio::test]
async fn a_status_that_only_the_server_gives_is_refused() {
    let world = World::start().await;
    let device = world.device.id();
    for (word, expected) in [
        (
            "PENDING_ACTIVATION",
            "406 CertificateStateException: newStatus PENDING_ACTIVATION cannot be set: only the server gives it; ACTIVE, \
             INACTIVE and REVOKED can be set",
        ),
        (
            "PENDING_TRANSFER",
            "406 CertificateStateException: newStatus PENDING_TRANSFER cannot be set: only the server gives it; ACTIVE, \
             INACTIVE and REVOKED can be set",
        ),
        (
            "REGISTER_INACTIVE",
            "400 InvalidRequestException: newStatus cannot be set: \"REGISTER_INACTIVE\" is none of ACTIVE, INACTIVE, \
             REVOKED",
        ),
    ] {
        refused(&world, "PUT", &format!("/certificates/{device}?newStatus={word}"), "", expected).await;
    }
    let certificate = world.registry.certificate(device).await.unwrap().unwrap();
    assert_eq!(certificate.status.as_str(), "ACTIVE");
}

#[tokio::test]
async fn the_certificates_of_a_ca_are_listed_by_page() {
    let world = World::start().await;
    let other = new_ca("CN=Other");
    let entry = ca_entry(other.certificate().ca_id(), other.certificate().der().clone(), CaStatus::Active);
    commit(&world, |transaction| transaction.insert_ca_certificate(entry)).await;
    let device = device_named(&other, "CN=device-2");
    register(&world, "", &json!({"certificatePem": device.to_pem()})).await;
    let entry = |id: CertificateId, status: &str, created: f64| {
        json!({
            "certificateArn": format!("{ARN}cert/{id}"), "certificateId": id.to_string(), "status": status,
            "certificateMode": "DEFAULT", "creationDate": created,
        })
    };
    let oldest_first = [
        entry(world.device.id(), "ACTIVE", EARLIER_SECONDS),
        entry(id(2), "PENDING_ACTIVATION", EARLIER_SECONDS),
    ];
    let target = format!("/certificates-by-ca/{}?isAscendingOrder=true", world.ca_id());
    assert_pages(&world, Listing::Marker("GET", &target, "certificates"), &oldest_first).await;
    let newest_first: Vec<Value> = oldest_first.into_iter().rev().collect();
    let target = format!("/certificates-by-ca/{}?", world.ca_id());
    assert_pages(&world, Listing::Marker("GET", &target, "certificates"), &newest_first).await;
    let target = format!("/certificates-by-ca/{}?", other.certificate().ca_id());
    let of_other = [entry(device.id(), "INACTIVE", NOW_SECONDS)];
    assert_pages(&world, Listing::Marker("GET", &target, "certificates"), &of_other).await;
    let target = format!("/certificates-by-ca/{}?", id(9));
    assert_pages(&world, Listing::Marker("GET", &target, "certificates"), &[]).await;
}

#[tokio::test]
async fn a_certificate_is_deleted_when_nothing_stands_against_it() {
    let world = World::start().await;
    let device = world.device.id();
    let target = format!("/certificates/{device}");
    let refused =
        async |target: &str, expected: String| refused(&world, "DELETE", target, "", &expected).await;
    let active = format!(
        "406 CertificateStateException: certificate {device} is ACTIVE; set it to INACTIVE or REVOKED before it is \
         deleted"
    );
    refused(&target, active.clone()).await;
    refused(&format!("{target}?forceDelete=true"), active).await;
    assert_eq!(world.iot("PUT", &format!("{target}?newStatus=INACTIVE"), "").await.status, 200);
    let attached = format!(
        "409 DeleteConflictException: certificate {device} is attached to a thing; detach it before it is deleted"
    );
    refused(&target, attached.clone()).await;
    refused(&format!("{target}?forceDelete=true"), attached).await;
    commit(&world, |transaction| transaction.detach_thing(device, thing_name("thing-1"))).await;
    let policies = format!(
        "409 DeleteConflictException: policies are attached to certificate {device}; detach them, or force the deletion"
    );
    refused(&target, policies.clone()).await;
    refused(&format!("{target}?forceDelete=false"), policies).await;
    let answer = world.iot("DELETE", &format!("{target}?forceDelete=true"), "").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    let missing = format!("404 ResourceNotFoundException: certificate {device} is not registered");
    refused(&target, missing).await;

    // It is free to be registered again.
    register(&world, "", &json!({"certificatePem": world.device.to_pem()})).await;
    assert_eq!(described(&world, &device).await["customerVersion"], 1);
    let answer = world.iot("DELETE", &target, "").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""), "INACTIVE, and attached to nothing");
}

#[tokio::test]
async fn a_certificate_that_could_not_connect_is_refused() {
    let world = World::start().await;
    let key = KeyPair::generate(KeyKind::P256).unwrap();
    let long_ago = landfall_model::UnixTime::from_secs(1_000_000_000);
    let request = DeviceRequest {
        subject: &Subject::parse("CN=device-2").unwrap(),
        public_key: key.public_key(),
        validity: validity_of_days(long_ago, 1),
        version: CertificateVersion::V3,
    };
    let expired = world.ca.sign_device(&request).unwrap();
    for path in ["/certificate/register", "/certificate/register-no-ca"] {
        let body = json!({"certificatePem": expired.to_pem()}).to_string();
        let answer = world.iot("POST", path, &body).await.error();
        assert!(
            answer.starts_with("400 CertificateValidationException: certificatePem is not valid: "),
            "{answer}"
        );
    }
    let ca = world.ca.certificate().to_pem();
    let body = json!({"certificatePem": ca}).to_string();
    let answer = world.iot("POST", "/certificate/register-no-ca", &body).await.error();
    assert!(
        answer.starts_with("400 CertificateValidationException: certificatePem is not valid: "),
        "{answer}"
    );
}

#[tokio::test]
async fn what_is_stored_is_what_was_sent() {
    let world = World::start().await;
    let device = device_named(&world.ca, "CN=device-2");
    register(&world, "", &json!({"certificatePem": device.to_pem()})).await;
    let stored = world.registry.certificate(device.id()).await.unwrap().unwrap();
    assert_eq!(stored.der, CertificateDer::new(device.der().as_bytes()));
    assert_eq!(stored.signed_part.as_bytes(), &device.signed_part_sha256());
    assert_eq!((stored.mode, stored.validity), (CertificateMode::Default, device.validity()));
}

async fn commit(world: &World, change: impl FnOnce(&mut Transaction)) {
    let mut transaction = Transaction::new();
    change(&mut transaction);
    world.registry.commit(transaction).await.unwrap();
}
