//! What goes with a thing, or stands idle without it, is named before it goes: at the pages, over the API and in the audit log.

use gatehouse::{
    apply::{self, File, Hashing, Options, Plan, single::Noun},
    password,
    store::tenants::{self, Tenant},
};
use serde_json::{Value, json};

use crate::{
    admin_pages::Desk,
    browser::{Answer, Browser},
    on_both,
    world::{Backend, World, text},
};

on_both!(
    an_issuer_takes_its_identities_along,
    a_connection_takes_its_people_along,
    a_directory_takes_its_groups_teams_along,
    an_application_and_an_organisation,
    whoever_asks_keeps_nobody_from_writing,
    nothing_goes_that_was_not_asked_about,
    many_people_go_in_steps,
    what_goes_in_steps_is_judged_before,
    a_file_lets_many_people_go_in_steps,
);

const STATE: &str = r#"
tenants:
- name: acme
  display_name: Acme
  connections:
  - {name: okta, enabled: true, oidc: {issuer: "https://acme.okta.com", client_id: gatehouse, client_secret: "upstream-secret"}}
  - {name: api, enabled: true, login_enabled: false, oidc: {issuer: "https://api.okta.com", client_id: gatehouse}}
  clients:
  - {client_id: web, secret: web-secret, redirect_uris: ["https://app.example/cb", "https://wiki.example/.gatehouse/callback"], trusted: true, admin_api: true}
  - {client_id: idle, secret: idle-secret, redirect_uris: ["https://idle.example/cb"]}
  users:
  - {email: ada@acme.example, password: "correct horse battery", admin: true}
  - {email: bob@acme.example}
  teams:
  - {name: sre, tokens: [{issuer: ci, claims: {team: sre}}]}
  directories:
  - {name: people, connection: okta}
  trusted_issuers:
  - {name: ci, issuer: "https://ci.example", jwks_uri: "https://ci.example/keys", audience: ["api"]}
  - {name: idle, issuer: "https://idle.example", jwks_uri: "https://idle.example/keys", audience: ["api"]}
  external_identities:
  - {name: svc, issuer: ci, claims: {azp: svc}}
  - {name: through-okta, issuer: api, claims: {azp: svc}}
  resources:
  - {type: model, name: gpt, collaborators: [{external_identity: svc, role: manager}]}
  sites:
  - {name: wiki, hosts: [wiki.example], issuers: [ci, gatehouse], login: {client: web}}
"#;

pub struct Api {
    pub world: World,
    pub token: String,
}

impl Api {
    pub async fn new(backend: Backend) -> Self {
        let world = World::with(backend, STATE, &[]).await;
        world.sql("UPDATE users SET platform = TRUE WHERE email = 'ada@acme.example'").await;
        let url = world.admin_url("web");
        let answer = world.sign_in(&mut Browser::new(), &url, "ada@acme.example", "correct horse battery").await;
        let token = world.redeem("web", &answer.query("code").unwrap()).await.json();
        let token = text(&token, "access_token").to_owned();
        Self { world, token }
    }

    pub async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let url = format!("{}/api/v1/{path}", self.world.url);
        Browser::new().send(method.parse().unwrap(), &url, &headers, body.map(|body| body.to_string())).await
    }

    /// Asks without confirming, and with; what is said to be lost, which the audit log must say too.
    pub async fn lost(&self, noun: &str, name: &str, subject: &str) -> Vec<String> {
        let path = format!("tenants/acme/{noun}/{name}");
        let asked = self.ask("DELETE", &path, None).await;
        assert_eq!(asked.status, 409, "{path}: {}", asked.body);
        assert_eq!(self.ask("GET", &path, None).await.status, 200, "{path}: to ask deletes nothing");
        let gone = self.ask("DELETE", &format!("{path}?confirm={name}"), None).await;
        assert_eq!(gone.status, 200, "{path}: {}", gone.body);
        assert_eq!(gone.json()["lost"], asked.json()["lost"]);
        let log = self.ask("GET", &format!("audit?action=delete&subject={}", subject.replace(' ', "%20")), None).await.json();
        assert_eq!(log["entries"][0]["changes"]["lost"]["is"], gone.json()["lost"], "{log}");
        gone.json()["lost"].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect()
    }
}

