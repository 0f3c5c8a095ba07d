//! One thing at a time, against what a file does: the same state, and nothing lost that was left out.

use gatehouse::{
    apply::{
        self, Action, Change, File, Hashing, Options, Plan,
        single::{self, Expect, Noun, Order, Refusal},
    },
    params,
    policy::email::Email,
    seal::Sealer,
    store::{Db, clients, connections, connections::Connection, directory_tokens, tenants, tenants::Tenant, users},
};
use serde_json::{Value, json};

use crate::on_both_databases;

on_both_databases!(
    files_and_single_things_lead_to_the_same_state,
    what_is_shown_can_be_put_back,
    texts_are_literal,
    faults_name_their_fields,
    secrets_stay_when_they_are_left_out,
    a_kept_secret_is_sent_nowhere_else,
    switches_stay_when_they_are_left_out,
    what_is_expected_must_be_so,
    the_platforms_own_is_for_its_administrators,
    deleting_says_which_roles_are_lost,
    somebody_can_still_administer_the_tenant,
    lists_are_searched_and_paged,
    changes_have_values_but_no_secrets,
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
        "trusted_issuers": [
            {"name": "github", "issuer": ["https://t.example", "https://t2.example"], "audience": "acme",
             "jwks_uri": "https://t.example/jwks", "required_claims": ["sub"], "match": "all", "max_token_age": "30m",
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
            {"email": "Ada@acme.example", "name": "Ada", "password": "hush", "admin": true},
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
            {"name": "docs", "hosts": ["docs.example"], "issuers": ["opaque"], "login": {"issuer": "opaque"}},
        ],
    })
}

/// What is owned, in an order in which everything is there before it is referred to.
const ORDER: [Noun; 10] = [
    Noun::Users,
    Noun::Connections,
    Noun::TrustedIssuers,
    Noun::ExternalIdentities,
    Noun::VirtualAccounts,
    Noun::Clients,
    Noun::Directories,
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

fn order(sealer: &Sealer) -> Order<'_> {
    Order { sealer, hashing: HASHING, actor: "administrator root@acme.example", platform: true, force: false, now: 200 }
}

async fn acme(db: &Db) -> Tenant {
    tenants::find_by_name(db, "acme").await.unwrap().unwrap()
}

/// As somebody who administers the platform.
async fn put(db: &Db, noun: Noun, name: Option<&str>, body: &Value) -> Result<Plan, Refusal> {
    put_as(db, &order(&sealer()), noun, name, body, Expect::Any).await
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
    let mut tx = db.begin().await.unwrap();
    let plan = single::put(&mut tx, order, &tenant, noun, name, body, expect).await?;
    tx.commit().await.unwrap();
    Ok(plan)
}

