use super::*;

fn env(pairs: &[(&str, &str)]) -> Environment {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn problems(text: &str, pairs: &[(&str, &str)]) -> Vec<String> {
    Settings::parse("gatehouse.toml", text, &env(pairs)).map_or_else(|p| p.iter().map(ToString::to_string).collect(), |_| vec![])
}

#[test]
fn nothing_set_is_enough_to_start() {
    let settings = Settings::parse("gatehouse.toml", "", &env(&[])).unwrap();
    assert_eq!(settings.issuer(), "http://localhost:8080");
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
    assert_eq!((settings.access_token_lifetime, settings.refresh_token_lifetime), (86_400, 604_800));
    assert!(matches!(settings.mode, Mode::Broker));
}

#[test]
fn the_environment_wins_over_the_file() {
    let text = "public_url = \"https://a.example/\"\nlog = \"json\"\nsession_idle = 60\noutbound_allow = [\"10.0.0.0/8\", \"idp.internal\"]\n";
    let settings =
        Settings::parse("g.toml", text, &env(&[("GATEHOUSE_PUBLIC_URL", "https://b.example"), ("GATEHOUSE_LOG", "")])).unwrap();
    assert_eq!(settings.issuer(), "https://b.example");
    assert_eq!((settings.log, settings.session_idle), (LogFormat::Json, 60));
    assert_eq!(settings.outbound_allow, "idp.internal 10.0.0.0/8".parse().unwrap());
}

#[test]
fn every_problem_is_listed_with_its_place_and_fix() {
    let text = "public_ulr = \"x\"\nlisten = \"8080\"\nsession_idle = \"0\"\ntrusted_proxies = [\"10.0.0.0/99\"]\noutbound_allow = \"a/b, idp:0\"\n\n[tls]\ncert = \"/nowhere.pem\"\n";
    let found = problems(
        text,
        &[
            ("GATEHOUSE_PUBLIC_URL", "http://sso.example.com"),
            ("GATEHOUSE_MASTER_KEY", "c2hvcnQ="),
            ("GATEHOUSE_JWKS", "{\"keys\":[{\"kty\":\"oct\",\"k\":\"hush-hush\"}]}"),
            ("GATEHOUSE_ACCESS_TOKEN_LIFETIME", "30d"),
            ("GATEHOUSE_ACCESS_TOKEN_ALG", "es256"),
            ("GATEHOUSE_LISTN", "x"),
            ("GATEHOUSE_PORT", "tcp://10.0.0.1:80"),
        ],
    );
    let all = found.join("\n");
    for part in [
        "gatehouse.toml:1: there is no setting public_ulr (did you mean public_url?)",
        "public_url (GATEHOUSE_PUBLIC_URL): \"http://sso.example.com\" must begin with https://",
        "gatehouse.toml:2: listen (GATEHOUSE_LISTEN): \"8080\" is not an address with a port; write it like",
        "gatehouse.toml:3: session_idle (GATEHOUSE_SESSION_IDLE): \"0\" must be at least one second",
        "gatehouse.toml:4: trusted_proxies (GATEHOUSE_TRUSTED_PROXIES): \"10.0.0.0/99\" is not an address or a network",
        "gatehouse.toml:5: outbound_allow (GATEHOUSE_OUTBOUND_ALLOW): \"idp:0\" is not a host",
        "gatehouse.toml:8: tls_cert (GATEHOUSE_TLS_CERT): /nowhere.pem cannot be read",
        "tls_key (GATEHOUSE_TLS_KEY): is missing",
        "master_key (GATEHOUSE_MASTER_KEY): the master key must be 32 bytes in base64",
        "jwks (GATEHOUSE_JWKS): key 1 is not of a kind we sign with",
        "access_token_lifetime (GATEHOUSE_ACCESS_TOKEN_LIFETIME): must not be longer than refresh_token_lifetime",
        "access_token_alg (GATEHOUSE_ACCESS_TOKEN_ALG): \"es256\" must be one of ES256, RS256, EdDSA (did you mean ES256?)",
        "GATEHOUSE_LISTN: there is no setting of this name (did you mean GATEHOUSE_LISTEN?)",
    ] {
        assert!(all.contains(part), "{part}\n--\n{all}");
    }
    assert_eq!(found.len(), 14, "{all}");
    assert!(!all.contains("hush") && !all.contains("c2hvcnQ"), "{all}");
}

#[test]
fn a_public_url_is_an_origin() {
    for bad in [
        "https://a.example/sso",
        "https://a.example/?x",
        "https://a.example/#x",
        "https://u@a.example",
        "ftp://a.example",
        "a.example",
    ] {
        assert_eq!(problems("", &[("GATEHOUSE_PUBLIC_URL", bad)]).len(), 1, "{bad}");
    }
    for good in ["https://a.example/", "http://127.0.0.1:1", "http://[::1]:1", "http://localhost"] {
        assert_eq!(problems("", &[("GATEHOUSE_PUBLIC_URL", good)]), Vec::<String>::new(), "{good}");
    }
}

#[test]
fn broken_toml_names_its_line() {
    let found = problems("listen = \"127.0.0.1:1\"\nlog = \n", &[]);
    assert!(found[0].starts_with("gatehouse.toml:2: this is not TOML"), "{found:?}");
    let found = problems("a_date = 2020-01-01\n", &[]);
    assert!(found[0].starts_with("gatehouse.toml:1: a_date"), "{found:?}");
    let missing = Settings::load(Some(Path::new("/nowhere/gatehouse.toml")), &env(&[])).unwrap_err();
    assert!(missing[0].to_string().contains("cannot be read"));
}

#[test]
fn secrets_come_from_files_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    std::fs::write(&path, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n").unwrap();
    let file = path.to_str().unwrap();
    assert!(Settings::parse("g", "", &env(&[("GATEHOUSE_MASTER_KEY_FILE", file)])).unwrap().master_key.is_some());
    let both = problems("", &[("GATEHOUSE_MASTER_KEY_FILE", file), ("GATEHOUSE_MASTER_KEY", "x")]);
    assert!(both[0].contains("master_key is set too"), "{both:?}");
    let none = problems("master_key_file = \"/nowhere/key\"", &[]);
    assert!(none[0].contains("gatehouse.toml:1: master_key_file") && none[0].contains("cannot be read"), "{none:?}");
}

#[test]
fn direct_mode_under_other_names() {
    let settings = Settings::parse(
        "g",
        "",
        &env(&[
            ("OAUTH_PROVIDER_TYPE", "EXTERNAL"),
            ("EXTERNAL_OAUTH_ISSUER", "https://idp.example/"),
            ("EXTERNAL_OAUTH_CLIENT_ID", "cp"),
            ("EXTERNAL_OAUTH_CLIENT_SECRET", "s"),
            ("EXTERNAL_OAUTH_USER_INFO_EMAIL_KEY_NAME", "mail"),
            ("INTERNAL_JWT_JWKS", r#"{"keys":[{"kty":"RSA","d":"x"}]}"#),
        ]),
    )
    .unwrap();
    let Mode::Direct(direct) = settings.mode else { panic!("direct") };
    assert_eq!((direct.issuer.as_str(), direct.email_claim.as_str()), ("https://idp.example/", "mail"));
    assert_eq!((direct.tenant.as_str(), direct.return_url.as_str()), ("default", "http://localhost:8080/"));
    assert!(settings.jwks.is_some());
}

#[test]
fn direct_mode_needs_its_connection() {
    let elsewhere = "mode = \"direct\"\n[direct]\nissuer = \"https://idp.example\"\nclient_id = \"c\"\nclient_auth = \"none\"\nreturn_url = \"https://cp.example\"";
    let found = problems(elsewhere, &[]);
    assert!(found[0].contains("gatehouse.toml:6: direct_return_url") && found[0].contains("host, localhost"), "{found:?}");
    let found = problems("mode = \"direct\"\n[direct]\ndomains = [\"a b\"]\nemail_trust = \"domain\"\n", &[]).join("\n");
    for part in [
        "direct_issuer",
        "direct_client_id",
        "direct_client_secret",
        "gatehouse.toml:3: direct_domains",
        "gatehouse.toml:4: direct_email_trust",
    ] {
        assert!(found.contains(part), "{part}\n--\n{found}");
    }
    let found = problems("direct_issuer = \"https://idp.example\"", &[]);
    assert!(found[0].contains("in direct mode only"), "{found:?}");
}
