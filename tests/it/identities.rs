//! Identities by an operator's word: who may link one to whom, what it opens, and what ends when it is taken away. A link is
//! a way in, so each refusal stands beside the same deed by somebody who may.

use gatehouse::{
    identity_link,
    policy::email::Email,
    store::{connections, tenants, users},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    browser::{Answer, Browser},
    idp::Idp,
    on_both,
    sso::{Sso, oidc},
    world::{Backend, actor, decode, text},
};

on_both!(
    whoever_is_linked_signs_in_until_they_are_not,
    nobody_links_a_way_into_who_is_above_them,
    the_room_crosses_no_tenant_by_itself,
    an_identity_has_one_user,
    the_issuer_is_the_connections_own,
    what_a_directory_says_of_others_stays,
    what_ends_is_said_before,
    a_sign_in_under_way_does_not_outlive_the_link,
    a_page_links_and_unlinks,
    the_command_line_links_and_unlinks,
);

const PASSWORD: &str = "correct horse battery";

fn state(idp: &Idp) -> String {
    format!(
        r#"
tenants:
- name: acme
  display_name: Acme
  domains: [acme.example]
  provisioning: invite
  connections:
  - {{name: okta, button_text: Sign in with Okta, oidc: {oidc}}}
  - {{name: entra, preset: entra, enabled: false, oidc: {{issuer: "https://login.microsoftonline.com/common/v2.0", client_id: c, client_secret: s, allowed_tenants: ["11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"]}}}}
  clients:
  - {{client_id: web, secret: web-secret, redirect_uris: ["https://app.example/cb"], trusted: true, admin_api: true}}
  users:
  - {{email: ada@acme.example, password: "{PASSWORD}", admin: true}}
  - {{email: bob@acme.example, password: "{PASSWORD}"}}
  - {{email: kim@acme.example}}
  - {{email: zoe@acme.example, admin: true}}
  - {{email: root@acme.example, password: "{PASSWORD}"}}
  directories:
  - {{name: people, connection: okta}}
  service_tokens:
  - {{name: narrow, token: "narrow-0123456789abcdef0123456789abcdef", scopes: ["users:write", "users:read"]}}
  - {{name: reads, token: "reads-0123456789abcdef0123456789abcdef", scopes: ["users:read"]}}
- name: other
  connections:
  - {{name: theirs, oidc: {oidc}}}
  users:
  - {{email: eve@other.example}}
"#,
        oidc = oidc(idp)
    )
}

struct Desk {
    sso: Sso,
    ada: String,
    root: String,
}

impl std::ops::Deref for Desk {
    type Target = Sso;

    fn deref(&self) -> &Sso {
        &self.sso
    }
}

impl Desk {
    async fn new(backend: Backend) -> Self {
        let sso = Sso::made(backend, state).await;
        let desk = Self { sso, ada: String::new(), root: String::new() };
        users::set_platform(&desk.app.db, &desk.id("root@acme.example").await, true, desk.clock.now()).await.unwrap();
        let (ada, root) = (desk.password_token("ada@acme.example").await, desk.password_token("root@acme.example").await);
        Self { ada, root, ..desk }
    }

    async fn id(&self, email: &str) -> String {
        let tenant = tenants::find_by_name(&self.app.db, "acme").await.unwrap().unwrap();
        users::find_by_email(&self.app.db, &tenant.id, &Email::parse(email).unwrap()).await.unwrap().unwrap().id
    }

    async fn password_token(&self, email: &str) -> String {
        let url = self.admin_url("web");
        let mut browser = Browser::new();
        let page = browser.get(&url).await;
        let page = browser.follow(page).await;
        let answer = self.password(&mut browser, &page, email, PASSWORD).await;
        text(&self.tokens_of(&browser.follow(answer).await).await, "access_token").to_owned()
    }

