//! Two real processes on one database, and a person who is signed in at both: within one second of `active: false`,
//! pushed to one of them, every door of both is shut (P7).

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use gatehouse::{seal::Sealer, store::Db};
use serde_json::json;
use tokio::time::{Duration, Instant};

use crate::{
    browser::{Answer, Browser},
    on_both,
    pushed::Pushed,
    world::{Backend, fresh_database, text},
};

on_both!(out_on_both_nodes_within_a_second);

const STATE: &str = r#"
tenants:
- name: acme
  clients:
  - {client_id: web, secret: web-secret, redirect_uris: ["https://app.example/cb"], trusted: true}
  users:
  - {email: ada@acme.example, password: "correct horse", active: true}
  sites:
  - {name: app, hosts: [site.example], issuers: [gatehouse]}
"#;

/// A process that is killed with the test.
struct Node {
    process: Child,
    url: String,
}

impl Node {
    fn start(dir: &Path, database: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatehouse"));
        command.arg("serve").current_dir(dir).env_clear().stdout(Stdio::piped()).stderr(Stdio::null());
        for (name, value) in [
            ("PUBLIC_URL", "https://sso.example"),
            ("DATABASE_URL", database),
            ("KEYS_DIR", "keys"),
            ("LISTEN", "127.0.0.1:0"),
            ("APPLY", "state.yaml"),
            ("TRUSTED_PROXIES", "127.0.0.1/32"),
        ] {
            command.env(format!("GATEHOUSE_{name}"), value);
        }
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("it does not listen: {line:?}"));
        Self { url: url.to_owned(), process }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A person's browser session and tokens.
struct Person {
    browser: Browser,
    access: String,
    refresh: String,
}

impl Person {
    async fn sign_in(node: &str) -> Self {
        let mut browser = Browser::new();
        let page = browser.get(&authorize(node)).await;
        let at = format!("{node}{}", page.location().unwrap());
        let page = browser.get(&at).await;
        let form = [("csrf", &*page.csrf()), ("email", "ada@acme.example"), ("with", "password")];
        let page = browser.post(&at, &form).await;
        let form = [("csrf", &*page.csrf()), ("email", "ada@acme.example"), ("password", "correct horse")];
        let answer = browser.post(&format!("{at}/password"), &form).await;
        let code = answer.query("code").unwrap_or_else(|| panic!("no code: {} {:?}", answer.status, answer.location()));
        let form = [("grant_type", "authorization_code"), ("code", &*code), ("redirect_uri", "https://app.example/cb")];
        let tokens = ask_token(node, &form).await.json();
        let (access, refresh) = (text(&tokens, "access_token").to_owned(), text(&tokens, "refresh_token").to_owned());
        Self { browser, access, refresh }
    }

    /// Which doors of a node are open.
    async fn doors(&self, node: &str) -> Vec<&'static str> {
        let bearer = format!("Bearer {}", self.access);
        let get = async |path: &str, more: &[(&str, &str)]| {
            let headers = [&[("authorization", bearer.as_str())], more].concat();
            Browser::new().get_with(&format!("{node}{path}"), &headers).await.status == 200
        };
        let original = [("x-original-url", "https://site.example/"), ("x-original-method", "GET")];
        let forwarded = [
            ("x-forwarded-method", "GET"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "site.example"),
            ("x-forwarded-uri", "/"),
        ];
        let account = self.browser.clone().get(&format!("{node}/account")).await;
        let mut open = Vec::new();
        for (door, is) in [
            ("session", account.status == 200 && account.body.contains("ada@acme.example")),
            ("sign-on", self.browser.clone().get(&authorize(node)).await.query("code").is_some()),
            ("whoami", get("/api/v1/whoami", &[]).await),
            ("userinfo", get("/oauth2/userinfo", &[]).await),
            ("auth/request", get("/auth/request", &original).await),
            ("auth/forward", get("/auth/forward", &forwarded).await),
        ] {
            open.extend(is.then_some(door));
        }
        open
    }

    async fn refresh(&self, node: &str) -> Answer {
        ask_token(node, &[("grant_type", "refresh_token"), ("refresh_token", &self.refresh)]).await
    }
}

fn authorize(node: &str) -> String {
    let query =
        "client_id=web&response_type=code&scope=openid%20email%20offline_access&redirect_uri=https%3A%2F%2Fapp.example%2Fcb";
    format!("{node}/oauth2/authorize?{query}&state=s")
}

async fn ask_token(node: &str, form: &[(&str, &str)]) -> Answer {
    Browser::new().post_as(&format!("{node}/oauth2/token"), "web", Some("web-secret"), form).await
}

async fn out_on_both_nodes_within_a_second(backend: Backend) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("state.yaml"), STATE).unwrap();
    let database = fresh_database(backend, &dir).await;
    let (here, there) = (Node::start(dir.path(), &database), Node::start(dir.path(), &database));
    let person = Person::sign_in(&here.url).await;

    let db = Db::connect(&database).await.unwrap();
    let sealer = Sealer::from_dir(&dir.path().join("keys")).unwrap();
    let sql = "SELECT id, tenant_id FROM users WHERE email = 'ada@acme.example'";
    let (user, tenant) = db.optional::<(String, String)>(sql, &[]).await.unwrap().unwrap();
    let pushed = Pushed::link(&db, &sealer, &tenant, &user, "ada@acme.example", 1).await;
    db.close().await;

    let all = ["session", "sign-on", "whoami", "userinfo", "auth/request", "auth/forward"];
    for _ in 0..2 {
        for node in [&here, &there] {
            assert_eq!(person.doors(&node.url).await, all, "open, and warm");
        }
    }
    assert_eq!(pushed.active(&there.url, false).await.status, 200);
    let since = Instant::now();
    for node in [&here, &there] {
        loop {
            let asked = since.elapsed();
            let open = person.doors(&node.url).await;
            if open.is_empty() {
                eprintln!("{backend:?}: shut {} ms after the answer at the latest", asked.as_millis());
                break;
            }
            assert!(asked < Duration::from_secs(1), "{open:?} still open {asked:?} later");
        }
        assert_eq!(person.refresh(&node.url).await.json()["error"], json!("invalid_grant"));
    }
    // In again, as new.
    assert_eq!(pushed.active(&here.url, true).await.status, 200);
    for node in [&here, &there] {
        assert_eq!(person.doors(&node.url).await, [""; 0], "what was ended stays so");
        assert_eq!(person.refresh(&node.url).await.status, 400);
    }
    assert_eq!(Person::sign_in(&there.url).await.doors(&here.url).await, all);
}
