//! Links that let a customer's own administrator fill in one connection, and the browsers in which they were followed. Only
//! digests are here. A link may be followed again, by the same people on another day, until it ends.

use super::{
    audit::{self, Action, Actor, Changes, Event},
    db::{Result, Tx},
    domain_proofs,
    lineage::{self, With},
    on::On,
    statement::Statement,
    tenants::Tenant,
    window::{Phase, Window},
};
use crate::{params, policy::api_scope::ApiScopes, seal::Sealer, secret};

/// Seconds that a link is kept after its end, for those who look back.
pub const AFTERLIFE: i64 = 30 * 86_400;
/// Browsers of one link that are remembered; of more, those that came first must follow it again.
const GUESTS: i64 = 50;
/// Most links of a tenant that are open at a time.
pub const MOST_OPEN: i64 = 50;

/// A link.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct SetupLink {
    /// Row id.
    pub id: String,
    /// Whose.
    pub tenant_id: String,
    /// The name of the connection that it is for.
    pub connection: String,
    /// Its row, once it is there.
    pub connection_id: Option<String>,
    /// Whether a directory may be made too.
    pub with_directory: bool,
    /// Whether a domain may be proven too.
    pub with_domain: bool,
    /// Which domain was asked for.
    pub wanted_domain: Option<String>,
    /// The token of the directory that was last made by it.
    pub token_id: Option<String>,
    /// Who made it, in words.
    pub made_by: String,
    /// The row of the user or service token who made it.
    pub maker_id: String,
    /// What they made it with, where that was a token: the row of a personal one, the fingerprint of a service's.
    pub made_with: Option<String>,
    /// When ends what is made by it, if whoever made it had something that ends (unix seconds).
    pub ends_at: Option<i64>,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds.
    pub expires_at: i64,
    /// When it was first followed.
    pub opened_at: Option<i64>,
    /// When the settings were last seen to lead somewhere.
    pub usable_at: Option<i64>,
    /// The fingerprint of the settings under which a guest's test sign-in has passed last.
    pub tested: Option<String>,
    /// When that was.
    pub tested_at: Option<i64>,
    /// When somebody ended it.
    pub ended_at: Option<i64>,
    /// Who, in words.
    pub ended_by: Option<String>,
}

impl SetupLink {
    /// Whether it still opens anything at `now` (unix seconds).
    #[must_use]
    pub fn is_open(&self, now: i64) -> bool {
        self.ended_at.is_none() && now < self.expires_at
    }

    /// In a word: `open`, `ended` or `expired`.
    #[must_use]
    pub fn state(&self, now: i64) -> &'static str {
        match self.ended_at {
            Some(_) => "ended",
            None if now >= self.expires_at => "expired",
            None => "open",
        }
    }

    /// What a token must be allowed that lets somebody else do this.
    #[must_use]
    pub fn scopes(&self) -> ApiScopes {
        scopes(self.with_directory, self.with_domain)
    }

    /// How receipts and the audit log name whoever follows it.
    #[must_use]
    pub fn actor(&self, address: &str) -> Actor {
        Actor::guest(&self.connection, &self.made_by, address).with(self.made_with.as_deref())
    }

    fn event(&self, tenant: &Tenant, action: Action) -> Event {
        Event::new(tenant.id.as_str(), action, format!("set-up link {}/{}", tenant.name, self.connection))
    }
}

/// What a token must be allowed, to make a link that covers so much.
#[must_use]
pub fn scopes(with_directory: bool, with_domain: bool) -> ApiScopes {
    let words = [(true, "connections:write"), (with_directory, "directories:write"), (with_domain, "domains:write")];
    ApiScopes::parse(words.into_iter().filter(|(covered, _)| *covered).map(|(_, word)| word)).unwrap_or_default()
}

/// What a new link covers.
#[derive(Clone, Copy, Debug)]
pub struct New<'a> {
    /// Whose.
    pub tenant: &'a Tenant,
    /// The name of the connection.
    pub connection: &'a str,
    /// Its row, if it is there.
    pub connection_id: Option<&'a str>,
    /// Whether a directory may be made too.
    pub with_directory: bool,
    /// Whether a domain may be proven too.
    pub with_domain: bool,
    /// The row of the user or service token who makes it.
    pub maker_id: &'a str,
    /// What they make it with, where that is a token: the row of a personal one, the fingerprint of a service's.
    pub made_with: Option<&'a str>,
    /// When ends what is made by it, if it does (unix seconds).
    pub ends_at: Option<i64>,
    /// Until when it is good (unix seconds).
    pub expires_at: i64,
}

