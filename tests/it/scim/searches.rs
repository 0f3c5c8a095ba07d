//! What searches cost: look-ups use indexes however they are asked for, and what looks at many resources counts as many
//! requests, or is refused.

use std::time::Duration;

use gatehouse::{
    params,
    scim::{condition, filter, schema},
    store::{
        condition::Condition,
        directory_accounts, directory_links,
        search::{Page, Search, SortBy, Table},
    },
};
use serde_json::json;

use super::{Scim, names, person, refused};
use crate::{
    on_both,
    world::{Backend, STATE, World},
};

on_both!(
    who_is_somebodys_manager,
    look_ups_use_indexes,
    who_signed_in_is_looked_up,
    what_looks_at_too_much_is_refused,
    searches_cost_their_share,
    comparisons_cost_their_share,
    searches_take_turns,
    alternatives_are_found_once
);

/// Makes that many users behind the application's back, `u-1@acme.example` and so on, each changed a second after the one
/// before.
async fn crowd(scim: &Scim, users: i64) {
    let id = &scim.row.id;
    let numbers = format!(
        "(WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {users}) SELECT n FROM c) AS numbers"
    );
    for sql in [
        format!(
            "INSERT INTO directory_users (id, directory_id, made_user, user_name, external_id, display_name, active, resource, \
               version, created_at, updated_at) \
             SELECT 'u-' || n, '{id}', FALSE, 'u-' || n || '@acme.example', 'X' || n, 'kim ' || n, TRUE, \
               '{{\"userName\":\"u-' || n || '\"}}', 1, 1800000000, 1800000000 + n FROM {numbers}"
        ),
        format!(
            "INSERT INTO directory_emails (directory_user_id, position, directory_id, value, kind, is_primary) \
             SELECT 'u-' || n, 0, '{id}', 'u-' || n || '@acme.example', 'work', TRUE FROM {numbers}"
        ),
        "ANALYZE".to_owned(),
    ] {
        scim.world.sql(sql.leak()).await;
    }
}

#[derive(sqlx::FromRow)]
struct Lite {
    detail: String,
}

#[derive(sqlx::FromRow)]
struct Postgres {
    #[sqlx(rename = "QUERY PLAN")]
    line: String,
}

/// How the database goes about a list.
async fn plan(scim: &Scim, backend: Backend, filter: &str, sort_by: SortBy, offset: i64) -> String {
    let condition = match filter {
        "" => Condition::always(),
        text => condition::compile(&filter::parse(text).unwrap(), &schema::USER).unwrap(),
    };
    let page = Page { sort_by, descending: false, offset, limit: 100 };
    let search = Search { directory: &scim.row.id, condition: &condition, page, time: None };
    let (db, statement) = (&scim.world.app.db, search.rows(Table::Users).explained());
    let lines: Vec<String> = match backend {
        Backend::Sqlite => db.select::<Lite>(&statement).await.unwrap().into_iter().map(|row| row.detail).collect(),
        Backend::Postgres => db.select::<Postgres>(&statement).await.unwrap().into_iter().map(|row| row.line).collect(),
    };
    lines.join("\n")
}

