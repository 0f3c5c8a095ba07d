//! Operations on a Group, as changes of rows.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::scim::{
    document::{self, NAMES},
    fault::Fault,
    filter::{Filter, Literal, Operator},
    patch::{Operation, Path, Verb, at_operation, custom},
    schema::{
        Attribute, GROUP, Place, canonical_group,
        members::{self, checked},
        reading::SENT,
        spelling::Spellings,
        value::{read, writable},
    },
};

/// One change of a Group; they are made in their order. Ids are neither empty nor longer than 128 characters, and
/// occur once in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupChange {
    /// An attribute of the resource, by its canonical name (`displayName`, `externalId`, or one that the schema does not
    /// know), gets this value; `null` clears it.
    Set(String, Value),
    /// These become members, if they are not.
    Add(Vec<String>),
    /// These are no members afterwards.
    Remove(Vec<String>),
    /// Nobody is a member afterwards.
    RemoveAll,
    /// These and nobody else are members afterwards.
    Replace(Vec<String>),
}

impl GroupChange {
    /// How many members it names.
    #[must_use]
    pub fn named(&self) -> usize {
        match self {
            Self::Add(ids) | Self::Remove(ids) | Self::Replace(ids) => ids.len(),
            Self::Set(..) | Self::RemoveAll => 0,
        }
    }

    /// Whether it is about all members that there are.
    #[must_use]
    pub fn is_of_all(&self) -> bool {
        matches!(self, Self::RemoveAll | Self::Replace(_))
    }

    /// Whether it is about members at all: then it is a statement of its own.
    #[must_use]
    pub fn is_of_members(&self) -> bool {
        !matches!(self, Self::Set(..))
    }
}

/// How often the operations of one PATCH may turn from members that come to members that go.
const TURNS: usize = 100;

