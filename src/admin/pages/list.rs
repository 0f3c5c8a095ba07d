//! A page of names: searched and paged by the database, so that it is as fast with a hundred thousand as with ten.

use askama::Template;
use askama_web::WebTemplate;

use super::frame::Frame;
use crate::{
    apply::single::Ask,
    policy::connection::Protocol,
    store::window::{Narrow, Phase},
};

/// Rows on a page.
pub const PAGE: usize = 50;

/// What the address asks for.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// What names contain.
    pub search: String,
    /// The last name of the page before.
    pub after: String,
    /// In what state they are.
    pub state: Option<Phase>,
    /// What they speak.
    pub protocol: Option<Protocol>,
    /// Of which provider they are, or whose tokens act as them: what addresses call that, and its name.
    pub provider: Option<(&'static str, String)>,
}

impl Query {
    /// From the address's query; what is not understood is left out.
    #[must_use]
    pub fn read(query: Option<&str>) -> Self {
        Self::narrowed(query, &[], None)
    }

    /// The same of a list that can be narrowed to these states, and to a provider that is called so.
    #[must_use]
    pub fn narrowed(query: Option<&str>, states: &[Phase], provider: Option<&'static str>) -> Self {
        let mut found = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            let usable = !value.chars().any(char::is_control);
            match name.as_ref() {
                "state" => found.state = Phase::among(states, &value),
                "protocol" => found.protocol = Protocol::parse(&value),
                "search" if usable => found.search = value.trim().to_owned(),
                name if provider.is_some_and(|provider| provider == name) => {
                    let named = value.trim();
                    found.provider = provider.filter(|_| usable && !named.is_empty()).map(|word| (word, named.to_owned()));
                }
                // A name can be longer than what is searched for.
                "after" if value.len() <= 512 && !value.contains('\0') => found.after = value.into_owned(),
                _ => {}
            }
        }
        found
    }

    /// Which part of the list that is.
    #[must_use]
    pub fn ask(&self, limit: usize, now: i64) -> Ask<'_> {
        let narrow = Narrow { state: self.state, protocol: self.protocol, provider: self.provider(), now };
        Ask { search: &self.search, after: &self.after, limit, narrow }
    }

    fn provider(&self) -> Option<&str> {
        self.provider.as_ref().map(|(_, name)| name.as_str())
    }
}

/// What a list can be narrowed by.
#[derive(Clone, Debug)]
pub struct Narrowing {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    /// Each word with how it reads, and whether it is chosen; without any it is typed.
    pub(super) choices: Vec<(&'static str, &'static str, bool)>,
    /// What was typed.
    pub(super) typed: String,
}

impl Narrowing {
    /// By state, where there are any; and by protocol.
    #[must_use]
    pub fn all(query: &Query, states: &[Phase], has_protocol: bool) -> Vec<Self> {
        let mut all = Vec::new();
        if !states.is_empty() {
            let choice = |state: &Phase| (state.as_str(), state.label(), query.state == Some(*state));
            all.push(Self { name: "state", label: "State", choices: states.iter().map(choice).collect(), typed: String::new() });
        }
        if has_protocol {
            let choice = |(protocol, label): (Protocol, _)| (protocol.as_str(), label, query.protocol == Some(protocol));
            let choices = [(Protocol::Oidc, "OpenID Connect"), (Protocol::Saml, "SAML 2.0")].map(choice).to_vec();
            all.push(Self { name: "protocol", label: "Protocol", choices, typed: String::new() });
        }
        all
    }

    /// By provider, among these presets with their titles.
    #[must_use]
    pub fn by_provider(query: &Query, presets: impl Iterator<Item = (&'static str, &'static str)>) -> Self {
        let choices = presets.map(|(preset, title)| (preset, title, query.provider() == Some(preset))).collect();
        Self { name: "provider", label: "Provider", choices, typed: String::new() }
    }

    /// By the name of an issuer, which is typed: there may be many.
    #[must_use]
    pub fn by_issuer(query: &Query) -> Self {
        let typed = query.provider().unwrap_or_default().to_owned();
        Self { name: "issuer", label: "Identity provider", choices: Vec::new(), typed }
    }
}

/// One thing of a list.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its page.
    pub href: String,
    /// Its name, as people read it.
    pub name: String,
    /// What else the columns say.
    pub facts: Vec<String>,
    /// Whether it is switched off.
    pub off: bool,
}

