//! Keys of messages that are still missing, of one receiving chain.
//!
//! States of a session are values, and a value with two thousand keys must not be
//! copied for every message. The keys stand in shared blocks of neighbours: taking
//! one copies its block, not the others (D9).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::encoding::{Malformed, Reader, put_count};
use crate::limits::SKIPPED_KEYS_MAX;
use crate::ratchet::message::MessageKey;

/// Message numbers that share a block.
const BLOCK: u32 = 32;

/// One kept key.
#[derive(Debug, Clone)]
struct SkippedKey {
    number: u32,
    since_ms: u64,
    key: MessageKey,
}

/// The kept keys of one chain, by message number.
#[derive(Debug, Clone, Default)]
pub(crate) struct SkippedKeys {
    /// By number / [`BLOCK`]; keys within in ascending order, no block empty.
    blocks: Arc<BTreeMap<u32, Arc<Vec<SkippedKey>>>>,
    length: usize,
}

impl SkippedKeys {
    pub(crate) const fn len(&self) -> usize {
        self.length
    }

    /// The lowest number, and since when its key is kept.
    pub(crate) fn oldest(&self) -> Option<(u32, u64)> {
        let (_, block) = self.blocks.first_key_value()?;
        block.first().map(|kept| (kept.number, kept.since_ms))
    }

    pub(crate) fn get(&self, number: u32) -> Option<&MessageKey> {
        let block = self.blocks.get(&(number / BLOCK))?;
        let at = block
            .binary_search_by_key(&number, |kept| kept.number)
            .ok()?;
        block.get(at).map(|kept| &kept.key)
    }

    /// Keeps a key. Numbers are added in ascending order only.
    pub(crate) fn add(&mut self, number: u32, key: MessageKey, since_ms: u64) {
        let block = Arc::make_mut(&mut self.blocks)
            .entry(number / BLOCK)
            .or_default();
        debug_assert!(
            block.last().is_none_or(|last| last.number < number),
            "ascending order"
        );
        Arc::make_mut(block).push(SkippedKey {
            number,
            since_ms,
            key,
        });
        self.length = self.length.saturating_add(1);
    }

    /// Gives a key up; nothing happens if it is not there.
    pub(crate) fn remove(&mut self, number: u32) {
        if self.get(number).is_none() {
            return;
        }
        let blocks = Arc::make_mut(&mut self.blocks);
        let Some(block) = blocks.get_mut(&(number / BLOCK)) else {
            return;
        };
        if block.len() == 1 {
            blocks.remove(&(number / BLOCK));
        } else {
            Arc::make_mut(block).retain(|kept| kept.number != number);
        }
        self.length = self.length.saturating_sub(1);
    }

    /// How many ‖ per key: number (u32) ‖ since (u64) ‖ key (32).
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        put_count(out, self.length);
        for kept in self.blocks.values().flat_map(|block| block.iter()) {
            out.extend_from_slice(&kept.number.to_be_bytes());
            out.extend_from_slice(&kept.since_ms.to_be_bytes());
            out.extend_from_slice(kept.key.as_bytes());
        }
    }

    /// Reads [`Self::put`]; every number lies below `next` and above the one before.
    pub(crate) fn read(reader: &mut Reader<'_>, next: u32) -> Result<Self, Malformed> {
        let count = usize::from(reader.u16()?);
        if count > SKIPPED_KEYS_MAX {
            return Err(Malformed);
        }
        let mut keys = Self::default();
        let mut above = None;
        for _ in 0..count {
            let number = reader.u32()?;
            if number >= next || above.is_some_and(|above| number <= above) {
                return Err(Malformed);
            }
            above = Some(number);
            let since_ms = reader.u64()?;
            keys.add(number, MessageKey::from_bytes(reader.array()?), since_ms);
        }
        Ok(keys)
    }

    /// Blocks of `self` that `other` does not share.
    #[cfg(test)]
    pub(crate) fn blocks_not_shared_with(&self, other: &Self) -> usize {
        let shared = |number: &u32, block: &Arc<Vec<SkippedKey>>| {
            other
                .blocks
                .get(number)
                .is_some_and(|theirs| Arc::ptr_eq(theirs, block))
        };
        self.blocks
            .iter()
            .filter(|(number, block)| !shared(number, block))
            .count()
    }
}
