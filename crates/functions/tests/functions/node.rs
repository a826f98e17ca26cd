use landfall_functions::InvocationOutcome;
use serde_json::{Value, json};

use crate::support::{ENDPOINT, Fixture};

/// The time that a Node.js process has: starting takes longer on a busy machine than Lambda's three seconds.
const TIMEOUT_S: u16 = 10;

async fn returned(fixture: &Fixture, files: &[(&str, &str)], handler: &str) -> Value {
    let mut function = fixture.function("nodejs20.x", handler, files).await;
    function.timeout_s = TIMEOUT_S;
    fixture.returned(&function, r#"{"device":"lamp"}"#).await
}

#[tokio::test(flavor = "multi_thread")]
async fn handlers_of_every_kind_are_called() {
    let fixture = Fixture::new();
    for (files, handler) in [
        ([("index.js", "exports.handler = async (event) => event.device;")].as_slice(), "index.handler"),
        (
            &[("index.js", "exports.handler = (event, context, callback) => callback(null, event.device);")],
            "index.handler",
        ),
        (
            &[(
                "index.js",
                "exports.handler = (event, context, callback) => { setTimeout(callback, 5, null, event.device); };",
            )],
            "index.handler",
        ),
        (
            &[("index.js", "exports.handler = (event, context) => context.succeed(event.device);")],
            "index.handler",
        ),
        (&[("index.js", "exports.a = { b: { c: async (event) => event.device } };")], "index.a.b.c"),
        (&[("src/app.cjs", "exports.handler = async (event) => event.device;")], "src/app.handler"),
        (&[("index.mjs", "export const handler = async (event) => event.device;")], "index.handler"),
        (
            &[
                ("package.json", r#"{"type":"module"}"#),
                (
                    "index.js",
                    "import { pick } from './pick.js'; export const handler = async (event) => pick(event);",
                ),
                ("pick.js", "export const pick = (event) => event.device;"),
            ],
            "index.handler",
        ),
    ] {
        assert_eq!(returned(&fixture, files, handler).await, "lamp", "{files:?}");
    }
    for nothing in [
        "exports.handler = async () => {};",
        "exports.handler = () => {};",
        "exports.handler = () => new Promise(() => {});",
    ] {
        assert_eq!(
            returned(&fixture, &[("index.js", nothing)], "index.handler").await,
            Value::Null,
            "{nothing}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_context_and_the_log_are_those_of_lambda() {
    let fixture = Fixture::new();
    let code = "
exports.handler = async (event, context) => {
  console.log('got', event);
  const { functionName, functionVersion, memoryLimitInMB, logGroupName, invokedFunctionArn, awsRequestId } = context;
  const left = context.getRemainingTimeInMillis();
  return { functionName, functionVersion, memoryLimitInMB, logGroupName, invokedFunctionArn, awsRequestId, left };
};
";
    let mut function = fixture.function("nodejs10.x", "index.handler", &[("index.js", code)]).await;
    function.timeout_s = TIMEOUT_S;
    for _ in 0..2 {
        let invocation = fixture.invoke(&function, r#"{"device":"lamp"}"#).await;
        let InvocationOutcome::Returned(body) = &invocation.outcome else { panic!("{invocation:?}") };
        let mut returned: Value = serde_json::from_slice(body).unwrap();
        let left = returned["left"].take().as_u64().unwrap();
        assert!((1_000..=10_000).contains(&left), "{left}");
        let id = invocation.request_id.to_string();
        let expected = json!({
            "functionName": "jitr", "functionVersion": "$LATEST", "memoryLimitInMB": "128",
            "logGroupName": "/aws/lambda/jitr", "awsRequestId": id, "left": null,
            "invokedFunctionArn": "arn:aws:lambda:eu-west-1:000000000000:function:jitr",
        });
        assert_eq!(returned, expected);
        let log = crate::support::tail(invocation.log_tail);
        assert!(log.contains(&format!("Z\t{id}\tINFO\tgot {{ device: 'lamp' }}\n")), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_those_of_the_runtime() {
    let fixture = Fixture::new();
    for (code, error_type, message) in [
        ("exports.handler = async () => { throw new TypeError('no way'); };", "TypeError", "no way"),
        ("exports.handler = () => { throw new Error('no way'); };", "Error", "no way"),
        ("exports.handler = (event, context, callback) => callback(new Error('no way'));", "Error", "no way"),
        ("exports.handler = (event, context, callback) => callback('a text');", "string", "a text"),
        ("exports.handler = () => { setTimeout(() => { throw new Error('late'); }, 1); };", "Error", "late"),
        (
            "exports.handler = () => { Promise.reject(new Error('nobody')); return new Promise(() => setTimeout(() => {}, 9e3)); };",
            "Runtime.UnhandledPromiseRejection",
            "nobody",
        ),
        ("exports.handler = async () => 1n;", "Runtime.MarshalResponse", "Unable to stringify the response"),
        (
            "exports.handler = async () => process.exit(4);",
            "Runtime.ExitError",
            "Runtime exited with error: exit status 4",
        ),
        ("exports.other = 1;", "Runtime.HandlerNotFound", "index.handler is undefined or not exported"),
        ("exports.handler = 1;", "Runtime.HandlerNotFound", "index.handler is not a function"),
        ("exports.handler = (", "Runtime.UserCodeSyntaxError", "SyntaxError: "),
        (
            "require('nothing-of-this-name');",
            "Runtime.ImportModuleError",
            "Cannot find module 'nothing-of-this-name'",
        ),
        ("throw new RangeError('at the start');", "RangeError", "at the start"),
    ] {
        let mut function = fixture.function("nodejs20.x", "index.handler", &[("index.js", code)]).await;
        function.timeout_s = TIMEOUT_S;
        let (failure, log) = fixture.failed(&function, "{}").await;
        assert_eq!(failure.error_type, error_type, "{code}\n{failure:?}\n{log}");
        assert!(failure.message.contains(message), "{code}\n{failure:?}\n{log}");
    }
    let function = fixture.function("nodejs20.x", "none.handler", &[("index.js", "")]).await;
    let (failure, log) = fixture.failed(&function, "{}").await;
    assert_eq!(failure.error_type, "Runtime.ImportModuleError", "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sdks_are_there_and_find_the_server() {
    let fixture = Fixture::new().with_node_packages();
    let v2 = "
const AWS = require('aws-sdk');
const Iot = require('aws-sdk/clients/iot');
const iot = new AWS.Iot();
exports.handler = async () => [iot.endpoint.href, new Iot().endpoint.href, iot.config.region, AWS.config.credentials.accessKeyId];
";
    let v3 = "
import { IoTClient } from '@aws-sdk/client-iot';
import AWS from 'aws-sdk';
export const handler = async () => {
  const client = new IoTClient({});
  const endpoint = client.config.endpoint ? await client.config.endpoint() : null;
  return [endpoint?.hostname ?? 'unset', process.env.AWS_ENDPOINT_URL, await client.config.region(), new AWS.Iot().endpoint.href];
};
";
    let url = format!("{ENDPOINT}/");
    let mut function = fixture.function("nodejs20.x", "index.handler", &[("index.js", v2)]).await;
    (function.timeout_s, function.memory_mib) = (20, 512);
    assert_eq!(fixture.returned(&function, "{}").await, json!([url, url, "eu-west-1", "AKIATEST"]));
    let mut function = fixture.function("nodejs20.x", "index.handler", &[("index.mjs", v3)]).await;
    (function.timeout_s, function.memory_mib) = (20, 512);
    let returned = fixture.returned(&function, "{}").await;
    assert_eq!(
        (&returned[1], &returned[2], &returned[3]),
        (&json!(ENDPOINT), &json!("eu-west-1"), &json!(url))
    );
}
