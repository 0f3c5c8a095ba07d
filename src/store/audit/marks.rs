//! Where the log ends and where it begins: two rows, each sealed, so that whoever cuts entries off at either end cannot make
//! the row fit. (Whoever puts a whole older state of the database back can: only a note kept elsewhere tells.)

use super::chain;
use crate::{
    params,
    seal::ChainKey,
    secret,
    store::{
        db::{Result, StoreError, Tx},
        on::On,
        statement::Statement,
    },
};

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
    /// Whether it is what was written by somebody with the key. Before the first entry there is nothing to seal.
    pub fn fits(&self, key: &ChainKey) -> bool {
        let is_new = self.seq == 0 && self.mac.is_empty() && self.seal.is_empty();
        is_new || secret::same(&chain::seal(key, self.name, self.seq, &self.mac), &self.seal)
    }

    /// Has it name another entry.
    pub async fn moved(&self, tx: &mut Tx, key: &ChainKey, seq: i64, mac: &str) -> Result<()> {
        let sql = "UPDATE audit_head SET seq = $2, mac = $3, seal = $4 WHERE id = $1";
        tx.execute(sql, params![self.mark, seq, mac, &chain::seal(key, self.name, seq, mac)]).await.map(|_| ())
    }
}
