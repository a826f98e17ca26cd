/// What the registry has of a delivery, as far as this process knows, and who is writing it.
///
/// There are two writers: the engine itself, and whoever marks events as delivered. The engine does not write while the other
/// does. When both wrote at once, what is there is unknown, and it is written again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    stored: Stored,
    is_kept: bool,
    own: Option<Write>,
    mark: Option<Version>,
    overlaps: bool,
}

/// Which of the contents that a delivery has had.
pub(crate) type Version = u32;

/// What the registry should have of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Nobody minds.
    Anything,
    /// Nothing.
    Absent,
    /// This content.
    Content(Version),
}

/// A write that the engine makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    /// The content of this version is stored.
    Store(Version),
    /// The row is removed, if there is one.
    Remove,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stored {
    Absent,
    Version(Version),
    Unknown,
}

impl Row {
    /// That of a delivery which the registry has not heard of.
    pub(crate) const ABSENT: Self =
        Self { stored: Stored::Absent, is_kept: false, own: None, mark: None, overlaps: false };

    /// That of a delivery which was read from the registry.
    pub(crate) const fn stored(version: Version) -> Self {
        Self { stored: Stored::Version(version), is_kept: true, ..Self::ABSENT }
    }

    /// Whether some content of the delivery is surely in the registry, so that it is found again after a crash.
    pub(crate) fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// Whether somebody writes.
    pub(crate) fn is_written(&self) -> bool {
        self.own.is_some() || self.mark.is_some()
    }

    /// Whether it is being handed to whoever marks events.
    pub(crate) fn is_marked(&self) -> bool {
        self.mark.is_some()
    }

    /// Whether somebody may be writing a content from before this version.
    pub(crate) fn is_written_before(&self, version: Version) -> bool {
        self.mark.is_some_and(|mark| mark != version)
            || self.own.is_some_and(|write| write != Write::Store(version))
    }

    /// The write that the engine has to make now.
    pub(crate) fn needs(&self, wanted: Wanted) -> Option<Write> {
        if self.is_written() {
            return None;
        }
        match (wanted, self.stored) {
            (Wanted::Anything, _) | (Wanted::Absent, Stored::Absent) => None,
            (Wanted::Absent, Stored::Version(_) | Stored::Unknown) => Some(Write::Remove),
            (Wanted::Content(version), Stored::Version(stored)) if version == stored => None,
            (Wanted::Content(version), Stored::Absent | Stored::Version(_) | Stored::Unknown) => {
                Some(Write::Store(version))
            }
        }
    }

    /// The engine begins a write.
    pub(crate) fn begin(&mut self, write: Write) {
        self.own = Some(write);
        if write == Write::Remove {
            self.is_kept = false;
        }
    }

    /// The engine's write has ended.
    pub(crate) fn end(&mut self, is_done: bool) {
        let Some(write) = self.own.take() else { return };
        let content = match write {
            Write::Store(version) => Stored::Version(version),
            Write::Remove => Stored::Absent,
        };
        self.written(content, is_done);
        self.is_kept |= is_done && content != Stored::Absent;
    }

    /// Whoever marks events was given this content.
    pub(crate) fn begin_mark(&mut self, version: Version) {
        self.overlaps |= self.is_written();
        self.mark = Some(version);
    }

    /// Whoever marks events has stored what it was given, or could not.
    pub(crate) fn end_mark(&mut self, is_done: bool) {
        let Some(version) = self.mark.take() else { return };
        self.written(Stored::Version(version), is_done);
        self.is_kept |= is_done;
    }

    /// Somebody else has stored the delivery, and this is the version of that.
    pub(crate) fn replaced(&mut self, version: Version) {
        self.stored = Stored::Version(version);
        self.overlaps |= self.is_written();
        self.is_kept = true;
    }

    /// Somebody else has removed the delivery.
    pub(crate) fn removed(&mut self) {
        self.stored = Stored::Absent;
        self.overlaps |= self.is_written();
        self.is_kept = false;
    }

    fn written(&mut self, stored: Stored, is_done: bool) {
        self.stored = if is_done && !self.overlaps { stored } else { Stored::Unknown };
        self.overlaps &= self.is_written();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_differs() {
        let stored = Row::stored(1);
        let mut failed = Row::ABSENT;
        failed.begin(Write::Store(1));
        failed.end(false);
        for (row, wanted, expected) in [
            (Row::ABSENT, Wanted::Anything, None),
            (Row::ABSENT, Wanted::Absent, None),
            (Row::ABSENT, Wanted::Content(0), Some(Write::Store(0))),
            (stored, Wanted::Anything, None),
            (stored, Wanted::Absent, Some(Write::Remove)),
            (stored, Wanted::Content(1), None),
            (stored, Wanted::Content(2), Some(Write::Store(2))),
            (failed, Wanted::Anything, None),
            (failed, Wanted::Absent, Some(Write::Remove)),
            (failed, Wanted::Content(1), Some(Write::Store(1))),
        ] {
            assert_eq!(row.needs(wanted), expected, "{row:?} {wanted:?}");
        }
    }

    #[test]
    fn the_engine_does_not_write_while_another_does() {
        let mut row = Row::ABSENT;
        row.begin_mark(0);
        assert_eq!((row.needs(Wanted::Content(1)), row.is_kept()), (None, false));
        row.end_mark(true);
        assert_eq!((row.needs(Wanted::Absent), row.is_kept()), (Some(Write::Remove), true));
        row.begin(Write::Remove);
        assert!(!row.is_kept());
        row.end(true);
        assert_eq!((row.needs(Wanted::Absent), row.is_kept()), (None, false));
    }

    #[test]
    fn of_two_writers_at_once_nobody_knows_who_was_last() {
        for order in [[true, false], [false, true]] {
            let mut row = Row::ABSENT;
            row.begin(Write::Store(1));
            row.begin_mark(1);
            for is_own in order {
                if is_own {
                    row.end(true);
                } else {
                    row.end_mark(true);
                }
            }
            assert!(row.is_kept());
            assert_eq!(row.needs(Wanted::Content(1)), Some(Write::Store(1)), "{order:?}");
            row.begin(Write::Store(1));
            row.end(true);
            assert_eq!(row.needs(Wanted::Content(1)), None);
        }
    }

    #[test]
    fn a_change_by_somebody_else_counts_unless_it_is_being_written() {
        let mut row = Row::stored(3);
        row.replaced(4);
        assert_eq!(row.needs(Wanted::Content(4)), None);
        row.begin(Write::Store(5));
        row.replaced(6);
        row.end(true);
        assert_eq!(row.needs(Wanted::Content(6)), Some(Write::Store(6)));
        let mut row = Row::stored(3);
        row.removed();
        assert_eq!((row.needs(Wanted::Absent), row.is_kept()), (None, false));
    }
}
