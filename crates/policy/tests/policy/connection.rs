//! A connection of which everything is given.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use landfall_model::{PolicyName, UnixTime};
use landfall_policy::{
    AlternativeNameKind, Authorizer, CertificateParty, Fact, Facts, NamePart, NamedPolicy, PolicyDocument,
};
use serde_json::Value;

/// What every ARN begins with.
pub(crate) const PREFIX: &str = "arn:aws:iot:us-east-1:000000000000:";

#[derive(Clone, Debug, Default)]
pub(crate) struct Connection {
    pub(crate) client_id: String,
    pub(crate) thing: Option<Thing>,
    pub(crate) subject: BTreeMap<NamePart, Vec<String>>,
    pub(crate) issuer: BTreeMap<NamePart, Vec<String>>,
    pub(crate) alternative_names: BTreeMap<AlternativeNameKind, Vec<String>>,
    pub(crate) certificate_id: Option<String>,
    pub(crate) serial_number: Option<String>,
    pub(crate) source_ip: Option<String>,
    pub(crate) domain_name: Option<String>,
    pub(crate) connect_attributes: Vec<String>,
    pub(crate) last_will_topic: Option<String>,
    /// Seconds since 1970.
    pub(crate) now: i64,
}

/// A thing that the certificate is attached to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Thing {
    pub(crate) name: String,
    pub(crate) thing_type: Option<String>,
    pub(crate) attributes: BTreeMap<String, String>,
}

impl Connection {
    pub(crate) fn of(client_id: &str) -> Self {
        Self { client_id: client_id.to_owned(), ..Self::default() }
    }

    pub(crate) fn of_thing(name: &str) -> Self {
        let thing = Thing { name: name.to_owned(), ..Thing::default() };
        Self { thing: Some(thing), ..Self::of(name) }
    }

    pub(crate) fn with_common_name(self, name: &str) -> Self {
        Self { subject: [(NamePart::CommonName, vec![name.to_owned()])].into(), ..self }
    }

    /// Reads the form in which the tables write it. Every member has to be known.
    pub(crate) fn from_json(value: &Value) -> Self {
        let mut connection = Self::default();
        for (name, value) in value.as_object().unwrap() {
            match &**name {
                "clientId" => connection.client_id = text(value),
                "thing" => {
                    let attributes = value.get("attributes").and_then(Value::as_object).cloned();
                    let attributes = attributes.unwrap_or_default();
                    connection.thing = Some(Thing {
                        name: text(&value["name"]),
                        thing_type: value.get("type").map(text),
                        attributes: attributes
                            .iter()
                            .map(|(name, value)| (name.clone(), text(value)))
                            .collect(),
                    });
                }
                "subject" => connection.subject = by_name(value, &NamePart::ALL),
                "issuer" => connection.issuer = by_name(value, &NamePart::ALL),
                "subjectAlternativeNames" => {
                    connection.alternative_names = by_name(value, &AlternativeNameKind::ALL);
                }
                "certificateId" => connection.certificate_id = Some(text(value)),
                "serialNumber" => connection.serial_number = Some(text(value)),
                "sourceIp" => connection.source_ip = Some(text(value)),
                "domainName" => connection.domain_name = Some(text(value)),
                "connectAttributes" => connection.connect_attributes = texts(value),
                "lastWillTopic" => connection.last_will_topic = Some(text(value)),
                "now" => connection.now = value.as_i64().unwrap(),
                other => panic!("{other:?} is not known of a connection"),
            }
        }
        connection
    }

    pub(crate) fn authorizer(&self, documents: &[&str]) -> Authorizer {
        let policies = documents.iter().zip(1..).map(|(text, number)| {
            let document = PolicyDocument::parse(text).unwrap_or_else(|error| panic!("{error}: {text}"));
            Arc::new(NamedPolicy { name: PolicyName::parse(&format!("policy-{number}")).unwrap(), document })
        });
        Authorizer::compile(PREFIX.into(), self, policies.collect())
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(text).collect()
}

fn by_name<K: Copy + Ord + std::fmt::Debug>(value: &Value, keys: &[K]) -> BTreeMap<K, Vec<String>> {
    let key = |name: &str| *keys.iter().find(|key| format!("{key:?}") == name).unwrap();
    value.as_object().unwrap().iter().map(|(name, values)| (key(name), texts(values))).collect()
}

impl Facts for Connection {
    fn values(&self, fact: &Fact) -> Vec<Cow<'_, str>> {
        let thing = self.thing.as_ref().filter(|thing| thing.name == self.client_id);
        let many = |values: &[String]| values.iter().cloned().map(Cow::Owned).collect();
        let one = |value: Option<&String>| value.cloned().map(Cow::Owned).into_iter().collect();
        match fact {
            Fact::ClientId => one(Some(&self.client_id)),
            Fact::ThingIsAttached if thing.is_some() => vec!["true".into()],
            Fact::ThingName => one(thing.map(|thing| &thing.name)),
            Fact::ThingTypeName => one(thing.and_then(|thing| thing.thing_type.as_ref())),
            Fact::ThingAttribute(name) => one(thing.and_then(|thing| thing.attributes.get(&**name))),
            Fact::CertificateName(CertificateParty::Subject, part) => {
                many(self.subject.get(part).map(Vec::as_slice).unwrap_or_default())
            }
            Fact::CertificateName(CertificateParty::Issuer, part) => {
                many(self.issuer.get(part).map(Vec::as_slice).unwrap_or_default())
            }
            Fact::AlternativeName(CertificateParty::Subject, kind) => {
                many(self.alternative_names.get(kind).map(Vec::as_slice).unwrap_or_default())
            }
            Fact::CertificateId => one(self.certificate_id.as_ref()),
            Fact::CertificateSerialNumber => one(self.serial_number.as_ref()),
            Fact::SourceIp => one(self.source_ip.as_ref()),
            Fact::DomainName => one(self.domain_name.as_ref()),
            Fact::ConnectAttributes => many(&self.connect_attributes),
            Fact::LastWillTopic => one(self.last_will_topic.as_ref()),
            Fact::SecureTransport => vec!["true".into()],
            Fact::Protocol => vec!["mqtt".into()],
            Fact::ThingIsAttached
            | Fact::AlternativeName(CertificateParty::Issuer, _)
            | Fact::SourceVpc
            | Fact::SourceVpce
            | Fact::VpcSourceIp => Vec::new(),
            Fact::CurrentTime | Fact::EpochTime | Fact::CertificateAvailableKeys => {
                panic!("{fact} is never asked for")
            }
        }
    }

    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.now)
    }
}