async fn an_issuer_takes_its_identities_along(backend: Backend) {
    let api = Api::new(backend).await;
    assert_eq!(
        api.lost("trusted_issuers", "ci", "trusted issuer acme/ci").await,
        ["the issuer and claims of external identity svc", "the issuer and claims of team sre", "the issuer of site wiki"]
    );
    assert_eq!(api.ask("DELETE", "tenants/acme/trusted_issuers/idle", None).await.status, 200, "with it nothing is lost");
    // The identity is still there with its role, and can be given another issuer: over the API and on its page.
    let orphan = api.ask("GET", "tenants/acme/external_identities/svc", None).await.json();
    assert!(orphan["issuer"].is_null(), "{orphan}");
    let issuer = json!({"issuer": "https://new.example", "jwks_uri": "https://new.example/keys", "audience": ["api"]});
    assert_eq!(api.ask("PUT", "tenants/acme/trusted_issuers/new", Some(issuer)).await.status, 201);
    let desk = Desk { world: api.world };
    let mut ada = desk.ada().await;
    let page = "/admin/acme/external_identities/svc";
    let shown = ada.get(&desk.at(page)).await;
    assert!(!shown.body.contains("name=\"issuer\" value=\"\" readonly"), "{}", shown.body);
    let claims = [("claims.0.name", "azp"), ("claims.0.values", "svc")];
    let fields: Vec<_> = [("issuer", "new")].into_iter().chain(claims).collect();
    let saved = desk.fill(&mut ada, page, page, &fields).await;
    assert_eq!((saved.status, saved.location()), (303, Some("/admin/acme/external_identities/svc?done=saved")), "{}", saved.body);
    let stored = desk.stored(Noun::ExternalIdentities, "svc").await.unwrap();
    assert_eq!((&stored["issuer"], &stored["claims"]), (&json!("new"), &json!({"azp": "svc"})));
    let gone = ada.get(&desk.at("/admin/acme/trusted_issuers/ci")).await;
    assert_eq!(gone.status, 404);
    assert!(!gone.body.contains("Tell your administrator") && gone.body.contains("The log of the server"), "{}", gone.body);
    // From then on it is fixed again: an external identity does not change hands.
    let fields: Vec<_> = [("issuer", "idle")].into_iter().chain(claims).collect();
    desk.fill(&mut ada, page, page, &fields).await;
    assert_eq!(desk.stored(Noun::ExternalIdentities, "svc").await.unwrap()["issuer"], json!("new"));
}

async fn a_connection_takes_its_people_along(backend: Backend) {
    let api = Api::new(backend).await;
    let sql = "INSERT INTO identities (id, connection_id, issuer, subject, user_id, created_at, last_seen_at) \
               SELECT 'i-' || u.id, c.id, 'https://acme.okta.com', u.email, u.id, 1, 1 FROM users u, connections c WHERE c.name = 'okta'";
    api.world.sql(sql).await;
    api.world.sql("UPDATE families SET connection_id = (SELECT id FROM connections WHERE name = 'okta')").await;
    let desk = Desk { world: api.world };
    let mut ada = desk.ada().await;
    let asked = ada.get(&desk.at("/admin/acme/connections/okta/delete")).await;
    let people = "2 identities of users (ada@acme.example, bob@acme.example)";
    for line in ["the connection of directory people", people, "1 sign-in at an application, with its tokens"] {
        assert!(asked.body.contains(&format!("<li>loses {line}</li>")), "{line}: {}", asked.body);
    }
    desk.sql("UPDATE families SET connection_id = NULL").await;
    let mut api = Api { world: desk.world, token: api.token };
    // Whoever may not read users learns how many they are, and not who.
    for (scopes, told) in
        [(&["connections:write"][..], "2 identities of users"), (&["connections:write", "users:read"][..], people)]
    {
        let body = json!({"name": "limited", "scopes": scopes, "expires_in": 3_600});
        let token = api.ask("POST", "personal_tokens", Some(body)).await.json();
        let limited = Api { world: api.world, token: text(&token, "token").to_owned() };
        let asked = limited.ask("DELETE", "tenants/acme/connections/okta", None).await;
        assert_eq!(asked.json()["lost"], json!(["the connection of directory people", told]), "{scopes:?}");
        api = Api { world: limited.world, token: api.token };
    }
    let lost = api.lost("connections", "okta", "connection acme/okta").await;
    assert_eq!(lost, ["the connection of directory people", people]);
    let lost = api.lost("connections", "api", "connection acme/api").await;
    assert_eq!(lost, ["the issuer and claims of external identity through-okta"]);
}

