//! The link's own address, and its end.

use askama::Template;
use askama_web::WebTemplate;
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
    store::{
        setup_links::{self, SetupLink},
        tenants::Tenant,
    },
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
    let there = Guest::of(&app, &parts.headers, address.clone()).await?;
    match there {
        // Who has been here comes back to the same place.
        Some(guest) if guest.link.id == link.id => return Ok(onward(CookieJar::new())),
        // Whoever has this browser follow another link does not have them type into it unasked.
        Some(guest) => return Ok(ask(&app, &guest, &tenant, &link, &token)),
        None => {}
    }
    come_in(&app, &tenant, &link, &address).await
}

/// What asks whether the browser is to be let in by another link.
#[derive(Debug, Template, WebTemplate)]
#[template(path = "admin/guest_switch.html")]
struct Switch<'a> {
    csrf: &'a str,
    action: &'a str,
    was: (&'a str, &'a str),
    is: (&'a str, &'a str),
}

fn ask(app: &App, guest: &Guest, tenant: &Tenant, link: &SetupLink, token: &str) -> Response {
    let page = Switch {
        csrf: &guest.csrf(app),
        action: &format!("{}{token}", super::BELOW),
        was: (&guest.tenant.display_name, &guest.link.connection),
        is: (&tenant.display_name, &link.connection),
    };
    unnamed(page.into_response())
}

/// `POST /setup/{token}`: whoever has another link open has agreed to leave it.
pub async fn switch(State(app): State<App>, Path(token): Path<String>, sent: Sent) -> Result<Response, PageError> {
    let link = setup_links::by_token(&app.db, &token).await?.ok_or_else(gone)?;
    let tenant = standing(&app, &link).await?.ok_or_else(gone)?;
    come_in(&app, &tenant, &link, &sent.guest.address).await
}

async fn come_in(app: &App, tenant: &Tenant, link: &SetupLink, address: &str) -> Result<Response, PageError> {
    let mut tx = app.db.begin().await?;
    let cookie = setup_links::enter(&mut tx, &app.sealer, tenant, link, address, app.clock.now()).await?;
    tx.commit().await?;
    Ok(onward(CookieJar::new().add(host_cookie(COOKIE, cookie))))
}

fn onward(jar: CookieJar) -> Response {
    unnamed((jar, (StatusCode::SEE_OTHER, [(header::LOCATION, "/setup")])).into_response())
}

/// An answer at an address that is a secret.
fn unnamed(mut response: Response) -> Response {
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
