//! Back-channel logout: clients that asked for it are told when a sign-in ends, however it ends, whether they are there,
//! slow, away or in trouble (OpenID Connect Back-Channel Logout 1.0; X1 for where their addresses may lead).

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use gatehouse::{
    delivery::Worker,
    store::deliveries::{self, Kind, New},
};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{
    browser::Browser,
    on_both,
    sso::Log,
    world::{Backend, World, decode, text},
};

on_both!(
    the_clients_of_a_shut_out_user_are_told,
    every_end_of_a_sign_in_is_told,
    a_client_that_is_away_is_told_later,
    a_client_that_refuses_is_asked_a_little,
    nothing_is_tried_after_a_day,
    whoever_is_slow_holds_up_nobody_else,
    two_nodes_send_nothing_twice,
    who_does_not_want_it_is_not_told,
    an_address_that_must_not_be_called_is_not,
    what_is_queued_is_sealed,
);

/// Clients' back ends: each listens under its client's id.
struct Listeners {
    url: String,
    heard: Arc<Heard>,
}

#[derive(Default)]
struct Heard {
    /// Client and logout token.
    tokens: Mutex<Vec<(String, String)>>,
    /// What a client answers (200 at first); 0: nothing.
    answers: Mutex<std::collections::HashMap<String, u16>>,
    arrived: Notify,
}

impl Listeners {
    async fn start() -> Self {
        let heard = Arc::<Heard>::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let router = Router::new().route("/{client}", axum::routing::post(hear)).with_state(Arc::clone(&heard));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, heard }
    }

    fn answer(&self, client: &str, status: u16) {
        self.heard.answers.lock().unwrap().insert(client.to_owned(), status);
    }

    /// Takes what a client has heard: header and claims.
    fn take(&self, client: &str) -> Vec<(Value, Value)> {
        let mut tokens = self.heard.tokens.lock().unwrap();
        let (theirs, others) = tokens.drain(..).partition(|(to, _)| to == client);
        *tokens = others;
        let theirs: Vec<(String, String)> = theirs;
        theirs.into_iter().map(|(_, token)| decode(&token)).collect()
    }
}

async fn hear(State(heard): State<Arc<Heard>>, Path(client): Path<String>, request: axum::extract::Request) -> Response {
    assert_eq!(request.headers()[header::CONTENT_TYPE], "application/x-www-form-urlencoded");
    let body = axum::body::to_bytes(request.into_body(), 10_000).await.unwrap();
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
    let [(name, token)] = &form[..] else { panic!("one parameter: {form:?}") };
    assert_eq!(name, "logout_token");
    heard.tokens.lock().unwrap().push((client.clone(), token.clone()));
    heard.arrived.notify_waiters();
    let status = heard.answers.lock().unwrap().get(&client).copied().unwrap_or(200);
    match status {
        0 => std::future::pending().await,
        302 => (StatusCode::FOUND, [(header::LOCATION, "/elsewhere")]).into_response(),
        status => StatusCode::from_u16(status).unwrap().into_response(),
    }
}

const PASSWORD: &str = "correct horse";

async fn world(backend: Backend) -> (World, Listeners) {
    let listeners = Listeners::start().await;
    let at = &listeners.url;
    let client = |id: &str, more: &str| {
        format!(
            "  - {{client_id: {id}, secret: {id}-secret, redirect_uris: [\"https://{}.example/cb\"], trusted: true{more}}}\n",
            if id == "web" { "app" } else { id }
        )
    };
    let state = format!(
        "
tenants:
- name: acme
  display_name: Acme
  clients:
{}{}{}  users:
  - {{email: ada@acme.example, password: {PASSWORD}, active: true}}
  - {{email: bob@acme.example, password: {PASSWORD}, active: true}}
",
        client("web", &format!(", backchannel_logout_uri: \"{at}/web\", id_token_alg: ES256")),
        client("api", &format!(", backchannel_logout_uri: \"{at}/api\", backchannel_logout_session_required: true")),
        client("foreign", ""),
    );
    let world = World::with(backend, &state, &[]).await;
    (world, listeners)
}

