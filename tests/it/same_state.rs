//! Pages, API and file lead to the same state: three deployments, one set up by each, are told apart by nothing that can be
//! read of them, and the file finds nothing to change in any.

use gatehouse::{
    apply::{self, single::Noun},
    policy::{api_scope::ApiScopes, email::Email},
    secret,
    store::{
        personal_tokens::{self, PersonalToken},
        tenants, users,
    },
};
use serde_json::{Value, json};

use crate::{
    admin_pages::{Desk, PASSWORD},
    browser::Browser,
    on_both,
    world::{Backend, World},
};

on_both!(pages_api_and_file_lead_to_the_same_state);

const HOME: &str = r#"
- name: home
  users:
  - {email: root@home.example, password: "correct horse battery"}
"#;

const ACME: &str = r#"
- name: acme
  display_name: Acme
  domains: [acme.example]
  provisioning: invite
  connections:
  - {name: okta, preset: okta, oidc: {issuer: "https://acme.okta.com", client_id: gh, client_secret: upstream-secret, scopes: "openid email"}}
  - {name: draft, preset: okta, enabled: false, saml: {metadata_url: "https://idp.example/metadata"}}
  users:
  - {email: ada@acme.example, name: Ada, password: "correct horse battery", admin: true}
  - {email: bob@acme.example}
  trusted_issuers:
  - {name: idp, issuer: "https://i.example", jwks_uri: "https://i.example/keys", audience: [api], required_claims: [sub], claim_values: {hd: acme.example}}
  external_identities:
  - {name: ci, issuer: idp, claims: {email: "*@acme.example", repository: acme/site}}
  virtual_accounts:
  - {name: batch, issuer: idp, claims: {azp: batch}}
  clients:
  - {client_id: web, name: Web, secret: web-secret, redirect_uris: ["https://app.example/cb"], trusted: true}
  directories:
  - {name: people, connection: okta, proven_domains_only: true, group_rules: [{group: "sre-*", team: sre}]}
  service_tokens:
  - {name: ci, scopes: ["admin:read", "users:write"], expires_at: 2030-01-31}
  teams:
  - {name: sre, members: [bob@acme.example]}
  resources:
  - {type: model, name: gpt, collaborators: [{external_identity: ci, role: viewer}, {team: sre, role: manager}]}
  sites:
  - {name: wiki, hosts: [wiki.example], public_paths: [/health]}
"#;

/// The things of the file as JSON, each after what it refers to.
fn things() -> Vec<(Noun, Value)> {
    vec![
        (Noun::Users, json!({"email": "ada@acme.example", "name": "Ada", "password": PASSWORD, "admin": true})),
        (Noun::Users, json!({"email": "bob@acme.example"})),
        (
            Noun::Connections,
            json!({"name": "okta", "preset": "okta", "oidc": {"issuer": "https://acme.okta.com", "client_id": "gh",
                   "client_secret": "upstream-secret", "scopes": "openid email"}}),
        ),
        (
            Noun::Connections,
            json!({"name": "draft", "preset": "okta", "enabled": false, "saml": {"metadata_url": "https://idp.example/metadata"}}),
        ),
        (
            Noun::TrustedIssuers,
            json!({"name": "idp", "issuer": "https://i.example", "jwks_uri": "https://i.example/keys", "audience": ["api"],
                   "required_claims": ["sub"], "claim_values": {"hd": "acme.example"}}),
        ),
        (
            Noun::ExternalIdentities,
            json!({"name": "ci", "issuer": "idp", "claims": {"email": "*@acme.example", "repository": "acme/site"}}),
        ),
        (Noun::VirtualAccounts, json!({"name": "batch", "issuer": "idp", "claims": {"azp": "batch"}})),
        (
            Noun::Clients,
            json!({"client_id": "web", "name": "Web", "secret": "web-secret", "redirect_uris": ["https://app.example/cb"], "trusted": true}),
        ),
        (Noun::Teams, json!({"name": "sre", "members": ["bob@acme.example"]})),
        (
            Noun::Directories,
            json!({"name": "people", "connection": "okta", "proven_domains_only": true, "group_rules": [{"group": "sre-*", "team": "sre"}]}),
        ),
        (Noun::ServiceTokens, json!({"name": "ci", "scopes": ["admin:read", "users:write"], "expires_at": "2030-01-31"})),
        (
            Noun::Resources,
            json!({"type": "model", "name": "gpt", "collaborators": [{"external_identity": "ci", "role": "viewer"}, {"team": "sre", "role": "manager"}]}),
        ),
        (Noun::Sites, json!({"name": "wiki", "hosts": ["wiki.example"], "public_paths": ["/health"]})),
    ]
}

