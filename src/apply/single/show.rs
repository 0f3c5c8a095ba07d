//! One thing as the file would spell it, without its secrets: `secrets` says which there are. What is shown can be put back
//! and changes nothing.

use serde_json::{Map, Value, json};

use super::{
    Noun,
    noun::resource_parts,
    spelling::{self, rules},
};
use crate::{
    apply::{issuers::secrets_of, nouns::secret_of},
    oauth::client::Client,
    policy::{email::Email, principal::Kind},
    seal::Sealer,
    store::{
        On, StoreError, clients,
        connections::{self, Connection},
        directories::{self, Directory},
        directory_tokens, domains,
        mappings::{self, Mapping, Source},
        principals::{self, Principal},
        resources::{self, Resource},
        sites::{self, Site},
        teams::{self, Team},
        tenant_tokens::{self, ServiceToken},
        tenants::{self, Tenant},
        trusted_issuers::{self, TrustedIssuer},
        users::{self, User},
    },
};

type Result<T> = std::result::Result<T, StoreError>;
type Fields = Map<String, Value>;

/// A thing as it is stored.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, or a page of them")]
pub enum Found {
    Tenant(Tenant),
    Connection(Connection),
    Client(Client),
    User(User),
    Team(Team),
    Directory(Directory),
    ServiceToken(ServiceToken),
    Issuer(TrustedIssuer),
    Principal(Principal),
    Resource(Resource),
    Site(Site),
}

/// One thing of the tenant by what it is called; a user by id or address.
///
/// # Errors
/// What the database says.
pub async fn show(on: impl Into<On<'_>>, sealer: &Sealer, tenant: &Tenant, noun: Noun, name: &str) -> Result<Option<Value>> {
    tell(on.into(), sealer, tenant, noun, name, true).await
}

async fn tell(
    mut on: On<'_>,
    sealer: &Sealer,
    tenant: &Tenant,
    noun: Noun,
    name: &str,
    with_members: bool,
) -> Result<Option<Value>> {
    let Some(found) = find(&mut on, tenant, noun, name).await? else { return Ok(None) };
    let mut fields = brief(sealer, &found)?;
    match &found {
        Found::Tenant(tenant) => fields = spelled(tenant, &domains::of_tenant(&mut on, &tenant.id).await?),
        Found::Team(team) => {
            if with_members {
                fields.insert("members".to_owned(), teams::addresses(&mut on, &team.id).await?.into());
            }
            let mut tokens = Vec::new();
            for mapping in mappings::of_team(&mut on, &team.id).await? {
                tokens.push(Value::Object(leading(&mut on, &mapping).await?));
            }
            fields.insert("tokens".to_owned(), tokens.into());
        }
        Found::Directory(directory) => {
            if let Some(id) = &directory.connection_id
                && let Some(connection) = connections::find(&mut on, id).await?
            {
                fields.insert("connection".to_owned(), connection.name.into());
            }
            let tokens = directory_tokens::of_directory(&mut on, &directory.id).await?;
            secrets(&mut fields, &[("token", tokens.iter().any(|token| token.declared))]);
        }
        Found::Principal(principal) => {
            if let Some(mapping) = mappings::of_principal(&mut on, &principal.id).await? {
                fields.extend(leading(&mut on, &mapping).await?);
            }
        }
        Found::Resource(resource) => {
            let held = resources::collaborators_named(&mut on, &resource.id).await?;
            let held: Vec<Value> = held.iter().map(|c| json!({c.kind.as_str(): c.name, "role": c.role})).collect();
            fields.insert("collaborators".to_owned(), held.into());
        }
        Found::Connection(_) | Found::Client(_) | Found::User(_) | Found::Issuer(_) | Found::Site(_) | Found::ServiceToken(_) => {
        }
    }
    Ok(Some(Value::Object(fields)))
}

/// As [`show`], without what has pages of its own and may be long: the members of a team.
///
/// # Errors
/// What the database says.
pub async fn outline(on: impl Into<On<'_>>, sealer: &Sealer, tenant: &Tenant, noun: Noun, name: &str) -> Result<Option<Value>> {
    tell(on.into(), sealer, tenant, noun, name, false).await
}

/// As [`show`], as it is stored.
pub async fn find(on: impl Into<On<'_>>, tenant: &Tenant, noun: Noun, name: &str) -> Result<Option<Found>> {
    let mut on = on.into();
    // Databases do not agree on what a NUL is.
    if name.contains('\0') {
        return Ok(None);
    }
    let id = &tenant.id;
    Ok(match noun {
        // Anew: whoever asks under a lock has found it before.
        Noun::Tenant if tenant.name == name => tenants::find(on, id).await?.map(Found::Tenant),
        Noun::Tenant => None,
        Noun::Connections => connections::find_by_name(on, id, name).await?.map(Found::Connection),
        Noun::Clients => clients::find(on, name).await?.filter(|x| x.tenant_id == *id).map(Found::Client),
        Noun::Users => match Email::parse(name) {
            Some(email) => users::find_by_email(&mut on, id, &email).await?.map(Found::User),
            None => users::find(&mut on, name).await?.filter(|x| x.tenant_id == *id).map(Found::User),
        },
        Noun::Teams => teams::find_by_name(on, id, name).await?.map(Found::Team),
        Noun::Directories => directories::find_by_name(on, id, name).await?.map(Found::Directory),
        Noun::ServiceTokens => tenant_tokens::find_by_name(on, id, name).await?.map(Found::ServiceToken),
        Noun::TrustedIssuers => trusted_issuers::find_by_name(on, id, name).await?.map(Found::Issuer),
        Noun::ExternalIdentities => principals::find_by_name(on, id, Kind::ExternalIdentity, name).await?.map(Found::Principal),
        Noun::VirtualAccounts => principals::find_by_name(on, id, Kind::VirtualAccount, name).await?.map(Found::Principal),
        Noun::Resources => match resource_parts(name) {
            Some((kind, name)) => resources::find(on, id, &kind, name).await?.map(Found::Resource),
            None => None,
        },
        Noun::Sites => sites::find_by_name(on, id, name).await?.map(Found::Site),
    })
}

