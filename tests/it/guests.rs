//! What guests of set-up links may not: end what a live directory pushes with, outlive whoever made their link, and look
//! around without end.

use axum::http::Method;
use gatehouse::{
    apply::single::Noun,
    domain_proof,
    policy::{api_scope::ApiScopes, own_domain},
    secret,
    store::{
        self, audit, directories, domain_proofs, setup_links,
        tenant_tokens::{self, ServiceToken},
        window::Window,
    },
};
use serde_json::{Value, json};

use crate::{
    browser::{Answer, Browser},
    on_both,
    setup_links::{Bench, LINKS},
    world::{Backend, text},
};

on_both!(
    a_live_directory_keeps_its_token,
    a_link_ends_with_whoever_made_it,
    a_link_ends_with_the_service_that_made_it,
    guests_of_a_tenant_are_counted_together,
    another_provider_is_chosen,
    a_guest_proves_one_domain,
    what_is_not_proven_goes_with_the_link,
    another_link_is_followed_on_purpose,
);

pub const BOT: &str = "0123456789abcdef0123456789abcdef";

pub async fn api(bench: &Bench, token: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let url = bench.at(&format!("/api/v1/tenants/acme/{path}"));
    Browser::new().send(method, &url, &headers, body.map(|body| body.to_string())).await
}

/// The token of a guest's directory.
async fn token(bench: &Bench, guest: &mut Browser) -> String {
    let answer = bench.send(guest, "/setup/token", &[]).await;
    let (_, rest) = answer.body.split_once("<code class=\"copy\">ghs_").unwrap_or_else(|| panic!("no token: {}", answer.body));
    format!("ghs_{}", rest.split_once('<').unwrap().0)
}

async fn pushes(bench: &Bench, token: &str) -> bool {
    let bearer = format!("Bearer {token}");
    let answer = Browser::new().get_with(&bench.at("/scim/v2/Users"), &[("authorization", &bearer)]).await;
    assert!(matches!(answer.status, 200 | 401), "{}", answer.body);
    answer.status == 200
}

async fn a_live_directory_keeps_its_token(backend: Backend) {
    let bench = Bench::new(backend).await;
    // No link for it is made while the connection is on.
    let mut ada = bench.ada().await;
    let wish = [("connection", "okta"), ("days", "7"), ("directory", "on")];
    let answer = bench.fill(&mut ada, LINKS, LINKS, &wish).await;
    assert!(answer.status == 422 && answer.body.contains("switch it off first"), "{} {}", answer.status, answer.body);
    let wish = json!({"connection": "okta", "directory": true});
    let answer = api(&bench, BOT, Method::POST, "setup-links", Some(wish)).await;
    assert_eq!((answer.status, text(&answer.json(), "error")), (409, "conflict"), "{}", answer.body);
    let bare = api(&bench, BOT, Method::POST, "setup-links", Some(json!({"connection": "okta"}))).await;
    assert!(bare.status == 409 && bare.body.contains("a link fills in a draft"), "{} {}", bare.status, bare.body);
    let draft = api(&bench, BOT, Method::POST, "setup-links", Some(json!({"connection": "read"}))).await;
    assert_eq!(draft.status, 201, "the honest twin: {}", draft.body);

    // A guest replaces what the guest made.
    let mut guest = bench.follow(&bench.link("corp", &[("directory", "on")]).await).await;
    bench.save(&mut guest).await;
    let first = token(&bench, &mut guest).await;
    let second = token(&bench, &mut guest).await;
    assert_eq!((pushes(&bench, &first).await, pushes(&bench, &second).await), (false, true));
    // And nothing once the connection is on.
    bench.sql("UPDATE connections SET enabled = TRUE WHERE name = 'corp'").await;
    let answer = bench.send(&mut guest, "/setup/token", &[]).await;
    assert!(answer.status == 409 && answer.body.contains("The directory is in use"), "{} {}", answer.status, answer.body);
    assert!(!guest.get(&bench.at("/setup")).await.body.contains("Make a token"), "it is not offered");
    assert!(pushes(&bench, &second).await);
    // Nor what the operator has made since, though the connection be off again.
    bench.sql("UPDATE connections SET enabled = FALSE WHERE name = 'corp'").await;
    let made = api(&bench, BOT, Method::POST, "directories/corp/token", Some(json!({}))).await.json();
    let operators = text(&made, "token").to_owned();
    let answer = bench.send(&mut guest, "/setup/token", &[]).await;
    assert_eq!(answer.status, 409, "{}", answer.body);
    assert!(pushes(&bench, &operators).await);
    let ended = api(&bench, BOT, Method::DELETE, &format!("directories/corp/tokens/{}", text(&made, "id")), None).await;
    assert_eq!(ended.status, 204);
    let third = token(&bench, &mut guest).await;
    assert!(pushes(&bench, &third).await, "where none lives there is none to end");
    // Another link is another guest's.
    let mut another = bench.follow(&bench.link("corp", &[("directory", "on")]).await).await;
    assert_eq!(bench.send(&mut another, "/setup/token", &[]).await.status, 409);
    let id = &bench.tenant("acme").await.id;
    assert!(directories::find_by_name(&bench.app.db, id, "corp").await.unwrap().is_some() && pushes(&bench, &third).await);
}

