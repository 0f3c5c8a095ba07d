//! What is wrong with the settings of a directory, before they are kept.

use std::collections::BTreeSet;

use super::{
    DirectorySettings, GroupRule, LONGEST_RESOURCE, LONGEST_TEAM, ROLE, is_name,
    pattern::{Pattern, Piece, pieces},
};

/// Most rules of one directory: each is tried on the name of every group.
const MOST_RULES: usize = 200;

/// What is wrong with so many rules, which is known before the first of them is looked at.
#[must_use]
pub fn too_many_rules(rules: usize) -> Option<String> {
    (rules > MOST_RULES).then(|| format!("group_rules has more than {MOST_RULES} rules; captures like {{workspace}} save many"))
}

impl DirectorySettings {
    /// What cannot work, and what to write instead; each begins with the name of the setting.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        if let Some(why) = too_many_rules(self.group_rules.len()) {
            return vec![why];
        }
        let of = |rule: &GroupRule| rule.problems().into_iter().map(|why| format!("group_rules: {why}")).collect::<Vec<_>>();
        self.group_rules.iter().flat_map(of).collect()
    }
}

impl GroupRule {
    /// What cannot work, naming the rule by its pattern.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let problem = |why: String| format!("the rule for group {:?} {why}", self.group);
        let pattern = match Pattern::parse(&self.group) {
            Ok(pattern) => pattern,
            Err(why) => return vec![problem(why)],
        };
        let mut found: Vec<String> = self.role_problem(&pattern).into_iter().collect();
        if let Some(team) = &self.team {
            found.extend(template_problem("team", team, &pattern, LONGEST_TEAM));
        }
        if let Some(resource) = &self.resource {
            found.extend(template_problem("resource name", &resource.name, &pattern, LONGEST_RESOURCE));
            if !is_name(&resource.kind, LONGEST_RESOURCE) {
                found.push(format!("has a resource type that is none; write 1 to {LONGEST_RESOURCE} plain bytes"));
            }
        }
        found.into_iter().map(problem).collect()
    }

    /// A resource needs a role, and a role a resource; said once.
    fn role_problem(&self, pattern: &Pattern) -> Option<String> {
        let captured = pattern.names().iter().any(|name| name == ROLE);
        let lower: BTreeSet<String> = self.roles.keys().map(|word| word.to_lowercase()).collect();
        let text = match (&self.resource, self.role) {
            (None, _) if self.team.is_none() => "says nothing; give it a team, or a resource and a role",
            (None, Some(_)) => "has a role on nothing; name the resource",
            (None, None) if !self.roles.is_empty() => "has roles for nothing; name the resource",
            (Some(_), Some(_)) if captured => "has both role and a captured {role}; keep one of the two",
            (Some(_), None) if !captured => "has no role; add role: viewer, editor or manager, or capture {role}",
            _ if !captured && !self.roles.is_empty() => "has roles but captures no {role}; put {role} into the pattern",
            _ if lower.len() < self.roles.len() => "has a word twice in roles, where case does not count; remove one",
            _ => return None,
        };
        Some(text.to_owned())
    }
}

fn template_problem(what: &str, template: &str, pattern: &Pattern, longest: usize) -> Option<String> {
    if !is_name(template, longest) {
        return Some(format!("has a {what} that is none; write 1 to {longest} bytes without control characters or outer spaces"));
    }
    let pieces = match pieces(template, false) {
        Ok(pieces) => pieces,
        Err(why) => return Some(format!("has a {what} that {why}")),
    };
    pieces.iter().find_map(|piece| match piece {
        Piece::Capture(name) if !pattern.names().iter().any(|known| known == name) => {
            Some(format!("has a {what} with {{{name}}}, which its pattern does not capture; put {{{name}}} into it"))
        }
        _ => None,
    })
}
