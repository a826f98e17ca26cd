use landfall_model::DeliveryStatus;
use proptest::prelude::*;

use super::*;

fn limits() -> Limits {
    Limits {
        deliveries_waiting_max: 8,
        deliveries_running_max: 3,
        deliveries_running_per_rule_max: 2,
        attempts_max: 3,
        stored_per_commit_max: 2,
        ..Limits::default()
    }
}

fn delivery(number: u32, has_error_action: bool) -> Delivery {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    Delivery {
        id: DeliveryId::from_bytes(id),
        rule: RuleName::parse(&format!("r{}", number % 3)).unwrap(),
        action: DeliveryAction::Action(0),
        topic: TopicName::parse("a").unwrap(),
        request: "{}".into(),
        error_request: has_error_action.then(|| "{}".into()),
        certificate: None,
        created_at: UnixTime::from_secs(0),
        attempts_failed: 0,
        attempts: Vec::new(),
        state: DeliveryState::Waiting { next_at: UnixTime::from_secs(0) },
    }
}

/// What surely becomes of a delivery if the process ends now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It has to be tried again.
    Open,
    /// It ended well, or was removed.
    Done,
    /// It is a dead letter, or was one.
    Dead,
    /// It failed, and this is its error action.
    HandedTo(DeliveryId),
}

#[derive(Clone, Debug)]
enum Step {
    Publish { deliveries: u32, has_error_action: bool },
    PublishMessage { has_error_action: bool, depth: u8 },
    Start,
    Finish { which: usize, kind: Option<ServiceFailureKind> },
    BeginWrite,
    ApplyWrite,
    EndWrite { is_told: bool },
    BeginMark,
    ApplyMark,
    EndMark { is_told: bool },
    Advance { milliseconds: u64 },
    Read,
    Replay { which: usize },
    Remove { which: usize },
    Crash,
}

/// Everything around the deliveries: a registry, events, and whoever marks them.
struct World {
    core: Deliveries,
    rows: HashMap<DeliveryId, (usize, Delivery)>,
    rows_made: usize,
    fates: HashMap<DeliveryId, Fate>,
    /// The deliveries of each event, in the order of the events.
    events: Vec<Vec<DeliveryId>>,
    /// How many events are marked as delivered.
    marked: usize,
    running: Vec<Start>,
    write: Option<(Writes, bool)>,
    mark: Option<(usize, Vec<Delivery>, bool)>,
    next: u32,
    now: Now,
}

impl World {
    fn new() -> Self {
        Self {
            core: Deliveries::new(&limits()),
            rows: HashMap::new(),
            rows_made: 0,
            fates: HashMap::new(),
            events: Vec::new(),
            marked: 0,
            running: Vec::new(),
            write: None,
            mark: None,
            next: 1,
            now: Now { instant: Instant::now(), wall: UnixTime::from_secs(0) },
        }
    }

    fn event(number: usize) -> EventId {
        EventId::new(i64::try_from(number).unwrap())
    }

    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn take_event(&mut self, index: usize, deliveries: u32, has_error_action: bool) {
        let ids = (0..deliveries).map(|_| {
            let delivery = delivery(self.number(), has_error_action);
            let id = delivery.id;
            self.fates.insert(id, Fate::Open);
            assert!(self.core.handle_new(delivery, Source::Event(Self::event(index)), 0));
            id
        });
        let ids = ids.collect();
        self.events[index] = ids;
    }

    fn store(&mut self, delivery: Delivery) {
        let change = DeliveryChange::Store(Box::new(delivery.clone()));
        self.rows_made += 1;
        let place = self.rows.get(&delivery.id).map_or(self.rows_made, |(place, _)| *place);
        self.rows.insert(delivery.id, (place, delivery));
        self.core.handle_heard(&change, self.now);
    }

    fn erase(&mut self, id: DeliveryId) {
        self.rows.remove(&id);
        self.core.handle_heard(&DeliveryChange::Remove(id), self.now);
    }

