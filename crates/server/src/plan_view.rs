//! What a registration would make, or why it would be refused, as people and programs read it.

mod refusal;
mod step;
mod text;

use landfall_model::{RegistrationPlan, Scope, UnixTime};
use landfall_pki::{CertificateVersion, NamePart, ParsedCertificate};
use landfall_registration::{
    Admits, CaSettings, InterceptorKind, InterceptorSettings, OnFailure, Raised, Registrar,
};
use serde::Serialize;

pub(crate) use self::refusal::RefusalView;
pub(crate) use self::step::{Presence, Step};
pub(crate) use self::text::as_text;
use crate::text::date;

/// What `landfall explain FILE` comes to. Its JSON is a published form.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Explanation {
    /// The file.
    pub(crate) file: String,
    /// What would become of the device.
    pub(crate) verdict: Verdict,
    /// The same for people, in a line.
    pub(crate) summary: String,
    /// The device's certificate, if it can be read.
    pub(crate) certificate: Option<CertificateView>,
    /// Who vouches for it.
    pub(crate) chain: ChainView,
    /// What the registry has of it, if it is registered already.
    pub(crate) registered: Option<RegisteredView>,
    /// What it would be registered by, if it comes to that.
    pub(crate) settings: Option<SettingsView>,
    /// Why it would be refused.
    pub(crate) refusal: Option<RefusalView>,
    /// What its registration would make.
    pub(crate) plan: Option<PlanView>,
}

/// What would become of a device that connects with the certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Verdict {
    /// It would be registered, or is.
    Registered,
    /// It would be kept out.
    Refused,
    /// Something that decides is not known.
    Unknown,
}

/// A certificate.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CertificateView {
    certificate_id: String,
    x509_version: u8,
    subject: String,
    issuer: String,
    serial_number: String,
    key_type: String,
    not_before: String,
    not_after: String,
    /// How many alternative names it has.
    alternative_names: usize,
    /// How many certificates the file has, this one included.
    presented: usize,
}

/// Who vouches for a certificate.
#[derive(Serialize)]
#[serde(tag = "status", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase")]
pub(crate) enum ChainView {
    /// A CA certificate, registered or taken for that.
    Verified {
        /// Its id.
        ca_certificate_id: String,
        /// Its subject.
        ca_subject: String,
        /// Whether it is known to be registered; else it was given as a file.
        registered: bool,
    },
    /// Whoever registered the certificate without a CA certificate.
    Pinned,
    /// Nobody: the refusal says why not.
    Refused,
    /// That was not checked.
    NotChecked,
}

/// A certificate that is registered already.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegisteredView {
    /// Its status, by AWS's word.
    pub(crate) status: String,
    /// The thing that its registration made or joined, where the registration log tells.
    pub(crate) thing_name: Option<String>,
}

/// What a device would be registered by.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SettingsView {
    /// Where the settings are from, for people.
    pub(crate) source: String,
    registrar: &'static str,
    /// What would be asked, in this order.
    interceptors: Vec<InterceptorView>,
}

/// What would be asked before the device is provisioned.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InterceptorView {
    name: String,
    kind: &'static str,
    /// What of that kind it is: a file, a URL, a program.
    target: String,
    deadline_ms: u64,
    on_failure: &'static str,
}

/// What a registration would make.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlanView {
    /// The name of the thing.
    thing_name: String,
    device_type: &'static str,
    serial_number: String,
    product_id: String,
    /// Everything, in the order in which it is carried out.
    steps: Vec<Step>,
    /// The tags of what is created and can have tags.
    tags: Vec<TagView>,
}

#[derive(Serialize)]
struct TagView {
    key: String,
    value: String,
}

impl CertificateView {
    /// The view of a device's certificate, which came with so many others.
    pub(crate) fn of(certificate: &ParsedCertificate, presented: usize) -> Self {
        let validity = certificate.validity();
        Self {
            certificate_id: certificate.id().to_string(),
            x509_version: match certificate.version() {
                CertificateVersion::V1 => 1,
                CertificateVersion::V3 => 3,
            },
            subject: certificate.subject().to_string(),
            issuer: certificate.issuer().to_string(),
            serial_number: certificate.serial_number_hex(),
            key_type: certificate.key_algorithm().to_string(),
            not_before: date(validity.not_before),
            not_after: date(validity.not_after),
            alternative_names: certificate.alternative_names(NamePart::Subject).len(),
            presented,
        }
    }
}

impl SettingsView {
    /// The view of the settings of a CA certificate, which are from there.
    pub(crate) fn of(settings: &CaSettings, source: String) -> Self {
        Self {
            source,
            registrar: registrar(settings.registrar),
            interceptors: match settings.registrar {
                Registrar::Builtin => settings.interceptors.iter().map(InterceptorView::of).collect(),
                // Nobody is asked about what the built-in registrar does not do.
                Registrar::Rules => Vec::new(),
            },
        }
    }

    /// The same for a device that is refused before anybody is asked.
    pub(crate) fn asking_nobody(self) -> Self {
        Self { interceptors: Vec::new(), ..self }
    }

    /// Whether anybody would be asked.
    pub(crate) fn asks(&self) -> bool {
        !self.interceptors.is_empty()
    }
}

impl PlanView {
    /// The view of a plan. The registry may tell what of it is there already.
    pub(crate) fn of(plan: &RegistrationPlan, presence: &Presence, scope: &Scope, at: UnixTime) -> Self {
        let tag = |tag: &landfall_model::Tag| TagView {
            key: tag.key.as_str().to_owned(),
            value: tag.value.as_str().to_owned(),
        };
        Self {
            thing_name: plan.thing_name().to_string(),
            device_type: plan.device_type.as_str(),
            serial_number: plan.serial_number.clone(),
            product_id: plan.product_id.clone(),
            steps: Step::all(plan, presence, scope, at),
            tags: plan.tags.iter().map(tag).collect(),
        }
    }
}

impl InterceptorView {
    fn of(interceptor: &InterceptorSettings) -> Self {
        let InterceptorSettings { name, kind, deadline, on_failure } = interceptor;
        let (kind, target) = kind_and_target(kind);
        Self {
            name: name.to_string(),
            kind,
            target,
            deadline_ms: u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX),
            on_failure: match on_failure {
                OnFailure::Retry => "retry",
                OnFailure::Deny => "deny",
                OnFailure::Allow => "allow",
            },
        }
    }
}

/// The word for who provisions devices, as the settings have it.
pub(crate) fn registrar(registrar: Registrar) -> &'static str {
    match registrar {
        Registrar::Builtin => "builtin",
        Registrar::Rules => "rules",
    }
}

/// An interceptor's kind in the words of the settings, and what it asks.
fn kind_and_target(kind: &InterceptorKind) -> (&'static str, String) {
    match kind {
        InterceptorKind::List(list) => {
            let kind = match list.admits {
                Admits::Listed => "allow-list",
                Admits::Unlisted => "deny-list",
            };
            (kind, list.file.display().to_string())
        }
        InterceptorKind::Crl { files, max_age: _ } => {
            let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
            ("crl", files.join(", "))
        }
        InterceptorKind::Quota { devices_per_hour } => {
            ("quota", format!("{devices_per_hour} devices an hour"))
        }
        InterceptorKind::Webhook { url, secret_file: _, ca_file: _ } => ("webhook", url.clone()),
        InterceptorKind::Executable { program, arguments: _ } => {
            ("executable", program.display().to_string())
        }
        InterceptorKind::Function { function, raised } => match raised {
            Raised::Fails => ("function", function.to_string()),
            Raised::Denies => ("function", format!("{function}, whose errors deny")),
        },
    }
}
