//! What stands in the audit log of whatever was done: one entry a thing, with who it was; and who may read it.

use gatehouse::{
    admin_link, apply,
    policy::{directory::DirectorySettings, email::Email},
    store::{
        self,
        audit::{self, Entry, Filter},
    },
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    browser::{Answer, Browser},
    on_both,
    scim::{FAST, pusher},
    world::{Backend, World, actor, decode, text},
};

on_both!(
    what_administrators_do,
    what_a_directory_does,
    what_a_file_does,
    keys_and_the_first_start,
    an_invite_becomes_a_user,
    wrong_passwords_of_administrators,
    administrators_read_their_own,
    what_is_not_understood_is_refused,
    lines_are_all_there_is,
    an_entry_says_by_which_token,
);

const STATE: &str = r#"
tenants:
- name: acme
  domains: [acme.example]
  clients:
  - {client_id: web, secret: web-secret, redirect_uris: ["https://app.example/cb"], trusted: true, admin_api: true}
  users:
  - {email: ada@acme.example, name: Ada, password: "correct horse", admin: true, active: true}
  - {email: bob@acme.example, password: "correct horse", active: true}
- name: other
  clients:
  - {client_id: other-web, secret: other-secret, redirect_uris: ["https://other.example/cb"], trusted: true, admin_api: true}
  users:
  - {email: carl@other.example, password: "correct horse", admin: true, active: true}
"#;

