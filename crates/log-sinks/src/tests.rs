//! Sinks in a world of services in memory, whose time goes on as far as somebody waits.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use landfall_model::{
    CertificateDer, CertificateStatus, Clock, LogSinkName, QueueArn, RegistrationRecord, UnixTime,
};
use landfall_pki::{
    CertificateVersion, DeviceRequest, Issuer, KeyKind, KeyPair, ParsedCertificate, Subject, validity_of_days,
};
use landfall_registry::conformance::samples::{CA, NOW, activated, certificate, failure, id, success};
use landfall_registry::{Cursor, LogSinks as _, MemoryRegistry, Registry, Transaction};
use landfall_services::memory::{MemoryMetrics, MemoryQueues, MemoryTables};
use landfall_services::{MessageQueues, QueueUrl, ServiceFailure, Tables};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::entry::Entry;
use crate::metrics::Metrics;
use crate::sink::{Sink, Target};
use crate::worker::{Shared, Worker};
use crate::{Config, FileConfig, Limits, LogSinks, Prepared, Services};

/// Begins at a moment and goes on as time does.
struct TestClock(Instant);

impl Clock for TestClock {
    fn now(&self) -> UnixTime {
        let passed = i64::try_from(self.0.elapsed().as_millis()).unwrap();
        UnixTime::from_millis(NOW.as_millis() + passed)
    }
}

/// A registry and the services.
struct World {
    registry: Arc<MemoryRegistry>,
    clock: Arc<TestClock>,
    queues: Arc<MemoryQueues>,
    queue: QueueUrl,
    tables: Arc<MemoryTables>,
    metrics: Arc<MemoryMetrics>,
}

/// Sinks that run.
struct Running {
    sinks: LogSinks,
    wanted: watch::Sender<Prepared>,
    tracker: TaskTracker,
    stopping: CancellationToken,
}

impl World {
    fn new() -> Self {
        let queues = Arc::new(MemoryQueues::default());
        let queue = queues.create(&QueueArn::parse("arn:aws:sqs:us-east-1:000000000000:log").unwrap());
        let tables = Arc::new(MemoryTables::default());
        tables.create("log", &["certificateId", "timestamp"]);
        Self {
            registry: Arc::default(),
            clock: Arc::new(TestClock(Instant::now())),
            queues,
            queue,
            tables,
            metrics: Arc::default(),
        }
    }

    /// A queue that gets one message after the other.
    fn to_queue(&self) -> Config {
        let limits = Limits { requests_running_max: 1, ..Limits::default() };
        Config { queue: Some(self.queue.clone()), limits, ..Config::default() }
    }

    async fn start(&self, config: Config) -> Running {
        let services = Services {
            tables: Arc::clone(&self.tables) as Arc<dyn Tables>,
            queues: Arc::clone(&self.queues) as Arc<dyn MessageQueues>,
            metrics: Arc::clone(&self.metrics) as Arc<dyn landfall_services::Metrics>,
        };
        let registry = Arc::clone(&self.registry) as Arc<dyn Registry>;
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let wanted = watch::Sender::new(config.prepare().unwrap());
        let sinks = LogSinks::build(wanted.subscribe(), registry, services, clock);
        let running =
            Running { sinks, wanted, tracker: TaskTracker::new(), stopping: CancellationToken::new() };
        running.sinks.spawn(&running.tracker, &running.stopping);
        // Let them find their positions.
        sleep(Duration::from_millis(1)).await;
        running
    }

    async fn record(&self, record: RegistrationRecord) {
        self.commit(|tx| tx.record(record)).await;
    }

    async fn record_all(&self, numbers: impl IntoIterator<Item = u32>) {
        for number in numbers {
            self.record(success(number)).await;
        }
    }

    async fn commit(&self, build: impl FnOnce(&mut Transaction)) {
        let mut transaction = Transaction::new();
        build(&mut transaction);
        self.registry.commit(transaction).await.unwrap();
    }

    /// The numbers of the devices that the queue was told of, once there are so many messages.
    async fn told(&self, count: usize) -> Vec<u32> {
        let bodies = within_the_hours(self.queues.holds(&self.queue, count)).await;
        bodies.iter().map(|body| number(&serde_json::from_str(body).unwrap())).collect()
    }

