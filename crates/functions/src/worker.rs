//! One process that runs a function: started, given work, stopped while it waits, killed with all that it started.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use landfall_model::{Function, RevisionId};
use rustix::process::Pid;
use tokio::net::unix::pipe::Receiver;
use tokio::process::Child;
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use tracing::debug;

use crate::code::{private_folder, remove_folder};
use crate::config::{ApiAccess, Config};
use crate::environment::{Surroundings, environment};
use crate::exchange::{Answer, Event, Exchange, Phase};
use crate::invocation::FunctionFailure;
use crate::launcher::LaunchLimits;
use crate::left::{Mark, WORK};
use crate::logs::Logs;
use crate::output::Output;
use crate::pool::{NewPlace, Presence};
use crate::process::{ProcessGroup, ProcessTable, peak_memory};
use crate::runtime_api::RuntimeApi;
use crate::runtimes::Program;
use crate::spawner::Spawner;
use crate::watcher::{Excess, UsageLimits, Watched, Watcher};

/// What all processes have in common.
pub(crate) struct Host {
    /// How functions are run.
    pub(crate) config: Config,
    /// Starts processes.
    pub(crate) spawner: Spawner,
    /// Watches what they use.
    pub(crate) watcher: Arc<Watcher>,
    /// What they print.
    pub(crate) logs: Logs,
    /// Every task starts through this.
    pub(crate) tracker: TaskTracker,
}

/// What a process is started with.
pub(crate) struct Start {
    /// The function.
    pub(crate) function: Arc<Function>,
    /// What runs it.
    pub(crate) program: Program,
    /// The folder of its code.
    pub(crate) task: PathBuf,
    /// How it reaches the API.
    pub(crate) api: ApiAccess,
    /// The name of its part of the log.
    pub(crate) log_stream: String,
    /// Whether the caller of its first invocation wants the end of the log.
    pub(crate) tail: bool,
}

/// A process that runs a function. It is killed when this is dropped.
pub(crate) struct Worker {
    exchange: Arc<Exchange>,
    watched: Arc<Watched>,
    watcher: Arc<Watcher>,
    output: Output,
    ended: watch::Receiver<Option<ExitStatus>>,
    revision: RevisionId,
    invocations: u32,
    /// When it last had nothing to do.
    idle_since: Instant,
    _kill: DropGuard,
    /// Its place in the pool of its function.
    _presence: Presence,
}

/// What an invocation came to.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The runtime answered.
    Answered(Answer),
    /// The process ended before it did.
    Exited(ExitStatus),
    /// It used too much, and was killed.
    Exceeded(Excess),
    /// It lost the work that it was given.
    Lost,
    /// It did not answer in time.
    TimedOut,
}

/// What the start of a process came to.
pub(crate) enum Readiness {
    /// It waits for work.
    Ready,
    /// It said that it cannot start.
    Failed(FunctionFailure),
    /// It ended, or was killed.
    Ended(Ending),
    /// It has not asked for work in time.
    NotYet,
}

impl Worker {
    /// Starts a process, which takes a place among the processes until it has ended.
    ///
    /// # Errors
    /// The system has no port, pipe or process to give.
    pub(crate) async fn start(host: &Host, start: Start, place: NewPlace) -> io::Result<Self> {
        let NewPlace { place, presence } = place;
        let limits = &host.config.limits;
        let exchange = Exchange::new();
        let runtime_api = RuntimeApi::bind(
            Arc::clone(&exchange),
            limits.answer_bytes_max,
            limits.runtime_api_connections_max,
        );
        let runtime_api = runtime_api.await?;
        let temporary = work_folder(&host.config).join(uuid::Uuid::new_v4().simple().to_string());
        private_folder(&temporary)?;
        let process = start_process(host, &start, runtime_api.address(), &temporary).await;
        let Process { child, leader, printed } = process.inspect_err(|_| {
            // What stays is removed when the server starts.
            let _ = remove_folder(&temporary);
        })?;
        let Start { function, program, tail, .. } = start;
        let kill = CancellationToken::new();
        let used = UsageLimits {
            memory: mebibytes(function.memory_mib),
            cpu_ms: u64::from(function.timeout_s) * u64::from(limits.cpu_per_second_max) * 1_000,
            threads: limits.threads_max,
            temporary: limits.temporary_bytes_max,
        };
        let watched =
            Arc::new(Watched::new(ProcessGroup::new(leader), used, temporary.clone(), kill.clone()));
        host.watcher.watch(&watched);
        let (output, reader) =
            Output::new(printed, function.name.clone(), host.logs.clone(), limits.output_bytes_max);
        output.begin(format!("INIT_START Runtime: {} ({})\n", function.runtime, program.version), tail).await;
        let (ending, ended) = watch::channel(None);
        let closed = CancellationToken::new();
        let served = closed.clone();
        host.tracker.spawn(async move { runtime_api.serve(served).await });
        host.tracker.spawn(reader.run());
        let supervisor = Supervisor {
            child,
            watched: Arc::clone(&watched),
            kill: kill.clone(),
            ending,
            closed,
            temporary,
            _place: place,
        };
        host.tracker.spawn(supervisor.run());
        Ok(Self {
            exchange,
            watched,
            watcher: Arc::clone(&host.watcher),
            output,
            ended,
            revision: function.revision,
            invocations: 0,
            idle_since: Instant::now(),
            _kill: kill.drop_guard(),
            _presence: presence,
        })
    }