    async fn ask(&self, token: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("authorization", bearer.as_str())];
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        let url = format!("{}/api/v1/tenants/{path}", self.url);
        Browser::new().send(method, &url, &headers, body.map(|body| body.to_string())).await
    }

    async fn link(&self, token: &str, user: &str, subject: &str) -> Answer {
        let path = format!("acme/users/{user}/identities/okta");
        self.ask(token, Method::PUT, &path, Some(json!({"subject": subject}))).await
    }

    async fn unlink(&self, token: &str, user: &str) -> Answer {
        self.ask(token, Method::DELETE, &format!("acme/users/{user}/identities/okta?confirm=okta"), None).await
    }

    /// Whom somebody at the provider signs in as, whose address nobody believes.
    async fn stranger(&self, subject: &str) -> Option<String> {
        self.person(subject, "somebody@elsewhere.example");
        self.idp.person(|p| p["email_verified"] = json!(false));
        let answer = self.fresh().await;
        answer.query("code")?;
        Some(text(&decode(text(&self.tokens_of(&answer).await, "id_token")).1, "sub").to_owned())
    }

    async fn log(&self, action: &str) -> Vec<Value> {
        let url = format!("{}/api/v1/audit?tenant=acme&action={action}", self.url);
        let bearer = format!("Bearer {}", self.root);
        let answer = Browser::new().get_with(&url, &[("authorization", &bearer)]).await;
        answer.json()["entries"].as_array().unwrap().clone()
    }
}

async fn whoever_is_linked_signs_in_until_they_are_not(backend: Backend) {
    let desk = Desk::new(backend).await;
    assert_eq!(desk.stranger("idp|kim").await, None, "an address that nobody believes opens nothing");
    let answer = desk.link(&desk.ada, "kim@acme.example", "idp|kim").await;
    assert_eq!((answer.status, text(&answer.json(), "issuer")), (201, desk.idp.issuer()), "{}", answer.body);
    let again = desk.link(&desk.ada, "kim@acme.example", "idp|kim").await;
    assert_eq!(again.status, 200, "it is theirs: {}", again.body);
    let told = desk.ask(&desk.ada, Method::GET, "acme/users/kim@acme.example/identities", None).await.json();
    assert_eq!(told["identities"][0]["last_seen_at"], Value::Null, "nobody has signed in with it yet: {told}");
    let kim = desk.id("kim@acme.example").await;
    let answer = desk.fresh().await;
    let tokens = desk.tokens_of(&answer).await;
    assert_eq!(text(&decode(text(&tokens, "id_token")).1, "sub"), kim);
    let told = desk.ask(&desk.ada, Method::GET, "acme/users/kim@acme.example/identities", None).await.json();
    assert!(told["identities"][0]["last_seen_at"].is_string(), "{told}");
    assert_eq!(desk.userinfo(text(&tokens, "access_token")).await.status, 200);

    let answer = desk.unlink(&desk.ada, "kim@acme.example").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let receipt = &answer.json()["receipt"];
    assert_eq!((&receipt["ended"]["sessions"], &receipt["ended"]["token_families"]), (&json!(1), &json!(1)), "{receipt}");
    assert_eq!(desk.userinfo(text(&tokens, "access_token")).await.status, 401, "what was reached by it ends with it");
    assert_ne!(desk.refresh("web", text(&tokens, "refresh_token")).await.status, 200);
    assert_eq!(desk.stranger("idp|kim").await, None);
    assert_eq!(desk.unlink(&desk.ada, "kim@acme.example").await.status, 404, "once");

    let linked = &desk.log("link").await[0];
    assert_eq!((&linked["changes"]["subject"]["is"], &linked["changes"]["by"]["is"]), (&json!("idp|kim"), &json!("hand")));
    assert_eq!((text(linked, "subject"), text(linked, "via")), ("user acme/kim@acme.example", "api"));
    let unlinked = &desk.log("unlink").await[0]["changes"];
    assert_eq!((&unlinked["subject"]["was"], &unlinked["issuer"]["was"]), (&json!("idp|kim"), &json!(desk.idp.issuer())));
    assert_eq!(unlinked["receipt"]["is"], receipt["id"]);
    let receipts = desk.ask(&desk.ada, Method::GET, &format!("acme/users/{kim}/receipts"), None).await.json();
    assert_eq!(receipts["receipts"][0]["cause"], "identity of okta unlinked", "{receipts}");
}