/// Whether the link opens something, where it is followed and where it was.
async fn opens(bench: &Bench, url: &str, guest: &mut Browser) -> bool {
    let (entered, page) = (Browser::new().get(url).await.status, guest.get(&bench.at("/setup")).await.status);
    assert!(matches!((entered, page), (303, 200) | (404, 404)), "{entered} {page}");
    page == 200
}

async fn a_link_ends_with_whoever_made_it(backend: Backend) {
    for (end, comes_back) in [("shut out", false), ("password", false), ("demoted", false), ("tenant", true), ("deleted", false)]
    {
        let bench = Bench::new(backend).await;
        // Somebody else administers on.
        bench.sql("UPDATE users SET admin = TRUE WHERE email = 'bob@acme.example'").await;
        let url = bench.link("corp", &[]).await;
        let mut guest = bench.follow(&url).await;
        assert!(opens(&bench, &url, &mut guest).await, "as long as she may");
        let ada = bench.user_id("ada@acme.example").await;
        match end {
            "shut out" => drop(bench.shut_out(&ada).await),
            "deleted" => drop(bench.remove(&ada).await),
            "password" => {
                let body = json!({"password": "another password of hers", "admin": true});
                let answer = api(&bench, BOT, Method::PUT, "users/ada@acme.example", Some(body)).await;
                assert_eq!(answer.status, 200, "{}", answer.body);
            }
            "demoted" => {
                let answer = api(&bench, BOT, Method::PUT, "users/ada@acme.example", Some(json!({"admin": false}))).await;
                assert_eq!(answer.status, 200, "{}", answer.body);
            }
            // A platform administrator of another tenant, which is switched off.
            _ => {
                bench
                    .sql("UPDATE users SET platform = TRUE, tenant_id = (SELECT id FROM tenants WHERE name = 'other') WHERE email = 'ada@acme.example'")
                    .await;
                assert!(opens(&bench, &url, &mut guest).await, "she may everywhere");
                bench.sql("UPDATE tenants SET enabled = FALSE WHERE name = 'other'").await;
            }
        }
        assert!(!opens(&bench, &url, &mut guest).await, "{end}");
        for path in ["/setup", "/setup/check", "/setup/token", "/setup/domain"] {
            assert_eq!(guest.post(&bench.at(path), &[]).await.status, 404, "{end}: {path}");
        }
        let _ = bench.open_again(&ada).await;
        bench.sql("UPDATE users SET admin = TRUE").await;
        bench.sql("UPDATE tenants SET enabled = TRUE").await;
        assert_eq!(opens(&bench, &url, &mut guest).await, comes_back, "{end}");
        let links = setup_links::window(&bench.app.db, &Window::new(&bench.tenant("acme").await.id, "", "", 10)).await.unwrap();
        assert_eq!(links[0].state(bench.clock.now()) == "open", comes_back, "{end}");
    }
}

