//! What is under `/landfall/v1`.

use serde_json::{Value, json};

use super::client::{credentials, send, signed};
use super::world::{World, id};
use crate::landfall::{Registrations, Rejections};

#[tokio::test]
async fn health_needs_no_signature() {
    let world = World::start().await;
    let answer = send(world.address, &world.request("GET", "/landfall/v1/health", "")).await;
    assert_eq!(answer.ok(), json!({"status": "ok"}));
}

#[tokio::test]
async fn nothing_else_is_unsigned_or_signed_for_another_service() {
    let world = World::start().await;
    for target in [
        "/landfall/v1/registrations",
        &format!("/landfall/v1/certificates/{}/registrations", id(2)),
        "/landfall/v1/handshake-rejections",
        "/landfall/v1/anything",
    ] {
        let request = world.request("GET", target, "");
        let answer = send(world.address, &request).await;
        assert_eq!(
            answer.error(),
            "403 MissingAuthenticationTokenException: Missing Authentication Token: the request has no \
             Authorization header"
        );
        let answer = send(world.address, &signed(request, "iot", &credentials())).await;
        assert_eq!(
            answer.error(),
            "403 InvalidSignatureException: the request is signed for the service \"iot\"; sign it for \"landfall\""
        );
    }
    let answer = world.signed("landfall", "GET", "/things", "").await;
    assert!(answer.error().starts_with("404 UnknownOperationException: no service \"landfall\" here"));
}

async fn get(world: &World, target: &str) -> Value {
    world.signed("landfall", "GET", target, "").await.ok()
}

#[tokio::test]
async fn registrations_have_pages() {
    let world = World::start().await;
    let device = world.device.id().to_string();
    let first = get(&world, "/landfall/v1/registrations?limit=2").await;
    let ca = "07".repeat(32);
    assert_eq!(
        first["registrations"],
        json!([
            {
                "certificateId": device, "caCertificateId": ca, "firstAtMs": 1_767_000_000_250_i64,
                "lastAtMs": 1_767_323_045_000_i64, "attempts": 2, "durationUs": 1_500, "serialNumber": "0001",
                "outcome": {"result": "success", "thingName": "thing-1", "deviceType": "iot"},
            },
            {
                "certificateId": id(2).to_string(), "caCertificateId": ca, "firstAtMs": 1_767_000_000_250_i64,
                "lastAtMs": 1_767_323_045_000_i64, "attempts": 2, "durationUs": 1_500, "serialNumber": "0001",
                "outcome": {"result": "failure", "code": "no_serial_number", "message": "there is none"},
            },
        ])
    );
    let next = first["next"].as_str().unwrap();
    let second = get(&world, &format!("/landfall/v1/registrations?limit=2&after={next}")).await;
    let ids = |page: &Value| -> Vec<String> {
        let page: Registrations = serde_json::from_value(page.clone()).unwrap();
        page.registrations.into_iter().map(|registration| registration.certificate_id).collect()
    };
    assert_eq!((ids(&second), second.get("next")), (vec![id(3).to_string()], None));
    let newest = get(&world, "/landfall/v1/registrations?order=descending").await;
    assert_eq!(ids(&newest), [id(3).to_string(), id(2).to_string(), device]);
    let of_one = get(&world, &format!("/landfall/v1/certificates/{}/registrations", id(2))).await;
    assert_eq!(ids(&of_one), [id(2).to_string()]);
    let of_none = get(&world, &format!("/landfall/v1/certificates/{}/registrations", id(9))).await;
    assert_eq!(of_none, json!({"registrations": []}));
}

#[tokio::test]
async fn handshake_rejections_are_told() {
    let world = World::start().await;
    let answer = get(&world, "/landfall/v1/handshake-rejections").await;
    let expected = json!({"handshakeRejections": [{
        "atMs": 1_767_000_000_250_i64, "peer": "127.0.0.1:4711", "code": "unknown_issuer",
        "message": "no registered CA certificate signed it",
    }]});
    assert_eq!(answer, expected);
    let read: Rejections = serde_json::from_value(answer).unwrap();
    assert_eq!(read.handshake_rejections.len(), 1);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let world = World::start().await;
    let registrations = "/landfall/v1/registrations";
    for (method, target, expected) in [
        (
            "GET",
            format!("{registrations}?limit=0"),
            "400 InvalidRequestException: limit is \"0\"; it takes a number from 1 to 1000",
        ),
        (
            "GET",
            format!("{registrations}?limit=1001"),
            "400 InvalidRequestException: limit is \"1001\"; it takes a number from 1 to 1000",
        ),
        (
            "GET",
            format!("{registrations}?after=x"),
            "400 InvalidRequestException: after is \"x\"; it takes the `next` of the page before",
        ),
        (
            "GET",
            format!("{registrations}?order=up"),
            "400 InvalidRequestException: order is \"up\"; it takes ascending or descending",
        ),
        (
            "GET",
            format!("{registrations}?colour=red"),
            "400 InvalidRequestException: the parameter \"colour\" is not known here",
        ),
        (
            "GET",
            "/landfall/v1/handshake-rejections?limit=1".to_owned(),
            "400 InvalidRequestException: the parameter \"limit\" is not known here",
        ),
        (
            "DELETE",
            registrations.to_owned(),
            "405 MethodNotAllowedException: ListRegistrations is asked for with GET, not with DELETE",
        ),
        (
            "GET",
            "/landfall/v1/x".to_owned(),
            "404 UnknownOperationException: no operation answers GET /landfall/v1/x",
        ),
        (
            "GET",
            "/landfall/v1/certificates/x/registrations".to_owned(),
            "400 InvalidRequestException: \"x\" is not an id of 64 hex digits",
        ),
    ] {
        let answer = world.signed("landfall", method, &target, "").await;
        assert_eq!(answer.error(), expected, "{method} {target}");
    }
}
