//! How a part of a directory is found. What a condition names is looked up in indexes first (the ways to it), the condition
//! is asked of those rows alone, and they are put in order last; to what names nothing leads no way, and every row is asked.
//! Left alone, a database may walk a directory of a million in the order that is wanted, for the one row that is named.

use std::time::Duration;

use super::{
    condition::{Condition, Is, Text, Time},
    db::{Result, Row},
    on::On,
    statement::Statement,
};

/// What a list is sorted by; rows alike in it by age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortBy {
    /// The oldest first.
    #[default]
    Age,
    /// A text.
    Text(Text),
    /// A time.
    Time(Time),
}

/// Which part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// What it is sorted by.
    pub sort_by: SortBy,
    /// From the last to the first.
    pub descending: bool,
    /// How many are left out before it.
    pub offset: i64,
    /// How many it may hold.
    pub limit: i64,
}

/// A part of a list, and how long that is in all.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    /// The rows of the page.
    pub rows: Vec<T>,
    /// The rows that fulfil the condition.
    pub total: i64,
}

/// What is looked for in a directory.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// In whose.
    pub directory: &'a str,
    /// Which rows.
    pub condition: &'a Condition,
    /// How many of them, and in which order.
    pub page: Page,
    /// How long the database may be at it, where that may be long.
    pub time: Option<Duration>,
}

/// Where a search looks; `r` in its SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// `directory_users`.
    Users,
    /// `directory_groups`.
    Groups,
}

impl Table {
    fn sql(self) -> &'static str {
        match self {
            Self::Users => "directory_users r",
            Self::Groups => "directory_groups r",
        }
    }
}

/// The rows that are found. They are counted only when the page does not show where the list ends.
pub(super) async fn list<T: Row>(on: &mut On<'_>, table: Table, search: &Search<'_>) -> Result<Listed<T>> {
    let page = search.page;
    let mut rows = Vec::new();
    if page.limit > 0 {
        rows = on.search::<T>(&search.rows(table), search.time).await?;
        let found = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        if found <= page.limit && (found > 0 || page.offset == 0) {
            return Ok(Listed { rows, total: page.offset + found });
        }
        rows.truncate(usize::try_from(page.limit).unwrap_or(usize::MAX));
    }
    Ok(Listed { rows, total: number(on, &search.total(table), search.time).await? })
}

/// How many rows a search looks at, counted up to `most`; nothing where an index leads straight to what is asked for.
pub(super) async fn looks(on: &mut On<'_>, table: Table, search: &Search<'_>, most: i64) -> Result<i64> {
    match search.looked_at(table, most) {
        Some(statement) => number(on, &statement, None).await,
        None => Ok(0),
    }
}

async fn number(on: &mut On<'_>, statement: &Statement<'_>, time: Option<Duration>) -> Result<i64> {
    Ok(on.search::<(i64,)>(statement, time).await?.first().map_or(0, |(number,)| *number))
}

