//! `POST /landfall/v1/settings/reload`: the settings of the registrar, read anew.

use async_trait::async_trait;
use landfall_api::{ApiError, ErrorCode};
use serde_json::{Value, json};

use crate::dispatch::App;

/// Reads the settings of the registrar anew: the server, through whoever wires the two.
#[async_trait]
pub trait SettingsReloader: Send + Sync + 'static {
    /// Reads them, and uses them from then on: all of them, or none.
    ///
    /// # Errors
    /// Something in them cannot work: every fault with its place.
    async fn reload(&self) -> Result<(), String>;
}

/// Has the settings read anew.
///
/// # Errors
/// Something in them cannot work.
pub(crate) async fn reload(app: &App) -> Result<Value, ApiError> {
    let reloaded = app.settings.reload().await;
    reloaded.map_err(|problem| ApiError::new(ErrorCode::InvalidRequest, problem))?;
    Ok(json!({}))
}
