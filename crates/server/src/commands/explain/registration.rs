//! What becomes of a device that connects for the first time with a certificate.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use landfall_model::{
    AccountId, AutoRegistration, CaCertificate, CaCertificateId, CaStatus, Certificate, CertificateMode,
    PlannedThing, Principal, Region, RegistryView, Scope, SignedPart, UnixTime,
};
use landfall_pki::{
    Anchor, ChainError, ParsedCertificate, PinnedCertificates, PresentedChain, TrustAnchors, VerifiedChain,
    verify,
};
use landfall_registration::{
    Admission, Applicant, CaSettings, InactiveCaDevices, PinnedAdmission, Refusal, Registrar, SettingsSet,
    decide, decide_pinned, plan, thing_name,
};

use super::CaArgument;
use super::presented::Presented;
use super::server::{ACCOUNT_DEFAULT, Server, ThingTypeStanding, UNKNOWN_CREATION_ID};
use crate::plan_view::{
    CertificateView, ChainView, Explanation, PlanView, RefusalView, RegisteredView, SettingsView, Verdict,
    as_text,
};
use crate::settings::SettingsSources;

/// A certificate, and what it is explained by.
pub(super) struct Registration<'a> {
    pub(super) file: &'a Path,
    pub(super) ca: Option<&'a CaArgument>,
    pub(super) settings: Option<&'a Path>,
    pub(super) overrides: &'a [String],
    pub(super) data: &'a Path,
}

/// Settings, and where they are from.
struct Sourced {
    set: SettingsSet,
    source: String,
}

/// Who counts as a registered CA certificate.
enum Trusted {
    /// That is not known.
    Unknown,
    /// These, of a registry or of a file.
    These { anchors: TrustAnchors, cas: Vec<CaCertificate>, registered: bool },
}

const REFUSED: u8 = 1;

/// Explains a certificate and prints that.
pub(super) fn run(registration: &Registration<'_>, now: UnixTime, json: bool) -> Result<ExitCode> {
    let server = registration.server()?;
    let explanation = registration.explain(server.as_ref(), now)?;
    super::show(&match json {
        true => format!("{:#}\n", serde_json::to_value(&explanation)?),
        false => as_text(&explanation),
    })?;
    Ok(match explanation.verdict {
        Verdict::Registered => ExitCode::SUCCESS,
        Verdict::Refused => ExitCode::from(REFUSED),
        Verdict::Unknown => ExitCode::from(super::UNKNOWN),
    })
}

