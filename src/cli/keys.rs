//! `gatehouse keys …`.

use super::{Problems, one, say};
use crate::{
    app, clock::Clock, config::Settings, moment::Moment, oauth::client::SigningAlg, signing, store, token::rotation::Due,
};

/// Makes a new key of one algorithm, or of all.
pub async fn rotate(settings: &Settings, alg: Option<SigningAlg>) -> Result<(), Problems> {
    let (db, sealer) = app::open_store(settings).await.map_err(one)?;
    let policy = app::rotation_policy(settings);
    let now = Clock::system().now();
    for alg in SigningAlg::ALL.into_iter().filter(|a| alg.is_none_or(|only| only == *a)) {
        match signing::rotate(&db, &sealer, &policy, alg, Due::Now, now).await.map_err(one)? {
            Some(kid) => say(format!("{}: new key {kid}", alg.as_str())),
            None => say(format!("{}: another node has just made a new key", alg.as_str())),
        }
    }
    db.close().await;
    list(settings).await
}

/// Prints all keys: algorithm, kid, state and times.
pub async fn list(settings: &Settings) -> Result<(), Problems> {
    let (db, _) = app::open_store(settings).await.map_err(one)?;
    let keys = store::keys::all(&db).await.map_err(one)?;
    db.close().await;
    let now = Clock::system().now();
    say(format!("{:<6} {:<44} {:<10} {:<21} {:<21} {}", "ALG", "KID", "STATE", "CREATED", "SIGNS FROM", "LEAVES"));
    for (at, key) in keys.iter().enumerate() {
        let followed = keys[at + 1..].iter().any(|k| k.alg == key.alg && k.active_from <= now);
        let state = match key {
            k if k.expires_at.is_some_and(|e| e <= now) => "gone",
            k if k.active_from > now => "published",
            _ if followed => "leaving",
            _ => "signs",
        };
        let leaves = key.expires_at.map_or_else(|| "-".to_owned(), utc);
        let (created, active) = (utc(key.created_at), utc(key.active_from));
        say(format!("{:<6} {:<44} {state:<10} {created:<21} {active:<21} {leaves}", key.alg, key.kid));
    }
    Ok(())
}

fn utc(at: i64) -> String {
    Moment(at).machine()
}
