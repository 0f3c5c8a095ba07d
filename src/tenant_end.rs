//! The end of an organisation of many people, in steps: it is switched off first, and its people go a thousand at a time, so
//! that nobody waits longer to write than one step takes. Where that stops in the middle, an organisation is left that is
//! switched off and has fewer people; whoever deletes it again goes on.

use crate::{
    app::App,
    apply::{
        Line,
        single::{self, Noun, Order, Refusal},
    },
    store::{
        StoreError,
        audit::{self, Action, Changes, Event},
        tenants::{self, Tenant},
        users,
    },
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
pub async fn empty(app: &App, order: &Order<'_>, tenant: &Tenant) -> Result<Option<Vec<String>>, Refusal> {
    if !tenants::has_many(&app.db, &tenant.id, STEP).await? {
        return Ok(None);
    }
    let mut tx = app.db.begin().await?;
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
    let (db, id) = (app.db.clone(), tenant.id.clone());
    // By itself: it goes on when whoever asked waits no longer.
    let steps = tokio::spawn(async move {
        while tenants::empty(&db, &id, STEP).await? > 0 {}
        Ok::<(), StoreError>(())
    });
    match steps.await {
        Ok(done) => done?,
        Err(_) => return Err(Refusal::Conflict(STOPPED)),
    }
    if tenants::has_many(&app.db, &tenant.id, STEP).await? {
        return Err(Refusal::Conflict(ON_AGAIN));
    }
    Ok(Some(lost))
}
