use landfall_api::ca_certificate::{
    CaCertificate as ListedCaCertificate, CaCertificateDescription, DeleteCaCertificateRequest,
    DeleteCaCertificateResponse, DescribeCaCertificateRequest, DescribeCaCertificateResponse,
    ListCaCertificatesRequest, ListCaCertificatesResponse, RegisterCaCertificateRequest,
    RegisterCaCertificateResponse, RegistrationConfig, UpdateCaCertificateRequest,
    UpdateCaCertificateResponse,
};
use landfall_api::{ApiError, ErrorCode, OperationKey};
use landfall_model::{
    AutoRegistration, CaCertificate, CaCertificateId, CaStatus, CertificateMode, Scope, TaggedResource,
    UnixTime,
};
use landfall_pki::{Anchor, ParsedCertificate, PossessionError, prove_possession};
use landfall_registry::{Conflict, Transaction};

use crate::certificate::{order, pem, wire_customer_version, wire_validity};
use crate::failure::{Failure, invalid, not_built};
use crate::handler::{Context, Handle, Handler, handler, wire_time};
use crate::registration_code::registration_code;
use crate::tag;

const VERIFICATION_MISSING: &str = "verificationCertificate is missing: send a certificate whose common name is the code of \
     GetRegistrationCode, signed by the CA's key; or register with certificateMode SNI_ONLY, which needs none";

const VERIFICATION_UNUSED: &str = "certificateMode SNI_ONLY is for CA certificates whose key is not proven: leave \
     verificationCertificate out, or register with certificateMode DEFAULT";

const NOTHING_TO_UPDATE: &str =
    "nothing to update: give newStatus, newAutoRegistrationStatus or removeAutoRegistration";

const ENABLED_AND_REMOVED: &str =
    "newAutoRegistrationStatus ENABLE and removeAutoRegistration contradict each other; give one of them";

/// The operations of CA certificates.
pub(crate) fn handlers() -> Vec<(OperationKey, Handler)> {
    vec![
        handler::<RegisterCaCertificateRequest>(),
        handler::<DescribeCaCertificateRequest>(),
        handler::<UpdateCaCertificateRequest>(),
        handler::<ListCaCertificatesRequest>(),
        handler::<DeleteCaCertificateRequest>(),
    ]
}

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
        refuse_unbuilt(registration_config.as_ref())?;
        let tags = tag::parse(tags)?;
        let mode = certificate_mode.as_deref().map(CertificateMode::parse).transpose();
        let mode = mode.map_err(|error| invalid(format!("certificateMode: {error}")))?;
        let anchor = match (mode.unwrap_or(CertificateMode::Default), verification_certificate) {
            (CertificateMode::Default, Some(verification)) => {
                let code = registration_code(context.registry()).await?;
                prove_possession(ca_certificate.as_bytes(), verification.as_bytes(), &code, context.now)?
            }
            (CertificateMode::SniOnly, None) => without_proof(&ca_certificate, context.now)?,
            (CertificateMode::Default, None) => return Err(invalid(VERIFICATION_MISSING).into()),
            (CertificateMode::SniOnly, Some(_)) => return Err(invalid(VERIFICATION_UNUSED).into()),
        };
        let id = anchor.id();
        let mut transaction = Transaction::new();
        transaction.insert_ca_certificate(CaCertificate {
            id,
            status: if set_as_active == Some(true) { CaStatus::Active } else { CaStatus::Inactive },
            auto_registration: match allow_auto_registration {
                Some(true) => AutoRegistration::Enable,
                Some(false) | None => AutoRegistration::Disable,
            },
            mode: anchor.mode(),
            der: anchor.certificate().der().clone(),
            validity: anchor.validity(),
            version: 1,
            registered_at: context.now,
            modified_at: context.now,
        });
        if !tags.is_empty() {
            transaction.set_tags(TaggedResource::CaCertificate(id), tags);
        }
        // One at a time, so that two requests cannot both find room for the last one of a subject.
        let turn = context.app.ca_registrations.lock().await;
        check_room(context, anchor).await?;
        context.registry().commit(transaction).await?;
        drop(turn);
        Ok(RegisterCaCertificateResponse {
            certificate_arn: Some(context.scope().ca_certificate_arn(&id)),
            certificate_id: Some(id.to_string()),
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
        refuse_unbuilt(registration_config.as_ref())?;
        let id: CaCertificateId = certificate_id.parse().map_err(invalid)?;
        let status = new_status.as_deref().map(CaStatus::parse).transpose().map_err(invalid)?;
        let auto_registration = new_auto_registration_status.as_deref().map(AutoRegistration::parse);
        let auto_registration = auto_registration.transpose().map_err(invalid)?;
        let removes = remove_auto_registration == Some(true);
        let auto_registration = match auto_registration {
            Some(AutoRegistration::Enable) if removes => return Err(invalid(ENABLED_AND_REMOVED).into()),
            // What is removed at AWS is the template too, of which there is none here.
            _ if removes => Some(AutoRegistration::Disable),
            other => other,
        };
        if status.is_none() && auto_registration.is_none() {
            return Err(invalid(NOTHING_TO_UPDATE).into());
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

/// What asks for nothing may be there.
fn refuse_unbuilt(config: Option<&RegistrationConfig>) -> Result<(), ApiError> {
    match config {
        None | Some(RegistrationConfig { template_body: None, role_arn: None, template_name: None }) => {
            Ok(())
        }
        Some(_) => Err(not_built("registrationConfig, provisioning by a template,")),
    }
}

/// A CA certificate whose owner does not have to hold its key: its devices send a server name, by which AWS tells apart
/// the accounts that registered it.
fn without_proof(ca: &str, now: UnixTime) -> Result<Anchor, PossessionError> {
    let certificate =
        ParsedCertificate::from_pem_or_der(ca.as_bytes()).map_err(PossessionError::CaUnreadable)?;
    let anchor = Anchor::new(certificate)?;
    let validity = anchor.validity();
    let now = UnixTime::from_secs(now.as_secs());
    if !validity.contains(now) {
        return Err(PossessionError::CaNotValid { validity, now });
    }
    Ok(anchor.in_mode(CertificateMode::SniOnly))
}

/// Whether one more CA certificate may have this subject.
async fn check_room(context: &Context<'_>, anchor: Anchor) -> Result<(), Failure> {
    let registered = context.app.registered_cas.anchors(context.registry()).await?;
    // One that is registered already needs no room, and is refused by the registry.
    match registered.with(anchor) {
        Ok(_) => Ok(()),
        Err(error) => Err(ApiError::new(ErrorCode::LimitExceeded, error.to_string()).into()),
    }
}

fn describe(ca: &CaCertificate, scope: &Scope) -> Result<CaCertificateDescription, Failure> {
    let CaCertificate {
        id,
        status,
        auto_registration,
        mode,
        der,
        validity,
        version,
        registered_at,
        modified_at,
    } = ca;
    Ok(CaCertificateDescription {
        certificate_arn: Some(scope.ca_certificate_arn(id)),
        certificate_id: Some(id.to_string()),
        status: Some(status.as_str().to_owned()),
        certificate_pem: Some(pem(der)?),
        owned_by: Some(scope.account.to_string()),
        creation_date: Some(wire_time(*registered_at)),
        auto_registration_status: Some(auto_registration.as_str().to_owned()),
        last_modified_date: Some(wire_time(*modified_at)),
        customer_version: Some(wire_customer_version(*version)),
        generation_id: Some(ca.generation_id().to_string()),
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
