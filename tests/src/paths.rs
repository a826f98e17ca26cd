use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

use crate::process::run;

/// Names a `landfall` that is to be tested instead of the one that cargo builds beside the tests.
const BINARY_VARIABLE: &str = "LANDFALL_BINARY";

/// The project's folder.
pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests are in a folder of the project")
        .to_path_buf()
}

/// Cargo's target folder.
pub(crate) fn target() -> PathBuf {
    profile().parent().expect("a profile's folder is in the target folder").to_path_buf()
}

/// Where the binaries of the profile are that the tests were built with.
fn profile() -> PathBuf {
    let test = env::current_exe().expect("the path of this test");
    // <target>/<profile>/deps/<test>
    test.ancestors().nth(2).expect("tests are built in <target>/<profile>/deps").to_path_buf()
}

/// The binary under test, built first if it is missing or older than its sources.
pub(crate) fn landfall() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(find_landfall).clone()
}

fn find_landfall() -> PathBuf {
    if let Some(named) = env::var_os(BINARY_VARIABLE) {
        let named = PathBuf::from(named);
        assert!(named.is_file(), "{BINARY_VARIABLE} names {}, which is no file", named.display());
        return named;
    }
    let binary = profile().join("landfall");
    let _turn = lock("e2e-build");
    if !is_fresh(&binary) {
        // The same line as in `cargo xtask ci`, so that nothing is built in two ways.
        let mut build = Command::new("cargo");
        let profile = profile();
        let profile =
            profile.file_name().and_then(|name| name.to_str()).expect("a profile's folder has a name");
        // The profile `dev` is the one whose folder has another name.
        let profile = if profile == "debug" { "dev" } else { profile };
        build.args(["build", "--workspace", "--bins", "--profile", profile]).current_dir(project());
        let built = run(&mut build, "", BUILD_DEADLINE);
        assert!(built.success(), "the binary under test cannot be built: {built}");
    }
    assert!(binary.is_file(), "{} is missing: run `cargo build --workspace --bins`", binary.display());
    binary
}

/// How long a build of everything may take on a slow machine.
const BUILD_DEADLINE: std::time::Duration = std::time::Duration::from_secs(1_800);

/// Whether no source is newer than the binary, by the list of sources that the compiler leaves beside it.
fn is_fresh(binary: &Path) -> bool {
    let changed = |path: &Path| fs::metadata(path).and_then(|data| data.modified()).ok();
    let (Some(built), Ok(sources)) = (changed(binary), fs::read_to_string(binary.with_extension("d"))) else {
        return false;
    };
    let Some((_, sources)) = sources.split_once(": ") else { return false };
    sources
        .split_whitespace()
        .all(|source| changed(Path::new(source)).is_some_and(|at: SystemTime| at <= built))
}

/// Waits for its turn among all test processes; the turn ends when the file is dropped.
pub(crate) fn lock(name: &str) -> File {
    let path = target().join(format!("{name}.lock"));
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.unwrap_or_else(|error| panic!("cannot open {}: {error}", path.display()));
    file.lock().unwrap_or_else(|error| panic!("cannot lock {}: {error}", path.display()));
    file
}
