//! What the log and the caller are told of an invocation, in Lambda's words.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use landfall_model::Function;

use crate::invocation::{FunctionFailure, RequestId};
use crate::watcher::Excess;
use crate::worker::Ending;

/// The last lines of an invocation in the log.
pub(crate) struct Report<'a> {
    /// The invocation.
    pub(crate) request_id: RequestId,
    /// How long it took.
    pub(crate) duration: Duration,
    /// How long its process took to start, if it was the first of it.
    pub(crate) init: Option<Duration>,
    /// How much memory the function may use, in MiB.
    pub(crate) memory_mib: u16,
    /// The most memory that its process has had, in bytes.
    pub(crate) peak_memory: u64,
    /// How it failed.
    pub(crate) failure: Option<&'a FunctionFailure>,
}

/// The first line of an invocation.
pub(crate) fn start_line(request_id: RequestId) -> String {
    format!("START RequestId: {request_id} Version: {}\n", Function::VERSION)
}

/// The line of a process that did not start.
pub(crate) fn init_report_line(init: Duration, failure: &FunctionFailure) -> String {
    format!(
        "INIT_REPORT Init Duration: {} ms\tPhase: init\tStatus: error\tError Type: {}\n",
        milliseconds(init),
        failure.error_type
    )
}

impl Report<'_> {
    /// The lines.
    pub(crate) fn lines(&self) -> String {
        let Self { request_id, duration, init, memory_mib, peak_memory, failure } = self;
        let billed = duration.as_micros().div_ceil(1_000);
        let peak_memory = peak_memory.div_ceil(1_024 * 1_024);
        let mut lines = format!(
            "END RequestId: {request_id}\nREPORT RequestId: {request_id}\tDuration: {} ms\t\
             Billed Duration: {billed} ms\tMemory Size: {memory_mib} MB\tMax Memory Used: {peak_memory} MB",
            milliseconds(*duration)
        );
        if let Some(init) = init {
            lines += &format!("\tInit Duration: {} ms", milliseconds(*init));
        }
        match failure {
            Some(failure) if failure.error_type == TIMED_OUT => lines += "\tStatus: timeout",
            Some(failure) => lines += &format!("\tStatus: error\tError Type: {}", failure.error_type),
            None => {}
        }
        lines + "\n"
    }
}

/// The failure of an invocation that was not answered. `None`: it was.
pub(crate) fn failure_of(
    ending: &Ending,
    request_id: RequestId,
    function: &Function,
) -> Option<FunctionFailure> {
    let (error_type, message) = match ending {
        Ending::Answered(_) => return None,
        Ending::TimedOut => (TIMED_OUT, format!("Task timed out after {}.00 seconds", function.timeout_s)),
        Ending::Exited(status) => (EXITED, exit_message(*status)),
        Ending::Lost => (EXITED, "Runtime gave up its connection without an answer".to_owned()),
        Ending::Exceeded(excess) => exceeded(*excess, function),
    };
    Some(FunctionFailure::of(request_id, error_type, &message))
}

fn exceeded(excess: Excess, function: &Function) -> (&'static str, String) {
    let killed = "Runtime exited with error: signal: killed";
    match excess {
        Excess::Memory(bytes) => {
            let used = bytes.div_ceil(1_024 * 1_024);
            let message =
                format!("{killed}: it used {used} MB of memory and may use {} MB", function.memory_mib);
            (OUT_OF_MEMORY, message)
        }
        Excess::Cpu(used_ms) => {
            let used = milliseconds(Duration::from_millis(used_ms));
            (EXITED, format!("{killed}: it used {used} ms of CPU time, more than its timeout allows"))
        }
        Excess::Temporary(max) => {
            let max = max.div_ceil(1_024 * 1_024);
            (EXITED, format!("{killed}: its temporary files (TMPDIR) have more than {max} MB"))
        }
        Excess::Threads(threads) => (EXITED, format!("{killed}: it had {threads} processes and threads")),
    }
}

