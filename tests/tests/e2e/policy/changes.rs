//! Changes of policies, attachments, things and thing groups, as live connections feel them: within a second of the answer
//! to whoever made the change.

use std::time::Duration;

use landfall_mqtt::{ClientEvent, ProtocolVersion, QoS, ReasonCode};
use landfall_tests::{Came, Connect, Device, DeviceCertificate, now};
use serde_json::{Value, json};

use super::disconnected;
use super::world::{World, allow, both_versions, deny, policy, publish};

/// How soon a change has to be felt by a live connection.
const SOON: Duration = Duration::from_secs(1);

/// Tries until a change is felt, which has to be soon. Every try is a round trip to the server.
#[track_caller]
fn felt(change: &str, mut is_felt: impl FnMut() -> bool) {
    let until = now() + SOON;
    while !is_felt() {
        assert!(now() < until, "{change}: not felt within {SOON:?}");
    }
}

/// That a device may connect as itself.
fn itself() -> Value {
    allow("Connect", &["client/${iot:ClientId}"])
}

/// A policy to connect and to publish on this.
fn publisher(topic: &str) -> Value {
    policy(&[itself(), allow("Publish", &[topic])])
}

/// A device that may publish on `bystander`, whatever happens to others.
struct Bystander {
    certificate: DeviceCertificate,
}

impl Bystander {
    fn new(world: &World) -> Self {
        let (certificate, _) = world.with_policy("bystander", &publisher("topic/bystander"));
        Self { certificate }
    }

    #[track_caller]
    fn connect(&self, world: &World) -> Device {
        Device::connect(&world.server, &self.certificate, "bystander").expect("its policy allows it")
    }
}

#[test]
fn another_default_version_and_the_old_one_again() {
    let world = World::start();
    let mut bystander = Bystander::new(&world).connect(&world);
    let (certificate, _) = world.with_policy("lamp", &publisher("topic/one"));
    let mut lamp = world.probe(&certificate, "lamp", &Connect::v5());
    assert!(lamp.may_publish("one") && !lamp.may_publish("two"));

    let second = world.api.create_policy_version("lamp", &publisher("topic/two"), false);
    for _ in 0..10 {
        assert!(lamp.may_publish("one") && !lamp.may_publish("two"), "version {second} does not count yet");
    }
    world.api.set_default_policy_version("lamp", &second);
    felt("version 2", || lamp.may_publish("two"));
    assert!(!lamp.may_publish("one"), "what version 1 allowed is gone with it");
    world.api.set_default_policy_version("lamp", "1");
    felt("version 1 again", || lamp.may_publish("one"));
    assert!(!lamp.may_publish("two"));
    world.api.create_policy_version("lamp", &publisher("topic/three"), true);
    felt("a new version that counts at once", || lamp.may_publish("three"));
    assert!(!lamp.may_publish("one"));
    // Another connection finds what this one found.
    let mut again = world.probe(&certificate, "lamp-again", &Connect::v5());
    assert!(again.may_publish("three") && !again.may_publish("one"));
    publish(&mut bystander, "bystander", "others are not touched");
}

#[test]
fn a_policy_that_is_attached_detached_and_deleted() {
    let world = World::start();
    let mut bystander = Bystander::new(&world).connect(&world);
    let (certificate, arn) = world.with_policy("lamp", &publisher("topic/one"));
    world.api.create_policy("more", &policy(&[allow("Publish", &["topic/two"])]));
    world.api.create_policy("less", &policy(&[deny("Publish", &["topic/one"])]));
    let mut lamp = world.probe(&certificate, "lamp", &Connect::v5());
    assert!(lamp.may_publish("one") && !lamp.may_publish("two"));

    world.api.attach_policy("more", &arn);
    felt("one more policy", || lamp.may_publish("two"));
    world.api.attach_policy("less", &arn);
    felt("a policy that denies", || !lamp.may_publish("one"));
    assert!(lamp.may_publish("two"));
    world.api.detach_policy("less", &arn);
    felt("the denial is detached", || lamp.may_publish("one"));

    let (status, _) = world.api.try_call("iot", "DELETE", "/policies/more", None);
    assert_eq!(status, 409, "a policy that is attached cannot be deleted");
    assert!(lamp.may_publish("two"));
    world.api.detach_policy("more", &arn);
    felt("the policy is detached", || !lamp.may_publish("two"));
    world.api.delete_policy("more");
    assert!(!lamp.may_publish("two") && lamp.may_publish("one"));
    // What has the name of a policy that is gone is another policy.
    world.api.create_policy("more", &policy(&[allow("Publish", &["topic/three"])]));
    world.api.attach_policy("more", &arn);
    felt("another policy of that name", || lamp.may_publish("three"));
    assert!(!lamp.may_publish("two"));
    publish(&mut bystander, "bystander", "others are not touched");
}

