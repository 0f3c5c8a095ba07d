//! One row's tenant, which is named after the state: what its paths need.

use gatehouse::{
    clock::Clock,
    policy::{
        claim_rules::{ClaimRule, shorthand},
        email::Email,
        principal::Kind,
        role::Role,
        trusted_issuer::{Introspection, IntrospectionAuth, IssuerSettings},
    },
    secret,
    store::{
        connections,
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
};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::{
    browser::{Answer, Browser},
    idp::{Idp, keys::key},
    pushed::Pushed,
    trusted::{API, foreign_token},
    world::{World, decode, text},
};

/// The header that tokens of the issuer `keyed` come in.
pub const HEADER_KEY: &str = "x-keyed-token";

pub fn state(idp: &Idp, names: impl Iterator<Item = &'static str>) -> String {
    let url = |path: &str| format!("{}{path}", idp.issuer());
    let tenant = |name: &str| {
        format!(
            r#"
- name: {name}
  connections:
  - {{name: legacy, login_enabled: false, oidc: {{issuer: "https://sso.{name}.example", client_id: legacy, client_secret: s, discover: false, authorization_endpoint: "{}", token_endpoint: "{}", jwks_uri: "{}"}}}}
  clients:
  - {{client_id: {name}, secret: s, redirect_uris: ["https://{name}.example/cb"], trusted: true, admin_api: true}}
  - {{client_id: {name}-ci, secret: s, grant_types: [token_exchange, jwt_bearer]}}
  - {{client_id: {name}-batch, secret: s, grant_types: [client_credentials], virtual_account: batch}}
  virtual_accounts:
  - {{name: batch}}
  - {{name: nightly}}
  users:
  - {{email: ada@{name}.example, name: Ada, password: "correct horse", admin: true}}
  - {{email: root@{name}.example, admin: true}}
"#,
            url("/authorize"),
            url("/token"),
            url("/jwks"),
        )
    };
    format!("tenants:{}", names.map(tenant).collect::<String>())
}

/// An introspection endpoint at which every token `opaque-{row}` is active: its address.
pub async fn endpoint(clock: Clock) -> String {
    let answer = async move |body: String| {
        let form: Vec<(String, String)> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        let token = form.iter().find(|(name, _)| name == "token").map(|(_, token)| token.clone()).unwrap_or_default();
        let row = token.strip_prefix("opaque-").map(|name| format!("https://as.{name}.example"));
        axum::Json(json!({"active": row.is_some(), "iss": row, "sub": "job-1", "aud": API, "exp": clock.now() + 600}))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/introspect", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    url
}

pub struct Row<'a> {
    pub world: &'a World,
    pub idp: &'a Idp,
    pub name: &'static str,
    pub tenant: String,
    /// `idp`, `keyed` and `opaque`.
    pub issuers: Vec<TrustedIssuer>,
    pub identity: Principal,
    pub mapping: Mapping,
    pub account: Principal,
    pub resource: String,
    /// Ada's, and the one that tokens map to.
    pub teams: [String; 2],
    pub user: String,
    /// The user as a directory knows her.
    pub pushed: Pushed,
    /// `app`, `keyed`, `abroad` and `mail`.
    pub sites: Vec<Site>,
    pub browser: Browser,
    pub own: String,
    /// The same with which she administers.
    pub whole: String,
    pub foreign: String,
    /// Of Ada's session with `app`, and of a sign-in at `idp` with `abroad`.
    pub cookies: [String; 2],
    pub exchanged: String,
    pub cc: String,
}

pub fn rules(claims: &[(&str, &str)]) -> Vec<ClaimRule> {
    claims.iter().map(|(name, value)| shorthand(name, &json!(value)).unwrap()).collect()
}

/// Makes the things of one tenant.
struct Builder<'a> {
    world: &'a World,
    tenant: String,
}

