//! What a token of the admin API may: everything its holder may, everything that only reads, or one area's reading or
//! changing. The areas are the one table of it; a route of the API names the area that it is of.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

/// What there are scopes for: the nouns of the declarative file, and what else the API does.
pub const AREAS: [&str; 17] = [
    "tenants",
    "domains",
    "connections",
    "clients",
    "users",
    "teams",
    "directories",
    "service_tokens",
    "trusted_issuers",
    "external_identities",
    "virtual_accounts",
    "resources",
    "sites",
    "invites",
    "audit",
    "keys",
    "personal_tokens",
];

/// The area of what is about everything: only the scopes that say so open it.
pub const WHOLE: &str = "admin";

/// How far a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It only looks.
    Read,
    /// It changes something, or tells a secret.
    Write,
}

/// One scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    Everything,
    Reading,
    Of(&'static str, Level),
}

impl Scope {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "admin" => Some(Self::Everything),
            "admin:read" => Some(Self::Reading),
            _ => {
                let (area, level) = text.split_once(':')?;
                let area = AREAS.into_iter().find(|known| *known == area)?;
                let level = match level {
                    "read" => Level::Read,
                    "write" => Level::Write,
                    _ => return None,
                };
                Some(Self::Of(area, level))
            }
        }
    }

    fn allows(self, area: &str, level: Level) -> bool {
        match self {
            Self::Everything => true,
            Self::Reading => level == Level::Read,
            // Whoever changes something sees what it is.
            Self::Of(own, up_to) => own == area && level <= up_to,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("admin"),
            Self::Reading => f.write_str("admin:read"),
            Self::Of(area, Level::Read) => write!(f, "{area}:read"),
            Self::Of(area, Level::Write) => write!(f, "{area}:write"),
        }
    }
}

/// What a token may.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct ApiScopes(BTreeSet<Scope>);

impl ApiScopes {
    /// Everything that the holder may.
    #[must_use]
    pub fn everything() -> Self {
        Self([Scope::Everything].into())
    }

    /// Of these words.
    ///
    /// # Errors
    /// The first word that is no scope.
    pub fn parse<'w>(words: impl IntoIterator<Item = &'w str>) -> Result<Self, &'w str> {
        words.into_iter().map(|word| Scope::parse(word).ok_or(word)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether nothing is allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is everything that the holder may.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.0.contains(&Scope::Everything)
    }

    /// Whether one of them allows this.
    #[must_use]
    pub fn allows(&self, area: &str, level: Level) -> bool {
        self.0.iter().any(|scope| scope.allows(area, level))
    }

    /// Whether these allow all that the others do.
    #[must_use]
    pub fn covers(&self, others: &Self) -> bool {
        let levels = [Level::Read, Level::Write];
        let mut all = AREAS.into_iter().flat_map(|area| levels.map(|level| (area, level)));
        // What areas there will be some day is everything's alone, or all reading's.
        (self.is_everything() || !others.is_everything())
            && (self.0.contains(&Scope::Reading) || self.is_everything() || !others.0.contains(&Scope::Reading))
            && all.all(|(area, level)| !others.allows(area, level) || self.allows(area, level))
    }

    /// As they are written.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

impl TryFrom<Vec<String>> for ApiScopes {
    type Error = String;

    fn try_from(words: Vec<String>) -> Result<Self, String> {
        Self::parse(words.iter().map(String::as_str)).map_err(|word| format!("{word} is no scope"))
    }
}

impl From<ApiScopes> for Vec<String> {
    fn from(scopes: ApiScopes) -> Self {
        scopes.words()
    }
}

/// All words there are, for errors and documents.
#[must_use]
pub fn words() -> Vec<String> {
    let areas = AREAS.into_iter().flat_map(|area| [Scope::Of(area, Level::Read), Scope::Of(area, Level::Write)]);
    [Scope::Everything, Scope::Reading].into_iter().chain(areas).map(|scope| scope.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(words: &[&'static str]) -> ApiScopes {
        ApiScopes::parse(words.iter().copied()).unwrap()
    }

    #[test]
    fn each_word_allows_its_own_and_nothing_else() {
        let cases = [
            ("admin", "users", Level::Write, true),
            ("admin:read", "users", Level::Read, true),
            ("admin:read", "users", Level::Write, false),
            ("users:read", "users", Level::Read, true),
            ("users:read", "users", Level::Write, false),
            ("users:write", "users", Level::Read, true),
            ("users:write", "users", Level::Write, true),
            ("users:write", "teams", Level::Read, false),
        ];
        for (word, area, level, allowed) in cases {
            assert_eq!(scopes(&[word]).allows(area, level), allowed, "{word} {area} {level:?}");
        }
        assert!(!ApiScopes::default().allows("users", Level::Read));
        assert!(scopes(&["admin:read"]).allows(WHOLE, Level::Read) && !scopes(&["admin:read"]).allows(WHOLE, Level::Write));
        let each: Vec<String> = words().into_iter().filter(|word| !word.starts_with("admin")).collect();
        assert!(!ApiScopes::try_from(each).unwrap().allows(WHOLE, Level::Read), "all that there are singly are not everything");
    }

    #[test]
    fn nothing_covers_more_than_itself() {
        for word in words() {
            let one = ApiScopes::try_from(vec![word.clone()]).unwrap();
            assert_eq!(one.words(), std::slice::from_ref(&word));
            assert!(one.covers(&one) && one.covers(&ApiScopes::default()) && ApiScopes::everything().covers(&one), "{word}");
            assert_eq!(one.covers(&ApiScopes::everything()), word == "admin", "{word}");
        }
        let each: Vec<String> = words().into_iter().filter(|word| !word.starts_with("admin")).collect();
        let each = ApiScopes::try_from(each).unwrap();
        assert!(!each.covers(&ApiScopes::everything()) && !each.covers(&scopes(&["admin:read"])));
        assert!(scopes(&["admin:read"]).covers(&scopes(&["users:read", "audit:read"])));
        assert!(!scopes(&["admin:read", "users:write"]).covers(&scopes(&["teams:write"])));
    }

    #[test]
    fn what_is_no_scope_is_named() {
        for word in ["", "Admin", "admin:write", "users", "users:", "users:all", "nobody:read"] {
            assert_eq!(ApiScopes::parse([word]), Err(word));
        }
    }
}
