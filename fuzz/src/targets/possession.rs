use std::sync::LazyLock;

use landfall_model::{RegistrationCode, UnixTime};
use landfall_pki::{Anchor, ParsedCertificate, prove_possession};

use super::chain::fixture;
use crate::input::Input;

/// The registration code that the verification certificates of the fixtures were made for.
const CODE: RegistrationCode = RegistrationCode::from_bytes([0x5A; 32]);

/// The proof that whoever registers a CA certificate holds its key.
///
/// The input is a byte that chooses the moment, and two chunks: a CA certificate and a verification certificate, each in
/// PEM or in DER. The proof succeeds only with a verification certificate that the CA's key really signed for the
/// code, and gives the CA certificate that was sent.
pub fn possession(data: &[u8]) {
    let mut input = Input::new(data);
    let now = moment(input.byte());
    let (ca, verification) = (input.chunk(), input.chunk());
    match prove_possession(ca, verification, &CODE, now) {
        Ok(anchor) => check(&anchor, ca, verification, now),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A CA certificate and the verification certificates that its key signed for the code.
struct Proof {
    ca: ParsedCertificate,
    verifications: [ParsedCertificate; 2],
}

static PROOFS: LazyLock<[Proof; 2]> = LazyLock::new(|| {
    [
        Proof {
            ca: fixture!("ca-p256"),
            verifications: [fixture!("verification-p256-v1"), fixture!("verification-p256-v3")],
        },
        Proof {
            ca: fixture!("ca-rsa"),
            verifications: [fixture!("verification-rsa-v1"), fixture!("verification-rsa-v3")],
        },
    ]
});

fn moment(choice: u8) -> UnixTime {
    let validity = PROOFS[0].verifications[0].validity();
    let begin = validity.not_before.as_secs();
    UnixTime::from_secs(match choice {
        0xF1 => begin - 86_400,
        0xF3 => validity.not_after.as_secs() + 86_400,
        hours => begin + 86_400 + i64::from(hours) * 3_600,
    })
}

fn check(anchor: &Anchor, ca: &[u8], verification: &[u8], now: UnixTime) {
    let sent = ParsedCertificate::from_pem_or_der(ca).expect("it was read before");
    assert_eq!(*anchor.certificate(), sent, "another CA certificate was proven than the one that was sent");
    let verification = ParsedCertificate::from_pem_or_der(verification).expect("it was read before");

    // A CA certificate that is not self-signed is as good as whoever registers it says; its key is what is proven.
    let proof = PROOFS.iter().find(|proof| proof.ca.public_key_der() == sent.public_key_der());
    let Some(proof) = proof else { panic!("possession of a key is proven that signed nothing: {sent:?}") };
    assert_eq!(proof.ca.subject_der(), sent.subject_der());
    // The signed part is compared, since a signature by an elliptic curve key can be written in two ways.
    let signed_part = verification.signed_part_sha256();
    let mut signed = proof.verifications.iter().map(ParsedCertificate::signed_part_sha256);
    assert!(signed.any(|part| part == signed_part), "{verification:?} was not signed by the CA");
    assert!(sent.validity().contains(now) && verification.validity().contains(now), "not valid at {now}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_openssl_signed_is_a_proof_for_its_own_ca_and_its_time_only() {
        for (index, proof) in PROOFS.iter().enumerate() {
            for verification in &proof.verifications {
                for (choice, ca, expected) in
                    [(1, index, true), (1, 1 - index, false), (0xF1, index, false), (0xF3, index, false)]
                {
                    let ca = PROOFS[ca].ca.to_pem();
                    let found =
                        prove_possession(ca.as_bytes(), verification.der().as_bytes(), &CODE, moment(choice));
                    assert_eq!(found.is_ok(), expected, "{verification:?} at {choice:#x}: {found:?}");
                }
            }
        }
    }

    #[test]
    fn the_corpus_has_proofs_and_forgeries() {
        let (mut proven, mut refused) = (0, 0);
        for data in crate::targets::corpus("possession") {
            let mut input = Input::new(&data);
            let now = moment(input.byte());
            let found = prove_possession(input.chunk(), input.chunk(), &CODE, now);
            *if found.is_ok() { &mut proven } else { &mut refused } += 1;
        }
        assert!(proven >= 4 && refused >= 2, "{proven} prove possession, {refused} do not");
    }
}