async fn tokens(world: &World, client: &str, email: &str) -> Value {
    // Bob administers nothing.
    let url = if email.starts_with("bob") { world.authorize_url(client, &[]) } else { world.admin_url(client) };
    let answer = world.sign_in(&mut Browser::new(), &url, email, "correct horse").await;
    let answer = world.redeem(client, &answer.query("code").unwrap()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

async fn call(
    world: &World,
    method: Method,
    path: &str,
    tokens: &Value,
    headers: &[(&str, &str)],
    body: Option<Value>,
) -> Answer {
    let bearer = format!("Bearer {}", text(tokens, "access_token"));
    let mut all = vec![("authorization", bearer.as_str()), ("content-type", "application/json")];
    all.extend_from_slice(headers);
    Browser::new().send(method, &format!("{}/api/v1/{path}", world.url), &all, body.map(|b| b.to_string())).await
}

async fn post(world: &World, tokens: &Value, path: &str, body: Value) -> Answer {
    call(world, Method::POST, path, tokens, &[], Some(body)).await
}

async fn read(world: &World, tokens: &Value, query: &str) -> Value {
    let answer = call(world, Method::GET, &format!("audit{query}"), tokens, &[], None).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")), "{}", answer.body);
    answer.json()
}

/// What was written since, and that it all fits.
async fn since(world: &World, last: i64) -> Vec<Entry> {
    audit::verify(&world.app.db, &world.app.sealer).await.unwrap().unwrap();
    audit::following(&world.app.db, &Filter::default(), last, 1_000).await.unwrap()
}

async fn last(world: &World) -> i64 {
    since(world, 0).await.last().map_or(0, |entry| entry.seq)
}

/// Actor, how they came, action and subject of each.
fn said(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|e| format!("{} by {}: {} {}", e.actor, e.via, e.action, e.subject)).collect()
}

async fn what_administrators_do(backend: Backend) {
    let world = World::with(backend, STATE, &[]).await;
    let (ada, bob) = (tokens(&world, "web", "ada@acme.example").await, tokens(&world, "web", "bob@acme.example").await);
    let bob_id = text(&decode(text(&bob, "access_token")).1, "sub").to_owned();
    let start = last(&world).await;
    for path in ["deactivate", "deactivate", "activate", "activate"] {
        assert_eq!(post(&world, &ada, &format!("users/{bob_id}/{path}"), json!({})).await.status, 200);
    }
    // What is refused leaves no entry.
    let ada_id = text(&decode(text(&ada, "access_token")).1, "sub").to_owned();
    assert_eq!(post(&world, &ada, &format!("users/{ada_id}/deactivate"), json!({})).await.status, 409);
    let invite = post(&world, &ada, "invites", json!({"email": "guest@acme.example"})).await.json();
    let id = text(&invite, "id");
    assert_eq!(post(&world, &ada, &format!("invites/{id}/resend"), json!({})).await.status, 200);
    for status in [204, 409] {
        assert_eq!(call(&world, Method::DELETE, &format!("invites/{id}"), &ada, &[], None).await.status, status);
    }
    let entries = since(&world, start).await;
    let by = "administrator ada@acme.example by api";
    assert_eq!(
        said(&entries),
        [
            format!("{by}: deactivate user acme/bob@acme.example"),
            format!("{by}: activate user acme/bob@acme.example"),
            format!("{by}: invite invite acme/guest@acme.example"),
            format!("{by}: resend invite acme/guest@acme.example"),
            format!("{by}: revoke invite acme/guest@acme.example"),
        ]
    );
    assert_eq!(entries[0].changes["active"], json!({"was": true, "is": false}));
    assert!(entries.iter().all(|entry| entry.actor_id.as_ref() == Some(&ada_id)));
    assert!(entries.iter().all(|entry| entry.address.as_deref() == Some("127.0.0.1")));
    // The link that the answer showed is in none.
    let token = text(&invite, "link").rsplit('/').next().unwrap();
    assert!(!serde_json::to_string(&entries).unwrap().contains(token));
}

async fn what_a_directory_does(backend: Backend) {
    let world = World::with(backend, STATE, &[FAST]).await;
    let okta = pusher(&world, "acme", "okta", DirectorySettings::default(), None).await;
    let start = last(&world).await;
    let send = async |method: Method, path: &str, body: Value| {
        let answer = okta.send(method, path, &[], Some(body.to_string())).await;
        assert!(answer.status < 300, "{}", answer.body);
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    };
    let patch = |value: Value| json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [value]});
    let grace = json!({"userName": "grace@acme.example", "externalId": "g-1", "title": "Admiral"});
    let made = send(Method::POST, "/Users", grace).await;
    let user = format!("/Users/{}", text(&made, "id"));
    send(Method::PATCH, &user, patch(json!({"op": "replace", "path": "title", "value": "Rear Admiral"}))).await;
    // The same again changes nothing, so it is nothing.
    send(Method::PATCH, &user, patch(json!({"op": "replace", "path": "title", "value": "Rear Admiral"}))).await;
    send(Method::PATCH, &user, patch(json!({"op": "replace", "value": {"active": false}}))).await;
    send(Method::PATCH, &user, patch(json!({"op": "replace", "value": {"active": true}}))).await;
    let group = send(Method::POST, "/Groups", json!({"displayName": "sre", "members": []})).await;
    let group = format!("/Groups/{}", text(&group, "id"));
    let member = json!([{"value": text(&made, "id")}]);
    send(Method::PATCH, &group, patch(json!({"op": "add", "path": "members", "value": member}))).await;
    send(Method::DELETE, &group, Value::Null).await;
    send(Method::DELETE, &user, Value::Null).await;
    // Refused: no entry.
    assert_eq!(okta.send(Method::DELETE, &user, &[], None).await.status, 404);
    let entries = since(&world, start).await;
    let by = "directory okta by scim";
    assert_eq!(
        said(&entries),
        [
            format!("{by}: create user acme/grace@acme.example"),
            format!("{by}: update user acme/grace@acme.example"),
            format!("{by}: deactivate user acme/grace@acme.example"),
            format!("{by}: activate user acme/grace@acme.example"),
            format!("{by}: create group acme/okta/sre"),
            format!("{by}: update group acme/okta/sre"),
            format!("{by}: delete group acme/okta/sre"),
            format!("{by}: delete user acme/grace@acme.example"),
        ]
    );
    assert_eq!(entries[1].changes, json!({"title": {"was": "Admiral", "is": "Rear Admiral"}}));
    assert_eq!(entries[5].changes["members_added"]["is"], json!([text(&made, "id")]));
    assert!(entries.iter().all(|entry| entry.tenant_id.as_ref() == Some(&okta.row.tenant_id)));
}