impl Builder<'_> {
    async fn issuer(&self, name: &str, iss: &str, change: impl FnOnce(&mut IssuerSettings)) -> TrustedIssuer {
        let mut settings = IssuerSettings {
            issuer: Some(iss.to_owned()),
            audience: vec![API.to_owned(), self.world.url.clone()],
            jwks: Some(json!({"keys": key(0).public()})),
            ..IssuerSettings::default()
        };
        change(&mut settings);
        let (id, tenant_id, created_at) = (secret::random_id(), self.tenant.clone(), self.world.clock.now());
        let name = name.to_owned();
        let issuer = TrustedIssuer { id, tenant_id, name, enabled: true, settings, secrets_sealed: None, created_at };
        trusted_issuers::save(&self.world.app.db, &issuer).await.unwrap();
        issuer
    }

    async fn identity(&self, name: &str) -> Principal {
        let (id, tenant_id, created_at) = (secret::random_id(), self.tenant.clone(), self.world.clock.now());
        let kind = Kind::ExternalIdentity;
        let row = Principal { id, tenant_id, kind, name: name.to_owned(), enabled: true, created_at };
        principals::save(&self.world.app.db, &row).await.unwrap();
        row
    }

    async fn map(&self, source: Source, target: Target, claims: &[(&str, &str)]) -> Mapping {
        let (id, tenant_id, created_at) = (secret::random_id(), self.tenant.clone(), self.world.clock.now());
        let mapping = Mapping { id, tenant_id, source, target, claims: rules(claims), version: 1, created_at };
        mappings::save(&self.world.app.db, &mapping).await.unwrap();
        mapping
    }

    async fn team(&self, name: &str) -> String {
        let (id, tenant_id, created_at) = (secret::random_id(), self.tenant.clone(), self.world.clock.now());
        let team = Team { id: id.clone(), tenant_id, name: name.to_owned(), created_at, group_id: None };
        teams::save(&self.world.app.db, &team).await.unwrap();
        id
    }

    async fn resource(&self) -> String {
        let (id, tenant_id, created_at) = (secret::random_id(), self.tenant.clone(), self.world.clock.now());
        let row = Resource { id: id.clone(), tenant_id, kind: "model".into(), name: "gpt".into(), created_at };
        resources::insert(&self.world.app.db, &row).await.unwrap();
        id
    }

    async fn site(&self, name: &str, settings: Value) -> Site {
        let (id, tenant_id, created_at) = (secret::random_id(), self.tenant.clone(), self.world.clock.now());
        let settings = serde_json::from_value(settings).unwrap();
        let site = Site { id, tenant_id, name: name.to_owned(), enabled: true, settings, created_at };
        save_site(self.world, &site).await;
        site
    }

    /// A browser's session with a site; its cookie.
    async fn session(&self, site: &Site, family: Option<&str>, issuer: Option<(&str, Value)>) -> String {
        let (world, now, value) = (self.world, self.world.clock.now(), secret::random());
        let id_hash = secret::digest(&value);
        let seal =
            |(_, claims): &(&str, Value)| world.app.sealer.seal(&SiteSession::context(&id_hash), claims.to_string().as_bytes());
        let session = SiteSession {
            claims_sealed: issuer.as_ref().map(seal),
            site_id: site.id.clone(),
            family_id: family.map(str::to_owned),
            issuer_id: issuer.map(|(id, _)| id.to_owned()),
            created_at: now,
            expires_at: now + 3600,
            id_hash,
        };
        site_sessions::insert(&world.app.db, &session).await.unwrap();
        let catalogue = world.app.trust.catalogue(now).await.unwrap();
        let at = catalogue.sites.at_host(&site.settings.hosts[0]);
        format!("{}={value}", at.first().unwrap().cookie)
    }
}

pub async fn save_site(world: &World, site: &Site) {
    let mut tx = world.app.db.begin().await.unwrap();
    sites::save(&mut tx, site).await.unwrap();
    tx.commit().await.unwrap();
}

