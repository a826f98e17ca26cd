//! `cargo xtask import-model`: trims the published AWS service models to what the API interprets.
//!
//! The input is the folder `botocore/data` of the PyPI package botocore (Apache-2.0). The output is one file for
//! each service in `crates/api/models`, without documentation text, one operation or shape a line, so that a new
//! version of the models shows as a readable difference.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Map, Value, json};

/// Arguments of `cargo xtask import-model`.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportModelArgs {
    /// Folder `botocore/data` of an unpacked botocore wheel
    data: PathBuf,
    /// Version of botocore; read from `botocore/__init__.py` beside the folder when it is not given
    #[arg(long)]
    botocore_version: Option<String>,
    /// Folder to write the models to
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/api/models"))]
    out: PathBuf,
}

/// Reads the models below `args.data` and writes their trimmed form.
///
/// # Errors
///
/// Fails when a model is missing, is not what this program knows how to trim, or cannot be written.
pub(crate) fn run(args: &ImportModelArgs) -> anyhow::Result<()> {
    let version = match &args.botocore_version {
        Some(version) => version.clone(),
        None => version_beside(&args.data)?,
    };
    fs::create_dir_all(&args.out).with_context(|| format!("cannot create {}", args.out.display()))?;
    for service in SERVICES {
        let text =
            import(service, &args.data, &version).with_context(|| format!("service {}", service.name))?;
        let path = args.out.join(format!("{}.json", service.name));
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let readme = args.out.join("README.md");
    fs::write(&readme, readme_text(&version)).with_context(|| format!("cannot write {}", readme.display()))
}

/// A service to import: its folder, and the operations to keep when not all are wanted.
struct ServiceSource {
    name: &'static str,
    only: Option<&'static [&'static str]>,
}

const SERVICES: &[ServiceSource] = &[
    ServiceSource { name: "greengrass", only: None },
    ServiceSource { name: "iot", only: None },
    ServiceSource { name: "iot-data", only: None },
    ServiceSource { name: "lambda", only: None },
    ServiceSource { name: "sts", only: Some(&["GetCallerIdentity"]) },
];

/// What is kept of a shape besides its members; everything else is documentation or advice for client generators.
const SHAPE_KEYS: &[&str] = &[
    "type",
    "min",
    "max",
    "pattern",
    "enum",
    "sensitive",
    "timestampFormat",
    "streaming",
    "eventstream",
    "payload",
    "required",
];

/// What is kept of a reference to a shape.
const REFERENCE_KEYS: &[&str] =
    &["location", "locationName", "timestampFormat", "jsonvalue", "streaming", "eventpayload"];

const SHAPE_TYPES: &[&str] = &[
    "structure",
    "list",
    "map",
    "string",
    "integer",
    "long",
    "double",
    "float",
    "boolean",
    "timestamp",
    "blob",
];

fn version_beside(data: &Path) -> anyhow::Result<String> {
    let init = data.join("../__init__.py");
    let text = fs::read_to_string(&init)
        .with_context(|| format!("cannot read {}; give --botocore-version", init.display()))?;
    text.lines()
        .find_map(|line| line.strip_prefix("__version__ = "))
        .map(|quoted| quoted.trim().trim_matches(['\'', '"']).to_owned())
        .with_context(|| format!("no __version__ in {}; give --botocore-version", init.display()))
}

fn import(source: &ServiceSource, data: &Path, version: &str) -> anyhow::Result<String> {
    let (date, folder) = newest_date(&data.join(source.name))?;
    let (file, model) = read_model(&folder)?;
    let paginators = match fs::read_to_string(folder.join("paginators-1.json")) {
        Ok(text) => serde_json::from_str(&text).context("paginators-1.json is not JSON")?,
        // A service without lists has no such file.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => json!({}),
        Err(error) => return Err(error).context("cannot read paginators-1.json"),
    };
    let shapes = object(&model, "shapes")?;

    let mut operations = BTreeMap::new();
    let mut wanted = Vec::new();
    for (name, operation) in object(&model, "operations")? {
        if source.only.is_some_and(|only| !only.contains(&name.as_str())) {
            continue;
        }
        let paging = paging(name, operation, shapes, &paginators)?;
        let trimmed = trim_operation(operation, paging).with_context(|| format!("operation {name}"))?;
        for key in ["input", "output"] {
            wanted.extend(trimmed.get(key).and_then(Value::as_str).map(str::to_owned));
        }
        let errors = trimmed.get("errors").and_then(Value::as_array).into_iter().flatten();
        wanted.extend(errors.filter_map(Value::as_str).map(str::to_owned));
        operations.insert(name.clone(), trimmed);
    }
    let kept = trim_reachable(wanted, shapes)?;

    let header = json!({
        "package": "botocore", "version": version, "licence": "Apache-2.0",
        "file": format!("botocore/data/{}/{date}/{file}", source.name),
    });
    Ok(render(&header, &service_header(source.name, &model)?, &operations, &kept))
}

