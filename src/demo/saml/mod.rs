//! The development SAML identity provider: asks who you would like to be, and tells gatehouse. It shares the listener of
//! the second gatehouse, and signs with that one's SAML keys. Like a careful provider it takes signed requests alone, and
//! answers to one address only.
//!
//! ```text
//! GET  /dev-saml/metadata   what gatehouse reads of it
//! GET  /dev-saml/sign-on    message reads the request → the page with everybody of the demo
//! POST /dev-saml/sign-on    the same, and who was chosen → message writes the signed answer → a form that sends itself
//! GET  /dev-saml/sign-off   a logout request: this provider keeps nobody signed in, so it just agrees
//! ```

mod message;

use std::sync::Arc;

use askama::Template;
use askama_web::WebTemplate;
use axum::{
    Router,
    extract::{RawQuery, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};
use serde::Deserialize;

use self::message::{Answer, Asked};
use super::{
    page::Person,
    state::{self, Urls},
};
use crate::{
    app::App,
    connector::{
        Error,
        saml::{
            credentials::{Credential, Usage},
            sp_metadata::MEDIA_TYPE,
        },
    },
    error::PageError,
    page::{FormPost, PageForm, content_security_policy, protect, strict_policy},
    saml_keys,
};

const METADATA: &str = "/dev-saml/metadata";
const SIGN_ON: &str = "/dev-saml/sign-on";
const SIGN_OFF: &str = "/dev-saml/sign-off";

struct Inner {
    urls: Urls,
    /// The second gatehouse, for its keys.
    own: App,
    /// The first one, for its certificates: what a provider learns from the metadata of a service provider.
    gatehouse: App,
}

type Provider = Arc<Inner>;

/// Asks who somebody would like to be. Its form posts `email` to `action`.
#[derive(Debug, Template, WebTemplate)]
#[template(path = "demo/saml.html")]
struct Choice<'a> {
    people: &'a [Person<'a>],
    action: &'a str,
}

/// The provider's pages and addresses.
pub fn routes(urls: &Urls, own: App, gatehouse: App) -> Router {
    let provider = Arc::new(Inner { urls: urls.clone(), own, gatehouse });
    Router::new()
        .route(METADATA, get(metadata))
        .route(SIGN_ON, get(ask).post(answer))
        .route(SIGN_OFF, get(sign_off))
        .layer(middleware::from_fn_with_state(Arc::clone(&provider), page_headers))
        .with_state(provider)
}

/// The form with the answer ends, by redirects, at the control plane.
async fn page_headers(State(provider): State<Provider>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let policy = HeaderValue::try_from(content_security_policy(&[&provider.urls.gatehouse], true));
    protect(response.headers_mut(), policy.unwrap_or(strict_policy()));
    response
}

async fn metadata(State(provider): State<Provider>) -> Result<Response, PageError> {
    let now = provider.own.clock.now();
    saml_keys::ready(&provider.own).await.map_err(|e| PageError::internal(e.to_string()))?;
    let keys = provider.own.credentials.published(Usage::Sign, now);
    let certificates: Vec<&[u8]> = keys.iter().map(|key| key.certificate.as_slice()).collect();
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE)], message::metadata(&provider.urls.identity_provider, &certificates)).into_response())
}

async fn ask(State(provider): State<Provider>, RawQuery(query): RawQuery) -> Result<Response, PageError> {
    let query = query.unwrap_or_default();
    asked(&provider, &query).await?;
    Ok(Choice { people: &state::PEOPLE, action: &format!("{SIGN_ON}?{query}") }.into_response())
}

#[derive(Debug, Deserialize)]
struct Chosen {
    email: String,
}

async fn answer(
    State(provider): State<Provider>,
    RawQuery(query): RawQuery,
    PageForm(chosen): PageForm<Chosen>,
) -> Result<Response, PageError> {
    let asked = asked(&provider, &query.unwrap_or_default()).await?;
    let person = state::PEOPLE.iter().find(|person| person.email == chosen.email).ok_or_else(|| refused("nobody of the demo"))?;
    let callback = format!("{}/oauth2/callback", provider.urls.gatehouse);
    let answer = Answer {
        issuer: message::entity_id(&provider.urls.identity_provider),
        audience: asked.issuer,
        callback: callback.clone(),
        request: asked.id,
        person,
        now: provider.own.clock.now(),
    };
    let credential = credential(&provider).await?;
    let signed = blocking(move || answer.signed(&credential)).await?;
    let state = asked.relay_state.unwrap_or_default();
    let fields = [("SAMLResponse", signed.as_str()), ("RelayState", state.as_str())];
    let destination = provider.urls.gatehouse.trim_start_matches("http://");
    Ok(FormPost { action: &callback, destination, fields: &fields }.into_response())
}

async fn sign_off(State(provider): State<Provider>, RawQuery(query): RawQuery) -> Result<Response, PageError> {
    let asked = asked(&provider, &query.unwrap_or_default()).await?;
    let credential = credential(&provider).await?;
    let issuer = message::entity_id(&provider.urls.identity_provider);
    let to = asked.issuer.replace("/metadata", "/slo");
    let now = provider.own.clock.now();
    let url = blocking(move || message::goodbye(&asked, &issuer, &to, &credential, now)).await?;
    Ok(Redirect::to(url.as_str()).into_response())
}

/// The request in a query, if gatehouse signed it.
async fn asked(provider: &Provider, query: &str) -> Result<Asked, PageError> {
    let keys = provider.gatehouse.credentials.published(Usage::Sign, provider.gatehouse.clock.now());
    let certificates: Vec<Vec<u8>> = keys.iter().map(|key| key.certificate.clone()).collect();
    let (query, prefix) = (query.to_owned(), format!("{}/saml/", provider.urls.gatehouse));
    let asked = blocking(move || message::read(&query, &certificates)).await?;
    if asked.issuer.starts_with(&prefix) { Ok(asked) } else { Err(refused("a service provider that is not gatehouse")) }
}

async fn credential(provider: &Provider) -> Result<Arc<Credential>, PageError> {
    saml_keys::ready(&provider.own).await.map_err(|e| PageError::internal(e.to_string()))?;
    provider.own.credentials.signing(provider.own.clock.now()).ok_or_else(|| PageError::internal("there is no key to sign with"))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, PageError> {
    let done = tokio::task::spawn_blocking(work).await.map_err(|e| PageError::internal(e.to_string()))?;
    done.map_err(|e| refused(&e.to_string()))
}

fn refused(cause: &str) -> PageError {
    let explanation = "This identity provider answers signed requests of the demo's gatehouse, and nothing else.";
    PageError::new(StatusCode::BAD_REQUEST, "bad_request", "That did not work", explanation, cause)
        .advise("Begin again at the demo control plane.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::markup::{HOSTILE, check};

    #[test]
    fn the_page_is_sound() {
        let person = Person { email: HOSTILE, name: (HOSTILE, HOSTILE), password: None, brief: HOSTILE, note: HOSTILE };
        check("saml", &Choice { people: &[person], action: HOSTILE }.render().unwrap());
    }
}
