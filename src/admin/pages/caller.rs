//! Who asks for an admin page, before any page answers: an operator with a session; anybody else is led to sign in or told
//! why not. A form counts only when it comes from a page of ours: the browser's own word (`Sec-Fetch-Site`, `Origin`) and the
//! token of the form must both say so, for every form alike.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request},
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};

use super::ended::kept;
use crate::{
    app::App,
    error::PageError,
    operator::Operator,
    session::Visit,
    store::{audit::Actor, tenants::Tenant},
};

/// An operator with a browser.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who.
    pub operator: Operator,
    /// The request's browser.
    pub visit: Visit,
    /// The path they asked for.
    pub path: String,
}

/// Why a page is not shown.
#[derive(Debug)]
pub enum Refused {
    /// Nobody is signed in: to the sign-in, and from there back.
    SignIn(String),
    /// A page that says why.
    Page(PageError),
    /// A page that gives back the form that came when nobody was signed in any more.
    Kept(Box<Response>),
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::SignIn(to) => (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response(),
            Self::Page(page) => page.into_response(),
            Self::Kept(page) => *page,
        }
    }
}

impl<E: Into<PageError>> From<E> for Refused {
    fn from(e: E) -> Self {
        Self::Page(e.into())
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refused> {
        let visit = Visit::from_request_parts(parts, app).await?;
        let path = parts.uri.path_and_query().map_or("/admin", |p| p.as_str()).to_owned();
        match Operator::of_visit(app, &visit).await? {
            Some(Ok(operator)) => Ok(Self { operator, visit, path }),
            Some(Err(who)) => Err(not_administrator(&who.user_id).into()),
            None => {
                // What a form wanted to do is not done after a sign-in: it leads to where forms are (but see `ended`).
                let back = if parts.method == Method::GET { path.as_str() } else { "/admin" };
                let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("to", back).finish();
                Err(Refused::SignIn(format!("/login?{query}")))
            }
        }
    }
}

impl Caller {
    /// The tenant in a page's path.
    ///
    /// # Errors
    /// A page: there is none of this name for this operator.
    pub async fn tenant(&self, app: &App, name: &str) -> Result<Tenant, PageError> {
        let tenant = if name.contains('\0') { None } else { self.operator.tenant(app, name).await? };
        tenant.ok_or_else(|| missing("organisation"))
    }

    /// How receipts and the audit log name them.
    #[must_use]
    pub fn actor(&self) -> Actor {
        self.operator.actor(&self.visit.address)
    }

    /// Only for whoever administers the whole deployment; for others there is no such page.
    ///
    /// # Errors
    /// A page.
    pub fn require_platform(&self) -> Result<(), PageError> {
        if self.operator.is_platform() { Ok(()) } else { Err(missing("page")) }
    }

    /// Only for those whose way in has no end of its own: what is made then outlasts it.
    ///
    /// # Errors
    /// A page.
    pub fn require_lasting(&self) -> Result<(), PageError> {
        if self.operator.reach.is_lasting() { Ok(()) } else { Err(too_brief()) }
    }

    /// The token that this operator's forms carry; it says whose they are.
    #[must_use]
    pub fn csrf(&self, app: &App) -> String {
        let user_id = &self.operator.user.id;
        format!("{}.{user_id}", self.visit.form_token(app, &purpose(user_id)))
    }
}

fn purpose(user_id: &str) -> String {
    format!("admin/{user_id}")
}

/// Whose form a token says it is, if that token was made for them in this browser.
#[must_use]
pub fn proven<'a>(visit: &Visit, app: &App, token: &'a str) -> Option<&'a str> {
    let (mac, user_id) = token.split_once('.')?;
    visit.check_form(app, &purpose(user_id), mac).ok().map(|()| user_id)
}

/// A page for something that is not there, or not this operator's.
#[must_use]
pub fn missing(what: &str) -> PageError {
    let explanation = format!("There is no {what} of this name, or you do not administer it.");
    PageError::new(StatusCode::NOT_FOUND, "not_found", "Not found", explanation, "unknown to this operator")
        .advise("Go back to the overview.")
        .way_on("/admin".to_owned(), "Overview")
        .for_operators()
}

