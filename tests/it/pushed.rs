//! A directory with one record, and requests of it over SCIM: for tests of what a directory does to people.

use gatehouse::{
    policy::directory::DirectorySettings,
    seal::Sealer,
    secret,
    store::{
        Db,
        directories::{self, Directory},
        directory_tokens::{self, DirectoryToken},
        directory_users::{self, DirectoryUser},
    },
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::browser::{Answer, Browser};

/// A directory, and its record of a user.
pub struct Pushed {
    pub directory: Directory,
    pub record: String,
    token: String,
}

impl Pushed {
    /// Makes the directory `okta`, and has a record of its stand for a user who is there.
    pub async fn link(db: &Db, sealer: &Sealer, tenant_id: &str, user_id: &str, email: &str, now: i64) -> Self {
        let (id, token) = (secret::random_id(), format!("ghs_{}", secret::random()));
        let directory = Directory {
            id: id.clone(),
            tenant_id: tenant_id.to_owned(),
            name: "okta".into(),
            connection_id: None,
            enabled: true,
            settings: DirectorySettings::default(),
            created_at: now,
        };
        directories::save(db, &directory).await.unwrap();
        let made = DirectoryToken {
            id: secret::random_id(),
            directory_id: id.clone(),
            fingerprint: directory_tokens::fingerprint(sealer, &token),
            declared: false,
            created_at: now,
            expires_at: None,
            made_with: None,
            last_used_at: None,
        };
        directory_tokens::insert(db, &made).await.unwrap();
        let resource = json!({"userName": email, "externalId": "ext-1", "emails": [{"value": email, "primary": true}]});
        let record = DirectoryUser {
            id: secret::random_id(),
            directory_id: id,
            user_id: Some(user_id.to_owned()),
            made_user: false,
            active: true,
            resource: resource.as_object().unwrap().clone(),
            version: 1,
            created_at: now,
            updated_at: now,
        };
        let mut tx = db.begin().await.unwrap();
        assert!(directory_users::insert(&mut tx, &record).await.unwrap());
        tx.commit().await.unwrap();
        Self { directory, record: record.id, token }
    }

    /// Says at `node` whether the person is active.
    pub async fn active(&self, node: &str, active: bool) -> Answer {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "value": {"active": active}}],
        });
        self.ask(node, Method::PATCH, &format!("/Users/{}", self.record), Some(body)).await
    }

    /// Deletes the record.
    pub async fn delete(&self, node: &str) -> Answer {
        self.ask(node, Method::DELETE, &format!("/Users/{}", self.record), None).await
    }

    /// Looks for anybody.
    pub async fn look(&self, node: &str) -> Answer {
        self.ask(node, Method::GET, "/Users?filter=userName%20eq%20%22nobody%22", None).await
    }

    async fn ask(&self, node: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/scim+json")];
        Browser::new().send(method, &format!("{node}/scim/v2{path}"), &headers, body.map(|b| b.to_string())).await
    }
}
