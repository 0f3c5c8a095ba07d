//! Forward auth over HTTP: what each proxy sends and may believe, who passes, what the site is told, and the browser's way
//! to sign in on the site's host.

mod addresses;
mod applications;
mod asked_once;
mod caching;
mod credentials;
mod dialects;
mod ended;
mod groups;
mod header_names;
mod identity;
mod journal;
mod paths;
mod sign_in;
mod sign_in_abroad;
mod spoofing;
mod teams;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use gatehouse::{
    policy::{
        claim_rules::{ClaimRule, MatchType},
        principal::Kind,
        role::Role,
        trusted_issuer::IssuerSettings,
    },
    secret,
    store::{
        self,
        mappings::{Mapping, Source, Target},
        principals::Principal,
        resources::{Holder, Resource},
        sites::Site,
        trusted_issuers::TrustedIssuer,
    },
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    browser::{Answer, Browser},
    idp::keys::key,
    world::{Backend, START, World, text},
};

pub const OKTA: &str = "https://okta.example/oauth2/default";
pub const AUDIENCE: &str = "https://app.example";
pub const BROWSER: (&str, &str) = ("accept", "text/html,application/xhtml+xml");
pub const API: (&str, &str) = ("accept", "application/json");
/// Peers of the tests.
const PROXIES: (&str, &str) = ("TRUSTED_PROXIES", "127.0.0.1/32, ::1/128");

const STATE: &str = r#"
tenants:
- name: acme
  clients:
  - {client_id: web, name: Web app, secret: web-secret, redirect_uris: ["https://app.example/cb"], trusted: true}
  - client_id: portal
    name: Portal
    redirect_uris: ["https://app.example/.gatehouse/callback", "https://second.example/.gatehouse/callback", "https://wiki.example/.gatehouse/callback"]
    trusted: true
  - {client_id: api, name: API app, secret: api-secret, redirect_uris: ["https://api.example/cb"], trusted: true, resources: ["https://mcp.example/mcp", "https://other.example"], scopes: [openid, email, profile, "mcp:read"]}
  - {client_id: foreign, name: Somebody's app, secret: foreign-secret, redirect_uris: ["https://foreign.example/cb"], resources: ["https://mcp.example/mcp"], scopes: [openid, email, "mcp:read"]}
  users:
  - {email: ada@acme.example, name: Ada, password: "correct horse"}
  - {email: bob@acme.example, name: Bob, password: "correct horse"}
  teams:
  - {name: sre, members: [ada@acme.example]}
  - {name: "on, call", members: [ada@acme.example]}
- name: other
  clients:
  - {client_id: other-web, name: Other web, secret: other-secret, redirect_uris: ["https://other.example/cb"], trusted: true}
  users:
  - {email: ada@acme.example, name: Another Ada, password: "battery staple"}
"#;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Forward,
    Request,
    Envoy,
}

pub const DIALECTS: [Dialect; 3] = [Dialect::Forward, Dialect::Request, Dialect::Envoy];

/// A deployment with sites.
pub struct Guarded {
    pub world: World,
    pub tenant: String,
}

impl std::ops::Deref for Guarded {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl Guarded {
    /// With the site `app` on `app.example`, which takes our tokens and okta's and signs browsers in over us.
    pub async fn new(backend: Backend) -> Self {
        let guarded = Self::bare(World::with(backend, STATE, &[PROXIES]).await).await;
        guarded.okta(json!({})).await;
        let site = json!({"hosts": ["app.example"], "issuers": ["gatehouse", "okta"], "login": {"client": "portal"}});
        guarded.site("app", site).await;
        guarded
    }

    pub async fn bare(world: World) -> Self {
        let tenant = store::tenants::find_by_name(&world.app.db, "acme").await.unwrap().unwrap().id;
        Self { world, tenant }
    }

    /// Makes the site, or changes it.
    pub async fn site(&self, name: &str, settings: Value) {
        self.site_of(&self.tenant, name, settings, true).await;
    }

