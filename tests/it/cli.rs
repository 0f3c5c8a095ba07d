//! The program itself: exit codes, what it prints, and that it changes nothing when it only checks.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

const FILE: &str = "tenants:\n- name: acme\n  clients:\n  - {client_id: cp, secret: {file: secret.txt}, redirect_uris: ['https://cp.example/cb']}\n";

fn gatehouse(dir: &Path, args: &[&str], env: &[(&str, &str)]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatehouse"));
    let Output { status, stdout, stderr } =
        command.args(args).current_dir(dir).env_clear().envs(env.iter().copied()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[test]
fn wrong_usage_is_two() {
    let dir = tempfile::tempdir().unwrap();
    for args in [&["bogus"][..], &[], &["apply"], &["keys", "rotate", "--alg", "HS256"]] {
        assert_eq!(gatehouse(dir.path(), args, &[]).0, 2, "{args:?}");
    }
    assert_eq!(gatehouse(dir.path(), &["--help"], &[]).0, 0);
}

#[test]
fn check_lists_every_problem_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (code, out, err) = gatehouse(dir.path(), &["check"], &[]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    fs::write(dir.path().join("gatehouse.toml"), "listen = \"x\"\n\npublic_ulr = \"y\"\n").unwrap();
    let (code, _, err) = gatehouse(dir.path(), &["check"], &[("GATEHOUSE_MASTER_KEY", "hush-hush")]);
    assert_eq!((code, err.lines().count()), (1, 3), "{err}");
    assert!(err.contains("gatehouse.toml:1: listen") && err.contains("did you mean public_url?"), "{err}");
    assert!(!err.contains("hush-hush"), "{err}");
    fs::remove_file(dir.path().join("gatehouse.toml")).unwrap();
    fs::write(dir.path().join("state.yaml"), "tenants:\n- nam: acme\n").unwrap();
    let env = [("GATEHOUSE_APPLY", "state.yaml"), ("GATEHOUSE_DATABASE_URL", "sqlite://nowhere/x.db")];
    let (code, _, err) = gatehouse(dir.path(), &["check"], &env);
    assert_eq!(code, 1);
    for part in ["the folder nowhere does not exist", "state.yaml:2:3: a tenant has no key nam (did you mean name?)"] {
        assert!(err.contains(part), "{err}");
    }
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["state.yaml"], "neither a key nor a database was made");
}

#[test]
fn a_wrong_certificate_is_found_before_anything_is_made() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        fs::write(dir.path().join(format!("{name}.pem")), made.cert.pem()).unwrap();
        fs::write(dir.path().join(format!("{name}.key")), made.signing_key.serialize_pem()).unwrap();
    }
    let env = |key| [("GATEHOUSE_PUBLIC_URL", "https://a.example"), ("GATEHOUSE_TLS_CERT", "a.pem"), ("GATEHOUSE_TLS_KEY", key)];
    for command in ["check", "serve"] {
        let (code, _, err) = gatehouse(dir.path(), &[command], &env("b.key"));
        assert_eq!((code, err.lines().count()), (1, 1), "{err}");
        assert!(err.contains("b.key is not the key of the certificate in a.pem"), "{err}");
    }
    assert_eq!(gatehouse(dir.path(), &["check"], &env("a.key")).1, "settings: ok\ndatabase: ok, made at the first start\n");
    let mut expired = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    expired.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    fs::write(dir.path().join("a.pem"), expired.self_signed(&key).unwrap().pem()).unwrap();
    fs::write(dir.path().join("a.key"), key.serialize_pem()).unwrap();
    let (code, out, _) = gatehouse(dir.path(), &["check"], &env("a.key"));
    assert!(code == 0 && out.contains("the TLS certificate expired on 1 January 2020"), "{out}");
    assert!(!dir.path().join("gatehouse.db").exists() && !dir.path().join("keys").exists());
}

#[test]
fn apply_prints_its_plan_and_then_no_changes() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("conf")).unwrap();
    fs::write(dir.path().join("conf/state.yaml"), FILE).unwrap();
    let apply = |args: &[&str]| gatehouse(dir.path(), &[&["apply", "conf/state.yaml"], args].concat(), &[]);
    let (code, _, err) = apply(&[]);
    assert_eq!(code, 1);
    assert!(err.starts_with("conf/state.yaml:4:36: conf/secret.txt cannot be read"), "{err}");
    fs::write(dir.path().join("conf/secret.txt"), "hush\n").unwrap();
    let (code, out, err) = apply(&["--dry-run"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.ends_with("2 created, 0 updated, 0 deleted\nnothing was changed (--dry-run)\n"), "{out}");
    assert_eq!(apply(&[]).1, "+ tenant acme\n+ client cp\n2 created, 0 updated, 0 deleted\n");
    assert_eq!(apply(&[]).1, "no changes\n");
    assert_eq!(gatehouse(dir.path(), &["check"], &[]).1, "settings: ok\ndatabase: ok, and the master key fits\n");

    let other = [("GATEHOUSE_MASTER_KEY", "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=")];
    let (code, _, err) = gatehouse(dir.path(), &["check"], &other);
    assert_eq!(code, 1);
    assert!(err.contains("does not fit this database"), "{err}");
}

