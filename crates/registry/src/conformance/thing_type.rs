//! Promises about thing types.

use super::commit;
use super::samples::{thing_type, type_name};
use crate::Registry;

/// It is created once; other searchable attributes for that name are not taken. Their order is kept.
pub async fn an_existing_thing_type_stays_as_it_is(registry: &dyn Registry) {
    assert_eq!(registry.thing_type(&type_name("t")).await.unwrap(), None);
    for (name, searchable) in [("t", &["c", "a", "b/#"][..]), ("u", &[])] {
        let first = thing_type(name, searchable);
        commit(registry, |tx| tx.ensure_thing_type(first.clone())).await;
        commit(registry, |tx| tx.ensure_thing_type(thing_type(name, &["x"]))).await;
        assert_eq!(registry.thing_type(&type_name(name)).await.unwrap(), Some(first));
    }
}
