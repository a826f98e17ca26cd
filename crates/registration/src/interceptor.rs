use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use landfall_model::{
    AttributeName, AttributeValue, Attributes, CreationId, DistinguishedName, FunctionName, PlannedThing,
    RegistrationPlan, Scope, SubjectField,
};
use landfall_pki::{AlternativeName, NamePart, ParsedCertificate};
use serde_json::{Map, Value, json};

use crate::template::iso_8601;
use crate::{Applicant, CaSettings, Refusal};

/// One interceptor as the settings have it: what is asked before a device is provisioned.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InterceptorSettings {
    /// Its name: what denials and failures are told under.
    pub name: Box<str>,
    /// What is asked.
    pub kind: InterceptorKind,
    /// How long its answer may take. Later, it has failed.
    pub deadline: Duration,
    /// What holds when it has failed.
    pub on_failure: OnFailure,
}

/// What an interceptor is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum InterceptorKind {
    /// A list of devices: only these are let in, or all but these.
    List(ListSettings),
    /// Revocation lists of CA certificates.
    Crl {
        /// The files: DER or PEM, each with one list or several.
        files: Vec<PathBuf>,
        /// How old a list may be, by its thisUpdate. Without a limit, its nextUpdate alone ends its time.
        max_age: Option<Duration>,
    },
    /// How many devices of a CA certificate are let in.
    Quota {
        /// How many an hour, and how many at once after a pause.
        devices_per_hour: NonZeroU32,
    },
    /// A web server is asked.
    Webhook {
        /// Its URL: `https`, or `http` to the machine itself.
        url: String,
        /// The file whose content signs what is sent.
        secret_file: PathBuf,
        /// CA certificates in PEM that vouch for the server, in place of those that the machine trusts.
        ca_file: Option<PathBuf>,
    },
    /// A program of the machine is run.
    Executable {
        /// Where it is; absolute.
        program: PathBuf,
        /// Its arguments. No shell reads them.
        arguments: Vec<String>,
    },
    /// A function of this server is invoked.
    Function {
        /// The function.
        function: FunctionName,
        /// What it means when the function raises an error.
        raised: Raised,
    },
}

/// A list of devices, and what it is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListSettings {
    /// Whom it lets in.
    pub admits: Admits,
    /// Where it is.
    pub file: PathBuf,
    /// What its entries are.
    pub entries: EntryKind,
    /// For how long the list as it was last read still holds when the file has become unreadable or wrong; without a limit
    /// until it can be read again.
    pub max_age: Option<Duration>,
}

/// Whom a list lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Admits {
    /// Those on it: an allow list.
    Listed,
    /// All others: a deny list.
    Unlisted,
}

/// What the entries of a list are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// The SHA-256 of a certificate, which is its id: 64 hex digits, with colons or without.
    #[default]
    Fingerprint,
    /// The serial number of a certificate, in hex, with colons or without.
    CertificateSerialNumber,
    /// The serial number of a device: the field serialNumber of its certificate's subject, as it stands there.
    DeviceSerialNumber,
}

/// What holds when an interceptor has failed: it was not reached, was late, or answered what cannot be understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnFailure {
    /// The device is asked for again later.
    #[default]
    Retry,
    /// The device is denied.
    Deny,
    /// The device is allowed, as if nothing had been asked.
    Allow,
}

/// What it means when a function raises an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Raised {
    /// It has failed.
    Fails,
    /// It denies the device, with the error's message: what the Universal JITR block's interceptors do.
    Denies,
}

/// What interceptors are told about a device: its certificate, and what is planned.
#[derive(Clone, Debug)]
pub struct InterceptorRequest {
    /// The id of the registration, which each attempt has.
    pub creation_id: CreationId,
    /// The certificate.
    pub applicant: Arc<Applicant>,
    /// The settings of its CA certificate, with the interceptors to be asked.
    pub settings: Arc<CaSettings>,
    /// What is planned. Each interceptor sees what those before it changed.
    pub plan: RegistrationPlan,
    /// Which attempt this is, from 1.
    pub attempt: u32,
}

/// An attribute that an interceptor changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeChange {
    /// The attribute.
    pub name: AttributeName,
    /// Its value; none removes it.
    pub value: Option<AttributeValue>,
}

