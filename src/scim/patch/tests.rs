use serde_json::{Map, json};

use super::*;

const URN: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

fn kim() -> Map<String, Value> {
    let body = json!({
        "userName": "kim", "externalId": "6f1d", "active": true, "title": "Dr", "name": {"givenName": "Kim", "familyName": "Ode"},
        "emails": [{"value": "kim@corp.example", "type": "work", "primary": true}, {"value": "kim@home.example", "type": "home"}],
    });
    crate::scim::schema::canonical_user(&body).expect("a user")
}

fn attempt(operations: &Value) -> Result<Value, Fault> {
    let mut user = kim();
    apply_user(&mut user, &parse(&json!({"Operations": operations}))?)?;
    Ok(Value::Object(user))
}

/// Kim after the operations, as far as it differs: changed or new values, and `null` for what is gone.
fn changed(operations: Value) -> Value {
    let after = attempt(&operations).unwrap_or_else(|fault| panic!("{operations}: {}", fault.detail));
    let before = kim();
    let after = after.as_object().expect("an object");
    let mut difference: Map<String, Value> = before.keys().map(|name| (name.clone(), Value::Null)).collect();
    difference.extend(after.clone());
    difference.retain(|name, value| name != "schemas" && before.get(name) != Some(value));
    Value::Object(difference)
}

fn refusal(operations: Value) -> &'static str {
    let fault = attempt(&operations).expect_err(&operations.to_string());
    assert_eq!(fault.status, 400, "{operations}");
    fault.scim_type.expect("a keyword")
}

