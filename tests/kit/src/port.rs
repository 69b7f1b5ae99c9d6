//! Ports of this machine: free ones, and who holds one.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context as _, Result};

use crate::process;

/// A port on loopback that was free a moment ago. Somebody else may take it
/// before it is used: whoever starts a server on it must be ready to ask again.
///
/// # Errors
/// When the machine has no port left.
pub fn free() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
    let address = listener.local_addr().context("a listener has an address")?;
    Ok(address.port())
}

/// Whether a server could listen on this port of loopback.
#[must_use]
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Who listens on this port, for a message: "nginx (process 123)". `None` when
/// the machine does not tell, as it does for processes of other users.
#[must_use]
pub fn holder(port: u16) -> Option<String> {
    let sockets: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .into_iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .flat_map(|table| listening(&table, port))
        .collect();
    process::all_ids().into_iter().find_map(|pid| {
        let holds = std::fs::read_dir(format!("/proc/{pid}/fd"))
            .ok()?
            .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
            .any(|link| {
                sockets
                    .iter()
                    .any(|socket| link.as_os_str() == socket.as_str())
            });
        let name = process::name(pid)?;
        holds.then(|| format!("{name} (process {pid})"))
    })
}

/// The sockets that listen on `port` in a table of `/proc/net`, as the links in
/// `/proc/PID/fd` name them: `socket:[INODE]`.
fn listening(table: &str, port: u16) -> Vec<String> {
    /// `TCP_LISTEN` of the kernel.
    const LISTEN: &str = "0A";
    let wanted = format!(":{port:04X}");
    table
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            let [_, local, _, state, ..] = fields.as_slice() else {
                return None;
            };
            let inode = fields.get(9)?;
            (*state == LISTEN && local.ends_with(&wanted)).then(|| format!("socket:[{inode}]"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_a_port_is_named() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("it has an address").port();
        assert!(!is_free(port));
        let holder = holder(port).expect("this process holds it");
        assert!(
            holder.ends_with(&format!("(process {})", std::process::id())),
            "{holder}"
        );
    }

    #[test]
    fn a_free_port_is_free_and_nobody_holds_it() {
        let port = free().expect("a port is free");
        assert!(is_free(port));
        assert_eq!(holder(port), None);
    }
}
