use std::collections::HashMap;

use der::asn1::ObjectIdentifier;
use thiserror::Error;

use crate::attribute_type::attribute_oid;
use crate::{Subject, SubjectError};

/// The most bytes of a configuration file.
const CONFIG_BYTES_MAX: usize = 256 * 1024;

/// The section of what stands before the first section's header.
const DEFAULT_SECTION: &str = "default";

/// Why a configuration file gives no subject.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    /// The file is too large.
    #[error("the file has {bytes} bytes, and {CONFIG_BYTES_MAX} are the most")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// A line that is not understood.
    #[error("line {line} is not understood: expected {expected}")]
    Syntax {
        /// Its number, counted from 1.
        line: usize,
        /// What would be right.
        expected: &'static str,
    },
    /// A directive such as `.include`.
    #[error("line {line} has the directive {directive}, which is not supported here")]
    Directive {
        /// Its number, counted from 1.
        line: usize,
        /// The directive.
        directive: String,
    },
    /// A reference to a variable.
    #[error("line {line} refers to a variable with $, which is not supported here; write the value itself")]
    Variable {
        /// Its number, counted from 1.
        line: usize,
    },
    /// The file names no section for the subject.
    #[error("there is no `distinguished_name = …` in the section [req]")]
    NoDistinguishedName,
    /// The section is missing.
    #[error("the section [{section}] is missing")]
    NoSection {
        /// The section.
        section: String,
    },
    /// The section gives no value.
    #[error("the section [{section}] gives no values{}", no_values_hint(*prompt))]
    NoValues {
        /// The section.
        section: String,
        /// Whether the values are prompts.
        prompt: bool,
    },
    /// A line of the subject is wrong.
    #[error("line {line} gives no part of a subject")]
    Subject {
        /// Its number, counted from 1.
        line: usize,
        /// Why not.
        source: SubjectError,
    },
    /// A line of the section of object identifiers is wrong.
    #[error("line {line} is no object identifier in digits, as 1.2.3.4")]
    ObjectIdentifier {
        /// Its number, counted from 1.
        line: usize,
    },
}

/// One `name = value`.
#[derive(Debug)]
struct Entry {
    name: String,
    value: Value,
    line: usize,
}

/// A value, unless it refers to a variable.
#[derive(Debug)]
enum Value {
    Text(String),
    Variable,
}

/// The sections of a file, each with its entries in order.
#[derive(Debug, Default)]
struct Config {
    sections: HashMap<String, Vec<Entry>>,
}

/// Reads the subject from the text of an OpenSSL configuration file, as `openssl req -config` would.
///
/// With `prompt = no` the section that `distinguished_name` names holds the values. Otherwise it holds prompts, and the
/// values are the ones given as `…_value` or `…_default`, as if each question were answered by the return key; a field
/// without one is left out. Names may be preceded by `0.`, `1.`, … and may be defined in the section that `oid_section`
/// names. The text is UTF-8 whatever `utf8` says.
///
/// Extensions (`req_extensions`, `x509_extensions`) are not taken, nor are key sizes and digests: what Landfall issues
/// has the extensions that it needs.
///
/// # Errors
/// The file is not understood; never is a part of it passed over that OpenSSL would put into the subject.
pub fn subject_from_openssl_config(text: &str) -> Result<Subject, ConfigError> {
    let config = Config::parse(text)?;
    let oids = config.object_identifiers()?;
    let section = config.text("req", "distinguished_name")?.ok_or(ConfigError::NoDistinguishedName)?;
    let no_section = || ConfigError::NoSection { section: section.to_owned() };
    let entries = config.sections.get(section).ok_or_else(no_section)?;
    let prompt = config.text("req", "prompt")? != Some("no");

    let mut subject = Subject::new();
    for entry in entries {
        let value = if prompt { config.default_answer(section, &entry.name)? } else { Some(entry.text()?) };
        let Some(value) = value.filter(|value| !value.is_empty() || !prompt) else {
            continue;
        };
        push(&mut subject, entry, value, &oids)
            .map_err(|source| ConfigError::Subject { line: entry.line, source })?;
    }
    if subject.is_empty() {
        return Err(ConfigError::NoValues { section: section.to_owned(), prompt });
    }
    Ok(subject)
}

