//! The processes of one function: found, stopped, continued and killed together.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// The processes of the machine at one moment, as `/proc` has them.
pub(crate) struct ProcessTable {
    processes: HashMap<i32, Process>,
    children: HashMap<i32, Vec<i32>>,
}

/// One process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Process {
    pid: i32,
    parent: i32,
    group: i32,
    /// It has ended, and so have all of its threads.
    is_zombie: bool,
    is_stopped: bool,
    threads: usize,
    /// CPU time with that of children that were waited for, in ticks of the clock.
    ticks: u64,
    /// When it started, in ticks since the machine started: another process of the same number has another.
    started: u64,
    /// Memory that it has in RAM, in pages.
    pages: u64,
}

/// What the processes of a function use together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Memory in RAM, in bytes. What several share counts for each.
    pub(crate) memory: u64,
    /// CPU time since they started, in milliseconds.
    pub(crate) cpu_ms: u64,
    /// Processes and threads.
    pub(crate) threads: usize,
    /// Whether all are stopped.
    pub(crate) is_stopped: bool,
}

/// The processes that began with one, the leader: those of its process group, and its descendants wherever they are.
///
/// The launcher makes the leader the one whose children orphans below it become, so that no descendant is lost while the
/// leader lives.
pub(crate) struct ProcessGroup {
    leader: Pid,
    members: Mutex<Members>,
}

#[derive(Default)]
struct Members {
    /// Whether they are stopped.
    is_frozen: bool,
    /// Those outside of the process group, which were found when it was last looked, with the ticks of their start.
    strays: Vec<(i32, u64)>,
}

impl ProcessTable {
    /// Reads the processes of the machine. Takes about 10 µs for each.
    pub(crate) fn read() -> Self {
        let mut processes = HashMap::new();
        let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        for entry in entries {
            let is_process = entry.file_name().to_str().is_some_and(|name| name.parse::<i32>().is_ok());
            // A process may end in between.
            let stat = if is_process { fs::read(entry.path().join("stat")).ok() } else { None };
            if let Some(process) = stat.as_deref().and_then(Process::parse) {
                children.entry(process.parent).or_default().push(process.pid);
                processes.insert(process.pid, process);
            }
        }
        Self { processes, children }
    }

    /// How many processes and threads there are.
    pub(crate) fn threads(&self) -> usize {
        self.processes.values().map(|process| process.threads).sum()
    }

    /// The group of a leader, what is in `others` and still the same, and all descendants of these. None is a zombie.
    fn members(&self, leader: Pid, others: &[(i32, u64)]) -> Vec<Process> {
        let leader = leader.as_raw_pid();
        let of_group =
            self.processes.values().filter(|process| process.group == leader || process.pid == leader);
        let mut open: Vec<i32> = of_group.map(|process| process.pid).collect();
        let is_same = |(pid, started): &&(i32, u64)| {
            self.processes.get(pid).is_some_and(|process| process.started == *started)
        };
        open.extend(others.iter().filter(is_same).map(|(pid, _)| *pid));
        let mut found = HashSet::new();
        while let Some(pid) = open.pop() {
            if found.insert(pid) {
                open.extend(self.children.get(&pid).into_iter().flatten());
            }
        }
        let living =
            found.iter().filter_map(|pid| self.processes.get(pid)).filter(|process| !process.is_zombie);
        living.copied().collect()
    }
}

impl Process {
    /// Reads the line of `/proc/PID/stat` (proc_pid_stat(5)).
    fn parse(stat: &[u8]) -> Option<Self> {
        let stat = String::from_utf8_lossy(stat);
        let (pid, rest) = stat.split_once(" (")?;
        // The name of the program can have anything in it, parentheses too.
        let (_, rest) = rest.rsplit_once(") ")?;
        // The numbers are those of the manual, which counts from 1, and the state is the third.
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).copied();
        let ticks = |number: usize| field(number)?.parse::<u64>().ok();
        let (state, threads) = (field(3)?, field(20)?.parse().ok()?);
        Some(Self {
            pid: pid.parse().ok()?,
            parent: field(4)?.parse().ok()?,
            group: field(5)?.parse().ok()?,
            // One whose first thread has ended and others have not looks like one that has ended.
            is_zombie: state == "Z" && threads <= 1,
            is_stopped: matches!(state, "T" | "t"),
            threads,
            ticks: ticks(14)? + ticks(15)? + ticks(16)? + ticks(17)?,
            started: ticks(22)?,
            pages: field(24)?.parse().ok()?,
        })
    }
}

impl ProcessGroup {
    /// The group of a leader that was just started in a group of its own.
    pub(crate) fn new(leader: Pid) -> Self {
        Self { leader, members: Mutex::new(Members::default()) }
    }

    /// The number of the leader.
    pub(crate) fn leader(&self) -> Pid {
        self.leader
    }

    /// Stops the processes, as Lambda freezes what waits for work. Those that left the group are stopped when they are
    /// next looked for.
    pub(crate) fn freeze(&self) {
        let mut members = self.members();
        members.is_frozen = true;
        // What is gone needs not be stopped; whoever watches the leader notices.
        let _ = kill_process_group(self.leader, Signal::STOP);
    }

