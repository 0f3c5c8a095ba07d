//! Each dialect: what it answers to whom, and that nobody passes when the proxy does not say what the request was.

use gatehouse::{policy::role::Role, store::resources::Holder};
use serde_json::json;

use super::{API, BROWSER, DIALECTS, Dialect, Guarded, STATE, bearer, foreign};
use crate::{
    browser::{Answer, Browser},
    on_both,
    sso::Log,
    world::{Backend, World, text},
};

on_both!(
    who_passes_and_who_does_not,
    browsers_are_sent_to_the_sign_in,
    scripts_are_never_redirected,
    what_is_missing_is_never_an_allow,
    only_trusted_proxies_may_ask,
    a_foreign_token_is_for_the_site_and_has_its_scopes,
    a_refusal_says_where_tokens_come_from
);

async fn who_passes_and_who_does_not(backend: Backend) {
    let world = Guarded::new(backend).await;
    world.site_of(&world.tenant, "off", json!({"hosts": ["off.example"], "public_paths": ["/open"]}), false).await;
    let resource = world.resource().await;
    let rule = json!({"type": "model", "name": "gpt"});
    world.site("model", json!({"hosts": ["model.example"], "resource": rule, "role": "editor"})).await;
    let own = world.own().await;
    let answer = world.redeem("other-web", &other_code(&world).await).await;
    let other_tenant = text(&answer.json(), "access_token").to_owned();
    let hs = format!("{}x", foreign(json!({})));
    let wrong_issuer = foreign(json!({"iss": "https://evil.example"}));
    let wrong_audience = foreign(json!({"aud": "https://else.example"}));
    let expired = foreign(json!({"exp": gatehouse_start() - 3600}));
    for (name, host, token, status) in [
        ("own", "app.example", &own, 200),
        ("foreign", "app.example", &foreign(json!({})), 200),
        ("a changed signature", "app.example", &hs, 401),
        ("an unknown issuer", "app.example", &wrong_issuer, 401),
        ("another audience", "app.example", &wrong_audience, 401),
        ("expired", "app.example", &expired, 401),
        ("another tenant's", "app.example", &other_tenant, 401),
        ("no role", "model.example", &own, 403),
        ("a site that is off", "off.example", &own, 403),
        ("an unknown host", "evil.example", &own, 403),
        ("an issuer of another site", "model.example", &foreign(json!({})), 401),
    ] {
        let (header, value) = bearer(token);
        assert_eq!(world.status(host, "/page", &[API, (header, &value)]).await, status, "{name}");
    }
    assert_eq!(world.status("off.example", "/open/x", &[API]).await, 403);
    let (header, value) = bearer(&own);
    for (role, status) in [(Role::Viewer, 403), (Role::Editor, 200), (Role::Manager, 200)] {
        world.give(&resource, Holder::User(world.user("ada@acme.example").await), role).await;
        assert_eq!(world.status("model.example", "/", &[API, (header, &value)]).await, status, "{role:?}");
    }
    // The cookie of the hops is as good as the header, and for our own tokens only.
    assert_eq!(world.status("app.example", "/", &[API, ("cookie", &format!("accessToken={own}"))]).await, 200);
    assert_eq!(world.status("app.example", "/", &[API, ("cookie", &format!("accessToken={}", foreign(json!({}))))]).await, 401);
    // A tenant that is switched off has no sites.
    world.sql("UPDATE tenants SET enabled = FALSE WHERE name = 'acme'").await;
    world.clock.advance(6);
    world.sql("UPDATE revisions SET value = value + 1 WHERE name = 'catalogue'").await;
    assert_eq!(world.status("app.example", "/page", &[API, (header, &value)]).await, 403);
}

fn gatehouse_start() -> i64 {
    crate::world::START
}

async fn other_code(world: &World) -> String {
    let mut browser = Browser::new();
    let url = world.authorize_url("other-web", &[]);
    let answer = world.sign_in(&mut browser, &url, "ada@acme.example", "battery staple").await;
    answer.query("code").unwrap()
}

/// Where a browser is sent, by whichever header the dialect has for it.
fn login_url(dialect: Dialect, answer: &Answer) -> String {
    let location = answer.location().unwrap_or_else(|| panic!("{dialect:?}: {} {}", answer.status, answer.body)).to_owned();
    if dialect == Dialect::Request {
        assert_eq!(answer.header("x-gatehouse-login-url"), Some(location.as_str()));
        assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer"));
    }
    location
}

