//! What stands before every sealed message, in the clear and authenticated.

use chat_verify::PrekeyPublic;

use crate::encoding::{Malformed, Reader, put_leb128};

/// Ratchet key (32) ‖ length of the sender's chain before (LEB128) ‖ number in this
/// chain (LEB128). 34 to 42 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) public: PrekeyPublic,
    pub(crate) previous_length: u32,
    pub(crate) number: u32,
}

impl Header {
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.public.as_bytes());
        put_leb128(out, self.previous_length);
        put_leb128(out, self.number);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            public: PrekeyPublic::try_from(reader.array::<32>()?).map_err(|_| Malformed)?,
            previous_length: reader.leb128()?,
            number: reader.leb128()?,
        })
    }
}
