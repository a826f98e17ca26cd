use std::fmt;

use rustls::SignatureScheme;
use rustls::crypto::WebPkiSupportedAlgorithms;
use thiserror::Error;
use webpki::aws_lc_rs as webpki_algorithms;

use crate::der_reader::{DerReader, Malformed, TAG_BIT_STRING, TAG_INTEGER, TAG_OID, TAG_SEQUENCE, Tlv};

/// The fewest bits of an RSA key that is accepted.
pub const RSA_BITS_MIN: usize = 2_048;

/// The most bits of an RSA key that is accepted; a longer one costs the server much and its sender nothing.
pub const RSA_BITS_MAX: usize = 8_192;

/// The kind of a certificate's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// RSA.
    Rsa {
        /// The bits of the modulus.
        bits: usize,
    },
    /// Elliptic curve P-256.
    EcP256,
    /// Elliptic curve P-384.
    EcP384,
    /// Elliptic curve P-521.
    EcP521,
    /// Ed25519.
    Ed25519,
    /// A key that Landfall does not take.
    Other {
        /// The object identifier of the curve, or of the algorithm where there is no curve.
        oid: Box<str>,
    },
}

/// Why a key is not accepted.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum KeyFault {
    /// An RSA key that is too short to be safe.
    #[error("its RSA key has {bits} bits, and {RSA_BITS_MIN} are the least")]
    Weak {
        /// The bits of the modulus.
        bits: usize,
    },
    /// An RSA key that is too long to be checked.
    #[error("its RSA key has {bits} bits, and {RSA_BITS_MAX} are the most")]
    TooLong {
        /// The bits of the modulus.
        bits: usize,
    },
    /// A key of a kind that Landfall does not take.
    #[error("its key is of the kind {oid}, and only RSA, P-256, P-384, P-521 and Ed25519 are supported")]
    Unsupported {
        /// The object identifier of the curve, or of the algorithm where there is no curve.
        oid: Box<str>,
    },
}

/// Every signature that is accepted on a certificate (`all`) and in a handshake (`mapping`).
///
/// This is rustls's own list without the experimental ML-DSA. SHA-1 and MD5 are absent, so no path can accept them.
pub(crate) static SUPPORTED: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[
        webpki_algorithms::ECDSA_P256_SHA256,
        webpki_algorithms::ECDSA_P256_SHA384,
        webpki_algorithms::ECDSA_P256_SHA512,
        webpki_algorithms::ECDSA_P384_SHA256,
        webpki_algorithms::ECDSA_P384_SHA384,
        webpki_algorithms::ECDSA_P384_SHA512,
        webpki_algorithms::ECDSA_P521_SHA256,
        webpki_algorithms::ECDSA_P521_SHA384,
        webpki_algorithms::ECDSA_P521_SHA512,
        webpki_algorithms::ED25519,
        webpki_algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
        webpki_algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
        webpki_algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
        webpki_algorithms::RSA_PKCS1_2048_8192_SHA256,
        webpki_algorithms::RSA_PKCS1_2048_8192_SHA384,
        webpki_algorithms::RSA_PKCS1_2048_8192_SHA512,
        webpki_algorithms::RSA_PKCS1_2048_8192_SHA256_ABSENT_PARAMS,
        webpki_algorithms::RSA_PKCS1_2048_8192_SHA384_ABSENT_PARAMS,
        webpki_algorithms::RSA_PKCS1_2048_8192_SHA512_ABSENT_PARAMS,
    ],
    // TLS 1.3 takes the first algorithm of a scheme; TLS 1.2 does not fix the curve and tries them all
    // (RFC 8446, section 4.2.3).
    mapping: &[
        (
            SignatureScheme::ECDSA_NISTP384_SHA384,
            &[
                webpki_algorithms::ECDSA_P384_SHA384,
                webpki_algorithms::ECDSA_P256_SHA384,
                webpki_algorithms::ECDSA_P521_SHA384,
            ],
        ),
        (
            SignatureScheme::ECDSA_NISTP256_SHA256,
            &[
                webpki_algorithms::ECDSA_P256_SHA256,
                webpki_algorithms::ECDSA_P384_SHA256,
                webpki_algorithms::ECDSA_P521_SHA256,
            ],
        ),
        (
            SignatureScheme::ECDSA_NISTP521_SHA512,
            &[
                webpki_algorithms::ECDSA_P521_SHA512,
                webpki_algorithms::ECDSA_P384_SHA512,
                webpki_algorithms::ECDSA_P256_SHA512,
            ],
        ),
        (SignatureScheme::ED25519, &[webpki_algorithms::ED25519]),
        (SignatureScheme::RSA_PSS_SHA512, &[webpki_algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY]),
        (SignatureScheme::RSA_PSS_SHA384, &[webpki_algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY]),
        (SignatureScheme::RSA_PSS_SHA256, &[webpki_algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY]),
        (SignatureScheme::RSA_PKCS1_SHA512, &[webpki_algorithms::RSA_PKCS1_2048_8192_SHA512]),
        (SignatureScheme::RSA_PKCS1_SHA384, &[webpki_algorithms::RSA_PKCS1_2048_8192_SHA384]),
        (SignatureScheme::RSA_PKCS1_SHA256, &[webpki_algorithms::RSA_PKCS1_2048_8192_SHA256]),
    ],
};

