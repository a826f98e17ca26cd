//! From the output of an operation to an HTTP response, by the rules of the rest-json protocol.
//!
//! The output is a JSON object keyed by the member names of the model, with moments as seconds and bytes in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::error::RequestId;
use crate::http::{Headers, HttpResponse};
use crate::model::{
    Location, Member, Operation, ServiceModel, ShapeId, ShapeKind, StructureShape, TimestampFormat,
};
use crate::timestamp::WireTimestamp;

/// Why an output cannot be sent: the handler and the model disagree.
#[derive(Debug, Error)]
pub enum OutputError {
    /// The output cannot be written as JSON.
    #[error("the output cannot be written as JSON")]
    Unwritable(#[from] serde_json::Error),
    /// A member has another type than the model says.
    #[error("the output member {member:?} is not {expected}")]
    WrongType {
        /// The member; empty for the output itself.
        member: String,
        /// What the model says.
        expected: &'static str,
    },
    /// The model has no such member.
    #[error("the model has no output member {member:?}")]
    UnknownMember {
        /// The member.
        member: String,
    },
}

/// The answer of an operation of the rest-json protocol.
///
/// # Errors
///
/// Fails when the output does not fit the model.
pub(crate) fn response(
    model: &ServiceModel,
    operation: &Operation,
    output: Value,
    request_id: &RequestId,
) -> Result<HttpResponse, OutputError> {
    let mut parts =
        Parts { status: operation.status(), headers: Headers::new(), body: Vec::new(), json: Map::new() };
    parts.headers.append("x-amzn-requestid", request_id.as_str());
    let structure = operation.output().and_then(|id| model.structure(id));
    let members = into_object(output, "")?;
    let Some(structure) = structure else {
        // An operation without an output answers with an empty body.
        return match members.into_iter().next() {
            None => Ok(parts.finish()),
            Some((member, _)) => Err(OutputError::UnknownMember { member }),
        };
    };
    for (name, value) in members.into_iter().filter(|(_, value)| !value.is_null()) {
        let (index, member) = find_member(structure, &name)?;
        match member.location {
            Location::Body if structure.payload == Some(index) => parts.payload(model, member, value)?,
            Location::Body => {
                let value = to_json(model, member.shape, value, member.timestamp_format, &name)?;
                parts.json.insert(member.wire_name.clone(), value);
            }
            Location::Header => parts.headers.set(&member.wire_name, &header_text(model, member, &value)?),
            Location::HeaderPrefix => {
                for (key, value) in into_object(value, &name)? {
                    let text = value.as_str().ok_or_else(|| wrong_type(&name, "a map of texts"))?;
                    parts.headers.append(&format!("{}{key}", member.wire_name), text);
                }
            }
            Location::StatusCode => {
                let status = value.as_u64().and_then(|status| u16::try_from(status).ok());
                parts.status = status.ok_or_else(|| wrong_type(&name, "an HTTP status"))?;
            }
            Location::Label | Location::Query => return Err(OutputError::UnknownMember { member: name }),
        }
    }
    if structure.payload.is_none() && has_body(parts.status) {
        parts.headers.append("content-type", "application/json");
        parts.body = serde_json::to_vec(&parts.json)?;
    }
    Ok(parts.finish())
}

struct Parts {
    status: u16,
    headers: Headers,
    body: Vec<u8>,
    json: Map<String, Value>,
}

impl Parts {
    /// The member that is the whole body.
    fn payload(&mut self, model: &ServiceModel, member: &Member, value: Value) -> Result<(), OutputError> {
        if let ShapeKind::Blob(_) = model.shape(member.shape).kind() {
            let bytes = value.as_str().and_then(|text| BASE64.decode(text).ok());
            self.body = bytes.ok_or_else(|| wrong_type(&member.name, "base64"))?;
            self.headers.append("content-type", "application/octet-stream");
        } else {
            let value = to_json(model, member.shape, value, member.timestamp_format, &member.name)?;
            self.body = serde_json::to_vec(&value)?;
            self.headers.append("content-type", "application/json");
        }
        Ok(())
    }

