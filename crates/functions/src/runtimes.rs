//! What runs functions: the machine's own programs, and what is set up for them in the data directory.

mod node;
mod provided;
mod python;
pub mod setup;

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use landfall_model::{Handler, RuntimeFamily, RuntimeName};
use thiserror::Error;

use crate::invocation::FunctionFailure;

/// Something that a function needs of the machine, and that is not there.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum MissingRuntime {
    /// Nobody has set up Python.
    #[error(
        "runtime {runtime} is not set up on this machine: run `landfall functions setup --data {}`, which needs \
         python3 and the network once", data.display()
    )]
    Python {
        /// What was asked for.
        runtime: RuntimeName,
        /// The data directory.
        data: PathBuf,
    },
    /// There is no Node.js.
    #[error(
        "runtime {runtime} needs the program node, which is in none of the folders of PATH: install Node.js \
         {min} or later, and start the server again", min = node::MAJOR_MIN
    )]
    Node {
        /// What was asked for.
        runtime: RuntimeName,
    },
    /// The Node.js of this machine is too old, or does not run.
    #[error("runtime {runtime} needs Node.js {min} or later; {} is {found}", program.display(), min = node::MAJOR_MIN)]
    NodeTooOld {
        /// What was asked for.
        runtime: RuntimeName,
        /// The program.
        program: PathBuf,
        /// What it says of its version.
        found: String,
    },
}

/// What a function is run with.
pub(crate) struct Program {
    /// The program and its arguments.
    pub(crate) command: Vec<OsString>,
    /// Variables that tell it where things are. Those of the function's own come after them.
    pub(crate) environment: Vec<(&'static str, OsString)>,
    /// What the log says of it.
    pub(crate) version: String,
}

/// Where the parts of a function are.
pub(crate) struct Places<'a> {
    /// Its code.
    pub(crate) task: &'a Path,
    /// Its layers, in the order in which they are laid: a later one covers an earlier one.
    pub(crate) layers: &'a [PathBuf],
}

/// Why a function cannot be run.
pub(crate) enum Unready {
    /// The machine lacks something.
    Missing(MissingRuntime),
    /// The function lacks something.
    Failed(FunctionFailure),
}

/// The runtimes of this machine.
pub(crate) struct Runtimes {
    data: PathBuf,
    search_path: OsString,
    node: node::Node,
}

impl Runtimes {
    /// Writes what runtimes need of ours into the data directory.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn open(data: &Path, search_path: &OsStr) -> io::Result<Self> {
        node::write_support(&support_folder(data))?;
        Ok(Self { data: data.to_owned(), search_path: search_path.to_owned(), node: node::Node::default() })
    }

    /// Whether functions of this runtime can be run, and what is to be said about it to who creates one.
    pub(crate) async fn check(&self, runtime: RuntimeName) -> Result<Option<String>, MissingRuntime> {
        let found = match runtime.family() {
            RuntimeFamily::Python => format!("Python {}", python::version(&self.data, runtime)?),
            RuntimeFamily::Node => {
                format!("Node.js {}", self.node.find(&self.search_path, runtime).await?.version)
            }
            RuntimeFamily::Provided => return Ok(None),
        };
        if runtime.is_retired() {
            return Ok(Some(format!("runtime {runtime} is retired; the function runs on {found}")));
        }
        let is_same = is_version_of(&found, runtime);
        Ok((!is_same)
            .then(|| format!("runtime {runtime} is not on this machine; the function runs on {found}")))
    }

    /// What a function is run with.
    pub(crate) async fn program(
        &self,
        runtime: RuntimeName,
        handler: &Handler,
        memory_mib: u16,
        places: Places<'_>,
    ) -> Result<Program, Unready> {
        let mut program = match runtime.family() {
            RuntimeFamily::Python => python::program(&self.data, runtime, handler, &places)?,
            RuntimeFamily::Node => {
                let node = self.node.find(&self.search_path, runtime).await?;
                node::program(&self.data, &node, memory_mib, &places)
            }
            RuntimeFamily::Provided => provided::program(&places)?,
        };
        let programs = in_layers(&places, &["bin"]);
        program.environment.push(("PATH", paths(programs, std::env::split_paths(&self.search_path))));
        let own_libraries = [places.task.to_owned(), places.task.join("lib")];
        let libraries = paths(own_libraries, in_layers(&places, &["lib"]));
        program.environment.push(("LD_LIBRARY_PATH", libraries));
        let support = support_folder(&self.data);
        program.environment.push(("LAMBDA_RUNTIME_DIR", support.into_os_string()));
        Ok(program)
    }
}

/// Where our own parts of runtimes are.
fn support_folder(data: &Path) -> PathBuf {
    runtimes_folder(data).join("landfall")
}

/// Where runtimes are.
fn runtimes_folder(data: &Path) -> PathBuf {
    data.join("runtimes")
}

/// Folders of these names that layers have; those of a later layer come first, as it covers the earlier ones.
fn in_layers<'a>(places: &'a Places<'_>, names: &'a [&'a str]) -> impl Iterator<Item = PathBuf> + 'a {
    let of_layer = move |layer: &'a PathBuf| names.iter().map(move |name| layer.join(name));
    places.layers.iter().rev().flat_map(of_layer).filter(|folder| folder.is_dir())
}

/// A list of folders as the variables have it. One whose name has the separator in it cannot be in such a list.
fn paths(first: impl IntoIterator<Item = PathBuf>, then: impl IntoIterator<Item = PathBuf>) -> OsString {
    let mut list = OsString::new();
    for folder in first.into_iter().chain(then) {
        if folder.as_os_str().as_encoded_bytes().contains(&b':') {
            continue;
        }
        if !list.is_empty() {
            list.push(":");
        }
        list.push(folder);
    }
    list
}

/// Whether `Python 3.12.1` is of `python3.12`, and `Node.js 20.1.0` of `nodejs20.x`.
fn is_version_of(found: &str, runtime: RuntimeName) -> bool {
    let wanted = runtime.as_str().trim_start_matches(|c: char| c.is_ascii_alphabetic()).trim_end_matches("x");
    let found = found.split(' ').next_back().unwrap_or_default();
    format!("{found}.").starts_with(&format!("{}.", wanted.trim_end_matches('.')))
}

impl From<MissingRuntime> for Unready {
    fn from(missing: MissingRuntime) -> Self {
        Self::Missing(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_far_as_the_runtime_names_them() {
        for (found, runtime, expected) in [
            ("Python 3.12.1", "python3.12", true),
            ("Python 3.1.1", "python3.12", false),
            ("Python 3.12.1", "python3.11", false),
            ("Node.js 20.11.0", "nodejs20.x", true),
            ("Node.js 2.11.0", "nodejs20.x", false),
            ("Node.js 22.1.0", "nodejs20.x", false),
        ] {
            assert_eq!(
                is_version_of(found, RuntimeName::parse(runtime).unwrap()),
                expected,
                "{found} {runtime}"
            );
        }
    }

    #[test]
    fn a_later_layer_covers_an_earlier_one() {
        let folder = tempfile::tempdir().unwrap();
        let layers = ["one", "two", "three"].map(|name| folder.path().join(name));
        for name in ["one/bin", "three/bin", "two/lib"] {
            std::fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let places = Places { task: folder.path(), layers: &layers };
        let found: Vec<_> = in_layers(&places, &["bin"]).collect();
        assert_eq!(found, [layers[2].join("bin"), layers[0].join("bin")]);
        assert_eq!(paths(["/a".into(), "/b:c".into()], ["/d".into()]), "/a:/d");
    }
}