#[test]
fn entra_by_default() {
    let operations = json!([
        {"op": "Replace", "path": "active", "value": "False"},
        {"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "k@corp.example"},
        {"op": "Add", "path": format!("{URN}:department"), "value": "Ops"},
        {"op": "Add", "path": "manager", "value": [{"$ref": "https://gh.example/scim/v2/Users/u-2", "value": "u-2"}]},
        {"op": "Add", "path": format!("{CORE}:userType"), "value": "Guest"},
        {"op": "Replace", "path": "phoneNumbers[type eq \"mobile\"].value", "value": "+47 1"},
        {"op": "Add", "path": "roles[primary eq \"True\"].value", "value": "ops"},
        {"op": "Remove", "path": "title"},
    ]);
    assert_eq!(
        changed(operations),
        json!({
            "active": false, "title": null, "userType": "Guest",
            "emails": [{"value": "k@corp.example", "type": "work", "primary": true}, {"value": "kim@home.example", "type": "home"}],
            "phoneNumbers": [{"type": "mobile", "value": "+47 1"}],
            "roles": [{"primary": true, "value": "ops"}],
            URN: {"department": "Ops", "manager": {"$ref": "https://gh.example/scim/v2/Users/u-2", "value": "u-2"}},
        })
    );
}

#[test]
fn entra_with_the_flag_and_okta() {
    let operations = json!([{"op": "replace", "value": {
        "displayName": "Kim", "name.givenName": "K", format!("{URN}:employeeNumber"): "42", "id": "u-17",
        "emails[type eq \"work\"].value": "k@corp.example", URN: {"costCenter": "7"},
    }}]);
    assert_eq!(
        changed(operations),
        json!({
            "displayName": "Kim", "name": {"givenName": "K", "familyName": "Ode"},
            "emails": [{"value": "k@corp.example", "type": "work", "primary": true}, {"value": "kim@home.example", "type": "home"}],
            URN: {"employeeNumber": "42", "costCenter": "7"},
        })
    );
    assert_eq!(changed(json!([{"op": "replace", "value": {"active": false}}])), json!({"active": false}));
}

#[test]
fn forms() {
    for (operations, difference) in [
        (json!([{"op": "REPLACE", "Path": "", "Value": [{"TITLE": ["Prof"]}]}]), json!({"title": "Prof"})),
        (
            json!([{"op": "add", "path": "name", "value": {"middleName": "B", "familyName": null}}]),
            json!({"name": {"givenName": "Kim", "middleName": "B"}}),
        ),
        (json!([{"op": "replace", "path": "title", "value": null}]), json!({"title": null})),
        (json!([{"op": "add", "path": "title", "value": null}]), json!({})),
        (json!([{"op": "remove", "path": "name.familyName"}]), json!({"name": {"givenName": "Kim"}})),
        (json!([{"op": "remove", "path": "name"}]), json!({"name": null})),
        (json!([{"op": "remove", "path": "nickName"}]), json!({})),
        (
            json!([{"op": "add", "path": "emails", "value": [{"value": "KIM@corp.example", "type": "work"}]}]),
            json!({"emails": [{"value": "KIM@corp.example", "type": "work", "primary": true}, {"value": "kim@home.example", "type": "home"}]}),
        ),
        (
            json!([{"op": "add", "path": "emails", "value": {"value": "x@y", "primary": true}}]),
            json!({"emails": [{"value": "kim@corp.example", "type": "work", "primary": false},
                {"value": "kim@home.example", "type": "home"}, {"value": "x@y", "primary": true}]}),
        ),
        (json!([{"op": "replace", "path": "emails", "value": []}]), json!({"emails": null})),
        (
            json!([{"op": "replace", "path": "emails[type eq \"home\"].primary", "value": "true"}]),
            json!({"emails": [{"value": "kim@corp.example", "type": "work", "primary": false},
                {"value": "kim@home.example", "type": "home", "primary": true}]}),
        ),
        (
            json!([{"op": "replace", "path": "emails[type eq \"home\"]", "value": {"value": "x@y"}}]),
            json!({"emails": [{"value": "kim@corp.example", "type": "work", "primary": true}, {"value": "x@y", "type": "home"}]}),
        ),
        (
            json!([{"op": "add", "path": "emails[type eq \"home\"]", "value": {"display": "home"}}]),
            json!({"emails": [{"value": "kim@corp.example", "type": "work", "primary": true},
                {"value": "kim@home.example", "type": "home", "display": "home"}]}),
        ),
        (
            json!([{"op": "remove", "path": "emails[type eq \"work\"]"}]),
            json!({"emails": [{"value": "kim@home.example", "type": "home"}]}),
        ),
        (
            json!([{"op": "remove", "path": "emails[type eq \"work\"].value"}]),
            json!({"emails": [{"value": "kim@home.example", "type": "home"}]}),
        ),
        (json!([{"op": "remove", "path": "emails[type eq \"other\"]"}]), json!({})),
        (
            json!([{"op": "Remove", "path": "emails", "value": [{"value": "KIM@HOME.example"}]}]),
            json!({"emails": [{"value": "kim@corp.example", "type": "work", "primary": true}]}),
        ),
        (json!([{"op": "Remove", "path": "emails", "value": []}]), json!({})),
        (json!([{"op": "Remove", "path": "emails", "value": [{}]}]), json!({})),
        (json!([{"op": "Remove", "path": "emails", "value": [{"value": "x"}]}]), json!({})),
        (json!([{"op": "remove", "path": "emails"}]), json!({"emails": null})),
        (json!([{"op": "add", "path": "manager", "value": "u-2"}]), json!({URN: {"manager": {"value": "u-2"}}})),
        (
            json!([{"op": "add", "path": "manager", "value": {"value": "u-2", "$ref": "r"}}, {"op": "replace", "path": "manager.value", "value": "u-3"}]),
            json!({URN: {"manager": {"value": "u-3"}}}),
        ),
        (
            json!([{"op": "add", "path": URN, "value": {"department": "Ops"}}, {"op": "remove", "path": format!("{URN}:department")}]),
            json!({}),
        ),
        (
            json!([{"op": "add", "path": format!("{URN}:badge"), "value": [1]}, {"op": "add", "path": "shoe.size", "value": 44}]),
            json!({URN: {"badge": [1]}, "shoe.size": 44}),
        ),
        (
            json!([{"op": "add", "value": {"http://x.example/a b": 1}}, {"op": "replace", "path": "shoes[size eq 4].left", "value": 1}]),
            json!({"http://x.example/a b": 1}),
        ),
        (json!([{"op": "add", "value": {"urn:acme:1.0:Shoes": {"left": 1}}}]), json!({"urn:acme:1.0:Shoes": {"left": 1}})),
        (json!([{"op": "add", "value": {CORE: {"title": "Prof"}}}]), json!({"title": "Prof"})),
    ] {
        assert_eq!(changed(operations.clone()), difference, "{operations}");
    }
}

#[test]
fn what_gives_rights_or_is_ours_stays() {
    for path in ["id", "meta", "meta.version", "groups", "groups[value eq \"admins\"]", "password", "schemas", "active"] {
        assert_eq!(changed(json!([{"op": "remove", "path": path}])), json!({}), "{path}");
    }
    for path in ["id", "meta", "groups", "groups[value eq \"admins\"].value", "password", &format!("{CORE}:id")] {
        assert_eq!(changed(json!([{"op": "replace", "path": path, "value": "x"}])), json!({}), "{path}");
    }
    assert_eq!(
        changed(json!([{"op": "add", "value": {"id": "x", "meta": {}, "groups": [{"value": "g"}], "password": "p"}}])),
        json!({})
    );
}

#[test]
fn refusals() {
    for (operations, keyword) in [
        (json!([]), "invalidSyntax"),
        (json!({}), "invalidSyntax"),
        (json!([7]), "invalidSyntax"),
        (json!([{"path": "title", "value": "x"}]), "invalidSyntax"),
        (json!([{"op": "move", "path": "title"}]), "invalidSyntax"),
        (json!([{"op": "remove"}]), "noTarget"),
        (json!([{"op": "add", "path": "title"}]), "invalidValue"),
        (json!([{"op": "add", "value": "x"}]), "invalidValue"),
        (json!([{"op": "add", "path": 7, "value": "x"}]), "invalidPath"),
        (json!([{"op": "add", "path": "a b", "value": "x"}]), "invalidPath"),
        (json!([{"op": "add", "path": "a".repeat(600), "value": "x"}]), "invalidPath"),
        (json!([{"op": "add", "path": "title.x", "value": "x"}]), "invalidPath"),
        (json!([{"op": "add", "path": "title[value eq 1]", "value": "x"}]), "invalidPath"),
        (json!([{"op": "add", "path": "emails[type eq].value", "value": "x"}]), "invalidFilter"),
        (json!([{"op": "add", "path": "emails[primary gt true].value", "value": "x"}]), "invalidFilter"),
        (json!([{"op": "replace", "value": {"emails[type": "x"}}]), "invalidFilter"),
        (
            json!([{"op": "replace", "path": "emails[not (type eq \"x\") and type eq \"work\" and type eq \"y\"].value", "value": "x"}]),
            "noTarget",
        ),
        (json!([{"op": "replace", "path": "emails[value eq \"nobody\"].value", "value": "x"}]), "noTarget"),
        (json!([{"op": "replace", "path": "active", "value": "perhaps"}]), "invalidValue"),
        (json!([{"op": "replace", "path": "title", "value": {"x": 1}}]), "invalidValue"),
        (json!([{"op": "replace", "path": "title", "value": ["a", "b"]}]), "invalidValue"),
        (json!([{"op": "replace", "path": "name", "value": "Kim"}]), "invalidValue"),
        (json!([{"op": "replace", "path": URN, "value": "Ops"}]), "invalidValue"),
        (json!([{"op": "remove", "path": "userName"}]), "mutability"),
        (json!([{"op": "replace", "path": "userName", "value": ""}]), "invalidValue"),
        (
            json!([{"op": "add", "path": "emails", "value": [{"value": "a", "primary": true}, {"value": "b", "primary": true}]}]),
            "invalidValue",
        ),
        (json!([{"op": "add", "path": "emails", "value": (0..99).map(|n| n.to_string()).collect::<Vec<_>>()}]), "invalidValue"),
    ] {
        assert_eq!(refusal(operations.clone()), keyword, "{operations}");
    }
}

#[test]
fn all_or_nothing() {
    let body = json!({"Operations": [{"op": "replace", "path": "title", "value": "x"}, {"op": "replace", "path": "active", "value": 7}]});
    let mut user = kim();
    let fault = apply_user(&mut user, &parse(&body).expect("operations")).expect_err("no boolean");
    assert_eq!(user, kim());
    assert!(fault.detail.starts_with("operation 2: active"), "{}", fault.detail);
}

#[test]
fn too_many_operations() {
    let operations = |count: usize| json!({"Operations": vec![json!({"op": "remove", "path": "title"}); count]});
    assert_eq!(parse(&operations(1001)).expect_err("many").status, 413);
    let body = operations(1000);
    let many = parse(&body).expect("as many as may be");
    assert_eq!(apply_user(&mut kim(), &many).expect_err("many for a user").status, 413);
    group_changes(
        &parse(&json!({"Operations": vec![json!({"op": "remove", "path": "members[value eq \"u\"]"}); 1000]})).expect("many"),
    )
    .expect("as many for a group");
}

/// Looked through one by one for each of them, so many names would take minutes.
#[test]
fn many_names_are_looked_up() {
    let named = |from: usize| (from..from + 1_000).map(|n| (format!("n{n}"), json!(1))).collect::<Map<_, _>>();
    let within = |fields: Map<String, Value>| json!({URN: fields});
    for wrapped in [false, true] {
        let values = (0..100).map(|n| named(n * 1_000)).map(|fields| if wrapped { within(fields) } else { fields.into() });
        let operations: Vec<Value> = values.map(|value| json!({"op": "add", "value": value})).collect();
        let body = json!({"Operations": operations});
        let fault = apply_user(&mut kim(), &parse(&body).expect("operations")).expect_err("too large in the end");
        assert_eq!(fault.scim_type, Some("invalidValue"));
        let changes = group_changes(&parse(&body).expect("operations"));
        assert!(wrapped || changes.is_err_and(|fault| fault.status == 413));
    }
    let few = json!({"Operations": [{"op": "add", "value": named(0)}]});
    let mut user = kim();
    apply_user(&mut user, &parse(&few).expect("operations")).expect("a thousand");
    assert_eq!(user["n999"], json!(1));
    let changes = group_changes(&parse(&few).expect("operations")).expect("a thousand");
    let mut resource = crate::scim::schema::canonical_group(&json!({"displayName": "A"})).expect("a group").resource;
    apply_set(&mut resource, &changes).expect("a group");
    assert_eq!(resource["n999"], json!(1));
}

#[test]
fn values_stay_small() {
    let subs = |count: usize| (0..count).map(|n| (format!("s{n}"), json!(1))).collect::<Map<_, _>>();
    for path in ["name", "emails[type eq \"work\"]", "emails"] {
        let operations = |count: usize| json!([{"op": "add", "path": path, "value": subs(count)}]);
        assert_eq!(refusal(operations(51)), "invalidValue", "{path}");
        attempt(&operations(40)).expect(path);
        assert_eq!(
            refusal(json!([{"op": "add", "path": "name", "value": subs(40)}, {"op": "add", "path": "name.t", "value": 1},
            {"op": "add", "path": "name", "value": (0..20).map(|n| (format!("t{n}"), json!(1))).collect::<Map<_, _>>()}])),
            "invalidValue"
        );
    }
}

fn group(operations: Value) -> Result<Vec<GroupChange>, Fault> {
    group_changes(&parse(&json!({"Operations": operations}))?)
}

#[test]
fn groups() {
    let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    let set = |name: &str, value: Value| GroupChange::Set(name.to_owned(), value);
    for (operations, changes) in [
        (
            json!([{"op": "Add", "path": "members", "value": [{"$ref": null, "value": "u-17"}, "u-2", {"value": "u-17"}]}]),
            vec![GroupChange::Add(ids(&["u-17", "u-2"]))],
        ),
        (json!([{"op": "add", "path": "members", "value": {"value": "u-17"}}]), vec![GroupChange::Add(ids(&["u-17"]))]),
        (
            json!([{"op": "Remove", "path": "members", "value": [{"$ref": null, "value": "u-17"}]}]),
            vec![GroupChange::Remove(ids(&["u-17"]))],
        ),
        (json!([{"op": "remove", "path": "members[value eq \"u-17\"]"}]), vec![GroupChange::Remove(ids(&["u-17"]))]),
        (json!([{"op": "Add", "path": "members.value", "value": "u-17"}]), vec![GroupChange::Add(ids(&["u-17"]))]),
        (
            json!([{"op": "remove", "path": "members.value", "value": ["u-17", "u-3"]}]),
            vec![GroupChange::Remove(ids(&["u-17", "u-3"]))],
        ),
        (
            json!([{"op": "remove", "path": "members[value eq \"u-1\" or value eq \"u-2\"]"}]),
            vec![GroupChange::Remove(ids(&["u-1", "u-2"]))],
        ),
        (json!([{"op": "remove", "path": "members", "value": []}]), vec![GroupChange::Remove(vec![])]),
        (json!([{"op": "remove", "path": "members"}]), vec![GroupChange::RemoveAll]),
        (json!([{"op": "replace", "path": "members", "value": []}]), vec![GroupChange::RemoveAll]),
        (json!([{"op": "replace", "path": "members", "value": [{"value": "u-1"}]}]), vec![GroupChange::Replace(ids(&["u-1"]))]),
        (json!([{"op": "add", "value": {"members": [{"value": "u-1"}]}}]), vec![GroupChange::Add(ids(&["u-1"]))]),
        (json!([{"op": "add", "path": "members", "value": null}]), vec![]),
        (json!([{"op": "replace", "value": {"id": "g-9", "DISPLAYNAME": "SRE"}}]), vec![set("displayName", json!("SRE"))]),
        (json!([{"op": "Replace", "path": "externalId", "value": "x"}]), vec![set("externalId", json!("x"))]),
        (json!([{"op": "Remove", "path": "externalId"}]), vec![set("externalId", json!(null))]),
        (json!([{"op": "add", "path": "colour", "value": "red"}]), vec![set("colour", json!("red"))]),
        (json!([{"op": "replace", "path": "members[value eq \"u-1\"].display", "value": "Kim"}]), vec![]),
        (
            json!([{"op": "remove", "path": "members[value eq \"u-3\"]"}, {"op": "add", "path": "members", "value": [{"value": "u-17", "display": "kim"}]}]),
            vec![GroupChange::Remove(ids(&["u-3"])), GroupChange::Add(ids(&["u-17"]))],
        ),
    ] {
        assert_eq!(group(operations.clone()), Ok(changes), "{operations}");
    }
    for (operations, keyword) in [
        (json!([{"op": "remove", "path": "displayName"}]), "mutability"),
        (json!([{"op": "replace", "path": "displayName", "value": " "}]), "invalidValue"),
        (json!([{"op": "replace", "path": "displayName", "value": ["a", "b"]}]), "invalidValue"),
        (json!([{"op": "add", "path": "displayName.x", "value": "a"}]), "invalidPath"),
        (json!([{"op": "remove", "path": "members[display eq \"u-17\"]"}]), "invalidFilter"),
        (json!([{"op": "remove", "path": "members[not (value eq \"u-17\")]"}]), "invalidFilter"),
        (json!([{"op": "remove", "path": "members[value ne \"u-17\"]"}]), "invalidFilter"),
        (json!([{"op": "remove", "path": "members.value"}]), "invalidPath"),
        (json!([{"op": "add", "path": "members[value eq \"x\"]", "value": {"value": "y"}}]), "invalidPath"),
        (json!([{"op": "add", "path": "members", "value": [{"value": "g-1", "type": "Group"}]}]), "invalidValue"),
        (json!([{"op": "add", "path": "members", "value": [{"display": "x"}]}]), "invalidValue"),
        (json!([{"op": "add", "path": "members", "value": 7}]), "invalidValue"),
    ] {
        assert_eq!(group(operations.clone()).expect_err("a fault").scim_type, Some(keyword), "{operations}");
    }
}

#[test]
fn a_group_is_set() {
    let mut resource =
        crate::scim::schema::canonical_group(&json!({"displayName": "A", "externalId": "1"})).expect("a group").resource;
    let changes =
        group(json!([{"op": "replace", "value": {"displayName": "B", "externalId": null, "colour": "red"}}])).expect("changes");
    apply_set(&mut resource, &changes).expect("a group");
    assert_eq!(
        Value::Object(resource),
        json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "B", "colour": "red"})
    );
}

