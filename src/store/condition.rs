//! What a list of a directory's users or groups is narrowed to. Whoever asks builds a [`Condition`] of columns and
//! values; its SQL is made here. Every comparison is true or false and never NULL, so that `not` means what it says.
//! How the rows are found is the matter of `search`.

use super::statement::Statement;

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
    pub(super) fn sql(self) -> &'static str {
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

    /// The column where its order counts. Ids are joined by, and so are left to the database's own order.
    fn in_order<'s, 'a>(self, s: &'s mut Statement<'a>) -> &'s mut Statement<'a> {
        s.push(self.sql());
        if self == Self::Id { s.bytewise() } else { s }
    }

    /// The others always hold something. (A group's display name does too, and a user's may not.)
    pub(super) fn may_be_null(self) -> bool {
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
    pub(super) fn sql(self) -> &'static str {
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
    /// The text is there, and between the first (which it may be) and the second (which it may not be), byte by byte.
    Between(Text, String, Option<String>),
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

    /// The text begins with `prefix`, which is in the column's form. All such texts stand together in an index.
    #[must_use]
    pub fn beginning(column: Text, prefix: String) -> Self {
        let after = after(&prefix);
        Self::Between(column, prefix, after)
    }

    /// Whether it holds for every row, whatever that is.
    #[must_use]
    pub fn is_always(&self) -> bool {
        matches!(self, Self::Every(all) if all.iter().all(Self::is_always))
    }

    /// How much there is to do for each row that it is asked of: a comparison is one, of parts of a text two, and one that
    /// has to be looked up in another table one more.
    #[must_use]
    pub fn weight(&self) -> i64 {
        match self {
            Self::Every(all) | Self::Any(all) => all.iter().map(Self::weight).sum(),
            Self::Not(inner) => inner.weight(),
            Self::Email(inner) => 1 + inner.weight(),
            Self::Text(_, Is::Containing | Is::EndingWith, _) => 2,
            Self::InGroup(_) | Self::InGroups | Self::Member(_) | Self::Members => 2,
            _ => 1,
        }
    }

    pub(super) fn write<'a>(&'a self, s: &mut Statement<'a>) {
        match self {
            Self::Every(all) => write_each(s, all, " AND ", "(1 = 1)"),
            Self::Any(some) => write_each(s, some, " OR ", "(1 = 0)"),
            Self::Not(inner) => {
                s.push("(NOT ");
                inner.write(s);
                s.push(")");
            }
            Self::Present(column) => {
                s.push("(").push(column.sql()).push(" IS NOT NULL)");
            }
            Self::Text(column, is, value) => write_text(s, *column, *is, value),
            Self::Between(column, from, to) => write_between(s, *column, from, to.as_deref()),
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
                s.push("EXISTS (SELECT 1 FROM directory_emails e WHERE e.directory_user_id = r.id AND ");
                inner.write(s);
                s.push(")");
            }
            Self::InGroup(id) => {
                s.push("EXISTS (SELECT 1 FROM directory_members m WHERE m.member_id = r.id AND m.group_id = ").bind(id).push(")");
            }
            Self::InGroups => {
                s.push("EXISTS (SELECT 1 FROM directory_members m WHERE m.member_id = r.id)");
            }
            Self::Member(id) => {
                s.push("EXISTS (SELECT 1 FROM directory_members m WHERE m.group_id = r.id AND m.member_id = ").bind(id).push(")");
            }
            Self::Members => {
                s.push("EXISTS (SELECT 1 FROM directory_members m WHERE m.group_id = r.id)");
            }
        }
    }
}

/// The first text, byte by byte, after all that begin with `prefix`; the end of all texts is none.
fn after(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        // What comes next as a number comes next in UTF-8 too; the surrogates are left out.
        if let Some(next) = (last..=char::MAX).nth(1) {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

fn write_each<'a>(s: &mut Statement<'a>, each: &'a [Condition], between: &'static str, none: &'static str) {
    if each.is_empty() {
        s.push(none);
        return;
    }
    s.push("(");
    for (n, condition) in each.iter().enumerate() {
        if n > 0 {
            s.push(between);
        }
        condition.write(s);
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
        Is::EndingWith => {
            s.push("length(").push(name).push(") >= length(").bind(value).push(") AND substr(").push(name);
            s.push(", length(").push(name).push(") - length(").bind(value).push(") + 1) = ").bind(value)
        }
        Is::Ordered(order) => column.in_order(s).push(order.sql()).bind(value),
    };
    s.push(")");
}

fn write_between<'a>(s: &mut Statement<'a>, column: Text, from: &'a str, to: Option<&'a str>) {
    let name = column.sql();
    s.push("(");
    if column.may_be_null() {
        s.push(name).push(" IS NOT NULL AND ");
    }
    column.in_order(s).push(" >= ").bind(from);
    if let Some(to) = to {
        column.in_order(s.push(" AND ")).push(" < ").bind(to);
    }
    s.push(")");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_alike_stands_together() {
        for (prefix, end) in [
            ("kim", Some("kin")),
            ("", None),
            ("a\u{d7ff}", Some("a\u{e000}")),
            ("a\u{10ffff}\u{10ffff}", Some("b")),
            ("\u{10ffff}", None),
            ("\u{7f}", Some("\u{80}")),
            ("ß", Some("à")),
        ] {
            assert_eq!(after(prefix).as_deref(), end, "{prefix:?}");
            let inside = ["", "\u{1}", "z", "\u{10ffff}\u{10ffff}"].map(|tail| format!("{prefix}{tail}"));
            assert!(inside.iter().all(|text| text.as_str() >= prefix && end.is_none_or(|end| text.as_str() < end)));
        }
    }
}
