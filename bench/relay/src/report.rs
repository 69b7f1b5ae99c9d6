//! The one line that the bench prints.

use serde_json::json;

use crate::load::Measured;

/// Everything that was measured.
pub struct Figures {
    /// The server's memory before anybody came, in bytes.
    pub rss_idle: u64,
    /// Bytes per idle socket.
    pub per_socket: f64,
    /// The load.
    pub measured: Measured,
    /// Rows per second of PostgreSQL alone.
    pub floor: f64,
}

fn percentile(sorted: &[f64], of_hundred: usize) -> f64 {
    let at = (sorted.len() * of_hundred / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

/// Prints `{"rows":[…]}`.
pub fn print(figures: &Figures) {
    let row = |name: &str, unit: &str, value: f64| json!({ "name": name, "unit": unit, "value": (value * 1000.0).round() / 1000.0 });
    let measured = &figures.measured;
    let rows = [
        row("sends_per_s", "1/s", measured.sends_per_s),
        row("send_p50_ms", "ms", percentile(&measured.latencies_ms, 50)),
        row("send_p99_ms", "ms", percentile(&measured.latencies_ms, 99)),
        row("cpu_ms_per_send_server", "ms", measured.server_cpu_ms),
        row("cpu_ms_per_send_database", "ms", measured.database_cpu_ms),
        row("rss_idle_mib", "MiB", figures.rss_idle as f64 / 1_048_576.0),
        row("bytes_per_idle_socket", "B", figures.per_socket),
        row("wire_overhead_bytes", "B", measured.wire_overhead as f64),
        row("floor_rows_per_s", "1/s", figures.floor),
    ];
    println!("{}", json!({ "rows": rows }));
}