    pub async fn site_of(&self, tenant: &str, name: &str, settings: Value, enabled: bool) {
        let (id, tenant_id, name) = (format!("site-{name}"), tenant.to_owned(), name.to_owned());
        let settings = serde_json::from_value(settings).unwrap();
        let mut tx = self.app.db.begin().await.unwrap();
        store::sites::save(&mut tx, &Site { id, tenant_id, name, enabled, settings, created_at: START }).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// The trusted issuer `okta`, whose keys are the test's; `more` are further settings.
    pub async fn okta(&self, more: Value) {
        self.issuer("okta", OKTA, more).await;
    }

    pub async fn issuer(&self, name: &str, issuer: &str, more: Value) {
        let mut settings = json!({"issuer": issuer, "audience": [AUDIENCE], "jwks": {"keys": key(0).public()}});
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let settings: IssuerSettings = serde_json::from_value(settings).unwrap();
        let (id, tenant_id, name) = (format!("issuer-{name}"), self.tenant.clone(), name.to_owned());
        let issuer = TrustedIssuer { id, tenant_id, name, enabled: true, settings, secrets_sealed: None, created_at: START };
        let mut tx = self.app.db.begin().await.unwrap();
        store::trusted_issuers::save(&mut tx, &issuer).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// What is asked of an issuer's tokens, as tokens exchanged for them say it.
    pub async fn terms(&self, issuer: &str) -> String {
        let catalogue = self.app.trust.catalogue(self.clock.now()).await.unwrap();
        catalogue.issuer(issuer).unwrap().terms().to_owned()
    }

    /// An external identity that tokens of okta with this `sub` act as.
    pub async fn external_identity(&self, name: &str, sub: &str) -> String {
        let rule = ClaimRule { claim: "sub".into(), values: vec![sub.into()], match_type: MatchType::Exact };
        self.external_identity_by(name, vec![rule]).await
    }

    /// One that tokens of okta with these claims act as.
    pub async fn external_identity_by(&self, name: &str, claims: Vec<ClaimRule>) -> String {
        let id = format!("principal-{name}");
        let (tenant_id, kind, created_at) = (self.tenant.clone(), Kind::ExternalIdentity, START);
        let principal = Principal { id: id.clone(), tenant_id, kind, name: name.to_owned(), enabled: true, created_at };
        store::principals::save(&self.app.db, &principal).await.unwrap();
        let mapping = Mapping {
            id: format!("mapping-{name}"),
            tenant_id: self.tenant.clone(),
            source: Source::Issuer("issuer-okta".into()),
            target: Target::Principal(id.clone()),
            claims,
            version: 1,
            created_at,
        };
        store::mappings::save(&self.app.db, &mapping).await.unwrap();
        id
    }

    /// Tokens of okta whose claim holds `value` belong to the team.
    pub async fn team_by_claim(&self, team: &str, claim: &str, value: &str) {
        let team = store::teams::find_by_name(&self.app.db, &self.tenant, team).await.unwrap().unwrap();
        let rule = ClaimRule { claim: claim.into(), values: vec![value.into()], match_type: MatchType::Contains };
        let mapping = Mapping {
            id: format!("mapping-{}", team.id),
            tenant_id: self.tenant.clone(),
            source: Source::Issuer("issuer-okta".into()),
            target: Target::Team(team.id),
            claims: vec![rule],
            version: 1,
            created_at: START,
        };
        store::mappings::save(&self.app.db, &mapping).await.unwrap();
    }

    pub async fn resource(&self) -> String {
        let (id, tenant_id) = ("resource-gpt".to_owned(), self.tenant.clone());
        let resource = Resource { id: id.clone(), tenant_id, kind: "model".into(), name: "gpt".into(), created_at: START };
        store::resources::insert(&self.app.db, &resource).await.unwrap();
        id
    }

    pub async fn give(&self, resource: &str, holder: Holder, role: Role) {
        assert!(store::resources::give(&self.app.db, resource, &holder, role).await.unwrap());
    }

    pub async fn user(&self, email: &str) -> String {
        let email = gatehouse::policy::email::Email::parse(email).unwrap();
        store::users::find_by_email(&self.app.db, &self.tenant, &email).await.unwrap().unwrap().id
    }

    /// An access token of Ada's.
    pub async fn own(&self) -> String {
        text(&self.tokens("web").await, "access_token").to_owned()
    }

    /// One that tells her teams too.
    pub async fn own_with_groups(&self) -> String {
        let code = self.code("web", &[("scope", "openid email groups")]).await;
        text(&self.redeem("web", &code).await.json(), "access_token").to_owned()
    }

    /// An access token for the `api` client with these scopes and resource.
    pub async fn own_for(&self, scope: &str, resource: &str) -> String {
        let code = self.code("api", &[("scope", scope), ("resource", resource)]).await;
        let answer = self.redeem("api", &code).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        text(&answer.json(), "access_token").to_owned()
    }

    /// Asks in a dialect about `https://{host}{target}`.
    pub async fn ask(&self, dialect: Dialect, host: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask_as(dialect, "GET", host, target, headers).await
    }

    pub async fn ask_as(&self, dialect: Dialect, method: &str, host: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
        let original = format!("https://{host}{target}");
        let (path, line, mut all) = match dialect {
            Dialect::Forward => (
                "/auth/forward".to_owned(),
                "GET",
                vec![
                    ("x-forwarded-method", method),
                    ("x-forwarded-proto", "https"),
                    ("x-forwarded-host", host),
                    ("x-forwarded-uri", target),
                ],
            ),
            Dialect::Request => {
                ("/auth/request".to_owned(), "GET", vec![("x-original-url", original.as_str()), ("x-original-method", method)])
            }
            Dialect::Envoy => (format!("/auth/envoy{target}"), method, vec![("x-forwarded-proto", "https"), ("host", host)]),
        };
        all.extend_from_slice(headers);
        let line = Method::from_bytes(line.as_bytes()).unwrap();
        Browser::new().send(line, &format!("{}{path}", self.url), &all, None).await
    }

    /// The status that every dialect gives.
    pub async fn status(&self, host: &str, target: &str, headers: &[(&str, &str)]) -> u16 {
        let mut all = Vec::new();
        for dialect in DIALECTS {
            all.push(self.ask(dialect, host, target, headers).await.status);
        }
        assert!(all.iter().all(|status| *status == all[0]), "the dialects differ about {host}{target} {headers:?}: {all:?}");
        all[0]
    }
}

/// A token of okta's; `change` replaces claims.
pub fn foreign(change: Value) -> String {
    let mut claims = json!({
        "iss": OKTA, "aud": AUDIENCE, "sub": "00u1", "email": "ada@customer.example", "name": "Ada of Okta",
        "groups": ["eng"], "iat": START, "exp": START + 3600, "jti": secret::random_id(),
    });
    claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    let header = json!({"alg": "RS256", "kid": key(0).kid, "typ": "at+jwt"});
    let signed = format!("{}.{}", B64.encode(header.to_string()), B64.encode(claims.to_string()));
    let signature = B64.encode(key(0).rs256(&signed));
    format!("{signed}.{signature}")
}

pub fn bearer(token: &str) -> (&'static str, String) {
    ("authorization", format!("Bearer {token}"))
}
