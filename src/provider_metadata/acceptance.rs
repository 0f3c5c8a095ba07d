//! An operator's word for held metadata: from the command line, the pages and the API alike, in one transaction with its entry
//! in the audit log.

use super::{
    Outcome, belongs,
    settle::{self, Acceptance, Word},
    tell,
};
use crate::{
    connector::saml::metadata::Provider,
    seal::Sealer,
    store::{
        Db, StoreError,
        audit::{self, Action, Actor, Changes, Event},
        connections::Connection,
        provider_metadata as rows,
        tenants::Tenant,
    },
};

/// What accepting stands on.
#[derive(Clone, Copy, Debug)]
pub struct Desk<'a> {
    /// The database.
    pub db: &'a Db,
    /// Seals the audit log.
    pub sealer: &'a Sealer,
    /// Whose word it is.
    pub actor: &'a Actor,
    /// Unix seconds.
    pub now: i64,
}

impl Desk<'_> {
    /// Puts the held document of `connection` in force, if it is what `word` names.
    ///
    /// # Errors
    /// What the database says.
    pub async fn accept(&self, tenant: &Tenant, connection: &Connection, word: Word<'_>) -> Result<Acceptance, StoreError> {
        let mut tx = self.db.begin().await?;
        let seen = rows::find(&mut tx, &connection.id).await?.filter(|row| belongs(row, connection));
        let Some(seen) = seen else { return Ok(Acceptance::Nothing) };
        let (row, acceptance) = settle::accept(&seen, word, self.now)?;
        let (Some(row), Acceptance::Done(change)) = (row, &acceptance) else { return Ok(acceptance) };
        if !rows::save(&mut tx, Some(&seen), &row).await? {
            // Somebody was faster; whatever is held now was not looked at.
            return Ok(Acceptance::Nothing);
        }
        let read = |text: &Option<String>| text.as_deref().map(settle::provider).transpose();
        let subject = format!("connection {}/{}", tenant.name, connection.name);
        let event = Event::new(tenant.id.as_str(), Action::Update, subject);
        let event = event.with(changes("accepted", read(&seen.provider)?.as_ref(), read(&row.provider)?.as_ref()));
        audit::append(&mut tx, self.sealer, self.actor, event, self.now);
        tx.commit().await?;
        tell(&tenant.name, &connection.name, &Outcome::Changed(change.clone()));
        Ok(acceptance)
    }
}

/// What became of the metadata, in a word, and what is another by it.
pub(super) fn changes(word: &str, was: Option<&Provider>, is: Option<&Provider>) -> Changes {
    let fingerprints = |of: &Provider| of.signers().into_iter().map(|c| c.fingerprint).collect::<Vec<_>>();
    let addresses = |of: &Provider| of.sso.iter().chain(&of.slo).map(|at| at.location.clone()).collect::<Vec<_>>();
    let told = Changes::default().is("metadata", word);
    let (was, is) = match (was, is) {
        (Some(was), Some(is)) => (was, is),
        (None, Some(is)) => {
            let told = told.is("certificates", fingerprints(is)).is("entity_id", is.entity_id.as_str());
            return told.is("endpoints", addresses(is));
        }
        _ => return told,
    };
    let mut told = told.changed("certificates", fingerprints(was), fingerprints(is));
    if was.entity_id != is.entity_id {
        told = told.changed("entity_id", was.entity_id.as_str(), is.entity_id.as_str());
    }
    if addresses(was) != addresses(is) {
        told = told.changed("endpoints", addresses(was), addresses(is));
    }
    told
}