    fn finish(self) -> HttpResponse {
        HttpResponse { status: self.status, headers: self.headers, body: self.body }
    }
}

/// Whether a response of this status may have a body (RFC 9110, section 15.3.5).
fn has_body(status: u16) -> bool {
    status != 204
}

fn find_member<'s>(structure: &'s StructureShape, name: &str) -> Result<(usize, &'s Member), OutputError> {
    let found = structure.members.iter().enumerate().find(|(_, member)| member.name == name);
    found.ok_or_else(|| OutputError::UnknownMember { member: name.to_owned() })
}

fn into_object(value: Value, member: &str) -> Result<Map<String, Value>, OutputError> {
    match value {
        Value::Object(object) => Ok(object),
        Value::Null => Ok(Map::new()),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(wrong_type(member, "an object"))
        }
    }
}

fn header_text(model: &ServiceModel, member: &Member, value: &Value) -> Result<String, OutputError> {
    let text = match value {
        Value::String(text) if member.json_value => BASE64.encode(text),
        Value::String(text) => text.clone(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => match model.shape(member.shape).kind() {
            ShapeKind::Timestamp(format) => {
                let format = member.timestamp_format.or(*format).unwrap_or(TimestampFormat::Rfc822);
                let moment = number.as_f64().and_then(WireTimestamp::from_seconds_f64);
                let text = moment.and_then(|moment| moment.to_text(format));
                text.ok_or_else(|| wrong_type(&member.name, "a moment in seconds since 1970"))?
            }
            ShapeKind::Structure(_)
            | ShapeKind::List(_)
            | ShapeKind::Map(_)
            | ShapeKind::String(_)
            | ShapeKind::Integer(_)
            | ShapeKind::Long(_)
            | ShapeKind::Double(_)
            | ShapeKind::Boolean
            | ShapeKind::Blob(_) => number.to_string(),
        },
        Value::Null | Value::Array(_) | Value::Object(_) => {
            return Err(wrong_type(&member.name, "a header value"));
        }
    };
    // A line break would start another header (RFC 9110, section 5.5).
    let clean = text.chars().all(|character| character == '\t' || !character.is_control());
    if clean { Ok(text) } else { Err(wrong_type(&member.name, "a text without control characters")) }
}

/// Renames the members from the model to the wire, and writes moments in their format.
fn to_json(
    model: &ServiceModel,
    id: ShapeId,
    value: Value,
    format: Option<TimestampFormat>,
    name: &str,
) -> Result<Value, OutputError> {
    match model.shape(id).kind() {
        ShapeKind::Structure(structure) => {
            let mut object = Map::new();
            for (name, value) in into_object(value, name)?.into_iter().filter(|(_, value)| !value.is_null()) {
                let (_, member) = find_member(structure, &name)?;
                let value = to_json(model, member.shape, value, member.timestamp_format, &name)?;
                object.insert(member.wire_name.clone(), value);
            }
            Ok(Value::Object(object))
        }
        ShapeKind::List(list) => {
            let Value::Array(entries) = value else { return Err(wrong_type(name, "a list")) };
            let entries = entries.into_iter().map(|entry| to_json(model, list.member, entry, None, name));
            Ok(Value::Array(entries.collect::<Result<_, _>>()?))
        }
        ShapeKind::Map(map) => {
            let entries = into_object(value, name)?.into_iter();
            let entries =
                entries.map(|(key, value)| Ok((key, to_json(model, map.value, value, None, name)?)));
            Ok(Value::Object(entries.collect::<Result<_, OutputError>>()?))
        }
        ShapeKind::Timestamp(own) => {
            let format = format.or(*own).unwrap_or(TimestampFormat::UnixTimestamp);
            let moment = value.as_f64().and_then(WireTimestamp::from_seconds_f64);
            let written = moment.and_then(|moment| moment.to_json(format));
            written.ok_or_else(|| wrong_type(name, "a moment in seconds since 1970"))
        }
        ShapeKind::String(_) => keep_if(value.is_string(), value, name, "a text"),
        ShapeKind::Integer(_) | ShapeKind::Long(_) => keep_if(value.is_i64(), value, name, "a whole number"),
        ShapeKind::Double(_) => keep_if(value.is_number(), value, name, "a number"),
        ShapeKind::Boolean => keep_if(value.is_boolean(), value, name, "a boolean"),
        ShapeKind::Blob(_) => {
            let is_base64 = value.as_str().is_some_and(|text| BASE64.decode(text).is_ok());
            keep_if(is_base64, value, name, "base64")
        }
    }
}

fn keep_if(holds: bool, value: Value, name: &str, expected: &'static str) -> Result<Value, OutputError> {
    if holds { Ok(value) } else { Err(wrong_type(name, expected)) }
}

fn wrong_type(member: &str, expected: &'static str) -> OutputError {
    OutputError::WrongType { member: member.to_owned(), expected }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{Service, ServiceModels};

    fn respond(service: Service, operation: &str, output: Value) -> Result<HttpResponse, String> {
        let models = ServiceModels::embedded().unwrap();
        let model = models.get(service).unwrap();
        let operation = model.operation(operation).unwrap();
        let id = RequestId::from_random([0x11; 16]);
        response(model, operation, output, &id).map_err(|error| error.to_string())
    }

    fn check(
        service: Service,
        operation: &str,
        output: Value,
        status: u16,
        headers: &[(&str, &str)],
        body: &str,
    ) {
        let response = respond(service, operation, output).unwrap();
        let mut expected = vec![("x-amzn-requestid", "11111111-1111-4111-9111-111111111111")];
        expected.extend(headers);
        assert_eq!(response.status, status);
        assert_eq!(response.headers.iter().collect::<Vec<_>>(), expected);
        assert_eq!(String::from_utf8(response.body).unwrap(), body);
    }

    #[test]
    fn members_go_where_the_model_says() {
        let json = [("content-type", "application/json")];
        check(
            Service::Iot,
            "ListCACertificates",
            json!({"certificates": [{"certificateId": "a", "creationDate": 1.5, "status": null}], "nextMarker": null}),
            200,
            &json,
            r#"{"certificates":[{"certificateId":"a","creationDate":1.5}]}"#,
        );
        check(Service::Iot, "UpdateCACertificate", json!({}), 200, &[], "");
        check(Service::Iot, "UpdateCACertificate", Value::Null, 200, &[], "");
        check(Service::Iot, "DeleteCACertificate", json!({}), 200, &json, "{}");
        check(
            Service::Lambda,
            "CreateFunction",
            json!({"FunctionName": "f"}),
            201,
            &json,
            r#"{"FunctionName":"f"}"#,
        );
        check(
            Service::Lambda,
            "Invoke",
            json!({"StatusCode": 202, "FunctionError": "Unhandled", "Payload": BASE64.encode("{}")}),
            202,
            &[("x-amz-function-error", "Unhandled"), ("content-type", "application/octet-stream")],
            "{}",
        );
        check(Service::Lambda, "DeleteAlias", Value::Null, 204, &[], "");
        check(
            Service::IotData,
            "GetThingShadow",
            json!({"payload": BASE64.encode("{}")}),
            200,
            &[("content-type", "application/octet-stream")],
            "{}",
        );
        check(
            Service::Greengrass,
            "UpdateConnectivityInfo",
            json!({"Message": "m", "Version": "v"}),
            200,
            &json,
            r#"{"message":"m","Version":"v"}"#,
        );
    }

    #[test]
    fn what_the_model_lacks_is_an_error() {
        let check = |operation, output, expected: &str| {
            assert_eq!(respond(Service::Iot, operation, output).unwrap_err(), expected);
        };
        check("GetRegistrationCode", json!({"code": "a"}), "the model has no output member \"code\"");
        check("GetRegistrationCode", json!([]), "the output member \"\" is not an object");
        check("UpdateCertificate", json!({"a": 1}), "the model has no output member \"a\"");
        check(
            "GetRegistrationCode",
            json!({"registrationCode": 1}),
            "the output member \"registrationCode\" is not a text",
        );
        check(
            "ListCertificates",
            json!({"certificates": [{"creationDate": "x"}]}),
            "the output member \"creationDate\" is not a moment in seconds since 1970",
        );
        let error = respond(Service::Lambda, "Invoke", json!({"FunctionError": "a\r\nb: c"})).unwrap_err();
        assert_eq!(error, "the output member \"FunctionError\" is not a text without control characters");
    }
}
