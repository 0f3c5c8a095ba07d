//! The end of a user's access: one primitive for operators, directories and files; `opening` is the way back. What it ends,
//! it ends in one transaction; what nodes remember falls within a second (`trust::freshness`).

use super::{Stored, User, delete, find};
use crate::{
    params,
    seal::Sealer,
    secret,
    store::{
        audit::{self, Action, Actor, Changes, Event, SECRET},
        db::{Result, StoreError, Tx},
        invites, logouts,
        on::On,
        personal_tokens,
        receipts::{self, Ended, Held, Receipt},
        resources, setup_links,
        statement::Statement,
        teams,
    },
};

/// Who shuts a user out. A directory opens again only what a directory has shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Somebody who runs gatehouse or administers the tenant.
    Operator,
    /// A directory, over SCIM.
    Directory,
}

impl By {
    /// As it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Directory => "directory",
        }
    }

    pub(super) fn read(text: &str) -> Result<Self> {
        let found = [Self::Operator, Self::Directory].into_iter().find(|by| by.as_str() == text);
        found.ok_or_else(|| StoreError::Corrupt("who shut a user out", text.to_owned()))
    }
}

/// Whom to shut out, and what the receipt says of it.
#[derive(Clone, Copy, Debug)]
pub struct ShutOut<'a> {
    /// The user.
    pub user_id: &'a str,
    /// Whose lock it is.
    pub by: By,
    /// Who does it.
    pub actor: &'a Actor,
    /// Why, in words: `active: false`, `deleted`.
    pub cause: &'a str,
    /// Also when it is the last active administrator of the tenant, or of the deployment.
    pub force: bool,
    /// Seals what clients are told.
    pub sealer: &'a Sealer,
    /// Unix seconds.
    pub now: i64,
}

/// Without the last active administrator nobody could administer the tenant, or the deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is the last active administrator of the tenant or of the deployment: make another user one first")]
pub struct LastAdministrator;

/// Shuts a user out: the flag, then every session, code, token family and site session, together. The one way to
/// deactivate. `None`: they were out already, or are unknown; an operator's lock then still replaces a directory's. After
/// the commit, `delivery` is to be nudged.
///
/// # Errors
/// The outer error is the database's; the inner one refuses, and nothing has changed.
pub async fn shut_out(tx: &mut Tx, out: &ShutOut<'_>) -> Result<std::result::Result<Option<Receipt>, LastAdministrator>> {
    match shut(tx, out, false).await? {
        Ok(Some(user)) => receipt(tx, out, user, Action::Deactivate).await.map(|receipt| Ok(Some(receipt))),
        Ok(None) => Ok(Ok(None)),
        Err(last) => Ok(Err(last)),
    }
}

/// Has others wait who take the rights or the access of an administrator at the same time, of the tenant or of the
/// deployment, whose tenants may be several: of two, the second sees what the first did.
///
/// Rows are locked in one order by whatever may take or give somebody's access, or else two would wait for each other on
/// PostgreSQL: this first, then the records that directories have of them, then the user. Who comes with a record holds by
/// [`hold_for_record`] before the record is locked.
///
/// # Errors
/// What the database says.
pub async fn hold_administrators(tx: &mut Tx, tenant_id: &str) -> Result<()> {
    tx.execute("UPDATE tenants SET name = name WHERE id = $1", params![tenant_id]).await?;
    tx.execute("UPDATE tenants SET name = name WHERE id = (SELECT MIN(id) FROM tenants)", params![]).await?;
    Ok(())
}

/// As [`hold_administrators`], if the user is one.
///
/// # Errors
/// What the database says.
pub async fn hold_administrator(tx: &mut Tx, user: &User) -> Result<()> {
    if user.admin || user.platform { hold_administrators(tx, &user.tenant_id).await } else { Ok(()) }
}

/// The same of whom a directory's record stands for.
///
/// # Errors
/// What the database says.
pub async fn hold_for_record(tx: &mut Tx, directory_id: &str, record_id: &str) -> Result<()> {
    let sql = "SELECT u.* FROM directory_users r JOIN users u ON u.id = r.user_id WHERE r.id = $1 AND r.directory_id = $2 \
               AND (u.admin OR u.platform)";
    match tx.optional::<Stored>(sql, params![record_id, directory_id]).await? {
        Some(user) => hold_administrator(tx, &user.try_into()?).await,
        None => Ok(()),
    }
}

