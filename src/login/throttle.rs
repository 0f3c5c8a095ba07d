//! Limits on password attempts, counted in the database before the password is looked at, so that parallel guesses,
//! other nodes and restarts do not add any. None can be turned against the owner of an account: an address that has had
//! its share no longer counts on accounts, a browser that the account knows answers for itself alone, and who signs in
//! takes nothing from those who share their address.

use crate::{app::App, error::PageError, store};

/// Seconds of a window.
pub const WINDOW: i64 = 900;
/// Attempts on one account from browsers it does not know, and from each browser it knows.
pub const PER_ACCOUNT: i64 = 10;
/// Attempts from one address on any accounts, by browsers that the account does not know; those that succeed do not count.
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
    let of_address = device.is_none().then(|| (key(app, "address", address), PER_ADDRESS));
    for (key, limit) in of_address.into_iter().chain([(account_key(app, account, device), PER_ACCOUNT)]) {
        let (count, until) = store::throttles::count(&app.db, &key, WINDOW, now).await?;
        if count > limit {
            return Ok(Verdict::Wait((until - now).max(1)));
        }
    }
    Ok(Verdict::Go)
}

/// Forgets the attempts on an account after a success, and the one from the address that succeeded.
///
/// # Errors
/// When the database does not answer.
pub async fn succeeded(app: &App, account: &str, device: Option<&str>, address: &str) -> Result<(), PageError> {
    if device.is_none() {
        store::throttles::take_back(&app.db, &key(app, "address", address)).await?;
    }
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
