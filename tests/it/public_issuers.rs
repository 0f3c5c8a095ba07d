//! Issuers that give tokens to everybody: however one is named, whoever takes its tokens must say whose count.

use gatehouse::{
    apply::{self, File, Hashing, Options},
    seal::Sealer,
    store::Db,
};

use crate::on_both_databases;

on_both_databases!(each_form_must_say_whose_tokens_count, what_was_taken_once_keeps_nobody_from_changing_something_else);

const GITHUB: &str = "https://token.actions.githubusercontent.com";
/// Rules that say nothing, and such as say whose.
const OPEN: &str = "{ref: refs/heads/main}";
const PINNED: &str = "{ref: refs/heads/main, repository_owner_id: \"1234\"}";

async fn apply(db: &Db, text: &str) -> Result<String, String> {
    let sealer = Sealer::from_base64("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
    let hashing = Hashing { hash: |_| None, verify: |_, _| false };
    let file = File { text, origin: "acme.yaml", env: &|_| None };
    match apply::run(db, &sealer, hashing, file, Options::default(), 100).await {
        Ok(plan) => Ok(plan.to_string()),
        Err(problems) => Err(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}

/// Each form in which a file can say that tokens of it are accepted, as the tenant's own key. `RULES` are further claim values.
fn forms() -> Vec<(&'static str, String)> {
    let keys = format!("{GITHUB}/.well-known/jwks");
    let issuer = |settings: String| format!("  trusted_issuers:\n  - {{name: gh, {settings}}}\n");
    let iss = |kind: &str, value: &str| {
        issuer(format!(
            "issuer: any, audience: x, jwks_uri: \"{keys}\", claim_values: {{RULES, iss: {{values: \"{value}\", match_type: {kind}}}}}"
        ))
    };
    let reference = |kind: &str| {
        issuer(format!(
            "jwt_validation: {{jwksUri: \"{keys}\", claimValues: {{WRITTEN, iss: {{values: [\"{GITHUB}\"], matchType: {kind}}}, aud: \
             {{values: x, matchType: exact}}}}}}, issuer: any"
        ))
    };
    vec![
        ("name", issuer(format!("issuer: \"{GITHUB}\", audience: x, jwks_uri: \"{keys}\", claim_values: {{RULES}}"))),
        (
            "names",
            issuer(format!(
                "issuer: [\"https://idp.example\", \"{GITHUB}\"], audience: x, jwks_uri: \"{keys}\", claim_values: {{RULES}}"
            )),
        ),
        ("keys", issuer(format!("issuer: any, audience: x, jwks_uri: \"{keys}\", claim_values: {{RULES}}"))),
        ("iss is", iss("is", GITHUB)),
        ("iss exact", iss("exact", GITHUB)),
        ("iss contains", iss("contains", GITHUB)),
        ("iss regex", iss("regex", r"https://token\\.actions\\.githubusercontent\\.com")),
        ("iss glob", iss("glob", "https://*.actions.githubusercontent.com")),
        ("reference, exact", reference("exact").replace(", issuer: any", "")),
        ("reference, contains", reference("contains")),
        (
            "connection",
            format!(
                "  connections:\n  - {{name: gh, protocol: oidc, login_enabled: false, oidc: {{issuer: \"{GITHUB}\", client_id: x}}}}\n"
            ),
        ),
        (
            "Google as a connection",
            "  connections:\n  - {name: gh, preset: google, login_enabled: false, HOSTED oidc: {issuer: \"https://accounts.google.com\", client_id: x}}\n".to_owned(),
        ),
    ]
}

async fn each_form_must_say_whose_tokens_count(db: &Db) {
    for (at, (name, form)) in forms().into_iter().enumerate() {
        let tenant = format!("t{at}");
        let file = |rules: &str, rest: &str| {
            let written = if rules == PINNED { "repository_owner_id: {values: \"1234\"}" } else { "ref: {values: main}" };
            let form = form.replace("RULES", rules.trim_matches(['{', '}'])).replace("WRITTEN", written);
            format!("tenants:\n- name: {tenant}\n{}{rest}", form.replace("HOSTED ", ""))
        };
        let identity = |claims: &str| format!("  external_identities:\n  - {{name: ci, issuer: gh{claims}}}\n");
        let site = |claims: &str| format!("  sites:\n  - {{name: s, hosts: [\"s{at}.example\"], issuers: [gh]{claims}}}\n");
        let google = name.contains("Google");
        let pinned = if google { "{hd: acme.example}" } else { PINNED };
        for claims in ["", ", claims: {ref: refs/heads/main}"] {
            let found = apply(db, &file(OPEN, &identity(claims))).await.unwrap_err();
            assert!(
                found.contains("external identity ci has") && found.contains("as anybody can have tokens"),
                "{name}: {found}"
            );
            let found = apply(db, &file(OPEN, &site(claims))).await.unwrap_err();
            assert!(found.contains("that would pass: name a resource of the site"), "{name}: {found}");
        }
        // The twins: by the rules beside, and by its own.
        let beside = format!(", claims: {pinned}");
        for rest in [identity(&beside), site(&beside)] {
            let plan = apply(db, &file(OPEN, &rest)).await;
            assert!(plan.is_ok(), "{name}: {plan:?}");
        }
        if !form.contains("connections") {
            for rest in [identity(""), site("")] {
                let plan = apply(db, &file(PINNED, &rest)).await;
                // Who takes tokens of any issuer needs claims all the same.
                let any = plan.as_ref().is_err_and(|why| why.contains("takes any issuer"));
                assert!(plan.is_ok() || any, "{name}: {plan:?}");
            }
        }
    }
}

async fn what_was_taken_once_keeps_nobody_from_changing_something_else(db: &Db) {
    let connection =
        "  connections:\n  - {name: gh, protocol: oidc, login_enabled: false, oidc: {issuer: \"ISS\", client_id: x}}\n";
    let identity = "  external_identities:\n  - {name: ci, issuer: gh}\n";
    let file = |rest: &str| format!("tenants:\n- name: acme\n{rest}");
    let before = connection.replace("ISS", "https://idp.example");
    apply(db, &file(&format!("{before}{identity}"))).await.unwrap();
    // As an older release might have taken it.
    let sql =
        "UPDATE connections SET settings = replace(settings, 'https://idp.example', 'https://gitlab.com') RETURNING tenant_id";
    gatehouse::store::On::from(db).publish(sql, gatehouse::params![]).await.unwrap();
    let plan = apply(db, &file("  teams:\n  - {name: sre}\n")).await.unwrap();
    assert!(plan.contains("! external identity ci has no claims, as anybody can have tokens of connection gh"), "{plan}");
    let found = apply(db, &file(&connection.replace("ISS", "https://gitlab.com"))).await.unwrap_err();
    assert!(found.contains("anybody can have tokens of connection gh"), "{found}");
}
