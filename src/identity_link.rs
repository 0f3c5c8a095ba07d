//! A person's identity at a provider, given to a user and taken from them by an operator's word: for the command line, the
//! admin pages and the API alike. The issuer is always the connection's own, so nobody types under whose name a subject counts.

use std::sync::Arc;

use crate::{
    connector::{
        self,
        oidc::Oidc,
        saml::{Saml, metadata::Provider},
    },
    policy::connection::Protocol,
    seal::Sealer,
    secret,
    store::{
        Db, StoreError,
        audit::{self, Action, Actor, Changes, Event},
        connections::Connection,
        db::Tx,
        directory_links, identities,
        receipts::Receipt,
        users::{self, AtStake, By, ShutOut, User},
    },
};

/// Longest subject, as of those that arrive.
const LONGEST: usize = 512;

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// There is no such user, connection or identity, or not in one tenant.
    #[error("there is no such thing")]
    Missing,
    /// The user is above whoever asks.
    #[error("this user is not theirs to change")]
    Forbidden,
    /// No provider sends that.
    #[error("the unique id must be 1 to 512 bytes without control characters")]
    Subject,
    /// The connection is not known to speak for any provider.
    #[error("{0}")]
    NoIssuer(String),
    /// It speaks for several.
    #[error("the connection speaks for several issuers: say which of {}", .0.join(", "))]
    Several(Vec<String>),
    /// It does not speak for this one.
    #[error("the connection speaks for {} and no other issuer", .0.join(", "))]
    Foreign(Vec<String>),
    /// Somebody else is that.
    #[error("{0} has this identity already: unlink it from them first")]
    Taken(String),
    /// On one connection a user is one person.
    #[error("the user has the identity {0:?} on this connection already: unlink that first")]
    HasOne(String),
    /// A directory says who that is.
    #[error("a directory of the connection knows this unique id as another user's, or as somebody who is inactive")]
    OfDirectory,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is to be linked.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Over which connection.
    pub connection: &'a Connection,
    /// Of [`issuers`].
    pub issuer: &'a str,
    /// The unique id there.
    pub subject: &'a str,
}

/// What linking and unlinking stand on.
#[derive(Clone, Copy)]
pub struct Desk<'a> {
    /// The database.
    pub db: &'a Db,
    /// Seals the audit log and what clients are told.
    pub sealer: &'a Sealer,
    /// Who does it.
    pub actor: &'a Actor,
    /// Whether they may do it to this user, asked under the user's lock.
    pub may: &'a (dyn Fn(&User) -> bool + Sync),
    /// Unix seconds.
    pub now: i64,
}

/// What came of unlinking.
#[derive(Clone, Debug)]
pub enum Unlinked {
    /// It is gone, and so is what was reached by it.
    Done(Box<Receipt>),
    /// Nothing yet: whoever asks has not confirmed that this ends.
    Asks(Vec<String>),
}

/// The issuers under which a connection's identities are kept; `held` is its provider, where its metadata is at an address.
///
/// # Errors
/// When its settings name none.
pub async fn issuers(connection: &Connection, held: Option<Arc<Provider>>) -> Result<Vec<String>, Refused> {
    let found = match connection.protocol {
        Protocol::Oidc => Ok(Oidc::issuers(&connection.settings)),
        Protocol::Saml => Saml::issuer(&connection.settings, held).await.map(|name| vec![name]),
    };
    let found = found.map_err(|e: connector::Error| Refused::NoIssuer(e.fault().to_string()))?;
    match found.is_empty() {
        true => Err(Refused::NoIssuer("the connection names no issuer yet".to_owned())),
        false => Ok(found),
    }
}

/// The one that is meant: the only one, or the one that was said.
///
/// # Errors
/// There are several and none was said, or it is none of them.
pub fn issuer(all: Vec<String>, said: Option<&str>) -> Result<String, Refused> {
    match said.filter(|said| !said.is_empty()) {
        Some(said) => match all.iter().any(|one| one == said) {
            true => Ok(said.to_owned()),
            false => Err(Refused::Foreign(all)),
        },
        None if all.len() > 1 => Err(Refused::Several(all)),
        None => all.into_iter().next().ok_or(Refused::Several(Vec::new())),
    }
}

/// What a user has who is told to lose it, a line each.
#[must_use]
pub fn lost(stake: &AtStake) -> Vec<String> {
    let AtStake { sessions, codes, token_families, site_sessions, personal_tokens } = *stake;
    let counted = [
        (sessions, "browser session", "browser sessions"),
        (codes, "sign-in under way at an application", "sign-ins under way at applications"),
        (token_families, "sign-in at an application, with its tokens", "sign-ins at applications, with their tokens"),
        (site_sessions, "session with a site", "sessions with sites"),
        (personal_tokens, "personal token for the API", "personal tokens for the API"),
    ];
    let there = counted.into_iter().filter(|(count, ..)| *count > 0);
    there.map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many })).collect()
}

