//! Reads choices out of the bytes of an input, so that every input means something.

/// What is left of an input. Past its end there are zeros and empty slices.
#[derive(Clone, Debug)]
pub(crate) struct Input<'a> {
    bytes: &'a [u8],
}

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        match self.bytes.split_first() {
            Some((first, rest)) => {
                self.bytes = rest;
                *first
            }
            None => 0,
        }
    }

    /// Two bytes, the higher one first.
    pub(crate) fn number(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// A length of two bytes and as many bytes, or what is left.
    pub(crate) fn chunk(&mut self) -> &'a [u8] {
        let length = usize::from(self.number()).min(self.bytes.len());
        let (chunk, rest) = self.bytes.split_at(length);
        self.bytes = rest;
        chunk
    }

    /// All chunks that are left, at most `count_max`.
    pub(crate) fn chunks(&mut self, count_max: usize) -> Vec<&'a [u8]> {
        let mut chunks = Vec::new();
        while !self.is_empty() && chunks.len() < count_max {
            chunks.push(self.chunk());
        }
        chunks
    }

    /// One of `choices`, of which there is at least one.
    pub(crate) fn choice<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::from(self.byte()) % choices.len()]
    }
}

/// The lines of an input as texts, at most `count_max`; bytes that are not UTF-8 become U+FFFD.
pub(crate) fn lines(data: &[u8], count_max: usize) -> Vec<String> {
    String::from_utf8_lossy(data).split('\n').take(count_max).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_read_to_its_end_and_beyond() {
        let mut input = Input::new(b"\x01\x02\x03\x00\x02abcd");
        assert_eq!((input.byte(), input.number()), (1, 0x0203));
        assert_eq!(input.chunk(), b"ab");
        assert_eq!(input.clone().chunks(9), [b""]);
        assert_eq!(input.choice(&["x", "y"]), "y");
        assert_eq!((input.byte(), input.byte(), input.number()), (b'd', 0, 0));
        assert!(input.is_empty());
    }
}
