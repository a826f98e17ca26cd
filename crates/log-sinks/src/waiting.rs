use std::collections::VecDeque;
use std::sync::Arc;

use landfall_model::UnixTime;
use landfall_registry::Cursor;

use crate::entry::Entry;

/// The entries that a sink has read and is not done with, in the order of the log. It decides what is delivered together,
/// and which entries are left out; it delivers nothing itself.
///
/// A sink can refuse an entry for good because something is wrong with the entry, or because something is wrong with the sink,
/// as a table that is not there. No error code tells which. But a sink that takes another entry afterwards is in order: so a
/// refusal counts only when the sink took another entry since the one before.
pub(crate) struct Waiting {
    /// The last entry that was read.
    read_to: Cursor,
    entries: VecDeque<WaitingEntry>,
    /// How many entries the sink has taken.
    taken: u64,
}

struct WaitingEntry {
    /// The position before its own.
    before: Cursor,
    position: Cursor,
    entry: Arc<Entry>,
    state: State,
}

/// How far a sink has come with an entry.
enum State {
    /// It is to be delivered, with others or alone.
    Ready,
    /// It was refused together with others, and is to be delivered alone.
    Suspect,
    /// It was refused alone.
    Refused {
        /// How often, as far as it counts.
        times: u32,
        problem: Arc<str>,
        /// How many entries the sink had taken by the first time.
        taken_by_first: u64,
        /// How many it had taken by the last time.
        taken_by_last: u64,
    },
}

/// Entries that go together.
pub(crate) struct Batch {
    pub(crate) positions: Vec<Cursor>,
    pub(crate) entries: Vec<Arc<Entry>>,
}

/// An entry that is left out.
pub(crate) struct LeftOut {
    pub(crate) entry: Arc<Entry>,
    pub(crate) problem: Arc<str>,
}

impl Waiting {
    /// Nothing, behind a position.
    pub(crate) fn behind(position: Cursor) -> Self {
        Self { read_to: position, entries: VecDeque::new(), taken: 0 }
    }

    /// Where to read on.
    pub(crate) fn read_to(&self) -> Cursor {
        self.read_to
    }

    /// Up to where the sink is done with all.
    pub(crate) fn done_to(&self) -> Cursor {
        self.entries.front().map_or(self.read_to, |first| first.before)
    }

    /// How many entries wait.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// When the first entry ended that waits.
    pub(crate) fn oldest(&self) -> Option<UnixTime> {
        self.entries.front().map(|first| first.entry.ended_at)
    }

    /// Adds what was read behind [`Self::read_to`].
    pub(crate) fn add(&mut self, position: Cursor, entry: Entry) {
        let (before, entry) = (self.read_to, Arc::new(entry));
        self.entries.push_back(WaitingEntry { before, position, entry, state: State::Ready });
        self.read_to = position;
    }

    /// Passes over an entry without delivering it, in place of [`Self::add`].
    pub(crate) fn pass(&mut self, position: Cursor) {
        self.read_to = position;
    }

    /// Forgets everything behind a position, which is to be read and delivered again.
    pub(crate) fn rewind(&mut self, position: Cursor) {
        self.read_to = position;
        self.entries.clear();
    }

    /// What is to be delivered, in batches of at most `batch_max`: those that were refused alone only `with_refused`; with
    /// `newest_first` in reverse order.
    pub(crate) fn batches(&self, batch_max: usize, with_refused: bool, newest_first: bool) -> Vec<Batch> {
        let mut batches: Vec<Batch> = Vec::new();
        let mut may_grow = false;
        for WaitingEntry { position, entry, state, before: _ } in &self.entries {
            let goes_with_others = match state {
                State::Ready => true,
                State::Refused { .. } if !with_refused => continue,
                State::Suspect | State::Refused { .. } => false,
            };
            match batches.last_mut() {
                Some(last) if may_grow && goes_with_others && last.positions.len() < batch_max => {
                    last.positions.push(*position);
                    last.entries.push(Arc::clone(entry));
                }
                Some(_) | None => {
                    batches.push(Batch { positions: vec![*position], entries: vec![Arc::clone(entry)] });
                }
            }
            may_grow = goes_with_others;
        }
        if newest_first {
            batches.reverse();
        }
        batches
    }

    /// The sink took these entries, of one batch.
    pub(crate) fn taken(&mut self, positions: &[Cursor]) {
        self.taken += u64::try_from(positions.len()).unwrap_or(u64::MAX);
        self.entries.retain(|entry| positions.binary_search(&entry.position).is_err());
    }

