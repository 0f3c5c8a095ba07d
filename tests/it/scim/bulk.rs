//! Many operations in one request: each is what it would be alone.

use gatehouse::policy::directory::DirectorySettings;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Pusher, Scim, accounts::user_of, at, group, person, pusher, refused};
use crate::{
    browser::Browser,
    on_both,
    world::{Backend, STATE, World},
};

on_both!(
    each_operation_is_what_it_would_be_alone,
    references_are_resolved_whatever_their_order,
    circles_are_refused_and_nothing_else,
    what_refers_to_a_failure_fails,
    errors_end_it_when_asked,
    what_another_directory_has_is_unknown,
    a_request_has_limits,
    operations_count_in_the_pace,
    what_ends_meanwhile_ends_the_rest,
);

async fn sent(scim: &Pusher, request: &Value) -> Vec<Value> {
    let answer = scim.post("/Bulk", request).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let body = answer.json();
    assert_eq!(body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:BulkResponse"]));
    body["Operations"].as_array().unwrap().clone()
}

fn request(operations: Value) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations})
}

fn statuses(answers: &[Value]) -> Vec<&str> {
    answers.iter().map(|answer| answer["status"].as_str().unwrap()).collect()
}

fn make(bulk_id: &str, path: &str, data: Value) -> Value {
    json!({"method": "POST", "path": path, "bulkId": bulk_id, "data": data})
}

fn led_by(name: &str, manager: &str) -> Value {
    let mut body = person(name);
    body["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"] = json!({"manager": {"value": manager}});
    body
}

async fn each_operation_is_what_it_would_be_alone(backend: Backend) {
    let scim = Scim::new(backend).await;
    let (kim, sre) = (scim.user("kim@acme.example").await, scim.group("SRE", &[]).await);
    let operations = json!([
        make("ray", "/Users", person("ray@acme.example")),
        make("again", "/Users", person("RAY@acme.example")),
        {"method": "PUT", "path": at(&kim), "data": {"userName": "kim@acme.example", "title": "Dr", "emails": kim["emails"]}},
        {"method": "patch", "path": at(&kim), "version": "W/\"1\"", "data": {"Operations": [{"op": "remove", "path": "title"}]}},
        {"method": "PATCH", "path": at(&kim), "version": "W/\"2\"", "data": {"Operations": [{"op": "Replace", "path": "active", "value": "False"}]}},
        {"method": "PATCH", "path": at(&sre), "data": {"Operations": [{"op": "add", "path": "members", "value": [{"value": kim["id"]}]}]}},
        {"method": "PATCH", "path": at(&kim), "data": {"Operations": [{"op": "remove"}]}},
        {"method": "DELETE", "path": "/Groups/nobody"},
        {"method": "GET", "path": at(&kim)},
        {"method": "POST", "path": "/Users", "data": person("zoe@acme.example")},
        {"method": "DELETE", "path": at(&sre)},
    ]);
    let answers = sent(&scim, &request(operations)).await;
    assert_eq!(statuses(&answers), ["201", "409", "200", "412", "200", "200", "400", "404", "400", "400", "204"]);
    assert_eq!(answers[1]["response"]["scimType"], "uniqueness");
    assert_eq!(answers[6]["response"]["scimType"], "noTarget");
    assert!(answers[1].get("location").is_none(), "nothing was made");
    assert_eq!(
        (&answers[0]["bulkId"], &answers[0]["method"], &answers[0]["version"]),
        (&json!("ray"), &json!("POST"), &json!("W/\"1\""))
    );
    assert_eq!(answers[2]["location"], kim["meta"]["location"]);

    let kim = scim.get(&at(&kim)).await.json();
    assert_eq!((&kim["active"], &kim["title"], &kim["meta"]["version"]), (&json!(false), &json!("Dr"), &json!("W/\"3\"")));
    let mut found = scim.found("/Users", "userName pr").await;
    found.sort_unstable();
    assert_eq!(found, ["kim@acme.example", "ray@acme.example"]);
    assert_eq!(scim.found("/Groups", "displayName pr").await, [""; 0]);
}