impl Registration<'_> {
    /// The server whose registry is asked; none if there is none, or all that is needed is in files.
    fn server(&self) -> Result<Option<Server>> {
        match self.ca {
            Some(CaArgument::File(_)) => Ok(None),
            Some(CaArgument::Id(_)) => Server::require(self.data).map(Some),
            None => Server::find(self.data),
        }
    }

    /// Explains the certificate by what the server's registry has, or without one.
    ///
    /// # Errors
    /// A file cannot be read, the settings cannot work, or the server cannot be asked.
    pub(super) fn explain(&self, server: Option<&Server>, now: UnixTime) -> Result<Explanation> {
        let presented = Presented::read(self.file)?;
        let scope = scope_of(server)?;
        let sourced = self.settings(server, &scope)?;
        let leaf = match presented.leaf() {
            Ok(leaf) => leaf,
            Err(fault) => {
                return Ok(refused_chain(self.explanation(None), &ChainError::Malformed(fault)));
            }
        };
        let certificate = CertificateView::of(&leaf, presented.certificates.len());
        let explanation = self.explanation(Some(certificate));
        let registered = server.map(|server| server.certificate(leaf.id())).transpose()?.flatten();
        match self.trusted(server, registered.as_ref())? {
            Trusted::Unknown => match check_alone(&presented, &leaf, now) {
                Ok(chain) => {
                    let applicant = Arc::new(applicant_of(&chain, guessed_issuer(&presented, &leaf)));
                    let settings = sourced.set.of(applicant.ca);
                    explain_plan(explanation, &applicant, (settings, &sourced.source), (None, &scope), now)
                }
                Err(problem) => Ok(refused_chain(explanation, &problem)),
            },
            Trusted::These { anchors, cas, registered: are_registered } => {
                let chain = match verify_presented(&presented, &anchors, now) {
                    Ok(chain) => chain,
                    Err(problem) => return Ok(refused_chain(explanation, &problem)),
                };
                let explanation = with_standing(explanation, server, registered.as_ref())?;
                let Some(applicant) = Applicant::from_chain(&chain) else {
                    return Ok(explain_pinned(explanation, registered.as_ref()));
                };
                let ca = cas.into_iter().find(|ca| ca.id == applicant.ca);
                let explanation =
                    Explanation { chain: verified(&applicant, ca.as_ref(), are_registered), ..explanation };
                let view = RegistryView {
                    ca_certificate: ca,
                    principal: registered.as_ref().map(principal_of),
                    certificate: registered,
                };
                match decide(&view, InactiveCaDevices::Stay) {
                    Admission::Register | Admission::Resume(_) => {
                        let settings = sourced.set.of(applicant.ca);
                        let applicant = Arc::new(applicant);
                        explain_plan(
                            explanation,
                            &applicant,
                            (settings, &sourced.source),
                            (server, &scope),
                            now,
                        )
                    }
                    Admission::Admit(_) => Ok(admitted(explanation)),
                    Admission::Refuse(refusal) => Ok(refused(explanation, &refusal)),
                }
            }
        }
    }

    /// An explanation that says nothing yet.
    fn explanation(&self, certificate: Option<CertificateView>) -> Explanation {
        Explanation {
            file: self.file.display().to_string(),
            verdict: Verdict::Unknown,
            summary: String::new(),
            certificate,
            chain: ChainView::NotChecked,
            registered: None,
            settings: None,
            refusal: None,
            plan: None,
        }
    }

    fn settings(&self, server: Option<&Server>, scope: &Scope) -> Result<Sourced> {
        let of_server = server.and_then(|server| server.info.as_ref()).map(|info| &info.registrar);
        let mut sources = SettingsSources::defaults(
            of_server.map_or(Registrar::Builtin, |of_server| of_server.default_registrar()),
        );
        let named = |path: &Path| path.display().to_string();
        let mut source = match (self.settings, of_server, server) {
            (Some(file), _, _) => {
                sources.file = Some(file.to_owned());
                named(file)
            }
            (None, Some(of_server), _) => {
                sources.file.clone_from(&of_server.settings);
                sources.overrides.clone_from(&of_server.overrides);
                let file = of_server.settings.as_deref().map_or_else(|| "the defaults".to_owned(), named);
                let set = if of_server.overrides.is_empty() { "" } else { " and its --set" };
                format!("those of the server, {file}{set}")
            }
            (None, None, Some(_)) => {
                "the defaults, as those of the server are not known here; --settings names others".to_owned()
            }
            (None, None, None) => "the defaults".to_owned(),
        };
        if !self.overrides.is_empty() {
            sources.overrides.extend_from_slice(self.overrides);
            source.push_str(", and --set");
        }
        Ok(Sourced { set: sources.load_unprepared(scope)?, source })
    }

    fn trusted(&self, server: Option<&Server>, registered: Option<&Certificate>) -> Result<Trusted> {
        let (cas, are_registered) = match (self.ca, server) {
            (Some(CaArgument::File(path)), _) => (vec![read_ca(path)?], false),
            (Some(CaArgument::Id(id)), Some(server)) => {
                let ca = server.ca_certificate(*id)?;
                (vec![ca.with_context(|| format!("no CA certificate {id} is registered"))?], true)
            }
            (None, Some(server)) => (server.ca_certificates()?, true),
            (Some(CaArgument::Id(_)) | None, None) => return Ok(Trusted::Unknown),
        };
        let pinned = PinnedCertificates::new();
        for certificate in registered.iter().filter(|certificate| certificate.ca.is_none()) {
            pinned.pin(certificate.id, certificate.mode);
        }
        let mut anchors = TrustAnchors::pinning(Arc::new(pinned));
        for ca in &cas {
            let anchor = Anchor::new(ParsedCertificate::from_der(ca.der.as_bytes())?)?.in_mode(ca.mode);
            anchors = anchors.with(anchor)?;
            // As the broker does: of several that can have signed a certificate, an ACTIVE one counts.
            anchors = match ca.status {
                CaStatus::Active => anchors.preferring(&ca.id),
                CaStatus::Inactive => anchors.deferring(&ca.id),
            };
        }
        Ok(Trusted::These { anchors, cas, registered: are_registered })
    }
}

