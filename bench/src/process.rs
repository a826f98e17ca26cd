use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// A server of a benchmark, ended when it is dropped.
pub(crate) struct Server {
    child: Child,
    /// The line by which it said that it is ready.
    pub(crate) ready: String,
}

/// Clock ticks of Linux in a second, as /proc counts CPU time.
const TICKS_PER_SECOND: f64 = 100.0;

impl Server {
    /// Starts a server and waits until it is ready: until it has printed a line.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot start a server")?;
        let stdout = child.stdout.take().context("the server has no output")?;
        let mut ready = String::new();
        BufReader::new(stdout).read_line(&mut ready)?;
        Ok(Self { child, ready: ready.trim().to_owned() })
    }

    /// Starts a server that logs to its standard error, and waits for the line with `marker` in it. What it logs later is
    /// read and forgotten.
    pub(crate) fn start_logging(command: &mut Command, marker: &str) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start a server")?;
        let mut log = BufReader::new(child.stderr.take().context("the server has no log")?);
        let mut server = Self { child, ready: String::new() };
        let mut logged = String::new();
        while log.read_line(&mut server.ready)? > 0 {
            if server.ready.contains(marker) {
                thread::spawn(move || io::copy(&mut log, &mut io::sink()));
                return Ok(server);
            }
            logged.push_str(&server.ready);
            server.ready.clear();
        }
        bail!("the server ended before it was ready; it logged:\n{logged}")
    }

    /// The CPU time that it has used so far, its own and the system's.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name in parentheses may hold anything; utime and stime are the 14th and 15th field (proc(5)).
        let fields = stat.rsplit_once(')').context("the process's statistics have another form")?.1;
        let ticks: f64 =
            fields.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
        Ok(Duration::from_secs_f64(ticks / TICKS_PER_SECOND))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
