//! Users: each function is one transaction.

use serde_json::{Map, Value};

use super::{
    account,
    caller::Caller,
    error::ScimError,
    fault::Fault,
    patch,
    resource::Versions,
    said,
    schema::canonical_user,
    trail::{self, Effect},
};
use crate::{
    app::App,
    secret,
    store::{
        self,
        directory_users::{self, DirectoryUser, Updated},
    },
};

/// The user of this id.
///
/// # Errors
/// 404.
pub async fn find(app: &App, caller: &Caller, id: &str) -> Result<DirectoryUser, ScimError> {
    let found = directory_users::find(&app.db, &caller.directory.id, id).await?;
    found.ok_or_else(|| Fault::not_found(id).into())
}

/// Makes one.
///
/// # Errors
/// 400 for what is no user; 409 when its name or address is another's.
pub async fn create(app: &App, caller: &Caller, body: &Value) -> Result<DirectoryUser, ScimError> {
    let now = app.clock.now();
    let mut resource = canonical_user(body)?;
    let said = take_active(&mut resource);
    let mut record = DirectoryUser {
        id: secret::row_id(now),
        directory_id: caller.directory.id.clone(),
        user_id: None,
        made_user: false,
        active: said.unwrap_or(true),
        resource,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    caller.room(app).await?;
    let mut tx = app.db.begin().await?;
    let effect = match account::begin(&mut tx, app, caller, &mut record, said, now).await {
        Ok(effect) => effect,
        Err(e) => {
            // The address may belong to the very resource that is sent again: its name says so more plainly.
            let twin = directory_users::find_by_user_name(&mut tx, &record.directory_id, record.user_name()).await;
            return Err(if matches!(twin, Ok(Some(_))) { name_taken(&record) } else { e });
        }
    };
    if !directory_users::insert(&mut tx, &record).await? {
        return Err(name_taken(&record));
    }
    if !record.made_user {
        account::open_again(&mut tx, app, caller, &record, now).await?;
    }
    trail::made(&mut tx, app, caller, &record, &effect, now);
    tx.commit().await?;
    // Of somebody new nobody is told anything.
    if !record.made_user {
        app.deliveries.nudge();
    }
    Ok(record)
}

/// Replaces it: what is not sent is cleared, but for `active` (identity-providers B.5).
///
/// # Errors
/// As [`create`]; 404, 412.
pub async fn replace(
    app: &App,
    caller: &Caller,
    id: &str,
    if_match: Option<&Versions>,
    body: &Value,
) -> Result<DirectoryUser, ScimError> {
    let is_out = said::is_out_by_put(body);
    let read = match canonical_user(body) {
        Err(fault) if !is_out => return Err(fault.into()),
        read => read,
    };
    change(app, caller, id, if_match, is_out, |record| {
        let mut resource = read?;
        let active = take_active(&mut resource);
        record.resource = resource;
        record.active = active.unwrap_or(record.active);
        Ok(active)
    })
    .await
}

/// Applies the operations of a PATCH, all or none; but that somebody is out holds also where the others cannot be applied.
///
/// # Errors
/// As [`replace`], and what an operation may be refused for.
pub async fn patch(
    app: &App,
    caller: &Caller,
    id: &str,
    if_match: Option<&Versions>,
    body: &Value,
) -> Result<DirectoryUser, ScimError> {
    let is_out = said::is_out_by_patch(body);
    let operations = match patch::parse(body) {
        Err(fault) if !is_out => return Err(fault.into()),
        read => read,
    };
    change(app, caller, id, if_match, is_out, |record| {
        patch::apply_user(&mut record.resource, &operations?)?;
        let active = take_active(&mut record.resource);
        record.active = active.unwrap_or(record.active);
        Ok(active)
    })
    .await
}

/// Changes it by `edit`, which says what the request says of `active`. Where it says that its person is out (`is_out`), they are,
/// whatever else of it is refused: that is left aside then, in a transaction of its own that knows nothing of it.
async fn change(
    app: &App,
    caller: &Caller,
    id: &str,
    if_match: Option<&Versions>,
    is_out: bool,
    edit: impl FnOnce(&mut DirectoryUser) -> Result<Option<bool>, Fault>,
) -> Result<DirectoryUser, ScimError> {
    let _alone = caller.alone(app, id).await?;
    match write(app, caller, id, if_match, None, edit).await {
        Err(e) if is_out && e.fault.status < 500 => {
            let out = |record: &mut DirectoryUser| {
                record.active = false;
                Ok(Some(false))
            };
            let kept = write(app, caller, id, if_match, Some(&e.fault), out).await?;
            let (why, cause) = (e.fault.detail, e.cause);
            tracing::warn!(record = id, why, cause, "somebody is out, and whatever else the request says is left aside");
            Ok(kept)
        }
        done => done,
    }
}

/// [`change`], as one transaction. `aside` is why nothing was taken of what the request says beside that its person is out.
async fn write(
    app: &App,
    caller: &Caller,
    id: &str,
    if_match: Option<&Versions>,
    aside: Option<&Fault>,
    edit: impl FnOnce(&mut DirectoryUser) -> Result<Option<bool>, Fault>,
) -> Result<DirectoryUser, ScimError> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await?;
    store::users::hold_for_record(&mut tx, &caller.directory.id, id).await?;
    let old = directory_users::find_locked(&mut tx, &caller.directory.id, id).await?;
    let old = old.ok_or_else(|| Fault::not_found(id))?;
    require_version(if_match, old.version)?;
    let mut record = DirectoryUser { updated_at: now, ..old.clone() };
    let said = edit(&mut record)?;
    if record.resource == old.resource && record.active == old.active {
        // It is how it was, and its user may not be: another record of theirs may be gone that had shut them out.
        account::agree(&mut tx, app, caller, &old, said, now).await?;
        tx.commit().await?;
        app.deliveries.nudge();
        return Ok(old);
    }
    let noted = tx.noted();
    let effect = match aside {
        Some(why) => Effect { left_aside: Some(why.detail.clone()), ..account::close(&mut tx, caller, &mut record).await? },
        None => account::follow(&mut tx, app, caller, &old, &mut record, said, now).await?,
    };
    match directory_users::update(&mut tx, &old, &record).await? {
        Updated::Done => {}
        Updated::Taken => return Err(name_taken(&record)),
        Updated::Stale => return Err(stale()),
    }
    account::agree(&mut tx, app, caller, &record, said, now).await?;
    trail::changed(&mut tx, app, caller, (&old, &record), &effect, noted, now);
    tx.commit().await?;
    app.deliveries.nudge();
    Ok(DirectoryUser { version: old.version + 1, ..record })
}

