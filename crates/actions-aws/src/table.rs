use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use landfall_services::{ItemValue, ServiceFailure, Tables};

use crate::AwsServices;
use crate::failure::failure;

const PUT: &str = "dynamodb:PutItem";
const DELETE: &str = "dynamodb:DeleteItem";
const UPDATE: &str = "dynamodb:UpdateItem";

#[async_trait]
impl Tables for AwsServices {
    async fn put_item(&self, table: &str, item: BTreeMap<String, ItemValue>) -> Result<(), ServiceFailure> {
        let request =
            self.clients(PUT)?.dynamodb.put_item().table_name(table).set_item(Some(attributes(item)));
        request.send().await.map_err(|error| failure(PUT, &error))?;
        Ok(())
    }

    async fn delete_item(&self, table: &str, key: BTreeMap<String, ItemValue>) -> Result<(), ServiceFailure> {
        let client = &self.clients(DELETE)?.dynamodb;
        let request = client.delete_item().table_name(table).set_key(Some(attributes(key)));
        request.send().await.map_err(|error| failure(DELETE, &error))?;
        Ok(())
    }

    async fn update_item(
        &self,
        table: &str,
        key: BTreeMap<String, ItemValue>,
        set: BTreeMap<String, ItemValue>,
    ) -> Result<(), ServiceFailure> {
        let client = &self.clients(UPDATE)?.dynamodb;
        let mut request = client.update_item().table_name(table).set_key(Some(attributes(key)));
        if !set.is_empty() {
            request = request.update_expression(update_expression(set.len()));
        }
        // Names and values go as placeholders: no text of a message becomes part of the expression.
        for (number, (name, value)) in set.into_iter().enumerate() {
            request = request
                .expression_attribute_names(format!("#n{number}"), name)
                .expression_attribute_values(format!(":v{number}"), attribute(value));
        }
        request.send().await.map_err(|error| failure(UPDATE, &error))?;
        Ok(())
    }
}

/// As `SET #n0 = :v0, #n1 = :v1`.
fn update_expression(count: usize) -> String {
    let assignments: Vec<_> = (0..count).map(|number| format!("#n{number} = :v{number}")).collect();
    format!("SET {}", assignments.join(", "))
}

fn attributes(item: BTreeMap<String, ItemValue>) -> HashMap<String, AttributeValue> {
    item.into_iter().map(|(name, value)| (name, attribute(value))).collect()
}

fn attribute(value: ItemValue) -> AttributeValue {
    match value {
        ItemValue::Text(text) => AttributeValue::S(text),
        ItemValue::Number(number) => AttributeValue::N(number),
        ItemValue::Binary(bytes) => AttributeValue::B(Blob::new(bytes)),
        ItemValue::Boolean(is_true) => AttributeValue::Bool(is_true),
        ItemValue::Null => AttributeValue::Null(true),
        ItemValue::List(values) => AttributeValue::L(values.into_iter().map(attribute).collect()),
        ItemValue::Map(values) => AttributeValue::M(attributes(values)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_sets_by_placeholders() {
        assert_eq!(update_expression(1), "SET #n0 = :v0");
        assert_eq!(update_expression(3), "SET #n0 = :v0, #n1 = :v1, #n2 = :v2");
    }
}
