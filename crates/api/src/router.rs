//! One entry for a server: from a request to the handler of its operation, and from what that returns to a response.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

use crate::binding;
use crate::error::{ApiError, ErrorCode, RequestId};
use crate::http::{HttpRequest, HttpResponse};
use crate::model::{ModelError, Operation, Protocol, Service, ServiceModel, ServiceModels};
use crate::operation::{ApiOperation, OperationKey};
use crate::output::{self, OutputError};
use crate::paging::{Cursor, PageRequest, PageTokens};
use crate::routing::{Match, RouteTable};
use crate::sts;
use crate::validation;

/// How many characters of a path a message repeats.
const SHOWN_PATH_CHARS_MAX: usize = 256;

/// All services with the handlers of the operations that are built.
///
/// `H` is whatever a server calls: the router hands it out and never calls it.
///
/// ```
/// use landfall_api::{ApiOperation, HttpRequest, RequestId, Router, registration_code::*};
///
/// type Handler = fn(GetRegistrationCodeRequest) -> GetRegistrationCodeResponse;
/// let handler: Handler = |_| GetRegistrationCodeResponse { registration_code: Some("0a1b".to_owned()) };
/// let router = Router::new([(GetRegistrationCodeRequest::KEY, handler)])?;
///
/// let request = HttpRequest::new("GET", "/registrationcode");
/// let service = router.service(&request, Some("iot"))?;
/// let call = router.resolve(&request, service)?;
/// let output = (call.handler())(call.input()?);
/// let response = router.respond(call.operation(), &output, &RequestId::from_random([0; 16]))?;
/// assert_eq!(response.body, br#"{"registrationCode":"0a1b"}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Router<H> {
    models: ServiceModels,
    tables: HashMap<Service, RouteTable>,
    handlers: HashMap<(Service, String), H>,
}

/// What is wrong with the handlers of a router.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RouterError {
    /// A model cannot be read.
    #[error("a service model cannot be loaded")]
    Model(#[from] ModelError),
    /// A handler is given for an operation that the model does not have.
    #[error("{} has no operation {:?}", .0.service.name(), .0.name)]
    UnknownOperation(OperationKey),
    /// Two handlers are given for one operation.
    #[error("{} {:?} has two handlers", .0.service.name(), .0.name)]
    TwoHandlers(OperationKey),
}

/// A request that was understood: its operation, its handler, and its checked input.
#[derive(Debug)]
pub struct Call<'r, H> {
    operation: &'r Operation,
    handler: &'r H,
    input: Value,
}

/// An operation of a service, and whether it has a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutedOperation<'r> {
    /// The service.
    pub service: Service,
    /// The name of the operation.
    pub name: &'r str,
    /// The HTTP method.
    pub method: &'r str,
    /// The path with its labels, such as `/things/{thingName}`, and the query that tells it apart.
    pub uri: String,
    /// Whether AWS advises against its use.
    pub is_deprecated: bool,
    /// Whether it has a handler; without one it is answered with 501.
    pub is_built: bool,
}

impl<H> Router<H> {
    /// A router over the embedded models.
    ///
    /// # Errors
    ///
    /// Fails when a handler's operation does not exist or has two handlers.
    pub fn new(handlers: impl IntoIterator<Item = (OperationKey, H)>) -> Result<Self, RouterError> {
        let models = ServiceModels::embedded()?;
        let mut built = HashMap::new();
        for (key, handler) in handlers {
            if models.get(key.service).and_then(|model| model.operation(key.name)).is_none() {
                return Err(RouterError::UnknownOperation(key));
            }
            if built.insert((key.service, key.name.to_owned()), handler).is_some() {
                return Err(RouterError::TwoHandlers(key));
            }
        }
        let tables = models.iter().map(|model| (model.service(), RouteTable::new(model))).collect();
        Ok(Self { models, tables, handlers: built })
    }

