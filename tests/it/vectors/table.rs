//! What is wrong in a token, row by row of the catalogue of known attacks, each beside the same token without that.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as B64};
use serde_json::json;

use super::forge::{API, Draft, NOW, Party, Seal, THEM, US};

const FAILED: &str = "JWT validation failed";

/// A wrong token, what it is refused with, and its honest twin.
pub struct Vector {
    pub row: &'static str,
    pub name: String,
    pub wrong: Draft,
    pub honest: Draft,
    pub says: &'static str,
}

/// Every vector there is for an issuer.
pub fn vectors(party: &Party) -> Vec<Vector> {
    let mut all = Vec::new();
    let mut add = |row, name: &str, wrong, honest, says| all.push(Vector { row, name: name.to_owned(), wrong, honest, says });
    algorithms(party, &mut add);
    keys(party, &mut add);
    times(party, &mut add);
    shapes(party, &mut add);
    kinds(party, &mut add);
    whose(party, &mut add);
    if !party.own {
        values(party, &mut add);
    }
    truncations(party, &mut add);
    all
}

/// A change of the whole token.
type Change = fn(&str) -> String;
type Add<'a> = dyn FnMut(&'static str, &str, Draft, Draft, &'static str) + 'a;

fn algorithms(party: &Party, add: &mut Add<'_>) {
    let draft = || party.draft();
    for alg in ["none", "None", "nOnE", "NONE", "", "HS256", "HS384", "HS512", "ES384", "ES512", "es256", "RSA-OAEP", "dir"] {
        add("J1", &format!("alg {alg:?}"), draft().header("alg", json!(alg)), draft(), FAILED);
        let unsigned = draft().header("alg", json!(alg)).seal(Seal::Bytes(Vec::new()));
        add("J1", &format!("alg {alg:?}, unsigned"), unsigned, draft(), FAILED);
    }
    for other in ["RS256", "ES256", "EdDSA", "PS256"].into_iter().filter(|alg| *alg != party.key.alg.as_str()) {
        add("J1", &format!("alg {other} with another kind of key"), draft().header("alg", json!(other)), draft(), FAILED);
    }
    add("J1", "no alg", draft().without_header("alg"), draft(), FAILED);
    for value in [json!(null), json!(["ES256"]), json!(256)] {
        add("J1", &format!("alg {value}"), draft().header("alg", value), draft(), FAILED);
    }
    for (at, secret) in party.key.spellings().into_iter().enumerate() {
        for alg in ["HS256", party.key.alg.as_str()] {
            let wrong = draft().header("alg", json!(alg)).seal(Seal::Hmac(secret.clone()));
            add("J1", &format!("HMAC with spelling {at} of the public key as {alg}"), wrong, draft(), FAILED);
        }
    }
    // A signature of zeroes satisfied Java's ECDSA (CVE-2022-21449).
    for length in [0, 1, 32, 63, 64, 65, 256] {
        for byte in [0, 0xff] {
            let wrong = draft().seal(Seal::Bytes(vec![byte; length]));
            add("J1", &format!("{length} bytes {byte} as signature"), wrong, draft(), FAILED);
        }
    }
}

