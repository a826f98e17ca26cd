//! What a device may do, asked through the API.

use landfall_model::{Certificate, SignedPart};
use landfall_pki::{KeyKind, KeyPair, ServerRequest, Subject, validity_of_days};
use landfall_registry::{Certificates as _, Registry as _, Transaction};
use rustls_pki_types::ServerName;
use serde_json::{Value, json};

use super::policies::{attach, create, groups};
use super::samples::Sample;
use super::world::{ARN, NOW, World, id};

pub(super) fn samples(world: &World) -> Vec<Sample> {
    let arn = format!("{ARN}cert/{}", world.device.id());
    let test = json!({
        "principal": arn,
        "authInfos": [{"actionType": "CONNECT", "resources": [format!("{ARN}client/a")]}],
    });
    let principal = json!({"principal": arn}).to_string();
    vec![
        Sample::iot("GetEffectivePolicies", "POST", "/effective-policies", &principal),
        Sample::iot("TestAuthorization", "POST", "/test-authorization?clientId=a", &test.to_string()),
    ]
}

async fn refused(world: &World, target: &str, body: &Value, expected: &str) {
    assert_eq!(world.iot("POST", target, &body.to_string()).await.error(), expected, "{target} {body}");
}

/// A document of one statement.
fn statement(effect: &str, action: &str, resource: &str) -> String {
    let statement = json!({"Effect": effect, "Action": action, "Resource": format!("{ARN}{resource}")});
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

fn listed(names: &[&str]) -> Value {
    names.iter().map(|name| json!({"policyName": name, "policyArn": format!("{ARN}policy/{name}")})).collect()
}

fn question(action: &str, resources: &[&str]) -> Value {
    let resources: Vec<String> = resources.iter().map(|resource| format!("{ARN}{resource}")).collect();
    json!({"actionType": action, "resources": resources})
}

/// What the policies allow, deny and are silent about, and what that comes to.
fn result(
    question: &Value,
    decision: &str,
    allow: &[&str],
    silent: &[&str],
    deny: &[&str],
    missing: &[&str],
) -> Value {
    json!({
        "authInfo": question,
        "allowed": {"policies": listed(allow)},
        "denied": {
            "implicitDeny": {"policies": listed(silent)},
            "explicitDeny": {"policies": listed(deny)},
        },
        "authDecision": decision,
        "missingContextValues": missing,
    })
}

/// The certificate without policies, attached to thing-1, as the registry has it.
fn certificate() -> String {
    format!("{ARN}cert/{}", id(2))
}

/// A world in which the certificate is one that can be read, attached to thing-1 and to nothing else.
async fn world() -> (World, String) {
    let world = World::start().await;
    let arn = format!("{ARN}cert/{}", world.device.id());
    for policy in ["policy-1", "policy-2", "policy-3"] {
        let body = json!({"target": arn}).to_string();
        let answer = world.iot("POST", &format!("/target-policies/{policy}"), &body).await;
        assert_eq!(answer.status, 200);
    }
    (world, arn)
}

async fn ask(world: &World, query: &str, body: &Value) -> Value {
    let target = format!("/test-authorization{query}");
    world.iot("POST", &target, &body.to_string()).await.ok()["authResults"].clone()
}

#[tokio::test]
async fn the_engine_of_the_broker_answers() {
    let (world, arn) = world().await;
    create(&world, "connects", &statement("Allow", "iot:Connect", "client/${iot:ClientId}")).await;
    create(&world, "publishes", &statement("Allow", "iot:Publish", "topic/device/*")).await;
    create(&world, "forbids", &statement("Deny", "iot:Publish", "topic/device/secret")).await;
    for policy in ["connects", "publishes", "forbids"] {
        attach(&world, policy, &arn).await;
    }
    let connect = question("CONNECT", &["client/a"]);
    let other = question("CONNECT", &["client/b"]);
    let publish = question("PUBLISH", &["topic/device/1", "topic/device/2"]);
    let secret = question("PUBLISH", &["topic/device/1", "topic/device/secret"]);
    let both = question("PUBLISH", &["topic/device/1", "topic/elsewhere"]);
    let subscribe = question("SUBSCRIBE", &["topicfilter/device/1"]);
    let receive = question("RECEIVE", &["topic/device/1"]);
    let body = json!({
        "principal": arn, "authInfos": [connect, other, publish, secret, both, subscribe, receive],
    });
    let all = ["connects", "forbids", "publishes"];
    assert_eq!(
        ask(&world, "?clientId=a", &body).await,
        json!([
            result(&connect, "ALLOWED", &["connects"], &["forbids", "publishes"], &[], &[]),
            result(&other, "IMPLICIT_DENY", &[], &all, &[], &[]),
            result(&publish, "ALLOWED", &["publishes"], &["connects", "forbids"], &[], &[]),
            result(&secret, "EXPLICIT_DENY", &["publishes"], &["connects"], &["forbids"], &[]),
            result(&both, "IMPLICIT_DENY", &["publishes"], &["connects", "forbids"], &[], &[]),
            result(&subscribe, "IMPLICIT_DENY", &[], &all, &[], &[]),
            result(&receive, "IMPLICIT_DENY", &[], &all, &[], &[]),
        ])
    );
    // Without a client id its variable has no value.
    let body = json!({"principal": arn, "authInfos": [connect]});
    assert_eq!(
        ask(&world, "", &body).await,
        json!([result(&connect, "IMPLICIT_DENY", &[], &all, &[], &["iot:ClientId"])])
    );
}

#[tokio::test]
async fn policies_are_added_and_skipped() {
    let (world, arn) = world().await;
    create(&world, "a", &statement("Allow", "iot:Publish", "topic/a")).await;
    create(&world, "b", &statement("Allow", "iot:Publish", "topic/b")).await;
    attach(&world, "a", &arn).await;
    let (to_a, to_b) = (question("PUBLISH", &["topic/a"]), question("PUBLISH", &["topic/b"]));
    let body = json!({
        "principal": arn, "authInfos": [to_a, to_b], "policyNamesToAdd": ["b"], "policyNamesToSkip": ["a"],
    });
    assert_eq!(
        ask(&world, "", &body).await,
        json!([
            result(&to_a, "IMPLICIT_DENY", &[], &["b"], &[], &[]),
            result(&to_b, "ALLOWED", &["b"], &[], &[], &[]),
        ])
    );
    // Nobody in particular.
    let body = json!({"authInfos": [to_a], "policyNamesToAdd": ["a"]});
    assert_eq!(ask(&world, "", &body).await, json!([result(&to_a, "ALLOWED", &["a"], &[], &[], &[])]));
}

#[tokio::test]
async fn the_certificate_and_the_thing_give_values() {
    let (world, arn) = world().await;
    let certificate = &world.device;
    let mut serial_number = 0_u128;
    for byte in certificate.serial_number() {
        serial_number = serial_number << 8 | u128::from(*byte);
    }
    for (number, (resource, client_id, name)) in [
        ("topic/${iot:CertificateId}", "x", format!("topic/{}", certificate.id())),
        ("topic/${iot:Certificate.Subject.CommonName}", "x", "topic/device-1".to_owned()),
        ("topic/${iot:Certificate.Issuer.CommonName}", "x", "topic/Root".to_owned()),
        ("topic/${iot:Certificate.SerialNumber}", "x", format!("topic/{serial_number}")),
        ("topic/${iot:Connection.Thing.ThingName}", "thing-1", "topic/thing-1".to_owned()),
        ("topic/${iot:Connection.Thing.ThingTypeName}", "thing-1", "topic/sensor".to_owned()),
        ("topic/${iot:Connection.Thing.Attributes[colour]}", "thing-1", "topic/red".to_owned()),
    ]
    .into_iter()
    .enumerate()
    {
        let policy = format!("p{number}");
        create(&world, &policy, &statement("Allow", "iot:Publish", resource)).await;
        let question = question("PUBLISH", &[&name]);
        let body = json!({"principal": arn, "authInfos": [question], "policyNamesToAdd": [policy]});
        let found = ask(&world, &format!("?clientId={client_id}"), &body).await;
        let expected = json!([result(&question, "ALLOWED", &[&policy], &[], &[], &[])]);
        assert_eq!(found, expected, "{resource}");
        if client_id == "thing-1" {
            // Another client id is no thing of the certificate.
            let found = ask(&world, "?clientId=thing-2", &body).await;
            assert_eq!(found[0]["authDecision"], "IMPLICIT_DENY", "{resource}");
            let missing = found[0]["missingContextValues"][0].as_str().unwrap();
            assert!(missing.starts_with("iot:Connection.Thing."), "{missing}");
        }
    }
}

#[tokio::test]
async fn the_alternative_names_of_the_certificate_give_values() {
    let (world, _) = world().await;
    let key = KeyPair::generate(KeyKind::P256).unwrap();
    let request = ServerRequest {
        subject: &Subject::parse("CN=bulb").unwrap(),
        public_key: key.public_key(),
        validity: validity_of_days(NOW, 10),
        names: &[ServerName::try_from("bulb.example").unwrap(), ServerName::try_from("192.0.2.1").unwrap()],
    };
    let bulb = world.ca.sign_server(&request).unwrap();
    let mut transaction = Transaction::new();
    transaction.insert_certificate(Certificate {
        id: bulb.id(),
        der: bulb.der().clone(),
        signed_part: SignedPart::from_sha256(bulb.signed_part_sha256()),
        ..world.registry.certificate(world.device.id()).await.unwrap().unwrap()
    });
    world.registry.commit(transaction).await.unwrap();
    for (policy, variable, value) in [
        ("a", "iot:Certificate.Subject.AlternativeName.DNSName", "bulb.example"),
        ("b", "iot:Certificate.Subject.AlternativeName.IPAddress", "192.0.2.1"),
    ] {
        create(&world, policy, &statement("Allow", "iot:Publish", &format!("topic/${{{variable}}}"))).await;
        let question = question("PUBLISH", &[&format!("topic/{value}")]);
        let body = json!({
            "principal": format!("{ARN}cert/{}", bulb.id()), "authInfos": [question], "policyNamesToAdd": [policy],
        });
        let expected = json!([result(&question, "ALLOWED", &[policy], &[], &[], &[])]);
        assert_eq!(ask(&world, "", &body).await, expected, "{variable}");
    }
}

#[tokio::test]
async fn a_client_that_is_a_thing_has_the_policies_of_its_groups() {
    let (world, arn) = world().await;
    groups(&world, &["root", "leaf"]).await;
    let body = json!({"thingName": "thing-1", "thingGroupName": "leaf"}).to_string();
    assert_eq!(world.iot("PUT", "/thing-groups/addThingToThingGroup", &body).await.status, 200);
    create(&world, "of-root", &statement("Allow", "iot:Publish", "topic/a")).await;
    attach(&world, "of-root", &format!("{ARN}thinggroup/root")).await;
    let question = question("PUBLISH", &["topic/a"]);
    let body = json!({"principal": arn, "authInfos": [question]});
    let allowed = json!([result(&question, "ALLOWED", &["of-root"], &[], &[], &[])]);
    assert_eq!(ask(&world, "?clientId=thing-1", &body).await, allowed);
    let nothing = json!([result(&question, "IMPLICIT_DENY", &[], &[], &[], &[])]);
    assert_eq!(ask(&world, "?clientId=thing-2", &body).await, nothing, "it is not attached to that");
    assert_eq!(ask(&world, "", &body).await, nothing);
    let body = json!({"principal": format!("{ARN}thinggroup/leaf"), "authInfos": [question]});
    assert_eq!(ask(&world, "", &body).await, allowed);
}

#[tokio::test]
async fn a_policy_that_is_not_understood_takes_all_rights() {
    let (world, arn) = world().await;
    create(&world, "a", &statement("Allow", "iot:Publish", "topic/a")).await;
    attach(&world, "a", &arn).await;
    // Its document has no statement, which could not be stored through the API.
    attach(&world, "policy-1", &arn).await;
    let question = question("PUBLISH", &["topic/a"]);
    let body = json!({"principal": arn, "authInfos": [question]});
    let expected = json!([result(&question, "IMPLICIT_DENY", &[], &[], &[], &[])]);
    assert_eq!(ask(&world, "", &body).await, expected);
}

#[tokio::test]
async fn effective_policies_are_those_of_the_certificate_and_of_the_groups_of_the_thing() {
    let world = World::start().await;
    groups(&world, &["root", "leaf"]).await;
    let body = json!({"thingName": "thing-1", "thingGroupName": "leaf"}).to_string();
    assert_eq!(world.iot("PUT", "/thing-groups/addThingToThingGroup", &body).await.status, 200);
    let document = |name: &str| statement("Allow", "iot:Publish", &format!("topic/{name}"));
    for (policy, target) in [
        ("of-root", format!("{ARN}thinggroup/root")),
        ("of-leaf", format!("{ARN}thinggroup/leaf")),
        ("of-certificate", certificate()),
    ] {
        create(&world, policy, &document(policy)).await;
        attach(&world, policy, &target).await;
    }
    attach(&world, "of-root", &certificate()).await;
    for (query, body, expected) in [
        ("", json!({"principal": certificate()}), vec!["of-certificate", "of-root"]),
        ("?thingName=thing-1", json!({}), vec!["of-leaf", "of-root"]),
        ("?thingName=thing-2", json!({}), vec![]),
        (
            "?thingName=thing-1",
            json!({"principal": certificate()}),
            vec!["of-certificate", "of-leaf", "of-root"],
        ),
        ("", json!({"principal": format!("{ARN}thinggroup/leaf")}), vec!["of-leaf", "of-root"]),
        ("", json!({"principal": format!("{ARN}thinggroup/root")}), vec!["of-root"]),
        ("", json!({"principal": format!("{ARN}cert/{}", id(3))}), vec![]),
    ] {
        let answer = world.iot("POST", &format!("/effective-policies{query}"), &body.to_string()).await.ok();
        let expected: Value = expected
            .into_iter()
            .map(|name| {
                json!({
                    "policyName": name, "policyArn": format!("{ARN}policy/{name}"),
                    "policyDocument": document(name),
                })
            })
            .collect();
        assert_eq!(answer, json!({"effectivePolicies": expected}), "{query} {body}");
    }
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused() {
    let world = World::start().await;
    let question = question("PUBLISH", &["topic/a"]);
    let questions = json!([question]);
    let nobody = format!("{ARN}cert/{}", id(9));
    let cognito = "501 NotImplementedException: cognitoIdentityPoolId, authorization of Amazon Cognito identities, is not \
         implemented here yet";
    let not_registered = format!("404 ResourceNotFoundException: certificate {} is not registered", id(9));
    for (body, expected) in [
        (json!({"authInfos": questions, "principal": nobody}), not_registered.as_str()),
        (
            json!({"authInfos": questions, "principal": format!("{ARN}thinggroup/no")}),
            "404 ResourceNotFoundException: thing group no does not exist",
        ),
        (
            json!({"authInfos": questions, "policyNamesToAdd": ["no"]}),
            "404 ResourceNotFoundException: policy no does not exist",
        ),
        (json!({"authInfos": questions, "cognitoIdentityPoolId": "us-east-1:a"}), cognito),
        (
            json!({"authInfos": [{"resources": [format!("{ARN}topic/a")]}]}),
            "400 InvalidRequestException: actionType is missing in an entry of authInfos",
        ),
        (
            json!({"authInfos": [{"actionType": "PUBLISH", "resources": []}]}),
            "400 InvalidRequestException: resources is empty in an entry of authInfos; it takes ARNs",
        ),
        (
            json!({"authInfos": [{"actionType": "PUBLISH", "resources": ["topic/a"]}]}),
            "400 InvalidRequestException: the resource \"topic/a\" of authInfos is not an ARN",
        ),
    ] {
        refused(&world, "/test-authorization", &body, expected).await;
    }
    for (count, expected) in [
        (100, None),
        (
            101,
            Some(
                "400 InvalidRequestException: an entry of authInfos has 101 resources, and at most 100 are answered",
            ),
        ),
    ] {
        let resources = vec![format!("{ARN}topic/a"); count];
        let body = json!({"authInfos": [{"actionType": "PUBLISH", "resources": resources}]});
        match expected {
            Some(expected) => refused(&world, "/test-authorization", &body, expected).await,
            None => assert_eq!(ask(&world, "", &body).await[0]["authDecision"], "IMPLICIT_DENY"),
        }
    }
    let many: Vec<&Value> = std::iter::repeat_n(&question, 11).collect();
    let answer =
        world.iot("POST", "/test-authorization", &json!({"authInfos": many}).to_string()).await.error();
    assert!(answer.starts_with("400 InvalidRequestException: 1 validation error detected: "), "{answer}");

    for (query, body, expected) in [
        ("", json!({}), "400 InvalidRequestException: give principal, thingName or both"),
        ("", json!({"cognitoIdentityPoolId": "us-east-1:a"}), cognito),
        ("?thingName=no", json!({}), "404 ResourceNotFoundException: thing no does not exist"),
        ("", json!({"principal": nobody}), not_registered.as_str()),
        (
            "",
            json!({"principal": format!("{ARN}thinggroup/no")}),
            "404 ResourceNotFoundException: thing group no does not exist",
        ),
    ] {
        refused(&world, &format!("/effective-policies{query}"), &body, expected).await;
    }
}
