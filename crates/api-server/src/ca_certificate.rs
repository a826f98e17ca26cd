use landfall_api::ca_certificate::{
    CaCertificate as ListedCaCertificate, CaCertificateDescription, DeleteCaCertificateRequest,
    DeleteCaCertificateResponse, DescribeCaCertificateRequest, DescribeCaCertificateResponse,
    ListCaCertificatesRequest, ListCaCertificatesResponse, RegisterCaCertificateRequest,
    RegisterCaCertificateResponse, RegistrationConfig, UpdateCaCertificateRequest,
    UpdateCaCertificateResponse,
};
use landfall_api::tag::Tag;
use landfall_api::{ApiError, ErrorCode};
use landfall_model::{
    AutoRegistration, CaCertificate, CaCertificateId, CaStatus, CertificateMode, Scope, UnixTime,
};
use landfall_pki::{
    Anchor, CA_CERTIFICATES_PER_SUBJECT_MAX, ParsedCertificate, TooManyCaCertificates, prove_possession,
};
use landfall_registry::{Conflict, PageRequest, Registry, Transaction};

use crate::certificate::{order, pem, wire_validity};
use crate::failure::{Failure, invalid, not_built};
use crate::handler::{Context, Handle, wire_time};
use crate::registration_code::registration_code;

/// How many CA certificates are read at once when those of one subject are counted.
const COUNTED_AT_ONCE: u32 = 250;

impl Handle for RegisterCaCertificateRequest {
    async fn handle(self, context: &Context<'_>) -> Result<RegisterCaCertificateResponse, Failure> {
        let Self {
            ca_certificate,
            verification_certificate,
            set_as_active,
            allow_auto_registration,
            registration_config,
            tags,
            certificate_mode,
        } = self;
        check_mode(certificate_mode.as_deref())?;
        refuse_unbuilt(registration_config.as_ref(), tags.as_deref())?;
        let verification = verification_certificate.ok_or_else(|| {
            invalid(
                "verificationCertificate is missing: send a certificate whose common name is the code of \
                 GetRegistrationCode, signed by the CA's key",
            )
        })?;
        let code = registration_code(context.registry()).await?;
        let anchor =
            prove_possession(ca_certificate.as_bytes(), verification.as_bytes(), &code, context.now)?;
        let ca = CaCertificate {
            status: if set_as_active == Some(true) { CaStatus::Active } else { CaStatus::Inactive },
            auto_registration: match allow_auto_registration {
                Some(true) => AutoRegistration::Enable,
                Some(false) | None => AutoRegistration::Disable,
            },
            ..new_ca_certificate(&anchor, context.now)
        };
        // One at a time, so that two requests cannot both find room for the last one of a subject.
        let turn = context.app.ca_registrations.lock().await;
        check_room(context.registry(), &anchor).await?;
        let mut transaction = Transaction::new();
        transaction.insert_ca_certificate(ca);
        context.registry().commit(transaction).await?;
        drop(turn);
        Ok(RegisterCaCertificateResponse {
            certificate_arn: Some(context.scope().ca_certificate_arn(&anchor.id())),
            certificate_id: Some(anchor.id().to_string()),
        })
    }
}

impl Handle for DescribeCaCertificateRequest {
    async fn handle(self, context: &Context<'_>) -> Result<DescribeCaCertificateResponse, Failure> {
        let Self { certificate_id } = self;
        let id: CaCertificateId = certificate_id.parse().map_err(invalid)?;
        let found = context.registry().ca_certificate(id).await?;
        let ca = found.ok_or(Conflict::CaCertificateNotFound(id))?;
        Ok(DescribeCaCertificateResponse {
            certificate_description: Some(describe(&ca, context.scope())?),
            registration_config: None,
        })
    }
}

impl Handle for UpdateCaCertificateRequest {
    async fn handle(self, context: &Context<'_>) -> Result<UpdateCaCertificateResponse, Failure> {
        let Self {
            certificate_id,
            new_status,
            new_auto_registration_status,
            registration_config,
            remove_auto_registration,
        } = self;
        refuse_unbuilt(registration_config.as_ref(), None)?;
        if remove_auto_registration == Some(true) {
            return Err(not_built("removeAutoRegistration").into());
        }
        let id: CaCertificateId = certificate_id.parse().map_err(invalid)?;
        let status = new_status.as_deref().map(CaStatus::parse).transpose().map_err(invalid)?;
        let auto_registration = new_auto_registration_status.as_deref().map(AutoRegistration::parse);
        let auto_registration = auto_registration.transpose().map_err(invalid)?;
        if status.is_none() && auto_registration.is_none() {
            return Err(invalid("nothing to update: give newStatus or newAutoRegistrationStatus").into());
        }
        let mut transaction = Transaction::new();
        transaction.update_ca_certificate(id, status, auto_registration, context.now);
        context.registry().commit(transaction).await?;
        Ok(UpdateCaCertificateResponse {})
    }
}

