use std::ffi::OsString;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use landfall_model::Scope;

/// How functions are run.
#[derive(Clone, Debug)]
pub struct Config {
    /// The data directory, which no other server has open. Code, logs, runtimes and processes have folders in it: `code`,
    /// `unpacked`, `logs`, `runtimes`, `work`. Processes of functions that are left of another server are killed.
    pub data: PathBuf,
    /// The program, and its first arguments, that sets limits on itself and then becomes the function: it calls
    /// [`crate::launch`] with the arguments that follow.
    pub launcher: Vec<OsString>,
    /// Where programs of the machine are looked for, as in `PATH`: `node`, and what functions call.
    pub search_path: OsString,
    /// Account and region.
    pub scope: Scope,
    /// Every limit.
    pub limits: Limits,
}

/// How functions reach the API of this server.
#[derive(Clone)]
pub struct ApiAccess {
    /// Where the API is served: what functions get as `AWS_ENDPOINT_URL`.
    pub endpoint_url: String,
    /// The access key id.
    pub access_key_id: String,
    /// The secret access key.
    pub secret_access_key: String,
}

/// Every limit of functions. What happens at each is said beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How large an archive of code may be, in bytes. A larger one is refused, as at AWS.
    pub archive_bytes_max: u64,
    /// How large the files of an archive may be together, in bytes. An archive with more is refused, as at AWS.
    pub unpacked_bytes_max: u64,
    /// How many files and folders an archive may have. One with more is refused.
    pub archive_entries_max: usize,
    /// How many times larger than itself an archive may unpack, once that is more than 10 MiB. A greater one is refused as
    /// a bomb.
    pub archive_ratio_max: u64,
    /// How large the event of an invocation may be that somebody waits for, in bytes. A larger one is refused, as at AWS.
    pub event_bytes_max: usize,
    /// How large the event of an invocation may be that nobody waits for, in bytes. A larger one is refused, as at AWS.
    pub queued_event_bytes_max: usize,
    /// How large an answer may be, in bytes. A larger one fails the invocation with `Function.ResponseSizeTooLarge`.
    pub answer_bytes_max: usize,
    /// How many invocations of one function may run at once, if it has no number of its own: by default two for each core
    /// of the machine, and four at least. More wait.
    pub concurrency_max: usize,
    /// How many processes may be there at once over all functions, those that wait for work included: by default eight for
    /// each core, and 16 at least. Of these the one that
    /// has waited longest is ended for a new one; while all are at work, invocations wait.
    pub processes_max: usize,
    /// How many invocations of one function may wait for their turn. One more is throttled.
    pub waiting_invocations_max: usize,
    /// How long an invocation waits for its turn. Then it is throttled.
    pub waiting_timeout: Duration,
    /// How long a process may take until it asks for its first invocation. What it takes longer counts as time of the
    /// invocation.
    pub init_timeout: Duration,
    /// How many invocations a process gets. Then another takes its place.
    pub invocations_per_process_max: u32,
    /// How long a process waits for work. Then it is ended.
    pub idle_timeout: Duration,
    /// How many seconds of CPU time an invocation may use for each second of its timeout: so many cores. Then its
    /// processes are killed.
    pub cpu_per_second_max: u32,
    /// How much CPU time one process may use in its life, in seconds. The system kills it then.
    pub cpu_per_process_max_s: u64,
    /// How many processes and threads one function may have at once. With more all of them are killed, as soon as that is
    /// seen.
    pub threads_max: usize,
    /// How many processes and threads the user of the server may have besides those that there are when a function's process
    /// starts. The function cannot make more; a server that runs as root has no such limit.
    pub threads_of_user_max: u64,
    /// How many files a process may have open. It cannot open more, as at AWS.
    pub files_max: u64,
    /// How large a file may become that a process writes, in bytes. The system ends the process at more.
    pub file_bytes_max: u64,
    /// How large the files in the temporary folder of a process may be together, in bytes. With more its processes are killed,
    /// as soon as that is seen: they are measured once a second. As much as `/tmp` has at AWS by default.
    pub temporary_bytes_max: u64,
    /// How much memory for data one process may reserve beyond twice what its function may use, in bytes. It gets no
    /// more. (What it uses is measured ten times a second; this bounds what it can do in between.)
    pub memory_spare_bytes: u64,
    /// How many bytes of what an invocation prints are kept. The rest is thrown away, and a line says how much.
    pub output_bytes_max: u64,
    /// How large the log of a function becomes, in bytes, until a new one is begun. The one before it is kept, and the one
    /// before that removed.
    pub log_bytes_max: u64,
    /// How many pieces of output, of 64 KiB at most, wait until they are written. More are thrown away and counted.
    pub log_pieces_waiting_max: usize,
    /// How many events wait in memory for invocations that nobody waits for. One more is refused.
    pub queued_events_max: usize,
    /// How many bytes these events may have together. One more is refused.
    pub queued_events_bytes_max: usize,
    /// How long after a failure such an event is tried again. When it has failed once more than there are times, it goes to
    /// the function's dead letter target, or is dropped.
    pub retry_delays: [Duration; 2],
    /// How old such an event may become while its function is throttled. Then it goes the same way.
    pub queued_event_age_max: Duration,
    /// How many batches of one event source a function gets at once. More messages stay in their queue.
    pub batches_max: usize,
    /// How many connections a process may have to its Runtime API at once. More wait until it closes one.
    pub runtime_api_connections_max: usize,
}

impl Default for Limits {
    // What AWS publishes stands in <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            archive_bytes_max: 50 * 1024 * 1024,
            unpacked_bytes_max: 250 * 1024 * 1024,
            archive_entries_max: 50_000,
            archive_ratio_max: 100,
            event_bytes_max: 6 * 1024 * 1024,
            queued_event_bytes_max: 1024 * 1024,
            // The number that Lambda itself names in its error.
            answer_bytes_max: 6_291_556,
            concurrency_max: (2 * cores).max(4),
            processes_max: (8 * cores).max(16),
            waiting_invocations_max: 1_000,
            waiting_timeout: Duration::from_secs(30),
            init_timeout: Duration::from_secs(10),
            invocations_per_process_max: 10_000,
            idle_timeout: Duration::from_secs(5 * 60),
            cpu_per_second_max: 4,
            cpu_per_process_max_s: 3_600,
            threads_max: 1_024,
            threads_of_user_max: 4_096,
            files_max: 1_024,
            file_bytes_max: 512 * 1024 * 1024,
            temporary_bytes_max: 512 * 1024 * 1024,
            memory_spare_bytes: 1024 * 1024 * 1024,
            output_bytes_max: 1024 * 1024,
            log_bytes_max: 10 * 1024 * 1024,
            log_pieces_waiting_max: 256,
            queued_events_max: 10_000,
            queued_events_bytes_max: 64 * 1024 * 1024,
            retry_delays: [Duration::from_secs(60), Duration::from_secs(2 * 60)],
            queued_event_age_max: Duration::from_secs(6 * 60 * 60),
            batches_max: 5,
            runtime_api_connections_max: 16,
        }
    }
}

impl fmt::Debug for ApiAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiAccess")
            .field("endpoint_url", &self.endpoint_url)
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}
