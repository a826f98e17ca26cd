//! The standard output of commands, whose reader may have read enough.

use std::io::{self, Write as _};

use anyhow::{Context as _, Result};

/// Prints a text. Whether anybody still reads: `landfall functions logs NAME | head` does not after ten lines.
///
/// # Errors
/// It cannot be written.
pub(crate) fn print(text: &str) -> Result<bool> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error).context("cannot write to the standard output"),
    }
}
