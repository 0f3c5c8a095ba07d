//! How a provider's metadata stands, for whoever judges it: what is in force, what is held and why, and the last fetches.

use super::{Source, belongs, settle};
use crate::{
    connector::saml::metadata::{
        Provider,
        change::{self, Change},
    },
    store::{
        self, Db, StoreError,
        connections::Connection,
        provider_metadata::{self as rows, Row},
    },
};

/// All that is known of the metadata of one connection.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Where it is published.
    pub url: String,
    /// What is stored of it; nothing before the first fetch.
    pub row: Option<Row>,
    /// What counts now.
    pub in_force: Option<Provider>,
    /// What waits for an operator.
    pub held: Option<Held>,
}

/// Metadata that waits for an operator.
#[derive(Clone, Debug)]
pub struct Held {
    /// What it says.
    pub provider: Provider,
    /// Since when (unix seconds).
    pub since: i64,
    /// What names it, together with what it would take the place of.
    pub digest: String,
    /// Why it was not taken by itself.
    pub why: String,
    /// What would be another.
    pub change: Change,
}

impl Standing {
    /// Of a connection; nothing where its provider is described by other means.
    ///
    /// # Errors
    /// What the database says, or that what is stored cannot be read.
    pub async fn of(db: &Db, connection: &Connection) -> Result<Option<Self>, StoreError> {
        let Some(source) = Source::of(connection) else { return Ok(None) };
        let row = rows::find(db, &connection.id).await?.filter(|row| row.source == source.digest);
        let read = |text: Option<&String>| text.map(|text| settle::provider(text)).transpose();
        let in_force = read(row.as_ref().and_then(|row| row.provider.as_ref()))?;
        let held = match (&row, &in_force) {
            (Some(row), Some(accepted)) => Held::of(row, accepted)?,
            _ => None,
        };
        Ok(Some(Self { url: source.url.to_owned(), row, in_force, held }))
    }
}

impl Held {
    fn of(row: &Row, accepted: &Provider) -> Result<Option<Self>, StoreError> {
        let (Some(text), Some(digest)) = (&row.held, settle::digest(row)?) else { return Ok(None) };
        let provider = settle::provider(text)?;
        let why = change::compare(accepted, &provider).err().map_or_else(String::new, |why| why.to_string());
        let change = change::difference(accepted, &provider);
        let since = row.held_since.or(row.fetched_at).unwrap_or(row.tried_at);
        Ok(Some(Self { provider, since, digest, why, change }))
    }
}

/// The connections of a tenant for which something is held, and since when: the longest first.
///
/// # Errors
/// What the database says.
pub async fn waiting(db: &Db, tenant_id: &str) -> Result<Vec<(String, i64)>, StoreError> {
    let mut waiting = Vec::new();
    for row in rows::held(db, tenant_id).await? {
        let connection = store::connections::find(db, &row.connection_id).await?;
        if let Some(connection) = connection.filter(|connection| belongs(&row, connection)) {
            waiting.push((connection.name, row.held_since.unwrap_or(row.tried_at)));
        }
    }
    Ok(waiting)
}
