//! The house rules that no compiler holds: who may import whom, who owns which crate, how long a file may be.
//!
//! The law is the table below; the README's "House" draws it. Test code is free to import what it needs.
#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Small modules that hold one thing the outside gives (time, randomness, the network …), and belong to no room.
const LEAVES: &[&str] =
    &["clock", "secret", "seal", "outbound", "password", "metrics", "suggest", "moment", "markup", "limit", "tls", "dns"];

/// The front of the house: starts it, configures it and hangs the doors.
const FRONT: &str = "main lib cli config app router journal session bearer body error page demo assets serve signing saml_keys \
    provider_metadata domain_proof background trust delivery invitation directory_token identity_link \
    key_list expiry operator reach guest admin_link api_token chronicle trace story trial explanation";

/// Each door; no door knows another.
const DOORS: &[&str] = &["login", "endpoint", "admin", "scim"];

/// A room, and which others it may import beside itself. The longest matching name wins, so a file can be stricter
/// than its folder.
const ROOMS: &[(&str, &[&str])] = &[
    // Pure: no async, no database, no HTTP. Digests are as pure as comparison, and so is reading `30m`.
    ("oauth", &["policy", "secret"]),
    ("policy", &["oauth", "secret", "moment"]),
    ("login::flow", &["oauth", "policy"]),
    // What SCIM says, apart from who says it and where it is kept.
    ("scim::filter", &["policy"]),
    ("scim::patch", &["policy"]),
    ("scim::schema", &["policy"]),
    ("scim::document", &[]),
    ("scim::fault", &[]),
    // They touch one thing each.
    ("store", &["oauth", "policy", "clock", "secret", "seal"]),
    ("token", &["oauth", "policy", "clock", "secret", "seal", "outbound", "metrics"]),
    ("connector", &["oauth", "policy", "token", "clock", "secret", "seal", "outbound", "metrics", "moment"]),
    ("grant", &["oauth", "policy", "store", "token", "clock", "secret", "seal", "metrics"]),
    // Of `token` only what reads a key set, so that a file's unusable keys are a problem of their line.
    ("apply", &["oauth", "policy", "store", "token", "connector", "clock", "secret", "seal", "password", "suggest", "moment"]),
    // Leaves hang on nothing but leaves.
    ("clock", &[]),
    ("secret", &[]),
    ("suggest", &[]),
    ("moment", &[]),
    ("markup", &[]),
    ("limit", &["clock"]),
    ("dns", &["limit"]),
    ("tls", &["moment"]),
    ("metrics", &["clock"]),
    ("seal", &["secret"]),
    ("password", &["secret"]),
    ("outbound", &["clock", "metrics", "limit"]),
];

/// Crates with one owner (or few): nobody else names them.
const OWNED: &[(&[&str], &[&str])] = &[
    (&["sqlx"], &["store"]),
    (&["rsa"], &["token"]),
    // For tests alone.
    (&["jsonwebtoken"], &[]),
    (&["openidconnect", "oauth2", "samael", "libxml", "openssl", "flate2"], &["connector"]),
    (&["reqwest"], &["outbound"]),
    (&["hickory_resolver"], &["dns"]),
    (&["argon2"], &["password"]),
    (&["lettre"], &["delivery"]),
    (
        // Pages, and mails.
        &["askama"],
        &[
            "login", "endpoint", "admin", "scim", "demo", "main", "cli", "app", "router", "session", "bearer", "error", "page",
            "assets", "serve", "metrics", "delivery",
        ],
    ),
    (&["clap"], &["main", "cli"]),
    (&["toml_edit"], &["config"]),
    (&["serde_saphyr"], &["apply"]),
    (
        &["axum", "axum_extra", "axum_server", "tower", "tower_http", "tower_sessions", "askama_web"],
        &[
            "login", "endpoint", "admin", "scim", "demo", "main", "cli", "app", "router", "journal", "session", "bearer", "body",
            "error", "page", "assets", "serve", "metrics", "operator", "trace", "guest",
        ],
    ),
];

/// Files under a door that stay pure although the door is not.
const PURE: &[&str] =
    &["oauth", "policy", "login::flow", "scim::document", "scim::filter", "scim::patch", "scim::schema", "scim::fault"];
/// What a pure room never names.
const IMPURE: &[&str] = &["axum", "sqlx", "reqwest", "tokio", "http", "futures_util", "async_trait", "std::fs", "std::net::Tcp"];