/// Folders are named by date: the last one is the current version of the API.
fn newest_date(service: &Path) -> anyhow::Result<(String, PathBuf)> {
    let entries = fs::read_dir(service)
        .with_context(|| format!("cannot list {}; is it botocore/data?", service.display()))?;
    let mut dates = BTreeSet::new();
    for entry in entries {
        dates.insert(entry?.file_name().to_string_lossy().into_owned());
    }
    let date = dates.pop_last().with_context(|| format!("{} is empty", service.display()))?;
    let folder = service.join(&date);
    Ok((date, folder))
}

fn read_model(folder: &Path) -> anyhow::Result<(&'static str, Value)> {
    let plain = folder.join("service-2.json");
    if plain.exists() {
        let text = fs::read_to_string(&plain).with_context(|| format!("cannot read {}", plain.display()))?;
        return Ok(("service-2.json", serde_json::from_str(&text).context("service-2.json is not JSON")?));
    }
    let packed = folder.join("service-2.json.gz");
    let file = fs::File::open(&packed).with_context(|| format!("cannot open {}", packed.display()))?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(file)
        .read_to_string(&mut text)
        .with_context(|| format!("cannot unpack {}", packed.display()))?;
    Ok(("service-2.json.gz", serde_json::from_str(&text).context("service-2.json.gz is not JSON")?))
}

fn service_header(name: &str, model: &Value) -> anyhow::Result<Value> {
    let metadata = object(model, "metadata")?;
    let text = |key: &str| metadata.get(key).and_then(Value::as_str);
    let mut header = Map::new();
    header.insert("name".to_owned(), json!(name));
    header.insert("protocol".to_owned(), json!(text("protocol").context("metadata.protocol is missing")?));
    header.insert(
        "apiVersion".to_owned(),
        json!(text("apiVersion").context("metadata.apiVersion is missing")?),
    );
    let signing_name = text("signingName").or(text("endpointPrefix"));
    header.insert("signingName".to_owned(), json!(signing_name.context("metadata.signingName is missing")?));
    if let Some(namespace) = text("xmlNamespace") {
        header.insert("xmlNamespace".to_owned(), json!(namespace));
    }
    Ok(Value::Object(header))
}

fn trim_operation(operation: &Value, paging: Option<Value>) -> anyhow::Result<Value> {
    let http = object(operation, "http")?;
    let mut trimmed = Map::new();
    for key in ["method", "requestUri"] {
        trimmed
            .insert(key.to_owned(), http.get(key).with_context(|| format!("http.{key} is missing"))?.clone());
    }
    if let Some(code) = http.get("responseCode").filter(|code| *code != &json!(200)) {
        trimmed.insert("responseCode".to_owned(), code.clone());
    }
    for key in ["input", "output"] {
        if let Some(reference) = operation.get(key) {
            trimmed.insert(key.to_owned(), json!(shape_name(reference)?));
        }
    }
    if let Some(wrapper) = operation.pointer("/output/resultWrapper") {
        trimmed.insert("resultWrapper".to_owned(), wrapper.clone());
    }
    if let Some(errors) = operation.get("errors").and_then(Value::as_array) {
        let names: BTreeSet<&str> = errors.iter().map(shape_name).collect::<anyhow::Result<_>>()?;
        trimmed.insert("errors".to_owned(), json!(names));
    }
    if let Some(deprecated) = operation.get("deprecated") {
        trimmed.insert("deprecated".to_owned(), deprecated.clone());
    }
    if let Some(paging) = paging {
        trimmed.insert("paging".to_owned(), paging);
    }
    Ok(Value::Object(trimmed))
}

