use serde_json::json;

use super::*;

fn doc(value: serde_json::Value) -> Claims {
    value.as_object().unwrap().clone()
}

fn settings() -> ConnectionSettings {
    ConnectionSettings { oidc: Some(OidcSettings::default()), ..ConnectionSettings::default() }
}

fn person(settings: &ConnectionSettings, kind: Kind, id_token: serde_json::Value) -> Person {
    read(settings, kind, &doc(id_token), None).unwrap()
}

#[test]
fn only_json_true_verifies_an_address() {
    let with =
        |verified| person(&settings(), Kind::Other, json!({"sub": "1", "email": "a@b.example", "email_verified": verified}));
    assert!(with(json!(true)).email_verified);
    for not in
        [json!("true"), json!("false"), json!(1), json!(null), json!([]), json!([true]), json!({}), json!(false), json!("yes")]
    {
        assert!(!with(not.clone()).email_verified, "{not}");
    }
    assert!(!person(&settings(), Kind::Other, json!({"sub": "1", "email": "a@b.example"})).email_verified);
}

#[test]
fn email_verified_speaks_only_of_the_email_beside_it() {
    let mapped = ConnectionSettings { email_claims: vec!["upn".into()], ..settings() };
    let other = json!({"sub": "1", "upn": "victim@b.example", "email": "mine@b.example", "email_verified": true});
    assert!(!person(&mapped, Kind::Other, other).email_verified);
    let id = doc(json!({"sub": "1", "email": "victim@b.example"}));
    let info = doc(json!({"sub": "1", "email": "mine@b.example", "email_verified": true}));
    let mixed = read(&settings(), Kind::Other, &id, Some(&info)).unwrap();
    assert_eq!((mixed.email.as_deref(), mixed.email_verified), (Some("victim@b.example"), false));
    let info = doc(json!({"sub": "1", "email": "victim@b.example", "email_verified": true}));
    assert!(read(&settings(), Kind::Other, &id, Some(&info)).unwrap().email_verified);
    let denied = doc(json!({"sub": "1", "email": "victim@b.example", "email_verified": false}));
    assert!(!read(&settings(), Kind::Other, &denied, Some(&info)).unwrap().email_verified, "the ID token's word stands");
}

#[test]
fn entra_vouches_by_its_own_claim_and_nobody_else_does() {
    for yes in [json!(true), json!("true"), json!(1), json!("1")] {
        let claims = json!({"sub": "1", "email": "a@b.example", "xms_edov": yes});
        assert!(person(&settings(), Kind::Entra, claims.clone()).email_verified, "{claims}");
        assert!(!person(&settings(), Kind::Other, claims).email_verified);
    }
    for not in ["email_verified", "emailVerified"] {
        assert!(!person(&settings(), Kind::Entra, json!({"sub": "1", "email": "a@b.example", not: true})).email_verified);
    }
    for no in [json!(false), json!("false"), json!(0), json!(null), json!("True "), json!([1])] {
        assert!(!person(&settings(), Kind::Entra, json!({"sub": "1", "email": "a@b.example", "xms_edov": no})).email_verified);
    }
}

#[test]
fn google_vouches_only_for_addresses_that_it_hosts() {
    let with = |email, hd: Option<&str>| {
        let mut claims = json!({"sub": "1", "email": email, "email_verified": true});
        if let Some(hd) = hd {
            claims["hd"] = json!(hd);
        }
        person(&settings(), Kind::Google, claims).email_verified
    };
    assert!(with("ada@acme.example", Some("acme.example")) && with("ada@gmail.com", None));
    assert!(!with("ada@acme.example", None));
}

#[test]
fn names_are_literal_first_and_then_paths() {
    let claims = json!({
        "sub": "1",
        "email": null,
        "mail": "a@b.example",
        "https://app.example/groups": ["url"],
        "cognito:groups": ["colon"],
        "realm_access": {"roles": ["path"]},
        "a.b": ["literal"],
        "a": {"b": ["nested"]},
        "https://app.example/claims": {"groups": ["url-path"]},
    });
    for (name, expected) in [
        ("https://app.example/groups", "url"),
        ("cognito:groups", "colon"),
        ("realm_access.roles", "path"),
        ("a.b", "literal"),
        ("https://app.example/claims.groups", "url-path"),
    ] {
        let settings = ConnectionSettings { groups_claims: vec!["absent.path".into(), name.into()], ..settings() };
        assert_eq!(person(&settings, Kind::Other, claims.clone()).groups, Groups::Sent(vec![expected.into()]), "{name}");
    }
    let settings = ConnectionSettings { email_claims: vec!["email".into(), "mail".into()], ..settings() };
    assert_eq!(person(&settings, Kind::Other, claims).email.as_deref(), Some("a@b.example"));
}