async fn remove(db: &Db, noun: Noun, name: &str) -> Result<Plan, Refusal> {
    remove_as(db, &order(&sealer()), noun, name).await
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
    let part = single::list(db, &sealer(), &acme(db).await, noun, "", "", 1000).await.unwrap();
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
    let made = single::establish(&mut tx, &order(&sealer()), &bare).await.unwrap();
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
            assert_eq!(put(&file, noun, None, body).await.unwrap().changes(), 0, "{body}");
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
        (Noun::Users, json!({"email": "x@acme.example", "password": "p".repeat(200)}), vec!["email"]),
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

async fn secrets_stay_when_they_are_left_out(db: &Db) {
    apply(db, &rich()).await.unwrap();
    let tenant = acme(db).await;
    for (noun, name, secret, empty) in [
        (
            Noun::Connections,
            "okta",
            "oidc.client_secret",
            json!({"oidc": {"client_secret": null, "token_endpoint_auth_method": "auto"}}),
        ),
        (Noun::Clients, "web", "secret", json!({"secret": null})),
        (Noun::Users, "ada@acme.example", "password", json!({"password": null})),
        (Noun::Directories, "okta", "token", json!({"token": null})),
    ] {
        let mut shown = show(db, noun, name).await;
        assert_eq!(shown["secrets"], json!([secret]));
        put(db, noun, Some(name), &shown).await.unwrap();
        assert_eq!(show(db, noun, name).await["secrets"], json!([secret]), "left out, it stays");
        merge(&mut shown, &empty);
        let plan = put(db, noun, Some(name), &shown).await.unwrap();
        assert_eq!(plan.lines[0].fields.iter().filter(|field| **field == format!("{secret} (secret)")).count(), 1, "{plan}");
        assert_eq!(show(db, noun, name).await["secrets"], json!([]), "null removes it");
    }
    apply(db, &rich()).await.unwrap();
    let web = clients::find(db, "web").await.unwrap().unwrap();
    let mut shown = show(db, Noun::Clients, "web").await;
    shown["name"] = json!("Other");
    put(db, Noun::Clients, Some("web"), &shown).await.unwrap();
    let same = clients::find(db, "web").await.unwrap().unwrap();
    assert_eq!((same.name.as_str(), same.secret_fingerprint), ("Other", web.secret_fingerprint));
    // One that nobody can use any more goes by itself.
    shown["token_endpoint_auth_method"] = json!("none");
    put(db, Noun::Clients, Some("web"), &shown).await.unwrap();
    assert_eq!(clients::find(db, "web").await.unwrap().unwrap().secret_fingerprint, None);

    let directory = gatehouse::store::directories::find_by_name(db, &tenant.id, "okta").await.unwrap().unwrap();
    let tokens = directory_tokens::of_directory(db, &directory.id).await.unwrap();
    let mut shown = show(db, Noun::Directories, "okta").await;
    shown["group_rules"] = json!([]);
    put(db, Noun::Directories, Some("okta"), &shown).await.unwrap();
    assert_eq!(directory_tokens::of_directory(db, &directory.id).await.unwrap(), tokens);

    // A password that changes ends what the old one began; one that is repeated does not.
    let session = "INSERT INTO sessions (id_hash, user_id, data, created_at, expires_at) SELECT 's', id, '{}', 1, 9 FROM users \
                   WHERE email = 'ada@acme.example'";
    db.execute(session, params![]).await.unwrap();
    for (password, left) in [("hush", 1), ("other", 0)] {
        let body = json!({"admin": true, "password": password});
        put(db, Noun::Users, Some("ada@acme.example"), &body).await.unwrap();
        let sessions: Vec<(String,)> = db.all("SELECT id_hash FROM sessions", params![]).await.unwrap();
        assert_eq!(sessions.len(), left, "{password}");
    }
}

async fn a_kept_secret_is_sent_nowhere_else(db: &Db) {
    apply(db, &rich()).await.unwrap();
    for (noun, name, change, path, typed) in [
        (
            Noun::Connections,
            "okta",
            json!({"oidc": {"issuer": "https://evil.example"}}),
            "oidc.client_secret",
            json!({"oidc": {"client_secret": "new"}}),
        ),
        (
            Noun::Connections,
            "okta",
            json!({"oidc": {"discover": false, "token_endpoint": "https://evil.example/t",
                         "authorization_endpoint": "https://okta.example/a", "jwks_uri": "https://okta.example/k"}}),
            "oidc.client_secret",
            json!({"oidc": {"client_secret": "new"}}),
        ),
        (
            Noun::TrustedIssuers,
            "opaque",
            json!({"introspection_endpoint": "https://evil.example/i"}),
            "introspection_client_secret",
            json!({"introspection_client_secret": "new"}),
        ),
        (
            Noun::TrustedIssuers,
            "opaque",
            json!({"oauth_client": {"token_endpoint": "https://evil.example/t"}}),
            "oauth_client.client_secret",
            json!({"introspection_client_secret": "new", "oauth_client": {"client_secret": "new"}}),
        ),
    ] {
        let mut body = show(db, noun, name).await;
        merge(&mut body, &change);
        assert_eq!(paths(put(db, noun, Some(name), &body).await), [path], "{change}");
        merge(&mut body, &typed);
        put(db, noun, Some(name), &body).await.unwrap();
    }
}

async fn switches_stay_when_they_are_left_out(db: &Db) {
    apply(db, &rich()).await.unwrap();
    for (noun, name) in [(Noun::Connections, "adfs"), (Noun::ExternalIdentities, "anyone"), (Noun::Users, "eve@acme.example")] {
        let mut shown = show(db, noun, name).await;
        let switch = if noun == Noun::Users { "active" } else { "enabled" };
        assert_eq!(shown.as_object_mut().unwrap().remove(switch), Some(json!(false)));
        put(db, noun, Some(name), &shown).await.unwrap();
        assert_eq!(show(db, noun, name).await[switch], false);
        shown[switch] = json!(true);
        assert_eq!(put(db, noun, Some(name), &shown).await.unwrap().lines[0].fields, [switch]);
        assert_eq!(show(db, noun, name).await[switch], true);
    }
    put(db, Noun::Tenant, Some("acme"), &json!({"display_name": "Acme!"})).await.unwrap();
    let shown = show(db, Noun::Tenant, "acme").await;
    assert_eq!(shown["domains"], json!(["acme.example", "acme.test"]), "nobody gives up a domain by not naming it");
    assert_eq!(
        (&shown["display_name"], &shown["provisioning"], &shown["password_login"]),
        (&json!("Acme!"), &json!("jit"), &json!(false))
    );
}

async fn what_is_expected_must_be_so(db: &Db) {
    apply(db, &rich()).await.unwrap();
    apply(db, &json!({"name": "other", "clients": [{"client_id": "theirs", "redirect_uris": ["https://o.example/"]}]}))
        .await
        .unwrap();
    let sealer = sealer();
    let order = order(&sealer);
    let team = json!({"name": "sre"});
    let refused = put_as(db, &order, Noun::Teams, None, &team, Expect::New).await;
    assert!(matches!(refused, Err(Refusal::Exists)), "{refused:?}");
    let refused = put_as(db, &order, Noun::Teams, Some("new"), &json!({}), Expect::There).await;
    assert!(matches!(refused, Err(Refusal::Missing)), "{refused:?}");
    put_as(db, &order, Noun::Teams, Some("new"), &json!({}), Expect::New).await.unwrap();
    assert_eq!(paths(put(db, Noun::Teams, Some("new"), &json!({"name": "newer"})).await), ["name"]);
    assert_eq!(paths(put(db, Noun::Users, Some("ada@acme.example"), &json!({"email": "x@acme.example"})).await), ["email"]);
    put(db, Noun::Resources, Some("a~1b~0c:x/y:z"), &json!({})).await.unwrap();
    assert_eq!(names(db, Noun::Resources).await.len(), 2);
    // What is another tenant's is not there, and nobody learns whose it is.
    assert_eq!(show(db, Noun::Clients, "theirs").await, Value::Null);
    assert!(matches!(remove(db, Noun::Clients, "theirs").await, Err(Refusal::Missing)));
    let taken = put(db, Noun::Clients, None, &json!({"client_id": "theirs", "redirect_uris": ["https://o.example/"]})).await;
    let Err(Refusal::Faults(faults)) = taken else { panic!("{taken:?}") };
    assert_eq!((faults[0].path.as_str(), faults[0].text.as_str()), ("client_id", "client_id theirs is taken; choose another"));
}

async fn the_platforms_own_is_for_its_administrators(db: &Db) {
    apply(db, &rich()).await.unwrap();
    db.execute("UPDATE users SET platform = TRUE WHERE email = 'bob@acme.example'", params![]).await.unwrap();
    let sealer = sealer();
    let tenant = Order { platform: false, ..order(&sealer) };
    let forbidden = |refused: Result<Plan, Refusal>| matches!(refused, Err(Refusal::Forbidden(_)));
    let (app, bob) = (show(db, Noun::Sites, "app").await, json!({"password": "mine now"}));
    assert!(forbidden(put_as(db, &tenant, Noun::Sites, Some("app"), &app, Expect::Any).await));
    assert!(forbidden(remove_as(db, &tenant, Noun::Sites, "app").await));
    assert!(forbidden(put_as(db, &tenant, Noun::Users, Some("bob@acme.example"), &bob, Expect::Any).await));
    assert!(forbidden(remove_as(db, &tenant, Noun::Users, "bob@acme.example").await));
    assert!(forbidden(remove_as(db, &tenant, Noun::Tenant, "acme").await));
    let mut tx = db.begin().await.unwrap();
    assert!(matches!(single::establish(&mut tx, &tenant, &json!({"name": "mine"})).await, Err(Refusal::Forbidden(_))));
    drop(tx);
    let body = json!({"domains": ["acme.example", "bank.example"], "enabled": false, "display_name": "x"});
    assert_eq!(paths(put_as(db, &tenant, Noun::Tenant, Some("acme"), &body, Expect::Any).await), ["domains", "enabled"]);
    // What is theirs they may.
    let shown = show(db, Noun::Tenant, "acme").await;
    put_as(db, &tenant, Noun::Tenant, Some("acme"), &shown, Expect::Any).await.unwrap();
    put_as(db, &tenant, Noun::Users, Some("eve@acme.example"), &bob, Expect::Any).await.unwrap();
    put(db, Noun::Users, Some("bob@acme.example"), &bob).await.unwrap();
    put(db, Noun::Sites, Some("app"), &app).await.unwrap();
}

async fn deleting_says_which_roles_are_lost(db: &Db) {
    apply(db, &rich()).await.unwrap();
    for (noun, name, label, lost) in [
        (Noun::Sites, "app", "site acme/app", vec![]),
        (Noun::ExternalIdentities, "ci", "external identity acme/ci", vec!["viewer on model gpt"]),
        (Noun::Teams, "sre", "team acme/sre", vec!["manager on model gpt"]),
        (Noun::Users, "bob@acme.example", "user acme/bob@acme.example", vec![]),
        (Noun::Resources, "model:gpt", "resource acme/model gpt", vec![]),
        (Noun::Clients, "spa", "client spa", vec![]),
        (Noun::Directories, "okta", "directory acme/okta", vec![]),
        (Noun::TrustedIssuers, "github", "trusted issuer acme/github", vec![]),
        (Noun::Connections, "okta", "connection acme/okta", vec![]),
        (Noun::Tenant, "acme", "tenant acme", vec![]),
    ] {
        let mut tx = db.begin().await.unwrap();
        let sealer = sealer();
        let asked = single::remove(&mut tx, &order(&sealer), &acme(db).await, noun, name).await.unwrap();
        drop(tx);
        assert_eq!((asked.lines[0].action, asked.lines[0].name.as_str()), (Action::Delete, label));
        assert_eq!(asked.lines[0].fields, lost);
        assert!(show(db, noun, name).await.is_object(), "to ask deletes nothing");
        assert_eq!(remove(db, noun, name).await.unwrap(), asked);
        if noun != Noun::Tenant {
            assert_eq!(show(db, noun, name).await, Value::Null);
            assert!(matches!(remove(db, noun, name).await, Err(Refusal::Missing)));
        }
    }
    assert!(tenants::find_by_name(db, "acme").await.unwrap().is_none());
}

async fn somebody_can_still_administer_the_tenant(db: &Db) {
    apply(db, &rich()).await.unwrap();
    let last = |refused: Result<Plan, Refusal>| matches!(refused, Err(Refusal::Conflict(_)));
    for body in [json!({}), json!({"admin": true, "active": false})] {
        assert!(last(put(db, Noun::Users, Some("ada@acme.example"), &body).await), "{body}");
    }
    assert!(last(remove(db, Noun::Users, "ada@acme.example").await));
    assert_eq!(show(db, Noun::Users, "ada@acme.example").await["admin"], true);
    let sealer = sealer();
    let forced = Order { force: true, ..order(&sealer) };
    put_as(db, &forced, Noun::Users, Some("ada@acme.example"), &json!({}), Expect::Any).await.unwrap();
    put(db, Noun::Users, Some("ada@acme.example"), &json!({"admin": true})).await.unwrap();
    put(db, Noun::Users, Some("bob@acme.example"), &json!({"admin": true})).await.unwrap();
    remove(db, Noun::Users, "ada@acme.example").await.unwrap();
    let receipt: Vec<(String,)> = db.all("SELECT actor FROM receipts", params![]).await.unwrap();
    assert_eq!(receipt, [("administrator root@acme.example".to_owned(),)]);
}

async fn lists_are_searched_and_paged(db: &Db) {
    apply(db, &rich()).await.unwrap();
    let tenant = acme(db).await;
    for n in 0..25 {
        put(db, Noun::Teams, None, &json!({"name": format!("team_{n:02}")})).await.unwrap();
        put(db, Noun::Resources, None, &json!({"type": (["a", "b"][n % 2]), "name": format!("{n:02}")})).await.unwrap();
    }
    for noun in [Noun::Teams, Noun::Resources] {
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let part = single::list(db, &sealer(), &tenant, noun, "", &after, 10).await.unwrap();
            seen.extend(part.items.iter().map(|item| noun.name_in(item.as_object().unwrap()).unwrap()));
            let Some(next) = part.next else { break };
            assert_eq!((part.items.len(), seen.last()), (10, Some(&next)));
            after = next;
        }
        assert_eq!(seen, names(db, noun).await);
        assert_eq!(seen.len(), 27);
    }
    for (noun, search, count) in [
        (Noun::Teams, "TEAM_1", 10),
        (Noun::Teams, "%", 0),
        (Noun::Teams, "m_0", 10),
        (Noun::Users, "ADA", 1),
        (Noun::Resources, "gpt", 1),
        (Noun::Connections, "kt", 1),
        (Noun::Tenant, "acm", 1),
        (Noun::Clients, "-", 1),
        (Noun::TrustedIssuers, "x", 0),
        (Noun::Sites, "o", 1),
        (Noun::Teams, "\0", 0),
        (Noun::Directories, "okta", 1),
        (Noun::ExternalIdentities, "c", 1),
        (Noun::VirtualAccounts, "b", 2),
    ] {
        let part = single::list(db, &sealer(), &tenant, noun, search, "", 100).await.unwrap();
        assert_eq!(part.items.len(), count, "{noun:?} {search}");
    }
}

