use serde_json::{Value, json};

use crate::scim::{
    filter::parse,
    schema::{GROUP, USER},
};

fn kim() -> Value {
    json!({
        "id": "u-17",
        "externalId": "6F1d",
        "userName": "Kim@Corp.example",
        "active": true,
        "title": "",
        "name": {"givenName": "Kim", "familyName": "Ödegård"},
        "emails": [
            {"value": "kim@corp.example", "type": "work", "primary": true},
            {"value": "Kim@home.example", "type": "home"},
        ],
        "roles": [{"value": "Ops", "size": 4}],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Ops", "manager": {"value": "U-2"}},
        "meta": {"created": "2026-01-31T10:00:00Z", "lastModified": "2026-01-31T10:00:00+01:00"},
        "shoeSize": 44,
    })
}

#[test]
fn what_holds_for_kim() {
    for (text, holds) in [
        (r#"userName eq "KIM@corp.EXAMPLE""#, true),
        (r#"USERNAME eq "kim@corp.example""#, true),
        (r#"userName ne "kim@corp.example""#, false),
        (r#"userName sw "KIM""#, true),
        (r#"userName ew ".Example""#, true),
        (r#"userName co "@corp""#, true),
        (r#"userName co "%""#, false),
        (r#"userName gt "kim""#, true),
        (r#"userName lt "kim@corp.example""#, false),
        (r#"userName le "kim@corp.example""#, true),
        (r#"id eq "U-17""#, false),
        (r#"id eq "u-17""#, true),
        (r#"externalId eq "6f1d""#, false),
        (r#"externalId eq "6F1d""#, true),
        (r#"name.familyName eq "öDEGÅRD""#, true),
        ("title pr", true),
        ("title eq null", false),
        ("nickName pr", false),
        ("nickName eq null", true),
        (r#"nickName ne "x""#, true),
        (r#"not (nickName eq "x")"#, true),
        (r#"nickName lt "x""#, false),
        ("active eq true", true),
        (r#"active eq "True""#, true),
        ("active ne false", true),
        ("emails pr", true),
        ("phoneNumbers pr", false),
        (r#"emails eq "KIM@home.example""#, true),
        (r#"emails.value eq "kim@HOME.example""#, true),
        (r#"emails.type eq "other""#, false),
        (r#"emails[type eq "work" and value co "home"]"#, false),
        (r#"emails[type eq "home" and value co "home"]"#, true),
        (r#"emails[type eq "WORK"].value eq "kim@corp.example""#, true),
        (r#"emails[type ne "work"].value eq "kim@corp.example""#, false),
        (r#"emails[primary eq "True"].value sw "kim@corp""#, true),
        ("emails[primary eq false].type eq home", true),
        ("emails.primary eq false", true),
        ("emails[primary pr and type eq home]", true),
        (r#"emails ne "kim@corp.example""#, false),
        (r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "ops""#, true),
        (r#"urn:ietf:params:scim:schemas:core:2.0:User:userName sw "kim""#, true),
        (r#"urn:ietf:params:scim:schemas:core:2.0:Group:displayName pr"#, false),
        (r#"manager eq "U-2""#, true),
        (r#"manager.value eq "u-2""#, false),
        (r#"meta.lastModified lt "2026-01-31T09:00:00.5Z""#, true),
        (r#"meta.lastModified eq "2026-01-31T09:00:00Z""#, true),
        (r#"meta.created gt "2026-01-31T10:30:00+01:00""#, true),
        (r#"meta.created gt "2026-01-31T10:30:00""#, false),
        ("shoeSize eq 44", true),
        ("shoeSize gt 5", false),
        ("roles.size eq 4", true),
        ("roles[size eq 5]", false),
        (r#"userName eq "x" or active eq true and not (title eq "x")"#, true),
    ] {
        let filter = parse(text).unwrap_or_else(|fault| panic!("{text}: {}", fault.detail));
        filter.check(&USER).unwrap_or_else(|fault| panic!("{text}: {}", fault.detail));
        assert_eq!(filter.matches(&kim(), &USER), holds, "{text}");
    }
}

#[test]
fn members_are_compared_exactly() {
    let group = json!({"displayName": "SRE", "members": [{"value": "U-1"}]});
    for (text, holds) in [
        ("members.value eq U-1", true),
        ("members eq u-1", false),
        (r#"members[value eq "U-1"]"#, true),
        ("displayName eq sre", true),
    ] {
        assert_eq!(parse(text).expect(text).matches(&group, &GROUP), holds, "{text}");
    }
}

#[test]
fn operators_fit_types() {
    for text in [
        "active gt true",
        "active co true",
        "active eq yes",
        r#"active eq """#,
        "meta.created co 2026",
        "meta.created gt yesterday",
        "name eq Kim",
        "emails[primary gt true]",
        "addresses eq x",
        r#"name[givenName eq "x"]"#,
        "x509Certificates.value gt x",
        "not (userName eq x or active sw t)",
    ] {
        let fault = parse(text).expect(text).check(&USER).expect_err(text);
        assert_eq!(fault.scim_type, Some("invalidFilter"), "{text}");
    }
}
