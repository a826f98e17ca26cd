//! Promises about functions.

use landfall_model::{Function, Handler, LayerVersion, LayerVersionId, RevisionId};

use super::samples::{LATER, NOW, full_function, function, function_name, layer_version, layer_version_id};
use super::{Pending, assert_conflict, assert_pages, commit, conflict, together};
use crate::{CommitError, Committed, Conflict, PageRequest, Registry, Transaction};

/// A function comes back as it was created, with everything that it can have and with nothing.
pub async fn a_function_is_read_back_as_it_was_created(registry: &dyn Registry) {
    let full = full("full");
    commit(registry, |tx| {
        publish_layers(tx);
        tx.create_function(full.clone());
        tx.create_function(function("bare"));
    })
    .await;
    assert_eq!(registry.function(&full.name).await.unwrap(), Some(full));
    assert_eq!(registry.function(&function_name("bare")).await.unwrap(), Some(function("bare")));
    assert_eq!(registry.function(&function_name("Full")).await.unwrap(), None);
}

/// A function is created once, and can be created again when it was deleted.
pub async fn a_function_is_created_once(registry: &dyn Registry) {
    let name = function_name("f");
    commit(registry, |tx| tx.create_function(function("f"))).await;
    let other = Function { timeout_s: 900, ..function("f") };
    conflict(registry, Conflict::FunctionExists(name.clone()), |tx| tx.create_function(other.clone())).await;
    assert_eq!(registry.function(&name).await.unwrap(), Some(function("f")));

    commit(registry, |tx| tx.delete_function(name.clone())).await;
    assert_eq!(registry.function(&name).await.unwrap(), None);
    conflict(registry, Conflict::FunctionNotFound(name.clone()), |tx| tx.delete_function(name.clone())).await;
    commit(registry, |tx| tx.create_function(other.clone())).await;
    assert_eq!(registry.function(&name).await.unwrap(), Some(other));
}

/// An update replaces all but the time of creation, if the function still has the revision that was read.
pub async fn a_function_is_updated_in_its_revision(registry: &dyn Registry) {
    let old = function("f");
    let name = old.name.clone();
    let new = Function { revision: revision(2), modified_at: LATER, ..full("f") };
    let not_found = Conflict::FunctionNotFound(name.clone());
    conflict(registry, not_found, |tx| tx.update_function(new.clone(), old.revision)).await;
    commit(registry, |tx| {
        publish_layers(tx);
        tx.create_function(old.clone());
        tx.create_function(function("other"));
    })
    .await;
    let stale = Conflict::FunctionRevision(name.clone());
    conflict(registry, stale.clone(), |tx| tx.update_function(new.clone(), revision(9))).await;
    assert_eq!(registry.function(&name).await.unwrap(), Some(old.clone()));

    let update = Function { created_at: LATER, ..new.clone() };
    commit(registry, |tx| tx.update_function(update, old.revision)).await;
    assert_eq!(registry.function(&name).await.unwrap(), Some(Function { created_at: NOW, ..new.clone() }));
    conflict(registry, stale, |tx| tx.update_function(old.clone(), old.revision)).await;

    // Back to nothing.
    let bare = Function { revision: revision(3), ..old };
    commit(registry, |tx| tx.update_function(bare.clone(), new.revision)).await;
    assert_eq!(registry.function(&name).await.unwrap(), Some(bare));
    assert_eq!(registry.function(&function_name("other")).await.unwrap(), Some(function("other")));
}

/// Of many who change a function that they read at the same revision, one does.
pub async fn one_of_many_updates_a_function(registry: &dyn Registry) {
    let old = function("f");
    commit(registry, |tx| tx.create_function(old.clone())).await;
    let update = |number: u8| {
        let mut transaction = Transaction::new();
        let new = Function { revision: revision(number), timeout_s: number.into(), ..old.clone() };
        transaction.update_function(new, old.revision);
        registry.commit(transaction) as Pending<'_, Result<Committed, CommitError>>
    };
    let results = together((1..=8).map(update).collect()).await;
    let won: Vec<_> = results.iter().filter(|result| result.is_ok()).collect();
    assert_eq!(won.len(), 1);
    for lost in results.iter().filter(|result| result.is_err()) {
        assert_conflict(lost, &Conflict::FunctionRevision(old.name.clone()));
    }
    let position = results.iter().position(Result::is_ok).unwrap();
    let found = registry.function(&old.name).await.unwrap().unwrap();
    assert_eq!(usize::from(found.timeout_s), position + 1);
}