    fn finish(&mut self, which: usize, kind: Option<ServiceFailureKind>) {
        if self.running.is_empty() {
            return;
        }
        let start = self.running.swap_remove(which % self.running.len());
        let result =
            kind.map_or(Ok(Performed::Done), |kind| Err(ServiceFailure { kind, message: "no".to_owned() }));
        let error_id = delivery(self.number(), false).id;
        let error_action = start.error_request.map(|request| (error_id, request));
        let attempt = Attempt { began_at: self.now.wall, duration: Duration::from_millis(1), result };
        let resources = Resources { jitter: 7, error_action };
        let Some(outcome) = self.core.handle_finished(start.id, attempt, resources, self.now) else { return };
        let before = self.fates.get(&start.id).copied();
        match outcome {
            Outcome::Delivered | Outcome::Cut => {
                self.fates.insert(start.id, Fate::Done);
            }
            Outcome::Dead => {
                self.fates.insert(start.id, Fate::Dead);
            }
            Outcome::HandedToErrorAction => {
                self.fates.insert(error_id, Fate::Open);
                self.fates.insert(start.id, Fate::HandedTo(error_id));
            }
            Outcome::Waits => assert!(before.is_none_or(|fate| fate != Fate::Done)),
        }
    }

    fn waiting_row(&self, id: &DeliveryId) -> bool {
        self.rows.get(id).is_some_and(|(_, row)| row.state.status() == DeliveryStatus::Waiting)
    }

    fn is_accounted_for(&self, id: &DeliveryId) -> bool {
        match self.fates[id] {
            Fate::Done => true,
            Fate::Open => self.waiting_row(id),
            Fate::Dead => self.rows.contains_key(id),
            Fate::HandedTo(error) => self.waiting_row(id) || self.is_accounted_for(&error),
        }
    }

    /// Reads a page, if there is one.
    fn read(&mut self) -> bool {
        let Some(after) = self.core.poll_read(self.now.instant) else { return false };
        let after = after.map_or(0, Cursor::get);
        let mut rows: Vec<_> =
            self.rows.values().filter(|(_, row)| self.waiting_row(&row.id)).cloned().collect();
        rows.sort_by_key(|(place, _)| *place);
        let rows = rows
            .into_iter()
            .map(|(place, row)| (Cursor::new(i64::try_from(place).unwrap()), row))
            .filter(|(cursor, _)| cursor.get() > after)
            .take(4)
            .collect();
        self.core.handle_read(Some(Page::from_rows(rows, 3)), self.now);
        true
    }

    fn apply_write(&mut self) {
        let Some((writes, is_applied)) = &mut self.write else { return };
        *is_applied = true;
        let changes: Vec<_> = writes
            .rows
            .iter()
            .map(|write| match write {
                RowWrite::Store(delivery) => Ok((**delivery).clone()),
                RowWrite::Remove(id) => Err(*id),
            })
            .collect();
        for change in changes {
            match change {
                Ok(delivery) => self.store(delivery),
                Err(id) => self.erase(id),
            }
        }
    }

    fn end_write(&mut self, is_told: bool) {
        if let Some((_, is_applied)) = self.write.take() {
            self.core.handle_written(is_applied && is_told);
        }
    }

    fn begin_mark(&mut self) {
        if self.mark.is_none() && !self.events.is_empty() {
            let last = self.events.len() - 1;
            self.mark = Some((last, self.core.unfinished(Self::event(last)), false));
        }
    }

    fn apply_mark(&mut self) {
        let Some((last, deliveries, is_applied)) = &mut self.mark else { return };
        *is_applied = true;
        self.marked = self.marked.max(*last + 1);
        for delivery in deliveries.clone() {
            self.store(delivery);
        }
    }

    fn end_mark(&mut self, is_told: bool) {
        if let Some((_, deliveries, is_applied)) = self.mark.take() {
            let ids: Vec<_> = deliveries.iter().map(|delivery| delivery.id).collect();
            self.core.settled(&ids, is_applied && is_told);
        }
    }

