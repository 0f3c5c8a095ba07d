//! Which directory calls: by a token in the `Authorization` header and nowhere else. A token in the query would be in
//! every log on the way (threats P1). It is one of the directory, or an access token of a client that pushes for it.

use std::{
    collections::HashSet,
    num::NonZeroU32,
    ops::Deref,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

use super::{error::ScimError, fault::Fault};
use crate::{
    app::App,
    limit::turns::{Turn, Turns},
    oauth::{protected_resource, scope},
    router::Address,
    store::{
        audit::Actor,
        clients,
        directories::{self, Shown},
        directory_tokens, lineage, standing,
    },
    token::{Scope, issue::AccessClaims},
};

/// How long what is done one at a time waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// For how long a request begins anything, from its own beginning: what is left then is answered, before the whole request
/// is cut off.
const TIME: Duration = Duration::from_secs(18);

/// Seconds after which it is worth while to ask for a turn again.
const AGAIN: i64 = 5;

/// The directory that calls. What it does not own does not exist for it.
#[derive(Debug)]
pub struct Caller {
    known: directories::Caller,
    token: SecretString,
    address: String,
    began: Began,
    /// Whether it has been told what the request costs, and let go on.
    has_paid: AtomicBool,
}

impl Deref for Caller {
    type Target = directories::Caller;

    fn deref(&self) -> &directories::Caller {
        &self.known
    }
}

impl Caller {
    /// How receipts and the audit log name it.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match &self.known.shown {
            Shown::Token { .. } => Actor::directory(&self.known.directory.name, &self.address),
            Shown::Client(client) => Actor::client_of_directory(client, &self.known.directory.name, &self.address),
        }
    }

    /// That it may push still: somebody may have ended its token, or switched it off, while its body was on the way.
    ///
    /// # Errors
    /// 401.
    pub async fn still(&self, app: &App) -> Result<(), ScimError> {
        match recognise(app, self.token.expose_secret()).await? {
            Ok(known) if known.directory.id == self.directory.id => Ok(()),
            Ok(_) => Err(ScimError::unauthorized(format!("{}: the token is another directory's by now", self.address))),
            Err(why) => Err(ScimError::unauthorized(format!("{}: {why}, since the request began", self.address))),
        }
    }

    /// Counts as many requests more in the directory's pace. One that has been let in has its turn whatever it costs, and the next
    /// ones wait until that is paid off ([`Pace`](crate::limit::pace::Pace)).
    ///
    /// # Errors
    /// 429 when others of the directory, that were let in with it, cost so much that it owes already; not of a request that has
    /// paid before.
    pub fn pay(&self, app: &App, requests: i64, how: &str) -> Result<(), ScimError> {
        let Some(count) = count(requests) else { return Ok(()) };
        if self.has_paid.load(Ordering::Relaxed) {
            self.charge(app, requests);
            return Ok(());
        }
        app.limits.pushes.owe(&self.directory.id, count).map_err(|wait| self.too_fast(app, wait, how))?;
        self.has_paid.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Counts them of what is done already.
    pub fn charge(&self, app: &App, requests: i64) {
        if let Some(count) = count(requests) {
            app.limits.pushes.add(&self.directory.id, count);
        }
    }

    /// That the directory may have one more user or group.
    ///
    /// # Errors
    /// 403 when it has as many as the settings let it.
    pub async fn room(&self, app: &App) -> Result<(), ScimError> {
        let (sizes, id, most) = (&app.limits.sizes, &self.directory.id, i64::from(app.settings.scim_resources.get()));
        let count = match sizes.add(id) {
            Some(count) => count,
            None => {
                let (users, groups) = directories::counts(&app.db, id).await?;
                sizes.set(id, users + groups + 1);
                users + groups
            }
        };
        if count < most {
            return Ok(());
        }
        let detail = format!("the directory has {most} users and groups, which is as many as it may (scim_resources)");
        Err(Fault::new(403, detail).into())
    }

    /// Until when the request may begin anything.
    #[must_use]
    pub fn until(&self) -> Instant {
        self.began.until()
    }

    /// Waits until the tenant may do what it does one at a time, through whichever of its directories.
    ///
    /// # Errors
    /// 429 when that takes longer than it can wait.
    pub async fn turn(&self, app: &App, turns: &Turns, what: &str) -> Result<Turn, ScimError> {
        self.turn_at(app, turns, &self.directory.tenant_id, what).await
    }

    /// Waits until nobody else changes the directory's resource of this id, before a connection to the database is taken.
    ///
    /// # Errors
    /// As [`Caller::turn`].
    pub async fn alone(&self, app: &App, id: &str) -> Result<Turn, ScimError> {
        let key = format!("{}/{id}", self.directory.id);
        self.turn_at(app, &app.limits.changes, &key, "changes one resource side by side").await
    }

    async fn turn_at(&self, app: &App, turns: &Turns, key: &str, what: &str) -> Result<Turn, ScimError> {
        let turn = turns.take(key, self.began.patience(Instant::now())).await;
        turn.ok_or_else(|| self.too_fast(app, AGAIN, what))
    }

    /// What it is told for whom there is no room at the moment.
    #[must_use]
    pub fn crowded(&self, app: &App, how: &str) -> ScimError {
        self.too_fast(app, AGAIN, how)
    }

    fn too_fast(&self, app: &App, wait: i64, how: &str) -> ScimError {
        let whose = format!("directory {}/{}", self.tenant, self.directory.name);
        let muted = !app.limits.floods.is_first("pushes", &whose);
        ScimError { muted, ..ScimError::throttled(wait, format!("{whose} {how}")) }
    }
}