/// Which members carry the token and the page size of a list.
///
/// `paginators-1.json` says so for most lists. It leaves out a few whose input and output carry the same token all
/// the same; these are recognised by the names of their members.
fn paging(
    name: &str,
    operation: &Value,
    shapes: &Map<String, Value>,
    paginators: &Value,
) -> anyhow::Result<Option<Value>> {
    if let Some(entry) = paginators.pointer(&format!("/pagination/{name}")) {
        let Some(input) = entry.get("input_token").and_then(Value::as_str) else {
            bail!("operation {name}: a paginator with several input tokens is not known here");
        };
        let output = entry.get("output_token").and_then(Value::as_str).context("output_token is missing")?;
        let limit = entry.get("limit_key").cloned();
        return Ok(Some(paging_entry(input, output, limit)));
    }
    let members = |key: &str| {
        let shape = operation.get(key)?.get("shape")?.as_str()?;
        shapes.get(shape)?.get("members")?.as_object()
    };
    let (Some(input), Some(output)) = (members("input"), members("output")) else { return Ok(None) };
    let Some(token) =
        ["nextToken", "NextToken"].into_iter().find(|t| input.contains_key(*t) && output.contains_key(*t))
    else {
        return Ok(None);
    };
    let limit = ["maxResults", "pageSize", "MaxResults"].into_iter().find(|limit| input.contains_key(*limit));
    Ok(Some(paging_entry(token, token, limit.map(|limit| json!(limit)))))
}

fn paging_entry(input: &str, output: &str, limit: Option<Value>) -> Value {
    let mut entry = Map::new();
    entry.insert("input".to_owned(), json!(input));
    entry.insert("output".to_owned(), json!(output));
    if let Some(limit) = limit {
        entry.insert("limit".to_owned(), limit);
    }
    Value::Object(entry)
}

/// Trims the wanted shapes and all that these refer to.
fn trim_reachable(
    mut wanted: Vec<String>,
    shapes: &Map<String, Value>,
) -> anyhow::Result<BTreeMap<String, Value>> {
    let mut kept = BTreeMap::new();
    while let Some(name) = wanted.pop() {
        if kept.contains_key(&name) {
            continue;
        }
        let shape = shapes.get(&name).with_context(|| format!("shape {name} is not in the model"))?;
        let trimmed = trim_shape(shape, &mut wanted).with_context(|| format!("shape {name}"))?;
        kept.insert(name, trimmed);
    }
    Ok(kept)
}

fn trim_shape(shape: &Value, wanted: &mut Vec<String>) -> anyhow::Result<Value> {
    let kind = shape.get("type").and_then(Value::as_str).context("type is missing")?;
    ensure!(SHAPE_TYPES.contains(&kind), "type {kind:?} is not known here");
    let mut trimmed = Map::new();
    for key in SHAPE_KEYS {
        if let Some(value) = shape.get(*key) {
            trimmed.insert((*key).to_owned(), value.clone());
        }
    }
    if let Some(error) = shape.get("error") {
        let mut kept = Map::new();
        for key in ["httpStatusCode", "code"] {
            kept.extend(error.get(key).map(|value| (key.to_owned(), value.clone())));
        }
        trimmed.insert("error".to_owned(), Value::Object(kept));
    }
    if let Some(members) = shape.get("members").and_then(Value::as_object) {
        // The published order is kept: it is the order in which people read a structure.
        let mut kept = Map::new();
        for (member, reference) in members {
            kept.insert(member.clone(), trim_reference(reference, wanted)?);
        }
        trimmed.insert("members".to_owned(), Value::Object(kept));
    }
    for key in ["member", "key", "value"] {
        if let Some(reference) = shape.get(key) {
            trimmed.insert(key.to_owned(), trim_reference(reference, wanted)?);
        }
    }
    Ok(Value::Object(trimmed))
}

/// A reference is its shape's name, or an object when it says more than that.
fn trim_reference(reference: &Value, wanted: &mut Vec<String>) -> anyhow::Result<Value> {
    let name = shape_name(reference)?;
    wanted.push(name.to_owned());
    let mut kept = Map::new();
    kept.insert("shape".to_owned(), json!(name));
    for key in REFERENCE_KEYS {
        if let Some(value) = reference.get(*key) {
            kept.insert((*key).to_owned(), value.clone());
        }
    }
    Ok(if kept.len() == 1 { json!(name) } else { Value::Object(kept) })
}

fn shape_name(reference: &Value) -> anyhow::Result<&str> {
    reference.get("shape").and_then(Value::as_str).context("a reference without a shape")
}

