//! A filter as a condition on columns. Attributes without a column are refused: an empty answer would make the directory
//! believe that the user does not exist, and create another.

use time::OffsetDateTime;

use super::{
    fault::Fault,
    filter::{AttrPath, Filter, Literal, Operator},
    schema::ResourceType,
};
use crate::store::{
    condition::{Condition, Is, Order, Text, Time},
    search::SortBy,
};

/// What a path stands for in the store.
#[derive(Clone, Copy)]
enum Column {
    Text(Text),
    Time(Time),
    Active,
    /// E-mail addresses, each as a whole.
    Email,
    EmailValue,
    EmailKind,
    Primary,
    /// The groups of a user.
    Groups,
    /// The members of a group.
    Members,
}

/// Compiles a filter over resources of `kind`.
///
/// # Errors
/// `invalidFilter`, naming what cannot be asked.
pub fn compile(filter: &Filter, kind: &'static ResourceType) -> Result<Condition, Fault> {
    filter.check(kind)?;
    walk(filter, &|path| path.canonical(kind).and_then(|name| column(kind, &name)), kind)
}

/// Compiles a filter that names one resource beside what has no column: Entra asks of a user by `id` whether somebody is their
/// manager. The one is found by the condition, and asked the rest in memory.
///
/// # Errors
/// As [`compile`].
pub fn compile_with_rest<'f>(filter: &'f Filter, kind: &'static ResourceType) -> Result<(Condition, Option<&'f Filter>), Fault> {
    let refused = match compile(filter, kind) {
        Ok(condition) => return Ok((condition, None)),
        Err(fault) => fault,
    };
    filter.check(kind)?;
    let Filter::And(terms) = filter else { return Err(refused) };
    let names_one = |condition: &Condition| matches!(condition, Condition::Text(Text::Id | Text::UserName, Is::Equal, _));
    let one = terms.iter().filter_map(|term| compile(term, kind).ok()).find(names_one);
    one.map(|one| (one, Some(filter))).ok_or(refused)
}

/// What a list is sorted by.
///
/// # Errors
/// `invalidValue` for what has no order here.
pub fn sort_by(name: &str, kind: &'static ResourceType) -> Result<SortBy, Fault> {
    let found = AttrPath::parse(name).ok().and_then(|path| path.canonical(kind)).and_then(|name| column(kind, &name));
    match found {
        Some(Column::Text(column)) => Ok(SortBy::Text(column)),
        Some(Column::Time(column)) => Ok(SortBy::Time(column)),
        _ => Err(Fault::invalid_value(format!(
            "{}s cannot be sorted by {:?}; by id, externalId, displayName, {}meta.created and meta.lastModified they can",
            kind.name,
            name.chars().take(80).collect::<String>(),
            if kind.name == "User" { "userName, name.givenName, name.familyName, " } else { "" },
        ))),
    }
}

fn column(kind: &'static ResourceType, name: &str) -> Option<Column> {
    let is_user = kind.name == "User";
    Some(match name {
        "id" => Column::Text(Text::Id),
        "externalId" => Column::Text(Text::ExternalId),
        "displayName" => Column::Text(Text::DisplayName),
        "meta.created" => Column::Time(Time::Created),
        "meta.lastModified" => Column::Time(Time::Updated),
        "userName" if is_user => Column::Text(Text::UserName),
        "name.givenName" if is_user => Column::Text(Text::GivenName),
        "name.familyName" if is_user => Column::Text(Text::FamilyName),
        "active" if is_user => Column::Active,
        "emails" if is_user => Column::Email,
        "emails.value" if is_user => Column::EmailValue,
        "emails.type" if is_user => Column::EmailKind,
        "emails.primary" if is_user => Column::Primary,
        "groups" | "groups.value" if is_user => Column::Groups,
        "members" | "members.value" if !is_user => Column::Members,
        _ => return None,
    })
}

type Find<'a> = &'a dyn Fn(&AttrPath) -> Option<Column>;

fn walk(filter: &Filter, find: Find<'_>, kind: &'static ResourceType) -> Result<Condition, Fault> {
    let each = |all: &[Filter]| all.iter().map(|one| walk(one, find, kind)).collect::<Result<Vec<_>, _>>();
    Ok(match filter {
        Filter::And(all) => Condition::Every(each(all)?),
        Filter::Or(some) => Condition::Any(each(some)?),
        Filter::Not(inner) => Condition::Not(Box::new(walk(inner, find, kind)?)),
        Filter::Present(path) => present(find(path).ok_or_else(|| cannot_ask(path))?),
        Filter::Compare(path, operator, literal) => {
            let column = find(path).ok_or_else(|| cannot_ask(path))?;
            compare(column, *operator, literal).ok_or_else(|| cannot_compare(path))?
        }
        Filter::Any(path, inner) => match find(path).ok_or_else(|| cannot_ask(path))? {
            Column::Email => {
                let within = |sub: &AttrPath| {
                    let column = sub.canonical_within(kind, path).and_then(|name| column(kind, &name))?;
                    // Of the address that is looked at, not of any.
                    matches!(column, Column::EmailValue | Column::EmailKind | Column::Primary).then_some(column)
                };
                Condition::Email(Box::new(within_email(&walk(inner, &within, kind)?)))
            }
            column @ (Column::Groups | Column::Members) => match &**inner {
                Filter::Compare(sub, Operator::Eq, literal) if sub.attribute.eq_ignore_ascii_case("value") => {
                    compare(column, Operator::Eq, literal).ok_or_else(|| cannot_compare(path))?
                }
                _ => return Err(cannot_compare(path)),
            },
            _ => return Err(cannot_ask(path)),
        },
    })
}

