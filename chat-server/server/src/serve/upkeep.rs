//! What a server does now and then.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::app::App;
use crate::failure::chain;
use crate::frames;

/// How often connections with traffic get a newer resume point.
const POSITIONS: Duration = Duration::from_secs(5);
/// How often histograms are folded together.
const METRICS: Duration = Duration::from_secs(5);
/// How often partitions are made and dropped. Much more often than a day, so that
/// one that could not be made or dropped has its next try soon.
const DAILY: Duration = Duration::from_hours(1);

/// Calls `work` at each interval until the server goes away.
async fn every<F: Future<Output = ()>>(app: &App, period: Duration, work: impl Fn() -> F) {
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => work().await,
            () = app.lifecycle.draining.cancelled() => return,
        }
    }
}

/// Tells connections with traffic a newer resume point, so that after a break
/// they ask for little.
pub(super) async fn positions(app: Arc<App>) {
    every(&app, POSITIONS, || async {
        // Nothing is being published while the position is taken: everything that
        // was committed before it is in the outboxes, and so before it on the wire.
        let publication = app.publication.write().await;
        let position = app.store.position().await;
        match position {
            Ok(position) => {
                let frame = frames::position(position);
                app.hub
                    .for_all(|connection| connection.push_position(&frame));
            }
            Err(error) => {
                tracing::warn!(error = %chain(&error), "no newer resume points for now");
            }
        }
        drop(publication);
    })
    .await;
}

/// Makes partitions ahead of time, drops what is over.
pub(super) async fn daily(app: Arc<App>) {
    every(&app, DAILY, || async {
        let now_ms = app.now_ms();
        let done = app.store.settle_partitions(now_ms).await;
        let done = match done {
            Ok(()) => app.store.remove_ended_invites(now_ms).await.map(drop),
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            tracing::error!(error = %chain(&error), "the upkeep of the database failed");
        }
    })
    .await;
}

/// Keeps the memory of the metrics bounded.
pub(super) async fn metrics(app: Arc<App>) {
    every(&app, METRICS, || async { app.metrics.run_upkeep() }).await;
}