/// Deletes it.
///
/// # Errors
/// 404, 412; 409 for the last administrator.
pub async fn delete(app: &App, caller: &Caller, id: &str, if_match: Option<&Versions>) -> Result<(), ScimError> {
    let now = app.clock.now();
    let _alone = caller.alone(app, id).await?;
    let mut tx = app.db.begin().await?;
    store::directory_groups::hold_of_member(&mut tx, &caller.directory.id, id).await?;
    store::users::hold_for_record(&mut tx, &caller.directory.id, id).await?;
    let record = directory_users::find_locked(&mut tx, &caller.directory.id, id).await?;
    let record = record.ok_or_else(|| Fault::not_found(id))?;
    require_version(if_match, record.version)?;
    let noted = tx.noted();
    account::end(&mut tx, app, caller, &record, now).await?;
    trail::deleted(&mut tx, app, caller, &record, noted, now);
    store::left_records::leave(&mut tx, &record.id, false, now).await?;
    directory_users::delete(&mut tx, &record.directory_id, &record.id, now).await?;
    account::left_to_others(&mut tx, app, caller, &record, now).await?;
    tx.commit().await?;
    app.deliveries.nudge();
    Ok(())
}

/// The column says it: two places for one thing would come apart.
fn take_active(resource: &mut Map<String, Value>) -> Option<bool> {
    resource.remove("active")?.as_bool()
}

fn name_taken(record: &DirectoryUser) -> ScimError {
    Fault::uniqueness(format!("userName {} is already in use", record.user_name())).into()
}

/// Whether the resource is of a version that the caller expects.
///
/// # Errors
/// 412.
pub(super) fn require_version(if_match: Option<&Versions>, version: i64) -> Result<(), ScimError> {
    match if_match {
        Some(expected) if !expected.include(version) => Err(stale()),
        _ => Ok(()),
    }
}

pub(super) fn stale() -> ScimError {
    Fault::new(412, "the resource was changed meanwhile: read it again").into()
}