    fn crash(&mut self) {
        self.core = Deliveries::new(&limits());
        (self.running, self.write, self.mark) = Default::default();
        for index in self.marked..self.events.len() {
            let ids = mem::take(&mut self.events[index]);
            let deliveries = u32::try_from(ids.len()).unwrap();
            self.fates.retain(|id, _| !ids.contains(id));
            self.take_event(index, deliveries, true);
        }
        // What is in the registry is tried again, whatever was done before.
        for (id, fate) in &mut self.fates {
            let is_waiting =
                self.rows.get(id).is_some_and(|(_, row)| row.state.status() == DeliveryStatus::Waiting);
            if is_waiting {
                *fate = Fate::Open;
            }
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Publish { deliveries, has_error_action } => {
                if self.core.has_room() {
                    self.events.push(Vec::new());
                    self.take_event(self.events.len() - 1, deliveries, has_error_action);
                }
            }
            Step::PublishMessage { has_error_action, depth } => {
                let delivery = delivery(self.number(), has_error_action);
                self.core.handle_new(delivery, Source::Message, depth);
            }
            Step::Start => self.running.extend(self.core.poll_start(self.now.instant)),
            Step::Finish { which, kind } => self.finish(which, kind),
            Step::BeginWrite => {
                if let Some(writes) = self.core.poll_writes() {
                    assert!(self.write.replace((writes, false)).is_none());
                }
            }
            Step::ApplyWrite => self.apply_write(),
            Step::EndWrite { is_told } => self.end_write(is_told),
            Step::BeginMark => self.begin_mark(),
            Step::ApplyMark => self.apply_mark(),
            Step::EndMark { is_told } => self.end_mark(is_told),
            Step::Advance { milliseconds } => self.advance(Duration::from_millis(milliseconds)),
            Step::Read => {
                self.read();
            }
            Step::Replay { which } => {
                let mut dead: Vec<_> = self.rows.values().map(|(_, row)| row.clone()).collect();
                dead.retain(|row| row.state.status() == DeliveryStatus::Dead);
                dead.sort_by_key(|row| row.id);
                if !dead.is_empty() {
                    let state = DeliveryState::Waiting { next_at: self.now.wall };
                    let row = dead.swap_remove(which % dead.len());
                    self.store(Delivery { state, ..row });
                }
            }
            Step::Remove { which } => {
                let mut ids: Vec<_> = self.rows.keys().copied().collect();
                ids.sort_unstable();
                if !ids.is_empty() {
                    let id = ids[which % ids.len()];
                    self.fates.insert(id, Fate::Done);
                    self.erase(id);
                }
            }
            Step::Crash => self.crash(),
        }
    }

    fn advance(&mut self, by: Duration) {
        self.now = Now { instant: self.now.instant + by, wall: later(self.now.wall, by) };
    }

    /// Nothing that was marked is lost, and what is counted is there.
    fn check(&self) {
        for ids in &self.events[..self.marked] {
            for id in ids {
                assert!(
                    self.is_accounted_for(id),
                    "{id} is lost: {:?}, {:?}",
                    self.fates[id],
                    self.rows.get(id)
                );
            }
        }
        assert!(self.core.room.is_of(self.core.entries.values()));
        assert_eq!(self.core.running(), self.running.len());
    }

    /// Lets everything come to its end without a further fault.
    fn settle(&mut self) {
        for _ in 0..1_000 {
            self.end_write(true);
            self.end_mark(true);
            for step in [
                Step::BeginMark,
                Step::BeginWrite,
                Step::ApplyMark,
                Step::ApplyWrite,
                Step::Read,
                Step::Start,
                Step::Finish { which: 0, kind: None },
                Step::Advance { milliseconds: 60_000 },
            ] {
                self.step(&step);
                self.check();
            }
            self.end_write(true);
            self.end_mark(true);
            if !self.read() && self.core.entries.is_empty() && self.core.next_due().is_none() {
                return;
            }
        }
        panic!("it does not come to its end: {:?}", self.core.entries.keys());
    }
}

const PASSING: Option<ServiceFailureKind> = Some(ServiceFailureKind::Passing);
const LASTING: Option<ServiceFailureKind> = Some(ServiceFailureKind::Lasting);

/// A world in which this many deliveries of one event are under way.
fn world_with_an_event(deliveries: u32, has_error_action: bool) -> World {
    let mut world = World::new();
    world.step(&Step::Publish { deliveries, has_error_action });
    (0..deliveries).for_each(|_| world.step(&Step::Start));
    world
}

impl World {
    /// Finishes the one delivery that runs.
    fn fail(&mut self, kind: Option<ServiceFailureKind>) {
        assert_eq!(self.running.len(), 1);
        self.finish(0, kind);
    }

