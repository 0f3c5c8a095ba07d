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
    let text = "public_ulr = \"x\"\nlisten = \"8080\"\nsession_idle = \"0\"\ntrusted_proxies = [\"10.0.0.0/99\"]\noutbound_allow = \"a/b, idp:0\"\n\n[tls]\ncert = \"/nowhere.pem\"\nkey = \"/nowhere.key\"\n";
    let found = problems(
        text,
        &[
            ("GATEHOUSE_PUBLIC_URL", "http://sso.example.com"),
            ("GATEHOUSE_MASTER_KEY", "c2hvcnQ="),
            ("GATEHOUSE_JWKS", "{\"keys\":[{\"kty\":\"oct\",\"k\":\"hush-hush\"}]}"),
            ("GATEHOUSE_ACCESS_TOKEN_LIFETIME", "30d"),
            ("GATEHOUSE_ACCESS_TOKEN_ALG", "es256"),
            ("GATEHOUSE_LISTN", "x"),
            ("GATEHOUSE_TEST_POSTGRES", "postgres://h/d"),
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
        "master_key (GATEHOUSE_MASTER_KEY): the master key must be 32 bytes in base64",
        "jwks (GATEHOUSE_JWKS): key 1 of the private JWKS is a symmetric key",
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
fn tls_needs_both_files_that_fit() {
    for (one, other) in [("cert", "key"), ("key", "cert")] {
        let found = problems(&format!("[tls]\n{one} = \"/nowhere\""), &[]).join("\n");
        assert!(found.contains(&format!("gatehouse.toml:2: tls_{one}")), "{found}");
        assert!(found.contains("/nowhere cannot be read") && found.contains(&format!("tls_{other} (GATEHOUSE_")), "{found}");
    }
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    for name in ["a", "b"] {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(path(&format!("{name}.pem")), made.cert.pem()).unwrap();
        std::fs::write(path(&format!("{name}.key")), made.signing_key.serialize_pem()).unwrap();
    }
    let with = |cert: &str, key: &str| {
        let tls = [("GATEHOUSE_PUBLIC_URL", "https://a.example"), ("GATEHOUSE_TLS_CERT", cert), ("GATEHOUSE_TLS_KEY", key)];
        problems("", &tls)
    };
    assert_eq!(with(&path("a.pem"), &path("a.key")), Vec::<String>::new());
    let found = with(&path("a.pem"), &path("b.key"));
    assert!(found[0].starts_with("tls_key (GATEHOUSE_TLS_KEY): ") && found[0].contains("is not the key of"), "{found:?}");
}

/// RFC 8037 A.1 and RFC 7515 A.3.
const ED: &str = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const EC: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}"#;

#[test]
fn imported_keys_choose_the_algorithms() {
    use SigningAlg::{ES256, EdDSA, RS256};
    let chosen = |keys: &[&str], file: &str| {
        let jwks = format!("{{\"keys\":[{}]}}", keys.join(","));
        let env = if keys.is_empty() { vec![] } else { vec![("GATEHOUSE_JWKS", jwks.as_str())] };
        let settings = Settings::parse("g", file, &self::env(&env)).unwrap();
        (settings.access_token_alg, settings.id_token_alg)
    };
    assert_eq!(chosen(&[], ""), (ES256, RS256));
    assert_eq!(chosen(&[EC], ""), (ES256, ES256));
    assert_eq!(chosen(&[ED], ""), (EdDSA, EdDSA));
    assert_eq!(chosen(&[ED, EC], ""), (ES256, ES256));
    assert_eq!(chosen(&[ED], "access_token_alg = \"ES256\""), (ES256, EdDSA), "what is set explicitly stays");
    assert_eq!(chosen(&[EC], "id_token_alg = \"RS256\""), (ES256, RS256));
}

#[test]
fn a_jwks_is_judged_as_it_will_be_imported() {
    for (keys, words) in [
        (EC.replace("jpsQ", "jpsR"), "do not fit together"),
        (EC.replace("P-256\"", "P-256\",\"alg\":\"RS256\""), "has another alg than ES256"),
        (format!("{EC},{EC}"), "has the kid of an earlier key"),
        (r#"{"kty":"RSA","n":"AQAB","e":"AQAB","d":"AQAB"}"#.to_owned(), "has 17 bits"),
    ] {
        let found = problems("", &[("INTERNAL_JWT_JWKS", &format!("{{\"keys\":[{keys}]}}"))]);
        assert!(found.len() == 1 && found[0].starts_with("INTERNAL_JWT_JWKS: jwks") && found[0].contains(words), "{found:?}");
    }
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
            ("INTERNAL_JWT_JWKS", &format!("{{\"keys\":[{EC}]}}")),
        ]),
    )
    .unwrap();
    let Mode::Direct(direct) = settings.mode else { panic!("direct") };
    let DirectProvider::Oidc(oidc) = direct.provider else { panic!("OpenID Connect") };
    assert_eq!((oidc.issuer.as_str(), direct.email_claim.as_deref()), ("https://idp.example/", Some("mail")));
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

