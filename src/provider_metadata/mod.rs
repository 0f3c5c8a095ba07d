//! What we know of SAML providers whose metadata is at a URL. The first sign-in fetches it; from then on it is fetched
//! again in the background by one node, the last good document stays in use while the provider is away, and all nodes read
//! what is stored. `settle` decides what becomes of a document that came.
//!
//! A first document is believed because an operator named its address, or because it is signed by one of the connection's
//! `metadata_certificates`. A later one is taken when it shares a key with the one in use, which is how providers change
//! keys; one that shares none is held until an operator accepts it, whatever else it says. A document past its `validUntil`
//! is no longer used: then sign-ins wait for a new one, and fail while there is none.

pub mod acceptance;
mod settle;
pub mod standing;

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use moka::future::Cache;
use tokio::sync::Mutex;
use url::Url;

use self::settle::Settled;
pub use self::{
    acceptance::Desk,
    settle::{Acceptance, Outcome, Word},
};
use crate::{
    clock::Clock,
    connector::{
        Error,
        saml::metadata::{self, Certificate, Provider},
    },
    metrics,
    outbound::Outbound,
    policy::cause::Cause,
    seal::Sealer,
    secret,
    store::{
        self, Db, StoreError,
        audit::{self, Action, Actor, Event},
        connections::Connection,
        provider_metadata::{self as rows, Row},
        tenants,
    },
};

/// How many seconds a failure is remembered while there is no document that could be used.
const FAILED: i64 = 3;
/// Most documents that one round fetches, and of one tenant: one whose providers do not answer keeps nobody waiting.
const ROUND: (i64, i64) = (64, 8);
/// How many it fetches at once.
const AT_ONCE: usize = 4;
/// What an address is asked for.
const ACCEPT: &str = "application/samlmetadata+xml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1";

/// Whether `row` is of what the settings of `connection` name now.
#[must_use]
pub fn belongs(row: &Row, connection: &Connection) -> bool {
    Source::of(connection).is_some_and(|source| source.digest == row.source)
}

/// Knows the providers. Clones share everything.
#[derive(Clone)]
pub struct Providers(Arc<Inner>);

struct Inner {
    db: Db,
    /// Seals the audit log.
    sealer: Arc<Sealer>,
    outbound: Outbound,
    clock: Clock,
    /// By connection and version: a version never changes.
    read: Cache<(String, i64), Arc<Provider>>,
    /// By connection and source: whoever fetches holds the lock and leaves behind why it failed, and until when that holds.
    fetching: Cache<(String, String), Arc<Flight>>,
}

/// Why the last fetch failed, and until when that is remembered.
type Flight = Mutex<Option<(i64, Error)>>;

/// What decides which document is fetched and taken.
struct Source<'a> {
    url: &'a str,
    entity_id: Option<&'a str>,
    signers: &'a [String],
    digest: String,
}

impl<'a> Source<'a> {
    fn of(connection: &'a Connection) -> Option<Self> {
        let saml = connection.settings.saml.as_ref()?;
        let (url, entity_id) = (saml.metadata_url.as_deref()?, saml.idp_entity_id.as_deref());
        let signers = saml.metadata_certificates.as_slice();
        let digest = secret::digest(&serde_json::json!([url, entity_id, signers]).to_string());
        Some(Self { url, entity_id, signers, digest })
    }
}

impl Providers {
    /// Knows nothing yet but what `db` holds.
    #[must_use]
    pub fn new(db: Db, sealer: Arc<Sealer>, outbound: Outbound, clock: Clock) -> Self {
        Self(Arc::new(Inner { db, sealer, outbound, clock, read: Cache::new(1_024), fetching: Cache::new(1_024) }))
    }

    /// The provider of `connection` and the version of what is known of it, fetched first if it must be; nothing for a
    /// connection without a metadata URL.
    ///
    /// # Errors
    /// When there is no document that may be used, with the reason why none came.
    pub async fn current(&self, tenant: &str, connection: &Connection) -> Result<Option<(i64, Arc<Provider>)>, Error> {
        let Some(source) = Source::of(connection) else { return Ok(None) };
        if let Some(known) = self.known(connection, &source).await? {
            return Ok(Some(known));
        }
        let key = (connection.id.clone(), source.digest.clone());
        let lock = self.0.fetching.get_with(key, async { Arc::default() }).await;
        let mut failed = lock.lock().await;
        // Someone else may have fetched it, or failed to, while we waited.
        if let Some(known) = self.known(connection, &source).await? {
            return Ok(Some(known));
        }
        let now = self.0.clock.now();
        if let Some((_, error)) = failed.as_ref().filter(|(until, _)| now < *until) {
            return Err(error.clone());
        }
        let error = match self.renew(tenant, connection, &source, &Actor::itself()).await {
            Ok(Outcome::Held(why, _)) => Error::Misconfigured(Cause::MetadataHeld.with(format!(
                "the provider's metadata in use is past its validUntil, and the one that came is held, because {why}; compare \
                 its fingerprints with the provider's and accept it on the connection's page, or by: gatehouse connections accept {tenant} {} FINGERPRINT",
                connection.name
            ))),
            Ok(_) => match self.known(connection, &source).await? {
                Some(known) => {
                    *failed = None;
                    return Ok(Some(known));
                }
                None => Error::Unreachable(Cause::OwnFault.with("the provider's metadata has just changed; try again")),
            },
            Err(error) => error,
        };
        *failed = Some((now.saturating_add(FAILED), error.clone()));
        Err(error)
    }

