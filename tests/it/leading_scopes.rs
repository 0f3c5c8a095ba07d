//! Whoever has the secret of a client, or the keys of an issuer, is whoever that leads to: so a token of a few scopes writes
//! what leads to somebody, or opens a site, only with the scope of that as well. One table of who may what.

use serde_json::{Value, json};

use crate::{
    admin_tokens::{CI, House},
    on_both,
    world::{Backend, World, text},
};

on_both!(
    what_leads_to_somebody_needs_their_scope,
    what_would_lead_to_somebody_needs_their_scope,
    a_set_up_link_leads_no_further_than_its_maker,
);

const STATE: &str = r#"
tenants:
- name: acme
  connections:
  - {name: machine, login_enabled: false, oidc: {issuer: "https://m.example", client_id: gh}}
  - {name: plain, enabled: false, oidc: {issuer: "https://p.example", client_id: gh}}
  trusted_issuers:
  - {name: to-identity, issuer: "https://i.example", audience: api, jwks_uri: "https://i.example/jwks"}
  - {name: to-account, issuer: "https://a.example", audience: api, jwks_uri: "https://a.example/jwks"}
  - {name: to-team, issuer: "https://t.example", audience: api, jwks_uri: "https://t.example/jwks"}
  - {name: to-site, issuer: "https://s.example", audience: api, jwks_uri: "https://s.example/jwks"}
  - {name: to-nobody, issuer: "https://n.example", audience: api, jwks_uri: "https://n.example/jwks"}
  external_identities:
  - {name: robot, issuer: to-identity, claims: {sub: r}}
  - {name: device, issuer: machine, claims: {sub: d}}
  virtual_accounts:
  - {name: batch, issuer: to-account, claims: {sub: b}}
  teams:
  - {name: sre, tokens: [{issuer: to-team, claims: {sub: s}}]}
  directories:
  - {name: people}
  clients:
  - {client_id: acts, secret: acts-secret-0123456789, grant_types: [client_credentials], virtual_account: batch}
  - {client_id: pushes, secret: pushes-secret-0123456789, grant_types: [client_credentials], directory: people}
  - {client_id: door, secret: door-secret-0123456789, redirect_uris: ["https://wiki.example/.gatehouse/callback"]}
  - {client_id: web, secret: web-secret-0123456789, redirect_uris: ["https://app.example/cb"]}
  sites:
  - {name: app, hosts: [app.example], issuers: [to-site]}
  - {name: wiki, hosts: [wiki.example], login: {client: door}}
  users:
  - {email: ada@acme.example, admin: true, active: true}
  service_tokens:
  - {name: ci, token: "ci-0123456789abcdef0123456789abcdef", scopes: [admin]}
"#;

/// A thing, and what its scope is not enough for.
const TABLE: [(&str, &str, Option<&str>); 11] = [
    ("clients", "acts", Some("virtual_accounts")),
    ("clients", "pushes", Some("directories")),
    ("clients", "door", Some("sites")),
    ("clients", "web", None),
    ("trusted_issuers", "to-identity", Some("external_identities")),
    ("trusted_issuers", "to-account", Some("virtual_accounts")),
    ("trusted_issuers", "to-team", Some("teams")),
    ("trusted_issuers", "to-site", Some("sites")),
    ("trusted_issuers", "to-nobody", None),
    ("connections", "machine", Some("external_identities")),
    ("connections", "plain", None),
];

async fn house(backend: Backend) -> House {
    House { world: World::with(backend, STATE, &[("TRUSTED_PROXIES", "127.0.0.1")]).await }
}

fn thing_path(area: &str, name: &str) -> String {
    format!("tenants/acme/{area}/{name}")
}

/// A service token of these scopes, each with `:write`.
async fn writer(house: &House, name: &str, areas: &[&str]) -> String {
    let scopes: Vec<String> = areas.iter().map(|area| format!("{area}:write")).collect();
    house.service(name, &scopes.iter().map(String::as_str).collect::<Vec<_>>(), None).await
}

