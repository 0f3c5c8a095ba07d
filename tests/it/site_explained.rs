//! What an operator learns of a site: what becomes of a request with a token there, rule by rule, as it is decided.

use std::io::Write as _;

use gatehouse::{
    policy::role::Role,
    store::{self, resources::Holder},
};
use serde_json::{Value, json};

use crate::{
    browser::{Answer, Browser},
    forward::{API, AUDIENCE, BROWSER, Dialect, Guarded, bearer, foreign},
    on_both,
    world::{Backend, text},
};

on_both!(
    each_rule_passes_and_fails,
    the_place_of_a_token_counts,
    what_the_site_is_told_is_shown,
    nothing_of_another_tenants_sites,
    nothing_is_kept_of_it,
    what_cannot_be_asked_is_said,
    the_command_line_explains_sites_too
);

/// Ada administers, and a client may.
const ADMIN: &str = r#"
tenants:
- name: acme
  clients:
  - {client_id: web, name: Web app, secret: web-secret, redirect_uris: ["https://app.example/cb"], trusted: true, admin_api: true}
  users:
  - {email: ada@acme.example, name: Ada, password: "correct horse", admin: true}
"#;

/// A deployment, and a token with which Ada administers.
pub async fn guarded(backend: Backend) -> (Guarded, String) {
    let world = Guarded::new(backend).await;
    world.apply(ADMIN).await;
    let admin = world.administering("web").await;
    (world, admin)
}

async fn explained(world: &Guarded, admin: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {admin}");
    Browser::new().post_json(&format!("{}/api/v1/access/explain", world.url), &[("authorization", &bearer)], body).await
}

/// What is told of a token at `https://{host}/`, which is also what a proxy is told: 200, 401, 403, or 302 for `sign-in`.
pub async fn at(world: &Guarded, admin: &str, host: &str, token: &str) -> Value {
    let answer = explained(world, admin, &json!({"token": token, "site": host})).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let (report, (name, value)) = (answer.json(), bearer(token));
    let asked = world.status(host, "/", &[API, (name, &value)]).await;
    let outcome = text(&report["site"], "outcome").to_owned();
    assert_eq!(outcome, if asked == 200 { "allow".to_owned() } else { asked.to_string() }, "{report:#}");
    assert_eq!(report["allowed"], json!(asked == 200), "{report:#}");
    report
}

/// The steps that failed, and those that did not.
fn steps(report: &Value) -> (Vec<&str>, Vec<&str>) {
    let all = || report["site"]["steps"].as_array().unwrap().iter();
    let names = |passed: bool| all().filter(|step| step["passed"] == json!(passed)).map(|step| text(step, "what")).collect();
    (names(false), names(true))
}

