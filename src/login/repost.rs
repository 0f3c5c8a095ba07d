//! An answer that another site posted comes without our cookies: browsers keep those that are `SameSite=Lax` from it. So
//! the answer is handed back as a form that posts itself from a page of ours to the same address; then the cookies come
//! along, and whether this browser made the departure is decided by them as ever. It happens once: the second post is
//! marked. A mark that somebody else sets only takes that second chance away.

use axum::{
    http::Uri,
    response::{IntoResponse as _, Response},
};

use crate::{
    app::App,
    oauth::{authorize::AuthorizeRequest, params::Params},
    page::{FormPost, content_security_policy, set_policy},
};

/// Marks the second post.
const MARK: &str = "reposted";

/// Whether this is the second post already.
#[must_use]
pub fn is_marked(answer: &Params) -> bool {
    !answer.all(MARK).is_empty()
}

/// The page that posts `response` again to the address it came to. `asked` is what the login that the answer names asked
/// for, whoever began it: the policy of the page has to admit where that leads, since browsers hold every redirect after
/// a form to it.
#[must_use]
pub fn page(app: &App, uri: &Uri, response: &str, relay_state: Option<&str>, asked: Option<&AuthorizeRequest>) -> Response {
    let mut fields = vec![("SAMLResponse", response)];
    // Nothing but the names of departures goes round: whatever else stands there is not ours.
    fields.extend(relay_state.filter(|name| is_plain(name) && name.len() <= 64).map(|name| ("RelayState", name)));
    fields.push((MARK, "1"));
    let destination = app.settings.public_url.host_str().unwrap_or_default();
    let mut page = FormPost { action: uri.path(), destination, fields: &fields }.into_response();
    let mut leads_to = vec![app.issuer()];
    leads_to.extend(asked.map(|request| request.target.redirect_uri.as_str()));
    set_policy(page.headers_mut(), &content_security_policy(&leads_to, true));
    page
}

/// Whether `response` is made of the letters of base64 alone. Only such is handed back: its page is no larger than it is,
/// and nothing in it needs escaping.
#[must_use]
pub fn is_base64(response: &str) -> bool {
    response.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/= \r\n\t".contains(&b))
}

fn is_plain(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_base64_goes_round() {
        for good in ["PHNhbWw+", "PHNh\r\nbWw=", "AA==", ""] {
            assert!(is_base64(good), "{good}");
        }
        for bad in ["<script>", "a\"b", "%3C", "\u{e9}", "a&b"] {
            assert!(!is_base64(bad), "{bad}");
        }
    }

    #[test]
    fn a_mark_is_seen_whatever_it_says() {
        let marked = |text| is_marked(&Params::parse(text).unwrap_or_default());
        assert!(marked("SAMLResponse=x&reposted=1") && marked("reposted=no"));
        assert!(!marked("SAMLResponse=x") && !marked("RelayState=reposted"));
    }
}
