//! As whom PostgreSQL runs.
//!
//! An ordinary user runs it as itself. Root cannot: PostgreSQL looks at its
//! effective user id and refuses 0. Giving the data folder to the `postgres`
//! user fails as soon as a folder above it is closed to that user, and changes
//! files behind root's back. So the programs start in a **user namespace** in
//! which the one mapped id is `postgres` (inside) = root (outside): PostgreSQL
//! sees an ordinary user that owns its files, the disk sees root. `unshare` of
//! util-linux, essential on Debian, does it without a line of unsafe code.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::environment;

/// Whether a program belongs to the terminal it was started from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// It ends with the terminal, and Ctrl-C reaches it.
    Shared,
    /// It has a session of its own: neither Ctrl-C nor a hang-up reaches it.
    Own,
}

/// A command that runs `program` as a user PostgreSQL accepts. Each wrapper
/// replaces itself by the next, so the process id stays the program's own.
///
/// # Errors
/// As root, when the machine has no user to map to.
pub fn command(program: PathBuf, session: Session) -> Result<Command> {
    let mut words: Vec<PathBuf> = Vec::new();
    if session == Session::Own {
        words.push("setsid".into());
    }
    if environment::is_root() {
        let (user, group) = mapped_ids()?;
        words.extend(
            [
                "unshare".to_owned(),
                "--user".to_owned(),
                format!("--map-user={user}"),
                format!("--map-group={group}"),
                "--".to_owned(),
            ]
            .map(PathBuf::from),
        );
    }
    words.push(program);
    let mut words = words.into_iter();
    let first = words.next().context("there is a program to run")?;
    let mut command = Command::new(first);
    command
        .args(words)
        // Messages that are read by programs and by people who search for them.
        .env("LC_ALL", "C")
        .env_remove("PGDATA")
        .env_remove("PGHOST")
        .env_remove("PGPORT")
        .env_remove("PGUSER")
        .env_remove("PGOPTIONS");
    Ok(command)
}

/// Checks once that root may make a user namespace, to say so plainly before
/// `initdb` fails with something less clear.
///
/// # Errors
/// When the machine does not allow it.
pub fn check() -> Result<()> {
    if !environment::is_root() {
        return Ok(());
    }
    let output = command("true".into(), Session::Shared)?
        .output()
        .context("cannot run unshare")?;
    if !output.status.success() {
        bail!(
            "PostgreSQL does not run as root, and this machine does not allow a user namespace \
             ({}). Run this as an ordinary user instead.",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}

/// The ids that root becomes inside: those of `postgres`, which every machine
/// with Debian's packages has, else of any user with a name (PostgreSQL looks
/// its own name up).
fn mapped_ids() -> Result<(u32, u32)> {
    let users = std::fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
    choose(&users).context("this machine has no user but root; PostgreSQL needs one to run as")
}

fn choose(users: &str) -> Option<(u32, u32)> {
    let named: Vec<(&str, u32, u32)> = users
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let user = fields.nth(1)?.parse().ok()?;
            let group = fields.next()?.parse().ok()?;
            (user != 0 && group != 0).then_some((name, user, group))
        })
        .collect();
    let wanted = named.iter().find(|(name, ..)| *name == "postgres");
    wanted
        .or_else(|| named.first())
        .map(|&(_, user, group)| (user, group))
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str = "root:x:0:0:root:/root:/bin/bash\n\
                         daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n\
                         postgres:x:101:104:PostgreSQL administrator,,,:/var/lib/postgresql:/bin/bash\n";

    #[test]
    fn postgres_is_preferred() {
        assert_eq!(choose(USERS), Some((101, 104)));
    }

    #[test]
    fn another_user_serves_and_root_never_does() {
        let without: String = USERS.lines().take(2).collect::<Vec<_>>().join("\n");
        assert_eq!(choose(&without), Some((1, 1)));
        assert_eq!(choose("root:x:0:0:root:/root:/bin/bash\n"), None);
    }
}
