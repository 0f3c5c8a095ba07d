//! What a directory may do: whom it may bring in, and what its groups mean here.
//!
//! A group is a team of its own name unless a rule says otherwise. Rules look at nothing but the group's name, so
//! whoever can name groups at the source can reach whatever the rules reach, and nothing beyond: a role is one of ours
//! or none, and never that of an administrator.

mod pattern;
mod problems;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{legible::is_distinct, role::Role, site::ResourceName};
use pattern::{Captures, Pattern};
pub use problems::too_many_rules;

/// The capture that names a role.
const ROLE: &str = "role";
/// Longest name of a team in bytes.
const LONGEST_TEAM: usize = 128;
/// Longest name of a resource in bytes.
const LONGEST_RESOURCE: usize = 255;

/// The settings of a directory, as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DirectorySettings {
    /// Users with an address outside the tenant's proven domains are refused.
    pub proven_domains_only: bool,
    /// What groups mean; without a rule that fits, a group is a team of its own name.
    pub group_rules: Vec<GroupRule>,
}

/// One rule: groups whose name fits are this team, or hold this role on this resource, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupRule {
    /// The name's pattern, for the whole name and without regard to case: `*` stands for anything, `{word}` for
    /// letters, digits, `-` and `_`, which the other fields may use as `{word}`.
    pub group: String,
    /// The team that the group's members belong to, instead of one of the group's own name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// The resource that they hold a role on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<ResourceName>,
    /// That role; else the pattern's `{role}` names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// What `{role}` may say, and what that means; when empty, our own names of roles.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, Role>,
}

/// What a group is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupOutcome {
    /// The teams that rules name, each once; none: a team of the group's own.
    pub teams: Vec<String>,
    /// The roles, one for each holder and resource: the strongest.
    pub roles: Vec<GroupRole>,
}

/// A role that a group brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRole {
    /// The team of [`GroupOutcome::teams`] that holds it; none: the group's own. A role never goes to a team that
    /// another rule names: `group: "*", team: everyone` beside a rule for managers must not make all of them managers.
    pub team: Option<String>,
    /// On this resource, when there is one.
    pub resource: ResourceName,
    /// This one.
    pub role: Role,
}

impl GroupOutcome {
    /// Whether the group needs a team of its own: it has no other, or its own holds a role.
    #[must_use]
    pub fn has_own_team(&self) -> bool {
        self.teams.is_empty() || self.roles.iter().any(|role| role.team.is_none())
    }
}

/// Rules ready to be asked.
#[derive(Clone, Debug, Default)]
pub struct GroupRules<'a> {
    rules: Vec<(Pattern, &'a GroupRule)>,
}

impl<'a> GroupRules<'a> {
    /// Rules whose pattern cannot be used give nothing; [`DirectorySettings::problems`] names them.
    #[must_use]
    pub fn compile(rules: &'a [GroupRule]) -> Self {
        Self { rules: rules.iter().filter_map(|rule| Some((Pattern::parse(&rule.group).ok()?, rule))).collect() }
    }

    /// What a group of this name is.
    #[must_use]
    pub fn outcome(&self, display_name: &str) -> GroupOutcome {
        let mut outcome = GroupOutcome::default();
        for (pattern, rule) in &self.rules {
            if let Some(captures) = pattern.captures(display_name) {
                rule.add(&captures, &mut outcome);
            }
        }
        outcome
    }
}

impl GroupRule {
    /// A rule whose names would be none here, or whose role is unknown, gives nothing at all.
    fn add(&self, captures: &Captures, outcome: &mut GroupOutcome) {
        let team = self.team.as_ref().map(|template| captures.fill(template));
        if team.as_ref().is_some_and(|name| !is_name(name, LONGEST_TEAM)) {
            return;
        }
        let held = match &self.resource {
            None => None,
            Some(resource) => match self.held(resource, captures, team.clone()) {
                Some(held) => Some(held),
                None => return,
            },
        };
        outcome.teams.extend(team.filter(|team| !outcome.teams.contains(team)));
        let Some(held) = held else { return };
        match outcome.roles.iter_mut().find(|r| r.team == held.team && r.resource == held.resource) {
            Some(known) => known.role = known.role.max(held.role),
            None => outcome.roles.push(held),
        }
    }

    /// Whether it can give a role on one of these resources to a group of some name.
    #[must_use]
    pub fn may_name(&self, resources: &[ResourceName]) -> bool {
        let is_it = |named: &ResourceName, made: &ResourceName| {
            named.kind == made.kind && (named.name == made.name || named.name.contains('{'))
        };
        self.resource.as_ref().is_some_and(|named| resources.iter().any(|made| is_it(named, made)))
    }

    fn held(&self, resource: &ResourceName, captures: &Captures, team: Option<String>) -> Option<GroupRole> {
        let role = self.role.or_else(|| self.named_role(captures.get(ROLE)?))?;
        let resource = ResourceName { kind: resource.kind.clone(), name: captures.fill(&resource.name) };
        is_name(&resource.name, LONGEST_RESOURCE).then_some(GroupRole { team, resource, role })
    }

    fn named_role(&self, word: &str) -> Option<Role> {
        let word = word.to_lowercase();
        match self.roles.is_empty() {
            true => Role::parse(&word),
            false => self.roles.iter().find(|(alias, _)| alias.to_lowercase() == word).map(|(_, role)| *role),
        }
    }
}

/// Whether a group of this name may be a team: a name with signs that nobody sees could pass for another team's.
#[must_use]
pub fn can_name_a_team(name: &str) -> bool {
    is_distinct(name) && can_stand_in_an_address(name)
}

/// Whether browsers and clients keep a name in an address: they take these for the address above, however they are written.
#[must_use]
pub fn can_stand_in_an_address(name: &str) -> bool {
    !matches!(name, "." | "..")
}

/// Whether teams and resources may be called so.
fn is_name(name: &str, longest: usize) -> bool {
    let is_text = (1..=longest).contains(&name.len()) && name.trim() == name && !name.chars().any(char::is_control);
    is_text && can_stand_in_an_address(name)
}