    /// The sink refused these entries for good, of one batch.
    pub(crate) fn refused(&mut self, positions: &[Cursor], problem: &str) {
        let (taken, is_alone, problem) = (self.taken, positions.len() == 1, Arc::<str>::from(problem));
        let refused =
            self.entries.iter_mut().filter(|entry| positions.binary_search(&entry.position).is_ok());
        for entry in refused {
            let (times, taken_by_first) = match &entry.state {
                State::Refused { times, taken_by_first, taken_by_last, .. } => {
                    (times.saturating_add(u32::from(*taken_by_last < taken)), *taken_by_first)
                }
                State::Ready | State::Suspect => (1, taken),
            };
            entry.state = if is_alone {
                let problem = Arc::clone(&problem);
                State::Refused { times, problem, taken_by_first, taken_by_last: taken }
            } else {
                State::Suspect
            };
        }
    }

    /// Leaves out the entries that a sink in order has refused so often.
    ///
    /// However low the limit, a sink that has taken nothing since is not in order.
    pub(crate) fn leave_out(&mut self, refusals_max: u32) -> Vec<LeftOut> {
        let mut left_out = Vec::new();
        self.entries.retain(|entry| match &entry.state {
            State::Refused { times, problem, taken_by_first, .. }
                if *times >= refusals_max && *taken_by_first < self.taken =>
            {
                left_out.push(LeftOut { entry: Arc::clone(&entry.entry), problem: Arc::clone(problem) });
                false
            }
            State::Refused { .. } | State::Ready | State::Suspect => true,
        });
        left_out
    }

    /// Whether the sink has taken nothing since it refused an entry for the first time: it may be the sink that is at fault.
    pub(crate) fn is_sink_in_doubt(&self) -> bool {
        let has_doubt = |entry: &WaitingEntry| match &entry.state {
            State::Refused { taken_by_first, .. } => *taken_by_first == self.taken,
            State::Suspect => true,
            State::Ready => false,
        };
        self.entries.iter().any(has_doubt)
    }
}

#[cfg(test)]
mod tests {
    use landfall_registry::conformance::samples::success;

    use super::*;

    /// Entries 1 to `count`, at ten times their numbers.
    fn waiting(count: u32) -> Waiting {
        let mut waiting = Waiting::behind(Cursor::new(0));
        for number in 1..=count {
            waiting.add(at(number), Entry::new(success(number)));
        }
        waiting
    }

    fn at(number: u32) -> Cursor {
        Cursor::new(i64::from(number) * 10)
    }

    fn all_at(numbers: &[u32]) -> Vec<Cursor> {
        numbers.iter().copied().map(at).collect()
    }

    /// The numbers of the entries of each batch.
    fn batches(waiting: &Waiting, batch_max: usize, newest_first: bool) -> Vec<Vec<i64>> {
        let batches = waiting.batches(batch_max, true, newest_first);
        let numbers = |batch: &Batch| batch.positions.iter().map(|position| position.get() / 10).collect();
        assert!(batches.iter().all(|batch| batch.positions.len() == batch.entries.len()));
        batches.iter().map(numbers).collect()
    }

    #[test]
    fn entries_go_together_in_their_order() {
        let waiting = waiting(5);
        for (batch_max, newest_first, expected) in [
            (1, false, vec![vec![1], vec![2], vec![3], vec![4], vec![5]]),
            (2, false, vec![vec![1, 2], vec![3, 4], vec![5]]),
            (9, false, vec![vec![1, 2, 3, 4, 5]]),
            (2, true, vec![vec![5], vec![3, 4], vec![1, 2]]),
        ] {
            assert_eq!(batches(&waiting, batch_max, newest_first), expected);
        }
    }

    #[test]
    fn it_is_done_up_to_the_first_that_is_not() {
        let mut waiting = waiting(5);
        assert_eq!((waiting.done_to(), waiting.read_to()), (at(0), at(5)));
        waiting.taken(&all_at(&[2, 4]));
        assert_eq!(waiting.done_to(), at(0));
        assert_eq!(batches(&waiting, 9, false), [vec![1, 3, 5]]);
        waiting.taken(&all_at(&[1]));
        assert_eq!((waiting.done_to(), waiting.len()), (at(2), 2));
        waiting.taken(&all_at(&[3, 5]));
        assert_eq!((waiting.done_to(), waiting.is_empty()), (at(5), true));
    }

