//! Test sign-ins: an operator signs in over a connection, switched on or not, to see what would come of it, and nothing
//! does. [`begin`] sends their browser off as any sign-in would; the answer arrives at the callback (`login::trial`), where
//! it is judged by the code of every sign-in; [`record`] keeps what there is to tell, [`newest`] gives it to the page and
//! the API.
//!
//! A trial is a thing of its own from the first moment: its departure is in another table and its memo sealed for another
//! place than a sign-in's, so neither can be passed off as the other, and no login belongs to it that could end at a client.

mod raw;
pub mod report;
mod words;

use crate::{
    app::App,
    connector::{Go, Wish},
    error::PageError,
    secret,
    session::{SignedIn, Visit},
    store::{
        StoreError,
        connections::Connection,
        tenants::Tenant,
        trials::{self, Departure, Trial},
    },
};
pub use raw::documents;
pub use report::{Outcome, Report, Verdict};
pub use words::{failed, faulty, refused};

/// Sends an operator's browser to the provider. What fails already here is the test's result; then there is nowhere to go.
///
/// # Errors
/// When the database does not answer.
pub async fn begin(
    app: &App,
    visit: &Visit,
    who: &SignedIn,
    tenant: &Tenant,
    connection: &Connection,
) -> Result<Option<Go>, PageError> {
    let now = app.clock.now();
    let state = secret::random();
    let redirect_uri = app.callback_url(&tenant.name, connection);
    let wish = Wish {
        state: &state,
        redirect_uri: &redirect_uri,
        login_hint: None,
        force: false,
        select_account: false,
        max_age: None,
        now,
    };
    let departed = match app.connector(&tenant.name, connection).await {
        Ok(connector) => connector.depart(wish).await,
        Err(e) => Err(e),
    };
    let departed = match departed {
        Ok(departed) => departed,
        Err(e) => {
            record(app, connection, &who.user_id, &Report::failed(failed(&e))).await?;
            return Ok(None);
        }
    };
    let state_hash = secret::digest(&state);
    let memo_sealed = app.sealer.seal(&memo_context(&state_hash), departed.memo.to_string().as_bytes());
    let departure = Departure {
        user_id: who.user_id.clone(),
        sid: who.sid.clone(),
        connection_id: connection.id.clone(),
        fingerprint: trials::fingerprint(&app.sealer, connection)?,
        memo_sealed,
    };
    trials::depart(&app.db, &state_hash, &visit.browser_hash(), &departure, now).await?;
    tracing::info!(tenant = tenant.name, connection = connection.name, user = who.user_id, "a test sign-in begins");
    Ok(Some(departed.go))
}

/// What a trial's memo is sealed for: nothing that a sign-in's would open for.
#[must_use]
pub fn memo_context(state_hash: &str) -> String {
    format!("trial/{state_hash}")
}

/// Keeps what came of an operator's test of the connection as it is now.
///
/// # Errors
/// What the database says.
pub async fn record(app: &App, connection: &Connection, user_id: &str, report: &Report) -> Result<(), PageError> {
    let text = serde_json::to_string(report).map_err(|e| PageError::internal(format!("a test's report: {e}")))?;
    let passed = report.verdict.outcome.passed();
    let trial = Trial {
        user_id: user_id.to_owned(),
        email: String::new(),
        passed,
        fingerprint: trials::fingerprint(&app.sealer, connection)?,
        report_sealed: app.sealer.seal(&trials::context(&connection.id, user_id), text.as_bytes()),
        at: app.clock.now(),
    };
    trials::record(&app.db, &connection.id, &trial).await?;
    tracing::info!(connection = connection.name, user = user_id, passed, "a test sign-in came to its end");
    Ok(())
}

/// What came of a test, with all there is to tell.
#[derive(Clone, Debug)]
pub struct Told {
    /// When, by whom, and whether it passed.
    pub trial: Trial,
    /// What came of it.
    pub report: Report,
    /// Whether the connection's settings are still those that were tested.
    pub is_current: bool,
}

/// What came of this operator's newest test of the connection, or else of any operator's.
///
/// # Errors
/// What the database says.
pub async fn newest(app: &App, connection: &Connection, user_id: &str) -> Result<Option<Told>, StoreError> {
    let Some(trial) = trials::newest(&app.db, &connection.id, user_id, app.clock.now()).await? else { return Ok(None) };
    let context = trials::context(&connection.id, &trial.user_id);
    let text = app.sealer.open_text(&context, &trial.report_sealed).map_err(|e| StoreError::Sealed("test's report", e))?;
    let report = serde_json::from_str(&text).map_err(|e| StoreError::Corrupt("test's report", e.to_string()))?;
    let is_current = trial.fingerprint == trials::fingerprint(&app.sealer, connection)?;
    Ok(Some(Told { trial, report, is_current }))
}

impl Report {
    /// Of a test that ended before anything was known of a person.
    #[must_use]
    pub fn failed(verdict: Verdict) -> Self {
        Self { verdict, mappings: Vec::new(), documents: Vec::new(), notes: Vec::new() }
    }
}
