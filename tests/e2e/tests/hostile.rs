//! A server that lies about keys: both clients refuse, or show different numbers.
//!
//! A proxy stands between the real command line and the real server and changes
//! what the server says, as a server that was broken into would.

#[path = "hostile/proxy.rs"]
mod proxy;

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use chat_crypto::{AccountSecret, DeviceSecret, PrekeySecret, sign_device_list, sign_prekey};
use chat_e2e::device::{Device, texts};
use chat_protocol::frame::{self, response, server_frame};
use chat_protocol::{AccountId, DeviceId};
use chat_testkit::server::For;
use chat_testkit::test_server::TestServer;
use chat_verify::{Device as ListedDevice, DeviceListEntry};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use serde_json::Value;

use proxy::Proxy;

/// Alice behind a lying proxy, bob behind another or none.
struct World {
    server: TestServer,
    _proxy: Proxy,
    alice: Device,
    bob: Device,
}

/// Both reach the server through the same lies.
fn both_behind(lie: impl Fn(&mut server_frame::Frame) + Send + Sync + 'static) -> Result<World> {
    let server = TestServer::start()?;
    let proxy = Proxy::start(server.address(), Arc::new(lie))?;
    let url = proxy.url();
    let alice = Device::register_at(&server, &url, "alice", &server.invite(For::Owner)?.code)?;
    let bob = Device::register_at(&server, &url, "bob", &server.invite(For::Member)?.code)?;
    Ok(World {
        server,
        _proxy: proxy,
        alice,
        bob,
    })
}

impl World {
    /// Both try to send; both must be refused with this code, and nothing of it
    /// may reach the other side.
    fn both_refuse(&self, code: &str) -> Result<()> {
        for (device, to) in [(&self.alice, "@bob"), (&self.bob, "@alice")] {
            let output = device.run(&self.server, &["send", to, "for your eyes only"])?;
            ensure!(
                !output.status.success(),
                "{} sent: {output:?}",
                device.name()
            );
            // A warning may come before it.
            let stderr = String::from_utf8(output.stderr.clone())?;
            let last = stderr.lines().last().context("an error is said")?;
            let error: Value = serde_json::from_str(last).with_context(|| format!("{output:?}"))?;
            assert_eq!(error["error"]["code"], code, "{error}");
            ensure!(output.stdout.is_empty(), "{output:?}");
        }
        for (device, from) in [(&self.alice, "@bob"), (&self.bob, "@alice")] {
            let output = device.run(&self.server, &["read", from])?;
            let read = String::from_utf8(output.stdout)?;
            let received = read.lines().any(|line| line.contains("\"received\""));
            ensure!(!received, "{} received {read}", device.name());
        }
        Ok(())
    }
}

fn bundles(frame: &mut server_frame::Frame) -> Option<&mut Vec<frame::PrekeyBundle>> {
    match frame {
        server_frame::Frame::Response(frame::Response {
            answer: Some(response::Answer::PrekeyBundles(bundles)),
            ..
        }) => Some(&mut bundles.bundles),
        _ => None,
    }
}

fn list(frame: &mut server_frame::Frame) -> Option<&mut frame::DeviceList> {
    match frame {
        server_frame::Frame::Response(frame::Response {
            answer: Some(response::Answer::DeviceList(list)),
            ..
        }) => Some(list),
        _ => None,
    }
}

#[test]
fn the_proxy_alone_changes_nothing() -> Result<()> {
    let world = both_behind(|_| {})?;
    world
        .alice
        .rows(&world.server, &["send", "@bob", "hello"])?;
    let read = world.bob.rows(&world.server, &["read", "@alice"])?;
    assert_eq!(texts(&read), ["hello"]);
    Ok(())
}

