//! `listen`: messages as they arrive.

use std::collections::HashMap;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use chat_client::{ConversationView, Event, MessageRow};
use chat_client_native::{LinkState, Update};
use chat_protocol::ConversationId;

use super::read::Pages;
use crate::arguments::{Global, Listen};
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::row::Message;
use crate::session::{Session, warn};
use crate::target::Target;

pub(crate) async fn run(
    global: &Global,
    listen: &Listen,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut session = Session::open_online(global).await?;
    let outcome = listen_on(&mut session, listen, output).await;
    session.close(output).await;
    outcome
}

async fn listen_on(
    session: &mut Session,
    listen: &Listen,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let timeout = async {
        match listen.timeout {
            Some(limit) => sleep(limit.0).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(timeout);
    let mut follower = Follower::begin(session, listen).await?;
    let mut link = Link::Fine;
    let mut link_changes = session.client.watch_link();
    link_changes.mark_changed();
    loop {
        if follower.is_done() {
            return Ok(());
        }
        tokio::select! {
            _ = interrupted.recv() => return Ok(()),
            _ = terminated.recv() => return Ok(()),
            () = &mut timeout => return follower.out_of_time(),
            changed = link_changes.changed() => {
                let state = link_changes.borrow_and_update().clone();
                link = link.after(state, output)?;
                if changed.is_err() {
                    return Err(chat_client_native::NotOnline::Ended("This device is closed.".into()).into());
                }
            }
            update = session.updates.next() => match update {
                Some(Update::Event(event)) => follower.on_event(*event, output)?,
                Some(Update::Missed) => follower.catch_up(session, output).await?,
                None => return Ok(()),
            },
        }
        if follower.is_behind {
            follower.catch_up(session, output).await?;
        }
    }
}

/// What a person was told of the connection.
enum Link {
    Fine,
    Lost,
}

impl Link {
    /// A lost connection is waited for; the end of a session is not.
    fn after(self, state: LinkState, output: &Output) -> Result<Self, Failure> {
        use chat_client_native::NotOnline;
        let reason = match state {
            LinkState::SignedOut { reason } => return Err(NotOnline::SignedOut(reason).into()),
            LinkState::Ended { reason } => return Err(NotOnline::Ended(reason).into()),
            LinkState::Connecting => return Ok(self),
            LinkState::Online => {
                if matches!(self, Self::Lost) {
                    output.note("connected again");
                }
                return Ok(Self::Fine);
            }
            LinkState::Lost { reason }
            | LinkState::Unreachable { reason }
            | LinkState::Refused { reason } => reason,
        };
        if matches!(self, Self::Fine) {
            let reason = reason.trim_end_matches('.');
            output.note(&format!("not connected ({reason}); trying again"));
        }
        Ok(Self::Lost)
    }
}

/// Prints every row of others once, in the order of its conversation.
struct Follower<'a> {
    listen: &'a Listen,
    /// The one conversation that is wanted; all of them without.
    only: Option<ConversationId>,
    targets: HashMap<ConversationId, Target>,
    /// The newest seq of each conversation that was printed or passed over.
    passed: HashMap<ConversationId, u64>,
    /// Where each conversation stood when listening began. Only rows that come
    /// in later are new; catching up begins there.
    begun: HashMap<ConversationId, u64>,
    printed: u64,
    is_behind: bool,
}

impl<'a> Follower<'a> {
    async fn begin(session: &Session, listen: &'a Listen) -> Result<Self, Failure> {
        let mut follower = Self {
            listen,
            only: None,
            targets: HashMap::new(),
            passed: HashMap::new(),
            begun: HashMap::new(),
            printed: 0,
            is_behind: listen.since.is_some(),
        };
        if let Some(target) = &listen.target {
            follower.only = Some(session.conversation(target).await?.id);
        }
        for conversation in session.conversations().await? {
            follower
                .begun
                .insert(conversation.id, conversation.head_seq);
            follower.know(&conversation);
        }
        if let (Some(only), Some(since)) = (follower.only, listen.since) {
            follower.begun.insert(only, since);
            follower.passed.insert(only, since);
        }
        Ok(follower)
    }

    fn know(&mut self, conversation: &ConversationView) {
        let target = Target::Person(conversation.peer.name.clone());
        self.targets.insert(conversation.id, target);
    }

    fn is_done(&self) -> bool {
        self.listen.count.is_some_and(|count| self.printed >= count)
    }

    fn out_of_time(&self) -> Result<(), Failure> {
        let Some(count) = self.listen.count else {
            return Ok(());
        };
        Err(Failure::new(
            Exit::Other,
            "too_few",
            format!("{} of {count} messages arrived in time.", self.printed),
            "Give it a longer --timeout, or look at 'chatalot read'.",
        ))
    }

    fn on_event(&mut self, event: Event, output: &mut Output) -> Result<(), Failure> {
        match event {
            Event::Message { row } => {
                // With --since, what stands before comes first; the page that is
                // read then has this row as well.
                if !self.is_behind {
                    self.print(row, output)?;
                }
            }
            Event::Conversation { conversation } => self.know(&conversation),
            event => warn(output, &event),
        }
        Ok(())
    }

    /// Looks at the timelines themselves.
    async fn catch_up(&mut self, session: &Session, output: &mut Output) -> Result<(), Failure> {
        self.is_behind = false;
        for conversation in session.conversations().await? {
            self.know(&conversation);
            let id = conversation.id;
            let begun = self.begun.get(&id).copied().unwrap_or(0);
            let after = self.passed.get(&id).copied().unwrap_or(0).max(begun);
            if conversation.head_seq <= after {
                continue;
            }
            let mut pages = Pages::after(after, &conversation);
            while let Some(rows) = pages.next(session).await? {
                for row in rows {
                    self.print(row, output)?;
                }
            }
        }
        Ok(())
    }

    fn print(&mut self, row: MessageRow, output: &mut Output) -> Result<(), Failure> {
        let Some(seq) = row.seq else {
            return Ok(());
        };
        let id = row.conversation;
        let is_wanted = self.only.is_none_or(|only| only == id);
        let passed = self.passed.entry(id).or_default();
        if !is_wanted || seq <= *passed || self.listen.count.is_some_and(|n| self.printed >= n) {
            return Ok(());
        }
        *passed = seq;
        if row.own && !self.listen.own {
            return Ok(());
        }
        self.printed += 1;
        Ok(output.print(&Message::new(row, self.targets.get(&id)))?)
    }
}
