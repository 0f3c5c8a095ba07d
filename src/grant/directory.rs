//! What a client of a directory gets: a token for our SCIM address and nothing else, which pushes as that directory. It acts as
//! nobody, so nothing that asks who somebody is takes it.

use super::{
    GrantError, Grants, Minted,
    principal::{LIFETIME, Wanted},
    refused,
};
use crate::{
    oauth::{
        client::Client,
        error::{Code, error},
        protected_resource,
        scope::{SCIM, Scopes},
    },
    policy::access::Refusal,
    store::{self, directories, standing, standing::Parties},
    token::issue::{self, PrincipalSpec},
};

/// Signs it, when everything it stands on is switched on. It names the directory by its row: one that is made anew under the same name
/// is another.
pub(super) async fn push(g: &Grants<'_>, client: &Client, directory: &str, wanted: Wanted<'_>) -> Result<Minted, GrantError> {
    let gone = |refusal: Refusal| refused(error(Code::InvalidGrant, "the grant is no longer valid"), refusal.to_string());
    standing::require(g.db, Parties::of_client(&client.tenant_id, &client.id), g.now).await?.map_err(gone)?;
    let tenant = store::tenants::find(g.db, &client.tenant_id).await?.ok_or_else(|| gone(Refusal::Gone))?;
    let invalid = |cause: &str| refused(error(Code::InvalidGrant, "the client's directory cannot be used"), cause.to_owned());
    let directory = directories::find_by_name(g.db, &client.tenant_id, directory).await?.ok_or_else(|| invalid("it is gone"))?;
    if !directory.enabled {
        return Err(invalid("it is disabled"));
    }
    if wanted.scope.is_some_and(|scope| scope != SCIM) {
        return Err(refused(error(Code::InvalidScope, "the scope of this client is scim"), client.id.as_str()));
    }
    let audience = protected_resource::scim(g.issuer);
    if wanted.audience.iter().any(|asked| *asked != audience) {
        let target = format!("the resource of this client is {audience}");
        return Err(refused(error(Code::InvalidTarget, target), client.id.as_str()));
    }
    let usual = LIFETIME.min(tenant.access_token_lifetime.unwrap_or(g.defaults.access_token_lifetime));
    let spec = PrincipalSpec {
        issuer: g.issuer,
        subject: &directory.id,
        client_id: &client.id,
        tenant: &tenant.name,
        audience: &[audience],
        scope: SCIM,
        acts_as: &[],
        origin: None,
        alg: client.settings.access_token_alg.unwrap_or(g.defaults.access_token_alg),
        lifetime: client.settings.access_token_lifetime.unwrap_or(usual),
    };
    let access = issue::principal_access(g.ring, &spec, g.now).map_err(|e| GrantError::Sign(e.to_string()))?;
    Ok(Minted {
        access_token: access.token,
        expires_in: access.expires_at - g.now,
        scope: [SCIM].into_iter().collect::<Scopes>(),
        refresh_token: None,
        refresh_expires_in: None,
        id_token: None,
        issued_token_type: None,
    })
}
