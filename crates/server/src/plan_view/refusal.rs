use std::error::Error;

use landfall_model::{InvalidName, InvalidTag, TagValue, ThingGroup, UnixTime};
use landfall_pki::{CHAIN_CERTIFICATES_MAX, ChainError, RSA_BITS_MAX, RSA_BITS_MIN};
use landfall_registration::Refusal;
use serde::Serialize;

use crate::text::date;

/// Why a device would be kept out: what refused it, what was found, and what would be right.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefusalView {
    /// The stable name of the reason, for programs.
    pub(crate) code: String,
    /// The reason in words: what the server's log and the registration log say.
    pub(crate) message: String,
    /// What does not hold.
    pub(crate) rule: String,
    /// The value that was found, where there is one.
    pub(crate) found: Option<String>,
    /// What would be accepted, where it is known.
    pub(crate) accepted: Option<String>,
}

/// What does not hold, what was found, and what would be accepted.
struct Facts {
    rule: String,
    found: Option<String>,
    accepted: Option<String>,
}

impl RefusalView {
    /// The view of a registration that would be refused.
    pub(crate) fn of_refusal(refusal: &Refusal) -> Self {
        let Facts { rule, found, accepted } = facts_of_refusal(refusal);
        Self { code: refusal.code().to_owned(), message: refusal.to_string(), rule, found, accepted }
    }

    /// The view of a chain that is not verified.
    pub(crate) fn of_chain(problem: &ChainError) -> Self {
        let Facts { rule, found, accepted } = facts_of_chain(problem);
        let message = with_sources(problem);
        Self { code: problem.code().to_owned(), message, rule, found, accepted }
    }
}

impl Facts {
    fn new(rule: impl Into<String>) -> Self {
        Self { rule: rule.into(), found: None, accepted: None }
    }

    fn found(self, found: impl ToString) -> Self {
        Self { found: Some(found.to_string()), ..self }
    }

    fn accepted(self, accepted: impl Into<String>) -> Self {
        Self { accepted: Some(accepted.into()), ..self }
    }
}

#[expect(clippy::too_many_lines, reason = "one arm for each refusal")]
fn facts_of_refusal(refusal: &Refusal) -> Facts {
    let status = |found: &str| Facts::new("the status of the certificate").found(found).accepted("ACTIVE");
    match refusal {
        Refusal::AutoRegistrationDisabled { ca } => {
            Facts::new(format!("auto-registration of CA certificate {ca}"))
                .found("DISABLE")
                .accepted("ENABLE")
        }
        Refusal::CaDeleted => {
            Facts::new("the CA certificate is registered").accepted("a certificate of a registered CA")
        }
        Refusal::CaInactive { ca } => {
            Facts::new(format!("the status of CA certificate {ca}")).found("INACTIVE").accepted("ACTIVE")
        }
        Refusal::CertificateExclusive { thing } => {
            Facts::new("the certificate is attached to no other thing exclusively").found(thing)
        }
        Refusal::Deactivated => status("INACTIVE"),
        Refusal::GaveUp { attempts, problem } => Facts::new("the registration was not given up")
            .found(format!("{attempts} attempts failed, the last one for: {problem}"))
            .accepted("another try by `landfall registrations retry`"),
        Refusal::InterceptorDenied { interceptor, message } => {
            Facts::new(format!("interceptor {interceptor} allows the device")).found(message)
        }
        Refusal::InvalidName { target, problem } => facts_of_name(target, problem),
        Refusal::InvalidTag { key, problem } => facts_of_tag(key.as_str(), problem),
        Refusal::MissingSubjectField { field, oid, found } => {
            let accepted = match *field {
                "title" => "iot or greengrass",
                _ => "a text that is not empty",
            };
            Facts::new(format!("the subject has the field {field} ({oid})")).found(found).accepted(accepted)
        }
        Refusal::RepeatedSubjectField { field, oid, found } => {
            Facts::new(format!("the subject has the field {field} ({oid}) once"))
                .found(found)
                .accepted("one of them")
        }
        Refusal::PendingWithoutCa => status("PENDING_ACTIVATION, without a CA certificate"),
        Refusal::Revoked => {
            status("REVOKED").accepted("ACTIVE, which one that is REVOKED never becomes again")
        }
        Refusal::Template { setting, problem } => {
            Facts::new(format!("the template of {setting} can be rendered for the certificate"))
                .found(problem)
                .accepted("a certificate that has what the template asks for, or another template")
        }
        Refusal::ThingInBillingGroup { thing, group } => {
            Facts::new(format!("thing {thing} is in no other billing group than BillingGroup names"))
                .found(group)
                .accepted("none, or the one that BillingGroup names")
        }
        Refusal::ThingInHierarchy { thing, group } => {
            Facts::new(format!("thing {thing} is in one group of each root (ThingGroups)"))
                .found(group)
                .accepted("groups of different roots")
        }
        Refusal::ThingOfAnotherCa { thing } => {
            Facts::new(format!("thing {thing} is of no other CA certificate's device"))
                .found("a device of another CA certificate, or of none")
                .accepted("a name that no thing has, or a thing of the same CA certificate's devices")
        }
        Refusal::ThingTaken { thing, principal } => {
            Facts::new(format!("thing {thing} has no other certificate (ExistingThing)"))
                .found(format!("certificate {principal}"))
                .accepted(
                    "a name that no thing has, the thing's own certificate, or ExistingThing = \"join\"",
                )
        }
        Refusal::ThingTypeDeprecated { thing_type } => {
            Facts::new("the thing type is not deprecated (ThingTypeName)")
                .found(thing_type)
                .accepted("a thing type that is not deprecated, or not there yet")
        }
        Refusal::TooManyAttributes { found, max } => Facts::new("a thing has few enough attributes")
            .found(format!("{found} attributes"))
            .accepted(format!("{max} at most; an empty template in Attributes leaves one out")),
        Refusal::TooManyPolicies { target: _ } => {
            Facts::new("the certificate has room for one more policy").accepted("fewer policies")
        }
        Refusal::TooManyThingGroups { thing } => {
            Facts::new(format!("thing {thing} is in few enough groups (ThingGroups)"))
                .accepted(format!("{} at most", ThingGroup::OF_THING_MAX))
        }
        Refusal::Twin => Facts::new("no other certificate of the same content and key is registered")
            .accepted("a new certificate"),
        Refusal::Unregistered => status("not registered any more"),
        Refusal::UnknownDeviceType { found } => {
            Facts::new("the subject's title (2.5.4.12) names a kind of device")
                .found(format!("{found:?}"))
                .accepted("iot or greengrass")
        }
    }
}

