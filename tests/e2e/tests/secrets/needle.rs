//! Something to search for, in the forms in which it might have been written.

use std::collections::HashMap;

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A secret with its name.
pub struct Needle {
    name: String,
    forms: Vec<Vec<u8>>,
}

impl Needle {
    pub fn new(name: &str, secret: &[u8]) -> Self {
        let mut forms = vec![
            secret.to_vec(),
            hex::encode(secret).into_bytes(),
            hex::encode_upper(secret).into_bytes(),
            numbers(secret, ","),
            numbers(secret, ", "),
        ];
        for offset in 0..3 {
            forms.push(base64_within(&STANDARD_NO_PAD, secret, offset));
            forms.push(base64_within(&URL_SAFE_NO_PAD, secret, offset));
        }
        Self {
            name: name.to_owned(),
            forms,
        }
    }

    /// Raw, hexadecimal, number arrays, base64 at each place in its groups.
    pub fn forms(&self) -> &[Vec<u8>] {
        &self.forms
    }
}

fn numbers(secret: &[u8], between: &str) -> Vec<u8> {
    let numbers: Vec<String> = secret.iter().map(u8::to_string).collect();
    numbers.join(between).into_bytes()
}

/// What base64 makes of a secret that stands `offset` bytes into something: the
/// digits that depend on the secret alone.
fn base64_within(engine: &impl base64::Engine, secret: &[u8], offset: usize) -> Vec<u8> {
    let mut bytes = vec![0; offset];
    bytes.extend_from_slice(secret);
    let encoded = engine.encode(&bytes);
    let first = (offset * 8).div_ceil(6);
    let last = bytes.len() * 8 / 6;
    encoded.as_bytes()[first..last].to_vec()
}

/// How many bytes of a form are looked up before the whole is compared.
const PREFIX: usize = 8;

/// The places in `haystack` where a needle stands. One pass, however many there
/// are: a table of two bytes passes over nearly everything, and the first bytes
/// of each form are looked up for the rest.
pub fn find(needles: &[Needle], place: &str, haystack: &[u8]) -> Vec<String> {
    let mut begins = vec![false; 1 << 16];
    let mut table: HashMap<&[u8], Vec<(&Needle, usize)>> = HashMap::new();
    for needle in needles {
        for (number, form) in needle.forms.iter().enumerate() {
            begins[usize::from(u16::from_be_bytes([form[0], form[1]]))] = true;
            table
                .entry(&form[..PREFIX])
                .or_default()
                .push((needle, number));
        }
    }
    let mut found = Vec::new();
    for (at, window) in haystack.windows(PREFIX).enumerate() {
        if !begins[usize::from(u16::from_be_bytes([window[0], window[1]]))] {
            continue;
        }
        for (needle, number) in table.get(window).into_iter().flatten() {
            if haystack[at..].starts_with(&needle.forms[*number]) {
                found.push(format!(
                    "{} (form {number}) in {place} at {at}",
                    needle.name
                ));
            }
        }
    }
    found
}
