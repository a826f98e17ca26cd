//! The decisions of the AWS guides that a broker can be asked: the rows of `crates/policy/tests/decisions` that end with
//! `live`, each with a device that has the row's policies, client id and thing, in both versions of MQTT.

use std::collections::BTreeMap;
use std::fs;
use std::thread;

use landfall_tests::{DeviceCertificate, project};
use serde_json::Value;

use super::world::{World, both_versions};

/// Of all decisions, one in so many has to be asked here.
const ONE_IN: usize = 4;

/// Decisions about one device.
struct Case {
    place: String,
    client_id: String,
    thing: Option<Thing>,
    policies: Vec<Value>,
    rows: Vec<Row>,
}

/// A thing that the device's certificate is attached to.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Thing {
    name: String,
    thing_type: Option<String>,
    attributes: Value,
}

/// A decision: what is done to what, and whether it is allowed.
struct Row {
    action: String,
    resource: String,
    is_allowed: bool,
}

#[test]
fn decisions_of_the_aws_guides_are_the_brokers() {
    let (cases, all) = live_cases();
    let world = World::start();
    make_things(&world, &cases);
    let devices: Vec<_> =
        cases.iter().zip(1..).map(|(case, number)| (case, device(&world, case, number))).collect();
    // Connections with one client id would take over from each other: these take turns.
    let mut turns = BTreeMap::<&str, Vec<_>>::new();
    for (case, certificate) in &devices {
        turns.entry(&case.client_id).or_default().push((*case, certificate));
    }
    let wrong: Vec<String> = thread::scope(|scope| {
        let ask_all = |turn: &[(&Case, &DeviceCertificate)]| -> Vec<String> {
            turn.iter().flat_map(|(case, certificate)| ask(&world, case, certificate)).collect()
        };
        let threads: Vec<_> = turns.values().map(|turn| scope.spawn(move || ask_all(turn))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("what it found")).collect()
    });
    let asked: usize = cases.iter().map(|case| case.rows.len()).sum();
    assert!(wrong.is_empty(), "{} of {asked} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(asked * ONE_IN >= all, "only {asked} of {all} decisions are asked");
}

/// Asks for each decision of a case with both versions of MQTT. What is answered otherwise.
fn ask(world: &World, case: &Case, certificate: &DeviceCertificate) -> Vec<String> {
    let mut wrong = Vec::new();
    for connect in both_versions() {
        let mut probe = world.probe(certificate, &case.client_id, &connect);
        for Row { action, resource, is_allowed } in &case.rows {
            let (kind, name) = resource.split_once('/').expect("a kind of resource and its name");
            let found = match (action.as_str(), kind) {
                ("iot:Connect", "client") => {
                    assert_eq!(name, case.client_id, "{}: a device connects as itself", case.place);
                    probe.may_connect()
                }
                ("iot:Publish", "topic") => probe.may_publish(name),
                ("iot:Subscribe", "topicfilter") => probe.may_subscribe(name),
                other => panic!("{}: {other:?} cannot be asked of a broker", case.place),
            };
            if found != *is_allowed {
                let answer = if found { "allowed" } else { "denied" };
                wrong.push(format!(
                    "{}: {action} {resource} is {answer} in {:?}",
                    case.place, connect.version
                ));
            }
        }
    }
    wrong
}

/// Registers the device of a case, with its own certificate, its policies and its thing.
fn device(world: &World, case: &Case, number: usize) -> DeviceCertificate {
    let (certificate, arn) = world.registered(&[("CN", &format!("case-{number}"))]);
    for (document, policy) in case.policies.iter().zip(1..) {
        let name = format!("case-{number}-{policy}");
        world.api.create_policy(&name, document);
        world.api.attach_policy(&name, &arn);
    }
    if let Some(thing) = &case.thing {
        world.api.attach_thing(&thing.name, &arn);
    }
    certificate
}

/// Creates the things of all cases, each once, and their types.
fn make_things(world: &World, cases: &[Case]) {
    let mut things = BTreeMap::<&str, &Thing>::new();
    let mut types = Vec::new();
    for thing in cases.iter().filter_map(|case| case.thing.as_ref()) {
        if let Some(other) = things.insert(&thing.name, thing) {
            assert_eq!(other, thing, "two cases have different things of one name");
            continue;
        }
        if let Some(name) = thing.thing_type.as_deref().filter(|name| !types.contains(name)) {
            world.api.create_thing_type(name);
            types.push(name);
        }
        world.api.create_thing(&thing.name, thing.thing_type.as_deref(), &thing.attributes);
    }
}

/// The cases with live decisions, with only these, and how many decisions there are in all.
fn live_cases() -> (Vec<Case>, usize) {
    let folder = project().join("crates/policy/tests/decisions");
    let entries = fs::read_dir(folder).expect("the decisions of the guides");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    let (mut cases, mut all) = (Vec::new(), 0);
    for path in paths {
        let file: Value = serde_json::from_slice(&fs::read(&path).expect("a file")).expect("JSON");
        let page = path.file_stem().expect("a file's name").to_string_lossy().into_owned();
        for case in list(&file["cases"]) {
            let decisions = list(&case["decisions"]);
            all += decisions.len();
            let rows: Vec<_> = decisions.iter().filter_map(live_row).collect();
            if !rows.is_empty() {
                cases.push(case_of(&page, case, rows));
            }
        }
    }
    (cases, all)
}

fn case_of(page: &str, case: &Value, rows: Vec<Row>) -> Case {
    let place = format!("{page}: {}", text(&case["about"]));
    let connection = case["connection"].as_object().expect("a connection");
    let is_known = |member: &String| matches!(member.as_str(), "clientId" | "thing");
    assert!(connection.keys().all(is_known), "{place}: not every member of its connection can be made here");
    let thing = connection.get("thing").map(|thing| Thing {
        name: text(&thing["name"]),
        thing_type: thing.get("type").map(text),
        attributes: thing.get("attributes").cloned().unwrap_or_else(|| serde_json::json!({})),
    });
    let client_id = text(&connection["clientId"]);
    Case { place, client_id, thing, policies: list(&case["policies"]).clone(), rows }
}

/// A decision that ends with `live`.
fn live_row(row: &Value) -> Option<Row> {
    let row: Vec<String> = list(row).iter().map(text).collect();
    let [answer, action, resource, mark] = &row[..] else { return None };
    assert_eq!(mark, "live");
    let is_allowed = match answer.as_str() {
        "allowed" => true,
        "denied" | "nothing allows it" => false,
        other => panic!("{other:?} is no answer"),
    };
    Some(Row { action: action.clone(), resource: resource.clone(), is_allowed })
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().expect("a list")
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}
