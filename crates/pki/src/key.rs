use std::fmt;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _,
    RSA_PKCS1_SHA256,
};
use rustls_pki_types::pem::{PemObject, SectionKind};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use thiserror::Error;

use crate::der_reader::{DerReader, Malformed, TAG_INTEGER, TAG_OCTET_STRING, TAG_SEQUENCE};
use crate::pem::{PEM_BYTES_MAX, damage, to_pem};

/// `AlgorithmIdentifier` of sha256WithRSAEncryption with NULL parameters (RFC 4055, section 5).
const RSA_SHA256: &[u8] =
    &[0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0B, 0x05, 0x00];
/// `AlgorithmIdentifier` of ecdsa-with-SHA256 (RFC 5758, section 3.2).
const ECDSA_SHA256: &[u8] = &[0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02];
/// `AlgorithmIdentifier` of ecdsa-with-SHA384 (RFC 5758, section 3.2).
const ECDSA_SHA384: &[u8] = &[0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x03];

/// A private key with its public key. Its `Debug` shows the kind alone.
pub struct KeyPair {
    secret: Secret,
    public: PublicKey,
}

/// A public key: the DER of a `SubjectPublicKeyInfo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    der: Box<[u8]>,
}

/// The kinds of key that can be generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA with 2,048 bits.
    Rsa2048,
    /// RSA with 3,072 bits.
    Rsa3072,
    /// RSA with 4,096 bits.
    Rsa4096,
    /// Elliptic curve P-256.
    P256,
    /// Elliptic curve P-384.
    P384,
}

/// Why there is no key.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// The file is too large.
    #[error("the file has {bytes} bytes, and {PEM_BYTES_MAX} are the most")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The key is encrypted.
    #[error("the private key is encrypted; decrypt it first: openssl pkey -in key.pem -out plain.pem")]
    Encrypted,
    /// There is no private key in the file.
    #[error("no private key found; expected `-----BEGIN PRIVATE KEY-----`, or RSA or EC PRIVATE KEY")]
    NoKey,
    /// There are several keys in the file.
    #[error("the file holds {found} private keys, and one is expected")]
    SeveralKeys {
        /// How many.
        found: usize,
    },
    /// The file is damaged.
    #[error("the file is not valid PEM: {reason}")]
    Damaged {
        /// What the reader says.
        reason: String,
    },
    /// The key cannot be used.
    #[error(
        "the private key cannot be used: it must be RSA with 2048 to 8192 bits, P-256 or P-384, and undamaged"
    )]
    Unusable,
    /// The cryptographic library failed.
    #[error("the cryptographic library failed to {task}")]
    Library {
        /// What it should have done.
        task: &'static str,
    },
}

enum Secret {
    Rsa(rsa::KeyPair),
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
}

