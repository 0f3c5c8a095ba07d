//! A SCIM filter. It must never panic, and what is accepted must print as a text that reads the same, whatever it is then
//! asked of.
#![no_main]

use gatehouse::scim::{
    filter::parse,
    schema::{GROUP, USER},
};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|text: &str| {
    let Ok(filter) = parse(text) else { return };
    let printed = filter.to_string();
    assert_eq!(parse(&printed).as_ref(), Ok(&filter), "{printed}");
    let kim = json!({
        "userName": "kim", "active": true, "name": {"givenName": "Kim"}, "meta": {"created": "2026-01-31T10:00:00Z"},
        "emails": [{"value": "kim@corp.example", "type": "work", "primary": true}, {"value": "k@home.example"}],
    });
    for kind in [&USER, &GROUP] {
        let _ = filter.check(kind);
        let _ = filter.matches(&kim, kind);
    }
});
