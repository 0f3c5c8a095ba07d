//! A window on a long list: what comes after a name, as many as asked for, and only what is searched for. Each noun has its
//! own statement, which goes along the index of its names.

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
}

impl Phase {
    /// Of users.
    pub const OF_USERS: &[Self] = &[Self::Active, Self::Deactivated, Self::Administrators, Self::NeverSignedIn];
    /// Of connections.
    pub const OF_CONNECTIONS: &[Self] = &[Self::Draft, Self::Live];
    /// Of what ends.
    pub const OF_ENDING: &[Self] = &[Self::Open, Self::Ended];

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
}

impl<'a> Window<'a> {
    /// Things whose name holds `search`, whatever its case.
    #[must_use]
    pub fn new(tenant_id: &'a str, search: &str, after: &'a str, limit: i64) -> Self {
        let mut like = String::from("%");
        for c in search.trim().to_lowercase().chars() {
            if matches!(c, '%' | '_' | '!') {
                like.push('!');
            }
            like.push(c);
        }
        if like.len() > 1 {
            like.push('%');
        }
        Self { tenant_id, after, limit, narrow: Narrow::default(), like }
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_searched_for_means_itself() {
        for (search, like) in [("", "%"), (" Ok ", "%ok%"), ("a_b%!", "%a!_b!%!!%")] {
            assert_eq!(Window::new("t", search, "", 1).like(), like);
        }
    }
}