/// Locks the records that directories have of a user, who is about to go and would be locked before them.
async fn hold_records(tx: &mut Tx, user_id: &str) -> Result<()> {
    let mut s = Statement::new("SELECT id FROM directory_users WHERE user_id = ");
    s.bind(user_id).push(" ORDER BY id").locked();
    tx.select::<(String,)>(&s).await.map(|_| ())
}

/// The user, whom nobody else changes until the transaction ends. A condition of an UPDATE looks at other tables as they were
/// when it began to wait, so who decides by them looks afterwards.
///
/// # Errors
/// What the database says.
pub async fn find_locked(tx: &mut Tx, id: &str) -> Result<Option<User>> {
    let mut s = Statement::new("SELECT * FROM users WHERE id = ");
    s.bind(id).locked();
    tx.select::<Stored>(&s).await?.pop().map(User::try_from).transpose()
}

/// The flag alone; whom it was set for. `removes`: the user goes afterwards.
async fn shut(tx: &mut Tx, out: &ShutOut<'_>, removes: bool) -> Result<std::result::Result<Option<User>, LastAdministrator>> {
    let Some(user) = find(&mut *tx, out.user_id).await? else { return Ok(Ok(None)) };
    if !out.force {
        hold_administrator(tx, &user).await?;
    }
    if removes {
        hold_records(tx, out.user_id).await?;
    }
    let Some(user) = find_locked(tx, out.user_id).await? else { return Ok(Ok(None)) };
    if !user.active {
        if out.by == By::Operator && user.shut_by != Some(By::Operator) {
            let sql = "UPDATE users SET shut_by = 'operator' WHERE id = $1 AND NOT active";
            tx.execute(sql, params![out.user_id]).await?;
            let changes = Changes::default().changed("shut_by", user.shut_by.map(By::as_str), By::Operator.as_str());
            let event = Event::new(user.tenant_id.as_str(), Action::Deactivate, audit::subject_of(&mut *tx, &user).await?);
            audit::append(tx, out.sealer, out.actor, event.with(changes), out.now);
        }
        return Ok(Ok(None));
    }
    let sql = "UPDATE users SET active = FALSE, shut_by = $2, updated_at = $3 WHERE id = $1 AND active \
               AND ($4 OR NOT admin OR EXISTS (SELECT 1 FROM users o WHERE o.tenant_id = users.tenant_id \
                    AND o.id <> users.id AND o.admin AND o.active)) \
               AND ($4 OR NOT platform OR EXISTS (SELECT 1 FROM users o JOIN tenants t ON t.id = o.tenant_id \
                    WHERE o.id <> users.id AND o.platform AND o.active AND t.enabled))";
    let params = params![out.user_id, out.by.as_str(), out.now, out.force];
    if On::from(&mut *tx).alter(sql, params).await? == 0 {
        let still = find(&mut *tx, out.user_id).await?.is_some_and(|user| user.active);
        return Ok(if still { Err(LastAdministrator) } else { Ok(None) });
    }
    Ok(Ok(Some(user)))
}

/// Deletes a user with everything that is theirs, as [`shut_out`] but for whom was out already: there is a receipt for
/// them too. `None`: there is no such user, or a directory would delete whom an operator has shut out: they stay.
///
/// # Errors
/// As [`shut_out`].
pub async fn remove(tx: &mut Tx, out: &ShutOut<'_>) -> Result<std::result::Result<Option<Receipt>, LastAdministrator>> {
    let user = match shut(tx, out, true).await? {
        Ok(Some(user)) => Some(user),
        Ok(None) => {
            let user = find(&mut *tx, out.user_id).await?;
            // Who decided that they may go may not have seen an operator's lock that came to be at this moment.
            if out.by == By::Directory && user.as_ref().is_some_and(|user| user.shut_by == Some(By::Operator)) {
                return Ok(Ok(None));
            }
            keep_out(tx, out.user_id, out.now).await?;
            user
        }
        Err(last) => return Ok(Err(last)),
    };
    let written = match user {
        Some(user) => Some(receipt(tx, out, user, Action::Delete).await?),
        None => None,
    };
    delete(tx, out.user_id).await?;
    Ok(Ok(written))
}

/// What directories say of a user whom an operator has shut out, and who goes: that they may come in has been said before the lock.
/// Until it is said anew, nobody comes in by it.
async fn keep_out(tx: &mut Tx, user_id: &str, now: i64) -> Result<()> {
    let sql = "UPDATE directory_users SET active = FALSE, version = version + 1, updated_at = $2 WHERE user_id = $1 AND active \
               AND EXISTS (SELECT 1 FROM users u WHERE u.id = $1 AND NOT u.active AND u.shut_by = 'operator')";
    On::from(tx).alter(sql, params![user_id, now]).await.map(|_| ())
}

