//! What a transaction has noted, and how its commit writes it: under one turn at the log's end, however much it is.

use super::{Actor, Entry, Event, chain, marks::Mark};
use crate::{
    params,
    seal::{ChainKey, Sealer},
    store::{
        db::{Result, StoreError, Tx},
        read_json,
        statement::Statement,
    },
};

/// Entries that one statement inserts: eleven values each.
const AT_ONCE: usize = 200;

/// What a transaction has noted so far.
#[derive(Debug, Default)]
pub struct Ledger {
    key: Option<ChainKey>,
    rows: Vec<Row>,
}

/// An entry as it is stored.
#[derive(Clone, Debug, Default, sqlx::FromRow)]
pub struct Row {
    pub seq: i64,
    pub at: i64,
    pub tenant_id: Option<String>,
    pub actor: String,
    pub actor_id: Option<String>,
    pub via: String,
    pub address: Option<String>,
    pub action: String,
    pub subject: String,
    pub changes: String,
    pub mac: String,
}

impl TryFrom<Row> for Entry {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            changes: read_json("audit entry", &row.changes)?,
            seq: row.seq,
            at: row.at,
            tenant_id: row.tenant_id,
            actor: row.actor,
            actor_id: row.actor_id,
            via: row.via,
            address: row.address,
            action: row.action,
            subject: row.subject,
            mac: row.mac,
        })
    }
}

impl Ledger {
    pub(super) fn note(&mut self, sealer: &Sealer, actor: &Actor, event: Event, now: i64) {
        self.key.get_or_insert_with(|| sealer.chain_key());
        self.rows.push(Row {
            at: now,
            tenant_id: event.tenant_id,
            actor: actor.name.clone(),
            actor_id: actor.id.clone(),
            via: actor.via.as_str().to_owned(),
            address: actor.address.clone(),
            action: event.action.as_str().to_owned(),
            subject: event.subject,
            changes: event.changes.written(),
            ..Row::default()
        });
    }

    /// How many entries were noted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Writes them behind the log's last entry, which this locks.
    ///
    /// # Errors
    /// What the database says.
    pub async fn write(self, tx: &mut Tx) -> Result<()> {
        let Self { key: Some(key), mut rows } = self else { return Ok(()) };
        let end = Mark::END.locked(tx).await?;
        let mut previous = if end.fits(&key) {
            end.mac.clone()
        } else {
            // The end was moved by somebody who has not got the key. Going on from it as if it were ours would hide that: so the
            // next entry fits nothing, and verification names it for as long as it is kept.
            tracing::error!(seq = end.seq, "the audit log's end is not what was written: see `gatehouse audit verify`");
            format!("moved:{}", end.mac)
        };
        let mut seq = end.seq;
        for row in &mut rows {
            seq += 1;
            row.seq = seq;
            row.mac = chain::link(&key, row, &previous);
            previous.clone_from(&row.mac);
        }
        for rows in rows.chunks(AT_ONCE) {
            tx.run(&insertion(rows)).await?;
        }
        end.moved(tx, &key, seq, &previous).await
    }
}

fn insertion(rows: &[Row]) -> Statement<'_> {
    let mut sql = Statement::new(
        "INSERT INTO audit (seq, at, tenant_id, actor, actor_id, via, address, action, subject, changes, mac) VALUES ",
    );
    for (n, row) in rows.iter().enumerate() {
        sql.push(if n == 0 { "(" } else { ", (" });
        sql.bind_each(
            params![
                row.seq,
                row.at,
                &row.tenant_id,
                &row.actor,
                &row.actor_id,
                &row.via,
                &row.address,
                &row.action,
                &row.subject,
                &row.changes,
                &row.mac,
            ]
            .iter()
            .copied(),
        );
        sql.push(")");
    }
    sql
}
