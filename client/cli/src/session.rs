//! One device, open for a verb.

use std::sync::Arc;
use std::time::Duration;

use chat_client::{Command, ConversationView, Event, Reply};
use chat_client_native::{
    Client, ClientOptions, Home, Reach, SystemClock, Update, Updates, system_rng,
};

use crate::arguments::Global;
use crate::failure::{Exit, Failure};
use crate::output::Output;
use crate::target::Target;

/// A client and how patient it is.
pub(crate) struct Session {
    pub client: Client,
    pub updates: Updates,
    pub wait: Duration,
}

impl Session {
    /// Opens the device of a home.
    pub async fn open(global: &Global, reach: Reach) -> Result<Self, Failure> {
        Self::open_home(&global.home()?, reach, global.wait()).await
    }

    pub async fn open_home(home: &Home, reach: Reach, wait: Duration) -> Result<Self, Failure> {
        let options = ClientOptions {
            reach,
            clock: Arc::new(SystemClock),
            rng: system_rng(),
        };
        let (client, updates) = Client::open(home, options).await?;
        Ok(Self {
            client,
            updates,
            wait,
        })
    }

    /// Opens the device and waits until its server has let it in.
    pub async fn open_online(global: &Global) -> Result<Self, Failure> {
        let session = Self::open(global, Reach::Server).await?;
        match session.client.online(session.wait).await {
            Ok(()) => Ok(session),
            Err(reason) => {
                session.client.close().await;
                Err(reason.into())
            }
        }
    }

    /// Has a command done that needs the server, for as long as it is worth
    /// waiting for it.
    pub async fn command(&self, command: Command) -> Result<Reply, Failure> {
        tokio::select! {
            outcome = self.client.command(command) => Ok(outcome?),
            reason = self.client.offline_for(self.wait) => Err(reason.into()),
        }
    }

    /// The conversation that a target names, opened if need be.
    pub async fn conversation(&self, target: &Target) -> Result<ConversationView, Failure> {
        let Target::Person(name) = target;
        let command = Command::OpenDirect { name: name.clone() };
        match self.command(command).await? {
            Reply::Conversation { conversation } => Ok(conversation),
            _ => Err(unexpected_reply()),
        }
    }

    /// All conversations of this device.
    pub async fn conversations(&self) -> Result<Vec<ConversationView>, Failure> {
        match self.client.command(Command::Conversations).await? {
            Reply::Conversations { conversations } => Ok(conversations),
            _ => Err(unexpected_reply()),
        }
    }

    /// The conversation that a target names, if this device has it.
    pub async fn known_conversation(&self, target: &Target) -> Result<ConversationView, Failure> {
        let Target::Person(name) = target;
        let known = self.conversations().await?;
        known
            .into_iter()
            .find(|conversation| conversation.peer.name == *name)
            .ok_or_else(|| {
                Failure::new(
                    Exit::Other,
                    "unknown_conversation",
                    format!("This device has no conversation with {target}."),
                    "Run the command without --offline.",
                )
            })
    }

    /// Tells what came up meanwhile that a person should know, and ends in order.
    pub async fn close(mut self, output: &Output) {
        while let Some(update) = self.updates.next_now() {
            if let Update::Event(event) = update {
                warn(output, &event);
            }
        }
        self.client.close().await;
    }
}

/// Warns of an event that is a reason for it.
pub(crate) fn warn(output: &Output, event: &Event) {
    match event {
        Event::IdentityChanged { name, .. } => output.warn(
            "identity_changed",
            &format!(
                "The keys of @{name} are not the ones that this device knew. Nothing is sent to \
                 them until that is settled; ask them over another channel."
            ),
        ),
        Event::HistoryBroken { message, .. } => output.warn("history_broken", message),
        _ => {}
    }
}

/// The machine answered something else than was asked for.
pub(crate) fn unexpected_reply() -> Failure {
    Failure::new(
        Exit::Other,
        "internal",
        "This program's own parts do not agree with each other.",
        "Use the same version of chatalot everywhere; otherwise this is worth a report.",
    )
}
