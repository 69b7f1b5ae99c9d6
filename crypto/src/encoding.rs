//! Reading and writing bytes: strictly, without a panic, and to the end.

/// Why stored bytes are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A format that this version does not know.
    #[error("the stored object has format version {0}, which this version does not know")]
    Version(u8),
    /// The bytes are cut short, go on too long, or say something impossible.
    #[error("the stored object is damaged")]
    Malformed,
}

impl From<Malformed> for DecodeError {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// The bytes end early, go on where they should end, or break a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// A cursor over bytes that somebody else wrote.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(Malformed)?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_be_bytes)
    }

    /// One byte that says whether something follows: 0 or 1, nothing else.
    pub(crate) fn presence(&mut self) -> Result<Presence, Malformed> {
        match self.u8()? {
            0 => Ok(Presence::Absent),
            1 => Ok(Presence::Present),
            _ => Err(Malformed),
        }
    }

    /// An unsigned LEB128 number in its shortest form: a second spelling of a
    /// number would be a second envelope with the same meaning.
    pub(crate) fn leb128(&mut self) -> Result<u32, Malformed> {
        let mut value = 0_u64;
        for shift in [0_u32, 7, 14, 21, 28] {
            let byte = self.u8()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift).ok_or(Malformed)?;
            if byte & 0x80 == 0 {
                if byte == 0 && shift != 0 {
                    return Err(Malformed);
                }
                return u32::try_from(value).map_err(|_| Malformed);
            }
        }
        Err(Malformed)
    }

    pub(crate) fn rest(self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn end(self) -> Result<(), Malformed> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Malformed)
        }
    }
}

/// Whether something optional follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Absent,
    Present,
}

/// Appends `value` as unsigned LEB128 in its shortest form, one to five bytes.
pub(crate) fn put_leb128(out: &mut Vec<u8>, mut value: u32) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Appends the number of things that follow, as u16.
///
/// # Panics
/// If there are more than a u16 counts; every list here has a limit below that.
pub(crate) fn put_count(out: &mut Vec<u8>, count: usize) {
    let count = u16::try_from(count).expect("every stored list has a limit that a u16 counts");
    out.extend_from_slice(&count.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn c7_a_number_has_one_spelling(value: u32, extra in proptest::collection::vec(any::<u8>(), 0..8)) {
            let mut bytes = Vec::new();
            put_leb128(&mut bytes, value);
            let length = bytes.len();
            bytes.extend_from_slice(&extra);
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.leb128(), Ok(value));
            prop_assert_eq!(reader.remaining(), bytes.len() - length);
        }

        #[test]
        fn c7_whatever_reads_as_a_number_is_its_one_spelling(bytes in proptest::collection::vec(any::<u8>(), 0..8)) {
            let mut reader = Reader::new(&bytes);
            if let Ok(value) = reader.leb128() {
                let mut again = Vec::new();
                put_leb128(&mut again, value);
                prop_assert_eq!(&bytes[..bytes.len() - reader.remaining()], &again[..]);
            }
        }
    }

    #[test]
    fn c7_longer_spellings_and_overflows_are_refused() {
        for bytes in [
            &[0x80, 0x00][..],
            &[0xff; 5],
            &[0x80, 0x80, 0x80, 0x80, 0x10],
            &[0x80],
            &[],
        ] {
            assert_eq!(Reader::new(bytes).leb128(), Err(Malformed), "{bytes:02x?}");
        }
        let largest = [0xff, 0xff, 0xff, 0xff, 0x0f];
        assert_eq!(Reader::new(&largest).leb128(), Ok(u32::MAX));
    }
}
