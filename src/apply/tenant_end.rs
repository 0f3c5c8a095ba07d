//! The end of an organisation of many people, in steps: it is switched off first, and its people go a thousand at a time, so
//! that nobody waits longer to write than one step takes. Where that stops in the middle, an organisation is left that is
//! switched off and has fewer people; whoever deletes it again goes on. At the pages, over the API and where a file that is
//! applied names it no longer.

use super::{
    desired::TenantFile,
    plan::Line,
    single::{self, Noun, Order, Refusal},
};
use crate::store::{
    Db, StoreError,
    audit::{self, Action, Changes, Event},
    db::Tx,
    domains, sites,
    tenants::{self, Tenant},
    users,
};

/// Most of a kind that go in one step: some tens of milliseconds, on a busy machine more.
const STEP: i64 = 1_000;
const ON_AGAIN: &str =
    "somebody has switched the organisation on again while it was being deleted: switch it off, and delete it again";

const STOPPED: &str = "its people are gone in part: the organisation is switched off, so delete it again";

/// Lets the people of a tenant go that has more of them than one step takes, before [`single::remove`] lets it go itself. What was
/// lost with it until then, in words, as whoever may read who people are is told it; `None`: it is small, and nothing was done.
///
/// # Errors
/// Why it is not deleted.
pub async fn empty(db: &Db, order: &Order<'_>, tenant: &Tenant) -> Result<Option<Vec<String>>, Refusal> {
    if !tenants::has_many(db, &tenant.id, STEP).await? {
        return Ok(None);
    }
    let mut tx = db.begin().await?;
    tenants::lock(&mut tx).await?;
    users::hold_administrators(&mut tx, &tenant.id).await?;
    // Whatever would keep it is asked before anybody goes.
    let plan = single::lost(&mut tx, order, tenant, Noun::Tenant, &tenant.name).await?;
    let lost: Vec<String> = plan.deletions().flat_map(Line::lost).collect();
    let Some(was) = tenants::find(&mut tx, &tenant.id).await? else { return Err(Refusal::Missing) };
    let changes = Changes::default().changed("enabled", was.enabled, false).is("deletion_begun", lost.clone());
    tenants::save(&mut tx, &Tenant { enabled: false, ..was }).await?;
    let event = Event::new(tenant.id.as_str(), Action::Update, format!("tenant {}", tenant.name));
    audit::append(&mut tx, order.sealer, order.actor, event.with(changes), order.now);
    tx.commit().await?;
    let (on, id) = (db.clone(), tenant.id.clone());
    // By itself: it goes on when whoever asked waits no longer.
    let steps = tokio::spawn(async move {
        while tenants::empty(&on, &id, STEP).await? > 0 {}
        Ok::<(), StoreError>(())
    });
    match steps.await {
        Ok(done) => done?,
        Err(_) => return Err(Refusal::Conflict(STOPPED)),
    }
    if tenants::has_many(db, &tenant.id, STEP).await? {
        return Err(Refusal::Conflict(ON_AGAIN));
    }
    Ok(Some(lost))
}

/// The tenants of so many people that a file no longer names.
///
/// # Errors
/// What the database says.
pub(super) async fn crowded(db: &Db, files: &[TenantFile]) -> Result<Vec<Tenant>, StoreError> {
    let mut crowded = Vec::new();
    for tenant in tenants::all(db).await? {
        if !files.iter().any(|file| file.name == tenant.name) && tenants::has_many(db, &tenant.id, STEP).await? {
            crowded.push(tenant);
        }
    }
    Ok(crowded)
}

/// Has a tenant count for nothing more: what somebody else can have of it is free. With that a file is tried out.
///
/// # Errors
/// What the database says.
pub(super) async fn shut(tx: &mut Tx, tenant: &Tenant) -> Result<(), StoreError> {
    for site in sites::of_tenant(&mut *tx, &tenant.id).await? {
        sites::give_up(&mut *tx, &site.id).await?;
    }
    domains::set(&mut *tx, &tenant.id, &[]).await?;
    tenants::save(tx, &Tenant { enabled: false, ..tenant.clone() }).await
}