#[test]
fn a_policy_of_a_thing_group_for_the_things_of_its_child_groups() {
    let world = World::start();
    let (certificate, arn) = world.with_policy("lamp", &publisher("topic/one"));
    let (other, other_arn) = world.with_policy("other", &publisher("topic/one"));
    for (thing, arn) in [("lamp", &arn), ("other", &other_arn)] {
        world.api.create_thing(thing, None, &json!({}));
        world.api.attach_thing(thing, arn);
    }
    let house = world.api.create_thing_group("house", None);
    world.api.create_thing_group("cellar", Some("house"));
    world.api.create_policy("of-house", &policy(&[allow("Publish", &["topic/house"])]));
    let mut lamp = world.probe(&certificate, "lamp", &Connect::v5());
    // The certificate is attached to the thing, but this connection is not the thing's.
    let mut stranger = world.probe(&certificate, "stranger", &Connect::v5());
    let mut other = world.probe(&other, "other", &Connect::v5());
    assert!(!lamp.may_publish("house") && !stranger.may_publish("house") && !other.may_publish("house"));

    world.api.attach_policy("of-house", &house);
    assert!(!lamp.may_publish("house"), "it is in no group");
    world.api.add_to_group("cellar", "lamp");
    felt("the thing is in a child of the group", || lamp.may_publish("house"));
    assert!(!stranger.may_publish("house") && !other.may_publish("house") && lamp.may_publish("one"));
    world.api.create_policy_version("of-house", &policy(&[allow("Publish", &["topic/home"])]), true);
    felt("a new version of the group's policy", || lamp.may_publish("home"));
    assert!(!lamp.may_publish("house"));

    world.api.detach_policy("of-house", &house);
    felt("the policy is detached from the group", || !lamp.may_publish("home"));
    world.api.attach_policy("of-house", &house);
    felt("the policy is attached to the group again", || lamp.may_publish("home"));
    world.api.remove_from_group("cellar", "lamp");
    felt("the thing is in no group any more", || !lamp.may_publish("home"));
    world.api.add_to_group("house", "lamp");
    felt("the thing is in the group itself", || lamp.may_publish("home"));
    world.api.delete_thing_group("cellar");
    world.api.detach_policy("of-house", &house);
    world.api.delete_thing_group("house");
    felt("the group is gone", || !lamp.may_publish("home"));
    assert!(lamp.may_publish("one") && other.may_publish("one"));
}

#[test]
fn what_variables_of_a_thing_stand_for() {
    let world = World::start();
    let variables =
        ["Attributes[room]", "ThingTypeName"].map(|name| format!("${{iot:Connection.Thing.{name}}}"));
    let topics = variables.map(|variable| format!("topic/is/{variable}"));
    let is_attached = |value: &str| {
        let mut statement = allow("Publish", &[&format!("topic/attached/{value}")]);
        statement["Condition"] = json!({"Bool": {"iot:Connection.Thing.IsAttached": value}});
        statement
    };
    let document = policy(&[
        itself(),
        allow("Publish", &topics.each_ref().map(String::as_str)),
        is_attached("true"),
        is_attached("false"),
    ]);
    let (certificate, arn) = world.with_policy("lamp", &document);
    for kind in ["bulb", "tube"] {
        world.api.create_thing_type(kind);
    }
    world.api.create_thing("lamp", Some("bulb"), &json!({"room": "cellar"}));
    let mut lamp = world.probe(&certificate, "lamp", &Connect::v5());
    assert!(!lamp.may_publish("is/bulb") && lamp.may_publish("attached/false"));

    world.api.attach_thing("lamp", &arn);
    felt("the certificate is attached to the thing", || lamp.may_publish("attached/true"));
    assert!(lamp.may_publish("is/bulb") && !lamp.may_publish("attached/false"));
    assert!(lamp.may_publish("is/cellar"), "an attribute");
    let room = |room: &str| json!({"attributePayload": {"attributes": {"room": room}, "merge": true}});
    world.api.update_thing("lamp", &room("attic"));
    felt("an attribute is changed", || lamp.may_publish("is/attic"));
    assert!(!lamp.may_publish("is/cellar") && lamp.may_publish("is/bulb"));
    world.api.update_thing("lamp", &json!({"thingTypeName": "tube"}));
    felt("the type is changed", || lamp.may_publish("is/tube"));
    assert!(!lamp.may_publish("is/bulb") && lamp.may_publish("is/attic"));
    world.api.update_thing("lamp", &json!({"attributePayload": {"attributes": {}}}));
    felt("the attribute is gone", || !lamp.may_publish("is/attic"));
    world.api.update_thing("lamp", &json!({"removeThingType": true}));
    felt("the type is gone", || !lamp.may_publish("is/tube"));
    world.api.detach_thing("lamp", &arn);
    felt("the certificate is detached from the thing", || lamp.may_publish("attached/false"));
    assert!(!lamp.may_publish("attached/true"));
}

