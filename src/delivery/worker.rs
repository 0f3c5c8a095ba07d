//! Takes what is due and sends it, a few at a time, and of one receiver fewer: whoever is slow holds up nobody else. Every
//! node has one worker; the lease in the database keeps them from sending the same thing at once.

use std::{collections::HashMap, time::Duration};

use tokio::{
    task::{Id, JoinSet},
    time::{MissedTickBehavior, interval, timeout},
};

use super::{Outcome, pause::pause, send};
use crate::{
    app::App,
    metrics, secret,
    store::{
        self, StoreError,
        deliveries::{Delivery, Due},
    },
};

/// Most attempts under way on one node.
const MOST: usize = 16;
/// Most of them to one receiver.
const EACH: usize = 2;
/// Most deliveries to one receiver before others get their turn.
const TURN: usize = 50;
/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(30);
/// Seconds for which a node takes a delivery: longer than an attempt, so that no other node begins one beside it.
const LEASE: i64 = 60;
/// Seconds after which nothing is tried any more.
const LIFETIME: i64 = 86_400;
/// How often something is tried that the receiver refuses.
const REFUSALS: i64 = 3;
/// How often a worker looks for what other processes have queued, and for what is due again.
const ROUND: Duration = Duration::from_secs(1);

/// Sends what is due.
pub struct Worker {
    app: App,
    under_way: JoinSet<()>,
    /// To whom each attempt under way goes.
    receivers: HashMap<Id, String>,
}

impl Worker {
    /// Does nothing yet.
    #[must_use]
    pub fn new(app: App) -> Self {
        Self { app, under_way: JoinSet::new(), receivers: HashMap::new() }
    }

    /// Sends until it is dropped, at every nudge and at least once a [`ROUND`].
    pub async fn run(mut self) {
        let app = self.app.clone();
        let mut ticks = interval(ROUND);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if let Err(e) = self.take().await {
                tracing::warn!(cause = %e, "deliveries cannot be read; they wait");
            }
            tokio::select! {
                Some(ended) = self.under_way.join_next_with_id() => self.settled(ended.map(|(id, ())| id)),
                () = app.deliveries.nudged() => {}
                _ = ticks.tick() => {}
            }
        }
    }

    /// Sends what is due, until nothing is.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn round(&mut self) -> Result<(), StoreError> {
        loop {
            self.take().await?;
            let Some(ended) = self.under_way.join_next_with_id().await else { return Ok(()) };
            self.settled(ended.map(|(id, ())| id));
        }
    }

    /// Begins as many attempts as there is room for.
    async fn take(&mut self) -> Result<(), StoreError> {
        if self.under_way.len() >= MOST {
            return Ok(());
        }
        let now = self.app.clock.now();
        // Whoever has no room may stand first in the list, with as many as there can be.
        let most = i64::try_from(MOST * EACH + MOST).unwrap_or(i64::MAX);
        let due = store::deliveries::due(&self.app.db, i64::try_from(EACH).unwrap_or(1), most, now).await?;
        for due in due {
            if self.under_way.len() >= MOST {
                break;
            }
            if self.receivers.values().filter(|r| **r == due.receiver).count() < EACH {
                self.begin(due, now).await?;
            }
        }
        Ok(())
    }

    async fn begin(&mut self, due: Due, now: i64) -> Result<(), StoreError> {
        let Some(delivery) = store::deliveries::claim(&self.app.db, &due, now + LEASE).await? else { return Ok(()) };
        let app = self.app.clone();
        let handle = self.under_way.spawn(async move {
            if let Err(e) = serve(&app, delivery).await {
                // The lease ends, and it is tried again.
                tracing::error!(cause = %e, "what came of a delivery cannot be written down");
            }
        });
        self.receivers.insert(handle.id(), due.receiver);
        Ok(())
    }

    fn settled(&mut self, ended: Result<Id, tokio::task::JoinError>) {
        self.receivers.remove(&ended.unwrap_or_else(|e| e.id()));
    }
}

/// Sends one thing after another to one receiver, while it takes them: who is shut out by the thousand is told of without
/// looking through all that waits each time.
async fn serve(app: &App, mut delivery: Delivery) -> Result<(), StoreError> {
    for _ in 1..TURN {
        if !attempt(app, &delivery).await? {
            return Ok(());
        }
        let now = app.clock.now();
        let Some(due) = store::deliveries::next_of(&app.db, &delivery.receiver, now).await? else { return Ok(()) };
        let Some(next) = store::deliveries::claim(&app.db, &due, now + LEASE).await? else { return Ok(()) };
        delivery = next;
    }
    attempt(app, &delivery).await.map(|_| ())
}

/// One attempt, and what follows from it; whether the receiver is there.
async fn attempt(app: &App, delivery: &Delivery) -> Result<bool, StoreError> {
    let (id, kind, receiver) = (delivery.id.as_str(), delivery.kind.as_str(), delivery.receiver.as_str());
    let outcome = timeout(ATTEMPT, send(app, delivery)).await;
    let outcome = outcome.unwrap_or_else(|_| Outcome::Away(format!("it took more than {} s", ATTEMPT.as_secs())));
    let now = app.clock.now();
    let is_there = !matches!(outcome, Outcome::Away(_));
    let (cause, last) = match outcome {
        Outcome::Arrived => {
            metrics::delivery(kind, "arrived");
            return store::deliveries::done(&app.db, id).await.map(|()| true);
        }
        Outcome::Moot(cause) => {
            metrics::delivery(kind, "moot");
            tracing::info!(delivery = id, kind, receiver, cause, "a delivery is not wanted any more");
            return store::deliveries::done(&app.db, id).await.map(|()| true);
        }
        Outcome::Refused(cause) => (cause, delivery.attempts >= REFUSALS),
        Outcome::Away(cause) => {
            let again = now + pause(delivery.attempts, secret::chance());
            store::deliveries::hold(&app.db, receiver, again).await?;
            (cause, false)
        }
    };
    if last || now - delivery.created_at >= LIFETIME {
        metrics::delivery(kind, "given_up");
        tracing::error!(delivery = id, kind, receiver, attempts = delivery.attempts, cause, "a delivery is given up");
        return store::deliveries::done(&app.db, id).await.map(|()| is_there);
    }
    metrics::delivery(kind, "later");
    tracing::warn!(delivery = id, kind, receiver, attempts = delivery.attempts, cause, "a delivery has to wait");
    let again = now + pause(delivery.attempts, secret::chance());
    store::deliveries::later(&app.db, delivery, again).await.map(|()| is_there)
}
