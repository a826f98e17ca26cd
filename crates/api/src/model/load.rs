//! Reads a trimmed model, as `cargo xtask import-model` writes it, and resolves the names in it.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;

use super::{
    ErrorShape, LengthBounds, ListShape, Location, MapShape, Member, NumberBounds, Operation, Paging,
    Protocol, Service, ServiceModel, Shape, ShapeId, ShapeKind, StringShape, StructureShape, TimestampFormat,
};
use crate::pattern::Pattern;
use crate::routing::UriTemplate;

/// What is wrong with a service model.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The text is not a model.
    #[error("the model of {service} cannot be read")]
    Unreadable {
        /// Whose model it is.
        service: &'static str,
        /// Where the text went wrong.
        source: serde_json::Error,
    },
    /// An addition to the model is there already, or is to what is not there.
    #[error("the additions to the model of {service} have {name:?}, {problem}")]
    Addition {
        /// Whose model it is.
        service: &'static str,
        /// The shape or member.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A part of the model has something that this program does not know, or names a shape that is not there.
    #[error("the model of {service} has {found} in {place}, expected {expected}")]
    Unexpected {
        /// Whose model it is.
        service: &'static str,
        /// The operation or shape.
        place: String,
        /// What stands there.
        found: String,
        /// What would be right.
        expected: &'static str,
    },
}

/// Reads the model of a service, with what Landfall adds to it.
pub(super) fn load(
    service: Service,
    text: &str,
    additions: Option<&str>,
) -> Result<ServiceModel, ModelError> {
    let unreadable = |source| ModelError::Unreadable { service: service.name(), source };
    let mut file: ModelFile = serde_json::from_str(text).map_err(unreadable)?;
    if let Some(additions) = additions {
        file.add(service, serde_json::from_str(additions).map_err(unreadable)?)?;
    }
    let ids = file.shapes.keys().enumerate().map(|(index, name)| (name.as_str(), ShapeId(index))).collect();
    let names = Names { service, ids };

    let mut shapes = Vec::with_capacity(file.shapes.len());
    let mut errors = BTreeMap::new();
    for (name, value) in &file.shapes {
        let entry = ShapeEntry::deserialize(value).map_err(|error| {
            names.unexpected(name, &error.to_string(), "a shape as the importer writes it")
        })?;
        if let Some(error) = &entry.error {
            let members =
                entry.members.iter().map(|(name, value)| wire_name(name, value).to_owned()).collect();
            errors.insert(name.clone(), ErrorShape { status: error.http_status_code, members });
        }
        shapes.push(names.shape(name, entry)?);
    }

    let mut operations = Vec::with_capacity(file.operations.len());
    for (name, entry) in file.operations {
        operations.push(names.operation(name, entry)?);
    }
    operations.sort_by(|a, b| a.name.cmp(&b.name));

    let protocol = match file.service.protocol.as_str() {
        "rest-json" => Protocol::RestJson,
        "query" => Protocol::Query,
        other => return Err(names.unexpected("service.protocol", other, "rest-json or query")),
    };
    let ServiceEntry { api_version, xml_namespace, .. } = file.service;
    Ok(ServiceModel { service, protocol, api_version, xml_namespace, operations, shapes, errors })
}

#[derive(Deserialize)]
struct ModelFile {
    service: ServiceEntry,
    operations: BTreeMap<String, OperationEntry>,
    shapes: Map<String, Value>,
}

/// What Landfall adds to a model: members to structures that are there, and shapes.
#[derive(Deserialize)]
struct AdditionsFile {
    members: BTreeMap<String, Map<String, Value>>,
    shapes: Map<String, Value>,
}

