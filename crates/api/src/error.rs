//! Errors as an API answers them: a code, a message, and a status that the service's model gives.

use std::fmt;

use serde_json::{Map, Value};

use crate::http::{Headers, HttpResponse};
use crate::model::{Protocol, Service, ServiceModel};
use crate::sts;

/// The error that an operation answers with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    code: ErrorCode,
    message: String,
    resource_id: Option<String>,
    resource_arn: Option<String>,
}

impl ApiError {
    /// An error of this code; the message is for the caller.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), resource_id: None, resource_arn: None }
    }

    /// The same error, naming the resource that is in the way; sent where the error's model has these members.
    #[must_use]
    pub fn with_resource(mut self, id: impl Into<String>, arn: impl Into<String>) -> Self {
        self.resource_id = Some(id.into());
        self.resource_arn = Some(arn.into());
        self
    }

    /// The code.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The same error in the words of a service: what every service can answer has a code of its own in some.
    #[must_use]
    pub fn in_words_of(self, service: Option<Service>) -> Self {
        Self { code: service.map_or(self.code, |service| self.code.in_words_of(service)), ..self }
    }

    /// What is wrong, for the caller.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The HTTP status that a service sends it with.
    pub fn status(&self, model: Option<&ServiceModel>) -> u16 {
        // Services differ: ThrottlingException is 400 of iot and 429 of iot-data.
        let modelled = model.and_then(|model| model.error(self.code.name()));
        modelled.map_or(self.code.status(), |shape| shape.status)
    }

    /// The response in the protocol of the service; without a service, as rest-json services answer.
    pub(crate) fn respond(&self, model: Option<&ServiceModel>, request_id: &RequestId) -> HttpResponse {
        let status = self.status(model);
        match model {
            Some(model) if model.protocol() == Protocol::Query => {
                sts::error_response(model, self.code.query_name(), &self.message, status, request_id)
            }
            _ => self.json_response(model, status, request_id),
        }
    }

    fn json_response(
        &self,
        model: Option<&ServiceModel>,
        status: u16,
        request_id: &RequestId,
    ) -> HttpResponse {
        let shape = model.and_then(|model| model.error(self.code.name()));
        let members = shape.map_or(&[][..], |shape| shape.members.as_slice());
        // A few errors of lambda and greengrass spell the member `Message`.
        let message = members.iter().find(|member| member.eq_ignore_ascii_case("message"));
        let mut body = Map::new();
        // Errors of lambda say whose fault it is.
        if members.iter().any(|member| member == "Type") {
            body.insert("Type".to_owned(), Value::from(if status < 500 { "User" } else { "Service" }));
        }
        body.insert(message.map_or("message", String::as_str).to_owned(), Value::from(self.message.as_str()));
        for (name, value) in [("resourceId", &self.resource_id), ("resourceArn", &self.resource_arn)] {
            if let Some(value) = value.as_ref().filter(|_| members.iter().any(|member| member == name)) {
                body.insert(name.to_owned(), Value::from(value.as_str()));
            }
        }
        let mut headers = Headers::new();
        headers.append("content-type", "application/json");
        headers.append("x-amzn-errortype", self.code.name());
        headers.append("x-amzn-requestid", request_id.as_str());
        HttpResponse { status, headers, body: Value::Object(body).to_string().into_bytes() }
    }
}

/// Names one request in answers and logs; a UUID as AWS writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// The id of 16 random bytes, as a version 4 UUID (RFC 9562, section 5.4).
    pub fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let digits = hex::encode(bytes);
        let groups = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| digits.get(range).unwrap_or_default());
        Self(groups.join("-"))
    }

    /// The text of the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! error_codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $status:literal;)*) => {
        /// The codes of the errors that this server answers with.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)*
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code on the wire, in rest-json services.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The HTTP status where the service's model does not say otherwise.
            pub fn status(self) -> u16 {
                match self {
                    $(Self::$variant => $status,)*
                }
            }
        }
    };
}

