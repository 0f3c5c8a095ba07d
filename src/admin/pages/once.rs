//! A secret that is shown once, on the answer that made it.

use askama::Template;
use askama_web::WebTemplate;
use axum::{
    http::header,
    response::{IntoResponse as _, Response},
};

use super::frame::Frame;

/// What is shown.
#[derive(Debug)]
pub struct Once<'a> {
    /// Where the page before is, and what it is called.
    pub back: (&'a str, &'a str),
    /// What to do with it.
    pub lead: &'a str,
    /// Values to copy, with what they are.
    pub values: &'a [(&'static str, String)],
    /// What else to know, a line each.
    pub notes: &'a [String],
}

#[derive(Template, WebTemplate)]
#[template(path = "admin/once.html")]
struct Page<'a> {
    frame: &'a Frame,
    failed: bool,
    once: Once<'a>,
}

impl<'a> Once<'a> {
    /// The page; no cache keeps it.
    #[must_use]
    pub fn page(self, frame: &'a Frame) -> Response {
        ([(header::CACHE_CONTROL, "no-store")], Page { frame, failed: false, once: self }).into_response()
    }
}
