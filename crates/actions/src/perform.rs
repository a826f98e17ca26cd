//! Carries a request out: the one place that knows every rule action.

use std::sync::Arc;

use landfall_model::{DestinationStatus, Scope, UnixTime};
use landfall_registry::Registry;
use landfall_rules::ActionRequest;
use landfall_services::{
    FunctionInvoker, MessagePublisher, MessageQueues, MetricDatum, Metrics, ServiceFailure, Tables,
};

use crate::dynamodb::Column;
use crate::{HttpSender, Programs, cloudwatch_metric, dynamodb, lambda, republish, sqs};

/// What rule actions reach.
#[derive(Clone)]
pub struct Services {
    /// Functions, of rule action `lambda`. [`FunctionsOff`](crate::FunctionsOff) has none.
    pub functions: Arc<dyn FunctionInvoker>,
    /// Queues, of `sqs`.
    pub queues: Arc<dyn MessageQueues>,
    /// Tables, of `dynamoDB` and `dynamoDBv2`.
    pub tables: Arc<dyn Tables>,
    /// Measurements, of `cloudwatchMetric`.
    pub metrics: Arc<dyn Metrics>,
    /// Web servers, of `http`.
    pub http: Arc<HttpSender>,
    /// Programs of the machine, of `exec`; none if they are switched off.
    pub programs: Option<Programs>,
}

/// What became of a request that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Performed {
    /// It was carried out.
    Done,
    /// It was not: its message has come through so many rules that it is a loop of rules, which ends here.
    Cut,
}

/// Carries out requests.
pub(crate) struct Performer {
    pub(crate) scope: Scope,
    pub(crate) services: Services,
    pub(crate) publisher: Arc<dyn MessagePublisher>,
    /// Knows which web servers want to be sent to.
    pub(crate) registry: Arc<dyn Registry>,
}

impl Performer {
    /// Carries a request out, once. `depth`: how many rules its message has come through.
    ///
    /// # Errors
    /// It was not done, or perhaps not.
    pub(crate) async fn perform(
        &self,
        request: ActionRequest,
        depth: u8,
    ) -> Result<Performed, ServiceFailure> {
        let Services { functions, queues, tables, metrics, http, programs } = &self.services;
        match request {
            ActionRequest::Lambda { function_arn, payload } => {
                lambda::invoke(&**functions, &self.scope, &function_arn, payload.into_bytes()).await
            }
            ActionRequest::Http { url, confirmation_url, headers, payload } => {
                self.check_destination(&confirmation_url).await?;
                http.post(&url, &headers, payload.into_bytes()).await
            }
            ActionRequest::Republish { topic, qos, properties, payload } => {
                let publisher = &*self.publisher;
                return Ok(republish::republish(publisher, topic, qos, properties, payload, depth).await);
            }
            ActionRequest::Sqs { queue_url, body, is_base64: _ } => {
                sqs::send(&**queues, queue_url, body).await
            }
            ActionRequest::DynamoDb { table, hash_key, range_key, operation, payload_field, payload } => {
                let column = Column { hash_key, range_key, operation, field: payload_field, payload };
                dynamodb::write_column(&**tables, &table, column).await
            }
            ActionRequest::DynamoDbV2 { table, item } => dynamodb::put_item(&**tables, &table, item).await,
            ActionRequest::CloudwatchMetric { namespace, name, value, unit, timestamp } => {
                let at = UnixTime::from_secs(timestamp);
                let datum =
                    MetricDatum { name, dimensions: Vec::new(), value, unit, at, storage_resolution_s: None };
                cloudwatch_metric::put(&**metrics, &namespace, datum).await
            }
            ActionRequest::Exec { program, arguments, payload } => match programs {
                Some(programs) => programs.run(&program, &arguments, payload.into_bytes()).await,
                None => Err(ServiceFailure::lasting(
                    "this server runs no programs: rule action exec is switched off",
                )),
            },
        }?;
        Ok(Performed::Done)
    }

    /// Nothing is sent to a web server that has not confirmed that it wants that.
    async fn check_destination(&self, confirmation_url: &str) -> Result<(), ServiceFailure> {
        let found = self.registry.destination_of_url(confirmation_url).await;
        let found = found.map_err(|error| {
            ServiceFailure::passing(format!("the destination cannot be read from the registry: {error}"))
        })?;
        match found.map(|destination| destination.status) {
            Some(DestinationStatus::Enabled) => Ok(()),
            Some(
                status @ (DestinationStatus::InProgress
                | DestinationStatus::Disabled
                | DestinationStatus::Error
                | DestinationStatus::Deleting),
            ) => Err(ServiceFailure::lasting(format!(
                "the destination {confirmation_url} is {}; it must be ENABLED",
                status.as_str()
            ))),
            None => Err(ServiceFailure::lasting(format!(
                "there is no destination {confirmation_url}: create it with CreateTopicRuleDestination, and confirm it"
            ))),
        }
    }
}
