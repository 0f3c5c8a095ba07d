//! The users of a directory, as it has sent them, and which local user each stands for.
//!
//! The resource is kept as it was sent; beside it stand, in lower case where case does not count, what filters look at.

use serde_json::{Map, Value};

use super::{
    db::{Result, StoreError, Tx},
    directory_groups,
    on::On,
    read_json,
    search::{self, Listed, Search, Table},
    statement::Statement,
    write_json,
};
use crate::{
    params,
    policy::{email::Email, identity, legible},
};

/// Addresses that one statement writes.
const AT_ONCE: usize = 100;

/// A user of a directory.
#[derive(Clone, Debug, PartialEq)]
pub struct DirectoryUser {
    /// Row id, the `id` of SCIM.
    pub id: String,
    /// Whose it is.
    pub directory_id: String,
    /// The local user it stands for; none as long as it has no address that a user could have.
    pub user_id: Option<String>,
    /// Whether that user came to be by this record, and goes with it.
    pub made_user: bool,
    /// Whether the directory says that the person may come in.
    pub active: bool,
    /// All that it sent but `id`, `meta`, `groups` and `password`.
    pub resource: Map<String, Value>,
    /// Grows with each change.
    pub version: i64,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds.
    pub updated_at: i64,
}

impl DirectoryUser {
    /// Its name in the directory, as it was sent.
    #[must_use]
    pub fn user_name(&self) -> &str {
        self.text("userName").unwrap_or_default()
    }

    /// What the directory's source calls it: the upstream's unique id, if it is set up well. What a source's template makes of
    /// an attribute that is not there is none.
    #[must_use]
    pub fn external_id(&self) -> Option<&str> {
        self.text("externalId").filter(|id| !id.trim().is_empty())
    }

    /// The address of the local user: the primary one, else the one for work, else any, else the user name, of those that
    /// are addresses.
    #[must_use]
    pub fn email(&self) -> Option<Email> {
        let emails: Vec<Address<'_>> = self.addresses().collect();
        let primary = emails.iter().filter(|e| e.primary);
        let work = emails.iter().filter(|e| e.kind.is_some_and(|kind| kind.eq_ignore_ascii_case("work")));
        let values = primary.chain(work).chain(&emails).filter_map(|e| e.value);
        values.chain([self.user_name()]).find_map(Email::parse)
    }

    /// The person's name: the one to show, else the whole one, else the given and the family name.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        let given_and_family: Vec<&str> = ["givenName", "familyName"].iter().filter_map(|part| self.name_part(part)).collect();
        let joined = Some(given_and_family.join(" ")).filter(|joined| !joined.is_empty());
        let whole = self.text("displayName").or_else(|| self.name_part("formatted"));
        let names = [whole.map(legible::shown), joined.map(|name| legible::shown(&name))];
        names.into_iter().flatten().find(|name| !name.is_empty()).map(|name| identity::cut(&name).to_owned())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.resource.get(name).and_then(Value::as_str)
    }

    fn name_part(&self, name: &str) -> Option<&str> {
        self.resource.get("name").and_then(|n| n.get(name)).and_then(Value::as_str)
    }

    /// Value, kind and whether it is the primary one, of each address.
    fn stored_addresses(&self) -> Vec<(Option<String>, Option<String>, bool)> {
        self.addresses().map(|a| (a.value.map(str::to_lowercase), a.kind.map(str::to_lowercase), a.primary)).collect()
    }

    fn addresses(&self) -> impl Iterator<Item = Address<'_>> {
        let emails = self.resource.get("emails").and_then(Value::as_array).into_iter().flatten();
        emails.map(|email| Address {
            value: email.get("value").and_then(Value::as_str),
            kind: email.get("type").and_then(Value::as_str),
            primary: email.get("primary").and_then(Value::as_bool) == Some(true),
        })
    }
}

struct Address<'a> {
    value: Option<&'a str>,
    kind: Option<&'a str>,
    primary: bool,
}

