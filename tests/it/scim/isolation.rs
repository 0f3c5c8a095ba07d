//! A directory sees nothing but its own (threats P2): what another has is unknown, not forbidden.

use gatehouse::policy::directory::DirectorySettings;
use serde_json::json;

use super::{Scim, at, group, person, pusher, refused};
use crate::{on_both, world::Backend};

on_both!(others_are_unknown, names_are_unique_in_a_directory_alone, directories_of_one_tenant_are_apart);

async fn others_are_unknown(backend: Backend) {
    let scim = Scim::new(backend).await;
    let other = pusher(&scim.world, "other", "okta", DirectorySettings::default(), None).await;
    let theirs = other.user("kim@other.example").await;
    let their_group = other.group("SRE", &[&theirs]).await;
    let ours = scim.user("kim@acme.example").await;
    let our_group = scim.group("Ours", &[&ours]).await;

    for path in [at(&theirs), at(&their_group)] {
        let unknown = scim.get(&path).await;
        refused(&unknown, 404, None);
        assert_eq!(unknown.body.replace(path.rsplit('/').next().unwrap(), "no-such"), scim.get("/Users/no-such").await.body);
        let body = if path.starts_with("/Users") { person("x@acme.example") } else { group("x", &[]) };
        refused(&scim.put(&path, &body).await, 404, None);
        refused(&scim.patch(&path, json!([{"op": "replace", "path": "displayName", "value": "x"}])).await, 404, None);
        refused(&scim.delete(&path).await, 404, None);
    }
    for (path, filter) in [
        ("/Users", "userName eq \"kim@other.example\"".to_owned()),
        ("/Users", format!("id eq {}", theirs["id"])),
        ("/Users", "emails.value eq \"kim@other.example\"".to_owned()),
        ("/Users", format!("groups.value eq {}", their_group["id"])),
        ("/Users", "userName co \"other\"".to_owned()),
        ("/Groups", "displayName eq \"sre\"".to_owned()),
        ("/Groups", format!("members.value eq {}", theirs["id"])),
        ("/Groups", format!("id eq {}", their_group["id"])),
    ] {
        assert!(scim.found(path, &filter).await.is_empty(), "{filter}");
    }
    let add = json!([{"op": "add", "path": "members", "value": [{"value": theirs["id"]}]}]);
    let theirs_refused = scim.patch(&at(&our_group), add).await;
    refused(&theirs_refused, 400, Some("invalidValue"));
    let nobody = scim.patch(&at(&our_group), json!([{"op": "add", "path": "members", "value": [{"value": "no-such"}]}])).await;
    assert_eq!(theirs_refused.body.replace(theirs["id"].as_str().unwrap(), "no-such"), nobody.body, "as one that there is not");
    let remove = json!([{"op": "remove", "path": "members", "value": [{"value": theirs["id"]}]}]);
    assert_eq!(scim.patch(&at(&our_group), remove).await.status, 204);

    // All theirs is as it was; and they see it.
    assert_eq!(other.get(&at(&theirs)).await.json()["userName"], json!("kim@other.example"));
    assert_eq!(other.get(&at(&their_group)).await.json()["members"][0]["value"], theirs["id"]);
    assert_eq!(scim.get("/Users").await.json()["totalResults"], json!(1));
}

async fn names_are_unique_in_a_directory_alone(backend: Backend) {
    let scim = Scim::new(backend).await;
    let other = pusher(&scim.world, "other", "okta", DirectorySettings::default(), None).await;
    other.user("kim@acme.example").await;
    other.group("SRE", &[]).await;
    scim.user("kim@acme.example").await;
    scim.group("SRE", &[]).await;
    // Whose tenant has the address is not said by a refusal that only some get.
    let a = scim.post("/Users", &person("ray@acme.example")).await;
    assert_eq!(a.status, 201);
    assert_eq!(other.post("/Users", &person("ray@acme.example")).await.status, 201);
}

async fn directories_of_one_tenant_are_apart(backend: Backend) {
    let scim = Scim::new(backend).await;
    let second = pusher(&scim.world, "acme", "second", DirectorySettings::default(), None).await;
    let kim = scim.user("kim@acme.example").await;
    refused(&second.get(&at(&kim)).await, 404, None);
    assert!(second.found("/Users", "userName eq \"kim@acme.example\"").await.is_empty());
    // The address is the tenant's, and nothing proves that it is the same person.
    let refusal = second.post("/Users", &person("kim@acme.example")).await;
    refused(&refusal, 409, Some("uniqueness"));
    assert!(refusal.body.contains("link-directory"), "{}", refusal.body);
    let sre = scim.group("SRE", &[]).await;
    let refusal = second.post("/Groups", &group("SRE", &[])).await;
    refused(&refusal, 409, Some("uniqueness"));
    assert!(refusal.body.contains("rule"), "{}", refusal.body);
    assert_eq!(scim.delete(&at(&sre)).await.status, 204);
    second.group("SRE", &[]).await;
}