/// Signs in to each client in one browser; the ID tokens.
async fn signed_in(world: &World, browser: &mut Browser, email: &str, clients: &[&str]) -> Vec<Value> {
    let mut tokens = Vec::new();
    for client in clients {
        let answer = world.sign_in(browser, &world.authorize_url(client, &[]), email, PASSWORD).await;
        let answer = world.redeem(client, &answer.query("code").unwrap()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        tokens.push(answer.json());
    }
    tokens
}

async fn user(world: &World, email: &str) -> String {
    let sql = "SELECT id FROM users WHERE email = $1";
    world.app.db.optional::<(String,)>(sql, gatehouse::params![email]).await.unwrap().unwrap().0
}

async fn waiting(world: &World) -> usize {
    world.app.db.all::<(String,)>("SELECT id FROM deliveries", &[]).await.unwrap().len()
}

async fn send(world: &World) {
    Worker::new(world.app.clone()).round().await.unwrap();
}

async fn the_clients_of_a_shut_out_user_are_told(backend: Backend) {
    let (world, listeners) = world(backend).await;
    let mut phone = Browser::new();
    let tokens = signed_in(&world, &mut Browser::new(), "ada@acme.example", &["web", "api", "foreign"]).await;
    let on_phone = signed_in(&world, &mut phone, "ada@acme.example", &["web"]).await;
    signed_in(&world, &mut Browser::new(), "bob@acme.example", &["web"]).await;
    let ada = user(&world, "ada@acme.example").await;
    assert_eq!(world.shut_out(&ada).await.unwrap().ended.logouts, 3);
    send(&world).await;
    assert_eq!(waiting(&world).await, 0);

    let sid = |tokens: &Value| text(&decode(text(tokens, "id_token")).1, "sid").to_owned();
    let heard = listeners.take("web");
    let sids: HashSet<String> = heard.iter().map(|(_, claims)| text(claims, "sid").to_owned()).collect();
    assert_eq!(sids, HashSet::from([sid(&tokens[0]), sid(&on_phone[0])]), "each sign-in by its name, nobody else's");
    let now = world.clock.now();
    for (header, claims) in &heard {
        assert_eq!((text(header, "typ"), text(header, "alg")), ("logout+jwt", "ES256"), "as its ID tokens");
        assert_eq!((text(claims, "sub"), text(claims, "aud"), text(claims, "iss")), (ada.as_str(), "web", world.url.as_str()));
        assert_eq!((claims["iat"].as_i64(), claims["exp"].as_i64()), (Some(now), Some(now + 120)));
        assert_eq!(claims["events"], json!({"http://schemas.openid.net/event/backchannel-logout": {}}));
        assert!(claims.get("nonce").is_none() && claims["jti"].is_string());
    }
    assert_ne!(heard[0].1["jti"], heard[1].1["jti"]);
    let [(header, claims)] = &listeners.take("api")[..] else { panic!("one for the other client") };
    assert_eq!((text(header, "alg"), text(claims, "aud"), text(claims, "sid")), ("RS256", "api", sid(&tokens[1]).as_str()));
    assert!(world.shut_out(&ada).await.is_none());
    send(&world).await;
    assert!(listeners.take("web").is_empty(), "once");
}

async fn every_end_of_a_sign_in_is_told(backend: Backend) {
    let (world, listeners) = world(backend).await;
    let ada = user(&world, "ada@acme.example").await;
    for way in ["rp-initiated", "account", "password", "deleted"] {
        let mut browser = Browser::new();
        let tokens = signed_in(&world, &mut browser, "ada@acme.example", &["web"]).await.remove(0);
        match way {
            "rp-initiated" => {
                let hint = text(&tokens, "id_token");
                assert_eq!(browser.get(&format!("{}/oauth2/logout?id_token_hint={hint}", world.url)).await.status, 200);
            }
            "account" => {
                let page = browser.get(&format!("{}/account", world.url)).await;
                let url = format!("{}/account/sign-out", world.url);
                assert_eq!(browser.post(&url, &[("csrf", &page.csrf())]).await.status, 200);
            }
            "password" => {
                let mut tx = world.app.db.begin().await.unwrap();
                let ended = gatehouse::store::users::end_access(&mut tx, &world.app.sealer, &ada, world.clock.now()).await;
                assert_eq!(ended.unwrap().logouts, 1);
                tx.commit().await.unwrap();
            }
            _ => assert_eq!(world.remove(&ada).await.unwrap().ended.logouts, 1),
        }
        send(&world).await;
        let heard = listeners.take("web");
        assert_eq!(heard.len(), 1, "{way}");
        assert_eq!((text(&heard[0].1, "sub"), &heard[0].1["sid"]), (ada.as_str(), &decode(text(&tokens, "id_token")).1["sid"]));
    }
}

/// Shuts out Bob and lets him in again, with something to tell `client`.
async fn queue(world: &World, client: &str, email: &str, times: usize) {
    let id = user(world, email).await;
    for _ in 0..times {
        signed_in(world, &mut Browser::new(), email, &[client]).await;
    }
    let mut tx = world.app.db.begin().await.unwrap();
    gatehouse::store::users::end_access(&mut tx, &world.app.sealer, &id, world.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
}

async fn a_client_that_is_away_is_told_later(backend: Backend) {
    let (world, listeners) = world(backend).await;
    listeners.answer("web", 503);
    queue(&world, "web", "ada@acme.example", 3).await;
    send(&world).await;
    let attempts = listeners.take("web").len();
    assert!((1..=2).contains(&attempts), "whoever is away is not asked about each: {attempts}");
    send(&world).await;
    assert!(listeners.take("web").is_empty(), "not before it is due again");
    world.clock.advance(16);
    send(&world).await;
    assert!((1..=2).contains(&listeners.take("web").len()));
    listeners.answer("web", 204);
    world.clock.advance(40);
    send(&world).await;
    let heard = listeners.take("web");
    assert_eq!((heard.len(), waiting(&world).await), (3, 0));
    let jtis: HashSet<&str> = heard.iter().map(|(_, claims)| text(claims, "jti")).collect();
    assert_eq!(jtis.len(), 3);
    assert!(heard.iter().all(|(_, claims)| claims["iat"] == json!(world.clock.now())), "made for the attempt");
}

async fn a_client_that_refuses_is_asked_a_little(backend: Backend) {
    let (world, listeners) = world(backend).await;
    listeners.answer("web", 400);
    queue(&world, "web", "ada@acme.example", 1).await;
    let log = Log::down_to(tracing::Level::WARN);
    for attempt in 1..=3 {
        assert_eq!(waiting(&world).await, 1, "attempt {attempt}");
        send(&world).await;
        assert_eq!(listeners.take("web").len(), 1, "attempt {attempt}");
        world.clock.advance(100);
    }
    assert_eq!(waiting(&world).await, 0);
    assert!(log.text().contains("given up") && log.text().contains("the client answers 400"), "{}", log.text());
}

async fn nothing_is_tried_after_a_day(backend: Backend) {
    let (world, listeners) = world(backend).await;
    listeners.answer("web", 500);
    queue(&world, "web", "ada@acme.example", 1).await;
    let mut attempts = 0;
    let log = Log::down_to(tracing::Level::WARN);
    for _ in 0..60 {
        send(&world).await;
        attempts += listeners.take("web").len();
        world.clock.advance(3_600);
    }
    assert_eq!(waiting(&world).await, 0);
    assert!((10..=34).contains(&attempts), "{attempts}");
    assert!(log.text().contains("given up"));
}

async fn whoever_is_slow_holds_up_nobody_else(backend: Backend) {
    let (world, listeners) = world(backend).await;
    listeners.answer("web", 0);
    queue(&world, "web", "ada@acme.example", 6).await;
    world.clock.advance(1);
    queue(&world, "api", "bob@acme.example", 3).await;
    let heard = Arc::clone(&listeners.heard);
    let count = |client: &str| heard.tokens.lock().unwrap().iter().filter(|(to, _)| to == client).count();
    let app = world.app.clone();
    let sending = tokio::spawn(async move { Worker::new(app).run().await });
    // With each of the other's it looks again at all that waits, those of the slow one first.
    for expected in 3..6 {
        loop {
            let notified = heard.arrived.notified();
            if count("api") == expected {
                break;
            }
            notified.await;
        }
        assert_eq!(count("web"), 2, "and of the slow one two at a time");
        queue(&world, "api", "bob@acme.example", 1).await;
        world.app.deliveries.nudge();
    }
    sending.abort();
    assert!(sending.await.unwrap_err().is_cancelled());
    // A node that died in the middle: the lease ends, and another one sends.
    listeners.answer("web", 200);
    listeners.take("web");
    world.clock.advance(61);
    send(&world).await;
    assert_eq!((listeners.take("web").len(), waiting(&world).await), (6, 0));
    assert_eq!(listeners.take("api").len(), 6);
}

async fn two_nodes_send_nothing_twice(backend: Backend) {
    let (world, listeners) = world(backend).await;
    let there = world.second_node().await;
    queue(&world, "web", "ada@acme.example", 8).await;
    queue(&world, "api", "bob@acme.example", 8).await;
    let (mut one, mut other) = (Worker::new(world.app.clone()), Worker::new(there.app.clone()));
    while waiting(&world).await > 0 {
        let (a, b) = tokio::join!(one.round(), other.round());
        a.and(b).unwrap();
    }
    for client in ["web", "api"] {
        let heard = listeners.take(client);
        let sids: HashSet<&str> = heard.iter().map(|(_, claims)| text(claims, "sid")).collect();
        assert_eq!((heard.len(), sids.len()), (8, 8), "{client}");
    }
}

async fn who_does_not_want_it_is_not_told(backend: Backend) {
    let (world, listeners) = world(backend).await;
    queue(&world, "foreign", "ada@acme.example", 1).await;
    assert_eq!(waiting(&world).await, 0, "it never asked for it");
    queue(&world, "web", "ada@acme.example", 1).await;
    queue(&world, "api", "ada@acme.example", 1).await;
    world.sql("UPDATE clients SET enabled = FALSE WHERE id = 'web'").await;
    world.sql("DELETE FROM clients WHERE id = 'api'").await;
    send(&world).await;
    assert_eq!((listeners.take("web").len(), listeners.take("api").len(), waiting(&world).await), (0, 0, 0));
}

async fn an_address_that_must_not_be_called_is_not(backend: Backend) {
    let (world, listeners) = world(backend).await;
    let log = Log::down_to(tracing::Level::WARN);
    for uri in ["https://10.0.0.1/logout", "http://169.254.169.254/", "https://ada:secret@127.0.0.1/", "file:///etc/passwd"] {
        let uri = json!({"redirect_uris": ["https://app.example/cb"], "backchannel_logout_uri": uri}).to_string();
        let sql = "UPDATE clients SET settings = $1 WHERE id = 'web'";
        queue(&world, "web", "ada@acme.example", 1).await;
        world.app.db.execute(sql, gatehouse::params![&uri]).await.unwrap();
        for _ in 0..3 {
            assert_eq!(waiting(&world).await, 1);
            send(&world).await;
            world.clock.advance(100);
        }
        assert_eq!(waiting(&world).await, 0, "{uri}");
    }
    assert!(log.text().contains("private address") && !log.text().contains("ada:secret"));
    drop(log);
    // The honest twin, which a redirect leads nowhere else.
    let uri = json!({"redirect_uris": ["https://app.example/cb"], "backchannel_logout_uri": format!("{}/web", listeners.url)});
    let sql = "UPDATE clients SET settings = $1 WHERE id = 'web'";
    world.app.db.execute(sql, gatehouse::params![&uri.to_string()]).await.unwrap();
    listeners.answer("web", 302);
    queue(&world, "web", "ada@acme.example", 1).await;
    send(&world).await;
    assert_eq!((listeners.take("web").len(), listeners.take("elsewhere").len()), (1, 0));
    listeners.answer("web", 200);
    world.clock.advance(100);
    send(&world).await;
    assert_eq!((listeners.take("web").len(), waiting(&world).await), (1, 0));
}

async fn what_is_queued_is_sealed(backend: Backend) {
    let (world, _) = world(backend).await;
    let tenant = gatehouse::store::tenants::find_by_name(&world.app.db, "acme").await.unwrap().unwrap().id;
    let new = New { tenant_id: &tenant, kind: Kind::Mail, receiver: "mail" };
    let now = world.clock.now();
    let ids = [
        deliveries::push(&world.app.db, &world.app.sealer, &new, &json!({"link": "the-secret"}), now).await.unwrap(),
        deliveries::push(&world.app.db, &world.app.sealer, &new, &json!({"link": "another"}), now).await.unwrap(),
    ];
    let rows: Vec<(String, String)> =
        world.app.db.all("SELECT id, payload_sealed FROM deliveries ORDER BY id", &[]).await.unwrap();
    assert!(rows.iter().all(|(_, sealed)| !sealed.contains("secret")));
    let due = deliveries::due(&world.app.db, 1, 10, now).await.unwrap();
    assert_eq!(due.len(), 1, "one of each receiver");
    let taken = deliveries::claim(&world.app.db, &due[0], now + 60).await.unwrap().unwrap();
    assert!(deliveries::claim(&world.app.db, &due[0], now + 60).await.unwrap().is_none(), "taken once");
    let payload: Value = taken.payload(&world.app.sealer).unwrap();
    assert!(ids.contains(&taken.id) && payload["link"].is_string());
    // Of another row it opens nowhere.
    let moved = "UPDATE deliveries SET payload_sealed = (SELECT payload_sealed FROM deliveries d WHERE d.id = $1) WHERE id = $2";
    let (from, to) = if taken.id == ids[0] { (&ids[1], &ids[0]) } else { (&ids[0], &ids[1]) };
    world.app.db.execute(moved, gatehouse::params![from, to]).await.unwrap();
    world.app.db.execute("UPDATE deliveries SET due_at = $1", gatehouse::params![now]).await.unwrap();
    let due = deliveries::due(&world.app.db, 2, 10, now).await.unwrap();
    let due = due.iter().find(|due| due.id == *to).unwrap();
    let taken = deliveries::claim(&world.app.db, due, now + 60).await.unwrap().unwrap();
    assert!(taken.payload::<Value>(&world.app.sealer).is_err());
}
