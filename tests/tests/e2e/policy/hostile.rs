//! Client ids, names of things and subjects of certificates that are full of what means something in policies and topics:
//! none of them widens a right.

use landfall_tests::{Connect, Device, DeviceCertificate, percent_encode};
use serde_json::{Value, json};

use super::world::{PREFIX, World, allow, both_versions, deny, policy, publish};

/// What means something in a policy, in a variable, in a topic filter, or in a path.
const HOSTILE: [&str; 20] = [
    "*",
    "**",
    "?",
    "??????",
    "v*",
    "*m",
    "victi?",
    "v?c*m",
    "+",
    "#",
    "+/#",
    "victim/#",
    "victim/+",
    "victim/*",
    "${iot:ClientId}",
    "${*}",
    "$",
    "{}",
    "}${",
    "victim*",
];

/// What everybody may receive, to tell that nothing came before it.
const CANARY: &str = "canary";

/// Lets a device connect as anybody, and do everything below `device/` and its own name, which this variable is.
fn own_topics(variable: &str) -> Vec<Value> {
    let own = |kind: &str| [format!("{kind}/device/{variable}"), format!("{kind}/device/{variable}/*")];
    let statement = |action: &str, kind: &str| {
        let mut statement = allow(action, &own(kind).each_ref().map(String::as_str));
        let canary = format!("{PREFIX}{kind}/{CANARY}");
        statement["Resource"].as_array_mut().expect("resources").push(canary.into());
        statement
    };
    vec![
        allow("Connect", &["client/*"]),
        statement("Publish", "topic"),
        statement("Receive", "topic"),
        statement("Subscribe", "topicfilter"),
    ]
}

/// Tries to reach what is the victim's: nothing is published on its topics, and nothing of them is heard. Filters that are
/// `own`, or below it, may be granted: `+` and `#` in a policy are these characters, as at AWS, and what such a filter would
/// match is not received.
#[track_caller]
fn reaches_nothing(
    world: &World,
    operator: &mut Device,
    (certificate, client_id): (&DeviceCertificate, &str),
    own: Option<&str>,
) {
    for connect in both_versions() {
        let mut hostile = world.probe(certificate, client_id, &connect);
        for topic in ["device/victim", "device/victim/a", "device/victimized", "device", "device/", "other"] {
            assert!(!hostile.may_publish(topic), "{client_id} publishes on {topic}");
        }
        for filter in [
            "device/victim",
            "device/victim/a",
            "device/victim/#",
            "device/victim/+",
            "device/#",
            "device/+",
            "device/+/#",
            "device/+/a",
            "+/victim",
            "+/+",
            "+/+/+",
            "#",
        ] {
            let below = own.and_then(|own| filter.strip_prefix(own));
            let is_own = below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            assert_eq!(hostile.may_subscribe(filter), is_own, "{client_id} subscribes to {filter}");
        }
        assert!(hostile.may_subscribe(CANARY));
        for topic in ["device/victim", "device/victim/a", CANARY] {
            publish(operator, topic, "x");
        }
        assert_eq!(hostile.device().message().0, CANARY, "{client_id} hears what is the victim's");
    }
}

#[test]
fn client_ids() {
    let world = World::start();
    let mut operator = world.operator();
    let (certificate, _) = world.with_policy("devices", &policy(&own_topics("${iot:ClientId}")));
    let mut victim = world.probe(&certificate, "victim", &Connect::default());
    assert!(victim.may_publish("device/victim/a") && victim.may_subscribe("device/victim/#"));
    publish(&mut operator, "device/victim/a", "x");
    assert_eq!(victim.device().message().0, "device/victim/a", "what the others must not reach");
    for client_id in HOSTILE {
        let own = format!("device/{client_id}");
        reaches_nothing(&world, &mut operator, (&certificate, client_id), Some(&own));
    }
    // Where a client id is a topic, it is the device's own.
    for (client_id, topic) in
        [("*", "device/*"), ("?", "device/?/a"), ("${*}", "device/${*}"), ("a/b", "device/a/b")]
    {
        for connect in both_versions() {
            let mut device = world.probe(&certificate, client_id, &connect);
            assert!(device.may_subscribe(topic) && device.may_publish(topic), "{client_id} on {topic}");
        }
    }
}

#[test]
fn client_ids_in_denials_and_conditions() {
    let world = World::start();
    let mut own = allow("Publish", &["topic/own/*"]);
    own["Condition"] = json!({"StringEquals": {"iot:ClientId": ["victim", "second"]}});
    let mut like = allow("Publish", &["topic/like/*"]);
    like["Condition"] = json!({"StringLike": {"iot:ClientId": "victi?"}});
    let document = policy(&[
        allow("Connect", &["client/*"]),
        own,
        like,
        allow("Publish", &["topic/open/*"]),
        deny("Publish", &["topic/open/${iot:ClientId}"]),
    ]);
    let (certificate, _) = world.with_policy("devices", &document);
    for connect in both_versions() {
        let mut victim = world.probe(&certificate, "victim", &connect);
        assert!(victim.may_publish("own/a") && victim.may_publish("like/a") && victim.may_publish("open/a"));
        assert!(!victim.may_publish("open/victim"));
        for client_id in HOSTILE {
            let mut hostile = world.probe(&certificate, client_id, &connect);
            assert!(!hostile.may_publish("own/a"), "{client_id} is equal to a name");
            // `victi?` is like `victi?`, as a character that `?` stands for.
            assert_eq!(hostile.may_publish("like/a"), client_id == "victi?", "{client_id} is like a name");
            // A denial is not widened either: nobody shuts others out by what it calls itself.
            assert!(hostile.may_publish("open/victim") && hostile.may_publish("open/a"), "{client_id}");
            if !client_id.contains(['+', '#']) {
                assert!(!hostile.may_publish(&format!("open/{client_id}")), "{client_id} is denied its own");
            }
        }
    }
}

