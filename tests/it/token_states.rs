//! Tokens that open nothing any more are shown as that, with the reason, whoever's they are; nobody is warned of their end, and
//! they keep nobody from making others.

use gatehouse::{
    expiry, secret,
    store::{
        directories,
        directory_tokens::{self, DirectoryToken},
        personal_tokens::{self, MOST},
        tenants,
    },
};
use serde_json::{Value, json};

use crate::{
    admin_pages::Desk,
    admin_tokens::{CI, House},
    on_both,
    world::{Backend, text},
};

on_both!(
    what_its_maker_left_behind_has_ended,
    the_pages_say_the_same,
    nobody_is_warned_of_what_has_ended,
    what_has_ended_counts_for_nobody,
);

const DAY: i64 = 86_400;
const OWN: &str = "personal_tokens";
const SERVICES: &str = "tenants/acme/service_tokens";
const PUSHING: &str = "tenants/acme/directories/people/token";

/// Ada's tokens: one that stands alone, one that another made which was revoked, one whose time is over, and of services the
/// same; a directory has one of the kind that was left behind.
async fn left_behind(house: &House) -> String {
    let ada = house.personal("ada@acme.example", &["admin"]).await;
    let maker = house.personal("ada@acme.example", &["admin"]).await;
    let made = house.ask(&maker, "POST", OWN, Some(json!({"name": "orphan", "scopes": ["users:read"], "expires_in": 600}))).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!((text(&made.json(), "state"), &made.json()["ended_because"]), ("open", &Value::Null));
    for name in ["gone", "brief", "off"] {
        let end = gatehouse::moment::Moment(house.world.clock.now() + 900).machine();
        let body = json!({"name": name, "scopes": ["users:read"], "expires_at": end});
        let token = if name == "gone" { &maker } else { CI };
        assert_eq!(house.ask(token, "POST", SERVICES, Some(body)).await.status, 201, "{name}");
    }
    assert_eq!(house.ask(CI, "PUT", "tenants/acme/directories/people", Some(json!({}))).await.status, 201);
    assert_eq!(house.ask(&maker, "POST", PUSHING, Some(json!({}))).await.status, 201);
    let off = json!({"scopes": ["users:read"], "enabled": false});
    assert_eq!(house.ask(CI, "PUT", &format!("{SERVICES}/off"), Some(off)).await.status, 200);
    let body = json!({"name": "short", "scopes": ["users:read"], "expires_in": 60});
    assert_eq!(house.ask(&ada, "POST", OWN, Some(body)).await.status, 201);
    house.world.clock.advance(61);
    let own = house.ask(&ada, "GET", OWN, None).await.json();
    let fingerprint = personal_tokens::fingerprint(&house.world.app.sealer, &maker);
    let row = personal_tokens::by_fingerprint(&house.world.app.db, &fingerprint).await.unwrap().unwrap();
    assert!(own.to_string().contains(&row.id));
    assert_eq!(house.ask(&ada, "DELETE", &format!("{OWN}/{}", row.id), None).await.status, 204);
    ada
}

/// Names of a list, with state and reason.
async fn listed(house: &House, token: &str, path: &str, key: &str) -> Vec<(String, String, String)> {
    let answer = house.ask(token, "GET", path, None).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    let one = |thing: &Value| {
        let told = thing.get("told").unwrap_or(thing);
        let reason = told["ended_because"].as_str().unwrap_or_default();
        let name = thing["name"].as_str().unwrap_or_default();
        (name.to_owned(), text(told, "state").to_owned(), reason.to_owned())
    };
    let mut found: Vec<_> = answer.json()[key].as_array().unwrap().iter().map(one).collect();
    found.sort();
    found
}

const ORPHANED: &str = "what it was made with has ended";

