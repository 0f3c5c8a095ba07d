//! Two databases, one SQL: sqlx's native pools behind a few verbs, alone or in a transaction.
//!
//! Not `sqlx::Any`: it cannot read BOOLEAN on SQLite. SQLite has one writing connection and several reading ones; a
//! write through [`Db::execute`] while a [`Tx`] is open waits for it, so what belongs to a transaction goes through it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sqlx::{
    Arguments as _, Connection as _, FromRow, PgPool, Postgres, Sqlite, SqlitePool,
    migrate::{Migration, MigrationType, Migrator},
    postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow},
    sqlite::{SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous},
};
use tokio::time::{Instant, sleep};

use super::{audit::Ledger, revisions::News, statement::Statement};

/// What can go wrong in the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database said no, or nothing.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// A migration failed.
    #[error("database migration: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A stored value is not what this version wrote.
    #[error("stored {0} is unreadable: {1}")]
    Corrupt(&'static str, String),
    /// A sealed value does not open.
    #[error("stored {0}: {1}")]
    Sealed(&'static str, crate::seal::SealError),
    /// The URL names no database we know.
    #[error("the database URL must begin with sqlite:, postgres: or postgresql:")]
    UnknownScheme,
}

impl StoreError {
    /// Whether a unique or primary key stood in the way.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(e)) if e.is_unique_violation())
    }

    /// Whether something that was to be pointed to is not there: it was when we looked, and somebody has deleted it since.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Database(sqlx::Error::Database(e)) if e.is_foreign_key_violation())
    }
}

/// The store's result.
pub type Result<T> = std::result::Result<T, StoreError>;

/// One bound parameter: the whole type system of the store, on purpose.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Param<'a> {
    Text(Option<&'a str>),
    Int(Option<i64>),
    Bool(Option<bool>),
}

macro_rules! param_from {
    ($($t:ty => $v:ident),*) => {$(
        impl<'a> From<$t> for Param<'a> { fn from(x: $t) -> Self { Param::$v(Some(x)) } }
        impl<'a> From<Option<$t>> for Param<'a> { fn from(x: Option<$t>) -> Self { Param::$v(x) } }
    )*};
}
param_from!(&'a str => Text, i64 => Int, bool => Bool);
impl<'a> From<&'a String> for Param<'a> {
    fn from(x: &'a String) -> Self {
        Param::Text(Some(x))
    }
}
impl<'a> From<&'a Option<String>> for Param<'a> {
    fn from(x: &'a Option<String>) -> Self {
        Param::Text(x.as_deref())
    }
}

/// Builds the parameter list of a statement.
#[macro_export]
macro_rules! params {
    ($($e:expr),* $(,)?) => { &[$($crate::store::db::Param::from($e)),*][..] };
}

/// A row that both databases can read; `#[derive(sqlx::FromRow)]` is enough.
pub trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}
impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// The database. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Db {
    pools: Pools,
    revision: Arc<AtomicU64>,
}

#[derive(Clone, Debug)]
pub(super) enum Pools {
    /// Embedded: one file, one connection that writes, several that read.
    Sqlite { writer: SqlitePool, reader: SqlitePool },
    /// For several nodes.
    Postgres(PgPool),
}

/// An open transaction: `commit`, or drop to roll back.
#[derive(Debug)]
pub struct Tx {
    open: Open,
    revision: Arc<AtomicU64>,
    changed: bool,
    news: News,
    ledger: Ledger,
}

#[derive(Debug)]
enum Open {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

const WAIT: Duration = Duration::from_secs(5);
/// How long a connection of PostgreSQL may lie idle before it is tried out.
const RESTED: Duration = Duration::from_secs(1);
/// How long a start waits for another process that opens or migrates the same SQLite file.
const PATIENCE: Duration = Duration::from_secs(60);

impl Db {
    /// Opens `sqlite://PATH` (made when missing) or `postgres://…`. Acknowledged writes survive a kill of the process
    /// and of the machine: SQLite runs in WAL mode with `synchronous = FULL`.
    ///
    /// # Errors
    /// When the URL or the database is unusable.
    pub async fn connect(url: &str) -> Result<Self> {
        if url.starts_with("sqlite:") {
            let options: SqliteConnectOptions = url.parse()?;
            let options = options
                .create_if_missing(true)
                .foreign_keys(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(WAIT)
                .pragma("cache_size", "-4000");
            // A file does not go away, so no connection is tried out before each use: that would double the time of a read.
            let pool = || SqlitePoolOptions::new().acquire_timeout(WAIT).test_before_acquire(false);
            let writer = pool().max_connections(1);
            // A new file is switched to WAL by whoever opens it first; another who tries at that moment is told, without
            // any wait, that it is busy.
            let writer = while_busy(|| writer.clone().connect_with(options.clone())).await?;
            let reader = pool().max_connections(4).min_connections(0);
            Ok(Self::over(Pools::Sqlite { writer, reader: reader.connect_lazy_with(options.read_only(true)) }))
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let options: PgConnectOptions = url.parse()?;
            // Only a connection that has rested may have died: trying out each before each use would double the time of a read.
            let pool = PgPoolOptions::new().max_connections(16).acquire_timeout(WAIT).test_before_acquire(false);
            let pool = pool.before_acquire(|connection, meta| {
                Box::pin(async move { if meta.idle_for < RESTED { Ok(true) } else { connection.ping().await.map(|()| true) } })
            });
            Ok(Self::over(Pools::Postgres(pool.connect_with(options.application_name("gatehouse")).await?)))
        } else {
            Err(StoreError::UnknownScheme)
        }
    }

    pub(super) fn pools(&self) -> &Pools {
        &self.pools
    }

    fn over(pools: Pools) -> Self {
        Self { pools, revision: Arc::default() }
    }

    /// Grows whenever this node has changed something that decisions are made of: whoever remembers a decision compares it.
    /// Changes of other nodes do not show here.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision.load(Ordering::SeqCst)
    }