#[test]
fn names_of_things() {
    let world = World::start();
    let thing = "${iot:Connection.Thing.ThingName}";
    let document = policy(&[allow("Connect", &[&format!("client/{thing}")]), allow("Publish", &["topic/*"])]);
    let (certificate, arn) = world.with_policy("devices", &document);
    world.api.create_thing("victim", None, &json!({}));
    for name in HOSTILE {
        let target = format!("/things/{}", percent_encode(name));
        let (status, answer) = world.api.try_call("iot", "POST", &target, Some(&json!({})));
        assert!((400..500).contains(&status), "{name} is the name of a thing: {status} {answer}");
        let device = world.probe(&certificate, name, &Connect::v5()).may_connect();
        assert!(!device, "{name} connects as a thing that there is not");
    }
    assert_eq!(world.api.things().len(), 1);
    for connect in both_versions() {
        assert!(
            !world.probe(&certificate, "victim", &connect).may_connect(),
            "it is not attached to the thing"
        );
    }
    world.api.attach_thing("victim", &arn);
    for connect in both_versions() {
        assert!(world.probe(&certificate, "victim", &connect).may_connect());
        for name in HOSTILE {
            assert!(
                !world.probe(&certificate, name, &connect).may_connect(),
                "{name} is no name of its thing"
            );
        }
    }
}

/// Attributes take more characters than names do.
#[test]
fn attributes_of_things() {
    let world = World::start();
    let mut operator = world.operator();
    let variable = "${iot:Connection.Thing.Attributes[site]}";
    let (certificate, arn) = world.with_policy("devices", &policy(&own_topics(variable)));
    for (number, site) in ["#", "victim/#", "/", "victim/secret", "..", "@:=[]", ""].into_iter().enumerate() {
        let name = format!("thing-{number}");
        world.api.create_thing(&name, None, &json!({ "site": site }));
        world.api.attach_thing(&name, &arn);
        let own = format!("device/{site}");
        reaches_nothing(&world, &mut operator, (&certificate, &name), Some(&own));
    }
    // What a policy could take for a pattern is no value.
    for site in ["*", "?", "victi?", "+", "${iot:ClientId}", "$", "{"] {
        let body = json!({"attributePayload": {"attributes": {"site": site}}});
        let (status, answer) = world.api.try_call("iot", "POST", "/things/hostile", Some(&body));
        assert_eq!(status, 400, "{site} is a value: {answer}");
    }
}

/// A value of a certificate with a wildcard gives no right at all, as at AWS, and is the characters that it is where a policy
/// denies.
#[test]
fn subjects_of_certificates() {
    let world = World::start();
    let mut operator = world.operator();
    for (name, variable) in [("CN", "CommonName"), ("O", "Organization"), ("title", "Title")] {
        let variable = format!("${{iot:Certificate.Subject.{variable}}}");
        let mut statements = own_topics(&variable);
        statements.extend([
            allow("Publish", &["topic/open/*"]),
            deny("Publish", &[&format!("topic/open/{variable}")]),
        ]);
        world.api.create_policy(name, &policy(&statements));
        for (number, value) in HOSTILE.into_iter().enumerate() {
            let (certificate, arn) = world.registered(&[(name, value)]);
            world.api.attach_policy(name, &arn);
            let client_id = format!("{name}-{number}");
            let is_kept_out = value.contains(['*', '$', '+', '?', '#']);
            let own = format!("device/{value}");
            let granted = Some(own.as_str()).filter(|_| !is_kept_out);
            reaches_nothing(&world, &mut operator, (&certificate, &client_id), granted);
            let mut device = world.probe(&certificate, &client_id, &Connect::v5());
            assert_eq!(device.may_subscribe(&own), !is_kept_out, "{value}");
            assert!(
                device.may_publish("open/victim") && device.may_publish("open/a"),
                "{value} widens a denial"
            );
            if !value.contains(['+', '#']) {
                assert!(!device.may_publish(&format!("open/{value}")), "{value} escapes a denial");
            }
        }
    }
}

/// The default policies with a device whose certificate says something hostile wherever the registrar takes it.
#[test]
fn a_greengrass_core_with_a_hostile_name_is_nobody() {
    let world = World::start();
    for (number, name) in HOSTILE.into_iter().enumerate() {
        let serial = format!("serial-{number}");
        let subject = [
            ("CN", name),
            ("serialNumber", serial.as_str()),
            ("title", "greengrass"),
            ("generationQualifier", "gateway"),
        ];
        let certificate = world.ca.issue(&subject);
        let is_kept_out = name.contains(['*', '$', '+', '?', '#']);
        for connect in both_versions() {
            assert_eq!(
                world.probe(&certificate, name, &connect).may_connect(),
                !is_kept_out,
                "{name} as itself"
            );
            for client_id in ["victim", "victim-1", "v", "thing-serial-0", &format!("thing-{serial}")] {
                assert!(
                    !world.probe(&certificate, client_id, &connect).may_connect(),
                    "{name} as {client_id}"
                );
            }
        }
        assert_eq!(world.api.outcomes(&certificate.id), ["success"], "{name} is registered all the same");
    }
}
