use std::time::Duration;

use landfall_model::Scope;

/// How the engine of topic rules is set up.
#[derive(Clone, Debug)]
pub struct Config {
    /// The one account and region that this server is.
    pub scope: Scope,
    /// The limits.
    pub limits: Limits,
}

/// Every limit of the engine. What happens at each is said beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many deliveries of events may be in memory, and how many of other messages (10,000 each). Beyond that, events stay
    /// in the outbox; other messages are dropped and counted. From half of it on, failed deliveries of events are only in the
    /// registry until there is room again.
    pub deliveries_waiting_max: usize,
    /// How many bytes these may have, of events and of other messages (64 MiB each). Beyond that, the same.
    pub deliveries_waiting_bytes_max: usize,
    /// How many deliveries may run at once (256). More wait.
    pub deliveries_running_max: usize,
    /// How many deliveries of one rule may run at once (64). More wait, so that a rule whose target is slow does not
    /// hold up the others.
    pub deliveries_running_per_rule_max: usize,
    /// How often a delivery is tried (12). Then the error action is carried out, or it is a dead letter.
    pub attempts_max: u32,
    /// How long at most a delivery waits after its first failure (200 ms); with each further one it is twice as long. The
    /// wait is between the half and all of that, at random.
    pub retry_first: Duration,
    /// The longest wait after a failure (60 s).
    pub retry_longest: Duration,
    /// How long an attempt may take (30 s), unless it invokes a function. Then it has failed, and is tried again.
    pub attempt_timeout: Duration,
    /// How long the invocation of a function may take, with its wait for its turn (1,000 s): a function has a limit of its own,
    /// of 900 s at most. Then it has failed, and is tried again.
    pub function_timeout: Duration,
    /// How many bytes of the text of a problem are kept (1,024). The rest is cut off.
    pub problem_bytes_max: usize,
    /// How many deliveries that failed at first and ended well are kept for their history, and how many that were handed to
    /// their error action (10,000 each). The oldest are forgotten.
    pub delivered_kept_max: u32,
    /// How many bytes the requests of each of these two kinds may have (256 MiB), with those of their error actions. The oldest
    /// are forgotten.
    pub delivered_bytes_max: u64,
    /// How many dead letters are kept (100,000). The oldest are forgotten.
    pub dead_letters_kept_max: u32,
    /// How many bytes the requests of dead letters may have (1 GiB), with those of their error actions. The oldest are
    /// forgotten.
    pub dead_letters_bytes_max: u64,
    /// How long a delivery may wait for others before it is stored (5 ms), so that one commit serves many.
    pub store_pause: Duration,
    /// How many deliveries are stored by one commit (256). More wait for the next.
    pub stored_per_commit_max: usize,
    /// How many deliveries that wait in the registry are read at once (100), of up to about 400 KB each.
    pub read_per_page_max: u32,
    /// How many warnings of one kind are logged each second (5). More are only counted, and their number is logged once.
    pub warnings_per_second_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deliveries_waiting_max: 10_000,
            deliveries_waiting_bytes_max: 64 * 1_024 * 1_024,
            deliveries_running_max: 256,
            deliveries_running_per_rule_max: 64,
            attempts_max: 12,
            retry_first: Duration::from_millis(200),
            retry_longest: Duration::from_secs(60),
            attempt_timeout: Duration::from_secs(30),
            function_timeout: Duration::from_secs(1_000),
            problem_bytes_max: 1_024,
            delivered_kept_max: 10_000,
            delivered_bytes_max: 256 * 1_024 * 1_024,
            dead_letters_kept_max: 100_000,
            dead_letters_bytes_max: 1_024 * 1_024 * 1_024,
            store_pause: Duration::from_millis(5),
            stored_per_commit_max: 256,
            read_per_page_max: 100,
            warnings_per_second_max: 5,
        }
    }
}
