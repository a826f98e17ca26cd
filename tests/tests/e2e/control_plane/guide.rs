//! The sequences of AWS's developer guide, as it writes them: "How to manage things with the registry", "Thing types",
//! "Static thing groups", with the AWS CLI. Then everything is deleted, first in the wrong order and then in the right one.

use landfall_tests::Landfall;
use serde_json::{Value, json};

use super::refusal;

const PREFIX: &str = "arn:aws:iot:us-east-1:000000000000:";

/// Runs a line of the guide, which must succeed; words in single quotes are one.
#[track_caller]
fn aws(server: &Landfall, line: &str) -> Value {
    server.aws_json(&words(line))
}

/// Runs a line of the guide, which must be refused with this code and a message with this in it.
#[track_caller]
fn refused(server: &Landfall, line: &str, code: &str, message: &str) {
    let (found, text) = refusal(server.aws(&words(line)));
    assert_eq!(found, code, "{line}: {text}");
    assert!(text.to_lowercase().contains(message), "{line}: {text} has nothing of {message:?}");
}

fn words(line: &str) -> Vec<&str> {
    let parts = line.split('\'').enumerate();
    parts
        .flat_map(
            |(number, part)| if number % 2 == 1 { vec![part] } else { part.split_whitespace().collect() },
        )
        .collect()
}

