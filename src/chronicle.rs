//! The audit log as it leaves the house: one line of JSON for each entry, and times as callers write them.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;

use crate::{
    moment::Moment,
    store::{self, Db, StoreError, audit::Entry},
};

/// Most entries on a page.
pub const PAGE: i64 = 200;
/// Entries that an export reads at once.
pub const CHUNK: i64 = 500;

/// What tenants are called now; one that is gone has no name.
#[derive(Debug)]
pub struct Tenants(HashMap<String, String>);

impl Tenants {
    /// All of them.
    ///
    /// # Errors
    /// What the database says.
    pub async fn read(db: &Db) -> Result<Self, StoreError> {
        let all = store::tenants::all(db).await?;
        Ok(Self(all.into_iter().map(|tenant| (tenant.id, tenant.name)).collect()))
    }

    /// The name of the tenant whose thing an entry is about.
    #[must_use]
    pub fn of(&self, entry: &Entry) -> Option<&str> {
        entry.tenant_id.as_ref().and_then(|id| self.0.get(id)).map(String::as_str)
    }
}

/// An entry for machines: the same fields in the same order, always.
#[derive(Debug, Serialize)]
pub struct Line<'a> {
    seq: i64,
    at: String,
    tenant: Option<&'a str>,
    tenant_id: Option<&'a str>,
    actor: &'a str,
    actor_id: Option<&'a str>,
    via: &'a str,
    address: Option<&'a str>,
    action: &'a str,
    subject: &'a str,
    changes: &'a Value,
    mac: &'a str,
}

impl<'a> Line<'a> {
    /// Of an entry.
    #[must_use]
    pub fn new(entry: &'a Entry, tenants: &'a Tenants) -> Self {
        Self {
            seq: entry.seq,
            at: Moment(entry.at).machine(),
            tenant: tenants.of(entry),
            tenant_id: entry.tenant_id.as_deref(),
            actor: &entry.actor,
            actor_id: entry.actor_id.as_deref(),
            via: &entry.via,
            address: entry.address.as_deref(),
            action: &entry.action,
            subject: &entry.subject,
            changes: &entry.changes,
            mac: &entry.mac,
        }
    }

    /// One line of JSON, with its end.
    #[must_use]
    pub fn written(&self) -> String {
        // Texts and JSON have a form in JSON.
        let mut line = serde_json::to_string(self).unwrap_or_default();
        line.push('\n');
        line
    }
}
