//! A deployment whose tenants trust foreign issuers: providers that live in the test, mappings, roles, and who calls.

use std::ops::Deref;

use gatehouse::{
    policy::{
        claim_rules::{ClaimRule, shorthand},
        principal::Kind,
        role::Role,
        trusted_issuer::IssuerSettings,
    },
    secret,
    store::{
        mappings::{self, Mapping, Source, Target},
        principals::{self, Principal},
        resources::{self, Holder, Resource},
        teams::{self, Team},
        tenants,
        trusted_issuers::{self, TrustedIssuer},
    },
};
use serde_json::{Map, Value, json};

use crate::{
    browser::{Answer, Browser},
    idp::Idp,
    world::{Backend, STATE, World},
};

/// The audience that tests ask tokens for.
pub const API: &str = "https://api.acme.example";

pub struct Trusted {
    pub world: World,
    pub idp: Idp,
}

impl Deref for Trusted {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl Trusted {
    /// The usual world, whose tenant acme trusts a provider as `idp`.
    pub async fn new(backend: Backend) -> Self {
        Self::with(backend, STATE).await
    }

    pub async fn with(backend: Backend, state: &str) -> Self {
        let world = World::with(backend, state, &[]).await;
        let idp = Idp::start(world.clock.clone()).await;
        let trusted = Self { world, idp };
        trusted.trust("acme", "idp", |_| {}).await;
        trusted
    }

    pub async fn tenant_id(&self, name: &str) -> String {
        tenants::find_by_name(&self.app.db, name).await.unwrap().expect(name).id
    }

    /// A trusted issuer of the provider; `change` what is not usual about it.
    pub async fn trust(&self, tenant: &str, name: &str, change: impl FnOnce(&mut IssuerSettings)) -> TrustedIssuer {
        let mut settings = IssuerSettings {
            issuer: Some(self.idp.issuer().to_owned()),
            audience: vec![API.to_owned()],
            jwks_uri: Some(format!("{}/jwks", self.idp.issuer())),
            ..IssuerSettings::default()
        };
        change(&mut settings);
        let (id, tenant_id) = (secret::random_id(), self.tenant_id(tenant).await);
        let issuer = TrustedIssuer {
            id,
            tenant_id,
            name: name.to_owned(),
            enabled: true,
            settings,
            secrets_sealed: None,
            created_at: self.clock.now(),
        };
        trusted_issuers::save(&self.app.db, &issuer).await.unwrap();
        issuer
    }

    pub async fn issuer(&self, tenant: &str, name: &str) -> TrustedIssuer {
        let tenant = self.tenant_id(tenant).await;
        trusted_issuers::find_by_name(&self.app.db, &tenant, name).await.unwrap().expect(name)
    }

    /// An external identity of acme that tokens of `idp` with these claims act as: its row id.
    pub async fn identity(&self, name: &str, claims: Value) -> String {
        let issuer = self.issuer("acme", "idp").await.id;
        self.principal(Kind::ExternalIdentity, name, Some((Source::Issuer(issuer), claims))).await
    }

    /// A principal of acme: its row id.
    pub async fn principal(&self, kind: Kind, name: &str, mapping: Option<(Source, Value)>) -> String {
        let (id, tenant_id) = (secret::random_id(), self.tenant_id("acme").await);
        let (name, created_at) = (name.to_owned(), self.clock.now());
        let principal = Principal { id: id.clone(), tenant_id, kind, name, enabled: true, created_at };
        principals::save(&self.app.db, &principal).await.unwrap();
        if let Some((source, claims)) = mapping {
            self.map(source, Target::Principal(id.clone()), claims).await;
        }
        id
    }

    /// A team of acme: its row id.
    pub async fn team(&self, name: &str) -> String {
        let (id, tenant_id) = (secret::random_id(), self.tenant_id("acme").await);
        let team = Team { id: id.clone(), tenant_id, name: name.to_owned(), created_at: self.clock.now(), group_id: None };
        teams::save(&self.app.db, &team).await.unwrap();
        id
    }

    /// Maps claims of a source to a target of acme.
    pub async fn map(&self, source: Source, target: Target, claims: Value) -> Mapping {
        let (id, tenant_id) = (secret::random_id(), self.tenant_id("acme").await);
        let mapping = Mapping { id, tenant_id, source, target, claims: rules(&claims), version: 1, created_at: self.clock.now() };
        mappings::save(&self.app.db, &mapping).await.unwrap();
        mapping
    }

