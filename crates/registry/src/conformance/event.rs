//! Promises about the events that wait for delivery.

use super::commit;
use super::samples::event;
use crate::{EventId, Registry};

/// Topic and payload are those of the event, the order is that of the commits and within them, and a limit is kept.
pub async fn events_wait_in_the_order_of_their_commits(registry: &dyn Registry) {
    assert!(registry.pending_events(None, 9).await.unwrap().is_empty());
    let numbers = [5, 3, 4, 1, 2];
    for numbers in numbers.chunks(2) {
        commit(registry, |tx| numbers.iter().for_each(|number| tx.append(event(*number)))).await;
    }
    let all = registry.pending_events(None, 9).await.unwrap();
    let found: Vec<_> = all.iter().map(|event| (event.topic.clone(), event.payload.clone())).collect();
    let expected: Vec<_> = numbers.map(event).iter().map(|event| (event.topic(), event.payload())).collect();
    assert_eq!(found, expected);
    assert!(all.is_sorted_by(|a, b| a.id < b.id), "ids ascend");

    assert_eq!(registry.pending_events(None, 2).await.unwrap(), all[..2]);
    for (position, event) in all.iter().enumerate() {
        let behind = registry.pending_events(Some(event.id), 2).await.unwrap();
        assert_eq!(behind, all[position + 1..].iter().take(2).cloned().collect::<Vec<_>>());
    }
}

/// What was delivered, up to and with the last, is gone; the rest waits on.
pub async fn delivered_events_do_not_come_back(registry: &dyn Registry) {
    commit(registry, |tx| (1..=4).for_each(|number| tx.append(event(number)))).await;
    let all = registry.pending_events(None, 9).await.unwrap();
    for delivered in 0..all.len() {
        commit(registry, |tx| tx.delivered(all[delivered].id)).await;
        assert_eq!(registry.pending_events(None, 9).await.unwrap(), all[delivered + 1..]);
        // Telling it twice is no error: delivery is told again after a crash.
        commit(registry, |tx| tx.delivered(all[0].id)).await;
        assert_eq!(registry.pending_events(None, 9).await.unwrap(), all[delivered + 1..]);
    }
    commit(registry, |tx| tx.delivered(EventId::new(i64::MAX))).await;
}

/// An event that comes after all others were delivered stands behind them.
pub async fn an_event_id_is_never_given_twice(registry: &dyn Registry) {
    let mut last = None;
    for number in [3, 2, 1] {
        commit(registry, |tx| tx.append(event(number))).await;
        let waiting = registry.pending_events(last, 9).await.unwrap();
        assert_eq!(waiting.len(), 1, "the new event is behind {last:?}");
        last = waiting.first().map(|event| event.id);
        commit(registry, |tx| last.into_iter().for_each(|id| tx.delivered(id))).await;
    }
}
