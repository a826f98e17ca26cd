//! The places in a text where parts of a pattern can stand, all at once: one bit for each byte of the text.
//!
//! A set of places moves through a part of the pattern byte by byte, 64 places in one operation (Baeza-Yates and Gonnet, "A
//! new approach to text searching", 1992, with the text and the pattern changed over, so that a value known only to a
//! connection can be part of the pattern). So the work does not depend on how often a part nearly matches.

use crate::pattern::count_steps;
use crate::resource::ARN_BYTES;

const BLOCK_BITS: usize = 64;

/// Room on the stack for the ARN of every resource that a connection can ask about, and for the place behind it.
const NEAR_BLOCKS: usize = ARN_BYTES / BLOCK_BITS + 1;

/// The bytes of a text, and places among them.
pub(crate) struct Places {
    near: [Block; NEAR_BLOCKS],
    /// In place of `near`, for a longer text.
    far: Vec<Block>,
    count: usize,
    is_ascii: bool,
}

/// 64 places of a text, the first at the lowest bit.
#[derive(Clone, Copy)]
struct Block {
    /// Those whose byte has these four low bits.
    low: [u64; 16],
    /// Those whose byte has these four high bits.
    high: [u64; 16],
    /// Those where a character begins.
    begin: u64,
    /// Those in the middle of a character.
    inside: u64,
    /// Those of the set.
    found: u64,
}

const EMPTY: Block = Block { low: [0; 16], high: [0; 16], begin: 0, inside: 0, found: 0 };

impl Places {
    pub(crate) fn new(text: &str) -> Self {
        // One more, because a match may end behind the last byte.
        let count = text.len() / BLOCK_BITS + 1;
        let far = if count > NEAR_BLOCKS { vec![EMPTY; count] } else { Vec::new() };
        let mut places = Self { near: [EMPTY; NEAR_BLOCKS], far, count, is_ascii: text.is_ascii() };
        for (block, bytes) in places.blocks().iter_mut().zip(text.as_bytes().chunks(BLOCK_BITS)) {
            count_steps(bytes.len());
            for (place, byte) in bytes.iter().enumerate() {
                let bit = 1 << place;
                block.low[usize::from(byte & 15)] |= bit;
                block.high[usize::from(byte >> 4)] |= bit;
                let is_inside = byte & 0xc0 == 0x80;
                *(if is_inside { &mut block.inside } else { &mut block.begin }) |= bit;
            }
        }
        places
    }

    /// Makes the set that of all characters from `start` on.
    pub(crate) fn begin_at(&mut self, start: usize) {
        count_steps(self.count);
        for (place, block) in self.blocks().iter_mut().enumerate() {
            let before = start.saturating_sub(place * BLOCK_BITS);
            let kept = u32::try_from(before).ok().and_then(|before| u64::MAX.checked_shl(before));
            block.found = block.begin & kept.unwrap_or(0);
        }
    }

    /// Keeps the places where `expected` stands, and moves them behind it. Whether one is left.
    #[must_use]
    pub(crate) fn skip_text(&mut self, expected: &str) -> bool {
        expected.bytes().all(|byte| {
            let (low, high) = (usize::from(byte & 15), usize::from(byte >> 4));
            self.step(|block| block.low[low] & block.high[high], false)
        })
    }

    /// Moves the places behind one character, and drops the place behind the text. Whether one is left.
    #[must_use]
    pub(crate) fn skip_character(&mut self) -> bool {
        let mut is_left = self.step(|block| block.begin, false);
        if !self.is_ascii {
            // A character has up to three bytes more.
            for _ in 0..3 {
                is_left = self.step(|block| block.inside, true);
            }
        }
        is_left
    }

    /// The first place of the set.
    pub(crate) fn first(&mut self) -> Option<usize> {
        let (place, block) = self.blocks().iter().enumerate().find(|(_, block)| block.found != 0)?;
        Some(place * BLOCK_BITS + usize::try_from(block.found.trailing_zeros()).ok()?)
    }

    /// Moves the places that are `moving` by one byte. The others stay or are dropped. Whether one is left.
    fn step(&mut self, moving: impl Fn(&Block) -> u64, others_stay: bool) -> bool {
        count_steps(self.count);
        let (mut carried, mut all) = (0, 0);
        for block in self.blocks() {
            let moving = moving(block);
            let moved = block.found & moving;
            let stayed = if others_stay { block.found & !moving } else { 0 };
            block.found = stayed | moved << 1 | carried;
            carried = moved >> (BLOCK_BITS - 1);
            all |= block.found;
        }
        all != 0
    }

    fn blocks(&mut self) -> &mut [Block] {
        if self.far.is_empty() { self.near.get_mut(..self.count).unwrap_or_default() } else { &mut self.far }
    }
}