    /// Notes that something has changed that decisions are made of.
    pub fn changed(&self) {
        self.revision.fetch_add(1, Ordering::SeqCst);
    }

    /// Brings the schema up to date, under a lock so that processes starting together do not race: on PostgreSQL sqlx
    /// takes an advisory lock; on SQLite it takes none, so everything runs in one transaction that holds the write lock
    /// from its beginning. A database that a newer gatehouse has migrated is refused.
    ///
    /// # Errors
    /// When a migration fails.
    pub async fn migrate(&self) -> Result<()> {
        match &self.pools {
            Pools::Sqlite { writer, .. } => {
                let migrator = Migrator::with_migrations(migrations(str::to_owned));
                let mut tx = while_busy(|| writer.begin_with("BEGIN IMMEDIATE")).await?;
                // As `run`, whose future is not `Send` with a borrowed connection.
                migrator.run_direct(None, &mut *tx, false).await?;
                tx.commit().await?;
            }
            Pools::Postgres(pool) => {
                // To SQLite these lines are comments.
                let migrator = Migrator::with_migrations(migrations(|text| text.replace("\n--postgres ", "\n")));
                migrator.run(pool).await?;
            }
        }
        Ok(())
    }

    /// Begins a transaction that may write (`BEGIN IMMEDIATE` on SQLite).
    ///
    /// # Errors
    /// When the database is busy or gone.
    pub async fn begin(&self) -> Result<Tx> {
        let open = match &self.pools {
            Pools::Sqlite { writer, .. } => Open::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
            Pools::Postgres(pool) => Open::Postgres(pool.begin().await?),
        };
        Ok(self.tx(open))
    }

    /// Begins a transaction that only reads, and sees nothing of what is changed meanwhile.
    ///
    /// # Errors
    /// When the database is gone.
    pub async fn snapshot(&self) -> Result<Tx> {
        let open = match &self.pools {
            Pools::Sqlite { reader, .. } => Open::Sqlite(reader.begin().await?),
            Pools::Postgres(pool) => Open::Postgres(pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?),
        };
        Ok(self.tx(open))
    }

    fn tx(&self, open: Open) -> Tx {
        Tx { open, revision: Arc::clone(&self.revision), changed: false, news: News::default(), ledger: Ledger::default() }
    }

    /// Runs a statement; the number of rows it changed.
    ///
    /// # Errors
    /// What the database says.
    pub async fn execute(&self, sql: &'static str, params: &[Param<'_>]) -> Result<u64> {
        Ok(match &self.pools {
            Pools::Sqlite { writer, .. } => lite(sql, params)?.execute(writer).await?.rows_affected(),
            Pools::Postgres(pool) => pg(sql, params)?.execute(pool).await?.rows_affected(),
        })
    }

