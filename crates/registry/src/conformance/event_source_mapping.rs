//! Promises about event-source mappings.

use std::sync::Arc;

use landfall_model::{EventSourceMapping, FunctionName, MappingId, QueueArn};

use super::samples::{LATER, function, function_name, mapping, mapping_id, queue};
use super::{Pending, assert_conflict, assert_pages, commit, conflict, together};
use crate::{CommitError, Committed, Conflict, MappingFilter, MappingUpdate, Registry, Transaction};

/// A mapping comes back as it was created; its function need not be there.
pub async fn a_mapping_is_read_back_as_it_was_created(registry: &dyn Registry) {
    let full = EventSourceMapping {
        batch_size: EventSourceMapping::BATCH_SIZE_MAX,
        batching_window_s: EventSourceMapping::BATCHING_WINDOW_S_MAX,
        is_enabled: false,
        reports_item_failures: true,
        modified_at: LATER,
        last_result: Some(Arc::from("OK")),
        ..mapping(1, "f", "q")
    };
    let bare = mapping(2, "g", "q.fifo");
    commit(registry, |tx| {
        tx.create_event_source_mapping(full.clone());
        tx.create_event_source_mapping(bare.clone());
    })
    .await;
    assert_eq!(registry.event_source_mapping(&full.id).await.unwrap(), Some(full));
    assert_eq!(registry.event_source_mapping(&bare.id).await.unwrap(), Some(bare));
    assert_eq!(registry.event_source_mapping(&mapping_id(3)).await.unwrap(), None);
}

/// A queue is given to a function by one mapping; to others of both it can be given beside that.
pub async fn a_queue_is_mapped_to_a_function_once(registry: &dyn Registry) {
    commit(registry, |tx| {
        tx.create_event_source_mapping(mapping(1, "f", "q"));
        tx.create_event_source_mapping(mapping(2, "f", "r"));
        tx.create_event_source_mapping(mapping(3, "g", "q"));
    })
    .await;
    let mapped = Conflict::QueueMapped { queue: queue("q"), function: function_name("f"), id: mapping_id(1) };
    conflict(registry, mapped, |tx| tx.create_event_source_mapping(mapping(4, "f", "q"))).await;
    let exists = Conflict::EventSourceMappingExists(mapping_id(1));
    conflict(registry, exists.clone(), |tx| tx.create_event_source_mapping(mapping(1, "h", "h"))).await;
    conflict(registry, exists, |tx| tx.create_event_source_mapping(mapping(1, "f", "q"))).await;

    commit(registry, |tx| tx.delete_event_source_mapping(mapping_id(1))).await;
    assert_eq!(registry.event_source_mapping(&mapping_id(1)).await.unwrap(), None);
    let not_found = Conflict::EventSourceMappingNotFound(mapping_id(1));
    conflict(registry, not_found, |tx| tx.delete_event_source_mapping(mapping_id(1))).await;
    commit(registry, |tx| tx.create_event_source_mapping(mapping(4, "f", "q"))).await;
    let found = registry.event_source_mapping(&mapping_id(4)).await.unwrap();
    assert_eq!(found, Some(mapping(4, "f", "q")));
}

/// An update sets what can be set, if the settings are still those that were read; a result beside it does no harm.
pub async fn a_mapping_is_updated(registry: &dyn Registry) {
    let old = mapping(1, "f", "q");
    let not_found = Conflict::EventSourceMappingNotFound(old.id);
    conflict(registry, not_found, |tx| tx.update_event_source_mapping(update(&old, "g"))).await;
    commit(registry, |tx| {
        tx.create_event_source_mapping(old.clone());
        tx.create_event_source_mapping(mapping(2, "h", "q"));
        tx.set_event_source_mapping_result(old.id, Arc::from("OK"));
    })
    .await;
    let mapped = Conflict::QueueMapped { queue: queue("q"), function: function_name("h"), id: mapping_id(2) };
    conflict(registry, mapped, |tx| tx.update_event_source_mapping(update(&old, "h"))).await;

    commit(registry, |tx| tx.update_event_source_mapping(update(&old, "g"))).await;
    let expected = EventSourceMapping {
        id: old.id,
        function: function_name("g"),
        queue: queue("q"),
        batch_size: 7,
        batching_window_s: 3,
        is_enabled: false,
        reports_item_failures: true,
        created_at: old.created_at,
        modified_at: LATER,
        last_result: Some(Arc::from("OK")),
    };
    assert_eq!(registry.event_source_mapping(&old.id).await.unwrap(), Some(expected.clone()));
    let changed = Conflict::EventSourceMappingChanged(old.id);
    conflict(registry, changed, |tx| tx.update_event_source_mapping(update(&old, "f"))).await;
    assert_eq!(registry.event_source_mapping(&old.id).await.unwrap(), Some(expected.clone()));

    // What it was given to before can be given to another.
    commit(registry, |tx| {
        tx.update_event_source_mapping(update(&expected, "g"));
        tx.create_event_source_mapping(mapping(3, "f", "q"));
    })
    .await;
    let second = registry.event_source_mapping(&mapping_id(2)).await.unwrap();
    assert_eq!(second, Some(mapping(2, "h", "q")));
}

