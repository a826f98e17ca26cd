use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;

use super::changing::Changing;
use super::faults::Faults;
use crate::{ItemValue, ServiceFailure, Tables};

type Item = BTreeMap<String, ItemValue>;

/// Tables in memory.
#[derive(Debug, Default)]
pub struct MemoryTables {
    tables: Changing<HashMap<String, Table>>,
    faults: Faults,
}

#[derive(Debug)]
struct Table {
    /// The attributes of the key: the hash key, and the range key if there is one.
    key_attributes: Vec<String>,
    items: Vec<Item>,
}

impl MemoryTables {
    /// Makes an empty table with a hash key or with a hash and a range key; one of the same name is replaced.
    pub fn create(&self, table: &str, key_attributes: &[&str]) {
        let key_attributes = key_attributes.iter().map(|&name| name.to_owned()).collect();
        let empty = Table { key_attributes, items: Vec::new() };
        self.tables.with(|tables| tables.insert(table.to_owned(), empty));
    }

    /// The items of a table in the order in which they were first put; none if there is no such table.
    pub fn items(&self, table: &str) -> Vec<BTreeMap<String, ItemValue>> {
        self.tables.with(|tables| tables.get(table).map(|table| table.items.clone()).unwrap_or_default())
    }

    /// Waits until a table has this many items, and gives them. Cancel safe.
    pub async fn reached(&self, table: &str, count: usize) -> Vec<BTreeMap<String, ItemValue>> {
        self.tables
            .until(|tables| {
                let items = &tables.get(table)?.items;
                (items.len() >= count).then(|| items.clone())
            })
            .await
    }

    /// The next `count` calls fail.
    pub fn fail_next(&self, count: usize, failure: &ServiceFailure) {
        self.faults.fail_next(count, failure);
    }

    /// Changes the items of a table, given the key of the item that it is about.
    fn change(
        &self,
        table: &str,
        item: &Item,
        change: impl FnOnce(&mut Table),
    ) -> Result<(), ServiceFailure> {
        self.faults.check()?;
        self.tables.with(|tables| {
            let found = tables.get_mut(table).ok_or_else(|| {
                ServiceFailure::lasting(format!("ResourceNotFoundException: there is no table {table}"))
            })?;
            if let Some(missing) = found.key_attributes.iter().find(|name| !item.contains_key(*name)) {
                return Err(ServiceFailure::lasting(format!(
                    "ValidationException: the item lacks the key {missing} of the table {table}"
                )));
            }
            change(found);
            Ok(())
        })
    }
}

impl Table {
    /// The place of the item that has the key of this one.
    fn find(&self, like: &Item) -> Option<usize> {
        let is_same = |item: &Item| self.key_attributes.iter().all(|name| item.get(name) == like.get(name));
        self.items.iter().position(is_same)
    }
}

#[async_trait]
impl Tables for MemoryTables {
    async fn put_item(&self, table: &str, item: BTreeMap<String, ItemValue>) -> Result<(), ServiceFailure> {
        let key = item.clone();
        self.change(table, &key, |table| match table.find(&item) {
            Some(place) => table.items[place] = item,
            None => table.items.push(item),
        })
    }

    async fn delete_item(&self, table: &str, key: BTreeMap<String, ItemValue>) -> Result<(), ServiceFailure> {
        self.change(table, &key, |table| {
            if let Some(place) = table.find(&key) {
                table.items.remove(place);
            }
        })
    }

    async fn update_item(
        &self,
        table: &str,
        key: BTreeMap<String, ItemValue>,
        set: BTreeMap<String, ItemValue>,
    ) -> Result<(), ServiceFailure> {
        self.change(table, &key, |table| match table.find(&key) {
            Some(place) => table.items[place].extend(set),
            None => table.items.push(key.iter().map(|(k, v)| (k.clone(), v.clone())).chain(set).collect()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ServiceFailureKind;
    use crate::memory::queues::tests::ready;

    fn item(attributes: &[(&str, &str)]) -> Item {
        let text = |value: &str| ItemValue::Text(value.to_owned());
        attributes.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect()
    }

    #[test]
    fn items_are_put_changed_and_deleted_by_their_key() {
        let tables = MemoryTables::default();
        tables.create("readings", &["device", "at"]);
        let key = item(&[("device", "d1"), ("at", "1")]);

        let first = item(&[("device", "d1"), ("at", "1"), ("value", "20")]);
        assert_eq!(ready(tables.put_item("readings", first)), Ok(()));
        assert_eq!(ready(tables.put_item("readings", item(&[("device", "d1"), ("at", "2")]))), Ok(()));
        let replaced = item(&[("device", "d1"), ("at", "1"), ("unit", "C")]);
        assert_eq!(ready(tables.put_item("readings", replaced.clone())), Ok(()));
        assert_eq!(tables.items("readings"), [replaced, item(&[("device", "d1"), ("at", "2")])]);

        assert_eq!(ready(tables.update_item("readings", key.clone(), item(&[("value", "21")]))), Ok(()));
        let updated = item(&[("device", "d1"), ("at", "1"), ("unit", "C"), ("value", "21")]);
        assert_eq!(tables.items("readings")[0], updated);

        assert_eq!(ready(tables.delete_item("readings", key.clone())), Ok(()));
        assert_eq!(ready(tables.delete_item("readings", key.clone())), Ok(()));
        assert_eq!(tables.items("readings"), [item(&[("device", "d1"), ("at", "2")])]);

        assert_eq!(ready(tables.update_item("readings", key, item(&[("value", "3")]))), Ok(()));
        assert_eq!(tables.items("readings")[1], item(&[("device", "d1"), ("at", "1"), ("value", "3")]));
    }

    #[test]
    fn what_is_not_there_fails_for_good() {
        let tables = MemoryTables::default();
        tables.create("readings", &["device"]);
        for (table, item) in [("absent", item(&[("device", "d1")])), ("readings", item(&[("at", "1")]))] {
            let failure = ready(tables.put_item(table, item)).unwrap_err();
            assert_eq!(failure.kind, ServiceFailureKind::Lasting, "{failure}");
        }
    }
}
