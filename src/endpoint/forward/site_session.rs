//! Whose a browser's session with a site is, by its cookie. What is none of ours by its looks, and what is known to have ended,
//! asks no database.

use aws_lc_rs::digest::{Context, SHA256};

use super::{decide::Refusal, ended::By, remembered::Key};
use crate::{
    app::App,
    secret,
    store::site_sessions::{self, SiteSession},
    trust::{self, Bearer, Denied, sites::Site},
};

/// The bearer behind a cookie, and when the session ends; `by` is what this node has changed by now, and by which catalogue it
/// decides.
///
/// # Errors
/// [`Refusal::Gone`] for no session; else why nobody is let in with it.
pub async fn holder(app: &App, site: &Site, cookie: &str, by: By) -> Result<(Bearer, i64), Refusal> {
    if !secret::is_random(cookie) {
        return Err(Refusal::Gone);
    }
    let (key, now) = (key(site, cookie), app.clock.now());
    if app.ended.knows(&key, by, now) {
        return Err(Refusal::Gone);
    }
    let reading = Box::pin(read(app, site, cookie));
    let found = reading.await;
    match &found {
        Err(Refusal::Gone) => app.ended.note_gone(key, now),
        Err(Refusal::Denied(Denied::NotActive(_))) => app.ended.note_off(key, by, now),
        _ => {}
    }
    found
}

/// Names a session with a site.
fn key(site: &Site, cookie: &str) -> Key {
    let mut context = Context::new(&SHA256);
    context.update(site.id.as_bytes());
    context.update(&[0]);
    context.update(cookie.as_bytes());
    let mut key = Key::default();
    key.copy_from_slice(context.finish().as_ref());
    key
}

async fn read(app: &App, site: &Site, cookie: &str) -> Result<(Bearer, i64), Refusal> {
    let id_hash = secret::digest(cookie);
    let found = site_sessions::find(&app.db, &id_hash, &site.id, app.clock.now()).await;
    let session = found.map_err(Denied::from)?.ok_or(Refusal::Gone)?;
    let bearer = match (&session.family_id, &session.issuer_id, &session.claims_sealed) {
        (Some(family), ..) => trust::of_family(app, family, &site.tenant_id).await?,
        (None, Some(issuer), Some(sealed)) => {
            let claims = app.sealer.open(&SiteSession::context(&id_hash), sealed).map_err(|_| Refusal::Gone)?;
            let claims = serde_json::from_slice(&claims).map_err(|_| Refusal::Gone)?;
            trust::of_claims(app, issuer, claims, Some(session.expires_at)).await?
        }
        _ => return Err(Refusal::Gone),
    };
    Ok((bearer, session.expires_at))
}
