//! Lists: pages, order, filters; and what a filter must not do (threats P6).

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Scim, names, person, refused};
use crate::{on_both, world::Backend};

on_both!(
    pages_are_stable,
    sorted_as_asked,
    filters_find,
    filters_do_no_harm,
    a_search_body_asks_alike,
    totals_are_exact,
    slashes_too_many
);

async fn listed(scim: &Scim, query: &str) -> Value {
    let answer = scim.get(&format!("/Users?{query}")).await;
    assert_eq!(answer.status, 200, "{query}: {}", answer.body);
    answer.json()
}

fn shape(list: &Value) -> (i64, i64, i64, usize) {
    assert_eq!(list["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:ListResponse"]));
    let number = |name: &str| list[name].as_i64().unwrap_or_else(|| panic!("{name} in {list}"));
    (number("totalResults"), number("startIndex"), number("itemsPerPage"), list["Resources"].as_array().unwrap().len())
}

async fn pages_are_stable(backend: Backend) {
    let scim = Scim::new(backend).await;
    assert_eq!(shape(&listed(&scim, "").await), (0, 1, 0, 0));
    let mut all = Vec::new();
    for n in 0..7 {
        // Some within the same second: the id orders them.
        let name = format!("u{}@acme.example", (n * 3) % 7);
        scim.user(&name).await;
        if n % 3 == 0 {
            scim.world.clock.advance(1);
        }
        all.push(name);
    }
    let whole = names(&listed(&scim, "").await);
    assert_eq!(whole.len(), 7);
    assert_eq!(whole[0], all[0], "the oldest first");
    let mut paged = Vec::new();
    for start in [1, 4, 7] {
        let page = listed(&scim, &format!("startIndex={start}&count=3")).await;
        assert_eq!(shape(&page).0, 7);
        paged.extend(names(&page));
    }
    assert_eq!(paged, whole);
    assert_eq!(shape(&listed(&scim, "count=0").await), (7, 1, 0, 0));
    assert_eq!(shape(&listed(&scim, "startIndex=0&count=2").await), (7, 1, 2, 2));
    assert_eq!(shape(&listed(&scim, "startIndex=-3").await), (7, 1, 7, 7));
    assert_eq!(shape(&listed(&scim, "startIndex=100").await), (7, 100, 0, 0));
    assert_eq!(shape(&listed(&scim, "count=1000000").await), (7, 1, 7, 7));
    assert_eq!(shape(&listed(&scim, "startIndex=9223372036854775807").await).0, 7);
}

async fn sorted_as_asked(backend: Backend) {
    let scim = Scim::new(backend).await;
    for (n, (name, external)) in [("b", Some("2")), ("c", None), ("a", Some("3"))].iter().enumerate() {
        let mut body = person(&format!("{name}@acme.example"));
        body["externalId"] = json!(external);
        body["name"] = json!({"familyName": "ZYX".get(n..=n)});
        scim.made("/Users", &body).await;
        scim.world.clock.advance(1);
    }
    for (query, order) in [
        ("sortBy=userName", "abc"),
        ("sortBy=USERNAME&sortOrder=descending", "cba"),
        ("sortBy=urn:ietf:params:scim:schemas:core:2.0:User:userName", "abc"),
        ("sortBy=name.familyName", "acb"),
        ("sortBy=meta.created&sortOrder=descending", "acb"),
        ("sortBy=meta.lastModified", "bca"),
        ("sortBy=externalId", "bac"),
        ("sortBy=externalId&sortOrder=descending", "cab"),
        ("sortOrder=descending", "acb"),
        ("sortBy=id", "bca"),
    ] {
        let found: String = names(&listed(&scim, query).await).iter().map(|name| &name[..1]).collect();
        assert_eq!(found, order, "{query}");
    }
}

