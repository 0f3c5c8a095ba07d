//! What is around every admin page: who is here, whose things these are, and the ways to the others.

use super::{caller::Caller, expiring, explanation};
use crate::{app::App, store::tenants::Tenant};

/// A link of the navigation.
#[derive(Clone, Debug)]
pub struct Way {
    /// Where it leads.
    pub href: String,
    /// What it says.
    pub text: &'static str,
    /// Whether this page is one of its.
    pub is_here: bool,
    /// How many things there wait for somebody.
    pub waiting: usize,
}

/// Ways to things of one kind.
#[derive(Clone, Debug)]
pub struct Group {
    /// What they have in common; empty: they are the first, and need no name.
    pub name: &'static str,
    /// In the order that they are shown in.
    pub ways: Vec<Way>,
}

/// Around a page.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The page's title.
    pub title: String,
    /// Who is here.
    pub who: String,
    /// Whose things these are.
    pub tenant: Option<(String, String)>,
    /// The tenant's pages.
    pub groups: Vec<Group>,
    /// The deployment's pages, for platform administrators.
    pub platform: Vec<Way>,
    /// The token of the page's forms.
    pub csrf: String,
    /// What has just been done.
    pub done: Option<&'static str>,
}

/// The pages of a tenant by what they are about: their part of the path, and what links say.
const OF_TENANT: [(&str, &[(&str, &str)]); 6] = [
    ("", &[("", "Overview")]),
    (
        "Sign-in",
        &[
            ("connections", "Connections"),
            ("domains", "Domains"),
            ("setup-links", "Set-up links"),
            ("clients", "Applications"),
            ("sign-ins", "Sign-ins"),
        ],
    ),
    ("People", &[("users", "Users"), ("teams", "Teams"), ("directories", "Directories")]),
    (
        "Machines",
        &[
            ("trusted_issuers", "Trusted issuers"),
            ("external_identities", "External identities"),
            ("virtual_accounts", "Virtual accounts"),
            ("service_tokens", "Service tokens"),
        ],
    ),
    ("Access", &[("resources", "Resources"), (SITES, "Sites"), (explanation::SECTION, "Explain a token")]),
    ("Organisation", &[("expiring", "Expiring"), ("audit", "Audit log"), ("settings", "Settings")]),
];

/// Hosts are the deployment's: only its administrators have this page.
const SITES: &str = "sites";

/// The pages of the deployment.
const OF_PLATFORM: [(&str, &str); 5] = [
    ("/admin/_/tenants", "Organisations"),
    ("/admin/_/sign-ins", "Sign-ins"),
    ("/admin/_/keys", "Signing keys"),
    (expiring::OF_PLATFORM, "Expiring"),
    ("/admin/_/audit", "Audit log"),
];

/// What a page may say that was done, by the word that its address carries: nothing of the address itself is ever shown.
const DONE: [(&str, &str); 27] = [
    ("created", "It was created."),
    ("saved", "The changes were saved."),
    ("unchanged", "Nothing had changed."),
    ("deleted", "It was deleted."),
    ("revoked", "It was revoked: whatever uses it is refused from now on."),
    ("challenged", "Publish the record below, then press Check now."),
    ("proven", "The record is there: the domain is proven."),
    ("not-there", "The record is not there yet, or says something else. Name servers may take a while to pass it on."),
    ("taken", "The record is there, but another organisation has proven this domain before. Ask whoever runs gatehouse."),
    ("in-force", "The new metadata is in force."),
    ("fetched", "It was fetched, and says what it said before."),
    ("fetched-anew", "It was fetched, and what it says is in force."),
    ("held", "It was fetched, and is held: compare it with what is in force."),
    ("not-fetched", "Nothing usable came: the last failure says why."),
    ("removed", "The role was taken."),
    ("added", "The roles were given."),
    ("joined", "They are in the team."),
    ("left", "They were taken out of the team."),
    ("invited", "The invite is on its way."),
    ("rotated", "The next key was made."),
    ("waiting", "Nothing was done: the next key is there already."),
    ("shown", "Nothing was done: this had been sent before, and what it made is shown only once."),
    ("deactivated", "The user was deactivated: their sessions and tokens have ended."),
    ("signed-out", "They were signed out everywhere, and may sign in again."),
    ("activated", "The user may come in again."),
    ("linked", "The identity is theirs: it signs them in from now on."),
    ("unlinked", "The identity was unlinked: sessions and tokens of the user have ended."),
];

impl Frame {
    /// Around a page of a tenant.
    #[must_use]
    pub fn of_tenant(app: &App, caller: &Caller, tenant: &Tenant, section: &str, title: impl Into<String>) -> Self {
        let near = app.endings.near(Some(&tenant.name), app.clock.now());
        let way = |&(part, text): &(&'static str, &'static str)| {
            let waiting = if part == "expiring" { near } else { 0 };
            Way { href: address(&tenant.name, part), text, is_here: part == section, waiting }
        };
        let is_theirs = |(part, _): &&(&str, &str)| *part != SITES || caller.operator.is_platform();
        let group = |(name, pages): (&'static str, &[_])| Group { name, ways: pages.iter().filter(is_theirs).map(way).collect() };
        Self {
            tenant: Some((tenant.name.clone(), tenant.display_name.clone())),
            groups: OF_TENANT.map(group).into(),
            ..Self::of_platform(app, caller, "", title)
        }
    }

    /// Around a page of the deployment.
    #[must_use]
    pub fn of_platform(app: &App, caller: &Caller, section: &str, title: impl Into<String>) -> Self {
        let platform = match caller.operator.is_platform() {
            true => {
                let near = app.endings.near(None, app.clock.now());
                let way = |(href, text): (&'static str, &'static str)| {
                    let waiting = if href == expiring::OF_PLATFORM { near } else { 0 };
                    Way { href: href.to_owned(), text, is_here: href == section, waiting }
                };
                OF_PLATFORM.map(way).to_vec()
            }
            false => Vec::new(),
        };
        let query = caller.path.split_once('?').map_or("", |(_, query)| query);
        let word = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "done").map(|(_, value)| value);
        let done = word.and_then(|word| said(&word));
        let user = &caller.operator.user;
        let who = user.name.as_deref().unwrap_or(user.email.as_str()).to_owned();
        Self { title: title.into(), who, tenant: None, groups: Vec::new(), platform, csrf: caller.csrf(app), done }
    }
}

/// What the word in an address says was done.
#[must_use]
pub fn said(word: &str) -> Option<&'static str> {
    DONE.iter().find(|(known, _)| *known == word).map(|(_, text)| *text)
}

/// The address of a tenant's page.
#[must_use]
pub fn address(tenant: &str, section: &str) -> String {
    match section {
        "" => format!("/admin/{tenant}"),
        section => format!("/admin/{tenant}/{section}"),
    }
}