fn push(
    subject: &mut Subject,
    entry: &Entry,
    value: &str,
    oids: &HashMap<&str, ObjectIdentifier>,
) -> Result<(), SubjectError> {
    // OpenSSL skips all up to the first of these, so that a field can stand there several times.
    let rest = entry.name.split_once(['.', ':', ',']).map(|(_, rest)| rest).filter(|rest| !rest.is_empty());
    let bare = rest.unwrap_or(&entry.name);
    if bare.starts_with('+') {
        return Err(SubjectError::MultiValued);
    }
    let known = |name: &str| oids.get(name).copied().or_else(|| attribute_oid(name));
    // An object identifier in digits loses its first number in that way; where the rest is none, all of it is meant.
    match known(bare).or_else(|| known(&entry.name)) {
        Some(oid) => subject.push_oid(oid, bare, value),
        None => Err(SubjectError::UnknownName { name: entry.name.chars().take(80).collect() }),
    }
}

impl Config {
    fn parse(text: &str) -> Result<Self, ConfigError> {
        if text.len() > CONFIG_BYTES_MAX {
            return Err(ConfigError::TooLarge { bytes: text.len() });
        }
        let mut config = Self::default();
        let mut section = DEFAULT_SECTION.to_owned();
        for (line, content) in logical_lines(text) {
            let content = content.trim();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            if content.starts_with('.') && !content.contains("::") {
                let directive = content.split([' ', '\t', '=']).next().unwrap_or(content);
                return Err(ConfigError::Directive { line, directive: directive.chars().take(40).collect() });
            }
            if let Some(header) = content.strip_prefix('[') {
                let (name, rest) =
                    header.split_once(']').ok_or(ConfigError::Syntax { line, expected: "[section]" })?;
                if !matches!(rest.trim_start().chars().next(), None | Some('#')) {
                    return Err(ConfigError::Syntax { line, expected: "nothing after [section]" });
                }
                name.trim().clone_into(&mut section);
                config.sections.entry(section.clone()).or_default();
                continue;
            }
            let (name, value) =
                content.split_once('=').ok_or(ConfigError::Syntax { line, expected: "name = value" })?;
            let entry = Entry { name: name.trim().to_owned(), value: read_value(value, line)?, line };
            config.insert(&section, entry);
        }
        Ok(config)
    }

    /// Adds an entry; one of the same name before it is replaced, as OpenSSL does. `section::name` names another
    /// section.
    fn insert(&mut self, section: &str, mut entry: Entry) {
        let elsewhere = entry.name.split_once("::").map(|(other, name)| (other.to_owned(), name.to_owned()));
        let section = match elsewhere {
            Some((other, name)) => {
                entry.name = name;
                other
            }
            None => section.to_owned(),
        };
        let entries = self.sections.entry(section).or_default();
        entries.retain(|other| other.name != entry.name);
        entries.push(entry);
    }

    /// The value of a name in a section, or where that has none in the default section.
    fn text(&self, section: &str, name: &str) -> Result<Option<&str>, ConfigError> {
        let find = |section: &str| self.sections.get(section)?.iter().find(|entry| entry.name == name);
        find(section).or_else(|| find(DEFAULT_SECTION)).map(Entry::text).transpose()
    }

    /// The value that a prompt has when it is answered by the return key.
    fn default_answer(&self, section: &str, name: &str) -> Result<Option<&str>, ConfigError> {
        if ["_min", "_max", "_default", "_value"].iter().any(|suffix| name.ends_with(suffix)) {
            return Ok(None);
        }
        let value = self.text(section, &format!("{name}_value"))?;
        match value {
            Some(value) => Ok(Some(value)),
            None => self.text(section, &format!("{name}_default")),
        }
    }

