//! `chatalot-server config check`.

use crate::config::Config;

/// The configuration was read: says what matters of it, without secrets.
#[expect(clippy::unnecessary_wraps, reason = "every verb has the same shape")]
pub(super) fn check(config: &Config) -> anyhow::Result<()> {
    println!("The configuration is right.");
    println!("  listen      {}", config.listen);
    match &config.public_url {
        Some(url) => println!("  public_url  {url}"),
        None => println!("  public_url  (the address that it listens on)"),
    }
    println!("  server_name {}", config.server_name);
    Ok(())
}
