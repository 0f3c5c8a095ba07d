//! What the person sees. Each struct fills one template; everything in it is escaped when it is rendered, and foreign
//! names are isolated (`<bdi>`) so that right-to-left marks in them cannot reorder the sentence around them.
//!
//! The pages work without JavaScript and under a policy without inline code: see [`crate::page`].

use askama::Template;
use askama_web::WebTemplate;

use crate::moment::Moment;

/// The sign-in page. Its forms post to `action`: `csrf` with `connection` (a button), with `email` (Continue), or with
/// `email` and `with=password`.
#[derive(Debug, Template, WebTemplate)]
#[template(path = "login/choose.html")]
pub struct Choose<'a> {
    /// The tenant's display name.
    pub tenant: &'a str,
    /// The client's name.
    pub client: &'a str,
    /// Where the forms go.
    pub action: &'a str,
    /// The form token.
    pub csrf: &'a str,
    /// What was typed before, or the client's `login_hint`; may be empty.
    pub email: &'a str,
    /// One for each connection offered for sign-in.
    pub buttons: &'a [Button<'a>],
    /// Whether the e-mail field is of use: there are domains to discover by, or passwords.
    pub ask_email: bool,
    /// Whether passwords are offered.
    pub password_allowed: bool,
    /// What went wrong with the last try.
    pub error: Option<&'a str>,
}

/// A connection to sign in over.
#[derive(Debug)]
pub struct Button<'a> {
    /// The connection's name.
    pub connection: &'a str,
    /// What the button says.
    pub text: &'a str,
    /// Its picture; shown only when it is an `https:` URL.
    pub image: Option<&'a str>,
}

impl Button<'_> {
    fn safe_image(&self) -> Option<&str> {
        self.image.filter(|url| url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://")))
    }
}

/// The page that asks whose people somebody is. Its form posts `csrf`, `to` and `who` to `action`.
#[derive(Debug, Template, WebTemplate)]
#[template(path = "login/own.html")]
pub struct Own<'a> {
    /// Where the form goes.
    pub action: &'a str,
    /// The form token.
    pub csrf: &'a str,
    /// The page of ours to end at.
    pub to: &'a str,
    /// What was typed before; may be empty.
    pub who: &'a str,
    /// What went wrong with the last try.
    pub error: Option<&'a str>,
}

/// The page that makes the first administrator. Its form posts `csrf`, `organisation`, `email`, `name` and `password`.
#[derive(Debug, Template, WebTemplate)]
#[template(path = "login/setup.html")]
pub struct Setup<'a> {
    /// Where the form goes: the link itself.
    pub action: &'a str,
    /// The form token.
    pub csrf: &'a str,
    /// What was typed before.
    pub organisation: &'a str,
    /// What was typed before.
    pub email: &'a str,
    /// What was typed before.
    pub name: &'a str,
    /// The fewest characters that a password must have.
    pub least: usize,
    /// What went wrong with the last try.
    pub wrong: Wrong<'a>,
}

/// What is wrong with the form of [`Setup`], beside each field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wrong<'a> {
    /// With the organisation's name.
    pub organisation: Option<&'a str>,
    /// With their own name.
    pub name: Option<&'a str>,
    /// With the address.
    pub email: Option<&'a str>,
    /// With the password.
    pub password: Option<&'a str>,
    /// With no field.
    pub whole: Option<&'a str>,
}

impl Wrong<'_> {
    /// Whether anything is.
    #[must_use]
    pub fn is_any(&self) -> bool {
        *self != Wrong::default()
    }
}

/// The page of a link that lets an administrator in. Its form posts `csrf`.
#[derive(Debug, Template, WebTemplate)]
#[template(path = "login/break_glass.html")]
pub struct BreakGlass<'a> {
    /// Where the form goes: the link itself.
    pub action: &'a str,
    /// The form token.
    pub csrf: &'a str,
    /// Whom it lets in.
    pub email: &'a str,
    /// Their organisation.
    pub tenant: &'a str,
    /// Who made the link.
    pub made_by: &'a str,
}

/// The password page. Its form posts `csrf`, `email` and `password` to `action`.
#[derive(Debug, Template, WebTemplate)]
#[template(path = "login/password.html")]
pub struct Password<'a> {
    /// The tenant's display name.
    pub tenant: &'a str,
    /// The client's name.
    pub client: &'a str,
    /// Where the form goes.
    pub action: &'a str,
    /// The form token.
    pub csrf: &'a str,
    /// What was typed before; may be empty.
    pub email: &'a str,
    /// The sign-in page's address, when it has another way to offer.
    pub back: Option<&'a str>,
    /// [`NO_MATCH`], [`too_many_attempts`], or another thing that went wrong.
    pub error: Option<&'a str>,
}

/// The one answer to a wrong password, an unknown address and a user without a password: it tells nobody which.
pub const NO_MATCH: &str = "That e-mail address and password do not match.";