async fn references_are_resolved_whatever_their_order(backend: Backend) {
    let scim = Scim::new(backend).await;
    let operations = json!([
        make("sre", "/Groups", json!({"displayName": "SRE", "members": [{"value": "bulkId:ray"}]})),
        make("ray", "/Users", led_by("ray@acme.example", "bulkId:kim")),
        {"method": "PATCH", "path": "/Groups/bulkId:sre",
            "data": {"Operations": [{"op": "Add", "path": "members", "value": [{"value": "bulkId:kim"}]}]}},
        make("kim", "/Users", person("kim@acme.example")),
    ]);
    let answers = sent(&scim, &request(operations)).await;
    assert_eq!(statuses(&answers), ["201", "201", "200", "201"]);
    let id = |answer: &Value| answer["location"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let (sre, ray, kim) = (id(&answers[0]), id(&answers[1]), id(&answers[3]));
    assert_eq!(answers[2]["location"], answers[0]["location"]);

    let shown = scim.get(&format!("/Groups/{sre}")).await.json();
    let mut members: Vec<&str> = shown["members"].as_array().unwrap().iter().map(|m| m["value"].as_str().unwrap()).collect();
    members.sort_unstable();
    let mut both = [ray.as_str(), kim.as_str()];
    both.sort_unstable();
    assert_eq!(members, both);
    let shown = scim.get(&format!("/Users/{ray}")).await.json();
    assert_eq!(shown["urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"]["manager"]["value"], json!(kim));
}

async fn circles_are_refused_and_nothing_else(backend: Backend) {
    let scim = Scim::new(backend).await;
    let operations = json!([
        make("a", "/Users", led_by("a@acme.example", "bulkId:b")),
        make("b", "/Users", led_by("b@acme.example", "bulkId:a")),
        make("c", "/Users", led_by("c@acme.example", "bulkId:c")),
        make("d", "/Users", person("d@acme.example")),
    ]);
    let answers = sent(&scim, &request(operations)).await;
    assert_eq!(statuses(&answers), ["409", "409", "409", "201"]);
    assert!(answers[0]["response"]["detail"].as_str().unwrap().contains("back to itself"), "{}", answers[0]);
    assert_eq!(scim.found("/Users", "userName pr").await, ["d@acme.example"]);
}

async fn what_refers_to_a_failure_fails(backend: Backend) {
    let scim = Scim::new(backend).await;
    let operations = json!([
        make("sre", "/Groups", json!({"displayName": "SRE", "members": [{"value": "bulkId:bad"}]})),
        make("ops", "/Groups", json!({"displayName": "Ops", "members": [{"value": "bulkId:nobody"}]})),
        make("bad", "/Users", json!({"userName": ""})),
    ]);
    let answers = sent(&scim, &request(operations)).await;
    assert_eq!(statuses(&answers), ["409", "400", "400"]);
    assert_eq!(answers[0]["response"]["detail"], "bulkId:bad was not made");
    assert_eq!(answers[1]["response"]["scimType"], "invalidValue");
    assert_eq!(scim.found("/Groups", "displayName pr").await, [""; 0]);
}

async fn errors_end_it_when_asked(backend: Backend) {
    let scim = Scim::new(backend).await;
    let operations = json!([
        {"method": "DELETE", "path": "/Users/nobody"},
        make("kim", "/Users", person("kim@acme.example")),
        {"method": "DELETE", "path": "/Users/nobody"},
        make("ray", "/Users", person("ray@acme.example")),
    ]);
    let mut body = request(operations);
    body["failOnErrors"] = json!(2);
    assert_eq!(statuses(&sent(&scim, &body).await), ["404", "201", "404"]);
    assert_eq!(scim.found("/Users", "userName pr").await, ["kim@acme.example"]);
    body["failOnErrors"] = Value::Null;
    assert_eq!(statuses(&sent(&scim, &body).await), ["404", "409", "404", "201"]);
}

async fn what_another_directory_has_is_unknown(backend: Backend) {
    let scim = Scim::new(backend).await;
    let other = pusher(&scim.world, "acme", "okta", DirectorySettings::default(), None).await;
    let (theirs, their_group) = (other.user("zoe@acme.example").await, other.group("Theirs", &[]).await);
    let mine = scim.user("kim@acme.example").await;
    let rename = json!({"Operations": [{"op": "replace", "path": "displayName", "value": "x"}]});
    let operations = json!([
        {"method": "DELETE", "path": at(&theirs)},
        {"method": "PUT", "path": at(&theirs), "data": person("zoe@acme.example")},
        {"method": "PATCH", "path": at(&theirs), "data": rename},
        {"method": "PATCH", "path": at(&their_group), "data": rename},
        {"method": "DELETE", "path": at(&their_group)},
        make("theirs", "/Groups", group("A", &[&theirs])),
        make("mine", "/Groups", group("B", &[&mine])),
        {"method": "DELETE", "path": "/Users/nobody"},
    ]);
    let answers = sent(&scim, &request(operations)).await;
    assert_eq!(statuses(&answers), ["404", "404", "404", "404", "404", "400", "201", "404"]);
    let told = |answer: &Value, id: &str| answer["response"].to_string().replace(id, "ID");
    assert_eq!(told(&answers[0], theirs["id"].as_str().unwrap()), told(&answers[7], "nobody"), "alike");
    assert_eq!(other.get(&at(&theirs)).await.json()["meta"], theirs["meta"]);
    assert_eq!(other.get(&at(&their_group)).await.json()["meta"], their_group["meta"]);
}

async fn a_request_has_limits(backend: Backend) {
    let scim = Scim::new(backend).await;
    let many = |count: usize| request(json!(vec![json!({"method": "DELETE", "path": "/Users/x"}); count]));
    refused(&scim.post("/Bulk", &many(1001)).await, 413, None);
    assert_eq!(sent(&scim, &many(1000)).await.len(), 1000);
    let large = request(json!([make("a", "/Users", json!({"userName": "x".repeat(1024 * 1024)}))]));
    refused(&scim.post("/Bulk", &large).await, 413, None);
    let twice = request(json!([make("a", "/Users", person("a@acme.example")), make("a", "/Users", person("b@acme.example"))]));
    refused(&scim.post("/Bulk", &twice).await, 400, Some("invalidValue"));
    refused(&scim.post("/Bulk", &json!({})).await, 400, Some("invalidSyntax"));
    refused(&scim.get("/Bulk").await, 405, None);
    assert_eq!(scim.found("/Users", "userName pr").await, [""; 0]);

    let url = format!("{}/scim/v2/Bulk", scim.world.url);
    let body = many(1).to_string();
    refused(&Browser::new().send(Method::POST, &url, &[("content-type", "application/scim+json")], Some(body)).await, 401, None);
}

/// Four at once, and one in a second after that.
async fn operations_count_in_the_pace(backend: Backend) {
    let scim = Scim::over(World::with(backend, STATE, &[("SCIM_RATE", "1")]).await).await;
    let operations = json!(vec![json!({"method": "DELETE", "path": "/Users/x"}); 3]);
    for _ in 0..2 {
        assert_eq!(scim.get("/Users").await.status, 200);
    }
    // The request and one operation are let in; the others wait for their turn rather than fail.
    let body = request(operations);
    let later = async {
        for _ in 0..10 {
            refused(&Browser::new().get(&format!("{}/scim/v2/Users", scim.world.url)).await, 401, None);
        }
        scim.world.clock.advance(2);
    };
    let (answer, ()) = tokio::join!(sent(&scim, &body), later);
    assert_eq!(statuses(&answer), ["404"; 3]);
    refused(&scim.get("/Users").await, 429, None);
}

/// One operation is done, the others wait for their turn; what ends then ends them, also while there is time left.
async fn what_ends_meanwhile_ends_the_rest(backend: Backend) {
    let ends = [
        ("nothing", "UPDATE directories SET enabled = enabled", "201"),
        ("the token", "DELETE FROM directory_tokens", "401"),
        ("the directory", "UPDATE directories SET enabled = FALSE", "401"),
        ("the tenant", "UPDATE tenants SET enabled = FALSE WHERE name = 'acme'", "401"),
        ("the token's time", "UPDATE directory_tokens SET expires_at = 1", "401"),
        ("its belonging", "UPDATE directory_tokens SET directory_id = (SELECT id FROM directories WHERE name = 'okta')", "401"),
    ];
    for (what, sql, status) in ends {
        let scim = Scim::over(World::with(backend, STATE, &[("SCIM_RATE", "1")]).await).await;
        pusher(&scim.world, "acme", "okta", DirectorySettings::default(), None).await;
        for _ in 0..2 {
            assert_eq!(scim.get("/Users").await.status, 200);
        }
        let operations: Vec<Value> =
            ["a", "b", "c"].map(|name| make(name, "/Users", person(&format!("{name}@acme.example")))).into();
        let body = request(operations.into());
        let meanwhile = async {
            // The first is done; the second waits.
            while user_of(&scim.world, "a@acme.example").await.is_none() {
                tokio::task::yield_now().await;
            }
            scim.world.sql(sql).await;
            scim.world.clock.advance(5);
        };
        let (answers, ()) = tokio::join!(sent(&scim, &body), meanwhile);
        assert_eq!(statuses(&answers), ["201", status, status], "{what}");
        for name in ["b@acme.example", "c@acme.example"] {
            assert_eq!(user_of(&scim.world, name).await.is_some(), status == "201", "{what}: {name}");
        }
    }
}
