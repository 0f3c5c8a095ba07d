//! Threat M1 for bearers, as one table: every state that something can be in, on every path that a token or a site's
//! cookie takes; at once on the node that made the change, and after five seconds on another one that had it all warm.
//! Each row has a tenant of its own in one world.

use std::fmt::Write as _;

use gatehouse::{
    policy::{
        claim_rules::{ClaimRule, shorthand},
        principal::Kind,
        role::Role,
        trusted_issuer::IssuerSettings,
    },
    secret,
    store::{
        clients, connections, families,
        mappings::{self, Mapping, Source, Target},
        principals::{self, Principal},
        resources::{self, Holder, Resource},
        site_sessions::{self, SiteSession},
        sites::{self, Site},
        teams::{self, Team},
        tenants,
        trusted_issuers::{self, TrustedIssuer},
        users,
    },
    trust::STALE,
};
use serde_json::{Value, json};

use crate::{
    browser::{Answer, Browser},
    idp::{Idp, keys::key},
    on_both,
    trusted::{API, foreign_token},
    world::{Backend, World, decode, text},
};

on_both!(every_state_on_every_path);

/// `yes`: the bearer is let in; `no`: refused.
#[rustfmt::skip]
const TABLE: &str = "
                             own foreign connection check own-check exchange jwt-bearer credentials exchanged cc-token introspect forward-own forward-foreign forward-cookie
    nothing                  yes yes     yes        yes   yes       yes      yes        yes         yes       yes      yes        yes         yes             yes
    tenant-disabled          no  no      no         no    no        no       no         no          no        no       no         no          no              no
    issuer-disabled          yes no      yes        no    yes       no       no         yes         no        yes      no         yes         no              yes
    issuer-deleted           yes no      yes        no    yes       no       no         yes         no        yes      no         yes         no              yes
    issuer-key-retired       yes no      yes        no    yes       no       no         yes         yes       yes      yes        yes         no              yes
    connection-disabled      yes yes     no         yes   yes       yes      yes        yes         yes       yes      yes        yes         yes             yes
    connection-login-on      yes yes     no         yes   yes       yes      yes        yes         yes       yes      yes        yes         yes             yes
    connection-deleted       yes yes     no         yes   yes       yes      yes        yes         yes       yes      yes        yes         yes             yes
    identity-disabled        yes no      yes        no    yes       no       no         yes         no        yes      no         yes         no              yes
    identity-deleted         yes no      yes        no    yes       no       no         yes         no        yes      no         yes         no              yes
    claims-edited            yes no      yes        no    yes       no       no         yes         no        yes      no         yes         no              yes
    team-left                yes yes     yes        yes   no        yes      yes        yes         yes       yes      yes        no          yes             no
    team-deleted             yes yes     yes        yes   no        yes      yes        yes         yes       yes      yes        no          yes             no
    roles-taken              yes yes     yes        no    no        yes      yes        yes         yes       yes      yes        no          no              no
    resource-deleted         yes yes     yes        no    no        yes      yes        yes         yes       yes      yes        no          no              no
    user-deactivated         no  yes     yes        yes   no        yes      yes        yes         yes       yes      yes        no          yes             no
    user-deleted             no  yes     yes        yes   no        yes      yes        yes         yes       yes      yes        no          yes             no
    clients-disabled         no  yes     yes        yes   no        no       no         no          no        no       no         no          yes             no
    family-revoked           no  yes     yes        yes   no        yes      yes        yes         yes       yes      yes        no          yes             no
    signed-out               no  yes     yes        yes   no        yes      yes        yes         yes       yes      yes        no          yes             no
    virtual-account-disabled yes yes     yes        yes   yes       yes      yes        no          yes       no       yes        yes         yes             yes
    virtual-account-deleted  yes yes     yes        yes   yes       yes      yes        no          yes       no       yes        yes         yes             yes
    site-disabled            yes yes     yes        yes   yes       yes      yes        yes         yes       yes      yes        no          no              no
    site-deleted             yes yes     yes        yes   yes       yes      yes        yes         yes       yes      yes        no          no              no
";

