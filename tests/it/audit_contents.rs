//! What entries hold of things that are made and that go: neither hides a switch, a name or a secret's being there, which the
//! entry of a change would tell; and padding hides nothing.

use gatehouse::{
    apply, password, secret,
    store::audit::{self, Entry, Filter},
};
use serde_json::{Value, json};

use crate::{
    on_both,
    world::{Backend, World},
};

on_both!(
    what_is_made_is_told_whole,
    what_goes_is_told_as_it_was,
    deleting_and_making_anew_hides_no_switch,
    padding_hides_nothing,
);

const STATE: &str = r#"
tenants:
- name: acme
  display_name: Acme
  domains: [acme.example]
  password_login: false
  connections:
  - {name: okta, enabled: false, oidc: {issuer: "https://acme.okta.com", client_id: gatehouse, client_secret: "upstream-secret"}}
  clients:
  - {client_id: web, name: Web, secret: web-secret, redirect_uris: ["https://app.example/cb"], trusted: true}
  users:
  - {email: ada@acme.example, name: Ada, password: "correct horse", admin: true, active: false}
  teams:
  - {name: sre, members: [ada@acme.example], tokens: [{issuer: ci, claims: {team: sre}}]}
  directories:
  - {name: people, connection: okta, enabled: false, token: "0123456789abcdef0123456789abcdef"}
  service_tokens:
  - {name: bot, enabled: false, token: "fedcba9876543210fedcba9876543210", scopes: [admin]}
  trusted_issuers:
  - {name: ci, enabled: false, issuer: "https://ci.example", jwks_uri: "https://ci.example/keys", audience: ["api"]}
  external_identities:
  - {name: svc, enabled: false, issuer: ci, claims: {azp: svc}}
  virtual_accounts:
  - {name: batch, enabled: false}
  resources:
  - {type: model, name: gpt, collaborators: [{user: ada@acme.example, role: editor}]}
  sites:
  - {name: wiki, enabled: false, hosts: [wiki.example]}
"#;

/// Subject, field and value of what is not left out, of things that are made and that go alike.
fn expected() -> Vec<(&'static str, &'static str, Value)> {
    let secret = json!("(secret)");
    vec![
        ("tenant acme", "display_name", json!("Acme")),
        ("tenant acme", "domains", json!(["acme.example"])),
        ("tenant acme", "enabled", json!(true)),
        ("tenant acme", "password_login", json!(false)),
        ("connection acme/okta", "enabled", json!(false)),
        ("connection acme/okta", "login_enabled", json!(true)),
        ("connection acme/okta", "protocol", json!("oidc")),
        ("connection acme/okta", "oidc.client_secret (secret)", secret.clone()),
        ("client web", "name", json!("Web")),
        ("client web", "trusted", json!(true)),
        ("client web", "enabled", json!(true)),
        ("client web", "redirect_uris", json!(["https://app.example/cb"])),
        ("client web", "secret (secret)", secret.clone()),
        ("team acme/sre", "members", json!(["ada@acme.example"])),
        ("directory acme/people", "connection", json!("okta")),
        ("directory acme/people", "enabled", json!(false)),
        ("directory acme/people", "token (secret)", secret.clone()),
        ("service token acme/bot", "enabled", json!(false)),
        ("service token acme/bot", "scopes", json!(["admin"])),
        ("service token acme/bot", "token (secret)", secret),
        ("trusted issuer acme/ci", "enabled", json!(false)),
        ("trusted issuer acme/ci", "issuer", json!("https://ci.example")),
        ("external identity acme/svc", "enabled", json!(false)),
        ("external identity acme/svc", "issuer", json!("ci")),
        ("virtual account acme/batch", "enabled", json!(false)),
        ("resource acme/model gpt", "collaborators", json!(["user ada@acme.example: editor"])),
        ("site acme/wiki", "enabled", json!(false)),
        ("site acme/wiki", "hosts", json!(["wiki.example"])),
    ]
}

async fn run(world: &World, text: &str, options: apply::Options<'_>) -> Result<(), String> {
    let hashing = apply::Hashing { hash: |p| password::hash_now(p).ok(), verify: password::verify_now };
    let file = apply::File { text, origin: "state.yaml", env: &|_| None };
    let plan = apply::run(&world.app.db, &world.app.sealer, hashing, file, options, world.clock.now()).await;
    plan.map(|_| ()).map_err(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

async fn prune(world: &World, text: &str) {
    run(world, text, apply::Options { prune: true, ..apply::Options::default() }).await.unwrap();
}

async fn entries(world: &World, action: &str) -> Vec<Entry> {
    let filter = Filter { action: Some(action), ..Filter::default() };
    audit::following(&world.app.db, &filter, 0, 1_000).await.unwrap()
}

fn said<'e>(entries: &'e [Entry], subject: &str, field: &str) -> &'e Value {
    let entry = entries.iter().rfind(|entry| entry.subject == subject);
    &entry.unwrap_or_else(|| panic!("{subject} has no entry")).changes[field]
}

