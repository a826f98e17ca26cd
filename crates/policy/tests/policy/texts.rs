//! What people read: errors, explanations and findings. A changed snapshot is a changed promise.

use std::fmt::Write as _;

use landfall_model::{ClientId, TopicFilter, TopicName};
use landfall_policy::{PolicyAction, PolicyDocument, Resource, lint};

use crate::connection::{Connection, Thing};

#[test]
fn errors_say_where_what_and_what_would_be_right() {
    let mut texts = String::new();
    for document in [
        "",
        "[]",
        "{",
        r#"{"Version":"2012-10-17"}"#,
        r#"{"Version":"2020-01-01","Statement":[]}"#,
        r#"{"Version":2012,"Statement":[]}"#,
        r#"{"Version":"2012-10-17","Statement":[]}"#,
        r#"{"Statement":"all"}"#,
        r#"{"Statement":[["a","Allow","iot:*","*",null]]}"#,
        r#"{"Statement":[],"Principal":"*"}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"iot:*","Resource":"*","Principal":"*"}}"#,
        r#"{"Statement":{"Effect":"allow","Action":"iot:*","Resource":"*"}}"#,
        r#"{"Statement":{"Action":"iot:*","Resource":"*"}}"#,
        r#"{"Statement":{"Effect":"Allow","Resource":"*"}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"iot:*"}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"iot:*","NotAction":"iot:*","Resource":"*"}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"iot:*","NotResource":"*","Resource":"*"}}"#,
        r#"{"Statement":{"Effect":"Allow","Effect":"Deny","Action":"iot:*","Resource":"*"}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":[],"Resource":"*"}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":["iot:*",1],"Resource":"*"}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"Publish","Resource":"*"}}"#,
        "{\n  \"Statement\": {\n    \"Effect\": \"Allow\",\n    \"Action\": \"iot:*\",\n    \"Resource\": [\"*\", \"topic/a\"]\n  }\n}",
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iot:*","Resource":"*${iot:ClientId"}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"iot:*","Resource":"*","Condition":[]}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"iot:*","Resource":"*","Condition":{"Bool":"true"}}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"iot:*","Resource":"*","Condition":{"Bool":{},"Bool":{}}}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"iot:*","Resource":"*","Condition":{"stringequals":{}}}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"iot:*","Resource":"*","Condition":{"StringSame":{}}}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"iot:*","Resource":"*","Condition":{"ForSome:StringEquals":{}}}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"iot:*","Resource":"*","Condition":{"NullIfExists":{}}}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"iot:*","Resource":"*","Condition":{"Bool":{"ClientId":"true"}}}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"iot:*","Resource":"*","Condition":{"Bool":{"iot:ClientId":null}}}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"iot:*","Resource":"*","Condition":{"Bool":{"iot:ClientId":"yes"}}}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"iot:*","Resource":"*","Condition":{"NumericEquals":{"iot:ClientId":"ten"}}}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"iot:*","Resource":"*","Condition":{"DateLessThan":{"aws:CurrentTime":"tomorrow"}}}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"iot:*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/33"}}}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"iot:*","Resource":"*","Condition":{"ArnLike":{"iot:LastWillTopic":"topic/a"}}}}"#,
        r#"{"Statement":{"Effect":"Allow","Action":"iot:*","Resource":"*","Condition":{"BinaryEquals":{"iot:ClientId":"***"}}}}"#,
    ] {
        let error = PolicyDocument::parse(document).unwrap_err();
        writeln!(texts, "{document}\n  {error}").unwrap();
    }
    let long = PolicyDocument::parse(&"x".repeat(2_049)).unwrap_err();
    writeln!(texts, "(2,049 characters)\n  {long}").unwrap();
    insta::assert_snapshot!(texts);
}

const DEVICE: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "Connect",
      "Effect": "Allow",
      "Action": "iot:Connect",
      "Resource": "arn:aws:iot:us-east-1:000000000000:client/${iot:Connection.Thing.ThingName}",
      "Condition": {"Bool": {"iot:Connection.Thing.IsAttached": "true"}}
    },
    {
      "Effect": "Allow",
      "Action": ["iot:Publish", "iot:Receive"],
      "Resource": [
        "arn:aws:iot:us-east-1:000000000000:topic/device/${iot:Connection.Thing.ThingName}",
        "arn:aws:iot:us-east-1:000000000000:topic/device/${iot:Connection.Thing.ThingName}/*"
      ]
    },
    {
      "Effect": "Deny",
      "Action": "iot:Publish",
      "Resource": "arn:aws:iot:us-east-1:000000000000:topic/*/secret"
    }
  ]
}"#;

