//! The command line. Exit codes: 0 done, 1 problems (each on its own line of the error output), 2 wrong usage.

mod admin;
mod audit;
mod check;
mod confirm;
mod connections;
mod directories;
mod identities;
mod invites;
mod keys;
mod sign_ins;
mod token;
mod tokens;
mod users;

use std::{
    fmt::Display,
    io::IsTerminal as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

use crate::{
    app, apply,
    clock::Clock,
    config::{self, LogFormat, Settings},
    demo, moment, password, serve,
    store::audit::{Actor, Via},
};

/// An SSO broker and authorization server: OpenID Connect in, signed tokens out.
///
/// Settings come from gatehouse.toml in the working directory, if it is there, and from GATEHOUSE_* variables, which
/// win. With nothing set, gatehouse serves http://localhost:8080 on an SQLite file beside it.
#[derive(Parser)]
#[command(name = "gatehouse", version, max_term_width = 100)]
struct Cli {
    /// Read settings from this file instead of gatehouse.toml
    #[arg(long, env = "GATEHOUSE_CONFIG", global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until SIGTERM or SIGINT
    ///
    /// Brings the database up to date, makes what keys are missing, applies the file that GATEHOUSE_APPLY names, and
    /// prints "listening on http://ADDRESS:PORT" when ready. RUST_LOG sets what is logged (default: info).
    Serve,
    /// Make the database agree with a declarative file
    ///
    /// Prints a plan: + created, ~ updated (fields), - deleted or kept. Everything is changed in one transaction, or
    /// nothing when there is any problem; every problem names its line. A second run finds no changes.
    Apply {
        /// The YAML file; its secrets may be "${VARIABLE}" or {file: PATH} relative to it
        file: PathBuf,
        /// Delete what the file no longer names, whole tenants included
        ///
        /// Users whom a sign-in made are kept and listed; to shut one out, name them with active: false. With a whole
        /// tenant go all its users. What goes is listed, with the roles that are lost, and asked about; where there is no
        /// terminal to ask at, nothing is changed without --yes.
        #[arg(long)]
        prune: bool,
        /// Do not ask before deleting
        #[arg(long, requires = "prune")]
        yes: bool,
        /// Only print the plan
        #[arg(long)]
        dry_run: bool,
    },
    /// Check settings, certificate, database, master key and the file of GATEHOUSE_APPLY, and change nothing
    Check,
    /// Signing keys
    #[command(subcommand)]
    Keys(keys::Keys),
    /// Administrators: who administers what, and the way in when there is no other
    #[command(subcommand)]
    Admin(admin::Admin),
    /// The audit log: who has done what
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Connections: what to tell their providers, and what the providers say of themselves
    #[command(subcommand)]
    Connections(Connections),
    /// Directories: what to enter at their source, and their tokens
    #[command(subcommand)]
    Directories(directories::Directories),
    /// External identities: whom tokens of trusted issuers act as
    #[command(subcommand)]
    Identities(Identities),
    /// Users: who is there, what they have, and the end and return of it
    #[command(subcommand)]
    Users(users::Users),
    /// Invites: who may become a user of a tenant, by a link that works once
    #[command(subcommand)]
    Invites(Invites),
    /// Sign-ins of the last days: what became of them, and why one failed
    #[command(subcommand)]
    SignIns(sign_ins::SignIns),
    /// Tokens: what one is worth here, and why
    #[command(subcommand)]
    Token(token::Token),
    /// Service tokens: which programs use the admin API, and new tokens for them
    #[command(subcommand)]
    Tokens(tokens::Tokens),
    /// See it work: gatehouse, an identity provider and a control plane on this machine, with people to sign in as
    ///
    /// Listens on loopback alone, keeps its files in one folder, and reads no settings. RUST_LOG sets what is logged
    /// (default: warn).
    Demo {
        /// The folder for databases, keys and demo.yaml
        #[arg(long, value_name = "FOLDER", default_value = "demo-data")]
        dir: PathBuf,
        /// The port of gatehouse; 0 picks a free one
        #[arg(long, default_value_t = 8080)]
        port: u16,
        /// The port of the development identity provider; 0 picks a free one
        #[arg(long, value_name = "PORT", default_value_t = 8081)]
        idp_port: u16,
        /// The port of the control plane; 0 picks a free one
        #[arg(long, value_name = "PORT", default_value_t = 8082)]
        control_plane_port: u16,
    },
}

#[derive(Subcommand)]
enum Connections {
    /// List all connections with the state of their metadata
    List,
    /// Show one: our addresses for its provider, the provider's addresses, certificates and metadata
    Show(Named),
    /// Fetch the provider's metadata now
    Refresh(Named),
    /// Put held metadata in force
    ///
    /// Metadata that shares no signing key with the one in use, or names another entity id, has no effect before. Compare the
    /// fingerprints that `show` prints with those that the provider tells you by another way.
    Accept {
        #[command(flatten)]
        named: Named,
        /// The SHA-256 fingerprint of each certificate that the held metadata has
        #[arg(required = true)]
        fingerprints: Vec<String>,
    },
}

#[derive(Subcommand)]
enum Identities {
    /// List external identities with their issuers and claims
    List {
        /// Only those of this tenant
        tenant: Option<String>,
    },
    /// Delete one with every role it holds
    ///
    /// Prints the roles and asks; where there is no terminal to ask at, nothing is deleted without --yes.
    Delete {
        /// The tenant's name
        tenant: String,
        /// The external identity's name
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Subcommand)]
enum Invites {
    /// Invite somebody
    ///
    /// With a relay (GATEHOUSE_SMTP_URL) a running gatehouse sends the link by mail, and it is shown nowhere else: so it proves
    /// that the mailbox is theirs. Without one the link is printed here, once.
    Create(invites::Typed),
    /// List a tenant's invites, the newest first
    List {
        /// The tenant's name
        #[arg(long, value_name = "NAME")]
        tenant: String,
    },
    /// Make another link, good for 7 days; the old one is dead
    Resend(invites::Chosen),
    /// Take an invite back: its link is dead
    Revoke(invites::Chosen),
}

#[derive(clap::Args)]
struct Named {
    /// The tenant's name
    tenant: String,
    /// The connection's name
    connection: String,
}

/// What went wrong, one line each.
type Problems = Vec<String>;

/// Runs the program.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    // Another provider installed before is as good.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match execute(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problems) => {
            problems.iter().for_each(|p| say_error(p));
            ExitCode::FAILURE
        }
    }
}