    async fn position(&self, sink: LogSinkName) -> Option<Cursor> {
        self.registry.log_sink_position(sink).await.unwrap()
    }

    async fn last(&self) -> Option<Cursor> {
        self.registry.last_record_position().await.unwrap()
    }

    fn shared(&self, recorded: watch::Receiver<()>) -> Shared {
        Shared {
            registry: Arc::clone(&self.registry) as Arc<dyn Registry>,
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            metrics: Metrics::new(Arc::clone(&self.clock) as Arc<dyn Clock>),
            recorded,
        }
    }
}

impl Running {
    /// Ends them in order.
    async fn stop(self) {
        self.stopping.cancel();
        self.tracker.close();
        within_the_hours(self.tracker.wait()).await;
    }

    fn metrics(&self) -> String {
        let mut registry = prometheus_client::registry::Registry::default();
        self.sinks.register_metrics(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text
    }
}

/// The number of the device that an entry is about.
fn number(entry: &Value) -> u32 {
    let certificate = entry["certificateId"].as_str().unwrap();
    (0..10_000).find(|number| id(*number).to_string() == certificate).unwrap()
}

/// What must come sooner or later. Time goes on by itself while everybody waits.
async fn within_the_hours<T>(expected: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(36_000), expected).await.unwrap()
}

fn down() -> ServiceFailure {
    ServiceFailure::passing("it is down")
}

#[tokio::test(start_paused = true)]
async fn entries_are_delivered_in_the_order_of_the_log() {
    let world = World::new();
    let running = world.start(world.to_queue()).await;
    world.record_all(1..=3).await;
    assert_eq!(world.told(3).await, [1, 2, 3]);
    world.record(failure(4, "a")).await;
    world.record(activated(5)).await;
    world.record_all(6..=600).await;
    assert_eq!(world.told(600).await, (1..=600).collect::<Vec<_>>());
    let bodies = world.queues.bodies(&world.queue);
    assert_eq!(bodies[3], Entry::new(failure(4, "a")).to_json().to_string());
    running.stop().await;
    assert_eq!(world.position(LogSinkName::Sqs).await, world.last().await);
}

