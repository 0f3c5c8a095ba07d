//! Counters and durations for Prometheus. Every label comes from a list of this program's own: nothing a caller sends
//! becomes a label value (timestamp-authority CVE-2026-49835).

use std::{sync::LazyLock, time::Duration};

use metrics::{counter, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

const BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// The process has one recorder; applications in one process (tests) share it.
static RECORDER: LazyLock<Option<PrometheusHandle>> = LazyLock::new(|| {
    let matcher = Matcher::Suffix("_seconds".to_owned());
    let builder = PrometheusBuilder::new().set_buckets_for_metric(matcher, &BUCKETS).ok()?;
    builder.install_recorder().ok()
});

/// Starts recording; later calls change nothing.
pub fn install() {
    LazyLock::force(&RECORDER);
}

/// Everything recorded, as Prometheus text.
#[must_use]
pub fn render() -> String {
    let Some(handle) = RECORDER.as_ref() else { return String::new() };
    handle.run_upkeep();
    handle.render()
}

/// One answered request: `route` is the pattern that matched, never the path that was asked for.
pub fn request(route: String, method: &'static str, status: u16, took: Duration) {
    counter!("gatehouse_http_requests_total", "route" => route.clone(), "method" => method, "status" => status.to_string())
        .increment(1);
    histogram!("gatehouse_http_request_duration_seconds", "route" => route, "method" => method).record(took);
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

/// One attempt to send something: `kind` is `mail` or `backchannel_logout`; `outcome` is `arrived`, `later`, `moot` or
/// `given_up`.
pub fn delivery(kind: &'static str, outcome: &'static str) {
    counter!("gatehouse_deliveries_total", "kind" => kind, "outcome" => outcome).increment(1);
}

/// One request to a grant: `outcome` is `issued` or the OAuth error code.
pub fn token(grant: &'static str, outcome: &'static str) {
    counter!("gatehouse_token_requests_total", "grant" => grant, "outcome" => outcome).increment(1);
}