async fn what_its_maker_left_behind_has_ended(backend: Backend) {
    let house = House::new(backend).await;
    let ada = left_behind(&house).await;
    let line = |name: &str, state: &str, why: &str| (name.to_owned(), state.to_owned(), why.to_owned());
    let (open, orphan) = (line("laptop", "open", ""), line("orphan", "ended", ORPHANED));
    let short = line("short", "expired", "its time is over");
    for (query, expected) in [
        ("", vec![open.clone(), orphan.clone(), short.clone()]),
        ("?state=open", vec![open]),
        ("?state=expired", vec![short.clone()]),
        ("?state=ended", vec![orphan, short]),
    ] {
        assert_eq!(listed(&house, &ada, &format!("{OWN}{query}"), OWN).await, expected, "{query}");
        let of_user = format!("tenants/acme/users/ada@acme.example/personal_tokens{query}");
        assert_eq!(listed(&house, CI, &of_user, OWN).await, expected, "{query}");
    }
    let (gone, off) = (line("gone", "ended", ORPHANED), line("off", "ended", "it is switched off"));
    let (ci, brief) = (line("ci", "open", ""), line("brief", "open", ""));
    for (query, expected) in [
        ("", vec![brief.clone(), ci.clone(), gone.clone(), off.clone()]),
        ("?state=open", vec![brief, ci]),
        ("?state=expired", vec![]),
        ("?state=ended", vec![gone, off]),
    ] {
        assert_eq!(listed(&house, CI, &format!("{SERVICES}{query}"), "service_tokens").await, expected, "{query}");
    }
    let shown = house.ask(CI, "GET", &format!("{SERVICES}/gone"), None).await.json();
    assert_eq!(text(&shown["told"], "ended_because"), ORPHANED, "{shown}");
    // It goes back as it came.
    assert_eq!(house.ask(CI, "PUT", &format!("{SERVICES}/gone"), Some(shown)).await.status, 200);
    house.world.clock.advance(900);
    let expired: Vec<String> =
        listed(&house, CI, &format!("{SERVICES}?state=expired"), "service_tokens").await.into_iter().map(|one| one.0).collect();
    assert_eq!(expired, ["brief", "gone"]);
    for (query, count) in [("", 1), ("?state=open", 0), ("?state=ended", 1)] {
        let found = listed(&house, CI, &format!("{PUSHING}{query}"), "tokens").await;
        assert_eq!(found.len(), count, "{query}");
        assert!(found.iter().all(|one| (one.1.as_str(), one.2.as_str()) == ("ended", ORPHANED)), "{found:?}");
    }
    for path in [OWN, SERVICES, PUSHING] {
        assert_eq!(house.ask(&ada, "GET", &format!("{path}?state=lost"), None).await.status, 400, "{path}");
    }
}

async fn the_pages_say_the_same(backend: Backend) {
    let desk = Desk::new(backend).await;
    let (id, now) = (desk.user_id("ada@acme.example").await, desk.clock.now());
    let sql = format!(
        "INSERT INTO personal_tokens (id, user_id, name, fingerprint, scopes, expires_at, created_at, made_with) VALUES \
         ('a', '{id}', 'alone', 'fa', '[]', {end}, {now}, NULL), ('b', '{id}', 'orphan', 'fb', '[]', {end}, {now}, 'gone'), \
         ('c', '{id}', 'over', 'fc', '[]', {now}, {now}, NULL)",
        end = now + DAY
    );
    desk.sql(sql.leak()).await;
    let acme = tenants::find_by_name(&desk.app.db, "acme").await.unwrap().unwrap();
    let directory = directories::find_by_name(&desk.app.db, &acme.id, "people").await.unwrap().unwrap();
    let token = DirectoryToken {
        id: secret::row_id(now),
        directory_id: directory.id.clone(),
        fingerprint: "fd".to_owned(),
        declared: false,
        created_at: now,
        expires_at: None,
        made_with: Some("gone".to_owned()),
        last_used_at: None,
    };
    directory_tokens::insert(&desk.app.db, &token).await.unwrap();
    desk.sql("UPDATE service_tokens SET made_with = 'gone'").await;
    let mut ada = desk.ada().await;
    for (query, there, not) in [
        ("", vec!["alone", "orphan", "over"], vec![]),
        ("?state=open", vec!["alone"], vec!["orphan", "over"]),
        ("?state=expired", vec!["over"], vec!["alone", "orphan"]),
        ("?state=ended", vec!["orphan", "over"], vec!["alone"]),
    ] {
        let page = ada.get(&desk.at(&format!("/admin/_/tokens{query}"))).await;
        for (names, is) in [(there, true), (not, false)] {
            for name in names {
                assert_eq!(page.body.contains(&format!("<bdi>{name}</bdi>")), is, "{query} {name}: {}", page.body);
            }
        }
    }
    let own = ada.get(&desk.at("/admin/_/tokens")).await;
    let user = ada.get(&desk.at(&format!("/admin/acme/users/{id}"))).await;
    for page in [own, user] {
        let why = format!("<bdi>orphan</bdi> <span class=\"off\">ended: {ORPHANED}</span>");
        assert!(page.body.contains(&why) && page.body.contains("ended: its time is over"), "{}", page.body);
    }
    let page = ada.get(&desk.at("/admin/acme/directories/people")).await;
    assert!(page.body.contains(&format!("ended: {ORPHANED}")) && !page.body.contains("/revoke\">"), "{}", page.body);
    let services = ada.get(&desk.at("/admin/acme/service_tokens?state=ended")).await;
    assert!(services.body.contains(&format!("Ended: {ORPHANED}")), "{}", services.body);
    let services = ada.get(&desk.at("/admin/acme/service_tokens?state=open")).await;
    assert!(!services.body.contains(ORPHANED), "{}", services.body);
}

