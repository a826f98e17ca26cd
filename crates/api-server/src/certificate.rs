use std::sync::Arc;

use landfall_api::certificate::{
    Certificate as ListedCertificate, CertificateDescription, CertificateValidity,
    CreateCertificateFromCsrRequest, CreateCertificateFromCsrResponse, CreateKeysAndCertificateRequest,
    CreateKeysAndCertificateResponse, DeleteCertificateRequest, DeleteCertificateResponse,
    DescribeCertificateRequest, DescribeCertificateResponse, KeyPair as WireKeyPair,
    ListCertificatesByCaRequest, ListCertificatesByCaResponse, ListCertificatesRequest,
    ListCertificatesResponse, RegisterCertificateRequest, RegisterCertificateResponse,
    RegisterCertificateWithoutCaRequest, RegisterCertificateWithoutCaResponse, UpdateCertificateRequest,
    UpdateCertificateResponse,
};
use landfall_api::{ApiError, ErrorCode, OperationKey};
use landfall_model::{
    CaCertificate, CaCertificateId, CaStatus, Certificate, CertificateDer, CertificateId, CertificateMode,
    CertificateStatus, Scope, SignedPart, Validity,
};
use landfall_pki::{
    Anchor, CertificateRequest, IssueError, IssuedKey, IssuerError, ParsedCertificate, SerialNumber,
    check_issued_by, check_without_ca, find_issuer, validity_of_aws,
};
use landfall_registry::{Conflict, Expectation, Order, Transaction};

use crate::failure::{Failure, invalid, with_sources};
use crate::handler::{Context, Handle, Handler, handler, wire_time};

/// The operations of certificates.
pub(crate) fn handlers() -> Vec<(OperationKey, Handler)> {
    vec![
        handler::<RegisterCertificateRequest>(),
        handler::<RegisterCertificateWithoutCaRequest>(),
        handler::<CreateCertificateFromCsrRequest>(),
        handler::<CreateKeysAndCertificateRequest>(),
        handler::<DescribeCertificateRequest>(),
        handler::<UpdateCertificateRequest>(),
        handler::<ListCertificatesRequest>(),
        handler::<ListCertificatesByCaRequest>(),
        handler::<DeleteCertificateRequest>(),
    ]
}

impl Handle for RegisterCertificateRequest {
    async fn handle(self, context: &Context<'_>) -> Result<RegisterCertificateResponse, Failure> {
        let Self { certificate_pem, ca_certificate_pem, set_as_active, status } = self;
        let status = first_status(status.as_deref(), set_as_active)?;
        let certificate = parse_pem("certificatePem", &certificate_pem)?;
        let ca = match ca_certificate_pem {
            Some(pem) => issuer_of_pem(&certificate, &pem, context).await?,
            None => issuer_by_name(&certificate, context).await?,
        };
        if ca.status == CaStatus::Inactive {
            let message = format!("CA certificate {} is INACTIVE, and registers no new certificates", ca.id);
            return Err(state(message).into());
        }
        let id = register(&certificate, Some(ca.id), ca.mode, status, context).await?;
        Ok(RegisterCertificateResponse {
            certificate_arn: Some(context.scope().certificate_arn(&id)),
            certificate_id: Some(id.to_string()),
        })
    }
}

impl Handle for RegisterCertificateWithoutCaRequest {
    async fn handle(self, context: &Context<'_>) -> Result<RegisterCertificateWithoutCaResponse, Failure> {
        let Self { certificate_pem, status } = self;
        let status = first_status(status.as_deref(), None)?;
        let certificate = parse_pem("certificatePem", &certificate_pem)?;
        check_without_ca(&certificate, context.now).map_err(|error| not_valid("certificatePem", error))?;
        let id = register(&certificate, None, CertificateMode::SniOnly, status, context).await?;
        Ok(RegisterCertificateWithoutCaResponse {
            certificate_arn: Some(context.scope().certificate_arn(&id)),
            certificate_id: Some(id.to_string()),
        })
    }
}