fn object<'a>(value: &'a Value, key: &str) -> anyhow::Result<&'a Map<String, Value>> {
    value.get(key).and_then(Value::as_object).with_context(|| format!("no object {key:?}"))
}

fn render(
    source: &Value,
    service: &Value,
    operations: &BTreeMap<String, Value>,
    shapes: &BTreeMap<String, Value>,
) -> String {
    let lines = |entries: &BTreeMap<String, Value>| {
        let lines: Vec<String> =
            entries.iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
        lines.join(",\n")
    };
    format!(
        "{{\n\"source\":{source},\n\"service\":{service},\n\"operations\":{{\n{}\n}},\n\"shapes\":{{\n{}\n}}\n}}\n",
        lines(operations),
        lines(shapes)
    )
}

fn readme_text(version: &str) -> String {
    format!(
        "# Service models\n\n\
        Written by `cargo xtask import-model PATH/botocore/data`; do not edit.\n\n\
        They are trimmed from the AWS service models that the PyPI package botocore {version} publishes (Apache-2.0,\n\
        Copyright Amazon.com, Inc. or its affiliates): documentation text and advice for client generators are left\n\
        out, and of `sts` all operations but `GetCallerIdentity`. Each file names its source in its first line.\n\n\
        To import another version: `pip download --no-deps botocore==VERSION`, unzip the wheel, run the command\n\
        above, and read the difference: there is one operation or shape a line.\n\n\
        - An operation has `method`, `requestUri`, `responseCode` (200 when it is absent), `input`, `output`,\n  \
          `errors`, `deprecated`, and for a list `paging` (the members that carry the token, in and out, and the\n  \
          page size).\n\
        - A shape has `type` and, by type, `members`, `required`, `payload`, `member`, `key`, `value`, `min`, `max`,\n  \
          `pattern`, `enum`; an error shape has `error` with its HTTP status.\n\
        - A member is the name of its shape, or an object when it travels outside of the body or under another name.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trims_documentation_and_keeps_only_what_is_reached() {
        let model = json!({
            "Input": {"type": "structure", "documentation": "x", "required": ["name"], "members": {
                "name": {"shape": "Name", "location": "uri", "locationName": "name", "documentation": "x"},
                "tags": {"shape": "Tags"},
            }},
            "Name": {"type": "string", "pattern": "[a-z]+", "documentation": "x"},
            "Tags": {"type": "list", "member": {"shape": "Name"}, "max": 3},
            "Unused": {"type": "string"},
        });
        let kept = trim_reachable(vec!["Input".to_owned()], model.as_object().unwrap()).unwrap();
        assert_eq!(
            json!(kept),
            json!({
                "Input": {"type": "structure", "required": ["name"], "members": {
                    "name": {"shape": "Name", "location": "uri", "locationName": "name"}, "tags": "Tags",
                }},
                "Name": {"type": "string", "pattern": "[a-z]+"},
                "Tags": {"type": "list", "max": 3, "member": "Name"},
            })
        );
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        let mut wanted = Vec::new();
        let error = trim_shape(&json!({"type": "bignum"}), &mut wanted).unwrap_err();
        assert_eq!(error.to_string(), "type \"bignum\" is not known here");
        let shapes = Map::new();
        assert!(trim_reachable(vec!["Gone".to_owned()], &shapes).is_err());
    }

    #[test]
    fn finds_the_paging_that_the_paginators_leave_out() {
        let shapes = json!({
            "In": {"type": "structure", "members": {"nextToken": {"shape": "T"}, "pageSize": {"shape": "N"}}},
            "Out": {"type": "structure", "members": {"nextToken": {"shape": "T"}}},
        });
        let operation = json!({"input": {"shape": "In"}, "output": {"shape": "Out"}});
        let shapes = shapes.as_object().unwrap();
        let found = paging("ListX", &operation, shapes, &json!({})).unwrap();
        assert_eq!(found, Some(json!({"input": "nextToken", "output": "nextToken", "limit": "pageSize"})));
        let named = json!({"pagination": {"ListX": {"input_token": "marker", "output_token": "nextMarker", "limit_key": "pageSize"}}});
        let found = paging("ListX", &operation, shapes, &named).unwrap();
        assert_eq!(found, Some(json!({"input": "marker", "output": "nextMarker", "limit": "pageSize"})));
    }
}
