//! Rule actions `dynamoDB` and `dynamoDBv2`: write to a table.

use std::collections::BTreeMap;

use landfall_rules::{AttributeValue, DynamoDbKey, DynamoDbOperation};
use landfall_services::{ItemValue, ServiceFailure, Tables};

/// What an action `dynamoDB` writes.
pub(crate) struct Column {
    pub(crate) hash_key: DynamoDbKey,
    pub(crate) range_key: Option<DynamoDbKey>,
    pub(crate) operation: DynamoDbOperation,
    pub(crate) field: String,
    pub(crate) payload: AttributeValue,
}

/// Writes a payload into one column of an item, or removes the item.
///
/// # Errors
/// The service did not do so.
pub(crate) async fn write_column(
    tables: &dyn Tables,
    table: &str,
    column: Column,
) -> Result<(), ServiceFailure> {
    let Column { hash_key, range_key, operation, field, payload } = column;
    let keys = std::iter::once(hash_key).chain(range_key);
    let key: BTreeMap<_, _> = keys.map(|DynamoDbKey { field, value }| (field, item_value(value))).collect();
    match operation {
        DynamoDbOperation::Insert => {
            let mut item = key;
            // The payload's column must not take the place of a key, without which there is no item.
            item.entry(field).or_insert_with(|| item_value(payload));
            tables.put_item(table, item).await
        }
        DynamoDbOperation::Update => {
            tables.update_item(table, key, BTreeMap::from([(field, item_value(payload))])).await
        }
        DynamoDbOperation::Delete => tables.delete_item(table, key).await,
    }
}

/// Puts an item.
///
/// # Errors
/// The service did not take it.
pub(crate) async fn put_item(
    tables: &dyn Tables,
    table: &str,
    item: BTreeMap<String, AttributeValue>,
) -> Result<(), ServiceFailure> {
    tables.put_item(table, items(item)).await
}

fn items(values: BTreeMap<String, AttributeValue>) -> BTreeMap<String, ItemValue> {
    values.into_iter().map(|(name, value)| (name, item_value(value))).collect()
}

fn item_value(value: AttributeValue) -> ItemValue {
    match value {
        AttributeValue::Text(text) => ItemValue::Text(text),
        AttributeValue::Number(number) => ItemValue::Number(number),
        AttributeValue::Binary(bytes) => ItemValue::Binary(bytes.into()),
        AttributeValue::Boolean(boolean) => ItemValue::Boolean(boolean),
        AttributeValue::Null => ItemValue::Null,
        AttributeValue::List(list) => ItemValue::List(list.into_iter().map(item_value).collect()),
        AttributeValue::Map(map) => ItemValue::Map(items(map)),
    }
}
