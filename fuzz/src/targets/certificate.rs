use std::collections::HashSet;

use landfall_pki::{
    ATTRIBUTE_BYTES_MAX, ATTRIBUTES_MAX, CERTIFICATE_BYTES_MAX, PEM_BYTES_MAX, PEM_CERTIFICATES_MAX,
    ParsedCertificate,
};

/// The reading of certificates, in DER and in PEM.
///
/// The input is the file. What is read keeps the very bytes and lies in them, has names of bounded size without
/// control characters, and comes back the same from PEM.
pub fn certificate(data: &[u8]) {
    let from_der = ParsedCertificate::from_der(data);
    if let Ok(certificate) = &from_der {
        assert_eq!(certificate.der().as_bytes(), data, "the certificate is not the one that was read");
        check(certificate);
        assert_eq!(ParsedCertificate::from_pem(certificate.to_pem().as_bytes()).as_ref(), Ok(certificate));
        assert_eq!(ParsedCertificate::from_pem_or_der(data).as_ref(), Ok(certificate));
    }
    if let Ok(certificates) = ParsedCertificate::all_from_pem(data) {
        assert!(data.len() <= PEM_BYTES_MAX && (1..=PEM_CERTIFICATES_MAX).contains(&certificates.len()));
        for certificate in &certificates {
            check(certificate);
            let der = certificate.der().as_bytes();
            assert_eq!(ParsedCertificate::from_der(der).as_ref(), Ok(certificate));
        }
        let one = ParsedCertificate::from_pem(data).ok();
        assert_eq!(one.as_ref(), Some(&certificates[0]).filter(|_| certificates.len() == 1));
        let text: String = certificates.iter().map(ParsedCertificate::to_pem).collect();
        assert_eq!(ParsedCertificate::all_from_pem(text.as_bytes()), Ok(certificates));
    }
}

fn check(certificate: &ParsedCertificate) {
    let der = certificate.der().as_bytes();
    assert!(der.len() <= CERTIFICATE_BYTES_MAX);
    // The one outermost SEQUENCE is all there is, with its length in as few bytes as it takes.
    let content = match *der {
        [0x30, length @ 0..=0x7F, ..] => usize::from(length) + 2,
        [0x30, 0x81, length @ 0x80..=0xFF, ..] => usize::from(length) + 3,
        [0x30, 0x82, high @ 1..=0xFF, low, ..] => usize::from(u16::from_be_bytes([high, low])) + 4,
        _ => panic!("this is no certificate in DER"),
    };
    assert_eq!(content, der.len(), "bytes follow the certificate");
    for (what, part) in [
        ("the issuer", certificate.issuer_der()),
        ("the subject", certificate.subject_der()),
        ("the key", certificate.public_key_der()),
    ] {
        // Each is a SEQUENCE of its own inside the certificate.
        assert_eq!(part.first(), Some(&0x30), "{what}");
        assert!(der.as_ptr_range().contains(&part.as_ptr()), "{what} is not in the certificate");
    }
    for name in [certificate.subject(), certificate.issuer()] {
        assert!(name.attributes().len() <= ATTRIBUTES_MAX);
        for attribute in name.attributes() {
            // A byte of Latin-1 becomes two of UTF-8.
            assert!(attribute.value.len() <= 2 * ATTRIBUTE_BYTES_MAX);
            assert!(!attribute.value.chars().any(char::is_control), "{:?}", attribute.value);
            assert!(
                attribute.oid.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'),
                "{}",
                attribute.oid
            );
        }
    }
    let ids = [certificate.id().to_string(), certificate.ca_id().to_string()];
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), 1);
    assert_eq!(certificate.serial_number_hex().len(), 2 * certificate.serial_number().len());
    // These are asked of every certificate that a peer presents.
    assert!(certificate.path_length().is_none_or(|length| length < 128));
    let _ = (certificate.extended_key_usage(), certificate.authority_key_id(), certificate.subject_key_id());
    let _ = (certificate.key_algorithm().check(), certificate.signature_algorithm(), certificate.validity());
    let _ = (
        format!("{certificate:?}"),
        certificate.subject().to_string(),
        certificate.names_as_issuer(certificate),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_has_certificates_of_both_forms() {
        let corpus = crate::targets::corpus("certificate");
        assert!(corpus.iter().filter(|data| ParsedCertificate::from_der(data).is_ok()).count() >= 5);
        assert!(corpus.iter().filter(|data| ParsedCertificate::all_from_pem(data).is_ok()).count() >= 2);
    }
}