async fn look_ups_use_indexes(backend: Backend) {
    let scim = Scim::new(backend).await;
    crowd(&scim, 20_000).await;
    let by_name = ("(directory_id=? AND user_name", "directory_users_directory_id_user_name_key");
    let by_external_id = ("directory_users_by_external_id (directory_id=? AND external_id", "directory_users_by_external_id");
    let by_address = ("directory_emails_by_value (directory_id=? AND value", "directory_emails_by_value");
    let by_age = ("directory_users_by_age", "directory_users_by_age");
    let by_change = ("directory_users_by_change", "directory_users_by_change");
    let by_display_name = ("directory_users_by_display_name", "directory_users_by_display_name");
    for (filter, indexes) in [
        ("userName eq \"u-77@acme.example\"", &[by_name][..]),
        ("userName eq \"u-77@acme.example\" and active eq true", &[by_name]),
        ("userName sw \"u-77\"", &[by_name]),
        ("userName sw \"u-77\" and not (displayName co \"x\")", &[by_name]),
        ("userName ge \"u-999\" and userName lt \"u-9995\"", &[by_name]),
        ("externalId eq \"X77\"", &[by_external_id]),
        ("externalId sw \"X77\"", &[by_external_id]),
        ("displayName sw \"kim 77\"", &[by_display_name]),
        ("emails.value eq \"u-77@acme.example\"", &[by_address]),
        ("emails[type eq \"work\"].value eq \"u-77@acme.example\"", &[by_address]),
        ("emails.value sw \"u-777\"", &[by_address]),
        ("userName eq \"u-77@acme.example\" or externalId eq \"X78\"", &[by_name, by_external_id]),
        ("userName eq \"u-77@acme.example\" or emails.value eq \"u-78@acme.example\"", &[by_name, by_address]),
        ("userName eq \"u-1@acme.example\" or userName eq \"u-2@acme.example\"", &[by_name]),
        ("active eq true and (externalId eq \"X1\" or displayName sw \"kim 100\")", &[by_external_id, by_display_name]),
        ("meta.lastModified gt \"2027-01-15T13:30:00Z\"", &[by_change]),
        ("", &[by_age]),
    ] {
        for sort_by in [SortBy::Age, SortBy::Text(gatehouse::store::condition::Text::UserName)] {
            let plan = plan(&scim, backend, filter, sort_by, 0).await;
            let walk = if backend == Backend::Sqlite { "SCAN " } else { "Seq Scan" };
            assert!(!plan.contains(walk), "{filter}\n{plan}");
            if !filter.is_empty() || sort_by == SortBy::Age {
                for (lite, postgres) in indexes {
                    let index = if backend == Backend::Sqlite { lite } else { postgres };
                    assert!(plan.contains(index), "{filter}: {index}\n{plan}");
                    assert!(filter.is_empty() || !plan.contains("by_age"), "{filter} walks by age\n{plan}");
                }
            }
        }
    }
    let later = plan(&scim, backend, "", SortBy::Age, 10_000).await;
    let counted = if backend == Backend::Sqlite { "COVERING INDEX directory_users_by_age" } else { "Index Only Scan" };
    assert!(later.contains(counted), "none of those before the page is read\n{later}");
    // The contrary of all this, so that it is seen to be seen.
    let walked = plan(&scim, backend, "displayName co \"9\"", SortBy::Age, 0).await;
    assert!(walked.contains("by_age") || walked.contains("Seq Scan"), "{walked}");
}

/// What each new record asks inside the transaction that writes it: who has signed in under its externalId.
async fn who_signed_in_is_looked_up(backend: Backend) {
    let scim = Scim::new(backend).await;
    let numbers = "(WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 20000) SELECT n FROM c) AS numbers";
    for sql in [
        "INSERT INTO connections (id, tenant_id, name, protocol, enabled, login_enabled, settings, version, created_at) \
         SELECT 'idp', id, 'idp', 'oidc', TRUE, TRUE, '{}', 1, 1 FROM tenants WHERE name = 'acme'"
            .to_owned(),
        format!(
            "INSERT INTO users (id, tenant_id, email, email_proven, name, admin, active, created_at, updated_at) \
             SELECT 'p-' || n, t.id, 'p-' || n || '@acme.example', FALSE, 'Kim', FALSE, TRUE, 1, 1 \
             FROM {numbers}, tenants t WHERE t.name = 'acme'"
        ),
        format!(
            "INSERT INTO identities (id, connection_id, issuer, subject, user_id, created_at, last_seen_at) \
             SELECT 'i-' || n, 'idp', 'https://idp.example', 'X' || n, 'p-' || n, 1, 1 FROM {numbers}"
        ),
        "ANALYZE".to_owned(),
    ] {
        scim.world.sql(sql.leak()).await;
    }
    for (name, sql, params) in [
        ("of_subject", directory_accounts::OF_SUBJECT, params!["idp", "X77"]),
        ("is_anothers", directory_accounts::IS_ANOTHERS, params!["idp", "X77", "p-78"]),
        ("by_subject", directory_links::BY_SUBJECT, params!["idp", "X77"]),
    ] {
        let word = if backend == Backend::Sqlite { "EXPLAIN QUERY PLAN" } else { "EXPLAIN" };
        let (db, sql) = (&scim.world.app.db, format!("{word} {sql}").leak());
        let plan: Vec<String> = match backend {
            Backend::Sqlite => db.all::<Lite>(sql, params).await.unwrap().into_iter().map(|row| row.detail).collect(),
            Backend::Postgres => db.all::<Postgres>(sql, params).await.unwrap().into_iter().map(|row| row.line).collect(),
        };
        let plan = plan.join("\n");
        assert!(plan.contains("identities_by_subject"), "{name} walks through everybody of the connection\n{plan}");
        assert!(!plan.contains("SCAN i") && !plan.contains("Seq Scan on identities"), "{name}\n{plan}");
    }
}

