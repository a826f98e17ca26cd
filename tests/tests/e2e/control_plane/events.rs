//! Events of the registry, as a subscriber hears them.

use std::time::Duration;

use landfall_tests::{Came, Connect, Device, Landfall};
use serde_json::{Value, json};

use super::{server, subscriber};

/// Long enough for an event to have come, if it were to come.
const A_WHILE: Duration = Duration::from_millis(300);

/// Creates, changes and deletes one of everything, in an order in which AWS allows it.
fn live_through(server: &Landfall) {
    let api = server.api();
    let call = |method: &str, target: &str, body: Value| api.call("iot", method, target, Some(&body));
    call("POST", "/thing-types/lamp", json!({}));
    call("POST", "/thing-groups/house", json!({}));
    call("POST", "/thing-groups/cellar", json!({"parentGroupName": "house"}));
    let attributes = json!({"attributePayload": {"attributes": {"colour": "red"}}, "thingTypeName": "lamp"});
    call("POST", "/things/lamp-1", attributes);
    call(
        "PUT",
        "/thing-groups/addThingToThingGroup",
        json!({"thingGroupName": "cellar", "thingName": "lamp-1"}),
    );
    call("PATCH", "/things/lamp-1", json!({"attributePayload": {"attributes": {"colour": "blue"}}}));
    call("PATCH", "/thing-groups/house", json!({"thingGroupProperties": {"thingGroupDescription": "mine"}}));
    call(
        "PUT",
        "/thing-groups/removeThingFromThingGroup",
        json!({"thingGroupName": "cellar", "thingName": "lamp-1"}),
    );
    call("PATCH", "/things/lamp-1", json!({"removeThingType": true}));
    call("DELETE", "/things/lamp-1", json!({}));
    call("DELETE", "/thing-groups/cellar", json!({}));
    call("DELETE", "/thing-groups/house", json!({}));
    call("POST", "/thing-types/lamp/deprecate", json!({}));
    call("DELETE", "/thing-types/lamp", json!({}));
}

/// The topics of that life, each after `$aws/events/`.
const TOPICS: [&str; 17] = [
    "thingType/lamp/created",
    "thingGroup/house/created",
    "thingGroup/cellar/created",
    "thingGroupHierarchy/thingGroup/house/childThingGroup/cellar/added",
    "thing/lamp-1/created",
    "thingTypeAssociation/thing/lamp-1/thingType/lamp/added",
    "thingGroupMembership/thingGroup/cellar/thing/lamp-1/added",
    "thing/lamp-1/updated",
    "thingGroup/house/updated",
    "thingGroupMembership/thingGroup/cellar/thing/lamp-1/removed",
    "thing/lamp-1/updated",
    "thingTypeAssociation/thing/lamp-1/thingType/lamp/removed",
    "thing/lamp-1/deleted",
    "thingGroup/cellar/deleted",
    "thingGroupHierarchy/thingGroup/house/childThingGroup/cellar/removed",
    "thingGroup/house/deleted",
    "thingType/lamp/deleted",
];

/// The topics that were heard, each after `$aws/events/`, with their payloads, until nothing comes any more.
fn heard(device: &mut Device, at_least: usize) -> Vec<(String, Value)> {
    let mut events = Vec::new();
    while events.len() < at_least {
        let (topic, payload, _) = device.message();
        events.push(event(&topic, &payload));
    }
    device.patience(A_WHILE);
    assert_eq!(device.next(), Came::Nothing, "more events than {at_least}");
    events
}

#[track_caller]
fn event(topic: &str, payload: &str) -> (String, Value) {
    let topic = topic.strip_prefix("$aws/events/").unwrap_or_else(|| panic!("{topic} is no topic of events"));
    (topic.to_owned(), serde_json::from_str(payload).expect("a payload in JSON"))
}

fn configure(server: &Landfall, types: &[&str], enabled: bool) {
    let configurations: serde_json::Map<_, _> =
        types.iter().map(|kind| ((*kind).to_owned(), json!({"Enabled": enabled}))).collect();
    let configurations = Value::Object(configurations).to_string();
    server.aws_json(&["iot", "update-event-configurations", "--event-configurations", &configurations]);
}

#[test]
fn no_event_of_the_registry_is_told_before_it_is_configured() {
    let server = server();
    let mut device = subscriber(&server, &["$aws/events/#"], &Connect::default());
    live_through(&server);
    assert_eq!(heard(&mut device, 0), []);
}

