//! The audit log at its webhook: signed, in order, at least once and in the honest case not twice, whatever happens between.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use gatehouse::{
    delivery::audit_webhook::{Round, Sender, signature},
    store::audit::{self, Filter},
};
use serde_json::Value;

use crate::{
    on_both,
    sso::Log,
    world::{Backend, World},
};

on_both!(
    entries_arrive_signed_and_in_order,
    what_was_refused_goes_again_as_it_was,
    one_of_two_nodes_sends,
    a_restart_goes_on_where_it_was,
    a_private_address_is_not_called,
    a_log_that_was_cut_off_is_told,
);

const KEY: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const STATE: &str = "
tenants:
- name: acme
  teams:
  - {name: sre}
  - {name: dev}
";

/// What one request said.
#[derive(Clone, Debug)]
struct Seen {
    id: String,
    at: i64,
    signature: String,
    body: String,
}

impl Seen {
    fn seqs(&self) -> Vec<i64> {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        body["data"]["entries"].as_array().unwrap().iter().map(|entry| entry["seq"].as_i64().unwrap()).collect()
    }
}

#[derive(Default)]
struct Inner {
    seen: Vec<Seen>,
    /// The next answers; 204 when there is none.
    answers: Vec<u16>,
}

/// A real receiver on this machine.
#[derive(Clone, Default)]
struct Receiver(Arc<Mutex<Inner>>);

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let text = |name: &str| headers[name].to_str().unwrap().to_owned();
    let seen = Seen {
        id: text("webhook-id"),
        at: text("webhook-timestamp").parse().unwrap(),
        signature: text("webhook-signature"),
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    let mut inner = receiver.0.lock().unwrap();
    inner.seen.push(seen);
    let status = if inner.answers.is_empty() { 204 } else { inner.answers.remove(0) };
    StatusCode::from_u16(status).unwrap()
}

impl Receiver {
    async fn start() -> (Self, String) {
        let receiver = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let app = Router::new().route("/hook", post(take)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (receiver, url)
    }

    fn seen(&self) -> Vec<Seen> {
        self.0.lock().unwrap().seen.clone()
    }

    fn seqs(&self) -> Vec<i64> {
        self.seen().iter().flat_map(Seen::seqs).collect()
    }

    fn answer(&self, statuses: &[u16]) {
        self.0.lock().unwrap().answers = statuses.to_vec();
    }
}

async fn world(backend: Backend, url: &str) -> World {
    let secret = format!("whsec_{KEY}");
    let settings = [("AUDIT_WEBHOOK_URL", url), ("AUDIT_WEBHOOK_SECRET", secret.as_str())];
    World::with(backend, STATE, &settings).await
}

/// The log as it is stored.
async fn stored(world: &World) -> Vec<i64> {
    audit::following(&world.app.db, &Filter::default(), 0, 10_000).await.unwrap().iter().map(|entry| entry.seq).collect()
}

/// Sends until there is nothing to send.
async fn drain(sender: &mut Sender) -> Round {
    loop {
        match sender.round().await.unwrap() {
            Round::Arrived => {}
            other => return other,
        }
    }
}

/// Makes so many entries more.
async fn more(world: &World, from: usize, count: usize) {
    let teams: String = (0..from + count).map(|n| format!("  - {{name: team-{n}}}\n")).collect();
    world.apply(&format!("{STATE}{teams}")).await;
}

async fn entries_arrive_signed_and_in_order(backend: Backend) {
    let (receiver, url) = Receiver::start().await;
    let world = world(backend, &url).await;
    more(&world, 0, 250).await;
    let mut sender = Sender::new(world.app.clone());
    assert_eq!(drain(&mut sender).await, Round::Quiet);
    let all = stored(&world).await;
    assert!(all.len() > 250);
    assert_eq!(receiver.seqs(), all, "each once, in order");
    let seen = receiver.seen();
    assert!(seen.iter().all(|one| one.seqs().len() <= 100));
    for one in &seen {
        let body: Value = serde_json::from_str(&one.body).unwrap();
        assert_eq!(body["type"], "audit.entries");
        assert_eq!(one.signature, signature(KEY, &one.id, one.at, &one.body));
        assert_ne!(one.signature, signature("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", &one.id, one.at, &one.body), "of another key");
        assert_eq!(one.at, world.clock.now());
        let entry = &body["data"]["entries"][0];
        assert!(entry["mac"].is_string() && entry["actor"].is_string(), "{entry}");
    }
    let ids: std::collections::BTreeSet<&str> = seen.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids.len(), seen.len());
    // Nothing new, nothing sent; something new is all that is sent.
    assert_eq!(drain(&mut sender).await, Round::Quiet);
    assert_eq!(receiver.seen().len(), seen.len());
    more(&world, 250, 1).await;
    drain(&mut sender).await;
    assert_eq!(receiver.seqs(), stored(&world).await);
    assert!(!receiver.seen().iter().any(|one| one.body.contains(KEY)));
}