    /// Reads at most one row.
    ///
    /// # Errors
    /// What the database says.
    pub async fn optional<T: Row>(&self, sql: &'static str, params: &[Param<'_>]) -> Result<Option<T>> {
        Ok(match &self.pools {
            Pools::Sqlite { reader, .. } => {
                lite(sql, params)?.fetch_optional(reader).await?.map(|r| T::from_row(&r)).transpose()?
            }
            Pools::Postgres(pool) => pg(sql, params)?.fetch_optional(pool).await?.map(|r| T::from_row(&r)).transpose()?,
        })
    }

    /// Reads all rows.
    ///
    /// # Errors
    /// What the database says.
    pub async fn all<T: Row>(&self, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<T>> {
        match &self.pools {
            Pools::Sqlite { reader, .. } => {
                let rows = lite(sql, params)?.fetch_all(reader).await?;
                rows.iter().map(|r| T::from_row(r).map_err(StoreError::from)).collect()
            }
            Pools::Postgres(pool) => {
                let rows = pg(sql, params)?.fetch_all(pool).await?;
                rows.iter().map(|r| T::from_row(r).map_err(StoreError::from)).collect()
            }
        }
    }

    /// Reads all rows of a statement made at run time.
    ///
    /// # Errors
    /// What the database says.
    pub async fn select<T: Row>(&self, statement: &Statement<'_>) -> Result<Vec<T>> {
        match &self.pools {
            Pools::Sqlite { reader, .. } => {
                let rows = lite_made(statement)?.fetch_all(reader).await?;
                rows.iter().map(|r| T::from_row(r).map_err(StoreError::from)).collect()
            }
            Pools::Postgres(pool) => {
                let rows = pg_made(statement)?.fetch_all(pool).await?;
                rows.iter().map(|r| T::from_row(r).map_err(StoreError::from)).collect()
            }
        }
    }

    /// Runs a statement that changes at most one row and returns it (`… RETURNING`).
    ///
    /// # Errors
    /// What the database says.
    pub async fn change<T: Row>(&self, sql: &'static str, params: &[Param<'_>]) -> Result<Option<T>> {
        Ok(match &self.pools {
            Pools::Sqlite { writer, .. } => {
                lite(sql, params)?.fetch_optional(writer).await?.map(|r| T::from_row(&r)).transpose()?
            }
            Pools::Postgres(pool) => pg(sql, params)?.fetch_optional(pool).await?.map(|r| T::from_row(&r)).transpose()?,
        })
    }

    /// Closes every connection; on SQLite this folds the WAL into the file.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { writer, reader } => {
                reader.close().await;
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}

