//! Declarative state: a YAML file says what tenants, connections, clients, users and teams there are, and the database
//! is made to agree. Every error names its line and all are listed at once; then everything changes in one transaction,
//! or nothing does. Applying the same file twice changes nothing the second time. Only the people of a large tenant that is
//! pruned go before that, in steps (`tenant_end`), once all the rest is known to go.
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
pub mod tenant_end;
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
        db::Tx,
        tenants::Tenant,
    },
};
use desired::TenantFile;
use passwords::Hashed;
pub use passwords::Hashing;
pub use plan::{Action, Change, Count, Line, Plan};
use reader::Context;
pub use reader::Problem;
use single::{Order, Refusal};
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
    let failed = |e: StoreError| vec![whole(file, e.to_string())];
    let passwords::Prepared { hashed, memo } = passwords::prepare(db, sealer, hashing, &tenants).await.map_err(failed)?;
    let actor = options.actor.cloned().unwrap_or_else(|| Actor::apply(Via::File));
    let applying = Applying { sealer, hashing, file, options, actor: &actor, now, tenants: &tenants, hashed: &hashed };
    let crowded = if options.prune { tenant_end::crowded(db, &tenants).await.map_err(failed)? } else { Vec::new() };
    let mut before = None;
    if !crowded.is_empty() {
        let mut tx = db.begin().await.map_err(failed)?;
        // Tried out first: whatever is wrong shows as long as nobody has gone. If something stands in the way because they have
        // not, they go with all the rest at once.
        let tried = applying.work(&mut tx, &crowded).await;
        drop(tx);
        match tried {
            Ok(plan) if options.dry_run => return Ok(plan),
            Ok(plan) => {
                applying.end(db, &crowded).await?;
                before = Some(plan);
            }
            Err(_) => {}
        }
    }
    let mut tx = db.begin().await.map_err(failed)?;
    let mut plan = applying.work(&mut tx, &[]).await.map_err(|mut problems| {
        if before.is_some() {
            let names: Vec<&str> = crowded.iter().map(|tenant| tenant.name.as_str()).collect();
            let text = format!("tenants of many people are switched off, and their people gone: {}", names.join(", "));
            problems.push(whole(file, text));
        }
        problems
    })?;
    if !options.dry_run {
        trail::note(&mut tx, sealer, &actor, &plan, now);
        if let Some(memo) = memo {
            passwords::remember(&mut tx, &memo).await.map_err(failed)?;
        }
        tx.commit().await.map_err(failed)?;
    }
    if let Some(before) = &before {
        plan.goes_as(before);
    }
    Ok(plan)
}

/// A problem of the whole file.
fn whole(file: File<'_>, text: String) -> Problem {
    Problem { origin: file.origin.to_owned(), line: 1, column: 1, text, missing: None }
}

/// A file that is applied, as it was read.
struct Applying<'a> {
    sealer: &'a Sealer,
    hashing: Hashing,
    file: File<'a>,
    options: Options<'a>,
    actor: &'a Actor,
    now: i64,
    tenants: &'a [TenantFile],
    hashed: &'a [Hashed],
}

impl Applying<'_> {
    /// All that changes, in a transaction of the caller's; tenants that end `apart` are only shut.
    async fn work(&self, tx: &mut Tx, apart: &[Tenant]) -> Result<Plan, Vec<Problem>> {
        let Self { file, options, .. } = *self;
        let mut work = execute::Work::new(tx, self.sealer, Some(self.hashing), file.origin, self.actor, self.now);
        work.apart = apart.iter().map(|tenant| tenant.id.clone()).collect();
        let result = work.run(options.prune, self.tenants, self.hashed).await;
        let (plan, mut problems) = work.into_parts();
        if options.agreed.is_some_and(|agreed| !agreed.covers(&plan)) {
            let text = "what --prune would delete has changed meanwhile, so nothing was done; apply the file again";
            problems.push(whole(file, text.to_owned()));
        }
        match result {
            // What was noted before the database failed says more than its failure.
            Err(e) if problems.is_empty() => return Err(vec![whole(file, e.to_string())]),
            Ok(()) if problems.is_empty() => return Ok(plan),
            _ => {}
        }
        problems.sort_by_key(|p| (p.line, p.column));
        Err(problems)
    }

    /// Has the people of tenants that go leave in steps, as whoever deletes one by hand does.
    async fn end(&self, db: &Db, crowded: &[Tenant]) -> Result<(), Vec<Problem>> {
        let Self { sealer, actor, now, file, .. } = *self;
        // What forbids it to an operator was asked of the whole file.
        let order = Order { sealer, ahead: None, actor, platform: true, force: true, now };
        for tenant in crowded {
            let why = match tenant_end::empty(db, &order, tenant).await {
                Ok(_) | Err(Refusal::Missing) => continue,
                Err(Refusal::Store(e)) => e.to_string(),
                Err(Refusal::Forbidden(text) | Refusal::Conflict(text)) => format!("tenant {}: {text}", tenant.name),
                Err(other) => format!("tenant {} cannot be deleted: {other:?}", tenant.name),
            };
            return Err(vec![whole(file, why)]);
        }
        Ok(())
    }
}

fn parse(file: File<'_>) -> Result<Vec<desired::TenantFile>, Vec<Problem>> {
    let context = Context::new(file.origin, file.env);
    let tenants = read::read(&context, file.text);
    let problems = context.into_problems();
    if problems.is_empty() { Ok(tenants) } else { Err(problems) }
}
