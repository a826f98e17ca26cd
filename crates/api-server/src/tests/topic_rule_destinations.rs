//! Destinations of topic rules.

use landfall_api::HttpRequest;
use landfall_model::{ConfirmationToken, DestinationId, DestinationStatus, TopicRuleDestination, UnixTime};
use landfall_registry::{Destinations as _, Registry as _, Transaction};
use serde_json::{Value, json};

use super::client::{Answer, send};
use super::listing::{Listing, assert_pages};
use super::samples::Sample;
use super::things::refused;
use super::world::{ARN, EARLIER, NOW, World};
use crate::confirmation_path;

/// Waits for its confirmation in every world.
const WAITING: DestinationId = DestinationId::from_bytes([0xd0; 16]);
pub(super) const WAITING_TOKEN: ConfirmationToken = ConfirmationToken::new(WAITING, [0x5e; 32]);
const WAITING_URL: &str = "https://waiting.example.com/confirm";

pub(super) fn samples() -> Vec<Sample> {
    let iot = Sample::iot;
    let path = format!("/destinations/{}", waiting_arn());
    let status = json!({"arn": waiting_arn(), "status": "DISABLED"}).to_string();
    let body = configuration("https://new.example.com").to_string();
    vec![
        iot("CreateTopicRuleDestination", "POST", "/destinations", &body),
        iot("GetTopicRuleDestination", "GET", &path, ""),
        iot("ListTopicRuleDestinations", "GET", "/destinations", ""),
        iot("ConfirmTopicRuleDestination", "GET", &confirmation_path(&WAITING_TOKEN), ""),
        iot("UpdateTopicRuleDestination", "PATCH", "/destinations", &status),
        iot("DeleteTopicRuleDestination", "DELETE", &path, ""),
    ]
}

/// What every world has at the start.
pub(super) fn waiting() -> TopicRuleDestination {
    TopicRuleDestination {
        id: WAITING,
        url: WAITING_URL.into(),
        status: DestinationStatus::InProgress,
        reason: None,
        confirmation_token: Some(WAITING_TOKEN),
        created_at: EARLIER,
        modified_at: NOW,
    }
}

fn waiting_arn() -> String {
    format!("{ARN}ruledestination/http/{WAITING}")
}

fn configuration(url: &str) -> Value {
    json!({"destinationConfiguration": {"httpUrlConfiguration": {"confirmationUrl": url}}})
}

async fn create(world: &World, url: &str) -> Value {
    let answer = world.iot("POST", "/destinations", &configuration(url).to_string()).await.ok();
    answer["topicRuleDestination"].clone()
}

async fn get(world: &World, arn: &str) -> Value {
    world.iot("GET", &format!("/destinations/{arn}"), "").await.ok()["topicRuleDestination"].clone()
}

async fn update(world: &World, arn: &str, status: &str) -> Answer {
    world.iot("PATCH", "/destinations", &json!({"arn": arn, "status": status}).to_string()).await
}

/// Opens the URL of a confirmation, as the destination does: without a signature.
async fn confirm(world: &World, token: &ConfirmationToken) -> Answer {
    send(world.address, &world.request("GET", &confirmation_path(token), "")).await
}

#[tokio::test]
async fn a_destination_is_created_and_asked_to_confirm() {
    let world = World::start().await;
    let url = "https://example.com/landfall?key=1";
    let created = create(&world, url).await;
    let [asked] = <[TopicRuleDestination; 1]>::try_from(world.confirmations.take()).unwrap();
    let arn = format!("{ARN}ruledestination/http/{}", asked.id);
    let expected = json!({
        "arn": arn, "status": "IN_PROGRESS", "createdAt": 1_767_323_045.0, "lastUpdatedAt": 1_767_323_045.0,
        "statusReason": "Awaiting confirmation. Confirmation message sent on 2026-01-02T03:04:05Z; no response \
                         received from the endpoint.",
        "httpUrlProperties": {"confirmationUrl": url},
    });
    assert_eq!(created, expected);
    assert_eq!(get(&world, &arn).await, expected);
    assert_eq!(world.registry.destination(&asked.id).await.unwrap(), Some(asked.clone()));
    assert!(!expected.to_string().contains(&asked.confirmation_token.unwrap().reveal()));
    // As the SDKs send it: the slashes of the ARN are escaped, or not.
    let escaped = arn.replace(':', "%3A").replace('/', "%2F");
    assert_eq!(get(&world, &escaped).await, expected);
    let expected =
        format!("409 ResourceAlreadyExistsException: a destination with the URL {url} exists already");
    refused(&world, "POST", "/destinations", &configuration(url).to_string(), &expected).await;
    assert_eq!(world.confirmations.take(), []);
    let another = create(&world, "https://example.com").await;
    assert_ne!(another["arn"], created["arn"]);
}

