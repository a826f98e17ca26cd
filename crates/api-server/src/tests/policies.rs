//! Policies, their versions, and what they are attached to.

use landfall_model::{
    GenerationId, PolicyName, PolicyTarget, PolicyVersionId, ThingGroup, ThingGroupId, ThingGroupName,
};
use landfall_registry::{PageRequest, Policies as _, Registry as _, Transaction};
use serde_json::{Value, json};

use super::listing::{Listing, assert_pages, assert_pages_with};
use super::samples::Sample;
use super::world::{ARN, EARLIER, NOW, World, id};

/// The header fields of the deprecated operations.
const PRINCIPAL: &str = "x-amzn-iot-principal";
const POLICY: &str = "x-amzn-iot-policy";

pub(super) const DOCUMENT: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:Connect","Resource":"*"}]}"#;

const NOW_SECONDS: f64 = 1_767_323_045.0;
const EARLIER_SECONDS: f64 = 1_767_000_000.25;

pub(super) fn samples(world: &World) -> Vec<Sample> {
    let iot = Sample::iot;
    let arn = format!("{ARN}cert/{}", world.device.id());
    // Escaped as the CLI does it.
    let escaped = arn.replace(':', "%3A").replace('/', "%2F");
    let document = json!({"policyDocument": DOCUMENT}).to_string();
    let target = json!({"target": arn}).to_string();
    vec![
        iot("CreatePolicy", "POST", "/policies/new", &document),
        iot("GetPolicy", "GET", "/policies/new", ""),
        iot("ListPolicies", "GET", "/policies", ""),
        iot("CreatePolicyVersion", "POST", "/policies/new/version", &document),
        iot("GetPolicyVersion", "GET", "/policies/new/version/2", ""),
        iot("ListPolicyVersions", "GET", "/policies/new/version", ""),
        iot("SetDefaultPolicyVersion", "PATCH", "/policies/new/version/2", ""),
        iot("DeletePolicyVersion", "DELETE", "/policies/new/version/1", ""),
        iot("AttachPolicy", "PUT", "/target-policies/new", &target),
        iot("ListAttachedPolicies", "POST", &format!("/attached-policies/{escaped}"), "{}"),
        iot("ListTargetsForPolicy", "POST", "/policy-targets/new", ""),
        iot("DetachPolicy", "POST", "/target-policies/new", &target),
        iot("AttachPrincipalPolicy", "PUT", "/principal-policies/new", "").with_header(PRINCIPAL, &arn),
        iot("ListPrincipalPolicies", "GET", "/principal-policies", "").with_header(PRINCIPAL, &arn),
        iot("ListPolicyPrincipals", "GET", "/policy-principals", "").with_header(POLICY, "new"),
        iot("DetachPrincipalPolicy", "DELETE", "/principal-policies/new", "").with_header(PRINCIPAL, &arn),
        iot("DeletePolicy", "DELETE", "/policies/new", ""),
    ]
}

async fn refused(world: &World, method: &str, target: &str, body: &str, expected: &str) {
    assert_eq!(world.iot(method, target, body).await.error(), expected, "{method} {target} {body}");
}

async fn done(world: &World, method: &str, target: &str, body: &str) {
    let answer = world.iot(method, target, body).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{method} {target} {body}");
}

fn name(text: &str) -> PolicyName {
    PolicyName::parse(text).unwrap()
}

fn document(number: usize) -> String {
    DOCUMENT.replace("\"*\"", &format!("\"{ARN}client/{number}\""))
}

async fn add_version(world: &World, number: usize, query: &str) -> Value {
    let body = json!({"policyDocument": document(number)}).to_string();
    world.iot("POST", &format!("/policies/policy-1/version{query}"), &body).await.ok()
}

fn listed(name: &str) -> Value {
    json!({"policyName": name, "policyArn": format!("{ARN}policy/{name}")})
}

