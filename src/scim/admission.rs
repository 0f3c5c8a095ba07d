//! Whether a record may make a user.

use super::{caller::Caller, error::ScimError, fault::Fault};
use crate::{
    policy::{
        email::Email,
        provisioning::{Admitted, By, admit},
    },
    store::{self, db::Tx},
};

/// That a record may make a user of this address.
///
/// # Errors
/// 403 where the tenant takes only who is invited, and they are not.
pub async fn judge(tx: &mut Tx, caller: &Caller, email: &Email, now: i64) -> Result<Admitted, ScimError> {
    let mode = caller.provisioning;
    if let Ok(admitted) = admit(mode, By::Directory { invited: false }) {
        return Ok(admitted);
    }
    let invited = store::invites::is_open(tx, &caller.directory.tenant_id, email, now).await?;
    admit(mode, By::Directory { invited }).map_err(|refusal| {
        let detail = format!(
            "tenant {} takes only who is invited (provisioning: {}), and {} has no open invite: invite them first, or let a \
             directory bring people in (provisioning: scim, or jit beside it)",
            caller.tenant,
            mode.as_str(),
            email.as_str()
        );
        ScimError { cause: refusal.to_string(), ..Fault::new(403, detail).into() }
    })
}
