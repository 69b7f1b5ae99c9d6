//! CPU time and memory of the measured processes, from /proc.

use std::fs;
use std::time::Duration;

use anyhow::Context as _;

/// Clock ticks per second in /proc; fixed on Linux for user space.
const TICKS_PER_SECOND: u64 = 100;

/// A process, alone or with its children.
pub struct Process {
    pid: u32,
    with_children: bool,
}

impl Process {
    /// The server: one process.
    pub fn server(pid: u32) -> Self {
        Self {
            pid,
            with_children: false,
        }
    }

    /// PostgreSQL: the postmaster and its backends.
    pub fn database(pid: u32) -> Self {
        Self {
            pid,
            with_children: true,
        }
    }

    /// CPU time used so far, of ended children too.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        let mut ticks = cpu_ticks(self.pid)?;
        if self.with_children {
            for pid in children_of(self.pid)? {
                // One that has just ended is counted by its parent.
                ticks += cpu_ticks(pid).unwrap_or(0);
            }
        }
        Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
    }

    /// Resident memory in bytes.
    pub fn rss_bytes(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib: u64 = line
            .and_then(|line| line.split_whitespace().nth(1))
            .context("no VmRSS in /proc")?
            .parse()?;
        Ok(kib * 1024)
    }
}

fn stat_fields(pid: u32) -> anyhow::Result<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold spaces; what counts comes after it.
    let (_, rest) = stat.rsplit_once(") ").context("an odd /proc stat")?;
    Ok(rest.split_whitespace().map(str::to_owned).collect())
}

/// utime, stime, cutime, cstime: fields 14 to 17 of proc(5), counted from field 3.
fn cpu_ticks(pid: u32) -> anyhow::Result<u64> {
    let fields = stat_fields(pid)?;
    fields
        .get(11..15)
        .context("a short /proc stat")?
        .iter()
        .map(|field| field.parse::<u64>().context("a number in /proc stat"))
        .sum()
}

fn children_of(parent: u32) -> anyhow::Result<Vec<u32>> {
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Ok(pid) = entry?.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let is_child = stat_fields(pid).is_ok_and(|fields| {
            fields
                .get(1)
                .is_some_and(|field| *field == parent.to_string())
        });
        if is_child {
            children.push(pid);
        }
    }
    Ok(children)
}