#[derive(sqlx::FromRow)]
struct Stored {
    id: String,
    directory_id: String,
    user_id: Option<String>,
    made_user: bool,
    active: bool,
    resource: String,
    version: i64,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Stored> for DirectoryUser {
    type Error = StoreError;

    fn try_from(row: Stored) -> Result<Self> {
        Ok(Self {
            resource: read_json("directory user", &row.resource)?,
            id: row.id,
            directory_id: row.directory_id,
            user_id: row.user_id,
            made_user: row.made_user,
            active: row.active,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// What filters compare, as it is stored.
struct Columns {
    user_name: String,
    external_id: Option<String>,
    display_name: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
    resource: String,
}

impl Columns {
    fn of(user: &DirectoryUser) -> Result<Self> {
        Ok(Self {
            user_name: user.user_name().to_lowercase(),
            // As it was sent: filters look for that.
            external_id: user.text("externalId").map(str::to_owned),
            display_name: user.text("displayName").map(str::to_lowercase),
            given_name: user.name_part("givenName").map(str::to_lowercase),
            family_name: user.name_part("familyName").map(str::to_lowercase),
            resource: write_json("directory user", &user.resource)?,
        })
    }
}

/// By row id within a directory.
///
/// # Errors
/// What the database says; `Corrupt` for an unreadable resource.
pub async fn find(on: impl Into<On<'_>>, directory_id: &str, id: &str) -> Result<Option<DirectoryUser>> {
    let sql = "SELECT * FROM directory_users WHERE id = $1 AND directory_id = $2";
    on.into().optional::<Stored>(sql, params![id, directory_id]).await?.map(DirectoryUser::try_from).transpose()
}

/// The same, for a transaction that changes it: of two, the second waits.
///
/// # Errors
/// As [`find`].
pub async fn find_locked(tx: &mut Tx, directory_id: &str, id: &str) -> Result<Option<DirectoryUser>> {
    let mut s = Statement::new("SELECT * FROM directory_users WHERE id = ");
    s.bind(id).push(" AND directory_id = ").bind(directory_id).locked();
    tx.select::<Stored>(&s).await?.pop().map(DirectoryUser::try_from).transpose()
}

/// By its name within a directory, whatever its case.
///
/// # Errors
/// As [`find`].
pub async fn find_by_user_name(on: impl Into<On<'_>>, directory_id: &str, user_name: &str) -> Result<Option<DirectoryUser>> {
    let sql = "SELECT * FROM directory_users WHERE directory_id = $1 AND user_name = $2";
    let row = on.into().optional::<Stored>(sql, params![directory_id, &user_name.to_lowercase()]).await?;
    row.map(DirectoryUser::try_from).transpose()
}

/// Whether another record of the directory has the same `externalId`.
///
/// # Errors
/// What the database says.
pub async fn has_twin(on: impl Into<On<'_>>, record: &DirectoryUser) -> Result<bool> {
    let sql = "SELECT id FROM directory_users WHERE directory_id = $1 AND external_id = $2 AND id <> $3 LIMIT 1";
    let params = params![&record.directory_id, record.external_id(), &record.id];
    Ok(on.into().optional::<(String,)>(sql, params).await?.is_some())
}

/// Whether another directory of the connection, that is switched on, has this `externalId` on a record that stands for somebody
/// else than this one does, or for nobody.
///
/// # Errors
/// What the database says.
pub async fn has_rival(on: impl Into<On<'_>>, record: &DirectoryUser, connection_id: &str) -> Result<bool> {
    let sql = "SELECT r.id FROM directories d JOIN directory_users r ON r.directory_id = d.id AND r.external_id = $2 \
               WHERE d.connection_id = $1 AND d.enabled AND d.id <> $3 \
                 AND (r.user_id IS NULL OR r.user_id IS DISTINCT FROM $4) LIMIT 1";
    let params = params![connection_id, record.external_id(), &record.directory_id, &record.user_id];
    Ok(on.into().optional::<(String,)>(sql, params).await?.is_some())
}

/// Those that stand for a user, in the order they were made.
///
/// # Errors
/// As [`find`].
pub async fn of_user(on: impl Into<On<'_>>, user_id: &str) -> Result<Vec<DirectoryUser>> {
    let sql = "SELECT * FROM directory_users WHERE user_id = $1 ORDER BY created_at, id";
    on.into().all::<Stored>(sql, params![user_id]).await?.into_iter().map(DirectoryUser::try_from).collect()
}

/// A part of a directory's users.
///
/// # Errors
/// As [`find`].
pub async fn list(on: impl Into<On<'_>>, search: &Search<'_>) -> Result<Listed<DirectoryUser>> {
    let listed = search::list::<Stored>(&mut on.into(), Table::Users, search).await?;
    let rows = listed.rows.into_iter().map(DirectoryUser::try_from).collect::<Result<_>>()?;
    Ok(Listed { rows, total: listed.total })
}

/// How many users a search looks at, counted up to `most`; nothing where an index leads straight to what is asked for.
///
/// # Errors
/// What the database says.
pub async fn looks(on: impl Into<On<'_>>, search: &Search<'_>, most: i64) -> Result<i64> {
    search::looks(&mut on.into(), Table::Users, search, most).await
}

/// Inserts it. `false`: the directory has one of this name, and nothing was changed.
///
/// # Errors
/// When its local user does not exist, or has a record of this directory already.
pub async fn insert(tx: &mut Tx, user: &DirectoryUser) -> Result<bool> {
    let sql = "INSERT INTO directory_users (id, directory_id, user_id, made_user, user_name, external_id, display_name, \
                 given_name, family_name, active, resource, version, created_at, updated_at, made_as) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, CASE WHEN $4 THEN $6 END) \
               ON CONFLICT (directory_id, user_name) DO NOTHING";
    let (u, c) = (user, Columns::of(user)?);
    let params = params![
        &u.id,
        &u.directory_id,
        &u.user_id,
        u.made_user,
        &c.user_name,
        &c.external_id,
        &c.display_name,
        &c.given_name,
        &c.family_name,
        u.active,
        &c.resource,
        u.version,
        u.created_at,
        u.updated_at,
    ];
    if On::from(&mut *tx).alter(sql, params).await? == 0 {
        return Ok(false);
    }
    write_addresses(tx, user).await?;
    Ok(true)
}

/// How a change of a stored resource ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Updated {
    /// It is written.
    Done,
    /// It is of another version meanwhile, or gone; nothing was changed.
    Stale,
    /// Another one has the name; nothing was changed.
    Taken,
}

/// Writes what became of `old` (as whom it made its user stays once somebody has given that user anything by hand): its resource and everything taken from that, `active`, `user_id`, `made_user` and `updated_at`;
/// its version grows. It is changed only if it is of the version that `user` has.
///
/// # Errors
/// A conflict when another gets the name at this moment.
pub async fn update(tx: &mut Tx, old: &DirectoryUser, user: &DirectoryUser) -> Result<Updated> {
    let sql = "UPDATE directory_users SET user_name = $4, external_id = $5, display_name = $6, given_name = $7, \
                 family_name = $8, active = $9, resource = $10, updated_at = $11, user_id = $12, made_user = $13, \
                 made_as = CASE WHEN $13 AND NOT (made_user AND ( \
                   EXISTS (SELECT 1 FROM team_members m WHERE m.user_id = directory_users.user_id) \
                   OR EXISTS (SELECT 1 FROM collaborators c WHERE c.user_id = directory_users.user_id) \
                   OR EXISTS (SELECT 1 FROM invites v WHERE v.accepted_by = directory_users.user_id))) \
                   THEN $5 ELSE made_as END, version = version + 1 \
               WHERE id = $1 AND directory_id = $2 AND version = $3 AND NOT EXISTS \
                 (SELECT 1 FROM directory_users o WHERE o.directory_id = $2 AND o.user_name = $4 AND o.id <> $1)";
    let (u, c) = (user, Columns::of(user)?);
    let params = params![
        &u.id,
        &u.directory_id,
        u.version,
        &c.user_name,
        &c.external_id,
        &c.display_name,
        &c.given_name,
        &c.family_name,
        u.active,
        &c.resource,
        u.updated_at,
        &u.user_id,
        u.made_user,
    ];
    if On::from(&mut *tx).alter(sql, params).await? == 0 {
        let other = find_by_user_name(&mut *tx, &u.directory_id, u.user_name()).await?;
        return Ok(if other.is_some_and(|other| other.id != u.id) { Updated::Taken } else { Updated::Stale });
    }
    if old.stored_addresses() != user.stored_addresses() {
        tx.execute("DELETE FROM directory_emails WHERE directory_user_id = $1", params![&u.id]).await?;
        write_addresses(tx, user).await?;
    }
    Ok(Updated::Done)
}

async fn write_addresses(tx: &mut Tx, user: &DirectoryUser) -> Result<()> {
    for (first, addresses) in (0i64..).step_by(AT_ONCE).zip(user.stored_addresses().chunks(AT_ONCE)) {
        let mut s = Statement::new(
            "INSERT INTO directory_emails (directory_user_id, position, directory_id, value, kind, is_primary) VALUES ",
        );
        for (position, address) in (first..).zip(addresses) {
            s.push(if position > first { ", (" } else { "(" });
            let (value, kind, primary) = address;
            s.bind_each(params![&user.id, position, &user.directory_id, value, kind, *primary].iter().copied()).push(")");
        }
        tx.run(&s).await?;
    }
    Ok(())
}

/// Notes that an operator has linked the record under the `externalId` that it has: a sign-in as that id is its user.
///
/// # Errors
/// What the database says.
pub async fn pin(tx: &mut Tx, id: &str) -> Result<()> {
    tx.execute("UPDATE directory_users SET pinned = external_id WHERE id = $1", params![id]).await.map(|_| ())
}

/// Deletes it; whether it was there. Its local user stays. The groups it was in have one member less, and are of another
/// version for it: whoever deletes it has locked them before it (`directory_groups::hold_of_member`).
///
/// # Errors
/// What the database says.
pub async fn delete(tx: &mut Tx, directory_id: &str, id: &str, now: i64) -> Result<bool> {
    directory_groups::touch_of_member(tx, directory_id, id, now).await?;
    let sql = "DELETE FROM directory_users WHERE id = $1 AND directory_id = $2";
    Ok(On::from(tx).alter(sql, params![id, directory_id]).await? > 0)
}
