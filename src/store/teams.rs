//! Teams: groups of a tenant's users. Who is in one by hand is kept here; who is in one by a group of a directory is read
//! from there and copied nowhere.

use std::collections::HashSet;

use unicode_normalization::UnicodeNormalization as _;

use super::{
    db::{Result, Tx},
    on::On,
    statement::Statement,
    window::Window,
};
use crate::params;

/// A group of users.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Team {
    /// Row id.
    pub id: String,
    /// Whose it is.
    pub tenant_id: String,
    /// Unique within the tenant.
    pub name: String,
    /// Unix seconds.
    pub created_at: i64,
    /// The group of a directory that it was made for, and goes with.
    pub group_id: Option<String>,
}

/// By its name within a tenant.
///
/// # Errors
/// What the database says.
pub async fn find_by_name(on: impl Into<On<'_>>, tenant_id: &str, name: &str) -> Result<Option<Team>> {
    on.into().optional("SELECT * FROM teams WHERE tenant_id = $1 AND name = $2", params![tenant_id, name]).await
}

/// The team of a group's own, and how many members it has by hand.
///
/// # Errors
/// What the database says.
pub async fn of_group(on: impl Into<On<'_>>, group_id: &str) -> Result<Option<(Team, i64)>> {
    let mut on = on.into();
    let team: Option<Team> = on.optional("SELECT * FROM teams WHERE group_id = $1", params![group_id]).await?;
    let Some(team) = team else { return Ok(None) };
    let count = on.optional::<(i64,)>("SELECT COUNT(*) FROM team_members WHERE team_id = $1", params![&team.id]).await?;
    Ok(Some((team, count.map_or(0, |(count,)| count))))
}

/// All of a tenant, in the order they were made.
///
/// # Errors
/// What the database says.
pub async fn of_tenant(on: impl Into<On<'_>>, tenant_id: &str) -> Result<Vec<Team>> {
    on.into().all("SELECT * FROM teams WHERE tenant_id = $1 ORDER BY created_at, id", params![tenant_id]).await
}

/// How many a tenant has that were made for no group of a directory.
///
/// # Errors
/// What the database says.
pub async fn count_of_no_group(on: impl Into<On<'_>>, tenant_id: &str) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM teams WHERE tenant_id = $1 AND group_id IS NULL";
    Ok(on.into().optional::<(i64,)>(sql, params![tenant_id]).await?.map_or(0, |(count,)| count))
}

/// What [`window`] asks.
pub const WINDOW: &str =
    "SELECT * FROM teams WHERE tenant_id = $1 AND name > $2 AND LOWER(name) LIKE $3 ESCAPE '!' ORDER BY name LIMIT $4";

/// A part of a tenant's, by name.
///
/// # Errors
/// What the database says.
pub async fn window(on: impl Into<On<'_>>, window: &Window<'_>) -> Result<Vec<Team>> {
    let w = window;
    if w.is_beyond_ascii() {
        let mut s = Statement::new("SELECT * FROM teams WHERE tenant_id = ");
        s.bind(w.tenant_id).push(" AND name > ").bind(w.after).push(" AND ");
        w.holds(&mut s, "name");
        s.push(" ORDER BY name LIMIT ").bind(w.limit);
        return on.into().search(&s, w.time()).await;
    }
    on.into().part(w, WINDOW, params![w.tenant_id, w.after, w.like(), w.limit]).await
}

/// The ids of a tenant's teams that groups of directories are.
///
/// # Errors
/// What the database says.
pub async fn pushed(on: impl Into<On<'_>>, tenant_id: &str) -> Result<HashSet<String>> {
    let sql = "SELECT id FROM teams WHERE tenant_id = $1 AND (group_id IS NOT NULL OR id IN (SELECT team_id FROM group_teams))";
    Ok(on.into().all::<(String,)>(sql, params![tenant_id]).await?.into_iter().map(|(id,)| id).collect())
}

