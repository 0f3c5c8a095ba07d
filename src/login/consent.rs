//! Consent: clients that are not the platform's own ask the person first.

use axum::{
    extract::{Path, State},
    response::Response,
};
use serde::Deserialize;

use super::{
    dispatch::{self, Pending},
    flow::Step,
    pages, respond,
};
use crate::{
    app::App,
    error::PageError,
    oauth::{
        error::{Code, error},
        protected_resource::admin_api,
        scope::Scopes,
    },
    page::PageForm,
    policy::cause::Cause,
    session::{SignedIn, Visit},
    store,
};

/// Stands before an audience among the scopes that a person has allowed; no scope can hold it, since clients never
/// register one.
const AUDIENCE: &str = "resource=";

/// Whether the client may have what it asks for: it is trusted, or the user allowed it in this login, or before and the
/// client did not ask for consent again.
///
/// # Errors
/// When the database does not answer.
pub async fn given(app: &App, pending: &Pending, user_id: &str) -> Result<bool, PageError> {
    let request = &pending.login.request;
    if pending.login.consented_by.as_deref() == Some(user_id) || (pending.client.trusted && !request.prompt.consent) {
        return Ok(true);
    }
    if request.prompt.consent {
        return Ok(false);
    }
    let before = store::consents::find(&app.db, user_id, &pending.client.id).await?;
    Ok(!before.is_empty() && asked(pending).within(&before))
}

/// What the person decides about: the scopes, and each audience as a word of its own.
fn asked(pending: &Pending) -> Scopes {
    let request = &pending.login.request;
    let audiences: Vec<String> = request.resource.iter().map(|r| format!("{AUDIENCE}{r}")).collect();
    request.scope.union(&audiences.iter().map(String::as_str).collect())
}

/// The question.
///
/// # Errors
/// When the database does not answer.
pub async fn page(app: &App, visit: &Visit, pending: &Pending, who: &SignedIn) -> Result<Response, PageError> {
    let user = store::users::find(&app.db, &who.user_id).await?;
    let words = asked(pending);
    let administers = format!("{AUDIENCE}{}", admin_api(app.issuer()));
    let permission = |word: &str| match word.strip_prefix(AUDIENCE) {
        Some(_) if word == administers => "administer here in your name, with every right that you have".to_owned(),
        Some(audience) => pages::permission(audience),
        None => pages::permission(word),
    };
    let permissions: Vec<String> = words.iter().map(permission).collect();
    let target = &pending.login.request.target.redirect_uri;
    let page = pages::Consent {
        tenant: &pending.tenant.display_name,
        client: &pending.client.name,
        redirect_host: &target.host().unwrap_or_else(|| target.as_str().to_owned()),
        permissions: &permissions,
        email: user.as_ref().map_or("", |u| u.email.as_str()),
        action: &format!("/login/{}/consent", pending.login.id),
        csrf: &visit.form_token(app, &pending.login.id),
    };
    Ok(pending.page(app, page))
}

/// What the page's form sends.
#[derive(Debug, Deserialize)]
pub struct Answer {
    csrf: String,
    decision: String,
}

/// `POST /login/{login}/consent`
pub async fn submit(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    PageForm(answer): PageForm<Answer>,
) -> Result<Response, PageError> {
    let mut pending = dispatch::find(&app, &visit, &id).await?;
    visit.check_form(&app, &id, &answer.csrf)?;
    let Some(who) = visit.signed_in_for_clients(&app, &pending.tenant.id).await? else {
        return dispatch::proceed(&app, &visit, pending.login).await;
    };
    match answer.decision.as_str() {
        // Consent counts when it is asked for: of a person who is who the client wants, freshly enough.
        "allow" if dispatch::next(&app, &pending, Some(&who)).await? != Step::Consent => {
            dispatch::proceed(&app, &visit, pending.login).await
        }
        "allow" => {
            store::consents::save(&app.db, &who.user_id, &pending.client.id, &asked(&pending), app.clock.now()).await?;
            store::logins::consent(&app.db, &id, &who.user_id).await?;
            pending.login.consented_by = Some(who.user_id);
            dispatch::proceed(&app, &visit, pending.login).await
        }
        "switch" => {
            visit.sign_out(&app).await?;
            dispatch::proceed(&app, &visit, pending.login).await
        }
        _ => {
            visit.trace.failed(Cause::ConsentRefused, &format!("client {}", pending.client.id));
            respond::deny(&app, &visit, &pending, &error(Code::AccessDenied, "the person did not allow it")).await
        }
    }
}
