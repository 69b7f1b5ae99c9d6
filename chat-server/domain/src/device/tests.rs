use chat_protocol::frame::DeviceSetup;
use chat_verify::prekey::signed_prekey_bytes;
use chat_verify::{
    AccountKey, Device, DeviceKey, DeviceListEntry, PrekeyPublic, label, signed_bytes,
};
use ed25519_dalek::{Signer as _, SigningKey};

use super::*;

const ACCOUNT: AccountId = AccountId::from_bytes([1; 16]);
const DEVICE: DeviceId = DeviceId::from_bytes([2; 16]);

fn account_secret() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

fn device_secret() -> SigningKey {
    SigningKey::from_bytes(&[4; 32])
}

fn sign(secret: &SigningKey, label: &[u8], bytes: &[u8]) -> bytes::Bytes {
    let signature = secret.sign(&signed_bytes(label, bytes)).to_bytes();
    bytes::Bytes::copy_from_slice(&signature)
}

fn entry(devices: &[(DeviceId, &SigningKey)]) -> frame::SignedEntry {
    let account_key = account_secret().verifying_key().to_bytes();
    let devices = devices
        .iter()
        .map(|(id, secret)| Device {
            id: *id,
            key: DeviceKey::try_from(&secret.verifying_key().to_bytes()[..]).unwrap(),
        })
        .collect();
    let bytes = DeviceListEntry {
        account: ACCOUNT,
        account_key: AccountKey::try_from(&account_key[..]).unwrap(),
        seq: 0,
        previous: [0; 32],
        devices,
    }
    .to_bytes();
    frame::SignedEntry {
        signature: sign(&account_secret(), label::DEVICE_LIST_ENTRY, &bytes),
        bytes: bytes.into(),
    }
}

fn signed_prekey(secret: &SigningKey) -> frame::SignedPrekey {
    let public = PrekeyPublic::try_from([9; 32]).unwrap();
    let bytes = signed_prekey_bytes(DEVICE, 7, &public);
    frame::SignedPrekey {
        id: 7,
        public: bytes::Bytes::copy_from_slice(public.as_bytes()),
        signature: sign(secret, label::SIGNED_PREKEY, &bytes),
    }
}

fn one_time(id: u32) -> frame::OneTimePrekey {
    frame::OneTimePrekey {
        id,
        public: bytes::Bytes::from_static(&[8; 32]),
    }
}

fn setup() -> DeviceSetup {
    DeviceSetup {
        version: 1,
        account: ACCOUNT.to_bytes(),
        device: DEVICE.to_bytes(),
        device_list: Some(entry(&[(DEVICE, &device_secret())])),
        prekeys: Some(frame::Prekeys {
            signed: Some(signed_prekey(&device_secret())),
            one_time: vec![one_time(1), one_time(2)],
        }),
    }
}

fn broken(change: impl FnOnce(&mut DeviceSetup)) -> DeviceSetupError {
    let mut setup = setup();
    change(&mut setup);
    NewDevice::verify(&setup).expect_err("a broken setup is refused")
}

fn prekeys(setup: &mut DeviceSetup) -> &mut frame::Prekeys {
    setup.prekeys.as_mut().expect("the setup has prekeys")
}

#[test]
fn a_setup_that_holds_is_taken() {
    let device = NewDevice::verify(&setup()).unwrap();
    assert_eq!((device.account, device.device), (ACCOUNT, DEVICE));
    assert_eq!(device.prekeys.one_time.len(), 2);
    assert!(device.prekeys.signed.is_some());
}

#[test]
fn another_version_is_refused() {
    let error = broken(|setup| setup.version = 2);
    assert_eq!(error, DeviceSetupError::Version(2));
    assert_eq!(error.code(), ErrorCode::UnsupportedVersion);
}

#[test]
fn what_is_missing_is_named() {
    let error = broken(|setup| setup.device_list = None);
    assert_eq!(error, DeviceSetupError::Missing("device list"));
    let error = broken(|setup| prekeys(setup).signed = None);
    assert_eq!(error, DeviceSetupError::Missing("signed prekey"));
    assert_eq!(error.code(), ErrorCode::MalformedRequest);
}

#[test]
fn a_list_of_another_account_is_refused() {
    let error = broken(|setup| setup.account = AccountId::from_bytes([5; 16]).to_bytes());
    assert_eq!(
        error,
        DeviceSetupError::DeviceList(DeviceListError::Account)
    );
    assert_eq!(error.code(), ErrorCode::KeysInvalid);
}

#[test]
fn a_list_that_the_account_key_did_not_sign_is_refused() {
    let error = broken(|setup| {
        let entry = setup.device_list.as_mut().expect("the setup has a list");
        entry.signature = sign(&device_secret(), label::DEVICE_LIST_ENTRY, &entry.bytes);
    });
    assert!(matches!(
        error,
        DeviceSetupError::DeviceList(DeviceListError::Signature(_))
    ));
}

#[test]
fn a_list_with_another_device_is_refused() {
    let other = DeviceId::from_bytes([6; 16]);
    let error = broken(|setup| setup.device_list = Some(entry(&[(other, &device_secret())])));
    assert_eq!(error, DeviceSetupError::OtherDevice);
    let error = broken(|setup| {
        setup.device_list = Some(entry(&[
            (DEVICE, &device_secret()),
            (other, &account_secret()),
        ]));
    });
    assert_eq!(error, DeviceSetupError::OtherDevice);
}

#[test]
fn a_prekey_that_the_device_did_not_sign_is_refused() {
    let error = broken(|setup| prekeys(setup).signed = Some(signed_prekey(&account_secret())));
    assert!(matches!(
        error,
        DeviceSetupError::Prekeys(NewPrekeysError::Signature(_))
    ));
}

#[test]
fn prekeys_have_a_number_each_and_a_limit() {
    let error = broken(|setup| prekeys(setup).one_time = vec![one_time(1), one_time(1)]);
    assert_eq!(error, DeviceSetupError::Prekeys(NewPrekeysError::Twice));
    let error = broken(|setup| prekeys(setup).one_time = (0..201).map(one_time).collect());
    assert_eq!(error, DeviceSetupError::Prekeys(NewPrekeysError::TooMany));
    assert_eq!(error.code(), ErrorCode::LimitExceeded);
}
