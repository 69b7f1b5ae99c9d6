//! Sealing what is queued: for whom, in which sessions, and the frame of it.

use std::collections::BTreeMap;

use prost::Message as _;

use chat_crypto::{Address, BodyContext, MessageKeyPayload, seal_body};
use chat_protocol::frame::{self, client_frame};
use chat_protocol::{AccountId, DeviceId, MessageKind};
use chat_verify::{DeviceKey, PrekeyBundle, PrekeyPublic, Signature, SignedPrekey};

use super::{SEALINGS_MAX, Stage, StoredItem};
use crate::api::{Failure, FailureCode};
use crate::content::NewContent;
use crate::machine::Machine;
use crate::request::Ask;
use crate::turn::Turn;

impl Machine {
    /// The devices that a message of a conversation is sealed for: all of the
    /// peer's and our own others. `None` while something has to be fetched.
    fn recipients(&mut self, turn: &mut Turn<'_>, peer: AccountId) -> Option<Vec<Address>> {
        let Some(list) = self.peers.get(&peer).and_then(|peer| peer.list.as_ref()) else {
            self.ask_device_list(turn, peer);
            return None;
        };
        let own = self.own.address.device;
        let addresses = [list, &self.own.list]
            .into_iter()
            .flat_map(|list| {
                let account = list.latest().account;
                list.latest().devices.iter().map(move |device| Address {
                    account,
                    device: device.id,
                    key: device.key,
                })
            })
            .filter(|address| address.device != own)
            .collect();
        Some(addresses)
    }

    /// Whether there is a session to seal in for each device. Loads and claims
    /// what is missing.
    fn sessions_ready(&mut self, turn: &mut Turn<'_>, addresses: &[Address]) -> bool {
        let mut ready = true;
        let mut missing: BTreeMap<AccountId, Vec<DeviceId>> = BTreeMap::new();
        for address in addresses {
            match self.sessions_with(turn, address.device) {
                None => ready = false,
                Some(sessions) if !sessions.can_send() => {
                    ready = false;
                    missing
                        .entry(address.account)
                        .or_default()
                        .push(address.device);
                }
                Some(_) => {}
            }
        }
        for (account, devices) in missing {
            self.ask_once(turn, Ask::ClaimPrekeys { account, devices });
        }
        ready
    }

    pub(super) fn seal(&mut self, turn: &mut Turn<'_>, order: u64) -> bool {
        let Some(item) = self.outbox.items.get(&order) else {
            return false;
        };
        let stored = item.stored.clone();
        let too_often = item.sealings >= SEALINGS_MAX;
        let Some(peer) = self
            .conversations
            .get(&stored.conversation)
            .map(|here| here.peer)
        else {
            return false;
        };
        let refusal = self.peers.get(&peer).and_then(|peer| peer.refused.clone());
        if let Some(reason) = refusal {
            let failure = Failure {
                code: FailureCode::NotVerified,
                reason: None,
                message: reason,
            };
            self.fail(turn, order, &failure);
            return false;
        }
        if too_often {
            let message = "The server keeps refusing the recipients' devices without showing \
                           newer ones. Try again later, or ask its administrator."
                .to_owned();
            let failure = Failure {
                code: FailureCode::Refused,
                reason: None,
                message,
            };
            self.fail(turn, order, &failure);
            return false;
        }
        let Some(addresses) = self.recipients(turn, peer) else {
            return false;
        };
        if !self.sessions_ready(turn, &addresses) {
            return false;
        }
        self.seal_for(turn, order, stored, peer, &addresses)
    }

