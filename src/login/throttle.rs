//! Limits on password attempts, counted in the database before the password is looked at, so that parallel guesses,
//! other nodes and restarts do not add any.

use crate::{app::App, error::PageError, store};

/// Seconds of a window.
pub const WINDOW: i64 = 900;
/// Attempts on one account from browsers it does not know, and from each browser it knows.
pub const PER_ACCOUNT: i64 = 10;
/// Failed attempts from one address on any accounts.
pub const PER_ADDRESS: i64 = 100;

/// Whether an attempt may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Go,
    /// Not for this many seconds.
    Wait(i64),
}

/// Counts an attempt on `account` by a known `device` (or a stranger) from `address`.
///
/// # Errors
/// When the database does not answer.
pub async fn attempt(app: &App, account: &str, device: Option<&str>, address: &str) -> Result<Verdict, PageError> {
    let now = app.clock.now();
    let mut verdict = Verdict::Go;
    for (key, limit) in [(account_key(app, account, device), PER_ACCOUNT), (key(app, "address", address), PER_ADDRESS)] {
        let (count, until) = store::throttles::count(&app.db, &key, WINDOW, now).await?;
        if count > limit {
            verdict = Verdict::Wait((until - now).max(1));
        }
    }
    Ok(verdict)
}

/// After a success: forgets the attempts on the account, and takes this one off the address's count, so that an office
/// full of people who know their passwords is not limited.
///
/// # Errors
/// When the database does not answer.
pub async fn succeeded(app: &App, account: &str, device: Option<&str>, address: &str) -> Result<(), PageError> {
    store::throttles::refund(&app.db, &key(app, "address", address)).await?;
    Ok(store::throttles::clear(&app.db, &account_key(app, account, device)).await?)
}

fn account_key(app: &App, account: &str, device: Option<&str>) -> String {
    match device {
        Some(device) => key(app, "device", &format!("{account}/{device}")),
        None => key(app, "account", account),
    }
}

/// Fingerprints, so that the table tells nobody which addresses were tried.
fn key(app: &App, kind: &str, value: &str) -> String {
    app.sealer.fingerprint(&format!("throttle/{kind}"), value)
}
