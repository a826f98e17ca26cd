//! What a server leaves behind that ended without its functions: their processes, and folders that they still write in.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, getpid, kill_process};
use tracing::warn;

use crate::code::{private_folder, remove_folder};

/// What tells the processes of functions from all others: how variables of their environment begin, as it was when their
/// program was started.
pub(crate) struct Mark {
    beginnings: Vec<Vec<u8>>,
}

impl Mark {
    /// Of all functions of a data directory, which no other server has open.
    pub(crate) fn of_data(data: &Path) -> Self {
        let mut beginnings = Vec::new();
        for data in [Some(data.to_owned()), fs::canonicalize(data).ok()].into_iter().flatten() {
            // The first two can be set by the function's configuration, the third cannot.
            for (variable, folder) in [("TMPDIR", WORK), ("HOME", WORK), ("LAMBDA_TASK_ROOT", UNPACKED)] {
                beginnings.push(beginning(variable, &data.join(folder).join("")));
            }
        }
        Self { beginnings }
    }

    /// Of the one process, and what it started, that has this folder for itself.
    pub(crate) fn of_folder(temporary: &Path) -> Self {
        Self { beginnings: ["TMPDIR", "HOME"].map(|variable| beginning(variable, temporary)).into() }
    }

    /// Kills the processes, and waits until they are gone, for about two seconds at most. How many were killed.
    ///
    /// Processes of other users, whose environment we may not read, are none of ours.
    pub(crate) fn kill_processes(&self) -> usize {
        let mut killed = HashSet::new();
        for _ in 0..LOOKS_MAX {
            let found = self.processes();
            if found.is_empty() {
                break;
            }
            let mut is_new = false;
            for pid in found {
                is_new |= killed.insert(pid);
                // One that is gone needs no signal.
                let _ = kill_process(pid, Signal::KILL);
            }
            // What starts others while we look is looked for again at once.
            if !is_new {
                thread::sleep(LOOK_PAUSE);
            }
        }
        killed.len()
    }

    fn processes(&self) -> Vec<Pid> {
        let own = getpid();
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let pid = entry.file_name().to_str().and_then(|name| Pid::from_raw(name.parse().ok()?));
            let Some(pid) = pid.filter(|pid| *pid != own) else { continue };
            // Of one that has ended it is empty.
            let environment = fs::read(entry.path().join("environ"));
            if environment.is_ok_and(|environment| self.is_in(&environment)) {
                found.push(pid);
            }
        }
        found
    }

    fn is_in(&self, environment: &[u8]) -> bool {
        let is_ours = |variable: &[u8]| self.beginnings.iter().any(|ours| variable.starts_with(ours));
        environment.split(|byte| *byte == 0).any(is_ours)
    }
}

/// Makes a folder that is empty. One that is there is renamed, whatever still writes in it, and removed on a thread; so are
/// those that could not be removed before.
///
/// # Errors
/// The folder above cannot be written.
pub(crate) fn renew_folder(folder: &Path) -> io::Result<()> {
    let aside = folder.with_extension(format!("{}.{LEFT}", uuid::Uuid::new_v4().simple()));
    match fs::rename(folder, aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => private_folder(folder)?,
    }
    let left = left_of(folder);
    if left.is_empty() {
        return Ok(());
    }
    let removing = thread::Builder::new().name("function-cleaner".to_owned()).spawn(move || {
        for folder in left {
            if let Err(error) = remove_folder(&folder)
                && error.kind() != io::ErrorKind::NotFound
            {
                let folder = folder.display();
                warn!(%folder, %error, "files that functions left cannot be removed; the next start tries again");
            }
        }
    });
    if let Err(error) = removing {
        warn!(%error, "files that functions left are not removed before the next start");
    }
    Ok(())
}

/// The folder of `work/ID`, which processes have for themselves.
pub(crate) const WORK: &str = "work";

/// The folder of `unpacked/SHA256`, which the code of functions is run from.
pub(crate) const UNPACKED: &str = "unpacked";

/// What a folder ends with that was set aside.
const LEFT: &str = "left";

const LOOKS_MAX: usize = 1_000;
const LOOK_PAUSE: Duration = Duration::from_millis(2);

fn beginning(variable: &str, folder: &Path) -> Vec<u8> {
    [variable.as_bytes(), b"=", folder.as_os_str().as_bytes()].concat()
}

/// The folders that were set aside in place of this one.
fn left_of(folder: &Path) -> Vec<PathBuf> {
    let above = folder.parent().map(fs::read_dir).into_iter().flatten().flatten().flatten();
    let is_left = |path: &PathBuf| {
        path.extension() == Some(OsStr::new(LEFT))
            && path.file_stem().map(Path::new).and_then(Path::file_stem) == folder.file_name()
    };
    above.map(|entry| entry.path()).filter(is_left).collect()
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    #[test]
    fn the_environment_tells_whose_a_process_is() {
        let data = Mark::of_data(Path::new("/no/data"));
        let work = format!("/no/data/{WORK}");
        let one = Mark::of_folder(&Path::new(&work).join("1"));
        for (environment, of_data, of_one) in [
            ("A=1\0TMPDIR=WORK/1\0", true, true),
            ("HOME=WORK/1\0TMPDIR=/tmp\0", true, true),
            ("TMPDIR=WORK/2\0", true, false),
            ("TMPDIR=/tmp\0LAMBDA_TASK_ROOT=/no/data/unpacked/ab\0", true, false),
            ("TMPDIR=WORKshop\0", false, false),
            ("XTMPDIR=WORK/1\0PATH=WORK/1\0", false, false),
            ("", false, false),
        ] {
            let environment = environment.replace("WORK", &work);
            assert_eq!(data.is_in(environment.as_bytes()), of_data, "{environment:?}");
            assert_eq!(one.is_in(environment.as_bytes()), of_one, "{environment:?}");
        }
    }

    fn sleeping(temporary: &Path) -> Child {
        let mut command = Command::new("sleep");
        command.arg("1000").env("TMPDIR", temporary).stdout(Stdio::null()).spawn().unwrap()
    }

    #[test]
    fn only_processes_with_the_mark_are_killed() {
        let data = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let mut ours = [1, 2].map(|number| sleeping(&data.path().join(format!("work/{number}"))));
        let mut stranger = sleeping(&other.path().join("work/1"));
        assert_eq!(Mark::of_data(data.path()).kill_processes(), 2);
        for child in &mut ours {
            assert!(!child.wait().unwrap().success());
        }
        assert!(stranger.try_wait().unwrap().is_none(), "it goes on");
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }

    #[test]
    fn a_folder_that_is_written_in_is_made_anew() {
        let data = tempfile::tempdir().unwrap();
        let work = data.path().join(WORK);
        fs::create_dir_all(work.join("1/deep")).unwrap();
        fs::create_dir(data.path().join("workshop.1.left")).unwrap();
        fs::create_dir(data.path().join("work.1.left")).unwrap();
        renew_folder(&work).unwrap();
        assert_eq!(fs::read_dir(&work).unwrap().count(), 0);
        for _ in 0..2_000 {
            if left_of(&work).is_empty() {
                break;
            }
            thread::park_timeout(Duration::from_millis(1));
        }
        assert_eq!(left_of(&work), Vec::<PathBuf>::new());
        assert!(data.path().join("workshop.1.left").exists());
    }
}