    /// The service that a request is for, by the service name in the scope of its signature.
    ///
    /// Older SDKs sign iot as `execute-api`, so there the path decides, as it does when there is no signature.
    ///
    /// # Errors
    ///
    /// `UnknownOperationException` when no service here has that name or answers that path.
    pub fn service(&self, request: &HttpRequest, scope: Option<&str>) -> Result<Service, ApiError> {
        let candidates: &[Service] = match scope {
            Some("iot") => return Ok(Service::Iot),
            Some("iotdata" | "iotdevicegateway") => return Ok(Service::IotData),
            Some("lambda") => return Ok(Service::Lambda),
            Some("greengrass") => return Ok(Service::Greengrass),
            Some("sts") => return Ok(Service::Sts),
            Some("execute-api") => &[Service::Iot, Service::IotData],
            Some(other) => {
                let message = format!(
                    "no service {other:?} here; requests are signed for iot, iotdata, lambda, greengrass or sts"
                );
                return Err(ApiError::new(ErrorCode::UnknownOperation, message));
            }
            None => &Service::ALL,
        };
        let answers = |service: &&Service| match service {
            Service::Sts => sts::is_query_request(request),
            Service::Iot | Service::IotData | Service::Lambda | Service::Greengrass => {
                self.find(**service, request).is_some()
            }
        };
        candidates.iter().find(answers).copied().ok_or_else(|| no_operation(request))
    }

    /// The operation that a request calls, with its input bound and checked.
    ///
    /// # Errors
    ///
    /// - 404 `UnknownOperationException` when no operation of the service answers the method and path. AWS differs
    ///   between services here (this, 403 `MissingAuthenticationTokenException`, 404 without a body); botocore raises
    ///   a `ClientError` of the code for each of them.
    /// - 501 `NotImplementedException` when the operation has no handler.
    /// - What binding and validation say: `SerializationException`, `InvalidRequestException`, or the service's word
    ///   for them.
    pub fn resolve(&self, request: &HttpRequest, service: Service) -> Result<Call<'_, H>, ApiError> {
        let model = self.models.get(service).ok_or_else(|| no_operation(request))?;
        let (operation, labels) = match model.protocol() {
            Protocol::Query => (sts::find_operation(model, request)?, Vec::new()),
            Protocol::RestJson => self.find(service, request).ok_or_else(|| no_operation(request))?,
        };
        let key = (service, operation.name().to_owned());
        let handler = self.handlers.get(&key).ok_or_else(|| not_built(operation))?;
        let input = match model.protocol() {
            Protocol::Query => Value::Object(serde_json::Map::new()),
            Protocol::RestJson => binding::bind(model, operation, &labels, request)
                .map_err(|error| error.into_api_error(service))?,
        };
        validation::validate(model, operation, &input)?;
        Ok(Call { operation, handler, input })
    }

    /// The operation of the service whose method and path the request has, if there is one. Nothing else of the request is
    /// looked at, and the operation need not be built.
    pub fn operation(&self, request: &HttpRequest, service: Service) -> Option<&Operation> {
        self.find(service, request).map(|(operation, _)| operation)
    }

    /// The response of an operation that succeeded.
    ///
    /// # Errors
    ///
    /// Fails when the output does not fit the model: a bug in the handler, to be logged and answered with
    /// `InternalFailureException`.
    pub fn respond(
        &self,
        operation: &Operation,
        output: &impl Serialize,
        request_id: &RequestId,
    ) -> Result<HttpResponse, OutputError> {
        let output = serde_json::to_value(output)?;
        let Some(model) = self.models.get(operation.service()) else {
            return Err(OutputError::UnknownMember { member: operation.name().to_owned() });
        };
        match model.protocol() {
            Protocol::RestJson => output::response(model, operation, output, request_id),
            Protocol::Query => sts::response(model, operation, &output, request_id),
        }
    }

    /// The response of a request that failed; without a service, as rest-json services answer.
    pub fn respond_error(
        &self,
        service: Option<Service>,
        error: &ApiError,
        request_id: &RequestId,
    ) -> HttpResponse {
        error.respond(service.and_then(|service| self.models.get(service)), request_id)
    }

    /// The HTTP status that an error has in a service.
    pub fn error_status(&self, service: Option<Service>, error: &ApiError) -> u16 {
        error.status(service.and_then(|service| self.models.get(service)))
    }

    /// The model of a service.
    pub fn model(&self, service: Service) -> Option<&ServiceModel> {
        self.models.get(service)
    }

    /// Whether an operation has a handler.
    pub fn is_built(&self, operation: &Operation) -> bool {
        self.handlers.contains_key(&(operation.service(), operation.name().to_owned()))
    }

    /// Every operation of every service, in the order of [`Service::ALL`] and then of their names.
    pub fn operations(&self) -> impl Iterator<Item = RoutedOperation<'_>> {
        self.models.iter().flat_map(ServiceModel::operations).map(|operation| RoutedOperation {
            service: operation.service(),
            name: operation.name(),
            method: operation.method(),
            uri: operation.uri().to_string(),
            is_deprecated: operation.is_deprecated(),
            is_built: self.is_built(operation),
        })
    }

    fn find(&self, service: Service, request: &HttpRequest) -> Option<(&Operation, Vec<(String, String)>)> {
        let model = self.models.get(service)?;
        let Match { operation, labels } = self.tables.get(&service)?.find(model, request)?;
        Some((model.operations().get(operation)?, labels))
    }
}

