use crate::{CertificateId, PolicyName, PolicyVersionId, ThingName, ThingTypeName};

/// Who acts: an admitted certificate, with the things and policies that are attached to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The certificate.
    pub certificate: CertificateId,
    /// The things it is attached to, by name.
    pub things: Vec<AttachedThing>,
    /// The policies attached to it, with the version that counts.
    pub policies: Vec<(PolicyName, PolicyVersionId)>,
}

/// A thing as its principal sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachedThing {
    /// Its name.
    pub name: ThingName,
    /// Its type, if it has one.
    pub thing_type: Option<ThingTypeName>,
}
