use async_trait::async_trait;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::http::Uri;
use jiff::Timestamp;
use landfall_api::topic_rule_destination::{
    ConfirmTopicRuleDestinationRequest, ConfirmTopicRuleDestinationResponse,
    CreateTopicRuleDestinationRequest, CreateTopicRuleDestinationResponse, DeleteTopicRuleDestinationRequest,
    DeleteTopicRuleDestinationResponse, GetTopicRuleDestinationRequest, GetTopicRuleDestinationResponse,
    HttpUrlDestinationConfiguration, HttpUrlDestinationProperties, HttpUrlDestinationSummary,
    ListTopicRuleDestinationsRequest, ListTopicRuleDestinationsResponse,
    TopicRuleDestination as WireDestination, TopicRuleDestinationConfiguration, TopicRuleDestinationSummary,
    UpdateTopicRuleDestinationRequest, UpdateTopicRuleDestinationResponse,
};
use landfall_api::{ApiError, ErrorCode, OperationKey};
use landfall_model::{
    ConfirmationToken, DestinationId, DestinationStatus, ResourceName, Scope, TopicRuleDestination, UnixTime,
};
use landfall_registry::{Conflict, Order, Transaction};

use crate::failure::{Failure, invalid, not_built};
use crate::handler::{Context, Handle, Handler, handler, wire_time};
use crate::random;

/// How long a confirmation token is good for, in milliseconds: three days, as at AWS.
pub const CONFIRMATION_VALIDITY_MS: i64 = 3 * 24 * 60 * 60 * 1_000;

/// How many bytes the URL of a destination has at most, as in AWS's service model.
const URL_BYTES_MAX: usize = 2_000;

/// Sends confirmation messages to destinations: the engine of rule actions, through whoever wires the two.
#[async_trait]
pub trait DestinationConfirmer: Send + Sync + 'static {
    /// Sends a destination the message that asks it to confirm, with its confirmation token. Returns when the message is
    /// taken on, not when it was answered: what becomes of it is written to the registry.
    ///
    /// Cancel safety: if the future is dropped, the message may be sent or not.
    async fn confirm(&self, destination: TopicRuleDestination);
}

/// What the path of a confirmation begins with; the token follows.
const CONFIRMATION_ROOT: &str = "/confirmdestination/";

/// The path of the API that a destination opens to confirm; it needs no signature. Whoever has it can confirm.
pub fn confirmation_path(token: &ConfirmationToken) -> String {
    format!("{CONFIRMATION_ROOT}{}", token.reveal())
}

/// A path of the API without what only the destination may know.
pub(crate) fn without_token(path: &str) -> &str {
    if path.starts_with(CONFIRMATION_ROOT) { CONFIRMATION_ROOT } else { path }
}

/// A destination that is about to be asked to confirm.
///
/// # Errors
/// The system gives no random bytes.
pub(crate) fn new(url: &str, now: UnixTime) -> Result<TopicRuleDestination, Failure> {
    let destination = TopicRuleDestination {
        id: DestinationId::from_bytes(random::uuid()?),
        url: url.into(),
        status: DestinationStatus::InProgress,
        reason: None,
        confirmation_token: None,
        created_at: now,
        modified_at: now,
    };
    awaiting_confirmation(destination, now)
}

/// The operations of the destinations of topic rules.
pub(crate) fn handlers() -> Vec<(OperationKey, Handler)> {
    vec![
        handler::<CreateTopicRuleDestinationRequest>(),
        handler::<GetTopicRuleDestinationRequest>(),
        handler::<ListTopicRuleDestinationsRequest>(),
        handler::<UpdateTopicRuleDestinationRequest>(),
        handler::<DeleteTopicRuleDestinationRequest>(),
        handler::<ConfirmTopicRuleDestinationRequest>(),
    ]
}

