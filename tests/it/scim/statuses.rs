//! The status table: every case of identity-providers B.5, and the forms of requests that directories send.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Scim, at, group, person, refused};
use crate::{
    browser::Browser,
    on_both,
    world::{Backend, text},
};

on_both!(
    users_answer_as_promised,
    groups_answer_as_promised,
    errors_have_one_form,
    requests_come_in_many_forms,
    addresses_come_from_the_settings,
    versions_guard_changes,
    discovery_needs_no_token,
    attributes_are_chosen,
);

async fn users_answer_as_promised(backend: Backend) {
    let scim = Scim::new(backend).await;
    let made = scim.post("/Users", &person("Kim@acme.example")).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.header("content-type"), Some("application/scim+json"));
    let kim = made.json();
    assert_eq!(made.header("location"), kim["meta"]["location"].as_str());
    assert_eq!(kim["userName"], json!("Kim@acme.example"), "as it was sent");
    assert_eq!(kim["active"], json!(true));
    assert_eq!(kim["meta"]["resourceType"], json!("User"));
    assert_eq!(kim["meta"]["created"], kim["meta"]["lastModified"]);
    assert_eq!(kim["emails"][0]["value"], json!("Kim@acme.example"));

    let read = scim.get(&at(&kim)).await;
    assert_eq!((read.status, read.json()), (200, kim.clone()));
    let again = scim.post("/Users", &person("kim@ACME.example")).await;
    refused(&again, 409, Some("uniqueness"));
    assert!(again.json()["detail"].as_str().unwrap().contains("userName"), "{}", again.body);

    scim.world.clock.advance(10);
    let mut body = kim.clone();
    body["title"] = json!("Boss");
    let put = scim.put(&at(&kim), &body).await;
    assert_eq!((put.status, &put.json()["title"]), (200, &json!("Boss")));
    assert_ne!(put.json()["meta"]["lastModified"], kim["meta"]["lastModified"]);
    assert_eq!(put.json()["meta"]["created"], kim["meta"]["created"]);
    let patched = scim.patch(&at(&kim), json!([{"op": "replace", "path": "title", "value": "Chief"}])).await;
    assert_eq!((patched.status, &patched.json()["title"]), (200, &json!("Chief")));

    let gone = scim.delete(&at(&kim)).await;
    assert_eq!((gone.status, gone.body.as_str()), (204, ""));
    for answer in [
        scim.get(&at(&kim)).await,
        scim.delete(&at(&kim)).await,
        scim.put(&at(&kim), &body).await,
        scim.patch(&at(&kim), json!([{"op": "replace", "path": "title", "value": "x"}])).await,
        scim.get("/Users/no-such-id").await,
        scim.get("/Users/%00").await,
        scim.delete("/Groups/%00").await,
        scim.put("/Users/no-such-id", &person("new@acme.example")).await,
    ] {
        refused(&answer, 404, None);
    }
    assert!(scim.found("/Users", "userName eq \"new@acme.example\"").await.is_empty(), "PUT makes nobody");
}

async fn groups_answer_as_promised(backend: Backend) {
    let scim = Scim::new(backend).await;
    let kim = scim.user("kim@acme.example").await;
    let made = scim.post("/Groups", &json!({"displayName": "SRE", "externalId": "g-1"})).await;
    assert_eq!(made.status, 201);
    let sre = made.json();
    assert_eq!(made.header("location"), sre["meta"]["location"].as_str());
    assert_eq!((&sre["members"], &sre["externalId"]), (&json!([]), &json!("g-1")));
    refused(&scim.post("/Groups", &group("sre", &[])).await, 409, Some("uniqueness"));

    let patched = scim.patch(&at(&sre), json!([{"op": "add", "path": "members", "value": [{"value": kim["id"]}]}])).await;
    assert_eq!((patched.status, patched.body.as_str()), (204, ""));
    let read = scim.get(&at(&sre)).await.json();
    assert_eq!(read["members"][0]["value"], kim["id"]);
    assert_eq!(read["members"][0]["$ref"], kim["meta"]["location"]);
    assert_ne!(read["meta"]["version"], sre["meta"]["version"]);
    let of_kim = scim.get(&at(&kim)).await.json();
    assert_eq!(of_kim["groups"][0]["value"], sre["id"]);
    assert_eq!((&of_kim["groups"][0]["display"], &of_kim["groups"][0]["$ref"]), (&json!("SRE"), &sre["meta"]["location"]));

    let put = scim.put(&at(&sre), &group("SRE 2", &[])).await;
    assert_eq!((put.status, &put.json()["displayName"], &put.json()["members"]), (200, &json!("SRE 2"), &json!([])));
    assert!(put.json().get("externalId").is_none(), "what is not sent is cleared");
    assert_eq!(scim.delete(&at(&sre)).await.status, 204);
    refused(&scim.get(&at(&sre)).await, 404, None);
    refused(&scim.patch(&at(&sre), json!([{"op": "add", "path": "members", "value": []}])).await, 404, None);
    refused(&scim.put(&at(&sre), &group("SRE", &[])).await, 404, None);
    assert_eq!(scim.get(&at(&kim)).await.status, 200);
}

