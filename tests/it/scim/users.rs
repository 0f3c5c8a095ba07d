//! Users: what a change keeps and what it clears, in every dialect.

use serde_json::{Value, json};

use super::{Scim, at, person, refused};
use crate::{on_both, world::Backend};

on_both!(
    put_clears_all_but_active,
    patch_speaks_every_dialect,
    a_failing_operation_undoes_all,
    nothing_changed_is_no_change,
    values_come_back_as_sent,
    rights_are_never_pushed,
);

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

async fn put_clears_all_but_active(backend: Backend) {
    let scim = Scim::new(backend).await;
    let mut body = person("kim@acme.example");
    body["externalId"] = json!("x-1");
    body["title"] = json!("Boss");
    body[ENTERPRISE] = json!({"department": "Ops"});
    let kim = scim.made("/Users", &body).await;
    assert_eq!(kim[ENTERPRISE]["department"], json!("Ops"));
    assert!(kim["schemas"].as_array().unwrap().contains(&json!(ENTERPRISE)));
    let off = scim.patch(&at(&kim), json!([{"op": "replace", "value": {"active": false}}])).await.json();
    assert_eq!(off["active"], json!(false));

    let put =
        scim.put(&at(&kim), &json!({"userName": "kim@acme.example", "id": "another", "meta": {"x": 1}, "groups": []})).await;
    let put = put.json();
    assert_eq!((&put["active"], &put["id"]), (&json!(false), &kim["id"]));
    for cleared in ["externalId", "title", "emails", "name", ENTERPRISE] {
        assert!(put.get(cleared).is_none(), "{cleared} in {put}");
    }
    assert!(scim.found("/Users", "externalId eq \"x-1\"").await.is_empty());
    refused(&scim.put(&at(&kim), &json!({"title": "no name"})).await, 400, Some("invalidValue"));
    let on = scim.put(&at(&kim), &json!({"userName": "kim@acme.example", "active": "True"})).await.json();
    assert_eq!(on["active"], json!(true), "Keycloak sends texts");
}

