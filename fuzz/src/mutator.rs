//! Makes new inputs out of known ones. The same seed makes the same inputs in the same order.

/// The most bytes of an input that is made; a seed may be longer, and is not made longer still.
const INPUT_BYTES_MAX: usize = 16 * 1024;

/// The most changes to one input.
const CHANGES_MAX: usize = 16;

/// Numbers at which code goes wrong, as texts.
const NUMBERS: [&str; 9] =
    ["0", "-1", "1", "255", "65536", "2147483648", "4294967295", "9223372036854775808", "1e400"];

/// Bytes at which code goes wrong.
const BYTES: [u8; 16] =
    [0, 1, 2, 0x7F, 0x80, 0x81, 0xC0, 0xFE, 0xFF, b' ', b'\n', b'/', b'*', b'#', b'+', b'%'];

/// Makes inputs out of seeds and words.
#[derive(Debug)]
pub(crate) struct Mutator {
    random: Random,
    seeds: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
}

impl Mutator {
    pub(crate) fn new(seed: u64, seeds: Vec<Vec<u8>>, words: Vec<Vec<u8>>) -> Self {
        Self { random: Random(seed), seeds, words }
    }

    /// The inputs that everything else is made of.
    pub(crate) fn seeds(&self) -> &[Vec<u8>] {
        &self.seeds
    }

    /// A new input: one of the seeds, changed in one place or in several.
    pub(crate) fn next_input(&mut self) -> Vec<u8> {
        let mut input = self.random.pick(&self.seeds).cloned().unwrap_or_default();
        let length_max = INPUT_BYTES_MAX.max(input.len());
        // Half of all inputs are changed once, a quarter of them twice, and so on.
        let mut changes = 1;
        while changes < CHANGES_MAX && self.random.below(2) == 0 {
            changes += 1;
        }
        for _ in 0..changes {
            self.change(&mut input);
        }
        input.truncate(length_max);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        match self.random.below(13) {
            0 | 1 => self.flip_bit(input),
            2 => self.set_byte(input),
            3 => input.truncate(self.random.below(input.len() + 1)),
            4 => drop(input.drain(self.range(input.len(), 64))),
            5 => {
                let at = self.random.below(input.len() + 1);
                let count = 1 + self.random.below(8);
                let bytes: Vec<u8> = (0..count).map(|_| self.random.byte()).collect();
                input.splice(at..at, bytes);
            }
            6 => self.repeat(input),
            7 => self.splice(input),
            8 | 9 => self.edit_length(input),
            10 => self.insert_word(input),
            11 => self.edit_number(input),
            _ => self.swap(input),
        }
    }

    fn flip_bit(&mut self, input: &mut [u8]) {
        let at = self.random.below(input.len());
        if let Some(byte) = input.get_mut(at) {
            *byte ^= 1 << self.random.below(8);
        }
    }

    fn set_byte(&mut self, input: &mut [u8]) {
        let at = self.random.below(input.len());
        if let Some(byte) = input.get_mut(at) {
            *byte = self.random.pick(&BYTES).copied().unwrap_or_default();
        }
    }

    /// Puts a copy of a part somewhere else, once or many times.
    fn repeat(&mut self, input: &mut Vec<u8>) {
        let part = input[self.range(input.len(), 256)].to_vec();
        let times = if self.random.below(8) == 0 { 1 + self.random.below(64) } else { 1 };
        let at = self.random.below(input.len() + 1);
        input.splice(at..at, part.repeat(times));
    }

    /// Takes a part of another seed: in place of the end, or in between.
    fn splice(&mut self, input: &mut Vec<u8>) {
        let Some(other) = self.random.pick(&self.seeds) else { return };
        let start = self.random.below(other.len() + 1);
        let at = self.random.below(input.len() + 1);
        if self.random.below(2) == 0 {
            input.truncate(at);
            input.extend_from_slice(&other[start..]);
        } else {
            let end = start + self.random.below(other.len() - start + 1);
            input.splice(at..at, other[start..end].iter().copied());
        }
    }