    /// Lets the processes go on.
    pub(crate) fn thaw(&self) {
        let mut members = self.members();
        members.is_frozen = false;
        let _ = kill_process_group(self.leader, Signal::CONT);
        for (pid, _) in &members.strays {
            signal(*pid, Signal::CONT);
        }
    }

    /// Looks for the processes, and tells what they use. Of a group that is stopped, those are stopped too that left it.
    pub(crate) fn look(&self, table: &ProcessTable) -> Usage {
        let mut members = self.members();
        let found = table.members(self.leader, &members.strays);
        members.note_strays(&found, self.leader);
        let mut is_stopped = found.iter().all(|process| process.is_stopped);
        if members.is_frozen {
            let _ = kill_process_group(self.leader, Signal::STOP);
            members.signal_strays(Signal::STOP);
            let is_known = |pid: &i32| found.iter().any(|process| process.pid == *pid);
            is_stopped &= self.stop_descendants().iter().all(is_known);
        }
        let bytes_per_page = u64::try_from(page_size()).unwrap_or(u64::MAX);
        let pages: u64 = found.iter().map(|process| process.pages).sum();
        let ticks: u64 = found.iter().map(|process| process.ticks).sum();
        Usage {
            memory: pages.saturating_mul(bytes_per_page),
            cpu_ms: ticks.saturating_mul(1_000) / clock_ticks_per_second().max(1),
            threads: found.iter().map(|process| process.threads).sum(),
            is_stopped,
        }
    }

    /// How much memory the processes have in RAM that is their own, in bytes: without the programs and libraries that the
    /// system can read again, and with what several share divided among them. Takes some 100 µs for each process.
    pub(crate) fn own_memory(&self, table: &ProcessTable) -> u64 {
        let found = table.members(self.leader, &self.members().strays);
        found.iter().filter_map(|process| own_memory(process.pid)).sum()
    }

    /// Kills the processes, all of them. Takes some milliseconds.
    ///
    /// The number of the leader is still its own: either it lives, or it was waited for just now.
    pub(crate) fn kill(&self) {
        let mut members = self.members();
        // One that is stopped cannot start another behind our back. What was not stopped at one look is at the next.
        let mut known = HashSet::new();
        for _ in 0..LOOKS_MAX {
            let _ = kill_process_group(self.leader, Signal::STOP);
            members.signal_strays(Signal::STOP);
            self.stop_descendants();
            let found = self.find(&mut members);
            if !is_any_new(&mut known, &found) && found.iter().all(|process| process.is_stopped) {
                break;
            }
        }
        // While the leader lives, what loses its parent becomes its child, and is found.
        let mut killed = HashSet::new();
        for _ in 0..LOOKS_MAX {
            let mut found = self.find(&mut members);
            found.retain(|process| process.pid != self.leader.as_raw_pid());
            for process in &found {
                signal(process.pid, Signal::KILL);
            }
            if !is_any_new(&mut killed, &found) {
                break;
            }
        }
        let _ = kill_process_group(self.leader, Signal::KILL);
    }

    /// Looks for the processes, and notes those outside of the process group.
    fn find(&self, members: &mut Members) -> Vec<Process> {
        let found = ProcessTable::read().members(self.leader, &members.strays);
        members.note_strays(&found, self.leader);
        found
    }

    /// Stops what is below the leader, until nothing new is found there. All that was found.
    ///
    /// Takes some 10 µs for each: so quickly that also one is stopped which lives only until it has started the next.
    fn stop_descendants(&self) -> HashSet<i32> {
        let mut known = HashSet::new();
        for _ in 0..LOOKS_MAX {
            let before = known.len();
            let mut open = vec![self.leader.as_raw_pid()];
            let mut seen = HashSet::new();
            while let Some(pid) = open.pop() {
                for child in children(pid) {
                    if seen.insert(child) {
                        signal(child, Signal::STOP);
                        known.insert(child);
                        open.push(child);
                    }
                }
            }
            if known.len() == before {
                break;
            }
        }
        // Those that have ended are none that goes on.
        known.retain(|pid| !is_ended(*pid));
        known
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Members {
    fn note_strays(&mut self, found: &[Process], leader: Pid) {
        let is_stray = |process: &&Process| process.group != leader.as_raw_pid();
        self.strays = found.iter().filter(is_stray).map(|process| (process.pid, process.started)).collect();
    }

    fn signal_strays(&self, which: Signal) {
        for (pid, _) in &self.strays {
            signal(*pid, which);
        }
    }
}

/// How often processes are looked for that are to be stopped. Each look finds what the one before let start others.
const LOOKS_MAX: usize = 100;

/// Notes processes. Whether any of them was not known.
fn is_any_new(known: &mut HashSet<(i32, u64)>, found: &[Process]) -> bool {
    let before = known.len();
    known.extend(found.iter().map(|process| (process.pid, process.started)));
    known.len() > before
}

/// The children of a process (proc_tid_children(5)); none where the kernel was built without that.
fn children(pid: i32) -> Vec<i32> {
    let mut children = Vec::new();
    for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let text = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        children.extend(text.split_ascii_whitespace().filter_map(|pid| pid.parse::<i32>().ok()));
    }
    children
}

fn is_ended(pid: i32) -> bool {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok();
    stat.as_deref().and_then(Process::parse).is_none_or(|process| process.is_zombie)
}

fn signal(pid: i32, which: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        // One that is gone needs no signal.
        let _ = kill_process(pid, which);
    }
}

