//! The trace that a sign-in leaves: each request's hops are gathered as it goes ([`Trace`], which comes with the visit) and
//! written once, when it is answered. What failed is taken from the page that was shown. The calls that were made for it
//! tell themselves ([`Witness`]). A trace that cannot be written breaks no sign-in.
//!
//! Of what passes by, only what is named here is kept: who, over what, where to, which parameters and claims were there. No
//! value of a code, token, state, password or assertion ever becomes a fact.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use serde_json::{Map, Value};

use crate::{
    app::App,
    error::Shown,
    outbound::{Call, Witness, witnessed},
    policy::{cause::Cause, identity::Identity},
    secret,
    store::{
        logins::Login,
        traces::{self, Addition, Outcome},
    },
};

/// Most hops of one request, facts of one hop, and characters of one fact.
const MOST: (usize, usize, usize) = (16, 16, 400);
/// The hop of a call, and most of them in one request, so that they take nobody else's place.
const CALL: (&str, usize) = ("called", 8);
/// How long an answer waits for its trace.
const PATIENCE: Duration = Duration::from_secs(2);

/// What one request of a sign-in did. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Trace(Arc<Mutex<Gathered>>);

#[derive(Debug, Default)]
struct Gathered {
    row: Addition,
    hops: Vec<(&'static str, Vec<(&'static str, String)>)>,
}

impl Trace {
    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is about this login. The login's id stands in addresses, so only its digest is kept.
    pub fn of(&self, login: &Login) {
        let row = &mut self.gathered().row;
        row.id = secret::digest(&format!("trace/{}", login.id));
        row.tenant_id = Some(login.tenant_id.clone());
    }

    /// It is about this tenant's people, whoever they are.
    pub fn of_tenant(&self, tenant_id: &str) {
        self.gathered().row.tenant_id = Some(tenant_id.to_owned());
    }

    /// The request came from there.
    pub fn from(&self, address: &str) {
        address.clone_into(&mut self.gathered().row.address);
    }

    /// It goes over the connection of this name.
    pub fn over(&self, connection: &str) {
        self.gathered().row.connection = Some(connection.to_owned());
    }

    /// It is about somebody with this address, in the form that is compared.
    pub fn about(&self, email: &str) {
        self.gathered().row.email = Some(bounded(email));
    }

    /// It is this user.
    pub fn user(&self, id: &str, email: &str) {
        self.about(email);
        self.gathered().row.user_id = Some(id.to_owned());
    }

    /// Somebody has come, with these claims.
    pub fn arrived(&self, identity: &Identity, claims: &[String]) {
        if let Some(email) = identity.email.as_deref() {
            self.about(&email.to_lowercase());
        }
        let groups = identity.groups.as_ref().map(|groups| groups.len().to_string());
        self.hop(
            "identity",
            &[
                ("issuer", &identity.issuer),
                ("subject", &identity.subject),
                ("email", identity.email.as_deref().unwrap_or("(none)")),
                ("email_verified", if identity.email_verified { "true" } else { "false" }),
                ("groups", groups.as_deref().unwrap_or("(not sent)")),
                ("claims", &claims.join(", ")),
            ],
        );
    }

    /// Something was done; empty facts are left out.
    pub fn hop(&self, name: &'static str, facts: &[(&'static str, &str)]) {
        let mut gathered = self.gathered();
        if gathered.hops.len() < MOST.0 {
            let facts = facts.iter().filter(|(_, value)| !value.is_empty()).take(MOST.1);
            gathered.hops.push((name, facts.map(|(name, value)| (*name, bounded(value))).collect()));
        }
    }

    /// It came to its end.
    pub fn succeeded(&self) {
        self.gathered().row.outcome = Outcome::Success;
    }

    /// It failed, without a page that says so.
    pub fn failed(&self, cause: Cause, detail: &str) {
        self.hop("failed", &[("cause", cause.word()), ("detail", detail)]);
        let row = &mut self.gathered().row;
        row.outcome = Outcome::Failed;
        row.cause = Some(cause.word().to_owned());
    }

    /// It failed with this page.
    fn shown(&self, shown: &Shown) {
        let word = shown.known.map_or(shown.kind, Cause::word);
        self.hop("failed", &[("cause", word), ("detail", &shown.cause), ("code", &shown.reference)]);
        let row = &mut self.gathered().row;
        row.outcome = Outcome::Failed;
        row.cause = Some(word.to_owned());
        row.code = Some(shown.reference.clone());
    }

    /// What is to be written, if there is anything.
    fn row(&self, now: i64) -> Option<Addition> {
        let gathered = self.gathered();
        // A call alone is no sign-in: a test of one makes them too.
        if gathered.hops.iter().all(|(name, _)| *name == CALL.0) {
            return None;
        }
        let mut row = gathered.row.clone();
        row.at = now;
        row.hops = gathered.hops.iter().map(|hop| line(hop, now)).collect();
        Some(row)
    }
}

