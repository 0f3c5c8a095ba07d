//! Tokens of the admin API as they come to be, from a page, the API or the command line alike: made here, shown once, kept as
//! fingerprints.

use crate::{
    policy::api_scope::ApiScopes,
    seal::Sealer,
    secret,
    store::{
        StoreError,
        audit::{self, Action, Actor, Changes, Event},
        db::Tx,
        personal_tokens::{self, LONGEST, MOST, PersonalToken},
        tenant_tokens::{self, ServiceToken},
        tenants::Tenant,
        users::User,
    },
};

/// On whose behalf a token is made or ended.
#[derive(Clone, Copy, Debug)]
pub struct Maker<'a> {
    /// Makes fingerprints.
    pub sealer: &'a Sealer,
    /// Who, for the audit log.
    pub actor: &'a Actor,
    /// Unix seconds.
    pub now: i64,
}

impl Maker<'_> {
    /// A new token for a service: the one before ends at once. `None`: there is no service of this name.
    ///
    /// # Errors
    /// What the database says.
    pub async fn renew(&self, tx: &mut Tx, tenant: &Tenant, name: &str) -> Result<Option<String>, StoreError> {
        let Some(old) = tenant_tokens::find_by_name(&mut *tx, &tenant.id, name).await? else { return Ok(None) };
        let token = secret::token(tenant_tokens::PREFIX);
        let retired = if old.declared { old.fingerprint.clone() } else { old.retired.clone() };
        let fingerprint = Some(tenant_tokens::fingerprint(self.sealer, &token));
        let new = ServiceToken {
            fingerprint,
            declared: false,
            retired,
            made_with: old.renewed_with(self.actor.with.as_deref()),
            ..old.clone()
        };
        tenant_tokens::save(&mut *tx, &new).await?;
        let changes = Changes::default().is("scopes", new.scopes.words()).is("ended_the_one_before", old.fingerprint.is_some());
        let event = Event::new(tenant.id.as_str(), Action::Issue, format!("service token {}/{name}", tenant.name));
        audit::append(tx, self.sealer, self.actor, event.with(changes), self.now);
        Ok(Some(token))
    }

    /// A token of an administrator's own, and the words that show it this once.
    ///
    /// # Errors
    /// What the database says; the inner error refuses.
    pub async fn personal(
        &self,
        tx: &mut Tx,
        user: &User,
        wanted: Wanted<'_>,
    ) -> Result<Result<(PersonalToken, String), Unfit>, StoreError> {
        if let Some(unfit) = wanted.unfit() {
            return Ok(Err(unfit));
        }
        let all = personal_tokens::judged(&mut *tx, &user.id, self.now).await?;
        let (open, over): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, state)| state.is_open());
        if open.len() >= MOST {
            return Ok(Err(Unfit::TooMany));
        }
        // As many of those that open nothing are kept to be looked at, the newest.
        for (old, _) in over.iter().skip(MOST) {
            personal_tokens::delete(&mut *tx, &user.id, &old.id).await?;
        }
        let token = secret::token(personal_tokens::PREFIX);
        let row = PersonalToken {
            id: secret::row_id(self.now),
            user_id: user.id.clone(),
            name: wanted.name.trim().to_owned(),
            fingerprint: personal_tokens::fingerprint(self.sealer, &token),
            scopes: wanted.scopes,
            made_with: self.actor.with.clone(),
            expires_at: self.now + wanted.lifetime,
            last_used_at: None,
            created_at: self.now,
        };
        personal_tokens::insert(&mut *tx, &row).await?;
        let changes = Changes::default().is("scopes", row.scopes.words()).is("expires_at", row.expires_at);
        self.note(tx, user, Action::Issue, changes.is("token", row.name.as_str())).await?;
        Ok(Ok((row, token)))
    }

    /// Ends one of an administrator's own; whether there was one.
    ///
    /// # Errors
    /// What the database says.
    pub async fn revoke(&self, tx: &mut Tx, user: &User, id: &str) -> Result<bool, StoreError> {
        let own = personal_tokens::of_user(&mut *tx, &user.id).await?;
        let Some(token) = own.into_iter().find(|token| token.id == id) else { return Ok(false) };
        personal_tokens::delete(&mut *tx, &user.id, id).await?;
        self.note(tx, user, Action::End, Changes::default().was("token", token.name)).await?;
        Ok(true)
    }

    async fn note(&self, tx: &mut Tx, user: &User, action: Action, changes: Changes) -> Result<(), StoreError> {
        let subject = audit::subject_of(&mut *tx, user).await?;
        let event = Event::new(user.tenant_id.as_str(), action, subject).with(changes);
        audit::append(tx, self.sealer, self.actor, event, self.now);
        Ok(())
    }
}

/// A personal token that somebody asks for.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// What they call it.
    pub name: &'a str,
    /// What it may.
    pub scopes: ApiScopes,
    /// Seconds.
    pub lifetime: i64,
}

impl Wanted<'_> {
    fn unfit(&self) -> Option<Unfit> {
        let name = self.name.trim();
        match self {
            _ if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) => Some(Unfit::Name),
            _ if self.scopes.is_empty() => Some(Unfit::Scopes),
            _ if !(60..=LONGEST).contains(&self.lifetime) => Some(Unfit::Lifetime),
            _ => None,
        }
    }
}

/// Why no token is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Of the name.
    #[error("a name must be 1 to 100 characters without control characters")]
    Name,
    /// Of what it may.
    #[error("choose at least one scope")]
    Scopes,
    /// Of how long it lasts.
    #[error("a token lasts from a minute to 365 days")]
    Lifetime,
    /// There are too many.
    #[error("you have {MOST} tokens, which is the most: revoke one")]
    TooMany,
}
