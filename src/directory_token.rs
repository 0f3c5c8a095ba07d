//! The tokens that directories push with: made and ended here for the command line, the admin pages and the API alike. A token
//! is shown once, to whoever makes it; what is kept is its fingerprint.

use crate::{
    seal::Sealer,
    secret,
    store::{
        Db, StoreError,
        audit::{self, Action, Actor, Changes, Event},
        directories::Directory,
        directory_tokens::{self, DirectoryToken, PREFIX},
        tenants::{self, Tenant},
    },
};

/// Longest that a token is good for, and that the ones before it go on, in seconds: a longer one is a slip.
pub const LONGEST: i64 = 10 * 366 * 86_400;

/// Most tokens that go on beside a new one, and most that are remembered after their end: of both the newest.
const MOST: usize = 10;

/// The token to make.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// Seconds that the tokens before it go on.
    pub overlap: i64,
    /// Seconds after which it ends by itself.
    pub expires_in: Option<i64>,
    /// The newest token that whoever asks has seen, empty for none: where there is a newer one, none is made. So the same
    /// form sent twice makes one token.
    pub seen: Option<&'a str>,
}

/// A token that was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// The token itself, for this once.
    pub token: String,
    /// How it is kept.
    pub row: DirectoryToken,
    /// How many tokens before it end.
    pub ended: u64,
    /// Whether one of those stands in a declarative file.
    pub of_file: bool,
}

/// What making and ending tokens stands on.
#[derive(Clone, Copy, Debug)]
pub struct Desk<'a> {
    /// The database.
    pub db: &'a Db,
    /// Makes fingerprints, and seals the audit log.
    pub sealer: &'a Sealer,
    /// Who does it.
    pub actor: &'a Actor,
    /// Unix seconds.
    pub now: i64,
}

impl Desk<'_> {
    /// Makes a token, and lets those before it end; `None` when there is a newer one than `wanted.seen`.
    ///
    /// # Errors
    /// What the database says.
    pub async fn make(&self, tenant: &Tenant, directory: &Directory, wanted: &Wanted<'_>) -> Result<Option<Made>, StoreError> {
        let mut tx = self.db.begin().await?;
        tenants::lock(&mut tx).await?;
        let before = directory_tokens::of_directory(&mut tx, &directory.id).await?;
        if wanted.seen.is_some_and(|seen| before.last().map_or("", |newest| newest.id.as_str()) != seen) {
            return Ok(None);
        }
        let token = format!("{PREFIX}{}", secret::random());
        let row = DirectoryToken {
            id: secret::row_id(self.now),
            directory_id: directory.id.clone(),
            fingerprint: directory_tokens::fingerprint(self.sealer, &token),
            declared: false,
            created_at: self.now,
            expires_at: wanted.expires_in.map(|span| self.now.saturating_add(span)),
            made_with: self.actor.with.clone(),
            last_used_at: None,
        };
        directory_tokens::insert(&mut tx, &row).await?;
        let end = self.now.saturating_add(wanted.overlap);
        let ended = directory_tokens::end_others(&mut tx, &directory.id, &row.id, end).await?;
        for old in before.iter().rev().filter(|token| !token.has_ended(self.now)).skip(MOST) {
            directory_tokens::end(&mut tx, &old.id, self.now).await?;
        }
        // One of a file stays: it must not come back to life.
        for over in before.iter().rev().filter(|token| token.has_ended(self.now) && !token.declared).skip(MOST) {
            directory_tokens::delete(&mut tx, &over.id).await?;
        }
        let changes =
            Changes::default().is("expires_at", row.expires_at).is("older_tokens_ended", ended).is("overlap", wanted.overlap);
        audit::append(&mut tx, self.sealer, self.actor, event(tenant, directory, Action::Issue).with(changes), self.now);
        tx.commit().await?;
        tracing::info!(directory = directory.id, tenant = tenant.name, token = row.id, ended, "directory token made");
        let of_file = before.iter().any(|token| token.declared && !token.has_ended(self.now));
        Ok(Some(Made { token, row, ended, of_file }))
    }

    /// Ends a token now; `false` when there is none of this id that has not ended.
    ///
    /// # Errors
    /// What the database says.
    pub async fn end(&self, tenant: &Tenant, directory: &Directory, id: &str) -> Result<bool, StoreError> {
        let mut tx = self.db.begin().await?;
        let all = directory_tokens::of_directory(&mut tx, &directory.id).await?;
        let Some(token) = all.iter().find(|token| token.id == id && !token.has_ended(self.now)) else { return Ok(false) };
        directory_tokens::end(&mut tx, &token.id, self.now).await?;
        let changes = Changes::default().is("created_at", token.created_at).changed("expires_at", token.expires_at, self.now);
        audit::append(&mut tx, self.sealer, self.actor, event(tenant, directory, Action::End).with(changes), self.now);
        tx.commit().await?;
        tracing::info!(directory = directory.id, tenant = tenant.name, token = token.id, "directory token ended");
        Ok(true)
    }
}

fn event(tenant: &Tenant, directory: &Directory, action: Action) -> Event {
    Event::new(tenant.id.as_str(), action, format!("directory {}/{}", tenant.name, directory.name))
}