async fn nobody_is_warned_of_what_has_ended(backend: Backend) {
    let house = House::new(backend).await;
    let maker = house.personal("ada@acme.example", &["admin"]).await;
    let end = gatehouse::moment::Moment(house.world.clock.now() + 900).machine();
    for (path, body) in [
        (OWN, json!({"name": "made", "scopes": ["users:read"], "expires_in": 900})),
        (SERVICES, json!({"name": "made", "scopes": ["users:read"], "expires_at": end})),
        ("tenants/acme/directories", json!({"name": "people"})),
        (PUSHING, json!({})),
        ("tenants/acme/setup-links", json!({"connection": "made", "days": 1})),
    ] {
        let body = if path == "tenants/acme/setup-links" { (CI, body) } else { (maker.as_str(), body) };
        let made = house.ask(body.0, "POST", path, Some(body.1)).await;
        assert_eq!(made.status, 201, "{path}: {}", made.body);
    }
    let app = &house.world.app;
    let found = async || {
        let all = expiry::collect(app, None, None).await.unwrap();
        let mut kinds: Vec<&str> = all.iter().filter(|one| one.tenant.is_some()).map(|one| one.kind.as_str()).collect();
        kinds.sort_unstable();
        kinds.join(" ")
    };
    assert_eq!(found().await, "directory_token personal_token personal_token service_token setup_link", "the honest twin");
    let fingerprint = personal_tokens::fingerprint(&app.sealer, &maker);
    let row = personal_tokens::by_fingerprint(&app.db, &fingerprint).await.unwrap().unwrap();
    assert!(personal_tokens::delete(&app.db, &row.user_id, &row.id).await.unwrap());
    assert_eq!(found().await, "setup_link", "what was made by another stays");
}

async fn what_has_ended_counts_for_nobody(backend: Backend) {
    let house = House::new(backend).await;
    let ada = house.personal("ada@acme.example", &["admin"]).await;
    let (app, now) = (&house.world.app, house.world.clock.now());
    let fingerprint = personal_tokens::fingerprint(&app.sealer, &ada);
    let own = personal_tokens::by_fingerprint(&app.db, &fingerprint).await.unwrap().unwrap();
    for n in 0..MOST + 10 {
        let id = format!("dead-{n:03}");
        let row = personal_tokens::PersonalToken {
            fingerprint: id.clone(),
            name: id.clone(),
            id,
            made_with: Some("gone".to_owned()),
            created_at: now - 1_000 + i64::try_from(n).unwrap(),
            ..own.clone()
        };
        personal_tokens::insert(&app.db, &row).await.unwrap();
    }
    let make = async |name: String| {
        let body = json!({"name": name, "scopes": ["users:read"], "expires_in": 600});
        house.ask(&ada, "POST", OWN, Some(body)).await
    };
    // Ada's own is one.
    for n in 1..MOST {
        let made = make(format!("new-{n}")).await;
        assert_eq!(made.status, 201, "{n}: {}", made.body);
    }
    let refused = make("one more".to_owned()).await;
    assert!(refused.status == 400 && refused.body.contains("which is the most"), "{}", refused.body);
    let all = personal_tokens::judged(&app.db, &own.user_id, now).await.unwrap();
    let open = all.iter().filter(|(_, state)| state.is_open()).count();
    assert_eq!((open, all.len()), (MOST, 2 * MOST), "of the others the newest are kept");
    assert!(all.iter().any(|(token, _)| token.id == "dead-059") && all.iter().all(|(token, _)| token.id != "dead-009"));
}