    #[test]
    fn what_is_passed_over_is_done_with_all_before_it() {
        let mut waiting = waiting(0);
        waiting.pass(at(1));
        assert_eq!(waiting.done_to(), at(1));
        waiting.add(at(2), Entry::new(success(2)));
        waiting.pass(at(3));
        assert_eq!((waiting.done_to(), waiting.read_to()), (at(1), at(3)));
        waiting.taken(&all_at(&[2]));
        assert_eq!(waiting.done_to(), at(3));
    }

    #[test]
    fn what_was_refused_together_goes_alone() {
        let mut waiting = waiting(5);
        waiting.refused(&all_at(&[1, 2, 3]), "no");
        assert_eq!(batches(&waiting, 3, false), [vec![1], vec![2], vec![3], vec![4, 5]]);
        waiting.refused(&all_at(&[2]), "no");
        waiting.taken(&all_at(&[1, 3]));
        assert_eq!(batches(&waiting, 3, false), [vec![2], vec![4, 5]]);
        let without_refused = waiting.batches(3, false, false);
        assert_eq!(
            without_refused.iter().map(|batch| &*batch.positions).collect::<Vec<_>>(),
            [all_at(&[4, 5])]
        );
    }

    /// The problems of the entries that are left out after three refusals.
    fn left_out(waiting: &mut Waiting) -> Vec<String> {
        waiting.leave_out(3).into_iter().map(|one| one.problem.to_string()).collect()
    }

    #[test]
    fn an_entry_is_left_out_when_others_are_taken_between_its_refusals() {
        let mut waiting = waiting(2);
        // All that came was refused: it may be the sink.
        for problem in ["a", "b", "c", "d"] {
            waiting.refused(&all_at(&[1]), problem);
            waiting.refused(&all_at(&[2]), problem);
            assert!(waiting.is_sink_in_doubt());
            assert_eq!(left_out(&mut waiting), [""; 0]);
        }
        // It is in order by now, so that the next refusals count; but only one for each that it takes.
        for number in 3..=4 {
            waiting.add(at(number), Entry::new(success(number)));
            waiting.taken(&all_at(&[number]));
            assert!(!waiting.is_sink_in_doubt());
            assert_eq!(left_out(&mut waiting), [""; 0]);
            for problem in ["e", "f"] {
                waiting.refused(&all_at(&[1]), problem);
            }
        }
        assert_eq!(left_out(&mut waiting), ["f"]);
        assert_eq!((waiting.done_to(), waiting.len()), (at(1), 1));
        waiting.taken(&all_at(&[2]));
        assert_eq!((waiting.done_to(), waiting.is_empty()), (at(4), true));
    }

    #[test]
    fn a_sink_that_fails_later_is_in_doubt_again() {
        let mut waiting = waiting(2);
        waiting.refused(&all_at(&[1]), "a");
        waiting.taken(&all_at(&[2]));
        waiting.refused(&all_at(&[1]), "a");
        assert!(!waiting.is_sink_in_doubt());
        waiting.add(at(3), Entry::new(success(3)));
        for _ in 0..9 {
            waiting.refused(&all_at(&[1]), "b");
            waiting.refused(&all_at(&[3]), "b");
            assert!(waiting.is_sink_in_doubt());
            assert_eq!(left_out(&mut waiting), [""; 0]);
        }
        waiting.taken(&all_at(&[3]));
        assert!(!waiting.is_sink_in_doubt());
    }

    #[test]
    fn the_first_refusal_alone_leaves_nothing_out() {
        let mut waiting = waiting(2);
        waiting.refused(&all_at(&[1]), "a");
        assert_eq!(waiting.leave_out(1).len(), 0);
        waiting.taken(&all_at(&[2]));
        assert_eq!(waiting.leave_out(1).len(), 1);
    }

    #[test]
    fn an_entry_that_is_refused_seldom_stays() {
        let mut waiting = waiting(2);
        waiting.refused(&all_at(&[1]), "no");
        waiting.taken(&all_at(&[2]));
        waiting.refused(&all_at(&[1]), "no");
        assert!(waiting.leave_out(3).is_empty());
        waiting.taken(&all_at(&[1]));
        assert_eq!(waiting.done_to(), at(2));
    }

    #[test]
    fn what_may_be_lost_is_read_again() {
        let mut waiting = waiting(3);
        waiting.taken(&all_at(&[1, 2]));
        waiting.rewind(at(1));
        assert_eq!((waiting.done_to(), waiting.read_to(), waiting.len()), (at(1), at(1), 0));
    }
}