/// What the password page says while it is throttled. `minutes` is rounded up by the caller.
#[must_use]
pub fn too_many_attempts(minutes: i64) -> String {
    let wait = if minutes <= 1 { "a minute".to_owned() } else { format!("{minutes} minutes") };
    format!("Too many attempts. Wait {wait}, or use single sign-on.")
}

/// The page of an invite. Its forms post to `action`: `csrf` with `connection` (a button), or with `name` and `password`.
#[derive(Debug, Template, WebTemplate)]
#[template(path = "login/invite.html")]
pub struct Invited<'a> {
    /// The tenant's display name.
    pub tenant: &'a str,
    /// Who invites.
    pub by: &'a str,
    /// The name of who is invited, as far as it is known; may be empty.
    pub name: &'a str,
    /// The name that stands in the form; may be empty.
    pub typed: &'a str,
    /// The address that is invited.
    pub email: &'a str,
    /// When the invite ends.
    pub until: Moment,
    /// Where the forms go: the link itself.
    pub action: &'a str,
    /// The form token.
    pub csrf: &'a str,
    /// One for each connection offered for sign-in.
    pub buttons: &'a [Button<'a>],
    /// Whether a password can be chosen.
    pub password: bool,
    /// The fewest characters that it must have.
    pub least: usize,
    /// What went wrong with the last try.
    pub error: Option<&'a str>,
}

/// The consent page. Its form posts `csrf` and `decision` (`allow`, `deny` or `switch`) to `action`.
#[derive(Debug, Template, WebTemplate)]
#[template(path = "login/consent.html")]
pub struct Consent<'a> {
    /// The tenant's display name.
    pub tenant: &'a str,
    /// The client's name.
    pub client: &'a str,
    /// The host (and port) of the redirect URI, or its whole scheme for an app's own scheme.
    pub redirect_host: &'a str,
    /// What it asks for, in words: [`permission`] of each scope.
    pub permissions: &'a [String],
    /// Who is signed in.
    pub email: &'a str,
    /// Where the form goes.
    pub action: &'a str,
    /// The form token.
    pub csrf: &'a str,
}

/// A scope in words, to follow "If you allow it, it can". Scopes that only this deployment knows are named as they are.
#[must_use]
pub fn permission(scope: &str) -> String {
    match scope {
        "openid" => "know that it is you, by an identifier of your account".into(),
        "profile" => "see your name".into(),
        "email" => "see your e-mail address".into(),
        "groups" => "see the groups you are in".into(),
        "offline_access" => "stay signed in for you while you are away".into(),
        other => format!("use “{other}”"),
    }
}

/// The account page. Its form posts `csrf` to `action`, which signs out.
#[derive(Debug, Template, WebTemplate)]
#[template(path = "login/signed_in.html")]
pub struct SignedIn<'a> {
    /// The person's name, or the address where there is none.
    pub name: &'a str,
    /// The address.
    pub email: &'a str,
    /// The tenant's display name.
    pub tenant: &'a str,
    /// "a password", or the name of the connection.
    pub method: &'a str,
    /// When the person signed in.
    pub since: Moment,
    /// When the session ends if it is not used.
    pub idle_until: Moment,
    /// When it ends in any case.
    pub until: Moment,
    /// Whether the admin pages are for them.
    pub administers: bool,
    /// Where the form goes.
    pub action: &'a str,
    /// The form token.
    pub csrf: &'a str,
}

/// The question before a sign-out that nobody vouches for (OpenID Connect RP-Initiated Logout §2). Its form posts
/// `csrf` and `fields` to `action`.
#[derive(Debug, Template, WebTemplate)]
#[template(path = "logout/confirm.html")]
pub struct SignOut<'a> {
    /// Who is signed in.
    pub email: &'a str,
    /// Where the form goes.
    pub action: &'a str,
    /// The form token.
    pub csrf: &'a str,
    /// What the request brought and must survive the question.
    pub fields: &'a [(&'a str, &'a str)],
    /// Where "Stay signed in" leads.
    pub stay: &'a str,
}