impl Handle for CreateCertificateFromCsrRequest {
    async fn handle(self, context: &Context<'_>) -> Result<CreateCertificateFromCsrResponse, Failure> {
        let Self { certificate_signing_request, set_as_active } = self;
        let request = CertificateRequest::from_pem(certificate_signing_request.as_bytes());
        let request = request.map_err(|error| {
            invalid(format!("certificateSigningRequest is not valid: {}", with_sources(&error)))
        })?;
        let serial_number = SerialNumber::random().map_err(not_issued)?;
        let validity = validity_of_aws(context.now);
        let issuer = &context.app.device_ca;
        let certificate = issuer.sign_request(&request, serial_number, validity).map_err(not_issued)?;
        let status = first_status(None, set_as_active)?;
        let id = register(&certificate, None, CertificateMode::Default, status, context).await?;
        Ok(CreateCertificateFromCsrResponse {
            certificate_arn: Some(context.scope().certificate_arn(&id)),
            certificate_id: Some(id.to_string()),
            certificate_pem: Some(certificate.to_pem()),
        })
    }
}

impl Handle for CreateKeysAndCertificateRequest {
    /// The key is handed out in the answer and kept nowhere.
    async fn handle(self, context: &Context<'_>) -> Result<CreateKeysAndCertificateResponse, Failure> {
        let Self { set_as_active } = self;
        let IssuedKey { certificate, key } = issue_key(context).await?;
        let private_key =
            key.to_traditional_pem().map_err(|error| Failure::internal("writing a private key", error))?;
        let status = first_status(None, set_as_active)?;
        let id = register(&certificate, None, CertificateMode::Default, status, context).await?;
        Ok(CreateKeysAndCertificateResponse {
            certificate_arn: Some(context.scope().certificate_arn(&id)),
            certificate_id: Some(id.to_string()),
            certificate_pem: Some(certificate.to_pem()),
            key_pair: Some(WireKeyPair {
                public_key: Some(key.public_key().to_pem()),
                private_key: Some(private_key),
            }),
        })
    }
}

impl Handle for DescribeCertificateRequest {
    async fn handle(self, context: &Context<'_>) -> Result<DescribeCertificateResponse, Failure> {
        let Self { certificate_id } = self;
        let certificate = find(certificate_id.parse().map_err(invalid)?, context).await?;
        Ok(DescribeCertificateResponse {
            certificate_description: Some(describe(&certificate, context.scope())?),
        })
    }
}

impl Handle for UpdateCertificateRequest {
    /// A revoked certificate stays revoked (developer guide, `revoke-ca-cert.html`). Else ACTIVE, INACTIVE and REVOKED may
    /// follow any status.
    async fn handle(self, context: &Context<'_>) -> Result<UpdateCertificateResponse, Failure> {
        let Self { certificate_id, new_status } = self;
        let id: CertificateId = certificate_id.parse().map_err(invalid)?;
        let status = settable_status("newStatus", &new_status)?;
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
        let page = context.registry().certificates(None, context.page(order(ascending_order))?).await?;
        Ok(ListCertificatesResponse {
            certificates: Some(page.items.iter().map(|item| list(item, context.scope())).collect()),
            next_marker: context.next_token(page.next)?,
        })
    }
}

impl Handle for ListCertificatesByCaRequest {
    /// A CA certificate that is not registered has none, as its certificates may stay when it is deleted.
    async fn handle(self, context: &Context<'_>) -> Result<ListCertificatesByCaResponse, Failure> {
        // The context reads the page from the call.
        let Self { ca_certificate_id, page_size: _, marker: _, ascending_order } = self;
        let ca: CaCertificateId = ca_certificate_id.parse().map_err(invalid)?;
        let page = context.registry().certificates(Some(ca), context.page(order(ascending_order))?).await?;
        Ok(ListCertificatesByCaResponse {
            certificates: Some(page.items.iter().map(|item| list(item, context.scope())).collect()),
            next_marker: context.next_token(page.next)?,
        })
    }
}