impl ModelFile {
    /// Adds what is not there yet, and nothing else: an import of the model must not lose or change the meaning of it.
    fn add(&mut self, service: Service, additions: AdditionsFile) -> Result<(), ModelError> {
        let AdditionsFile { members, shapes } = additions;
        let refuse = |name: &str, problem: &'static str| {
            Err(ModelError::Addition { service: service.name(), name: name.to_owned(), problem })
        };
        for (structure, added) in members {
            let shape = self.shapes.get_mut(&structure);
            let Some(present) = shape.and_then(|shape| shape.get_mut("members")?.as_object_mut()) else {
                return refuse(&structure, "which is no structure of the model");
            };
            for (name, reference) in added {
                if present.insert(name.clone(), reference).is_some() {
                    return refuse(&name, "which the structure has already");
                }
            }
        }
        for (name, shape) in shapes {
            if self.shapes.insert(name.clone(), shape).is_some() {
                return refuse(&name, "which the model has already");
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServiceEntry {
    protocol: String,
    api_version: String,
    xml_namespace: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OperationEntry {
    method: String,
    request_uri: String,
    #[serde(default = "status_ok")]
    response_code: u16,
    input: Option<String>,
    output: Option<String>,
    result_wrapper: Option<String>,
    #[serde(default)]
    errors: Vec<String>,
    #[serde(default)]
    deprecated: bool,
    paging: Option<PagingEntry>,
}

#[derive(Deserialize)]
struct PagingEntry {
    input: String,
    output: String,
    limit: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ShapeEntry {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    members: Map<String, Value>,
    #[serde(default)]
    required: Vec<String>,
    payload: Option<String>,
    member: Option<Value>,
    key: Option<Value>,
    value: Option<Value>,
    min: Option<f64>,
    max: Option<f64>,
    pattern: Option<String>,
    #[serde(default, rename = "enum")]
    values: Vec<String>,
    #[serde(default)]
    sensitive: bool,
    timestamp_format: Option<String>,
    error: Option<ErrorEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ErrorEntry {
    http_status_code: u16,
}

fn status_ok() -> u16 {
    200
}

/// The `requestUri` of an operation, where a service takes more than its model says.
///
/// The SDKs encode the slashes of a topic. What AWS's own HTTPS sample sends does not, nor do people with curl: for them the
/// label of `Publish` takes the rest of the path.
fn request_uri<'u>(service: Service, operation: &str, modelled: &'u str) -> &'u str {
    match (service, operation, modelled) {
        (Service::IotData, "Publish", "/topics/{topic}") => "/topics/{topic+}",
        _ => modelled,
    }
}

/// Resolves names of shapes.
struct Names<'a> {
    service: Service,
    ids: HashMap<&'a str, ShapeId>,
}

impl Names<'_> {
    fn unexpected(&self, place: &str, found: &str, expected: &'static str) -> ModelError {
        let service = self.service.name();
        ModelError::Unexpected { service, place: place.to_owned(), found: found.to_owned(), expected }
    }

    fn id(&self, place: &str, name: &str) -> Result<ShapeId, ModelError> {
        let known = self.ids.get(name).copied();
        known.ok_or_else(|| self.unexpected(place, name, "the name of a shape"))
    }

    fn operation(&self, name: String, entry: OperationEntry) -> Result<Operation, ModelError> {
        let shape = |shape: Option<String>| shape.map(|shape| self.id(&name, &shape)).transpose();
        let paging = entry.paging.map(|PagingEntry { input, output, limit }| Paging { input, output, limit });
        Ok(Operation {
            service: self.service,
            method: entry.method,
            uri: UriTemplate::parse(request_uri(self.service, &name, &entry.request_uri)),
            status: entry.response_code,
            input: shape(entry.input)?,
            output: shape(entry.output)?,
            result_wrapper: entry.result_wrapper,
            errors: entry.errors,
            deprecated: entry.deprecated,
            paging,
            name,
        })
    }

    fn shape(&self, name: &str, entry: ShapeEntry) -> Result<Shape, ModelError> {
        let sensitive = entry.sensitive;
        let numbers = NumberBounds { min: entry.min, max: entry.max };
        let kind = match entry.kind.as_str() {
            "structure" => ShapeKind::Structure(self.structure(name, entry)?),
            "list" => {
                let member = self.reference(name, entry.member.as_ref())?;
                ShapeKind::List(ListShape { member, length: self.length(name, &entry)? })
            }
            "map" => {
                let key = self.reference(name, entry.key.as_ref())?;
                let value = self.reference(name, entry.value.as_ref())?;
                ShapeKind::Map(MapShape { key, value, length: self.length(name, &entry)? })
            }
            "string" => {
                let length = self.length(name, &entry)?;
                let pattern = entry.pattern.as_deref().map(Pattern::new);
                ShapeKind::String(StringShape { length, pattern, values: entry.values })
            }
            "integer" => ShapeKind::Integer(numbers),
            "long" => ShapeKind::Long(numbers),
            "double" | "float" => ShapeKind::Double(numbers),
            "boolean" => ShapeKind::Boolean,
            "timestamp" => ShapeKind::Timestamp(self.format(name, entry.timestamp_format.as_deref())?),
            "blob" => ShapeKind::Blob(self.length(name, &entry)?),
            other => return Err(self.unexpected(name, other, "a type of the models")),
        };
        Ok(Shape { name: name.to_owned(), kind, sensitive })
    }

    fn structure(&self, name: &str, entry: ShapeEntry) -> Result<StructureShape, ModelError> {
        let mut members = Vec::with_capacity(entry.members.len());
        for (member, reference) in &entry.members {
            let text = |key: &str| reference.get(key).and_then(Value::as_str);
            members.push(Member {
                name: member.clone(),
                wire_name: wire_name(member, reference).to_owned(),
                location: self.location(name, text("location"))?,
                shape: self.reference(name, Some(reference))?,
                required: entry.required.contains(member),
                timestamp_format: self.format(name, text("timestampFormat"))?,
                json_value: reference.get("jsonvalue").and_then(Value::as_bool).unwrap_or(false),
            });
        }
        let index = |payload: String| {
            let found = members.iter().position(|member| member.name == payload);
            found.ok_or_else(|| self.unexpected(name, &payload, "the name of a member"))
        };
        let payload = entry.payload.map(index).transpose()?;
        Ok(StructureShape { members, payload })
    }

    /// A reference is the name of a shape, or an object with that name in `shape`.
    fn reference(&self, place: &str, reference: Option<&Value>) -> Result<ShapeId, ModelError> {
        let name =
            reference.and_then(|reference| reference.as_str().or_else(|| reference.get("shape")?.as_str()));
        self.id(place, name.ok_or_else(|| self.unexpected(place, "nothing", "a reference to a shape"))?)
    }

    fn location(&self, place: &str, location: Option<&str>) -> Result<Location, ModelError> {
        match location {
            None => Ok(Location::Body),
            Some("uri") => Ok(Location::Label),
            Some("querystring") => Ok(Location::Query),
            Some("header") => Ok(Location::Header),
            Some("headers") => Ok(Location::HeaderPrefix),
            Some("statusCode") => Ok(Location::StatusCode),
            Some(other) => Err(self.unexpected(place, other, "a location of the models")),
        }
    }

    fn format(&self, place: &str, format: Option<&str>) -> Result<Option<TimestampFormat>, ModelError> {
        match format {
            None => Ok(None),
            Some("iso8601") => Ok(Some(TimestampFormat::Iso8601)),
            Some("rfc822") => Ok(Some(TimestampFormat::Rfc822)),
            Some("unixTimestamp") => Ok(Some(TimestampFormat::UnixTimestamp)),
            Some(other) => Err(self.unexpected(place, other, "a timestamp format")),
        }
    }

    fn length(&self, place: &str, entry: &ShapeEntry) -> Result<LengthBounds, ModelError> {
        let bound = |bound: Option<f64>| match bound {
            None => Ok(None),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked by the guard"
            )]
            Some(value) if value >= 0.0 && value.fract() == 0.0 && value < 1e15 => Ok(Some(value as u64)),
            Some(value) => Err(self.unexpected(place, &value.to_string(), "a length")),
        };
        Ok(LengthBounds { min: bound(entry.min)?, max: bound(entry.max)? })
    }
}

