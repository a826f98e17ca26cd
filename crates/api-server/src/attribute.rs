//! Attributes of things and of thing groups.

use std::collections::BTreeMap;

use landfall_api::ApiError;
use landfall_api::thing::AttributePayload;
use landfall_model::{AttributeName, AttributeValue, Attributes, InvalidName};

use crate::failure::invalid;

/// What a request wants of attributes.
#[derive(Debug)]
pub(crate) struct AttributeUpdate {
    changes: Attributes,
    /// Whether attributes that are not named stay.
    merges: bool,
}

impl AttributeUpdate {
    /// Reads what a request has. Without a payload, or without attributes in it, nothing changes.
    ///
    /// # Errors
    /// A name or a value is none.
    pub(crate) fn parse(payload: Option<AttributePayload>) -> Result<Self, ApiError> {
        let Some(AttributePayload { attributes: Some(attributes), merge }) = payload else {
            return Ok(Self { changes: Attributes::default(), merges: true });
        };
        let parse = |(name, value): (&String, &String)| -> Result<_, InvalidName> {
            Ok((AttributeName::parse(name)?, AttributeValue::parse(value)?))
        };
        let changes = attributes.iter().map(parse).collect::<Result<_, _>>().map_err(invalid)?;
        Ok(Self { changes, merges: merge == Some(true) })
    }

    /// What the attributes become. Nothing has an empty value: that removes an attribute, as at AWS.
    pub(crate) fn apply(&self, current: &Attributes) -> Attributes {
        let mut attributes = if self.merges { current.clone() } else { Attributes::default() };
        attributes.merge(self.changes.clone());
        attributes
    }
}

/// Refuses more attributes than `what` may have.
///
/// # Errors
/// There are more than `count_max`, or more bytes than [`Attributes::BYTES_MAX`].
pub(crate) fn check(attributes: &Attributes, count_max: usize, what: &str) -> Result<(), ApiError> {
    let (count, bytes) = (attributes.len(), attributes.bytes());
    if count > count_max {
        return Err(invalid(format!("{what} can have at most {count_max} attributes, not {count}")));
    }
    if bytes > Attributes::BYTES_MAX {
        let bytes_max = Attributes::BYTES_MAX;
        return Err(invalid(format!("{what} can have attributes of at most {bytes_max} bytes, not {bytes}")));
    }
    Ok(())
}

/// Attributes on the wire.
pub(crate) fn wire_attributes(attributes: &Attributes) -> BTreeMap<String, String> {
    attributes.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(pairs: Option<&[(&str, &str)]>, merge: Option<bool>) -> Option<AttributePayload> {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        Some(AttributePayload { attributes: pairs.map(map), merge })
    }

    #[test]
    fn attributes_are_replaced_or_merged() {
        let stored = AttributeUpdate::parse(payload(Some(&[("a", "1"), ("b", "2")]), None)).unwrap();
        let stored = stored.apply(&Attributes::default());
        for (payload, expected) in [
            (None, "a=1 b=2"),
            (payload(None, Some(false)), "a=1 b=2"),
            (payload(Some(&[]), Some(true)), "a=1 b=2"),
            (payload(Some(&[]), None), ""),
            (payload(Some(&[("c", "3")]), Some(false)), "c=3"),
            (payload(Some(&[("c", "3"), ("d", "")]), None), "c=3"),
            (payload(Some(&[("a", ""), ("b", "4"), ("c", "3")]), Some(true)), "b=4 c=3"),
        ] {
            let shown = format!("{payload:?}");
            let found = AttributeUpdate::parse(payload).unwrap().apply(&stored);
            let found: Vec<_> = found.iter().map(|(name, value)| format!("{name}={value}")).collect();
            assert_eq!(found.join(" "), expected, "{shown}");
        }
    }

    #[test]
    fn a_bad_name_is_refused() {
        let error = AttributeUpdate::parse(payload(Some(&[("a b", "1")]), None)).unwrap_err();
        assert!(error.message().starts_with("attribute name \"a b\" has the character ' '"), "{error}");
    }

    #[test]
    fn the_bytes_of_attributes_have_a_limit() {
        let of = |count: usize| -> Attributes {
            let value = "x".repeat(800);
            let pair = |number| (format!("a{number:02}"), AttributeValue::parse(&value).unwrap());
            let pairs = (0..count).map(pair);
            pairs.map(|(name, value)| (AttributeName::parse(&name).unwrap(), value)).collect()
        };
        check(&of(59), 100, "it").unwrap();
        let error = check(&of(60), 100, "it").unwrap_err();
        assert_eq!(error.message(), "it can have attributes of at most 48128 bytes, not 48180");
        let error = check(&of(4), 3, "it").unwrap_err();
        assert_eq!(error.message(), "it can have at most 3 attributes, not 4");
    }
}