async fn browsers_are_sent_to_the_sign_in(backend: Backend) {
    let world = Guarded::new(backend).await;
    for dialect in DIALECTS {
        let answer = world.ask(dialect, "app.example", "/page?a=1&b=%2F", &[BROWSER]).await;
        assert_eq!(answer.status, if dialect == Dialect::Request { 401 } else { 302 });
        let start = "https://app.example/.gatehouse/start?rd=%2Fpage%3Fa%3D1%26b%3D%252F";
        assert_eq!(login_url(dialect, &answer), start);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let form = [BROWSER, ("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-mode", "navigate")];
        let answer = world.ask_as(dialect, "POST", "app.example", "/save", &form).await;
        assert_eq!(answer.status, if dialect == Dialect::Request { 401 } else { 303 }, "a form is not sent again");
        // What a cookie that has ended brings is a new sign-in.
        let answer = world.ask(dialect, "app.example", "/", &[BROWSER, ("cookie", "accessToken=x.y.z")]).await;
        login_url(dialect, &answer);
    }
    world.site("app", json!({"hosts": ["app.example"]})).await;
    assert_eq!(world.status("app.example", "/", &[BROWSER]).await, 401, "without a login there is nowhere to send them");
}

async fn scripts_are_never_redirected(backend: Backend) {
    let world = Guarded::new(backend).await;
    let mcp = [("content-type", "application/json"), ("accept", "application/json, text/event-stream")];
    for (method, headers) in [
        ("GET", vec![API]),
        ("GET", vec![]),
        ("GET", vec![BROWSER, ("x-requested-with", "XMLHttpRequest")]),
        ("GET", vec![BROWSER, ("sec-fetch-mode", "cors")]),
        ("GET", vec![BROWSER, ("sec-websocket-key", "x")]),
        ("GET", vec![BROWSER, ("authorization", "Bearer not.a.token")]),
        ("GET", vec![BROWSER, ("authorization", "Basic YTpi")]),
        ("PUT", vec![BROWSER]),
        ("DELETE", vec![BROWSER]),
        ("POST", vec![BROWSER]),
        ("POST", mcp.to_vec()),
        ("OPTIONS", vec![("origin", "https://spa.example"), ("access-control-request-method", "GET")]),
    ] {
        for dialect in DIALECTS {
            let answer = world.ask_as(dialect, method, "app.example", "/", &headers).await;
            assert_eq!((answer.status, answer.location()), (401, None), "{dialect:?} {method} {headers:?}");
            assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer "), "{dialect:?}");
            assert!(answer.header("x-gatehouse-login-url").is_none());
        }
    }
}

async fn what_is_missing_is_never_an_allow(backend: Backend) {
    let world = Guarded::new(backend).await;
    let token = bearer(&world.own().await);
    let credential = (token.0, token.1.as_str());
    let forward = [
        ("x-forwarded-method", "GET"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "app.example"),
        ("x-forwarded-uri", "/page"),
    ];
    let request = [("x-original-url", "https://app.example/page"), ("x-original-method", "GET")];
    let envoy = [("x-forwarded-proto", "https"), ("host", "app.example")];
    for (path, sound) in [("/auth/forward", &forward[..]), ("/auth/request", &request), ("/auth/envoy/page", &envoy)] {
        let url = format!("{}{path}", world.url);
        let ask = async |headers: &[(&str, &str)]| {
            let mut all = headers.to_vec();
            all.push(credential);
            Browser::new().get_with(&url, &all).await
        };
        assert_eq!(ask(sound).await.status, 200, "{path}");
        for (at, (name, value)) in sound.iter().enumerate() {
            if *name == "host" {
                continue;
            }
            let log = Log::capture();
            let without: Vec<_> = sound.iter().filter(|(n, _)| n != name).copied().collect();
            world.app.limits.begin_round();
            assert_eq!(ask(&without).await.status, 400, "{path} without {name}");
            assert!(log.text().contains(&format!("{name} is missing")), "{}", log.text());
            let mut twice = sound.to_vec();
            twice.push((name, value));
            world.app.limits.begin_round();
            assert_eq!(ask(&twice).await.status, 400, "{path} with {name} twice");
            assert!(log.text().contains(&format!("{name} is there more than once")), "{}", log.text());
            for bad in ["", "\u{e4}", "https://app.example, https://evil.example/", "evil.example/@x", "GE T"] {
                let mut other = sound.to_vec();
                other[at].1 = bad;
                assert_eq!(ask(&other).await.status, 400, "{path} with {name}: {bad}");
            }
        }
    }
    for url in [
        "app.example/page",
        "ftp://app.example/",
        "https://app.example",
        "https:///page",
        "https://app.example/a b",
        "https://app.example/a#b",
    ] {
        let headers = [("x-original-url", url), ("x-original-method", "GET"), credential];
        let answer = Browser::new().get_with(&format!("{}/auth/request", world.url), &headers).await;
        assert_eq!(answer.status, 400, "{url}");
    }
}

