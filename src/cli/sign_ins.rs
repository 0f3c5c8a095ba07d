//! `gatehouse sign-ins …`: what became of sign-ins, for whoever is told a code by somebody who could not come in.

use std::collections::HashMap;

use clap::{Args, Subcommand};

use super::{Problems, identities::find_tenant, one, say, token::plain};
use crate::{
    app,
    config::Settings,
    moment::Moment,
    policy::cause::Cause,
    store::{
        Db, tenants,
        traces::{self, Filter, Outcome, Trace, Whose},
    },
    story, suggest,
};

#[derive(Subcommand)]
pub enum SignIns {
    /// List sign-ins, the newest first
    List(Which),
    /// Show one step by step, with the cause of a failure and how to mend it
    ///
    /// By the code that the person saw on the page, or by the id that the list shows.
    Show {
        /// The code or id
        #[arg(allow_hyphen_values = true)]
        code: String,
    },
}

#[derive(Args)]
pub struct Which {
    /// Only of this tenant
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Only with this outcome: failed, success or under_way
    #[arg(long, value_parser = outcome)]
    outcome: Option<Outcome>,
    /// Only with this cause: a word, as the list shows it
    #[arg(long, value_name = "WORD", value_parser = cause)]
    cause: Option<String>,
    /// Only over the connection of this name
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Only of somebody with this address
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// How many
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    limit: i64,
}

/// Runs one command.
pub async fn run(settings: &Settings, command: SignIns) -> Result<(), Problems> {
    let (db, _) = app::open_store(settings).await.map_err(one)?;
    let done = match command {
        SignIns::List(which) => list(&db, &which).await,
        SignIns::Show { code } => show(&db, &code).await,
    };
    db.close().await;
    done
}

async fn list(db: &Db, which: &Which) -> Result<(), Problems> {
    let tenant = match &which.tenant {
        Some(name) => Some(find_tenant(db, name).await?),
        None => None,
    };
    let email = which.email.as_deref().map(str::to_lowercase);
    let filter = Filter {
        whose: tenant.as_ref().map_or(Whose::Everybody, |tenant| Whose::Tenant(&tenant.id)),
        outcome: which.outcome,
        cause: which.cause.as_deref(),
        connection: which.connection.as_deref(),
        email: email.as_deref(),
    };
    let names: HashMap<String, String> =
        tenants::all(db).await.map_err(one)?.into_iter().map(|tenant| (tenant.id, tenant.name)).collect();
    say(format!(
        "{:<20}  {:<16}  {:<9}  {:<24}  {:<16}  {:<32}  {}",
        "AT", "TENANT", "OUTCOME", "CAUSE", "CONNECTION", "E-MAIL", "ID"
    ));
    for trace in traces::page(db, &filter, None, which.limit).await.map_err(one)? {
        let (at, tenant) = (Moment(trace.at).machine(), tenant_of(&names, &trace));
        let (cause, connection, email) =
            (known(trace.cause.as_ref()), known(trace.connection.as_ref()), known(trace.email.as_ref()));
        let (outcome, id) = (&trace.outcome, &trace.id);
        say(format!("{at:<20}  {tenant:<16}  {outcome:<9}  {cause:<24}  {connection:<16}  {email:<32}  {id}"));
    }
    Ok(())
}

fn tenant_of<'a>(names: &'a HashMap<String, String>, trace: &Trace) -> &'a str {
    trace.tenant_id.as_ref().and_then(|id| names.get(id)).map_or("-", String::as_str)
}

fn known(fact: Option<&String>) -> String {
    fact.map_or_else(|| "-".to_owned(), |fact| plain(fact))
}

async fn show(db: &Db, code: &str) -> Result<(), Problems> {
    // Codes are read out over the telephone; ids are not.
    let mut found = traces::by_code(db, Whose::Everybody, code).await.map_err(one)?;
    if found.is_none() {
        found = traces::by_code(db, Whose::Everybody, &code.to_uppercase()).await.map_err(one)?;
    }
    let none = || one(format!("there is no sign-in with the code {code}: traces are kept for GATEHOUSE_TRACE_DAYS days"));
    let trace = found.ok_or_else(none)?;
    let tenant = match &trace.tenant_id {
        Some(id) => tenants::find(db, id).await.map_err(one)?.map(|tenant| tenant.name),
        None => None,
    };
    let line = |name: &str, value: &str| say(format!("{name:<16}{}", plain(value)));
    line("sign-in", &trace.id);
    line("tenant", tenant.as_deref().unwrap_or("(not known)"));
    line("outcome", story::outcome(&trace));
    if let Some(word) = story::cause(&trace, code) {
        let text = story::named(&word);
        line("cause", &format!("{word}: {}", text.title));
        line("means", text.means);
        line("mend it", text.fix);
    }
    let codes = traces::codes(db, &trace.id).await.map_err(one)?.join(", ");
    line("codes shown", if codes.is_empty() { "(none)" } else { &codes });
    for step in story::steps(&trace) {
        say(format!("{}  {}", step.at.machine(), step.says));
        for (label, value) in &step.facts {
            say(format!("    {label}: {}", plain(value)));
        }
    }
    Ok(())
}

fn outcome(word: &str) -> Result<Outcome, String> {
    let words = || Outcome::ALL.map(Outcome::as_str).join(", ");
    Outcome::of(word).ok_or_else(|| format!("must be one of {}", words()))
}

fn cause(word: &str) -> Result<String, String> {
    let known = Cause::ALL.iter().map(|cause| cause.word());
    let unknown = || format!("there is no cause {word}{}; the list shows those that are there", suggest::hint(word, known));
    Cause::of_word(word).map(|cause| cause.word().to_owned()).ok_or_else(unknown)
}
