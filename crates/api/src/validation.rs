//! The constraints of the model, with the messages of AWS.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use crate::error::{ApiError, ErrorCode};
use crate::model::{
    LengthBounds, NumberBounds, Operation, Service, ServiceModel, Shape, ShapeId, ShapeKind, StructureShape,
};

/// How many broken constraints a message lists; a larger input is refused by its first ones.
const VIOLATIONS_MAX: usize = 20;

/// How many characters of a value a message repeats.
const SHOWN_CHARS_MAX: usize = 256;

/// Checks an input, as [`crate::binding`] makes it, against the constraints of its operation.
///
/// # Errors
///
/// The error that the service answers with, its message listing each broken constraint.
pub(crate) fn validate(model: &ServiceModel, operation: &Operation, input: &Value) -> Result<(), ApiError> {
    let Some(id) = operation.input() else { return Ok(()) };
    let mut checker = Checker { model, violations: Vec::new() };
    checker.check(id, input, "");
    let violations = checker.violations;
    if violations.is_empty() {
        return Ok(());
    }
    let plural = if violations.len() == 1 { "error" } else { "errors" };
    let message = format!("{} validation {plural} detected: {}", violations.len(), violations.join("; "));
    let code = match model.service() {
        Service::Iot | Service::IotData => ErrorCode::InvalidRequest,
        Service::Lambda | Service::Sts => ErrorCode::Validation,
        Service::Greengrass => ErrorCode::BadRequest,
    };
    Err(ApiError::new(code, message))
}

struct Checker<'m> {
    model: &'m ServiceModel,
    violations: Vec<String>,
}

impl Checker<'_> {
    fn check(&mut self, id: ShapeId, value: &Value, path: &str) {
        if self.violations.len() >= VIOLATIONS_MAX {
            return;
        }
        let shape = self.model.shape(id);
        for constraint in broken_constraints(shape, value) {
            self.violate(shape, value, path, &constraint);
        }
        match shape.kind() {
            ShapeKind::Structure(structure) => self.check_members(structure, value, path),
            ShapeKind::List(list) => {
                let entries = value.as_array().map_or(&[][..], Vec::as_slice);
                self.check_entries(
                    shape,
                    value,
                    path,
                    list.member,
                    "Member must satisfy constraint",
                    entries.iter(),
                );
                self.check_each_entry(list.member, entries, path);
            }
            ShapeKind::Map(map) => {
                let Some(entries) = value.as_object() else { return };
                let keys: Vec<Value> = entries.keys().map(|key| Value::from(key.as_str())).collect();
                self.check_entries(
                    shape,
                    value,
                    path,
                    map.key,
                    "Map keys must satisfy constraint",
                    keys.iter(),
                );
                self.check_entries(
                    shape,
                    value,
                    path,
                    map.value,
                    "Map value must satisfy constraint",
                    entries.values(),
                );
                if is_complex(self.model.shape(map.value)) {
                    for (key, entry) in entries {
                        self.check(map.value, entry, &format!("{path}.{key}.member"));
                    }
                }
            }
            ShapeKind::String(_)
            | ShapeKind::Integer(_)
            | ShapeKind::Long(_)
            | ShapeKind::Double(_)
            | ShapeKind::Boolean
            | ShapeKind::Timestamp(_)
            | ShapeKind::Blob(_) => {}
        }
    }

    fn check_members(&mut self, structure: &StructureShape, value: &Value, path: &str) {
        for member in &structure.members {
            let path = join(path, &lower_first(&member.name));
            match value.get(&member.name) {
                Some(value) => self.check(member.shape, value, &path),
                None if member.required => self.violate_null(&path),
                None => {}
            }
        }
    }

    /// Entries that have parts of their own are refused one by one.
    fn check_each_entry(&mut self, id: ShapeId, entries: &[Value], path: &str) {
        if !is_complex(self.model.shape(id)) {
            return;
        }
        for (index, entry) in entries.iter().enumerate() {
            let path = format!("{path}.{}.member", index + 1);
            if entry.is_null() {
                self.violate_null(&path);
            } else {
                self.check(id, entry, &path);
            }
        }
    }

    /// Entries that are plain values are refused as a whole: the message shows the collection and every constraint
    /// of its entries, as AWS does.
    fn check_entries<'v>(
        &mut self,
        shape: &Shape,
        value: &Value,
        path: &str,
        entry: ShapeId,
        rule: &str,
        mut entries: impl Iterator<Item = &'v Value>,
    ) {
        let entry = self.model.shape(entry);
        if is_complex(entry) {
            return;
        }
        if entries.any(|value| value.is_null() || !broken_constraints(entry, value).is_empty()) {
            let mut constraints = constraints(entry);
            if constraints.is_empty() {
                constraints.push("Member must not be null".to_owned());
            }
            let shown = if entry.is_sensitive() { entry } else { shape };
            self.violate(shown, value, path, &format!("{rule}: [{}]", constraints.join(", ")));
        }
    }

    fn violate(&mut self, shape: &Shape, value: &Value, path: &str, constraint: &str) {
        if self.violations.len() < VIOLATIONS_MAX {
            let shown = if shape.is_sensitive() { String::new() } else { format!(" '{}'", show(value)) };
            self.violations
                .push(format!("Value{shown} at '{path}' failed to satisfy constraint: {constraint}"));
        }
    }

    fn violate_null(&mut self, path: &str) {
        if self.violations.len() < VIOLATIONS_MAX {
            let message =
                format!("Value null at '{path}' failed to satisfy constraint: Member must not be null");
            self.violations.push(message);
        }
    }
}