/// Whose account the registry is: that of the server, or what `landfall serve` is unless it is told otherwise.
pub(super) fn scope_of(server: Option<&Server>) -> Result<Scope> {
    match server {
        Some(server) => server.scope(),
        None => {
            Ok(Scope { account: AccountId::parse(ACCOUNT_DEFAULT)?, region: Region::parse("us-east-1")? })
        }
    }
}

/// The CA certificate of a file, as if it was registered and registers devices.
pub(super) fn read_ca(path: &PathBuf) -> Result<CaCertificate> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let cannot = || format!("{} is no CA certificate that can be registered", path.display());
    let certificate = ParsedCertificate::from_pem_or_der(&bytes).with_context(cannot)?;
    let anchor = Anchor::new(certificate).with_context(cannot)?;
    Ok(CaCertificate {
        id: anchor.id(),
        status: CaStatus::Active,
        auto_registration: AutoRegistration::Enable,
        mode: CertificateMode::Default,
        der: anchor.certificate().der().clone(),
        validity: anchor.validity(),
        version: 1,
        registered_at: anchor.validity().not_before,
        modified_at: anchor.validity().not_before,
    })
}

/// The CA certificate among the presented ones that the chain leads to, if any: that which is likely to be registered.
pub(super) fn guessed_issuer(presented: &Presented, leaf: &ParsedCertificate) -> CaCertificateId {
    let others: Vec<ParsedCertificate> = presented.others().collect();
    let mut head = leaf;
    // A circle cannot be longer than the list.
    for _ in &others {
        let issuer = others.iter().find(|other| other.is_ca() && head.names_as_issuer(other));
        head = issuer.unwrap_or(head);
    }
    if head.id() == leaf.id() { UNKNOWN_CA } else { head.ca_id() }
}

/// Stands for a CA certificate of which nothing is known.
pub(super) const UNKNOWN_CA: CaCertificateId = CaCertificateId::from_sha256([0; 32]);

/// The applicant of a certificate of whose issuer only this is known.
fn applicant_of(chain: &VerifiedChain, ca: CaCertificateId) -> Applicant {
    applicant_of_certificate(chain.certificate(), ca)
}

/// The applicant that a certificate would be, had its chain been verified.
pub(super) fn applicant_of_certificate(certificate: &ParsedCertificate, ca: CaCertificateId) -> Applicant {
    Applicant {
        certificate: certificate.id(),
        ca,
        mode: CertificateMode::Default,
        subject: certificate.subject().clone(),
        issuer: certificate.issuer().clone(),
        validity: certificate.validity(),
        signed_part: SignedPart::from_sha256(certificate.signed_part_sha256()),
        der: certificate.der().clone(),
    }
}

fn verify_presented(
    presented: &Presented,
    anchors: &TrustAnchors,
    now: UnixTime,
) -> Result<VerifiedChain, ChainError> {
    match PresentedChain::from_peer_certificates(&presented.certificates) {
        Some(chain) => verify(&chain, anchors, now),
        None => Err(ChainError::TooManyCertificates { found: 0 }),
    }
}

/// Checks of a certificate what does not depend on who signed it.
fn check_alone(
    presented: &Presented,
    leaf: &ParsedCertificate,
    now: UnixTime,
) -> Result<VerifiedChain, ChainError> {
    let pinned = PinnedCertificates::new();
    pinned.pin(leaf.id(), CertificateMode::Default);
    let chain = verify_presented(presented, &TrustAnchors::pinning(Arc::new(pinned)), now)?;
    // The one thing that may be so only in a certificate that is registered without a CA certificate.
    match leaf.is_ca() {
        true => Err(ChainError::LeafIsCa { subject: leaf.subject().to_string() }),
        false => Ok(chain),
    }
}

fn verified(applicant: &Applicant, ca: Option<&CaCertificate>, registered: bool) -> ChainView {
    let subject = ca.and_then(|ca| ParsedCertificate::from_der(ca.der.as_bytes()).ok());
    ChainView::Verified {
        ca_certificate_id: applicant.ca.to_string(),
        ca_subject: subject.map(|ca| ca.subject().to_string()).unwrap_or_default(),
        registered,
    }
}

fn principal_of(certificate: &Certificate) -> Principal {
    Principal { certificate: certificate.id, things: Vec::new(), policies: Vec::new() }
}

