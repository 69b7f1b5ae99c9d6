//! X3DH: one shared secret from the keys that a device left with the server.
//!
//! ```text
//! DH1 = DH(identity of the initiator, signed prekey)
//! DH2 = DH(ephemeral key,             identity of the responder)
//! DH3 = DH(ephemeral key,             signed prekey)
//! DH4 = DH(ephemeral key,             one-time prekey)        if there was one
//! SK  = HKDF-SHA256(salt 32 × 0, 32 × 0xFF ‖ DH1 ‖ DH2 ‖ DH3 ‖ DH4)
//! ```
//! Identities are Ed25519 keys, converted to Montgomery form for the agreements.

use std::fmt;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use chat_verify::{DeviceKey, PrekeyBundle, PrekeyPublic};

use crate::agreement::{KeyPair, NotContributory};
use crate::encoding::{Malformed, Presence, Reader};
use crate::kdf::hkdf;
use crate::keys::{DeviceSecret, PrekeySecret};
use crate::labels;
use crate::secret::secret_key;

secret_key! {
    /// What X3DH gives, 32 bytes, and nothing else mixed in: a post-quantum secret
    /// is combined with it afterwards, so that X3DH can be proven against others'.
    pub(crate) struct SharedSecret;
}

/// What the initiator says of the agreement, in front of every message until the
/// first reply.
///
/// Device key (32) ‖ ephemeral key (32) ‖ signed prekey id (u32) ‖ 0, or 1 ‖
/// one-time prekey id (u32). 69 or 73 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct FirstHeader {
    /// Bytes only: the reader compares them with a key that was checked.
    pub(crate) device_key: [u8; 32],
    /// The ephemeral key. It names the session, "base key" elsewhere.
    pub(crate) base: PrekeyPublic,
    pub(crate) signed_id: u32,
    pub(crate) one_time_id: Option<u32>,
}

impl FirstHeader {
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.device_key);
        out.extend_from_slice(self.base.as_bytes());
        out.extend_from_slice(&self.signed_id.to_be_bytes());
        match self.one_time_id {
            None => out.push(0),
            Some(id) => {
                out.push(1);
                out.extend_from_slice(&id.to_be_bytes());
            }
        }
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self {
            device_key: reader.array()?,
            base: PrekeyPublic::try_from(reader.array::<32>()?).map_err(|_| Malformed)?,
            signed_id: reader.u32()?,
            one_time_id: match reader.presence()? {
                Presence::Absent => None,
                Presence::Present => Some(reader.u32()?),
            },
        })
    }
}

impl fmt::Debug for FirstHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstHeader")
            .field("base", &self.base)
            .field("signed_id", &self.signed_id)
            .field("one_time_id", &self.one_time_id)
            .finish_non_exhaustive()
    }
}

/// The initiator's side. The bundle's signature was checked when it was made (X2).
///
/// The ephemeral secret and every agreement are wiped when this returns (X4).
pub(crate) fn initiate(
    rng: &mut (impl CryptoRng + ?Sized),
    own: &DeviceSecret,
    bundle: &PrekeyBundle,
) -> Result<(SharedSecret, FirstHeader), NotContributory> {
    let ephemeral = KeyPair::generate(rng);
    let signed = bundle.signed().public.as_bytes();
    let mut agreed = Agreed::new();
    agreed.add(&own.agree(signed)?);
    agreed.add(&ephemeral.agree(&bundle.device_key().to_montgomery())?);
    agreed.add(&ephemeral.agree(signed)?);
    if let Some((_, one_time)) = bundle.one_time() {
        agreed.add(&ephemeral.agree(one_time.as_bytes())?);
    }
    let header = FirstHeader {
        device_key: *own.public().as_bytes(),
        base: *ephemeral.public(),
        signed_id: bundle.signed().id,
        one_time_id: bundle.one_time().map(|(id, _)| id),
    };
    Ok((agreed.secret(), header))
}

/// The responder's side, with the prekeys that the header names.
pub(crate) fn respond(
    own: &DeviceSecret,
    signed: &PrekeySecret,
    one_time: Option<&PrekeySecret>,
    initiator: &DeviceKey,
    base: &PrekeyPublic,
) -> Result<SharedSecret, NotContributory> {
    let mut agreed = Agreed::new();
    agreed.add(&signed.pair().agree(&initiator.to_montgomery())?);
    agreed.add(&own.agree(base.as_bytes())?);
    agreed.add(&signed.pair().agree(base.as_bytes())?);
    if let Some(one_time) = one_time {
        agreed.add(&one_time.pair().agree(base.as_bytes())?);
    }
    Ok(agreed.secret())
}

