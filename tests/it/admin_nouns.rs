//! What the admin API serves of its nouns: made, read, changed and deleted, what is lost named before, and who has looked told
//! of what others have changed.

use serde_json::{Value, json};

use crate::{
    admin::{id, tokens},
    admin_surface::{ASKERS, Askers},
    on_both,
    world::{Backend, text},
};

on_both!(
    every_noun_is_served,
    who_has_looked_is_told_of_others_changes,
    what_is_lost_is_named_before,
    what_the_pages_tell_of_a_user,
    bodies_are_judged_field_by_field,
);

async fn every_noun_is_served(backend: Backend) {
    let askers = Askers::new(backend).await;
    for noun in gatehouse::apply::single::Noun::OWNED {
        let path = format!("tenants/acme/{}", noun.as_str());
        for (who, status) in ASKERS.into_iter().zip([401, 403, 403, 404, 200, 200]) {
            let answer = askers.ask(who, "GET", &path, &[], None).await;
            assert_eq!(answer.status, status, "{path} by {who}: {}", answer.body);
            if status == 200 {
                assert!(answer.json()[noun.as_str()].is_array(), "{}", answer.body);
            }
        }
        let one = format!("{path}/no:thing");
        for (who, status) in ASKERS.into_iter().zip([401, 403, 403, 404, 404, 404]) {
            assert_eq!(askers.ask(who, "GET", &one, &[], None).await.status, status, "{one} by {who}");
            assert_eq!(askers.ask(who, "DELETE", &one, &[], None).await.status, status, "{one} by {who}");
        }
    }
    for path in ["tenants/acme/things", "tenants/none/teams", "tenants/acme/teams/%FF", "tenants/%00", "tenants/acme/teams/%00"] {
        let answer = askers.ask("platform", "GET", path, &[], None).await;
        assert_eq!((answer.status, text(&answer.json(), "error")), (404, "not_found"), "{path}");
    }
    // What is the deployment's is for the platform's administrators.
    let site = json!({"hosts": ["app.example"]});
    for (who, status) in [("own", 403), ("platform", 201)] {
        let answer = askers.ask(who, "PUT", "tenants/acme/sites/app", &[], Some(site.clone())).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
    assert_eq!(askers.ask("own", "PUT", "tenants/home/users/root@home.example", &[], Some(json!({}))).await.status, 404);
    let tenants = askers.ask("own", "GET", "tenants", &[], None).await.json();
    assert_eq!(tenants["tenants"].as_array().unwrap().len(), 1, "of others nothing is said: {tenants}");
}

async fn who_has_looked_is_told_of_others_changes(backend: Backend) {
    let askers = Askers::new(backend).await;
    let path = "tenants/acme/teams/sre";
    let put = async |headers: &[(&str, &str)], members: Value| {
        askers.ask("own", "PUT", path, headers, Some(json!({"members": members}))).await
    };
    let seen = askers.ask("own", "GET", path, &[], None).await;
    let tag = seen.header("etag").unwrap().to_owned();
    let first = put(&[("if-match", &tag)], json!(["ada@acme.example"])).await;
    assert_eq!(first.status, 200, "{}", first.body);
    assert_eq!(put(&[("if-match", &tag)], json!([])).await.status, 412, "it is another one by now");
    assert_eq!(askers.ask("own", "DELETE", path, &[("if-match", &tag)], None).await.status, 412);
    let now = askers.ask("own", "GET", path, &[], None).await;
    assert_eq!((now.header("etag"), &now.json()["members"]), (first.header("etag"), &json!(["ada@acme.example"])));
    assert_eq!(put(&[("if-none-match", "*")], json!([])).await.status, 412, "there is one");
    assert_eq!(put(&[("if-match", "*")], json!([])).await.status, 200);
    let new = askers.ask("own", "PUT", "tenants/acme/teams/new", &[("if-match", "*")], Some(json!({}))).await;
    assert_eq!(new.status, 412, "there is none");
    let new = askers.ask("own", "PUT", "tenants/acme/teams/new", &[("if-none-match", "*")], Some(json!({}))).await;
    assert_eq!(new.status, 201, "{}", new.body);
}

async fn what_is_lost_is_named_before(backend: Backend) {
    let askers = Askers::new(backend).await;
    let answer = askers.ask("own", "DELETE", "tenants/acme/teams/sre", &[], None).await;
    assert_eq!((answer.status, &answer.json()["lost"]), (409, &json!(["viewer on model gpt", "1 member by hand"])));
    assert_eq!(askers.ask("own", "DELETE", "tenants/acme/teams/sre?confirm=dev", &[], None).await.status, 409);
    let answer = askers.ask("own", "DELETE", "tenants/acme/teams/sre?confirm=sre", &[], None).await;
    assert_eq!(
        (answer.status, answer.json()),
        (200, json!({"deleted": "sre", "lost": ["viewer on model gpt", "1 member by hand"]}))
    );
    assert_eq!(askers.ask("own", "GET", "tenants/acme/teams/sre", &[], None).await.status, 404);
    let ada = "tenants/acme/users/ada@acme.example";
    assert_eq!(askers.ask("own", "DELETE", ada, &[], None).await.status, 409, "the last administrator");
    let audit = askers.ask("own", "GET", "audit?subject=team%20acme/sre", &[], None).await.json();
    let entry = &audit["entries"][0];
    assert_eq!(
        (&entry["action"], &entry["actor"], &entry["via"]),
        (&json!("delete"), &json!("administrator ada@acme.example"), &json!("api"))
    );
    assert_eq!(askers.ask("own", "DELETE", &format!("{ada}?force=true"), &[], None).await.status, 200);
    assert_eq!(askers.ask("platform", "DELETE", "tenants/acme?confirm=acme", &[], None).await.status, 200);
    assert_eq!(askers.ask("platform", "GET", "tenants/acme", &[], None).await.status, 404);
}

/// As on the page of a user, and for the deployment's administrators of any tenant.
async fn what_the_pages_tell_of_a_user(backend: Backend) {
    let askers = Askers::new(backend).await;
    let world = &askers.world;
    world
        .sql(
            "INSERT INTO identities (id, connection_id, issuer, subject, user_id, created_at, last_seen_at) \
             SELECT 'i', c.id, 'https://acme.okta.com', '00u1', u.id, 1, 1 FROM users u, connections c \
             WHERE c.name = 'tested' AND u.email = 'bob@acme.example'",
        )
        .await;
    let bob = "tenants/acme/users/bob@acme.example";
    for who in ["own", "platform"] {
        let get = async |path: &str| askers.ask(who, "GET", &format!("{bob}/{path}"), &[], None).await.json();
        let found = get("identities").await;
        let first = &found["identities"][0];
        assert_eq!((text(first, "connection"), text(first, "subject")), ("tested", "00u1"), "{found}");
        assert_eq!(found["directories"], json!([]));
        assert_eq!(get("teams").await["teams"], json!([{"team": "sre", "directory": null, "group": null}]));
        assert!(get("sessions").await["sessions"].is_array());
    }
    // Of another tenant than their own, by whoever administers all: as on the pages.
    let (carl, invites) = ("tenants/other/users/carl@other.example", "tenants/other/invites");
    let guest = Some(json!({"email": "guest@other.example"}));
    for (who, method, path, body, status) in [
        ("own", "POST", format!("{carl}/deactivate"), Some(json!({"force": true})), 404),
        ("platform", "POST", format!("{carl}/deactivate"), Some(json!({"force": true})), 200),
        ("platform", "POST", format!("{carl}/activate"), None, 200),
        ("own", "POST", invites.to_owned(), guest.clone(), 404),
        ("platform", "POST", invites.to_owned(), guest, 201),
    ] {
        let answer = askers.ask(who, method, &path, &[], body).await;
        assert_eq!(answer.status, status, "{method} {path} by {who}: {}", answer.body);
    }
    let id = askers.ask("platform", "GET", invites, &[], None).await.json()["invites"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(askers.ask("platform", "GET", "invites", &[], None).await.json()["invites"], json!([]), "not into their own");
    assert_eq!(askers.ask("platform", "POST", &format!("{invites}/{id}/resend"), &[], None).await.status, 200);
    assert_eq!(askers.ask("own", "DELETE", &format!("tenants/acme/invites/{id}"), &[], None).await.status, 404, "another's");
    assert_eq!(askers.ask("platform", "DELETE", &format!("{invites}/{id}"), &[], None).await.status, 204);
}

async fn bodies_are_judged_field_by_field(backend: Backend) {
    let askers = Askers::new(backend).await;
    let body = json!({"name": "okta", "oidc": {"issuer": "http://o.example", "client_id": "gh"}});
    let answer = askers.ask("own", "POST", "tenants/acme/connections", &[], Some(body)).await;
    assert_eq!((answer.status, text(&answer.json(), "error")), (422, "invalid_request"), "{}", answer.body);
    assert_eq!(answer.json()["faults"][0]["path"], "oidc.issuer");
    let body = json!({"name": "okta", "oidc": {"issuer": "https://o.example", "client_id": "gh", "client_secret": "hush"}});
    let answer = askers.ask("own", "POST", "tenants/acme/connections", &[], Some(body.clone())).await;
    assert_eq!((answer.status, &answer.json()["secrets"]), (201, &json!(["oidc.client_secret"])), "{}", answer.body);
    assert!(!answer.body.contains("hush"));
    assert_eq!(askers.ask("own", "POST", "tenants/acme/connections", &[], Some(body)).await.status, 409);
    let back = askers.ask("own", "PUT", "tenants/acme/connections/okta", &[], Some(answer.json())).await;
    assert_eq!((back.status, back.header("etag")), (200, answer.header("etag")), "{}", back.body);
    for (method, path, status) in [
        ("POST", "tenants/acme/connections", 400),
        ("PUT", "tenants/acme/connections/okta", 400),
        ("GET", "tenants/acme/connections?limit=0", 400),
        ("GET", "tenants/acme/connections?limit=1&limit=2", 400),
        ("DELETE", "tenants/acme/connections/okta?force=perhaps", 400),
        ("GET", "tenants/acme/connections?search=kt&limit=1", 200),
    ] {
        assert_eq!(askers.ask("own", method, path, &[], None).await.status, status, "{method} {path}");
    }
    // No page of a team that is called so could be opened.
    for (name, status) in [(".", 422), ("..", 422), ("...", 201), (".net", 201)] {
        let answer = askers.ask("own", "POST", "tenants/acme/teams", &[], Some(json!({"name": name}))).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.body);
    }
    let user = json!({"email": "new@acme.example", "password": "correct horse"});
    let made = askers.ask("own", "POST", "tenants/acme/users", &[], Some(user)).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let signed_in = tokens(&askers.world, "web", "new@acme.example").await;
    assert_eq!(id(&signed_in), text(&made.json(), "id"), "with the password that the API has set");
}