async fn what_is_made_is_told_whole(backend: Backend) {
    let world = World::with(backend, STATE, &[]).await;
    let made = entries(&world, "create").await;
    for (subject, field, value) in expected() {
        assert_eq!(said(&made, subject, field), &json!({"is": value}), "{field} of {subject}");
    }
    let ada = "user acme/ada@acme.example";
    for (field, value) in [("active", json!(false)), ("admin", json!(true)), ("password (secret)", json!("(secret)"))] {
        assert_eq!(said(&made, ada, field), &json!({"is": value}), "{field} of {ada}");
    }
    no_secret(&made);
}

async fn what_goes_is_told_as_it_was(backend: Backend) {
    let world = World::with(backend, STATE, &[]).await;
    // One after the other, so that each has its own entry.
    let without = |nouns: &[&str]| {
        let mut text = String::new();
        let mut skips = false;
        for line in STATE.lines() {
            if line.starts_with("  ") && !line.starts_with("  -") {
                skips = nouns.iter().any(|noun| line.starts_with(&format!("  {noun}:")));
            }
            if !skips {
                text.push_str(line);
                text.push('\n');
            }
        }
        text
    };
    let order = [
        "sites",
        "resources",
        "teams",
        "users",
        "external_identities",
        "virtual_accounts",
        "trusted_issuers",
        "service_tokens",
        "directories",
        "clients",
        "connections",
    ];
    for most in 1..=order.len() {
        prune(&world, &without(&order[..most])).await;
    }
    prune(&world, "tenants: []").await;
    let gone = entries(&world, "delete").await;
    for (subject, field, value) in expected() {
        assert_eq!(said(&gone, subject, field), &json!({"was": value}), "{field} of {subject}");
    }
    let ada = "user acme/ada@acme.example";
    for (field, value) in
        [("name", json!("Ada")), ("admin", json!(true)), ("active", json!(false)), ("password", json!("(secret)"))]
    {
        assert_eq!(said(&gone, ada, field), &json!({"was": value}), "{field} of {ada}");
    }
    no_secret(&gone);
}

fn no_secret(entries: &[Entry]) {
    let all = serde_json::to_string(entries).unwrap();
    for secret in ["upstream-secret", "web-secret", "correct horse", "0123456789abcdef", "fedcba9876543210", "$argon2"] {
        assert!(!all.contains(secret), "{secret}");
    }
}

async fn deleting_and_making_anew_hides_no_switch(backend: Backend) {
    let world = World::with(backend, STATE, &[]).await;
    let line = STATE.lines().find(|line| line.contains("client_id: web")).unwrap();
    prune(&world, &STATE.replace(&format!("  clients:\n{line}\n"), "")).await;
    world.apply(&STATE.replace(line, &line.replace("trusted: true", "trusted: false, enabled: false"))).await;
    let (gone, made) = (entries(&world, "delete").await, entries(&world, "create").await);
    for (field, was, is) in [("trusted", true, false), ("enabled", true, false)] {
        assert_eq!(said(&gone, "client web", field), &json!({"was": was}));
        assert_eq!(said(&made, "client web", field), &json!({"is": is}));
    }
}

async fn padding_hides_nothing(backend: Backend) {
    let world = World::with(backend, STATE, &[]).await;
    let uris = |n: usize| (0..n).map(|n| format!("\"https://app.example/{n}\"")).collect::<Vec<_>>().join(", ");
    let state = |n: usize| STATE.replace("\"https://app.example/cb\"", &format!("{}, \"https://evil.example/cb\"", uris(n)));
    // Among fifty each can be seen.
    world.apply(&state(49)).await;
    let found = entries(&world, "update").await;
    let last = said(&found, "client web", "redirect_uris")["is"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(last, json!("https://evil.example/cb"));
    let refused = run(&world, &state(50), apply::Options::default()).await.unwrap_err();
    assert!(refused.contains("redirect_uris must be at most 50, not 51; make another client for the rest"), "{refused}");
    // Of what is cut nevertheless there is a digest: two that differ behind the cut do not look alike.
    let audience = |last: &str| {
        let all: Vec<String> = (0..60).map(|n| format!("https://api.example/{n}")).chain([last.to_owned()]).collect();
        let list = serde_json::to_string(&all).unwrap();
        (STATE.replace("audience: [\"api\"]", &format!("audience: {list}")), list)
    };
    let mut seen = Vec::new();
    for last in ["https://good.example", "https://evil.example"] {
        let (state, list) = audience(last);
        world.apply(&state).await;
        let found = entries(&world, "update").await;
        let told = said(&found, "trusted issuer acme/ci", "audience")["is"].clone();
        let end = told.as_array().unwrap().last().unwrap().as_str().unwrap().to_owned();
        assert_eq!((told.as_array().unwrap().len(), end.starts_with("… and 11 more")), (51, true), "{end}");
        assert!(end.contains(&secret::hex_digest(&list)), "{end}");
        seen.push(end);
    }
    assert_ne!(seen[0], seen[1]);
}