impl Witness for Trace {
    /// Which, whom, what came of it and how long it took: no address beyond the host, and nothing that was sent or answered.
    fn called(&self, call: &Call<'_>) {
        if self.gathered().hops.iter().filter(|(name, _)| *name == CALL.0).count() >= CALL.1 {
            return;
        }
        let status = call.outcome.map(|status| status.to_string());
        let (status, failure) = (status.as_deref().unwrap_or_default(), call.outcome.err().unwrap_or_default());
        let took = call.took.as_millis().to_string();
        self.hop(CALL.0, &[("call", call.purpose), ("host", call.host), ("status", status), ("failure", failure), ("ms", &took)]);
    }
}

fn line((name, facts): &(&'static str, Vec<(&'static str, String)>), now: i64) -> String {
    let mut object = Map::new();
    object.insert("at".to_owned(), now.into());
    object.insert("hop".to_owned(), (*name).into());
    object.extend(facts.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str()))));
    format!("{}\n", Value::Object(object))
}

/// Text from outside: without what could turn a page's reading direction, and of bounded length.
fn bounded(text: &str) -> String {
    let plain =
        |c: &char| !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut kept: String = text.chars().filter(plain).take(MOST.2 + 1).collect();
    if let Some((end, _)) = kept.char_indices().nth(MOST.2) {
        kept.truncate(end);
        kept.push('…');
    }
    kept
}

/// Keeps the trace of a request: around everything that a sign-in goes through.
pub async fn keep(State(app): State<App>, mut request: Request, next: Next) -> Response {
    if app.settings.trace_days == 0 {
        return next.run(request).await;
    }
    let trace = Trace::default();
    request.extensions_mut().insert(trace.clone());
    let response = witnessed(Arc::new(trace.clone()), next.run(request)).await;
    match response.extensions().get::<Shown>() {
        // One of a flood leaves nothing: the log has a line for all of them.
        Some(shown) if shown.muted => return response,
        Some(shown) => trace.shown(shown),
        None => {}
    }
    write(&app, &trace).await;
    response
}

async fn write(app: &App, trace: &Trace) {
    let Some(mut row) = trace.row(app.clock.now()) else { return };
    if row.id.is_empty() {
        // A sign-in that was begun has been counted; whoever fails without one is counted here.
        if !app.limits.strays.allows(&row.address) {
            return;
        }
        row.id = secret::random_id();
    }
    match tokio::time::timeout(PATIENCE, traces::add(&app.db, &row)).await {
        Ok(Ok(())) => {}
        Ok(Err(e)) => tracing::warn!(cause = %e, "a sign-in's trace is not kept"),
        Err(_) => tracing::warn!("a sign-in's trace is not kept: the database took too long"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gathered_has_bounds_and_no_marks() {
        let trace = Trace::default();
        assert!(trace.row(7).is_none(), "nothing to tell");
        for _ in 0..40 {
            trace.hop("asked", &[("client", &"x".repeat(10_000)), ("from", "a\u{202e}b\r\n"), ("none", "")]);
        }
        let row = trace.row(7).unwrap();
        let first: Value = serde_json::from_str(row.hops.lines().next().unwrap()).unwrap();
        assert_eq!((row.hops.lines().count(), &first["from"], first.get("none")), (MOST.0, &Value::from("ab"), None));
        assert!(row.hops.len() < 16_000, "{}", row.hops.len());
        assert_eq!((row.outcome, first["at"].as_i64()), (Outcome::UnderWay, Some(7)));
    }

    #[test]
    fn calls_make_no_trace_and_take_no_place() {
        let trace = Trace::default();
        let took = Duration::from_millis(12);
        for outcome in [Ok(200), Err("timeout")].into_iter().cycle().take(40) {
            trace.called(&Call { purpose: "token", host: "idp.example", outcome, took });
        }
        assert!(trace.row(7).is_none(), "calls alone are no sign-in");
        trace.failed(Cause::ProviderTimeout, "token endpoint");
        let row = trace.row(7).unwrap();
        let hops: Vec<Value> = row.hops.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((hops.len(), &hops[CALL.1]["hop"]), (CALL.1 + 1, &Value::from("failed")));
        let first =
            serde_json::json!({"at": 7, "hop": "called", "call": "token", "host": "idp.example", "status": "200", "ms": "12"});
        assert_eq!((&hops[0], &hops[1]["failure"], hops[1].get("status")), (&first, &Value::from("timeout"), None));
    }
}
