//! What a token is worth and, at a site, what becomes of a request with it: for operators, over the API, a page and the command
//! line alike. `trust` explains the token, `forward` the site; here the two meet. Of the token nothing is kept, logged or told.

use std::collections::HashSet;

use serde::Serialize;

use crate::{
    app::App,
    endpoint::forward::{explain, question, witness::Judged},
    error::{ApiError, PageError},
    oauth::error::{Code, error},
    policy::{role::Role, site::ResourceName},
    trust::{
        self, Denied,
        explain::Question,
        report::{Access, Report},
    },
};

pub use crate::endpoint::forward::explain::{Page, SiteReport};

/// What an operator asks.
#[derive(Clone, Copy, Default)]
pub struct Asked<'a> {
    /// The token, also with the scheme that it has in `Authorization`.
    pub token: &'a str,
    /// The tenant whose issuers and sites there are for them (row id); `None`: everybody's.
    pub tenant: Option<&'a str>,
    /// Which trusted issuer is to judge it, by name or `iss`, where several may be asked about it.
    pub issuer: Option<&'a str>,
    /// A resource, and the role that is wanted on it.
    pub about: Option<(&'a ResourceName, Option<Role>)>,
    /// A page at a site.
    pub page: Option<Page<'a>>,
}

/// Why there is nothing to tell.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// What was asked makes no sense; in words for whoever asks.
    #[error("{0}")]
    Unclear(String),
    /// There is no telling now.
    #[error(transparent)]
    Denied(#[from] Denied),
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Unclear(why) => error(Code::InvalidRequest, why).into(),
            Problem::Denied(denied) => denied.into(),
        }
    }
}

impl From<Denied> for PageError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Store(e) => e.into(),
            other => Self::unavailable(other.to_string()),
        }
    }
}

/// A token, and what becomes of it at a site, explained.
#[derive(Clone, Debug, Serialize)]
pub struct Explained {
    /// The token, judged as the site judges it, where one is asked about and looks at it.
    #[serde(flatten)]
    pub report: Report,
    /// The site's answer, if one was asked about.
    pub site: Option<SiteReport>,
}

impl Explained {
    /// A line in the log that it was asked for: who, for which tenant, and what came of it.
    pub fn note(&self, by: &str, tenant: &str) {
        let (allowed, at) = (self.report.allowed, self.site.as_ref().and_then(|site| site.name.as_deref()));
        tracing::info!(by, tenant, allowed, site = at, "a token was explained");
    }
}

/// Explains a token and, where a page is asked about, what becomes of a request with it. Then the token is judged as the site
/// judges it, and whether it is let in is the site's decision.
///
/// # Errors
/// When what was asked makes no sense, or the database does not answer.
pub async fn explain(app: &App, asked: &Asked<'_>) -> Result<Explained, Problem> {
    let Asked { tenant, about, page, .. } = *asked;
    let token = bare(asked.token);
    let unclear = |why: &str| Problem::Unclear(why.to_owned());
    if page.is_some() && asked.issuer.is_some() {
        return Err(unclear("ask about an issuer or about a site: a site says itself whose tokens it takes"));
    }
    let request = page.map(|page| page.question(token)).transpose().map_err(Problem::Unclear)?;
    let named = match asked.issuer {
        Some(name) => Some(app.trust.catalogue_of_any(app.clock.now(), tenant).await?.sources_named(tenant, name)),
        None => None,
    };
    if named.as_ref().is_some_and(HashSet::is_empty) {
        return Err(unclear("no trusted issuer has this name, or this iss"));
    }
    let question = Question { token, tenant, about, sources: named.as_ref(), audience: &[] };
    Ok(match request {
        Some(request) => at_site(app, question, &request).await?,
        None => Explained { report: trust::explain::explain(app, question).await?, site: None },
    })
}

async fn at_site(app: &App, question: Question<'_>, request: &question::Question) -> Result<Explained, Denied> {
    let (site, judged) = explain::explain(app, request, question.tenant).await;
    let mut report = match judged {
        // What the site has decided by: a second judgement could come to something else.
        Some(Judged { mut report, bearer }) => {
            if let Some(bearer) = bearer {
                trust::explain::tell(app, bearer, question.about, &mut report).await?;
            }
            report
        }
        None => trust::explain::explain(app, question).await?,
    };
    let held = report.access.as_ref().is_none_or(|access: &Access| access.allowed);
    report.allowed = site.is_allowed() && held;
    (report.error, report.cause) = match (site.is_allowed(), held) {
        (false, _) => (site.error.clone(), site.cause.clone()),
        (true, false) => (Some("the role is not held".to_owned()), None),
        (true, true) => (None, None),
    };
    Ok(Explained { report, site: Some(site) })
}

/// The token without the scheme that it may have been copied with.
fn bare(text: &str) -> &str {
    let text = text.trim();
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_may_be_pasted_with_its_scheme() {
        for text in ["x.y.z", " x.y.z\n", "Bearer x.y.z", "bearer  x.y.z "] {
            assert_eq!(bare(text), "x.y.z");
        }
        assert_eq!((bare("Basic x"), bare("Bearer"), bare("")), ("Basic x", "Bearer", ""));
    }
}
