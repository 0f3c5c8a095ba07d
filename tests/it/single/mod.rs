//! One thing at a time, against what a file does: the same state, and nothing lost that was left out.

mod keeping;
mod rights;

use gatehouse::{
    apply::{
        self, Action, File, Hashing, Options, Plan,
        single::{self, Ahead, Expect, Noun, Order, Refusal},
    },
    params,
    policy::email::Email,
    seal::Sealer,
    store::{
        Db,
        audit::{Actor, Via},
        connections,
        connections::Connection,
        tenants,
        tenants::Tenant,
        users,
    },
};
use serde_json::{Value, json};

use crate::on_both_databases;

on_both_databases!(
    files_and_single_things_lead_to_the_same_state,
    what_is_shown_can_be_put_back,
    texts_are_literal,
    faults_name_their_fields,
);

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn sealer() -> Sealer {
    Sealer::from_base64("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap()
}

const HASHING: Hashing =
    Hashing { hash: |p| (p.len() < 100).then(|| format!("hash of {p}")), verify: |p, hash| hash == format!("hash of {p}") };

/// Everything that a tenant can own, each after what it refers to.
fn rich() -> Value {
    json!({
        "name": "acme", "display_name": "Acme", "domains": ["acme.example", "acme.test"], "provisioning": "invite",
        "enabled": true, "password_login": false, "access_token_lifetime": "15m", "refresh_token_lifetime": 86400,
        "connections": [
            {"name": "okta", "preset": "okta", "protocol": "oidc", "button_text": "Go", "email_claim": "email",
             "unique_id_claim": ["oid", "sub"], "groups_delimiter": ";", "email_trust": "domain",
             "oidc": {"issuer": "https://okta.example", "client_id": "gh", "client_secret": "hush", "scopes": "openid email",
                      "skew": 30, "token_endpoint_auth_method": "client_secret_post", "allowed_algs": ["RS256"]}},
            {"name": "machine", "login_enabled": false, "oidc": {"issuer": "https://m.example", "client_id": "gh"}},
            {"name": "adfs", "enabled": false, "saml": {"metadata_url": "https://adfs.example/m", "name_id_format": "",
             "idp_initiated": true, "idp_initiated_client": "web", "idp_initiated_url": "https://app.example/home",
             "request_binding": "post", "authn_context": ["urn:x"], "want_encrypted": true}},
        ],
        "directories": [
            {"name": "okta", "connection": "okta", "token": TOKEN, "proven_domains_only": true, "group_rules": [
                {"group": "sre-*", "team": "sre"},
                {"group": "ws-{workspace}-role-{role}", "resource": {"type": "workspace", "name": "{workspace}"},
                 "roles": {"admin": "manager", "member": "viewer"}},
                {"group": "leads", "team": "leads", "resource": {"type": "app", "name": "console"}, "role": "editor"}]},
            {"name": "bare"},
        ],
        "service_tokens": [
            {"name": "ci", "token": format!("s{TOKEN}"), "scopes": ["users:read", "admin"], "expires_at": "2030-01-31"},
            {"name": "later", "scopes": ["admin:read"], "enabled": false},
        ],
        "trusted_issuers": [
            {"name": "github", "issuer": ["https://t.example", "https://t2.example"], "audience": "acme",
             "jwks_uri": "https://t.example/jwks", "required_claims": ["sub"], "email_trust": "verified", "match": "all", "max_token_age": "30m",
             "claim_values": {"hd": {"values": "acme.example", "match_type": "exact"}, "n": {"values": [1, true]}},
             "header_key": "X-Token", "clock_tolerance": 0},
            {"name": "opaque", "issuer": "https://as.example", "audience": "any",
             "introspection_endpoint": "https://as.example/i", "introspection_client_id": "gh",
             "introspection_client_secret": "hush", "introspection_content_type": "application/json",
             "oauth_client": {"client_id": "web", "client_secret": "hush2", "authorization_endpoint": "https://as.example/a",
                              "token_endpoint": "https://as.example/t", "scopes": "openid email"}},
            {"name": "shape", "jwt_validation": {"jwksUri": "https://x.example/k", "algorithms": ["RS256"],
             "claimValues": {"iss": {"values": "https://x.example/", "matchType": "exact"},
                             "aud": {"values": ["api"], "matchType": "contains"},
                             "z": {"values": "a*", "matchType": "glob"}}}},
        ],
        "external_identities": [
            {"name": "ci", "issuer": "github", "claims": {"repository": "acme/site", "email": "*@acme.example"}},
            {"name": "anyone", "issuer": "github", "enabled": false},
        ],
        "virtual_accounts": [
            {"name": "batch", "issuer": "machine", "claims": {"azp": ["a", "b"]}},
            {"name": "robot"},
        ],
        "clients": [
            {"client_id": "web", "name": "Web", "secret": "hush", "redirect_uris": ["https://app.example/.gatehouse/callback", "https://app.example:8443/.gatehouse/callback"],
             "post_logout_redirect_uris": ["https://app.example/"], "resources": ["https://app.example"], "trusted": true,
             "backchannel_logout_uri": "https://app.example/out", "access_token_alg": "EdDSA", "access_token_lifetime": "5m"},
            {"client_id": "spa", "redirect_uris": ["http://127.0.0.1/cb"], "scopes": "openid", "token_endpoint_auth_method": "none"},
            {"client_id": "mute", "redirect_uris": ["https://m.example/cb"], "scopes": [], "secret": "hush",
             "token_endpoint_auth_method": "client_secret_post"},
            {"client_id": "signer", "redirect_uris": ["https://s.example/cb"],
             "jwks": {"keys": [{"kty": "EC", "crv": "P-256", "x": "a", "y": "b", "use": null}]}},
            {"client_id": "robot-client", "secret": "hush", "virtual_account": "robot",
             "grant_types": ["client_credentials", "token_exchange", "jwt_bearer"]},
        ],
        "users": [
            {"email": "Ada@acme.example", "name": "Ada", "password": "hush of the file", "admin": true},
            {"email": "bob@acme.example"},
            {"email": "eve@acme.example", "active": false},
        ],
        "teams": [
            {"name": "sre", "members": ["ada@acme.example", "bob@acme.example"],
             "tokens": [{"issuer": "machine", "claims": {"groups": "sre"}}, {"issuer": "github", "claims": {"team": "sre"}}]},
            {"name": "empty"},
        ],
        "resources": [
            {"type": "model", "name": "gpt", "collaborators": [
                {"external_identity": "ci", "role": "viewer"}, {"team": "sre", "role": "manager"},
                {"user": "ada@acme.example", "role": "editor"}, {"virtual_account": "robot", "role": "viewer"}]},
            {"type": "a:b~c", "name": "x/y:z"},
        ],
        "sites": [
            {"name": "app", "hosts": ["App.example", "app.example:8443"], "paths": ["/app/"], "public_paths": ["/app/health"],
             "issuers": ["gatehouse", "github"], "claims": {"email": "*@acme.example"},
             "resource": {"type": "model", "name": "gpt"}, "role": "viewer", "login": {"client": "web"},
             "audience": "https://app.example", "scopes": ["openid"],
             "identity": {"method": "jwt_header", "header_name": "X-Who", "include_claims": ["groups"], "jwt_expiry_seconds": 60}},
            {"name": "docs", "hosts": ["docs.example"], "issuers": ["opaque"], "login": {"issuer": "opaque"},
             "identity": {"header_names": {"user": "X-Auth-Request-User", "groups": "X-Auth-Request-Groups"}}},
        ],
    })
}

/// What is owned, in an order in which everything is there before it is referred to.
const ORDER: [Noun; 11] = [
    Noun::Users,
    Noun::Connections,
    Noun::TrustedIssuers,
    Noun::ExternalIdentities,
    Noun::VirtualAccounts,
    Noun::Clients,
    Noun::Directories,
    Noun::ServiceTokens,
    Noun::Teams,
    Noun::Resources,
    Noun::Sites,
];

async fn apply(db: &Db, tenant: &Value) -> Result<String, String> {
    let text = json!({"tenants": [tenant]}).to_string();
    let file = File { text: &text, origin: "acme.yaml", env: &|_| None };
    match apply::run(db, &sealer(), HASHING, file, Options::default(), 100).await {
        Ok(plan) => Ok(plan.to_string()),
        Err(problems) => Err(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}

fn root() -> Actor {
    Actor { name: "administrator root@acme.example".to_owned(), id: None, via: Via::Api, address: None, with: None }
}

fn order<'a>(sealer: &'a Sealer, actor: &'a Actor) -> Order<'a> {
    Order { sealer, ahead: None, actor, platform: true, force: false, now: 200 }
}

async fn acme(db: &Db) -> Tenant {
    tenants::find_by_name(db, "acme").await.unwrap().unwrap()
}

/// As somebody who administers the platform.
async fn put(db: &Db, noun: Noun, name: Option<&str>, body: &Value) -> Result<Plan, Refusal> {
    put_as(db, &order(&sealer(), &root()), noun, name, body, Expect::Any).await
}

async fn put_as(
    db: &Db,
    order: &Order<'_>,
    noun: Noun,
    name: Option<&str>,
    body: &Value,
    expect: Expect,
) -> Result<Plan, Refusal> {
    let tenant = acme(db).await;
    let reading = single::read_ahead(db, order, &tenant, noun, name, body, expect).await.ok();
    let password = single::password(noun, body).and_then(HASHING.hash);
    let ahead = Ahead { reading, password };
    let order = &Order { ahead: Some(&ahead), ..*order };
    let mut tx = db.begin().await.unwrap();
    let plan = single::put(&mut tx, order, &tenant, noun, name, body, expect).await?;
    tx.commit().await.unwrap();
    Ok(plan)
}

async fn remove(db: &Db, noun: Noun, name: &str) -> Result<Plan, Refusal> {
    remove_as(db, &order(&sealer(), &root()), noun, name).await
}

async fn remove_as(db: &Db, order: &Order<'_>, noun: Noun, name: &str) -> Result<Plan, Refusal> {
    let tenant = acme(db).await;
    let mut tx = db.begin().await.unwrap();
    let plan = single::remove(&mut tx, order, &tenant, noun, name).await?;
    tx.commit().await.unwrap();
    Ok(plan)
}

async fn show(db: &Db, noun: Noun, name: &str) -> Value {
    single::show(db, &sealer(), &acme(db).await, noun, name).await.unwrap().unwrap_or_default()
}

async fn names(db: &Db, noun: Noun) -> Vec<String> {
    let part =
        single::list(db, &sealer(), &acme(db).await, noun, single::Ask { limit: 1000, ..Default::default() }).await.unwrap();
    assert_eq!(part.next, None);
    part.items.iter().map(|item| noun.name_in(item.as_object().unwrap()).unwrap()).collect()
}

/// The path of each fault.
fn paths(refused: Result<Plan, Refusal>) -> Vec<String> {
    match refused {
        Err(Refusal::Faults(faults)) => faults.into_iter().map(|fault| fault.path).collect(),
        other => panic!("{other:?}"),
    }
}

async fn files_and_single_things_lead_to_the_same_state(db: &Db) {
    let (file, _dir) = crate::databases::sqlite().await;
    let rich = rich();
    apply(&file, &rich).await.unwrap();

    let mut bare = rich.clone();
    bare.as_object_mut().unwrap().retain(|key, _| Noun::owned(key).is_none());
    let mut tx = db.begin().await.unwrap();
    let made = single::establish(&mut tx, &order(&sealer(), &root()), &bare).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(made.lines[0].action, Action::Create);
    // A connection names a client that comes after it.
    let adfs = rich["connections"][2].clone();
    for noun in ORDER {
        for body in rich[noun.as_str()].as_array().unwrap().iter().filter(|body| **body != adfs) {
            let plan = put(db, noun, None, body).await.unwrap();
            assert_eq!(plan.lines.iter().map(|line| line.action).collect::<Vec<_>>(), [Action::Create], "{body}");
        }
    }
    put(db, Noun::Connections, None, &adfs).await.unwrap();

    assert_eq!(show(db, Noun::Tenant, "acme").await, show(&file, Noun::Tenant, "acme").await);
    for noun in ORDER {
        let names = names(db, noun).await;
        assert_eq!(names.len(), rich[noun.as_str()].as_array().unwrap().len());
        for name in names {
            let (mut here, mut there) = (show(db, noun, &name).await, show(&file, noun, &name).await);
            for shown in [&mut here, &mut there] {
                shown.as_object_mut().unwrap().remove("id");
            }
            assert!(here.is_object());
            assert_eq!(here, there, "{noun:?}");
            assert!(!here.to_string().contains("hush") && !here.to_string().contains(TOKEN), "{here}");
        }
    }
    assert_eq!(apply(db, &rich).await.unwrap().lines().last(), Some("no changes"));
    for noun in ORDER {
        for body in rich[noun.as_str()].as_array().unwrap() {
            // A password that is given is set, whatever the one before was.
            let changes = usize::from(body["password"].is_string());
            assert_eq!(put(&file, noun, None, body).await.unwrap().changes(), changes, "{body}");
        }
    }
}

async fn what_is_shown_can_be_put_back(db: &Db) {
    apply(db, &rich()).await.unwrap();
    db.execute("UPDATE users SET email_proven = FALSE, active = FALSE, shut_by = 'directory' WHERE email LIKE 'bob%'", params![])
        .await
        .unwrap();
    for noun in ORDER.into_iter().chain([Noun::Tenant]) {
        let names = if noun == Noun::Tenant { vec!["acme".to_owned()] } else { names(db, noun).await };
        for name in names {
            let shown = show(db, noun, &name).await;
            let plan = put(db, noun, Some(&name), &shown).await.unwrap();
            let actions: Vec<Action> = plan.lines.iter().map(|line| line.action).collect();
            assert_eq!(actions, [Action::Unchanged], "{plan} of {shown}");
            assert_eq!(show(db, noun, &name).await, shown);
        }
    }
    let bob = users::find_by_email(db, &acme(db).await.id, &Email::parse("bob@acme.example").unwrap()).await.unwrap().unwrap();
    assert_eq!(
        (bob.email_proven, bob.shut_by),
        (false, Some(users::By::Directory)),
        "nobody has vouched, nobody else has shut out"
    );
    let shown = show(db, Noun::Users, &bob.id).await;
    assert_eq!((&shown["email"], &shown["secrets"]), (&json!("bob@acme.example"), &json!([])));
    assert_eq!(put(db, Noun::Users, Some(&bob.id), &shown).await.unwrap().changes(), 0);
    assert_eq!(show(db, Noun::Connections, "okta").await["secrets"], json!(["oidc.client_secret"]));
    let opaque = show(db, Noun::TrustedIssuers, "opaque").await;
    assert_eq!(opaque["secrets"], json!(["introspection_client_secret", "oauth_client.client_secret"]));
    assert_eq!(show(db, Noun::Directories, "okta").await["secrets"], json!(["token"]));
}

async fn texts_are_literal(db: &Db) {
    apply(db, &json!({"name": "acme"})).await.unwrap();
    let oidc = |secret: Value| json!({"issuer": "https://o.example", "client_id": "${HOME}", "client_secret": secret});
    let body = json!({"name": "okta", "button_text": "$${x} ${HOME}", "oidc": oidc(json!("${HOME}"))});
    put(db, Noun::Connections, None, &body).await.unwrap();
    let stored = connections::find_by_name(db, &acme(db).await.id, "okta").await.unwrap().unwrap();
    assert_eq!(stored.settings.button_text.as_deref(), Some("$${x} ${HOME}"));
    assert_eq!(stored.settings.oidc.unwrap().client_id, "${HOME}");
    let secret = sealer().open_text(&Connection::secret_context(&stored.id), &stored.secret_sealed.unwrap()).unwrap();
    assert_eq!(secret, "${HOME}");
    let body = json!({"name": "evil", "oidc": oidc(json!({"file": "/etc/hostname"}))});
    assert_eq!(paths(put(db, Noun::Connections, None, &body).await), ["oidc.client_secret"]);
}

async fn faults_name_their_fields(db: &Db) {
    apply(db, &rich()).await.unwrap();
    for (noun, body, expected) in [
        (Noun::Connections, json!([]), vec![""]),
        (
            Noun::Connections,
            json!({"name": "x", "oidc": {"issuer": "http://o.example", "client_id": 1, "scope": "x"}}),
            vec!["oidc.client_id", "oidc.client_id", "oidc.issuer", "oidc.scope"],
        ),
        (Noun::Connections, json!({"name": "x y", "preset": "octa", "oidc": {}}), vec!["name", "preset"]),
        (Noun::Connections, json!({"name": "x\0", "oidc": {}}), vec!["name"]),
        (
            Noun::Clients,
            json!({"client_id": "c", "redirect_uris": ["https://a.example/", "javascript:1"], "secret": ""}),
            vec!["redirect_uris[1]", "secret"],
        ),
        (Noun::Users, json!({"email": "ada"}), vec!["email"]),
        (Noun::Users, json!({"email": "x@acme.example", "password": "a long phrase ".repeat(10)}), vec!["email"]),
        (Noun::Users, json!({"email": "x@acme.example", "password": "p".repeat(200)}), vec!["password"]),
        (Noun::Teams, json!({"name": "t", "members": ["ada@acme.example", "nobody@acme.example"]}), vec!["members[1]"]),
        (Noun::Teams, json!({"name": "t", "members": ["ada@acme.example", "ADA@acme.example"]}), vec!["members[1]"]),
        (Noun::Directories, json!({"name": "d", "connection": "nope", "token": TOKEN}), vec!["connection", "token"]),
        (
            Noun::TrustedIssuers,
            json!({"name": "i", "issuer": "https://x.example", "audience": "any", "jwks_uri": "gopher:x"}),
            vec!["jwks_uri"],
        ),
        // The issuer takes tokens for anybody, so whoever matches all of them would be everybody.
        (Noun::ExternalIdentities, json!({"name": "all", "issuer": "opaque"}), vec!["issuer"]),
        (
            Noun::TrustedIssuers,
            json!({"name": "github", "issuer": "any", "audience": "acme", "jwks_uri": "https://t.example/jwks"}),
            vec!["name"],
        ),
        (Noun::ExternalIdentities, json!({"name": "e", "issuer": "github", "claims": {"email": [[1]]}}), vec!["claims.email"]),
        (
            Noun::Resources,
            json!({"type": "m", "name": "n", "collaborators": [{"team": "nope", "role": "viewer"}]}),
            vec!["collaborators[0].team"],
        ),
        (Noun::Sites, json!({"name": "s", "hosts": ["app.example"], "paths": ["/app"]}), vec!["hosts"]),
        // Sign-ins of a connection land there.
        (Noun::Clients, json!({"client_id": "web", "redirect_uris": ["https://other.example/"]}), vec!["redirect_uris"]),
        (Noun::Tenant, json!({"name": "acme", "connections": [], "provisioning": "x"}), vec!["connections"]),
    ] {
        assert_eq!(paths(put(db, noun, None, &body).await), expected, "{body}");
    }
    assert_eq!(apply(db, &rich()).await.unwrap().lines().last(), Some("no changes"));
}

/// Puts the fields of `more` over those of `value`, also within objects.
fn merge(value: &mut Value, more: &Value) {
    for (name, more) in more.as_object().unwrap() {
        match value.get_mut(name) {
            Some(inner) if inner.is_object() && more.is_object() => merge(inner, more),
            _ => value[name] = more.clone(),
        }
    }
}