#[test]
fn keys_are_made_and_listed() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let (code, out, err) = gatehouse(dir.path(), &["keys", "rotate", "--alg", "ES256"], &[]);
        assert_eq!((code, err.as_str()), (0, ""));
        assert!(out.starts_with("ES256: new key "), "{out}");
    }
    let (_, out, _) = gatehouse(dir.path(), &["keys", "list"], &[]);
    let states: Vec<&str> = out.lines().skip(1).filter_map(|l| l.split_whitespace().nth(2)).collect();
    assert_eq!(states, ["signs", "published"], "{out}");

    assert!(!out.contains("SAML"), "{out}");
    let (code, out, err) = gatehouse(dir.path(), &["keys", "rotate", "--saml", "sign"], &[]);
    assert_eq!((code, err.as_str()), (0, ""));
    let states = |out: &str| -> Vec<String> {
        let lines = out.lines().filter_map(|l| l.strip_prefix("sign "));
        lines.filter_map(|l| l.split_whitespace().nth(1)).map(str::to_owned).collect()
    };
    assert!(out.starts_with("saml sign: new key ") && states(&out) == ["used"], "{out}");
    let (_, out, _) = gatehouse(dir.path(), &["keys", "rotate", "--saml", "sign"], &[]);
    assert_eq!(states(&out), ["used", "published"], "{out}");
    let (_, out, _) = gatehouse(dir.path(), &["keys", "rotate", "--saml", "sign"], &[]);
    assert!(out.starts_with("saml sign: the next key is already there: "), "{out}");
    for wrong in [&["--saml", "both"][..], &["--saml", "sign", "--alg", "ES256"]] {
        assert_eq!(gatehouse(dir.path(), &[&["keys", "rotate"], wrong].concat(), &[]).0, 2);
    }
}

#[test]
fn an_external_identity_goes_only_with_a_word() {
    let dir = tempfile::tempdir().unwrap();
    let file = "tenants:\n- name: acme\n  trusted_issuers:\n  - {name: idp, issuer: 'https://idp.example', audience: api}\n  \
                external_identities:\n  - {name: ci, issuer: idp, claims: {repo: [a, b]}}\n  - {name: all, issuer: idp}\n  \
                resources:\n  - {type: model, name: gpt, collaborators: [{external_identity: ci, role: editor}]}\n";
    fs::write(dir.path().join("state.yaml"), file).unwrap();
    assert_eq!(gatehouse(dir.path(), &["apply", "state.yaml"], &[]).0, 0);
    let list = |args: &[&str]| gatehouse(dir.path(), &[&["identities", "list"], args].concat(), &[]);
    let (_, out, _) = list(&[]);
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = out.lines().map(words).collect();
    let expected = [
        "TENANT IDENTITY STATE ISSUER CLAIMS",
        "acme ci enabled idp repo is \"a\" | \"b\"",
        "acme all enabled idp none: every token of the issuer matches",
    ];
    assert_eq!(lines, expected);
    assert_eq!(list(&["acme"]).1, out);
    assert!(list(&["acne"]).2.contains("there is no tenant acne (did you mean acme?)"));

    fs::write(dir.path().join("less.yaml"), file.replace("  - {name: all, issuer: idp}\n", "")).unwrap();
    let prune = |args: &[&str]| gatehouse(dir.path(), &[&["apply", "less.yaml", "--prune"], args].concat(), &[]);
    let (code, out, err) = prune(&[]);
    assert!(code == 1 && out.starts_with("- external identity acme/all\n"), "what would go is said first: {out}");
    assert_eq!(err, "nothing was changed: there is no terminal to ask at; say --yes to agree beforehand\n");
    assert!(list(&[]).1.contains(" all "), "still there");
    assert_eq!(prune(&["--dry-run"]).0, 0);
    assert_eq!(
        gatehouse(dir.path(), &["apply", "state.yaml", "--prune"], &[]).1,
        "no changes\n",
        "nothing goes, nobody is asked"
    );
    let (code, out, err) = prune(&["--yes"]);
    assert_eq!((code, out.as_str(), err.as_str()), (0, "- external identity acme/all\n0 created, 0 updated, 1 deleted\n", ""));
    assert!(!list(&[]).1.contains(" all "));
    assert_eq!(gatehouse(dir.path(), &["apply", "state.yaml", "--yes"], &[]).0, 2, "about what?");
    assert_eq!(gatehouse(dir.path(), &["apply", "state.yaml"], &[]).0, 0);

    let delete = |args: &[&str]| gatehouse(dir.path(), &[&["identities", "delete", "acme"], args].concat(), &[]);
    let (code, _, err) = delete(&["cj", "--yes"]);
    assert!(code == 1 && err.contains("there is no external identity acme/cj (did you mean ci?)"), "{err}");
    let (code, out, err) = delete(&["ci"]);
    assert!(code == 1 && out.contains("\n  editor on model gpt\n"), "{out}");
    assert!(err.contains("nothing was deleted: there is no terminal to ask at; say --yes"), "{err}");
    assert!(list(&[]).1.contains(" ci "), "still there");
    let (code, out, _) = delete(&["ci", "--yes"]);
    assert!(code == 0 && out.contains("external identity acme/ci is deleted"), "{out}");
    assert!(!list(&[]).1.contains(" ci "));
    assert!(delete(&["all", "--yes"]).1.starts_with("external identity acme/all holds no role\n"));
}
