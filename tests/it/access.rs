//! What the bearer of a token may do, and what an administrator learns about a token.

use std::io::Write as _;

use gatehouse::{
    oauth::client::{Client, ClientSettings},
    policy::{principal::Kind, role::Role},
    store::{clients, mappings::Target, resources::Holder, trusted_issuers, users},
};
use serde_json::{Value, json};

use crate::{
    browser::{Answer, Browser},
    on_both,
    sso::Log,
    trusted::Trusted,
    world::{Backend, text},
};

on_both!(
    a_role_includes_the_lower_ones,
    many_checks_in_one_request,
    what_is_not_understood_is_refused,
    an_administrator_sees_why,
    what_is_refused_is_shown_to_its_end,
    nobody_else_does,
    programs_and_the_platform_ask_too,
    the_command_line_explains_the_same
);

const GPT: (&str, &str) = ("model", "gpt");
const NUL: &str = "the body must not hold NUL";

async fn a_role_includes_the_lower_ones(backend: Backend) {
    let world = Trusted::new(backend).await;
    let caller = world.identity("caller", json!({})).await;
    let token = world.token(json!({}));
    assert_eq!(world.check(&token, GPT, "viewer").await, (false, Value::Null), "no such resource");
    world.give(GPT.0, GPT.1, Holder::Principal(caller), Role::Editor).await;
    for (role, allowed) in [("viewer", true), ("editor", true), ("manager", false)] {
        assert_eq!(world.check(&token, GPT, role).await, (allowed, json!("editor")), "{role}");
    }
    assert!(!world.check(&token, ("agent", "gpt"), "viewer").await.0, "another type");
    // By a team; the strongest counts.
    let team = world.team("sre").await;
    world.map_idp(Target::Team(team.clone()), json!({"groups": "sre"})).await;
    world.give(GPT.0, GPT.1, Holder::Team(team), Role::Manager).await;
    assert_eq!(world.check(&world.token(json!({"groups": ["sre"]})), GPT, "manager").await, (true, json!("manager")));
    assert_eq!(world.check(&token, GPT, "manager").await, (false, json!("editor")));
    // A user, and nobody's token.
    let tokens = world.tokens("web").await;
    let access = text(&tokens, "access_token");
    assert_eq!(world.check(access, GPT, "viewer").await, (false, Value::Null));
    let users = users::of_tenant(&world.app.db, &world.tenant_id("acme").await).await.unwrap();
    let ada = users.iter().find(|u| u.email.as_str() == "ada@acme.example").unwrap();
    world.give(GPT.0, GPT.1, Holder::User(ada.id.clone()), Role::Viewer).await;
    assert_eq!(world.check(access, GPT, "viewer").await, (true, json!("viewer")));
    world.trust("other", "idp", |settings| settings.audience = vec!["other".to_owned()]).await;
    let theirs = world.token(json!({"aud": "other"}));
    let body = json!({"resource": {"type": "model", "name": "gpt"}, "role": "viewer"});
    assert_eq!(world.post("/api/v1/access/check", &theirs, &body).await.status, 403);
}

async fn many_checks_in_one_request(backend: Backend) {
    let world = Trusted::new(backend).await;
    let caller = world.identity("caller", json!({})).await;
    for i in 0..30 {
        let role = Role::ALL[i % 3];
        world.give("model", &format!("m-{i}"), Holder::Principal(caller.clone()), role).await;
    }
    // More holders than one statement asks about.
    for i in 0..20 {
        let team = world.team(&format!("team-{i}")).await;
        world.map_idp(Target::Team(team.clone()), json!({})).await;
        if i == 19 {
            world.give("model", "of-the-last", Holder::Team(team), Role::Editor).await;
        }
    }
    let token = world.token(json!({}));
    let one = |name: &str| json!({"resource": {"type": "model", "name": name}, "role": "editor"});
    let mut checks: Vec<Value> = (0..50).map(|i| one(&format!("m-{i}"))).collect();
    checks.extend([one("of-the-last"), one("m-1")]);
    let answer = world.post("/api/v1/access/check", &token, &json!({"checks": checks})).await;
    let results = answer.json()["results"].as_array().unwrap().clone();
    assert_eq!(results.len(), 52);
    for (i, result) in results.iter().take(50).enumerate() {
        let held = (i < 30).then(|| Role::ALL[i % 3]);
        let expected = json!({"allowed": held.is_some_and(|r| r >= Role::Editor), "role": held.map(Role::as_str)});
        assert_eq!(*result, expected, "{i}");
    }
    assert_eq!(results[50], json!({"allowed": true, "role": "editor"}));
    assert_eq!(results[51], results[1]);
    assert!(world.check(&token, ("model", "of-the-last"), "editor").await.0);
    let none = world.post("/api/v1/access/check", &token, &json!({"checks": []})).await;
    assert_eq!((none.status, none.json()), (200, json!({"results": []})));
    let many: Vec<Value> = (0..101).map(|i| one(&format!("m-{i}"))).collect();
    assert_eq!(world.post("/api/v1/access/check", &token, &json!({"checks": many})).await.status, 400);
}