/// As many as can be counted, if there are any.
fn count(requests: i64) -> Option<NonZeroU32> {
    NonZeroU32::new(u32::try_from(requests.max(0)).unwrap_or(u32::MAX))
}

/// When a request began.
#[derive(Clone, Copy, Debug)]
struct Began(Instant);

impl Began {
    fn until(self) -> Instant {
        self.0 + TIME
    }

    /// How long it can wait for a turn: not as long that nobody reads its answer any more.
    fn patience(self, now: Instant) -> Duration {
        PATIENCE.min(self.until().saturating_duration_since(now))
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = ScimError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ScimError> {
        let began = Began(Instant::now());
        let address = match Address::from_request_parts(parts, app).await {
            Ok(Address(address)) => address,
            Err(never) => match never {},
        };
        let refused = match recognise(app, bearer(&parts.headers).unwrap_or_default()).await? {
            Ok(known) => {
                let token = SecretString::from(bearer(&parts.headers).unwrap_or_default());
                let caller = Self { known, token, address, began, has_paid: AtomicBool::new(false) };
                let taken = app.limits.pushes.take(&caller.directory.id);
                taken.map_err(|wait| caller.too_fast(app, wait, "pushes too fast"))?;
                if let Shown::Token { id, last_used_at, .. } = &caller.shown {
                    directory_tokens::touch(&app.db, id, app.clock.now(), *last_used_at).await?;
                }
                return Ok(caller);
            }
            Err(why) => why,
        };
        // Counted after the look: who guesses from behind a customer's proxy takes nothing from the customer.
        app.limits.strangers.take(&address).map_err(|wait| {
            let muted = !app.limits.floods.is_first("strangers", &address);
            ScimError { muted, ..ScimError::throttled(wait, format!("{address}: {refused}")) }
        })?;
        Err(ScimError::unauthorized(format!("{address}: {refused}")))
    }
}

/// The directory that a token may push for; the inner error is for the log.
async fn recognise(app: &App, token: &str) -> Result<Result<directories::Caller, &'static str>, ScimError> {
    if token.is_empty() {
        return Ok(Err("no bearer token"));
    }
    let fingerprint = directory_tokens::fingerprint(&app.sealer, token);
    let known = match directories::by_token(&app.db, &fingerprint).await? {
        Some(caller) => Ok(caller),
        None => of_client(app, token).await?,
    };
    let caller = match known {
        Ok(caller) => caller,
        Err(why) => return Ok(Err(why)),
    };
    let now = app.clock.now();
    Ok(match caller.refusal(now) {
        Some(why) => Err(why),
        None if !lineage::lives(&app.db, caller.shown.made_with(), now).await? => Err("what the token was made with has ended"),
        None => Ok(caller),
    })
}

