use crate::{CertificateId, PolicyName, PolicyVersionId, ThingName, ThingPrincipalType, ThingTypeName};

/// Who acts: an admitted certificate, with the things and policies that are attached to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The certificate.
    pub certificate: CertificateId,
    /// The things it is attached to, by name.
    pub things: Vec<AttachedThing>,
    /// The policies attached to the certificate itself, by name, with the version that counts.
    pub policies: Vec<(PolicyName, PolicyVersionId)>,
}

/// A thing as its principal sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachedThing {
    /// Its name.
    pub name: ThingName,
    /// Its type, if it has one.
    pub thing_type: Option<ThingTypeName>,
    /// How the certificate is attached to it.
    pub principal_type: ThingPrincipalType,
    /// The policies attached to its groups and to their parents, by name, each once, with the version that counts. They
    /// count for a connection that is this thing's.
    pub policies: Vec<(PolicyName, PolicyVersionId)>,
}
