use std::fmt::Write as _;
use std::sync::LazyLock;

use landfall_model::UnixTime;
use landfall_pki::{
    ATTRIBUTE_BYTES_MAX, ATTRIBUTES_MAX, CertificateError, CertificateVersion, DeviceRequest, IssueError,
    Issuer, KeyKind, KeyPair, Subject, validity_of_days,
};

/// The subject that people write, and the certificates that are made with it.
///
/// The input is the subject. One that is accepted is one that a certificate can have: written in either form it is read
/// back, and the certificate of either version that is issued for it has it as its subject. So does every text that a
/// subject can have as a value.
pub fn subject(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(subject) = subject_of_text(&text) {
        check_written(&subject);
    }
    match Subject::parse(&text) {
        Ok(subject) => {
            check_subject(&subject);
            check_written(&subject);
            check_issued(&subject);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A subject whose one attribute is the text, as far as it can be one.
pub(super) fn subject_of_text(text: &str) -> Option<Subject> {
    let value: String = text.chars().filter(|character| !character.is_control()).take(256).collect();
    Subject::common_name(&value).ok()
}

fn check_written(subject: &Subject) {
    for separator in ['/', ','] {
        let written = write(subject, separator);
        assert_eq!(Subject::parse(&written).as_ref(), Ok(subject), "{written}");
    }
}

fn check_issued(subject: &Subject) {
    for version in [CertificateVersion::V1, CertificateVersion::V3] {
        let request = DeviceRequest {
            subject,
            public_key: ISSUER.key().public_key(),
            validity: validity_of_days(UnixTime::from_secs(1_800_000_000), 30),
            version,
        };
        let issued = match ISSUER.sign_device(&request) {
            Ok(issued) => issued,
            // Each attribute has its bound, and all of them together can be too much for a certificate.
            Err(IssueError::Unreadable(CertificateError::TooLarge { .. })) => continue,
            Err(error) => panic!("no certificate for {subject}: {error}"),
        };
        assert_eq!(*issued.subject(), subject.to_distinguished_name());
        assert_eq!(issued.version(), version);
    }
}

/// Checks that a certificate can have the subject.
pub(super) fn check_subject(subject: &Subject) {
    assert!((1..=ATTRIBUTES_MAX).contains(&subject.len()));
    let name = subject.to_distinguished_name();
    assert_eq!(name.attributes().len(), subject.len());
    for attribute in name.attributes() {
        assert!((1..=ATTRIBUTE_BYTES_MAX).contains(&attribute.value.len()), "{:?}", attribute.value);
        assert!(!attribute.value.chars().any(char::is_control), "{:?}", attribute.value);
    }
}

static ISSUER: LazyLock<Issuer> = LazyLock::new(|| {
    let key = KeyPair::generate(KeyKind::P256).expect("a key");
    let subject = Subject::common_name("fuzz").expect("a common name");
    let validity = validity_of_days(UnixTime::from_secs(1_800_000_000), 365);
    Issuer::self_signed(&subject, key, validity).expect("a CA certificate")
});

/// The subject as text, with a backslash before each character of a value.
fn write(subject: &Subject, separator: char) -> String {
    let mut text = String::new();
    for attribute in subject.to_distinguished_name().attributes() {
        if separator == '/' || !text.is_empty() {
            text.push(separator);
        }
        write!(text, "{}=", attribute.oid).expect("a text takes all");
        for character in attribute.value.chars() {
            text.extend(['\\', character]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_has_subjects() {
        let corpus = crate::targets::corpus("subject");
        let read = corpus.iter().filter(|data| Subject::parse(&String::from_utf8_lossy(data)).is_ok());
        assert!(read.count() >= 5);
    }
}