error_codes! {
    /// iot: the certificate is registered under another CA or as another one.
    CertificateConflict = "CertificateConflictException", 409;
    /// iot: the certificate's status does not allow the operation.
    CertificateState = "CertificateStateException", 406;
    /// iot: the certificate is not valid.
    CertificateValidation = "CertificateValidationException", 400;
    /// iot, iot-data: a conflicting change.
    Conflict = "ConflictException", 409;
    /// iot: a conflicting change is under way.
    ConflictingResourceUpdate = "ConflictingResourceUpdateException", 409;
    /// iot: something is still attached to what would be deleted.
    DeleteConflict = "DeleteConflictException", 409;
    /// iot: the index is not ready.
    IndexNotReady = "IndexNotReadyException", 400;
    /// iot: an unexpected failure, in the words of a few operations.
    Internal = "InternalException", 500;
    /// iot, iot-data: an unexpected failure.
    InternalFailure = "InternalFailureException", 500;
    /// iot: an unexpected failure, in the words of a few operations.
    InternalServer = "InternalServerException", 500;
    /// iot: the aggregation is not valid.
    InvalidAggregation = "InvalidAggregationException", 400;
    /// iot: the query is not valid.
    InvalidQuery = "InvalidQueryException", 400;
    /// iot, iot-data: the request is not valid.
    InvalidRequest = "InvalidRequestException", 400;
    /// iot: the response of another party is not valid.
    InvalidResponse = "InvalidResponseException", 400;
    /// iot: the state does not allow the change.
    InvalidStateTransition = "InvalidStateTransitionException", 409;
    /// iot: a limit has been reached.
    LimitExceeded = "LimitExceededException", 410;
    /// iot: the policy document is not valid.
    MalformedPolicy = "MalformedPolicyException", 400;
    /// iot: the resource is not configured.
    NotConfigured = "NotConfiguredException", 404;
    /// iot: the registration code is not valid.
    RegistrationCodeValidation = "RegistrationCodeValidationException", 400;
    /// iot: the resource already exists.
    ResourceAlreadyExists = "ResourceAlreadyExistsException", 409;
    /// iot, iot-data, lambda: the resource does not exist.
    ResourceNotFound = "ResourceNotFoundException", 404;
    /// iot: the resource registration failed.
    ResourceRegistrationFailure = "ResourceRegistrationFailureException", 400;
    /// iot, lambda: a quota has been reached.
    ServiceQuotaExceeded = "ServiceQuotaExceededException", 402;
    /// iot, iot-data: the service is not available for now.
    ServiceUnavailable = "ServiceUnavailableException", 503;
    /// iot: the rule's SQL does not parse.
    SqlParse = "SqlParseException", 400;
    /// iot: the task already exists.
    TaskAlreadyExists = "TaskAlreadyExistsException", 400;
    /// iot, iot-data: too many requests.
    Throttling = "ThrottlingException", 400;
    /// iot: the transfer is already completed.
    TransferAlreadyCompleted = "TransferAlreadyCompletedException", 410;
    /// iot: a transfer is under way.
    TransferConflict = "TransferConflictException", 409;
    /// iot, iot-data: the caller may not do this.
    Unauthorized = "UnauthorizedException", 401;
    /// iot, lambda: a member breaks a constraint.
    Validation = "ValidationException", 400;
    /// iot: the version is not the current one.
    VersionConflict = "VersionConflictException", 409;
    /// iot: there are as many versions as there may be.
    VersionsLimitExceeded = "VersionsLimitExceededException", 409;

    /// iot-data: the caller may not do this.
    Forbidden = "ForbiddenException", 403;
    /// iot-data: the device did not answer in time.
    GatewayTimeout = "GatewayTimeoutException", 504;
    /// iot-data: the method is not allowed.
    MethodNotAllowed = "MethodNotAllowedException", 405;
    /// iot-data: the payload is too large.
    RequestEntityTooLarge = "RequestEntityTooLargeException", 413;
    /// iot-data: the document is not UTF-8.
    UnsupportedDocumentEncoding = "UnsupportedDocumentEncodingException", 415;

    /// greengrass: the request is not valid.
    BadRequest = "BadRequestException", 400;
    /// greengrass: the group or definition does not exist.
    IdNotFound = "IdNotFoundException", 404;
    /// greengrass: the account has no service role; the code at AWS is the status.
    NoServiceRole = "404", 404;
    /// greengrass: the version of the group or definition does not exist.
    VersionNotFound = "VersionNotFoundException", 404;
    /// greengrass: an unexpected failure.
    InternalServerError = "InternalServerErrorException", 500;

    /// lambda: there is no room for more code.
    CodeStorageExceeded = "CodeStorageExceededException", 400;
    /// lambda: the body is not what the operation reads.
    InvalidRequestContent = "InvalidRequestContentException", 400;
    /// lambda: a parameter has a value that is not valid.
    InvalidParameterValue = "InvalidParameterValueException", 400;
    /// lambda: what would run the function is not there.
    InvalidRuntime = "InvalidRuntimeException", 502;
    /// lambda: the policy of the function is too long.
    PolicyLengthExceeded = "PolicyLengthExceededException", 400;
    /// lambda: the revision is not the one that the caller expects.
    PreconditionFailed = "PreconditionFailedException", 412;
    /// lambda: the payload is too large.
    RequestTooLarge = "RequestTooLargeException", 413;
    /// lambda: the resource exists already, or another operation is under way.
    ResourceConflict = "ResourceConflictException", 409;
    /// lambda: an unexpected failure.
    Service = "ServiceException", 500;
    /// lambda: too many requests.
    TooManyRequests = "TooManyRequestsException", 429;

    /// Every service: the caller may not do this.
    AccessDenied = "AccessDeniedException", 403;
    /// Every service: the request has no signature.
    MissingAuthenticationToken = "MissingAuthenticationTokenException", 403;
    /// Every service: the signature is incomplete or of a kind that is not accepted.
    IncompleteSignature = "IncompleteSignatureException", 400;
    /// Every service: the signature is not that of the request, or it has expired.
    InvalidSignature = "InvalidSignatureException", 403;
    /// Every service: the access key is not known.
    UnrecognizedClient = "UnrecognizedClientException", 403;
    /// Every service: the body or a parameter cannot be read.
    Serialization = "SerializationException", 400;
    /// Every service: no operation answers this method and path.
    UnknownOperation = "UnknownOperationException", 404;
    /// The operation exists at AWS and is not built here.
    NotImplemented = "NotImplementedException", 501;
}

