//! Fetches the keys of issuers that are new here before anybody asks with a token of theirs. Of each tenant only so many are
//! under way at a time, whatever the rounds: one whose issuers do not answer keeps nobody else's keys waiting.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
};

use futures_util::{StreamExt as _, stream};

use crate::token::Source;

/// Fetches of one tenant's keys that are under way at a time.
const OF_TENANT: usize = 8;
/// Tenants whose keys one round fetches at a time. Whoever is left because these do not answer is the
/// next round's.
const TENANTS: usize = 32;

/// The tenants (by row id) whose keys are being fetched.
#[derive(Default)]
pub(super) struct Warming(Mutex<HashSet<String>>);

/// As long as it is there, no other round fetches this tenant's keys.
struct Turn<'a> {
    warming: &'a Warming,
    tenant: String,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.warming.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.tenant);
    }
}

impl Warming {
    fn begin(&self, tenant: String) -> Option<Turn<'_>> {
        let is_free = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(tenant.clone());
        is_free.then(|| Turn { warming: self, tenant })
    }

    /// Has the keys of `sources` fetched that nobody has tried to fetch yet, but of no tenant whose turn of a round before
    /// has not ended.
    pub(super) async fn round(&self, sources: Vec<Source>, now: i64) {
        let mut tenants: HashMap<String, Vec<Source>> = HashMap::new();
        for source in sources {
            tenants.entry(source.tenant().to_owned()).or_default().push(source);
        }
        let each = stream::iter(tenants).for_each_concurrent(TENANTS, |(tenant, sources)| async move {
            let Some(_turn) = self.begin(tenant) else { return };
            let fetches = stream::iter(sources).for_each_concurrent(OF_TENANT, |source| async move { source.warm(now).await });
            fetches.await;
        });
        each.await;
    }
}