impl Handle for CreateTopicRuleDestinationRequest {
    async fn handle(self, context: &Context<'_>) -> Result<CreateTopicRuleDestinationResponse, Failure> {
        let Self { destination_configuration } = self;
        let url = http_url(destination_configuration)?;
        let destination = new(&url, context.now)?;
        let mut transaction = Transaction::new();
        transaction.create_destination(destination.clone());
        context.registry().commit(transaction).await?;
        context.app.confirmer.confirm(destination.clone()).await;
        Ok(CreateTopicRuleDestinationResponse { topic_rule_destination: Some(wire(&destination, context)) })
    }
}

impl Handle for GetTopicRuleDestinationRequest {
    async fn handle(self, context: &Context<'_>) -> Result<GetTopicRuleDestinationResponse, Failure> {
        let Self { arn } = self;
        let destination = existing(&arn, context).await?;
        Ok(GetTopicRuleDestinationResponse { topic_rule_destination: Some(wire(&destination, context)) })
    }
}

impl Handle for ListTopicRuleDestinationsRequest {
    async fn handle(self, context: &Context<'_>) -> Result<ListTopicRuleDestinationsResponse, Failure> {
        // The context reads the page from the call.
        let Self { max_results: _, next_token: _ } = self;
        let page = context.registry().destinations(context.page(Order::Ascending)?).await?;
        Ok(ListTopicRuleDestinationsResponse {
            destination_summaries: Some(page.items.iter().map(|item| summary(wire(item, context))).collect()),
            next_token: context.next_token(page.next)?,
        })
    }
}

impl Handle for UpdateTopicRuleDestinationRequest {
    /// `IN_PROGRESS` sends another confirmation message, whose token replaces the one before. To set the status that it has
    /// succeeds.
    async fn handle(self, context: &Context<'_>) -> Result<UpdateTopicRuleDestinationResponse, Failure> {
        let Self { arn, status } = self;
        let wanted = DestinationStatus::parse(&status).map_err(invalid)?;
        let destination = existing(&arn, context).await?;
        match (wanted, destination.status) {
            (DestinationStatus::InProgress, _) => {
                let destination = awaiting_confirmation(destination, context.now)?;
                set_status(&arn, &destination, context).await?;
                context.app.confirmer.confirm(destination).await;
            }
            (DestinationStatus::Enabled, DestinationStatus::Enabled)
            | (DestinationStatus::Disabled, DestinationStatus::Disabled) => {}
            (DestinationStatus::Enabled, DestinationStatus::Disabled)
            | (DestinationStatus::Disabled, DestinationStatus::Enabled) => {
                let changed = TopicRuleDestination {
                    status: wanted,
                    reason: None,
                    confirmation_token: None,
                    ..destination
                };
                set_status(&arn, &changed, context).await?;
            }
            (DestinationStatus::Enabled | DestinationStatus::Disabled, status) => {
                let (status, wanted) = (status.as_str(), wanted.as_str());
                return Err(invalid(format!(
                    "the destination is {status} and cannot become {wanted}: it has to be confirmed first"
                ))
                .into());
            }
            (DestinationStatus::Error | DestinationStatus::Deleting, _) => {
                let wanted = wanted.as_str();
                let message = format!("status takes ENABLED, IN_PROGRESS or DISABLED, not {wanted}");
                return Err(invalid(message).into());
            }
        }
        Ok(UpdateTopicRuleDestinationResponse {})
    }
}

impl Handle for DeleteTopicRuleDestinationRequest {
    async fn handle(self, context: &Context<'_>) -> Result<DeleteTopicRuleDestinationResponse, Failure> {
        let Self { arn } = self;
        let mut transaction = Transaction::new();
        transaction.delete_destination(parse_arn(&arn, context.scope())?);
        commit(&arn, transaction, context).await?;
        Ok(DeleteTopicRuleDestinationResponse {})
    }
}