async fn each_rule_passes_and_fails(backend: Backend) {
    let (world, admin) = guarded(backend).await;
    let own = world.own().await;
    let strangers = world.consented_without_resources().await;
    let gpt = world.resource().await;
    world.give(&gpt, Holder::User(world.user("ada@acme.example").await), Role::Editor).await;
    let resource = json!({"type": "model", "name": "gpt"});
    let claim = |value: &str| json!([{"claim": "email", "values": [value], "match_type": "glob"}]);
    let other = foreign(json!({"aud": [AUDIENCE, "https://mcp.example"], "scp": ["read"], "email": "eve@evil.example"}));
    let mapped_to_nobody = foreign(json!({}));
    for (name, settings, token, decides) in [
        ("plain", json!({}), &own, None),
        ("abroad", json!({"issuers": ["okta"]}), &mapped_to_nobody, None),
        ("not-ours", json!({"issuers": ["okta"]}), &own, Some("issuer")),
        ("ours", json!({}), &mapped_to_nobody, Some("token")),
        ("client", json!({}), &strangers, Some("client")),
        ("named", json!({"issuers": ["okta"], "audience": "https://mcp.example"}), &other, None),
        ("misnamed", json!({"issuers": ["okta"], "audience": "https://x.example"}), &other, Some("audience")),
        ("for-it", json!({"audience": "https://mcp.example/mcp"}), &own, Some("token")),
        ("scoped", json!({"issuers": ["okta"], "scopes": ["read"]}), &other, None),
        ("unscoped", json!({"issuers": ["okta"], "scopes": ["write"]}), &other, Some("scopes")),
        ("claimed", json!({"claims": claim("*@acme.example")}), &own, None),
        ("unclaimed", json!({"issuers": ["okta"], "claims": claim("*@acme.example")}), &other, Some("claim email")),
        ("editor", json!({"resource": resource, "role": "editor"}), &own, None),
        ("manager", json!({"resource": resource, "role": "manager"}), &own, Some("role")),
    ] {
        let host = format!("{name}.example");
        let mut whole = json!({"hosts": [host]});
        whole.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        world.site(name, whole).await;
        let report = at(&world, &admin, &host, token).await;
        assert_eq!(report["site"]["decided_by"], json!(decides), "{name}: {report:#}");
        assert_eq!((&report["site"]["name"], &report["site"]["url"]), (&json!(name), &json!(format!("https://{host}/"))));
        let (failed, passed) = steps(&report);
        assert_eq!(failed, decides.into_iter().collect::<Vec<_>>(), "{name}: {report:#}");
        if decides.is_none() {
            for what in ["site", "enabled", "credential", "token", "tenant", "issuer", "client", "audience", "scopes", "role"] {
                assert!(passed.contains(&what), "{name}: {what} in {passed:?}");
            }
        }
        assert_eq!(report["site"]["error"].is_null(), decides.is_none(), "{report:#}");
        assert_eq!(report["error"], report["site"]["error"], "{report:#}");
    }
    // Of an issuer that is trusted, and that the site leaves out, nothing else is said.
    let both = json!({"hosts": ["alone.example"], "issuers": ["gatehouse", "okta"], "exchanged_only": true});
    world.site("alone", both).await;
    for host in ["ours.example", "alone.example"] {
        let report = at(&world, &admin, host, &mapped_to_nobody).await;
        let cause = text(&report["site"], "cause");
        assert!(cause.contains("trusted, but left out by issuers or exchanged_only"), "{host}: {report:#}");
        let stranger = foreign(json!({"iss": "https://nobody.example"}));
        let report = at(&world, &admin, host, &stranger).await;
        assert!(text(&report["site"], "cause").contains("an issuer that is trusted here"), "{host}: {report:#}");
    }
    // What is wrong besides is shown; the first decides.
    let much = json!({"hosts": ["much.example"], "issuers": ["okta"], "scopes": ["write"], "claims": claim("*@acme.example"), "resource": resource, "role": "viewer"});
    world.site("much", much).await;
    let report = at(&world, &admin, "much.example", &other).await;
    assert_eq!(steps(&report).0, ["scopes", "claim email", "role"]);
    assert_eq!((&report["site"]["decided_by"], &report["error"]), (&json!("scopes"), &json!("the token lacks a scope")));
    // What the token is worth is said as the site judges it.
    let for_it = world.own_for("openid mcp:read", "https://mcp.example/mcp").await;
    let report = at(&world, &admin, "for-it.example", &for_it).await;
    assert_eq!((&report["accepted"], &report["allowed"]), (&json!(true), &json!(true)), "{report:#}");
    let alone = explained(&world, &admin, &json!({"token": for_it})).await.json();
    assert_eq!((&alone["error"], &alone["site"]), (&json!("Invalid audience"), &Value::Null));
    // A site that is off, that is not there, and a path that nobody is asked at.
    world.site_of(&world.tenant, "off", json!({"hosts": ["off.example"]}), false).await;
    world.site("open", json!({"hosts": ["open.example"], "public_paths": ["/"]})).await;
    for (host, outcome, decides) in
        [("off.example", "403", "enabled"), ("nowhere.example", "403", "site"), ("open.example", "allow", "public path")]
    {
        let report = at(&world, &admin, host, &own).await;
        assert_eq!((&report["site"]["outcome"], &report["site"]["decided_by"]), (&json!(outcome), &json!(decides)), "{report:#}");
    }
}

