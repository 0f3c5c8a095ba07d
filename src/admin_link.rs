//! Links that let an administrator in without a sign-in (`store::admin_links`): where they lead, and who gets one.
//!
//! The set-up link is printed where whoever started the process reads it, and nowhere else. It makes the first administrator,
//! so there is none once anybody administers anything.

use crate::{
    app::App,
    config::Mode,
    seal::Sealer,
    store::{
        Db, StoreError,
        admin_links::{self, Kind, New},
        audit::Actor,
        users::{self, User},
    },
};

/// Seconds that a set-up link is good for; the next start prints another.
pub const SETUP_LIFETIME: i64 = 86_400;
/// What the path of a set-up link begins with; what follows is a secret.
pub const SETUP: &str = "/admin/_/setup/";
/// The same of a link for an administrator whose provider is down.
pub const BREAK_GLASS: &str = "/admin/_/break-glass/";

/// Where a link leads.
#[must_use]
pub fn below(kind: Kind) -> &'static str {
    match kind {
        Kind::Setup => SETUP,
        Kind::BreakGlass => BREAK_GLASS,
    }
}

/// A set-up link, when nobody administers anything yet; those made before are dead. In direct mode the settings are the
/// administrator.
///
/// # Errors
/// What the database says.
pub async fn setup(app: &App) -> Result<Option<String>, StoreError> {
    if matches!(app.settings.mode, Mode::Direct(_)) || users::is_deployment_administered(&app.db).await? {
        return Ok(None);
    }
    let new = New { user: None, actor: &Actor::itself(), lifetime: SETUP_LIFETIME, now: app.clock.now() };
    make(&app.db, &app.sealer, app.issuer(), &new).await.map(Some)
}

/// A link that lets an administrator in, once.
///
/// # Errors
/// What the database says.
pub async fn break_glass(
    db: &Db,
    sealer: &Sealer,
    issuer: &str,
    (actor, user): (&Actor, &User),
    lifetime: i64,
    now: i64,
) -> Result<String, StoreError> {
    make(db, sealer, issuer, &New { user: Some(user), actor, lifetime, now }).await
}

async fn make(db: &Db, sealer: &Sealer, issuer: &str, new: &New<'_>) -> Result<String, StoreError> {
    let mut tx = db.begin().await?;
    let token = admin_links::make(&mut tx, sealer, new).await?;
    tx.commit().await?;
    let kind = if new.user.is_some() { Kind::BreakGlass } else { Kind::Setup };
    Ok(format!("{issuer}{}{token}", below(kind)))
}