async fn filters_find(backend: Backend) {
    let scim = Scim::new(backend).await;
    let mut kim = person("Kim@acme.example");
    kim["externalId"] = json!("Ext-1");
    kim["displayName"] = json!("100% Kim_\\");
    kim["emails"] = json!([{"value": "Kim@acme.example", "type": "work"}, {"value": "kim@home.example", "type": "home"}]);
    let kim = scim.made("/Users", &kim).await;
    scim.world.clock.advance(100);
    let mut ray = person("ray@acme.example");
    ray["emails"] = json!([{"value": "ray@home.example", "type": "home"}]);
    ray["name"] = json!({"familyName": "O'Neil"});
    scim.made("/Users", &ray).await;
    let created = kim["meta"]["created"].as_str().unwrap();
    for (filter, found) in [
        ("userName eq \"kim@ACME.example\"", "k"),
        ("USERNAME Eq \"Kim@acme.example\"", "k"),
        ("userName eq kim@acme.example", "k"),
        ("urn:ietf:params:scim:schemas:core:2.0:User:userName eq \"kim@acme.example\"", "k"),
        ("userName ne \"kim@acme.example\"", "r"),
        ("userName sw \"KIM\"", "k"),
        ("userName co \"acme\"", "kr"),
        ("userName ew \"y@acme.example\"", "r"),
        ("userName gt \"l\"", "r"),
        ("userName le \"kim@acme.example\"", "k"),
        ("externalId eq \"Ext-1\"", "k"),
        ("externalId eq \"ext-1\"", ""),
        ("externalId sw \"ext\"", ""),
        ("externalId sw \"Ext\"", "k"),
        ("not (externalId pr)", "r"),
        ("externalId ne \"x\"", "kr"),
        ("displayName eq \"100% kim_\\\\\"", "k"),
        ("displayName co \"%\"", "k"),
        ("displayName co \"_\"", "k"),
        ("displayName sw \"1__\"", ""),
        ("displayName co \"\"", "k"),
        ("name.familyName eq \"o'neil\"", "r"),
        ("emails.value eq \"KIM@home.example\"", "k"),
        ("emails eq \"kim@home.example\"", "k"),
        ("emails[type eq \"work\"].value eq \"kim@home.example\"", ""),
        ("emails[type eq \"home\" and value eq \"kim@home.example\"]", "k"),
        ("emails[type eq \"work\"]", "k"),
        ("emails.type eq \"work\" and emails.value eq \"kim@home.example\"", "k"),
        ("emails[not (type eq \"home\")]", "k"),
        ("emails co \"home\"", "kr"),
        ("active eq true", "kr"),
        ("active eq \"False\"", ""),
        ("active ne true", ""),
        ("groups pr", ""),
        ("userName pr and not (emails pr)", ""),
        ("id eq \"none\"", ""),
        ("userName eq \"none\" or (active eq true and externalId pr)", "k"),
        ("meta.created gt \"2001-01-01T00:00:00Z\"", "kr"),
        (&format!("meta.created eq \"{created}\""), "k"),
        (&format!("meta.lastModified gt \"{created}\""), "r"),
        (&format!("meta.lastModified ge \"{}\"", created.replace('Z', ".5Z")), "r"),
        (&format!("id eq {}", kim["id"]), "k"),
    ] {
        let names: String = scim.found("/Users", filter).await.iter().map(|name| name[..1].to_lowercase()).collect();
        assert_eq!(names, found, "{filter}");
    }
}

async fn filters_do_no_harm(backend: Backend) {
    let scim = Scim::new(backend).await;
    scim.user("kim@acme.example").await;
    for harmless in [
        "userName eq \"' OR '1'='1\"",
        "userName eq \"x\\\"; DROP TABLE users; --\"",
        "userName eq \"$1\"",
        "displayName co \"%_%\"",
    ] {
        assert!(scim.found("/Users", harmless).await.is_empty(), "{harmless}");
    }
    // A megabyte is more than a question may have, and is not read to its end.
    let huge = format!("userName eq \"{}\"", "x".repeat(1024 * 1024));
    let start = Instant::now();
    for body in [json!({"filter": huge}), json!({"filter": format!("{}userName pr", "(".repeat(1024 * 1024))})] {
        refused(&scim.post("/Users/.search", &body).await, 413, None);
    }
    let within = json!({"filter": format!("userName eq \"{}\"", "x".repeat(200 * 1024))});
    refused(&scim.post("/Users/.search", &within).await, 400, Some("invalidFilter"));
    assert!(start.elapsed().as_millis() < 1_500, "{:?}", start.elapsed());
    let parens = format!("{}userName pr{}", "(".repeat(10_000), ")".repeat(10_000));
    let long = format!("userName eq \"{}\"", "x".repeat(60_000));
    let many = vec!["userName pr"; 5_000].join(" or ");
    let not = format!("{}userName pr{}", "not (".repeat(5_000), ")".repeat(5_000));
    for bad in [
        &parens,
        &long,
        &many,
        &not,
        "title pr",
        "password eq \"x\"",
        "userName eq",
        "userName like \"x\"",
        "userName; DROP TABLE users",
        "user_name eq \"x\"",
        "r.id eq \"x\"",
        "userName eq \"x\" OR",
        "active gt true",
        "meta.created eq \"yesterday\"",
        "emails[",
        "emails.display eq \"x\"",
        "groups.display eq \"x\"",
        "resource co \"x\"",
        "userName eq \"\\u0000\"",
        "name pr eq",
    ] {
        let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("filter", bad).finish();
        let body = json!({"filter": bad}).to_string();
        for (method, path, body) in
            [(Method::GET, format!("/Users?{query}"), None), (Method::POST, "/Users/.search".into(), Some(body))]
        {
            if path.len() > 50_000 {
                // No server takes an address like that.
                continue;
            }
            let start = Instant::now();
            let answer = scim.send(method, &path, &[], body).await;
            let took = start.elapsed().as_millis();
            assert!(took < 500, "{took} ms for {}", &bad[..bad.len().min(40)]);
            assert_eq!(answer.status, 400, "{}: {}", &bad[..bad.len().min(40)], answer.body);
            refused(&answer, 400, Some("invalidFilter"));
        }
    }
    assert_eq!(scim.found("/Users", "userName pr").await.len(), 1, "nothing is lost");
}

