//! What was made with what: a token with which another token, or a set-up link, was made. The one address of the rule that
//! nothing opens anything whose maker does not: each is asked for when what it made is used.

use super::{db::Result, on::On, statement::Statement};
use crate::params;

/// Most that are told of what ends with a token.
pub const MOST: usize = 100;

/// What something was made with: where a statement finds it.
#[derive(Clone, Copy, Debug)]
pub(super) enum With<'a> {
    /// In this column.
    Column(&'static str),
    /// It is this.
    Value(Option<&'a str>),
}

#[derive(sqlx::FromRow)]
struct Alive {
    lives: bool,
}

/// Whether what something was made with still opens something at `now` (unix seconds), and what that was made with, and so on.
/// What was made with nothing (`None`) stands by itself.
///
/// # Errors
/// What the database says.
pub async fn lives(on: impl Into<On<'_>>, with: Option<&str>, now: i64) -> Result<bool> {
    if with.is_none() {
        return Ok(true);
    }
    let mut s = Statement::new("SELECT ");
    living(&mut s, With::Value(with), now);
    s.push(" AS lives");
    Ok(on.into().select::<Alive>(&s).await?.first().is_some_and(|row| row.lives))
}

/// Goes on with the condition that what something was made with still opens something at `now`, as [`lives`] asks it. Of the
/// line of tokens that were each made with the one before, whatever stands further away than eight opens nothing.
pub(super) fn living<'a>(s: &mut Statement<'a>, with: With<'a>, now: i64) {
    s.push("EXISTS (WITH RECURSIVE line (id, steps) AS (SELECT COALESCE(");
    match with {
        With::Column(column) => s.push(column),
        With::Value(value) => s.bind(value),
    };
    s.push(
        ", ''), 0 UNION ALL SELECT COALESCE(\
           (SELECT COALESCE(lk.made_with, '') FROM personal_tokens lk JOIN users lu ON lu.id = lk.user_id \
              JOIN tenants lt ON lt.id = lu.tenant_id \
            WHERE lk.id = line.id AND lu.active AND (lu.admin OR lu.platform) AND lt.enabled AND lk.expires_at > ",
    );
    s.bind(now).push(
        "), (SELECT COALESCE(ls.made_with, '') FROM service_tokens ls JOIN tenants lt ON lt.id = ls.tenant_id \
            WHERE ls.fingerprint = line.id AND ls.enabled AND lt.enabled AND (ls.expires_at IS NULL OR ls.expires_at > ",
    );
    s.bind(now).push(
        ")), (SELECT '' FROM families lf JOIN users lu ON lu.id = lf.user_id JOIN tenants lt ON lt.id = lf.tenant_id \
              JOIN clients lc ON lc.id = lf.client_id \
            WHERE lf.id = line.id AND lf.revoked_at IS NULL AND lu.active AND (lu.admin OR lu.platform) \
              AND lt.enabled AND lc.enabled AND (lf.connection_id IS NULL OR EXISTS \
                (SELECT 1 FROM connections ln WHERE ln.id = lf.connection_id AND ln.enabled AND ln.login_enabled)) \
              AND lf.expires_at > ",
    );
    s.bind(now)
        .push(")), line.steps + 1 FROM line WHERE line.id <> '' AND line.steps < 8) SELECT 1 FROM line WHERE line.id = '')");
}

/// What was made with a token and ends with it, and what was made with that, in words: `service token ci`. At most [`MOST`].
///
/// # Errors
/// What the database says.
pub async fn descent(on: impl Into<On<'_>>, with: &str, now: i64) -> Result<Vec<String>> {
    let sql = "SELECT 'personal token' AS kind, k.name AS name, k.id AS next FROM personal_tokens k \
                 WHERE k.made_with = $1 AND k.expires_at > $2 \
               UNION ALL SELECT 'service token', s.name, s.fingerprint FROM service_tokens s \
                 WHERE s.made_with = $1 AND (s.expires_at IS NULL OR s.expires_at > $2) \
               UNION ALL SELECT 'the token of directory', d.name, NULL FROM directory_tokens k \
                   JOIN directories d ON d.id = k.directory_id \
                 WHERE k.made_with = $1 AND (k.expires_at IS NULL OR k.expires_at > $2) \
               UNION ALL SELECT 'the set-up link of connection', l.connection, NULL FROM setup_links l \
                 WHERE l.made_with = $1 AND l.ended_at IS NULL AND l.expires_at > $2";
    let mut on = on.into();
    let (mut found, mut asked, mut left) = (Vec::new(), vec![with.to_owned()], vec![with.to_owned()]);
    while let Some(id) = left.pop() {
        let made: Vec<(String, String, Option<String>)> = on.all(sql, params![&id, now]).await?;
        for (kind, name, next) in made {
            if found.len() >= MOST {
                return Ok(found);
            }
            found.push(format!("{kind} {name}"));
            if let Some(next) = next.filter(|next| !asked.contains(next)) {
                asked.push(next.clone());
                left.push(next);
            }
        }
    }
    Ok(found)
}
