//! Paths that decide: the longest wins, and what servers read differently meets no rule (threats H4).

use gatehouse::{params, store::On};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{API, Dialect, Guarded};
use crate::{on_both, world::Backend};

on_both!(
    public_paths_are_public_and_nothing_else,
    a_site_by_its_path,
    a_path_cannot_be_disguised,
    a_plain_host_takes_any_path,
    a_damaged_site_stays_closed
);

async fn sites(backend: Backend) -> Guarded {
    let world = Guarded::new(backend).await;
    world.site("shop", json!({"hosts": ["shop.example"], "public_paths": ["/health", "/static/open"]})).await;
    world.site("admin", json!({"hosts": ["shop.example"], "paths": ["/admin"], "issuers": ["okta"]})).await;
    world
}

async fn public_paths_are_public_and_nothing_else(backend: Backend) {
    let world = sites(backend).await;
    for (target, status) in [
        ("/health", 200),
        ("/health?full=1", 200),
        ("/health/deep", 200),
        ("/static/open/x.css", 200),
        ("/", 401),
        ("/healthy", 401),
        ("/static", 401),
        ("/static/opened", 401),
        ("/x?/health", 401),
        ("/x?a=/../health", 401),
        ("/HEALTH", 403),
    ] {
        assert_eq!(world.status("shop.example", target, &[API]).await, status, "{target}");
    }
}

async fn a_site_by_its_path(backend: Backend) {
    let world = sites(backend).await;
    let own = format!("Bearer {}", world.own().await);
    let okta = format!("Bearer {}", super::foreign(json!({})));
    for (target, own_status, okta_status) in [
        ("/", 200, 401),
        ("/admin", 401, 200),
        ("/admin/users?x", 401, 200),
        ("/administrator", 200, 401),
        ("/%61dmin/users", 401, 200),
    ] {
        assert_eq!(world.status("shop.example", target, &[API, ("authorization", &own)]).await, own_status, "{target}");
        assert_eq!(world.status("shop.example", target, &[API, ("authorization", &okta)]).await, okta_status, "{target}");
    }
}

async fn a_damaged_site_stays_closed(backend: Backend) {
    let world = sites(backend).await;
    let own = format!("Bearer {}", world.own().await);
    let status = async |target| world.status("shop.example", target, &[API, ("authorization", &own)]).await;
    assert_eq!((status("/").await, status("/admin").await), (200, 401));
    let sql = "UPDATE sites SET settings = '{' WHERE id = 'site-admin' RETURNING tenant_id";
    assert_eq!(On::from(&world.app.db).publish(sql, params![]).await.unwrap(), 1);
    // Not by the rules of the site around it, and the others go on.
    for target in ["/admin", "/admin/users"] {
        assert_eq!(status(target).await, 403, "{target}");
    }
    assert_eq!((status("/").await, status("/health").await), (200, 200));
    assert_eq!(world.status("app.example", "/", &[API, ("authorization", &own)]).await, 200);
}

/// As they stand on the wire: no HTTP client would send them.
const DISGUISES: [&str; 24] = [
    "//admin",
    "/./admin",
    "/x/../admin",
    "/health/../admin",
    "/health/..",
    "/health/%2e%2e/admin",
    "/health/%2E%2E/admin",
    "/health%2f..%2fadmin",
    "/health/..%2fadmin",
    "/health;/../admin",
    "/health;a=b",
    "/health%3b",
    "/health%5c..%5cadmin",
    "/health//",
    "/health/.",
    "/admin.",
    "/admin./users",
    "/admin%20",
    "/admin%20/users",
    "/health%00",
    "/health%252f..%252fadmin",
    "/Health",
    "/admin%2fusers",
    "/ADMIN",
];

async fn a_path_cannot_be_disguised(backend: Backend) {
    let world = sites(backend).await;
    let own = format!("Bearer {}", world.own().await);
    for target in DISGUISES {
        for dialect in [Dialect::Forward, Dialect::Request] {
            let answer = world.ask(dialect, "shop.example", target, &[API, ("authorization", &own)]).await;
            assert_eq!(answer.status, 403, "{dialect:?} {target}");
        }
        assert_eq!(envoy(&world, "shop.example", target, &own).await, 403, "envoy {target}");
    }
    assert_eq!(envoy(&world, "shop.example", "/page", &own).await, 200, "the honest twin");
    for target in ["/health\\..\\admin", "/health#/../admin", "health", "/a b"] {
        let answer = world.ask(Dialect::Forward, "shop.example", target, &[API, ("authorization", &own)]).await;
        assert!(matches!(answer.status, 400 | 403), "{target}: {}", answer.status);
    }
}

async fn a_plain_host_takes_any_path(backend: Backend) {
    let world = sites(backend).await;
    let own = format!("Bearer {}", world.own().await);
    for target in DISGUISES {
        let answer = world.ask(Dialect::Forward, "app.example", target, &[API, ("authorization", &own)]).await;
        assert_eq!(answer.status, 200, "no rule of this host depends on {target}");
        let answer = world.ask(Dialect::Forward, "app.example", target, &[API]).await;
        assert_eq!(answer.status, 401, "{target}");
    }
}

async fn envoy(world: &Guarded, host: &str, target: &str, authorization: &str) -> u16 {
    let address = world.url.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /auth/envoy{target} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Proto: https\r\nAuthorization: {authorization}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}