impl KeyPair {
    /// Makes a new key. One of RSA takes a tenth of a second of CPU time and more: an async program calls this where it
    /// may block.
    ///
    /// # Errors
    /// The cryptographic library failed.
    pub fn generate(kind: KeyKind) -> Result<Self, KeyError> {
        let failed = |_| KeyError::Library { task: "generate a key" };
        let rsa = |size| rsa::KeyPair::generate(size).map(Secret::Rsa).map_err(failed);
        Self::of(match kind {
            KeyKind::Rsa2048 => rsa(KeySize::Rsa2048)?,
            KeyKind::Rsa3072 => rsa(KeySize::Rsa3072)?,
            KeyKind::Rsa4096 => rsa(KeySize::Rsa4096)?,
            KeyKind::P256 => {
                Secret::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(failed)?)
            }
            KeyKind::P384 => {
                Secret::P384(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).map_err(failed)?)
            }
        })
    }

    /// Reads the one private key of a PEM file: PKCS#8 (`PRIVATE KEY`), PKCS#1 (`RSA PRIVATE KEY`) or SEC 1
    /// (`EC PRIVATE KEY`), as `openssl genrsa`, `genpkey` and `ecparam -genkey` write them. Other sections are skipped.
    ///
    /// # Errors
    /// There is not exactly one, it is encrypted, or it is of a kind or size that is not supported.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        if pem.len() > PEM_BYTES_MAX {
            return Err(KeyError::TooLarge { bytes: pem.len() });
        }
        // PKCS#8 names it in the label, the older forms in a header line that is no base64.
        if has(pem, b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || has(pem, b"Proc-Type: 4,ENCRYPTED") {
            return Err(KeyError::Encrypted);
        }
        let mut keys = Vec::new();
        for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(pem) {
            match section {
                Ok((
                    kind @ (SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey),
                    der,
                )) => {
                    keys.push((kind, der));
                }
                Ok(_) => {}
                Err(error) => return Err(KeyError::Damaged { reason: damage(&error) }),
            }
        }
        match keys.as_slice() {
            [] => Err(KeyError::NoKey),
            [(kind, der)] => Self::of(read_secret(*kind, der)?),
            several => Err(KeyError::SeveralKeys { found: several.len() }),
        }
    }

    /// The private key in PEM, PKCS#8, with a line feed at the end. Keep it secret.
    ///
    /// # Errors
    /// The cryptographic library failed.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        self.to_pkcs8().map(|der| to_pem("PRIVATE KEY", &der))
    }

    /// The private key in PEM as AWS IoT hands it out, with a line feed at the end: one of RSA as PKCS#1
    /// (`RSA PRIVATE KEY`), which the oldest clients read too, others as [`Self::to_pem`]. Keep it secret.
    ///
    /// # Errors
    /// The cryptographic library failed.
    pub fn to_traditional_pem(&self) -> Result<String, KeyError> {
        match &self.secret {
            Secret::Rsa(_) => {
                let pkcs8 = self.to_pkcs8()?;
                let pkcs1 =
                    pkcs1_of(&pkcs8).map_err(|_| KeyError::Library { task: "write a private key" })?;
                Ok(to_pem("RSA PRIVATE KEY", pkcs1))
            }
            Secret::P256(_) | Secret::P384(_) => self.to_pem(),
        }
    }

    /// The private key as rustls takes it. Keep it secret.
    ///
    /// # Errors
    /// The cryptographic library failed.
    pub fn to_private_key_der(&self) -> Result<PrivateKeyDer<'static>, KeyError> {
        self.to_pkcs8().map(|der| PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der)))
    }

    /// The public key.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Signs a message: RSA (PKCS#1 v1.5) and P-256 with SHA-256, P-384 with SHA-384.
    ///
    /// # Errors
    /// The cryptographic library failed.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let failed = |_| KeyError::Library { task: "sign" };
        // aws-lc-rs takes this argument for the sake of its ancestor and does not use it.
        let random = SystemRandom::new();
        match &self.secret {
            Secret::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
            Secret::P256(key) | Secret::P384(key) => {
                key.sign(&random, message).map(|signature| signature.as_ref().to_vec()).map_err(failed)
            }
        }
    }

    /// The DER of the `AlgorithmIdentifier` of [`Self::sign`].
    pub(crate) fn signature_algorithm_der(&self) -> &'static [u8] {
        match &self.secret {
            Secret::Rsa(_) => RSA_SHA256,
            Secret::P256(_) => ECDSA_SHA256,
            Secret::P384(_) => ECDSA_SHA384,
        }
    }

    fn of(secret: Secret) -> Result<Self, KeyError> {
        let public: Result<PublicKeyX509Der<'_>, _> = match &secret {
            Secret::Rsa(key) => key.public_key().as_der(),
            Secret::P256(key) | Secret::P384(key) => key.public_key().as_der(),
        };
        let public = public.map_err(|_| KeyError::Library { task: "write a public key" })?;
        Ok(Self { public: PublicKey { der: public.as_ref().into() }, secret })
    }

    fn to_pkcs8(&self) -> Result<Vec<u8>, KeyError> {
        let failed = |_| KeyError::Library { task: "write a private key" };
        match &self.secret {
            Secret::Rsa(key) => {
                let der: Pkcs8V1Der<'_> = key.as_der().map_err(failed)?;
                Ok(der.as_ref().to_vec())
            }
            Secret::P256(key) | Secret::P384(key) => {
                key.to_pkcs8v1().map(|document| document.as_ref().to_vec()).map_err(failed)
            }
        }
    }
}

