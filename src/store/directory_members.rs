//! Which users of a directory are in which of its groups. A change touches the rows it names and reads no others: a group
//! of fifty thousand takes one more member as fast as an empty one. Whoever changes them
//! locks the group first (`directory_groups::find_locked`) and notes it (`touch`).

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{
    db::{Result, Tx},
    on::On,
    read_json,
    statement::Statement,
};
use crate::params;

/// Ids that one statement names.
const CHUNK: usize = 500;

/// The members of a group, the first of its directory first.
///
/// # Errors
/// What the database says.
pub async fn of_group(on: impl Into<On<'_>>, group_id: &str) -> Result<Vec<String>> {
    // Ids are in the order of time.
    let sql = "SELECT member_id FROM directory_members WHERE group_id = $1 ORDER BY member_id";
    let rows = on.into().all::<(String,)>(sql, params![group_id]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// The same of a group that has no more than `most`; `None` where it has.
///
/// # Errors
/// What the database says.
pub async fn of_group_up_to(on: impl Into<On<'_>>, group_id: &str, most: usize) -> Result<Option<Vec<String>>> {
    let sql = "SELECT member_id FROM directory_members WHERE group_id = $1 ORDER BY member_id LIMIT $2";
    let limit = i64::try_from(most.saturating_add(1)).unwrap_or(i64::MAX);
    let rows = on.into().all::<(String,)>(sql, params![group_id, limit]).await?;
    Ok((rows.len() <= most).then(|| rows.into_iter().map(|(id,)| id).collect()))
}

/// How many members a group of the directory has.
///
/// # Errors
/// What the database says.
pub async fn count(on: impl Into<On<'_>>, directory_id: &str, group_id: &str) -> Result<usize> {
    let sql = "SELECT COUNT(*) FROM directory_members WHERE group_id = \
               (SELECT id FROM directory_groups WHERE id = $1 AND directory_id = $2)";
    let found = on.into().optional::<(i64,)>(sql, params![group_id, directory_id]).await?;
    Ok(found.and_then(|(count,)| usize::try_from(count).ok()).unwrap_or_default())
}

/// A group that a user is in.
#[derive(Clone, Debug)]
pub struct Membership {
    /// The user's record.
    pub member_id: String,
    /// The group.
    pub group_id: String,
    /// Its name.
    pub display_name: String,
}

#[derive(sqlx::FromRow)]
struct Row {
    member_id: String,
    group_id: String,
    resource: String,
}

/// The groups of each of `members`, by age.
///
/// # Errors
/// What the database says; `Corrupt` for an unreadable group.
pub async fn of_users(on: impl Into<On<'_>>, members: &[&str]) -> Result<Vec<Membership>> {
    let mut on = on.into();
    let mut all = Vec::new();
    for members in members.chunks(CHUNK) {
        let mut s = Statement::new(
            "SELECT m.member_id, m.group_id, g.resource FROM directory_members m \
             JOIN directory_groups g ON g.id = m.group_id WHERE m.member_id IN (",
        );
        s.bind_each(members.iter().copied()).push(") ORDER BY g.created_at, g.id");
        for row in on.select::<Row>(&s).await? {
            let resource: Map<String, Value> = read_json("directory group", &row.resource)?;
            let display_name = resource.get("displayName").and_then(Value::as_str).unwrap_or_default().to_owned();
            all.push(Membership { member_id: row.member_id, group_id: row.group_id, display_name });
        }
    }
    Ok(all)
}

/// Puts users in. The inner error is the id of one that the directory does not have: the transaction must not be committed
/// then.
///
/// # Errors
/// What the database says.
pub async fn add(tx: &mut Tx, directory_id: &str, group_id: &str, members: &[String]) -> Result<std::result::Result<(), String>> {
    for members in members.chunks(CHUNK) {
        if let Some(stranger) = stranger(tx, directory_id, members).await? {
            return Ok(Err(stranger));
        }
        let mut s = Statement::new("INSERT INTO directory_members (group_id, member_id) VALUES ");
        for (n, member) in members.iter().enumerate() {
            s.push(if n > 0 { ", (" } else { "(" }).bind(group_id).push(", ").bind(member).push(")");
        }
        s.push(" ON CONFLICT (group_id, member_id) DO NOTHING");
        if tx.run(&s).await? > 0 {
            tx.changed();
        }
    }
    Ok(Ok(()))
}

/// The first that is no user of the directory.
async fn stranger(tx: &mut Tx, directory_id: &str, members: &[String]) -> Result<Option<String>> {
    let mut s = Statement::new("SELECT r.id FROM directory_users r WHERE (r.directory_id || '') = ");
    s.bind(directory_id).push(" AND r.id IN (").bind_each(members).push(")");
    let found: HashSet<String> = tx.select::<(String,)>(&s).await?.into_iter().map(|(id,)| id).collect();
    Ok(members.iter().find(|id| !found.contains(*id)).cloned())
}

/// Takes users out; who is not in stays out.
///
/// # Errors
/// What the database says.
pub async fn remove(tx: &mut Tx, group_id: &str, members: &[String]) -> Result<()> {
    for members in members.chunks(CHUNK) {
        let mut s = Statement::new("DELETE FROM directory_members WHERE group_id = ");
        s.bind(group_id).push(" AND member_id IN (").bind_each(members).push(")");
        if tx.run(&s).await? > 0 {
            tx.changed();
        }
    }
    Ok(())
}

/// Takes everybody out.
///
/// # Errors
/// What the database says.
pub async fn clear(tx: &mut Tx, group_id: &str) -> Result<()> {
    let sql = "DELETE FROM directory_members WHERE group_id = $1";
    On::from(tx).alter(sql, params![group_id]).await.map(|_| ())
}

/// Makes `members` those of the group, and no others. As [`add`].
///
/// # Errors
/// What the database says.
pub async fn replace(
    tx: &mut Tx,
    directory_id: &str,
    group_id: &str,
    members: &[String],
) -> Result<std::result::Result<(), String>> {
    let old: HashSet<String> = of_group(&mut *tx, group_id).await?.into_iter().collect();
    let named: HashSet<&String> = members.iter().collect();
    let gone: Vec<String> = old.iter().filter(|id| !named.contains(id)).cloned().collect();
    remove(tx, group_id, &gone).await?;
    let new: Vec<String> = members.iter().filter(|id| !old.contains(*id)).cloned().collect();
    add(tx, directory_id, group_id, &new).await
}