fn table() -> (Vec<&'static str>, Vec<(&'static str, Vec<&'static str>)>) {
    let mut lines = TABLE.lines().filter(|l| !l.trim().is_empty()).map(|l| l.split_whitespace().collect::<Vec<_>>());
    let paths = lines.next().unwrap();
    (paths, lines.map(|mut cells| (cells.remove(0), cells)).collect())
}

const PROXIES: [(&str, &str); 1] = [("TRUSTED_PROXIES", "127.0.0.1/32, ::1/128")];
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

fn state(idp: &Idp) -> String {
    let url = |path: &str| format!("{}{path}", idp.issuer());
    let tenant = |name: &str| {
        format!(
            r#"
- name: {name}
  connections:
  - {{name: legacy, login_enabled: false, oidc: {{issuer: "https://sso.{name}.example", client_id: legacy, client_secret: s, discover: false, authorization_endpoint: "{}", token_endpoint: "{}", jwks_uri: "{}"}}}}
  clients:
  - {{client_id: {name}, secret: s, redirect_uris: ["https://{name}.example/cb"], trusted: true}}
  - {{client_id: {name}-ci, secret: s, grant_types: [token_exchange, jwt_bearer]}}
  - {{client_id: {name}-batch, secret: s, grant_types: [client_credentials], virtual_account: batch}}
  virtual_accounts:
  - {{name: batch}}
  users:
  - {{email: ada@{name}.example, name: Ada, password: "correct horse"}}
"#,
            url("/authorize"),
            url("/token"),
            url("/jwks"),
        )
    };
    format!("tenants:{}", table().1.iter().map(|(name, _)| tenant(name)).collect::<String>())
}

/// One row's tenant, which is named after the state: what its paths need.
struct Row<'a> {
    world: &'a World,
    idp: &'a Idp,
    name: &'static str,
    tenant: String,
    issuer: TrustedIssuer,
    identity: Principal,
    mapping: Mapping,
    account: Principal,
    resource: String,
    team: String,
    user: String,
    site: Site,
    browser: Browser,
    own: String,
    foreign: String,
    cookie: String,
    exchanged: String,
    cc: String,
}

fn rules(claims: &[(&str, &str)]) -> Vec<ClaimRule> {
    claims.iter().map(|(name, value)| shorthand(name, &json!(value)).unwrap()).collect()
}

