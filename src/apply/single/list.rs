//! Many things of one noun, in short and in the order of their names: members and collaborators are for
//! [`super::show()`].

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{
    Noun,
    noun::{resource_name, resource_parts},
    show::{Found, brief, said},
};
use crate::{
    policy::principal::Kind,
    seal::Sealer,
    store::{
        On, StoreError, clients, connections, directories,
        mappings::{self, Mapping, Source, Target},
        principals, resources, sites, teams, tenant_tokens,
        tenants::{self, Tenant},
        trusted_issuers, users,
        window::{Narrow, Phase, Window},
    },
};

/// Which part of a list.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ask<'a> {
    /// Things whose names hold this.
    pub search: &'a str,
    /// After the one called so.
    pub after: &'a str,
    /// At most so many.
    pub limit: usize,
    /// Only such.
    pub narrow: Narrow<'a>,
}

/// The states that a list of this noun can be narrowed to.
#[must_use]
pub fn states(noun: Noun) -> &'static [Phase] {
    match noun {
        Noun::Users => Phase::OF_USERS,
        Noun::Connections => Phase::OF_CONNECTIONS,
        Noun::ServiceTokens => Phase::OF_TOKENS,
        Noun::Clients
        | Noun::Directories
        | Noun::TrustedIssuers
        | Noun::ExternalIdentities
        | Noun::VirtualAccounts
        | Noun::Sites
        | Noun::Tenant => Phase::OF_SWITCHED,
        Noun::Teams | Noun::Resources => &[],
    }
}

/// What addresses call the provider that a list of this noun can be narrowed to ([`Narrow::provider`]).
#[must_use]
pub fn provider(noun: Noun) -> Option<&'static str> {
    match noun {
        Noun::Connections => Some("provider"),
        Noun::ExternalIdentities | Noun::VirtualAccounts => Some("issuer"),
        _ => None,
    }
}

/// A part of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Part {
    /// The things, as the file would spell them.
    pub items: Vec<Value>,
    /// What the last one is called, when there are more: where the next part begins.
    pub next: Option<String>,
}

/// The things of the tenant that are asked for, in the order of their names. Of [`Noun::Tenant`], all tenants there are.
///
/// # Errors
/// What the database says.
pub async fn list(on: impl Into<On<'_>>, sealer: &Sealer, tenant: &Tenant, noun: Noun, ask: Ask<'_>) -> Result<Part, StoreError> {
    let Ask { search, after, limit, narrow } = ask;
    // Databases do not agree on what a NUL is.
    if [search, after, narrow.provider.unwrap_or_default()].iter().any(|text| text.contains('\0')) {
        return Ok(Part::default());
    }
    let (kind, name) = match noun {
        Noun::Resources => resource_parts(after).unwrap_or_default(),
        _ => (String::new(), after),
    };
    let window = Window::new(&tenant.id, search, name, i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1));
    let window = window.narrowed(narrow);
    let mut on = on.into();
    let mut found = found(On::from(&mut on), noun, &kind, &window).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let mut led = led(on, &found).await?;
    let mut part = Part::default();
    for found in &found {
        let mut fields = brief(sealer, found)?;
        if let Found::Principal(principal) = found {
            fields.extend(led.remove(&principal.id).unwrap_or_default());
        }
        part.next = name_of(noun, &fields).filter(|_| more);
        part.items.push(Value::Object(fields));
    }
    Ok(part)
}

/// Whose tokens lead to the external identities and virtual accounts among these, and with what claims: by their row ids.
async fn led(mut on: On<'_>, found: &[Found]) -> Result<HashMap<String, Map<String, Value>>, StoreError> {
    let ids: Vec<&str> =
        found.iter().filter_map(|found| if let Found::Principal(x) = found { Some(x.id.as_str()) } else { None }).collect();
    let all = mappings::of_principals(&mut on, &ids).await?;
    let names = mappings::sources_of(&mut on, &all).await?;
    let one = |mapping: Mapping| {
        let (Source::Issuer(id) | Source::Connection(id)) = &mapping.source;
        let Target::Principal(principal) = &mapping.target else { return None };
        Some((principal.clone(), said(names.get(id).cloned(), &mapping)))
    };
    Ok(all.into_iter().filter_map(one).collect())
}

fn name_of(noun: Noun, fields: &Map<String, Value>) -> Option<String> {
    let text = |key: &str| fields.get(key).and_then(Value::as_str).unwrap_or_default();
    match noun {
        Noun::Resources => Some(resource_name(text("type"), text("name"))),
        _ => noun.name_in(fields),
    }
}

async fn found(on: On<'_>, noun: Noun, kind: &str, window: &Window<'_>) -> Result<Vec<Found>, StoreError> {
    fn each<T>(all: Vec<T>, of: fn(T) -> Found) -> Vec<Found> {
        all.into_iter().map(of).collect()
    }
    Ok(match noun {
        Noun::Tenant => each(tenants::window(on, window).await?, Found::Tenant),
        Noun::Connections => each(connections::window(on, window).await?, Found::Connection),
        Noun::Clients => each(clients::window(on, window).await?, Found::Client),
        Noun::Users => each(users::window(on, window).await?, Found::User),
        Noun::Teams => each(teams::window(on, window).await?, Found::Team),
        Noun::Directories => each(directories::window(on, window).await?, Found::Directory),
        Noun::ServiceTokens => each(tenant_tokens::window(on, window).await?, Found::ServiceToken),
        Noun::TrustedIssuers => each(trusted_issuers::window(on, window).await?, Found::Issuer),
        Noun::ExternalIdentities => each(principals::window(on, Kind::ExternalIdentity, window).await?, Found::Principal),
        Noun::VirtualAccounts => each(principals::window(on, Kind::VirtualAccount, window).await?, Found::Principal),
        Noun::Resources => each(resources::window(on, kind, window).await?, Found::Resource),
        Noun::Sites => each(sites::window(on, window).await?, Found::Site),
    })
}