impl Handle for ConfirmTopicRuleDestinationRequest {
    /// Who has the token may confirm, signed or not: nobody else than the destination was sent it.
    async fn handle(self, context: &Context<'_>) -> Result<ConfirmTopicRuleDestinationResponse, Failure> {
        let Self { confirmation_token } = self;
        let token = ConfirmationToken::parse(&confirmation_token).map_err(invalid)?;
        let destination = context.registry().destination(&token.destination()).await?;
        let destination = destination.filter(|destination| waits_for(destination, &token));
        let destination = destination.ok_or_else(not_awaited)?;
        if is_expired(&destination, context.now) {
            let message = "the confirmation token has expired: it is good for three days; set the destination \
                           IN_PROGRESS to have a new one sent";
            return Err(invalid(message).into());
        }
        let mut transaction = Transaction::new();
        transaction.confirm_destination(token, context.now);
        match context.try_commit(transaction).await? {
            None => Ok(ConfirmTopicRuleDestinationResponse {}),
            Some(Conflict::DestinationNotFound(_) | Conflict::DestinationToken(_)) => {
                Err(not_awaited().into())
            }
            Some(conflict) => Err(conflict.into()),
        }
    }
}

/// The URL of the only kind of destination that is built.
fn http_url(configuration: TopicRuleDestinationConfiguration) -> Result<String, ApiError> {
    let TopicRuleDestinationConfiguration {
        http_url_configuration,
        vpc_configuration,
        influx_db_configuration,
    } = configuration;
    if vpc_configuration.is_some() {
        return Err(not_built("vpcConfiguration, a destination in a private network of AWS,"));
    }
    if influx_db_configuration.is_some() {
        return Err(not_built("influxDBConfiguration, a database as a destination,"));
    }
    let missing = || invalid("destinationConfiguration is empty; give it an httpUrlConfiguration");
    let HttpUrlDestinationConfiguration { confirmation_url } = http_url_configuration.ok_or_else(missing)?;
    check_url(&confirmation_url)?;
    Ok(confirmation_url)
}

fn check_url(url: &str) -> Result<(), ApiError> {
    let wrong = |problem: String| invalid(format!("the confirmationUrl {problem}"));
    if url.len() > URL_BYTES_MAX {
        let bytes = url.len();
        return Err(wrong(format!("has {bytes} bytes; at most {URL_BYTES_MAX} are allowed")));
    }
    let parsed: Uri = url.parse().map_err(|error| wrong(format!("is no URL: {error}")))?;
    if !matches!(parsed.scheme_str(), Some("https" | "http")) {
        return Err(wrong("has to begin with https:// or http://".to_owned()));
    }
    if parsed.authority().is_none_or(|authority| authority.as_str().contains('@')) {
        return Err(wrong("has a user name or a password; it must have none".to_owned()));
    }
    if url.contains('#') {
        return Err(wrong("has a fragment, #, which is never sent; it must have none".to_owned()));
    }
    if url.contains("${") {
        return Err(wrong("has a substitution template, ${; it must be known before any message".to_owned()));
    }
    Ok(())
}

/// The destination with a new confirmation token.
fn awaiting_confirmation(
    destination: TopicRuleDestination,
    now: UnixTime,
) -> Result<TopicRuleDestination, Failure> {
    let sent_at = Timestamp::from_millisecond(now.as_millis())
        .map_err(|error| Failure::internal("reading the clock", error))?;
    let reason = format!(
        "Awaiting confirmation. Confirmation message sent on {sent_at}; no response received from the endpoint."
    );
    Ok(TopicRuleDestination {
        status: DestinationStatus::InProgress,
        reason: Some(reason.into()),
        confirmation_token: Some(ConfirmationToken::new(destination.id, random::secret()?)),
        modified_at: now,
        ..destination
    })
}

async fn set_status(
    arn: &str,
    destination: &TopicRuleDestination,
    context: &Context<'_>,
) -> Result<(), Failure> {
    let TopicRuleDestination {
        id,
        url: _,
        status,
        reason,
        confirmation_token,
        created_at: _,
        modified_at: _,
    } = destination;
    let mut transaction = Transaction::new();
    transaction.set_destination_status(*id, *status, reason.clone(), *confirmation_token, context.now);
    commit(arn, transaction, context).await
}

