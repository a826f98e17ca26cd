//! Comma-separated values (RFC 4180), read one record at a time, with the place of each cell.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

use anyhow::{Error, anyhow};

use crate::place::{Fault, Place};

/// The most bytes of one record.
pub(super) const RECORD_BYTES_MAX: usize = 256 * 1024;

/// The mark that some programs write at the beginning of a file in UTF-8.
const BYTE_ORDER_MARK: char = '\u{FEFF}';

/// Reads records from a file.
pub(super) struct CsvReader<R> {
    input: R,
    /// How many lines were read.
    lines: usize,
}

/// One record. It may go over several lines, where a cell in quotation marks does.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Where it begins.
    pub(super) line: usize,
    /// At least one.
    pub(super) cells: Vec<Cell>,
}

/// One cell.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cell {
    /// Where it begins.
    pub(super) place: Place,
    /// What it says, without quotation marks, and without spaces around it where there were none.
    pub(super) text: String,
}

/// Opens a file to read records from.
///
/// # Errors
/// It cannot be opened.
pub(super) fn open(path: &Path) -> io::Result<CsvReader<BufReader<File>>> {
    Ok(CsvReader::new(BufReader::new(File::open(path)?)))
}

impl<R: BufRead> CsvReader<R> {
    /// Reads what this input has.
    pub(super) fn new(input: R) -> Self {
        Self { input, lines: 0 }
    }

    /// The next record; none at the end. Empty lines are skipped.
    ///
    /// # Errors
    /// The input cannot be read, or is no CSV.
    pub(super) fn next_record(&mut self) -> Result<Option<Record>, Fault> {
        loop {
            let line = self.lines + 1;
            let mut text = String::new();
            if !self.read_line(&mut text, line)? {
                return Ok(None);
            }
            if line == 1 && text.starts_with(BYTE_ORDER_MARK) {
                text.remove(0);
            }
            if text.trim().is_empty() {
                continue;
            }
            return self.read_cells(text, line).map(Some);
        }
    }

    fn read_cells(&mut self, mut text: String, line: usize) -> Result<Record, Fault> {
        loop {
            match split(&text, line)? {
                Split::Cells(cells) => return Ok(Record { line, cells }),
                Split::Open(place) => {
                    if !self.read_line(&mut text, line)? {
                        return Err(place.fault(anyhow!("the quotation mark that opens here is not closed")));
                    }
                }
            }
        }
    }

    /// Reads one more line of the record that begins at `first`; whether there was one.
    fn read_line(&mut self, text: &mut String, first: usize) -> Result<bool, Fault> {
        let room = RECORD_BYTES_MAX.saturating_sub(text.len());
        let mut bytes = Vec::new();
        let limit = u64::try_from(room).unwrap_or(u64::MAX).saturating_add(1);
        let read = (&mut self.input).take(limit).read_until(b'\n', &mut bytes).map_err(|error| {
            Place::start_of(self.lines + 1).fault(Error::new(error).context("the file cannot be read"))
        })?;
        if read > room {
            let reason =
                anyhow!("the row has more than {RECORD_BYTES_MAX} bytes; is a quotation mark missing?");
            return Err(Place::start_of(first).fault(reason));
        }
        if read > 0 {
            self.lines += 1;
        }
        match str::from_utf8(&bytes) {
            Ok(line) => text.push_str(line),
            Err(error) => {
                let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let column = String::from_utf8_lossy(valid).chars().count() + 1;
                let place = Place { line: self.lines, column };
                return Err(place.fault(anyhow!("this is not UTF-8; save the file as UTF-8")));
            }
        }
        Ok(read > 0)
    }
}

/// What became of the lines that were read so far.
enum Split {
    Cells(Vec<Cell>),
    /// The last cell goes on; its quotation mark stands here.
    Open(Place),
}

/// Where in a cell one is.
enum State {
    /// Before its first character that is no space.
    Before,
    Plain,
    Quoted,
    /// After the closing quotation mark.
    After,
}

