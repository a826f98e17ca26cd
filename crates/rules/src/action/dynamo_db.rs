use std::collections::BTreeMap;

use super::attribute_value::{AttributeValue, check_number};
use super::kind::ActionKind;
use super::parameter::{Filling, Parameter, Place, fill_optional};
use super::problem::{ActionProblem, Wrong, start_of};
use super::request::{ActionRequest, DynamoDbKey, DynamoDbOperation};
use super::role::check_role;
use crate::document::{Fields, InvalidTopicRule};
use crate::limits::ITEM_ATTRIBUTE_NAME_BYTES_MAX;

/// `dynamoDB`: writes the payload into one column of a table (dynamodb-rule-action).
#[derive(Debug)]
pub(super) struct DynamoDbAction {
    table: Parameter<String>,
    hash_key: Key,
    range_key: Option<Key>,
    operation: Option<Parameter<DynamoDbOperation>>,
    payload_field: Option<Parameter<String>>,
    /// The path of the action in the rule.
    path: Box<str>,
}

/// `dynamoDBv2`: writes each member of the payload into a column of a table (dynamodb-v2-rule-action).
#[derive(Debug)]
pub(super) struct DynamoDbV2Action {
    table: Parameter<String>,
}

/// A key of the item.
#[derive(Debug)]
struct Key {
    field: Parameter<String>,
    value: Parameter<AttributeValue>,
}

/// The column of the payload, unless the rule names one.
const PAYLOAD_FIELD: &str = "payload";

impl DynamoDbAction {
    pub(super) const MEMBERS: &[&str] = &[
        "roleArn",
        "tableName",
        "hashKeyField",
        "hashKeyValue",
        "hashKeyType",
        "rangeKeyField",
        "rangeKeyValue",
        "rangeKeyType",
        "operation",
        "payloadField",
    ];

    pub(super) fn parse(fields: &Fields<'_>, place: Place<'_>) -> Result<Self, InvalidTopicRule> {
        check_role(fields)?;
        let has_range_key =
            ["rangeKeyField", "rangeKeyValue", "rangeKeyType"].into_iter().any(|name| fields.has(name));
        let range_key = has_range_key
            .then(|| Key::parse(fields, ["rangeKeyField", "rangeKeyValue", "rangeKeyType"], place));
        let action = Self {
            table: Parameter::required(fields, "tableName", place, read_table)?,
            hash_key: Key::parse(fields, ["hashKeyField", "hashKeyValue", "hashKeyType"], place)?,
            range_key: range_key.transpose()?,
            operation: Parameter::optional(fields, "operation", place, read_operation)?,
            payload_field: Parameter::optional(fields, "payloadField", place, read_attribute_name)?,
            path: fields.path().into(),
        };
        let [hash, range, payload] = action.fixed_columns();
        if let Some((name, column)) = clash(hash, range, payload) {
            return Err(fields.wrong(name, column, ANOTHER_COLUMN));
        }
        Ok(action)
    }

    pub(super) fn request(&self, filling: Filling<'_, '_>) -> Result<ActionRequest, ActionProblem> {
        let hash_key = self.hash_key.fill(filling)?;
        let range_key = self.range_key.as_ref().map(|key| key.fill(filling)).transpose()?;
        let payload_field = fill_optional(self.payload_field.as_ref(), filling)?;
        let payload_field = payload_field.unwrap_or_else(|| PAYLOAD_FIELD.to_owned());
        let range = range_key.as_ref().map(|key| key.field.as_str());
        if let Some((name, column)) = clash(Some(&hash_key.field), range, Some(&payload_field)) {
            return Err(ActionProblem::Value {
                action: ActionKind::DynamoDb,
                member: format!("{}.{name}", self.path).into(),
                found: start_of(column),
                right: ANOTHER_COLUMN.into(),
            });
        }
        Ok(ActionRequest::DynamoDb {
            table: self.table.fill(filling)?,
            hash_key,
            range_key,
            operation: fill_optional(self.operation.as_ref(), filling)?.unwrap_or_default(),
            payload_field,
            payload: AttributeValue::Null,
        })
    }

