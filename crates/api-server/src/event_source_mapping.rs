use landfall_api::event_source_mapping::{
    CreateEventSourceMappingRequest, DeleteEventSourceMappingRequest, EventSourceMappingConfiguration,
    GetEventSourceMappingRequest, ListEventSourceMappingsRequest, ListEventSourceMappingsResponse,
    UpdateEventSourceMappingRequest,
};
use landfall_api::{ApiError, ErrorCode, OperationKey};
use landfall_model::{EventSourceMapping, FunctionName, MappingId, QueueArn, Scope};
use landfall_registry::{Conflict, MappingFilter, MappingUpdate, Order, Transaction};

use crate::attempts::Attempts;
use crate::failure::{Failure, invalid};
use crate::function::existing;
use crate::given::refuse_given;
use crate::handler::{Context, Handle, Handler, handler, wire_time};
use crate::random;

const OF_OTHER_SOURCES: &str =
    "it is of sources other than a queue of SQS, which alone can be mapped; leave it out";
const NOT_BUILT: &str = "it is not built; leave it out";

/// What a function of which records failed answers.
const REPORTS_ITEM_FAILURES: &str = "ReportBatchItemFailures";

/// The operations of event source mappings.
pub(crate) fn handlers() -> Vec<(OperationKey, Handler)> {
    vec![
        handler::<CreateEventSourceMappingRequest>(),
        handler::<GetEventSourceMappingRequest>(),
        handler::<ListEventSourceMappingsRequest>(),
        handler::<UpdateEventSourceMappingRequest>(),
        handler::<DeleteEventSourceMappingRequest>(),
    ]
}

impl Handle for CreateEventSourceMappingRequest {
    /// The mapping is `Enabled` at once. Whether the queue exists is seen when it is polled.
    async fn handle(self, context: &Context<'_>) -> Result<EventSourceMappingConfiguration, Failure> {
        context.app.functions.check_on()?;
        let Settings { queue, function, is_enabled, batch_size, batching_window_s, reports_item_failures } =
            Settings::of_creation(self)?;
        let queue = queue.ok_or_else(|| invalid("EventSourceArn is missing: the ARN of a queue of SQS"))?;
        let queue = QueueArn::parse(&queue).map_err(|error| invalid(format!("EventSourceArn: {error}")))?;
        let function = function.ok_or_else(|| invalid("FunctionName is missing"))?;
        let function = existing(context, &function, None).await?.name;
        let (batch_size, batching_window_s) = EventSourceMapping::parse_batching(
            &queue,
            batch_size.unwrap_or(EventSourceMapping::BATCH_SIZE_DEFAULT.into()),
            batching_window_s.unwrap_or(0),
        )
        .map_err(invalid)?;
        let mapping = EventSourceMapping {
            id: MappingId::from_bytes(random::uuid()?),
            function,
            queue,
            batch_size,
            batching_window_s,
            is_enabled: is_enabled.unwrap_or(true),
            reports_item_failures: reports_item_failures.unwrap_or(false),
            created_at: context.now,
            modified_at: context.now,
            last_result: None,
        };
        let mut transaction = Transaction::new();
        transaction.create_event_source_mapping(mapping.clone());
        context.registry().commit(transaction).await?;
        Ok(wire(&mapping, context.scope()))
    }
}

impl Handle for GetEventSourceMappingRequest {
    async fn handle(self, context: &Context<'_>) -> Result<EventSourceMappingConfiguration, Failure> {
        let Self { uuid } = self;
        Ok(wire(&found(context, &uuid).await?, context.scope()))
    }
}

impl Handle for ListEventSourceMappingsRequest {
    async fn handle(self, context: &Context<'_>) -> Result<ListEventSourceMappingsResponse, Failure> {
        // The context reads the page from the call.
        let Self { event_source_arn, function_name, marker: _, max_items: _ } = self;
        let page = context.page(Order::Ascending)?;
        let queue = event_source_arn.as_deref().map(QueueArn::parse).transpose();
        let function = function_name.as_deref().map(|text| context.scope().parse_function(text)).transpose();
        let filter = MappingFilter {
            queue: queue.map_err(|error| invalid(format!("EventSourceArn: {error}")))?,
            function: function.map_err(invalid)?,
        };
        let page = context.registry().event_source_mappings(&filter, page).await?;
        let mappings = page.items.iter().map(|mapping| wire(mapping, context.scope()));
        Ok(ListEventSourceMappingsResponse {
            event_source_mappings: Some(mappings.collect()),
            next_marker: context.next_token(page.next)?,
        })
    }
}

impl Handle for UpdateEventSourceMappingRequest {
    async fn handle(self, context: &Context<'_>) -> Result<EventSourceMappingConfiguration, Failure> {
        context.app.functions.check_on()?;
        let uuid = self.uuid.clone();
        let settings = Settings::of_update(self)?;
        let function = match &settings.function {
            Some(function) => Some(existing(context, function, None).await?.name),
            None => None,
        };
        let mut attempts = Attempts::new();
        loop {
            let mapping = found(context, &uuid).await?;
            let update = settings.update(&mapping, function.as_ref(), context)?;
            let changed = update.apply(&mapping);
            let mut transaction = Transaction::new();
            transaction.update_event_source_mapping(update);
            let Some(conflict) = context.try_commit(transaction).await? else {
                return Ok(wire(&changed, context.scope()));
            };
            let is_lost_race = matches!(conflict, Conflict::EventSourceMappingChanged(_));
            attempts.again(conflict, is_lost_race)?;
        }
    }
}