    /// The same without asking anybody.
    ///
    /// # Errors
    /// Also where it would have to be fetched first.
    pub async fn held(&self, connection: &Connection) -> Result<Option<Arc<Provider>>, Error> {
        let Some(source) = Source::of(connection) else { return Ok(None) };
        let unknown = || Error::Unreachable(Cause::OwnFault.with("the provider's metadata is not there yet; try again"));
        self.known(connection, &source).await?.map(|(_, provider)| Some(provider)).ok_or_else(unknown)
    }

    /// What is stored, as long as it may be used.
    async fn known(&self, connection: &Connection, source: &Source<'_>) -> Result<Option<(i64, Arc<Provider>)>, Error> {
        let row = rows::find(&self.0.db, &connection.id).await.map_err(unreadable)?;
        let Some(row) = row.filter(|row| row.source == source.digest) else { return Ok(None) };
        let Some(text) = &row.provider else { return Ok(None) };
        let key = (row.connection_id.clone(), row.version);
        let provider = match self.0.read.get(&key).await {
            Some(provider) => provider,
            None => {
                let provider = Arc::new(settle::provider(text).map_err(unreadable)?);
                self.0.read.insert(key, Arc::clone(&provider)).await;
                provider
            }
        };
        Ok(provider.is_valid(self.0.clock.now()).then_some((row.version, provider)))
    }

    /// Counts, for the metrics, what an operator should look at.
    ///
    /// # Errors
    /// What the database says.
    pub async fn measure(&self) -> Result<(), StoreError> {
        let (held, failing) = rows::troubled(&self.0.db).await?;
        metrics::provider_metadata("held", held);
        metrics::provider_metadata("failing", failing);
        Ok(())
    }

    /// Fetches what is due, each by the one node that claims it. Failures are logged and stored.
    pub async fn refresh_due(&self) {
        let due = match rows::due(&self.0.db, self.0.clock.now(), ROUND).await {
            Ok(due) => due,
            Err(e) => return tracing::error!(cause = %e, "providers' metadata cannot be renewed"),
        };
        stream::iter(due)
            .for_each_concurrent(AT_ONCE, |row| async move {
                if let Err(e) = self.refresh_row(&row).await {
                    tracing::error!(connection_id = row.connection_id, cause = %e, "a provider's metadata cannot be renewed");
                }
            })
            .await;
    }

    async fn refresh_row(&self, row: &Row) -> Result<(), StoreError> {
        let now = self.0.clock.now();
        if !rows::claim(&self.0.db, &row.connection_id, row.due_at, now.saturating_add(settle::RETRY)).await? {
            return Ok(());
        }
        let Some(connection) = store::connections::find(&self.0.db, &row.connection_id).await? else { return Ok(()) };
        let Some(tenant) = tenants::find(&self.0.db, &connection.tenant_id).await? else { return Ok(()) };
        match Source::of(&connection) {
            // What was renewed by the hand of its claim says for itself what came of it.
            Some(source) => drop(self.renew(&tenant.name, &connection, &source, &Actor::itself()).await),
            // Its provider is described by other means now. The row keeps its version, which must never count anew.
            None => {
                let retired =
                    Row { source: String::new(), held: None, held_since: None, failure: None, due_at: i64::MAX, ..row.clone() };
                rows::save(&self.0.db, Some(row), &retired).await?;
            }
        }
        Ok(())
    }

    /// Fetches the document of `connection` now because `actor` says so, whether it is due or not; nothing for a connection without a metadata URL.
    ///
    /// # Errors
    /// Why nothing came.
    pub async fn refresh(&self, tenant: &str, connection: &Connection, actor: &Actor) -> Result<Option<Outcome>, Error> {
        match Source::of(connection) {
            Some(source) => self.renew(tenant, connection, &source, actor).await.map(Some),
            None => Ok(None),
        }
    }

    /// Fetches, settles what came, stores and tells it.
    async fn renew(&self, tenant: &str, connection: &Connection, source: &Source<'_>, actor: &Actor) -> Result<Outcome, Error> {
        let seen = rows::find(&self.0.db, &connection.id).await.map_err(unreadable)?;
        let result = self.fetch(source).await;
        let now = self.0.clock.now();
        let settled = settle::settle(seen.as_ref(), &connection.id, &source.digest, result, now).map_err(unreadable)?;
        let first = self.keep((tenant, connection), actor, seen.as_ref(), &settled).await.map_err(unreadable)?;
        match (settled.result, first) {
            (Ok(outcome), true) => {
                tell(tenant, &connection.name, &outcome);
                Ok(outcome)
            }
            (Ok(_), false) => Ok(Outcome::Unchanged),
            (Err(error), _) => {
                let kept = settled.row.provider.is_some();
                tracing::warn!(tenant, connection = connection.name, kept, cause = %error, "a provider's metadata was not renewed");
                Err(error)
            }
        }
    }

