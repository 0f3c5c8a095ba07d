//! How far what somebody makes may reach: what it may, and until when. Whoever asks with less than a sign-in at the pages,
//! which is a token of the admin API or the link of break-glass, makes nothing that may more or lasts longer than that. Pages
//! and the API ask here.

use crate::{
    policy::api_scope::{ApiScopes, Level},
    store::{On, StoreError, personal_tokens::PersonalToken, tenant_tokens, tenant_tokens::ServiceToken},
};

/// What whoever asks may hand on.
#[derive(Clone, Debug)]
pub struct Reach {
    scopes: ApiScopes,
    end: Option<i64>,
    with: Option<String>,
}

impl Reach {
    /// Of somebody who is signed in: whatever they may, for good.
    #[must_use]
    pub fn whole() -> Self {
        Self { scopes: ApiScopes::everything(), end: None, with: None }
    }

    /// Of somebody who was let in by a link until `end` (unix seconds).
    #[must_use]
    pub fn until(end: i64) -> Self {
        Self { end: Some(end), ..Self::whole() }
    }

    /// Of whoever signed in at a program that administers: whatever they may, as long as its access token is good and the family
    /// of that sign-in lives.
    #[must_use]
    pub fn access(end: i64, family: &str) -> Self {
        Self { with: Some(family.to_owned()), ..Self::until(end) }
    }

    /// Of whoever has a personal token.
    #[must_use]
    pub fn personal(token: &PersonalToken) -> Self {
        Self { scopes: token.scopes.clone(), end: Some(token.expires_at), with: Some(token.id.clone()) }
    }

    /// Of whoever has a service token. A renewed one is another.
    #[must_use]
    pub fn service(token: &ServiceToken) -> Self {
        Self { scopes: token.scopes.clone(), end: token.expires_at, with: token.fingerprint.clone() }
    }

    /// When it ends, if it does (unix seconds).
    #[must_use]
    pub fn end(&self) -> Option<i64> {
        self.end
    }

    /// What they ask with, where that is a token: the row of a personal one, the fingerprint of a service's, the family of a sign-in's.
    #[must_use]
    pub fn with(&self) -> Option<&str> {
        self.with.as_deref()
    }

    /// Whether it is less than everything that its holder may.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        !self.scopes.is_everything()
    }

    /// Whether something of an area may be looked at or changed.
    #[must_use]
    pub fn allows(&self, area: &str, level: Level) -> bool {
        self.scopes.allows(area, level)
    }

    /// Whether something that may this much until `expires_at` (`None`: for good) may no more, and no longer.
    #[must_use]
    pub fn covers(&self, scopes: &ApiScopes, expires_at: Option<i64>) -> bool {
        self.scopes.covers(scopes) && self.end.is_none_or(|end| expires_at.is_some_and(|at| at <= end))
    }

    /// Whether something that lasts for good may be made.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        self.covers(&ApiScopes::default(), None)
    }

    /// The service token of this name, as it stands in the database, where that may more or lasts longer.
    ///
    /// # Errors
    /// What the database says.
    pub async fn outreached_by(
        &self,
        on: impl Into<On<'_>>,
        tenant_id: &str,
        name: &str,
    ) -> Result<Option<ServiceToken>, StoreError> {
        let found = tenant_tokens::find_by_name(on, tenant_id, name).await?;
        Ok(found.filter(|token| !self.covers(&token.scopes, token.expires_at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_further_than_what_made_it() {
        let scopes = |words: &[&str]| ApiScopes::parse(words.iter().copied()).unwrap();
        let small = Reach { scopes: scopes(&["users:write"]), ..Reach::until(100) };
        for (reach, wanted, end, covered) in [
            (&Reach::whole(), "admin", None, true),
            (&Reach::until(100), "admin", Some(100), true),
            (&Reach::until(100), "admin", Some(101), false),
            (&Reach::until(100), "users:read", None, false),
            (&small, "users:read", Some(99), true),
            (&small, "teams:read", Some(99), false),
            (&small, "users:read", None, false),
        ] {
            assert_eq!(reach.covers(&scopes(&[wanted]), end), covered, "{reach:?} {wanted} {end:?}");
        }
        assert!(Reach::whole().is_lasting() && !Reach::until(100).is_lasting());
        assert!(small.is_limited() && !Reach::until(100).is_limited());
    }
}