impl ErrorCode {
    /// The code that a service has for the same; the SDKs know an error by its code only if its service has it.
    pub fn in_words_of(self, service: Service) -> Self {
        let own: &[(Self, Self)] = match service {
            Service::Lambda => &[
                (Self::InvalidRequest, Self::InvalidParameterValue),
                (Self::RequestEntityTooLarge, Self::RequestTooLarge),
                (Self::InternalFailure, Self::Service),
            ],
            Service::Greengrass => &[
                (Self::InvalidRequest, Self::BadRequest),
                (Self::ResourceNotFound, Self::IdNotFound),
                (Self::InternalFailure, Self::InternalServerError),
            ],
            Service::Iot | Service::IotData | Service::Sts => &[],
        };
        own.iter().find(|(code, _)| *code == self).map_or(self, |(_, own)| *own)
    }

    /// The code on the wire, in services of the query protocol.
    pub fn query_name(self) -> &'static str {
        // The query protocol has names of its own for the errors that every service has in common; else a code is
        // the same without its ending.
        let own = [
            (Self::InvalidSignature, "SignatureDoesNotMatch"),
            (Self::UnrecognizedClient, "InvalidClientTokenId"),
            (Self::UnknownOperation, "InvalidAction"),
            (Self::Validation, "ValidationError"),
            (Self::InvalidRequest, "ValidationError"),
            (Self::Serialization, "MalformedInput"),
        ];
        let found = own.into_iter().find(|(code, _)| *code == self);
        found.map_or_else(|| self.name().trim_end_matches("Exception"), |(_, name)| name)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::ServiceModels;

    const ID: [u8; 16] = [0x11; 16];

    #[test]
    fn every_error_of_iot_iot_data_and_greengrass_has_a_code() {
        let models = ServiceModels::embedded().unwrap();
        let known: BTreeSet<&str> = ErrorCode::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(known.len(), ErrorCode::ALL.len());
        for service in [Service::Iot, Service::IotData, Service::Greengrass] {
            for (code, _) in models.get(service).unwrap().errors() {
                assert!(known.contains(code), "{code}");
            }
        }
    }

    #[test]
    fn the_status_is_that_of_the_model() {
        let models = ServiceModels::embedded().unwrap();
        for model in models.iter() {
            for (name, shape) in model.errors() {
                let Some(code) = ErrorCode::ALL.iter().find(|code| code.name() == name) else { continue };
                assert_eq!(ApiError::new(*code, "x").status(Some(model)), shape.status);
                let differs = (model.service(), *code) == (Service::IotData, ErrorCode::Throttling);
                assert_eq!(code.status() != shape.status, differs, "{name} of {:?}", model.service());
            }
        }
        let iot = models.get(Service::Iot);
        assert_eq!(ApiError::new(ErrorCode::Throttling, "x").status(iot), 400);
        assert_eq!(ApiError::new(ErrorCode::Throttling, "x").status(models.get(Service::IotData)), 429);
        assert_eq!(ApiError::new(ErrorCode::NotImplemented, "x").status(iot), 501);
    }

    fn render(service: Option<Service>, error: &ApiError) -> String {
        let models = ServiceModels::embedded().unwrap();
        let model = service.and_then(|service| models.get(service));
        let response = error.respond(model, &RequestId::from_random(ID));
        let headers: Vec<String> =
            response.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        format!("{}\n{}\n{}", response.status, headers.join("\n"), String::from_utf8(response.body).unwrap())
    }

