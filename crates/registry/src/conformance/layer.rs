//! Promises about layers.

use landfall_model::{LayerLicense, LayerVersion, LayerVersionId};

use super::samples::{LATER, layer_name, layer_version, layer_version_id};
use super::{Pending, assert_conflict, assert_pages, commit, conflict, together};
use crate::{CommitError, Committed, Conflict, PageRequest, Registry, Transaction};

/// A version comes back as it was published, with everything that it can have and with nothing.
pub async fn a_layer_version_is_read_back_as_it_was_published(registry: &dyn Registry) {
    let full = layer_version("l", 1);
    let bare = LayerVersion {
        description: Default::default(),
        compatible_runtimes: Vec::new(),
        license: None,
        ..layer_version("l", 2)
    };
    commit(registry, |tx| {
        tx.publish_layer_version(full.clone());
        tx.publish_layer_version(bare.clone());
    })
    .await;
    assert_eq!(registry.layer_version(&full.id).await.unwrap(), Some(full));
    assert_eq!(registry.layer_version(&bare.id).await.unwrap(), Some(bare));
    for (name, number) in [("l", 3), ("L", 1), ("l", 0), ("l", LayerVersion::NUMBER_MAX), ("l", u64::MAX)] {
        let found = registry.layer_version(&layer_version_id(name, number)).await.unwrap();
        assert_eq!(found, None, "{name}:{number}");
    }
}

/// Versions are numbered from 1, each layer for itself, and no number is given twice, not even that of the newest version
/// or of the last one that was left.
pub async fn layer_versions_are_numbered_and_never_again(registry: &dyn Registry) {
    let layer = layer_name("l");
    let wrong = || Conflict::LayerVersionNumber(layer.clone());
    assert_eq!(registry.next_layer_version(&layer).await.unwrap(), 1);
    for number in [0, 2, u64::MAX] {
        conflict(registry, wrong(), |tx| tx.publish_layer_version(layer_version("l", number))).await;
    }
    for number in [1, 2, 3] {
        assert_eq!(registry.next_layer_version(&layer).await.unwrap(), number);
        commit(registry, |tx| tx.publish_layer_version(layer_version("l", number))).await;
        conflict(registry, wrong(), |tx| tx.publish_layer_version(layer_version("l", number))).await;
    }
    commit(registry, |tx| tx.publish_layer_version(layer_version("other", 1))).await;

    commit(registry, |tx| tx.delete_layer_version(layer_version_id("l", 3))).await;
    conflict(registry, wrong(), |tx| tx.publish_layer_version(layer_version("l", 3))).await;
    assert_eq!(registry.next_layer_version(&layer).await.unwrap(), 4);
    commit(registry, |tx| {
        tx.delete_layer_version(layer_version_id("l", 1));
        tx.delete_layer_version(layer_version_id("l", 2));
    })
    .await;
    conflict(registry, wrong(), |tx| tx.publish_layer_version(layer_version("l", 1))).await;
    assert_eq!(registry.next_layer_version(&layer).await.unwrap(), 4);
    commit(registry, |tx| tx.publish_layer_version(layer_version("l", 4))).await;
    let versions = registry.layer_versions(&layer, PageRequest::first(9)).await.unwrap().items;
    assert_eq!(versions, [layer_version("l", 4)]);
}

/// Of many who publish a version under the number that they read, one does.
pub async fn one_of_many_publishes_a_layer_version(registry: &dyn Registry) {
    let publish = |number: u8| {
        let license = LayerLicense::parse(&number.to_string()).unwrap();
        let mut transaction = Transaction::new();
        transaction.publish_layer_version(LayerVersion { license: Some(license), ..layer_version("l", 1) });
        registry.commit(transaction) as Pending<'_, Result<Committed, CommitError>>
    };
    let results = together((0..8).map(publish).collect()).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    for lost in results.iter().filter(|result| result.is_err()) {
        assert_conflict(lost, &Conflict::LayerVersionNumber(layer_name("l")));
    }
    let position = results.iter().position(Result::is_ok).unwrap();
    let found = registry.layer_version(&layer_version_id("l", 1)).await.unwrap().unwrap();
    assert_eq!(found.license.unwrap().as_str(), position.to_string());
}