impl<'a> Row<'a> {
    /// `asked` is the address of [`endpoint`].
    pub async fn prepare(world: &'a World, idp: &'a Idp, asked: &str, name: &'static str) -> Self {
        let (db, now) = (&world.app.db, world.clock.now());
        let tenant = tenants::find_by_name(db, name).await.unwrap().unwrap().id;
        let make = Builder { world, tenant: tenant.clone() };
        let iss = format!("https://idp.{name}.example");
        let issuers = vec![
            make.issuer("idp", &iss, |_| {}).await,
            make.issuer("keyed", &format!("https://keyed.{name}.example"), |s| s.header_key = Some(HEADER_KEY.into())).await,
            make.issuer("opaque", &format!("https://as.{name}.example"), |s| {
                let (endpoint, auth) = (asked.to_owned(), IntrospectionAuth::None);
                s.introspection = Some(Introspection { endpoint, auth, ..Introspection::default() });
                s.jwks = None;
            })
            .await,
        ];
        let from = |at: usize| Source::Issuer(issuers[at].id.clone());
        let identity = make.identity("runner").await;
        let to = |principal: &Principal| Target::Principal(principal.id.clone());
        let mapping = make.map(from(0), to(&identity), &[("repository", "acme/api")]).await;
        make.map(from(2), to(&make.identity("job").await), &[]).await;
        let legacy = connections::find_by_name(db, &tenant, "legacy").await.unwrap().unwrap();
        make.map(Source::Connection(legacy.id), to(&make.identity("partner").await), &[("azp", "partner")]).await;
        let account = principals::find_by_name(db, &tenant, Kind::VirtualAccount, "batch").await.unwrap().unwrap();
        make.map(from(0), to(&account), &[("azp", "batch-job")]).await;
        // Not the last administrator: no directory may shut that one out.
        let ada = Email::parse(&format!("ada@{name}.example")).unwrap();
        let user = users::find_by_email(db, &tenant, &ada).await.unwrap().unwrap().id;
        let teams = [make.team("sre").await, make.team("ops").await];
        teams::add_member(db, &teams[0], &user).await.unwrap();
        make.map(from(0), Target::Team(teams[1].clone()), &[("group", "ops")]).await;
        let resource = make.resource().await;
        resources::give(db, &resource, &Holder::Principal(identity.id.clone()), Role::Viewer).await.unwrap();
        resources::give(db, &resource, &Holder::Team(teams[0].clone()), Role::Editor).await.unwrap();
        resources::give(db, &resource, &Holder::Principal(account.id.clone()), Role::Viewer).await.unwrap();
        let by_address = json!([{"claim": "email", "values": [format!("*@{name}.example")], "match_type": "glob"}]);
        let guarded = |host: &str, more: Value| {
            let mut settings = json!({"hosts": [format!("{name}.{host}.example")], "resource": {"type": "model", "name": "gpt"}, "role": "viewer"});
            settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            settings
        };
        let sites = vec![
            make.site("app", guarded("site", json!({"issuers": ["gatehouse", "idp"], "login": {"client": name}}))).await,
            make.site("keyed", json!({"hosts": [format!("{name}.keyed.example")], "issuers": ["keyed"]})).await,
            make.site("abroad", guarded("abroad", json!({"issuers": ["idp"], "login": {"issuer": "idp"}}))).await,
            make.site("mail", json!({"hosts": [format!("{name}.mail.example")], "claims": by_address})).await,
        ];
        let mut browser = Browser::new();
        let own = signed_in(world, &mut browser, name, &[]).await;
        let whole = signed_in(world, &mut browser, name, &[("resource", &world.admin_api())]).await;
        let foreign = foreign_token(idp, now, json!({"iss": iss, "repository": "acme/api"}));
        let family = decode(&own).1;
        let cookies = [
            make.session(&sites[0], Some(text(&family, "fam")), None).await,
            make.session(&sites[2], None, Some((&issuers[0].id, decode(&foreign).1))).await,
        ];
        let pushed = Pushed::link(db, &world.app.sealer, &tenant, &user, &format!("ada@{name}.example"), now).await;
        let (exchanged, cc) = (String::new(), String::new());
        #[rustfmt::skip]
        let mut row = Self {
            world, idp, name, tenant, issuers, identity, mapping, account, resource, teams, user, pushed, sites, browser, own, whole, foreign,
            cookies, exchanged, cc,
        };
        let token = |answer: &Answer| text(&answer.json(), "access_token").to_owned();
        row.exchanged = token(&row.exchange(&world.url).await);
        row.cc = token(&row.credentials(&world.url).await);
        row
    }
}

/// Ada's access token.
async fn signed_in(world: &World, browser: &mut Browser, name: &str, more: &[(&str, &str)]) -> String {
    let url = world.authorize_url(name, more);
    let code = world.sign_in(browser, &url, &format!("ada@{name}.example"), "correct horse").await;
    let redirect = crate::world::redirect_uri(name);
    let code = code.query("code").expect(name);
    let form = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", redirect.as_str())];
    let tokens = Browser::new().post_as(&format!("{}/oauth2/token", world.url), name, Some("s"), &form).await;
    text(&tokens.json(), "access_token").to_owned()
}
