//! temporary
use std::time::{Duration, Instant};

use chat_protocol::frame::{self, client_frame, server_frame};

use crate::device::{Device, message_id};
use crate::relay::Relay;

fn cpu(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let Some((_, rest)) = stat.rsplit_once(") ") else { return 0 };
    let f: Vec<u64> = rest.split_whitespace().map(|x| x.parse().unwrap_or(0)).collect();
    f[11] + f[12] + f[13] + f[14]
}
fn pg_cpu(parent: u32) -> u64 {
    let mut sum = cpu(parent);
    for e in std::fs::read_dir("/proc").unwrap() {
        let Ok(pid) = e.unwrap().file_name().to_string_lossy().parse::<u32>() else { continue };
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        if let Some((_, rest)) = stat.rsplit_once(") ") {
            if rest.split_whitespace().nth(1) == Some(&parent.to_string()) {
                sum += cpu(pid);
            }
        }
    }
    sum
}

#[tokio::test(flavor = "multi_thread")]
#[ignore]
async fn load() {
    let window: usize = std::env::var("WINDOW").ok().and_then(|x| x.parse().ok()).unwrap_or(4);
    let pairs = 64;
    let relay = Relay::start().await;
    let mut people = Vec::new();
    for n in 0..pairs * 2 {
        people.push(Device::register(&relay, &format!("p{n:03}")).await);
    }
    let postmaster = chat_testkit::postgres::temporary::shared().process().pid;
    let me = std::process::id();
    let mut set = tokio::task::JoinSet::new();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let total = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    for (i, pair) in people.chunks(2).enumerate() {
        let (one, other) = (pair[0].clone(), pair[1].clone());
        let mut s = one.connect(&relay).await;
        s.open_direct(&one, &other).await;
        let mut r = other.connect(&relay).await;
        set.spawn(async move { loop { if r.next_or_close().await.is_err() { return } } });
        let stop = stop.clone();
        let total = total.clone();
        set.spawn(async move {
            let mut number = i as u64 * 1_000_000_000 + 1;
            let mut open = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                use futures_util::SinkExt as _;
                use prost::Message as _;
                while open < window {
                    let mut send = one.message(&other, number);
                    send.body = vec![1; 200].into();
                    send.keys[0].sealed = vec![1; 132].into();
                    number += 1;
                    let f = frame::ClientFrame { frame: Some(client_frame::Frame::Send(send)) };
                    s.socket.feed(tokio_tungstenite::tungstenite::Message::Binary(f.encode_to_vec().into())).await.unwrap();
                    open += 1;
                }
                s.socket.flush().await.unwrap();
                if let server_frame::Frame::Acknowledged(_) = s.next().await {
                    open -= 1;
                    total.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
            }
        });
    }
    let _ = message_id(1);
    tokio::time::sleep(Duration::from_secs(3)).await;
    for _ in 0..3 {
        let (t0, p0, m0, n0) = (Instant::now(), pg_cpu(postmaster), cpu(me), total.load(std::sync::atomic::Ordering::Relaxed));
        tokio::time::sleep(Duration::from_secs(5)).await;
        let n = total.load(std::sync::atomic::Ordering::Relaxed) - n0;
        let (p, m) = (pg_cpu(postmaster) - p0, cpu(me) - m0);
        println!("window {window}: {:.0} sends/s, pg {:.1} us/row, process(server+load) {:.1} us", n as f64 / t0.elapsed().as_secs_f64(), p as f64 * 10_000.0 / n as f64, m as f64 * 10_000.0 / n as f64);
    }
    let text = relay.get("/metrics").await.text().await.unwrap();
    for line in text.lines().filter(|l| l.starts_with("chatalot_batch")) { println!("{line}"); }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
}