impl Handle for ListCaCertificatesRequest {
    async fn handle(self, context: &Context<'_>) -> Result<ListCaCertificatesResponse, Failure> {
        // The context reads the page from the call.
        let Self { page_size: _, marker: _, ascending_order, template_name } = self;
        if template_name.is_some() {
            return Err(not_built("templateName, the filter by provisioning template,").into());
        }
        let page = context.page(order(ascending_order))?;
        let page = context.registry().ca_certificates(page).await?;
        Ok(ListCaCertificatesResponse {
            certificates: Some(page.items.iter().map(|item| list(item, context.scope())).collect()),
            next_marker: context.next_token(page.next)?,
        })
    }
}

impl Handle for DeleteCaCertificateRequest {
    async fn handle(self, context: &Context<'_>) -> Result<DeleteCaCertificateResponse, Failure> {
        let Self { certificate_id } = self;
        let id: CaCertificateId = certificate_id.parse().map_err(invalid)?;
        let mut transaction = Transaction::new();
        transaction.delete_ca_certificate(id);
        context.registry().commit(transaction).await?;
        Ok(DeleteCaCertificateResponse {})
    }
}

fn check_mode(mode: Option<&str>) -> Result<(), ApiError> {
    match mode {
        None => Ok(()),
        Some(word) if word == CertificateMode::Default.as_str() => Ok(()),
        Some(word) if word == CertificateMode::SniOnly.as_str() => Err(not_built(
            "certificateMode SNI_ONLY, registering a CA certificate without proof of possession of its key,",
        )),
        Some(other) => Err(invalid(format!("certificateMode {other:?} is none of DEFAULT, SNI_ONLY"))),
    }
}

/// What asks for nothing may be there: an empty list of tags, for one.
fn refuse_unbuilt(config: Option<&RegistrationConfig>, tags: Option<&[Tag]>) -> Result<(), ApiError> {
    if config.is_some() {
        return Err(not_built("registrationConfig, provisioning by a template,"));
    }
    if tags.is_some_and(|tags| !tags.is_empty()) {
        return Err(not_built("tagging CA certificates"));
    }
    Ok(())
}

fn new_ca_certificate(anchor: &Anchor, now: UnixTime) -> CaCertificate {
    CaCertificate {
        id: anchor.id(),
        status: CaStatus::Inactive,
        auto_registration: AutoRegistration::Disable,
        mode: CertificateMode::Default,
        der: anchor.certificate().der().clone(),
        validity: anchor.validity(),
        registered_at: now,
        modified_at: now,
    }
}

/// Whether one more CA certificate may have this subject.
async fn check_room(registry: &dyn Registry, anchor: &Anchor) -> Result<(), Failure> {
    let mut page = PageRequest::first(COUNTED_AT_ONCE);
    let mut count = 0;
    loop {
        let part = registry.ca_certificates(page).await?;
        for ca in part.items {
            if ca.id == anchor.id() {
                return Err(Conflict::CaCertificateExists(ca.id).into());
            }
            let certificate = ParsedCertificate::from_der(ca.der.as_bytes())
                .map_err(|error| Failure::internal("reading a stored CA certificate", error))?;
            count += usize::from(certificate.subject_der() == anchor.certificate().subject_der());
        }
        if part.next.is_none() {
            break;
        }
        page.after = part.next;
    }
    if count < CA_CERTIFICATES_PER_SUBJECT_MAX {
        return Ok(());
    }
    let error = TooManyCaCertificates { subject: anchor.subject().to_string() };
    Err(ApiError::new(ErrorCode::LimitExceeded, error.to_string()).into())
}

fn describe(ca: &CaCertificate, scope: &Scope) -> Result<CaCertificateDescription, Failure> {
    let CaCertificate { id, status, auto_registration, mode, der, validity, registered_at, modified_at } = ca;
    Ok(CaCertificateDescription {
        certificate_arn: Some(scope.ca_certificate_arn(id)),
        certificate_id: Some(id.to_string()),
        status: Some(status.as_str().to_owned()),
        certificate_pem: Some(pem(der)?),
        owned_by: Some(scope.account.to_string()),
        creation_date: Some(wire_time(*registered_at)),
        auto_registration_status: Some(auto_registration.as_str().to_owned()),
        last_modified_date: Some(wire_time(*modified_at)),
        // The registry counts no versions of CA certificates.
        customer_version: None,
        generation_id: None,
        validity: Some(wire_validity(*validity)),
        certificate_mode: Some(mode.as_str().to_owned()),
    })
}

fn list(ca: &CaCertificate, scope: &Scope) -> ListedCaCertificate {
    ListedCaCertificate {
        certificate_arn: Some(scope.ca_certificate_arn(&ca.id)),
        certificate_id: Some(ca.id.to_string()),
        status: Some(ca.status.as_str().to_owned()),
        creation_date: Some(wire_time(ca.registered_at)),
    }
}
