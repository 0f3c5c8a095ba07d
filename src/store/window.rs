//! A window on a long list: what comes after a name, as many as asked for, and only what is searched for. Each noun has its
//! own statement, which goes along the index of its names.

use std::time::Duration;

use super::statement::Statement;
use crate::policy::connection::Protocol;

/// How long the database may be at one search.
pub const TIME: Duration = Duration::from_secs(5);

/// In what state the things are that a list is narrowed to. Each noun has its own few; of others it leaves nothing out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Users who may come in.
    Active,
    /// Users who may not.
    Deactivated,
    /// Users who administer something.
    Administrators,
    /// Users who have not signed in yet.
    NeverSignedIn,
    /// Connections that are not switched on.
    Draft,
    /// Connections that are.
    Live,
    /// What is switched on.
    On,
    /// What is switched off.
    Off,
    /// Tokens, links and invites that open something.
    Open,
    /// Those that do no more.
    Ended,
    /// Of these, tokens whose time is over.
    Expired,
}

impl Phase {
    /// Of users.
    pub const OF_USERS: &[Self] = &[Self::Active, Self::Deactivated, Self::Administrators, Self::NeverSignedIn];
    /// Of connections.
    pub const OF_CONNECTIONS: &[Self] = &[Self::Draft, Self::Live];
    /// Of what has a switch and no other state.
    pub const OF_SWITCHED: &[Self] = &[Self::On, Self::Off];
    /// Of what ends.
    pub const OF_ENDING: &[Self] = &[Self::Open, Self::Ended];
    /// Of tokens.
    pub const OF_TOKENS: &[Self] = &[Self::Open, Self::Expired, Self::Ended];

    /// As addresses say it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deactivated => "deactivated",
            Self::Administrators => "administrators",
            Self::NeverSignedIn => "never_signed_in",
            Self::Draft => "draft",
            Self::Live => "live",
            Self::On => "on",
            Self::Off => "off",
            Self::Open => "open",
            Self::Ended => "ended",
            Self::Expired => "expired",
        }
    }

    /// As people read it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Deactivated => "Deactivated",
            Self::Administrators => "Administrators",
            Self::NeverSignedIn => "Never signed in",
            Self::Draft => "Drafts",
            Self::Live => "Live",
            Self::On => "On",
            Self::Off => "Off",
            Self::Open => "Open",
            Self::Ended => "Ended",
            Self::Expired => "Expired",
        }
    }

    /// The one of these that a word means.
    #[must_use]
    pub fn among(all: &[Self], word: &str) -> Option<Self> {
        all.iter().copied().find(|state| state.as_str() == word)
    }
}

/// What a list is narrowed to beside a search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Narrow<'a> {
    /// In this state.
    pub state: Option<Phase>,
    /// Connections that speak this.
    pub protocol: Option<Protocol>,
    /// Connections of this provider, by the name of its preset; external identities and virtual accounts whose tokens are of this
    /// trusted issuer or connection, by its name.
    pub provider: Option<&'a str>,
    /// What has ended by then has ended (unix seconds).
    pub now: i64,
}

impl Narrow<'_> {
    /// Whether it leaves something out.
    #[must_use]
    pub fn is_narrow(self) -> bool {
        self.state.is_some() || self.protocol.is_some() || self.provider.is_some()
    }

    /// Whether a list so narrowed, in which this is searched for, has to look at many rows for the few that are meant. Else it goes
    /// along an index as far as it is long.
    #[must_use]
    pub fn is_search(self, search: &str) -> bool {
        !search.trim().is_empty() || self.is_narrow()
    }
}

/// Which part of a tenant's things of one noun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window<'a> {
    /// Whose.
    pub tenant_id: &'a str,
    /// The name that came last; empty: from the beginning.
    pub after: &'a str,
    /// At most this many.
    pub limit: i64,
    /// Only such.
    pub narrow: Narrow<'a>,
    search: &'a str,
    like: String,
    preset: String,
    beyond: Option<Beyond>,
}