    /// Which state of its function it runs.
    pub(crate) fn revision(&self) -> RevisionId {
        self.revision
    }

    /// How many invocations it has had.
    pub(crate) fn invocations(&self) -> u32 {
        self.invocations
    }

    /// When it last had nothing to do.
    pub(crate) fn idle_since(&self) -> Instant {
        self.idle_since
    }

    /// What it prints.
    pub(crate) fn output(&self) -> &Output {
        &self.output
    }

    /// The most memory that it has had, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let leader = peak_memory(self.watched.group.leader()).unwrap_or(0);
        self.watched.peak().max(leader)
    }

    /// Whether its process is there and waits for work.
    pub(crate) fn is_ready(&self) -> bool {
        self.ended.borrow().is_none() && *self.exchange.phase().borrow() == Phase::Ready
    }

    /// Waits until it waits for work, or never will.
    pub(crate) async fn ready(&mut self, deadline: Instant) -> Readiness {
        let mut phase = self.exchange.phase();
        let waiting = phase.wait_for(|phase| matches!(phase, Phase::Ready | Phase::InitFailed(_)));
        tokio::select! {
            // A runtime that cannot start says so and ends.
            biased;
            reached = waiting => match reached.as_deref() {
                Ok(Phase::InitFailed(failure)) => Readiness::Failed(failure.clone()),
                Ok(Phase::Starting | Phase::Ready | Phase::Working) | Err(_) => Readiness::Ready,
            },
            ending = ended(&mut self.ended, &self.watched) => Readiness::Ended(ending),
            () = tokio::time::sleep_until(deadline) => Readiness::NotYet,
        }
    }

    /// Gives it work, and waits for the answer until the deadline. After anything but an answer it is of no use any more.
    /// `None`: it did not take the work.
    pub(crate) async fn invoke(&mut self, event: Event, deadline: Instant) -> Option<Ending> {
        self.invocations = self.invocations.saturating_add(1);
        self.watcher.thaw(&self.watched);
        let answered = self.exchange.invoke(event).ok()?;
        Some(self.answer(answered, deadline).await)
    }

    async fn answer(&mut self, answered: oneshot::Receiver<Answer>, deadline: Instant) -> Ending {
        tokio::select! {
            // One that answers and ends has answered.
            biased;
            answer = answered => match answer {
                Ok(answer) => Ending::Answered(answer),
                // The connection broke: mostly because the process ended, which is about to be known.
                Err(_) => match timeout(LOST_TIMEOUT, ended(&mut self.ended, &self.watched)).await {
                    Ok(ending) => ending,
                    Err(_) => Ending::Lost,
                },
            },
            ending = ended(&mut self.ended, &self.watched) => ending,
            () = tokio::time::sleep_until(deadline) => Ending::TimedOut,
        }
    }

    /// Stops it until it is given work.
    pub(crate) fn rest(&mut self) {
        self.idle_since = Instant::now();
        self.watcher.freeze(&self.watched);
    }
}

/// Waits until a process has ended, and says how.
async fn ended(ended: &mut watch::Receiver<Option<ExitStatus>>, watched: &Watched) -> Ending {
    let status = ended.wait_for(Option::is_some).await.ok().and_then(|status| *status);
    match (watched.excess(), status) {
        (Some(excess), _) => Ending::Exceeded(excess),
        (None, Some(status)) => Ending::Exited(status),
        (None, None) => Ending::Lost,
    }
}

