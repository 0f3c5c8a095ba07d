//! Whoever asks the admin API: an administrator by a sign-in's access token, the same by a personal token, or a program of a
//! tenant by a service token. What a token may is asked here, for every route at once ([`Needs`]).

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::{HeaderMap, StatusCode, request::Parts},
};

use crate::{
    app::App,
    apply::single::Noun,
    bearer,
    error::ApiError,
    moment::Moment,
    oauth::error::{Code, error},
    operator::{Operator, may_judge, reachable},
    policy::api_scope::Level,
    reach::Reach,
    router::Address,
    store::{
        StoreError,
        audit::{Actor, Via},
        lineage,
        personal_tokens::{self, PersonalToken},
        tenant_tokens::{self, ServiceToken},
        tenants::{self, Tenant},
        users::{self, User},
    },
};

/// What a route asks of the scopes of whoever calls it. Every route has one: without it nobody gets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Of which area it is ([`crate::policy::api_scope::AREAS`]); `None`: of the noun in the address.
    pub area: Option<&'static str>,
    /// How far it goes.
    pub level: Level,
    /// For whom of those whose scopes allow it.
    pub whom: Whom,
}

/// For whom a route is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// Whoever administers something, programs too.
    Operators,
    /// Those of them who are people: it is about what is their own.
    People,
    /// Those alone who administer the whole deployment, which it is of.
    Platform,
}

/// Who asks.
#[derive(Clone, Debug)]
pub struct Asker {
    who: Who,
    home: Tenant,
    address: String,
    /// How far what they make may reach.
    reach: Reach,
}

#[derive(Clone, Debug)]
enum Who {
    /// `by`: what they came by, where it was not their sign-in, in words.
    Person {
        user: Box<User>,
        by: Option<String>,
    },
    Service {
        id: String,
        name: String,
    },
}

impl FromRequestParts<App> for Asker {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Ok(Address(address)) = Address::from_request_parts(parts, app).await;
        let asker = match Self::recognise(app, &parts.headers, &address).await {
            Ok(asker) => asker,
            Err(e) => return Err(counted(app, &address, e)),
        };
        let needs = parts.extensions.get::<Needs>().copied();
        let noun = match needs {
            Some(Needs { area: None, .. }) => noun(parts, app).await?,
            _ => None,
        };
        let area = needs.and_then(|needs| needs.area).or(noun.map(Noun::as_str));
        match (needs, area) {
            (Some(needs), Some(area)) if asker.scopes_allow(area, needs.level) => asker.of(needs),
            (Some(_), None) => Err(super::desk::nothing()),
            _ => Err(asker.not_in_scope()),
        }
    }
}

/// The noun in the address, which says of what area a request is.
async fn noun(parts: &mut Parts, app: &App) -> Result<Option<Noun>, ApiError> {
    let params = RawPathParams::from_request_parts(parts, app).await.map_err(|_| super::desk::nothing())?;
    Ok(params.iter().find(|(name, _)| *name == "noun").and_then(|(_, key)| Noun::owned(key)))
}

/// Whoever tries out tokens is slowed down. Counted after the look: they take nothing from others behind the same address.
fn counted(app: &App, address: &str, e: ApiError) -> ApiError {
    if e.error.code != Code::InvalidToken {
        return e;
    }
    let Err(wait) = app.limits.strangers.take(address) else { return e };
    let muted = !app.limits.floods.is_first("strangers", address);
    let slow = ApiError::new(error(Code::SlowDown, "too many tokens that open nothing: wait"), format!("{address}: {}", e.cause));
    ApiError { retry_after: Some(wait), muted, ..slow }
}

fn not_active(cause: impl Into<String>) -> ApiError {
    ApiError::new(error(Code::InvalidToken, "Token is not active"), cause)
}

