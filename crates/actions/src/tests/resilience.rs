//! What is kept when things go wrong.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[tokio::test(start_paused = true)]
async fn what_was_under_way_at_a_mark_is_done_after_a_crash() {
    let world = World::new();
    world.create_rule("jitr", &jitr_rule()).await;
    world.functions.insert(jitr(), |_| future::pending());
    let crashed = world.start().await;
    crashed.publish_event(1);
    crashed.publish_event(2);
    world.functions.invocations().reached(2).await;
    crashed.mark(&*world.registry, 2).await;
    assert_eq!(world.statuses().await, [DeliveryStatus::Waiting, DeliveryStatus::Waiting]);

    // The first engine hears nothing of its functions any more, as after a crash.
    world.functions.insert(jitr(), |event| future::ready(returned(event)));
    let running = world.start().await;
    let invocations = world.functions.invocations().reached(4).await;
    let mut events: Vec<_> = invocations[2..].iter().map(|each| each.event.clone()).collect();
    events.sort_unstable();
    assert_eq!(events, [event(1), event(2)]);
    world.until(&[]).await;
    assert_eq!(running.counted("landfall_rule_deliveries_waiting"), 0);
}

#[tokio::test(start_paused = true)]
async fn what_ended_before_a_mark_is_not_stored_and_what_ends_within_it_is_removed() {
    let world = World::with_function(returned).await;
    let running = world.start().await;
    running.publish_event(1);
    let unfinished = running.engine.unfinished(EventId::new(1));
    assert_eq!(unfinished.len(), 1);
    assert_eq!(running.engine.unfinished(EventId::new(0)), []);
    world.functions.invocations().reached(1).await;
    sleep(Duration::from_secs(1)).await;
    let ids = [unfinished[0].id];
    let mut transaction = Transaction::new();
    unfinished.into_iter().for_each(|delivery| transaction.store_delivery(delivery));
    world.registry.commit(transaction).await.unwrap();
    running.engine.settled(&ids, true);
    world.until(&[]).await;
}

