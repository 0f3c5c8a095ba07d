//! Whether the log is what was written: every entry there, in its place, unaltered, up to its end.

use super::{
    chain,
    ledger::Row,
    marks::{Mark, Marked},
    reading::{Size, fitting},
};
use crate::{
    params,
    seal::{ChainKey, Sealer},
    secret,
    store::{
        db::{Db, Result},
        on::On,
    },
};

/// Entries that go at once.
pub(super) const CHUNK: i64 = 1_000;
/// Entries that are read at once by whoever walks; fewer where they are long.
const STEP: i64 = 200;

/// A log that is what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intact {
    /// The oldest entry that is kept; one more than the last in a log without entries.
    pub first: i64,
    /// The newest entry; 0 before there was any.
    pub last: i64,
    /// Its mac: whoever notes both elsewhere can tell later that nothing up to there was cut or put back ([`has`]).
    pub mac: String,
}

/// The first entry that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its place.
    pub seq: i64,
    /// What is wrong.
    pub flaw: Flaw,
}

/// What is wrong with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// It, or the mac that it stands on, is not what was written.
    Altered,
    /// It is not there.
    Missing,
    /// It is there and was never written: behind the end, or before the beginning.
    Foreign,
    /// The mark of the log's end, which is here, was not set by gatehouse: what came after may be cut off.
    End,
    /// The same of the mark of its beginning.
    Beginning,
}

impl Flaw {
    /// In words, after `entry N`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Altered => "is not what was written, or was moved from another place",
            Self::Missing => "is missing",
            Self::Foreign => "was not written by gatehouse",
            Self::End => "is where the log was made to end by somebody else: entries after it may be cut off",
            Self::Beginning => "is where the log was made to begin by somebody else: entries before it may be cut off",
        }
    }
}

/// What came of a walk; the inner error is the first entry that does not fit.
pub type Verdict = std::result::Result<Intact, Broken>;

/// Walks the log from the oldest entry that is kept, to its end.
///
/// # Errors
/// The outer error is the database's.
pub async fn verify(db: &Db, sealer: &Sealer) -> Result<Verdict> {
    let mut walk = Walk::begin(db, sealer).await?;
    loop {
        if let Some(verdict) = walk.step(db).await? {
            return Ok(verdict);
        }
    }
}

/// A walk along the log under way. It holds no more of it than the entries of one step, however long the log is, and whoever
/// walks may let others go first between any two.
pub struct Walk {
    key: ChainKey,
    beginning: Marked,
    end: Marked,
    outside: Outermost,
    last: Last,
}

impl Walk {
    /// At the oldest entry that is kept; it ends at the one that is the newest now.
    ///
    /// # Errors
    /// What the database says.
    pub async fn begin(db: &Db, sealer: &Sealer) -> Result<Self> {
        Self::anew(db, sealer.chain_key()).await
    }

    async fn anew(db: &Db, key: ChainKey) -> Result<Self> {
        let beginning = Mark::BEGINNING.read(db).await?;
        // Before the end is read: what is written from here on is behind what was last then, and no forgery.
        let outside = outermost(db).await?;
        let end = Mark::END.read(db).await?;
        let last = Last { seq: beginning.seq, mac: beginning.mac.clone() };
        Ok(Self { key, beginning, end, outside, last })
    }

    /// Goes on by some entries; what came of it all, once that is known.
    ///
    /// # Errors
    /// What the database says.
    pub async fn step(&mut self, db: &Db) -> Result<Option<Verdict>> {
        let verdict = self.next(db).await?;
        // What is old may have gone while the log was read: then from the new beginning.
        if matches!(verdict, Some(Err(_))) && Mark::BEGINNING.read(db).await? != self.beginning {
            *self = Self::anew(db, self.key.clone()).await?;
            return Ok(None);
        }
        Ok(verdict)
    }

