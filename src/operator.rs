//! Operators: who may administer what. Platform administrators have every tenant and the deployment's own things, tenant
//! administrators their own tenant. However they come, by a session of a browser or by a token, it is decided here, and
//! what is not theirs does not exist for them.

use crate::{
    app::App,
    error::PageError,
    reach::Reach,
    session::{BY_LINK, SignedIn, Visit},
    store::{
        self, StoreError,
        audit::{Actor, Via},
        tenants::{self, Tenant},
        users::User,
    },
};

/// An administrator who asks for something.
#[derive(Clone, Debug)]
pub struct Operator {
    /// Who.
    pub user: User,
    /// Whose user they are.
    pub home: Tenant,
    /// How they came.
    pub via: Via,
    /// How far what they make may reach.
    pub reach: Reach,
}

/// Whether an administrator may shut this user out or let them in. Those who administer the deployment are above those who
/// administer a tenant, also in the tenant that they belong to.
#[must_use]
pub fn may_judge(by: &User, user: &User) -> bool {
    by.platform || !user.platform
}

/// Whether a directory may shut this user out, adopt, rename or readdress them: whoever has its token is at most who
/// administers the tenant, and so may not judge either. The store holds the same where it acts by itself, when somebody signs
/// in (`directory_links`) or is let in again (`users::open_again`).
#[must_use]
pub fn may_be_pushed(user: &User) -> bool {
    !user.platform
}

impl Operator {
    /// Whoever is signed in in this browser, and what they may be; `Err` holds the sign-in of somebody who administers
    /// nothing, `None` nobody's.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn of_visit(app: &App, visit: &Visit) -> Result<Option<Result<Self, SignedIn>>, PageError> {
        let Some(who) = visit.signed_in(app, None).await? else { return Ok(None) };
        let user = store::users::find(&app.db, &who.user_id).await?;
        let Some(operator) = Self::new(app, user, Via::Page).await? else { return Ok(Some(Err(who))) };
        // Who came by a link has an hour, and so has what they make.
        let reach = if who.amr == BY_LINK { Reach::until(who.until) } else { Reach::whole() };
        Ok(Some(Ok(Self { reach, ..operator })))
    }

    /// This user, if they administer anything at this moment.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn new(app: &App, user: Option<User>, via: Via) -> Result<Option<Self>, StoreError> {
        let Some(user) = user.filter(|user| user.active && (user.admin || user.platform)) else { return Ok(None) };
        let home = tenants::find(&app.db, &user.tenant_id).await?.filter(|tenant| tenant.enabled);
        Ok(home.map(|home| Self { user, home, via, reach: Reach::whole() }))
    }

    /// How receipts and the audit log name them, who came from `address`.
    #[must_use]
    pub fn actor(&self, address: &str) -> Actor {
        let actor = Actor::administrator(&self.user, self.via, address);
        // Of those who come to the pages, only a link's way in has an end.
        if self.reach.end().is_some() { actor.by("break-glass link") } else { actor }
    }

    /// Whether they have the whole deployment.
    #[must_use]
    pub fn is_platform(&self) -> bool {
        self.user.platform
    }

    /// The tenant of this name, if it is theirs to administer. One that is not is as unknown as one that does not exist.
    ///
    /// # Errors
    /// What the database says.
    pub async fn tenant(&self, app: &App, name: &str) -> Result<Option<Tenant>, StoreError> {
        reachable(app, &self.home, self.is_platform(), name).await
    }
}

/// The tenant of this name for whoever is at home in a tenant, and may administer every other (`platform`) or none.
///
/// # Errors
/// What the database says.
pub async fn reachable(app: &App, home: &Tenant, platform: bool, name: &str) -> Result<Option<Tenant>, StoreError> {
    match platform {
        _ if name == home.name => Ok(Some(home.clone())),
        true => tenants::find_by_name(&app.db, name).await,
        false => Ok(None),
    }
}
