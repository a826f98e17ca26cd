use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// How interceptors are set up, all together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The environment of executables (empty): nothing else is there.
    pub environment: Vec<(OsString, OsString)>,
    /// The working folder of executables (`/`).
    pub folder: PathBuf,
    /// The limits.
    pub limits: Limits,
}

/// Every limit of interceptors. What happens at each is said beside it. How long an answer may take is a setting of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many bytes an answer may have (64 KiB). At more, the interceptor has failed.
    pub answer_bytes_max: usize,
    /// How many bytes of what an executable prints as errors are kept, to be told if it fails (8 KiB). More are read and dropped.
    pub error_output_bytes_max: usize,
    /// How many processes of one executable may run at once (16). More devices wait, within the deadline.
    pub executables_running_max: usize,
    /// How many requests to one webhook may run at once (64). More devices wait, within the deadline.
    pub webhook_requests_running_max: usize,
    /// How often it is looked whether a file has changed, at most (1 s). Between two looks, what was read holds.
    pub file_look_interval: Duration,
    /// How long ago the last look may be (10 s). After that, a device waits for the next, and if the file has changed until it is
    /// read, within the deadline. Before that, what was read last holds in the meantime.
    pub file_look_age_max: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { environment: Vec::new(), folder: PathBuf::from("/"), limits: Limits::default() }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            answer_bytes_max: 64 * 1_024,
            error_output_bytes_max: 8 * 1_024,
            executables_running_max: 16,
            webhook_requests_running_max: 64,
            file_look_interval: Duration::from_secs(1),
            file_look_age_max: Duration::from_secs(10),
        }
    }
}
