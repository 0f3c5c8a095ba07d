//! Test sign-ins: an operator, or the guest of a set-up link, signs in over a connection, switched on or not, to see what would
//! come of it, and nothing does. [`begin`] sends their browser off as any sign-in would; the answer arrives at the callback
//! (`login::trial`), where it is judged by the code of every sign-in; [`record`] keeps what there is to tell, [`newest`] and
//! [`of_guest`] give it to the pages and the API.
//!
//! A trial is a thing of its own from the first moment: its departure is in another table and its memo sealed for another
//! place than a sign-in's, so neither can be passed off as the other, and no login belongs to it that could end at a client.
//! Guests' are in tables of their own again, since they are told less and prove
//! less: a guest types where the provider is, and so can have it say any address; of whether somebody has that address, or may
//! come in, they must learn nothing.

mod raw;
pub mod report;
mod words;

use crate::{
    app::App,
    connector::{Go, Wish},
    error::PageError,
    guest::Guest,
    secret,
    session::{SignedIn, Visit},
    store::{
        StoreError,
        audit::{self, Action, Changes, Event},
        connections::Connection,
        guest_trials,
        tenants::Tenant,
        trials::{self, Departure, Trial},
    },
};
pub use raw::documents;
pub use report::{Outcome, Report, Verdict};
pub use words::{failed, faulty, refused, sentence};

/// Who tests.
#[derive(Clone, Copy, Debug)]
pub enum Tester<'a> {
    /// An operator, in this sign-in of this browser.
    Operator(&'a Visit, &'a SignedIn),
    /// A guest, in the browser in which they followed the link.
    Guest(&'a Guest),
}

/// Sends the tester's browser to the provider. What fails already here is the test's result; then there is nowhere to go.
///
/// # Errors
/// When the database does not answer.
pub async fn begin(app: &App, tester: Tester<'_>, tenant: &Tenant, connection: &Connection) -> Result<Option<Go>, PageError> {
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
            let report = Report::failed(failed(&e));
            match tester {
                Tester::Operator(_, who) => record(app, connection, &who.user_id, &report).await?,
                Tester::Guest(guest) => record_of_guest(app, guest, connection, &report).await?,
            }
            return Ok(None);
        }
    };
    let state_hash = secret::digest(&state);
    let memo_sealed = app.sealer.seal(&memo_context(&state_hash), departed.memo.to_string().as_bytes());
    let (connection_id, fingerprint) = (connection.id.clone(), trials::fingerprint(&app.sealer, connection)?);
    match tester {
        Tester::Operator(visit, who) => {
            let (user_id, sid) = (who.user_id.clone(), who.sid.clone());
            let departure = Departure { user_id, sid, connection_id, fingerprint, memo_sealed };
            trials::depart(&app.db, &state_hash, &visit.browser_hash(), &departure, now).await?;
            tracing::info!(tenant = tenant.name, connection = connection.name, user = who.user_id, "a test sign-in begins");
        }
        Tester::Guest(guest) => {
            let departure = guest_trials::Departure { link_id: guest.link.id.clone(), connection_id, fingerprint, memo_sealed };
            let mut tx = app.db.begin().await?;
            if !guest_trials::depart(&mut tx, &state_hash, &guest.hash(), &departure, now).await? {
                return Err(crate::guest::gone());
            }
            audit::append(&mut tx, &app.sealer, &guest.actor(), tested(guest, connection, "begun"), now);
            tx.commit().await?;
            tracing::info!(tenant = tenant.name, connection = connection.name, link = guest.link.id, "a guest's test begins");
        }
    }
    Ok(Some(departed.go))
}

fn tested(guest: &Guest, connection: &Connection, result: &str) -> Event {
    let subject = format!("connection {}/{}", guest.tenant.name, connection.name);
    Event::new(guest.tenant.id.as_str(), Action::Test, subject).with(Changes::default().is("test", result))
}

/// What a trial's memo is sealed for: nothing that a sign-in's would open for.
#[must_use]
pub fn memo_context(state_hash: &str) -> String {
    format!("trial/{state_hash}")
}

/// What a guest's report is sealed for: a link is no operator.
fn guests_context(connection_id: &str, link_id: &str) -> String {
    format!("guest-trial/{connection_id}/{link_id}")
}

