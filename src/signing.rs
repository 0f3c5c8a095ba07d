//! Our signing keys on all nodes: loaded from the database into the ring, made where an algorithm has none, imported
//! from the configured JWKS, rotated by age or by command. Nodes see a new key within [`crate::background::POLL`]
//! seconds, and it signs only [`PUBLISH_LEAD`] seconds after it was published.

use secrecy::ExposeSecret as _;

use crate::{
    oauth::client::SigningAlg,
    seal::Sealer,
    store::{
        self, Db, StoreError,
        audit::{self, Action, Actor, Changes, Event},
    },
    token::{
        keys::{KeyError, SigningKey, Validity},
        material::{ImportError, KeyMaterial, import_jwks},
        ring::KeyRing,
        rotation::{Due, RotationPolicy, plan_rotation},
    },
};

/// Seconds that clients may keep our JWKS.
pub const JWKS_MAX_AGE: i64 = 300;
/// Seconds a key is published before it signs: everyone's copy has expired by then, also one taken from a node that had
/// not yet heard of the key.
pub const PUBLISH_LEAD: i64 = JWKS_MAX_AGE + 60;

/// What can go wrong with signing keys.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum SigningError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("GATEHOUSE_JWKS: {0}")]
    Import(#[from] ImportError),
    #[error("the database holds a signing key of the unknown algorithm {0}: it was written by a newer gatehouse")]
    UnknownAlg(String),
}

/// Reads all keys that have not left the JWKS into the ring.
///
/// # Errors
/// When the database does not answer or a key does not open.
pub async fn load(db: &Db, sealer: &Sealer, ring: &KeyRing, now: i64) -> Result<(), SigningError> {
    let rows: Vec<_> = store::keys::all(db).await?.into_iter().filter(|r| r.expires_at.is_none_or(|at| now < at)).collect();
    let mut keys = Vec::with_capacity(rows.len());
    for row in rows {
        let alg = SigningAlg::from_name(&row.alg).ok_or_else(|| SigningError::UnknownAlg(row.alg.clone()))?;
        let pkcs8 = sealer.open(&context(&row.kid), &row.private_sealed).map_err(|e| StoreError::Sealed("signing key", e))?;
        let material = KeyMaterial { kid: row.kid.clone(), alg, pkcs8: pkcs8.into() };
        keys.push(SigningKey::new(&material, validity(&row))?);
    }
    ring.replace(keys);
    // What is remembered of tokens that a key has signed falls with the key.
    db.changed();
    Ok(())
}

/// What names the stored keys and their ends: two nodes with the same state hold the same keys.
///
/// # Errors
/// When the database does not answer.
pub async fn state(db: &Db) -> Result<Vec<(String, Option<i64>)>, StoreError> {
    Ok(store::keys::all(db).await?.into_iter().map(|r| (r.kid, r.expires_at)).collect())
}

/// Makes what is due: a first key for each algorithm that has none, and successors by age.
///
/// # Errors
/// When the database does not answer or a key cannot be made.
pub async fn ensure(db: &Db, sealer: &Sealer, policy: &RotationPolicy, now: i64) -> Result<(), SigningError> {
    for alg in SigningAlg::ALL {
        rotate(db, sealer, policy, alg, Due::ByAge, &Actor::itself(), now).await?;
    }
    Ok(())
}

/// Makes the next key of `alg` when it is `due`; its kid, when one was made. Of two nodes that do so at once one finds
/// the generation taken and makes none.
///
/// # Errors
/// When the database does not answer or the key cannot be made.
pub async fn rotate(
    db: &Db,
    sealer: &Sealer,
    policy: &RotationPolicy,
    alg: SigningAlg,
    due: Due,
    actor: &Actor,
    now: i64,
) -> Result<Option<String>, SigningError> {
    let rows: Vec<_> = store::keys::all(db).await?.into_iter().filter(|r| r.alg == alg.as_str()).collect();
    let validities: Vec<Validity> = rows.iter().map(validity).collect();
    let Some(plan) = plan_rotation(&validities, now, policy, due) else { return Ok(None) };
    let material = tokio::task::spawn_blocking(move || KeyMaterial::generate(alg)).await;
    let material = material.map_err(|e| KeyError { kid: alg.as_str().to_owned(), cause: e.to_string() })??;
    let row = sealed(sealer, &material, plan.generation, false, plan.created_at, plan.active_from);
    let mut tx = db.begin().await?;
    if !store::keys::insert(&mut tx, &row).await? {
        return Ok(None);
    }
    store::keys::expire_before(&mut tx, alg.as_str(), plan.generation, plan.retire_at).await?;
    let changes = Changes::default().is("kid", material.kid.as_str()).is("signs_from", plan.active_from);
    let action = if rows.is_empty() { Action::Create } else { Action::Rotate };
    audit::append(&mut tx, sealer, actor, event(action, alg.as_str()).with(changes), now);
    tx.commit().await?;
    tracing::info!(kid = material.kid, alg = alg.as_str(), active_from = plan.active_from, "signing key made");
    Ok(Some(material.kid))
}

/// Stores the keys of a private JWKS that are not there yet. They sign at once: their operator has published them.
///
/// # Errors
/// When the JWKS is unusable or the database does not answer.
pub async fn import(db: &Db, sealer: &Sealer, jwks: &str, policy: &RotationPolicy, now: i64) -> Result<(), SigningError> {
    for material in import_jwks(jwks)? {
        let rows = store::keys::all(db).await?;
        if rows.iter().any(|r| r.kid == material.kid) {
            continue;
        }
        let alg = material.alg.as_str();
        let generation = rows.iter().filter(|r| r.alg == alg).map(|r| r.generation).max().unwrap_or(0) + 1;
        let mut tx = db.begin().await?;
        if store::keys::insert(&mut tx, &sealed(sealer, &material, generation, true, now, now)).await? {
            store::keys::expire_before(&mut tx, alg, generation, now + policy.retire_after).await?;
            let changes = Changes::default().is("kid", material.kid.as_str()).is("imported", true);
            audit::append(&mut tx, sealer, &Actor::itself(), event(Action::Create, alg).with(changes), now);
            tx.commit().await?;
            tracing::info!(kid = material.kid, alg, "signing key imported");
        }
    }
    Ok(())
}

fn event(action: Action, alg: &str) -> Event {
    Event::new(None, action, format!("signing key {alg}"))
}

fn sealed(
    sealer: &Sealer,
    material: &KeyMaterial,
    generation: i64,
    imported: bool,
    created_at: i64,
    active_from: i64,
) -> store::keys::Row {
    store::keys::Row {
        kid: material.kid.clone(),
        alg: material.alg.as_str().to_owned(),
        generation,
        private_sealed: sealer.seal(&context(&material.kid), material.pkcs8.expose_secret()),
        imported,
        created_at,
        active_from,
        expires_at: None,
    }
}

fn validity(row: &store::keys::Row) -> Validity {
    Validity {
        generation: row.generation,
        imported: row.imported,
        created_at: row.created_at,
        active_from: row.active_from,
        expires_at: row.expires_at,
    }
}

fn context(kid: &str) -> String {
    format!("signing-key/{kid}")
}
