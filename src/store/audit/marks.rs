//! Where the log ends and where it begins: two rows, each sealed, so that whoever cuts entries off at either end cannot make
//! the row fit. (Whoever puts a whole older state of the database back can: only a note kept elsewhere tells.)

use super::chain;
use crate::{
    params,
    seal::{ChainKey, Sealer},
    secret,
    store::{
        db::{Result, StoreError, Tx},
        on::On,
        statement::Statement,
    },
};

/// Seals both marks of a log without entries, or one whose beginning was never moved: once, by whoever makes the database or
/// brings it up from a version that sealed no empty log (`meta::check_master_key` knows). From then on a mark without a seal is
/// somebody else's, who has wiped the log.
///
/// # Errors
/// What the database says.
pub async fn establish(tx: &mut Tx, sealer: &Sealer) -> Result<()> {
    let key = sealer.chain_key();
    for mark in [Mark::END, Mark::BEGINNING] {
        let there = mark.locked(tx).await?;
        if there.seq == 0 && there.mac.is_empty() && there.seal.is_empty() {
            there.moved(tx, &key, 0, "").await?;
        }
    }
    Ok(())
}

/// One of the two.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    id: i64,
    name: &'static str,
}

/// Which entry it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    mark: i64,
    name: &'static str,
    /// The entry; 0 is before the first there ever was.
    pub seq: i64,
    /// Its mac.
    pub mac: String,
    seal: String,
}

#[derive(sqlx::FromRow)]
struct Stored {
    seq: i64,
    mac: String,
    seal: String,
}

impl Mark {
    /// The last entry; writers take turns at it.
    pub const END: Self = Self { id: 1, name: "end" };
    /// The last entry that is no longer kept.
    pub const BEGINNING: Self = Self { id: 2, name: "beginning" };

    pub async fn read(self, on: impl Into<On<'_>>) -> Result<Marked> {
        let row = on.into().optional("SELECT seq, mac, seal FROM audit_head WHERE id = $1", params![self.id]).await?;
        self.marked(row)
    }

    /// The same, and nobody else moves it until the transaction ends.
    pub async fn locked(self, tx: &mut Tx) -> Result<Marked> {
        let mut sql = Statement::new("SELECT seq, mac, seal FROM audit_head WHERE id = ");
        sql.bind(self.id).locked();
        let row = tx.select(&sql).await?.pop();
        self.marked(row)
    }

    fn marked(self, row: Option<Stored>) -> Result<Marked> {
        let Stored { seq, mac, seal } =
            row.ok_or_else(|| StoreError::Corrupt("audit log", format!("its {} is gone", self.name)))?;
        Ok(Marked { mark: self.id, name: self.name, seq, mac, seal })
    }
}

impl Marked {
    /// Whether it is what was written by somebody with the key.
    pub fn fits(&self, key: &ChainKey) -> bool {
        secret::same(&chain::seal(key, self.name, self.seq, &self.mac), &self.seal)
    }

    /// Has it name another entry.
    pub async fn moved(&self, tx: &mut Tx, key: &ChainKey, seq: i64, mac: &str) -> Result<()> {
        let sql = "UPDATE audit_head SET seq = $2, mac = $3, seal = $4 WHERE id = $1";
        tx.execute(sql, params![self.mark, seq, mac, &chain::seal(key, self.name, seq, mac)]).await.map(|_| ())
    }
}