async fn a_link_ends_with_the_service_that_made_it(backend: Backend) {
    let bench = Bench::new(backend).await;
    let (db, now) = (&bench.app.db, bench.clock.now());
    let known = secret::token(tenant_tokens::PREFIX);
    let row = ServiceToken {
        id: secret::row_id(now),
        tenant_id: bench.tenant("acme").await.id,
        name: "onboarding".to_owned(),
        fingerprint: Some(tenant_tokens::fingerprint(&bench.app.sealer, &known)),
        declared: false,
        retired: None,
        enabled: true,
        scopes: ApiScopes::parse(["connections:write", "directories:write"]).unwrap(),
        expires_at: Some(now + 86_400),
        made_with: None,
        last_used_at: None,
        created_at: now,
    };
    tenant_tokens::save(db, &row).await.unwrap();
    let wish = json!({"connection": "corp", "directory": true, "days": 1});
    let made = api(&bench, &known, Method::POST, "setup-links", Some(wish)).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let made = made.json();
    let url = text(&made, "url");
    let mut guest = bench.follow(url).await;
    bench.save(&mut guest).await;
    let pushed = token(&bench, &mut guest).await;
    for (what, changed) in [
        ("disabled", ServiceToken { enabled: false, ..row.clone() }),
        ("ended", ServiceToken { expires_at: Some(now), ..row.clone() }),
        ("less than the link", ServiceToken { scopes: ApiScopes::parse(["connections:write"]).unwrap(), ..row.clone() }),
    ] {
        assert!(opens(&bench, url, &mut guest).await, "before it is {what}");
        tenant_tokens::save(db, &changed).await.unwrap();
        assert!(!opens(&bench, url, &mut guest).await, "{what}");
        tenant_tokens::save(db, &row).await.unwrap();
    }
    assert!(pushes(&bench, &pushed).await, "the honest twin: within the service's day");
    assert!(store::tenant_tokens::delete(db, &row.id).await.unwrap());
    assert!(!opens(&bench, url, &mut guest).await, "deleted");
    assert!(!pushes(&bench, &pushed).await, "nor what was made by the link");
    tenant_tokens::save(db, &row).await.unwrap();
    assert!(pushes(&bench, &pushed).await);
    bench.clock.advance(86_400);
    assert!(!pushes(&bench, &pushed).await, "what a token has made is good no longer than it");
}

/// Each look calls addresses that the guest has typed; whoever makes links makes many.
async fn guests_of_a_tenant_are_counted_together(backend: Backend) {
    let bench = Bench::new(backend).await;
    let mut looks = 0;
    'links: for n in 0..4 {
        let made =
            api(&bench, BOT, Method::POST, "setup-links", Some(json!({"connection": format!("c{n}"), "domain": true}))).await;
        let mut guest = bench.follow(text(&made.json(), "url")).await;
        let answer = bench.send(&mut guest, "/setup/domain", &[("domain", "b.example")]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        let csrf = guest.get(&bench.at("/setup")).await.csrf();
        for _ in 0..12 {
            let answer = guest.post(&bench.at("/setup/domain/check"), &[("csrf", &csrf)]).await;
            if answer.status == 422 {
                assert!(answer.body.contains("too often"), "{}", answer.body);
                break 'links;
            }
            looks += 1;
        }
    }
    // Each by itself would have had thirty; real time gives one back every two seconds.
    assert!((30..48).contains(&looks), "{looks} looks by four links of one tenant");
    // Open links are bounded; what is revoked makes room.
    let link = async |n: usize| api(&bench, BOT, Method::POST, "setup-links", Some(json!({"connection": format!("d{n}")}))).await;
    let mut made = 0;
    let refused = loop {
        let answer = link(made).await;
        if answer.status != 201 {
            break answer;
        }
        made += 1;
        assert!(made <= 50, "there is no end of links");
    };
    assert!(refused.status == 409 && refused.body.contains("50 links are open"), "{} {}", refused.status, refused.body);
    let mut ada = bench.ada().await;
    let answer = bench.fill(&mut ada, LINKS, LINKS, &[("connection", "more"), ("days", "7")]).await;
    assert!(answer.status == 422 && answer.body.contains("50 links are open"), "{}", answer.body);
    let listed = api(&bench, BOT, Method::GET, "setup-links", None).await.json();
    let id = text(&listed["setup_links"][0], "id").to_owned();
    assert_eq!(api(&bench, BOT, Method::DELETE, &format!("setup-links/{id}"), None).await.status, 200);
    assert_eq!(link(99).await.status, 201);
    assert!(bench.stored(Noun::Connections, "d0").await.is_none(), "a link makes no connection");
}