async fn a_search_body_asks_alike(backend: Backend) {
    let scim = Scim::new(backend).await;
    for name in ["a", "b", "c"] {
        scim.user(&format!("{name}@acme.example")).await;
    }
    scim.group("SRE", &[]).await;
    let search = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": "userName gt \"a@acme.example\"",
        "sortBy": "userName", "sortOrder": "descending", "startIndex": 1, "count": 1, "attributes": ["userName"],
    });
    let answer = scim.post("/Users/.search", &search).await;
    assert_eq!((answer.status, shape(&answer.json())), (200, (2, 1, 1, 1)));
    assert_eq!(names(&answer.json()), ["c@acme.example"]);
    assert!(answer.json()["Resources"][0].get("emails").is_none());
    let answer = scim.post("/Groups/.search", &json!({"filter": "displayName eq sre"})).await;
    assert_eq!(names(&answer.json()), ["SRE"]);
    refused(&scim.post("/Users/.search", &json!({"count": "many"})).await, 400, Some("invalidValue"));
    refused(&scim.post("/Users/.search", &json!(["x"])).await, 400, Some("invalidSyntax"));
}

async fn totals_are_exact(backend: Backend) {
    let scim = Scim::new(backend).await;
    let crowd = format!(
        "INSERT INTO directory_users (id, directory_id, made_user, user_name, active, resource, version, created_at, updated_at) \
         SELECT 'u-' || n, '{}', FALSE, 'u-' || n, n % 2 = 0, '{{\"userName\":\"u\"}}', 1, n, 1 FROM \
         (WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 450) SELECT n FROM c) AS numbers",
        scim.row.id
    );
    scim.world.sql(crowd.leak()).await;
    assert_eq!(shape(&listed(&scim, "").await), (450, 1, 100, 100));
    assert_eq!(shape(&listed(&scim, "count=500").await), (450, 1, 200, 200));
    assert_eq!(shape(&listed(&scim, "startIndex=401&count=200").await), (450, 401, 50, 50));
    assert_eq!(shape(&listed(&scim, "startIndex=251&count=200").await), (450, 251, 200, 200));
    assert_eq!(shape(&listed(&scim, "filter=active+eq+true&count=10").await), (225, 1, 10, 10));
    assert_eq!(shape(&listed(&scim, "filter=userName+eq+%22u-7%22").await), (1, 1, 1, 1));
}

/// Who enters the base URL with a slash at its end means what everybody means.
async fn slashes_too_many(backend: Backend) {
    let scim = Scim::new(backend).await;
    let made = scim.post("//Users", &person("kim@acme.example")).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let made = made.json();
    assert!(made["meta"]["location"].as_str().unwrap().ends_with(&format!("/scim/v2{}", super::at(&made))), "{made}");
    let found = scim.get("//Users?filter=userName+eq+%22kim%40acme.example%22&count=&startIndex=&sortOrder=").await;
    assert_eq!((found.status, names(&found.json())), (200, vec!["kim@acme.example".to_owned()]), "{}", found.body);
    for path in [format!("/{}", super::at(&made)), "//Schemas".to_owned(), "//ServiceProviderConfig".to_owned()] {
        assert_eq!(scim.get(&path).await.status, 200, "{path}");
    }
    assert_eq!(scim.patch(&format!("/{}", super::at(&made)), json!([{"op": "remove", "path": "title"}])).await.status, 200);
    // Only one too many, and behind the same door.
    for nowhere in ["//", "///Users", "//Nothing", "//Users//x", "//scim/v2/Users"] {
        refused(&scim.get(nowhere).await, 404, None);
    }
    let stranger = scim.send(Method::GET, "//Users", &[("authorization", "Bearer ghs_other")], None).await;
    assert_ne!(stranger.status, 200, "{}", stranger.body);
    let refusal = scim.get("/Users?sortBy=title").await;
    refused(&refusal, 400, Some("invalidValue"));
    assert!(refusal.body.contains("userName"), "it says by what they can: {}", refusal.body);
}
