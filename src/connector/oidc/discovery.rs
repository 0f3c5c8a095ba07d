//! The provider's metadata, fetched when first needed and kept. A document that has become old is still used while one
//! task fetches the next; one that fails or names another issuer never replaces a good one (threat O4).

use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Map, Value};
use tokio::sync::Mutex;
use url::Url;

use super::{
    claims::Kind,
    metadata::{self, Provider},
};
use crate::{
    connector::Error,
    outbound::Outbound,
    policy::{cause::Cause, connection::OidcSettings},
};

/// How many seconds a document is fresh.
const FRESH: i64 = 3600;
/// How many seconds pass between two tries to replace a good document.
const RETRY: i64 = 60;
/// How many seconds a failure is remembered while there is no document at all.
const FAILED: i64 = 3;

/// Knows the provider.
pub(crate) struct Discovery {
    oidc: OidcSettings,
    kind: Kind,
    outbound: Outbound,
    kept: RwLock<Kept>,
    fetching: Mutex<()>,
}

#[derive(Default)]
struct Kept {
    good: Option<Arc<Provider>>,
    /// When the next fetch is due (unix seconds).
    due: i64,
    failure: Option<Error>,
}

impl Discovery {
    pub(crate) fn new(oidc: OidcSettings, kind: Kind, outbound: Outbound) -> Result<Arc<Self>, Error> {
        let mut kept = Kept::default();
        if !oidc.discover {
            let provider = metadata::manual(&oidc, kind).map_err(Error::Misconfigured)?;
            kept = Kept { good: Some(Arc::new(provider)), due: i64::MAX, failure: None };
        }
        Ok(Arc::new(Self { oidc, kind, outbound, kept: RwLock::new(kept), fetching: Mutex::new(()) }))
    }

    /// The provider as last known, fetched first if it never was.
    pub(crate) async fn provider(self: &Arc<Self>, now: i64) -> Result<Arc<Provider>, Error> {
        match self.look(now) {
            Look::Fresh(provider) => Ok(provider),
            Look::Old(provider) => {
                let discovery = Arc::clone(self);
                tokio::spawn(async move { discovery.refresh(now).await });
                Ok(provider)
            }
            Look::Failed(error) => Err(error),
            Look::Nothing => {
                let _only_one = self.fetching.lock().await;
                // Someone else may have fetched it, or failed to, while we waited.
                match self.look(now) {
                    Look::Fresh(provider) | Look::Old(provider) => return Ok(provider),
                    Look::Failed(error) => return Err(error),
                    Look::Nothing => {}
                }
                let result = self.fetch().await;
                self.keep(result.clone(), now);
                result
            }
        }
    }

    async fn refresh(&self, now: i64) {
        let Ok(_only_one) = self.fetching.try_lock() else { return };
        if matches!(self.look(now), Look::Old(_)) {
            let result = self.fetch().await;
            self.keep(result, now);
        }
    }

    fn look(&self, now: i64) -> Look {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        match (&kept.good, &kept.failure) {
            (Some(good), _) if now < kept.due => Look::Fresh(Arc::clone(good)),
            (Some(good), _) => Look::Old(Arc::clone(good)),
            (None, Some(failure)) if now < kept.due => Look::Failed(failure.clone()),
            (None, _) => Look::Nothing,
        }
    }

    fn keep(&self, result: Result<Arc<Provider>, Error>, now: i64) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(provider) => *kept = Kept { good: Some(provider), due: now.saturating_add(FRESH), failure: None },
            Err(error) if kept.good.is_some() => {
                tracing::warn!(issuer = %self.oidc.issuer, cause = %error, "keeping the last good discovery document");
                kept.due = now.saturating_add(RETRY);
            }
            Err(error) => *kept = Kept { good: None, due: now.saturating_add(FAILED), failure: Some(error) },
        }
    }

    async fn fetch(&self) -> Result<Arc<Provider>, Error> {
        let address = metadata::discovery_address(&self.oidc);
        let url = Url::parse(&address).map_err(|_| Error::Misconfigured(Cause::Settings.with("issuer is no URL")))?;
        let fetched = self.outbound.get("discovery", &url, "application/json").await;
        let fetched = fetched.map_err(|e| Error::unreachable("discovery", &e))?;
        if !fetched.is_success() {
            return Err(Error::Unreachable(Cause::ProviderStatus.with(format!(
                "{address} answered with status {}; check the issuer, or turn discovery off and give the endpoints",
                fetched.status
            ))));
        }
        let document: Map<String, Value> = fetched.json().map_err(|e| Error::unreachable("discovery", &e))?;
        metadata::read(&document, &self.oidc, self.kind).map(Arc::new).map_err(Error::Untrusted)
    }
}

enum Look {
    Fresh(Arc<Provider>),
    Old(Arc<Provider>),
    Failed(Error),
    Nothing,
}
