use std::borrow::Cow;
use std::net::IpAddr;

use landfall_model::{AttachedThing, Attributes, ClientId, Principal, UnixTime};
use landfall_pki::{AlternativeName, ParsedCertificate};
use landfall_policy::{AlternativeNameKind, CertificateParty, Fact, Facts};

use crate::connections::Origin;

/// What policies can ask about a connection. Nothing is made of it before a document asks.
#[derive(Clone, Copy)]
pub(crate) struct ConnectionFacts<'c> {
    pub(crate) client_id: &'c ClientId,
    pub(crate) principal: &'c Principal,
    /// Those of the thing that the connection is of; read only where a document asks for one.
    pub(crate) attributes: Option<&'c Attributes>,
    pub(crate) certificate: &'c ParsedCertificate,
    pub(crate) connected: Option<Connected<'c>>,
    pub(crate) now: UnixTime,
}

/// What only a connection that is there, or is being made, has.
#[derive(Clone, Copy)]
pub(crate) struct Connected<'c> {
    pub(crate) origin: &'c Origin,
    /// Whether the client asks for a session that is kept.
    pub(crate) is_persistent: bool,
}

/// Whether a fact is one that only a connection has, and no registry.
pub(crate) fn is_of_connection(fact: &Fact) -> bool {
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

/// The thing that a connection is of: the one that the client id names, if the certificate is attached to it.
pub(crate) fn thing_of<'p>(principal: &'p Principal, client_id: &ClientId) -> Option<&'p AttachedThing> {
    principal.things.iter().find(|thing| thing.name.as_str() == client_id.as_str())
}

impl ConnectionFacts<'_> {
    fn thing(&self) -> Option<&AttachedThing> {
        thing_of(self.principal, self.client_id)
    }

    fn alternative_names(
        &self,
        party: CertificateParty,
        kind: AlternativeNameKind,
    ) -> Vec<Cow<'static, str>> {
        let part = match party {
            CertificateParty::Subject => landfall_pki::NamePart::Subject,
            CertificateParty::Issuer => landfall_pki::NamePart::Issuer,
        };
        let of_kind = |name: AlternativeName| match (kind, name) {
            (AlternativeNameKind::DnsName, AlternativeName::Dns(text))
            | (AlternativeNameKind::DirectoryName, AlternativeName::Directory(text))
            | (AlternativeNameKind::Rfc822Name, AlternativeName::Rfc822(text))
            | (AlternativeNameKind::UniformResourceIdentifier, AlternativeName::Uri(text)) => {
                Some(Cow::Owned(text.into()))
            }
            (AlternativeNameKind::IpAddress, AlternativeName::Ip(address)) => {
                Some(Cow::Owned(address.to_string()))
            }
            (
                AlternativeNameKind::DnsName
                | AlternativeNameKind::DirectoryName
                | AlternativeNameKind::Rfc822Name
                | AlternativeNameKind::UniformResourceIdentifier
                | AlternativeNameKind::IpAddress,
                _,
            ) => None,
        };
        self.certificate.alternative_names(part).into_iter().filter_map(of_kind).collect()
    }
}

impl Facts for ConnectionFacts<'_> {
    fn values(&self, fact: &Fact) -> Vec<Cow<'_, str>> {
        let one = |text: String| vec![Cow::Owned(text)];
        match fact {
            Fact::ClientId => vec![self.client_id.as_str().into()],
            Fact::CertificateId => one(self.principal.certificate.to_string()),
            Fact::CertificateSerialNumber => one(decimal(self.certificate.serial_number())),
            Fact::CertificateName(party, part) => {
                let name = match party {
                    CertificateParty::Subject => self.certificate.subject(),
                    CertificateParty::Issuer => self.certificate.issuer(),
                };
                name.values(part.oid()).map(Cow::Borrowed).collect()
            }
            Fact::AlternativeName(party, kind) => self.alternative_names(*party, *kind),
            Fact::ThingIsAttached => one(self.thing().is_some().to_string()),
            Fact::ThingName => maybe(self.thing().map(|thing| thing.name.as_str())),
            Fact::ThingTypeName => {
                maybe(self.thing().and_then(|thing| thing.thing_type.as_ref()).map(|name| name.as_str()))
            }
            Fact::ThingAttribute(name) => {
                let mut attributes = self.attributes.into_iter().flat_map(Attributes::iter);
                maybe(
                    attributes.find(|(known, _)| known.as_str() == &**name).map(|(_, value)| value.as_str()),
                )
            }
            Fact::DomainName => {
                maybe(self.connected.and_then(|connected| connected.origin.server_name.as_deref()))
            }
            Fact::SourceIp => {
                self.connected.map(|connected| source_of(connected.origin.source)).into_iter().collect()
            }
            Fact::ConnectAttributes => {
                maybe(self.connected.filter(|connected| connected.is_persistent).map(|_| "PersistentConnect"))
            }
            Fact::Protocol => vec!["mqtt".into()],
            Fact::SecureTransport => vec!["true".into()],
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

fn maybe(text: Option<&str>) -> Vec<Cow<'_, str>> {
    text.map(Cow::Borrowed).into_iter().collect()
}

/// An address as conditions compare it: one of IPv4 that came over IPv6 is one of IPv4.
fn source_of(address: IpAddr) -> Cow<'static, str> {
    Cow::Owned(address.to_canonical().to_string())
}

/// A number of any length, its most significant byte first, in decimal.
fn decimal(bytes: &[u8]) -> String {
    // The digits, the least significant first.
    let mut digits = vec![0_u8];
    for byte in bytes {
        let mut carry = u16::from(*byte);
        for digit in &mut digits {
            let value = u16::from(*digit) * 256 + carry;
            *digit = u8::try_from(value % 10).unwrap_or_default();
            carry = value / 10;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 10).unwrap_or_default());
            carry /= 10;
        }
    }
    digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect()
}

#[cfg(test)]
mod tests {
    use landfall_model::{AttributeName, AttributeValue, ThingName, ThingPrincipalType, ThingTypeName};
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

    /// The values of a variable in a connection of this client.
    fn values(client_id: &str, is_connected: bool, name: &str) -> Vec<String> {
        let certificate = certificate();
        let attribute = (AttributeName::parse("site").unwrap(), AttributeValue::parse("north").unwrap());
        let attributes: Attributes = [attribute].into_iter().collect();
        let origin = Origin {
            ca: None,
            source: "::ffff:192.0.2.1".parse().unwrap(),
            server_name: Some("iot.example.com".into()),
        };
        let client_id = ClientId::parse(client_id).unwrap();
        let facts = ConnectionFacts {
            client_id: &client_id,
            principal: &principal(&certificate),
            attributes: Some(&attributes).filter(|_| client_id.as_str() == "thing-1"),
            certificate: &certificate,
            connected: is_connected.then_some(Connected { origin: &origin, is_persistent: true }),
            now: NOW,
        };
        let variable = Variable::parse(name);
        facts.values(variable.fact().unwrap()).into_iter().map(Cow::into_owned).collect()
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
    fn serial_numbers_are_decimal() {
        for (bytes, expected) in [
            (&[][..], "0"),
            (&[0], "0"),
            (&[9], "9"),
            (&[255], "255"),
            (&[1, 0], "256"),
            // The example of the developer guide, `use-policy-variables.html`.
            (&[0x92, 0x12, 0x85, 0xcb, 0xb7, 0xa5, 0xe0, 0x86], "10525622389124227206"),
            (&[255; 20], "1461501637330902918203684832716283019655932542975"),
        ] {
            assert_eq!(decimal(bytes), expected, "{bytes:?}");
        }
    }
}
