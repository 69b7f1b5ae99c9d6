//! The private cluster on the real PostgreSQL: as whoever runs the tests, root
//! included, through crashes, and in folders that others cannot reach.

use std::fs::Permissions;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use chat_testkit::postgres::{Cluster, TemporaryCluster, folder, remains};
use chat_testkit::process::{Process, Signal};
use chat_testkit::wait;

/// Stops what a test started when it ends, well or badly.
struct Stopped(Cluster);

impl Drop for Stopped {
    fn drop(&mut self) {
        self.0.stop().ok();
    }
}

fn start(root: &Path) -> Stopped {
    Stopped(Cluster::start(root).expect("the cluster starts"))
}

fn write_a_row(cluster: &Cluster) {
    cluster
        .psql(
            "chatalot",
            "CREATE TABLE kept (word text); INSERT INTO kept VALUES ('kept')",
        )
        .expect("the row can be written");
}

fn read_the_row(cluster: &Cluster) -> String {
    cluster
        .psql("chatalot", "SELECT word FROM kept")
        .expect("the row can be read")
}

#[test]
fn a_cluster_below_a_closed_folder_starts_and_keeps_its_rows() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let closed = folder.path().join("closed");
    std::fs::create_dir(&closed).expect("the folder can be made");
    std::fs::set_permissions(&closed, Permissions::from_mode(0o700)).expect("it can be closed");
    let root = closed.join("data");

    let mut first = start(&root);
    write_a_row(&first.0);
    assert_eq!(
        first
            .0
            .psql("chatalot", "SHOW fsync")
            .expect("it answers")
            .trim(),
        "on"
    );
    assert_eq!(
        first
            .0
            .psql("chatalot", "SHOW listen_addresses")
            .expect("it answers")
            .trim(),
        "",
        "no TCP port is open"
    );
    first.0.stop().expect("it stops");
    assert!(remains::processes(&folder::data(first.0.root())).is_empty());
    assert!(
        Cluster::running(&root)
            .expect("it can be looked at")
            .is_none()
    );

    let second = start(&root);
    assert_eq!(read_the_row(&second.0).trim(), "kept");
}

#[test]
fn a_killed_postmaster_is_recovered_at_once() {
    let mut cluster = TemporaryCluster::start().expect("the cluster starts");
    write_a_row(&cluster);
    for _ in 0..3 {
        cluster.kill().expect("it can be killed");
        // At once: its children may still live with the old shared memory.
        cluster.restart().expect("it starts again by itself");
        assert_eq!(read_the_row(&cluster).trim(), "kept");
    }
}

#[test]
fn a_zombie_that_nobody_collects_hinders_no_start() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let first = start(folder.path());
    // Killed past `Cluster::kill`, which would collect it.
    first.0.process().kill().expect("it can be killed");
    let second = start(folder.path());
    assert_ne!(first.0.process(), second.0.process());
}

#[test]
fn a_start_waits_for_a_postmaster_that_is_ending() {
    let mut cluster = TemporaryCluster::start().expect("the cluster starts");
    write_a_row(&cluster);
    let first = cluster.process().clone();
    first.signal(Signal::INT).expect("it can be signalled");
    cluster.restart().expect("it starts again");
    assert_eq!(read_the_row(&cluster).trim(), "kept");
}

#[test]
fn a_running_cluster_is_taken_over_and_not_started_twice() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let first = start(folder.path());
    let second = Cluster::start(folder.path()).expect("it is there already");
    assert_eq!(first.0.process(), second.process());
    assert_eq!(first.0.socket_folder(), second.socket_folder());
}

#[test]
fn an_interrupted_initialisation_is_begun_again() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let beside = folder.path().join("postgres.initialising");
    std::fs::create_dir(&beside).expect("the folder can be made");
    std::fs::write(beside.join("PG_VERSION"), "15\n").expect("the file can be written");
    let cluster = start(folder.path());
    write_a_row(&cluster.0);
    assert!(!beside.exists());
}

#[test]
fn half_a_cluster_is_named_and_left_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let data = folder.path().join("postgres");
    std::fs::create_dir(&data).expect("the folder can be made");
    std::fs::write(data.join("PG_VERSION"), "15\n").expect("the file can be written");
    let error = Cluster::start(folder.path()).expect_err("it is not a cluster");
    let text = format!("{error:#}");
    assert!(text.contains("not a complete PostgreSQL cluster"), "{text}");
    assert!(text.contains("--reset"), "the next step is named: {text}");
    assert!(data.join("PG_VERSION").exists(), "nothing is lost");
}

#[test]
fn a_data_folder_with_a_long_path_gets_its_socket_elsewhere() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let root = folder.path().join("a-rather-long-name/".repeat(6));
    let cluster = start(&root);
    assert!(!cluster.0.socket_folder().starts_with(folder.path()));
    write_a_row(&cluster.0);
    let socket = cluster.0.socket_folder().to_owned();
    drop(cluster);
    std::fs::remove_dir_all(socket).ok();
}

#[test]
fn a_temporary_cluster_leaves_nothing() {
    let cluster = TemporaryCluster::start().expect("the cluster starts");
    let root = cluster.root().to_owned();
    let process = cluster.process().clone();
    let url = cluster.fresh_database().expect("a database can be made");
    assert!(url.contains("?host=/"), "{url}");
    drop(cluster);
    assert!(!process.is_running());
    assert!(!root.exists());
}

/// The variable by which the guardian's test tells its second self to hang.
const ABANDON: &str = "CHATALOT_TEST_ABANDON";

/// Started again by the next test, and killed there: it has no chance to drop.
#[test]
fn an_abandoned_cluster() {
    if std::env::var_os(ABANDON).is_none() {
        return;
    }
    let cluster = TemporaryCluster::start().expect("the cluster starts");
    let mut other = Command::new("sleep")
        .arg("600")
        .spawn()
        .expect("sleep runs");
    let process = Process::lookup(other.id()).expect("it runs");
    cluster.guard(&process).expect("it can be noted down");
    println!("abandoned {} {}", cluster.root().display(), other.id());
    other.wait().ok();
}

#[test]
fn a_killed_test_leaves_neither_a_cluster_nor_what_was_guarded() {
    let myself = std::env::current_exe().expect("this program has a path");
    let mut child = Command::new(myself)
        .args(["an_abandoned_cluster", "--exact", "--nocapture"])
        .env(ABANDON, "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program runs again");
    let output = child.stdout.take().expect("stdout is piped");
    let line = BufReader::new(output)
        .lines()
        .map_while(Result::ok)
        .find_map(|line| {
            line.split_once("abandoned ")
                .map(|(_, rest)| rest.to_owned())
        })
        .expect("it says what it abandons");
    let (root, pid) = line.split_once(' ').expect("a folder and an id");
    let root = Path::new(root);
    let other = Process::lookup(pid.parse().expect("a number")).expect("it runs");
    let postmaster = Cluster::running(root)
        .expect("it can be looked at")
        .expect("it runs")
        .process()
        .clone();
    child.kill().expect("it can be killed");
    child.wait().expect("it can be collected");
    wait::until_true(
        "the guardian has cleaned up",
        Duration::from_secs(20),
        || !root.exists() && !postmaster.is_running() && !other.is_running(),
    )
    .expect("nothing is left");
}