async fn what_is_not_understood_is_refused(backend: Backend) {
    let world = Trusted::new(backend).await;
    world.identity("caller", json!({})).await;
    let token = world.token(json!({}));
    let resource = json!({"type": "model", "name": "gpt"});
    for (body, problem) in [
        (json!({}), "give resource and role, or checks"),
        (json!({"resource": resource}), "give resource and role, or checks"),
        (json!({"resource": resource, "role": "viewer", "checks": []}), "give resource and role, or checks"),
        (json!({"resource": resource, "role": "owner"}), "role must be one of viewer, editor, manager"),
        (json!({"resource": {"type": 7, "name": "x"}, "role": "viewer"}), "resource.type has the wrong type, expected a string"),
        (json!({"resource": {"type": "model"}, "role": "viewer"}), "resource.name is missing"),
        (json!({"resource": resource, "role": "viewer", "tenant": "acme"}), "tenant is not known here"),
        (json!({"checks": [{"resource": resource}]}), "checks[0].role is missing"),
        (json!({"checks": "x"}), "checks has the wrong type, expected a sequence"),
        (json!([]), "the body is not a JSON object"),
        (json!({"resource": {"type": "model", "name": "g\0pt"}, "role": "viewer"}), NUL),
        (json!({"resource": {"type": "\0", "name": "gpt"}, "role": "viewer"}), NUL),
        (
            json!({"checks": [{"resource": resource, "role": "viewer"}, {"resource": {"type": "a", "name": "\0"}, "role": "viewer"}]}),
            NUL,
        ),
    ] {
        let answer = world.post("/api/v1/access/check", &token, &body).await;
        let told = (answer.status, answer.json()["error_description"].as_str().unwrap().to_owned());
        assert_eq!(told, (400, problem.to_owned()), "{body}");
    }
    let url = format!("{}/api/v1/access/check", world.url);
    let bearer = format!("Bearer {token}");
    let body = json!({"resource": resource, "role": "viewer"}).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded"] {
        let headers = [("authorization", bearer.as_str()), ("content-type", kind)];
        let answer = Browser::new().send(reqwest::Method::POST, &url, &headers, Some(body.clone())).await;
        assert_eq!(answer.status, 400, "a form can be posted across sites: {kind}");
    }
    let anonymous = Browser::new().post_json(&url, &[], &json!({"resource": resource, "role": "viewer"})).await;
    assert_eq!(anonymous.status, 401);
}

const ADMIN: &str = "tenants:\n- name: acme\n  users:\n  - {email: ada@acme.example, name: Ada, admin: true}\n";

async fn explained(world: &Trusted, by: &str, body: &Value) -> Answer {
    world.post("/api/v1/access/explain", by, body).await
}

