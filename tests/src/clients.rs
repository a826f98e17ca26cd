//! The Python environment with the AWS CLI and the device SDKs, and the scripts in `tests/clients`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use crate::paths::{lock, project, target};
use crate::process::{program, run};

/// How long it may take to install the environment.
const SETUP_DEADLINE: Duration = Duration::from_secs(900);

/// The AWS CLI, without the settings of whoever runs the tests.
pub(crate) fn aws() -> Command {
    let mut aws = program(&environment().join("bin/aws").to_string_lossy());
    aws.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    aws.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_PAGER", "").env("AWS_DEFAULT_OUTPUT", "json");
    aws
}

/// Where the AWS CLI is.
pub(crate) fn folder() -> PathBuf {
    environment().join("bin")
}

/// The Python of the environment, with a script of `tests/clients`.
pub fn python(script_name: &str) -> Command {
    let mut python = program(&environment().join("bin/python").to_string_lossy());
    python.arg(script(script_name)).env("PYTHONDONTWRITEBYTECODE", "1");
    python
}

/// A script of `tests/clients`.
pub fn script(name: &str) -> PathBuf {
    project().join("tests/clients").join(name)
}

/// The environment, made first if it is missing or not the one of `requirements.txt`.
fn environment() -> &'static Path {
    static ENVIRONMENT: OnceLock<PathBuf> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let environment = target().join("e2e-venv");
        let _turn = lock("e2e-venv");
        let ran = run(program(&script("setup").to_string_lossy()).arg(&environment), "", SETUP_DEADLINE);
        assert!(
            ran.success(),
            "the clients' environment cannot be made; .ci/setup installs what is missing\n{ran}"
        );
        environment
    })
}
