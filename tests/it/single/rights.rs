//! What is expected, who may, what is lost, and lists.

use gatehouse::{
    apply::single::{Ask, list},
    store::window::Narrow,
};

use super::*;
use crate::on_both_databases;

on_both_databases!(
    what_is_expected_must_be_so,
    the_platforms_own_is_for_its_administrators,
    what_was_read_before_the_lock_switches_nothing_on,
    deleting_says_which_roles_are_lost,
    somebody_can_still_administer_the_tenant,
    lists_are_searched_and_paged,
    nobody_takes_the_tokens_of_another_tenant,
    nobody_has_an_issuer_of_everybody,
    no_tenant_has_hundreds_that_judge_one_issuer,
    nobody_gets_tokens_for_the_site_of_another_tenant,
    an_issuer_of_everybody_lets_in_whom_claims_name,
);

async fn what_is_expected_must_be_so(db: &Db) {
    apply(db, &rich()).await.unwrap();
    apply(db, &json!({"name": "other", "clients": [{"client_id": "theirs", "redirect_uris": ["https://o.example/"]}]}))
        .await
        .unwrap();
    let (sealer, root) = (sealer(), root());
    let order = order(&sealer, &root);
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
    let (sealer, root) = (sealer(), root());
    let tenant = Order { platform: false, ..order(&sealer, &root) };
    let forbidden = |refused: Result<Plan, Refusal>| matches!(refused, Err(Refusal::Forbidden(_)));
    let (app, bob) = (show(db, Noun::Sites, "app").await, json!({"password": "mine now and ever"}));
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

/// Somebody else switches the tenant off between the reading of a request and its turn.
async fn what_was_read_before_the_lock_switches_nothing_on(db: &Db) {
    apply(db, &rich()).await.unwrap();
    let before = acme(db).await;
    let shown = show(db, Noun::Tenant, "acme").await;
    db.execute("UPDATE tenants SET enabled = FALSE WHERE name = 'acme'", params![]).await.unwrap();
    let (sealer, root) = (sealer(), root());
    let theirs = Order { platform: false, ..order(&sealer, &root) };
    let put = async |body: &Value| {
        let mut tx = db.begin().await.unwrap();
        let plan = single::put(&mut tx, &theirs, &before, Noun::Tenant, Some("acme"), body, Expect::Any).await;
        if plan.is_ok() {
            tx.commit().await.unwrap();
        }
        plan
    };
    assert_eq!(paths(put(&shown).await), ["enabled"], "as it was when they looked");
    // The honest twins: nothing is said of it, or what is.
    let mut silent = shown.clone();
    silent.as_object_mut().unwrap().remove("enabled");
    put(&silent).await.unwrap();
    let mut said = shown;
    said["enabled"] = false.into();
    put(&said).await.unwrap();
    assert!(!acme(db).await.enabled);
}

async fn deleting_says_which_roles_are_lost(db: &Db) {
    apply(db, &rich()).await.unwrap();
    // Else its last connection would stay.
    db.execute("UPDATE tenants SET password_login = TRUE", params![]).await.unwrap();
    for (noun, name, label, lost) in [
        (Noun::Sites, "app", "site acme/app", vec![]),
        (Noun::ExternalIdentities, "ci", "external identity acme/ci", vec!["viewer on model gpt"]),
        (Noun::Teams, "sre", "team acme/sre", vec!["manager on model gpt", "the issuer and claims of its tokens"]),
        (Noun::Users, "bob@acme.example", "user acme/bob@acme.example", vec![]),
        (
            Noun::Resources,
            "model:gpt",
            "resource acme/model gpt",
            vec!["the role editor of user ada@acme.example", "the role viewer of virtual account robot"],
        ),
        (Noun::Clients, "spa", "client spa", vec![]),
        (Noun::Directories, "okta", "directory acme/okta", vec![]),
        (Noun::TrustedIssuers, "github", "trusted issuer acme/github", vec!["the issuer and claims of external identity anyone"]),
        (Noun::Connections, "okta", "connection acme/okta", vec![]),
        (Noun::Tenant, "acme", "tenant acme", vec![]),
    ] {
        let mut tx = db.begin().await.unwrap();
        let (sealer, root) = (sealer(), root());
        let asked = single::remove(&mut tx, &order(&sealer, &root), &acme(db).await, noun, name).await.unwrap();
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
    let last = |refused: Result<Plan, Refusal>| matches!(refused, Err(Refusal::LastAdministrator));
    for body in [json!({}), json!({"admin": true, "active": false})] {
        assert!(last(put(db, Noun::Users, Some("ada@acme.example"), &body).await), "{body}");
    }
    assert!(last(remove(db, Noun::Users, "ada@acme.example").await));
    assert_eq!(show(db, Noun::Users, "ada@acme.example").await["admin"], true);
    let (sealer, root) = (sealer(), root());
    let forced = Order { force: true, ..order(&sealer, &root) };
    put_as(db, &forced, Noun::Users, Some("ada@acme.example"), &json!({}), Expect::Any).await.unwrap();
    put(db, Noun::Users, Some("ada@acme.example"), &json!({"admin": true})).await.unwrap();
    put(db, Noun::Users, Some("bob@acme.example"), &json!({"admin": true})).await.unwrap();
    remove(db, Noun::Users, "ada@acme.example").await.unwrap();
    let receipt: Vec<(String,)> = db.all("SELECT actor FROM receipts", params![]).await.unwrap();
    assert_eq!(receipt, [("administrator root@acme.example".to_owned(),)]);
}

fn asking<'a>(search: &'a str, after: &'a str, limit: usize) -> Ask<'a> {
    Ask { search, after, limit, narrow: Narrow::default() }
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
            let part = list(db, &sealer(), &tenant, noun, asking("", &after, 10)).await.unwrap();
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
        let part = list(db, &sealer(), &tenant, noun, asking(search, "", 100)).await.unwrap();
        assert_eq!(part.items.len(), count, "{noun:?} {search}");
    }
}

/// Whoever administers one tenant would have the callers of another refused, who name none.
async fn nobody_takes_the_tokens_of_another_tenant(db: &Db) {
    let issuer = |name: &str, iss: &str, aud: Value| json!({"name": name, "issuer": iss, "audience": aud, "jwks_uri": "https://evil.example/jwks"});
    let opaque = json!({"name": "asked", "issuer": "https://asked.example", "audience": "api", "introspection_auth": "none",
        "introspection_endpoint": "https://asked.example/i"});
    let theirs = json!({"name": "other", "trusted_issuers": [issuer("ci", "https://ci.example", json!(["api", "web"])), opaque],
        "connections": [{"name": "legacy", "login_enabled": false, "oidc": {"issuer": "https://sso.example", "client_id": "gh"}}]});
    apply(db, &json!({"name": "acme"})).await.unwrap();
    apply(db, &theirs).await.unwrap();
    let (sealer, root) = (sealer(), root());
    let tenant = Order { platform: false, ..order(&sealer, &root) };
    let put_theirs = async |noun: Noun, body: Value| put_as(db, &tenant, noun, None, &body, Expect::Any).await;
    // A token may be for several audiences, so another one of the same issuer would take it as well.
    for (iss, aud) in [
        ("https://ci.example", json!("api")),
        ("https://ci.example", json!("mine")),
        ("https://ci.example", json!(["mine", "web"])),
        ("https://ci.example", json!("any")),
        ("https://sso.example", json!("gh")),
        ("https://asked.example", json!("mine")),
    ] {
        assert_eq!(paths(put_theirs(Noun::TrustedIssuers, issuer("evil", iss, aud.clone())).await), ["issuer"], "{iss} {aud}");
    }
    let serving = |login_enabled: bool| json!({"name": "c", "login_enabled": login_enabled, "oidc": {"issuer": "https://ci.example", "client_id": "api", "client_secret": "hush"}});
    assert_eq!(paths(put_theirs(Noun::Connections, serving(false)).await), ["oidc.issuer"]);
    put_theirs(Noun::Connections, serving(true)).await.unwrap();
    assert_eq!(paths(put_theirs(Noun::Connections, serving(false)).await), ["oidc.issuer"], "nor by a second step");
    // It does not say whose they are.
    let Err(Refusal::Faults(faults)) = put_theirs(Noun::TrustedIssuers, issuer("evil", "https://ci.example", json!("api"))).await
    else {
        panic!()
    };
    assert!(faults[0].text.starts_with("tokens of this issuer are another organisation's here:"), "{faults:?}");
    // What is nobody's, they may; and whoever runs the deployment may all of it, and is told.
    for (iss, aud) in [("https://ci.example/", "api"), ("https://new.example", "api")] {
        put_theirs(Noun::TrustedIssuers, issuer("good", iss, json!(aud))).await.unwrap();
    }
    let shared = issuer("shared", "https://ci.example", json!("api"));
    let plan = put(db, Noun::TrustedIssuers, None, &shared).await.unwrap();
    let warning = "trusted issuer other/ci and trusted issuer acme/shared both trust issuer https://ci.example and audience api";
    assert!(plan.warnings.iter().any(|text| text.starts_with(warning)), "{:?}", plan.warnings);
    let told = apply(db, &theirs).await.unwrap();
    assert!(told.contains(&format!("! {warning}: a caller with such a token must name the tenant")), "{told}");
    // What they were given stays theirs to edit, but not to widen.
    let edited = json!({"required_claims": ["jti"]});
    let mut body = shared.clone();
    merge(&mut body, &edited);
    put_theirs(Noun::TrustedIssuers, body).await.unwrap();
    assert_eq!(
        paths(put_theirs(Noun::TrustedIssuers, issuer("shared", "https://ci.example", json!(["api", "web"]))).await),
        ["issuer"]
    );
    let mut asked = issuer("shared", "https://ci.example", json!("api"));
    asked.as_object_mut().unwrap().remove("jwks_uri");
    merge(&mut asked, &json!({"introspection_endpoint": "https://evil.example/i", "introspection_auth": "none"}));
    assert_eq!(paths(put_theirs(Noun::TrustedIssuers, asked).await), ["issuer"], "nor to hear of all of them");
}

/// Of an issuer of everybody each tenant has the tokens for its own audiences, and none has them all.
async fn nobody_has_an_issuer_of_everybody(db: &Db) {
    let github = |name: &str, aud: &str| {
        json!({"name": name, "issuer": "https://token.actions.githubusercontent.com", "audience": aud,
            "jwks_uri": "https://token.actions.githubusercontent.com/.well-known/jwks",
            "claim_values": {"repository_owner_id": "1234"}})
    };
    apply(db, &json!({"name": "acme"})).await.unwrap();
    apply(db, &json!({"name": "other", "trusted_issuers": [github("ci", "https://other.example")]})).await.unwrap();
    let (sealer, root) = (sealer(), root());
    let tenant = Order { platform: false, ..order(&sealer, &root) };
    let put_theirs = async |body: Value| put_as(db, &tenant, Noun::TrustedIssuers, None, &body, Expect::Any).await;
    assert_eq!(paths(put_theirs(github("evil", "any")).await), ["audience"]);
    assert_eq!(paths(put_theirs(github("evil", "https://other.example")).await), ["audience"]);
    let mut asked = github("evil", "https://acme.example");
    asked.as_object_mut().unwrap().remove("jwks_uri");
    merge(&mut asked, &json!({"introspection_endpoint": "https://evil.example/i", "introspection_auth": "none"}));
    assert_eq!(paths(put_theirs(asked).await), ["audience"]);
    put_theirs(github("ours", "https://acme.example")).await.unwrap();
    // Also where nobody else has it yet; whoever runs the deployment may.
    db.execute("DELETE FROM trusted_issuers WHERE name = 'ci'", params![]).await.unwrap();
    assert_eq!(paths(put_theirs(github("evil", "any")).await), ["audience"]);
    put(db, Noun::TrustedIssuers, None, &github("all", "any")).await.unwrap();
    put_theirs(github("all", "any")).await.unwrap();
}

/// Each issuer of a tenant looks at every token that names it, whoever sends it.
async fn no_tenant_has_hundreds_that_judge_one_issuer(db: &Db) {
    let issuer = |n: usize, iss: &str| json!({"name": format!("i{n}"), "issuer": iss, "audience": format!("a{n}"), "jwks_uri": "https://ci.example/jwks"});
    let many = |n: usize| (0..n).map(|n| issuer(n, "https://ci.example")).collect::<Vec<_>>();
    let refused = apply(db, &json!({"name": "acme", "trusted_issuers": many(101)})).await.unwrap_err();
    assert!(refused.contains("101 trusted issuers of tenant acme would judge the tokens of https://ci.example"), "{refused}");
    apply(db, &json!({"name": "acme", "trusted_issuers": many(100)})).await.unwrap();
    let refused = put(db, Noun::TrustedIssuers, None, &issuer(100, "https://ci.example")).await;
    assert_eq!(paths(refused), ["name"]);
    // Those that there are can be changed, and others made.
    let mut changed = issuer(7, "https://ci.example");
    changed["required_claims"] = json!(["jti"]);
    put(db, Noun::TrustedIssuers, None, &changed).await.unwrap();
    put(db, Noun::TrustedIssuers, None, &issuer(100, "https://other.example")).await.unwrap();
}

/// A service that verifies our tokens by itself may look at our name and its own alone.
async fn nobody_gets_tokens_for_the_site_of_another_tenant(db: &Db) {
    apply(db, &json!({"name": "acme"})).await.unwrap();
    apply(
        db,
        &json!({"name": "other", "sites": [{"name": "mcp", "hosts": ["mcp.example"], "audience": "https://mcp.example/mcp"},
            {"name": "wiki", "hosts": ["wiki.example:8443"]}]}),
    )
    .await
    .unwrap();
    let (sealer, root) = (sealer(), root());
    let tenant = Order { platform: false, ..order(&sealer, &root) };
    let client = |resources: Value| json!({"client_id": "c", "secret": "hush", "redirect_uris": ["https://c.example/"], "resources": resources});
    let put_theirs = async |body: Value| put_as(db, &tenant, Noun::Clients, None, &body, Expect::Any).await;
    assert_eq!(paths(put_theirs(client(json!(["https://c.example", "https://mcp.example/mcp"]))).await), ["resources"]);
    put_theirs(client(json!(["https://c.example"]))).await.unwrap();
    // A site without an audience is told who is there for the address it is at.
    for theirs in ["https://mcp.example/mcp", "https://mcp.example", "https://wiki.example:8443", "http://wiki.example:8443"] {
        assert_eq!(paths(put_theirs(client(json!([theirs]))).await), ["resources"], "nor later: {theirs}");
    }
    put_theirs(client(json!(["https://wiki.example", "https://mcp.example/other"]))).await.unwrap();
    // Whoever runs the deployment may give it, and it stays given.
    put(db, Noun::Clients, None, &client(json!(["https://mcp.example/mcp"]))).await.unwrap();
    let mut renamed = client(json!(["https://mcp.example/mcp"]));
    renamed["name"] = json!("C");
    put_theirs(renamed).await.unwrap();
}

/// Whoever asks an issuer of everybody's chooses the audience, so the audience keeps nobody out.
async fn an_issuer_of_everybody_lets_in_whom_claims_name(db: &Db) {
    let issuer = |values: Value| {
        json!({"name": "github", "issuer": "https://token.actions.githubusercontent.com", "audience": "https://gh.example",
            "jwks_uri": "https://token.actions.githubusercontent.com/.well-known/jwks", "claim_values": values})
    };
    apply(db, &json!({"name": "acme", "trusted_issuers": [issuer(json!({}))]})).await.unwrap();
    let identity = |claims: Value| json!({"name": "job", "issuer": "github", "claims": claims});
    let site = |more: Value| {
        let mut site = json!({"name": "s", "hosts": ["s.example"], "issuers": ["gatehouse", "github"]});
        merge(&mut site, &more);
        site
    };
    assert_eq!(paths(put(db, Noun::ExternalIdentities, None, &identity(json!({}))).await), ["issuer"]);
    assert_eq!(paths(put(db, Noun::Sites, None, &site(json!({}))).await), ["issuers"]);
    // What every repository's tokens can say is no more than nothing.
    for anybodys in [json!({"ref": "refs/heads/main"}), json!({"repository": "*/api", "ref": "refs/heads/main"})] {
        assert_eq!(paths(put(db, Noun::ExternalIdentities, None, &identity(anybodys.clone())).await), ["issuer"], "{anybodys}");
        assert_eq!(paths(put(db, Noun::Sites, None, &site(json!({"claims": anybodys}))).await), ["issuers"], "{anybodys}");
    }
    let ours = json!({"repository_owner_id": "1234"});
    put(db, Noun::ExternalIdentities, None, &identity(ours.clone())).await.unwrap();
    put(db, Noun::Sites, None, &site(json!({"claims": ours}))).await.unwrap();
    // Or the issuer says whose count.
    put(db, Noun::TrustedIssuers, None, &issuer(ours)).await.unwrap();
    put(db, Noun::ExternalIdentities, None, &json!({"name": "any-of-ours", "issuer": "github"})).await.unwrap();
    put(db, Noun::Sites, None, &site(json!({}))).await.unwrap();
    for silent in [json!({}), json!({"ref": "refs/heads/main"})] {
        assert_eq!(paths(put(db, Noun::TrustedIssuers, None, &issuer(silent)).await), ["name"], "which it must go on saying");
    }
}