/// The end of a sign-out that leads nowhere else.
#[derive(Debug, Template, WebTemplate)]
#[template(path = "logout/done.html")]
pub struct SignedOut<'a> {
    /// A link on: its address and its words.
    pub way_on: Option<(&'a str, &'a str)>,
    /// Whether the identity provider was asked to sign the person out, and did not say that it has.
    pub remains: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::markup::{HOSTILE, check};

    fn choose<'a>(buttons: &'a [Button<'a>], error: Option<&'a str>) -> Choose<'a> {
        Choose {
            tenant: HOSTILE,
            client: HOSTILE,
            action: HOSTILE,
            csrf: HOSTILE,
            email: HOSTILE,
            buttons,
            ask_email: true,
            password_allowed: true,
            error,
        }
    }

    fn password(error: Option<&str>) -> Password<'_> {
        let back = error;
        Password { tenant: HOSTILE, client: HOSTILE, action: HOSTILE, csrf: HOSTILE, email: HOSTILE, back, error }
    }

    fn invited<'a>(buttons: &'a [Button<'a>], password: bool, error: Option<&'a str>) -> Invited<'a> {
        Invited {
            tenant: HOSTILE,
            by: HOSTILE,
            name: HOSTILE,
            typed: HOSTILE,
            email: HOSTILE,
            until: Moment(1_763_808_900),
            action: HOSTILE,
            csrf: HOSTILE,
            buttons,
            password,
            least: 12,
            error,
        }
    }

    #[test]
    fn every_page_is_sound_with_hostile_values() {
        let buttons = [
            Button { connection: HOSTILE, text: HOSTILE, image: Some("https://idp.example/\"><script>") },
            Button { connection: "plain", text: "Plain", image: None },
        ];
        let permissions = [permission("openid"), permission(HOSTILE)];
        let moment = Moment(1_763_808_900);
        let fields = [("SAMLRequest", HOSTILE), (HOSTILE, "x")];
        let way_on = Some((HOSTILE, HOSTILE));
        let (since, idle_until, until) = (moment, moment, moment);
        #[rustfmt::skip]
        let wrong = Wrong { organisation: Some(HOSTILE), name: Some(HOSTILE), email: Some(HOSTILE), password: Some(HOSTILE), whole: Some(HOSTILE) };
        let pages = [
            ("choose", choose(&buttons, None).render()),
            ("choose, bare", choose(&[], None).render()),
            ("choose, failed", choose(&buttons, Some(HOSTILE)).render()),
            ("own", Own { action: HOSTILE, csrf: HOSTILE, to: HOSTILE, who: HOSTILE, error: Some(HOSTILE) }.render()),
            (
                "setup",
                Setup { action: HOSTILE, csrf: HOSTILE, organisation: HOSTILE, email: HOSTILE, name: HOSTILE, least: 12, wrong }
                    .render(),
            ),
            (
                "setup, before",
                Setup {
                    action: HOSTILE,
                    csrf: HOSTILE,
                    organisation: "",
                    email: "",
                    name: "",
                    least: 12,
                    wrong: Wrong::default(),
                }
                .render(),
            ),
            (
                "break glass",
                BreakGlass { action: HOSTILE, csrf: HOSTILE, email: HOSTILE, tenant: HOSTILE, made_by: HOSTILE }.render(),
            ),
            ("password", password(None).render()),
            ("password, failed", password(Some(HOSTILE)).render()),
            ("invite", invited(&buttons, true, None).render()),
            ("invite, single sign-on only", invited(&buttons, false, None).render()),
            ("invite, password only, failed", invited(&[], true, Some(HOSTILE)).render()),
            ("invite, no way in", invited(&[], false, None).render()),
            (
                "consent",
                Consent {
                    tenant: HOSTILE,
                    client: HOSTILE,
                    redirect_host: HOSTILE,
                    permissions: &permissions,
                    email: HOSTILE,
                    action: HOSTILE,
                    csrf: HOSTILE,
                }
                .render(),
            ),
            (
                "signed in",
                SignedIn {
                    name: HOSTILE,
                    email: HOSTILE,
                    tenant: HOSTILE,
                    method: HOSTILE,
                    since,
                    idle_until,
                    until,
                    administers: true,
                    action: HOSTILE,
                    csrf: HOSTILE,
                }
                .render(),
            ),
            ("sign out", SignOut { email: HOSTILE, action: HOSTILE, csrf: HOSTILE, fields: &fields, stay: HOSTILE }.render()),
            ("signed out", SignedOut { way_on, remains: false }.render()),
            ("signed out here only", SignedOut { way_on, remains: true }.render()),
        ];
        for (name, html) in pages {
            let html = html.unwrap();
            check(name, &html);
            assert!(!html.contains("<script"), "{name}: no script");
        }
    }

    #[test]
    fn button_pictures_come_over_https_only() {
        for (image, shown) in [
            ("https://idp.example/logo.svg", true),
            ("HTTPS://idp.example/logo.svg", true),
            ("http://idp.example/logo.svg", false),
            ("javascript:alert(1)//", false),
            ("data:image/svg+xml,<svg/>", false),
            ("//idp.example/logo.svg", false),
            (" https://idp.example/logo.svg", false),
            ("ééééé", false),
        ] {
            assert_eq!(Button { connection: "c", text: "t", image: Some(image) }.safe_image().is_some(), shown, "{image}");
        }
    }

    #[test]
    fn what_was_typed_stays_and_the_error_is_tied_to_its_field() {
        let page = Password { email: "ada@acme.example", error: Some(NO_MATCH), ..password(None) };
        let html = page.render().unwrap();
        for words in ["value=\"ada@acme.example\"", "role=\"alert\" id=\"error\"", "aria-describedby=\"error\"", "<title>Error: "]
        {
            assert!(html.contains(words), "{words}");
        }
        assert!(!html.contains("type=\"password\" value"));
        assert_eq!(too_many_attempts(0), "Too many attempts. Wait a minute, or use single sign-on.");
        assert_eq!(too_many_attempts(5), "Too many attempts. Wait 5 minutes, or use single sign-on.");
    }
}
