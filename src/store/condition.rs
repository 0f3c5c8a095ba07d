//! What a list of a directory's users or groups is narrowed to. Whoever asks builds a [`Condition`] of columns and
//! values; its SQL is made here. Every comparison is true or false and never NULL, so that `not` means what it says.

use super::{
    db::{Param, Result, Row},
    on::On,
    statement::Statement,
};

/// A column of text. Those of an e-mail address stand only within [`Condition::Email`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Text {
    Id,
    ExternalId,
    DisplayName,
    /// Of users, as the next two.
    UserName,
    GivenName,
    FamilyName,
    EmailValue,
    EmailKind,
}

impl Text {
    fn sql(self) -> &'static str {
        match self {
            Self::Id => "r.id",
            Self::ExternalId => "r.external_id",
            Self::DisplayName => "r.display_name",
            Self::UserName => "r.user_name",
            Self::GivenName => "r.given_name",
            Self::FamilyName => "r.family_name",
            Self::EmailValue => "e.value",
            Self::EmailKind => "e.kind",
        }
    }

    /// The others always hold something. (A group's display name does too, and a user's may not.)
    fn may_be_null(self) -> bool {
        matches!(
            self,
            Self::ExternalId | Self::DisplayName | Self::GivenName | Self::FamilyName | Self::EmailValue | Self::EmailKind
        )
    }
}

/// A column of unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Time {
    Created,
    Updated,
}

impl Time {
    fn sql(self) -> &'static str {
        match self {
            Self::Created => "r.created_at",
            Self::Updated => "r.updated_at",
        }
    }
}

/// How two values are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    fn sql(self) -> &'static str {
        match self {
            Self::Less => " < ",
            Self::LessOrEqual => " <= ",
            Self::Greater => " > ",
            Self::GreaterOrEqual => " >= ",
        }
    }
}

/// What is asked of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Is {
    Equal,
    Containing,
    BeginningWith,
    EndingWith,
    /// Byte by byte.
    Ordered(Order),
}

/// A condition on a user or a group of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Each of them holds; of none: true.
    Every(Vec<Condition>),
    /// One of them holds; of none: false.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// The text is there.
    Present(Text),
    /// The text is there and as asked; the value is in the column's form (lower case where the column is).
    Text(Text, Is, String),
    /// At this second.
    At(Time, i64),
    /// Before or after it.
    Time(Time, Order, i64),
    /// The user is active, or not.
    Active(bool),
    /// Within [`Condition::Email`]: the address is the primary one, or is not.
    Primary(bool),
    /// An e-mail address of the user is as asked.
    Email(Box<Condition>),
    /// The user is in the group of this id.
    InGroup(String),
    /// The user is in a group.
    InGroups,
    /// The user of this id is in the group.
    Member(String),
    /// The group has a member.
    Members,
}

impl Condition {
    /// Always true.
    #[must_use]
    pub fn always() -> Self {
        Self::Every(Vec::new())
    }

    /// Never true.
    #[must_use]
    pub fn never() -> Self {
        Self::Any(Vec::new())
    }

    fn write<'a>(&'a self, s: &mut Statement<'a>, directory: &'a str) {
        match self {
            Self::Every(all) => write_each(s, directory, all, " AND ", "(1 = 1)"),
            Self::Any(some) => write_each(s, directory, some, " OR ", "(1 = 0)"),
            Self::Not(inner) => {
                s.push("(NOT ");
                inner.write(s, directory);
                s.push(")");
            }
            Self::Present(column) => {
                s.push("(").push(column.sql()).push(" IS NOT NULL)");
            }
            Self::Text(column, is, value) => write_text(s, *column, *is, value),
            Self::At(column, at) => {
                s.push("(").push(column.sql()).push(" = ").bind(*at).push(")");
            }
            Self::Time(column, order, at) => {
                s.push("(").push(column.sql()).push(order.sql()).bind(*at).push(")");
            }
            Self::Active(active) => {
                s.push(if *active { "r.active" } else { "(NOT r.active)" });
            }
            Self::Primary(primary) => {
                s.push(if *primary { "e.is_primary" } else { "(NOT e.is_primary)" });
            }
            Self::Email(inner) => {
                // One address is looked up first and its users then; what fits many is asked of each user in turn.
                match inner.key() {
                    Key::None => s.push("EXISTS (SELECT 1 FROM directory_emails e WHERE e.directory_user_id = r.id AND "),
                    _ => s
                        .push("r.id IN (SELECT e.directory_user_id FROM directory_emails e WHERE e.directory_id = ")
                        .bind(directory)
                        .push(" AND "),
                };
                inner.write(s, directory);
                s.push(")");
            }
            Self::InGroup(id) => {
                s.push("r.id IN (SELECT m.member_id FROM directory_members m WHERE m.group_id = ").bind(id).push(")");
            }
            Self::InGroups => {
                s.push("EXISTS (SELECT 1 FROM directory_members m WHERE m.member_id = r.id)");
            }
            Self::Member(id) => {
                s.push("r.id IN (SELECT m.group_id FROM directory_members m WHERE m.member_id = ").bind(id).push(")");
            }
            Self::Members => {
                s.push("EXISTS (SELECT 1 FROM directory_members m WHERE m.group_id = r.id)");
            }
        }
    }

    fn key(&self) -> Key {
        match self {
            Self::Every(all) => all.iter().map(Self::key).max().unwrap_or(Key::None),
            Self::Text(Text::Id, Is::Equal, _) | Self::InGroup(_) | Self::Member(_) => Key::Elsewhere,
            Self::Text(Text::EmailKind, ..) => Key::None,
            Self::Text(_, Is::Equal, _) => Key::Here,
            Self::Email(inner) if inner.key() == Key::Here => Key::Elsewhere,
            _ => Key::None,
        }
    }
}