impl<'r, H> Call<'r, H> {
    /// The operation.
    pub fn operation(&self) -> &'r Operation {
        self.operation
    }

    /// What the server registered for the operation.
    pub fn handler(&self) -> &'r H {
        self.handler
    }

    /// The input, keyed by the member names of the model.
    pub fn value(&self) -> &Value {
        &self.input
    }

    /// The input as the wire struct of its operation.
    ///
    /// # Errors
    ///
    /// `InternalFailureException` when the struct is that of another operation.
    pub fn input<T: ApiOperation>(&self) -> Result<T, ApiError> {
        T::deserialize(&self.input).map_err(|error| {
            let message = format!("the input of {} does not fit its struct: {error}", self.operation.name());
            ApiError::new(ErrorCode::InternalFailure, message)
        })
    }

    /// The page that the input of a list asks for.
    ///
    /// # Errors
    ///
    /// `InvalidRequestException` when the token is not one that was given out for this list.
    pub fn page(&self, tokens: &PageTokens) -> Result<PageRequest, ApiError> {
        tokens.page(self.operation, &self.input)
    }

    /// The token of the page that starts after `cursor`.
    ///
    /// # Errors
    ///
    /// `InternalFailureException` when the cursor is too long for a token.
    pub fn next_token(&self, tokens: &PageTokens, cursor: &Cursor) -> Result<String, ApiError> {
        tokens.next_token(self.operation, &self.input, cursor)
    }
}

fn no_operation(request: &HttpRequest) -> ApiError {
    let path: String = request.path.chars().take(SHOWN_PATH_CHARS_MAX).collect();
    ApiError::new(ErrorCode::UnknownOperation, format!("no operation answers {} {path}", request.method))
}