/// Lines of code (neither blank nor comment) that a file may have, tests included.
const LONGEST: usize = 400;
/// Files that may be longer, and why.
const LONGER: &[(&str, usize, &str)] = &[];

/// Words that say nothing about what a file is for.
const HOLLOW: &[&str] = &["service", "manager", "helper", "util", "common", "handler", "data", "misc", "types", "model"];

#[test]
fn rooms_import_only_what_the_law_allows() {
    let broken: Vec<String> = sources().iter().flat_map(|(path, text)| judge(&module_of(path), text)).collect();
    assert!(broken.is_empty(), "the import law (tests/house.rs) is broken:\n{}", broken.join("\n"));
}

#[test]
fn files_are_short_and_introduce_themselves() {
    let mut broken = Vec::new();
    for (path, text) in rust_files(&["src", "tests"]) {
        let limit = LONGER.iter().find(|(name, ..)| *name == path).map_or(LONGEST, |(_, lines, _)| *lines);
        let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with("//")).count();
        if lines > limit {
            broken.push(format!("{path} has {lines} lines of code, more than {limit}: split it by noun"));
        }
        let name = Path::new(&path).file_stem().and_then(|s| s.to_str()).unwrap_or_default();
        if (name == "mod" || name == "lib" || name == "main") && !text.starts_with("//!") {
            broken.push(format!("{path} does not begin with `//!` and what it is for"));
        }
        if name.split('_').any(|word| HOLLOW.contains(&word.trim_end_matches('s'))) {
            broken.push(format!("{path} is named after nothing: what noun is it about?"));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// What one file breaks.
fn judge(module: &str, text: &str) -> Vec<String> {
    let code = without_tests(&without_comments_and_strings(text));
    let top = first(module);
    let mut broken = BTreeSet::new();
    let Some(allowed) = allowed(module) else {
        return vec![format!("{module}: the law does not know this room; say in tests/house.rs what it may import")];
    };
    for other in imports(module, &code) {
        if other != top && !allowed.contains(&other.as_str()) {
            broken.insert(format!("{module} imports crate::{other}"));
        }
    }
    for (crates, owners) in OWNED {
        for name in *crates {
            if !owners.contains(&top) && names_path(&code, name) {
                broken.insert(format!("{module} names the crate {name}, which belongs to {}", owners.join(", ")));
            }
        }
    }
    if PURE.iter().any(|room| within(module, room)) {
        for name in IMPURE {
            if names_path(&code, name) {
                broken.insert(format!("{module} is pure and names {name}"));
            }
        }
        if contains_word(&code, "async") {
            broken.insert(format!("{module} is pure and has an async function"));
        }
    }
    broken.into_iter().collect()
}

/// The rooms that `module` may import; `None` when the law does not know it.
fn allowed(module: &str) -> Option<Vec<&'static str>> {
    let strictest = ROOMS.iter().filter(|(room, _)| within(module, room)).max_by_key(|(room, _)| room.len());
    if let Some((_, may)) = strictest {
        return Some(may.to_vec());
    }
    let rooms = ROOMS.iter().map(|(room, _)| first(room));
    let front = FRONT.split_whitespace();
    let top = first(module);
    if DOORS.contains(&top) {
        // The front is theirs but for the command line, and for the demo, which must stay out of `serve`.
        let front = front.filter(|name| !["main", "cli", "demo"].contains(name));
        return Some(rooms.filter(|room| !DOORS.contains(room)).chain(LEAVES.iter().copied()).chain(front).collect());
    }
    if front.clone().any(|name| name == top) {
        let demo = ["main", "lib", "cli"].contains(&top);
        let front = front.filter(|name| demo || *name != "demo");
        return Some(rooms.chain(LEAVES.iter().copied()).chain(DOORS.iter().copied()).chain(front).collect());
    }
    None
}

/// The top-level modules that the code names, by `crate::…` or by climbing with `super::`. Macros of the crate root
/// count as nobody's.
fn imports(module: &str, code: &str) -> Vec<String> {
    let depth = module.split("::").count();
    let climb = "super::".repeat(depth);
    let mut found = Vec::new();
    for prefix in ["crate::", climb.as_str()] {
        for (at, _) in code.match_indices(prefix) {
            if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            found.extend(heads(&code[at + prefix.len()..]));
        }
    }
    let known = |name: &String| {
        let rooms = ROOMS.iter().map(|(room, _)| first(room));
        rooms.chain([LEAVES, DOORS].concat()).chain(FRONT.split_whitespace()).any(|known| known == name.as_str())
    };
    found.retain(known);
    found
}

/// `a::b` → a; `{a, b::{c, d}}` → a, b.
fn heads(rest: &str) -> Vec<String> {
    let word = |text: &str| text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = rest.trim_start().strip_prefix('{') else {
        return vec![word(rest)];
    };
    let mut names = vec![word(group)];
    let mut depth = 0;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(word(&group[at + 1..])),
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// Whether the code names `name::…` (or imports the crate whole) as a path of its own, not as the tail of another.
fn names_path(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].trim_end();
        let after = &code[at + name.len()..];
        let own =
            !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.' || c == ':') || before.ends_with(" ::");
        own && (after.starts_with("::") || name.contains("::") || (before.ends_with("use") && after.starts_with([';', ' '])))
    })
}