/// People had given these to the teams of its groups, and were told of two numbers.
async fn a_directory_takes_its_groups_teams_along(backend: Backend) {
    let api = Api::new(backend).await;
    for sql in [
        "INSERT INTO directory_groups (id, directory_id, display_name, shown_name, resource, version, created_at, updated_at) \
         SELECT 'g', id, 'payroll', 'Payroll', '{\"displayName\":\"Payroll\"}', 1, 1, 1 FROM directories WHERE name = 'people'",
        "INSERT INTO directory_groups (id, directory_id, display_name, shown_name, resource, version, created_at, updated_at) \
         SELECT 'h', id, 'bare', 'Bare', '{\"displayName\":\"Bare\"}', 1, 1, 1 FROM directories WHERE name = 'people'",
        "INSERT INTO teams (id, tenant_id, name, created_at, group_id, folded) SELECT 'p', id, 'Payroll', 1, 'g', 'payroll' FROM tenants WHERE name = 'acme'",
        "INSERT INTO teams (id, tenant_id, name, created_at, group_id, folded) SELECT 'b', id, 'Bare', 1, 'h', 'bare' FROM tenants WHERE name = 'acme'",
        "INSERT INTO collaborators (resource_id, holder, team_id, role) SELECT id, 'p', 'p', 'editor' FROM resources",
        "INSERT INTO team_members (team_id, user_id) SELECT 'p', id FROM users WHERE email = 'bob@acme.example'",
        "INSERT INTO mappings (id, tenant_id, team_id, issuer_id, claims, version, created_at) \
         SELECT 'm', m.tenant_id, 'p', m.issuer_id, m.claims, 1, 1 FROM mappings m JOIN teams t ON t.id = m.team_id WHERE t.name = 'sre'",
    ] {
        assert_eq!(api.world.sql(sql).await, 1, "{sql}");
    }
    let told = [
        "2 groups",
        "editor on model gpt of team Payroll",
        "1 member by hand of team Payroll",
        "the issuer and claims of team Payroll",
    ];
    let desk = Desk { world: api.world };
    let mut ada = desk.ada().await;
    let asked = ada.get(&desk.at("/admin/acme/directories/people/delete")).await;
    for line in told {
        assert!(asked.body.contains(&format!("<li>loses {line}</li>")), "{line}: {}", asked.body);
    }
    let api = Api { world: desk.world, token: api.token };
    assert_eq!(api.lost("directories", "people", "directory acme/people").await, told);
    assert_eq!(api.world.sql("DELETE FROM teams WHERE id = 'p'").await, 0, "they went with it");
}