/// A layer must be there when it is given to a function, and stays with it when it is deleted.
pub async fn a_function_keeps_its_layers(registry: &dyn Registry) {
    let [a, b] = [("a", 1), ("b", 1)].map(|(name, number)| layer_version_id(name, number));
    let with = |layers: &[&LayerVersionId], number| Function {
        layers: layers.iter().copied().cloned().collect(),
        revision: revision(number),
        ..function("f")
    };
    let missing = |id: &LayerVersionId| Conflict::LayerVersionNotFound(id.clone());
    assert_eq!(registry.function_layers(&function_name("f")).await.unwrap(), None);
    commit(registry, |tx| tx.publish_layer_version(layer_version("a", 1))).await;
    conflict(registry, missing(&b), |tx| tx.create_function(with(&[&a, &b], 1))).await;
    assert_eq!(registry.function(&function_name("f")).await.unwrap(), None);

    commit(registry, |tx| tx.create_function(with(&[&a], 1))).await;
    conflict(registry, missing(&b), |tx| tx.update_function(with(&[&b, &a], 2), revision(1))).await;
    commit(registry, |tx| tx.publish_layer_version(layer_version("b", 1))).await;
    commit(registry, |tx| tx.update_function(with(&[&b, &a], 2), revision(1))).await;
    assert_layers(registry, &[layer_version("b", 1), layer_version("a", 1)]).await;

    // A layer that was deleted stays with the functions that have it, and none gets it any more.
    commit(registry, |tx| tx.delete_layer_version(a.clone())).await;
    assert_eq!(registry.layer_version(&a).await.unwrap(), None);
    assert_layers(registry, &[layer_version("b", 1), layer_version("a", 1)]).await;
    commit(registry, |tx| tx.update_function(with(&[&a, &b], 3), revision(2))).await;
    assert_layers(registry, &[layer_version("a", 1), layer_version("b", 1)]).await;
    commit(registry, |tx| tx.update_function(with(&[], 4), revision(3))).await;
    assert_layers(registry, &[]).await;
    conflict(registry, missing(&a), |tx| tx.update_function(with(&[&a], 5), revision(4))).await;
}

/// Functions are listed in the order of their creation, whatever their names and times; an update does not move one.
pub async fn functions_are_listed_by_page(registry: &dyn Registry) {
    assert_pages(&[], |page| registry.functions(page)).await;
    let mut all: Vec<_> = ["e", "a", "d", "b", "c"].map(function).into();
    all[2].created_at = LATER;
    for function in &all {
        commit(registry, |tx| tx.create_function(function.clone())).await;
    }
    let updated =
        Function { revision: revision(2), handler: Handler::parse("x.y").unwrap(), ..all[1].clone() };
    commit(registry, |tx| tx.update_function(updated.clone(), all[1].revision)).await;
    all[1] = updated;
    assert_pages(&all, |page| registry.functions(page)).await;
    commit(registry, |tx| tx.delete_function(all.remove(3).name)).await;
    assert_pages(&all, |page| registry.functions(page)).await;
}

/// A transaction whose last change conflicts leaves nothing of a function.
pub async fn a_conflict_leaves_functions_as_they_were(registry: &dyn Registry) {
    commit(registry, |tx| tx.create_function(function("a"))).await;
    let mut transaction = Transaction::new();
    transaction.create_function(function("b"));
    transaction.delete_function(function_name("a"));
    transaction.publish_layer_version(layer_version("l", 1));
    transaction.delete_function(function_name("c"));
    let result: Result<_, CommitError> = registry.commit(transaction).await;
    assert_conflict(&result, &Conflict::FunctionNotFound(function_name("c")));
    let functions = registry.functions(PageRequest::first(9)).await.unwrap().items;
    assert_eq!(functions, [function("a")]);
    assert_eq!(registry.next_layer_version(&layer_version_id("l", 1).layer).await.unwrap(), 1);
}

async fn assert_layers(registry: &dyn Registry, expected: &[LayerVersion]) {
    let found = registry.function_layers(&function_name("f")).await.unwrap();
    assert_eq!(found.as_deref(), Some(expected));
}

fn publish_layers(transaction: &mut Transaction) {
    transaction.publish_layer_version(layer_version("awscli", 1));
    transaction.publish_layer_version(layer_version("awscli", 2));
    transaction.publish_layer_version(layer_version("util", 1));
}

fn revision(number: u8) -> RevisionId {
    RevisionId::from_bytes([number; 16])
}

/// With layers that [`publish_layers`] publishes.
fn full(name: &str) -> Function {
    full_function(name, vec![layer_version_id("util", 1), layer_version_id("awscli", 2)])
}