    /// The columns of the keys and of the payload that are the same for each message.
    fn fixed_columns(&self) -> [Option<&str>; 3] {
        let range_key = self.range_key.as_ref().and_then(|key| key.field.fixed());
        let payload = match &self.payload_field {
            Some(field) => field.fixed().map(String::as_str),
            None => Some(PAYLOAD_FIELD),
        };
        [self.hash_key.field.fixed().map(String::as_str), range_key.map(String::as_str), payload]
    }
}

/// The member that names the column of another one, and the column.
fn clash<'c>(
    hash: Option<&'c str>,
    range: Option<&'c str>,
    payload: Option<&'c str>,
) -> Option<(&'static str, &'c str)> {
    let payload = payload.filter(|payload| [hash, range].contains(&Some(payload)));
    let range = range.filter(|range| hash == Some(range));
    payload.map(|column| ("payloadField", column)).or(range.map(|column| ("rangeKeyField", column)))
}

const ANOTHER_COLUMN: &str = "another column than those of the keys";

impl DynamoDbV2Action {
    pub(super) const MEMBERS: &[&str] = &["roleArn", "putItem"];

    pub(super) fn parse(fields: &Fields<'_>, place: Place<'_>) -> Result<Self, InvalidTopicRule> {
        check_role(fields)?;
        let put_item = Fields::of(fields.path_of("putItem"), fields.required("putItem")?, &["tableName"])?;
        Ok(Self { table: Parameter::required(&put_item, "tableName", place, read_table)? })
    }

    pub(super) fn request(&self, filling: Filling<'_, '_>) -> Result<ActionRequest, ActionProblem> {
        Ok(ActionRequest::DynamoDbV2 { table: self.table.fill(filling)?, item: BTreeMap::new() })
    }
}

impl Key {
    fn parse(
        fields: &Fields<'_>,
        [field, value, key_type]: [&'static str; 3],
        place: Place<'_>,
    ) -> Result<Self, InvalidTopicRule> {
        let read = match fields.optional_plain_text(key_type)? {
            None | Some("STRING") => read_key_text,
            Some("NUMBER") => read_key_number,
            Some(other) => return Err(fields.wrong(key_type, other, "STRING or NUMBER")),
        };
        Ok(Self {
            field: Parameter::required(fields, field, place, read_attribute_name)?,
            value: Parameter::required(fields, value, place, read)?,
        })
    }

    fn fill(&self, filling: Filling<'_, '_>) -> Result<DynamoDbKey, ActionProblem> {
        Ok(DynamoDbKey { field: self.field.fill(filling)?, value: self.value.fill(filling)? })
    }
}

/// The name of a table, or its ARN (API_PutItem, TableName).
fn read_table(text: &str) -> Result<String, Wrong> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let name = match text.strip_prefix("arn:") {
        Some(rest) => rest.split_once(":table/").map_or("", |(_, name)| name),
        None => text,
    };
    if (3..=255).contains(&name.len()) && name.bytes().all(is_allowed) {
        return Ok(text.to_owned());
    }
    Err("the name of a table: 3 to 255 letters, digits and characters of _.-".into())
}

fn read_attribute_name(text: &str) -> Result<String, Wrong> {
    if (1..=ITEM_ATTRIBUTE_NAME_BYTES_MAX).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    Err(format!("the name of a column: 1 to {ITEM_ATTRIBUTE_NAME_BYTES_MAX} bytes").into())
}

/// A key is never empty: DynamoDB refuses one, and a template that gives nothing is more likely a mistake.
fn read_key_text(text: &str) -> Result<AttributeValue, Wrong> {
    if text.is_empty() {
        return Err("at least one character, as keys are".into());
    }
    Ok(AttributeValue::Text(text.to_owned()))
}

fn read_key_number(text: &str) -> Result<AttributeValue, Wrong> {
    check_number(text)?;
    Ok(AttributeValue::Number(text.to_owned()))
}

fn read_operation(text: &str) -> Result<DynamoDbOperation, Wrong> {
    let known = [DynamoDbOperation::Insert, DynamoDbOperation::Update, DynamoDbOperation::Delete];
    let found = known.into_iter().find(|operation| operation.as_str() == text);
    found.ok_or_else(|| "INSERT, UPDATE or DELETE".into())
}
