//! The development mailbox: mails that the demo's gatehouse sends end here, and a form invites somebody, so that there is
//! one.

use std::time::Duration;

use askama::Template;
use askama_web::WebTemplate;
use axum::{
    Form, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;

use super::{
    control_plane::{Browser, Plane},
    state,
};
use crate::{
    app::App,
    delivery::{letter::Letter, mail::Kept},
    invitation::{self, Desk, Wanted},
    store::{self, audit::Actor},
};

/// How long a page waits for a mail.
const PATIENCE: Duration = Duration::from_secs(3);

/// What the mailbox stands on.
pub struct Mailbox {
    /// Gatehouse, whose mails these are.
    pub app: App,
    /// Where they are kept.
    pub kept: Kept,
}

/// The page. Its form posts `csrf` and `email` to `invite`.
#[derive(Debug, Template, WebTemplate)]
#[template(path = "demo/mailbox.html")]
pub struct Page<'a> {
    /// The newest first.
    pub letters: &'a [Letter],
    /// What was typed, or the address that is suggested.
    pub email: &'a str,
    /// What just went wrong.
    pub error: Option<&'a str>,
    /// Where the form goes.
    pub invite: &'a str,
    /// The form token.
    pub csrf: &'a str,
}

impl Letter {
    /// The lines of its text, and whether each is a link.
    fn lines(&self) -> impl Iterator<Item = (&str, bool)> {
        self.text.lines().map(|line| (line, line.starts_with("http://") || line.starts_with("https://")))
    }
}

/// The routes, on the control plane's host.
pub(super) fn routes() -> Router<Plane> {
    Router::new().route("/mailbox", get(show)).route("/mailbox/invite", post(invite))
}

async fn show(State(plane): State<Plane>, browser: Browser) -> Response {
    page(&plane, &browser, StatusCode::OK, state::GUEST, None)
}

fn page(plane: &Plane, browser: &Browser, status: StatusCode, email: &str, error: Option<&str>) -> Response {
    let letters = plane.mailbox().kept.letters();
    let page = Page { letters: &letters, email, error, invite: "/mailbox/invite", csrf: &browser.form_token() };
    (status, browser.cookie(), page).into_response()
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    email: String,
}

async fn invite(State(plane): State<Plane>, browser: Browser, Form(asked): Form<Asked>) -> Response {
    if !browser.is_own(&asked.csrf) {
        let words = "That form was not of a page in this browser. Please try again.";
        return page(&plane, &browser, StatusCode::FORBIDDEN, &asked.email, Some(words));
    }
    let next = plane.mailbox().kept.next();
    match send(&plane.mailbox().app, &asked.email).await {
        Ok(()) => {
            // The page that follows is to have it.
            let _ = tokio::time::timeout(PATIENCE, next).await;
            Redirect::to("/mailbox").into_response()
        }
        Err(words) => page(&plane, &browser, StatusCode::UNPROCESSABLE_ENTITY, &asked.email, Some(&words)),
    }
}

/// Invites an address, and lets the mail go at once.
async fn send(app: &App, email: &str) -> Result<(), String> {
    let tenant = store::tenants::find_by_name(&app.db, state::GUESTS).await.map_err(|e| e.to_string())?;
    let tenant = tenant
        .ok_or("There is no tenant called guests: demo.yaml is older than this page. Delete the folder and start again.")?;
    let desk = Desk::new(&app.db, &app.sealer, &app.settings, Actor::itself(), app.issuer(), app.clock.now());
    let wanted = Wanted { email, name: None, teams: &[], by: "Ada Lovelace (ada@demo.example)", lifetime: invitation::LIFETIME };
    desk.invite(&tenant, &wanted).await.map_err(|e| format!("Not invited: {e}."))?;
    app.deliveries.nudge();
    Ok(())
}