/// Splits a record into its cells.
fn split(text: &str, first: usize) -> Result<Split, Fault> {
    let mut cells = Vec::new();
    let mut here = Place::start_of(first);
    let mut cell = Cell { place: here, text: String::new() };
    let mut state = State::Before;
    let mut characters = text.strip_suffix('\n').unwrap_or(text).chars().peekable();
    while let Some(character) = characters.next() {
        match (&state, character) {
            (State::Quoted, '"') if characters.peek() == Some(&'"') => {
                characters.next();
                here.column += 1;
                cell.text.push('"');
            }
            (State::Quoted, '"') => state = State::After,
            (State::Quoted, _) => cell.text.push(character),
            (State::Before | State::Plain | State::After, ',') => {
                let next = Place { column: here.column + 1, ..here };
                cells.push(finished(&mut cell, &state, next));
                state = State::Before;
            }
            // The end of a line is CR and LF, or LF alone.
            (State::Before | State::Plain | State::After, '\r') if characters.peek().is_none() => {}
            (State::Before | State::After, ' ' | '\t') => {}
            (State::Before, '"') => {
                cell.place = here;
                state = State::Quoted;
            }
            (State::Plain, '"') => {
                let remedy = "put the whole cell into quotation marks, and write this one twice";
                return Err(here.fault(anyhow!("a quotation mark inside a cell: {remedy}")));
            }
            (State::After, _) => {
                return Err(here.fault(anyhow!("expected a comma after the closing quotation mark")));
            }
            (State::Before, _) => {
                cell.place = here;
                cell.text.push(character);
                state = State::Plain;
            }
            (State::Plain, _) => cell.text.push(character),
        }
        here = here.after(character);
    }
    if matches!(state, State::Quoted) {
        return Ok(Split::Open(cell.place));
    }
    cells.push(finished(&mut cell, &state, here));
    Ok(Split::Cells(cells))
}

/// Takes the cell that has ended, and leaves the next one, which begins at `next`.
fn finished(cell: &mut Cell, state: &State, next: Place) -> Cell {
    let mut ended = std::mem::replace(cell, Cell { place: next, text: String::new() });
    if matches!(state, State::Plain) {
        let end = ended.text.trim_end().len();
        ended.text.truncate(end);
    }
    ended
}

impl Cell {
    /// Something wrong in this cell.
    pub(super) fn fault(&self, reason: impl Into<Error>) -> Fault {
        self.place.fault(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each record as its line and its cells, a cell as `line:column text`.
    fn read(text: &[u8]) -> Result<Vec<(usize, Vec<String>)>, Fault> {
        let mut reader = CsvReader::new(text);
        let mut records = Vec::new();
        while let Some(Record { line, cells }) = reader.next_record()? {
            let cells = cells.iter().map(|cell| format!("{} {}", cell.place, cell.text)).collect();
            records.push((line, cells));
        }
        Ok(records)
    }

    fn check(text: &str, expected: &[(usize, &[&str])]) {
        let found = read(text.as_bytes()).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        let expected: Vec<_> = expected
            .iter()
            .map(|(line, cells)| (*line, cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>()))
            .collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn records_are_read_with_their_places() {
        check("", &[]);
        check("\n \r\n", &[]);
        check("a,b\n1,2\n", &[(1, &["1:1 a", "1:3 b"]), (2, &["2:1 1", "2:3 2"])]);
        check("a,b\r\n\r\n1,2", &[(1, &["1:1 a", "1:3 b"]), (3, &["3:1 1", "3:3 2"])]);
        check("\u{FEFF}a\n", &[(1, &["1:1 a"])]);
        check("a,,\n", &[(1, &["1:1 a", "1:3 ", "1:4 "])]);
        check(" a b , é,z\n", &[(1, &["1:2 a b", "1:8 é", "1:10 z"])]);
    }

    #[test]
    fn quotation_marks_keep_what_is_between_them() {
        check("\"a,b\",c\n", &[(1, &["1:1 a,b", "1:7 c"])]);
        check("\"say \"\"hi\"\"\",c\n", &[(1, &["1:1 say \"hi\"", "1:14 c"])]);
        check("\" a \" , \"\"\n", &[(1, &["1:1  a ", "1:9 "])]);
        check("\"a\nb\",c\nd\n", &[(1, &["1:1 a\nb", "2:4 c"]), (3, &["3:1 d"])]);
    }

    #[test]
    fn what_is_no_csv_is_told_with_its_place() {
        let long = format!("a\n{}\n", "b".repeat(RECORD_BYTES_MAX + 1));
        let cases: [(&[u8], &str); 6] = [
            (b"a\nb\"c\n", "2:2: a quotation mark inside a cell"),
            (b"a\n\"b\"c\n", "2:4: expected a comma"),
            (b"a\nx, \"b\nc\nd", "2:4: the quotation mark that opens here is not closed"),
            (b"a\nxy\xFFz\n", "2:3: this is not UTF-8"),
            (b"a\n\"b\nx\xC3\n", "3:2: this is not UTF-8"),
            (long.as_bytes(), "2:1: the row has more than 262144 bytes"),
        ];
        for (text, expected) in cases {
            let error = read(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
