use std::collections::BTreeSet;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Mutex;
use std::time::Duration;

use landfall_model::ClientId;
use landfall_mqtt::{ConnectRefusal, ProtocolVersion, PubAckReason};

use super::*;
use crate::toy_server::{Answer, MemoryDial, Seen, Toy, WithMessage, issuer, today};
use crate::{
    Acceptance, Afterwards, AttemptFailure, ConnectionEnd, DeviceTypes, FleetConfig, GaveUp, MessageOutcome,
    NoProgress, PUBLISH_ATTEMPTS_MAX, Profile, Publish,
};

const SECOND: Duration = Duration::from_secs(1);

fn config(devices: usize) -> FleetConfig {
    let issuer = issuer("devices");
    let trust = issuer.certificate().to_pem().into_bytes();
    let endpoint = "localhost".parse().unwrap();
    FleetConfig { seed: Some(3), ..FleetConfig::new(endpoint, trust, issuer, devices) }
}

async fn issue(config: FleetConfig) -> IssuedFleet {
    let fleet = Fleet::build(config, today()).unwrap();
    fleet.issue(&NoProgress, &CancellationToken::new()).await.unwrap()
}

/// Runs a fleet against a toy server in memory.
async fn play(config: FleetConfig, toy: &Arc<Toy>) -> FleetReport {
    let fleet = issue(config).await;
    connect_by(MemoryDial::new(toy), &fleet, &NoProgress, &CancellationToken::new()).await
}

fn drops_first(_: &ClientId, number: usize) -> Answer {
    if number == 1 { Answer::Drop } else { Answer::Accept }
}

/// What was seen of the only device.
fn only(toy: &Toy) -> Seen {
    let seen = toy.seen();
    assert_eq!(seen.len(), 1);
    seen.into_values().next().unwrap()
}

