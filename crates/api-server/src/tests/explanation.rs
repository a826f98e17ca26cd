//! What `explain` asks and answers.

use std::borrow::Cow;
use std::sync::Arc;

use async_trait::async_trait;
use landfall_model::{CertificateId, ClientId, PolicyName, UnixTime};
use landfall_policy::{Authorizer, Fact, Facts, NamedPolicy, PolicyAction, PolicyDocument, Resource};
use serde_json::{Value, json};

use super::world::{ARN, NOW, World, id};
use crate::explanation::{
    ClientIdSource, DecisionExplainer, ExplainResponse, ExplainedDecision, NotExplained,
};

/// A certificate of which nobody knows as what client it connects, one that is refused, and one that cannot be explained.
const NO_CLIENT: u8 = 41;
const REFUSED: u8 = 42;
const BROKEN: u8 = 43;

const DOCUMENT: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Action": "iot:Connect", "Resource": "ARNclient/${iot:ClientId}"},
    {"Sid": "Own", "Effect": "Allow", "Action": "iot:*", "Resource": ["ARNtopic/${iot:ClientId}/*", "ARNtopic/x"]},
    {"Effect": "Deny", "Action": "iot:Publish", "Resource": "ARNtopic/*/secret",
     "Condition": {"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}
  ]
}"#;

/// Knows the certificates of the world that are ACTIVE, and one policy.
pub(super) struct OnePolicy;

/// A client that is not connected.
struct Client(ClientId);

impl Facts for Client {
    fn values(&self, fact: &Fact) -> Vec<Cow<'_, str>> {
        if *fact == Fact::ClientId { vec![self.0.as_str().into()] } else { Vec::new() }
    }

    fn now(&self) -> UnixTime {
        NOW
    }
}

#[async_trait]
impl DecisionExplainer for OnePolicy {
    async fn explain(
        &self,
        certificate: CertificateId,
        client_id: Option<ClientId>,
        action: PolicyAction,
        resource: &str,
    ) -> Result<ExplainedDecision, NotExplained> {
        let special = [NO_CLIENT, REFUSED, BROKEN].into_iter().find(|special| certificate == id(*special));
        match special {
            None if certificate == id(9) => return Err(NotExplained::NotRegistered),
            Some(NO_CLIENT) => return Err(NotExplained::NoClientId("nobody knows the client".to_owned())),
            Some(BROKEN) => return Err(NotExplained::Failed("it is broken".into())),
            Some(_) | None => {}
        }
        let client_id_source =
            if client_id.is_some() { ClientIdSource::Given } else { ClientIdSource::Thing };
        let client_id = client_id.unwrap_or_else(|| ClientId::parse("thing-1").unwrap());
        let document = PolicyDocument::parse(&DOCUMENT.replace("ARN", ARN)).unwrap();
        let policy = Arc::new(NamedPolicy { name: PolicyName::parse("one").unwrap(), document });
        let facts = Client(client_id.clone());
        let authorizer = Authorizer::compile(ARN.into(), &facts, vec![policy]);
        let arn = format!("{ARN}{resource}");
        Ok(ExplainedDecision {
            client_id,
            client_id_source,
            is_connected: false,
            refusal: (special == Some(REFUSED)).then(|| "the certificate is REVOKED".to_owned()),
            unknown: vec!["aws:SourceIp".to_owned()],
            explanation: authorizer.explain(&facts, action, Resource::Arn(&arn)),
        })
    }
}

async fn explain(world: &World, certificate: CertificateId, question: &Value) -> super::client::Answer {
    let target = format!("/landfall/v1/certificates/{certificate}/explain");
    world.signed("landfall", "POST", &target, &question.to_string()).await
}

