//! Deliveries of rule actions, under `/landfall/v1/deliveries`.

use landfall_model::{
    Delivery, DeliveryAction, DeliveryAttempt, DeliveryId, DeliveryState, RuleName, TopicName, UnixTime,
};
use landfall_registry::{Deliveries as _, Registry as _, Transaction};
use serde_json::{Value, json};

use super::client::{credentials, send, signed};
use super::world::{EARLIER, NOW, World, id};
use crate::delivery;

fn delivery(number: u8, state: DeliveryState) -> Delivery {
    Delivery {
        id: DeliveryId::from_bytes([number; 16]),
        rule: RuleName::parse(if number == 3 { "other" } else { "jitr" }).unwrap(),
        action: DeliveryAction::Action(0),
        topic: TopicName::parse("a/b").unwrap(),
        request: r#"{"lambda":{"functionArn":"f","payload":"x"}}"#.into(),
        error_request: None,
        certificate: (number == 1).then(|| id(2)),
        created_at: EARLIER,
        attempts_failed: 1,
        attempts: vec![DeliveryAttempt { at: EARLIER, duration_us: 1_500, problem: "it is gone".into() }],
        state,
    }
}

/// A world with a dead letter (1), and deliveries that wait (2), were delivered (3) and handled by the error action (4).
async fn world() -> World {
    let world = World::start().await;
    let mut transaction = Transaction::new();
    let dead = delivery(1, DeliveryState::Dead { at: EARLIER });
    transaction.store_delivery(Delivery { error_request: Some(r#"{"exec":{}}"#.into()), ..dead });
    transaction.store_delivery(delivery(2, DeliveryState::Waiting { next_at: UnixTime::from_millis(7) }));
    transaction.store_delivery(delivery(3, DeliveryState::Delivered { at: EARLIER }));
    let handled = delivery(4, DeliveryState::HandledByErrorAction { at: EARLIER });
    transaction.store_delivery(Delivery { action: DeliveryAction::Action(9), ..handled });
    world.registry.commit(transaction).await.unwrap();
    world
}

fn uuid(number: u8) -> String {
    DeliveryId::from_bytes([number; 16]).to_string()
}

async fn get(world: &World, target: &str) -> Value {
    world.signed("landfall", "GET", target, "").await.ok()
}

fn dead_letter() -> Value {
    json!({
        "id": "01010101-0101-0101-0101-010101010101",
        "ruleName": "jitr",
        "action": "actions[0]",
        "topic": "a/b",
        "certificateId": id(2).to_string(),
        "createdAtMs": 1_767_000_000_250_i64,
        "status": "DEAD",
        "statusAtMs": 1_767_000_000_250_i64,
        "attemptsFailed": 1,
        "attempts": [{"atMs": 1_767_000_000_250_i64, "durationUs": 1_500, "problem": "it is gone"}],
        "request": {"lambda": {"functionArn": "f", "payload": "x"}},
        "errorRequest": {"exec": {}},
    })
}

#[tokio::test]
async fn a_delivery_has_its_history() {
    let world = world().await;
    let answer = get(&world, &format!("/landfall/v1/deliveries/{}", uuid(1))).await;
    assert_eq!(answer, dead_letter());
    let read: delivery::Delivery = serde_json::from_value(answer).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), dead_letter());
    let answer = get(&world, &format!("/landfall/v1/deliveries/{}", uuid(4))).await;
    assert_eq!((&answer["status"], &answer["action"]), (&json!("ERROR_ACTION"), &json!("actions[9]")));
    assert_eq!((answer.get("certificateId"), answer.get("errorRequest")), (None, None));
}

#[tokio::test]
async fn deliveries_are_listed_by_what_they_are() {
    let world = world().await;
    let certificate = format!("certificate={}", id(2));
    let other = format!("certificate={}&status=DEAD&rule=jitr", id(3));
    for (query, expected) in [
        ("", vec![1, 2, 3, 4]),
        ("order=descending", vec![4, 3, 2, 1]),
        ("status=DEAD", vec![1]),
        ("status=WAITING", vec![2]),
        ("status=DELIVERED", vec![3]),
        ("status=ERROR_ACTION", vec![4]),
        ("rule=jitr", vec![1, 2, 4]),
        ("rule=jitr&status=WAITING&order=descending", vec![2]),
        (&certificate, vec![1]),
        (&other, vec![]),
    ] {
        let mut found = Vec::new();
        let mut after = String::new();
        loop {
            let page = get(&world, &format!("/landfall/v1/deliveries?{query}&limit=2{after}")).await;
            let page: delivery::Deliveries = serde_json::from_value(page).unwrap();
            found.extend(page.deliveries.into_iter().map(|delivery| delivery.id));
            let Some(next) = page.next else { break };
            after = format!("&after={next}");
        }
        assert_eq!(found, expected.into_iter().map(uuid).collect::<Vec<_>>(), "{query}");
    }
}

#[tokio::test]
async fn a_page_of_deliveries_has_at_most_a_hundred() {
    let world = World::start().await;
    let mut transaction = Transaction::new();
    for number in 1..=101 {
        transaction.store_delivery(delivery(number, DeliveryState::Dead { at: EARLIER }));
    }
    world.registry.commit(transaction).await.unwrap();
    for query in ["", "?limit=100"] {
        let page = get(&world, &format!("/landfall/v1/deliveries{query}")).await;
        let page: delivery::Deliveries = serde_json::from_value(page).unwrap();
        assert_eq!((page.deliveries.len(), page.next.is_some()), (100, true), "{query}");
    }
}

#[tokio::test]
async fn a_dead_letter_is_replayed() {
    let world = world().await;
    let path = format!("/landfall/v1/deliveries/{}/replay", uuid(1));
    let answer = world.signed("landfall", "POST", &path, "").await.ok();
    let mut expected = dead_letter();
    expected["status"] = json!("WAITING");
    expected["statusAtMs"] = json!(NOW.as_millis());
    assert_eq!(answer, expected);
    let stored = world.registry.delivery(&DeliveryId::from_bytes([1; 16])).await.unwrap().unwrap();
    assert_eq!(stored.state, DeliveryState::Waiting { next_at: NOW });
    assert_eq!((stored.attempts_failed, stored.attempts.len()), (1, 1));
    for (number, status) in [(1, "WAITING"), (2, "WAITING"), (3, "DELIVERED"), (4, "ERROR_ACTION")] {
        let id = uuid(number);
        let answer =
            world.signed("landfall", "POST", &format!("/landfall/v1/deliveries/{id}/replay"), "").await;
        let expected = format!(
            "409 InvalidStateTransitionException: delivery {id} is {status}; only one that is DEAD can be replayed"
        );
        assert_eq!(answer.error(), expected);
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let world = world().await;
    let deliveries = "/landfall/v1/deliveries";
    let unknown = uuid(9);
    for (method, target, expected) in [
        (
            "GET",
            format!("{deliveries}?status=dead"),
            "400 InvalidRequestException: status: \"dead\" is none of WAITING, DELIVERED, ERROR_ACTION, DEAD"
                .to_owned(),
        ),
        (
            "GET",
            format!("{deliveries}?rule=a-b"),
            "400 InvalidRequestException: rule: rule name \"a-b\" has the character '-'; allowed are letters, digits \
             and _"
                .to_owned(),
        ),
        (
            "GET",
            format!("{deliveries}?certificate=x"),
            "400 InvalidRequestException: certificate: \"x\" is not an id of 64 hex digits".to_owned(),
        ),
        (
            "GET",
            format!("{deliveries}?limit=0"),
            "400 InvalidRequestException: limit is \"0\"; it takes a number from 1 to 100".to_owned(),
        ),
        (
            "GET",
            format!("{deliveries}?limit=101"),
            "400 InvalidRequestException: limit is \"101\"; it takes a number from 1 to 100".to_owned(),
        ),
        (
            "GET",
            format!("{deliveries}?topic=a"),
            "400 InvalidRequestException: the parameter \"topic\" is not known here".to_owned(),
        ),
        (
            "GET",
            format!("{deliveries}/{unknown}"),
            format!("404 ResourceNotFoundException: delivery {unknown} is not stored"),
        ),
        (
            "POST",
            format!("{deliveries}/{unknown}/replay"),
            format!("404 ResourceNotFoundException: delivery {unknown} is not stored"),
        ),
        (
            "GET",
            format!("{deliveries}/{unknown}/replay"),
            "405 MethodNotAllowedException: ReplayDelivery is asked for with POST, not with GET".to_owned(),
        ),
    ] {
        let answer = world.signed("landfall", method, &target, "").await;
        assert_eq!(answer.error(), expected, "{method} {target}");
    }
    let answer = world.signed("landfall", "GET", &format!("{deliveries}/x"), "").await;
    assert!(answer.error().starts_with("400 InvalidRequestException: "), "{answer:?}");
}

#[tokio::test]
async fn nobody_else_reads_or_replays_them() {
    let world = world().await;
    for (method, target) in [
        ("GET", "/landfall/v1/deliveries".to_owned()),
        ("GET", format!("/landfall/v1/deliveries/{}", uuid(1))),
        ("POST", format!("/landfall/v1/deliveries/{}/replay", uuid(1))),
    ] {
        let request = world.request(method, &target, "");
        let answer = send(world.address, &request).await.error();
        assert!(answer.starts_with("403 MissingAuthenticationTokenException: "), "{answer}");
        let answer = send(world.address, &signed(request, "iot", &credentials())).await.error();
        assert!(answer.starts_with("403 InvalidSignatureException: "), "{answer}");
    }
    let stored = world.registry.delivery(&DeliveryId::from_bytes([1; 16])).await.unwrap().unwrap();
    assert_eq!(stored.state, DeliveryState::Dead { at: EARLIER });
}

#[tokio::test]
async fn a_request_that_cannot_be_read_is_shown_as_its_text() {
    let world = World::start().await;
    let mut transaction = Transaction::new();
    let dead = delivery(1, DeliveryState::Dead { at: EARLIER });
    transaction.store_delivery(Delivery { request: "{half".into(), ..dead });
    world.registry.commit(transaction).await.unwrap();
    let listed = get(&world, "/landfall/v1/deliveries").await;
    assert_eq!(listed["deliveries"][0]["request"], json!("{half"));
}
