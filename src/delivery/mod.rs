//! What is sent to others and must arrive although they may be away: mails, and logout tokens to clients. It is stored
//! sealed (`store::deliveries`) by whatever causes it, in the same transaction, and sent by the background until it has
//! arrived or is given up.
//!
//! Whoever has queued something nudges after the commit.

pub mod letter;
pub mod mail;

use tokio::sync::Notify;

/// Wakes whoever sends. Clones share nothing: it lives in the application.
#[derive(Debug, Default)]
pub struct Deliveries(Notify);

impl Deliveries {
    /// Something was queued and committed: it is sent now, not with the next round.
    pub fn nudge(&self) {
        self.0.notify_one();
    }
}
