//! Links that let an administrator in without a sign-in, each once: the first of a new deployment (`setup`), and one whose
//! provider is down (`break_glass`). Only a link's digest is here.

use super::{
    audit::{self, Action, Actor, Changes, Event},
    db::{Result, StoreError, Tx},
    on::On,
    tenants,
    users::User,
};
use crate::{params, seal::Sealer, secret};

/// Seconds that a link is kept after its end, for those who look back.
pub const AFTERLIFE: i64 = 30 * 86_400;

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Makes the first administrator, as long as there is none.
    Setup,
    /// Lets one administrator in, as long as they are one.
    BreakGlass,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::BreakGlass => "break_glass",
        }
    }

    fn read(text: String) -> Result<Self> {
        let found = [Self::Setup, Self::BreakGlass].into_iter().find(|kind| kind.as_str() == text);
        found.ok_or(StoreError::Corrupt("kind of an administrator's link", text))
    }
}

/// A link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminLink {
    /// What it is for.
    pub kind: Kind,
    /// Whom it lets in; nobody yet for [`Kind::Setup`].
    pub user_id: Option<String>,
    /// Who made it, in words.
    pub made_by: String,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds.
    pub expires_at: i64,
}

#[derive(sqlx::FromRow)]
struct Stored {
    kind: String,
    user_id: Option<String>,
    made_by: String,
    created_at: i64,
    expires_at: i64,
}

impl TryFrom<Stored> for AdminLink {
    type Error = StoreError;

    fn try_from(row: Stored) -> Result<Self> {
        let Stored { kind, user_id, made_by, created_at, expires_at } = row;
        Ok(Self { kind: Kind::read(kind)?, user_id, made_by, created_at, expires_at })
    }
}

/// Whom a new link is for, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct New<'a> {
    /// Whom it lets in; `None` makes a link to set a deployment up, which ends those made before.
    pub user: Option<&'a User>,
    /// Who makes it.
    pub actor: &'a Actor,
    /// Seconds that it is good for.
    pub lifetime: i64,
    /// Unix seconds.
    pub now: i64,
}

/// Makes a link; what stands at the end of its address, and nowhere else from now on.
///
/// # Errors
/// What the database says.
pub async fn make(tx: &mut Tx, sealer: &Sealer, new: &New<'_>) -> Result<String> {
    let New { user, actor, lifetime, now } = *new;
    let (kind, token, until) = (if user.is_some() { Kind::BreakGlass } else { Kind::Setup }, secret::random(), now + lifetime);
    if kind == Kind::Setup {
        tx.execute("DELETE FROM admin_links WHERE kind = 'setup' AND used_at IS NULL", &[]).await?;
    }
    let sql =
        "INSERT INTO admin_links (link_hash, kind, user_id, made_by, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)";
    let user_id = user.map(|user| user.id.as_str());
    tx.execute(sql, params![&secret::digest(&token), kind.as_str(), user_id, &actor.name, now, until]).await?;
    let action = match kind {
        Kind::Setup => Action::Issue,
        Kind::BreakGlass => Action::BreakGlass,
    };
    let event = event(tx, user, action).await?.with(Changes::default().is("expires_at", until));
    audit::append(tx, sealer, actor, event, now);
    Ok(token)
}

/// The link that a token stands for, if it would let somebody in at `now`. It is not used up by being looked at: whoever
/// previews links opens nothing.
///
/// # Errors
/// What the database says.
pub async fn look(on: impl Into<On<'_>>, token: &str, now: i64) -> Result<Option<AdminLink>> {
    let sql = "SELECT kind, user_id, made_by, created_at, expires_at FROM admin_links l WHERE link_hash = $1 \
               AND used_at IS NULL AND expires_at > $2 \
               AND ((kind = 'setup' AND NOT EXISTS \
                      (SELECT 1 FROM users u JOIN tenants t ON t.id = u.tenant_id \
                       WHERE (u.admin OR u.platform) AND u.active AND t.enabled)) \
                 OR (kind = 'break_glass' AND EXISTS \
                      (SELECT 1 FROM users u JOIN tenants t ON t.id = u.tenant_id \
                       WHERE u.id = l.user_id AND u.active AND (u.admin OR u.platform) AND t.enabled)))";
    let row = on.into().optional::<Stored>(sql, params![&secret::digest(token), now]).await?;
    row.map(AdminLink::try_from).transpose()
}

/// Uses a link up, and with it, for [`Kind::Setup`], all others of its kind; of several who try, one gets it. Belongs into
/// the transaction that makes the administrator, or signs them in. `address` is where they come from.
///
/// # Errors
/// What the database says.
pub async fn take(tx: &mut Tx, sealer: &Sealer, token: &str, address: &str, now: i64) -> Result<Option<AdminLink>> {
    let Some(link) = look(&mut *tx, token, now).await? else { return Ok(None) };
    if link.kind == Kind::Setup {
        // Two links that nodes have made at once make one first administrator: the second waits here, and then there is one.
        tenants::lock(tx).await?;
        if look(&mut *tx, token, now).await?.is_none() {
            return Ok(None);
        }
    }
    // Of two who look at once, one changes this row.
    let sql = "UPDATE admin_links SET used_at = $2 WHERE link_hash = $1 AND used_at IS NULL AND expires_at > $2";
    if tx.execute(sql, params![&secret::digest(token), now]).await? != 1 {
        return Ok(None);
    }
    let user = match &link.user_id {
        Some(id) => super::users::find(&mut *tx, id).await?,
        None => None,
    };
    let actor = match &user {
        Some(user) => Actor::person(user, address),
        None => Actor::newcomer(address),
    };
    let event = event(tx, user.as_ref(), Action::Enter).await?.with(Changes::default().is("link_made_by", link.made_by.as_str()));
    audit::append(tx, sealer, &actor, event, now);
    Ok(Some(link))
}

async fn event(tx: &mut Tx, user: Option<&User>, action: Action) -> Result<Event> {
    let Some(user) = user else { return Ok(Event::new(None, action, "set-up link")) };
    Ok(Event::new(user.tenant_id.as_str(), action, audit::subject_of(tx, user).await?))
}