impl<'a> Row<'a> {
    async fn prepare(world: &'a World, idp: &'a Idp, name: &'static str) -> Self {
        let (db, now) = (&world.app.db, world.clock.now());
        let tenant = tenants::find_by_name(db, name).await.unwrap().unwrap().id;
        let settings = IssuerSettings {
            issuer: Some(format!("https://idp.{name}.example")),
            audience: vec![API.to_owned()],
            jwks: Some(json!({"keys": key(0).public()})),
            ..IssuerSettings::default()
        };
        let new = secret::random_id;
        let issuer = TrustedIssuer {
            id: new(),
            tenant_id: tenant.clone(),
            name: "idp".into(),
            enabled: true,
            settings,
            secrets_sealed: None,
            created_at: now,
        };
        trusted_issuers::save(db, &issuer).await.unwrap();
        let principal = async |kind: Kind, name: &str| {
            let row =
                Principal { id: new(), tenant_id: tenant.clone(), kind, name: name.to_owned(), enabled: true, created_at: now };
            principals::save(db, &row).await.unwrap();
            row
        };
        let map = async |source: Source, target: &Principal, claims: &[(&str, &str)]| {
            let (id, tenant_id, target) = (new(), tenant.clone(), Target::Principal(target.id.clone()));
            let mapping = Mapping { id, tenant_id, source, target, claims: rules(claims), version: 1, created_at: now };
            mappings::save(db, &mapping).await.unwrap();
            mapping
        };
        let identity = principal(Kind::ExternalIdentity, "runner").await;
        let mapping = map(Source::Issuer(issuer.id.clone()), &identity, &[("repository", "acme/api")]).await;
        let legacy = connections::find_by_name(db, &tenant, "legacy").await.unwrap().unwrap();
        let partner = principal(Kind::ExternalIdentity, "partner").await;
        map(Source::Connection(legacy.id), &partner, &[("azp", "partner")]).await;
        let account = principals::find_by_name(db, &tenant, Kind::VirtualAccount, "batch").await.unwrap().unwrap();
        let user = users::of_tenant(db, &tenant).await.unwrap().remove(0).id;
        let team = new();
        teams::save(
            db,
            &Team { id: team.clone(), tenant_id: tenant.clone(), name: "sre".into(), created_at: now, group_id: None },
        )
        .await
        .unwrap();
        teams::add_member(db, &team, &user).await.unwrap();
        let resource = new();
        let row = Resource {
            id: resource.clone(),
            tenant_id: tenant.clone(),
            kind: "model".into(),
            name: "gpt".into(),
            created_at: now,
        };
        resources::insert(db, &row).await.unwrap();
        resources::give(db, &resource, &Holder::Principal(identity.id.clone()), Role::Viewer).await.unwrap();
        resources::give(db, &resource, &Holder::Team(team.clone()), Role::Editor).await.unwrap();
        let settings = json!({
            "hosts": [format!("{name}.site.example")], "issuers": ["gatehouse", "idp"],
            "resource": {"type": "model", "name": "gpt"}, "role": "viewer",
            "login": {"client": name},
        });
        let site = Site {
            id: new(),
            tenant_id: tenant.clone(),
            name: "app".into(),
            enabled: true,
            settings: serde_json::from_value(settings).unwrap(),
            created_at: now,
        };
        save_site(world, &site).await;
        let mut browser = Browser::new();
        let url = world.authorize_url(name, &[]);
        let code = world.sign_in(&mut browser, &url, &format!("ada@{name}.example"), "correct horse").await;
        let redirect = crate::world::redirect_uri(name);
        let code = code.query("code").expect(name);
        let form = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", redirect.as_str())];
        let tokens = Browser::new().post_as(&format!("{}/oauth2/token", world.url), name, Some("s"), &form).await;
        let own = text(&tokens.json(), "access_token").to_owned();
        let value = secret::random();
        let catalogue = world.app.trust.catalogue(now).await.unwrap();
        let at = catalogue.sites.at_host(&format!("{name}.site.example"));
        let cookie = format!("{}={value}", at.first().unwrap().cookie);
        let session = SiteSession {
            id_hash: secret::digest(&value),
            site_id: site.id.clone(),
            family_id: Some(text(&decode(&own).1, "fam").to_owned()),
            issuer_id: None,
            claims_sealed: None,
            created_at: now,
            expires_at: now + 3600,
        };
        site_sessions::insert(db, &session).await.unwrap();
        let claims = json!({"iss": format!("https://idp.{name}.example"), "repository": "acme/api"});
        let foreign = foreign_token(idp, now, claims);
        #[rustfmt::skip]
        let mut row = Self {
            world, idp, name, tenant, issuer, identity, mapping, account, resource, team, user, site, browser, own, foreign, cookie,
            exchanged: String::new(), cc: String::new(),
        };
        let token = |answer: &Answer| text(&answer.json(), "access_token").to_owned();
        row.exchanged = token(&row.exchange(&world.url).await);
        row.cc = token(&row.credentials(&world.url).await);
        row
    }

    async fn ask(&self, node: &str, client: &str, form: &[(&str, &str)]) -> Answer {
        Browser::new().post_as(&format!("{node}/oauth2/token"), &format!("{}-{client}", self.name), Some("s"), form).await
    }

    async fn exchange(&self, node: &str) -> Answer {
        let form = [("grant_type", EXCHANGE), ("subject_token", self.foreign.as_str()), ("subject_token_type", ACCESS_TOKEN)];
        self.ask(node, "ci", &form).await
    }

    async fn credentials(&self, node: &str) -> Answer {
        self.ask(node, "batch", &[("grant_type", "client_credentials")]).await
    }