/// What interceptors say of a device, all together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interception {
    /// It may be provisioned, with these changes; see [`apply_changes`].
    Allow {
        /// What they change, in their order.
        changes: Vec<AttributeChange>,
    },
    /// It may not. The registration has failed, and is not tried again.
    Deny {
        /// Who said so.
        interceptor: Box<str>,
        /// What that said.
        message: String,
    },
    /// One of them could not say. Passing: the registration is tried again.
    Retry {
        /// Which one.
        interceptor: Box<str>,
        /// Why not.
        problem: String,
        /// When it can say more, where it knows: there is nothing wrong, and the attempt does not count against the device.
        after: Option<Duration>,
    },
}

/// Asks interceptors.
#[async_trait]
pub trait Interceptors: Send + Sync {
    /// Asks the interceptors of the request's settings, one after the other: each has its deadline, and sees what those before
    /// it changed. The first that does not allow the device has the last word.
    ///
    /// Cancel safety: an interceptor may have been asked, and its answer is lost.
    async fn intercept(&self, request: InterceptorRequest) -> Interception;
}

impl InterceptorSettings {
    /// The name of the interceptor that is a parameter of the Universal JITR block.
    pub const LAMBDA: &str = "InterceptorLambda";

    /// The longest deadline.
    pub const DEADLINE_MAX: Duration = Duration::from_secs(15 * 60);

    /// The deadline of an interceptor where none is said.
    pub const DEADLINE_DEFAULT: Duration = Duration::from_secs(5);

    /// That of a function, which may have to be started first.
    pub const FUNCTION_DEADLINE_DEFAULT: Duration = Duration::from_secs(30);

    /// `InterceptorLambda` of the Universal JITR block: a function that denies a device by raising an error. One that cannot
    /// be invoked is invoked again later.
    pub fn interceptor_lambda(function: FunctionName) -> Self {
        Self {
            name: Self::LAMBDA.into(),
            kind: InterceptorKind::Function { function, raised: Raised::Denies },
            deadline: Self::FUNCTION_DEADLINE_DEFAULT,
            on_failure: OnFailure::Retry,
        }
    }
}

/// The attribute that ties a thing to its registration. No interceptor changes it.
pub const CREATION_ID_ATTRIBUTE: &str = "creation_id";

/// Changes the attributes that a plan gives its thing. A thing that is there already keeps its own.
///
/// # Errors
/// There would be too many. The plan is as it was.
pub fn apply_changes(plan: &mut RegistrationPlan, changes: &[AttributeChange]) -> Result<(), Refusal> {
    let PlannedThing::Create { attributes, .. } = &mut plan.thing else {
        return Ok(());
    };
    let mut changed = attributes.clone();
    let changes = changes.iter().filter(|change| change.name.as_str() != CREATION_ID_ATTRIBUTE);
    for AttributeChange { name, value } in changes {
        match value {
            Some(value) => changed.insert(name.clone(), value.clone()),
            None => changed = without(&changed, name),
        }
    }
    if changed.len() > Attributes::TYPED_MAX {
        return Err(Refusal::TooManyAttributes { found: changed.len(), max: Attributes::TYPED_MAX });
    }
    *attributes = changed;
    Ok(())
}

impl InterceptorRequest {
    /// What an interceptor outside of this program is sent: the certificate as templates see it, and the plan.
    pub fn to_json(&self, scope: &Scope) -> Value {
        let Self { creation_id, applicant, settings: _, plan, attempt } = self;
        let (existing, attributes) = match &plan.thing {
            PlannedThing::Create { attributes, .. } => (false, attributes_json(attributes)),
            PlannedThing::Join { .. } => (true, Value::Null),
        };
        json!({
            "certificate": certificate_json(applicant, scope),
            "thingName": plan.thing_name().as_str(),
            "thingExists": existing,
            "thingTypeName": plan.thing_type.name.as_str(),
            "attributes": attributes,
            "thingGroupNames": plan.thing_groups.iter().map(|group| group.as_str()).collect::<Vec<_>>(),
            "billingGroupName": plan.billing_group.as_ref().map(|group| group.as_str()),
            "policyName": plan.policy.name.as_str(),
            "deviceType": plan.device_type.as_str(),
            "serialNumber": plan.serial_number,
            "productId": plan.product_id,
            "creationId": creation_id.to_string(),
            "attempt": attempt,
        })
    }
}