#[test]
fn every_event_of_the_registry_is_told_on_the_topic_and_in_the_form_of_aws() {
    let server = server();
    let types = [
        "THING",
        "THING_GROUP",
        "THING_TYPE",
        "THING_GROUP_MEMBERSHIP",
        "THING_GROUP_HIERARCHY",
        "THING_TYPE_ASSOCIATION",
    ];
    configure(&server, &types, true);
    let mut device = subscriber(&server, &["$aws/events/#"], &Connect::default());
    live_through(&server);
    // The deprecation of the type is an update.
    let events = heard(&mut device, TOPICS.len() + 1);
    let mut found: Vec<&str> = events.iter().map(|(topic, _)| topic.as_str()).collect();
    let mut expected = [&TOPICS[..], &["thingType/lamp/updated"]].concat();
    // Those of one change may come in any order.
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);

    let of = |topic: &str| -> Vec<&Value> {
        events.iter().filter(|(found, _)| found == topic).map(|(_, payload)| payload).collect()
    };
    let created = of("thing/lamp-1/created")[0];
    for (member, expected) in [
        ("eventType", json!("THING_EVENT")),
        ("operation", json!("CREATED")),
        ("accountId", json!("123456789012")),
        ("thingName", json!("lamp-1")),
        ("versionNumber", json!(1)),
        ("thingTypeName", json!("lamp")),
        ("attributes", json!({"colour": "red"})),
    ] {
        assert_eq!(created[member], expected, "{member} in {created:#}");
    }
    assert!(
        created["timestamp"].as_i64().is_some_and(|at| at > 1_600_000_000_000),
        "milliseconds: {created:#}"
    );
    let versions: Vec<_> =
        of("thing/lamp-1/updated").iter().map(|payload| payload["versionNumber"].clone()).collect();
    assert_eq!(versions, [json!(2), json!(3)], "in the order in which they happened");
    let joined = of("thingGroupMembership/thingGroup/cellar/thing/lamp-1/added")[0];
    assert_eq!(joined["operation"], "ADDED");
    assert_eq!(joined["thingArn"], "arn:aws:iot:eu-west-1:123456789012:thing/lamp-1");
    assert_eq!(joined["groupArn"], "arn:aws:iot:eu-west-1:123456789012:thinggroup/cellar");
    assert_eq!(joined["thingId"], created["thingId"], "one thing has one id");
    let mut ids: Vec<_> = events.iter().map(|(_, payload)| payload["eventId"].to_string()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), events.len(), "each event has an id of its own");
}

#[test]
fn only_the_events_that_are_switched_on_are_told_and_only_as_long_as_they_are() {
    let server = server();
    configure(&server, &["THING", "THING_GROUP_MEMBERSHIP"], true);
    let mut device = subscriber(&server, &["$aws/events/#"], &Connect::default());
    live_through(&server);
    let expected: Vec<_> = TOPICS
        .iter()
        .filter(|topic| topic.starts_with("thing/") || topic.starts_with("thingGroupM"))
        .collect();
    let found = heard(&mut device, expected.len());
    assert_eq!(
        found.iter().map(|(topic, _)| topic.as_str()).collect::<Vec<_>>(),
        expected.into_iter().copied().collect::<Vec<_>>()
    );
    configure(&server, &["THING", "THING_GROUP_MEMBERSHIP"], false);
    live_through(&server);
    assert_eq!(heard(&mut device, 0), []);
}

#[test]
fn a_subscriber_to_one_kind_of_event_hears_those_alone_in_the_order_in_which_they_happened() {
    let server = server();
    configure(&server, &["THING"], true);
    let mut device = subscriber(&server, &["$aws/events/thing/+/created"], &Connect::default());
    let api = server.api();
    for number in 1..=20 {
        api.call("iot", "POST", &format!("/things/lamp-{number}"), Some(&json!({})));
        api.call("iot", "DELETE", &format!("/things/lamp-{number}"), None);
    }
    let found = heard(&mut device, 20);
    let expected: Vec<String> = (1..=20).map(|number| format!("thing/lamp-{number}/created")).collect();
    assert_eq!(found.into_iter().map(|(topic, _)| topic).collect::<Vec<_>>(), expected);
}
