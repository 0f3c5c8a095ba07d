//! Test sign-ins: who has left for one, what came of the newest, and under which settings of a connection one has passed.

use serde_json::Value;

use super::{
    connections::Connection,
    db::{Db, Result, StoreError},
    on::On,
};
use crate::{params, policy::connection::ConnectionSettings, seal::Sealer};

/// Seconds that a result is kept.
pub const KEPT: i64 = 86_400;
/// Departures of one operator that may wait for their answers; older ones are forgotten.
pub const MOST: i64 = 8;

/// A departure as it is remembered.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Departure {
    /// The operator who left.
    pub user_id: String,
    /// The sign-in that they left in: the answer is for the same one.
    pub sid: String,
    /// The connection that is tested.
    pub connection_id: String,
    /// [`fingerprint`] of its settings when they left.
    pub fingerprint: String,
    /// The connector's memo, sealed under "trial/{state_hash}".
    pub memo_sealed: String,
}

/// Remembers a departure, and of its operator's no more than the newest [`MOST`].
///
/// # Errors
/// What the database says.
pub async fn depart(db: &Db, state_hash: &str, browser_hash: &str, d: &Departure, now: i64) -> Result<()> {
    let until = now + super::logins::LIFETIME;
    db.execute(
        "INSERT INTO trial_departures
           (state_hash, browser_hash, sid, user_id, connection_id, fingerprint, memo_sealed, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        params![state_hash, browser_hash, &d.sid, &d.user_id, &d.connection_id, &d.fingerprint, &d.memo_sealed, now, until],
    )
    .await?;
    db.execute(
        "DELETE FROM trial_departures WHERE user_id = $1 AND state_hash NOT IN
           (SELECT state_hash FROM trial_departures WHERE user_id = $1 ORDER BY created_at DESC, state_hash LIMIT $2)",
        params![&d.user_id, MOST],
    )
    .await
    .map(|_| ())
}

/// Takes the departure that this browser made: it is gone afterwards. Another browser's attempt leaves it untouched.
///
/// # Errors
/// What the database says.
pub async fn take(db: &Db, state_hash: &str, browser_hash: &str, now: i64) -> Result<Option<Departure>> {
    db.change(
        "DELETE FROM trial_departures WHERE state_hash = $1 AND browser_hash = $2 AND expires_at > $3
         RETURNING user_id, sid, connection_id, fingerprint, memo_sealed",
        params![state_hash, browser_hash, now],
    )
    .await
}

/// Whether anybody has left for a test under this name, operator or guest, whichever browser it was.
///
/// # Errors
/// What the database says.
pub async fn is_away(db: &Db, state_hash: &str, now: i64) -> Result<bool> {
    let sql = "SELECT state_hash FROM trial_departures WHERE state_hash = $1 AND expires_at > $2
               UNION ALL SELECT state_hash FROM guest_departures WHERE state_hash = $1 AND expires_at > $2";
    Ok(db.optional::<(String,)>(sql, params![state_hash, now]).await?.is_some())
}

/// What came of a test.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Trial {
    /// Who tested: the row of an operator, or of the set-up link by which a guest did.
    pub tester_id: String,
    /// Who it was, in words.
    pub tester: String,
    /// Whether whoever came would be let in.
    pub passed: bool,
    /// [`fingerprint`] of the settings that were tested.
    pub fingerprint: String,
    /// What is told of it, sealed under [`context`].
    pub report_sealed: String,
    /// Unix seconds.
    pub at: i64,
}

/// What a report is sealed for.
#[must_use]
pub fn context(connection_id: &str, user_id: &str) -> String {
    format!("trial/{connection_id}/{user_id}")
}

/// Keeps what came of an operator's test in place of what came of their last, and of one that passed that it did.
///
/// # Errors
/// What the database says.
pub async fn record(db: &Db, connection_id: &str, trial: &Trial) -> Result<()> {
    let mut tx = db.begin().await?;
    let t = trial;
    tx.execute(
        "INSERT INTO trials (connection_id, user_id, passed, fingerprint, report_sealed, at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (connection_id, user_id) DO UPDATE SET passed = excluded.passed, fingerprint = excluded.fingerprint,
           report_sealed = excluded.report_sealed, at = excluded.at, expires_at = excluded.expires_at",
        params![connection_id, &t.tester_id, t.passed, &t.fingerprint, &t.report_sealed, t.at, t.at + KEPT],
    )
    .await?;
    if t.passed {
        tx.execute(
            "INSERT INTO trial_proofs (connection_id, fingerprint, at) VALUES ($1, $2, $3)
             ON CONFLICT (connection_id) DO UPDATE SET fingerprint = excluded.fingerprint, at = excluded.at",
            params![connection_id, &t.fingerprint, t.at],
        )
        .await?;
    }
    tx.commit().await
}