/// Makes a link: its row, and what stands at the end of its address and nowhere else from now on.
///
/// # Errors
/// What the database says.
pub async fn make(tx: &mut Tx, sealer: &Sealer, actor: &Actor, new: &New<'_>, now: i64) -> Result<(SetupLink, String)> {
    let token = secret::random();
    let hash = secret::digest(&token);
    let link = SetupLink {
        id: secret::row_id(now),
        tenant_id: new.tenant.id.clone(),
        connection: new.connection.to_owned(),
        connection_id: new.connection_id.map(str::to_owned),
        with_directory: new.with_directory,
        with_domain: new.with_domain,
        wanted_domain: None,
        token_id: None,
        made_by: actor.name.clone(),
        maker_id: new.maker_id.to_owned(),
        made_with: new.made_with.map(str::to_owned),
        ends_at: new.ends_at,
        created_at: now,
        expires_at: new.expires_at,
        opened_at: None,
        usable_at: None,
        tested: None,
        tested_at: None,
        ended_at: None,
        ended_by: None,
    };
    let sql = "INSERT INTO setup_links (id, link_hash, tenant_id, connection, connection_id, with_directory, with_domain, \
                 made_by, maker_id, made_with, ends_at, created_at, expires_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    let l = &link;
    let params = params![
        &l.id,
        &hash,
        &l.tenant_id,
        &l.connection,
        l.connection_id.as_deref(),
        l.with_directory,
        l.with_domain,
        &l.made_by,
        &l.maker_id,
        l.made_with.as_deref(),
        l.ends_at,
        now,
        l.expires_at,
    ];
    tx.execute(sql, params).await?;
    let changes =
        Changes::default().is("expires_at", l.expires_at).is("with_directory", l.with_directory).is("with_domain", l.with_domain);
    audit::append(tx, sealer, actor, l.event(new.tenant, Action::Issue).with(changes), now);
    Ok((link, token))
}

/// The link that a token stands for, whatever its state.
///
/// # Errors
/// What the database says.
pub async fn by_token(on: impl Into<On<'_>>, token: &str) -> Result<Option<SetupLink>> {
    let sql = "SELECT * FROM setup_links WHERE link_hash = $1";
    on.into().optional::<SetupLink>(sql, params![&secret::digest(token)]).await
}

/// The link that a browser has followed, by the value of its cookie.
///
/// # Errors
/// What the database says.
pub async fn of_guest(on: impl Into<On<'_>>, guest: &str) -> Result<Option<SetupLink>> {
    let sql = "SELECT l.* FROM setup_guests g JOIN setup_links l ON l.id = g.link_id WHERE g.guest_hash = $1";
    on.into().optional::<SetupLink>(sql, params![&secret::digest(guest)]).await
}

/// One of a tenant.
///
/// # Errors
/// What the database says.
pub async fn find(on: impl Into<On<'_>>, tenant_id: &str, id: &str) -> Result<Option<SetupLink>> {
    let sql = "SELECT * FROM setup_links WHERE tenant_id = $1 AND id = $2";
    on.into().optional::<SetupLink>(sql, params![tenant_id, id]).await
}

/// What [`window`] asks.
#[must_use]
pub fn narrowed<'a>(window: &'a Window<'a>) -> Statement<'a> {
    let w = window;
    let mut s = Statement::new("SELECT * FROM setup_links WHERE tenant_id = ");
    // Ids are of hexadecimal digits: nothing sorts behind this.
    s.bind(w.tenant_id).push(" AND id < ").bind(if w.after.is_empty() { "g" } else { w.after });
    match w.narrow.state {
        Some(Phase::Open) => {
            s.push(" AND ended_at IS NULL AND expires_at > ").bind(w.narrow.now);
        }
        Some(Phase::Ended) => {
            s.push(" AND (ended_at IS NOT NULL OR expires_at <= ").bind(w.narrow.now).push(")");
        }
        _ => {}
    }
    if w.is_searched() {
        s.push(" AND ");
        w.holds(&mut s, "connection");
    }
    s.push(" ORDER BY id DESC LIMIT ").bind(w.limit);
    s
}