fn contains_word(code: &str, word: &str) -> bool {
    code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == word)
}

fn first(module: &str) -> &str {
    module.split("::").next().unwrap_or_default()
}

fn within(module: &str, room: &str) -> bool {
    module == room || module.strip_prefix(room).is_some_and(|rest| rest.starts_with("::"))
}

/// `src/login/flow.rs` → `login::flow`; `src/store/mod.rs` → `store`.
fn module_of(path: &str) -> String {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs");
    path.trim_end_matches("/mod").replace('/', "::")
}

/// Blanks out comments, strings and characters, so that only code is judged. Line breaks stay.
fn without_comments_and_strings(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('\0');
    let mut out = String::with_capacity(text.len());
    let mut i = 0;
    while i < chars.len() {
        let word_before = i > 0 && (at(i - 1).is_alphanumeric() || at(i - 1) == '_');
        if at(i) == '/' && at(i + 1) == '/' {
            while i < chars.len() && at(i) != '\n' {
                i += 1;
            }
        } else if at(i) == '/' && at(i + 1) == '*' {
            let mut depth = 0;
            loop {
                match (at(i), at(i + 1)) {
                    ('/', '*') => (depth, i) = (depth + 1, i + 2),
                    ('*', '/') => (depth, i) = (depth - 1, i + 2),
                    _ => i += 1,
                }
                if depth == 0 || i >= chars.len() {
                    break;
                }
            }
        } else if let Some(hashes) = raw_string(&chars, i).filter(|_| !word_before) {
            i += 1;
            while at(i) == '#' || at(i) == 'r' {
                i += 1;
            }
            i += 1;
            while i < chars.len() && !(at(i) == '"' && (1..=hashes).all(|n| at(i + n) == '#')) {
                i += 1;
            }
            i += 1 + hashes;
        } else if at(i) == '"' {
            i += 1;
            while i < chars.len() && at(i) != '"' {
                i += if at(i) == '\\' { 2 } else { 1 };
            }
            i += 1;
            out.push_str("\"\"");
        } else if at(i) == '\'' && (at(i + 1) == '\\' || at(i + 2) == '\'') {
            i += if at(i + 1) == '\\' { 3 } else { 2 };
            while i < chars.len() && at(i) != '\'' {
                i += 1;
            }
            i += 1;
            out.push(' ');
        } else {
            out.push(at(i));
            i += 1;
        }
    }
    out
}

/// The number of `#` when a raw string begins here.
fn raw_string(chars: &[char], at: usize) -> Option<usize> {
    let mut rest = chars[at..].iter().peekable();
    rest.next_if(|c| **c == 'b');
    rest.next_if(|c| **c == 'r')?;
    let mut hashes = 0;
    while rest.next_if(|c| **c == '#').is_some() {
        hashes += 1;
    }
    rest.next_if(|c| **c == '"').map(|_| hashes)
}

/// Removes `#[cfg(test)] mod … { … }`. Expects code without strings and comments, where braces balance.
fn without_tests(code: &str) -> String {
    let Some(start) = code.find("#[cfg(test)]") else {
        return code.to_owned();
    };
    let (before, rest) = code.split_at(start);
    let rest = &rest["#[cfg(test)]".len()..];
    let end = match (rest.find('{'), rest.find(';')) {
        (Some(open), semicolon) if semicolon.is_none_or(|s| open < s) => {
            let mut depth = 0;
            let close = rest[open..].char_indices().find(|(_, c)| {
                depth += i32::from(*c == '{') - i32::from(*c == '}');
                depth == 0
            });
            close.map_or(rest.len(), |(at, _)| open + at + 1)
        }
        (_, Some(semicolon)) => semicolon + 1,
        _ => rest.len(),
    };
    format!("{before}{}", without_tests(&rest[end..]))
}