/// How letters beyond ASCII are looked for whatever their case, in one pass over each name: SQLite's LOWER makes no such letter
/// small, and PostgreSQL's only where the database's locale knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Beyond {
    /// For SQLite's GLOB: of each letter all that mean it.
    glob: String,
    /// For PostgreSQL's TRANSLATE: letters as they may stand there.
    there: String,
    /// And as each stands in the pattern.
    small: String,
}

impl<'a> Window<'a> {
    /// Things whose name holds `search`, whatever its case.
    #[must_use]
    pub fn new(tenant_id: &'a str, search: &'a str, after: &'a str, limit: i64) -> Self {
        let small: String = search.trim().chars().flat_map(char::to_lowercase).map(|c| if c == 'ς' { 'σ' } else { c }).collect();
        let mut like = String::from("%");
        for c in small.chars() {
            if matches!(c, '%' | '_' | '!') {
                like.push('!');
            }
            like.push(c);
        }
        if like.len() > 1 {
            like.push('%');
        }
        let (narrow, preset) = (Narrow::default(), String::new());
        Self { tenant_id, after, limit, narrow, search, like, preset, beyond: Beyond::of(&small) }
    }

    /// Only such.
    #[must_use]
    pub fn narrowed(self, narrow: Narrow<'a>) -> Self {
        // As it stands in settings, where `-` and `_` are alike: for LIKE the one stands for either.
        let preset = narrow.provider.map(|name| format!("%\"preset\":\"{}\"%", name.replace('-', "_")));
        Self { narrow, preset: preset.unwrap_or_default(), ..self }
    }

    /// The pattern for `LOWER(settings) LIKE …` that finds settings of the provider.
    #[must_use]
    pub fn preset(&self) -> &str {
        &self.preset
    }