/// A noun, what leads to its form, and the form's fields.
type Form = (&'static str, &'static str, Vec<(&'static str, &'static str)>);

/// The same as forms.
fn forms() -> Vec<Form> {
    vec![
        ("users", "", vec![("email", "ada@acme.example"), ("name", "Ada"), ("password", PASSWORD), ("admin", "on")]),
        ("users", "", vec![("email", "bob@acme.example")]),
        (
            "connections",
            "?preset=okta&protocol=oidc",
            vec![
                ("preset", "okta"),
                ("protocol", "oidc"),
                ("name", "okta"),
                ("enabled", "on"),
                ("login_enabled", "on"),
                ("oidc.issuer", "https://acme.okta.com"),
                ("oidc.client_id", "gh"),
                ("oidc.client_secret", "upstream-secret"),
                ("oidc.scopes", "openid email"),
                ("oidc.discover", "on"),
            ],
        ),
        (
            "connections",
            "?preset=okta&protocol=saml",
            vec![
                ("preset", "okta"),
                ("protocol", "saml"),
                ("name", "draft"),
                ("login_enabled", "on"),
                ("saml.metadata_url", "https://idp.example/metadata"),
                ("saml.sign_requests", "on"),
                ("saml.offer_encryption", "on"),
                ("saml.single_logout", "on"),
            ],
        ),
        (
            "trusted_issuers",
            "",
            vec![
                ("name", "idp"),
                ("enabled", "on"),
                ("issuer", "https://i.example"),
                ("jwks_uri", "https://i.example/keys"),
                ("audience", "api"),
                ("required_claims", "sub"),
                ("claim_values.0.name", "hd"),
                ("claim_values.0.values", "acme.example"),
            ],
        ),
        (
            "external_identities",
            "",
            vec![
                ("name", "ci"),
                ("enabled", "on"),
                ("issuer", "idp"),
                ("claims.0.name", "email"),
                ("claims.0.values", "*@acme.example"),
                ("claims.1.name", "repository"),
                ("claims.1.values", "acme/site"),
            ],
        ),
        (
            "virtual_accounts",
            "",
            vec![("name", "batch"), ("enabled", "on"), ("issuer", "idp"), ("claims.0.name", "azp"), ("claims.0.values", "batch")],
        ),
        (
            "clients",
            "",
            vec![
                ("client_id", "web"),
                ("name", "Web"),
                ("enabled", "on"),
                ("secret", "web-secret"),
                ("redirect_uris", "https://app.example/cb"),
                ("trusted", "on"),
            ],
        ),
        ("teams", "", vec![("name", "sre")]),
        (
            "directories",
            "",
            vec![
                ("name", "people"),
                ("enabled", "on"),
                ("connection", "okta"),
                ("proven_domains_only", "on"),
                ("group_rules.0.group", "sre-*"),
                ("group_rules.0.team", "sre"),
            ],
        ),
        (
            "service_tokens",
            "",
            vec![("name", "ci"), ("enabled", "on"), ("scopes", "admin:read\r\nusers:write"), ("expires_at", "2030-01-31")],
        ),
        ("resources", "", vec![("type", "model"), ("name", "gpt")]),
        (
            "sites",
            "",
            vec![
                ("name", "wiki"),
                ("enabled", "on"),
                ("hosts", "wiki.example"),
                ("public_paths", "/health"),
                ("access_cookie", "on"),
            ],
        ),
    ]
}

async fn bare(backend: Backend) -> World {
    let world = World::with(backend, &format!("tenants:{HOME}"), &[]).await;
    world.sql("UPDATE users SET platform = TRUE WHERE email = 'root@home.example'").await;
    world
}

/// A token of the deployment's administrator.
async fn token(world: &World) -> String {
    let (db, now, token) = (&world.app.db, world.clock.now(), secret::token(personal_tokens::PREFIX));
    let home = tenants::find_by_name(db, "home").await.unwrap().unwrap();
    let root = users::find_by_email(db, &home.id, &Email::parse("root@home.example").unwrap()).await.unwrap().unwrap();
    let row = PersonalToken {
        id: secret::row_id(now),
        user_id: root.id,
        name: "test".to_owned(),
        fingerprint: personal_tokens::fingerprint(&world.app.sealer, &token),
        scopes: ApiScopes::everything(),
        // Longer than what it makes.
        expires_at: now + 20 * 366 * 86_400,
        made_with: None,
        last_used_at: None,
        created_at: now,
    };
    personal_tokens::insert(db, &row).await.unwrap();
    token
}

