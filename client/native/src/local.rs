//! What two programs on one home say to each other: JSON, one object per line,
//! over a Unix socket in the home's folder.
//!
//! Only programs of the same user reach that socket, so lines have no limit in
//! length; whoever can open it can open the store as well.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tokio::net::{UnixListener, UnixStream};

use chat_client::{Command, Event};

use crate::driver::Outcome;
use crate::home::Home;
use crate::link::LinkState;

/// Programs talk to each other only when they agree on this.
pub(crate) const FORMAT: u32 = 1;

/// From a program without the lock to the one that holds it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub(crate) enum ToHolder {
    Command { id: u64, command: Command },
}

/// And back.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub(crate) enum FromHolder {
    /// The first line.
    Hello {
        format: u32,
    },
    Answer {
        id: u64,
        outcome: Outcome,
    },
    Event {
        event: Event,
    },
    /// Events were left out: look at the timeline again.
    Missed,
    Link {
        link: LinkState,
    },
}

/// One line, with its end.
pub(crate) fn line(message: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(message).expect("these messages have a JSON form");
    bytes.push(b'\n');
    bytes
}

/// Takes the place of the socket. Only the holder of the lock may call it: what
/// lies there then is left over from a program that was killed.
pub(crate) fn listen(home: &Home) -> io::Result<UnixListener> {
    use std::os::unix::fs::PermissionsExt as _;
    let path = home.socket();
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = with_short_path(home, |path| UnixListener::bind(path))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Connects to whoever holds the home.
pub(crate) fn connect(home: &Home) -> io::Result<UnixStream> {
    with_short_path(home, |path| {
        let stream = std::os::unix::net::UnixStream::connect(path)?;
        stream.set_nonblocking(true)?;
        UnixStream::from_std(stream)
    })
}

/// Whether the other end runs as the same user as this program.
pub(crate) fn is_same_user(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream.peer_cred().is_ok_and(|peer| peer.uid() == own)
}

/// A socket's path has room for about a hundred bytes, and homes may lie deeper.
/// On Linux an open folder has a short name, too.
fn with_short_path<T>(home: &Home, act: impl FnOnce(PathBuf) -> io::Result<T>) -> io::Result<T> {
    const ROOM: usize = 100;
    let path = home.socket();
    if path.as_os_str().len() <= ROOM || !cfg!(target_os = "linux") {
        return act(path);
    }
    let folder = std::fs::File::open(home.folder())?;
    let number = std::os::fd::AsRawFd::as_raw_fd(&folder);
    act(PathBuf::from(format!("/proc/self/fd/{number}/socket")))
}
