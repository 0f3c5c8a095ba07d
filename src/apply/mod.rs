//! Declarative state: a YAML file says what tenants, connections, clients, users and teams there are, and the database
//! is made to agree. Every error names its line and all are listed at once; then everything changes in one transaction,
//! or nothing does. Applying the same file twice changes nothing the second time.
//!
//! `yaml` and `reader` take the file apart, `read/` turns it into what is `desired`, `passwords` does the slow hashing
//! before the database is locked, `execute` compares and changes, `plan` says what. `single` has pages and the admin API do the
//! same for one thing at a time.
//!
//! What the file leaves out has its default, with one exception: the switches that let people in (`enabled`,
//! `login_enabled`, `password_login`, `require_sso`, `active`) stay as they are, so that a restart never lets in again
//! whom an operator has shut out. For the same reason a directory's token that an operator has ended stays ended.
//!
//! Pruning deletes what the file no longer names: tenants with everything of theirs, connections, clients, directories,
//! teams, and of users those whom a file once made. Users whom a sign-in or a directory made stay, also when a file has named
//! them since: nobody wrote them down, so their absence says nothing. To shut one out, name them with `active: false`.

mod clear;
mod desired;
mod difference;
mod directories;
mod execute;
mod goes;
mod issuers;
mod known_by;
mod laden;
mod losses;
mod nouns;
mod passwords;
mod people;
mod plan;
mod principals;
mod read;
mod reader;
mod resources;
mod rivals;
pub mod single;
mod sites;
mod sso;
mod tenant_tokens;
mod trail;
mod yaml;

#[cfg(test)]
mod tests;

use crate::{
    seal::Sealer,
    store::{
        Db, StoreError,
        audit::{Actor, Via},
    },
};
pub use passwords::Hashing;
pub use plan::{Action, Change, Count, Line, Plan};
use reader::Context;
pub use reader::Problem;
pub use sso::{LastWayIn, LockedOut};

/// How to apply.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// Who applies, for the audit log; a file does unless this says otherwise.
    pub actor: Option<&'a Actor>,
    /// Delete what the file no longer names, but for users whom sign-ins made.
    pub prune: bool,
    /// Only say what would change.
    pub dry_run: bool,
    /// The plan whose deletions somebody has agreed to; where others would happen by now, nothing does.
    pub agreed: Option<&'a Plan>,
}

/// A file to apply.
#[derive(Clone, Copy)]
pub struct File<'a> {
    /// Its YAML.
    pub text: &'a str,
    /// Its path: it names the file in problems, and `{file: …}` secrets are looked for beside it.
    pub origin: &'a str,
    /// Looks up `${NAME}`.
    pub env: &'a (dyn Fn(&str) -> Option<String> + Sync),
}

/// Reads a file without a database: syntax, names, types and everything that one file can contradict itself in.
///
/// # Errors
/// Every problem there is.
pub fn check(file: File<'_>) -> Result<(), Vec<Problem>> {
    parse(file).map(|_| ())
}

/// Makes the database agree with the file; `now` is unix seconds.
///
/// # Errors
/// Every problem there is; then nothing was changed. A failing database is a problem of line 1.
pub async fn run(
    db: &Db,
    sealer: &Sealer,
    hashing: Hashing,
    file: File<'_>,
    options: Options<'_>,
    now: i64,
) -> Result<Plan, Vec<Problem>> {
    let tenants = parse(file)?;
    let whole =
        |e: StoreError| vec![Problem { origin: file.origin.to_owned(), line: 1, column: 1, text: e.to_string(), missing: None }];
    let passwords::Prepared { hashed, memo } = passwords::prepare(db, sealer, hashing, &tenants).await.map_err(whole)?;
    let mut tx = db.begin().await.map_err(whole)?;
    let actor = options.actor.cloned().unwrap_or_else(|| Actor::apply(Via::File));
    let mut work = execute::Work::new(&mut tx, sealer, Some(hashing), file.origin, &actor, now);
    let result = work.run(options.prune, &tenants, &hashed).await;
    let (plan, mut problems) = work.into_parts();
    if options.agreed.is_some_and(|agreed| !agreed.covers(&plan)) {
        let text = "what --prune would delete has changed meanwhile, so nothing was done; apply the file again".to_owned();
        problems.push(Problem { origin: file.origin.to_owned(), line: 1, column: 1, text, missing: None });
    }
    match result {
        // What was noted before the database failed says more than its failure.
        Err(e) if problems.is_empty() => return Err(whole(e)),
        Ok(()) if problems.is_empty() => {
            if !options.dry_run {
                trail::note(&mut tx, sealer, &actor, &plan, now);
                if let Some(memo) = memo {
                    passwords::remember(&mut tx, &memo).await.map_err(whole)?;
                }
                tx.commit().await.map_err(whole)?;
            }
            return Ok(plan);
        }
        _ => {}
    }
    problems.sort_by_key(|p| (p.line, p.column));
    Err(problems)
}

fn parse(file: File<'_>) -> Result<Vec<desired::TenantFile>, Vec<Problem>> {
    let context = Context::new(file.origin, file.env);
    let tenants = read::read(&context, file.text);
    let problems = context.into_problems();
    if problems.is_empty() { Ok(tenants) } else { Err(problems) }
}
