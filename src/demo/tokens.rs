//! What the control plane knows of the person signed in: the tokens in its cookies, believed only after their signatures
//! have been verified with gatehouse's published keys, as any control plane must.

use std::sync::Arc;

use axum::http::HeaderMap;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use url::Url;

use super::{
    hops::Hops,
    page::{Claim, Lifetime, Panel, Session},
};
use crate::{
    outbound::OutboundError,
    session::only_cookie,
    token::{
        Claims, Invalid, Rules,
        jwks::{FLOOR, RemoteKeys},
        rules::AudienceRule,
        verify,
    },
};

/// Seconds by which the clocks may differ.
const LEEWAY: i64 = 60;

/// Judges gatehouse's tokens.
#[derive(Clone)]
pub struct Judge {
    keys: RemoteKeys,
    access: Rules,
    refresh: Rules,
}

/// What the browser's cookies hold.
#[derive(Debug)]
pub enum Held {
    /// No access token.
    Nothing,
    /// One that is not good, and why.
    Refused(Invalid),
    /// Good ones.
    Tokens(Box<Tokens>),
}

/// Verified tokens.
#[derive(Debug)]
pub struct Tokens {
    access: Value,
    refresh: Option<Value>,
    /// Gatehouse's answer about the access token, or why there is none.
    userinfo: Result<Value, String>,
}

impl Judge {
    /// For tokens of `issuer`, whose keys are fetched over the control plane's own way to gatehouse.
    ///
    /// # Errors
    /// When the address of the keys is unusable.
    pub fn new(issuer: &str, hops: &Hops) -> Result<Self, OutboundError> {
        let jwks = hops.address("/oauth2/jwks");
        let jwks = Url::parse(&jwks).map_err(|_| OutboundError::Unusable(jwks))?;
        Ok(Self {
            keys: RemoteKeys::new(jwks, Arc::new(hops.outbound()), FLOOR),
            access: Rules::own_access(issuer, AudienceRule::Contains(vec![issuer.to_owned()]), LEEWAY),
            refresh: Rules::own_refresh(issuer, LEEWAY),
        })
    }

    /// Reads the cookies; `now` is unix seconds.
    pub async fn read(&self, headers: &HeaderMap, hops: &Hops, now: i64) -> Held {
        let Some(access) = only_cookie(headers, "accessToken") else { return Held::Nothing };
        let claims = match verify(&access, &self.keys, &self.access, now).await {
            Ok(claims) => claims,
            Err(invalid) => return Held::Refused(invalid),
        };
        let refresh = match only_cookie(headers, "refreshToken") {
            Some(token) => verify(&token, &self.keys, &self.refresh, now).await.ok().map(|claims| whole(&token, claims)),
            None => None,
        };
        let userinfo = hops.userinfo(&access).await;
        Held::Tokens(Box::new(Tokens { access: whole(&access, claims), refresh, userinfo }))
    }
}

/// Header and claims in one object. The header is read only for show, after the token has been verified.
fn whole(token: &str, claims: Claims) -> Value {
    let header = token.split('.').next().and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let mut all: Map<String, Value> = header.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    all.extend(claims.into_members());
    Value::Object(all)
}

impl Tokens {
    /// As the page shows them.
    #[must_use]
    pub fn session(&self, now: i64) -> Session<'_> {
        let text = |name: &str| self.access.get(name).and_then(Value::as_str).unwrap_or_default();
        let tokens = [("Access token", Some(&self.access)), ("Refresh token", self.refresh.as_ref())];
        let lifetime = |(name, token): (&'static str, Option<&Value>)| {
            let time = |claim: &str| token?.get(claim)?.as_i64();
            Some(Lifetime::new(name, time("iat")?, time("exp")?, now))
        };
        let access = Panel {
            title: "Access token",
            note: "Its header and claims. The control plane checks the signature with gatehouse's published keys, without asking gatehouse.",
            claims: Claim::rows(&self.access),
        };
        let userinfo = match &self.userinfo {
            Ok(answer) => Panel {
                title: "Userinfo",
                note: "What gatehouse answers to whoever shows the access token.",
                claims: Claim::rows(answer),
            },
            Err(_) => Panel {
                title: "Userinfo",
                note: "Gatehouse does not accept the access token any more, although its signature is still good: the sign-in has ended.",
                claims: Vec::new(),
            },
        };
        let refresh = self.refresh.as_ref().map(|claims| Panel {
            title: "Refresh token",
            note: "For gatehouse alone, and good for one use: refreshing gives a new pair.",
            claims: Claim::rows(claims),
        });
        Session {
            email: text("email"),
            tenant: text("tenant"),
            lifetimes: tokens.into_iter().filter_map(lifetime).collect(),
            panels: [Some(access), Some(userinfo), refresh].into_iter().flatten().collect(),
        }
    }

    /// Why gatehouse does not stand by the access token any more.
    #[must_use]
    pub fn disowned(&self) -> Option<&str> {
        self.userinfo.as_ref().err().map(String::as_str)
    }
}
