//! `/login`: signing in to gatehouse's own pages, which no client asks for. Whose people somebody is follows from the
//! address they type or the name of their organisation; then it is the tenant's sign-in like any other, and it ends at the
//! page they wanted.

use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use axum_extra::extract::cookie::CookieJar;
use serde::Deserialize;

use super::{authorize, dispatch, pages};
use crate::{
    app::App,
    error::PageError,
    oauth::{authorize::AuthorizeRequest, scope::Scopes},
    page::PageForm,
    policy::email::Email,
    session::Visit,
    store::{self, tenants::Tenant},
};

const FORM: &str = "login";
/// The pages that such a sign-in may end at, and all below them.
const PAGES: [&str; 2] = ["/admin", "/account"];
/// Longest path that is kept.
const LONGEST: usize = 512;

/// What the address asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    tenant: String,
    to: String,
    /// Whoever is signed in is asked anew, since they want to be somebody else.
    again: Option<String>,
}

/// `GET /login`
pub async fn show(State(app): State<App>, mut visit: Visit, Query(asked): Query<Asked>) -> Result<Response, PageError> {
    let to = destination(&asked.to);
    if let Some(tenant) = only(&app, &asked.tenant).await? {
        let (jar, response) = begin(&app, &mut visit, &tenant, to, None, asked.again.is_some()).await?;
        return Ok((jar, response).into_response());
    }
    let jar = authorize::bind(&mut visit);
    Ok((jar, page(&app, &visit, to, "", None)).into_response())
}

/// What the page's form sends.
#[derive(Debug, Deserialize)]
pub struct Who {
    csrf: String,
    #[serde(default)]
    who: String,
    #[serde(default)]
    to: String,
}

/// `POST /login`
pub async fn submit(State(app): State<App>, mut visit: Visit, PageForm(form): PageForm<Who>) -> Result<Response, PageError> {
    visit.check_form(&app, FORM, &form.csrf)?;
    let (typed, to) = (form.who.trim(), destination(&form.to));
    let email = Email::parse(typed);
    let tenant = match &email {
        // By the domain alone, never by whether there is such a user: it tells nobody who is known here.
        Some(email) => match store::domains::tenant_of(&app.db, email.domain()).await? {
            Some(id) => store::tenants::find(&app.db, &id).await?,
            None => None,
        },
        None => store::tenants::find_by_name(&app.db, &typed.to_ascii_lowercase()).await?,
    };
    let Some(tenant) = tenant else {
        authorize::count(&app, &visit)?;
        let words = match email {
            Some(_) => "We know no organisation by this address. Type your organisation's short name instead.",
            None => "We know no organisation of this name. It is the short one, like acme, that your administrator can tell you.",
        };
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page(&app, &visit, to, typed, Some(words))).into_response());
    };
    let hint = email.as_ref().map(Email::as_str);
    let (jar, response) = begin(&app, &mut visit, &tenant, to, hint, false).await?;
    Ok((jar, response).into_response())
}

/// The tenant of this name; without a name, the only one that there is.
async fn only(app: &App, name: &str) -> Result<Option<Tenant>, PageError> {
    if !name.is_empty() {
        return Ok(store::tenants::find_by_name(&app.db, name).await?);
    }
    let mut first = store::tenants::first(&app.db, 2).await?;
    Ok(if first.len() == 1 { first.pop() } else { None })
}

async fn begin(
    app: &App,
    visit: &mut Visit,
    tenant: &Tenant,
    to: &str,
    hint: Option<&str>,
    again: bool,
) -> Result<(CookieJar, Response), PageError> {
    let ourselves = dispatch::ourselves(app, &tenant.id)?;
    let account = ourselves.settings.redirect_uris.first().cloned();
    let account = account.ok_or_else(|| PageError::internal("the account page has no address"))?;
    let mut request = AuthorizeRequest::unasked(&ourselves, account, Scopes::default());
    request.landing = Some(format!("{}{to}", app.issuer()));
    request.login_hint = hint.map(str::to_owned);
    request.prompt.login = again;
    let (jar, login) = authorize::begin(app, visit, &tenant.id, request).await?;
    let response = dispatch::proceed(app, visit, login).await?;
    Ok((jar, response))
}

/// The page that was asked for, if it is one of ours to return to (an open redirect otherwise).
fn destination(to: &str) -> &str {
    let is_ours =
        PAGES.iter().any(|page| to.strip_prefix(page).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?'])));
    let is_plain = to.len() <= LONGEST && to.bytes().all(|b| b.is_ascii_graphic() && b != b'\\' && b != b'#');
    if is_ours && is_plain { to } else { PAGES[1] }
}

fn page(app: &App, visit: &Visit, to: &str, typed: &str, error: Option<&str>) -> Response {
    let csrf = visit.form_token(app, FORM);
    pages::Own { action: "/login", csrf: &csrf, to, who: typed, error }.into_response()
}

#[cfg(test)]
mod tests {
    use super::destination;

    #[test]
    fn a_sign_in_ends_at_a_page_of_ours() {
        for page in ["/admin", "/admin/acme/connections?after=x", "/account", "/account/"] {
            assert_eq!(destination(page), page);
        }
        let long = format!("/admin/{}", "x".repeat(600));
        for other in [
            "",
            "/",
            "https://evil.example",
            "//evil.example",
            "/administration",
            "/admin\\evil",
            "/admin\r\nX: y",
            "/admin#x",
            "/oauth2/authorize",
            &long,
        ] {
            assert_eq!(destination(other), "/account", "{other:?}");
        }
    }
}
