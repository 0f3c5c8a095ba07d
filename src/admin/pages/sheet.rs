//! A form on its page: its fields, what is wrong with them, and what to do elsewhere beside it.

use askama::Template;
use askama_web::WebTemplate;
use axum::{
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use serde_json::Value;

use super::{
    caller::Posted,
    fields::Noun,
    form::{self, Difference, Known, Laid},
    frame::Frame,
    guide::Guide,
};
use crate::{
    apply::single::Fault,
    page::{scripted_policy, set_policy},
    policy::finding::Finding,
};

/// A form to show.
pub struct Sheet<'a> {
    /// Whose fields.
    pub noun: &'a Noun,
    /// The way back, and what it says.
    pub back: (String, &'a str),
    /// Where it is sent.
    pub action: &'a str,
    /// The thing as it is stored, or as a new one begins.
    pub thing: &'a Value,
    /// What was typed before.
    pub posted: Option<&'a Posted>,
    /// What is wrong with that.
    pub faults: &'a [Fault],
    /// What is known of the fields besides.
    pub known: Known,
    /// What goes along unseen.
    pub hidden: &'a [(&'static str, String)],
    /// What to do elsewhere.
    pub guide: Option<Guide>,
    /// What stands above the form, as its own template has written it.
    pub section: Option<String>,
    /// Whether there is such a thing already.
    pub is_stored: bool,
    /// What it was when the form was opened, which goes along.
    pub version: Option<String>,
    /// Whether somebody else has changed it since.
    pub stale: bool,
    /// Where it is checked without being saved, if it can be.
    pub check: Option<String>,
    /// What that gave.
    pub findings: Option<&'a [Finding]>,
    /// Where it can be deleted.
    pub delete: Option<&'a str>,
    /// Where it can be tested.
    pub test: Option<&'a str>,
    /// What its administrator must not overlook.
    pub notices: Vec<Notice>,
    /// What stands below the form, as its own template has written it.
    pub below: Option<String>,
    /// What else can be done with it: where, and what the link says.
    pub also: Vec<(String, &'static str)>,
}

/// Something not to be overlooked, and where it can be mended if that is elsewhere: where, and what the link says.
#[derive(Clone, Debug)]
pub struct Notice {
    /// What.
    pub text: String,
    /// Where.
    pub way: Option<(String, &'static str)>,
}

impl From<String> for Notice {
    fn from(text: String) -> Self {
        Self { text, way: None }
    }
}

#[derive(Template, WebTemplate)]
#[template(path = "admin/form.html")]
struct Page<'a> {
    frame: &'a Frame,
    failed: bool,
    stale: bool,
    differences: Vec<Difference>,
    rest: &'a [&'a str],
    back: &'a str,
    back_text: &'a str,
    lead: &'a str,
    /// Whether values to copy follow what is typed.
    follows: bool,
    guide: Option<Guide>,
    section: Option<String>,
    action: &'a str,
    hidden: &'a [(&'static str, String)],
    version: Option<&'a str>,
    laid: Laid,
    save: &'a str,
    check: Option<&'a str>,
    findings: Option<&'a [Finding]>,
    delete: Option<&'a str>,
    test: Option<&'a str>,
    notices: Vec<Notice>,
    below: Option<String>,
    also: Vec<(String, &'static str)>,
}

impl Sheet<'_> {
    /// The page; with faults 422, after somebody else's change 409.
    #[must_use]
    pub fn page(self, frame: &Frame) -> Response {
        let fields = self.noun.fields(self.thing);
        let read = |name: &str| self.posted.and_then(|posted| posted.one(name));
        let posted: Option<form::Posted<'_>> = self.posted.map(|_| &read as form::Posted<'_>);
        let mut shown = form::show(fields, posted, self.thing, self.faults, self.is_stored);
        self.known.tell(&mut shown);
        let failed = self.stale || !self.faults.is_empty();
        let differences = match posted {
            Some(posted) if self.stale => form::differences(fields, posted, self.thing),
            _ => Vec::new(),
        };
        let page = Page {
            frame,
            failed,
            stale: self.stale,
            differences,
            rest: &form::rest(fields, self.faults),
            back: &self.back.0,
            back_text: self.back.1,
            lead: self.noun.lead,
            follows: self.guide.as_ref().is_some_and(|guide| guide.follows.is_some()),
            guide: self.guide,
            section: self.section,
            action: self.action,
            hidden: self.hidden,
            version: self.version.as_deref(),
            laid: Laid::of(shown),
            save: if self.is_stored { "Save" } else { "Create" },
            check: self.check.as_deref(),
            findings: self.findings,
            delete: self.delete,
            test: self.test,
            notices: self.notices,
            below: self.below,
            also: self.also,
        };
        let status = match (self.stale, failed) {
            (true, _) => StatusCode::CONFLICT,
            (false, true) => StatusCode::UNPROCESSABLE_ENTITY,
            (false, false) => StatusCode::OK,
        };
        let mut response = (status, page).into_response();
        if self.check.is_some() {
            set_policy(response.headers_mut(), &scripted_policy());
        }
        response
    }
}
