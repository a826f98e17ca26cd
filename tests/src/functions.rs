use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use crate::landfall::Landfall;
use crate::paths::{lock, target};
use crate::process::run;

/// How long it may take to install the runtimes of functions.
const SETUP_DEADLINE: Duration = Duration::from_secs(900);

/// Gives a data directory the runtimes of functions, which are installed once for all tests.
#[track_caller]
pub(crate) fn link_runtimes(data: &Path) {
    let shared = target().join("e2e-functions");
    let _turn = lock("e2e-functions");
    // It is quick when everything is there.
    let mut setup = Landfall::command(&["functions", "setup", "--data"]);
    let ran = run(setup.arg(&shared), "", SETUP_DEADLINE);
    assert!(ran.success(), "the runtimes of functions cannot be installed\n{ran}");
    fs::create_dir_all(data).expect("a data directory");
    match symlink(shared.join("runtimes"), data.join("runtimes")) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => panic!("cannot link runtimes: {error}"),
        Ok(()) | Err(_) => {}
    }
}
