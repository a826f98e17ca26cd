//! From an HTTP request to the input of an operation, by the rules of the rest-json protocol.
//!
//! The input is a JSON object keyed by the member names of the model. In it a moment is a number of seconds, bytes
//! are base64, and a member that was not sent or was `null` is absent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::error::{ApiError, ErrorCode};
use crate::http::HttpRequest;
use crate::model::{
    Location, Member, Operation, Service, ServiceModel, Shape, ShapeId, ShapeKind, StructureShape,
    TimestampFormat,
};
use crate::timestamp::WireTimestamp;

/// Why a request cannot be read as the input of its operation.
#[derive(Debug, Error)]
pub(crate) enum BindError {
    #[error("the query string has a malformed percent escape, or is not UTF-8")]
    Query,
    #[error("the body is not JSON: {0}")]
    Body(serde_json::Error),
    /// A value has another type than its member.
    #[error("{found} can not be converted to {expected}{}", at(.path))]
    WrongType {
        /// From the innermost name to the outermost.
        path: Vec<String>,
        found: &'static str,
        expected: &'static str,
    },
}

impl BindError {
    /// The error that a service answers with.
    pub(crate) fn into_api_error(self, service: Service) -> ApiError {
        let code = match service {
            // Lambda has an error of its own for this; the other models have none, and the protocol's is used.
            Service::Lambda => ErrorCode::InvalidRequestContent,
            Service::Greengrass => ErrorCode::BadRequest,
            Service::Iot | Service::IotData | Service::Sts => ErrorCode::Serialization,
        };
        ApiError::new(code, self.to_string())
    }

    fn within(mut self, name: &str) -> Self {
        match &mut self {
            Self::WrongType { path, .. } => path.push(name.to_owned()),
            Self::Query | Self::Body(_) => {}
        }
        self
    }
}

fn at(path: &[String]) -> String {
    if path.is_empty() {
        return String::new();
    }
    let names: Vec<&str> = path.iter().rev().map(String::as_str).collect();
    format!(" at '{}'", names.join("."))
}

/// Reads the input of an operation; `labels` are those of its path, decoded.
pub(crate) fn bind(
    model: &ServiceModel,
    operation: &Operation,
    labels: &[(String, String)],
    request: &HttpRequest,
) -> Result<Value, BindError> {
    let mut input = Map::new();
    let Some(structure) = operation.input().and_then(|id| model.structure(id)) else {
        return Ok(Value::Object(input));
    };
    let query = request.query_pairs().ok_or(BindError::Query)?;
    let mut body = read_body(structure, request)?;
    for (index, member) in structure.members.iter().enumerate() {
        let value = match member.location {
            Location::Body if structure.payload == Some(index) => payload(model, member, request)?,
            Location::Body => {
                let sent = body.remove(&member.wire_name).filter(|value| !value.is_null());
                let format = body_format(model, member);
                let value = sent.map(|value| from_json(model, member.shape, value, format)).transpose();
                value.map_err(|error| error.within(&member.name))?
            }
            Location::Label => {
                from_texts(model, member, TimestampFormat::Iso8601, values_of(labels, member))?
            }
            Location::Query => {
                from_texts(model, member, TimestampFormat::Iso8601, values_of(&query, member))?
            }
            Location::Header => {
                // Several fields of one name are one with commas in it (RFC 9110, section 5.3), and signed as that one.
                let sent: Vec<&str> = request.headers.get_all(&member.wire_name).collect();
                let joined = sent.join(",");
                let texts = if sent.is_empty() { Vec::new() } else { vec![joined.as_str()] };
                from_texts(model, member, TimestampFormat::Rfc822, texts)?
            }
            Location::HeaderPrefix => prefixed_headers(member, request),
            Location::StatusCode => None,
        };
        input.extend(value.map(|value| (member.name.clone(), value)));
    }
    Ok(Value::Object(input))
}