const PLANT: &str = r#"{
  "Version": "2012-10-17",
  "Statement": {
    "Effect": "Allow",
    "Action": "iot:Publish",
    "Resource": "arn:aws:iot:us-east-1:000000000000:topic/plant/${iot:Certificate.Subject.CommonName}/*",
    "Condition": {"StringEquals": {"iot:Connection.Thing.Attributes[site]": ["north", "south"]}}
  }
}"#;

fn explain(connection: &Connection, action: PolicyAction, resource: Resource<'_>) -> String {
    let explanation = connection.authorizer(&[DEVICE, PLANT]).explain(connection, action, resource);
    format!("{explanation}\n{}", explanation.summary())
}

fn topic(text: &str) -> TopicName {
    TopicName::parse(text).unwrap()
}

#[test]
fn explained_allowed() {
    let client = ClientId::parse("thing-1").unwrap();
    let connection = Connection::of_thing("thing-1").with_common_name("pump 1");
    insta::assert_snapshot!(explain(&connection, PolicyAction::Connect, Resource::Client(&client)));
}

#[test]
fn explained_denied_by_a_statement() {
    let connection = Connection::of_thing("thing-1");
    let topic = topic("device/thing-1/secret");
    insta::assert_snapshot!(explain(&connection, PolicyAction::Publish, Resource::Topic(&topic)));
}

#[test]
fn explained_denied_by_absence() {
    let connection = Connection::of_thing("thing-1");
    let filter = TopicFilter::parse("device/thing-1/#").unwrap();
    insta::assert_snapshot!(explain(&connection, PolicyAction::Subscribe, Resource::TopicFilter(&filter)));
}

#[test]
fn explained_denied_by_a_variable_without_value() {
    let connection = Connection::of("thing-1").with_common_name("pump #1");
    let topic = topic("device/thing-1/data");
    insta::assert_snapshot!(explain(&connection, PolicyAction::Publish, Resource::Topic(&topic)));
}

#[test]
fn explained_denied_by_a_condition() {
    let thing = Thing {
        name: "thing-1".to_owned(),
        attributes: [("site".to_owned(), "west".to_owned())].into(),
        ..Thing::default()
    };
    let connection =
        Connection { thing: Some(thing), ..Connection::of("thing-1").with_common_name("pump 1") };
    let topic = topic("plant/pump 1/data");
    insta::assert_snapshot!(explain(&connection, PolicyAction::Publish, Resource::Topic(&topic)));
}

#[test]
fn explained_without_a_policy() {
    let connection = Connection::of("thing-1");
    let topic = topic("a");
    let explanation =
        connection.authorizer(&[]).explain(&connection, PolicyAction::Publish, Resource::Topic(&topic));
    insta::assert_snapshot!(format!("{explanation}\n{}", explanation.summary()));
}

#[test]
fn the_published_form_of_an_explanation_is_a_promise() {
    let connection = Connection::of("thing-1").with_common_name("pump 1");
    let topic = topic("plant/pump 1/data");
    let authorizer = connection.authorizer(&[DEVICE, PLANT]);
    insta::assert_json_snapshot!(authorizer.explain(
        &connection,
        PolicyAction::Publish,
        Resource::Topic(&topic)
    ));
}

