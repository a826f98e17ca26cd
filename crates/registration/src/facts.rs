use std::borrow::Cow;
use std::net::IpAddr;

use landfall_model::{AttachedThing, Attributes, ClientId, Principal, ThingTypeName, UnixTime};
use landfall_pki::{AlternativeName, NamePart, ParsedCertificate};
use landfall_policy::{AlternativeNameKind, CertificateParty, Fact, Facts};

/// What policies can ask about a device, connected or not. Nothing is made of it before a document asks.
#[derive(Clone, Copy, Debug)]
pub struct DeviceFacts<'d> {
    /// The client that it connects as.
    pub client_id: Option<&'d ClientId>,
    /// What it proves itself by.
    pub certificate: Option<&'d ParsedCertificate>,
    /// The thing that its connection is of, which [`thing_of`] finds.
    pub thing: Option<&'d AttachedThing>,
    /// Those of that thing. They need not be read where no document asks for one.
    pub attributes: Option<&'d Attributes>,
    /// What it has while it is connected.
    pub connection: Option<ConnectionFacts<'d>>,
    /// The moment for which is decided.
    pub now: UnixTime,
}

/// What only a connection that is there, or is being made, has.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionFacts<'d> {
    /// Where the client is.
    pub source: IpAddr,
    /// The name under which the client knows the server, where it said so (RFC 6066, section 3).
    pub server_name: Option<&'d str>,
    /// Whether the client asks for a session that is kept.
    pub is_persistent: bool,
}

/// The thing that a connection is of: the one that the client id names, if the certificate is attached to it.
pub fn thing_of<'p>(principal: &'p Principal, client_id: &ClientId) -> Option<&'p AttachedThing> {
    principal.things.iter().find(|thing| thing.name.as_str() == client_id.as_str())
}

/// Whether a fact is one that only a connection has, and no registry.
pub fn is_of_connection(fact: &Fact) -> bool {
    match fact {
        Fact::ConnectAttributes | Fact::DomainName | Fact::LastWillTopic | Fact::SourceIp => true,
        Fact::AlternativeName(..)
        | Fact::CertificateAvailableKeys
        | Fact::CertificateId
        | Fact::CertificateName(..)
        | Fact::CertificateSerialNumber
        | Fact::ClientId
        | Fact::CurrentTime
        | Fact::EpochTime
        | Fact::Protocol
        | Fact::SecureTransport
        | Fact::SourceVpc
        | Fact::SourceVpce
        | Fact::ThingAttribute(_)
        | Fact::ThingIsAttached
        | Fact::ThingName
        | Fact::ThingTypeName
        | Fact::VpcSourceIp => false,
    }
}

impl Facts for DeviceFacts<'_> {
    fn values(&self, fact: &Fact) -> Vec<Cow<'_, str>> {
        let (certificate, thing, connection) = (self.certificate, self.thing, self.connection);
        match fact {
            Fact::ClientId => list(self.client_id.map(ClientId::as_str)),
            Fact::CertificateId => list(certificate.map(|certificate| certificate.id().to_string())),
            Fact::CertificateSerialNumber => list(certificate.map(ParsedCertificate::serial_number_decimal)),
            Fact::CertificateName(party, part) => {
                let name = certificate.map(|certificate| match party {
                    CertificateParty::Subject => certificate.subject(),
                    CertificateParty::Issuer => certificate.issuer(),
                });
                list(name.into_iter().flat_map(|name| name.values(part.oid())))
            }
            Fact::AlternativeName(party, kind) => {
                list(certificate.into_iter().flat_map(|one| alternative_names(one, *party, *kind)))
            }
            Fact::ThingIsAttached => list([thing.is_some().to_string()]),
            Fact::ThingName => list(thing.map(|thing| thing.name.as_str())),
            Fact::ThingTypeName => {
                list(thing.and_then(|thing| thing.thing_type.as_ref()).map(ThingTypeName::as_str))
            }
            Fact::ThingAttribute(name) => {
                let mut attributes = self.attributes.into_iter().flat_map(Attributes::iter);
                let found = attributes.find(|(known, _)| known.as_str() == &**name);
                list(found.map(|(_, value)| value.as_str()))
            }
            Fact::DomainName => list(connection.and_then(|connection| connection.server_name)),
            // One of IPv4 that came over IPv6 is one of IPv4.
            Fact::SourceIp => list(connection.map(|one| one.source.to_canonical().to_string())),
            Fact::ConnectAttributes => {
                list(connection.filter(|one| one.is_persistent).map(|_| "PersistentConnect"))
            }
            Fact::Protocol => list(["mqtt"]),
            Fact::SecureTransport => list(["true"]),
            // There are no wills and no VPC; the time and the keys of the certificate are never asked for.
            Fact::LastWillTopic
            | Fact::SourceVpc
            | Fact::SourceVpce
            | Fact::VpcSourceIp
            | Fact::CurrentTime
            | Fact::EpochTime
            | Fact::CertificateAvailableKeys => Vec::new(),
        }
    }

    fn now(&self) -> UnixTime {
        self.now
    }
}

