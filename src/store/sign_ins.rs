//! The end of one sign-in, by the name it has in tokens (`sid`).

use super::{
    codes,
    db::{Result, Tx},
    families, logouts,
    provider_sessions::{self, Row as ProviderSession},
    sessions,
};
use crate::seal::Sealer;

/// Ends everything that one sign-in gave, and queues what its clients are told. Gives the session at a provider that it
/// rested on: to one caller only, who may end that one too.
///
/// # Errors
/// What the database says: then nothing has ended.
pub async fn end(tx: &mut Tx, sealer: &Sealer, sid: &str, now: i64) -> Result<Option<ProviderSession>> {
    // Codes first: a redemption under way either finds its code gone, or has made its family by then.
    codes::burn_of_sid(tx, sid).await?;
    logouts::queue_of_sid(tx, sealer, sid, now).await?;
    families::revoke_of_sid(tx, sid, now).await?;
    sessions::delete_of_sid(tx, sid).await?;
    tx.news().access = true;
    provider_sessions::take(tx, sid, now).await
}