/// What a customer has made up in Entra: changed where it is, and not beside it.
#[test]
fn attributes_of_a_customers_own_schema() {
    const CUSTOM: &str = "urn:ietf:params:scim:schemas:extension:CustomExtensionName:2.0:User";
    const OTHER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:Person";
    let path = |attribute: &str| format!("{CUSTOM}:{attribute}");
    let patched = |custom: Value, operations: Value| {
        let mut user = json!({"userName": "kim", "schemas": [OTHER]});
        if !custom.is_null() {
            user[CUSTOM] = custom;
        }
        let mut user = crate::scim::schema::canonical_user(&user).expect("a user");
        apply_user(&mut user, &parse(&json!({"Operations": operations})).expect("operations")).expect("a user");
        assert!(user.keys().all(|key| !key.ends_with(":tag")), "{user:?}");
        Value::Object(user)
    };
    let lower = path("TAG").to_lowercase();
    for (before, operation, after) in [
        (json!({"tag": "a", "b": 1}), json!({"op": "Replace", "path": path("tag"), "value": "x"}), json!({"tag": "x", "b": 1})),
        (json!({"Tag": "a"}), json!({"op": "add", "path": lower, "value": "x"}), json!({"Tag": "x"})),
        (json!({"tag": "a"}), json!({"op": "add", "path": path("new"), "value": 7}), json!({"tag": "a", "new": 7})),
        (json!({"tag": "a", "b": 1}), json!({"op": "Remove", "path": path("TAG")}), json!({"b": 1})),
        (json!({"tag": "a"}), json!({"op": "Remove", "path": path("tag")}), Value::Null),
        (json!({"tag": "a"}), json!({"op": "replace", "value": {path("tag"): "x"}}), json!({"tag": "x"})),
        (json!({"tag": "a", "b": 1}), json!({"op": "add", "value": {CUSTOM: {"TAG": "x"}}}), json!({"tag": "x", "b": 1})),
        (json!({"tag": "a", "b": 1}), json!({"op": "replace", "path": CUSTOM, "value": {"tag": null}}), json!({"b": 1})),
        (json!({"a": {"b": 1}}), json!({"op": "add", "path": path("a.c"), "value": 2}), json!({"a": {"b": 1, "c": 2}})),
        (json!({"a": 1}), json!({"op": "remove", "path": path("a.c")}), json!({"a": 1})),
        (Value::Null, json!({"op": "Add", "path": path("tag"), "value": "x"}), json!({"tag": "x"})),
        (Value::Null, json!({"op": "Remove", "path": path("tag")}), Value::Null),
    ] {
        assert_eq!(patched(before, json!([operation])).get(CUSTOM).unwrap_or(&Value::Null), &after, "{operation}");
    }
    // Of a schema that the resource names, and that begins like another spelling of ours.
    let operation = json!({"op": "add", "path": format!("{OTHER}:tag"), "value": "x"});
    assert_eq!(patched(Value::Null, json!([operation]))[OTHER], json!({"tag": "x"}));
    // Of one that nobody knows it stays what it was, and is changed as that.
    let flat = json!([
        {"op": "add", "path": "urn:corp:x:y", "value": 1},
        {"op": "add", "path": "urn:corp:x:Y", "value": 2},
    ]);
    assert_eq!(patched(Value::Null, flat)["urn:corp:x:y"], json!(2));

    let group_with = json!({"displayName": "A", CUSTOM: {"tag": "a", "b": 1}});
    let mut resource = crate::scim::schema::canonical_group(&group_with).expect("a group").resource;
    let changes = group(json!([{"op": "replace", "path": path("tag"), "value": "x"}])).expect("changes");
    apply_set(&mut resource, &changes).expect("a group");
    assert_eq!(resource[CUSTOM], json!({"tag": "x", "b": 1}));
    assert!(!resource.contains_key(&path("tag")));
}

/// However empty it is: what came of the first time is what comes of the second.
#[test]
fn an_object_of_nobodys_schema_is_added_once() {
    for value in [json!({}), json!({"a": null}), json!({"a": 1, "b": null}), json!({"a": {}})] {
        for operation in [
            json!({"op": "add", "path": CORE, "value": {"value": value}}),
            json!({"op": "add", "path": "urn:corp:scim:2.0:Other", "value": value}),
            json!({"op": "add", "value": {"urn:corp:scim:2.0:Other": value}}),
        ] {
            assert_eq!(changed(json!([operation, operation])), changed(json!([operation])), "{operation}");
        }
    }
    let made = changed(json!([{"op": "add", "path": "urn:corp:scim:2.0:Other", "value": {"a": 1, "b": null}}]));
    assert_eq!(made, json!({"urn:corp:scim:2.0:Other": {"a": 1}}));
}
