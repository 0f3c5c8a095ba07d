//! The end of a test sign-in (`crate::trial`): the answer is judged as that of any sign-in, the decision is made as for any,
//! and then it is written down for the operator instead of done. What guards against a second use is kept all the same.
//!
//! The guest of a set-up link is told less (`stranger`). Where the provider is, the guest types, so it says of people whatever
//! they like: told the decision, they could ask of every address whether somebody here has it, is shut out, or was invited. So
//! nothing is looked up for them; the answer is judged as that of somebody whom nobody knows.

use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use super::{
    answer::{Answer, Memo, Unheard},
    arrival,
    verdict::{Arrival, Verdict},
};
use crate::{
    app::App,
    connector::{Arrived, presets},
    error::PageError,
    guest::{Guest, gone},
    operator::Operator,
    policy::{
        cause::Cause,
        identity::{Identity, Provisioning},
        linking::{self, Decision, Known, Refusal, Rules},
    },
    session::Visit,
    store::{
        self,
        connections::Connection,
        guest_trials,
        tenants::Tenant,
        trials::{Departure, fingerprint},
        users,
    },
    trial::{
        self, Outcome, Report,
        report::{Person, Reader, mappings},
    },
};

/// Takes what came back, and leads to the page that tells of it.
///
/// # Errors
/// A page: whoever left is not who has come back, or administers this no more.
pub async fn arrive(
    app: &App,
    visit: &Visit,
    answer: Answer,
    state_hash: &str,
    departure: Departure,
) -> Result<Response, PageError> {
    let (tenant, connection) = still_theirs(app, visit, &departure).await?;
    let tested = Tested { app, tenant: &tenant, connection: &connection, reader: Reader::Operator };
    let report = tested.report(answer, state_hash, &departure.fingerprint, &departure.memo_sealed).await?;
    trial::record(app, &connection, &departure.user_id, &report).await?;
    Ok(onward(visit, format!("/admin/{}/connections/{}/test", tenant.name, connection.name)))
}

/// The test that a guest has left for under this name, in the browser in which they followed their link.
///
/// # Errors
/// When the database does not answer.
pub async fn of_guest(
    app: &App,
    visit: &Visit,
    headers: &HeaderMap,
    state_hash: &str,
) -> Result<Option<(Guest, guest_trials::Departure)>, PageError> {
    // A link that has ended takes its departures along: then there is nobody to tell.
    let Some(guest) = Guest::of(app, headers, visit.address.clone()).await? else { return Ok(None) };
    let departure = guest_trials::take(&app.db, state_hash, &guest.hash(), app.clock.now()).await?;
    Ok(departure.map(|departure| (guest, departure)))
}

/// Takes what came back to a guest, and leads to their page that tells of it.
///
/// # Errors
/// A page: the connection is their link's no more.
pub async fn arrive_at_guest(
    app: &App,
    visit: &Visit,
    answer: Answer,
    state_hash: &str,
    (guest, departure): (Guest, guest_trials::Departure),
) -> Result<Response, PageError> {
    let connection = guest.connection(app).await?.filter(|connection| connection.id == departure.connection_id);
    let connection = connection.filter(|_| departure.link_id == guest.link.id).ok_or_else(gone)?;
    let tested = Tested { app, tenant: &guest.tenant, connection: &connection, reader: Reader::Guest };
    let report = tested.report(answer, state_hash, &departure.fingerprint, &departure.memo_sealed).await?;
    trial::record_of_guest(app, &guest, &connection, &report).await?;
    Ok(onward(visit, "/setup/test".to_owned()))
}

fn onward(visit: &Visit, page: String) -> Response {
    (visit.redirect_status(), [(header::LOCATION, page), (header::CACHE_CONTROL, "no-store".to_owned())]).into_response()
}

/// The connection that is tested, if this browser still holds the sign-in that the test began in, and its operator still
/// administers that tenant: a test that somebody else began must not have their account at a provider, nor what the
/// provider says of them, end with another (login CSRF), and what an operator may is asked anew.
async fn still_theirs(app: &App, visit: &Visit, departure: &Departure) -> Result<(Tenant, Connection), PageError> {
    let who = visit.signed_in(app, None).await?;
    who.filter(|who| who.sid == departure.sid && who.user_id == departure.user_id).ok_or_else(|| over("another sign-in"))?;
    let operator = Operator::of_visit(app, visit).await?.and_then(Result::ok).ok_or_else(|| over("no administrator any more"))?;
    let connection = store::connections::find(&app.db, &departure.connection_id).await?;
    let connection = connection.ok_or_else(|| over("the connection is gone"))?;
    let tenant = store::tenants::find(&app.db, &connection.tenant_id).await?.ok_or_else(|| over("the tenant is gone"))?;
    let theirs = operator.tenant(app, &tenant.name).await?.filter(|theirs| theirs.id == tenant.id);
    let tenant = theirs.ok_or_else(|| over("not this operator's any more"))?;
    Ok((tenant, connection))
}

fn over(cause: &str) -> PageError {
    let explanation = "This test has ended: whoever began it is not signed in here any more, or does not administer this.";
    PageError::new(StatusCode::FORBIDDEN, "test_over", "This test has ended", explanation, cause)
        .advise("Sign in to the administration pages and begin the test again.")
        .way_on("/admin".to_owned(), "Administration")
}

/// What is tested, and who is told.
#[derive(Clone, Copy)]
struct Tested<'a> {
    app: &'a App,
    tenant: &'a Tenant,
    connection: &'a Connection,
    reader: Reader,
}