/// Whether a condition names so few rows that they are looked up first and put in order then, and where: left alone,
/// SQLite walks a directory of a million in the order that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    None,
    /// By the primary key, or in another table.
    Elsewhere,
    /// In an index that begins with the directory.
    Here,
}

fn write_each<'a>(s: &mut Statement<'a>, directory: &'a str, each: &'a [Condition], between: &'static str, none: &'static str) {
    if each.is_empty() {
        s.push(none);
        return;
    }
    s.push("(");
    for (n, condition) in each.iter().enumerate() {
        if n > 0 {
            s.push(between);
        }
        condition.write(s, directory);
    }
    s.push(")");
}

/// By functions that both databases have and that take their argument as it is: LIKE has signs of its own, and ignores
/// case on SQLite alone.
fn write_text<'a>(s: &mut Statement<'a>, column: Text, is: Is, value: &'a str) {
    let name = column.sql();
    s.push("(");
    if column.may_be_null() {
        s.push(name).push(" IS NOT NULL AND ");
    }
    match is {
        Is::Equal => s.push(name).push(" = ").bind(value),
        // Of every text; `replace` finds no empty one.
        Is::Containing if value.is_empty() => s.push("1 = 1"),
        Is::Containing => s.push("replace(").push(name).push(", ").bind(value).push(", '') <> ").push(name),
        Is::BeginningWith => s.push("substr(").push(name).push(", 1, length(").bind(value).push(")) = ").bind(value),
        Is::EndingWith => {
            s.push("length(").push(name).push(") >= length(").bind(value).push(") AND substr(").push(name);
            s.push(", length(").push(name).push(") - length(").bind(value).push(") + 1) = ").bind(value)
        }
        Is::Ordered(order) => s.push(name).bytewise().push(order.sql()).bind(value),
    };
    s.push(")");
}

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

/// The rows of `table` (as `r`) in a directory. They are counted only when the page does not show where the list ends.
pub(super) async fn list<T: Row>(
    on: &mut On<'_>,
    table: &'static str,
    directory: &str,
    condition: &Condition,
    page: Page,
) -> Result<Listed<T>> {
    let mut rows = Vec::new();
    if page.limit > 0 {
        let mut s = Statement::new("SELECT r.* FROM ");
        narrow(&mut s, table, directory, condition);
        sort(&mut s, page, condition.key());
        s.push(" LIMIT ").bind(page.limit + 1).push(" OFFSET ").bind(page.offset);
        rows = on.select::<T>(&s).await?;
        let found = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        if found <= page.limit && (found > 0 || page.offset == 0) {
            return Ok(Listed { rows, total: page.offset + found });
        }
        rows.truncate(usize::try_from(page.limit).unwrap_or(usize::MAX));
    }
    let mut s = Statement::new("SELECT COUNT(*) AS total FROM ");
    narrow(&mut s, table, directory, condition);
    let total = on.select::<(i64,)>(&s).await?.first().map_or(0, |(total,)| *total);
    Ok(Listed { rows, total })
}

fn narrow<'a>(s: &mut Statement<'a>, table: &'static str, directory: &'a str, condition: &'a Condition) {
    s.push(table).push(" r WHERE ");
    // An expression, of which there is no index.
    s.push(if condition.key() == Key::Elsewhere { "(r.directory_id || '')" } else { "r.directory_id" });
    s.push(" = ").bind(Param::from(directory)).push(" AND ");
    condition.write(s, directory);
}

fn sort(s: &mut Statement<'_>, page: Page, key: Key) {
    s.push(" ORDER BY ");
    let direction = if page.descending { " DESC" } else { "" };
    match page.sort_by {
        SortBy::Age => {}
        SortBy::Time(column) => {
            s.push(column.sql()).push(direction).push(", ");
        }
        SortBy::Text(column) => {
            s.push(column.sql()).bytewise().push(direction);
            // Who has none comes last of the ascending and first of the descending (RFC 7644 §3.4.2.3).
            if column.may_be_null() {
                s.push(if page.descending { " NULLS FIRST" } else { " NULLS LAST" });
            }
            s.push(", ");
        }
    }
    // The sign keeps an index in this order from being preferred to the one that finds the rows.
    s.push(if key == Key::None { "r.created_at" } else { "+r.created_at" });
    s.push(direction).push(", r.id").push(direction);
}
