//! How statements are written, run and read.
//!
//! Their text is constant and taken by both SQLite and PostgreSQL. Parameters first appear in ascending order: `$1` is a
//! name in SQLite, which numbers names in the order in which it meets them.

use std::fmt::Display;

use landfall_model::UnixTime;
use landfall_registry::{Cursor, Order, Page, PageRequest};
use rusqlite::types::FromSql;
use rusqlite::{Connection, Params, Row, ToSql, params_from_iter};

use crate::error::ReadError;

/// Defines the statements of a file, and for the tests the list of them.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)+) => {
        $($(#[$doc])* const $name: &str = $text;)+

        #[cfg(test)]
        pub(crate) const STATEMENTS: &[&str] = &[$($name),+];
    };
}

pub(crate) use statements;

statements! {
    BEGIN = "BEGIN";
    COMMIT = "COMMIT";
}

/// The two statements of a listing, by direction. Both end in the position to begin behind and the limit.
#[derive(Clone, Copy)]
pub(crate) struct Listing {
    pub(crate) ascending: &'static str,
    pub(crate) descending: &'static str,
}

/// The values of one row, whose first column is the row id.
pub(crate) struct Fields<'a> {
    row: &'a Row<'a>,
    table: &'static str,
    rid: i64,
}

/// Reads the first row, if there is one.
pub(crate) fn first<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> Result<T, ReadError>,
) -> Result<Option<T>, ReadError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    rows.next()?.map(read).transpose()
}

/// Reads every row.
pub(crate) fn every<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    mut read: impl FnMut(&Row<'_>) -> Result<T, ReadError>,
) -> Result<Vec<T>, ReadError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut items = Vec::new();
    while let Some(row) = rows.next()? {
        items.push(read(row)?);
    }
    Ok(items)
}

/// Whether there is a row.
pub(crate) fn exists(connection: &Connection, sql: &str, params: impl Params) -> Result<bool, ReadError> {
    Ok(first(connection, sql, params, |_| Ok(()))?.is_some())
}

/// The count that a statement asks for.
pub(crate) fn number(connection: &Connection, sql: &str, params: impl Params) -> Result<usize, ReadError> {
    let number: Option<u32> = first(connection, sql, params, |row| Ok(row.get(0)?))?;
    Ok(usize::try_from(number.unwrap_or(0)).unwrap_or(usize::MAX))
}

/// Reads one page. `filter` has the parameters before those of the page.
pub(crate) fn page<T>(
    connection: &Connection,
    listing: Listing,
    filter: &[&dyn ToSql],
    request: PageRequest,
    mut read: impl FnMut(&Fields<'_>) -> Result<T, ReadError>,
    table: &'static str,
) -> Result<Page<T>, ReadError> {
    let (sql, start) = match request.order {
        Order::Ascending => (listing.ascending, i64::MIN),
        Order::Descending => (listing.descending, i64::MAX),
    };
    let after = request.after.map_or(start, Cursor::get);
    let limit = i64::from(request.limit) + 1;
    let of_page: [&dyn ToSql; 2] = [&after, &limit];
    let params = params_from_iter(filter.iter().copied().chain(of_page));
    let rows = every(connection, sql, params, |row| {
        let fields = Fields::new(table, row)?;
        Ok((Cursor::new(fields.rid()), read(&fields)?))
    })?;
    Ok(Page::from_rows(rows, request.limit))
}

/// Changes rows and says how many.
pub(crate) fn execute(connection: &Connection, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
    connection.prepare_cached(sql)?.execute(params)
}

/// Runs several reads as of one moment.
pub(crate) fn snapshot<T>(
    connection: &Connection,
    read: impl FnOnce(&Connection) -> Result<T, ReadError>,
) -> Result<T, ReadError> {
    execute(connection, BEGIN, [])?;
    let result = read(connection);
    // Also after a failure: a connection that kept its moment would read old rows for ever.
    execute(connection, COMMIT, [])?;
    result
}

/// A count as SQL has it. None comes near the limit.
pub(crate) fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl<'a> Fields<'a> {
    pub(crate) fn new(table: &'static str, row: &'a Row<'a>) -> Result<Self, ReadError> {
        Ok(Self { row, table, rid: row.get(0)? })
    }

    pub(crate) const fn rid(&self) -> i64 {
        self.rid
    }

    /// The same row, of which columns of another table are read now.
    pub(crate) const fn of(&self, table: &'static str) -> Self {
        Self { row: self.row, table, rid: self.rid }
    }

    /// The value of a column.
    pub(crate) fn get<T: FromSql>(&self, index: usize, column: &'static str) -> Result<T, ReadError> {
        self.row.get(index).map_err(|error| self.inconsistent(column, &error))
    }

    /// The moment in a column.
    pub(crate) fn time(&self, index: usize, column: &'static str) -> Result<UnixTime, ReadError> {
        self.get(index, column).map(UnixTime::from_millis)
    }

    /// The moment in a column, unless that is null.
    pub(crate) fn time_if_any(
        &self,
        index: usize,
        column: &'static str,
    ) -> Result<Option<UnixTime>, ReadError> {
        Ok(self.get::<Option<i64>>(index, column)?.map(UnixTime::from_millis))
    }

    /// The count in a column.
    pub(crate) fn count(&self, index: usize, column: &'static str) -> Result<u64, ReadError> {
        let number: i64 = self.get(index, column)?;
        u64::try_from(number).map_err(|error| self.inconsistent(column, &error))
    }

    /// What the code in a column stands for.
    pub(crate) fn decode<T>(
        &self,
        index: usize,
        column: &'static str,
        decode: impl FnOnce(i64) -> Option<T>,
    ) -> Result<T, ReadError> {
        let code = self.get(index, column)?;
        decode(code).ok_or_else(|| self.inconsistent(column, &format!("{code} is no code of this version")))
    }

    /// What the text in a column stands for.
    pub(crate) fn parse<T, E: Display>(
        &self,
        index: usize,
        column: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, ReadError> {
        let parsed = self.parse_if_any(index, column, parse)?;
        parsed.ok_or_else(|| self.inconsistent(column, &"it is null"))
    }

    /// What the text in a column stands for, unless that is null.
    pub(crate) fn parse_if_any<T, E: Display>(
        &self,
        index: usize,
        column: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, ReadError> {
        let value = self.row.get_ref(index)?;
        let text = value.as_str_or_null().map_err(|error| self.inconsistent(column, &error))?;
        text.map(parse).transpose().map_err(|error| self.inconsistent(column, &error))
    }

    /// The bytes in a column.
    pub(crate) fn bytes(&self, index: usize, column: &'static str) -> Result<&[u8], ReadError> {
        self.row.get_ref(index)?.as_blob().map_err(|error| self.inconsistent(column, &error))
    }

    pub(crate) fn inconsistent(&self, column: &'static str, problem: &dyn Display) -> ReadError {
        ReadError::Inconsistent { table: self.table, column, row: self.rid, problem: problem.to_string() }
    }
}
