use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use landfall_model::UnixTime;
use landfall_services::{MetricDatum, Metrics, ServiceFailure};

use crate::entry::Entry;
use crate::sink::Sink;

/// Counts entries as the Universal JITR block does.
pub(crate) struct MetricSink {
    pub(crate) metrics: Arc<dyn Metrics>,
    pub(crate) namespace: String,
}

const METRIC: &str = "Just-In-Time-Registration";
const DIMENSION: &str = "Registration Status";

/// How old a datum may be: "up to two weeks before the current date"
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html>, Timestamp). An hour less, for the
/// time in which it is on its way.
const AGE_MAX: Duration = Duration::from_secs((14 * 24 - 1) * 3_600);

#[async_trait]
impl Sink for MetricSink {
    async fn deliver(&self, entries: &[Arc<Entry>]) -> Result<(), ServiceFailure> {
        let data: Vec<_> = entries.iter().flat_map(|entry| data(entry)).collect();
        self.metrics.put(&self.namespace, &data).await
    }

    fn objection(&self, entry: &Entry, now: UnixTime) -> Option<&'static str> {
        (now.since(entry.at) > AGE_MAX).then_some("CloudWatch takes no data that are older than two weeks")
    }
}

/// `Success` and `Failure` are 1 or 0, so that the average of each is its rate; `Overall` is 1.
fn data(entry: &Entry) -> [MetricDatum; 3] {
    let (success, failure) = if entry.is_success() { (1.0, 0.0) } else { (0.0, 1.0) };
    [("Success", success), ("Failure", failure), ("Overall", 1.0)].map(|(status, value)| MetricDatum {
        name: METRIC.to_owned(),
        dimensions: vec![(DIMENSION.to_owned(), status.to_owned())],
        value,
        unit: "Count".to_owned(),
        at: entry.at,
        storage_resolution_s: Some(1),
    })
}

#[cfg(test)]
mod tests {
    use landfall_registry::conformance::samples::{activated, failure, success};
    use landfall_services::memory::MemoryMetrics;

    use super::*;

    #[tokio::test]
    async fn an_entry_is_counted_three_times() {
        let metrics = Arc::new(MemoryMetrics::default());
        let sink =
            MetricSink { metrics: Arc::clone(&metrics) as Arc<dyn Metrics>, namespace: "AWS/IoT".to_owned() };
        let records = [success(1), failure(2, "a"), activated(3)];
        let times = records.clone().map(|record| record.first_at);
        sink.deliver(&records.map(|record| Arc::new(Entry::new(record)))).await.unwrap();
        let datum = |(status, value, at): (&str, f64, UnixTime)| {
            let datum = MetricDatum {
                name: "Just-In-Time-Registration".to_owned(),
                dimensions: vec![("Registration Status".to_owned(), status.to_owned())],
                value,
                unit: "Count".to_owned(),
                at,
                storage_resolution_s: Some(1),
            };
            ("AWS/IoT".to_owned(), datum)
        };
        let expected = [
            ("Success", 1.0, times[0]),
            ("Failure", 0.0, times[0]),
            ("Overall", 1.0, times[0]),
            ("Success", 0.0, times[1]),
            ("Failure", 1.0, times[1]),
            ("Overall", 1.0, times[1]),
            ("Success", 1.0, times[2]),
            ("Failure", 0.0, times[2]),
            ("Overall", 1.0, times[2]),
        ];
        assert_eq!(metrics.data().all(), expected.map(datum));
    }

    #[test]
    fn what_is_too_old_is_known_beforehand() {
        let sink =
            MetricSink { metrics: Arc::new(MemoryMetrics::default()), namespace: "AWS/IoT".to_owned() };
        let entry = Entry::new(success(1));
        let after = |hours: i64| UnixTime::from_millis(entry.at.as_millis() + hours * 3_600_000);
        for (hours, is_too_old) in [(-1, false), (0, false), (335, false), (336, true), (10_000, true)] {
            assert_eq!(sink.objection(&entry, after(hours)).is_some(), is_too_old, "{hours}");
        }
    }
}