/// The object in the body, if the operation reads one; members that the model does not have are ignored, as AWS does.
fn read_body(structure: &StructureShape, request: &HttpRequest) -> Result<Map<String, Value>, BindError> {
    let in_body = structure.members.iter().any(|member| member.location == Location::Body);
    // Clients send a body of `{}`, or none, when they have nothing to say.
    if !in_body || structure.payload.is_some() || request.body.is_empty() {
        return Ok(Map::new());
    }
    match parse_body(request)? {
        Value::Null => Ok(Map::new()),
        Value::Object(body) => Ok(body),
        other @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            Err(wrong_type(&other, "a structure"))
        }
    }
}

fn parse_body(request: &HttpRequest) -> Result<Value, BindError> {
    serde_json::from_slice(&request.body).map_err(BindError::Body)
}

/// The member that is the whole body.
fn payload(model: &ServiceModel, member: &Member, request: &HttpRequest) -> Result<Option<Value>, BindError> {
    if request.body.is_empty() {
        return Ok(None);
    }
    if let ShapeKind::Blob(_) = model.shape(member.shape).kind() {
        return Ok(Some(Value::from(BASE64.encode(&request.body))));
    }
    let value = parse_body(request)?;
    if value.is_null() {
        return Ok(None);
    }
    let value = from_json(model, member.shape, value, body_format(model, member));
    value.map(Some).map_err(|error| error.within(&member.name))
}

fn body_format(model: &ServiceModel, member: &Member) -> TimestampFormat {
    format_of(model.shape(member.shape), member, TimestampFormat::UnixTimestamp)
}

fn format_of(shape: &Shape, member: &Member, default: TimestampFormat) -> TimestampFormat {
    let own = if let ShapeKind::Timestamp(format) = shape.kind() { *format } else { None };
    member.timestamp_format.or(own).unwrap_or(default)
}

fn values_of<'a>(pairs: &'a [(String, String)], member: &Member) -> Vec<&'a str> {
    pairs.iter().filter(|(name, _)| *name == member.wire_name).map(|(_, value)| value.as_str()).collect()
}

fn prefixed_headers(member: &Member, request: &HttpRequest) -> Option<Value> {
    let prefix = member.wire_name.to_ascii_lowercase();
    let found = request.headers.iter().filter_map(|(name, value)| Some((name.strip_prefix(&prefix)?, value)));
    let map: Map<String, Value> = found.map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
    (!map.is_empty()).then_some(Value::Object(map))
}

/// Reads a member from a label, from the query or from headers, where every value is a text.
fn from_texts(
    model: &ServiceModel,
    member: &Member,
    format: TimestampFormat,
    texts: Vec<&str>,
) -> Result<Option<Value>, BindError> {
    let Some(first) = texts.first() else { return Ok(None) };
    let shape = model.shape(member.shape);
    let value = if let ShapeKind::List(list) = shape.kind() {
        let entry = model.shape(list.member);
        let entries = texts.iter().map(|text| from_text(entry, text, format));
        entries.collect::<Result<Vec<_>, _>>().map(Value::Array)
    } else if member.json_value {
        from_json_value(first)
    } else {
        from_text(shape, first, format_of(shape, member, format))
    };
    value.map(Some).map_err(|error| error.within(&member.name))
}

fn from_text(shape: &Shape, text: &str, format: TimestampFormat) -> Result<Value, BindError> {
    let (value, expected) = match shape.kind() {
        ShapeKind::String(_) => (Some(Value::from(text)), "a String"),
        ShapeKind::Integer(_) => (text.parse::<i32>().ok().map(Value::from), "an Integer"),
        ShapeKind::Long(_) => (text.parse::<i64>().ok().map(Value::from), "a Long"),
        ShapeKind::Double(_) => {
            (text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::from), "a Double")
        }
        ShapeKind::Boolean => (text.parse::<bool>().ok().map(Value::from), "a Boolean, true or false"),
        ShapeKind::Timestamp(_) => {
            (WireTimestamp::parse(text, format).and_then(seconds_json), format_name(format))
        }
        ShapeKind::Structure(_) | ShapeKind::List(_) | ShapeKind::Map(_) | ShapeKind::Blob(_) => {
            (None, "a value that has no text form")
        }
    };
    value.ok_or_else(|| BindError::WrongType { path: Vec::new(), found: "STRING_VALUE", expected })
}

