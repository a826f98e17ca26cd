//! Tags.

use serde_json::{Value, json};

use super::samples::Sample;
use super::things::{assert_empty, refused};
use super::world::{ARN, World, id};

pub(super) fn samples() -> Vec<Sample> {
    let iot = Sample::iot;
    let arn = format!("{ARN}thingtype/sensor");
    let body =
        json!({"resourceArn": arn, "tags": [{"Key": "a", "Value": "1"}], "tagKeys": ["a"]}).to_string();
    vec![
        iot("TagResource", "POST", "/tags", &body),
        iot("ListTagsForResource", "GET", &format!("/tags?resourceArn={arn}"), ""),
        iot("UntagResource", "POST", "/untag", &body),
    ]
}

async fn tags(world: &World, arn: &str) -> Value {
    world.iot("GET", &format!("/tags?resourceArn={arn}"), "").await.ok()
}

async fn arns(world: &World) -> Vec<String> {
    for path in ["/thing-groups/group", "/billing-groups/group"] {
        assert_eq!(world.iot("POST", path, "").await.status, 200);
    }
    let ca = format!("cacert/{}", world.ca_id());
    let rule = r#"{"sql": "SELECT * FROM 'a'", "actions": []}"#;
    assert_eq!(world.iot("POST", "/rules/rule", rule).await.status, 200);
    let names =
        [&ca, "policy/policy-1", "thingtype/sensor", "thinggroup/group", "billinggroup/group", "rule/rule"];
    names.map(|name| format!("{ARN}{name}")).into()
}

#[tokio::test]
async fn tags_come_and_go() {
    let world = World::start().await;
    for arn in arns(&world).await {
        assert_eq!(tags(&world, &arn).await, json!({"tags": []}), "{arn}");
        let body = json!({
            "resourceArn": arn, "tags": [{"Key": "team", "Value": "light"}, {"Key": "Cost Centre", "Value": ""}],
        });
        assert_empty(&world.iot("POST", "/tags", &body.to_string()).await);
        let body = json!({"resourceArn": arn, "tags": [{"Key": "team", "Value": "dark"}, {"Key": "bare"}]});
        assert_empty(&world.iot("POST", "/tags", &body.to_string()).await);
        let [bare, cost, team] = [
            json!({"Key": "bare", "Value": ""}),
            json!({"Key": "Cost Centre", "Value": ""}),
            json!({"Key": "team", "Value": "dark"}),
        ];
        assert_eq!(tags(&world, &arn).await, json!({"tags": [cost, bare, team]}), "{arn}");
        let body = json!({"resourceArn": arn, "tagKeys": ["bare", "Cost Centre", "unknown"]});
        assert_empty(&world.iot("POST", "/untag", &body.to_string()).await);
        assert_eq!(tags(&world, &arn).await, json!({"tags": [team]}), "{arn}");
    }
}

#[tokio::test]
async fn a_resource_has_fifty_tags() {
    let world = World::start().await;
    let arn = format!("{ARN}thingtype/sensor");
    let tag = |number: usize| json!({"Key": format!("k{number:02}"), "Value": "1"});
    let body = |tags: Vec<Value>| json!({"resourceArn": arn, "tags": tags}).to_string();
    assert_empty(&world.iot("POST", "/tags", &body((0..50).map(tag).collect())).await);
    let expected = "410 LimitExceededException: thing type sensor would have more than 50 tags";
    refused(&world, "POST", "/tags", &body(vec![tag(50)]), expected).await;
    // All of them are on one page, and a token was never given out.
    let answer = tags(&world, &arn).await;
    assert_eq!(answer, json!({"tags": (0..50).map(tag).collect::<Vec<_>>()}));
    let target = format!("/tags?resourceArn={arn}&nextToken=AAAA");
    let answer = world.iot("GET", &target, "").await.error();
    assert!(answer.starts_with("400 InvalidRequestException: the nextToken is not one that"), "{answer}");
}

#[tokio::test]
async fn what_cannot_have_tags_is_refused() {
    let world = World::start().await;
    let check = async |arn: &str, expected: &str| {
        let body =
            json!({"resourceArn": arn, "tags": [{"Key": "a", "Value": "1"}], "tagKeys": ["a"]}).to_string();
        refused(&world, "POST", "/tags", &body, expected).await;
        refused(&world, "POST", "/untag", &body, expected).await;
        refused(&world, "GET", &format!("/tags?resourceArn={arn}"), "", expected).await;
    };
    let ca = id(9);
    for (name, expected) in [
        (format!("cacert/{ca}"), format!("CA certificate {ca} is not registered")),
        ("policy/nothing".to_owned(), "policy nothing does not exist".to_owned()),
        ("thingtype/nothing".to_owned(), "thing type nothing does not exist".to_owned()),
        ("thinggroup/nothing".to_owned(), "thing group nothing does not exist".to_owned()),
        ("billinggroup/nothing".to_owned(), "billing group nothing does not exist".to_owned()),
        ("rule/nothing".to_owned(), "topic rule nothing does not exist".to_owned()),
    ] {
        check(&format!("{ARN}{name}"), &format!("404 ResourceNotFoundException: {expected}")).await;
    }
    for name in ["thing/thing-1".to_owned(), format!("cert/{}", world.device.id())] {
        let arn = format!("{ARN}{name}");
        let expected = format!(
            "400 InvalidRequestException: {arn:?} cannot have tags; CA certificates, policies, thing types, thing \
             groups, billing groups and topic rules can"
        );
        check(&arn, &expected).await;
    }
    let expected = format!(
        "400 InvalidRequestException: resourceArn: \"thing-1\" does not begin with {ARN}, as every ARN here does"
    );
    check("thing-1", &expected).await;
}

#[tokio::test]
async fn a_tag_that_makes_no_sense_is_refused() {
    let world = World::start().await;
    let arn = format!("{ARN}thingtype/sensor");
    let tag = |key: &str| json!({"Key": key, "Value": "1"});
    for (tags, expected) in [
        (json!([tag("aws:a")]), "tag key begins with aws:, which is kept for AWS"),
        (json!([tag("a"), tag("a")]), "the tag key \"a\" is given twice"),
    ] {
        let body = json!({"resourceArn": arn, "tags": tags}).to_string();
        refused(&world, "POST", "/tags", &body, &format!("400 InvalidRequestException: {expected}")).await;
    }
    assert_eq!(tags(&world, &arn).await, json!({"tags": []}));
}
