//! A form that was sent after its sign-in had ended. Nothing of it is done, and what was typed is not lost: the answer holds
//! the form as it came, to be sent again once its owner has signed in, in another tab of the same browser. Nothing is stored.
//!
//! Only a form of ours is given back, with a token that this browser was given for that user ([`proven`]). So no other site can
//! have somebody send what it has filled in; and whoever signs in as somebody else cannot send it. Secrets are typed again: a
//! page never says one. A yes to a question is not given back: the way leads to the question, which says what will be lost, or the
//! form that carried it asks again.

use askama::Template;
use askama_web::WebTemplate;
use axum::{
    extract::{FromRequestParts as _, Request},
    http::{Method, StatusCode},
    response::IntoResponse as _,
};

use super::{
    caller::{Refused, fields_of, is_foreign, proven},
    confirm::ASKED,
    fields,
    form::Kind,
    switching::{ANEW, CONFIRMED},
};
use crate::{app::App, session::Visit};

#[derive(Debug, Template, WebTemplate)]
#[template(path = "admin/ended.html")]
struct Page<'a> {
    action: &'a str,
    /// Whether it was a yes to a question, which has the same address.
    asked: bool,
    carried: &'a [(String, String)],
    /// Secrets that are typed again: the field, and its words.
    again: &'a [(String, &'static str)],
}

/// The same refusal; or, where nobody is signed in and the form is ours, the page that gives it back.
pub async fn kept(refusal: Refused, request: Request, app: &App) -> Refused {
    if !matches!(refusal, Refused::SignIn(_)) || request.method() != Method::POST || is_foreign(request.headers(), app.issuer()) {
        return refusal;
    }
    let (mut parts, body) = request.into_parts();
    let action = parts.uri.path_and_query().map_or("/admin", |p| p.as_str()).to_owned();
    let Ok(visit) = Visit::from_request_parts(&mut parts, app).await else { return refusal };
    let Ok(fields) = fields_of(Request::from_parts(parts, body), app).await else { return refusal };
    let token = fields.iter().find(|(name, _)| name == "csrf").map_or("", |(_, value)| value.as_str());
    if proven(&visit, app, token).is_none() {
        return refusal;
    }
    let asked = fields.iter().any(|(name, _)| name == ASKED);
    let (carried, again) = if asked { Default::default() } else { parted(fields) };
    let page = Page { action: &action, asked, carried: &carried, again: &again };
    Refused::Kept(Box::new((StatusCode::FORBIDDEN, page).into_response()))
}

/// What a form said: names and values.
type Fields = Vec<(String, String)>;
/// Secrets that are typed again: the field, and its words.
type Again = Vec<(String, &'static str)>;

/// What goes along unseen, and the secrets that are typed again: those that were, and those that already were to be.
fn parted(fields: Fields) -> (Fields, Again) {
    let mut again = Again::new();
    let mut carried = Vec::new();
    // A yes that stood in a form is left out: sent again, it is asked for again.
    for (name, value) in fields.into_iter().filter(|(name, _)| name != CONFIRMED) {
        let secret = if name == ANEW { value.clone() } else { name.clone() };
        if name != ANEW && !is_secret(&name) {
            carried.push((name, value));
        } else if !value.is_empty() && is_secret(&secret) && again.iter().all(|(known, _)| *known != secret) {
            again.push((secret.clone(), label(&secret)));
        }
    }
    // Without them the form comes back, rather than being saved.
    carried.extend(again.iter().map(|(secret, _)| (ANEW.to_owned(), secret.clone())));
    (carried, again)
}

/// By its name, so that no form has to say so: what is a secret on any of them is called one.
fn is_secret(field: &str) -> bool {
    let leaf = field.rsplit('.').next().unwrap_or_default();
    leaf == "password" || leaf == "token" || leaf.ends_with("secret")
}

fn label(field: &str) -> &'static str {
    fields::all().find(|known| known.kind == Kind::Secret && known.path == field).map_or("Secret", |known| known.label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_of_a_form_is_known_by_its_name() {
        let mut found = 0;
        for field in fields::all() {
            assert_eq!(is_secret(field.path), field.kind == Kind::Secret, "{}", field.path);
            found += usize::from(field.kind == Kind::Secret);
        }
        assert!(found > 4, "{found}");
        assert_eq!((is_secret("csrf"), is_secret("token"), label("token")), (false, true, "Secret"));
    }

    #[test]
    fn secrets_are_typed_again_and_the_rest_goes_along() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let sent = vec![
            pair("csrf", "t"),
            pair("name", "okta"),
            pair("oidc.client_secret", "hush"),
            pair("secret", ""),
            pair("anew", "password"),
            pair("password", ""),
            pair("anew", "name"),
            pair("confirmed", "on"),
        ];
        let (carried, again) = parted(sent);
        assert_eq!(again, [("oidc.client_secret".to_owned(), "Client secret"), ("password".to_owned(), "Password")]);
        let expected = [pair("csrf", "t"), pair("name", "okta"), pair("anew", "oidc.client_secret"), pair("anew", "password")];
        assert_eq!(carried, expected);
    }
}
