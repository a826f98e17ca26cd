use std::sync::Arc;

use landfall_model::{Delivery, DeliveryAction, DeliveryId, DeliveryState, UnixTime};
use tokio::time::Instant;

use super::{Source, Start};
use crate::row::{Row, Version, Wanted};

/// A delivery that is in memory.
pub(super) struct Entry {
    pub(super) delivery: Delivery,
    pub(super) source: Source,
    pub(super) depth: u8,
    pub(super) phase: Phase,
    /// Counts the contents that the delivery has had.
    pub(super) version: Version,
    pub(super) wanted: Wanted,
    pub(super) row: Row,
    /// Whether it is among those of which something is to be written.
    pub(super) is_dirty: bool,
    /// Whether somebody removed it while it ran.
    pub(super) is_forgotten: bool,
    /// How many attempts had failed before an operator sent it again. These do not count.
    pub(super) attempts_before: u32,
    /// What it is the error action of: that waits until this one cannot be lost.
    pub(super) predecessor: Option<DeliveryId>,
    /// What it takes of the memory.
    pub(super) bytes: usize,
}

/// How far a delivery has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It waits for its turn.
    Ready,
    /// An attempt is under way.
    Running,
    /// It is tried again.
    Waiting {
        /// When.
        due: Instant,
    },
    /// It failed for good, and the delivery of its error action is not yet safe.
    HandingOver {
        /// When it failed.
        at: UnixTime,
    },
    /// Nothing more is done, but for what is to be written.
    Ended,
}

/// What a delivery needs besides its texts, in bytes, about.
const DELIVERY_BYTES: usize = 768;

impl Entry {
    pub(super) fn new(delivery: Delivery, source: Source, depth: u8, row: Row, wanted: Wanted) -> Self {
        let texts = delivery.request.len() + delivery.error_request.as_ref().map_or(0, |text| text.len());
        Self {
            bytes: DELIVERY_BYTES + texts,
            delivery,
            source,
            depth,
            phase: Phase::Ready,
            version: 0,
            wanted,
            row,
            is_dirty: false,
            is_forgotten: false,
            attempts_before: 0,
            predecessor: None,
        }
    }

    /// What an attempt needs.
    pub(super) fn start(&self) -> Start {
        let Delivery { id, rule, action, topic, request, error_request, attempts_failed, .. } =
            &self.delivery;
        Start {
            id: *id,
            rule: rule.clone(),
            action: *action,
            topic: topic.clone(),
            request: Arc::clone(request),
            error_request: error_request.clone(),
            depth: self.depth,
            attempts_failed: *attempts_failed,
        }
    }

    /// The error action of this delivery. It is stored as soon as can be, since this delivery waits for that.
    pub(super) fn error_action(&self, id: DeliveryId, request: Arc<str>, at: UnixTime) -> Self {
        let delivery = Delivery {
            id,
            action: DeliveryAction::ErrorAction,
            request,
            error_request: None,
            created_at: at,
            attempts_failed: 0,
            attempts: Vec::new(),
            state: DeliveryState::Waiting { next_at: at },
            ..self.delivery.clone()
        };
        let mut entry = Self::new(delivery, self.source, self.depth, Row::ABSENT, Wanted::Content(0));
        entry.predecessor = Some(self.delivery.id);
        entry
    }

    /// It was delivered. The history of one that failed before is kept.
    pub(super) fn end_well(&mut self, at: UnixTime) {
        if self.delivery.attempts.is_empty() {
            self.phase = Phase::Ended;
            self.wanted = Wanted::Absent;
        } else {
            self.end(DeliveryState::Delivered { at });
        }
    }

    /// It ended in this state, which is to be stored.
    pub(super) fn end(&mut self, state: DeliveryState) {
        self.phase = Phase::Ended;
        self.change(state);
        self.wanted = Wanted::Content(self.version);
    }

    /// It is tried again.
    pub(super) fn wait(&mut self, due: Instant, next_at: UnixTime) {
        self.phase = Phase::Waiting { due };
        self.change(DeliveryState::Waiting { next_at });
        self.wanted = Wanted::Content(self.version);
    }

    /// It failed for good, and the error action takes its place. Until that is safe, this delivery is one that waits.
    pub(super) fn hand_over(&mut self, at: UnixTime) {
        self.phase = Phase::HandingOver { at };
        self.change(DeliveryState::Waiting { next_at: at });
        self.wanted = Wanted::Anything;
    }

    /// The error action has taken its place.
    pub(super) fn handed_over(&mut self) {
        if let Phase::HandingOver { at } = self.phase {
            self.end(DeliveryState::HandledByErrorAction { at });
        }
    }

    /// An operator has stored it anew, to be tried again.
    pub(super) fn replay(&mut self, delivery: Delivery) {
        self.delivery = delivery;
        self.phase = Phase::Ready;
        self.version += 1;
        self.wanted = Wanted::Content(self.version);
        self.row.replaced(self.version);
        self.attempts_before = self.delivery.attempts_failed;
    }

    /// An operator has removed it. One that runs is let run.
    pub(super) fn forget(&mut self) {
        self.wanted = Wanted::Absent;
        self.row.removed();
        if self.phase == Phase::Running {
            self.is_forgotten = true;
        } else {
            self.phase = Phase::Ended;
        }
    }

    /// Whether whoever marks its event has to store it: it has not ended well, and is not surely in the registry.
    pub(super) fn must_be_marked(&self) -> bool {
        !self.row.is_kept() && self.wanted != Wanted::Absent
    }

    /// Whether it cannot be lost: it is surely in the registry, or it has ended well.
    pub(super) fn is_safe(&self) -> bool {
        self.row.is_kept() || (self.phase == Phase::Ended && self.wanted == Wanted::Absent)
    }

    /// Whether there is nothing more to do.
    pub(super) fn has_left(&self) -> bool {
        self.phase == Phase::Ended && !self.row.is_written() && self.row.needs(self.wanted).is_none()
    }

    /// Whether it waits, and the registry has it as it is.
    pub(super) fn can_be_read_again(&self) -> bool {
        let is_stored = self.row.is_kept() && !self.row.is_written() && self.row.needs(self.wanted).is_none();
        let is_waiting = match self.phase {
            Phase::Waiting { .. } => true,
            Phase::Ready | Phase::Running | Phase::HandingOver { .. } | Phase::Ended => false,
        };
        is_waiting && is_stored && self.source != Source::Message && self.predecessor.is_none()
    }

    fn change(&mut self, state: DeliveryState) {
        self.delivery.state = state;
        self.version += 1;
    }
}
