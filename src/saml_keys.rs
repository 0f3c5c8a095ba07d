//! Our keys towards SAML providers on all nodes: made when the first SAML connection needs them, loaded from the database,
//! followed by their successors by age or by command. Nodes see a new key within [`crate::background::POLL`] seconds.
//!
//! Providers pin our certificates, and many learn of a new one only when a person uploads it. So the times are long: a
//! successor is published [`LEAD`] before its first use, and that is [`LEAD`] before the certificate of its predecessor
//! ends.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::ExposeSecret as _;
use tokio::task::spawn_blocking;
use url::Url;

use crate::{
    app::Inner,
    connector::saml::{
        certificate::{CertificateError, Material},
        credentials::{Credentials, Usage},
    },
    policy::connection::Protocol,
    seal::Sealer,
    secret,
    store::{
        self, Db, StoreError,
        audit::{self, Action, Actor, Changes, Event},
        saml_keys::Row,
    },
    token::{
        keys::Validity,
        rotation::{Due, RotationPolicy, plan_rotation},
    },
};

const DAY: i64 = 86_400;
/// Seconds that a certificate is valid from its first use.
pub const VALIDITY: i64 = 3 * 365 * DAY;
/// Seconds that a key is published before its first use, and that its predecessor's certificate then still has.
pub const LEAD: i64 = 30 * DAY;
/// Seconds that a key which no longer signs stays in the metadata: longer than any message is under way.
pub const SIGNING_RETIRES_AFTER: i64 = DAY;
/// Seconds that a key decrypts after its successor came into use: until its own certificate ends.
pub const DECRYPTION_RETIRES_AFTER: i64 = LEAD;