/// Of a value that makes a name that AWS IoT does not take.
fn facts_of_name(target: &'static str, problem: &InvalidName) -> Facts {
    let setting = match target {
        "the thing name" => " (ThingName)",
        "the thing type name" => " (ThingTypeName)",
        "the thing group name" => " (ThingGroups)",
        "the billing group name" => " (BillingGroup)",
        "the policy name" => " (DevicePolicyName, GreengrassPolicyName)",
        "the Greengrass group name" => " (GreengrassGroupName)",
        "the attribute value" => " (Attributes, IllegalCharacters)",
        _ => "",
    };
    let facts = Facts::new(format!("{target} is one that AWS IoT allows{setting}"));
    match problem {
        InvalidName::Empty { length_max, .. } => {
            facts.found("an empty text").accepted(format!("1 to {length_max} characters"))
        }
        InvalidName::TooLong { length_max, found, .. } => {
            facts.found(format!("{found} characters")).accepted(format!("{length_max} characters at most"))
        }
        InvalidName::Character { value, found, allowed, .. } => {
            facts.found(format!("{value:?}, with {found:?}")).accepted(*allowed)
        }
        other => facts.found(other),
    }
}

fn facts_of_tag(key: &str, problem: &InvalidTag) -> Facts {
    let facts = Facts::new(format!("the value of the tag {key} is one that AWS allows (Tags)"));
    match problem {
        InvalidTag::ValueLength { found } => facts
            .found(format!("{found} characters"))
            .accepted(format!("{} characters at most", TagValue::LENGTH_MAX)),
        InvalidTag::KeyLength { .. } | InvalidTag::KeyCharacter { .. } | InvalidTag::KeyReserved => {
            facts.found(problem)
        }
    }
}