async fn what_leads_to_somebody_needs_their_scope(backend: Backend) {
    let house = house(backend).await;
    let others = ["external_identities", "virtual_accounts", "teams", "directories", "sites", "resources", "users"];
    let mut wrong = Vec::new();
    for (row, (area, name, needs)) in TABLE.into_iter().enumerate() {
        let path = thing_path(area, name);
        let thing = house.ask(CI, "GET", &path, None).await.json();
        let small = writer(&house, &format!("small-{row}"), &[area]).await;
        // All that is beside the point does not help.
        let beside: Vec<&str> = [area].into_iter().chain(others.into_iter().filter(|other| Some(*other) != needs)).collect();
        let beside = writer(&house, &format!("beside-{row}"), &beside).await;
        let both: Vec<&str> = [area].into_iter().chain(needs).collect();
        let both = writer(&house, &format!("both-{row}"), &both).await;
        let alone = if needs.is_some() { 403 } else { 200 };
        for (who, token, expected) in
            [("small", &small, alone), ("beside", &beside, alone), ("both", &both, 200), ("ci", &CI.to_owned(), 200)]
        {
            let put = house.ask(token, "PUT", &path, Some(thing.clone())).await;
            let refused = put.status != 403 || text(&put.json(), "error") == "insufficient_scope";
            if put.status != expected || !refused {
                wrong.push(format!("{who} PUT {area}/{name}: {} {}, expected {expected}", put.status, put.body));
            }
            assert_eq!(house.ask(token, "GET", &path, None).await.status, 200, "looking takes no more");
            if expected == 403 {
                let delete = house.ask(token, "DELETE", &format!("{path}?confirm={name}"), None).await.status;
                if delete != 403 {
                    wrong.push(format!("{who} DELETE {area}/{name}: {delete}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

async fn what_would_lead_to_somebody_needs_their_scope(backend: Backend) {
    let house = house(backend).await;
    let small = writer(&house, "small", &["clients"]).await;
    let both = writer(&house, "both", &["clients", "virtual_accounts"]).await;
    let acting = |account: Value| json!({"secret": "0123456789abcdef-of-their-own", "grant_types": ["client_credentials"], "virtual_account": account});
    let made = |name: &str| {
        let mut body = acting("batch".into());
        body["client_id"] = name.into();
        Some(body)
    };
    for (token, put, post) in [(&small, 403, 403), (&both, 201, 201)] {
        let answer = house.ask(token, "PUT", &thing_path("clients", "new"), Some(acting("batch".into()))).await;
        assert_eq!(answer.status, put, "{}", answer.body);
        let answer = house.ask(token, "POST", "tenants/acme/clients", made("newer")).await;
        assert_eq!(answer.status, post, "{}", answer.body);
        if put == 403 {
            assert_eq!(house.ask(CI, "GET", &thing_path("clients", "new"), None).await.status, 404, "nothing is written");
        }
    }
    // Nor is one that has people signing in made to act, and back again.
    let web = house.ask(CI, "GET", &thing_path("clients", "web"), None).await.json();
    assert_eq!(house.ask(&small, "PUT", &thing_path("clients", "web"), Some(acting("batch".into()))).await.status, 403);
    assert_eq!(house.ask(&small, "PUT", &thing_path("clients", "web"), Some(web)).await.status, 200, "the honest twin");
    // A name that a site still names means what has it next.
    assert_eq!(
        house.ask(CI, "DELETE", &format!("{}?confirm=to-site", thing_path("trusted_issuers", "to-site")), None).await.status,
        200
    );
    let small = writer(&house, "issuers", &["trusted_issuers"]).await;
    let mine = json!({"issuer": "https://mine.example", "audience": "api", "jwks_uri": "https://mine.example/jwks"});
    let answer = house.ask(&small, "PUT", &thing_path("trusted_issuers", "to-site"), Some(mine.clone())).await;
    assert_eq!(answer.status, 403, "{}", answer.body);
    assert_eq!(house.ask(&small, "PUT", &thing_path("trusted_issuers", "another"), Some(mine)).await.status, 201);
}

async fn a_set_up_link_leads_no_further_than_its_maker(backend: Backend) {
    let house = house(backend).await;
    let small = writer(&house, "small", &["connections"]).await;
    let both = writer(&house, "both", &["connections", "external_identities"]).await;
    let link = async |token: &str, connection: &str| {
        house.ask(token, "POST", "tenants/acme/setup-links", Some(json!({"connection": connection}))).await.status
    };
    // Of a connection that is on there is none for anybody.
    assert_eq!(link(&both, "machine").await, 409);
    house.world.sql("UPDATE connections SET enabled = FALSE WHERE name = 'machine'").await;
    // Nor of one that machines are known by: what it says of its provider is no guest's to choose.
    assert_eq!((link(&small, "machine").await, link(&both, "machine").await), (403, 409));
    assert_eq!((link(&small, "plain").await, link(&small, "unheard-of").await), (201, 201));
}
