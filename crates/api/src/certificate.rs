//! Certificates of devices.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::operation::api_operation;
use crate::timestamp::WireTimestamp;

/// Registers a certificate that a registered CA signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterCertificateRequest {
    /// The certificate in PEM.
    pub certificate_pem: String,
    /// The CA certificate in PEM, to tell apart CAs of one subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_certificate_pem: Option<String>,
    /// Whether the certificate becomes ACTIVE at once; `status` is the newer way to say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_as_active: Option<bool>,
    /// The status to begin with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// The answer to [`RegisterCertificateRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterCertificateResponse {
    /// The ARN of the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_arn: Option<String>,
    /// The id of the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_id: Option<String>,
}

api_operation!(RegisterCertificateRequest, Iot, "RegisterCertificate", RegisterCertificateResponse);

/// Registers a certificate whose CA is not registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterCertificateWithoutCaRequest {
    /// The certificate in PEM.
    pub certificate_pem: String,
    /// The status to begin with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// The answer to [`RegisterCertificateWithoutCaRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterCertificateWithoutCaResponse {
    /// The ARN of the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_arn: Option<String>,
    /// The id of the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_id: Option<String>,
}

api_operation!(
    RegisterCertificateWithoutCaRequest,
    Iot,
    "RegisterCertificateWithoutCA",
    RegisterCertificateWithoutCaResponse
);

/// Has a certificate made for the key of a certificate signing request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateCertificateFromCsrRequest {
    /// The certificate signing request in PEM.
    pub certificate_signing_request: String,
    /// Whether the certificate becomes ACTIVE at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_as_active: Option<bool>,
}

/// The answer to [`CreateCertificateFromCsrRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateCertificateFromCsrResponse {
    /// The ARN of the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_arn: Option<String>,
    /// The id of the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_id: Option<String>,
    /// The certificate in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_pem: Option<String>,
}

api_operation!(
    CreateCertificateFromCsrRequest,
    Iot,
    "CreateCertificateFromCsr",
    CreateCertificateFromCsrResponse
);

/// Has a key pair made, and a certificate for it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateKeysAndCertificateRequest {
    /// Whether the certificate becomes ACTIVE at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_as_active: Option<bool>,
}

/// The answer to [`CreateKeysAndCertificateRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CreateKeysAndCertificateResponse {
    /// The ARN of the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_arn: Option<String>,
    /// The id of the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_id: Option<String>,
    /// The certificate in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_pem: Option<String>,
    /// The key pair.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_pair: Option<KeyPair>,
}

api_operation!(
    CreateKeysAndCertificateRequest,
    Iot,
    "CreateKeysAndCertificate",
    CreateKeysAndCertificateResponse
);

/// Describes a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeCertificateRequest {
    /// The id of the certificate.
    pub certificate_id: String,
}

/// The answer to [`DescribeCertificateRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeCertificateResponse {
    /// The certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_description: Option<CertificateDescription>,
}

api_operation!(DescribeCertificateRequest, Iot, "DescribeCertificate", DescribeCertificateResponse);

/// Changes the status of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateCertificateRequest {
    /// The id of the certificate.
    pub certificate_id: String,
    /// The status to set.
    pub new_status: String,
}

/// The answer to [`UpdateCertificateRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UpdateCertificateResponse {}

api_operation!(UpdateCertificateRequest, Iot, "UpdateCertificate", UpdateCertificateResponse);

/// Lists the certificates.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListCertificatesRequest {
    /// How many results a page has at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_size: Option<i32>,
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// Whether the oldest come first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ascending_order: Option<bool>,
}

/// The answer to [`ListCertificatesRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListCertificatesResponse {
    /// The certificates of this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificates: Option<Vec<Certificate>>,
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
}

api_operation!(ListCertificatesRequest, Iot, "ListCertificates", ListCertificatesResponse);

/// Lists the certificates that one CA signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListCertificatesByCaRequest {
    /// The id of the CA certificate.
    pub ca_certificate_id: String,
    /// How many results a page has at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_size: Option<i32>,
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// Whether the oldest come first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ascending_order: Option<bool>,
}

