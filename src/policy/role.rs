//! Roles on resources; each includes the ones below it.

use serde::{Deserialize, Serialize};

/// What somebody may do with a resource. Ordered: a higher role includes the lower ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May look at it and use it.
    Viewer,
    /// May change it.
    Editor,
    /// May hand it on to others.
    Manager,
}

impl Role {
    /// All of them, the weakest first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Editor, Self::Manager];

    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Editor => "editor",
            Self::Manager => "manager",
        }
    }

    /// From its name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}