#[tokio::test]
async fn a_decision_comes_with_its_reasons() {
    let world = World::start().await;
    let denied = explain(&world, id(2), &json!({"action": "publish", "resource": "y"})).await.ok();
    let variables = json!([
        {"name": "aws:SourceIp", "values": [], "origin": "the connection", "unknown": true},
        {"name": "iot:ClientId", "values": ["thing-1"], "origin": "the CONNECT packet"},
    ]);
    assert_eq!(
        denied,
        json!({
            "decision": "implicitDeny",
            "action": "iot:Publish",
            "resource": format!("{ARN}topic/y"),
            "certificateId": id(2).to_string(),
            "clientId": "thing-1",
            "clientIdSource": "thing",
            "connected": false,
            "policies": ["one"],
            "allowedBy": [],
            "deniedBy": [],
            "nearest": {
                "policy": "one", "statement": 2, "sid": "Own", "line": 5,
                "misses": [{
                    "reason": format!("it speaks of other resources: {ARN}topic/thing-1/*, {ARN}topic/x"),
                    "element": "resource",
                    "patterns": [
                        {
                            "written": format!("{ARN}topic/${{iot:ClientId}}/*"),
                            "filled": format!("{ARN}topic/thing-1/*"),
                            "withoutValue": [],
                        },
                        {"written": format!("{ARN}topic/x"), "filled": format!("{ARN}topic/x"), "withoutValue": []},
                    ],
                }],
            },
            "variables": variables,
        })
    );
    let read: ExplainResponse = serde_json::from_value(denied.clone()).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), denied);

    let question = json!({"action": "publish", "resource": "b/secret", "clientId": "b"});
    let denied = explain(&world, id(2), &question).await.ok();
    assert_eq!(denied["decision"], "explicitDeny");
    assert_eq!(denied["deniedBy"], json!([{"policy": "one", "statement": 3, "line": 6}]));
    assert_eq!(denied["allowedBy"], json!([{"policy": "one", "statement": 2, "sid": "Own", "line": 5}]));
    assert_eq!((&denied["clientIdSource"], denied.get("nearest")), (&json!("given"), None));
}

#[tokio::test]
async fn each_action_has_its_kind_of_resource() {
    let world = World::start().await;
    for (action, name, resource, arn) in [
        ("connect", "iot:Connect", "c/1", "client/c/1"),
        ("publish", "iot:Publish", "a/b", "topic/a/b"),
        ("receive", "iot:Receive", "a/b", "topic/a/b"),
        ("subscribe", "iot:Subscribe", "a/+/#", "topicfilter/a/+/#"),
    ] {
        let answer = explain(&world, id(2), &json!({"action": action, "resource": resource})).await.ok();
        assert_eq!((&answer["action"], &answer["resource"]), (&json!(name), &json!(format!("{ARN}{arn}"))));
    }
    let answer = explain(&world, id(2), &json!({"action": "connect", "resource": "c"})).await.ok();
    assert_eq!((&answer["clientId"], &answer["decision"]), (&json!("c"), &json!("allowed")));
    let refused = explain(&world, id(REFUSED), &json!({"action": "connect", "resource": "c"})).await.ok();
    assert_eq!(refused["decision"], "refused");
    assert_eq!(refused["refusal"], "the certificate is REVOKED");
}

#[tokio::test]
async fn questions_that_make_no_sense_are_refused() {
    let world = World::start().await;
    let connect = json!({"action": "connect", "resource": "c"});
    for (certificate, question, expected) in [
        (id(9), connect.clone(), "404 ResourceNotFoundException: "),
        (id(NO_CLIENT), connect.clone(), "400 InvalidRequestException: nobody knows the client: clientId"),
        (id(BROKEN), connect, "500 InternalFailureException: "),
        (
            id(2),
            json!({"action": "fly", "resource": "c"}),
            "400 InvalidRequestException: the body is not a question",
        ),
        (id(2), json!({"action": "connect"}), "400 InvalidRequestException: the body is not a question"),
        (
            id(2),
            json!({"action": "connect", "resource": "c", "why": 1}),
            "400 InvalidRequestException: the body is not a question",
        ),
        (
            id(2),
            json!({"action": "connect", "resource": ""}),
            "400 InvalidRequestException: the client id is empty",
        ),
        (
            id(2),
            json!({"action": "connect", "resource": "c", "clientId": "d"}),
            "400 InvalidRequestException: clientId is another than the client that would connect",
        ),
        (id(2), json!({"action": "publish", "resource": "a/#"}), "400 InvalidRequestException: "),
        (id(2), json!({"action": "subscribe", "resource": "a/#/b"}), "400 InvalidRequestException: "),
    ] {
        let error = explain(&world, certificate, &question).await.error();
        assert!(error.starts_with(expected), "{question}: {error}");
    }
    let target = format!("/landfall/v1/certificates/{}/explain", id(2));
    let answer = world.signed("landfall", "GET", &target, "").await;
    assert_eq!(
        answer.error(),
        "405 MethodNotAllowedException: ExplainDecision is asked for with POST, not with GET"
    );
    let answer = world.signed("landfall", "POST", "/landfall/v1/certificates/x/explain", "{}").await;
    assert_eq!(answer.error(), "400 InvalidRequestException: \"x\" is not an id of 64 hex digits");
}
