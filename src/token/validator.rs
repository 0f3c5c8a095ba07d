//! Whose bearer tokens are accepted: our own issuer and every trusted one, as sources of one table, so own and foreign
//! tokens run the same lines.
//!
//! A token is judged by the sources that its `iss` names; a caller narrows them with a [`Scope`]. The first that accepts
//! decides. A token without readable claims (opaque) can only be asked about, and only at the introspection endpoints of
//! a tenant that the scope names: it is not shown to strangers.

use std::{collections::HashMap, sync::Arc};

use super::{
    claims::Claims,
    invalid::Invalid,
    issue::AccessClaims,
    ring::KeyRing,
    rules::{AudienceRule, Rules},
    source::{Proof, Source},
    steps::{Step, Trail},
    unverified::{HARD_LIMIT, Unverified},
    verify::verify_read,
};

/// What narrows a judgement.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scope<'a> {
    /// Only sources of this tenant, and our own tokens, whose tenant the caller compares. Where there is but one tenant the
    /// caller names it. Without it only those sources are asked that are named by `iss` and need nobody's word: a token
    /// is never shown to an endpoint of a tenant that it may not be meant for.
    pub tenant: Option<&'a str>,
    /// Only these foreign sources, by id.
    pub sources: Option<&'a [String]>,
    /// Whom our own tokens must be for, instead of us.
    pub audience: Option<&'a str>,
}

/// A token that was accepted.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The foreign source that accepted it; `None`: it is ours.
    pub source: Option<String>,
    /// What it says.
    pub claims: Claims,
    /// Whom it is about: the claim that the source's settings name.
    pub subject: String,
    /// Until when (unix seconds) the judgement may be kept, as far as the source goes: `i64::MAX` where a signature was
    /// verified, which stays so until `exp`; for introspection the time for which its answer may be kept, `now` when it is
    /// to be asked each time.
    pub keep_until: i64,
}

/// The table. Clones share it.
#[derive(Clone)]
pub struct Validator {
    own: String,
    ring: KeyRing,
    rules: Arc<Rules>,
    sources: Arc<HashMap<String, Vec<Source>>>,
}

impl Validator {
    /// Accepts our own access tokens: issued by `issuer`, signed by `ring`, for `audience`; `leeway` is the clock skew
    /// allowed, in seconds.
    #[must_use]
    pub fn new(issuer: &str, ring: KeyRing, audience: AudienceRule, leeway: i64) -> Self {
        let rules = Arc::new(Rules::own_access(issuer, audience, leeway));
        Self { own: issuer.to_owned(), ring, rules, sources: Arc::default() }
    }

    /// The same for our own tokens, and these foreign sources in place of the ones it has. A source that names our own
    /// issuer is left out.
    #[must_use]
    pub fn with_sources(&self, sources: impl IntoIterator<Item = Source>) -> Self {
        let mut table: HashMap<String, Vec<Source>> = HashMap::new();
        for source in sources {
            let super::rules::Issuer::OneOf(names) = &source.rules.issuer else { continue };
            for name in names.iter().filter(|name| **name != self.own) {
                table.entry(name.clone()).or_default().push(source.clone());
            }
        }
        Self { sources: Arc::new(table), ..self.clone() }
    }

    /// Judges a bearer token; `now` is unix seconds.
    ///
    /// # Errors
    /// [`Invalid`] for the first rule that does not hold, [`Invalid::Issuer`] for an issuer that no source has,
    /// [`Invalid::Ambiguous`] where no tenant is named and sources of several accept it.
    pub async fn validate(&self, token: &str, scope: &Scope<'_>, now: i64) -> Result<Accepted, Invalid> {
        self.judge(token, scope, now, &mut Trail::default()).await
    }

    /// The same judgement, and what it looked at.
    pub async fn explain(&self, token: &str, scope: &Scope<'_>, now: i64) -> (Vec<Step>, Result<Accepted, Invalid>) {
        let mut trail = Trail::told();
        let outcome = self.judge(token, scope, now, &mut trail).await;
        (trail.into_steps(), outcome)
    }

    async fn judge(&self, token: &str, scope: &Scope<'_>, now: i64, trail: &mut Trail) -> Result<Accepted, Invalid> {
        let unverified = trail.check("shape", Unverified::read(token, HARD_LIMIT), |_| "a JWT".to_owned())?;
        let issuer = unverified.issuer().unwrap_or_default().to_owned();
        if issuer == self.own {
            let claims = match scope.audience {
                None => verify_read(unverified, &self.ring, &self.rules, now).await?,
                Some(name) => {
                    let rules = Rules { audience: AudienceRule::Contains(vec![name.to_owned()]), ..(*self.rules).clone() };
                    verify_read(unverified, &self.ring, &rules, now).await?
                }
            };
            let subject = claims.text("sub").unwrap_or_default().to_owned();
            return Ok(Accepted { source: None, claims, subject, keep_until: i64::MAX });
        }
        let within = |source: &&Source| {
            scope.tenant.is_none_or(|tenant| source.tenant == tenant) && scope.sources.is_none_or(|ids| ids.contains(&source.id))
        };
        let source = self.sources.get(&issuer).and_then(|all| all.iter().find(within)).ok_or_else(|| Invalid::Issuer {
            found: issuer.clone(),
            expected: if self.sources.is_empty() { self.own.clone() } else { "an accepted issuer".to_owned() },
        })?;
        let Proof::Keys(keys) = &source.proof else { return Err(Invalid::Introspection("not finished".to_owned())) };
        let claims = verify_read(unverified, &**keys, &source.rules, now).await?;
        let subject = claims.text("sub").unwrap_or_default().to_owned();
        Ok(Accepted { source: Some(source.id.clone()), claims, subject, keep_until: i64::MAX })
    }

