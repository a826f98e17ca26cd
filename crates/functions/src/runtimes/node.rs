use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use landfall_model::RuntimeName;
use tokio::process::Command;
use tokio::time::timeout;

use super::{MissingRuntime, Places, Program, in_layers, paths, runtimes_folder, support_folder};
use crate::code::private_folder;

/// The oldest Node.js that functions are run on.
pub(super) const MAJOR_MIN: u32 = 18;

/// The Node.js of this machine, looked for once.
#[derive(Default)]
pub(super) struct Node {
    found: Mutex<Option<FoundNode>>,
}

/// A Node.js that can run functions.
#[derive(Clone)]
pub(super) struct FoundNode {
    program: PathBuf,
    /// As `20.11.0`.
    pub(super) version: String,
}

impl Node {
    /// Finds the program in the folders of a search path.
    pub(super) async fn find(
        &self,
        search_path: &OsStr,
        runtime: RuntimeName,
    ) -> Result<FoundNode, MissingRuntime> {
        let known = self.found.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(found) = known.filter(|found| found.program.is_file()) {
            return Ok(found);
        }
        let program = program_in(search_path, "node").ok_or(MissingRuntime::Node { runtime })?;
        let version = version_of(&program).await;
        let major = version.as_deref().and_then(|version| version.split('.').next()?.parse::<u32>().ok());
        match (version, major) {
            (Some(version), Some(major)) if major >= MAJOR_MIN => {
                let found = FoundNode { program, version };
                *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(found.clone());
                Ok(found)
            }
            (version, _) => {
                let found = version.unwrap_or_else(|| "a program that does not tell its version".to_owned());
                Err(MissingRuntime::NodeTooOld { runtime, program, found })
            }
        }
    }
}

/// Where the packages are that functions find without bringing them.
pub(super) fn folder(data: &Path) -> PathBuf {
    runtimes_folder(data).join("nodejs")
}

/// The program of a name in the folders of a search path.
pub(super) fn program_in(search_path: &OsStr, name: &str) -> Option<PathBuf> {
    let is_program = |path: &PathBuf| {
        fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    // A relative folder would mean another one in the folder of each function.
    let folders = std::env::split_paths(search_path).filter(|folder| folder.is_absolute());
    folders.map(|folder| folder.join(name)).find(is_program)
}

/// Writes our loop and what is loaded before and beside it.
///
/// # Errors
/// They cannot be written.
pub(super) fn write_support(folder: &Path) -> io::Result<()> {
    private_folder(folder)?;
    for (name, text) in SUPPORT {
        fs::write(folder.join(name), text)?;
    }
    Ok(())
}

/// How a function is run.
pub(super) fn program(data: &Path, node: &FoundNode, memory_mib: u16, places: &Places<'_>) -> Program {
    let support = support_folder(data);
    // As Lambda does: the garbage collector works harder when this is near, and then says what is wrong, while a process
    // that is killed says nothing.
    let heap_mib = u32::from(memory_mib) * 9 / 10;
    let command = [
        node.program.clone().into_os_string(),
        OsString::from(format!("--max-old-space-size={heap_mib}")),
        OsString::from("--require"),
        support.join("preload.cjs").into_os_string(),
        support.join("loop.mjs").into_os_string(),
    ];
    let major = node.version.split('.').next().unwrap_or_default();
    let of_version = format!("nodejs/node{major}/node_modules");
    let names = [of_version.as_str(), "nodejs/node_modules"];
    let modules = paths(in_layers(places, &names), [folder(data).join("node_modules")]);
    Program {
        command: command.into(),
        environment: vec![("NODE_PATH", modules)],
        version: format!("Node.js {}", node.version),
    }
}

const SUPPORT: &[(&str, &str)] = &[
    ("loop.mjs", include_str!("loop.mjs")),
    ("preload.cjs", include_str!("preload.cjs")),
    ("resolve.mjs", include_str!("resolve.mjs")),
];

/// How long a program may take to tell its version.
const VERSION_TIMEOUT: Duration = Duration::from_secs(10);

/// What `node --version` says, without the `v`.
async fn version_of(program: &Path) -> Option<String> {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = timeout(VERSION_TIMEOUT, command.output()).await.ok()?.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().trim_start_matches('v').to_owned()).filter(|version| !version.is_empty())
}