fn without(attributes: &Attributes, removed: &AttributeName) -> Attributes {
    let mut kept = Attributes::default();
    for (name, value) in attributes.iter().filter(|(name, _)| *name != removed) {
        kept.insert(name.clone(), value.clone());
    }
    kept
}

fn attributes_json(attributes: &Attributes) -> Value {
    attributes
        .iter()
        .map(|(name, value)| (name.to_string(), json!(value.as_str())))
        .collect::<Map<_, _>>()
        .into()
}

/// The `certificate` of templates.
fn certificate_json(applicant: &Applicant, scope: &Scope) -> Value {
    let mut certificate = json!({
        "certificateDescription": {
            "certificateId": applicant.certificate.to_string(),
            "certificateArn": scope.certificate_arn(&applicant.certificate),
            "caCertificateId": applicant.ca.to_string(),
            // Nobody is asked about a certificate that is ACTIVE already.
            "status": "PENDING_ACTIVATION",
            "ownedBy": scope.account.as_str(),
        },
        "awsAccountId": scope.account.as_str(),
        "attributes": { "subject": name_json(&applicant.subject), "issuer": name_json(&applicant.issuer) },
        "fingerprint": applicant.certificate.to_string(),
        "validity": {
            "notBefore": iso_8601(applicant.validity.not_before),
            "notAfter": iso_8601(applicant.validity.not_after),
        },
    });
    // Its chain was verified, so that it can be read.
    if let Ok(parsed) = ParsedCertificate::from_der(applicant.der.as_bytes()) {
        certificate["certificateDescription"]["certificatePem"] = parsed.to_pem().into();
        certificate["keyType"] = parsed.key_algorithm().to_string().into();
        certificate["serialNumber"] = parsed.serial_number_hex().into();
        certificate["serialNumberDecimal"] = parsed.serial_number_decimal().into();
        certificate["subjectAlternativeName"] = alternative_names_json(&parsed);
    }
    certificate
}

/// A name's fields by short name, or by object identifier. Of one that is there more than once, the first value, as in
/// templates.
fn name_json(name: &DistinguishedName) -> Value {
    let mut fields = Map::new();
    for attribute in name.attributes() {
        let field = SubjectField::by_oid(&attribute.oid);
        let key = field.map_or(&*attribute.oid, |field| field.short_name());
        if !fields.contains_key(key) {
            fields.insert(key.to_owned(), json!(&*attribute.value));
        }
    }
    fields.into()
}

fn alternative_names_json(certificate: &ParsedCertificate) -> Value {
    let [mut dns, mut uri, mut ip, mut email] = [const { Vec::<String>::new() }; 4];
    for name in certificate.alternative_names(NamePart::Subject) {
        match name {
            AlternativeName::Dns(text) => dns.push(text.into()),
            AlternativeName::Uri(text) => uri.push(text.into()),
            AlternativeName::Ip(address) => ip.push(address.to_string()),
            AlternativeName::Rfc822(text) => email.push(text.into()),
            AlternativeName::Directory(_) => {}
        }
    }
    json!({ "dns": dns, "uri": uri, "ip": ip, "email": email })
}

#[cfg(test)]
mod tests {
    use landfall_model::{AccountId, Region, ThingName};
    use landfall_pki::CertificateVersion;

    use super::*;
    use crate::plan::tests::{applicant, settings};
    use crate::subject::tests::WORKSHOP;
    use crate::template::tests as of_template;
    use crate::{Registrar, Retries, SettingsSource, plan};

    fn scope() -> Scope {
        Scope {
            account: AccountId::parse("000000000000").unwrap(),
            region: Region::parse("us-east-1").unwrap(),
        }
    }

    fn request(applicant: Arc<Applicant>) -> InterceptorRequest {
        let settings = settings(&SettingsSource::default());
        let creation_id = CreationId::from_bytes([9; 16]);
        let plan = plan(&applicant, &settings, None, creation_id).unwrap();
        let settings = CaSettings {
            registrar: Registrar::Builtin,
            first_connect_hold: Duration::from_secs(2),
            settings,
            retries: Retries::default(),
            interceptors: Arc::default(),
        };
        InterceptorRequest { creation_id, applicant, settings: Arc::new(settings), plan, attempt: 3 }
    }

