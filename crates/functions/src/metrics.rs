use std::time::Duration;

use landfall_model::FunctionName;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// What is counted of functions, each by the function's name.
#[derive(Clone)]
pub(crate) struct Metrics {
    invocations: Family<Labels, Counter>,
    errors: Family<Labels, Counter>,
    throttles: Family<Labels, Counter>,
    starts: Family<Labels, Counter>,
    durations: Family<Labels, Histogram, fn() -> Histogram>,
}

#[derive(Clone, Debug, EncodeLabelSet, Hash, PartialEq, Eq)]
struct Labels {
    function: String,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            invocations: Family::default(),
            errors: Family::default(),
            throttles: Family::default(),
            starts: Family::default(),
            durations: Family::new_with_constructor(durations),
        }
    }

    /// Makes them part of what Prometheus is told.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("landfall_function");
        registry.register(
            "invocations",
            "Invocations that were answered or failed",
            self.invocations.clone(),
        );
        registry.register("errors", "Invocations that failed", self.errors.clone());
        registry.register("throttles", "Invocations that did not get their turn", self.throttles.clone());
        registry.register("process_starts", "Processes that were started", self.starts.clone());
        registry.register(
            "duration_seconds",
            "How long invocations took, without the start of their processes",
            self.durations.clone(),
        );
    }

    pub(crate) fn invoked(&self, function: &FunctionName, duration: Duration, is_error: bool) {
        let labels = Labels::of(function);
        self.invocations.get_or_create(&labels).inc();
        self.durations.get_or_create(&labels).observe(duration.as_secs_f64());
        if is_error {
            self.errors.get_or_create(&labels).inc();
        }
    }

    pub(crate) fn throttled(&self, function: &FunctionName) {
        self.throttles.get_or_create(&Labels::of(function)).inc();
    }

    pub(crate) fn started(&self, function: &FunctionName) {
        self.starts.get_or_create(&Labels::of(function)).inc();
    }

    /// Forgets a function that was deleted.
    pub(crate) fn forget(&self, function: &FunctionName) {
        let labels = Labels::of(function);
        self.invocations.remove(&labels);
        self.errors.remove(&labels);
        self.throttles.remove(&labels);
        self.starts.remove(&labels);
        self.durations.remove(&labels);
    }
}

impl Labels {
    fn of(function: &FunctionName) -> Self {
        Self { function: function.as_str().to_owned() }
    }
}

/// From a millisecond to about 16 minutes, which is longer than any invocation takes.
fn durations() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 21))
}