/// The alternative names of one kind in a certificate.
fn alternative_names(
    certificate: &ParsedCertificate,
    party: CertificateParty,
    kind: AlternativeNameKind,
) -> impl Iterator<Item = String> {
    let part = match party {
        CertificateParty::Subject => NamePart::Subject,
        CertificateParty::Issuer => NamePart::Issuer,
    };
    certificate.alternative_names(part).into_iter().filter_map(move |name| {
        let (found, text) = match name {
            AlternativeName::Dns(text) => (AlternativeNameKind::DnsName, text.into()),
            AlternativeName::Directory(text) => (AlternativeNameKind::DirectoryName, text.into()),
            AlternativeName::Ip(address) => (AlternativeNameKind::IpAddress, address.to_string()),
            AlternativeName::Rfc822(text) => (AlternativeNameKind::Rfc822Name, text.into()),
            AlternativeName::Uri(text) => (AlternativeNameKind::UniformResourceIdentifier, text.into()),
        };
        (found == kind).then_some(text)
    })
}

fn list<'v, V: Into<Cow<'v, str>>>(values: impl IntoIterator<Item = V>) -> Vec<Cow<'v, str>> {
    values.into_iter().map(Into::into).collect()
}

#[cfg(test)]
mod tests {
    use landfall_model::{AttributeName, AttributeValue, ThingName, ThingPrincipalType};
    use landfall_pki::{Issuer, KeyKind, KeyPair, ServerRequest, Subject, validity_of_days};
    use landfall_policy::Variable;
    use rustls_pki_types::ServerName;

    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

    /// A certificate with alternative names.
    fn certificate() -> ParsedCertificate {
        let key = || KeyPair::generate(KeyKind::P256).unwrap();
        let validity = validity_of_days(NOW, 1);
        let ca = Subject::parse("CN=root, O=Acme").unwrap();
        let issuer = Issuer::self_signed(&ca, key(), validity).unwrap();
        let names = ["a.example", "192.0.2.7", "b.example"].map(|name| ServerName::try_from(name).unwrap());
        let subject = Subject::parse("CN=device").unwrap();
        let public = key();
        let request =
            ServerRequest { subject: &subject, public_key: public.public_key(), validity, names: &names };
        issuer.sign_server(&request).unwrap()
    }

    fn principal(certificate: &ParsedCertificate) -> Principal {
        let thing = AttachedThing {
            name: ThingName::parse("thing-1").unwrap(),
            thing_type: Some(ThingTypeName::parse("sensor").unwrap()),
            principal_type: ThingPrincipalType::NonExclusive,
            policies: Vec::new(),
        };
        Principal { certificate: certificate.id(), things: vec![thing], policies: Vec::new() }
    }

    fn of(facts: &DeviceFacts<'_>, name: &str) -> Vec<String> {
        let variable = Variable::parse(name);
        facts.values(variable.fact().unwrap()).into_iter().map(Cow::into_owned).collect()
    }

