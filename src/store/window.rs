//! A window on a long list: what comes after a name, as many as asked for, and only what is searched for. Each noun has its
//! own statement, which goes along the index of its names.

use super::statement::Statement;
use crate::policy::connection::Protocol;

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
pub struct Narrow {
    /// In this state.
    pub state: Option<Phase>,
    /// Connections that speak this.
    pub protocol: Option<Protocol>,
    /// What has ended by then has ended (unix seconds).
    pub now: i64,
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
    pub narrow: Narrow,
    like: String,
    /// The letters beyond ASCII that are searched for, each as it may stand there and as it stands in the pattern. SQLite's
    /// LOWER makes no such letter small, and PostgreSQL's only where the database's locale knows it.
    letters: Vec<(String, String)>,
}

impl<'a> Window<'a> {
    /// Things whose name holds `search`, whatever its case.
    #[must_use]
    pub fn new(tenant_id: &'a str, search: &str, after: &'a str, limit: i64) -> Self {
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
        Self { tenant_id, after, limit, narrow: Narrow::default(), like, letters: letters(&small) }
    }

    /// Only such.
    #[must_use]
    pub fn narrowed(self, narrow: Narrow) -> Self {
        Self { narrow, ..self }
    }

    /// The pattern for `LOWER(…) LIKE … ESCAPE '!'`.
    #[must_use]
    pub fn like(&self) -> &str {
        &self.like
    }

    /// Whether [`Self::like`] with LOWER is not enough: then [`Self::holds`] is asked.
    #[must_use]
    pub fn is_beyond_ascii(&self) -> bool {
        !self.letters.is_empty()
    }

    /// Goes on with the condition that `column` holds what is searched for, whatever its case.
    pub(super) fn holds(&'a self, s: &mut Statement<'a>, column: &'static str) {
        s.push("LOWER(");
        for _ in &self.letters {
            s.push("REPLACE(");
        }
        s.push(column);
        for (there, small) in &self.letters {
            s.push(", ").bind(there.as_str()).push(", ").bind(small.as_str()).push(")");
        }
        s.push(") LIKE ").bind(self.like()).push(" ESCAPE '!'");
    }
}

/// Each letter beyond ASCII with its capital, where one stands for the other and for nothing else.
fn letters(small: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for c in small.chars().filter(|c| !c.is_ascii()) {
        let (capital, c) = (c.to_uppercase().to_string(), c.to_string());
        let is_its = capital != c && capital.chars().count() == 1 && capital.chars().flat_map(char::to_lowercase).eq(c.chars());
        if is_its && found.iter().all(|(_, known)| *known != c) {
            // The one letter that is written in another way where a word ends.
            found.extend((c == "σ").then(|| ("ς".to_owned(), c.clone())));
            found.push((capital, c));
        }
    }
    found
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
        for (search, like, letters) in [
            ("Ödön", "%ödön%", &[("Ö", "ö")][..]),
            ("ΣΟΦΟΣ", "%σοφοσ%", &[("ς", "σ"), ("Σ", "σ"), ("Ο", "ο"), ("Φ", "φ")][..]),
            // These have no single capital.
            ("Straße 東京", "%straße 東京%", &[][..]),
        ] {
            let window = Window::new("t", search, "", 1);
            let found: Vec<_> = window.letters.iter().map(|(there, small)| (there.as_str(), small.as_str())).collect();
            assert_eq!((window.like(), &found[..]), (like, letters));
        }
        let window = Window::new("t", "öä", "", 1);
        let mut s = Statement::new("");
        window.holds(&mut s, "name");
        assert_eq!(s.lite(), "LOWER(REPLACE(REPLACE(name, $1, $2), $3, $4)) LIKE $5 ESCAPE '!'");
    }
}
