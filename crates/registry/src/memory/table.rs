use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use crate::{Cursor, Order, Page, PageRequest};

/// Gives row ids in ascending order across all tables.
#[derive(Clone, Default)]
pub(super) struct RowIds {
    last: i64,
}

/// Rows in the order of their insertion, with one unique key.
#[derive(Clone)]
pub(super) struct Table<K, V> {
    rows: BTreeMap<i64, V>,
    row_ids: HashMap<K, i64>,
}

impl RowIds {
    pub(super) fn next(&mut self) -> i64 {
        self.last += 1;
        self.last
    }
}

impl<K: Hash + Eq, V: Clone> Table<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(self.row_ids.get(key)?)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.rows.get_mut(self.row_ids.get(key)?)
    }

    pub(super) fn contains(&self, key: &K) -> bool {
        self.row_ids.contains_key(key)
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn rows(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.rows.values()
    }

    /// Every row with its id.
    pub(super) fn entries(&self) -> impl DoubleEndedIterator<Item = (i64, &V)> {
        self.rows.iter().map(|(id, row)| (*id, row))
    }

    pub(super) fn rows_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut V> {
        self.rows.values_mut()
    }

    /// Whether the row was inserted.
    pub(super) fn insert_unless_there(&mut self, row_ids: &mut RowIds, key: K, row: V) -> bool {
        if self.row_ids.contains_key(&key) {
            return false;
        }
        let id = row_ids.next();
        self.row_ids.insert(key, id);
        self.rows.insert(id, row);
        true
    }

    pub(super) fn remove(&mut self, key: &K) {
        if let Some(row_id) = self.row_ids.remove(key) {
            self.rows.remove(&row_id);
        }
    }

    /// One page of the rows that `wanted` lets through.
    pub(super) fn page(&self, request: PageRequest, wanted: impl Fn(&V) -> bool) -> Page<V> {
        let rows = self.entries().filter(|(_, row)| wanted(row));
        page(rows.map(|(id, row)| (id, row.clone())), request)
    }
}

/// One page of rows that ascend by their ids.
pub(super) fn page<T>(rows: impl DoubleEndedIterator<Item = (i64, T)>, request: PageRequest) -> Page<T> {
    let after = request.after.map(Cursor::get);
    let row = |(id, row): (i64, T)| (Cursor::new(id), row);
    let limit = usize::try_from(request.limit).unwrap_or(usize::MAX).saturating_add(1);
    let rows = match request.order {
        Order::Ascending => {
            rows.filter(|(id, _)| after.is_none_or(|after| *id > after)).take(limit).map(row).collect()
        }
        Order::Descending => {
            rows.rev().filter(|(id, _)| after.is_none_or(|after| *id < after)).take(limit).map(row).collect()
        }
    };
    Page::from_rows(rows, request.limit)
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), row_ids: HashMap::new() }
    }
}
