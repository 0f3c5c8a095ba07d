//! What whoever asks may say of a thing, and touch of it: asked before others have to wait for the change, under the lock before
//! it is made, and again after.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{
    asker::{Asker, outreached},
    users::require_may,
};
use crate::{
    apply::single::Noun,
    bearer,
    error::ApiError,
    oauth::error::{Code, error},
    policy::{
        api_scope::Level,
        directory::GroupRule,
        email::Email,
        site::{Login, SiteSettings},
    },
    store::{
        On, StoreError, clients, connections,
        db::Tx,
        directories, domains,
        mappings::{self, Source},
        sites,
        tenants::Tenant,
        trusted_issuers, users,
    },
};

/// A directory's token that a body gives has no end: a token that has one makes it at the directory's own address, where it
/// is given an end too.
pub fn outlasts_nobody(asker: &Asker, noun: Noun, body: &Value) -> Result<(), ApiError> {
    if noun == Noun::Directories && body["token"].is_string() && asker.reach().end().is_some() {
        return Err(outreached(asker, None));
    }
    Ok(())
}

/// Whoever has the secret of a directory's client is that directory, for good: a token that ends makes and changes none. Asked of
/// what is about to be committed.
///
/// One that is made with a lasting token stays when that is revoked or renewed, as connections, issuers and every other client
/// do, and unlike tokens and set-up links (`store::lineage`): it is set up, and not handed on. With a rule of its own it would end
/// while clients that act as virtual accounts did not, and renewing the token of whatever sets customers up would stop their
/// directories from saying who has left.
pub async fn stays_behind(on: &mut On<'_>, asker: &Asker, tenant: &Tenant, noun: Noun, name: &str) -> Result<(), ApiError> {
    if asker.reach().is_lasting() || noun != Noun::Clients || !is_directorys(on, tenant, name).await? {
        return Ok(());
    }
    let why = error(Code::AccessDenied, "this application is a directory for good: a token that ends makes and changes none");
    Err(ApiError { status: StatusCode::FORBIDDEN, ..ApiError::new(why, format!("asked by {}", asker.name())) })
}

/// Whether it is a client that pushes for a directory.
///
/// # Errors
/// What the database says.
pub async fn is_directorys(on: impl Into<On<'_>>, tenant: &Tenant, name: &str) -> Result<bool, StoreError> {
    if name.contains('\0') {
        return Ok(false);
    }
    let found = clients::find(on, name).await?;
    Ok(found.is_some_and(|client| client.tenant_id == tenant.id && client.settings.directory.is_some()))
}

/// The domains that a body gives a tenant count as proven: whoever changes them does what writing domains does.
pub async fn keeps_domains(on: &mut On<'_>, asker: &Asker, tenant: &Tenant, noun: Noun, body: &Value) -> Result<(), ApiError> {
    let Some(said) = body.get("domains").filter(|_| noun == Noun::Tenant) else { return Ok(()) };
    if *said != json!(domains::of_tenant(on, &tenant.id).await?) {
        asker.require("domains", Level::Write)?;
    }
    Ok(())
}

/// What the groups of a directory mean, as it stands in the database; of anything else, nothing.
pub async fn group_rules(tx: &mut Tx, tenant: &Tenant, noun: Noun, name: &str) -> Result<Vec<GroupRule>, StoreError> {
    if noun != Noun::Directories || name.contains('\0') {
        return Ok(Vec::new());
    }
    let found = directories::find_by_name(tx, &tenant.id, name).await?;
    Ok(found.map(|directory| directory.settings.group_rules).unwrap_or_default())
}

/// A rule puts whoever is in a group into a team, or gives them a role: whoever makes, changes or removes one does what
/// writing teams and resources does.
pub fn may_say(asker: &Asker, before: &[GroupRule], after: &[GroupRule]) -> Result<(), ApiError> {
    if before == after {
        return Ok(());
    }
    let all = || before.iter().chain(after);
    if all().any(|rule| rule.team.is_some()) {
        asker.require("teams", Level::Write)?;
    }
    if all().any(|rule| rule.resource.is_some()) {
        asker.require("resources", Level::Write)?;
    }
    Ok(())
}

