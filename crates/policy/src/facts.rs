use std::borrow::Cow;
use std::collections::BTreeMap;

use landfall_model::UnixTime;

use crate::operand::format_moment;
use crate::variable::{Fact, Selection, Slots, Variable};

/// How many values of a certificate's attribute count: more are passed over (developer guide,
/// `cert-policy-variables.html`).
pub const CERTIFICATE_VALUES_MAX: usize = 5;

/// The longest value of a certificate's attribute that a `${…}` is replaced by, in characters (developer guide,
/// `cert-policy-variables.html`).
pub const CERTIFICATE_VALUE_CHARACTERS_MAX: usize = 1_024;

/// The characters with which a value of a certificate does not replace a `${…}` (developer guide,
/// `use-policy-variables.html`).
const WILDCARDS: [char; 5] = ['*', '$', '+', '?', '#'];

/// The characters of a name in a certificate that stand behind a backslash in its value (developer guide,
/// `use-policy-variables.html`).
const ESCAPED: [char; 8] = [',', '"', '\\', '+', '=', '<', '>', ';'];

/// What is known about a connection: where the values of variables come from.
pub trait Facts {
    /// The values of a fact, in order: none when it is not known, several only for one that is
    /// [`Fact::is_multivalued`].
    ///
    /// Values are given as they are. Of a certificate, those of [`Fact::CertificateName`] are the texts of the attributes
    /// with that object identifier. [`Fact::CurrentTime`], [`Fact::EpochTime`] and [`Fact::CertificateAvailableKeys`] are
    /// never asked for, and [`Fact::ThingIsAttached`] is `false` when nothing is given.
    fn values(&self, fact: &Fact) -> Vec<Cow<'_, str>>;

    /// The moment for which is decided.
    fn now(&self) -> UnixTime;
}

/// For what a value is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Where a match gives a right, or takes an exception from a denial: AWS's limits of values hold.
    Grant,
    /// Where a match denies: a value that AWS would not put in is compared as it is, so that nobody escapes a denial by a
    /// certificate with a wildcard in its name.
    Denial,
}

/// The value of a `${…}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Substitute {
    pub(crate) text: String,
    /// Whether AWS would put it in.
    pub(crate) is_plain: bool,
}

/// The values of all facts that some documents ask for, each asked for once.
#[derive(Debug)]
pub(crate) struct Resolved {
    values: BTreeMap<Fact, Vec<String>>,
    now: UnixTime,
}

impl Resolved {
    pub(crate) fn new<'d>(facts: &dyn Facts, asked: impl Iterator<Item = &'d Fact>) -> Self {
        let mut values = BTreeMap::new();
        for fact in asked {
            if !values.contains_key(fact) {
                values.insert(fact.clone(), values_of(fact, facts));
            }
        }
        Self { values, now: facts.now() }
    }

    pub(crate) const fn now(&self) -> UnixTime {
        self.now
    }

    /// The values that a variable selects.
    pub(crate) fn of(&self, variable: &Variable) -> Vec<&str> {
        let Variable::Known { fact, selection } = variable else { return Vec::new() };
        let values = self.values.get(fact).map(Vec::as_slice).unwrap_or_default();
        let one = |place: usize| values.get(place).map(String::as_str).into_iter().collect();
        match *selection {
            Selection::First => one(0),
            Selection::Nth(place) => one(place),
            Selection::List => values.iter().map(String::as_str).collect(),
        }
    }

    /// What a `${…}` is replaced by: none when it has no value, or several, or one that does not hold for a whole connection.
    pub(crate) fn substitute(&self, variable: &Variable) -> Option<Substitute> {
        let fact = variable.fact().filter(|fact| !fact.is_time() && !fact.is_of_connect())?;
        if matches!(variable, Variable::Known { selection: Selection::List, .. }) {
            return None;
        }
        let text = *self.of(variable).first()?;
        let is_long = text.chars().count() > CERTIFICATE_VALUE_CHARACTERS_MAX;
        let is_kept_out = fact.is_of_certificate() && (is_long || text.contains(WILDCARDS));
        // Without any text, what a pattern has around the variable would be all there is.
        Some(Substitute { text: text.to_owned(), is_plain: !is_kept_out && !text.is_empty() })
    }

    /// What all `${…}` of a document are replaced by.
    pub(crate) fn substitutes(&self, slots: &Slots) -> Vec<Option<Substitute>> {
        slots.iter().map(|variable| self.substitute(variable)).collect()
    }
}

impl Substitute {
    pub(crate) fn for_use(&self, wanted: Use) -> Option<&str> {
        (self.is_plain || wanted == Use::Denial).then_some(&*self.text)
    }
}