fn not_built(operation: &Operation) -> ApiError {
    let (service, name) = (operation.service().name(), operation.name());
    ApiError::new(
        ErrorCode::NotImplemented,
        format!("the operation {name} of {service} is not implemented here"),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::OnceLock;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::ca_certificate::DescribeCaCertificateRequest;
    use crate::caller_identity::{GetCallerIdentityRequest, GetCallerIdentityResponse};
    use crate::thing::{ListThingsRequest, ListThingsResponse};

    fn router() -> Router<u8> {
        Router::new([
            (GetCallerIdentityRequest::KEY, 1),
            (ListThingsRequest::KEY, 2),
            (DescribeCaCertificateRequest::KEY, 3),
        ])
        .unwrap()
    }

    #[test]
    fn the_scope_names_the_service() {
        let router = router();
        let check = |request: HttpRequest, scope, expected: Result<Service, &str>| {
            let found = router.service(&request, scope).map_err(|error| error.to_string());
            assert_eq!(found, expected.map_err(str::to_owned));
        };
        let things = || HttpRequest::new("GET", "/things");
        let publish = || HttpRequest::new("POST", "/topics/a");
        check(things(), Some("iot"), Ok(Service::Iot));
        check(things(), Some("execute-api"), Ok(Service::Iot));
        check(publish(), Some("execute-api"), Ok(Service::IotData));
        check(publish(), Some("iotdevicegateway"), Ok(Service::IotData));
        check(things(), Some("iotdata"), Ok(Service::IotData));
        check(things(), None, Ok(Service::Iot));
        check(publish(), None, Ok(Service::IotData));
        check(HttpRequest::new("GET", "/2015-03-31/functions/"), None, Ok(Service::Lambda));
        check(HttpRequest::new("GET", "/greengrass/groups"), None, Ok(Service::Greengrass));
        check(HttpRequest::new("POST", "/").with_body("Action=AssumeRole"), None, Ok(Service::Sts));
        check(
            things(),
            Some("s3"),
            Err(
                "UnknownOperationException: no service \"s3\" here; requests are signed for iot, iotdata, lambda, greengrass or sts",
            ),
        );
        check(
            HttpRequest::new("GET", "/nothing"),
            None,
            Err("UnknownOperationException: no operation answers GET /nothing"),
        );
    }

    #[test]
    fn a_call_has_its_handler_and_input() {
        let router = router();
        let request = HttpRequest::new("GET", "/things?thingTypeName=t&maxResults=2");
        let call = router.resolve(&request, Service::Iot).unwrap();
        assert_eq!((call.operation().name(), *call.handler()), ("ListThings", 2));
        let input: ListThingsRequest = call.input().unwrap();
        assert_eq!((input.thing_type_name.as_deref(), input.max_results), (Some("t"), Some(2)));
        let tokens = PageTokens::new(&[1; 32]);
        let token = call.next_token(&tokens, &Cursor::Number(9)).unwrap();
        let next = ListThingsResponse { next_token: Some(token.clone()), ..ListThingsResponse::default() };
        let response = router.respond(call.operation(), &next, &RequestId::from_random([0; 16])).unwrap();
        assert_eq!(response.body, json!({"nextToken": token}).to_string().into_bytes());
        let target =
            format!("/things?thingTypeName=t&nextToken={}", crate::percent::encode(token.as_bytes(), b""));
        let request = HttpRequest::new("GET", &target);
        let page = router.resolve(&request, Service::Iot).unwrap().page(&tokens).unwrap();
        assert_eq!(page, PageRequest { after: Some(Cursor::Number(9)), size: 25 });
    }

    #[test]
    fn an_operation_is_known_before_its_body() {
        let router = router();
        let check = |service, method: &str, target: &str, expected: Option<&str>| {
            let found = router.operation(&HttpRequest::new(method, target), service);
            assert_eq!(found.map(Operation::name), expected, "{method} {target}");
        };
        check(Service::Lambda, "POST", "/2015-03-31/functions", Some("CreateFunction"));
        check(Service::Lambda, "POST", "/2015-03-31/functions/", Some("CreateFunction"));
        check(
            Service::Lambda,
            "PUT",
            "/2015-03-31/functions/arn%3Aaws%3Alambda/code",
            Some("UpdateFunctionCode"),
        );
        check(Service::Lambda, "POST", "/2015-03-31/functions/f/invocations?Qualifier=1", Some("Invoke"));
        check(Service::Lambda, "GET", "/things", None);
        check(Service::Iot, "GET", "/things", Some("ListThings"));
    }

    #[test]
    fn every_operation_is_counted_once() {
        let router = router();
        let operations: Vec<RoutedOperation<'_>> = router.operations().collect();
        let keys: BTreeSet<_> =
            operations.iter().map(|operation| (operation.service, operation.name)).collect();
        assert_eq!((operations.len(), keys.len()), (467, 467));
        assert!(operations.is_sorted_by_key(|operation| (operation.service, operation.name)));
        let built: Vec<_> = operations.iter().filter(|operation| operation.is_built).collect();
        let names: Vec<_> =
            built.iter().map(|operation| (operation.service.name(), operation.name)).collect();
        assert_eq!(
            names,
            [("iot", "DescribeCACertificate"), ("iot", "ListThings"), ("sts", "GetCallerIdentity")]
        );
        let described = RoutedOperation {
            service: Service::Iot,
            name: "DescribeCACertificate",
            method: "GET",
            uri: "/cacertificate/{caCertificateId}".to_owned(),
            is_deprecated: false,
            is_built: true,
        };
        assert_eq!(*built[0], described);
    }

    #[test]
    fn sts_goes_the_same_way() {
        let router = router();
        let request = HttpRequest::new("POST", "/").with_body("Action=GetCallerIdentity&Version=2011-06-15");
        let call = router.resolve(&request, Service::Sts).unwrap();
        assert_eq!(*call.handler(), 1);
        let _: GetCallerIdentityRequest = call.input().unwrap();
        let output = GetCallerIdentityResponse {
            user_id: Some("AKIA".to_owned()),
            account: Some("000000000000".to_owned()),
            arn: Some("arn:aws:iam::000000000000:root".to_owned()),
        };
        let response = router.respond(call.operation(), &output, &RequestId::from_random([0; 16])).unwrap();
        let xml = String::from_utf8(response.body).unwrap();
        assert!(xml.contains("<Arn>arn:aws:iam::000000000000:root</Arn>"), "{xml}");
    }

    #[test]
    fn refusals() {
        let router = router();
        let check = |method: &str, target: &str, expected: &str| {
            let error = router.resolve(&HttpRequest::new(method, target), Service::Iot).unwrap_err();
            let status = router.error_status(Some(Service::Iot), &error);
            assert_eq!(format!("{status} {error}"), expected);
        };
        check("GET", "/nothing", "404 UnknownOperationException: no operation answers GET /nothing");
        check(
            "GET",
            "/indices",
            "501 NotImplementedException: the operation ListIndices of iot is not implemented here",
        );
        check(
            "GET",
            "/cacertificate/xyz",
            "400 InvalidRequestException: 2 validation errors detected: Value 'xyz' at 'certificateId' failed to satisfy \
             constraint: Member must have length greater than or equal to 64; Value 'xyz' at 'certificateId' failed to \
             satisfy constraint: Member must satisfy regular expression pattern: (0x)?[a-fA-F0-9]+",
        );
        check(
            "GET",
            "/things?maxResults=x",
            "400 SerializationException: STRING_VALUE can not be converted to an Integer at 'maxResults'",
        );
    }

    #[test]
    fn handlers_have_to_exist_once() {
        let unknown = OperationKey { service: Service::Iot, name: "MakeCoffee" };
        assert_eq!(
            Router::new([(unknown, ())]).unwrap_err().to_string(),
            "iot has no operation \"MakeCoffee\""
        );
        let key = ListThingsRequest::KEY;
        assert_eq!(
            Router::new([(key, ()), (key, ())]).unwrap_err().to_string(),
            "iot \"ListThings\" has two handlers"
        );
    }

    /// A router with a handler for every operation, made once.
    fn whole_router() -> &'static Router<()> {
        static ROUTER: OnceLock<Router<()>> = OnceLock::new();
        ROUTER.get_or_init(|| {
            let router = Router::new([]).unwrap();
            let operations = router.models.iter().flat_map(|model| model.operations());
            let handlers = operations
                .map(|operation| ((operation.service(), operation.name().to_owned()), ()))
                .collect();
            Router { handlers, ..router }
        })
    }

    /// Bodies that are close to what operations read, with wrong turns at every level.
    fn body_strategy() -> impl Strategy<Value = Vec<u8>> {
        let leaf = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(|flag| json!(flag)),
            any::<i64>().prop_map(|number| json!(number)),
            any::<f64>().prop_map(|number| json!(number)),
            "[ -~]{0,8}".prop_map(|text| json!(text)),
        ];
        let names = prop::sample::select(vec![
            "caCertificate",
            "tags",
            "Key",
            "sql",
            "actions",
            "lambda",
            "topicRulePayload",
            "a",
        ]);
        let tree = leaf.prop_recursive(4, 24, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                prop::collection::vec((names.clone(), inner), 0..4).prop_map(|members| {
                    Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
                }),
            ]
        });
        prop_oneof![
            4 => tree.prop_map(|value| value.to_string().into_bytes()),
            1 => prop::collection::vec(any::<u8>(), 0..40),
        ]
    }

    proptest! {
        #[test]
        fn any_request_has_an_answer(
            method in prop::sample::select(vec!["GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", ""]),
            target in prop_oneof![
                ".{0,40}",
                "/(cacertificate|certificates|things|rules|policies|topics|greengrass|tags)(/[ -~]{0,12}){0,3}(\\?[ -~]{0,30})?",
                Just("/cacertificate".to_owned()),
                Just("/rules/r".to_owned()),
            ],
            header in "[ -~]{0,12}",
            body in body_strategy(),
            service in prop::sample::select(Service::ALL.to_vec()),
        ) {
            let router = whole_router();
            let request = HttpRequest::new(method, &target).with_header("x-amzn-principal", &header).with_body(body);
            if let Err(error) = router.resolve(&request, service) {
                let response = router.respond_error(Some(service), &error, &RequestId::from_random([0; 16]));
                prop_assert!((400..500).contains(&response.status), "{} {error}", response.status);
            }
            let _ = router.service(&request, None);
        }
    }
}