impl Tx {
    /// As [`Db::execute`].
    ///
    /// # Errors
    /// What the database says.
    pub async fn execute(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<u64> {
        Ok(match &mut self.open {
            Open::Sqlite(tx) => lite(sql, params)?.execute(&mut **tx).await?.rows_affected(),
            Open::Postgres(tx) => pg(sql, params)?.execute(&mut **tx).await?.rows_affected(),
        })
    }

    /// As [`Db::optional`].
    ///
    /// # Errors
    /// What the database says.
    pub async fn optional<T: Row>(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<Option<T>> {
        Ok(match &mut self.open {
            Open::Sqlite(tx) => lite(sql, params)?.fetch_optional(&mut **tx).await?.map(|r| T::from_row(&r)).transpose()?,
            Open::Postgres(tx) => pg(sql, params)?.fetch_optional(&mut **tx).await?.map(|r| T::from_row(&r)).transpose()?,
        })
    }

    /// As [`Db::all`].
    ///
    /// # Errors
    /// What the database says.
    pub async fn all<T: Row>(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<T>> {
        match &mut self.open {
            Open::Sqlite(tx) => {
                let rows = lite(sql, params)?.fetch_all(&mut **tx).await?;
                rows.iter().map(|r| T::from_row(r).map_err(StoreError::from)).collect()
            }
            Open::Postgres(tx) => {
                let rows = pg(sql, params)?.fetch_all(&mut **tx).await?;
                rows.iter().map(|r| T::from_row(r).map_err(StoreError::from)).collect()
            }
        }
    }

    /// As [`Db::select`].
    ///
    /// # Errors
    /// What the database says.
    pub async fn select<T: Row>(&mut self, statement: &Statement<'_>) -> Result<Vec<T>> {
        match &mut self.open {
            Open::Sqlite(tx) => {
                let rows = lite_made(statement)?.fetch_all(&mut **tx).await?;
                rows.iter().map(|r| T::from_row(r).map_err(StoreError::from)).collect()
            }
            Open::Postgres(tx) => {
                let rows = pg_made(statement)?.fetch_all(&mut **tx).await?;
                rows.iter().map(|r| T::from_row(r).map_err(StoreError::from)).collect()
            }
        }
    }

    /// Runs a statement made at run time; the number of rows it changed.
    ///
    /// # Errors
    /// What the database says.
    pub async fn run(&mut self, statement: &Statement<'_>) -> Result<u64> {
        Ok(match &mut self.open {
            Open::Sqlite(tx) => lite_made(statement)?.execute(&mut **tx).await?.rows_affected(),
            Open::Postgres(tx) => pg_made(statement)?.execute(&mut **tx).await?.rows_affected(),
        })
    }

    /// Waits until no other transaction is at `what`, and has others wait from then on until this one ends. On SQLite each
    /// transaction is alone anyway.
    ///
    /// # Errors
    /// What the database says.
    pub async fn be_alone(&mut self, what: &str) -> Result<()> {
        if let Open::Postgres(tx) = &mut self.open {
            pg("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", crate::params![what])?.execute(&mut **tx).await?;
        }
        Ok(())
    }

    /// As [`Db::changed`], once the transaction is committed.
    pub fn changed(&mut self) {
        self.changed = true;
    }

    /// What every node hears of with the commit.
    pub fn news(&mut self) -> &mut News {
        &mut self.news
    }

    /// What is written into the audit log with the commit.
    pub(super) fn ledger(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    /// How many entries of the audit log it has noted.
    #[must_use]
    pub fn noted(&self) -> usize {
        self.ledger.len()
    }

    /// Makes the changes real.
    ///
    /// # Errors
    /// What the database says.
    pub async fn commit(mut self) -> Result<()> {
        // Last, so that transactions of many tenants share these rows no longer than they must.
        std::mem::take(&mut self.news).write(&mut self).await?;
        std::mem::take(&mut self.ledger).write(&mut self).await?;
        match self.open {
            Open::Sqlite(tx) => tx.commit().await?,
            Open::Postgres(tx) => tx.commit().await?,
        }
        if self.changed {
            self.revision.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    }
}

/// Tries again while another process holds the SQLite file. Of several, one always gets on: a refused attempt has let go
/// of all it held.
async fn while_busy<T, F: Future<Output = sqlx::Result<T>>>(mut attempt: impl FnMut() -> F) -> sqlx::Result<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        match attempt().await {
            Err(e) if is_busy(&e) && Instant::now() < end => sleep(Duration::from_millis(10)).await,
            done => return done,
        }
    }
}

/// `SQLITE_BUSY`, in the low byte of the extended code.
fn is_busy(e: &sqlx::Error) -> bool {
    let code = e.as_database_error().and_then(|e| e.code()).and_then(|code| code.parse::<u32>().ok());
    code.is_some_and(|code| code & 0xff == 5)
}

/// The longest text made at run time that a connection keeps prepared: what is asked all the time is short, and nobody can
/// push it out with long filters.
const KEPT: usize = 700;

macro_rules! bind {
    ($name:ident, $made:ident, $spelling:ident, $db:ty, $arguments:ty) => {
        #[expect(clippy::disallowed_methods, reason = "the one place that makes queries")]
        pub(super) fn $name<'q>(
            sql: impl sqlx::SqlSafeStr,
            params: &[Param<'q>],
        ) -> Result<sqlx::query::Query<'q, $db, $arguments>> {
            let mut arguments = <$arguments>::default();
            for param in params {
                match *param {
                    Param::Text(x) => arguments.add(x),
                    Param::Int(x) => arguments.add(x),
                    Param::Bool(x) => arguments.add(x),
                }
                .map_err(sqlx::Error::Encode)?;
            }
            Ok(sqlx::query_with(sql, arguments))
        }

        pub(super) fn $made<'q>(statement: &Statement<'q>) -> Result<sqlx::query::Query<'q, $db, $arguments>> {
            let sql = statement.$spelling();
            // A `Statement` holds no text but ours.
            let query = $name(sqlx::AssertSqlSafe(sql.to_owned()), statement.params())?;
            Ok(query.persistent(sql.len() <= KEPT))
        }
    };
}
bind!(lite, lite_made, lite, Sqlite, SqliteArguments);
bind!(pg, pg_made, postgres, Postgres, PgArguments);

macro_rules! migrations {
    ($own:ident: $($version:literal $file:literal),* $(,)?) => {
        vec![$(Migration::new(
            $version,
            $file.into(),
            MigrationType::Simple,
            sqlx::SqlSafeStr::into_sql_str(sqlx::AssertSqlSafe($own(include_str!(concat!("../../migrations/", $file))))),
            false,
        )),*]
    };
}

/// The one series of migrations, as `own` spells it for a database. They only add; a file that has been released is never
/// changed.
fn migrations(own: fn(&str) -> String) -> Vec<Migration> {
    migrations![own: 1 "0001_init.sql", 2 "0002_saml.sql", 3 "0003_trust.sql", 4 "0004_directories.sql", 5 "0005_admin.sql",
        6 "0006_traces.sql", 7 "0007_trials.sql", 8 "0008_lists.sql", 9 "0009_tokens.sql", 10 "0010_setup_links.sql", 12 "0012_pushed_names.sql",
        13 "0013_guest_trials.sql", 14 "0014_links_end_with_their_maker.sql", 15 "0015_left_records.sql", 16 "0016_held_metadata.sql",
        17 "0017_narrow_lists.sql", 18 "0018_identities_by_subject.sql", 20 "0020_made_with.sql", 21 "0021_connection_ends.sql",
        22 "0022_admitted.sql", 23 "0023_kept_locks.sql", 25 "0025_searched_lists.sql"]
}