    /// The values of a variable for a device that connects as this client.
    fn values(client_id: &str, is_connected: bool, name: &str) -> Vec<String> {
        let certificate = certificate();
        let principal = principal(&certificate);
        let attribute = (AttributeName::parse("site").unwrap(), AttributeValue::parse("north").unwrap());
        let attributes: Attributes = [attribute].into_iter().collect();
        let client_id = ClientId::parse(client_id).unwrap();
        let thing = thing_of(&principal, &client_id);
        let connection = ConnectionFacts {
            source: "::ffff:192.0.2.1".parse().unwrap(),
            server_name: Some("iot.example.com"),
            is_persistent: true,
        };
        let facts = DeviceFacts {
            client_id: Some(&client_id),
            certificate: Some(&certificate),
            thing,
            attributes: thing.map(|_| &attributes),
            connection: is_connected.then_some(connection),
            now: NOW,
        };
        of(&facts, name)
    }

    #[test]
    fn a_connection_has_its_values() {
        for (name, expected) in [
            ("iot:ClientId", vec!["thing-1"]),
            ("iot:Connection.Thing.ThingName", vec!["thing-1"]),
            ("iot:Connection.Thing.ThingTypeName", vec!["sensor"]),
            ("iot:Connection.Thing.IsAttached", vec!["true"]),
            ("iot:Connection.Thing.Attributes[site]", vec!["north"]),
            ("iot:Connection.Thing.Attributes[Site]", vec![]),
            ("iot:Certificate.Subject.CommonName", vec!["device"]),
            ("iot:Certificate.Issuer.Organization", vec!["Acme"]),
            ("iot:Certificate.Subject.AlternativeName.DNSName", vec!["a.example", "b.example"]),
            ("iot:Certificate.Subject.AlternativeName.IPAddress", vec!["192.0.2.7"]),
            ("iot:Certificate.Subject.AlternativeName.RFC822Name", vec![]),
            ("iot:Certificate.Issuer.AlternativeName.DNSName", vec![]),
            ("iot:DomainName", vec!["iot.example.com"]),
            ("iot:Protocol", vec!["mqtt"]),
            ("iot:ConnectAttributes", vec!["PersistentConnect"]),
            ("iot:LastWillTopic", vec![]),
            ("aws:SourceIp", vec!["192.0.2.1"]),
            ("aws:SourceVpc", vec![]),
        ] {
            assert_eq!(values("thing-1", true, name), expected, "{name}");
        }
    }

    #[test]
    fn a_client_that_is_not_named_as_its_thing_has_none() {
        for (name, expected) in [
            ("iot:Connection.Thing.ThingName", vec![]),
            ("iot:Connection.Thing.ThingTypeName", vec![]),
            ("iot:Connection.Thing.IsAttached", vec!["false"]),
            ("iot:Connection.Thing.Attributes[site]", vec![]),
        ] {
            assert_eq!(values("thing-2", true, name), expected, "{name}");
        }
    }

    #[test]
    fn what_only_a_connection_has_is_unknown_without_one() {
        for name in ["aws:SourceIp", "iot:DomainName", "iot:ConnectAttributes", "iot:LastWillTopic"] {
            assert_eq!(values("thing-1", false, name), Vec::<String>::new(), "{name}");
            assert!(is_of_connection(Variable::parse(name).fact().unwrap()), "{name}");
        }
    }

    #[test]
    fn nobody_in_particular_has_no_values() {
        let nobody = DeviceFacts {
            client_id: None,
            certificate: None,
            thing: None,
            attributes: None,
            connection: None,
            now: NOW,
        };
        for (name, expected) in [
            ("iot:ClientId", vec![]),
            ("iot:CertificateId", vec![]),
            ("iot:Certificate.SerialNumber", vec![]),
            ("iot:Certificate.Subject.CommonName", vec![]),
            ("iot:Certificate.Subject.AlternativeName.DNSName", vec![]),
            ("iot:Connection.Thing.IsAttached", vec!["false"]),
            ("iot:Connection.Thing.ThingName", vec![]),
            ("aws:SecureTransport", vec!["true"]),
        ] {
            assert_eq!(of(&nobody, name), expected, "{name}");
        }
    }
}
