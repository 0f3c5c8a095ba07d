//! The OpenID Connect relying party.
//!
//! ```text
//! depart: discovery (metadata, kept) → request (PKCE, nonce, signed request object)
//! arrive: response (iss, error, code) → exchange (client authentication) → id_token (token::verify, nonce, freshness)
//!         → userinfo (when something is missing; same sub) → claims (who that is)
//! ```
//! An [`Oidc`] exists only with settings that can work, and a provider only after its issuer has matched.

pub(super) mod check;
mod claims;
mod discovery;
mod exchange;
mod id_token;
mod metadata;
mod request;
mod response;
mod signed;
mod userinfo;

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

pub use self::exchange::{CodeExchange, Received, exchange_code};
use self::{
    claims::{Claims, Gap, Kind},
    discovery::Discovery,
    exchange::{Exchange, Redemption, Tokens},
    id_token::{Expected, Issuers, Verified},
    metadata::Provider,
    request::Memo,
    userinfo::Question,
};
use super::{Arrival, Arrived, Connector, Departure, Deps, Document, Error, Go, Wish, presets};
use crate::{
    policy::{
        cause::Cause,
        connection::{ConnectionSettings, OidcSettings, Protocol},
        identity::Identity,
    },
    token::KeySource,
};

/// Signs people in at one OpenID Connect provider.
pub struct Oidc {
    settings: ConnectionSettings,
    oidc: OidcSettings,
    kind: Kind,
    issuers: Issuers,
    secret: Option<SecretString>,
    discovery: Arc<Discovery>,
    exchange: Exchange,
    deps: Deps,
}

impl Oidc {
    /// Opens a connection; nothing is fetched yet. What the settings leave empty is filled from their preset.
    ///
    /// # Errors
    /// [`Error::Misconfigured`] with everything that is wrong.
    pub fn open(settings: &ConnectionSettings, secret: Option<SecretString>, deps: &Deps) -> Result<Self, Error> {
        let mut settings = settings.clone();
        presets::apply(&mut settings, Protocol::Oidc).map_err(|why| Error::Misconfigured(Cause::Settings.with(why)))?;
        let mut problems = settings.problems();
        let Some(oidc) = settings.oidc.clone() else {
            return Err(Error::Misconfigured(Cause::Settings.with(problems.join("; "))));
        };
        let kind = Kind::of(&settings, &oidc);
        let issuers = Issuers::of(&oidc, kind);
        let mut cause = Cause::Settings;
        if issuers.is_empty() {
            cause = Cause::IssuerShared;
            problems.push(
                "the issuer is shared by all Entra directories: put the directory's own id into it \
                 (https://login.microsoftonline.com/{id}/v2.0), or name those that may sign in with allowed_tenants"
                    .to_owned(),
            );
        }
        let secret = secret.filter(|s| !s.expose_secret().is_empty());
        if oidc.needs_secret() && secret.is_none() {
            cause = Cause::ClientSecretMissing;
            problems.push("the connection has no client secret, which its token_endpoint_auth_method needs".to_owned());
        }
        if !problems.is_empty() {
            return Err(Error::Misconfigured(cause.with(problems.join("; "))));
        }
        let discovery = Discovery::new(oidc.clone(), kind, deps.outbound.clone())?;
        Ok(Self { settings, oidc, kind, issuers, secret, discovery, exchange: Exchange::default(), deps: deps.clone() })
    }

    /// The issuers under which identities of a connection are kept: one, but for Entra's shared endpoints.
    #[must_use]
    pub fn issuers(settings: &ConnectionSettings) -> Vec<String> {
        let settings = presets::filled(settings, Protocol::Oidc);
        let Some(oidc) = settings.oidc.as_ref().filter(|oidc| !oidc.issuer.is_empty()) else { return Vec::new() };
        Issuers::of(oidc, Kind::of(&settings, oidc)).kept().to_vec()
    }