/// A header that carries a JSON text in base64; the input has the text.
fn from_json_value(text: &str) -> Result<Value, BindError> {
    let json = BASE64.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let json = json.filter(|json| serde_json::from_str::<serde::de::IgnoredAny>(json).is_ok());
    let error = BindError::WrongType { path: Vec::new(), found: "STRING_VALUE", expected: "JSON in base64" };
    json.map(Value::from).ok_or(error)
}

/// Checks a value of a JSON body against its shape, and renames the members from the wire to the model.
fn from_json(
    model: &ServiceModel,
    id: ShapeId,
    value: Value,
    format: TimestampFormat,
) -> Result<Value, BindError> {
    match model.shape(id).kind() {
        ShapeKind::Structure(structure) => structure_from_json(model, structure, value),
        ShapeKind::List(list) => {
            let Value::Array(entries) = value else { return Err(wrong_type(&value, "a List")) };
            let entries = entries.into_iter().enumerate().map(|(index, entry)| {
                // A null stays, and is refused with the constraints.
                if entry.is_null() {
                    return Ok(entry);
                }
                let entry = from_json(model, list.member, entry, nested_format(model, list.member));
                entry.map_err(|error| error.within("member").within(&(index + 1).to_string()))
            });
            Ok(Value::Array(entries.collect::<Result<_, _>>()?))
        }
        ShapeKind::Map(map) => {
            let Value::Object(entries) = value else { return Err(wrong_type(&value, "a Map")) };
            let entries = entries.into_iter().filter(|(_, value)| !value.is_null()).map(|(key, value)| {
                let value = from_json(model, map.value, value, nested_format(model, map.value));
                match value {
                    Ok(value) => Ok((key, value)),
                    Err(error) => Err(error.within(&key)),
                }
            });
            Ok(Value::Object(entries.collect::<Result<_, _>>()?))
        }
        ShapeKind::String(_) => keep_if(value.is_string(), value, "a String"),
        ShapeKind::Integer(_) => {
            keep_if(value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()), value, "an Integer")
        }
        ShapeKind::Long(_) => keep_if(value.is_i64(), value, "a Long"),
        ShapeKind::Double(_) => keep_if(value.is_number(), value, "a Double"),
        ShapeKind::Boolean => keep_if(value.is_boolean(), value, "a Boolean"),
        ShapeKind::Timestamp(_) => timestamp_from_json(&value, format),
        ShapeKind::Blob(_) => {
            let is_base64 = value.as_str().is_some_and(|text| BASE64.decode(text).is_ok());
            keep_if(is_base64, value, "a Blob, which is base64")
        }
    }
}

fn structure_from_json(
    model: &ServiceModel,
    structure: &StructureShape,
    value: Value,
) -> Result<Value, BindError> {
    let Value::Object(mut sent) = value else { return Err(wrong_type(&value, "a structure")) };
    let mut members = Map::new();
    for member in &structure.members {
        let Some(value) = sent.remove(&member.wire_name).filter(|value| !value.is_null()) else { continue };
        let value = from_json(model, member.shape, value, body_format(model, member));
        members.insert(member.name.clone(), value.map_err(|error| error.within(&member.name))?);
    }
    Ok(Value::Object(members))
}

fn nested_format(model: &ServiceModel, id: ShapeId) -> TimestampFormat {
    let own = if let ShapeKind::Timestamp(format) = model.shape(id).kind() { *format } else { None };
    own.unwrap_or(TimestampFormat::UnixTimestamp)
}

fn timestamp_from_json(value: &Value, format: TimestampFormat) -> Result<Value, BindError> {
    let moment = match format {
        TimestampFormat::UnixTimestamp => value.as_f64().and_then(WireTimestamp::from_seconds_f64),
        TimestampFormat::Iso8601 | TimestampFormat::Rfc822 => {
            value.as_str().and_then(|text| WireTimestamp::parse(text, format))
        }
    };
    moment.and_then(seconds_json).ok_or_else(|| wrong_type(value, format_name(format)))
}

fn seconds_json(moment: WireTimestamp) -> Option<Value> {
    moment.to_json(TimestampFormat::UnixTimestamp)
}

