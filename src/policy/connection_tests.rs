use super::*;

fn good() -> OidcSettings {
    OidcSettings { issuer: "https://idp.example".into(), client_id: "gatehouse".into(), ..OidcSettings::default() }
}

fn manual() -> OidcSettings {
    OidcSettings {
        discover: false,
        authorization_endpoint: Some("https://idp.example/authorize".into()),
        token_endpoint: Some("https://idp.example/token".into()),
        jwks_uri: Some("https://keys.example/jwks".into()),
        ..good()
    }
}

#[test]
fn what_is_left_out_has_the_promised_default() {
    let read: ConnectionSettings =
        serde_json::from_str(r#"{"oidc": {"issuer": "https://idp.example", "client_id": "c"}, "unheard_of": 1}"#).unwrap();
    let oidc = read.oidc.clone().unwrap();
    assert!(oidc.discover && !oidc.sign_requests);
    assert_eq!((oidc.scopes(), oidc.skew()), (vec!["openid", "email"], 60));
    assert_eq!(oidc.token_endpoint_auth_method, TokenAuth::Auto);
    assert_eq!(
        (read.email_claims(), read.unique_id_claims(), read.groups_claims()),
        (vec!["email"], vec!["sub"], vec!["groups"])
    );
    assert_eq!(read.email_trust(), EmailTrust::Verified);
    assert_eq!(read.problems(), Vec::<String>::new());
}

#[test]
fn scopes_are_added_to_the_two_that_are_always_asked_for() {
    for (said, asked) in [
        ("", "openid email"),
        ("groups", "openid email groups"),
        ("openid groups", "openid email groups"),
        ("openid groups email", "openid groups email"),
        ("email profile", "openid email profile"),
        ("profile openid email profile", "openid profile email"),
        ("openid email", "openid email"),
    ] {
        let oidc = OidcSettings { scopes: said.into(), ..good() };
        assert_eq!(oidc.scopes().join(" "), asked, "{said:?}");
    }
}

#[test]
fn who_names_no_domains_is_stored_as_before() {
    let text = serde_json::to_string(&ConnectionSettings::default()).unwrap();
    assert!(!text.contains("allow"), "{text}");
    let named = ConnectionSettings {
        allowed_domains: vec!["corp.test".into(), "co.uk".into()],
        oidc: Some(good()),
        ..ConnectionSettings::default()
    };
    assert!(named.problems().len() == 1 && named.problems()[0].starts_with("allowed_domains holds co.uk"));
    assert_eq!(serde_json::from_str::<ConnectionSettings>(&serde_json::to_string(&named).unwrap()).unwrap(), named);
}

#[test]
fn settings_survive_storage() {
    let kept = ConnectionSettings {
        preset: Some("okta".into()),
        email_trust: Some(EmailTrust::Domain),
        oidc: Some(OidcSettings { token_endpoint_auth_method: TokenAuth::PrivateKeyJwt, ..manual() }),
        ..ConnectionSettings::default()
    };
    let text = serde_json::to_string(&kept).unwrap();
    assert!(text.contains("private_key_jwt") && text.contains("\"domain\""));
    assert_eq!(serde_json::from_str::<ConnectionSettings>(&text).unwrap(), kept);
}

#[test]
fn each_problem_is_named() {
    let issuer = |issuer: &str| OidcSettings { issuer: issuer.into(), ..good() };
    for (settings, expected) in [
        (issuer(""), "issuer is missing"),
        (issuer("idp.example"), "issuer is no absolute URL"),
        (issuer("http://idp.example"), "issuer must begin with https://"),
        (issuer("http://127.0.0.1.idp.example"), "issuer must begin with https://"),
        (issuer("file:///etc/passwd"), "issuer must begin with https://"),
        (issuer("https://idp.example "), "issuer has spaces"),
        (issuer("https://idp.example/.well-known/openid-configuration"), "discovery document's address"),
        (issuer("https://idp.example?x=1"), "must not have a query"),
        (issuer("https://idp.example#x"), "must not have a fragment"),
        (issuer("https://u:p@idp.example"), "user name"),
        (OidcSettings { client_id: String::new(), ..good() }, "client_id is missing"),
        (OidcSettings { client_id: "a\n".into(), ..good() }, "client_id must be printable"),
        (OidcSettings { client_id: "a ".into(), ..good() }, "client_id begins or ends"),
        (OidcSettings { scopes: "openid \"email\"".into(), ..good() }, "separated by spaces"),
        (OidcSettings { authorization_endpoint: None, ..manual() }, "authorization_endpoint is missing"),
        (OidcSettings { token_endpoint: Some("http://idp.example/t".into()), ..manual() }, "token_endpoint must begin"),
        (OidcSettings { jwks_uri: Some(String::new()), ..manual() }, "jwks_uri is missing"),
        (OidcSettings { userinfo_endpoint: Some("ftp://idp.example".into()), ..manual() }, "userinfo_endpoint must begin"),
        (OidcSettings { allowed_algs: vec!["HS256".into()], ..good() }, "HS256"),
        (OidcSettings { allowed_algs: vec!["none".into()], ..good() }, "none"),
        (OidcSettings { skew: Some(-1), ..good() }, "skew must be"),
        (OidcSettings { allowed_tenants: vec!["acme".into()], ..good() }, "GUID"),
    ] {
        let found = settings.problems();
        assert!(found.len() == 1 && found[0].contains(expected), "{expected}: {found:?}");
    }
    assert_eq!(manual().problems(), Vec::<String>::new());
    assert_eq!(issuer("http://127.0.0.1:9000/").problems(), Vec::<String>::new());
    assert_eq!(issuer("http://[::1]:9000").problems(), Vec::<String>::new());
    let neither = ConnectionSettings::default().problems();
    assert!(neither[0].contains("neither"), "{neither:?}");
    let blank = ConnectionSettings { oidc: Some(good()), email_claims: vec![" ".into()], ..ConnectionSettings::default() };
    assert!(blank.problems()[0].contains("email_claim"));
}
