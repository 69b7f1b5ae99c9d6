//! Requests: a question on a socket, and its answer.

use std::sync::Arc;

use bytes::Bytes;
use chat_protocol::frame::request::Ask;
use chat_protocol::frame::response::Answer;
use chat_protocol::{AccountId, ConversationId, ErrorCode, IdError, frame};
use chat_store::login::Login;
use chat_store::prekey::{ClaimedPrekeys, PrekeyCount};

use crate::app::App;
use crate::failure::Failure;
use crate::frames;

/// Answers a request; every one is answered, if with a problem.
pub(super) async fn answer(app: Arc<App>, login: Arc<Login>, request: frame::Request) -> Bytes {
    let answer = match request.ask {
        Some(ask) => ask_app(&app, &login, ask).await,
        None => Err(malformed(
            "The request asks nothing that this server knows.",
        )),
    };
    let answer =
        answer.unwrap_or_else(|failure| Answer::Problem(failure.into_refusal().to_frame()));
    frames::response(request.id, answer)
}

async fn ask_app(app: &App, login: &Login, ask: Ask) -> Result<Answer, Failure> {
    match ask {
        Ask::FindPerson(ask) => {
            let (account, name) = app.find_person(&ask.name).await?;
            Ok(Answer::Person(frame::Person {
                account: account.to_bytes(),
                name: name.as_str().to_owned(),
            }))
        }
        Ask::FetchDeviceList(ask) => {
            let account = account(&ask.account)?;
            let after = (!ask.from_start).then_some(ask.after_seq);
            let entries = app.device_list(account, after).await?;
            Ok(Answer::DeviceList(frame::DeviceList {
                account: account.to_bytes(),
                entries: entries
                    .into_iter()
                    .map(|entry| frame::SignedEntry {
                        bytes: entry.bytes.into(),
                        signature: Bytes::copy_from_slice(entry.signature.as_bytes()),
                    })
                    .collect(),
            }))
        }
        Ask::ClaimPrekeys(ask) => {
            let claimed = app
                .claim_prekeys(login, account(&ask.account)?, &ask.devices)
                .await?;
            Ok(Answer::PrekeyBundles(frame::PrekeyBundles {
                bundles: claimed.iter().map(bundle).collect(),
            }))
        }
        Ask::UploadPrekeys(ask) => {
            let prekeys = ask.prekeys.unwrap_or_default();
            Ok(count(app.upload_prekeys(login, &prekeys).await?))
        }
        Ask::CountPrekeys(_) => Ok(count(app.count_prekeys(login).await?)),
        Ask::OpenDirect(ask) => {
            let conversation = conversation(&ask.conversation)?;
            let state = app
                .open_direct(login, conversation, account(&ask.peer)?)
                .await?;
            Ok(Answer::Conversation(frames::conversation_state(&state)))
        }
        Ask::Fetch(ask) => {
            let conversation = conversation(&ask.conversation)?;
            let page = app
                .fetch(login, conversation, ask.after_seq, ask.limit)
                .await?;
            Ok(Answer::LogPage(frame::LogPage {
                conversation: conversation.to_bytes(),
                messages: page
                    .messages
                    .iter()
                    .map(|message| frames::deliver(conversation, message, login.device))
                    .collect(),
                head_seq: page.head_seq,
            }))
        }
        Ask::CreateInvite(ask) => {
            let made = app
                .create_invite(login, ask.uses, ask.expires_hours)
                .await?;
            Ok(Answer::Invite(frame::Invite {
                url: app.invite_url(&made.code),
                code: made.code.as_str().to_owned(),
                uses: made.uses,
            }))
        }
    }
}

fn bundle(claimed: &ClaimedPrekeys) -> frame::PrekeyBundle {
    let public = |key: chat_verify::PrekeyPublic| Bytes::copy_from_slice(key.as_bytes());
    frame::PrekeyBundle {
        device: claimed.device.to_bytes(),
        signed: Some(frame::SignedPrekey {
            id: claimed.signed.id,
            public: public(claimed.signed.public),
            signature: Bytes::copy_from_slice(claimed.signed.signature.as_bytes()),
        }),
        one_time: claimed.one_time.map(|prekey| frame::OneTimePrekey {
            id: prekey.id,
            public: public(prekey.public),
        }),
    }
}

fn count(count: PrekeyCount) -> Answer {
    Answer::PrekeyCount(frame::PrekeyCount {
        one_time: count.one_time,
        signed_prekey_id: count.signed_prekey_id,
    })
}

fn account(bytes: &[u8]) -> Result<AccountId, Failure> {
    AccountId::try_from(bytes).map_err(wrong_id)
}

fn conversation(bytes: &[u8]) -> Result<ConversationId, Failure> {
    ConversationId::try_from(bytes).map_err(wrong_id)
}

fn wrong_id(error: IdError) -> Failure {
    malformed(&format!("The request is malformed: {error}."))
}

fn malformed(detail: &str) -> Failure {
    Failure::refused(ErrorCode::MalformedRequest, detail)
}
