//! Invites: an address that may become a user of a tenant, by a link that works once. Only the link's digest is here.

use super::{
    db::{Db, Result, StoreError, Tx},
    on::On,
    read_json,
    statement::Statement,
    window::{Phase, Window},
    write_json,
};
use crate::{params, policy::email::Email};

/// Seconds that an invite is kept after its end, for those who look back.
pub const AFTERLIFE: i64 = 90 * 86_400;

/// An invite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invite {
    /// Row id.
    pub id: String,
    /// Where to.
    pub tenant_id: String,
    /// Who.
    pub email: Email,
    /// Their name, as whoever invites them has typed it.
    pub name: Option<String>,
    /// Row ids of the teams they join.
    pub teams: Vec<String>,
    /// Whether its link went to the address and nowhere else.
    pub mailed: bool,
    /// Who invites, in words.
    pub invited_by: String,
    /// How many links were made for it; the last one works.
    pub sent: i64,
    /// When the last mail was handed over (unix seconds).
    pub sent_at: Option<i64>,
    /// When it became a user (unix seconds).
    pub accepted_at: Option<i64>,
    /// That user.
    pub accepted_by: Option<String>,
    /// When it was taken back (unix seconds).
    pub revoked_at: Option<i64>,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds.
    pub expires_at: i64,
}

/// What an invite is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It can be accepted.
    Open,
    /// Somebody has accepted it.
    Accepted,
    /// It was taken back.
    Revoked,
    /// Its time is over.
    Expired,
}

impl State {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accepted => "accepted",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
        }
    }
}

impl Invite {
    /// What it is worth at `now`.
    #[must_use]
    pub fn state(&self, now: i64) -> State {
        match (self.accepted_at, self.revoked_at) {
            (Some(_), _) => State::Accepted,
            (_, Some(_)) => State::Revoked,
            _ if self.expires_at <= now => State::Expired,
            _ => State::Open,
        }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    tenant_id: String,
    email: String,
    name: Option<String>,
    teams: String,
    mailed: bool,
    invited_by: String,
    sent: i64,
    sent_at: Option<i64>,
    accepted_at: Option<i64>,
    accepted_by: Option<String>,
    revoked_at: Option<i64>,
    created_at: i64,
    expires_at: i64,
}

impl TryFrom<Row> for Invite {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            email: Email::parse(&row.email).ok_or(StoreError::Corrupt("invite's e-mail address", row.email))?,
            teams: read_json("invite", &row.teams)?,
            id: row.id,
            tenant_id: row.tenant_id,
            name: row.name,
            mailed: row.mailed,
            invited_by: row.invited_by,
            sent: row.sent,
            sent_at: row.sent_at,
            accepted_at: row.accepted_at,
            accepted_by: row.accepted_by,
            revoked_at: row.revoked_at,
            created_at: row.created_at,
            expires_at: row.expires_at,
        })
    }
}

/// Inserts an invite whose link has the digest `token_hash`. `false`: the address has an open one in the tenant, and
/// nothing was changed. One whose time is over makes room.
///
/// # Errors
/// What the database says.
pub async fn insert(tx: &mut Tx, invite: &Invite, token_hash: &str) -> Result<bool> {
    let over = "UPDATE invites SET revoked_at = $3 WHERE tenant_id = $1 AND email = $2 AND accepted_at IS NULL
                AND revoked_at IS NULL AND expires_at <= $3";
    tx.execute(over, params![&invite.tenant_id, invite.email.as_str(), invite.created_at]).await?;
    let sql =
        "INSERT INTO invites (id, tenant_id, email, name, teams, token_hash, mailed, invited_by, sent, created_at, expires_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING";
    let teams = write_json("invite", &invite.teams)?;
    let params = params![
        &invite.id,
        &invite.tenant_id,
        invite.email.as_str(),
        &invite.name,
        &teams,
        token_hash,
        invite.mailed,
        &invite.invited_by,
        invite.sent,
        invite.created_at,
        invite.expires_at,
    ];
    Ok(tx.execute(sql, params).await? == 1)
}

/// One of a tenant, by its row id.
///
/// # Errors
/// What the database says.
pub async fn find(on: impl Into<On<'_>>, tenant_id: &str, id: &str) -> Result<Option<Invite>> {
    let sql = "SELECT * FROM invites WHERE tenant_id = $1 AND id = $2";
    on.into().optional::<Row>(sql, params![tenant_id, id]).await?.map(Invite::try_from).transpose()
}