    fn write(&mut self) {
        self.step(&Step::BeginWrite);
        self.apply_write();
        self.end_write(true);
        self.check();
    }

    fn statuses(&self) -> Vec<DeliveryStatus> {
        let mut rows: Vec<_> = self.rows.values().collect();
        rows.sort_by_key(|(place, _)| *place);
        rows.into_iter().map(|(_, row)| row.state.status()).collect()
    }
}

#[test]
fn what_ends_well_at_once_is_never_written() {
    let mut world = world_with_an_event(1, true);
    world.fail(None);
    assert!(!world.core.has_writes() && world.core.entries.is_empty());
    assert_eq!(world.core.unfinished(World::event(0)), []);
}

#[test]
fn what_ends_between_the_question_and_the_mark_is_removed_afterwards() {
    for is_told in [true, false] {
        let mut world = world_with_an_event(1, false);
        world.begin_mark();
        world.fail(None);
        assert!(!world.core.has_writes(), "nothing is written while the mark is");
        world.apply_mark();
        assert_eq!(world.statuses(), [DeliveryStatus::Waiting]);
        world.end_mark(is_told);
        world.write();
        assert!(world.rows.is_empty() && world.core.entries.is_empty() && !world.core.has_writes());
    }
}

#[test]
fn a_delivery_is_tried_as_often_as_allowed_and_each_failure_is_stored() {
    let mut world = world_with_an_event(1, false);
    for (failures, status) in
        [(1, DeliveryStatus::Waiting), (2, DeliveryStatus::Waiting), (3, DeliveryStatus::Dead)]
    {
        world.fail(PASSING);
        world.write();
        let row = world.rows.values().next().unwrap().1.clone();
        assert_eq!((row.attempts_failed, row.state.status()), (failures, status));
        let due = world.core.next_due();
        assert_eq!(due.is_some(), status == DeliveryStatus::Waiting);
        if let Some(due) = due {
            assert_eq!(row.state.at(), later(world.now.wall, due - world.now.instant));
            world.step(&Step::Start);
            assert!(world.running.is_empty());
            world.advance(due - world.now.instant);
            world.step(&Step::Start);
        }
    }
    assert!(world.core.entries.is_empty());
}

#[test]
fn a_delivery_that_failed_and_ended_well_keeps_its_history() {
    let mut world = world_with_an_event(1, true);
    world.fail(PASSING);
    world.write();
    world.advance(Duration::from_secs(1));
    world.step(&Step::Start);
    world.fail(None);
    world.write();
    let row = world.rows.values().next().unwrap().1.clone();
    assert_eq!((row.attempts.len(), row.state), (1, DeliveryState::Delivered { at: world.now.wall }));
}

#[test]
fn the_error_action_takes_the_place_of_what_fails_for_good() {
    let mut world = world_with_an_event(1, true);
    world.fail(LASTING);
    world.write();
    // The error action is stored first, and the one whose place it takes waits for that.
    assert_eq!(world.statuses(), [DeliveryStatus::Waiting]);
    world.write();
    assert_eq!(world.statuses(), [DeliveryStatus::Waiting, DeliveryStatus::HandledByErrorAction]);
    world.step(&Step::Start);
    assert_eq!(world.running[0].action, DeliveryAction::ErrorAction);
    world.fail(LASTING);
    world.write();
    assert_eq!(world.statuses(), [DeliveryStatus::Dead, DeliveryStatus::HandledByErrorAction]);
    assert!(world.core.entries.is_empty());
}

#[test]
fn a_dead_letter_that_is_replayed_has_all_its_attempts_again() {
    let mut world = world_with_an_event(1, false);
    world.fail(LASTING);
    world.step(&Step::BeginWrite);
    world.apply_write();
    // Replayed before the engine has heard that it is stored, and once more after.
    for is_heard in [false, true] {
        if is_heard {
            world.end_write(true);
            world.settle_writes();
        }
        world.step(&Step::Replay { which: 0 });
        for _ in 0..3 {
            world.advance(Duration::from_secs(60));
            world.step(&Step::Start);
            world.fail(PASSING);
        }
        assert!(world.core.next_due().is_none());
    }
    world.settle_writes();
    assert_eq!(world.statuses(), [DeliveryStatus::Dead]);
    assert_eq!(world.rows.values().next().unwrap().1.attempts_failed, 7);
}