/// Makes groups, each in the one before.
pub(super) async fn groups(world: &World, names: &[&str]) {
    let mut transaction = Transaction::new();
    let mut parent = None;
    for (number, name) in names.iter().enumerate() {
        let name = ThingGroupName::parse(name).unwrap();
        transaction.insert_thing_group(ThingGroup {
            name: name.clone(),
            id: ThingGroupId::from_bytes([u8::try_from(number).unwrap(); 16]),
            parent: parent.replace(name),
            description: None,
            attributes: Default::default(),
            version: 1,
            created_at: EARLIER,
        });
    }
    world.registry.commit(transaction).await.unwrap();
}

pub(super) async fn create(world: &World, policy: &str, document: &str) {
    let body = json!({"policyDocument": document}).to_string();
    world.iot("POST", &format!("/policies/{policy}"), &body).await.ok();
}

pub(super) async fn attach(world: &World, policy: &str, target: &str) {
    done(world, "PUT", &format!("/target-policies/{policy}"), &json!({"target": target}).to_string()).await;
}

#[tokio::test]
async fn a_policy_is_created_with_its_tags() {
    let world = World::start().await;
    let body = json!({"policyDocument": DOCUMENT, "tags": [{"Key": "a", "Value": "1"}]}).to_string();
    assert_eq!(
        world.iot("POST", "/policies/new", &body).await.ok(),
        json!({
            "policyName": "new", "policyArn": format!("{ARN}policy/new"), "policyDocument": DOCUMENT,
            "policyVersionId": "1",
        })
    );
    assert_eq!(
        world.iot("GET", "/policies/new", "").await.ok(),
        json!({
            "policyName": "new", "policyArn": format!("{ARN}policy/new"), "policyDocument": DOCUMENT,
            "defaultVersionId": "1", "creationDate": NOW_SECONDS, "lastModifiedDate": NOW_SECONDS,
            "generationId": GenerationId::of_policy(NOW, PolicyVersionId::FIRST, NOW).to_string(),
        })
    );
    let tags = world.iot("GET", &format!("/tags?resourceArn={ARN}policy/new"), "").await.ok();
    assert_eq!(tags, json!({"tags": [{"Key": "a", "Value": "1"}]}));

    let answer = world.iot("POST", "/policies/new", &body).await;
    let message = "policy new exists already";
    assert_eq!(answer.error(), format!("409 ResourceAlreadyExistsException: {message}"));
    assert_eq!(
        answer.json(),
        json!({"message": message, "resourceId": "new", "resourceArn": format!("{ARN}policy/new")})
    );
}

