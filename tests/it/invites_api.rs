//! Inviting over the API, by administrators of the tenant alone, and over the command line.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::{
    browser::{Answer, Browser},
    mail, on_both,
    relay::{Knobs, Relay},
    world::{Backend, START, World, text},
};

on_both!(
    an_administrator_invites,
    pages_of_invites,
    nobody_else_does,
    what_is_not_understood_is_refused,
    with_a_relay_no_link_is_shown,
    the_command_line_does_the_same,
);

const ADMIN: &str = r#"
tenants:
- name: acme
  display_name: Acme
  domains: [acme.example]
  provisioning: invite
  password_login: true
  clients:
  - {client_id: web, name: Web app, secret: web-secret, redirect_uris: ["https://app.example/cb"], trusted: true, admin_api: true}
  - {client_id: foreign, name: Foreign, secret: foreign-secret, redirect_uris: ["https://foreign.example/cb"]}
  users:
  - {email: ada@acme.example, name: Ada, password: "correct horse", admin: true, active: true}
  - {email: bob@acme.example, name: Bob, password: "correct horse", active: true}
  teams:
  - {name: sre}
- name: other
  provisioning: invite
"#;

async fn token(world: &World, email: &str) -> String {
    let answer = world.sign_in(&mut Browser::new(), &world.admin_url("web"), email, "correct horse").await;
    let tokens = world.redeem("web", &answer.query("code").expect("a code")).await.json();
    text(&tokens, "access_token").to_owned()
}

async fn call(world: &World, method: &str, path: &str, token: &str, body: Option<Value>) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    Browser::new().send(method, &format!("{}/api/v1/invites{path}", world.url), &headers, body.map(|b| b.to_string())).await
}

async fn an_administrator_invites(backend: Backend) {
    let world = World::with(backend, ADMIN, &[]).await;
    let ada = token(&world, "ada@acme.example").await;
    let body = json!({"email": "Grace@acme.example", "name": "Grace", "teams": ["sre"], "expires_in": 3600});
    let answer = call(&world, "POST", "", &ada, Some(body.clone())).await;
    assert_eq!((answer.status, answer.header("cache-control")), (201, Some("no-store")), "{}", answer.body);
    let made = answer.json();
    assert_eq!((text(&made, "email"), text(&made, "state")), ("grace@acme.example", "open"));
    assert_eq!(text(&made, "invited_by"), "Ada (ada@acme.example)");
    assert_eq!(text(&made, "expires_at"), gatehouse::moment::Moment(START + 3600).machine());
    let link = text(&made, "link").to_owned();
    assert_eq!(Browser::new().get(&link).await.status, 200);
    assert_eq!(call(&world, "POST", "", &ada, Some(body)).await.status, 409, "one at a time");

    let id = text(&made, "id").to_owned();
    let again = call(&world, "POST", &format!("/{id}/resend"), &ada, None).await;
    assert_eq!((again.status, again.json()["sent"].clone()), (200, json!(2)), "{}", again.body);
    assert_eq!(Browser::new().get(&link).await.status, 404);
    let link = text(&again.json(), "link").to_owned();
    let listed = call(&world, "GET", "", &ada, None).await;
    assert!(listed.body.contains(&id) && !listed.body.contains("/login/invite/"), "{}", listed.body);
    assert_eq!(call(&world, "DELETE", &format!("/{id}"), &ada, None).await.status, 204);
    assert_eq!(Browser::new().get(&link).await.status, 410);
    assert_eq!(call(&world, "DELETE", &format!("/{id}"), &ada, None).await.status, 409);
    assert_eq!(call(&world, "POST", &format!("/{id}/resend"), &ada, None).await.status, 409);
}

