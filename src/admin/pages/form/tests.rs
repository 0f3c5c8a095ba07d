use serde_json::json;

use super::*;

const FIELDS: [Field; 11] = [
    Field::new("name", "Name", Kind::Text, "").fixed(),
    Field::new("enabled", "Enabled", Kind::Switch, ""),
    Field::new("oidc.issuer", "Issuer", Kind::Text, "https://…"),
    Field::new("oidc.client_secret", "Client secret", Kind::Secret, ""),
    Field::new("domains", "Domains", Kind::Lines, ""),
    Field::new("claims", "Claims", Kind::Claims, ""),
    Field::new("saml.skew", "Skew", Kind::Number, "").advanced(),
    Field::new("rules", "Rules", Kind::Json("[]"), ""),
    Field::new("login", "Login", Kind::Named(&[(Source::Clients, "client", ""), (Source::Issuers, "issuer", "")], "No"), ""),
    Field::new("saml.certificates", "Certificates", Kind::Certificates, ""),
    Field::new("scopes", "Scopes", Kind::Words, "").within("More"),
];

fn posted(name: &str) -> Option<&'static str> {
    Some(match name {
        "name" => " okta ",
        "enabled" => "on",
        "oidc.issuer" => "https://a.example/",
        "oidc.client_secret" => " s ",
        "domains" => "a.example\r\n\r\n b.example ",
        "claims.0.name" => "email",
        "claims.0.values" => "*@a.example\r\nx=a=b",
        "saml.skew" => "30",
        "rules" => r#"[{"group": "*"}]"#,
        "login" => "client:web",
        "saml.certificates" => "AA\r\nBB\r\n\r\nCC",
        "scopes" => "openid email",
        _ => return None,
    })
}

#[test]
fn a_form_asks_for_a_thing_and_shows_it_again() {
    let thing = read(&FIELDS, &posted, json!({"kept": 1, "oidc": {"scopes": "openid"}})).unwrap();
    let expected = json!({
        "kept": 1, "name": "okta", "enabled": true, "domains": ["a.example", "b.example"],
        "oidc": {"issuer": "https://a.example/", "client_secret": " s ", "scopes": "openid"},
        "claims": {"email": ["*@a.example", "x=a=b"]}, "saml": {"skew": 30, "certificates": ["AA\nBB", "CC"]},
        "rules": [{"group": "*"}], "login": {"client": "web"}, "scopes": "openid email",
    });
    assert_eq!(thing, expected);
    let shown = show(&FIELDS, None, &thing, &[], true);
    let again = |name: &str| match name.strip_prefix("claims.") {
        Some("0.name") => Some(shown[5].rows[0].name.as_str()),
        Some("0.values") => Some(shown[5].rows[0].values.as_str()),
        Some(_) => None,
        None => shown.iter().find(|s| s.field.path == name).map(|s| s.value.as_str()),
    };
    assert_eq!(again("oidc.client_secret"), Some(""), "never given back");
    assert_eq!(read(&FIELDS, &again, thing.clone()).unwrap(), thing);
}

#[test]
fn what_is_emptied_goes_and_a_secret_stays() {
    let stored = json!({"name": "okta", "oidc": {"issuer": "https://a.example", "client_secret": "s"}, "domains": ["a"]});
    let thing = read(&FIELDS, &|name| (name == "name").then_some("okta"), stored).unwrap();
    assert_eq!(thing, json!({"name": "okta", "enabled": false, "oidc": {"client_secret": "s"}}));
}

#[test]
fn what_cannot_be_read_is_a_fault_of_its_field() {
    let bad = |name: &str| {
        Some(match name {
            "claims.0.name" => "email",
            "claims.0.values" => "",
            "saml.skew" => "soon",
            "rules" => "[",
            _ => return None,
        })
    };
    let faults = read(&FIELDS, &bad, Value::Null).unwrap_err();
    assert_eq!(faults.iter().map(|f| f.path.as_str()).collect::<Vec<_>>(), ["claims.email", "saml.skew", "rules"]);
    let shown = show(&FIELDS, Some(&bad), &Value::Null, &faults, false);
    assert_eq!(shown.iter().filter(|s| s.error.is_some()).count(), 3);
    assert_eq!(shown[5].rows[0].name, "email", "what was typed stays");
    assert_eq!(shown[5].described_by(), "claims-error");
}

