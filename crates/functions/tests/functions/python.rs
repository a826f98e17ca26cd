use landfall_functions::{InvocationOutcome, InvokeError, InvokeOptions};
use landfall_model::{Environment, RuntimeName};
use serde_json::{Value, json};

use crate::support::{ENDPOINT, Fixture, tail};

#[tokio::test(flavor = "multi_thread")]
async fn a_function_gets_its_event_and_its_context() {
    let fixture = Fixture::new().with_python();
    let code = "
def handler(event, context):
    return {'device': event['device'], 'left': context.get_remaining_time_in_millis(), 'id': context.aws_request_id,
            'arn': context.invoked_function_arn, 'memory': context.memory_limit_in_mb}
";
    let function = fixture.python(code).await;
    for device in ["lamp", "Lämpchen"] {
        let invocation = fixture.invoke(&function, &json!({ "device": device }).to_string()).await;
        let InvocationOutcome::Returned(body) = invocation.outcome else { panic!("{invocation:?}") };
        let returned: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&returned["device"], &returned["memory"]), (&json!(device), &json!("128")));
        assert_eq!(returned["id"], invocation.request_id.to_string());
        assert_eq!(returned["arn"], "arn:aws:lambda:eu-west-1:000000000000:function:jitr");
        let left = returned["left"].as_u64().unwrap();
        assert!((1_000..=3_000).contains(&left), "{left}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_is_used_again_and_the_log_is_that_of_lambda() {
    let fixture = Fixture::new().with_python();
    let code = "
import os
print('starting')
def handler(event, context):
    print('working on', event)
    return os.getpid()
";
    let function = fixture.python(code).await;
    let first = fixture.invoke(&function, "1").await;
    let second = fixture.invoke(&function, "2").await;
    assert_eq!(first.outcome, second.outcome, "the process is the same");
    let (one, two) = (first.request_id, second.request_id);
    let is_report = |line: &str| line.starts_with("REPORT ");
    let (first, second) = (tail(first.log_tail), tail(second.log_tail));
    let (reports, lines): (Vec<_>, Vec<_>) = first.lines().partition(|line| is_report(line));
    let version = lines[0].strip_prefix("INIT_START Runtime: python3.12 (Python 3.").unwrap();
    assert!(version.ends_with(')'), "{first}");
    let expected = [
        "starting".to_owned(),
        format!("START RequestId: {one} Version: $LATEST"),
        "working on 1".to_owned(),
        format!("END RequestId: {one}"),
    ];
    assert_eq!(lines[1..], expected);
    assert!(reports[0].contains("\tMemory Size: 128 MB\tMax Memory Used: "), "{first}");
    assert!(reports[0].contains(" MB\tInit Duration: "), "{first}");
    let (reports, lines): (Vec<_>, Vec<_>) = second.lines().partition(|line| is_report(line));
    let expected = [
        format!("START RequestId: {two} Version: $LATEST"),
        "working on 2".to_owned(),
        format!("END RequestId: {two}"),
    ];
    assert_eq!(lines, expected);
    assert!(reports[0].starts_with(&format!("REPORT RequestId: {two}\tDuration: ")), "{second}");
    assert!(!reports[0].contains("Init Duration"), "{second}");
    assert_eq!(fixture.log(&function).await, first + &second);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_those_of_the_runtime() {
    let fixture = Fixture::new().with_python();
    let raises = "
class Boom(Exception): pass
def handler(event, context):
    raise Boom('no ' + event)
";
    let (failure, log) = fixture.failed(&fixture.python(raises).await, r#""way""#).await;
    assert_eq!((failure.error_type.as_str(), failure.message.as_str()), ("Boom", "no way"));
    let payload: Value = serde_json::from_slice(&failure.payload).unwrap();
    assert_eq!(payload["errorMessage"], "no way");
    assert!(payload["stackTrace"][0].as_str().unwrap().contains("app.py"), "{payload}");
    assert!(log.contains("[ERROR] Boom: no way\nTraceback"), "{log}");
    assert!(log.trim_end().ends_with("\tStatus: error\tError Type: Boom"), "{log}");
    for (code, error_type) in [
        ("import nothing_of_this_name", "Runtime.ImportModuleError"),
        ("def handler(", "Runtime.UserCodeSyntaxError"),
        ("def other(event, context): pass", "Runtime.HandlerNotFound"),
        ("raise ValueError('at the start')", "ValueError"),
        ("import sys; sys.exit(3)", "Runtime.ExitError"),
        ("def handler(event, context): return object()", "Runtime.MarshalError"),
    ] {
        let (failure, log) = fixture.failed(&fixture.python(code).await, "1").await;
        assert_eq!(failure.error_type, error_type, "{code}\n{log}");
        assert!(log.contains(&format!("Error Type: {error_type}")), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_is_what_lambda_gives() {
    let fixture = Fixture::new().with_python();
    let code = "
import os, tempfile
def handler(event, context):
    return {**os.environ, 'cwd': os.getcwd(), 'tempfile': tempfile.gettempdir(), 'beside': open('data.txt').read()}
";
    let files = [("app.py", code), ("data.txt", "text")];
    let mut function = fixture.function("python3.7", "app.handler", &files).await;
    function.environment = Environment::new([("THING_PREFIX", "dev"), ("LANG", "C")]).unwrap();
    let mut found = fixture.returned(&function, "1").await;
    let mut take =
        |name: &str| found.as_object_mut().unwrap().remove(name).unwrap().as_str().unwrap().to_owned();
    let task = fixture.data.path().join("unpacked").join(function.code.to_hex());
    assert_eq!(
        (take("cwd"), take("LAMBDA_TASK_ROOT")),
        (task.display().to_string(), task.display().to_string())
    );
    assert_eq!(take("beside"), "text");
    let temporary = take("TMPDIR");
    assert!(temporary.starts_with(&fixture.data.path().join("work").display().to_string()), "{temporary}");
    assert_eq!((take("HOME"), take("tempfile")), (temporary.clone(), temporary));
    assert!(take("AWS_LAMBDA_LOG_STREAM_NAME").contains("/[$LATEST]"));
    assert!(take("AWS_LAMBDA_RUNTIME_API").starts_with("127.0.0.1:"));
    assert_eq!(take("PATH"), std::env::var("PATH").unwrap());
    assert!(take("LD_LIBRARY_PATH").starts_with(&task.display().to_string()));
    let support = fixture.data.path().join("runtimes/landfall");
    assert_eq!(take("LAMBDA_RUNTIME_DIR"), support.display().to_string());
    assert!(take("_X_AMZN_TRACE_ID").starts_with("Root=1-"));
    // What the interpreter adds when the locale is C.
    found.as_object_mut().unwrap().remove("LC_CTYPE");
    let expected = json!({
        "AWS_ACCESS_KEY_ID": "AKIATEST",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": ENDPOINT,
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.7",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_FUNCTION_NAME": "jitr",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/jitr",
        "AWS_REGION": "eu-west-1",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "LANG": "C",
        "PYTHONPATH": "",
        "THING_PREFIX": "dev",
        "TZ": ":UTC",
        "_HANDLER": "app.handler",
    });
    assert_eq!(found, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_is_there_and_finds_the_server() {
    let fixture = Fixture::new().with_python();
    let code = "
import boto3
def handler(event, context):
    iot = boto3.client('iot')
    return [iot.meta.endpoint_url, iot.meta.region_name, iot._request_signer._credentials.access_key]
";
    let mut function = fixture.python(code).await;
    function.timeout_s = 20;
    assert_eq!(fixture.returned(&function, "1").await, json!([ENDPOINT, "eu-west-1", "AKIATEST"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_runtime_says_what_to_run() {
    let fixture = Fixture::new();
    let runtime = RuntimeName::parse("python3.12").unwrap();
    let missing = fixture.runner.check_runtime(runtime).await.unwrap_err();
    let command = format!("`landfall functions setup --data {}`", fixture.data.path().display());
    assert!(missing.to_string().contains(&command), "{missing}");
    let function = fixture.python("def handler(event, context): pass").await;
    let invoked = fixture.runner.invoke(&function.into(), "1".into(), InvokeOptions::default()).await;
    assert!(matches!(&invoked, Err(InvokeError::Runtime(found)) if *found == missing), "{invoked:?}");
    let fixture = fixture.with_python();
    for (runtime, expected) in
        [("python3.7", "is retired; the function runs on Python 3."), ("python3.12", "on Python 3.")]
    {
        let warning = fixture.runner.check_runtime(RuntimeName::parse(runtime).unwrap()).await.unwrap();
        // The machine can have the very version.
        assert!(warning.as_ref().is_none_or(|text| text.contains(expected)), "{warning:?}");
        assert!(warning.is_some() || runtime == "python3.12");
    }
}
