//! The audit log: a page of it, or all of it as lines of JSON. Platform administrators see everything, administrators of a
//! tenant what is about things of theirs.

use std::time::Duration;

use axum::{
    BoxError, Json,
    body::{Body, Bytes},
    extract::{RawQuery, State},
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
};
use futures_util::stream;
use serde_json::json;

use super::{
    asker::Asker,
    in_turn::PATIENCE,
    searching::{self, Unsought},
};
use crate::{
    app::App,
    chronicle::{CHUNK, Line, PAGE, Tenants},
    error::ApiError,
    moment::instant,
    oauth::{
        error::{Code, error},
        params::Params,
    },
    store::{
        StoreError,
        audit::{self, Filter, Part, Verdict, Walk},
        tenants::Tenant,
        window::TIME,
    },
};

/// What lines of JSON are called.
const LINES: &str = "application/x-ndjson";

/// Entries that an export looks at before others have their turn.
const STRETCH: i64 = 100_000;
/// Steps of a verification before others have theirs.
const STEPS: usize = 100;
/// How long a verification that is under way waits for its next turn.
const UNDER_WAY: Duration = Duration::from_secs(60);

/// Which entries, as they were asked for.
#[derive(Debug, Default)]
pub struct Asked {
    pub tenant_id: Option<String>,
    pub actor: Option<String>,
    pub action: Option<String>,
    pub subject: Option<String>,
    pub since: Option<i64>,
    pub until: Option<i64>,
}

impl Asked {
    async fn read(app: &App, asker: &Asker, params: &Params) -> Result<Self, ApiError> {
        let text = |name| params.one(name).map(|value| value.map(str::to_owned));
        let time = |name| match params.one(name)? {
            None => Ok(None),
            Some(value) => instant(value, app.clock.now()).map(Some).ok_or_else(|| {
                ApiError::from(error(Code::InvalidRequest, format!("{name} must be a time like 2026-11-22T10:00:00Z, or 7d")))
            }),
        };
        let asked = Self {
            tenant_id: tenant(app, asker, params.one("tenant")?).await?,
            actor: text("actor")?,
            action: text("action")?,
            subject: text("subject")?,
            since: time("since")?,
            until: time("until")?,
        };
        // Databases do not agree on what a NUL is.
        let nul = [&asked.actor, &asked.action, &asked.subject].into_iter().flatten().any(|text| text.contains('\0'));
        match nul {
            true => Err(error(Code::InvalidRequest, "actor, action and subject must not hold NUL").into()),
            false => Ok(asked),
        }
    }

    fn filter(&self) -> Filter<'_> {
        Filter {
            tenant_id: self.tenant_id.as_deref(),
            actor: self.actor.as_deref(),
            action: self.action.as_deref(),
            subject: self.subject.as_deref(),
            from: self.since,
            until: self.until,
            time: Some(TIME),
        }
    }

    /// At most `limit` entries before one, the newest first, for whoever is at home in `home`; fewer where they are long.
    ///
    /// # Errors
    /// What is said to whoever searches too much, and what the database says.
    pub async fn page(&self, app: &App, home: &Tenant, before: Option<i64>, limit: i64) -> Result<Part, Unsought> {
        let filter = self.filter();
        let _turn = match filter.is_search() {
            true => Some(searching::turn(app, home, PATIENCE).await?),
            false => None,
        };
        Ok(audit::part(&app.db, &filter, before, limit).await?)
    }
}

/// Whose entries; `None` is everybody's, which is for platform administrators alone.
async fn tenant(app: &App, asker: &Asker, named: Option<&str>) -> Result<Option<String>, ApiError> {
    let Some(name) = named else {
        return Ok((!asker.is_platform()).then(|| asker.home().id.clone()));
    };
    let found = if name.contains('\0') { None } else { asker.tenant(app, name).await? };
    found.map(|tenant| Some(tenant.id)).ok_or_else(|| error(Code::NotFound, "there is no such tenant").into())
}