async fn only_trusted_proxies_may_ask(backend: Backend) {
    let world = World::with(backend, STATE, &[("TRUSTED_PROXIES", "192.0.2.0/24")]).await;
    let world = Guarded::bare(world).await;
    world.site("app", json!({"hosts": ["app.example"]})).await;
    let (header, value) = bearer(&world.own().await);
    let log = Log::capture();
    assert_eq!(world.status("app.example", "/", &[(header, &value)]).await, 400);
    assert!(log.text().contains("GATEHOUSE_TRUSTED_PROXIES"), "{}", log.text());
    let answer = Browser::new().get_with(&format!("{}/.gatehouse/start", world.url), &[("x-forwarded-proto", "https")]).await;
    assert_eq!(answer.status, 400);
}

async fn a_foreign_token_is_for_the_site_and_has_its_scopes(backend: Backend) {
    let world = Guarded::new(backend).await;
    let (mcp, other) = ("https://mcp.example/mcp", "https://other.example");
    world.issuer("keycloak", "https://keycloak.example", json!({"audience": [mcp, other]})).await;
    let site = json!({"hosts": ["mcp.example"], "audience": mcp, "scopes": ["mcp:read"], "issuers": ["keycloak"]});
    world.site("mcp", site).await;
    for (mut change, expected) in [
        (json!({"aud": mcp, "scope": "mcp:read mcp:write"}), 200),
        (json!({"aud": [other, mcp], "scp": ["mcp:read"]}), 200),
        (json!({"aud": other, "scope": "mcp:read"}), 401),
        (json!({"aud": mcp}), 403),
        (json!({"aud": mcp, "scope": "mcp:reader"}), 403),
    ] {
        change["iss"] = json!("https://keycloak.example");
        let (name, value) = bearer(&foreign(change.clone()));
        assert_eq!(world.status("mcp.example", "/mcp", &[(name, &value)]).await, expected, "{change}");
    }
}

async fn a_refusal_says_where_tokens_come_from(backend: Backend) {
    let world = Guarded::new(backend).await;
    let site = json!({"hosts": ["mcp.example"], "audience": "https://mcp.example/mcp", "scopes": ["mcp:read"]});
    world.site("mcp", site).await;
    let metadata = "resource_metadata=\"https://mcp.example/.well-known/oauth-protected-resource/mcp\", scope=\"mcp:read\"";
    let without = world.own_for("openid email", "https://mcp.example/mcp").await;
    let with = world.own_for("openid mcp:read", "https://mcp.example/mcp").await;
    let elsewhere = world.own_for("openid mcp:read", "https://other.example").await;
    for dialect in DIALECTS {
        let ask = async |token: Option<&str>| {
            let value = token.map(|token| format!("Bearer {token}"));
            let headers: Vec<_> = value.iter().map(|value| ("authorization", value.as_str())).collect();
            world.ask_as(dialect, "POST", "mcp.example", "/mcp", &headers).await
        };
        let answer = ask(None).await;
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some(format!("Bearer {metadata}").as_str())));
        let answer = ask(Some("x.y.z")).await;
        assert_eq!(answer.status, 401);
        assert!(answer.header("www-authenticate").unwrap().contains("error=\"invalid_token\""));
        let answer = ask(Some(&elsewhere)).await;
        assert_eq!((answer.status, &answer.json()["error_description"]), (401, &json!("Invalid audience")));
        let answer = ask(Some(&without)).await;
        assert_eq!(answer.status, 403);
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.contains("error=\"insufficient_scope\"") && challenge.contains(metadata), "{challenge}");
        assert_eq!(ask(Some(&with)).await.status, 200);
    }
}