fn format_name(format: TimestampFormat) -> &'static str {
    match format {
        TimestampFormat::Iso8601 => "a Timestamp such as 2026-01-02T03:04:05Z",
        TimestampFormat::Rfc822 => "a Timestamp such as Fri, 02 Jan 2026 03:04:05 GMT",
        TimestampFormat::UnixTimestamp => "a Timestamp, which is a number of seconds since 1970",
    }
}

fn keep_if(holds: bool, value: Value, expected: &'static str) -> Result<Value, BindError> {
    if holds { Ok(value) } else { Err(wrong_type(&value, expected)) }
}

fn wrong_type(value: &Value, expected: &'static str) -> BindError {
    let found = match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "Start of list",
        Value::Object(_) => "Start of structure or map",
    };
    BindError::WrongType { path: Vec::new(), found, expected }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::ServiceModels;
    use crate::routing::RouteTable;

    /// Routes and binds a request, and says what it is the input of.
    fn bind_request(service: Service, request: &HttpRequest) -> Result<Value, String> {
        let models = ServiceModels::embedded().unwrap();
        let model = models.get(service).unwrap();
        let found = RouteTable::new(model).find(model, request).expect("a request that an operation answers");
        let operation = &model.operations()[found.operation];
        bind(model, operation, &found.labels, request).map_err(|error| error.to_string())
    }

    fn iot(method: &str, target: &str, body: &str) -> Result<Value, String> {
        bind_request(Service::Iot, &HttpRequest::new(method, target).with_body(body))
    }

    #[test]
    fn labels_query_and_body() {
        let check = |method: &str, target: &str, body: &str, expected: Value| {
            assert_eq!(iot(method, target, body).unwrap(), expected, "{method} {target} {body}");
        };
        check("GET", "/registrationcode", "", json!({}));
        check(
            "POST",
            "/cacertificate?setAsActive=true&allowAutoRegistration=false",
            r#"{"caCertificate":"a","verificationCertificate":"b","tags":[{"Key":"k"}],"unknown":1,"certificateMode":null}"#,
            json!({
                "caCertificate": "a", "verificationCertificate": "b", "setAsActive": true,
                "allowAutoRegistration": false, "tags": [{"Key": "k"}],
            }),
        );
        check(
            "PUT",
            "/cacertificate/ab?newStatus=ACTIVE",
            "{}",
            json!({"certificateId": "ab", "newStatus": "ACTIVE"}),
        );
        check("PUT", "/cacertificate/ab", "null", json!({"certificateId": "ab"}));
        check(
            "PUT",
            "/certificates/ab?newStatus=INACTIVE",
            "",
            json!({"certificateId": "ab", "newStatus": "INACTIVE"}),
        );
        check(
            "GET",
            "/things?maxResults=5&attributeName=a%2Bb+c&attributeValue=%C3%BC",
            "ignored, as no member is in the body",
            json!({"maxResults": 5, "attributeName": "a+b c", "attributeValue": "\u{fc}"}),
        );
        check("GET", "/things?maxResults=1&maxResults=2", "", json!({"maxResults": 1}));
        check(
            "POST",
            "/attached-policies/arn%3Aaws%3Aiot%3A%3Acert%2Fa?recursive=true&pageSize=3",
            "",
            json!({"target": "arn:aws:iot::cert/a", "recursive": true, "pageSize": 3}),
        );
        check(
            "GET",
            "/audit/tasks?startTime=2026-01-02T03%3A04%3A05Z&endTime=2026-01-02T03%3A04%3A05.5Z",
            "",
            json!({"startTime": 1_767_323_045.0, "endTime": 1_767_323_045.5}),
        );
    }

    #[test]
    fn headers_and_payloads() {
        let request = HttpRequest::new("PUT", "/things/t/principals?thingPrincipalType=x")
            .with_header("X-Amzn-Principal", "arn:p");
        assert_eq!(
            bind_request(Service::Iot, &request).unwrap(),
            json!({"thingName": "t", "principal": "arn:p", "thingPrincipalType": "x"})
        );
        let rule = r#"{"sql":"SELECT * FROM 'a'","actions":[{"lambda":{"functionArn":"f"}}]}"#;
        assert_eq!(
            iot("POST", "/rules/r", rule).unwrap(),
            json!({"ruleName": "r", "topicRulePayload": {
                "sql": "SELECT * FROM 'a'", "actions": [{"lambda": {"functionArn": "f"}}]
            }})
        );
        // Landfall's own action is kept as those of AWS are, and what neither has is dropped.
        let rule = r#"{"sql":"s","actions":[{"exec":{"command":["/bin/a","b"],"x":1}},{"fax":{}}]}"#;
        let request =
            HttpRequest::new("POST", "/rules/r").with_header("x-amz-tagging", "a=b").with_body(rule);
        assert_eq!(
            bind_request(Service::Iot, &request).unwrap(),
            json!({"ruleName": "r", "tags": "a=b", "topicRulePayload": {
                "sql": "s", "actions": [{"exec": {"command": ["/bin/a", "b"]}}, {}]
            }})
        );
        let properties = BASE64.encode(r#"[{"a":"b"}]"#);
        let request = HttpRequest::new("POST", "/topics/a%2Fb?qos=1&retain=true")
            .with_header("x-amz-mqtt5-user-properties", &properties)
            .with_body([0, 255]);
        assert_eq!(
            bind_request(Service::IotData, &request).unwrap(),
            json!({"topic": "a/b", "qos": 1, "retain": true, "payload": "AP8=", "userProperties": "[{\"a\":\"b\"}]"})
        );
        let request = HttpRequest::new("DELETE", "/2017-03-31/tags/arn?tagKeys=a&tagKeys=b");
        assert_eq!(
            bind_request(Service::Lambda, &request).unwrap(),
            json!({"Resource": "arn", "TagKeys": ["a", "b"]})
        );
        let request = HttpRequest::new("POST", "/greengrass/groups")
            .with_header("x-amzn-client-token", "t")
            .with_header("X-Amzn-Client-Token", "u")
            .with_body(r#"{"Name":"n","tags":{"a":"b","c":null}}"#);
        assert_eq!(
            bind_request(Service::Greengrass, &request).unwrap(),
            json!({"Name": "n", "AmznClientToken": "t,u", "tags": {"a": "b"}})
        );
    }

    #[test]
    fn header_members_of_the_registry() {
        let check = |method: &str, target: &str, name: &str, expected: Value| {
            let request = HttpRequest::new(method, target).with_header(name, "arn:p");
            assert_eq!(bind_request(Service::Iot, &request).unwrap(), expected, "{method} {target}");
        };
        let bound = json!({"policyName": "p", "principal": "arn:p"});
        check("PUT", "/principal-policies/p", "X-Amzn-Iot-Principal", bound.clone());
        check("DELETE", "/principal-policies/p", "x-amzn-iot-principal", bound);
        check(
            "GET",
            "/principal-policies?pageSize=2&marker=bQ%3D%3D&isAscendingOrder=true",
            "x-amzn-iot-principal",
            json!({"principal": "arn:p", "marker": "bQ==", "pageSize": 2, "ascendingOrder": true}),
        );
        check(
            "GET",
            "/policy-principals?isAscendingOrder=false",
            "x-amzn-iot-policy",
            json!({"policyName": "arn:p", "ascendingOrder": false}),
        );
        check(
            "GET",
            "/principals/things-v2?thingPrincipalType=EXCLUSIVE_THING&nextToken=t",
            "x-amzn-principal",
            json!({"nextToken": "t", "principal": "arn:p", "thingPrincipalType": "EXCLUSIVE_THING"}),
        );
        check(
            "DELETE",
            "/things/t/principals",
            "x-amzn-principal",
            json!({"thingName": "t", "principal": "arn:p"}),
        );
    }

    #[test]
    fn query_and_body_members_of_the_registry() {
        let check = |method: &str, target: &str, body: &str, expected: Value| {
            assert_eq!(iot(method, target, body).unwrap(), expected, "{method} {target} {body}");
        };
        check(
            "DELETE",
            "/things/t?expectedVersion=9007199254740993",
            "",
            json!({"thingName": "t", "expectedVersion": 9_007_199_254_740_993_i64}),
        );
        check(
            "DELETE",
            "/certificates/c?forceDelete=true",
            "",
            json!({"certificateId": "c", "forceDelete": true}),
        );
        check("POST", "/keys-and-certificate?setAsActive=true", "", json!({"setAsActive": true}));
        check(
            "POST",
            "/effective-policies?thingName=t",
            r#"{"principal":"arn:p"}"#,
            json!({"principal": "arn:p", "thingName": "t"}),
        );
        let questions = r#""authInfos":[{"actionType":"CONNECT","resources":["r"]}]"#;
        check(
            "POST",
            "/test-authorization?clientId=c",
            &format!(r#"{{{questions},"policyNamesToAdd":["p"]}}"#),
            json!({
                "authInfos": [{"actionType": "CONNECT", "resources": ["r"]}], "clientId": "c",
                "policyNamesToAdd": ["p"],
            }),
        );
        check(
            "GET",
            "/tags?resourceArn=arn%3Aaws%3Aiot%3A%3Athing%2Ft",
            "",
            json!({"resourceArn": "arn:aws:iot::thing/t"}),
        );
        let configurations = r#"{"eventConfigurations":{"THING":{"Enabled":true},"POLICY":{}}}"#;
        check(
            "PATCH",
            "/event-configurations",
            configurations,
            json!({"eventConfigurations": {"THING": {"Enabled": true}, "POLICY": {}}}),
        );
        check(
            "DELETE",
            "/v2LoggingLevel?targetType=THING_GROUP&targetName=g",
            "",
            json!({"targetType": "THING_GROUP", "targetName": "g"}),
        );
    }

    #[test]
    fn numbers_and_moments_of_a_body() {
        let percents = |list: &str| {
            let body = format!(r#"{{"queryString":"*","percents":{list}}}"#);
            iot("POST", "/indices/percentiles", &body)
        };
        assert_eq!(percents("[50,99.9]").unwrap(), json!({"queryString": "*", "percents": [50, 99.9]}));
        assert_eq!(
            percents("[\"50\"]").unwrap_err(),
            "STRING_VALUE can not be converted to a Double at 'percents.1.member'"
        );
        let suppress = |moment: &str| {
            let body = format!(r#"{{"checkName":"c","expirationDate":{moment}}}"#);
            iot("POST", "/audit/suppressions/create", &body)
        };
        for (moment, seconds) in [("1767323045", 1_767_323_045.0), ("1767323045.25", 1_767_323_045.25)] {
            assert_eq!(suppress(moment).unwrap(), json!({"checkName": "c", "expirationDate": seconds}));
        }
        assert_eq!(
            suppress("\"2026-01-02T03:04:05Z\"").unwrap_err(),
            "STRING_VALUE can not be converted to a Timestamp, which is a number of seconds since 1970 at \
             'expirationDate'"
        );
        let update = |version: &str| {
            let body = format!(r#"{{"expectedVersion":{version}}}"#);
            iot("PATCH", "/things/t", &body)
        };
        assert_eq!(
            update("9223372036854775807").unwrap(),
            json!({"thingName": "t", "expectedVersion": i64::MAX})
        );
        for wrong in ["9223372036854775808", "1.0", "\"1\""] {
            let error = update(wrong).unwrap_err();
            assert!(error.ends_with("_VALUE can not be converted to a Long at 'expectedVersion'"), "{error}");
        }
    }

    #[test]
    fn a_payload_is_the_whole_body() {
        let options = r#"{"roleArn":"r","logLevel":"INFO","unknown":1}"#;
        assert_eq!(
            iot("POST", "/loggingOptions", options).unwrap(),
            json!({"loggingOptionsPayload": {"roleArn": "r", "logLevel": "INFO"}})
        );
        for nothing in ["", "null"] {
            assert_eq!(iot("POST", "/loggingOptions", nothing).unwrap(), json!({}));
        }
        assert_eq!(
            iot("POST", "/loggingOptions", "[]").unwrap_err(),
            "Start of list can not be converted to a structure at 'loggingOptionsPayload'"
        );
        let publish = |target: &str, body: &[u8]| {
            let request = HttpRequest::new("POST", target)
                .with_header("Content-Type", "application/json")
                .with_header("x-amz-mqtt5-payload-format-indicator", "UTF8_DATA")
                .with_header("x-amz-mqtt5-correlation-data", "AQ==")
                .with_body(body);
            bind_request(Service::IotData, &request).unwrap()
        };
        let mut expected = json!({
            "topic": "$aws/a+ü", "qos": 0, "payload": BASE64.encode("null"), "payloadFormatIndicator": "UTF8_DATA",
            "contentType": "text/plain", "responseTopic": "b/c", "correlationData": "AQ==",
            "messageExpiry": 5_000_000_000_i64,
        });
        let target = "/topics/%24aws%2Fa+%C3%BC?qos=0&contentType=text%2Fplain&responseTopic=b%2Fc\
                      &messageExpiry=5000000000";
        assert_eq!(publish(target, b"null"), expected);
        // A message may be empty: then there is no payload.
        expected.as_object_mut().unwrap().remove("payload");
        assert_eq!(publish(target, b""), expected);
    }

    #[test]
    fn wrong_types_are_refused() {
        let check = |method: &str, target: &str, body: &str, expected: &str| {
            assert_eq!(iot(method, target, body).unwrap_err(), expected, "{method} {target} {body}");
        };
        check(
            "POST",
            "/cacertificate",
            r#"{"caCertificate":1}"#,
            "NUMBER_VALUE can not be converted to a String at 'caCertificate'",
        );
        check(
            "POST",
            "/cacertificate",
            r#"{"tags":[{"Key":"a"},{"Key":true}]}"#,
            "TRUE_VALUE can not be converted to a String at 'tags.2.member.Key'",
        );
        check(
            "POST",
            "/cacertificate",
            r#"{"tags":{}}"#,
            "Start of structure or map can not be converted to a List at 'tags'",
        );
        check("POST", "/cacertificate", "[]", "Start of list can not be converted to a structure");
        check(
            "POST",
            "/cacertificate",
            "{",
            "the body is not JSON: EOF while parsing an object at line 1 column 1",
        );
        check(
            "POST",
            "/things/t",
            r#"{"attributePayload":{"attributes":{"a":1}}}"#,
            "NUMBER_VALUE can not be converted to a String at 'attributePayload.attributes.a'",
        );
        check(
            "POST",
            "/things/t",
            r#"{"attributePayload":{"merge":"true"}}"#,
            "STRING_VALUE can not be converted to a Boolean at 'attributePayload.merge'",
        );
    }

    #[test]
    fn wrong_texts_are_refused() {
        let check = |method: &str, target: &str, body: &str, expected: &str| {
            assert_eq!(iot(method, target, body).unwrap_err(), expected, "{method} {target} {body}");
        };
        check(
            "POST",
            "/cacertificate?setAsActive=yes",
            "{}",
            "STRING_VALUE can not be converted to a Boolean, true or false at 'setAsActive'",
        );
        check(
            "GET",
            "/things?maxResults=ten",
            "",
            "STRING_VALUE can not be converted to an Integer at 'maxResults'",
        );
        check(
            "GET",
            "/things?maxResults=2147483648",
            "",
            "STRING_VALUE can not be converted to an Integer at 'maxResults'",
        );
        check(
            "GET",
            "/audit/tasks?startTime=1",
            "",
            "STRING_VALUE can not be converted to a Timestamp such as 2026-01-02T03:04:05Z at 'startTime'",
        );
        check("GET", "/things?a=%zz", "", "the query string has a malformed percent escape, or is not UTF-8");
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        check(
            "POST",
            "/cacertificate",
            &deep,
            "the body is not JSON: recursion limit exceeded at line 1 column 128",
        );
    }

    #[test]
    fn each_service_has_its_code() {
        let check = |service, code| assert_eq!(BindError::Query.into_api_error(service).code(), code);
        check(Service::Iot, ErrorCode::Serialization);
        check(Service::Lambda, ErrorCode::InvalidRequestContent);
        check(Service::Greengrass, ErrorCode::BadRequest);
    }
}