/// What `/proc/PID/smaps_rollup` says of memory that no file stands behind, in bytes; of kernels before 5.3 all memory.
fn own_memory(pid: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    match kibibytes(&text, "Pss_Anon:") {
        Some(anonymous) => Some(anonymous + kibibytes(&text, "Pss_Shmem:").unwrap_or(0)),
        None => kibibytes(&text, "Pss:"),
    }
}

/// The most memory that a process has had in RAM, in bytes.
pub(crate) fn peak_memory(pid: Pid) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_pid())).ok()?;
    kibibytes(&text, "VmHWM:")
}

fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::os::unix::process::CommandExt as _;
    use std::process::{Child, Command, Stdio};

    use super::*;

    const STAT: &str = "4242 (a) b (c) S 1 4242 4242 0 -1 4194560 931 0 0 0 12 3 4 5 20 0 7 0 88123 9000000 555 18446744073709551615";

    #[test]
    fn a_line_of_stat_is_read_whatever_the_program_is_called() {
        let process = Process::parse(STAT.as_bytes()).unwrap();
        let expected = Process {
            pid: 4242,
            parent: 1,
            group: 4242,
            is_zombie: false,
            is_stopped: false,
            threads: 7,
            ticks: 24,
            started: 88_123,
            pages: 555,
        };
        assert_eq!(process, expected);
        for (state, threads, is_zombie, is_stopped) in
            [("S", 7, false, false), ("Z", 7, false, false), ("Z", 1, true, false), ("T", 1, false, true)]
        {
            let stat =
                STAT.replace(") S ", &format!(") {state} ")).replace(" 7 0 ", &format!(" {threads} 0 "));
            let process = Process::parse(stat.as_bytes()).unwrap();
            assert_eq!((process.is_zombie, process.is_stopped), (is_zombie, is_stopped), "{stat}");
        }
        for wrong in ["", "1 (x", "1 (x) S 1", "x (y) S 1 1"] {
            assert_eq!(Process::parse(wrong.as_bytes()), None);
        }
    }

    #[test]
    fn a_value_in_kibibytes_is_read() {
        assert_eq!(kibibytes("Name:\tx\nVmHWM:\t    1748 kB\n", "VmHWM:"), Some(1_748 * 1_024));
        assert_eq!(kibibytes("VmHWM: many", "VmHWM:"), None);
    }

    /// A shell in a group of its own, which prints a line once it has started what it should.
    fn shell(script: &str) -> (Child, ProcessGroup, String) {
        let mut child = Command::new("/bin/sh")
            .args(["-c", script])
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let leader = Pid::from_child(&child);
        (child, ProcessGroup::new(leader), line.trim().to_owned())
    }

    fn state(pid: &str) -> Option<String> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some(stat.rsplit_once(") ")?.1[..1].to_owned())
    }

    fn is_gone(pid: &str) -> bool {
        state(pid).is_none_or(|state| state == "Z")
    }

    /// Waits for what comes within some milliseconds.
    fn until(what: &str, mut is_so: impl FnMut() -> bool) {
        for _ in 0..2_000 {
            if is_so() {
                return;
            }
            std::thread::park_timeout(std::time::Duration::from_millis(1));
        }
        panic!("{what}: not within two seconds");
    }

    #[test]
    fn a_group_is_stopped_and_goes_on() {
        let (mut child, group, _) = shell("echo started; while :; do :; done");
        let pid = child.id().to_string();
        group.freeze();
        until("it stops", || state(&pid).as_deref() == Some("T"));
        group.thaw();
        until("it goes on", || state(&pid).as_deref() == Some("R"));
        group.kill();
        assert!(!child.wait().unwrap().success());
    }

    #[test]
    fn what_left_the_group_is_stopped_and_killed_with_it() {
        // The inner shell has a session of its own, and waits; the outer one tells its number.
        let (mut child, group, stray) =
            shell("setsid sh -c 'echo $$; exec sleep 100' & while :; do sleep 100; done");
        let table = ProcessTable::read();
        let usage = group.look(&table);
        assert!(usage.threads >= 2 && usage.memory > 100_000, "{usage:?}");
        let own = group.own_memory(&table);
        assert!((1..usage.memory).contains(&own), "{own} of {usage:?}");
        group.freeze();
        group.look(&ProcessTable::read());
        until("the stray stops", || state(&stray).as_deref() == Some("T"));
        group.thaw();
        until("the stray goes on", || state(&stray).as_deref() == Some("S"));
        group.kill();
        child.wait().unwrap();
        until("the stray is gone", || is_gone(&stray));
        assert!(peak_memory(group.leader()).is_none());
    }
}
