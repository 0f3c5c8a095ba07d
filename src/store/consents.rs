//! What people have allowed clients that are not the platform's own.

use super::db::{Db, Result};
use crate::{oauth::scope::Scopes, params};

#[derive(sqlx::FromRow)]
struct Row {
    scope: String,
}

/// The scopes a user has allowed a client.
///
/// # Errors
/// What the database says.
pub async fn find(db: &Db, user_id: &str, client_id: &str) -> Result<Scopes> {
    let row: Option<Row> =
        db.optional("SELECT scope FROM consents WHERE user_id = $1 AND client_id = $2", params![user_id, client_id]).await?;
    Ok(row.and_then(|r| Scopes::parse(&r.scope)).unwrap_or_default())
}

/// Adds `scope` to what the user has allowed the client.
///
/// # Errors
/// What the database says.
pub async fn save(db: &Db, user_id: &str, client_id: &str, scope: &Scopes, now: i64) -> Result<()> {
    let scope = find(db, user_id, client_id).await?.union(scope).to_string();
    db.execute(
        "INSERT INTO consents (user_id, client_id, scope, granted_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (user_id, client_id) DO UPDATE SET scope = $3, granted_at = $4",
        params![user_id, client_id, &scope, now],
    )
    .await
    .map(|_| ())
}