/// The answer to [`ListCertificatesByCaRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListCertificatesByCaResponse {
    /// The certificates of this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificates: Option<Vec<Certificate>>,
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
}

api_operation!(ListCertificatesByCaRequest, Iot, "ListCertificatesByCA", ListCertificatesByCaResponse);

/// Deletes a certificate, which must not be ACTIVE and not be attached to anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteCertificateRequest {
    /// The id of the certificate.
    pub certificate_id: String,
    /// Whether it is deleted although policies are attached to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force_delete: Option<bool>,
}

/// The answer to [`DeleteCertificateRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeleteCertificateResponse {}

api_operation!(DeleteCertificateRequest, Iot, "DeleteCertificate", DeleteCertificateResponse);

/// A certificate in a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    /// The ARN of the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_arn: Option<String>,
    /// The id of the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_id: Option<String>,
    /// `ACTIVE`, `INACTIVE`, `PENDING_ACTIVATION`, `REVOKED` or another status of AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// `DEFAULT` or `SNI_ONLY`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_mode: Option<String>,
    /// When it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_date: Option<WireTimestamp>,
}

/// A certificate in full.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateDescription {
    /// The ARN of the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_arn: Option<String>,
    /// The id of the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_id: Option<String>,
    /// The id of the CA certificate that signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_certificate_id: Option<String>,
    /// `ACTIVE`, `INACTIVE`, `PENDING_ACTIVATION`, `REVOKED` or another status of AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The certificate in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_pem: Option<String>,
    /// The account that owns it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owned_by: Option<String>,
    /// The account that owned it before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_owned_by: Option<String>,
    /// When it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_date: Option<WireTimestamp>,
    /// When it was last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified_date: Option<WireTimestamp>,
    /// How often it has been changed, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_version: Option<i32>,
    /// The transfer to another account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfer_data: Option<TransferData>,
    /// The generation of the resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation_id: Option<String>,
    /// When it is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validity: Option<CertificateValidity>,
    /// `DEFAULT` or `SNI_ONLY`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_mode: Option<String>,
}

/// When a certificate is valid.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateValidity {
    /// The first moment of validity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<WireTimestamp>,
    /// The last moment of validity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after: Option<WireTimestamp>,
}

/// The transfer of a certificate to another account.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransferData {
    /// What the sender says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfer_message: Option<String>,
    /// Why it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reject_reason: Option<String>,
    /// When it was offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transfer_date: Option<WireTimestamp>,
    /// When it was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept_date: Option<WireTimestamp>,
    /// When it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reject_date: Option<WireTimestamp>,
}

/// A key pair. The private half is handed out this once, and `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct KeyPair {
    /// The public key in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// The private key in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_key: Option<String>,
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").field("public_key", &self.public_key).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::drift::assert_matches_model;

    #[test]
    fn the_structs_have_the_members_of_the_model() {
        assert_matches_model::<RegisterCertificateRequest>();
        assert_matches_model::<RegisterCertificateWithoutCaRequest>();
        assert_matches_model::<CreateCertificateFromCsrRequest>();
        assert_matches_model::<CreateKeysAndCertificateRequest>();
        assert_matches_model::<DescribeCertificateRequest>();
        assert_matches_model::<UpdateCertificateRequest>();
        assert_matches_model::<ListCertificatesRequest>();
        assert_matches_model::<ListCertificatesByCaRequest>();
        assert_matches_model::<DeleteCertificateRequest>();
    }

    #[test]
    fn a_private_key_is_not_shown() {
        let key_pair =
            KeyPair { public_key: Some("open".to_owned()), private_key: Some("secret".to_owned()) };
        let response = CreateKeysAndCertificateResponse { key_pair: Some(key_pair), ..Default::default() };
        let shown = format!("{response:?}");
        assert!(shown.contains("open") && !shown.contains("secret"), "{shown}");
    }
}
