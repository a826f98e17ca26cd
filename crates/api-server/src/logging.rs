use landfall_api::logging::{
    DeleteV2LoggingLevelRequest, DeleteV2LoggingLevelResponse, GetLoggingOptionsRequest,
    GetLoggingOptionsResponse, GetV2LoggingOptionsRequest, GetV2LoggingOptionsResponse,
    ListV2LoggingLevelsRequest, ListV2LoggingLevelsResponse, LogEventConfiguration as WireEventConfiguration,
    LogTarget as WireTarget, LogTargetConfiguration, LoggingOptionsPayload, SetLoggingOptionsRequest,
    SetLoggingOptionsResponse, SetV2LoggingLevelRequest, SetV2LoggingLevelResponse,
    SetV2LoggingOptionsRequest, SetV2LoggingOptionsResponse,
};
use landfall_api::{ApiError, OperationKey};
use landfall_model::{
    LogEventConfiguration, LogLevel, LogTarget, LogTargetKind, LogText, LoggingOptions, V2LoggingOptions,
};
use landfall_registry::{Conflict, Order, PageRequest, Transaction};

use crate::failure::{Failure, invalid};
use crate::handler::{Context, Handle, Handler, handler};

/// The level of options that are set without one. AWS does not say which that is there.
const LEVEL_DEFAULT: LogLevel = LogLevel::Error;

/// The name under which the target `DEFAULT`, which has none, is kept.
const DEFAULT_TARGET: &str = "DEFAULT";

/// The operations of the logging options.
pub(crate) fn handlers() -> Vec<(OperationKey, Handler)> {
    vec![
        handler::<GetLoggingOptionsRequest>(),
        handler::<SetLoggingOptionsRequest>(),
        handler::<GetV2LoggingOptionsRequest>(),
        handler::<SetV2LoggingOptionsRequest>(),
        handler::<SetV2LoggingLevelRequest>(),
        handler::<ListV2LoggingLevelsRequest>(),
        handler::<DeleteV2LoggingLevelRequest>(),
    ]
}

impl Handle for GetLoggingOptionsRequest {
    /// As long as the options were not set, nothing is logged.
    async fn handle(self, context: &Context<'_>) -> Result<GetLoggingOptionsResponse, Failure> {
        let Self {} = self;
        let options = context.registry().logging_options().await?;
        let level = options.as_ref().map_or(LogLevel::Disabled, |options| options.level);
        Ok(GetLoggingOptionsResponse {
            role_arn: options.map(|options| options.role.to_string()),
            log_level: Some(level.as_str().to_owned()),
        })
    }
}

impl Handle for SetLoggingOptionsRequest {
    async fn handle(self, context: &Context<'_>) -> Result<SetLoggingOptionsResponse, Failure> {
        let Self { logging_options_payload: LoggingOptionsPayload { role_arn, log_level } } = self;
        let options = LoggingOptions {
            role: parse_text("roleArn", &role_arn)?,
            level: parse_level(log_level.as_deref())?.unwrap_or(LEVEL_DEFAULT),
        };
        let mut transaction = Transaction::new();
        transaction.set_logging_options(options);
        context.registry().commit(transaction).await?;
        Ok(SetLoggingOptionsResponse {})
    }
}

impl Handle for GetV2LoggingOptionsRequest {
    async fn handle(self, context: &Context<'_>) -> Result<GetV2LoggingOptionsResponse, Failure> {
        let Self { verbose } = self;
        let V2LoggingOptions { role, default_level, all_disabled, event_configurations } =
            configured(context).await?;
        // The level of the target DEFAULT is the default one: whichever operation set it last.
        let kind = Some(LogTargetKind::Default);
        let default_target = context.registry().v2_logging_levels(kind, PageRequest::first(1)).await?;
        let default_level = default_target.items.first().map_or(default_level, |(_, level)| *level);
        let event_configurations = event_configurations.iter().map(wire_event_configuration);
        Ok(GetV2LoggingOptionsResponse {
            role_arn: role.as_ref().map(ToString::to_string),
            default_log_level: Some(default_level.as_str().to_owned()),
            disable_all_logs: Some(all_disabled),
            event_configurations: (verbose == Some(true)).then(|| event_configurations.collect()),
        })
    }
}

impl Handle for SetV2LoggingOptionsRequest {
    /// Sets all options: what is not given is as if the options had never been set.
    async fn handle(self, context: &Context<'_>) -> Result<SetV2LoggingOptionsResponse, Failure> {
        let Self { role_arn, default_log_level, disable_all_logs, event_configurations } = self;
        let default_level = parse_level(default_log_level.as_deref())?.unwrap_or(LEVEL_DEFAULT);
        let options = V2LoggingOptions {
            role: role_arn.as_deref().map(|arn| parse_text("roleArn", arn)).transpose()?,
            default_level,
            all_disabled: disable_all_logs == Some(true),
            event_configurations: parse_event_configurations(event_configurations.unwrap_or_default())?,
        };
        let mut transaction = Transaction::new();
        transaction.set_v2_logging_options(options);
        transaction.set_v2_logging_level(default_target()?, default_level);
        context.registry().commit(transaction).await?;
        Ok(SetV2LoggingOptionsResponse {})
    }
}

