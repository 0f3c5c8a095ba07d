//! What a node does beside answering requests: follows key changes of other nodes, rotates keys by age, sweeps what has
//! expired.

use std::time::Duration;

use tokio::{task::JoinHandle, time::interval};

use crate::{
    app::{self, App},
    signing, store,
};

/// Seconds between looks at the stored keys: a new key is known on every node after that long.
pub const POLL: u64 = 5;
/// Looks between two sweeps.
const SWEEP_EVERY: u64 = 12;

/// Runs until the handle is aborted.
#[must_use]
pub fn spawn(app: App) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut ticks = interval(Duration::from_secs(POLL));
        let mut seen = Vec::new();
        let mut turn = 0u64;
        loop {
            ticks.tick().await;
            turn += 1;
            if let Err(e) = keys(&app, &mut seen, turn).await {
                tracing::error!(cause = %e, "signing keys could not be refreshed; the last known ones stay");
            }
            if turn.is_multiple_of(SWEEP_EVERY) {
                app.limiter.forget_quiet();
                match store::sweep::sweep(&app.db, app.clock.now()).await {
                    Ok(0) => {}
                    Ok(rows) => tracing::debug!(rows, "expired rows swept"),
                    Err(e) => tracing::error!(cause = %e, "sweeping failed"),
                }
            }
        }
    })
}

async fn keys(app: &App, seen: &mut Vec<(String, Option<i64>)>, turn: u64) -> Result<(), signing::SigningError> {
    if turn.is_multiple_of(SWEEP_EVERY) {
        signing::ensure(&app.db, &app.sealer, &app::rotation_policy(&app.settings), app.clock.now()).await?;
    }
    let state = signing::state(&app.db).await?;
    if state != *seen {
        signing::load(&app.db, &app.sealer, &app.ring, app.clock.now()).await?;
        // Only now: a failed load is tried again at the next look.
        *seen = state;
    }
    Ok(())
}
