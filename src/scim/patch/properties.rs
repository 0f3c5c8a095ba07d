//! Laws of PATCH, on generated users and operations.

use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*};
use serde_json::{Map, Value, json};

use super::{GroupChange, apply_user, group_changes, parse};
use crate::scim::schema::{canonical_group, canonical_user};

const URN: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// As Microsoft has customers make up their own, as Entra would for somebody else's, and one that looks like an alias of ours.
const CUSTOM: [&str; 3] = [
    "urn:ietf:params:scim:schemas:extension:CustomExtensionName:2.0:User",
    "urn:corp:scim:2.0:Badge",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:Person",
];

/// A change as a person would put it, which has one meaning for PUT and many forms for PATCH.
#[derive(Clone, Debug)]
enum Edit {
    Set(&'static str, Value),
    SetName(&'static str, Value),
    SetEnterprise(&'static str, Value),
    SetCustom(&'static str, &'static str, Value),
    ClearCustom(&'static str, &'static str),
    Clear(&'static str),
    AddEmail(Value),
    RemoveEmail(&'static str),
    SetEmailOf(&'static str, &'static str),
    SetEmails(Vec<Value>),
}

fn text() -> impl Strategy<Value = Value> {
    proptest::sample::select(vec!["a", "B", "ü", "", "a b", "\"[]", "null"]).prop_map(Value::from)
}

fn email() -> impl Strategy<Value = Value> {
    let value = proptest::sample::select(vec!["a@x", "A@x", "b@x", "c@x"]);
    let kind = proptest::option::of(proptest::sample::select(vec!["work", "Work", "home"]));
    (value, kind, proptest::option::of(any::<bool>()), proptest::option::of(text())).prop_map(
        |(value, kind, primary, display)| {
            let fields = [
                ("value", Some(value.into())),
                ("type", kind.map(Value::from)),
                ("primary", primary.map(Value::from)),
                ("display", display),
            ];
            Value::Object(fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
        },
    )
}

fn emails() -> impl Strategy<Value = Vec<Value>> {
    vec(email(), 0..4).prop_map(|mut emails| {
        let mut primary = false;
        for email in &mut emails {
            if email["primary"] == true && std::mem::replace(&mut primary, true) {
                email["primary"] = false.into();
            }
        }
        emails
    })
}

fn edit() -> impl Strategy<Value = Edit> {
    let simple = proptest::sample::select(vec!["displayName", "title", "externalId", "locale", "profileUrl", "shoeSize"]);
    let clearable = proptest::sample::select(vec!["displayName", "title", "name", "emails", "externalId", "roles", "shoeSize"]);
    let address = proptest::sample::select(vec!["a@x", "A@X", "b@x", "nobody@x"]);
    prop_oneof![
        (simple, text()).prop_map(|(name, value)| Edit::Set(name, value)),
        any::<bool>().prop_map(|active| Edit::Set("active", active.into())),
        (proptest::sample::select(vec!["givenName", "familyName"]), text()).prop_map(|(name, value)| Edit::SetName(name, value)),
        (proptest::sample::select(vec!["department", "badge"]), text())
            .prop_map(|(name, value)| Edit::SetEnterprise(name, value)),
        (proptest::sample::select(CUSTOM.to_vec()), proptest::sample::select(vec!["tag", "level"]), text())
            .prop_map(|(urn, name, value)| Edit::SetCustom(urn, name, value)),
        (proptest::sample::select(CUSTOM.to_vec()), proptest::sample::select(vec!["tag", "level"]))
            .prop_map(|(urn, name)| Edit::ClearCustom(urn, name)),
        clearable.prop_map(Edit::Clear),
        email().prop_map(Edit::AddEmail),
        address.clone().prop_map(Edit::RemoveEmail),
        (proptest::sample::select(vec!["work", "home", "other"]), address)
            .prop_map(|(kind, value)| Edit::SetEmailOf(kind, value)),
        emails().prop_map(Edit::SetEmails),
    ]
}

fn user() -> impl Strategy<Value = Value> {
    (emails(), vec(edit(), 0..4)).prop_map(|(emails, edits)| {
        let mut user = json!({"userName": "kim", "active": true, "emails": emails, "schemas": [CORE, CUSTOM[1], CUSTOM[2]]});
        edits.iter().for_each(|edit| user = put(user.clone(), edit));
        user
    })
}

/// What a PUT of the changed resource leaves.
fn put(mut user: Value, edit: &Edit) -> Value {
    match edit.clone() {
        Edit::Set(name, value) => user[name] = value,
        Edit::SetName(name, value) => user["name"][name] = value,
        Edit::SetEnterprise(name, value) => user[URN][name] = value,
        Edit::SetCustom(urn, name, value) => user[urn][name] = value,
        Edit::ClearCustom(urn, name) => {
            let fields = user[urn].as_object_mut();
            let left = fields.is_some_and(|fields| fields.remove(name).is_none() || !fields.is_empty());
            if !left {
                user[urn] = Value::Null;
            }
        }
        Edit::Clear(name) => user[name] = Value::Null,
        Edit::SetEmails(emails) => user["emails"] = emails.into(),
        Edit::AddEmail(email) => {
            let mut emails = list(&user);
            if email["primary"] == true {
                emails.iter_mut().filter(|other| other["primary"] == true).for_each(|other| other["primary"] = false.into());
            }
            emails.push(email);
            user["emails"] = emails.into();
        }
        Edit::RemoveEmail(value) => {
            let mut emails = list(&user);
            emails.retain(|email| email["value"].as_str().map(str::to_lowercase) != Some(value.to_lowercase()));
            user["emails"] = emails.into();
        }
        Edit::SetEmailOf(kind, value) => {
            let mut emails = list(&user);
            let of = |email: &&mut Value| email["type"].as_str().map(str::to_lowercase).as_deref() == Some(kind);
            if emails.iter_mut().filter(of).map(|email| email["value"] = value.into()).count() == 0 {
                emails.push(json!({"type": kind, "value": value}));
            }
            user["emails"] = emails.into();
        }
    }
    Value::Object(canonical_user(&user).expect("a user"))
}

fn list(user: &Value) -> Vec<Value> {
    user["emails"].as_array().cloned().unwrap_or_default()
}

/// The same change in one of its forms.
fn operation(edit: &Edit, form: usize) -> Value {
    let op = |names: [&'static str; 3]| names[form % 3];
    let set = op(["replace", "Replace", "add"]);
    let remove = op(["remove", "Remove", "REMOVE"]);
    let scalar = |value: &Value| match (form / 3 % 3, value) {
        (1, Value::Bool(truth)) => if *truth { "True" } else { "False" }.into(),
        (2, value) => json!([value]),
        (_, value) => value.clone(),
    };
    // Keys of an object without a path, and paths: with and without the URN, in any case.
    let place = |schema: &str, name: &str, raw: bool| match form / 9 % 5 {
        0 => (Some(name.to_owned()), None),
        1 => (Some(format!("{}:{}", schema.to_uppercase(), name.to_uppercase())), None).clone(),
        2 => (None, Some(name.to_owned())),
        3 if !raw => (None, Some(format!("{schema}:{name}"))),
        _ => (Some(if raw { name.to_owned() } else { name.to_lowercase() }), None),
    };
    let write = |(path, key): (Option<String>, Option<String>), value: Value| match (path, key) {
        (Some(path), _) => json!({"op": set, "path": path, "value": value}),
        (None, key) => json!({"op": set, "value": {key.unwrap_or_default(): value}}),
    };
    match edit {
        // What the schema does not know is kept as it comes.
        Edit::Set("shoeSize", value) => json!({"op": set, "path": "shoeSize", "value": value}),
        Edit::Set(name, value) => write(place(CORE, name, false), scalar(value)),
        Edit::SetName(name, value) if form.is_multiple_of(4) => write(place(CORE, "name", false), json!({*name: scalar(value)})),
        Edit::SetName(name, value) => write(place(CORE, &format!("name.{name}"), false), scalar(value)),
        Edit::SetEnterprise(name, value) if form.is_multiple_of(2) => json!({"op": set, "value": {URN: {*name: value}}}),
        Edit::SetEnterprise(name, value) => json!({"op": set, "path": format!("{URN}:{name}"), "value": value}),
        Edit::SetCustom(urn, name, value) if form.is_multiple_of(2) => {
            json!({"op": set, "path": format!("{urn}:{name}"), "value": value})
        }
        Edit::SetCustom(urn, name, value) => json!({"op": set, "value": {format!("{urn}:{name}"): value}}),
        Edit::ClearCustom(urn, name) if form.is_multiple_of(2) => {
            json!({"op": "replace", "path": format!("{urn}:{name}"), "value": null})
        }
        Edit::ClearCustom(urn, name) => json!({"op": remove, "path": format!("{}:{name}", urn.to_uppercase())}),
        Edit::Clear(name) if form.is_multiple_of(2) => json!({"op": "replace", "path": name, "value": null}),
        Edit::Clear(name) => json!({"op": remove, "path": name}),
        Edit::AddEmail(email) if form.is_multiple_of(2) => json!({"op": "Add", "path": "EMAILS", "value": [email]}),
        Edit::AddEmail(email) => json!({"op": "add", "value": {"emails": email}}),
        Edit::RemoveEmail(value) if form.is_multiple_of(2) => {
            json!({"op": remove, "path": format!("emails[value eq {}]", json!(value))})
        }
        Edit::RemoveEmail(value) => json!({"op": remove, "path": "emails", "value": [{"value": value, "$ref": null}]}),
        Edit::SetEmailOf(kind, value) if form.is_multiple_of(4) => {
            json!({"op": set, "value": {format!("emails[type eq \"{kind}\"].value"): value}})
        }
        Edit::SetEmailOf(kind, value) => json!({"op": set, "path": format!("Emails[TYPE EQ \"{kind}\"].Value"), "value": value}),
        Edit::SetEmails(emails) => json!({"op": "replace", "path": "emails", "value": emails}),
    }
}

fn canonical(user: &Value) -> Map<String, Value> {
    canonical_user(user).expect("a user")
}

/// Operations that may or may not make sense.
fn wild() -> impl Strategy<Value = Value> {
    let verb = proptest::sample::select(vec!["add", "Replace", "remove"]);
    let path = proptest::sample::select(vec![
        "userName",
        "name",
        "name.givenName",
        "emails",
        "emails.value",
        "emails[type eq \"work\"]",
        "emails[primary eq true].value",
        "emails[not (value pr)]",
        "roles",
        "roles[primary eq \"True\"].value",
        "manager",
        "manager.value",
        "addresses[type eq work].locality",
        "addresses",
        "x509Certificates.value",
        "active",
        "id",
        "groups",
        "schemas",
        URN,
        CORE,
        "shoeSize",
        "a.b",
        "emails[type eq \"work\" and value eq \"a\"].display",
        "emails[type eq \"work\"].primary",
        "phoneNumbers[type eq \"a\" or type eq \"b\"].value",
    ]);
    let leaf = prop_oneof![text(), any::<bool>().prop_map(Value::from), Just(Value::Null), Just(json!(7)), Just(json!("True"))];
    let fields =
        proptest::sample::select(vec!["value", "type", "primary", "display", "givenName", "$ref", "locality", "manager", "x"]);
    let value = leaf.prop_recursive(2, 8, 3, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            vec((fields.clone(), inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())),
        ]
    });
    (verb, proptest::option::weighted(0.9, path), proptest::option::weighted(0.9, value)).prop_map(|(verb, path, value)| {
        let mut operation = json!({"op": verb});
        if let Some(path) = path {
            operation["path"] = path.into();
        }
        if let Some(value) = value {
            operation["value"] = value;
        }
        operation
    })
}

#[derive(Clone, Debug)]
enum MemberEdit {
    Add(Vec<&'static str>),
    Remove(Vec<&'static str>),
    Replace(Vec<&'static str>),
    Clear,
}

fn member_edit() -> impl Strategy<Value = MemberEdit> {
    let ids = || vec(proptest::sample::select(vec!["u-1", "u-2", "U-2", "u-3", "u-4"]), 0..4);
    prop_oneof![
        3 => ids().prop_map(MemberEdit::Add),
        3 => ids().prop_map(MemberEdit::Remove),
        1 => ids().prop_map(MemberEdit::Replace),
        1 => Just(MemberEdit::Clear),
    ]
}

fn member_operations(edit: &MemberEdit, form: usize) -> Vec<Value> {
    let values = |ids: &[&str]| match form % 3 {
        0 => ids.iter().map(|id| json!({"value": id, "$ref": null})).collect::<Value>(),
        1 => ids.iter().map(|id| json!({"Value": id, "display": "x", "type": "User"})).collect(),
        _ => json!(ids),
    };
    match edit {
        MemberEdit::Add(ids) if form.is_multiple_of(2) => vec![json!({"op": "Add", "path": "members", "value": values(ids)})],
        MemberEdit::Add(ids) => vec![json!({"op": "add", "value": {"members": values(ids)}})],
        MemberEdit::Remove(ids) if form.is_multiple_of(2) => {
            vec![json!({"op": "Remove", "path": "members", "value": values(ids)})]
        }
        MemberEdit::Remove(ids) => {
            ids.iter().map(|id| json!({"op": "remove", "path": format!("members[value eq \"{id}\"]")})).collect()
        }
        MemberEdit::Replace(ids) => vec![json!({"op": "replace", "path": "members", "value": values(ids)})],
        MemberEdit::Clear => vec![json!({"op": "remove", "path": "members"})],
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_sequence_equals_its_puts(user in user(), edits in vec((edit(), any::<usize>()), 1..8)) {
        let operations: Vec<Value> = edits.iter().map(|(edit, form)| operation(edit, *form)).collect();
        let mut patched = canonical(&user);
        let body = json!({"Operations": operations});
        apply_user(&mut patched, &parse(&body).expect("operations")).expect("a user");
        let expected = edits.iter().fold(Value::Object(canonical(&user)), |user, (edit, _)| put(user, edit));
        prop_assert_eq!(Value::Object(patched.clone()), expected, "{}", body);

        // One after the other is the same as together.
        let mut stepwise = canonical(&user);
        for operation in operations {
            apply_user(&mut stepwise, &parse(&json!({"Operations": [operation]})).expect("an operation")).expect("a user");
        }
        prop_assert_eq!(stepwise, patched);
    }

    #[test]
    fn whatever_is_sent_leaves_what_a_put_could_have_sent(user in user(), operations in vec(wild(), 1..5)) {
        let before = canonical(&user);
        let mut after = before.clone();
        let body = json!({"Operations": operations});
        let Ok(operations) = parse(&body) else { return Ok(()) };
        match apply_user(&mut after, &operations) {
            Ok(()) => prop_assert_eq!(&canonical(&Value::Object(after.clone())), &after),
            Err(_) => prop_assert_eq!(&after, &before),
        }
        for name in ["id", "meta", "groups", "password"] {
            prop_assert!(!after.contains_key(name));
        }
    }

    #[test]
    fn adding_twice_is_adding_once(user in user(), mut operation in wild()) {
        operation["op"] = "add".into();
        // What is added to what was chosen may make it another, which is not chosen again.
        if operation["path"].as_str().is_some_and(|path| path.ends_with(']')) {
            return Ok(());
        }
        let body = json!({"Operations": [operation]});
        let Ok(operations) = parse(&body) else { return Ok(()) };
        let mut once = canonical(&user);
        if apply_user(&mut once, &operations).is_ok() {
            let mut twice = once.clone();
            apply_user(&mut twice, &operations).expect("as before");
            prop_assert_eq!(twice, once);
        }
    }

    #[test]
    fn members(before in vec(member_edit(), 0..3), edits in vec((member_edit(), any::<usize>()), 1..6)) {
        let apply = |members: &mut BTreeSet<String>, edit: &MemberEdit| match edit {
            MemberEdit::Add(ids) => members.extend(ids.iter().map(|id| (*id).to_owned())),
            MemberEdit::Remove(ids) => members.retain(|member| !ids.contains(&member.as_str())),
            MemberEdit::Replace(ids) => *members = ids.iter().map(|id| (*id).to_owned()).collect(),
            MemberEdit::Clear => members.clear(),
        };
        let mut expected = BTreeSet::new();
        before.iter().for_each(|edit| apply(&mut expected, edit));
        let mut members = expected.clone();
        edits.iter().for_each(|(edit, _)| apply(&mut expected, edit));

        let operations: Vec<Value> = edits.iter().flat_map(|(edit, form)| member_operations(edit, *form)).collect();
        if operations.is_empty() {
            return Ok(());
        }
        for change in group_changes(&parse(&json!({"Operations": operations})).expect("operations")).expect("changes") {
            match change {
                GroupChange::Set(..) => prop_assert!(false, "only members"),
                GroupChange::Add(ids) => members.extend(ids),
                GroupChange::Remove(ids) => members.retain(|member| !ids.contains(member)),
                GroupChange::RemoveAll => members.clear(),
                GroupChange::Replace(ids) => members = ids.into_iter().collect(),
            }
        }
        let put = canonical_group(&json!({"displayName": "SRE", "members": expected})).expect("a group");
        let put: BTreeSet<String> = put.members.unwrap_or_default().into_iter().collect();
        prop_assert_eq!(members, put);
    }
}