fn is_complex(shape: &Shape) -> bool {
    match shape.kind() {
        ShapeKind::Structure(_) | ShapeKind::List(_) | ShapeKind::Map(_) => true,
        ShapeKind::String(_)
        | ShapeKind::Integer(_)
        | ShapeKind::Long(_)
        | ShapeKind::Double(_)
        | ShapeKind::Boolean
        | ShapeKind::Timestamp(_)
        | ShapeKind::Blob(_) => false,
    }
}

/// The constraints of a shape that a value breaks.
fn broken_constraints(shape: &Shape, value: &Value) -> Vec<String> {
    match shape.kind() {
        ShapeKind::String(string) => {
            let text = value.as_str().unwrap_or_default();
            let mut broken = broken_length(string.length, text.chars().count());
            if let Some(pattern) = string.pattern.as_ref().filter(|pattern| !pattern.matches(text)) {
                broken.push(pattern_constraint(pattern.source()));
            }
            if !string.values.is_empty() && !string.values.iter().any(|allowed| allowed == text) {
                broken.push(enum_constraint(&string.values));
            }
            broken
        }
        ShapeKind::Integer(bounds) | ShapeKind::Long(bounds) | ShapeKind::Double(bounds) => {
            value.as_f64().map_or_else(Vec::new, |number| broken_range(*bounds, number))
        }
        // Most blobs have no bounds, and a function's code is large.
        ShapeKind::Blob(length) if *length == LengthBounds::default() => Vec::new(),
        ShapeKind::Blob(length) => {
            let bytes = value.as_str().and_then(|text| BASE64.decode(text).ok()).unwrap_or_default();
            broken_length(*length, bytes.len())
        }
        ShapeKind::List(list) => broken_length(list.length, value.as_array().map_or(0, Vec::len)),
        ShapeKind::Map(map) => broken_length(map.length, value.as_object().map_or(0, serde_json::Map::len)),
        ShapeKind::Structure(_) | ShapeKind::Boolean | ShapeKind::Timestamp(_) => Vec::new(),
    }
}

/// All constraints of a shape, as they are listed for the entries of a collection.
fn constraints(shape: &Shape) -> Vec<String> {
    match shape.kind() {
        ShapeKind::String(string) => {
            let mut all = length_constraints(string.length);
            all.extend(string.pattern.as_ref().map(|pattern| pattern_constraint(pattern.source())));
            if !string.values.is_empty() {
                all.push(enum_constraint(&string.values));
            }
            all
        }
        ShapeKind::Integer(bounds) | ShapeKind::Long(bounds) | ShapeKind::Double(bounds) => {
            let max = bounds.max.map(|max| format!("Member must have value less than or equal to {max}"));
            let min = bounds.min.map(|min| format!("Member must have value greater than or equal to {min}"));
            max.into_iter().chain(min).collect()
        }
        ShapeKind::Blob(length) => length_constraints(*length),
        ShapeKind::List(_)
        | ShapeKind::Map(_)
        | ShapeKind::Structure(_)
        | ShapeKind::Boolean
        | ShapeKind::Timestamp(_) => Vec::new(),
    }
}

