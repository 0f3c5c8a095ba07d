//! `gatehouse audit …`: who has done what, whether that is still what was written, and all of it for somebody else's archive.

use std::io::{self, Write as _};

use clap::{Args, Subcommand};

use super::{Problems, identities::find_tenant, one, say, token::plain};
use crate::{
    app,
    chronicle::{CHUNK, Line, Tenants},
    clock::Clock,
    config::Settings,
    moment::{self, Moment},
    store::{
        Db,
        audit::{self, Action, Entry, Filter},
    },
    suggest,
};

#[derive(Subcommand)]
pub enum Audit {
    /// List entries, the newest first
    List {
        #[command(flatten)]
        which: Which,
        /// How many
        #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=100_000))]
        limit: i64,
    },
    /// Check that every entry is there, in its place and unaltered
    ///
    /// Ends with 1 and names the first entry that does not fit. Note the last entry and its mac elsewhere: with --noted it is
    /// checked later that the log has not been put back to an older state as a whole.
    Verify {
        /// What an earlier run printed, or an export says: the log must still have this entry
        #[arg(long, value_name = "SEQ:MAC", value_parser = noted)]
        noted: Vec<(i64, String)>,
    },
    /// Print entries as lines of JSON, the oldest first
    Export {
        #[command(flatten)]
        which: Which,
        /// Only those after this one: where the last export ended
        #[arg(long, value_name = "SEQ", default_value_t = 0)]
        after: i64,
    },
}

#[derive(Args)]
pub struct Which {
    /// Only about things of this tenant
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Only by this actor: the words of an entry, or a user's id
    #[arg(long, value_name = "WHO")]
    actor: Option<String>,
    /// Only this action: create, update, delete, deactivate …
    #[arg(long, value_parser = action)]
    action: Option<Action>,
    /// Only what begins so: "connection acme/"
    #[arg(long, value_name = "TEXT")]
    subject: Option<String>,
    /// Not before this time: 2026-11-22, 2026-11-22T10:00:00Z, or 7d (ago)
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<i64>,
    /// Before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<i64>,
}

impl Which {
    fn filter<'a>(&'a self, tenant_id: Option<&'a String>) -> Filter<'a> {
        Filter {
            tenant_id: tenant_id.map(String::as_str),
            actor: self.actor.as_deref(),
            action: self.action.map(Action::as_str),
            subject: self.subject.as_deref(),
            from: self.since,
            until: self.until,
            time: None,
        }
    }

    async fn tenant_id(&self, db: &Db) -> Result<Option<String>, Problems> {
        match &self.tenant {
            Some(name) => find_tenant(db, name).await.map(|tenant| Some(tenant.id)),
            None => Ok(None),
        }
    }
}

/// Runs one command.
pub async fn run(settings: &Settings, command: Audit) -> Result<(), Problems> {
    let (db, sealer) = app::open_store(settings).await.map_err(one)?;
    let done = match command {
        Audit::List { which, limit } => list(&db, &which, limit).await,
        Audit::Verify { noted } => {
            let verdict = audit::verify(&db, &sealer).await.map_err(one)?;
            match verdict {
                Ok(intact) => judge(&db, &intact, &noted).await,
                Err(broken) => Err(one(format!("the audit log is broken: entry {} {}", broken.seq, broken.flaw.as_str()))),
            }
        }
        Audit::Export { which, after } => export(&db, &which, after).await,
    };
    db.close().await;
    done
}

async fn list(db: &Db, which: &Which, limit: i64) -> Result<(), Problems> {
    let tenant_id = which.tenant_id(db).await?;
    say(format!("{:>8}  {:<20}  {:<32}  {:<9}  {:<16}  {:<15}  {}", "SEQ", "AT", "ACTOR", "VIA", "ADDRESS", "ACTION", "SUBJECT"));
    let (mut before, mut left) = (None, limit);
    loop {
        let part = audit::part(db, &which.filter(tenant_id.as_ref()), before, left).await.map_err(one)?;
        part.entries.iter().for_each(told);
        left = left.saturating_sub(i64::try_from(part.entries.len()).unwrap_or(i64::MAX));
        match part.entries.last() {
            Some(last) if part.more && left > 0 => before = Some(last.seq),
            _ => return Ok(()),
        }
    }
}

fn told(entry: &Entry) {
    let (at, address) = (Moment(entry.at).machine(), entry.address.as_deref().unwrap_or("-"));
    let (actor, subject) = (plain(&entry.actor), plain(&entry.subject));
    let changes = match entry.changes.as_object().is_none_or(serde_json::Map::is_empty) {
        true => String::new(),
        false => format!("  {}", plain(&entry.changes.to_string())),
    };
    let (seq, via, action) = (entry.seq, &entry.via, &entry.action);
    say(format!("{seq:>8}  {at:<20}  {actor:<32}  {via:<9}  {address:<16}  {action:<15}  {subject}{changes}"));
}

async fn judge(db: &Db, intact: &audit::Intact, noted: &[(i64, String)]) -> Result<(), Problems> {
    let audit::Intact { first, last, mac } = intact;
    for (seq, mac) in noted {
        match audit::has(db, *seq, mac).await.map_err(one)? {
            Some(true) => {}
            Some(false) => return Err(one(format!("the audit log is broken: entry {seq} is not the one that was noted"))),
            None => say(format!("entry {seq} is older than all that are kept, so it is not compared")),
        }
    }
    match last - first + 1 {
        0 => say("the audit log has no entries"),
        n => say(format!("the audit log is intact: {n} entr{}, {first} to {last}", if n == 1 { "y" } else { "ies" })),
    }
    if *last > 0 {
        say(format!("note elsewhere: {last}:{mac}"));
    }
    Ok(())
}

async fn export(db: &Db, which: &Which, mut after: i64) -> Result<(), Problems> {
    let tenant_id = which.tenant_id(db).await?;
    let (filter, tenants) = (which.filter(tenant_id.as_ref()), Tenants::read(db).await.map_err(one)?);
    let mut out = io::BufWriter::new(io::stdout().lock());
    loop {
        let entries = audit::following(db, &filter, after, CHUNK).await.map_err(one)?;
        let Some(last) = entries.last() else { break };
        after = last.seq;
        for entry in &entries {
            out.write_all(Line::new(entry, &tenants).written().as_bytes()).map_err(one)?;
        }
    }
    out.flush().map_err(one)
}

fn action(name: &str) -> Result<Action, String> {
    Action::from_name(name).ok_or_else(|| {
        let names = Action::ALL.map(Action::as_str);
        format!("must be one of {}{}", names.join(", "), suggest::hint(name, names))
    })
}

fn time(text: &str) -> Result<i64, String> {
    let time = moment::instant(text, Clock::system().now());
    time.ok_or_else(|| "must be a day (2026-11-22), a time (2026-11-22T10:00:00Z) or how long ago (12h, 7d)".to_owned())
}

fn noted(text: &str) -> Result<(i64, String), String> {
    let parts = text.split_once(':').and_then(|(seq, mac)| Some((seq.parse().ok()?, mac.to_owned())));
    parts.ok_or_else(|| "must be an entry's number and its mac, like 57:nLtItf0e73h…".to_owned())
}
