use std::sync::LazyLock;

use landfall_model::UnixTime;
use landfall_pki::{
    CertificateRequest, Issuer, KeyKind, KeyPair, SerialNumber, Subject, check_without_ca, validity_of_aws,
};

/// The reading of certificate requests (PKCS#10), in DER and in PEM, and what is issued for them.
///
/// The input is the file. A request is read only if its own key signed it, so that its name and key are those of a request
/// that OpenSSL made; the certificate for it has them byte for byte, and would pass in a handshake.
pub fn certificate_request(data: &[u8]) {
    let from_der = CertificateRequest::from_der(data);
    let from_pem = CertificateRequest::from_pem(data);
    assert!(from_der.is_err() || from_pem.is_err(), "no file is both DER and PEM");
    for read in [from_der, from_pem] {
        match read {
            Ok(request) => check(&request),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

/// What OpenSSL asked for.
static MADE: LazyLock<[CertificateRequest; 3]> = LazyLock::new(|| {
    let made: [&[u8]; 3] = [
        include_bytes!("../../fixtures/request-p256.der"),
        include_bytes!("../../fixtures/request-p384.der"),
        include_bytes!("../../fixtures/request-rsa.der"),
    ];
    made.map(|der| CertificateRequest::from_der(der).expect("a request that OpenSSL made"))
});

static ISSUER: LazyLock<Issuer> = LazyLock::new(|| {
    let key = KeyPair::generate(KeyKind::P256).expect("a key");
    let subject = Subject::common_name("fuzz").expect("a name");
    Issuer::self_signed(&subject, key, validity_of_aws(NOW)).expect("a CA")
});

fn check(request: &CertificateRequest) {
    let made = MADE.iter().find(|made| made.public_key() == request.public_key());
    let Some(made) = made else { panic!("possession of a key is proven that signed nothing: {request:?}") };
    // The attributes may be others, and a signature by an elliptic curve key can be written in two ways.
    assert_eq!(made, request, "the key signed no such request");
    let certificate = ISSUER
        .sign_request(request, SerialNumber::from_random([7; 16]), validity_of_aws(NOW))
        .expect("what was read can be certified");
    assert_eq!(certificate.subject_der(), request.subject_der());
    assert_eq!(certificate.subject(), request.subject());
    assert_eq!(certificate.public_key_der(), request.public_key().as_der());
    assert_eq!(check_without_ca(&certificate, NOW), Ok(()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_has_requests_of_both_forms_and_ones_that_are_refused() {
        let corpus = crate::targets::corpus("certificate_request");
        let from_der = |data: &&Vec<u8>| CertificateRequest::from_der(data).is_ok();
        let from_pem = |data: &&Vec<u8>| CertificateRequest::from_pem(data).is_ok();
        let (der, pem) = (corpus.iter().filter(from_der).count(), corpus.iter().filter(from_pem).count());
        assert!(der > MADE.len() && pem > 0 && der + pem < corpus.len(), "{der} in DER, {pem} in PEM");
    }
}
