use serde_json::json;

use super::*;

const URN: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const CORE: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

fn read_user(body: Value) -> Value {
    let resource = canonical_user(&body).unwrap_or_else(|fault| panic!("{body}: {}", fault.detail));
    let again = canonical_user(&Value::Object(resource.clone())).expect("the canonical form");
    assert_eq!(again, resource, "reading twice");
    Value::Object(resource)
}

fn refusal(body: Value) -> String {
    let fault = canonical_user(&body).expect_err(&body.to_string());
    assert_eq!(fault.status, 400, "{body}");
    format!("{} {}", fault.scim_type.unwrap_or_default(), fault.detail)
}

#[test]
fn entra() {
    let body = json!({
        "schemas": [CORE, URN],
        "externalId": "6f1d", "userName": "Kim@corp.example", "active": true, "roles": [], "title": null,
        "meta": {"resourceType": "User"}, "id": null, "groups": [], "password": "secret",
        "emails": [{"primary": true, "type": "work", "value": "Kim@corp.example"}],
        "name": {"givenName": "Kim", "familyName": "Ode", "formatted": null},
        URN: {"department": "Ops", "manager": [{"$ref": "https://gh.example/scim/v2/Users/u-2", "value": "u-2"}]},
    });
    assert_eq!(
        read_user(body),
        json!({
            "schemas": [CORE, URN],
            "externalId": "6f1d", "userName": "Kim@corp.example", "active": true,
            "emails": [{"primary": true, "type": "work", "value": "Kim@corp.example"}],
            "name": {"givenName": "Kim", "familyName": "Ode"},
            URN: {"department": "Ops", "manager": {"$ref": "https://gh.example/scim/v2/Users/u-2", "value": "u-2"}},
        })
    );
}

#[test]
fn onelogin() {
    let body = json!({
        "schemas": ["urn:scim:schemas:core:2.0", "urn:scim:schemas:core:1.0", "urn:scim:schemas:extension:enterprise:2.0"],
        "id": null, "userName": "kim", "active": "true", "urn:scim:schemas:extension:enterprise:2.0": {"Department": "Ops"},
    });
    let expected = json!({"schemas": [CORE, URN], "userName": "kim", "active": true, URN: {"department": "Ops"}});
    assert_eq!(read_user(body), expected);
}

