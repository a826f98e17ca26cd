//! The policies that just-in-time registration gives to devices, each with a device that tries everything inside and
//! outside of it.

use landfall_tests::{Device, DeviceCertificate, Refused};
use serde_json::{Value, json};

use super::world::{World, allow, both_versions, policy, publish};

/// What a device may do, and what it may not.
struct Rights {
    /// The first is the one that tries everything else.
    client_ids: Bounds,
    publishes: Bounds,
    subscribes: Bounds,
    /// Those outside are topics that a subscription of the device has, but for its right to receive.
    receives: Bounds,
}

struct Bounds {
    inside: Vec<String>,
    outside: Vec<String>,
}

/// Texts between spaces.
fn bounds(inside: &str, outside: &str) -> Bounds {
    let list = |text: &str| text.split_whitespace().map(str::to_owned).collect();
    Bounds { inside: list(inside), outside: list(outside) }
}

/// Tries everything in both versions of MQTT.
#[track_caller]
fn check(world: &World, operator: &mut Device, certificate: &DeviceCertificate, rights: &Rights) {
    let Rights { client_ids, publishes, subscribes, receives } = rights;
    let client_id = client_ids.inside.first().expect("a client id");
    for connect in both_versions() {
        let version = connect.version;
        for (bounds, expected) in client_ids.each() {
            let may = world.probe(certificate, bounds, &connect).may_connect();
            assert_eq!(may, expected, "{version:?}: connecting as {bounds}");
        }
        let mut probe = world.probe(certificate, client_id, &connect);
        for (topic, expected) in publishes.each() {
            assert_eq!(probe.may_publish(topic), expected, "{version:?}: publishing on {topic}");
        }
        for (filter, expected) in subscribes.each() {
            assert_eq!(probe.may_subscribe(filter), expected, "{version:?}: subscribing to {filter}");
        }
        // Each message comes once, and in the order in which they were published: nothing from outside came before.
        for topic in receives.outside.iter().chain(&receives.inside) {
            publish(operator, topic, topic);
        }
        for topic in &receives.inside {
            let (found, payload, _) = probe.device().message();
            assert_eq!((&found, &payload), (topic, topic), "{version:?}: receiving");
        }
    }
}

impl Bounds {
    fn each(&self) -> impl Iterator<Item = (&String, bool)> {
        let inside = self.inside.iter().map(|text| (text, true));
        inside.chain(self.outside.iter().map(|text| (text, false)))
    }
}

#[test]
fn the_default_policy_of_devices() {
    let world = World::start();
    let certificate = world.ca.issue_device("1");
    let rights = Rights {
        client_ids: bounds(
            "thing-1",
            "thing-2 thing-10 thing- THING-1 thing-1-core example-thing 1 * thing-? ${iot:ClientId}",
        ),
        publishes: bounds(
            "device/thing-1 device/thing-1/a device/thing-1/a/b/c device/thing-1/",
            "device/thing-2 device/thing-10 device device/ thing-1 /device/thing-1 Device/thing-1 device/*
             greengrass/thing-1 $aws/things/thing-1/shadow/update $aws/events/thing/thing-1/updated",
        ),
        subscribes: bounds(
            "device/thing-1 device/thing-1/# device/thing-1/+ device/thing-1/+/b/#",
            "# + +/thing-1 device/# device/+ device/+/# device/thing-2 device/thing-2/# device/thing-10/# +/+/#
             $aws/# $aws/things/thing-1/shadow/# $aws/events/#",
        ),
        receives: bounds("device/thing-1 device/thing-1/a device/thing-1/a/b/c", ""),
    };
    check(&world, &mut world.operator(), &certificate, &rights);
    assert_eq!(world.api.outcomes(&certificate.id), ["success"]);
    assert_eq!(world.api.policies(&arn_of(&certificate)), ["iot-access-policy"]);
}

