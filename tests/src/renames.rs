use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;

use crate::process::DEADLINE;

/// Sees files that are moved into a directory, as a file is that is written whole or not at all.
pub struct Renames {
    descriptor: OwnedFd,
}

impl Renames {
    /// Watches a directory from now on.
    #[track_caller]
    pub fn into(directory: &Path) -> Self {
        let descriptor = inotify::init(inotify::CreateFlags::CLOEXEC).expect("inotify");
        inotify::add_watch(&descriptor, directory, inotify::WatchFlags::MOVED_TO).expect("a directory");
        Self { descriptor }
    }

    /// Waits until a file of this name was moved in.
    #[track_caller]
    pub fn wait_for(&mut self, name: &str) {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&self.descriptor, &mut buffer);
        loop {
            let timeout = Timespec::try_from(DEADLINE).expect("a deadline of seconds");
            let ready = poll(&mut [PollFd::new(&self.descriptor, PollFlags::IN)], Some(&timeout));
            assert_ne!(ready.expect("inotify can be waited for"), 0, "{name} did not appear");
            let event = reader.next().expect("an event");
            if event.file_name().is_some_and(|found| found.to_bytes() == name.as_bytes()) {
                return;
            }
        }
    }
}