    async fn make(&mut self) {
        let (world, db, now) = (self.world, &self.world.app.db, self.world.clock.now());
        let legacy = async || connections::find_by_name(db, &self.tenant, "legacy").await.unwrap().unwrap();
        match self.name {
            "nothing" => {}
            "tenant-disabled" => {
                let tenant = tenants::find(db, &self.tenant).await.unwrap().unwrap();
                tenants::save(db, &tenants::Tenant { enabled: false, ..tenant }).await.unwrap();
            }
            "issuer-disabled" => {
                trusted_issuers::save(db, &TrustedIssuer { enabled: false, ..self.issuer.clone() }).await.unwrap();
            }
            "issuer-deleted" => assert!(trusted_issuers::delete(db, &self.issuer.id).await.unwrap()),
            "issuer-key-retired" => {
                let mut issuer = self.issuer.clone();
                issuer.settings.jwks = Some(json!({"keys": key(5).public()}));
                trusted_issuers::save(db, &issuer).await.unwrap();
            }
            "connection-disabled" => {
                let off = connections::Connection { enabled: false, ..legacy().await };
                assert!(connections::save(db, &off).await.unwrap());
            }
            "connection-login-on" => {
                let on = connections::Connection { login_enabled: true, ..legacy().await };
                assert!(connections::save(db, &on).await.unwrap());
            }
            "connection-deleted" => assert!(connections::delete(db, &legacy().await.id).await.unwrap()),
            "identity-disabled" => {
                principals::save(db, &Principal { enabled: false, ..self.identity.clone() }).await.unwrap();
            }
            "identity-deleted" => assert!(principals::delete(db, &self.identity.id).await.unwrap()),
            "claims-edited" => {
                let claims = rules(&[("repository", "acme/other")]);
                mappings::save(db, &Mapping { claims, ..self.mapping.clone() }).await.unwrap();
            }
            "team-left" => assert!(teams::remove_member(db, &self.team, &self.user).await.unwrap()),
            "team-deleted" => assert!(teams::delete(db, &self.team).await.unwrap()),
            "roles-taken" => {
                for holder in [&self.identity.id, &self.team] {
                    assert!(resources::take(db, &self.resource, holder).await.unwrap());
                }
            }
            "resource-deleted" => assert!(resources::delete(db, &self.resource).await.unwrap()),
            "user-deactivated" => assert!(world.shut_out(&self.user).await.is_some()),
            "user-deleted" => assert!(world.remove(&self.user).await.is_some()),
            "clients-disabled" => {
                for client in clients::of_tenant(db, &self.tenant).await.unwrap() {
                    let off = gatehouse::oauth::client::Client { enabled: false, ..client };
                    assert!(clients::save(db, &off, now).await.unwrap());
                }
            }
            "family-revoked" => assert!(families::revoke(db, text(&decode(&self.own).1, "fam"), now).await.unwrap()),
            "signed-out" => {
                let page = self.browser.get(&format!("{}/account", world.url)).await;
                let url = format!("{}/account/sign-out", world.url);
                assert_eq!(self.browser.post(&url, &[("csrf", &page.csrf())]).await.status, 200);
            }
            "virtual-account-disabled" => {
                principals::save(db, &Principal { enabled: false, ..self.account.clone() }).await.unwrap();
            }
            "virtual-account-deleted" => assert!(principals::delete(db, &self.account.id).await.unwrap()),
            "site-disabled" => save_site(world, &Site { enabled: false, ..self.site.clone() }).await,
            "site-deleted" => assert!(sites::delete(db, &self.site.id).await.unwrap()),
            other => panic!("no such state: {other}"),
        }
    }

