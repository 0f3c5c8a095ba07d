//! A question before something is lost, and the way to a page that says what was done.

use askama::Template;
use askama_web::WebTemplate;
use axum::{
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};

use super::frame::Frame;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What it means.
    pub lead: &'a str,
    /// What is lost, a line each.
    pub loss: &'a [String],
    /// Where yes goes.
    pub action: &'a str,
    /// Where no leads.
    pub back: &'a str,
    /// What the button says.
    pub yes: &'a str,
    /// Why it could not be done.
    pub error: Option<&'a str>,
}

/// What is better done before, and where.
#[derive(Clone, Debug, Default)]
pub struct Before {
    /// What.
    pub hint: &'static str,
    /// Where: an address, and its words.
    pub places: Vec<(String, String)>,
}

/// The field of a form that is a yes to a question, and holds nothing that somebody typed: the question has the same address.
pub const ASKED: &str = "asked";

#[derive(Debug, Template, WebTemplate)]
#[template(path = "admin/confirm.html")]
struct Page<'a> {
    frame: &'a Frame,
    failed: bool,
    question: Question<'a>,
    before: &'a Before,
    /// The name of the field that says it is a yes and no more; nothing where what was typed goes along.
    asked: Option<&'a str>,
    carried: &'a [(String, String)],
    /// Secrets that are typed again: the field, and its words.
    again: &'a [(&'a str, &'a str)],
}

impl Question<'_> {
    /// The page; after a refusal 409.
    #[must_use]
    pub fn page(self, frame: &Frame) -> Response {
        self.after(&Before::default(), frame)
    }

    /// The page, where something is better done before.
    #[must_use]
    pub fn after(self, before: &Before, frame: &Frame) -> Response {
        self.about(before, &[], frame)
    }

    /// The same, where these fields go along with yes; nobody has typed them.
    #[must_use]
    pub fn about(self, before: &Before, carried: &[(String, String)], frame: &Frame) -> Response {
        let failed = self.error.is_some();
        let status = if failed { StatusCode::CONFLICT } else { StatusCode::OK };
        (status, Page { frame, failed, question: self, before, asked: Some(ASKED), carried, again: &[] }).into_response()
    }

    /// The page, where these fields of a form go along with yes, and these secrets are typed again.
    #[must_use]
    pub fn carrying(self, carried: &[(String, String)], again: &[(&str, &str)], frame: &Frame) -> Response {
        Page { frame, failed: false, question: self, before: &Before::default(), asked: None, carried, again }.into_response()
    }
}

/// To a page that says what was done (`Frame::done`).
#[must_use]
pub fn done(path: &str, what: &str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, format!("{path}?done={what}"))]).into_response()
}