/// Those of a tenant, or of all, that tokens can belong to.
///
/// # Errors
/// What the database says.
pub async fn mapped(on: impl Into<On<'_>>, tenant_id: Option<&str>) -> Result<Vec<Team>> {
    let all = "SELECT * FROM teams WHERE id IN (SELECT team_id FROM mappings WHERE team_id IS NOT NULL) ORDER BY created_at, id";
    let of_one = "SELECT * FROM teams WHERE tenant_id = $1 \
                    AND id IN (SELECT team_id FROM mappings WHERE tenant_id = $1 AND team_id IS NOT NULL) ORDER BY created_at, id";
    on.into().all_of(tenant_id, of_one, all).await
}

/// Those that a user is in: by hand, or by a group of a directory.
///
/// # Errors
/// What the database says.
pub async fn of_user(on: impl Into<On<'_>>, user_id: &str) -> Result<Vec<Team>> {
    let sql = "SELECT * FROM teams WHERE id IN \
                 (SELECT team_id FROM team_members WHERE user_id = $1 \
                  UNION SELECT gt.team_id FROM directory_users r \
                  JOIN directory_members m ON m.member_id = r.id \
                  JOIN group_teams gt ON gt.group_id = m.group_id WHERE r.user_id = $1) \
               ORDER BY created_at, id";
    on.into().all(sql, params![user_id]).await
}

/// Inserts, or renames the row of this id, whatever others are called.
///
/// # Errors
/// A conflict when another team of the tenant has the name.
pub async fn save(on: impl Into<On<'_>>, team: &Team) -> Result<()> {
    let sql = "INSERT INTO teams (id, tenant_id, name, created_at, group_id, folded) VALUES ($1, $2, $3, $4, $5, $6) \
               ON CONFLICT (id) DO UPDATE SET name = excluded.name, folded = excluded.folded RETURNING tenant_id";
    let (t, folded) = (team, folded(&team.name));
    on.into().publish(sql, params![&t.id, &t.tenant_id, &t.name, t.created_at, &t.group_id, &folded]).await?;
    Ok(())
}

/// As what a name counts beside others: whoever compares them whatever their case takes two that differ by nothing else for one,
/// and nobody sees whether a letter and its accent are one sign or two. By way of the capitals, of which final sigma, long s and
/// sharp s have no others than their like.
#[must_use]
pub fn folded(name: &str) -> String {
    name.nfd().collect::<String>().to_uppercase().to_lowercase().nfc().collect()
}

/// That of a rule: made by hand or by one, and called so, or so but for its case.
///
/// # Errors
/// What the database says.
pub async fn find_alike(on: impl Into<On<'_>>, tenant_id: &str, name: &str) -> Result<Option<Team>> {
    let sql = "SELECT * FROM teams WHERE tenant_id = $1 AND folded = $2 AND group_id IS NULL ORDER BY created_at, id LIMIT 1";
    on.into().optional(sql, params![tenant_id, &folded(name)]).await
}

/// Makes a new one, unless the tenant has one of this name, in whatever case: what that one is called. The inner error has changed
/// nothing.
///
/// # Errors
/// What the database says.
pub async fn make(tx: &mut Tx, team: &Team) -> Result<std::result::Result<(), String>> {
    if let Some(other) = alike(tx, team, &team.name).await? {
        return Ok(Err(other));
    }
    let sql = "INSERT INTO teams (id, tenant_id, name, created_at, group_id, folded) VALUES ($1, $2, $3, $4, $5, $6) \
               ON CONFLICT (tenant_id, name) DO NOTHING";
    let (t, folded) = (team, folded(&team.name));
    let params = params![&t.id, &t.tenant_id, &t.name, t.created_at, &t.group_id, &folded];
    Ok(if On::from(tx).alter(sql, params).await? > 0 { Ok(()) } else { Err(t.name.clone()) })
}

/// Calls one otherwise. As [`make`].
///
/// # Errors
/// What the database says.
pub async fn rename(tx: &mut Tx, team: &Team, name: &str) -> Result<std::result::Result<(), String>> {
    if let Some(other) = alike(tx, team, name).await? {
        return Ok(Err(other));
    }
    let sql = "UPDATE teams SET name = $2, folded = $4 WHERE id = $1 AND NOT EXISTS \
                 (SELECT 1 FROM teams o WHERE o.tenant_id = $3 AND o.name = $2 AND o.id <> $1) RETURNING tenant_id";
    let renamed = On::from(tx).publish(sql, params![&team.id, name, &team.tenant_id, &folded(name)]).await? > 0;
    Ok(if renamed { Ok(()) } else { Err(name.to_owned()) })
}