async fn the_place_of_a_token_counts(backend: Backend) {
    let (world, admin) = guarded(backend).await;
    let own = world.own().await;
    let ask = async |more: Value| {
        let mut body = json!({"site": "https://app.example/page?x=1"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let report = explained(&world, &admin, &body).await.json();
        let site = &report["site"];
        (text(site, "outcome").to_owned(), site["decided_by"].clone(), site["url"].clone(), site["method"].clone())
    };
    let url = json!("https://app.example/page?x=1");
    let expected =
        |outcome: &str, decides: Option<&str>, method: &str| (outcome.to_owned(), json!(decides), url.clone(), json!(method));
    assert_eq!(ask(json!({"token": own})).await, expected("allow", None, "GET"));
    assert_eq!(ask(json!({"token": own, "header": "Cookie"})).await, expected("allow", None, "GET"));
    // A browser whose cookie has ended signs in anew; a script is refused.
    let forged = format!("{}AAAA", &own[..own.len() - 4]);
    assert_eq!(ask(json!({"token": forged, "header": "cookie"})).await, expected("sign-in", Some("token"), "GET"));
    let cookie = format!("accessToken={forged}");
    let asked = world.ask(Dialect::Forward, "app.example", "/page?x=1", &[BROWSER, ("cookie", &cookie)]).await;
    assert_eq!(asked.status, 302);
    let posted = ask(json!({"token": forged, "header": "cookie", "method": "POST"})).await;
    assert_eq!(posted, expected("401", Some("token"), "POST"));
    assert_eq!(ask(json!({"token": forged})).await, expected("401", Some("token"), "GET"));
    assert_eq!(ask(json!({"token": ""})).await, expected("401", Some("credential"), "GET"));
    // In a header that an issuer has for it.
    world.okta(json!({"header_key": "X-Okta-Token"})).await;
    let token = foreign(json!({}));
    assert_eq!(ask(json!({"token": token, "header": "X-Okta-Token"})).await, expected("allow", None, "GET"));
    assert_eq!(ask(json!({"token": token})).await, expected("401", Some("token"), "GET"));
    assert_eq!(ask(json!({"token": own, "header": "X-Okta-Token"})).await, expected("401", Some("token"), "GET"));
    assert_eq!(ask(json!({"token": own, "header": "Remote-User"})).await, expected("403", Some("identity headers"), "GET"));
    // A path of its own.
    let by_path = json!({"token": own, "site": "app.example", "path": "/page?x=1"});
    assert_eq!(ask(by_path).await, expected("allow", None, "GET"));
}

async fn what_the_site_is_told_is_shown(backend: Backend) {
    let (world, admin) = guarded(backend).await;
    let own = world.own().await;
    for method in ["claims_header", "jwt_header", "bearer", "none"] {
        world.site(method, json!({"hosts": [format!("{method}.example")], "identity": {"method": method}})).await;
    }
    let told = async |host: &str| {
        let report = explained(&world, &admin, &json!({"token": own, "site": host})).await;
        assert!(!report.body.contains(&own), "the token is shown to nobody");
        report.json()["site"]["headers"].as_array().unwrap().clone()
    };
    let value = |headers: &[Value], name: &str| {
        let header = headers.iter().find(|header| text(header, "name") == name);
        text(header.unwrap_or_else(|| panic!("{name} in {headers:?}")), "value").to_owned()
    };
    let headers = told("app.example").await;
    let (name, token) = bearer(&own);
    let asked = world.ask(Dialect::Forward, "app.example", "/", &[API, (name, &token)]).await;
    assert_eq!(headers.len(), 6);
    for header in &headers {
        assert_eq!(asked.header(text(header, "name")), Some(text(header, "value")));
    }
    let claims: Value = serde_json::from_str(&value(&told("claims_header.example").await, "x-user-claims")).unwrap();
    assert_eq!(claims["email"], "ada@acme.example");
    // Of a JWT that would prove something, only what it says.
    let jwt = value(&told("jwt_header.example").await, "x-user-jwt");
    let claims: Value = serde_json::from_str(&jwt).unwrap();
    assert_eq!((&claims["email"], &claims["aud"]), (&json!("ada@acme.example"), &json!("https://jwt_header.example")));
    assert_eq!(value(&told("bearer.example").await, "authorization"), "the token as it came");
    assert!(told("none.example").await.is_empty());
    let refused = explained(&world, &admin, &json!({"token": "x.y.z", "site": "app.example"})).await.json();
    assert_eq!(refused["site"]["headers"], json!([]), "who does not pass is told of to nobody");
}

async fn nothing_of_another_tenants_sites(backend: Backend) {
    let (world, admin) = guarded(backend).await;
    let other = store::tenants::find_by_name(&world.app.db, "other").await.unwrap().unwrap().id;
    world.site_of(&other, "theirs", json!({"hosts": ["theirs.example"], "public_paths": ["/open"]}), true).await;
    let own = world.own().await;
    let report = async |site: &str| {
        let answer = explained(&world, &admin, &json!({"token": own, "site": site})).await;
        assert!(!answer.body.contains("\"theirs\""), "{}", answer.body);
        let mut site = answer.json()["site"].clone();
        site["url"] = Value::Null;
        Value::String(site.to_string().replace("theirs.example", "HOST").replace("nowhere.example", "HOST"))
    };
    for path in ["", "/open", "/x/..%2fopen"] {
        let theirs = report(&format!("https://theirs.example{path}")).await;
        assert_eq!(
            theirs,
            report(&format!("https://nowhere.example{path}")).await,
            "{path}: there is none, for all that they know"
        );
    }
    // The honest twin: a path of one's own that servers read differently.
    world.site("mine", json!({"hosts": ["mine.example"], "public_paths": ["/open"]})).await;
    let mine = explained(&world, &admin, &json!({"token": own, "site": "https://mine.example/x/..%2fopen"})).await.json();
    assert!(text(&mine["site"], "cause").contains("servers read the path"), "{mine:#}");
    let mine = explained(&world, &admin, &json!({"token": own, "site": "https://mine.example/open"})).await.json();
    assert_eq!(mine["site"]["decided_by"], "public path");
}

/// A question about a request is no request.
async fn nothing_is_kept_of_it(backend: Backend) {
    let (world, admin) = guarded(backend).await;
    let own = world.own().await;
    let cold = async || {
        let before = world.app.decisions.kept();
        let report = explained(&world, &admin, &json!({"token": own, "site": "app.example"})).await.json();
        assert_eq!(report["allowed"], json!(true));
        (before, world.app.decisions.kept())
    };
    assert_eq!(cold().await, (0, 0));
    let (name, value) = bearer(&own);
    assert_eq!(world.ask(Dialect::Forward, "app.example", "/", &[API, (name, &value)]).await.status, 200);
    assert_eq!(world.app.decisions.kept(), 1, "the honest twin");
}

async fn what_cannot_be_asked_is_said(backend: Backend) {
    let (world, admin) = guarded(backend).await;
    for (body, why) in [
        (json!({"token": "x", "path": "/a"}), "path, method and header need a site"),
        (json!({"token": "x", "method": "GET"}), "path, method and header need a site"),
        (json!({"token": "x", "header": "Cookie"}), "path, method and header need a site"),
        (json!({"token": "x", "site": "ftp://app.example"}), "site is not http or https"),
        (json!({"token": "x", "site": "https://user@app.example/"}), "site is not a host"),
        (
            json!({"token": "x", "site": "https://app.example/a", "path": "/b"}),
            "the site has a path already; give one of the two",
        ),
        (json!({"token": "x", "site": "app.example", "method": "G T"}), "method is not a method"),
        (json!({"token": "x", "site": "app.example", "header": "a b"}), "header is not a header's name"),
        (json!({"token": "a\nb", "site": "app.example"}), "the token cannot stand in a header"),
    ] {
        let answer = explained(&world, &admin, &body).await;
        assert_eq!((answer.status, text(&answer.json(), "error_description")), (400, why), "{body}");
    }
}

async fn the_command_line_explains_sites_too(backend: Backend) {
    let world = Guarded::new(backend).await;
    let now = gatehouse::clock::Clock::system().now();
    let token = foreign(json!({"iat": now, "exp": now + 60}));
    world.site("narrow", json!({"hosts": ["narrow.example"], "issuers": ["okta"], "scopes": ["read"]})).await;
    let settings = [
        ("GATEHOUSE_DATABASE_URL", world.app.settings.database_url.clone()),
        ("GATEHOUSE_KEYS_DIR", world.dir.path().join("keys").display().to_string()),
        ("GATEHOUSE_PUBLIC_URL", world.url.clone()),
    ];
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        use std::process::Stdio;
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_gatehouse"));
        command.args(["token", "explain"]).args(args).current_dir(dir.path()).env_clear().envs(settings.clone());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(token.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    let (code, out, err) = run(&["--site", "https://app.example/page"]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    for part in [
        "GET https://app.example/page\n",
        "ok   issuer ",
        "told remote-subject       okta/00u1",
        "answer      allow",
        "ok   signature",
    ] {
        assert!(out.contains(part), "{part} in\n{out}");
    }
    let (code, out, err) = run(&["--site", "narrow.example", "--method", "POST"]);
    assert_eq!((code, err.as_str()), (1, "refused: the token lacks a scope\n"), "{out}");
    for part in ["POST https://narrow.example/\n", "FAIL scopes ", "answer      403, by scopes"] {
        assert!(out.contains(part), "{part} in\n{out}");
    }
    let (code, out, _) = run(&["--site", "narrow.example", "--json"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &report["site"]["outcome"]), (1, &json!("403")));
    let (code, _, err) = run(&["--site", "app.example", "--tenant", "other"]);
    assert_eq!((code, err.as_str()), (1, "refused: Access denied\n"), "another tenant's site");
    assert_eq!(run(&["--method", "GET"]).0, 2, "a method of no page");
}