async fn pages_of_invites(backend: Backend) {
    let world = World::with(backend, ADMIN, &[]).await;
    let ada = token(&world, "ada@acme.example").await;
    for n in 0..5 {
        world.clock.advance(1);
        let body = json!({"email": format!("p{n}@acme.example")});
        assert_eq!(call(&world, "POST", "", &ada, Some(body)).await.status, 201);
    }
    let mut seen = Vec::new();
    let mut query = "?limit=2".to_owned();
    loop {
        let page = call(&world, "GET", &query, &ada, None).await.json();
        seen.extend(page["invites"].as_array().unwrap().iter().map(|i| text(i, "email").to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        query = format!("?limit=2&after={next}");
    }
    assert_eq!(seen, ["p4", "p3", "p2", "p1", "p0"].map(|p| format!("{p}@acme.example")));
}

async fn nobody_else_does(backend: Backend) {
    let world = World::with(backend, ADMIN, &[]).await;
    let ada = token(&world, "ada@acme.example").await;
    let bob = token(&world, "bob@acme.example").await;
    let body = json!({"email": "grace@acme.example"});
    let made = call(&world, "POST", "", &ada, Some(body.clone())).await.json();
    let id = text(&made, "id").to_owned();
    for (method, path) in
        [("POST", String::new()), ("GET", String::new()), ("POST", format!("/{id}/resend")), ("DELETE", format!("/{id}"))]
    {
        for (who, status) in [(bob.as_str(), 403), ("junk", 401), ("", 401)] {
            let answer = call(&world, method, &path, who, Some(json!({"email": "x@acme.example"}))).await;
            assert_eq!(answer.status, status, "{method} {path} as {who:?}: {}", answer.body);
        }
        // The cookie alone opens nothing: another origin's page could send it along.
        let cookie = format!("accessToken={ada}");
        let url = format!("{}/api/v1/invites{path}", world.url);
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let headers = [("cookie", cookie.as_str()), ("content-type", "application/json")];
        let answer = Browser::new().send(method, &url, &headers, Some(body.to_string())).await;
        assert_eq!(answer.status, 401, "{path}: {}", answer.body);
    }
    // An invite of another tenant is not there.
    world.sql("UPDATE invites SET tenant_id = (SELECT id FROM tenants WHERE name = 'other')").await;
    assert_eq!(call(&world, "DELETE", &format!("/{id}"), &ada, None).await.status, 404);
    assert_eq!(call(&world, "POST", &format!("/{id}/resend"), &ada, None).await.status, 404);
    assert_eq!(call(&world, "GET", "", &ada, None).await.json()["invites"], json!([]));
    assert_eq!(world.sql("UPDATE invites SET revoked_at = NULL WHERE revoked_at IS NULL AND sent = 1").await, 1, "untouched");
}

async fn what_is_not_understood_is_refused(backend: Backend) {
    let world = World::with(backend, ADMIN, &[]).await;
    let ada = token(&world, "ada@acme.example").await;
    for (body, status, words) in [
        (json!({}), 400, "email"),
        (json!({"email": "no address"}), 400, "plain e-mail address"),
        (json!({"email": "x@acme.example", "admin": true}), 400, "admin"),
        (json!({"email": "x@acme.example", "teams": ["sres"]}), 400, "did you mean sre?"),
        (json!({"email": "x@acme.example", "teams": ["\u{0}"]}), 400, "NUL"),
        (json!({"email": "x@acme.example", "expires_in": 1}), 400, "at least a minute"),
        (json!({"email": "bob@acme.example"}), 409, "is a user of this tenant already"),
    ] {
        let answer = call(&world, "POST", "", &ada, Some(body.clone())).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
        assert!(answer.body.contains(words), "{words}: {}", answer.body);
    }
    for query in ["?limit=0", "?limit=101", "?limit=x", "?limit=1&limit=2"] {
        assert_eq!(call(&world, "GET", query, &ada, None).await.status, 400, "{query}");
    }
    for id in ["nobody", "%00"] {
        assert_eq!(call(&world, "DELETE", &format!("/{id}"), &ada, None).await.status, 404, "{id}");
    }
}

async fn with_a_relay_no_link_is_shown(backend: Backend) {
    let relay = Relay::start(Knobs::default()).await;
    let url = relay.url("", "tls=none");
    let world = World::with(backend, ADMIN, &[("SMTP_URL", &url), ("MAIL_FROM", "sso@acme.example")]).await;
    let ada = token(&world, "ada@acme.example").await;
    let answer = call(&world, "POST", "", &ada, Some(json!({"email": "grace@acme.example"}))).await;
    assert!(answer.status == 201 && !answer.body.contains("link"), "{}", answer.body);
    mail::send(&world).await;
    assert!(relay.mails()[0].raw.contains("Ada (ada@acme.example)"));
    let listed = call(&world, "GET", "", &ada, None).await.json();
    assert!(listed["invites"][0]["sent_at"].is_string(), "{listed}");
}

async fn the_command_line_does_the_same(backend: Backend) {
    let world = World::with(backend, ADMIN, &[]).await;
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_gatehouse"))
            .arg("invites")
            .args(args)
            .env_clear()
            .env("GATEHOUSE_PUBLIC_URL", &world.url)
            .env("GATEHOUSE_DATABASE_URL", &world.app.settings.database_url)
            .env("GATEHOUSE_KEYS_DIR", world.dir.path().join("keys"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    let create = ["create", "--tenant", "acme", "--name", "Grace", "--team", "sre", "grace@acme.example"];
    let (code, out, err) = run(&create);
    assert_eq!(code, 0, "{err}");
    let link = out.lines().last().unwrap();
    assert!(link.starts_with(&format!("{}/login/invite/", world.url)), "{out}");
    let (code, _, err) = run(&create);
    assert!(code == 1 && err.contains("has an open invite"), "{err}");
    let (code, out, _) = run(&["list", "--tenant", "acme"]);
    assert!(code == 0 && out.contains("grace@acme.example") && out.contains("open") && !out.contains("/login/invite/"), "{out}");
    let (code, out, _) = run(&["resend", "--tenant", "acme", "grace@acme.example"]);
    assert!(code == 0 && !out.contains(link), "{out}");
    let (code, out, _) = run(&["revoke", "--tenant", "acme", "grace@acme.example"]);
    assert!(code == 0 && out.contains("is revoked"), "{out}");
    for (args, words) in [
        (&["create", "--tenant", "acm", "x@acme.example"][..], "did you mean acme?"),
        (&["create", "--tenant", "acme", "ada@acme.example"], "is a user of this tenant already"),
        (&["revoke", "--tenant", "acme", "nobody@acme.example"], "has no invite"),
        (&["revoke", "--tenant", "acme", "grace@acme.example"], "is revoked"),
    ] {
        let (code, _, err) = run(args);
        assert!(code == 1 && err.contains(words), "{args:?}: {err}");
    }
    assert_eq!(run(&["create", "--tenant", "acme", "--expires-in", "soon", "x@acme.example"]).0, 2);
}
