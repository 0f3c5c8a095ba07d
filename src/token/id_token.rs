//! ID tokens that a trusted issuer gives to a client of ours there, for a site that has no sign-in of its own. They are for
//! that client, whomever the issuer's bearer tokens must be for, and of the one sign-in that knows their nonce.

use serde_json::Value;

use super::{
    claims::Claims,
    invalid::Invalid,
    rules::Rules,
    source::{Proof, Source},
    steps::Trail,
    unverified::Unverified,
    verify::{self, Demand, verify},
};

impl Source {
    /// Judges an ID token that its token endpoint has just given to `client_id` for the sign-in with this `nonce`; `now` is
    /// unix seconds. Where the issuer's tokens are asked about there are no keys to verify it with, and that it came over our
    /// own connection takes their place (OpenID Connect Core §3.1.3.7, 6).
    ///
    /// # Errors
    /// [`Invalid`] for the first rule that does not hold.
    pub async fn id_token(&self, token: &str, client_id: &str, nonce: &str, now: i64) -> Result<(), Invalid> {
        let Rules { issuer, algorithms, leeway, .. } = &*self.rules;
        let rules = Rules::id_token(issuer.clone(), client_id, algorithms.clone(), *leeway);
        let rules = Rules { key_issuer: true, numeric_subject: true, ..rules };
        let claims = match &self.proof {
            Proof::Keys(keys) => verify(token, &**keys, &rules, now).await?,
            Proof::Introspection(_) => {
                let token = Unverified::read(token, rules.limit)?;
                verify::judge_claims(&token.claims, &Demand::of(&rules, now), &mut Trail::default())?;
                Claims::told(token.claims)
            }
        };
        if claims.members().get("nonce").and_then(Value::as_str) != Some(nonce) {
            return Err(Invalid::Claim { name: "nonce".to_owned(), cause: "is not that of this sign-in".to_owned() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as B64};
    use serde_json::json;

    use super::*;
    use crate::{
        outbound::{Allow, Outbound},
        policy::trusted_issuer::{Introspection, IntrospectionAuth, IssuerSecrets, IssuerSettings},
        token::jwks::{FLOOR, KeySets},
    };

    const NOW: i64 = 1_800_000_000;

    #[tokio::test]
    async fn without_keys_the_connection_proves_it_and_its_claims_are_judged() {
        let endpoint = "https://idp.example/introspect".to_owned();
        let introspection = Some(Introspection { endpoint, auth: IntrospectionAuth::None, ..Introspection::default() });
        let settings = IssuerSettings {
            issuer: Some("https://idp.example".into()),
            audience: vec!["api".into()],
            introspection,
            ..IssuerSettings::default()
        };
        let outbound = Outbound::new(Allow::default()).unwrap();
        let key_sets = KeySets::new(std::sync::Arc::new(outbound.clone()), 10, FLOOR);
        let source = Source::of("idp", "acme", &settings, IssuerSecrets::default(), &key_sets, &outbound).unwrap();
        let judge = async |change: Value| {
            let mut claims = json!({
                "iss": "https://idp.example", "aud": "us", "sub": "1", "iat": NOW, "exp": NOW + 60, "nonce": "mine",
            });
            claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            let token = format!("{}.{}.c2ln", B64.encode(r#"{"alg":"RS256"}"#), B64.encode(claims.to_string()));
            source.id_token(&token, "us", "mine", NOW).await
        };
        assert_eq!(judge(json!({})).await.ok(), Some(()));
        for change in [
            json!({"nonce": "another"}),
            json!({"nonce": null}),
            json!({"aud": "api"}),
            json!({"aud": ["us", "them"]}),
            json!({"iss": "https://evil.example"}),
            json!({"exp": NOW - 3600}),
        ] {
            assert!(judge(change.clone()).await.is_err(), "{change}");
        }
    }
}
