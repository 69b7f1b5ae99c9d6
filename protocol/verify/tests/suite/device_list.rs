//! The chain of device lists: who may add to it, and what is a fork.

use chat_protocol::{AccountId, DeviceId, limits};
use chat_verify::{
    Device, DeviceList, DeviceListEntry, DeviceListError, SignatureError, SignedEntry,
};
use proptest::prelude::*;

use crate::signer::{Signer, account, device, first_entry};

fn begun(devices: &[u8]) -> DeviceList {
    let entry = Signer::new(100).sign_entry(&first_entry(devices));
    DeviceList::begin(account(), &entry).expect("a good first entry")
}

fn next_entry(list: &DeviceList, devices: &[u8]) -> DeviceListEntry {
    DeviceListEntry {
        seq: list.latest().seq + 1,
        previous: *list.hash(),
        devices: devices.iter().copied().map(device).collect(),
        ..list.latest().clone()
    }
}

const UNSIGNED: DeviceListError = DeviceListError::Signature(SignatureError::Invalid);

#[test]
fn a_list_begins_with_the_account_key_only() {
    assert_eq!(
        begun(&[2, 3]).device_key(device(3).id),
        Some(&device(3).key)
    );
    let by_a_device = Signer::new(2).sign_entry(&first_entry(&[2]));
    assert_eq!(DeviceList::begin(account(), &by_a_device), Err(UNSIGNED));
    let other = AccountId::from_bytes([9; 16]);
    let entry = Signer::new(100).sign_entry(&first_entry(&[2]));
    assert_eq!(
        DeviceList::begin(other, &entry),
        Err(DeviceListError::Account)
    );
}

#[test]
fn a_list_begins_at_its_beginning() {
    let account_key = Signer::new(100);
    let later = DeviceListEntry {
        seq: 1,
        ..first_entry(&[2])
    };
    let entry = account_key.sign_entry(&later);
    assert_eq!(
        DeviceList::begin(account(), &entry),
        Err(DeviceListError::Chain)
    );
    let follows = DeviceListEntry {
        previous: [1; 32],
        ..first_entry(&[2])
    };
    let entry = account_key.sign_entry(&follows);
    assert_eq!(
        DeviceList::begin(account(), &entry),
        Err(DeviceListError::Chain)
    );
}

#[test]
fn a_listed_device_adds_and_removes_devices() {
    let list = begun(&[2]);
    let list = list
        .append(&Signer::new(2).sign_entry(&next_entry(&list, &[2, 3])))
        .expect("device 2 adds device 3");
    let list = list
        .append(&Signer::new(3).sign_entry(&next_entry(&list, &[3])))
        .expect("device 3 removes device 2");
    assert_eq!(list.latest().seq, 2);
    assert_eq!(list.device_key(device(2).id), None);
}

#[test]
fn a_removed_device_cannot_sign_itself_back() {
    let list = begun(&[2, 3]);
    let list = list
        .append(&Signer::new(3).sign_entry(&next_entry(&list, &[3])))
        .expect("device 3 removes device 2");
    let back = Signer::new(2).sign_entry(&next_entry(&list, &[2, 3]));
    assert_eq!(list.append(&back), Err(UNSIGNED));
}

#[test]
fn nobody_but_a_listed_device_adds_an_entry() {
    let list = begun(&[2]);
    for stranger in [9, 3, 100] {
        // Not a stranger, not the device that would be added, not the account key.
        let entry = Signer::new(stranger).sign_entry(&next_entry(&list, &[2, 3]));
        assert_eq!(list.append(&entry), Err(UNSIGNED), "signer {stranger}");
    }
}

