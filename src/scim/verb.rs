//! What can be done with a resource, whichever kind it is of: the one place where users and groups part.

use std::slice;

use serde_json::Value;

use super::{body, caller::Caller, error::ScimError, groups, resource, resource::Versions, schema, users};
use crate::{
    app::App,
    limit::turns::Turn,
    scim::schema::{GROUP, Projection, ResourceType, USER},
    store::{
        directory_groups::{self, DirectoryGroup},
        directory_members::Memberships,
        directory_users::{self, DirectoryUser},
        search::{Listed, Search},
    },
};

/// A kind of resource, as a type: routes are made for each.
pub trait Kind: Send + Sync + 'static {
    /// What it is in SCIM.
    const TYPE: &'static ResourceType;
}

/// `/Users`.
#[derive(Debug)]
pub struct User;

/// `/Groups`.
#[derive(Debug)]
pub struct Group;

impl Kind for User {
    const TYPE: &'static ResourceType = &USER;
}

impl Kind for Group {
    const TYPE: &'static ResourceType = &GROUP;
}

/// One that is stored.
#[derive(Debug)]
pub enum Resource {
    /// A user.
    User(DirectoryUser),
    /// A group.
    Group(DirectoryGroup),
}

impl Resource {
    /// Its `id`.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::User(row) => &row.id,
            Self::Group(row) => &row.id,
        }
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> i64 {
        match self {
            Self::User(row) => row.version,
            Self::Group(row) => row.version,
        }
    }

    /// What reading it costs, and the turn for it ([`resource::afford`]).
    ///
    /// # Errors
    /// 429.
    pub async fn afford(&self, app: &App, caller: &Caller, projection: &Projection) -> Result<Option<Turn>, ScimError> {
        let Self::Group(row) = self else { return Ok(None) };
        Ok(resource::afford(app, caller, slice::from_ref(row), projection).await?.1)
    }

    /// As it is returned. Who is new is in no group, and nobody needs to be asked for that.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn shown(self, app: &App, is_new: bool, projection: &Projection) -> Result<Value, ScimError> {
        let shown = match self {
            Self::User(row) if is_new => vec![resource::user(app, &row, &Memberships::default(), projection)],
            Self::User(row) => resource::users(app, vec![row], projection).await?,
            Self::Group(row) => resource::groups(app, vec![row], projection).await?,
        };
        Ok(shown.into_iter().next().unwrap_or_default())
    }
}

fn is_user(kind: &ResourceType) -> bool {
    kind.name == schema::USER.name
}

/// How large the body of one may be.
#[must_use]
pub fn largest(kind: &ResourceType) -> usize {
    if is_user(kind) { body::SMALL } else { body::GROUP }
}

/// Makes one.
///
/// # Errors
/// As `create` of its kind.
pub async fn create(app: &App, caller: &Caller, kind: &ResourceType, body: &Value) -> Result<Resource, ScimError> {
    match is_user(kind) {
        true => users::create(app, caller, body).await.map(Resource::User),
        false => groups::create(app, caller, body).await.map(Resource::Group),
    }
}

/// The one of this id.
///
/// # Errors
/// 404.
pub async fn find(app: &App, caller: &Caller, kind: &ResourceType, id: &str) -> Result<Resource, ScimError> {
    match is_user(kind) {
        true => users::find(app, caller, id).await.map(Resource::User),
        false => groups::find(app, caller, id).await.map(Resource::Group),
    }
}

/// Replaces it.
///
/// # Errors
/// As `replace` of its kind.
pub async fn replace(
    app: &App,
    caller: &Caller,
    kind: &ResourceType,
    id: &str,
    if_match: Option<&Versions>,
    body: &Value,
) -> Result<Resource, ScimError> {
    match is_user(kind) {
        true => users::replace(app, caller, id, if_match, body).await.map(Resource::User),
        false => groups::replace(app, caller, id, if_match, body).await.map(Resource::Group),
    }
}

/// Applies the operations of a PATCH.
///
/// # Errors
/// As `patch` of its kind.
pub async fn patch(
    app: &App,
    caller: &Caller,
    kind: &ResourceType,
    id: &str,
    if_match: Option<&Versions>,
    body: &Value,
) -> Result<Resource, ScimError> {
    match is_user(kind) {
        true => users::patch(app, caller, id, if_match, body).await.map(Resource::User),
        false => groups::patch(app, caller, id, if_match, body).await.map(Resource::Group),
    }
}

/// Deletes it.
///
/// # Errors
/// As `delete` of its kind.
pub async fn delete(
    app: &App,
    caller: &Caller,
    kind: &ResourceType,
    id: &str,
    if_match: Option<&Versions>,
) -> Result<(), ScimError> {
    match is_user(kind) {
        true => users::delete(app, caller, id, if_match).await,
        false => groups::delete(app, caller, id, if_match).await,
    }
}

/// How many a search looks at, counted up to `most`.
///
/// # Errors
/// When the database does not answer.
pub async fn looks(app: &App, kind: &ResourceType, search: &Search<'_>, most: i64) -> Result<i64, ScimError> {
    Ok(match is_user(kind) {
        true => directory_users::looks(&app.db, search, most).await?,
        false => directory_groups::looks(&app.db, search, most).await?,
    })
}

/// Those that a search finds, as they are returned, how many there are in all, and for how many requests they are paid.
///
/// # Errors
/// When the database does not answer; 429 for one group of too many members.
pub async fn list(
    app: &App,
    caller: &Caller,
    kind: &ResourceType,
    search: &Search<'_>,
    projection: &Projection,
) -> Result<(Listed<Value>, i64), ScimError> {
    Ok(match is_user(kind) {
        true => {
            let listed = directory_users::list(&app.db, search).await?;
            (Listed { rows: resource::users(app, listed.rows, projection).await?, total: listed.total }, 0)
        }
        false => {
            let listed = directory_groups::list(&app.db, search).await?;
            let (paid, _turn) = resource::afford(app, caller, &listed.rows, projection).await?;
            (Listed { rows: resource::groups(app, listed.rows, projection).await?, total: listed.total }, paid)
        }
    })
}
