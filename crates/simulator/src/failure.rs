use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use landfall_mqtt::{ReasonCode, Violation};
use rustls::AlertDescription;
use thiserror::Error;

/// How an attempt to be let in failed, or what came after it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AttemptFailure {
    /// The host has no address.
    #[error("the host could not be resolved: {reason}")]
    Unresolved {
        /// What the system says.
        reason: Box<str>,
    },
    /// Nothing listens on the port.
    #[error("the TCP connection was refused")]
    TcpRefused,
    /// There was no TCP connection for another reason.
    #[error("the TCP connection failed: {reason}")]
    Tcp {
        /// What the system says.
        reason: Box<str>,
    },
    /// The server took too long.
    #[error("{stage} took longer than {after:?}")]
    Timeout {
        /// At what.
        stage: Stage,
        /// The limit.
        after: Duration,
    },
    /// The server's certificate does not belong to the endpoint, or none of the trusted CAs signed it.
    #[error("the server's certificate is not trusted: {reason}")]
    ServerNotTrusted {
        /// What TLS says.
        reason: Box<str>,
    },
    /// The server ended TLS with an alert.
    #[error("the server sent the TLS alert {}", alert_name(*alert))]
    TlsAlert {
        /// The alert.
        alert: AlertDescription,
    },
    /// TLS failed for another reason.
    #[error("TLS failed: {reason}")]
    Tls {
        /// What TLS says.
        reason: Box<str>,
    },
    /// The server closed the connection before TLS was set up.
    #[error("the server closed the connection in the TLS handshake")]
    ClosedInHandshake,
    /// The server closed the connection after TLS was set up, without an answer to CONNECT: what AWS IoT does with the
    /// first connection of a device.
    #[error("the server closed the connection without a CONNACK")]
    ClosedWithoutConnack,
    /// The server answered CONNECT with a refusal.
    #[error("the server refused the connection with {reason}{}", said(reason_string))]
    Refused {
        /// The reason. The return codes of MQTT 3.1.1 come as the reason codes that say the same.
        reason: ReasonCode,
        /// What the server says to people.
        reason_string: Option<Box<str>>,
    },
    /// The server broke the protocol.
    #[error("the server broke MQTT: {0}")]
    Violation(Violation),
    /// The server accepted the device, and ended the connection before it acknowledged the message.
    #[error(
        "the server closed the connection without acknowledging the message{}",
        reason.map_or_else(String::new, |reason| format!(", with {reason}"))
    )]
    ClosedWithoutPubAck {
        /// Why, when it said so, as MQTT 5 can.
        reason: Option<ReasonCode>,
    },
    /// The server accepted the device, and did not take its message.
    #[error("the server refused the message with {reason}")]
    MessageRefused {
        /// The reason.
        reason: ReasonCode,
    },
    /// The message or the CONNECT could not be made.
    #[error("the client failed: {reason}")]
    Client {
        /// Why.
        reason: Box<str>,
    },
}

/// What an attempt consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The TCP connection.
    Tcp,
    /// The TLS handshake.
    Tls,
    /// From CONNECT to CONNACK.
    Connack,
    /// From PUBLISH to PUBACK.
    PubAck,
}

impl AttemptFailure {
    /// A stable name of the reason, for programs: what failures are grouped by.
    pub fn code(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Unresolved { .. } => "unresolved",
            Self::TcpRefused => "tcp_refused",
            Self::Tcp { .. } => "tcp",
            Self::Timeout { stage, .. } => match stage {
                Stage::Tcp => "timeout_tcp",
                Stage::Tls => "timeout_tls",
                Stage::Connack => "timeout_connack",
                Stage::PubAck => "timeout_puback",
            },
            Self::ServerNotTrusted { .. } => "server_not_trusted",
            Self::TlsAlert { alert } => return format!("tls_alert_{}", u8::from(*alert)).into(),
            Self::Tls { .. } => "tls",
            Self::ClosedInHandshake => "closed_in_handshake",
            Self::ClosedWithoutConnack => "closed_without_connack",
            Self::Refused { reason, .. } => return format!("refused_0x{:02x}", reason.value()).into(),
            Self::Violation(_) => "violation",
            Self::ClosedWithoutPubAck { .. } => "closed_without_puback",
            Self::MessageRefused { reason } => {
                return format!("message_refused_0x{:02x}", reason.value()).into();
            }
            Self::Client { .. } => "client",
        })
    }

    /// Whether another attempt with the same settings would fail in the same way, whatever the operator of the server
    /// does meanwhile.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::ServerNotTrusted { .. } | Self::Client { .. } => true,
            Self::Unresolved { .. }
            | Self::TcpRefused
            | Self::Tcp { .. }
            | Self::Timeout { .. }
            | Self::TlsAlert { .. }
            | Self::Tls { .. }
            | Self::ClosedInHandshake
            | Self::ClosedWithoutConnack
            | Self::Refused { .. }
            | Self::Violation(_)
            | Self::ClosedWithoutPubAck { .. }
            | Self::MessageRefused { .. } => false,
        }
    }
}

fn alert_name(alert: AlertDescription) -> String {
    let number = u8::from(alert);
    match alert.as_str() {
        Some(name) => format!("{number} ({name})"),
        None => number.to_string(),
    }
}

/// What a server says to people, with its control characters escaped: it goes to a terminal.
fn said(reason_string: &Option<Box<str>>) -> String {
    reason_string.as_ref().map_or_else(String::new, |text| format!(", saying {text:?}"))
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "the TCP connection",
            Self::Tls => "the TLS handshake",
            Self::Connack => "the answer to CONNECT",
            Self::PubAck => "the acknowledgement of the message",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_has_a_code_for_programs_and_words_for_people() {
        let cases = [
            (AttemptFailure::TcpRefused, "tcp_refused", "the TCP connection was refused"),
            (
                AttemptFailure::Timeout { stage: Stage::Connack, after: Duration::from_secs(2) },
                "timeout_connack",
                "the answer to CONNECT took longer than 2s",
            ),
            (
                AttemptFailure::TlsAlert { alert: AlertDescription::UnknownCA },
                "tls_alert_48",
                "the server sent the TLS alert 48 (UnknownCA)",
            ),
            (
                AttemptFailure::TlsAlert { alert: AlertDescription::Unknown(200) },
                "tls_alert_200",
                "the server sent the TLS alert 200",
            ),
            (
                AttemptFailure::Refused { reason: ReasonCode::NotAuthorized, reason_string: None },
                "refused_0x87",
                "the server refused the connection with 0x87 (NotAuthorized)",
            ),
            (
                AttemptFailure::Refused {
                    reason: ReasonCode::ServerUnavailable,
                    reason_string: Some("held\u{1b}[2J".into()),
                },
                "refused_0x88",
                "the server refused the connection with 0x88 (ServerUnavailable), saying \"held\\u{1b}[2J\"",
            ),
        ];
        for (failure, code, words) in cases {
            assert_eq!((&*failure.code(), &*failure.to_string()), (code, words));
            assert!(!failure.is_permanent(), "{failure}");
        }
    }
}
