//! Many things of one noun, in short and in the order of their names: members, claims and collaborators are for
//! [`super::show()`].

use serde_json::{Map, Value};

use super::{
    Noun,
    noun::{resource_name, resource_parts},
    show::{Found, brief},
};
use crate::{
    policy::principal::Kind,
    seal::Sealer,
    store::{
        On, StoreError, clients, connections, directories, principals, resources, sites, teams, tenant_tokens,
        tenants::{self, Tenant},
        trusted_issuers, users,
        window::Window,
    },
};

/// A part of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Part {
    /// The things, as the file would spell them.
    pub items: Vec<Value>,
    /// What the last one is called, when there are more: where the next part begins.
    pub next: Option<String>,
}

/// At most `limit` things of the tenant whose names hold `search` (all, when it is empty), after the one called `after`.
/// Of [`Noun::Tenant`], all tenants there are.
///
/// # Errors
/// What the database says.
pub async fn list(
    on: impl Into<On<'_>>,
    sealer: &Sealer,
    tenant: &Tenant,
    noun: Noun,
    search: &str,
    after: &str,
    limit: usize,
) -> Result<Part, StoreError> {
    // Databases do not agree on what a NUL is.
    if search.contains('\0') || after.contains('\0') {
        return Ok(Part::default());
    }
    let (kind, name) = match noun {
        Noun::Resources => resource_parts(after).unwrap_or_default(),
        _ => (String::new(), after),
    };
    let window = Window::new(&tenant.id, search, name, i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1));
    let mut found = found(on.into(), noun, &kind, &window).await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let mut part = Part::default();
    for found in &found {
        let fields = brief(sealer, found)?;
        part.next = name_of(noun, &fields).filter(|_| more);
        part.items.push(Value::Object(fields));
    }
    Ok(part)
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
