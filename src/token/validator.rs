//! Whose bearer tokens are accepted: a table from issuer to keys and rules. Our own issuer is one entry of it, so own and
//! foreign tokens run the same lines.

use std::{collections::HashMap, sync::Arc};

use super::{
    claims::Claims,
    invalid::Invalid,
    issue::AccessClaims,
    jwk::KeySource,
    ring::KeyRing,
    rules::{AudienceRule, Rules},
    unverified::{HARD_LIMIT, Unverified},
    verify::{verify, verify_read},
};

/// How the tokens of one issuer are judged.
#[derive(Clone)]
pub struct Entry {
    /// Its keys.
    pub keys: Arc<dyn KeySource>,
    /// What must hold.
    pub rules: Arc<Rules>,
}

/// The table. Clones share it.
#[derive(Clone)]
pub struct Validator {
    own: String,
    entries: Arc<HashMap<String, Entry>>,
}

impl Validator {
    /// Accepts our own access tokens: issued by `issuer`, signed by `ring`, for `audience`; `leeway` is the clock skew
    /// allowed, in seconds.
    #[must_use]
    pub fn new(issuer: &str, ring: KeyRing, audience: AudienceRule, leeway: i64) -> Self {
        let rules = Arc::new(Rules::own_access(issuer, audience, leeway));
        let entry = Entry { keys: Arc::new(ring), rules };
        Self { own: issuer.to_owned(), entries: Arc::new(HashMap::from([(issuer.to_owned(), entry)])) }
    }

    /// The same table and the tokens of a foreign issuer. Our own entry cannot be replaced.
    #[must_use]
    pub fn trusting(&self, issuer: &str, entry: Entry) -> Self {
        let mut entries = (*self.entries).clone();
        if issuer != self.own {
            entries.insert(issuer.to_owned(), entry);
        }
        Self { own: self.own.clone(), entries: Arc::new(entries) }
    }

    /// Judges a bearer token of any accepted issuer; `now` is unix seconds.
    ///
    /// # Errors
    /// [`Invalid`] for the first rule that does not hold, [`Invalid::Issuer`] for an issuer that is not in the table.
    pub async fn validate(&self, token: &str, now: i64) -> Result<Claims, Invalid> {
        let unverified = Unverified::read(token, HARD_LIMIT)?;
        let issuer = unverified.issuer().unwrap_or_default();
        let entry = self.entries.get(issuer).ok_or_else(|| Invalid::Issuer {
            found: issuer.to_owned(),
            expected: if self.entries.len() == 1 { self.own.clone() } else { "an accepted issuer".to_owned() },
        })?;
        verify_read(unverified, &*entry.keys, &entry.rules, now).await
    }

    /// Judges an access token of our own; `now` is unix seconds. Whether its user, client and family still live is for
    /// the caller to look up.
    ///
    /// # Errors
    /// [`Invalid`] for the first rule that does not hold.
    pub async fn validate_access(&self, token: &str, now: i64) -> Result<AccessClaims, Invalid> {
        let entry = self.entries.get(&self.own).ok_or_else(|| Invalid::Keys("our own entry is missing".to_owned()))?;
        verify(token, &*entry.keys, &entry.rules, now).await?.read()
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
        assert_eq!((claims.sub.as_str(), claims.fam.as_str(), claims.aud.names()), ("user-1", "fam-1", &audience[..]));
        assert_eq!(validator.validate(&access, 200).await.unwrap().alg(), Alg::ES256);
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
        let foreign = |issuer: &str| Entry {
            keys: keys.clone(),
            rules: Arc::new(Rules::bearer(
                Issuer::OneOf(vec![issuer.to_owned()]),
                AudienceRule::Contains(vec!["api".into()]),
                vec![Alg::ES256],
                60,
            )),
        };
        let validator = Validator::new(own::ISSUER, own::ring(), AudienceRule::Any, 60)
            .trusting("https://idp.test", foreign("https://idp.test"))
            .trusting(own::ISSUER, foreign(own::ISSUER));
        let header = r#"{"alg":"ES256","kid":"ES256-1","typ":"at+jwt"}"#;
        let claims = |iss: &str| {
            json!({"iss": iss, "sub": "s", "aud": "api", "exp": 500, "iat": 1, "jti": "j", "client_id": "c", "tenant": "acme",
                "fam": "f", "auth_time": 1})
            .to_string()
        };
        validator.validate(&forge.sign(header, &claims("https://idp.test")), 100).await.unwrap();
        let own_name = validator.validate(&forge.sign(header, &claims(own::ISSUER)), 100).await;
        assert_eq!(own_name.unwrap_err(), Invalid::Signature, "the same kid, another issuer's key");
        for stranger in ["https://evil.test", "https://idp.test/", ""] {
            let error = validator.validate(&forge.sign(header, &claims(stranger)), 100).await.unwrap_err();
            assert_eq!(error.to_string(), "Invalid issuer");
        }
    }
}