fn execute(cli: Cli) -> Result<(), Problems> {
    let mut runtime = match cli.command {
        Command::Serve | Command::Demo { .. } => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    let runtime = runtime.enable_all().build().map_err(one)?;
    let settings = |log_level| {
        let settings = Settings::load(cli.config.as_deref(), &config::environment()).map_err(all)?;
        let logs = start_logs(settings.log, log_level);
        Ok::<_, Problems>((settings, logs))
    };
    runtime.block_on(async move {
        match cli.command {
            Command::Serve => {
                let (settings, _logs) = settings("info")?;
                serve::serve(settings).await.map_err(one)
            }
            Command::Apply { file, prune, yes, dry_run } => {
                let options = apply::Options { prune, dry_run, ..apply::Options::default() };
                apply_file(&settings("warn")?.0, &file, options, yes).await
            }
            Command::Admin(command) => admin::run(&settings("warn")?.0, command).await,
            Command::Audit(command) => audit::run(&settings("warn")?.0, command).await,
            Command::Check => check::check(&settings("warn")?.0).await,
            Command::Keys(command) => keys::run(&settings("warn")?.0, command).await,
            Command::Connections(Connections::List) => connections::list(&settings("warn")?.0).await,
            Command::Connections(Connections::Show(n)) => connections::show(&settings("warn")?.0, &n.tenant, &n.connection).await,
            Command::Connections(Connections::Refresh(n)) => {
                connections::refresh(&settings("error")?.0, &n.tenant, &n.connection).await
            }
            Command::Connections(Connections::Accept { named: n, fingerprints }) => {
                connections::accept(&settings("error")?.0, &n.tenant, &n.connection, &fingerprints).await
            }
            Command::Directories(command) => directories::run(&settings("warn")?.0, command).await,
            Command::Identities(Identities::List { tenant }) => identities::list(&settings("warn")?.0, tenant.as_deref()).await,
            Command::Identities(Identities::Delete { tenant, name, yes }) => {
                identities::delete(&settings("warn")?.0, &tenant, &name, yes).await
            }
            Command::Users(command) => users::run(&settings("warn")?.0, command).await,
            Command::Invites(Invites::Create(typed)) => invites::create(&settings("warn")?.0, typed).await,
            Command::Invites(Invites::List { tenant }) => invites::list(&settings("warn")?.0, &tenant).await,
            Command::Invites(Invites::Resend(chosen)) => invites::resend(&settings("warn")?.0, chosen).await,
            Command::Invites(Invites::Revoke(chosen)) => invites::revoke(&settings("warn")?.0, chosen).await,
            Command::Tokens(command) => tokens::run(&settings("warn")?.0, command).await,
            Command::SignIns(command) => sign_ins::run(&settings("warn")?.0, command).await,
            Command::Token(command) => token::run(settings("warn")?.0, command).await,
            Command::Demo { dir, port, idp_port, control_plane_port } => {
                let _logs = start_logs(LogFormat::Text, "warn");
                demo::run(demo::Options { dir, port, idp_port, control_plane_port }).await.map_err(one)
            }
        }
    })
}

/// `yes`: nobody is to be asked about what is deleted.
async fn apply_file(settings: &Settings, path: &Path, options: apply::Options<'_>, yes: bool) -> Result<(), Problems> {
    let origin = path.display().to_string();
    let text = std::fs::read_to_string(path).map_err(|e| one(format!("{origin} cannot be read: {e}")))?;
    let file = apply::File { text: &text, origin: &origin, env: &variable };
    // What is wrong with the file shows even while the database is away.
    apply::check(file).map_err(all)?;
    let (db, sealer) = app::open_store(settings).await.map_err(one)?;
    let hashing = apply::Hashing { hash: |password| password::hash_now(password).ok(), verify: password::verify_now };
    let actor = Actor::apply(Via::Command);
    let options = apply::Options { actor: Some(&actor), ..options };
    let run = async |options| apply::run(&db, &sealer, hashing, file, options, Clock::system().now()).await.map_err(all);
    let asks = options.prune && !options.dry_run && !yes;
    let planned = if asks { Some(run(apply::Options { dry_run: true, ..options }).await?) } else { None };
    let agreed = planned.as_ref().filter(|plan| plan.deletions().next().is_some());
    if let Some(plan) = agreed {
        say(plan);
        confirm::agree("Apply this, and delete what is to go?", "nothing was changed")?;
    }
    let plan = run(apply::Options { agreed: planned.as_ref(), ..options }).await?;
    db.close().await;
    if agreed.is_none() {
        say(plan);
    }
    if options.dry_run {
        say("nothing was changed (--dry-run)");
    }
    Ok(())
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn lifetime(text: &str) -> Result<i64, String> {
    moment::seconds(text).ok_or_else(|| "must be a number with s, m, h or d, like 12h or 7d".to_owned())
}

/// Logs go to standard error over a bounded queue and a thread of its own: when nobody reads, lines are dropped and
/// requests go on. The guard writes what is queued when it goes.
fn start_logs(format: LogFormat, level: &str) -> WorkerGuard {
    let (writer, guard) = tracing_appender::non_blocking(std::io::stderr());
    // To tower-sessions every session that has expired is a suspicious one.
    let default = || EnvFilter::new(format!("{level},tower_sessions_core=error"));
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| default());
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_ansi(std::io::stderr().is_terminal());
    // A second subscriber in one process is refused; the first goes on.
    let _ = match format {
        LogFormat::Text => logs.try_init(),
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
    };
    guard
}

fn one(problem: impl Display) -> Problems {
    vec![problem.to_string()]
}

fn all<P: Display>(problems: Vec<P>) -> Problems {
    problems.iter().map(ToString::to_string).collect()
}

#[expect(clippy::print_stdout, reason = "a command answers whoever typed it")]
fn say(text: impl Display) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "a command answers whoever typed it")]
fn say_error(text: &str) {
    eprintln!("{text}");
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        super::Cli::command().debug_assert();
    }
}
