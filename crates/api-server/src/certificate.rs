use landfall_api::certificate::{
    Certificate as ListedCertificate, CertificateDescription, CertificateValidity,
    DescribeCertificateRequest, DescribeCertificateResponse, ListCertificatesRequest,
    ListCertificatesResponse, UpdateCertificateRequest, UpdateCertificateResponse,
};
use landfall_model::{
    Certificate, CertificateDer, CertificateId, CertificateMode, CertificateStatus, Scope, Validity,
};
use landfall_pki::ParsedCertificate;
use landfall_registry::{Conflict, Order, Transaction};

use crate::failure::{Failure, invalid};
use crate::handler::{Context, Handle, wire_time};

impl Handle for DescribeCertificateRequest {
    async fn handle(self, context: &Context<'_>) -> Result<DescribeCertificateResponse, Failure> {
        let Self { certificate_id } = self;
        let id: CertificateId = certificate_id.parse().map_err(invalid)?;
        let found = context.registry().certificate(id).await?;
        let certificate = found.ok_or(Conflict::CertificateNotFound(id))?;
        Ok(DescribeCertificateResponse {
            certificate_description: Some(describe(&certificate, context.scope())?),
        })
    }
}

impl Handle for UpdateCertificateRequest {
    /// Any of the three statuses may follow any status, as at AWS.
    async fn handle(self, context: &Context<'_>) -> Result<UpdateCertificateResponse, Failure> {
        let Self { certificate_id, new_status } = self;
        let id: CertificateId = certificate_id.parse().map_err(invalid)?;
        let status = CertificateStatus::parse_settable(&new_status)
            .map_err(|error| invalid(format!("newStatus cannot be set: {error}")))?;
        let mut transaction = Transaction::new();
        transaction.set_certificate_status(id, status, context.now);
        context.registry().commit(transaction).await?;
        Ok(UpdateCertificateResponse {})
    }
}

impl Handle for ListCertificatesRequest {
    async fn handle(self, context: &Context<'_>) -> Result<ListCertificatesResponse, Failure> {
        // The context reads the page from the call.
        let Self { page_size: _, marker: _, ascending_order } = self;
        let page = context.page(order(ascending_order))?;
        let page = context.registry().certificates(None, page).await?;
        Ok(ListCertificatesResponse {
            certificates: Some(page.items.iter().map(|item| list(item, context.scope())).collect()),
            next_marker: context.next_token(page.next)?,
        })
    }
}

/// The order of a list that is by time of creation: at AWS the newest come first unless asked otherwise.
pub(crate) fn order(ascending: Option<bool>) -> Order {
    if ascending == Some(true) { Order::Ascending } else { Order::Descending }
}

/// A stored certificate in PEM.
pub(crate) fn pem(der: &CertificateDer) -> Result<String, Failure> {
    match ParsedCertificate::from_der(der.as_bytes()) {
        Ok(certificate) => Ok(certificate.to_pem()),
        Err(error) => Err(Failure::internal("reading a stored certificate", error)),
    }
}

/// A validity on the wire.
pub(crate) fn wire_validity(validity: Validity) -> CertificateValidity {
    CertificateValidity {
        not_before: Some(wire_time(validity.not_before)),
        not_after: Some(wire_time(validity.not_after)),
    }
}

fn describe(certificate: &Certificate, scope: &Scope) -> Result<CertificateDescription, Failure> {
    let Certificate { id, ca, status, signed_part: _, der, validity, registered_at, modified_at } =
        certificate;
    Ok(CertificateDescription {
        certificate_arn: Some(scope.certificate_arn(id)),
        certificate_id: Some(id.to_string()),
        ca_certificate_id: ca.as_ref().map(ToString::to_string),
        status: Some(status.as_str().to_owned()),
        certificate_pem: Some(pem(der)?),
        owned_by: Some(scope.account.to_string()),
        previous_owned_by: None,
        creation_date: Some(wire_time(*registered_at)),
        last_modified_date: Some(wire_time(*modified_at)),
        // The registry counts no versions of certificates and knows no transfers.
        customer_version: None,
        transfer_data: None,
        generation_id: None,
        validity: Some(wire_validity(*validity)),
        certificate_mode: Some(mode(certificate).as_str().to_owned()),
    })
}

fn list(certificate: &Certificate, scope: &Scope) -> ListedCertificate {
    ListedCertificate {
        certificate_arn: Some(scope.certificate_arn(&certificate.id)),
        certificate_id: Some(certificate.id.to_string()),
        status: Some(certificate.status.as_str().to_owned()),
        certificate_mode: Some(mode(certificate).as_str().to_owned()),
        creation_date: Some(wire_time(certificate.registered_at)),
    }
}

/// AWS calls a certificate `SNI_ONLY` that was registered without a CA certificate.
fn mode(certificate: &Certificate) -> CertificateMode {
    match certificate.ca {
        Some(_) => CertificateMode::Default,
        None => CertificateMode::SniOnly,
    }
}
