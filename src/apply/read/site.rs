//! `sites:`: the services behind forward auth.

use std::collections::BTreeMap;

use super::{claims, issuer::valid_name, note, place, resource, twice};
use crate::{
    apply::{
        desired::{SiteFile, SitePlaces, TenantFile},
        reader::{Context, Fields},
        yaml::{At, Node},
    },
    policy::{
        place as address,
        role::Role,
        site::{Fact, ForwardMethod, Forwarding, Login, OURSELVES, SiteSettings},
    },
};

const METHODS: [(&str, ForwardMethod); 5] = [
    ("headers", ForwardMethod::Headers),
    ("claims_header", ForwardMethod::ClaimsHeader),
    ("jwt_header", ForwardMethod::JwtHeader),
    ("bearer", ForwardMethod::Bearer),
    ("none", ForwardMethod::None),
];

pub fn read(context: &Context<'_>, node: &Node) -> Option<SiteFile> {
    let mut f = Fields::of(context, node, "a site")?;
    let name = f.required_text("name").filter(|name| valid_name(context, name));
    let enabled = f.bool("enabled");
    let issuers = if f.has("issuers") { f.one_or_more("issuers") } else { vec![OURSELVES.to_owned()] };
    let settings = SiteSettings {
        hosts: f.one_or_more("hosts").iter().map(|host| host_name(host)).collect(),
        paths: f.one_or_more("paths").iter().map(|path| beginning(path)).collect(),
        public_paths: f.one_or_more("public_paths").iter().map(|path| beginning(path)).collect(),
        issuers,
        claims: f.take("claims").map(|n| claims::read(context, n, "claims")).unwrap_or_default(),
        resource: f.take("resource").and_then(|n| {
            let mut f = Fields::of(context, n, "resource")?;
            let name = resource::name(&mut f);
            f.finish();
            name
        }),
        role: f.choice("role", &Role::ALL.map(|role| (role.as_str(), role))),
        login: f.take("login").and_then(|n| login(context, n)),
        audience: f.value("audience"),
        scopes: f.one_or_more("scopes").iter().flat_map(|s| s.split_ascii_whitespace()).map(str::to_owned).collect(),
        identity: f.take("identity").and_then(|n| identity(context, n)).unwrap_or_default(),
        access_cookie: f.bool("access_cookie").unwrap_or(true),
        exchanged_only: f.bool("exchanged_only").unwrap_or(false),
    };
    f.finish();
    note(context, node, settings.problems());
    let at = |field| place(node, field);
    let places = SitePlaces { hosts: at("hosts"), issuers: at("issuers"), resource: at("resource"), login: at("login") };
    let name = name?;
    Some(SiteFile { at: name.at, name: name.value, enabled, settings, places })
}

/// As requests name it: in lower case, without the port that https implies.
fn host_name(text: &str) -> String {
    address::host("https", text).unwrap_or_else(|| text.to_owned())
}

/// `/a` and `/a/` are one place.
fn beginning(path: &str) -> String {
    match path.trim_end_matches('/') {
        "" if path.starts_with('/') => "/".to_owned(),
        path => path.to_owned(),
    }
}

fn login(context: &Context<'_>, node: &Node) -> Option<Login> {
    let mut f = Fields::of(context, node, "login")?;
    let (client, issuer) = (f.value("client"), f.value("issuer"));
    f.finish();
    match (client, issuer) {
        (Some(client), None) => Some(Login::Client(client)),
        (None, Some(issuer)) => Some(Login::Issuer(issuer)),
        _ => {
            context.problem(node.at, "login is one of {client: …} (over gatehouse) and {issuer: …} (at a trusted issuer)");
            None
        }
    }
}

fn identity(context: &Context<'_>, node: &Node) -> Option<Forwarding> {
    let mut f = Fields::of(context, node, "identity")?;
    let identity = Forwarding {
        method: f.choice("method", &METHODS).unwrap_or_default(),
        header_name: f.value("header_name"),
        header_names: f.take("header_names").and_then(|n| header_names(context, n)).unwrap_or_default(),
        include_claims: f.one_or_more("include_claims"),
        jwt_expiry_seconds: f.int("jwt_expiry_seconds", 1..=crate::policy::site_check::MAX_JWT_LIFE).unwrap_or(300),
    };
    f.finish();
    Some(identity)
}

fn header_names(context: &Context<'_>, node: &Node) -> Option<BTreeMap<Fact, String>> {
    let mut f = Fields::of(context, node, "header_names")?;
    let names = Fact::ALL.into_iter().filter_map(|fact| Some((fact, f.value(fact.as_str())?))).collect();
    f.finish();
    Some(names)
}

/// No two sites of the file share a place, and no two tenants a host: whoever serves one path of a host can read the
/// cookies of all.
pub fn judge_places(context: &Context<'_>, tenants: &[TenantFile]) {
    let everywhere = ["/".to_owned()];
    let mut places: Vec<(At, String)> = Vec::new();
    let mut hosts: Vec<(&str, &str)> = Vec::new();
    for (tenant, site) in tenants.iter().flat_map(|t| t.sites.iter().map(move |site| (t, site))) {
        let paths = if site.settings.paths.is_empty() { &everywhere[..] } else { &site.settings.paths };
        for host in &site.settings.hosts {
            places.extend(paths.iter().map(|path| (site.places.hosts, format!("{host}{path}"))));
            let host = address::host_name(host);
            match hosts.iter().find(|(known, _)| *known == host) {
                Some((_, owner)) if *owner != tenant.name => {
                    context.problem(
                        site.places.hosts,
                        format!("host {host} is that of a site of tenant {owner}; sites of two tenants share no host"),
                    );
                }
                Some(_) => {}
                None => hosts.push((host, &tenant.name)),
            }
        }
    }
    twice(context, "site at", places.iter().map(|(at, place)| (*at, place.as_str())));
}