impl Tested<'_> {
    /// What is told of an answer, whatever it is.
    async fn report(self, answer: Answer, state_hash: &str, left_under: &str, sealed: &str) -> Result<Report, PageError> {
        let Self { app, tenant, connection, .. } = self;
        if fingerprint(&app.sealer, connection)? != left_under {
            let meanwhile = "the connection was changed between the beginning of this test and its answer";
            return Ok(Report::failed(trial::faulty(&Cause::ConnectionChanged.with(meanwhile))));
        }
        let memo = Memo { context: &trial::memo_context(state_hash), sealed };
        match answer.judge(app, tenant, connection, memo).await {
            Ok(arrived) => self.told(arrived).await,
            Err(unheard) => Ok(Report::failed(verdict(unheard))),
        }
    }

    /// What is told of an answer that the connector believes.
    async fn told(self, arrived: Arrived) -> Result<Report, PageError> {
        let Self { app, tenant, connection, reader } = self;
        let Arrived { identity, said, once, .. } = arrived;
        let documents = trial::documents(said);
        if let Some(once) = once
            && !arrival::is_first(app, connection, &once).await?
        {
            let replayed = Cause::Replayed.with("the message was used before: it was sent twice, or somebody replays it");
            return Ok(Report { documents, ..Report::failed(trial::faulty(&replayed)) });
        }
        let identity = match identity {
            Ok(identity) => identity,
            Err(e) => return Ok(Report { documents, ..Report::failed(trial::failed(&e)) }),
        };
        let settings = presets::filled(&connection.settings, connection.protocol);
        if reader == Reader::Guest {
            let domains = store::domains::of_tenant(&app.db, &tenant.id).await?;
            let (email_trust, allowed) = (settings.email_trust(), settings.allowed());
            let rules = Rules { email_trust, domains: &domains, provisioning: Provisioning::Jit, allowed: &allowed };
            let mappings = mappings(&settings, &identity, &rules, reader);
            return Ok(Report { verdict: stranger(&identity, &rules), mappings, documents, notes: Vec::new() });
        }
        let arrival = Arrival::new(app, tenant, connection, &identity, None);
        for _ in 0..3 {
            let Some(judged) = arrival.judge().await? else { continue };
            return Ok(Report {
                verdict: decided(app, &arrival, &judged).await?,
                mappings: mappings(&settings, &identity, &judged.rules(), reader),
                documents,
                notes: notes(tenant, connection, &identity),
            });
        }
        Err(PageError::unavailable("judging kept racing with another sign-in"))
    }
}

/// What a guest is told: whether the provider's word can be used at all, by the same table as any sign-in and without a look at
/// anybody here.
fn stranger(identity: &Identity, rules: &Rules<'_>) -> trial::Verdict {
    let reason = match linking::decide(identity, &Known::default(), rules) {
        // Whether it counts is for the operator's settings, and the mapping says so; the provider's part works.
        Decision::Refuse(Refusal::EmailUntrusted) => {
            "The provider vouches for this person, but the e-mail address alone leads nobody in: see E-mail trust below."
        }
        Decision::Refuse(refusal) => return trial::refused(refusal, None),
        Decision::SignIn { .. } | Decision::Link { .. } | Decision::Create { .. } => {
            "The provider vouches for this person, and every setting could be used."
        }
    };
    let who = identity.email.as_deref().unwrap_or(&identity.subject);
    trial::Verdict {
        outcome: Outcome::Vouched,
        cause: None,
        title: format!("The provider says that this is {who}"),
        means: String::new(),
        reason: format!("{reason} Who may come in is for whoever sent the link to say."),
        fix: String::new(),
        user: None,
    }
}

/// The decision and why it is this one.
async fn decided(app: &App, arrival: &Arrival<'_>, judged: &Verdict) -> Result<trial::Verdict, PageError> {
    let (outcome, user_id) = match &judged.decision {
        Decision::Refuse(refusal) => return Ok(trial::refused(*refusal, arrival.mismatch(&judged.found).await)),
        Decision::SignIn { user_id, .. } => (Outcome::SignIn, Some(user_id)),
        Decision::Link { user_id, .. } => (Outcome::Link, Some(user_id)),
        Decision::Create { .. } => (Outcome::Create, None),
    };
    let user = match user_id {
        Some(id) => users::find(&app.db, id).await?.map(|u| Person { id: u.id, email: u.email.as_str().to_owned() }),
        None => None,
    };
    let address = user.as_ref().map(|u| u.email.as_str()).or(arrival.identity.email.as_deref()).unwrap_or_default();
    let title = match outcome {
        Outcome::SignIn => format!("Would sign in as {address}"),
        Outcome::Link => format!("Would be linked to {address} and sign in"),
        _ => format!("Would become a user as {address}"),
    };
    Ok(trial::Verdict { outcome, cause: None, title, means: String::new(), reason: judged.why(), fix: String::new(), user })
}

/// What else stands in people's way.
fn notes(tenant: &Tenant, connection: &Connection, identity: &Identity) -> Vec<String> {
    let mut notes = Vec::new();
    let mut note = |is: bool, text: &str| {
        if is {
            notes.push(text.to_owned());
        }
    };
    note(!connection.enabled, "The connection is a draft: enable it to let people sign in.");
    note(!connection.login_enabled, "The connection is not offered for sign-in (login_enabled).");
    note(!tenant.enabled, "The organisation is switched off: nobody of it can sign in.");
    note(identity.name.is_none(), "No name was found: the person is shown by their address.");
    notes
}

fn verdict(unheard: Unheard) -> trial::Verdict {
    match unheard {
        Unheard::Failed(e) => trial::failed(&e),
        Unheard::Stray(fault) => trial::faulty(&fault),
        Unheard::Forgotten => trial::faulty(&Cause::OwnFault.with("what was remembered of the beginning does not open")),
    }
}