/// What came of this operator's newest test of the connection, or else of anybody's.
///
/// # Errors
/// What the database says.
pub async fn newest(db: &Db, connection_id: &str, user_id: &str, now: i64) -> Result<Option<Trial>> {
    db.optional(
        "SELECT t.user_id AS tester_id, u.email AS tester, t.passed, t.fingerprint, t.report_sealed, t.at
         FROM trials t JOIN users u ON u.id = t.user_id
         WHERE t.connection_id = $1 AND t.expires_at > $3
         ORDER BY CASE WHEN t.user_id = $2 THEN 0 ELSE 1 END, t.at DESC, t.user_id LIMIT 1",
        params![connection_id, user_id, now],
    )
    .await
}

/// Whether a test of the connection has passed under its present settings.
///
/// # Errors
/// What the database says.
pub async fn is_proven(on: impl Into<On<'_>>, sealer: &Sealer, connection: &Connection) -> Result<bool> {
    Ok(proven_at(on, sealer, connection).await?.is_some())
}

/// When that was, if one has (unix seconds).
///
/// # Errors
/// What the database says.
pub async fn proven_at(on: impl Into<On<'_>>, sealer: &Sealer, connection: &Connection) -> Result<Option<i64>> {
    let sql = "SELECT fingerprint, at FROM trial_proofs WHERE connection_id = $1";
    let proof: Option<(String, i64)> = on.into().optional(sql, params![&connection.id]).await?;
    match proof {
        Some((proof, at)) if proof == fingerprint(sealer, connection)? => Ok(Some(at)),
        _ => Ok(None),
    }
}

/// A digest of everything in a connection's settings that a sign-in over it hangs on: all but how its button looks and
/// whether it is switched on. What means the same as leaving it out is left out, so that a setting which a newer version
/// adds changes nothing.
///
/// # Errors
/// [`StoreError::Sealed`] when its secret does not open.
pub fn fingerprint(sealer: &Sealer, connection: &Connection) -> Result<String> {
    let c = connection;
    let settings = ConnectionSettings { button_text: None, button_image_url: None, ..c.settings.clone() };
    let settings = serde_json::to_value(settings).map_err(|e| StoreError::Corrupt("connection settings", e.to_string()))?;
    let context = Connection::secret_context(&c.id);
    let secret = c.secret_sealed.as_deref().map(|sealed| sealer.open_text(&context, sealed)).transpose();
    let secret = secret.map_err(|e| StoreError::Sealed("connection secret", e))?;
    let all = serde_json::json!([c.name, c.protocol.as_str(), said(settings), secret]);
    Ok(sealer.fingerprint(&format!("trial/{}", c.id), &all.to_string()))
}

/// Without what says nothing.
fn said(value: Value) -> Value {
    let is_said = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => true,
    };
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| (name, said(value)));
            Value::Object(fields.filter(|(_, value)| is_said(value)).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::connection::{OidcSettings, Protocol};

    fn connection(sealer: &Sealer, secret: &str) -> Connection {
        let oidc = OidcSettings { issuer: "https://idp.example".into(), client_id: "app".into(), ..OidcSettings::default() };
        Connection {
            id: "c".into(),
            tenant_id: "t".into(),
            name: "okta".into(),
            protocol: Protocol::Oidc,
            enabled: false,
            login_enabled: true,
            settings: ConnectionSettings { oidc: Some(oidc), ..ConnectionSettings::default() },
            secret_sealed: Some(sealer.seal(&Connection::secret_context("c"), secret.as_bytes())),
            version: 1,
            created_at: 1,
        }
    }

    #[test]
    fn a_fingerprint_is_of_what_a_sign_in_hangs_on() {
        let sealer = Sealer::from_base64("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
        let of = |change: &dyn Fn(&mut Connection)| {
            let mut connection = connection(&sealer, "s");
            change(&mut connection);
            fingerprint(&sealer, &connection).unwrap()
        };
        let plain = of(&|_| {});
        assert_eq!(plain, fingerprint(&sealer, &connection(&sealer, "s")).unwrap(), "sealed anew it is the same secret");
        for same in [
            &(|c: &mut Connection| c.enabled = true) as &dyn Fn(&mut Connection),
            &|c| c.login_enabled = false,
            &|c| c.version = 9,
            &|c| c.settings.button_text = Some("Sign in".into()),
            &|c| c.settings.button_image_url = Some("https://a.example/b.png".into()),
        ] {
            assert_eq!(of(same), plain);
        }
        for other in [
            &(|c: &mut Connection| c.settings.unique_id_claims = vec!["oid".into()]) as &dyn Fn(&mut Connection),
            &|c| c.settings.email_trust = Some(crate::policy::identity::EmailTrust::Never),
            &|c| c.settings.oidc.as_mut().unwrap().issuer = "https://other.example".into(),
            &|c| c.settings.own_callback = true,
            &|c| c.protocol = Protocol::Saml,
            &|c| c.secret_sealed = None,
            &|c| c.name = "other".into(),
        ] {
            assert_ne!(of(other), plain);
        }
        assert_ne!(fingerprint(&sealer, &connection(&sealer, "t")).unwrap(), plain);
    }
}