/// The values of a member in a list, sorted.
#[track_caller]
fn names(answer: &Value, list: &str, member: &str) -> Vec<String> {
    let entries = answer[list].as_array().unwrap_or_else(|| panic!("no {list}: {answer}")).iter();
    let mut names: Vec<String> = entries
        .map(|entry| if member.is_empty() { entry } else { &entry[member] })
        .map(|name| name.as_str().unwrap_or_else(|| panic!("no {member}: {answer}")).to_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn the_guides_sequences_work_as_written_and_leave_nothing_when_all_is_deleted() {
    let mut server = Landfall::start();
    thing_types_and_things(&server);
    let certificate = principals(&server);
    groups(&server);
    policies(&server, &certificate);
    delete_in_the_wrong_order(&server, &certificate);
    delete_in_the_right_order(&mut server, &certificate);
    nothing_is_left(&server);
}

fn thing_types_and_things(server: &Landfall) {
    let created = aws(
        server,
        "iot create-thing-type --thing-type-name LightBulb \
         --thing-type-properties 'thingTypeDescription=light bulb type, searchableAttributes=wattage,model'",
    );
    assert_eq!(created["thingTypeArn"], format!("{PREFIX}thingtype/LightBulb"));
    aws(server, "iot create-thing-type --thing-type-name StopLight");
    let listed = aws(server, "iot list-thing-types");
    assert_eq!(names(&listed, "thingTypes", "thingTypeName"), ["LightBulb", "StopLight"]);
    let described = aws(server, "iot describe-thing-type --thing-type-name LightBulb");
    let properties =
        json!({"thingTypeDescription": "light bulb type", "searchableAttributes": ["wattage", "model"]});
    assert_eq!(described["thingTypeProperties"], properties);
    assert_eq!(described["thingTypeMetadata"]["deprecated"], json!(false));

    let attributes = r#"'{"attributes": {"wattage":"75", "model":"123"}}'"#;
    let create = format!(
        "iot create-thing --thing-name MyLightBulb --thing-type-name LightBulb --attribute-payload {attributes}"
    );
    let created = aws(server, &create);
    assert_eq!(created["thingArn"], format!("{PREFIX}thing/MyLightBulb"));
    let described = aws(server, "iot describe-thing --thing-name MyLightBulb");
    let expected = json!({
        "defaultClientId": "MyLightBulb", "thingName": "MyLightBulb", "thingId": created["thingId"],
        "thingArn": created["thingArn"], "thingTypeName": "LightBulb",
        "attributes": {"model": "123", "wattage": "75"}, "version": 1,
    });
    assert_eq!(described, expected);
    aws(
        server,
        r#"iot update-thing --thing-name MyLightBulb --attribute-payload '{"attributes": {"wattage":"150", "model":"456"}}'"#,
    );
    let described = aws(server, "iot describe-thing --thing-name MyLightBulb");
    assert_eq!((&described["version"], &described["attributes"]["wattage"]), (&json!(2), &json!("150")));
    aws(server, "iot create-thing --thing-name MyStopLight");
    aws(server, "iot update-thing --thing-name MyStopLight --thing-type-name StopLight");
    let listed = aws(server, "iot list-things --thing-type-name StopLight");
    assert_eq!(names(&listed, "things", "thingName"), ["MyStopLight"]);
    let listed = aws(server, "iot list-things --attribute-name wattage --attribute-value 150");
    assert_eq!(names(&listed, "things", "thingName"), ["MyLightBulb"]);
    assert_eq!(names(&aws(server, "iot list-things"), "things", "thingName"), ["MyLightBulb", "MyStopLight"]);
}

/// Gives a certificate to the thing. Its ARN.
fn principals(server: &Landfall) -> String {
    let made = aws(server, "iot create-keys-and-certificate --set-as-active");
    let certificate = made["certificateArn"].as_str().expect("an ARN").to_owned();
    aws(server, &format!("iot attach-thing-principal --thing-name MyLightBulb --principal {certificate}"));
    let listed = aws(server, "iot list-thing-principals --thing-name MyLightBulb");
    assert_eq!(names(&listed, "principals", ""), [certificate.as_str()]);
    let listed = aws(server, &format!("iot list-principal-things --principal {certificate}"));
    assert_eq!(names(&listed, "things", ""), ["MyLightBulb"]);
    certificate
}

fn groups(server: &Landfall) {
    aws(server, "iot create-thing-group --thing-group-name LightBulbs");
    aws(server, "iot create-thing-group --thing-group-name RedLights --parent-group-name LightBulbs");
    let described = aws(server, "iot describe-thing-group --thing-group-name RedLights");
    let metadata = &described["thingGroupMetadata"];
    assert_eq!(metadata["parentGroupName"], "LightBulbs");
    let root = json!([{"groupArn": format!("{PREFIX}thinggroup/LightBulbs"), "groupName": "LightBulbs"}]);
    assert_eq!(metadata["rootToParentThingGroups"], root);
    aws(server, "iot add-thing-to-thing-group --thing-name MyLightBulb --thing-group-name RedLights");
    let listed = aws(server, "iot list-things-in-thing-group --thing-group-name LightBulbs");
    assert_eq!(listed["things"], json!([]));
    let listed = aws(server, "iot list-things-in-thing-group --thing-group-name LightBulbs --recursive");
    assert_eq!(listed["things"], json!(["MyLightBulb"]));
    let listed = aws(server, "iot list-thing-groups");
    assert_eq!(names(&listed, "thingGroups", "groupName"), ["LightBulbs", "RedLights"]);
    let listed = aws(server, "iot list-thing-groups --parent-group LightBulbs");
    assert_eq!(names(&listed, "thingGroups", "groupName"), ["RedLights"]);
    let listed = aws(server, "iot list-thing-groups-for-thing --thing-name MyLightBulb");
    assert_eq!(names(&listed, "thingGroups", "groupName"), ["RedLights"]);
    let updated = aws(
        server,
        r#"iot update-thing-group --thing-group-name LightBulbs --thing-group-properties 'thingGroupDescription="this is a test group", attributePayload={attributes={Owner=Bryan,modelNames=456}}'"#,
    );
    assert_eq!(updated["version"], json!(2));
    let described = aws(server, "iot describe-thing-group --thing-group-name LightBulbs");
    let properties = json!({
        "thingGroupDescription": "this is a test group",
        "attributePayload": {"attributes": {"Owner": "Bryan", "modelNames": "456"}},
    });
    assert_eq!(described["thingGroupProperties"], properties);
    aws(server, "iot create-billing-group --billing-group-name GroupOne");
    aws(server, "iot add-thing-to-billing-group --billing-group-name GroupOne --thing-name MyLightBulb");
    let listed = aws(server, "iot list-things-in-billing-group --billing-group-name GroupOne");
    assert_eq!(listed["things"], json!(["MyLightBulb"]));
}

fn policies(server: &Landfall, certificate: &str) {
    let document = r#"'{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:Connect","Resource":"*"}]}'"#;
    aws(server, &format!("iot create-policy --policy-name myLightBulbPolicy --policy-document {document}"));
    let group = format!("{PREFIX}thinggroup/LightBulbs");
    aws(server, &format!("iot attach-policy --policy-name myLightBulbPolicy --target {group}"));
    aws(server, &format!("iot attach-policy --policy-name myLightBulbPolicy --target {certificate}"));
    let listed = aws(server, &format!("iot list-attached-policies --target {PREFIX}thinggroup/RedLights"));
    assert_eq!(listed["policies"], json!([]));
    let listed =
        aws(server, &format!("iot list-attached-policies --target {PREFIX}thinggroup/RedLights --recursive"));
    assert_eq!(names(&listed, "policies", "policyName"), ["myLightBulbPolicy"]);
    let listed = aws(server, "iot list-targets-for-policy --policy-name myLightBulbPolicy");
    let mut targets = [certificate.to_owned(), group];
    targets.sort();
    assert_eq!(names(&listed, "targets", ""), targets);
    let effective = aws(server, "iot get-effective-policies --thing-name MyLightBulb");
    assert_eq!(names(&effective, "effectivePolicies", "policyName"), ["myLightBulbPolicy"]);
    let question = format!("actionType=CONNECT,resources={PREFIX}client/MyLightBulb");
    let tested =
        aws(server, &format!("iot test-authorization --principal {certificate} --auth-infos {question}"));
    assert_eq!(tested["authResults"][0]["authDecision"], "ALLOWED", "{tested}");
}

fn delete_in_the_wrong_order(server: &Landfall, certificate: &str) {
    let (_, id) = certificate.rsplit_once('/').expect("an ARN");
    refused(server, "iot delete-thing --thing-name MyLightBulb", "InvalidRequestException", "attached");
    refused(
        server,
        "iot delete-thing-group --thing-group-name LightBulbs",
        "InvalidRequestException",
        "child",
    );
    refused(
        server,
        "iot delete-thing-type --thing-type-name LightBulb",
        "InvalidRequestException",
        "deprecate",
    );
    refused(
        server,
        "iot delete-policy --policy-name myLightBulbPolicy",
        "DeleteConflictException",
        "attached",
    );
    refused(
        server,
        &format!("iot delete-certificate --certificate-id {id}"),
        "CertificateStateException",
        "active",
    );
    aws(server, &format!("iot update-certificate --certificate-id {id} --new-status INACTIVE"));
    refused(server, &format!("iot delete-certificate --certificate-id {id}"), "DeleteConflictException", "");
    aws(server, "iot deprecate-thing-type --thing-type-name LightBulb");
    refused(
        server,
        "iot create-thing --thing-name Another --thing-type-name LightBulb",
        "InvalidRequestException",
        "deprecated",
    );
    aws(server, "iot deprecate-thing-type --thing-type-name LightBulb --undo-deprecate");
    aws(server, "iot deprecate-thing-type --thing-type-name LightBulb");
    refused(server, "iot delete-thing-type --thing-type-name LightBulb", "InvalidRequestException", "");
}

fn delete_in_the_right_order(server: &mut Landfall, certificate: &str) {
    let (_, id) = certificate.rsplit_once('/').expect("an ARN");
    aws(server, &format!("iot detach-policy --policy-name myLightBulbPolicy --target {certificate}"));
    aws(
        server,
        &format!("iot detach-policy --policy-name myLightBulbPolicy --target {PREFIX}thinggroup/LightBulbs"),
    );
    aws(server, "iot delete-policy --policy-name myLightBulbPolicy");
    aws(server, &format!("iot detach-thing-principal --thing-name MyLightBulb --principal {certificate}"));
    aws(server, &format!("iot delete-certificate --certificate-id {id}"));
    aws(server, "iot remove-thing-from-thing-group --thing-name MyLightBulb --thing-group-name RedLights");
    aws(server, "iot delete-thing-group --thing-group-name RedLights");
    aws(server, "iot delete-thing-group --thing-group-name LightBulbs");
    aws(server, "iot delete-thing --thing-name MyLightBulb");
    aws(server, "iot delete-thing --thing-name MyStopLight");
    aws(server, "iot delete-billing-group --billing-group-name GroupOne");
    aws(server, "iot deprecate-thing-type --thing-type-name StopLight");
    // AWS wants five minutes between a deprecation and the deletion.
    for name in ["LightBulb", "StopLight"] {
        let delete = format!("iot delete-thing-type --thing-type-name {name}");
        refused(server, &delete, "InvalidRequestException", "5");
    }
    assert!(server.stop(landfall_tests::DEADLINE).success());
    server.start_again_with(&["--thing-type-deletion-delay", "0s"]);
    for name in ["LightBulb", "StopLight"] {
        aws(server, &format!("iot delete-thing-type --thing-type-name {name}"));
    }
}

fn nothing_is_left(server: &Landfall) {
    for (command, list) in [
        ("list-things", "things"),
        ("list-thing-types", "thingTypes"),
        ("list-thing-groups", "thingGroups"),
        ("list-billing-groups", "billingGroups"),
        ("list-policies", "policies"),
        ("list-certificates", "certificates"),
        ("list-ca-certificates", "certificates"),
    ] {
        assert_eq!(aws(server, &format!("iot {command}"))[list], json!([]), "{command}");
    }
}
