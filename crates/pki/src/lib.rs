//! A presented chain becomes a verified chain; a CA's owner proves possession of its key; certificates are issued.
//!
//! This crate trusts nothing that a peer sends. What was proven lives in a type with one constructor:
//! [`VerifiedChain`] is made by [`verify`] alone, [`Anchor`] by [`Anchor::new`] and [`prove_possession`],
//! [`CertificateRequest`] by a reader that verifies its signature.
//! Where rustls-webpki decides (chains of version 3), it decides alone; what it cannot do, which is certificates of
//! version 1 as `openssl x509 -req` makes them, is in `chain.rs` and `verifier.rs` and nowhere else.
//!
//! Nothing here does IO or reads a clock; random numbers come from aws-lc-rs.

mod algorithms;
mod alternative_name;
mod alternative_names;
mod anchors;
mod attribute_type;
mod certificate;
mod chain;
mod chain_error;
mod crl;
mod der_reader;
mod extensions;
mod issue;
mod key;
mod name_text;
mod openssl_config;
mod pem;
mod pinned;
mod possession;
mod registrable;
mod request;
mod request_text;
mod server_tls;
mod signature;
mod subject;
mod verifier;

pub use algorithms::{KeyAlgorithm, KeyFault, RSA_BITS_MAX, RSA_BITS_MIN};
pub use alternative_name::AlternativeName;
pub use alternative_names::{
    ALTERNATIVE_NAME_BYTES_MAX, ALTERNATIVE_NAMES_MAX, AlternativeNameError, AlternativeNames,
};
pub use anchors::{Anchor, CA_CERTIFICATES_PER_SUBJECT_MAX, CaError, TooManyCaCertificates, TrustAnchors};
pub use certificate::{
    ATTRIBUTE_BYTES_MAX, ATTRIBUTES_MAX, CERTIFICATE_BYTES_MAX, CertificateError, CertificateVersion,
    NamePart, ParsedCertificate,
};
pub use chain::{CHAIN_CERTIFICATES_MAX, PATHS_MAX, PresentedChain, Trust, VerifiedChain, verify};
pub use chain_error::ChainError;
pub use crl::{CRL_BYTES_MAX, CRLS_PER_FILE_MAX, CrlError, CrlIssuerError, RevocationList};
pub use issue::{
    DeviceRequest, DeviceTerms, IssueError, IssuedKey, Issuer, SerialNumber, ServerRequest, validity_of_aws,
    validity_of_days,
};
pub use key::{KeyError, KeyKind, KeyPair, PublicKey};
pub use name_text::TextError;
pub use openssl_config::{ConfigError, subject_from_openssl_config};
pub use pem::{PEM_BYTES_MAX, PEM_CERTIFICATES_MAX, PemError};
pub use pinned::PinnedCertificates;
pub use possession::{PossessionError, prove_possession};
pub use registrable::{IssuerError, check_issued_by, check_without_ca, find_issuer};
pub use request::{CertificateRequest, REQUEST_BYTES_MAX, RequestError};
pub use request_text::request_to_pem;
pub use server_tls::{ALPN_PROTOCOLS, SESSIONS_MAX, ServerTls, ServerTlsError, server_provider};
pub use subject::{AttributeName, Subject, SubjectError};
pub use verifier::DeviceVerifier;
