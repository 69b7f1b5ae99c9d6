//! The randomness that a server draws: handed in, so that a test can hand in its
//! own.

/// A source of randomness for secrets.
pub trait Random: Send + Sync + 'static {
    /// Fills the bytes with randomness.
    fn fill(&self, bytes: &mut [u8]);
}

/// The randomness of the operating system.
#[derive(Debug, Clone, Copy)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        // Nothing secret can be made without it: to go on would be worse.
        getrandom::fill(bytes).expect("the operating system gives randomness");
    }
}

/// Random bytes as an array.
pub(crate) fn bytes<const N: usize>(random: &dyn Random) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill(&mut bytes);
    bytes
}
