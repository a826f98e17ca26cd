//! What functions have of layers, and what is counted of functions.

use landfall_model::{Function, FunctionDescription, LayerVersion, LayerVersionId, UnixTime};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::json;

use crate::support::{Fixture, archive};

/// Publishes the first version of a layer with these files, and gives it to a function.
async fn lay(fixture: &Fixture, function: &mut Function, name: &str, files: &[(&str, &str)]) {
    let stored = fixture.runner.store_code(archive(files)).await.unwrap();
    let id = LayerVersionId { layer: name.parse().unwrap(), version: 1 };
    let version = LayerVersion {
        id: id.clone(),
        description: FunctionDescription::default(),
        code: stored.sha256,
        code_size: stored.size,
        compatible_runtimes: Vec::new(),
        license: None,
        created_at: UnixTime::from_secs(0),
    };
    fixture.commit(|transaction| transaction.publish_layer_version(version)).await;
    function.layers.push(id);
}

#[tokio::test(flavor = "multi_thread")]
async fn python_finds_what_its_layers_bring() {
    let fixture = Fixture::new().with_python();
    let code = "
import subprocess
import shared, only_one, own
def handler(event, context):
    return [shared.NAME, only_one.NAME, own.NAME, subprocess.check_output(['tell']).decode().strip()]
";
    let files = [("app.py", code), ("own.py", "NAME = 'function'")];
    let mut function = fixture.function("python3.12", "app.handler", &files).await;
    let one = [
        ("python/shared.py", "NAME = 'one'"),
        ("python/only_one.py", "NAME = 'one'"),
        ("bin/tell", "#!/bin/sh\necho one"),
    ];
    let two = [
        ("python/lib/python3.12/site-packages/shared.py", "NAME = 'two'"),
        ("python/own.py", "NAME = 'two'"),
        ("bin/tell", "#!/bin/sh\necho two"),
    ];
    lay(&fixture, &mut function, "one", &one).await;
    lay(&fixture, &mut function, "two", &two).await;
    fixture.create(&function).await;
    let id = function.layers[0].clone();
    fixture.commit(|transaction| transaction.delete_layer_version(id)).await;
    assert_eq!(fixture.returned(&function, "1").await, json!(["two", "one", "function", "two"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_the_code_of_functions_and_layers_and_removes_the_rest() {
    let fixture = Fixture::new();
    let mut function = fixture.shell("exit 1").await;
    lay(&fixture, &mut function, "deleted", &[("one", "")]).await;
    lay(&fixture, &mut function, "kept", &[("two", "")]).await;
    let mut other = function.clone();
    lay(&fixture, &mut other, "unused", &[("three", "")]).await;
    fixture.create(&function).await;
    let id = function.layers[0].clone();
    fixture.commit(|transaction| transaction.delete_layer_version(id)).await;
    let replaced = fixture.runner.store_code(archive(&[("replaced", "")])).await.unwrap();
    let folder = fixture.data.path().join("code");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 5);
    fixture.drain().await;
    let again = fixture.restarted();
    let replaced = folder.join(format!("{}.zip", replaced.sha256.to_hex()));
    crate::support::until("the code that was replaced is removed", || !replaced.exists()).await;
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 4);
    again.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_and_bootstraps_find_what_their_layers_bring() {
    let fixture = Fixture::new();
    let layer = [
        ("nodejs/node_modules/shared/index.js", "module.exports = 'layer';"),
        (
            "bootstrap",
            "#!/bin/sh\nexec curl -s -d '{\"errorType\":\"Layer\",\"errorMessage\":\"of a layer\"}' \
                       \"http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/init/error\"\n",
        ),
    ];
    for (file, code) in [
        ("index.js", "const shared = require('shared'); exports.handler = async () => shared;"),
        ("index.mjs", "import shared from 'shared'; export const handler = async () => shared;"),
    ] {
        let mut function = fixture.function("nodejs22.x", "index.handler", &[(file, code)]).await;
        function.name = file.replace('.', "-").parse().unwrap();
        function.timeout_s = 10;
        if file == "index.js" {
            lay(&fixture, &mut function, "node", &layer).await;
        } else {
            function.layers.push(LayerVersionId { layer: "node".parse().unwrap(), version: 1 });
        }
        fixture.create(&function).await;
        assert_eq!(fixture.returned(&function, "1").await, "layer", "{file}");
    }
    let mut function = fixture.function("provided.al2", "any", &[("data", "")]).await;
    function.layers.push(LayerVersionId { layer: "node".parse().unwrap(), version: 1 });
    fixture.create(&function).await;
    let (failure, log) = fixture.failed(&function, "1").await;
    assert_eq!((&*failure.error_type, &*failure.message), ("Layer", "of a layer"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn invocations_are_counted() {
    let fixture = Fixture::new().with_python();
    let mut metrics = Registry::default();
    fixture.runner.register_metrics(&mut metrics);
    let mut function = fixture.python("def handler(event, context): return 1 / event").await;
    fixture.returned(&function, "1").await;
    fixture.returned(&function, "2").await;
    fixture.failed(&function, "0").await;
    function.reserved_concurrency = Some(0);
    assert!(fixture.runner.invoke(&function.into(), "1".into(), Default::default()).await.is_err());
    let mut text = String::new();
    encode(&mut text, &metrics).unwrap();
    for line in [
        "landfall_function_invocations_total{function=\"jitr\"} 3",
        "landfall_function_errors_total{function=\"jitr\"} 1",
        "landfall_function_throttles_total{function=\"jitr\"} 1",
        "landfall_function_process_starts_total{function=\"jitr\"} 1",
        "landfall_function_duration_seconds_count{function=\"jitr\"} 3",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}