#[test]
fn the_default_policy_of_greengrass_cores() {
    let world = World::start();
    let subject =
        [("CN", "core"), ("serialNumber", "1"), ("title", "greengrass"), ("generationQualifier", "gateway")];
    let certificate = world.ca.issue(&subject);
    let rights = Rights {
        client_ids: bounds("core core-1 core-a-b core-", "thing-1 cor core1 CORE other other-core * core*"),
        publishes: bounds(
            "greengrass/core greengrass/core/a greengrass/core/a/b $aws/things/core-1/shadow/update
             $aws/things/core-/x",
            "greengrass/other greengrass/core2 greengrass device/core device/thing-1 $aws/things/core/shadow/update
             $aws/things/core-1 $aws/things/other-1/shadow/update $aws/things/thing-1/shadow/update
             $aws/events/thing/core-1/updated",
        ),
        subscribes: bounds(
            "greengrass/core greengrass/core/# $aws/things/core-1/# $aws/things/core-1/shadow/+",
            "# greengrass/# greengrass/+ +/core greengrass/other/# $aws/things/# $aws/things/+/shadow/update
             $aws/things/core/# device/thing-1",
        ),
        receives: bounds(
            "greengrass/core greengrass/core/a $aws/things/core-1/shadow/update",
            "$aws/things/core-1",
        ),
    };
    check(&world, &mut world.operator(), &certificate, &rights);
    assert_eq!(world.api.outcomes(&certificate.id), ["success"]);
    assert_eq!(world.api.policies(&arn_of(&certificate)), ["greengrass-access-policy"]);
}

/// A function behind the registration event, which is the only one to provision devices: it has been told of a certificate
/// when that is PENDING_ACTIVATION.
struct Function {
    world: World,
    operator: Device,
}

impl Function {
    fn start() -> Self {
        // With a hold of zero a client of MQTT 5 would not be told either why it is refused.
        let world = World::start_with(&["--registrar", "rules", "--first-connect-hold", "100ms"]);
        let operator = world.operator();
        Self { world, operator }
    }

    /// Lets a device connect for the first time, and then does what the function does, in its order: the certificate is
    /// ACTIVE before anything is attached to it.
    fn register(&self, certificate: &DeviceCertificate, thing: Option<&str>, name: &str, document: &Value) {
        let api = &self.world.api;
        let first = Device::connect(&self.world.server, certificate, thing.unwrap_or("first")).err();
        assert_eq!(first, Some(Refused::Closed), "AWS drops the first connection");
        assert_eq!(api.status(&certificate.id).as_deref(), Some("PENDING_ACTIVATION"));
        if let Some(thing) = thing {
            api.create_thing(thing, None, &json!({}));
        }
        api.create_policy(name, document);
        api.set_status(&certificate.id, "ACTIVE");
        let arn = arn_of(certificate);
        if let Some(thing) = thing {
            api.attach_thing(thing, &arn);
        }
        api.attach_policy(name, &arn);
    }
}

fn arn_of(certificate: &DeviceCertificate) -> String {
    format!("{}cert/{}", super::world::PREFIX, certificate.id)
}

/// The function of the first seed's folder, in `jitr-lambda.zip`: the thing is named as the certificate's subject, and the
/// policy, the same for all, lets it use its own topics for telemetry and commands, and its shadow.
#[test]
fn the_policy_of_the_first_seeds_function() {
    let mut function = Function::start();
    let certificate = function.world.ca.issue(&[("CN", "lamp")]);
    let thing = "${iot:Connection.Thing.ThingName}";
    let of_thing = |kind: &str| -> Vec<String> {
        ["dt/*", "cmd/*", "$aws/things/*/shadow"]
            .map(|topic| format!("arn:aws:iot:*:*:{kind}/{}/*", topic.replace('*', thing)))
            .to_vec()
    };
    let document = policy(&[
        json!({"Effect": "Allow", "Action": ["iot:Connect"], "Resource": [format!("arn:aws:iot:*:*:client/{thing}")]}),
        json!({"Effect": "Allow", "Action": ["iot:Publish", "iot:Receive"], "Resource": of_thing("topic")}),
        json!({"Effect": "Allow", "Action": ["iot:Subscribe"], "Resource": of_thing("topicfilter")}),
    ]);
    function.register(&certificate, Some("lamp"), "jitr_Policy", &document);
    let rights = Rights {
        client_ids: bounds("lamp", "lamp-1 Lamp lam first other * lam? ${iot:Connection.Thing.ThingName}"),
        publishes: bounds(
            "dt/lamp/a dt/lamp/a/b cmd/lamp/on $aws/things/lamp/shadow/update $aws/things/lamp/shadow/name/x/get",
            "dt/lamp dt dt/other/a dt/lamp2/a cmd/other/on cmd/lamp $aws/things/other/shadow/update
             $aws/things/lamp/jobs/start-next $aws/things/lamp/shadow $aws/events/thing/lamp/updated lamp",
        ),
        subscribes: bounds(
            "dt/lamp/# dt/lamp/+ cmd/lamp/# $aws/things/lamp/shadow/# $aws/things/lamp/shadow/+/accepted",
            "# +/lamp/# dt/# dt/+/a dt/lamp cmd/+/# cmd/other/# $aws/things/+/shadow/# $aws/things/lamp/#
             $aws/things/other/shadow/# $aws/events/#",
        ),
        receives: bounds(
            "dt/lamp/a cmd/lamp/on/off $aws/things/lamp/shadow/update/accepted",
            // A filter that ends with `/#` has the level above it too; the policy's topics do not.
            "dt/lamp cmd/lamp $aws/things/lamp/shadow",
        ),
    };
    check(&function.world, &mut function.operator, &certificate, &rights);
}

