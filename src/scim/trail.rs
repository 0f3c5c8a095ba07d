//! What the audit log keeps of what a directory does to people and groups: one entry a thing. Shutting out and letting in
//! again write their own (`store::users`).

use serde_json::{Map, Value};

use super::caller::Caller;
use crate::{
    app::App,
    store::{
        audit::{self, Action, Changes, Event},
        db::Tx,
        directory_groups::DirectoryGroup,
        directory_members::Turnover,
        directory_users::DirectoryUser,
    },
};

/// What a record did to its user, beside making, shutting out and letting in.
#[derive(Clone, Debug, Default)]
pub struct Effect {
    /// The address of somebody who was there, for whom the record stands from now on.
    pub adopted: Option<String>,
    /// Their address: what it was, and what it is.
    pub email: Option<(String, String)>,
    /// What they are called.
    pub name: Option<(Option<String>, String)>,
    /// Whether they were known by nothing but an operator's lock, which holds.
    pub locked: bool,
    /// Why nothing of the request was taken but that they are out.
    pub left_aside: Option<String>,
}

impl Effect {
    fn told(&self, changes: Changes) -> Changes {
        let changes = match (&self.email, &self.adopted) {
            (Some((was, is)), _) => changes.changed("user_email", was.as_str(), is.as_str()),
            (None, Some(address)) => changes.is("user_email", address.as_str()),
            (None, None) => changes,
        };
        let changes = match &self.left_aside {
            Some(why) => changes.is("left_aside", why.as_str()),
            None => changes,
        };
        let changes = if self.locked { changes.is("shut_by", "operator") } else { changes };
        match &self.name {
            Some((was, is)) => changes.changed("user_name", was.as_deref(), is.as_str()),
            None => changes,
        }
    }
}

/// A new record: it made a user, or stands for one who was there, or for nobody yet.
pub fn made(tx: &mut Tx, app: &App, caller: &Caller, record: &DirectoryUser, effect: &Effect, now: i64) {
    let action = if effect.adopted.is_some() { Action::Link } else { Action::Create };
    let changes = Changes::default()
        .is("directory", caller.directory.name.as_str())
        .is("record", record.id.as_str())
        .is("userName", record.user_name())
        .is("externalId", record.external_id())
        .is("active", record.active)
        .is("user", record.user_id.as_deref());
    note(tx, app, caller, action, person(caller, record), effect.told(changes), now);
}

/// A changed record. `noted` is how many entries there were before its user was dealt with: who was shut out or let in by it
/// has an entry of theirs. That it stands for somebody from now on, made by it or there before, is what the entry is about.
pub fn changed(
    tx: &mut Tx,
    app: &App,
    caller: &Caller,
    (old, record): (&DirectoryUser, &DirectoryUser),
    effect: &Effect,
    noted: usize,
    now: i64,
) {
    let mut changes = effect.told(differences(&old.resource, &record.resource));
    let action = match (&old.user_id, &record.user_id) {
        (None, Some(_)) if effect.adopted.is_none() => Action::Create,
        (None, Some(_)) => Action::Link,
        _ => Action::Update,
    };
    if action != Action::Update {
        changes = changes.is("directory", caller.directory.name.as_str()).is("record", record.id.as_str());
        changes = changes.is("user", record.user_id.as_deref());
    }
    if old.active != record.active && tx.noted() == noted {
        changes = changes.changed("active", old.active, record.active);
    }
    if !changes.is_empty() {
        note(tx, app, caller, action, person(caller, record), changes, now);
    }
}

/// A deleted record whose user has no entry of theirs: there was none, or they were out already.
pub fn deleted(tx: &mut Tx, app: &App, caller: &Caller, record: &DirectoryUser, noted: usize, now: i64) {
    if tx.noted() == noted {
        let changes = Changes::default().was("directory", caller.directory.name.as_str()).was("record", record.id.as_str());
        note(tx, app, caller, Action::Unlink, person(caller, record), changes, now);
    }
}

/// A new group.
pub fn group_made(tx: &mut Tx, app: &App, caller: &Caller, made: &DirectoryGroup, members: &[String], now: i64) {
    let changes = Changes::default().is("id", made.id.as_str()).is("members", members);
    note(tx, app, caller, Action::Create, group(caller, made), changes, now);
}

/// A group whose resource changed from `old`, and whose members did: of these, who came and who went.
pub fn group_changed(
    tx: &mut Tx,
    app: &App,
    caller: &Caller,
    (old, is): (&DirectoryGroup, &DirectoryGroup),
    members: &Turnover,
    now: i64,
) {
    let mut changes = differences(&old.resource, &is.resource);
    for (how, who) in [("members_added", &members.came), ("members_removed", &members.went)] {
        if !who.is_empty() {
            changes = changes.is(how, who.iter().cloned().collect::<Vec<_>>());
        }
    }
    if !changes.is_empty() {
        note(tx, app, caller, Action::Update, group(caller, old), changes, now);
    }
}

/// A deleted group.
pub fn group_deleted(tx: &mut Tx, app: &App, caller: &Caller, gone: &DirectoryGroup, now: i64) {
    note(tx, app, caller, Action::Delete, group(caller, gone), Changes::default().was("id", gone.id.as_str()), now);
}

/// The team that was a group's own, which has gone with what it was given here: members by hand, and roles.
pub fn team_gone(tx: &mut Tx, app: &App, caller: &Caller, name: &str, members: i64, roles: Vec<String>, now: i64) {
    let changes = Changes::default().was("directory", caller.directory.name.as_str());
    let changes = if members > 0 { changes.was("members", members) } else { changes };
    let changes = if roles.is_empty() { changes } else { changes.was("roles", roles) };
    note(tx, app, caller, Action::Delete, format!("team {}/{name}", caller.tenant), changes, now);
}

/// The team of a group's own, which stays with what it was given here when the group is called otherwise.
pub fn team_kept(tx: &mut Tx, app: &App, caller: &Caller, (was, is): (&str, &str), group_id: &str, now: i64) {
    let changes = Changes::default().is("directory", caller.directory.name.as_str()).is("kept_for_group", group_id);
    let changes = if was == is { changes } else { changes.changed("name", was, is) };
    note(tx, app, caller, Action::Update, format!("team {}/{was}", caller.tenant), changes, now);
}

fn differences(old: &Map<String, Value>, new: &Map<String, Value>) -> Changes {
    let names = new.keys().chain(old.keys().filter(|name| !new.contains_key(*name)));
    names.filter(|name| old.get(*name) != new.get(*name)).fold(Changes::default(), |changes, name| {
        let value = |of: &Map<String, Value>| of.get(name).cloned().unwrap_or_default();
        changes.changed(name, value(old), value(new))
    })
}

fn person(caller: &Caller, record: &DirectoryUser) -> String {
    let email = record.email();
    format!("user {}/{}", caller.tenant, email.as_ref().map_or(record.user_name(), |email| email.as_str()))
}

fn group(caller: &Caller, group: &DirectoryGroup) -> String {
    format!("group {}/{}/{}", caller.tenant, caller.directory.name, group.display_name())
}

fn note(tx: &mut Tx, app: &App, caller: &Caller, action: Action, subject: String, changes: Changes, now: i64) {
    let event = Event::new(caller.directory.tenant_id.as_str(), action, subject).with(changes);
    audit::append(tx, &app.sealer, &caller.actor(), event, now);
}