#[tokio::test(start_paused = true)]
async fn a_new_sink_begins_at_the_end_or_at_the_start() {
    for (from_start, expected) in [(false, vec![3]), (true, vec![1, 2, 3])] {
        let world = World::new();
        world.record_all(1..=2).await;
        let running = world.start(Config { from_start, ..world.to_queue() }).await;
        world.record_all([3]).await;
        assert_eq!(world.told(expected.len()).await, expected);
        running.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_sink_that_is_down_from_the_start_misses_nothing() {
    let world = World::new();
    world.queues.fail_next(10_000, &down());
    let running = world.start(world.to_queue()).await;
    world.record_all(1..=2).await;
    sleep(Duration::from_secs(600)).await;
    running.stop().await;
    // The next start finds a position, although nothing was delivered yet.
    let world = World { queues: Arc::default(), ..world };
    world.queues.create(&QueueArn::parse("arn:aws:sqs:us-east-1:000000000000:log").unwrap());
    world.record_all([3]).await;
    let running = world.start(world.to_queue()).await;
    assert_eq!(world.told(3).await, [1, 2, 3]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_was_down_gets_everything_and_nobody_waits_for_it() {
    let world = World::new();
    let running = world.start(world.to_queue()).await;
    world.record_all(1..=5).await;
    assert_eq!(world.told(5).await, [1, 2, 3, 4, 5]);
    world.queues.fail_next(20, &down());
    let began = Instant::now();
    world.record_all(6..=1_000).await;
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(world.told(1_000).await, (1..=1_000).collect::<Vec<_>>());
    // Half of each wait at least: 200 ms doubled up to a minute, twenty times.
    assert!(began.elapsed() > Duration::from_secs(300), "{:?}", began.elapsed());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_recorded_between_two_runs_is_delivered_once() {
    let world = World::new();
    for run in 0..5 {
        let running = world.start(world.to_queue()).await;
        if run == 0 {
            world.record_all([0]).await;
        }
        // Of this run one, which may come too late for it.
        world.record_all([2 * run + 1]).await;
        running.stop().await;
        world.record_all([2 * run + 2]).await;
    }
    let running = world.start(world.to_queue()).await;
    assert_eq!(world.told(11).await, (0..=10).collect::<Vec<_>>());
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_entries_come_at_least_once() {
    let world = World::new();
    let config = world.to_queue();
    let sink = crate::sqs::QueueSink {
        queues: Arc::clone(&world.queues) as Arc<dyn MessageQueues>,
        queue: world.queue.clone(),
    };
    let target = Target {
        name: LogSinkName::Sqs,
        sink: Arc::new(sink),
        entries_per_request_max: 1,
        requests_running_max: 1,
    };
    let (sender, receiver) = watch::channel(());
    let limits = Limits { position_pause: Duration::from_secs(60), ..config.limits.clone() };
    let worker = Worker::new(target, world.shared(receiver), false, limits);
    let mut crashing = JoinSet::new();
    crashing.spawn(worker.run(CancellationToken::new()));
    sleep(Duration::from_millis(1)).await;
    world.record_all(1..=3).await;
    sender.send_replace(());
    assert_eq!(world.told(3).await, [1, 2, 3]);
    crashing.abort_all();
    while crashing.join_next().await.is_some() {}

    world.record_all([4]).await;
    let running = world.start(config).await;
    assert_eq!(world.told(7).await, [1, 2, 3, 1, 2, 3, 4]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn positions_are_stored_seldom_and_when_nothing_comes() {
    let world = World::new();
    let running = world.start(world.to_queue()).await;
    assert_eq!(world.position(LogSinkName::Sqs).await, Some(Cursor::START));
    for number in 1..=20 {
        world.record_all([number]).await;
        sleep(Duration::from_millis(30)).await;
    }
    assert!(world.position(LogSinkName::Sqs).await > Some(Cursor::START));
    sleep(Duration::from_millis(150)).await;
    assert_eq!(world.position(LogSinkName::Sqs).await, world.last().await);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_item_that_comes_again_is_the_same() {
    let world = World::new();
    let limits = Limits { requests_running_max: 3, ..Limits::default() };
    let config = Config { table: Some("log".to_owned()), limits, from_start: true, ..Config::default() };
    world.record(failure(1, "a")).await;
    world.record_all(2..=9).await;
    world.tables.fail_next(5, &down());
    let running = world.start(config).await;
    let items = within_the_hours(world.tables.reached("log", 9)).await;
    assert!(items.contains(&Entry::new(failure(1, "a")).to_item()));
    // It counts up, and is the same entry.
    world.record(failure(1, "a")).await;
    world.commit(|tx| tx.set_log_sink_position(LogSinkName::DynamoDb, Cursor::START)).await;
    running.stop().await;
    world.commit(|tx| tx.set_log_sink_position(LogSinkName::DynamoDb, Cursor::START)).await;
    let again = Config { table: Some("log".to_owned()), ..Config::default() };
    let running = world.start(again).await;
    world.record_all([10]).await;
    assert_eq!(within_the_hours(world.tables.reached("log", 10)).await.len(), 10);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_table_that_is_not_there_yet_gets_everything_once_it_is() {
    let world = World::new();
    let config = Config { table: Some("absent".to_owned()), ..Config::default() };
    let running = world.start(config).await;
    world.record_all(1..=100).await;
    sleep(Duration::from_secs(7_200)).await;
    let told = running.metrics();
    assert!(told.contains("landfall_log_sink_lag_seconds{sink=\"dynamodb\"} 7"), "{told}");
    world.tables.create("absent", &["certificateId", "timestamp"]);
    assert_eq!(within_the_hours(world.tables.reached("absent", 100)).await.len(), 100);
    let told = running.metrics();
    assert!(!told.contains("outcome=\"skipped\""), "{told}");
    running.stop().await;
}

/// A sink with a mind of its own.
#[derive(Default)]
struct Choosy {
    /// The devices of whose entries it wants none.
    refused: Vec<u32>,
    taken: Mutex<Vec<u32>>,
    /// How often it was asked about each device.
    asked: Mutex<HashMap<u32, u32>>,
    /// How many more calls of `settle` fail.
    unsettled: AtomicUsize,
    is_silent: AtomicBool,
    requests: AtomicUsize,
}

#[async_trait]
impl Sink for Choosy {
    async fn deliver(&self, entries: &[Arc<Entry>]) -> Result<(), ServiceFailure> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if self.is_silent.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let numbers: Vec<u32> = entries.iter().map(|entry| number(&entry.to_json())).collect();
        numbers.iter().for_each(|number| *self.asked.lock().unwrap().entry(*number).or_default() += 1);
        if let Some(refused) = numbers.iter().find(|number| self.refused.contains(number)) {
            return Err(ServiceFailure::lasting(format!("{refused} is refused")));
        }
        self.taken.lock().unwrap().extend(numbers);
        Ok(())
    }

    async fn settle(&self) -> Result<(), ServiceFailure> {
        let fails =
            self.unsettled.try_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if fails.is_ok() { Err(ServiceFailure::passing("the disk is full")) } else { Ok(()) }
    }
}

/// A worker of such a sink, and what tells it of entries.
struct Chosen {
    sink: Arc<Choosy>,
    recorded: watch::Sender<()>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
    metrics: Metrics,
}

impl Chosen {
    async fn start(world: &World, sink: Choosy, batch_max: usize, limits: Limits) -> Self {
        let sink = Arc::new(sink);
        let target = Target {
            name: LogSinkName::Webhook,
            sink: Arc::clone(&sink) as Arc<dyn Sink>,
            entries_per_request_max: batch_max,
            requests_running_max: 1,
        };
        let (recorded, receiver) = watch::channel(());
        let (shared, stop, mut tasks) = (world.shared(receiver), CancellationToken::new(), JoinSet::new());
        let metrics = shared.metrics.clone();
        tasks.spawn(Worker::new(target, shared, false, limits).run(stop.clone()));
        sleep(Duration::from_millis(1)).await;
        Self { sink, recorded, stop, tasks, metrics }
    }

    async fn record(&self, world: &World, numbers: impl IntoIterator<Item = u32>) {
        world.record_all(numbers).await;
        self.recorded.send_replace(());
    }

    fn taken(&self) -> Vec<u32> {
        self.sink.taken.lock().unwrap().clone()
    }

    fn asked(&self, number: u32) -> u32 {
        self.sink.asked.lock().unwrap().get(&number).copied().unwrap_or(0)
    }

    fn left_out(&self) -> bool {
        let mut registry = prometheus_client::registry::Registry::default();
        self.metrics.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text.contains("landfall_log_sink_entries_total{sink=\"webhook\",outcome=\"skipped\"} 1\n")
    }

    async fn stop(mut self) {
        self.stop.cancel();
        within_the_hours(self.tasks.join_next()).await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_entry_that_is_refused_for_good_stops_no_other() {
    for batch_max in [1, 100] {
        let world = World::new();
        let limits = Limits { refusals_max: 5, ..Limits::default() };
        let sink = Choosy { refused: vec![3], ..Choosy::default() };
        let chosen = Chosen::start(&world, sink, batch_max, limits).await;
        chosen.record(&world, 1..=9).await;
        // Those behind it come long before it is given up.
        sleep(Duration::from_secs(1)).await;
        assert_eq!(chosen.taken(), [1, 2, 4, 5, 6, 7, 8, 9]);
        for number in 10..=12 {
            assert!(!chosen.left_out() && world.position(LogSinkName::Webhook).await < world.last().await);
            chosen.record(&world, [number]).await;
            sleep(Duration::from_millis(50)).await;
            assert_eq!(chosen.taken().last(), Some(&number));
            sleep(Duration::from_secs(60)).await;
        }
        assert!(chosen.left_out());
        assert_eq!(world.position(LogSinkName::Webhook).await, world.last().await);
        assert_eq!(chosen.taken(), [1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        chosen.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_refuses_all_loses_nothing_and_is_not_asked_for_each() {
    let world = World::new();
    let sink = Choosy { refused: (1..=200).collect(), ..Choosy::default() };
    let chosen = Chosen::start(&world, sink, 1, Limits::default()).await;
    chosen.record(&world, 1..=200).await;
    sleep(Duration::from_secs(86_400)).await;
    assert!(!chosen.left_out());
    assert!(chosen.asked(1) > Limits::default().refusals_max);
    assert!(chosen.asked(200) > 0 && chosen.asked(100) == 0, "the first and the last are tried");
    let requests = chosen.sink.requests.load(Ordering::Relaxed);
    assert!(requests < 16 * (86_400 / 30 + 20), "{requests}");
    // What comes later is delivered all the same.
    for number in 201..=203 {
        chosen.record(&world, [number]).await;
        sleep(Duration::from_secs(200)).await;
        assert_eq!(chosen.taken().last(), Some(&number));
    }
    chosen.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_durable_comes_again() {
    let world = World::new();
    let sink = Choosy { unsettled: AtomicUsize::new(2), ..Choosy::default() };
    let chosen = Chosen::start(&world, sink, 9, Limits::default()).await;
    chosen.record(&world, 1..=3).await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(chosen.taken(), [1, 2, 3, 1, 2, 3, 1, 2, 3]);
    assert_eq!(world.position(LogSinkName::Webhook).await, world.last().await);
    chosen.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_never_answers_is_asked_again_and_does_not_hold_up_the_end() {
    let world = World::new();
    let sink = Choosy { is_silent: AtomicBool::new(true), ..Choosy::default() };
    let chosen = Chosen::start(&world, sink, 9, Limits::default()).await;
    chosen.record(&world, 1..=3).await;
    sleep(Duration::from_secs(100)).await;
    let requests = chosen.sink.requests.load(Ordering::Relaxed);
    assert!((3..=4).contains(&requests), "{requests} requests of 30 s in 100 s");
    let began = Instant::now();
    let (sink, metrics) = (Arc::clone(&chosen.sink), chosen.metrics.clone());
    chosen.stop().await;
    assert!(began.elapsed() <= Limits::default().stop_grace, "{:?}", began.elapsed());
    drop((sink, metrics));

    let chosen = Chosen::start(&world, Choosy::default(), 9, Limits::default()).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(chosen.taken(), [1, 2, 3]);
    chosen.stop().await;
}

#[tokio::test(start_paused = true)]
async fn no_more_entries_are_in_memory_than_the_limit() {
    let world = World::new();
    let limits = Limits { entries_waiting_max: 4, ..Limits::default() };
    let sink = Choosy { refused: (1..=50).collect(), ..Choosy::default() };
    let chosen = Chosen::start(&world, sink, 1, limits).await;
    chosen.record(&world, 1..=50).await;
    sleep(Duration::from_secs(3_600)).await;
    assert!((1..=4).all(|number| chosen.asked(number) > 0));
    assert!((5..=50).all(|number| chosen.asked(number) == 0));
    chosen.stop().await;
}

#[tokio::test(start_paused = true)]
async fn other_sinks_take_the_place_of_those_that_run() {
    let world = World::new();
    let running = world.start(world.to_queue()).await;
    world.record_all([1]).await;
    assert_eq!(world.told(1).await, [1]);
    let table = Config { table: Some("log".to_owned()), ..Config::default() };
    running.wanted.send_replace(table.prepare().unwrap());
    sleep(Duration::from_secs(1)).await;
    world.record_all([2]).await;
    assert_eq!(within_the_hours(world.tables.reached("log", 1)).await.len(), 1);
    assert_eq!(world.told(1).await, [1]);
    assert!(!running.metrics().contains("lag_seconds{sink=\"sqs\"}"));
    // Back again, it goes on where it was.
    running.wanted.send_replace(world.to_queue().prepare().unwrap());
    assert_eq!(world.told(2).await, [1, 2]);
    // The same again changes nothing.
    running.wanted.send_replace(world.to_queue().prepare().unwrap());
    world.record_all([3]).await;
    assert_eq!(world.told(3).await, [1, 2, 3]);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn sinks_do_not_wait_for_each_other() {
    let world = World::new();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let file = FileConfig { path: path.clone(), bytes_max: 1_000_000, files_max: 1 };
    let config = Config {
        file: Some(file),
        table: Some("log".to_owned()),
        namespace: Some("AWS/IoT".to_owned()),
        ..world.to_queue()
    };
    world.tables.fail_next(10_000, &down());
    let running = world.start(config).await;
    world.record_all(1..=3).await;
    assert_eq!(world.told(3).await, [1, 2, 3]);
    let data = within_the_hours(world.metrics.data().reached(9)).await;
    assert!(data.iter().all(|(namespace, datum)| namespace == "AWS/IoT" && datum.at == NOW));
    running.stop().await;
    let expected: String =
        (1..=3).map(|number| format!("{}\n", Entry::new(success(number)).to_json())).collect();
    assert_eq!(std::fs::read_to_string(path).unwrap(), expected);
    assert_eq!(world.position(LogSinkName::File).await, world.last().await);
    assert_eq!(world.position(LogSinkName::DynamoDb).await, Some(Cursor::START));
    assert_eq!(world.tables.items("log"), []);
}

#[tokio::test(start_paused = true)]
async fn data_that_cloudwatch_would_refuse_are_left_out_at_once() {
    let world = World::new();
    let config = Config { namespace: Some("AWS/IoT".to_owned()), from_start: true, ..Config::default() };
    world.record_all([1]).await;
    sleep(Duration::from_secs(14 * 86_400)).await;
    let fresh = RegistrationRecord { first_at: world.clock.now(), ..success(2) };
    world.record(fresh.clone()).await;
    let running = world.start(config).await;
    let data = within_the_hours(world.metrics.data().reached(3)).await;
    assert!(data.len() == 3 && data.iter().all(|(_, datum)| datum.at == fresh.first_at));
    let told = running.metrics();
    for expected in [
        "landfall_log_sink_entries_total{sink=\"cloudwatch\",outcome=\"skipped\"} 1\n",
        "landfall_log_sink_entries_total{sink=\"cloudwatch\",outcome=\"delivered\"} 1\n",
        "landfall_log_sink_lag_seconds{sink=\"cloudwatch\"} 0.0\n",
    ] {
        assert!(told.contains(expected), "{expected} in {told}");
    }
    running.stop().await;
}

/// A certificate of a Greengrass core.
fn greengrass_core() -> ParsedCertificate {
    let key = || KeyPair::generate(KeyKind::P256).unwrap();
    let validity = validity_of_days(UnixTime::from_secs(1_700_000_000), 365);
    let issuer = Issuer::self_signed(&Subject::common_name("ca").unwrap(), key(), validity).unwrap();
    let mut subject = Subject::common_name("core").unwrap();
    subject.push_named("T", "greengrass").unwrap();
    let own = key();
    let request = DeviceRequest {
        subject: &subject,
        public_key: own.public_key(),
        validity,
        version: CertificateVersion::V1,
    };
    issuer.sign_device(&request).unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_category_is_that_of_the_certificate_where_nothing_was_provisioned() {
    let world = World::new();
    let of_core = landfall_model::Certificate {
        der: CertificateDer::new(greengrass_core().der().as_bytes()),
        ..certificate(1, Some(CA), CertificateStatus::Inactive)
    };
    let unreadable = certificate(2, Some(CA), CertificateStatus::Inactive);
    world
        .commit(|tx| {
            tx.insert_certificate(of_core);
            tx.insert_certificate(unreadable);
        })
        .await;
    let running = world.start(world.to_queue()).await;
    for record in [failure(1, "a"), activated(1), success(2), failure(2, "a"), failure(3, "a")] {
        world.record(record).await;
    }
    assert_eq!(world.told(5).await, [1, 1, 2, 2, 3]);
    let category = |body: &String| serde_json::from_str::<Value>(body).unwrap()["thingCategory"].clone();
    let categories: Vec<_> = world.queues.bodies(&world.queue).iter().map(category).collect();
    assert_eq!(
        categories,
        ["greengrass".into(), "greengrass".into(), "iot".into(), Value::Null, Value::Null]
    );
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn without_sinks_nothing_is_read_or_stored() {
    let world = World::new();
    let running = world.start(Config::default()).await;
    world.record_all(1..=3).await;
    sleep(Duration::from_secs(60)).await;
    running.stop().await;
    for sink in LogSinkName::ALL {
        assert_eq!(world.position(sink).await, None);
    }
}
