//! What the compiler does not check.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// The layer of each of our crates. An edge goes to a lower layer, never up or sideways.
const LAYERS: &[(&str, u8)] = &[
    ("landfall-model", 0),
    ("landfall-pki", 1),
    ("landfall-mqtt", 1),
    ("landfall-policy", 1),
    ("landfall-rules", 1),
    ("landfall-events", 1),
    ("landfall-registration", 2),
    ("landfall-registry", 2),
    ("landfall-api", 2),
    ("landfall-services", 2),
    ("landfall-registry-sqlite", 3),
    ("landfall-actions", 3),
    ("landfall-actions-aws", 3),
    ("landfall-functions", 3),
    ("landfall-interceptors", 3),
    ("landfall-log-sinks", 3),
    ("landfall-broker", 3),
    ("landfall-api-server", 3),
    ("landfall-simulator", 3),
    ("landfall-server", 4),
    ("landfall-tests", 5),
    ("landfall-bench", 5),
    ("landfall-fuzz", 5),
    ("xtask", 5),
];

/// Crates that only some of ours may depend on, so that they can be replaced there.
const RESERVED: &[(&str, &[&str])] = &[
    ("rusqlite", &["landfall-registry-sqlite"]),
    ("rmqtt-codec", &["landfall-mqtt"]),
    ("minijinja", &["landfall-registration"]),
    ("aws-sdk-cloudwatch", &["landfall-actions-aws"]),
    ("aws-sdk-dynamodb", &["landfall-actions-aws"]),
    ("aws-sdk-sqs", &["landfall-actions-aws"]),
    ("axum", &["landfall-api-server", "landfall-functions"]),
    ("x509-cert", &["landfall-pki"]),
    ("rustls-webpki", &["landfall-pki"]),
    ("anyhow", &["landfall-server", "landfall-tests", "landfall-bench", "landfall-fuzz", "xtask"]),
    ("clap", &["landfall-server", "landfall-bench", "landfall-fuzz", "xtask"]),
];

/// The runtime and what reads clocks: not below layer 3, but for the parts of tokio that need no runtime.
const SHELL_ONLY: &[&str] = &["tokio-rustls", "axum", "rusqlite", "tracing-subscriber", "ureq"];

/// Licences that the project can be given out with.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BlueOak-1.0.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "OpenSSL",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Second versions that others force on us, each with who does.
const DUPLICATES: &[(&str, &str)] = &[
    ("getrandom", "proptest and rand are one release behind uuid and tempfile"),
    ("http", "the AWS SDK keeps types of its version 0 for old callers"),
    ("http-body", "as http"),
    ("syn", "macros of several crates are one release behind serde's"),
    ("thiserror", "rmqtt-codec and x509-parser"),
    ("thiserror-impl", "as thiserror"),
];

/// The most lines of a file without its tests.
const FILE_LINES_MAX: usize = 600;

/// Files that may be longer, each with the reason.
const LONG_FILES: &[(&str, &str)] = &[];

/// Checks everything and tells all that it found.
pub(crate) fn run() -> Result<()> {
    let metadata = MetadataCommand::new().exec().context("cannot read the workspace's metadata")?;
    let mut faults = Vec::new();
    check_layers(&metadata, &mut faults);
    check_dependencies(&metadata, &mut faults);
    check_sources(Path::new("."), &mut faults)?;
    check_manifests(&metadata, &mut faults)?;
    if faults.is_empty() {
        println!("tidy: {} crates, no fault", metadata.workspace_members.len());
        return Ok(());
    }
    for fault in &faults {
        eprintln!("tidy: {fault}");
    }
    bail!("tidy found {} faults", faults.len())
}

fn check_layers(metadata: &Metadata, faults: &mut Vec<String>) {
    let layers: BTreeMap<&str, u8> = LAYERS.iter().copied().collect();
    for package in metadata.workspace_packages() {
        let Some(layer) = layers.get(package.name.as_str()) else {
            faults.push(format!("{} has no layer: add it to LAYERS in xtask/src/tidy.rs", package.name));
            continue;
        };
        // What a test needs does not shape the program.
        for dependency in package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development) {
            let name = dependency.name.as_str();
            if layers.get(name).is_some_and(|below| below >= layer) {
                faults.push(format!(
                    "{} (L{layer}) depends on {name}: an edge must go to a lower layer",
                    package.name
                ));
            }
            if *layer < 3 && SHELL_ONLY.contains(&name) {
                faults.push(format!(
                    "{} (L{layer}) depends on {name}: only layers 3 and 4 do IO",
                    package.name
                ));
            }
        }
    }
}

