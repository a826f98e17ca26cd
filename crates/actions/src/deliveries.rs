//! What becomes of each delivery, and what of it is stored: driven, without a clock, a registry or a task.
//!
//! A delivery of an event is never lost, whenever the process ends: either its event is not yet marked as delivered and is
//! published again, or the delivery is in the registry, or it has ended well. Whoever marks events is therefore given every
//! delivery that is neither ended nor stored ([`Deliveries::unfinished`]). What is not to be lost and what is to be shown is
//! stored by the engine ([`Deliveries::poll_writes`]): each that has failed, and how it ended. One that ends well at
//! once was never written.

mod beyond;
mod entry;
mod room;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use landfall_model::{
    Delivery, DeliveryAction, DeliveryAttempt, DeliveryId, DeliveryState, RuleName, TopicName, UnixTime,
};
use landfall_registry::{Cursor, DeliveryChange, EventId, Page};
use landfall_services::{ServiceFailure, ServiceFailureKind};
use tokio::time::Instant;

use self::beyond::Beyond;
use self::entry::{Entry, Phase};
use self::room::Room;
use crate::Limits;
use crate::backoff::Backoff;
use crate::perform::Performed;
use crate::queue::Queue;
use crate::row::{Row, Wanted, Write};

/// The deliveries that are under way.
pub(crate) struct Deliveries {
    limits: Limits,
    backoff: Backoff,
    entries: HashMap<DeliveryId, Entry>,
    queue: Queue,
    /// Those that wait for their next attempt.
    due: BTreeSet<(Instant, DeliveryId)>,
    /// Those of events that are not surely in the registry and must not be lost.
    unkept: BTreeSet<(EventId, DeliveryId)>,
    /// Those of which something is to be written, each once.
    dirty: VecDeque<DeliveryId>,
    /// Those that are being written.
    writing: Vec<DeliveryId>,
    /// How many are in the hands of whoever marks events.
    marked: usize,
    room: Room,
    beyond: Beyond,
    /// How many ended ones were stored since the last were forgotten.
    ended_since_prune: u32,
    /// How many bytes these have.
    ended_bytes_since_prune: u64,
    is_stopping: bool,
}

/// Where a delivery comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// An event of the outbox: it must not be lost.
    Event(EventId),
    /// Any other message.
    Message,
    /// The registry: it waited there, or an operator wants it to be tried again.
    Registry,
}

/// This moment, by both clocks: waits must not change when somebody sets the wall clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) instant: Instant,
    pub(crate) wall: UnixTime,
}

/// A delivery that begins an attempt.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    pub(crate) id: DeliveryId,
    pub(crate) rule: RuleName,
    pub(crate) action: DeliveryAction,
    pub(crate) topic: TopicName,
    pub(crate) request: Arc<str>,
    pub(crate) error_request: Option<Arc<str>>,
    /// How many rules its message has come through.
    pub(crate) depth: u8,
    pub(crate) attempts_failed: u32,
}

/// An attempt that has ended.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) began_at: UnixTime,
    pub(crate) duration: Duration,
    pub(crate) result: Result<Performed, ServiceFailure>,
}

/// What is needed to go on after a failure.
#[derive(Clone, Debug)]
pub(crate) struct Resources {
    /// Random.
    pub(crate) jitter: u8,
    /// The id of the error action's delivery, and its request, which tells of this failure; none if there is no error action.
    pub(crate) error_action: Option<(DeliveryId, Arc<str>)>,
}

/// What became of a delivery by an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was delivered.
    Delivered,
    /// It is tried again.
    Waits,
    /// It failed for good, and the error action takes its place.
    HandedToErrorAction,
    /// It failed for good.
    Dead,
    /// It was not carried out, and is over all the same: a loop of rules ends here.
    Cut,
}

/// What is to be written by one transaction.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    pub(crate) rows: Vec<RowWrite>,
    /// Whether the oldest of those that ended are to be forgotten.
    pub(crate) prunes: bool,
}

