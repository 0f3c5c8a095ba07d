//! What is old goes, from the beginning, and the chain stays: the mac of the last that went is kept in a sealed row.

use super::{
    marks::Mark,
    verification::{CHUNK, Last, chunk},
};
use crate::{
    params,
    seal::Sealer,
    store::db::{Db, Result},
};

/// Lets the oldest entries go that were made at `before` (unix seconds) or earlier, a chunk of them; how many that were.
///
/// Only entries that fit go. Whoever alters the times of entries, to have them swept away with their traces, makes them fit
/// no more: then they stay, with an error in the log.
///
/// # Errors
/// What the database says.
pub async fn retain(db: &Db, sealer: &Sealer, before: i64) -> Result<u64> {
    // Looked at without a lock first: as a rule there is nothing.
    if chunk(db, 0, 1).await?.first().is_none_or(|row| row.at > before) {
        return Ok(0);
    }
    let key = sealer.chain_key();
    let mut tx = db.begin().await?;
    let beginning = Mark::BEGINNING.locked(&mut tx).await?;
    let mut last = Last { seq: beginning.seq, mac: beginning.mac.clone() };
    let rows = chunk(&mut tx, beginning.seq, CHUNK).await?;
    let old = rows.iter().take_while(|row| row.at <= before);
    let mut fits = beginning.fits(&key);
    for row in old {
        fits = fits && last.follow(&key, row).is_ok();
    }
    if !fits {
        tracing::error!(
            seq = last.seq + 1,
            "the audit log is not what was written, so nothing of it is swept: see `gatehouse audit verify`"
        );
        return Ok(0);
    }
    if last.seq == beginning.seq {
        return Ok(0);
    }
    let gone = tx.execute("DELETE FROM audit WHERE seq <= $1", params![last.seq]).await?;
    beginning.moved(&mut tx, &key, last.seq, &last.mac).await?;
    tx.commit().await?;
    Ok(gone)
}
