//! Removes code that nothing needs any more.

use std::collections::HashSet;
use std::sync::Arc;

use landfall_model::CodeSha256;
use landfall_registry::{PageRequest, Registry, StorageError};
use tracing::{info, warn};

use crate::runner::FunctionRunner;

/// Removes the code that neither a function nor a layer has. Once, when the server starts: what is replaced while it serves
/// stays until then.
pub(crate) async fn run(runner: Arc<FunctionRunner>) {
    let needed = match needed(&*runner.registry).await {
        Ok(needed) => needed,
        Err(error) => {
            warn!(%error, "which code is needed cannot be read");
            return;
        }
    };
    match runner.remove_code_but(needed).await {
        Ok(0) => {}
        Ok(removed) => info!(removed, "code that nothing needs was removed"),
        Err(error) => warn!(%error, "code that nothing needs cannot be removed"),
    }
}

/// The code of all functions and layers, layers included that were deleted and that functions still have.
async fn needed(registry: &dyn Registry) -> Result<HashSet<CodeSha256>, StorageError> {
    let mut needed = HashSet::new();
    let mut request = PageRequest::first(PAGE_ITEMS);
    loop {
        let page = registry.functions(request).await?;
        for function in &page.items {
            needed.insert(function.code);
            let layers = registry.function_layers(&function.name).await?;
            needed.extend(layers.into_iter().flatten().map(|version| version.code));
        }
        match page.next {
            Some(next) => request.after = Some(next),
            None => break,
        }
    }
    let mut request = PageRequest::first(PAGE_ITEMS);
    loop {
        let page = registry.layers(request).await?;
        for layer in &page.items {
            let mut request = PageRequest::first(PAGE_ITEMS);
            loop {
                let page = registry.layer_versions(&layer.id.layer, request).await?;
                needed.extend(page.items.iter().map(|version| version.code));
                match page.next {
                    Some(next) => request.after = Some(next),
                    None => break,
                }
            }
        }
        match page.next {
            Some(next) => request.after = Some(next),
            None => return Ok(needed),
        }
    }
}

/// How many functions or layers are read at once.
const PAGE_ITEMS: u32 = 100;