impl Handle for DeleteCertificateRequest {
    async fn handle(self, context: &Context<'_>) -> Result<DeleteCertificateResponse, Failure> {
        let Self { certificate_id, force_delete } = self;
        let mut transaction = Transaction::new();
        transaction.delete_certificate(certificate_id.parse().map_err(invalid)?, force_delete == Some(true));
        context.registry().commit(transaction).await?;
        Ok(DeleteCertificateResponse {})
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

/// A count of changes on the wire.
pub(crate) fn wire_customer_version(version: u64) -> i32 {
    i32::try_from(version).unwrap_or(i32::MAX)
}

/// The certificate, which has to be registered.
pub(crate) async fn find(id: CertificateId, context: &Context<'_>) -> Result<Certificate, Failure> {
    Ok(context.registry().certificate(id).await?.ok_or(Conflict::CertificateNotFound(id))?)
}

/// The status that a certificate begins with: INACTIVE unless asked otherwise.
fn first_status(status: Option<&str>, set_as_active: Option<bool>) -> Result<CertificateStatus, ApiError> {
    if let Some(word @ ("PENDING_ACTIVATION" | "PENDING_TRANSFER")) = status {
        return Err(state(format!("Not allowed to register certificate with {word} status")));
    }
    let asked = status.map(|word| settable_status("status", word)).transpose()?;
    match (asked, set_as_active == Some(true)) {
        (None, true) => Ok(CertificateStatus::Active),
        (None, false) => Ok(CertificateStatus::Inactive),
        (Some(status), true) if status != CertificateStatus::Active => Err(invalid(format!(
            "setAsActive and status {} contradict each other; give one",
            status.as_str()
        ))),
        // `status` is the newer of the two.
        (Some(status), _) => Ok(status),
    }
}

/// The status of this name that a caller can set.
fn settable_status(member: &str, word: &str) -> Result<CertificateStatus, ApiError> {
    if matches!(word, "PENDING_ACTIVATION" | "PENDING_TRANSFER") {
        let why = "only the server gives it; ACTIVE, INACTIVE and REVOKED can be set";
        return Err(state(format!("{member} {word} cannot be set: {why}")));
    }
    CertificateStatus::parse_settable(word)
        .map_err(|error| invalid(format!("{member} cannot be set: {error}")))
}

/// The registered CA certificate of this PEM, which has to have issued the certificate.
async fn issuer_of_pem(
    certificate: &ParsedCertificate,
    pem: &str,
    context: &Context<'_>,
) -> Result<CaCertificate, Failure> {
    let ca = parse_pem("caCertificatePem", pem)?;
    let id = ca.ca_id();
    let Some(registered) = context.registry().ca_certificate(id).await? else {
        let message = format!(
            "caCertificatePem is the CA certificate {id}, which is not registered: register it, or the certificate \
             without it by RegisterCertificateWithoutCA"
        );
        return Err(ApiError::new(ErrorCode::CertificateValidation, message).into());
    };
    let anchor = Anchor::new(ca).map_err(|error| not_valid("caCertificatePem", error))?;
    check_issued_by(certificate, &anchor, context.now).map_err(|error| not_valid("certificatePem", error))?;
    Ok(registered)
}

/// The registered CA certificate that issued the certificate.
async fn issuer_by_name(
    certificate: &ParsedCertificate,
    context: &Context<'_>,
) -> Result<CaCertificate, Failure> {
    let anchors = context.app.registered_cas.anchors(context.registry()).await?;
    let candidates = match find_issuer(certificate, &anchors, context.now) {
        Ok(id) => vec![id],
        Err(IssuerError::Chain(error)) => return Err(not_valid("certificatePem", error).into()),
        Err(IssuerError::Ambiguous { cas }) => cas,
    };
    let mut found = Vec::new();
    for id in &candidates {
        found.extend(context.registry().ca_certificate(*id).await?);
    }
    // Those that are INACTIVE register nothing, and come last.
    found.sort_by_key(|ca| ca.status == CaStatus::Inactive);
    let is_ambiguous = matches!(found.as_slice(), [first, second, ..] if first.status == second.status);
    if is_ambiguous {
        let error = IssuerError::Ambiguous { cas: candidates };
        let message = format!("{error}, as caCertificatePem");
        return Err(ApiError::new(ErrorCode::CertificateConflict, message).into());
    }
    found.into_iter().next().ok_or_else(|| {
        let message = "the CA certificate that issued the certificate was deleted just now";
        ApiError::new(ErrorCode::CertificateValidation, message).into()
    })
}

/// Makes a key and its certificate, in the server's turn for that.
async fn issue_key(context: &Context<'_>) -> Result<IssuedKey, Failure> {
    let turn = Arc::clone(&context.app.key_generations).acquire_owned().await;
    let turn = turn.map_err(|error| Failure::internal("waiting for a key to be made", error))?;
    let (issuer, validity) = (Arc::clone(&context.app.device_ca), validity_of_aws(context.now));
    let issued = tokio::task::spawn_blocking(move || {
        let issued = SerialNumber::random().and_then(|serial| issuer.issue_key(serial, validity));
        // Not before: a request that has run out of time leaves its key being made.
        drop(turn);
        issued
    });
    issued.await.map_err(|error| Failure::internal("making a key", error))?.map_err(not_issued)
}

/// Registers a certificate that has been checked. It is told as no event: that is for devices that register themselves.
async fn register(
    certificate: &ParsedCertificate,
    ca: Option<CaCertificateId>,
    mode: CertificateMode,
    status: CertificateStatus,
    context: &Context<'_>,
) -> Result<CertificateId, Failure> {
    let mut transaction = Transaction::new();
    if let Some(ca) = ca {
        transaction.expect(Expectation::CaActive(ca));
    }
    transaction.insert_certificate(Certificate {
        id: certificate.id(),
        ca,
        status,
        mode,
        signed_part: SignedPart::from_sha256(certificate.signed_part_sha256()),
        der: certificate.der().clone(),
        validity: certificate.validity(),
        version: 1,
        registered_at: context.now,
        modified_at: context.now,
    });
    context.registry().commit(transaction).await?;
    Ok(certificate.id())
}

fn parse_pem(member: &str, pem: &str) -> Result<ParsedCertificate, ApiError> {
    ParsedCertificate::from_pem(pem.as_bytes()).map_err(|error| not_valid(member, error))
}

fn not_valid(member: &str, error: impl std::error::Error + 'static) -> ApiError {
    let message = format!("{member} is not valid: {}", with_sources(&error));
    ApiError::new(ErrorCode::CertificateValidation, message)
}

fn not_issued(error: IssueError) -> Failure {
    Failure::internal("issuing a certificate", error)
}

fn state(message: String) -> ApiError {
    ApiError::new(ErrorCode::CertificateState, message)
}

fn describe(certificate: &Certificate, scope: &Scope) -> Result<CertificateDescription, Failure> {
    let Certificate {
        id,
        ca,
        status,
        mode,
        signed_part: _,
        der,
        validity,
        version,
        registered_at,
        modified_at,
    } = certificate;
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
        customer_version: Some(wire_customer_version(*version)),
        // The registry knows no transfers.
        transfer_data: None,
        generation_id: Some(certificate.generation_id().to_string()),
        validity: Some(wire_validity(*validity)),
        certificate_mode: Some(mode.as_str().to_owned()),
    })
}

fn list(certificate: &Certificate, scope: &Scope) -> ListedCertificate {
    ListedCertificate {
        certificate_arn: Some(scope.certificate_arn(&certificate.id)),
        certificate_id: Some(certificate.id.to_string()),
        status: Some(certificate.status.as_str().to_owned()),
        certificate_mode: Some(certificate.mode.as_str().to_owned()),
        creation_date: Some(wire_time(certificate.registered_at)),
    }
}
