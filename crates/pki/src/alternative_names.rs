use std::net::IpAddr;

use der::asn1::Ia5String;
use rustls_pki_types::DnsName;
use thiserror::Error;
use x509_cert::ext::pkix::name::GeneralName;

/// The most alternative names of a certificate that is to be made.
pub const ALTERNATIVE_NAMES_MAX: usize = 64;

/// The most bytes of one alternative name that is to be made.
pub const ALTERNATIVE_NAME_BYTES_MAX: usize = 1_024;

/// The alternative names of a certificate to be made, in order (RFC 5280, section 4.2.1.6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlternativeNames {
    names: Vec<GeneralName>,
}

/// Why a text is no alternative name.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AlternativeNameError {
    /// There are too many.
    #[error("a certificate has at most {ALTERNATIVE_NAMES_MAX} alternative names")]
    TooMany,
    /// The text does not say of which kind it is.
    #[error(
        "{text:?} names no kind of alternative name; write DNS:sensor.example, URI:urn:acme:1, IP:192.0.2.1 or \
         email:a@b.example"
    )]
    Kind {
        /// The text.
        text: String,
    },
    /// It is too long.
    #[error("an alternative name has {bytes} bytes, and {ALTERNATIVE_NAME_BYTES_MAX} are the most")]
    TooLong {
        /// Its size.
        bytes: usize,
    },
    /// It is no host name.
    #[error("{value:?} is no host name, as sensor-1.example; other scripts than ASCII are written as xn--…")]
    Dns {
        /// The value.
        value: String,
    },
    /// It is no URI.
    #[error("{value:?} is no URI with a scheme, as urn:acme:sensor-1")]
    Uri {
        /// The value.
        value: String,
    },
    /// It is no address.
    #[error("{value:?} is no IP address, as 192.0.2.1 or 2001:db8::1")]
    Ip {
        /// The value.
        value: String,
    },
    /// It is no mail address.
    #[error("{value:?} is no mail address in ASCII, as sensor@acme.example")]
    Email {
        /// The value.
        value: String,
    },
}

impl AlternativeNames {
    /// No names, to be filled by [`Self::push`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a name at the end, as OpenSSL writes it: `DNS:`, `URI:`, `IP:` or `email:` and the value.
    ///
    /// # Errors
    /// The text says no kind, the value is not one of that kind, or there are [`ALTERNATIVE_NAMES_MAX`] names already.
    pub fn push(&mut self, text: &str) -> Result<(), AlternativeNameError> {
        if self.names.len() == ALTERNATIVE_NAMES_MAX {
            return Err(AlternativeNameError::TooMany);
        }
        if text.len() > ALTERNATIVE_NAME_BYTES_MAX {
            return Err(AlternativeNameError::TooLong { bytes: text.len() });
        }
        self.names.push(read(text.trim())?);
        Ok(())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The names as they are encoded.
    pub(crate) fn to_general_names(&self) -> Vec<GeneralName> {
        self.names.clone()
    }
}

fn read(text: &str) -> Result<GeneralName, AlternativeNameError> {
    let no_kind = || AlternativeNameError::Kind { text: shortened(text) };
    let (kind, value) = text.split_once(':').ok_or_else(no_kind)?;
    let (kind, value) = (kind.trim(), value.trim());
    let is = |name: &str| kind.eq_ignore_ascii_case(name);
    let shown = || shortened(value);
    if is("DNS") {
        let host = DnsName::try_from(value).ok().and_then(|_| Ia5String::new(value).ok());
        host.map(GeneralName::DnsName).ok_or_else(|| AlternativeNameError::Dns { value: shown() })
    } else if is("URI") {
        let uri = Ia5String::new(value).ok().filter(|_| is_uri(value));
        uri.map(GeneralName::UniformResourceIdentifier)
            .ok_or_else(|| AlternativeNameError::Uri { value: shown() })
    } else if is("IP") {
        let address = value.parse::<IpAddr>().ok();
        address.map(GeneralName::from).ok_or_else(|| AlternativeNameError::Ip { value: shown() })
    } else if is("email") {
        let mailbox = Ia5String::new(value).ok().filter(|_| is_mailbox(value));
        mailbox.map(GeneralName::Rfc822Name).ok_or_else(|| AlternativeNameError::Email { value: shown() })
    } else {
        Err(no_kind())
    }
}

/// Whether it is a URI that is not relative (RFC 3986, section 3): a scheme, a colon, and something after it.
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    is_scheme
        && !rest.is_empty()
        && rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte))
}

/// Whether it is a mailbox without the name of its owner (RFC 5280, section 4.2.1.6).
fn is_mailbox(text: &str) -> bool {
    let Some((local, host)) = text.rsplit_once('@') else { return false };
    !local.is_empty()
        && local.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>()@,;:\\\"[]".contains(&byte))
        && DnsName::try_from(host).is_ok()
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_as_openssl_writes_it() {
        for text in [
            "DNS:sensor-1.acme.example",
            " dns: localhost ",
            "URI:urn:acme:sensor:1",
            "uri:https://acme.example/1?a=b#c",
            "IP:192.0.2.1",
            "ip:2001:db8::1",
            "email:sensor+1@acme.example",
        ] {
            let mut names = AlternativeNames::new();
            names.push(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((names.len(), names.is_empty()), (1, false), "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_explained() {
        let kind = |text: &str| AlternativeNameError::Kind { text: text.to_owned() };
        let dns = |value: &str| AlternativeNameError::Dns { value: value.to_owned() };
        let uri = |value: &str| AlternativeNameError::Uri { value: value.to_owned() };
        let ip = |value: &str| AlternativeNameError::Ip { value: value.to_owned() };
        let email = |value: &str| AlternativeNameError::Email { value: value.to_owned() };
        let cases = [
            ("", kind("")),
            ("sensor.example", kind("sensor.example")),
            ("host:sensor", kind("host:sensor")),
            ("DNS:", dns("")),
            ("DNS:two words", dns("two words")),
            ("DNS:*.acme.example", dns("*.acme.example")),
            ("DNS:zürich.example", dns("zürich.example")),
            ("URI:acme", uri("acme")),
            ("URI:urn:", uri("urn:")),
            ("URI:1urn:a", uri("1urn:a")),
            ("URI:urn:a b", uri("urn:a b")),
            ("URI:urn:ü", uri("urn:ü")),
            ("IP:192.0.2", ip("192.0.2")),
            ("IP:192.0.2.0/24", ip("192.0.2.0/24")),
            ("email:acme.example", email("acme.example")),
            ("email:@acme.example", email("@acme.example")),
            ("email:A <a@b.example>", email("A <a@b.example>")),
        ];
        for (text, expected) in cases {
            assert_eq!(AlternativeNames::new().push(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn there_are_limits() {
        let mut names = AlternativeNames::new();
        let long = format!("URI:urn:{}", "a".repeat(ALTERNATIVE_NAME_BYTES_MAX));
        assert_eq!(names.push(&long), Err(AlternativeNameError::TooLong { bytes: long.len() }));
        for number in 0..ALTERNATIVE_NAMES_MAX {
            names.push(&format!("URI:urn:acme:{number}")).unwrap();
        }
        assert_eq!(names.push("URI:urn:acme:one-more"), Err(AlternativeNameError::TooMany));
        assert_eq!(names.len(), ALTERNATIVE_NAMES_MAX);
    }
}