async fn what_a_file_does(backend: Backend) {
    let world = World::with(backend, STATE, &[]).await;
    let start = last(&world).await;
    world.apply(STATE).await;
    assert_eq!(said(&since(&world, start).await), Vec::<String>::new(), "nothing has changed");
    let other = STATE.replace("secret: web-secret", "name: Web, secret: another-secret").replace(
        "{email: bob@acme.example, password: \"correct horse\", active: true}",
        "{email: bob@acme.example, password: \"correct horse\", name: Bob, active: false}",
    );
    world.apply(&other).await;
    let entries = since(&world, start).await;
    let mut all = said(&entries);
    all.sort();
    assert_eq!(
        all,
        [
            "apply by file: deactivate user acme/bob@acme.example",
            "apply by file: update client web",
            "apply by file: update user acme/bob@acme.example",
        ]
    );
    assert!(!serde_json::to_string(&entries).unwrap().contains("another-secret"));
    let acme = gatehouse::store::tenants::find_by_name(&world.app.db, "acme").await.unwrap().unwrap().id;
    assert!(entries.iter().all(|entry| entry.tenant_id.as_ref() == Some(&acme)));
    // Looking at what it would do does nothing, and so does a file with a problem.
    let then = last(&world).await;
    let hashing = apply::Hashing { hash: |p| gatehouse::password::hash_now(p).ok(), verify: gatehouse::password::verify_now };
    let run = async |text: &str, options| {
        let file = apply::File { text, origin: "state.yaml", env: &|_| None };
        apply::run(&world.app.db, &world.app.sealer, hashing, file, options, world.clock.now()).await
    };
    let options = apply::Options { dry_run: true, prune: true, ..apply::Options::default() };
    assert!(run("tenants: []", options).await.unwrap().changes() > 0);
    assert!(
        run("tenants: [{name: new, clients: [{client_id: web, redirect_uris: []}]}]", apply::Options::default()).await.is_err()
    );
    assert_eq!(last(&world).await, then);
    run("tenants: []", apply::Options { prune: true, ..apply::Options::default() }).await.unwrap();
    let gone = since(&world, then).await;
    let (mut all, of_acme) = (said(&gone), gone.iter().find(|entry| entry.subject == "tenant acme").unwrap());
    all.sort();
    assert_eq!(all, ["apply by file: delete tenant acme", "apply by file: delete tenant other"]);
    assert_eq!(of_acme.tenant_id.as_ref(), Some(&acme), "an entry outlives its tenant");
}

async fn keys_and_the_first_start(backend: Backend) {
    let world = World::with(backend, STATE, &[]).await;
    let entries = since(&world, 0).await;
    let keys: Vec<String> = said(&entries).into_iter().filter(|line| line.contains("key")).collect();
    assert_eq!(keys.len(), 3, "{keys:?}");
    assert!(keys.iter().all(|line| line.starts_with("gatehouse by system: create signing key ")), "{keys:?}");
    world.clock.advance(world.app.settings.key_max_age);
    let start = last(&world).await;
    let mut rounds = gatehouse::background::Rounds::default();
    for _ in 0..12 {
        rounds.go(&world.app).await;
    }
    let rotated = since(&world, start).await;
    assert!(!rotated.is_empty() && rotated.iter().all(|entry| entry.action == "rotate"), "{:?}", said(&rotated));
    world.clock.advance(world.app.settings.audit_retention);
    for _ in 0..12 {
        rounds.go(&world.app).await;
    }
    let kept = since(&world, 0).await;
    assert!(kept.iter().all(|entry| entry.seq > start), "the old ones are gone, and the rest is verified");
}

async fn an_invite_becomes_a_user(backend: Backend) {
    let state = STATE.replace("  domains: [acme.example]", "  provisioning: invite\n  domains: [acme.example]");
    let world = World::with(backend, &state, &[]).await;
    let ada = tokens(&world, "web", "ada@acme.example").await;
    let link = text(&post(&world, &ada, "invites", json!({"email": "guest@acme.example"})).await.json(), "link").to_owned();
    let start = last(&world).await;
    let mut browser = Browser::new();
    let page = browser.get(&link).await;
    let form = [
        ("csrf", page.csrf()),
        ("with", "password".into()),
        ("name", "Guest".into()),
        ("password", "a long enough phrase".into()),
    ];
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = browser.post(&link, &form).await;
    assert!(answer.status == 303 || answer.status == 302, "{} {}", answer.status, answer.body);
    let entries = since(&world, start).await;
    assert_eq!(said(&entries), ["user guest@acme.example by sign-in: accept invite acme/guest@acme.example"]);
    assert_eq!(entries[0].actor_id.as_deref(), entries[0].changes["user"]["is"].as_str());
}

