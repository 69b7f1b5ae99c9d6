//! Where a password comes from: a person who types it unseen, or stdin.

use std::io::{BufRead as _, IsTerminal as _};

use zeroize::Zeroizing;

use crate::arguments::Password;
use crate::failure::{Exit, Failure};

/// How often a person is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    /// For a password that exists: a wrong one is refused.
    Once,
    /// For a new one: nobody would notice a slip of the finger.
    Twice,
}

pub(crate) fn read(from: &Password, ask: Ask) -> Result<Zeroizing<String>, Failure> {
    if from.password_stdin {
        let mut line = Zeroizing::new(String::new());
        std::io::stdin().lock().read_line(&mut line)?;
        let kept = line.trim_end_matches(['\r', '\n']).len();
        line.truncate(kept);
        return Ok(line);
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new(
            Exit::Usage,
            "no_password",
            "There is no terminal to ask for the password on.",
            "Pass it as the first line of stdin, with --password-stdin.",
        ));
    }
    let password = Zeroizing::new(rpassword::prompt_password("Password: ")?);
    if ask == Ask::Twice && *password != rpassword::prompt_password("Password, again: ")? {
        return Err(Failure::new(
            Exit::Usage,
            "passwords_differ",
            "The two passwords are not the same.",
            "Run the command again.",
        ));
    }
    Ok(password)
}
