use std::fmt;
use std::sync::{Arc, OnceLock};

use landfall_model::{DistinguishedName, Scope, SubjectField, UnixTime};
use landfall_pki::{AlternativeName, NamePart, ParsedCertificate};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Object, Value};
use minijinja::{Environment, UndefinedBehavior};
use thiserror::Error;

use crate::{Applicant, Refusal};

/// Templates `<%= … %>` over a certificate, compiled once and rendered for each registration.
pub(crate) struct Templates {
    environment: Environment<'static>,
    scope: Scope,
}

/// Why a text is no template.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {line}, column {column}: {problem}")]
pub struct TemplateProblem {
    /// The line of the fault, from 1.
    pub line: usize,
    /// The column of the fault, from 1.
    pub column: usize,
    /// What is wrong.
    pub problem: String,
}

/// How much work one template may do, in instructions of the engine.
const FUEL: u64 = 10_000;

impl Templates {
    /// Compiles templates, each under the name of its setting.
    ///
    /// # Errors
    /// One is malformed: its setting, and what is wrong.
    pub(crate) fn compile<'s>(
        scope: Scope,
        sources: impl IntoIterator<Item = (&'s str, &'s str)>,
    ) -> Result<Self, (String, TemplateProblem)> {
        let mut environment = Environment::empty();
        let syntax = SyntaxConfig::builder()
            .block_delimiters("<%", "%>")
            .variable_delimiters("<%=", "%>")
            .comment_delimiters("<%#", "%>")
            .build();
        // Three pairs of delimiters that differ.
        environment.set_syntax(syntax.unwrap_or_default());
        // A field that the certificate lacks is an error that names it, never an empty text.
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        // So that an error names the field that is missing.
        environment.set_debug(true);
        for (setting, source) in sources {
            let added = environment.add_template_owned(setting.to_owned(), source.to_owned());
            added.map_err(|error| (setting.to_owned(), TemplateProblem::of(&error, source)))?;
            let template = environment.get_template(setting);
            let asked = template.map(|template| template.undeclared_variables(true)).unwrap_or_default();
            if let Some(unknown) = asked.iter().find(|path| !is_known(path)) {
                return Err((setting.to_owned(), TemplateProblem::unknown(unknown, source)));
            }
        }
        Ok(Self { environment, scope })
    }

    /// Renders the template of one setting.
    pub(crate) fn render(&self, setting: &str, applicant: &Arc<Applicant>) -> Result<String, Refusal> {
        let parsed = Arc::new(Parsed { applicant: Arc::clone(applicant), certificate: OnceLock::new() });
        let certificate = CertificateObject { parsed, scope: self.scope.clone() };
        let context = Value::from_object(ContextObject(Value::from_object(certificate)));
        let template = self.environment.get_template(setting);
        template
            .and_then(|template| template.render(context))
            .map_err(|error| Refusal::Template { setting: setting.into(), problem: describe(&error) })
    }
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Templates")
    }
}

/// Whether a template can ask for this: `certificate` and what is in it, as far as that does not depend on the certificate.
fn is_known(path: &str) -> bool {
    let mut names = path.split('.');
    if names.next() != Some("certificate") {
        return false;
    }
    let (member, rest) = (names.next(), names.next());
    match (member, rest) {
        (None, _) => true,
        (Some(member), None) => MEMBERS.iter().any(|(known, _)| *known == member),
        (Some(member), Some(inner)) => MEMBERS
            .iter()
            .any(|(known, inside)| *known == member && inside.is_none_or(|inside| inside.contains(&inner))),
    }
}

/// The members of `certificate`, each with those that it has itself; none where the certificate says which.
const MEMBERS: &[(&str, Option<&[&str]>)] = &[
    ("attributes", Some(&["issuer", "subject"])),
    ("awsAccountId", Some(&[])),
    (
        "certificateDescription",
        Some(&["caCertificateId", "certificateArn", "certificateId", "ownedBy", "status"]),
    ),
    ("extensions", None),
    ("fingerprint", Some(&[])),
    ("keyType", Some(&[])),
    ("serialNumber", Some(&[])),
    ("serialNumberDecimal", Some(&[])),
    ("subjectAlternativeName", Some(&["dns", "email", "ip", "uri"])),
    ("validity", Some(&["notAfter", "notBefore"])),
];

