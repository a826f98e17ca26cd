use rustls_pki_types::SubjectPublicKeyInfoDer;
use webpki::RawPublicKeyEntity;

use crate::algorithms::SUPPORTED;

/// Why a signature is not one by a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignatureFault {
    /// The algorithm is none that is accepted.
    Algorithm,
    /// The key did not make the signature.
    OtherKey,
}

/// Checks that the key of `public_key`, a `SubjectPublicKeyInfo`, signed `message`.
///
/// `algorithm` is the value of the signature's `AlgorithmIdentifier` without its header: the form in which webpki compares
/// it.
pub(crate) fn verify_signature(
    public_key: &[u8],
    algorithm: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureFault> {
    let public_key = SubjectPublicKeyInfoDer::from(public_key);
    let key = RawPublicKeyEntity::try_from(&public_key).map_err(|_| SignatureFault::OtherKey)?;
    let mut fault = SignatureFault::Algorithm;
    for candidate in SUPPORTED.all.iter().filter(|known| known.signature_alg_id().as_ref() == algorithm) {
        match key.verify_signature(*candidate, message, signature) {
            Ok(()) => return Ok(()),
            // The same signature algorithm is listed once for each curve.
            Err(webpki::Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)) => {
                fault = SignatureFault::OtherKey;
            }
            Err(_) => return Err(SignatureFault::OtherKey),
        }
    }
    Err(fault)
}