/// The function of the guide that the first seed names, "Just-in-Time Registration of Device Certificates on AWS IoT": a
/// policy for each certificate, by its id, and no thing.
#[test]
fn the_policy_of_the_function_of_the_guide_behind_the_first_seed() {
    let mut function = Function::start();
    let [certificate, other] = ["first", "second"].map(|name| function.world.ca.issue(&[("CN", name)]));
    for certificate in [&certificate, &other] {
        let id = &certificate.id;
        let topic = format!("topic/foo/bar/{id}/*");
        let mut publish = allow("Publish", &[&topic]);
        publish["Action"] = json!(["iot:Publish", "iot:Receive"]);
        let document = policy(&[
            allow("Connect", &[&format!("client/{id}")]),
            publish,
            allow("Subscribe", &[&format!("topicfilter/foo/bar/{id}/#")]),
        ]);
        function.register(certificate, None, &format!("Policy_{id}"), &document);
    }
    let (id, other) = (&certificate.id, &other.id);
    let upper = id.to_uppercase();
    let rights = Rights {
        client_ids: bounds(id, &format!("{other} {upper} first * {} {id}0", &id[..63])),
        publishes: bounds(
            &format!("foo/bar/{id}/a foo/bar/{id}/a/b"),
            &format!(
                "foo/bar/{id} foo/bar/{other}/a foo/bar/a foo/bar foo/{id}/a {id} $aws/things/{id}/shadow/update"
            ),
        ),
        // The `#` of its policy is that character: no other filter is allowed.
        subscribes: bounds(
            &format!("foo/bar/{id}/#"),
            &format!(
                "foo/bar/{id} foo/bar/{id}/a foo/bar/{id}/+ foo/bar/{other}/# foo/bar/# foo/bar/+/# # +/bar/{id}/#"
            ),
        ),
        receives: bounds(&format!("foo/bar/{id}/a foo/bar/{id}/a/b"), &format!("foo/bar/{id}")),
    };
    check(&function.world, &mut function.operator, &certificate, &rights);
}

/// The function of the first seed's repository as it is today: one telemetry topic for each thing.
#[test]
fn the_policy_of_the_function_of_the_first_seeds_repository() {
    let mut function = Function::start();
    let certificate = function.world.ca.issue(&[("CN", "any")]);
    let thing = "${iot:Connection.Thing.ThingName}";
    let topic = format!("AnyCompany/{thing}/telemetry");
    let mut connect = allow("Connect", &[&format!("client/{thing}")]);
    connect["Condition"] = json!({"Bool": {"iot:Connection.Thing.IsAttached": "true"}});
    let document = policy(&[
        connect,
        allow("Publish", &[&format!("topic/{topic}")]),
        allow("Subscribe", &[&format!("topicfilter/{topic}")]),
        allow("Receive", &[&format!("topic/{topic}")]),
    ]);
    // Things are named by the serial number of the certificate.
    function.register(&certificate, Some("4711"), "AnyTypeThing-policy", &document);
    let rights = Rights {
        client_ids: bounds("4711", "4712 471 any first * ${iot:Connection.Thing.ThingName}"),
        publishes: bounds(
            "AnyCompany/4711/telemetry",
            "AnyCompany/4712/telemetry AnyCompany/4711/telemetry/a AnyCompany/4711 AnyCompany//telemetry
             anycompany/4711/telemetry AnyCompany/*/telemetry $aws/things/4711/shadow/update",
        ),
        subscribes: bounds(
            "AnyCompany/4711/telemetry",
            "AnyCompany/+/telemetry AnyCompany/4711/# AnyCompany/4711/+ AnyCompany/# # AnyCompany/4712/telemetry",
        ),
        receives: bounds("AnyCompany/4711/telemetry", ""),
    };
    check(&function.world, &mut function.operator, &certificate, &rights);
}
