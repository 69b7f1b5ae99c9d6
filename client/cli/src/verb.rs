//! The verbs, one module each.

mod completion;
mod invite;
mod listen;
mod login;
mod password;
mod read;
mod register;
mod send;
mod verify;
mod whoami;

use crate::arguments::{self, Arguments, Verb};
use crate::failure::Failure;
use crate::output::Output;

/// Does what the command line says.
pub(crate) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let Arguments { global, verb } = arguments;
    let output = &mut Output::new(global.output);
    match verb {
        Verb::Register(new) => register::run(&global, &new, output).await,
        Verb::Login(login) => login::run(&global, &login, output).await,
        Verb::Whoami => whoami::run(&global, output).await,
        Verb::Invite(arguments::Invite::Create { uses }) => {
            invite::create(&global, uses, output).await
        }
        Verb::Send(send) => send::run(&global, send, output).await,
        Verb::Listen(listen) => listen::run(&global, &listen, output).await,
        Verb::Read(read) => read::run(&global, &read, output).await,
        Verb::Verify(verify) => verify::run(&global, &verify, output).await,
        Verb::Completion { shell } => completion::run(shell),
    }
}
