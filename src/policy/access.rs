//! May they pass, now? The one rule about what is switched off, asked on every path: authorize, callback, code
//! redemption, refresh, userinfo, introspection and session (threat M1).

/// The state of everything a request stands on; `None` means that it plays no part in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether the tenant is enabled.
    pub tenant: bool,
    /// Whether the client is enabled.
    pub client: Option<bool>,
    /// Whether the user is active.
    pub user: Option<bool>,
    /// Whether the tenant takes passwords, when the person came with one.
    pub password: Option<bool>,
    /// Whether the connection that the person came over is enabled and offered for sign-in.
    pub connection: Option<bool>,
    /// Whether the token family still lives.
    pub family: Option<bool>,
    /// Whether the trusted issuer, or the connection that serves as one, is enabled.
    pub issuer: Option<bool>,
    /// Whether the external identity or virtual account is enabled.
    pub principal: Option<bool>,
    /// Whether the site behind forward auth is enabled.
    pub site: Option<bool>,
}

impl Standing {
    /// The tenant's state alone.
    #[must_use]
    pub fn of_tenant(enabled: bool) -> Self {
        let none = None;
        Self {
            tenant: enabled,
            client: none,
            user: none,
            password: none,
            connection: none,
            family: none,
            issuer: none,
            principal: none,
            site: none,
        }
    }
}

/// What is switched off. The text is for the log; the person and the client learn less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the message says it")]
pub enum Refusal {
    #[error("the tenant is disabled")]
    TenantDisabled,
    #[error("the client is disabled")]
    ClientDisabled,
    #[error("the user is deactivated")]
    UserDeactivated,
    #[error("the tenant takes no passwords")]
    PasswordsOff,
    #[error("the connection is disabled")]
    ConnectionDisabled,
    #[error("the token family has ended")]
    FamilyEnded,
    #[error("the trusted issuer is disabled")]
    IssuerDisabled,
    #[error("the external identity or virtual account is disabled")]
    PrincipalDisabled,
    #[error("the site is disabled")]
    SiteDisabled,
    #[error("what the request stands on no longer exists")]
    Gone,
}

/// Judges a standing; everything must be on.
///
/// # Errors
/// The first thing that is off.
pub fn judge(standing: Standing) -> Result<(), Refusal> {
    let off = |state: Option<bool>| state == Some(false);
    match standing {
        s if !s.tenant => Err(Refusal::TenantDisabled),
        s if off(s.client) => Err(Refusal::ClientDisabled),
        s if off(s.user) => Err(Refusal::UserDeactivated),
        s if off(s.password) => Err(Refusal::PasswordsOff),
        s if off(s.connection) => Err(Refusal::ConnectionDisabled),
        s if off(s.family) => Err(Refusal::FamilyEnded),
        s if off(s.issuer) => Err(Refusal::IssuerDisabled),
        s if off(s.principal) => Err(Refusal::PrincipalDisabled),
        s if off(s.site) => Err(Refusal::SiteDisabled),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_off_is_enough() {
        let yes = Some(true);
        let on = Standing {
            tenant: true,
            client: yes,
            user: yes,
            password: yes,
            connection: yes,
            family: yes,
            issuer: yes,
            principal: yes,
            site: yes,
        };
        assert_eq!(judge(on), Ok(()));
        assert_eq!(judge(Standing::of_tenant(true)), Ok(()));
        assert_eq!(judge(Standing { tenant: false, ..on }), Err(Refusal::TenantDisabled));
        assert_eq!(judge(Standing { client: Some(false), ..on }), Err(Refusal::ClientDisabled));
        assert_eq!(judge(Standing { user: Some(false), ..on }), Err(Refusal::UserDeactivated));
        assert_eq!(judge(Standing { password: Some(false), ..on }), Err(Refusal::PasswordsOff));
        assert_eq!(judge(Standing { connection: Some(false), ..on }), Err(Refusal::ConnectionDisabled));
        assert_eq!(judge(Standing { family: Some(false), ..on }), Err(Refusal::FamilyEnded));
        assert_eq!(judge(Standing { issuer: Some(false), ..on }), Err(Refusal::IssuerDisabled));
        assert_eq!(judge(Standing { principal: Some(false), ..on }), Err(Refusal::PrincipalDisabled));
        assert_eq!(judge(Standing { site: Some(false), ..on }), Err(Refusal::SiteDisabled));
    }
}
