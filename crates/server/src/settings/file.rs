use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::Range;

use anyhow::anyhow;
use landfall_model::CaCertificateId;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::interceptor::{self, INTERCEPTORS, InterceptorDraft};
use super::log_sinks::{self, LOG_SINKS, LogSinksDraft};
use super::parameter::{Draft, PARAMETERS, Parameter, Written};
use super::unknown;
use crate::place::{Fault, Place};

/// What a file says, before it is compiled.
#[derive(Clone, Debug, Default)]
pub(super) struct Drafts {
    /// For every CA certificate that has no section of its own.
    pub(super) default: Section,
    /// For those that have one.
    pub(super) of_cas: BTreeMap<CaCertificateId, Section>,
    /// Where the registration log goes besides the registry.
    pub(super) log_sinks: LogSinksDraft,
}

/// What holds for one CA certificate, or for all.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) draft: Draft,
    /// Where it begins.
    pub(super) place: Place,
    /// Where each parameter stands that the file sets.
    pub(super) places: BTreeMap<&'static str, Place>,
    /// The parameters that are set for this section itself; the others follow the default.
    pub(super) own: BTreeSet<&'static str>,
    /// What is asked before a device is provisioned, in this order.
    pub(super) interceptors: Vec<InterceptorDraft>,
}

/// The table of the sections of CA certificates.
const CA: &str = "CA";

/// Reads a file of settings.
///
/// # Errors
/// It is no TOML, or says what is not known: every fault with its place.
pub(super) fn parse(text: &str) -> Result<Drafts, Vec<Fault>> {
    let root = DeTable::parse(text).map_err(|error| {
        let place = Place::in_text(text, error.span().unwrap_or_default().start);
        vec![place.fault(anyhow!("{}", error.message()))]
    })?;
    let mut reader = Reader { text, faults: Vec::new() };
    let mut drafts = Drafts::default();
    for (key, value) in root.get_ref().iter().filter(|(key, _)| ![CA, LOG_SINKS].contains(&&**key.get_ref()))
    {
        reader.read_member(key, value, &mut drafts.default);
    }
    if let Some(value) = root.get_ref().get(LOG_SINKS) {
        match log_sinks::read(text, value) {
            Ok(log_sinks) => drafts.log_sinks = log_sinks,
            Err(faults) => reader.faults.extend(faults),
        }
    }
    // After all of the default, which a section begins with wherever it stands.
    if let Some((key, value)) = root.get_ref().get_key_value(CA) {
        reader.read_cas(key, value, &mut drafts);
    }
    if reader.faults.is_empty() { Ok(drafts) } else { Err(reader.faults) }
}

/// A file that says every default and explains it.
pub(crate) fn commented() -> String {
    let mut text = String::from(HEAD);
    let draft = Draft::default();
    let (tables, plain): (Vec<_>, Vec<_>) = PARAMETERS.iter().partition(|parameter| parameter.is_table());
    for parameter in plain {
        if !parameter.about.is_empty() {
            text.push('\n');
        }
        explain(&mut text, parameter);
        let value = parameter.value(&draft).unwrap_or_else(|| parameter.example());
        // Writing to a text cannot fail.
        let _ = writeln!(text, "#{} = {value}", parameter.name);
    }
    for parameter in tables {
        text.push('\n');
        explain(&mut text, parameter);
        let _ = writeln!(text, "#[{}]", parameter.name);
    }
    text.push_str(interceptor::ABOUT);
    text.push_str(log_sinks::ABOUT);
    text.push_str(TAIL);
    text
}

/// The beginning of a file that explains itself.
const HEAD: &str = "\
# Settings of Landfall's built-in registrar. Each parameter stands here with its default; take away the # to change it.
# `landfall config check FILE` tells what is wrong; `landfall config reload` has a running server read it anew.
#
# Names are templates: <%= … %> over `certificate`, as
#   certificate.attributes.subject.serialNumber       fields by their short names (CN, O, OU, C, ST, L, T, E, …) or by
#   certificate.attributes.subject['2.5.4.44']        their object identifiers; certificate.attributes.issuer the same
#   certificate.certificateDescription.certificateId  also certificateArn, caCertificateId
#   certificate.subjectAlternativeName.dns[0]         also uri, ip, email
#   certificate.extensions['1.3.6.1.4.1.55555.1']     text, or the DER in hex
#   certificate.serialNumber                          also serialNumberDecimal, fingerprint, keyType, awsAccountId,
#                                                     validity.notBefore, validity.notAfter
# A field that a certificate lacks is a refusal that names it.
";