/// What can go wrong with SAML keys.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum SamlKeyError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error("a SAML key cannot be made: {0}")]
    Making(#[from] tokio::task::JoinError),
    #[error("the database holds a SAML key of the unknown usage {0}: it was written by a newer gatehouse")]
    UnknownUsage(String),
    #[error("the database holds a SAML key whose certificate is no base64")]
    Unreadable(#[from] base64::DecodeError),
}

/// Makes sure that there is a key to sign with and one to decrypt with. The first need makes them (a deployment without
/// SAML has none, and starts fast); later calls look at memory alone. Of several that need them at once, here or on other
/// nodes, all get the same.
///
/// # Errors
/// When the database does not answer or a key cannot be made.
pub async fn ready(app: &Inner) -> Result<(), SamlKeyError> {
    if app.credentials.complete(app.clock.now()) {
        return Ok(());
    }
    let _one_at_a_time = app.saml_keys.lock().await;
    let now = app.clock.now();
    if !app.credentials.complete(now) {
        ensure(app).await?;
        load(&app.db, &app.sealer, &app.credentials, now).await?;
    }
    Ok(())
}

/// Reads all keys that are not gone into memory.
///
/// # Errors
/// When the database does not answer or a key does not open.
pub async fn load(db: &Db, sealer: &Sealer, credentials: &Credentials, now: i64) -> Result<(), SamlKeyError> {
    let rows = store::saml_keys::all(db).await?;
    let rows = rows.into_iter().filter(|r| r.expires_at.is_none_or(|at| now < at));
    let opened: Result<Vec<_>, SamlKeyError> = rows
        .map(|row| {
            let usage = Usage::from_name(&row.usage).ok_or(SamlKeyError::UnknownUsage(row.usage))?;
            let pkcs8 = sealer.open(&context(&row.id), &row.private_sealed).map_err(|e| StoreError::Sealed("SAML key", e))?;
            let material = Material { pkcs8: pkcs8.into(), certificate: STANDARD.decode(&row.certificate)? };
            Ok(material.open(usage, row.created_at, row.active_from, row.expires_at)?)
        })
        .collect();
    credentials.replace(opened?);
    Ok(())
}

/// What names the stored keys and their ends: two nodes with the same state hold the same keys.
///
/// # Errors
/// When the database does not answer.
pub async fn state(db: &Db) -> Result<Vec<(String, Option<i64>)>, StoreError> {
    Ok(store::saml_keys::all(db).await?.into_iter().map(|r| (r.id, r.expires_at)).collect())
}

/// Makes what is due, if there is any SAML connection.
///
/// # Errors
/// When the database does not answer or a key cannot be made.
pub async fn ensure_if_needed(app: &Inner) -> Result<(), SamlKeyError> {
    if store::connections::any(&app.db, Protocol::Saml).await? {
        let _one_at_a_time = app.saml_keys.lock().await;
        ensure(app).await?;
    }
    Ok(())
}

async fn ensure(app: &Inner) -> Result<(), SamlKeyError> {
    for usage in Usage::ALL {
        rotate(&app.db, &app.sealer, &app.settings.public_url, usage, Due::ByAge, &Actor::itself(), app.clock.now()).await?;
    }
    Ok(())
}

/// Makes the next key for `usage` when it is `due`, with a certificate for the host of `public_url`; what is stored of it, when one was made. Of two nodes that do so at
/// once one finds the generation taken and makes none.
///
/// # Errors
/// When the database does not answer or the key cannot be made.
pub async fn rotate(
    db: &Db,
    sealer: &Sealer,
    public_url: &Url,
    usage: Usage,
    due: Due,
    actor: &Actor,
    now: i64,
) -> Result<Option<Row>, SamlKeyError> {
    let rows: Vec<_> = store::saml_keys::all(db).await?.into_iter().filter(|r| r.usage == usage.as_str()).collect();
    let validities: Vec<Validity> = rows.iter().map(validity).collect();
    let Some(plan) = plan_rotation(&validities, now, &policy(usage), due) else { return Ok(None) };
    let host = public_url.host_str().unwrap_or("gatehouse").to_owned();
    let ends_at = plan.active_from + VALIDITY;
    let material = spawn_blocking(move || Material::generate(usage, &host, now, ends_at)).await??;
    let id = secret::row_id(now);
    let row = Row {
        usage: usage.as_str().to_owned(),
        generation: plan.generation,
        private_sealed: sealer.seal(&context(&id), material.pkcs8.expose_secret()),
        certificate: STANDARD.encode(&material.certificate),
        created_at: plan.created_at,
        active_from: plan.active_from,
        expires_at: None,
        id,
    };
    let mut tx = db.begin().await?;
    if !store::saml_keys::insert(&mut tx, &row).await? {
        return Ok(None);
    }
    store::saml_keys::expire_before(&mut tx, usage.as_str(), plan.generation, plan.retire_at).await?;
    let action = if rows.is_empty() { Action::Create } else { Action::Rotate };
    let changes = Changes::default().is("id", row.id.as_str()).is("used_from", plan.active_from);
    let event = Event::new(None, action, format!("SAML key {}", usage.as_str())).with(changes);
    audit::append(&mut tx, sealer, actor, event, now);
    tx.commit().await?;
    tracing::info!(usage = usage.as_str(), active_from = plan.active_from, "SAML key made");
    Ok(Some(row))
}

/// How keys of this usage follow one another.
#[must_use]
pub fn policy(usage: Usage) -> RotationPolicy {
    let retire_after = match usage {
        Usage::Sign => SIGNING_RETIRES_AFTER,
        Usage::Encrypt => DECRYPTION_RETIRES_AFTER,
    };
    RotationPolicy { max_age: VALIDITY - LEAD, lead: LEAD, retire_after }
}

/// A key whose certificate has ended counts as gone, so that one which nobody followed for years is replaced at once.
fn validity(row: &Row) -> Validity {
    Validity {
        generation: row.generation,
        imported: false,
        created_at: row.created_at,
        active_from: row.active_from,
        expires_at: row.expires_at.or(Some(row.active_from + VALIDITY)),
    }
}

fn context(id: &str) -> String {
    format!("saml-key/{id}")
}
