use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use rustls_pki_types::ServerName;
use thiserror::Error;

/// The port of an endpoint that names none: MQTT over TLS.
pub const PORT_DEFAULT: u16 = 8883;

/// The port on which AWS IoT speaks MQTT only with clients that ask for it by ALPN, since it speaks HTTPS there too.
pub const ALPN_PORT: u16 = 443;

/// Where devices connect: a host and a port. The host is also the name that the server's certificate must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    host: ServerName<'static>,
    port: u16,
}

/// Why a text is no endpoint.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InvalidEndpoint {
    /// There is no host.
    #[error("the endpoint has no host; give HOST or HOST:PORT, as in localhost:8883")]
    NoHost,
    /// There is a scheme.
    #[error("the endpoint begins with {scheme:?}; give HOST or HOST:PORT alone, without a scheme")]
    Scheme {
        /// The scheme, with its separator.
        scheme: Box<str>,
    },
    /// There is a path.
    #[error("the endpoint has a path, {path:?}; give HOST or HOST:PORT alone")]
    Path {
        /// The path, with its slash.
        path: Box<str>,
    },
    /// An IPv6 address without brackets, whose port could not be told apart.
    #[error("{address} is an IPv6 address; write it in brackets, as in [{address}]:{PORT_DEFAULT}")]
    BareIpv6 {
        /// The address.
        address: Ipv6Addr,
    },
    /// Brackets around something else.
    #[error("{found:?} is no IPv6 address; brackets stand around one, as in [::1]:{PORT_DEFAULT}")]
    Brackets {
        /// What stands in the brackets, or after the first of them.
        found: Box<str>,
    },
    /// The host is neither a name nor an address.
    #[error("{host:?} is neither a host name nor an IP address")]
    Host {
        /// What was found.
        host: Box<str>,
    },
    /// The port is no port.
    #[error("{port:?} is no port; it must be a number from 1 to 65535")]
    Port {
        /// What was found.
        port: Box<str>,
    },
}

impl Endpoint {
    /// The endpoint of a host and a port.
    pub fn new(host: ServerName<'static>, port: u16) -> Self {
        Self { host, port }
    }

    /// Reads `HOST` or `HOST:PORT`: a host name, an IPv4 address, or an IPv6 address in brackets. Without a port it is
    /// [`PORT_DEFAULT`].
    ///
    /// # Errors
    /// The text is not of that form.
    pub fn parse(text: &str) -> Result<Self, InvalidEndpoint> {
        let text = text.trim();
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(InvalidEndpoint::Scheme { scheme: shortened(&format!("{scheme}://")) });
        }
        if let Some(slash) = text.find('/') {
            return Err(InvalidEndpoint::Path { path: shortened(&text[slash..]) });
        }
        if let Some(rest) = text.strip_prefix('[') {
            return parse_ipv6(rest);
        }
        if let Ok(address) = text.parse::<Ipv6Addr>() {
            return Err(InvalidEndpoint::BareIpv6 { address });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, parse_port(port)?),
            None => (text, PORT_DEFAULT),
        };
        if host.is_empty() {
            return Err(InvalidEndpoint::NoHost);
        }
        let host = ServerName::try_from(host.to_owned())
            .map_err(|_| InvalidEndpoint::Host { host: shortened(host) })?;
        Ok(Self { host, port })
    }

    /// The host, as TLS checks it. A name is sent to the server in the handshake (SNI), an address is not.
    pub fn host(&self) -> &ServerName<'static> {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

fn parse_ipv6(after_bracket: &str) -> Result<Endpoint, InvalidEndpoint> {
    let Some((address, after)) = after_bracket.split_once(']') else {
        return Err(InvalidEndpoint::Brackets { found: shortened(after_bracket) });
    };
    let address: Ipv6Addr =
        address.parse().map_err(|_| InvalidEndpoint::Brackets { found: shortened(address) })?;
    let port = match after.strip_prefix(':') {
        Some(port) => parse_port(port)?,
        None if after.is_empty() => PORT_DEFAULT,
        None => return Err(InvalidEndpoint::Port { port: shortened(after) }),
    };
    Ok(Endpoint { host: ServerName::from(IpAddr::V6(address)), port })
}

fn parse_port(text: &str) -> Result<u16, InvalidEndpoint> {
    let port = if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None };
    port.filter(|port| *port != 0).ok_or_else(|| InvalidEndpoint::Port { port: shortened(text) })
}

fn shortened(text: &str) -> Box<str> {
    text.chars().take(80).collect::<String>().into()
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.to_str() {
            host if host.contains(':') => write!(f, "[{host}]:{}", self.port),
            host => write!(f, "{host}:{}", self.port),
        }
    }
}

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_host_and_perhaps_a_port() {
        let cases = [
            ("localhost", "localhost:8883"),
            (" broker.example.com:443 ", "broker.example.com:443"),
            ("a1b2c3-ats.iot.eu-west-1.amazonaws.com", "a1b2c3-ats.iot.eu-west-1.amazonaws.com:8883"),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("10.0.0.7", "10.0.0.7:8883"),
            ("[::1]", "[::1]:8883"),
            ("[2001:db8:0:0::7]:65535", "[2001:db8::7]:65535"),
        ];
        for (text, expected) in cases {
            let endpoint = Endpoint::parse(text).unwrap();
            assert_eq!(endpoint.to_string(), expected, "{text}");
            assert_eq!(expected.parse(), Ok(endpoint), "{text}");
        }
        assert!(matches!(Endpoint::parse("10.0.0.7").unwrap().host(), ServerName::IpAddress(_)));
        assert!(matches!(Endpoint::parse("localhost").unwrap().host(), ServerName::DnsName(_)));
    }

    #[test]
    fn what_is_wrong_with_an_endpoint_is_said() {
        let port = |port: &str| InvalidEndpoint::Port { port: port.into() };
        let brackets = |found: &str| InvalidEndpoint::Brackets { found: found.into() };
        let host = |host: &str| InvalidEndpoint::Host { host: host.into() };
        let cases = [
            ("", InvalidEndpoint::NoHost),
            ("  ", InvalidEndpoint::NoHost),
            (":8883", InvalidEndpoint::NoHost),
            ("mqtts://localhost", InvalidEndpoint::Scheme { scheme: "mqtts://".into() }),
            ("localhost:8883/mqtt", InvalidEndpoint::Path { path: "/mqtt".into() }),
            ("localhost:", port("")),
            ("localhost:0", port("0")),
            ("localhost:65536", port("65536")),
            ("localhost:+1", port("+1")),
            ("localhost:mqtt", port("mqtt")),
            ("::1", InvalidEndpoint::BareIpv6 { address: Ipv6Addr::LOCALHOST }),
            ("[::1", brackets("::1")),
            ("[localhost]", brackets("localhost")),
            ("[::1]8883", port("8883")),
            ("[::1]:", port("")),
            ("a b", host("a b")),
            ("a:b:8883", host("a:b")),
            ("host#:8883", host("host#")),
        ];
        for (text, expected) in cases {
            assert_eq!(Endpoint::parse(text), Err(expected), "{text}");
        }
    }
}
