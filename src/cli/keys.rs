//! `gatehouse keys …`.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{Problems, one, say};
use crate::{
    app,
    clock::Clock,
    config::Settings,
    connector::saml::{certificate, credentials::Usage},
    moment::Moment,
    oauth::client::SigningAlg,
    saml_keys, signing,
    store::{self, audit::Actor, keys::Row as Key, saml_keys::Row as SamlKey},
    token::rotation::Due,
};

/// Makes a new key of one algorithm, or of all.
pub async fn rotate(settings: &Settings, alg: Option<SigningAlg>) -> Result<(), Problems> {
    let (db, sealer) = app::open_store(settings).await.map_err(one)?;
    let policy = app::rotation_policy(settings);
    let now = Clock::system().now();
    for alg in SigningAlg::ALL.into_iter().filter(|a| alg.is_none_or(|only| only == *a)) {
        match signing::rotate(&db, &sealer, &policy, alg, Due::Now, &Actor::command_line(), now).await.map_err(one)? {
            Some(kid) => say(format!("{}: new key {kid}", alg.as_str())),
            None => say(format!("{}: another node has just made a new key", alg.as_str())),
        }
    }
    db.close().await;
    list(settings).await
}

/// Makes the next key towards SAML providers, unless one is waiting.
pub async fn rotate_saml(settings: &Settings, usage: Usage) -> Result<(), Problems> {
    let (db, sealer) = app::open_store(settings).await.map_err(one)?;
    let (actor, now) = (Actor::command_line(), Clock::system().now());
    let made = saml_keys::rotate(&db, &sealer, &settings.public_url, usage, Due::Now, &actor, now).await.map_err(one)?;
    let what = if made.is_some() { "new key" } else { "the next key is already there:" };
    let rows = store::saml_keys::all(&db).await.map_err(one)?;
    if let Some(row) = rows.iter().rfind(|row| row.usage == usage.as_str()) {
        say(format!("saml {}: {what} {}, in use from {}", row.usage, name(row), utc(row.active_from)));
    }
    db.close().await;
    list(settings).await
}

/// Prints all keys: algorithm, kid, state and times; then those towards SAML providers, if there are any.
pub async fn list(settings: &Settings) -> Result<(), Problems> {
    let (db, _) = app::open_store(settings).await.map_err(one)?;
    let keys = store::keys::all(&db).await.map_err(one)?;
    let saml = store::saml_keys::all(&db).await.map_err(one)?;
    db.close().await;
    let now = Clock::system().now();
    say(format!("{:<6} {:<44} {:<10} {:<21} {:<21} {}", "ALG", "KID", "STATE", "CREATED", "SIGNS FROM", "LEAVES"));
    let all: Vec<Line<'_>> = keys.iter().map(Line::from).collect();
    for (line, key) in all.iter().zip(&keys) {
        say(format!("{:<6} {:<44} {}", key.alg, key.kid, line.times(&all, now, "signs")));
    }
    if saml.is_empty() {
        return Ok(());
    }
    say(format!(
        "\n{:<7} {:<64} {:<10} {:<21} {:<21} {}",
        "SAML", "CERTIFICATE (SHA-256)", "STATE", "CREATED", "USED FROM", "LEAVES"
    ));
    let all: Vec<Line<'_>> = saml.iter().map(Line::from).collect();
    for (line, key) in all.iter().zip(&saml) {
        say(format!("{:<7} {:<64} {}", key.usage, name(key), line.times(&all, now, "used")));
    }
    Ok(())
}

/// What both kinds of keys have in common.
struct Line<'a> {
    row: &'a str,
    generation: i64,
    created_at: i64,
    active_from: i64,
    expires_at: Option<i64>,
}

impl<'a> From<&'a Key> for Line<'a> {
    fn from(k: &'a Key) -> Self {
        let (row, generation) = (k.alg.as_str(), k.generation);
        Self { row, generation, created_at: k.created_at, active_from: k.active_from, expires_at: k.expires_at }
    }
}

impl<'a> From<&'a SamlKey> for Line<'a> {
    fn from(k: &'a SamlKey) -> Self {
        let (row, generation) = (k.usage.as_str(), k.generation);
        Self { row, generation, created_at: k.created_at, active_from: k.active_from, expires_at: k.expires_at }
    }
}

impl Line<'_> {
    /// Its state, `used` when it is the one in use, and its times.
    fn times(&self, all: &[Line<'_>], now: i64, used: &str) -> String {
        let follows = |k: &Line<'_>| k.row == self.row && k.generation > self.generation && k.active_from <= now;
        let state = match self {
            k if k.expires_at.is_some_and(|e| e <= now) => "gone",
            k if k.active_from > now => "published",
            _ if all.iter().any(follows) => "leaving",
            _ => used,
        };
        let leaves = self.expires_at.map_or_else(|| "-".to_owned(), utc);
        format!("{state:<10} {:<21} {:<21} {leaves}", utc(self.created_at), utc(self.active_from))
    }
}

/// The fingerprint of its certificate, as the provider's console shows it.
fn name(key: &SamlKey) -> String {
    STANDARD.decode(&key.certificate).map_or_else(|_| "unreadable".to_owned(), |der| certificate::fingerprint(&der))
}

fn utc(at: i64) -> String {
    Moment(at).machine()
}