    /// Whom tokens of `idp` act as or belong to.
    pub async fn map_idp(&self, target: Target, claims: Value) -> Mapping {
        let issuer = self.issuer("acme", "idp").await.id;
        self.map(Source::Issuer(issuer), target, claims).await
    }

    /// Gives a role on a resource of acme, which is made when it is not there.
    pub async fn give(&self, kind: &str, name: &str, holder: Holder, role: Role) {
        let (db, tenant) = (&self.app.db, self.tenant_id("acme").await);
        let id = match resources::find(db, &tenant, kind, name).await.unwrap() {
            Some(resource) => resource.id,
            None => {
                let (id, kind, name) = (secret::random_id(), kind.to_owned(), name.to_owned());
                let resource = Resource { id, tenant_id: tenant, kind, name, created_at: 1 };
                resources::insert(db, &resource).await.unwrap();
                resource.id
            }
        };
        resources::give(db, &id, &holder, role).await.unwrap();
    }

    /// A token of the provider, with these claims besides (or in place of) the usual ones; `null` leaves one out.
    pub fn token(&self, claims: Value) -> String {
        foreign_token(&self.idp, self.clock.now(), claims)
    }

    pub async fn whoami(&self, token: &str) -> Answer {
        self.get("/api/v1/whoami", token).await
    }

    /// Who the token's bearer is, by name; the status and error where nobody.
    pub async fn name(&self, token: &str) -> String {
        named(&self.whoami(token).await)
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        let headers = [("authorization", format!("Bearer {token}"))];
        Browser::new().get_with(&format!("{}{path}", self.url), &[(headers[0].0, &headers[0].1)]).await
    }

    pub async fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {token}");
        Browser::new().post_json(&format!("{}{path}", self.url), &[("authorization", &bearer)], body).await
    }

    /// What a token stands on that is off, by the explanation that an operator is given, and all of it.
    pub async fn footing(&self, token: &str) -> (Vec<String>, Value) {
        let reader = "reader-0123456789abcdef0123456789abcdef";
        let file =
            format!("tenants:\n- name: acme\n  service_tokens:\n  - {{name: reader, token: {reader}, scopes: [admin:read]}}\n");
        self.apply(&file).await;
        let report = self.post("/api/v1/access/explain", reader, &json!({"token": token})).await.json();
        let rows = report["standing"].as_array().unwrap().iter().filter(|row| row["on"] == json!(false));
        (rows.map(|row| row["what"].as_str().unwrap().to_owned()).collect(), report)
    }

    /// Whether the token's bearer holds `role` on a resource, and the role it holds.
    pub async fn check(&self, token: &str, resource: (&str, &str), role: &str) -> (bool, Value) {
        let body = json!({"resource": {"type": resource.0, "name": resource.1}, "role": role});
        let answer = self.post("/api/v1/access/check", token, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        (answer.json()["allowed"] == json!(true), answer.json()["role"].clone())
    }
}

/// Rules in their short form.
pub fn rules(claims: &Value) -> Vec<ClaimRule> {
    claims.as_object().unwrap().iter().map(|(name, value)| shorthand(name, value).unwrap()).collect()
}

/// A token of a provider.
pub fn foreign_token(idp: &Idp, now: i64, claims: Value) -> String {
    let usual = json!({
        "iss": idp.issuer(), "aud": API, "sub": "caller-1", "email": "caller@partner.example", "iat": now, "exp": now + 600,
    });
    let (Value::Object(mut all), Value::Object(own)) = (usual, claims) else { panic!("claims are an object") };
    all.extend(own);
    let all: Map<String, Value> = all.into_iter().filter(|(_, value)| !value.is_null()).collect();
    idp.sign(&Value::Object(all), "JWT")
}

/// The name in an answer of whoami; the status and error where there is none.
pub fn named(answer: &Answer) -> String {
    let json = answer.json();
    match json["principal"]["name"].as_str() {
        Some(name) => name.to_owned(),
        None => format!("{} {}", answer.status, json["error_description"].as_str().unwrap_or_default()),
    }
}
