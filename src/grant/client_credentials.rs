//! `grant_type=client_credentials` (RFC 6749 §4.4): a client that has proved who it is acts as its virtual account, or pushes for
//! its directory.

use super::{
    GrantError, Grants, Minted, counted, directory,
    principal::{self, Acting, Wanted},
    refused, require_grant,
};
use crate::{
    oauth::{
        client::{Client, GrantType},
        error::{Code, error},
    },
    policy::{access::Refusal, principal::Kind},
    store,
    token::issue::Actor,
};

/// Gives a token for the client's virtual account.
///
/// # Errors
/// `unauthorized_client` for a public client or one without the grant; `invalid_grant` when the account is gone or
/// disabled; `invalid_scope` and `invalid_target` for more than the client may have.
pub async fn act(g: &Grants<'_>, client: &Client, wanted: Wanted<'_>) -> Result<Minted, GrantError> {
    counted("client_credentials", act_now(g, client, wanted).await)
}

async fn act_now(g: &Grants<'_>, client: &Client, wanted: Wanted<'_>) -> Result<Minted, GrantError> {
    require_grant(client, GrantType::ClientCredentials)?;
    // Whoever knows the id of a public client would be the account.
    if client.is_public() {
        return Err(refused(error(Code::UnauthorizedClient, "this grant_type needs client authentication"), client.id.as_str()));
    }
    if let Some(directory) = &client.settings.directory {
        return directory::push(g, client, directory, wanted).await;
    }
    let invalid = |cause: String| refused(error(Code::InvalidGrant, "the client's virtual account cannot be used"), cause);
    let name = client.settings.virtual_account.as_deref();
    let name = name.ok_or_else(|| invalid("the client's record names no virtual_account".to_owned()))?;
    let account = store::principals::find_by_name(g.db, &client.tenant_id, Kind::VirtualAccount, name).await?;
    let account = account.ok_or_else(|| invalid(format!("there is no virtual account {name:?} in the client's tenant")))?;
    if !account.enabled {
        return Err(invalid(Refusal::PrincipalDisabled.to_string()));
    }
    let actor = Actor { kind: Kind::VirtualAccount, id: account.id, mapping: None };
    principal::mint(g, client, wanted, Acting { acts_as: &[actor], origin: None, not_beyond: None }).await
}