async fn an_application_and_an_organisation(backend: Backend) {
    let api = Api::new(backend).await;
    assert_eq!(api.ask("DELETE", "tenants/acme/clients/idle", None).await.status, 200, "with it nothing is lost");
    assert_eq!(
        api.ask("DELETE", "tenants/acme/clients/web", None).await.json()["lost"],
        json!(["the sign-in of site wiki", "1 sign-in at an application, with its tokens"])
    );
    let gpt = api.ask("DELETE", "tenants/acme/resources/model:gpt", None).await;
    assert_eq!((gpt.status, &gpt.json()["lost"]), (409, &json!(["the role manager of external identity svc"])));
    let acme = api.ask("DELETE", "tenants/acme?force=true", None).await;
    let lost = acme.json()["lost"].clone();
    for line in
        ["2 users", "2 connections", "1 client", "1 team", "2 trusted issuers", "2 external identities", "1 resource", "1 site"]
    {
        assert!(lost.as_array().unwrap().contains(&json!(line)), "{line}: {lost}");
    }
    assert_eq!(acme.status, 409);
    // On the pages the same is asked first; of whoever administers this organisation alone nothing is taken.
    let desk = Desk { world: api.world };
    let mut ada = desk.ada().await;
    let settings = ada.get(&desk.at("/admin/acme/settings")).await;
    assert!(settings.body.contains("/admin/acme/settings/delete"), "{}", settings.body);
    let page = "/admin/acme/settings/delete";
    let refused = ada.get(&desk.at(page)).await;
    assert!(refused.status == 409 && refused.body.contains("last active administrator"), "{}", refused.body);
    let second = "INSERT INTO tenants (id, name, display_name, provisioning, enabled, password_login, created_at) \
                  VALUES ('t2', 'home', 'Home', 'jit', TRUE, TRUE, 1)";
    desk.sql(second).await;
    desk.sql("UPDATE users SET tenant_id = 't2' WHERE email = 'ada@acme.example'").await;
    let mut ada = desk.browser("home", "ada@acme.example").await;
    let asked = ada.get(&desk.at(page)).await;
    assert!(asked.body.contains("<li>loses 1 user</li>"), "{}", asked.body);
    let gone = desk.fill(&mut ada, page, page, &[]).await;
    assert_eq!((gone.status, gone.location()), (303, Some("/admin/_/tenants?done=deleted")), "{}", gone.body);
    assert_eq!(ada.get(&desk.at("/admin/acme")).await.status, 404);
}

/// While somebody else writes, who only asks is answered.
async fn whoever_asks_keeps_nobody_from_writing(backend: Backend) {
    let api = Api::new(backend).await;
    let mut writer = api.world.app.db.begin().await.unwrap();
    tenants::lock(&mut writer).await.unwrap();
    for (path, lost) in [
        ("trusted_issuers/ci", "the issuer and claims of external identity svc"),
        ("connections/okta", "the connection of directory people"),
        ("external_identities/svc", "manager on model gpt"),
    ] {
        let asked = api.ask("DELETE", &format!("tenants/acme/{path}"), None).await;
        assert!(asked.status == 409 && asked.body.contains(lost), "{path}: {} {}", asked.status, asked.body);
    }
    let asked = api.ask("DELETE", "tenants/acme?force=true", None).await;
    assert!(asked.status == 409 && asked.body.contains("2 users"), "{}", asked.body);
    // Whoever would be refused is told so.
    let last = api.ask("DELETE", "tenants/acme", None).await;
    assert!(last.status == 409 && last.body.contains("administrator") && !last.body.contains("lost"), "{}", last.body);
    let last = api.ask("DELETE", "tenants/acme/users/ada@acme.example", None).await;
    assert!(last.status == 409 && last.body.contains("administrator"), "{}", last.body);
}

/// The one value that the form of a question carries besides its token.
fn agreed(page: &Answer) -> String {
    let (_, rest) = page.body.split_once("name=\"agreed\" value=\"").unwrap_or_else(|| panic!("{}", page.body));
    rest.split('"').next().unwrap().to_owned()
}

async fn nothing_goes_that_was_not_asked_about(backend: Backend) {
    let desk = Desk::new(backend).await;
    let mut ada = desk.ada().await;
    let url = desk.at("/admin/acme/external_identities/ci/delete");
    let asked = ada.get(&url).await;
    assert!(asked.body.contains("loses viewer on model gpt"), "{}", asked.body);
    let (csrf, then) = (asked.csrf(), agreed(&asked));
    desk.apply(
        "tenants:\n- name: acme\n  resources:\n  - {type: model, name: large, collaborators: [{external_identity: ci, role: manager}]}\n",
    )
    .await;
    let again = ada.post(&url, &[("csrf", &csrf), ("agreed", &then)]).await;
    assert!(again.body.contains("loses manager on model large") && again.body.contains("loses viewer"), "{}", again.body);
    assert_ne!(agreed(&again), then);
    let there = ada.get(&desk.at("/admin/acme/external_identities/ci")).await;
    assert_eq!(there.status, 200, "it is there still");
    let gone = ada.post(&url, &[("csrf", &csrf), ("agreed", &agreed(&again))]).await;
    assert_eq!(gone.status, 303, "{}", gone.body);
    assert_eq!(ada.get(&desk.at("/admin/acme/external_identities/ci")).await.status, 404);
}

