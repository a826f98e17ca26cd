use std::sync::Arc;

use landfall_model::{Clock, LogSinkName};
use landfall_registry::{Change, CommitObserver, Registry};
use landfall_services::{MessageQueues, Metrics as MetricService, Tables};
use prometheus_client::registry::Registry as MetricsRegistry;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info};

use crate::cloudwatch::MetricSink;
use crate::dynamodb::TableSink;
use crate::file::FileSink;
use crate::metrics::Metrics;
use crate::sink::{Sink, Target};
use crate::sqs::QueueSink;
use crate::webhook::WebhookSink;
use crate::worker::{Shared, Worker};
use crate::{Config, Prepared};

/// The log sinks of a server.
///
/// Each follows the registration log from the position that the registry has for it. One that never ran begins with what is
/// recorded from then on, unless [`Config::from_start`](crate::Config::from_start) says otherwise; one that is switched off
/// and on again goes on where it was.
pub struct LogSinks {
    registry: Arc<dyn Registry>,
    services: Services,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    recorded: watch::Sender<()>,
    wanted: watch::Receiver<Prepared>,
}

/// The services that sinks can reach.
#[derive(Clone)]
pub struct Services {
    /// For the table of DynamoDB.
    pub tables: Arc<dyn Tables>,
    /// For the queue of SQS.
    pub queues: Arc<dyn MessageQueues>,
    /// For CloudWatch.
    pub metrics: Arc<dyn MetricService>,
}

impl LogSinks {
    /// From now on hears of the commits of `registry`. Delivers nothing before [`Self::spawn`].
    ///
    /// When `wanted` changes, other sinks take the place of those that run. These end first, so that none runs twice.
    pub fn build(
        wanted: watch::Receiver<Prepared>,
        registry: Arc<dyn Registry>,
        services: Services,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let metrics = Metrics::new(Arc::clone(&clock));
        let recorded = watch::Sender::new(());
        registry.observe(Arc::new(Recorded(recorded.clone())));
        Self { registry, services, clock, metrics, recorded, wanted }
    }

    /// Delivers until `stopping` is cancelled. Deliveries that are under way then have
    /// [`Limits::stop_grace`](crate::Limits::stop_grace) to end. The tasks run in `tracker`.
    pub fn spawn(&self, tracker: &TaskTracker, stopping: &CancellationToken) {
        let supervisor = Supervisor {
            wanted: self.wanted.clone(),
            services: self.services.clone(),
            shared: Shared {
                registry: Arc::clone(&self.registry),
                clock: Arc::clone(&self.clock),
                metrics: self.metrics.clone(),
                recorded: self.recorded.subscribe(),
            },
            tracker: tracker.clone(),
        };
        tracker.spawn(supervisor.run(stopping.clone()));
    }

    /// Registers what is counted of log sinks.
    pub fn register_metrics(&self, registry: &mut MetricsRegistry) {
        self.metrics.register(registry);
    }
}

/// Tells sinks that the log has a new entry.
struct Recorded(watch::Sender<()>);

impl CommitObserver for Recorded {
    fn committed(&self, changes: &[Change]) {
        if changes.iter().any(|change| matches!(change, Change::Record(_))) {
            self.0.send_replace(());
        }
    }
}

/// Runs the sinks that are wanted, one generation after the other.
struct Supervisor {
    wanted: watch::Receiver<Prepared>,
    services: Services,
    shared: Shared,
    tracker: TaskTracker,
}

impl Supervisor {
    async fn run(mut self, stopping: CancellationToken) {
        while !stopping.is_cancelled() {
            let prepared = self.wanted.borrow_and_update().clone();
            let generation = stopping.child_token();
            let targets = targets(&prepared, &self.services, &self.shared.clock);
            if !targets.is_empty() {
                let sinks: Vec<_> = targets.iter().map(|target| target.name.as_str()).collect();
                info!(sinks = sinks.join(" "), "log sinks follow the registration log");
            }
            let Config { from_start, limits, .. } = prepared.config();
            let worker = |target| Worker::new(target, self.shared.clone(), *from_start, limits.clone());
            let spawn = |target| self.tracker.spawn(worker(target).run(generation.clone()));
            let workers: Vec<_> = targets.into_iter().map(spawn).collect();
            self.others_wanted(&prepared, &stopping).await;
            generation.cancel();
            for worker in workers {
                if let Err(problem) = worker.await {
                    error!(%problem, "log sink ended before its time");
                }
            }
        }
    }

    /// Waits until other sinks are wanted than these, or it is to stop.
    async fn others_wanted(&mut self, running: &Prepared, stopping: &CancellationToken) {
        let others = async {
            // When nobody can want others any more, these go on.
            if self.wanted.wait_for(|wanted| wanted != running).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = others => {}
            () = stopping.cancelled() => {}
        }
    }
}

/// The sinks of a configuration, each with what it takes at once.
fn targets(prepared: &Prepared, services: &Services, clock: &Arc<dyn Clock>) -> Vec<Target> {
    let Config { table, queue, namespace, file, webhook: _, from_start: _, limits } = prepared.config();
    let mut targets = Vec::new();
    let one_by_one = |name, sink: Arc<dyn Sink>| Target {
        name,
        sink,
        entries_per_request_max: 1,
        requests_running_max: limits.requests_running_max,
    };
    let in_order = |name, sink: Arc<dyn Sink>| Target {
        name,
        sink,
        entries_per_request_max: limits.entries_per_request_max,
        requests_running_max: 1,
    };
    if let Some(table) = table {
        let sink = TableSink { tables: Arc::clone(&services.tables), table: table.clone() };
        targets.push(one_by_one(LogSinkName::DynamoDb, Arc::new(sink)));
    }
    if let Some(queue) = queue {
        let sink = QueueSink { queues: Arc::clone(&services.queues), queue: queue.clone() };
        targets.push(one_by_one(LogSinkName::Sqs, Arc::new(sink)));
    }
    if let Some(namespace) = namespace {
        let sink = MetricSink { metrics: Arc::clone(&services.metrics), namespace: namespace.clone() };
        targets.push(in_order(LogSinkName::CloudWatch, Arc::new(sink)));
    }
    if let Some(file) = file {
        targets.push(in_order(LogSinkName::File, Arc::new(FileSink::new(file.clone()))));
    }
    if let Some(webhook) = prepared.webhook() {
        let sink = WebhookSink::new(webhook.clone(), Arc::clone(clock));
        targets.push(in_order(LogSinkName::Webhook, Arc::new(sink)));
    }
    targets
}