/// As Lambda says it.
fn exit_message(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => "Runtime exited without providing a reason".to_owned(),
        (Some(code), _) => format!("Runtime exited with error: exit status {code}"),
        (None, Some(signal)) => format!("Runtime exited with error: signal: {}", signal_name(signal)),
        (None, None) => "Runtime exited with error".to_owned(),
    }
}

/// The names that the Go runtime has, which Lambda's own supervisor prints (signal(7)).
fn signal_name(signal: i32) -> String {
    let name = match signal {
        4 => "illegal instruction",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        11 => "segmentation fault",
        13 => "broken pipe",
        15 => "terminated",
        24 => "CPU time limit exceeded",
        25 => "file size limit exceeded",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.2}", duration.as_secs_f64() * 1_000.0)
}

const TIMED_OUT: &str = "Sandbox.Timedout";
const EXITED: &str = "Runtime.ExitError";
const OUT_OF_MEMORY: &str = "Runtime.OutOfMemory";

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::exchange::Answer;
    use crate::testing::function;

    #[test]
    fn an_invocation_that_is_not_answered_fails_in_the_words_of_lambda() {
        let function = function("jitr", "python3.12", "app.handler");
        let request_id = RequestId::random();
        for (ending, error_type, message) in [
            (Ending::TimedOut, "Sandbox.Timedout", "Task timed out after 3.00 seconds"),
            (
                Ending::Exited(ExitStatus::from_raw(0)),
                "Runtime.ExitError",
                "Runtime exited without providing a reason",
            ),
            (
                Ending::Exited(ExitStatus::from_raw(7 << 8)),
                "Runtime.ExitError",
                "Runtime exited with error: exit status 7",
            ),
            (
                Ending::Exited(ExitStatus::from_raw(9)),
                "Runtime.ExitError",
                "Runtime exited with error: signal: killed",
            ),
            (
                Ending::Exceeded(Excess::Memory(300 << 20)),
                "Runtime.OutOfMemory",
                "Runtime exited with error: signal: killed: it used 300 MB of memory and may use 128 MB",
            ),
            (
                Ending::Exceeded(Excess::Cpu(12_500)),
                "Runtime.ExitError",
                "Runtime exited with error: signal: killed: it used 12500.00 ms of CPU time, more than its timeout allows",
            ),
            (
                Ending::Exceeded(Excess::Temporary(512 << 20)),
                "Runtime.ExitError",
                "Runtime exited with error: signal: killed: its temporary files (TMPDIR) have more than 512 MB",
            ),
            (
                Ending::Exceeded(Excess::Threads(2_000)),
                "Runtime.ExitError",
                "Runtime exited with error: signal: killed: it had 2000 processes and threads",
            ),
        ] {
            let failure = failure_of(&ending, request_id, &function).unwrap();
            assert_eq!(failure.error_type, error_type);
            assert_eq!(failure.message, format!("RequestId: {request_id} Error: {message}"));
        }
        let answered = Ending::Answered(Answer::Returned(Bytes::new()));
        assert_eq!(failure_of(&answered, request_id, &function), None);
    }

    #[test]
    fn the_last_lines_are_those_of_lambda() {
        let request_id = RequestId::random();
        let failure = FunctionFailure::new("E", String::new());
        let timed_out = FunctionFailure::new(TIMED_OUT, String::new());
        let millis = Duration::from_millis;
        for (init, failure, expected) in [
            (None, None, ""),
            (Some(millis(25)), None, "\tInit Duration: 25.00 ms"),
            (None, Some(&failure), "\tStatus: error\tError Type: E"),
            (Some(millis(1)), Some(&timed_out), "\tInit Duration: 1.00 ms\tStatus: timeout"),
        ] {
            let report = Report {
                request_id,
                duration: Duration::from_micros(1_234),
                init,
                memory_mib: 128,
                peak_memory: 40 << 20,
                failure,
            };
            let lines = format!(
                "END RequestId: {request_id}\nREPORT RequestId: {request_id}\tDuration: 1.23 ms\tBilled Duration: 2 ms\
                 \tMemory Size: 128 MB\tMax Memory Used: 40 MB{expected}\n"
            );
            assert_eq!(report.lines(), lines);
        }
    }
}