async fn changes_have_values_but_no_secrets(db: &Db) {
    apply(db, &rich()).await.unwrap();
    let mut body = show(db, Noun::Connections, "okta").await;
    merge(&mut body, &json!({"button_text": "In", "oidc": {"client_secret": "newer", "skew": 60}}));
    let plan = put(db, Noun::Connections, Some("okta"), &body).await.unwrap();
    let change = |field: &str, was: Value, is: Value| Change { field: field.to_owned(), was, is };
    let mut changes = plan.lines[0].changes.clone();
    changes.sort_by(|a, b| a.field.cmp(&b.field));
    assert_eq!(
        changes,
        [
            change("button_text", json!("Go"), json!("In")),
            change("oidc.client_secret (secret)", json!("(secret)"), json!("(secret)")),
            change("oidc.skew", json!(30), json!(60)),
        ]
    );
    let team =
        json!({"members": ["bob@acme.example", "eve@acme.example"], "tokens": show(db, Noun::Teams, "sre").await["tokens"]});
    let plan = put(db, Noun::Teams, Some("sre"), &team).await.unwrap();
    assert_eq!(plan.lines[0].changes, [change("members", json!(["ada@acme.example"]), json!(["eve@acme.example"]))]);
    let roles = json!({"collaborators": [{"team": "sre", "role": "viewer"}, {"user": "ada@acme.example", "role": "editor"}]});
    let plan = put(db, Noun::Resources, Some("model:gpt"), &roles).await.unwrap();
    let (was, is) = (
        json!(["external identity ci: viewer", "team sre: manager", "virtual account robot: viewer"]),
        json!(["team sre: viewer"]),
    );
    let found = &plan.lines[0].changes[0];
    let sorted = |value: &Value| {
        let mut words: Vec<String> = value.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect();
        words.sort();
        words
    };
    assert_eq!((sorted(&found.was), sorted(&found.is)), (sorted(&was), sorted(&is)));
    let plan = put(db, Noun::Tenant, Some("acme"), &json!({"domains": ["acme.example"], "provisioning": "invite", "display_name": "Acme", "access_token_lifetime": 900, "refresh_token_lifetime": 86400})).await.unwrap();
    assert_eq!(plan.lines[0].changes, [change("domains", json!(["acme.example", "acme.test"]), json!(["acme.example"]))]);
    for text in [
        format!("{plan:?}"),
        format!("{:?}", put(db, Noun::Users, None, &json!({"email": "n@acme.example", "password": "hush"})).await),
    ] {
        assert!(!text.contains("hush"), "{text}");
    }
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
