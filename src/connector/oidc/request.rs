//! The authorization request: what the browser carries to the provider, and what we remember meanwhile. Pure but for
//! randomness.

use std::borrow::Cow;

use openidconnect::{
    AuthUrl, ClientId, CsrfToken, IssuerUrl, LoginHint, Nonce, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    core::{CoreAuthPrompt, CoreAuthenticationFlow, CoreClient, CoreJsonWebKeySet},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::Url;

use super::metadata::Provider;
use crate::{
    connector::{Error, Wish},
    policy::{cause::Cause, connection::OidcSettings},
    secret,
};

/// How many seconds a signed request object is valid.
const REQUEST_LIFETIME: i64 = 300;

/// What is remembered until the browser returns.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Memo {
    /// The provider departed to; if the connection has been pointed at another meanwhile, the answer is not its own.
    pub issuer: String,
    pub nonce: String,
    /// PKCE's (RFC 7636 §4.1).
    pub verifier: String,
    pub force: bool,
    pub max_age: Option<i64>,
    /// Unix seconds.
    pub departed: i64,
}

/// Builds the request. PKCE S256 and a nonce always; `state` is the caller's.
///
/// # Errors
/// When the settings cannot be put into a URL.
pub(crate) fn build(oidc: &OidcSettings, provider: &Provider, wish: Wish<'_>) -> Result<(Url, Memo), Error> {
    let broken =
        |e: url::ParseError| Error::Misconfigured(Cause::Endpoint.with(format!("an endpoint or the callback is no URL: {e}")));
    let (nonce, verifier) = (secret::random(), secret::random());
    let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(verifier.clone()));
    let issuer = IssuerUrl::new(provider.issuer.clone()).map_err(broken)?;
    let endpoint = AuthUrl::new(provider.authorization_endpoint.to_string()).map_err(broken)?;
    let redirect = RedirectUrl::new(wish.redirect_uri.to_owned()).map_err(broken)?;
    let client = CoreClient::new(ClientId::new(oidc.client_id.clone()), issuer, CoreJsonWebKeySet::default())
        .set_auth_uri(endpoint)
        .disable_openid_scope();
    let (state, sent_nonce) = (wish.state.to_owned(), nonce.clone());
    let mut request = client
        .authorize_url(CoreAuthenticationFlow::AuthorizationCode, move || CsrfToken::new(state), move || Nonce::new(sent_nonce))
        .set_redirect_uri(Cow::Owned(redirect))
        .set_pkce_challenge(challenge)
        .add_scopes(oidc.scopes().into_iter().map(|s| Scope::new(s.to_owned())));
    if let Some(hint) = wish.login_hint.filter(|h| !h.is_empty()) {
        request = request.set_login_hint(LoginHint::new(hint.to_owned()));
    }
    // One prompt only: several at once are refused by some providers, and a forced login lets the person choose too.
    if wish.force {
        request = request.add_prompt(CoreAuthPrompt::Login);
    } else if wish.select_account {
        request = request.add_prompt(CoreAuthPrompt::SelectAccount);
    }
    let max_age = wish.max_age.map(|seconds| seconds.max(0));
    if let Some(seconds) = max_age {
        request = request.set_max_age(std::time::Duration::from_secs(seconds.unsigned_abs()));
    }
    let (url, _, _) = request.url();
    let memo = Memo { issuer: provider.issuer.clone(), nonce, verifier, force: wish.force, max_age, departed: wish.now };
    Ok((url, memo))
}

