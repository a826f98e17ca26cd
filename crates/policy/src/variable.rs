use std::fmt;

/// Something that a policy can ask about a connection.
///
/// The list is that of the developer guide: `basic-policy-variables.html`, `thing-policy-variables.html`,
/// `cert-policy-variables.html` and `connect-policy.html`, with the keys of IAM that have a meaning for a connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fact {
    /// `aws:CurrentTime`: the moment, in UTC. Only date conditions can ask for it.
    CurrentTime,
    /// `aws:EpochTime`: the moment, in seconds since 1970. Only date and numeric conditions can ask for it.
    EpochTime,
    /// `aws:SecureTransport`: `true` over TLS.
    SecureTransport,
    /// `aws:SourceIp`: the address of the client.
    SourceIp,
    /// `aws:SourceVpc`: never known here, as there is no VPC.
    SourceVpc,
    /// `aws:SourceVpce`: never known here, as there is no VPC.
    SourceVpce,
    /// `aws:VpcSourceIp`: never known here, as there is no VPC.
    VpcSourceIp,
    /// `iot:ClientId`
    ClientId,
    /// `iot:DomainName`: the name that the client connected to.
    DomainName,
    /// `iot:Protocol`: the protocol that the client speaks.
    Protocol,
    /// `iot:ConnectAttributes`: `PersistentConnect` and `LastWill`, as the CONNECT packet has them. Only for `iot:Connect`.
    ConnectAttributes,
    /// `iot:LastWillTopic`: the ARN of the will's topic. Only for `iot:Connect`.
    LastWillTopic,
    /// `iot:Connection.Thing.IsAttached`: `true` if the client id is the name of a thing that the certificate is attached
    /// to, else `false`.
    ThingIsAttached,
    /// `iot:Connection.Thing.ThingName`
    ThingName,
    /// `iot:Connection.Thing.ThingTypeName`
    ThingTypeName,
    /// `iot:Connection.Thing.Attributes[…]`
    ThingAttribute(Box<str>),
    /// `iot:CertificateId`
    CertificateId,
    /// `iot:Certificate.SerialNumber`: a decimal number.
    CertificateSerialNumber,
    /// `iot:Certificate.AvailableKeys`: the names of the certificate variables that have a value.
    CertificateAvailableKeys,
    /// `iot:Certificate.Subject.…` and `iot:Certificate.Issuer.…`
    CertificateName(CertificateParty, NamePart),
    /// `iot:Certificate.Subject.AlternativeName.…` and `iot:Certificate.Issuer.AlternativeName.…`
    AlternativeName(CertificateParty, AlternativeNameKind),
}

/// Whose name of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CertificateParty {
    /// The device's.
    Subject,
    /// That of whoever signed it.
    Issuer,
}

/// The parts of a distinguished name that policies know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NamePart {
    /// `CN`, 2.5.4.3.
    CommonName,
    /// `C`, 2.5.4.6.
    Country,
    /// `dnQualifier`, 2.5.4.46.
    DistinguishedNameQualifier,
    /// `generationQualifier`, 2.5.4.44.
    GenerationQualifier,
    /// `GN`, 2.5.4.42.
    GivenName,
    /// `initials`, 2.5.4.43.
    Initials,
    /// `O`, 2.5.4.10.
    Organization,
    /// `OU`, 2.5.4.11.
    OrganizationalUnit,
    /// `pseudonym`, 2.5.4.65.
    Pseudonym,
    /// `serialNumber`, 2.5.4.5.
    SerialNumber,
    /// `ST`, 2.5.4.8.
    State,
    /// `SN`, 2.5.4.4.
    Surname,
    /// `title`, 2.5.4.12.
    Title,
}

/// The kinds of alternative names that policies know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlternativeNameKind {
    /// A host's name.
    DnsName,
    /// A distinguished name, its most specific part first: `cn=bulb,o=Example,c=US`.
    DirectoryName,
    /// An address, as text.
    IpAddress,
    /// A mail address.
    Rfc822Name,
    /// A URI.
    UniformResourceIdentifier,
}

