//! Functions that do what they should not, and what becomes of them and of the next one.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use landfall_functions::{FunctionRunner, InvocationOutcome, InvokeError, InvokeOptions, Limits};
use landfall_model::Function;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{Fixture, tail, until};

/// What shell scripts need to speak with the Runtime API. `respond` prints the status of the answer.
const SHELL: &str = r#"
next() {
  EVENT=$(curl -s -D "$TMPDIR/headers" "$API/invocation/next")
  ID=$(grep -i '^lambda-runtime-aws-request-id' "$TMPDIR/headers" | tr -d '\r' | cut -d' ' -f2)
}
respond() { curl -s -o /dev/null -w 'status %{http_code}\n' --data-binary "$1" "$API/invocation/$ID/response"; }
"#;

/// A function that does as its event says, or else returns its process.
const OBEDIENT: &str = r#"
while :; do
  next
  case "$EVENT" in
    '"exit"') exit 7 ;;
    '"exit well"') exit 0 ;;
    '"die"') kill -9 $$ ;;
    '"hang"') : > "$TMPDIR/hangs"; sleep 1000 ;;
    '"twice"') respond 1; respond 2; continue ;;
    '"early"') respond 1; exit 3 ;;
    '"never next"') respond 1; sleep 1000 ;;
    '"error"') curl -s -o /dev/null -d '{"errorType":"E","errorMessage":"m"}' "$API/invocation/$ID/error"; continue ;;
    '"plain error"') curl -s -o /dev/null -H 'Lambda-Runtime-Function-Error-Type: T' -d 'no JSON' "$API/invocation/$ID/error"; continue ;;
    '"print"') head -c 100000000 /dev/zero | tr '\0' x ;;
    '"children"')
      sleep 1000 & ONE=$!
      setsid sleep 1000 & TWO=$!
      respond "[$ONE,$TWO]"; continue ;;
  esac
  respond $$
done
"#;

async fn obedient(fixture: &Fixture) -> Function {
    let mut function = fixture.shell(&format!("{SHELL}{OBEDIENT}")).await;
    function.timeout_s = 20;
    function
}

fn state(pid: u64) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(") ")?.1[..1].to_owned())
}