    async fn next(&mut self, db: &Db) -> Result<Option<Verdict>> {
        let broken = |seq, flaw| Ok(Some(Err(Broken { seq, flaw })));
        let Self { key, beginning, end, outside, last } = self;
        let key: &ChainKey = key;
        if !beginning.fits(key) || beginning.seq > end.seq {
            return broken(beginning.seq + 1, Flaw::Beginning);
        }
        if let Some(first) = outside.first.filter(|first| *first <= beginning.seq) {
            return broken(first, Flaw::Foreign);
        }
        if last.seq < end.seq {
            let rows = chunk(db, last.seq, STEP).await?;
            for row in rows.iter().take_while(|row| row.seq <= end.seq) {
                if let Err(e) = last.follow(key, row) {
                    return Ok(Some(Err(e)));
                }
            }
            if rows.last().is_none_or(|row| row.seq > end.seq) && last.seq < end.seq {
                return broken(last.seq + 1, Flaw::Missing);
            }
        }
        if last.seq < end.seq {
            return Ok(None);
        }
        if !end.fits(key) {
            return broken(end.seq, Flaw::End);
        }
        if !secret::same(&end.mac, &last.mac) {
            return broken(end.seq, Flaw::Altered);
        }
        if outside.last.is_some_and(|last| last > end.seq) {
            return broken(end.seq + 1, Flaw::Foreign);
        }
        Ok(Some(Ok(Intact { first: beginning.seq + 1, last: end.seq, mac: end.mac.clone() })))
    }
}

/// Whether the log has, or had, an entry of this place and mac, which somebody has noted elsewhere: `None` when it is too
/// old to be kept.
///
/// # Errors
/// What the database says.
pub async fn has(db: &Db, seq: i64, mac: &str) -> Result<Option<bool>> {
    let beginning = Mark::BEGINNING.read(db).await?;
    if seq < beginning.seq {
        return Ok(None);
    }
    if seq == beginning.seq {
        return Ok(Some(secret::same(&beginning.mac, mac)));
    }
    let row = db.optional::<(String,)>("SELECT mac FROM audit WHERE seq = $1", params![seq]).await?;
    Ok(Some(row.is_some_and(|(there,)| secret::same(&there, mac))))
}

/// The last entry that fits.
pub(super) struct Last {
    pub seq: i64,
    pub mac: String,
}

impl Last {
    /// Goes on to the next.
    pub fn follow(&mut self, key: &ChainKey, row: &Row) -> std::result::Result<(), Broken> {
        let next = self.seq + 1;
        if row.seq != next {
            return Err(Broken { seq: next, flaw: Flaw::Missing });
        }
        if !secret::same(&chain::link(key, row, &self.mac), &row.mac) {
            return Err(Broken { seq: next, flaw: Flaw::Altered });
        }
        (self.seq, self.mac) = (next, row.mac.clone());
        Ok(())
    }
}

/// The oldest of those after an entry: at most `limit`, and no more than can be held.
pub(super) async fn chunk(on: impl Into<On<'_>>, after: i64, limit: i64) -> Result<Vec<Row>> {
    let mut on = on.into();
    let sql = "SELECT seq, CAST(OCTET_LENGTH(changes) AS BIGINT) AS bytes FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2";
    let sizes: Vec<Size> = on.all(sql, params![after, limit]).await?;
    let Some(to) = sizes[..fitting(&sizes)].last() else { return Ok(Vec::new()) };
    on.all("SELECT * FROM audit WHERE seq > $1 AND seq <= $2 ORDER BY seq", params![after, to.seq]).await
}

#[derive(Default, sqlx::FromRow)]
struct Outermost {
    first: Option<i64>,
    last: Option<i64>,
}

async fn outermost(db: &Db) -> Result<Outermost> {
    let sql = "SELECT (SELECT MIN(seq) FROM audit) AS first, (SELECT MAX(seq) FROM audit) AS last";
    Ok(db.optional(sql, &[]).await?.unwrap_or_default())
}
