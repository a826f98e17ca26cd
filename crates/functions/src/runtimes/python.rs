use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use landfall_model::{Handler, RuntimeName};

use super::{MissingRuntime, Places, Program, in_layers, paths, runtimes_folder};

/// Where the virtual environment is.
pub(super) fn folder(data: &Path) -> PathBuf {
    runtimes_folder(data).join("python")
}

/// The file of the environment that says which Python it was made for, in its first line, and what is in it. It is written
/// when all the rest is there.
pub(super) fn marker(folder: &Path) -> PathBuf {
    folder.join("landfall-setup")
}

/// The version of the Python that functions run on.
pub(super) fn version(data: &Path, runtime: RuntimeName) -> Result<String, MissingRuntime> {
    let folder = folder(data);
    let version = fs::read_to_string(marker(&folder)).ok();
    // The interpreter is a link to the machine's, which may have been removed.
    let version = version.filter(|_| interpreter(&folder).is_file());
    let version = version.and_then(|text| text.lines().next().map(str::to_owned));
    version.ok_or_else(|| MissingRuntime::Python { runtime, data: data.to_owned() })
}

/// How a function is run.
pub(super) fn program(
    data: &Path,
    runtime: RuntimeName,
    handler: &Handler,
    places: &Places<'_>,
) -> Result<Program, MissingRuntime> {
    let version = version(data, runtime)?;
    let minor = version.split('.').take(2).collect::<Vec<_>>().join(".");
    let folder = folder(data);
    // -B: the code of a function is not for writing, also where the server could.
    let command = [
        interpreter(&folder).into_os_string(),
        OsString::from("-B"),
        OsString::from("-m"),
        OsString::from("awslambdaric"),
        OsString::from(handler.as_str()),
    ];
    // The folder of the function comes first of itself, as the interpreter starts in it.
    let site_packages = format!("python/lib/python{minor}/site-packages");
    let named = format!("python/lib/{runtime}/site-packages");
    let libraries = paths(in_layers(places, &["python", &site_packages, &named]), []);
    Ok(Program {
        command: command.into(),
        environment: vec![("PYTHONPATH", libraries)],
        version: format!("Python {version}"),
    })
}

/// The interpreter of a virtual environment.
pub(super) fn interpreter(folder: &Path) -> PathBuf {
    folder.join("bin").join("python")
}
