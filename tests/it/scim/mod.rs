//! Directories: what they push over SCIM, over HTTP, on both databases.

mod accounts;
mod addresses;
mod adoption;
mod bulk;
mod by_clients;
mod callers;
mod crowds;
mod groups;
mod groups_of_users;
mod isolation;
mod leavers;
mod lists;
mod lock_paths;
mod locks;
mod members;
mod patches;
mod proofs;
mod properties;
mod races;
mod reactivation;
mod searches;
mod sizes;
mod slow;
mod statuses;
mod unclaimed;
mod users;

use std::ops::Deref;

use gatehouse::{
    policy::directory::DirectorySettings,
    secret,
    store::{
        directories::{self, Directory},
        directory_tokens::{self, DirectoryToken},
        tenants,
    },
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    browser::{Answer, Browser},
    world::{Backend, STATE, World},
};

/// A deployment with a directory of the tenant `acme`.
pub struct Scim {
    pub world: World,
    pub directory: Pusher,
}

/// A directory, and a token of it.
pub struct Pusher {
    pub row: Directory,
    pub token: String,
    base: String,
}

impl Deref for Scim {
    type Target = Pusher;

    fn deref(&self) -> &Pusher {
        &self.directory
    }
}

/// So fast that no test is throttled.
pub const FAST: (&str, &str) = ("SCIM_RATE", "1000000");

impl Scim {
    pub async fn new(backend: Backend) -> Self {
        Self::over(World::with(backend, STATE, &[FAST]).await).await
    }

    pub async fn over(world: World) -> Self {
        let directory = pusher(&world, "acme", "entra", DirectorySettings::default(), None).await;
        Self { world, directory }
    }
}

/// A new directory of a tenant.
pub async fn pusher(world: &World, tenant: &str, name: &str, settings: DirectorySettings, connection: Option<&str>) -> Pusher {
    let (db, now) = (&world.app.db, world.clock.now());
    let tenant = tenants::find_by_name(db, tenant).await.unwrap().unwrap();
    let row = Directory {
        id: secret::row_id(now),
        tenant_id: tenant.id,
        name: name.to_owned(),
        connection_id: connection.map(str::to_owned),
        enabled: true,
        settings,
        created_at: now,
    };
    directories::save(db, &row).await.unwrap();
    let token = token(world, &row.id, None).await;
    Pusher { row, token, base: format!("{}/scim/v2", world.url) }
}

/// A new token of a directory.
pub async fn token(world: &World, directory_id: &str, expires_at: Option<i64>) -> String {
    let token = format!("{}{}", directory_tokens::PREFIX, secret::random());
    let row = DirectoryToken {
        id: secret::row_id(world.clock.now()),
        directory_id: directory_id.to_owned(),
        fingerprint: directory_tokens::fingerprint(&world.app.sealer, &token),
        declared: false,
        created_at: world.clock.now(),
        expires_at,
        made_with: None,
        last_used_at: None,
    };
    directory_tokens::insert(&world.app.db, &row).await.unwrap();
    token
}

impl Pusher {
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<String>) -> Answer {
        let authorization = format!("Bearer {}", self.token);
        let mut all = vec![("authorization", authorization.as_str()), ("content-type", "application/scim+json")];
        all.extend_from_slice(headers);
        Browser::new().send(method, &format!("{}{path}", self.base), &all, body).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, &[], Some(body.to_string())).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, &[], Some(body.to_string())).await
    }

    pub async fn patch(&self, path: &str, operations: Value) -> Answer {
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations});
        self.send(Method::PATCH, path, &[], Some(body.to_string())).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[], None).await
    }

    /// Makes a user of this name, which is an address; its resource.
    pub async fn user(&self, name: &str) -> Value {
        self.made("/Users", &person(name)).await
    }

    /// Makes a group; its resource.
    pub async fn group(&self, name: &str, members: &[&Value]) -> Value {
        self.made("/Groups", &group(name, members)).await
    }

    pub async fn made(&self, path: &str, body: &Value) -> Value {
        let answer = self.post(path, body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.json()
    }

    /// What a filter finds, by user name or group name.
    pub async fn found(&self, path: &str, filter: &str) -> Vec<String> {
        let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("filter", filter).finish();
        let answer = self.get(&format!("{path}?{query}")).await;
        assert_eq!(answer.status, 200, "{filter}: {}", answer.body);
        let list = answer.json();
        let found = names(&list);
        assert_eq!(list["totalResults"], json!(found.len()), "{filter}");
        found
    }
}

pub fn names(list: &Value) -> Vec<String> {
    let resources = list["Resources"].as_array().unwrap();
    let name = |r: &Value| r["userName"].as_str().or(r["displayName"].as_str()).unwrap().to_owned();
    resources.iter().map(name).collect()
}

pub fn person(name: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": name,
        "name": {"givenName": "Kim", "familyName": "Ode"},
        "emails": [{"value": name, "type": "work", "primary": true}],
        "active": true,
    })
}

pub fn group(name: &str, members: &[&Value]) -> Value {
    let members: Vec<Value> = members.iter().map(|m| json!({"value": m["id"]})).collect();
    json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name, "members": members})
}

/// `/Users/{id}`, `/Groups/{id}`.
pub fn at(resource: &Value) -> String {
    format!("/{}s/{}", resource["meta"]["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap())
}

/// That an answer is an error of the protocol.
pub fn refused(answer: &Answer, status: u16, scim_type: Option<&str>) {
    assert_eq!(answer.status, status, "{}", answer.body);
    assert_eq!(answer.header("content-type"), Some("application/scim+json"));
    let body = answer.json();
    assert_eq!(body["schemas"], json!(["urn:ietf:params:scim:api:messages:2.0:Error"]));
    assert_eq!(body["status"], json!(status.to_string()));
    assert_eq!(body.get("scimType").and_then(Value::as_str), scim_type, "{body}");
    assert!(body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{body}");
}
