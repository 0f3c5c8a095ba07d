//! Separate headers under names that the operator has chosen: the site is told by them, and copies of the client's go nowhere,
//! as with the usual ones.

use gatehouse::store;
use serde_json::json;

use super::{API, DIALECTS, Dialect, Guarded, bearer, foreign};
use crate::{on_both, world::Backend};

on_both!(a_site_is_told_by_its_own_names, copies_under_chosen_names_go_nowhere, the_header_of_tokens_is_no_copy);

const NAMED: &str = "named.example";

/// The site `named`, which is told some of it by names of its own, and anybody may reach a part of.
async fn world(backend: Backend) -> Guarded {
    let world = Guarded::new(backend).await;
    let names = json!({"user": "X-Auth-Request-User", "email": "X-Auth-Request-Email", "groups": "X-Auth-Request-Groups"});
    let site = json!({
        "hosts": [NAMED], "issuers": ["gatehouse", "okta"], "public_paths": ["/open"], "identity": {"header_names": names},
    });
    world.site("named", site).await;
    world
}

async fn a_site_is_told_by_its_own_names(backend: Backend) {
    let world = world(backend).await;
    let (header, value) = bearer(&world.own().await);
    for dialect in DIALECTS {
        let answer = world.ask(dialect, NAMED, "/", &[API, (header, &value)]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        for (name, told) in [
            ("x-auth-request-user", Some("ada@acme.example")),
            ("x-auth-request-email", Some("ada@acme.example")),
            ("remote-name", Some("Ada")),
            ("remote-issuer", Some(world.url.as_str())),
            ("remote-user", None),
            ("remote-email", None),
            ("remote-groups", None),
        ] {
            assert_eq!(answer.header(name), told, "{dialect:?} {name}");
        }
        let mut groups: Vec<&str> = answer.header("x-auth-request-groups").unwrap().split(',').collect();
        groups.sort_unstable();
        assert_eq!(groups, ["on%2C call", "sre"]);
        // Nobody stands behind a public path: all there, all empty.
        let answer = world.ask(dialect, NAMED, "/open", &[API]).await;
        assert_eq!(answer.status, 200);
        for name in ["x-auth-request-user", "x-auth-request-email", "x-auth-request-groups", "remote-name", "remote-subject"] {
            assert_eq!(answer.header(name), Some(""), "{dialect:?} {name}");
        }
    }
    let answer = world.ask(Dialect::Envoy, NAMED, "/", &[API, (header, &value)]).await;
    let removed = "remote-user,remote-email,remote-groups,x-user-claims,x-user-jwt,authorization";
    assert_eq!(answer.header("x-envoy-auth-headers-to-remove"), Some(removed));
    // What is stored by hand and cannot be told by lets nobody in.
    for names in [json!({"user": "Authorization"}), json!({"user": "X-Who", "name": "x-who"})] {
        world.site("bad", json!({"hosts": ["bad.example"], "identity": {"header_names": names}})).await;
        assert_eq!(world.status("bad.example", "/", &[API, (header, &value)]).await, 403, "{names}");
        assert_eq!(world.status("app.example", "/", &[API, (header, &value)]).await, 200, "and harms no other");
    }
}

/// Whose host × what the client sends, in every dialect.
async fn copies_under_chosen_names_go_nowhere(backend: Backend) {
    let world = world(backend).await;
    let other = store::tenants::find_by_name(&world.app.db, "other").await.unwrap().unwrap().id;
    let theirs = json!({"hosts": ["theirs.example"], "public_paths": ["/"]});
    world.site_of(&other, "theirs", theirs, true).await;
    let (header, value) = bearer(&world.own().await);
    let ours = [API, (header, value.as_str())];
    for (host, target, own, chosen, usual) in [
        (NAMED, "/", &ours[..], 403, 403),
        (NAMED, "/open", &[API], 403, 403),
        // Another site of the tenant's, whose application may read what it is not told by.
        ("app.example", "/", &ours, 403, 403),
        // What one organisation calls its headers is nothing to another.
        ("theirs.example", "/", &[API], 200, 403),
    ] {
        assert_eq!(world.status(host, target, own).await, 200, "{host}{target}");
        for (copy, status) in [
            ("X-Auth-Request-User", chosen),
            ("x_auth_request_user", chosen),
            ("X-Auth~Request-Email", chosen),
            ("X-AUTH-REQUEST-GROUPS", chosen),
            // Its usual name too: the application may know that one.
            ("Remote-User", usual),
            ("Remote_Name", usual),
            ("X-Auth-Request-Name", 200),
            ("X-Auth-Request-Users", 200),
        ] {
            for text in ["eve", ""] {
                let mut sent = own.to_vec();
                sent.push((copy, text));
                assert_eq!(world.status(host, target, &sent).await, status, "{host}{target} {copy}: {text:?}");
            }
        }
        for (line, status) in [("close, X-Auth-Request-User", chosen), ("close, X-Auth-Request-Name", 200)] {
            for dialect in DIALECTS {
                let mut sent = own.to_vec();
                sent.push(("connection", line));
                assert_eq!(world.ask(dialect, host, target, &sent).await.status, status, "{dialect:?} {host}{target} {line}");
            }
        }
    }
}

/// One site is told by the name of the header in which another's tokens come.
async fn the_header_of_tokens_is_no_copy(backend: Backend) {
    let world = world(backend).await;
    world.okta(json!({"header_key": "X-Auth-Request-User"})).await;
    let token = foreign(json!({}));
    assert_eq!(world.status("app.example", "/", &[API, ("x-auth-request-user", &token)]).await, 200);
    assert_eq!(world.status(NAMED, "/", &[API, ("x-auth-request-user", &token)]).await, 403, "there it tells who it is");
    assert_eq!(world.status("app.example", "/", &[API, ("x-auth-request-email", &token)]).await, 403);
}