/// By the digest of its link, whatever it is worth.
///
/// # Errors
/// What the database says.
pub async fn by_link(on: impl Into<On<'_>>, token_hash: &str) -> Result<Option<Invite>> {
    let sql = "SELECT * FROM invites WHERE token_hash = $1";
    on.into().optional::<Row>(sql, params![token_hash]).await?.map(Invite::try_from).transpose()
}

/// The one for an address in a tenant that is neither accepted nor revoked, or else the last there was.
///
/// # Errors
/// What the database says.
pub async fn by_email(on: impl Into<On<'_>>, tenant_id: &str, email: &Email) -> Result<Option<Invite>> {
    let sql = "SELECT * FROM invites WHERE tenant_id = $1 AND email = $2
               ORDER BY CASE WHEN accepted_at IS NULL AND revoked_at IS NULL THEN 0 ELSE 1 END, created_at DESC, id DESC LIMIT 1";
    on.into().optional::<Row>(sql, params![tenant_id, email.as_str()]).await?.map(Invite::try_from).transpose()
}

/// Whether an address has an invite that can still be accepted.
///
/// # Errors
/// What the database says.
pub async fn is_open(on: impl Into<On<'_>>, tenant_id: &str, email: &Email, now: i64) -> Result<bool> {
    let sql = "SELECT id FROM invites WHERE tenant_id = $1 AND email = $2 AND accepted_at IS NULL AND revoked_at IS NULL \
               AND expires_at > $3";
    Ok(on.into().optional::<(String,)>(sql, params![tenant_id, email.as_str(), now]).await?.is_some())
}

/// Lets a directory give an address to `user_id` by the address's open invite, which it stays; of several users an invite lets
/// in one. Whether there is an invite that does. Belongs into the transaction that gives the address.
///
/// # Errors
/// What the database says.
pub async fn admit(tx: &mut Tx, tenant_id: &str, email: &Email, user_id: &str, now: i64) -> Result<bool> {
    let sql = "UPDATE invites SET admitted = $3 WHERE tenant_id = $1 AND email = $2 AND accepted_at IS NULL \
               AND revoked_at IS NULL AND expires_at > $4 AND (admitted IS NULL OR admitted = $3)";
    Ok(tx.execute(sql, params![tenant_id, email.as_str(), user_id, now]).await? == 1)
}

/// Forgets whom invites have let in, who is about to go.
///
/// # Errors
/// What the database says.
pub async fn forget(on: impl Into<On<'_>>, user_id: &str) -> Result<()> {
    on.into().execute("UPDATE invites SET admitted = NULL WHERE admitted = $1", params![user_id]).await.map(|_| ())
}

/// Those of a tenant, the newest first: at most `limit` after the one with the id `after`.
///
/// # Errors
/// What the database says.
pub async fn of_tenant(on: impl Into<On<'_>>, tenant_id: &str, after: Option<&str>, limit: i64) -> Result<Vec<Invite>> {
    // Row ids sort by time, so the page after one is what is below it.
    let sql = "SELECT * FROM invites WHERE tenant_id = $1 AND ($2 IS NULL OR id < $2) ORDER BY id DESC LIMIT $3";
    let rows = on.into().all::<Row>(sql, params![tenant_id, after, limit]).await?;
    rows.into_iter().map(Invite::try_from).collect()
}

/// An invite that can still be accepted, in short.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Ending {
    /// Where to.
    pub tenant_id: String,
    /// Who.
    pub email: String,
    /// Unix seconds.
    pub expires_at: i64,
}

/// Open invites of a tenant, or of all, the first to end first.
///
/// # Errors
/// What the database says.
pub async fn ending(on: impl Into<On<'_>>, tenant_id: Option<&str>, now: i64, limit: i64) -> Result<Vec<Ending>> {
    let of_one = "SELECT tenant_id, email, expires_at FROM invites WHERE tenant_id = $1 AND accepted_at IS NULL \
                  AND revoked_at IS NULL AND expires_at > $2 ORDER BY expires_at LIMIT $3";
    let of_all = "SELECT tenant_id, email, expires_at FROM invites WHERE accepted_at IS NULL \
                  AND revoked_at IS NULL AND expires_at > $1 ORDER BY expires_at LIMIT $2";
    match tenant_id {
        Some(id) => on.into().all(of_one, params![id, now, limit]).await,
        None => on.into().all(of_all, params![now, limit]).await,
    }
}

/// Comes after every row id.
const BEHIND: &str = "zzzz";