/// A draft becomes one of another provider, with what the operator said of people, and nothing of the provider before; what
/// people sign in over does not.
async fn another_provider_is_chosen(backend: Backend) {
    let bench = Bench::new(backend).await;
    let mut guest = bench.follow(&bench.link("corp", &[]).await).await;
    bench.save(&mut guest).await;
    let mut thing = api(&bench, BOT, Method::GET, "connections/corp", None).await.json();
    thing["button_text"] = json!("With Corp");
    thing["groups_claim"] = json!("teams");
    let put = api(&bench, BOT, Method::PUT, "connections/corp", Some(thing)).await;
    assert_eq!(put.status, 200, "{}", put.body);
    let page = guest.get(&bench.at("/setup")).await;
    assert!(page.body.contains("href=\"/setup?choose=anew\"") && page.body.contains(bench.idp.issuer()), "{}", page.body);
    let choose = guest.get(&bench.at("/setup?choose=anew")).await;
    assert!(choose.body.contains("/setup?preset=okta&#38;protocol=saml"), "{}", choose.body);
    assert_eq!(bench.stored(Noun::Connections, "corp").await.unwrap()["preset"], "custom_oidc", "to look changes nothing");
    let form = guest.get(&bench.at("/setup?preset=okta&protocol=oidc")).await;
    assert!(form.body.contains("At Okta") && !form.body.contains(bench.idp.issuer()), "{}", form.body);
    let typed = |secret: &'static str| {
        [
            ("preset", "okta"),
            ("protocol", "oidc"),
            ("oidc.client_id", "new"),
            ("oidc.client_secret", secret),
            ("oidc.issuer", "https://acme.okta.com"),
            ("oidc.discover", "on"),
        ]
    };
    // The secret of the provider before goes to no other.
    let kept = bench.send(&mut guest, "/setup", &typed("")).await;
    assert_eq!(kept.status, 422, "{}", kept.body);
    let answer = bench.send(&mut guest, "/setup", &typed("okta-secret")).await;
    assert_eq!(answer.location(), Some("/setup?done=saved"), "{}", answer.body);
    let stored = bench.stored(Noun::Connections, "corp").await.unwrap();
    assert_eq!((&stored["preset"], &stored["oidc"]["issuer"]), (&json!("okta"), &json!("https://acme.okta.com")), "{stored}");
    assert_eq!((&stored["button_text"], &stored["groups_claim"]), (&json!("With Corp"), &json!(["teams"])), "{stored}");
    assert_eq!((&stored["email_trust"], &stored["email_claim"]), (&json!("domain"), &json!(["email"])), "{stored}");
    assert_eq!((&stored["enabled"], &stored["own_callback"]), (&json!(false), &json!(true)), "{stored}");

    // Over SAML too, and from there on it is no OpenID Connect any more.
    let form = guest.get(&bench.at("/setup?preset=okta&protocol=saml")).await;
    assert!(form.body.contains("saml.metadata_url") && !form.body.contains("oidc.client_id"), "{}", form.body);

    // What somebody has signed in over stays what it is.
    bench.sql(SIGNED_IN).await;
    for path in ["/setup", "/setup?choose=anew", "/setup?preset=custom_oidc&protocol=oidc"] {
        let page = guest.get(&bench.at(path)).await;
        let is_shut = page.body.contains("The connection is in use") && !page.body.contains("choose=anew");
        assert!(is_shut && !page.body.contains("oidc.client_id"), "{path}: {}", page.body);
    }
    assert_eq!(bench.send(&mut guest, "/setup", &bench.typed()).await.status, 409);
    assert_eq!(bench.stored(Noun::Connections, "corp").await.unwrap()["preset"], "okta");
}

/// Bob has come over the connection.
pub const SIGNED_IN: &str = "INSERT INTO identities (id, connection_id, issuer, subject, user_id, created_at, last_seen_at) \
                         SELECT 'i', c.id, 'https://acme.okta.com', '00u1', u.id, 1, 1 FROM users u, connections c \
                         WHERE c.name = 'corp' AND u.email = 'bob@acme.example'";

/// The domains that wait to be proven.
async fn waiting(bench: &Bench) -> Vec<String> {
    let all = domain_proofs::of_tenant(&bench.app.db, &bench.tenant("acme").await.id).await.unwrap();
    all.into_iter().filter(|proof| proof.proven_at.is_none()).map(|proof| proof.domain).collect()
}

/// Has its record stand where it is looked for.
async fn publish(bench: &Bench, domain: &str) {
    let tenant = bench.tenant("acme").await;
    let proof = domain_proofs::find(&bench.app.db, &tenant.id, domain).await.unwrap().unwrap();
    bench.publish(domain, &[&own_domain::value(&proof.challenge)]);
}

