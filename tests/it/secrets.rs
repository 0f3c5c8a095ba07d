//! Threat Z2: the program as it ships, logging all it can, and then a search of what it wrote for everything usable that
//! went to and fro in a full run.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Read as _},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use gatehouse::clock::Clock;
use serde_json::{Value, json};

use crate::{
    browser::{Answer, Browser},
    idp::{CLIENT_SECRET, Idp, change},
    on_both,
    sso::state,
    world::{Backend, fresh_database, text},
};

on_both!(no_log_line_holds_a_secret);

/// What must not be in the log.
#[derive(Default)]
struct Secrets(BTreeSet<String>);

impl Secrets {
    fn add(&mut self, value: &str) {
        // The signature is what makes a JWT usable; what is shorter than this is a name or a flag.
        let value = if value.matches('.').count() == 2 { value.rsplit('.').next().unwrap() } else { value };
        if value.len() >= 8 {
            self.0.insert(value.to_owned());
        }
    }

    fn of(&mut self, answer: &Answer) {
        for name in ["code", "state", "nonce"] {
            answer.query(name).iter().for_each(|v| self.add(v));
        }
        for line in answer.cookie_lines() {
            let (_, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            value.split('.').for_each(|part| self.add(part));
        }
        if let Ok(Value::Object(body)) = serde_json::from_str(&answer.body) {
            let tokens = body.iter().filter(|(n, _)| n.ends_with("_token"));
            tokens.filter_map(|(_, v)| v.as_str()).for_each(|v| self.add(v));
        }
    }
}

async fn no_log_line_holds_a_secret(backend: Backend) {
    let idp = Idp::start(Clock::system()).await;
    let upstream: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&upstream);
    idp.turn(|k| {
        k.token_response = change(move |answer: &mut Value| {
            let tokens = ["access_token", "id_token"].map(|n| text(answer, n).to_owned());
            kept.lock().unwrap().extend(tokens);
        });
    });
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("state.yaml");
    let more = "  users:\n  - {email: pat@acme.example, password: the-password-of-pat}";
    std::fs::write(&file, state(&idp, "jit", "verified", more)).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://localhost:{port}");
    let database = fresh_database(backend, &dir).await;
    let mut program = Command::new(env!("CARGO_BIN_EXE_gatehouse"))
        .arg("serve")
        .current_dir(dir.path())
        .env_clear()
        .env("RUST_LOG", "trace")
        .env("GATEHOUSE_PUBLIC_URL", &url)
        .env("GATEHOUSE_LISTEN", format!("127.0.0.1:{port}"))
        .env("GATEHOUSE_DATABASE_URL", &database)
        .env("GATEHOUSE_APPLY", &file)
        .env("GATEHOUSE_OUTBOUND_ALLOW", "127.0.0.1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = program.stderr.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        stderr.read_to_string(&mut text).map(|_| text).unwrap()
    });
    let mut out = BufReader::new(program.stdout.take().unwrap());
    let mut ready = String::new();
    out.read_line(&mut ready).unwrap();
    assert!(ready.contains("listening"), "{ready}");
    // Nobody administers this one yet: the link that is printed leads to an address which is a secret.
    let link = out.by_ref().lines().nth(1).unwrap().unwrap();

    let mut secrets = Secrets::default();
    secrets.add(link.rsplit('/').next().unwrap());
    Browser::new().get(&link).await;
    run(&url, &idp, &mut secrets).await;
    invited(&url, &database, dir.path(), &mut secrets).await;
    for seen in idp.seen("/token").iter().chain(&idp.seen("/userinfo")) {
        for name in ["code", "code_verifier", "client_secret", "client_assertion"] {
            seen.form.get(name).iter().for_each(|v| secrets.add(v));
        }
        let authorization = seen.headers.get("authorization").and_then(|v| v.to_str().ok());
        authorization.iter().for_each(|v| secrets.add(v.rsplit(' ').next().unwrap()));
    }
    upstream.lock().unwrap().iter().for_each(|t| secrets.add(t));
    [CLIENT_SECRET, "web-secret", "the-password-of-pat"].iter().for_each(|s| secrets.add(s));
    secrets.add(std::fs::read_to_string(dir.path().join("keys/master.key")).unwrap().trim());

    program.kill().unwrap();
    program.wait().unwrap();
    let log = reader.join().unwrap();
    assert!(
        log.contains("TRACE") && log.contains("page error") && log.contains("user created"),
        "it does log: {} bytes",
        log.len()
    );
    assert!(secrets.0.len() > 40, "the run had secrets: {}", secrets.0.len());
    for secret in &secrets.0 {
        if let Some(line) = log.lines().find(|line| line.contains(secret.as_str())) {
            panic!("{secret} is in the log: {line}");
        }
    }
}