/// One row that is to be written.
#[derive(Debug)]
pub(crate) enum RowWrite {
    Store(Box<Delivery>),
    Remove(DeliveryId),
}

impl Deliveries {
    /// Nothing is known of what the registry has.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            limits: limits.clone(),
            backoff: Backoff { first: limits.retry_first, longest: limits.retry_longest },
            entries: HashMap::new(),
            queue: Queue::new(limits.deliveries_running_max, limits.deliveries_running_per_rule_max),
            due: BTreeSet::new(),
            unkept: BTreeSet::new(),
            dirty: VecDeque::new(),
            writing: Vec::new(),
            marked: 0,
            room: Room::new(limits),
            beyond: Beyond::unread(),
            // What earlier runs have left is unknown: the first write prunes.
            ended_since_prune: u32::MAX,
            ended_bytes_since_prune: 0,
            is_stopping: false,
        }
    }

    /// Whether there is room for the deliveries of one more event.
    pub(crate) fn has_room(&self) -> bool {
        self.room.is_there_for_event()
    }

    /// How many run.
    pub(crate) fn running(&self) -> usize {
        self.queue.running()
    }

    /// How many wait in memory: for their turn, for their next attempt, or for the registry.
    pub(crate) fn waiting(&self) -> usize {
        self.entries.len().saturating_sub(self.running())
    }

    /// When there is something to do: the next attempt of one that failed, or a read.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let attempt = self.due.first().map(|(instant, _)| *instant);
        let read = self.beyond.due().filter(|_| self.room.is_there_to_read());
        attempt.into_iter().chain(read).min()
    }

    /// Whether something is to be written.
    pub(crate) fn has_writes(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Whether it is stopped, and nothing runs, is to be written, or is being written.
    pub(crate) fn is_done(&self) -> bool {
        let is_quiet = self.dirty.is_empty() && self.writing.is_empty() && self.marked == 0;
        self.is_stopping && self.running() == 0 && is_quiet
    }

    /// A message that has come through `depth` rules matched one more. Whether its delivery was taken: one of an event always
    /// is, another only if there is room.
    pub(crate) fn handle_new(&mut self, delivery: Delivery, source: Source, depth: u8) -> bool {
        if source == Source::Message && !self.room.is_there_for_message(depth) {
            return false;
        }
        let wanted = if self.is_stopping { Wanted::Content(0) } else { Wanted::Anything };
        let entry = Entry::new(delivery, source, depth, Row::ABSENT, wanted);
        self.insert(entry, Phase::Ready);
        true
    }

    /// Somebody has changed what the registry has of a delivery.
    ///
    /// Our own writes, and those of whoever marks events, are heard too: they are of deliveries that are here.
    pub(crate) fn handle_heard(&mut self, change: &DeliveryChange, now: Now) {
        match change {
            DeliveryChange::Store(delivery) => {
                if let DeliveryState::Waiting { .. } = delivery.state {
                    self.handle_waiting(delivery, now);
                }
            }
            DeliveryChange::Remove(id) => self.handle_removed(id),
            // What ended is not here, or is about to leave.
            DeliveryChange::Prune { status: _, kept_max: _, bytes_max: _ } => {}
        }
    }

    /// An attempt of a delivery that began has ended. What became of it; nothing if it is not here any more.
    pub(crate) fn handle_finished(
        &mut self,
        id: DeliveryId,
        attempt: Attempt,
        resources: Resources,
        now: Now,
    ) -> Option<Outcome> {
        let entry = self.entries.get_mut(&id).filter(|entry| entry.phase == Phase::Running)?;
        self.queue.ended(&entry.delivery.rule);
        if entry.is_forgotten {
            entry.phase = Phase::Ended;
            self.refresh(id);
            return None;
        }
        let Attempt { began_at, duration, result } = attempt;
        let outcome = match result {
            Ok(performed) => {
                entry.end_well(now.wall);
                match performed {
                    Performed::Done => Outcome::Delivered,
                    Performed::Cut => Outcome::Cut,
                }
            }
            Err(ServiceFailure { kind, message }) => {
                let duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
                let problem = cut(&message, self.limits.problem_bytes_max).into();
                entry.delivery.record_failure(DeliveryAttempt { at: began_at, duration_us, problem });
                self.after_failure(id, kind, resources, now)
            }
        };
        self.refresh(id);
        Some(outcome)
    }

    /// The writes that [`Self::poll_writes`] gave last are durable, or could not be made and are made again.
    pub(crate) fn handle_written(&mut self, is_done: bool) {
        for id in mem::take(&mut self.writing) {
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.row.end(is_done);
            }
            self.refresh(id);
        }
    }

    /// A page of the deliveries that wait in the registry was read; none if that failed.
    pub(crate) fn handle_read(&mut self, page: Option<Page<Delivery>>, now: Now) {
        let Some(page) = page else {
            self.beyond.read_failed();
            return;
        };
        let left = self.beyond.read(page.next);
        for delivery in page.items {
            if !left.contains(&delivery.id) && !self.entries.contains_key(&delivery.id) {
                // One whose attempts were used up was sent again by an operator.
                let failed = delivery.attempts_failed;
                let attempts_before = failed - failed % self.limits.attempts_max.max(1);
                self.resume(delivery, attempts_before, now);
            }
        }
    }

    /// The deliveries of events up to and with `last` that have not ended and are not surely in the registry. Whoever asks
    /// stores them, and tells that by [`Self::settled`].
    pub(crate) fn unfinished(&mut self, last: EventId) -> Vec<Delivery> {
        let end = (last, DeliveryId::from_bytes([u8::MAX; 16]));
        let ids: Vec<DeliveryId> = self.unkept.range(..=end).map(|(_, id)| *id).collect();
        let mut unfinished = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(entry) = self.entries.get_mut(&id) {
                self.marked += usize::from(!entry.row.is_marked());
                entry.row.begin_mark(entry.version);
                unfinished.push(entry.delivery.clone());
            }
        }
        unfinished
    }

    /// Deliveries that [`Self::unfinished`] gave are stored, or could not be.
    pub(crate) fn settled(&mut self, ids: &[DeliveryId], stored: bool) {
        for id in ids {
            if let Some(entry) = self.entries.get_mut(id) {
                self.marked -= usize::from(entry.row.is_marked());
                entry.row.end_mark(stored);
            }
            self.refresh(*id);
        }
    }

    /// From now on nothing is begun, and everything that has not ended is to be stored.
    pub(crate) fn stop(&mut self) {
        self.is_stopping = true;
        let ids: Vec<DeliveryId> = self.entries.keys().copied().collect();
        for id in ids {
            if let Some(entry) = self.entries.get_mut(&id)
                && entry.wanted == Wanted::Anything
            {
                entry.wanted = Wanted::Content(entry.version);
                self.refresh(id);
            }
        }
    }

    /// The next delivery that begins an attempt.
    pub(crate) fn poll_start(&mut self, now: Instant) -> Option<Start> {
        if self.is_stopping {
            return None;
        }
        while let Some((_, id)) = self.due.first().copied().filter(|(instant, _)| *instant <= now) {
            self.due.pop_first();
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.phase = Phase::Ready;
                self.queue.push(&entry.delivery.rule, id);
            }
        }
        while let Some((rule, id)) = self.queue.pop() {
            match self.entries.get_mut(&id) {
                Some(entry) if entry.phase == Phase::Ready => {
                    entry.phase = Phase::Running;
                    return Some(entry.start());
                }
                // It was forgotten while it waited for its turn.
                Some(_) | None => self.queue.ended(&rule),
            }
        }
        None
    }

    /// What is to be written by one transaction. There is none until [`Self::handle_written`] has told of the last one.
    pub(crate) fn poll_writes(&mut self) -> Option<Writes> {
        if !self.writing.is_empty() {
            return None;
        }
        let mut writes = Writes::default();
        while writes.rows.len() < self.limits.stored_per_commit_max.max(1)
            && let Some(id) = self.dirty.pop_front()
        {
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            entry.is_dirty = false;
            let Some(write) = entry.row.needs(entry.wanted) else { continue };
            entry.row.begin(write);
            writes.rows.push(match write {
                Write::Store(_) => RowWrite::Store(Box::new(entry.delivery.clone())),
                Write::Remove => RowWrite::Remove(id),
            });
            let is_end = write != Write::Remove && entry.phase == Phase::Ended;
            if is_end {
                let bytes = u64::try_from(entry.bytes).unwrap_or(u64::MAX);
                self.ended_since_prune = self.ended_since_prune.saturating_add(1);
                self.ended_bytes_since_prune = self.ended_bytes_since_prune.saturating_add(bytes);
            }
            self.writing.push(id);
        }
        if writes.rows.is_empty() {
            return None;
        }
        let ended_kept_max = self.limits.delivered_kept_max.min(self.limits.dead_letters_kept_max);
        let ended_bytes_max = self.limits.delivered_bytes_max.min(self.limits.dead_letters_bytes_max);
        writes.prunes = self.ended_since_prune > ended_kept_max / PRUNED_PART
            || self.ended_bytes_since_prune > ended_bytes_max / u64::from(PRUNED_PART);
        if writes.prunes {
            (self.ended_since_prune, self.ended_bytes_since_prune) = (0, 0);
        }
        Some(writes)
    }

    /// Where the deliveries that wait in the registry are to be read from, if there is room for more of them. There is no
    /// other such read until [`Self::handle_read`] has told of this one.
    pub(crate) fn poll_read(&mut self, now: Instant) -> Option<Option<Cursor>> {
        if self.is_stopping || !self.room.is_there_to_read() {
            return None;
        }
        let departures = self.room.read_max_of_rule().div_ceil(2);
        self.beyond.begin(departures, now)
    }
}

