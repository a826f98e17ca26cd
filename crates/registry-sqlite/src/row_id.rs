use landfall_model::UnixTime;
use rusqlite::Connection;

use crate::error::ReadError;
use crate::sql::{execute, first, statements};

statements! {
    LAST = "SELECT MAX(last) FROM (
        SELECT last FROM row_ids
        UNION ALL SELECT MAX(rid) AS last FROM issuers
        UNION ALL SELECT MAX(rid) AS last FROM ca_certificates
        UNION ALL SELECT MAX(rid) AS last FROM certificates
        UNION ALL SELECT MAX(rid) AS last FROM thing_types
        UNION ALL SELECT MAX(rid) AS last FROM things
        UNION ALL SELECT MAX(rid) AS last FROM policies
        UNION ALL SELECT MAX(rid) AS last FROM thing_groups
        UNION ALL SELECT MAX(rid) AS last FROM billing_groups
        UNION ALL SELECT MAX(rid) AS last FROM v2_logging_levels
        UNION ALL SELECT MAX(rid) AS last FROM topic_rules
        UNION ALL SELECT MAX(rid) AS last FROM destinations
        UNION ALL SELECT MAX(rid) AS last FROM deliveries
        UNION ALL SELECT MAX(rid) AS last FROM functions
        UNION ALL SELECT MAX(rid) AS last FROM layers
        UNION ALL SELECT MAX(rid) AS last FROM greengrass
        UNION ALL SELECT MAX(rid) AS last FROM event_source_mappings
        UNION ALL SELECT MAX(rid) AS last FROM events
        UNION ALL SELECT MAX(rid) AS last FROM registrations
        UNION ALL SELECT MAX(rid) AS last FROM registration_jobs
    ) AS known";
    KEEP = "UPDATE row_ids SET last = $1 WHERE id = 1";
}

/// How many row ids a millisecond has, as a power of two. Those that need more take them from the milliseconds after.
const BITS_OF_COUNTER: u32 = 20;

/// 2200-01-01, in milliseconds. A clock that shows more is wrong, and must not use up the row ids, which last until 2248.
const TIME_MAX: i64 = 7_258_118_400_000;

/// Makes row ids: 64-bit integers in ascending order across all tables and restarts, by time as far as the clock goes on.
///
/// They are an order and nothing else: no time is ever read from one, so that a clock that goes back, or was far ahead
/// once, does no harm.
#[derive(Debug)]
pub(crate) struct RowIds {
    last: i64,
}

impl RowIds {
    /// Goes on behind every row id that was ever given.
    pub(crate) fn load(connection: &Connection) -> Result<Self, ReadError> {
        let last = first(connection, LAST, [], |row| Ok(row.get::<_, Option<i64>>(0)?))?;
        Ok(Self { last: last.flatten().unwrap_or(0) })
    }

    /// The row id of what was made at this time.
    pub(crate) fn next(&mut self, at: UnixTime) -> Result<i64, ReadError> {
        let by_time = at.as_millis() << BITS_OF_COUNTER;
        let is_plausible = (0..TIME_MAX).contains(&at.as_millis());
        let next = self.next_untimed()?;
        self.last = if is_plausible { next.max(by_time) } else { next };
        Ok(self.last)
    }

    /// The row id of what has no time.
    pub(crate) fn next_untimed(&mut self) -> Result<i64, ReadError> {
        self.last = self.last.checked_add(1).ok_or(ReadError::Inconsistent {
            table: "row_ids",
            column: "last",
            row: 1,
            problem: "no row id is left".to_owned(),
        })?;
        Ok(self.last)
    }

    /// Remembers the last row id where rows are deleted, which might have been the last that knew of it.
    pub(crate) fn keep(&self, connection: &Connection) -> rusqlite::Result<()> {
        execute(connection, KEEP, [self.last]).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_ids_ascend_whatever_the_clock_does() {
        let mut row_ids = RowIds { last: 0 };
        let mut before = 0;
        for millisecond in [5, 5, 9, 4, -1, i64::MIN, i64::MAX, 10, TIME_MAX - 1, TIME_MAX, 7] {
            let row_id = row_ids.next(UnixTime::from_millis(millisecond)).unwrap();
            assert!(row_id > before, "{millisecond}");
            before = row_id;
        }
    }

    #[test]
    fn row_ids_go_by_time() {
        let mut row_ids = RowIds { last: 0 };
        assert_eq!(row_ids.next(UnixTime::from_millis(3)).unwrap(), 3 << BITS_OF_COUNTER);
        assert_eq!(row_ids.next(UnixTime::from_millis(3)).unwrap(), (3 << BITS_OF_COUNTER) + 1);
        assert_eq!(row_ids.next(UnixTime::from_millis(4)).unwrap(), 4 << BITS_OF_COUNTER);
    }

    #[test]
    fn when_no_row_id_is_left_it_is_said() {
        let mut row_ids = RowIds { last: i64::MAX - 1 };
        assert_eq!(row_ids.next(UnixTime::from_millis(1)).unwrap(), i64::MAX);
        assert!(row_ids.next(UnixTime::from_millis(1)).is_err());
    }
}
