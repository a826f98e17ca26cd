use std::sync::Arc;

use landfall_model::{
    BillingGroupName, CaCertificateId, CertificateId, InvalidName, InvalidTag, PolicyTarget, Rejection,
    TagKey, ThingGroup, ThingGroupName, ThingName, ThingTypeName,
};
use thiserror::Error;

/// Why a device is kept out, or its certificate not provisioned. The text says what was found and what would be right.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// The CA certificate registers nobody by itself.
    #[error(
        "auto-registration of CA certificate {ca} is DISABLE; set it to ENABLE, or register the certificate"
    )]
    AutoRegistrationDisabled {
        /// The CA certificate.
        ca: CaCertificateId,
    },
    /// The CA certificate was deleted.
    #[error(
        "the CA certificate that signed it is not registered any more; register that again, or give the device a new certificate"
    )]
    CaDeleted,
    /// The CA certificate registers nobody new, or its devices have to stay out.
    #[error("CA certificate {ca} is INACTIVE; set it to ACTIVE to let its devices in")]
    CaInactive {
        /// The CA certificate.
        ca: CaCertificateId,
    },
    /// The certificate is attached to another thing, and to that alone.
    #[error("the certificate is attached exclusively to thing {thing}; detach it from that")]
    CertificateExclusive {
        /// The thing.
        thing: ThingName,
    },
    /// The certificate was set INACTIVE.
    #[error("the certificate is INACTIVE; set it to ACTIVE to let its device in")]
    Deactivated,
    /// The registration was tried as often as it may be, and is a dead letter.
    #[error(
        "the registration was given up; failed attempts: {attempts}; the last problem: {problem}; try it again with `landfall registrations retry`"
    )]
    GaveUp {
        /// How many attempts failed.
        attempts: u32,
        /// Why the last one failed.
        problem: Arc<str>,
    },
    /// An interceptor does not let the device in.
    #[error("interceptor {interceptor} denied the device: {message}")]
    InterceptorDenied {
        /// Which one.
        interceptor: Box<str>,
        /// What it said.
        message: String,
    },
    /// A value from the certificate makes a name or an attribute that AWS IoT does not allow.
    #[error("{target} made from the certificate is not allowed: {problem}")]
    InvalidName {
        /// What was to be named.
        target: &'static str,
        /// What is wrong with it.
        problem: InvalidName,
    },
    /// A value from the certificate makes a tag that AWS does not allow.
    #[error("the tag {:?} made from the certificate is not allowed: {problem}", key.as_str())]
    InvalidTag {
        /// Its key.
        key: TagKey,
        /// What is wrong with it.
        problem: InvalidTag,
    },
    /// The subject lacks a field that a registration needs.
    #[error("the subject has no {field} ({oid}), which a registration needs; it has: {found}")]
    MissingSubjectField {
        /// The field's name.
        field: &'static str,
        /// Its object identifier.
        oid: &'static str,
        /// The subject as found, cut to a bounded length.
        found: String,
    },
    /// The certificate waits for an activation that nobody but an operator brings.
    #[error(
        "the certificate is PENDING_ACTIVATION and registered without a CA certificate, so that no registration activates it; set it to ACTIVE"
    )]
    PendingWithoutCa,
    /// The subject has a field several times that a registration needs once.
    #[error("the subject has {field} ({oid}) more than once, where a registration needs one: {found}")]
    RepeatedSubjectField {
        /// The field's name.
        field: &'static str,
        /// Its object identifier.
        oid: &'static str,
        /// What was found, cut to a bounded length.
        found: String,
    },
    /// The certificate was revoked.
    #[error("the certificate is REVOKED; the device needs a new one")]
    Revoked,
    /// A template cannot be rendered for this certificate.
    #[error("the template of {setting} cannot be rendered: {problem}")]
    Template {
        /// The setting that holds the template.
        setting: Box<str>,
        /// What is wrong.
        problem: String,
    },
    /// The thing is in another billing group than the settings name.
    #[error(
        "thing {thing} has billing group {group}, which is not replaced; remove it from that, or name that in BillingGroup"
    )]
    ThingInBillingGroup {
        /// The thing.
        thing: ThingName,
        /// The billing group that it has.
        group: BillingGroupName,
    },
    /// The thing cannot come into all of its groups, as two of them have the same root.
    #[error(
        "thing {thing} is in thing group {group}, and no thing is in two groups of one root; remove it from that, or name one group of each root in ThingGroups"
    )]
    ThingInHierarchy {
        /// The thing.
        thing: ThingName,
        /// The group that it is in.
        group: ThingGroupName,
    },
    /// The thing belongs to a device of another CA certificate.
    #[error(
        "thing {thing} is that of another CA certificate's device; give the device another serial number, or delete the thing"
    )]
    ThingOfAnotherCa {
        /// The thing.
        thing: ThingName,
    },
    /// The thing has another device of the same CA certificate already.
    #[error(
        "thing {thing} has certificate {principal} already; detach that, or set ExistingThing = \"join\" to allow several"
    )]
    ThingTaken {
        /// The thing.
        thing: ThingName,
        /// One of the certificates that it has.
        principal: CertificateId,
    },
    /// No thing can get the type any more.
    #[error("thing type {thing_type} is deprecated; undo that, or name another type")]
    ThingTypeDeprecated {
        /// The type.
        thing_type: ThingTypeName,
    },
    /// More attributes than a thing may have.
    #[error("the subject makes {found} attributes; a thing may have at most {max}")]
    TooManyAttributes {
        /// How many there would be.
        found: usize,
        /// The most allowed.
        max: usize,
    },
    /// No more policies can be attached to the certificate.
    #[error("{target} has as many policies as it can have; detach one")]
    TooManyPolicies {
        /// What has them.
        target: PolicyTarget,
    },
    /// The thing can be in no more groups.
    #[error("thing {thing} is in {max} thing groups, which is the most; remove it from one, or name fewer in ThingGroups", max = ThingGroup::OF_THING_MAX)]
    TooManyThingGroups {
        /// The thing.
        thing: ThingName,
    },
    /// A registered certificate has the same content, and another signature.
    #[error(
        "another certificate of the same content and key is registered; this one differs from it only in its signature"
    )]
    Twin,
    /// The certificate was registered without a CA certificate, and is deleted.
    #[error("the certificate is not registered any more; register it again, or give the device a new one")]
    Unregistered,
    /// The title names no known kind of device.
    #[error("the subject's title (T, 2.5.4.12) is {found:?}; it must be iot or greengrass")]
    UnknownDeviceType {
        /// The title, cut to a bounded length.
        found: String,
    },
}

