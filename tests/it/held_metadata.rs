//! Metadata that is held, by page and API: what is shown of it, and that nothing is put in force but what was compared.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gatehouse::store::{connections, provider_metadata as rows, tenants};
use serde_json::{Value, json};

use crate::{
    browser::{Answer, Browser},
    on_both,
    publisher::{Document, Publisher},
    saml::{
        keys::key,
        provider::{Provider, encoded},
        request::AuthnRequest,
        sso_saml::{assert_refused, assert_signed_in, hidden, post},
    },
    trial::signed_in,
    world::{Backend, World},
};

on_both!(
    what_is_accepted_signs_people_in,
    nothing_is_accepted_that_was_not_compared,
    a_page_shows_and_accepts_what_is_held,
    another_tenants_administrator_finds_nothing,
    fetches_are_asked_for_and_counted,
);

const DAY: i64 = 86_400;
const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const READER: &str = "fedcba9876543210fedcba9876543210";

/// A tenant whose provider publishes metadata, and a second one with an administrator of its own.
struct Scene {
    world: World,
    publisher: Publisher,
}

/// The provider's document with the certificates of these keys.
fn document(keys: &[usize]) -> Document {
    let idp = Provider::new("idp");
    let certificates: Vec<String> = keys.iter().map(|n| STANDARD.encode(&key(*n).rsa_certificate)).collect();
    let texts: Vec<&str> = certificates.iter().map(String::as_str).collect();
    Document { entity_id: idp.entity_id, sso: idp.sso_url, ..Document::of(&texts) }
}

impl Scene {
    async fn new(backend: Backend) -> Self {
        let publisher = Publisher::start(&document(&[0])).await;
        let password = crate::admin_pages::PASSWORD;
        let state = format!(
            r#"
tenants:
- name: acme
  domains: [acme.example]
  connections:
  - {{name: corp, email_trust: domain, saml: {{metadata_url: "{}"}}}}
  - {{name: plain, enabled: false, oidc: {{issuer: "https://idp.example", client_id: x}}}}
  clients:
  - {{client_id: web, secret: web-secret, redirect_uris: ["https://app.example/cb"], trusted: true}}
  users:
  - {{email: root@acme.example, password: "{password}", admin: true}}
  service_tokens:
  - {{name: bot, token: "{TOKEN}", scopes: ["connections:write"]}}
  - {{name: looker, token: "{READER}", scopes: ["admin:read"]}}
- name: other
  users:
  - {{email: eve@other.example, password: "{password}", admin: true}}
  service_tokens:
  - {{name: bot, token: "other{}", scopes: [admin]}}
"#,
            publisher.url(),
            &TOKEN[5..]
        );
        let scene = Self { world: World::with(backend, &state, &[]).await, publisher };
        scene.sign_in(0, true).await;
        scene
    }

    /// The provider shows another document, and the background finds it.
    async fn publish(&self, document: &Document) {
        self.publisher.publish(document);
        self.world.clock.advance(DAY);
        self.world.app.providers.refresh_due().await;
    }

    /// The same at once, by somebody's asking.
    async fn publish_now(&self, document: &Document) {
        self.publisher.publish(document);
        let answer = self.api(TOKEN, "POST", "corp/metadata/fetch", None).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// Somebody signs in over the provider with the key `n`, or is refused.
    async fn sign_in(&self, n: usize, passes: bool) {
        let world = &self.world;
        let mut browser = Browser::new();
        let page = browser.get(&world.authorize_url("web", &[])).await;
        let page = browser.follow(page).await;
        let departure = browser.post(&page.url, &[("csrf", &page.csrf()), ("connection", "corp")]).await;
        let request = AuthnRequest::of(&departure);
        let mut idp = Provider::new("idp");
        idp.signer.key = key(n);
        let xml = idp.answer(&request, world.clock.now()).build();
        let answer = post(&mut browser, &request.acs, request.relay_state.as_deref(), &encoded(&xml)).await;
        match passes {
            true => assert_signed_in("by a key in force", &answer),
            false => assert_refused("by another key", &answer),
        }
    }

    async fn api(&self, token: &str, method: &str, rest: &str, body: Option<Value>) -> Answer {
        let url = format!("{}/api/v1/tenants/acme/connections/{rest}", self.world.url);
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("authorization", bearer.as_str())];
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        Browser::new().send(method.parse().unwrap(), &url, &headers, body.map(|body| body.to_string())).await
    }

