//! Searches of operators, over the API and on pages: bounded, one at a time for each tenant and few in all, and ended by the
//! database at their time. What nobody searches goes along an index, and waits for nobody.

use std::time::Duration;

use axum::http::StatusCode;

use super::in_turn::PATIENCE;
use crate::{
    app::App,
    apply::single::{self, Ask, Noun, Part},
    error::{ApiError, PageError},
    limit::turns::Turn,
    oauth::error::{Code, error},
    store::{StoreError, team_members, tenants::Tenant, window::Narrow},
};

/// Longest text that is searched for, in characters.
pub const LONGEST: usize = 100;
/// How long an export waits for the turn of each of its parts.
const STREAMED: Duration = Duration::from_secs(60);
/// Seconds after which whoever has waited in vain may try again.
const AGAIN: i64 = 5;

/// Why nothing is looked for.
#[derive(Debug)]
pub enum Unsought {
    /// Nothing is called so.
    TooLong,
    /// The tenant's others take too long; the name, and whether its line in the log is written already.
    Crowded(String, bool),
    /// It has taken too long in all.
    TooLate,
    /// What the database says: also that it took too long.
    Store(StoreError),
}

impl From<StoreError> for Unsought {
    fn from(e: StoreError) -> Self {
        Self::Store(e)
    }
}

const LATE: &str = "a read has taken too long";
const CROWDED: &str = "too many searches and long reads at once: make one after the other";

fn too_long() -> String {
    format!("a search has at most {LONGEST} characters")
}

impl From<Unsought> for ApiError {
    fn from(why: Unsought) -> Self {
        match why {
            Unsought::TooLong => error(Code::InvalidRequest, too_long()).into(),
            Unsought::TooLate => ApiError::unavailable(LATE),
            Unsought::Crowded(home, muted) => {
                let cause = format!("tenant {home} searches side by side");
                Self { retry_after: Some(AGAIN), muted, ..Self::new(error(Code::SlowDown, CROWDED), cause) }
            }
            Unsought::Store(e) => e.into(),
        }
    }
}

impl From<Unsought> for PageError {
    fn from(why: Unsought) -> Self {
        match why {
            Unsought::TooLong => {
                let explanation = format!("A search has at most {LONGEST} characters.");
                Self::new(StatusCode::BAD_REQUEST, "search_too_long", "That is too long", explanation, too_long())
                    .advise("Go back and search for a part of it.")
            }
            Unsought::TooLate => {
                let explanation = "There is too much to look at at the moment, so it was ended.";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "read_took_too_long", "That takes too long", explanation, LATE)
                    .advise("Wait a moment, and try again.")
            }
            Unsought::Crowded(home, muted) => {
                let explanation = "Other searches and long reads of your organisation are still under way.";
                let cause = format!("tenant {home} searches side by side");
                let page = Self::new(StatusCode::TOO_MANY_REQUESTS, "searches", "Too many searches at once", explanation, cause);
                Self { muted, ..page.advise("Wait a moment, and search again.") }
            }
            Unsought::Store(e) => e.into(),
        }
    }
}

/// What stands before every search: that it is bounded, and the turn of whoever is at home in `home`. None where nothing has to
/// be looked for.
///
/// # Errors
/// Why not now, or not at all.
pub async fn begin(app: &App, home: &Tenant, search: &str, narrow: Narrow<'_>) -> Result<Option<Turn>, Unsought> {
    if search.chars().count() > LONGEST {
        return Err(Unsought::TooLong);
    }
    match narrow.is_search(search) {
        true => turn(app, home, PATIENCE).await.map(Some),
        false => Ok(None),
    }
}

/// The same before a part of a team's members: in a large team each has to be looked for.
///
/// # Errors
/// As [`begin`], and what the database says.
pub async fn members(app: &App, home: &Tenant, team_id: &str, search: &str) -> Result<Option<Turn>, Unsought> {
    match begin(app, home, search, Narrow::default()).await? {
        None if team_members::is_large(&app.db, team_id).await? => turn(app, home, PATIENCE).await.map(Some),
        turn => Ok(turn),
    }
}

/// Waits until the tenant may search.
///
/// # Errors
/// When that takes too long.
pub async fn turn(app: &App, home: &Tenant, patience: Duration) -> Result<Turn, Unsought> {
    let turn = app.limits.searches.take(&home.id, patience).await;
    turn.ok_or_else(|| Unsought::Crowded(home.name.clone(), !app.limits.floods.is_first("searches", &home.name)))
}

/// The same for one part of something that is sent as it is read.
///
/// # Errors
/// When that takes too long.
pub async fn streamed(app: &App, home: &Tenant) -> Result<Turn, &'static str> {
    app.limits.searches.take(&home.id, STREAMED).await.ok_or(CROWDED)
}

/// A part of a list ([`single::list`]), for whoever is at home in `home`.
///
/// # Errors
/// As [`begin`], and what the database says.
pub async fn list(app: &App, home: &Tenant, tenant: &Tenant, noun: Noun, ask: Ask<'_>) -> Result<Part, Unsought> {
    let _turn = begin(app, home, ask.search, ask.narrow).await?;
    Ok(single::list(&app.db, &app.sealer, tenant, noun, ask).await?)
}