    /// Stores what came, and with it the entry of the audit log where that signs people in from now on, or waits for a word;
    /// whether nobody else was first.
    async fn keep(
        &self,
        (tenant, connection): (&str, &Connection),
        actor: &Actor,
        seen: Option<&Row>,
        settled: &Settled,
    ) -> Result<bool, StoreError> {
        let word = match &settled.result {
            Ok(Outcome::First(_)) => "taken",
            Ok(Outcome::Changed(_)) => "changed",
            // Once, though it comes again and again.
            Ok(Outcome::Held(..)) if seen.is_none_or(|seen| seen.held_since != settled.row.held_since) => "held",
            _ => return rows::save(&self.0.db, seen, &settled.row).await,
        };
        let mut tx = self.0.db.begin().await?;
        if !rows::save(&mut tx, seen, &settled.row).await? {
            return Ok(false);
        }
        let read = |text: Option<&String>| text.map(|text| settle::provider(text)).transpose();
        let was = read(seen.and_then(|seen| seen.provider.as_ref()))?;
        let is = match &settled.result {
            Ok(Outcome::Held(_, provider)) => Some(provider.clone()),
            _ => read(settled.row.provider.as_ref())?,
        };
        let subject = format!("connection {tenant}/{}", connection.name);
        let event = Event::new(connection.tenant_id.as_str(), Action::Update, subject);
        let event = event.with(acceptance::changes(word, was.as_ref(), is.as_ref()));
        audit::append(&mut tx, &self.0.sealer, actor, event, self.0.clock.now());
        tx.commit().await?;
        Ok(true)
    }

    async fn fetch(&self, source: &Source<'_>) -> Result<Provider, Error> {
        let url = Url::parse(source.url).map_err(|_| Error::Misconfigured(Cause::Settings.with("metadata_url is no URL")))?;
        let signers: Result<Vec<Vec<u8>>, String> = source.signers.iter().map(|text| metadata::certificate(text)).collect();
        let signers =
            signers.map_err(|why| Error::Misconfigured(Cause::Settings.with(format!("metadata_certificates: {why}"))))?;
        let fetched = self.0.outbound.get("metadata", &url, ACCEPT).await;
        let fetched = fetched.map_err(|e| Error::unreachable("metadata", &e))?;
        if !fetched.is_success() {
            let cause = format!("{url} answered with status {}; check metadata_url", fetched.status);
            return Err(Error::Unreachable(Cause::ProviderStatus.with(cause)));
        }
        let (entity_id, now) = (source.entity_id.map(str::to_owned), self.0.clock.now());
        let read = move || {
            let text = String::from_utf8(fetched.body).map_err(|_| "it is not UTF-8".to_owned())?;
            metadata::read(&text, entity_id.as_deref(), &signers, now)
        };
        let read = tokio::task::spawn_blocking(read).await;
        let read = read.map_err(|e| Error::Unreachable(Cause::OwnFault.with(format!("metadata: {e}"))))?;
        read.map_err(|why| Error::Untrusted(Cause::MetadataUnreadable.with(format!("the metadata at {url}: {why}"))))
    }
}

fn unreadable(e: impl std::fmt::Display) -> Error {
    Error::Unreachable(Cause::OwnFault.with(format!("what is stored of the provider's metadata: {e}")))
}

/// Tells the log what a document brought.
fn tell(tenant: &str, connection: &str, outcome: &Outcome) {
    match outcome {
        Outcome::Unchanged => tracing::debug!(tenant, connection, "a provider's metadata was renewed"),
        Outcome::First(provider) => {
            let (entity_id, certificates) = (&provider.entity_id, listed(&provider.signers()));
            tracing::info!(tenant, connection, entity_id, certificates, "a provider's metadata was taken");
        }
        Outcome::Changed(change) => {
            let (added, removed) = (listed(&change.added), listed(&change.removed));
            let endpoints = change.endpoints;
            tracing::warn!(tenant, connection, added, removed, endpoints, "a provider's metadata has changed");
        }
        Outcome::Held(why, provider) => {
            let certificates = listed(&provider.signers());
            tracing::warn!(
                tenant,
                connection,
                cause = %why,
                certificates,
                "a provider's new metadata is held and the last one stays in use; compare its fingerprints with the provider's, \
                 then accept it on the connection's page, or run: gatehouse connections accept TENANT CONNECTION FINGERPRINT"
            );
        }
    }
}

fn listed(certificates: &[Certificate]) -> String {
    certificates.iter().map(|c| c.fingerprint.as_str()).collect::<Vec<_>>().join(" ")
}