async fn a_guest_proves_one_domain(backend: Backend) {
    let bench = Bench::new(backend).await;
    let mut guest = bench.follow(&bench.link("corp", &[("domain", "on")]).await).await;
    let mut another = bench.follow(&bench.link("people", &[("domain", "on")]).await).await;
    for domain in ["one.example", "two.example", "three.example"] {
        let answer = bench.send(&mut guest, "/setup/domain", &[("domain", domain)]).await;
        assert_eq!(answer.location(), Some("/setup?done=challenged"), "{}", answer.body);
    }
    bench.send(&mut another, "/setup/domain", &[("domain", "four.example")]).await;
    assert_eq!(waiting(&bench).await, ["four.example", "three.example"], "of each link the last");
    publish(&bench, "three.example").await;
    bench.clock.advance(121);
    domain_proof::look_again(&bench.app).await;
    assert!(bench.has("acme", "three.example").await && !bench.has("acme", "four.example").await);
    // It is said who began it, not that gatehouse did it by itself.
    let log = audit::page(&bench.app.db, &audit::Filter::default(), None, 100).await.unwrap();
    let joined = log.iter().find(|entry| entry.action == "update" && entry.subject == "tenant acme").unwrap();
    let actor = "set-up link corp by administrator ada@acme.example";
    assert_eq!((joined.actor.as_str(), joined.via.as_str()), (actor, "system"));
    // What is proven stays when the guest goes on.
    bench.send(&mut guest, "/setup/domain", &[("domain", "five.example")]).await;
    assert!(bench.has("acme", "three.example").await);
    assert_eq!(waiting(&bench).await, ["five.example", "four.example"]);
}

async fn what_is_not_proven_goes_with_the_link(backend: Backend) {
    for end in ["revoked", "finished", "shut out", "demoted", "expired", "honest"] {
        let bench = Bench::new(backend).await;
        bench.sql("UPDATE users SET admin = TRUE WHERE email = 'bob@acme.example'").await;
        let mut guest = bench.follow(&bench.link("corp", &[("domain", "on")]).await).await;
        bench.send(&mut guest, "/setup/domain", &[("domain", "corp.example")]).await;
        publish(&bench, "corp.example").await;
        let tenant = bench.tenant("acme").await;
        let links = setup_links::window(&bench.app.db, &Window::new(&tenant.id, "", "", 10)).await.unwrap();
        match end {
            "revoked" => {
                let answer = api(&bench, BOT, Method::DELETE, &format!("setup-links/{}", links[0].id), None).await;
                assert_eq!(answer.status, 200, "{}", answer.body);
            }
            "finished" => drop(bench.send(&mut guest, "/setup/finish", &[]).await),
            "shut out" => drop(bench.shut_out(&bench.user_id("ada@acme.example").await).await),
            "demoted" => drop(bench.sql("UPDATE users SET admin = FALSE WHERE email = 'ada@acme.example'").await),
            "expired" => bench.clock.advance(8 * 86_400),
            _ => {}
        }
        let at_once = matches!(end, "revoked" | "finished" | "shut out");
        assert_eq!(waiting(&bench).await.is_empty(), at_once, "{end}");
        bench.clock.advance(121);
        domain_proof::look_again(&bench.app).await;
        assert_eq!(waiting(&bench).await, [""; 0], "{end}");
        assert_eq!(bench.has("acme", "corp.example").await, end == "honest", "{end}");
    }
}

async fn another_link_is_followed_on_purpose(backend: Backend) {
    let bench = Bench::new(backend).await;
    let (mine, theirs) = (bench.link("corp", &[]).await, bench.link("trap", &[]).await);
    let mut guest = bench.follow(&mine).await;
    let asked = guest.get(&theirs).await;
    assert_eq!((asked.status, asked.header("referrer-policy")), (200, Some("no-referrer")), "{}", asked.body);
    assert!(asked.body.contains("Leave the connection") && asked.cookie_lines().is_empty(), "{}", asked.body);
    assert!(guest.get(&bench.at("/setup")).await.body.contains("<code>corp</code>"), "nothing has changed");
    // Another site's form does not agree in their place, nor does one without the token.
    assert_eq!(guest.post(&theirs, &[]).await.status, 403);
    let body = format!("csrf={}", asked.csrf());
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("origin", "https://evil.example")];
    assert_eq!(guest.send(Method::POST, &theirs, &headers, Some(body)).await.status, 403);
    assert_eq!(Browser::new().post(&theirs, &[("csrf", &asked.csrf())]).await.status, 404);
    assert!(guest.get(&bench.at("/setup")).await.body.contains("<code>corp</code>"), "nothing has changed");
    let agreed = guest.post(&theirs, &[("csrf", &asked.csrf())]).await;
    assert_eq!((agreed.status, agreed.location()), (303, Some("/setup")), "{}", agreed.body);
    assert!(guest.get(&bench.at("/setup")).await.body.contains("<code>trap</code>"));
    // The same one again asks nothing, and neither does one where the other has ended.
    assert_eq!(guest.get(&theirs).await.status, 303);
    bench.sql("UPDATE setup_links SET ended_at = 1 WHERE connection = 'trap'").await;
    assert_eq!(guest.get(&mine).await.status, 303);
}