/// A `${…}` of a document, or the key of a condition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Variable {
    /// One that can have a value.
    Known {
        /// What it asks about.
        fact: Fact,
        /// Which of its values.
        selection: Selection,
    },
    /// One that this language does not have: it never has a value.
    Unknown(Box<str>),
}

/// Which of a fact's values a variable stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Selection {
    /// The first.
    First,
    /// `.1`: the one at this place, from 0.
    Nth(usize),
    /// `.List`: all of them.
    List,
}

/// The variables of a document's `${…}`, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Slots(Vec<Variable>);

impl Fact {
    /// The facts that have a name of their own, in the order of their names.
    const NAMED: [Self; 18] = [
        Self::CurrentTime,
        Self::EpochTime,
        Self::SecureTransport,
        Self::SourceIp,
        Self::SourceVpc,
        Self::SourceVpce,
        Self::VpcSourceIp,
        Self::ClientId,
        Self::DomainName,
        Self::Protocol,
        Self::ConnectAttributes,
        Self::LastWillTopic,
        Self::ThingIsAttached,
        Self::ThingName,
        Self::ThingTypeName,
        Self::CertificateId,
        Self::CertificateSerialNumber,
        Self::CertificateAvailableKeys,
    ];

    /// Whether it can have several values.
    pub const fn is_multivalued(&self) -> bool {
        matches!(
            self,
            Self::ConnectAttributes
                | Self::CertificateAvailableKeys
                | Self::CertificateName(..)
                | Self::AlternativeName(..)
        )
    }

    /// Whether it is asked of the certificate, whose values have limits of their own.
    pub const fn is_of_certificate(&self) -> bool {
        matches!(
            self,
            Self::CertificateSerialNumber
                | Self::CertificateAvailableKeys
                | Self::CertificateName(..)
                | Self::AlternativeName(..)
        )
    }

    /// Whether it is asked of the registry's entry of the thing.
    pub const fn is_of_thing(&self) -> bool {
        matches!(
            self,
            Self::ThingIsAttached | Self::ThingName | Self::ThingTypeName | Self::ThingAttribute(_)
        )
    }

    /// Whether it is known only while a connection is made, for `iot:Connect`.
    pub const fn is_of_connect(&self) -> bool {
        matches!(self, Self::ConnectAttributes | Self::LastWillTopic)
    }

    /// Whether it changes with every second.
    pub(crate) const fn is_time(&self) -> bool {
        matches!(self, Self::CurrentTime | Self::EpochTime)
    }

    /// Whether every connection has it.
    pub(crate) const fn is_always_known(&self) -> bool {
        matches!(
            self,
            Self::CurrentTime
                | Self::EpochTime
                | Self::SecureTransport
                | Self::SourceIp
                | Self::ClientId
                | Self::Protocol
                | Self::ThingIsAttached
                | Self::CertificateId
                | Self::CertificateSerialNumber
                | Self::CertificateAvailableKeys
        )
    }

    /// Whether no connection ever has it.
    pub(crate) const fn is_never_known(&self) -> bool {
        matches!(self, Self::SourceVpc | Self::SourceVpce | Self::VpcSourceIp)
    }

    /// Where its value comes from, for people.
    pub const fn origin(&self) -> &'static str {
        match self {
            Self::CurrentTime | Self::EpochTime => "the clock",
            Self::SecureTransport | Self::SourceIp | Self::Protocol => "the connection",
            Self::DomainName => "the server name of the TLS handshake",
            Self::SourceVpc | Self::SourceVpce | Self::VpcSourceIp => "nowhere: there is no VPC",
            Self::ClientId | Self::ConnectAttributes | Self::LastWillTopic => "the CONNECT packet",
            Self::ThingIsAttached | Self::ThingName | Self::ThingTypeName | Self::ThingAttribute(_) => {
                "the registry: the thing that the client id names and the certificate is attached to"
            }
            Self::CertificateId
            | Self::CertificateSerialNumber
            | Self::CertificateAvailableKeys
            | Self::CertificateName(..)
            | Self::AlternativeName(..) => "the certificate",
        }
    }

    /// Every fact of a certificate that is a name or a number in it.
    pub(crate) fn of_certificate() -> impl Iterator<Item = Self> {
        let parties = CertificateParty::ALL.into_iter();
        let names = parties.flat_map(|party| {
            let parts = NamePart::ALL.into_iter().map(move |part| Self::CertificateName(party, part));
            let kinds = AlternativeNameKind::ALL.into_iter();
            parts.chain(kinds.map(move |kind| Self::AlternativeName(party, kind)))
        });
        names.chain([Self::CertificateSerialNumber])
    }
}