impl TemplateProblem {
    /// A template asks for what is never there.
    fn unknown(path: &str, source: &str) -> Self {
        let last = path.rsplit('.').next().unwrap_or(path);
        let before = source.find(last).and_then(|at| source.get(..at)).unwrap_or_default();
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let line = before.matches('\n').count() + 1;
        let known = MEMBERS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let problem =
            format!("{path} is never there; `certificate` has {known}, and attributes.subject and .issuer");
        Self { line, column, problem }
    }

    fn of(error: &minijinja::Error, source: &str) -> Self {
        let start = error.range().map_or(0, |range| range.start);
        let before = source.get(..start).unwrap_or(source);
        let last_line = before.rsplit('\n').next().unwrap_or_default();
        let line = error.line().unwrap_or_else(|| before.matches('\n').count() + 1);
        Self { line, column: last_line.chars().count() + 1, problem: describe(error) }
    }
}

/// What is wrong, without the engine's excerpt of the template.
fn describe(error: &minijinja::Error) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), ToOwned::to_owned)
}

/// A moment as `2026-11-22T06:47:38Z`; whole seconds, as certificates have them.
pub(crate) fn iso_8601(moment: UnixTime) -> String {
    let timestamp = jiff::Timestamp::from_second(moment.as_secs());
    timestamp.map_or_else(|_| moment.to_string(), |timestamp| timestamp.to_string())
}

/// What a template sees: `certificate`.
#[derive(Debug)]
struct ContextObject(Value);

/// `certificate` in a template. What the block has is under the block's names; the other values stand beside them.
#[derive(Debug)]
struct CertificateObject {
    parsed: Arc<Parsed>,
    scope: Scope,
}

/// An applicant whose certificate is read again when a template asks for something that only the certificate has.
#[derive(Debug)]
struct Parsed {
    applicant: Arc<Applicant>,
    certificate: OnceLock<Option<ParsedCertificate>>,
}

/// `certificate.extensions`: values by object identifier.
#[derive(Debug)]
struct ExtensionsObject(Arc<Parsed>);

/// `certificate.subjectAlternativeName`: lists by kind.
#[derive(Debug)]
struct AlternativeNamesObject(Arc<Parsed>);

/// `certificate.validity`: two moments.
#[derive(Debug)]
struct ValidityObject(Arc<Applicant>);

/// `certificate.attributes`: the two names.
#[derive(Debug)]
struct NamesObject(Arc<Applicant>);

/// `certificate.certificateDescription`.
#[derive(Debug)]
struct DescriptionObject(Arc<Applicant>, Scope);

/// The subject or the issuer: fields by short name or object identifier.
#[derive(Debug)]
struct NameObject(DistinguishedName);

impl Object for ContextObject {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        (key.as_str()? == "certificate").then(|| self.0.clone())
    }
}

impl Object for CertificateObject {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let Self { parsed, scope } = &**self;
        let applicant = || Arc::clone(&parsed.applicant);
        match key.as_str()? {
            "attributes" => Some(Value::from_object(NamesObject(applicant()))),
            "awsAccountId" => Some(Value::from(scope.account.as_str())),
            "certificateDescription" => {
                Some(Value::from_object(DescriptionObject(applicant(), scope.clone())))
            }
            "extensions" => Some(Value::from_object(ExtensionsObject(Arc::clone(parsed)))),
            // AWS's certificate id is the SHA-256 of the certificate.
            "fingerprint" => Some(Value::from(parsed.applicant.certificate.to_string())),
            "keyType" => Some(Value::from(parsed.certificate()?.key_algorithm().to_string())),
            "serialNumber" => Some(Value::from(parsed.certificate()?.serial_number_hex())),
            "serialNumberDecimal" => Some(Value::from(parsed.certificate()?.serial_number_decimal())),
            "subjectAlternativeName" => Some(Value::from_object(AlternativeNamesObject(Arc::clone(parsed)))),
            "validity" => Some(Value::from_object(ValidityObject(applicant()))),
            _ => None,
        }
    }
}