fn keys(party: &Party, add: &mut Add<'_>) {
    let draft = || party.draft();
    for (name, value) in [
        ("jwk", party.stranger().jwk.clone()),
        ("jku", json!("https://evil.example/jwks")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("x5c", json!(["MIIB"])),
        ("x5t#S256", json!("AAAA")),
    ] {
        let with = draft().header(name, value);
        add("J2", &format!("signed with the key that {name} offers"), with.clone().seal(Seal::Stranger), with, FAILED);
    }
    for kid in [
        json!("../../dev/null"),
        json!("/etc/passwd"),
        json!("' OR 1=1--"),
        json!("k' UNION SELECT 'key"),
        json!("https://evil.example/jwks"),
        json!("k\0"),
        json!("K"),
        json!(" k"),
        json!(""),
        json!("k".repeat(64 * 1024)),
        json!("k".repeat(300)),
        json!({"kid": "k"}),
        json!(["k"]),
        json!(7),
        json!(null),
        json!(true),
    ] {
        let name: String = kid.to_string().chars().take(30).collect();
        add("J3", &format!("kid {name}"), draft().header("kid", kid), draft(), FAILED);
    }
}

fn times(party: &Party, add: &mut Add<'_>) {
    let draft = || party.draft();
    let honest = |name: &str| match name {
        "exp" => json!(NOW + 300),
        _ => json!(NOW - 10),
    };
    for name in ["exp", "nbf", "iat"] {
        for value in [
            json!("9999999999"),
            json!(true),
            json!([NOW + 300]),
            json!({"at": NOW}),
            json!(-1),
            json!(1e30),
            json!(-0.5),
            json!(i64::MAX),
            json!(u64::MAX),
        ] {
            add("J4", &format!("{name} {value}"), draft().claim(name, value), draft().claim(name, honest(name)), FAILED);
        }
    }
    add("J4", "exp null", draft().claim("exp", json!(null)), draft(), "Missing required claims: exp");
    add("J4", "no exp", draft().without_claim("exp"), draft(), "Missing required claims: exp");
    add("J4", "nbf null", draft().claim("nbf", json!(null)), draft(), FAILED);
    add("J4", "exp NaN", draft().claims_text(|t| t.replace(&(NOW + 300).to_string(), "NaN")), draft(), FAILED);
    let at = |name: &str, seconds: i64| draft().claim(name, json!(NOW + seconds));
    add("J4", "exp past", at("exp", -60), at("exp", -59), "Token is expired");
    add("J4", "nbf ahead", at("nbf", 61), at("nbf", 60), "Token is not yet valid");
    add("J4", "iat ahead", at("iat", 61), at("iat", 60), "Token is not yet valid");
}

fn shapes(party: &Party, add: &mut Add<'_>) {
    let draft = || party.draft();
    let whole: [(&str, Change); 12] = [
        ("a megabyte of dots", |_| ".".repeat(1_000_000)),
        ("ten thousand segments", |_| "a.".repeat(10_000)),
        ("ten thousand segments of the token", |t| format!("{t}.").repeat(100)),
        ("a fourth segment", |t| format!("{t}.x")),
        ("a JWE", |t| format!("{t}.AAAA.AAAA")),
        ("nothing", |_| String::new()),
        ("two dots", |_| "..".to_owned()),
        ("no signature", |t| t[..=t.rfind('.').unwrap()].to_owned()),
        ("no header", |t| t[t.find('.').unwrap()..].to_owned()),
        ("a megabyte of A", |t| format!("{t}{}", "A".repeat(1_000_000))),
        ("a megabyte of header", |t| format!("{}{t}", "A".repeat(1_000_000))),
        ("another alphabet", |t| t.replacen('.', "\u{2024}", 1)),
    ];
    for (name, how) in whole {
        add("J5", name, draft().mangle(how), draft(), FAILED);
    }
    let deep = |_: &str| "[".repeat(9_000);
    add("J5", "a deep header", draft().header_text(deep), draft(), FAILED);
    add("J5", "deep claims", draft().claims_text(deep), draft(), FAILED);
    add("J5", "a list as claims", draft().claims_text(|t| format!("[{t}]")), draft(), FAILED);
    add("J5", "a list as header", draft().header_text(|t| format!("[{t}]")), draft(), FAILED);
    let large = |size: usize| draft().claim("x", json!("x".repeat(size)));
    add("J5", "large claims", large(20_000), large(5_000), FAILED);
    for (name, value) in [
        ("zip", json!("DEF")),
        ("enc", json!("A128GCM")),
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("b64", json!("false")),
    ] {
        let wrong = draft().header(name, value.clone());
        add("J5", &format!("{name} {value}"), wrong, draft().header("b64", json!(true)), FAILED);
    }
    // What costs a lot to unwrap is never begun (PBES2).
    add("J5", "p2c", draft().header("alg", json!("PBES2-HS256+A128KW")).header("p2c", json!(u32::MAX)), draft(), FAILED);
}

fn kinds(party: &Party, add: &mut Add<'_>) {
    let typed = |typ: &str| party.draft().header("typ", json!(typ));
    let special = ["refresh+jwt", "REFRESH+JWT", "application/refresh+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt"];
    for typ in
        special.into_iter().chain(["client-authentication+jwt", "token-introspection+jwt", "oauth-authz-req+jwt", "identity+jwt"])
    {
        add("J8", typ, typed(typ), typed("at+jwt"), FAILED);
    }
    for typ in [json!(1), json!(null), json!(["at+jwt"])] {
        add("J8", &format!("typ {typ}"), party.draft().header("typ", typ), typed("application/AT+JWT"), FAILED);
    }
    if party.own {
        // Of ours nothing but an access token: ID tokens and assertions have the plain type or none.
        for typ in ["JWT", "at", "at+jwt ", ""] {
            add("J8", &format!("typ {typ:?}"), typed(typ), typed("at+jwt"), FAILED);
        }
        add("J8", "no typ", party.draft().without_header("typ"), typed("at+jwt"), FAILED);
        for name in ["jti", "client_id", "tenant", "iat"] {
            let missing: &'static str = match name {
                "jti" => "Missing required claims: jti",
                "client_id" => "Missing required claims: client_id",
                "tenant" => "Missing required claims: tenant",
                _ => "Missing required claims: iat",
            };
            add("J8", name, party.draft().without_claim(name), party.draft(), missing);
        }
    }
}

