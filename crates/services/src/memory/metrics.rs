use async_trait::async_trait;

use super::Record;
use super::faults::Faults;
use crate::{MetricDatum, Metrics, ServiceFailure};

/// Metrics in memory: takes everything.
#[derive(Debug, Default)]
pub struct MemoryMetrics {
    data: Record<(String, MetricDatum)>,
    faults: Faults,
}

impl MemoryMetrics {
    /// What was put: namespaces and data.
    pub fn data(&self) -> &Record<(String, MetricDatum)> {
        &self.data
    }

    /// The next `count` calls fail.
    pub fn fail_next(&self, count: usize, failure: &ServiceFailure) {
        self.faults.fail_next(count, failure);
    }
}

#[async_trait]
impl Metrics for MemoryMetrics {
    async fn put(&self, namespace: &str, data: &[MetricDatum]) -> Result<(), ServiceFailure> {
        self.faults.check()?;
        for datum in data {
            self.data.push((namespace.to_owned(), datum.clone()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use landfall_model::UnixTime;

    use super::*;
    use crate::memory::queues::tests::ready;

    #[test]
    fn data_are_kept_and_failures_come_first() {
        let metrics = MemoryMetrics::default();
        let datum = MetricDatum {
            name: "temperature".to_owned(),
            dimensions: Vec::new(),
            value: 21.5,
            unit: "None".to_owned(),
            at: UnixTime::from_secs(1),
            storage_resolution_s: None,
        };
        let failure = ServiceFailure::passing("Throttling: slow down");
        metrics.fail_next(1, &failure);
        assert_eq!(ready(metrics.put("Plant", std::slice::from_ref(&datum))), Err(failure));
        assert_eq!(metrics.data().all(), []);
        assert_eq!(ready(metrics.put("Plant", std::slice::from_ref(&datum))), Ok(()));
        assert_eq!(metrics.data().all(), [("Plant".to_owned(), datum)]);
    }
}