async fn what_looks_at_too_much_is_refused(backend: Backend) {
    let scim = Scim::new(backend).await;
    crowd(&scim, 100_001).await;
    for bad in [
        "displayName co \"x\"",
        "userName ew \"7@acme.example\"",
        "userName sw \"u-\"",
        "userName gt \"a\"",
        "not (userName eq \"u-7@acme.example\")",
        "externalId ne \"X7\"",
        "active eq true",
        "emails.type eq \"work\"",
        "userName eq \"u-7@acme.example\" or active eq false",
        "emails.value sw \"u\" or externalId eq \"X7\"",
    ] {
        let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("filter", bad).finish();
        refused(&scim.get(&format!("/Users?{query}")).await, 400, Some("invalidFilter"));
        refused(&scim.post("/Users/.search", &json!({"filter": bad})).await, 400, Some("invalidFilter"));
    }
    refused(&scim.get("/Users?sortBy=displayName").await, 400, Some("invalidValue"));
    for (good, found) in [
        ("userName eq \"U-7@acme.example\"", 1),
        ("userName eq \"u-7@acme.example\" and active eq true", 1),
        ("externalId eq \"X7\"", 1),
        ("emails[type eq \"work\"].value eq \"u-7@acme.example\"", 1),
        ("userName sw \"u-7777\"", 11),
        ("userName sw \"u-777\" and not (externalId eq \"X777\")", 110),
        ("userName eq \"u-7@acme.example\" or externalId eq \"X8\" or emails.value eq \"u-9@acme.example\"", 3),
        ("meta.lastModified gt \"2027-01-16T11:45:00Z\"", 101),
        ("userName eq \"nobody\"", 0),
        ("displayName eq \"kim 7\" and displayName co \"7\"", 1),
    ] {
        let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("filter", good).finish();
        let answer = scim.get(&format!("/Users?count=2&{query}")).await;
        assert_eq!(answer.status, 200, "{good}: {}", answer.body);
        assert_eq!(answer.json()["totalResults"], json!(found), "{good}");
    }
    for (page, first) in [("count=1", "u-1"), ("count=1&sortBy=userName&sortOrder=descending", "u-9")] {
        let answer = scim.get(&format!("/Users?{page}")).await;
        assert_eq!(answer.status, 200, "{page}: {}", answer.body);
        assert_eq!((&answer.json()["totalResults"], names(&answer.json())), (&json!(100_001), vec![first.to_owned()]));
    }
    let last = scim.get("/Users?startIndex=100001").await.json();
    assert_eq!((&last["totalResults"], &last["itemsPerPage"]), (&json!(100_001), &json!(1)));
    assert_eq!(scim.get("/Groups?filter=displayName+co+%22x%22").await.status, 200, "there are few of them");
}

/// A thousand rows that are looked at are one more request.
async fn searches_cost_their_share(backend: Backend) {
    let scim = Scim::over(World::with(backend, STATE, &[("SCIM_RATE", "2")]).await).await;
    crowd(&scim, 6_500).await;
    // Of a burst of eight: seven, six of which are for the rows; then one, and six that are owed.
    let walk = "/Users?count=1&filter=displayName+co+%22kim%22";
    assert_eq!(scim.get(walk).await.status, 200);
    assert_eq!(scim.get(walk).await.status, 200);
    let again = scim.get(walk).await;
    refused(&again, 429, None);
    assert_eq!(again.header("retry-after"), Some("4"), "seven at two a second");
    scim.world.clock.advance(4);
    assert_eq!(scim.get(walk).await.status, 200);

    let scim = Scim::over(World::with(backend, STATE, &[("SCIM_RATE", "2")]).await).await;
    crowd(&scim, 6_500).await;
    for _ in 0..4 {
        assert_eq!(scim.get("/Users?filter=externalId+eq+%22X7%22+or+userName+sw+%22u-77%22").await.status, 200);
        assert_eq!(scim.get("/Users?startIndex=6000").await.status, 200);
    }
}

/// Entra's reference check: of one who is named, everything may be asked.
async fn who_is_somebodys_manager(backend: Backend) {
    let scim = Scim::new(backend).await;
    let boss = scim.user("boss@acme.example").await;
    let mut kim = person("kim@acme.example");
    kim["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"] = json!({"manager": {"value": boss["id"]}});
    let kim = scim.made("/Users", &kim).await;
    let ids = |who: &serde_json::Value| who.as_str().unwrap().to_owned();
    let (one, manager) = (ids(&kim["id"]), ids(&boss["id"]));
    for (attribute, value, found) in [
        ("manager", &manager, vec!["kim@acme.example".to_owned()]),
        (
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
            &manager,
            vec!["kim@acme.example".to_owned()],
        ),
        ("manager", &one, vec![]),
        ("title", &manager, vec![]),
    ] {
        let filter = format!("id eq \"{one}\" and {attribute} eq \"{value}\"");
        assert_eq!(scim.found("/Users", &filter).await, found, "{filter}");
    }
    let filter = format!("id+eq+%22{one}%22+and+manager+eq+%22{manager}%22");
    let only = scim.get(&format!("/Users?filter={filter}&attributes=id")).await.json();
    assert_eq!(only["Resources"], json!([{"id": one, "schemas": kim["schemas"]}]));
    // Of others it would look at everybody.
    for filter in [format!("manager eq \"{manager}\""), format!("active eq true and manager eq \"{manager}\"")] {
        let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("filter", &filter).finish();
        refused(&scim.get(&format!("/Users?{query}")).await, 400, Some("invalidFilter"));
    }
}