/// What [`window`] asks: of those that wait there is an index, of the others that of the tenant's.
#[must_use]
pub fn narrowed<'a>(window: &'a Window<'a>) -> Statement<'a> {
    let w = window;
    let mut s = Statement::new("SELECT * FROM invites WHERE tenant_id = ");
    s.bind(w.tenant_id).push(" AND id < ").bind(if w.after.is_empty() { BEHIND } else { w.after });
    match w.narrow.state {
        Some(Phase::Open) => {
            s.push(" AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > ").bind(w.narrow.now);
        }
        Some(Phase::Ended) => {
            s.push(" AND (accepted_at IS NOT NULL OR revoked_at IS NOT NULL OR expires_at <= ").bind(w.narrow.now).push(")");
        }
        _ => {}
    }
    if w.is_searched() {
        s.push(" AND (email LIKE ").bind(w.like()).push(" ESCAPE '!' OR ");
        w.holds(&mut s, "name");
        s.push(")");
    }
    s.push(" ORDER BY id DESC LIMIT ").bind(w.limit);
    s
}

/// A part of a tenant's, the newest first, after the one with the id that the window names; the search looks at addresses and
/// names.
///
/// # Errors
/// What the database says.
pub async fn window(on: impl Into<On<'_>>, window: &Window<'_>) -> Result<Vec<Invite>> {
    let rows = on.into().search::<Row>(&narrowed(window), window.time()).await?;
    rows.into_iter().map(Invite::try_from).collect()
}

/// Gives an invite that is neither accepted nor revoked a new link and a new end; the old link is dead. `false` when there
/// is no such invite.
///
/// # Errors
/// What the database says.
pub async fn renew(tx: &mut Tx, id: &str, token_hash: &str, mailed: bool, expires_at: i64) -> Result<bool> {
    let sql = "UPDATE invites SET token_hash = $2, mailed = $3, expires_at = $4, sent = sent + 1, sent_at = NULL
               WHERE id = $1 AND accepted_at IS NULL AND revoked_at IS NULL";
    Ok(tx.execute(sql, params![id, token_hash, mailed, expires_at]).await? == 1)
}

/// Takes an invite back that is neither accepted nor revoked; whether there was such a one.
///
/// # Errors
/// What the database says.
pub async fn revoke(tx: &mut Tx, tenant_id: &str, id: &str, now: i64) -> Result<bool> {
    let sql =
        "UPDATE invites SET revoked_at = $3 WHERE tenant_id = $1 AND id = $2 AND accepted_at IS NULL AND revoked_at IS NULL";
    Ok(tx.execute(sql, params![tenant_id, id, now]).await? == 1)
}

/// Takes back whatever invite of an address is neither accepted nor revoked; how many there were.
///
/// # Errors
/// What the database says.
pub async fn revoke_of(tx: &mut Tx, tenant_id: &str, email: &Email, now: i64) -> Result<i64> {
    let sql = "UPDATE invites SET revoked_at = $3 WHERE tenant_id = $1 AND email = $2 AND accepted_at IS NULL \
               AND revoked_at IS NULL";
    let revoked = tx.execute(sql, params![tenant_id, email.as_str(), now]).await?;
    Ok(i64::try_from(revoked).unwrap_or(i64::MAX))
}

/// Uses an open invite up for a user, who joins its teams; of several who try, one gets `true`. Belongs into the
/// transaction that makes the user.
///
/// # Errors
/// What the database says.
pub async fn accept(tx: &mut Tx, id: &str, user_id: &str, now: i64) -> Result<bool> {
    let sql = "UPDATE invites SET accepted_at = $3, accepted_by = $2
               WHERE id = $1 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > $3";
    if tx.execute(sql, params![id, user_id, now]).await? != 1 {
        return Ok(false);
    }
    let sql = "SELECT * FROM invites WHERE id = $1";
    let Some(row) = tx.optional::<Row>(sql, params![id]).await? else { return Ok(false) };
    let invite = Invite::try_from(row)?;
    for team in &invite.teams {
        // A team that is gone meanwhile is joined by nobody, nor is one that was made for a group of a directory.
        let join = "INSERT INTO team_members (team_id, user_id) SELECT id, $2 FROM teams
                    WHERE id = $1 AND tenant_id = $3 AND group_id IS NULL
                    ON CONFLICT (team_id, user_id) DO NOTHING";
        On::from(&mut *tx).alter(join, params![team, user_id, &invite.tenant_id]).await?;
    }
    Ok(true)
}

/// Notes that the mail with the link of this digest was handed over.
///
/// # Errors
/// What the database says.
pub async fn note_sent(db: &Db, token_hash: &str, now: i64) -> Result<()> {
    db.execute("UPDATE invites SET sent_at = $2 WHERE token_hash = $1", params![token_hash, now]).await.map(|_| ())
}