impl Parsed {
    /// The certificate; none if it cannot be read, which its chain's verification rules out.
    fn certificate(&self) -> Option<&ParsedCertificate> {
        let read = || ParsedCertificate::from_der(self.applicant.der.as_bytes()).ok();
        self.certificate.get_or_init(read).as_ref()
    }
}

impl Object for ExtensionsObject {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0.certificate()?.extension(key.as_str()?).map(Value::from)
    }
}

impl Object for AlternativeNamesObject {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let wanted = key.as_str()?;
        let of_kind = |name: AlternativeName| match (name, wanted) {
            (AlternativeName::Dns(text), "dns")
            | (AlternativeName::Uri(text), "uri")
            | (AlternativeName::Rfc822(text), "email") => Some(String::from(text)),
            (AlternativeName::Ip(address), "ip") => Some(address.to_string()),
            (
                AlternativeName::Dns(_)
                | AlternativeName::Directory(_)
                | AlternativeName::Ip(_)
                | AlternativeName::Rfc822(_)
                | AlternativeName::Uri(_),
                _,
            ) => None,
        };
        if !["dns", "uri", "email", "ip"].contains(&wanted) {
            return None;
        }
        let names = self.0.certificate()?.alternative_names(NamePart::Subject);
        Some(names.into_iter().filter_map(of_kind).collect::<Vec<_>>().into())
    }
}

impl Object for ValidityObject {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let validity = self.0.validity;
        let moment = match key.as_str()? {
            "notAfter" => validity.not_after,
            "notBefore" => validity.not_before,
            _ => return None,
        };
        Some(Value::from(iso_8601(moment)))
    }
}

impl Object for NamesObject {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "issuer" => Some(Value::from_object(NameObject(self.0.issuer.clone()))),
            "subject" => Some(Value::from_object(NameObject(self.0.subject.clone()))),
            _ => None,
        }
    }
}

impl Object for DescriptionObject {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let Self(applicant, scope) = &**self;
        match key.as_str()? {
            "caCertificateId" => Some(Value::from(applicant.ca.to_string())),
            "certificateArn" => Some(Value::from(scope.certificate_arn(&applicant.certificate))),
            "certificateId" => Some(Value::from(applicant.certificate.to_string())),
            "ownedBy" => Some(Value::from(scope.account.as_str())),
            // Templates are rendered while the certificate waits for its activation.
            "status" => Some(Value::from("PENDING_ACTIVATION")),
            _ => None,
        }
    }
}

impl Object for NameObject {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let key = key.as_str()?;
        let field = SubjectField::ALL.into_iter().find(|field| field.short_name() == key);
        let oid = field.map_or(key, |field| field.oid());
        self.0.values(oid).next().map(Value::from)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use landfall_model::{
        AccountId, CaCertificateId, CertificateMode, Region, SignedPart, UnixTime, Validity,
    };
    use landfall_pki::{
        AlternativeNames, CertificateVersion, DeviceTerms, Issuer, KeyKind, KeyPair, Subject,
    };

    use super::*;

    pub(crate) fn applicant(certificate: &ParsedCertificate) -> Arc<Applicant> {
        Arc::new(Applicant {
            certificate: certificate.id(),
            ca: CaCertificateId::from_sha256([1; 32]),
            mode: CertificateMode::Default,
            subject: certificate.subject().clone(),
            issuer: certificate.issuer().clone(),
            validity: certificate.validity(),
            signed_part: SignedPart::from_sha256([2; 32]),
            der: certificate.der().clone(),
        })
    }

