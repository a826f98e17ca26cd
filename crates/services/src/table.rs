use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::ServiceFailure;

/// Tables, as DynamoDB has them.
#[async_trait]
pub trait Tables: Send + Sync {
    /// Puts an item; one of the same key is replaced. Cancel safety: the item may have been put.
    ///
    /// # Errors
    /// The service did not take it.
    async fn put_item(&self, table: &str, item: BTreeMap<String, ItemValue>) -> Result<(), ServiceFailure>;

    /// Deletes the item of a key, if there is one.
    ///
    /// # Errors
    /// The service did not do so.
    async fn delete_item(&self, table: &str, key: BTreeMap<String, ItemValue>) -> Result<(), ServiceFailure>;

    /// Sets attributes of the item of a key, which is made if it is not there.
    ///
    /// # Errors
    /// The service did not do so.
    async fn update_item(
        &self,
        table: &str,
        key: BTreeMap<String, ItemValue>,
        set: BTreeMap<String, ItemValue>,
    ) -> Result<(), ServiceFailure>;
}

/// A value of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemValue {
    /// Text.
    Text(String),
    /// A number, in decimal.
    Number(String),
    /// Bytes.
    Binary(Vec<u8>),
    /// True or false.
    Boolean(bool),
    /// Nothing.
    Null,
    /// Values in their order.
    List(Vec<Self>),
    /// Values by their names.
    Map(BTreeMap<String, Self>),
}