#[test]
fn names_in_any_case_and_in_other_forms() {
    let expected = json!({
        "schemas": [CORE, URN], "userName": "kim", "displayName": "Kim", "name": {"givenName": "K"},
        "emails": [{"value": "k@x"}], URN: {"department": "Ops", "manager": {"value": "u-2"}},
    });
    for body in [
        json!({"USERNAME": "kim", "DisplayName": ["Kim"], "NAME": {"GIVENNAME": "K"}, "Emails": [{"VALUE": "k@x"}],
            URN.to_uppercase(): {"DEPARTMENT": "Ops", "Manager": "u-2"}}),
        json!({"userName": "kim", "displayName": "Kim", "name.givenName": "K", "emails": {"value": "k@x"},
            format!("{URN}:department"): "Ops", "manager": {"value": "u-2"}}),
        json!({CORE: {"userName": "kim", "displayName": "Kim"}, "name": {"givenName": "K", "familyName": null}, "emails": ["k@x"],
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0User": {"department": "Ops", "manager": ["u-2"]}}),
    ] {
        assert_eq!(read_user(body), expected);
    }
}

#[test]
fn what_nobody_knows_is_kept() {
    let body = json!({
        "schemas": [CORE, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group", "urn:acme:1.0:Shoes"],
        "userName": "kim", "shoeSize": 44, "urn:acme:1.0:Shoes": {"left": [1, null]}, "admin": true, "odd key[": "x",
        "roles": [{"id": "7", "displayName": "Ops", "value": "ops"}], URN: {"badge": {"colour": "red"}},
    });
    let kept = read_user(body.clone());
    for name in ["shoeSize", "urn:acme:1.0:Shoes", "admin", "odd key[", "roles", URN] {
        assert_eq!(kept[name], body[name], "{name}");
    }
    assert_eq!(kept["schemas"].as_array().map(Vec::len), Some(4));
}

#[test]
fn what_is_no_users_to_write_is_dropped() {
    let body = json!({
        "userName": "kim", "id": "u-1", "ID": null, "meta": {"version": "x"}, "groups": [{"value": "admins"}], "password": "secret",
        format!("{CORE}:password"): null, URN: {"manager": {"value": "u-2", "displayName": "Boss"}},
    });
    // `ID` beside `id` is one name twice, so without it:
    let mut body = body;
    body.as_object_mut().expect("an object").retain(|name, _| name != "ID" && !name.ends_with(":password"));
    assert_eq!(read_user(body), json!({"schemas": [CORE, URN], "userName": "kim", URN: {"manager": {"value": "u-2"}}}));
}

#[test]
fn lists() {
    for (sent, kept) in [
        (json!([{"value": "a", "type": "work"}, {"value": "a", "type": "home"}]), None),
        (json!([{"value": "a", "type": "work"}, {"value": "b", "type": "work"}]), None),
        (
            json!([{"value": "a", "type": "work"}, {"value": "A", "type": "Work", "primary": "True"}]),
            Some(json!([{"value": "A", "type": "Work", "primary": true}])),
        ),
        (json!([{"type": "work", "primary": true}, {"value": "b"}, null, {}]), Some(json!([{"value": "b"}]))),
    ] {
        let kept = kept.unwrap_or_else(|| sent.clone());
        assert_eq!(read_user(json!({"userName": "kim", "emails": sent}))["emails"], kept);
    }
    let address = json!([{"type": "work", "locality": "Oslo"}, {"type": "work", "locality": "Oslo", "primary": true}]);
    let kept = read_user(json!({"userName": "kim", "addresses": address}));
    assert_eq!(kept["addresses"], json!([{"type": "work", "locality": "Oslo", "primary": true}]));
}

#[test]
fn refusals() {
    let many: Vec<Value> = (0..101).map(|n| json!({"value": n.to_string()})).collect();
    for (body, part) in [
        (json!([]), "invalidSyntax a resource is a JSON object"),
        (json!({}), "invalidValue userName is required"),
        (json!({"userName": null}), "userName is required"),
        (json!({"userName": "  "}), "userName is required"),
        (json!({"userName": true}), "invalidValue userName is a text"),
        (json!({"userName": " kim"}), "userName must not begin or end with white space"),
        (json!({"userName": "kim\u{202e}"}), "signs that nobody sees"),
        (json!({"userName": "kim\u{7}"}), "signs that nobody sees"),
        (json!({"userName": ["a", "b"]}), "userName has one value"),
        (json!({"userName": "a", "USERNAME": "b"}), "invalidSyntax username is given twice"),
        (json!({"userName": "a", CORE: {"userName": "b"}}), "given twice"),
        (json!({"userName": "a", "Shoe": 1, "shoe": 2}), "given twice"),
        (json!({"userName": "a", "manager": "x", URN: {"manager": "y"}}), "given twice"),
        (json!({"userName": "a", "name": {"givenName": "x", "GivenName": "y"}}), "given twice"),
        (json!({"userName": "a\u{0}"}), "NUL"),
        (json!({"userName": "a".repeat(513)}), "longer than 512"),
        (json!({"userName": "a", "title": "a".repeat(4097)}), "title is longer"),
        (json!({"userName": "a", "active": "yes"}), "active is true or false"),
        (json!({"userName": "a", "active": 1}), "active is true or false"),
        (json!({"userName": "a", "name": "Kim"}), "name is an object"),
        (json!({"userName": "a", "name": {"givenName": {}}}), "name.givenName is a text"),
        (json!({"userName": "a", "emails": [7]}), "emails is an object"),
        (json!({"userName": "a", "emails": [{"value": true}]}), "emails.value is a text"),
        (json!({"userName": "a", "emails": many}), "emails has 101 values"),
        (json!({"userName": "a", "emails": vec![Value::Null; 101]}), "emails has 101 values"),
        (
            json!({"userName": "a", "emails": [{"value": "a", "primary": true}, {"value": "b", "primary": true}]}),
            "only one of emails",
        ),
        (json!({"userName": "a", "schemas": [7]}), "schemas is a list"),
        (json!({"userName": "a", "schemas": vec!["urn:x"; 101]}), "schemas has 101 values"),
        (
            json!({"userName": "a", "name": (0..51).map(|n| (format!("s{n}"), json!(1))).collect::<Map<_, _>>()}),
            "51 sub-attributes",
        ),
        (json!({"userName": "a", "x": vec!["y".repeat(100_000); 3]}), "as it is sent"),
        (json!({"userName": "a", URN: "Ops"}), "is an object"),
        (json!({"userName": "a", "raw": "x".repeat(70_000)}), "bytes of JSON"),
    ] {
        let refused = refusal(body);
        assert!(refused.contains(part), "expected {part:?}, got {refused:?}");
    }
}

#[test]
fn groups() {
    let read = |body: Value| canonical_group(&body);
    let body =
        read(json!({"displayName": "SRE", "members": [{"value": "u-1", "display": "x", "$ref": null}, "u-2", {"value": "u-1"}]}));
    let body = body.expect("a group");
    assert_eq!(body.members, Some(vec!["u-1".to_owned(), "u-2".to_owned()]));
    let expected = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "SRE"});
    assert_eq!(Value::Object(body.resource), expected);
    for (members, ids) in [(json!(null), None), (json!([]), Some(vec![]))] {
        assert_eq!(read(json!({"displayName": "SRE", "Members": members})).expect("a group").members, ids);
    }
    for members in
        [json!([{"display": "x"}]), json!([""]), json!([7]), json!([{"value": "g-1", "type": "group"}]), json!(["\u{0}"])]
    {
        let fault = read(json!({"displayName": "SRE", "members": members})).expect_err("no member");
        assert_eq!(fault.scim_type, Some("invalidValue"), "{members}");
    }
    assert!(read(json!({"members": []})).is_err());
}