async fn an_administrator_sees_why(backend: Backend) {
    let world = Trusted::new(backend).await;
    world.apply(ADMIN).await;
    let admin = &world.administering("web").await;
    world.identity("fallback", json!({})).await;
    world.clock.advance(1);
    let close = world.identity("close", json!({"azp": "batch", "ref": "refs/heads/*"})).await;
    world.give(GPT.0, GPT.1, Holder::Principal(close), Role::Editor).await;
    let token = world.token(json!({"azp": "batch", "ref": "refs/heads/main"}));
    let body = json!({"token": token, "resource": {"type": "model", "name": "gpt"}, "role": "editor"});
    let log = Log::capture();
    let report = explained(&world, admin, &body).await;
    assert_eq!(report.status, 200, "{}", report.body);
    assert!(!report.body.contains(&token) && !log.text().contains(&token), "the token is shown to nobody");
    drop(log);
    let report = report.json();
    assert_eq!((&report["allowed"], &report["error"]), (&json!(true), &Value::Null), "{report:#}");
    assert_eq!(report["principal"]["name"], "close");
    assert_eq!(report["issuer"], json!({"kind": "trusted_issuer", "name": "idp"}));
    assert_eq!(report["roles"], json!([{"resource": {"type": "model", "name": "gpt"}, "role": "editor", "by": "close"}]));
    assert_eq!(report["access"]["allowed"], json!(true));
    let steps: Vec<&str> = report["steps"].as_array().unwrap().iter().map(|s| text(s, "what")).collect();
    for part in ["source", "signature", "issuer", "audience"] {
        assert!(steps.iter().any(|step| step.contains(part)), "{part} in {steps:?}");
    }
    let mappings: Vec<_> =
        report["mappings"].as_array().unwrap().iter().map(|m| (text(m, "name"), &m["chosen"], &m["score"])).collect();
    assert_eq!(mappings, [("close", &json!(true), &json!(2)), ("fallback", &json!(false), &json!(0))]);
    assert_eq!(report["mappings"][0]["rules"][0]["passed"], json!(true));
    // Less is held than asked; and what other tokens lack.
    let more = json!({"token": token, "resource": {"type": "model", "name": "gpt"}, "role": "manager"});
    let report = explained(&world, admin, &more).await.json();
    assert_eq!((&report["allowed"], &report["access"]["role"]), (&json!(false), &json!("editor")));
    for (claims, error, step) in [
        (json!({"aud": "elsewhere"}), "Invalid audience", "audience"),
        (json!({"sub": null}), "Missing required claims: sub", "required"),
        (json!({"iss": "https://nobody.example"}), "Invalid issuer", "judge"),
    ] {
        let report = explained(&world, admin, &json!({"token": world.token(claims)})).await.json();
        assert_eq!((&report["allowed"], text(&report, "error")), (&json!(false), error));
        let failed = report["steps"].as_array().unwrap().iter().find(|s| s["passed"] == json!(false));
        assert!(failed.is_some_and(|s| text(s, "what").contains(step)), "{step}: {report:#}");
    }
    // What is judged is what is enforced.
    let token = text(&world.tokens("web").await, "access_token").to_owned();
    let own = explained(&world, admin, &json!({"token": token})).await.json();
    assert_eq!((&own["allowed"], &own["principal"]["name"]), (&json!(true), &json!("ada@acme.example")));
    assert!(own["standing"].as_array().unwrap().iter().any(|s| s["what"] == "token family" && s["on"] == json!(true)));
    let report = explained(&world, admin, &json!({"token": admin})).await.json();
    assert_eq!(text(&report, "error"), "Invalid audience", "one that administers is for nothing else");
    for junk in ["", "junk", "a.b.c"] {
        let report = explained(&world, admin, &json!({"token": junk})).await;
        assert_eq!((report.status, &report.json()["allowed"]), (200, &json!(false)), "{junk:?}");
    }
}

