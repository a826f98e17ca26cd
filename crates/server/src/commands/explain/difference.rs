//! Whom other settings name, group or refuse differently.

mod plans;
mod view;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use landfall_model::{CaCertificateId, Scope};
use landfall_registration::{Registrar, SettingsSet};

use self::plans::{Change, changes};
use self::view::DifferenceView;
use super::CaArgument;
use super::certificates::Candidates;
use super::registration::{read_ca, scope_of};
use super::server::Server;
use crate::settings::SettingsSources;

/// Two settings, and the certificates that they are tried on.
pub(super) struct Comparison<'a> {
    pub(super) old: &'a Path,
    pub(super) new: &'a Path,
    /// Files and folders; none means the certificates of the server.
    pub(super) files: &'a [PathBuf],
    pub(super) ca: Option<&'a CaArgument>,
    pub(super) data: &'a Path,
}

/// What the settings do differently.
struct Difference {
    candidates: Candidates,
    /// Of each certificate that something changes for, what changes; in their order.
    changes: Vec<(usize, Vec<Change>)>,
}

const DIFFERENT: u8 = 1;

/// Compares two settings and prints that.
pub(super) fn run(comparison: &Comparison<'_>, json: bool) -> Result<ExitCode> {
    let difference = comparison.difference()?;
    let view = DifferenceView::of(&difference);
    super::show(&match json {
        true => format!("{:#}\n", serde_json::to_value(&view)?),
        false => view.as_text(),
    })?;
    Ok(if difference.changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) })
}

impl Comparison<'_> {
    fn difference(&self) -> Result<Difference> {
        let server = match self.files {
            [] => Some(Server::require(self.data)?),
            _ => None,
        };
        let scope = scope_of(server.as_ref())?;
        let [old, new] = [settings(self.old, &scope)?, settings(self.new, &scope)?];
        let candidates = match &server {
            Some(server) => Candidates::of_fleet(server)?,
            None => Candidates::read(self.files, self.ca()?)?,
        };
        if candidates.all.is_empty() && candidates.unreadable.is_empty() {
            bail!("there is no certificate of a device");
        }
        let changes = changes(&candidates.all, &old, &new);
        Ok(Difference { candidates, changes })
    }

    /// Whose devices the certificates of files are, where that is said.
    fn ca(&self) -> Result<Option<CaCertificateId>> {
        Ok(match self.ca {
            Some(CaArgument::Id(id)) => Some(*id),
            Some(CaArgument::File(path)) => Some(read_ca(path)?.id),
            None => None,
        })
    }
}

fn settings(file: &Path, scope: &Scope) -> Result<SettingsSet> {
    let defaults = SettingsSources::defaults(Registrar::Builtin);
    SettingsSources { file: Some(file.to_owned()), ..defaults }.load_unprepared(scope)
}

#[cfg(test)]
mod tests;