    fn seal_for(
        &mut self,
        turn: &mut Turn<'_>,
        order: u64,
        mut stored: StoredItem,
        peer: AccountId,
        addresses: &[Address],
    ) -> bool {
        let Some(conversation) = self.conversations.get(&stored.conversation) else {
            return false;
        };
        let plaintext = NewContent {
            text: &stored.text,
            sent_at_ms: stored.created_ms,
            seen_seq: conversation.head_seq,
            seen_head: conversation.head,
            list_seq: self.own.list.latest().seq,
            list_hash: self.own.list.hash(),
        }
        .encode();
        let context = BodyContext {
            conversation: stored.conversation,
            message_id: stored.message_id,
            sender: self.own.account,
            sender_device: self.own.address.device,
        };
        let (body, content_key) = seal_body(&mut turn.rng, &context, &plaintext);
        let payload = MessageKeyPayload::new(&content_key, &body);
        let mut keys = Vec::with_capacity(addresses.len());
        for address in addresses {
            let Some(sessions) = self.sessions_with(turn, address.device).cloned() else {
                return false;
            };
            let Ok((sealed, next)) = sessions.seal(&mut turn.rng, &payload.to_bytes()) else {
                // A session that cannot seal any more receives only: the next
                // attempt begins a new one.
                self.commit_sessions(turn, address.device, sessions.retired());
                return false;
            };
            self.commit_sessions(turn, address.device, next);
            keys.push(frame::KeyEnvelope {
                device: address.device.to_bytes(),
                sealed: sealed.into(),
            });
        }
        let lists = [
            self.peers.get(&peer).and_then(|peer| peer.list.as_ref()),
            Some(&self.own.list),
        ];
        let known_lists = lists
            .into_iter()
            .flatten()
            .map(|list| frame::KnownDeviceList {
                account: list.latest().account.to_bytes(),
                seq: list.latest().seq,
            })
            .collect();
        let send = frame::Send {
            conversation: stored.conversation.to_bytes(),
            message_id: stored.message_id.to_bytes(),
            kind: u32::from(MessageKind::Content.number()),
            body: body.into(),
            keys,
            known_lists,
        };
        let frame = frame::ClientFrame {
            frame: Some(client_frame::Frame::Send(send)),
        };
        stored.stage = Stage::Sealed {
            frame: frame.encode_to_vec(),
            content_key: content_key.to_bytes(),
        };
        turn.out.put(stored.to_record(order));
        if let Some(item) = self.outbox.items.get_mut(&order) {
            item.stored = stored;
            item.sealings += 1;
        }
        true
    }

    /// Prekey bundles came in: each is verified under the key that the device
    /// list names before anything is computed with it.
    pub(crate) fn on_bundles(
        &mut self,
        turn: &mut Turn<'_>,
        account: AccountId,
        wanted: &[DeviceId],
        served: &frame::PrekeyBundles,
    ) {
        for device in wanted {
            let bundle = served
                .bundles
                .iter()
                .find(|bundle| bundle.device == device.as_bytes()[..]);
            let begun = match bundle {
                Some(bundle) => self.begin_session(turn, account, *device, bundle),
                None => Err("The server has no prekeys of one of their devices.".to_owned()),
            };
            if let Err(message) = begun {
                let failure = Failure {
                    code: FailureCode::NotVerified,
                    reason: None,
                    message,
                };
                return self.fail_outbox_of(turn, account, &failure);
            }
        }
    }

    fn begin_session(
        &mut self,
        turn: &mut Turn<'_>,
        account: AccountId,
        device: DeviceId,
        served: &frame::PrekeyBundle,
    ) -> Result<(), String> {
        let list = if account == self.own.account {
            Some(&self.own.list)
        } else {
            self.peers.get(&account).and_then(|peer| peer.list.as_ref())
        };
        let Some(key) = list.and_then(|list| list.device_key(device)).copied() else {
            // The list moved on while the answer was under way: sealing looks again.
            return Ok(());
        };
        let bundle = read_bundle(device, key, served).ok_or_else(|| {
            let name = self.person(account).name;
            format!(
                "The server gave prekeys for {name} that their device did not sign. Somebody may \
                 be between you; nothing was sent."
            )
        })?;
        let Some(sessions) = self.sessions_with(turn, device).cloned() else {
            return Ok(());
        };
        let peer = Address {
            account,
            device,
            key,
        };
        let next = sessions
            .begin(
                &mut turn.rng,
                &self.own.device_secret,
                &self.own.address,
                &peer,
                &bundle,
                turn.now_ms,
            )
            .map_err(|error| format!("No encrypted session could be opened: {error}."))?;
        self.commit_sessions(turn, device, next);
        Ok(())
    }
}

fn read_bundle(
    device: DeviceId,
    key: DeviceKey,
    served: &frame::PrekeyBundle,
) -> Option<PrekeyBundle> {
    let signed = served.signed.as_ref()?;
    let signed = SignedPrekey {
        id: signed.id,
        public: PrekeyPublic::try_from(&signed.public[..]).ok()?,
        signature: Signature::try_from(&signed.signature[..]).ok()?,
    };
    let one_time = match &served.one_time {
        Some(prekey) => Some((prekey.id, PrekeyPublic::try_from(&prekey.public[..]).ok()?)),
        None => None,
    };
    PrekeyBundle::verify(device, key, signed, one_time).ok()
}