    /// The names that the section of object identifiers defines: `name = 1.2.3`.
    fn object_identifiers(&self) -> Result<HashMap<&str, ObjectIdentifier>, ConfigError> {
        let mut oids = HashMap::new();
        let Some(section) = self.text("req", "oid_section")? else {
            return Ok(oids);
        };
        let no_section = || ConfigError::NoSection { section: section.to_owned() };
        for entry in self.sections.get(section).ok_or_else(no_section)? {
            let oid = ObjectIdentifier::new(entry.text()?)
                .map_err(|_| ConfigError::ObjectIdentifier { line: entry.line })?;
            oids.insert(entry.name.as_str(), oid);
        }
        Ok(oids)
    }
}

impl Entry {
    fn text(&self) -> Result<&str, ConfigError> {
        match &self.value {
            Value::Text(text) => Ok(text),
            Value::Variable => Err(ConfigError::Variable { line: self.line }),
        }
    }
}

/// The lines of a text with their numbers; a backslash at the end joins the next line.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.strip_prefix('\u{FEFF}').unwrap_or(text).lines().enumerate() {
        let (number, mut content) = open.take().unwrap_or((index + 1, String::new()));
        let backslashes = line.bytes().rev().take_while(|byte| *byte == b'\\').count();
        match line.strip_suffix('\\') {
            Some(start) if backslashes % 2 == 1 => {
                content.push_str(start);
                open = Some((number, content));
            }
            Some(_) | None => {
                content.push_str(line);
                lines.push((number, content));
            }
        }
    }
    lines.extend(open);
    lines
}

/// Reads a value: quotation marks of either kind, backslashes, and a comment at the end.
fn read_value(text: &str, line: usize) -> Result<Value, ConfigError> {
    let mut value = String::new();
    // Spaces at the end count only where quotation marks keep them.
    let mut kept = 0;
    let mut quote = None;
    let mut characters = text.trim().chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (_, '\\') => {
                value.push(match characters.next() {
                    Some('n') => '\n',
                    Some('r') => '\r',
                    Some('t') => '\t',
                    Some('b') => '\u{8}',
                    Some(other) => other,
                    None => return Err(ConfigError::Syntax { line, expected: "a character after \\" }),
                });
                kept = value.len();
            }
            (Some(open), _) if character == open => {
                quote = None;
                kept = value.len();
            }
            (Some(_), _) => value.push(character),
            (None, '"' | '\'' | '`') => quote = Some(character),
            (None, '#') => break,
            (None, '$') => return Ok(Value::Variable),
            (None, _) => value.push(character),
        }
    }
    if quote.is_some() {
        return Err(ConfigError::Syntax { line, expected: "a closing quotation mark" });
    }
    let end = value.trim_end().len().max(kept);
    value.truncate(end);
    Ok(Value::Text(value))
}

