//! CA certificates: the issuers whose devices may register.

use serde::{Deserialize, Serialize};

use crate::certificate::CertificateValidity;
use crate::operation::api_operation;
use crate::tag::Tag;
use crate::timestamp::WireTimestamp;

/// Registers a CA certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterCaCertificateRequest {
    /// The CA certificate in PEM.
    pub ca_certificate: String,
    /// The verification certificate in PEM: its CN is the registration code, and the CA signed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification_certificate: Option<String>,
    /// Whether the CA certificate becomes ACTIVE at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_as_active: Option<bool>,
    /// Whether devices with certificates of this CA register themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_auto_registration: Option<bool>,
    /// How devices of this CA are provisioned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_config: Option<RegistrationConfig>,
    /// Tags of the CA certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<Tag>>,
    /// `DEFAULT` or `SNI_ONLY`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_mode: Option<String>,
}

/// The answer to [`RegisterCaCertificateRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterCaCertificateResponse {
    /// The ARN of the CA certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_arn: Option<String>,
    /// The id of the CA certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_id: Option<String>,
}

api_operation!(RegisterCaCertificateRequest, Iot, "RegisterCACertificate", RegisterCaCertificateResponse);

/// Describes a CA certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeCaCertificateRequest {
    /// The id of the CA certificate.
    pub certificate_id: String,
}

/// The answer to [`DescribeCaCertificateRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribeCaCertificateResponse {
    /// The CA certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_description: Option<CaCertificateDescription>,
    /// How devices of this CA are provisioned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_config: Option<RegistrationConfig>,
}

api_operation!(DescribeCaCertificateRequest, Iot, "DescribeCACertificate", DescribeCaCertificateResponse);

/// Changes the status of a CA certificate or of its auto-registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateCaCertificateRequest {
    /// The id of the CA certificate.
    pub certificate_id: String,
    /// The status to set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_status: Option<String>,
    /// `ENABLE` or `DISABLE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_auto_registration_status: Option<String>,
    /// How devices of this CA are provisioned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_config: Option<RegistrationConfig>,
    /// Whether the registration configuration is removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove_auto_registration: Option<bool>,
}

/// The answer to [`UpdateCaCertificateRequest`]: nothing but its success.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UpdateCaCertificateResponse {}

api_operation!(UpdateCaCertificateRequest, Iot, "UpdateCACertificate", UpdateCaCertificateResponse);

/// Lists the CA certificates.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListCaCertificatesRequest {
    /// How many results a page has at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_size: Option<i32>,
    /// Where the page starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
    /// Whether the oldest come first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ascending_order: Option<bool>,
    /// The name of the provisioning template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_name: Option<String>,
}

/// The answer to [`ListCaCertificatesRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListCaCertificatesResponse {
    /// The CA certificates of this page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificates: Option<Vec<CaCertificate>>,
    /// Where the next page starts, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_marker: Option<String>,
}

api_operation!(ListCaCertificatesRequest, Iot, "ListCACertificates", ListCaCertificatesResponse);

/// Deletes a CA certificate, which has to be INACTIVE.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteCaCertificateRequest {
    /// The id of the CA certificate.
    pub certificate_id: String,
}

/// The answer to [`DeleteCaCertificateRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeleteCaCertificateResponse {}

api_operation!(DeleteCaCertificateRequest, Iot, "DeleteCACertificate", DeleteCaCertificateResponse);

/// A CA certificate in a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CaCertificate {
    /// The ARN of the CA certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_arn: Option<String>,
    /// The id of the CA certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_id: Option<String>,
    /// `ACTIVE` or `INACTIVE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// When it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_date: Option<WireTimestamp>,
}

/// A CA certificate in full.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CaCertificateDescription {
    /// The ARN of the CA certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_arn: Option<String>,
    /// The id of the CA certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_id: Option<String>,
    /// `ACTIVE` or `INACTIVE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The CA certificate in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_pem: Option<String>,
    /// The account that owns it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owned_by: Option<String>,
    /// When it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_date: Option<WireTimestamp>,
    /// `ENABLE` or `DISABLE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_registration_status: Option<String>,
    /// When it was last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified_date: Option<WireTimestamp>,
    /// How often it has been changed, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_version: Option<i32>,
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

/// How devices of a CA are provisioned.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationConfig {
    /// The provisioning template, a JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_body: Option<String>,
    /// The role that provisioning uses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// The name of the provisioning template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template_name: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::drift::assert_matches_model;

    #[test]
    fn the_structs_have_the_members_of_the_model() {
        assert_matches_model::<RegisterCaCertificateRequest>();
        assert_matches_model::<DescribeCaCertificateRequest>();
        assert_matches_model::<UpdateCaCertificateRequest>();
        assert_matches_model::<ListCaCertificatesRequest>();
        assert_matches_model::<DeleteCaCertificateRequest>();
    }
}
