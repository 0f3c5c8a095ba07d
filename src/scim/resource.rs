//! Users and groups as a directory reads them: what it sent, and what gatehouse adds.

use serde_json::{Map, Value, json};

use super::{BASE, caller::Caller, error::ScimError, schema::Projection};
use crate::{
    app::App,
    limit::turns::Turn,
    moment::Moment,
    scim::schema::{GROUP, ResourceType, USER},
    store::{
        directory_groups::DirectoryGroup,
        directory_members::{self, Memberships},
        directory_users::DirectoryUser,
    },
};

/// Where everything is: below the configured public URL, whatever `Host` says.
#[must_use]
pub fn base(app: &App) -> String {
    format!("{}{BASE}", app.issuer())
}

/// The address of a resource.
#[must_use]
pub fn location(app: &App, kind: &ResourceType, id: &str) -> String {
    format!("{}{}/{id}", base(app), kind.endpoint)
}

/// The ETag of a version. Weak: what is computed (the groups of a user) is not in it; the members of a group are.
#[must_use]
pub fn etag(version: i64) -> String {
    format!("W/\"{version}\"")
}

/// The versions that an `If-Match` or `If-None-Match` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Versions {
    /// `*`.
    Any,
    /// These; those that are no ETag of ours are none.
    These(Vec<i64>),
}

impl Versions {
    /// Reads the header.
    #[must_use]
    pub fn read(header: &str) -> Self {
        if header.trim() == "*" {
            return Self::Any;
        }
        let tags = header.split(',').map(|tag| tag.trim().trim_start_matches("W/").trim_matches('"'));
        Self::These(tags.filter_map(|tag| tag.parse().ok()).collect())
    }

    /// Whether `version` is one of them.
    #[must_use]
    pub fn include(&self, version: i64) -> bool {
        match self {
            Self::Any => true,
            Self::These(versions) => versions.contains(&version),
        }
    }
}

/// Groups that a user in a list may be in and still come with them; a user who is alone comes with all.
pub const GROUPS_IN_LIST: usize = 100;

/// Users as they are returned, with their groups if these are asked for.
///
/// # Errors
/// When the database does not answer.
pub async fn users(app: &App, rows: Vec<DirectoryUser>, projection: &Projection) -> Result<Vec<Value>, ScimError> {
    let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let most = if rows.len() > 1 { GROUPS_IN_LIST } else { usize::MAX };
    let memberships = match projection.wants("groups") && !ids.is_empty() {
        true => directory_members::of_users(&app.db, &ids, most).await?,
        false => Memberships::default(),
    };
    Ok(rows.iter().map(|row| user(app, row, &memberships, projection)).collect())
}

/// A user whose groups are among `memberships`.
pub(super) fn user(app: &App, row: &DirectoryUser, memberships: &Memberships, projection: &Projection) -> Value {
    let mut fields = row.resource.clone();
    fields.insert("active".to_owned(), row.active.into());
    if let Some(groups) = memberships.of.get(&row.id) {
        let shown = |id: &String| {
            let (name, place) = (memberships.names.get(id), location(app, &GROUP, id));
            json!({"value": id, "display": name, "$ref": place, "type": "direct"})
        };
        fields.insert("groups".to_owned(), groups.iter().map(shown).collect());
    }
    finish(
        app,
        &USER,
        fields,
        &row.id,
        Times { created: row.created_at, updated: row.updated_at, version: row.version },
        projection,
    )
}

/// Members that a group in a list may have and still come with them: a page of large groups would be gigabytes. A group
/// that is alone, by its id or as the only one found, comes with all it has.
pub const MEMBERS_IN_LIST: usize = 500;
/// Members that come with a whole list, at most; each group may have its share.
pub const MEMBERS_IN_ALL: usize = 20_000;
/// How many members that are read count as one more request.
const AT_ONCE: usize = 1_000;

/// What reading the groups costs beyond the one request that it is, and the turn for it: a list is short, and one alone may
/// be large.
///
/// # Errors
/// 429 for too many.
pub async fn afford(
    app: &App,
    caller: &Caller,
    rows: &[DirectoryGroup],
    projection: &Projection,
) -> Result<(i64, Option<Turn>), ScimError> {
    let [one] = rows else { return Ok((0, None)) };
    if !projection.wants("members") {
        return Ok((0, None));
    }
    let members = directory_members::count(&app.db, &one.directory_id, &one.id).await?;
    let requests = i64::try_from(members / AT_ONCE).unwrap_or(i64::MAX);
    if requests == 0 {
        return Ok((0, None));
    }
    caller.pay(app, requests, "reads too many members")?;
    let turn = caller.turn(app, &app.limits.large, "reads large groups side by side").await?;
    Ok((requests, Some(turn)))
}

/// Groups as they are returned, with their members if these are asked for.
///
/// # Errors
/// When the database does not answer.
pub async fn groups(app: &App, rows: Vec<DirectoryGroup>, projection: &Projection) -> Result<Vec<Value>, ScimError> {
    let mut all = Vec::with_capacity(rows.len());
    let most = if rows.len() > 1 { MEMBERS_IN_LIST.min(MEMBERS_IN_ALL / rows.len()) } else { usize::MAX };
    for row in rows {
        let mut fields = row.resource;
        if projection.wants("members")
            && let Some(members) = directory_members::of_group_up_to(&app.db, &row.id, most).await?
        {
            let members = members.iter().map(|id| json!({"value": id, "$ref": location(app, &USER, id), "type": "User"}));
            fields.insert("members".to_owned(), members.collect());
        }
        let times = Times { created: row.created_at, updated: row.updated_at, version: row.version };
        all.push(finish(app, &GROUP, fields, &row.id, times, projection));
    }
    Ok(all)
}

struct Times {
    created: i64,
    updated: i64,
    version: i64,
}

fn finish(
    app: &App,
    kind: &'static ResourceType,
    mut fields: Map<String, Value>,
    id: &str,
    times: Times,
    projection: &Projection,
) -> Value {
    fields.insert("id".to_owned(), id.into());
    let meta = json!({
        "resourceType": kind.name,
        "created": Moment(times.created).machine(),
        "lastModified": Moment(times.updated).machine(),
        "location": location(app, kind, id),
        "version": etag(times.version),
    });
    fields.insert("meta".to_owned(), meta);
    projection.apply(&mut fields);
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_they_are_written() {
        assert!(Versions::read(&etag(7)).include(7));
        assert!(Versions::read("W/\"1\", \"7\"").include(7));
        assert!(Versions::read(" * ").include(7));
        for other in ["W/\"8\"", "", "\"\"", "W/\"x\"", "77"] {
            assert!(!Versions::read(other).include(7), "{other}");
        }
    }
}