fn length_constraints(bounds: LengthBounds) -> Vec<String> {
    let max = bounds.max.map(|max| format!("Member must have length less than or equal to {max}"));
    let min = bounds.min.map(|min| format!("Member must have length greater than or equal to {min}"));
    max.into_iter().chain(min).collect()
}

fn broken_length(bounds: LengthBounds, length: usize) -> Vec<String> {
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    let broken = LengthBounds {
        min: bounds.min.filter(|min| length < *min),
        max: bounds.max.filter(|max| length > *max),
    };
    length_constraints(broken)
}

fn broken_range(bounds: NumberBounds, number: f64) -> Vec<String> {
    let max = bounds.max.filter(|max| number > *max);
    let min = bounds.min.filter(|min| number < *min);
    let max = max.map(|max| format!("Member must have value less than or equal to {max}"));
    let min = min.map(|min| format!("Member must have value greater than or equal to {min}"));
    max.into_iter().chain(min).collect()
}

fn pattern_constraint(source: &str) -> String {
    format!("Member must satisfy regular expression pattern: {source}")
}

fn enum_constraint(values: &[String]) -> String {
    format!("Member must satisfy enum value set: [{}]", values.join(", "))
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// AWS names members in messages with a small first letter, whatever their name in the model.
fn lower_first(name: &str) -> String {
    let mut characters = name.chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(characters).collect()
}

/// A value as AWS shows it: texts without quotes, lists as `[a, b]`, maps as `{a=b}`.
fn show(value: &Value) -> String {
    let mut text = String::new();
    show_into(&mut text, value);
    if let Some((end, _)) = text.char_indices().nth(SHOWN_CHARS_MAX) {
        text.truncate(end);
        text.push_str("...");
    }
    text
}

fn show_into(text: &mut String, value: &Value) {
    match value {
        Value::String(string) => text.push_str(string),
        Value::Array(entries) => {
            text.push('[');
            for (index, entry) in entries.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                show_into(text, entry);
            }
            text.push(']');
        }
        Value::Object(entries) => {
            text.push('{');
            for (index, (key, entry)) in entries.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                let _ = write!(text, "{key}=");
                show_into(text, entry);
            }
            text.push('}');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            let _ = write!(text, "{value}");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::ServiceModels;

    fn validate_input(service: Service, operation: &str, input: &Value) -> Result<(), ApiError> {
        let models = ServiceModels::embedded().unwrap();
        let model = models.get(service).unwrap();
        validate(model, model.operation(operation).unwrap(), input)
    }

    fn message(service: Service, operation: &str, input: &Value) -> String {
        validate_input(service, operation, input).unwrap_err().to_string()
    }

    #[test]
    fn valid_inputs_pass() {
        let id = "0123456789abcdef".repeat(4);
        for (operation, input) in [
            ("GetRegistrationCode", json!({})),
            ("DescribeCACertificate", json!({"certificateId": id})),
            ("DescribeEndpoint", json!({"endpointType": "iot:Data-ATS"})),
            ("RegisterCACertificate", json!({"caCertificate": "x".repeat(65_536), "tags": [{"Key": "a"}]})),
            ("ListThings", json!({"maxResults": 250, "nextToken": "any"})),
            ("CreateThing", json!({"thingName": "a:_-", "attributePayload": {"attributes": {"a": "b[=]"}}})),
        ] {
            validate_input(Service::Iot, operation, &input)
                .unwrap_or_else(|error| panic!("{operation}: {error}"));
        }
    }

    #[test]
    fn messages_of_iot() {
        let message = |operation, input: Value| message(Service::Iot, operation, &input);
        insta::assert_snapshot!(message("DescribeThing", json!({"thingName": "a b"})), @"InvalidRequestException: 1 validation error detected: Value 'a b' at 'thingName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9:_-]+");
        insta::assert_snapshot!(message("DescribeCACertificate", json!({"certificateId": "xyz"})), @"InvalidRequestException: 2 validation errors detected: Value 'xyz' at 'certificateId' failed to satisfy constraint: Member must have length greater than or equal to 64; Value 'xyz' at 'certificateId' failed to satisfy constraint: Member must satisfy regular expression pattern: (0x)?[a-fA-F0-9]+");
        insta::assert_snapshot!(message("RegisterCACertificate", json!({})), @"InvalidRequestException: 1 validation error detected: Value null at 'caCertificate' failed to satisfy constraint: Member must not be null");
        insta::assert_snapshot!(message("RegisterCACertificate", json!({"caCertificate": ""})), @"InvalidRequestException: 1 validation error detected: Value '' at 'caCertificate' failed to satisfy constraint: Member must have length greater than or equal to 1");
        insta::assert_snapshot!(message("UpdateCertificate", json!({"certificateId": "a".repeat(64), "newStatus": "active"})), @"InvalidRequestException: 1 validation error detected: Value 'active' at 'newStatus' failed to satisfy constraint: Member must satisfy enum value set: [ACTIVE, INACTIVE, REVOKED, PENDING_TRANSFER, REGISTER_INACTIVE, PENDING_ACTIVATION]");
        insta::assert_snapshot!(message("ListCertificates", json!({"pageSize": 251, "marker": "!"})), @"InvalidRequestException: 2 validation errors detected: Value '251' at 'pageSize' failed to satisfy constraint: Member must have value less than or equal to 250; Value '!' at 'marker' failed to satisfy constraint: Member must satisfy regular expression pattern: [A-Za-z0-9+/]+={0,2}");
        insta::assert_snapshot!(message("ListCertificates", json!({"pageSize": 0})), @"InvalidRequestException: 1 validation error detected: Value '0' at 'pageSize' failed to satisfy constraint: Member must have value greater than or equal to 1");
        insta::assert_snapshot!(message("CreateThing", json!({"thingName": "t", "attributePayload": {"attributes": {"make": "Acme Inc"}}})), @r#"InvalidRequestException: 1 validation error detected: Value '{make=Acme Inc}' at 'attributePayload.attributes' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length less than or equal to 800, Member must satisfy regular expression pattern: [a-zA-Z0-9_.,@/:#=\[\]-]*]"#);
        insta::assert_snapshot!(message("CreateThing", json!({"thingName": "t", "attributePayload": {"attributes": {"a b": "c"}}})), @"InvalidRequestException: 1 validation error detected: Value '{a b=c}' at 'attributePayload.attributes' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or equal to 128, Member must satisfy regular expression pattern: [a-zA-Z0-9_.,@/:#-]+]");
        insta::assert_snapshot!(message("CreateThingType", json!({"thingTypeName": "t", "thingTypeProperties": {"searchableAttributes": ["ok", "not ok"]}})), @"InvalidRequestException: 1 validation error detected: Value '[ok, not ok]' at 'thingTypeProperties.searchableAttributes' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 128, Member must satisfy regular expression pattern: [a-zA-Z0-9_.,@/:#-]+]");
        insta::assert_snapshot!(message("RegisterCACertificate", json!({"caCertificate": "x", "tags": [{"Key": "a"}, {"Value": "b"}]})), @"InvalidRequestException: 1 validation error detected: Value null at 'tags.2.member.key' failed to satisfy constraint: Member must not be null");
        insta::assert_snapshot!(message("RegisterCACertificate", json!({"caCertificate": "x", "tags": [null]})), @"InvalidRequestException: 1 validation error detected: Value null at 'tags.1.member' failed to satisfy constraint: Member must not be null");
        insta::assert_snapshot!(message("RegisterCACertificate", json!({"caCertificate": "x", "registrationConfig": {"roleArn": "r"}})), @"InvalidRequestException: 1 validation error detected: Value 'r' at 'registrationConfig.roleArn' failed to satisfy constraint: Member must have length greater than or equal to 20");
    }

    #[test]
    fn messages_of_nested_members() {
        let message = |operation, input: Value| {
            let message = message(Service::Iot, operation, &input);
            message.strip_prefix("InvalidRequestException: ").unwrap().to_owned()
        };
        insta::assert_snapshot!(message("TestAuthorization", json!({"authInfos": []})), @"1 validation error detected: Value '[]' at 'authInfos' failed to satisfy constraint: Member must have length greater than or equal to 1");
        insta::assert_snapshot!(message("TestAuthorization", json!({"authInfos": [{"resources": ["r"]}, {"actionType": "READ"}]})), @"2 validation errors detected: Value 'READ' at 'authInfos.2.member.actionType' failed to satisfy constraint: Member must satisfy enum value set: [PUBLISH, SUBSCRIBE, RECEIVE, CONNECT]; Value null at 'authInfos.2.member.resources' failed to satisfy constraint: Member must not be null");
        insta::assert_snapshot!(message("TestAuthorization", json!({"authInfos": [{"resources": ["r"]}], "policyNamesToAdd": ["a b"]})), @r"1 validation error detected: Value '[a b]' at 'policyNamesToAdd' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [\w+=,.@-]+]");
        insta::assert_snapshot!(message("UpdateEventConfigurations", json!({"eventConfigurations": {"COFFEE": {"Enabled": true}}})), @"1 validation error detected: Value '{COFFEE={Enabled=true}}' at 'eventConfigurations' failed to satisfy constraint: Map keys must satisfy constraint: [Member must satisfy enum value set: [THING, THING_GROUP, THING_TYPE, THING_GROUP_MEMBERSHIP, THING_GROUP_HIERARCHY, THING_TYPE_ASSOCIATION, JOB, JOB_EXECUTION, POLICY, CERTIFICATE, CA_CERTIFICATE]]");
        insta::assert_snapshot!(message("SetLoggingOptions", json!({})), @"1 validation error detected: Value null at 'loggingOptionsPayload' failed to satisfy constraint: Member must not be null");
        insta::assert_snapshot!(message("SetLoggingOptions", json!({"loggingOptionsPayload": {"logLevel": "LOUD"}})), @"2 validation errors detected: Value null at 'loggingOptionsPayload.roleArn' failed to satisfy constraint: Member must not be null; Value 'LOUD' at 'loggingOptionsPayload.logLevel' failed to satisfy constraint: Member must satisfy enum value set: [DEBUG, INFO, ERROR, WARN, DISABLED]");
        insta::assert_snapshot!(message("SetV2LoggingLevel", json!({"logLevel": "INFO", "logTarget": {"targetName": "a"}})), @"1 validation error detected: Value null at 'logTarget.targetType' failed to satisfy constraint: Member must not be null");
        insta::assert_snapshot!(message("AttachThingPrincipal", json!({"thingName": "t", "thingPrincipalType": "SHARED"})), @"2 validation errors detected: Value null at 'principal' failed to satisfy constraint: Member must not be null; Value 'SHARED' at 'thingPrincipalType' failed to satisfy constraint: Member must satisfy enum value set: [EXCLUSIVE_THING, NON_EXCLUSIVE_THING]");
        // Java's \p{Graph} is ASCII without spaces.
        insta::assert_snapshot!(message("CreateThingType", json!({"thingTypeName": "t", "thingTypeProperties": {"thingTypeDescription": "a\tb"}})), @r"1 validation error detected: Value 'a	b' at 'thingTypeProperties.thingTypeDescription' failed to satisfy constraint: Member must satisfy regular expression pattern: [\p{Graph}\x20]*");
        insta::assert_snapshot!(message("UntagResource", json!({"resourceArn": "arn", "tagKeys": [null]})), @r"1 validation error detected: Value '[null]' at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: ^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$]");
    }

    #[test]
    fn messages_of_other_services() {
        insta::assert_snapshot!(message(Service::Lambda, "GetFunction", &json!({"FunctionName": "a b"})), @r#"ValidationException: 1 validation error detected: Value 'a b' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"#);
        insta::assert_snapshot!(message(Service::Greengrass, "GetGroup", &json!({})), @"BadRequestException: 1 validation error detected: Value null at 'groupId' failed to satisfy constraint: Member must not be null");
        insta::assert_snapshot!(message(Service::IotData, "Publish", &json!({"topic": "a", "qos": 2})), @"InvalidRequestException: 1 validation error detected: Value '2' at 'qos' failed to satisfy constraint: Member must have value less than or equal to 1");
        insta::assert_snapshot!(message(Service::IotData, "Publish", &json!({})), @"InvalidRequestException: 1 validation error detected: Value null at 'topic' failed to satisfy constraint: Member must not be null");
    }

    #[test]
    fn a_message_stays_short() {
        let tags: Vec<Value> = (0..1000).map(|_| json!({})).collect();
        let error =
            message(Service::Iot, "RegisterCACertificate", &json!({"caCertificate": "x", "tags": tags}));
        assert!(error.contains("20 validation errors detected"), "{error}");
        let error = message(Service::Iot, "DescribeThing", &json!({"thingName": "\u{fc}".repeat(100_000)}));
        assert!(error.len() < 1500, "{}", error.len());
    }
}