/// Whoever links an identity of their own to somebody becomes them.
async fn nobody_links_a_way_into_who_is_above_them(backend: Backend) {
    let desk = Desk::new(backend).await;
    let narrow = "narrow-0123456789abcdef0123456789abcdef";
    let answer = desk.link(&desk.ada, "root@acme.example", "idp|evil").await;
    assert_eq!((answer.status, text(&answer.json(), "error")), (403, "access_denied"), "{}", answer.body);
    assert_eq!(desk.stranger("idp|evil").await, None);
    assert_eq!(desk.link(&desk.root, "root@acme.example", "idp|root").await.status, 201, "its own kind may");
    assert_eq!(desk.unlink(&desk.ada, "root@acme.example").await.status, 403);
    assert_eq!(desk.link(narrow, "zoe@acme.example", "idp|evil").await.status, 403, "a token that may less than everything");
    assert_eq!(desk.link(&desk.ada, "zoe@acme.example", "idp|zoe").await.status, 201);
    assert_eq!(desk.unlink(narrow, "zoe@acme.example").await.status, 403);
    assert_eq!(desk.link("reads-0123456789abcdef0123456789abcdef", "kim@acme.example", "idp|x").await.status, 403);
    assert_eq!(desk.link(narrow, "kim@acme.example", "idp|kim").await.status, 201);
    assert_eq!(desk.unlink(narrow, "kim@acme.example").await.status, 200);
    // Neither user nor connection of another tenant is there.
    let subject = || Some(json!({"subject": "idp|evil"}));
    for path in ["acme/users/eve@other.example/identities/okta", "acme/users/kim@acme.example/identities/theirs"] {
        for token in [&desk.ada, &desk.root] {
            let answer = desk.ask(token, Method::PUT, path, subject()).await;
            assert_eq!(answer.status, 404, "{path}: {}", answer.body);
        }
    }
    assert_eq!(desk.ask(&desk.ada, Method::PUT, "other/users/eve@other.example/identities/theirs", subject()).await.status, 404);
    let eve = "other/users/eve@other.example/identities/theirs";
    assert_eq!(desk.ask(&desk.root, Method::PUT, eve, subject()).await.status, 201);
    assert_eq!(desk.stranger("idp|evil").await, None, "over a connection of its own");
}

/// Whatever a door hands in.
async fn the_room_crosses_no_tenant_by_itself(backend: Backend) {
    let desk = Desk::new(backend).await;
    let db = &desk.app.db;
    let other = tenants::find_by_name(db, "other").await.unwrap().unwrap();
    let acme = tenants::find_by_name(db, "acme").await.unwrap().unwrap();
    let theirs = connections::find_by_name(db, &other.id, "theirs").await.unwrap().unwrap();
    let own = connections::find_by_name(db, &acme.id, "okta").await.unwrap().unwrap();
    let (kim, actor) = (desk.id("kim@acme.example").await, actor());
    let counter = identity_link::Desk { db, sealer: &desk.app.sealer, actor: &actor, may: &|_| true, now: desk.clock.now() };
    let wanted = |connection| identity_link::Wanted { connection, issuer: desk.idp.issuer(), subject: "idp|evil" };
    assert!(matches!(counter.link(&kim, &wanted(&theirs)).await, Err(identity_link::Refused::Missing)));
    assert!(counter.link(&kim, &wanted(&own)).await.unwrap());
}