/// Commits a change of a destination that has to be there.
async fn commit(arn: &str, transaction: Transaction, context: &Context<'_>) -> Result<(), Failure> {
    match context.try_commit(transaction).await? {
        None => Ok(()),
        Some(Conflict::DestinationNotFound(_)) => Err(denied(arn).into()),
        Some(conflict) => Err(conflict.into()),
    }
}

async fn existing(arn: &str, context: &Context<'_>) -> Result<TopicRuleDestination, Failure> {
    let id = parse_arn(arn, context.scope())?;
    let found = context.registry().destination(&id).await?;
    Ok(found.ok_or_else(|| denied(arn))?)
}

fn parse_arn(arn: &str, scope: &Scope) -> Result<DestinationId, ApiError> {
    let resource = scope.parse_arn(arn).map_err(|error| invalid(format!("arn: {error}")))?;
    if let ResourceName::TopicRuleDestination(id) = resource {
        return Ok(id);
    }
    Err(invalid(format!("{arn:?} is not the ARN of a topic rule destination")))
}

/// What AWS answers when there is no such destination.
fn denied(arn: &str) -> ApiError {
    let message = format!("Access to TopicRuleDestination '{arn}' was denied: there is no such destination");
    ApiError::new(ErrorCode::Unauthorized, message)
}

/// The same for every token that confirms nothing, so that one cannot be found by what is answered.
fn not_awaited() -> ApiError {
    let message = "no destination waits for this confirmation; only the token of the last confirmation message \
                   counts, and only once";
    ApiError::new(ErrorCode::Unauthorized, message)
}

/// Whether it is the token that confirms the destination, which takes the same time to say for every wrong one.
fn waits_for(destination: &TopicRuleDestination, token: &ConfirmationToken) -> bool {
    destination.confirmation_token.is_some_and(|awaited| {
        verify_slices_are_equal(awaited.secret(), token.secret()).is_ok()
            && awaited.destination() == token.destination()
    })
}

/// Whether the destination waited for its confirmation for too long.
fn is_expired(destination: &TopicRuleDestination, now: UnixTime) -> bool {
    destination.status == DestinationStatus::InProgress
        && now.as_millis().saturating_sub(destination.modified_at.as_millis()) > CONFIRMATION_VALIDITY_MS
}

fn wire(destination: &TopicRuleDestination, context: &Context<'_>) -> WireDestination {
    // Nothing has to happen for a confirmation to come too late: that shows when somebody looks.
    let (status, reason) = if is_expired(destination, context.now) {
        (DestinationStatus::Error, Some("Confirmation timed out.".to_owned()))
    } else {
        (destination.status, destination.reason.as_deref().map(str::to_owned))
    };
    WireDestination {
        arn: Some(context.scope().destination_arn(&destination.id)),
        status: Some(status.as_str().to_owned()),
        created_at: Some(wire_time(destination.created_at)),
        last_updated_at: Some(wire_time(destination.modified_at)),
        status_reason: reason,
        http_url_properties: Some(HttpUrlDestinationProperties {
            confirmation_url: Some(destination.url.to_string()),
        }),
        vpc_properties: None,
        influx_db_properties: None,
    }
}

fn summary(destination: WireDestination) -> TopicRuleDestinationSummary {
    let WireDestination {
        arn,
        status,
        created_at,
        last_updated_at,
        status_reason,
        http_url_properties,
        vpc_properties,
        influx_db_properties,
    } = destination;
    TopicRuleDestinationSummary {
        arn,
        status,
        created_at,
        last_updated_at,
        status_reason,
        http_url_summary: http_url_properties.map(|properties| {
            let HttpUrlDestinationProperties { confirmation_url } = properties;
            HttpUrlDestinationSummary { confirmation_url }
        }),
        vpc_destination_summary: vpc_properties,
        influx_db_summary: influx_db_properties,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_cut_off_its_path() {
        let token = ConfirmationToken::new(DestinationId::from_bytes([1; 16]), [2; 32]);
        assert_eq!(without_token(&confirmation_path(&token)), "/confirmdestination/");
        assert_eq!(without_token("/destinations/a"), "/destinations/a");
    }
}