/// How many rules the message of a delivery that was stored has come through: that is not stored, and the delivery is of a
/// rule.
const DEPTH_RESUMED: u8 = 1;

/// What ended is forgotten when so large a part of what is kept has been added.
const PRUNED_PART: u32 = 8;

impl Outcome {
    /// The word for it in metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Waits => "retried",
            Self::HandedToErrorAction => "error_action",
            Self::Dead => "dead",
            Self::Cut => "cut",
        }
    }
}

impl Deliveries {
    /// What becomes of a delivery that failed.
    fn after_failure(
        &mut self,
        id: DeliveryId,
        kind: ServiceFailureKind,
        resources: Resources,
        now: Now,
    ) -> Outcome {
        let Some(entry) = self.entries.get_mut(&id) else { return Outcome::Dead };
        let failures = entry.delivery.attempts_failed.saturating_sub(entry.attempts_before);
        let can_pass = kind == ServiceFailureKind::Passing && failures < self.limits.attempts_max;
        if can_pass {
            let delay = self.backoff.delay(failures, resources.jitter);
            let due = now.instant.checked_add(delay).unwrap_or(now.instant);
            entry.wait(due, later(now.wall, delay));
            self.due.insert((due, id));
            return Outcome::Waits;
        }
        let Some((error_id, request)) = resources.error_action else {
            entry.end(DeliveryState::Dead { at: now.wall });
            return Outcome::Dead;
        };
        entry.hand_over(now.wall);
        let error_action = entry.error_action(error_id, request, now.wall);
        self.insert(error_action, Phase::Ready);
        Outcome::HandedToErrorAction
    }

