//! The README and the program say the same: its settings, keys, endpoints, presets, metrics and examples are compared
//! with what the code reads. (`scripts/transcript --check` compares its transcripts.)

use std::{collections::BTreeSet, fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gatehouse::{
    apply,
    config::{Environment, Settings},
    connector::presets::PRESETS,
    store::tenants,
};

use crate::{
    browser::Browser,
    world::{Backend, World},
};

fn root(path: &str) -> String {
    format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    fs::read_to_string(root("README.md")).unwrap()
}

/// The fenced example after `<!-- example NAME -->`.
fn example(name: &str) -> String {
    let text = readme();
    let (_, rest) = text.split_once(&format!("<!-- example {name} -->\n```")).unwrap_or_else(|| panic!("no example {name}"));
    let (_, rest) = rest.split_once('\n').unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// The cells of the table after `<!-- table NAME -->`, without its head.
fn table(name: &str) -> Vec<Vec<String>> {
    let text = readme();
    let (_, rest) = text.split_once(&format!("<!-- table {name} -->\n")).unwrap_or_else(|| panic!("no table {name}"));
    let rows = rest.lines().take_while(|l| l.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// The words of a cell that stand in backticks.
fn code(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// What stands between `before` and the next quotation mark, wherever `before` is found: names that source code reads.
fn quoted_after(source: &str, before: &str) -> Vec<String> {
    let names = source.split(before).skip(1).filter_map(|rest| rest.split_once('"')).map(|(name, _)| name.to_owned());
    names.filter(|n| n.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')).collect()
}

fn source(paths: &[&str]) -> String {
    let read = |p: &&str| fs::read_to_string(root(p)).unwrap();
    paths.iter().map(read).map(|text| text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned()).collect()
}

/// `text` with each `verb("` and `verb(&mut f, "` of `of` made one mark, so that names can be found behind it.
fn marked(text: &str, of: &str) -> String {
    let mut out = String::new();
    for part in text.split_inclusive('"') {
        let call = part.strip_suffix("(\"").and_then(|p| p.rsplit_once(of)).map(|(_, verb)| verb);
        match call.filter(|verb| !verb.is_empty() && verb.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')) {
            Some(_) => out.push_str("\u{1}\""),
            None => out.push_str(part),
        }
    }
    out
}

fn settings_of(env: &[(&str, &str)]) -> Settings {
    let env: Environment = env.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Settings::parse("README.md", "", &env).unwrap_or_else(|p| panic!("{p:?}"))
}

/// What OneLogin renders stands in the guide (`admin_guides`) and here, and is JSON.
#[test]
fn the_template_for_onelogin() {
    let shown = fs::read_to_string(root("src/admin/pages/guide/onelogin.json")).unwrap();
    assert_eq!(example("onelogin"), shown);
    let body: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(body["userName"], "{$parameters.scimusername}");
    let kept = gatehouse::scim::schema::canonical_user(&body).expect("a user");
    assert_eq!((&kept["externalId"], kept["emails"][0]["primary"].as_bool()), (&body["externalId"], Some(true)));
}

#[test]
fn every_setting_is_in_the_table_with_its_default() {
    let rows = table("settings");
    let documented: BTreeSet<String> = rows.iter().flat_map(|r| code(&r[0])).map(str::to_owned).collect();
    let text = source(&["src/config/mod.rs", "src/config/direct.rs"]);
    let mut read: BTreeSet<String> = quoted_after(&marked(&text, " s."), "\u{1}\"").into_iter().collect();
    for pair in ["master_key", "jwks", "direct_client_secret", "direct_saml_metadata", "smtp_url", "audit_webhook_secret"] {
        read.extend([pair.to_owned(), format!("{pair}_file")]);
    }
    read.extend(["tls_key", "mail_from"].map(str::to_owned));
    assert_eq!(documented, read, "left: README.md, right: src/config");
    for row in &rows {
        let name = code(&row[0])[0];
        assert_eq!(code(&row[1]), [format!("GATEHOUSE_{}", name.to_ascii_uppercase())], "{name}");
    }
    let direct = [
        ("GATEHOUSE_MODE", "direct"),
        ("GATEHOUSE_DIRECT_ISSUER", "https://idp.example"),
        ("GATEHOUSE_DIRECT_CLIENT_ID", "x"),
        ("GATEHOUSE_DIRECT_CLIENT_SECRET", "x"),
    ];
    for base in [&[][..], &direct[..]] {
        let plain = format!("{:?}", settings_of(base));
        for row in rows.iter().filter(|r| base.is_empty() != r[0].contains("direct_") && !r[2].is_empty()) {
            let mut env = base.to_vec();
            env.push((code(&row[1])[0], code(&row[2])[0]));
            assert_eq!(format!("{:?}", settings_of(&env)), plain, "{}: the default is not what the README says", row[0]);
        }
    }
}

#[test]
fn the_settings_examples_are_good() {
    for name in ["gatehouse.toml", "direct", "direct-saml"] {
        let result = Settings::parse(name, &example(name), &Environment::new());
        assert!(result.is_ok(), "{name}: {:?}", result.err());
    }
}

#[tokio::test]
async fn the_declarative_examples_apply() {
    let world = World::with(Backend::Sqlite, "", &[]).await;
    let app = &world.app;
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
    let base64 = STANDARD.encode(certificate.der());
    let metadata = format!(
        r#"<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://accounts.google.com/o/saml2?idpid=C01"><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>{base64}</X509Certificate></X509Data></KeyInfo></KeyDescriptor><SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://accounts.google.com/o/saml2/idp?idpid=C01"/></IDPSSODescriptor></EntityDescriptor>"#
    );
    let env = |name: &str| match name {
        "ADA_PASSWORD" => Some("three words of hers".to_owned()),
        "OKTA_SECRET" | "WEB_SECRET" | "OKTA_WEB_SECRET" | "OPAQUE_SECRET" | "NIGHTLY_SECRET" | "GRAFANA_SECRET"
        | "PING_SECRET" => Some("a secret".to_owned()),
        "OKTA_SCIM_TOKEN" | "CI_TOKEN" => Some("0123456789abcdef0123456789abcdef".to_owned()),
        "GOOGLE_METADATA" => Some(metadata.clone()),
        "PARTNER_CERTIFICATE" => Some(certificate.pem()),
        _ => None,
    };
    let hashing =
        apply::Hashing { hash: |password| gatehouse::password::hash_now(password).ok(), verify: gatehouse::password::verify_now };
    for name in [
        "acme.yaml",
        "whole.yaml",
        "saml.yaml",
        "trust.yaml",
        "machines.yaml",
        "sites.yaml",
        "header-names.yaml",
        "jobs.yaml",
        "directories.yaml",
    ] {
        let text = example(name);
        let file = apply::File { text: &text, origin: name, env: &env };
        for expected in [true, false] {
            let plan = apply::run(&app.db, &app.sealer, hashing, file, apply::Options::default(), world.clock.now()).await;
            let plan = plan.unwrap_or_else(|p| panic!("{p:?}"));
            assert_eq!(plan.changes() > 0, expected, "{name}: {plan}");
        }
    }
    assert_eq!(tenants::all(&app.db).await.unwrap().len(), 1);
}

#[test]
fn every_key_of_the_declarative_file_is_documented() {
    let text = source(&[
        "src/apply/read/tenant.rs",
        "src/apply/read/connection.rs",
        "src/apply/read/client.rs",
        "src/apply/read/people.rs",
        "src/apply/read/directory.rs",
        "src/apply/read/issuer.rs",
        "src/apply/read/claims.rs",
        "src/apply/read/principal.rs",
        "src/apply/read/resource.rs",
        "src/apply/read/site.rs",
    ]);
    let mut keys = quoted_after(&marked(&text, "f."), "\u{1}\"");
    for call in ["lifetime(&mut f, \"", "span(f, \""] {
        keys.extend(quoted_after(&text, call));
    }
    let whole = example("whole.yaml") + &example("trust.yaml");
    let missing: BTreeSet<&String> = keys.iter().filter(|key| !whole.contains(&format!("{key}:"))).collect();
    assert!(keys.len() > 90, "{keys:?}");
    assert!(missing.is_empty(), "the whole example of the README lacks {missing:?}");
}

#[tokio::test]
async fn every_endpoint_exists() {
    let world = World::new(Backend::Sqlite).await;
    let mut browser = Browser::new();
    let paths: Vec<String> = table("endpoints").iter().flat_map(|r| code(&r[0])).map(str::to_owned).collect();
    for path in paths.iter().filter(|p| p.starts_with('/') && !p.contains('{')) {
        let answer = browser.get(&format!("{}{path}", world.url)).await;
        assert_ne!(answer.status, 404, "{path}");
    }
    let metadata = browser.get(&format!("{}/.well-known/openid-configuration", world.url)).await.json();
    for (name, value) in metadata.as_object().unwrap() {
        if let Some(path) = value.as_str().and_then(|v| v.strip_prefix(&world.url)).filter(|p| !p.is_empty()) {
            assert!(paths.iter().any(|p| p == path), "{name}: {path} is not in the README");
        }
    }
}

#[test]
fn presets_are_as_the_program_has_them() {
    let text = readme();
    let list = |names: &[&str]| names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    for preset in PRESETS {
        let Some(m) = preset.oidc else { continue };
        let cells = [list(&[preset.name]), list(&[m.scopes]), list(m.unique_id), list(m.email), list(&[m.email_trust.as_str()])];
        let groups = if m.groups.is_empty() { String::new() } else { format!("{} ", list(m.groups)) };
        let row = format!("| {} | {groups}|", cells.join(" | "));
        assert!(text.contains(&row), "the README lacks the row {row}");
    }
    for preset in PRESETS {
        let Some(m) = preset.saml else { continue };
        // Long names by their last part, as the README says below the table.
        let short = |name: &&str| name.rsplit_once('/').map_or((*name).to_owned(), |(_, last)| format!("…/{last}"));
        let list =
            |names: &[&str]| list(&names.iter().map(short).collect::<Vec<_>>().iter().map(String::as_str).collect::<Vec<_>>());
        let format = if m.name_id_format.is_empty() { "none".to_owned() } else { list(&[m.name_id_format]) };
        let names = format!("{} / {}", list(m.given_name), list(m.family_name));
        let row = format!(
            "| {} |",
            [list(&[preset.name]), format, list(m.unique_id), list(m.email), names, list(m.groups)].join(" | ")
        );
        assert!(text.contains(&row), "the README lacks the row {row}");
        let uris = [m.unique_id, m.email, m.given_name, m.family_name, m.groups].concat();
        for prefix in uris.iter().filter_map(|name| name.rsplit_once('/')).map(|(prefix, _)| prefix) {
            assert!(text.contains(&format!("`{prefix}/…`")), "the README does not say what … stands for: {prefix}");
        }
    }
}

#[test]
fn every_metric_is_in_the_table() {
    let documented: BTreeSet<String> = table("metrics").iter().flat_map(|r| code(&r[0])).map(str::to_owned).collect();
    let recorded: BTreeSet<String> = ["counter!(\"", "histogram!(\"", "gauge!(\"", "series(\""]
        .iter()
        .flat_map(|macro_call| quoted_after(&source(&["src/metrics.rs", "src/outbound.rs"]), macro_call))
        .collect();
    assert_eq!(documented, recorded, "left: README.md, right: src");
}

#[test]
fn links_lead_somewhere() {
    let text = readme();
    let headings: BTreeSet<String> = text.lines().filter(|l| l.starts_with('#')).map(anchor).collect();
    let pictures = text.split("src").skip(1).filter_map(|rest| rest.split('"').nth(1)).filter(|path| path.ends_with(".png"));
    for path in pictures {
        assert!(Path::new(&root(path)).exists(), "there is no picture {path}: make pictures");
    }
    for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
        match link.strip_prefix('#') {
            Some(to) => assert!(headings.contains(to), "there is no heading #{to}"),
            None if link.starts_with("https://") => {}
            None => assert!(Path::new(&root(link)).exists(), "there is no file {link}"),
        }
    }
}

#[test]
fn the_numbers_are_the_programs() {
    use gatehouse::{background, grant, login::throttle, saml_keys, serve, signing, store};
    let text = readme();
    let (race, grace) = (store::families::RACE, store::families::GRACE);
    for words in [
        format!("within {race} seconds of an exchange, the old token again counts as a race"),
        format!("From {race} to {grace} seconds after it, the old token may be used once more"),
        format!("| code | {} seconds, one redemption", store::codes::LIFETIME),
        format!("a form token; {} minutes", store::logins::LIFETIME / 60),
        format!("in {} minutes {} per account", throttle::WINDOW / 60, throttle::PER_ACCOUNT),
        format!("{} failed ones per address", throttle::PER_ADDRESS),
        format!("published {} seconds before it signs", signing::PUBLISH_LEAD),
        format!("may keep our JWKS for {}.", signing::JWKS_MAX_AGE),
        format!("| signing keys | within {} seconds |", background::POLL),
        format!("out on every node within {} second.", gatehouse::trust::LOOK),
        format!("kept in memory for at most {} seconds", gatehouse::trust::STALE),
        format!("| SAML keys | within {} seconds;", background::POLL),
        format!("a certificate is valid for {} years from its first use", saml_keys::VALIDITY / (365 * 86_400)),
        format!("its successor is published {} days before its own first use", saml_keys::LEAD / 86_400),
        format!("leaves the metadata {} day after its last use", saml_keys::SIGNING_RETIRES_AFTER / 86_400),
        format!("is read for {} days more", saml_keys::DECRYPTION_RETIRES_AFTER / 86_400),
        format!("gives requests under way {} seconds", serve::GRACE.as_secs()),
        format!("The token lives {} minutes, or the client's", grant::principal::LIFETIME / 60),
    ] {
        assert!(text.contains(&words), "the README does not say: {words}");
    }
}

#[test]
fn the_proxies_shown_are_the_ones_tested() {
    for (name, file) in [("nginx", "nginx.conf"), ("caddy", "Caddyfile"), ("envoy", "envoy.yaml"), ("envoy-routes", "envoy.yaml")]
    {
        let tested = fs::read_to_string(root(&format!("tests/interop/proxies/{file}"))).unwrap();
        let tested: BTreeSet<&str> = tested.lines().map(str::trim).collect();
        for line in example(name).lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut filled = line.to_owned();
            for (shown, word) in [("127.0.0.1:8080", "GATEHOUSE"), ("127.0.0.1:3000", "UPSTREAM")] {
                filled = filled.replace(&format!("http://{shown}"), word).replace(shown, word);
            }
            assert!(tested.contains(filled.as_str()), "{file} does not have: {line}");
        }
    }
}

/// As GitHub makes them.
fn anchor(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    words.chars().filter(|c| c.is_alphanumeric() || *c == '-').collect()
}

#[test]
fn every_way_to_compare_claims_is_in_the_table() {
    use gatehouse::policy::claim_rules::MatchType;
    let documented: Vec<String> = table("match-types").iter().flat_map(|r| code(&r[0])).map(str::to_owned).collect();
    let mut known = MatchType::ALL.map(MatchType::as_str);
    known.sort_unstable();
    let mut documented: Vec<&str> = documented.iter().map(String::as_str).collect();
    documented.sort_unstable();
    assert_eq!(documented, known);
}

/// The admin API's lines do as they stand there.
#[tokio::test]
async fn the_api_example_works() {
    let state = r#"
tenants:
- name: acme
  users:
  - {email: ada@acme.example}
  service_tokens:
  - {name: ci, token: "0123456789abcdef0123456789abcdef", scopes: [admin]}
"#;
    let world = World::with(Backend::Sqlite, state, &[]).await;
    let script = format!("set -e; curl() {{ command curl -sSf \"$@\"; echo; }}\n{}", example("api.sh"));
    let url = world.url.clone();
    let run = move || {
        let mut shell = std::process::Command::new("sh");
        let shell = shell.args(["-c", &script]).env("GATEHOUSE", &url).env("TOKEN", "0123456789abcdef0123456789abcdef");
        shell.output().unwrap()
    };
    let done = tokio::task::spawn_blocking(run).await.unwrap();
    let (said, failed) = (String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap());
    assert!(done.status.success(), "{said}{failed}");
    for part in ["\"members\":[\"ada@acme.example\"]", "\"token\":\"gha_", "\"deleted\":\"sre\""] {
        assert!(said.contains(part), "{part}: {said}");
    }
}
