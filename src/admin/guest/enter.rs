//! The link's own address, and its end.

use axum::{
    extract::{FromRequestParts as _, Path, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use axum_extra::extract::cookie::CookieJar;

use super::caller::{COOKIE, Guest, Sent, gone, standing};
use crate::{
    app::App,
    error::PageError,
    router::Address,
    session::host_cookie,
    store::setup_links::{self, SetupLink},
};

/// `GET /setup/{token}`: nothing is used up by looking, so programs that look at links in mails do no harm. From here on the
/// link stands in no address any more.
pub async fn enter(State(app): State<App>, request: Request) -> Result<Response, PageError> {
    let (mut parts, _) = request.into_parts();
    let Ok(Address(address)) = Address::from_request_parts(&mut parts, &app).await;
    let Ok(Path(token)) = Path::<String>::from_request_parts(&mut parts, &app).await else { return Err(gone()) };
    if !app.limits.sign_ins.allows(&address) {
        let explanation = "Too many requests came from your address.";
        let status = StatusCode::TOO_MANY_REQUESTS;
        return Err(PageError::new(
            status,
            "too_many_links",
            "Please wait a moment",
            explanation,
            "too many set-up links followed",
        ));
    }
    let link = setup_links::by_token(&app.db, &token).await?.ok_or_else(gone)?;
    let tenant = standing(&app, &link).await?.ok_or_else(gone)?;
    // Who has been here comes back to the same place.
    if let Some(guest) = Guest::of(&app, &parts.headers, address.clone()).await?
        && guest.link.id == link.id
    {
        return Ok(onward(CookieJar::new()));
    }
    let mut tx = app.db.begin().await?;
    let cookie = setup_links::enter(&mut tx, &app.sealer, &tenant, &link, &address, app.clock.now()).await?;
    tx.commit().await?;
    Ok(onward(CookieJar::new().add(host_cookie(COOKIE, cookie))))
}

fn onward(jar: CookieJar) -> Response {
    let mut response = (jar, (StatusCode::SEE_OTHER, [(header::LOCATION, "/setup")])).into_response();
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// `POST /setup/finish`: who is done ends the link.
pub async fn finish(State(app): State<App>, sent: Sent) -> Result<Response, PageError> {
    let Guest { link, tenant, .. } = &sent.guest;
    let mut tx = app.db.begin().await?;
    setup_links::end(&mut tx, &app.sealer, &sent.guest.actor(), tenant, link, app.clock.now()).await?;
    tx.commit().await?;
    Ok(done(link))
}

fn done(link: &SetupLink) -> Response {
    super::page::finished(&link.connection)
}