/// What another team of the tenant is called that differs from `name` by its case or not at all. Of two who take such a name at
/// this moment, the second waits and is told of the first.
async fn alike(tx: &mut Tx, team: &Team, name: &str) -> Result<Option<String>> {
    let folded = folded(name);
    tx.be_alone(&format!("team {}/{folded}", team.tenant_id)).await?;
    let sql = "SELECT name FROM teams WHERE tenant_id = $1 AND folded = $2 AND id <> $3 ORDER BY created_at, id LIMIT 1";
    let found = tx.optional::<(String,)>(sql, params![&team.tenant_id, &folded, &team.id]).await?;
    Ok(found.map(|(name,)| name))
}

/// Deletes it; whether it was there. Its members stay.
///
/// # Errors
/// What the database says.
pub async fn delete(on: impl Into<On<'_>>, id: &str) -> Result<bool> {
    Ok(on.into().publish("DELETE FROM teams WHERE id = $1 RETURNING tenant_id", params![id]).await? > 0)
}

/// The user ids of its members by hand, sorted.
///
/// # Errors
/// What the database says.
pub async fn members(on: impl Into<On<'_>>, team_id: &str) -> Result<Vec<String>> {
    let sql = "SELECT user_id FROM team_members WHERE team_id = $1";
    let rows = on.into().all::<(String,)>(sql, params![team_id]).await?;
    let mut ids: Vec<String> = rows.into_iter().map(|(id,)| id).collect();
    ids.sort_unstable();
    Ok(ids)
}

/// The addresses of its members by hand, sorted.
///
/// # Errors
/// What the database says.
pub async fn addresses(on: impl Into<On<'_>>, team_id: &str) -> Result<Vec<String>> {
    let sql = "SELECT u.email FROM team_members m JOIN users u ON u.id = m.user_id WHERE m.team_id = $1";
    let rows = on.into().all::<(String,)>(sql, params![team_id]).await?;
    let mut addresses: Vec<String> = rows.into_iter().map(|(email,)| email).collect();
    // Sorted here: the two databases order text differently.
    addresses.sort_unstable();
    Ok(addresses)
}

/// Puts a user in; whether they were not in it before.
///
/// # Errors
/// When team or user do not exist.
pub async fn add_member(on: impl Into<On<'_>>, team_id: &str, user_id: &str) -> Result<bool> {
    let sql = "INSERT INTO team_members (team_id, user_id) VALUES ($1, $2) ON CONFLICT (team_id, user_id) DO NOTHING";
    Ok(on.into().alter(sql, params![team_id, user_id]).await? > 0)
}

/// Takes a user out; whether they were in it.
///
/// # Errors
/// What the database says.
pub async fn remove_member(on: impl Into<On<'_>>, team_id: &str, user_id: &str) -> Result<bool> {
    let sql = "DELETE FROM team_members WHERE team_id = $1 AND user_id = $2";
    Ok(on.into().alter(sql, params![team_id, user_id]).await? > 0)
}

#[cfg(test)]
mod tests {
    use super::folded;

    #[test]
    fn names_that_look_alike_are_one() {
        for (one, other) in [
            ("sre", "SRE"),
            ("\u{39f}\u{394}\u{39f}\u{3a3}", "\u{3bf}\u{3b4}\u{3bf}\u{3c3}"),
            ("Stra\u{df}e", "STRASSE"),
            ("Sec", "\u{17f}ec"),
            ("Caf\u{e9}", "cafe\u{301}"),
            ("\u{1f0}", "J\u{30c}"),
            ("\u{3b1}\u{345}\u{301}", "\u{3b1}\u{301}\u{345}"),
        ] {
            assert_eq!(folded(one), folded(other), "{one} {other}");
        }
        for (one, other) in [("sre", "sre1"), ("Caf\u{e9}", "Cafe"), ("Stra\u{df}e", "Strase"), ("\u{130}a", "Ia")] {
            assert_ne!(folded(one), folded(other), "{one} {other}");
        }
    }
}