/// Somebody follows an invite's link, which is in its own address, and chooses a password.
async fn invited(url: &str, database: &str, dir: &std::path::Path, secrets: &mut Secrets) {
    let made = Command::new(env!("CARGO_BIN_EXE_gatehouse"))
        .args(["invites", "create", "--tenant", "acme", "guest@acme.example"])
        .current_dir(dir)
        .env_clear()
        .env("GATEHOUSE_PUBLIC_URL", url)
        .env("GATEHOUSE_DATABASE_URL", database)
        .output()
        .unwrap();
    let out = String::from_utf8(made.stdout).unwrap();
    let link = out.lines().last().unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&made.stderr)));
    secrets.add(link.rsplit('/').next().unwrap());
    let mut browser = Browser::new();
    let page = browser.get(link).await;
    assert_eq!(page.status, 200, "{}", page.body);
    secrets.add(&page.csrf());
    secrets.add("a-password-of-the-guest");
    for password in ["short", "a-password-of-the-guest"] {
        let answer = browser.post(link, &[("csrf", &page.csrf()), ("password", password)]).await;
        secrets.of(&answer);
    }
    assert_eq!(browser.get(link).await.status, 410);
}

/// Every path that carries something worth stealing, with refusals in between.
async fn run(url: &str, idp: &Idp, secrets: &mut Secrets) {
    let mut browser = Browser::new();
    let authorize = format!(
        "{url}/oauth2/authorize?client_id=web&response_type=code&scope=openid+email+offline_access&state=a-state-of-the-client&nonce=a-nonce-of-the-client&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&idp_hint=okta"
    );
    let departure = browser.get(&authorize).await;
    secrets.of(&departure);
    let back = idp.visit(&url::Url::parse(departure.location().unwrap()).unwrap()).await.0;
    Browser::new().get(back.as_str()).await;
    let answer = browser.get(back.as_str()).await;
    secrets.of(&answer);
    secrets.of(&browser.get(back.as_str()).await);
    let token = format!("{url}/oauth2/token");
    let code = answer.query("code").unwrap();
    let redeem = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", "https://app.example/cb")];
    let wrong = Browser::new().post_as(&token, "web", Some("a-wrong-secret-that-may-be-nearly-right"), &redeem).await;
    assert_eq!(wrong.status, 401);
    secrets.add("a-wrong-secret-that-may-be-nearly-right");
    let tokens = browser.post_as(&token, "web", Some("web-secret"), &redeem).await;
    secrets.of(&tokens);
    let tokens = tokens.json();
    let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    let bearer = format!("Bearer {access}");
    assert_eq!(browser.get_with(&format!("{url}/oauth2/userinfo"), &[("authorization", &bearer)]).await.status, 200);
    let altered = format!("{bearer}x");
    browser.get_with(&format!("{url}/oauth2/userinfo"), &[("authorization", &altered)]).await;
    browser.get(&format!("{url}/oauth2/userinfo?access_token={access}")).await;
    for (path, form) in [
        ("introspect", vec![("token", access)]),
        ("introspect", vec![("token", refresh)]),
        ("token", vec![("grant_type", "refresh_token"), ("refresh_token", refresh)]),
        ("token", vec![("grant_type", "refresh_token"), ("refresh_token", refresh)]),
        ("revoke", vec![("token", refresh)]),
        ("token", redeem.to_vec()),
    ] {
        secrets.of(&browser.post_as(&format!("{url}/oauth2/{path}"), "web", Some("web-secret"), &form).await);
    }
    let hint = text(&tokens, "id_token");
    secrets.of(&browser.get(&format!("{authorize}&prompt=none&id_token_hint={hint}")).await);
    browser.get(&format!("{url}/oauth2/logout?id_token_hint={hint}")).await;

    let mut hop = Browser::new();
    let begin = format!("{url}/api/svc/v1/oauth2/authorize?tenantName=acme&redirectURL=https%3A%2F%2Fapp.example%2Fcb");
    let begun = hop.get(&begin).await;
    secrets.of(&begun);
    let page = hop.get(text(&begun.json(), "authorizationEndpoint")).await;
    let page = hop.follow(page).await;
    secrets.add(&page.csrf());
    let form = [("csrf", page.csrf()), ("email", "pat@acme.example".into()), ("with", "password".into())];
    let form: Vec<_> = form.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let page = hop.post(&page.url, &form).await;
    let action = format!("{}/password", page.url);
    for password in ["a-password-that-is-nearly-right", "the-password-of-pat"] {
        secrets.add(password);
        let form = [("csrf", page.csrf()), ("email", "pat@acme.example".into()), ("password", password.into())];
        let form: Vec<_> = form.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let answer = hop.post(&action, &form).await;
        secrets.of(&answer);
        if let Some(code) = answer.query("code") {
            let mut body = json!({"tenantName": "acme", "grantType": "authorization_code", "code": code, "redirectURI": "https://app.example/cb"});
            for grant in ["authorization_code", "refresh_token"] {
                body["grantType"] = json!(grant);
                let answer = hop.post_json(&format!("{url}/api/svc/v1/oauth2/token"), &[], &body).await;
                assert_eq!(answer.status, 201, "{}", answer.body);
                secrets.of(&answer);
            }
        }
    }
    assert!(hop.cookies["localhost"].contains_key("refreshToken"));
    hop.post_json(&format!("{url}/api/svc/v1/oauth2/logout"), &[], &json!({"tenantName": "acme"})).await;
}