async fn an_identity_has_one_user(backend: Backend) {
    let desk = Desk::new(backend).await;
    assert_eq!(desk.link(&desk.ada, "kim@acme.example", "idp|kim").await.status, 201);
    let taken = desk.link(&desk.ada, "bob@acme.example", "idp|kim").await;
    assert!(taken.status == 409 && taken.body.contains("kim@acme.example has this identity already"), "{}", taken.body);
    let second = desk.link(&desk.ada, "kim@acme.example", "idp|two").await;
    assert!(second.status == 409 && second.body.contains("on this connection already"), "{}", second.body);
    assert_eq!(desk.stranger("idp|kim").await, Some(desk.id("kim@acme.example").await));
    // Let go by the one, it is the other's.
    assert_eq!(desk.unlink(&desk.ada, "kim@acme.example").await.status, 200);
    assert_eq!(desk.link(&desk.ada, "bob@acme.example", "idp|kim").await.status, 201);
    assert_eq!(desk.stranger("idp|kim").await, Some(desk.id("bob@acme.example").await));
    for evil in ["", "a\u{7}b", &"x".repeat(513)] {
        assert_eq!(desk.link(&desk.ada, "kim@acme.example", evil).await.status, 400, "{evil:?}");
    }
    assert_eq!(desk.link(&desk.ada, "kim@acme.example", &"x".repeat(512)).await.status, 201);
}

async fn the_issuer_is_the_connections_own(backend: Backend) {
    let desk = Desk::new(backend).await;
    let put = async |connection: &str, issuer: &str| {
        let path = format!("acme/users/kim@acme.example/identities/{connection}");
        desk.ask(&desk.ada, Method::PUT, &path, Some(json!({"subject": "idp|kim", "issuer": issuer}))).await
    };
    for evil in ["https://evil.example", "https://accounts.google.com", "https://login.microsoftonline.com/common/v2.0"] {
        assert_eq!(put("okta", evil).await.status, 400, "{evil}");
        assert_eq!(put("entra", evil).await.status, 400, "{evil}");
    }
    let several = put("entra", "").await;
    assert!(several.status == 400 && several.body.contains("22222222-2222-2222-2222-222222222222/v2.0"), "{}", several.body);
    let one = "https://login.microsoftonline.com/22222222-2222-2222-2222-222222222222/v2.0";
    let answer = put("entra", one).await;
    assert_eq!((answer.status, text(&answer.json(), "issuer")), (201, one), "{}", answer.body);
    assert_eq!(put("okta", desk.idp.issuer()).await.status, 201);
}

async fn what_a_directory_says_of_others_stays(backend: Backend) {
    let desk = Desk::new(backend).await;
    for (id, external, user, active) in [
        ("of-bob", "idp|bob", "(SELECT id FROM users WHERE email = 'bob@acme.example')", "TRUE"),
        ("out", "idp|out", "NULL", "FALSE"),
        ("free", "idp|free", "NULL", "TRUE"),
    ] {
        let sql = format!(
            "INSERT INTO directory_users (id, directory_id, user_id, made_user, user_name, external_id, active, resource, version, \
             created_at, updated_at) SELECT '{id}', id, {user}, FALSE, '{id}', '{external}', {active}, '{{\"externalId\": \"{external}\", \"userName\": \"{id}\"}}', 1, 1, 1 \
             FROM directories WHERE name = 'people'"
        );
        assert_eq!(desk.sql(sql.leak()).await, 1);
    }
    for refused in ["idp|bob", "idp|out"] {
        let answer = desk.link(&desk.ada, "kim@acme.example", refused).await;
        assert!(answer.status == 409 && answer.body.contains("a directory of the connection"), "{refused}: {}", answer.body);
    }
    // A directory that is switched off says it none the less.
    desk.sql("UPDATE directories SET enabled = FALSE").await;
    assert_eq!(desk.link(&desk.ada, "kim@acme.example", "idp|bob").await.status, 409);
    desk.sql("UPDATE directories SET enabled = TRUE").await;
    assert_eq!(desk.link(&desk.ada, "bob@acme.example", "idp|bob").await.status, 201, "who it says that it is");
    // Whom it knows and nobody stands for, becomes the user, as with a sign-in.
    assert_eq!(desk.link(&desk.ada, "kim@acme.example", "idp|free").await.status, 201);
    let told = desk.ask(&desk.ada, Method::GET, "acme/users/kim@acme.example/identities", None).await.json();
    assert_eq!(told["directories"][0]["external_id"], "idp|free", "{told}");
}