/// The name of a signature algorithm that is refused because forgeries are within reach.
pub(crate) fn weak_signature_name(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "1.2.840.113549.1.1.2" => "RSA with MD2",
        "1.2.840.113549.1.1.3" => "RSA with MD4",
        "1.2.840.113549.1.1.4" => "RSA with MD5",
        "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" => "RSA with SHA-1",
        "1.2.840.10045.4.1" => "ECDSA with SHA-1",
        "1.2.840.10040.4.3" | "1.3.14.3.2.27" => "DSA with SHA-1",
        _ => return None,
    })
}

/// Reads the object identifier with which an `AlgorithmIdentifier` begins (RFC 5280, section 4.1.1.2).
pub(crate) fn algorithm_oid(algorithm: &Tlv<'_>) -> Result<Box<str>, Malformed> {
    let mut fields = algorithm.open()?;
    read_oid(&mut fields, "the object identifier of an algorithm")
}

/// Reads an object identifier as dotted text.
pub(crate) fn read_oid(reader: &mut DerReader<'_>, what: &'static str) -> Result<Box<str>, Malformed> {
    let tlv = reader.expect(TAG_OID, what)?;
    match der::asn1::ObjectIdentifier::from_bytes(tlv.value) {
        Ok(oid) => Ok(oid.to_string().into_boxed_str()),
        Err(_) => Err(Malformed { what, offset: tlv.range.start }),
    }
}

impl KeyAlgorithm {
    /// Checks that a key of this kind is accepted.
    ///
    /// # Errors
    /// It is not, and says why.
    pub fn check(&self) -> Result<(), KeyFault> {
        match self {
            Self::Rsa { bits } if *bits < RSA_BITS_MIN => Err(KeyFault::Weak { bits: *bits }),
            Self::Rsa { bits } if *bits > RSA_BITS_MAX => Err(KeyFault::TooLong { bits: *bits }),
            Self::Rsa { .. } | Self::EcP256 | Self::EcP384 | Self::EcP521 | Self::Ed25519 => Ok(()),
            Self::Other { oid } => Err(KeyFault::Unsupported { oid: oid.clone() }),
        }
    }

    /// Reads the kind of key of a `SubjectPublicKeyInfo` (RFC 5280, section 4.1.2.7; RFC 3279, section 2.3.1;
    /// RFC 5480, section 2.1).
    pub(crate) fn read(spki: &Tlv<'_>) -> Result<Self, Malformed> {
        let mut fields = spki.open()?;
        let algorithm = fields.expect(TAG_SEQUENCE, "the algorithm of the public key")?;
        let key = fields.expect(TAG_BIT_STRING, "the public key")?;
        fields.finish("the end of the public key")?;

        let mut parts = algorithm.open()?;
        let oid = read_oid(&mut parts, "the algorithm of the public key")?;
        match &*oid {
            "1.2.840.113549.1.1.1" => rsa_bits(&key).map(|bits| Self::Rsa { bits }),
            "1.2.840.10045.2.1" => {
                // A curve that is written out as parameters instead of named has no object identifier here.
                let curve = read_oid(&mut parts, "the name of the key's curve")?;
                Ok(match &*curve {
                    "1.2.840.10045.3.1.7" => Self::EcP256,
                    "1.3.132.0.34" => Self::EcP384,
                    "1.3.132.0.35" => Self::EcP521,
                    _ => Self::Other { oid: curve },
                })
            }
            "1.3.101.112" => Ok(Self::Ed25519),
            _ => Ok(Self::Other { oid }),
        }
    }
}

fn rsa_bits(key: &Tlv<'_>) -> Result<usize, Malformed> {
    let what = "an RSA public key";
    let malformed = Malformed { what, offset: key.range.start };
    // The first byte of a BIT STRING counts the unused bits of the last, of which a key has none.
    let Some((0, rsa_key)) = key.value.split_first().map(|(unused, rest)| (*unused, rest)) else {
        return Err(malformed);
    };
    let mut reader = DerReader::new(rsa_key).map_err(|_| malformed)?;
    let sequence = reader.expect(TAG_SEQUENCE, what).map_err(|_| malformed)?;
    let modulus = sequence.open()?.expect(TAG_INTEGER, what).map_err(|_| malformed)?;
    match modulus.value {
        [0, rest @ ..] => Ok(bit_length(rest)),
        [first, ..] if first & 0x80 == 0 => Ok(bit_length(modulus.value)),
        _ => Err(malformed),
    }
}

fn bit_length(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - usize::try_from(first.leading_zeros()).unwrap_or(8))
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA-{bits}"),
            Self::EcP256 => f.write_str("P-256"),
            Self::EcP384 => f.write_str("P-384"),
            Self::EcP521 => f.write_str("P-521"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Other { oid } => f.write_str(oid),
        }
    }
}