/// A version is deleted once.
pub async fn a_layer_version_is_deleted_once(registry: &dyn Registry) {
    let id = layer_version_id("l", 1);
    let not_found = |id: &LayerVersionId| Conflict::LayerVersionNotFound(id.clone());
    conflict(registry, not_found(&id), |tx| tx.delete_layer_version(id.clone())).await;
    commit(registry, |tx| {
        tx.publish_layer_version(layer_version("l", 1));
        tx.publish_layer_version(layer_version("l", 2));
    })
    .await;
    commit(registry, |tx| tx.delete_layer_version(id.clone())).await;
    assert_eq!(registry.layer_version(&id).await.unwrap(), None);
    conflict(registry, not_found(&id), |tx| tx.delete_layer_version(id.clone())).await;
    for number in [0, 3, u64::MAX] {
        let id = layer_version_id("l", number);
        conflict(registry, not_found(&id), |tx| tx.delete_layer_version(id.clone())).await;
    }
    let second = registry.layer_version(&layer_version_id("l", 2)).await.unwrap();
    assert_eq!(second, Some(layer_version("l", 2)));
}

/// The versions of one layer are listed by their numbers, without those that were deleted.
pub async fn layer_versions_are_listed_by_page(registry: &dyn Registry) {
    let layer = layer_name("l");
    assert_pages(&[], |page| registry.layer_versions(&layer, page)).await;
    let mut all: Vec<_> = (1..=11).map(|number| layer_version("l", number)).collect();
    for version in &all {
        commit(registry, |tx| tx.publish_layer_version(version.clone())).await;
        let other = layer_version("other", version.id.version);
        commit(registry, |tx| tx.publish_layer_version(other)).await;
    }
    assert_pages(&all, |page| registry.layer_versions(&layer, page)).await;
    for position in [9, 4, 0] {
        commit(registry, |tx| tx.delete_layer_version(all.remove(position).id)).await;
    }
    assert_pages(&all, |page| registry.layer_versions(&layer, page)).await;
}

/// Layers are listed by their first publication, each with its last version that is left; one without any is not there.
pub async fn layers_are_listed_by_page(registry: &dyn Registry) {
    assert_pages(&[], |page| registry.layers(page)).await;
    for (name, number) in [("c", 1), ("a", 1), ("d", 1), ("a", 2), ("b", 1), ("c", 2), ("c", 3)] {
        let version = LayerVersion { created_at: LATER, ..layer_version(name, number) };
        commit(registry, |tx| tx.publish_layer_version(version)).await;
    }
    let last = |pairs: &[(&str, u64)]| -> Vec<_> {
        let version = |(name, number): &(&str, u64)| layer_version(name, *number);
        pairs.iter().map(version).map(|version| LayerVersion { created_at: LATER, ..version }).collect()
    };
    assert_pages(&last(&[("c", 3), ("a", 2), ("d", 1), ("b", 1)]), |page| registry.layers(page)).await;
    commit(registry, |tx| {
        tx.delete_layer_version(layer_version_id("c", 3));
        tx.delete_layer_version(layer_version_id("a", 1));
        tx.delete_layer_version(layer_version_id("d", 1));
    })
    .await;
    assert_pages(&last(&[("c", 2), ("a", 2), ("b", 1)]), |page| registry.layers(page)).await;

    // It comes back in its old place.
    let again = LayerVersion { created_at: LATER, ..layer_version("d", 2) };
    commit(registry, |tx| tx.publish_layer_version(again)).await;
    assert_pages(&last(&[("c", 2), ("a", 2), ("d", 2), ("b", 1)]), |page| registry.layers(page)).await;
}
