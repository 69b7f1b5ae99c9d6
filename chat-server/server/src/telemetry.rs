//! The log and the metrics.
//!
//! Neither ever holds a token, a password, an invite's code or a body: what is
//! logged is put together by hand from ids, counts and closed codes. Paths of
//! requests are logged as their routes, because an invite's path holds its code.

use std::io::IsTerminal as _;
use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};

/// Whether a text is a filter for the log.
pub(crate) fn is_filter(text: &str) -> bool {
    EnvFilter::try_new(text).is_ok()
}

/// Begins to log to standard error. A program does it once; what a test has set
/// up before stays.
pub fn start_log(config: &LogConfig) {
    // The configuration has checked it; a filter that lets nothing through is
    // worse than the usual one.
    let filter = EnvFilter::try_new(&config.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // Colours are for people who watch, not for files.
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    // An error means that a log is there already.
    let _ = match config.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}

/// Seconds, from a fast commit to a slow one.
const SECONDS: &[f64] = &[
    0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.0, 2.5, 5.0,
];
/// Messages of one batch.
const MESSAGES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// Begins to count. The recorder is one per process, and so is its handle: two
/// servers in one test share it.
///
/// # Panics
/// When another recorder was installed before: then nothing could be rendered.
pub fn start_metrics() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let recorder = PrometheusBuilder::new()
                .set_buckets(SECONDS)
                .and_then(|builder| {
                    let batches = Matcher::Full("chatalot_batch_messages".to_owned());
                    builder.set_buckets_for_metric(batches, MESSAGES)
                })
                .expect("the buckets are not empty")
                .build_recorder();
            let handle = recorder.handle();
            metrics::set_global_recorder(recorder)
                .expect("no other part of the program installs a recorder");
            describe();
            handle
        })
        .clone()
}

fn describe() {
    use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
    describe_counter!("chatalot_sends_total", "messages taken from clients");
    describe_counter!(
        "chatalot_acknowledged_total",
        "messages stored and acknowledged"
    );
    describe_counter!(
        "chatalot_repeated_total",
        "messages that were stored before"
    );
    describe_counter!("chatalot_refused_total", "what was refused, by code");
    describe_counter!(
        "chatalot_delivered_total",
        "live frames handed to connections"
    );
    describe_counter!(
        "chatalot_gaps_total",
        "connections whose live frames were dropped"
    );
    describe_counter!(
        "chatalot_batch_failures_total",
        "batches that were tried again"
    );
    describe_histogram!("chatalot_batch_messages", "messages of one transaction");
    describe_histogram!(
        "chatalot_batch_seconds",
        Unit::Seconds,
        "time of one transaction"
    );
    describe_histogram!(
        "chatalot_http_seconds",
        Unit::Seconds,
        "time of one request, by route"
    );
    describe_gauge!("chatalot_connections", "open sockets");
    describe_gauge!("chatalot_send_queue", "messages that wait for the database");
    describe_gauge!("chatalot_database_up", "1 while the database answers");
}
