//! What all pages share, whichever door they belong to: the page for failures, the form that posts itself, and the
//! headers that keep a page from being framed, injected into or cached.

use askama::Template;
use askama_web::WebTemplate;
use axum::{
    Form,
    extract::{FromRequest, Request},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::de::DeserializeOwned;

use crate::{connector::Go, error::PageError};

/// The page for what cannot go on and must not be sent to the client.
#[derive(Debug, Template, WebTemplate)]
#[template(path = "error.html")]
pub struct ErrorPage<'a> {
    /// What happened, in a few words.
    pub title: &'a str,
    /// The same in one plain sentence; the cause's details belong in the log.
    pub explanation: &'a str,
    /// What the person can do; may be empty.
    pub advice: &'a str,
    /// `secret::reference()`, which the log event carries too.
    pub reference: &'a str,
    /// What to do with it.
    pub code_lead: &'a str,
    /// A link on: its address and its words.
    pub way_on: Option<(&'a str, &'a str)>,
}

/// A form that sends itself: to the client (`response_mode=form_post`) or to an identity provider.
#[derive(Debug, Template, WebTemplate)]
#[template(path = "form_post.html")]
pub struct FormPost<'a> {
    /// Where it goes: `https:`, or `http:` on a loopback host. The caller has checked it.
    pub action: &'a str,
    /// The host the person reads.
    pub destination: &'a str,
    /// Names and values.
    pub fields: &'a [(&'a str, &'a str)],
}

/// The policy of a page: nothing inline, nothing from elsewhere but the pictures of sign-in buttons, no framing.
///
/// `leads_to` names the URLs outside gatehouse that a form of the page may end at: browsers hold every redirect after a
/// form to `form-action`, so it must admit the client's redirect URI and the identity providers, and since these redirect
/// on to hosts of their own, it admits whole schemes (`https:` and those of `leads_to`). Without any, forms stay here.
/// `script` is for [`FormPost`] only.
#[must_use]
pub fn content_security_policy(leads_to: &[&str], script: bool) -> String {
    let mut schemes: Vec<String> =
        leads_to.iter().filter_map(|text| url::Url::parse(text).ok()).map(|url| format!(" {}:", url.scheme())).collect();
    if !leads_to.is_empty() {
        schemes.push(" https:".into());
    }
    schemes.sort_unstable();
    schemes.dedup();
    let script = if script { "; script-src 'self'" } else { "" };
    format!(
        "default-src 'none'; style-src 'self'; img-src 'self' https:; form-action 'self'{}; frame-ancestors 'none'; base-uri 'none'{script}",
        schemes.concat()
    )
}

/// Sends the browser off to an identity provider; `status` is that of a redirect.
#[must_use]
pub fn leave(status: StatusCode, go: Go) -> Response {
    match go {
        Go::Redirect(url) => (
            status,
            [
                (header::LOCATION, url.to_string()),
                (header::CACHE_CONTROL, "no-cache, no-store".to_owned()),
                (header::PRAGMA, "no-cache".to_owned()),
            ],
        )
            .into_response(),
        Go::Post { action, fields } => {
            let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
            let page = FormPost { action: action.as_str(), destination: action.host_str().unwrap_or_default(), fields: &fields };
            let mut response = page.into_response();
            set_policy(response.headers_mut(), &content_security_policy(&[action.as_str()], true));
            response
        }
    }
}

/// The policy of a page whose script, a file of ours, asks us for more: it leads nowhere and runs nothing else.
#[must_use]
pub fn scripted_policy() -> String {
    format!("{}; connect-src 'self'", content_security_policy(&[], true))
}

/// Gives a page its own policy; [`protect`] leaves it be.
pub fn set_policy(headers: &mut HeaderMap, policy: &str) {
    if let Ok(policy) = HeaderValue::from_str(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
}

/// The policy of a page that leads nowhere and runs nothing, ready made: it goes with nearly every answer.
#[must_use]
pub fn strict_policy() -> HeaderValue {
    HeaderValue::from_static(
        "default-src 'none'; style-src 'self'; img-src 'self' https:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    )
}

/// The headers of every page, where it has not set its own: no framing, nothing inline, no referrer elsewhere, nothing
/// cached.
pub fn protect(headers: &mut HeaderMap, policy: HeaderValue) {
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    for (name, value) in [
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // With no-referrer, browsers send "Origin: null" even to ourselves.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// The form of a page. One that cannot be read gets a page too, not a line of plain text.
#[derive(Debug)]
pub struct PageForm<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for PageForm<T> {
    type Rejection = PageError;

    async fn from_request(request: Request, state: &S) -> Result<Self, PageError> {
        let form = Form::<T>::from_request(request, state).await;
        form.map(|Form(form)| Self(form)).map_err(|e| {
            let explanation = "The form did not arrive as this page sends it.";
            PageError::new(e.status(), "bad_form", "That did not work", explanation, e.body_text())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::markup::{HOSTILE, check};

    #[test]
    fn every_page_is_sound_with_hostile_values() {
        let way_on = Some((HOSTILE, HOSTILE));
        let page =
            ErrorPage { title: HOSTILE, explanation: HOSTILE, advice: HOSTILE, reference: HOSTILE, code_lead: HOSTILE, way_on };
        let html = page.render().unwrap();
        check("error", &html);
        assert!(!html.contains("<script"));
        let fields = [("SAMLRequest", HOSTILE), (HOSTILE, "x")];
        let html = FormPost { action: HOSTILE, destination: HOSTILE, fields: &fields }.render().unwrap();
        check("form post", &html);
        assert!(html.contains("<script"), "it sends itself");
    }

    #[test]
    fn the_policy_opens_forms_only_as_far_as_they_lead() {
        assert!(content_security_policy(&[], false).contains("form-action 'self'; "));
        assert_eq!(content_security_policy(&[], false), strict_policy().to_str().unwrap());
        let app = content_security_policy(
            &["com.example.app:/cb", "http://127.0.0.1:1/cb", "https://a.example", "; script-src *"],
            false,
        );
        assert!(app.contains("form-action 'self' com.example.app: http: https:; "), "{app}");
        assert!(!app.contains("script-src"));
        assert!(content_security_policy(&["https://a.example"], true).ends_with("; script-src 'self'"));
    }

    #[test]
    fn a_page_keeps_the_policy_it_has_set() {
        let mut headers = HeaderMap::new();
        set_policy(&mut headers, "default-src 'self'");
        protect(&mut headers, strict_policy());
        assert_eq!(headers[header::CONTENT_SECURITY_POLICY], "default-src 'self'");
        assert_eq!(headers[header::X_FRAME_OPTIONS], "DENY");
    }
}