/// The receipt, and the entry of the audit log that goes with it.
async fn receipt(tx: &mut Tx, out: &ShutOut<'_>, user: User, action: Action) -> Result<Receipt> {
    let subject = audit::subject_of(&mut *tx, &user).await?;
    let changes = match action {
        Action::Deactivate => Changes::default().changed("active", true, false),
        _ => were(tx, &user).await?,
    };
    let receipt = end_with_receipt(tx, out, &user).await?;
    let mut changes = changes.is("cause", out.cause).is("receipt", receipt.id.as_str());
    if receipt.ended.invites > 0 {
        changes = changes.is("invites_revoked", receipt.ended.invites);
    }
    let event = Event::new(receipt.tenant_id.as_str(), action, subject).with(changes);
    audit::append(tx, out.sealer, out.actor, event, out.now);
    Ok(receipt)
}

/// Signs a user out everywhere: as [`shut_out`], and they may sign in again at once. Whom nothing was open for has a receipt
/// too. `None`: there is no such user. After the commit, `delivery` is to be nudged.
///
/// # Errors
/// What the database says.
pub async fn sign_out(tx: &mut Tx, out: &ShutOut<'_>) -> Result<Option<Receipt>> {
    let Some(user) = find_locked(tx, out.user_id).await? else { return Ok(None) };
    let receipt = end_with_receipt(tx, out, &user).await?;
    let event = Event::new(receipt.tenant_id.as_str(), Action::End, audit::subject_of(&mut *tx, &user).await?);
    let event = event.with(Changes::default().is("cause", out.cause).is("receipt", receipt.id.as_str()));
    audit::append(tx, out.sealer, out.actor, event, out.now);
    Ok(Some(receipt))
}

/// [`end_access`], with a receipt that says so: of `out` only who, why and when counts. Where a directory does it, open invites
/// of the user's address end too.
///
/// # Errors
/// What the database says.
pub async fn end_with_receipt(tx: &mut Tx, out: &ShutOut<'_>, user: &User) -> Result<Receipt> {
    let held = held(tx, &user.id).await?;
    let mut ended = end_access(tx, out.sealer, &user.id, out.now).await?;
    // Whom a directory has let go would be back at once by the link that let them in.
    if out.by == By::Directory {
        ended.invites = invites::revoke_of(tx, &user.tenant_id, &user.email, out.now).await?;
    }
    let receipt = Receipt {
        id: secret::row_id(out.now),
        tenant_id: user.tenant_id.clone(),
        user_id: user.id.clone(),
        email: user.email.as_str().to_owned(),
        cause: out.cause.to_owned(),
        actor: out.actor.name.clone(),
        ended,
        held,
        at: out.now,
    };
    receipts::insert(tx, &receipt).await?;
    Ok(receipt)
}

/// Who a user was that goes: afterwards nobody can look it up.
async fn were(tx: &mut Tx, user: &User) -> Result<Changes> {
    let teams: Vec<String> = teams::of_user(&mut *tx, &user.id).await?.into_iter().map(|team| team.name).collect();
    let held = resources::held_by(&mut *tx, &user.id).await?;
    let roles: Vec<String> = held.into_iter().map(|(kind, name, role)| format!("{} on {kind} {name}", role.as_str())).collect();
    let all = Changes::default().was("email", user.email.as_str()).was("name", user.name.clone());
    let mut all = all.was("active", user.active).was("admin", user.admin);
    if user.platform {
        all = all.was("platform", true);
    }
    if user.password_hash.is_some() {
        all = all.was("password", SECRET);
    }
    for (field, lost) in [("teams", teams), ("roles", roles)] {
        if !lost.is_empty() {
            all = all.was(field, lost);
        }
    }
    Ok(all)
}