/// An organisation of 1,200 users.
pub async fn crowded(api: &Api, name: &'static str) -> Tenant {
    if name != "acme" {
        assert_eq!(api.ask("POST", "tenants", Some(json!({"name": name}))).await.status, 201);
    }
    let sql = format!(
        "INSERT INTO users (id, tenant_id, email, email_proven, admin, active, created_at, updated_at) \
         WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200) \
         SELECT '{name}-' || i, t.id, 'u' || i || '@{name}.example', TRUE, FALSE, TRUE, 1, 1 FROM n, tenants t WHERE t.name = '{name}'"
    );
    api.world.sql(sql.leak()).await;
    found(api, name).await.unwrap()
}

async fn found(api: &Api, name: &str) -> Option<Tenant> {
    tenants::find_by_name(&api.world.app.db, name).await.unwrap()
}

pub async fn people(api: &Api, tenant: &Tenant) -> i64 {
    let sql = "SELECT COUNT(*) FROM users WHERE tenant_id = $1";
    let count: Option<(i64,)> = api.world.app.db.optional(sql, gatehouse::params![&tenant.id]).await.unwrap();
    count.unwrap().0
}

async fn many_people_go_in_steps(backend: Backend) {
    let api = Api::new(backend).await;
    let big = crowded(&api, "big").await;
    let asked = api.ask("DELETE", "tenants/big", None).await;
    assert_eq!((asked.status, people(&api, &big).await), (409, 1_200), "{}", asked.body);
    assert!(found(&api, "big").await.unwrap().enabled, "to ask switches nothing off");
    let gone = api.ask("DELETE", "tenants/big?confirm=big", None).await;
    assert_eq!((gone.status, gone.json()["lost"].clone()), (200, asked.json()["lost"].clone()), "{}", gone.body);
    assert!(found(&api, "big").await.is_none() && people(&api, &big).await == 0);
    let log = api.ask("GET", "audit?subject=tenant%20big", None).await.json();
    let entries = log["entries"].as_array().unwrap();
    let deeds: Vec<&str> = entries.iter().map(|entry| text(entry, "action")).collect();
    assert_eq!(deeds, ["delete", "update", "create"], "{log}");
    assert_eq!(entries[1]["changes"]["deletion_begun"]["is"], asked.json()["lost"], "{log}");
    assert_eq!(entries[1]["changes"]["enabled"]["is"], false, "{log}");

    // One that was left in the middle.
    let half = crowded(&api, "half").await;
    let db = &api.world.app.db;
    assert_eq!(tenants::empty(db, &half.id, 100).await.unwrap(), 0, "nobody goes of one that is switched on");
    tenants::save(db, &Tenant { enabled: false, ..half.clone() }).await.unwrap();
    assert_eq!((tenants::empty(db, &half.id, 100).await.unwrap(), people(&api, &half).await), (100, 1_100));
    assert_eq!(api.ask("DELETE", "tenants/half?confirm=half", None).await.status, 200);
    assert!(found(&api, "half").await.is_none() && people(&api, &half).await == 0);
    // At the pages the same.
    let mut ada = Browser::new();
    let url = format!("{}/login?tenant=acme&to=/account", api.world.url);
    api.world.sign_in(&mut ada, &url, "ada@acme.example", "correct horse battery").await;
    let page = crowded(&api, "page").await;
    let url = format!("{}/admin/page/settings/delete", api.world.url);
    let csrf = ada.get(&url).await.csrf();
    assert_eq!(ada.post(&url, &[("csrf", &csrf)]).await.status, 303);
    assert!(found(&api, "page").await.is_none() && people(&api, &page).await == 0);
}