    pub(crate) fn certificate(version: CertificateVersion, names: &[&str]) -> ParsedCertificate {
        let validity = Validity {
            not_before: UnixTime::from_secs(1_000_000_000),
            not_after: UnixTime::from_secs(2_000_000_000),
        };
        let key = || KeyPair::generate(KeyKind::P256).unwrap();
        let ca = Issuer::self_signed(&Subject::common_name("root").unwrap(), key(), validity).unwrap();
        let mut alternative_names = AlternativeNames::new();
        names.iter().for_each(|name| alternative_names.push(name).unwrap());
        let terms = DeviceTerms { validity, version, alternative_names: &alternative_names };
        ca.sign_device_on(&Subject::common_name("pump").unwrap(), key().public_key(), &terms).unwrap()
    }

    fn render(template: &str, certificate: &ParsedCertificate) -> Result<String, String> {
        let scope = Scope {
            account: AccountId::parse("000000000000").unwrap(),
            region: Region::parse("us-east-1").unwrap(),
        };
        let templates = Templates::compile(scope, [("ThingName", template)]).unwrap();
        templates.render("ThingName", &applicant(certificate)).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn templates_see_what_only_the_certificate_has() {
        let names = ["DNS:a.example", "URI:urn:acme:7", "IP:192.0.2.1", "email:a@b.example", "DNS:b.example"];
        let certificate = certificate(CertificateVersion::V3, &names);
        for (template, expected) in [
            ("<%= certificate.subjectAlternativeName.dns[1] %>", "b.example"),
            ("<%= certificate.subjectAlternativeName.uri[0] %>", "urn:acme:7"),
            ("<%= certificate.subjectAlternativeName.ip[0] %>", "192.0.2.1"),
            ("<%= certificate.subjectAlternativeName.email[0] %>", "a@b.example"),
            // basicConstraints of no CA: an empty sequence.
            ("<%= certificate.extensions['2.5.29.19'] %>", "3000"),
            ("<%= certificate.serialNumber %>", &certificate.serial_number_hex()),
            ("<%= certificate.serialNumberDecimal %>", &certificate.serial_number_decimal()),
            ("<%= certificate.validity.notBefore %>", "2001-09-09T01:46:40Z"),
            ("<%= certificate.validity.notAfter %>", "2033-05-18T03:33:20Z"),
            ("<%= certificate.fingerprint %>", &certificate.id().to_string()),
            ("<%= certificate.keyType %>", "P-256"),
        ] {
            assert_eq!(render(template, &certificate).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn what_a_certificate_lacks_is_an_error_that_names_it() {
        let certificate = certificate(CertificateVersion::V1, &[]);
        for (template, named) in [
            ("<%= certificate.subjectAlternativeName.dns[0] %>", "`certificate.subjectAlternativeName.dns"),
            ("<%= certificate.extensions['1.2.3'] %>", "certificate.extensions"),
        ] {
            let problem = render(template, &certificate).unwrap_err();
            assert!(problem.contains(named), "{template}: {problem}");
        }
    }

    #[test]
    fn what_is_never_there_is_told_before_a_device_comes() {
        for (template, path, place) in [
            (
                "<%= certificate.subjectAlternativeName.x509 %>",
                "certificate.subjectAlternativeName.x509",
                (1, 40),
            ),
            ("a\nb <%= certificate.validity.now %>", "certificate.validity.now", (2, 28)),
            ("<%= certificate.colour %>", "certificate.colour", (1, 17)),
            ("<%= certificate.keyType.name %>", "certificate.keyType.name", (1, 25)),
            ("<%= device %>", "device", (1, 5)),
        ] {
            let scope = Scope {
                account: AccountId::parse("000000000000").unwrap(),
                region: Region::parse("us-east-1").unwrap(),
            };
            let (setting, problem) = Templates::compile(scope, [("ThingName", template)]).unwrap_err();
            assert_eq!(
                (setting.as_str(), (problem.line, problem.column)),
                ("ThingName", place),
                "{template}"
            );
            assert!(problem.problem.starts_with(&format!("{path} is never there")), "{}", problem.problem);
        }
    }
}