/// The end of it.
const TAIL: &str = "
# What is different for the devices of one CA certificate; all else is as above.
#[CA.0000000000000000000000000000000000000000000000000000000000000000]
#ThingName = \"plant-2-<%= certificate.attributes.subject.serialNumber %>\"
";

struct Reader<'t> {
    text: &'t str,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn read_cas(
        &mut self,
        key: &Spanned<toml::de::DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
        drafts: &mut Drafts,
    ) {
        let DeValue::Table(cas) = value.get_ref() else {
            return self.fault(key.span(), "CA must have sections: [CA.ID], with the id of a CA certificate");
        };
        for (id, value) in cas {
            let (Ok(ca), DeValue::Table(parameters)) = (id.get_ref().parse(), value.get_ref()) else {
                let message = "[CA.ID] needs the id of a CA certificate: 64 hex digits, as `aws iot list-ca-certificates` shows";
                self.fault(id.span(), message);
                continue;
            };
            let mut section = Section { place: self.place(id.span()), ..drafts.default.below() };
            for (key, value) in parameters {
                self.read_member(key, value, &mut section);
            }
            drafts.of_cas.insert(ca, section);
        }
    }

    fn read_member(
        &mut self,
        key: &Spanned<toml::de::DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
        section: &mut Section,
    ) {
        if key.get_ref() != INTERCEPTORS {
            return self.read_parameter(key, value, section);
        }
        match interceptor::read(self.text, value) {
            Ok(interceptors) => section.interceptors = interceptors,
            Err(fault) => self.faults.push(fault),
        }
    }

    fn read_parameter(
        &mut self,
        key: &Spanned<toml::de::DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
        section: &mut Section,
    ) {
        let name: &str = key.get_ref();
        let Some(parameter) = Parameter::of(name) else {
            return self.fault(key.span(), unknown(name));
        };
        match parameter.set(&mut section.draft, written(value.get_ref())) {
            Ok(()) => {
                section.places.insert(parameter.name, self.place(key.span()));
                section.own.insert(parameter.name);
            }
            Err(problem) => self.fault(value.span(), format!("{name}: {problem}")),
        }
    }

    fn fault(&mut self, span: Range<usize>, message: impl Into<String>) {
        let place = self.place(span);
        self.faults.push(place.fault(anyhow!("{}", message.into())));
    }

    fn place(&self, span: Range<usize>) -> Place {
        Place::in_text(self.text, span.start)
    }
}

impl Drafts {
    /// The section of a CA certificate, which begins with the default if it has none yet.
    pub(super) fn of_ca(&mut self, ca: CaCertificateId) -> &mut Section {
        self.of_cas.entry(ca).or_insert_with(|| self.default.below())
    }
}

impl Section {
    /// A section that follows this one in everything.
    fn below(&self) -> Self {
        Self { own: BTreeSet::new(), ..self.clone() }
    }
}

impl Default for Section {
    fn default() -> Self {
        Self {
            draft: Draft::default(),
            place: Place::start_of(1),
            places: BTreeMap::new(),
            own: BTreeSet::new(),
            interceptors: Vec::new(),
        }
    }
}

fn explain(text: &mut String, parameter: &Parameter) {
    for line in parameter.about {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "# {line}");
    }
}

/// A text; none if the value is another.
pub(super) fn text_of(value: &Spanned<DeValue<'_>>) -> Option<String> {
    match value.get_ref() {
        DeValue::String(text) => Some(text.clone().into_owned()),
        DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_)
        | DeValue::Table(_) => None,
    }
}

/// A value of the file as parameters take it.
fn written(value: &DeValue<'_>) -> Written {
    match value {
        DeValue::String(text) => Written::Text(text.clone().into_owned()),
        DeValue::Array(values) => {
            let texts: Option<Vec<String>> = values.iter().map(text_of).collect();
            texts.map_or(Written::Other("a list of other things than texts"), Written::List)
        }
        DeValue::Table(values) => {
            let member = |(name, value): (&Spanned<toml::de::DeString<'_>>, &Spanned<DeValue<'_>>)| {
                Some((name.get_ref().clone().into_owned(), text_of(value)?))
            };
            let members: Option<Vec<_>> = values.iter().map(member).collect();
            members.map_or(Written::Other("a table of other things than texts"), Written::Table)
        }
        DeValue::Integer(number) => {
            let parsed = i64::from_str_radix(number.as_str(), number.radix());
            parsed.map_or(Written::Other("a number that is out of reach"), Written::Number)
        }
        DeValue::Float(_) => Written::Other("a number with a fraction"),
        DeValue::Boolean(_) => Written::Other("true or false"),
        DeValue::Datetime(_) => Written::Other("a date"),
    }
}
