//! What was made with what: a token with which another token, or a set-up link, was made. The one address of the rule that
//! nothing opens anything whose maker does not: each is asked for when what it made is used.

use super::{db::Result, on::On};
use crate::params;

/// Longest line of tokens that were each made with the one before: whatever stands further away opens nothing.
const LONGEST: usize = 8;
/// Most that are told of what ends with a token.
pub const MOST: usize = 100;

/// Whether what something was made with still opens something at `now` (unix seconds), and what that was made with, and so on.
/// What was made with nothing (`None`) stands by itself.
///
/// # Errors
/// What the database says.
pub async fn lives(on: impl Into<On<'_>>, with: Option<&str>, now: i64) -> Result<bool> {
    let sql = "SELECT k.made_with FROM personal_tokens k JOIN users u ON u.id = k.user_id JOIN tenants t ON t.id = u.tenant_id \
                 WHERE k.id = $1 AND k.expires_at > $2 AND u.active AND (u.admin OR u.platform) AND t.enabled \
               UNION ALL SELECT s.made_with FROM service_tokens s JOIN tenants t ON t.id = s.tenant_id \
                 WHERE s.fingerprint = $1 AND s.enabled AND (s.expires_at IS NULL OR s.expires_at > $2) AND t.enabled \
               UNION ALL SELECT NULL FROM families f JOIN users u ON u.id = f.user_id JOIN tenants t ON t.id = f.tenant_id \
                   JOIN clients c ON c.id = f.client_id \
                 WHERE f.id = $1 AND f.revoked_at IS NULL AND f.expires_at > $2 AND u.active AND (u.admin OR u.platform) \
                   AND t.enabled AND c.enabled AND (f.connection_id IS NULL OR EXISTS \
                     (SELECT 1 FROM connections n WHERE n.id = f.connection_id AND n.enabled AND n.login_enabled))";
    let mut on = on.into();
    let mut with = with.map(str::to_owned);
    for _ in 0..LONGEST {
        let Some(id) = &with else { return Ok(true) };
        match on.optional::<(Option<String>,)>(sql, params![id, now]).await? {
            Some((before,)) => with = before,
            None => return Ok(false),
        }
    }
    Ok(with.is_none())
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