impl CertificateParty {
    const ALL: [Self; 2] = [Self::Subject, Self::Issuer];

    const fn name(self) -> &'static str {
        match self {
            Self::Subject => "Subject",
            Self::Issuer => "Issuer",
        }
    }
}

impl NamePart {
    /// Every part, by name.
    pub const ALL: [Self; 13] = [
        Self::CommonName,
        Self::Country,
        Self::DistinguishedNameQualifier,
        Self::GenerationQualifier,
        Self::GivenName,
        Self::Initials,
        Self::Organization,
        Self::OrganizationalUnit,
        Self::Pseudonym,
        Self::SerialNumber,
        Self::State,
        Self::Surname,
        Self::Title,
    ];

    /// The object identifier of the attribute, in dotted form.
    pub const fn oid(self) -> &'static str {
        match self {
            Self::CommonName => "2.5.4.3",
            Self::Country => "2.5.4.6",
            Self::DistinguishedNameQualifier => "2.5.4.46",
            Self::GenerationQualifier => "2.5.4.44",
            Self::GivenName => "2.5.4.42",
            Self::Initials => "2.5.4.43",
            Self::Organization => "2.5.4.10",
            Self::OrganizationalUnit => "2.5.4.11",
            Self::Pseudonym => "2.5.4.65",
            Self::SerialNumber => "2.5.4.5",
            Self::State => "2.5.4.8",
            Self::Surname => "2.5.4.4",
            Self::Title => "2.5.4.12",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::CommonName => "CommonName",
            Self::Country => "Country",
            Self::DistinguishedNameQualifier => "DistinguishedNameQualifier",
            Self::GenerationQualifier => "GenerationQualifier",
            Self::GivenName => "GivenName",
            Self::Initials => "Initials",
            Self::Organization => "Organization",
            Self::OrganizationalUnit => "OrganizationalUnit",
            Self::Pseudonym => "Pseudonym",
            Self::SerialNumber => "SerialNumber",
            Self::State => "State",
            Self::Surname => "Surname",
            Self::Title => "Title",
        }
    }
}

impl AlternativeNameKind {
    /// Every kind, by name.
    pub const ALL: [Self; 5] = [
        Self::DnsName,
        Self::DirectoryName,
        Self::IpAddress,
        Self::Rfc822Name,
        Self::UniformResourceIdentifier,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::DnsName => "DNSName",
            Self::DirectoryName => "DirectoryName",
            Self::IpAddress => "IPAddress",
            Self::Rfc822Name => "RFC822Name",
            Self::UniformResourceIdentifier => "UniformResourceIdentifier",
        }
    }
}

impl Variable {
    /// The variable of this name, which does not depend on case, as the keys of IAM do not; the name of a thing's attribute
    /// does.
    pub fn parse(name: &str) -> Self {
        let known = known(name).map(|(fact, selection)| Self::Known { fact, selection });
        known.unwrap_or_else(|| Self::Unknown(name.into()))
    }

    /// What it asks about, if it can have a value.
    pub const fn fact(&self) -> Option<&Fact> {
        match self {
            Self::Known { fact, .. } => Some(fact),
            Self::Unknown(_) => None,
        }
    }
}

