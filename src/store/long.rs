//! Statements that look at much: they end at their time, and with whoever asked. Else a search that nobody waits for any
//! more would keep one of the few connections that read, and four of them everybody's.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sqlx::{PgPool, Sqlite, SqlitePool, pool::PoolConnection};
use tokio::time::Instant;

use super::{
    db::{Db, Pools, Result, Row, StoreError, lite_made, pg, pg_made},
    statement::Statement,
};
use crate::params;

/// After so many steps of its machine SQLite asks whether it is to go on: some hundred times a second at the least.
const STEPS: i32 = 20_000;

impl Db {
    /// As [`Db::select`], for a statement that may take long: it is ended after `time`, and on SQLite as soon as nobody waits
    /// for it.
    ///
    /// # Errors
    /// What the database says; [`StoreError::is_too_long`] when the time was over.
    pub async fn search<T: Row>(&self, statement: &Statement<'_>, time: Duration) -> Result<Vec<T>> {
        match self.pools() {
            Pools::Sqlite { reader, .. } => lite(reader, statement, time).await,
            Pools::Postgres(pool) => postgres(pool, statement, time).await,
        }
    }
}

impl StoreError {
    /// Whether a statement was ended because it took too long.
    #[must_use]
    pub fn is_too_long(&self) -> bool {
        // SQLITE_INTERRUPT; query_canceled.
        let code = |e: &sqlx::Error| e.as_database_error().and_then(|e| e.code()).map(std::borrow::Cow::into_owned);
        matches!(self, Self::Database(e) if matches!(code(e).as_deref(), Some("9" | "57014")))
    }
}

/// A connection whose statement is watched. One that is given up in the middle ends its statement, and is closed: what came
/// next on it would be ended too.
struct Watched {
    connection: PoolConnection<Sqlite>,
    given_up: Arc<AtomicBool>,
    done: bool,
}

impl Watched {
    async fn begin(connection: PoolConnection<Sqlite>, time: Duration) -> Result<Self> {
        let given_up = Arc::new(AtomicBool::new(false));
        let mut watched = Self { connection, given_up: Arc::clone(&given_up), done: false };
        let until = Instant::now() + time;
        let mut handle = watched.connection.lock_handle().await?;
        handle.set_progress_handler(STEPS, move || !given_up.load(Ordering::Relaxed) && Instant::now() < until);
        drop(handle);
        Ok(watched)
    }

    async fn end(mut self) -> Result<()> {
        self.connection.lock_handle().await?.remove_progress_handler();
        self.done = true;
        Ok(())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if !self.done {
            self.given_up.store(true, Ordering::Relaxed);
            self.connection.close_on_drop();
        }
    }
}

async fn lite<T: Row>(pool: &SqlitePool, statement: &Statement<'_>, time: Duration) -> Result<Vec<T>> {
    let mut watched = Watched::begin(pool.acquire().await?, time).await?;
    let rows = lite_made(statement)?.fetch_all(&mut *watched.connection).await;
    watched.end().await?;
    rows?.iter().map(|row| T::from_row(row).map_err(StoreError::from)).collect()
}

async fn postgres<T: Row>(pool: &PgPool, statement: &Statement<'_>, time: Duration) -> Result<Vec<T>> {
    let mut tx = pool.begin().await?;
    let time = format!("{}ms", time.as_millis().max(1));
    pg("SELECT set_config('statement_timeout', $1, TRUE)", params![&time])?.execute(&mut *tx).await?;
    let rows = pg_made(statement)?.fetch_all(&mut *tx).await?;
    tx.commit().await?;
    rows.iter().map(|row| T::from_row(row).map_err(StoreError::from)).collect()
}