fn no_values_hint(prompt: bool) -> &'static str {
    if prompt {
        "; if its entries are values and not prompts, write `prompt = no` in the section [req]"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: &str = "\
# The configuration of a device's certificate.
[req]
default_bits = 2048
prompt = no
distinguished_name = dn   # the subject
req_extensions = req_ext

[ dn ]
serialNumber = 0123-4567-8901
C=US
ST=WA
localityName = Seattle
O = \"Acme, Inc. #1\"
0.OU = Acme Unit
1.OU = Acme \\
       Unit 2
commonName = thing-0123-4567-8901
title = iot
generationQualifier = smart-sensor
emailAddress = me@example.com

[req_ext]
subjectAltName = $ENV::SAN
";

    fn check(text: &str, expected: &[(&str, &str)]) {
        let subject = subject_from_openssl_config(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let name = subject.to_distinguished_name();
        let found: Vec<_> = name.attributes().iter().map(|part| (&*part.oid, &*part.value)).collect();
        assert_eq!(found, expected);
    }

    fn dn(body: &str) -> String {
        format!("[req]\nprompt=no\ndistinguished_name=dn\n[dn]\n{body}\n")
    }

    #[test]
    fn the_values_of_a_file_without_prompts_are_taken() {
        check(
            DEVICE,
            &[
                ("2.5.4.5", "0123-4567-8901"),
                ("2.5.4.6", "US"),
                ("2.5.4.8", "WA"),
                ("2.5.4.7", "Seattle"),
                ("2.5.4.10", "Acme, Inc. #1"),
                ("2.5.4.11", "Acme Unit"),
                ("2.5.4.11", "Acme        Unit 2"),
                ("2.5.4.3", "thing-0123-4567-8901"),
                ("2.5.4.12", "iot"),
                ("2.5.4.44", "smart-sensor"),
                ("1.2.840.113549.1.9.1", "me@example.com"),
            ],
        );
    }

    #[test]
    fn the_defaults_of_prompts_are_taken() {
        let text = "[req]\ndistinguished_name=dn\n[dn]\ncountryName=Country\ncountryName_default=AU\ncountryName_min=2\n\
                    organizationName=Organization\n0.OU=Unit\n0.OU_default=Lab\nCN=Name\nCN_value=root\nL=City\nL_default=\n";
        check(text, &[("2.5.4.6", "AU"), ("2.5.4.11", "Lab"), ("2.5.4.3", "root")]);
    }

    #[test]
    fn object_identifiers_come_in_digits_and_by_names_of_the_file() {
        check(
            &dn("2.5.4.44=a\n0.2.5.4.65=b\nCN=c"),
            &[("2.5.4.44", "a"), ("2.5.4.65", "b"), ("2.5.4.3", "c")],
        );
        let text = "oid_section = oids\n[oids]\nlot=1.3.6.1.4.1.99999.1\nplant = 1.3.6.1.4.1.99999.2\n";
        check(
            &format!("{text}{}", dn("lot=7\n1.plant=Lyon")),
            &[("1.3.6.1.4.1.99999.1", "7"), ("1.3.6.1.4.1.99999.2", "Lyon")],
        );
    }

    #[test]
    fn quotation_marks_backslashes_and_comments_are_openssl_s() {
        check(&dn("CN = 'a # b' # c"), &[("2.5.4.3", "a # b")]);
        check(&dn("CN = a\\#b\\\\"), &[("2.5.4.3", "a#b\\")]);
        check(&dn("CN = \"a \" "), &[("2.5.4.3", "a ")]);
        check(&dn("OU=a\nOU=b"), &[("2.5.4.11", "b")]);
        check("req::distinguished_name=dn\nreq::prompt=no\ndn::CN=a\n", &[("2.5.4.3", "a")]);
        check(&dn("CN = \\$5"), &[("2.5.4.3", "$5")]);
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        let subject = |line, source| ConfigError::Subject { line, source };
        let section = || "dn".to_owned();
        let cases = [
            (String::new(), ConfigError::NoDistinguishedName),
            ("[req]\nprompt=no\n".to_owned(), ConfigError::NoDistinguishedName),
            ("[req]\ndistinguished_name=dn\n".to_owned(), ConfigError::NoSection { section: section() }),
            (dn(""), ConfigError::NoValues { section: section(), prompt: false }),
            (
                "[req]\ndistinguished_name=dn\n[dn]\nCN=thing\n".to_owned(),
                ConfigError::NoValues { section: section(), prompt: true },
            ),
            (dn("CN=$name"), ConfigError::Variable { line: 5 }),
            (dn("CN=a${name}"), ConfigError::Variable { line: 5 }),
            (dn("CN=$ENV::NAME"), ConfigError::Variable { line: 5 }),
            (dn("CN"), ConfigError::Syntax { line: 5, expected: "name = value" }),
            (dn("[dn"), ConfigError::Syntax { line: 5, expected: "[section]" }),
            (dn("CN='a"), ConfigError::Syntax { line: 5, expected: "a closing quotation mark" }),
            (dn(".include other.cnf"), ConfigError::Directive { line: 5, directive: ".include".to_owned() }),
            (dn("colour=red"), subject(5, SubjectError::UnknownName { name: "colour".to_owned() })),
            (dn("+CN=red"), subject(5, SubjectError::MultiValued)),
            (dn("CN="), subject(5, SubjectError::EmptyValue { name: "CN".to_owned() })),
            (dn("C=France"), subject(5, SubjectError::Country { value: "France".to_owned() })),
            (format!("oid_section=o\n[o]\nlot=x\n{}", dn("CN=a")), ConfigError::ObjectIdentifier { line: 3 }),
        ];
        for (text, expected) in cases {
            assert_eq!(subject_from_openssl_config(&text), Err(expected), "{text}");
        }
    }
}
