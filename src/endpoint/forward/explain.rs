//! What would become of a request with a token, for an operator who asks: the decision itself (`decide`), with an account of
//! it. The request is made up: nobody sent it, nothing is kept of it, and what a site would be handed to act by, the token or
//! a JWT of ours, is not shown.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use serde::Serialize;

use super::{
    decide::{self, PUBLIC, Verdict},
    question::{Asked, Question, method, scheme, target},
    respond::{Outcome, told},
    witness::{Account, Judged},
};
use crate::{app::App, bearer::COOKIE, policy::site::ForwardMethod, token::Step};

/// A page that an operator asks about, as they name it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Page<'a> {
    /// A host, or a whole URL.
    pub site: &'a str,
    /// Path and query, where `site` has none.
    pub path: Option<&'a str>,
    /// The request's method.
    pub method: Option<&'a str>,
    /// The header that the token comes in: `Authorization`, `Cookie` as a browser's, or one that an issuer has for it.
    pub header: Option<&'a str>,
}

/// A site's answer, explained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SiteReport {
    /// The site's name, if there is one.
    pub name: Option<String>,
    /// What was asked for.
    pub url: String,
    /// And how.
    pub method: String,
    /// `allow`, `sign-in`, `401`, `403` or `503`.
    pub outcome: &'static str,
    /// The step that decides: the first that failed, or that the path is public.
    pub decided_by: Option<String>,
    /// What the visitor is told.
    pub error: Option<String>,
    /// And what the log says.
    pub cause: Option<String>,
    /// What was looked at, in the order in which it decides.
    pub steps: Vec<Step>,
    /// What the site is told of who is there.
    pub headers: Vec<Told>,
}

impl SiteReport {
    /// Whether the request passes.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.outcome == Outcome::Allow.as_str()
    }
}

/// A header for the site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Its name.
    pub name: String,
    /// What it says; of a JWT the claims alone.
    pub value: String,
}

impl Page<'_> {
    /// The question that a proxy would ask about a request for this page with `token`.
    ///
    /// # Errors
    /// In words, when there could be no such request.
    pub fn question(&self, token: &str) -> Result<Question, String> {
        // Cut by hand, as those of proxies: a URL parser would tidy the path.
        let (named, rest) = self.site.split_once("://").unwrap_or(("https", self.site));
        let (host, own) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        // What follows `#` stays in the browser.
        let own = own.split('#').next().unwrap_or_default();
        let path = match (own, self.path) {
            ("", path) => path.unwrap_or("/").to_owned(),
            (own, None) if own.starts_with('/') => own.to_owned(),
            (own, None) => format!("/{own}"),
            (_, Some(_)) => return Err("the site has a path already; give one of the two".to_owned()),
        };
        let read = || {
            let asked = Asked {
                method: method("method", self.method.unwrap_or("GET"))?,
                scheme: scheme("site", &named.to_ascii_lowercase())?,
                host: host.to_owned(),
                target: target("path", &path)?,
            };
            Question::new(asked, HeaderMap::new(), "site")
        };
        let mut question = read().map_err(|problem| problem.to_string())?;
        question.headers = self.headers(token)?;
        Ok(question)
    }

    fn headers(&self, token: &str) -> Result<HeaderMap, String> {
        let named = self.header.unwrap_or(header::AUTHORIZATION.as_str());
        let name = HeaderName::try_from(named.to_ascii_lowercase()).map_err(|_| "header is not a header's name".to_owned())?;
        let text = match name {
            header::AUTHORIZATION => format!("Bearer {token}"),
            header::COOKIE => format!("{COOKIE}={token}"),
            _ => token.to_owned(),
        };
        let mut value = HeaderValue::try_from(text).map_err(|_| "the token cannot stand in a header".to_owned())?;
        value.set_sensitive(true);
        let mut headers = HeaderMap::new();
        if name == header::COOKIE {
            // Nobody but a browser has it there.
            headers.insert(header::ACCEPT, HeaderValue::from_static("text/html"));
        }
        headers.insert(name, value);
        Ok(headers)
    }
}

