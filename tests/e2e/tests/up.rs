//! `cargo xtask up` as a stranger types it: it starts everything, and starts it
//! again after whatever has happened to it.
//!
//! `up` is run as the built program; it builds what it starts, which takes no
//! time worth naming when the test run has built it before. Each start takes a
//! few seconds, so the stories here are long and there are few of them.

#[path = "up/folder.rs"]
mod folder;
#[path = "up/person.rs"]
mod person;

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context as _, Result};
use chat_testkit::process::{Process, Signal};
use chat_testkit::{http, port, program};

use folder::{Folder, Foreground, Report};
use person::Person;

#[test]
fn it_starts_once_and_again_after_every_crash_with_all_that_was_said() -> Result<()> {
    let folder = Folder::new()?;
    let port = port::free()?.to_string();
    let first = folder.up(&["--port", &port])?;
    assert!(first.url.ends_with(&format!(":{port}")), "{first:?}");
    serves_the_web_client(&first)?;

    // A second start changes nothing and says the same, to the byte.
    assert_eq!(folder.up(&[])?, first);

    // The owner's invite works once; the next start prints one for somebody else.
    let alice = Person::register(&first, "alice")?;
    let second = folder.up(&[])?;
    assert_eq!(second.pids, first.pids);
    assert_ne!(second.invite_code, first.invite_code);
    let bob = Person::register(&second, "bob")?;

    let mut running = second;
    let mut said = Vec::new();
    for victims in [&["server"][..], &["postgres"], &["server", "postgres"]] {
        let text = format!("before the end of {}", victims.join(" and "));
        alice.say("@bob", &text)?;
        said.push(text);
        for victim in victims {
            running.process(victim)?.kill()?;
        }
        let again = folder.up(&[])?;
        assert_eq!(again.url, running.url, "the port is kept");
        for victim in victims {
            assert_ne!(again.pids[*victim], running.pids[*victim], "{victim}");
        }
        if !victims.contains(&"postgres") {
            assert_eq!(again.pids["postgres"], running.pids["postgres"]);
        }
        running = again;
    }
    // Bob's device has seen none of it yet: this comes from the database.
    assert_eq!(bob.history("@alice")?, said);

    // A server whose pid file is lost is found all the same, and not doubled.
    let lost = running.process("server")?;
    std::fs::remove_file(folder.data().join("run/server.pid"))?;
    running = folder.up(&[])?;
    assert!(!lost.is_running());

    // Another port is not taken silently while it runs.
    let other = folder.refused(&["--port", &port::free()?.to_string()])?;
    assert!(other.contains(&port) && other.contains("down"), "{other}");

    folder.down(&[])?;
    for name in ["server", "postgres"] {
        assert!(!running.is_running(name), "{name}");
    }
    folder.down(&[])?;

    // Somebody else has the port; they are named, and nothing is lost by it.
    let number = port.parse::<u16>().context("it was a number")?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, number))?;
    let taken = folder.refused(&[])?;
    let holder = format!("(process {})", std::process::id());
    assert!(
        taken.contains(&format!("port {port}")) && taken.contains(&holder),
        "{taken}"
    );
    assert!(taken.contains("--port"), "the next step: {taken}");
    drop(listener);

    // Pid files from before a crash, whose ids belong to this test by now.
    folder.leave_stale_pid_files()?;
    let running = folder.up(&[])?;
    assert_ne!(running.pids["postgres"], std::process::id());
    alice.say("@bob", "after the last start")?;
    said.push("after the last start".to_owned());
    assert_eq!(bob.history("@alice")?, said);
    Ok(())
}

/// The web client on every page of its own, and what watches a server.
fn serves_the_web_client(report: &Report) -> Result<()> {
    let index = std::fs::read_to_string(program::repository().join("web/dist/index.html"))?;
    for page in ["/", &format!("/invite/{}", report.invite_code)] {
        let answer = http::get(report.address()?, page)?;
        assert_eq!(answer.status, 200, "{page}: {answer:?}");
        assert_eq!(answer.body, index, "{page}");
        assert!(answer.head.contains("text/html"), "{page}: {}", answer.head);
    }
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(http::get(report.address()?, path)?.status, 200, "{path}");
    }
    Ok(())
}

#[test]
fn ctrl_c_and_down_and_a_crash_end_all_of_it() -> Result<()> {
    let folder = Folder::new()?;
    // A first start that was killed in the middle of initdb, and half a file.
    let initialising = folder.data().join("postgres.initialising");
    std::fs::create_dir_all(initialising.join("base"))?;
    std::fs::write(initialising.join("PG_VERSION"), "15\n")?;
    std::fs::write(folder.data().join("instance.json"), "{\"po")?;
    folder.leave_stale_pid_files()?;

    let port = port::free()?.to_string();
    let mut up = Foreground::start(&folder, &["--port", &port])?;
    let running = up.report()?;
    let alice = Person::register(&running, "alice")?;
    up.signal(Signal::INT)?;
    let (code, said) = up.wait()?;
    assert_eq!(code, Some(0), "{said}");
    nothing_runs(&running);
    assert!(!initialising.exists());

    // Half of it is of no use: when one ends, `up` ends the other and says so.
    let mut up = Foreground::start(&folder, &[])?;
    let running = up.report()?;
    assert_eq!(alice.name_on_server()?, "alice");
    running.process("postgres")?.kill()?;
    let (code, said) = up.wait()?;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("PostgreSQL has ended by itself"), "{said}");
    nothing_runs(&running);

    // Empty again: the invite is the owner's.
    let mut up = Foreground::start(&folder, &["--reset", "--port", &port])?;
    let running = up.report()?;
    Person::register(&running, "alice")?;
    let theirs = folder.data().join("holiday.jpg");
    std::fs::write(&theirs, "not from here")?;
    folder.down(&["--reset"])?;
    let (code, said) = up.wait()?;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("Stopped by `cargo xtask down`"), "{said}");
    nothing_runs(&running);
    let left: Vec<_> = std::fs::read_dir(folder.data())?.collect::<Result<_, _>>()?;
    assert_eq!(
        left.iter().map(std::fs::DirEntry::path).collect::<Vec<_>>(),
        [theirs]
    );
    Ok(())
}

#[test]
fn a_damaged_cluster_is_left_alone_and_the_way_out_is_named() -> Result<()> {
    let folder = Folder::new()?;
    let cluster = folder.data().join("postgres");
    std::fs::create_dir_all(&cluster)?;
    std::fs::write(cluster.join("PG_VERSION"), "15\n")?;
    let port = port::free()?.to_string();
    let refusal = folder.refused(&["--port", &port])?;
    let place = cluster.display().to_string();
    assert!(
        refusal.contains(&place) && refusal.contains("up --reset"),
        "{refusal}"
    );
    let left: Vec<_> = std::fs::read_dir(&cluster)?.collect::<Result<_, _>>()?;
    assert_eq!(left.len(), 1, "nothing was changed");
    folder.up(&["--reset", "--port", &port])?;
    Ok(())
}

fn nothing_runs(report: &Report) {
    for (name, &pid) in &report.pids {
        // An id may have been given to another program since.
        let name_now = Process::lookup(pid).and_then(|_| chat_testkit::process::name(pid));
        assert!(
            !name_now.is_some_and(|now| now == *name || now == "chatalot-server"),
            "{name} ({pid}) still runs"
        );
    }
    assert!(
        report
            .address()
            .is_ok_and(|address| !http::is_ok(address, "/livez"))
    );
}
