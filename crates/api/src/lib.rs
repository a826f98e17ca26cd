//! The AWS wire form, interpreted from the service models: an HTTP request becomes a checked input, an output or an
//! error becomes an HTTP response.
//!
//! Pure: no IO, no clock, no runtime. A server reads a request into an [`HttpRequest`], has its signature verified by
//! [`signature::verify`], and asks a [`Router`] which operation it calls. The router binds and validates the input
//! and hands out the handler that the server registered for the operation; what the handler returns goes through
//! [`Router::respond`] or [`Router::respond_error`].
//!
//! The wire structs of one noun are in the file of that noun, each tied to its operation by [`ApiOperation`].

mod binding;
mod blob;
mod error;
mod http;
mod model;
mod opaque;
mod operation;
mod output;
mod paging;
mod pattern;
mod percent;
mod router;
mod routing;
pub mod signature;
mod sts;
mod timestamp;
mod validation;

pub mod authorization;
pub mod billing_group;
pub mod ca_certificate;
pub mod caller_identity;
pub mod certificate;
pub mod data;
pub mod endpoint;
pub mod event_configuration;
pub mod event_source_mapping;
pub mod function;
pub mod function_concurrency;
pub mod function_policy;
pub mod greengrass;
pub mod greengrass_definition;
pub mod invocation;
pub mod layer;
pub mod logging;
pub mod policy;
pub mod principal_policy;
pub mod registration_code;
pub mod tag;
pub mod thing;
pub mod thing_group;
pub mod thing_type;
pub mod topic_rule;
pub mod topic_rule_destination;

pub use crate::blob::WireBlob;
pub use crate::error::{ApiError, ErrorCode, RequestId};
pub use crate::http::{Headers, HttpRequest, HttpResponse};
pub use crate::model::{
    ErrorShape, LengthBounds, ListShape, Location, MapShape, Member, ModelError, NumberBounds, Operation,
    Paging, Protocol, Service, ServiceModel, ServiceModels, Shape, ShapeId, ShapeKind, StringShape,
    StructureShape, TimestampFormat,
};
pub use crate::opaque::OpaqueMember;
pub use crate::operation::{ApiOperation, OperationKey};
pub use crate::output::OutputError;
pub use crate::paging::{Cursor, PAGE_SIZE_DEFAULT, PageRequest, PageTokens, TOKEN_CHARS_MAX};
pub use crate::pattern::Pattern;
pub use crate::router::{Call, RoutedOperation, Router, RouterError};
pub use crate::routing::{Segment, UriTemplate};
pub use crate::timestamp::WireTimestamp;