impl Desk<'_> {
    /// Links; whether it is new.
    ///
    /// # Errors
    /// [`Refused`], and nothing has changed.
    pub async fn link(&self, user_id: &str, wanted: &Wanted<'_>) -> Result<bool, Refused> {
        let Wanted { connection, issuer, subject } = *wanted;
        if subject.is_empty() || subject.len() > LONGEST || subject.contains(char::is_control) {
            return Err(Refused::Subject);
        }
        let mut tx = self.db.begin().await?;
        directory_links::be_alone(&mut tx, &connection.id, subject).await?;
        let user = self.user(&mut tx, user_id, connection).await?;
        if let Some(holder) = identities::holder(&mut tx, &connection.id, issuer, subject).await? {
            if holder.user_id == user.id {
                return Ok(false);
            }
            let whose = users::find(&mut tx, &holder.user_id).await?.map(|whose| whose.email.as_str().to_owned());
            return Err(Refused::Taken(whose.unwrap_or(holder.user_id)));
        }
        if let Some(other) = identities::of_user(&mut tx, &user.id, &connection.id).await? {
            return Err(Refused::HasOne(other.subject));
        }
        let record = self.record(&mut tx, wanted, &user).await?;
        let id = secret::row_id(self.now);
        if !identities::give(&mut tx, &id, &connection.id, &user.id, (issuer, subject), self.now).await? {
            return Err(Refused::HasOne(subject.to_owned()));
        }
        let changes = Changes::default().is("connection", connection.name.as_str()).is("issuer", issuer).is("subject", subject);
        let mut changes = changes.is("by", "hand");
        if let Some(record) = record {
            changes = changes.is("record", record);
        }
        self.note(&mut tx, &user, Action::Link, changes).await?;
        tx.commit().await?;
        tracing::info!(user = user.id, connection = connection.name, by = self.actor.name, "identity linked by hand");
        Ok(true)
    }

    /// The user, if they are of the connection's tenant and whoever asks may change them.
    async fn user(&self, tx: &mut Tx, user_id: &str, connection: &Connection) -> Result<User, Refused> {
        let user = users::find_locked(tx, user_id).await?.filter(|user| user.tenant_id == connection.tenant_id);
        let user = user.ok_or(Refused::Missing)?;
        if (self.may)(&user) { Ok(user) } else { Err(Refused::Forbidden) }
    }

    /// The directory's record of the subject that stands for the user from now on, if it has one that stood for nobody: as
    /// a sign-in would have it. What a directory says of somebody else, or that they are out, is not overruled.
    async fn record(&self, tx: &mut Tx, wanted: &Wanted<'_>, user: &User) -> Result<Option<String>, Refused> {
        let Wanted { connection, subject, .. } = *wanted;
        if directory_links::is_of_another(&mut *tx, &connection.id, subject, &user.id).await? {
            return Err(Refused::OfDirectory);
        }
        let Some(record) = directory_links::by_subject(&mut *tx, &connection.id, subject).await? else { return Ok(None) };
        if record.user.is_some() {
            return Ok(None);
        }
        if directory_links::claim(tx, &record.id, &user.id, false).await? {
            return Ok(Some(record.id));
        }
        match directory_links::is_unclaimed(&mut *tx, &record.id).await? {
            true => Ok(None),
            false => Err(Refused::OfDirectory),
        }
    }

    /// Unlinks, and ends what the user reached by it and otherwise: nobody can say by which sign-in they came. Not before
    /// what ends is `agreed` to.
    ///
    /// # Errors
    /// [`Refused`], and nothing has changed.
    pub async fn unlink(&self, user_id: &str, connection: &Connection, agreed: bool) -> Result<Unlinked, Refused> {
        let mut tx = self.db.begin().await?;
        let user = self.user(&mut tx, user_id, connection).await?;
        let held = identities::of_user(&mut tx, &user.id, &connection.id).await?.ok_or(Refused::Missing)?;
        let lost = lost(&users::at_stake(&mut tx, &user.id, self.now).await?);
        if !agreed && !lost.is_empty() {
            return Ok(Unlinked::Asks(lost));
        }
        identities::take(&mut tx, &user.id, &connection.id).await?;
        let out = ShutOut {
            user_id: &user.id,
            by: By::Operator,
            actor: self.actor,
            cause: &format!("identity of {} unlinked", connection.name),
            force: false,
            sealer: self.sealer,
            now: self.now,
        };
        let receipt = users::end_with_receipt(&mut tx, &out, &user).await?;
        let changes = Changes::default().was("connection", connection.name.as_str()).was("issuer", held.issuer);
        let changes = changes.was("subject", held.subject).was("email", held.email).is("receipt", receipt.id.as_str());
        self.note(&mut tx, &user, Action::Unlink, changes).await?;
        tx.commit().await?;
        tracing::info!(user = user.id, connection = connection.name, by = self.actor.name, "identity unlinked");
        Ok(Unlinked::Done(Box::new(receipt)))
    }

    async fn note(&self, tx: &mut Tx, user: &User, action: Action, changes: Changes) -> Result<(), StoreError> {
        let subject = audit::subject_of(&mut *tx, user).await?;
        let event = Event::new(user.tenant_id.as_str(), action, subject).with(changes);
        audit::append(tx, self.sealer, self.actor, event, self.now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issuer_is_the_connections_own() {
        let all = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(issuer(all(&["a"]), None).unwrap(), "a");
        assert_eq!(issuer(all(&["a", "b"]), Some("b")).unwrap(), "b");
        assert!(matches!(issuer(all(&["a", "b"]), None), Err(Refused::Several(_))));
        for evil in ["c", "A", "a/", " a"] {
            assert!(matches!(issuer(all(&["a", "b"]), Some(evil)), Err(Refused::Foreign(_))), "{evil}");
        }
    }

    #[test]
    fn only_what_is_there_is_told_as_lost() {
        let stake = AtStake { sessions: 1, token_families: 2, ..AtStake::default() };
        assert_eq!(lost(&stake), ["1 browser session", "2 sign-ins at applications, with their tokens"]);
        assert!(lost(&AtStake::default()).is_empty());
    }
}
