use std::ops::Range;

use der::{Decode, Length, Reader, SliceReader};

pub(crate) const TAG_BOOLEAN: u8 = 0x01;
pub(crate) const TAG_INTEGER: u8 = 0x02;
pub(crate) const TAG_BIT_STRING: u8 = 0x03;
pub(crate) const TAG_OCTET_STRING: u8 = 0x04;
pub(crate) const TAG_OID: u8 = 0x06;
pub(crate) const TAG_SEQUENCE: u8 = 0x30;
pub(crate) const TAG_SET: u8 = 0x31;
pub(crate) const TAG_EXPLICIT_0: u8 = 0xA0;
pub(crate) const TAG_EXPLICIT_3: u8 = 0xA3;
pub(crate) const TAG_IMPLICIT_0: u8 = 0x80;

/// Walks through DER and remembers where in the whole input each part stands.
///
/// `der::AnyRef` would do but for one thing: it knows no UniversalString. Lengths are read by `der`, so they are
/// definite and minimal; a tag has one byte, since no certificate needs more.
pub(crate) struct DerReader<'a> {
    bytes: &'a [u8],
    reader: SliceReader<'a>,
    base: usize,
}

/// One element: its tag, its value, and where both stand.
pub(crate) struct Tlv<'a> {
    pub(crate) tag: u8,
    pub(crate) value: &'a [u8],
    /// Header and value.
    pub(crate) raw: &'a [u8],
    /// Where `value` stands in the whole input.
    pub(crate) value_range: Range<usize>,
    /// Where `raw` stands in the whole input.
    pub(crate) range: Range<usize>,
}

/// What is wrong with the encoding, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    pub(crate) what: &'static str,
    pub(crate) offset: usize,
}

impl<'a> DerReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, Malformed> {
        Self::at(bytes, 0)
    }

    fn at(bytes: &'a [u8], base: usize) -> Result<Self, Malformed> {
        let reader =
            SliceReader::new(bytes).map_err(|_| Malformed { what: "too many bytes", offset: base })?;
        Ok(Self { bytes, reader, base })
    }

    /// Reads the next element, whatever it is.
    pub(crate) fn read(&mut self) -> Result<Tlv<'a>, Malformed> {
        let start = self.local_position();
        let malformed =
            |_| Malformed { what: "an element that is cut off or not in DER", offset: self.base + start };
        let tag = self.reader.read_byte().map_err(malformed)?;
        if tag & 0x1F == 0x1F {
            return Err(Malformed { what: "a tag of more than one byte", offset: self.base + start });
        }
        let length = Length::decode(&mut self.reader).map_err(malformed)?;
        let value = self.reader.read_slice(length).map_err(malformed)?;
        let end = self.local_position();
        let value_start = end - value.len();
        let raw = self.bytes.get(start..end).unwrap_or_default();
        Ok(Tlv {
            tag,
            value,
            raw,
            value_range: self.base + value_start..self.base + end,
            range: self.base + start..self.base + end,
        })
    }

    /// Reads the next element, which must have this tag; `what` names it in the error.
    pub(crate) fn expect(&mut self, tag: u8, what: &'static str) -> Result<Tlv<'a>, Malformed> {
        let offset = self.offset();
        let tlv = self.read().map_err(|malformed| Malformed { what, ..malformed })?;
        if tlv.tag == tag { Ok(tlv) } else { Err(Malformed { what, offset }) }
    }

    /// Reads the next element if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Tlv<'a>>, Malformed> {
        if self.reader.peek_byte() == Some(tag) { self.read().map(Some) } else { Ok(None) }
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.reader.is_finished()
    }

    /// Checks that nothing follows; `what` names what would have ended here.
    pub(crate) fn finish(self, what: &'static str) -> Result<(), Malformed> {
        if self.is_finished() { Ok(()) } else { Err(Malformed { what, offset: self.offset() }) }
    }

    /// Where in the whole input the next element starts.
    pub(crate) fn offset(&self) -> usize {
        self.base + self.local_position()
    }

    fn local_position(&self) -> usize {
        usize::try_from(self.reader.position()).unwrap_or(usize::MAX)
    }
}

impl<'a> Tlv<'a> {
    /// Reads what is inside.
    pub(crate) fn open(&self) -> Result<DerReader<'a>, Malformed> {
        DerReader::at(self.value, self.value_range.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_those_of_the_whole_input() {
        let bytes = [0x30, 0x06, 0x02, 0x01, 0x05, 0x04, 0x01, 0x07];
        let mut outer = DerReader::new(&bytes).unwrap();
        let sequence = outer.expect(TAG_SEQUENCE, "sequence").unwrap();
        let mut inner = sequence.open().unwrap();
        assert_eq!(inner.read().unwrap().value_range, 4..5);
        let octets = inner.expect(TAG_OCTET_STRING, "octets").unwrap();
        assert_eq!((octets.range.clone(), octets.raw, octets.value), (5..8, &bytes[5..8], &bytes[7..8]));
        assert_eq!(inner.finish("end"), Ok(()));
        assert_eq!(outer.finish("end"), Ok(()));
    }

    #[test]
    fn ber_is_not_der() {
        let cases: [&[u8]; 6] = [
            &[0x30, 0x81, 0x01, 0x00], // length in two bytes where one would do
            &[0x30, 0x80, 0x00, 0x00], // indefinite length
            &[0x1F, 0x81, 0x01, 0x00], // tag of more than one byte
            &[0x30, 0x05, 0x00],       // cut off
            &[0x30],                   // no length
            &[],                       // nothing
        ];
        for bytes in cases {
            assert!(DerReader::new(bytes).unwrap().read().is_err(), "{bytes:02x?}");
        }
    }
}
