//! Whether a record may make a user, and whom it meets instead: somebody whom an operator has shut out, and whom the same
//! `externalId` has stood for.

use super::{caller::Caller, error::ScimError, fault::Fault};
use crate::{
    policy::{
        email::Email,
        provisioning::{Admitted, By, admit},
    },
    store::{self, db::Tx, directory_accounts, directory_users::DirectoryUser, left_records::Locked},
};

/// That a record may make `user_id` a user of this address. An invite lets in one: else a directory would bring in any number of
/// people by the same, and give each another address afterwards.
///
/// # Errors
/// 403 where the tenant takes only who is invited, and they are not.
pub async fn judge(tx: &mut Tx, caller: &Caller, email: &Email, user_id: &str, now: i64) -> Result<Admitted, ScimError> {
    let mode = caller.provisioning;
    if let Ok(admitted) = admit(mode, By::Directory { invited: false }) {
        return Ok(admitted);
    }
    let invited = store::invites::admit(tx, &caller.directory.tenant_id, email, user_id, now).await?;
    admit(mode, By::Directory { invited }).map_err(|refusal| {
        let detail = format!(
            "tenant {} takes only who is invited (provisioning: {}), and {} has no open invite, or one that has let \
             in somebody else: invite them first, or let a directory \
             bring people in (provisioning: scim, or jit beside it)",
            caller.tenant,
            mode.as_str(),
            email.as_str()
        );
        ScimError { cause: refusal.to_string(), ..Fault::new(403, detail).into() }
    })
}

/// The user whom this directory has brought in under the record's `externalId` before, and whom an operator has shut out since:
/// the record stands for them, and the lock holds.
///
/// # Errors
/// 409 where another record says that it is theirs: then an operator must let them in first.
pub async fn locked(tx: &mut Tx, caller: &Caller, record: &DirectoryUser) -> Result<Option<Locked>, ScimError> {
    let Some(external_id) = record.external_id().filter(|id| !id.is_empty()) else { return Ok(None) };
    let directory = &caller.directory;
    let all = store::left_records::met(tx, &directory.id, directory.connection_id.as_deref(), external_id).await?;
    let others = all.into_iter().filter(|locked| record.user_id.as_ref() != Some(&locked.user_id));
    let Some(first) = others.into_iter().next() else { return Ok(None) };
    let is_free = first.is_own && record.user_id.is_none();
    if !is_free || directory_accounts::has_record(&mut *tx, &first.user_id, &directory.id).await? {
        let detail = "an operator has shut out the user of this externalId, whom another record stands for, or one of a directory \
                      that is gone: an operator must let them in, or delete them, before anybody else can have it";
        let cause = format!("user {}, record {}", first.user_id, record.id);
        return Err(ScimError { cause, ..Fault::uniqueness(detail).into() });
    }
    tracing::warn!(user = first.user_id, record = record.id, "a directory brings in again whom an operator has shut out");
    Ok(Some(first))
}