/// One who is found in several ways is one.
async fn alternatives_are_found_once(backend: Backend) {
    let scim = Scim::new(backend).await;
    let mut kim = person("kim@acme.example");
    kim["externalId"] = json!("K");
    kim["emails"] = json!([{"value": "kim@acme.example"}, {"value": "kim@home.example"}]);
    scim.made("/Users", &kim).await;
    scim.user("ray@acme.example").await;
    let filter = "userName eq \"kim@acme.example\" or externalId eq \"K\" or emails.value sw \"kim\" or userName sw \"k\"";
    assert_eq!(scim.found("/Users", filter).await, ["kim@acme.example"]);
    assert_eq!(scim.found("/Users", &format!("({filter}) and externalId eq \"other\"")).await, [""; 0]);
    assert_eq!(scim.found("/Users", &format!("{filter} or userName eq \"ray@acme.example\"")).await.len(), 2);
}

fn asking(filter: &str) -> String {
    format!("/Users?count=1&{}", url::form_urlencoded::Serializer::new(String::new()).append_pair("filter", filter).finish())
}

/// So many of them, with their number in place of `#`.
fn either(comparison: &str, count: usize) -> String {
    (0..count).map(|n| comparison.replace('#', &n.to_string())).collect::<Vec<_>>().join(" or ")
}

/// A hundred things asked of each of a hundred thousand took half a minute, and was paid like one.
async fn comparisons_cost_their_share(backend: Backend) {
    let scim = Scim::new(backend).await;
    crowd(&scim, 6_500).await;
    for many in [
        either("emails.value co \"zq#\"", 100),
        either("displayName ew \"zq#\"", 100),
        format!("not ({})", either("displayName eq \"zq#\"", 100)),
        format!("userName sw \"u\" and ({})", either("emails.value co \"zq#\"", 50)),
        either("groups[value eq \"g-#\"] or active eq false", 33),
    ] {
        refused(&scim.get(&asking(&many)).await, 400, Some("invalidFilter"));
    }
    // Honestly: look-ups, however many, and many things asked of a few.
    for (good, found) in [
        (either("userName eq \"u-#@acme.example\"", 100), 99),
        (either("externalId eq \"X#\"", 50), 49),
        (format!("userName sw \"u-77\" and ({})", either("emails.value co \"#\"", 10)), 11),
        (either("emails.value co \"#@\"", 3), 3 * 650),
    ] {
        let answer = scim.get(&asking(&good)).await;
        assert_eq!((answer.status, &answer.json()["totalResults"]), (200, &json!(found)), "{good}");
    }
    // What is asked once costs what it did; what is asked as ten times as much, ten times that.
    let scim = Scim::over(World::with(backend, STATE, &[("SCIM_RATE", "2")]).await).await;
    crowd(&scim, 1_500).await;
    for (filter, next) in [("emails.value co \"zq\"".to_owned(), 200), (either("emails.value co \"zq#\"", 14), 429)] {
        scim.world.clock.advance(60);
        assert_eq!(scim.get(&asking(&filter)).await.status, 200, "{filter}");
        assert_eq!(scim.get("/Users?count=0").await.status, next, "{filter}");
    }
}

/// One of a tenant at a time, through whichever of its directories; what an index answers waits for nobody.
async fn searches_take_turns(backend: Backend) {
    let scim = Scim::new(backend).await;
    crowd(&scim, 1_500).await;
    let turns = &scim.world.app.limits.searches;
    let turn = turns.take(&scim.row.tenant_id, Duration::ZERO).await.expect("nobody is at it");
    let waits = std::sync::atomic::AtomicBool::new(true);
    let waiting = async {
        let answer = scim.get(&asking("displayName co \"kim\"")).await;
        assert!(!waits.load(std::sync::atomic::Ordering::SeqCst), "the long one waits");
        answer
    };
    let others = async {
        for n in 1..10 {
            assert_eq!(scim.found("/Users", &format!("externalId eq \"X{n}\"")).await.len(), 1);
            assert_eq!(scim.get("/Users?count=10").await.status, 200);
        }
        waits.store(false, std::sync::atomic::Ordering::SeqCst);
        drop(turn);
    };
    let (answer, ()) = tokio::join!(waiting, others);
    assert_eq!((answer.status, &answer.json()["totalResults"]), (200, &json!(1_500)));
    assert!(turns.take(&scim.row.tenant_id, Duration::ZERO).await.is_some(), "and its turn has ended");
}
