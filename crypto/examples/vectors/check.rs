//! Replays a file of vectors against chat-crypto's public interface.

use std::collections::VecDeque;
use std::convert::Infallible;

use chat_crypto::{Address, DeviceSecret, DeviceSessions, PrekeyLookup, PrekeySecret, sign_prekey};
use chat_protocol::{AccountId, DeviceId};
use chat_verify::{PrekeyBundle, PrekeyPublic, Signature, SignedPrekey};
use rand_core::{TryCryptoRng, TryRng};
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    format: u32,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    mode: String,
    initiator: Side,
    responder: Side,
    signed_prekey: Prekey,
    one_time_prekey: Option<Prekey>,
    ephemeral_secret: String,
    events: Vec<Event>,
}

#[derive(Deserialize)]
struct Side {
    account: String,
    device: String,
    identity_secret: String,
    identity_public: String,
}

#[derive(Deserialize)]
struct Prekey {
    id: u32,
    secret: String,
    public: String,
    signature: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Event {
    Send {
        send: Name,
        message: usize,
        ratchet_secret: Option<String>,
        salt: String,
        plaintext: String,
        ct: String,
    },
    Receive {
        receive: Name,
        message: usize,
    },
    Refuse {
        refuse: Name,
        refused_ct: String,
        reason: String,
    },
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Name {
    Initiator,
    Responder,
}

/// A generator that gives the bytes of the file, and says when they do not fit.
#[derive(Default)]
struct Scripted(VecDeque<Vec<u8>>);

impl TryRng for Scripted {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        // Zeros where the file has nothing of that length: the bytes then differ.
        match self.0.pop_front() {
            Some(bytes) if bytes.len() == out.len() => out.copy_from_slice(&bytes),
            _ => out.fill(0),
        }
        Ok(())
    }
}

impl TryCryptoRng for Scripted {}

struct Device {
    secret: DeviceSecret,
    address: Address,
    signed: Option<(u32, PrekeySecret)>,
    one_time: Option<(u32, PrekeySecret)>,
    sessions: DeviceSessions,
}

impl PrekeyLookup for Device {
    fn signed(&self, id: u32) -> Option<&PrekeySecret> {
        self.signed
            .as_ref()
            .filter(|(own, _)| *own == id)
            .map(|(_, secret)| secret)
    }