    /// Begins a statement that is narrowed by a switch and by the name that stands in `column`; `select` ends where the tenant's id
    /// follows.
    pub(super) fn switched(&'a self, select: &'static str, column: &'static str) -> Statement<'a> {
        let mut s = Statement::new(select);
        s.bind(self.tenant_id).push(" AND ").push(column).push(" > ").bind(self.after);
        s.push(" AND LOWER(").push(column).push(") LIKE ").bind(self.like()).push(" ESCAPE '!'");
        s.push(match self.narrow.state {
            Some(Phase::On) => " AND enabled",
            Some(Phase::Off) => " AND NOT enabled",
            _ => "",
        });
        s
    }

    /// The same list from there on, and so many of it.
    pub(super) fn part(&self, after: &'a str, limit: i64) -> Self {
        Self { after, limit, ..self.clone() }
    }

    /// Whether something is searched for: else [`Self::holds`] need not be asked.
    #[must_use]
    pub fn is_searched(&self) -> bool {
        !self.search.trim().is_empty()
    }

    /// The pattern for `LOWER(…) LIKE … ESCAPE '!'`.
    #[must_use]
    pub fn like(&self) -> &str {
        &self.like
    }

    /// Whether [`Self::like`] with LOWER is not enough: then [`Self::holds`] is asked.
    #[must_use]
    pub fn is_beyond_ascii(&self) -> bool {
        self.beyond.is_some()
    }

    /// How long the database may be at it, where that may be long.
    #[must_use]
    pub fn time(&self) -> Option<Duration> {
        self.narrow.is_search(self.search).then_some(TIME)
    }

    /// Goes on with the condition that `column` holds what is searched for, whatever its case.
    pub(super) fn holds(&'a self, s: &mut Statement<'a>, column: &'static str) {
        let Some(beyond) = &self.beyond else {
            s.push("LOWER(").push(column).push(") LIKE ").bind(self.like()).push(" ESCAPE '!'");
            return;
        };
        // Text around a parameter that only one of them reads; the column stands in both.
        s.push("(").either("", "LOWER(TRANSLATE(").push(column).on_sqlite(" GLOB ", &beyond.glob, "");
        s.on_postgres(", ", &beyond.there, "").on_postgres(", ", &beyond.small, "))");
        s.on_postgres(" LIKE ", self.like(), " ESCAPE '!'").push(")");
    }
}

impl Beyond {
    /// For what is searched for, in small letters; `None` where ASCII is enough.
    fn of(small: &str) -> Option<Self> {
        let (mut glob, mut there, mut as_small) = (String::from("*"), String::new(), String::new());
        for c in small.chars() {
            let others: Vec<char> = others(c).collect();
            // In a class each of GLOB's own signs means itself.
            if others.is_empty() && !matches!(c, '*' | '?' | '[') {
                glob.push(c);
                continue;
            }
            glob.push('[');
            glob.push(c);
            glob.extend(&others);
            glob.push(']');
            for one in others.into_iter().filter(|one| !one.is_ascii()) {
                if !there.contains(one) {
                    there.push(one);
                    as_small.push(c);
                }
            }
        }
        glob.push('*');
        (!there.is_empty()).then_some(Self { glob, there, small: as_small })
    }
}

/// What else stands for a small letter, and for nothing else: its capital, and the one letter that is written in another way
/// where a word ends.
fn others(c: char) -> impl Iterator<Item = char> {
    let mut capital = c.to_uppercase();
    let is_its = |one: &char| *one != c && one.to_lowercase().eq([c]);
    let capital = capital.next().filter(|one| capital.next().is_none() && is_its(one));
    (c == 'σ').then_some('ς').into_iter().chain(capital)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_searched_for_means_itself() {
        for (search, like) in [("", "%"), (" Ok ", "%ok%"), ("a_b%!", "%a!_b!%!!%")] {
            let window = Window::new("t", search, "", 1);
            assert_eq!((window.like(), window.is_beyond_ascii()), (like, false));
        }
    }

    #[test]
    fn letters_beyond_ascii_are_found_in_either_case() {
        for (search, like, beyond) in [
            ("Öd*ö", "%öd*ö%", Some(("*[öÖ][dD][*][öÖ]*", "Ö", "ö"))),
            ("ΣΟΣ", "%σοσ%", Some(("*[σςΣ][οΟ][σςΣ]*", "ςΣΟ", "σσο"))),
            ("ä[-]^", "%ä[-]^%", Some(("*[äÄ][[]-]^*", "Ä", "ä"))),
            // These have no single capital.
            ("Straße 東京", "%straße 東京%", None),
        ] {
            let window = Window::new("t", search, "", 1);
            let found = window.beyond.as_ref().map(|b| (b.glob.as_str(), b.there.as_str(), b.small.as_str()));
            assert_eq!((window.like(), found), (like, beyond));
        }
    }

    #[test]
    fn a_name_is_looked_at_once_however_many_letters_are_searched_for() {
        for (search, lite, postgres) in [
            ("abc", "LOWER(name) LIKE $1 ESCAPE '!'", "LOWER(name) LIKE $1 ESCAPE '!'"),
            ("öäüéà", "(name GLOB $1)", "(LOWER(TRANSLATE(name, $2, $3)) LIKE $4 ESCAPE '!')"),
        ] {
            let window = Window::new("t", search, "", 1);
            let mut s = Statement::new("");
            window.holds(&mut s, "name");
            assert_eq!((s.lite(), s.postgres()), (lite, postgres));
        }
    }

    #[test]
    fn a_provider_is_found_however_its_preset_is_written() {
        let narrow = Narrow { provider: Some("custom-oidc"), ..Narrow::default() };
        assert_eq!(Window::new("t", "", "", 1).narrowed(narrow).preset(), "%\"preset\":\"custom_oidc\"%");
        assert!(narrow.is_search(""));
    }

    #[test]
    fn what_looks_at_many_has_a_time() {
        assert_eq!(Window::new("t", " ", "k", 1).time(), None);
        assert_eq!(Window::new("t", "a", "", 1).time(), Some(TIME));
        let narrow = Narrow { state: Some(Phase::Draft), ..Narrow::default() };
        assert_eq!(Window::new("t", "", "", 1).narrowed(narrow).time(), Some(TIME));
    }
}
