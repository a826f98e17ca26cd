use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use aws_lc_rs::hmac;

/// What Landfall signs the requests of its webhooks with, so that who gets one knows that it is Landfall's and not an old one.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(Arc<[u8]>);

impl WebhookSecret {
    /// The fewest bytes of a secret.
    pub const BYTES_MIN: usize = 16;

    /// The most bytes of a secret.
    pub const BYTES_MAX: usize = 4_096;

    /// The header field with the time of a request, in seconds since 1970.
    pub const TIMESTAMP: &str = "x-landfall-timestamp";

    /// The header field with the signature of a request.
    pub const SIGNATURE: &str = "x-landfall-signature";

    /// The secret that a file has, without the line feed at its end that editors make.
    ///
    /// # Errors
    /// It is too short or too long: how many bytes it has.
    pub fn of_file(content: &[u8]) -> Result<Self, usize> {
        let secret = content.trim_ascii_end();
        if !(Self::BYTES_MIN..=Self::BYTES_MAX).contains(&secret.len()) {
            return Err(secret.len());
        }
        Ok(Self(secret.into()))
    }

    /// The signature of a body: `v1=` and the HMAC-SHA-256 of the timestamp, a dot and the body, in hex.
    pub fn sign(&self, timestamp: &str, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &self.0));
        context.update(timestamp.as_bytes());
        context.update(b".");
        context.update(body);
        format!("v1={}", hex::encode(context.sign()))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(..)")
    }
}

/// Whether a URL's host is this machine, to which a webhook may go without TLS.
pub fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.map_or(host == "localhost", |address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_of_the_time_and_the_body() {
        let secret = WebhookSecret::of_file(b"0123456789abcdef\n").unwrap();
        let signature = secret.sign("1800000000", b"{}");
        // printf '1800000000.{}' | openssl dgst -sha256 -hmac 0123456789abcdef
        assert_eq!(signature, "v1=1313ae9c874eb1a0868ad0b65f841c4243c23fdcfad69a3ada227726fad9960e");
        assert_ne!(secret.sign("1800000001", b"{}"), signature);
        assert_ne!(secret.sign("1800000000", b"[]"), signature);
        assert!(!format!("{secret:?}").contains("0123"));
    }

    #[test]
    fn a_secret_is_neither_short_nor_endless() {
        for (content, expected) in [
            (b"0123456789abcde\n".to_vec(), Err(15)),
            (b"0123456789abcdef\r\n".to_vec(), Ok(())),
            (vec![b'x'; 4_096], Ok(())),
            (vec![b'x'; 4_097], Err(4_097)),
        ] {
            assert_eq!(WebhookSecret::of_file(&content).map(drop), expected);
        }
    }

    #[test]
    fn only_this_machine_goes_without_tls() {
        for (host, expected) in [
            ("localhost", true),
            ("127.0.0.1", true),
            ("[::1]", true),
            ("192.0.2.1", false),
            ("localhost.example", false),
            ("", false),
        ] {
            assert_eq!(is_this_machine(host), expected, "{host}");
        }
    }
}