fn with_standing(
    explanation: Explanation,
    server: Option<&Server>,
    registered: Option<&Certificate>,
) -> Result<Explanation> {
    let (Some(server), Some(certificate)) = (server, registered) else {
        return Ok(explanation);
    };
    let registered = RegisteredView {
        status: certificate.status.as_str().to_owned(),
        thing_name: server.thing_of(certificate.id)?,
    };
    Ok(Explanation { registered: Some(registered), ..explanation })
}

fn explain_pinned(explanation: Explanation, registered: Option<&Certificate>) -> Explanation {
    let explanation = Explanation { chain: ChainView::Pinned, ..explanation };
    let status = registered.map(|certificate| certificate.status);
    match decide_pinned(status, registered.map(principal_of)) {
        PinnedAdmission::Admit(_) => admitted(explanation),
        PinnedAdmission::Refuse(refusal) => refused(explanation, &refusal),
    }
}

/// Explains what a registration would make, by settings that are from somewhere, with what a registry has or without one.
fn explain_plan(
    explanation: Explanation,
    applicant: &Arc<Applicant>,
    (settings, source): (&CaSettings, &str),
    (server, scope): (Option<&Server>, &Scope),
    now: UnixTime,
) -> Result<Explanation> {
    let view = SettingsView::of(settings, source.to_owned());
    let asks = view.asks();
    let explanation = Explanation { settings: Some(view), ..explanation };
    if settings.registrar == Registrar::Rules {
        let summary =
            "would be registered as PENDING_ACTIVATION; what is made then is for topic rules to say";
        return Ok(would_be_registered(explanation, summary));
    }
    let thing = match (server, thing_name(applicant, &settings.settings)) {
        (Some(server), Ok(name)) => server.thing(&name)?,
        (None, _) | (_, Err(_)) => None,
    };
    let planned = match plan(applicant, &settings.settings, thing.as_ref(), UNKNOWN_CREATION_ID) {
        Ok(planned) => planned,
        Err(refusal) => return Ok(refused(explanation, &refusal)),
    };
    let mut presence = server.map(|server| server.presence(&planned)).transpose()?.unwrap_or_default();
    if let Some(server) = server {
        let standing = server.thing_type(&planned.thing_type.name)?;
        presence.thing_type = Some(standing != ThingTypeStanding::Missing);
        let is_new = matches!(planned.thing, PlannedThing::Create { .. });
        if is_new && standing == ThingTypeStanding::Deprecated {
            let thing_type = planned.thing_type.name;
            return Ok(refused(explanation, &Refusal::ThingTypeDeprecated { thing_type }));
        }
    }
    let plan = PlanView::of(&planned, &presence, scope, now);
    let explanation = Explanation { plan: Some(plan), ..explanation };
    if matches!(&planned.thing, PlannedThing::Join { principals, .. } if principals.is_empty()) {
        let summary = "cannot be said: its thing is there without a certificate, and the API does not tell whether another \
                       CA certificate's device made it; if not, the device would be registered";
        return Ok(Explanation { verdict: Verdict::Unknown, summary: summary.to_owned(), ..explanation });
    }
    let summary = match asks {
        true => "would be registered, if its interceptors allow it",
        false => "would be registered",
    };
    Ok(would_be_registered(explanation, summary))
}

fn would_be_registered(explanation: Explanation, summary: &str) -> Explanation {
    if matches!(explanation.chain, ChainView::NotChecked) {
        let summary = format!("cannot be said: {summary}, if a registered CA certificate signed it");
        return Explanation { verdict: Verdict::Unknown, summary, ..explanation };
    }
    Explanation { verdict: Verdict::Registered, summary: summary.to_owned(), ..explanation }
}

fn admitted(explanation: Explanation) -> Explanation {
    let summary = "is registered already; what it may do is for its policies to say".to_owned();
    Explanation { verdict: Verdict::Registered, summary, ..explanation }
}

fn refused(explanation: Explanation, refusal: &Refusal) -> Explanation {
    refused_for(explanation, RefusalView::of_refusal(refusal))
}

fn refused_chain(explanation: Explanation, problem: &ChainError) -> Explanation {
    let explanation = Explanation { chain: ChainView::Refused, ..explanation };
    refused_for(explanation, RefusalView::of_chain(problem))
}

fn refused_for(explanation: Explanation, refusal: RefusalView) -> Explanation {
    let summary = format!("would be refused: {}", refusal.code);
    let settings = explanation.settings.map(SettingsView::asking_nobody);
    Explanation { verdict: Verdict::Refused, summary, refusal: Some(refusal), settings, ..explanation }
}

#[cfg(test)]
mod tests;