/// What the operations change of a Group, so that few statements do it: what is said of members before all of them go or are
/// replaced is left out, and who comes (or goes) by several operations in a row does so in one list. A `displayName` among
/// them is never empty.
///
/// # Errors
/// As the operation that cannot be; 413 for what is too many of them.
pub fn group_changes(operations: &[Operation<'_>]) -> Result<Vec<GroupChange>, Fault> {
    let mut changes = Vec::new();
    for (at, operation) in operations.iter().enumerate() {
        for change in changes_of(operation).map_err(|fault| at_operation(at, fault))? {
            take_in(&mut changes, change);
        }
        let of_members = changes.iter().filter(|change| change.is_of_members()).count();
        if changes.len() - of_members > NAMES {
            return Err(Fault::new(413, format!("the PATCH sets more than {NAMES} attributes; send the rest in another")));
        }
        if of_members > TURNS {
            let detail = format!("the PATCH adds and removes members in turn more than {TURNS} times; send the rest in another");
            return Err(Fault::new(413, detail));
        }
    }
    for change in &mut changes {
        if let GroupChange::Add(ids) | GroupChange::Remove(ids) = change {
            let mut seen = HashSet::new();
            ids.retain(|id| seen.insert(id.clone()));
        }
    }
    Ok(changes)
}

/// Takes in what comes after `changes`.
fn take_in(changes: &mut Vec<GroupChange>, next: GroupChange) {
    if next.is_of_all() {
        changes.retain(|change| !change.is_of_members());
    }
    let last = changes.iter_mut().rfind(|change| change.is_of_members());
    match (last, next) {
        (Some(GroupChange::Add(ids)), GroupChange::Add(more)) | (Some(GroupChange::Remove(ids)), GroupChange::Remove(more)) => {
            ids.extend(more);
        }
        (_, next) => changes.push(next),
    }
}

/// Applies what `changes` set to the canonical form of a Group, members apart.
///
/// # Errors
/// `invalidValue` if the Group grows too large.
pub fn apply_set(resource: &mut Map<String, Value>, changes: &[GroupChange]) -> Result<(), Fault> {
    let mut draft = resource.clone();
    let mut spellings = Spellings::of(&GROUP, resource);
    for change in changes {
        if let GroupChange::Set(name, value) = change {
            custom::keep(&mut draft, &mut spellings, name, value);
        }
    }
    *resource = canonical_group(&Value::Object(draft))?.resource;
    Ok(())
}

fn changes_of(operation: &Operation<'_>) -> Result<Vec<GroupChange>, Fault> {
    let mut changes = Vec::new();
    match (&operation.path, operation.value) {
        (Some(path), value) => change(operation.verb, path, value, &mut changes)?,
        (None, Some(value)) => change_each(operation.verb, value, None, &mut changes)?,
        (None, None) => return Err(Fault::no_target("the operation needs a path or a value")),
    }
    // In as many spellings as there are, each of them would be a statement.
    match changes.iter().filter(|change| change.is_of_members()).count() {
        0 | 1 => Ok(changes),
        _ => Err(Fault::invalid_value("the value names members more than once")),
    }
}

fn change_each(verb: Verb, value: &Value, schema: Option<&str>, changes: &mut Vec<GroupChange>) -> Result<(), Fault> {
    let fields = value.as_object().ok_or_else(|| Fault::invalid_value("the value is an object of attributes"))?;
    for (key, value) in fields {
        match Path::of_key(key, schema)? {
            Some(path) => change(verb, &path, Some(value), changes)?,
            None => changes.push(unknown(key.clone(), Some(value))?),
        }
    }
    Ok(())
}

fn change(verb: Verb, path: &Path, value: Option<&Value>, changes: &mut Vec<GroupChange>) -> Result<(), Fault> {
    if verb == Verb::Add && value.is_none_or(Value::is_null) {
        return Ok(());
    }
    let given = value.filter(|value| verb != Verb::Remove && !value.is_null());
    match GROUP.place(&path.attribute) {
        Place::Known { attribute, .. } if attribute.name == members::ATTRIBUTE => {
            changes.extend(change_members(verb, path, value)?);
        }
        Place::Known { attribute, .. } if !writable(attribute) || attribute.name == "schemas" => {}
        Place::Known { attribute, .. } => {
            if path.selected.is_some() || path.attribute.sub.is_some() {
                return Err(Fault::invalid_path(format!("{} is a single text", attribute.name)));
            }
            changes.push(set(attribute, given)?);
        }
        _ if path.selected.is_some() => {}
        _ if path.attribute.schema.as_deref() == Some(GROUP.schema.id) && path.attribute.is_schema() => {
            return given.map_or(Ok(()), |value| change_each(verb, value, Some(GROUP.schema.id), changes));
        }
        _ => changes.push(unknown(path.attribute.to_string(), given)?),
    }
    Ok(())
}

/// Sets what the schema does not know.
fn unknown(name: String, given: Option<&Value>) -> Result<GroupChange, Fault> {
    if !document::fits(given.map(|value| (&name, value)).into_iter(), SENT) {
        return Err(Fault::invalid_value(format!(
            "{} has more than {SENT} bytes of JSON",
            name.chars().take(80).collect::<String>()
        )));
    }
    Ok(GroupChange::Set(name, given.cloned().unwrap_or(Value::Null)))
}

fn set(attribute: &'static Attribute, given: Option<&Value>) -> Result<GroupChange, Fault> {
    let value = match given {
        Some(value) => read(attribute, value, attribute.name)?,
        None if attribute.required => return Err(Fault::mutability(format!("{} is required", attribute.name))),
        None => None,
    };
    let blank = value.as_ref().and_then(Value::as_str).is_none_or(|text| text.trim().is_empty());
    if attribute.required && blank {
        return Err(Fault::invalid_value(format!("{} is required", attribute.name)));
    }
    Ok(GroupChange::Set(attribute.name.to_owned(), value.unwrap_or(Value::Null)))
}

fn change_members(verb: Verb, path: &Path, value: Option<&Value>) -> Result<Option<GroupChange>, Fault> {
    if let Some(filter) = &path.selected {
        return match (verb, &path.attribute.sub) {
            (Verb::Remove, None) => Ok(Some(GroupChange::Remove(chosen(filter)?))),
            // What could be said of a member is not kept: only that it is one.
            (_, Some(sub)) if !sub.eq_ignore_ascii_case("value") => Ok(None),
            _ => Err(Fault::invalid_path("members are added and replaced without a filter")),
        };
    }
    let named = value.is_some_and(|value| !value.is_null());
    match &path.attribute.sub {
        // `Add members.value "u-17"`: all that there is of a member.
        Some(sub) if sub.eq_ignore_ascii_case("value") && named && verb != Verb::Replace => {}
        Some(_) => return Err(Fault::invalid_path("members are added, removed and replaced as a whole")),
        None => {}
    }
    let unassigned = value.is_none_or(Value::is_null);
    Ok(Some(match verb {
        Verb::Remove | Verb::Replace if unassigned => GroupChange::RemoveAll,
        Verb::Add => GroupChange::Add(ids(value)?),
        // Entra names who goes in a list; taking that for all of them empties the group.
        Verb::Remove => GroupChange::Remove(ids(value)?),
        Verb::Replace => match ids(value)? {
            ids if ids.is_empty() => GroupChange::RemoveAll,
            ids => GroupChange::Replace(ids),
        },
    }))
}

fn ids(value: Option<&Value>) -> Result<Vec<String>, Fault> {
    members::ids(value.unwrap_or(&Value::Null))
}

/// The ids that a filter names: `value eq "x"`, one or several.
fn chosen(filter: &Filter) -> Result<Vec<String>, Fault> {
    match filter {
        Filter::Compare(path, Operator::Eq, literal)
            if path.attribute.eq_ignore_ascii_case("value") && *literal != Literal::Null =>
        {
            Ok(vec![checked(&literal.text().unwrap_or_default())?.to_owned()])
        }
        Filter::Or(terms) => {
            let mut ids: Vec<String> = Vec::new();
            for id in terms.iter().map(chosen).collect::<Result<Vec<_>, _>>()?.into_iter().flatten() {
                if !ids.contains(&id) {
                    ids.push(id);
                }
            }
            Ok(ids)
        }
        _ => Err(Fault::invalid_filter("members are chosen by `value eq \"id\"`")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::parse, *};

    fn of(operations: Value) -> Result<Vec<GroupChange>, Fault> {
        group_changes(&parse(&json!({"Operations": operations}))?)
    }

    /// A hundred and thirty operations with `members` in 128 spellings were 16,640 statements of one transaction.
    #[test]
    fn members_are_changed_by_few_statements() {
        let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
        let add = |id: &str| json!({"op": "add", "path": "members", "value": [{"value": id}]});
        let remove = |id: &str| json!({"op": "remove", "path": format!("members[value eq \"{id}\"]")});
        let (nobody, name) =
            (json!({"op": "remove", "path": "members"}), json!({"op": "add", "path": "displayName", "value": "A"}));
        let only = json!({"op": "replace", "path": "members", "value": ["u-9"]});
        let set = GroupChange::Set("displayName".to_owned(), json!("A"));
        for (operations, changes) in [
            (json!(vec![&nobody; 1_000]), vec![GroupChange::RemoveAll]),
            (json!([add("u-1"), only, remove("u-2"), nobody]), vec![GroupChange::RemoveAll]),
            (
                json!([add("u-1"), name, nobody, only, add("u-2")]),
                vec![set.clone(), GroupChange::Replace(ids(&["u-9"])), GroupChange::Add(ids(&["u-2"]))],
            ),
            (
                json!([add("u-1"), add("u-2"), name, add("u-1"), remove("u-1"), remove("u-3"), add("u-1")]),
                vec![
                    GroupChange::Add(ids(&["u-1", "u-2"])),
                    set.clone(),
                    GroupChange::Remove(ids(&["u-1", "u-3"])),
                    GroupChange::Add(ids(&["u-1"])),
                ],
            ),
        ] {
            assert_eq!(of(operations.clone()), Ok(changes), "{operations}");
        }
        for twice in [
            json!({"members": null, "Members": null}),
            json!({"members": [{"value": "u-1"}], "urn:ietf:params:scim:schemas:core:2.0:Group:members": [{"value": "u-2"}]}),
            json!({"members": [], "urn:ietf:params:scim:schemas:core:2.0:Group": {"mEMBERS": []}}),
        ] {
            let fault = of(json!([{"op": "replace", "value": twice}])).expect_err("twice");
            assert_eq!(fault.scim_type, Some("invalidValue"), "{twice}");
        }
        let turns = |count: usize| (0..count).map(|n| if n % 2 == 0 { add("u-1") } else { remove("u-1") }).collect::<Value>();
        assert_eq!(of(turns(100)).map(|changes| changes.len()), Ok(100));
        assert_eq!(of(turns(101)).expect_err("too many").status, 413);
    }
}