    /// Judges an access token of our own; `now` is unix seconds. Whether its user, client and family still live is for
    /// the caller to look up.
    ///
    /// # Errors
    /// [`Invalid`] for the first rule that does not hold.
    pub async fn validate_access(&self, token: &str, now: i64) -> Result<AccessClaims, Invalid> {
        verify_read(Unverified::read(token, HARD_LIMIT)?, &self.ring, &self.rules, now).await?.read()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::{
            Alg,
            issue::{self, tests as own},
            jwks::Inline,
            rules::Issuer,
            testing::Forge,
            verify::verify,
        },
        *,
    };
    use crate::oauth::client::SigningAlg;

    #[tokio::test]
    async fn each_kind_of_our_tokens_is_accepted_only_as_what_it_is() {
        let ring = own::ring();
        let audience = [own::ISSUER.to_owned()];
        let spec = own::spec(&audience);
        let validator = Validator::new(own::ISSUER, ring.clone(), AudienceRule::Contains(audience.to_vec()), 60);
        let access = issue::access(&ring, &spec, 100).unwrap().token;
        let refresh = issue::refresh(&ring, &spec, "jti-1", 100).unwrap().token;
        let id = issue::id(&ring, &spec, Some(&access), 100).unwrap().token;
        // What we sign for a provider that has given us our own issuer as client id.
        let assertion = json!({"iss": own::ISSUER, "sub": own::ISSUER, "aud": own::ISSUER, "exp": 400, "iat": 100, "jti": "j"});
        let assertion = ring.sign(SigningAlg::RS256, "JWT", &assertion, 100).unwrap();
        let claims = validator.validate_access(&access, 200).await.unwrap();
        assert_eq!((claims.sub.as_str(), claims.fam.as_deref().unwrap(), claims.aud.names()), ("user-1", "fam-1", &audience[..]));
        assert_eq!(validator.validate(&access, &Scope::default(), 200).await.unwrap().claims.alg(), Alg::ES256);
        for (name, token) in [("refresh", &refresh), ("id", &id), ("assertion", &assertion)] {
            assert!(matches!(validator.validate_access(token, 200).await, Err(Invalid::Type { .. })), "{name}");
        }
        let as_refresh = Rules::own_refresh(own::ISSUER, 60);
        verify(&refresh, &ring, &as_refresh, 200).await.unwrap();
        let as_hint = Rules::own_id_token_hint(own::ISSUER, 60);
        verify(&id, &ring, &as_hint, 100_000_000).await.unwrap();
        for token in [&access, &id, &assertion] {
            verify(token, &ring, &as_refresh, 200).await.unwrap_err();
        }
        for token in [&access, &refresh, &assertion] {
            verify(token, &ring, &as_hint, 200).await.unwrap_err();
        }
        let elsewhere = Validator::new(own::ISSUER, ring, AudienceRule::Contains(vec!["https://x".into()]), 60);
        assert_eq!(elsewhere.validate_access(&access, 200).await.unwrap_err().to_string(), "Invalid audience");
        let expired = validator.validate_access(&access, 100 + 86_400 + 60).await.unwrap_err();
        assert_eq!(expired.to_string(), "Token is expired");
    }

    #[tokio::test]
    async fn an_issuer_is_judged_by_its_own_keys_and_rules() {
        let forge = Forge::new(SigningAlg::ES256, Some("ES256-1"));
        let keys = Arc::new(Inline::new(&Forge::jwks(&[&forge])).unwrap());
        let foreign = |issuer: &str| {
            let (issuers, audience) = (Issuer::OneOf(vec![issuer.to_owned()]), AudienceRule::Contains(vec!["api".into()]));
            Source::with_keys(issuer, "acme", keys.clone(), Rules::bearer(issuers, audience, vec![Alg::ES256], 60))
        };
        let validator = Validator::new(own::ISSUER, own::ring(), AudienceRule::Any, 60)
            .with_sources([foreign("https://idp.test"), foreign(own::ISSUER)]);
        let header = r#"{"alg":"ES256","kid":"ES256-1","typ":"at+jwt"}"#;
        let claims = |iss: &str| {
            json!({"iss": iss, "sub": "s", "aud": "api", "exp": 500, "iat": 1, "jti": "j", "client_id": "c", "tenant": "acme",
                "fam": "f", "auth_time": 1})
            .to_string()
        };
        validator.validate(&forge.sign(header, &claims("https://idp.test")), &Scope::default(), 100).await.unwrap();
        let own_name = validator.validate(&forge.sign(header, &claims(own::ISSUER)), &Scope::default(), 100).await;
        assert_eq!(own_name.map(|_| ()).unwrap_err(), Invalid::Signature, "the same kid, another issuer's key");
        for stranger in ["https://evil.test", "https://idp.test/", ""] {
            let error = validator.validate(&forge.sign(header, &claims(stranger)), &Scope::default(), 100).await.unwrap_err();
            assert_eq!(error.to_string(), "Invalid issuer");
        }
    }
}
