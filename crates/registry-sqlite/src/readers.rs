//! The connections that read.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use landfall_registry::StorageError;
use rusqlite::Connection;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::error::ReadError;

/// Two pools: a listing, which may take long, never keeps a look-up waiting.
pub(crate) struct Readers {
    look_ups: Pool,
    listings: Arc<Pool>,
    /// One for each connection of `listings`.
    listing_permits: Arc<Semaphore>,
}

struct Pool {
    connections: Vec<Mutex<Connection>>,
    turn: AtomicUsize,
}

impl Readers {
    /// Both must have a connection at least.
    pub(crate) fn new(look_ups: Vec<Connection>, listings: Vec<Connection>) -> Self {
        let listing_permits = Arc::new(Semaphore::new(listings.len()));
        Self { look_ups: Pool::new(look_ups), listings: Arc::new(Pool::new(listings)), listing_permits }
    }

    /// Reads at once, on the calling task: for what takes microseconds.
    ///
    /// The thread waits only when more threads look up than there are connections, and then for one look-up; or for the
    /// disk, when a page was not used for so long that the system has dropped it from memory.
    pub(crate) fn look_up<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, ReadError>,
    ) -> Result<T, StorageError> {
        let connection = self.look_ups.take().ok_or(StorageError::Closed)?;
        Ok(read(&connection)?)
    }

    /// Reads on a thread that may block, when a connection is free.
    pub(crate) async fn list<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, StorageError> {
        let permit = Arc::clone(&self.listing_permits).acquire_owned().await;
        let permit = permit.map_err(|_| StorageError::Closed)?;
        let listings = Arc::clone(&self.listings);
        let listing = spawn_blocking(move || {
            let connection = listings.take().ok_or(StorageError::Closed)?;
            let result = read(&connection);
            // The connection is free before the permit is, so that who gets the permit finds it.
            drop(connection);
            drop(permit);
            Ok(result?)
        });
        match listing.await {
            Ok(result) => result,
            Err(error) if error.is_cancelled() => Err(StorageError::Closed),
            Err(error) => Err(StorageError::Failed(Box::new(error))),
        }
    }
}

impl Pool {
    fn new(connections: Vec<Connection>) -> Self {
        Self { connections: connections.into_iter().map(Mutex::new).collect(), turn: AtomicUsize::new(0) }
    }

    /// A free connection, else the one whose turn it is as soon as that is free. None only if the pool is empty.
    fn take(&self) -> Option<MutexGuard<'_, Connection>> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.connections.len().max(1);
        let (before, behind) = self.connections.split_at_checked(turn)?;
        let free = behind.iter().chain(before).find_map(|connection| match connection.try_lock() {
            Ok(connection) => Some(connection),
            // Who panicked has read at most: a connection has no state between two reads.
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        });
        free.or_else(|| Some(behind.first()?.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}