/// A token opens nothing any more when what it was made with does not.
async fn require_maker(app: &App, with: Option<&str>, now: i64) -> Result<(), ApiError> {
    match lineage::lives(&app.db, with, now).await? {
        true => Ok(()),
        false => Err(not_active("what the token was made with has ended")),
    }
}

impl Asker {
    async fn recognise(app: &App, headers: &HeaderMap, address: &str) -> Result<Self, ApiError> {
        let token = bearer::in_header(headers)?;
        if token.starts_with(personal_tokens::PREFIX) {
            let fingerprint = personal_tokens::fingerprint(&app.sealer, token);
            let known = personal_tokens::by_fingerprint(&app.db, &fingerprint).await?;
            return Self::personal(app, known.ok_or_else(|| not_active("there is no such personal token"))?, address).await;
        }
        let fingerprint = tenant_tokens::fingerprint(&app.sealer, token);
        if let Some(known) = tenant_tokens::by_fingerprint(&app.db, &fingerprint).await? {
            return Self::service(app, known, address).await;
        }
        let (bearer, user) = bearer::administrator(app, token).await?;
        // It is a token of ours, and of a family.
        let (Some(own), Some(family)) = (&bearer.own, &bearer.family) else { return Err(not_active("it is no sign-in's")) };
        let reach = Reach::access(own.exp, &family.id);
        let id = user.id.clone();
        let operator = Operator::new(app, Some(user), Via::Api).await?;
        let operator = operator.ok_or_else(|| bearer::forbidden("only an administrator of the tenant may ask this", &id))?;
        Ok(Self::person(operator, address, reach, None))
    }

    fn person(operator: Operator, address: &str, reach: Reach, by: Option<String>) -> Self {
        Self { who: Who::Person { user: Box::new(operator.user), by }, home: operator.home, address: address.to_owned(), reach }
    }

    /// It may at most what its owner may at this moment.
    async fn personal(app: &App, token: PersonalToken, address: &str) -> Result<Self, ApiError> {
        let now = app.clock.now();
        if token.expires_at <= now {
            return Err(not_active("the personal token has ended"));
        }
        require_maker(app, token.made_with.as_deref(), now).await?;
        let owner = users::find(&app.db, &token.user_id).await?;
        let operator = Operator::new(app, owner, Via::Api).await?;
        let operator = operator.ok_or_else(|| not_active(format!("its owner {} administers nothing", token.user_id)))?;
        personal_tokens::touch(&app.db, &token.id, now, token.last_used_at).await?;
        let by = format!("personal token {} ({})", token.name, token.id);
        Ok(Self::person(operator, address, Reach::personal(&token), Some(by)))
    }

    async fn service(app: &App, token: ServiceToken, address: &str) -> Result<Self, ApiError> {
        let now = app.clock.now();
        if let Some(why) = token.refusal(now) {
            return Err(not_active(why));
        }
        require_maker(app, token.made_with.as_deref(), now).await?;
        let home = tenants::find(&app.db, &token.tenant_id).await?.filter(|tenant| tenant.enabled);
        let home = home.ok_or_else(|| not_active("the service token's tenant is disabled"))?;
        tenant_tokens::touch(&app.db, &token.id, now, token.last_used_at).await?;
        let reach = Reach::service(&token);
        Ok(Self { who: Who::Service { id: token.id, name: token.name }, home, address: address.to_owned(), reach })
    }

    fn scopes_allow(&self, area: &str, level: Level) -> bool {
        self.reach.allows(area, level)
    }

    /// Where they are at home; of a service, whose it is.
    #[must_use]
    pub fn home(&self) -> &Tenant {
        &self.home
    }

    /// The user, if it is a person.
    #[must_use]
    pub fn user(&self) -> Option<&User> {
        match &self.who {
            Who::Person { user, .. } => Some(user),
            Who::Service { .. } => None,
        }
    }

    /// The row of the user, or of the service token.
    #[must_use]
    pub fn id(&self) -> &str {
        match &self.who {
            Who::Person { user, .. } => &user.id,
            Who::Service { id, .. } => id,
        }
    }

