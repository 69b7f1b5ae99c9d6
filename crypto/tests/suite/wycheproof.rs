//! Project Wycheproof's vectors for every primitive in use, and the RFCs' own.

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, Nonce};
use ed25519_dalek::{Signature, VerifyingKey};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use wycheproof::TestResult;
use x25519_dalek::{PublicKey, StaticSecret};

#[test]
fn x25519_agrees_with_wycheproof() {
    let set = wycheproof::xdh::TestSet::load(wycheproof::xdh::TestName::X25519).expect("vectors");
    let mut count = 0;
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let (Ok(public), Ok(private)) = (
            <[u8; 32]>::try_from(&test.public_key[..]),
            <[u8; 32]>::try_from(&test.private_key[..]),
        ) else {
            assert_ne!(test.result, TestResult::Valid, "test {}", test.tc_id);
            continue;
        };
        let shared = StaticSecret::from(private).diffie_hellman(&PublicKey::from(public));
        assert_eq!(
            shared.as_bytes()[..],
            test.shared_secret[..],
            "test {}",
            test.tc_id
        );
        count += 1;
    }
    assert!(count > 500, "{count} tests");
}

#[test]
fn ed25519_agrees_with_wycheproof() {
    let set =
        wycheproof::eddsa::TestSet::load(wycheproof::eddsa::TestName::Ed25519).expect("vectors");
    let mut count = 0;
    for group in set.test_groups {
        let key = <[u8; 32]>::try_from(&group.key.pk[..]).expect("an Ed25519 key");
        let key = VerifyingKey::from_bytes(&key).expect("a point");
        for test in group.tests {
            let holds = Signature::from_slice(&test.sig)
                .is_ok_and(|signature| key.verify_strict(&test.msg, &signature).is_ok());
            assert_eq!(
                holds,
                test.result == TestResult::Valid,
                "test {}",
                test.tc_id
            );
            count += 1;
        }
    }
    assert!(count > 100, "{count} tests");
}

#[test]
fn hkdf_agrees_with_wycheproof() {
    let set =
        wycheproof::hkdf::TestSet::load(wycheproof::hkdf::TestName::HkdfSha256).expect("vectors");
    let mut count = 0;
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let mut out = vec![0; test.size];
        let expanded =
            Hkdf::<Sha256>::new(Some(&test.salt), &test.ikm).expand(&test.info, &mut out);
        assert_eq!(
            expanded.is_ok(),
            test.result == TestResult::Valid,
            "test {}",
            test.tc_id
        );
        if expanded.is_ok() {
            assert_eq!(out, test.okm[..], "test {}", test.tc_id);
        }
        count += 1;
    }
    assert!(count > 80, "{count} tests");
}

#[test]
fn hmac_agrees_with_wycheproof() {
    let set =
        wycheproof::mac::TestSet::load(wycheproof::mac::TestName::HmacSha256).expect("vectors");
    let mut count = 0;
    for group in set.test_groups {
        for test in group.tests {
            let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(&test.key)
                .expect("HMAC takes keys of every length");
            mac.update(&test.msg);
            // Wycheproof cuts some tags short; this project never does (C8).
            let tag = mac.finalize().into_bytes();
            let holds = tag[..test.tag.len()] == test.tag[..];
            assert_eq!(
                holds,
                test.result == TestResult::Valid,
                "test {}",
                test.tc_id
            );
            count += 1;
        }
    }
    assert!(count > 100, "{count} tests");
}

#[test]
fn chacha20_poly1305_agrees_with_wycheproof() {
    let set = wycheproof::aead::TestSet::load(wycheproof::aead::TestName::ChaCha20Poly1305)
        .expect("vectors");
    let mut count = 0;
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let Ok(nonce) = <[u8; 12]>::try_from(&test.nonce[..]) else {
            // A nonce of another length is not even a value here.
            assert_ne!(test.result, TestResult::Valid, "test {}", test.tc_id);
            continue;
        };
        let cipher = ChaCha20Poly1305::new_from_slice(&test.key).expect("a key of 32 bytes");
        let sealed = [&test.ct[..], &test.tag[..]].concat();
        let opened = cipher.decrypt(
            &Nonce::from(nonce),
            Payload {
                msg: &sealed,
                aad: &test.aad,
            },
        );
        assert_eq!(
            opened.is_ok(),
            test.result == TestResult::Valid,
            "test {}",
            test.tc_id
        );
        if let Ok(opened) = opened {
            assert_eq!(opened, test.pt[..], "test {}", test.tc_id);
            let again = cipher
                .encrypt(
                    &Nonce::from(nonce),
                    Payload {
                        msg: &test.pt,
                        aad: &test.aad,
                    },
                )
                .expect("short enough");
            assert_eq!(again, sealed, "test {}", test.tc_id);
        }
        count += 1;
    }
    assert!(count > 250, "{count} tests");
}

#[test]
fn x25519_gives_what_rfc_7748_says() {
    // Section 6.1.
    let bytes = |text: &str| <[u8; 32]>::try_from(hex::decode(text).expect("hex")).expect("32");
    let alice =
        bytes("77076d0a7318a57d3c16c17251b26645df1f2faa8d2d8a6e1a4c6dc8a35c2a4d").map(|byte| byte);
    let alice_public = PublicKey::from(&StaticSecret::from(alice)).to_bytes();
    let bob = bytes("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    let bob_public = PublicKey::from(&StaticSecret::from(bob)).to_bytes();
    assert_eq!(
        hex::encode(bob_public),
        "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
    );
    let shared = StaticSecret::from(alice).diffie_hellman(&PublicKey::from(bob_public));
    let again = StaticSecret::from(bob).diffie_hellman(&PublicKey::from(alice_public));
    assert_eq!(shared.as_bytes(), again.as_bytes());
}

#[test]
fn hkdf_gives_what_rfc_5869_says() {
    // Appendix A.1.
    let salt = hex::decode("000102030405060708090a0b0c").expect("hex");
    let info = hex::decode("f0f1f2f3f4f5f6f7f8f9").expect("hex");
    let mut out = [0; 42];
    Hkdf::<Sha256>::new(Some(&salt), &[0x0b; 22])
        .expand(&info, &mut out)
        .expect("short enough");
    assert_eq!(
        hex::encode(out),
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    );
}

#[test]
fn ed25519_gives_what_rfc_8032_says() {
    // Section 7.1, TEST 1: the empty message.
    let seed = hex::decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
        .expect("hex");
    let key = ed25519_dalek::SigningKey::from_bytes(&seed.try_into().expect("32 bytes"));
    let signature = ed25519_dalek::Signer::sign(&key, b"");
    assert_eq!(
        hex::encode(signature.to_bytes()),
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    );
}
