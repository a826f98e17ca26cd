use super::changing::Changing;

/// What a service was asked to do, in its order.
#[derive(Debug)]
pub struct Record<T>(Changing<Vec<T>>);

impl<T: Clone> Record<T> {
    /// All of it so far.
    pub fn all(&self) -> Vec<T> {
        self.0.with(|entries| entries.clone())
    }

    /// Waits until there are this many entries, and gives all that there are. Cancel safe.
    pub async fn reached(&self, count: usize) -> Vec<T> {
        self.0.until(|entries| (entries.len() >= count).then(|| entries.clone())).await
    }

    pub(super) fn push(&self, entry: T) {
        self.0.with(|entries| entries.push(entry));
    }
}

impl<T> Default for Record<T> {
    fn default() -> Self {
        Self(Changing::new(Vec::new()))
    }
}
