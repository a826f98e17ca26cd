use std::collections::BTreeMap;

use landfall_model::{CertificateId, DeviceType, Outcome, RegistrationRecord, ThingName, UnixTime};
use landfall_services::ItemValue;
use serde_json::{Value, json};

/// What sinks are told of one entry of the registration log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) certificate: CertificateId,
    /// When the first attempt began. It stays when the entry counts up, so that an entry is the same whenever it is read.
    pub(crate) at: UnixTime,
    /// When the last attempt ended, as of the moment in which the entry was read.
    pub(crate) ended_at: UnixTime,
    pub(crate) thing: Option<ThingName>,
    /// The failure; none for a success.
    pub(crate) error: Option<String>,
    pub(crate) category: Option<DeviceType>,
    pub(crate) serial_number: Option<String>,
    pub(crate) product_id: Option<String>,
}

/// The value of one field of an entry.
enum Field<'a> {
    Text(&'a str),
    Milliseconds(i64),
}

impl Entry {
    /// The entry of a record.
    pub(crate) fn new(record: RegistrationRecord) -> Self {
        let RegistrationRecord {
            certificate,
            ca: _,
            first_at,
            last_at,
            attempts: _,
            duration_us: _,
            serial_number,
            product_id,
            outcome,
        } = record;
        let (thing, category, error) = match outcome {
            Outcome::Success { thing, device_type } => (Some(thing), Some(device_type), None),
            Outcome::Activated { thing } => (thing, None, None),
            Outcome::Failure(rejection) => {
                (None, None, Some(format!("{}: {}", rejection.code, rejection.message)))
            }
        };
        Self {
            certificate,
            at: first_at,
            ended_at: last_at,
            thing,
            error,
            category,
            serial_number,
            product_id,
        }
    }

    pub(crate) fn is_success(&self) -> bool {
        self.error.is_none()
    }

    /// `{certificateId, timestamp, thingName, type, error, thingCategory, serialNumber, productId}`, where what there is none
    /// of is null.
    pub(crate) fn to_json(&self) -> Value {
        let id = self.certificate.to_string();
        let value = |field| match field {
            None => Value::Null,
            Some(Field::Text(text)) => json!(text),
            Some(Field::Milliseconds(time)) => json!(time),
        };
        let fields = self.fields(&id).map(|(name, field)| (name.to_owned(), value(field)));
        Value::Object(fields.into_iter().collect())
    }

    /// The same as an item of a table with the hash key `certificateId` and the range key `timestamp`. What there is none of
    /// is left out: an index of the table can have the attribute as its key, and a key is never null.
    pub(crate) fn to_item(&self) -> BTreeMap<String, ItemValue> {
        let id = self.certificate.to_string();
        let value = |field| match field {
            Field::Text(text) => ItemValue::Text(text.to_owned()),
            Field::Milliseconds(time) => ItemValue::Number(time.to_string()),
        };
        let there = |(name, field): (&str, Option<_>)| Some((name.to_owned(), value(field?)));
        self.fields(&id).into_iter().filter_map(there).collect()
    }

    fn fields<'a>(&'a self, certificate: &'a str) -> [(&'static str, Option<Field<'a>>); 8] {
        let text = |text: &'a Option<String>| text.as_deref().map(Field::Text);
        [
            ("certificateId", Some(Field::Text(certificate))),
            ("timestamp", Some(Field::Milliseconds(self.at.as_millis()))),
            ("thingName", self.thing.as_ref().map(|thing| Field::Text(thing.as_str()))),
            ("type", Some(Field::Text(if self.is_success() { "SUCCESS" } else { "FAILURE" }))),
            ("error", text(&self.error)),
            ("thingCategory", self.category.map(|category| Field::Text(category.as_str()))),
            ("serialNumber", text(&self.serial_number)),
            ("productId", text(&self.product_id)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use landfall_registry::conformance::samples::{LATER, NOW, activated, failure, id, success};

    use super::*;

    #[test]
    fn an_entry_has_the_fields_of_the_block() {
        let success = success(1);
        let (first_at, serial, product) =
            (success.first_at.as_millis(), success.serial_number.clone(), success.product_id.clone());
        let Outcome::Success { thing, device_type } = success.outcome.clone() else { panic!("{success:?}") };
        let expected = json!({
            "certificateId": id(1).to_string(),
            "timestamp": first_at,
            "thingName": thing.as_str(),
            "type": "SUCCESS",
            "error": null,
            "thingCategory": device_type.as_str(),
            "serialNumber": serial,
            "productId": product,
        });
        assert_eq!(Entry::new(success).to_json(), expected);
    }

    #[test]
    fn what_there_is_none_of_is_null_or_left_out() {
        let bare = RegistrationRecord { serial_number: None, product_id: None, ..failure(2, "no_subject") };
        let Outcome::Failure(rejection) = bare.outcome.clone() else { panic!("{bare:?}") };
        let error = format!("no_subject: {}", rejection.message);
        let at = bare.first_at.as_millis();
        let entry = Entry::new(bare);
        let expected = json!({
            "certificateId": id(2).to_string(),
            "timestamp": at,
            "thingName": null,
            "type": "FAILURE",
            "error": error,
            "thingCategory": null,
            "serialNumber": null,
            "productId": null,
        });
        assert_eq!(entry.to_json(), expected);
        let text = |text: &str| ItemValue::Text(text.to_owned());
        let expected = [
            ("certificateId", text(&id(2).to_string())),
            ("timestamp", ItemValue::Number(at.to_string())),
            ("type", text("FAILURE")),
            ("error", text(&error)),
        ];
        assert_eq!(entry.to_item(), expected.map(|(name, value)| (name.to_owned(), value)).into());
    }

    #[test]
    fn one_that_somebody_else_activated_is_a_success() {
        let entry = Entry::new(activated(3));
        assert!(entry.is_success());
        assert_eq!((entry.to_json()["type"].as_str(), entry.category), (Some("SUCCESS"), None));
    }

    #[test]
    fn an_entry_that_counted_up_has_the_key_of_its_first_attempt() {
        let once = failure(1, "a");
        let twice = RegistrationRecord { attempts: 2, last_at: LATER, ..once.clone() };
        assert!(once.first_at >= NOW);
        assert_eq!(Entry::new(once).to_json(), Entry::new(twice).to_json());
    }
}