async fn what_was_refused_goes_again_as_it_was(backend: Backend) {
    let (receiver, url) = Receiver::start().await;
    let world = world(backend, &url).await;
    let mut sender = Sender::new(world.app.clone());
    receiver.answer(&[500, 429, 302]);
    assert_eq!(sender.round().await.unwrap(), Round::Later);
    let first = receiver.seen().remove(0);
    assert_eq!(sender.round().await.unwrap(), Round::Quiet, "it is not due");
    assert_eq!(receiver.seen().len(), 1);
    // What comes meanwhile waits behind it.
    more(&world, 0, 3).await;
    for attempts in 1..4 {
        world.clock.advance(15 << attempts);
        let outcome = sender.round().await.unwrap();
        assert_eq!(outcome, if attempts < 3 { Round::Later } else { Round::Arrived }, "{attempts}");
    }
    let seen = receiver.seen();
    assert_eq!(seen.len(), 4);
    for again in &seen[1..] {
        assert_eq!((&again.id, again.seqs()), (&first.id, first.seqs()), "the same under the same id");
        assert!(again.at > first.at && again.signature == signature(KEY, &again.id, again.at, &again.body));
    }
    drain(&mut sender).await;
    let after: Vec<i64> = receiver.seen()[3..].iter().flat_map(Seen::seqs).collect();
    assert_eq!(after, stored(&world).await, "nothing is lost, nothing overtakes");
}

async fn one_of_two_nodes_sends(backend: Backend) {
    let (receiver, url) = Receiver::start().await;
    let first = world(backend, &url).await;
    let secret = format!("whsec_{KEY}");
    let second = first.second_node_with(&[("AUDIT_WEBHOOK_URL", &url), ("AUDIT_WEBHOOK_SECRET", &secret)]).await;
    more(&first, 0, 400).await;
    let (mut one, mut other) = (Sender::new(first.app.clone()), Sender::new(second.app.clone()));
    // Both at once, until there is nothing left: whoever has it sends, the other is quiet.
    for _ in 0..50 {
        let (a, b) = tokio::join!(one.round(), other.round());
        a.unwrap();
        b.unwrap();
    }
    drain(&mut one).await;
    assert_eq!(receiver.seqs(), stored(&first).await, "each once, in order");
    // A node that dies in the middle of it keeps the stream for its lease, and no longer.
    more(&first, 400, 1).await;
    let held = "UPDATE audit_stream SET node = 'dead', leased_until = 1800000060 WHERE id = 1";
    first.sql(held).await;
    assert_eq!(other.round().await.unwrap(), Round::Quiet, "another has it");
    first.clock.advance(60);
    assert_eq!(other.round().await.unwrap(), Round::Arrived);
    assert_eq!(receiver.seqs(), stored(&first).await);
}

async fn a_restart_goes_on_where_it_was(backend: Backend) {
    let (receiver, url) = Receiver::start().await;
    let world = world(backend, &url).await;
    drain(&mut Sender::new(world.app.clone())).await;
    let before = receiver.seqs();
    assert_eq!(before, stored(&world).await);
    more(&world, 0, 2).await;
    let secret = format!("whsec_{KEY}");
    let again = world.second_node_with(&[("AUDIT_WEBHOOK_URL", &url), ("AUDIT_WEBHOOK_SECRET", &secret)]).await;
    drain(&mut Sender::new(again.app.clone())).await;
    assert_eq!(receiver.seqs(), stored(&world).await, "each once, in order");
    // What is older than the log keeps is not waited for.
    world.sql("UPDATE audit_stream SET seq = 0").await;
    world.sql("DELETE FROM audit WHERE seq <= 2").await;
    drain(&mut Sender::new(again.app.clone())).await;
    let last: Vec<i64> = receiver.seqs().split_off(before.len() + 2);
    assert_eq!(last, stored(&world).await);
}

async fn a_private_address_is_not_called(backend: Backend) {
    let (receiver, url) = Receiver::start().await;
    let secret = format!("whsec_{KEY}");
    let settings =
        [("AUDIT_WEBHOOK_URL", url.as_str()), ("AUDIT_WEBHOOK_SECRET", secret.as_str()), ("OUTBOUND_ALLOW", "192.0.2.1")];
    let world = World::with(backend, STATE, &settings).await;
    let mut sender = Sender::new(world.app.clone());
    assert_eq!(sender.round().await.unwrap(), Round::Later);
    assert!(receiver.seen().is_empty());
    // The honest twin is every other test here.
    assert!(!stored(&world).await.is_empty());
}

async fn a_log_that_was_cut_off_is_told(backend: Backend) {
    let (receiver, url) = Receiver::start().await;
    let world = world(backend, &url).await;
    let mut sender = Sender::new(world.app.clone());
    let log = Log::down_to(tracing::Level::ERROR);
    assert_eq!(drain(&mut sender).await, Round::Quiet);
    let sent = receiver.seen().len();
    assert!(!log.text().contains("cut off"), "the honest twin: {}", log.text());
    world.sql("DELETE FROM audit").await;
    world.sql("UPDATE audit_head SET seq = 0, mac = '', seal = ''").await;
    for _ in 0..3 {
        assert_eq!(sender.round().await.unwrap(), Round::CutOff);
    }
    assert_eq!(log.text().matches("the audit log ends before what its webhook has got").count(), 1, "{}", log.text());
    assert_eq!(receiver.seen().len(), sent);
}