/// The code of the crate that is no test: path and text.
fn sources() -> Vec<(String, String)> {
    let mut files = rust_files(&["src"]);
    files.retain(|(path, _)| !path.ends_with("/tests.rs") && !path.contains("/tests/"));
    assert!(files.len() > 10, "found only {} files under src", files.len());
    files
}

fn rust_files(folders: &[&str]) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
    let mut files = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.expect("a folder entry").path();
            if path.is_dir() && !path.ends_with("node_modules") {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
                let name = path.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/");
                files.push((name, text));
            }
        }
    }
    files.sort();
    files
}

#[test]
fn the_judge_sees_what_breaks_the_law() {
    let cases: &[(&str, &str, Option<&str>)] = &[
        ("oauth::scope", "use crate::policy::email::Email;", None),
        ("oauth::scope", "use crate::store::Db;", Some("oauth::scope imports crate::store")),
        ("oauth::scope", "fn f(x: crate::store::Db) {}", Some("imports crate::store")),
        ("oauth::scope", "use crate::{policy::email, store::{Db, users}};", Some("imports crate::store")),
        ("oauth::scope", "use super::super::store::Db;", Some("imports crate::store")),
        ("oauth::scope", "pub(crate) use crate::{\n    secret,\n    app::App,\n};", Some("imports crate::app")),
        ("oauth::scope", "use axum::Json;", Some("names the crate axum")),
        ("oauth::scope", "pub async fn f() {}", Some("async")),
        ("oauth::scope", "use std::fs;", Some("is pure and names std::fs")),
        (
            "oauth::scope",
            "// use crate::store::Db;\n/* crate::app /* axum:: */ crate::app */ const X: &str = \"crate::store\";",
            None,
        ),
        ("oauth::scope", "const X: &str = r#\"crate::store\"#; const Y: char = '\"'; use crate::app::App;", Some("crate::app")),
        ("oauth::scope", "#[cfg(test)]\nmod tests { use crate::store::Db; fn f() { if true { } } }\nfn g() {}", None),
        ("oauth::scope", "#[cfg(test)]\nmod tests { fn f() {} }\nuse crate::store::Db;", Some("crate::store")),
        ("oauth::scope", "#[cfg(test)]\nmod tests;\nuse crate::store::Db;", Some("crate::store")),
        ("store::users", "use sqlx::FromRow; use crate::{params, policy::email::Email};", None),
        ("store::users", "use crate::token::keys::Keys;", Some("imports crate::token")),
        ("store::users", "let r: reqwest::Response;", Some("names the crate reqwest")),
        ("token::keys", "let x = sqlx::query(\"\");", Some("names the crate sqlx")),
        ("token::keys", "use crate::store::keys;", Some("imports crate::store")),
        ("connector::oidc::exchange", "use crate::{outbound::Outbound, token::verify};", None),
        ("connector::oidc::exchange", "use crate::grant::refresh;", Some("imports crate::grant")),
        ("grant::refresh", "use crate::connector::Connector;", Some("imports crate::connector")),
        ("grant::refresh", "use axum::response::Response;", Some("names the crate axum")),
        ("login::callback", "use crate::{app::App, connector::Connector, store::users, token::issue};", None),
        ("login::callback", "use crate::endpoint::token;", Some("imports crate::endpoint")),
        ("login::callback", "use crate::demo::page;", Some("imports crate::demo")),
        ("login::flow", "use crate::oauth::authorize::AuthorizeRequest;", None),
        ("login::flow", "use crate::store::logins;", Some("imports crate::store")),
        ("login::flow", "use axum::Router;", Some("axum")),
        ("endpoint::token", "use jsonwebtoken::Header;", Some("names the crate jsonwebtoken")),
        ("router", "use crate::{demo, login};", Some("imports crate::demo")),
        ("cli", "use crate::{demo, login};", None),
        ("clock", "use crate::config::Settings;", Some("imports crate::config")),
        ("attic", "", Some("the law does not know this room")),
    ];
    for (module, code, expected) in cases {
        let broken = judge(module, code).join("\n");
        match expected {
            None => assert_eq!(broken, "", "{module}: {code}"),
            Some(part) => assert!(broken.contains(part), "{module}: {code}\nexpected {part:?}, got {broken:?}"),
        }
    }
}