#[test]
fn forks_gaps_and_repeats_are_refused() {
    let list = begun(&[2]);
    let signer = Signer::new(2);
    let second = signer.sign_entry(&next_entry(&list, &[2, 3]));
    let longer = list.append(&second).expect("it follows");
    assert_eq!(
        longer.append(&second),
        Err(DeviceListError::Chain),
        "the same again"
    );
    let fork = signer.sign_entry(&next_entry(&list, &[2, 4]));
    assert_eq!(longer.append(&fork), Err(DeviceListError::Chain), "a fork");
    let gap = DeviceListEntry {
        seq: 3,
        ..next_entry(&longer, &[2])
    };
    assert_eq!(
        longer.append(&signer.sign_entry(&gap)),
        Err(DeviceListError::Chain),
        "a gap"
    );
    let cut = DeviceListEntry {
        previous: [7; 32],
        ..next_entry(&longer, &[2])
    };
    assert_eq!(
        longer.append(&signer.sign_entry(&cut)),
        Err(DeviceListError::Chain),
        "a cut"
    );
}

#[test]
fn account_and_account_key_never_change() {
    let list = begun(&[2]);
    let signer = Signer::new(2);
    let entry = DeviceListEntry {
        account: AccountId::from_bytes([9; 16]),
        ..next_entry(&list, &[2])
    };
    assert_eq!(
        list.append(&signer.sign_entry(&entry)),
        Err(DeviceListError::Account)
    );
    let entry = DeviceListEntry {
        account_key: Signer::new(101).account_key(),
        ..next_entry(&list, &[2])
    };
    assert_eq!(
        list.append(&signer.sign_entry(&entry)),
        Err(DeviceListError::AccountKey)
    );
}

#[test]
fn a_device_keeps_its_key() {
    let list = begun(&[2, 3]);
    let mut entry = next_entry(&list, &[2, 3]);
    entry.devices[1] = Device {
        id: device(3).id,
        key: device(4).key,
    };
    assert_eq!(
        list.append(&Signer::new(2).sign_entry(&entry)),
        Err(DeviceListError::DeviceKey)
    );
}

#[test]
fn a_changed_byte_or_signature_is_refused() {
    let good = Signer::new(100).sign_entry(&first_entry(&[2, 3]));
    for at in 0..good.bytes.len() {
        let mut entry = good.clone();
        entry.bytes[at] ^= 1;
        assert!(DeviceList::begin(account(), &entry).is_err(), "byte {at}");
    }
    let other = Signer::new(100).sign_entry(&first_entry(&[2]));
    let mixed = SignedEntry {
        bytes: good.bytes,
        signature: other.signature,
    };
    assert_eq!(DeviceList::begin(account(), &mixed), Err(UNSIGNED));
}

#[test]
fn devices_are_ascending_single_and_limited() {
    let encoded = |devices: Vec<Device>| {
        DeviceListEntry::from_bytes(
            &DeviceListEntry {
                devices,
                ..first_entry(&[])
            }
            .to_bytes(),
        )
    };
    assert!(encoded(vec![device(2), device(3)]).is_ok());
    let many: Vec<Device> = (1..=30).map(device).collect();
    assert!(encoded(many[..limits::DEVICES_PER_ACCOUNT].to_vec()).is_ok());
    let same_key = Device {
        id: DeviceId::from_bytes([9; 16]),
        key: device(2).key,
    };
    for devices in [
        vec![],
        vec![device(3), device(2)],
        vec![device(2), device(2)],
        vec![device(2), same_key],
        many[..=limits::DEVICES_PER_ACCOUNT].to_vec(),
    ] {
        assert_eq!(encoded(devices), Err(DeviceListError::Devices));
    }
}

proptest! {
    #[test]
    fn c7_no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = DeviceListEntry::from_bytes(&bytes);
    }

    #[test]
    fn c7_whatever_is_read_is_canonical(
        at in any::<prop::sample::Index>(),
        bits: u8,
        cut in 0..3_usize,
        more in prop::collection::vec(any::<u8>(), 0..3),
    ) {
        let mut bytes = first_entry(&[2, 3, 4]).to_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= bits;
        bytes.truncate(bytes.len() - cut);
        bytes.extend_from_slice(&more);
        if let Ok(entry) = DeviceListEntry::from_bytes(&bytes) {
            prop_assert_eq!(entry.to_bytes(), bytes);
        }
    }
}
