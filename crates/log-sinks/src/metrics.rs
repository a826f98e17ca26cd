use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use landfall_model::{Clock, LogSinkName, UnixTime};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

/// What is counted of log sinks.
#[derive(Clone)]
pub(crate) struct Metrics {
    entries: Family<[(&'static str, &'static str); 2], Counter>,
    failures: Family<[(&'static str, &'static str); 1], Counter>,
    lags: Arc<Lags>,
}

/// When the oldest entry ended that each sink has still to deliver; none if there is none.
struct Lags {
    clock: Arc<dyn Clock>,
    oldest: Mutex<BTreeMap<LogSinkName, Option<UnixTime>>>,
}

impl Metrics {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let lags = Arc::new(Lags { clock, oldest: Mutex::default() });
        Self { entries: Family::default(), failures: Family::default(), lags }
    }

    pub(crate) fn delivered(&self, sink: LogSinkName, entries: usize) {
        let delivered = self.entries.get_or_create(&[("sink", sink.as_str()), ("outcome", "delivered")]);
        delivered.inc_by(u64::try_from(entries).unwrap_or(u64::MAX));
    }

    pub(crate) fn left_out(&self, sink: LogSinkName) {
        self.entries.get_or_create(&[("sink", sink.as_str()), ("outcome", "skipped")]).inc();
    }

    pub(crate) fn failed(&self, sink: LogSinkName) {
        self.failures.get_or_create(&[("sink", sink.as_str())]).inc();
    }

    pub(crate) fn waits_since(&self, sink: LogSinkName, oldest: Option<UnixTime>) {
        self.lags.oldest.lock().unwrap_or_else(PoisonError::into_inner).insert(sink, oldest);
    }

    /// The sink is no more.
    pub(crate) fn ended(&self, sink: LogSinkName) {
        self.lags.oldest.lock().unwrap_or_else(PoisonError::into_inner).remove(&sink);
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        let Self { entries, failures, lags } = self.clone();
        registry.register(
            "landfall_log_sink_entries",
            "Entries of the registration log by what became of them at each sink: delivered or skipped",
            entries,
        );
        registry.register(
            "landfall_log_sink_failures",
            "Attempts of log sinks to deliver entries that failed",
            failures,
        );
        registry.register_collector(Box::new(lags));
    }
}

impl Collector for Lags {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let now = self.clock.now();
        let oldest = self.oldest.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let help = "How long ago the oldest entry was recorded that a sink has still to deliver.";
        let mut family = encoder.encode_descriptor(
            "landfall_log_sink_lag",
            help,
            Some(&Unit::Seconds),
            MetricType::Gauge,
        )?;
        for (sink, oldest) in oldest {
            let lag = oldest.map_or(0.0, |oldest| now.since(oldest).as_secs_f64());
            ConstGauge::new(lag).encode(family.encode_family(&[("sink", sink.as_str())])?)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Lags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lags").field("oldest", &self.oldest).finish_non_exhaustive()
    }
}