    /// What limits count them under.
    #[must_use]
    pub fn key(&self) -> &str {
        match &self.who {
            Who::Person { user, .. } => &user.id,
            Who::Service { .. } => &self.home.id,
        }
    }

    /// Whether they have the whole deployment.
    #[must_use]
    pub fn is_platform(&self) -> bool {
        self.user().is_some_and(|user| user.platform)
    }

    /// Whether they are one of those for whom a route is.
    fn of(self, needs: Needs) -> Result<Self, ApiError> {
        match needs.whom {
            Whom::Operators => Ok(self),
            Whom::People => {
                self.as_person()?;
                Ok(self)
            }
            Whom::Platform if self.is_platform() => Ok(self),
            Whom::Platform => Err(bearer::forbidden("only an administrator of the platform may do this", self.key())),
        }
    }

    /// The user, where a route is for people.
    ///
    /// # Errors
    /// It is a service.
    pub fn as_person(&self) -> Result<&User, ApiError> {
        self.user().ok_or_else(|| bearer::forbidden("a service token has no personal tokens", &self.name()))
    }

    /// The tenant of this name, if it is theirs to administer.
    ///
    /// # Errors
    /// What the database says.
    pub async fn tenant(&self, app: &App, name: &str) -> Result<Option<Tenant>, StoreError> {
        reachable(app, &self.home, self.is_platform(), name).await
    }

    /// How receipts and the audit log name them.
    #[must_use]
    pub fn actor(&self) -> Actor {
        let actor = match &self.who {
            Who::Person { user, by } => {
                let actor = Actor::administrator(user, Via::Api, &self.address);
                by.iter().fold(actor, |actor, by| actor.by(by))
            }
            Who::Service { name, .. } => Actor::service(&self.home.name, name, &self.address),
        };
        actor.with(self.reach.with())
    }

    /// How others are told who did something.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.who {
            Who::Person { user, .. } => {
                let email = user.email.as_str();
                user.name.as_ref().map_or_else(|| email.to_owned(), |name| format!("{name} ({email})"))
            }
            Who::Service { name, .. } => format!("{} (service token {name})", self.home.display_name),
        }
    }

    /// Whether their token may less than they.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.reach.is_limited()
    }

    /// Whether they may shut this user out, let them in or change them. With less than everything, no administrator: whoever
    /// can give one a password, or make one, may everything.
    #[must_use]
    pub fn may_judge(&self, user: &User) -> bool {
        let above = match &self.who {
            Who::Person { user: by, .. } => may_judge(by, user),
            Who::Service { .. } => !user.platform,
        };
        above && !(self.is_limited() && (user.admin || user.platform))
    }

    /// How far what they make may reach.
    #[must_use]
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Asks for more than the area that the route is of.
    ///
    /// # Errors
    /// Where their token does not allow it.
    pub fn require(&self, area: &str, level: Level) -> Result<(), ApiError> {
        if self.scopes_allow(area, level) { Ok(()) } else { Err(self.not_in_scope()) }
    }

    fn not_in_scope(&self) -> ApiError {
        let why = error(Code::InsufficientScope, "the token's scopes do not allow this");
        ApiError::new(why, format!("asked by {}", self.name()))
    }
}

/// A token that would outreach the one that asks for it, by what it may or by its end.
pub fn outreached(asker: &Asker, expires_at: Option<i64>) -> ApiError {
    let mut why = "a token makes and changes no token that may more, or lasts longer, than itself".to_owned();
    if let Some(end) = asker.reach().end() {
        let given = if expires_at.is_some() { "" } else { ", and expires_at is missing" };
        why = format!("{why}: yours ends at {}{given}", Moment(end).machine());
    }
    let why = error(Code::AccessDenied, why);
    ApiError { status: StatusCode::FORBIDDEN, ..ApiError::new(why, format!("asked by {}", asker.name())) }
}