impl Refusal {
    /// The stable name of the reason, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AutoRegistrationDisabled { .. } => "auto_registration_disabled",
            Self::CaDeleted => "ca_deleted",
            Self::CaInactive { .. } => "ca_inactive",
            Self::CertificateExclusive { .. } => "certificate_exclusive",
            Self::Deactivated => "certificate_inactive",
            Self::GaveUp { .. } => "registration_gave_up",
            Self::InterceptorDenied { .. } => "interceptor_denied",
            Self::InvalidName { .. } => "invalid_name",
            Self::InvalidTag { .. } => "invalid_tag",
            Self::MissingSubjectField { .. } => "missing_subject_field",
            Self::PendingWithoutCa => "pending_without_ca",
            Self::RepeatedSubjectField { .. } => "repeated_subject_field",
            Self::Revoked => "certificate_revoked",
            Self::Template { .. } => "template_failed",
            Self::ThingInBillingGroup { .. } => "thing_in_billing_group",
            Self::ThingInHierarchy { .. } => "thing_in_hierarchy",
            Self::ThingOfAnotherCa { .. } => "thing_of_another_ca",
            Self::ThingTaken { .. } => "thing_taken",
            Self::ThingTypeDeprecated { .. } => "thing_type_deprecated",
            Self::TooManyAttributes { .. } => "too_many_attributes",
            Self::TooManyPolicies { .. } => "too_many_policies",
            Self::TooManyThingGroups { .. } => "too_many_thing_groups",
            Self::Twin => "certificate_twin",
            Self::Unregistered => "certificate_unregistered",
            Self::UnknownDeviceType { .. } => "unknown_device_type",
        }
    }

    /// The refusal as the registration log keeps it.
    pub fn rejection(&self) -> Rejection {
        Rejection { code: self.code().to_owned(), message: self.to_string() }
    }
}

/// How many characters of a certificate's text a refusal repeats.
const SHOWN_MAX: usize = 200;

/// The start of a text from a certificate, short enough to be logged and stored.
pub(crate) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}