    #[test]
    fn interceptors_are_told_the_certificate_and_the_plan() {
        let mut fields = WORKSHOP.to_vec();
        fields.push(("2.5.4.11", "first unit"));
        fields.push(("2.5.4.11", "second unit"));
        fields.push(("1.2.3.4", "of nobody"));
        let mut request = request(applicant(&fields));
        insta::assert_json_snapshot!(request.to_json(&scope()));
        // A thing that is there already keeps its attributes.
        let name = ThingName::parse("pump").unwrap();
        request.plan.thing = PlannedThing::Join { name, principals: vec![] };
        let told = request.to_json(&scope());
        assert_eq!((&told["thingExists"], &told["attributes"]), (&json!(true), &Value::Null));
    }

    #[test]
    fn interceptors_are_told_what_only_the_certificate_has() {
        let names = ["DNS:a.example", "URI:urn:acme:7", "IP:192.0.2.1", "email:a@b.example", "DNS:b.example"];
        let certificate = of_template::certificate(CertificateVersion::V3, &names);
        let told = certificate_json(&of_template::applicant(&certificate), &scope());
        let expected = json!({
            "dns": ["a.example", "b.example"],
            "uri": ["urn:acme:7"],
            "ip": ["192.0.2.1"],
            "email": ["a@b.example"],
        });
        assert_eq!(told["subjectAlternativeName"], expected);
        assert_eq!(told["keyType"], "P-256");
        assert_eq!(told["serialNumber"], certificate.serial_number_hex());
        assert_eq!(told["serialNumberDecimal"], certificate.serial_number_decimal());
        assert_eq!(told["certificateDescription"]["certificatePem"], certificate.to_pem());
        assert_eq!(
            told["validity"],
            json!({ "notBefore": "2001-09-09T01:46:40Z", "notAfter": "2033-05-18T03:33:20Z" })
        );
    }

    #[test]
    fn changes_are_carried_out_in_their_order() {
        let change = |name: &str, value: Option<&str>| AttributeChange {
            name: AttributeName::parse(name).unwrap(),
            value: value.map(|value| AttributeValue::parse(value).unwrap()),
        };
        for (changes, name, expected) in [
            (vec![change("site", Some("berlin"))], "site", Some("berlin")),
            (vec![change("product_id", Some("x"))], "product_id", Some("x")),
            (vec![change("product_id", None)], "product_id", None),
            (vec![change("absent", None)], "serial_number", Some("1234-5678-9123")),
            (vec![change("a", Some("1")), change("a", Some("2"))], "a", Some("2")),
            (vec![change("a", Some("1")), change("a", None)], "a", None),
            (vec![change("product_id", None), change("product_id", Some("2"))], "product_id", Some("2")),
            (vec![change("a", Some("1")), change("a", Some("2")), change("a", Some("1"))], "a", Some("1")),
        ] {
            let mut plan = request(applicant(&WORKSHOP)).plan;
            apply_changes(&mut plan, &changes).unwrap();
            let PlannedThing::Create { attributes, .. } = &plan.thing else {
                panic!("the thing is new");
            };
            let found = attributes.get(&AttributeName::parse(name).unwrap());
            assert_eq!(found.map(AttributeValue::as_str), expected, "{changes:?}");
        }
    }

    #[test]
    fn a_thing_has_no_more_attributes_than_it_may_have() {
        let plan = request(applicant(&WORKSHOP)).plan;
        let PlannedThing::Create { attributes, .. } = &plan.thing else {
            panic!("the thing is new");
        };
        let room = Attributes::TYPED_MAX - attributes.len();
        let changes: Vec<AttributeChange> = (0..=room)
            .map(|number| AttributeChange {
                name: AttributeName::parse(&format!("a{number}")).unwrap(),
                value: Some(AttributeValue::parse("x").unwrap()),
            })
            .collect();
        let mut changed = plan.clone();
        let refusal = apply_changes(&mut changed, &changes).unwrap_err();
        assert_eq!(refusal, Refusal::TooManyAttributes { found: 51, max: 50 });
        assert_eq!(changed, plan);
        assert_eq!(apply_changes(&mut changed, &changes[1..]), Ok(()));
    }
}