    async fn shown(&self) -> Value {
        let answer = self.api(TOKEN, "GET", "corp/metadata", None).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    async fn accept(&self, digest: &Value) -> Answer {
        self.api(TOKEN, "POST", "corp/metadata/accept", Some(json!({ "digest": digest }))).await
    }

    async fn version(&self) -> i64 {
        let db = &self.world.app.db;
        let tenant = tenants::find_by_name(db, "acme").await.unwrap().unwrap();
        let connection = connections::find_by_name(db, &tenant.id, "corp").await.unwrap().unwrap();
        rows::find(db, &connection.id).await.unwrap().unwrap().version
    }

    /// What the audit log says was done to the connection, the newest first.
    async fn log(&self) -> Vec<Value> {
        let url = format!("{}/api/v1/audit?tenant=acme&subject=connection%20acme/corp", self.world.url);
        let bearer = format!("Bearer {READER}");
        let answer = Browser::new().send("GET".parse().unwrap(), &url, &[("authorization", bearer.as_str())], None).await;
        answer.json()["entries"].as_array().cloned().unwrap_or_else(|| panic!("{}", answer.body))
    }
}

async fn what_is_accepted_signs_people_in(backend: Backend) {
    let scene = Scene::new(backend).await;
    assert_eq!(scene.shown().await["held"], Value::Null);
    scene.publish(&document(&[1])).await;
    scene.sign_in(1, false).await;
    scene.sign_in(0, true).await;
    let shown = scene.shown().await;
    let (held, in_force) = (&shown["held"], &shown["in_force"]);
    let told: Vec<Value> =
        scene.log().await.iter().map(|entry| json!([entry["changes"]["metadata"]["is"], entry["actor"]])).collect();
    assert_eq!(told[..2], [json!(["held", "gatehouse"]), json!(["taken", "gatehouse"])], "{told:?}");
    let print = |of: &Value| of["certificates"][0]["fingerprint"].clone();
    assert_eq!((&held["added"][0], &held["removed"][0]), (&print(held), &print(in_force)), "{shown}");
    assert!(held["because"].as_str().unwrap().contains("no signing key") && held["since"].is_string(), "{shown}");

    let before = scene.log().await.len();
    assert_eq!(scene.accept(&held["digest"]).await.status, 200);
    scene.sign_in(1, true).await;
    scene.sign_in(0, false).await;
    let shown = scene.shown().await;
    assert_eq!((&shown["held"], print(&shown["in_force"])), (&Value::Null, print(held)), "{shown}");
    let log = scene.log().await;
    assert_eq!(log.len(), before + 1, "{log:?}");
    let entry = &log[0];
    assert_eq!((&entry["actor"], &entry["action"]), (&json!("service token acme/bot"), &json!("update")), "{entry}");
    assert!(entry.to_string().contains(print(held).as_str().unwrap()), "{entry}");
    assert_eq!(scene.accept(&held["digest"]).await.status, 409, "once");
    assert_eq!(scene.log().await.len(), log.len(), "what was not done is not told");
}

async fn nothing_is_accepted_that_was_not_compared(backend: Backend) {
    let scene = Scene::new(backend).await;
    scene.publish(&document(&[1])).await;
    let seen = scene.shown().await["held"].clone();
    // The same, to be kept longer, is the same.
    scene.publish(&Document { attributes: "cacheDuration=\"PT2H\"".into(), ..document(&[1]) }).await;
    let again = scene.shown().await["held"].clone();
    assert_eq!((&again["digest"], &again["since"]), (&seen["digest"], &seen["since"]));
    let elsewhere = Document { sso: "https://evil.example/sso".into(), ..document(&[1]) };
    for (what, other) in [("another key", document(&[2])), ("another address", elsewhere)] {
        scene.publish(&other).await;
        let answer = scene.accept(&seen["digest"]).await;
        assert_eq!(answer.status, 409, "{what}: {}", answer.body);
        scene.sign_in(0, true).await;
        assert_ne!(scene.shown().await["held"]["since"], seen["since"], "{what}: another one since");
    }
    for wrong in [json!(""), json!("0"), seen["added"][0].clone()] {
        assert_eq!(scene.accept(&wrong).await.status, 409, "{wrong}");
    }
    assert_eq!(scene.api(TOKEN, "POST", "corp/metadata/accept", Some(json!({}))).await.status, 400);
    assert_eq!(scene.version().await, 1);
    // The honest twin.
    scene.publish(&document(&[1])).await;
    assert_eq!(scene.accept(&scene.shown().await["held"]["digest"]).await.status, 200);
    scene.sign_in(1, true).await;
}

async fn a_page_shows_and_accepts_what_is_held(backend: Backend) {
    let scene = Scene::new(backend).await;
    let (world, page) = (&scene.world, format!("{}/admin/acme/connections/corp/metadata", scene.world.url));
    let mut root = signed_in(world, "acme", "root@acme.example").await;
    let nothing = root.get(&page).await;
    assert!(nothing.status == 200 && !nothing.body.contains("New metadata waits"), "{}", nothing.body);
    scene.publish_now(&document(&[1])).await;
    let shown = scene.shown().await;
    let form = root.get(&page).await;
    for of in ["held", "in_force"] {
        let fingerprint = shown[of]["certificates"][0]["fingerprint"].as_str().unwrap();
        assert!(form.body.contains(fingerprint), "{of}: {}", form.body);
    }
    // Who opens the administration is led there.
    let to = "/admin/acme/connections/corp/metadata";
    for from in ["", "/connections", "/connections/corp"] {
        let answer = root.get(&format!("{}/admin/acme{from}", world.url)).await;
        assert!(answer.body.contains(&format!("href=\"{to}\"")), "{from}: {}", answer.body);
    }
    let fields = hidden(&form.body);
    let field = |name: &str| fields.iter().find(|(n, _)| n == name).unwrap().1.clone();
    let (csrf, digest) = (field("csrf"), field("digest"));
    let accept = format!("{page}/accept");
    // Another document comes while somebody compares.
    scene.publish_now(&document(&[2])).await;
    let late = root.post(&accept, &[("csrf", &csrf), ("digest", &digest)]).await;
    assert!(late.status == 409 && late.body.contains("Compare it anew"), "{}", late.body);
    assert_eq!(root.post(&accept, &[("csrf", "x"), ("digest", &digest)]).await.status, 403, "a form of ours alone");
    scene.sign_in(0, true).await;
    let digest = hidden(&late.body).into_iter().find(|(n, _)| n == "digest").unwrap().1;
    let done = root.post(&accept, &[("csrf", &csrf), ("digest", &digest)]).await;
    assert_eq!((done.status, done.location()), (303, Some(format!("{to}?done=in-force").as_str())), "{}", done.body);
    scene.sign_in(2, true).await;
    let overview = root.get(&format!("{}/admin/acme", world.url)).await;
    assert!(!overview.body.contains(to), "{}", overview.body);
    let entry = &scene.log().await[0];
    assert!(entry["actor"].as_str().unwrap().contains("root@acme.example"), "{entry}");
    for (what, path) in [("OpenID Connect", "plain"), ("nothing", "none"), ("no name", "%00")] {
        assert_eq!(root.get(&format!("{}/admin/acme/connections/{path}/metadata", world.url)).await.status, 404, "{what}");
    }
}

async fn another_tenants_administrator_finds_nothing(backend: Backend) {
    let scene = Scene::new(backend).await;
    scene.publish(&document(&[1])).await;
    let digest = scene.shown().await["held"]["digest"].clone();
    let theirs = format!("other{}", &TOKEN[5..]);
    let body = Some(json!({ "digest": digest }));
    let accept = "corp/metadata/accept";
    for (method, rest, body) in
        [("GET", "corp/metadata", None), ("POST", accept, body.clone()), ("POST", "corp/metadata/fetch", None)]
    {
        assert_eq!(scene.api(&theirs, method, rest, body).await.status, 404, "{method} {rest}");
    }
    let mut eve = signed_in(&scene.world, "other", "eve@other.example").await;
    let csrf = eve.get(&format!("{}/admin/other/settings", scene.world.url)).await.csrf();
    let page = format!("{}/admin/acme/connections/corp/metadata", scene.world.url);
    assert_eq!(eve.get(&page).await.status, 404);
    let sent = eve.post(&format!("{page}/accept"), &[("csrf", &csrf), ("digest", digest.as_str().unwrap())]).await;
    assert_eq!(sent.status, 404);
    // Who may only look may not accept.
    assert_eq!(scene.api(READER, "GET", "corp/metadata", None).await.status, 200);
    assert_eq!(scene.api(READER, "POST", accept, body.clone()).await.status, 403);
    assert_eq!(scene.version().await, 1);
    assert_eq!(scene.api(TOKEN, "POST", accept, body).await.status, 200, "the honest twin");
    for rest in ["plain/metadata", "none/metadata", "%00/metadata"] {
        assert_eq!(scene.api(TOKEN, "GET", rest, None).await.status, 404, "{rest}");
    }
}

async fn fetches_are_asked_for_and_counted(backend: Backend) {
    let scene = Scene::new(backend).await;
    let seen = scene.publisher.seen();
    let fetch = async || scene.api(TOKEN, "POST", "corp/metadata/fetch", None).await;
    assert_eq!(fetch().await.json()["outcome"], "unchanged");
    scene.publisher.publish(&document(&[0, 1]));
    assert_eq!(fetch().await.json()["outcome"], "changed", "a key in force vouches for it");
    let changed = scene.log().await.remove(0);
    assert_eq!((&changed["changes"]["metadata"]["is"], &changed["actor"]), (&json!("changed"), &json!("service token acme/bot")));
    scene.sign_in(1, true).await;
    scene.publisher.publish(&document(&[2]));
    let held = fetch().await.json();
    assert_eq!((&held["outcome"], held["held"].is_object()), (&json!("held"), true), "{held}");
    scene.publisher.fall_down();
    let failed = fetch().await.json();
    assert!(failed["outcome"] == "failed" && failed["failure"].as_str().unwrap().contains("status 503"), "{failed}");
    assert!(failed["held"].is_object() && !failed.to_string().contains("secret-of-the-page"), "{failed}");
    assert_eq!(scene.publisher.seen(), seen + 4);
    let mut root = signed_in(&scene.world, "acme", "root@acme.example").await;
    let page = format!("{}/admin/acme/connections/corp/metadata", scene.world.url);
    let csrf = root.get(&page).await.csrf();
    let sent = root.post(&format!("{page}/fetch"), &[("csrf", &csrf)]).await;
    assert!(sent.location().is_some_and(|to| to.ends_with("?done=not-fetched")), "{} {}", sent.status, sent.body);
    // Nobody makes us call without end.
    let mut answers = Vec::new();
    for _ in 0..200 {
        answers.push(fetch().await.status);
        if answers.last() == Some(&429) {
            break;
        }
    }
    assert_eq!(answers.last(), Some(&429), "{answers:?}");
}
