//! `directories:`, and what their groups mean.

use std::collections::BTreeMap;

use super::{issuer::valid_name, resource, tenant};
use crate::{
    apply::{
        desired::{DirectoryFile, Secret, TenantFile},
        reader::{Context, Fields, Text, choose},
        yaml::Node,
    },
    policy::{
        directory::{DirectorySettings, GroupRule, too_many_rules},
        role::Role,
    },
};

const ROLES: [(&str, Role); 3] = [("viewer", Role::Viewer), ("editor", Role::Editor), ("manager", Role::Manager)];
/// A token of fewer characters could be guessed, or is a word.
const SHORTEST: usize = 32;
const LONGEST: usize = 512;

pub fn read(context: &Context<'_>, node: &Node) -> Option<DirectoryFile> {
    let mut f = Fields::of(context, node, "a directory")?;
    let name = f.required_text("name").filter(|name| valid_name(context, name));
    let connection = f.text("connection").map(|text| (text.at, text.value));
    let sound = |(text, token): &(Text, Secret)| *token == Secret::Kept || is_token(context, text, "gatehouse directories token");
    let token = f.lasting_secret("token").filter(sound).map(|(text, token)| (text.at, token));
    let overlap = tenant::span(&mut f, "token_overlap", 0).unwrap_or_default();
    let enabled = f.bool("enabled");
    let proven_domains_only = f.bool("proven_domains_only").unwrap_or_default();
    let mut rules = f.list("group_rules");
    // Before any of them is looked at: a pattern is made ready in a while.
    if let (Some(why), Some(first)) = (too_many_rules(rules.len()), rules.first()) {
        context.problem(first.at, why);
        rules.clear();
    }
    let group_rules: Vec<_> = rules.into_iter().filter_map(|n| rule(context, n)).collect();
    f.finish();
    let settings = DirectorySettings { proven_domains_only, group_rules };
    let name = name?;
    Some(DirectoryFile { at: name.at, name: name.value, connection, token, overlap, enabled, settings })
}

fn rule(context: &Context<'_>, node: &Node) -> Option<GroupRule> {
    let mut f = Fields::of(context, node, "a group rule")?;
    let group = f.required_text("group");
    let team = f.value("team");
    let has_resource = f.has("resource");
    let resource = f.take("resource").and_then(|n| {
        let mut f = Fields::of(context, n, "resource")?;
        let name = resource::name(&mut f);
        f.finish();
        name
    });
    let role = f.choice("role", &ROLES);
    let roles = f.take("roles").map(|n| roles(context, n)).unwrap_or_default();
    f.finish();
    let half = has_resource && resource.is_none();
    let rule = GroupRule { group: group?.value, team, resource, role, roles };
    // What is wrong with half a resource has been said.
    if !half {
        rule.problems().into_iter().for_each(|why| context.problem(node.at, why));
    }
    Some(rule)
}

fn roles(context: &Context<'_>, node: &Node) -> BTreeMap<String, Role> {
    let role = |value: &Node| choose(context, &context.text(value, "a role")?, "a role", &ROLES);
    context.entries(node, "roles").into_iter().filter_map(|(key, value)| Some((key.name.clone(), role(value)?))).collect()
}

/// RFC 6750 §2.1 says of what characters; which they are is nobody's business here.
pub(super) fn is_token(context: &Context<'_>, token: &Text, made_with: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    let sound = (SHORTEST..=LONGEST).contains(&token.value.len()) && token.value.bytes().all(allowed);
    if !sound {
        context.problem(
            token.at,
            format!(
                "token must be {SHORTEST} to {LONGEST} letters, digits or -._~+/=; make one with `openssl rand -hex 32`, or leave it \
                 out and make one with `{made_with}`"
            ),
        );
    }
    sound
}

/// A token names one directory.
pub fn judge_tokens(context: &Context<'_>, tenants: &[TenantFile]) {
    let mut seen: Vec<(&Secret, String)> = Vec::new();
    for (tenant, directory) in tenants.iter().flat_map(|t| t.directories.iter().map(move |d| (t, d))) {
        let Some((at, token)) = &directory.token else { continue };
        match seen.iter().find(|(known, _)| *known == token) {
            Some((_, owner)) => context.problem(*at, format!("token is that of directory {owner} too; give each its own")),
            None => seen.push((token, format!("{}/{}", tenant.name, directory.name))),
        }
    }
}
