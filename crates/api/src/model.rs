//! The service models: which operations there are, and how their inputs, outputs and errors travel.

mod load;

use std::collections::BTreeMap;

use crate::pattern::Pattern;
use crate::routing::UriTemplate;

pub use self::load::ModelError;

/// A service that is answered on the one port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Service {
    /// AWS IoT: the registry, certificates, policies, rules.
    Iot,
    /// AWS IoT data plane: publish, shadows.
    IotData,
    /// AWS Lambda.
    Lambda,
    /// AWS IoT Greengrass version 1.
    Greengrass,
    /// AWS Security Token Service.
    Sts,
}

/// How a service's requests and responses are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Paths, query strings, headers and JSON bodies.
    RestJson,
    /// A form with `Action` and `Version`, answered in XML.
    Query,
}

/// The models of all services.
#[derive(Debug)]
pub struct ServiceModels {
    models: Vec<ServiceModel>,
}

/// The model of one service.
#[derive(Debug)]
pub struct ServiceModel {
    service: Service,
    protocol: Protocol,
    api_version: String,
    xml_namespace: Option<String>,
    operations: Vec<Operation>,
    shapes: Vec<Shape>,
    errors: BTreeMap<String, ErrorShape>,
}

/// One operation of a service.
#[derive(Debug)]
pub struct Operation {
    pub(crate) service: Service,
    pub(crate) name: String,
    pub(crate) method: String,
    pub(crate) uri: UriTemplate,
    pub(crate) status: u16,
    pub(crate) input: Option<ShapeId>,
    pub(crate) output: Option<ShapeId>,
    pub(crate) result_wrapper: Option<String>,
    pub(crate) errors: Vec<String>,
    pub(crate) deprecated: bool,
    pub(crate) paging: Option<Paging>,
}

/// Which members of a list operation carry its token and page size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paging {
    /// The input member with the token of the page that is wanted.
    pub input: String,
    /// The output member with the token of the next page.
    pub output: String,
    /// The input member with the largest number of results on a page.
    pub limit: Option<String>,
}

/// Names a shape within its service model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShapeId(usize);

/// A type of the model.
#[derive(Debug)]
pub struct Shape {
    name: String,
    kind: ShapeKind,
    sensitive: bool,
}

/// What a shape is, with its constraints.
#[derive(Debug)]
pub enum ShapeKind {
    /// An object with named members.
    Structure(StructureShape),
    /// A list of values of one shape.
    List(ListShape),
    /// A map from strings to values of one shape.
    Map(MapShape),
    /// A text.
    String(StringShape),
    /// A whole number of 32 bits.
    Integer(NumberBounds),
    /// A whole number of 64 bits.
    Long(NumberBounds),
    /// A floating-point number.
    Double(NumberBounds),
    /// True or false.
    Boolean,
    /// A moment; the format when it is not that of the place it travels in.
    Timestamp(Option<TimestampFormat>),
    /// Bytes, with bounds on their number.
    Blob(LengthBounds),
}

/// The members of a structure.
#[derive(Debug)]
pub struct StructureShape {
    /// The members in the published order.
    pub members: Vec<Member>,
    /// Which member is the whole body, if one is: an index into `members`.
    pub payload: Option<usize>,
}

/// A list and its bounds.
#[derive(Debug)]
pub struct ListShape {
    /// The shape of every entry.
    pub member: ShapeId,
    /// Bounds on the number of entries.
    pub length: LengthBounds,
}

/// A map and its bounds.
#[derive(Debug)]
pub struct MapShape {
    /// The shape of every key.
    pub key: ShapeId,
    /// The shape of every value.
    pub value: ShapeId,
    /// Bounds on the number of entries.
    pub length: LengthBounds,
}

/// A string and its constraints.
#[derive(Debug)]
pub struct StringShape {
    /// Bounds on the number of characters.
    pub length: LengthBounds,
    /// What the whole text has to match.
    pub pattern: Option<Pattern>,
    /// The allowed values; empty when any is allowed.
    pub values: Vec<String>,
}

/// Bounds on a number of characters, bytes or entries, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LengthBounds {
    /// The smallest length allowed.
    pub min: Option<u64>,
    /// The largest length allowed.
    pub max: Option<u64>,
}

/// Bounds on a number, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct NumberBounds {
    /// The smallest value allowed.
    pub min: Option<f64>,
    /// The largest value allowed.
    pub max: Option<f64>,
}