fn check_dependencies(metadata: &Metadata, faults: &mut Vec<String>) {
    for package in metadata.workspace_packages() {
        for dependency in &package.dependencies {
            let reserved = RESERVED.iter().find(|(name, _)| *name == dependency.name);
            if reserved.is_some_and(|(_, users)| !users.contains(&package.name.as_str())) {
                faults.push(format!("{} must not depend on {}", package.name, dependency.name));
            }
        }
    }
    let mut versions: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for package in &metadata.packages {
        versions.entry(package.name.as_str()).or_default().insert(package.version.to_string());
        check_licence(package, faults);
        let from_registry = package.source.as_ref().is_none_or(|source| source.is_crates_io());
        if !from_registry {
            faults.push(format!("{} does not come from the crate registry", package.name));
        }
    }
    for (name, versions) in versions.iter().filter(|(_, versions)| versions.len() > 1) {
        // Bindings to other systems come in several versions and are never built here.
        let foreign = name.starts_with("windows") || name.starts_with("wasi") || name.starts_with("wit-");
        if !foreign && !DUPLICATES.iter().any(|(known, _)| known == name) {
            let versions: Vec<_> = versions.iter().map(String::as_str).collect();
            faults.push(format!(
                "{name} is there in versions {}: say why in DUPLICATES, or mend it",
                versions.join(", ")
            ));
        }
    }
    for (name, _) in DUPLICATES {
        if versions.get(name).is_none_or(|versions| versions.len() < 2) {
            faults.push(format!("{name} is in DUPLICATES, but there is one version of it"));
        }
    }
}

/// One of the licences that a package offers must be on the list; where several apply, all of them must.
fn check_licence(package: &Package, faults: &mut Vec<String>) {
    let Some(licence) = &package.license else {
        faults.push(format!("{} names no licence", package.name));
        return;
    };
    let plain = licence.replace(['(', ')'], "").replace('/', " OR ");
    let allowed = |name: &str| LICENCES.contains(&name.trim());
    let any = plain.split(" OR ").any(|choice| choice.split(" AND ").all(allowed));
    let all = plain.split(" AND ").all(|part| part.split(" OR ").any(allowed));
    if !any && !all {
        faults.push(format!("{} has the licence {licence}, which is not on the list", package.name));
    }
}

fn check_manifests(metadata: &Metadata, faults: &mut Vec<String>) -> Result<()> {
    for package in metadata.workspace_packages() {
        let manifest = fs::read_to_string(&package.manifest_path)?;
        if !manifest.contains("[lints]\nworkspace = true") {
            faults.push(format!("{} does not inherit the workspace's lints", package.name));
        }
        let section = manifest.split("dependencies]").skip(1);
        let own =
            section.flat_map(str::lines).filter(|line| line.contains(" = \"") || line.contains("version ="));
        for line in own {
            faults.push(format!("{}: `{line}` belongs in [workspace.dependencies]", package.name));
        }
    }
    Ok(())
}

fn check_sources(root: &Path, faults: &mut Vec<String>) -> Result<()> {
    for path in rust_files(root)? {
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let shown = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]").count();
        let of_tests = path.iter().any(|part| part == "tests" || part == "tests.rs");
        if !of_tests && lines > FILE_LINES_MAX && !LONG_FILES.iter().any(|(known, _)| *known == shown) {
            faults.push(format!(
                "{shown} has {lines} lines without its tests; at most {FILE_LINES_MAX} are allowed"
            ));
        }
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.starts_with("// #[test]")
                || line.starts_with("//#[test]")
                || line.contains(concat!("#[", "ignore"))
            {
                faults.push(format!(
                    "{shown}:{}: a test that does not run: delete it or make it pass",
                    number + 1
                ));
            }
        }
    }
    Ok(())
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                files.extend(rust_files(&path)?);
            }
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