impl PublicKey {
    /// The key of a `SubjectPublicKeyInfo` that was read before.
    pub(crate) fn new(der: &[u8]) -> Self {
        Self { der: der.into() }
    }

    /// The DER of the `SubjectPublicKeyInfo`.
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// The public key in PEM (`PUBLIC KEY`), with a line feed at the end.
    pub fn to_pem(&self) -> String {
        to_pem("PUBLIC KEY", &self.der)
    }
}

/// The key that a `PrivateKeyInfo` wraps (RFC 5208, section 5): for RSA an `RSAPrivateKey` (RFC 8017, appendix A.1.2).
fn pkcs1_of(pkcs8: &[u8]) -> Result<&[u8], Malformed> {
    let mut fields = DerReader::new(pkcs8)?.expect(TAG_SEQUENCE, "a private key")?.open()?;
    fields.expect(TAG_INTEGER, "the version of a private key")?;
    fields.expect(TAG_SEQUENCE, "the algorithm of a private key")?;
    Ok(fields.expect(TAG_OCTET_STRING, "a private key")?.value)
}

fn read_secret(kind: SectionKind, der: &[u8]) -> Result<Secret, KeyError> {
    let ec = |der: &[u8]| {
        EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_ASN1_SIGNING, der).map(Secret::P256).or_else(
            |_| EcdsaKeyPair::from_private_key_der(&ECDSA_P384_SHA384_ASN1_SIGNING, der).map(Secret::P384),
        )
    };
    let secret = if kind == SectionKind::RsaPrivateKey {
        rsa::KeyPair::from_der(der).map(Secret::Rsa)
    } else if kind == SectionKind::EcPrivateKey {
        ec(der)
    } else {
        rsa::KeyPair::from_pkcs8(der).map(Secret::Rsa).or_else(|_| ec(der))
    };
    secret.map_err(|_| KeyError::Unusable)
}

fn has(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.secret {
            Secret::Rsa(_) => "KeyPair(RSA)",
            Secret::P256(_) => "KeyPair(P-256)",
            Secret::P384(_) => "KeyPair(P-384)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_key_is_read_back_and_stays_secret() {
        for kind in [KeyKind::Rsa2048, KeyKind::P256, KeyKind::P384] {
            let key = KeyPair::generate(kind).unwrap();
            let pem = key.to_pem().unwrap();
            let again = KeyPair::from_pem(pem.as_bytes()).unwrap();
            assert_eq!(again.public_key(), key.public_key(), "{kind:?}");
            assert_eq!(again.to_pem().unwrap(), pem);
            let traditional = key.to_traditional_pem().unwrap();
            assert_eq!(
                traditional.starts_with("-----BEGIN RSA PRIVATE KEY-----\n"),
                kind == KeyKind::Rsa2048
            );
            let again = KeyPair::from_pem(traditional.as_bytes()).unwrap();
            assert_eq!(again.to_pem().unwrap(), pem, "{kind:?}");
            assert!(format!("{key:?}").len() < 20);
        }
    }

    #[test]
    fn a_file_without_one_plain_key_is_explained() {
        let one = KeyPair::generate(KeyKind::P256).unwrap().to_pem().unwrap();
        let cases = [
            (String::new(), KeyError::NoKey),
            (format!("{one}{one}"), KeyError::SeveralKeys { found: 2 }),
            ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n".to_owned(), KeyError::Encrypted),
            ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n".to_owned(), KeyError::Unusable),
            (
                "-----BEGIN PRIVATE KEY-----\n????\n-----END PRIVATE KEY-----\n".to_owned(),
                KeyError::Damaged { reason: "a section is not valid base64".to_owned() },
            ),
            (" ".repeat(PEM_BYTES_MAX + 1), KeyError::TooLarge { bytes: PEM_BYTES_MAX + 1 }),
        ];
        for (pem, expected) in cases {
            assert_eq!(KeyPair::from_pem(pem.as_bytes()).err(), Some(expected));
        }
    }
}
