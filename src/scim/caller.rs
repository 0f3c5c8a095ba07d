//! Which directory calls: by a token in the `Authorization` header and nowhere else. A token in the query would be in
//! every log on the way (threats P1).

use std::{num::NonZeroU32, ops::Deref, time::Duration};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};

use tokio::time::Instant;

use super::{error::ScimError, fault::Fault};
use crate::{
    app::App,
    limit::turns::{Turn, Turns},
    router::Address,
    store::{self, audit::Actor, directories, directory_tokens, lineage},
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
    address: String,
    began: Began,
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
        Actor::directory(&self.known.directory.name, &self.address)
    }

    /// Counts as many requests more in the directory's pace.
    ///
    /// # Errors
    /// 429, and when they would not be too many.
    pub fn pay(&self, app: &App, requests: i64, how: &str) -> Result<(), ScimError> {
        let Some(requests) = NonZeroU32::new(u32::try_from(requests).unwrap_or(u32::MAX)) else { return Ok(()) };
        let taken = app.limits.pushes.take_many(&self.directory.id, requests);
        taken.map_err(|wait| self.too_fast(app, wait, how))
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
        let turn = turns.take(&self.directory.tenant_id, self.began.patience(Instant::now())).await;
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
        let refused = match recognise(app, &parts.headers).await? {
            Ok(known) => {
                let caller = Self { known, address, began };
                let taken = app.limits.pushes.take(&caller.directory.id);
                taken.map_err(|wait| caller.too_fast(app, wait, "pushes too fast"))?;
                store::directory_tokens::touch(&app.db, &caller.token_id, app.clock.now(), caller.last_used_at).await?;
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

/// The directory of a request's token; the inner error is for the log.
async fn recognise(app: &App, headers: &HeaderMap) -> Result<Result<directories::Caller, &'static str>, ScimError> {
    let Some(token) = bearer(headers) else { return Ok(Err("no bearer token")) };
    let fingerprint = directory_tokens::fingerprint(&app.sealer, token);
    let Some(caller) = directories::by_token(&app.db, &fingerprint).await? else {
        return Ok(Err("the token is no directory's"));
    };
    let now = app.clock.now();
    Ok(match caller.refusal(now) {
        Some(why) => Err(why),
        None if !lineage::lives(&app.db, caller.made_with.as_deref(), now).await? => {
            Err("what the token was made with has ended")
        }
        None => Ok(caller),
    })
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    Some(token.trim()).filter(|token| scheme.eq_ignore_ascii_case("bearer") && !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::TIME_LIMIT;

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
