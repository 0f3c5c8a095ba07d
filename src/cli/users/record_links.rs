//! A user and a record of a directory, who are one by an operator's word.

use serde_json::{Map, Value, json};

use super::{At, Who};
use crate::{
    cli::{Problems, confirm::agree, one, say, token::plain},
    secret,
    store::{
        self,
        audit::{self, Action, Actor, Changes, Event},
        directories::Directory,
        directory_links,
        directory_users::{self, DirectoryUser},
        dossiers,
        users::{self, By, Opening, User},
    },
};

/// How a directory calls somebody.
pub(super) struct Record {
    pub external_id: String,
    pub user_name: Option<String>,
}

impl At<'_> {
    pub(super) async fn link(&self, who: &Who, directory: &str, wanted: Record, yes: bool) -> Result<(), Problems> {
        let (tenant, user) = self.find(who).await?;
        let found = store::directories::find_by_name(self.db, &tenant.id, directory).await.map_err(one)?;
        let directory = found.ok_or_else(|| one(format!("tenant {} has no directory {directory}", tenant.name)))?;
        let linked = directory_users::of_user(self.db, &user.id).await.map_err(one)?;
        if let Some(record) = linked.iter().find(|record| record.directory_id == directory.id) {
            return Err(one(format!("{} is linked to record {} of {} already", user.email.as_str(), record.id, directory.name)));
        }
        let record = self.record(&directory, &user, &wanted).await?;
        let is_new = record.user_id.is_some();
        let (email, name) = (user.email.as_str(), plain(record.user_name()));
        let what = if is_new { "a new record" } else { "the record" };
        say(format!(
            "{email} of {} becomes {what} {name} (externalId {}) of directory {}: it may then change their name and address, and shut \
             them out, and whoever signs in under that id is them",
            tenant.name,
            plain(&wanted.external_id),
            directory.name
        ));
        if !yes {
            agree("Link them?", "nothing was linked")?;
        }
        let mut tx = self.db.begin().await.map_err(one)?;
        let done = match is_new {
            true => directory_users::insert(&mut tx, &record).await,
            false => directory_links::claim(&mut tx, &record.id, &user.id, false).await,
        };
        if !done.map_err(one)? {
            return Err(one("nothing was linked: the record has changed meanwhile; try again"));
        }
        directory_users::pin(&mut tx, &record.id).await.map_err(one)?;
        // Whom a directory had shut out before: from now on it is the record that says whether they may come in.
        let actor = Actor::command_line();
        let opening = Opening { user_id: &user.id, by: By::Directory, actor: &actor, sealer: self.sealer, now: self.now };
        users::open_again(&mut tx, &opening).await.map_err(one)?;
        let subject = format!("user {}/{email}", tenant.name);
        let changes = Changes::default()
            .is("directory", directory.name.as_str())
            .is("externalId", wanted.external_id.as_str())
            .is("record", record.id.as_str());
        let event = Event::new(tenant.id.as_str(), Action::Link, subject).with(changes);
        audit::append(&mut tx, self.sealer, &actor, event, self.now);
        tx.commit().await.map_err(one)?;
        say(format!("{email} is record {} of directory {}", record.id, directory.name));
        Ok(())
    }

    /// The record that there is and stands for nobody, or a new one, which stands for the user.
    async fn record(&self, directory: &Directory, user: &User, wanted: &Record) -> Result<DirectoryUser, Problems> {
        let ids = dossiers::records_named(self.db, &directory.id, &wanted.external_id).await.map_err(one)?;
        if ids.len() > 1 {
            return Err(one(format!("directory {} has several records with this externalId: make it one there", directory.name)));
        }
        let user_name = wanted.user_name.as_deref().unwrap_or(user.email.as_str());
        let there = match ids.first() {
            Some(id) => directory_users::find(self.db, &directory.id, id).await,
            None => directory_users::find_by_user_name(self.db, &directory.id, user_name).await,
        };
        if let Some(record) = there.map_err(one)? {
            let label = format!("record {} ({}) of directory {}", record.id, plain(record.user_name()), directory.name);
            if record.external_id().is_some_and(|id| id != wanted.external_id) {
                return Err(one(format!("{label} has another externalId")));
            }
            if record.user_id.is_some() {
                return Err(one(format!("{label} stands for another user")));
            }
            if !record.active {
                return Err(one(format!("{label} is inactive: activate it in the directory first")));
            }
            return Ok(record);
        }
        Ok(DirectoryUser {
            id: secret::row_id(self.now),
            directory_id: directory.id.clone(),
            user_id: Some(user.id.clone()),
            made_user: false,
            active: true,
            resource: resource(user, &wanted.external_id, user_name),
            version: 1,
            created_at: self.now,
            updated_at: self.now,
        })
    }
}

/// As a directory would have sent it.
fn resource(user: &User, external_id: &str, user_name: &str) -> Map<String, Value> {
    let resource = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": user_name,
        "externalId": external_id,
        "active": true,
        "emails": [{"value": user.email.as_str(), "type": "work", "primary": true}],
    });
    match resource {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