#[test]
fn findings_name_the_rule_and_what_to_do() {
    let document = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"},
    {"Effect": "Allow", "Action": "iot:Connect", "Resource": "arn:aws:iot:us-east-1:000000000000:client/${iot:ClientId}"},
    {"Effect": "Allow", "Action": "iot:Publish", "Resource": "arn:aws:iot:us-east-1:000000000000:topicfilter/a"},
    {"Effect": "Allow", "Action": ["iot:Publish", "iot:Subscribe"], "Resource": "arn:aws:iot:us-east-1:000000000000:topic/a"},
    {"Effect": "Allow", "Action": "iot:Publish", "Resource": "arn:aws:iot:us-east-1:000000000000:topic/*"},
    {"Effect": "Allow", "Action": "iot:Receive", "Resource": "arn:aws:iot:us-east-1:000000000000:topic/a/#"},
    {"Effect": "Deny", "Action": "iot:Subscribe", "Resource": "arn:aws:iot:us-east-1:000000000000:topicfilter/a/+"},
    {"Effect": "Allow", "Action": "iot:Pubish", "Resource": "arn:aws:iot:us-east-1:000000000000:topic/a"},
    {"Effect": "Allow", "Action": "iot:CreateThing", "Resource": "*"},
    {"Effect": "Allow", "Action": "iot:Publish", "Resource": "arn:aws:s3:us-east-1:000000000000:topic/a"},
    {"Effect": "Allow", "Action": "iot:Publish", "Resource": "arn:aws:iot:us-east-1:000000000000:topic/${iot:Thing.ThingName}/a"},
    {"Effect": "Allow", "Action": "iot:Publish", "Resource": "arn:aws:iot:us-east-1:000000000000:topic/${iot:Certificate.Subject.CommonName.List}"},
    {"Effect": "Allow", "Action": "iot:Publish", "Resource": "arn:aws:iot:us-east-1:000000000000:topic/${iot:Certificate.Subject.CommonName.7}"},
    {"Effect": "Deny", "Action": "iot:Publish", "Resource": "arn:aws:iot:us-east-1:000000000000:topic/${iot:Connection.Thing.ThingName}/bar"},
    {"Effect": "Allow", "NotAction": "iot:*", "Resource": "*"},
    {"Effect": "Allow", "Action": "iot:ListRetainedMessages", "Resource": "arn:aws:iot:us-east-1:000000000000:topic/a"},
    {"Sid": "a", "Effect": "Allow", "Action": ["iot:Receive", "IOT:receive"], "Resource": "arn:aws:iot:us-east-1:000000000000:topic/b"},
    {"Sid": "a", "Effect": "Allow", "Action": "iot:Connect", "Resource": "*"}
  ]
}"#;
    let conditions = r#"{
  "Version": "2012-10-17",
  "Statement": {
    "Effect": "Allow", "Action": "iot:Connect", "Resource": "*",
    "Condition": {
      "StringEquals": {
        "iot:Moon": "full",
        "aws:SourceVpc": "vpc-1",
        "iot:ClientId": [],
        "iot:Certificate.Subject.Organization.List": "a",
        "aws:CurrentTime": "2020-01-01T00:00:00Z"
      },
      "ForAllValues:StringEquals": {"iot:Certificate.Subject.Organization.List": ["a", "b"]}
    }
  }
}"#;
    let old = r#"{"Statement":{"Effect":"Allow","Action":"iot:Publish","Resource":"arn:aws:iot:us-east-1:000000000000:topic/${iot:ClientId}"}}"#;
    let mut texts = String::new();
    for document in [document, conditions, old] {
        for finding in lint(&PolicyDocument::parse(document).unwrap()) {
            writeln!(texts, "{finding}").unwrap();
        }
        texts.push('\n');
    }
    insta::assert_snapshot!(texts);
}

#[test]
fn the_published_form_of_a_finding_is_a_promise() {
    let text =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iot:Connect","Resource":"*"}}"#;
    insta::assert_json_snapshot!(lint(&PolicyDocument::parse(text).unwrap()));
}

/// Documents of which nothing can be said: the policies of a registered device.
#[test]
fn good_documents_have_no_findings() {
    let subscribe = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"iot:Subscribe","Resource":"arn:aws:iot:us-east-1:000000000000:topicfilter/device/${iot:Connection.Thing.ThingName}/*"},
        {"Effect":"Allow","Action":["iot:GetThingShadow","iot:UpdateThingShadow"],"Resource":"arn:aws:iot:us-east-1:000000000000:thing/${iot:Connection.Thing.ThingName}"},
        {"Effect":"Allow","Action":"greengrass:*","Resource":"*"}]}"#;
    for document in [DEVICE, PLANT, subscribe] {
        assert_eq!(lint(&PolicyDocument::parse(document).unwrap()), []);
    }
}
