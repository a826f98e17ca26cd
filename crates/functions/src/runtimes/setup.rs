//! Sets up in the data directory what functions find without bringing it. This is what uses the network, once; running
//! functions never does.
//!
//! Its functions run other programs and wait for them.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use thiserror::Error;

use super::{node, python};
use crate::code::private_folder;

/// What was set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetUp {
    /// The runtime, with its version.
    pub runtime: String,
    /// Where it is.
    pub folder: PathBuf,
    /// Whether it was there before, so that nothing was done.
    pub was_there: bool,
}

/// Why a runtime cannot be set up.
#[derive(Debug, Error)]
pub enum SetupError {
    /// A program is not on this machine.
    #[error("the program {program} is in none of the folders of PATH: install {package}")]
    Missing {
        /// The program.
        program: &'static str,
        /// What to install.
        package: &'static str,
    },
    /// The Python of this machine is too old.
    #[error(
        "{} is Python {found}, and functions need {} or later", program.display(), PYTHON_MIN_TEXT
    )]
    PythonTooOld {
        /// The program.
        program: PathBuf,
        /// Its version.
        found: String,
    },
    /// A program did not do what it should.
    #[error("`{command}` failed: {output}")]
    Failed {
        /// The program and its arguments.
        command: String,
        /// The last lines that it printed.
        output: String,
    },
    /// A program cannot be run, or a file cannot be written.
    #[error("cannot {action} {}", path.display())]
    System {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Sets up Python: a virtual environment of the machine's `python3`, with Lambda's runtime client and boto3. `progress` hears
/// what is being done.
///
/// # Errors
/// There is no Python that will do, or its packages cannot be had.
pub fn python(data: &Path, search_path: &OsStr, progress: &mut dyn FnMut(&str)) -> Result<SetUp, SetupError> {
    let missing = SetupError::Missing { program: "python3", package: "Python 3.10 or later, with venv" };
    let machine = node::program_in(search_path, "python3").ok_or(missing)?;
    let version = run(Command::new(&machine).args(["-c", PRINT_VERSION]))?.trim().to_owned();
    if version_of(&version).is_none_or(|found| found < PYTHON_MIN) {
        return Err(SetupError::PythonTooOld { program: machine, found: version });
    }
    let folder = absolute(&python::folder(data))?;
    let interpreter = python::interpreter(&folder);
    let contents = contents(&version, PYTHON_PACKAGES);
    let runtime = format!("Python {version}");
    if is_set_up(&python::marker(&folder), &contents) && interpreter.is_file() {
        return Ok(SetUp { runtime, folder, was_there: true });
    }
    progress(&format!("making a virtual environment of {} in {}", machine.display(), folder.display()));
    begin(&folder, &python::marker(&folder))?;
    run(Command::new(&machine).args(["-m", "venv", "--clear"]).arg(&folder))?;
    progress(&format!("installing {}", PYTHON_PACKAGES.join(" ")));
    let mut install = Command::new(&interpreter);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
    run(install.arg("--prefer-binary").args(PYTHON_PACKAGES))?;
    run(Command::new(&interpreter).args(["-c", "import awslambdaric, boto3, runtime_client"]))?;
    finish(&python::marker(&folder), &contents)?;
    Ok(SetUp { runtime, folder, was_there: false })
}

/// Sets up packages for Node.js: the AWS SDK in its versions 2 and 3, as far as registering devices needs it. `progress`
/// hears what is being done.
///
/// # Errors
/// There is no Node.js, or its packages cannot be had.
pub fn nodejs(data: &Path, search_path: &OsStr, progress: &mut dyn FnMut(&str)) -> Result<SetUp, SetupError> {
    let missing = |program| SetupError::Missing { program, package: "Node.js 18 or later, with npm" };
    let machine = node::program_in(search_path, "node").ok_or_else(|| missing("node"))?;
    let npm = node::program_in(search_path, "npm").ok_or_else(|| missing("npm"))?;
    let version = run(Command::new(&machine).arg("--version"))?.trim().trim_start_matches('v').to_owned();
    let folder = absolute(&node::folder(data))?;
    let marker = folder.join("landfall-setup");
    let contents = contents(&version, NODE_PACKAGES);
    let runtime = format!("Node.js {version}");
    if is_set_up(&marker, &contents) {
        return Ok(SetUp { runtime, folder, was_there: true });
    }
    progress(&format!("installing {} in {}", NODE_PACKAGES.join(" "), folder.display()));
    begin(&folder, &marker)?;
    let mut install = Command::new(npm);
    install.args(["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]);
    run(install.arg(&folder).args(NODE_PACKAGES))?;
    finish(&marker, &contents)?;
    Ok(SetUp { runtime, folder, was_there: false })
}

/// Each with its version, and with those that it needs itself: what is installed today is installed next year.
const PYTHON_PACKAGES: &[&str] = &[
    "awslambdaric==4.2.2",
    "boto3==1.44.5",
    "botocore==1.44.5",
    "jmespath==1.1.0",
    "python-dateutil==2.9.0.post0",
    "s3transfer==0.19.3",
    "simplejson==4.3.0",
    "six==1.17.0",
    "snapshot-restore-py==1.0.0",
    "urllib3==2.8.0",
];

const NODE_PACKAGES: &[&str] =
    &["aws-sdk@2.1693.0", "@aws-sdk/client-iot@3.1169.0", "@aws-sdk/client-iot-data-plane@3.1138.0"];

/// The oldest Python that the runtime client runs on.
const PYTHON_MIN: (u32, u32) = (3, 10);
const PYTHON_MIN_TEXT: &str = "3.10";

const PRINT_VERSION: &str = "import sys; print('%d.%d.%d' % sys.version_info[:3])";

/// How many characters of what a program printed an error repeats.
const OUTPUT_CHARS_MAX: usize = 2_000;

/// The first two numbers of a version.
fn version_of(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split('.').map(str::parse::<u32>);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// What the marker of a finished setup says.
fn contents(version: &str, packages: &[&str]) -> String {
    format!("{version}\n{}\n", packages.join("\n"))
}

fn is_set_up(marker: &Path, contents: &str) -> bool {
    fs::read_to_string(marker).is_ok_and(|found| found == contents)
}

/// Makes the folder, which is not set up until [`finish`].
fn begin(folder: &Path, marker: &Path) -> Result<(), SetupError> {
    private_folder(folder).map_err(failed("make", folder))?;
    match fs::remove_file(marker) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", marker)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn finish(marker: &Path, contents: &str) -> Result<(), SetupError> {
    fs::write(marker, contents).map_err(failed("write", marker))
}

/// The programs are told whole paths: they have their own idea of where they are.
fn absolute(path: &Path) -> Result<PathBuf, SetupError> {
    std::path::absolute(path).map_err(failed("find", path))
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SetupError {
    let path = path.to_owned();
    move |source| SetupError::System { action, path, source }
}

/// Runs a program, and gives what it prints.
fn run(command: &mut Command) -> Result<String, SetupError> {
    let output = command.stdin(Stdio::null()).output();
    let program = PathBuf::from(command.get_program());
    let output = output.map_err(failed("run", &program))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    let printed = printed.trim();
    let skipped = printed.chars().count().saturating_sub(OUTPUT_CHARS_MAX);
    let arguments = command.get_args().map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ");
    Err(SetupError::Failed {
        command: format!("{} {arguments}", program.display()),
        output: printed.chars().skip(skipped).collect(),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A folder with programs that are shell scripts.
    fn programs(scripts: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, script) in scripts {
            let path = folder.path().join(name);
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }

    #[test]
    fn what_is_missing_or_fails_is_said() {
        let data = tempfile::tempdir().unwrap();
        type Setup = fn(&Path, &OsStr, &mut dyn FnMut(&str)) -> Result<SetUp, SetupError>;
        let (python, nodejs): (Setup, Setup) = (python, nodejs);
        for (setup, scripts, expected) in [
            (python, [("x", "")].as_slice(), "the program python3 is in none of the folders of PATH"),
            (python, &[("python3", "echo 3.9.1")], "is Python 3.9.1, and functions need 3.10 or later"),
            (python, &[("python3", "echo nothing")], "is Python nothing"),
            (
                python,
                &[("python3", "[ $1 = -c ] && echo 3.12.0 || { echo no venv; exit 1; }")],
                "failed: no venv",
            ),
            (nodejs, &[("npm", "")], "the program node is"),
            (nodejs, &[("node", "echo v20.1.0")], "the program npm is"),
            (nodejs, &[("node", "echo v20.1.0"), ("npm", "echo offline >&2; exit 1")], "failed: offline"),
        ] {
            let folder = programs(scripts);
            let error = setup(data.path(), folder.path().as_os_str(), &mut |_| {}).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    #[test]
    fn what_is_there_is_not_installed_again() {
        let data = tempfile::tempdir().unwrap();
        let folder = programs(&[("node", "echo v20.1.0"), ("npm", "")]);
        for was_there in [false, true] {
            let mut steps = 0;
            let set_up = nodejs(data.path(), folder.path().as_os_str(), &mut |_| steps += 1).unwrap();
            assert_eq!((set_up.was_there, steps), (was_there, usize::from(!was_there)));
            assert_eq!(set_up.runtime, "Node.js 20.1.0");
        }
    }
}