/// The input of the derivation: 32 × 0xFF, then every agreement in its order.
struct Agreed(Zeroizing<Vec<u8>>);

impl Agreed {
    /// Begins with bytes that are no valid coordinate, as the specification asks, so
    /// that the input is never one of XEdDSA's.
    fn new() -> Self {
        // Room for all of them, so that no copy stays behind where a vector grew.
        let mut bytes = Zeroizing::new(Vec::with_capacity(160));
        bytes.extend_from_slice(&[0xff; 32]);
        Self(bytes)
    }

    fn add(&mut self, agreement: &Zeroizing<[u8; 32]>) {
        self.0.extend_from_slice(&agreement[..]);
    }

    fn secret(self) -> SharedSecret {
        SharedSecret::from_bytes(*hkdf(&[0; 32], &self.0, labels::X3DH))
    }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;
    use serde_json::Value;

    use chat_protocol::{AccountId, DeviceId};

    use crate::address::{Address, AssociatedData};

    use super::*;

    /// Vectors of an implementation that is not ours; see `vectors/README.md`.
    fn cases() -> Vec<Value> {
        let file: Value =
            serde_json::from_str(include_str!("../vectors/x3dh-1.json")).expect("JSON");
        file["cases"].as_array().expect("a list").clone()
    }

    fn bytes<const N: usize>(text: &Value) -> [u8; N] {
        hex::decode(text.as_str().expect("text"))
            .expect("hex")
            .try_into()
            .expect("of that length")
    }

    fn prekey(stored: &Value) -> PrekeySecret {
        PrekeySecret::from_bytes(bytes(&stored["secret"]))
    }

    #[test]
    fn x1_the_shared_secret_is_what_another_implementation_computes() {
        for case in cases() {
            let initiator = DeviceSecret::from_bytes(bytes(&case["initiator"]["identity_secret"]));
            let responder = DeviceSecret::from_bytes(bytes(&case["responder"]["identity_secret"]));
            let signed = prekey(&case["signed_prekey"]);
            let one_time = &case["one_time_prekey"];
            let one_time = (!one_time.is_null()).then(|| prekey(one_time));
            let ephemeral = PrekeySecret::from_bytes(bytes(&case["ephemeral_secret"])).public();
            let secret = respond(
                &responder,
                &signed,
                one_time.as_ref(),
                &initiator.public(),
                &ephemeral,
            )
            .expect("good keys");
            assert_eq!(*secret.as_bytes(), bytes(&case["shared_secret"]));
        }
    }

    #[test]
    fn x1_both_sides_compute_the_same() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let (alice, bob) = (
            DeviceSecret::from_bytes([1; 32]),
            DeviceSecret::from_bytes([2; 32]),
        );
        let (signed, one_time) = (
            PrekeySecret::generate(&mut rng),
            PrekeySecret::generate(&mut rng),
        );
        let device = DeviceId::from_bytes([3; 16]);
        let published = crate::keys::sign_prekey(device, &bob, 7, &signed);
        let mut secrets = Vec::new();
        for offered in [None, Some((9, one_time.public()))] {
            let bundle = PrekeyBundle::verify(device, bob.public(), published, offered)
                .expect("signed a moment ago");
            let (ours, header) = initiate(&mut rng, &alice, &bundle).expect("good keys");
            assert_eq!(header.one_time_id, offered.map(|(id, _)| id));
            let used = offered.map(|_| &one_time);
            let theirs =
                respond(&bob, &signed, used, &alice.public(), &header.base).expect("good keys");
            assert_eq!(ours, theirs);
            secrets.push(ours);
        }
        assert_ne!(secrets[0], secrets[1]);
    }

    #[test]
    fn x3_associated_data_is_what_another_implementation_computes() {
        let side = |side: &Value| Address {
            account: AccountId::from_bytes(bytes(&side["account"])),
            device: DeviceId::from_bytes(bytes(&side["device"])),
            key: DeviceSecret::from_bytes(bytes(&side["identity_secret"])).public(),
        };
        for case in cases() {
            let made = AssociatedData::new(&side(&case["initiator"]), &side(&case["responder"]));
            assert_eq!(*made.as_bytes(), bytes(&case["associated_data"]));
        }
    }
}