/// `GET /api/v1/audit`: the newest first, `next` of one page being `before` of the following one; with `Accept:
/// application/x-ndjson` all there are, the oldest first.
pub async fn read(
    asker: Asker,
    State(app): State<App>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let params = Params::parse(query.as_deref().unwrap_or_default())?;
    let asked = Asked::read(&app, &asker, &params).await?;
    let tenants = Tenants::read(&app.db).await?;
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepts.split([',', ';']).any(|kind| kind.trim().eq_ignore_ascii_case(LINES)) {
        let after = number(&params, "after")?.unwrap_or(0);
        return Ok(lines(app, asker.home().clone(), asked, tenants, after).await?);
    }
    let limit = number(&params, "limit")?.unwrap_or(PAGE);
    if !(1..=PAGE).contains(&limit) {
        return Err(error(Code::InvalidRequest, format!("limit must be a number from 1 to {PAGE}")).into());
    }
    let Part { entries, more } = asked.page(&app, asker.home(), number(&params, "before")?, limit).await?;
    let next = entries.last().filter(|_| more).map(|entry| entry.seq);
    let shown: Vec<Line<'_>> = entries.iter().map(|entry| Line::new(entry, &tenants)).collect();
    let body = Json(json!({ "entries": shown, "next": next }));
    Ok(([(header::CACHE_CONTROL, "no-store")], body).into_response())
}

/// Read as it is sent, so that a log of years needs no more memory than one chunk, and what looks for few entries looks at so
/// many at a time. A database that fails meanwhile breaks the answer off: whoever reads sees that it has no end.
///
/// # Errors
/// When the database does not answer.
pub async fn lines(app: App, home: Tenant, asked: Asked, tenants: Tenants, after: i64) -> Result<Response, StoreError> {
    let end = audit::end(&app.db).await?;
    let chunks =
        stream::try_unfold((app, home, asked, tenants, after), move |(app, home, asked, tenants, mut after)| async move {
            while after < end {
                let turn = searching::streamed(&app, &home).await?;
                let to = after.saturating_add(STRETCH).min(end);
                let entries = audit::stretch(&app.db, &asked.filter(), (after, to), CHUNK).await?;
                drop(turn);
                let Some(last) = entries.last().map(|entry| entry.seq) else {
                    after = to;
                    continue;
                };
                let text: String = entries.iter().map(|entry| Line::new(entry, &tenants).written()).collect();
                return Ok::<_, BoxError>(Some((Bytes::from(text), (app, home, asked, tenants, last))));
            }
            Ok(None)
        });
    Ok(([(header::CONTENT_TYPE, LINES), (header::CACHE_CONTROL, "no-store")], Body::from_stream(chunks)).into_response())
}

/// Whether the log is what was written, for whoever is at home in `home`: in turns, so that a log of years keeps nobody from
/// searching meanwhile.
///
/// # Errors
/// What is said to whoever asks for too much at once, and what the database says.
pub async fn verified(app: &App, home: &Tenant) -> Result<Verdict, Unsought> {
    let mut walk = Walk::begin(&app.db, &app.sealer).await?;
    let mut patience = PATIENCE;
    loop {
        let turn = searching::turn(app, home, patience).await?;
        for _ in 0..STEPS {
            if let Some(verdict) = walk.step(&app.db).await? {
                return Ok(verdict);
            }
        }
        drop(turn);
        // Nobody has to begin anew who has come so far.
        patience = UNDER_WAY;
    }
}

/// `GET /api/v1/audit/verification`: whether the log is what was written, for platform administrators.
pub async fn verification(asker: Asker, State(app): State<App>) -> Result<Response, ApiError> {
    let body = match verified(&app, asker.home()).await? {
        Ok(intact) => json!({ "intact": true, "first": intact.first, "last": intact.last, "mac": intact.mac }),
        Err(broken) => json!({ "intact": false, "seq": broken.seq, "flaw": broken.flaw.as_str() }),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response())
}

fn number(params: &Params, name: &'static str) -> Result<Option<i64>, ApiError> {
    let Some(text) = params.one(name)? else { return Ok(None) };
    let number = text.parse().ok().filter(|number| *number >= 0);
    number.map(Some).ok_or_else(|| error(Code::InvalidRequest, format!("{name} must be a number")).into())
}
