//! Absolute URLs of http and https, as strictly as RFC 3986 writes them: what is sent to is what was looked at.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use super::problem::Wrong;
use crate::limits::URL_BYTES_MAX;

/// A URL that every reader understands in the same way.
///
/// It has no user, no fragment, no `.` or `..` in its path, and none of the characters that one reader drops and another
/// takes for something else, as backslashes and tabs. What a message put into it can be nothing else than it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Url<'u> {
    text: &'u str,
    /// Where the authority ends.
    authority_end: usize,
}

impl<'u> Url<'u> {
    pub(super) fn parse(text: &'u str) -> Result<Self, Wrong> {
        if text.len() > URL_BYTES_MAX {
            return Err(format!("at most {URL_BYTES_MAX} bytes").into());
        }
        if !text.bytes().all(is_allowed) {
            return Err(
                "a URL of characters that URLs have; others are written as % and two hex digits".into()
            );
        }
        let start = if begins_with(text, "https://") {
            8
        } else if begins_with(text, "http://") {
            7
        } else {
            return Err("a URL that begins with https:// or http://".into());
        };
        let rest = text.get(start..).unwrap_or_default();
        let length = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(length);
        check_authority(authority)?;
        check_path(path)?;
        Ok(Self { text, authority_end: start + length })
    }

    pub(super) fn text(self) -> &'u str {
        self.text
    }

    /// Whether another URL is at the same server and goes on where this one ends.
    pub(super) fn is_start_of(self, other: Url<'_>) -> bool {
        let (own_server, own_path) = self.text.split_at(self.authority_end);
        let (server, path) = other.text.split_at(other.authority_end);
        own_server.eq_ignore_ascii_case(server) && path.starts_with(own_path)
    }
}

/// The characters of RFC 3986, section 2, without `#`: no request sends a fragment.
fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%".contains(&byte)
}

fn begins_with(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start))
}

fn check_authority(authority: &str) -> Result<(), Wrong> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']').unwrap_or((rest, "-"));
            if address.parse::<Ipv6Addr>().is_err() {
                return Err("a URL with an IPv6 address in its brackets".into());
            }
            ("ipv6", if port.is_empty() { None } else { Some(port.strip_prefix(':').unwrap_or("-")) })
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    if !host.split('.').all(is_label) {
        return Err(Cow::Borrowed(
            "a URL with a host of letters, digits, - and _ between dots, and without a user",
        ));
    }
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    if port.is_none_or(is_port) { Ok(()) } else { Err("a URL with a port from 0 to 65535".into()) }
}

fn check_path(path: &str) -> Result<(), Wrong> {
    let mut escapes = path.split('%').skip(1).map(|rest| rest.as_bytes());
    let is_escape =
        |rest: &[u8]| rest.get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    if !escapes.all(is_escape) {
        return Err("a URL in which % is followed by two hex digits".into());
    }
    let path = path.split('?').next().unwrap_or_default();
    let is_dots = |segment: &str| {
        let plain = segment.replace("%2e", ".").replace("%2E", ".");
        plain == "." || plain == ".."
    };
    if path.split('/').any(is_dots) {
        return Err("a URL without . and .. in its path".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_strictly() {
        for text in [
            "https://example.com",
            "http://localhost:8080/a/b?c=d&e=%20",
            "HTTPS://EXAMPLE.com?x",
            "http://127.0.0.1:9000/queue",
            "http://[::1]:8080/a",
            "http://[::1]",
            "https://sqs.us-east-1.amazonaws.com/123456789012/my_queue",
            "https://h/a.b/..c/...",
        ] {
            assert!(Url::parse(text).is_ok(), "{text}");
        }
        for (text, right) in [
            ("example.com", "a URL that begins with https:// or http://"),
            ("ftp://example.com", "a URL that begins with https:// or http://"),
            ("https:/example.com", "a URL that begins with https:// or http://"),
            ("https://", "a URL with a host"),
            ("https:///a", "a URL with a host"),
            ("https://user@example.com", "a URL with a host"),
            ("https://user:pw@example.com", "a URL with a port"),
            ("https://example.com:", "a URL with a port"),
            ("https://example.com:+80", "a URL with a port"),
            ("https://example.com:65536", "a URL with a port"),
            ("https://[::1", "a URL with a port"),
            ("https://[::1]80", "a URL with a port"),
            ("https://[::g]", "a URL with an IPv6"),
            ("https://ex ample.com", "a URL of characters"),
            ("https://example.com/\\evil", "a URL of characters"),
            ("https://example.com/\r\nHost: x", "a URL of characters"),
            ("https://example.com/ä", "a URL of characters"),
            ("https://example.com/#a", "a URL of characters"),
            ("https://example.com/%2", "a URL in which %"),
            ("https://example.com/%zz", "a URL in which %"),
            ("https://example.com/a/../b", "a URL without ."),
            ("https://example.com/a/%2e%2E/b", "a URL without ."),
            ("https://example.com/.", "a URL without ."),
        ] {
            let error = Url::parse(text).unwrap_err();
            assert!(error.starts_with(right), "{text}: {error}");
        }
        let long = format!("https://h/{}", "a".repeat(URL_BYTES_MAX - 10));
        assert!(Url::parse(&long).is_ok());
        assert_eq!(Url::parse(&format!("{long}a")).unwrap_err(), "at most 2000 bytes");
    }

    #[test]
    fn a_start_is_of_the_same_server() {
        for (start, url, expected) in [
            ("https://h", "https://h/a", true),
            ("https://h", "https://H?a", true),
            ("https://h/a", "https://h/a/b", true),
            ("https://h/a", "https://h/ab", true),
            ("https://h/a", "https://h/b", false),
            ("https://h", "https://h.evil", false),
            ("https://h", "https://h:8080", false),
            ("https://h", "http://h", false),
            ("https://h/a", "https://h/A", false),
        ] {
            let (start, url) = (Url::parse(start).unwrap(), Url::parse(url).unwrap());
            assert_eq!(start.is_start_of(url), expected, "{start:?} {url:?}");
        }
    }
}