/// Ends every session, code, token family, site session, personal token and unused link of a user, who may sign in again, and
/// the set-up links that they have made; what there was. After the commit, `delivery` is to be nudged.
///
/// # Errors
/// What the database says.
pub async fn end_access(tx: &mut Tx, sealer: &Sealer, id: &str, now: i64) -> Result<Ended> {
    let stake = at_stake(&mut *tx, id, now).await?;
    // Codes first: a redemption under way either finds its code gone, or has made its family by then.
    tx.execute("DELETE FROM codes WHERE user_id = $1 AND redeemed_at IS NULL", params![id]).await?;
    let logouts = logouts::queue_of_user(tx, sealer, id, now).await?;
    let sql = "UPDATE families SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL";
    tx.execute(sql, params![id, now]).await?;
    let sql = "DELETE FROM site_sessions WHERE family_id IN (SELECT id FROM families WHERE user_id = $1)";
    tx.execute(sql, params![id]).await?;
    let sql = "DELETE FROM provider_sessions WHERE sid IN (SELECT sid FROM sessions WHERE user_id = $1)";
    tx.execute(sql, params![id]).await?;
    tx.execute("DELETE FROM sessions WHERE user_id = $1", params![id]).await?;
    personal_tokens::delete_all(&mut *tx, id).await?;
    setup_links::end_all(tx, id, now).await?;
    // A link that an operator made for them: who is let in again later did not ask for it.
    let sql = "UPDATE admin_links SET expires_at = $2 WHERE user_id = $1 AND used_at IS NULL AND expires_at > $2";
    tx.execute(sql, params![id, now]).await?;
    tx.changed();
    tx.news().access = true;
    let AtStake { sessions, codes, token_families, site_sessions, personal_tokens } = stake;
    Ok(Ended { sessions, codes, token_families, site_sessions, personal_tokens, logouts, invites: 0 })
}

/// Sets or removes the password's hash (argon2id, PHC form), and with it ends what was opened under the one before: whoever
/// signed in with the old password has to know the new one. Also where it is the same: nothing tells. The first password of a user ends nothing. Whether the user is there. After
/// the commit, `delivery` is to be nudged.
///
/// # Errors
/// What the database says.
pub async fn set_password(tx: &mut Tx, sealer: &Sealer, id: &str, hash: Option<&str>, now: i64) -> Result<bool> {
    let Some(user) = find_locked(tx, id).await? else { return Ok(false) };
    tx.execute("UPDATE users SET password_hash = $2, updated_at = $3 WHERE id = $1", params![id, hash, now]).await?;
    if user.password_hash.is_some() {
        end_access(tx, sealer, id, now).await?;
    }
    Ok(true)
}

/// What [`end_access`] would end, in number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct AtStake {
    /// Browser sessions here.
    pub sessions: i64,
    /// Authorization codes that nobody has redeemed.
    pub codes: i64,
    /// Token families.
    pub token_families: i64,
    /// Browser sessions with sites.
    pub site_sessions: i64,
    /// Personal tokens for the admin API.
    pub personal_tokens: i64,
}

/// What lives of a user's access at `now`.
///
/// # Errors
/// What the database says.
pub async fn at_stake(on: impl Into<On<'_>>, id: &str, now: i64) -> Result<AtStake> {
    let sql = "SELECT (SELECT COUNT(*) FROM sessions WHERE user_id = $1 AND expires_at > $2) AS sessions, \
                      (SELECT COUNT(*) FROM codes WHERE user_id = $1 AND redeemed_at IS NULL AND expires_at > $2) AS codes, \
                      (SELECT COUNT(*) FROM families WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2) \
                        AS token_families, \
                      (SELECT COUNT(*) FROM site_sessions s JOIN families f ON f.id = s.family_id \
                       WHERE f.user_id = $1 AND s.expires_at > $2) AS site_sessions, \
                      (SELECT COUNT(*) FROM personal_tokens WHERE user_id = $1 AND expires_at > $2) AS personal_tokens";
    Ok(on.into().optional(sql, params![id, now]).await?.unwrap_or_default())
}

/// What they hold, by hand and by groups of a directory.
async fn held(tx: &mut Tx, id: &str) -> Result<Held> {
    let sql = "WITH pushed AS (SELECT DISTINCT g.team_id FROM directory_users u \
                                 JOIN directory_members m ON m.member_id = u.id \
                                 JOIN group_teams g ON g.group_id = m.group_id WHERE u.user_id = $1), \
                    all_teams AS (SELECT team_id FROM team_members WHERE user_id = $1 UNION SELECT team_id FROM pushed) \
               SELECT (SELECT COUNT(*) FROM team_members WHERE user_id = $1) AS teams, \
                      (SELECT COUNT(*) FROM pushed) AS directory_teams, \
                      (SELECT COUNT(*) FROM collaborators WHERE user_id = $1) AS roles, \
                      (SELECT COUNT(*) FROM \
                        (SELECT resource_id FROM collaborators WHERE team_id IN (SELECT team_id FROM all_teams) \
                         UNION SELECT resource_id FROM group_roles WHERE team_id IN (SELECT team_id FROM all_teams)) AS r) \
                        AS team_roles";
    Ok(tx.optional(sql, params![id]).await?.unwrap_or_default())
}