#[tokio::test]
async fn its_token_confirms_it_once_and_unsigned() {
    let world = World::start().await;
    let answer = confirm(&world, &WAITING_TOKEN).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "{}"), "{answer:?}");
    let confirmed = get(&world, &waiting_arn()).await;
    assert_eq!((&confirmed["status"], confirmed.get("statusReason")), (&json!("ENABLED"), None));
    let expected = "401 UnauthorizedException: no destination waits for this confirmation; only the token of the last \
                    confirmation message counts, and only once";
    assert_eq!(confirm(&world, &WAITING_TOKEN).await.error(), expected);
}

#[tokio::test]
async fn no_other_token_confirms_it() {
    let world = World::start().await;
    let mut almost = *WAITING_TOKEN.secret();
    almost[31] ^= 1;
    let unknown = DestinationId::from_bytes([1; 16]);
    let expected = "401 UnauthorizedException: no destination waits for this confirmation; only the token of the last \
                    confirmation message counts, and only once";
    for token in [
        ConfirmationToken::new(WAITING, almost),
        ConfirmationToken::new(WAITING, [0; 32]),
        ConfirmationToken::new(unknown, *WAITING_TOKEN.secret()),
    ] {
        assert_eq!(confirm(&world, &token).await.error(), expected);
        let signed = world.iot("GET", &confirmation_path(&token), "").await;
        assert_eq!(signed.error(), expected);
    }
    let expected = "400 InvalidRequestException: a confirmation token is 96 hex digits, as the confirmation message \
                    has it";
    let request = world.request("GET", "/confirmdestination/abc", "");
    assert_eq!(send(world.address, &request).await.error(), expected);
    assert_eq!(get(&world, &waiting_arn()).await["status"], json!("IN_PROGRESS"));
}

#[tokio::test]
async fn nothing_near_the_confirmation_is_unsigned() {
    let world = World::start().await;
    let path = confirmation_path(&WAITING_TOKEN);
    for (method, target) in [
        ("POST", path.clone()),
        ("PATCH", path.clone()),
        ("GET", path.replace("/confirmdestination", "/destinations")),
        ("GET", path.replace("/confirmdestination/", "/confirmdestination")),
        ("GET", format!("/things{path}")),
        ("GET", format!("/landfall/v1{path}")),
        ("GET", "/destinations".to_owned()),
    ] {
        let answer = send(world.address, &world.request(method, &target, "")).await.error();
        assert!(
            answer.starts_with("403 MissingAuthenticationTokenException: "),
            "{method} {target}: {answer}"
        );
    }
    // A signature that is there has to be right.
    let request: HttpRequest = world.request("GET", &path, "").with_header("authorization", "Basic abc");
    assert_ne!(send(world.address, &request).await.status, 200);
    assert_eq!(get(&world, &waiting_arn()).await["status"], json!("IN_PROGRESS"));
}

#[tokio::test]
async fn a_confirmation_comes_in_three_days_or_too_late() {
    for (age_ms, status, is_confirmed) in [(259_200_000, "IN_PROGRESS", true), (259_200_001, "ERROR", false)]
    {
        let world = World::start().await;
        let at = UnixTime::from_millis(NOW.as_millis() - age_ms);
        let TopicRuleDestination { id, status: stored, confirmation_token, .. } = waiting();
        let mut transaction = Transaction::new();
        transaction.set_destination_status(id, stored, None, confirmation_token, at);
        world.registry.commit(transaction).await.unwrap();
        let found = get(&world, &waiting_arn()).await;
        assert_eq!(found["status"], json!(status));
        let answer = confirm(&world, &WAITING_TOKEN).await;
        assert_eq!(answer.status == 200, is_confirmed, "{answer:?}");
        if !is_confirmed {
            assert_eq!(found["statusReason"], json!("Confirmation timed out."));
            assert_eq!(
                answer.error(),
                "400 InvalidRequestException: the confirmation token has expired: it is good for three days; set the \
                 destination IN_PROGRESS to have a new one sent"
            );
        }
    }
}

#[tokio::test]
async fn a_confirmed_destination_is_switched_off_and_on() {
    let world = World::start().await;
    let arn = waiting_arn();
    for status in ["ENABLED", "DISABLED"] {
        let expected = format!(
            "400 InvalidRequestException: the destination is IN_PROGRESS and cannot become {status}: it has to be \
             confirmed first"
        );
        assert_eq!(update(&world, &arn, status).await.error(), expected);
    }
    assert_eq!(confirm(&world, &WAITING_TOKEN).await.status, 200);
    for status in ["ENABLED", "DISABLED", "DISABLED", "ENABLED"] {
        assert_empty_object(&update(&world, &arn, status).await);
        assert_eq!(get(&world, &arn).await["status"], json!(status));
    }
    for status in ["ERROR", "DELETING"] {
        let expected = format!(
            "400 InvalidRequestException: status takes ENABLED, IN_PROGRESS or DISABLED, not {status}"
        );
        assert_eq!(update(&world, &arn, status).await.error(), expected);
    }
    assert_eq!(update(&world, &arn, "on").await.status, 400);
    assert_eq!(world.confirmations.take(), []);
}

