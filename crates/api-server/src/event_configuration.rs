use std::collections::BTreeMap;

use landfall_api::OperationKey;
use landfall_api::event_configuration::{
    Configuration, DescribeEventConfigurationsRequest, DescribeEventConfigurationsResponse,
    UpdateEventConfigurationsRequest, UpdateEventConfigurationsResponse,
};
use landfall_model::{EventConfigurations, EventType};
use landfall_registry::Transaction;

use crate::failure::{Failure, invalid};
use crate::handler::{Context, Handle, Handler, handler, wire_time};

/// The operations of event configurations.
pub(crate) fn handlers() -> Vec<(OperationKey, Handler)> {
    vec![handler::<DescribeEventConfigurationsRequest>(), handler::<UpdateEventConfigurationsRequest>()]
}

impl Handle for DescribeEventConfigurationsRequest {
    async fn handle(self, context: &Context<'_>) -> Result<DescribeEventConfigurationsResponse, Failure> {
        let Self {} = self;
        let EventConfigurations { enabled, created_at, modified_at } =
            context.registry().event_configurations().await?;
        let configuration = |event_type: EventType| {
            let configuration = Configuration { enabled: Some(enabled.contains(&event_type)) };
            (event_type.as_str().to_owned(), configuration)
        };
        Ok(DescribeEventConfigurationsResponse {
            event_configurations: Some(EventType::ALL.into_iter().map(configuration).collect()),
            creation_date: created_at.map(wire_time),
            last_modified_date: modified_at.map(wire_time),
        })
    }
}

impl Handle for UpdateEventConfigurationsRequest {
    /// Types that are not named stay as they are.
    async fn handle(self, context: &Context<'_>) -> Result<UpdateEventConfigurationsResponse, Failure> {
        let Self { event_configurations } = self;
        let changes = parse(&event_configurations.unwrap_or_default())?;
        if !changes.is_empty() {
            let mut transaction = Transaction::new();
            transaction.configure_events(changes, context.now);
            context.registry().commit(transaction).await?;
        }
        Ok(UpdateEventConfigurationsResponse {})
    }
}

fn parse(configurations: &BTreeMap<String, Configuration>) -> Result<Vec<(EventType, bool)>, Failure> {
    let mut changes = Vec::with_capacity(configurations.len());
    for (name, Configuration { enabled }) in configurations {
        changes.push((EventType::parse(name).map_err(invalid)?, *enabled == Some(true)));
    }
    Ok(changes)
}
