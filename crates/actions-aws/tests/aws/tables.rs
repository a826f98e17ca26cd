use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use landfall_services::{ItemValue, ServiceFailureKind, Tables as _};

use crate::canned::Canned;
use crate::moto::Moto;
use crate::services_at;

fn sdk(endpoint: &str) -> aws_sdk_dynamodb::Client {
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = aws_sdk_dynamodb::Config::builder()
        .http_client(http)
        .endpoint_url(endpoint)
        .region(aws_sdk_dynamodb::config::Region::new("us-east-1"))
        .credentials_provider(aws_sdk_dynamodb::config::Credentials::new("a", "b", None, None, "test"));
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

async fn create_table(client: &aws_sdk_dynamodb::Client) {
    let element =
        |name, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let attribute = |name, kind| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().unwrap()
    };
    client
        .create_table()
        .table_name("readings")
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(element("device", KeyType::Hash))
        .key_schema(element("at", KeyType::Range))
        .attribute_definitions(attribute("device", ScalarAttributeType::S))
        .attribute_definitions(attribute("at", ScalarAttributeType::N))
        .send()
        .await
        .unwrap();
}

fn named<const N: usize>(values: [(&str, ItemValue); N]) -> BTreeMap<String, ItemValue> {
    values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn text(value: &str) -> ItemValue {
    ItemValue::Text(value.to_owned())
}

fn number(value: &str) -> ItemValue {
    ItemValue::Number(value.to_owned())
}

fn key() -> BTreeMap<String, ItemValue> {
    named([("device", text("d1")), ("at", number("1"))])
}

async fn items(client: &aws_sdk_dynamodb::Client) -> Vec<HashMap<String, AttributeValue>> {
    client.scan().table_name("readings").send().await.unwrap().items.unwrap()
}

#[tokio::test]
async fn items_of_every_kind_of_value_are_put_updated_and_deleted() {
    let moto = Moto::start();
    let services = services_at(moto.endpoint());
    let client = sdk(moto.endpoint());
    create_table(&client).await;

    let mut item = key();
    item.extend(named([
        ("text", text("é")),
        ("number", number("21.50")),
        ("binary", ItemValue::Binary(vec![0, 255])),
        ("boolean", ItemValue::Boolean(true)),
        ("null", ItemValue::Null),
        ("list", ItemValue::List(vec![number("1"), text("two"), ItemValue::List(Vec::new())])),
        (
            "map",
            ItemValue::Map(named([("inner", ItemValue::Map(named([("deep", ItemValue::Boolean(false))])))])),
        ),
    ]));
    services.put_item("readings", item).await.unwrap();

    let s = |value: &str| AttributeValue::S(value.to_owned());
    let n = |value: &str| AttributeValue::N(value.to_owned());
    let deep = HashMap::from([("deep".to_owned(), AttributeValue::Bool(false))]);
    let inner = HashMap::from([("inner".to_owned(), AttributeValue::M(deep))]);
    let mut expected = HashMap::from(
        [
            ("device", s("d1")),
            ("at", n("1")),
            ("text", s("é")),
            ("number", n("21.50")),
            ("binary", AttributeValue::B(Blob::new([0, 255]))),
            ("boolean", AttributeValue::Bool(true)),
            ("null", AttributeValue::Null(true)),
            ("list", AttributeValue::L(vec![n("1"), s("two"), AttributeValue::L(Vec::new())])),
            ("map", AttributeValue::M(inner)),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    assert_eq!(items(&client).await, [expected.clone()]);

    // Names that an expression could not have, and one that is a reserved word.
    let set = named([("text", text("new")), ("a.b #:", number("2")), ("value", ItemValue::Null)]);
    services.update_item("readings", key(), set).await.unwrap();
    expected.insert("text".to_owned(), s("new"));
    expected.insert("a.b #:".to_owned(), n("2"));
    expected.insert("value".to_owned(), AttributeValue::Null(true));
    assert_eq!(items(&client).await, [expected]);

    services.delete_item("readings", key()).await.unwrap();
    services.delete_item("readings", key()).await.unwrap();
    assert_eq!(items(&client).await, []);

    // An update makes the item.
    services.update_item("readings", key(), named([("text", text("made"))])).await.unwrap();
    let made = items(&client).await;
    assert_eq!(made.iter().map(HashMap::len).collect::<Vec<_>>(), [3]);
    assert_eq!(made[0].get("text"), Some(&s("made")));
}

#[tokio::test]
async fn an_update_that_sets_nothing_has_no_expression() {
    // moto_server 5.2 fails at such a request, which DynamoDB takes.
    let server = Canned::start(200, "", "{}");
    let services = services_at(&server.endpoint);
    services.update_item("readings", key(), named([])).await.unwrap();
    let request = server.requests.try_recv().unwrap();
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(body.contains("device") && !body.contains("Expression"), "{body}");
}

#[tokio::test]
async fn a_table_that_is_not_there_and_an_item_without_its_key_fail_for_good() {
    let moto = Moto::start();
    let services = services_at(moto.endpoint());
    create_table(&sdk(moto.endpoint())).await;
    for (failure, code) in [
        (services.put_item("absent", key()).await.unwrap_err(), "ResourceNotFoundException"),
        (services.delete_item("absent", key()).await.unwrap_err(), "ResourceNotFoundException"),
        (
            services.update_item("absent", key(), named([("a", text("b"))])).await.unwrap_err(),
            "ResourceNotFoundException",
        ),
        (
            services.put_item("readings", named([("device", text("d1"))])).await.unwrap_err(),
            "ValidationException",
        ),
    ] {
        assert_eq!(failure.kind, ServiceFailureKind::Lasting, "{failure}");
        assert!(failure.message.starts_with("dynamodb:") && failure.message.contains(code), "{failure}");
    }
}
