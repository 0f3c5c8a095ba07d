//! What answers of forward auth have in common with all others, although they go through none of the layers: they are
//! counted and named, and what a browser may get to see is protected.

use super::{API, BROWSER, DIALECTS, Guarded, STATE};
use crate::{
    browser::Browser,
    on_both,
    sso::Log,
    world::{Backend, World},
};

on_both!(
    answers_are_counted_and_named,
    what_a_browser_may_see_is_protected,
    a_stranger_leaves_one_line,
    each_thing_that_a_proxy_does_not_say_is_named
);

/// Whoever reaches us without the proxy asks as often as they like.
async fn a_stranger_leaves_one_line(backend: Backend) {
    let world = Guarded::bare(World::with(backend, STATE, &[]).await).await;
    let log = Log::down_to(tracing::Level::INFO);
    for dialect in [DIALECTS, DIALECTS].concat() {
        assert_eq!(world.ask(dialect, "app.example", "/", &[API]).await.status, 400);
    }
    let text = log.text();
    assert_eq!(text.matches("the question cannot be read").count(), 1, "{text}");
    assert!(text.contains("GATEHOUSE_TRUSTED_PROXIES"), "its operator reads what to do: {text}");
}

/// Who sets a proxy up mends one header, and is told of the next.
async fn each_thing_that_a_proxy_does_not_say_is_named(backend: Backend) {
    let world = Guarded::new(backend).await;
    let log = Log::down_to(tracing::Level::INFO);
    let all = [
        ("x-forwarded-method", "GET"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "app.example"),
        ("x-forwarded-uri", "/"),
    ];
    for (missing, _) in all {
        let headers: Vec<_> = all.into_iter().filter(|(name, _)| *name != missing).collect();
        for _ in 0..2 {
            assert_eq!(Browser::new().get_with(&format!("{}/auth/forward", world.url), &headers).await.status, 400);
        }
    }
    let text = log.text();
    assert_eq!(text.matches("the question cannot be read").count(), 4, "{text}");
    for (missing, _) in all {
        assert_eq!(text.matches(&format!("the header {missing} is missing")).count(), 1, "{missing}: {text}");
    }
}

async fn answers_are_counted_and_named(backend: Backend) {
    gatehouse::metrics::install();
    let world = Guarded::new(backend).await;
    let own = format!("Bearer {}", world.own().await);
    let mut ids = Vec::new();
    for dialect in DIALECTS {
        for headers in [&[API, ("authorization", &*own)][..], &[API]] {
            let answer = world.ask(dialect, "app.example", "/page-4711", headers).await;
            ids.push(answer.header("x-request-id").unwrap().to_owned());
            let named = [headers, &[("x-request-id", "of-the-proxy")]].concat();
            let answer = world.ask(dialect, "app.example", "/page-4711", &named).await;
            assert_eq!(answer.header("x-request-id"), Some("of-the-proxy"));
        }
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 6, "each has its own");
    let metrics = Browser::new().get(&format!("{}/metrics", world.url)).await.body;
    for route in ["/auth/forward", "/auth/request", "/auth/envoy/{*path}"] {
        let series = format!("gatehouse_http_requests_total{{route=\"{route}\",method=\"GET\",status=");
        let of = |status: u16| metrics.contains(&format!("{series}\"{status}\"}}"));
        assert!(of(200) && of(401), "{route} in {metrics}");
        let took = format!("gatehouse_http_request_duration_seconds_count{{route=\"{route}\",method=\"GET\"}}");
        assert!(metrics.contains(&took), "{took} in {metrics}");
    }
    assert!(!metrics.contains("page-4711"), "what callers send is no label");
}

async fn what_a_browser_may_see_is_protected(backend: Backend) {
    let world = Guarded::new(backend).await;
    world.site("closed", serde_json::json!({"hosts": ["closed.example"], "issuers": ["gatehouse"], "claims": [{"claim": "sub", "values": ["nobody"], "match_type": "exact"}]})).await;
    let own = format!("Bearer {}", world.own().await);
    for dialect in DIALECTS {
        for (host, headers) in [
            ("app.example", &[BROWSER][..]),
            ("closed.example", &[API, ("authorization", &*own)]),
            ("nowhere.example", &[BROWSER]),
        ] {
            let answer = world.ask(dialect, host, "/", headers).await;
            assert_ne!(answer.status, 200);
            for (name, value) in [
                ("cache-control", "no-store"),
                ("x-content-type-options", "nosniff"),
                ("x-frame-options", "DENY"),
                ("referrer-policy", "same-origin"),
            ] {
                assert_eq!(answer.header(name), Some(value), "{dialect:?} {host}");
            }
            assert!(answer.header("content-security-policy").unwrap().contains("default-src 'none'"));
        }
        // Only the proxy reads that somebody passes, and nothing may keep it.
        let answer = world.ask(dialect, "app.example", "/", &[API, ("authorization", &own)]).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
    }
}
