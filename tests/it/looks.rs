//! Nobody's provider is asked while others wait for a turn: what links an identity and has to fetch metadata fetches it before,
//! counted, and what was looked at is judged anew in the turn. That no other route asks within one is held by `outbound` itself,
//! in every test there is.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gatehouse::{policy::email::Email, store::tenants};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    browser::{Answer, Browser},
    on_both,
    publisher::{Document, Publisher},
    saml::{keys::key, provider::Provider},
    world::{Backend, World, text},
};

on_both!(
    a_link_looks_before_its_turn,
    who_is_shut_out_while_they_wait_links_nothing,
    looks_of_links_are_counted,
    a_provider_that_never_answers_keeps_nobody,
);

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn state(url: &str) -> String {
    format!(
        r#"
tenants:
- name: acme
  connections:
  - {{name: corp, enabled: false, saml: {{metadata_url: "{url}"}}}}
  - {{name: twin, enabled: false, saml: {{metadata_url: "{url}"}}}}
  - {{name: plain, enabled: false, oidc: {{issuer: "https://idp.example", client_id: x, client_secret: s}}}}
  users:
  - {{email: ada@acme.example, password: "{}", admin: true}}
  - {{email: kim@acme.example}}
  service_tokens:
  - {{name: bot, token: "{TOKEN}", scopes: [admin]}}
"#,
        crate::admin_pages::PASSWORD
    )
}

struct Scene {
    world: World,
    publisher: Publisher,
}

impl Scene {
    async fn new(backend: Backend) -> Self {
        let idp = Provider::new("idp");
        let certificate = STANDARD.encode(&key(0).rsa_certificate);
        let document = Document { entity_id: idp.entity_id, sso: idp.sso_url, ..Document::of(&[certificate.as_str()]) };
        let publisher = Publisher::start(&document).await;
        Self { world: World::with(backend, &state(publisher.url()), &[]).await, publisher }
    }

    /// Waits until the provider was asked so often.
    async fn seen(&self, times: usize) {
        while self.publisher.seen() < times {
            assert_eq!(Browser::new().get(&format!("{}/healthz", self.world.url)).await.status, 200);
        }
    }

    async fn ada(&self) -> Browser {
        let mut browser = Browser::new();
        let page = browser.get(&format!("{}/login?tenant=acme&to=/account", self.world.url)).await;
        let page = browser.follow(page).await;
        self.world.password(&mut browser, &page, "ada@acme.example", crate::admin_pages::PASSWORD).await;
        browser
    }

    /// Where a page links an identity to Kim, and the form of it.
    async fn form(&self, ada: &mut Browser) -> (String, String) {
        let email = Email::parse("kim@acme.example").unwrap();
        let kim = gatehouse::store::users::find_by_email(&self.world.app.db, &acme(&self.world).await, &email).await.unwrap();
        let url = format!("{}/admin/acme/users/{}/identities", self.world.url, kim.unwrap().id);
        let csrf = ada.get(&url).await.csrf();
        (url, csrf)
    }

    async fn linked(&self) -> usize {
        self.world.app.db.all::<(String,)>("SELECT id FROM identities", &[]).await.unwrap().len()
    }
}

async fn acme(world: &World) -> String {
    tenants::find_by_name(&world.app.db, "acme").await.unwrap().unwrap().id
}

async fn put(world: &World, path: &str, body: Value) -> Answer {
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let url = format!("{}/api/v1/tenants/acme/{path}", world.url);
    Browser::new().send(Method::PUT, &url, &headers, Some(body.to_string())).await
}

async fn link(world: &World, connection: &str) -> Answer {
    put(world, &format!("users/kim@acme.example/identities/{connection}"), json!({"subject": "kim"})).await
}

/// Somebody else's requests, from beginning to end: enough of them for a link that would wait no longer.
async fn others(world: &World) {
    for _ in 0..100 {
        assert_eq!(Browser::new().get(&format!("{}/healthz", world.url)).await.status, 200);
    }
}