#[test]
fn direct_mode_over_saml() {
    let direct = |extra: &str| {
        let text = format!("mode = \"direct\"\n[direct]\ndomains = [\"acme.example\"]\n{extra}");
        match Settings::parse("g", &text, &env(&[])).map(|s| s.mode) {
            Ok(Mode::Direct(direct)) => Ok(direct.provider),
            Ok(Mode::Broker) => panic!("direct"),
            Err(problems) => Err(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
        }
    };
    let url = "saml_metadata_url = \"https://idp.example/metadata\"\n";
    let is_url = |p: DirectProvider| matches!(p, DirectProvider::Saml(DirectMetadata::Url(u)) if u.ends_with("/metadata"));
    assert!(direct(url).is_ok_and(is_url));
    let is_document = |p: DirectProvider| matches!(p, DirectProvider::Saml(DirectMetadata::Document(d)) if d == "<x/>");
    assert!(direct("saml_metadata = \"<x/>\"\n").is_ok_and(is_document));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("metadata.xml");
    std::fs::write(&path, "<x/>\n").unwrap();
    assert!(direct(&format!("saml_metadata_file = \"{}\"\n", path.display())).is_ok_and(is_document));
    for (extra, part) in [
        (format!("{url}saml_metadata = \"<x/>\"\n"), "saml_metadata are both set"),
        (format!("{url}issuer = \"https://idp.example\"\n"), "g:5: direct_issuer"),
        (format!("{url}client_secret = \"x\"\n"), "keep one of the two"),
        (format!("{url}email_trust = \"verified\"\n"), "SAML cannot say"),
        (url.replace("https", "ftp"), "direct_saml_metadata_url"),
        ("saml_metadata_file = \"/nowhere\"\n".to_owned(), "cannot be read"),
        (String::new(), "or SAML metadata: direct_saml_metadata_url"),
    ] {
        let found = direct(&extra).unwrap_err();
        assert!(found.contains(part), "{part}\n--\n{found}");
    }
    let nobody = problems("mode = \"direct\"\ndirect_saml_metadata_url = \"https://idp.example/m\"", &[]);
    assert!(nobody.len() == 1 && nobody[0].contains("direct_domains") && nobody[0].contains("list them"), "{nobody:?}");
    let broker = problems("direct_saml_metadata_url = \"https://idp.example/m\"", &[]);
    assert!(broker[0].contains("in direct mode only"), "{broker:?}");
}

#[test]
fn the_webhook_of_the_audit_log_needs_a_url_and_a_good_key() {
    let key = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let text = |url: &str, key: &str| format!("[audit_webhook]\nurl = \"{url}\"\nsecret = \"{key}\"\n");
    let good = Settings::parse("g", &text("https://siem.example/hook?tenant=1", key), &env(&[])).unwrap();
    assert_eq!(good.audit_webhook.as_ref().unwrap().url.as_str(), "https://siem.example/hook?tenant=1");
    assert!(!format!("{good:?}").contains("MfKQ9r8G"), "a secret is not printed");
    for (text, part) in [
        (text("https://user:pw@siem.example/", key), "without user name, password and fragment"),
        (text("siem.example", key), "must be an https URL"),
        (text("https://siem.example/", "whsec_c2hvcnQ="), "24 to 64 bytes in base64"),
        ("audit_webhook_url = \"https://siem.example/\"\n".to_owned(), "audit_webhook_url needs the key"),
        (format!("audit_webhook_secret = \"{key}\"\n"), "audit_webhook_secret needs the URL"),
    ] {
        let found = problems(&text, &[]);
        assert!(found.len() == 1 && found[0].contains(part) && !found[0].contains("MfKQ9r8G"), "{text}: {found:?}");
    }
}