async fn what_goes_in_steps_is_judged_before(backend: Backend) {
    let api = Api::new(backend).await;
    let acme = crowded(&api, "acme").await;
    let refused = api.ask("DELETE", "tenants/acme?confirm=acme", None).await;
    assert!(refused.status == 409 && refused.body.contains("administrator"), "{}", refused.body);
    assert_eq!(people(&api, &acme).await, 1_202);
    assert!(found(&api, "acme").await.unwrap().enabled);
}

async fn pruned(api: &Api, text: &str, options: Options<'_>) -> Result<Plan, String> {
    let (world, file) = (&api.world, File { text, origin: "state.yaml", env: &|_| None });
    let hashing = Hashing { hash: |p| password::hash_now(p).ok(), verify: password::verify_now };
    let options = Options { prune: true, ..options };
    let plan = apply::run(&world.app.db, &world.app.sealer, hashing, file, options, world.clock.now()).await;
    plan.map_err(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// What the log says of a tenant, the newest first.
async fn deeds(api: &Api, tenant: &str) -> Vec<Value> {
    let log = api.ask("GET", &format!("audit?subject=tenant%20{tenant}"), None).await.json();
    log["entries"].as_array().unwrap().clone()
}

/// Not before all the rest of the file is known to go.
async fn a_file_lets_many_people_go_in_steps(backend: Backend) {
    let api = Api::new(backend).await;
    let with = |name: &str, domain: &str| {
        let client = format!("{{client_id: {name}-app, secret: {name}-secret, redirect_uris: [\"https://{name}.example/cb\"]}}");
        (format!("tenants:\n- name: {name}\n  domains: [{domain}]\n  clients:\n  - {client}\n"), client)
    };
    let big = crowded(&api, "big").await;
    api.world.apply(&with("big", "big.example").0).await;
    let planned = pruned(&api, STATE, Options { dry_run: true, ..Options::default() }).await.unwrap();
    assert!(planned.to_string().contains("- tenant big (loses 1200 users"), "{planned}");
    let shut = STATE.replace("  display_name: Acme\n", "  display_name: Acme\n  enabled: false\n");
    let refused = pruned(&api, &shut, Options::default()).await.unwrap_err();
    assert!(refused.contains("nobody would be left who administers the deployment"), "{refused}");
    let nothing = Plan::default();
    let refused = pruned(&api, STATE, Options { agreed: Some(&nothing), ..Options::default() }).await.unwrap_err();
    assert!(refused.contains("so nothing was done"), "{refused}");
    assert_eq!((people(&api, &big).await, found(&api, "big").await.unwrap().enabled), (1_200, true));
    assert_eq!(deeds(&api, "big").await.len(), 2, "made, and given a domain");

    let moved = STATE.replace("  display_name: Acme\n", "  display_name: Acme\n  domains: [big.example]\n");
    let plan = pruned(&api, &moved, Options { agreed: Some(&planned), ..Options::default() }).await.unwrap();
    assert!(plan.to_string().contains("- tenant big (loses 1200 users"), "{plan}");
    assert!(found(&api, "big").await.is_none() && people(&api, &big).await == 0);
    let entries = deeds(&api, "big").await;
    assert_eq!((text(&entries[0], "action"), text(&entries[1], "action")), ("delete", "update"), "{entries:?}");
    assert!(entries[1]["changes"]["deletion_begun"]["is"].to_string().contains("1200 users"), "{entries:?}");
    assert_eq!(api.ask("GET", "tenants/acme", None).await.json()["domains"], json!(["big.example"]));

    // What another tenant takes over is free with its deletion alone: they go with the rest of the file, or not at all.
    let half = crowded(&api, "half").await;
    let (state, client) = with("half", "half.example");
    api.world.apply(&state).await;
    let over = STATE.replace("  clients:\n", &format!("  clients:\n  - {client}\n"));
    let plan = pruned(&api, &over, Options::default()).await.unwrap();
    assert!(plan.to_string().contains("- tenant half (loses 1200 users") && people(&api, &half).await == 0, "{plan}");
    let entries = deeds(&api, "half").await;
    assert!(entries.iter().all(|entry| entry["changes"]["deletion_begun"].is_null()), "{entries:?}");
    assert_eq!(api.ask("GET", "tenants/acme/clients/half-app", None).await.status, 200);
}