    /// A delivery waits in the registry, as somebody has just written.
    fn handle_waiting(&mut self, delivery: &Delivery, now: Now) {
        let Some(entry) = self.entries.get_mut(&delivery.id) else {
            self.resume(delivery.clone(), delivery.attempts_failed, now);
            return;
        };
        // One that has ended here and waits there was sent again by an operator, unless it is written by somebody to whom it
        // was given before it ended.
        if entry.phase == Phase::Ended
            && entry.wanted != Wanted::Absent
            && !entry.row.is_written_before(entry.version)
        {
            entry.replay(delivery.clone());
            self.queue.push(&delivery.rule, delivery.id);
            self.refresh(delivery.id);
        }
    }

    /// A delivery was removed from the registry.
    fn handle_removed(&mut self, id: &DeliveryId) {
        self.beyond.left(*id);
        let Some(entry) = self.entries.get_mut(id).filter(|entry| entry.wanted != Wanted::Absent) else {
            return;
        };
        if let Phase::Waiting { due } = entry.phase {
            self.due.remove(&(due, *id));
        }
        entry.forget();
        self.refresh(*id);
    }

    /// Takes a delivery that waits in the registry, if there is room. Its failed attempts but for the first `attempts_before`
    /// count.
    fn resume(&mut self, delivery: Delivery, attempts_before: u32, now: Now) {
        if self.is_stopping || !self.room.is_there_to_read_of(&delivery.rule) {
            self.beyond.went();
            return;
        }
        let DeliveryState::Waiting { next_at } = delivery.state else { return };
        let wait = next_at.since(now.wall).min(self.limits.retry_longest);
        let due = now.instant.checked_add(wait).unwrap_or(now.instant);
        let phase = if wait.is_zero() { Phase::Ready } else { Phase::Waiting { due } };
        let mut entry =
            Entry::new(delivery, Source::Registry, DEPTH_RESUMED, Row::stored(0), Wanted::Content(0));
        entry.attempts_before = attempts_before;
        self.insert(entry, phase);
    }