/// A member of a structure.
#[derive(Debug)]
pub struct Member {
    /// The name in the model, by which handlers know it.
    pub name: String,
    /// The name on the wire: of the JSON key, query parameter, label or header.
    pub wire_name: String,
    /// Where it travels.
    pub location: Location,
    /// Its shape.
    pub shape: ShapeId,
    /// Whether a request without it is refused.
    pub required: bool,
    /// The format of a moment, when it is not that of the place it travels in.
    pub timestamp_format: Option<TimestampFormat>,
    /// Whether a header carries a JSON text in base64.
    pub json_value: bool,
}

/// Where a member of an input or output travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Location {
    /// In the JSON body.
    Body,
    /// In the path.
    Label,
    /// In the query string.
    Query,
    /// In a header.
    Header,
    /// In all headers whose names start with the wire name.
    HeaderPrefix,
    /// It is the status code of the response.
    StatusCode,
}

/// How a moment is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampFormat {
    /// As in 2026-01-02T03:04:05Z.
    Iso8601,
    /// As in Fri, 02 Jan 2026 03:04:05 GMT.
    Rfc822,
    /// As seconds since 1970 with a fraction.
    UnixTimestamp,
}

/// An error of the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorShape {
    /// The HTTP status that it is sent with.
    pub status: u16,
    /// The members of its body, by their names on the wire.
    pub members: Vec<String>,
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 5] = [Self::Iot, Self::IotData, Self::Lambda, Self::Greengrass, Self::Sts];

    /// The name by which the AWS SDKs and the AWS CLI know the service.
    pub fn name(self) -> &'static str {
        match self {
            Self::Iot => "iot",
            Self::IotData => "iot-data",
            Self::Lambda => "lambda",
            Self::Greengrass => "greengrass",
            Self::Sts => "sts",
        }
    }
}

impl ServiceModels {
    /// Reads the models that are part of this crate.
    ///
    /// # Errors
    ///
    /// Fails when a model contradicts itself. The tests load every model, so this happens to a developer only.
    pub fn embedded() -> Result<Self, ModelError> {
        let models = Service::ALL
            .into_iter()
            .map(|service| load::load(service, embedded_text(service), embedded_additions(service)));
        Ok(Self { models: models.collect::<Result<_, _>>()? })
    }

    /// The model of a service; `None` when it was not loaded.
    pub fn get(&self, service: Service) -> Option<&ServiceModel> {
        self.models.iter().find(|model| model.service == service)
    }

    /// All models.
    pub fn iter(&self) -> impl Iterator<Item = &ServiceModel> {
        self.models.iter()
    }
}

impl ServiceModel {
    /// The service that the model describes.
    pub fn service(&self) -> Service {
        self.service
    }

    /// How its requests and responses are written.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The version of the API, a date.
    pub fn api_version(&self) -> &str {
        &self.api_version
    }

    /// The namespace of XML answers.
    pub fn xml_namespace(&self) -> Option<&str> {
        self.xml_namespace.as_deref()
    }

    /// All operations, sorted by name.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The operation of this name.
    pub fn operation(&self, name: &str) -> Option<&Operation> {
        let index = self.operations.binary_search_by(|operation| operation.name.as_str().cmp(name)).ok()?;
        self.operations.get(index)
    }

    /// All shapes.
    pub fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    /// The shape of this id.
    pub fn shape(&self, id: ShapeId) -> &Shape {
        // Ids are made by the loader, which checks that each one is an index into this list.
        &self.shapes[id.0]
    }

    /// The structure of this id; `None` when the shape is something else.
    pub fn structure(&self, id: ShapeId) -> Option<&StructureShape> {
        match self.shape(id).kind() {
            ShapeKind::Structure(structure) => Some(structure),
            ShapeKind::List(_)
            | ShapeKind::Map(_)
            | ShapeKind::String(_)
            | ShapeKind::Integer(_)
            | ShapeKind::Long(_)
            | ShapeKind::Double(_)
            | ShapeKind::Boolean
            | ShapeKind::Timestamp(_)
            | ShapeKind::Blob(_) => None,
        }
    }

    /// The error of this code, if the model has it.
    pub fn error(&self, code: &str) -> Option<&ErrorShape> {
        self.errors.get(code)
    }

    /// All errors of the model by their codes.
    pub fn errors(&self) -> impl Iterator<Item = (&str, &ErrorShape)> {
        self.errors.iter().map(|(code, shape)| (code.as_str(), shape))
    }
}

impl Operation {
    /// The service it belongs to.
    pub fn service(&self) -> Service {
        self.service
    }

