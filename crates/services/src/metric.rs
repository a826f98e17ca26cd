use async_trait::async_trait;
use landfall_model::UnixTime;

use crate::ServiceFailure;

/// Takes measurements, as CloudWatch does.
#[async_trait]
pub trait Metrics: Send + Sync {
    /// Puts data of one namespace. Cancel safety: the data may have been put.
    ///
    /// # Errors
    /// The service did not take them.
    async fn put(&self, namespace: &str, data: &[MetricDatum]) -> Result<(), ServiceFailure>;
}

/// One measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricDatum {
    /// The name of the metric.
    pub name: String,
    /// What it is measured for: names and values.
    pub dimensions: Vec<(String, String)>,
    /// The value.
    pub value: f64,
    /// The unit, as CloudWatch names it.
    pub unit: String,
    /// When it was measured.
    pub at: UnixTime,
    /// How finely the service keeps it, in seconds: 1 or 60; the service's own choice if none.
    pub storage_resolution_s: Option<u16>,
}