/// The directory of a client's access token: one that is for this address alone and acts as nobody, of a client that may push for
/// that directory now.
async fn of_client(app: &App, token: &str) -> Result<Result<directories::Caller, &'static str>, ScimError> {
    let (audience, nobody) = ([protected_resource::scim(app.issuer())], HashSet::new());
    let scope = Scope { tenant: None, sources: Some(&nobody), audience: &audience };
    let Ok(accepted) = app.validator.validate(token, &scope, app.clock.now()).await else {
        return Ok(Err("the token is no directory's"));
    };
    let Ok(claims) = accepted.claims.read::<AccessClaims>() else { return Ok(Err("the token is no access token")) };
    if accepted.source.is_some() || !is_to_push(&claims, &audience) {
        return Ok(Err("the token is not one to push with"));
    }
    let Some(client) = clients::find(&app.db, &claims.client_id).await? else { return Ok(Err("the token's client is gone")) };
    match standing::of_client(&app.db, &client.tenant_id, &client.id, &claims.jti).await? {
        Some(ground) if ground.revoked => return Ok(Err("the token was revoked")),
        Some(ground) if ground.standing.is_ok() => {}
        _ => return Ok(Err("the token's client, or its tenant, is disabled")),
    }
    let caller = directories::for_client(&app.db, &claims.sub, &client.tenant_id, &client.id).await?;
    Ok(match caller {
        Some(caller) if client.pushes_for() == Some(caller.directory.name.as_str()) => Ok(caller),
        _ => Err("the token's client does not push for its directory"),
    })
}

/// Whether a token was made to push with and for nothing else: no user's, no principal's, and for nobody but us here.
fn is_to_push(claims: &AccessClaims, audience: &[String]) -> bool {
    let is_nobodys = claims.fam.is_none() && claims.acts_as.is_empty() && claims.origin.is_none();
    is_nobodys && claims.scope == scope::SCIM && claims.aud.names() == audience
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    Some(token.trim()).filter(|token| scheme.eq_ignore_ascii_case("bearer") && !token.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::scim::TIME_LIMIT;

    /// What a client of a directory gets pushes; the same with one claim of another kind of token does not.
    #[test]
    fn only_what_was_made_to_push_pushes() {
        let base = "https://sso.example.com/scim/v2";
        let made = json!({"iss": "https://sso.example.com", "sub": "d1", "aud": base, "client_id": "pusher", "exp": 2, "iat": 1,
            "jti": "j", "scope": "scim", "tenant": "acme"});
        let pushes = |change: Option<(&str, Value)>| {
            let mut claims = made.clone();
            if let Some((name, value)) = change {
                claims[name] = value;
            }
            is_to_push(&serde_json::from_value(claims).unwrap(), &[base.to_owned()])
        };
        assert!(pushes(None));
        for (name, value) in [
            ("fam", json!("f1")),
            ("acts_as", json!([{"kind": "virtual_account", "id": "p1"}])),
            ("origin", json!({"iss": "https://issuer.example", "sub": "s", "source": "i", "terms": "t"})),
            ("scope", json!("scim openid")),
            ("scope", json!("openid")),
            ("aud", json!("https://sso.example.com")),
            ("aud", json!([base, "https://mcp.example"])),
        ] {
            assert!(!pushes(Some((name, value.clone()))), "{name}: {value}");
        }
    }

    /// Whatever it waits for, and whenever it begins to: its answer is given before the request is cut off.
    #[test]
    fn a_request_waits_no_longer_than_it_lives() {
        let began = Began(Instant::now());
        let at = |seconds: u64| began.0 + Duration::from_secs(seconds);
        for (now, patience) in [(0, 10), (7, 10), (8, 10), (12, 6), (18, 0), (60, 0)] {
            assert_eq!(began.patience(at(now)), Duration::from_secs(patience), "after {now} s");
            assert!(now > 18 || at(now) + began.patience(at(now)) <= began.until());
        }
        assert!(began.until() + Duration::from_secs(5) < began.0 + TIME_LIMIT, "with time for what was begun last");
    }
}
