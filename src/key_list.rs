//! Our keys as operators see them, those that sign tokens and those towards SAML providers: which state each is in, and when
//! it comes and goes. For the command line, the admin pages and the API alike.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    app,
    config::Settings,
    connector::saml::{
        certificate::{ends_at, fingerprint},
        credentials::Usage,
    },
    oauth::client::SigningAlg,
    saml_keys,
    seal::Sealer,
    signing,
    store::{self, Db, StoreError, audit::Actor},
    token::rotation::{Due, RotationPolicy},
};

/// What a key is for: of each there is a row of keys that follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Row {
    /// Signs tokens.
    Token(SigningAlg),
    /// Signs towards SAML providers, or decrypts what they send.
    Saml(Usage),
}

impl Row {
    /// All there can be.
    #[must_use]
    pub fn all() -> Vec<Self> {
        SigningAlg::ALL.map(Self::Token).into_iter().chain(Usage::ALL.map(Self::Saml)).collect()
    }

    /// As addresses spell it: the algorithm, or `saml-sign`, `saml-encrypt`.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Token(alg) => alg.as_str().to_owned(),
            Self::Saml(usage) => format!("saml-{}", usage.as_str()),
        }
    }

    /// By that.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().into_iter().find(|row| row.name() == name)
    }
}

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Published, and not yet used.
    Next,
    /// The one in use.
    Current,
    /// No longer used, and still published.
    Retiring,
    /// No longer published.
    Gone,
}

impl State {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Current => "current",
            Self::Retiring => "retiring",
            Self::Gone => "gone",
        }
    }
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// What it is for.
    pub row: Row,
    /// Its id in token headers, or the fingerprint of its certificate.
    pub name: String,
    /// Where it is in its life.
    pub state: State,
    /// Whether it came from a configured JWKS: its operator replaces it.
    pub imported: bool,
    /// Published from then on (unix seconds).
    pub created_at: i64,
    /// Used from then on (unix seconds).
    pub active_from: i64,
    /// When it is no longer published, if that is known (unix seconds).
    pub leaves_at: Option<i64>,
    /// When its successor is used instead, unless somebody has that done before (unix seconds).
    pub followed_at: Option<i64>,
    /// When its certificate ends (unix seconds).
    pub certificate_ends_at: Option<i64>,
}

/// What is stored of a key of either kind.
struct Stored {
    row: Row,
    name: String,
    generation: i64,
    imported: bool,
    created_at: i64,
    active_from: i64,
    expires_at: Option<i64>,
    certificate_ends_at: Option<i64>,
}

/// All keys that are stored, the oldest of each row first.
///
/// # Errors
/// What the database says.
pub async fn all(db: &Db, settings: &Settings, now: i64) -> Result<Vec<Key>, StoreError> {
    let mut stored = Vec::new();
    for key in store::keys::all(db).await? {
        // One of an algorithm that only a newer gatehouse knows is its to tell of.
        let Some(alg) = SigningAlg::from_name(&key.alg) else { continue };
        stored.push(Stored {
            row: Row::Token(alg),
            name: key.kid,
            generation: key.generation,
            imported: key.imported,
            created_at: key.created_at,
            active_from: key.active_from,
            expires_at: key.expires_at,
            certificate_ends_at: None,
        });
    }
    for key in store::saml_keys::all(db).await? {
        let Some(usage) = Usage::from_name(&key.usage) else { continue };
        let certificate = STANDARD.decode(&key.certificate).unwrap_or_default();
        stored.push(Stored {
            row: Row::Saml(usage),
            name: if certificate.is_empty() { "unreadable".to_owned() } else { fingerprint(&certificate) },
            generation: key.generation,
            imported: false,
            created_at: key.created_at,
            active_from: key.active_from,
            expires_at: key.expires_at,
            certificate_ends_at: ends_at(&certificate),
        });
    }
    Ok(stored.iter().map(|key| key.seen(&stored, settings, now)).collect())
}

impl Stored {
    fn seen(&self, all: &[Self], settings: &Settings, now: i64) -> Key {
        let younger = || all.iter().filter(|other| other.row == self.row && other.generation > self.generation);
        let state = match self {
            key if key.expires_at.is_some_and(|at| at <= now) => State::Gone,
            key if key.active_from > now => State::Next,
            _ if younger().any(|other| other.active_from <= now) => State::Retiring,
            _ => State::Current,
        };
        let policy = policy(self.row, settings);
        let by_age = (!self.imported).then(|| self.active_from + policy.max_age);
        let followed_at = younger().map(|other| other.active_from).min().or(by_age);
        Key {
            row: self.row,
            name: self.name.clone(),
            state,
            imported: self.imported,
            created_at: self.created_at,
            active_from: self.active_from,
            leaves_at: self.expires_at,
            followed_at: followed_at.filter(|_| state == State::Current),
            certificate_ends_at: self.certificate_ends_at,
        }
    }
}

/// How keys of a row follow one another.
#[must_use]
pub fn policy(row: Row, settings: &Settings) -> RotationPolicy {
    match row {
        Row::Token(_) => app::rotation_policy(settings),
        Row::Saml(usage) => saml_keys::policy(usage),
    }
}

/// Why there is no new key.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum RotationError {
    #[error(transparent)]
    Signing(#[from] signing::SigningError),
    #[error(transparent)]
    Saml(#[from] saml_keys::SamlKeyError),
}

/// Makes the next key of a row now; `false` when the next one is waiting already.
///
/// # Errors
/// When the database does not answer or a key cannot be made.
pub async fn rotate(
    db: &Db,
    sealer: &Sealer,
    settings: &Settings,
    row: Row,
    actor: &Actor,
    now: i64,
) -> Result<bool, RotationError> {
    Ok(match row {
        Row::Token(alg) => {
            signing::rotate(db, sealer, &app::rotation_policy(settings), alg, Due::Now, actor, now).await?.is_some()
        }
        Row::Saml(usage) => saml_keys::rotate(db, sealer, &settings.public_url, usage, Due::Now, actor, now).await?.is_some(),
    })
}