#[test]
fn a_right_to_connect_that_is_withdrawn_ends_the_connection() {
    let nothing = policy(&[allow("Publish", &["topic/one"])]);
    let world = World::start();
    let mut bystander = Bystander::new(&world).connect(&world);
    world.api.create_thing("lamp", None, &json!({}));
    let mut as_thing = itself();
    as_thing["Condition"] = json!({"Bool": {"iot:Connection.Thing.IsAttached": "true"}});
    let (certificate, arn) = world.with_policy("lamp", &policy(&[as_thing]));
    world.api.create_policy("barred", &policy(&[deny("Connect", &["client/lamp"])]));
    world.api.attach_thing("lamp", &arn);
    type Change<'c> = &'c dyn Fn();
    let ways: [(&str, Change<'_>, Change<'_>); 3] = [
        ("a denial", &|| world.api.attach_policy("barred", &arn), &|| {
            world.api.detach_policy("barred", &arn)
        }),
        ("a detached policy", &|| world.api.detach_policy("lamp", &arn), &|| {
            world.api.attach_policy("lamp", &arn)
        }),
        ("a detached thing", &|| world.api.detach_thing("lamp", &arn), &|| {
            world.api.attach_thing("lamp", &arn)
        }),
    ];
    for connect in both_versions() {
        for (way, withdraw, give_back) in ways {
            let mut lamp = world.probe(&certificate, "lamp", &connect);
            let device = lamp.device();
            withdraw();
            ends_soon(device, connect.version, way);
            assert!(!lamp.may_connect(), "{way}: it stays out");
            give_back();
            assert!(lamp.may_connect(), "{way}: it is let in again");
        }
    }
    for connect in both_versions() {
        let mut lamp = world.probe(&certificate, "lamp", &connect);
        let device = lamp.device();
        world.api.create_policy_version("lamp", &nothing, true);
        ends_soon(device, connect.version, "another version");
        assert!(!lamp.may_connect(), "it stays out");
        world.api.set_default_policy_version("lamp", "1");
        assert!(lamp.may_connect(), "it is let in again");
    }
    publish(&mut bystander, "bystander", "others are not touched");
}

/// Waits for the end of a connection whose right to connect was just withdrawn.
#[track_caller]
fn ends_soon(device: &mut Device, version: ProtocolVersion, way: &str) {
    device.patience(SOON);
    match version {
        ProtocolVersion::V311 => assert_eq!(device.next(), Came::Closed, "{way}"),
        ProtocolVersion::V5 => assert_eq!(disconnected(device), ReasonCode::NotAuthorized, "{way}"),
    }
}

/// What lets a device connect, subscribe to these filters and receive on these topics.
fn listener(filters: &[&str], topics: &[&str]) -> Value {
    policy(&[itself(), allow("Subscribe", filters), allow("Receive", topics)])
}

/// Publishes on both topics, in this order, until only the second one is heard.
#[track_caller]
fn falls_silent(operator: &mut Device, device: &mut Device, silent: &str, heard: &str) {
    device.patience(SOON);
    felt(&format!("{silent} is not heard any more"), || {
        publish(operator, silent, "x");
        publish(operator, heard, "x");
        let first = device.message().0;
        if first == silent {
            assert_eq!(device.message().0, heard);
        }
        first == heard
    });
}

#[test]
fn a_right_to_subscribe_that_is_withdrawn_ends_the_subscription() {
    let world = World::start();
    let mut operator = world.operator();
    for (number, connect) in both_versions().into_iter().enumerate() {
        let name = format!("lamp-{number}");
        let both = listener(&["topicfilter/a/*", "topicfilter/b/*"], &["topic/*"]);
        let (certificate, _) = world.with_policy(&name, &both);
        let mut lamp = world.probe(&certificate, &name, &connect);
        assert!(lamp.may_subscribe("a/#") && lamp.may_subscribe("b/#"));
        world.api.create_policy_version(&name, &listener(&["topicfilter/b/*"], &["topic/*"]), true);
        falls_silent(&mut operator, lamp.device(), "a/1", "b/1");
        assert!(!lamp.may_subscribe("a/#"));
        // The right alone does not bring the subscription back.
        world.api.set_default_policy_version(&name, "1");
        felt("the right is back", || subscribes(lamp.device(), "a/other/#"));
        publish(&mut operator, "a/1", "x");
        publish(&mut operator, "b/1", "x");
        assert_eq!(lamp.device().message().0, "b/1");
        assert!(lamp.may_subscribe("a/#"));
        publish(&mut operator, "a/1", "x");
        assert_eq!(lamp.device().message().0, "a/1");
    }
}