impl<'a> Search<'a> {
    /// The rows of the page, and one more that shows whether it is the last.
    #[must_use]
    pub fn rows(&self, table: Table) -> Statement<'a> {
        let ways = Ways::to(self.condition);
        let mut s = Statement::new("SELECT r.* FROM ");
        if self.condition.is_always() && self.page.offset > 0 {
            // Those before the page are counted off in an index, and none of them is read.
            s.push(table.sql()).push(" WHERE r.id IN (SELECT r.id FROM ");
            self.narrow(&mut s, table, None);
            self.sort(&mut s, None);
            self.cut(&mut s);
            s.push(")");
            self.sort(&mut s, None);
            return s;
        }
        self.narrow(&mut s, table, ways.as_ref());
        self.sort(&mut s, ways.as_ref());
        self.cut(&mut s);
        s
    }

    fn total(&self, table: Table) -> Statement<'a> {
        let mut s = Statement::new("SELECT COUNT(*) FROM ");
        self.narrow(&mut s, table, Ways::to(self.condition).as_ref());
        s
    }

    /// The count of what is looked at; none where nothing needs to be counted.
    fn looked_at(&self, table: Table, most: i64) -> Option<Statement<'a>> {
        let ways = Ways::to(self.condition);
        if ways.as_ref().is_some_and(|ways| ways.rank == Rank::One) || self.condition.is_always() && self.page.in_an_index(table)
        {
            return None;
        }
        let mut s = Statement::new("SELECT COUNT(*) FROM (");
        match &ways {
            Some(ways) => self.follow(&mut s, table, ways),
            None => {
                s.push("SELECT r.id FROM ").push(table.sql()).push(" WHERE r.directory_id = ").bind(self.directory);
            }
        }
        s.push(" LIMIT ").bind(most).push(") AS looked_at");
        Some(s)
    }

    fn narrow(&self, s: &mut Statement<'a>, table: Table, ways: Option<&Ways<'a>>) {
        s.push(table.sql()).push(" WHERE ");
        match ways {
            Some(ways) if !ways.is_one_index() => {
                s.push("r.id IN (");
                self.follow(s, table, ways);
                // An expression, of which there is no index.
                s.push(") AND (r.directory_id || '')")
            }
            _ => s.push("r.directory_id"),
        };
        s.push(" = ").bind(self.directory);
        if !self.condition.is_always() {
            s.push(" AND ");
            self.condition.write(s);
        }
    }

    /// The ids of all rows that the ways lead to, some of them twice.
    fn follow(&self, s: &mut Statement<'a>, table: Table, ways: &Ways<'a>) {
        if ways.each.is_empty() {
            s.push("SELECT r.id FROM ").push(table.sql()).push(" WHERE 1 = 0");
        }
        for (n, way) in ways.each.iter().copied().enumerate() {
            if n > 0 {
                s.push(" UNION ALL ");
            }
            match way {
                Condition::InGroup(id) => {
                    s.push("SELECT m.member_id FROM directory_members m WHERE m.group_id = ").bind(id);
                    continue;
                }
                Condition::Member(id) => {
                    s.push("SELECT m.group_id FROM directory_members m WHERE m.member_id = ").bind(id);
                    continue;
                }
                Condition::Text(Text::EmailValue, ..) | Condition::Between(Text::EmailValue, ..) => {
                    s.push("SELECT e.directory_user_id FROM directory_emails e WHERE e.directory_id = ").bind(self.directory);
                }
                Condition::Text(Text::Id, ..) => {
                    s.push("SELECT r.id FROM ").push(table.sql()).push(" WHERE 1 = 1");
                }
                _ => {
                    s.push("SELECT r.id FROM ").push(table.sql()).push(" WHERE r.directory_id = ").bind(self.directory);
                }
            }
            s.push(" AND ");
            way.write(s);
        }
    }

    /// With ways to the rows it must not look as if an index in this order would do: signs and empty texts change nothing.
    fn sort(&self, s: &mut Statement<'a>, ways: Option<&Ways<'a>>) {
        s.push(" ORDER BY ");
        let (plus, empty) = if ways.is_some() { ("+", " || ''") } else { ("", "") };
        let direction = if self.page.descending { " DESC" } else { "" };
        match self.page.sort_by {
            SortBy::Age | SortBy::Time(Time::Created) => {}
            SortBy::Time(Time::Updated) => {
                s.push(plus).push(Time::Updated.sql()).push(direction).push(", ");
            }
            SortBy::Text(column) => {
                s.push(column.sql()).push(empty).push(direction);
                // Who has none comes last of the ascending and first of the descending (RFC 7644 §3.4.2.3).
                if column.may_be_null() {
                    s.push(if self.page.descending { " NULLS FIRST" } else { " NULLS LAST" });
                }
                s.push(", ");
            }
        }
        s.push(plus).push("r.created_at").push(direction).push(", r.id").push(direction);
    }

    fn cut(&self, s: &mut Statement<'a>) {
        s.push(" LIMIT ").bind(self.page.limit.saturating_add(1)).push(" OFFSET ").bind(self.page.offset);
    }
}

impl Page {
    /// Whether there is an index in this order, in which few are alike.
    fn in_an_index(self, table: Table) -> bool {
        match self.sort_by {
            SortBy::Age | SortBy::Time(Time::Created) => true,
            SortBy::Text(Text::UserName) => table == Table::Users,
            SortBy::Text(Text::DisplayName) => table == Table::Groups,
            _ => false,
        }
    }
}

/// Parts of a condition that indexes answer: each row for which it holds is found by one of them.
#[derive(Debug)]
struct Ways<'a> {
    /// The widest of them.
    rank: Rank,
    each: Vec<&'a Condition>,
}

/// How many rows a part leads to, roughly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// One at most.
    One,
    /// One, in a directory that is what it should be.
    Few,
    /// Those of a group, a name or a second.
    Some,
    /// A stretch of an index.
    Many,
}

impl<'a> Ways<'a> {
    fn to(condition: &'a Condition) -> Option<Self> {
        match condition {
            // Any of them leads to all: the narrowest does.
            Condition::Every(all) => all.iter().filter_map(Self::to).min_by_key(|ways| (ways.rank, ways.each.len())),
            Condition::Any(some) => {
                let some = some.iter().map(Self::to).collect::<Option<Vec<_>>>()?;
                let rank = some.iter().map(|ways| ways.rank).max().unwrap_or(Rank::One);
                Some(Self { rank, each: some.into_iter().flat_map(|ways| ways.each).collect() })
            }
            Condition::Email(inner) => Self::to(inner),
            part => Rank::of(part).map(|rank| Self { rank, each: vec![part] }),
        }
    }

    /// Whether the only one is an index of the table itself that begins with the directory.
    fn is_one_index(&self) -> bool {
        match self.each.as_slice() {
            [Condition::Text(column, ..) | Condition::Between(column, ..)] => !matches!(column, Text::Id | Text::EmailValue),
            [Condition::At(..) | Condition::Time(..)] => true,
            _ => false,
        }
    }
}

impl Rank {
    fn of(part: &Condition) -> Option<Self> {
        Some(match part {
            Condition::Text(Text::Id | Text::UserName, Is::Equal, _) => Self::One,
            Condition::Text(Text::ExternalId | Text::EmailValue, Is::Equal, _) => Self::Few,
            Condition::Text(Text::DisplayName | Text::GivenName | Text::FamilyName, Is::Equal, _)
            | Condition::InGroup(_)
            | Condition::Member(_)
            | Condition::At(..) => Self::Some,
            Condition::Text(Text::Id | Text::EmailKind, ..) | Condition::Between(Text::Id | Text::EmailKind, ..) => return None,
            Condition::Text(_, Is::Ordered(_), _) | Condition::Between(..) | Condition::Time(..) => Self::Many,
            _ => return None,
        })
    }
}