fn wire_name<'a>(member: &'a str, reference: &'a Value) -> &'a str {
    reference.get("locationName").and_then(Value::as_str).unwrap_or(member)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_shapes(shapes: &str) -> Result<ServiceModel, ModelError> {
        let text = format!(
            r#"{{"service":{{"protocol":"rest-json","apiVersion":"1"}},"operations":{{}},"shapes":{shapes}}}"#
        );
        load(Service::Iot, &text, None)
    }

    #[test]
    fn an_addition_must_be_one() {
        let model = r#"{"service":{"protocol":"rest-json","apiVersion":"1"},"operations":{},
            "shapes":{"A":{"type":"structure","members":{"x":"S"}},"S":{"type":"string"}}}"#;
        let load_with = |members: &str, shapes: &str| {
            let additions = format!(r#"{{"members":{members},"shapes":{shapes}}}"#);
            load(Service::Iot, model, Some(&additions))
        };
        let model = load_with(r#"{"A":{"y":"T"}}"#, r#"{"T":{"type":"boolean"}}"#).unwrap();
        let structure = model.structure(ShapeId(0)).unwrap();
        let names: Vec<_> = structure.members.iter().map(|member| member.name.as_str()).collect();
        assert_eq!(names, ["x", "y"]);
        for (members, shapes, expected) in [
            (
                r#"{"A":{"x":"S"}}"#,
                "{}",
                r#"additions to the model of iot have "x", which the structure has already"#,
            ),
            (
                r#"{"B":{"x":"S"}}"#,
                "{}",
                r#"additions to the model of iot have "B", which is no structure of the model"#,
            ),
            (
                r#"{"S":{"x":"S"}}"#,
                "{}",
                r#"additions to the model of iot have "S", which is no structure of the model"#,
            ),
            (
                "{}",
                r#"{"S":{"type":"string"}}"#,
                r#"additions to the model of iot have "S", which the model has already"#,
            ),
            (r#"{"A":{"y":"T"}}"#, "{}", "model of iot has T in A, expected the name of a shape"),
        ] {
            assert_eq!(load_with(members, shapes).unwrap_err().to_string(), format!("the {expected}"));
        }
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        let check = |shapes: &str, expected: &str| {
            assert_eq!(load_shapes(shapes).unwrap_err().to_string(), format!("the model of iot {expected}"));
        };
        check("[]", "cannot be read");
        check(r#"{"A":{"type":"bignum"}}"#, "has bignum in A, expected a type of the models");
        check(r#"{"A":{"type":"list"}}"#, "has nothing in A, expected a reference to a shape");
        check(r#"{"A":{"type":"list","member":"B"}}"#, "has B in A, expected the name of a shape");
        check(r#"{"A":{"type":"string","min":-1}}"#, "has -1 in A, expected a length");
        check(r#"{"A":{"type":"structure","payload":"x"}}"#, "has x in A, expected the name of a member");
        check(
            r#"{"A":{"type":"structure","members":{"x":{"shape":"A","location":"moon"}}}}"#,
            "has moon in A, expected a location of the models",
        );
        check(
            r#"{"A":{"type":"timestamp","timestampFormat":"sundial"}}"#,
            "has sundial in A, expected a timestamp format",
        );
    }

    #[test]
    fn a_shape_may_contain_itself() {
        let model = load_shapes(r#"{"A":{"type":"structure","members":{"x":"A"}}}"#).unwrap();
        let structure = model.structure(ShapeId(0)).unwrap();
        assert_eq!(structure.members[0].shape, ShapeId(0));
    }
}
