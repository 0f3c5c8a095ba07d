//! From the tree to what is asked for; one file per noun. Everything wrong is noted, whatever can be read is kept.

mod claims;
mod client;
mod connection;
mod directory;
mod issuer;
mod people;
mod principal;
mod provider;
mod resource;
mod site;
mod tenant;
mod tenant_token;

pub use tenant::read as tenant;

use std::collections::HashMap;

use super::{
    desired::TenantFile,
    reader::{Context, Fields},
    single::Noun,
    yaml::{self, At, Node},
};
use crate::{policy::principal::Kind, store::tenants::Tenant};

/// The whole file. An empty one asks for nothing.
pub fn read(context: &Context<'_>, text: &str) -> Vec<TenantFile> {
    if text.lines().all(|l| l.trim().is_empty() || l.trim_start().starts_with('#')) {
        return Vec::new();
    }
    let root = match Node::parse(text) {
        Ok(root) => root,
        Err((at, text)) => {
            context.problem(at, format!("this is not YAML: {text}"));
            return Vec::new();
        }
    };
    let Some(mut fields) = Fields::of(context, &root, "the file") else { return Vec::new() };
    let tenants: Vec<TenantFile> = fields.list("tenants").into_iter().filter_map(|n| tenant::read(context, n)).collect();
    fields.finish();
    twice(context, "tenant", tenants.iter().map(|t| (t.at, t.name.as_str())));
    twice(context, "domain", tenants.iter().flat_map(|t| t.domains.iter().map(|(at, d)| (*at, d.as_str()))));
    twice(context, "client", tenants.iter().flat_map(|t| t.clients.iter().map(|c| (c.at, c.id.as_str()))));
    site::judge_places(context, &tenants);
    directory::judge_tokens(context, &tenants);
    tenant_token::judge(context, &tenants);
    tenants
}

/// One thing by itself: a list of a tenant that has nothing else.
pub fn one(context: &Context<'_>, tenant: &Tenant, noun: Noun, node: &Node) -> TenantFile {
    let mut file = TenantFile::bare(tenant, node.at);
    match noun {
        Noun::Tenant => file = tenant::read(context, node).unwrap_or(file),
        Noun::Connections => file.connections.extend(connection::read(context, node)),
        Noun::Clients => file.clients.extend(client::read(context, node)),
        Noun::Users => file.users.extend(people::user(context, node)),
        Noun::Teams => file.teams.extend(people::team(context, node)),
        Noun::Directories => file.directories.extend(directory::read(context, node)),
        Noun::ServiceTokens => file.service_tokens.extend(tenant_token::read(context, node)),
        Noun::TrustedIssuers => file.trusted_issuers.extend(issuer::read(context, node)),
        Noun::ExternalIdentities => file.principals.extend(principal::read(context, node, Kind::ExternalIdentity)),
        Noun::VirtualAccounts => file.principals.extend(principal::read(context, node, Kind::VirtualAccount)),
        Noun::Resources => file.resources.extend(resource::read(context, node)),
        Noun::Sites => file.sites.extend(site::read(context, node)),
    }
    file
}

/// Names each name that stands more than once, at every place but the first.
pub(super) fn twice<'n>(context: &Context<'_>, noun: &str, names: impl Iterator<Item = (At, &'n str)>) {
    let mut seen: HashMap<&str, At> = HashMap::new();
    for (at, name) in names {
        match seen.get(name) {
            Some(first) => {
                let text = match context.env {
                    Some(_) => format!("{noun} {name} stands in the file twice, first in line {}", first.line),
                    None => format!("{noun} {name} stands here twice"),
                };
                context.problem(at, text);
            }
            None => {
                seen.insert(name, at);
            }
        }
    }
}

/// Where `field` stands in the mapping `node`; the mapping itself, when it is missing.
pub(super) fn place(node: &Node, field: &str) -> At {
    let yaml::Kind::Map(entries) = &node.kind else { return node.at };
    entries.iter().find(|(key, _)| key.name == field).map_or(node.at, |(_, value)| value.at)
}

/// Notes each problem at the setting whose name it begins with.
pub(super) fn note(context: &Context<'_>, node: &Node, problems: Vec<String>) {
    for text in problems {
        let (at, missing) = spot(node, &text).unwrap_or((node.at, lacking(&text)));
        match missing {
            Some(key) => context.missing(at, &key, text),
            None => context.problem(at, text),
        }
    }
}

/// Where the setting stands that a problem begins with, and what is missing there: `oauth_client needs client_id`.
pub(super) fn spot(node: &Node, text: &str) -> Option<(At, Option<String>)> {
    let find = |node: &Node, name: &str| match &node.kind {
        yaml::Kind::Map(entries) => entries.iter().position(|(key, _)| key.name == name),
        _ => None,
    };
    let (first, rest) = word(text);
    let (yaml::Kind::Map(entries), Some(at)) = (&node.kind, find(node, first)) else { return None };
    let inner = &entries[at].1;
    let yaml::Kind::Map(within) = &inner.kind else { return Some((inner.at, None)) };
    let needs = rest.strip_prefix(" needs ");
    let (second, _) = word(needs.or_else(|| rest.strip_prefix(": ")).unwrap_or_default());
    match find(inner, second) {
        Some(at) => Some((within[at].1.at, None)),
        None => Some((inner.at, needs.map(|_| second.to_owned()))),
    }
}

/// The setting that is not there, if that is what a problem says.
pub(super) fn lacking(text: &str) -> Option<String> {
    let (first, rest) = word(text);
    let says = [" is missing", " is empty"].iter().any(|says| rest.starts_with(says));
    says.then(|| first.to_owned())
}

/// The setting's name that a text begins with, and what follows it.
fn word(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len()))
}