async fn patch_speaks_every_dialect(backend: Backend) {
    let scim = Scim::new(backend).await;
    let kim = scim.user("kim@acme.example").await;
    let patch = |operations: Value| async {
        let answer = scim.patch(&at(&kim), operations).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    };
    // Entra, as it is set up.
    let now = patch(json!([
        {"op": "Replace", "path": "active", "value": "False"},
        {"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "kim2@acme.example"},
        {"op": "Add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department", "value": "Ops"},
        {"op": "Add", "path": "manager", "value": [{"$ref": "x", "value": "u-2"}]},
    ]))
    .await;
    assert_eq!((&now["active"], &now["emails"][0]["value"]), (&json!(false), &json!("kim2@acme.example")));
    assert_eq!((&now[ENTERPRISE]["department"], &now[ENTERPRISE]["manager"]["value"]), (&json!("Ops"), &json!("u-2")));
    // Entra with its flag.
    let now = patch(json!([
        {"op": "replace", "path": "active", "value": true},
        {"op": "replace", "value": {"displayName": "Kim", "name.givenName": "Kimmy",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber": "42"}},
    ]))
    .await;
    assert_eq!((&now["active"], &now["displayName"], &now["name"]["givenName"]), (&json!(true), &json!("Kim"), &json!("Kimmy")));
    assert_eq!(now[ENTERPRISE]["employeeNumber"], json!("42"));
    // Okta.
    assert_eq!(patch(json!([{"op": "replace", "value": {"active": false}}])).await["active"], json!(false));
    assert_eq!(scim.found("/Users", "active eq false").await, ["kim@acme.example"], "still found");
    // A value without an element to hold it.
    let now = patch(json!([{"op": "Replace", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "+1 555"}])).await;
    assert_eq!(now["phoneNumbers"], json!([{"type": "mobile", "value": "+1 555"}]));
}

async fn a_failing_operation_undoes_all(backend: Backend) {
    let scim = Scim::new(backend).await;
    let kim = scim.user("kim@acme.example").await;
    let answer = scim
        .patch(
            &at(&kim),
            json!([
                {"op": "replace", "path": "title", "value": "Boss"},
                {"op": "replace", "path": "displayName", "value": "Boss"},
                {"op": "replace", "path": "userName", "value": ""},
            ]),
        )
        .await;
    refused(&answer, 400, Some("invalidValue"));
    assert_eq!(scim.get(&at(&kim)).await.json(), kim);
    assert_eq!(scim.world.sql("UPDATE users SET name = name WHERE email = 'kim@acme.example' AND name = 'Kim Ode'").await, 1);
}

async fn nothing_changed_is_no_change(backend: Backend) {
    let scim = Scim::new(backend).await;
    let kim = scim.user("kim@acme.example").await;
    scim.world.clock.advance(60);
    let again = scim.patch(&at(&kim), json!([{"op": "replace", "path": "active", "value": true}])).await.json();
    assert_eq!(again, kim);
    assert_eq!(scim.put(&at(&kim), &kim).await.json(), kim);
}

async fn values_come_back_as_sent(backend: Backend) {
    let scim = Scim::new(backend).await;
    let mut body = person("KIM@Acme.Example");
    body["phoneNumbers"] = json!([{"type": "work", "value": "+1 (555) 010-0199"}]);
    body["displayName"] = json!("Kïm “O'Dé” <b>%_\\\"");
    body["externalId"] = json!("ÄB-1");
    body["locale"] = json!("en-US");
    body["urn:example:custom:2.0:User"] = json!({"badge": [1, {"x": true}]});
    let kim = scim.made("/Users", &body).await;
    for (name, value) in body.as_object().unwrap() {
        if name != "schemas" {
            assert_eq!(kim[name], *value, "{name}");
        }
    }
    assert_eq!(scim.found("/Users", "userName eq \"kim@acme.example\"").await, ["KIM@Acme.Example"]);
    assert_eq!(scim.found("/Users", "externalId eq \"ÄB-1\"").await.len(), 1);
    assert_eq!(scim.found("/Users", "externalId eq \"äb-1\"").await.len(), 0, "compared exactly");
}

/// P4: roles, groups, entitlements, `admin` and the like in a body change no right.
async fn rights_are_never_pushed(backend: Backend) {
    let scim = Scim::new(backend).await;
    let sre = scim.group("SRE", &[]).await;
    let mut body = person("kim@acme.example");
    let claims = json!({
        "admin": true, "roles": [{"value": "admin", "primary": "True"}], "entitlements": [{"value": "admin"}], "userType": "admin",
        "groups": [{"value": sre["id"]}], "meta": {"resourceType": "Admin"}, "tenant_id": "other", "user_id": "x",
        "email_proven": true, "urn:gatehouse:User": {"admin": true},
    });
    body.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    let kim = scim.made("/Users", &body).await;
    let untouched = || async {
        let world = &scim.world;
        let admins = world.sql("UPDATE users SET name = name WHERE email = 'kim@acme.example' AND admin").await;
        let members = scim.get(&at(&sre)).await.json()["members"].clone();
        assert_eq!((admins, members), (0, json!([])));
        let read = scim.get(&at(&kim)).await.json();
        assert!(read.get("groups").is_none() && read["meta"]["resourceType"] == json!("User") && read["id"] == kim["id"]);
    };
    untouched().await;
    assert_eq!(scim.put(&at(&kim), &body).await.status, 200);
    untouched().await;
    for operation in [
        json!({"op": "add", "path": "roles", "value": [{"value": "admin"}]}),
        json!({"op": "add", "path": "roles[primary eq \"True\"].value", "value": "admin"}),
        json!({"op": "replace", "path": "admin", "value": true}),
        json!({"op": "replace", "value": {"admin": true, "user.admin": true, "urn:gatehouse:User:admin": true}}),
        json!({"op": "replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User:userType", "value": "admin"}),
        json!({"op": "add", "path": "groups", "value": [{"value": sre["id"]}]}),
        json!({"op": "replace", "path": "id", "value": "another"}),
        json!({"op": "replace", "path": "meta.resourceType", "value": "Admin"}),
        json!({"op": "replace", "value": {"id": "another", "meta": {"version": "x"}, "groups": [{"value": sre["id"]}]}}),
    ] {
        let answer = scim.patch(&at(&kim), json!([operation.clone()])).await;
        assert!([200, 400].contains(&answer.status), "{operation}: {}", answer.body);
        untouched().await;
    }
    // Honestly: a member of the group is in its team, and nothing more.
    scim.patch(&at(&sre), json!([{"op": "add", "path": "members", "value": [{"value": kim["id"]}]}])).await;
    assert_eq!(scim.get(&at(&kim)).await.json()["groups"][0]["value"], sre["id"]);
}