fn whose(party: &Party, add: &mut Add<'_>) {
    let draft = || party.draft();
    add("J9", "the other issuer's key of the same kid", draft().seal(Seal::Counterpart), draft(), FAILED);
    let other = if party.own { THEM } else { US };
    let stolen = draft().claim("iss", json!(other));
    add(
        "J9",
        "our key under the other's name",
        stolen,
        draft(),
        // Whoever cannot sign is told nothing of the claims that are asked for.
        FAILED,
    );
    let issuer = if party.own { US } else { THEM };
    for iss in [
        json!(format!("{issuer}/")),
        json!(issuer.to_uppercase()),
        json!(issuer.replace("https", "http")),
        json!(format!(" {issuer}")),
        json!([issuer]),
        json!({"iss": issuer}),
        json!(null),
        json!("https://evil.example"),
    ] {
        add("J9", &format!("iss {iss}"), draft().claim("iss", iss), draft().claim("iss", json!(issuer)), "Invalid issuer");
    }
    for aud in
        [json!("https://other.example"), json!(API.to_uppercase()), json!([]), json!([[API]]), json!({"aud": API}), json!(null)]
    {
        add("J9", &format!("aud {aud}"), draft().claim("aud", aud), draft().claim("aud", json!(["x", API])), "Invalid audience");
    }
    let twice = |member: &'static str| move |text: &str| text.replacen('{', &format!("{{{member},"), 1);
    for member in [r#""sub":"admin""#, r#""\u0073ub":"admin""#, r#""x":{"a":1,"a":2}"#, r#""exp":1,"iss":"x""#] {
        let once = twice(r#""Sub":"admin""#);
        add("J9", &format!("claims with {member}"), draft().claims_text(twice(member)), draft().claims_text(once), FAILED);
    }
    for member in [r#""alg":"none""#, r#""kid":"other""#, r#""typ":"at+jwt""#] {
        add("J9", &format!("a header with {member}"), draft().header_text(twice(member)), draft(), FAILED);
    }
    for sub in [json!(""), json!("x".repeat(256)), json!(["caller-1"]), json!({"sub": 1}), json!(true), json!(1.5)] {
        let name: String = sub.to_string().chars().take(20).collect();
        add("J9", &format!("sub {name}"), draft().claim("sub", sub), draft().claim("sub", json!("x".repeat(255))), FAILED);
    }
    add("J9", "no sub", draft().without_claim("sub"), draft(), "Missing required claims: sub");
}

fn values(party: &Party, add: &mut Add<'_>) {
    let draft = || party.draft();
    let email = || draft().claim("email", json!("other@acme.test"));
    for value in [
        json!("caller@acme.test.evil"),
        json!("caller@evil.test"),
        json!("caller@evil@acme.test"),
        json!("caller@acme.test\n"),
        json!("x\ncaller@acme.test"),
        json!("@acme.test@evil.test"),
        json!("caller@ACME.test"),
        json!(["caller@acme.test"]),
        json!({"email": "caller@acme.test"}),
        json!(true),
    ] {
        add("J10", &format!("email {value}"), draft().claim("email", value), email(), FAILED);
    }
    for value in [json!("ACME.test"), json!(["acme.test"]), json!("acme.test "), json!(null), json!(1)] {
        add("J10", &format!("hd {value}"), draft().claim("hd", value), draft().claim("hd", json!("acme.test")), FAILED);
    }
    let groups = || draft().claim("groups", json!("dev sre"));
    for value in [json!("sre-interns"), json!("SRE"), json!(["sre-interns"]), json!([["sre"]]), json!({"sre": true}), json!([])] {
        add("J10", &format!("groups {value}"), draft().claim("groups", value), groups(), FAILED);
    }
    let nested = || draft().without_claim("realm").claim("realm.roles", json!(["caller"]));
    add("J10", "another role", draft().claim("realm", json!({"roles": ["admin"]})), nested(), FAILED);
    let missing = "Missing required claims: realm.roles";
    for value in [json!({"roles": null}), json!("roles"), json!({"Roles": ["caller"]}), json!([{"roles": ["caller"]}])] {
        add("J10", &format!("realm {value}"), draft().claim("realm", value), nested(), missing);
    }
}

fn truncations(party: &Party, add: &mut Add<'_>) {
    let draft = || party.draft();
    let whole: [(&str, Change); 12] = [
        ("the last character gone", |t| t[..t.len() - 1].to_owned()),
        ("the first character gone", |t| t[1..].to_owned()),
        ("one more character", |t| format!("{t}A")),
        ("padding", |t| format!("{t}=")),
        ("white space behind", |t| format!("{t} ")),
        ("white space before", |t| format!(" {t}")),
        ("a line break", |t| format!("{t}\r\n")),
        ("NUL", |t| format!("{t}\0")),
        ("upper case", str::to_uppercase),
        ("half the signature", |t| t[..t.len() - 40].to_owned()),
        ("an empty signature in base64", |t| format!("{}.{}", &t[..t.rfind('.').unwrap()], B64.encode(""))),
        ("base64 instead of base64url", |t| format!("{}+/", &t[..t.len() - 2])),
    ];
    for (name, how) in whole {
        add("J13", name, draft().mangle(how), draft(), FAILED);
    }
    for at in [-1_isize, -2, -10, 5, 40] {
        let flip = move |token: &str| {
            let mut bytes = token.as_bytes().to_vec();
            let at = usize::try_from(at).unwrap_or_else(|_| bytes.len().saturating_add_signed(at));
            bytes[at] = if bytes[at].is_ascii_uppercase() { b'a' } else { b'Q' };
            String::from_utf8(bytes).unwrap()
        };
        add("J13", &format!("the character at {at} changed"), draft().mangle(flip), draft(), "");
    }
}
