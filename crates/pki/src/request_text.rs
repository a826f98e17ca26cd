use der::asn1::{AnyRef, BitStringRef};
use der::{Decode, Encode, Sequence};

use crate::pem::to_pem;
use crate::{IssueError, KeyPair, Subject, SubjectError};

/// The attributes of a request that has none: `[0] IMPLICIT SET OF` nothing (RFC 2986, section 4.1).
const NO_ATTRIBUTES: &[u8] = &[0xA0, 0x00];

/// A `CertificationRequestInfo` (RFC 2986, section 4.1).
#[derive(Sequence)]
struct SignedPart<'a> {
    version: u8,
    subject: AnyRef<'a>,
    public_key: AnyRef<'a>,
    attributes: AnyRef<'a>,
}

/// A `CertificationRequest` (RFC 2986, section 4.2).
#[derive(Sequence)]
struct SignedRequest<'a> {
    signed: AnyRef<'a>,
    algorithm: AnyRef<'a>,
    signature: BitStringRef<'a>,
}

/// Writes a request for a certificate with this subject, signed by the key that the certificate is to have: PKCS#10 in
/// PEM, with a line feed at the end, as `openssl req -new` writes it.
///
/// # Errors
/// The subject is empty, or the key failed.
pub fn request_to_pem(subject: &Subject, key: &KeyPair) -> Result<String, IssueError> {
    if subject.is_empty() {
        return Err(SubjectError::Empty.into());
    }
    let subject = subject.to_der()?;
    let signed = SignedPart {
        // Version 1 of requests is written as 0.
        version: 0,
        subject: AnyRef::from_der(&subject)?,
        public_key: AnyRef::from_der(key.public_key().as_der())?,
        attributes: AnyRef::from_der(NO_ATTRIBUTES)?,
    }
    .to_der()?;
    let signature = key.sign(&signed)?;
    let request = SignedRequest {
        signed: AnyRef::from_der(&signed)?,
        algorithm: AnyRef::from_der(key.signature_algorithm_der())?,
        signature: BitStringRef::from_bytes(&signature)?,
    }
    .to_der()?;
    Ok(to_pem("CERTIFICATE REQUEST", &request))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CertificateRequest, KeyKind};

    #[test]
    fn what_is_written_is_read_back() {
        let subject = Subject::parse("serialNumber=1, CN=thing ü, OU=a, OU=b").unwrap();
        for kind in [KeyKind::P256, KeyKind::P384, KeyKind::Rsa2048] {
            let key = KeyPair::generate(kind).unwrap();
            let pem = request_to_pem(&subject, &key).unwrap();
            let request = CertificateRequest::from_pem(pem.as_bytes()).unwrap();
            assert_eq!(request.subject(), &subject.to_distinguished_name());
            assert_eq!(request.public_key(), key.public_key());
        }
    }

    #[test]
    fn a_request_has_a_subject() {
        let key = KeyPair::generate(KeyKind::P256).unwrap();
        let empty = request_to_pem(&Subject::new(), &key);
        assert!(matches!(empty, Err(IssueError::Subject(SubjectError::Empty))));
    }
}