#[tokio::test(start_paused = true)]
async fn every_device_gets_in_at_its_second_attempt() {
    let toy = Toy::new(drops_first);
    let report = play(config(200), &toy).await;
    assert!(report.is_complete());
    assert_eq!((report.devices, report.registered, report.first_try), (200, 200, 0));
    assert_eq!((report.attempts, report.messages_acknowledged, report.messages_failed), (400, 200, 0));
    let [failure] = report.failures.as_slice() else { panic!("{:?}", report.failures) };
    assert_eq!((&*failure.code, failure.attempts, failure.devices), ("closed_without_connack", 200, 200));
    assert_eq!(failure.example.failure, AttemptFailure::ClosedWithoutConnack);
    // In virtual time the first wait, up to 100 ms and even, is all that takes any.
    let times = report.time_to_accept.unwrap();
    assert!((30..70).contains(&times.p50.as_millis()), "{times:?}");
    assert!(times.p50 < times.p99 && times.p99 <= times.max, "{times:?}");
    assert!(times.max <= Duration::from_millis(101), "{times:?}");
    let seen = toy.seen_after_farewells(200).await;
    assert_eq!(seen.len(), 200);
    for device in &report.device_reports {
        let seen = &seen[&device.client_id];
        assert_eq!(device.thing_name.as_ref().unwrap().as_str(), device.client_id.as_str());
        assert_eq!((seen.connections.len(), seen.farewells), (2, 1));
        assert_eq!(
            seen.topics.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [format!("device/{}", device.client_id)]
        );
        assert_eq!(device.failures, [AttemptFailure::ClosedWithoutConnack]);
        assert_eq!((device.attempts, device.acceptance().unwrap().attempt), (2, 2));
    }
    let ids: BTreeSet<_> = report.device_reports.iter().map(|device| device.certificate_id).collect();
    assert_eq!(ids.len(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_is_refused_for_ever_says_why() {
    let toy = Toy::new(|_, _| Answer::Refuse(ConnectRefusal::NotAuthorized, Some("no such CA")));
    let mut config = config(1);
    config.mqtt_version = ProtocolVersion::V5;
    let report = play(config.clone(), &toy).await;
    assert!(!report.is_complete());
    assert_eq!((report.registered, report.first_try, report.time_to_accept), (0, 0, None));
    assert_eq!(report.registered_per_second(), Some(0.0));
    assert_eq!(report.wall_time.as_secs(), config.limits.give_up_after.as_secs());
    let [failure] = report.failures.as_slice() else { panic!("{:?}", report.failures) };
    assert_eq!(&*failure.code, "refused_0x87");
    assert_eq!(
        failure.example.failure.to_string(),
        "the server refused the connection with 0x87 (NotAuthorized), saying \"no such CA\""
    );
    let [device] = report.device_reports.as_slice() else { panic!() };
    assert_eq!(device.outcome, DeviceOutcome::NotAccepted(GaveUp::Deadline));
    assert_eq!(failure.attempts, u64::from(device.attempts));
    // Even with luck it takes more than five minutes at up to 30 s each.
    assert!((11..100).contains(&device.attempts), "{}", device.attempts);
    let connections = only(&toy).connections;
    let ceilings = (1..).map(|failures| config.limits.backoff.ceiling(failures));
    for (pair, ceiling) in connections.windows(2).zip(ceilings) {
        // The timer is exact to a millisecond.
        let wait = pair[1] - pair[0];
        assert!(wait <= ceiling + Duration::from_millis(1), "{wait:?} is above {ceiling:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn failures_end_an_attempt_each_in_its_way() {
    let limits = config(1).limits;
    let untrusted = AttemptFailure::ServerNotTrusted { reason: "unknown issuer".into() };
    let cases = [
        (Answer::Drop, "closed_without_connack", GaveUp::AttemptsMax, 3, Duration::ZERO),
        (Answer::Silence, "timeout_connack", GaveUp::AttemptsMax, 3, limits.connack_timeout * 3),
        (
            Answer::Refuse(ConnectRefusal::ServerBusy, None),
            "refused_0x88",
            GaveUp::AttemptsMax,
            3,
            Duration::ZERO,
        ),
        (
            Answer::Unreachable(AttemptFailure::TcpRefused),
            "tcp_refused",
            GaveUp::AttemptsMax,
            3,
            Duration::ZERO,
        ),
        (Answer::Unreachable(untrusted), "server_not_trusted", GaveUp::Permanent, 1, Duration::ZERO),
    ];
    for (answer, code, gave_up, attempts, at_least) in cases {
        let toy = Toy::new({
            let answer = answer.clone();
            move |_, _| answer.clone()
        });
        let mut config = config(1);
        config.limits.attempts_max = NonZeroU32::new(3);
        let report = play(config, &toy).await;
        let [device] = report.device_reports.as_slice() else { panic!() };
        assert_eq!(device.outcome, DeviceOutcome::NotAccepted(gave_up), "{answer:?}");
        assert_eq!(device.attempts, attempts, "{answer:?}");
        assert_eq!(report.failures.len(), 1, "{answer:?}");
        assert_eq!(
            (&*report.failures[0].code, report.failures[0].attempts),
            (code, u64::from(attempts)),
            "{answer:?}"
        );
        // Two waits of up to 100 and 200 ms lie between three attempts.
        assert!(report.wall_time >= at_least, "{answer:?}");
        assert!(report.wall_time <= at_least + Duration::from_millis(310), "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn devices_go_on_while_the_server_is_away() {
    let back_at = Instant::now() + 40 * SECOND;
    let toy = Toy::new(move |_, number| match number {
        0 if Instant::now() < back_at => Answer::Unreachable(AttemptFailure::TcpRefused),
        _ => Answer::Accept,
    });
    let report = play(config(100), &toy).await;
    assert!(report.is_complete());
    assert_eq!((report.messages_acknowledged, report.first_try), (100, 0));
    assert!(report.wall_time >= 40 * SECOND && report.wall_time <= 71 * SECOND, "{:?}", report.wall_time);
    for device in &report.device_reports {
        assert!(device.failures.iter().all(|failure| *failure == AttemptFailure::TcpRefused));
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_not_acknowledged_is_sent_again_and_then_given_up() {
    let cases = [
        (WithMessage::Drop, "closed_without_puback"),
        (WithMessage::Silence, "timeout_puback"),
        (WithMessage::Refuse(PubAckReason::NotAuthorized), "message_refused_0x87"),
    ];
    for (with_message, code) in cases {
        let toy = Toy::new(move |_, _| Answer::AcceptBut(with_message.clone()));
        let mut config = config(1);
        config.mqtt_version = ProtocolVersion::V5;
        let report = play(config, &toy).await;
        assert_eq!((report.registered, report.first_try), (1, 1), "{code}");
        assert_eq!((report.messages_acknowledged, report.messages_failed), (0, 1), "{code}");
        assert_eq!(report.attempts, u64::from(PUBLISH_ATTEMPTS_MAX), "{code}");
        assert_eq!((&*report.failures[0].code, report.failures[0].devices), (code, 1));
        assert_eq!(report.time_to_accept.unwrap().max, Duration::ZERO);
    }

    let toy = Toy::new(|_, number| match number {
        1 => Answer::AcceptBut(WithMessage::Drop),
        _ => Answer::Accept,
    });
    let report = play(config(1), &toy).await;
    assert_eq!((report.registered, report.attempts), (1, 2));
    assert_eq!((report.messages_acknowledged, report.messages_failed), (1, 0));
    assert_eq!(only(&toy).topics.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn no_more_devices_connect_at_once_than_may() {
    let toy = Toy::new(drops_first);
    let mut config = config(50);
    config.limits.concurrency_max = NonZeroUsize::new(7).unwrap();
    let fleet = issue(config).await;
    let dial = MemoryDial { latency: Duration::from_millis(100), ..MemoryDial::new(&toy) };
    let dialling = Arc::clone(&dial.dialling);
    let report = connect_by(dial, &fleet, &NoProgress, &CancellationToken::new()).await;
    assert!(report.is_complete());
    assert_eq!(*dialling.lock().unwrap(), (0, 7));
}

#[tokio::test(start_paused = true)]
async fn a_device_that_tries_again_does_not_wait_for_all_that_are_new() {
    let toy = Toy::new(drops_first);
    let mut config = config(50);
    config.limits.concurrency_max = NonZeroUsize::MIN;
    let fleet = issue(config).await;
    let dial = MemoryDial { latency: Duration::from_millis(100), ..MemoryDial::new(&toy) };
    let report = connect_by(dial, &fleet, &NoProgress, &CancellationToken::new()).await;
    // A hundred attempts of 100 ms, one after the other.
    assert!(report.wall_time >= 10 * SECOND, "{:?}", report.wall_time);
    assert!(report.time_to_accept.unwrap().max < SECOND, "{:?}", report.time_to_accept);
}

/// Tells the fleet to stop once so many devices are in, or have tried.
struct StopAfter {
    accepted: usize,
    attempts: usize,
    shutdown: CancellationToken,
    counted: Mutex<(usize, usize)>,
}

impl Progress for StopAfter {
    fn attempt(&self, _: &Device, _: u32) {
        let mut counted = self.counted.lock().unwrap();
        counted.0 += 1;
        if counted.0 == self.attempts {
            self.shutdown.cancel();
        }
    }

    fn accepted(&self, _: &Device, _: &Acceptance) {
        let mut counted = self.counted.lock().unwrap();
        counted.1 += 1;
        if counted.1 == self.accepted {
            self.shutdown.cancel();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_fleet_that_is_told_to_stop_stops() {
    let toy = Toy::new(|_, _| Answer::Drop);
    let fleet = issue(config(20)).await;
    let shutdown = CancellationToken::new();
    let progress = StopAfter {
        accepted: usize::MAX,
        attempts: 60,
        shutdown: shutdown.clone(),
        counted: Mutex::default(),
    };
    let report = connect_by(MemoryDial::new(&toy), &fleet, &progress, &shutdown).await;
    assert_eq!(report.registered, 0);
    for device in &report.device_reports {
        assert_eq!(device.outcome, DeviceOutcome::NotAccepted(GaveUp::Stopped));
    }
    let again = Fleet::build(config(20), today()).unwrap().issue(&NoProgress, &shutdown).await;
    assert!(matches!(again, Err(IssuanceError::Stopped)));
}

#[tokio::test(start_paused = true)]
async fn devices_that_stay_leave_when_they_are_told() {
    let toy = Toy::new(|_, _| Answer::Accept);
    let mut config = config(20);
    config.afterwards = Afterwards::Stay;
    config.limits.concurrency_max = NonZeroUsize::new(3).unwrap();
    let fleet = issue(config).await;
    let shutdown = CancellationToken::new();
    let progress = StopAfter {
        accepted: 20,
        attempts: usize::MAX,
        shutdown: shutdown.clone(),
        counted: Mutex::default(),
    };
    let report = connect_by(MemoryDial::new(&toy), &fleet, &progress, &shutdown).await;
    assert_eq!((report.registered, report.attempts), (20, 20));
    for device in &report.device_reports {
        let DeviceOutcome::Accepted { end, .. } = &device.outcome else { panic!("{device:?}") };
        assert_eq!(*end, ConnectionEnd::Left);
    }
    // A device that was about to send its message when the fleet was told to stop does not say that it leaves.
    toy.seen_after_farewells(17).await;
}

/// Revokes the only device once it is in.
struct Revoke(Arc<Toy>);

impl Progress for Revoke {
    fn accepted(&self, _: &Device, _: &Acceptance) {
        self.0.revoke.notify_one();
    }
}

#[tokio::test(start_paused = true)]
async fn a_device_that_stays_notices_that_it_was_revoked() {
    let toy = Toy::new(|_, _| Answer::Accept);
    let mut config = config(1);
    config.afterwards = Afterwards::Stay;
    config.profile = Profile::Universal { device_types: DeviceTypes::Iot, publish: Publish::Nothing };
    let fleet = issue(config).await;
    let progress = Revoke(Arc::clone(&toy));
    let dial = MemoryDial::new(&toy);
    let report = connect_by(dial, &fleet, &progress, &CancellationToken::new()).await;
    let [device] = report.device_reports.as_slice() else { panic!() };
    let DeviceOutcome::Accepted { acceptance, message, end, ended_at } = &device.outcome else { panic!() };
    assert_eq!(*message, MessageOutcome::Nothing);
    assert_eq!(*end, ConnectionEnd::ByServer { reason: None });
    assert!(*ended_at >= acceptance.accepted_at);
}

#[tokio::test(start_paused = true)]
async fn the_same_devices_can_come_back() {
    let toy = Toy::new(drops_first);
    let fleet = issue(config(10)).await;
    let shutdown = CancellationToken::new();
    let first = connect_by(MemoryDial::new(&toy), &fleet, &NoProgress, &shutdown).await;
    let second = connect_by(MemoryDial::new(&toy), &fleet, &NoProgress, &shutdown).await;
    assert_eq!((first.first_try, second.first_try), (0, 10));
    let ids = |report: &FleetReport| -> Vec<_> {
        report.device_reports.iter().map(|device| device.certificate_id).collect()
    };
    assert_eq!(ids(&first), ids(&second));
}

/// Writes down what it is told.
#[derive(Default)]
struct Listener(Mutex<Vec<String>>);

impl Listener {
    fn note(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }
}

impl Progress for Listener {
    fn certificate_made(&self, made: usize) {
        self.note(format!("certificate {made}"));
    }

    fn attempt(&self, _: &Device, number: u32) {
        self.note(format!("attempt {number}"));
    }

    fn attempt_failed(&self, _: &Device, failure: &AttemptFailure) {
        self.note(failure.code().into_owned());
    }

    fn accepted(&self, _: &Device, acceptance: &Acceptance) {
        self.note(format!("accepted at {}", acceptance.attempt));
    }

    fn failed(&self, _: &Device, gave_up: GaveUp) {
        self.note(gave_up.code().to_owned());
    }

    fn connection_ended(&self, _: &Device, end: &ConnectionEnd) {
        self.note(format!("{end:?}"));
    }
}

#[tokio::test(start_paused = true)]
async fn progress_is_told_in_order() {
    let cases: [(Arc<Toy>, &[&str]); 2] = [
        (
            Toy::new(drops_first),
            &["certificate 1", "attempt 1", "closed_without_connack", "attempt 2", "accepted at 2", "Left"],
        ),
        (
            Toy::new(|_, _| Answer::Drop),
            &[
                "certificate 1",
                "attempt 1",
                "closed_without_connack",
                "attempt 2",
                "closed_without_connack",
                "attempts_max",
            ],
        ),
    ];
    for (toy, expected) in cases {
        let listener = Listener::default();
        let shutdown = CancellationToken::new();
        let mut config = config(1);
        config.limits.attempts_max = NonZeroU32::new(2);
        let fleet = Fleet::build(config, today()).unwrap().issue(&listener, &shutdown).await.unwrap();
        connect_by(MemoryDial::new(&toy), &fleet, &listener, &shutdown).await;
        assert_eq!(listener.0.into_inner().unwrap(), expected);
    }
}