impl Handle for DeleteEventSourceMappingRequest {
    async fn handle(self, context: &Context<'_>) -> Result<EventSourceMappingConfiguration, Failure> {
        let Self { uuid } = self;
        let mapping = found(context, &uuid).await?;
        let mut transaction = Transaction::new();
        transaction.delete_event_source_mapping(mapping.id);
        context.registry().commit(transaction).await?;
        let state = Some("Deleting".to_owned());
        Ok(EventSourceMappingConfiguration { state, ..wire(&mapping, context.scope()) })
    }
}

/// What a request says of a mapping.
struct Settings {
    queue: Option<String>,
    function: Option<String>,
    is_enabled: Option<bool>,
    batch_size: Option<i64>,
    batching_window_s: Option<i64>,
    reports_item_failures: Option<bool>,
}

impl Settings {
    fn of_creation(request: CreateEventSourceMappingRequest) -> Result<Self, ApiError> {
        let CreateEventSourceMappingRequest {
            event_source_arn,
            function_name,
            enabled,
            batch_size,
            filter_criteria,
            kms_key_arn,
            metrics_config,
            logging_config,
            scaling_config,
            maximum_batching_window_in_seconds,
            parallelization_factor,
            starting_position,
            starting_position_timestamp,
            destination_config,
            maximum_record_age_in_seconds,
            bisect_batch_on_function_error,
            maximum_retry_attempts,
            tags,
            tumbling_window_in_seconds,
            topics,
            queues,
            source_access_configurations,
            self_managed_event_source,
            function_response_types,
            amazon_managed_kafka_event_source_config,
            self_managed_kafka_event_source_config,
            document_db_event_source_config,
            provisioned_poller_config,
        } = request;
        refuse_given(&[
            ("FilterCriteria", &filter_criteria, NOT_BUILT),
            ("KMSKeyArn", &kms_key_arn, NOT_BUILT),
            ("MetricsConfig", &metrics_config, NOT_BUILT),
            ("LoggingConfig", &logging_config, NOT_BUILT),
            ("ScalingConfig", &scaling_config, NOT_BUILT),
            ("ProvisionedPollerConfig", &provisioned_poller_config, NOT_BUILT),
            ("Tags", &tags, NOT_BUILT),
            ("ParallelizationFactor", &parallelization_factor, OF_OTHER_SOURCES),
            ("StartingPosition", &starting_position, OF_OTHER_SOURCES),
            ("StartingPositionTimestamp", &starting_position_timestamp, OF_OTHER_SOURCES),
            ("DestinationConfig", &destination_config, OF_OTHER_SOURCES),
            ("MaximumRecordAgeInSeconds", &maximum_record_age_in_seconds, OF_OTHER_SOURCES),
            ("BisectBatchOnFunctionError", &bisect_batch_on_function_error, OF_OTHER_SOURCES),
            ("MaximumRetryAttempts", &maximum_retry_attempts, OF_OTHER_SOURCES),
            ("TumblingWindowInSeconds", &tumbling_window_in_seconds, OF_OTHER_SOURCES),
            ("Topics", &topics, OF_OTHER_SOURCES),
            ("Queues", &queues, OF_OTHER_SOURCES),
            ("SourceAccessConfigurations", &source_access_configurations, OF_OTHER_SOURCES),
            ("SelfManagedEventSource", &self_managed_event_source, OF_OTHER_SOURCES),
            (
                "AmazonManagedKafkaEventSourceConfig",
                &amazon_managed_kafka_event_source_config,
                OF_OTHER_SOURCES,
            ),
            ("SelfManagedKafkaEventSourceConfig", &self_managed_kafka_event_source_config, OF_OTHER_SOURCES),
            ("DocumentDBEventSourceConfig", &document_db_event_source_config, OF_OTHER_SOURCES),
        ])?;
        Ok(Self {
            queue: event_source_arn,
            function: Some(function_name),
            is_enabled: enabled,
            batch_size: batch_size.map(i64::from),
            batching_window_s: maximum_batching_window_in_seconds.map(i64::from),
            reports_item_failures: function_response_types.map(|types| reports_item_failures(&types)),
        })
    }