/// Waits for the end of a process, or brings it about.
struct Supervisor {
    child: Child,
    watched: Arc<Watched>,
    kill: CancellationToken,
    ending: watch::Sender<Option<ExitStatus>>,
    /// Ends the Runtime API.
    closed: CancellationToken,
    temporary: PathBuf,
    _place: OwnedSemaphorePermit,
}

impl Supervisor {
    async fn run(self) {
        let Self { mut child, watched, kill, ending, closed, temporary, _place } = self;
        let ended = tokio::select! {
            ended = child.wait() => Some(ended),
            () = kill.cancelled() => None,
        };
        // What it started ends with it.
        let (killed, mark) = (Arc::clone(&watched), Mark::of_folder(&temporary));
        let killing = tokio::task::spawn_blocking(move || {
            killed.group.kill();
            // Where the leader ended before them, what left its group can be known by its environment only.
            mark.kill_processes();
        });
        let killing = killing.await;
        if let Err(error) = killing {
            debug!(%error, "the processes of a function could not be killed");
        }
        let ended = match ended {
            Some(ended) => ended,
            None => child.wait().await,
        };
        ending.send_replace(Some(ended.unwrap_or_else(|_| ExitStatus::from_raw(UNKNOWN_STATUS))));
        watched.gone.cancel();
        closed.cancel();
        let removing = tokio::task::spawn_blocking(move || remove_folder(&temporary)).await;
        if let Ok(Err(error)) = removing {
            debug!(%error, "the temporary folder of a function cannot be removed");
        }
    }
}

/// Where processes have folders of their own.
pub(crate) fn work_folder(config: &Config) -> PathBuf {
    config.data.join(WORK)
}

/// How long after its connection broke a process may take to end.
const LOST_TIMEOUT: Duration = Duration::from_secs(1);

/// What is said of a process of which the system does not know how it ended: exit status 255.
const UNKNOWN_STATUS: i32 = 0xff00;

fn mebibytes(count: u16) -> u64 {
    u64::from(count) * 1_024 * 1_024
}

/// A process that was just started.
struct Process {
    child: Child,
    leader: Pid,
    /// What it prints.
    printed: Receiver,
}

async fn start_process(
    host: &Host,
    start: &Start,
    runtime_api: SocketAddr,
    temporary: &Path,
) -> io::Result<Process> {
    let Start { function, program, task, api, log_stream, tail: _ } = start;
    let scope = &host.config.scope;
    let surroundings = Surroundings { scope, api, runtime_api, task, temporary, log_stream };
    let (printed, printer) = io::pipe()?;
    let printed = Receiver::from_owned_fd(OwnedFd::from(printed))?;
    let others = tokio::task::spawn_blocking(|| ProcessTable::read().threads()).await?;
    let mut command = launch_command(&host.config, function, program, others)?;
    command.env_clear().envs(environment(function, program, &surroundings));
    command.current_dir(task).process_group(0);
    command.stdin(Stdio::null()).stdout(printer.try_clone()?).stderr(printer);
    let child = host.spawner.spawn(command).await?;
    let leader = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let leader = leader.ok_or_else(|| io::Error::other("the process ended before it began"))?;
    Ok(Process { child, leader, printed })
}

/// The launcher with its limits and the program. `others`: how many processes and threads there are besides.
fn launch_command(
    config: &Config,
    function: &Function,
    program: &Program,
    others: usize,
) -> io::Result<Command> {
    let limits = &config.limits;
    let Some((launcher, first)) = config.launcher.split_first() else {
        return Err(io::Error::other("the server was given no launcher"));
    };
    let launch = LaunchLimits {
        memory: mebibytes(function.memory_mib).saturating_mul(2).saturating_add(limits.memory_spare_bytes),
        cpu: limits.cpu_per_process_max_s,
        processes: limits.threads_of_user_max.saturating_add(u64::try_from(others).unwrap_or(u64::MAX)),
        files: limits.files_max,
        file_size: limits.file_bytes_max,
        parent: std::process::id(),
    };
    let mut command = Command::new(launcher);
    command.args(first).args(launch.to_arguments()).args(&program.command);
    Ok(command)
}
