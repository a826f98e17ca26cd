use std::sync::LazyLock;

use landfall_model::UnixTime;
use landfall_pki::{
    Anchor, KeyAlgorithm, ParsedCertificate, PresentedChain, Trust, TrustAnchors, VerifiedChain, verify,
};
use rustls_pki_types::CertificateDer;

use crate::input::Input;

/// The most certificates of one input: some more than a peer may present.
const CERTIFICATES_MAX: usize = 8;

/// The verification of a chain against registered CA certificates that OpenSSL made, one with a P-256 key and one with
/// an RSA key.
///
/// The input is a byte that chooses the moment, and certificates in DER, each a chunk. A chain verifies only if its
/// first certificate is one that the CA really signed, the moment is within its validity, and the intermediate that
/// signed it is there where there is one.
pub fn chain(data: &[u8]) {
    let mut input = Input::new(data);
    let now = moment(input.byte());
    let certificates: Vec<CertificateDer<'_>> =
        input.chunks(CERTIFICATES_MAX).into_iter().map(CertificateDer::from).collect();
    let Some(presented) = PresentedChain::from_peer_certificates(&certificates) else { return };
    match verify(&presented, &LAB.anchors, now) {
        Ok(verified) => check(&verified, &certificates, now),
        Err(error) => {
            // Both go to logs: the code is for programs, the text for people.
            assert!(!error.code().is_empty() && !error.to_string().is_empty());
        }
    }
}

/// A certificate of a device that OpenSSL signed, and what it needs to be verified.
struct Signed {
    certificate: ParsedCertificate,
    ca: Anchor,
    intermediate: Option<ParsedCertificate>,
}

struct Lab {
    anchors: TrustAnchors,
    signed: Vec<Signed>,
}

/// Reads a fixture of `fuzz/fixtures`.
macro_rules! fixture {
    ($name:literal) => {
        ParsedCertificate::from_der(include_bytes!(concat!("../../fixtures/", $name, ".der")))
            .expect("a certificate that OpenSSL made")
    };
}
pub(super) use fixture;

static LAB: LazyLock<Lab> = LazyLock::new(|| {
    let anchor = |certificate| Anchor::new(certificate).expect("a CA certificate that OpenSSL made");
    let (p256, rsa) = (anchor(fixture!("ca-p256")), anchor(fixture!("ca-rsa")));
    let direct = |certificate, ca: &Anchor| Signed { certificate, ca: ca.clone(), intermediate: None };
    let signed = vec![
        direct(fixture!("device-p256-v1"), &p256),
        direct(fixture!("device-p256-v3"), &p256),
        direct(fixture!("device-rsa-v1"), &rsa),
        direct(fixture!("device-rsa-v3"), &rsa),
        Signed {
            certificate: fixture!("device-below-intermediate"),
            ca: p256.clone(),
            intermediate: Some(fixture!("intermediate")),
        },
    ];
    let anchors = TrustAnchors::of([p256, rsa]).expect("two subjects");
    Lab { anchors, signed }
});

/// A moment within the validity of every fixture, or at one of its ends.
fn moment(choice: u8) -> UnixTime {
    let validities = || LAB.signed.iter().map(|signed| signed.certificate.validity());
    let begin = validities().map(|validity| validity.not_before.as_secs()).max().unwrap_or_default();
    let end = validities().map(|validity| validity.not_after.as_secs()).min().unwrap_or_default();
    UnixTime::from_secs(match choice {
        0xF0 => begin,
        0xF1 => begin - 86_400,
        0xF2 => end,
        0xF3 => end + 86_400,
        0xF4 => 0,
        0xF5 => i64::MAX / 1_000,
        hours => begin + i64::from(hours) * 3_600,
    })
}

fn check(verified: &VerifiedChain, presented: &[CertificateDer<'_>], now: UnixTime) {
    let certificate = verified.certificate();
    // Whoever has a signature by an elliptic curve key can write it in a second way, so that the signed part counts.
    let signed_part = certificate.signed_part_sha256();
    let signed = LAB.signed.iter().find(|signed| signed.certificate.signed_part_sha256() == signed_part);
    let Some(signed) = signed else { panic!("a certificate that no CA signed is verified: {certificate:?}") };
    if let KeyAlgorithm::Rsa { .. } = signed.ca.certificate().key_algorithm() {
        assert_eq!(*certificate, signed.certificate, "an RSA signature can be written in one way only");
    }
    assert_eq!(verified.trust(), Trust::IssuedBy(signed.ca.id()));
    assert_eq!(presented.first().map(|der| &**der), Some(certificate.der().as_bytes()));
    assert!(certificate.validity().contains(now), "the certificate is not valid at {now}");
    assert!(signed.ca.validity().contains(now), "the CA certificate is not valid at {now}");
    if let Some(intermediate) = &signed.intermediate {
        let others = presented.iter().skip(1).filter_map(|der| ParsedCertificate::from_der(der).ok());
        let mut parts = others.map(|other| other.signed_part_sha256());
        assert!(parts.any(|part| part == intermediate.signed_part_sha256()), "the intermediate is missing");
        assert!(intermediate.validity().contains(now));
    }
}

#[cfg(test)]
mod tests {
    use landfall_pki::CertificateVersion;

    use super::*;

    fn presented(signed: &Signed) -> Vec<CertificateDer<'_>> {
        let chain = [Some(&signed.certificate), signed.intermediate.as_ref()];
        chain
            .into_iter()
            .flatten()
            .map(|certificate| CertificateDer::from(certificate.der().as_bytes()))
            .collect()
    }

    fn is_verified(certificates: &[CertificateDer<'_>], now: UnixTime) -> bool {
        verify(&PresentedChain::from_peer_certificates(certificates).unwrap(), &LAB.anchors, now).is_ok()
    }

    #[test]
    fn what_openssl_signed_verifies_at_its_time_only() {
        for signed in &LAB.signed {
            for (choice, expected) in [(1, true), (0xF0, true), (0xF1, false), (0xF2, true), (0xF3, false)] {
                let found = is_verified(&presented(signed), moment(choice));
                assert_eq!(found, expected, "{:?} at {choice:#x}", signed.certificate);
            }
        }
        let versions: Vec<_> = LAB.signed.iter().map(|signed| signed.certificate.version()).collect();
        assert!(versions.contains(&CertificateVersion::V1) && versions.contains(&CertificateVersion::V3));
    }

    #[test]
    fn the_corpus_has_chains_that_verify_and_chains_that_do_not() {
        let (mut verified, mut refused) = (0, 0);
        for data in crate::targets::corpus("chain") {
            let mut input = Input::new(&data);
            let now = moment(input.byte());
            let certificates: Vec<_> = input.chunks(9).into_iter().map(CertificateDer::from).collect();
            *if is_verified(&certificates, now) { &mut verified } else { &mut refused } += 1;
        }
        assert!(verified >= LAB.signed.len() && refused >= 3, "{verified} verify, {refused} do not");
    }
}