    /// Changes one, two or four bytes as the length that they may be: by a little, to what follows, to an extreme.
    fn edit_length(&mut self, input: &mut [u8]) {
        let width = [1, 2, 4][self.random.below(3)];
        let at = self.random.below(input.len());
        let behind = input.len().saturating_sub(at + width);
        let Some(field) = input.get_mut(at..at + width) else { return };
        let found = field.iter().fold(0_u32, |value, byte| value << 8 | u32::from(*byte));
        let little = u32::try_from(1 + self.random.below(4)).unwrap_or(1);
        let edited = match self.random.below(6) {
            0 | 1 => found.wrapping_add(little),
            2 | 3 => found.wrapping_sub(little),
            4 => u32::try_from(behind).unwrap_or(u32::MAX),
            _ => [0, 0x7F, 0x80, 0xFFFF_FFFF][self.random.below(4)],
        };
        let bytes = edited.to_be_bytes();
        field.copy_from_slice(&bytes[bytes.len() - width..]);
    }

    fn insert_word(&mut self, input: &mut Vec<u8>) {
        let Some(word) = self.random.pick(&self.words).cloned() else { return };
        let at = self.random.below(input.len() + 1);
        let end = if self.random.below(2) == 0 { at } else { input.len().min(at + word.len()) };
        input.splice(at..end, word);
    }

    /// Replaces the digits at some place by another number.
    fn edit_number(&mut self, input: &mut Vec<u8>) {
        let from = self.random.below(input.len());
        let Some(start) = input.iter().skip(from).position(u8::is_ascii_digit).map(|at| from + at) else {
            return;
        };
        let length = input[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = self.random.pick(&NUMBERS).copied().unwrap_or_default();
        input.splice(start..start + length, number.bytes());
    }

    /// Lets a part change places with what follows it.
    fn swap(&mut self, input: &mut [u8]) {
        let range = self.range(input.len(), 256);
        let at = self.random.below(range.len());
        input[range].rotate_left(at);
    }

    /// A range of at most `longest` bytes in a slice of `length`.
    fn range(&mut self, length: usize, longest: usize) -> std::ops::Range<usize> {
        let start = self.random.below(length + 1);
        let end = start + self.random.below((length - start).min(longest) + 1);
        start..end
    }
}

/// SplitMix64. Written here so that no new version of a library changes what a seed means.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`; 0 where there is none.
    fn below(&mut self, limit: usize) -> usize {
        let number = usize::try_from(self.next() >> 1).unwrap_or_default();
        number.checked_rem(limit).unwrap_or_default()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }

    fn pick<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        choices.get(self.below(choices.len()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn mutator(seed: u64) -> Mutator {
        let seeds = vec![b"GET /things/1 HTTP/1.1\r\n\r\n".to_vec(), Vec::new(), vec![0x30; 40]];
        Mutator::new(seed, seeds, vec![b"word".to_vec()])
    }

    fn inputs(seed: u64) -> Vec<Vec<u8>> {
        let mut mutator = mutator(seed);
        (0..5_000).map(|_| mutator.next_input()).collect()
    }

    #[test]
    fn a_seed_makes_the_same_inputs_again_and_another_seed_others() {
        assert_eq!(inputs(1), inputs(1));
        assert_ne!(inputs(1), inputs(2));
    }

    #[test]
    fn inputs_differ_stay_small_and_hold_words() {
        let inputs = inputs(3);
        assert!(inputs.iter().all(|input| input.len() <= INPUT_BYTES_MAX));
        assert!(inputs.iter().collect::<HashSet<_>>().len() > 2_500);
        assert!(inputs.iter().any(|input| input.windows(4).any(|part| part == b"word")));
    }

    #[test]
    fn without_seeds_there_are_inputs_all_the_same() {
        let mut mutator = Mutator::new(1, Vec::new(), Vec::new());
        assert!((0..1_000).any(|_| !mutator.next_input().is_empty()));
    }
}