    /// Its name, such as `RegisterCACertificate`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The HTTP method, in upper case.
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The path, with its labels, and the query that tells it apart.
    pub fn uri(&self) -> &UriTemplate {
        &self.uri
    }

    /// The HTTP status of a successful answer.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The structure that a request carries.
    pub fn input(&self) -> Option<ShapeId> {
        self.input
    }

    /// The structure that an answer carries.
    pub fn output(&self) -> Option<ShapeId> {
        self.output
    }

    /// The XML element around the result, in the query protocol.
    pub fn result_wrapper(&self) -> Option<&str> {
        self.result_wrapper.as_deref()
    }

    /// The codes of the errors that the model lists for it.
    pub fn errors(&self) -> &[String] {
        &self.errors
    }

    /// Whether AWS advises against its use.
    pub fn is_deprecated(&self) -> bool {
        self.deprecated
    }

    /// How its results are paged, if they are.
    pub fn paging(&self) -> Option<&Paging> {
        self.paging.as_ref()
    }
}

impl Shape {
    /// Its name in the model.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is.
    pub fn kind(&self) -> &ShapeKind {
        &self.kind
    }

    /// Whether its values must not be repeated in messages.
    pub fn is_sensitive(&self) -> bool {
        self.sensitive
    }
}

impl StructureShape {
    /// The member that is the whole body, if one is.
    pub fn payload_member(&self) -> Option<&Member> {
        self.payload.and_then(|index| self.members.get(index))
    }
}

fn embedded_text(service: Service) -> &'static str {
    match service {
        Service::Iot => include_str!("../models/iot.json"),
        Service::IotData => include_str!("../models/iot-data.json"),
        Service::Lambda => include_str!("../models/lambda.json"),
        Service::Greengrass => include_str!("../models/greengrass.json"),
        Service::Sts => include_str!("../models/sts.json"),
    }
}

/// What Landfall has in its operations that AWS has not.
fn embedded_additions(service: Service) -> Option<&'static str> {
    match service {
        Service::Iot => Some(include_str!("../models/iot-additions.json")),
        Service::IotData | Service::Lambda | Service::Greengrass | Service::Sts => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_models_are_complete() {
        let models = ServiceModels::embedded().unwrap();
        let counts: Vec<_> = models
            .iter()
            .map(|model| (model.service().name(), model.operations().len(), model.errors.len()))
            .collect();
        assert_eq!(
            counts,
            [
                ("iot", 272, 33),
                ("iot-data", 11, 12),
                ("lambda", 91, 58),
                ("greengrass", 92, 2),
                ("sts", 1, 0)
            ]
        );
    }

    #[test]
    fn an_operation_has_its_details() {
        let models = ServiceModels::embedded().unwrap();
        let iot = models.get(Service::Iot).unwrap();
        let operation = iot.operation("ListAttachedPolicies").unwrap();
        assert_eq!((operation.method(), operation.status()), ("POST", 200));
        assert_eq!(
            operation.paging().unwrap(),
            &Paging {
                input: "marker".to_owned(),
                output: "nextMarker".to_owned(),
                limit: Some("pageSize".to_owned()),
            }
        );
        assert!(!operation.is_deprecated());
        assert!(iot.operation("AttachPrincipalPolicy").unwrap().is_deprecated());
        assert!(operation.errors().contains(&"ResourceNotFoundException".to_owned()));
        let input = iot.structure(operation.input().unwrap()).unwrap();
        let target = &input.members[0];
        assert_eq!(
            (target.name.as_str(), target.location, target.required),
            ("target", Location::Label, true)
        );
        assert!(iot.operation("ListAttachedPolicie").is_none());
        let lambda = models.get(Service::Lambda).unwrap();
        assert_eq!(lambda.operation("CreateFunction").unwrap().status(), 201);
    }

    #[test]
    fn a_topic_rule_can_have_an_action_that_aws_lacks() {
        let models = ServiceModels::embedded().unwrap();
        let iot = models.get(Service::Iot).unwrap();
        let action = iot.shapes().iter().find(|shape| shape.name() == "Action").unwrap();
        let ShapeKind::Structure(action) = action.kind() else { panic!("{action:?}") };
        let member = |name: &str| action.members.iter().find(|member| member.name == name).unwrap();
        assert_eq!(iot.shape(member("exec").shape).name(), "ExecAction");
        assert_eq!(iot.shape(member("lambda").shape).name(), "LambdaAction");
    }
}
