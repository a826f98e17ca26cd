use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use landfall_model::{Function, FunctionName};
use landfall_registry::{Change, CommitObserver, FunctionChange, MappingChange, Registry, StorageError};
use tokio::sync::{Notify, mpsc};

/// The functions of the registry, as they are now: each is read once, and again after it was changed.
pub(crate) struct KnownFunctions {
    known: Mutex<Known>,
    /// Where the functions go that were deleted.
    deleted: mpsc::Sender<FunctionName>,
    /// Tells that event-source mappings were changed.
    mappings_changed: Notify,
}

#[derive(Default)]
struct Known {
    functions: HashMap<FunctionName, Arc<Function>>,
    /// How often a function was changed: what was read before a change is not kept after it.
    changes: u64,
}

/// How many functions that were deleted can wait until they are forgotten.
const DELETED_WAITING_MAX: usize = 1_024;

impl KnownFunctions {
    /// Observes a registry. The receiver gets the functions that are deleted.
    pub(crate) fn observe(registry: &Arc<dyn Registry>) -> (Arc<Self>, mpsc::Receiver<FunctionName>) {
        let (deleted, receiver) = mpsc::channel(DELETED_WAITING_MAX);
        let known = Arc::new(Self { known: Mutex::default(), deleted, mappings_changed: Notify::new() });
        registry.observe(Arc::clone(&known) as Arc<dyn CommitObserver>);
        (known, receiver)
    }

    /// The function of a name.
    pub(crate) async fn function(
        &self,
        registry: &dyn Registry,
        name: &FunctionName,
    ) -> Result<Option<Arc<Function>>, StorageError> {
        let changes = {
            let known = self.known();
            if let Some(function) = known.functions.get(name) {
                return Ok(Some(Arc::clone(function)));
            }
            known.changes
        };
        let Some(function) = registry.function(name).await? else { return Ok(None) };
        let function = Arc::new(function);
        let mut known = self.known();
        if known.changes == changes {
            known.functions.insert(name.clone(), Arc::clone(&function));
        }
        Ok(Some(function))
    }

    /// Waits until event-source mappings are changed. Cancel safe.
    pub(crate) async fn mappings_changed(&self) {
        self.mappings_changed.notified().await;
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self, name: &FunctionName) {
        let mut known = self.known();
        known.changes = known.changes.wrapping_add(1);
        known.functions.remove(name);
    }
}

impl CommitObserver for KnownFunctions {
    fn committed(&self, changes: &[Change]) {
        for change in changes {
            if let Change::Function(change) = change {
                match change {
                    FunctionChange::Create(function) | FunctionChange::Update { function, expected: _ } => {
                        self.changed(&function.name);
                    }
                    FunctionChange::Delete { name } => {
                        self.changed(name);
                        // One that does not fit keeps its log until a function of its name is deleted again.
                        let _ = self.deleted.try_send(name.clone());
                    }
                }
            }
            if let Change::EventSourceMapping(change) = change {
                match change {
                    MappingChange::Create(_) | MappingChange::Update(_) | MappingChange::Delete { .. } => {
                        self.mappings_changed.notify_one();
                    }
                    MappingChange::SetResult { .. } => {}
                }
            }
        }
    }
}
