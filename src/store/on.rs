//! What a store function runs on: the database or an open transaction, by one spelling.

use std::time::Duration;

use super::{
    db::{Db, Param, Result, Row, Tx},
    statement::Statement,
    window::Window,
};
use crate::params;

/// The database, or a transaction of it. Functions take `impl Into<On>`: callers pass `&db` or `&mut tx`.
#[derive(Debug)]
pub enum On<'a> {
    /// Each statement by itself.
    Db(&'a Db),
    /// Together with the transaction's other statements.
    Tx(&'a mut Tx),
    /// Each statement by itself, and each read ended after this time ([`Db::search`]).
    Within(&'a Db, Duration),
}

impl Db {
    /// The database for whoever may have to read much: each read is ended after this time.
    #[must_use]
    pub fn within(&self, time: Duration) -> On<'_> {
        On::Within(self, time)
    }
}

impl<'a> From<&'a Db> for On<'a> {
    fn from(db: &'a Db) -> Self {
        Self::Db(db)
    }
}

impl<'a> From<&'a mut Tx> for On<'a> {
    fn from(tx: &'a mut Tx) -> Self {
        Self::Tx(tx)
    }
}

impl<'a> From<&'a mut On<'_>> for On<'a> {
    fn from(on: &'a mut On<'_>) -> Self {
        match on {
            On::Db(db) => Self::Db(db),
            On::Tx(tx) => Self::Tx(tx),
            On::Within(db, time) => Self::Within(db, *time),
        }
    }
}

impl On<'_> {
    /// As [`Db::execute`].
    ///
    /// # Errors
    /// What the database says.
    pub async fn execute(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<u64> {
        match self {
            Self::Db(db) | Self::Within(db, _) => db.execute(sql, params).await,
            Self::Tx(tx) => tx.execute(sql, params).await,
        }
    }

    /// As [`On::execute`], where decisions are made of what is changed: who remembers one on this node forgets it
    /// ([`Db::revision`]).
    ///
    /// # Errors
    /// What the database says.
    pub async fn alter(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<u64> {
        let rows = self.execute(sql, params).await?;
        if rows > 0 {
            match self {
                Self::Db(db) | Self::Within(db, _) => db.changed(),
                Self::Tx(tx) => tx.changed(),
            }
        }
        Ok(rows)
    }

    /// As [`On::alter`], where every node keeps what is changed in memory: each reads it anew (`store::revisions`). The
    /// statement returns (`RETURNING`) the row id of the tenant of each row that it changes.
    ///
    /// # Errors
    /// What the database says.
    pub async fn publish(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<u64> {
        match self {
            Self::Tx(tx) => publish(tx, sql, params).await,
            Self::Db(db) | Self::Within(db, _) => {
                // One transaction: a change whose version nobody sees would never reach the other nodes.
                let mut tx = db.begin().await?;
                let rows = publish(&mut tx, sql, params).await?;
                tx.commit().await?;
                Ok(rows)
            }
        }
    }

    /// As [`Db::optional`].
    ///
    /// # Errors
    /// What the database says.
    pub async fn optional<T: Row>(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<Option<T>> {
        match self {
            Self::Db(db) => db.optional(sql, params).await,
            Self::Tx(tx) => tx.optional(sql, params).await,
            Self::Within(db, time) => Ok(db.search(&Statement::whole(sql, params), *time).await?.into_iter().next()),
        }
    }

    /// As [`Db::all`].
    ///
    /// # Errors
    /// What the database says.
    pub async fn all<T: Row>(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<T>> {
        match self {
            Self::Db(db) => db.all(sql, params).await,
            Self::Tx(tx) => tx.all(sql, params).await,
            Self::Within(db, time) => db.search(&Statement::whole(sql, params), *time).await,
        }
    }

    /// All rows of one tenant (`$1` of `of_one`), or of all.
    ///
    /// # Errors
    /// What the database says.
    pub async fn all_of<T: Row>(&mut self, tenant_id: Option<&str>, of_one: &'static str, all: &'static str) -> Result<Vec<T>> {
        match tenant_id {
            Some(id) => self.all(of_one, params![id]).await,
            None => self.all(all, &[]).await,
        }
    }

    /// As [`Db::change`].
    ///
    /// # Errors
    /// What the database says.
    pub async fn change<T: Row>(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<Option<T>> {
        match self {
            Self::Db(db) | Self::Within(db, _) => db.change(sql, params).await,
            // In a transaction every read is the writer's.
            Self::Tx(tx) => tx.optional(sql, params).await,
        }
    }

    /// As [`Db::select`].
    ///
    /// # Errors
    /// What the database says.
    pub async fn select<T: Row>(&mut self, statement: &Statement<'_>) -> Result<Vec<T>> {
        match self {
            Self::Db(db) => db.select(statement).await,
            Self::Tx(tx) => tx.select(statement).await,
            Self::Within(db, time) => db.search(statement, *time).await,
        }
    }

    /// A part of a list, which is ended at its time where much may have to be looked at ([`Window::time`]).
    ///
    /// # Errors
    /// What the database says.
    pub(super) async fn part<T: Row>(&mut self, window: &Window<'_>, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<T>> {
        match (&*self, window.time()) {
            (Self::Db(_), Some(_)) => self.search(&Statement::whole(sql, params), window.time()).await,
            _ => self.all(sql, params).await,
        }
    }

    /// As [`Db::search`], if it is not to take longer than `time`. In a transaction, which nobody else waits for, it may.
    ///
    /// # Errors
    /// What the database says.
    pub async fn search<T: Row>(&mut self, statement: &Statement<'_>, time: Option<Duration>) -> Result<Vec<T>> {
        match (self, time) {
            (Self::Db(db), Some(time)) => db.search(statement, time).await,
            (Self::Within(db, most), Some(time)) => db.search(statement, time.min(*most)).await,
            (on, _) => on.select(statement).await,
        }
    }
}

async fn publish(tx: &mut Tx, sql: &'static str, params: &[Param<'_>]) -> Result<u64> {
    debug_assert!(sql.contains("RETURNING"), "whose rows change: {sql}");
    let tenants: Vec<(String,)> = tx.all(sql, params).await?;
    let rows = tenants.len();
    if rows > 0 {
        tx.news().catalogue.extend(tenants.into_iter().map(|(id,)| id));
        tx.changed();
    }
    Ok(u64::try_from(rows).unwrap_or(u64::MAX))
}