    /// What becomes of a path at a node.
    async fn attempt(&self, node: &str, path: &str) -> &'static str {
        match path {
            "own" => by_status(&whoami(node, &self.own).await),
            "foreign" => by_status(&whoami(node, &self.foreign).await),
            "connection" => {
                let iss = format!("https://sso.{}.example", self.name);
                let claims = json!({"iss": iss, "aud": "legacy", "azp": "partner"});
                by_status(&whoami(node, &foreign_token(self.idp, self.world.clock.now(), claims)).await)
            }
            "check" => check(node, &self.foreign).await,
            "own-check" => check(node, &self.own).await,
            "exchange" => by_status(&self.exchange(node).await),
            "jwt-bearer" => {
                let form = [("grant_type", JWT_BEARER), ("assertion", &self.foreign)];
                by_status(&self.ask(node, "ci", &form).await)
            }
            "credentials" => by_status(&self.credentials(node).await),
            "exchanged" => by_status(&whoami(node, &self.exchanged).await),
            "cc-token" => by_status(&whoami(node, &self.cc).await),
            "introspect" => {
                let url = format!("{node}/oauth2/introspect");
                let client = format!("{}-ci", self.name);
                let answer = Browser::new().post_as(&url, &client, Some("s"), &[("token", &self.exchanged)]).await;
                if answer.status == 200 && answer.json()["active"] == json!(true) { "yes" } else { refused(&answer) }
            }
            "forward-own" => self.forward(node, ("authorization", &format!("Bearer {}", self.own))).await,
            "forward-foreign" => self.forward(node, ("authorization", &format!("Bearer {}", self.foreign))).await,
            "forward-cookie" => self.forward(node, ("cookie", &self.cookie)).await,
            other => panic!("no such path: {other}"),
        }
    }

    async fn forward(&self, node: &str, credential: (&str, &str)) -> &'static str {
        let host = format!("{}.site.example", self.name);
        let headers = [
            ("x-forwarded-method", "GET"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", host.as_str()),
            ("x-forwarded-uri", "/"),
            credential,
        ];
        by_status(&Browser::new().get_with(&format!("{node}/auth/forward"), &headers).await)
    }
}

async fn save_site(world: &World, site: &Site) {
    let mut tx = world.app.db.begin().await.unwrap();
    sites::save(&mut tx, site).await.unwrap();
    tx.commit().await.unwrap();
}

async fn whoami(node: &str, token: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    Browser::new().get_with(&format!("{node}/api/v1/whoami"), &[("authorization", &bearer)]).await
}

async fn check(node: &str, token: &str) -> &'static str {
    let body: Value = json!({"resource": {"type": "model", "name": "gpt"}, "role": "viewer"});
    let bearer = format!("Bearer {token}");
    let url = format!("{node}/api/v1/access/check");
    let answer = Browser::new().post_json(&url, &[("authorization", &bearer)], &body).await;
    if answer.status == 200 && answer.json()["allowed"] == json!(true) { "yes" } else { refused(&answer) }
}

/// A server error is no refusal.
fn refused(answer: &Answer) -> &'static str {
    if answer.status >= 500 { "error" } else { "no" }
}

fn by_status(answer: &Answer) -> &'static str {
    if (200..300).contains(&answer.status) { "yes" } else { refused(answer) }
}

async fn every_state_on_every_path(backend: Backend) {
    let world = World::bare(backend, gatehouse::clock::Clock::manual(crate::world::START), &PROXIES).await;
    let idp = Idp::start(world.clock.clone()).await;
    world.apply(&state(&idp)).await;
    let there = world.second_node_with(&PROXIES).await;
    let (paths, rows) = table();
    let (mut found, mut wrong) = (String::new(), Vec::new());
    for (name, expected) in rows {
        let mut row = Row::prepare(&world, &idp, name).await;
        // Whatever another row's preparation has changed is known everywhere before this one's state is made.
        world.clock.advance(STALE);
        for path in &paths {
            for node in [&world.url, &there.url] {
                assert_eq!(row.attempt(node, path).await, "yes", "{name} × {path} before anything is changed");
            }
        }
        row.make().await;
        for (node, wait) in [(&world.url, 0), (&there.url, STALE)] {
            world.clock.advance(wait);
            write!(found, "\n{name:26}").unwrap();
            for (path, expected) in paths.iter().zip(&expected) {
                let outcome = row.attempt(node, path).await;
                let mark = if outcome == *expected { "" } else { "!" };
                write!(found, " {path}={mark}{outcome}").unwrap();
                if outcome != *expected {
                    wrong.push(format!("{name} × {path}, {wait} s later: {outcome}, expected {expected}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}{found}");
}