async fn wrong_passwords_of_administrators(backend: Backend) {
    let world = World::with(backend, STATE, &[]).await;
    let start = last(&world).await;
    for (email, password) in [
        ("nobody@acme.example", "x"),
        ("bob@acme.example", "x"),
        ("ada@acme.example", "correct horse"),
        ("ada@acme.example", "x"),
    ] {
        world.sign_in(&mut Browser::new(), &world.authorize_url("web", &[]), email, password).await;
    }
    // It is noted beside the answer, so that nobody sees by the time which accounts are administrators'.
    let mut entries = Vec::new();
    for _ in 0..2_000 {
        entries = since(&world, start).await;
        if !entries.is_empty() {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(said(&entries), ["somebody by sign-in: sign-in-refused user acme/ada@acme.example"]);
    assert_eq!(entries[0].address.as_deref(), Some("127.0.0.1"));
}

async fn administrators_read_their_own(backend: Backend) {
    let world = World::with(backend, STATE, &[]).await;
    let (ada, bob) = (tokens(&world, "web", "ada@acme.example").await, tokens(&world, "web", "bob@acme.example").await);
    let carl = tokens(&world, "other-web", "carl@other.example").await;
    let subjects = |page: &Value| -> Vec<String> {
        page["entries"].as_array().unwrap().iter().map(|entry| text(entry, "subject").to_owned()).collect()
    };
    let own = read(&world, &ada, "").await;
    assert_eq!(subjects(&own), ["user acme/bob@acme.example", "user acme/ada@acme.example", "client web", "tenant acme"]);
    assert_eq!((&own["next"], &own["entries"][0]["tenant"]), (&Value::Null, &json!("acme")));
    assert_eq!(own["entries"][0]["at"], "2027-01-15T08:00:00Z");
    assert_eq!(subjects(&read(&world, &carl, "").await), ["user other/carl@other.example", "client other-web", "tenant other"]);
    assert_eq!(subjects(&read(&world, &ada, "?tenant=acme&subject=client").await), ["client web"]);
    for name in ["other", "nobody", "%00"] {
        let answer = call(&world, Method::GET, &format!("audit?tenant={name}"), &ada, &[], None).await;
        assert_eq!((answer.status, text(&answer.json(), "error")), (404, "not_found"), "{name}");
    }
    assert_eq!(call(&world, Method::GET, "audit", &bob, &[], None).await.status, 403);
    let cookie = format!("accessToken={}", text(&ada, "access_token"));
    let url = format!("{}/api/v1/audit", world.url);
    assert_eq!(Browser::new().get_with(&url, &[("cookie", &cookie)]).await.status, 401);
    assert_eq!(Browser::new().get(&url).await.status, 401);
    // Whoever has the whole deployment sees all of it, and a tenant's when asked.
    world.sql("UPDATE users SET platform = TRUE, admin = FALSE WHERE email = 'ada@acme.example'").await;
    let whole = read(&world, &ada, "").await;
    assert_eq!(subjects(&whole).len(), 4 + 3 + 3, "and the keys are in it");
    assert_eq!(subjects(&read(&world, &ada, "?tenant=other").await).len(), 3);
    let pages = (read(&world, &ada, "?limit=7").await, read(&world, &ada, "?limit=7&before=4").await);
    assert_eq!((subjects(&pages.0).len(), &pages.0["next"]), (7, &json!(4)));
    assert_eq!((subjects(&pages.1).len(), &pages.1["next"]), (3, &Value::Null));
}

async fn what_is_not_understood_is_refused(backend: Backend) {
    let world = World::with(backend, STATE, &[]).await;
    let ada = tokens(&world, "web", "ada@acme.example").await;
    for query in
        ["limit=0", "limit=201", "limit=x", "before=-1", "since=yesterday", "until=2027-13-01", "actor=%00", "limit=1&limit=2"]
    {
        let answer = call(&world, Method::GET, &format!("audit?{query}"), &ada, &[], None).await;
        assert_eq!((answer.status, text(&answer.json(), "error")), (400, "invalid_request"), "{query}");
    }
    for (query, some) in [
        ("since=1d", true),
        ("since=2027-01-15", true),
        ("until=2027-01-15T07:59:59Z", false),
        ("action=create", true),
        ("action=x", false),
    ] {
        let page = read(&world, &ada, &format!("?{query}")).await;
        assert_eq!(!page["entries"].as_array().unwrap().is_empty(), some, "{query}");
    }
}

async fn lines_are_all_there_is(backend: Backend) {
    let world = World::with(backend, STATE, &[]).await;
    let ada = tokens(&world, "web", "ada@acme.example").await;
    let acme = gatehouse::store::tenants::find_by_name(&world.app.db, "acme").await.unwrap().unwrap().id;
    let mut tx = world.app.db.begin().await.unwrap();
    for n in 0..1_200 {
        let event = audit::Event::new(acme.as_str(), audit::Action::Update, format!("thing {n}\n\"x\""));
        audit::append(&mut tx, &world.app.sealer, &crate::world::actor(), event, world.clock.now());
    }
    tx.commit().await.unwrap();
    let lines = async |query: &str| {
        let headers = [("accept", "application/x-ndjson")];
        let answer = call(&world, Method::GET, &format!("audit{query}"), &ada, &headers, None).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/x-ndjson")));
        let lines = answer.body.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect::<Vec<Value>>()
    };
    let all = lines("").await;
    assert_eq!(all.len(), 1_204);
    let seqs: Vec<i64> = all.iter().map(|line| line["seq"].as_i64().unwrap()).collect();
    assert!(seqs.is_sorted(), "the oldest first");
    let after = seqs[1_200];
    assert_eq!(lines(&format!("?after={after}")).await, all[1_201..]);
    assert!(all.iter().all(|line| line["tenant"] == "acme"));
}

async fn an_entry_says_by_which_token(backend: Backend) {
    let world = World::with(backend, STATE, &[]).await;
    let ada = tokens(&world, "web", "ada@acme.example").await;
    let made = post(&world, &ada, "personal_tokens", json!({"name": "laptop", "scopes": ["admin"]})).await.json();
    let start = last(&world).await;
    let by_token = json!({"access_token": made["token"]});
    assert_eq!(post(&world, &by_token, "tenants/acme/teams", json!({"name": "sre"})).await.status, 201);
    let entry = since(&world, start).await.remove(0);
    assert_eq!(entry.actor, format!("administrator ada@acme.example by personal token laptop ({})", text(&made, "id")));
    // And whoever asks for what she did is told.
    let hers = read(&world, &ada, "?actor=ada@acme.example&action=create").await;
    assert!(hers["entries"].as_array().unwrap().iter().any(|e| e["subject"] == "team acme/sre"), "{hers}");

    let tenant = store::tenants::find_by_name(&world.app.db, "acme").await.unwrap().unwrap();
    let email = Email::parse("ada@acme.example").unwrap();
    let user = store::users::find_by_email(&world.app.db, &tenant.id, &email).await.unwrap().unwrap();
    let (app, now) = (&world.app, world.clock.now());
    let link = admin_link::break_glass(&app.db, &app.sealer, app.issuer(), (&actor(), &user), 900, now).await.unwrap();
    let mut browser = Browser::new();
    let csrf = browser.get(&link).await.csrf();
    assert_eq!(browser.post(&link, &[("csrf", &csrf)]).await.status, 303);
    let new = format!("{}/admin/acme/teams", world.url);
    let csrf = browser.get(&format!("{new}/new")).await.csrf();
    let answer = browser.post(&new, &[("csrf", &csrf), ("name", "night")]).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let entries = since(&world, start).await;
    let entry = entries.iter().find(|entry| entry.subject == "team acme/night").unwrap();
    assert_eq!(entry.actor, "administrator ada@acme.example by break-glass link");
    assert_eq!(entry.actor_id.as_ref(), Some(&user.id));
}