    /// Asks userinfo for what the ID token leaves open. Without an answer a sign-in goes on if it can.
    async fn complete(
        &self,
        provider: &Provider,
        keys: &dyn KeySource,
        verified: &Verified,
        access_token: Option<&SecretString>,
        now: i64,
    ) -> Result<Option<Claims>, Error> {
        let gap = claims::gap(&self.settings, verified.claims.members());
        let (Some(access_token), true) = (access_token, gap != Gap::None) else { return Ok(None) };
        let question = Question {
            oidc: &self.oidc,
            provider,
            issuers: &self.issuers,
            outbound: &self.deps.outbound,
            keys,
            access_token,
            sub: verified.claims.text("sub").unwrap_or_default(),
            now,
        };
        match userinfo::ask(&question).await {
            Err(Error::Unreachable(cause)) if gap == Gap::Optional => {
                tracing::warn!(issuer = %provider.issuer, %cause, "signing in without userinfo");
                Ok(None)
            }
            result => result,
        }
    }
}

fn changed(how: &str) -> Error {
    Error::Untrusted(Cause::ConnectionChanged.with(how))
}

#[async_trait]
impl Connector for Oidc {
    async fn depart(&self, wish: Wish<'_>) -> Result<Departure, Error> {
        let provider = self.discovery.provider(wish.now).await?;
        let (mut url, memo) = request::build(&self.oidc, &provider, wish)?;
        if self.oidc.sign_requests {
            if provider.takes_requests == Some(false) {
                return Err(Error::Misconfigured(Cause::RequestObjects.with(
                    "the provider does not take request objects (request_parameter_supported is false); turn sign_requests off",
                )));
            }
            let claims = request::object_claims(&url, &self.oidc, &provider, wish.now);
            let object = signed::request_object(&self.deps.ring, claims, wish.now)?;
            url.query_pairs_mut().append_pair("request", &object);
        }
        let memo = serde_json::to_value(memo)
            .map_err(|e| Error::Misconfigured(Cause::OwnFault.with(format!("nothing can be remembered: {e}"))))?;
        Ok(Departure { go: Go::Redirect(url), memo })
    }

    async fn arrive(&self, memo: &Value, arrival: &Arrival, redirect_uri: &str, now: i64) -> Result<Arrived, Error> {
        let memo: Memo = serde_json::from_value(memo.clone())
            .map_err(|_| changed("the sign-in was begun by something else than an OIDC connection"))?;
        let provider = self.discovery.provider(now).await?;
        if memo.issuer != provider.issuer {
            return Err(changed(
                "the connection was changed to another issuer while the person was away; let them sign in again",
            ));
        }
        let code = response::judge(arrival, &provider, &self.issuers)?;
        let redemption = Redemption {
            oidc: &self.oidc,
            secret: self.secret.as_ref(),
            provider: &provider,
            ring: &self.deps.ring,
            outbound: &self.deps.outbound,
            code,
            verifier: &memo.verifier,
            redirect_uri,
            now,
        };
        let Tokens { id_token, access_token } = self.exchange.redeem(&redemption).await?;
        let keys = self.deps.key_sets.keys(&provider.jwks_uri).following();
        let expected = Expected {
            oidc: &self.oidc,
            kind: self.kind,
            issuers: &self.issuers,
            memo: &memo,
            access_token: access_token.as_ref().map(|t| t.expose_secret()),
        };
        let verified = id_token::judge(&id_token, &keys, &expected, now).await?;
        let userinfo = self.complete(&provider, &keys, &verified, access_token.as_ref(), now).await;
        let identity = userinfo.as_ref().map_err(Error::clone).and_then(|userinfo| {
            let person = claims::read(&self.settings, self.kind, verified.claims.members(), userinfo.as_ref());
            let person = person.map_err(Error::Untrusted)?;
            Ok(Identity {
                issuer: verified.issuer.clone(),
                subject: person.subject,
                email: person.email,
                email_verified: person.email_verified,
                name: person.name,
                groups: person.groups.known(&provider.issuer),
                auth_time: verified.auth_time,
                session_until: None,
            })
        });
        let mut said = vec![Document { name: "ID token", claims: verified.claims.into_members().into_iter().collect() }];
        let userinfo = userinfo.ok().flatten();
        said.extend(userinfo.map(|claims| Document { name: "userinfo", claims: claims.into_iter().collect() }));
        Ok(Arrived { identity, said, once: None, session: None })
    }
}