async fn ask(world: &World, token: &str, method: &str, path: &str, body: Option<&Value>) -> Value {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let url = format!("{}/api/v1/{path}", world.url);
    let answer = Browser::new().send(method.parse().unwrap(), &url, &headers, body.map(Value::to_string)).await;
    assert!(answer.status < 300, "{method} {path}: {} {}", answer.status, answer.body);
    answer.json()
}

/// Everything that can be read of the tenant.
async fn told(world: &World) -> Vec<Value> {
    let token = token(world).await;
    let mut all = vec![ask(world, &token, "GET", "tenants/acme", None).await];
    for noun in Noun::OWNED {
        let list = ask(world, &token, "GET", &format!("tenants/acme/{}", noun.as_str()), None).await;
        for item in list[noun.as_str()].as_array().unwrap() {
            let name = noun.name_in(item.as_object().unwrap()).unwrap();
            let mut thing = ask(world, &token, "GET", &format!("tenants/acme/{}/{name}", noun.as_str()), None).await;
            // Ids and addresses are each deployment's own.
            for own in ["id", "told"] {
                thing.as_object_mut().unwrap().remove(own);
            }
            all.push(thing);
        }
    }
    all
}

/// What the file would change.
async fn plan(world: &World) -> String {
    let hashing = apply::Hashing { hash: |p| gatehouse::password::hash_now(p).ok(), verify: gatehouse::password::verify_now };
    let text = format!("tenants:{HOME}{ACME}");
    let file = apply::File { text: &text, origin: "state.yaml", env: &|_| None };
    let plan = apply::run(&world.app.db, &world.app.sealer, hashing, file, apply::Options::default(), world.clock.now()).await;
    plan.unwrap_or_else(|problems| panic!("{problems:?}")).to_string()
}

async fn pages_api_and_file_lead_to_the_same_state(backend: Backend) {
    let file = bare(backend).await;
    file.apply(&format!("tenants:{HOME}{ACME}")).await;
    // A file makes no token; on the other two ways one is made with the service.
    let made = ask(&file, &token(&file).await, "POST", "tenants/acme/service_tokens/ci/token", None).await;
    assert!(made["token"].is_string());

    let api = bare(backend).await;
    let root = token(&api).await;
    let tenant = json!({"name": "acme", "display_name": "Acme", "domains": ["acme.example"], "provisioning": "invite"});
    ask(&api, &root, "POST", "tenants", Some(&tenant)).await;
    for (noun, thing) in things() {
        ask(&api, &root, "POST", &format!("tenants/acme/{}", noun.as_str()), Some(&thing)).await;
    }

    let pages = Desk { world: bare(backend).await };
    let mut root = pages.browser("home", "root@home.example").await;
    let tenant = [
        ("name", "acme"),
        ("display_name", "Acme"),
        ("enabled", "on"),
        ("provisioning", "invite"),
        ("password_login", "on"),
        ("domains", "acme.example"),
    ];
    let answer = pages.fill(&mut root, "/admin/_/tenants/new", "/admin/_/tenants", &tenant).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    for (noun, choice, fields) in forms() {
        let list = format!("/admin/acme/{noun}");
        let answer = pages.fill(&mut root, &format!("{list}/new{choice}"), &list, &fields).await;
        let expected = if noun == "service_tokens" { 200 } else { 303 };
        assert_eq!(answer.status, expected, "{noun} {fields:?}: {}", answer.body);
    }
    // Members are put in on the team's own page.
    let (page, bob) = ("/admin/acme/teams/sre/members", pages.user_id("bob@acme.example").await);
    let answer = pages.fill(&mut root, page, page, &[("whom", &bob)]).await;
    assert_eq!(answer.location(), Some("/admin/acme/teams/sre?done=joined"), "{}", answer.body);
    // Roles are given on the resource's own page.
    for (whom, role) in [("external_identity:ci", "viewer"), ("team:sre", "manager")] {
        let page = "/admin/acme/resources/model:gpt/collaborators";
        let answer = pages.fill(&mut root, page, page, &[("whom", whom), ("role", role)]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
    }

    let expected = told(&file).await;
    assert_eq!(expected.len(), 14, "{expected:?}");
    for (way, world) in [("api", &api), ("pages", &pages.world)] {
        for (is, wanted) in told(world).await.iter().zip(&expected) {
            assert_eq!(is, wanted, "{way}");
        }
        assert_eq!(plan(world).await.lines().last(), Some("no changes"), "{way}: {}", plan(world).await);
    }
    assert_eq!(plan(&file).await.lines().last(), Some("no changes"));
}
