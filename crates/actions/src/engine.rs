use std::sync::Arc;

use async_trait::async_trait;
use landfall_model::{Clock, Delivery, DeliveryId, RuleName};
use landfall_registry::{CommitObserver, EventId, Registry, StorageError};
use landfall_services::{MessagePublisher, PublishObserver, PublishedMessage, Publisher};
use prometheus_client::registry::Registry as MetricsRegistry;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::warn;

use crate::context::MessageContext;
use crate::deliveries::Source;
use crate::ledger::Ledger;
use crate::matching::{Evaluated, Evaluation};
use crate::metrics::Metrics;
use crate::perform::{Performer, Services};
use crate::rules::{Matched, Rules};
use crate::store::Storer;
use crate::warnings::Warnings;
use crate::worker::Worker;
use crate::{Config, Limits};

/// The engine of topic rules: matches what is published, and sees to it that the actions of the rules are carried out.
///
/// Who publishes and the engine need each other: the engine is built first and given to the broker as its
/// [`PublishObserver`], and gets the broker's publisher by [`Engine::spawn`]. What is published before that waits.
pub struct Engine {
    config: Config,
    registry: Arc<dyn Registry>,
    services: Services,
    clock: Arc<dyn Clock>,
    tracker: TaskTracker,
    rules: Arc<Rules>,
    ledger: Arc<Ledger>,
    metrics: Metrics,
    evaluation_warnings: Warnings,
    drop_warnings: Warnings,
}

impl Engine {
    /// Reads the topic rules, and from then on follows the commits of `registry`. Performs nothing before [`Self::spawn`].
    ///
    /// # Errors
    /// The rules cannot be read.
    pub async fn build(
        config: Config,
        registry: Arc<dyn Registry>,
        services: Services,
        clock: Arc<dyn Clock>,
        tracker: TaskTracker,
    ) -> Result<Arc<Self>, StorageError> {
        let metrics = Metrics::default();
        let ledger = Arc::new(Ledger::new(&config.limits, Arc::clone(&clock), metrics.clone()));
        registry.observe(Arc::clone(&ledger) as Arc<dyn CommitObserver>);
        let rules = Rules::start(&*registry).await?;
        let warnings = || Warnings::new(config.limits.warnings_per_second_max);
        let (evaluation_warnings, drop_warnings) = (warnings(), warnings());
        Ok(Arc::new(Self {
            config,
            registry,
            services,
            clock,
            tracker,
            rules,
            ledger,
            metrics,
            evaluation_warnings,
            drop_warnings,
        }))
    }

    /// Performs rule actions until `stopping` is cancelled, those first that wait in the registry. Then nothing more is
    /// begun; what is under way comes to its end, and what is not done is stored, to be done after the next start. The
    /// tasks run in the tracker that the engine was built with.
    pub fn spawn(&self, publisher: Arc<dyn MessagePublisher>, stopping: &CancellationToken) {
        let Config { scope, limits } = &self.config;
        let performer = Performer {
            scope: scope.clone(),
            services: self.services.clone(),
            publisher,
            registry: Arc::clone(&self.registry),
        };
        let worker = Worker {
            ledger: Arc::clone(&self.ledger),
            performer,
            limits: limits.clone(),
            metrics: self.metrics.clone(),
            warnings: Warnings::new(limits.warnings_per_second_max),
            loop_warnings: Warnings::new(limits.warnings_per_second_max),
            tracker: self.tracker.clone(),
        };
        self.tracker.spawn(Arc::new(worker).run(stopping.clone()));
        let storer = Storer {
            ledger: Arc::clone(&self.ledger),
            registry: Arc::clone(&self.registry),
            limits: limits.clone(),
        };
        self.tracker.spawn(storer.run(stopping.clone()));
    }

    /// Registers what is counted of topic rules.
    pub fn register_metrics(&self, registry: &mut MetricsRegistry) {
        self.metrics.register(registry);
    }

    /// Evaluates rules for a message.
    fn evaluate(&self, published: &PublishedMessage<'_>, rules: &[Matched]) -> Vec<Delivery> {
        let context = MessageContext::new(published, &self.config.scope.account, self.clock.now());
        let evaluation = match Evaluation::new(published, &context) {
            Ok(evaluation) => evaluation,
            Err(problem) => {
                rules.iter().for_each(|(name, _)| self.tell_problem(name, published, &problem.to_string()));
                return Vec::new();
            }
        };
        let mut all = Vec::new();
        for (name, rule) in rules {
            let Evaluated { is_match, deliveries, problems } = evaluation.evaluate(name, rule);
            self.metrics.matches.inc_by(u64::from(is_match));
            problems.iter().for_each(|problem| self.tell_problem(name, published, problem));
            all.extend(deliveries);
        }
        all
    }

    fn tell_problem(&self, rule: &RuleName, published: &PublishedMessage<'_>, problem: &str) {
        self.metrics.evaluations_failed.inc();
        if let Some(left_out) = self.evaluation_warnings.admit(self.clock.now()) {
            let topic = published.message.topic.as_str();
            warn!(rule.name = %rule, topic, problem, left_out, "topic rule cannot be evaluated");
        }
    }

    fn tell_drops(&self, dropped: u64, topic: &str) {
        self.metrics.dropped.inc_by(dropped);
        if let Some(left_out) = self.drop_warnings.admit(self.clock.now()) {
            let Limits { deliveries_waiting_max, .. } = self.config.limits;
            warn!(
                topic,
                dropped,
                deliveries_waiting_max,
                left_out,
                "rule actions are not carried out: too many wait already"
            );
        }
    }
}

#[async_trait]
impl PublishObserver for Engine {
    fn published(&self, message: PublishedMessage<'_>) {
        if self.rules.is_empty() {
            return;
        }
        let topic = &message.message.topic;
        let rules = self.rules.matching(topic);
        if rules.is_empty() {
            return;
        }
        let made = self.evaluate(&message, &rules);
        if made.is_empty() {
            return;
        }
        let (source, depth) = match message.publisher {
            Publisher::Event(event) => (Source::Event(event), 0),
            Publisher::Client { .. } | Publisher::Api => (Source::Message, 0),
            Publisher::Rule { depth } => (Source::Message, depth),
        };
        let dropped = self.ledger.change(|deliveries| {
            let is_dropped = |delivery| !deliveries.handle_new(delivery, source, depth);
            made.into_iter().map(is_dropped).map(u64::from).sum()
        });
        if dropped > 0 {
            self.tell_drops(dropped, topic.as_str());
        }
    }

    async fn room(&self) {
        self.ledger.room().await;
    }

    fn unfinished(&self, last: EventId) -> Vec<Delivery> {
        self.ledger.poll(|deliveries| deliveries.unfinished(last))
    }

    fn settled(&self, deliveries: &[DeliveryId], stored: bool) {
        if !deliveries.is_empty() {
            self.ledger.change(|all| all.settled(deliveries, stored));
        }
    }
}
