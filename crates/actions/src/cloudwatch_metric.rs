//! Rule action `cloudwatchMetric`: puts a measurement.

use landfall_services::{MetricDatum, Metrics, ServiceFailure};

/// Puts one measurement. AWS IoT gives those of rules no dimensions (cloudwatch-metric-rule-action).
///
/// # Errors
/// The service did not take it.
pub(crate) async fn put(
    metrics: &dyn Metrics,
    namespace: &str,
    datum: MetricDatum,
) -> Result<(), ServiceFailure> {
    metrics.put(namespace, &[datum]).await
}