/// Of many who change a mapping that they read at the same time, one does.
pub async fn one_of_many_updates_a_mapping(registry: &dyn Registry) {
    let old = mapping(1, "f", "q");
    commit(registry, |tx| tx.create_event_source_mapping(old.clone())).await;
    let commit_update = |number: u16| {
        let mut transaction = Transaction::new();
        transaction.update_event_source_mapping(MappingUpdate { batch_size: number, ..update(&old, "f") });
        registry.commit(transaction) as Pending<'_, Result<Committed, CommitError>>
    };
    let results = together((0..8).map(commit_update).collect()).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    for lost in results.iter().filter(|result| result.is_err()) {
        assert_conflict(lost, &Conflict::EventSourceMappingChanged(old.id));
    }
    let position = results.iter().position(Result::is_ok).unwrap();
    let found = registry.event_source_mapping(&old.id).await.unwrap().unwrap();
    assert_eq!(usize::from(found.batch_size), position);
}

/// What became of the last batch is kept, and nothing else changes by it.
pub async fn the_result_of_a_batch_is_kept(registry: &dyn Registry) {
    let id = mapping_id(1);
    let not_found = Conflict::EventSourceMappingNotFound(id);
    conflict(registry, not_found, |tx| tx.set_event_source_mapping_result(id, Arc::from("OK"))).await;
    commit(registry, |tx| {
        tx.create_event_source_mapping(mapping(1, "f", "q"));
        tx.create_event_source_mapping(mapping(2, "g", "q"));
    })
    .await;
    for result in ["OK", "PROBLEM: function g\n\u{fc}"] {
        commit(registry, |tx| tx.set_event_source_mapping_result(id, Arc::from(result))).await;
        let expected = EventSourceMapping { last_result: Some(Arc::from(result)), ..mapping(1, "f", "q") };
        assert_eq!(registry.event_source_mapping(&id).await.unwrap(), Some(expected));
    }
    let other = registry.event_source_mapping(&mapping_id(2)).await.unwrap();
    assert_eq!(other, Some(mapping(2, "g", "q")));
}

/// Mappings are listed in the order of their creation: all, those of a function, of a queue, or of both.
pub async fn mappings_are_listed_by_page(registry: &dyn Registry) {
    let any = MappingFilter::default();
    assert_pages(&[], |page| registry.event_source_mappings(&any, page)).await;
    let pairs = [(9, "f", "q"), (2, "g", "q"), (7, "f", "r"), (1, "g", "r"), (8, "f", "s.fifo")];
    let mut all: Vec<_> = pairs.map(|(number, function, queue)| mapping(number, function, queue)).into();
    all[1].created_at = LATER;
    for mapping in &all {
        commit(registry, |tx| tx.create_event_source_mapping(mapping.clone())).await;
    }
    commit(registry, |tx| tx.set_event_source_mapping_result(all[0].id, Arc::from("OK"))).await;
    all[0].last_result = Some(Arc::from("OK"));
    assert_eq!(registry.every_event_source_mapping().await.unwrap(), all);
    for (function, of_queue) in [
        (None, None),
        (Some("f"), None),
        (None, Some("q")),
        (Some("f"), Some("q")),
        (Some("g"), Some("s.fifo")),
        (Some("nobody"), None),
        (None, Some("nothing")),
    ] {
        let (function, queue): (Option<FunctionName>, Option<QueueArn>) =
            (function.map(function_name), of_queue.map(queue));
        let is_wanted = |mapping: &&EventSourceMapping| {
            function.as_ref().is_none_or(|function| mapping.function == *function)
                && queue.as_ref().is_none_or(|queue| mapping.queue == *queue)
        };
        let expected: Vec<_> = all.iter().filter(is_wanted).cloned().collect();
        let filter = MappingFilter { function: function.clone(), queue: queue.clone() };
        assert_pages(&expected, |page| registry.event_source_mappings(&filter, page)).await;
    }
    commit(registry, |tx| tx.delete_event_source_mapping(all.remove(2).id)).await;
    assert_eq!(registry.every_event_source_mapping().await.unwrap(), all);
}

/// A mapping stays when its function is deleted, and serves a new one of that name.
pub async fn a_mapping_outlives_its_function(registry: &dyn Registry) {
    commit(registry, |tx| {
        tx.create_function(function("f"));
        tx.create_event_source_mapping(mapping(1, "f", "q"));
    })
    .await;
    commit(registry, |tx| tx.delete_function(function_name("f"))).await;
    let expected = vec![mapping(1, "f", "q")];
    assert_eq!(registry.every_event_source_mapping().await.unwrap(), expected);
    commit(registry, |tx| tx.create_function(function("f"))).await;
    assert_eq!(registry.every_event_source_mapping().await.unwrap(), expected);
}

/// There are a thousand mappings at most; one that was deleted makes room.
pub async fn mappings_are_bounded(registry: &dyn Registry) {
    let max = u32::try_from(EventSourceMapping::OF_SERVER_MAX).unwrap();
    let create = |tx: &mut Transaction, number: u32| {
        tx.create_event_source_mapping(mapping(number, "f", &format!("q{number}")));
    };
    commit(registry, |tx| (0..max).for_each(|number| create(tx, number))).await;
    conflict(registry, Conflict::EventSourceMappings, |tx| create(tx, max)).await;
    commit(registry, |tx| {
        tx.delete_event_source_mapping(mapping_id(5));
        create(tx, max);
    })
    .await;
    let every: Vec<MappingId> =
        registry.every_event_source_mapping().await.unwrap().into_iter().map(|mapping| mapping.id).collect();
    let expected: Vec<_> = (0..=max).filter(|number| *number != 5).map(mapping_id).collect();
    assert_eq!(every, expected);
}

fn update(expected: &EventSourceMapping, function: &str) -> MappingUpdate {
    MappingUpdate {
        expected: expected.clone(),
        function: function_name(function),
        batch_size: 7,
        batching_window_s: 3,
        is_enabled: false,
        reports_item_failures: true,
        at: LATER,
    }
}