async fn errors_have_one_form(backend: Backend) {
    let scim = Scim::new(backend).await;
    let kim = scim.user("kim@acme.example").await;
    for path in ["/Nothing", "/Users/a/b", "", "/", "/Schemas/none", "/ResourceTypes/none", "/Bulk/x"] {
        refused(&scim.get(path).await, 404, None);
    }
    for (method, path) in
        [(Method::DELETE, "/Users"), (Method::PUT, "/Groups"), (Method::POST, "/Schemas"), (Method::POST, &at(&kim))]
    {
        refused(&scim.send(method, path, &[], Some("{}".into())).await, 405, None);
    }
    refused(&scim.get("/Me").await, 501, None);
    refused(&scim.send(Method::POST, "/Users", &[], Some("{".into())).await, 400, Some("invalidSyntax"));
    refused(&scim.post("/Users", &json!([])).await, 400, Some("invalidSyntax"));
    refused(&scim.post("/Users", &json!({"emails": []})).await, 400, Some("invalidValue"));
    refused(&scim.post("/Users", &person("nul\0@acme.example")).await, 400, Some("invalidValue"));
    refused(&scim.post("/Groups", &json!({"displayName": ""})).await, 400, Some("invalidValue"));
    refused(&scim.get("/Users?count=ten").await, 400, Some("invalidValue"));
    refused(&scim.get("/Users?sortBy=title").await, 400, Some("invalidValue"));
    for filter in ["userName%20eq", "title%20eq%20%22x%22", "nothing%20pr", "%28%28", "userName%20%3D%20%22x%22", ""] {
        refused(&scim.get(&format!("/Users?filter={filter}")).await, 400, Some("invalidFilter"));
    }
    refused(&scim.patch(&at(&kim), json!([{"op": "remove"}])).await, 400, Some("noTarget"));
    let unread = scim.send(Method::PATCH, &at(&kim), &[], Some("{\"Operations\": 1}".into())).await;
    refused(&unread, 400, Some("invalidSyntax"));
    scim.world.app.db.close().await;
    refused(&scim.get("/Users").await, 503, None);
}

async fn requests_come_in_many_forms(backend: Backend) {
    let scim = Scim::new(backend).await;
    let kim = scim.user("kim@acme.example").await;
    for path in
        ["/Users?", "/Users/?", "/Users?&", "/Users?filter=userName+eq+%22kim%40acme.example%22&", "/Users?aadOptscim062020"]
    {
        let answer = scim.get(path).await;
        assert_eq!((answer.status, answer.json()["totalResults"].as_i64()), (200, Some(1)), "{path}");
    }
    assert_eq!(scim.get(&format!("{}?aadOptscim062020&x=y", at(&kim))).await.status, 200);
    assert_eq!(scim.put(&format!("{}?", at(&kim)), &person("kim@acme.example")).await.status, 200);
    let authorization = format!("Bearer {}", scim.token);
    for (n, content_type) in
        ["application/json", "application/json; charset=utf-8", "Application/SCIM+JSON;charset=UTF-8"].iter().enumerate()
    {
        let url = format!("{}/scim/v2/Users?unknown=1", scim.world.url);
        let body = person(&format!("kim{n}@acme.example")).to_string();
        let headers = [("authorization", authorization.as_str()), ("content-type", content_type), ("accept", "application/json")];
        let answer = Browser::new().send(Method::POST, &url, &headers, Some(body)).await;
        assert_eq!((answer.status, answer.header("content-type")), (201, Some("application/scim+json")), "{content_type}");
    }
    let url = format!("{}/scim/v2/Users", scim.world.url);
    let headers = [("authorization", authorization.as_str()), ("content-type", "text/xml")];
    refused(&Browser::new().send(Method::POST, &url, &headers, Some("<x/>".into())).await, 415, None);
}

