/// What a `${…}` in a document stands for, resolved for each connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variable {
    /// `iot:ClientId`
    ClientId,
    /// `iot:Certificate.Subject.CommonName`
    SubjectCommonName,
    /// `iot:Connection.Thing.ThingName`
    ThingName,
    /// `iot:Connection.Thing.ThingTypeName`
    ThingTypeName,
}

impl Variable {
    const ALL: [Self; 4] = [Self::ClientId, Self::SubjectCommonName, Self::ThingName, Self::ThingTypeName];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ClientId => "iot:ClientId",
            Self::SubjectCommonName => "iot:Certificate.Subject.CommonName",
            Self::ThingName => "iot:Connection.Thing.ThingName",
            Self::ThingTypeName => "iot:Connection.Thing.ThingTypeName",
        }
    }

    /// The variable of this name, which does not depend on case, as condition keys of IAM do not.
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|variable| variable.name().eq_ignore_ascii_case(name))
    }
}
