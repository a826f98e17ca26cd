use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// What is counted of topic rules.
#[derive(Clone)]
pub(crate) struct Metrics {
    /// Rules whose statements gave something for a message.
    pub(crate) matches: Counter,
    /// Statements and templates that gave an error.
    pub(crate) evaluations_failed: Counter,
    /// Deliveries of messages that are no events, for which there was no room.
    pub(crate) dropped: Counter,
    /// Messages that were not republished because they came out of too many rules.
    pub(crate) loops_cut: Counter,
    pub(crate) waiting: Gauge,
    pub(crate) running: Gauge,
    attempts: Family<[(&'static str, &'static str); 2], Counter>,
    duration: Family<[(&'static str, &'static str); 1], Histogram>,
}

/// The upper bounds of an attempt's duration, in seconds.
const DURATION_BOUNDS: [f64; 12] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 900.0];

impl Default for Metrics {
    fn default() -> Self {
        Self {
            matches: Counter::default(),
            evaluations_failed: Counter::default(),
            dropped: Counter::default(),
            loops_cut: Counter::default(),
            waiting: Gauge::default(),
            running: Gauge::default(),
            attempts: Family::default(),
            duration: Family::new_with_constructor(|| Histogram::new(DURATION_BOUNDS)),
        }
    }
}

impl Metrics {
    /// An attempt of a rule action has ended.
    pub(crate) fn attempted(&self, action: &'static str, outcome: &'static str, duration: Duration) {
        self.attempts.get_or_create(&[("action", action), ("outcome", outcome)]).inc();
        self.duration.get_or_create(&[("action", action)]).observe(duration.as_secs_f64());
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        let Self { matches, evaluations_failed, dropped, loops_cut, waiting, running, attempts, duration } =
            self.clone();
        registry.register("landfall_rule_matches", "Messages that rules matched", matches);
        registry.register(
            "landfall_rule_evaluations_failed",
            "Statements and templates of rules that gave an error for a message",
            evaluations_failed,
        );
        registry.register(
            "landfall_rule_deliveries_dropped",
            "Deliveries of messages other than events for which there was no room",
            dropped,
        );
        registry.register(
            "landfall_rule_loops_cut",
            "Messages that were not republished: they came out of as many rules one after the other as may be",
            loops_cut,
        );
        registry.register(
            "landfall_rule_deliveries_waiting",
            "Deliveries in memory that wait for their turn or their next attempt",
            waiting,
        );
        registry.register("landfall_rule_deliveries_running", "Deliveries under way", running);
        registry.register(
            "landfall_rule_attempts",
            "Attempts of rule actions by what became of the delivery: delivered, retried, error_action, dead or cut",
            attempts,
        );
        registry.register_with_unit(
            "landfall_rule_attempt_duration",
            "How long attempts of rule actions take",
            Unit::Seconds,
            duration,
        );
    }
}