#[test]
fn a_fault_is_shown_at_the_nearest_field_or_above_the_form() {
    let faults = ["oidc.issuer", "claims.email", "domains[1]", "oidc.other", ""].map(|path| fault(path, path));
    let shown = show(&FIELDS, None, &Value::Null, &faults, false);
    let wrong: Vec<&str> = shown.iter().filter(|s| s.error.is_some()).map(|s| s.field.path).collect();
    assert_eq!(wrong, ["oidc.issuer", "domains", "claims"]);
    assert_eq!(rest(&FIELDS, &faults), ["oidc.other", ""]);
}

#[test]
fn a_fixed_field_is_not_what_was_typed() {
    let shown = show(&FIELDS, Some(&|_| Some("evil")), &json!({"name": "okta"}), &[], true);
    assert_eq!(shown[0].value, "okta");
    assert_eq!(show(&FIELDS, Some(&|_| Some("new")), &Value::Null, &[], false)[0].value, "new");
}

#[test]
fn certificates_and_words_are_told_apart() {
    let pem = "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----";
    let field = [Field::new("certificates", "", Kind::Certificates, ""), Field::new("scopes", "", Kind::Words, "")];
    let typed = format!("{pem}\n{pem}\n");
    let thing = read(&field, &|name| (name == "certificates").then_some(typed.as_str()), Value::Null).unwrap();
    assert_eq!(thing["certificates"], json!([pem, pem]));
    let shown = show(&field, None, &json!({"scopes": ["a", "b"]}), &[], true);
    assert_eq!(shown[1].value, "a b", "as a line: browsers drop its ends");
}

#[test]
fn a_part_that_is_emptied_goes_as_a_whole() {
    let fields = [Field::new("oauth_client.client_id", "", Kind::Text, ""), Field::new("identity.method", "", Kind::Text, "")];
    let stored = json!({"oauth_client": {"client_id": "x"}, "identity": {"method": "none", "more": 1}});
    assert_eq!(read(&fields, &|_| None, stored).unwrap(), json!({"identity": {"more": 1}}));
}

#[test]
fn what_is_wrong_or_filled_in_is_not_folded_away() {
    let open = |stored: &Value, faults: &[Fault]| {
        let laid = Laid::of(show(&FIELDS, None, stored, faults, false));
        laid.folds.iter().map(|fold| (fold.title, fold.open)).collect::<Vec<_>>()
    };
    assert_eq!(open(&Value::Null, &[]), [("More", false), (ADVANCED, false)]);
    assert_eq!(open(&json!({"scopes": "a", "saml": {"skew": 1}}), &[]), [("More", true), (ADVANCED, false)]);
    assert_eq!(open(&Value::Null, &[fault("saml.skew", "wrong")]), [("More", false), (ADVANCED, true)]);
}

#[test]
fn what_can_be_named_is_chosen_from_and_what_is_gone_stays() {
    let mut shown = show(&FIELDS, None, &json!({"login": {"client": "old"}}), &[], true);
    let login = |shown: &[Shown]| shown.iter().find(|s| s.field.path == "login").cloned().unwrap();
    assert_eq!((login(&shown).kind(), login(&shown).value.as_str()), ("text", "client:old"), "too many to choose from");
    let options = vec![("login", vec![("client:web".to_owned(), "Web".to_owned())])];
    Known { usual: vec![("login", "x".to_owned())], options, ..Known::default() }.tell(&mut shown);
    let login = login(&shown);
    assert_eq!(login.choices(), [("", "No"), ("client:web", "Web"), ("client:old", "client:old")]);
    assert_eq!((login.kind(), login.described_by().as_str()), ("choice", "login-usual"));
}

#[test]
fn json_that_cannot_be_read_is_answered_with_an_example() {
    let fields = [Field::new("rules", "", Kind::Json(r#"[{"group": "x"}]"#), "")];
    let text = |typed: &str| read(&fields, &|_| Some(typed), Value::Null).unwrap_err()[0].text.clone();
    assert_eq!(text("platform"), r#"this cannot be read as JSON (at line 1, column 1); write it like [{"group": "x"}]"#);
    assert!(text("[").contains("ends too early"));
}

#[test]
fn what_a_preset_fills_in_is_shown_and_not_stored() {
    let mut shown = show(&FIELDS, None, &Value::Null, &[], true);
    Known { usual: vec![("scopes", "Empty: openid email.".to_owned())], options: Vec::new(), cells: Vec::new() }.tell(&mut shown);
    let scopes = shown.iter().find(|s| s.field.path == "scopes").unwrap();
    assert_eq!((scopes.placeholder(), scopes.value.as_str()), ("openid email", ""));
    assert_eq!(read(&FIELDS, &|_| Some(""), json!({})).unwrap().get("scopes"), None);
}