#[tokio::test]
async fn a_document_that_is_not_understood_is_refused() {
    let world = World::start().await;
    for (document, expected) in [
        ("{", "line 1 column 2: "),
        (r#"{"Statement": []}"#, "line 1 column 15: Statement is empty; it needs at least one value"),
        (
            &DOCUMENT.replace("Allow", "Maybe"),
            "line 1 column 48: effect \"Maybe\" is not known; it must be Allow or Deny",
        ),
        (
            &DOCUMENT.replace("\"*\"", &format!("\"{}\"", "x".repeat(2_048))),
            "line 1 column 1: the document has 2142 characters besides white space; at most 2048 are allowed",
        ),
    ] {
        for target in ["/policies/new", "/policies/policy-1/version"] {
            let body = json!({"policyDocument": document}).to_string();
            let answer = world.iot("POST", target, &body).await.error();
            let expected =
                format!("400 MalformedPolicyException: the policy document is not valid: {expected}");
            assert!(answer.starts_with(&expected), "{answer}\n{expected}");
        }
    }
    assert_eq!(world.registry.policy(&name("new")).await.unwrap(), None);
    assert_eq!(world.registry.policy_versions(&name("policy-1")).await.unwrap().unwrap().versions.len(), 1);
}

#[tokio::test]
async fn a_policy_is_told_with_its_document() {
    let world = World::start().await;
    assert_eq!(
        world.iot("GET", "/policies/policy-2", "").await.ok(),
        json!({
            "policyName": "policy-2", "policyArn": format!("{ARN}policy/policy-2"),
            "policyDocument": r#"{"Version":"2012-10-17","Statement":[]}"#, "defaultVersionId": "1",
            "creationDate": EARLIER_SECONDS, "lastModifiedDate": NOW_SECONDS,
            "generationId": GenerationId::of_policy(EARLIER, PolicyVersionId::FIRST, NOW).to_string(),
        })
    );
}

#[tokio::test]
async fn policies_are_listed_by_page() {
    let world = World::start().await;
    let oldest_first = ["policy-1", "policy-2", "policy-3"].map(listed);
    let listing = Listing::Marker("GET", "/policies?isAscendingOrder=true", "policies");
    assert_pages(&world, listing, &oldest_first).await;
    let newest_first: Vec<Value> = oldest_first.into_iter().rev().collect();
    assert_pages(&world, Listing::Marker("GET", "/policies?", "policies"), &newest_first).await;
}

#[tokio::test]
async fn a_policy_has_up_to_five_versions_of_which_one_counts() {
    let world = World::start().await;
    let arn = format!("{ARN}policy/policy-1");
    for number in 2..=5 {
        let (query, is_default) = match number {
            2 => ("", false),
            3 => ("?setAsDefault=true", true),
            _ => ("?setAsDefault=false", false),
        };
        assert_eq!(
            add_version(&world, number, query).await,
            json!({
                "policyArn": arn, "policyDocument": document(number), "policyVersionId": number.to_string(),
                "isDefaultVersion": is_default,
            })
        );
    }
    let body = json!({"policyDocument": DOCUMENT}).to_string();
    let full =
        "409 VersionsLimitExceededException: policy policy-1 has 5 versions, which is the most; delete one";
    refused(&world, "POST", "/policies/policy-1/version", &body, full).await;

    let version = |number: &str, is_default: bool, created: f64| json!({"versionId": number, "isDefaultVersion": is_default, "createDate": created});
    assert_eq!(
        world.iot("GET", "/policies/policy-1/version", "").await.ok(),
        json!({"policyVersions": [
            version("5", false, NOW_SECONDS),
            version("4", false, NOW_SECONDS),
            version("3", true, NOW_SECONDS),
            version("2", false, NOW_SECONDS),
            version("1", false, EARLIER_SECONDS),
        ]})
    );
    let third = PolicyVersionId::FIRST.next().next();
    assert_eq!(
        world.iot("GET", "/policies/policy-1/version/3", "").await.ok(),
        json!({
            "policyArn": arn, "policyName": "policy-1", "policyDocument": document(3), "policyVersionId": "3",
            "isDefaultVersion": true, "creationDate": NOW_SECONDS, "lastModifiedDate": NOW_SECONDS,
            "generationId": GenerationId::of_policy(NOW, third, NOW).to_string(),
        })
    );
    let policy = world.iot("GET", "/policies/policy-1", "").await.ok();
    assert_eq!((&policy["policyDocument"], &policy["defaultVersionId"]), (&json!(document(3)), &json!("3")));

    done(&world, "PATCH", "/policies/policy-1/version/5", "").await;
    let policy = world.iot("GET", "/policies/policy-1", "").await.ok();
    assert_eq!((&policy["policyDocument"], &policy["defaultVersionId"]), (&json!(document(5)), &json!("5")));
    assert_eq!(world.iot("GET", "/policies/policy-1/version/3", "").await.ok()["isDefaultVersion"], false);
}

#[tokio::test]
async fn the_number_of_a_version_is_never_given_again() {
    let world = World::start().await;
    add_version(&world, 2, "").await;
    refused(
        &world,
        "DELETE",
        "/policies/policy-1/version/1",
        "",
        "409 DeleteConflictException: version 1 of policy policy-1 is the default one; set another before it is deleted",
    )
    .await;
    done(&world, "DELETE", "/policies/policy-1/version/2", "").await;
    assert_eq!(add_version(&world, 3, "").await["policyVersionId"], "3");
    let missing = "404 ResourceNotFoundException: policy policy-1 has no version 2";
    for method in ["GET", "DELETE", "PATCH"] {
        refused(&world, method, "/policies/policy-1/version/2", "", missing).await;
    }
    for number in ["0", "4294967296"] {
        let expected = format!(
            "400 InvalidRequestException: policyVersionId \"{number}\" is not the number of a version, as 1 is"
        );
        for method in ["GET", "DELETE", "PATCH"] {
            refused(&world, method, &format!("/policies/policy-1/version/{number}"), "", &expected).await;
        }
    }
}

#[tokio::test]
async fn versions_that_are_made_at_once_get_numbers_of_their_own() {
    let world = World::start().await;
    let (a, b, c, d) = tokio::join!(
        add_version(&world, 2, ""),
        add_version(&world, 3, ""),
        add_version(&world, 4, ""),
        add_version(&world, 5, "")
    );
    let mut numbers: Vec<String> =
        [a, b, c, d].iter().map(|answer| answer["policyVersionId"].as_str().unwrap().to_owned()).collect();
    numbers.sort();
    assert_eq!(numbers, ["2", "3", "4", "5"]);
}

#[tokio::test]
async fn a_policy_is_deleted_when_nothing_stands_against_it() {
    let world = World::start().await;
    let target = json!({"target": format!("{ARN}cert/{}", world.device.id())}).to_string();
    add_version(&world, 2, "").await;
    let attached = "409 DeleteConflictException: policy policy-1 is attached to something; detach it before it is deleted";
    refused(&world, "DELETE", "/policies/policy-1", "", attached).await;
    done(&world, "POST", "/target-policies/policy-1", &target).await;
    let versions = "409 DeleteConflictException: policy policy-1 has versions beside the default one; delete these before \
                    it is deleted";
    refused(&world, "DELETE", "/policies/policy-1", "", versions).await;
    done(&world, "DELETE", "/policies/policy-1/version/2", "").await;
    done(&world, "DELETE", "/policies/policy-1", "").await;
    create(&world, "policy-1", DOCUMENT).await;
    assert_eq!(world.iot("GET", "/policies/policy-1", "").await.ok()["defaultVersionId"], "1");
}

#[tokio::test]
async fn a_policy_that_is_not_there_is_not_found() {
    let world = World::start().await;
    let target = json!({"target": format!("{ARN}cert/{}", world.device.id())}).to_string();
    let document = json!({"policyDocument": DOCUMENT}).to_string();
    for (method, path, body) in [
        ("GET", "/policies/no", ""),
        ("DELETE", "/policies/no", ""),
        ("POST", "/policies/no/version", &*document),
        ("GET", "/policies/no/version", ""),
        ("GET", "/policies/no/version/1", ""),
        ("DELETE", "/policies/no/version/1", ""),
        ("PATCH", "/policies/no/version/1", ""),
        ("PUT", "/target-policies/no", &*target),
        ("POST", "/target-policies/no", &*target),
        ("POST", "/policy-targets/no", ""),
    ] {
        refused(&world, method, path, body, "404 ResourceNotFoundException: policy no does not exist").await;
    }
    let answer = world.iot_with("GET", "/policy-principals", (POLICY, "no"), "").await;
    assert_eq!(answer.error(), "404 ResourceNotFoundException: policy no does not exist");
}

#[tokio::test]
async fn a_target_that_is_not_there_is_not_found() {
    let world = World::start().await;
    for (target, expected) in [
        (format!("{ARN}cert/{}", id(9)), format!("certificate {} is not registered", id(9))),
        (format!("{ARN}thinggroup/no"), "thing group no does not exist".to_owned()),
    ] {
        let body = json!({"target": target}).to_string();
        let expected = format!("404 ResourceNotFoundException: {expected}");
        refused(&world, "PUT", "/target-policies/policy-1", &body, &expected).await;
        refused(&world, "POST", "/target-policies/policy-1", &body, &expected).await;
        let path = format!("/attached-policies/{}", target.replace('/', "%2F"));
        refused(&world, "POST", &path, "", &expected).await;
    }
    let header = (PRINCIPAL, &*format!("{ARN}cert/{}", id(9)));
    for (method, path) in [
        ("PUT", "/principal-policies/policy-1"),
        ("DELETE", "/principal-policies/policy-1"),
        ("GET", "/principal-policies"),
    ] {
        let expected = format!("404 ResourceNotFoundException: certificate {} is not registered", id(9));
        assert_eq!(world.iot_with(method, path, header, "").await.error(), expected, "{method} {path}");
    }
}

#[tokio::test]
async fn what_no_policy_can_be_attached_to_is_refused() {
    let world = World::start().await;
    for (target, expected) in [
        ("device".to_owned(), format!("\"device\" does not begin with {ARN}, as every ARN here does")),
        (
            format!("{ARN}cert/12"),
            format!("\"{ARN}cert/12\" names no resource of AWS IoT, as {ARN}thing/name does"),
        ),
        (
            format!("{ARN}thing/thing-1"),
            format!("\"{ARN}thing/thing-1\" is the ARN of neither a certificate nor a thing group"),
        ),
    ] {
        let body = json!({"target": target}).to_string();
        let expected = format!("400 InvalidRequestException: {expected}");
        refused(&world, "PUT", "/target-policies/policy-1", &body, &expected).await;
        refused(&world, "POST", "/target-policies/policy-1", &body, &expected).await;
        let path = format!("/attached-policies/{}", target.replace('/', "%2F"));
        refused(&world, "POST", &path, "", &expected).await;
    }
    groups(&world, &["group"]).await;
    let group = format!("{ARN}thinggroup/group");
    for (method, path) in [
        ("PUT", "/principal-policies/policy-1"),
        ("DELETE", "/principal-policies/policy-1"),
        ("GET", "/principal-policies"),
    ] {
        let answer = world.iot_with(method, path, (PRINCIPAL, &group), "").await.error();
        let expected =
            format!("400 InvalidRequestException: principal \"{group}\" is not the ARN of a certificate");
        assert_eq!(answer, expected);
    }
}

#[tokio::test]
async fn a_target_has_up_to_ten_policies() {
    let world = World::start().await;
    groups(&world, &["group"]).await;
    for target in [format!("{ARN}cert/{}", id(2)), format!("{ARN}thinggroup/group")] {
        let kind = if target.contains("cert/") {
            format!("certificate {}", id(2))
        } else {
            "thing group group".to_owned()
        };
        for number in 0..=10 {
            let policy = format!("{}-{number}", if target.contains("cert/") { "c" } else { "g" });
            create(&world, &policy, DOCUMENT).await;
            let body = json!({"target": target}).to_string();
            let path = format!("/target-policies/{policy}");
            if number < 10 {
                done(&world, "PUT", &path, &body).await;
                done(&world, "PUT", &path, &body).await;
            } else {
                let expected = format!(
                    "410 LimitExceededException: 10 policies are attached to {kind}, which is the most"
                );
                refused(&world, "PUT", &path, &body, &expected).await;
            }
        }
    }
}

#[tokio::test]
async fn the_policies_of_a_target_are_listed_by_page() {
    let world = World::start().await;
    let policies = ["policy-1", "policy-2", "policy-3"].map(listed);
    let path =
        |target: &str, query: &str| format!("/attached-policies/{}?{query}", target.replace('/', "%2F"));
    let device = format!("{ARN}cert/{}", world.device.id());
    for query in ["", "recursive=false", "recursive=true"] {
        let target = path(&device, query);
        assert_pages(&world, Listing::Marker("POST", &target, "policies"), &policies).await;
    }
    let target = path(&format!("{ARN}cert/{}", id(2)), "");
    assert_pages(&world, Listing::Marker("POST", &target, "policies"), &[]).await;

    groups(&world, &["root", "middle", "leaf"]).await;
    for (policy, group) in
        [("policy-3", "root"), ("policy-1", "middle"), ("policy-2", "leaf"), ("policy-1", "leaf")]
    {
        attach(&world, policy, &format!("{ARN}thinggroup/{group}")).await;
    }
    for (group, query, expected) in [
        ("leaf", "", vec!["policy-1", "policy-2"]),
        ("leaf", "recursive=true", vec!["policy-1", "policy-2", "policy-3"]),
        ("middle", "recursive=true", vec!["policy-1", "policy-3"]),
        ("root", "recursive=true", vec!["policy-3"]),
        ("root", "", vec!["policy-3"]),
    ] {
        let target = path(&format!("{ARN}thinggroup/{group}"), query);
        let expected: Vec<Value> = expected.into_iter().map(listed).collect();
        assert_pages(&world, Listing::Marker("POST", &target, "policies"), &expected).await;
    }
}

#[tokio::test]
async fn the_targets_of_a_policy_are_listed_by_page() {
    let world = World::start().await;
    groups(&world, &["group-1", "group-2"]).await;
    let certificates = [world.device.id(), id(2)].map(|id| format!("{ARN}cert/{id}"));
    let groups = ["group-1", "group-2"].map(|name| format!("{ARN}thinggroup/{name}"));
    for target in certificates.iter().skip(1).chain(&groups) {
        attach(&world, "policy-1", target).await;
    }
    let answer = world.iot("POST", "/policy-targets/policy-1", "").await.ok();
    let all = answer["targets"].as_array().unwrap().clone();
    let mut sorted: Vec<&str> = all.iter().map(|target| target.as_str().unwrap()).collect();
    sorted.sort_unstable();
    let mut expected: Vec<&str> = certificates.iter().chain(&groups).map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(sorted, expected);
    assert_pages(&world, Listing::Marker("POST", "/policy-targets/policy-1?", "targets"), &all).await;

    let principals = certificates.map(|arn| json!(arn));
    let header = Some((POLICY, "policy-1"));
    let listing = Listing::Marker("GET", "/policy-principals?isAscendingOrder=true", "principals");
    assert_pages_with(&world, listing, header, &principals).await;
    let newest_first: Vec<Value> = principals.into_iter().rev().collect();
    let listing = Listing::Marker("GET", "/policy-principals?", "principals");
    assert_pages_with(&world, listing, header, &newest_first).await;
}

#[tokio::test]
async fn the_deprecated_operations_do_the_same() {
    let world = World::start().await;
    let arn = format!("{ARN}cert/{}", id(2));
    let header = (PRINCIPAL, &*arn);
    for policy in ["policy-2", "policy-1", "policy-2"] {
        let answer = world.iot_with("PUT", &format!("/principal-policies/{policy}"), header, "").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    }
    let oldest_first = ["policy-1", "policy-2"].map(listed);
    let listing = Listing::Marker("GET", "/principal-policies?isAscendingOrder=true", "policies");
    assert_pages_with(&world, listing, Some(header), &oldest_first).await;
    let newest_first: Vec<Value> = oldest_first.into_iter().rev().collect();
    let listing = Listing::Marker("GET", "/principal-policies?", "policies");
    assert_pages_with(&world, listing, Some(header), &newest_first).await;
    for _ in 0..2 {
        let answer = world.iot_with("DELETE", "/principal-policies/policy-1", header, "").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "again and again");
    }
    let target = PolicyTarget::from(id(2));
    let left = world.registry.attached_policies(&target, false, PageRequest::first(9)).await.unwrap();
    let left: Vec<String> = left.items.iter().map(|policy| policy.name.to_string()).collect();
    assert_eq!(left, ["policy-2"]);
}
