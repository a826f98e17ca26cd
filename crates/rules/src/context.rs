//! What a statement can ask about the world.

use std::net::IpAddr;

use landfall_model::{AccountId, ClientId, UnixTime};

/// What the functions of a statement ask, besides the message itself.
///
/// The engine reads no clock and makes no random number: what it is given here is all that it knows. Each question can be
/// asked several times in one evaluation, or not at all.
pub trait Context {
    /// This moment: `timestamp()`.
    fn now(&self) -> UnixTime;

    /// Random bytes, other ones each time: `newuuid()` and `rand()`.
    fn random(&self) -> [u8; 16];

    /// The account that the rule belongs to: `accountid()`.
    fn account_id(&self) -> &AccountId;

    /// The MQTT client that sent the message; none if it was not sent by MQTT: `clientid()`.
    fn client_id(&self) -> Option<&ClientId>;

    /// Who sent the message: for a certificate its id, `principal()`.
    fn principal(&self) -> Option<String>;

    /// The id that the message has in traces, as a UUID; none if it was not sent by MQTT: `traceid()`.
    fn trace_id(&self) -> Option<String>;

    /// The address that the message came from: `sourceip()`.
    fn source_ip(&self) -> Option<IpAddr>;

    /// The properties that the message has in MQTT 5: `get_mqtt_property()` and `get_user_properties()`.
    fn mqtt_properties(&self) -> Option<&MqttProperties>;
}

/// The properties of a message in MQTT 5 that a statement can see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MqttProperties {
    /// Whether the payload is said to be text; none if nothing is said [MQTT-3.3.2-4].
    pub payload_format: Option<PayloadFormat>,
    /// What the payload is.
    pub content_type: Option<String>,
    /// Where an answer is expected.
    pub response_topic: Option<String>,
    /// What the answer is to carry.
    pub correlation_data: Option<Vec<u8>>,
    /// Names and values of the application's own, in their order. A name can be there several times.
    pub user_properties: Vec<(String, String)>,
}

/// What the payload format indicator of MQTT 5 says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PayloadFormat {
    /// Bytes of whatever kind.
    Unspecified,
    /// Text in UTF-8.
    Utf8,
}