/// What a token of fewer scopes must not touch, as it is: an administrator, a token that may more, a client whose tokens do; and
/// what makes somebody of a caller, or opens something to them, unless the token may write that as well. Asked before others have
/// to wait for the change, before it is made, and again after.
pub async fn may_touch(on: &mut On<'_>, asker: &Asker, tenant: &Tenant, noun: Noun, name: &str) -> Result<(), ApiError> {
    match noun {
        _ if name.contains('\0') => Ok(()),
        Noun::Users => {
            let user = match Email::parse(name) {
                Some(email) => users::find_by_email(&mut *on, &tenant.id, &email).await?,
                None => users::find(&mut *on, name).await?.filter(|user| user.tenant_id == tenant.id),
            };
            user.map_or(Ok(()), |user| require_may(asker, &user))
        }
        Noun::ServiceTokens => {
            let further = asker.reach().outreached_by(&mut *on, &tenant.id, name).await?;
            further.map_or(Ok(()), |token| Err(outreached(asker, token.expires_at)))
        }
        _ if !asker.is_limited() => Ok(()),
        Noun::Clients => {
            let Some(client) = clients::find(&mut *on, name).await?.filter(|client| client.tenant_id == tenant.id) else {
                return Ok(());
            };
            if client.settings.admin_api {
                let why = "the tokens of this application open the admin API: only a token with the scope admin may touch it";
                return Err(bearer::forbidden(why, &asker.name()));
            }
            let acts = [("virtual_accounts", client.settings.virtual_account), ("directories", client.settings.directory)];
            may_lead(asker, acts.into_iter().filter_map(|(area, named)| named.map(|_| area)))?;
            let opens = |site: &SiteSettings| site.login == Some(Login::Client(name.to_owned()));
            may_open(on, asker, tenant, opens).await
        }
        Noun::TrustedIssuers | Noun::Connections => {
            let source = match noun {
                Noun::TrustedIssuers => {
                    let issuer = trusted_issuers::find_by_name(&mut *on, &tenant.id, name).await?;
                    issuer.map(|issuer| Source::Issuer(issuer.id))
                }
                _ => {
                    let connection = connections::find_by_name(&mut *on, &tenant.id, name).await?;
                    connection.map(|connection| Source::Connection(connection.id))
                }
            };
            let Some(source) = source else { return Ok(()) };
            let led = mappings::led_from(&mut *on, &source).await?;
            let to = [
                (led.external_identities, "external_identities"),
                (led.virtual_accounts, "virtual_accounts"),
                (led.teams, "teams"),
            ];
            may_lead(asker, to.into_iter().filter_map(|(leads, area)| leads.then_some(area)))?;
            may_open(on, asker, tenant, |site: &SiteSettings| site.opens_to(name)).await
        }
        _ => Ok(()),
    }
}

/// Whoever has a client's secret, or an issuer's keys, is whoever that leads to: they may write what leads there who may write
/// those as well.
fn may_lead(asker: &Asker, to: impl Iterator<Item = &'static str>) -> Result<(), ApiError> {
    to.into_iter().try_for_each(|area| asker.require(area, Level::Write))
}

/// The same of sites: what people get at a site's own application, and what its issuers sign, opens it.
async fn may_open(
    on: &mut On<'_>,
    asker: &Asker,
    tenant: &Tenant,
    opens: impl Fn(&SiteSettings) -> bool,
) -> Result<(), ApiError> {
    match sites::of_tenant(&mut *on, &tenant.id).await?.iter().any(|site| opens(&site.settings)) {
        true => asker.require("sites", Level::Write),
        false => Ok(()),
    }
}