#[expect(clippy::too_many_lines, reason = "one arm for each fault")]
fn facts_of_chain(problem: &ChainError) -> Facts {
    let path = || Facts::new("the chain leads to a registered CA certificate as RFC 5280 has it");
    match problem {
        ChainError::TooManyCertificates { found } => Facts::new("few enough certificates are presented")
            .found(found)
            .accepted(format!("{CHAIN_CERTIFICATES_MAX} at most")),
        ChainError::Malformed(fault) => Facts::new("the device's certificate can be read")
            .found(with_sources(fault))
            .accepted("X.509 of version 1 or 3, whose names are text"),
        ChainError::IntermediateMalformed(fault) => {
            Facts::new("the intermediate certificates can be read").found(with_sources(fault))
        }
        ChainError::UnknownIssuer { subject: _, issuer } => Facts::new(
            "a registered CA certificate signed it",
        )
        .found(issuer)
        .accepted(
            "an issuer that is the subject of a registered CA certificate, or intermediates that lead to one",
        ),
        ChainError::UnknownIssuerKey { subject: _, issuer: _, key_id } => {
            Facts::new("a registered CA certificate signed it")
                .found(format!("key {key_id}"))
                .accepted("the key of a registered CA certificate of that name")
        }
        ChainError::OtherIssuer { subject: _, issuer, ca } => {
            Facts::new("the CA certificate is its issuer").found(issuer).accepted(ca)
        }
        ChainError::BadSignature { issuer } => Facts::new("the signature is by its issuer's key")
            .found("a signature by another key, or a damaged one")
            .accepted(format!("a signature by the key of the registered {issuer}")),
        ChainError::Expired { not_after, now: _ } => ended("the device's certificate", *not_after),
        ChainError::NotYetValid { not_before, now: _ } => begins("the device's certificate", *not_before),
        ChainError::CaExpired { ca: _, not_after, now: _ } => ended("the CA certificate", *not_after),
        ChainError::CaNotYetValid { ca: _, not_before, now: _ } => begins("the CA certificate", *not_before),
        ChainError::IntermediateExpired { subject: _, not_after, now: _ } => {
            ended("the intermediate certificate", *not_after)
        }
        ChainError::IntermediateNotYetValid { subject: _, not_before, now: _ } => {
            begins("the intermediate certificate", *not_before)
        }
        ChainError::WeakSignature { subject: _, algorithm } => {
            Facts::new("the signature is secure").found(algorithm).accepted("SHA-256 or longer")
        }
        ChainError::UnsupportedSignature { subject: _, oid } => {
            Facts::new("the signature is of a known kind")
                .found(oid)
                .accepted("RSA, ECDSA or Ed25519 with SHA-2")
        }
        ChainError::Key { subject: _, source } => Facts::new("the key is accepted").found(source).accepted(
            format!("RSA of {RSA_BITS_MIN} to {RSA_BITS_MAX} bits, P-256, P-384, P-521 or Ed25519"),
        ),
        ChainError::LeafIsCa { subject: _ } => Facts::new("the certificate is a device's")
            .found("basicConstraints CA:TRUE")
            .accepted("no basicConstraints, or CA:FALSE"),
        ChainError::NotForClientAuth { found } => Facts::new("the certificate is for TLS clients")
            .found(format!("extKeyUsage {}", found.join(", ")))
            .accepted("no extKeyUsage, or one with clientAuth"),
        ChainError::KeyUsage => Facts::new("the key may sign a TLS handshake")
            .found("keyUsage without digitalSignature")
            .accepted("no keyUsage, or one with digitalSignature"),
        ChainError::CriticalExtension => Facts::new("every critical extension is supported"),
        ChainError::Version1BelowIntermediate { issuer } => path()
            .found(format!("version 1, issued by the intermediate {issuer}"))
            .accepted("version 3, or version 1 issued by a registered CA itself"),
        ChainError::Version1UnderNameConstraints { ca } => {
            path().found(format!("version 1 under the name constraints of {ca}")).accepted("version 3")
        }
        ChainError::IntermediateNotCa { subject } => path()
            .found(format!("{subject} without basicConstraints CA:TRUE"))
            .accepted("CA certificates above"),
        ChainError::IntermediateMayNotSign { subject } => path()
            .found(format!("{subject} with a keyUsage without keyCertSign"))
            .accepted("keyUsage with keyCertSign"),
        ChainError::PathLength { subject, allowed, found } => path()
            .found(format!("{found} CA certificates below {subject}"))
            .accepted(format!("{allowed} at most")),
        ChainError::NameConstraints => path().accepted("names that the CA certificates permit"),
        ChainError::NoServerName { certificate: _ } => Facts::new("the client sends a server name (SNI)"),
        ChainError::Invalid(fault) => path().found(fault),
    }
}

/// An error with all that caused it.
fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}

fn ended(whose: &str, not_after: UnixTime) -> Facts {
    Facts::new(format!("{whose} is valid now"))
        .found(format!("it ended at {}", date(not_after)))
        .accepted("an end that is still to come")
}

fn begins(whose: &str, not_before: UnixTime) -> Facts {
    Facts::new(format!("{whose} is valid now"))
        .found(format!("it begins at {}", date(not_before)))
        .accepted("a beginning that has come")
}
