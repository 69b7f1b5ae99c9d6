//! Reading canonical bytes: strictly, without a panic, and to the end.

/// A cursor that hands out fixed-length fields.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

/// The bytes end early, or go on where they should end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WrongLength;

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], WrongLength> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(WrongLength)?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, WrongLength> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, WrongLength> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, WrongLength> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn end(self) -> Result<(), WrongLength> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(WrongLength)
        }
    }
}