/// The same condition on the address at hand: outside of brackets `emails.value` asks for any.
fn within_email(condition: &Condition) -> Condition {
    let each = |all: &[Condition]| all.iter().map(within_email).collect();
    match condition {
        Condition::Every(all) => Condition::Every(each(all)),
        Condition::Any(some) => Condition::Any(each(some)),
        Condition::Not(inner) => Condition::Not(Box::new(within_email(inner))),
        Condition::Email(inner) => (**inner).clone(),
        other => other.clone(),
    }
}

fn present(column: Column) -> Condition {
    match column {
        Column::Text(Text::Id | Text::UserName) | Column::Time(_) | Column::Active => Condition::always(),
        Column::Text(column) => Condition::Present(column),
        // Each says whether it is the primary one, if only by saying nothing.
        Column::Email | Column::Primary => Condition::Email(Box::new(Condition::always())),
        Column::EmailValue => Condition::Email(Box::new(Condition::Present(Text::EmailValue))),
        Column::EmailKind => Condition::Email(Box::new(Condition::Present(Text::EmailKind))),
        Column::Groups => Condition::InGroups,
        Column::Members => Condition::Members,
    }
}

/// `None`: this cannot be asked of it.
fn compare(column: Column, operator: Operator, literal: &Literal) -> Option<Condition> {
    if operator == Operator::Ne {
        return Some(Condition::Not(Box::new(compare(column, Operator::Eq, literal)?)));
    }
    let equal = operator == Operator::Eq;
    if *literal == Literal::Null {
        return equal.then(|| Condition::Not(Box::new(present(column))));
    }
    match column {
        Column::Text(column) => text(column, operator, literal),
        Column::Email | Column::EmailValue => Some(Condition::Email(Box::new(text(Text::EmailValue, operator, literal)?))),
        Column::EmailKind => Some(Condition::Email(Box::new(text(Text::EmailKind, operator, literal)?))),
        Column::Active => Some(Condition::Active(literal.boolean().filter(|_| equal)?)),
        Column::Primary => Some(Condition::Email(Box::new(Condition::Primary(literal.boolean().filter(|_| equal)?)))),
        Column::Time(column) => time(column, operator, literal.instant()?),
        Column::Groups => Some(Condition::InGroup(literal.text().filter(|_| equal)?.into_owned())),
        Column::Members => Some(Condition::Member(literal.text().filter(|_| equal)?.into_owned())),
    }
}

fn text(column: Text, operator: Operator, literal: &Literal) -> Option<Condition> {
    let value = literal.text()?;
    let exact = matches!(column, Text::Id | Text::ExternalId);
    let value = if exact { value.into_owned() } else { value.to_lowercase() };
    let is = match operator {
        Operator::Sw => return Some(Condition::beginning(column, value)),
        Operator::Eq => Is::Equal,
        Operator::Co => Is::Containing,
        Operator::Ew => Is::EndingWith,
        _ => Is::Ordered(order(operator)?),
    };
    Some(Condition::Text(column, is, value))
}

/// Ours are whole seconds, and what they are compared with need not be.
fn time(column: Time, operator: Operator, at: OffsetDateTime) -> Option<Condition> {
    let (second, whole) = (at.unix_timestamp(), at.nanosecond() == 0);
    Some(match (operator, whole) {
        (Operator::Eq, true) => Condition::At(column, second),
        (Operator::Eq, false) => Condition::never(),
        (Operator::Ge, false) => Condition::Time(column, Order::Greater, second),
        (Operator::Lt, false) => Condition::Time(column, Order::LessOrEqual, second),
        _ => Condition::Time(column, order(operator)?, second),
    })
}

fn order(operator: Operator) -> Option<Order> {
    Some(match operator {
        Operator::Lt => Order::Less,
        Operator::Le => Order::LessOrEqual,
        Operator::Gt => Order::Greater,
        Operator::Ge => Order::GreaterOrEqual,
        _ => return None,
    })
}

fn cannot_ask(path: &AttrPath) -> Fault {
    Fault::invalid_filter(format!("{path} cannot be asked for in a filter"))
}

fn cannot_compare(path: &AttrPath) -> Fault {
    Fault::invalid_filter(format!("{path} cannot be compared like that"))
}