    #[test]
    fn a_rest_json_error() {
        let error =
            ApiError::new(ErrorCode::ResourceAlreadyExists, "the CA certificate is already registered")
                .with_resource("ab12", "arn:aws:iot:us-east-1:000000000000:cacert/ab12");
        insta::assert_snapshot!(render(Some(Service::Iot), &error), @r#"
        409
        content-type: application/json
        x-amzn-errortype: ResourceAlreadyExistsException
        x-amzn-requestid: 11111111-1111-4111-9111-111111111111
        {"message":"the CA certificate is already registered","resourceId":"ab12","resourceArn":"arn:aws:iot:us-east-1:000000000000:cacert/ab12"}
        "#);
        let error = ApiError::new(ErrorCode::ResourceNotFound, "no thing \"x\"").with_resource("x", "y");
        insta::assert_snapshot!(render(Some(Service::Iot), &error), @r#"
        404
        content-type: application/json
        x-amzn-errortype: ResourceNotFoundException
        x-amzn-requestid: 11111111-1111-4111-9111-111111111111
        {"message":"no thing \"x\""}
        "#);
        let error = ApiError::new(ErrorCode::BadRequest, "no");
        insta::assert_snapshot!(render(Some(Service::Greengrass), &error), @r#"
        400
        content-type: application/json
        x-amzn-errortype: BadRequestException
        x-amzn-requestid: 11111111-1111-4111-9111-111111111111
        {"Message":"no"}
        "#);
        let error = ApiError::new(ErrorCode::ResourceNotFound, "Function not found: f");
        insta::assert_snapshot!(render(Some(Service::Lambda), &error), @r#"
        404
        content-type: application/json
        x-amzn-errortype: ResourceNotFoundException
        x-amzn-requestid: 11111111-1111-4111-9111-111111111111
        {"Type":"User","Message":"Function not found: f"}
        "#);
        let error = ApiError::new(ErrorCode::Service, "no");
        insta::assert_snapshot!(render(Some(Service::Lambda), &error), @r#"
        500
        content-type: application/json
        x-amzn-errortype: ServiceException
        x-amzn-requestid: 11111111-1111-4111-9111-111111111111
        {"Type":"Service","Message":"no"}
        "#);
        let error = ApiError::new(ErrorCode::UnknownOperation, "no");
        insta::assert_snapshot!(render(None, &error), @r#"
        404
        content-type: application/json
        x-amzn-errortype: UnknownOperationException
        x-amzn-requestid: 11111111-1111-4111-9111-111111111111
        {"message":"no"}
        "#);
    }

    #[test]
    fn a_query_error() {
        let error = ApiError::new(ErrorCode::InvalidSignature, "a < b & c");
        insta::assert_snapshot!(render(Some(Service::Sts), &error), @r#"
        403
        content-type: text/xml
        x-amzn-requestid: 11111111-1111-4111-9111-111111111111
        <ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
          <Error>
            <Type>Sender</Type>
            <Code>SignatureDoesNotMatch</Code>
            <Message>a &lt; b &amp; c</Message>
          </Error>
          <RequestId>11111111-1111-4111-9111-111111111111</RequestId>
        </ErrorResponse>
        "#);
    }

    #[test]
    fn words_of_services() {
        let check = |service, code: ErrorCode, expected: ErrorCode| {
            let error = ApiError::new(code, "x").in_words_of(service);
            assert_eq!((error.code(), error.message()), (expected, "x"));
        };
        for code in ErrorCode::ALL {
            check(None, *code, *code);
            check(Some(Service::Iot), *code, *code);
            // What has a word of the service's own is told in it.
            for service in [Service::Lambda, Service::Greengrass] {
                let own = code.in_words_of(service);
                assert_eq!(own.in_words_of(service), own);
                assert_eq!(own.status(), code.status(), "{code}");
            }
        }
        check(Some(Service::Lambda), ErrorCode::InvalidRequest, ErrorCode::InvalidParameterValue);
        check(Some(Service::Lambda), ErrorCode::RequestEntityTooLarge, ErrorCode::RequestTooLarge);
        check(Some(Service::Lambda), ErrorCode::InternalFailure, ErrorCode::Service);
        check(Some(Service::Lambda), ErrorCode::ResourceNotFound, ErrorCode::ResourceNotFound);
        check(Some(Service::Greengrass), ErrorCode::InvalidRequest, ErrorCode::BadRequest);
        check(Some(Service::Greengrass), ErrorCode::ResourceNotFound, ErrorCode::IdNotFound);
        check(Some(Service::Greengrass), ErrorCode::InternalFailure, ErrorCode::InternalServerError);
    }

    #[test]
    fn query_names() {
        let check = |code: ErrorCode, name: &str| assert_eq!(code.query_name(), name);
        check(ErrorCode::MissingAuthenticationToken, "MissingAuthenticationToken");
        check(ErrorCode::UnrecognizedClient, "InvalidClientTokenId");
        check(ErrorCode::IncompleteSignature, "IncompleteSignature");
        check(ErrorCode::UnknownOperation, "InvalidAction");
        check(ErrorCode::InternalFailure, "InternalFailure");
        check(ErrorCode::AccessDenied, "AccessDenied");
    }
}