    fn insert(&mut self, mut entry: Entry, phase: Phase) {
        let id = entry.delivery.id;
        entry.phase = phase;
        match phase {
            Phase::Ready => self.queue.push(&entry.delivery.rule, id),
            Phase::Waiting { due } => {
                self.due.insert((due, id));
            }
            Phase::Running | Phase::HandingOver { .. } | Phase::Ended => {}
        }
        self.room.add(&entry);
        self.entries.insert(id, entry);
        self.refresh(id);
    }

    /// Brings everything that follows from the state of a delivery into line with it.
    fn refresh(&mut self, id: DeliveryId) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if let Source::Event(event) = entry.source {
            if entry.must_be_marked() {
                self.unkept.insert((event, id));
            } else {
                self.unkept.remove(&(event, id));
            }
        }
        if !entry.is_dirty && entry.row.needs(entry.wanted).is_some() {
            entry.is_dirty = true;
            self.dirty.push_back(id);
        }
        let predecessor = if entry.is_safe() { entry.predecessor.take() } else { None };
        let has_left = entry.has_left();
        let is_spilled = entry.can_be_read_again() && self.room.is_scarce_for(&entry.delivery.rule);
        if has_left || is_spilled {
            self.remove(id);
        }
        if is_spilled {
            self.beyond.went();
        }
        if let Some(predecessor) = predecessor
            && let Some(entry) = self.entries.get_mut(&predecessor)
        {
            entry.handed_over();
            self.refresh(predecessor);
        }
    }

    fn remove(&mut self, id: DeliveryId) {
        let Some(entry) = self.entries.remove(&id) else { return };
        if let Phase::Waiting { due } = entry.phase {
            self.due.remove(&(due, id));
        }
        self.room.subtract(&entry);
        self.beyond.left(id);
    }
}

fn later(at: UnixTime, by: Duration) -> UnixTime {
    let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
    UnixTime::from_millis(at.as_millis().saturating_add(by))
}

/// The start of a text, up to so many bytes.
fn cut(text: &str, bytes_max: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes_max)).unwrap_or_default()
}