#[test]
fn groups_have_three_states_and_three_shapes() {
    let sent = |groups: &[&str]| Groups::Sent(groups.iter().map(|&g| g.to_owned()).collect());
    let plain = settings();
    let onelogin = ConnectionSettings { groups_delimiter: Some(";".into()), ..settings() };
    let keycloak = ConnectionSettings { groups_strip_slash: true, ..settings() };
    for (settings, claims, expected) in [
        (&plain, json!({"sub": "1"}), Groups::NotSent),
        (&plain, json!({"sub": "1", "groups": null}), Groups::NotSent),
        (&plain, json!({"sub": "1", "groups": {"x": 1}}), Groups::NotSent),
        (&plain, json!({"sub": "1", "groups": []}), sent(&[])),
        (&plain, json!({"sub": "1", "groups": ""}), sent(&[])),
        (&plain, json!({"sub": "1", "groups": ["a", "b", "a", 7, {}, null]}), sent(&["a", "b", "7"])),
        (&plain, json!({"sub": "1", "groups": "a;b"}), sent(&["a;b"])),
        (&onelogin, json!({"sub": "1", "groups": "a; b;;a"}), sent(&["a", "b"])),
        (&keycloak, json!({"sub": "1", "groups": ["/x/y", "z"]}), sent(&["x/y", "z"])),
        (
            &plain,
            json!({"sub": "1", "_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://g"}}}),
            Groups::TooMany,
        ),
        (&plain, json!({"sub": "1", "hasgroups": true}), Groups::TooMany),
        (&plain, json!({"sub": "1", "groups": vec!["x"; 2001]}), Groups::TooMany),
    ] {
        assert_eq!(person(settings, Kind::Entra, claims.clone()).groups, expected, "{claims}");
    }
    let roles = ConnectionSettings { groups_claims: vec!["groups".into(), "roles".into()], ..settings() };
    let overage = json!({"sub": "1", "hasgroups": true, "roles": ["r"]});
    assert_eq!(person(&roles, Kind::Entra, overage).groups, Groups::TooMany, "too many is not answered by another claim");
}

#[test]
fn the_unique_id_is_a_text_or_a_whole_number_and_must_be_there() {
    assert_eq!(person(&settings(), Kind::Other, json!({"sub": 42})).subject, "42");
    for bad in [
        json!({"sub": ""}),
        json!({"sub": null}),
        json!({"sub": 1.5}),
        json!({"sub": ["a"]}),
        json!({"sub": "a\u{0}"}),
        json!({}),
    ] {
        assert!(read(&settings(), Kind::Other, &doc(bad.clone()), None).is_err(), "{bad}");
    }
    let long = json!({"sub": "x".repeat(513)});
    assert!(read(&settings(), Kind::Other, &doc(long), None).unwrap_err().contains("512"));
    let chosen = ConnectionSettings { unique_id_claims: vec!["oid".into(), "sub".into()], ..settings() };
    let id = doc(json!({"sub": "s"}));
    let info = doc(json!({"sub": "s", "oid": "o"}));
    assert_eq!(read(&chosen, Kind::Other, &id, Some(&info)).unwrap().subject, "s", "userinfo never changes who someone is");
}

#[test]
fn a_name_is_whole_or_put_together_and_always_clean() {
    let name = |claims| person(&settings(), Kind::Other, claims).name;
    assert_eq!(name(json!({"sub": "1", "name": "Ada L"})), Some("Ada L".into()));
    assert_eq!(name(json!({"sub": "1", "given_name": "Ada", "family_name": "L"})), Some("Ada L".into()));
    assert_eq!(name(json!({"sub": "1", "name": "A\u{202e}da\n"})), Some("Ada".into()));
    assert_eq!(name(json!({"sub": "1", "name": 7})), None);
}

#[test]
fn what_is_missing_decides_whether_userinfo_is_asked() {
    for (claims, expected) in [
        (json!({"sub": "1"}), Gap::Needed),
        (json!({"sub": "1", "email": "a@b.example"}), Gap::Optional),
        (json!({"sub": "1", "email": "a@b.example", "email_verified": true, "name": "A"}), Gap::Optional),
        (json!({"sub": "1", "email": "a@b.example", "email_verified": true, "name": "A", "groups": []}), Gap::None),
    ] {
        assert_eq!(gap(&settings(), &doc(claims.clone())), expected, "{claims}");
    }
}