/// Decides about the request, and tells how; `tenant` (a row id) is whose sites there are for who asks, `None` for everybody's.
/// How its token was judged goes with it, if it came to that.
pub async fn explain(app: &App, question: &Question, tenant: Option<&str>) -> (SiteReport, Option<Judged>) {
    let mut account = Account::of(tenant);
    let verdict = decide::account_for(app, question, &mut account).await;
    let Account { steps, site, judged, .. } = account;
    let deciding = steps.iter().find(|step| !step.passed || step.what == PUBLIC);
    let outcome = Outcome::of(question, &verdict);
    let error = match outcome {
        Outcome::Allow => None,
        Outcome::SignIn => Some("the browser is sent to sign in".to_owned()),
        _ => Some(told(&verdict).to_owned()),
    };
    let report = SiteReport {
        name: site.as_ref().map(|site| site.name.clone()),
        url: question.beside(&question.target),
        method: question.method.to_string(),
        outcome: outcome.as_str(),
        decided_by: deciding.map(|step| step.what.clone()),
        error,
        cause: deciding.filter(|step| !step.passed).map(|step| step.detail.clone()).or_else(|| cause(&verdict)),
        headers: headers(&verdict),
        steps,
    };
    (report, judged)
}

/// Why there is no telling.
fn cause(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Unavailable(cause) | Verdict::Unasked { cause, .. } => Some(cause.clone()),
        _ => None,
    }
}

/// What the site is told, as an operator may see it.
fn headers(verdict: &Verdict) -> Vec<Told> {
    let Verdict::Pass { site, told, token, .. } = verdict else { return Vec::new() };
    let signed = site.settings.identity.method == ForwardMethod::JwtHeader;
    let shown = |value: &HeaderValue| {
        let text = String::from_utf8_lossy(value.as_bytes());
        if signed { claims_of(&text) } else { text.into_owned() }
    };
    let own = told.headers.iter().map(|(name, value)| Told { name: name.to_string(), value: shown(value) });
    let as_it_came = || Told { name: header::AUTHORIZATION.to_string(), value: "the token as it came".to_owned() };
    own.chain(token.as_ref().map(|_| as_it_came())).collect()
}

/// What a JWT of ours says, without what makes it one.
fn claims_of(jwt: &str) -> String {
    let payload = jwt.split('.').nth(1).and_then(|part| B64.decode(part).ok());
    payload.and_then(|json| String::from_utf8(json).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_named_as_people_name_it() {
        let whole = |site, path| Page { site, path, ..Page::default() };
        for (page, url) in [
            (whole("app.example", None), "https://app.example/"),
            (whole("app.example", Some("/a?b")), "https://app.example/a?b"),
            (whole("App.example:443", None), "https://app.example/"),
            (whole("HTTP://app.example/a/../b#part", None), "http://app.example/a/../b"),
            (whole("https://app.example?x", None), "https://app.example/?x"),
        ] {
            let question = page.question("t").unwrap();
            assert_eq!((question.beside(&question.target), question.method.as_str()), (url.to_owned(), "GET"));
            assert_eq!(question.header("authorization"), Some("Bearer t"));
        }
        for (page, why) in [
            (whole("https://app.example/a", Some("/b")), "give one of the two"),
            (whole("ftp://app.example/", None), "site is not http or https"),
            (whole("app example", None), "site is not a host"),
            (whole("", None), "site is not a host"),
            (whole("app.example", Some("a b")), "path is not a path and query"),
            (Page { method: Some("A B"), ..whole("app.example", None) }, "method is not a method"),
            (Page { header: Some("a b"), ..whole("app.example", None) }, "header is not"),
        ] {
            let said = page.question("t").unwrap_err();
            assert!(said.contains(why), "{page:?}: {said}");
        }
        assert!(whole("app.example", None).question("a\nb").is_err(), "no header holds a line break");
    }

    #[test]
    fn a_token_comes_in_the_header_that_is_named() {
        for (header, name, value) in [
            (None, "authorization", "Bearer t"),
            (Some("X-Okta-Token"), "x-okta-token", "t"),
            (Some("Cookie"), "cookie", "accessToken=t"),
        ] {
            let question = Page { site: "app.example", header, ..Page::default() }.question("t").unwrap();
            assert_eq!(question.header(name), Some(value));
            assert_eq!(question.header("accept").is_some(), name == "cookie", "a browser is sent to sign in");
        }
    }

    #[test]
    fn of_a_jwt_nothing_is_shown_that_could_be_used() {
        let jwt = format!("h.{}.signature", B64.encode(r#"{"sub":"ada"}"#));
        assert_eq!((claims_of(&jwt).as_str(), claims_of("").as_str()), (r#"{"sub":"ada"}"#, ""));
    }
}
