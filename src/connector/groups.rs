//! What a provider says about a person's groups, whatever it speaks.

use std::collections::HashSet;

/// Most groups that are taken from one answer; more are "too many".
pub(crate) const MAX_GROUPS: usize = 2000;

/// Groups have three states; none of the first two means "in no group".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Groups {
    NotSent,
    TooMany,
    Sent(Vec<String>),
}

impl Groups {
    /// Groups as they were sent: trimmed, each once, nothing that no group can be named.
    pub(crate) fn sent(sent: Vec<String>, strip_slash: bool) -> Self {
        match sent.len() > MAX_GROUPS {
            true => Self::TooMany,
            false => Self::Sent(tidy(sent, strip_slash)),
        }
    }

    /// What an identity holds, with a warning for the operator where groups were too many.
    pub(crate) fn known(self, issuer: &str) -> Option<Vec<String>> {
        match self {
            Self::Sent(groups) => Some(groups),
            Self::NotSent => None,
            Self::TooMany => {
                tracing::warn!(
                    issuer,
                    "the person is in too many groups for the provider to send; let it send only those assigned to the application"
                );
                None
            }
        }
    }
}

fn tidy(sent: Vec<String>, strip_slash: bool) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    let mut seen = HashSet::new();
    for group in sent {
        let group = group.trim();
        let group = if strip_slash { group.strip_prefix('/').unwrap_or(group) } else { group };
        let usable = !group.is_empty() && group.len() <= 512 && !group.contains(char::is_control);
        if usable && seen.insert(group.to_owned()) {
            kept.push(group.to_owned());
        }
    }
    kept
}

/// The groups in one text; without a delimiter it is one group.
pub(crate) fn split(text: &str, delimiter: Option<&str>) -> Vec<String> {
    match delimiter {
        Some(delimiter) => text.split(delimiter).map(str::to_owned).collect(),
        None => vec![text.to_owned()],
    }
}
