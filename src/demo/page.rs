//! The page of the demo control plane.

use askama::Template;
use askama_web::WebTemplate;
use serde_json::Value;

use crate::moment::{Moment, span};

/// The one page of the demo control plane, signed in or not. Its forms post `csrf` to `refresh` and `sign_out`.
#[derive(Debug, Template, WebTemplate)]
#[template(path = "demo/control_plane.html")]
pub struct ControlPlane<'a> {
    /// Who is signed in and with what.
    pub session: Option<Session<'a>>,
    /// Whom a newcomer can sign in as; shown while nobody is.
    pub people: &'a [Person<'a>],
    /// What just went well.
    pub notice: Option<&'a str>,
    /// What just went wrong.
    pub error: Option<&'a str>,
    /// Where "Sign in" leads.
    pub sign_in: &'a str,
    /// Where "Refresh tokens" posts.
    pub refresh: &'a str,
    /// Where "Sign out" posts.
    pub sign_out: &'a str,
    /// The form token.
    pub csrf: &'a str,
}

/// Somebody of the demo.
#[derive(Debug)]
pub struct Person<'a> {
    /// The address to type.
    pub email: &'a str,
    /// Given and family name; the latter may be empty.
    pub name: (&'a str, &'a str),
    /// The password, where there is one.
    pub password: Option<&'a str>,
    /// How they sign in, in a few words.
    pub brief: &'a str,
    /// What signing in as them shows.
    pub note: &'a str,
}

/// What the control plane holds for the person signed in.
#[derive(Debug)]
pub struct Session<'a> {
    /// Who.
    pub email: &'a str,
    /// The tenant.
    pub tenant: &'a str,
    /// One for each token.
    pub lifetimes: Vec<Lifetime<'a>>,
    /// The access token's claims, the answer of whoami, …
    pub panels: Vec<Panel<'a>>,
}

/// How long a token is good for.
#[derive(Debug)]
pub struct Lifetime<'a> {
    /// "Access token", "Refresh token".
    pub name: &'a str,
    granted: String,
    left: String,
    expires: Moment,
}

impl<'a> Lifetime<'a> {
    /// Of a token's `iat` and `exp`; all times are unix seconds.
    #[must_use]
    pub fn new(name: &'a str, issued: i64, expires: i64, now: i64) -> Self {
        let (granted, left) = (span(expires.saturating_sub(issued)), span(expires.saturating_sub(now)));
        Self { name, granted, left, expires: Moment(expires) }
    }
}

/// A table of claims.
#[derive(Debug)]
pub struct Panel<'a> {
    /// Its heading.
    pub title: &'a str,
    /// One sentence about it.
    pub note: &'a str,
    /// Its rows.
    pub claims: Vec<Claim>,
}

/// A row: a name, its value and what that means.
#[derive(Debug)]
pub struct Claim {
    name: String,
    value: String,
    meaning: String,
}

impl Claim {
    /// The members of a JSON object as rows, the well-known ones first: text without its quotes, lists with commas,
    /// inner objects by dotted names, times also in words.
    #[must_use]
    pub fn rows(object: &Value) -> Vec<Self> {
        let mut rows = Vec::new();
        flatten("", object, &mut rows);
        let place = |name: &str| MEANINGS.iter().position(|(known, _)| *known == name).unwrap_or(MEANINGS.len());
        rows.sort_by_cached_key(|row| (place(&row.name), row.name.clone()));
        rows
    }
}

fn flatten(prefix: &str, object: &Value, rows: &mut Vec<Claim>) {
    for (name, value) in object.as_object().into_iter().flatten() {
        let name = format!("{prefix}{name}");
        if value.as_object().is_some_and(|members| !members.is_empty()) {
            flatten(&format!("{name}."), value, rows);
            continue;
        }
        let meaning = MEANINGS.iter().find(|(known, _)| *known == name).map_or("", |(_, meaning)| meaning);
        let meaning = match (name.as_str(), value.as_i64()) {
            ("exp" | "iat" | "nbf" | "auth_time" | "updated_at", Some(time)) => format!("{meaning}: {}", Moment(time)),
            _ => meaning.to_owned(),
        };
        let value = match value.as_array() {
            Some(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
            None => text(value),
        };
        rows.push(Claim { name, value, meaning });
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

const MEANINGS: [(&str, &str); 25] = [
    ("typ", "what kind of token it is, so that none passes for another"),
    ("alg", "how it is signed"),
    ("kid", "the key that signed it, found in the JWKS"),
    ("iss", "who issued and signed it"),
    ("sub", "whom it is about: the user's id, which never changes"),
    ("aud", "whom it is meant for"),
    ("azp", "the client it was issued to"),
    ("client_id", "the client it was issued to"),
    ("tenant", "the customer organisation"),
    ("email", ""),
    ("email_verified", "whether somebody vouched for the address"),
    ("name", ""),
    ("groups", "groups at the identity provider"),
    ("updated_at", "the profile changed"),
    ("scope", "what it may be used for"),
    ("iat", "issued"),
    ("nbf", "not good before"),
    ("exp", "expires"),
    ("auth_time", "the person proved who they are"),
    ("jti", "the token's own id"),
    ("fam", "the family of tokens that ends together"),
    ("sid", "the session it belongs to"),
    ("nonce", "binds it to the request of this browser"),
    ("at_hash", "binds it to the access token issued with it"),
    ("principal.kind", "what a request with this token acts as"),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::markup::{HOSTILE, check};

    fn page(session: Option<Session<'_>>) -> String {
        let people =
            [Person { email: HOSTILE, name: (HOSTILE, HOSTILE), password: Some(HOSTILE), brief: HOSTILE, note: HOSTILE }];
        let (sign_in, refresh, sign_out) = ("/demo/sign-in", "/demo/refresh", "/demo/sign-out");
        let page = ControlPlane {
            session,
            people: &people,
            notice: Some(HOSTILE),
            error: Some(HOSTILE),
            sign_in,
            refresh,
            sign_out,
            csrf: HOSTILE,
        };
        page.render().unwrap()
    }

    #[test]
    fn both_states_of_the_page_are_sound() {
        check("signed out", &page(None));
        let inner = json!({"kind": HOSTILE, "none": {}});
        let claims =
            json!({HOSTILE: HOSTILE, "exp": 1_763_808_900, "groups": ["a", "b"], "email_verified": true, "principal": inner});
        let signed_in = page(Some(Session {
            email: HOSTILE,
            tenant: HOSTILE,
            lifetimes: vec![Lifetime::new(HOSTILE, 0, 86_400, 60)],
            panels: vec![Panel { title: HOSTILE, note: HOSTILE, claims: Claim::rows(&claims) }],
        }));
        check("signed in", &signed_in);
        for words in [
            "<code>a, b</code>",
            "<code>principal.none</code></th><td><code>{}</code>",
            "expires: 22 November 2025, 10:55 UTC",
            "<td>1 day</td><td>23 h 59 min</td>",
            "<code>true</code>",
        ] {
            assert!(signed_in.contains(words), "{words}");
        }
    }
}
