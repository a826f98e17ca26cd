use landfall_model::{AccountId, CaCertificateId, CertificateId, TopicName, UnixTime};
use serde_json::{Value, json};

/// A certificate was registered by its device's first connection, or connected again while it was pending.
///
/// Published on `$aws/events/certificates/registered/<caCertificateId>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateRegistered {
    /// The certificate.
    pub certificate: CertificateId,
    /// The CA certificate that issued it.
    pub ca: CaCertificateId,
    /// The account of the server.
    pub account: AccountId,
    /// When the device connected.
    pub at: UnixTime,
}

impl CertificateRegistered {
    pub(crate) fn topic(&self) -> TopicName {
        TopicName::certificate_registered(self.ca)
    }

    /// The status is that of the moment of registration, and `certificateRegistrationTimestamp` is null, both as AWS
    /// IoT sends them.
    pub(crate) fn payload(&self) -> Value {
        json!({
            "certificateId": self.certificate.to_string(),
            "caCertificateId": self.ca.to_string(),
            "timestamp": self.at.as_millis(),
            "certificateStatus": "PENDING_ACTIVATION",
            "awsAccountId": self.account.as_str(),
            "certificateRegistrationTimestamp": null,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, EventId};

    #[test]
    fn the_registration_event_is_that_of_aws() {
        let event = Event::CertificateRegistered(CertificateRegistered {
            certificate: CertificateId::from_sha256([0x11; 32]),
            ca: CaCertificateId::from_sha256([0x22; 32]),
            account: AccountId::parse("000000000000").unwrap(),
            at: UnixTime::from_millis(1_552_000_000_123),
        });
        insta::assert_snapshot!(event.topic().as_str(), @"$aws/events/certificates/registered/2222222222222222222222222222222222222222222222222222222222222222");
        insta::assert_snapshot!(String::from_utf8(event.payload(EventId::new(7))).unwrap(), @r#"{"certificateId":"1111111111111111111111111111111111111111111111111111111111111111","caCertificateId":"2222222222222222222222222222222222222222222222222222222222222222","timestamp":1552000000123,"certificateStatus":"PENDING_ACTIVATION","awsAccountId":"000000000000","certificateRegistrationTimestamp":null}"#);
    }
}
