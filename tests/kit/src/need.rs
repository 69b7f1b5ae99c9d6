//! What a part needs of the machine, and how it gets there.
//!
//! On a fresh Debian as root, what is missing is installed. As an ordinary user,
//! or where there is no `apt-get`, nothing is touched: the message has the exact
//! line to run.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::postgres::binaries;
use crate::{browser, environment, program};

/// The oldest Node that the web client's build runs on.
pub const OLDEST_NODE: (u32, u32) = (20, 19);

/// Something that is not built here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// The server programs of PostgreSQL.
    Postgres,
    /// Node with npm, for the build of the web client.
    Node,
    /// A browser for the browser tests.
    Chromium,
}

impl Need {
    /// Its name in a sentence.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Node => "Node with npm",
            Self::Chromium => "Chromium",
        }
    }

    /// True when it is there and new enough.
    #[must_use]
    pub fn is_met(self) -> bool {
        match self {
            Self::Postgres => !binaries::installed().is_empty(),
            Self::Node => node_is_new_enough() && program::lookup("npm").is_some(),
            Self::Chromium => browser::lookup().is_some(),
        }
    }

    /// The Debian packages that bring it; `None` when Debian has none that is new
    /// enough.
    fn packages(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Postgres => Some(&["postgresql"]),
            // A font with every script and one with emoji: without them the
            // browser draws boxes, and a screenshot says nothing.
            Self::Chromium => Some(&["chromium", "fonts-noto-core", "fonts-noto-color-emoji"]),
            Self::Node => None,
        }
    }
}

/// Sees to it that all of these are there; `report` is told each line of what
/// the installation says.
///
/// # Errors
/// When something is missing and cannot be installed from here; the message has
/// the line that does it.
pub fn ensure(needs: &[Need], report: &mut dyn FnMut(&str)) -> Result<()> {
    let missing: Vec<Need> = needs
        .iter()
        .copied()
        .filter(|need| !need.is_met())
        .collect();
    let mut packages: Vec<&str> = Vec::new();
    for need in &missing {
        let Some(names) = need.packages() else {
            let (major, minor) = OLDEST_NODE;
            bail!(
                "Node {major}.{minor} or newer with npm is missing, and Debian's own is older: \
                 install it from https://nodejs.org/en/download and run this again"
            );
        };
        packages.extend(names);
    }
    if packages.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|need| need.name()).collect();
    let line = format!("sudo apt-get install --yes {}", packages.join(" "));
    if !environment::is_root() || program::lookup("apt-get").is_none() {
        bail!(
            "{} is missing. Run this, then try again:\n\n    {line}\n",
            names.join(" and ")
        );
    }
    install(&packages, report)
        .with_context(|| format!("{} cannot be installed; try: {line}", names.join(" and ")))?;
    match missing.iter().find(|need| !need.is_met()) {
        Some(need) => bail!("{} is installed and still not found", need.name()),
        None => Ok(()),
    }
}

fn install(packages: &[&str], report: &mut dyn FnMut(&str)) -> Result<()> {
    apt(&["update"], report)?;
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(packages);
    apt(&arguments, report)
}

fn apt(arguments: &[&str], report: &mut dyn FnMut(&str)) -> Result<()> {
    use std::io::{BufRead as _, BufReader};
    let mut child = Command::new("apt-get")
        .args(arguments)
        // Another installation may be under way on a machine that just booted.
        .args(["-o", "DPkg::Lock::Timeout=300"])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // Its errors belong beside its progress: both go to one reader.
        .stderr(Stdio::inherit())
        .spawn()
        .context("cannot run apt-get")?;
    let output = child.stdout.take().context("stdout is piped")?;
    for line in BufReader::new(output).lines() {
        report(&line.context("apt-get prints text")?);
    }
    let status = child.wait().context("apt-get can be awaited")?;
    if !status.success() {
        bail!("apt-get {} failed ({status})", arguments.join(" "));
    }
    Ok(())
}

fn node_is_new_enough() -> bool {
    let Ok(output) = Command::new("node").arg("--version").output() else {
        return false;
    };
    version(&String::from_utf8_lossy(&output.stdout)).is_some_and(|found| found >= OLDEST_NODE)
}

/// Major and minor of "v20.19.2".
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.trim().strip_prefix('v')?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_node_are_compared_as_numbers() {
        assert_eq!(version("v20.19.2\n"), Some((20, 19)));
        assert!(version("v18.20.4").expect("it is a version") < OLDEST_NODE);
        assert!(version("v100.1.0").expect("it is a version") > OLDEST_NODE);
        assert_eq!(version("no"), None);
    }

    #[test]
    fn what_is_there_needs_nothing() {
        ensure(&[], &mut |_| ()).expect("nothing is needed");
    }
}
