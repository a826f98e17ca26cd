//! Promises about log sinks.

use landfall_model::LogSinkName;

use super::commit;
use super::samples::{activated, failure, pending, success};
use crate::{Cursor, PageRequest, RecordFilter, Registry};

/// A sink has no position until one is set; then it has the one that was set last, whatever others have.
pub async fn a_position_is_kept_for_each_sink(registry: &dyn Registry) {
    let (one, other) = (LogSinkName::File, LogSinkName::Sqs);
    assert_eq!(registry.log_sink_position(one).await.unwrap(), None);
    for position in [7, 9, i64::MAX, 8] {
        commit(registry, |tx| tx.set_log_sink_position(one, Cursor::new(position))).await;
        assert_eq!(registry.log_sink_position(one).await.unwrap(), Some(Cursor::new(position)));
        assert_eq!(registry.log_sink_position(other).await.unwrap(), None);
    }
    commit(registry, |tx| {
        tx.set_log_sink_position(other, Cursor::START);
        tx.set_log_sink_position(other, Cursor::new(2));
    })
    .await;
    for (number, sink) in (10..).zip(LogSinkName::ALL).filter(|(_, sink)| ![one, other].contains(sink)) {
        commit(registry, |tx| tx.set_log_sink_position(sink, Cursor::new(number))).await;
        assert_eq!(registry.log_sink_position(sink).await.unwrap(), Some(Cursor::new(number)));
    }
    assert_eq!(registry.log_sink_position(one).await.unwrap(), Some(Cursor::new(8)));
    assert_eq!(registry.log_sink_position(other).await.unwrap(), Some(Cursor::new(2)));
}

/// Entries come in the order in which they were added, each at its position; one that counts up does not come again.
pub async fn records_are_read_behind_a_position(registry: &dyn Registry) {
    assert_eq!(registry.last_record_position().await.unwrap(), None);
    assert_eq!(registry.records_behind(None, 9).await.unwrap(), []);
    let all = [failure(3, "a"), success(1), failure(3, "b"), activated(1), success(4)];
    commit(registry, |tx| tx.insert_certificate(pending(1))).await;
    for record in &all {
        commit(registry, |tx| tx.record(record.clone())).await;
    }
    let read = registry.records_behind(None, 9).await.unwrap();
    let (positions, records): (Vec<_>, Vec<_>) = read.into_iter().unzip();
    assert_eq!(records, all);
    assert!(positions.is_sorted() && positions.first() < positions.last(), "{positions:?}");
    assert_eq!(registry.last_record_position().await.unwrap(), positions.last().copied());

    for (done, after) in positions.iter().enumerate() {
        let behind = registry.records_behind(Some(*after), 2).await.unwrap();
        let expected: Vec<_> = positions.iter().copied().zip(all.clone()).skip(done + 1).take(2).collect();
        assert_eq!(behind, expected);
    }
    assert_eq!(registry.records_behind(None, 0).await.unwrap(), []);

    commit(registry, |tx| tx.record(failure(3, "b"))).await;
    assert_eq!(registry.records_behind(positions.last().copied(), 9).await.unwrap(), []);
    let counted = registry.records_behind(positions.get(1).copied(), 1).await.unwrap();
    assert_eq!(
        counted.iter().map(|(at, record)| (*at, record.attempts)).collect::<Vec<_>>(),
        [(positions[2], 2)]
    );

    // A page of the listing begins at the same positions.
    let page = PageRequest { after: positions.get(2).copied(), ..PageRequest::first(9) };
    assert_eq!(registry.records(&RecordFilter::default(), page).await.unwrap().items, all[3..]);
}
