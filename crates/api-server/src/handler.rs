//! What a handler is, what it gets, and which there are.

use std::pin::Pin;

use landfall_api::caller_identity::GetCallerIdentityRequest;
use landfall_api::endpoint::DescribeEndpointRequest;
use landfall_api::topic_rule_destination::ConfirmTopicRuleDestinationRequest;
use landfall_api::{ApiError, ApiOperation, Call, OperationKey, WireTimestamp};
use landfall_model::{Scope, UnixTime};
use landfall_registry::{CommitError, Conflict, Cursor, Order, PageRequest, Registry, Transaction};
use serde_json::Value;

use crate::dispatch::App;
use crate::failure::{Failure, invalid};
use crate::{
    authorization, billing_group, ca_certificate, certificate, data, event_configuration,
    event_source_mapping, function, function_concurrency, function_policy, greengrass, greengrass_definition,
    invocation, layer, logging, policy, principal_policy, registration_code, tag, thing, thing_group,
    thing_type, topic_rule, topic_rule_destination,
};

/// Answers one operation; implemented by the operation's input in the file of its noun.
pub(crate) trait Handle: ApiOperation + Send {
    /// Carries out the operation.
    fn handle(self, context: &Context<'_>) -> impl Future<Output = Result<Self::Output, Failure>> + Send;
}

/// What a handler works with.
pub(crate) struct Context<'a> {
    pub(crate) app: &'a App,
    pub(crate) call: &'a Call<'a, Handler>,
    /// When the request arrived.
    pub(crate) now: UnixTime,
}

/// A [`Handle`] of any operation: from its input to the JSON of its output.
pub(crate) struct Handler(for<'a> fn(Context<'a>) -> Answer<'a>);

/// The JSON of an output, later.
pub(crate) type Answer<'a> = Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send + 'a>>;

/// The operations that take a request without a signature, each because something else in the request proves that it may
/// be carried out. The list only shrinks.
///
/// - `ConfirmTopicRuleDestination`: the destination opens a URL with a token that only it was sent.
pub(crate) const UNSIGNED: [OperationKey; 1] = [ConfirmTopicRuleDestinationRequest::KEY];

/// Every operation that is built.
pub(crate) fn handlers() -> Vec<(OperationKey, Handler)> {
    let nouns = [
        authorization::handlers(),
        billing_group::handlers(),
        ca_certificate::handlers(),
        certificate::handlers(),
        data::handlers(),
        event_configuration::handlers(),
        event_source_mapping::handlers(),
        function::handlers(),
        function_concurrency::handlers(),
        function_policy::handlers(),
        greengrass::handlers(),
        greengrass_definition::handlers(),
        invocation::handlers(),
        layer::handlers(),
        logging::handlers(),
        policy::handlers(),
        principal_policy::handlers(),
        registration_code::handlers(),
        tag::handlers(),
        thing::handlers(),
        thing_group::handlers(),
        thing_type::handlers(),
        topic_rule::handlers(),
        topic_rule_destination::handlers(),
        vec![handler::<DescribeEndpointRequest>(), handler::<GetCallerIdentityRequest>()],
    ];
    nouns.into_iter().flatten().collect()
}

/// A version on the wire.
pub(crate) fn wire_version(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

/// Checks that a version is the one that the caller expects, if the caller expects one. What is not there has none.
///
/// # Errors
/// It is another one, which is the conflict.
pub(crate) fn check_version(
    version: Option<u64>,
    expected: Option<i64>,
    conflict: impl FnOnce() -> Conflict,
) -> Result<(), Conflict> {
    match expected {
        Some(expected) if version.is_none_or(|version| u64::try_from(expected) != Ok(version)) => {
            Err(conflict())
        }
        Some(_) | None => Ok(()),
    }
}

/// A moment on the wire.
pub(crate) fn wire_time(moment: UnixTime) -> WireTimestamp {
    WireTimestamp::from_millis(moment.as_millis())
}

impl Handler {
    /// Carries out the call.
    pub(crate) fn run<'a>(&self, context: Context<'a>) -> Answer<'a> {
        (self.0)(context)
    }
}

impl<'a> Context<'a> {
    pub(crate) fn registry(&self) -> &'a dyn Registry {
        self.app.registry.as_ref()
    }

    pub(crate) fn scope(&self) -> &'a Scope {
        &self.app.scope
    }

    /// Commits a change, or tells what it is in conflict with.
    ///
    /// # Errors
    /// The storage failed.
    pub(crate) async fn try_commit(&self, transaction: Transaction) -> Result<Option<Conflict>, Failure> {
        match self.registry().commit(transaction).await {
            Ok(_) => Ok(None),
            Err(CommitError::Conflict(conflict)) => Ok(Some(conflict)),
            Err(error) => Err(error.into()),
        }
    }

    /// The page that the call asks for.
    ///
    /// # Errors
    /// Its token is none that was given out for this list.
    pub(crate) fn page(&self, order: Order) -> Result<PageRequest, ApiError> {
        let page = self.call.page(&self.app.page_tokens)?;
        let after = match page.after {
            None => None,
            // Only `next_token` makes tokens, and these are of numbers that the registry's cursors have.
            Some(landfall_api::Cursor::Number(number)) => {
                Some(Cursor::new(i64::try_from(number).map_err(invalid)?))
            }
            Some(landfall_api::Cursor::Text(_)) => return Err(invalid("the token is of another list")),
        };
        Ok(PageRequest { after, limit: u32::try_from(page.size).unwrap_or(u32::MAX), order })
    }

    /// The token of the next page, if there is one.
    ///
    /// # Errors
    /// The registry's cursor is negative.
    pub(crate) fn next_token(&self, next: Option<Cursor>) -> Result<Option<String>, Failure> {
        let Some(cursor) = next else {
            return Ok(None);
        };
        let number = u64::try_from(cursor.get())
            .map_err(|error| Failure::internal("writing the token of the next page", error))?;
        let token = self.call.next_token(&self.app.page_tokens, &landfall_api::Cursor::Number(number))?;
        Ok(Some(token))
    }
}

/// The handler of an operation.
pub(crate) fn handler<T: Handle>() -> (OperationKey, Handler) {
    (T::KEY, Handler(run::<T>))
}

fn run<T: Handle>(context: Context<'_>) -> Answer<'_> {
    Box::pin(async move {
        let input: T = context.call.input()?;
        let output = input.handle(&context).await?;
        serde_json::to_value(output).map_err(|error| Failure::internal("writing the answer", error))
    })
}