async fn what_ends_is_said_before(backend: Backend) {
    let desk = Desk::new(backend).await;
    let path = "acme/users/kim@acme.example/identities/okta";
    desk.link(&desk.ada, "kim@acme.example", "idp|kim").await;
    let kim = desk.stranger("idp|kim").await;
    assert!(kim.is_some());
    for query in ["", "?confirm=", "?confirm=entra"] {
        let answer = desk.ask(&desk.ada, Method::DELETE, &format!("{path}{query}"), None).await;
        assert_eq!(answer.status, 409, "{query}: {}", answer.body);
        let lost = answer.json()["lost"].to_string();
        assert!(lost.contains("1 browser session") && lost.contains("1 sign-in at an application"), "{lost}");
    }
    assert_eq!(desk.stranger("idp|kim").await, kim, "nothing has changed");
    assert_eq!(desk.unlink(&desk.ada, "kim@acme.example").await.status, 200);
    // Where nothing ends there is nothing to ask.
    desk.link(&desk.ada, "kim@acme.example", "idp|kim").await;
    assert_eq!(desk.ask(&desk.ada, Method::DELETE, path, None).await.status, 200);
}

/// Somebody who is at the provider while their identity is taken away comes back to nothing.
async fn a_sign_in_under_way_does_not_outlive_the_link(backend: Backend) {
    let desk = Desk::new(backend).await;
    desk.link(&desk.ada, "kim@acme.example", "idp|kim").await;
    desk.stranger("idp|kim").await;
    let mut browser = Browser::new();
    let departure = desk.depart(&mut browser, &desk.authorize_url("web", &[])).await;
    let back = desk.back(&departure).await;
    assert_eq!(desk.unlink(&desk.ada, "kim@acme.example").await.status, 200);
    let answer = browser.get(&back).await;
    assert_eq!((answer.status, answer.query("code")), (403, None), "{}", answer.body);
}