impl World {
    fn settle_writes(&mut self) {
        while self.core.has_writes() || self.write.is_some() {
            self.end_write(true);
            self.write();
        }
    }
}

#[test]
fn a_write_that_is_overtaken_is_made_again() {
    let mut world = world_with_an_event(1, false);
    world.fail(PASSING);
    world.step(&Step::BeginWrite);
    world.advance(Duration::from_secs(1));
    world.step(&Step::Start);
    world.fail(LASTING);
    world.begin_mark();
    world.apply_mark();
    assert_eq!(world.statuses(), [DeliveryStatus::Dead]);
    // The older content comes last, and is no replay.
    world.apply_write();
    assert_eq!(world.statuses(), [DeliveryStatus::Waiting]);
    world.end_write(true);
    world.end_mark(true);
    world.settle_writes();
    assert_eq!(world.statuses(), [DeliveryStatus::Dead]);
    assert!(world.core.entries.is_empty());
}

#[test]
fn a_page_that_is_older_than_the_end_of_a_delivery_does_not_bring_it_back() {
    let mut world = world_with_an_event(1, false);
    world.begin_mark();
    world.apply_mark();
    world.end_mark(true);
    let after = world.core.poll_read(world.now.instant);
    assert_eq!(after, Some(None));
    assert_eq!(world.core.poll_read(world.now.instant), None, "one read at a time");
    let (_, row) = world.rows.values().next().unwrap().clone();
    world.fail(None);
    world.write();
    world.core.handle_read(Some(Page { items: vec![row], next: None }), world.now);
    assert!(world.core.entries.is_empty() && world.core.poll_read(world.now.instant).is_none());
}

#[test]
fn what_waits_in_the_registry_is_read_as_there_is_room() {
    let mut world = World::new();
    for number in 1..=20 {
        let row = delivery(number, false);
        world.fates.insert(row.id, Fate::Open);
        world.rows_made += 1;
        world.rows.insert(row.id, (world.rows_made, row));
    }
    for _ in 0..9 {
        world.read();
    }
    // One of each rule, although half of the room is for four.
    assert_eq!(world.core.entries.len(), 3);
    assert_eq!(world.core.next_due(), Some(world.now.instant + Duration::from_secs(30)));
    for _ in 0..3 {
        world.step(&Step::Start);
    }
    world.finish(0, None);
    world.write();
    // One has left, and room is for another of its rule.
    for _ in 0..9 {
        world.read();
    }
    assert_eq!(world.core.entries.len(), 3);
    world.settle();
    assert!(world.rows.is_empty());
}

#[test]
fn failed_deliveries_of_events_make_room_and_messages_do_not_take_it() {
    let mut world = World::new();
    let mut taken = 0;
    for number in 1_000..1_100 {
        taken += u32::from(world.core.handle_new(delivery(number, false), Source::Message, 0));
    }
    assert_eq!(taken, 8);
    assert!(world.core.has_room());
    for _ in 0..50 {
        world.step(&Step::Publish { deliveries: 1, has_error_action: false });
        (0..3).for_each(|_| world.step(&Step::Start));
        while !world.running.is_empty() {
            world.finish(0, PASSING);
        }
        world.settle_writes();
    }
    assert!(world.core.has_room(), "what failed and is stored need not be in memory");
    world.settle();
}

#[test]
fn messages_that_came_through_several_rules_take_an_eighth_of_the_room() {
    for (depth, expected) in [(0, 8), (1, 8), (2, 1), (8, 1)] {
        let mut world = World::new();
        let take = |world: &mut World, depth| {
            let delivery = delivery(world.number(), true);
            world.core.handle_new(delivery, Source::Message, depth)
        };
        let taken = (0..20).filter(|_| take(&mut world, depth)).count();
        assert_eq!(taken, expected, "{depth}");
        let others = (0..20).filter(|_| take(&mut world, 1)).count();
        assert_eq!(others, 8 - expected, "{depth}");
        world.check();
        // The error action of one that fails takes its place, and the room is there again when that has ended.
        while world.core.waiting() > 0 {
            world.step(&Step::Start);
            world.finish(0, LASTING);
            world.settle_writes();
            world.check();
        }
        assert!(take(&mut world, depth), "{depth}");
    }
}

