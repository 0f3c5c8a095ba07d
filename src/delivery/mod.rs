//! What is sent to others and must arrive although they may be away: mails, and logout tokens to clients. It is stored
//! sealed (`store::deliveries`) by whatever causes it, in the same transaction; after the commit that one nudges
//! ([`Deliveries`]), and a `worker` on some node sends it, again and again, until it has arrived or is given up.
//!
//! One kind, one file, with one function from its payload to an [`Outcome`]. The audit log goes its own way (`audit_webhook`):
//! in its order, and without end.

pub mod audit_webhook;
mod backchannel_logout;
mod pause;
mod worker;

pub mod letter;
pub mod mail;

use tokio::sync::Notify;
pub use worker::Worker;

use crate::{
    app::App,
    store::deliveries::{Delivery, Kind},
};

/// Wakes whoever sends.
#[derive(Debug, Default)]
pub struct Deliveries(Notify);

impl Deliveries {
    /// Something was queued and committed: it is sent now, not with the next round.
    pub fn nudge(&self) {
        self.0.notify_one();
    }

    async fn nudged(&self) {
        self.0.notified().await;
    }
}

/// What came of one attempt. The texts are for the log: they hold nothing of what was sent or answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has arrived.
    Arrived,
    /// Nobody wants it any more.
    Moot(&'static str),
    /// The receiver understands it and does not take it, or must not be called: tried again a few times.
    Refused(String),
    /// The receiver is away, or in trouble: tried again for a day.
    Away(String),
}

/// One attempt.
async fn send(app: &App, delivery: &Delivery) -> Outcome {
    match delivery.kind {
        Kind::BackchannelLogout => match delivery.payload(&app.sealer) {
            Ok(logout) => backchannel_logout::send(app, &logout).await,
            Err(e) => Outcome::Refused(e.to_string()),
        },
        Kind::Mail => mail::deliver(app, delivery).await,
    }
}
