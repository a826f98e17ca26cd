use std::path::PathBuf;
use std::time::Duration;

/// Where the registry is stored, and its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The database file. Its directory must exist, and no other server may use it.
    pub path: PathBuf,
    /// Connections for look-ups, which run on the task that asks and take microseconds: as many as the runtime has
    /// threads, so that none waits for another. 0 counts as 1.
    pub readers: usize,
    /// Connections for listings, which run on the runtime's blocking threads. A listing waits for a free one. 0 counts as 1.
    pub listing_readers: usize,
    /// How many transactions may wait for the writer. When so many do, a committer waits for its place. 0 counts as 1.
    pub transactions_max: usize,
    /// How many transactions are made durable by one fsync at most. 0 counts as 1.
    pub group_max: usize,
    /// How long the writer waits for more when transactions come side by side. One fsync, and the pages that all of them
    /// change, then serve more of them; a transaction that comes alone is never kept waiting. Zero never waits.
    pub group_pause: Duration,
}

impl Config {
    /// The default of [`Config::readers`].
    pub const READERS: usize = 4;
    /// The default of [`Config::listing_readers`].
    pub const LISTING_READERS: usize = 2;
    /// The default of [`Config::transactions_max`].
    pub const TRANSACTIONS_MAX: usize = 4_096;
    /// The default of [`Config::group_max`].
    pub const GROUP_MAX: usize = 512;

    /// The default of [`Config::group_pause`].
    pub const GROUP_PAUSE: Duration = Duration::from_millis(1);

    /// The registry in this database file, with the default limits.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            readers: Self::READERS,
            listing_readers: Self::LISTING_READERS,
            transactions_max: Self::TRANSACTIONS_MAX,
            group_max: Self::GROUP_MAX,
            group_pause: Self::GROUP_PAUSE,
        }
    }
}
