//! The link for an administrator whose way in does not work: made by whoever has a shell (`gatehouse admin break-glass`), for
//! one person, once, and in the audit log.

use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;

use super::{
    authorize, pages,
    setup::{gone, purpose, unnamed, welcome},
};
use crate::{
    admin_link,
    app::App,
    error::PageError,
    page::PageForm,
    session::{BY_LINK, Visit},
    store::{
        self,
        admin_links::{self, AdminLink, Kind},
        tenants::Tenant,
        users::User,
    },
};

/// Seconds that a session which began with a link lasts at most.
const LIFETIME: i64 = 3_600;

/// What the page's form sends.
#[derive(Debug, Deserialize)]
pub struct Use {
    csrf: String,
}

/// `GET /admin/_/break-glass/{token}`: nothing is used up by looking.
pub async fn show(State(app): State<App>, mut visit: Visit, Path(token): Path<String>) -> Result<Response, PageError> {
    authorize::count(&app, &visit)?;
    let link = admin_links::look(&app.db, &token, app.clock.now()).await?.ok_or_else(gone)?;
    let (tenant, user) = whose(&app, &link).await?;
    let jar = authorize::bind(&mut visit);
    let page = pages::BreakGlass {
        action: &format!("{}{token}", admin_link::BREAK_GLASS),
        csrf: &visit.form_token(&app, &purpose(&token)),
        email: user.email.as_str(),
        tenant: &tenant.display_name,
        made_by: &link.made_by,
    };
    Ok((jar, unnamed(page.into_response())).into_response())
}

/// `POST /admin/_/break-glass/{token}`
pub async fn submit(
    State(app): State<App>,
    visit: Visit,
    Path(token): Path<String>,
    PageForm(form): PageForm<Use>,
) -> Result<Response, PageError> {
    authorize::count(&app, &visit)?;
    visit.check_form(&app, &purpose(&token), &form.csrf)?;
    let mut tx = app.db.begin().await?;
    let link = admin_links::take(&mut tx, &app.sealer, &token, &visit.address, app.clock.now()).await?;
    // A link to set a deployment up is not used up here.
    let link = link.filter(|link| link.kind == Kind::BreakGlass).ok_or_else(gone)?;
    tx.commit().await?;
    let (_, user) = whose(&app, &link).await?;
    tracing::warn!(user = user.id, "an administrator came in by a link");
    welcome(&app, &visit, &user, BY_LINK, LIFETIME).await
}

async fn whose(app: &App, link: &AdminLink) -> Result<(Tenant, User), PageError> {
    let id = link.user_id.as_deref().filter(|_| link.kind == Kind::BreakGlass).ok_or_else(gone)?;
    let user = store::users::find(&app.db, id).await?.ok_or_else(gone)?;
    let tenant = store::tenants::find(&app.db, &user.tenant_id).await?.ok_or_else(gone)?;
    Ok((tenant, user))
}