    fn one_time(&self, id: u32) -> Option<&PrekeySecret> {
        self.one_time
            .as_ref()
            .filter(|(own, _)| *own == id)
            .map(|(_, secret)| secret)
    }
}

/// Checks everything in `text`; the number of events that hold.
pub fn check(text: &str) -> Result<usize, String> {
    let file: File = serde_json::from_str(text).map_err(|error| format!("not a file: {error}"))?;
    if file.format != 1 {
        return Err(format!("format {} is not known", file.format));
    }
    let mut count = 0;
    for case in &file.cases {
        count += check_case(case).map_err(|error| format!("case \"{}\": {error}", case.name))?;
    }
    if count == 0 {
        Err("there is nothing in it".to_owned())
    } else {
        Ok(count)
    }
}

fn check_case(case: &Case) -> Result<usize, String> {
    if case.mode != "x3dh" {
        return Err(format!("mode {} is not known", case.mode));
    }
    let mut initiator = device(&case.initiator)?;
    let mut responder = device(&case.responder)?;
    let bundle = publish(case, &mut responder)?;
    let mut rng = Scripted(VecDeque::from([bytes(&case.ephemeral_secret)?]));
    initiator.sessions = DeviceSessions::empty()
        .begin(
            &mut rng,
            &initiator.secret,
            &initiator.address,
            &responder.address,
            &bundle,
            0,
        )
        .map_err(|error| format!("begin: {error}"))?;

    let mut sent: Vec<(&str, &str)> = Vec::new();
    for (at, event) in case.events.iter().enumerate() {
        let (own, peer) = match event.side() {
            Name::Initiator => (&mut initiator, responder.address),
            Name::Responder => (&mut responder, initiator.address),
        };
        let outcome = match event {
            Event::Send {
                message,
                plaintext,
                ct,
                ..
            } => {
                let in_order = *message == sent.len();
                sent.push((ct, plaintext));
                if in_order {
                    check_send(own, event)
                } else {
                    Err("out of order".to_owned())
                }
            }
            Event::Receive { message, .. } => match sent.get(*message) {
                Some((ct, plaintext)) => check_receive(own, &peer, ct, plaintext),
                None => Err("was never sent".to_owned()),
            },
            Event::Refuse {
                refused_ct, reason, ..
            } => check_refuse(own, &peer, refused_ct).map_err(|error| format!("{reason}: {error}")),
        };
        outcome.map_err(|error| format!("event {at}: {error}"))?;
    }
    Ok(case.events.len())
}

impl Event {
    fn side(&self) -> Name {
        match self {
            Self::Send { send: side, .. }
            | Self::Receive { receive: side, .. }
            | Self::Refuse { refuse: side, .. } => *side,
        }
    }
}

fn check_send(own: &mut Device, event: &Event) -> Result<(), String> {
    let Event::Send {
        ratchet_secret,
        salt,
        plaintext,
        ct,
        ..
    } = event
    else {
        return Err("is no sending".to_owned());
    };
    let mut rng = Scripted::default();
    for drawn in ratchet_secret.iter().chain([salt]) {
        rng.0.push_back(bytes(drawn)?);
    }
    let (envelope, next) = own
        .sessions
        .seal(&mut rng, &bytes(plaintext)?)
        .map_err(|error| format!("seal: {error}"))?;
    own.sessions = next;
    let envelope = hex::encode(envelope);
    if envelope == *ct {
        Ok(())
    } else {
        Err(format!("ct is {ct}, sealed was {envelope}"))
    }
}

fn check_receive(
    own: &mut Device,
    peer: &Address,
    ct: &str,
    plaintext: &str,
) -> Result<(), String> {
    let opened = own
        .sessions
        .open(&own.secret, &own.address, peer, own, &bytes(ct)?, 0)
        .map_err(|error| format!("open: {error}"))?;
    if let Some(used) = opened.used_one_time {
        own.one_time = own.one_time.take().filter(|(id, _)| *id != used);
    }
    // Through the stored form each time: what is lost there shows in the next event.
    own.sessions = DeviceSessions::from_bytes(&opened.next.to_bytes())
        .map_err(|error| format!("stored form: {error}"))?;
    let opened = hex::encode(&opened.plaintext[..]);
    if opened == plaintext {
        Ok(())
    } else {
        Err(format!("plaintext is {plaintext}, opened was {opened}"))
    }
}

fn check_refuse(own: &Device, peer: &Address, refused_ct: &str) -> Result<(), String> {
    match own
        .sessions
        .open(&own.secret, &own.address, peer, own, &bytes(refused_ct)?, 0)
    {
        Ok(_) => Err(format!("refused_ct {refused_ct} was opened")),
        Err(_) => Ok(()),
    }
}

fn device(side: &Side) -> Result<Device, String> {
    let secret = DeviceSecret::from_bytes(array(&side.identity_secret)?);
    let key = secret.public();
    if hex::encode(key.as_bytes()) != side.identity_public {
        return Err(format!("identity_public is {}", side.identity_public));
    }
    let address = Address {
        account: AccountId::from_bytes(array(&side.account)?),
        device: DeviceId::from_bytes(array(&side.device)?),
        key,
    };
    let sessions = DeviceSessions::empty();
    Ok(Device {
        secret,
        address,
        signed: None,
        one_time: None,
        sessions,
    })
}

fn publish(case: &Case, responder: &mut Device) -> Result<PrekeyBundle, String> {
    let signed = prekey(&case.signed_prekey)?;
    let signature = case
        .signed_prekey
        .signature
        .as_deref()
        .ok_or("no signature")?;
    let theirs = SignedPrekey {
        id: case.signed_prekey.id,
        public: public(&case.signed_prekey)?,
        signature: Signature::from_bytes(array(signature)?),
    };
    // Ours differs in its bytes, for theirs is randomised, but covers the same.
    let ours = sign_prekey(
        responder.address.device,
        &responder.secret,
        theirs.id,
        &signed,
    );
    for each in [ours, theirs] {
        each.verify(responder.address.device, &responder.address.key)
            .map_err(|error| format!("signed_prekey: {error}"))?;
    }
    responder.signed = Some((theirs.id, signed));
    let mut one_time = None;
    if let Some(stored) = &case.one_time_prekey {
        responder.one_time = Some((stored.id, prekey(stored)?));
        one_time = Some((stored.id, public(stored)?));
    }
    PrekeyBundle::verify(
        responder.address.device,
        responder.address.key,
        theirs,
        one_time,
    )
    .map_err(|error| format!("bundle: {error}"))
}

fn prekey(stored: &Prekey) -> Result<PrekeySecret, String> {
    let secret = PrekeySecret::from_bytes(array(&stored.secret)?);
    if hex::encode(secret.public().as_bytes()) == stored.public {
        Ok(secret)
    } else {
        Err(format!(
            "public of prekey {} is {}",
            stored.id, stored.public
        ))
    }
}

fn public(stored: &Prekey) -> Result<PrekeyPublic, String> {
    PrekeyPublic::try_from(array(&stored.public)?).map_err(|error| error.to_string())
}

fn bytes(text: &str) -> Result<Vec<u8>, String> {
    hex::decode(text).map_err(|error| format!("{text}: {error}"))
}

fn array<const N: usize>(text: &str) -> Result<[u8; N], String> {
    bytes(text)?
        .try_into()
        .map_err(|_| format!("{text} has not {N} bytes"))
}