#[test]
fn the_first_write_prunes_and_then_each_that_makes_an_eighth_of_the_bytes() {
    let mut world = World::new();
    world.core.limits.dead_letters_bytes_max = 8 * 2_500;
    let prunes = (0..9).map(|_| {
        let row = delivery(world.number(), false);
        let row = Delivery { request: "x".repeat(1_000).into(), ..row };
        assert!(world.core.handle_new(row, Source::Message, 0));
        world.step(&Step::Start);
        world.fail(LASTING);
        let prunes = world.core.poll_writes().unwrap().prunes;
        world.core.handle_written(true);
        prunes
    });
    // Each takes 1,000 bytes, and those of what is beside its request: 1,768.
    let expected = [true, false, true, false, true, false, true, false, true];
    assert_eq!(prunes.collect::<Vec<_>>(), expected);
}

#[test]
fn problems_are_cut_at_a_character() {
    for (text, expected) in [("", ""), ("ab", "ab"), ("abc", "ab"), ("aä", "a"), ("ää", "ä")] {
        assert_eq!(cut(text, 2), expected);
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    let kind = prop::option::weighted(
        0.7,
        prop::sample::select(vec![ServiceFailureKind::Passing, ServiceFailureKind::Lasting]),
    );
    prop_oneof![
        4 => (1_u32..3, any::<bool>())
            .prop_map(|(deliveries, has_error_action)| Step::Publish { deliveries, has_error_action }),
        1 => (any::<bool>(), 0_u8..4)
            .prop_map(|(has_error_action, depth)| Step::PublishMessage { has_error_action, depth }),
        6 => Just(Step::Start),
        6 => (0_usize..3, kind).prop_map(|(which, kind)| Step::Finish { which, kind }),
        4 => Just(Step::BeginWrite),
        4 => Just(Step::ApplyWrite),
        4 => prop::bool::weighted(0.8).prop_map(|is_told| Step::EndWrite { is_told }),
        3 => Just(Step::BeginMark),
        3 => Just(Step::ApplyMark),
        3 => prop::bool::weighted(0.8).prop_map(|is_told| Step::EndMark { is_told }),
        3 => prop::sample::select(vec![10_u64, 300, 60_000])
            .prop_map(|milliseconds| Step::Advance { milliseconds }),
        2 => Just(Step::Read),
        1 => (0_usize..9).prop_map(|which| Step::Replay { which }),
        1 => (0_usize..9).prop_map(|which| Step::Remove { which }),
        1 => Just(Step::Crash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn no_delivery_of_an_event_is_lost(steps in prop::collection::vec(any_step(), 1..120)) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
            world.check();
        }
        world.settle();
        prop_assert_eq!(world.marked, world.events.len());
        for (_, row) in world.rows.values() {
            // Nothing is left waiting, and what went well at once left no trace.
            prop_assert_ne!(row.state.status(), DeliveryStatus::Waiting);
            prop_assert!(!row.attempts.is_empty());
        }
        let core = &world.core;
        prop_assert!(core.due.is_empty() && core.unkept.is_empty() && !core.has_writes());
        prop_assert!(core.writing.is_empty() && core.marked == 0 && core.running() == 0);
    }

    #[test]
    fn what_is_under_way_when_it_is_stopped_is_stored(
        steps in prop::collection::vec(any_step(), 1..60),
    ) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
        world.end_write(true);
        world.end_mark(true);
        world.core.stop();
        let open: Vec<_> = world.core.entries.keys().copied().collect();
        prop_assert!(world.core.poll_start(world.now.instant).is_none());
        while !world.core.is_done() {
            world.step(&Step::Finish { which: 0, kind: Some(ServiceFailureKind::Passing) });
            world.step(&Step::BeginWrite);
            world.apply_write();
            world.end_write(true);
        }
        for id in open {
            prop_assert!(
                world.rows.contains_key(&id) || world.fates.get(&id) == Some(&Fate::Done),
                "{} is lost",
                id
            );
        }
    }
}
