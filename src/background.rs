//! What a node does beside answering requests: follows what other nodes change, rotates keys by age, sweeps what has
//! expired, fetches again what providers publish, looks for the
//! records of domains, and sends what is queued.

use std::time::Duration;

use tokio::{
    task::{JoinHandle, JoinSet},
    time::{MissedTickBehavior, interval},
};

use crate::{
    app::{self, App},
    delivery::{
        Worker,
        audit_webhook::{Round, Sender},
    },
    domain_proof, expiry, metrics, saml_keys, signing, store,
};

/// Seconds between looks at the stored keys: a new key is known on every node after that long.
pub const POLL: u64 = 5;
/// Milliseconds between looks for what other nodes have changed.
pub const LOOK: u64 = 250;
/// Rounds from one sweep, and look at the keys' age, to the next.
const SWEEP_EVERY: u64 = 12;
/// Rounds from one look at what ends to the next.
const ENDINGS_EVERY: u64 = 60;

/// Runs until the handle is aborted.
#[must_use]
pub fn spawn(app: App) -> JoinHandle<()> {
    tokio::spawn(async move {
        let own = async {
            let mut ticks = interval(Duration::from_secs(POLL));
            let mut rounds = Rounds::default();
            loop {
                ticks.tick().await;
                rounds.go(&app).await;
            }
        };
        // Each beside the others: a provider that does not answer keeps none of our keys from being followed, nor what others
        // publish from being fetched.
        let providers = async {
            let mut ticks = interval(Duration::from_secs(POLL));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                app.providers.refresh_due().await;
            }
        };
        let key_sets = async {
            let mut ticks = interval(Duration::from_secs(POLL));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                app.key_sets.refresh_due(app.clock.now()).await;
            }
        };
        // A round may last as long as a tenant's issuers do not answer; the next does not wait for it.
        let new_keys = async {
            let mut ticks = interval(Duration::from_secs(POLL));
            let mut rounds = JoinSet::new();
            loop {
                ticks.tick().await;
                while rounds.try_join_next().is_some() {}
                let app = app.clone();
                rounds.spawn(async move { app.trust.warm(app.clock.now()).await });
            }
        };
        // And a name server none of these.
        let domains = async {
            let mut ticks = interval(Duration::from_secs(POLL));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                domain_proof::look_again(&app).await;
            }
        };
        let others = async {
            let mut ticks = interval(Duration::from_millis(LOOK));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                // What fails here fails for whoever asks, too, and is said there.
                if let Err(e) = app.trust.look().await {
                    tracing::debug!(cause = %e, "what other nodes have changed cannot be seen");
                }
            }
        };
        let log = async {
            let mut ticks = interval(Duration::from_secs(1));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut sender = Sender::new(app.clone());
            loop {
                ticks.tick().await;
                // What waits goes at once, batch after batch.
                while matches!(sender.round().await, Ok(Round::Arrived)) {}
            }
        };
        tokio::join!(own, providers, key_sets, new_keys, domains, others, log, Worker::new(app.clone()).run());
    })
}

/// What a node remembers from one round to the next.
#[derive(Debug, Default)]
pub struct Rounds {
    /// The stored keys that the ring holds, by id and end.
    seen: Vec<(String, Option<i64>)>,
    /// The same of the keys towards SAML providers.
    saml_seen: Vec<(String, Option<i64>)>,
    count: u64,
}

impl Rounds {
    /// One round: every one looks for keys of other nodes, every twelfth also rotates and sweeps. What fails is logged and
    /// tried again in the next.
    pub async fn go(&mut self, app: &App) {
        self.count += 1;
        let housekeeping = self.count.is_multiple_of(SWEEP_EVERY);
        metrics::upkeep();
        if let Err(e) = self.follow_keys(app, housekeeping).await {
            tracing::error!(cause = %e, "signing keys could not be refreshed; the last known ones stay");
        }
        if let Err(e) = self.follow_saml_keys(app, housekeeping).await {
            tracing::error!(cause = %e, "SAML keys could not be refreshed; the last known ones stay");
        }
        if self.count % ENDINGS_EVERY == 1
            && let Err(e) = follow_endings(app).await
        {
            tracing::error!(cause = %e, "what ends soon cannot be read; the last known stays");
        }
        if housekeeping {
            app.limits.begin_round();
            if let Err(e) = app.providers.measure().await {
                tracing::error!(cause = %e, "providers' metadata cannot be counted");
            }
            match store::sweep::sweep(&app.db, &app.sealer, app.settings.audit_retention, app.clock.now()).await {
                Ok(0) => {}
                Ok(rows) => tracing::debug!(rows, "expired rows swept"),
                Err(e) => tracing::error!(cause = %e, "sweeping failed"),
            }
            let before = app.clock.now() - app.settings.trace_days * 86_400;
            if let Err(e) = store::traces::sweep(&app.db, before, store::traces::MOST).await {
                tracing::error!(cause = %e, "traces of sign-ins cannot be swept");
            }
        }
    }

    async fn follow_keys(&mut self, app: &App, rotate: bool) -> Result<(), signing::SigningError> {
        if rotate {
            signing::ensure(&app.db, &app.sealer, &app::rotation_policy(&app.settings), app.clock.now()).await?;
        }
        let state = signing::state(&app.db).await?;
        if state != self.seen {
            signing::load(&app.db, &app.sealer, &app.ring, app.clock.now()).await?;
            // Only now: a failed load is tried again in the next round.
            self.seen = state;
        }
        Ok(())
    }

    async fn follow_saml_keys(&mut self, app: &App, rotate: bool) -> Result<(), saml_keys::SamlKeyError> {
        if rotate {
            saml_keys::ensure_if_needed(app).await?;
        }
        let state = saml_keys::state(&app.db).await?;
        if state != self.saml_seen {
            saml_keys::load(&app.db, &app.sealer, &app.credentials, app.clock.now()).await?;
            self.saml_seen = state;
        }
        Ok(())
    }
}

async fn follow_endings(app: &App) -> Result<(), store::StoreError> {
    expiry::refresh(app).await?;
    expiry::warn(app).await
}