/// Keeps what came of an operator's test of the connection as it is now.
///
/// # Errors
/// What the database says.
pub async fn record(app: &App, connection: &Connection, user_id: &str, report: &Report) -> Result<(), PageError> {
    let trial = trial(app, connection, user_id, &trials::context(&connection.id, user_id), report)?;
    trials::record(&app.db, &connection.id, &trial).await?;
    tracing::info!(connection = connection.name, user = user_id, passed = trial.passed, "a test sign-in came to its end");
    Ok(())
}

/// Keeps what came of a guest's test of their link's connection as it is now, and says in the audit log that there was one.
///
/// # Errors
/// What the database says.
pub async fn record_of_guest(app: &App, guest: &Guest, connection: &Connection, report: &Report) -> Result<(), PageError> {
    let link = &guest.link.id;
    let trial = trial(app, connection, link, &guests_context(&connection.id, link), report)?;
    let mut tx = app.db.begin().await?;
    guest_trials::record(&mut tx, &connection.id, &trial).await?;
    let result = if trial.passed { "passed" } else { "failed" };
    audit::append(&mut tx, &app.sealer, &guest.actor(), tested(guest, connection, result), trial.at);
    tx.commit().await?;
    app.deliveries.nudge();
    tracing::info!(connection = connection.name, link, passed = trial.passed, "a guest's test came to its end");
    Ok(())
}

fn trial(app: &App, connection: &Connection, tester_id: &str, context: &str, report: &Report) -> Result<Trial, PageError> {
    let text = serde_json::to_string(report).map_err(|e| PageError::internal(format!("a test's report: {e}")))?;
    Ok(Trial {
        tester_id: tester_id.to_owned(),
        tester: String::new(),
        passed: report.verdict.outcome.passed(),
        fingerprint: trials::fingerprint(&app.sealer, connection)?,
        report_sealed: app.sealer.seal(context, text.as_bytes()),
        at: app.clock.now(),
    })
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
    /// Whether a guest of a set-up link tested: then it says nothing of users.
    pub is_guests: bool,
}

impl Told {
    fn open(app: &App, connection: &Connection, trial: Trial, is_guests: bool) -> Result<Self, StoreError> {
        let context = match is_guests {
            true => guests_context(&connection.id, &trial.tester_id),
            false => trials::context(&connection.id, &trial.tester_id),
        };
        let text = app.sealer.open_text(&context, &trial.report_sealed).map_err(|e| StoreError::Sealed("test's report", e))?;
        let report = serde_json::from_str(&text).map_err(|e| StoreError::Corrupt("test's report", e.to_string()))?;
        let is_current = trial.fingerprint == trials::fingerprint(&app.sealer, connection)?;
        Ok(Self { trial, report, is_current, is_guests })
    }
}

/// What came of this operator's newest test of the connection, or else of anybody's, guests of set-up links among them.
///
/// # Errors
/// What the database says.
pub async fn newest(app: &App, connection: &Connection, user_id: &str) -> Result<Option<Told>, StoreError> {
    let now = app.clock.now();
    let operators = trials::newest(&app.db, &connection.id, user_id, now).await?;
    if operators.as_ref().is_none_or(|trial| trial.tester_id != user_id)
        && let Some(guests) = guest_trials::newest(&app.db, &connection.id, None, now).await?
        && operators.as_ref().is_none_or(|trial| trial.at < guests.at)
    {
        return Told::open(app, connection, guests, true).map(Some);
    }
    operators.map(|trial| Told::open(app, connection, trial, false)).transpose()
}

/// What came of the newest test by this guest's link, and of no other: what a provider said of an operator, or of whoever
/// followed another link, is not theirs to read.
///
/// # Errors
/// What the database says.
pub async fn of_guest(app: &App, guest: &Guest, connection: &Connection) -> Result<Option<Told>, StoreError> {
    let trial = guest_trials::newest(&app.db, &connection.id, Some(&guest.link.id), app.clock.now()).await?;
    trial.map(|trial| Told::open(app, connection, trial, true)).transpose()
}

impl Report {
    /// Of a test that ended before anything was known of a person.
    #[must_use]
    pub fn failed(verdict: Verdict) -> Self {
        Self { verdict, mappings: Vec::new(), documents: Vec::new(), notes: Vec::new() }
    }
}