#[tokio::test(start_paused = true)]
async fn retries_go_on_after_a_crash() {
    let world = World::with_function(|_| failed()).await;
    let crashed = world.start().await;
    crashed.publish_event(1);
    sleep(Duration::from_secs(3)).await;
    let before = world.rows().await.remove(0);
    assert!(before.attempts_failed >= 3, "{before:?}");
    assert_eq!(before.state.status(), DeliveryStatus::Waiting);
    crashed.stopping.cancel();
    world.functions.insert(jitr(), |event| future::ready(returned(event)));
    let _running = world.start().await;
    let after = world.until(&[DeliveryStatus::Delivered]).await.remove(0);
    assert_eq!((after.id, after.attempts_failed), (before.id, before.attempts_failed));
    let DeliveryState::Delivered { at } = after.state else { panic!("{after:?}") };
    assert!(at >= before.state.at(), "not before it was due");
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_can_be_replayed() {
    let world = World::new();
    world.create_rule("jitr", &jitr_rule()).await;
    let running = world.start().await;
    running.publish_event(1);
    let dead = world.until(&[DeliveryStatus::Dead]).await.remove(0);
    running.mark(&*world.registry, 1).await;
    for is_there in [false, true] {
        if is_there {
            world.functions.insert(jitr(), |event| future::ready(returned(event)));
        }
        let state = DeliveryState::Waiting { next_at: world.clock.now() };
        let mut transaction = Transaction::new();
        transaction.store_delivery(Delivery { state, ..world.rows().await.remove(0) });
        world.registry.commit(transaction).await.unwrap();
        let expected = if is_there { DeliveryStatus::Delivered } else { DeliveryStatus::Dead };
        let replayed = world.until(&[expected]).await.remove(0);
        assert_eq!((replayed.id, replayed.attempts_failed), (dead.id, 2));
    }
    assert_eq!(world.functions.invocations().all().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn events_wait_for_room_and_messages_do_not_take_it() {
    let mut world = World::new();
    world.limits = Limits { deliveries_waiting_max: 3, ..Limits::default() };
    world.create_rule("jitr", &jitr_rule()).await;
    world.create_rule("r", &republish_rule("a", "b")).await;
    let running = world.build().await;
    for _ in 0..10 {
        running.publish("a", "{}", Publisher::Api);
    }
    assert_eq!(running.counted("landfall_rule_deliveries_dropped_total"), 7);
    for number in 1..=3 {
        timeout(Duration::from_secs(1), running.engine.room()).await.unwrap();
        running.publish_event(number);
    }
    assert!(timeout(Duration::from_secs(60), running.engine.room()).await.is_err());
    // Nothing was dropped for want of room.
    running.publish_event(4);
    world.functions.insert(jitr(), |event| future::ready(returned(event)));
    running.engine.spawn(Arc::clone(&world.publisher) as _, &running.stopping);
    timeout(Duration::from_secs(1), running.engine.room()).await.unwrap();
    assert_eq!(world.functions.invocations().reached(4).await.len(), 4);
    assert_eq!(world.publisher.publications().all().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_down_does_not_stop_events() {
    let mut world = World::with_function(|_| failed()).await;
    world.limits = Limits { deliveries_waiting_max: 8, ..Limits::default() };
    let running = world.start().await;
    for number in 1..=100 {
        timeout(Duration::from_secs(1), running.engine.room()).await.unwrap();
        running.publish_event(number);
        if number % 4 == 0 {
            running.mark(&*world.registry, number).await;
        }
    }
    // It is up again, and gets what it missed.
    let done: Arc<Mutex<BTreeSet<Bytes>>> = Arc::default();
    let noted = Arc::clone(&done);
    world.functions.insert(jitr(), move |event| {
        noted.lock().unwrap().insert(event.clone());
        future::ready(returned(event))
    });
    sleep(Duration::from_secs(200)).await;
    assert_eq!(*done.lock().unwrap(), (1..=100).map(|number| Bytes::from(event(number))).collect());
    assert!(world.statuses().await.iter().all(|status| *status == DeliveryStatus::Delivered));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_done_when_it_is_stopped_is_stored() {
    let mut world = World::new();
    world.limits = Limits { deliveries_running_max: 1, ..Limits::default() };
    world.create_rule("jitr", &jitr_rule()).await;
    world.create_rule("r", &republish_rule("a", "b")).await;
    let answers = Arc::new(tokio::sync::Notify::new());
    let held = Arc::clone(&answers);
    world.functions.insert(jitr(), move |event| {
        let held = Arc::clone(&held);
        async move {
            held.notified().await;
            returned(event)
        }
    });
    let running = world.start().await;
    running.publish_event(1);
    world.functions.invocations().reached(1).await;
    running.publish_event(2);
    running.publish("a", "{}", Publisher::Api);
    running.stopping.cancel();
    world.until(&[DeliveryStatus::Waiting; 3]).await;
    answers.notify_one();
    running.drain().await;
    // What was under way came to its end.
    assert_eq!(world.statuses().await, [DeliveryStatus::Waiting; 2]);
    assert_eq!(world.functions.invocations().all().len(), 1);

    answers.notify_one();
    let next = world.start().await;
    world.publisher.publications().reached(1).await;
    world.until(&[]).await;
    next.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_function_that_never_answers_and_an_attempt_that_breaks_are_tried_again() {
    let mut world = World::new();
    world.limits = Limits { function_timeout: Duration::from_secs(7), ..Limits::default() };
    world.create_rule("jitr", &jitr_rule()).await;
    let calls = AtomicUsize::new(0);
    world.functions.insert(jitr(), move |event| {
        let call = calls.fetch_add(1, Ordering::Relaxed);
        async move {
            match call {
                0 => future::pending().await,
                1 => panic!("the attempt breaks, as this test wants it"),
                _ => returned(event),
            }
        }
    });
    let running = world.start().await;
    running.publish_event(1);
    let row = world.until(&[DeliveryStatus::Delivered]).await.remove(0);
    let attempts: Vec<_> =
        row.attempts.iter().map(|attempt| (&*attempt.problem, attempt.duration_us / 1_000)).collect();
    assert_eq!(attempts[0].0, "there was no answer within 7 s");
    assert!((7_000..7_010).contains(&attempts[0].1), "{attempts:?}");
    assert_eq!((attempts.len(), attempts[1].0), (2, "the attempt was given up"));
    drop(running);
}

#[tokio::test(start_paused = true)]
async fn one_slow_rule_does_not_hold_up_another() {
    let mut world = World::new();
    world.limits =
        Limits { deliveries_running_max: 4, deliveries_running_per_rule_max: 2, ..Limits::default() };
    world.create_rule("slow", &jitr_rule()).await;
    world.functions.insert(jitr(), |_| future::pending());
    world.create_rule("quick", &republish_rule("a", "b")).await;
    let running = world.start().await;
    (1..=50).for_each(|number| running.publish_event(number));
    for _ in 0..50 {
        running.publish("a", "{}", Publisher::Api);
    }
    timeout(Duration::from_secs(1), world.publisher.publications().reached(50)).await.unwrap();
    assert_eq!(world.functions.invocations().all().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn only_the_newest_of_what_ended_are_kept() {
    let mut world = World::with_function(returned).await;
    world.limits = Limits { delivered_kept_max: 8, dead_letters_kept_max: 8, ..Limits::default() };
    let running = world.start().await;
    for number in 1..=40 {
        world.functions.fail_next(1, &ServiceFailure::passing("busy"));
        running.publish_event(number);
        sleep(Duration::from_secs(1)).await;
    }
    let rows = world.rows().await;
    let newest = rows.last().unwrap().certificate;
    assert!((8..=10).contains(&rows.len()), "{}", rows.len());
    assert_eq!(newest, Some(CertificateId::from_sha256([40; 32])));
    // What earlier runs have left is pruned by the first write of the next.
    running.drain().await;
    world.limits.delivered_kept_max = 3;
    let next = world.start().await;
    world.functions.fail_next(1, &ServiceFailure::passing("busy"));
    next.publish_event(41);
    sleep(Duration::from_secs(1)).await;
    assert!(world.rows().await.len() <= 4, "{}", world.rows().await.len());
}

#[tokio::test(start_paused = true)]
async fn dead_letters_are_bounded_in_bytes() {
    let mut world = World::new();
    world.limits.dead_letters_bytes_max = 20_000;
    // There is no such function: each delivery fails for good.
    let mut rule = jitr_rule();
    rule["sql"] = json!("SELECT * FROM 'a'");
    world.create_rule("r", &rule).await;
    let running = world.start().await;
    let payload = json!({ "text": "x".repeat(1_000) }).to_string();
    for number in 1..=60 {
        running.publish("a", &payload, Publisher::Api);
        sleep(Duration::from_secs(1)).await;
        let rows = world.rows().await;
        let bytes: usize = rows.iter().map(|row| row.request.len()).sum();
        // An eighth more may be there until they are forgotten the next time.
        assert!(bytes <= 20_000 + 20_000 / 8 + 2_000, "{bytes} after {number}");
        assert!(rows.len() >= 10.min(number), "{} after {number}", rows.len());
    }
}