async fn addresses_come_from_the_settings(backend: Backend) {
    let scim = Scim::new(backend).await;
    let headers = [("x-forwarded-host", "evil.test"), ("x-forwarded-proto", "https"), ("host", "evil.test")];
    let answer = scim.send(Method::POST, "/Users", &headers, Some(person("kim@acme.example").to_string())).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert!(!answer.body.contains("evil.test"));
    assert!(answer.location().unwrap().starts_with(&format!("{}/scim/v2/Users/", scim.world.url)));
}

async fn versions_guard_changes(backend: Backend) {
    let scim = Scim::new(backend).await;
    for (made, change) in [
        (scim.user("kim@acme.example").await, json!([{"op": "replace", "path": "title", "value": "x"}])),
        (scim.group("SRE", &[]).await, json!([{"op": "replace", "path": "externalId", "value": "x"}])),
    ] {
        let path = at(&made);
        let first = text(&made["meta"], "version").to_owned();
        let read = scim.get(&path).await;
        assert_eq!(read.header("etag"), Some(first.as_str()));
        // What they are apart from the groups they are in, or their members.
        let alone = format!("{path}?excludedAttributes=groups,members");
        let same = scim.send(Method::GET, &alone, &[("if-none-match", &first)], None).await;
        assert_eq!((same.status, same.body.as_str()), (304, ""));
        let patch = |version: &str| {
            let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": change}).to_string();
            let (path, version) = (path.clone(), version.to_owned());
            let scim = &scim;
            async move { scim.send(Method::PATCH, &path, &[("if-match", &version)], Some(body)).await }
        };
        assert!([200, 204].contains(&patch(&first).await.status));
        refused(&patch(&first).await, 412, None);
        refused(&patch("\"garbage\"").await, 412, None);
        assert!([200, 204].contains(&patch("*").await.status));
        let read = scim.send(Method::GET, &path, &[("if-none-match", &first)], None).await;
        assert_eq!(read.status, 200, "it is another now");
        let body = Some(made.to_string());
        refused(&scim.send(Method::PUT, &path, &[("if-match", &first)], body.clone()).await, 412, None);
        refused(&scim.send(Method::DELETE, &path, &[("if-match", &first)], None).await, 412, None);
        let now = read.header("etag").unwrap().to_owned();
        assert_eq!(scim.send(Method::PUT, &path, &[("if-match", &now)], body).await.status, 200);
        assert_eq!(scim.send(Method::DELETE, &path, &[("if-match", "*")], None).await.status, 204);
    }
}

async fn discovery_needs_no_token(backend: Backend) {
    let scim = Scim::new(backend).await;
    for path in [
        "/ServiceProviderConfig",
        "/ResourceTypes",
        "/Schemas",
        "/ResourceTypes/User",
        "/Schemas/urn:ietf:params:scim:schemas:core:2.0:User",
        "/Schemas?filter=id+eq+%22x%22",
    ] {
        let answer = Browser::new().get(&format!("{}/scim/v2{path}", scim.world.url)).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/scim+json")), "{path}");
        assert!(!answer.body.contains("null"), "{path}: {}", answer.body);
    }
    assert_eq!(scim.get("/Schemas").await.json()["totalResults"], json!(3));
}

async fn attributes_are_chosen(backend: Backend) {
    let scim = Scim::new(backend).await;
    let kim = scim.user("kim@acme.example").await;
    let sre = scim.group("SRE", &[&kim]).await;
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let only = scim.get(&format!("{}?attributes=userName", at(&kim))).await.json();
    assert_eq!(keys(&only), ["id", "schemas", "userName"]);
    let without = scim.get(&format!("{}?excludedAttributes=members", at(&sre))).await.json();
    assert!(without.get("members").is_none() && without["displayName"] == json!("SRE"));
    let list = scim.get("/Groups?excludedAttributes=members&filter=displayName%20eq%20%22sre%22").await.json();
    assert_eq!(list["totalResults"], json!(1));
    assert!(list["Resources"][0].get("members").is_none());
    let made = scim.post("/Users?attributes=name.givenName", &person("ray@acme.example")).await.json();
    assert_eq!(keys(&made), ["id", "name", "schemas"]);
    assert_eq!(made["name"], json!({"givenName": "Kim"}));
}