/// What is told to those who came by the link of break-glass.
pub const BRIEF: &str = "You came by a link that lets you in for an hour: sign in over a connection or with a password to make \
                         what lasts longer.";

fn too_brief() -> PageError {
    PageError::new(StatusCode::FORBIDDEN, "too_brief", "Not with this way in", BRIEF, "a session of break-glass")
        .advise("Mend the sign-in first, and then sign in.")
        .way_on("/admin".to_owned(), "Overview")
        .for_operators()
}

fn not_administrator(user_id: &str) -> PageError {
    let explanation = "You are signed in, but you are no administrator here.";
    let page =
        PageError::new(StatusCode::FORBIDDEN, "not_administrator", "For administrators", explanation, format!("user {user_id}"));
    page.advise("Ask an administrator of your organisation to make you one, or sign in as somebody else.")
        .way_on("/login?to=/admin&again=1".to_owned(), "Sign in as somebody else")
}

/// A form that an operator has sent from a page of ours: nothing reaches a page's fields but through here.
#[derive(Clone, Debug)]
pub struct Posted {
    /// Who sent it.
    pub caller: Caller,
    fields: Vec<(String, String)>,
}

/// Most fields of a form: rows have several each.
const FIELDS: usize = 2_000;

impl FromRequest<App> for Posted {
    type Rejection = Refused;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refused> {
        let (mut parts, body) = request.into_parts();
        let caller = match Caller::from_request_parts(&mut parts, app).await {
            Ok(caller) => caller,
            Err(refusal) => return Err(kept(refusal, Request::from_parts(parts, body), app).await),
        };
        if is_foreign(&parts.headers, app.issuer()) {
            return Err(PageError::forged_form().caused("the form was sent from another site").into());
        }
        let posted = Self { caller, fields: fields_of(Request::from_parts(parts, body), app).await? };
        let of = proven(&posted.caller.visit, app, posted.one("csrf").unwrap_or_default());
        if of != Some(posted.caller.operator.user.id.as_str()) {
            return Err(PageError::forged_form().into());
        }
        Ok(posted)
    }
}

/// The fields of a form.
///
/// # Errors
/// A page: it is none of ours.
pub async fn fields_of(request: Request, app: &App) -> Result<Vec<(String, String)>, PageError> {
    let body = Bytes::from_request(request, app).await.map_err(|e| bad_form(e.status(), e.body_text()))?;
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().take(FIELDS + 1).collect();
    if fields.len() > FIELDS {
        return Err(bad_form(StatusCode::BAD_REQUEST, "too many fields".to_owned()));
    }
    Ok(fields)
}

fn bad_form(status: StatusCode, cause: String) -> PageError {
    PageError::new(status, "bad_form", "That did not work", "The form did not arrive as this page sends it.", cause)
}

impl Posted {
    /// All values of a field.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// All fields, in the order they came.
    #[must_use]
    pub fn fields(&self) -> &[(String, String)] {
        &self.fields
    }

    /// The first value of a field.
    #[must_use]
    pub fn one(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

/// Whether a browser says that the request began on another site. A browser that says nothing is judged by the form's token.
#[must_use]
pub fn is_foreign(headers: &HeaderMap, issuer: &str) -> bool {
    let said = |name: header::HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let site = headers.get("sec-fetch-site").map(|value| value.to_str().unwrap_or("?"));
    let foreign_site = site.is_some_and(|site| !matches!(site, "same-origin" | "none"));
    let origin = url::Url::parse(issuer).ok().map(|url| url.origin().ascii_serialization());
    let foreign_origin = said(header::ORIGIN).is_some_and(|said| Some(said) != origin.as_deref());
    foreign_site || foreign_origin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_from_elsewhere_is_foreign() {
        let judge = |pairs: &[(&str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(header::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
            }
            is_foreign(&headers, "https://sso.example")
        };
        for own in
            [&[][..], &[("origin", "https://sso.example")], &[("sec-fetch-site", "same-origin")], &[("sec-fetch-site", "none")]]
        {
            assert!(!judge(own), "{own:?}");
        }
        for foreign in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("origin", "http://sso.example"),
            ("origin", "https://sso.example:8443"),
            ("origin", "https://sso.example.evil"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert!(judge(&[foreign]), "{foreign:?}");
        }
    }
}
