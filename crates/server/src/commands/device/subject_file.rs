//! The subject of a device from a TOML file.

use std::ops::Range;

use anyhow::{Error, Result, anyhow};
use landfall_pki::{AlternativeNames, Subject};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::place::Place;

const SUBJECT: &str = "subject";
const ALTERNATIVE_NAMES: &str = "alternative_names";

/// Reads the subject and the alternative names from the text of a TOML file:
///
/// ```toml
/// alternative_names = ["URI:urn:acme:sensor:1234"]
///
/// [subject]
/// CN = "example-thing"
/// OU = ["Sensors", "Outdoors"]
/// "2.5.4.44" = "smart-sensor"
/// ```
///
/// # Errors
/// The text is not of this form; the error begins with line and column.
pub(super) fn subject_from_toml(text: &str) -> Result<(Subject, AlternativeNames)> {
    let file = DeTable::parse(text).map_err(|error| {
        let place = Place::in_text(text, error.span().unwrap_or_default().start);
        anyhow!("{place}: {}", error.message())
    })?;
    let reader = Reader { text };
    let mut subject = Subject::new();
    let mut names = AlternativeNames::new();
    for (key, value) in file.get_ref() {
        match &**key.get_ref() {
            SUBJECT => reader.read_subject(value, &mut subject)?,
            ALTERNATIVE_NAMES => {
                for name in reader.strings(ALTERNATIVE_NAMES, value)? {
                    names.push(name.get_ref()).map_err(|error| reader.fault(name.span(), error.into()))?;
                }
            }
            other => {
                let hint = "expected [subject], and perhaps alternative_names above it";
                return Err(reader.fault(key.span(), anyhow!("{other:?} is not known here; {hint}")));
            }
        }
    }
    if subject.is_empty() {
        return Err(reader.fault(0..0, anyhow!("there is no [subject], or it is empty")));
    }
    Ok((subject, names))
}

struct Reader<'t> {
    text: &'t str,
}

impl Reader<'_> {
    fn read_subject(&self, table: &Spanned<DeValue<'_>>, subject: &mut Subject) -> Result<()> {
        let DeValue::Table(attributes) = table.get_ref() else {
            return Err(self.fault(table.span(), anyhow!("subject must be a table: [subject]")));
        };
        for (name, values) in attributes {
            for value in self.strings(name.get_ref(), values)? {
                subject
                    .push_named(name.get_ref(), value.get_ref())
                    .map_err(|error| self.fault(name.span(), error.into()))?;
            }
        }
        Ok(())
    }

    /// The strings of a string or of an array of strings.
    fn strings<'v>(&self, name: &str, value: &'v Spanned<DeValue<'_>>) -> Result<Vec<Spanned<&'v str>>> {
        let string = |value: &'v Spanned<DeValue<'_>>| match value.get_ref() {
            DeValue::String(text) => Ok(Spanned::new(value.span(), &**text)),
            DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => {
                let message = anyhow!("{name} must be a string in quotation marks, or an array of strings");
                Err(self.fault(value.span(), message))
            }
        };
        match value.get_ref() {
            DeValue::Array(values) => values.iter().map(string).collect(),
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Table(_) => string(value).map(|only| vec![only]),
        }
    }

    fn fault(&self, span: Range<usize>, message: Error) -> Error {
        anyhow!("{}: {message}", Place::in_text(self.text, span.start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_keeps_its_order() {
        let text = "# A sensor.\nalternative_names = [\"URI:urn:acme:1\", 'DNS:a.example']\n[subject]\nCN = \"thing ü\"\n\
                    C = 'FR'\nOU = [\"b\", \"a\"]\n\"2.5.4.44\" = \"x1\"\nserialNumber = \"1\"\n";
        let (subject, names) = subject_from_toml(text).unwrap();
        let expected =
            Subject::parse("CN=thing ü, C=FR, OU=b, OU=a, generationQualifier=x1, serialNumber=1").unwrap();
        assert_eq!(subject, expected);
        assert_eq!(names.len(), 2);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, expected) in [
            ("", "1:1: there is no [subject]"),
            ("[subject]\n", "1:1: there is no [subject]"),
            ("subject = \"CN=a\"\n", "1:11: subject must be a table"),
            ("[subject]\nCN = \"a\"\n[other]\n", "3:2: \"other\" is not known here"),
            ("days = 1\n[subject]\nCN = \"a\"\n", "1:1: \"days\" is not known here"),
            ("[subject]\nCN = \"a\"\nserialNumber = 1234\n", "3:16: serialNumber must be a string"),
            ("[subject]\nOU = [\"a\", 2]\n", "2:12: OU must be a string"),
            ("[subject]\nCN = \"a\"\ncolour = \"red\"\n", "3:1: \"colour\" is no known attribute"),
            ("[subject]\nC = \"France\"\n", "2:1: \"France\" is no country code"),
            ("[subject]\nCN = \"\"\n", "2:1: the value of CN is empty"),
            ("alternative_names = [\"host\"]\n", "1:22: \"host\" names no kind of alternative name"),
            ("alternative_names = 5\n", "1:21: alternative_names must be a string"),
            ("[subject]\n2.5.4.44 = \"x1\"\n", "2:"),
            ("[subject\n", "1:9: "),
            ("[subject]\nCN = \"a\"\nCN = \"b\"\n", "3:1: duplicate key"),
        ] {
            let error = subject_from_toml(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{text:?}: {error}");
        }
    }
}