fn values_of(fact: &Fact, facts: &dyn Facts) -> Vec<String> {
    let given = || facts.values(fact).into_iter().map(Cow::into_owned);
    match fact {
        Fact::CurrentTime => vec![format_moment(facts.now())],
        Fact::EpochTime => vec![facts.now().as_secs().to_string()],
        Fact::SourceVpc | Fact::SourceVpce | Fact::VpcSourceIp => Vec::new(),
        Fact::ThingIsAttached => vec![given().next().unwrap_or_else(|| "false".to_owned())],
        Fact::CertificateAvailableKeys => {
            let available = Fact::of_certificate().filter(|fact| !facts.values(fact).is_empty());
            available.map(|fact| fact.to_string()).collect()
        }
        Fact::CertificateName(..) => {
            given().take(CERTIFICATE_VALUES_MAX).map(|value| escaped(&value)).collect()
        }
        Fact::AlternativeName(..) => given().take(CERTIFICATE_VALUES_MAX).collect(),
        Fact::ConnectAttributes => given().collect(),
        Fact::SecureTransport
        | Fact::SourceIp
        | Fact::ClientId
        | Fact::DomainName
        | Fact::Protocol
        | Fact::LastWillTopic
        | Fact::ThingName
        | Fact::ThingTypeName
        | Fact::ThingAttribute(_)
        | Fact::CertificateId
        | Fact::CertificateSerialNumber => given().take(1).collect(),
    }
}

fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for character in value.chars() {
        if ESCAPED.contains(&character) {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Given;

    impl Facts for Given {
        fn values(&self, fact: &Fact) -> Vec<Cow<'_, str>> {
            match &*fact.to_string() {
                "iot:Certificate.Subject.CommonName" => {
                    ["Acme, Inc.", "a*", "c", "d", "", "f"].map(Cow::from).to_vec()
                }
                "iot:Certificate.Issuer.CommonName" => {
                    vec!["é".repeat(1_024).into(), "é".repeat(1_025).into()]
                }
                "iot:ClientId" => vec!["*".into(), "second".into()],
                "iot:ConnectAttributes" => vec!["PersistentConnect".into()],
                _ => Vec::new(),
            }
        }

        fn now(&self) -> UnixTime {
            UnixTime::from_millis(1_577_836_801_900)
        }
    }

    fn resolved(name: &str) -> (Resolved, Variable) {
        let variable = Variable::parse(name);
        (Resolved::new(&Given, variable.fact().into_iter()), variable)
    }

    #[test]
    fn a_variable_selects_values() {
        for (name, expected) in [
            ("iot:Certificate.Subject.CommonName", vec![r"Acme\, Inc."]),
            ("iot:Certificate.Subject.CommonName.2", vec!["c"]),
            ("iot:Certificate.Subject.CommonName.5", vec![]),
            ("iot:Certificate.Subject.CommonName.List", vec![r"Acme\, Inc.", "a*", "c", "d", ""]),
            ("iot:ClientId", vec!["*"]),
            ("iot:Connection.Thing.IsAttached", vec!["false"]),
            ("iot:Connection.Thing.ThingName", vec![]),
            ("aws:CurrentTime", vec!["2020-01-01T00:00:01Z"]),
            ("aws:EpochTime", vec!["1577836801"]),
            ("aws:SourceVpc", vec![]),
            ("iot:ConnectAttributes", vec!["PersistentConnect"]),
            (
                "iot:Certificate.AvailableKeys",
                vec!["iot:Certificate.Subject.CommonName", "iot:Certificate.Issuer.CommonName"],
            ),
            ("iot:Moon", vec![]),
        ] {
            let (resolved, variable) = resolved(name);
            assert_eq!(resolved.of(&variable), expected, "{name}");
        }
    }

    #[test]
    fn a_value_that_aws_does_not_put_in_counts_for_denials_only() {
        for (name, grant, denial) in [
            ("iot:ClientId", true, true),
            ("iot:Certificate.Subject.CommonName", true, true),
            ("iot:Certificate.Subject.CommonName.1", false, true),
            ("iot:Certificate.Subject.CommonName.4", false, true),
            ("iot:Certificate.Subject.CommonName.5", false, false),
            ("iot:Certificate.Subject.CommonName.List", false, false),
            ("iot:Certificate.Issuer.CommonName", true, true),
            ("iot:Certificate.Issuer.CommonName.1", false, true),
            ("iot:ConnectAttributes", false, false),
            ("iot:Certificate.AvailableKeys", false, false),
            ("aws:CurrentTime", false, false),
            ("iot:Connection.Thing.ThingName", false, false),
            ("iot:Moon", false, false),
        ] {
            let (resolved, variable) = resolved(name);
            let substitute = resolved.substitute(&variable);
            let has = |wanted| substitute.as_ref().is_some_and(|value| value.for_use(wanted).is_some());
            assert_eq!((has(Use::Grant), has(Use::Denial)), (grant, denial), "{name}");
        }
    }
}