async fn what_is_refused_is_shown_to_its_end(backend: Backend) {
    let world = Trusted::new(backend).await;
    world.apply(ADMIN).await;
    let admin = world.administering("web").await;
    world.identity("close", json!({"azp": "batch"})).await;
    let now = world.clock.now();
    let expired = world.token(json!({"azp": "batch", "aud": "elsewhere", "iat": now - 900, "exp": now - 600}));
    let good = world.token(json!({"azp": "batch"}));
    let forged = format!("{}{}", &good[..good.len() - 8], "AAAAAAAA");
    let report = async |token: &str| {
        let report = explained(&world, &admin, &json!({"token": token})).await.json();
        let failed: Vec<String> = report["steps"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|s| s["passed"] == json!(false))
            .map(|s| text(s, "what").to_owned())
            .collect();
        (failed.join(", "), report)
    };
    for (token, failed, error, proven) in
        [(&expired, "audience, times", "Token is expired", true), (&forged, "signature", "JWT validation failed", false)]
    {
        let (wrong, report) = report(token).await;
        assert_eq!((wrong.as_str(), text(&report, "error")), (failed, error), "{report:#}");
        assert_eq!((&report["allowed"], &report["accepted"], &report["proven"]), (&json!(false), &json!(false), &json!(proven)));
        assert_eq!((&report["principal"], &report["roles"]), (&Value::Null, &json!([])), "nobody is let in");
        let mapping = &report["mappings"][0];
        assert_eq!((&mapping["name"], &mapping["matched"], &mapping["chosen"]), (&json!("close"), &json!(true), &json!(false)));
        assert_eq!(mapping["rules"][0]["why"], r#"the token has "batch"; wanted: is "batch""#);
        assert!(text(mapping, "note").starts_with("if the token held: "), "{mapping}");
        assert_eq!(world.name(token).await, format!("401 {error}"), "the same decides");
    }
    // The honest twin.
    let (failed, told) = report(&good).await;
    assert_eq!(
        (failed.as_str(), &told["accepted"], &told["proven"], &told["mappings"][0]["chosen"]),
        ("", &json!(true), &json!(true), &json!(true))
    );
    // A token of ours that nobody signed tells nothing of the family that it names.
    let own = text(&world.tokens("web").await, "access_token").to_owned();
    let own = format!("{}{}", &own[..own.len() - 8], "AAAAAAAA");
    let (failed, told) = report(&own).await;
    assert_eq!((failed.as_str(), &told["proven"], &told["standing"]), ("signature", &json!(false), &json!([])));
    world.clock.advance(3600);
    let later = world.administering("web").await;
    let (failed, told) = async {
        let report = explained(&world, &later, &json!({"token": good})).await.json();
        (report["error"].clone(), report)
    }
    .await;
    assert_eq!((&failed, &told["proven"]), (&json!("Token is expired"), &json!(true)));
    // An issuer that is off is not asked; what its token would come to is shown, and that it is off.
    let off = trusted_issuers::TrustedIssuer { enabled: false, ..world.issuer("acme", "idp").await };
    trusted_issuers::save(&world.app.db, &off).await.unwrap();
    let told = explained(&world, &later, &json!({"token": good})).await.json();
    assert_eq!(
        (text(&told, "error"), &told["proven"], &told["mappings"][0]["name"]),
        ("Invalid issuer", &json!(false), &json!("close"))
    );
    assert!(text(&told, "cause").contains("trusted issuer idp to be on"), "{told:#}");
    assert!(told["standing"].as_array().unwrap().contains(&json!({"what": "issuer", "on": false})), "{told:#}");
}

async fn nobody_else_does(backend: Backend) {
    let world = Trusted::new(backend).await;
    let user = &world.administering("web").await;
    let plain = text(&world.tokens("web").await, "access_token").to_owned();
    world.identity("caller", json!({})).await;
    let token = world.token(json!({}));
    let body = json!({"token": token});
    assert_eq!(explained(&world, user, &body).await.status, 403, "a user who is no administrator");
    assert_eq!(explained(&world, &token, &body).await.status, 403, "an external identity");
    world.apply(ADMIN).await;
    assert_eq!(explained(&world, user, &body).await.status, 200);
    assert_eq!(explained(&world, &plain, &body).await.status, 403, "an administrator, with a token for something else");
    let cookie = format!("accessToken={user}");
    let by_cookie =
        Browser::new().post_json(&format!("{}/api/v1/access/explain", world.url), &[("cookie", &cookie)], &body).await;
    assert_eq!(by_cookie.status, 401, "whoever made the browser call");
    let nul = json!({"token": token, "resource": {"type": "model", "name": "\0"}});
    let answer = explained(&world, user, &nul).await;
    assert_eq!((answer.status, text(&answer.json(), "error_description")), (400, NUL));
    third_parties_do_not(&world, user, &body).await;
    let other = json!({"token": token, "tenant": "other"});
    assert_eq!(explained(&world, user, &other).await.status, 404, "another tenant");
    // Issuers and tokens of other tenants are as unknown as any.
    world.trust("other", "theirs", |settings| settings.issuer = Some("https://theirs.example".to_owned())).await;
    let report = explained(&world, user, &json!({"token": world.token(json!({"iss": "https://theirs.example"}))})).await.json();
    assert_eq!(report["error"], "Invalid issuer");
    assert!(!report.to_string().contains("theirs\""), "{report:#}");
    let mut browser = Browser::new();
    let code = world.sign_in(&mut browser, &world.authorize_url("other-web", &[]), "ada@acme.example", "battery staple").await;
    let theirs = world.redeem("other-web", &code.query("code").unwrap()).await.json();
    let report = explained(&world, user, &json!({"token": theirs["access_token"]})).await.json();
    assert_eq!((&report["error"], &report["standing"]), (&json!("Token is not active"), &json!([])));
    let anonymous = Browser::new().post_json(&format!("{}/api/v1/access/explain", world.url), &[], &body).await;
    assert_eq!(anonymous.status, 401);
}

const PROGRAMS: &str = r#"
tenants:
- name: acme
  users:
  - {email: ada@acme.example, name: Ada, admin: true}
  service_tokens:
  - {name: reader, token: "reader-0123456789abcdef0123456789abcdef", scopes: ["admin:read"]}
  - {name: narrow, token: "narrow-0123456789abcdef0123456789abcdef", scopes: ["trusted_issuers:write", "sites:read", "users:write"]}
"#;

/// As with the rest of the admin API: by tokens that may read everything, and of any tenant for whoever administers all.
async fn programs_and_the_platform_ask_too(backend: Backend) {
    let world = Trusted::new(backend).await;
    world.apply(PROGRAMS).await;
    world.identity("caller", json!({})).await;
    let token = world.token(json!({}));
    let body = json!({"token": token});
    let admin = world.administering("web").await;
    let personal = async |scope: &str| {
        let made = world.post("/api/v1/personal_tokens", &admin, &json!({"name": scope, "scopes": [scope]})).await;
        text(&made.json(), "token").to_owned()
    };
    let (mine, small) = (personal("admin:read").await, personal("trusted_issuers:read").await);
    for by in [admin.as_str(), &mine, "reader-0123456789abcdef0123456789abcdef"] {
        let report = explained(&world, by, &body).await;
        assert_eq!((report.status, &report.json()["principal"]["name"]), (200, &json!("caller")), "{}", report.body);
    }
    for by in [small.as_str(), "narrow-0123456789abcdef0123456789abcdef"] {
        let refused = explained(&world, by, &body).await;
        assert_eq!((refused.status, text(&refused.json(), "error")), (403, "insufficient_scope"), "{}", refused.body);
    }
    // Of another tenant: what whoever administers the platform may.
    world.trust("other", "theirs", |settings| settings.audience = vec!["https://other.example".to_owned()]).await;
    let theirs = json!({"token": world.token(json!({"aud": "https://other.example"})), "tenant": "other"});
    for by in [admin.as_str(), &mine, "reader-0123456789abcdef0123456789abcdef"] {
        let refused = explained(&world, by, &theirs).await;
        assert_eq!((refused.status, text(&refused.json(), "error")), (404, "not_found"), "{}", refused.body);
    }
    world.sql("UPDATE users SET platform = TRUE WHERE email = 'ada@acme.example'").await;
    for by in [admin.as_str(), &mine] {
        let report = explained(&world, by, &theirs).await.json();
        assert_eq!((&report["tenant"], &report["issuer"]["name"]), (&json!("other"), &json!("theirs")), "{report:#}");
        assert_eq!(explained(&world, by, &json!({"token": token, "tenant": "nobody"})).await.status, 404);
        assert_eq!(explained(&world, by, &body).await.json()["tenant"], "acme", "their own, where they name none");
    }
}

/// An administrator who signs in at a client, whosever it is, has not let it read the tenant's mappings.
async fn third_parties_do_not(world: &Trusted, user: &str, body: &Value) {
    let web = clients::find(&world.app.db, "web").await.unwrap().unwrap();
    for (admin_api, status) in [(false, 403), (true, 200)] {
        let settings = ClientSettings { admin_api, ..web.settings.clone() };
        clients::save(&world.app.db, &Client { settings, ..web.clone() }, 1).await.unwrap();
        let answer = explained(world, user, body).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        if !admin_api {
            let told = answer.json();
            assert!(text(&told, "error_description").starts_with("the token's client may not administer"), "{told}");
        }
    }
}

async fn the_command_line_explains_the_same(backend: Backend) {
    let world = Trusted::new(backend).await;
    let batch = world.principal(Kind::VirtualAccount, "batch", None).await;
    world.map_idp(Target::Principal(batch.clone()), json!({"azp": "batch"})).await;
    world.give(GPT.0, GPT.1, Holder::Principal(batch), Role::Viewer).await;
    let now = gatehouse::clock::Clock::system().now();
    let token = world.token(json!({"azp": "batch", "iat": now, "exp": now + 60}));
    let settings = [
        ("GATEHOUSE_DATABASE_URL", world.app.settings.database_url.clone()),
        ("GATEHOUSE_KEYS_DIR", world.dir.path().join("keys").display().to_string()),
        ("GATEHOUSE_PUBLIC_URL", world.url.clone()),
        ("GATEHOUSE_OUTBOUND_ALLOW", "127.0.0.1".to_owned()),
    ];
    let dir = tempfile::tempdir().unwrap();
    let run = async |args: Vec<&'static str>, token: String| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_gatehouse"));
        command.args(["token", "explain"]).args(args).current_dir(dir.path()).env_clear().envs(settings.clone());
        use std::process::Stdio;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // The provider of the token answers on this thread.
        let run = move || {
            let mut child = command.spawn().unwrap();
            child.stdin.take().unwrap().write_all(token.as_bytes()).unwrap();
            child.wait_with_output().unwrap()
        };
        let output = tokio::task::spawn_blocking(run).await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    let (code, out, err) = run(vec!["--tenant", "acme", "--resource", "model/gpt", "--role", "viewer"], token.clone()).await;
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    for part in ["virtual account batch", "viewer on model/gpt (by batch)", "decision    allowed", "ok   signature"] {
        assert!(out.contains(part), "{part} in\n{out}");
    }
    let (code, out, err) = run(vec!["--resource", "model/gpt", "--role", "editor"], format!("Bearer {token}\n")).await;
    assert_eq!(code, 1, "{out}");
    assert!(err.contains("refused: the role is not held"), "{err}");
    let wrong = world.token(json!({"azp": "batch", "aud": ["elsewhere", "there"], "iat": now, "exp": now + 60}));
    let (code, out, err) = run(vec![], wrong).await;
    assert_eq!((code, err.as_str()), (1, "refused: Invalid audience\n"), "{out}");
    for part in [
        "FAIL audience             audience is [\"elsewhere\",\"there\"], expected \"https://api.acme.example\"",
        "ok   signature",
        "Mappings, the closest first; the token is refused, this is what would come of it",
        "   virtual account batch: if the token held: 1 rule holds",
    ] {
        assert!(out.contains(part), "{part} in\n{out}");
    }
    let (code, out, _) = run(vec!["--json", "-"], token.clone()).await;
    assert_eq!((code, serde_json::from_str::<Value>(&out).unwrap()["principal"]["name"].clone()), (0, json!("batch")));
    for junk in ["opaque-token", "a.b.c"] {
        let (code, out, err) = run(vec![], junk.to_owned()).await;
        assert!(code == 1 && out.contains("FAIL") && err.starts_with("refused: "), "{out}{err}");
    }
    assert_eq!(run(vec![], String::new()).await.0, 1);
    assert_eq!(run(vec!["--role", "viewer"], String::new()).await.0, 2, "a role on nothing");
}
