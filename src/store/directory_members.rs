//! Which users of a directory are in which of its groups. A change touches the rows it names and reads no others: a group
//! of fifty thousand takes one more member as fast as an empty one. Whoever changes them
//! locks the group first (`directory_groups::find_locked`) and notes it (`touch`).

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{
    db::{Result, Tx},
    on::On,
    statement::Statement,
};
use crate::params;

/// Ids that one statement names.
const CHUNK: usize = 500;
/// Users that one statement asks for the groups of, each by a look of its own: SQLite joins no more than 500 of those.
const USERS: usize = 100;

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

/// The groups that some users are in.
#[derive(Debug, Default)]
pub struct Memberships {
    /// The groups of each user, the oldest first; none of a user who is in too many to be listed.
    pub of: HashMap<String, Vec<String>>,
    /// What each of these groups is called.
    pub names: HashMap<String, String>,
}

/// The groups of each of `members` who is in no more than `most`: which they are, and then the name of each once.
///
/// # Errors
/// What the database says.
pub async fn of_users(on: impl Into<On<'_>>, members: &[&str], most: usize) -> Result<Memberships> {
    let mut on = on.into();
    let mut found = Memberships::default();
    let limit = i64::try_from(most.saturating_add(1)).unwrap_or(i64::MAX);
    for members in members.chunks(USERS) {
        let mut s = Statement::new("");
        for (n, member) in members.iter().copied().enumerate() {
            s.push(if n > 0 { " UNION ALL " } else { "" });
            // Ids are in the order of time.
            s.push("SELECT * FROM (SELECT member_id, group_id FROM directory_members WHERE member_id = ").bind(member);
            s.push(" ORDER BY group_id LIMIT ").bind(limit).push(") AS one");
        }
        for (member, group) in on.select::<(String, String)>(&s).await? {
            found.of.entry(member).or_default().push(group);
        }
    }
    found.of.retain(|_, groups| groups.len() <= most);
    let groups: BTreeSet<&String> = found.of.values().flatten().collect();
    let groups: Vec<&String> = groups.into_iter().collect();
    for groups in groups.chunks(CHUNK) {
        let mut s = Statement::new("SELECT id, COALESCE(shown_name, display_name) FROM directory_groups WHERE id IN (");
        s.bind_each(groups.iter().copied()).push(")");
        found.names.extend(on.select::<(String, String)>(&s).await?);
    }
    Ok(found)
}

/// What became of the members of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turnover {
    /// Who is in, and was not.
    pub came: BTreeSet<String>,
    /// Who was in, and is not.
    pub went: BTreeSet<String>,
}

impl Turnover {
    /// Whether it is as it was.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.came.is_empty() && self.went.is_empty()
    }

    /// Goes on with what happened afterwards: who comes and goes has done neither.
    pub fn then(&mut self, next: Self) {
        for id in next.went {
            if !self.came.remove(&id) {
                self.went.insert(id);
            }
        }
        for id in next.came {
            if !self.went.remove(&id) {
                self.came.insert(id);
            }
        }
    }
}

/// Puts users in. The inner error is the id of one that the directory does not have: the transaction must not be committed
/// then.
///
/// # Errors
/// What the database says.
pub async fn add(
    tx: &mut Tx,
    directory_id: &str,
    group_id: &str,
    members: &[String],
) -> Result<std::result::Result<Turnover, String>> {
    let mut turnover = Turnover::default();
    for members in members.chunks(CHUNK) {
        if let Some(stranger) = stranger(tx, directory_id, members).await? {
            return Ok(Err(stranger));
        }
        let mut s = Statement::new("INSERT INTO directory_members (group_id, member_id) VALUES ");
        for (n, member) in members.iter().enumerate() {
            s.push(if n > 0 { ", (" } else { "(" }).bind(group_id).push(", ").bind(member).push(")");
        }
        s.push(" ON CONFLICT (group_id, member_id) DO NOTHING RETURNING member_id");
        turnover.came.extend(written(tx, &s).await?);
    }
    Ok(Ok(turnover))
}

/// The first that is no user of the directory. Those who are stay, until the transaction ends: of somebody who is deleted at this
/// moment the database would say less than we do.
async fn stranger(tx: &mut Tx, directory_id: &str, members: &[String]) -> Result<Option<String>> {
    let mut s = Statement::new("SELECT r.id FROM directory_users r WHERE (r.directory_id || '') = ");
    s.bind(directory_id).push(" AND r.id IN (").bind_each(members).push(")").either("", " FOR KEY SHARE");
    let found: HashSet<String> = tx.select::<(String,)>(&s).await?.into_iter().map(|(id,)| id).collect();
    Ok(members.iter().find(|id| !found.contains(*id)).cloned())
}

/// Whose rows a statement writes, that returns them.
async fn written(tx: &mut Tx, statement: &Statement<'_>) -> Result<Vec<String>> {
    let rows = tx.select::<(String,)>(statement).await?;
    if !rows.is_empty() {
        tx.changed();
    }
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Takes users out; who is not in stays out.
///
/// # Errors
/// What the database says.
pub async fn remove(tx: &mut Tx, group_id: &str, members: &[String]) -> Result<Turnover> {
    let mut turnover = Turnover::default();
    for members in members.chunks(CHUNK) {
        let mut s = Statement::new("DELETE FROM directory_members WHERE group_id = ");
        s.bind(group_id).push(" AND member_id IN (").bind_each(members).push(") RETURNING member_id");
        turnover.went.extend(written(tx, &s).await?);
    }
    Ok(turnover)
}

/// Takes everybody out.
///
/// # Errors
/// What the database says.
pub async fn clear(tx: &mut Tx, group_id: &str) -> Result<Turnover> {
    let mut s = Statement::new("DELETE FROM directory_members WHERE group_id = ");
    s.bind(group_id).push(" RETURNING member_id");
    Ok(Turnover { went: written(tx, &s).await?.into_iter().collect(), ..Turnover::default() })
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
) -> Result<std::result::Result<Turnover, String>> {
    let old: HashSet<String> = of_group(&mut *tx, group_id).await?.into_iter().collect();
    let named: HashSet<&String> = members.iter().collect();
    let gone: Vec<String> = old.iter().filter(|id| !named.contains(id)).cloned().collect();
    let mut turnover = remove(tx, group_id, &gone).await?;
    let new: Vec<String> = members.iter().filter(|id| !old.contains(*id)).cloned().collect();
    Ok(add(tx, directory_id, group_id, &new).await?.map(|came| {
        turnover.then(came);
        turnover
    }))
}
