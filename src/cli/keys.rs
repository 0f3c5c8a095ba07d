//! `gatehouse keys …`.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use clap::Subcommand;

use super::{Problems, one, say};
use crate::{
    app,
    clock::Clock,
    config::Settings,
    connector::saml::{certificate, credentials::Usage},
    key_list::{self, Key, Row, State},
    moment::Moment,
    oauth::client::SigningAlg,
    saml_keys, signing,
    store::{self, audit::Actor, saml_keys::Row as SamlKey},
    token::rotation::Due,
};

#[derive(Subcommand)]
pub enum Keys {
    /// Make new signing keys; running nodes pick them up, and old ones stay published while their tokens live
    Rotate {
        /// Only the key of this algorithm: ES256, RS256 or EdDSA
        #[arg(long, value_parser = algorithm)]
        alg: Option<SigningAlg>,
        /// Instead, the next key and certificate towards SAML providers: sign or encrypt
        ///
        /// It is in our metadata at once and in use after 30 days: providers that do not read our metadata must be given
        /// the new certificate by then.
        #[arg(long, value_parser = usage, value_name = "USAGE", conflicts_with = "alg")]
        saml: Option<Usage>,
    },
    /// List all signing keys with their times, and the keys towards SAML providers
    List,
}

/// Runs one command.
pub async fn run(settings: &Settings, command: Keys) -> Result<(), Problems> {
    match command {
        Keys::Rotate { saml: Some(usage), .. } => rotate_saml(settings, usage).await,
        Keys::Rotate { alg, saml: None } => rotate(settings, alg).await,
        Keys::List => list(settings).await,
    }
}

fn algorithm(name: &str) -> Result<SigningAlg, String> {
    SigningAlg::from_name(name).ok_or_else(|| format!("must be one of {}", SigningAlg::ALL.map(SigningAlg::as_str).join(", ")))
}

fn usage(name: &str) -> Result<Usage, String> {
    Usage::from_name(name).ok_or_else(|| format!("must be one of {}", Usage::ALL.map(Usage::as_str).join(", ")))
}

/// Makes a new key of one algorithm, or of all.
async fn rotate(settings: &Settings, alg: Option<SigningAlg>) -> Result<(), Problems> {
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
async fn rotate_saml(settings: &Settings, usage: Usage) -> Result<(), Problems> {
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
async fn list(settings: &Settings) -> Result<(), Problems> {
    let (db, _) = app::open_store(settings).await.map_err(one)?;
    let keys = key_list::all(&db, settings, Clock::system().now()).await.map_err(one)?;
    db.close().await;
    let (tokens, saml): (Vec<&Key>, Vec<&Key>) = keys.iter().partition(|key| matches!(key.row, Row::Token(_)));
    say(format!("{:<6} {:<44} {:<10} {:<21} {:<21} {}", "ALG", "KID", "STATE", "CREATED", "SIGNS FROM", "LEAVES"));
    for key in tokens {
        say(format!("{:<6} {:<44} {}", key.row.name(), key.name, times(key, "signs")));
    }
    if saml.is_empty() {
        return Ok(());
    }
    say(format!(
        "\n{:<7} {:<64} {:<10} {:<21} {:<21} {}",
        "SAML", "CERTIFICATE (SHA-256)", "STATE", "CREATED", "USED FROM", "LEAVES"
    ));
    for key in saml {
        let Row::Saml(usage) = key.row else { continue };
        say(format!("{:<7} {:<64} {}", usage.as_str(), key.name, times(key, "used")));
    }
    Ok(())
}

/// A key's state, `used` when it is the one in use, and its times.
fn times(key: &Key, used: &str) -> String {
    let state = match key.state {
        State::Gone => "gone",
        State::Next => "published",
        State::Retiring => "leaving",
        State::Current => used,
    };
    let leaves = key.leaves_at.map_or_else(|| "-".to_owned(), utc);
    format!("{state:<10} {:<21} {:<21} {leaves}", utc(key.created_at), utc(key.active_from))
}

/// The fingerprint of its certificate, as the provider's console shows it.
fn name(key: &SamlKey) -> String {
    STANDARD.decode(&key.certificate).map_or_else(|_| "unreadable".to_owned(), |der| certificate::fingerprint(&der))
}

fn utc(at: i64) -> String {
    Moment(at).machine()
}