#[test]
fn a_prekey_of_the_attackers_is_refused() -> Result<()> {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let attacker = DeviceSecret::generate(&mut rng);
    let prekey = PrekeySecret::generate(&mut rng);
    let world = both_behind(move |frame| {
        for bundle in bundles(frame).into_iter().flatten() {
            let device = DeviceId::try_from(&bundle.device[..]).expect("a device id");
            let signed = sign_prekey(device, &attacker, 1, &prekey);
            bundle.signed = Some(frame::SignedPrekey {
                id: signed.id,
                public: signed.public.as_bytes().to_vec().into(),
                signature: signed.signature.as_bytes().to_vec().into(),
            });
        }
    })?;
    world.both_refuse("not_verified")
}

#[test]
fn an_old_prekey_under_another_number_is_refused() -> Result<()> {
    let world = both_behind(|frame| {
        for signed in bundles(frame)
            .into_iter()
            .flatten()
            .filter_map(|one| one.signed.as_mut())
        {
            signed.id += 1;
        }
    })?;
    world.both_refuse("not_verified")
}

#[test]
fn a_device_key_that_the_account_did_not_sign_is_refused() -> Result<()> {
    let attacker = DeviceSecret::generate(&mut ChaCha20Rng::seed_from_u64(2)).public();
    let world = both_behind(move |frame| {
        for entry in list(frame).into_iter().flat_map(|list| &mut list.entries) {
            // The device's key is the last 32 bytes of a list of one device.
            let mut bytes = entry.bytes.to_vec();
            let at = bytes.len() - 32;
            bytes[at..].copy_from_slice(attacker.as_bytes());
            entry.bytes = bytes.into();
        }
    })?;
    world.both_refuse("not_verified")
}

#[test]
fn a_whole_identity_of_the_attackers_shows_in_the_numbers() -> Result<()> {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let account_secret = AccountSecret::generate(&mut rng);
    let device_secret = DeviceSecret::generate(&mut rng);
    let prekey = PrekeySecret::generate(&mut rng);
    let device_key = device_secret.public();
    let world = both_behind(move |frame| {
        if let Some(list) = list(frame) {
            let account = AccountId::try_from(&list.account[..]).expect("an account id");
            for entry in &mut list.entries {
                let real = DeviceListEntry::from_bytes(&entry.bytes).expect("the real entry");
                let devices = real
                    .devices
                    .iter()
                    .take(1)
                    .map(|device| ListedDevice {
                        id: device.id,
                        key: device_key,
                    })
                    .collect();
                let forged = DeviceListEntry {
                    account,
                    account_key: account_secret.public(),
                    devices,
                    ..real
                };
                let signed = sign_device_list(&forged, &account_secret);
                entry.bytes = signed.bytes.into();
                entry.signature = signed.signature.as_bytes().to_vec().into();
            }
        }
        for bundle in bundles(frame).into_iter().flatten() {
            let device = DeviceId::try_from(&bundle.device[..]).expect("a device id");
            let signed = sign_prekey(device, &device_secret, 1, &prekey);
            bundle.signed = Some(frame::SignedPrekey {
                id: signed.id,
                public: signed.public.as_bytes().to_vec().into(),
                signature: signed.signature.as_bytes().to_vec().into(),
            });
        }
    })?;
    // All of it holds together: only the numbers can tell, and they do.
    let number = |device: &Device, with: &str| -> Result<Value> {
        Ok(device.rows(&world.server, &["verify", with])?[0]["safety_number"].clone())
    };
    let numbers = [number(&world.alice, "@bob")?, number(&world.bob, "@alice")?];
    ensure!(numbers.iter().all(Value::is_string), "{numbers:?}");
    assert_ne!(numbers[0], numbers[1]);
    // And without the attacker's keys in hand bob cannot read what was sent.
    world
        .alice
        .run(&world.server, &["send", "@bob", "to whom?"])?;
    let read = world.bob.run(&world.server, &["read", "@alice"])?;
    assert_eq!(read.status.code(), Some(5), "{read:?}");
    ensure!(
        !String::from_utf8_lossy(&read.stdout).contains("to whom?"),
        "{read:?}"
    );
    Ok(())
}