/// Whether a subscription is granted. Messages that come meanwhile are none of it.
#[track_caller]
fn subscribes(device: &mut Device, filter: &str) -> bool {
    !device.subscribe(filter, QoS::AtLeastOnce).is_failure()
}

#[test]
fn a_right_to_receive_that_is_withdrawn_silences_the_subscription_and_leaves_it() {
    let world = World::start();
    let mut operator = world.operator();
    for (number, connect) in both_versions().into_iter().enumerate() {
        let name = format!("lamp-{number}");
        let (certificate, _) = world.with_policy(&name, &listener(&["topicfilter/#"], &["topic/*"]));
        let mut lamp = world.probe(&certificate, &name, &connect);
        assert!(lamp.may_subscribe("#"));
        world.api.create_policy_version(&name, &listener(&["topicfilter/#"], &["topic/b/*"]), true);
        falls_silent(&mut operator, lamp.device(), "a/1", "b/1");
        world.api.set_default_policy_version(&name, "1");
        let device = lamp.device();
        felt("what it is subscribed to is heard again", || {
            publish(&mut operator, "a/1", "x");
            publish(&mut operator, "b/1", "x");
            let first = device.message().0;
            if first == "a/1" {
                assert_eq!(device.message().0, "b/1");
            }
            first == "a/1"
        });
    }
}

#[test]
fn a_change_that_comes_while_a_device_speaks_interrupts_nothing() {
    const MESSAGES: usize = 200;
    let world = World::start();
    let document = policy(&[itself(), allow("*", &["topic/own/*", "topicfilter/own/*"])]);
    let (certificate, arn) = world.with_policy("lamp", &document);
    world.api.create_policy("more", &policy(&[allow("Publish", &["topic/more"])]));
    let mut device = Device::connect_with(&world.server, &certificate, "lamp", &Connect::v5())
        .expect("its policy allows it");
    assert!(subscribes(&mut device, "own/#"));
    let mut heard = 0;
    for number in 0..MESSAGES {
        // An attachment that comes and goes has the rights read anew each time.
        match number % 20 {
            0 => world.api.attach_policy("more", &arn),
            10 => world.api.detach_policy("more", &arn),
            _ => {}
        }
        device.publish_qos1("own/topic", &number.to_string());
        let mut is_acknowledged = false;
        while !is_acknowledged || heard <= number {
            match device.next() {
                Came::Event(ClientEvent::PubAck { reason, .. }) => {
                    assert!(!reason.is_failure(), "message {number}");
                    is_acknowledged = true;
                }
                Came::Event(ClientEvent::Message(message)) => {
                    assert_eq!(&message.payload[..], heard.to_string().as_bytes(), "each once, in order");
                    heard += 1;
                }
                came @ (Came::Event(_) | Came::Closed | Came::Reset | Came::Alert(_) | Came::Nothing) => {
                    panic!("message {number}: {came:?}")
                }
            }
        }
    }
}

#[test]
fn a_client_id_is_taken_over_by_a_certificate_that_may_have_it_and_by_no_other() {
    let world = World::start();
    let may_be_lamp = policy(&[allow("Connect", &["client/lamp"]), allow("Publish", &["topic/one"])]);
    let (first, _) = world.with_policy("first", &may_be_lamp);
    let (second, _) = world.with_policy("second", &may_be_lamp);
    let (stranger, _) = world.with_policy("stranger", &policy(&[allow("Connect", &["client/stranger"])]));
    let connect = |certificate: &DeviceCertificate, connect: &Connect| {
        Device::connect_with(&world.server, certificate, "lamp", connect)
    };
    let mut holder = connect(&first, &Connect::v5()).expect("its policy allows it");
    for version in both_versions() {
        assert!(connect(&stranger, &version).is_err(), "{version:?}: its policy does not allow it");
        publish(&mut holder, "one", "nobody took its place");
    }
    let mut taker = connect(&second, &Connect::default()).expect("its policy allows it");
    holder.patience(SOON);
    assert_eq!(disconnected(&mut holder), ReasonCode::SessionTakenOver);
    publish(&mut taker, "one", "it has the place");
}