impl Handle for SetV2LoggingLevelRequest {
    async fn handle(self, context: &Context<'_>) -> Result<SetV2LoggingLevelResponse, Failure> {
        let Self { log_target: WireTarget { target_type, target_name }, log_level } = self;
        let target = parse_target(&target_type, target_name.as_deref())?;
        let level = LogLevel::parse(&log_level).map_err(invalid)?;
        let mut transaction = Transaction::new();
        transaction.set_v2_logging_level(target, level);
        context.registry().commit(transaction).await?;
        Ok(SetV2LoggingLevelResponse {})
    }
}

impl Handle for ListV2LoggingLevelsRequest {
    async fn handle(self, context: &Context<'_>) -> Result<ListV2LoggingLevelsResponse, Failure> {
        // The context reads the page from the call.
        let Self { target_type, next_token: _, max_results: _ } = self;
        let kind = target_type.as_deref().map(LogTargetKind::parse).transpose().map_err(invalid)?;
        let page = context.page(Order::Ascending)?;
        configured(context).await?;
        let page = context.registry().v2_logging_levels(kind, page).await?;
        let configuration = |(target, level): &(LogTarget, LogLevel)| LogTargetConfiguration {
            log_target: Some(wire_target(target)),
            log_level: Some(level.as_str().to_owned()),
        };
        Ok(ListV2LoggingLevelsResponse {
            log_target_configurations: Some(page.items.iter().map(configuration).collect()),
            next_token: context.next_token(page.next)?,
        })
    }
}

impl Handle for DeleteV2LoggingLevelRequest {
    /// Deleting the level of a target that has none succeeds.
    async fn handle(self, context: &Context<'_>) -> Result<DeleteV2LoggingLevelResponse, Failure> {
        let Self { target_type, target_name } = self;
        let target = parse_target(&target_type, Some(&target_name))?;
        let mut transaction = Transaction::new();
        transaction.delete_v2_logging_level(target);
        context.registry().commit(transaction).await?;
        Ok(DeleteV2LoggingLevelResponse {})
    }
}

/// The options, which have to be set before anything else is asked for.
async fn configured(context: &Context<'_>) -> Result<V2LoggingOptions, Failure> {
    let options = context.registry().v2_logging_options().await?;
    options.ok_or_else(|| Conflict::LoggingNotConfigured.into())
}

fn default_target() -> Result<LogTarget, ApiError> {
    parse_target(LogTargetKind::Default.as_str(), None)
}

fn parse_target(kind: &str, name: Option<&str>) -> Result<LogTarget, ApiError> {
    let kind = LogTargetKind::parse(kind).map_err(invalid)?;
    let missing = || invalid(format!("targetName is missing: a target of type {} has one", kind.as_str()));
    // The default target is the only one of its kind, whatever it is called.
    let is_default = kind == LogTargetKind::Default;
    let name = if is_default { DEFAULT_TARGET } else { name.ok_or_else(missing)? };
    Ok(LogTarget { kind, name: parse_text("targetName", name)? })
}

fn parse_event_configurations(
    configurations: Vec<WireEventConfiguration>,
) -> Result<Vec<LogEventConfiguration>, ApiError> {
    let (count, count_max) = (configurations.len(), V2LoggingOptions::EVENT_CONFIGURATIONS_MAX);
    if count > count_max {
        let message = format!("at most {count_max} event configurations are kept, not {count}");
        return Err(invalid(message));
    }
    let mut parsed: Vec<LogEventConfiguration> = Vec::with_capacity(count);
    for WireEventConfiguration { event_type, log_level, log_destination } in configurations {
        let event_type = parse_text("eventType", &event_type)?;
        if parsed.iter().any(|earlier| earlier.event_type == event_type) {
            return Err(invalid(format!("the event type {event_type} is configured twice")));
        }
        let destination = log_destination.as_deref().map(|text| parse_text("logDestination", text));
        parsed.push(LogEventConfiguration {
            event_type,
            level: parse_level(log_level.as_deref())?,
            destination: destination.transpose()?,
        });
    }
    Ok(parsed)
}

fn parse_text(member: &str, text: &str) -> Result<LogText, ApiError> {
    LogText::parse(text).map_err(|error| invalid(format!("{member}: {error}")))
}

fn parse_level(word: Option<&str>) -> Result<Option<LogLevel>, ApiError> {
    word.map(LogLevel::parse).transpose().map_err(invalid)
}

fn wire_event_configuration(configuration: &LogEventConfiguration) -> WireEventConfiguration {
    let LogEventConfiguration { event_type, level, destination } = configuration;
    WireEventConfiguration {
        event_type: event_type.to_string(),
        log_level: level.map(|level| level.as_str().to_owned()),
        log_destination: destination.as_ref().map(ToString::to_string),
    }
}

fn wire_target(target: &LogTarget) -> WireTarget {
    let LogTarget { kind, name } = target;
    WireTarget {
        target_type: kind.as_str().to_owned(),
        target_name: (*kind != LogTargetKind::Default).then(|| name.to_string()),
    }
}