/// A keyed print of the secrets of a thing, which [`show`] leaves out: another one where one of them is another.
///
/// # Errors
/// What the database says.
pub async fn print(on: impl Into<On<'_>>, sealer: &Sealer, tenant: &Tenant, noun: Noun, name: &str) -> Result<String> {
    let mut on = on.into();
    let secrets: Vec<Option<String>> = match find(&mut on, tenant, noun, name).await? {
        Some(Found::Connection(x)) => vec![secret_of(sealer, &x)?],
        Some(Found::Client(x)) => vec![x.secret_fingerprint],
        Some(Found::User(x)) => vec![x.password_hash],
        Some(Found::ServiceToken(x)) => vec![x.fingerprint],
        Some(Found::Directory(x)) => {
            let tokens = directory_tokens::of_directory(&mut on, &x.id).await?;
            tokens.into_iter().filter(|token| token.declared).map(|token| Some(token.fingerprint)).collect()
        }
        Some(Found::Issuer(x)) => {
            let secrets = secrets_of(sealer, &x)?;
            vec![secrets.introspection, secrets.oauth_client]
        }
        _ => Vec::new(),
    };
    Ok(sealer.fingerprint("secrets of a thing", &json!(secrets).to_string()))
}

/// What is known of it without asking further: an entry of a list.
pub fn brief(sealer: &Sealer, found: &Found) -> Result<Fields> {
    Ok(match found {
        Found::Tenant(tenant) => spelled(tenant, &[]),
        Found::Connection(x) => {
            let mut fields = spelling::connection(x);
            secrets(&mut fields, &[("oidc.client_secret", x.secret_sealed.is_some())]);
            fields
        }
        Found::Client(x) => {
            let mut fields = spelling::client(x);
            secrets(&mut fields, &[("secret", x.secret_fingerprint.is_some())]);
            fields
        }
        Found::User(x) => {
            let mut fields = spelling::user(x);
            secrets(&mut fields, &[("password", x.password_hash.is_some())]);
            fields
        }
        Found::Team(x) => {
            let mut fields = object(json!({"name": x.name}));
            if x.group_id.is_some() {
                fields.insert("made_for_group".to_owned(), true.into());
            }
            fields
        }
        Found::Directory(x) => spelling::directory(x),
        Found::ServiceToken(x) => {
            let mut fields = spelling::service_token(x);
            secrets(&mut fields, &[("token", x.fingerprint.is_some())]);
            fields
        }
        Found::Issuer(x) => {
            let had = secrets_of(sealer, x)?;
            let mut fields = spelling::issuer(x);
            let known = [
                ("introspection_client_secret", had.introspection.is_some()),
                ("oauth_client.client_secret", had.oauth_client.is_some()),
            ];
            secrets(&mut fields, &known);
            fields
        }
        Found::Principal(x) => object(json!({"name": x.name, "enabled": x.enabled})),
        Found::Resource(x) => object(json!({"type": x.kind, "name": x.name})),
        Found::Site(x) => spelling::site(x),
    })
}

/// A tenant with its domains, as the file spells them.
pub fn spelled(tenant: &Tenant, domains: &[String]) -> Fields {
    let mut fields = spelling::tenant(tenant);
    fields.insert("domains".to_owned(), domains.into());
    fields
}

/// Whose tokens lead somewhere.
async fn leading(on: &mut On<'_>, mapping: &Mapping) -> Result<Fields> {
    let name = match &mapping.source {
        Source::Issuer(id) => trusted_issuers::find(&mut *on, id).await?.map(|x| x.name),
        Source::Connection(id) => connections::find(&mut *on, id).await?.map(|x| x.name),
    };
    Ok(said(name, mapping))
}

/// A mapping as the file spells it, by what its source is called.
pub fn said(source: Option<String>, mapping: &Mapping) -> Fields {
    object(json!({"issuer": source, "claims": rules(&mapping.claims)}))
}

fn secrets(fields: &mut Fields, known: &[(&str, bool)]) {
    let there: Vec<Value> = known.iter().filter(|(_, there)| *there).map(|(name, _)| (*name).into()).collect();
    fields.insert("secrets".to_owned(), there.into());
}

fn object(value: Value) -> Fields {
    match value {
        Value::Object(fields) => fields,
        _ => Fields::new(),
    }
}
