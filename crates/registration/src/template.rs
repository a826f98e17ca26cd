use std::fmt;
use std::sync::Arc;

use landfall_model::{DistinguishedName, Scope, SubjectField};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Object, Value};
use minijinja::{Environment, UndefinedBehavior};

use crate::{Applicant, Refusal};

/// Templates `<%= … %>` over a certificate, compiled once and rendered for each registration.
pub(crate) struct Templates {
    environment: Environment<'static>,
    scope: Scope,
}

/// A template that cannot be compiled.
pub(crate) type TemplateError = minijinja::Error;

/// How much work one template may do, in instructions of the engine.
const FUEL: u64 = 10_000;

impl Templates {
    /// Compiles templates, each under the name of its setting.
    pub(crate) fn compile(scope: Scope, sources: &[(&'static str, &str)]) -> Result<Self, TemplateError> {
        let mut environment = Environment::empty();
        let syntax = SyntaxConfig::builder()
            .block_delimiters("<%", "%>")
            .variable_delimiters("<%=", "%>")
            .comment_delimiters("<%#", "%>")
            .build()?;
        environment.set_syntax(syntax);
        // A field that the certificate lacks is an error that names it, never an empty text.
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        // So that an error names the field that is missing.
        environment.set_debug(true);
        for (setting, source) in sources {
            environment.add_template_owned(*setting, (*source).to_owned())?;
        }
        Ok(Self { environment, scope })
    }

    /// Renders the template of one setting.
    pub(crate) fn render(
        &self,
        setting: &'static str,
        applicant: &Arc<Applicant>,
    ) -> Result<String, Refusal> {
        let certificate = CertificateObject { applicant: Arc::clone(applicant), scope: self.scope.clone() };
        let context = Value::from_object(ContextObject(Value::from_object(certificate)));
        let template = self.environment.get_template(setting);
        template
            .and_then(|template| template.render(context))
            .map_err(|error| Refusal::Template { setting, problem: describe(&error) })
    }
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Templates")
    }
}

/// What is wrong, without the engine's excerpt of the template.
fn describe(error: &TemplateError) -> String {
    error.detail().map_or_else(|| error.kind().to_string(), ToOwned::to_owned)
}

/// What a template sees: `certificate`.
#[derive(Debug)]
struct ContextObject(Value);

/// `certificate` in a template.
#[derive(Debug)]
struct CertificateObject {
    applicant: Arc<Applicant>,
    scope: Scope,
}

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
        match key.as_str()? {
            "attributes" => Some(Value::from_object(NamesObject(Arc::clone(&self.applicant)))),
            "awsAccountId" => Some(Value::from(self.scope.account.as_str())),
            "certificateDescription" => {
                let description = DescriptionObject(Arc::clone(&self.applicant), self.scope.clone());
                Some(Value::from_object(description))
            }
            _ => None,
        }
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