#[tokio::test]
async fn another_confirmation_message_replaces_the_token() {
    let world = World::start().await;
    assert_empty_object(&update(&world, &waiting_arn(), "IN_PROGRESS").await);
    let [asked] = <[TopicRuleDestination; 1]>::try_from(world.confirmations.take()).unwrap();
    let token = asked.confirmation_token.unwrap();
    assert_eq!((asked.id, &*asked.url), (WAITING, WAITING_URL));
    assert_eq!(confirm(&world, &WAITING_TOKEN).await.status, 401);
    assert_eq!(confirm(&world, &token).await.status, 200);
    // What is confirmed can be asked again, and then has to confirm again.
    assert_empty_object(&update(&world, &waiting_arn(), "IN_PROGRESS").await);
    assert_eq!(get(&world, &waiting_arn()).await["status"], json!("IN_PROGRESS"));
    assert_eq!(world.confirmations.take().len(), 1);
}

#[tokio::test]
async fn destinations_are_listed_by_page_and_deleted() {
    let world = World::start().await;
    let mut expected = vec![get(&world, &waiting_arn()).await];
    for number in 0..3 {
        expected.push(create(&world, &format!("http://{number}.example.com:8080/")).await);
    }
    for entry in &mut expected {
        let entry = entry.as_object_mut().unwrap();
        let url = entry.remove("httpUrlProperties").unwrap();
        entry.insert("httpUrlSummary".to_owned(), url);
    }
    let listing = || Listing::Token("GET", "/destinations?", "destinationSummaries");
    assert_pages(&world, listing(), &expected).await;
    let arn = expected.remove(1)["arn"].as_str().unwrap().to_owned();
    let path = format!("/destinations/{arn}");
    assert_empty_object(&world.iot("DELETE", &path, "").await);
    assert_pages(&world, listing(), &expected).await;
    let denied = format!(
        "401 UnauthorizedException: Access to TopicRuleDestination '{arn}' was denied: there is no such destination"
    );
    refused(&world, "DELETE", &path, "", &denied).await;
    refused(&world, "GET", &path, "", &denied).await;
    for status in ["IN_PROGRESS", "ENABLED"] {
        assert_eq!(update(&world, &arn, status).await.error(), denied);
    }
}

#[tokio::test]
async fn a_destination_that_makes_no_sense_is_refused() {
    let world = World::start().await;
    let check = async |configuration: Value, expected: &str| {
        let body = json!({"destinationConfiguration": configuration}).to_string();
        refused(&world, "POST", "/destinations", &body, expected).await;
    };
    let vpc = json!({"vpcConfiguration": {"subnetIds": ["s"], "vpcId": "v", "roleArn": "r"}});
    check(
        vpc,
        "501 NotImplementedException: vpcConfiguration, a destination in a private network of AWS, is not implemented \
         here yet",
    )
    .await;
    check(
        json!({}),
        "400 InvalidRequestException: destinationConfiguration is empty; give it an httpUrlConfiguration",
    )
    .await;
    for (url, expected) in [
        ("ftp://example.com", "has to begin with https:// or http://"),
        ("/confirm", "has to begin with https:// or http://"),
        ("https://user:secret@example.com", "has a user name or a password; it must have none"),
        ("https://example.com/#a", "has a fragment, #, which is never sent; it must have none"),
        (
            "https://example.com/?topic=${topic()}",
            "has a substitution template, ${; it must be known before any message",
        ),
    ] {
        let configuration = json!({"httpUrlConfiguration": {"confirmationUrl": url}});
        check(configuration, &format!("400 InvalidRequestException: the confirmationUrl {expected}")).await;
    }
    for url in ["", "https://", "https://exa mple.com"] {
        let body = configuration(url).to_string();
        let answer = world.iot("POST", "/destinations", &body).await.error();
        assert!(
            answer.starts_with("400 InvalidRequestException: the confirmationUrl is no URL: "),
            "{answer}"
        );
    }
    let long = format!("https://example.com/{}", "a".repeat(2_000));
    let answer = world.iot("POST", "/destinations", &configuration(&long).to_string()).await.error();
    assert!(answer.contains("Member must have length less than or equal to 2000"), "{answer}");
    for arn in [format!("{ARN}rule/r"), format!("{ARN}thing/thing-1")] {
        let expected =
            format!("400 InvalidRequestException: {arn:?} is not the ARN of a topic rule destination");
        refused(&world, "GET", &format!("/destinations/{arn}"), "", &expected).await;
    }
    assert_eq!(world.confirmations.take(), []);
}

/// The answer of an operation whose output has no members.
fn assert_empty_object(answer: &Answer) {
    assert_eq!((answer.status, answer.body.as_str()), (200, "{}"), "{answer:?}");
}