fn is_gone(pid: u64) -> bool {
    state(pid).is_none_or(|state| state == "Z")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_end_is_told_as_lambda_does_and_the_next_one_is_unharmed() {
    let fixture = Fixture::new();
    let function = obedient(&fixture).await;
    for (event, error_type, message) in [
        (r#""exit""#, "Runtime.ExitError", "Runtime exited with error: exit status 7"),
        (r#""exit well""#, "Runtime.ExitError", "Runtime exited without providing a reason"),
        (r#""die""#, "Runtime.ExitError", "Runtime exited with error: signal: killed"),
        (r#""error""#, "E", "m"),
        (r#""plain error""#, "T", "no JSON"),
    ] {
        let (failure, log) = fixture.failed(&function, event).await;
        assert_eq!(failure.error_type, error_type, "{log}");
        let id = log.lines().find_map(|line| line.strip_prefix("END RequestId: ")).unwrap();
        let expected = match error_type {
            "Runtime.ExitError" => format!("RequestId: {id} Error: {message}"),
            _ => message.to_owned(),
        };
        assert_eq!(failure.message, expected);
        let payload: Value = serde_json::from_slice(&failure.payload).unwrap();
        assert_eq!((&payload["errorType"], &payload["errorMessage"]), (&json!(error_type), &json!(expected)));
        assert!(fixture.returned(&function, "1").await.is_u64());
    }
    fixture.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_answers_is_ended_when_the_time_is_up() {
    let fixture = Fixture::new();
    let mut function = obedient(&fixture).await;
    let first = fixture.returned(&function, "1").await;
    function.timeout_s = 1;
    let (failure, log) = fixture.failed(&function, r#""hang""#).await;
    assert_eq!(failure.error_type, "Sandbox.Timedout");
    assert!(failure.message.ends_with(" Error: Task timed out after 1.00 seconds"), "{failure:?}");
    assert!(log.contains("Task timed out after 1.00 seconds\nEND "), "{log}");
    assert!(log.ends_with("\tStatus: timeout\n"), "{log}");
    let pid = first.as_u64().unwrap();
    until("the process is gone", || is_gone(pid)).await;
    assert_ne!(fixture.returned(&function, "1").await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_answer_is_refused() {
    let fixture = Fixture::new();
    let function = obedient(&fixture).await;
    assert_eq!(fixture.returned(&function, r#""twice""#).await, 1);
    assert!(fixture.returned(&function, "1").await.is_u64());
    let log = fixture.log(&function).await;
    assert!(log.contains("status 400\n"), "{log}");
    // One that answers and ends has answered; one that never asks for more is not used again.
    assert_eq!(fixture.returned(&function, r#""early""#).await, 1);
    let mut function = function;
    function.timeout_s = 1;
    assert_eq!(fixture.returned(&function, r#""never next""#).await, 1);
    assert!(fixture.returned(&function, "1").await.is_u64());
    fixture.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_megabytes_of_output_are_read_and_not_kept() {
    let fixture = Fixture::new();
    let function = obedient(&fixture).await;
    let invocation = fixture.invoke(&function, r#""print""#).await;
    assert!(matches!(invocation.outcome, InvocationOutcome::Returned(_)), "{invocation:?}");
    let tail = tail(invocation.log_tail);
    assert!(tail.len() <= 4_096, "{}", tail.len());
    let dropped = tail.lines().find_map(|line| line.strip_prefix("[landfall] ")).unwrap();
    let dropped: u64 = dropped.split(' ').next().unwrap().parse().unwrap();
    let max = Limits::default().output_bytes_max;
    assert!((100_000_000 - max..100_000_200 - max).contains(&dropped), "{dropped}");
    let logs = std::fs::metadata(fixture.data.path().join("logs/jitr.log")).unwrap().len();
    assert!(logs < max + 4_096, "{logs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn children_are_stopped_with_their_function_and_end_with_it() {
    let fixture = Fixture::new();
    let function = obedient(&fixture).await;
    let children = fixture.returned(&function, r#""children""#).await;
    let [of_group, stray] = [0, 1].map(|index| children[index].as_u64().unwrap());
    for child in [of_group, stray] {
        until("the child is stopped", || state(child).as_deref() == Some("T")).await;
    }
    assert!(fixture.returned(&function, "1").await.is_u64());
    let (_, log) = fixture.failed(&function, r#""die""#).await;
    assert!(log.contains("signal: killed"), "{log}");
    for child in [of_group, stray] {
        until("the child is gone", || is_gone(child)).await;
    }
    fixture.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_cpu_time_and_processes_are_bounded() {
    let hungry = "
import os, time
def handler(event, context):
    if event == 'memory':
        data = bytearray(400 << 20)
        time.sleep(9)
    if event == 'much memory':
        return len(bytearray(2 << 30))
    if event == 'cpu':
        while True: pass
    if event == 'processes':
        for _ in range(30):
            if os.fork() == 0:
                time.sleep(1000)
        time.sleep(9)
    if event == 'files':
        for number in range(5):
            with open(os.environ['TMPDIR'] + f'/{number}', 'wb') as file:
                file.write(bytes(900_000))
        time.sleep(9)
    if event == 'file':
        with open(os.environ['TMPDIR'] + '/large', 'wb') as file:
            file.write(bytes(3_000_000))
    return 'fine'
";
    let limits = Limits {
        cpu_per_second_max: 0,
        threads_max: 20,
        file_bytes_max: 1_000_000,
        temporary_bytes_max: 4_000_000,
        ..Limits::default()
    };
    let bounded = Fixture::with(limits).with_python();
    let function = bounded.python(hungry).await;
    for (event, error_type, message) in [
        ("cpu", "Runtime.ExitError", "ms of CPU time"),
        ("processes", "Runtime.ExitError", "processes and threads"),
        ("file", "OSError", "File too large"),
        ("files", "Runtime.ExitError", "its temporary files (TMPDIR) have more than 4 MB"),
    ] {
        let (failure, log) = bounded.failed(&function, &json!(event).to_string()).await;
        assert_eq!(failure.error_type, error_type, "{event}: {failure:?} {log}");
        assert!(failure.message.contains(message), "{event}: {failure:?} {log}");
        assert_eq!(bounded.returned(&function, r#""nothing""#).await, "fine");
    }
    let fixture = Fixture::new().with_python();
    let mut function = fixture.python(hungry).await;
    function.timeout_s = 10;
    for (event, error_type, message) in [
        ("memory", "Runtime.OutOfMemory", "MB of memory and may use 128 MB"),
        ("much memory", "MemoryError", ""),
    ] {
        let (failure, log) = fixture.failed(&function, &json!(event).to_string()).await;
        assert_eq!(failure.error_type, error_type, "{event}: {failure:?} {log}");
        assert!(failure.message.contains(message), "{event}: {failure:?} {log}");
        assert_eq!(fixture.returned(&function, r#""nothing""#).await, "fine");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_works_while_the_server_stops_is_watched_on() {
    let limits = Limits { cpu_per_second_max: 0, ..Limits::default() };
    let fixture = Fixture::with(limits);
    let script = format!(
        r#"{SHELL} next; : > "$TMPDIR/../../works"; while ! [ -e "$TMPDIR/../../stops" ]; do sleep 0.01; done
        while :; do :; done"#
    );
    let mut function = fixture.shell(&script).await;
    function.timeout_s = 9;
    let invocation = fixture.failed(&function, "1");
    let stopping = async {
        let works = fixture.data.path().join("works");
        until("it works", || works.exists()).await;
        fixture.stopping.cancel();
        std::fs::write(fixture.data.path().join("stops"), "").unwrap();
    };
    let ((failure, log), ()) = tokio::join!(invocation, stopping);
    assert!(failure.message.contains("ms of CPU time"), "{failure:?} {log}");
    fixture.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_lives_only_to_start_the_next_is_stopped_and_killed() {
    // Its links have nothing in their environment that would tell whose they are.
    let chain = "
import os, subprocess, sys
CHAIN = 'import os\\nwhile os.fork() == 0: os.setsid()\\nos._exit(0)'
def handler(event, context):
    if event == 'chain':
        subprocess.Popen([sys.executable, '-c', CHAIN, os.environ['CHAIN']], env={}).wait()
    return 'fine'
";
    let fixture = Fixture::new().with_python();
    let mut function = fixture.python(chain).await;
    function.environment = fixture.environment("CHAIN", "chain");
    let mark = fixture.data.path().join("chain").display().to_string();
    let links = || -> Vec<u64> {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let is_link = |pid: &u64| {
            std::fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains(&mark))
        };
        let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(is_link).collect()
    };
    assert_eq!(fixture.returned(&function, r#""chain""#).await, "fine");
    let is_stopped = || {
        let links = links();
        !links.is_empty() && links.iter().all(|pid| state(*pid).as_deref() == Some("T"))
    };
    until("the chain is stopped", is_stopped).await;
    assert_eq!(fixture.returned(&function, r#""more""#).await, "fine", "it goes on");
    until("the chain is stopped again", is_stopped).await;
    fixture.drain().await;
    assert_eq!(links(), Vec::<u64>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_and_an_event_can_be_too_large() {
    let fixture = Fixture::new().with_python();
    let function = fixture.python("def handler(event, context): return 'x' * event").await;
    let (failure, _) = fixture.failed(&function, "6291555").await;
    assert_eq!(failure.error_type, "Function.ResponseSizeTooLarge");
    let message = "Response payload size exceeded maximum allowed payload size (6291556 bytes).";
    assert_eq!(failure.message, message);
    assert_eq!(fixture.returned(&function, "6291554").await.as_str().unwrap().len(), 6_291_554);
    let event = Bytes::from(vec![b' '; 6 * 1_024 * 1_024 + 1]);
    let refused = fixture.runner.invoke(&Arc::new(function), event, InvokeOptions::default()).await;
    assert!(
        matches!(refused, Err(InvokeError::EventTooLarge { found: 6_291_457, max: 6_291_456 })),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_started_says_why() {
    let fixture = Fixture::new();
    for (files, message) in [
        ([("app.py", "")].as_slice(), "Couldn't find valid bootstrap(s)"),
        (&[("bootstrap", "#!/no/such/interpreter\n")], "No such file or directory"),
        (&[("bootstrap", "nothing that runs")], "exec format error"),
    ] {
        let function = fixture.function("provided.al2023", "any", files).await;
        let (failure, log) = fixture.failed(&function, "1").await;
        assert_eq!(failure.error_type, "Runtime.InvalidEntrypoint", "{log}");
        assert!(failure.message.contains(message), "{failure:?}");
        assert!(log.contains("Error Type: Runtime.InvalidEntrypoint"), "{log}");
        assert!(log.contains("START RequestId: ") && log.contains("END RequestId: "), "{log}");
    }
    let function = fixture.shell("exit 5").await;
    let (failure, _) = fixture.failed(&function, "1").await;
    assert!(failure.message.ends_with("Runtime exited with error: exit status 5"), "{failure:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_start_in_time_has_the_time_of_the_invocation_too() {
    let limits = Limits { init_timeout: Duration::from_millis(200), ..Limits::default() };
    let fixture = Fixture::with(limits);
    let mut function = fixture.shell(&format!("{SHELL} sleep 1; {OBEDIENT}")).await;
    function.timeout_s = 20;
    assert!(fixture.returned(&function, "1").await.is_u64());
    let mut function = fixture.shell("sleep 1000").await;
    function.timeout_s = 1;
    let (failure, log) = fixture.failed(&function, "1").await;
    assert_eq!(failure.error_type, "Sandbox.Timedout", "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_at_once_share_a_few_processes() {
    let limits = Limits { concurrency_max: 4, ..Limits::default() };
    let fixture = Fixture::with(limits).with_python();
    let code = "
import os
def handler(event, context):
    if event == 7: os._exit(1)
    return [event, os.getpid()]
";
    let function = Arc::new(fixture.python(code).await);
    let mut invocations = JoinSet::new();
    for number in 0..50 {
        let (runner, function) = (Arc::clone(&fixture.runner), Arc::clone(&function));
        invocations.spawn(async move { (number, invoke(&runner, &function, number).await) });
    }
    let mut processes = std::collections::BTreeSet::new();
    for (number, outcome) in invocations.join_all().await {
        match outcome {
            InvocationOutcome::Returned(body) => {
                let returned: Value = serde_json::from_slice(&body).unwrap();
                assert_eq!(returned[0], number);
                processes.insert(returned[1].as_u64().unwrap());
            }
            InvocationOutcome::Failed(failure) => {
                assert_eq!((number, &*failure.error_type), (7, "Runtime.ExitError"))
            }
        }
    }
    assert!((1..=5).contains(&processes.len()), "{processes:?}");
}

async fn invoke(runner: &Arc<FunctionRunner>, function: &Arc<Function>, number: u32) -> InvocationOutcome {
    let event = Bytes::from(number.to_string());
    runner.invoke(function, event, InvokeOptions::default()).await.unwrap().outcome
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_are_throttled() {
    let limits = Limits {
        waiting_invocations_max: 1,
        waiting_timeout: Duration::from_millis(300),
        processes_max: 1,
        ..Limits::default()
    };
    let fixture = Fixture::with(limits);
    let mut function = obedient(&fixture).await;
    function.timeout_s = 2;
    function.reserved_concurrency = Some(0);
    let options = InvokeOptions::default();
    let throttled = |outcome: Result<_, InvokeError>| match outcome {
        Err(InvokeError::Throttled { reason, .. }) => reason,
        other => panic!("{other:?}"),
    };
    let refused = fixture.runner.invoke(&Arc::new(function.clone()), "1".into(), options).await;
    assert_eq!(throttled(refused.map(drop)), "its reserved concurrency is 0");
    function.reserved_concurrency = Some(1);
    let function = Arc::new(function);
    let hanging = {
        let (runner, function) = (Arc::clone(&fixture.runner), Arc::clone(&function));
        fixture.tracker.spawn(async move { runner.invoke(&function, r#""hang""#.into(), options).await })
    };
    let work = fixture.data.path().join("work");
    until("the only process is there", || !is_empty(&work)).await;
    let other =
        Function { reserved_concurrency: Some(5), name: "other".parse().unwrap(), ..(*function).clone() };
    let other = Arc::new(other);
    let [second, third] = [(), ()].map(|()| fixture.runner.invoke(&function, "1".into(), options));
    let fourth = fixture.runner.invoke(&other, "1".into(), options);
    let (second, third, fourth) = tokio::join!(second, third, fourth);
    assert_eq!(throttled(third.map(drop)), "1 invocations wait (waiting_invocations_max)");
    assert_eq!(throttled(second.map(drop)), "1 invocations ran for 0 s (waiting_timeout)");
    assert!(throttled(fourth.map(drop)).starts_with("all 1 processes (processes_max)"));
    assert!(matches!(hanging.await.unwrap().unwrap().outcome, InvocationOutcome::Failed(_)));
    // A process that waits gives its place to another function.
    assert!(fixture.returned(&function, "1").await.is_u64());
    assert!(fixture.returned(&other, "1").await.is_u64());
    assert!(fixture.returned(&function, "1").await.is_u64());
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_are_replaced_in_time() {
    let limits = Limits { invocations_per_process_max: 2, ..Limits::default() };
    let fixture = Fixture::with(limits);
    let mut function = obedient(&fixture).await;
    let mut processes = Vec::new();
    for _ in 0..3 {
        processes.push(fixture.returned(&function, "1").await);
    }
    assert!(processes[0] == processes[1] && processes[1] != processes[2], "{processes:?}");
    function.revision = landfall_model::RevisionId::from_bytes([9; 16]);
    assert_ne!(fixture.returned(&function, "1").await, processes[2], "the function was changed");
    let limits = Limits { idle_timeout: Duration::from_millis(50), ..Limits::default() };
    let fixture = Fixture::with(limits);
    let function = obedient(&fixture).await;
    let pid = fixture.returned(&function, "1").await.as_u64().unwrap();
    until("the process that waited is gone", || is_gone(pid)).await;
    let work = fixture.data.path().join("work");
    until("its folder is gone", || is_empty(&work)).await;
    assert!(fixture.returned(&function, "1").await.is_u64());
    fixture.create(&function).await;
    fixture.commit(|transaction| transaction.delete_function(function.name.clone())).await;
    until("nothing is left of a function that was deleted", || is_empty(&work)).await;
    let log = fixture.data.path().join("logs/jitr.log");
    until("nor its log", || !log.exists()).await;
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_ends_all_and_invokes_none() {
    let fixture = Fixture::new();
    let function = obedient(&fixture).await;
    let pid = fixture.returned(&function, "1").await.as_u64().unwrap();
    let children = fixture.returned(&function, r#""children""#).await;
    fixture.drain().await;
    for pid in [pid, children[0].as_u64().unwrap(), children[1].as_u64().unwrap()] {
        assert!(is_gone(pid));
    }
    assert!(is_empty(&fixture.data.path().join("work")));
    let refused = fixture.runner.invoke(&Arc::new(function), "1".into(), InvokeOptions::default()).await;
    assert!(matches!(refused, Err(InvokeError::NotServing)), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_wait_kills_all() {
    let fixture = Fixture::new();
    let function = obedient(&fixture).await;
    let leader = fixture.returned(&function, "1").await.as_u64().unwrap();
    let children = fixture.returned(&function, r#""children""#).await;
    let (runner, hanging) = (Arc::clone(&fixture.runner), Arc::new(function));
    let hanging = fixture.tracker.spawn(async move {
        runner.invoke(&hanging, r#""hang""#.into(), InvokeOptions::default()).await.unwrap()
    });
    let work = fixture.data.path().join("work");
    let hangs = |entry: std::fs::DirEntry| entry.path().join("hangs").exists();
    until("the function works", || std::fs::read_dir(&work).unwrap().flatten().any(hangs)).await;
    fixture.stopping.cancel();
    fixture.runner.kill_all().await;
    for pid in [leader, children[0].as_u64().unwrap(), children[1].as_u64().unwrap()] {
        until("the process is gone", || is_gone(pid)).await;
    }
    let outcome = hanging.await.unwrap().outcome;
    let InvocationOutcome::Failed(failure) = outcome else { panic!("{outcome:?}") };
    assert!(failure.message.ends_with("signal: killed"), "{failure:?}");
    fixture.drain().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_leaves_its_group_ends_with_a_process_that_ends_by_itself() {
    let fixture = Fixture::new();
    let script = format!(
        r#"{SHELL} next; setsid sh -c 'echo $$ > "$TMPDIR/../../stray"; exec sleep 1000' &
        while ! [ -s "$TMPDIR/../../stray" ]; do :; done; exit 3"#
    );
    let function = fixture.shell(&script).await;
    let (failure, log) = fixture.failed(&function, "1").await;
    assert!(failure.message.ends_with("exit status 3"), "{failure:?} {log}");
    let stray = std::fs::read_to_string(fixture.data.path().join("stray")).unwrap();
    let stray = stray.trim().parse().unwrap();
    until("the stray is gone", || is_gone(stray)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_does_not_outlive_a_server_that_is_killed() {
    let launcher = crate::support::launcher();
    let fixture = Fixture::new();
    let temporary = fixture.data.path().join("work/left");
    std::fs::create_dir(&temporary).unwrap();
    // The shell stands for the server: the process that starts the launcher. The function has a child, which leaves its
    // group and writes into its folder.
    let script = r#""$0" --memory 1000000000 --cpu 100 --processes 100000 --files 100 --file-size 1000 --parent $$ \
        -- sh -c 'setsid sh -c "echo \$\$; while :; do mkdir -p \"\$TMPDIR/\$((N=N+1))\"; done" & exec sleep 1000' &
        echo $!; wait"#;
    let mut server = tokio::process::Command::new("/bin/sh")
        .args(["-c", script])
        .arg(launcher)
        .env("TMPDIR", &temporary)
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines =
        tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(server.stdout.take().unwrap()));
    let mut number = async || lines.next_line().await.unwrap().unwrap().parse::<u64>().unwrap();
    let (pid, child) = (number().await, number().await);
    let is_running =
        || std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "sleep\n");
    until("the function runs", is_running).await;
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let limit = |name: &str| limits.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(limit("Max data size").contains("1000000000"), "{limits}");
    assert!(limit("Max open files").contains("100 "), "{limits}");
    server.start_kill().unwrap();
    until("the function is gone", || is_gone(pid)).await;
    assert!(!is_gone(child), "the system ends the function only");
    fixture.drain().await;
    // The next server ends what is left, and starts whatever is there.
    let next = fixture.restarted();
    assert!(is_gone(child));
    assert!(is_empty(&fixture.data.path().join("work")));
    let function = obedient(&next).await;
    assert!(next.returned(&function, "1").await.is_u64());
}
