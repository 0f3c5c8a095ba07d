//! `POST /oauth2/token` (RFC 6749 §3.2): the phases every grant shares, in order: client → may it → grant → answer.

use std::collections::HashSet;

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use serde_json::{Map, Value, json};

use super::caller::Caller;
use crate::{
    app::App,
    error::ApiError,
    grant::{
        self, GrantError, Subject, authorization_code::Redemption, jwt_bearer::Assertion, principal::Wanted, refresh_token::Turn,
        subject::Unjudged, token_exchange::Exchange,
    },
    oauth::{
        client::{Client, GrantType},
        error::{Code, error},
        params::Params,
    },
    token::{
        claims::Audience,
        issue::Origin,
        unverified::{HARD_LIMIT, Unverified},
        validator::Scope,
    },
    trust::{self, Denied},
};

/// Handles a token request.
pub async fn token(State(app): State<App>, Caller { client, params }: Caller) -> Result<Response, ApiError> {
    let minted = match GrantType::from_name(params.required("grant_type", "grant_type is missing")?) {
        Some(GrantType::AuthorizationCode) => redeem(&app, &client, &params).await?,
        Some(GrantType::RefreshToken) => refresh(&app, &client, &params).await?,
        Some(GrantType::ClientCredentials) => act(&app, &client, &params).await?,
        Some(GrantType::TokenExchange) => exchange(&app, &client, &params).await?,
        Some(GrantType::JwtBearer) => accept(&app, &client, &params).await?,
        None => return Err(unsupported()),
    };
    let mut answer = json!({
        "token_type": "Bearer",
        "access_token": minted.access_token,
        "expires_in": minted.expires_in,
    });
    if let Some(object) = answer.as_object_mut() {
        let scope = Some(minted.scope.to_string()).filter(|scope| !scope.is_empty());
        for (name, value) in [
            ("scope", scope),
            ("refresh_token", minted.refresh_token),
            ("id_token", minted.id_token),
            ("issued_token_type", minted.issued_token_type.map(str::to_owned)),
        ] {
            object.extend(value.map(|value| (name.to_owned(), value.into())));
        }
    }
    Ok(([(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")], Json(answer)).into_response())
}

fn unsupported() -> ApiError {
    let names = GrantType::ALL.map(GrantType::as_str).join(", ");
    error(Code::UnsupportedGrantType, format!("grant_type must be one of {names}")).into()
}

async fn redeem(app: &App, client: &Client, params: &Params) -> Result<grant::Minted, ApiError> {
    let verifiers: Vec<&str> = params.one("code_verifier")?.into_iter().collect();
    let resources = params.all("resource");
    let redemption = Redemption {
        code: params.required("code", "code is missing")?,
        redirect_uri: params.one("redirect_uri")?,
        verifiers: &verifiers,
        resources: &resources,
    };
    Ok(grant::authorization_code::redeem(&app.grants(), client, &redemption).await?)
}

async fn refresh(app: &App, client: &Client, params: &Params) -> Result<grant::Minted, ApiError> {
    let resources = params.all("resource");
    let turn = Turn {
        token: params.required("refresh_token", "refresh_token is missing")?,
        scope: params.one("scope")?,
        resources: &resources,
    };
    Ok(grant::refresh_token::rotate(&app.grants(), client, &turn).await?)
}

async fn act(app: &App, client: &Client, params: &Params) -> Result<grant::Minted, ApiError> {
    let audience = params.all("resource");
    let wanted = Wanted { scope: params.one("scope")?, audience: &audience };
    Ok(grant::client_credentials::act(&app.grants(), client, wanted).await?)
}

async fn exchange(app: &App, client: &Client, params: &Params) -> Result<grant::Minted, ApiError> {
    let audience = [params.all("resource"), params.all("audience")].concat();
    let exchange = Exchange {
        subject_token: params.required("subject_token", "subject_token is missing")?,
        subject_token_type: params.required("subject_token_type", "subject_token_type is missing")?,
        requested_token_type: params.one("requested_token_type")?,
        has_actor: params.one("actor_token")?.is_some() || params.one("actor_token_type")?.is_some(),
        wanted: Wanted { scope: params.one("scope")?, audience: &audience },
    };
    let issuers = match params.one("issuer")? {
        Some(name) => {
            let catalogue = app.trust.catalogue_of(app.clock.now(), &client.tenant_id).await?;
            Some(catalogue.sources_named(Some(&client.tenant_id), name))
        }
        None => None,
    };
    let judged = judge(app, client, exchange.subject_token, issuers.as_ref(), GrantType::TokenExchange);
    Ok(grant::token_exchange::exchange(&app.grants(), client, &exchange, judged).await?)
}

async fn accept(app: &App, client: &Client, params: &Params) -> Result<grant::Minted, ApiError> {
    let audience = params.all("resource");
    let assertion = Assertion {
        assertion: params.required("assertion", "assertion is missing")?,
        wanted: Wanted { scope: params.one("scope")?, audience: &audience },
    };
    let judged = judge(app, client, assertion.assertion, None, GrantType::JwtBearer);
    Ok(grant::jwt_bearer::accept(&app.grants(), client, &assertion, judged).await?)
}

/// Who the bearer of a foreign token is, in the client's own tenant: another's issuers are none of its business (Dex
/// GHSA-7qjx-gp9h-65qj).
async fn judge(
    app: &App,
    client: &Client,
    token: &str,
    sources: Option<&HashSet<String>>,
    grant: GrantType,
) -> Result<Subject, Unjudged> {
    let scope = Scope { tenant: Some(client.tenant_id.as_str()), sources, ..Scope::default() };
    let (bearer, issuer) = trust::judge_with_issuer(app, token, &scope).await.map_err(|denied| match denied {
        Denied::Invalid(invalid) if invalid.is_unasked() => {
            Unjudged::Unasked { text: invalid.to_string(), cause: invalid.detail(), retry_after: invalid.retry_after() }
        }
        Denied::Invalid(invalid) => Unjudged::Refused { text: invalid.to_string(), cause: invalid.detail() },
        Denied::NotActive(cause) => Unjudged::Refused { text: "Token is not active".to_owned(), cause },
        Denied::Ambiguous => Unjudged::Refused { text: denied.to_string(), cause: String::new() },
        Denied::Store(e) => Unjudged::Store(e),
        Denied::Unavailable(cause) => Unjudged::Unavailable(cause),
    })?;
    let foreign = |text: &str| Unjudged::Refused { text: text.to_owned(), cause: String::new() };
    let source = bearer.source.filter(|_| bearer.own.is_none());
    let source = source.ok_or_else(|| foreign("tokens of this issuer are not exchanged"))?;
    let issuer = issuer.ok_or_else(|| foreign("Token is not active"))?;
    // Values are quoted where they are written, so nothing that the token says can look like another line.
    let acts_as: Vec<&str> = bearer.principals.iter().map(|p| p.name.as_str()).collect();
    let teams: Vec<&str> = bearer.teams.iter().map(|team| team.name.as_str()).collect();
    tracing::info!(
        tenant = bearer.tenant,
        client = client.id,
        issuer = %issuer,
        subject = bearer.subject,
        email = bearer.email,
        ?acts_as,
        ?teams,
        grant = ?grant,
        "a foreign token holds, and is exchanged"
    );
    // Where the operator says how old a token may be, nothing that is made of one may be older.
    let oldest = issuer.settings.max_token_age;
    let issued_at = bearer.claims.get("iat").and_then(serde_json::Value::as_i64);
    let too_old_at = issued_at.zip(oldest).map(|(at, age)| at.saturating_add(age));
    let jti = jti(&bearer.claims, token);
    if grant == GrantType::JwtBearer && jti.as_ref().is_some_and(|jti| !jti.is_string()) {
        return Err(foreign("its jti must be a text, by which it is known when it comes again"));
    }
    let audience = bearer.claims.get("aud").cloned().and_then(|aud| serde_json::from_value::<Audience>(aud).ok());
    Ok(Subject {
        acts_as: bearer.acts_as,
        origin: Origin {
            iss: bearer.issuer,
            sub: bearer.subject,
            email: bearer.email,
            terms: issuer.terms().to_owned(),
            grant: Some(grant),
            source,
        },
        expires_at: [bearer.expires_at, too_old_at].into_iter().flatten().min(),
        jti: jti.as_ref().and_then(Value::as_str).map(str::to_owned),
        audience: audience.map(|aud| aud.names().to_vec()).unwrap_or_default(),
    })
}

/// What a foreign token is known by. Where its issuer was asked, and tells none, the one that the token itself says: the
/// issuer has answered for it as it came.
fn jti(claims: &Map<String, Value>, token: &str) -> Option<Value> {
    let told = claims.get("jti").filter(|jti| !jti.is_null()).cloned();
    let own = || Unverified::read(token, HARD_LIMIT).ok()?.into_claims().remove("jti").filter(|jti| !jti.is_null());
    told.or_else(own)
}

impl From<GrantError> for ApiError {
    fn from(e: GrantError) -> Self {
        match e {
            GrantError::Refused { error, cause } => Self::new(error, cause),
            GrantError::Unasked { text, cause, retry_after } => Self::of_others(text, cause, retry_after),
            GrantError::Store(e) => e.into(),
            GrantError::Unavailable(cause) => Self::unavailable(cause),
            GrantError::Sign(cause) => Self::new(error(Code::ServerError, "the tokens could not be signed"), cause),
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    use super::*;

    #[test]
    fn what_an_issuer_does_not_tell_the_token_says() {
        let part = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let token = |claims: Value| format!("{}.{}.{}", part(json!({"alg": "ES256"})), part(claims), part(json!("signed")));
        let told = |claims: Value| claims.as_object().cloned().unwrap_or_default();
        let own = token(json!({"iss": "https://as.example", "jti": "own"}));
        let none = token(json!({"iss": "https://as.example"}));
        assert_eq!(jti(&told(json!({"jti": "told"})), &own), Some(json!("told")));
        for silent in [json!({}), json!({"jti": null})] {
            assert_eq!(jti(&told(silent.clone()), &own), Some(json!("own")), "{silent}");
            assert_eq!(jti(&told(silent.clone()), &none), None, "{silent}");
            assert_eq!(jti(&told(silent), "opaque"), None);
        }
    }
}
