//! `- name: acme …`: a tenant and all it owns.

use super::{client, connection, directory, issuer, people, place, principal, resource, site, tenant_token, twice};
use crate::{
    apply::{
        desired::TenantFile,
        reader::{Context, Fields, Text},
        sso::RequireSso,
        yaml::{At, Kind, Node},
    },
    moment::seconds,
    policy::{email::normal_domain, identity::Provisioning, principal::Kind as Who},
};

pub fn read(context: &Context<'_>, node: &Node) -> Option<TenantFile> {
    let mut f = Fields::of(context, node, "a tenant")?;
    let name = f.required_text("name");
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let name = name.filter(|n| valid_name(context, n, is_name, "lower-case letters, digits and hyphens"));
    let domains = f.texts("domains").into_iter().filter_map(|d| domain(context, &d)).collect();
    let display_name = f.name("display_name");
    let provisioning =
        f.choice("provisioning", &[Provisioning::Jit, Provisioning::Invite, Provisioning::Scim].map(|p| (p.as_str(), p)));
    let enabled = f.bool("enabled");
    let password_login = f.bool("password_login").map(|said| (place(node, "password_login"), said));
    let require_sso = require_sso(&mut f);
    let access_token_lifetime = lifetime(&mut f, "access_token_lifetime");
    let refresh_token_lifetime = lifetime(&mut f, "refresh_token_lifetime");
    if let (Some(access), Some(refresh)) = (access_token_lifetime, refresh_token_lifetime)
        && access > refresh
    {
        context.problem(node.at, "access_token_lifetime must not be longer than refresh_token_lifetime");
    }
    let connections: Vec<_> = f.list("connections").into_iter().filter_map(|n| connection::read(context, n)).collect();
    let clients: Vec<_> = f.list("clients").into_iter().filter_map(|n| client::read(context, n)).collect();
    let users: Vec<_> = f.list("users").into_iter().filter_map(|n| people::user(context, n)).collect();
    let teams: Vec<_> = f.list("teams").into_iter().filter_map(|n| people::team(context, n)).collect();
    let directories: Vec<_> = f.list("directories").into_iter().filter_map(|n| directory::read(context, n)).collect();
    let service_tokens: Vec<_> = f.list("service_tokens").into_iter().filter_map(|n| tenant_token::read(context, n)).collect();
    for (connection, client) in connections.iter().flat_map(|c| clients.iter().map(move |client| (c, client))) {
        connection::judge_landing(context, connection, client);
    }
    let trusted_issuers: Vec<_> = f.list("trusted_issuers").into_iter().filter_map(|n| issuer::read(context, n)).collect();
    let identities = f.list("external_identities").into_iter().filter_map(|n| principal::read(context, n, Who::ExternalIdentity));
    let identities: Vec<_> = identities.collect();
    let accounts = f.list("virtual_accounts").into_iter().filter_map(|n| principal::read(context, n, Who::VirtualAccount));
    let accounts: Vec<_> = accounts.collect();
    let resources: Vec<_> = f.list("resources").into_iter().filter_map(|n| resource::read(context, n)).collect();
    let sites: Vec<_> = f.list("sites").into_iter().filter_map(|n| site::read(context, n)).collect();
    f.finish();
    twice(context, "connection", connections.iter().map(|c| (c.at, c.name.as_str())));
    twice(context, "user", users.iter().map(|u| (u.at, u.email.as_str())));
    twice(context, "team", teams.iter().map(|t| (t.at, t.name.as_str())));
    twice(context, "directory", directories.iter().map(|d| (d.at, d.name.as_str())));
    twice(context, "service token", service_tokens.iter().map(|t| (t.at, t.name.as_str())));
    twice(context, "trusted issuer", trusted_issuers.iter().map(|i| (i.at, i.name.as_str())));
    twice(context, "external identity", identities.iter().map(|p| (p.at, p.name.as_str())));
    twice(context, "virtual account", accounts.iter().map(|p| (p.at, p.name.as_str())));
    let labels: Vec<_> = resources.iter().map(|r| (r.at, format!("{} {}", r.name.kind, r.name.name))).collect();
    twice(context, "resource", labels.iter().map(|(at, label)| (*at, label.as_str())));
    twice(context, "site", sites.iter().map(|s| (s.at, s.name.as_str())));
    let name = name?;
    Some(TenantFile {
        at: name.at,
        display_name: display_name.unwrap_or_else(|| name.value.clone()),
        name: name.value,
        domains,
        provisioning: provisioning.unwrap_or(Provisioning::Jit),
        enabled,
        password_login,
        require_sso,
        access_token_lifetime,
        refresh_token_lifetime,
        connections,
        trusted_issuers,
        principals: identities.into_iter().chain(accounts).collect(),
        clients,
        users,
        teams,
        directories,
        service_tokens,
        resources,
        sites,
    })
}

/// Whether a name has 1 to 63 characters of its alphabet; if not, that is noted.
pub(super) fn valid_name(context: &Context<'_>, name: &Text, is_name: impl Fn(char) -> bool, alphabet: &str) -> bool {
    let valid = (1..=63).contains(&name.value.len()) && name.value.chars().all(is_name);
    if !valid {
        context.problem(name.at, format!("{:?} is no name: use 1 to 63 {alphabet}", name.raw));
    }
    valid
}

fn domain(context: &Context<'_>, text: &Text) -> Option<(crate::apply::yaml::At, String)> {
    let domain = normal_domain(&text.value);
    if domain.is_none() {
        context.problem(text.at, format!("{:?} is no domain name; write it like acme.example", text.raw));
    }
    Some((text.at, domain?))
}

/// `true`, `false`, or in a file `untested`: before anything could be tested.
fn require_sso(f: &mut Fields<'_, '_>) -> Option<(At, RequireSso)> {
    let node = f.take("require_sso")?;
    let is_file = f.context.env.is_some();
    match &node.kind {
        Kind::Bool(false) => Some((node.at, RequireSso::Off)),
        Kind::Bool(true) => Some((node.at, RequireSso::On)),
        Kind::Text(word) if is_file && word == "untested" => Some((node.at, RequireSso::Untested)),
        _ => {
            let untested = if is_file { ", or untested to switch it on before any connection could be tested" } else { "" };
            f.context.problem(node.at, format!("require_sso must be true or false{untested}, not {}", node.what()));
            None
        }
    }
}

/// As [`span`], of one second at least.
pub(super) fn lifetime(f: &mut Fields<'_, '_>, name: &'static str) -> Option<i64> {
    span(f, name, 1)
}

/// Seconds, or a number with s, m, h or d; at most ten years.
pub(super) fn span(f: &mut Fields<'_, '_>, name: &'static str, least: i64) -> Option<i64> {
    let node = f.take(name)?;
    let value = match &node.kind {
        Kind::Int(x) => Some(*x),
        Kind::Text(_) => seconds(&f.context.text(node, name)?.value),
        _ => None,
    };
    let value = value.filter(|s| (least..=10 * 366 * 86_400).contains(s));
    if value.is_none() {
        f.context.problem(node.at, format!("{name} must be seconds, or a number with s, m, h or d, like 15m, 24h or 7d"));
    }
    value
}