/// A list's part of the page.
#[derive(Clone, Debug)]
pub struct List {
    rows: Vec<Row>,
    pub(super) search: String,
    pub(super) narrowings: Vec<Narrowing>,
    pub(super) is_narrow: bool,
    pub(super) is_later: bool,
    pub(super) next: Option<String>,
    pub(super) path: String,
}

impl List {
    /// Of at most [`PAGE`] rows; `next` is what the next page begins after, if there is one, `path` the list's own.
    #[must_use]
    pub fn new(query: &Query, rows: Vec<Row>, next: Option<&str>, path: &str) -> Self {
        let next = next.map(|last| {
            let mut pairs = url::form_urlencoded::Serializer::new(String::new());
            if !query.search.is_empty() {
                pairs.append_pair("search", &query.search);
            }
            if let Some(state) = query.state {
                pairs.append_pair("state", state.as_str());
            }
            if let Some(protocol) = query.protocol {
                pairs.append_pair("protocol", protocol.as_str());
            }
            if let Some((word, name)) = &query.provider {
                pairs.append_pair(word, name);
            }
            format!("{path}?{}", pairs.append_pair("after", last).finish())
        });
        let is_narrow = query.state.is_some() || query.protocol.is_some() || query.provider.is_some();
        let (search, is_later) = (query.search.clone(), !query.after.is_empty());
        Self { rows, search, narrowings: Vec::new(), is_narrow, is_later, next, path: path.to_owned() }
    }

    /// With what it can be narrowed by.
    #[must_use]
    pub fn narrowings(self, narrowings: Vec<Narrowing>) -> Self {
        Self { narrowings, ..self }
    }

    /// The whole page. `columns` names the row's name and facts; `add` leads to the form of a new one.
    #[must_use]
    pub fn page<'a>(
        &'a self,
        frame: &'a Frame,
        title: &'a str,
        columns: &'a [&'a str],
        add: Option<(String, &'a str)>,
    ) -> Page<'a> {
        Page { frame, failed: false, title, columns, list: self, add, beside: None }
    }
}

impl Page<'_> {
    /// With a way to another page beside it.
    #[must_use]
    pub fn beside(mut self, href: Option<String>, text: &'static str) -> Self {
        self.beside = href.map(|href| (href, text));
        self
    }
}

/// The page of a list.
#[derive(Debug, Template, WebTemplate)]
#[template(path = "admin/list.html")]
pub struct Page<'a> {
    frame: &'a Frame,
    failed: bool,
    title: &'a str,
    columns: &'a [&'a str],
    list: &'a List,
    add: Option<(String, &'a str)>,
    beside: Option<(String, &'static str)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_leads_to_the_next_if_there_is_one() {
        let query = Query::read(Some("search=a%26b&after=k"));
        assert_eq!(List::new(&query, Vec::new(), None, "/admin/x").next, None);
        let list = List::new(&query, Vec::new(), Some("k49&x"), "/admin/x");
        assert_eq!(list.next.as_deref(), Some("/admin/x?search=a%26b&after=k49%26x"));
    }

    #[test]
    fn a_provider_is_asked_for_where_the_list_has_one() {
        let text = Some("provider=okta&issuer=idp&search=a");
        assert_eq!(Query::read(text).provider, None);
        let query = Query::narrowed(text, &[], Some("issuer"));
        assert_eq!((query.provider(), query.ask(1, 0).narrow.provider), (Some("idp"), Some("idp")));
        let list = List::new(&query, Vec::new(), Some("k"), "/admin/x");
        assert_eq!((list.next.as_deref(), list.is_narrow), (Some("/admin/x?search=a&issuer=idp&after=k"), true));
        for nothing in ["issuer=", "issuer=%20", "issuer=a%0ab"] {
            assert_eq!(Query::narrowed(Some(nothing), &[], Some("issuer")).provider, None, "{nothing}");
        }
    }

    #[test]
    fn what_cannot_be_a_name_is_not_asked_for() {
        let query = Query::read(Some("search=a%0ab&after=a%00b&x=1"));
        assert_eq!((query.search.as_str(), query.after.as_str()), ("", ""));
        assert_eq!(Query::read(Some("search=%20ada%20")).search, "ada");
        assert_eq!(Query::read(None).after, "");
    }
}
