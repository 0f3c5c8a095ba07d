//! Counters and durations for Prometheus. Every label comes from a list of this program's own: nothing a caller sends
//! becomes a label value (timestamp-authority CVE-2026-49835).

use std::{
    collections::HashMap,
    sync::{LazyLock, OnceLock, PoisonError, RwLock},
    time::Duration,
};

use metrics::{Counter, Histogram, counter, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

const BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// The process has one recorder; applications in one process (tests) share it.
static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Starts recording; later calls change nothing.
pub fn install() {
    RECORDER.get_or_init(|| {
        let matcher = Matcher::Suffix("_seconds".to_owned());
        let builder = PrometheusBuilder::new().set_buckets_for_metric(matcher, &BUCKETS).ok()?;
        builder.install_recorder().ok()
    });
}

/// How many entries of the audit log its webhook has not got yet.
pub fn audit_webhook_lag(entries: i64) {
    #[expect(clippy::cast_precision_loss, reason = "a number to look at")]
    gauge!("gatehouse_audit_webhook_lag_entries").set(entries as f64);
}

/// Everything recorded, as Prometheus text.
#[must_use]
pub fn render() -> String {
    upkeep();
    recorder().map(PrometheusHandle::render).unwrap_or_default()
}

/// Sums up what was recorded. Until then each duration is kept by itself, so without it memory grows with every request
/// where nobody reads the metrics.
pub fn upkeep() {
    if let Some(handle) = recorder() {
        handle.run_upkeep();
    }
}

fn recorder() -> Option<&'static PrometheusHandle> {
    RECORDER.get()?.as_ref()
}

/// By route, then by method and status: where requests are counted. Looking a series up by its labels costs more than
/// answering from memory.
static REQUESTS: LazyLock<RwLock<HashMap<String, Series>>> = LazyLock::new(RwLock::default);

type Series = HashMap<(&'static str, u16), (Counter, Histogram)>;

/// One answered request: `route` is the pattern that matched, never the path that was asked for.
pub fn request(route: &str, method: &'static str, status: u16, took: Duration) {
    // A series that is made before there is a recorder stays deaf.
    if recorder().is_none() {
        return;
    }
    let record = |(count, duration): &(Counter, Histogram)| {
        count.increment(1);
        duration.record(took);
    };
    let known = REQUESTS.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(series) = known.get(route).and_then(|route| route.get(&(method, status))) {
        return record(series);
    }
    drop(known);
    let route = route.to_owned();
    let count =
        counter!("gatehouse_http_requests_total", "route" => route.clone(), "method" => method, "status" => status.to_string());
    let series = (count, histogram!("gatehouse_http_request_duration_seconds", "route" => route.clone(), "method" => method));
    record(&series);
    REQUESTS.write().unwrap_or_else(PoisonError::into_inner).entry(route).or_default().insert((method, status), series);
}

/// One finished attempt to sign in: `kind` is `password`, `oidc` or `saml`; `outcome` is `success` or why not.
pub fn login(kind: &'static str, outcome: &'static str) {
    counter!("gatehouse_logins_total", "kind" => kind, "outcome" => outcome).increment(1);
}

/// How many SAML providers' metadata is in a `state` that an operator should look at: `held` or `failing`.
pub fn provider_metadata(state: &'static str, count: i64) {
    // Counts stay far below 2^53.
    #[expect(clippy::cast_precision_loss, reason = "as said")]
    gauge!("gatehouse_provider_metadata", "state" => state).set(count as f64);
}

/// What ends, as Prometheus text: kind, tenant and name of each, and the seconds that are left. Names are those that
/// administrators gave; of what is gone no series stays.
#[must_use]
pub fn expiry<'a>(all: impl Iterator<Item = ([&'a str; 3], i64)>) -> String {
    let mut text = series("gatehouse_expires_in_seconds");
    for (labels, seconds) in all {
        let [kind, tenant, name] = labels.map(|text| text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n"));
        text += &format!("gatehouse_expires_in_seconds{{kind=\"{kind}\",tenant=\"{tenant}\",name=\"{name}\"}} {seconds}\n");
    }
    text
}

fn series(name: &str) -> String {
    format!("# TYPE {name} gauge\n")
}

/// One attempt to send something: `kind` is `mail` or `backchannel_logout`; `outcome` is `arrived`, `later`, `moot` or
/// `given_up`.
pub fn delivery(kind: &'static str, outcome: &'static str) {
    counter!("gatehouse_deliveries_total", "kind" => kind, "outcome" => outcome).increment(1);
}

/// One request to a grant: `outcome` is `issued` or the OAuth error code.
pub fn token(grant: &'static str, outcome: &'static str) {
    counter!("gatehouse_token_requests_total", "grant" => grant, "outcome" => outcome).increment(1);
}