/// A part of a tenant's, the newest first, after the one with the id that the window names; the search looks at the names of
/// connections.
///
/// # Errors
/// What the database says.
pub async fn window(on: impl Into<On<'_>>, window: &Window<'_>) -> Result<Vec<SetupLink>> {
    on.into().search::<SetupLink>(&narrowed(window), window.time()).await
}

/// How many of a tenant's are open at `now` (unix seconds).
///
/// # Errors
/// What the database says.
pub async fn count_open(on: impl Into<On<'_>>, tenant_id: &str, now: i64) -> Result<i64> {
    let sql = "SELECT COUNT(*) FROM setup_links WHERE tenant_id = $1 AND ended_at IS NULL AND expires_at > $2";
    let count: Option<(i64,)> = on.into().optional(sql, params![tenant_id, now]).await?;
    Ok(count.map_or(0, |(count,)| count))
}

/// Lets a browser in that has followed the link; what its cookie holds.
///
/// # Errors
/// What the database says.
pub async fn enter(tx: &mut Tx, sealer: &Sealer, tenant: &Tenant, link: &SetupLink, address: &str, now: i64) -> Result<String> {
    let guest = secret::random();
    let sql = "INSERT INTO setup_guests (guest_hash, link_id, created_at) VALUES ($1, $2, $3)";
    tx.execute(sql, params![&secret::digest(&guest), &link.id, now]).await?;
    let sql = "DELETE FROM setup_guests WHERE link_id = $1 AND guest_hash NOT IN \
               (SELECT guest_hash FROM setup_guests WHERE link_id = $1 ORDER BY created_at DESC, guest_hash LIMIT $2)";
    tx.execute(sql, params![&link.id, GUESTS]).await?;
    let sql = "UPDATE setup_links SET opened_at = $2 WHERE id = $1 AND opened_at IS NULL";
    if tx.execute(sql, params![&link.id, now]).await? == 1 {
        audit::append(tx, sealer, &link.actor(address), link.event(tenant, Action::Enter), now);
    }
    Ok(guest)
}

/// Ends a link, and with it all that was opened by it; whether it was open.
///
/// # Errors
/// What the database says.
pub async fn end(tx: &mut Tx, sealer: &Sealer, actor: &Actor, tenant: &Tenant, link: &SetupLink, now: i64) -> Result<bool> {
    let sql = "UPDATE setup_links SET ended_at = $2, ended_by = $3 WHERE id = $1 AND ended_at IS NULL";
    if tx.execute(sql, params![&link.id, now, &actor.name]).await? != 1 {
        return Ok(false);
    }
    tx.execute("DELETE FROM setup_guests WHERE link_id = $1", params![&link.id]).await?;
    let forgotten = domain_proofs::forget_of_link(&mut *tx, &link.id, None).await?;
    let changes = if forgotten.is_empty() { Changes::default() } else { Changes::default().was("domains_to_prove", forgotten) };
    audit::append(tx, sealer, actor, link.event(tenant, Action::Revoke).with(changes), now);
    Ok(true)
}

/// Ends the open links of a connection, which people come in over from now on.
///
/// # Errors
/// What the database says.
pub async fn end_of_connection(
    tx: &mut Tx,
    sealer: &Sealer,
    actor: &Actor,
    (tenant, connection): (&Tenant, &str),
    now: i64,
) -> Result<()> {
    let sql = "SELECT * FROM setup_links WHERE tenant_id = $1 AND connection = $2 AND ended_at IS NULL AND expires_at > $3";
    for link in tx.all::<SetupLink>(sql, params![&tenant.id, connection, now]).await? {
        end(tx, sealer, actor, tenant, &link, now).await?;
    }
    Ok(())
}

/// Ends all links that somebody has made, who has lost their access.
///
/// # Errors
/// What the database says.
pub async fn end_all(tx: &mut Tx, maker_id: &str, now: i64) -> Result<()> {
    let sql = "UPDATE setup_links SET ended_at = $2, ended_by = 'the end of its maker''s access' \
               WHERE maker_id = $1 AND ended_at IS NULL AND expires_at > $2";
    tx.execute(sql, params![maker_id, now]).await?;
    let sql = "DELETE FROM domain_proofs WHERE proven_at IS NULL AND link_id IN (SELECT id FROM setup_links WHERE maker_id = $1)";
    tx.execute(sql, params![maker_id]).await?;
    let sql = "DELETE FROM setup_guests WHERE link_id IN (SELECT id FROM setup_links WHERE maker_id = $1)";
    tx.execute(sql, params![maker_id]).await.map(|_| ())
}

