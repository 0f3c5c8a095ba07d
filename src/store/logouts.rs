//! Whom to tell that a sign-in has ended: the clients that were given something in it and have a back-channel logout
//! URI (OpenID Connect Back-Channel Logout 1.0 §2.3). Asked before what names them is ended, in the same transaction.

use serde::{Deserialize, Serialize};

use super::{
    db::{Result, Tx},
    deliveries::{self, Kind, New},
    read_json,
};
use crate::{oauth::client::ClientSettings, params, seal::Sealer};

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logout {
    /// Whom to tell.
    pub client_id: String,
    /// The user's id; they may be gone by then.
    pub sub: String,
    /// The sign-in's name in tokens.
    pub sid: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: String,
    client_id: String,
    user_id: String,
    sid: Option<String>,
    settings: String,
}

/// Queues what the clients of all of a user's sign-ins are told; how many.
///
/// # Errors
/// What the database says.
pub async fn queue_of_user(tx: &mut Tx, sealer: &Sealer, user_id: &str, now: i64) -> Result<i64> {
    // What was revoked before counts as long as its browser is signed in: the client may have a session of its own.
    let sql = "SELECT DISTINCT f.tenant_id, f.client_id, f.user_id, f.sid, c.settings \
               FROM families f JOIN clients c ON c.id = f.client_id \
               WHERE f.user_id = $1 AND c.enabled \
                 AND (f.revoked_at IS NULL AND f.expires_at > $2 \
                      OR f.sid IN (SELECT s.sid FROM sessions s WHERE s.user_id = $1))";
    let rows = tx.all(sql, params![user_id, now]).await?;
    queue(tx, sealer, rows, now).await
}

/// Queues what the clients of one sign-in are told; how many.
///
/// # Errors
/// What the database says.
pub async fn queue_of_sid(tx: &mut Tx, sealer: &Sealer, sid: &str, now: i64) -> Result<i64> {
    let sql = "SELECT DISTINCT f.tenant_id, f.client_id, f.user_id, f.sid, c.settings \
               FROM families f JOIN clients c ON c.id = f.client_id \
               WHERE f.sid = $1 AND c.enabled \
                 AND (f.revoked_at IS NULL AND f.expires_at > $2 \
                      OR EXISTS (SELECT 1 FROM sessions s WHERE s.sid = $1))";
    let rows = tx.all(sql, params![sid, now]).await?;
    queue(tx, sealer, rows, now).await
}

async fn queue(tx: &mut Tx, sealer: &Sealer, rows: Vec<Row>, now: i64) -> Result<i64> {
    let mut queued = 0;
    for row in rows {
        let settings: ClientSettings = read_json("client", &row.settings)?;
        let wants = settings.backchannel_logout_uri.is_some();
        if !wants || settings.backchannel_logout_session_required && row.sid.is_none() {
            continue;
        }
        let receiver = format!("client/{}", row.client_id);
        let new = New { tenant_id: &row.tenant_id, kind: Kind::BackchannelLogout, receiver: &receiver };
        let logout = Logout { client_id: row.client_id, sub: row.user_id, sid: row.sid };
        deliveries::push(&mut *tx, sealer, &new, &logout, now).await?;
        queued += 1;
    }
    Ok(queued)
}
