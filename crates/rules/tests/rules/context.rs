use std::cell::Cell;
use std::net::IpAddr;

use landfall_model::{AccountId, ClientId, UnixTime};
use landfall_rules::{Context, MqttProperties, PayloadFormat};

/// A world that stands still.
pub(crate) struct Fixed {
    pub(crate) account: AccountId,
    pub(crate) client: Option<ClientId>,
    pub(crate) principal: Option<String>,
    pub(crate) properties: Option<MqttProperties>,
    random: Cell<u8>,
}

impl Fixed {
    pub(crate) fn new() -> Self {
        let account = AccountId::parse("123456789012").unwrap();
        Self { account, client: None, principal: None, properties: None, random: Cell::new(0) }
    }

    pub(crate) fn add_property(&mut self, name: &str, value: &str) {
        let properties = self.properties.get_or_insert_with(|| MqttProperties {
            payload_format: Some(PayloadFormat::Utf8),
            content_type: Some("application/json".to_owned()),
            response_topic: Some("answers/1".to_owned()),
            correlation_data: Some(vec![1, 2]),
            user_properties: Vec::new(),
        });
        properties.user_properties.push((name.to_owned(), value.to_owned()));
    }
}

impl Context for Fixed {
    fn now(&self) -> UnixTime {
        UnixTime::from_millis(1_481_825_251_155)
    }

    fn random(&self) -> [u8; 16] {
        self.random.set(self.random.get().wrapping_add(37));
        std::array::from_fn(|at| self.random.get().wrapping_mul(u8::try_from(at + 3).unwrap()))
    }

    fn account_id(&self) -> &AccountId {
        &self.account
    }

    fn client_id(&self) -> Option<&ClientId> {
        self.client.as_ref()
    }

    fn principal(&self) -> Option<String> {
        self.principal.clone()
    }

    fn trace_id(&self) -> Option<String> {
        Some("12345678-1234-1234-1234-123456789012".to_owned())
    }

    fn source_ip(&self) -> Option<IpAddr> {
        Some([192, 0, 2, 38].into())
    }

    fn mqtt_properties(&self) -> Option<&MqttProperties> {
        self.properties.as_ref()
    }
}
