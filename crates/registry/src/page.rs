/// A position in a listing, stable under inserts and deletes: what comes after it is what was not yet seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(i64);

/// The direction of a listing, by time of creation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The oldest first.
    #[default]
    Ascending,
    /// The newest first.
    Descending,
}

/// Which part of a listing is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    /// Begin behind this position; none begins at the start.
    pub after: Option<Cursor>,
    /// The most items wanted.
    pub limit: u32,
    /// The direction.
    pub order: Order,
}

/// One part of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, at most as many as were asked for.
    pub items: Vec<T>,
    /// Where the next part begins; none when this was the last.
    pub next: Option<Cursor>,
}

impl Cursor {
    /// The position before every item of a listing.
    pub const START: Self = Self(i64::MIN);

    /// The cursor of this number, which an adapter made.
    pub const fn new(position: i64) -> Self {
        Self(position)
    }

    /// The number.
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl PageRequest {
    /// The first `limit` items, the oldest first.
    pub const fn first(limit: u32) -> Self {
        Self { after: None, limit, order: Order::Ascending }
    }
}

impl<T> Page<T> {
    /// Makes a page of rows read with one more than `limit`: the surplus row only says that there is a next page.
    pub fn from_rows(mut rows: Vec<(Cursor, T)>, limit: u32) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().map(|(cursor, _)| *cursor).filter(|_| more);
        Self { items: rows.into_iter().map(|(_, item)| item).collect(), next }
    }

    /// The page with each item converted.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(convert).collect(), next: self.next }
    }
}