fn known(name: &str) -> Option<(Fact, Selection)> {
    if let Some(fact) = Fact::NAMED.into_iter().find(|fact| fact.to_string().eq_ignore_ascii_case(name)) {
        let selection = if fact.is_multivalued() { Selection::List } else { Selection::First };
        return Some((fact, selection));
    }
    if let Some(inside) = strip_prefix(name, "iot:Connection.Thing.Attributes[") {
        let attribute = inside.strip_suffix(']').filter(|attribute| !attribute.is_empty())?;
        return Some((Fact::ThingAttribute(attribute.into()), Selection::First));
    }
    let rest = strip_prefix(name, "iot:Certificate.")?;
    let (party, rest) = rest.split_once('.')?;
    let party = CertificateParty::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(party))?;
    if let Some(rest) = strip_prefix(rest, "AlternativeName.") {
        let (kind, selection) = selected(rest)?;
        let mut kinds = AlternativeNameKind::ALL.into_iter();
        let kind = kinds.find(|known| known.name().eq_ignore_ascii_case(kind))?;
        return Some((Fact::AlternativeName(party, kind), selection));
    }
    let (part, selection) = selected(rest)?;
    let part = NamePart::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(part))?;
    Some((Fact::CertificateName(party, part), selection))
}

/// What is behind a prefix, in whatever case.
fn strip_prefix<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = name.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Takes `.1` or `.List` off.
fn selected(name: &str) -> Option<(&str, Selection)> {
    let Some((name, which)) = name.split_once('.') else { return Some((name, Selection::First)) };
    if which.eq_ignore_ascii_case("List") {
        return Some((name, Selection::List));
    }
    let is_number = which.bytes().all(|b| b.is_ascii_digit()) && (which == "0" || !which.starts_with('0'));
    let place = which.parse().ok().filter(|_| is_number)?;
    Some((name, Selection::Nth(place)))
}

impl Slots {
    /// The slot of a variable, which it keeps. There are fewer than 65,536: a document has no room for more.
    pub(crate) fn slot(&mut self, variable: Variable) -> u16 {
        let place = self.0.iter().position(|known| *known == variable);
        let place = place.unwrap_or_else(|| {
            self.0.push(variable);
            self.0.len() - 1
        });
        u16::try_from(place).unwrap_or(u16::MAX)
    }

    pub(crate) fn variable(&self, slot: u16) -> Option<&Variable> {
        self.0.get(usize::from(slot))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Variable> {
        self.0.iter()
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CurrentTime => f.write_str("aws:CurrentTime"),
            Self::EpochTime => f.write_str("aws:EpochTime"),
            Self::SecureTransport => f.write_str("aws:SecureTransport"),
            Self::SourceIp => f.write_str("aws:SourceIp"),
            Self::SourceVpc => f.write_str("aws:SourceVpc"),
            Self::SourceVpce => f.write_str("aws:SourceVpce"),
            Self::VpcSourceIp => f.write_str("aws:VpcSourceIp"),
            Self::ClientId => f.write_str("iot:ClientId"),
            Self::DomainName => f.write_str("iot:DomainName"),
            Self::Protocol => f.write_str("iot:Protocol"),
            Self::ConnectAttributes => f.write_str("iot:ConnectAttributes"),
            Self::LastWillTopic => f.write_str("iot:LastWillTopic"),
            Self::ThingIsAttached => f.write_str("iot:Connection.Thing.IsAttached"),
            Self::ThingName => f.write_str("iot:Connection.Thing.ThingName"),
            Self::ThingTypeName => f.write_str("iot:Connection.Thing.ThingTypeName"),
            Self::ThingAttribute(name) => write!(f, "iot:Connection.Thing.Attributes[{name}]"),
            Self::CertificateId => f.write_str("iot:CertificateId"),
            Self::CertificateSerialNumber => f.write_str("iot:Certificate.SerialNumber"),
            Self::CertificateAvailableKeys => f.write_str("iot:Certificate.AvailableKeys"),
            Self::CertificateName(party, part) => {
                write!(f, "iot:Certificate.{}.{}", party.name(), part.name())
            }
            Self::AlternativeName(party, kind) => {
                write!(f, "iot:Certificate.{}.AlternativeName.{}", party.name(), kind.name())
            }
        }
    }
}

impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => f.write_str(name),
            Self::Known { fact, selection: Selection::First } => fact.fmt(f),
            Self::Known { fact, selection: Selection::Nth(place) } => write!(f, "{fact}.{place}"),
            // A fact that is a list by itself has no other form.
            Self::Known {
                fact: fact @ (Fact::ConnectAttributes | Fact::CertificateAvailableKeys), ..
            } => fact.fmt(f),
            Self::Known { fact, selection: Selection::List } => write!(f, "{fact}.List"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_known_by_their_names_in_whatever_case() {
        for name in [
            "aws:CurrentTime",
            "aws:EpochTime",
            "aws:SecureTransport",
            "aws:SourceIp",
            "aws:SourceVpc",
            "aws:SourceVpce",
            "aws:VpcSourceIp",
            "iot:ClientId",
            "iot:DomainName",
            "iot:Protocol",
            "iot:ConnectAttributes",
            "iot:LastWillTopic",
            "iot:Connection.Thing.IsAttached",
            "iot:Connection.Thing.ThingName",
            "iot:Connection.Thing.ThingTypeName",
            "iot:Connection.Thing.Attributes[envType]",
            "iot:CertificateId",
            "iot:Certificate.SerialNumber",
            "iot:Certificate.AvailableKeys",
            "iot:Certificate.Subject.CommonName",
            "iot:Certificate.Subject.CommonName.0",
            "iot:Certificate.Issuer.Organization.List",
            "iot:Certificate.Issuer.DistinguishedNameQualifier.4",
            "iot:Certificate.Subject.AlternativeName.DNSName",
            "iot:Certificate.Issuer.AlternativeName.RFC822Name.1",
            "iot:Certificate.Subject.AlternativeName.UniformResourceIdentifier.List",
        ] {
            let variable = Variable::parse(name);
            assert!(variable.fact().is_some(), "{name}");
            assert_eq!(variable.to_string(), name);
            if !name.contains('[') {
                assert_eq!(Variable::parse(&name.to_ascii_uppercase()), variable, "{name}");
            }
        }
        for fact in Fact::of_certificate() {
            assert_eq!(Variable::parse(&fact.to_string()).fact(), Some(&fact));
        }
        assert_eq!(Fact::of_certificate().count(), 37);
    }

    #[test]
    fn other_names_are_unknown() {
        for name in [
            "",
            "iot:",
            "iot:Moon",
            "iot:Thing.ThingName",
            "iot:ClientId ",
            "iot:ClientId.0",
            "iot:ClientId.List",
            "iot:Connection.Thing.Attributes[]",
            "iot:Connection.Thing.Attributes[a",
            "iot:Certificate.Subject",
            "iot:Certificate.Subject.Locality",
            "iot:Certificate.Subject.CommonName.",
            "iot:Certificate.Subject.CommonName.+1",
            "iot:Certificate.Subject.CommonName.01",
            "iot:Certificate.Subject.CommonName.-1",
            "iot:Certificate.Subject.CommonName.1.List",
            "iot:Certificate.Subject.CommonName.99999999999999999999999",
            "iot:Certificate.Owner.CommonName",
            "iot:Certificate.Subject.AlternativeName.OtherName",
            "cognito-identity.amazonaws.com:sub",
            "aws:username, 'nobody'",
            "é",
        ] {
            assert_eq!(Variable::parse(name), Variable::Unknown(name.into()), "{name}");
        }
    }

    #[test]
    fn a_variable_keeps_its_slot() {
        let mut slots = Slots::default();
        for (name, expected) in
            [("iot:ClientId", 0), ("iot:Moon", 1), ("IOT:CLIENTID", 0), ("iot:CertificateId", 2)]
        {
            assert_eq!(slots.slot(Variable::parse(name)), expected, "{name}");
        }
        assert_eq!(slots.len(), 3);
    }
}