async fn a_link_looks_before_its_turn(backend: Backend) {
    let scene = Scene::new(backend).await;
    let world = &scene.world;
    let (mut ada, acme) = (scene.ada().await, acme(world).await);
    let turn = world.app.limits.writes.take(&acme, Duration::ZERO).await.expect("nobody is at it");
    let mut asked = Box::pin(link(world, "corp"));
    tokio::select! {
        biased;
        answer = &mut asked => panic!("it waits for no turn: {} {}", answer.status, answer.body),
        () = async { scene.seen(1).await; others(world).await } => {}
    }
    drop(turn);
    let answer = asked.await;
    assert_eq!(
        (answer.status, text(&answer.json(), "issuer")),
        (201, Provider::new("idp").entity_id.as_str()),
        "{}",
        answer.body
    );

    // The same on the page.
    let (url, csrf) = scene.form(&mut ada).await;
    let turn = world.app.limits.writes.take(&acme, Duration::ZERO).await.expect("nobody is at it");
    let form = [("csrf", csrf.as_str()), ("connection", "twin"), ("subject", "kim")];
    let mut asked = Box::pin(ada.post(&url, &form));
    tokio::select! {
        biased;
        answer = &mut asked => panic!("it waits for no turn: {} {}", answer.status, answer.body),
        () = async { scene.seen(2).await; others(world).await } => {}
    }
    drop(turn);
    let answer = asked.await;
    assert!(answer.status == 303 && answer.location().is_some_and(|to| to.ends_with("done=linked")), "{}", answer.body);
    assert_eq!(scene.linked().await, 2);
}

async fn who_is_shut_out_while_they_wait_links_nothing(backend: Backend) {
    let scene = Scene::new(backend).await;
    let world = &scene.world;
    let (mut ada, acme) = (scene.ada().await, acme(world).await);
    let (url, csrf) = scene.form(&mut ada).await;
    let turn = world.app.limits.writes.take(&acme, Duration::ZERO).await.expect("nobody is at it");
    let form = [("csrf", csrf.as_str()), ("connection", "twin"), ("subject", "kim")];
    let mut asked = Box::pin(async { tokio::join!(link(world, "corp"), ada.post(&url, &form)) });
    tokio::select! {
        biased;
        (one, two) = &mut asked => panic!("they wait for no turn: {} {}", one.status, two.status),
        () = scene.seen(2) => {}
    }
    for sql in ["UPDATE service_tokens SET enabled = FALSE", "UPDATE users SET admin = FALSE"] {
        assert!(world.sql(sql).await > 0, "{sql}");
    }
    drop(turn);
    let (one, two) = asked.await;
    assert_eq!((one.status, two.status, scene.linked().await), (401, 403, 0), "{} {}", one.body, two.body);
}

async fn looks_of_links_are_counted(backend: Backend) {
    let scene = Scene::new(backend).await;
    scene.publisher.fall_down();
    let mut asked = 0;
    let refused = loop {
        let answer = link(&scene.world, "corp").await;
        if answer.status == 429 {
            break answer;
        }
        assert_eq!(answer.status, 409, "{}", answer.body);
        asked += 1;
        assert!(asked < 300, "there is no end of looks");
    };
    assert!(asked >= 30 && refused.header("retry-after").is_some(), "{asked}: {}", refused.body);
    // What needs no look is not counted.
    assert_eq!(link(&scene.world, "plain").await.status, 201);
}

/// Its own organisation's changes go on, and so do those of all others.
async fn a_provider_that_never_answers_keeps_nobody(backend: Backend) {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/metadata", silent.local_addr().unwrap());
    let world = World::with(backend, &state(&url), &[]).await;
    let mut asked = Box::pin(link(&world, "corp"));
    let _stream = tokio::select! {
        biased;
        answer = &mut asked => panic!("{} {}", answer.status, answer.body),
        accepted = silent.accept() => accepted.unwrap(),
    };
    let made = tokio::select! {
        biased;
        answer = &mut asked => panic!("{} {}", answer.status, answer.body),
        made = put(&world, "teams/sre", json!({})) => made,
    };
    assert_eq!(made.status, 201, "{}", made.body);
}