/// The claims of a request object (RFC 9101 §4) that says the same as `url`'s query. What OAuth and OpenID Connect
/// require stays in the query as well.
pub(crate) fn object_claims(url: &Url, oidc: &OidcSettings, provider: &Provider, now: i64) -> Map<String, Value> {
    let mut claims = Map::new();
    // A query that belongs to the endpoint itself is no part of the request.
    let own = provider.authorization_endpoint.query_pairs().count();
    for (name, value) in url.query_pairs().skip(own) {
        let number = if name == "max_age" { value.parse::<i64>().ok() } else { None };
        claims.insert(name.into_owned(), number.map_or_else(|| json!(value), |n| json!(n)));
    }
    let about = json!({
        "iss": oidc.client_id,
        "aud": provider.issuer,
        "iat": now,
        "exp": now.saturating_add(REQUEST_LIFETIME),
        "jti": secret::random_id(),
    });
    claims.extend(about.as_object().cloned().unwrap_or_default());
    claims
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{connector::oidc::claims::Kind, connector::oidc::metadata, oauth::pkce};

    fn settings() -> OidcSettings {
        OidcSettings {
            issuer: "https://idp.example".into(),
            client_id: "our id".into(),
            discover: false,
            scopes: "openid email custom:scope".into(),
            authorization_endpoint: Some("https://idp.example/authorize?policy=p1".into()),
            token_endpoint: Some("https://idp.example/token".into()),
            jwks_uri: Some("https://idp.example/jwks".into()),
            ..OidcSettings::default()
        }
    }

    fn wish() -> Wish<'static> {
        Wish {
            state: "the-state",
            redirect_uri: "https://us.example/oauth2/callback",
            login_hint: None,
            force: false,
            select_account: false,
            max_age: None,
            now: 1000,
        }
    }

    fn built(wish: Wish<'_>) -> (BTreeMap<String, String>, Memo, Url) {
        let provider = metadata::manual(&settings(), Kind::Other).unwrap();
        let (url, memo) = build(&settings(), &provider, wish).unwrap();
        let pairs: Vec<_> = url.query_pairs().into_owned().collect();
        let map: BTreeMap<_, _> = pairs.iter().cloned().collect();
        assert_eq!(pairs.len(), map.len(), "each parameter once");
        (map, memo, url)
    }

    #[test]
    fn carries_state_nonce_and_challenge_and_nothing_unasked() {
        let (query, memo, _) = built(wish());
        assert_eq!(query["state"], "the-state");
        assert_eq!(query["nonce"], memo.nonce);
        assert_eq!(query["response_type"], "code");
        assert_eq!(query["scope"], "openid email custom:scope");
        assert_eq!(query["client_id"], "our id");
        assert_eq!(query["redirect_uri"], "https://us.example/oauth2/callback");
        assert_eq!(query["code_challenge_method"], "S256");
        assert_eq!(query["policy"], "p1");
        assert!(pkce::verify(Some(&query["code_challenge"]), Some(&memo.verifier)).is_ok());
        assert_eq!(query.len(), 9);
        let (again, other, _) = built(wish());
        assert!(again["nonce"] != query["nonce"] && other.verifier != memo.verifier);
    }

    #[test]
    fn passes_on_whom_and_how_to_ask() {
        let (query, memo, _) =
            built(Wish { login_hint: Some("ada@acme.example"), force: true, select_account: true, max_age: Some(60), ..wish() });
        assert_eq!((query["login_hint"].as_str(), query["prompt"].as_str()), ("ada@acme.example", "login"));
        assert_eq!((query["max_age"].as_str(), memo.max_age, memo.force), ("60", Some(60), true));
        assert_eq!(built(Wish { select_account: true, ..wish() }).0["prompt"], "select_account");
    }

    #[test]
    fn a_request_object_says_what_the_query_says() {
        let (query, _, url) = built(Wish { max_age: Some(5), ..wish() });
        let provider = metadata::manual(&settings(), Kind::Other).unwrap();
        let claims = object_claims(&url, &settings(), &provider, 1000);
        for name in ["client_id", "response_type", "scope", "redirect_uri", "state", "nonce", "code_challenge"] {
            assert_eq!(claims[name], json!(query[name]), "{name}");
        }
        assert_eq!((&claims["iss"], &claims["aud"]), (&json!("our id"), &json!("https://idp.example")));
        assert_eq!((&claims["exp"], &claims["max_age"]), (&json!(1300), &json!(5)));
        assert!(!claims.contains_key("policy"));
    }
}