    fn of_update(request: UpdateEventSourceMappingRequest) -> Result<Self, ApiError> {
        let UpdateEventSourceMappingRequest {
            // It says which mapping, and has been read.
            uuid: _,
            function_name,
            enabled,
            batch_size,
            filter_criteria,
            kms_key_arn,
            metrics_config,
            logging_config,
            scaling_config,
            maximum_batching_window_in_seconds,
            parallelization_factor,
            destination_config,
            maximum_record_age_in_seconds,
            bisect_batch_on_function_error,
            maximum_retry_attempts,
            tumbling_window_in_seconds,
            source_access_configurations,
            function_response_types,
            amazon_managed_kafka_event_source_config,
            self_managed_kafka_event_source_config,
            document_db_event_source_config,
            provisioned_poller_config,
        } = request;
        refuse_given(&[
            ("FilterCriteria", &filter_criteria, NOT_BUILT),
            ("KMSKeyArn", &kms_key_arn, NOT_BUILT),
            ("MetricsConfig", &metrics_config, NOT_BUILT),
            ("LoggingConfig", &logging_config, NOT_BUILT),
            ("ScalingConfig", &scaling_config, NOT_BUILT),
            ("ProvisionedPollerConfig", &provisioned_poller_config, NOT_BUILT),
            ("ParallelizationFactor", &parallelization_factor, OF_OTHER_SOURCES),
            ("DestinationConfig", &destination_config, OF_OTHER_SOURCES),
            ("MaximumRecordAgeInSeconds", &maximum_record_age_in_seconds, OF_OTHER_SOURCES),
            ("BisectBatchOnFunctionError", &bisect_batch_on_function_error, OF_OTHER_SOURCES),
            ("MaximumRetryAttempts", &maximum_retry_attempts, OF_OTHER_SOURCES),
            ("TumblingWindowInSeconds", &tumbling_window_in_seconds, OF_OTHER_SOURCES),
            ("SourceAccessConfigurations", &source_access_configurations, OF_OTHER_SOURCES),
            (
                "AmazonManagedKafkaEventSourceConfig",
                &amazon_managed_kafka_event_source_config,
                OF_OTHER_SOURCES,
            ),
            ("SelfManagedKafkaEventSourceConfig", &self_managed_kafka_event_source_config, OF_OTHER_SOURCES),
            ("DocumentDBEventSourceConfig", &document_db_event_source_config, OF_OTHER_SOURCES),
        ])?;
        Ok(Self {
            queue: None,
            function: function_name,
            is_enabled: enabled,
            batch_size: batch_size.map(i64::from),
            batching_window_s: maximum_batching_window_in_seconds.map(i64::from),
            reports_item_failures: function_response_types.map(|types| reports_item_failures(&types)),
        })
    }

    /// What a mapping becomes; what the request does not say stays.
    fn update(
        &self,
        mapping: &EventSourceMapping,
        function: Option<&FunctionName>,
        context: &Context<'_>,
    ) -> Result<MappingUpdate, ApiError> {
        let (batch_size, batching_window_s) = EventSourceMapping::parse_batching(
            &mapping.queue,
            self.batch_size.unwrap_or(mapping.batch_size.into()),
            self.batching_window_s.unwrap_or(mapping.batching_window_s.into()),
        )
        .map_err(invalid)?;
        Ok(MappingUpdate {
            expected: mapping.clone(),
            function: function.unwrap_or(&mapping.function).clone(),
            batch_size,
            batching_window_s,
            is_enabled: self.is_enabled.unwrap_or(mapping.is_enabled),
            reports_item_failures: self.reports_item_failures.unwrap_or(mapping.reports_item_failures),
            at: context.now,
        })
    }
}

async fn found(context: &Context<'_>, uuid: &str) -> Result<EventSourceMapping, Failure> {
    let found = match uuid.parse::<MappingId>() {
        Ok(id) => context.registry().event_source_mapping(&id).await?,
        // What is no id names no mapping.
        Err(_) => None,
    };
    // In the words of AWS.
    let missing = || ApiError::new(ErrorCode::ResourceNotFound, "The resource you requested does not exist.");
    Ok(found.ok_or_else(missing)?)
}

/// The model allows no other type.
fn reports_item_failures(types: &[String]) -> bool {
    types.iter().any(|kind| kind == REPORTS_ITEM_FAILURES)
}

fn wire(mapping: &EventSourceMapping, scope: &Scope) -> EventSourceMappingConfiguration {
    let EventSourceMapping {
        id,
        function,
        queue,
        batch_size,
        batching_window_s,
        is_enabled,
        reports_item_failures,
        created_at: _,
        modified_at,
        last_result,
    } = mapping;
    // In the words of AWS.
    let last_result = last_result.as_deref().unwrap_or("No records processed");
    let types = if *reports_item_failures { vec![REPORTS_ITEM_FAILURES.to_owned()] } else { Vec::new() };
    EventSourceMappingConfiguration {
        uuid: Some(id.to_string()),
        batch_size: Some((*batch_size).into()),
        maximum_batching_window_in_seconds: Some((*batching_window_s).into()),
        event_source_arn: Some(queue.to_string()),
        function_arn: Some(scope.function_arn(function)),
        last_modified: Some(wire_time(*modified_at)),
        last_processing_result: Some(last_result.to_owned()),
        state: Some(if *is_enabled { "Enabled" } else { "Disabled" }.to_owned()),
        state_transition_reason: Some("USER_INITIATED".to_owned()),
        function_response_types: Some(types),
        event_source_mapping_arn: Some(scope.event_source_mapping_arn(id)),
        ..EventSourceMappingConfiguration::default()
    }
}