async fn a_page_links_and_unlinks(backend: Backend) {
    let desk = Desk::new(backend).await;
    let browse = async |email: &str| {
        let mut browser = Browser::new();
        let page = browser.get(&format!("{}/login?tenant=acme&to=/account", desk.url)).await;
        let page = browser.follow(page).await;
        desk.password(&mut browser, &page, email, PASSWORD).await;
        browser
    };
    let mut ada = browse("ada@acme.example").await;
    let at = |path: &str| format!("{}{path}", desk.url);
    let kim = format!("/admin/acme/users/{}", desk.id("kim@acme.example").await);
    let page = ada.get(&at(&kim)).await;
    assert!(page.body.contains(&format!("href=\"{kim}/identities\"")), "{}", page.body);
    let form = ada.get(&at(&format!("{kim}/identities"))).await;
    assert!(form.body.contains("<option>okta</option>") && !form.body.contains("theirs"), "{}", form.body);
    let csrf = form.csrf();
    let send = |fields: &[(&'static str, &'static str)]| {
        let mut all = vec![("csrf".to_owned(), csrf.clone())];
        all.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        all
    };
    let post = async |browser: &mut Browser, path: &str, fields: Vec<(String, String)>| {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        browser.post(&at(path), &fields).await
    };
    let to = format!("{kim}/identities");
    for (fields, words) in [
        (vec![("connection", "theirs"), ("subject", "idp|kim")], "There is no such connection."),
        (vec![("connection", "okta"), ("subject", "")], "The unique id must be 1 to 512 bytes"),
        (vec![("connection", "entra"), ("subject", "x")], "say which"),
        (vec![("connection", "okta"), ("subject", "x"), ("issuer", "https://evil.example")], "and no other issuer"),
    ] {
        let answer = post(&mut ada, &to, send(&fields)).await;
        assert!(answer.status == 422 && answer.body.contains(words), "{words}: {} {}", answer.status, answer.body);
    }
    let answer = post(&mut ada, &to, send(&[("connection", "okta"), ("subject", " idp|kim ")])).await;
    assert_eq!(answer.location(), Some(format!("{kim}?done=linked").as_str()), "{}", answer.body);
    let page = ada.get(&at(&kim)).await;
    assert!(page.body.contains("idp|kim") && page.body.contains("Not yet"), "{}", page.body);
    assert_eq!(desk.stranger("idp|kim").await, Some(desk.id("kim@acme.example").await));

    let unlink = format!("{kim}/identities/okta/unlink");
    let ask = ada.get(&at(&unlink)).await;
    assert!(ask.body.contains("Ends at once: 1 browser session."), "{}", ask.body);
    assert_eq!(desk.stranger("idp|kim").await, Some(desk.id("kim@acme.example").await), "a question takes nothing away");
    let answer = post(&mut ada, &unlink, send(&[])).await;
    assert_eq!(answer.location(), Some(format!("{kim}?done=unlinked").as_str()), "{}", answer.body);
    assert_eq!(desk.stranger("idp|kim").await, None);
    assert_eq!(ada.get(&at(&unlink)).await.status, 404);
    // Not into the deployment's own administrator.
    let root = format!("/admin/acme/users/{}/identities", desk.id("root@acme.example").await);
    let answer = post(&mut ada, &root, send(&[("connection", "okta"), ("subject", "idp|evil")])).await;
    assert_eq!(answer.status, 403, "{}", answer.body);
    assert_eq!(desk.stranger("idp|evil").await, None);
    let mut above = browse("root@acme.example").await;
    let csrf = above.get(&at(&root)).await.csrf();
    let fields = [("csrf", csrf.as_str()), ("connection", "okta"), ("subject", "idp|root")];
    assert_eq!(above.post(&at(&root), &fields).await.status, 303);
    let answer = post(&mut ada, &format!("{root}/okta/unlink"), send(&[])).await;
    assert_eq!(answer.status, 403, "{}", answer.body);
}

async fn the_command_line_links_and_unlinks(backend: Backend) {
    let desk = Desk::new(backend).await;
    let run = async |args: &[&str]| {
        let all: Vec<&str> = ["users"].iter().chain(args).copied().collect();
        desk.command(&all).await
    };
    let kim = ["kim@acme.example", "okta"];
    let (code, out) = run(&["link-identity", kim[0], kim[1], "--subject", "idp|kim"]).await;
    assert!(code == 0 && out.contains("is kim@acme.example from now on"), "{out}");
    let (code, out) = run(&["link-identity", "bob@acme.example", "okta", "--subject", "idp|kim"]).await;
    assert!(code == 1 && out.contains("kim@acme.example has this identity already"), "{out}");
    let (_, out) = run(&["show", kim[0]]).await;
    assert!(out.contains("idp|kim by") && out.contains("never seen"), "{out}");
    assert_eq!(desk.stranger("idp|kim").await, Some(desk.id(kim[0]).await));
    let (code, out) = run(&["unlink-identity", kim[0], kim[1]]).await;
    assert!(code == 1 && out.contains("1 browser session") && out.contains("say --yes"), "{out}");
    assert!(desk.stranger("idp|kim").await.is_some());
    let (code, out) = run(&["unlink-identity", kim[0], kim[1], "--yes"]).await;
    assert!(code == 0 && out.contains("ended: 2 sessions"), "{out}");
    assert_eq!(desk.stranger("idp|kim").await, None);
}