/// Ends those that somebody has made who administers their organisation no more: being made an administrator again brings none of
/// them back.
///
/// # Errors
/// What the database says.
pub async fn end_of_demoted(on: impl Into<On<'_>>, maker_id: &str, now: i64) -> Result<()> {
    let mut on = on.into();
    let sql = "UPDATE setup_links SET ended_at = $2, ended_by = 'the end of its maker''s access' \
               WHERE maker_id = $1 AND ended_at IS NULL AND expires_at > $2 AND NOT EXISTS \
                 (SELECT 1 FROM users u WHERE u.id = $1 AND (u.platform OR u.admin AND u.tenant_id = setup_links.tenant_id))";
    if on.execute(sql, params![maker_id, now]).await? == 0 {
        return Ok(());
    }
    let ended = "DELETE FROM domain_proofs WHERE proven_at IS NULL AND link_id IN \
                   (SELECT id FROM setup_links WHERE maker_id = $1 AND ended_at IS NOT NULL)";
    on.execute(ended, params![maker_id]).await?;
    let guests = "DELETE FROM setup_guests WHERE link_id IN \
                    (SELECT id FROM setup_links WHERE maker_id = $1 AND ended_at IS NOT NULL)";
    on.execute(guests, params![maker_id]).await.map(|_| ())
}

/// Binds a link to the connection that it is for, once that is there.
///
/// # Errors
/// What the database says.
pub async fn bind(on: impl Into<On<'_>>, id: &str, connection_id: &str) -> Result<()> {
    let sql = "UPDATE setup_links SET connection_id = $2 WHERE id = $1 AND connection_id IS NULL";
    on.into().execute(sql, params![id, connection_id]).await.map(|_| ())
}

/// Notes whether the settings lead somewhere.
///
/// # Errors
/// What the database says.
pub async fn note_usable(on: impl Into<On<'_>>, id: &str, at: Option<i64>) -> Result<()> {
    on.into().execute("UPDATE setup_links SET usable_at = $2 WHERE id = $1", params![id, at]).await.map(|_| ())
}

/// Notes under which settings a guest's test sign-in has passed.
///
/// # Errors
/// What the database says.
pub async fn note_tested(on: impl Into<On<'_>>, id: &str, fingerprint: &str, at: i64) -> Result<()> {
    let sql = "UPDATE setup_links SET tested = $2, tested_at = $3 WHERE id = $1";
    on.into().execute(sql, params![id, fingerprint, at]).await.map(|_| ())
}

/// Notes which domain was asked for.
///
/// # Errors
/// What the database says.
pub async fn note_domain(on: impl Into<On<'_>>, id: &str, domain: &str) -> Result<()> {
    on.into().execute("UPDATE setup_links SET wanted_domain = $2 WHERE id = $1", params![id, domain]).await.map(|_| ())
}

/// Open links of a tenant, or of all, the first to end first: the tenant, the connection and the end (unix seconds).
///
/// # Errors
/// What the database says.
pub async fn ending(on: impl Into<On<'_>>, tenant_id: Option<&str>, now: i64, limit: i64) -> Result<Vec<(String, String, i64)>> {
    let mut s =
        Statement::new("SELECT tenant_id, connection, expires_at FROM setup_links WHERE ended_at IS NULL AND expires_at > ");
    s.bind(now).push(" AND ");
    lineage::living(&mut s, With::Column("setup_links.made_with"), now);
    if let Some(id) = tenant_id {
        s.push(" AND tenant_id = ").bind(id);
    }
    s.push(" ORDER BY expires_at LIMIT ").bind(limit);
    on.into().select(&s).await
}

/// Notes which token of the directory was made.
///
/// # Errors
/// What the database says.
pub async fn note_token(on: impl Into<On<'_>>, id: &str, token_id: &str) -> Result<()> {
    on.into().execute("UPDATE setup_links SET token_id = $2 WHERE id = $1", params![id, token_id]).await.map(|_| ())
}
