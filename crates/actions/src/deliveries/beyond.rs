use std::collections::HashSet;
use std::mem;
use std::time::Duration;

use landfall_model::DeliveryId;
use landfall_registry::Cursor;
use tokio::time::Instant;

/// What waits in the registry and not in memory.
///
/// It is read page by page, in the order in which it was first stored. What goes beyond memory meanwhile can be on a page
/// that was read already: then everything is read once more, when enough has left memory or some time has passed, so
/// that what there is no room for is not read all the time.
pub(super) struct Beyond {
    next: Next,
    /// Whether something went beyond memory since the first page was read.
    goes_on: bool,
    /// What left memory since the read began that is under way: its page can be older.
    left: Option<HashSet<DeliveryId>>,
    /// How many deliveries left memory since the first page was read.
    departures: usize,
    /// When the first page may be read again, whatever left.
    again_at: Option<Instant>,
}

/// What is read next.
#[derive(Clone, Copy)]
enum Next {
    /// Nothing is beyond memory.
    Nothing,
    /// The first page.
    First,
    /// The page behind this position.
    Behind(Cursor),
}

/// After what time everything is read again.
const AGAIN_PAUSE: Duration = Duration::from_secs(30);

impl Beyond {
    /// Nothing was read yet.
    pub(super) fn unread() -> Self {
        Self { next: Next::First, goes_on: false, left: None, departures: 0, again_at: None }
    }

    /// Begins to read a page, if there is one and no read is under way. Everything is read again once this many deliveries
    /// have left memory.
    pub(super) fn begin(&mut self, departures: usize, now: Instant) -> Option<Option<Cursor>> {
        if self.left.is_some() {
            return None;
        }
        let after = match self.next {
            Next::Nothing => return None,
            Next::Behind(cursor) => Some(cursor),
            Next::First => {
                let is_early = self.again_at.is_some_and(|again_at| now < again_at);
                if is_early && self.departures < departures {
                    return None;
                }
                (self.departures, self.again_at) = (0, now.checked_add(AGAIN_PAUSE));
                None
            }
        };
        self.left = Some(HashSet::new());
        Some(after)
    }

    /// When the next page may be read, if only time is missing.
    pub(super) fn due(&self) -> Option<Instant> {
        match self.next {
            Next::First if self.left.is_none() => self.again_at,
            Next::First | Next::Behind(_) | Next::Nothing => None,
        }
    }

    /// The page was read. What has left memory since the read began.
    pub(super) fn read(&mut self, next: Option<Cursor>) -> HashSet<DeliveryId> {
        self.next = match next {
            Some(cursor) => Next::Behind(cursor),
            None if mem::take(&mut self.goes_on) => Next::First,
            None => Next::Nothing,
        };
        self.left.take().unwrap_or_default()
    }

    /// The page could not be read, and is read again.
    pub(super) fn read_failed(&mut self) {
        (self.left, self.again_at) = (None, None);
    }

    /// Something waits in the registry that is not in memory.
    pub(super) fn went(&mut self) {
        match self.next {
            Next::Nothing if self.left.is_none() => self.next = Next::First,
            Next::Nothing | Next::First | Next::Behind(_) => self.goes_on = true,
        }
    }

    /// Something left memory.
    pub(super) fn left(&mut self, id: DeliveryId) {
        self.departures += 1;
        if let Some(left) = &mut self.left {
            left.insert(id);
        }
    }
}
